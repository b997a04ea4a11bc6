"""Landmarks of many frames in little memory: fixed point, and on disk from a few minutes on."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lipwright.core.errors import OutputNotWritable
from lipwright.core.face import N_LANDMARKS
from lipwright.vision import mesh
from lipwright.vision.shape import Floats, Points

_STEPS_PER_IO: Final = 16_384
"""Fixed point relative to the eyes: rounding is 0.006 px where the eyes are 200 px apart."""
_FARTHEST_IO: Final = 1.999
_HELD_BYTES: Final = 8 << 20
"""More than this (two minutes of a face at 25 frames/s) goes to a file without a name."""
_ROW: Final = np.dtype([("frame", np.float64, 4), ("steps", np.int16, (N_LANDMARKS, 3))])
"""`frame`: the middle between the eyes, and pixels for one step."""
_BLOCK: Final = 1024
_EACH: Final = 128
_MOST_BETWEEN: Final = 4
"""Rows that lie so close are read in one go, with those between them."""


class LandmarkRows:
    """(n, 478, 3) px, appended row by row and read in any order. Raises OutputNotWritable where the disk is full."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_HELD_BYTES)  # noqa: SIM115
        weakref.finalize(self, self._file.close)  # its memory or disk is given back when this goes away
        self._n = 0

    def __len__(self) -> int:
        return self._n

    def append(self, points: NDArray[Any]) -> None:
        """One more row, (478, 3)."""
        self.extend(points[None])

    def extend(self, landmarks: NDArray[Any]) -> None:
        """More rows, (k, 478, 3)."""
        left, right = (landmarks[:, corner].astype(np.float64) for corner in mesh.EYE_CORNERS)
        step_px = np.maximum(np.linalg.norm(right - left, axis=1), 1e-3) / _STEPS_PER_IO
        middle = (left + right) / 2
        farthest = _FARTHEST_IO * _STEPS_PER_IO
        rows = np.empty(len(landmarks), _ROW)
        rows["frame"][:, :3], rows["frame"][:, 3] = middle, step_px
        rows["steps"] = np.rint((landmarks - middle[:, None]) / step_px[:, None, None]).clip(-farthest, farthest)
        self._write(rows.tobytes(), len(rows))

    def row(self, number: int) -> Points:
        """(478, 3)."""
        if not 0 <= number < self._n:
            raise IndexError(f"rows 0..{self._n - 1} exist, asked for {number}")
        (packed,) = self._read(number, 1)
        frame: Floats = packed["frame"]
        return packed["steps"] * frame[3] + frame[:3]

    def rows(self, numbers: NDArray[np.intp] | range) -> Points:
        """(k, 478, 3)."""
        if not len(numbers):
            return np.empty((0, N_LANDMARKS, 3))
        if min(numbers) < 0 or max(numbers) >= self._n:
            raise IndexError(f"rows 0..{self._n - 1} exist, asked for {min(numbers)}..{max(numbers)}")
        if isinstance(numbers, range) and numbers.step == 1:
            packed = self._read(numbers.start, len(numbers))
        elif (n_between := int(max(numbers) - min(numbers)) + 1) <= _MOST_BETWEEN * len(numbers):
            first = int(min(numbers))
            packed = self._read(first, n_between)[np.asarray(numbers) - first]
        else:
            packed = np.concatenate([self._read(int(number), 1) for number in numbers])
        steps: NDArray[np.int16] = packed["steps"]
        frame: Floats = packed["frame"]
        return steps * frame[:, None, 3:] + frame[:, None, :3]

    def each(self, numbers: Sequence[int]) -> Iterator[Points]:
        """(478, 3) of one after the other, of which few are held at once."""
        for start in range(0, len(numbers), _EACH):
            yield from self.rows(np.array(numbers[start : start + _EACH], np.intp))

    def packed(self) -> Iterator[NDArray[np.uint8]]:
        """Blocks of bytes, one after the other: what `unpacked` takes."""
        for start in range(0, self._n, _BLOCK):
            yield self._read(start, min(_BLOCK, self._n - start)).view(np.uint8)

    def unpack(self, block: NDArray[np.uint8]) -> None:
        """More rows, from a block of `packed`. Raises ValueError where it is none."""
        if block.ndim != 1 or block.dtype != np.uint8 or len(block) % _ROW.itemsize:
            raise ValueError(f"{len(block)} bytes are no rows of {_ROW.itemsize}")
        self._write(block.tobytes(), len(block) // _ROW.itemsize)

    def _write(self, content: bytes, n_rows: int) -> None:
        try:
            self._file.seek(self._n * _ROW.itemsize)
            self._file.write(content)
        except OSError as exc:
            raise OutputNotWritable(Path(tempfile.gettempdir()), (exc.strerror or str(exc)).lower()) from exc
        self._n += n_rows

    def _read(self, start: int, n_rows: int) -> NDArray[Any]:
        self._file.seek(start * _ROW.itemsize)
        return np.frombuffer(self._file.read(n_rows * _ROW.itemsize), _ROW)
