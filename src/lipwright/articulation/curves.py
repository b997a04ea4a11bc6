"""What is done to values over time here: every filter is symmetric, so that nothing moves in time."""

from __future__ import annotations

from math import exp
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Floats: TypeAlias = NDArray[np.float64]

_REACH = 4.0
"""Spreads from the middle at which a Gaussian ends."""

# SciPy has all of this, at the price of a second of CPU time to import it: more than everything here takes together


def smooth(values: Array, sigma: float, *, mirror: bool = False) -> Floats:
    """Gaussian of standard deviation `sigma` rows over the first axis of (n, ...); its ends are held, or mirrored."""
    reach = int(_REACH * sigma + 0.5)
    weights = np.array([exp(-0.5 * (k / sigma) ** 2) for k in range(reach + 1)]) if reach else np.ones(1)
    weights /= 2 * weights.sum() - weights[0]
    n = len(values)
    if not n:
        return np.array(values, np.float64)
    around = [(reach, reach)] + [(0, 0)] * (values.ndim - 1)
    padded = np.pad(np.asarray(values, np.float64), around, "symmetric" if mirror else "edge")
    out = weights[0] * padded[reach : reach + n]
    for k in range(1, reach + 1):
        out += weights[k] * (padded[reach - k : reach - k + n] + padded[reach + k : reach + k + n])
    return out


def parabolas(values: Array, window: int) -> Floats:
    """Each row of (n, ...) on the parabola that fits the `window` (odd, at most n) rows around it best.

    Near the ends, on that of the first or the last `window` rows (Savitzky and Golay 1964).
    """
    half = window // 2
    powers = np.vander(np.arange(window) - half, 3).astype(np.float64)
    fit = powers @ np.linalg.pinv(powers)  # (window, window): rows in, the parabola's rows out
    given = np.asarray(values, np.float64)
    n = len(given)
    out = np.empty_like(given)
    middle = out[half : n - half]
    middle[...] = fit[half, half] * given[half : n - half]
    for k in range(half):
        other = window - 1 - k
        middle += fit[half, k] * (given[k : n - 2 * half + k] + given[other : n - 2 * half + other])
    out[:half] = np.tensordot(fit[:half], given[:window], 1)
    out[n - half :] = np.tensordot(fit[half + 1 :], given[n - window :], 1)
    return out


def highest(values: Array, size: int) -> Floats:
    """(n,) the highest of the `size` (odd) values around each."""
    padded = np.pad(np.asarray(values, np.float64), size // 2, "edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, size).max(axis=1), np.float64)


def lowest(values: Array, size: int) -> Floats:
    """(n,) the lowest of the `size` (odd) values around each."""
    return -highest(-np.asarray(values, np.float64), size)


def smoothstep(values: Array) -> Floats:
    """0 below 0, 1 above 1, and without a corner between."""
    part = np.clip(np.asarray(values, np.float64), 0.0, 1.0)
    return part * part * (3.0 - 2.0 * part)


def runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Half-open stretches in which `flags` (n,) holds, in order."""
    padded = np.concatenate([[False], flags, [False]])
    edges = [int(k) for k in np.flatnonzero(padded[1:] != padded[:-1])]
    return list(zip(edges[::2], edges[1::2], strict=True))
