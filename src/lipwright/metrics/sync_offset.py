"""Sound against picture without a network: the mouth opens with the loudness of the voice at 2 to 7 Hz.

Chandrasekaran et al. 2009 (10.1371/journal.pcbi.1000436): mouth area follows the acoustic envelope there.
A coarse witness: it finds shifts of a tenth of a second, not of a frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from scipy import signal

from lipwright.core.media import AudioClip
from lipwright.metrics.measure import Floats, Measure, nothing, same_length

_RATE_HZ = 100
_BAND_HZ = (2.0, 7.0)
_LEAST_SPREAD = 1e-6
_LEAST_S = 4.5
"""Shorter speech has too few syllables to tell one shift from another."""


@dataclass(frozen=True, slots=True)
class SyncOffset:
    offset: Measure
    """When the picture fits the sound best; positive: the picture comes later."""
    r: float
    """Correlation there."""
    r_zero: float
    """Correlation as it is."""


def sync_offset(opening: Floats, times_s: Floats, speech: AudioClip, *, max_lag_s: float = 0.25) -> SyncOffset:
    """Lag between the opening (n,) at `times_s` and the loudness of `speech`, whose time zero is the same."""
    same_length(opening, times_s)
    end_s = min(float(times_s[-1]) if len(times_s) else 0.0, float(speech.duration_s))
    if end_s < _LEAST_S or opening.std() < 1e-6:
        return SyncOffset(nothing("sync offset", "ms", 0), float("nan"), float("nan"))
    grid = np.arange(int(end_s * _RATE_HZ)) / _RATE_HZ
    mouth = _band(np.interp(grid, times_s, opening))
    loud = _band(_loudness(speech, grid))
    if min(mouth.std(), loud.std()) < _LEAST_SPREAD:  # what does not vary goes with nothing
        return SyncOffset(nothing("sync offset", "ms", 0), float("nan"), float("nan"))
    reach = round(max_lag_s * _RATE_HZ)
    n = len(grid)
    fits = np.array(
        [
            np.corrcoef(mouth[max(0, k) : n + min(0, k)], loud[max(0, -k) : n - max(0, k)])[0, 1]
            for k in range(-reach, reach + 1)
        ]
    )
    best = int(np.argmax(fits))
    offset_ms = 1000 * (best - reach) / _RATE_HZ
    return SyncOffset(Measure("sync offset", offset_ms, "ms", 0, n), float(fits[best]), float(fits[reach]))


def _loudness(speech: AudioClip, grid: Floats) -> Floats:
    half = max(1, speech.rate_hz // (2 * _RATE_HZ))
    power = np.concatenate([[0.0], np.cumsum(speech.samples.astype(np.float64) ** 2)])
    at = np.round(grid * speech.rate_hz).astype(np.intp)
    low, high = np.clip(at - half, 0, len(power) - 1), np.clip(at + half, 0, len(power) - 1)
    return np.log10((power[high] - power[low]) / (2 * half) + 1e-5)


def _band(curve: Floats) -> Floats:
    scipy_signal: Any = signal
    sections = scipy_signal.butter(2, _BAND_HZ, "bandpass", fs=_RATE_HZ, output="sos")
    return cast("Floats", scipy_signal.sosfiltfilt(sections, curve - curve.mean()))
