"""Is something before the mouth? A hand, a microphone, a cup: what the clip's own lower face cannot explain.

The skin around the lips is brought into a small upright picture. Over a clip these pictures vary in few ways
(light, turning, jaw); a low-rank model that is fitted without the worst frames explains them, and what it leaves
over is foreign. Lips that lose their redness against the skin around them are covered too.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.core.face import TrackedFace
from lipwright.core.media import VideoFrame
from lipwright.vision import mesh
from lipwright.vision.colour import warp_rgb

_SIDE: Final = 40
_ROWS: Final = 30
"""The picture is 40 x 30: the lowest rows of the square window show the neck and are left out."""
_LIP_ROOM: Final = 1.15
_N_DIRECTIONS: Final = 6
_MAX_FIT: Final = 300
_MIN_FRAMES: Final = 8
"""With fewer frames a clip says nothing about what is usual on it."""
_PERCENTILE: Final = 85
_LEAST_SCORE: Final = 0.06
_OVER_MEDIAN: Final = 2.2
_OVER_SPREAD: Final = 6.0
_RED_DROP: Final = 0.35
_LEAST_REDNESS: Final = 4.0
_RAMP_FRAMES: Final = 4

_LIPS = list(mesh.LIPS)
_OUTER = [*mesh.OUTER_UPPER, *mesh.OUTER_LOWER[-2:0:-1]]
_INNER = [*mesh.INNER_UPPER, *mesh.INNER_LOWER[-2:0:-1]]
_JAW = [*mesh.JAW, 234, 2, 454]


@dataclass(frozen=True, slots=True, eq=False)
class Occlusion:
    """What was found, one entry for each observed frame."""

    is_hidden: NDArray[np.bool_]
    """(n,) the mouth, or the skin around it, is covered."""
    score: NDArray[np.float64]
    """(n,) how much of the lower face is unexplained, as a share of full scale."""
    threshold: float
    """Scores above it mean hidden."""

    @property
    def strength(self) -> NDArray[np.float64]:
        """(n,) 0 on hidden frames, 1 far from them, with a ramp of four frames."""
        n = len(self.is_hidden)
        hidden = np.flatnonzero(self.is_hidden)
        if not len(hidden):
            return np.ones(n)
        away = np.abs(np.arange(n)[:, None] - hidden[None]).min(1)
        t = np.clip(away / (_RAMP_FRAMES + 1), 0, 1)
        return t * t * (3 - 2 * t)


class OcclusionMeter:
    """Watches one face through pass one; about 2.4 kB and a third of a millisecond for each frame."""

    def __init__(self) -> None:
        self._pictures: list[NDArray[np.float16]] = []
        self._valid: list[NDArray[np.uint8]] = []
        self._redness: list[float] = []

    def observe(self, frame: VideoFrame, face: TrackedFace) -> None:
        to_source = _window(face.landmarks)
        picture = warp_rgb(frame, to_source, _SIDE)[:_ROWS].astype(np.float32)
        inverse = np.asarray(cv2.invertAffineTransform(to_source))
        points = face.landmarks[:, :2] @ inverse[:, :2].T + inverse[:, 2]
        valid = np.zeros((_ROWS, _SIDE), np.uint8)
        _fill(valid, _hull(points[_JAW]), 1)
        lips = points[_LIPS]
        middle = lips.mean(0)
        _fill(valid, _hull(middle + _LIP_ROOM * (lips - middle)), 0)
        _fill_strip(valid)
        luma = picture @ np.array([0.2126, 0.7152, 0.0722], np.float32)
        red, blue = picture[..., 0] - luma, picture[..., 2] - luma
        self._pictures.append(np.stack([luma, red, blue]).astype(np.float16))
        self._valid.append(np.packbits(valid))
        self._redness.append(_lip_redness(red - blue, points, valid))

    def finish(self) -> Occlusion:
        """Judge all observed frames against each other."""
        n = len(self._pictures)
        if n < _MIN_FRAMES:
            return Occlusion(np.zeros(n, np.bool_), np.zeros(n), np.inf)
        rows = np.unique(np.linspace(0, n - 1, min(n, _MAX_FIT)).astype(np.intp))
        model = _Model.fit(np.stack([self._picture(k) for k in rows]), np.stack([self._mask(k) for k in rows]))
        score = np.array([model.score(self._picture(k), self._mask(k)) for k in range(n)])
        middle = float(np.median(score))
        spread = 1.4826 * float(np.median(np.abs(score - middle)))
        threshold = max(middle + _OVER_SPREAD * spread, _OVER_MEDIAN * middle, _LEAST_SCORE)
        is_hidden = score > threshold
        redness = np.asarray(self._redness)
        usual = float(np.median(redness))
        red_spread = 1.4826 * float(np.median(np.abs(redness - usual)))
        if usual > max(_LEAST_REDNESS, 3 * red_spread):
            is_hidden |= (redness < _RED_DROP * usual) & (redness < usual - _OVER_SPREAD * red_spread)
        return Occlusion(_without_flashes(is_hidden), score, threshold)

    def _picture(self, k: int) -> NDArray[np.float32]:
        return self._pictures[k].astype(np.float32).reshape(3, -1)

    def _mask(self, k: int) -> NDArray[np.bool_]:
        return np.unpackbits(self._valid[k])[: _ROWS * _SIDE].astype(np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class _Model:
    """The usual lower face and the ways in which it varies."""

    usual: NDArray[np.float32]
    """(3, n_cells)."""
    directions: NDArray[np.float32]
    """(6, 3 * n_cells) orthonormal."""

    @classmethod
    def fit(cls, pictures: NDArray[np.float32], masks: NDArray[np.bool_]) -> _Model:
        """Median and directions of (n, 3, n_cells); twice, the second time without the frames that fit worst."""
        keep = np.ones(len(pictures), np.bool_)
        model = cls(np.median(pictures, axis=0), np.zeros((0, pictures[0].size), np.float32))
        for _ in range(3):
            usual = np.asarray(np.median(pictures[keep], axis=0), np.float32)
            flat = cls(usual, np.zeros((0, usual.size), np.float32))
            rest = np.stack([flat.difference(p, m).ravel() for p, m in zip(pictures[keep], masks[keep], strict=True)])
            _, _, directions = np.linalg.svd(rest, full_matrices=False)
            model = cls(usual, directions[: min(_N_DIRECTIONS, len(rest) // 4)].astype(np.float32))
            scores = np.array([model.score(p, m) for p, m in zip(pictures, masks, strict=True)])
            keep = scores <= np.percentile(scores, 75)
        return model

    def difference(self, picture: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """(3, n_cells) away from the usual face after the light is made equal; 0 where nothing can be said."""
        if mask.sum() < 20:
            return np.zeros_like(picture)
        gain = float(np.median(self.usual[0, mask]) / max(float(np.median(picture[0, mask])), 4.0))
        return np.where(mask, picture * float(np.clip(gain, 0.6, 1.7)) - self.usual, 0).astype(np.float32)

    def score(self, picture: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
        if mask.sum() < 20:
            return 0.0
        rest = self.difference(picture, mask).ravel()
        rest = rest - (rest @ self.directions.T) @ self.directions
        size = np.abs(rest.reshape(3, -1)[:, mask])
        cell = size[0] + size[1] + size[2]
        return float(np.percentile(cell, _PERCENTILE)) / 255


def _window(landmarks: NDArray[np.float32]) -> NDArray[np.float64]:
    """(2, 3) from the 40 x 40 window to the source: along the eyes and down the nose, from there to the chin."""
    points = landmarks[:, :2].astype(np.float64)
    along = points[263] - points[33]
    down = points[mesh.NOSE_BASE] - points[168]
    step_x, step_y = 1.15 * along / _SIDE, 1.75 * down / _SIDE
    origin = points[mesh.NOSE_BASE] - step_x * _SIDE / 2 - 0.15 * down
    return np.column_stack([step_x, step_y, origin])


def _hull(points: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(cv2.convexHull(points.astype(np.float32)), np.float32)[:, 0]


def _fill(mask: NDArray[np.uint8], polygon: NDArray[np.float32], value: int) -> None:
    cv2.fillPoly(mask, [np.round(polygon * 16).astype(np.int32)], (value,), shift=4)


def _fill_strip(mask: NDArray[np.uint8]) -> None:
    """The rim of the face flickers between skin and background: leave it out."""
    mask[:] = cv2.erode(mask, np.ones((3, 3), np.uint8), borderValue=(0,))


def _lip_redness(red: NDArray[np.float32], points: NDArray[np.float64], skin: NDArray[np.uint8]) -> float:
    """How much redder the lips are than the skin around them."""
    lips = np.zeros((_ROWS, _SIDE), np.uint8)
    _fill(lips, points[_OUTER].astype(np.float32), 1)
    _fill(lips, points[_INNER].astype(np.float32), 0)
    if lips.sum() < 5 or skin.sum() < 20:
        return 0.0
    return float(np.median(red[lips > 0]) - np.median(red[skin > 0]))


def _without_flashes(is_hidden: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Things stay before a mouth for more than one frame, and gaps of up to three frames between belong to them."""
    padded = np.concatenate([[False], is_hidden, [False]])
    alone = padded[1:-1] & ~padded[:-2] & ~padded[2:]
    kept = is_hidden & ~alone
    hidden = np.flatnonzero(kept)
    for a, b in pairwise(hidden):
        if 1 < b - a <= 4:
            kept[a:b] = True
    return kept
