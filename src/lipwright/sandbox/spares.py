"""Children that are started before they are asked for: each has loaded what it needs, serves once, is replaced."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from dataclasses import replace

from lipwright.sandbox.call import Child, Limits, end, start


class Spares:
    """Up to `n` of them wait, with the limits that they will work under, and end with this process, however that ends.

    A child that was taken over by a hostile file is gone with its one request: the next one never met it.
    """

    def __init__(self, n: int, ready: str, limits: Limits) -> None:
        """`ready` ("package.module:function") is run in each of them before it waits, without arguments."""
        self._n = n
        self._ready = ready
        self._limits = limits
        self._waiting: deque[Child] = deque()
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._wanted.set()
        self._is_closed = False
        # one thread, which stays: Linux ends a child when the thread that started it is gone
        self._keeper = threading.Thread(target=self._keep, name="spares", daemon=True)
        self._keeper.start()

    def take(self, limits: Limits) -> Child | None:
        """The one that has waited longest, for one request; None where none lives that has these limits."""
        if _of_kernel(limits) != _of_kernel(self._limits):
            return None
        while True:
            with self._lock:
                if not self._waiting:
                    return None
                child = self._waiting.popleft()
            if child.process.poll() is None:
                return child
            end(child)

    def refill(self) -> None:
        """Start those that are missing, soon."""
        self._wanted.set()

    @property
    def pids(self) -> list[int]:
        """Of those that wait."""
        with self._lock:
            return [child.process.pid for child in self._waiting]

    def close(self) -> None:
        """End those that wait. Ends also those that were taken and still work, where Linux does that."""
        self._is_closed = True
        self._wanted.set()
        self._keeper.join()

    def _keep(self) -> None:
        while self._wanted.wait() and not self._is_closed:
            self._wanted.clear()
            # where no process is to be had, whoever asks tries himself, and is told
            with suppress(OSError):
                self._fill()
        with self._lock:
            waiting = list(self._waiting)
            self._waiting.clear()
        for child in waiting:
            end(child)

    def _fill(self) -> None:
        while not self._is_closed and len(self._waiting) < self._n:
            child = start(self._limits, self._ready)
            with self._lock:
                self._waiting.append(child)


def _of_kernel(limits: Limits) -> Limits:
    """Without those that the parent keeps."""
    return replace(limits, wall_s=0, silent_s=None)
