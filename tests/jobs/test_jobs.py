"""The port to the durable engine: what it promises, and the private part of DBOS that it leans on."""

from __future__ import annotations

import inspect
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep, time
from typing import Any

import pytest
import sqlalchemy as sa

from lipwright.jobs import Queue, worker
from lipwright.jobs.life import is_surely_gone, machine_of, new_worker_id
from lipwright.jobs.queue import VERSION
from lipwright.store import open_database
from lipwright.store.database import sqlite_url


def test_a_worker_of_this_process_is_not_gone_and_every_name_is_new() -> None:
    assert not is_surely_gone(new_worker_id())
    assert new_worker_id() != new_worker_id()


def test_a_worker_whose_process_ended_is_gone_at_once() -> None:
    code = "from lipwright.jobs.life import new_worker_id; print(new_worker_id())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert is_surely_gone(done.stdout.strip())


@pytest.mark.parametrize("refusal", [FileNotFoundError, PermissionError])
def test_where_proc_hides_other_peoples_processes_the_living_are_not_gone_and_the_ended_are(
    monkeypatch: pytest.MonkeyPatch, refusal: type[OSError]
) -> None:
    """As under `hidepid=2` and `hidepid=1`."""
    living = new_worker_id()
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait(60)
    real = Path.read_text

    def hide(path: Path, *args: Any, **others: Any) -> str:
        if path.name == "stat":
            raise refusal
        return real(path, *args, **others)

    monkeypatch.setattr(Path, "read_text", hide)

    host, home, _, started, word = living.split("/")
    assert not is_surely_gone(living)
    assert is_surely_gone("/".join((host, home, str(process.pid), started, word)))


def test_after_the_clock_was_set_nobody_is_taken_for_dead_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that slept, or NTP after its start: in one moment all signs of life are hours old."""
    nothing: Any = None
    watcher = worker.Worker(nothing, nothing, nothing, concurrency=1, silent_s=1)
    may_doubt: list[bool] = []
    set_by_s = 0.0
    monkeypatch.setattr(watcher, "_look", may_doubt.append)
    monkeypatch.setattr(worker, "time", lambda: time() + set_by_s)
    thread = threading.Thread(target=watcher._keep_watch)
    thread.start()
    try:
        wait_for(lambda: may_doubt[-1:] == [True])
        set_by_s = 3600.0
        n_before = len(may_doubt)
        wait_for(lambda: len(may_doubt) > n_before + 1)
        assert may_doubt[n_before + 1] is False
        wait_for(lambda: may_doubt[-1])
    finally:
        watcher._stopping.set()
        thread.join()


def wait_for(is_so: Callable[[], bool]) -> None:
    until_s = monotonic() + 20
    while not is_so():
        assert monotonic() < until_s, "it did not come to that in time"
        sleep(0.01)


def test_another_process_under_the_number_of_a_dead_one_does_not_keep_it_alive() -> None:
    host, boot, _, _, word = new_worker_id().split("/")

    assert is_surely_gone("/".join((host, boot, str(os.getpid()), "1", word)))


def test_nothing_is_said_of_workers_in_another_home_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container beside this one that shares the name of the host, but not its process numbers."""
    living = new_worker_id().split("/")
    living[2] = str(2**22 + 1)
    other_id = "/".join(living)
    assert is_surely_gone(other_id)
    real = os.stat

    def stat(path: Any, **others: Any) -> Any:
        # the namespace of a process that is certain to have another number
        return real("/proc/self/ns/mnt" if str(path) == "/proc/self/ns/pid" else path, **others)

    monkeypatch.setattr(os, "stat", stat)

    assert not is_surely_gone(other_id)
    assert not is_surely_gone(new_worker_id())
    assert machine_of(new_worker_id()) != machine_of(other_id)


def test_of_workers_of_older_releases_silence_decides() -> None:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()

    assert not is_surely_gone(f"{socket.gethostname()}/{boot}/{2**22 + 1}/1/word")


def test_a_machine_fits_into_its_column_whatever_the_length_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "h" * 63)  # the most that Kubernetes gives

    assert len(machine_of(new_worker_id())) <= 100


@pytest.mark.parametrize("other", ["local", "elsewhere/boot/1/1/word", ""])
def test_of_workers_elsewhere_nothing_is_said(other: str) -> None:
    assert not is_surely_gone(other)


def test_a_job_enqueued_in_a_transaction_that_is_rolled_back_was_never_there(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    database = open_database(url)
    queue = Queue(database.jobs_engine)
    queue.prepare(2)

    def break_off() -> None:
        with database.writing() as connection:
            queue.put(connection, "lost", account_id="a", max_running=2, priority=5)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    with database.writing() as connection:
        queue.put(connection, "kept", account_id="a", max_running=2, priority=5)

    assert queue.fates(["lost", "kept"]) == {"lost": "unknown", "kept": "open"}
    assert queue.busy_workers() == set()
    queue.close()
    database.close()


def test_who_waits_in_a_queue_is_seen_however_many_wait_in_others(tmp_path: Path) -> None:
    database = open_database(sqlite_url(tmp_path))
    queue = Queue(database.jobs_engine)
    queue.prepare(2)
    for job_id in ("a", "b", "c", "last"):
        with database.writing() as connection:
            queue.put(connection, job_id, account_id="a", max_running=2, priority=5)
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE workflow_status SET queue_name = 'busy', created_at = created_at - 9000"))
        connection.execute(sa.text("UPDATE workflow_status SET queue_name = 'other' WHERE workflow_uuid = 'last'"))

    waiting = queue.waiting(["busy", "empty", "other"], limit=2)

    assert {name: n for name, (n, _) in waiting.items()} == {"busy": 2, "other": 1}
    assert all(9 <= oldest_s < 60 for _, oldest_s in waiting.values())
    queue.close()
    database.close()


def test_dbos_is_the_version_that_was_looked_at_and_has_what_is_used_of_its_inside() -> None:
    """Another version: read `_recovery.py` and `DBOS._destroy` again, run the chaos tests, and change the number."""
    from importlib.metadata import version

    from dbos import DBOS

    assert version("dbos") == "3.4.0"
    assert list(inspect.signature(DBOS._recover_pending_workflows).parameters) == ["executor_ids"]
    assert "self.background_thread_stop_events: List[threading.Event] = []" in inspect.getsource(DBOS.__init__)
    assert "queues called after DBOS is launched" in inspect.getsource(DBOS.listen_queues)


def test_recovery_hands_over_what_the_named_workers_hold_and_nothing_else(tmp_path: Path) -> None:
    """What the watch relies on: a job that another one has begun since is left alone."""
    from dbos._sys_db import SystemDatabase

    database = open_database(sqlite_url(tmp_path))
    queue = Queue(database.jobs_engine)
    queue.prepare(2)
    system: SystemDatabase = queue._client._sys_db
    with database.writing() as connection:
        for job_id in ("of-the-dead", "of-the-living"):
            queue.put(connection, job_id, account_id=job_id, max_running=2, priority=5)
    with database.writing() as connection:
        connection.execute(
            sa.text("UPDATE workflow_status SET status = 'PENDING', executor_id = substr(workflow_uuid, 8)")
        )
    assert queue.busy_workers() == {"dead", "living"}

    assert [one.workflow_id for one in system.get_pending_workflows("dead", VERSION)] == ["of-the-dead"]
    assert system.reenqueue_for_recovery("of-the-dead", ["dead"], "elsewhere")
    assert not system.reenqueue_for_recovery("of-the-living", ["dead"], "elsewhere")

    assert queue.busy_workers() == {"living"}
    queue.close()
    database.close()
