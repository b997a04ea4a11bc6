"""A face and what is around it as it was seen at one moment, small, to be compared with what is seen at another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.core.media import Plane, VideoFrame
from lipwright.vision import mesh

LOOKED_AT_PX: Final = 55
"""Eye to eye, at least: letters on a face are seen as well on a picture no larger than twice that."""
_MARGIN_IO: Final = 0.3
"""So far around the mesh is looked at."""
_JAW_RIM_IO: Final = 0.04
"""So near to the outline of the face an edge may be that of the jaw."""
_MOVED_BY_LIPS_IO: Final = 0.06
"""So far around lips they move what is seen."""

_AXES: Final = ((1, 0), (0, 1))
_STABLE: Final = np.array(mesh.STABLE)
_LIPS: Final = np.array(mesh.LIPS)
_CHIN: Final = np.array(mesh.CHIN)


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What was seen at one moment, in shrunk pixels."""

    index: int
    points: NDArray[np.float64]
    """(n, 2) what speech does not move."""
    chin: NDArray[np.float64]
    """(2,) the middle of the chin."""
    io_px: float
    """From eye to eye."""
    bridge_y: float
    nose_y: float
    """Middle and base of the nose."""
    luma: NDArray[np.float32]
    """(h, w), 8-bit scale."""
    colours: tuple[NDArray[np.float32], ...]
    """(h, w) each: luma, Cb and Cr; of grey, luma alone."""
    face: NDArray[np.uint8]
    """1 on the face, apart from its outline and the lips."""
    clear: NDArray[np.uint8]
    """1 on the face, apart from its outline and what lips move."""
    left: int
    top: int
    slopes: tuple[NDArray[np.float32], NDArray[np.float32]]
    """Levels a pixel, across and down."""

    @property
    def area(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom."""
        rows, columns = self.luma.shape
        return self.left, self.top, self.left + columns, self.top + rows

    def part(self, left: int, top: int, right: int, bottom: int) -> tuple[slice, slice]:
        """Rows and columns of this area of the picture."""
        return slice(top - self.top, bottom - self.top), slice(left - self.left, right - self.left)


def look_at(frame: VideoFrame, points: NDArray[np.float64], io_px: float, shrink: int) -> Look | None:
    """What is seen of a face, `points` (478, 2) pixels; None: nothing of it is on the picture."""
    luma, k = frame.planes[0], shrink
    rows, columns = luma.shape[0] // k, luma.shape[1] // k
    margin_px = _MARGIN_IO * io_px
    low, high = points.min(0) - margin_px, points.max(0) + margin_px
    low[1] = points[mesh.BROW, 1] - margin_px  # nothing is looked for above the eyes
    left, top = np.floor(low / k).clip(0, (columns, rows)).astype(int).tolist()
    right, bottom = np.ceil(high / k).clip(0, (columns, rows)).astype(int).tolist()
    if right - left < 16 or bottom - top < 16:
        return None
    small = shrunk(luma[top * k : bottom * k, left * k : right * k], k, frame.bits)
    colours = [small]
    if len(frame.planes) > 2:
        step_x, step_y = frame.chroma_step
        part = (
            slice(top * k // step_y, -(-bottom * k // step_y)),
            slice(left * k // step_x, -(-right * k // step_x)),
        )
        # chroma is smooth: single samples of it do
        colours += [sized(plane[part], small.shape, frame.bits, cv2.INTER_NEAREST) for plane in frame.planes[1:3]]
    at = points / k
    face = np.zeros(small.shape, np.uint8)
    hull = np.asarray(cv2.convexHull((at[:468] - (left, top)).astype(np.float32)))
    cv2.fillConvexPoly(face, np.round(hull).astype(np.int32), (1.0,))
    face = np.asarray(cv2.erode(face, square(_JAW_RIM_IO * io_px / k)), np.uint8)
    lips = np.asarray(cv2.convexHull((at[_LIPS] - (left, top)).astype(np.float32)))
    mouth = np.zeros(small.shape, np.uint8)
    cv2.fillConvexPoly(mouth, np.round(lips).astype(np.int32), (1.0,))
    around = np.asarray(cv2.dilate(mouth, square(_MOVED_BY_LIPS_IO * io_px / k)), np.uint8)
    across, down = (np.asarray(cv2.Scharr(small, cv2.CV_32F, *axis, scale=1 / 32), np.float32) for axis in _AXES)
    return Look(
        frame.index,
        at[_STABLE],
        at[_CHIN].mean(0),
        io_px / k,
        float(at[mesh.BRIDGE, 1]),
        float(at[mesh.NOSE_BASE, 1]),
        small,
        tuple(colours),
        np.where(mouth, 0, face).astype(np.uint8),
        np.where(around, 0, face).astype(np.uint8),
        left,
        top,
        (across, down),
    )


def shrunk(luma: Plane, k: int, bits: int) -> NDArray[np.float32]:
    """Means of squares of k pixels, 8-bit scale."""
    height, width = luma.shape
    return sized(luma, (max(1, height // k), max(1, width // k)), bits)


def sized(plane: Plane, shape: tuple[int, ...], bits: int, how: int = cv2.INTER_AREA) -> NDArray[np.float32]:
    """In so many rows and columns, 8-bit scale."""
    seen = cv2.resize(plane, (shape[1], shape[0]), interpolation=how)
    return np.asarray(seen, np.float32) / (1 << (bits - 8))


def square(reach_px: float) -> NDArray[np.uint8]:
    """What reaches so far to either side, a pixel at least."""
    side = 2 * max(1, round(reach_px)) + 1
    return np.ones((side, side), np.uint8)


def shared_area(one: Look, other: Look) -> tuple[int, int, int, int] | None:
    """What both show: left, top, right and bottom; None: hardly anything."""
    (left, top, right, bottom), (also_left, also_top, also_right, also_bottom) = one.area, other.area
    left, top, right, bottom = (
        max(left, also_left),
        max(top, also_top),
        min(right, also_right),
        min(bottom, also_bottom),
    )
    return (left, top, right, bottom) if right - left >= 8 and bottom - top >= 8 else None


@dataclass(frozen=True, slots=True)
class Motion:
    """A similarity from where something is now to where it was."""

    along: float
    turn: float
    middle: NDArray[Any]
    """(2,) about which it is told, now."""
    origin: NDArray[Any]
    """(2,) where that was."""


def motion_between(look: Look, earlier: Look) -> Motion:
    """How the head went."""
    was, now = earlier.points - earlier.points.mean(0), look.points - look.points.mean(0)
    spread = float((now * now).sum())
    along = float((now * was).sum()) / spread
    turn = float((now[:, 0] * was[:, 1] - now[:, 1] * was[:, 0]).sum()) / spread
    return Motion(along, turn, look.points.mean(0), earlier.points.mean(0))


def brought_along(
    look: Look, earlier: Look, area: tuple[int, int, int, int], *, by_chin: bool = False
) -> tuple[NDArray[np.float32], ...]:
    """The earlier look's colours, brought to where the head is now, or the chin: (h, w) each, of what both show."""
    motion = motion_between(look, earlier)
    if by_chin:
        motion = replace(motion, middle=look.chin, origin=earlier.chin)
    # from places of the area to places of the earlier look
    turn = np.array([[motion.along, -motion.turn], [motion.turn, motion.along]])
    corner, origin = np.array(area[:2], float) - motion.middle, motion.origin - (earlier.left, earlier.top)
    way = np.column_stack([turn, turn @ corner + origin]).astype(np.float32)
    size = (area[2] - area[0], area[3] - area[1])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    # all at once, as it is asked for each place but once where it was
    all_of_them = earlier.colours[0] if len(earlier.colours) == 1 else cv2.merge(earlier.colours)
    brought = cv2.warpAffine(all_of_them, way, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return tuple(np.asarray(one, np.float32) for one in cv2.split(brought))
