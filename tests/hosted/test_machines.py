"""Many workers on one PostgreSQL: killed, frozen, cut off from the database, asked to stop, of different kinds.

LIPWRIGHT_TEST_MACHINES=WORKERS,JOBS,SECONDS_BETWEEN_KILLS is how much is killed: a little by default.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from time import monotonic, sleep
from typing import Any

import psycopg
import pytest
from dbos import DBOS
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from lipwright.config import ServiceSettings
from lipwright.core.errors import DatabaseAway, InvalidOption, StoreAway
from lipwright.core.jobs import Account, Job, JobRequest, JobState
from lipwright.jobs import Worker
from lipwright.service import work
from lipwright.service.hosted import Hosted
from lipwright.store import jobs as rows_of_jobs
from lipwright.store import outbox

DATABASES = ["postgresql"]
GRANTED, PRICE = 10_000_000, 150_000
N_WORKERS, N_JOBS, KILL_EVERY_S = (float(n) for n in os.environ.get("LIPWRIGHT_TEST_MACHINES", "2,3,3").split(","))
SILENT_S = 3.0
RequestOf = Callable[..., JobRequest]
Until = Callable[..., float]


def phase_of(service: Hosted, account: Account, job: Job) -> Callable[[], str]:
    return lambda: service.job(account, job.id).phase


@pytest.mark.timeout(1200)
def test_whoever_is_killed_or_frozen_every_job_ends_once_and_is_paid_once(
    service: Hosted,
    account: Account,
    request_of: RequestOf,
    fork_worker: Callable[..., Any],
    receiver: Any,
    settings: ServiceSettings,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dice = random.Random(7)
    hook = f"http://{receiver.host}/hook"
    service.limit_key(account.id, max_running=int(N_WORKERS) * 2)
    account = service.account(account.id)
    jobs = [
        service.submit(
            account, request_of(webhook_url=hook, **dice.choice([{}, {"video": f"http://{receiver.host}/v"}]))
        )
        for _ in range(int(N_JOBS))
    ]
    each = {
        "LIPWRIGHT_MAX_ATTEMPTS": "1000",
        "LIPWRIGHT_CONCURRENCY": "1",
        "LIPWRIGHT_WORKER_SILENT_S": str(SILENT_S),
        "LANG": "rest1",
    }
    zombie, *workers = [fork_worker(**each) for _ in range(int(N_WORKERS))]

    # frozen with a job in hand: others take it over, and end it
    def held() -> list[str]:
        found = [seen for seen in service.desk.workers() if seen.pid == zombie.pid]
        return [one for seen in found for one in seen.jobs if service.job(account, one).phase == "render"]

    taken: list[str] = []
    while not taken:
        zombie.send_signal(signal.SIGCONT)
        until(held)
        # the job may end between these two
        zombie.send_signal(signal.SIGSTOP)
        taken = held()
    start_s = next_kill_s = monotonic()
    kills: list[bool] = []
    """Whether each of them had a job in hand."""

    def kill() -> None:
        assert all(worker.is_alive for worker in workers), "a worker ended by itself: see its log"
        # of those that are up: who starts has nothing to lose yet
        up = {seen.pid: bool(seen.jobs) for seen in service.desk.workers()}
        victims = [worker for worker in workers if up.get(worker.pid, False) or (N_JOBS > 3 and worker.pid in up)]
        if victims:
            victim = dice.choice(victims)
            workers.remove(victim)
            victim.kill()
            kills.append(up[victim.pid])
            workers.append(fork_worker(**each))

    def is_over() -> bool:
        nonlocal next_kill_s
        if monotonic() > next_kill_s and (N_JOBS > 3 or not kills):
            next_kill_s += KILL_EVERY_S
            kill()
        return all(service.job(account, one).state.is_final for one in taken)

    until(is_over, 300)
    zombie.send_signal(signal.SIGCONT)
    # it is one of them from now on: may be killed like the others
    workers.append(zombie)
    taken = [job.id for job in jobs]
    until(is_over, 900)
    took_s = monotonic() - start_s
    done = [service.job(account, job.id) for job in jobs]
    told_s = outbox.LEASE_S + 60  # whoever was killed may have taken a webhook and not sent it
    until(lambda: {body["id"] for _, body in receiver.came} == {job.id for job in jobs}, told_s)

    assert [job.state for job in done] == [JobState.SUCCEEDED] * len(jobs)
    assert any(kills)
    rows = service.ledger(account, limit=1000)
    assert Counter(row.job_id for row in rows if row.kind == "charge") == {job.id: 1 for job in jobs}
    assert service.balance_microusd(account) == GRANTED - len(jobs) * PRICE
    assert all(delivery == body["id"][:25] for delivery, body in receiver.came)
    with service._database.reading() as connection:
        n_begun = sum(found.n_attempts for job in jobs if (found := rows_of_jobs.find(connection, job.id)) is not None)
    print(
        f"{len(jobs)} jobs in {took_s:.0f} s; {len(kills)} kills, {sum(kills)} of them with a job in hand; one frozen;"
        f" {len(receiver.came)} webhooks; {n_begun} times begun"
    )

    from lipwright.service import hosted

    for worker in workers:
        worker.kill()
    monkeypatch.setattr(hosted, "_YOUNG", timedelta(0))
    service.sweep()
    kept = {
        path.name
        for path in (settings.folder / "blobs").rglob("*")
        if path.is_file() and path.parent.name != "database"
    }
    given = {source for job in done for source in (job.request.video, job.request.audio or "")}
    assert kept == {one.id for job in done for one in job.outputs} | {
        source.removeprefix("media:") for source in given if source.startswith("media:")
    }
    assert list((settings.folder / "work").iterdir()) == []


@pytest.mark.timeout(1200)
def test_more_workers_render_more(
    service: Hosted,
    account: Account,
    request_of: RequestOf,
    start_worker: Callable[..., subprocess.Popen[bytes]],
) -> None:
    """Renders that wait instead of computing: what the queue allows, not what two cores can."""
    n_jobs = int(os.environ.get("LIPWRIGHT_TEST_SCALING", "0"))
    if not n_jobs:
        pytest.skip("takes minutes: LIPWRIGHT_TEST_SCALING is how many jobs")
    service.limit_key(account.id, max_running=n_jobs, has_credit_limit=False)
    account = service.account(account.id)
    took_s: dict[int, float] = {}
    for n_workers in (1, 2, 4):
        workers = [start_worker(LIPWRIGHT_CONCURRENCY="1", LANG="rest4") for _ in range(n_workers)]
        start_s = monotonic()
        jobs = [service.submit(account, request_of()) for _ in range(n_jobs)]
        done = [service.wait(account, job.id, 600) for job in jobs]
        took_s[n_workers] = monotonic() - start_s
        assert [job.state for job in done] == [JobState.SUCCEEDED] * n_jobs
        for worker in workers:
            worker.kill()
            worker.wait()
    print({n: f"{60 * n_jobs / s:.1f} jobs/min, {took_s[1] / s:.2f} times one worker" for n, s in took_s.items()})
    assert took_s[1] / took_s[4] > 2


def test_while_postgresql_restarts_the_render_goes_on_and_nothing_is_done_twice(
    service: Hosted,
    account: Account,
    request_of: RequestOf,
    work_here: Callable[..., Hosted],
    postgres: Any,
    receiver: Any,
    until: Until,
) -> None:
    work_here(2.5)
    waiting = [service.submit(account, request_of(webhook_url=f"http://{receiver.host}/hook")) for _ in range(2)]
    until(lambda: phase_of(service, account, waiting[0])() == "render")

    postgres.stop("immediate")
    away_s = monotonic()
    assert not service.is_ready
    with pytest.raises(DatabaseAway):
        service.submit(account, request_of())
    sleep(max(0.0, float(os.environ.get("LIPWRIGHT_TEST_AWAY_S", "1.5")) - (monotonic() - away_s)))
    postgres.start()

    done = [service.wait(account, job.id, 60) for job in waiting]
    until(lambda: len(receiver.came) >= 2)
    assert [job.state for job in done] == [JobState.SUCCEEDED] * 2
    with service._database.reading() as connection:
        assert [rows_of_jobs.find(connection, job.id).n_attempts for job in done] == [1, 1]  # pyright: ignore[reportOptionalMemberAccess]
    assert service.is_ready
    assert service.balance_microusd(account) == GRANTED - 2 * PRICE


@pytest.mark.parametrize(("owner", "name"), [(Hosted, "_open_queue"), (DBOS, "migrate"), (Worker, "_launch")])
def test_a_worker_that_postgresql_leaves_as_it_starts_says_so_and_can_start_later(
    service: Hosted, postgres: Any, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
) -> None:
    told: list[str] = []
    listener = logging.Handler()
    listener.emit = lambda record: told.append(record.getMessage())
    logging.getLogger("dbos").addHandler(listener)
    real = getattr(owner, name)

    def leave_first(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.undo()
        postgres.stop("immediate")
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, leave_first)
    try:
        with pytest.raises(DatabaseAway):
            service.start_worker()
    finally:
        postgres.start()
        logging.getLogger("dbos").removeHandler(listener)

    assert told == []  # it would be a traceback
    service.start_worker()
    assert service.is_ready


def test_care_tells_of_an_outage_in_a_line(
    service: Hosted, work_here: Callable[..., Hosted], until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = [DatabaseAway("gone"), OperationalError("", {}, psycopg.OperationalError("gone")), StoreAway("gone")]

    def end_stranded(_: Hosted) -> None:
        if gone:
            raise gone.pop(0)

    monkeypatch.setattr(Hosted, "_end_stranded", end_stranded)
    monkeypatch.setattr("lipwright.service.hosted._CARE_EVERY_S", 0.01)
    with capture_logs() as told:
        work_here()
        until(lambda: not gone and any(one["event"] == "the store is away" for one in told))

    lines = [(one["log_level"], one["event"]) for one in told if one.get("what") == "care" or "exc_info" in one]
    assert lines == [("warning", "the database is away")] * 2 + [("warning", "the store is away")]


def test_at_whatever_moment_postgresql_goes_away_every_job_ends_once_and_is_paid_once(
    service: Hosted,
    account: Account,
    request_of: RequestOf,
    work_here: Callable[..., Hosted],
    postgres: Any,
    receiver: Any,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """LIPWRIGHT_TEST_OUTAGES=OUTAGES,JOBS is how often: once at each of these moments by default."""
    moments = {
        "a job is being taken": (rows_of_jobs, "begin"),
        "it is being priced": (rows_of_jobs, "stage_done"),
        "it is being ended": (rows_of_jobs, "finish"),
        "it has just ended": (work.JobWork, "_finished"),
    }
    n_outages, n_jobs = (int(n) for n in os.environ.get("LIPWRIGHT_TEST_OUTAGES", f"{len(moments)},5").split(","))
    dice = random.Random(11)
    awaited = set[str]()
    """The moment at which PostgreSQL goes away next."""
    coming, is_away = threading.Lock(), threading.Event()

    def lurk(moment: str, owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def act(*args: Any) -> Any:
            told = real(*args)
            with coming:  # of those who come to it at once, one
                is_now = moment in awaited
                awaited.discard(moment)
            if is_now:
                postgres.stop("immediate")
                is_away.set()
            return told

        monkeypatch.setattr(owner, name, act)

    for moment, (owner, name) in moments.items():
        lurk(moment, owner, name)
    service.limit_key(account.id, max_running=n_jobs)
    account = service.account(account.id)
    work_here(0.3)
    made = [service.submit(account, request_of(webhook_url=f"http://{receiver.host}/hook")) for _ in range(n_jobs)]
    turns = [[*moments][number] if number < len(moments) else dice.choice([*moments]) for number in range(n_outages)]
    awaited.add(turns[0])
    for number in range(n_outages):
        assert is_away.wait(60), f"never: {awaited}"
        is_away.clear()
        sleep(dice.uniform(0.1, 0.6))
        with coming:  # nobody is past the next moment before it is awaited
            postgres.start()
            awaited.update(turns[number + 1 : number + 2])

    done = [service.wait(account, job.id, 120) for job in made]
    until(lambda: len(receiver.came) >= n_jobs)
    assert [job.state for job in done] == [JobState.SUCCEEDED] * n_jobs
    assert {body["id"] for _, body in receiver.came} == {job.id for job in made}
    rows = service.ledger(account, limit=1000)
    assert Counter(row.job_id for row in rows if row.kind == "charge") == {job.id: 1 for job in made}
    assert service.balance_microusd(account) == GRANTED - n_jobs * PRICE


def test_a_process_takes_no_more_connections_than_it_may(
    service: Hosted,
    request_of: RequestOf,
    account: Account,
    work_here: Callable[..., Hosted],
    postgres: Any,
    until: Until,
) -> None:
    n_most = 4
    name = service._database.url.database
    seen: list[int] = []
    is_over = threading.Event()

    def n_connections() -> int:
        return postgres.execute(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'")[0][0]

    # the database ends its side of a closed connection when it gets to it
    service.close()
    until(lambda: n_connections() == 0)
    worker = work_here(0.2, database_connections=n_most)

    def count() -> None:
        while not is_over.wait(0.02):
            seen.append(n_connections())

    def ask() -> None:
        for _ in range(10):
            worker.jobs(account)
            worker.authenticate(secret)

    _, secret = worker.create_key("crowd")
    counter = threading.Thread(target=count)
    crowd = [threading.Thread(target=ask) for _ in range(24)]
    for thread in (counter, *crowd):
        thread.start()
    job = worker.submit(account, request_of())
    assert worker.wait(account, job.id, 60).state is JobState.SUCCEEDED
    for thread in crowd:
        thread.join()
    is_over.set()
    counter.join()

    # one more listens
    assert max(seen) <= n_most + 1


def test_renders_of_an_engine_wait_for_the_machines_that_it_needs(
    service: Hosted, account: Account, request_of: RequestOf, work_here: Callable[..., Hosted], until: Until
) -> None:
    queues = {"engine_queues": "rewrite=gpu"}
    job = service.submit(account, request_of())
    first = work_here(0.2, ("prepare", "cpu"), **queues)
    until(lambda: service._open_queue().fates([f"{job.id}-render"]) == {f"{job.id}-render": "open"})
    sleep(0.6)
    assert phase_of(service, account, job)() == "fetch"
    first.stop_worker(0)

    work_here(0.2, ("gpu",), **queues)

    assert service.wait(account, job.id, 30).state is JobState.SUCCEEDED
    with pytest.raises(InvalidOption):
        service.start_worker(queues=("tpu",))


def test_a_worker_that_drains_takes_no_more_and_ends_what_it_has(
    service: Hosted, account: Account, request_of: RequestOf, work_here: Callable[..., Hosted], until: Until
) -> None:
    worker = work_here(2.5)
    first = service.submit(account, request_of())
    until(lambda: phase_of(service, account, first)() == "render")
    drain = threading.Thread(target=worker.stop_worker, args=(30,))
    drain.start()
    sleep(0.3)

    second = service.submit(account, request_of())
    drain.join()

    assert service.job(account, first.id).state is JobState.SUCCEEDED
    assert all(second.id not in held for held in service._open_queue().held().values())
    assert service.job(account, second.id).state is JobState.QUEUED
