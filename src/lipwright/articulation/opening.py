"""The opening of the inner lips in the coefficients of the shape basis, in which it is linear."""

from __future__ import annotations

from functools import cache

import numpy as np

from lipwright.articulation.curves import Array, Floats
from lipwright.core.timeline import N_SHAPE
from lipwright.vision.shape import ShapeBasis, shape_basis


@cache
def own_direction() -> Floats:
    """`opening_direction` of the basis that ships."""
    return opening_direction(shape_basis())


def opening_direction(basis: ShapeBasis) -> Floats:
    """(N_SHAPE,) how much each coefficient opens the inner lips, IO, at reference mouth width."""
    effect = (basis.components[:N_SHAPE].reshape(N_SHAPE, -1, 3) / basis.weights)[..., 1]
    column = {int(point): index for index, point in enumerate(basis.points)}
    below = effect[:, [column[p] for p in (87, 14, 317)]].mean(1)
    above = effect[:, [column[p] for p in (82, 13, 312)]].mean(1)
    return below - above


def with_opening(coefficients: Array, opening: Array, spread: Array, direction: Array) -> Floats:
    """Coefficients (n, N_SHAPE) with another opening (n,), IO, by the likeliest change.

    Opening is linear in the coefficients, `coefficients @ direction`; among all changes that bring it
    about, this one is the shortest in units of the person's spread (N_SHAPE,).
    """
    towards = np.asarray(spread, np.float64) ** 2 * direction
    return coefficients + ((opening - coefficients @ direction) / (direction @ towards))[:, None] * towards
