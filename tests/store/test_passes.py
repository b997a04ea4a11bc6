"""Sessions and links open what they should, for as long as they should; jobs are found by what people remember."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from lipwright.core.jobs import Account, Job, JobRequest, JobState, Media
from lipwright.store import Database, accounts, jobs, media, open_database, passes
from lipwright.store.database import now, sqlite_url

HOUR = timedelta(hours=1)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(sqlite_url(tmp_path))
    yield opened
    opened.close()


@pytest.fixture
def alice(database: Database) -> Account:
    with database.writing() as connection:
        return accounts.add(connection, {"name": "alice", "level": "bronze"})[0]


def test_a_pass_opens_its_own_kind_until_it_ends_and_is_kept_as_a_hash(
    database: Database, alice: Account, tmp_path: Path
) -> None:
    with database.writing() as connection:
        secret, until = passes.add(connection, "session", alice.id, HOUR)
        old, _ = passes.add(connection, "session", alice.id, -HOUR)
        found = passes.find(connection, "session", secret)
        assert found is not None
        assert (found.account, found.expires_at) == (alice, until)
        assert passes.find(connection, "link", secret) is None
        assert passes.find(connection, "session", old) is None
        assert passes.find(connection, "session", secret[:-1]) is None
        assert passes.drop_old(connection) == 1
    database.close()
    assert all(secret.encode() not in path.read_bytes() for path in tmp_path.iterdir())


def test_a_link_is_taken_once(database: Database, alice: Account) -> None:
    with database.writing() as connection:
        secret, _ = passes.add(connection, "link", alice.id, HOUR)
        taken = passes.take(connection, "link", secret)

        assert taken is not None
        assert taken.account == alice
        assert passes.take(connection, "link", secret) is None


def test_who_lost_the_key_loses_the_session(database: Database, alice: Account) -> None:
    with database.writing() as connection:
        secret, _ = passes.add(connection, "session", alice.id, HOUR)
        accounts.revoke(connection, alice.id)

        assert passes.find(connection, "session", secret) is None


def test_links_to_a_job_are_closed_together(database: Database, alice: Account) -> None:
    with database.writing() as connection:
        mine = [passes.add(connection, "share", alice.id, HOUR, "a" * 32)[0] for _ in range(2)]
        other, _ = passes.add(connection, "share", alice.id, HOUR, "b" * 32)

        assert passes.drop_shares(connection, "a" * 32) == 2
        assert [passes.find(connection, "share", one) for one in mine] == [None, None]
        assert passes.find(connection, "share", other) is not None


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("Überraschung", ["spoken"]),
        ("überraschung", ["spoken"]),
        ("interview", ["named"]),
        ("INTERVIEW", ["named"]),
        ("queued", ["named", "spoken"]),
        ("Waiting", ["named", "spoken"]),
        ("Überraschung! eine", ["spoken"]),
        ("interview waiting", ["named"]),
        ("interview done", []),
        ("inter%", []),
        ('"', []),
        ("video", []),
    ],
)
def test_jobs_are_found_by_text_file_and_state(
    database: Database, alice: Account, words: str, found: list[str]
) -> None:
    footage = Media(
        "f" * 32, 7, alice.id, "video", "Interview 3.mp4", "video/mp4", 1, "0" * 64, now()
    )  # fmt: skip
    with database.writing() as connection:
        media.add(connection, footage, "upload", now() + HOUR)
        for name, text, inputs in (("spoken", "Eine Überraschung!", {}), ("named", None, {"video": footage.id})):
            request = JobRequest("native", name, "media:v", None if text else "media:a", text)
            job = Job(accounts.new_id(), accounts.new_number(), alice.id, request, JobState.QUEUED, now())
            jobs.add(connection, job, inputs)
        page, n_total = jobs.page(connection, jobs.Filter(words=words), offset=0, limit=9)

    assert sorted(job.request.model for job in page) == found
    assert n_total == len(found)
