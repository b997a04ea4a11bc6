"""Which part of a long video is looked at: a few stretches, evenly spread.

whole      |=========|                                      what is short is looked at from end to end
spread     |====      ====      ====      ====|             the first and the last second are among them
"""

from __future__ import annotations

from typing import Final

EACH_S: Final = 5.0
"""Long enough to tell an offset and short enough to see several places."""


def windows(n_frames: int, duration_s: float, budget_s: float) -> list[range]:
    """Frames of a video of `duration_s` to look at, about `budget_s` in all; every frame where it is no longer."""
    if n_frames <= 0 or duration_s <= 0:
        return []
    if duration_s <= budget_s:
        return [range(n_frames)]
    n_windows = max(1, round(budget_s / EACH_S))
    size = max(1, min(n_frames, round(n_frames * budget_s / n_windows / duration_s)))
    last = n_frames - size
    if n_windows == 1:
        return [range(last // 2, last // 2 + size)]
    starts = [round(k * last / (n_windows - 1)) for k in range(n_windows)]
    return [range(start, start + size) for start in starts]
