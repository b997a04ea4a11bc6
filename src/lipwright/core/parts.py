"""Where a long video is cut into parts: between frames, near even places, where nobody would see it.

ease    __1_____.8.8.8___________1___     a cut, a mouth at rest, a cut
even        |          |         |        borders of parts of one length
reach      (---)      (---)     (---)     how far each may move
borders   |           |          |
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipwright.core.timeline import FramePlan

REACH = Fraction(1, 6)
"""Of a part's even length: how far a border moves to a better place. Two may move towards each other."""
_FAR = 0.3
"""What it costs to move that far, where a cut is worth 1."""
_CUT = 1.0
_REST = 0.8


def cut_into_parts(plan: FramePlan, ease: NDArray[Any], part_s: float) -> list[range]:
    """Entries of the plan, as parts of `part_s` seconds or more, none shorter than two thirds of that.

    `ease` (n_plan,) tells how good a border before each frame is, as `ease_of` does. A plan that is too short for two
    parts is one.
    """
    n_parts = max(1, int(plan.duration_s / Fraction(part_s)))
    even_s = plan.duration_s / n_parts
    times_s = np.array([float(time_s) for time_s in plan.times_s])
    borders = [0]
    for number in range(1, n_parts):
        place_s, reach_s = float(number * even_s), float(even_s * REACH)
        first, stop = np.searchsorted(times_s, (place_s - reach_s, place_s + reach_s))
        near = np.arange(max(int(first), borders[-1] + 1), min(int(stop), len(plan)))
        if len(near):
            worth = ease[near] - _FAR * np.abs(times_s[near] - place_s) / reach_s
            borders.append(int(near[worth.argmax()]))
    return [range(a, b) for a, b in zip(borders, [*borders[1:], len(plan)], strict=True)]


def ease_of(plan: FramePlan, cuts: Sequence[int], rest: NDArray[Any]) -> NDArray[np.float64]:
    """(n_plan,) how good a border before each frame of the plan is, 0..1.

    `cuts` are the frames of the footage with which a shot begins, `rest` (n_plan,) how far all mouths rest.
    """
    order = np.array(plan.order)
    ease = np.zeros(len(plan))
    ease[1:] = _REST * np.minimum(rest[:-1], rest[1:])
    begins = np.isin(order[1:], np.array(cuts, np.intp)) & (np.diff(order) == 1)
    # backwards, a shot ends where it began; a loop that starts again is a cut of ours
    ends = np.isin(order[:-1], np.array(cuts, np.intp)) & (np.diff(order) == -1)
    ease[1:][begins | ends | (np.abs(np.diff(order)) > 1)] = _CUT
    return ease
