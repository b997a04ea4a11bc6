"""Scene cuts, seen on a thumbnail: a frame that has little to do with the one before it."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lipwright.core.media import VideoFrame

_ROWS: Final = 36
_COLUMNS: Final = 36
_BINS: Final = 32
_MIN_CHANGE: Final = 0.10
"""Mean change of the thumbnail on a scale of 0..1; motion within a shot rarely reaches half of it."""
_MIN_HISTOGRAM_CHANGE: Final = 0.25
"""Share of the thumbnail whose brightness has no counterpart in the frame before."""
_RATIO: Final = 3.0
"""A cut changes this many times more than frames have lately changed: shaky footage is not all cuts."""
_SAME_PATTERN: Final = 0.95
"""Pearson's r of two thumbnails of one shot is 0.968 and more, be it 1.3 stops lighter; of two shots 0.3 and less."""


class CutDetector:
    """Feed it frames in order."""

    def __init__(self) -> None:
        self._before: NDArray[np.float32] | None = None
        self._usual = 0.0
        self.is_relit = False
        """Whether the last frame differs from the one before by its light: it shows the same in the same place."""

    @property
    def view(self) -> NDArray[np.float32]:
        """(36, 36) luma, 0..1, of the last frame. Raises ValueError before the first one."""
        if self._before is None:
            raise ValueError("no frame has been seen yet")
        return self._before

    def is_cut(self, frame: VideoFrame) -> bool:
        """Whether a new shot begins with this frame; never on the first one."""
        luma = frame.planes[0]
        now = luma[_places(*luma.shape)].astype(np.float32) / float((1 << frame.bits) - 1)
        before, self._before = self._before, now
        self.is_relit = False
        if before is None:
            return False
        change = float(np.abs(now - before).mean())
        is_cut = change > max(_MIN_CHANGE, _RATIO * self._usual) or (
            change > _MIN_CHANGE / 2
            and change > _RATIO * self._usual
            and _repainted(before, now) > _MIN_HISTOGRAM_CHANGE
        )
        if is_cut:
            self.is_relit = alike(before, now) > _SAME_PATTERN
        else:
            self._usual = 0.8 * self._usual + 0.2 * change
        return is_cut


@lru_cache(maxsize=4)
def _places(height: int, width: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Lines and columns of a picture that the thumbnail samples."""
    lines = np.linspace(0, height - 1, 2 * _ROWS + 1).astype(np.intp)[1::2]
    columns = np.linspace(0, width - 1, 2 * _COLUMNS + 1).astype(np.intp)[1::2]
    return lines[:, None], columns


def _repainted(before: NDArray[np.float32], now: NDArray[np.float32]) -> float:
    """Half the L1 distance of the two brightness histograms, 0..1."""
    old, _ = np.histogram(before, _BINS, (0, 1))
    new, _ = np.histogram(now, _BINS, (0, 1))
    return float(np.abs(old - new).sum()) / (2 * before.size)


def alike(before: NDArray[np.float32], now: NDArray[np.float32]) -> float:
    """Pearson's r of two views; 0 where one of them shows nothing."""
    one, two = before - before.mean(), now - now.mean()
    size = float(np.linalg.norm(one) * np.linalg.norm(two))
    return float((one * two).sum()) / size if size > 1e-3 else 0.0
