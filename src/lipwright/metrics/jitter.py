"""Do the lips tremble? Their acceleration from frame to frame, absolute and beside real footage."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lipwright.metrics.measure import LIPS, Measure, nothing
from lipwright.vision.shape import Points


def jitter(shapes: Points, follows: NDArray[np.bool_] | None = None) -> Measure:
    """RMS second difference of the lip points in the picture plane, canonical (n, 478, 3).

    `follows` (n,) tells which of them come right after the one before; without it all do.
    """
    if len(shapes) < 3:
        return nothing("jitter", "% IO", 0)
    second = np.diff(shapes[:, LIPS, :2], 2, axis=0)
    if follows is not None:
        second = second[follows[1:-1] & follows[2:]]
    if not len(second):
        return nothing("jitter", "% IO", 0)
    return Measure("jitter", 100 * float(np.sqrt((second**2).mean())), "% IO", 0, len(second))


def jitter_ratio(
    shapes: Points,
    truth: Points,
    follows: NDArray[np.bool_] | None = None,
    truth_follows: NDArray[np.bool_] | None = None,
) -> Measure:
    """The jitter of a result over that of the truth."""
    mine, real = jitter(shapes, follows), jitter(truth, truth_follows)
    if not mine.n or not real.n or real.value <= 0:
        return nothing("jitter ratio", "ratio", 1)
    return Measure("jitter ratio", mine.value / real.value, "ratio", 1, min(mine.n, real.n))
