"""How the mouth looks: flicker, sharpness, and the seam of the patch, gathered frame by frame.

All three look at the same place in two videos, found on the landmarks of the source, so that tracker noise is in
both and cancels in the ratio.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.core.media import VideoFrame
from lipwright.metrics.measure import Measure, nothing, same_length
from lipwright.vision import mesh
from lipwright.vision.colour import eight_bits

_STABLE = np.array(mesh.STABLE)
_LIPS = np.array(mesh.LIPS)
_WIDE, _HIGH = 96, 64
_SPAN_IO = 0.85
"""Width of the steadied mouth picture."""
_PATCH_IO = 0.13
"""How far the patch reaches beyond the lips: where a seam would be."""
_BAND_IO = 0.05


@dataclass(slots=True, eq=False)
class MouthPictures:
    """Observes one video; compare two of them that were given the same landmarks."""

    flickers: list[float] = field(default_factory=list[float])
    """Mean absolute change from frame to frame of the steadied mouth, levels."""
    sharpness: list[float] = field(default_factory=list[float])
    """Variance of the Laplacian of the mouth at its own size."""
    seams: list[float] = field(default_factory=list[float])
    """Mean gradient across the rim of the patch, levels per pixel."""
    _before: NDArray[np.float32] | None = None
    _flicker_at: list[int] = field(default_factory=list[int])
    """Which entry of `sharpness` each of `flickers` leads to."""

    def observe(self, frame: VideoFrame, landmarks: NDArray[np.float32]) -> None:
        """`landmarks` (478, 3) of the source say where the head and its mouth are."""
        points = landmarks[:, :2].astype(np.float64)
        io_px = float(np.linalg.norm(landmarks[33] - landmarks[263]))
        steady = self._steady(frame, points, io_px)
        if self._before is not None:
            self.flickers.append(float(np.abs(steady - self._before).mean()))
            self._flicker_at.append(len(self.sharpness))
        self._before = steady
        part, origin = _crop(frame, points[_LIPS].mean(0), 0.42 * io_px, 0.30 * io_px)
        self.sharpness.append(float(np.asarray(cv2.Laplacian(part, cv2.CV_32F)).var()) if part.size else 0.0)
        rim, origin = _crop(frame, points[_LIPS].mean(0), 0.75 * io_px, 0.65 * io_px)
        self.seams.append(_rim_gradient(rim, points[_LIPS] - origin, io_px))

    def pause(self) -> None:
        """The next frame does not follow the last one: no flicker between them."""
        self._before = None

    def only(self, is_wanted: NDArray[np.bool_]) -> MouthPictures:
        """Of the frames observed, (n,), those that are wanted, and the changes that lead to them or away."""
        same_length(is_wanted, np.array(self.sharpness))
        pairs = zip(self.flickers, self._flicker_at, strict=True)
        return MouthPictures(
            [change for change, k in pairs if is_wanted[k - 1] or is_wanted[k]],
            [value for value, wanted in zip(self.sharpness, is_wanted, strict=True) if wanted],
            [value for value, wanted in zip(self.seams, is_wanted, strict=True) if wanted],
        )

    def _steady(self, frame: VideoFrame, points: NDArray[np.float64], io_px: float) -> NDArray[np.float32]:
        right, left = points[263], points[33]
        along = (right - left) / max(float(np.linalg.norm(right - left)), 1e-6)
        centre = points[mesh.NOSE_BASE] + 0.30 * io_px * np.array([-along[1], along[0]])
        step = _SPAN_IO * io_px / _WIDE
        x_axis, y_axis = along * step, np.array([-along[1], along[0]]) * step
        to_source = np.column_stack([x_axis, y_axis, centre - x_axis * _WIDE / 2 - y_axis * _HIGH / 2])
        luma = np.ascontiguousarray(frame.planes[0])
        picture = cv2.warpAffine(
            luma,
            to_source,
            (_WIDE, _HIGH),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(picture, np.float32) / (1 << (frame.bits - 8))


def flicker_ratio(result: MouthPictures, real: MouthPictures) -> Measure:
    """Change from frame to frame of the steadied mouth over that of real footage: boiling teeth raise it."""
    return _ratio("flicker ratio", result.flickers, real.flickers, median=False)


def sharpness_ratio(result: MouthPictures, real: MouthPictures) -> Measure:
    """Variance of the mouth's Laplacian over that of real footage; median of the frames' own."""
    return _ratio("sharpness ratio", result.sharpness, real.sharpness, median=True)


def seam_ratio(result: MouthPictures, real: MouthPictures) -> Measure:
    """Gradient along the rim of the patch over that at the same places of real footage."""
    return _ratio("seam ratio", result.seams, real.seams, median=False)


def _ratio(name: str, mine: list[float], real: list[float], *, median: bool) -> Measure:
    if not mine or not real:
        return nothing(name, "ratio", 1)
    middle = np.median if median else np.mean
    there = float(middle(real))
    if there <= 1e-9:
        return nothing(name, "ratio", 1)
    return Measure(name, float(middle(mine)) / there, "ratio", 1, len(mine))


def _crop(
    frame: VideoFrame, centre: NDArray[np.float64], half_x: float, half_y: float
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    left, top = (max(0, int(centre[0] - half_x)), max(0, int(centre[1] - half_y)))
    right, bottom = int(centre[0] + half_x), int(centre[1] + half_y)
    part: Any = np.ascontiguousarray(frame.planes[0][top : max(top, bottom), left : max(left, right)])
    return (eight_bits(part, frame.bits) if part.size else part.astype(np.uint8)), np.array([left, top], np.float64)


def _rim_gradient(part: NDArray[np.uint8], lips: NDArray[np.float64], io_px: float) -> float:
    if min(part.shape, default=0) < 5:
        return 0.0
    inside = np.zeros(part.shape, np.uint8)
    hull = cv2.convexHull(lips.astype(np.float32))[:, 0]
    cv2.fillPoly(inside, [np.round(np.asarray(hull) * 16).astype(np.int32)], (1,), shift=4)
    away = np.asarray(cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3))
    band = np.abs(away - _PATCH_IO * io_px) < max(1.0, _BAND_IO * io_px)
    if not band.any():
        return 0.0
    picture = cv2.GaussianBlur(part.astype(np.float32), (0, 0), max(0.5, 0.006 * io_px))
    grad_x, grad_y = np.asarray(cv2.Sobel(picture, cv2.CV_32F, 1, 0)), np.asarray(cv2.Sobel(picture, cv2.CV_32F, 0, 1))
    return float(np.hypot(grad_x, grad_y)[band].mean()) / 8
