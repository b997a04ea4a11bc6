"""The line in which writers of one SQLite file wait, within one process.

SQLite lets one transaction write at a time. Whoever comes meanwhile sleeps and looks again, each time longer: he sleeps
past his turn, and others pass him. Connections that are made by `Line.connect` wait for each other here instead, in the
order they came, and each is woken when his turn has come. Other processes are waited for as ever.

    BEGIN IMMEDIATE, or the first INSERT, UPDATE, ... ──> enter ──> ... ──> commit, rollback or close ──> leave

The line is a courtesy; SQLite's own lock is the law. Whoever waited too long, or would wait for himself, asks SQLite.
Whoever may not wait at all is told so before anything has begun (`WouldWait`).
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

T = TypeVar("T")

_BEGINS: Final = ("BEGIN IMMEDIATE", "INSERT", "UPDATE", "DELETE", "REPLACE")
"""What begins to write: asked for, or done by Python's module on its own where it has an `isolation_level`."""


class WouldWait(Exception):
    """Others are writing. Nothing was begun."""


class Line:
    """One at a time, in the order they came."""

    def __init__(self, patience_s: float) -> None:
        """`patience_s`: the longest that anyone waits here."""
        self._patience_s = patience_s
        self._guard = threading.Lock()
        self._is_taken = False
        self._who: int | None = None
        """The thread whose turn it is, once it knows."""
        self._waiting: deque[threading.Lock] = deque()

    def connect(self, *args: Any, **kwargs: Any) -> sqlite3.Connection:
        """For the `factory` of sqlite3.connect: a connection that writes in its turn only."""
        return _Connection(self, True, *args, **kwargs)

    def connect_at_once(self, *args: Any, **kwargs: Any) -> sqlite3.Connection:
        """The same, but it raises WouldWait. Its `busy_timeout` must be 0, so that no process is waited for either."""
        return _Connection(self, False, *args, **kwargs)

    @property
    def n_waiting(self) -> int:
        """How many wait for their turn now."""
        return len(self._waiting)

    def enter(self, *, may_wait: bool = True) -> bool:
        """Wait for one's turn; whether it has come. Whoever got it must `leave`, from whatever thread.

        Raises WouldWait for whoever may not.
        """
        me = threading.get_ident()
        with self._guard:
            if not self._is_taken:
                self._is_taken, self._who = True, me
                return True
            if not may_wait:
                raise WouldWait
            if self._who == me:
                return False
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        is_mine = False
        try:
            is_mine = turn.acquire(timeout=self._patience_s)
        finally:
            with self._guard:
                if turn in self._waiting:
                    self._waiting.remove(turn)
                else:
                    # also if it came in the moment in which patience ended
                    is_mine, self._who = True, me
        return is_mine

    def leave(self) -> None:
        """Let the next one in."""
        with self._guard:
            self._who = None
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False


class _Connection(sqlite3.Connection):
    """Waits for its turn before it begins to write."""

    def __init__(self, line: Line, may_wait: bool, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._line = line
        self._may_wait = may_wait
        self._is_in_line = False

    def cursor(self, factory: Any = None) -> Any:
        return super().cursor(_Cursor)

    def commit(self) -> None:
        try:
            super().commit()
        finally:
            self.leave_unless_open()

    def rollback(self) -> None:
        try:
            super().rollback()
        finally:
            self.leave_unless_open()

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._leave()

    def run(self, sql: str, act: Callable[[], T]) -> T:
        """Run a statement: in one's turn, if it begins to write. Raises WouldWait."""
        if self.in_transaction or not sql.lstrip().startswith(_BEGINS):
            return act()
        self._is_in_line = self._line.enter(may_wait=self._may_wait)
        try:
            return act()
        except sqlite3.OperationalError as exc:
            if not self._may_wait and exc.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                raise WouldWait from exc
            raise
        finally:
            self.leave_unless_open()

    def leave_unless_open(self) -> None:
        """Nothing is written any more: committed, rolled back, or failed so that SQLite took it back."""
        if not self.in_transaction:
            self._leave()

    def _leave(self) -> None:
        if self._is_in_line:
            self._is_in_line = False
            self._line.leave()


class _Cursor(sqlite3.Cursor):
    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        assert isinstance(connection, _Connection)
        self._owner = connection

    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        return self._owner.run(sql, partial(super().execute, sql, parameters))

    def executemany(self, sql: str, parameters: Any, /) -> Any:
        return self._owner.run(sql, partial(super().executemany, sql, parameters))
