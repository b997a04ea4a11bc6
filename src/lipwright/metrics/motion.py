"""Does the mouth move as it should, and when? Correlation of one curve with the true one, and its lag."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lipwright.metrics.measure import Floats, Measure, nothing, same_length

_STEP_S = 0.005
_LEAST_SPREAD = 1e-6


@dataclass(frozen=True, slots=True)
class Motion:
    """Two curves compared."""

    r: Measure
    """Pearson's r without any shift."""
    lag: Measure
    """The shift that fits best; positive: the curve comes later than the truth."""
    r_best: float
    """Pearson's r at that shift."""
    gain: Measure
    """Spread of the curve over the spread of the truth."""


def motion(name: str, curve: Floats, truth: Floats, times_s: Floats, *, max_lag_s: float = 0.2) -> Motion:
    """Compare `curve` with `truth`, both (n,) at `times_s`; the lag is searched in steps of 5 ms."""
    same_length(curve, truth)
    same_length(curve, times_s)
    is_flat = len(curve) < 8 or curve.std() < _LEAST_SPREAD or truth.std() < _LEAST_SPREAD
    if is_flat:
        empty = nothing(f"r {name}", "r", 1)
        return Motion(empty, nothing(f"lag {name}", "ms", 0), float("nan"), nothing(f"gain {name}", "ratio", 1))
    lags = np.arange(-round(max_lag_s / _STEP_S), round(max_lag_s / _STEP_S) + 1) * _STEP_S
    fits = np.array([_r_at(curve, truth, times_s, lag) for lag in lags])
    best = int(np.argmax(fits))
    n = len(curve)
    return Motion(
        Measure(f"r {name}", float(np.corrcoef(curve, truth)[0, 1]), "r", 1, n),
        Measure(f"lag {name}", 1000 * float(lags[best]), "ms", 0, n),
        float(fits[best]),
        Measure(f"gain {name}", float(curve.std() / truth.std()), "ratio", 1, n),
    )


def _r_at(curve: Floats, truth: Floats, times_s: Floats, lag_s: float) -> float:
    """r of the curve read `lag_s` later, over the part where both exist."""
    inside = (times_s + lag_s >= times_s[0]) & (times_s + lag_s <= times_s[-1])
    if inside.sum() < 8:
        return -1.0
    moved = np.interp(times_s[inside] + lag_s, times_s, curve)
    there = truth[inside]
    if moved.std() < _LEAST_SPREAD or there.std() < _LEAST_SPREAD:
        return -1.0
    return float(np.corrcoef(moved, there)[0, 1])
