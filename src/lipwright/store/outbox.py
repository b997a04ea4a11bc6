"""Webhooks on their way: a row is made in the transaction that ends its job, and stays until it is delivered."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from lipwright.core.jobs import Delivery, DeliveryState
from lipwright.store.database import clock, insert_once, now
from lipwright.store.tables import outbox

WAITS_S: Final = (2, 10, 30, 60, 300, 900, 3600, 4 * 3600)
"""After the first attempt that fails, the second, and so on; about five and a half hours in all."""
LEASE_S: Final = 45.0
"""Whoever takes a delivery has so long to send it (an attempt ends after 30 s); if he dies, another one takes it then.
Times of sending are by the database's clock, for several machines compare them."""


def add(connection: sa.Connection, job_id: str, account_id: str, face: str, url: str) -> None:
    """To be sent at once."""
    values = {
        "id": job_id[:25],
        "job_id": job_id,
        "account_id": account_id,
        "face": face,
        "url": url,
        "state": "waiting",
        "n_attempts": 0,
        "created_at": now(),
        "next_at": clock(),
        "last_error": "",
    }
    insert_once(connection, outbox, values)


def is_any_due(connection: sa.Connection, but_of: Collection[str] = ()) -> bool:
    """Whether `take_due` would find something."""
    due = (outbox.c.state == "waiting") & (outbox.c.next_at <= clock()) & outbox.c.account_id.not_in(but_of)
    return connection.execute(sa.select(outbox.c.id).where(due).limit(1)).first() is not None


def take_due(connection: sa.Connection, limit: int, most_each: int, but_of: Collection[str] = ()) -> list[Delivery]:
    """Deliveries whose time has come, each for this caller alone until the lease ends.

    At most so many of each account, and none of some: a receiver that is slow keeps nobody else waiting.
    """
    due = (outbox.c.state == "waiting") & (outbox.c.next_at <= clock()) & outbox.c.account_id.not_in(but_of)
    place = sa.func.row_number().over(partition_by=outbox.c.account_id, order_by=outbox.c.next_at)
    first = sa.select(outbox.c.id, place.label("place")).where(due).subquery()
    taking = sa.select(first.c.id).where(first.c.place <= most_each)
    wanted = outbox.select().where(outbox.c.id.in_(taking)).order_by(outbox.c.next_at).limit(limit)
    rows = connection.execute(wanted).all()
    taken: list[Delivery] = []
    for row in rows:
        unchanged = (outbox.c.id == row.id) & (outbox.c.next_at == row.next_at) & (outbox.c.state == "waiting")
        values = {"next_at": clock(LEASE_S), "n_attempts": row.n_attempts + 1}
        if connection.execute(outbox.update().where(unchanged).values(**values)).rowcount == 1:
            taken.append(_delivery(row, n_attempts=row.n_attempts + 1))
    return taken


def delivered(connection: sa.Connection, delivery_id: str) -> None:
    """The receiver has it."""
    values = {"state": "delivered", "delivered_at": now(), "last_error": ""}
    connection.execute(outbox.update().where(outbox.c.id == delivery_id).values(**values))


def not_delivered(connection: sa.Connection, delivery: Delivery, reason: str, *, is_hopeless: bool = False) -> None:
    """Try again later, or give up: after the last wait, or where trying again cannot help."""
    is_last = is_hopeless or delivery.n_attempts > len(WAITS_S)
    values: dict[str, Any] = {"last_error": reason[:500]}
    if is_last:
        values["state"] = "given_up"
    else:
        values["next_at"] = clock(WAITS_S[delivery.n_attempts - 1])
    connection.execute(outbox.update().where(outbox.c.id == delivery.id).values(**values))


def replay(connection: sa.Connection, delivery_id: str) -> Delivery | None:
    """Begin anew, under the same id."""
    values = {"state": "waiting", "n_attempts": 0, "next_at": clock(), "delivered_at": None}
    connection.execute(outbox.update().where(outbox.c.id == delivery_id).values(**values))
    return find(connection, delivery_id)


def find(connection: sa.Connection, delivery_id: str) -> Delivery | None:
    row = connection.execute(outbox.select().where(outbox.c.id == delivery_id)).one_or_none()
    return None if row is None else _delivery(row)


def latest(connection: sa.Connection, state: DeliveryState | None, limit: int) -> list[Delivery]:
    """Newest first."""
    found = outbox.select().order_by(outbox.c.created_at.desc(), outbox.c.id).limit(limit)
    if state is not None:
        found = found.where(outbox.c.state == state)
    return [_delivery(row) for row in connection.execute(found)]


def n_waiting(connection: sa.Connection) -> int:
    waiting = sa.select(sa.func.count()).select_from(outbox).where(outbox.c.state == "waiting")
    return int(connection.execute(waiting).scalar_one())


def late_s(connection: sa.Connection) -> float:
    """How long ago the latest of those that wait should have been sent; 0 where none is late."""
    first = connection.execute(sa.select(sa.func.min(outbox.c.next_at)).where(outbox.c.state == "waiting")).scalar()
    return 0.0 if first is None else max(0.0, (now() - first).total_seconds())


def drop_old(connection: sa.Connection, before: datetime) -> int:
    """Remove what was delivered or given up and made before that."""
    is_done = (outbox.c.state != "waiting") & (outbox.c.created_at < before)
    return connection.execute(outbox.delete().where(is_done)).rowcount


def _delivery(row: Any, *, n_attempts: int | None = None) -> Delivery:
    return Delivery(
        id=row.id,
        job_id=row.job_id,
        account_id=row.account_id,
        face=row.face,
        url=row.url,
        state=row.state,
        n_attempts=row.n_attempts if n_attempts is None else n_attempts,
        created_at=row.created_at,
        next_at=row.next_at,
        delivered_at=row.delivered_at,
        last_error=row.last_error,
    )
