"""Other voices, rooms, microphones and noises, all in the domain of mel power, where they are cheap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from lipwright.articulation.features import N_BANDS, Hearing, Mel


@dataclass(frozen=True, slots=True, eq=False)
class Noises:
    """What may be heard beside speech."""

    other: Sequence[Mel]
    """Music and noise: no speech in it."""
    babble: Sequence[Mel]


def db(value: float) -> float:
    return 10.0 ** (value / 10)


def stretch(log_power: Mel, factor: float) -> Mel:
    """Columns read at every `factor`-th place: over 1 is faster speech."""
    n = int(len(log_power) / factor) // 2 * 2
    at = np.minimum(np.arange(n) * factor, len(log_power) - 1.001)
    low = at.astype(int)
    part = (at - low)[:, None].astype(np.float32)
    return log_power[low] * (1 - part) + log_power[low + 1] * part


def stretch_ticks(values: NDArray[np.float32], factor: float, n: int) -> NDArray[np.float32]:
    """Targets (t, k) at the same speed, `n` of them, linear between."""
    at = np.minimum(np.arange(n) * factor, len(values) - 1.001)
    low = at.astype(int)
    part = (at - low)[:, None].astype(np.float32)
    return values[low] * (1 - part) + values[low + 1] * part


def warp_bands(log_power: Mel, factor: float, shift: float) -> Mel:
    """Another vocal tract: band k is read at k * factor + shift."""
    at = np.clip(np.arange(N_BANDS) * factor + shift, 0, N_BANDS - 1.001)
    low = at.astype(int)
    part = (at - low).astype(np.float32)
    return log_power[:, low] * (1 - part) + log_power[:, low + 1] * part


def excerpt(noise: Mel, n: int, rng: np.random.Generator) -> Mel:
    start = int(rng.integers(0, max(1, len(noise) - n)))
    return np.resize(noise[start : start + n], (n, N_BANDS))


def loudness(power: Mel) -> float:
    """Mean band power of the louder part."""
    level = power.mean(1)
    return float(level[level >= np.quantile(level, 0.4)].mean()) + 1e-12


def disturb(power: Mel, noises: Noises, rng: np.random.Generator) -> Mel:
    """Mel power (n, 64) of clean speech -> the same, heard elsewhere."""
    n = len(power)
    speech = loudness(power)
    if rng.random() < 0.35:
        forget = 10 ** (-6 * 0.01 / rng.uniform(0.15, 0.7))  # power left after 10 ms of a decay of 60 dB in t60
        tail = lfilter([0, 1 - forget], [1, -forget], power, axis=0).astype(np.float32)
        power = power + tail * np.float32(db(rng.uniform(-12, 3)))
    if rng.random() < 0.8:
        gains_db = np.interp(np.arange(N_BANDS), np.linspace(0, N_BANDS - 1, 6), rng.normal(0, 4, 6))
        gains_db = gains_db + rng.normal(0, 4) * np.linspace(-1, 1, N_BANDS)
        power = power * (10 ** (gains_db / 10)).astype(np.float32)
    noise = np.zeros_like(power)
    if rng.random() < 0.6:
        kind = noises.babble if rng.random() < 0.3 else noises.other
        noise = excerpt(kind[rng.integers(len(kind))], n, rng)
        noise = noise * np.float32(speech * db(-rng.uniform(3, 30)))
    hiss = rng.exponential(1, power.shape).astype(np.float32) * np.float32(speech * db(-rng.uniform(35, 70)))
    power = power + noise + hiss
    if rng.random() < 0.25:
        cut = int(rng.integers(34, 60))
        power = power.copy()
        power[:, cut:] *= np.float32(db(-rng.uniform(15, 50)))
        if rng.random() < 0.4:
            power[:, : int(rng.integers(2, 10))] *= np.float32(db(-20))
    if rng.random() < 0.3:
        knots = rng.normal(0, 3, 4)
        drift_db = np.interp(np.arange(n), np.linspace(0, n, 4), knots)
        power = power * (10 ** (drift_db / 10)).astype(np.float32)[:, None]
    return power


def as_heard(power: Mel, rng: np.random.Generator, *, mask: bool) -> Mel:
    """Normalised as at run time; now and then with a stripe of bands gone."""
    heard = Hearing.of(power).normalise(power)
    if mask and rng.random() < 0.3:
        width = int(rng.integers(2, 9))
        low = int(rng.integers(0, N_BANDS - width))
        heard[:, low : low + width] = 0.0
    return heard
