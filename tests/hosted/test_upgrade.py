"""What older releases left behind is taken up: `older/` holds databases and blobs that their own code made."""

from __future__ import annotations

import base64
import json
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from lipwright.config import ServiceSettings
from lipwright.core.jobs import JobState
from lipwright.service.hosted import Hosted
from lipwright.store import database
from lipwright.store.tables import metadata

OLDER = sorted(Path(__file__).with_name("older").glob("*.sql"))
HOOK_HOST = "127.0.0.1:9"
PRICE = 150_000


@pytest.fixture(params=OLDER, ids=lambda path: path.stem)
def left(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def told(left: Path) -> dict[str, Any]:
    """What the older release said of what it left."""
    return json.loads(left.with_suffix(".json").read_text())


@pytest.fixture
def settings(
    left: Path, told: dict[str, Any], tmp_path: Path, receiver: Any, request: pytest.FixtureRequest
) -> ServiceSettings:
    """Its folder, and its database as it left them; webhooks go to somebody who listens."""
    data = tmp_path / "data"
    for name, content in told["blobs"].items():
        path = data / "blobs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(content))
    sql = left.read_text().replace(HOOK_HOST, receiver.host)
    url = ""
    if left.stem.endswith("-sqlite"):
        with sqlite3.connect(data / "lipwright.db") as connection:
            connection.executescript(sql)
        connection.close()
    else:
        postgres = request.getfixturevalue("postgres")
        url = postgres.url(postgres.new_database())
        psql = ["psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", url, "--output", "/dev/null"]
        subprocess.run(psql, input=sql, text=True, check=True)
    return ServiceSettings(
        data=str(data),
        database_url=url,
        allow_hosts=receiver.host,
        render_niceness=0,
        warm_renders=False,
        worker_silent_s=1,
    )


@pytest.fixture
def upgraded(settings: ServiceSettings) -> Iterator[Hosted]:
    service = Hosted.open(settings)
    yield service
    service.close()


def test_jobs_that_were_open_end_once_and_are_paid_once(
    upgraded: Hosted,
    told: dict[str, Any],
    receiver: Any,
    until: Callable[..., float],
    work_here: Callable[..., Hosted],
) -> None:
    account = upgraded.authenticate(told["secret"])
    still_open = [told["rendering"], *told["waiting"], *told["queued"]]
    assert upgraded.balance_microusd(account) == told["balance_microusd"]
    assert not any(upgraded.job(account, one).state.is_final for one in still_open)

    work_here(0.2)
    done = [upgraded.wait(account, one, 90) for one in still_open]
    everyone = {*still_open, told["ended"], told["cancelled"]}
    until(lambda: {body["id"] for _, body in receiver.came} >= everyone, 90)

    assert [job.state for job in done] == [JobState.SUCCEEDED] * len(still_open)
    paid = {*still_open, told["ended"]}
    rows = upgraded.ledger(account, limit=1000)
    assert Counter(row.job_id for row in rows if row.kind == "charge") == dict.fromkeys(paid, 1)
    assert upgraded.balance_microusd(account) == 10_000_000 - len(paid) * PRICE
    # those that nobody took then came too, under the ids that they had
    assert Counter(delivery for delivery, _ in receiver.came) == dict.fromkeys((one[:25] for one in everyone), 1)


def test_what_had_ended_is_as_it_was(upgraded: Hosted, told: dict[str, Any]) -> None:
    account = upgraded.authenticate(told["secret"])
    (output,) = upgraded.job(account, told["ended"]).outputs

    assert output.id == told["output"]
    assert upgraded.job(account, told["cancelled"]).state is JobState.CANCELLED
    kept = {Path(name).name: base64.b64decode(content) for name, content in told["blobs"].items()}
    assert b"".join(upgraded.open_media(output.id).chunks) == kept[output.id]
    assert len(upgraded.jobs(account).jobs) == 2 + 1 + len(told["waiting"]) + len(told["queued"])


def test_its_tables_are_those_of_today(upgraded: Hosted, told: dict[str, Any]) -> None:
    with upgraded._database.reading() as connection:
        version = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
        there = {
            table: {column["name"] for column in sa.inspect(connection).get_columns(table)} for table in metadata.tables
        }

    assert told["alembic"] <= database.HEAD == version
    assert there == {name: {column.name for column in table.columns} for name, table in metadata.tables.items()}
