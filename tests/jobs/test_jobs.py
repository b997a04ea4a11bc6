"""The port to the durable engine: what it promises, and the private part of DBOS that it leans on."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lipwright.jobs import Queue
from lipwright.jobs.life import is_surely_gone, new_worker_id
from lipwright.store import open_database
from lipwright.store.database import sqlite_url


def test_a_worker_of_this_process_is_not_gone_and_every_name_is_new() -> None:
    assert not is_surely_gone(new_worker_id())
    assert new_worker_id() != new_worker_id()


def test_a_worker_whose_process_ended_is_gone_at_once() -> None:
    code = "from lipwright.jobs.life import new_worker_id; print(new_worker_id())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert is_surely_gone(done.stdout.strip())


def test_another_process_under_the_number_of_a_dead_one_does_not_keep_it_alive() -> None:
    host, boot, _, _, word = new_worker_id().split("/")

    assert is_surely_gone("/".join((host, boot, str(os.getpid()), "1", word)))


@pytest.mark.parametrize("other", ["local", "elsewhere/boot/1/1/word", ""])
def test_of_workers_elsewhere_nothing_is_said(other: str) -> None:
    assert not is_surely_gone(other)


def test_a_job_enqueued_in_a_transaction_that_is_rolled_back_was_never_there(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    database = open_database(url)
    queue = Queue(database.engine)
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


def test_dbos_still_has_the_private_method_that_hands_over_the_jobs_of_dead_workers() -> None:
    from dbos import DBOS

    recover = DBOS._recover_pending_workflows

    assert list(inspect.signature(recover).parameters) == ["executor_ids"]
