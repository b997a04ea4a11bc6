"""From planar Y'CbCr to small RGB pictures, and the matrices of both directions.

Only the part that is looked at is converted, and only after it has been made small.
"""

from __future__ import annotations

from functools import cache
from math import ceil, floor, hypot, log2
from typing import Final, TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.core.face import Box
from lipwright.core.media import Colour, Plane, VideoFrame

Rgb: TypeAlias = NDArray[np.uint8]
"""(height, width, 3)."""
Matrix: TypeAlias = NDArray[np.float64]

_LUMA_WEIGHTS: Final = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 5: (0.299, 0.114), 6: (0.299, 0.114)} | {
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}
"""(kr, kb) by matrix code point of ITU-T H.273."""
_GBR: Final = 0
_HD_HEIGHT_PX: Final = 720
_SKIPS: Final = 3.0
"""From this shrinking on, bilinear taps skip so many pixels that areas are averaged first."""
_LEAST_LEFT: Final = 1.125
"""Averaging leaves at least this much of the shrinking to the bilinear taps."""


@cache
def _to_rgb(matrix: int, is_full_range: bool) -> Matrix:
    if matrix == _GBR:
        return np.array([[0.0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0]])
    kr, kb = _LUMA_WEIGHTS.get(matrix, _LUMA_WEIGHTS[1])
    kg = 1 - kr - kb
    gain_y, gain_c, low = (1.0, 1.0, 0.0) if is_full_range else (255 / 219, 255 / 224, 16.0)
    cb, cr = 2 * (1 - kb) * gain_c, 2 * (1 - kr) * gain_c
    linear = np.array([[gain_y, 0, cr], [gain_y, -kb / kg * cb, -kr / kg * cr], [gain_y, cb, 0]])
    offset = -(linear * np.array([low, 128.0, 128.0])).sum(1)
    return np.column_stack([linear, offset])


def to_rgb_matrix(colour: Colour, height_px: int) -> Matrix:
    """(3, 4): 8-bit R'G'B' = matrix @ (Y', Cb, Cr, 1), all on the scale 0..255.

    An unspecified matrix is read as players do: BT.709 from 720 lines up, else BT.601.
    """
    matrix = colour.matrix
    if matrix == 2:
        matrix = 1 if height_px >= _HD_HEIGHT_PX else 6
    return _to_rgb(matrix, colour.is_full_range).copy()


def from_rgb_matrix(colour: Colour, height_px: int) -> Matrix:
    """(3, 4): 8-bit (Y', Cb, Cr) = matrix @ (R', G', B', 1): the inverse of `to_rgb_matrix`."""
    there = to_rgb_matrix(colour, height_px)
    back = np.linalg.inv(there[:, :3])
    return np.column_stack([back, -back @ there[:, 3]])


def eight_bits(plane: Plane, bits: int) -> NDArray[np.uint8]:
    """The plane on the scale 0..255."""
    if plane.dtype == np.uint8:
        return cast("NDArray[np.uint8]", plane)
    return cast("NDArray[np.uint8]", cv2.convertScaleAbs(plane, alpha=1.0 / (1 << (bits - 8))))


def warp_rgb(frame: VideoFrame, to_source: Matrix, size_px: int) -> Rgb:
    """A square RGB picture of `frame` through an affine window, (size_px, size_px, 3).

    `to_source` (2, 3) carries window pixels to source pixels. What lies outside the frame repeats its edge.
    Large windows are averaged down, not sampled, so that fine detail does not alias.
    """
    planes = [_warp_plane(frame.planes[0], to_source, size_px, (1, 1))]
    if len(frame.planes) >= 3:
        # colour is coarser than brightness in the eye and in most video: warp it at half the size
        half_px = (size_px + 1) // 2
        coarse = to_source * np.array([2.0, 2.0, 1.0])
        coarse[:, 2] += to_source[:, :2] @ np.array([0.5, 0.5])
        for plane in frame.planes[1:3]:
            small = _warp_plane(plane, coarse, half_px, frame.chroma_step)
            large = cv2.resize(small, (2 * half_px, 2 * half_px), interpolation=cv2.INTER_LINEAR)
            planes.append(cast("Plane", large[:size_px, :size_px]))
    return to_rgb(planes, frame)


def roi_rgb(frame: VideoFrame, box: Box, size_px: int) -> Rgb:
    """The square around `box` (its longer side), upright, as RGB (size_px, size_px, 3)."""
    side = max(box.width_px, box.height_px, 1.0) / size_px
    x, y = box.centre_px
    half = (size_px - 1) / 2
    return warp_rgb(frame, np.array([[side, 0, x - 0.5 - side * half], [0, side, y - 0.5 - side * half]]), size_px)


def to_rgb(planes: list[Plane], frame: VideoFrame) -> Rgb:
    """RGB of equally large (h, w) planes that were cut from `frame`; one plane is grey."""
    eight = [eight_bits(plane, frame.bits) for plane in planes]
    if len(eight) == 1:
        flat = np.full_like(eight[0], 128)
        eight = [eight[0], flat, flat]
    matrix = to_rgb_matrix(frame.colour, frame.height_px)
    return cast("Rgb", cv2.transform(cv2.merge(eight), matrix.astype(np.float32)))


def _halvings(shrinking: float) -> int:
    """The power of two by which a plane is made smaller before it is warped."""
    return 1 if shrinking < _SKIPS else 2 ** int(log2(shrinking / _LEAST_LEFT))


def _warp_plane(plane: Plane, to_source: Matrix, size_px: int, step: tuple[int, int]) -> Plane:
    # source pixel x of the luma lies at (x + 0.5) / step - 0.5 of the plane
    scale = np.array([1 / step[0], 1 / step[1]])
    window = to_source * scale[:, None]
    window[:, 2] += 0.5 * scale - 0.5
    corners_x, corners_y = (
        window @ np.array([[0, size_px, 0, size_px], [0, 0, size_px, size_px], [1, 1, 1, 1]], np.float64)
    ).tolist()
    height, width = plane.shape
    shrink = _halvings(hypot(float(window[0, 0]), float(window[1, 0])))
    margin = 2 * shrink
    left = min(max(floor(min(corners_x)) - margin, 0), width - 1)
    top = min(max(floor(min(corners_y)) - margin, 0), height - 1)
    right = min(max(ceil(max(corners_x)) + margin, left + 1), width)
    bottom = min(max(ceil(max(corners_y)) + margin, top + 1), height)
    part = plane[top:bottom, left:right]
    if part.strides[1] != part.itemsize or part.strides[0] < 0:
        part = np.ascontiguousarray(part)
    window[:, 2] -= (left, top)
    while shrink > 1 and min(part.shape) >= 2:
        small = (part.shape[1] // 2, part.shape[0] // 2)
        # by two and two again: OpenCV does that eight times as fast as by three
        part = cast("Plane", cv2.resize(part[: small[1] * 2, : small[0] * 2], small, interpolation=cv2.INTER_AREA))
        window = window / 2
        window[:, 2] -= 0.25
        shrink //= 2
    return cast(
        "Plane",
        cv2.warpAffine(
            part,
            window,
            (size_px, size_px),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        ),
    )
