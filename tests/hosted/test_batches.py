"""Many jobs asked for together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from lipwright.core.errors import DatabaseAway, IdempotencyMismatch, InvalidOption, JobNotFound, MediaNotKnown
from lipwright.core.jobs import Account, JobRequest, JobState, Media
from lipwright.service import hosted_batch
from lipwright.service.fetches import shared_number
from lipwright.service.hosted import Hosted
from lipwright.service.hosted_batch import BrokenOff, Wanted
from lipwright.service.intake import Intake
from lipwright.store import batches
from lipwright.store.database import now
from lipwright.store.tables import batch as batch_table
from lipwright.store.tables import idempotency

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


def test_a_batch_that_was_cut_off_and_cancelled_is_over_and_stays_so(
    service: Hosted, account: Account, request_of: RequestOf
) -> None:
    made: list[int] = []

    def item(number: int) -> JobRequest:
        made.append(number)
        if number == 1:
            raise KeyboardInterrupt
        return request_of()

    def wanted() -> list[Wanted]:
        return [Wanted(None, lambda number=number: item(number)) for number in range(3)]

    with pytest.raises(KeyboardInterrupt):
        service.batches.submit(account, wanted(), "the same", "key")
    begun = service.desk.jobs().jobs[0].request.batch_id
    assert begun is not None
    ended = service.batches.cancel(account, begun)
    again = service.batches.submit(account, wanted(), "the same", "key")

    assert ended.is_final
    assert ended.counts == again.counts == {"cancelled": 3, "pending": 0}
    assert [item.error_code for item in ended.items] == [None, "cancelled", "cancelled"]
    assert (again.id, made) == (begun, [0, 1])


def test_a_batch_that_is_cancelled_while_it_is_taken_in_leaves_no_job_behind(
    service: Hosted, account: Account, request_of: RequestOf
) -> None:
    made: list[int] = []

    def item(number: int) -> JobRequest:
        made.append(number)
        if number == 1:
            begun = service.desk.jobs().jobs[0].request.batch_id
            assert begun is not None
            service.batches.cancel(account, begun)
        return request_of()

    wanted = [Wanted(None, lambda number=number: item(number)) for number in range(3)]
    batch = service.batches.submit(account, wanted, "three")

    assert (batch.counts, batch.is_final, made) == ({"cancelled": 3, "pending": 0}, True, [0, 1])
    assert {job.state for job in service.desk.jobs().jobs} == {JobState.CANCELLED}


def test_a_batch_that_nobody_can_send_again_is_over_once_it_has_broken_off(
    service: Hosted, account: Account, request_of: RequestOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, n_written = batches.add_item, 0

    def add_item(*given: Any) -> bool:
        nonlocal n_written
        n_written += 1
        if n_written == 2:  # of a job that is made
            raise DatabaseAway("it restarts")
        return real(*given)

    monkeypatch.setattr(batches, "add_item", add_item)
    with pytest.raises(BrokenOff) as broken:
        service.batches.submit(account, [Wanted(name, request_of) for name in "abc"], "three")

    batch = service.batches.find(account, broken.value.batch_id)
    assert batch.counts == {"queued": 2, "refused": 1, "pending": 0}
    assert (batch.items[2].reference, batch.items[2].error_code) == ("c", "database_away")
    assert service.desk.jobs().n_total == 2


@pytest.mark.parametrize(("key", "after"), [(None, timedelta(hours=2)), ("key", timedelta(hours=25))])
def test_a_batch_whose_server_was_killed_is_over_once_nobody_can_take_in_the_rest(
    service: Hosted,
    account: Account,
    request_of: RequestOf,
    monkeypatch: pytest.MonkeyPatch,
    key: str | None,
    after: timedelta,
) -> None:
    def die() -> JobRequest:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        service.batches.submit(account, [Wanted(None, request_of), Wanted(None, die)], "two", key)
    begun = service.desk.jobs().jobs[0].request.batch_id
    assert begun is not None
    assert service.batches.find(account, begun).counts == {"queued": 1, "pending": 1}

    monkeypatch.setattr(hosted_batch, "now", lambda: now() + after)

    assert service.batches.find(account, begun).counts == {"queued": 1, "refused": 1, "pending": 0}


def test_a_batch_is_not_over_while_jobs_are_still_made_of_it(
    service: Hosted, account: Account, request_of: RequestOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Any] = []

    def look() -> JobRequest:
        # as it is when what came before took three hours
        begun = service.desk.jobs().jobs[0].request.batch_id
        assert begun is not None
        with service._database.writing() as connection:
            early = sa.update(batch_table).values(created_at=now() - timedelta(hours=3))
            connection.execute(early)
        found.append(service.batches.find(account, begun).counts)
        return request_of()

    batch = service.batches.submit(account, [Wanted(None, one) for one in (request_of, look)], "two")

    assert found == [{"queued": 1, "pending": 1}]
    assert batch.counts == {"queued": 2, "pending": 0}


@pytest.mark.parametrize("key", [None, "key"])
def test_a_job_that_was_made_before_the_crash_is_no_refused_one_days_later(
    service: Hosted, account: Account, request_of: RequestOf, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    real, n_written = batches.add_item, 0

    def die_at_the_second(*given: Any) -> bool:
        nonlocal n_written
        n_written += 1
        if n_written == 2:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(batches, "add_item", die_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        service.batches.submit(account, [Wanted(None, request_of)] * 3, "three", key)
    begun = service.desk.jobs().jobs[0].request.batch_id
    assert begun is not None
    with service._database.writing() as connection:
        connection.execute(sa.delete(idempotency))  # as the sweep does
    monkeypatch.setattr(hosted_batch, "now", lambda: now() + timedelta(days=2))

    assert [item.state for item in service.batches.find(account, begun).items] == ["queued", "queued", "refused"]


def test_a_job_that_was_made_before_the_crash_is_not_made_twice(
    service: Hosted, account: Account, request_of: RequestOf, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_what_several_items_name_is_fetched_once_for_all_of_them(
    service: Hosted, account: Account, request_of: RequestOf, receiver: Any, work_here: Callable[..., Hosted]
) -> None:
    service.limit_key(account.id, max_running=4, has_credit_limit=False)
    clip, line = f"http://{receiver.host}/clip", f"http://{receiver.host}/speech"
    wanted = [Wanted(None, lambda: request_of(video=clip, audio=line, options={"seed": 1}))] * 3
    wanted += [Wanted(None, lambda: request_of(video=f"http://{receiver.host}/gone", audio=line))] * 3
    batch = service.batches.submit(service.account(account.id), wanted, "six")
    alone = service.submit(account, request_of(video=clip))
    work_here()

    ended = [service.wait(account, item.job.id, 100) for item in batch.items if item.job is not None]
    service.wait(account, alone.id, 60)

    assert [job.state for job in ended] == [JobState.SUCCEEDED] * 3 + [JobState.FAILED] * 3
    assert {job.error_code for job in ended[3:]} == {"fetch_failed"}
    assert sorted(receiver.fetched) == ["/clip", "/clip", "/gone", "/speech"]
    assert len({tuple(sorted(service.page.inputs(job).items())) for job in ended[:3]}) == 1
    assert set(service.page.inputs(ended[0])) == {"video", "audio"}
    service.sweep()
    assert service.page.inputs(ended[0]) == {}  # nobody needs it any more


def test_what_was_fetched_for_a_batch_is_kept_while_one_of_it_is_open(
    service: Hosted, account: Account, request_of: RequestOf, receiver: Any, work_here: Callable[..., Hosted]
) -> None:
    line = f"http://{receiver.host}/speech"
    batch = service.batches.submit(account, [Wanted(None, lambda: request_of(audio=line))] * 2, "two")
    first, second = (item.job for item in batch.items)
    assert first is not None
    assert second is not None
    # the same was fetched before, and expired: jobs may have been priced by it
    made = service._intake.keep_url(account.id, line, number=shared_number(batch.id, line))
    with service._database.writing() as connection:
        batches.keep_fetched(connection, made, now(), batch.id)
        another = replace(made, id="a" * 32)
        assert batches.keep_fetched(connection, another, now() + timedelta(hours=1), batch.id) == made.id
    work_here(rest_s=4)
    assert service.wait(account, first.id, 60).state is JobState.SUCCEEDED
    assert receiver.fetched == ["/speech"]
    assert service.media(made.id) == made
    if not service.job(account, second.id).state.is_final:
        service.sweep()
    assert service.wait(account, second.id, 60).state is JobState.SUCCEEDED


def test_what_was_fetched_for_a_batch_that_is_over_is_deleted_while_another_is_open(
    service: Hosted, account: Account, request_of: RequestOf, receiver: Any
) -> None:
    line = f"http://{receiver.host}/speech"
    over, open_ = (service.batches.submit(account, [Wanted(None, lambda: request_of(audio=line))], n) for n in "ab")
    made: dict[str, Media] = {}
    for batch in (over, open_):
        made[batch.id] = service._intake.keep_url(account.id, line, number=shared_number(batch.id, line))
        with service._database.writing() as connection:
            batches.keep_fetched(connection, made[batch.id], now() + timedelta(hours=1), batch.id)
    (ended,) = (item.job for item in over.items)
    assert ended is not None
    service.cancel(account, ended.id)

    service.sweep()

    assert service.media(made[open_.id].id) == made[open_.id]
    with pytest.raises(MediaNotKnown):
        service.media(made[over.id].id)


def test_jobs_of_a_batch_speak_what_they_are_priced_by_where_two_workers_fetch_at_the_same_time(
    service: Hosted,
    account: Account,
    request_of: RequestOf,
    receiver: Any,
    work_here: Callable[..., Hosted],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = f"http://{receiver.host}/speech"
    batch = service.batches.submit(account, [Wanted(None, lambda: request_of(audio=line))], "one")
    (job,) = (item.job for item in batch.items)
    assert job is not None
    real, kept = Intake.keep_url, list[Media]()

    def keep_url(self: Intake, *given: Any, **named: Any) -> Media:
        kept.extend(real(self, *given, **named) for _ in range(2))
        # the other worker is in another process, and faster
        with service._database.writing() as connection:
            batches.keep_fetched(connection, kept[0], now() + timedelta(hours=1), batch.id)
        return kept[1]

    monkeypatch.setattr(Intake, "keep_url", keep_url)
    work_here()

    assert service.wait(account, job.id, 60).state is JobState.SUCCEEDED
    assert receiver.fetched == ["/speech", "/speech"]
    assert service.page.inputs(job)["audio"].id == kept[0].id
    assert service._blobs.n_bytes(kept[0].id) is not None
    assert service._blobs.n_bytes(kept[1].id) is None
