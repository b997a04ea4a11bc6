"""The shape of a face without its pose, and the shared basis in which every mouth is described.

One definition for the whole project (docs/glossary.md):

- the unit is the inter-ocular distance, IO: outer eye corner to outer eye corner, after pose;
- canonical axes: x to the image's right along the eyes, y down the face, z away from the camera,
  origin midway between the outer eye corners;
- the neutral of a person is their own mouth at its least open; the closed neutral is the same with the
  inner lips brought together. Coefficients of the basis are relative to the closed neutral, so that
  all zero is "this person, lips closed".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from lipwright.core.timeline import N_SHAPE
from lipwright.vision import mesh

Points: TypeAlias = NDArray[np.float64]
"""(..., 478, 3)."""
Floats: TypeAlias = NDArray[np.float64]

REFERENCE_WIDTH = 0.55
"""Mouth width (IO) to which displacements are scaled before they enter the basis."""

_AXIS_PAIRS = ((33, 263), (133, 362), (61, 291), (234, 454), (127, 356), (172, 397), (105, 334))
_STABLE = np.array(mesh.STABLE)
_INNER_UPPER = np.array(mesh.INNER_UPPER)
_INNER_LOWER = np.array(mesh.INNER_LOWER)


@dataclass(frozen=True, slots=True, eq=False)
class PosedShapes:
    """Many frames of one face, split into pose and shape: `landmarks = scale * shape @ rotation.T + translation`."""

    template: Points
    """(478, 3) the person's median shape."""
    shapes: Points
    """(n, 478, 3) canonical, IO."""
    scale_px: Floats
    """(n,) pixels for one IO."""
    rotation: Floats
    """(n, 3, 3)."""
    translation_px: Floats
    """(n, 3)."""

    def __len__(self) -> int:
        return len(self.shapes)


def fit_similarity(template: Points, landmarks: Points) -> tuple[Floats, Floats, Floats]:
    """Pose of each frame: the similarity that carries the template's stable points onto the landmarks.

    Weighted least squares (Umeyama 1991), all frames at once. `landmarks` is (n, 478, 3); returns
    scale (n,), rotation (n, 3, 3), translation (n, 3).
    """
    weights = mesh.STABLE_WEIGHTS / mesh.STABLE_WEIGHTS.sum()
    model = template[_STABLE]
    seen: Floats = landmarks[:, _STABLE]
    model_mean = weights @ model
    seen_mean: Floats = (seen * weights[:, None]).sum(axis=1)
    model = model - model_mean
    seen = seen - seen_mean[:, None]
    covariance: Floats = np.matmul((seen * weights[:, None]).transpose(0, 2, 1), model)
    u, s, vt = cast("tuple[Floats, Floats, Floats]", np.linalg.svd(covariance))
    sign = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    s[:, 2] *= sign
    u[:, :, 2] *= sign[:, None]
    rotation = u @ vt
    scale = s.sum(1) / (weights[:, None] * model**2).sum()
    translation = seen_mean - scale[:, None] * (rotation @ model_mean)
    return scale, rotation, translation


def _median(shapes: Points) -> Points:
    return np.asarray(np.median(shapes, axis=0), np.float64)


def unpose(landmarks: Points, scale: Floats, rotation: Floats, translation: Floats) -> Points:
    """Canonical shapes (n, 478, 3) of posed landmarks (n, 478, 3)."""
    return (landmarks - translation[:, None]) @ rotation / scale[:, None, None]


def canonical_axes(shape: Points) -> Points:
    """Turn, move and scale one shape (478, 3) into canonical axes with unit IO."""
    pairs = np.array(_AXIS_PAIRS)
    across: Floats = shape[pairs[:, 1]] - shape[pairs[:, 0]]
    x: Floats = (across / np.linalg.norm(across, axis=1)[:, None]).sum(axis=0)
    x = x / np.linalg.norm(x)
    y: Floats = shape[mesh.NOSE_BASE] - shape[9]
    y = y - x * (x @ y)
    y /= np.linalg.norm(y)
    axes = np.stack([x, y, np.cross(x, y)])
    left, right = mesh.EYE_CORNERS
    return (shape - (shape[left] + shape[right]) / 2) @ axes.T / np.linalg.norm(shape[left] - shape[right])


def pose_shapes(landmarks: Points, *, template: Points | None = None, max_fit_frames: int = 600) -> PosedShapes:
    """Split the landmarks (n, 478, 3), in pixels and all finite, of one person into pose and shape.

    Without a `template` one is made: three rounds of fitting and taking the median shape (of at most
    `max_fit_frames` frames, evenly spread).
    """
    landmarks = np.asarray(landmarks, np.float64)
    if landmarks.ndim != 3 or len(landmarks) == 0:
        raise ValueError(f"landmarks must be (n, 478, 3) with n > 0, got {landmarks.shape}")
    if template is None:
        step = max(1, len(landmarks) // max_fit_frames)
        some = landmarks[::step]
        template = canonical_axes(some[0])
        for _ in range(3):
            template = canonical_axes(_median(unpose(some, *fit_similarity(template, some))))
    scale, rotation, translation = fit_similarity(template, landmarks)
    return PosedShapes(template, unpose(landmarks, scale, rotation, translation), scale, rotation, translation)


def opening(shapes: Points) -> Floats:
    """Mean gap between the inner lips over their middle third, IO. (..., 478, 3) -> (...)."""
    return (shapes[..., [87, 14, 317], 1] - shapes[..., [82, 13, 312], 1]).mean(-1)


def largest_gap(shapes: Points) -> Floats:
    """Widest gap between the inner lips, IO. (..., 478, 3) -> (...)."""
    return (shapes[..., _INNER_LOWER[1:-1], 1] - shapes[..., _INNER_UPPER[1:-1], 1]).max(-1)


def width(shapes: Points) -> Floats:
    """Distance between the outer mouth corners, IO. (..., 478, 3) -> (...)."""
    return np.linalg.norm(shapes[..., 61, :] - shapes[..., 291, :], axis=-1)


def corner_lift(shapes: Points) -> Floats:
    """Height of the mouth corners above the middle of the upper lip's inner edge, IO. (..., 478, 3) -> (...)."""
    return shapes[..., 13, 1] - shapes[..., [61, 291], 1].mean(-1)


def jaw_drop(shapes: Points) -> Floats:
    """Height of the chin below the eyes, IO. (..., 478, 3) -> (...)."""
    return shapes[..., [152, 148, 377], 1].mean(-1)


_PARTED_IO, _WIDE_IO = 0.03, 0.07
"""A mouth whose least gap is wider than the first is no closed one that is read a little open; from the second on it
is closed as people close theirs who open them farther."""
_LOWER_FAR, _CHIN_FAR = 0.72, 0.42
"""How far of the gap the lower lip comes, and how far of that the chin. In the talk of four people: 0.72 to 0.75, and
0.35 to 0.45; the outer edge went 0.5 to 0.8 (upper) and 0.9 to 1.1 (lower lip) as far as the inner one."""


def neutral_shape(shapes: Points) -> Points:
    """The person's own mouth at its least open: (n, 478, 3) -> (478, 3).

    The median of the tenth of frames with the smallest opening; of all frames where the mouth hardly moves.
    """
    gap = opening(shapes)
    if np.percentile(gap, 97) - np.percentile(gap, 3) < 0.03:
        return np.median(shapes, axis=0)
    lowest = np.argsort(gap, kind="stable")[: max(3, len(gap) // 10)]
    return np.median(shapes[lowest], axis=0)


def closed_neutral(neutral: Points) -> Points:
    """The neutral (478, 3) with the inner lips together: 40 % of each gap from above, 60 % from below.

    The outer rings and, a little, the chin follow, so that nothing folds. Lips that never come near each other are as
    thick as they are when they do: as mouths really close, the lower lip comes as a whole, with the jaw, and 72 % far.
    """
    closed = neutral.copy()
    gap = neutral[_INNER_LOWER[1:-1], 1] - neutral[_INNER_UPPER[1:-1], 1]
    wide = float(np.clip((gap.max() - _PARTED_IO) / (_WIDE_IO - _PARTED_IO), 0, 1))
    lower = 0.6 + wide * (_LOWER_FAR - 0.6)
    for ring, near, far in (
        (mesh.INNER_UPPER, 1.0, 1.0),
        (mesh.INNER_MIDDLE_UPPER, 0.9, 0.9),
        (mesh.MIDDLE_UPPER, 0.7, 0.8),
        (mesh.OUTER_UPPER, 0.5, 0.7),
    ):
        closed[list(ring[1:-1]), 1] += (1 - lower) * (near + wide * (far - near)) * gap
    for ring, near in (
        (mesh.INNER_LOWER, 1.0),
        (mesh.INNER_MIDDLE_LOWER, 0.95),
        (mesh.MIDDLE_LOWER, 0.8),
        (mesh.OUTER_LOWER, 0.6),
    ):
        closed[list(ring[1:-1]), 1] -= lower * (near + wide * (1 - near)) * gap
    chin = 0.35 + wide * (_CHIN_FAR - 0.35)
    closed[list(mesh.CHIN), 1] -= chin * lower * gap[4]  # gap[4] is between 13 and 14
    return closed


@dataclass(frozen=True, slots=True, eq=False)
class ShapeBasis:
    """Directions in which mouths move, pooled over people; the jaw, chin and cheeks come along.

    Plain SVD without a mean of `(shape - closed neutral) / mouth_scale * weights` (docs/models/shape-basis.md).
    """

    components: Floats
    """(k, n_points * 3), orthonormal rows, strongest first."""
    points: NDArray[np.intp]
    """(n_points,) the mesh points of the lower face that the basis moves."""
    weights: Floats
    """(n_points, 3)."""
    spread: Floats
    """(k,) standard deviation of each coefficient over the pooled speakers."""

    def encode(self, shapes: Points, closed: Points, n: int = N_SHAPE) -> Floats:
        """Coefficients (..., n) of shapes (..., 478, 3), relative to the person's closed neutral (478, 3)."""
        moved = (shapes - closed)[..., self.points, :] / mouth_scale(closed) * self.weights
        return moved.reshape(*moved.shape[:-2], -1) @ self.components[:n].T

    def decode(self, coefficients: Floats, closed: Points) -> Points:
        """Displacements from the closed neutral, (..., 478, 3) IO, of coefficients (..., n); points outside stay."""
        n = coefficients.shape[-1]
        moved = (coefficients @ self.components[:n]).reshape(*coefficients.shape[:-1], len(self.points), 3)
        out = np.zeros((*coefficients.shape[:-1], *closed.shape))
        out[..., self.points, :] = moved / self.weights * mouth_scale(closed)
        return out

    def project(self, displacements: Points, n: int = N_SHAPE) -> Points:
        """Keep of displacements (..., 478, 3) only what the basis can say: mouths move so, noise does not."""
        flat = (displacements[..., self.points, :] * self.weights).reshape(*displacements.shape[:-2], -1)
        kept = (flat @ self.components[:n].T @ self.components[:n]).reshape(*displacements.shape[:-2], -1, 3)
        out = np.zeros_like(displacements)
        out[..., self.points, :] = kept / self.weights
        return out


def mouth_scale(closed: Points) -> float:
    """How large this person's mouth is beside the reference, within reason."""
    return float(np.clip(width(closed) / REFERENCE_WIDTH, 0.7, 1.25))


@cache
def shape_basis() -> ShapeBasis:
    """The basis that ships with the package (made by `make train`)."""
    with resources.files("lipwright.vision").joinpath("shape_basis.npz").open("rb") as file:
        table = np.load(file)
        return ShapeBasis(
            components=table["components"].astype(np.float64),
            points=table["points"].astype(np.intp),
            weights=table["weights"].astype(np.float64),
            spread=table["spread"].astype(np.float64),
        )
