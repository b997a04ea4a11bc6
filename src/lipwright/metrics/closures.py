"""Are the lips together where they must be?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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

    For speech whose truth is another recording: a closure some frames off still reads as one. Both are (n,), frame by
    frame; where the truth is NaN nothing is known of it, and a closure beside that is none. Where the opening is NaN
    the mouth was not to be seen; on a frame whose lips are surely apart it may be infinite.
    """
    same_length(opening, truth)
    closed = truth < CLOSED_IO
    edges = np.flatnonzero(np.diff(np.concatenate([[False], closed, [False]]).astype(np.int8)))
    runs = [(a, b) for a, b in edges.reshape(-1, 2) if a > 0 and b < len(truth)]
    runs = [(a, b) for a, b in runs if not np.isnan(truth[[a - 1, b]]).any()]
    near = [opening[max(0, a - reach) : b + reach] for a, b in runs]
    met = [np.nanmin(gap) < HIT_IO for gap in near if not np.isnan(gap).all()]
    if not met:
        return nothing("closure events", "share", 1)
    return Measure("closure events", float(np.mean(met)), "share", 1, len(met))


@dataclass(frozen=True, slots=True)
class Meeting:
    """A moment at which the lips must touch."""

    start_s: float
    stop_s: float
    gap: float
    """The least gap seen then, IO."""

    @property
    def is_met(self) -> bool:
        return self.gap < HIT_IO


def meetings(opening: Floats, times_s: Floats, spans_s: Sequence[tuple[float, float]]) -> list[Meeting]:
    """How close the lips came in each of the spans in which they must touch; spans that no frame shows are left out.

    `opening` (n,) IO was seen at increasing `times_s` (n,). A frame shows what is within half its own time of it.
    """
    same_length(opening, times_s)
    if len(times_s) < 2:
        return []
    half_s = float(np.median(np.diff(times_s))) / 2
    found: list[Meeting] = []
    for start_s, stop_s in spans_s:
        low, high = np.searchsorted(times_s, [start_s - half_s, stop_s + half_s])
        if high > low:
            found.append(Meeting(start_s, stop_s, float(opening[low:high].min())))
    return found


def closure_recall(found: Sequence[Meeting]) -> Measure:
    """Share of the moments at which the lips must touch (p, b, m) in which they do."""
    if not found:
        return nothing("closure recall", "share", 1)
    return Measure("closure recall", float(np.mean([one.is_met for one in found])), "share", 1, len(found))
