"""Are the lips together where they must be?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lipwright.metrics.measure import Floats, Measure, nothing, same_length

CLOSED_IO = 0.015
"""Mean inner gap below which lips count as closed in the truth."""
HIT_IO = 0.03
"""Mean inner gap up to which a result counts as closed."""


def closures(opening: Floats, is_closed: NDArray[np.bool_]) -> Measure:
    """Share of the frames that must be closed in which `opening` (n,), IO, is."""
    same_length(opening, is_closed)
    if not is_closed.any():
        return nothing("closures", "share", 1)
    return Measure("closures", float((opening[is_closed] < HIT_IO).mean()), "share", 1, int(is_closed.sum()))


def closure_events(opening: Floats, truth: Floats, *, reach: int = 2) -> Measure:
    """Share of the truth's closures (runs below 0.015 IO between openings) met within `reach` frames.

    For speech whose truth is another recording: a closure some frames off still reads as one.
    """
    same_length(opening, truth)
    closed = truth < CLOSED_IO
    edges = np.flatnonzero(np.diff(np.concatenate([[False], closed, [False]]).astype(np.int8)))
    runs = [(a, b) for a, b in edges.reshape(-1, 2) if a > 0 and b < len(truth)]
    if not runs:
        return nothing("closure events", "share", 1)
    met = [opening[max(0, a - reach) : b + reach].min() < HIT_IO for a, b in runs]
    return Measure("closure events", float(np.mean(met)), "share", 1, len(runs))
