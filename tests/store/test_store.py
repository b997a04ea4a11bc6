"""The tables are those of the migrations, money adds up, and a job ends once."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError, OperationalError

from lipwright.core.errors import DatabaseAway, InvalidKey, InvalidOption, KeyRevoked, StoreMismatch
from lipwright.core.jobs import Account, Job, JobRequest, JobState, Media
from lipwright.store import Database, accounts, beats, jobs, ledger, media, open_database, outbox
from lipwright.store.database import HEAD, alembic_config, insert_once, now, sqlite_url
from lipwright.store.tables import account as account_table
from lipwright.store.tables import job as job_table
from lipwright.store.tables import ledger as ledger_table
from lipwright.store.tables import media as media_table
from lipwright.store.tables import metadata
from lipwright.store.tables import outbox as outbox_table

LIMITS = {"name": "alice", "level": "bronze"}


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a database without tables; and every promise is kept on both."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    postgres = request.getfixturevalue("postgres")
    return postgres.url(postgres.new_database())


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = open_database(url)
    yield opened
    opened.close()


@pytest.fixture
def alice(database: Database) -> Account:
    with database.writing() as connection:
        return accounts.add(connection, LIMITS)[0]


def add_job(
    connection: sa.Connection,
    owner: Account,
    price: int = 150_000,
    url: str | None = None,
    inputs: dict[str, str] | None = None,
) -> Job:
    job = Job(
        id=accounts.new_id(),
        number=accounts.new_number(),
        account_id=owner.id,
        request=JobRequest("wavespeed", "m", "media:v", "media:a", webhook_url=url),
        state=JobState.QUEUED,
        created_at=now(),
        price_microusd=price,
    )
    jobs.add(connection, job, inputs or {})
    ledger.add(connection, owner.id, "hold", -price, job_id=job.id)
    return job


DONE = jobs.Ending(state=JobState.SUCCEEDED, report={"took_s": 1})
CANCELLED = jobs.Ending(state=JobState.CANCELLED)


@pytest.mark.parametrize("at", ["?host=/nowhere", "127.0.0.1:1", "container-that-begins-anew.invalid"])
def test_a_database_that_cannot_be_reached_is_waited_for_by_its_jobs_too(at: str) -> None:
    from dbos._utils import retriable_postgres_exception

    database = Database(f"postgresql://lipwright@{at}/jobs" if at[0] != "?" else f"postgresql://lipwright@/jobs{at}")
    with pytest.raises(OperationalError) as caught:
        database.jobs_engine.connect()
    assert retriable_postgres_exception(caught.value), "DBOS would give the job up"
    with pytest.raises(DatabaseAway), database.reading():
        pass
    database.close()


def test_a_file_that_another_process_keeps_locked_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lipwright.store.database._BUSY_S", 0)
    database = open_database(sqlite_url(tmp_path))
    other = sqlite3.connect(tmp_path / "lipwright.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseAway), database.writing():
        pass

    threading.Timer(0.3, lambda: other.execute("COMMIT")).start()
    with pytest.raises(DatabaseAway):
        database.insist(lambda connection: beats.tell(connection, "w"), until=lambda: True)
    database.insist(lambda connection: beats.tell(connection, "w"), until=lambda: False)

    with database.reading() as connection:
        assert beats.heard_of(connection, 60) == {"w"}
    other.close()
    database.close()


def test_the_migrations_make_the_tables_of_the_code(database: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_newest_migration_is_the_one_that_is_asked_for() -> None:
    from alembic.script import ScriptDirectory

    assert ScriptDirectory.from_config(alembic_config()).get_heads() == [HEAD]


def test_two_who_open_a_new_database_at_once_both_get_it(url: str) -> None:
    raised: list[BaseException] = []

    def open_and_close() -> None:
        try:
            open_database(url).close()
        except BaseException as exc:  # noqa: BLE001 - whatever it was fails the test
            raised.append(exc)

    threads = [threading.Thread(target=open_and_close) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert raised == []


def test_a_database_of_a_newer_version_is_refused(database: Database, url: str) -> None:
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(StoreMismatch, match="9999"):
        open_database(url)


@pytest.mark.parametrize(
    "address",
    ["mysql://h/d", "postgresql+psycopg2://h/d", "sqlite+aiosqlite:////tmp/x.db", "sqlite://", "sqlite:///:memory:",
     "nonsense", "foo://h/d", "postgresql://u:secret@h:port/d"],
)  # fmt: skip
def test_an_address_of_no_database_that_we_know_is_refused(address: str) -> None:
    with pytest.raises(StoreMismatch) as raised:
        open_database(address)

    assert "secret" not in str(raised.value)


def test_a_duty_is_done_again_after_the_clock_was_put_back(database: Database) -> None:
    with database.writing() as connection:
        assert beats.take_duty(connection, "sweep", 540)
        # as it was written while the clock was two days ahead
        connection.execute(sa.text("UPDATE duty SET due_at = due_at + 172800000000"))

        assert [beats.take_duty(connection, "sweep", 540) for _ in range(2)] == [True, False]


def test_a_duty_is_not_taken_at_once_by_one_that_has_it_done_more_often(database: Database) -> None:
    with database.writing() as connection:
        assert [beats.take_duty(connection, "hand over", every_s) for every_s in (30.0, 0.5)] == [True, False]


def test_a_key_that_is_given_back_while_another_one_asks_for_it_is_free(
    database: Database, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite lets nobody in between two statements")
    with database.writing() as connection:
        first = jobs.claim(connection, alice.id, "key", "f")

    def give_back_after(connection: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> bool:
        monkeypatch.undo()
        is_inserted = insert_once(connection, table, values)
        with database.writing() as other:
            jobs.drop_claim(other, alice.id, "key", first.claimed_at)
        return is_inserted

    monkeypatch.setattr(jobs, "insert_once", give_back_after)
    with database.writing() as connection:
        assert jobs.claim(connection, alice.id, "key", "g").is_mine


def test_a_file_of_sqlite_is_its_owners_alone_whatever_the_mask(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        database = open_database(sqlite_url(tmp_path))
        with database.writing() as connection:
            accounts.add(connection, LIMITS)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        database.close()
    finally:
        os.umask(mask)

    assert modes == dict.fromkeys(("lipwright.db", "lipwright.db-wal", "lipwright.db-shm"), 0o600)


@pytest.mark.parametrize(("before", "after"), [(0o644, 0o640), (0o664, 0o660), (0o640, 0o640)])
def test_a_file_of_an_earlier_release_is_taken_from_others_and_not_from_its_group(
    before: int, after: int, tmp_path: Path
) -> None:
    open_database(sqlite_url(tmp_path)).close()
    (tmp_path / "lipwright.db").chmod(before)

    open_database(sqlite_url(tmp_path)).close()

    assert stat.S_IMODE((tmp_path / "lipwright.db").stat().st_mode) == after


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lipwright.db").write_bytes(b"not a database" * 100)

    with pytest.raises(StoreMismatch):
        open_database(sqlite_url(tmp_path))


def test_a_key_is_kept_as_a_hash_only_and_opens_its_account_until_it_is_revoked(
    database: Database,
) -> None:
    with database.writing() as connection:
        made, secret = accounts.add(connection, LIMITS)
    with database.writing() as connection:
        assert accounts.by_secret(connection, secret) == made
        with pytest.raises(InvalidKey):
            accounts.by_secret(connection, secret[:-1])
        assert accounts.revoke(connection, made.id)
        with pytest.raises(KeyRevoked):
            accounts.by_secret(connection, secret)
    with database.reading() as connection:
        kept = str(connection.execute(account_table.select()).one())
    assert made.id in kept
    assert secret not in kept


def test_two_accounts_cannot_have_one_name(database: Database, alice: Account) -> None:
    with database.writing() as connection, pytest.raises(InvalidOption):
        accounts.add(connection, LIMITS)


def test_a_job_that_succeeds_costs_its_price_and_one_that_does_not_costs_nothing(
    database: Database, alice: Account
) -> None:
    with database.writing() as connection:
        ledger.add(connection, alice.id, "grant", 1_000_000)
        good, bad = add_job(connection, alice), add_job(connection, alice)
        assert ledger.balance_microusd(connection, alice.id) == 700_000
        assert jobs.finish(connection, good.id, DONE)
        assert jobs.finish(connection, bad.id, CANCELLED)

        assert ledger.balance_microusd(connection, alice.id) == 850_000
        assert ledger.held_microusd(connection, good.id) == ledger.held_microusd(connection, bad.id) == 0
        used = ledger.usage(connection, alice.id, now() - timedelta(hours=1), now() + timedelta(hours=1), None)
    assert (used.n_jobs, used.cost_microusd) == (1, 150_000)


def test_of_all_who_end_a_job_at_the_same_time_one_does(database: Database, alice: Account) -> None:
    with database.writing() as connection:
        job = add_job(connection, alice, url="https://hook.example/")
    ended: list[bool] = []
    ready = threading.Barrier(8)

    def end(ending: jobs.Ending) -> None:
        ready.wait()
        with database.writing() as connection:
            ended.append(jobs.finish(connection, job.id, ending))

    threads = [threading.Thread(target=end, args=(DONE if n % 2 else CANCELLED,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(ended) == [False] * 7 + [True]
    with database.reading() as connection:
        found = jobs.find(connection, job.id)
        assert found is not None
        cost = 150_000 if found.job.state is JobState.SUCCEEDED else 0
        assert ledger.balance_microusd(connection, alice.id) == -cost
        assert len(connection.execute(outbox_table.select()).all()) == 1


def test_a_transaction_that_breaks_leaves_nothing(database: Database, alice: Account) -> None:
    def break_off() -> None:
        with database.writing() as connection:
            add_job(connection, alice)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()

    with database.reading() as connection:
        assert connection.execute(ledger_table.select()).all() == []


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["grant", "submit", "more", "succeed", "fail", "succeed", "again", "crash"]),
        st.integers(0, 5),
        st.integers(1, 2_000_000),
    ),
    max_size=40,
)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_a_balance_is_the_sum_of_its_ledger_and_no_job_is_paid_twice_whatever_the_order(
    database_of_all_examples: Database, steps: list[tuple[str, int, int]]
) -> None:
    database = database_of_all_examples
    with database.writing() as connection:
        owner, _ = accounts.add(connection, {**LIMITS, "name": accounts.new_id()})
    open_prices: dict[str, int] = {}
    ended: list[str] = []
    granted = charged = 0
    newest = ""
    for verb, which, amount in steps:
        names = sorted(open_prices)
        chosen = names[which % len(names)] if names else None
        try:
            with database.writing() as connection:
                if verb == "grant":
                    ledger.add(connection, owner.id, "grant", amount)
                elif verb in {"submit", "crash"}:
                    newest = add_job(connection, owner, amount).id
                    if verb == "crash":
                        raise RuntimeError
                elif verb == "more" and chosen and ledger.held_microusd(connection, chosen) == open_prices[chosen]:
                    jobs.stage_done(connection, chosen, {}, open_prices[chosen] + amount)
                    if not ledger.add(connection, owner.id, "hold_rest", -amount, job_id=chosen):
                        raise RuntimeError
                elif verb in {"succeed", "fail"} and chosen:
                    assert jobs.finish(connection, chosen, DONE if verb == "succeed" else CANCELLED)
                elif verb == "again" and ended:
                    assert not jobs.finish(connection, ended[which % len(ended)], DONE)
        except RuntimeError:
            continue
        if verb == "grant":
            granted += amount
        elif verb == "submit":
            open_prices[newest] = amount
        elif verb == "more" and chosen:
            open_prices[chosen] += amount
        elif verb in {"succeed", "fail"} and chosen:
            charged += open_prices[chosen] if verb == "succeed" else 0
            del open_prices[chosen]
            ended.append(chosen)
        with database.reading() as connection:
            balance = ledger.balance_microusd(connection, owner.id)
            rows = ledger.latest(connection, owner.id, 1000)
        assert balance == sum(row.amount_microusd for row in rows)
        assert balance == granted - charged - sum(open_prices.values())


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def database_of_all_examples(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    if request.param == "sqlite":
        url = sqlite_url(tmp_path_factory.mktemp("ledger"))
    else:
        postgres = request.getfixturevalue("postgres")
        url = postgres.url(postgres.new_database())
    opened = open_database(url)
    yield opened
    opened.close()


def test_a_webhook_is_taken_by_one_at_a_time_and_tried_again_for_hours(database: Database, alice: Account) -> None:
    with database.writing() as connection:
        job = add_job(connection, alice, url="https://hook.example/")
        jobs.finish(connection, job.id, DONE)
        (first,) = outbox.take_due(connection, 10, most_each=10)
        assert outbox.take_due(connection, 10, most_each=10) == []
    waits_s: list[float] = []
    delivery = first
    with database.writing() as connection:
        while True:
            outbox.not_delivered(connection, delivery, "nobody there")
            found = outbox.find(connection, first.id)
            assert found is not None
            if found.state == "given_up":
                break
            waits_s.append(round((found.next_at - now()).total_seconds()))
            delivery = replace(found, n_attempts=found.n_attempts + 1)
            connection.execute(
                outbox_table.update().where(outbox_table.c.id == first.id).values(n_attempts=delivery.n_attempts)
            )
        again = outbox.replay(connection, first.id)

    assert waits_s == list(outbox.WAITS_S)
    assert sum(waits_s) > 5 * 3600
    assert again is not None
    assert (again.id, again.state, again.n_attempts) == (first.id, "waiting", 0)


def test_what_open_jobs_need_stays_and_keeps_nothing_else_from_being_taken(database: Database, alice: Account) -> None:
    made = [
        Media(accounts.new_id(), accounts.new_number(), alice.id, "video", "v.mp4", "video/mp4", 1, "0", now())
        for _ in range(9)
    ]
    needed, others = made[:5], {one.id for one in made[5:]}
    with database.writing() as connection:
        job = add_job(connection, alice, inputs={one.id: one.id for one in needed})
        for at, one in enumerate(made):
            # the needed ones expired first, some of them at the same moment
            media.add(connection, one, "upload", now() - timedelta(hours=9 - at // 2))

    def taken() -> list[set[str]]:
        found: list[set[str]] = []
        while ids := take():
            found.append(set(ids))
        return found

    def take() -> list[str]:
        with database.writing() as connection:
            return media.take_expired(connection, 2)

    assert set().union(*taken()) == others
    with database.writing() as connection:
        jobs.finish(connection, job.id, DONE)
    assert set().union(*taken()) == {one.id for one in needed}


def test_an_idempotency_key_is_forgotten_after_a_day(database: Database, alice: Account) -> None:
    from lipwright.store.tables import idempotency

    with database.writing() as connection:
        assert jobs.claim(connection, alice.id, "k", "f").is_mine
        assert not jobs.claim(connection, alice.id, "k", "f").is_mine
        connection.execute(idempotency.update().values(claimed_at=now() - timedelta(hours=25), job_id="j"))
        assert jobs.claim(connection, alice.id, "k", "other").is_mine


def test_a_search_among_many_jobs_reads_of_each_only_its_own_files(database: Database, alice: Account) -> None:
    n, at = 1500, now()
    ids = [f"{number:032x}" for number in range(2 * n)]
    file = {"account_id": alice.id, "purpose": "upload", "kind": "video", "content_type": "video/mp4", "n_bytes": 1}
    asked = {"account_id": alice.id, "face": "wavespeed", "model": "m", "state": "succeeded", "phase": "succeeded"}
    files = [
        {**file, "id": one, "number": number, "filename": f"clip{number}.mp4", "sha256": "0" * 64, "created_at": at,
         "expires_at": at + timedelta(hours=1)}
        for number, one in enumerate(ids)
    ]  # fmt: skip
    made = [
        {**asked, "id": accounts.new_id(), "number": number, "progress": 1.0, "n_attempts": 1, "created_at": at,
         "inputs": {"video": ids[number], "audio": ids[n + number]},
         "request": {"face": "native", "model": "m", "video": "v"}, "outputs": [], "has_nsfw": [],
         "price_microusd": 1, "report": {}}
        for number in range(n)
    ]  # fmt: skip
    with database.writing() as connection:
        connection.execute(media_table.insert(), files)
        connection.execute(job_table.insert(), made)
    began_s = monotonic()
    with database.reading() as connection:
        page, n_found = jobs.page(connection, jobs.Filter(words="clip17 nothing"), offset=0, limit=9)
        assert (page, n_found) == ([], 0)
        _, n_found = jobs.page(connection, jobs.Filter(words=f"clip{n + 7}"), offset=0, limit=9)

    assert n_found == 1
    assert monotonic() - began_s < 2


def test_of_a_long_search_the_first_words_count(database: Database, alice: Account) -> None:
    with database.writing() as connection:
        request = JobRequest("native", "m", "media:v", None, "one two three four five six seven eight")
        job = Job(accounts.new_id(), accounts.new_number(), alice.id, request, JobState.QUEUED, now())
        jobs.add(connection, job, {})

        assert jobs.page(connection, jobs.Filter(words=f"{request.text} nine"), offset=0, limit=9)[1] == 1
        assert jobs.page(connection, jobs.Filter(words="one nine"), offset=0, limit=9)[1] == 0


def test_an_error_of_the_database_which_is_logged_tells_no_value(database: Database) -> None:
    """Values are texts to be spoken, links with tokens, secrets of webhooks."""
    refused = sa.text("INSERT INTO nowhere VALUES (:said)")

    for engine in (database.engine, database.jobs_engine):
        with pytest.raises(DBAPIError) as told, engine.connect() as connection:
            connection.execute(refused, {"said": "what nobody else shall read"})
        assert "nowhere" in str(told.value)
        assert "shall read" not in str(told.value)
    if database.is_sqlite:
        with pytest.raises(DBAPIError) as told, database.at_once(), database.writing() as connection:
            connection.execute(refused, {"said": "what nobody else shall read"})
        assert "shall read" not in str(told.value)
