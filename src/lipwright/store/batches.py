"""Batches: which jobs were asked for together."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from lipwright.core.jobs import Media
from lipwright.store.accounts import new_id
from lipwright.store.database import insert_once, now
from lipwright.store.jobs import KEEP_KEYS, OPEN
from lipwright.store.tables import batch, batch_item, job
from lipwright.store.tables import media as media_table


@dataclass(frozen=True, slots=True)
class Row:
    """A batch without its items."""

    id: str
    account_id: str
    fingerprint: str
    n_items: int
    created_at: datetime
    has_key: bool
    """Whoever began it can send it again, for a day."""


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One item: a job, or why there is none."""

    position: int
    reference: str | None
    job_id: str | None
    error_code: str | None = None
    error_message: str | None = None


def begin(connection: sa.Connection, account_id: str, key: str | None, fingerprint: str, n_items: int) -> Row:
    """A new batch, or the one that was begun under this key within a day."""
    of_key = (batch.c.account_id == account_id) & (batch.c.key == key)
    if key is not None:
        is_old = of_key & (batch.c.created_at < now() - KEEP_KEYS)
        connection.execute(batch.update().where(is_old).values(key=None))
    values: dict[str, Any] = {
        "id": new_id(),
        "account_id": account_id,
        "key": key,
        "fingerprint": fingerprint,
        "n_items": n_items,
        "created_at": now(),
    }
    wanted = batch.c.id == values["id"] if insert_once(connection, batch, values) else of_key
    return _row(connection.execute(batch.select().where(wanted)).one())


def find(connection: sa.Connection, batch_id: str) -> Row | None:
    row = connection.execute(batch.select().where(batch.c.id == batch_id)).one_or_none()
    return None if row is None else _row(row)


def add_item(connection: sa.Connection, batch_id: str, item: ItemRow) -> bool:
    """False if there is one at this position already."""
    values = {
        "batch_id": batch_id,
        "position": item.position,
        "reference": item.reference,
        "job_id": item.job_id,
        "error_code": item.error_code,
        "error_message": item.error_message,
    }
    return insert_once(connection, batch_item, values)


def items(connection: sa.Connection, batch_id: str) -> list[ItemRow]:
    """In the client's order; fewer than `n_items` while they are being taken in."""
    found = batch_item.select().where(batch_item.c.batch_id == batch_id).order_by(batch_item.c.position)
    return [
        ItemRow(row.position, row.reference, row.job_id, row.error_code, row.error_message)
        for row in connection.execute(found)
    ]


def unlisted(connection: sa.Connection, of: Row) -> str | None:
    """The id of a job of the batch that none of its items tells of; the newest, if there are several."""
    is_listed = sa.exists().where((batch_item.c.batch_id == of.id) & (batch_item.c.job_id == job.c.id))
    # first by what has an index
    is_of_batch = (job.c.account_id == of.account_id) & (job.c.created_at >= of.created_at)
    is_of_batch &= job.c.request["batch_id"].as_string() == of.id
    wanted = sa.select(job.c.id).where(is_of_batch & ~is_listed).order_by(job.c.created_at.desc()).limit(1)
    return connection.execute(wanted).scalar_one_or_none()


def fetched(connection: sa.Connection, batch_id: str, number: int, until: datetime) -> str | None:
    """The media id of what was fetched for all of a batch under this number, which does not expire before that.

    What has expired is still there, as long as its row is: jobs may have been priced by it.
    """
    wanted = (media_table.c.number == number) & (media_table.c.job_id == batch_id)
    longer = media_table.update().where(wanted).values(expires_at=until).returning(media_table.c.id)
    return connection.execute(longer).scalar_one_or_none()


def keep_fetched(connection: sa.Connection, made: Media, until: datetime, batch_id: str) -> str:
    """Write down what was fetched, or take what was written down under its number before: the media id."""
    values = {**asdict(made), "purpose": "fetched", "expires_at": until, "job_id": batch_id}
    while not insert_once(connection, media_table, values):
        known = fetched(connection, batch_id, made.number, until)
        if known is not None:
            return known
    return made.id


def expire_fetched(connection: sa.Connection) -> None:
    """What was fetched for a batch is not needed any more once all of it was taken in and none of it is open."""
    n_taken = sa.select(sa.func.count()).where(batch_item.c.batch_id == batch.c.id).scalar_subquery()
    of_batch = (batch_item.c.batch_id == batch.c.id) & (batch_item.c.job_id == job.c.id)
    # said, since a batch would only be meant by itself from the query right around
    is_open = sa.exists().where(of_batch & job.c.state.in_(OPEN)).correlate(batch)
    is_kept = (media_table.c.purpose == "fetched") & (media_table.c.expires_at > now())
    fetched = sa.select(media_table.c.job_id).where(is_kept)
    over = sa.select(batch.c.id).where(batch.c.id.in_(fetched) & (batch.c.n_items == n_taken) & ~is_open)
    connection.execute(media_table.update().where(is_kept & media_table.c.job_id.in_(over)).values(expires_at=now()))


def _row(row: Any) -> Row:
    return Row(row.id, row.account_id, row.fingerprint, row.n_items, row.created_at, row.key is not None)
