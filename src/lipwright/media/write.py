# pyright: reportUnknownMemberType=false
# PyAV leaves the keyword arguments of its streams untyped.
"""Writing a video: frames are encoded as they come, the speech is muxed from time zero.

The file appears under its name only when it is whole: it is written next to its place under a temporary
name and renamed at the end; whatever goes wrong, the temporary file is removed.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, Literal, cast

import av
from av.codec.context import Flags
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.format import VideoFormat
from av.video.stream import VideoStream

from lipwright.core.errors import DiskFull, OutputError, OutputNotWritable, UnsupportedOutput
from lipwright.core.media import SourceInfo, VideoFrame, VideoInfo
from lipwright.core.options import Codec, EncoderChoice, Preset
from lipwright.media.encoders import (
    Encoder,
    choose,
    chroma_step,
    container_of,
    has_light,
    is_rgb,
    loss_of,
    nearest,
    options_of,
)
from lipwright.media.extras import Extras
from lipwright.media.native import as_urgent_as_before, n_cores
from lipwright.media.overlap import behind, kept_open
from lipwright.media.pixels import RANGE_FULL, RANGE_LIMITED, Converter, FramePool, Orientation, coded_frame, planes_of
from lipwright.media.soundtrack import AudioPlan, Silent, Soundtrack, soundtrack
from lipwright.media.timing import bounded

VFR_CLOCK = Fraction(1, 90_000)
"""Time base of video whose rate varies; a constant rate has a clock of its own, exact."""
FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, slots=True)
class Written:
    """What was written."""

    path: Path
    n_frames: int
    duration_s: Fraction
    codec: str
    encoder: str
    """FFmpeg's name of it, such as "libx264"."""
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
    audio: AudioPlan | None,
    crf: float = 18,
    preset: Preset = "veryfast",
    codec: Codec = "auto",
    encoder: EncoderChoice = "software",
    threads: int = 0,
) -> Written:
    """Encode `frames`, with the sound of `audio`, as `path`; the container follows from the name.

    Size, rate (or each frame's own time, where the source's rate varies), pixel format, colour tags, sample
    aspect, rotation and what it tells of its HDR stay those of `source`; so do its tags, chapters and written
    subtitles. What the codec or the container cannot keep is told in the notes. Streams; a frame that was handed
    over is not changed any more by its maker. `duration_s` is when the last frame stops being shown; sound ends
    with it. Without `audio` the picture goes alone: a part of a longer one, for `join`. `threads` 0 means as many as
    this process has cores; with more than one, frames are encoded while the next ones are made.

    Raises UnsupportedOutput, EncoderUnavailable, OutputNotWritable, DiskFull, NoAudio, and what `frames` raises;
    in each case nothing is left behind.
    """
    assert source.video is not None
    container = container_of(path)
    video = source.video
    threads = threads or n_cores()
    notes: list[str] = []
    chosen = choose(path, video, codec, encoder, notes)
    with in_place_of(path) as part, ExitStack() as stack:
        try:
            out = open_output(part, container, stack)
            writer = _Writer(out, container, chosen, video, duration_s, crf, preset, threads, notes)
            writer.is_for_everyone = codec == "auto"
            ahead = stack.enter_context(kept_open(iter(frames)))
            first = next(ahead, None)
            if first is None:
                raise ValueError("there is not one frame to write")
            writer.start(first)
            beside = Beside(out, container, source, audio, duration_s, stack, notes)

            def write(frame: VideoFrame) -> None:
                out.mux(beside.until(frame.time_s))
                writer.write(frame)

            with behind(write, name="encode") if threads > 1 else nullcontext(write) as hand_over:
                for frame in chain([first], ahead):
                    hand_over(frame)
            writer.finish()
            out.mux(beside.rest())
            out.close()
        except (FFmpegError, OSError) as exc:
            raise explained(path, exc) from exc
    return Written(
        path, writer.n_frames, duration_s, chosen.codec, chosen.name, writer.format_name, beside.how, tuple(notes)
    )


def open_output(part: Path, container: str, stack: ExitStack) -> OutputContainer:
    """A file to mux into, until `stack` closes."""
    options = {"movflags": "+faststart"} if container in ("mp4", "mov") else {}
    return stack.enter_context(av.open(str(part), "w", format=container, options=options))


class Beside:
    """What a file holds beside its picture, on its way into `out`: sound, tags, chapters, subtitles."""

    def __init__(
        self,
        out: OutputContainer,
        container: str,
        source: SourceInfo,
        audio: AudioPlan | None,
        duration_s: Fraction,
        stack: ExitStack,
        notes: list[str],
    ) -> None:
        """Without `audio` there is nothing: a part of a picture goes alone."""
        assert source.video is not None
        self._duration_s = duration_s
        self._extras: Extras | None = None
        self._sound: Soundtrack = Silent()
        if audio is None:
            return
        self._sound = soundtrack(out, container, audio, source.path, duration_s, 1 / source.video.fps, stack, notes)
        if len(source.audio) > 1:
            notes.append(_tracks_note(len(source.audio), audio))
        self._extras = Extras(out, container, source.path, duration_s, stack, notes)

    @property
    def how(self) -> Literal["copied", "encoded", "none"]:
        """What became of the sound."""
        return self._sound.how

    def until(self, time_s: Fraction) -> list[Packet[Any]]:
        """The packets that begin before `time_s` and were not yet handed out."""
        return [*self._sound.until(time_s), *(self._extras.until(time_s) if self._extras is not None else ())]

    def rest(self) -> list[Packet[Any]]:
        """All that is left."""
        extras = self._extras.until(self._duration_s) if self._extras is not None else ()
        return [*self._sound.until(self._duration_s + 1), *extras]


def _tracks_note(n: int, audio: AudioPlan) -> str:
    if audio.keep_original_db is not None:
        return f"The footage has {n} tracks of sound; the default one is heard under the speech, the others are not."
    return f"The footage has {n} tracks of sound; the speech takes the place of all of them."


def explained(path: Path, exc: FFmpegError | OSError) -> OutputError | UnsupportedOutput:
    if exc.errno in FULL_ERRNOS:
        return DiskFull(path)
    if isinstance(exc, OSError) and not str(exc.filename).startswith("avcodec_"):
        return OutputNotWritable(path, (exc.strerror or str(exc)).lower())
    return UnsupportedOutput(path, f"the encoder refuses it ({str(exc.strerror).lower()})")


@contextmanager
def in_place_of(path: Path) -> Generator[Path]:
    """A new file next to `path` that takes its place at the end, or is removed on any error.

    Where `path` is a link, the file that it leads to is replaced, or made, and the link stays.
    """
    if path.is_dir():
        raise OutputNotWritable(path, "it is a folder")
    check_is_no_pipe(path)
    place = Path(os.path.realpath(path))  # unlike `Path.resolve` it takes links that go in a circle
    # file systems count bytes, of which a character can have four; what is left still tells whose part it is
    stem = path.stem.encode(errors="ignore")[:80].decode(errors="ignore")
    part = place.with_name(f".{stem}.{secrets.token_hex(4)}.part{path.suffix}")
    try:
        # an ordinary file, which mkstemp would keep to its owner; to ask for the mask is to set it for all threads
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    except OSError as exc:
        raise explained(path, exc) from exc
    try:
        yield part
        try:
            part.replace(place)
        except OSError as exc:
            raise explained(path, exc) from exc
    except BaseException:
        with suppress(OSError):
            _close_left_open(part)
            part.unlink()
        raise


@contextmanager
def whole_or_not(path: Path) -> Generator[Path]:
    """Where to write a file that is not media: as `in_place_of`, but a device or a pipe stays one.

    Raises OutputNotWritable, DiskFull, also for what the writing raises.
    """
    try:
        if _is_device_or_pipe(path):
            yield path  # it holds nothing older
        else:
            with in_place_of(path) as part:
                yield part
    except OSError as exc:
        raise explained(path, exc) from exc


def check_is_no_pipe(path: Path) -> None:
    """Raises UnsupportedOutput for a pipe or a device, which a file would take the place of; OutputNotWritable."""
    try:
        is_one = _is_device_or_pipe(path)
    except OSError as exc:
        raise explained(path, exc) from exc
    if is_one:
        raise UnsupportedOutput(path, "it is a pipe or a device, and media is not written in one go; name a file")


def _is_device_or_pipe(path: Path) -> bool:
    """Raises OSError for a link that leads to itself."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _close_left_open(part: Path) -> None:
    """Close what PyAV forgets: a container whose header could not be written keeps its file open for good.

    Nobody else has a file of this name, and all who wrote it are done.
    """
    file = part.stat()
    for place in list(Path("/dev/fd").iterdir()):
        with suppress(OSError):  # the list itself was one of them
            handle = int(place.name)
            if os.path.samestat(os.fstat(handle), file):
                os.close(handle)


def clock_of(video: VideoInfo) -> Fraction:
    """The time base of a written picture."""
    return VFR_CLOCK if video.is_vfr else 1 / video.fps


def next_tick(time_s: Fraction, clock: Fraction, last: int) -> int:
    """When a frame is shown, in ticks; frames of a damaged file can be closer than the clock is fine."""
    return max(round(time_s / clock), last + 1)


class _Writer:
    """Feeds the encoder and muxes what it gives."""

    def __init__(
        self,
        out: OutputContainer,
        container: str,
        encoder: Encoder,
        video: VideoInfo,
        duration_s: Fraction,
        crf: float,
        preset: Preset,
        threads: int,
        notes: list[str],
    ) -> None:
        self._out = out
        self._container = container
        self._encoder = encoder
        self._video = video
        self._duration_s = duration_s
        self._crf = crf
        self._preset: Preset = preset
        self._threads = threads
        self._notes = notes
        self._clock = clock_of(video)
        self._orientation = Orientation(video.rotation_deg, video.is_mirrored)
        self._pool = FramePool(keep=4)
        self._convert = Converter(self._pool)
        self._held: av.VideoFrame | None = None
        self._tick = -1
        self._last_s = Fraction(-1)
        self._lasts: dict[int, int] = {}
        """Where rates vary: for how many ticks each frame is shown that an encoder still holds."""
        self._stream: VideoStream | None = None
        self._is_full = False
        self._is_alpha_dropped = False
        """Alpha of which nothing was to be seen so far is left out."""
        self.is_for_everyone = False
        """What was RGB need not keep the full chroma, which few players show."""
        self.format_name = ""
        self.n_frames = 0

    def start(self, first: VideoFrame) -> None:
        """Open the encoder for frames like this one."""
        video, encoder = self._video, self._encoder
        coded = coded_frame(first, self._orientation, self._pool)
        self.format_name = self._choose_format(coded)
        options = options_of(
            encoder,
            crf=self._crf,
            preset=self._preset,
            format_name=self.format_name,
            video=video,
            n_frames=round(self._duration_s * video.fps),
        )
        if encoder.name == "libsvtav1":
            os.environ.setdefault("SVT_LOG", "1")  # errors only; it has no other switch for its banner
        # the average of a varying rate is only a hint: the clock is exact, and its fraction can be beyond FFmpeg's
        rate = bounded(video.fps) if video.is_vfr else video.fps
        stream = self._out.add_stream(encoder.name, rate=rate, options=options)
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = coded.width, coded.height, self.format_name
        context.time_base = self._clock
        context.thread_count = self._threads
        context.sample_aspect_ratio = video.sample_aspect
        # ProRes has no word for the full range: there it is brought into the limited one
        self._is_full = video.colour.is_full_range and encoder.codec != "prores"
        context.color_range = RANGE_FULL if self._is_full else RANGE_LIMITED
        context.color_primaries = video.colour.primaries
        context.color_trc = video.colour.transfer
        context.colorspace = video.colour.matrix
        context.flags |= Flags.frame_duration
        if video.is_interlaced and encoder.keeps_fields:
            context.flags |= Flags.interlaced_dct
        if encoder.codec == "h265" and self._container in ("mp4", "mov"):
            context.codec_tag = "hvc1"
        if encoder.kind == "videotoolbox":
            # a quality from 1 to 100 in FFmpeg's fixed point, where more is better
            context.flags |= Flags.qscale
            context.global_quality = 118 * max(1, round(100 - 2 * self._crf))
        self._tell_losses()
        if not self._orientation.is_plain:
            stream.set_display_matrix(self._orientation.matrix(coded.width, coded.height))
        self._stream = stream

    def write(self, frame: VideoFrame) -> None:
        """Encode a frame; where rates vary it is held back until the next one tells how long it is shown."""
        coded, was_full = coded_frame(frame, self._orientation, self._pool), frame.colour.is_full_range
        if self._is_alpha_dropped and _has_alpha(coded.format) and not _is_opaque(coded):
            self._notes.append(
                f"The picture has alpha, which {self._encoder.codec} here does not keep; it was left out."
            )
            self._is_alpha_dropped = False
        if frame.time_s <= self._last_s:
            raise ValueError(f"frame times must increase: {frame!r} comes after {self._last_s} s")
        self._last_s = frame.time_s
        tick = next_tick(frame.time_s, self._clock, self._tick)
        if self._held is not None:
            self._encode(self._held, self._tick, tick - self._tick)
        self._tick = tick
        if coded.format.name != self.format_name or was_full != self._is_full:
            coded = self._convert(coded, self.format_name, was_full=was_full, is_full=self._is_full)
        if self._video.is_vfr:
            self._held = coded
        else:
            self._encode(coded, tick, 1)

    def finish(self) -> None:
        """Encode what is left."""
        assert self._stream is not None
        if self._held is not None:
            self._encode(self._held, self._tick, max(1, round(self._duration_s / self._clock) - self._tick))
        self._mux(self._stream, None)

    def _encode(self, frame: av.VideoFrame, tick: int, n_ticks: int) -> None:
        assert self._stream is not None
        frame.pts = tick
        frame.time_base = self._clock
        frame.duration = n_ticks
        frame.pict_type = 0  # a decoded frame's type would force the encoder's choice
        if not self._stream.codec_context.is_open:
            with as_urgent_as_before():
                self._stream.codec_context.open(strict=False)
        if self._video.is_vfr:
            self._lasts[tick] = n_ticks
        self._mux(self._stream, frame)
        self.n_frames += 1

    def _mux(self, stream: VideoStream, frame: av.VideoFrame | None) -> None:
        for packet in cast("list[Packet[Any]]", stream.encode(frame)):
            if packet.pts is not None and self._lasts:
                # SVT-AV1 tells that of the average rate, and the last frame would be shown beyond the sound
                n_ticks = self._lasts.pop(round(packet.pts * packet.time_base / self._clock), None)
                if n_ticks is not None:
                    packet.duration = round(n_ticks * self._clock / packet.time_base)
            self._out.mux(packet)

    def _choose_format(self, coded: av.VideoFrame) -> str:
        codec, formats = self._encoder.codec, self._encoder.formats
        name = wanted = coded.format.name
        is_cut = False
        if codec in ("h264", "h265"):
            # half a chroma sample cannot be coded
            whole = tuple(one for one in formats if _divides(chroma_step(VideoFormat(one)), coded))
            formats, is_cut = whole or formats, len(whole) < len(formats)
        if codec == "prores" and coded.width % 2:
            # the half sample of its 4:2:2 is left black, which is a green rim; grey would be written in it too
            formats = tuple(one for one in formats if "444p" in one)
            is_cut = "444p" not in name
        if is_cut:
            # full chroma keeps the picture's size
            name = wanted = name.replace("420p", "444p").replace("422p", "444p")
            if codec == "prores" or name != coded.format.name:
                self._notes.append("The picture's sides are odd: it was written with full chroma (4:4:4).")
        elif self._may_drop_chroma(coded) and "444p" in name and any("444p" in one for one in formats):
            wanted = name.replace("444p", "420p")
            if wanted == "yuva420p12le":  # there is none
                wanted = "yuva420p16le"
            else:
                name = wanted
            self._notes.append(f"RGB was written with the colours of players (4:2:0); --codec {codec} keeps 4:4:4.")
        if _has_alpha(coded.format) and is_rgb(self._video) and not self._keeps_alpha() and _is_opaque(coded):
            # much RGB has alpha that is never used: its loss is told where there is something to lose
            self._is_alpha_dropped = True
            name, wanted = (one.replace("yuva", "yuv", 1) for one in (name, wanted))
        best = nearest(VideoFormat(wanted), formats)
        loss = loss_of(VideoFormat(name), VideoFormat(best))
        if loss:
            self._notes.append(f"{codec} does not take {name}; written as {best}, which loses {loss}.")
        elif best != name.replace("yuvj", "yuv") and best != name:
            self._notes.append(f"{codec} does not take {name}; written as {best}.")
        return best

    def _keeps_alpha(self) -> bool:
        """Whether alpha that comes later would be kept: the first frame does not tell. A GIF's hardly ever comes."""
        can = any(name.startswith("yuva") for name in self._encoder.formats)
        return can and not self._drops_alpha_of_vp9 and self._video.codec != "gif"

    @property
    def _drops_alpha_of_vp9(self) -> bool:
        return self._encoder.codec == "vp9" and self._container == "mp4"

    def _may_drop_chroma(self, coded: av.VideoFrame) -> bool:
        codec = self._encoder.codec
        is_even = coded.width % 2 == 0 and coded.height % 2 == 0
        return (
            self.is_for_everyone and is_rgb(self._video) and codec != "prores" and (is_even or codec in ("vp9", "av1"))
        )

    def _tell_losses(self) -> None:
        """Notes on what the encoder or the container cannot keep, beside the pixels."""
        video, codec = self._video, self._encoder.codec
        if self.format_name.startswith("yuva") and self._drops_alpha_of_vp9:
            self._notes.append("mp4 does not hold the alpha of vp9; .webm, .mkv, or .mov with prores keep it.")
        if video.is_interlaced:
            self._notes.append(
                "The footage is interlaced; its fields were kept."
                if self._encoder.keeps_fields
                else f"The footage is interlaced; {codec} here codes whole frames: both fields are shown at once."
            )
        if video.sample_aspect != 1 and self._container in ("matroska", "webm") and codec not in ("h264", "h265"):
            # Matroska's muxer asks the stream, to which PyAV has no way; H.264 and H.265 tell it in their packets
            shape = f"{video.sample_aspect.numerator}:{video.sample_aspect.denominator}"
            self._notes.append(
                f"The footage's pixels are {shape}, which {codec} in mkv and webm here does not tell: players show "
                "square ones. .mp4 and .mov keep it."
            )
        if has_light(video) and not self._encoder.keeps_light:
            self._notes.append(
                f"{self._encoder.name} does not keep the HDR's mastering display and light level; its colours stay."
            )


def _divides(step: tuple[int, int], frame: av.VideoFrame) -> bool:
    return frame.width % step[0] == 0 and frame.height % step[1] == 0


def _has_alpha(shape: VideoFormat) -> bool:
    return shape.name.startswith("yuva")


def _is_opaque(coded: av.VideoFrame) -> bool:
    return int(planes_of(coded)[3].min()) == (1 << coded.format.components[3].bits) - 1
