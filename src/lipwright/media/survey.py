# pyright: reportUnknownMemberType=false
# PyAV leaves its packets' type parameter open.
"""What a file holds: its streams, and when each frame and sample is presented, without decoding it all."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import Any, cast

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Discard, Disposition, Stream
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream
from numpy.typing import NDArray

from lipwright.core.errors import MediaNotFound, UnreadableMedia
from lipwright.core.media import AudioInfo, Colour, ContentLight, MasteringDisplay, MediaLimits, SourceInfo, VideoInfo
from lipwright.media.aperture import clean_aperture, cropped
from lipwright.media.opening import decoder_of, is_accepted, opened, packets_of
from lipwright.media.pixels import Orientation, colour_of, layout, nearest_planar
from lipwright.media.timing import LONG_LAST, Timing, n_missing, strictly_increasing, timing
from lipwright.media.webp import is_moving_webp

N_PACKETS_TO_FIRST = 600
"""Packets without a decodable frame after which a stream counts as undecodable."""

BACK_S = 1
"""Time stamps that go back further than this are those of another recording, put behind the first."""

PRIMING_S = Fraction(1, 20)
"""By so much, at most, sound begins before the picture only because its encoder needs a start: 2,112 samples of AAC at
44.1 kHz. MP4 hides them; transport streams, FLV and Matroska show them."""

UNKNOWN = 2
"""ITU-T H.273's code point for colours of which nothing is said."""
DYNAMIC_HDR = (SideDataType.DYNAMIC_HDR_PLUS, SideDataType.DOVI_METADATA, SideDataType.DOVI_RPU_BUFFER)

# In these each packet is a frame, so that counting packets counts frames.
PACKET_IS_FRAME = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "ivf")


@dataclass(frozen=True, slots=True)
class Picture:
    """A video stream, as needed to decode it again."""

    stream_index: int
    time_base: Fraction
    origin: Fraction
    """Container time of the start of the presentation, in seconds."""
    declared: tuple[Fraction | None, ...]
    """Frame rates that the container names."""
    orientation: Orientation
    format_name: str
    width_px: int
    """Coded."""
    height_px: int
    ticks: NDArray[np.int64]
    """(n_frames,) presentation times as packets give them, increasing, in units of `time_base`."""
    key_ticks: NDArray[np.int64]
    """Presentation times of key frames, increasing."""
    key_dts: NDArray[np.int64]
    """Their decoding times."""
    last_ticks: int | None
    """How long the last frame is shown by its packet's word."""
    end_tick: int | None
    """When the picture ends by the file's head."""
    is_trusted: bool
    """Packets and frames are sure to be one to one."""
    can_seek: bool
    """Each packet has a presentation time of its own, by which its frame is known again after a jump."""
    is_interlaced: bool = False
    """By its first frame."""
    decoding: Decoding | None = None
    """Where the packets' times of presentation are not those of their pictures."""
    shifts: tuple[int, ...] = (0,)
    """By how much `ticks` are later than the time stamps of each recording, where several were put together."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """All that AVI tells of times: when packets are decoded, though pictures are shown in another order."""

    dts: NDArray[np.int64]
    """(n_packets,) increasing."""
    ticks: NDArray[np.int64]
    """(n_packets,) when the first picture that is shown is shown, the second, ..."""


@dataclass(frozen=True, slots=True)
class Survey:
    info: SourceInfo
    picture: Picture | None


@dataclass(slots=True)
class _Packets:
    pts: list[int] = field(default_factory=list[int])
    key_pts: list[int] = field(default_factory=list[int])
    key_dts: list[int] = field(default_factory=list[int])
    dts: list[int | None] = field(default_factory=list[int | None])
    n_without_pts: int = 0
    n_corrupt: int = 0
    last_duration: int | None = None
    stopped: str = ""


def probe(path: Path, limits: MediaLimits | None = None) -> SourceInfo:
    """What a media file holds. Raises MediaNotFound, UnreadableMedia; MediaTooLarge where it is beyond `limits`.

    The packets of the video are counted, not decoded; for damaged files the number of frames is therefore
    an upper bound.
    """
    return survey(path, limits).info


def survey(path: Path, limits: MediaLimits | None = None) -> Survey:
    """Probe `path` and find out how to decode its video. Raises MediaNotFound, UnreadableMedia, MediaTooLarge."""
    with opened(path) as container:
        video = video_stream(container)
        sounds = list(container.streams.audio)
        if video is None and _is_tiled(container):
            reason = "its picture is stored in tiles, as phones store HEIC"
            raise UnreadableMedia(path, reason, advice="Save it as JPEG or PNG first.")
        if limits is not None:
            _check_announced(path, container, video, limits)
        if video is None and not sounds:
            raise UnreadableMedia(path, "it holds neither picture nor sound")
        name = "webp" if is_moving_webp(path) else container.format.name
        beginning = _beginning(path, container)
        n_videos = len(_video_streams(container))
    first, origin = beginning.first, beginning.origin
    if video is not None and first is None:
        raise UnreadableMedia(path, "no frame of its video can be decoded")

    notes: list[str] = []
    picture: Picture | None = None
    info: VideoInfo | None = None
    if first is not None:
        picture = _picture(path, name, first, origin, notes)
        if n_videos > 1:
            notes.append(f"The footage has {n_videos} pictures; the default one is taken, the others are left out.")
        if first.has_captions and not picture.is_interlaced:  # copies of those keep all that is with them
            notes.append("The footage has closed captions in its pictures (CEA-608, CEA-708); they are left out.")
        if first.has_dynamic_hdr:
            notes.append("The footage tells its HDR scene by scene (HDR10+ or Dolby Vision); that is not taken over.")
        info = video_info(picture, first.like, frame_timing(picture))
        said_s = float((picture.last_ticks or 0) * picture.time_base)
        shown_s = float(info.duration_s - (info.times_s[-1] - info.start_s)) if info.is_vfr else float(1 / info.fps)
        if info.n_frames > 1 and said_s > max(1, LONG_LAST * shown_s):
            notes.append(f"The last picture should stand for {said_s:.1f} s; it is shown for {shown_s:.2f} s.")
        shown: tuple[Fraction | int, Fraction | int] | None = None
        if name.startswith("mov"):
            shown = clean_aperture(path, first.stream_index)
        elif name.startswith("matroska"):
            shown = cropped(path, first.stream_index, first.width_px, first.height_px)
        if shown is not None and shown != (first.width_px, first.height_px):
            width, height = (format(float(side), "g") for side in shown)
            whole = f"{first.width_px}x{first.height_px}"
            notes.append(
                f"Of the {whole} of its picture the footage wants {width}x{height} shown; the whole is written."
            )
    audio = tuple(
        AudioInfo(
            codec=stream.codec,
            rate_hz=stream.rate_hz,
            channels=stream.channels,
            duration_s=stream.duration_s,
            start_s=Fraction(0) if start is None else start - origin,
        )
        for stream, start in zip(beginning.sounds, beginning.audio_starts, strict=True)
    )
    found = SourceInfo(path, name, info, audio, tuple(notes))
    if limits is not None:
        limits.check(found)
    return Survey(found, picture)


def _check_announced(path: Path, container: InputContainer, video: VideoStream | None, limits: MediaLimits) -> None:
    """What the headers say, before a picture of that size is made room for."""
    limits.check_number(path.name, "streams", len(container.streams))
    if video is not None:
        limits.check_size(path.name, video.codec_context.width, video.codec_context.height)
    if container.duration is not None:
        limits.check_number(path.name, "seconds", container.duration / av.time_base)


def presentation_start(path: Path) -> Fraction | None:
    """Container time of the first picture or sound of a video file; None for sound alone (its first sample)."""

    def look() -> _Beginning:
        with opened(path) as container:
            return _looked_at(container)

    try:
        beginning = _beginnings().of(path, look)
    except FileNotFoundError as exc:
        raise MediaNotFound(path) from exc
    return beginning.origin if beginning.has_picture else None


def video_stream(container: InputContainer) -> VideoStream | None:
    """The video, which is not the cover picture of a song, nor a tile of a picture, nor the preview of its tiles."""
    streams = _video_streams(container)
    return next((stream for stream in streams if stream.disposition & Disposition.default), next(iter(streams), None))


def _video_streams(container: InputContainer) -> list[VideoStream]:
    """All that could be the video."""
    no_video = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.dependent
    is_tiled = _is_tiled(container)
    return [
        stream
        for stream in container.streams.video
        if has_decoder(stream)
        and (not is_tiled or stream.disposition & Disposition.default)
        and not stream.disposition & no_video
    ]


def _is_tiled(container: InputContainer) -> bool:
    """Whether a picture is stored as tiles, as HEIC of phones is: each is a stream, and nothing here lays them out."""
    is_tile = (stream.disposition & Disposition.dependent for stream in container.streams.video)
    return container.format.name.startswith("mov") and any(is_tile)


def has_decoder(stream: Stream) -> bool:
    """Whether FFmpeg knows the codec, and it is one that is decoded here."""
    return is_accepted(stream)


@dataclass(frozen=True, slots=True)
class _First:
    """The first frame of a video, and what only the open stream tells."""

    like: VideoInfo
    start: Fraction | None
    end: Fraction | None
    """When the picture ends, as far as the head of the file tells."""
    time_base: Fraction
    stream_index: int
    declared: tuple[Fraction | None, ...]
    orientation: Orientation
    format_name: str
    width_px: int
    height_px: int
    has_dynamic_hdr: bool
    has_captions: bool
    is_reordered: bool
    """Pictures are decoded in another order than they are shown."""


@dataclass(frozen=True, slots=True)
class _Sound:
    codec: str
    rate_hz: int
    channels: int
    duration_s: Fraction


@dataclass(frozen=True, slots=True)
class _Beginning:
    """What decoding the first frame of each stream tells."""

    has_picture: bool
    """Also where no frame of it can be decoded."""
    first: _First | None
    audio_starts: list[Fraction | None]
    sounds: list[_Sound]

    @property
    def origin(self) -> Fraction:
        """Container time of the first picture or sound. What an encoder of sound puts before it is none."""
        starts = [start for start in self.audio_starts if start is not None]
        if self.first is not None and self.first.start is not None:
            starts = [start for start in starts if not 0 < self.first.start - start <= PRIMING_S]
            starts.append(self.first.start)
        return min(starts, default=Fraction(0))


class _Beginnings:
    """Those of the latest files: on its way a file is opened several times, and each first picture costs ten others."""

    def __init__(self, n: int = 16) -> None:
        self._n = n
        self._known: OrderedDict[tuple[object, ...], _Beginning] = OrderedDict()
        self._turn = Lock()
        """Who asks at the same time waits for who came first."""

    def of(self, path: Path, look: Callable[[], _Beginning]) -> _Beginning:
        now = path.stat()
        key = (path.absolute(), now.st_ino, now.st_size, now.st_mtime_ns)
        with self._turn:
            if key not in self._known:
                self._known[key] = look()
            self._known.move_to_end(key)
            while len(self._known) > self._n:
                self._known.popitem(last=False)
            return self._known[key]


@cache
def _beginnings() -> _Beginnings:
    return _Beginnings()


def _beginning(path: Path, container: InputContainer) -> _Beginning:
    """`container` is the file, just opened; what was decoded of it is not given again. Raises UnreadableMedia."""
    return _beginnings().of(path, lambda: _looked_at(container))


def _looked_at(container: InputContainer) -> _Beginning:
    sounds, video = list(container.streams.audio), video_stream(container)
    first, audio_starts = _first_frames(container, video, sounds)
    return _Beginning(video is not None, first, audio_starts, [_sound(container, sound) for sound in sounds])


def _sound(container: InputContainer, stream: AudioStream) -> _Sound:
    context = stream.codec_context
    duration = Fraction(0)
    if stream.duration is not None and stream.time_base is not None:
        duration = stream.duration * stream.time_base
    elif container.duration is not None:
        duration = Fraction(container.duration, av.time_base)
    if not has_decoder(stream):
        return _Sound("unknown", 0, 0, duration)
    return _Sound(context.codec.canonical_name, int(context.sample_rate or 0), int(context.channels), duration)


def _first_frames(
    container: InputContainer, video: VideoStream | None, sounds: list[AudioStream]
) -> tuple[_First | None, list[Fraction | None]]:
    """Decode until each stream has given a frame; times are those of the container."""
    first: _First | None = None
    audio_starts: list[Fraction | None] = [None] * len(sounds)
    # a packet of a stream without decoder is nothing to decode: PyAV would crash on it
    wanted = {stream.index for stream in sounds if has_decoder(stream)}
    wanted |= {video.index} if video is not None else set[int]()
    numbers = {stream.index: i for i, stream in enumerate(sounds)}
    decoder: VideoCodecContext | None = None
    if video is not None:
        decoder = decoder_of(video)
        decoder.thread_count = 1
    n_tried = dict.fromkeys(wanted, 0)
    for packet in container.demux([stream for stream in container.streams if stream.index in wanted]):
        index = packet.stream_index if packet.size else packet.stream.index
        if index not in wanted:
            continue
        n_tried[index] += 1
        try:
            is_picture = decoder is not None and video is not None and index == video.index
            frames = decoder.decode(packet) if is_picture and decoder is not None else packet.decode()
        except FFmpegError:
            frames = []
        for frame in frames:
            if isinstance(frame, av.VideoFrame) and video is not None and index == video.index:
                first = _describe(container, video, frame, is_reordered=decoder is not None and decoder.has_b_frames)
                wanted.discard(index)
                break
            if isinstance(frame, av.AudioFrame) and frame.samples:
                if frame.pts is not None and frame.time_base is not None:
                    audio_starts[numbers[index]] = frame.pts * frame.time_base
                else:
                    audio_starts[numbers[index]] = Fraction(0)
                wanted.discard(index)
                break
        if n_tried[index] > N_PACKETS_TO_FIRST:
            wanted.discard(index)
        if not wanted:
            break
    return first, audio_starts


def _end(container: InputContainer, stream: VideoStream) -> Fraction | None:
    ends: list[Fraction] = []
    if stream.duration is not None and stream.time_base is not None:
        ends.append(((stream.start_time or 0) + stream.duration) * stream.time_base)
    if container.duration is not None:
        ends.append(Fraction((container.start_time or 0) + container.duration, av.time_base))
    return min(ends, default=None)


def _describe(container: InputContainer, stream: VideoStream, frame: av.VideoFrame, *, is_reordered: bool) -> _First:
    name = frame.format.name
    orientation = Orientation()
    matrix = _side_data(frame, SideDataType.DISPLAYMATRIX)
    if matrix is not None:
        orientation = Orientation.of(np.frombuffer(matrix, np.int32))
    shape = layout(nearest_planar(name))
    assert shape is not None
    width, height = frame.width, frame.height
    if orientation.swaps_sides:
        width, height = height, width
    aspect = stream.sample_aspect_ratio
    like = VideoInfo(
        width_px=width,
        height_px=height,
        fps=Fraction(25),
        is_vfr=False,
        n_frames=0,
        duration_s=Fraction(0),
        rotation_deg=orientation.rotation_deg,
        pixel_format=name,
        bits=shape.bits,
        colour=_colour(stream, frame),
        codec=stream.codec_context.codec.canonical_name,
        sample_aspect=aspect if aspect else Fraction(1),
        is_mirrored=orientation.is_mirrored,
        is_interlaced=frame.interlaced_frame,
        mastering=_mastering(frame),
        content_light=_content_light(frame),
    )
    time_base = stream.time_base
    assert time_base is not None
    pts = frame.pts if frame.pts is not None else frame.dts
    return _First(
        like=like,
        start=None if pts is None else pts * time_base,
        end=_end(container, stream),
        time_base=time_base,
        stream_index=stream.index,
        declared=(stream.average_rate, stream.base_rate, stream.guessed_rate),
        orientation=orientation,
        format_name=name,
        width_px=frame.width,
        height_px=frame.height,
        has_dynamic_hdr=any(_side_data(frame, kind) is not None for kind in DYNAMIC_HDR),
        has_captions=_side_data(frame, SideDataType.A53_CC) is not None,
        is_reordered=is_reordered,
    )


def _colour(stream: VideoStream, frame: av.VideoFrame) -> Colour:
    """The frame's tags; a decoder of our own does not know those of the container."""
    colour, context = colour_of(frame), stream.codec_context
    return replace(
        colour,
        primaries=int(context.color_primaries) if colour.primaries == UNKNOWN else colour.primaries,
        transfer=int(context.color_trc) if colour.transfer == UNKNOWN else colour.transfer,
    )


def _side_data(frame: av.VideoFrame, kind: SideDataType) -> bytes | None:
    try:
        found = cast(Any, frame.side_data).get(kind)
    except ValueError:  # a frame with one kind that this PyAV has no name for (Exif, 31) shows none of them
        return None
    return None if found is None else bytes(found)


def _mastering(frame: av.VideoFrame) -> MasteringDisplay | None:
    """FFmpeg's AVMasteringDisplayMetadata: ten fractions, and whether the colours and the luminances are given."""
    data = _side_data(frame, SideDataType.MASTERING_DISPLAY_METADATA)
    if data is None or len(data) < 88:
        return None
    numbers = [int(number) for number in np.frombuffer(data[:88], np.int32)]
    if not (numbers[20] and numbers[21]) or not all(numbers[1:20:2]):
        return None
    v = [Fraction(numbers[2 * i], numbers[2 * i + 1]) for i in range(10)]
    return MasteringDisplay((v[0], v[1]), (v[2], v[3]), (v[4], v[5]), (v[6], v[7]), v[8], v[9])


def _content_light(frame: av.VideoFrame) -> ContentLight | None:
    data = _side_data(frame, SideDataType.CONTENT_LIGHT_LEVEL)
    if data is None or len(data) < 8:
        return None
    highest, average = (int(number) for number in np.frombuffer(data[:8], np.uint32))
    return ContentLight(highest, average) if highest or average else None


def _picture(path: Path, container_name: str, first: _First, origin: Fraction, notes: list[str]) -> Picture:
    with opened(path) as container:
        packets = _scan(container, first.stream_index)
    pts = np.asarray(packets.pts, np.int64)
    if len(pts) == 0:
        raise UnreadableMedia(path, "its video stream is empty")
    shifts = _shifts(path, packets, first.time_base)
    if len(shifts) > 1:
        notes.append(
            "The picture goes back in time, as files put together do: each part is shown after the one before."
        )
        pts += np.repeat(shifts, np.diff([*_starts(packets.dts, first.time_base), len(pts)]))
    ticks, n_moved = strictly_increasing(pts)
    n_lost = n_missing(ticks)
    if n_lost:
        notes.append(f"{n_lost} frames seem to be missing from the video; the picture stands still there.")
    if n_moved:
        notes.append(f"{n_moved} frames had the time of another frame; they were moved apart.")
    if packets.n_corrupt:
        notes.append(f"{packets.n_corrupt} damaged packets in the video.")
    if packets.stopped:
        notes.append(f"The file ends early: {packets.stopped}.")
    decoding: Decoding | None = None
    dts = [time for time in packets.dts if time is not None]
    if container_name == "avi" and first.is_reordered and len(dts) == len(pts) and np.array_equal(pts, ticks):
        decoding = Decoding(np.asarray(dts, np.int64), ticks)
    keys = sorted(zip(packets.key_pts, packets.key_dts, strict=True))
    return Picture(
        stream_index=first.stream_index,
        time_base=first.time_base,
        origin=origin,
        declared=first.declared,
        orientation=first.orientation,
        format_name=first.format_name,
        width_px=first.width_px,
        height_px=first.height_px,
        ticks=ticks,
        key_ticks=np.asarray([pts for pts, _ in keys], np.int64),
        key_dts=np.asarray([dts for _, dts in keys], np.int64),
        last_ticks=packets.last_duration,
        end_tick=None if first.end is None else round(first.end / first.time_base),
        can_seek=not n_moved and not packets.n_without_pts and len(shifts) == 1,
        is_trusted=(
            container_name in PACKET_IS_FRAME
            and first.like.codec not in ("vp8", "mpeg4")
            # cut out of a longer recording, it may begin with pictures that lean on what is not there
            and first.start == ticks[0] * first.time_base
            and not (n_moved or packets.n_without_pts or packets.n_corrupt or packets.stopped)
        ),
        is_interlaced=first.like.is_interlaced,
        decoding=decoding,
        shifts=shifts,
    )


def _scan(container: InputContainer, stream_index: int) -> _Packets:
    found = _Packets()
    stream = container.streams[stream_index]
    for other in container.streams:
        if other.index != stream_index:
            other.discard = Discard.all
    last = None
    try:
        for packet in container.demux(stream):
            if packet.size == 0 or packet.is_discard:
                continue
            found.n_corrupt += packet.is_corrupt
            pts = packet.pts
            if pts is None:
                found.n_without_pts += 1
                pts = packet.dts
            if pts is None:
                pts = found.pts[-1] + (packet.duration or 1) if found.pts else 0
            found.pts.append(pts)
            found.dts.append(packet.dts)
            if last is None or pts > last:
                last, found.last_duration = pts, packet.duration
            if packet.is_keyframe:
                found.key_pts.append(pts)
                found.key_dts.append(packet.dts if packet.dts is not None else pts)
    except FFmpegError as exc:
        found.stopped = str(exc.strerror).lower()
    return found


def _starts(dts: Sequence[int | None], time_base: Fraction) -> list[int]:
    """At which packets of a stream recordings begin, where several were put together, each with its own time stamps."""
    known = [n for n, time in enumerate(dts) if time is not None]
    times = np.asarray([dts[n] for n in known], np.int64)
    begins = times[1:] < times[:-1] - round(BACK_S / time_base)
    # a time stamp that strays alone begins nothing
    begins[:-1] &= times[2:] <= times[:-2]
    return [0, *(known[n + 1] for n in np.flatnonzero(begins))]


def _shifts(path: Path, packets: _Packets, time_base: Fraction) -> tuple[int, ...]:
    """For each recording that was put into a file, how many ticks later its picture is shown than its stamps say.

    It begins a whole number of usual frames after the picture before, and so many that it stays beside its sound.
    """
    starts = _starts(packets.dts, time_base)
    shifts = [0]
    wanted_s = joins(path) if len(starts) > 1 else ()
    for n, (low, middle, high) in enumerate(zip(starts, starts[1:], [*starts[2:], len(packets.pts)], strict=False)):
        before, after = packets.pts[low:middle], packets.pts[middle:high]
        first, last = min(before), max(before)
        step = Fraction(last - first, len(before) - 1) if last > first else 1 / (25 * time_base)
        behind = last + shifts[-1] + step - min(after)
        n_still = 0
        if n < len(wanted_s):
            n_still = max(0, round((wanted_s[n] / time_base - behind) / step))
        shifts.append(round(behind + n_still * step))
    return tuple(shifts)


def joins(path: Path) -> tuple[Fraction, ...]:
    """By how many seconds later than its time stamps say each recording after the first begins, in a video file.

    Each begins when picture and sound of the one before have ended, so that its own sound stays beside it. Empty where
    it is not known, as picture and sound are not of equally many recordings.
    """
    spans: dict[int, list[tuple[Fraction, Fraction]]] = {}
    with opened(path) as container:
        video = video_stream(container)
        streams = [stream for stream in container.streams.audio if has_decoder(stream)]
        if video is None:
            return ()
        found = {stream.index: _Packets() for stream in [video, *streams]}
        ends: dict[int, list[int]] = {index: [] for index in found}
        for packet in packets_of(container, video, *streams):
            one = found[packet.stream_index]
            pts = packet.pts if packet.pts is not None else packet.dts
            if pts is None or packet.is_discard:
                continue
            one.pts.append(pts)
            one.dts.append(packet.dts)
            ends[packet.stream_index].append(pts + (packet.duration or 0))
        for stream in [video, *streams]:
            one, clock = found[stream.index], stream.time_base
            if clock is None or not one.pts:
                continue
            borders = [*_starts(one.dts, clock), len(one.pts)]
            spans[stream.index] = [
                (min(one.pts[low:high]) * clock, max(ends[stream.index][low:high]) * clock)
                for low, high in pairwise(borders)
            ]
        n = len(spans.get(video.index, ()))
    if any(len(span) != n for span in spans.values()):
        return ()
    shifts = [Fraction(0)]
    for before, after in pairwise(zip(*spans.values(), strict=True)):
        shifts.append(shifts[-1] + max(end for _, end in before) - min(start for start, _ in after))
    return tuple(shifts[1:])


def frame_timing(picture: Picture) -> Timing:
    return timing(picture.ticks, picture.time_base, picture.declared, picture.last_ticks, picture.end_tick)


def video_info(picture: Picture, like: VideoInfo, when: Timing) -> VideoInfo:
    """`like` with the times and the number of frames of `picture`."""
    start = picture.ticks[0] * picture.time_base - picture.origin
    return replace(
        like,
        fps=when.fps,
        is_vfr=when.is_vfr,
        n_frames=len(picture.ticks),
        duration_s=when.duration_s,
        start_s=start,
        times_s=tuple(start + time for time in when.times_s),
    )
