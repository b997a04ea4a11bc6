"""What several jobs of a batch ask for at the same address: fetched by the first of them, used by all."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from lipwright.core.errors import Cancelled, InputError
from lipwright.store import accounts

_TELL_S: Final = 600.0
"""So long an address that failed fails for the others of its batch without being asked again."""
_ASK_EVERY_S: Final = 0.2


def shared_number(batch_id: str, url: str) -> int:
    """The number of the media that this batch fetches there: as unguessable as the batch's own id.

    No two media have the same, so that of several fetches one is written down.
    """
    return accounts.number_of(hashlib.sha256(f"{batch_id}\n{url}".encode()).digest())


@dataclass(slots=True)
class _One:
    """An address of a batch."""

    turn: threading.Lock = field(default_factory=threading.Lock)
    n_waiting: int = 0
    error: InputError | None = None
    failed_s: float = 0.0


class Turns:
    """One thread of this process at a time for each address of a batch; other processes find what it wrote down."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ones: dict[str, _One] = {}

    @contextmanager
    def turn(self, key: str, stop: Callable[[], bool]) -> Generator[None]:
        """Wait for one's turn. Raises the error of who had it just before, if it was the address's fault; Cancelled."""
        with self._lock:
            self._ones = {
                name: one
                for name, one in self._ones.items()
                if one.n_waiting or (one.error is not None and monotonic() - one.failed_s < _TELL_S)
            }
            one = self._ones.setdefault(key, _One())
            one.n_waiting += 1
        try:
            while not one.turn.acquire(timeout=_ASK_EVERY_S):
                if stop():
                    raise Cancelled
            try:
                if one.error is not None and monotonic() - one.failed_s < _TELL_S:
                    raise one.error.with_traceback(None)
                try:
                    yield
                except InputError as exc:
                    one.error, one.failed_s = exc, monotonic()
                    raise
                one.error = None
            finally:
                one.turn.release()
        finally:
            with self._lock:
                one.n_waiting -= 1
