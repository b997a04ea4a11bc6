"""Planar crops: the only pixels that the engine touches.

All work happens on Y'CbCr planes in source precision. Luma is warped at full size, chroma at its own
smaller size, so a 4:2:0 picture costs half of an RGB one and pixels that do not move come out bit-identical.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.core.media import Plane, VideoFrame

Float32 = NDArray[np.float32]

_BAR_SPREAD = 8
"""Code values of 8 bits by which samples of a bar differ from its middle at most: what codecs leave of one colour."""
_BAR_EDGE = 0.5
"""Of the line behind a bar, so much at least is of another colour."""
_BAR_STEP = 8
"""So many lines, and samples of a line, lie between those that are looked at."""


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
    bounds: Region,
    step: tuple[int, int],
) -> Region:
    """The region that holds `points` (n, 2) with (left, top, right, bottom) margins in pixels, inside `bounds`.

    Edges are widened to whole chroma samples.
    """
    low = points.min(0) - margins[:2]
    high = points.max(0) + margins[2:]
    sx, sy = step
    left = max(bounds.left, int(np.floor(low[0])) // sx * sx)
    top = max(bounds.top, int(np.floor(low[1])) // sy * sy)
    right = min(bounds.right, -(-(int(np.ceil(high[0])) + 1) // sx) * sx)
    bottom = min(bounds.bottom, -(-(int(np.ceil(high[1])) + 1) // sy) * sy)
    return Region(left, top, max(left, right), max(top, bottom))


def shown_area(frame: VideoFrame) -> Region:
    """The frame without the bars of one colour that are part of its picture: cinema on a television, a square post.

    A jaw that moved the edge of a bar would be seen to. What is no bar has no straight edge against much else: a plain
    backdrop, a dark scene, a head on black are shown.
    """
    luma, scale = frame.planes[0], 1 << (frame.bits - 8)
    (sx, sy), (height, width) = frame.chroma_step, luma.shape
    top, bottom = (_bar(lines, scale) for lines in (luma, luma[::-1]))
    left, right = (_bar(lines, scale) for lines in (luma.T, luma.T[::-1]))
    return Region(
        -(-left // sx) * sx,
        -(-top // sy) * sy,
        width if right == 0 else (width - right) // sx * sx,
        height if bottom == 0 else (height - bottom) // sy * sy,
    )


def _bar(lines: NDArray[Any], scale: int) -> int:
    """How many of these lines, from the first on, are a bar."""
    outer = lines[0, ::_BAR_STEP]
    low, high = int(outer.min()), int(outer.max())
    if high - low > _BAR_SPREAD * scale:
        return 0
    middle, spread = (low + high) // 2, _BAR_SPREAD * scale

    def first_other(some: NDArray[Any]) -> int | None:
        other = (some.max(1) > middle + spread) | (some.min(1) < middle - spread)
        return int(other.argmax()) if other.any() else None

    # roughly, then to the line
    after = first_other(lines[: len(lines) // 2 : _BAR_STEP, ::_BAR_STEP])
    if not after:
        return 0
    start = (after - 1) * _BAR_STEP + 1
    n = start + (first_other(lines[start : start + _BAR_STEP, ::_BAR_STEP]) or 0)
    # codecs smear an edge over a line or two
    inside = lines[min(n + 2, len(lines) - 1), ::_BAR_STEP].astype(np.int32)
    return n if (np.abs(inside - middle) > 2 * spread).mean() > _BAR_EDGE else 0


@dataclass(slots=True, eq=False)
class Picture:
    """A copy of one region of a frame: contiguous, luma apart from chroma."""

    parts: list[Plane]
    """Luma (h, w), and, unless the video is grey, Cb and Cr together (h/sy, w/sx, 2): they always move alike."""
    region: Region
    step: tuple[int, int]
    bits: int

    @classmethod
    def cut(cls, frame: VideoFrame, region: Region) -> Picture:
        step = frame.chroma_step
        parts = [np.ascontiguousarray(_view(frame.planes[0], region, (1, 1)))]
        if len(frame.planes) >= 3:
            chroma = [np.ascontiguousarray(_view(plane, region, step)) for plane in frame.planes[1:3]]
            parts.append(cast("Plane", cv2.merge(chroma).reshape(*chroma[0].shape, 2)))
        return cls(cast("list[Plane]", parts), region, step, frame.bits)

    def paste(self, frame: VideoFrame) -> None:
        """Write the pixels back into the frame, in place."""
        _view(frame.planes[0], self.region, (1, 1))[...] = self.parts[0]
        for number, plane in enumerate(frame.planes[1:3] if len(self.parts) > 1 else ()):
            _view(plane, self.region, self.step)[...] = self.parts[1][..., number]

    def mixed(self, other: Picture, share: float) -> Picture:
        """This picture with a `share` of another one of the same region."""
        parts = [
            np.asarray(cv2.addWeighted(part, 1 - share, more, share, 0)).reshape(part.shape)
            for part, more in zip(self.parts, other.parts, strict=True)
        ]
        return Picture(cast("list[Plane]", parts), self.region, self.step, self.bits)

    @property
    def steps(self) -> list[tuple[int, int]]:
        """Luma pixels for each sample of each part."""
        return [(1, 1), self.step][: len(self.parts)]

    @property
    def n_bytes(self) -> int:
        return sum(part.nbytes for part in self.parts)

    @property
    def peak(self) -> int:
        """The largest code value."""
        return (1 << self.bits) - 1


def _view(plane: Plane, region: Region, step: tuple[int, int]) -> Plane:
    sx, sy = step
    return plane[region.top // sy : -(-region.bottom // sy), region.left // sx : -(-region.right // sx)]


def window(part: Plane, outer: Region, inner: Region, step: tuple[int, int]) -> Plane:
    """The view of `inner` in a part of a picture of `outer`."""
    sx, sy = step
    top, left = (inner.top - outer.top) // sy, (inner.left - outer.left) // sx
    return part[top : top + -(-inner.height // sy), left : left + -(-inner.width // sx)]


def to_codes(values: Float32, like: Plane, peak: int) -> Plane:
    """Round and clip to the code values of `like`."""
    values += 0.5
    np.maximum(values, 0, out=values)
    np.minimum(values, peak, out=values)
    return cast("Plane", values.astype(like.dtype))


def lay_over(view: Plane, under: Float32, over: Plane | Float32, alpha: Float32, peak: int) -> None:
    """Write `under` (the values of `view`; it is used up) with `over` laid on it by a mask of luma size (h, w)."""
    difference = over - under
    difference *= weights_for(alpha, under)
    under += difference
    view[...] = to_codes(under, view, peak)


def weights_for(alpha: Float32, part: Plane | Float32) -> Float32:
    """A mask of luma size (h, w) at the size of a picture's part, ready to be multiplied with it."""
    height, width = part.shape[:2]
    sized = alpha
    if alpha.shape != (height, width):
        sized = np.asarray(cv2.resize(alpha, (width, height), interpolation=cv2.INTER_AREA), np.float32)
    return sized if part.ndim == 2 else sized[..., None]


def smoothstep(x: NDArray[Any]) -> NDArray[Any]:
    """0 below 0, 1 above 1, smooth between."""
    x = np.minimum(np.maximum(x, 0), 1)  # `np.clip` takes longer to begin
    return x * x * (3 - 2 * x)
