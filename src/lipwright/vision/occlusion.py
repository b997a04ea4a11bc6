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

from lipwright.core.face import N_LANDMARKS, TrackedFace
from lipwright.core.media import VideoFrame
from lipwright.vision import mesh

_MIN_FRAMES: Final = 8
"""With fewer frames a clip says nothing about what is usual on it."""
_MANY: Final = 0.4
"""A median is still that of the lips where something covers them on so large a share of the frames."""
_FLOOR: Final = np.array([6.0, 2.5, 2.5])
"""Least spread of brightness and of the two chromas, levels of 8 bits: noise and compression."""
_GAIN_RANGE: Final = (0.6, 1.7)
_LEAST_SCORE: Final = 1.0
_OVER_MEDIAN: Final = 2.6
_OVER_SPREAD: Final = 8.0
_RING_TIMES: Final = 2.0
"""Skin shows more shadows than lips do: it must differ by so much more."""
_OWN_TINT: Final = (30, 70)
"""Percentiles of blue and red difference that lips have of their own: whatever else is seen there is less red."""
_LEAST_TINT: Final = 7.0
_TINT_SHARE: Final = 0.3
"""Farther from it than either, levels of 8 bits and share of their own colour, lips never are, but for a moment."""
_LEAST_LIP_TINT: Final = 6.0
"""Lips whose tint is no farther from that of the skin by them, in levels of 8 bits, do not tell skin from lips."""
_SKIN_SHARE: Final = 0.55
"""Of the way from the tint of lips to that of the skin: lips that talk go less than half of it."""
_LEAST_LEFT: Final = 0.4
"""Of the usual tint of all: of frames that are paler, or nearly dark, tints say nothing."""
_LEAST_DARKER: Final = 15.0
_STILL_DARKER: Final = 0.75
"""Lips that are so much darker than the skin by them, levels of 8 bits, lose a share of it where skin covers them."""
_MASK_TINT: Final = 10.0
"""So far apart, levels of 8 bits, are the tint of what covers the rest and the nearest one from the eyes upwards."""
_ONE_TINT: Final = 1.5
"""Lips and skin by them, under one cover, are no farther apart."""
_LEAST_RED: Final = 133.0
"""Skin is redder than grey by as much; a fringe that hides all of the forehead and the lids mostly is not."""
_TONGUE_RED: Final = 14.0
"""Levels of 8 bits by which skin of a chin never is redder than usual: tongues are by 20 and more."""
_PATCH_IO: Final = 0.012
"""Half the side of the little square that is averaged at each point."""
_GAP_S: Final = 0.12
"""What is before a mouth is not gone for so short a time; of slow footage, for one frame."""
_FLASH_S: Final = 0.06
"""Frames that last longer are believed each for itself: a hand may be there on that one alone."""
_SUDDEN_TIMES: Final = 2.5
"""What passes before a mouth is gone after a frame or two, and its score is so many times that of those beside.

Lips that open wide, which are most of the false alarms, take three frames and more to do so, at 25 frames/s.
"""
_OTHER_LIGHT: Final = 0.1
"""Logarithm of the forehead's brightness to that beside: a flash is 0.17 and more, and none of a hand is 0.02."""
_RAISED_TIMES: Final = 1.5
"""Of the usual score: what is told now and then while it stays above this is there all the time."""
_TOLD_TIMES: Final = 3
_LONGEST_UNTOLD_S: Final = 0.5

_OU, _OL = np.array(mesh.OUTER_UPPER), np.array(mesh.OUTER_LOWER)
_IU, _IL = np.array(mesh.INNER_UPPER), np.array(mesh.INNER_LOWER)
_LIP_GROUPS: Final = (slice(0, 3), slice(2, 5), slice(4, 7))
_N_LIP_GROUPS: Final = 6
_MIDDLES: Final = [1, 4]
_SKIN_BY: Final = [_N_LIP_GROUPS, _N_LIP_GROUPS + 1]
"""The groups in the middle of the upper and the lower lip, and those of the skin by them."""
_NOSE: Final = 5
_CHEEKS: Final = [50, 280, 205, 425, 195, _NOSE]
_BROWS: Final = [151, 9, 168, 27, 257]
"""Forehead, between the brows, between the eyes, and both upper lids: what is worn before a mouth ends below these."""
_CHIN: Final = [18, 200]
"""Its middle, under the lower lip and farther down."""
_OFFSETS: Final = np.array([(x, y) for y in (-1, 0, 1) for x in (-1, 0, 1)], np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Occlusion:
    """What was found, one entry for each observed frame."""

    is_hidden: NDArray[np.bool_]
    """(n,) the mouth is covered."""
    is_doubted: NDArray[np.bool_]
    """(n,) it is, or was suspected to be: whether or not that was believed, such a mouth is none to lend."""
    score: NDArray[np.float64]
    """(n,) how unlike themselves the lips look, in spreads of the clip."""
    threshold: float
    """Scores above it mean hidden."""


class OcclusionMeter:
    """Watches one face through pass one; a few hundred bytes for each frame."""

    def __init__(self) -> None:
        self._looks: list[NDArray[np.float32]] = []
        self._times_s: list[float] = []

    def observe(self, frame: VideoFrame, face: TrackedFace) -> None:
        self._looks.append(_look(frame, face.landmarks))
        self._times_s.append(float(frame.time_s))

    def finish(self) -> Occlusion:
        """Judge all observed frames against each other."""
        n = len(self._looks)
        if n < _MIN_FRAMES:
            return Occlusion(np.zeros(n, np.bool_), np.zeros(n, np.bool_), np.zeros(n), np.inf)
        points = np.array(self._looks, np.float64).reshape(n, -1, 3)
        cheeks, brows, chin, seen = np.split(points, np.cumsum([len(_CHEEKS), len(_BROWS), len(_CHIN)]), axis=1)
        is_hidden = _are_masked(cheeks[:, _CHEEKS.index(_NOSE)], brows, seen)
        score, threshold = np.zeros(n), np.inf
        bare = ~is_hidden
        if np.count_nonzero(bare) >= _MIN_FRAMES:
            is_hidden[bare], score[bare], threshold = _judged(cheeks[bare], chin[bare], seen[bare])
        step_s = float(np.median(np.diff(self._times_s)))
        suspected = is_hidden
        if step_s <= _FLASH_S:
            light = np.asarray(np.median(brows[..., 0], axis=1), np.float64)
            is_sudden = (score > threshold) & _come_suddenly(score, light)
            is_hidden = (suspected & (_have_neighbours(suspected) | is_sudden)) | _stay(suspected, score, step_s)
        is_hidden = _without_gaps(is_hidden, step_s)
        return Occlusion(is_hidden, is_hidden | suspected, score, threshold)


def _are_masked(nose: NDArray[np.float64], brows: NDArray[np.float64], seen: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n,) whether one thing covers all from nose to chin, of colours (n, 3), (n, n_points, 3) and (n, n_groups, 3).

    What is worn for the whole clip is usual on it, so the face itself is asked: there lips and the skin by them have
    one tint, and skin from the eyes upwards has another all over. A beard leaves the nose bare, lips of a drained
    picture have the tint of all skin, and hair that falls into the forehead does not lie on all that is asked there.
    """
    lips, ring, skin = seen[:, :_N_LIP_GROUPS, 1:], seen[:, _N_LIP_GROUPS:, 1:], brows[..., 1:]
    worn = (np.asarray(ring.mean(1), np.float64), nose[:, 1:])
    apart: NDArray[np.float64] = np.min([np.linalg.norm(skin - at[:, None], axis=2).min(1) for at in worn], axis=0)
    is_masked = apart > _MASK_TINT / 2
    if np.count_nonzero(is_masked) < max(_MIN_FRAMES, _MANY * len(seen)):
        return np.zeros(len(seen), np.bool_)
    # of all together: a pattern, or folds, differ from place to place
    lip, by_lip = (np.median(of[is_masked], axis=(0, 1)) for of in (lips, ring))
    is_one = np.linalg.norm(lip - by_lip) < _ONE_TINT
    is_skin = np.median(skin[is_masked][..., 1]) > _LEAST_RED
    return is_masked & bool(is_one and is_skin and np.median(apart[is_masked]) > _MASK_TINT)


def _judged(
    cheeks: NDArray[np.float64], chin: NDArray[np.float64], seen: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.float64], float]:
    """Which frames are unlike the others, their scores, both (n,), and the threshold of these."""
    colours = _in_usual_light(cheeks, seen)
    is_foreign = _are_of_other_tint(cheeks, seen, colours) | _are_of_skin_tint(cheeks, seen, colours)
    own = np.ones(len(seen), np.bool_)
    if np.mean(is_foreign) > _MANY and np.count_nonzero(~is_foreign) >= _MIN_FRAMES:
        own = ~is_foreign  # else a mask that is worn for most of the clip passes for the lips
    usual = np.asarray(np.median(colours[own], axis=0), np.float64)
    spread = np.asarray(1.4826 * np.median(np.abs(colours[own] - usual), axis=0), np.float64)
    unlike: NDArray[np.float64] = np.sqrt((((colours - usual) / (spread + _FLOOR)) ** 2).mean(2))  # (n, n_groups)
    # most of the lips must be foreign: one corner in a shadow is none
    score: NDArray[np.float64] = np.sort(unlike[:, :_N_LIP_GROUPS], axis=1)[:, 2:].mean(axis=1)
    middle = float(np.median(score[own]))
    around = 1.4826 * float(np.median(np.abs(score[own] - middle)))
    threshold = max(_LEAST_SCORE, _OVER_MEDIAN * middle, middle + _OVER_SPREAD * around)
    ring = unlike[:, _N_LIP_GROUPS:].min(1)
    is_hidden = (score > threshold) | (ring > _RING_TIMES * threshold) | is_foreign | _show_the_tongue(cheeks, chin)
    return is_hidden, score, threshold


def _are_of_other_tint(
    cheeks: NDArray[np.float64], colours: NDArray[np.float64], lit: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """(n,) whether a part of the lips has a colour that lips do not have, of colours (n, n_groups, 3).

    What comes before the mouth again and again is usual on the clip; a thing at a corner covers few parts of the lips.
    It must be seen in the colours as they would be in usual light, and as they are where all of them are paler.
    """
    away: NDArray[np.float64] | None = None
    for seen, share in _lit_and_paler(cheeks, colours, lit):
        tints = seen[:, :_N_LIP_GROUPS, 1:] - 128
        blue, red = (np.asarray(np.percentile(tints[..., axis], at, axis=0)) for axis, at in enumerate(_OWN_TINT))
        own = np.stack([blue, red], axis=-1).astype(np.float64)
        off: NDArray[np.float64] = np.sqrt(((tints - share * own) ** 2).mean(2))
        strength: NDArray[np.float64] = np.sqrt((own * own).sum(1))
        limit = max(_LEAST_TINT, _TINT_SHARE * float(np.median(strength)))
        away = off / limit if away is None else np.minimum(away, off / limit)
    assert away is not None
    return np.asarray((away > 1).any(1))


def _are_of_skin_tint(
    cheeks: NDArray[np.float64], colours: NDArray[np.float64], lit: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """(n,) whether the middles of both lips look like the skin by them, of colours (n, n_groups, 3).

    A finger laid on them upright is of the person's own skin and covers little else. The corners are not asked: lips
    are thin there, and what is read is skin where they are pressed or stretched.
    """
    gone = np.full((len(lit), len(_MIDDLES)), np.inf)
    for seen, share in _lit_and_paler(cheeks, colours, lit):
        usual = np.asarray(np.median(seen, axis=0), np.float64)
        way: NDArray[np.float64] = (usual[_SKIN_BY] - usual[_MIDDLES])[:, 1:]
        length2: NDArray[np.float64] = (way * way).sum(1)
        off = seen[:, _MIDDLES, 1:] - 128 - share * (usual[_MIDDLES, 1:] - 128)
        # the paler all is, the shorter the way; of what is nearly grey nothing can be said
        along = (off * way).sum(2) / np.maximum(share[..., 0] * length2, 1e-9)
        is_told = (length2 > _LEAST_LIP_TINT**2) & (share[..., 0] > _LEAST_LEFT)
        gone = np.minimum(gone, np.where(is_told, along, 0))
    # coarse pictures smear tints, but hardly the brightness
    darker: NDArray[np.float64] = lit[:, _SKIN_BY, 0] - lit[:, _MIDDLES, 0]
    usually = np.asarray(np.median(darker, axis=0), np.float64)
    is_bright = (darker < _STILL_DARKER * usually) | (usually < _LEAST_DARKER)
    return np.asarray(((gone > _SKIN_SHARE) & is_bright).all(1))


def _show_the_tongue(cheeks: NDArray[np.float64], chin: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n,) whether all of the chin's middle is far redder than on most frames, of colours (n, n_points, 3).

    A tongue that hangs out belongs to the lips and covers little of them, but it lies on the chin.
    """
    redder = np.full(chin.shape[:2], np.inf)
    for seen, share in _lit_and_paler(cheeks, chin, _in_usual_light(cheeks, chin)):
        red = seen[..., 2] - 128
        redder = np.minimum(redder, red - share[:, 0] * np.median(red, axis=0))
    return np.asarray((redder > _TONGUE_RED).all(1))


def _lit_and_paler(
    cheeks: NDArray[np.float64], colours: NDArray[np.float64], lit: NDArray[np.float64]
) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]:
    """Colours in usual light, and as they are, each with the share of their tint that is left on a frame, (n, 1, 1)."""
    strong: NDArray[np.float64] = np.linalg.norm(cheeks[..., 1:] - 128, axis=2)
    # a fade, a flash or a haze takes from lips and all cheeks alike; a hand before the mouth covers some of them
    usual = np.maximum(np.asarray(np.median(strong, axis=0), np.float64), 1.0)
    left = np.minimum((strong / usual).max(1), 1.0)[:, None, None]
    return (lit, np.ones_like(left)), (colours, left)


def _in_usual_light(cheeks: NDArray[np.float64], colours: NDArray[np.float64]) -> NDArray[np.float64]:
    """Colours (n, n_groups, 3) as they would be, were the cheeks (n, n_points, 3) lit as in most of the clip.

    A lamp that goes off, or the light of a screen, changes cheeks, nose and lips alike; what covers the lips does not
    cover all of these.
    """
    darkest, brightest = _GAIN_RANGE
    light = np.asarray(np.median(cheeks[:, :, 0], axis=1), np.float64)
    gain: NDArray[np.float64] = (float(np.median(light)) / np.maximum(light, 8.0)).clip(darkest, brightest)
    out = colours * gain[:, None, None]
    shifts = cheeks[:, :, 1:] - np.median(cheeks[:, :, 1:], axis=0)
    # what all points have in common
    tint = np.maximum(shifts.min(1), 0) + np.minimum(shifts.max(1), 0)
    out[:, :, 1:] = colours[:, :, 1:] - tint[:, None]
    return out


def _reading_points() -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """(n, 478) weights of the mesh points for each point that is read, those of no group last; where groups begin."""
    eye = np.eye(N_LANDMARKS)
    upper, lower = (eye[_OU] + eye[_IU])[2:9] / 2, (eye[_OL] + eye[_IL])[2:9] / 2
    middle = (eye[_OU[1:-1]].mean(0) + eye[_OL[1:-1]].mean(0)) / 2
    above = eye[_OU[3:8]] + 0.2 * (eye[_OU[3:8]] - middle)
    below = eye[_OL[2:9]] + 0.3 * (eye[_OL[2:9]] - middle)
    groups = [*(upper[part] for part in _LIP_GROUPS), *(lower[part] for part in _LIP_GROUPS), above, below]
    starts = np.cumsum([0, *(len(group) for group in groups)])
    return np.concatenate([*groups, eye[_CHEEKS], eye[_BROWS], eye[_CHIN]]), starts.astype(np.intp)


_WEIGHTS, _STARTS = _reading_points()
_USED = np.flatnonzero(_WEIGHTS.any(0))
_WEIGHTS_USED = np.ascontiguousarray(_WEIGHTS[:, _USED])
_SIZES = np.diff(_STARTS)


def _look(frame: VideoFrame, landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """(3 * n_points + 3 * n_groups,): Y, Cb, Cr of points of no group, and means of each group, 8-bit scale."""
    across = landmarks[33] - landmarks[263]
    step_px = max(1.0, _PATCH_IO * float(np.sqrt(across @ across)))
    at = _WEIGHTS_USED @ landmarks[_USED, :2]
    places = (at[:, None] + step_px * _OFFSETS).reshape(-1, 2)
    planes = frame.planes[:3] if len(frame.planes) >= 3 else frame.planes[:1]
    values = np.full((3, len(at)), 128.0)
    where: dict[tuple[int, int], tuple[NDArray[np.intp], NDArray[np.intp]]] = {}
    for number, plane in enumerate(planes):
        step = frame.chroma_step if number else (1, 1)
        if step not in where:
            spots = np.rint((places + 0.5) / step - 0.5).astype(np.intp)
            last = (plane.shape[1] - 1, plane.shape[0] - 1)
            where[step] = (
                np.minimum(np.maximum(spots[:, 0], 0), last[0]),
                np.minimum(np.maximum(spots[:, 1], 0), last[1]),
            )
        x, y = where[step]
        values[number] = plane[y, x].reshape(-1, len(_OFFSETS)).sum(1) / (len(_OFFSETS) << (frame.bits - 8))
    colours = np.add.reduceat(values[:, : _STARTS[-1]], _STARTS[:-1], axis=1) / _SIZES
    return np.concatenate([values[:, _STARTS[-1] :].T.ravel(), colours.T.ravel()]).astype(np.float32)


def _have_neighbours(is_suspected: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(n,) whether the frame before or the one behind is suspected too."""
    padded = np.concatenate([[False], is_suspected, [False]])
    return np.asarray(padded[:-2] | padded[2:])


def _come_suddenly(score: NDArray[np.float64], light: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n,) whether something is there that was not just before and is not just after, under the same light (n,).

    A flash, a fade or a head that is flung around changes the forehead as well.
    """
    n = len(score)
    is_sudden = np.zeros(n, np.bool_)
    logs = np.log(np.maximum(light, 1.0))
    for left, right in ((1, 1), (1, 2), (2, 1)):  # one frame, or the better or the worse of two
        at = np.arange(left, n - right)
        beside = np.maximum(score[at - left], score[at + right])
        relit = np.abs(logs[at] - (logs[at - left] + logs[at + right]) / 2)
        is_sudden[at] |= (score[at] > _SUDDEN_TIMES * beside) & (relit < _OTHER_LIGHT)
    return is_sudden


def _stay(is_suspected: NDArray[np.bool_], score: NDArray[np.float64], step_s: float) -> NDArray[np.bool_]:
    """(n,) whether they lie between two of several suspected frames, and the lips look unlike themselves all along."""
    is_there = np.zeros(len(score), np.bool_)
    if not (score > 0).any():
        return is_there
    is_raised = score > _RAISED_TIMES * np.median(score[score > 0])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_raised, [False]])))
    for first, stop in edges.reshape(-1, 2):
        told = first + np.flatnonzero(is_suspected[first:stop])
        for a, b in pairwise(told if len(told) >= _TOLD_TIMES else ()):
            if (b - a) * step_s <= _LONGEST_UNTOLD_S:
                is_there[a : b + 1] = True
    return is_there


def _without_gaps(is_hidden: NDArray[np.bool_], step_s: float) -> NDArray[np.bool_]:
    """Of frames `step_s` apart: short gaps belong to what is before a mouth."""
    n_gap = max(1, round(_GAP_S / step_s)) if step_s > 0 else 3
    filled = is_hidden.copy()
    for a, b in pairwise(np.flatnonzero(is_hidden)):
        if 1 < b - a <= n_gap + 1:
            filled[a:b] = True
    return filled
