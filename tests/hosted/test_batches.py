"""Many jobs asked for together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lipwright.core.errors import IdempotencyMismatch, InvalidOption, JobNotFound
from lipwright.core.jobs import Account, JobRequest, JobState
from lipwright.service.hosted import Hosted
from lipwright.service.hosted_batch import Wanted

RequestOf = Callable[..., JobRequest]


def test_a_batch_that_was_cut_off_is_completed_by_sending_it_again(
    service: Hosted, account: Account, request_of: RequestOf
) -> None:
    made: list[int] = []

    def item(number: int) -> JobRequest:
        made.append(number)
        if number == 2 and made.count(2) == 1:
            raise KeyboardInterrupt
        return request_of(options={"seed": number})

    def wanted() -> list[Wanted]:
        return [Wanted(str(number), lambda number=number: item(number)) for number in range(4)]

    with pytest.raises(KeyboardInterrupt):
        service.batches.submit(account, wanted(), "the same", "key")
    (half,) = {job.id for job in service.desk.jobs().jobs if job.request.options["seed"] == 1}
    whole = service.batches.submit(account, wanted(), "the same", "key")

    assert made == [0, 1, 2, 2, 3]
    assert whole.items[1].job is not None
    assert whole.items[1].job.id == half
    assert whole.counts == {"queued": 4, "pending": 0}
    assert not whole.is_final
    assert service.desk.jobs().n_total == 4
    with pytest.raises(IdempotencyMismatch):
        service.batches.submit(account, wanted(), "another", "key")


def test_a_job_that_was_made_before_the_crash_is_not_made_twice(
    service: Hosted, account: Account, request_of: RequestOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lipwright.store import batches

    real = batches.add_item
    monkeypatch.setattr(batches, "add_item", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        service.batches.submit(account, [Wanted(None, request_of)], "the same", "key")
    monkeypatch.setattr(batches, "add_item", real)

    again = service.batches.submit(account, [Wanted(None, request_of)], "the same", "key")

    assert service.desk.jobs().n_total == 1
    assert again.items[0].job == service.desk.jobs().jobs[0]


def test_items_that_the_credit_does_not_reach_for_are_refused_one_by_one(
    service: Hosted, request_of: RequestOf
) -> None:
    poor, _ = service.create_key("poor")
    service.grant(poor, 400_000)

    batch = service.batches.submit(poor, [Wanted(None, request_of)] * 4, "four")
    ended = service.batches.cancel(poor, batch.id)

    assert [item.state for item in batch.items] == ["queued", "queued", "refused", "refused"]
    assert batch.items[2].error_code == "insufficient_credits"
    assert ended.is_final
    assert ended.counts == {"cancelled": 2, "refused": 2, "pending": 0}
    assert service.balance_microusd(poor) == 400_000


def test_a_batch_belongs_to_its_account_and_forgets_jobs_that_were_deleted(
    service: Hosted, account: Account, request_of: RequestOf
) -> None:
    batch = service.batches.submit(account, [Wanted("a", request_of)], "one")
    bob, _ = service.create_key("bob")
    made: Any = batch.items[0].job
    assert made.state is JobState.QUEUED

    with pytest.raises(JobNotFound):
        service.batches.find(bob, batch.id)
    with pytest.raises(JobNotFound):
        service.batches.cancel(bob, batch.id)
    service.delete(account, made.id)

    assert [item.state for item in service.batches.find(account, batch.id).items] == ["deleted"]
    with pytest.raises(InvalidOption):
        service.batches.submit(account, [], "none")
    with pytest.raises(InvalidOption):
        service.batches.submit(account, [Wanted(None, request_of)] * 501, "too many")
