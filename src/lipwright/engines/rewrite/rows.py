"""Landmarks of many frames in little memory: ten minutes of a face take 43 MB, not 172."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipwright.core.face import N_LANDMARKS
from lipwright.vision import mesh
from lipwright.vision.shape import Points

_STEPS_PER_IO = 16_384
"""Fixed point relative to the eyes: rounding is 0.006 px where the eyes are 200 px apart."""
_FARTHEST_IO = 1.999
_CHUNK = 256


class LandmarkRows:
    """(n, 478, 3) px, appended row by row and read in any order."""

    def __init__(self) -> None:
        self._steps: list[NDArray[np.int16]] = []
        """(_CHUNK, 478, 3) each."""
        self._frames: list[NDArray[np.float64]] = []
        """(_CHUNK, 4) each: the middle between the eyes, and pixels for one step."""
        self._n = 0

    def __len__(self) -> int:
        return self._n

    def append(self, points: NDArray[Any]) -> None:
        """One more row, (478, 3)."""
        chunk, at = divmod(self._n, _CHUNK)
        if at == 0:
            self._steps.append(np.empty((_CHUNK, N_LANDMARKS, 3), np.int16))
            self._frames.append(np.empty((_CHUNK, 4)))
        left, right = (points[corner].astype(np.float64) for corner in mesh.EYE_CORNERS)
        step_px = max(float(np.linalg.norm(right - left)), 1e-3) / _STEPS_PER_IO
        middle = (left + right) / 2
        farthest = _FARTHEST_IO * _STEPS_PER_IO
        self._steps[chunk][at] = np.rint((points - middle) / step_px).clip(-farthest, farthest)
        self._frames[chunk][at] = (*middle, step_px)
        self._n += 1

    def extend(self, landmarks: NDArray[Any]) -> None:
        """More rows, (k, 478, 3)."""
        for points in landmarks:
            self.append(points)

    def row(self, number: int) -> Points:
        """(478, 3)."""
        if not 0 <= number < self._n:
            raise IndexError(f"rows 0..{self._n - 1} exist, asked for {number}")
        chunk, at = divmod(number, _CHUNK)
        frame = self._frames[chunk][at]
        return self._steps[chunk][at] * frame[3] + frame[:3]

    def rows(self, numbers: NDArray[np.intp] | range) -> Points:
        """(k, 478, 3)."""
        out = np.empty((len(numbers), N_LANDMARKS, 3))
        for place, number in enumerate(numbers):
            out[place] = self.row(int(number))
        return out

    def packed(self) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
        """(n, 478, 3) and (n, 4): what `unpacked` takes."""
        if not self._n:
            return np.empty((0, N_LANDMARKS, 3), np.int16), np.empty((0, 4))
        return np.concatenate(self._steps)[: self._n], np.concatenate(self._frames)[: self._n]

    @classmethod
    def unpacked(cls, steps: NDArray[np.int16], frames: NDArray[np.float64]) -> LandmarkRows:
        """Raises ValueError where the two do not fit together."""
        n = len(steps)
        if steps.shape != (n, N_LANDMARKS, 3) or steps.dtype != np.int16 or frames.shape != (n, 4):
            raise ValueError(f"expected (n, {N_LANDMARKS}, 3) int16 and (n, 4), got {steps.shape} and {frames.shape}")
        out = cls()
        for start in range(0, n, _CHUNK):
            room = np.zeros((_CHUNK, N_LANDMARKS, 3), np.int16)
            beside = np.zeros((_CHUNK, 4))
            room[: n - start] = steps[start : start + _CHUNK]
            beside[: n - start] = frames[start : start + _CHUNK]
            out._steps.append(room)
            out._frames.append(beside)
        out._n = n
        return out
