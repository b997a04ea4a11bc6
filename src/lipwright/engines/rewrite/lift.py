"""What lies on the picture is lifted off it while the face behind is changed, and laid back as it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.core.media import Plane
from lipwright.engines.rewrite.picture import Float32, Picture, lay_over, weights_for
from lipwright.vision.overlay import EDGE

_SOFT_PX = 0.8
_STROKE, _FOREIGN = 8, 30
"""Code values of 8 bits: what differs by more from what would be there is laid back, by an edge and elsewhere."""
_LEAST = 1e-6
_UNCOVERED = 0.99


@dataclass(frozen=True, slots=True, eq=False)
class Lifted:
    """What was taken off a picture."""

    parts: list[Plane]
    """The picture's as they were."""
    alpha: Float32
    """(h, w) 0..1: how much of them is laid back, in luma pixels."""


def lift(picture: Picture, cover: NDArray[np.uint8]) -> Lifted:
    """Put what is around it in place of what lies under `cover`, (h, w) of 0, 1 and, by edges, `EDGE`, in place.

    What hardly differs from that stays, and goes along with the rest: between letters there is skin. So does what
    differs, but hangs together with no edge: a jaw.
    """
    known = (cover == 0).astype(np.float32)
    before = picture.parts
    height, width = cover.shape
    differs, strokes = np.zeros(cover.shape, np.uint8), np.zeros(cover.shape, np.uint8)
    filled: list[Float32] = []
    for part in before:
        # chroma that is partly covered is not what it was
        weights = (weights_for(known, part) > _UNCOVERED).astype(np.float32)
        values = part.astype(np.float32)
        filled.append(_filled(values, weights))
        away = np.abs(filled[-1] - values)
        away = away.max(2) if away.ndim > 2 else away
        for level, least in ((1, _FOREIGN), (EDGE, _STROKE)):
            off = (away > least << (picture.bits - 8)).astype(np.uint8)
            sized = np.asarray(cv2.resize(off, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)
            differs |= sized & (cover >= level)
            if least == _FOREIGN:
                strokes |= sized & (cover == EDGE)
    _, pieces = cv2.connectedComponents(differs)
    differs &= np.isin(pieces, np.unique(pieces[strokes > 0])).astype(np.uint8)
    differs = np.asarray(cv2.dilate(differs, np.ones((3, 3), np.uint8)), np.uint8) & (cover > 0)
    hard = differs.astype(np.float32)
    alpha = np.maximum(hard, np.asarray(cv2.GaussianBlur(hard, (0, 0), _SOFT_PX), np.float32))
    picture.parts = [part.copy() for part in before]
    for part, over in zip(picture.parts, filled, strict=True):
        lay_over(part, part.astype(np.float32), over, alpha, picture.peak)
    return Lifted(before, alpha)


def lay_back(picture: Picture, taken: Lifted) -> None:
    """Lay what was lifted off this picture onto it again, in place."""
    for part, before in zip(picture.parts, taken.parts, strict=True):
        lay_over(part, part.astype(np.float32), before, taken.alpha, picture.peak)


def _filled(values: Float32, weights: Float32) -> Float32:
    """Values where the weights are 1, and smoothly between them where they are 0: pulled up a pyramid, pushed down.

    Gortler et al. 1996, "The Lumigraph".
    """
    levels: list[tuple[Float32, Float32]] = []
    known = weights[..., 0] if weights.ndim == 3 else weights
    seen = values * weights
    while max(known.shape) > 1:
        levels.append((seen, known))
        half = (-(-known.shape[1] // 2), -(-known.shape[0] // 2))
        share = np.asarray(cv2.resize(known, half, interpolation=cv2.INTER_AREA), np.float32)
        seen = np.asarray(cv2.resize(seen, half, interpolation=cv2.INTER_AREA), np.float32).reshape(*share.shape, -1)
        # what is known of a part of a cell is soon known of all of it: else what is far away would be mixed in
        known = np.minimum(1, 4 * share)
        seen = (seen * (known / np.maximum(share, _LEAST))[..., None]).reshape(*share.shape, *values.shape[2:])
    out = seen / np.maximum(_like(known, seen), _LEAST)
    for seen, known in reversed(levels):
        size = (known.shape[1], known.shape[0])
        fine = cv2.resize(out, size, interpolation=cv2.INTER_LINEAR).reshape(seen.shape)
        out = np.asarray(seen + (1 - _like(known, seen)) * fine, np.float32)
    return out


def _like(weights: NDArray[Any], values: NDArray[Any]) -> NDArray[Any]:
    return weights[..., None] if values.ndim > weights.ndim else weights
