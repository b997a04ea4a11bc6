"""A face in a frame: where it is, how it is turned, and its landmarks.

Convention: source pixels of the upright luma plane, x to the right, y down, z away from the camera;
the centre of the top-left pixel is (0, 0).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_LANDMARKS = 478
"""MediaPipe face mesh with refined irises."""


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle in source pixels; right and bottom are exclusive."""

    left_px: float
    top_px: float
    right_px: float
    bottom_px: float

    @property
    def width_px(self) -> float:
        return self.right_px - self.left_px

    @property
    def height_px(self) -> float:
        return self.bottom_px - self.top_px

    @property
    def centre_px(self) -> tuple[float, float]:
        return (self.left_px + self.right_px) / 2, (self.top_px + self.bottom_px) / 2

    @property
    def area_px2(self) -> float:
        return max(0.0, self.width_px) * max(0.0, self.height_px)

    def contains(self, x_px: float, y_px: float) -> bool:
        return self.left_px <= x_px < self.right_px and self.top_px <= y_px < self.bottom_px

    def overlap(self, other: Box) -> float:
        """Intersection over union, 0..1."""
        width = min(self.right_px, other.right_px) - max(self.left_px, other.left_px)
        height = min(self.bottom_px, other.bottom_px) - max(self.top_px, other.top_px)
        if width <= 0 or height <= 0:
            return 0.0
        shared = width * height
        return shared / (self.area_px2 + other.area_px2 - shared)


@dataclass(frozen=True, slots=True, eq=False)
class TrackedFace:
    """One face on one frame. "No face here" is the absence of a TrackedFace, never a zero box."""

    face_id: int
    """Stable through the video, from 1 in order of first appearance."""
    landmarks: NDArray[np.float32]
    """(478, 3) source pixels; z in pixels too, as MediaPipe scales it (by the image's width)."""
    score: float
    """How sure the tracker is that this is a face, 0..1."""

    def __post_init__(self) -> None:
        if self.landmarks.shape != (N_LANDMARKS, 3):
            raise ValueError(f"landmarks must be ({N_LANDMARKS}, 3), got {self.landmarks.shape}")

    @property
    def box(self) -> Box:
        low, high = self.landmarks[:468, :2].min(0), self.landmarks[:468, :2].max(0)
        return Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]))


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """A similarity: `pixels = scale * rotation @ canonical + translation`."""

    scale: float
    """Pixels for one inter-ocular distance (outer eye corner to outer eye corner)."""
    rotation: NDArray[np.float64]
    """(3, 3)."""
    translation: NDArray[np.float64]
    """(3,) pixels."""


@dataclass(frozen=True, slots=True)
class FaceChoice:
    """Which face of the footage shall speak."""

    face_id: int | None = None
    point_px: tuple[float, float] | None = None
    """A point on the face, in upright source pixels."""

    @classmethod
    def parse(cls, text: str) -> FaceChoice:
        """Read `largest`, an id such as `2`, or a point such as `640,360`. Raises ValueError."""
        text = text.strip().lower()
        if text == "largest":
            return cls()
        try:
            if "," in text:
                x, y = (float(part) for part in text.split(","))
                return cls(point_px=(x, y))
            return cls(face_id=int(text))
        except ValueError as exc:
            raise ValueError(f"a face is `largest`, an id such as `2`, or a point `x,y`; got {text!r}") from exc

    def __str__(self) -> str:
        if self.face_id is not None:
            return str(self.face_id)
        if self.point_px is not None:
            return f"{self.point_px[0]:g},{self.point_px[1]:g}"
        return "largest"
