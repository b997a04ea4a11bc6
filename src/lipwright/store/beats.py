"""Signs of life of workers."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from lipwright.store.database import insert_once, now
from lipwright.store.tables import beat


def tell(connection: sa.Connection, worker_id: str) -> None:
    """It lives, now."""
    found = connection.execute(beat.update().where(beat.c.worker_id == worker_id).values(beaten_at=now()))
    if found.rowcount == 0:
        insert_once(connection, beat, {"worker_id": worker_id, "beaten_at": now()})


def forget(connection: sa.Connection, worker_id: str) -> None:
    """It ended."""
    connection.execute(beat.delete().where(beat.c.worker_id == worker_id))


def heard_of(connection: sa.Connection, within_s: float) -> set[str]:
    """Workers that gave a sign of life in the last seconds."""
    since = now() - timedelta(seconds=within_s)
    return {row.worker_id for row in connection.execute(sa.select(beat.c.worker_id).where(beat.c.beaten_at >= since))}


def silences_s(connection: sa.Connection) -> dict[str, float]:
    """How long ago each worker gave its last sign, in seconds."""
    at = now()
    rows = connection.execute(sa.select(beat.c.worker_id, beat.c.beaten_at))
    return {row.worker_id: max(0.0, (at - row.beaten_at).total_seconds()) for row in rows}


def drop_old(connection: sa.Connection) -> int:
    """Those of workers that are gone for a day."""
    return connection.execute(beat.delete().where(beat.c.beaten_at < now() - timedelta(days=1))).rowcount
