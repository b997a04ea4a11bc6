# pyright: reportUnknownMemberType=false
# PyAV leaves the keyword arguments of its streams untyped.
"""Parts of a picture, encoded one by one, perhaps on different machines, become one file; nothing is encoded again.

    part 1   I P B B P ...         each begins with a picture of its own, and leans on nothing outside
    part 2             I P B ...
    joined   I P B B P I P B ...   the same packets; their times are those of the whole

A packet's time is told by its place in the order of presentation: whatever a container rounds, frame k of the whole
is shown at the time of frame k. Decoding times are those of presentation, ahead by as much as pictures are reordered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from lipwright.core.errors import UnreadableMedia
from lipwright.core.media import SourceInfo, VideoFrame
from lipwright.media.encoders import container_of
from lipwright.media.extras import TIMECODE
from lipwright.media.footage import open_footage
from lipwright.media.opening import opened, packets_of
from lipwright.media.overlap import kept_open
from lipwright.media.soundtrack import AudioPlan
from lipwright.media.write import Beside, Written, clock_of, explained, in_place_of, next_tick, open_output

_HEVC_ARRAYS = 22
"""Bytes before the parameter sets in MP4's and Matroska's header of H.265."""
_HEVC_SETS = (32, 33, 34)
"""Video, sequence and picture parameters; beside them x265 tells how many threads it had."""


def fit_together(parts: Sequence[Path]) -> bool:
    """Whether one header describes all parts: only then are their packets one video. Raises UnreadableMedia."""
    headers: set[object] = set()
    for path in parts:
        with opened(path) as container:
            stream = _picture(container, path)
            context = stream.codec_context
            headers.add((context.codec.canonical_name, context.width, context.height, context.pix_fmt, _sets(stream)))
    return len(headers) == 1


def join(
    path: Path,
    parts: Sequence[Path],
    source: SourceInfo,
    written: Written,
    *,
    times_s: Sequence[Fraction],
    duration_s: Fraction,
    audio: AudioPlan,
    progress: Callable[[int, int], None] | None = None,
) -> Written:
    """Write `path`: the pictures of `parts`, one after the other, as they are, with the sound of `audio`.

    `parts` were written by `write_video` without audio, and `fit_together`; `written` is what was written of the first.
    `times_s` are those of all frames, from zero; `duration_s` is when the last of them stops being shown. Sound,
    subtitles, chapters and tags are those of `source` and `audio`, as `write_video` has them. Streams.

    Raises UnreadableMedia where a part is damaged or the parts have not as many frames as there are times,
    UnsupportedOutput, OutputNotWritable, DiskFull, NoAudio; in each case nothing is left behind.
    """
    assert source.video is not None
    container = container_of(path)
    clock = clock_of(source.video)
    ticks = _ticks(times_s, duration_s, clock)
    orders = [_order(part) for part in parts]
    if sum(len(order.places) for order in orders) != len(times_s):
        n_found = sum(len(order.places) for order in orders)
        raise UnreadableMedia(path, f"its parts hold {n_found} frames, and {len(times_s)} are wanted")
    delay = max(order.delay for order in orders)
    notes: list[str] = []
    with in_place_of(path) as made, ExitStack() as stack:
        try:
            out = open_output(made, container, stack)
            like = _picture(stack.enter_context(opened(parts[0])), parts[0])
            # what only decodes (AV1's reader) serves as well: nothing is encoded
            stream = out.add_stream_from_template(like, opaque=True)
            stream.time_base = clock
            # some codecs do not tell it in their packets, and a template leaves the container's own word out
            stream.codec_context.sample_aspect_ratio = source.video.sample_aspect
            if container in ("mp4", "mov"):
                stream.codec_context.codec_tag = like.codec_context.codec_tag
            if "alpha_mode" in like.metadata:
                stream.metadata["alpha_mode"] = like.metadata["alpha_mode"]
            beside = Beside(out, container, source, audio, duration_s, stack, notes)
            if container in ("mp4", "mov") and any(key.lower() == TIMECODE for key in out.metadata):
                # their muxer counts it by the stream's average rate, which PyAV sets for encoders only
                notes.append("The time code is left out of a long video that is put together of parts; .mkv keeps it.")
            start = 0
            for number, (part, order) in enumerate(zip(parts, orders, strict=True)):
                for packet in _packets(part, order, start, ticks, delay):
                    out.mux(beside.until(packet.dts * clock))  # type: ignore[operator]
                    packet.time_base = clock
                    packet.stream = stream
                    out.mux(packet)
                start += len(order.places)
                if progress is not None:
                    progress(number + 1, len(parts))
            out.mux(beside.rest())
            out.close()
        except (FFmpegError, OSError) as exc:
            raise explained(path, exc) from exc
    return Written(
        path,
        len(times_s),
        duration_s,
        written.codec,
        written.encoder,
        written.pixel_format,
        beside.how,
        tuple(dict.fromkeys([*written.notes, *notes])),
    )


def played(parts: Sequence[Path], times_s: Sequence[Fraction], *, threads: int = 0) -> Iterator[VideoFrame]:
    """The decoded frames of parts, at the times of the whole: for parts that do not fit together."""
    times = iter(times_s)
    for part in parts:
        with kept_open(open_footage(part, threads=threads).frames()) as frames:
            for frame in frames:
                frame.time_s = next(times)
                yield frame


@dataclass(frozen=True, slots=True)
class _Order:
    """How the pictures of one part follow each other."""

    places: list[int]
    """For each packet, in the order of decoding: its place in the order of presentation."""

    @property
    def delay(self) -> int:
        """By how many pictures decoding must be ahead, so that each one is decoded before it is shown."""
        return max(n - place for n, place in enumerate(self.places))


def _order(path: Path) -> _Order:
    with opened(path) as container:
        times = [packet.pts for packet in packets_of(container, _picture(container, path))]
    if not times or any(time is None for time in times):
        raise UnreadableMedia(path, "not every packet of its picture has a time")
    rank = {time: place for place, time in enumerate(sorted(time for time in times if time is not None))}
    if len(rank) != len(times):
        raise UnreadableMedia(path, "two of its pictures are shown at one time")
    return _Order([rank[time] for time in times if time is not None])


def _packets(path: Path, order: _Order, start: int, ticks: list[int], delay: int) -> Iterator[Packet[VideoStream]]:
    """The packets of a part that begins with frame `start` of the whole, with their times there."""
    with opened(path) as container:
        for n, packet in enumerate(packets_of(container, _picture(container, path))):
            at = start + order.places[n]
            packet.pts = ticks[at]
            packet.duration = ticks[at + 1] - ticks[at]
            ahead = start + n - delay
            # before the first frame is shown, the clock goes on evenly
            packet.dts = ticks[ahead] if ahead >= 0 else ticks[0] + ahead * (ticks[1] - ticks[0])
            yield packet


def _ticks(times_s: Sequence[Fraction], duration_s: Fraction, clock: Fraction) -> list[int]:
    """When each frame is shown, as `write_video` rounds it, and when the last one ends."""
    ticks: list[int] = []
    last = -1
    for time_s in times_s:
        last = next_tick(time_s, clock, last)
        ticks.append(last)
    return [*ticks, max(round(duration_s / clock), last + 1)]


def _picture(container: InputContainer, path: Path) -> VideoStream:
    if len(container.streams.video) != 1:
        raise UnreadableMedia(path, "a part holds one picture")
    return container.streams.video[0]


def _sets(stream: VideoStream) -> bytes:
    """What the decoder is told once for all packets."""
    header = bytes(stream.codec_context.extradata or b"")
    if stream.codec_context.codec.canonical_name != "hevc" or len(header) <= _HEVC_ARRAYS:
        return header
    kept, at = bytearray(header[:_HEVC_ARRAYS]), _HEVC_ARRAYS + 1
    for _ in range(header[_HEVC_ARRAYS]):
        kind, n = header[at] & 63, int.from_bytes(header[at + 1 : at + 3], "big")
        stop = at + 3
        for _ in range(n):
            stop += 2 + int.from_bytes(header[stop : stop + 2], "big")
        if kind in _HEVC_SETS:
            kept += header[at:stop]
        at = stop
    return bytes(kept)
