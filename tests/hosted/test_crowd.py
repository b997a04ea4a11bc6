"""Many jobs and many accounts at once. LIPWRIGHT_TEST_CROWD=QUEUED,KEYS,JOBS_OF_A_KEY: a smaller crowd by default."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Collection
from statistics import quantiles
from time import perf_counter, sleep
from typing import Any

import pytest
import sqlalchemy as sa

from lipwright.config import ServiceSettings
from lipwright.core.jobs import Account, JobRequest
from lipwright.jobs import Queue, Worker
from lipwright.service.hosted import Hosted
from lipwright.store import Database, accounts
from lipwright.store.tables import job, ledger

DATABASES = os.environ.get("LIPWRIGHT_TEST_DATABASES", "postgresql").split(",")
N_QUEUED, N_KEYS, N_OF_A_KEY = (int(n) for n in os.environ.get("LIPWRIGHT_TEST_CROWD", "1000,6,32").split(","))
N_TIMED = 25


def queue_up(database: Database, like_id: str, n: int) -> None:
    """Copies of a job that waits: its rows, here and in the queue, under new ids."""
    schema = None if database.is_sqlite else "dbos"
    workflow = sa.Table("workflow_status", sa.MetaData(), autoload_with=database.engine, schema=schema)
    ids = [accounts.new_id() for _ in range(n)]
    with database.writing() as connection:
        for table, key, others in (
            (job, job.c.id, lambda: {"number": accounts.new_number()}),
            (ledger, ledger.c.job_id, dict),
            (workflow, workflow.c.workflow_uuid, dict),
        ):
            row = dict(connection.execute(sa.select(table).where(key == like_id)).one()._mapping)
            row.pop("id" if table is ledger else "", None)
            connection.execute(table.insert(), [{**row, key.name: one, **others()} for one in ids])


def test_a_thousand_jobs_that_wait_slow_a_submit_by_a_fifth_at_most(
    service: Hosted,
    account: Account,
    request_of: Callable[..., JobRequest],
    new_settings: Callable[[], ServiceSettings],
) -> None:
    """Timed in turns with another service that has none: what else the machine does meanwhile holds both up."""
    quiet = Hosted.open(new_settings().model_copy(update={"database_connections": 4}))
    other, _ = quiet.create_key("alone")
    quiet.grant(other, 10**9)
    service.grant(account, 10**9)
    # a text needs no media in the other service
    asked = request_of(video="http://footage.example/v.mp4", audio=None, text="A word.")
    first = service.submit(account, asked)
    queue_up(service._database, first.id, N_QUEUED)
    quiet.cancel(other, quiet.submit(other, asked).id)
    times_ms: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(N_TIMED):
        for hosted, owner, is_crowded in ((quiet, other, False), (service, account, True)):
            start_s = perf_counter()
            made = hosted.submit(owner, asked)
            times_ms[is_crowded].append(1000 * (perf_counter() - start_s))
            hosted.cancel(owner, made.id)
    quiet.close()
    alone, crowded = (quantiles(times_ms[one], n=10)[0] for one in (False, True))
    print(f"a submit beside {N_QUEUED} jobs of its account: {crowded:.2f} ms, alone {alone:.2f} ms (tenth percentiles)")

    assert service.figures()["jobs_queued"] > N_QUEUED
    assert crowded < 1.2 * alone + 0.5


class Told:
    """Signs of life of one worker."""

    def tell(self, worker_id: str, machine: str, queues: str) -> None: ...

    def end(self, worker_id: str) -> None: ...

    def forget(self, worker_ids: Collection[str]) -> None: ...

    def heard_of(self, within_s: float) -> set[str]:
        return set()

    def silent(self, for_s: float) -> set[str]:
        return set()

    def ended(self) -> set[str]:
        return set()

    def on_machine(self, machine: str) -> set[str]:
        return set()

    def take_duty(self, name: str, every_s: float) -> bool:
        return False


class Tally:
    """Work that counts whose jobs came, up to half of all."""

    def __init__(self, enough: int) -> None:
        self.done: Counter[str] = Counter()
        self.is_enough = threading.Event()
        self._enough = enough
        self._lock = threading.Lock()

    def prepare(self, job_id: str) -> str | None:
        return "cpu"

    def render(self, job_id: str) -> int:
        sleep(0.06)
        with self._lock:
            if self.done.total() < self._enough:
                self.done[job_id.partition(".")[0]] += 1
            else:
                self.is_enough.set()
        return 0

    def part(self, job_id: str, number: int) -> None:
        raise AssertionError("nothing here is cut")

    def join(self, job_id: str) -> None:
        raise AssertionError("nothing here is cut")

    def is_over(self, job_id: str) -> bool:
        return False


@pytest.mark.timeout(1200)
def test_accounts_with_equal_limits_share_the_machines_equally_whoever_came_first(service: Hosted) -> None:
    database: Any = service._database
    queue = Queue(database.jobs_engine)
    queue.prepare(2)
    names = [f"key{n}" for n in range(N_KEYS)]
    with database.writing() as connection:
        # one after the other: the first account has all its jobs in before the last one comes
        for name in names:
            for n in range(N_OF_A_KEY):
                queue.put(connection, f"{name}.{n}", account_id=name, max_running=2, priority=5)
    tally = Tally(N_KEYS * N_OF_A_KEY // 2)
    worker = Worker(queue, tally, Told(), concurrency=2)
    worker.start()
    assert tally.is_enough.wait(1000)
    worker.stop(5)
    queue.close()

    shares = [tally.done[name] for name in names]
    print(f"{N_KEYS} accounts, half of {N_OF_A_KEY} jobs each: from {min(shares)} to {max(shares)} done")
    assert max(shares) <= 1.5 * min(shares)


def test_a_job_that_an_older_release_prepared_is_rendered(service: Hosted) -> None:
    """It wrote down that there is something to render, and not where: there was one queue."""

    class Older(Tally):
        def prepare(self, job_id: str) -> Any:
            return True

    queue = Queue(service._database.jobs_engine)
    queue.prepare(2)
    with service._database.writing() as connection:
        queue.put(connection, "key.1", account_id="key", max_running=2, priority=5)
        queue.put(connection, "key.2", account_id="key", max_running=2, priority=5)
    work = Older(1)
    worker = Worker(queue, work, Told(), concurrency=2)
    worker.start()

    assert work.is_enough.wait(60)

    worker.stop(5)
    queue.close()
