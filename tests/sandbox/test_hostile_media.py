"""Files that mean harm end as an error with a code, in bounded time and memory, and show nothing of this machine."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lipwright import sandbox
from lipwright.blobs import FolderBlobs
from lipwright.config import ServiceSettings
from lipwright.core.errors import InputError, LipwrightError, ModerationFailed, UnreadableMedia
from lipwright.core.media import MediaLimits
from lipwright.demo import video_path
from lipwright.moderation import ModeratorOptions
from lipwright.moderation.nudenet import NudeNetModerator
from lipwright.sandbox import Limits, call
from lipwright.service.intake import Intake, Workshop
from lipwright.service.moderate import Moderation

from .hostile import BESIDE, atom, files  # noqa: TID252  pytest gives tests no absolute name

SECRET = "root:x:0:0:TOP-SECRET"
LOOK_AT_ALL = Limits(cpu_s=60, wall_s=120, memory_bytes=4 << 30, file_bytes=1 << 20, n_files=64)
LOOK = Limits(cpu_s=20, wall_s=60, memory_bytes=2 << 30, file_bytes=1 << 20, n_files=64)
DUMMY = atom(b"mdat", b"") + atom(b"moov", atom(b"trak", atom(b"mdhd", bytes(20))))
NAMES = [name for name, _ in files(Path("/s"), "http://h:1", DUMMY, b"", b"")]


class Listener:
    """An address of this machine that nobody shall call."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def was_called(self) -> bool:
        try:
            self._socket.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    listening = Listener()
    yield listening
    listening.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, listener: Listener) -> Path:
    """All the files, and among them a secret."""
    made = tmp_path_factory.mktemp("hostile")
    secret = made / "passwd.mp4"
    secret.write_text(SECRET)
    video(made / BESIDE, [0, 1, 2, 3, 4])
    mp4 = video(made / "good.mp4", [0, 1, 2, 3, 4])
    endless = video(made / "good-long.mp4", [0, 1, 2, 25 * 3600 * 20])
    mkv = video(made / "good.mkv", [0, 1, 2, 3, 4])
    for name, body in files(secret, listener.address, mp4, mkv, endless):
        (made / name).write_bytes(body)
    return made


def video(path: Path, ticks: list[int]) -> bytes:
    """A tiny H.264 file whose frames are shown at these 25ths of a second."""
    import av
    import numpy as np

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 25)
        for number, tick in enumerate(ticks):
            frame = av.VideoFrame.from_ndarray(np.full((96, 64), 40 * number, np.uint8), "yuv420p")
            frame.pts, frame.time_base = tick, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path.read_bytes()


def test_the_table_is_long_enough() -> None:
    assert len(set(NAMES)) == len(NAMES) >= 25


def test_what_means_no_harm_passes(folder: Path) -> None:
    arguments = {"path": str(folder / "good.mp4"), "is_image": False, "limits": asdict(MediaLimits(max_s=600))}

    seen = call("lipwright.service.children:look", arguments, limits=LOOK)

    assert seen == {"kind": "video", "duration_s": 0.2, "width_px": 64, "height_px": 64, "has_sound": False}


@pytest.fixture(scope="module")
def looked_at(folder: Path) -> tuple[dict[str, dict[str, Any]], int]:
    """What came of each file, straight at the demuxer, as if nobody had looked at its first bytes; peak of memory."""
    found: dict[str, dict[str, Any]] = {}
    started: list[str] = []

    def listen(message: dict[str, Any]) -> None:
        if "next" in message:
            started.append(message["next"])
        else:
            found[message["name"]] = message

    arguments = {"folder": str(folder), "names": NAMES, "limits": asdict(MediaLimits(max_s=600))}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
        try:
            ended = call("targets:look_at_all", arguments, limits=LOOK_AT_ALL, on_message=listen)
        except LipwrightError as exc:
            raise AssertionError(f"{started[-1:]} ended the process") from exc
    return found, ended["peak_bytes"]


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_file_ends_as_an_error_of_ours(name: str, looked_at: tuple[dict[str, dict[str, Any]], int]) -> None:
    said = looked_at[0][name]

    assert said.get("code") in {"unreadable_media", "media_too_large", "no_audio", "picture_too_large"}, said
    assert SECRET not in said["text"] + said["fields"]
    assert said["cpu_s"] < 10


@pytest.mark.parametrize("name", ["hls-beside.m3u8", "list-beside.mp4"])
def test_what_names_a_file_beside_it_would_show_that_to_whoever_opened_it_unguarded(folder: Path, name: str) -> None:
    """Else that they end as errors would say nothing."""
    import av

    with av.open(str(folder / name)) as container:
        assert len(list(container.decode(video=0))) == 5


def test_all_of_them_together_took_little_memory(looked_at: tuple[dict[str, dict[str, Any]], int]) -> None:
    assert looked_at[1] < 1 << 30


def test_none_of_them_made_a_call(looked_at: object, listener: Listener) -> None:
    assert looked_at
    assert not listener.was_called()


@pytest.mark.parametrize("name", ["hls.mp4", "bomb.zip", "truncated.mp4", "empty.mp4"])
def test_what_a_client_sees_names_its_own_file_and_no_path_of_ours(name: str, folder: Path, tmp_path: Path) -> None:
    workshop = tmp_path / "work"
    intake = Intake(ServiceSettings(), FolderBlobs(tmp_path / "blobs"), Workshop(workshop))

    with pytest.raises(InputError) as caught:
        intake.keep("somebody", folder / name, f"../../{name}")

    assert caught.value.code in {"unreadable_media", "wrong_content"}
    assert name in str(caught.value)
    assert str(tmp_path) not in str(caught.value) + repr(vars(caught.value))
    assert not list(workshop.iterdir())
    assert not [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "ask",
    [
        lambda folder: Intake(ServiceSettings(), FolderBlobs(folder / "blobs"), Workshop(folder)).keep(
            "somebody", video_path(), "mine.mp4"
        ),
        lambda folder: Moderation("stand-in", cast("Any", None))(video_path()),
        lambda folder: NudeNetModerator.look(cast("Any", SimpleNamespace(_options=ModeratorOptions())), [b"picture"]),
    ],
)
def test_what_a_child_says_before_it_breaks_is_kept_for_the_log_and_not_told_to_clients(
    ask: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
    monkeypatch.setattr(
        sandbox,
        "call",
        lambda target, arguments, *, limits, **_: call("targets:crash", {"how": "segfault"}, limits=limits),
    )

    with pytest.raises((UnreadableMedia, ModerationFailed)) as caught:
        ask(tmp_path)

    assert "last words" in sandbox.last_words(caught.value)
    assert "last words" not in str(caught.value)
