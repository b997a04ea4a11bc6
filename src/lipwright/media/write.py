# pyright: reportUnknownMemberType=false
# PyAV leaves the keyword arguments of its streams untyped.
"""Writing a video: frames are encoded as they come, the speech is muxed from time zero.

The file appears under its name only when it is whole: it is written next to its place under a temporary
name and renamed at the end; whatever goes wrong, the temporary file is removed.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Literal

import av
from av.codec.context import Flags
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.format import VideoFormat
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from lipwright.core.errors import DiskFull, OutputError, OutputNotWritable, UnsupportedOutput
from lipwright.core.media import SourceInfo, VideoFrame, VideoInfo
from lipwright.media.extras import Extras
from lipwright.media.footage import n_cores
from lipwright.media.pixels import RANGE_FULL, RANGE_LIMITED, FramePool, Orientation, coded_frame
from lipwright.media.soundtrack import AudioPlan, soundtrack

Codec = Literal["auto", "h264", "h265", "av1", "vp9", "prores"]

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
VFR_CLOCK = Fraction(1, 90_000)
"""Time base of video whose rate varies; a constant rate has a clock of its own, exact."""
STEADY_X264 = "asm=avx2,fma3,bmi2,bmi1,lzcnt"
"""x264's AVX-512 code for the macroblock tree reads memory that nobody has written, so that the same frames give
files that differ a little. Its AVX2 code gives what its plain C code gives, at the same speed (measured)."""
FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, slots=True)
class _Encoder:
    name: str
    containers: frozenset[str]
    formats: tuple[str, ...]
    """Pixel formats that it takes, and players too."""


EIGHT_BITS = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "gray")
TEN_BITS = ("yuv420p10le", "yuv422p10le", "yuv444p10le", "gray10le")
TWELVE_BITS = ("yuv420p12le", "yuv422p12le", "yuv444p12le", "gray12le")

ENCODERS: dict[str, _Encoder] = {
    "h264": _Encoder(
        "libx264",
        frozenset({"mp4", "mov", "matroska"}),
        (*EIGHT_BITS, *TEN_BITS),
    ),
    "h265": _Encoder(
        "libx265",
        frozenset({"mp4", "mov", "matroska"}),
        (*EIGHT_BITS, *TEN_BITS, *TWELVE_BITS),
    ),
    "av1": _Encoder("libsvtav1", frozenset({"mp4", "matroska", "webm"}), ("yuv420p", "yuv420p10le")),
    "vp9": _Encoder(
        "libvpx-vp9",
        frozenset({"mp4", "matroska", "webm"}),
        ("yuv420p", "yuva420p", "yuv422p", "yuv440p", "yuv444p"),
    ),
    "prores": _Encoder("prores_ks", frozenset({"mov", "matroska"}), ("yuv422p10le", "yuv444p10le", "yuva444p10le")),
}


@dataclass(frozen=True, slots=True)
class Written:
    """What was written."""

    path: Path
    n_frames: int
    duration_s: Fraction
    codec: str
    pixel_format: str
    audio: Literal["copied", "encoded", "none"]
    """"copied": the speech's own packets, bit by bit."""
    notes: tuple[str, ...]


def write_video(
    path: Path,
    frames: Iterable[VideoFrame],
    source: SourceInfo,
    *,
    duration_s: Fraction,
    audio: AudioPlan,
    crf: float = 18,
    preset: str = "veryfast",
    codec: Codec = "auto",
    threads: int = 0,
) -> Written:
    """Encode `frames`, with the sound of `audio`, as `path`; the container follows from the name.

    Size, rate (or each frame's own time, where the source's rate varies), pixel format, colour tags, sample
    aspect and rotation stay those of `source`; so do its tags, chapters and written subtitles. Streams; a
    frame that was handed over is not changed any more by its maker. `duration_s` is when the last frame stops
    being shown; sound ends with it. `threads` 0 means as many as this process has cores.

    Raises UnsupportedOutput, OutputNotWritable, DiskFull, NoAudio, and what `frames` raises; in each case
    nothing is left behind.
    """
    assert source.video is not None
    container = CONTAINERS.get(path.suffix.lower())
    if container is None:
        known = ", ".join(sorted(CONTAINERS))
        raise UnsupportedOutput(path, f"the ending {path.suffix!r} names no container; known are {known}")
    chosen = ("vp9" if container == "webm" else "h264") if codec == "auto" else codec
    encoder = ENCODERS[chosen]
    if container not in encoder.containers:
        raise UnsupportedOutput(path, f"{container} does not hold {chosen}")

    video = source.video
    notes: list[str] = []
    with _in_place_of(path) as part, ExitStack() as stack:
        options = {"movflags": "+faststart"} if container in ("mp4", "mov") else {}
        try:
            out = stack.enter_context(av.open(str(part), "w", format=container, options=options))
            writer = _Writer(out, container, chosen, video, duration_s, crf, preset, threads or n_cores(), notes)
            ahead = iter(frames)
            first = next(ahead, None)
            if first is None:
                raise ValueError("there is not one frame to write")
            writer.start(first)
            sound = soundtrack(out, container, audio, source.path, duration_s, 1 / video.fps, stack)
            extras = Extras(out, container, source.path, duration_s, stack, notes)
            for frame in chain([first], ahead):
                out.mux([*sound.until(frame.time_s), *extras.until(frame.time_s)])
                writer.write(frame)
            writer.finish()
            out.mux([*sound.until(duration_s + 1), *extras.until(duration_s)])
            out.close()
        except (FFmpegError, OSError) as exc:
            raise _explained(path, exc) from exc
    return Written(path, writer.n_frames, duration_s, chosen, writer.format_name, sound.how, tuple(notes))


def _explained(path: Path, exc: FFmpegError | OSError) -> OutputError | UnsupportedOutput:
    if exc.errno in FULL_ERRNOS:
        return DiskFull(path)
    if isinstance(exc, OSError):
        return OutputNotWritable(path, (exc.strerror or str(exc)).lower())
    return UnsupportedOutput(path, f"the encoder refuses it ({str(exc.strerror).lower()})")


@contextmanager
def _in_place_of(path: Path) -> Generator[Path]:
    """A new file next to `path` that takes its place at the end, or is removed on any error."""
    if path.is_dir():
        raise OutputNotWritable(path, "it is a folder")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem[:80]}.", suffix=f".part{path.suffix}", dir=path.parent)
    except OSError as exc:
        raise _explained(path, exc) from exc
    os.close(handle)
    part = Path(name)
    try:
        yield part
        mask = os.umask(0)
        os.umask(mask)
        try:
            part.chmod(0o666 & ~mask)  # mkstemp keeps files to their owner; a result is an ordinary file
            part.replace(path)
        except OSError as exc:
            raise _explained(path, exc) from exc
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


class _Writer:
    """Feeds the encoder and muxes what it gives."""

    def __init__(
        self,
        out: OutputContainer,
        container: str,
        codec: str,
        video: VideoInfo,
        duration_s: Fraction,
        crf: float,
        preset: str,
        threads: int,
        notes: list[str],
    ) -> None:
        self._out = out
        self._container = container
        self._codec = codec
        self._video = video
        self._duration_s = duration_s
        self._crf = crf
        self._preset = preset
        self._threads = threads
        self._notes = notes
        self._clock = VFR_CLOCK if video.is_vfr else 1 / video.fps
        self._orientation = Orientation(video.rotation_deg, video.is_mirrored)
        self._pool = FramePool(keep=4)
        self._swscale = VideoReformatter()
        self._held: av.VideoFrame | None = None
        self._tick = -1
        self._last_s = Fraction(-1)
        self._stream: VideoStream | None = None
        self.format_name = ""
        self.n_frames = 0

    def start(self, first: VideoFrame) -> None:
        """Open the encoder for frames like this one."""
        video, encoder = self._video, ENCODERS[self._codec]
        coded = coded_frame(first, self._orientation, self._pool)
        self.format_name = self._choose_format(coded, encoder)
        stream = self._out.add_stream(encoder.name, rate=video.fps, options=self._options())
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = coded.width, coded.height, self.format_name
        context.time_base = self._clock
        context.thread_count = self._threads
        context.sample_aspect_ratio = video.sample_aspect
        context.color_range = RANGE_FULL if video.colour.is_full_range else RANGE_LIMITED
        context.color_primaries = video.colour.primaries
        context.color_trc = video.colour.transfer
        context.colorspace = video.colour.matrix
        context.flags |= Flags.frame_duration
        if video.is_interlaced and self._codec in ("h264", "prores"):
            context.flags |= Flags.interlaced_dct
        if self._codec == "h265" and self._container in ("mp4", "mov"):
            context.codec_tag = "hvc1"
        if not self._orientation.is_plain:
            stream.set_display_matrix(self._orientation.matrix(coded.width, coded.height))
        self._stream = stream

    def write(self, frame: VideoFrame) -> None:
        """Encode a frame; where rates vary it is held back until the next one tells how long it is shown."""
        coded = coded_frame(frame, self._orientation, self._pool)
        if frame.time_s <= self._last_s:
            raise ValueError(f"frame times must increase: {frame!r} comes after {self._last_s} s")
        self._last_s = frame.time_s
        # frames of a damaged file can be closer than the clock is fine
        tick = max(round(frame.time_s / self._clock), self._tick + 1)
        if self._held is not None:
            self._encode(self._held, self._tick, tick - self._tick)
        self._tick = tick
        if self._video.is_vfr:
            self._held = coded
        else:
            self._encode(coded, tick, 1)

    def finish(self) -> None:
        """Encode what is left."""
        assert self._stream is not None
        if self._held is not None:
            self._encode(self._held, self._tick, max(1, round(self._duration_s / self._clock) - self._tick))
        self._out.mux(self._stream.encode(None))

    def _encode(self, frame: av.VideoFrame, tick: int, n_ticks: int) -> None:
        assert self._stream is not None
        if frame.format.name != self.format_name:
            frame = self._swscale.reformat(frame, format=self.format_name, threads=1)
        frame.pts = tick
        frame.time_base = self._clock
        frame.duration = n_ticks
        frame.pict_type = 0  # a decoded frame's type would force the encoder's choice
        self._out.mux(self._stream.encode(frame))
        self.n_frames += 1

    def _choose_format(self, coded: av.VideoFrame, encoder: _Encoder) -> str:
        have = coded.format
        name = have.name
        is_odd = (coded.width % have_step(have)[0]) or (coded.height % have_step(have)[1])
        if is_odd and self._codec in ("h264", "h265"):
            # half a chroma sample cannot be coded: full chroma keeps the picture's size
            name = name.replace("420p", "444p").replace("422p", "444p")
            self._notes.append("The picture's sides are odd: it was written with full chroma (4:4:4).")
        if name in encoder.formats:
            return name
        wanted = VideoFormat(name)
        best = min(encoder.formats, key=lambda other: _distance(wanted, VideoFormat(other)))
        self._notes.append(f"{self._codec} does not take {name}; written as {best}.")
        return best

    def _options(self) -> dict[str, str]:
        crf, preset = f"{self._crf:g}", self._preset
        if self._codec == "h264":
            steady = {"x264-params": STEADY_X264} if has_avx512() else {}
            return {"crf": crf, "preset": preset, **steady}
        if self._codec == "h265":
            return {"crf": crf, "preset": preset, "x265-params": "log-level=error"}
        if self._codec == "av1":
            return {"crf": crf, "preset": "10"}
        if self._codec == "vp9":
            return {"crf": crf, "b": "0", "cpu-used": "6", "deadline": "realtime", "row-mt": "1"}
        return {"profile": "4444" if "444" in self.format_name else "hq"}


@cache
def has_avx512() -> bool:
    """Whether x264 would choose its AVX-512 code here."""
    try:
        return "avx512f" in Path("/proc/cpuinfo").read_text()
    except OSError:  # not Linux
        return False


def have_step(fmt: VideoFormat) -> tuple[int, int]:
    """(sx, sy) luma samples for each chroma sample."""
    if len(fmt.components) < 3:
        return 1, 1
    return round(256 / fmt.chroma_width(256)), round(256 / fmt.chroma_height(256))


def _distance(wanted: VideoFormat, other: VideoFormat) -> tuple[int, int, int, int]:
    """How much is lost from one format to the other: alpha first, then chroma, then depth, then needless size."""
    (wx, wy), (ox, oy) = have_step(wanted), have_step(other)
    n_wanted, n_other = len(wanted.components), len(other.components)
    lost_alpha = int(n_wanted == 4 and n_other != 4)
    lost_chroma = max(0, ox - wx) + max(0, oy - wy) + 4 * (n_wanted >= 3 and n_other < 3)
    lost_bits = max(0, wanted.components[0].bits - other.components[0].bits)
    needless = abs(n_other - n_wanted) + max(0, wx - ox) + max(0, wy - oy)
    needless += max(0, other.components[0].bits - wanted.components[0].bits)
    return lost_alpha, lost_chroma, lost_bits, needless
