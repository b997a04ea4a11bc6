"""What a living face does while it says nothing: a loop of small, slow motion, breathing and blinks.

    head     turns, nods and leans by sums of slow sines; every one fits the loop a whole number of times
    breath   in faster than out, once in four seconds
    lids     down in two frames, up in four, every two to six seconds

The same seed gives the same life. Frame N_LOOP would be frame 0 again: the loop has no seam.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

FPS: Final = Fraction(25)
N_LOOP: Final = 600
LOOP_S: Final = float(N_LOOP / FPS)

YAW_DEG: Final = 1.3
PITCH_DEG: Final = 0.9
ROLL_DEG: Final = 0.28
"""Largest angles. Leaning moves the outline of the head against the background, so it is the smallest."""
_SLOWEST_HZ, _FASTEST_HZ = 0.08, 0.42
_BREATH_S: Final = 4.0
_BLINK_EVERY_S = (2.0, 6.0)
_CLOSING_S, _CLOSED_S, _OPENING_S = 0.08, 0.04, 0.16
_PARTLY_SHARE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Moment:
    """What the face does in one frame."""

    yaw_rad: float = 0.0
    """Positive: the nose goes to the image's right."""
    pitch_rad: float = 0.0
    """Positive: the nose goes down."""
    roll_rad: float = 0.0
    """Positive: the crown goes to the image's right."""
    breath: float = 0.0
    """0 breathed out, 1 breathed in."""
    closure: float = 0.0
    """0 eyes as in the picture, 1 shut."""


class Life:
    """One person's loop."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        time_s = np.arange(N_LOOP) / float(FPS)
        self._yaw = np.radians(YAW_DEG) * _wander(rng, time_s)
        self._pitch = np.radians(PITCH_DEG) * _wander(rng, time_s)
        self._roll = np.radians(ROLL_DEG) * _wander(rng, time_s)
        self._breath = _breathing(rng, time_s)
        self._closure = _blinking(rng, time_s)

    def at(self, index: int) -> Moment:
        """What happens in frame `index`, counted on through any number of loops."""
        k = index % N_LOOP
        return Moment(
            float(self._yaw[k]),
            float(self._pitch[k]),
            float(self._roll[k]),
            float(self._breath[k]),
            float(self._closure[k]),
        )


def _wander(rng: np.random.Generator, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) slow, never twice the same within a loop, largest value 1; slower parts are larger, as heads move."""
    turns = np.arange(math.ceil(_SLOWEST_HZ * LOOP_S), math.floor(_FASTEST_HZ * LOOP_S) + 1, dtype=np.float64)
    phases = rng.uniform(0, 2 * np.pi, len(turns))
    sizes = rng.uniform(0.5, 1.0, len(turns)) / turns**1.3
    waves = sizes[:, None] * np.sin(2 * np.pi * turns[:, None] * time_s / LOOP_S + phases[:, None])
    total = np.asarray(waves.sum(0), np.float64)
    return total / np.abs(total).max()


def _breathing(rng: np.random.Generator, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) 0..1; in takes two fifths of the time, and the breath rests a little when it is out."""
    phase = 2 * np.pi * (time_s / _BREATH_S + rng.uniform())
    wave = np.cos(phase + 0.35 * np.sin(phase))
    return (1 + wave) / 2


def _blinking(rng: np.random.Generator, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) 0..1. No blink lies across the seam or within the first second."""
    out = np.zeros(len(time_s))
    at_s = rng.uniform(1.0, 3.0)
    lasts_s = _CLOSING_S + _CLOSED_S + _OPENING_S
    while at_s + lasts_s < LOOP_S - 0.5:
        depth = rng.uniform(0.45, 0.75) if rng.uniform() < _PARTLY_SHARE else 1.0
        since = time_s - at_s
        down = np.clip(since / _CLOSING_S, 0, 1)
        up = np.clip((since - _CLOSING_S - _CLOSED_S) / _OPENING_S, 0, 1)
        # lids fall with a jerk and rise as a spring comes to rest
        out = np.maximum(out, depth * (down**1.5 * (3 - down) / 2 - (1 - (1 - up) ** 2)))
        at_s += lasts_s + rng.uniform(*_BLINK_EVERY_S)
    return np.clip(out, 0, 1)
