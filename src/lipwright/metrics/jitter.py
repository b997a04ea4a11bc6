"""Do the lips tremble? Their acceleration from frame to frame, absolute and beside real footage."""

from __future__ import annotations

import numpy as np

from lipwright.metrics.measure import LIPS, Measure, nothing
from lipwright.vision.shape import Points


def jitter(shapes: Points) -> Measure:
    """RMS second difference of the lip points in the picture plane, canonical (n, 478, 3)."""
    if len(shapes) < 3:
        return nothing("jitter", "% IO", 0)
    second = np.diff(shapes[:, LIPS, :2], 2, axis=0)
    return Measure("jitter", 100 * float(np.sqrt((second**2).mean())), "% IO", 0, len(shapes) - 2)


def jitter_ratio(shapes: Points, truth: Points) -> Measure:
    """The jitter of a result over that of the truth."""
    mine, real = jitter(shapes), jitter(truth)
    if not mine.n or not real.n or real.value <= 0:
        return nothing("jitter ratio", "ratio", 1)
    return Measure("jitter ratio", mine.value / real.value, "ratio", 1, min(mine.n, real.n))
