"""Do these lips go with this sound, and how late? What the network hears against what the tracker saw.

heard      opening that the sound calls for   .:"":.  .:":.
seen       opening of the tracked lips           .:"":.  .:":.
lag        where the two fit best             ---> the picture comes later: a positive offset
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lipwright.articulation.curves import Array, Floats, highest, smooth
from lipwright.articulation.network import TICK_RATE_HZ, Heard

FARTHEST_S: Final = 0.4
"""Offsets beyond this are not looked for."""
LEAST_TALK_S: Final = 2.0
"""Less speech says nothing about an offset."""
LEAST_FIT: Final = 0.36
"""Correlation from which lips count as those that speak: for 7 s at a time, of people held out from training, all who
spoke had more (98 of 100 in noise at 5 dB), and 95 of 100 who did not had less."""
SURE: Final = 0.5
"""Confidence from which an offset is believed."""
_RIVAL_S: Final = 0.15
"""A second best offset is looked for this far from the best."""
_DRIFT_S: Final = 0.6
"""What changes slower is mood, head and microphone."""
_LONGEST_GAP_S, _LONGEST_STEP_S = 0.1, 0.17
"""Between frames farther apart than this nothing is known of the lips; in footage of few frames a second they are."""
_LEAST_RANGE_IO: Final = 0.03


@dataclass(frozen=True, slots=True)
class Agreement:
    """How the lips of one face go with a sound."""

    offset_s: float
    """How much later the picture comes than the sound; NaN where nothing can be told."""
    fit: float
    """Correlation at that offset, -1..1."""
    confidence: float
    """0..1: how much better that offset fits than any other at least 0.15 s from it; 0 with little speech."""
    talk_s: float
    """Seconds of speech while the face was seen."""

    @property
    def speaks(self) -> bool:
        """Whether the sound is this face's speech."""
        return self.fit >= LEAST_FIT and self.talk_s >= LEAST_TALK_S / 2


_NONE = Agreement(float("nan"), 0.0, 0.0, 0.0)


def agreement(heard: Heard, lip_gap: Array, times_s: Array) -> Agreement:
    """Hold the opening (n,) IO of lips tracked at increasing `times_s` (n,) against what was heard from time zero."""
    lip_gap, times_s = np.asarray(lip_gap, np.float64), np.asarray(times_s, np.float64)
    if lip_gap.shape != times_s.shape:
        raise ValueError(f"expected as many openings as times, got {lip_gap.shape} and {times_s.shape}")
    reach = round(FARTHEST_S * TICK_RATE_HZ)
    n = len(heard)
    if len(lip_gap) < 2 or np.ptp(np.percentile(lip_gap, [3, 97])) < _LEAST_RANGE_IO:
        return _NONE
    # a margin on either side, so that a shifted sound finds lips to be held against
    grid_s = np.arange(-reach, n + reach) / TICK_RATE_HZ
    seen = _without_drift(np.interp(grid_s, times_s, lip_gap))
    is_seen = seen_at(grid_s, times_s)
    said = _without_drift(heard.opening)
    # lips that come to rest belong to speech
    is_said = near_speech(heard, 0.2)
    talk_s = float((is_said & is_seen[reach : reach + n]).sum()) / TICK_RATE_HZ
    fits = np.array([_fit(said, seen[k : k + n], is_said & is_seen[k : k + n]) for k in range(2 * reach + 1)])
    best = int(fits.argmax())
    if fits[best] <= 0:
        return _NONE
    rivals = fits[np.abs(np.arange(len(fits)) - best) > _RIVAL_S * TICK_RATE_HZ]
    confidence = float(1 - max(0.0, float(rivals.max())) / fits[best])
    if talk_s < LEAST_TALK_S or fits[best] < LEAST_FIT or best in (0, len(fits) - 1):
        confidence = 0.0
    offset_s = (best - reach + _summit(fits, best)) / TICK_RATE_HZ
    return Agreement(offset_s, float(fits[best]), confidence, talk_s)


def seen_at(at_s: Array, times_s: Array) -> NDArray[np.bool_]:
    """(n,) whether lips that were tracked at increasing `times_s` (k,), k > 1, were seen around each of `at_s` (n,)."""
    steps_s = np.diff(times_s)
    longest_s = min(max(1.5 * float(np.median(steps_s)), _LONGEST_GAP_S), _LONGEST_STEP_S)
    after = np.searchsorted(times_s, at_s).clip(1, len(times_s) - 1)
    is_near = steps_s[after - 1] <= longest_s
    return np.asarray(is_near & (times_s[0] <= at_s) & (at_s <= times_s[-1]))


def near_speech(heard: Heard, reach_s: float) -> NDArray[np.bool_]:
    """(n,) ticks at which something is said, and those closer to it than `reach_s`."""
    return highest(smooth(heard.rest, 2.0) < 0.5, 2 * round(reach_s * TICK_RATE_HZ) + 1) > 0


def _without_drift(curve: Array) -> Floats:
    values = smooth(curve, 1.0, mirror=True)
    return values - smooth(values, _DRIFT_S * TICK_RATE_HZ, mirror=True)


def _fit(one: Floats, other: Floats, where: Array) -> float:
    """Correlation of two curves (n,) on the ticks `where`; 0 where too few are left."""
    if where.sum() < TICK_RATE_HZ / 2:
        return 0.0
    a, b = one[where] - one[where].mean(), other[where] - other[where].mean()
    return float(a @ b / max(float(np.sqrt((a @ a) * (b @ b))), 1e-12))


def _summit(values: Floats, best: int) -> float:
    """Where, between -0.5 and 0.5 of a step from `best`, a parabola through it and its neighbours is highest."""
    if best in (0, len(values) - 1):
        return 0.0
    before, here, after = values[best - 1 : best + 2]
    bend = before - 2 * here + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0 else 0.0
