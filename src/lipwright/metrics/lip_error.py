"""How far the lips are from where they should be (LMD of the literature, in units of the face)."""

from __future__ import annotations

import numpy as np

from lipwright.metrics.measure import LIPS, Measure, nothing, same_length
from lipwright.vision.shape import Points


def lip_error(shapes: Points, truth: Points) -> Measure:
    """Mean distance of the 80 lip points in the picture plane; canonical shapes (n, 478, 3) against the true ones."""
    same_length(shapes, truth)
    if not len(shapes):
        return nothing("lip error", "% IO", 0)
    apart = np.linalg.norm((shapes - truth)[:, LIPS, :2], axis=-1)
    return Measure("lip error", 100 * float(apart.mean()), "% IO", 0, len(shapes))
