"""Is something before the mouth? Lips that do not have their own colours any more.

The mesh follows a covered mouth by guessing it, and then its lips lie on the hand, the cup or the microphone.
Colours are read at points that belong to the lips and to the skin close around them, wherever these move: they hardly
change while a person talks, turns or laughs, and change together when something covers them. Every frame is
judged against the whole clip, so nothing needs to be known of the person or of the thing.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lipwright.core.face import TrackedFace
from lipwright.core.media import VideoFrame
from lipwright.vision import mesh

_MIN_FRAMES: Final = 8
"""With fewer frames a clip says nothing about what is usual on it."""
_FLOOR: Final = np.array([6.0, 2.5, 2.5])
"""Least spread of brightness and of the two chromas, levels of 8 bits: noise and compression."""
_GAIN_RANGE: Final = (0.6, 1.7)
_LEAST_SCORE: Final = 1.0
_OVER_MEDIAN: Final = 2.6
_OVER_SPREAD: Final = 8.0
_RING_TIMES: Final = 2.0
"""Skin shows more shadows than lips do: it must differ by so much more."""
_PATCH_IO: Final = 0.012
"""Half the side of the little square that is averaged at each point."""
_RAMP_FRAMES: Final = 4

_OU, _OL = np.array(mesh.OUTER_UPPER), np.array(mesh.OUTER_LOWER)
_IU, _IL = np.array(mesh.INNER_UPPER), np.array(mesh.INNER_LOWER)
_LIP_GROUPS: Final = (slice(0, 3), slice(2, 5), slice(4, 7))
_N_LIP_GROUPS: Final = 6
_CHEEKS: Final = [50, 280, 205, 425, 195, 5]
_OFFSETS: Final = np.array([(x, y) for y in (-1, 0, 1) for x in (-1, 0, 1)], np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Occlusion:
    """What was found, one entry for each observed frame."""

    is_hidden: NDArray[np.bool_]
    """(n,) the mouth is covered."""
    score: NDArray[np.float64]
    """(n,) how unlike themselves the lips look, in spreads of the clip."""
    threshold: float
    """Scores above it mean hidden."""

    @property
    def strength(self) -> NDArray[np.float64]:
        """(n,) 0 on hidden frames, 1 far from them, with a ramp of four frames."""
        n = len(self.is_hidden)
        hidden = np.flatnonzero(self.is_hidden)
        if not len(hidden):
            return np.ones(n)
        after = np.clip(np.searchsorted(hidden, np.arange(n)), 0, len(hidden) - 1)
        before = np.clip(after - 1, 0, len(hidden) - 1)
        away = np.minimum(np.abs(np.arange(n) - hidden[after]), np.abs(np.arange(n) - hidden[before]))
        t = np.clip(away / (_RAMP_FRAMES + 1), 0, 1)
        return t * t * (3 - 2 * t)


class OcclusionMeter:
    """Watches one face through pass one; a hundred bytes for each frame."""

    def __init__(self) -> None:
        self._looks: list[NDArray[np.float32]] = []

    def observe(self, frame: VideoFrame, face: TrackedFace) -> None:
        self._looks.append(_look(frame, face.landmarks))

    def finish(self) -> Occlusion:
        """Judge all observed frames against each other."""
        n = len(self._looks)
        if n < _MIN_FRAMES:
            return Occlusion(np.zeros(n, np.bool_), np.zeros(n), np.inf)
        table = np.array(self._looks, np.float64)
        light, colours = table[:, 0], table[:, 1:].reshape(n, -1, 3)
        darkest, brightest = _GAIN_RANGE
        gain: NDArray[np.float64] = (float(np.median(light)) / np.maximum(light, 8.0)).clip(darkest, brightest)
        colours[:, :, 0] *= gain[:, None]
        usual = np.asarray(np.median(colours, axis=0), np.float64)
        spread = np.asarray(1.4826 * np.median(np.abs(colours - usual), axis=0), np.float64)
        unlike: NDArray[np.float64] = np.sqrt((((colours - usual) / (spread + _FLOOR)) ** 2).mean(2))  # (n, n_groups)
        # most of the lips must be foreign: one corner in a shadow is none
        score: NDArray[np.float64] = np.sort(unlike[:, :_N_LIP_GROUPS], axis=1)[:, 2:].mean(axis=1)
        middle = float(np.median(score))
        around = 1.4826 * float(np.median(np.abs(score - middle)))
        threshold = max(_LEAST_SCORE, _OVER_MEDIAN * middle, middle + _OVER_SPREAD * around)
        ring = unlike[:, _N_LIP_GROUPS:].min(1)
        is_hidden = (score > threshold) | (ring > _RING_TIMES * threshold)
        return Occlusion(_without_flashes(is_hidden), score, threshold)


def _look(frame: VideoFrame, landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """(1 + 3 * n_groups,): light on the cheeks, and the mean Y, Cb, Cr of each group of points, 8-bit scale."""
    points = landmarks[:, :2].astype(np.float64)
    io_px = float(np.linalg.norm(landmarks[33] - landmarks[263]))
    upper, lower = (points[_OU] + points[_IU])[2:9] / 2, (points[_OL] + points[_IL])[2:9] / 2
    middle = (points[_OU[1:-1]].mean(0) + points[_OL[1:-1]].mean(0)) / 2
    above = points[_OU[3:8]] + 0.2 * (points[_OU[3:8]] - middle)
    below = points[_OL[2:9]] + 0.3 * (points[_OL[2:9]] - middle)
    groups = [*(upper[part] for part in _LIP_GROUPS), *(lower[part] for part in _LIP_GROUPS), above, below]
    ends = np.cumsum([0, *(len(group) for group in groups)])
    at = np.concatenate([*groups, points[_CHEEKS]])
    step_px = max(1.0, _PATCH_IO * io_px)
    places = (at[:, None] + step_px * _OFFSETS).reshape(-1, 2)
    planes = frame.planes[:3] if len(frame.planes) >= 3 else frame.planes[:1]
    values = np.full((len(at), 3), 128.0)
    for number, plane in enumerate(planes):
        step_x, step_y = frame.chroma_step if number else (1, 1)
        x = np.clip(np.rint((places[:, 0] + 0.5) / step_x - 0.5), 0, plane.shape[1] - 1).astype(np.intp)
        y = np.clip(np.rint((places[:, 1] + 0.5) / step_y - 0.5), 0, plane.shape[0] - 1).astype(np.intp)
        read = plane[y, x].astype(np.float64).reshape(-1, len(_OFFSETS)).mean(1)
        values[:, number] = read / (1 << (frame.bits - 8))
    light = float(np.median(values[ends[-1] :, 0]))
    colours = np.array([values[a:b].mean(0) for a, b in pairwise(ends)])
    return np.concatenate([[light], colours.ravel()]).astype(np.float32)


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
