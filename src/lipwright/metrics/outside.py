"""Was anything changed that had no business to change?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lipwright.core.face import Box
from lipwright.core.media import VideoFrame
from lipwright.metrics.measure import Measure, nothing

REACH_SIDE = 0.45
REACH_BELOW = 0.55
"""How far from the face's box, in its width and height, its lower part may be rewritten."""


def may_change(face: Box) -> Box:
    """The part of the frame that an engine may touch around a face: the face, its chin, and some room."""
    side, below = REACH_SIDE * face.width_px, REACH_BELOW * face.height_px
    return Box(face.left_px - side, face.top_px, face.right_px + side, face.bottom_px + below)


def outside_change(result: VideoFrame, source: VideoFrame, inside: Box) -> Measure:
    """Largest change of any sample of any plane outside `inside`, before encoding: it must be 0."""
    worst, n = 0, 0
    for mine, its in zip(result.planes, source.planes, strict=True):
        if mine.shape != its.shape:
            raise ValueError(f"planes of {mine.shape} and {its.shape} are not the same picture")
        step_x, step_y = source.width_px / mine.shape[1], source.height_px / mine.shape[0]
        top, bottom = max(0, int(inside.top_px / step_y)), max(0, int(np.ceil(inside.bottom_px / step_y)))
        left, right = max(0, int(inside.left_px / step_x)), max(0, int(np.ceil(inside.right_px / step_x)))
        bottom, right = max(top, bottom), max(left, right)
        around = (np.s_[:top], np.s_[bottom:], np.s_[top:bottom, :left], np.s_[top:bottom, right:])
        for part in around:
            n += mine[part].size
            # most of it is the same on every frame of every result, and that is told in no time
            if not np.array_equal(mine[part], its[part]):
                change: NDArray[np.int32] = np.abs(mine[part].astype(np.int32) - its[part].astype(np.int32))
                worst = max(worst, int(change.max()))
    if not n:
        return nothing("outside change", "levels", 0)
    return Measure("outside change", worst / (1 << (source.bits - 8)), "levels", 0, n)
