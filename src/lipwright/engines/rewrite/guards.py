"""When a frame must not be driven, or only in part: turned away, hidden, just lost or just found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lipwright.core.timeline import FramePlan
from lipwright.engines.rewrite.picture import smoothstep
from lipwright.vision.shape import Floats

FULL_TURN_DEG = 35.0
NO_TURN_DEG = 50.0
"""Driven fully up to the first angle away from the camera, not at all beyond the second."""
RAMP_S = 0.16
"""Time over which the drive comes in and goes out beside frames that are left alone: four frames at 25 frames/s."""
MOST_OF_DOUBTED: Final = 0.98
"""How far frames may be driven on which something may be before the mouth: fully to the eye, but too little to lend."""


def ramp_frames(frames_per_s: float) -> int:
    """The same in frames, of footage at this rate."""
    return max(1, round(RAMP_S * frames_per_s))


def turned_away_deg(rotation: Floats) -> Floats:
    """Yaw away from the camera of each frame: (n, 3, 3) -> (n,)."""
    forward = rotation[:, :, 2]
    return np.abs(np.degrees(np.arctan2(forward[:, 0], forward[:, 2])))


def until_own(plan: FramePlan) -> Floats:
    """How far each entry of the plan is driven, (n_plan,) 0..1: it goes out where lips are their own again."""
    if plan.own_from_s is None:
        return np.ones(len(plan))
    over_s = np.array([float(time_s - plan.own_from_s) for time_s in plan.times_s])
    return np.asarray(1 - smoothstep(over_s / RAMP_S), np.float64)


def strengths(
    frame_index: Sequence[int],
    rotation: Floats,
    occluded: NDArray[np.bool_],
    *,
    cuts: Sequence[int] = (),
    last_frame: int | None = None,
    frames_per_s: float = 25,
) -> tuple[Floats, list[str]]:
    """How far each row may be driven, (n,) 0..1, and why not where it is 0.

    Beside frames that are left alone, the drive ramps over RAMP_S, so that nothing pops, or over as many frames as
    are left alone where these are fewer: a hand waved before the mouth is no reason to stop talking. Not beside those
    of another shot, where everything pops. `cuts` are the frames with which a shot begins, `last_frame` is the last
    one that was looked at: where a face comes into view, or leaves, its neighbours are left alone too.
    """
    n, n_ramp = len(rotation), ramp_frames(frames_per_s)
    turn = turned_away_deg(rotation)
    strength = 1 - np.clip((turn - FULL_TURN_DEG) / (NO_TURN_DEG - FULL_TURN_DEG), 0, 1)
    reason = ["profile" if s <= 0 else "" for s in strength]
    blocked = (strength <= 0) | occluded
    reason = ["occluded" if hidden else why for hidden, why in zip(occluded, reason, strict=True)]
    index, ramp = np.asarray(frame_index), np.ones(n)
    # distance, in frames, to the nearest frame that is left alone: blocked, or missing from the track
    bad = index[blocked].tolist()
    frames_over = _lengths(blocked, index)[blocked].clip(max=n_ramp).tolist()
    gaps = np.flatnonzero(np.diff(index) != 1)
    bad += (index[gaps] + 1).tolist() + (index[gaps + 1] - 1).tolist()
    if n and index[0] > 0:
        bad.append(int(index[0]) - 1)
    if n and last_frame is not None and index[-1] < last_frame:
        bad.append(int(index[-1]) + 1)
    frames_over += [n_ramp] * (len(bad) - len(frames_over))
    for n_over in sorted(set(frames_over)):
        edges = np.unique([edge for edge, over in zip(bad, frames_over, strict=True) if over == n_over])
        after = np.clip(np.searchsorted(edges, index), 0, len(edges) - 1)
        before = np.clip(after - 1, 0, len(edges) - 1)
        shot, of_edge = (np.searchsorted(cuts, numbers, side="right") for numbers in (index, edges))
        away = np.full(n, n_over + 1)
        for near in (before, after):
            away = np.where(of_edge[near] == shot, np.minimum(away, np.abs(index - edges[near])), away)
        ramp = np.minimum(ramp, smoothstep(away / (n_over + 1)))
    reason = [why or ("lost_track" if r <= 0 else "") for why, r in zip(reason, ramp, strict=True)]
    strength = strength * ramp
    strength = np.where(blocked, 0.0, strength)
    return np.asarray(strength), reason


def _lengths(is_one: NDArray[np.bool_], index: NDArray[np.intp]) -> NDArray[np.intp]:
    """(n,) how many rows of successive frames in a row are alike, of those that each row is among."""
    breaks = np.flatnonzero((np.diff(is_one.astype(np.int8)) != 0) | (np.diff(index) != 1)) + 1
    lengths = np.diff([0, *breaks.tolist(), len(is_one)])
    return np.repeat(lengths, lengths)
