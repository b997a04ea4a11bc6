"""What is done to values over time here: every filter is symmetric, so that nothing moves in time."""

from __future__ import annotations

from typing import Any, TypeAlias, cast

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Floats: TypeAlias = NDArray[np.float64]

_ndimage = cast(Any, scipy.ndimage)  # its types are partly unknown


def smooth(values: Array, sigma: float, *, mirror: bool = False) -> Floats:
    """Gaussian of standard deviation `sigma` rows over the first axis of (n, ...); its ends are held, or mirrored."""
    mode = "reflect" if mirror else "nearest"
    return cast(Floats, _ndimage.gaussian_filter1d(np.asarray(values, np.float64), sigma, axis=0, mode=mode))


def highest(values: Array, size: int) -> Floats:
    """(n,) the highest of the `size` (odd) values around each."""
    return cast(Floats, _ndimage.maximum_filter1d(np.asarray(values, np.float64), size, mode="nearest"))


def lowest(values: Array, size: int) -> Floats:
    """(n,) the lowest of the `size` (odd) values around each."""
    return cast(Floats, _ndimage.minimum_filter1d(np.asarray(values, np.float64), size, mode="nearest"))


def smoothstep(values: Array) -> Floats:
    """0 below 0, 1 above 1, and without a corner between."""
    part = np.clip(np.asarray(values, np.float64), 0.0, 1.0)
    return part * part * (3.0 - 2.0 * part)


def runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Half-open stretches in which `flags` (n,) holds, in order."""
    padded = np.concatenate([[False], flags, [False]])
    edges = [int(k) for k in np.flatnonzero(padded[1:] != padded[:-1])]
    return list(zip(edges[::2], edges[1::2], strict=True))
