"""How often an account may ask: counted in memory, a minute that slides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

_WINDOW_S: Final = 60.0
_FORGET_AT: Final = 10_000
"""So many accounts are remembered before those that have been silent are let go."""


@dataclass(slots=True)
class _Count:
    window: int
    before: int = 0
    """In the minute before this one."""
    now: int = 0


class Rates:
    """Requests of each account in the last minute: those of this one, and of the one before as far as it reaches.

    For one thread. A few additions for each request, where a library's store starts a thread to forget.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._counts: dict[str, _Count] = {}

    def ask(self, account_id: str, limit: int) -> float | None:
        """None: it may, and is counted. Otherwise the seconds until it may again."""
        window, into_s = divmod(self._clock(), _WINDOW_S)
        count = self._count(account_id, int(window))
        left = 1 - into_s / _WINDOW_S
        if count.before * left + count.now + 1 <= limit:
            count.now += 1
            return None
        if count.now + 1 <= limit:
            # what is left of the minute before has to shrink
            return (left - (limit - 1 - count.now) / count.before) * _WINDOW_S
        return (left + 1 - (limit - 1) / count.now) * _WINDOW_S

    def _count(self, account_id: str, window: int) -> _Count:
        count = self._counts.get(account_id)
        if count is None or count.window < window - 1:
            if len(self._counts) >= _FORGET_AT:
                self._counts = {key: one for key, one in self._counts.items() if one.window >= window - 1}
            count = self._counts[account_id] = _Count(window)
        elif count.window < window:
            count.window, count.before, count.now = window, count.now, 0
        return count
