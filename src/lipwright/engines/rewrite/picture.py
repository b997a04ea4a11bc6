"""Planar crops: the only pixels that the engine touches.

All work happens on Y'CbCr planes in source precision. Luma is warped at full size, chroma at its own
smaller size, so a 4:2:0 picture costs half of an RGB one and pixels that do not move come out bit-identical.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.core.media import Plane, VideoFrame

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of luma pixels whose edges fall on chroma samples; right and bottom exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def is_empty(self) -> bool:
        return self.right <= self.left or self.bottom <= self.top

    def within(self, outer: Region) -> Region:
        return Region(
            max(self.left, outer.left),
            max(self.top, outer.top),
            min(self.right, outer.right),
            min(self.bottom, outer.bottom),
        )


def region_around(
    points: NDArray[Any],
    margins: tuple[float, float, float, float],
    *,
    frame_size: tuple[int, int],
    step: tuple[int, int],
) -> Region:
    """The region that holds `points` (n, 2) with (left, top, right, bottom) margins in pixels, inside the frame.

    Edges are widened to whole chroma samples; `frame_size` is (width, height).
    """
    low = points.min(0) - margins[:2]
    high = points.max(0) + margins[2:]
    width, height = frame_size
    sx, sy = step
    left = max(0, int(np.floor(low[0])) // sx * sx)
    top = max(0, int(np.floor(low[1])) // sy * sy)
    right = min(width, -(-(int(np.ceil(high[0])) + 1) // sx) * sx)
    bottom = min(height, -(-(int(np.ceil(high[1])) + 1) // sy) * sy)
    return Region(left, top, max(left, right), max(top, bottom))


@dataclass(slots=True, eq=False)
class Picture:
    """A copy of one region of a frame: contiguous planes, luma first, at most three."""

    planes: list[Plane]
    region: Region
    step: tuple[int, int]
    bits: int

    @classmethod
    def cut(cls, frame: VideoFrame, region: Region) -> Picture:
        step = frame.chroma_step
        planes: list[Plane] = []
        for plane, (sx, sy) in zip(frame.planes[:3], plane_steps(step), strict=False):
            part = plane[
                region.top // sy : -(-region.bottom // sy),
                region.left // sx : -(-region.right // sx),
            ]
            planes.append(cast("Plane", np.ascontiguousarray(part)))
        return cls(planes, region, step, frame.bits)

    def paste(self, frame: VideoFrame) -> None:
        """Write the planes back into the frame, in place."""
        for mine, plane, (sx, sy) in zip(self.planes, frame.planes[:3], plane_steps(self.step), strict=False):
            top, left = self.region.top // sy, self.region.left // sx
            plane[top : top + mine.shape[0], left : left + mine.shape[1]] = mine

    @property
    def n_bytes(self) -> int:
        return sum(plane.nbytes for plane in self.planes)

    @property
    def peak(self) -> int:
        """The largest code value."""
        return (1 << self.bits) - 1


def plane_steps(step: tuple[int, int]) -> Sequence[tuple[int, int]]:
    """Luma pixels for each sample of luma, Cb and Cr."""
    return (1, 1), step, step


def to_codes(values: Float32, like: Plane, peak: int) -> Plane:
    """Round and clip to the code values of `like`."""
    np.clip(values, 0, peak, out=values)
    values += 0.5
    return cast("Plane", values.astype(like.dtype))


def plane_mask(alpha: Float32, plane: Plane) -> Float32:
    """A mask of luma size (h, w) at the size of one of the picture's planes."""
    height, width = plane.shape
    if alpha.shape == (height, width):
        return alpha
    return np.asarray(cv2.resize(alpha, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def smoothstep(x: NDArray[Any]) -> NDArray[Any]:
    """0 below 0, 1 above 1, smooth between."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)
