"""Real small media, made on the spot; and the real clips, where they are at hand."""

from __future__ import annotations

import faulthandler
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from numpy.typing import NDArray

N_DIGITS = 12
"""Bits of the frame number, drawn as black and white squares along the top of a made picture."""


LAST_WORDS = pytest.StashKey[Path]()
"""Folder of what the processes that run tests say when they crash: pytest's own lines are lost among all others."""


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Called by xdist for each process that will run tests."""
    stash = node.config.stash
    if LAST_WORDS not in stash:
        stash[LAST_WORDS] = Path(tempfile.mkdtemp(prefix="last-words-"))
    node.workerinput["last_words"] = str(stash[LAST_WORDS] / node.gateway.id)


@pytest.hookimpl(trylast=True)  # after pytest's own
def pytest_configure(config: pytest.Config) -> None:
    if path := getattr(config, "workerinput", {}).get("last_words"):
        file = os.open(path, os.O_WRONLY | os.O_CREAT)
        config.add_cleanup(lambda: os.close(file))
        config.add_cleanup(faulthandler.disable)
        faulthandler.enable(file)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if (folder := config.stash.get(LAST_WORDS, None)) is None:
        return
    for path in sorted(folder.iterdir()):
        said = path.read_text(errors="replace")
        if said:
            # of all threads the one that it happened in, down to where pytest calls the test
            what, _, rest = said.partition("Current thread")
            terminalreporter.section(f"where {path.name} crashed")
            terminalreporter.write_line(what.splitlines()[0])
            for line in rest.split("\n\n")[0].splitlines()[1:20]:
                terminalreporter.write_line(line)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def clips() -> Path:
    """The folder of real footage and speech beside the project; tests that need it are skipped without it."""
    folder = Path(__file__).resolve().parents[1].parent / "shared" / "clips"
    if not (folder / "video").is_dir():
        pytest.skip(f"no real clips: {folder} is not there")
    return folder


def picture(number: int, width_px: int, height_px: int) -> NDArray[np.uint8]:
    """(h, w) luma: the number in squares along the top, and under it stripes that move with it."""
    x, y = np.meshgrid(np.arange(width_px), np.arange(height_px))
    luma = (110 + 60 * np.sin((x + 3 * number) / 9.0) + 30 * np.sin((y + 2 * number) / 7.0)).astype(np.uint8)
    square = width_px // N_DIGITS
    for digit in range(N_DIGITS):
        luma[:square, digit * square : (digit + 1) * square] = 225 if number >> digit & 1 else 25
    return luma


def number_of(luma: NDArray[Any], bits: int = 8) -> int:
    """The number drawn by `picture`, read from a decoded luma plane, however it was compressed."""
    square = luma.shape[1] // N_DIGITS
    inner = slice(square // 4, square - square // 4)
    middle = 125 << (bits - 8)
    found = 0
    for digit in range(N_DIGITS):
        left = digit * square
        if luma[inner, left + square // 4 : left + square - square // 4].mean() > middle:
            found |= 1 << digit
    return found


class MakeVideo(Protocol):
    def __call__(
        self,
        name: str = "footage.mp4",
        *,
        n: int = 30,
        fps: Fraction | int = 25,
        size: tuple[int, int] = (192, 108),
        pixel_format: str = "yuv420p",
        codec: str = "libx264",
        ticks: Sequence[int] | None = None,
        time_base: Fraction | None = None,
        options: dict[str, str] | None = None,
        container_options: dict[str, str] | None = None,
        rotation_ccw_deg: int = 0,
        mirrored: bool = False,
        colour: tuple[int, int, int, int] = (1, 1, 1, 1),
        aspect: Fraction = Fraction(1),
        sound: NDArray[np.float32] | None = None,
        sound_rate_hz: int = 48_000,
        sound_codec: str = "aac",
        sound_start_s: Fraction = Fraction(0),
        interlaced: bool = False,
    ) -> Path: ...


@pytest.fixture(autouse=True)
def nobody_is_urgent() -> Iterator[None]:
    """AV1 that a test writes itself leaves no real-time thread behind: all that is started later would be so too."""
    from lipwright.media.native import as_urgent_as_before

    with as_urgent_as_before():
        yield


def video_maker(folder: Path) -> MakeVideo:
    """Writes small videos into `folder`; frame k shows the number k. `ticks` are presentation times in `time_base`."""

    def make(
        name: str = "footage.mp4",
        *,
        n: int = 30,
        fps: Fraction | int = 25,
        size: tuple[int, int] = (192, 108),
        pixel_format: str = "yuv420p",
        codec: str = "libx264",
        ticks: Sequence[int] | None = None,
        time_base: Fraction | None = None,
        options: dict[str, str] | None = None,
        container_options: dict[str, str] | None = None,
        rotation_ccw_deg: int = 0,
        mirrored: bool = False,
        colour: tuple[int, int, int, int] = (1, 1, 1, 1),
        aspect: Fraction = Fraction(1),
        sound: NDArray[np.float32] | None = None,
        sound_rate_hz: int = 48_000,
        sound_codec: str = "aac",
        sound_start_s: Fraction = Fraction(0),
        interlaced: bool = False,
    ) -> Path:
        import av
        from av.codec.context import Flags

        path = folder / name
        fps = Fraction(fps)
        width, height = size
        quick = {"preset": "ultrafast", "crf": "12"} if codec == "libx264" else {}
        with av.open(str(path), "w", container_options=container_options) as opened:
            out: Any = opened  # PyAV's types do not tell a video stream from a sound one
            stream = out.add_stream(codec, rate=fps, options={**quick, **(options or {})})
            context = stream.codec_context
            context.width, context.height, context.pix_fmt = width, height, pixel_format
            context.time_base = time_base or 1 / fps
            context.thread_count = 1
            context.sample_aspect_ratio = aspect
            context.color_range, context.color_primaries, context.color_trc, context.colorspace = colour
            if interlaced:
                context.flags |= Flags.interlaced_dct
            if rotation_ccw_deg or mirrored:
                stream.set_display_rotation(rotation_ccw_deg, hflip=mirrored)
            voice: Any = None
            layout = "mono"
            if sound is not None:
                voice = out.add_stream(sound_codec, rate=sound_rate_hz)
                layout = "mono" if sound.ndim == 1 else "stereo"
                voice.codec_context.layout = layout
            for k in range(n):
                frame = av.VideoFrame.from_ndarray(picture(k, width, height), "gray").reformat(
                    format=pixel_format,
                    src_color_range=1,
                    dst_color_range=1,
                    dst_colorspace=1,
                )
                frame.pts = k if ticks is None else ticks[k]
                frame.time_base = context.time_base
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
            if voice is not None and sound is not None:
                planes = np.atleast_2d(sound).astype(np.float32)
                block = av.AudioFrame.from_ndarray(np.ascontiguousarray(planes), "fltp", layout)
                block.sample_rate = sound_rate_hz
                block.time_base = Fraction(1, sound_rate_hz)
                block.pts = round(sound_start_s * sound_rate_hz)
                out.mux(voice.encode(block))
                out.mux(voice.encode(None))
        return path

    return make


@pytest.fixture
def make_video(tmp_path: Path) -> MakeVideo:
    return video_maker(tmp_path)


@pytest.fixture(scope="module")
def make_video_once(tmp_path_factory: pytest.TempPathFactory) -> MakeVideo:
    """For footage that all tests of a module only look at."""
    return video_maker(tmp_path_factory.mktemp("footage"))


class MakeSound(Protocol):
    def __call__(
        self,
        name: str,
        samples: NDArray[np.float32],
        *,
        rate_hz: int = 16_000,
        codec: str | None = None,
        options: dict[str, str] | None = None,
    ) -> Path: ...


CODEC_OF = {
    ".wav": "pcm_s16le",
    ".flac": "flac",
    ".mp3": "libmp3lame",
    ".m4a": "aac",
    ".aac": "aac",
    ".opus": "libopus",
    ".ogg": "libopus",
    ".mka": "libopus",
    ".ac3": "ac3",
}


@pytest.fixture
def make_sound(tmp_path: Path) -> MakeSound:
    """Write a sound file; `samples` are (n,) or (channels, n), full scale [-1, 1]."""

    def make(
        name: str,
        samples: NDArray[np.float32],
        *,
        rate_hz: int = 16_000,
        codec: str | None = None,
        options: dict[str, str] | None = None,
    ) -> Path:
        import av

        path = tmp_path / name
        planes = np.atleast_2d(samples).astype(np.float32)
        layout = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}[len(planes)]
        with av.open(str(path), "w", options=options or {}) as opened:
            out: Any = opened
            stream = out.add_stream(codec or CODEC_OF[path.suffix], rate=rate_hz)
            stream.codec_context.layout = layout
            for start in range(0, planes.shape[1], 48_000):
                part = np.ascontiguousarray(planes[:, start : start + 48_000].T).reshape(1, -1)
                block = av.AudioFrame.from_ndarray(part, "flt", layout)
                block.sample_rate = rate_hz
                block.time_base = Fraction(1, rate_hz)
                block.pts = start
                out.mux(stream.encode(block))
            out.mux(stream.encode(None))
        return path

    return make


@pytest.fixture
def clicks() -> Callable[[float, int], NDArray[np.float32]]:
    """(n,) samples of quiet tone with a short loud burst at each half second, the first one at 0.25 s."""

    def make(duration_s: float, rate_hz: int) -> NDArray[np.float32]:
        time = np.arange(round(duration_s * rate_hz)) / rate_hz
        out = 0.02 * np.sin(2 * np.pi * 220 * time)
        for at in np.arange(0.25, duration_s, 0.5):
            near = np.abs(time - at) < 0.004
            out[near] += 0.8 * np.cos(2 * np.pi * 900 * (time[near] - at)) * (1 - np.abs(time[near] - at) / 0.004)
        return out.astype(np.float32)

    return make


@pytest.fixture
def read_number() -> Callable[[NDArray[Any], int], int]:
    """Reads the number that a made picture shows: `read_number(luma, bits)`."""
    return number_of


@pytest.fixture(scope="session")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second of the bundled portrait."""
    from lipwright import media
    from lipwright.demo import video_path

    path = tmp_path_factory.mktemp("portrait") / "portrait.mp4"
    source = media.open_footage(video_path())
    media.write_video(
        path,
        source.play(range(25)),
        source.info,
        duration_s=Fraction(1),
        audio=media.AudioPlan(None),
        preset="ultrafast",
    )
    return path


@pytest.fixture(scope="session")
def speech() -> Path:
    """The bundled sentence, seven seconds."""
    from lipwright.demo import speech_path

    return speech_path()


@pytest.fixture(scope="session")
def short_speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 1.2 s of the bundled sentence."""
    import wave

    from lipwright import media
    from lipwright.demo import speech_path

    path = tmp_path_factory.mktemp("speech") / "short.wav"
    clip = media.read_speech(speech_path())
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(clip.rate_hz)
        out.writeframes((clip.samples[: round(1.2 * clip.rate_hz)] * 32767).astype(np.int16).tobytes())
    return path


@pytest.fixture(scope="session")
def still_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that, on the import path, is an installed package which brings the engine `still`."""
    folder = tmp_path_factory.mktemp("site")
    about = folder / "lipwright_still-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: lipwright-still\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[lipwright.engines]\nstill = lipwright.testing.still:StillEngine\nbroken = lipwright.nowhere:Engine\n"
    )
    return folder


class Postgres:
    """A PostgreSQL server of the test's own: in a temporary folder, reached by a socket in it, gone afterwards."""

    def __init__(self, programs: Path, folder: Path) -> None:
        # PostgreSQL refuses to run as root
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(folder, self._user)
        self._programs, self._folder = programs, folder
        self._n_databases = 0
        self._run("initdb", "--no-sync", "--auth=trust", "--username=lipwright", "--encoding=UTF8", "--locale=C.UTF-8")
        # what a power cut would lose is of no matter here
        (folder / "postgresql.auto.conf").write_text(
            f"listen_addresses = ''\nunix_socket_directories = '{folder}'\nfsync = off\n"
        )
        self.start()

    def start(self) -> None:
        self._run("pg_ctl", "start", "--wait", "--log", str(self._folder / "server.log"))

    def stop(self, mode: str = "fast") -> None:
        """`immediate` is a crash: connections break, and the next start recovers."""
        self._run("pg_ctl", "stop", "--wait", "--mode", mode)

    def url(self, name: str) -> str:
        return f"postgresql://lipwright@/{name}?host={self._folder}"

    def new_database(self, like: str = "template1") -> str:
        """The name of a new one, a copy of another that nobody is connected to."""
        self._n_databases += 1
        name = f"test{self._n_databases}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {like}")
        return name

    def execute(self, statement: str) -> list[Any]:
        """Outside any transaction, in the database of the server itself; its rows, if it has any."""
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            done = connection.execute(statement.encode())
            return done.fetchall() if done.description else []

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "--pgdata", str(self._folder), *arguments]
        # a file, not a pipe: the server that is started here would hold a pipe open
        with tempfile.TemporaryFile() as said:
            done = subprocess.run(
                command, user=self._user, cwd=self._folder, stdout=said, stderr=said, timeout=60, check=False
            )
            said.seek(0)
            if done.returncode != 0:
                raise RuntimeError(f"{program} failed: {said.read().decode(errors='replace')}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """PostgreSQL from the system's packages; tests that need it are skipped without it."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        pytest.skip("no PostgreSQL: nothing in /usr/lib/postgresql/*/bin; `make programs` installs it")
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: the path of a socket has room for 107 bytes
    server = Postgres(found[-1].parent, folder)
    yield server
    server.stop("immediate")
    shutil.rmtree(folder)
