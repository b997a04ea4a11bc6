"""What an operator sees and does, from the library and from the command line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from lipwright.cli.main import app
from lipwright.core.errors import InvalidKey, InvalidOption, JobNotFound
from lipwright.core.jobs import Account, JobRequest, JobState
from lipwright.jobs.queue import admit_queue
from lipwright.service.hosted import Hosted
from lipwright.service.hosted_batch import Wanted
from lipwright.store.database import insert_once, now
from lipwright.store.tables import beat

RequestOf = Callable[..., JobRequest]
Cli = Callable[..., Result]


@pytest.fixture
def cli(service: Hosted, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The program, on the service's folder."""
    monkeypatch.setenv("LIPWRIGHT_DATA", service.settings.data)

    def run(*words: str, status: int = 0) -> Result:
        done = CliRunner().invoke(app, list(words))
        assert done.exit_code == status, done.output
        return done

    return run


def test_jobs_of_all_accounts_are_listed_newest_first(
    service: Hosted, account: Account, request_of: RequestOf, cli: Cli
) -> None:
    bob, _ = service.create_key("bob", has_credit_limit=False)
    first = service.submit(account, request_of())
    second = service.submit(bob, request_of(text="Good morning.", audio=None))
    service.cancel(account, first.id)

    heads, *rows = cli("jobs", "list").stdout.splitlines()
    open_only = json.loads(cli("jobs", "list", "--state", "open", "--json").stdout)
    of_alice = json.loads(cli("jobs", "list", "--account", "alice", "--json").stdout)
    cut = cli("jobs", "list", "--limit", "1")

    assert heads.split() == ["JOB", "STATE", "PHASE", "DONE", "AGE", "TOOK", "ACCOUNT", "MODEL", "ERROR"]
    assert [row.split()[0] for row in rows] == [second.id, first.id]
    assert "bob" in rows[0]
    assert "queued" in rows[0]
    assert "alice" in rows[1]
    assert "cancelled" in rows[1]
    assert [one["id"] for one in open_only] == [second.id]
    assert open_only[0]["text"] == "Good morning."
    assert [one["id"] for one in of_alice] == [first.id]
    assert "1 of 2" in cut.stderr


def test_a_job_is_found_by_id_by_its_beginning_and_by_number(
    service: Hosted, account: Account, request_of: RequestOf, cli: Cli
) -> None:
    job = service.submit(account, request_of())

    for name in (job.id, job.id[:6], str(job.number)):
        assert service.desk.job(name).id == job.id
    shown = cli("jobs", "show", job.id[:8]).stdout
    assert job.id in shown
    assert "0.15 USD, held" in shown
    assert json.loads(cli("jobs", "show", job.id, "--json").stdout)["number"] == job.number
    with pytest.raises(JobNotFound):
        service.desk.job("zzzz")
    assert "[job_not_found]" in cli("jobs", "show", "12345678901", status=2).stderr


def test_a_beginning_that_several_ids_share_is_refused(
    service: Hosted, account: Account, request_of: RequestOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = iter(["abcdef" + "0" * 26, "abcdef" + "1" * 26])
    monkeypatch.setattr("lipwright.service.hosted.accounts.new_id", lambda: next(ids))
    service.submit(account, request_of())
    service.submit(account, request_of())

    with pytest.raises(InvalidOption, match="2 ids"):
        service.desk.job("abcd")
    assert service.desk.job("abcdef1").id == "abcdef" + "1" * 26


def test_what_an_operator_cancels_from_the_command_line_waits_in_no_queue(
    service: Hosted, account: Account, request_of: RequestOf, cli: Cli
) -> None:
    gone, left = (service.submit(account, request_of()) for _ in range(2))
    queue = service._open_queue()

    cli("jobs", "cancel", gone.id)

    assert queue.fates([gone.id, left.id]) == {gone.id: "ended", left.id: "open"}
    assert [n for n, _ in queue.waiting([admit_queue(account.max_running)]).values()] == [1]


def test_what_was_cancelled_is_retried_once_as_a_job_of_its_own(
    service: Hosted, account: Account, request_of: RequestOf, cli: Cli
) -> None:
    job = service.submit(account, request_of(options={"crf": 30}))
    assert "now cancelled" in cli("jobs", "cancel", job.id).stdout
    assert "is cancelled" in cli("jobs", "cancel", job.id).stdout

    again = cli("jobs", "retry", job.id).stdout.split()[0]
    once_more = cli("jobs", "retry", job.id).stdout.split()[0]

    made = service.job(account, again)
    assert again == once_more != job.id
    assert made.state is JobState.QUEUED
    assert made.request == job.request
    assert service.job(account, job.id).state is JobState.CANCELLED
    assert service.balance_microusd(account) == 10_000_000 - made.price_microusd


def test_a_job_of_a_batch_is_retried_by_itself(service: Hosted, account: Account, request_of: RequestOf) -> None:
    """What a batch could not fetch is not asked for again for a while."""
    batch = service.batches.submit(account, [Wanted(None, request_of)], "one")
    (job,) = (item.job for item in batch.items)
    assert job is not None
    service.desk.cancel(job.id)

    again = service.desk.retry(job.id)

    assert job.request.batch_id == batch.id
    assert again.request == replace(job.request, batch_id=None)


@pytest.mark.parametrize("n_digits", [18, 20, 5000])
def test_a_number_that_no_job_can_have_is_not_found(cli: Cli, n_digits: int) -> None:
    assert "There is no job" in cli("jobs", "show", "9" * n_digits, status=2).stderr


def test_what_waits_or_succeeded_is_not_retried(
    service: Hosted, account: Account, request_of: RequestOf, cli: Cli
) -> None:
    job = service.submit(account, request_of())

    assert "it is queued" in cli("jobs", "retry", job.id, status=2).stderr
    assert len(service.desk.jobs().jobs) == 1


def test_workers_are_shown_with_what_they_have_in_hand_and_dead_ones_as_gone(
    service: Hosted, account: Account, request_of: RequestOf, work_here: Callable[..., None], cli: Cli
) -> None:
    assert "No worker" in cli("workers", "--check", status=1).stdout
    with service._database.writing() as connection:
        for worker_id, silent_s in (("far/boot/7/1/word", 5), ("lost/boot/8/1/word", 300)):
            values: dict[str, Any] = {"worker_id": worker_id, "beaten_at": now() - timedelta(seconds=silent_s)}
            insert_once(connection, beat, values)
    work_here(rest_s=4.0)
    job = service.submit(account, request_of())
    while service.job(account, job.id).phase != "render":
        time.sleep(0.05)

    seen = {one.host: one for one in service.desk.workers()}
    rows = cli("workers", "--check").stdout.splitlines()[1:]
    service.cancel(account, job.id)

    assert seen["far"].is_alive
    assert seen["far"].pid == 7
    assert seen["far"].jobs == ()
    assert not seen["lost"].is_alive
    (here,) = (one for host, one in seen.items() if host not in {"far", "lost"})
    assert here.is_alive
    assert here.jobs == (job.id,)
    assert "gone" in rows[-1]
    assert "lost" in rows[-1]
    assert "5 min ago" in rows[-1]
    assert any(job.id[:8] in row for row in rows)


def test_a_key_is_rotated_and_its_account_stays(service: Hosted, cli: Cli) -> None:
    alice, old = service.create_key("alice")
    signed_with = service.webhook_secret(alice)

    new = cli("keys", "rotate", "alice").stdout.strip()
    other = cli("keys", "rotate", "alice", "--webhooks").stdout.strip()

    assert service.authenticate(new) == alice
    with pytest.raises(InvalidKey):
        service.authenticate(old)
    assert service.webhook_secret(alice) == other != signed_with
    service.revoke_key(alice.id)
    assert "no open key" in cli("keys", "rotate", "alice", status=2).stderr
