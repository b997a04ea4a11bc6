"""How one person's mouth moves, measured on their own footage."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lipwright.articulation.curves import Array, highest, lowest, smooth
from lipwright.articulation.network import TICK_RATE_HZ, Population, population
from lipwright.articulation.opening import own_direction, with_opening
from lipwright.core.face import talks
from lipwright.core.timeline import N_SHAPE, SeenMouth, SpeakingStyle

DRIFT_S: Final = 2.0
"""Slower changes are expression, not speech: the network was taught without them."""
_ACTIVE_RANGE_IO = 0.04
"""Within any second of talk the opening goes over more than this."""
_MEAN_TRUST_S, _OPENING_TRUST_S, _OTHERS_TRUST_S = 3.0, 5.0, 15.0
"""Seconds of talk at which a person's own measure weighs as much as the population's."""


def moves(opening: Array) -> NDArray[np.bool_]:
    """(n,) ticks around which a mouth, of this opening (n,) IO, moves as mouths do that talk."""
    second = TICK_RATE_HZ + 1
    return highest(opening, second) - lowest(opening, second) > _ACTIVE_RANGE_IO


def population_style(rest: Array, *, people: Population | None = None) -> SpeakingStyle:
    """For an avatar that does not talk in its footage: it speaks as people do, and rests in its own pose (N_SHAPE,).

    `people` are those of the shipped network unless another is being judged.
    """
    people = population() if people is None else people
    return SpeakingStyle(people.mean, people.spread, np.asarray(rest, np.float32), is_talking=False, talking_s=0.0)


def shut_at_rest(style: SpeakingStyle) -> SpeakingStyle:
    """For an avatar that was seen in one moment of talk: it rests in the same pose, its lips brought together."""
    (rest,) = with_opening(style.rest[None].astype(np.float64), np.zeros(1), style.spread, own_direction())
    return replace(style, rest=rest.astype(np.float32))


def speaking_style(
    coefficients: Array, opening: Array, times_s: Array, *, people: Population | None = None
) -> SpeakingStyle:
    """Measure a person's own coefficients (n, N_SHAPE) and opening (n,) IO, tracked at times (n,), n > 0.

    Who talks gets their own mean and spread, leaning to the population's where there is little talk, and
    rests in their least open pose; who does not talk rests in their median pose. Raises ValueError on
    arrays that do not fit together.
    """
    people = population() if people is None else people
    coefficients = np.asarray(coefficients, np.float64)
    opening = np.asarray(opening, np.float64)
    times_s = np.asarray(times_s, np.float64)
    n = len(coefficients)
    if n == 0 or coefficients.shape != (n, N_SHAPE) or opening.shape != (n,) or times_s.shape != (n,):
        raise ValueError(
            f"expected (n, {N_SHAPE}), (n,), (n,) with n > 0; got "
            f"{coefficients.shape}, {opening.shape}, {times_s.shape}"
        )
    if not talks(opening):
        return population_style(np.median(coefficients, axis=0), people=people)
    least_open = np.argsort(opening, kind="stable")[: max(3, n // 10)]
    rest = np.median(coefficients[least_open], axis=0)

    grid_s = np.arange(times_s[0], times_s[-1] + 1e-9, 1 / TICK_RATE_HZ)
    shapes = np.stack([np.interp(grid_s, times_s, coefficients[:, k]) for k in range(N_SHAPE)], axis=1)
    is_active = moves(np.interp(grid_s, times_s, opening))
    talking_s = float(is_active.sum() / TICK_RATE_HZ)
    if talking_s == 0:
        return population_style(rest, people=people)
    moved = shapes - smooth(shapes, DRIFT_S * TICK_RATE_HZ, mirror=True)
    own_mean, own_spread = shapes[is_active].mean(0), moved[is_active].std(0)

    trust = np.full(N_SHAPE, talking_s / (talking_s + _OTHERS_TRUST_S))
    trust[0] = talking_s / (talking_s + _OPENING_TRUST_S)
    spread = np.exp(trust * np.log(own_spread + 1e-6) + (1 - trust) * np.log(people.spread))
    trust_mean = talking_s / (talking_s + _MEAN_TRUST_S)
    mean = trust_mean * own_mean + (1 - trust_mean) * people.mean
    return SpeakingStyle(
        mean.astype(np.float32), spread.astype(np.float32), rest.astype(np.float32),
        is_talking=True, talking_s=talking_s, seen=SeenMouth(times_s, coefficients),
    )  # fmt: skip
