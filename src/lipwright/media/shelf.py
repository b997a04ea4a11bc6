"""Pictures of footage that were decoded once, put down on disk, so that they are not decoded again.

    study    decode ──> put
    write              take, in any order

To put a picture down and take it up again costs a quarter of decoding it, a tenth where footage runs backwards. It is
only ever a saving: where pictures do not fit, or the disk is full or slow, they are decoded again, all or the rest.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from statistics import fmean, median
from time import perf_counter

import av
import numpy as np
from av.video.plane import VideoPlane

from lipwright.media.pixels import FramePool, frame_with_lines, lines_of, planes_of

MOST_BYTES = 2 << 30
"""Footage that is larger than this, decoded, is not kept: 27 s of 1080x1920 at 25 fps."""
SHARE_OF_DISK = 0.25
"""No more of what is free is taken: the result must fit beside it."""
SLOWEST_BYTES_PER_S = 400e6
"""A disk (or a disk's cache) that takes less is no faster than a decoder."""
_N_TO_JUDGE = 16
_MOST_WAITING = 4
"""As much longer as it may take on average on a machine that has other work."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """Where a picture lies, and what its planes do not tell."""

    offset: int
    colour: tuple[int, int, int, int]
    """Range, matrix, primaries, transfer, as FFmpeg numbers them."""


class Shelf:
    """Planar pictures of one size and format by their index, in a file without a name that ends with this object.

    Not for use by two threads at once.
    """

    def __init__(self, folder: Path, *, n_frames: int, frame_bytes: int, most_bytes: int | None = None) -> None:
        """`frame_bytes` is what one of `n_frames` pictures takes, padding not counted."""
        self._kept: dict[int, _Kept] = {}
        self._end = 0
        self._took_s: deque[float] = deque(maxlen=_N_TO_JUDGE)
        """How long it took to put the last ones down; then, to take them up again."""
        self._takes_more = True
        self._lines: tuple[int, ...] = ()
        """Bytes from line to line of each plane, as they lie there; before the first, none."""
        self._form: av.VideoFrame | None = None
        """Laid out so, for pictures that are not."""
        self._file: FileIO | None = None
        self._n_frames = n_frames
        need = n_frames * frame_bytes
        self._most_bytes = MOST_BYTES if most_bytes is None else most_bytes
        if need > self._most_bytes:
            return
        with suppress(OSError):
            self._most_bytes = min(self._most_bytes, int(SHARE_OF_DISK * shutil.disk_usage(folder).free))
            if need <= self._most_bytes:
                self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 (it ends with this object)
                weakref.finalize(self, self._file.close)

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, index: int) -> bool:
        return index in self._kept

    def put(self, index: int, frame: av.VideoFrame) -> None:
        """Keep a picture, unless no more are kept."""
        if self._file is None or not self._takes_more or index in self._kept:
            return
        start_s = perf_counter()
        try:
            self._file.seek(self._end)
            for plane in self._laid_out(frame).planes:
                _write(self._file, plane)
            end = self._file.tell()
        except OSError:  # the disk is full, or the file larger than this process may write
            self.clear()
            return
        colour = (int(frame.color_range), int(frame.colorspace), int(frame.color_primaries), int(frame.color_trc))
        self._kept[index] = kept = _Kept(self._end, colour)
        self._end = end
        self._took_s.append(perf_counter() - start_s)
        if self._is_slow(end - kept.offset):
            self._takes_more = False  # what lies there is quickly taken up all the same
            self._took_s.clear()

    def take(self, index: int, pool: FramePool, like: tuple[int, int, str]) -> av.VideoFrame | None:
        """A copy of a picture in the pool's memory, or None where it is not here.

        `like` is the width and height in pixels and the format that all pictures have.
        """
        kept = self._kept.get(index)
        if kept is None or self._file is None:
            return None
        frame = pool.take(*like, self._lines)
        start_s = perf_counter()
        try:
            self._file.seek(kept.offset)
            for plane in frame.planes:
                _read(self._file, plane)
            end = self._file.tell()
        except OSError:
            self.clear()
            return None
        frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc = kept.colour
        self._took_s.append(perf_counter() - start_s)
        if self._is_slow(end - kept.offset):  # memory ran out: it comes from the disk itself
            self.clear()
        return frame

    def _laid_out(self, frame: av.VideoFrame) -> av.VideoFrame:
        """The picture with lines as far apart as those of all that lie here: a plane goes to and fro in one piece."""
        if not self._lines:
            form = (frame.width, frame.height, frame.format.name)
            self._form = frame_with_lines(*form, lines_of(frame))
            # decoders pad narrow pictures by up to half: all of it must fit, too
            if self._form is None or self._n_frames * _padded_bytes(self._form) > self._most_bytes:
                self._form = av.VideoFrame(*form)
            self._lines = lines_of(self._form)
        if lines_of(frame) == self._lines:
            return frame
        assert self._form is not None
        for own, plane in zip(planes_of(self._form), planes_of(frame), strict=True):
            np.copyto(own, plane)
        return self._form

    def _is_slow(self, n_bytes: int) -> bool:
        """Most pictures took too long, or all of them much too long; one that waited for a busy core tells nothing."""
        if len(self._took_s) < _N_TO_JUDGE:
            return False
        usual_s = max(median(self._took_s), fmean(self._took_s) / _MOST_WAITING)
        return n_bytes < SLOWEST_BYTES_PER_S * usual_s

    def clear(self) -> None:
        """Keep nothing any more, and give the disk back."""
        self._kept.clear()
        if self._file is not None:
            self._file.close()
            self._file = None


def _padded_bytes(frame: av.VideoFrame) -> int:
    return sum(plane.buffer_size for plane in frame.planes)


def _write(file: FileIO, plane: VideoPlane) -> None:
    """Raises OSError."""
    left = memoryview(plane).cast("B")
    while left:
        left = left[file.write(left) :]


def _read(file: FileIO, plane: VideoPlane) -> None:
    """Raises OSError where the file ends before the plane is full."""
    left = memoryview(plane).cast("B")
    while left:
        n = file.readinto(left)
        if not n:
            raise OSError(f"{len(left)} bytes of a plane are missing")
        left = left[n:]
