# pyright: reportUnknownMemberType=false
# PyAV leaves its packets' type parameter open.
"""Footage: the frames of a file, as often and in whichever order they are wanted, in bounded memory.

    order    0 1 2 3 4 5 | 4 3 2 1 0 | 1 2 ...        a bounce
             stream      | windows   | stream
                           [3 4] [0 1 2]               each window: seek to the key frame before it, decode on

A frame is told from its neighbours by its presentation time, so that the index of a frame is the same
whether it is reached by streaming or by seeking.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from fractions import Fraction
from math import ceil
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Discard
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream
from numpy.typing import NDArray

from lipwright.core.errors import NoVideo, UnreadableMedia
from lipwright.core.media import SourceInfo, VideoFrame
from lipwright.media.native import n_cores
from lipwright.media.opening import decoder_of, opened
from lipwright.media.overlap import N_AHEAD, ahead, batch_of, behind, in_batches
from lipwright.media.pixels import FieldsCopier, FramePool, Raw, Repacker, layout, nearest_planar, planes_of
from lipwright.media.shelf import Shelf
from lipwright.media.survey import Picture, frame_timing, survey, video_info
from lipwright.media.timing import strictly_increasing

WINDOW_BYTES = 192 << 20
"""Decoded pictures held at a time while playing backwards: 64 frames of 1080x1920, 16 of 4K."""
MIN_WINDOW = 8
MAX_WINDOW = 256
SEEK_AHEAD = 24
"""Frames that are rather decoded than jumped over."""
FARTHEST_JUMP = 1500
"""Frames from one key frame to the next from which on footage is better decoded once, from its beginning."""
_IN_FLIGHT = 8
"""Pictures between decoder and encoder at a time, while all stages work at once."""
AHEAD_BYTES = 48 << 20
"""Decoded pictures that wait to be looked at: who looks takes longer now and then, who decodes need not wait for it."""
MOST_AHEAD = 16
SKIPS_FOR_GOOD = ("libdav1d",)
"""Decoders that are told once, when they are opened, which pictures to leave out: they would never give these again."""
MAX_THREADS = 4
"""More decoding threads than this cost memory (a picture each) and gain little."""


def open_footage(path: Path, *, threads: int = 0, scratch: Path | None = None) -> MediaFootage:
    """Open a video to read its frames; `threads` decode it, 0 for as many as this process has cores (at most 4).

    With more than one, frames are decoded while those before them are worked on; with one, when they are asked for, a
    few in a row.
    `scratch` is a folder in which the pictures of short footage are kept, so that each of them is decoded once.
    Raises MediaNotFound, UnreadableMedia, NoVideo.
    """
    found = survey(path)
    if found.picture is None or found.info.video is None:
        raise NoVideo(path)
    return MediaFootage(found.info, found.picture, threads=threads or min(MAX_THREADS, n_cores()), scratch=scratch)


class MediaFootage:
    """A video file as `core.media.Footage`. Not for use by two threads at once; open it twice for that."""

    def __init__(self, info: SourceInfo, picture: Picture, *, threads: int, scratch: Path | None = None) -> None:
        assert info.video is not None
        self._info = info
        self._video = info.video
        self._picture = picture
        self._threads = threads
        self._is_sure = picture.is_trusted
        self._is_confirmed = False
        self._is_changed = False
        self._odd_s = None if picture.is_trusted else info.video.start_s
        """When the first frame is shown that the packets did not promise."""
        self._notes: dict[str, None] = {}
        self._pool = FramePool(keep=_IN_FLIGHT)
        self._copy_fields = FieldsCopier()
        self._shelve_until_s: Future[Fraction] | None = None
        self._shelf: Shelf | None = None
        if scratch is not None and not info.video.is_interlaced:  # which field is first is told by no plane
            self._shelf = Shelf(scratch, n_frames=info.video.n_frames, frame_bytes=self._frame_bytes())

    @property
    def info(self) -> SourceInfo:
        """What the file holds. The count and times of frames come from its packets; they are corrected by
        what was really decoded, once `frames()` has run to its end on a damaged file."""
        return self._info

    @property
    def notes(self) -> list[str]:
        """What was odd or damaged so far, for the report."""
        return [*self._info.notes, *self._notes]

    def is_as_promised(self, until_s: Fraction) -> bool:
        """Whether the frames that were decoded up to this time are, one by one, those that the packets promised."""
        return self._odd_s is None or until_s < self._odd_s

    @property
    def is_confirmed(self) -> bool:
        """Whether it was read to its end, and every frame was one that the packets promised."""
        return self._is_confirmed

    def confirm(self) -> None:
        """Take `is_confirmed` for true, as an earlier reading of the same bytes found: none is needed for that."""
        self._is_sure = self._is_confirmed = True

    @property
    def can_jump(self) -> bool:
        """Whether frames far in are reached without decoding all that come before them, by who opens it anew too.

        Not where other frames were found than the packets promise: who did not read it numbers them otherwise.
        """
        if not (self._picture.can_seek and self._is_sure) or self._is_changed:
            return False
        keys = np.searchsorted(self._picture.ticks, self._picture.key_ticks)
        return len(keys) > 0 and int(np.diff(keys, append=len(self._picture.ticks)).max()) <= FARTHEST_JUMP

    def frames(self, *, writable: bool = True) -> Generator[VideoFrame]:
        """Every frame in order of presentation, from the start. Raises UnreadableMedia.

        With `writable`, each frame is the caller's to change, and none that follows is harmed by it.
        Without, its planes are read-only views of the decoder's pictures, and a copy is spared.
        """
        n_ahead = N_AHEAD if writable else max(N_AHEAD, min(MOST_AHEAD, AHEAD_BYTES // self._frame_bytes()))
        frames = self._frames(writable=writable)
        if self._threads == 1:
            return in_batches(frames, batch_of(self._video))
        return self._overlapped(frames, n_ahead)

    def _overlapped(self, frames: Generator[VideoFrame], n_ahead: int = N_AHEAD) -> Generator[VideoFrame]:
        return ahead(frames, name="decode", n=n_ahead) if self._threads > 1 else frames

    def _frames(self, *, writable: bool) -> Generator[VideoFrame]:
        seen: list[int] = []
        with (
            self._shelving() as keep,
            _Decoder(self._info.path, self._picture, self._decoding_threads, self._notes) as decoder,
        ):
            for frame, tick in decoder.run():
                keep((len(seen), frame))
                promised = self._picture.ticks
                if len(seen) >= len(promised) or tick != promised[len(seen)]:
                    odd_s = self._time(len(seen), tick)
                    self._odd_s = odd_s if self._odd_s is None else min(self._odd_s, odd_s)
                seen.append(tick)
                yield self._frame(frame, len(seen) - 1, tick, writable=writable)
        if not seen:
            raise UnreadableMedia(self._info.path, "no frame of its video can be decoded")
        self._learn(seen)

    def settle(self, n_frames: int | None = None) -> None:
        """Read it through where nothing less tells which frames there are: `info` and the numbers of frames hold then.

        `n_frames` is how many an earlier reading found: where the packets promise others, they are not to be trusted.
        Raises UnreadableMedia.
        """
        if not self._is_sure or n_frames not in (None, self._video.n_frames):
            for _ in self._frames(writable=False):
                pass

    def shelve_until(self, end_s: Future[Fraction]) -> None:
        """Of the pictures that `frames` gives, only those that are shown before this are put down for `play`."""
        self._shelve_until_s = end_s

    @contextmanager
    def _shelving(self) -> Generator[Callable[[tuple[int, av.VideoFrame]], None]]:
        """What to call with each picture and its index as it is decoded."""
        shelf = self._shelf

        def keep(item: tuple[int, av.VideoFrame]) -> None:
            assert shelf is not None
            index, picture = item
            if index >= self._n_shelved():
                return
            shelf.put(index, picture)

        if shelf is None:
            yield lambda _: None
        elif self._threads > 1:
            with behind(keep, name="shelf") as hand_over:
                yield hand_over
        else:
            yield keep

    def _n_shelved(self) -> int:
        end_s = self._shelve_until_s
        if end_s is None or not end_s.done() or end_s.cancelled() or end_s.exception() is not None:
            return self._video.n_frames
        return ceil((end_s.result() - self._video.start_s) * self._video.fps) + 1

    @property
    def _decoding_threads(self) -> int:
        """One of them is busy with what is decoded."""
        return max(1, self._threads - 1)

    def play(self, order: Sequence[int]) -> Generator[VideoFrame]:
        """The frames with these indices, in this order; each one is the caller's to change.

        Forward runs stream, jumps seek to a key frame, and backward runs are decoded in windows of at most
        192 MiB, so memory stays bounded for any order. Raises UnreadableMedia, and IndexError for an index
        that is not in the footage.
        """
        return self._overlapped(self._played(order))

    def _played(self, order: Sequence[int]) -> Generator[VideoFrame]:
        if not len(order):
            return
        self.settle()
        n = self._video.n_frames
        if min(order) < 0 or max(order) >= n:
            raise IndexError(f"frames 0..{n - 1} exist, asked for {min(order)}..{max(order)}")
        n_window, comes_back = self._window_frames(), len(set(order)) < len(order)
        held: dict[int, av.VideoFrame] = {}
        """Pictures as decoded, by index: the last one, or those of the last backward window."""
        with _Cursor(self._info.path, self._picture, self._decoding_threads, self._notes) as cursor:
            for k, index in enumerate(order):
                kept = None if self._shelf is None else self._shelf.take(index, self._pool, self._like)
                if kept is not None:
                    yield self._upright(kept, index, int(self._picture.ticks[index]))
                    continue
                if index not in held:
                    low, high = _window(order, k, n_window)
                    if self._shelf is not None:  # what lies there ends the run
                        low = max((i + 1 for i in range(low, high) if i in self._shelf), default=low)
                    held.clear()
                    held.update(cursor.read(low, high))
                if comes_back and self._shelf is not None:
                    self._shelf.put(index, held[index])
                yield self._frame(held[index], index, int(self._picture.ticks[index]), writable=True)

    def _window_frames(self) -> int:
        return int(min(MAX_WINDOW, max(MIN_WINDOW, WINDOW_BYTES // self._frame_bytes())))

    def _frame_bytes(self) -> int:
        """What a picture takes, a little more where chroma is not a whole share of luma."""
        shape = layout(nearest_planar(self._picture.format_name))
        assert shape is not None
        n_bytes = self._picture.width_px * self._picture.height_px * (1 if shape.bits <= 8 else 2)
        n_planes = 1 if shape.is_grey else 1 + 2 / (shape.step[0] * shape.step[1])
        return int(n_bytes * (n_planes + shape.has_alpha))

    @property
    def _like(self) -> tuple[int, int, str]:
        """Width, height and format of every picture."""
        return self._picture.width_px, self._picture.height_px, nearest_planar(self._picture.format_name)

    def _frame(self, decoded: av.VideoFrame, index: int, tick: int, *, writable: bool) -> VideoFrame:
        if writable:
            decoded = self._copy_fields(decoded) if self._video.is_interlaced else self._pool.copy(decoded)
        return self._upright(decoded, index, tick, writable=writable)

    def _upright(self, decoded: av.VideoFrame, index: int, tick: int, *, writable: bool = True) -> VideoFrame:
        video, orientation = self._video, self._picture.orientation
        planes = planes_of(decoded)
        if not writable:
            for plane in planes:
                plane.flags.writeable = False
        if not orientation.is_plain:
            planes = tuple(orientation.upright(plane) for plane in planes)
        return VideoFrame(planes, index, self._time(index, tick), video.bits, video.colour, Raw(decoded, orientation))

    def _time(self, index: int, tick: int) -> Fraction:
        picture, video = self._picture, self._video
        unit, fps, ticks = picture.time_base, video.fps, tick - int(picture.ticks[0])
        if not video.is_vfr:
            # the container rounds to its clock: put the frame back on the exact grid (in whole numbers: two fractions
            # of each frame take a tenth of a millisecond)
            over, under = unit.numerator * fps.numerator, unit.denominator * fps.denominator
            n = (2 * ticks * over + under) // (2 * under)
            if abs(n * under - ticks * over) <= over:
                return video.start_s + Fraction(n * fps.denominator, fps.numerator)
        return video.start_s + ticks * unit

    def _learn(self, seen: list[int]) -> None:
        """Take what was decoded for the truth, where it is not what the packets promised."""
        self._is_sure = True
        ticks, _ = strictly_increasing(np.asarray(seen, np.int64))
        if np.array_equal(ticks, self._picture.ticks):
            self._is_confirmed = True
            return
        self._is_changed = True
        n_before, n_now = len(self._picture.ticks), len(ticks)
        if n_now < n_before:
            self._notes[f"{n_before - n_now} of {n_before} frames could not be decoded and are left out."] = None
        keys = np.isin(self._picture.key_ticks, ticks)
        self._picture = replace(
            self._picture,
            ticks=ticks,
            key_ticks=self._picture.key_ticks[keys],
            key_dts=self._picture.key_dts[keys],
        )
        self._video = video_info(self._picture, self._video, frame_timing(self._picture))
        self._info = replace(self._info, video=self._video)


def _window(order: Sequence[int], k: int, n_window: int) -> tuple[int, int]:
    """The frames to decode for `order[k]`: itself, or the backward run that starts there, lowest and highest."""
    low = high = order[k]
    if not _descends(order, k):
        return low, high
    for i in range(k + 1, len(order)):
        if order[i] > low or high - order[i] + 1 > n_window:
            break
        low = order[i]
    return low, high


def _descends(order: Sequence[int], k: int) -> bool:
    here = order[k]
    for i in range(k + 1, len(order)):
        if order[i] != here:
            return order[i] < here
    return False


class _Times:
    """When pictures are shown, in ticks that increase, from the start of a file or from a jump on."""

    def __init__(self, picture: Picture, notes: dict[str, None]) -> None:
        self._picture = picture
        self._notes = notes
        self._usual = max(1, round(1 / (picture.time_base * (picture.declared[0] or 25))))
        self._last: int | None = None

    def of(self, frame: av.VideoFrame, n_held: int) -> int:
        """The time of the next picture; so many are held back by the decoder, to bring them into order."""
        last, tick = self._last, self._tick(frame, n_held)
        if tick is None:
            tick = self._usual + last if last is not None else int(self._picture.ticks[0])
        if last is not None and tick <= last:
            self._notes["Some frames had times that ran backwards; they were moved on."] = None
            tick = last + 2  # farther than rounding goes, so that it is not put back on the grid
        self._last = tick
        return tick

    def _tick(self, frame: av.VideoFrame, n_held: int) -> int | None:
        decoding = self._picture.decoding
        if decoding is None:
            tick = frame.pts if frame.pts is not None else frame.dts
            return tick if tick is None or len(self._picture.shifts) == 1 else self._shifted(tick)
        if frame.dts is not None:  # of the packet that drove this picture out
            place = int(np.searchsorted(decoding.dts, frame.dts)) - n_held
        else:
            place = 0 if self._last is None else int(np.searchsorted(decoding.ticks, self._last)) + 1
        return int(decoding.ticks[place]) if 0 <= place < len(decoding.ticks) else None

    def _shifted(self, tick: int) -> int:
        """The time in that of the recordings put together in which it comes soonest after the picture before."""
        wanted = int(self._picture.ticks[0]) if self._last is None else self._last + self._usual
        return min((tick + shift for shift in self._picture.shifts), key=lambda shown: abs(shown - wanted))


class _Decoder:
    """Decoded pictures of a file with their presentation ticks, from the start or from a key frame."""

    def __init__(self, path: Path, picture: Picture, threads: int, notes: dict[str, None]) -> None:
        self._path = path
        self._picture = picture
        self._threads = threads
        self._notes = notes
        self._repack = Repacker(picture.width_px, picture.height_px, picture.format_name)
        self._stack = ExitStack()
        self._container: InputContainer | None = None
        self._stream: VideoStream | None = None
        self._decoder: VideoCodecContext | None = None

    def __enter__(self) -> _Decoder:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self._container = self._stream = self._decoder = None

    def _open(self) -> None:
        self._stack.close()
        self._container = self._stack.enter_context(opened(self._path))
        stream = self._container.streams[self._picture.stream_index]
        assert isinstance(stream, VideoStream)
        for other in self._container.streams:
            if other.index != stream.index:
                other.discard = Discard.all
        decoder = decoder_of(stream)
        decoder.thread_count = self._threads
        decoder.thread_type = "AUTO" if self._threads > 1 else "NONE"  # type: ignore[assignment]
        self._stream, self._decoder = stream, decoder

    def run(self, key: int | None = None, needed_from: int | None = None) -> Iterator[tuple[av.VideoFrame, int]]:
        """Pictures from the start, or from key frame number `key` on.

        Before tick `needed_from` only pictures that others are predicted from need to come.
        """
        self._open()
        assert self._container is not None
        assert self._stream is not None
        if key:
            self._container.seek(self._seek_tick(key), stream=self._stream, backward=True)
        times = _Times(self._picture, self._notes)
        for frame in self._decode(needed_from):
            assert self._decoder is not None
            tick = times.of(frame, self._decoder.reorder_depth)
            if frame.interlaced_frame and not self._picture.is_interlaced:
                self._notes[
                    "The footage begins with whole pictures and has interlaced ones later: those are coded as whole."
                ] = None
            n_odd = self._repack.n_odd
            frame = self._repack(frame)
            if self._repack.n_odd > n_odd == 0:
                self._notes["The picture changes size or format in mid-video; it was scaled to that of the start."] = (
                    None
                )
            yield frame, tick

    def _seek_tick(self, key: int) -> int:
        # MP4's index holds decoding times, the others presentation times
        is_mov = self._container is not None and self._container.format.name.startswith("mov")
        return int((self._picture.key_dts if is_mov else self._picture.key_ticks)[key])

    def _decode(self, needed_from: int | None) -> Iterator[av.VideoFrame]:
        assert self._decoder is not None
        is_plain = self._picture.decoding is None and len(self._picture.shifts) == 1
        if self._decoder.name in SKIPS_FOR_GOOD or not is_plain:
            needed_from = None
        is_skipping = False
        for packet in self._packets():
            if needed_from is not None:
                skips = packet is not None and packet.pts is not None and packet.pts < needed_from
                if skips != is_skipping:
                    self._decoder.skip_frame = "NONREF" if skips else "DEFAULT"
                    is_skipping = skips
            try:
                frames = self._decoder.decode(packet)
            except FFmpegError:
                self._notes["Some packets of the video are damaged; what could not be decoded is left out."] = None
                continue
            for frame in frames:
                if frame.is_corrupt:
                    self._notes["Some pictures of the video are damaged; they are kept as the decoder mended them."] = (
                        None
                    )
                yield frame

    def _packets(self) -> Iterator[Packet[VideoStream] | None]:
        """Packets, and an empty one or None that flushes the decoder, also when the file breaks off."""
        assert self._container is not None
        assert self._stream is not None
        try:
            yield from self._container.demux(self._stream)
        except FFmpegError as exc:
            self._notes[f"The file breaks off: {str(exc.strerror).lower()}."] = None
            yield None


class _Cursor:
    """Reads pictures by index. Remembers where it stands, so that reading on costs nothing extra."""

    def __init__(self, path: Path, picture: Picture, threads: int, notes: dict[str, None]) -> None:
        self._path = path
        self._decoder = _Decoder(path, picture, threads, notes)
        self._ticks: NDArray[np.int64] = picture.ticks
        self._keys: NDArray[np.int64] = np.searchsorted(picture.ticks, picture.key_ticks)
        self._can_seek = picture.can_seek and len(picture.key_ticks) > 0
        self._notes = notes
        self._run: Iterator[tuple[av.VideoFrame, int]] | None = None
        self._next = 0
        """The index that comes next at the earliest."""
        self._ahead: tuple[int, av.VideoFrame] | None = None

    def __enter__(self) -> _Cursor:
        return self

    def __exit__(self, *_: object) -> None:
        self._run = None
        self._decoder.__exit__()

    def read(self, low: int, high: int) -> list[tuple[int, av.VideoFrame]]:
        """Pictures `low`..`high`, both included. One that does not decode is its neighbour again."""
        key = self._key_for(low)
        if self._run is None or low < self._next or (key is not None and self._keys[key] > self._next + SEEK_AHEAD):
            self._start(key, low)
        found: dict[int, av.VideoFrame] = {}
        last: av.VideoFrame | None = None
        while True:
            item = self._pull()
            if item is None:
                break
            index, frame = item
            if index > high:
                self._ahead = item
                last = last or frame
                break
            last = frame
            if index >= low:
                found[index] = frame
            if index == high:
                break
        self._next = high + 1
        out: list[tuple[int, av.VideoFrame]] = []
        nearest = next(iter(found.values()), last)
        if nearest is None:
            raise UnreadableMedia(self._path, f"frame {low} of its video cannot be decoded")
        for index in range(low, high + 1):
            if index not in found:
                self._notes["Some frames could not be decoded; the one before was shown again."] = None
            nearest = found.get(index, nearest)
            out.append((index, nearest))
        return out

    def _pull(self) -> tuple[int, av.VideoFrame] | None:
        if self._ahead is not None:
            item, self._ahead = self._ahead, None
            return item
        assert self._run is not None
        for frame, tick in self._run:
            index = int(np.searchsorted(self._ticks, tick))
            if index >= len(self._ticks) or self._ticks[index] != tick:
                continue
            if index >= self._floor:
                return index, frame
        return None

    def _key_for(self, low: int) -> int | None:
        if not self._can_seek:
            return None
        key = int(np.searchsorted(self._keys, low, side="right")) - 1
        return key if key >= 0 else None

    def _start(self, key: int | None, low: int) -> None:
        """Decode from a key frame at or before `low`, or from an earlier one if that seek lands too late."""
        while True:
            self._floor = int(self._keys[key]) if key else 0
            self._ahead = None
            self._run = self._decoder.run(key, int(self._ticks[low]))
            self._ahead = self._pull()
            if not key or (self._ahead is not None and self._ahead[0] <= self._floor):
                return
            key -= 1

    _floor = 0
    """Pictures before the key frame, which lean on ones that were not decoded, are passed over."""
