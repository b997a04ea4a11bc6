"""Faces that lie on their side, or stand on their head: the engine sees them upright, in quarter turns.

Much of what is done to a mouth goes by what is above and below. A frame is turned as a view: nothing is copied, and
what is written into it is written into the frame. (Footage that says how it is to be turned comes upright already.)
"""

from __future__ import annotations

from dataclasses import replace
from math import atan2, pi
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from lipwright.core.face import TrackedFace
from lipwright.core.media import Plane, VideoFrame
from lipwright.vision import mesh

_FARTHEST: Final = 2 / 3
"""In quarter turns: as far as a face may be from upright before it is turned anew."""
_IN_PROFILE: Final = 0.8
"""Eye to eye over brow to nose: twice as much from the front."""


def quarter_turns(points: NDArray[Any], before: int | None = None) -> int:
    """How many quarter turns against the clock bring a face (478, 3) nearest to upright: 0 to 3.

    `before` is what it was turned by on the frame before, and holds until the face has left that by 60 degrees. It is
    told by the line between the eyes and by that from the brow down: of a face in profile seen from above or below the
    one alone points anywhere, and if it were taken for a lying one nobody would see that it is in profile.
    """
    across, down = points[263, :2] - points[33, :2], points[mesh.NOSE_BASE, :2] - points[mesh.BROW, :2]
    if before is not None and np.hypot(*across) < _IN_PROFILE * np.hypot(*down):
        return before
    turned = atan2(float(across[1] - down[0]), float(across[0] + down[1])) / (pi / 2)
    if before is not None and abs((turned - before + 2) % 4 - 2) < _FARTHEST:
        return before
    return round(turned) % 4


def upright_frame(frame: VideoFrame, turns: int) -> VideoFrame:
    """The frame, so many quarter turns against the clock; its memory is the same."""
    if turns == 0:
        return frame
    planes = tuple(cast("Plane", np.rot90(plane, turns)) for plane in frame.planes)
    return replace(frame, planes=planes, raw=None)


def upright_face(face: TrackedFace, frame: VideoFrame, turns: int) -> TrackedFace:
    """The face of `frame` (as it lies), on `upright_frame` of it."""
    if turns == 0:
        return face
    points = face.landmarks.copy()
    x, y = face.landmarks[:, 0], face.landmarks[:, 1]
    last_x, last_y = frame.width_px - 1, frame.height_px - 1
    points[:, 0], points[:, 1] = ((y, last_x - x), (last_x - x, last_y - y), (last_y - y, x))[turns - 1]
    return replace(face, landmarks=points)
