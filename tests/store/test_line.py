"""Writers of one process wait for each other in a line: in order, whatever happens to one, and never for ever."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from lipwright.core.errors import DatabaseAway
from lipwright.store import Database, open_database
from lipwright.store.database import sqlite_url
from lipwright.store.line import Line, WouldWait

SOON_S = 10.0
"""No wait here lasts so long, on the slowest machine; SQLite's own would."""
NOTE = sa.table("note", sa.column("who"))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(sqlite_url(tmp_path))
    for engine in (opened.engine, opened.jobs_engine):
        engine.dispose()
        # whoever is not in the line fails at once instead of waiting for SQLite
        event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout=0"))
    with opened.writing() as connection:
        connection.execute(sa.text("CREATE TABLE note (who TEXT)"))
    yield opened
    opened.close()


def write(database: Database, who: str) -> None:
    with database.writing() as connection:
        connection.execute(NOTE.insert(), {"who": who})


def notes(database: Database) -> list[str]:
    with database.reading() as connection:
        return list(connection.execute(sa.select(NOTE.c.who)).scalars())


def begun(act: Any) -> threading.Thread:
    """A thread that does it, and by now waits, or is done."""
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    sleep(0.05)
    return thread


def test_everyone_gets_the_turn_in_which_they_came() -> None:
    line, order = Line(SOON_S), list[int]()

    def come(number: int) -> None:
        assert line.enter()
        order.append(number)
        line.leave()

    assert line.enter()
    waiting: list[threading.Thread] = []
    for number in range(8):
        waiting.append(threading.Thread(target=come, args=(number,), daemon=True))
        waiting[-1].start()
        until_s = monotonic() + SOON_S
        while line.n_waiting <= number and monotonic() < until_s:
            sleep(0.001)
    line.leave()
    for thread in waiting:
        thread.join(SOON_S)

    assert order == list(range(8))


def test_one_at_a_time_is_in_however_many_come() -> None:
    line, n_in, most = Line(SOON_S), 0, 0

    def come() -> None:
        nonlocal n_in, most
        for _ in range(200):
            assert line.enter()
            n_in += 1
            most = max(most, n_in)
            sleep(0)
            n_in -= 1
            line.leave()

    threads = [threading.Thread(target=come) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert most == 1
    assert not any(thread.is_alive() for thread in threads)


def test_whoever_loses_patience_steps_out_and_is_not_waited_for() -> None:
    line = Line(0.1)
    assert line.enter()
    told: list[bool] = []
    begun(lambda: told.append(line.enter())).join(SOON_S)
    line.leave()

    assert told == [False]
    assert line.enter(), "the turn of the one who left went to nobody"


def test_whoever_is_interrupted_while_waiting_steps_out() -> None:
    line = Line(SOON_S)
    begun(line.enter).join(SOON_S)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(KeyboardInterrupt):
            line.enter()
    finally:
        signal.signal(signal.SIGALRM, before)
    line.leave()

    assert line.enter()


def test_nobody_waits_for_himself() -> None:
    line = Line(SOON_S)
    start_s = monotonic()

    assert line.enter()
    assert not line.enter()
    assert monotonic() - start_s < SOON_S / 2


def test_both_engines_of_a_process_write_in_turns(database: Database) -> None:
    def write_as_dbos_does() -> None:
        with database.jobs_engine.begin() as connection:
            connection.execute(NOTE.insert(), {"who": "jobs"})

    with database.writing() as connection:
        connection.execute(NOTE.insert(), {"who": "first"})
        waiting = begun(write_as_dbos_does)
        assert waiting.is_alive()
    waiting.join(SOON_S)
    with database.jobs_engine.begin() as connection:
        connection.execute(NOTE.insert(), {"who": "jobs again"})
        waiting = begun(lambda: write(database, "last"))
        assert waiting.is_alive()
    waiting.join(SOON_S)

    assert notes(database) == ["first", "jobs", "jobs again", "last"]


def test_who_only_reads_waits_for_nobody(database: Database) -> None:
    with database.writing():
        assert notes(database) == []
        with database.jobs_engine.begin() as connection:
            assert list(connection.execute(sa.select(NOTE.c.who))) == []


def test_a_writer_that_fails_lets_the_next_one_in(database: Database) -> None:
    def fail(engine: sa.Engine) -> None:
        with engine.begin() as connection:
            connection.execute(NOTE.insert(), {"who": "nobody"})
            connection.execute(sa.text("INSERT INTO nowhere VALUES (1)"))

    for engine in (database.engine.execution_options(writes=True), database.jobs_engine):
        with pytest.raises(OperationalError, match="nowhere"):
            fail(engine)
    begun(lambda: write(database, "next")).join(SOON_S)

    assert notes(database) == ["next"]


def test_a_writer_whose_connection_is_closed_lets_the_next_one_in(database: Database) -> None:
    connection = database.jobs_engine.connect()
    connection.execute(NOTE.insert(), {"who": "nobody"})
    connection.invalidate()
    connection.close()
    begun(lambda: write(database, "next")).join(SOON_S)

    assert notes(database) == ["next"]


def test_a_transaction_within_another_fails_and_does_not_hang(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(NOTE.insert(), {"who": "outer"})
        with pytest.raises(DatabaseAway) as raised:
            write(database, "inner")
        assert "locked" in raised.value.reason
    write(database, "after")

    assert notes(database) == ["outer", "after"]


def test_a_cancelled_task_leaves_its_thread_to_write_and_to_leave(database: Database) -> None:
    async def cancel_while_it_waits() -> None:
        task = asyncio.create_task(asyncio.to_thread(write, database, "cancelled"))
        await asyncio.sleep(0.05)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    with database.writing() as connection:
        connection.execute(NOTE.insert(), {"who": "first"})
        held = begun(lambda: asyncio.run(cancel_while_it_waits()))
    held.join(SOON_S)
    begun(lambda: write(database, "last")).join(SOON_S)

    assert notes(database) == ["first", "cancelled", "last"]


def test_who_may_not_wait_is_told_so_and_has_begun_nothing(database: Database) -> None:
    told: list[str] = []

    def write_at_once() -> None:
        try:
            with database.at_once():
                write(database, "at once")
        except WouldWait:
            told.append("would wait")

    with database.writing():
        begun(write_at_once).join(SOON_S)
    assert told == ["would wait"]
    begun(write_at_once).join(SOON_S)

    assert (told, notes(database)) == (["would wait"], ["at once"])


def test_who_may_not_wait_does_not_wait_for_other_processes_either(database: Database) -> None:
    assert database.url.database is not None
    other = sqlite3.connect(database.url.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(WouldWait), database.at_once():
        write(database, "at once")
    other.execute("ROLLBACK")
    with database.at_once():
        write(database, "at once")

    assert notes(database) == ["at once"]


def test_who_may_not_wait_leaves_it_to_others_to_shorten_the_log_but_does_not_let_it_grow_for_ever(
    database: Database,
) -> None:
    log_path = Path(f"{database.url.database}-wal")

    def write_until_it_is_long() -> None:
        for _ in range(100):
            with database.at_once():
                write(database, "x" * 1_000_000)

    with pytest.raises(WouldWait):
        write_until_it_is_long()
    assert 8_000_000 < log_path.stat().st_size < 11_000_000
    for who in ("shortens it", "begins it anew"):
        write(database, who)
    with database.at_once():
        write(database, "at once")

    assert notes(database)[-1] == "at once"
    assert log_path.stat().st_size <= 8 << 20


_HOLDS = """
import sys, threading, time
from lipwright.store import open_database
database = open_database(sys.argv[1])
def wait():
    with database.writing():
        pass
with database.writing() as connection:
    connection.exec_driver_sql("INSERT INTO note VALUES ('killed')")
    threading.Thread(target=wait, daemon=True).start()
    time.sleep(0.1)
    print("holds", flush=True)
    time.sleep(60)
"""


def test_a_process_that_is_killed_while_it_writes_and_others_wait_holds_nobody_up(database: Database) -> None:
    url = database.url.render_as_string(hide_password=False)
    with subprocess.Popen([sys.executable, "-c", _HOLDS, url], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"holds\n"
        with pytest.raises(DatabaseAway) as raised:
            write(database, "too early")
        assert "locked" in raised.value.reason
        os.kill(process.pid, signal.SIGKILL)
        process.wait(SOON_S)
    write(database, "after")

    assert notes(database) == ["after"]
