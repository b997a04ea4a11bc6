"""Signs of life of workers, and duties that one of them does for all. Times are the database's: machines differ."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import sqlalchemy as sa

from lipwright.store.database import clock, insert_once
from lipwright.store.tables import beat, duty

_DAY_S: Final = 24 * 3600
_SLACK_S: Final = 60.0
"""Whoever put a duty off a moment ago, or has it done less often, does not look like a clock that was ahead."""


def tell(connection: sa.Connection, worker_id: str, machine: str = "", queues: str = "") -> None:
    """It lives, now, on this machine, and takes jobs from these queues."""
    found = connection.execute(beat.update().where(beat.c.worker_id == worker_id).values(beaten_at=clock()))
    if found.rowcount == 0:
        values = {"worker_id": worker_id, "beaten_at": clock(), "machine": machine, "queues": queues}
        insert_once(connection, beat, values)


def end(connection: sa.Connection, worker_id: str) -> None:
    """It ended: what it has begun is for others, at once."""
    connection.execute(beat.update().where(beat.c.worker_id == worker_id).values(beaten_at=_NEVER))


def forget(connection: sa.Connection, worker_ids: Collection[str]) -> None:
    """What they had begun was handed over."""
    connection.execute(beat.delete().where(beat.c.worker_id.in_(worker_ids)))


def heard_of(connection: sa.Connection, within_s: float) -> set[str]:
    """Workers that gave a sign of life in the last seconds."""
    return _ids(connection, beat.c.beaten_at >= clock(-within_s))


def ended(connection: sa.Connection) -> set[str]:
    """Workers that said that they end."""
    return _ids(connection, beat.c.beaten_at == _NEVER)


def silent(connection: sa.Connection, for_s: float) -> set[str]:
    """Workers that gave no sign for so long."""
    return _ids(connection, beat.c.beaten_at < clock(-for_s))


def on_machine(connection: sa.Connection, machine: str) -> set[str]:
    """Workers of one machine, alive or not."""
    return _ids(connection, beat.c.machine == machine)


def silences_s(connection: sa.Connection) -> dict[str, float]:
    """How long ago each worker gave its last sign, in seconds; those that ended are left out."""
    ago = clock() - sa.type_coerce(beat.c.beaten_at, sa.BigInteger)
    rows = connection.execute(sa.select(beat.c.worker_id, ago.label("ago")).where(beat.c.beaten_at > _NEVER))
    return {row.worker_id: max(0.0, int(row.ago) / 1e6) for row in rows}


def queues(connection: sa.Connection) -> dict[str, str]:
    """What each worker takes."""
    return {row.worker_id: row.queues for row in connection.execute(sa.select(beat.c.worker_id, beat.c.queues))}


def take_duty(connection: sa.Connection, name: str, every_s: float) -> bool:
    """Whether the caller shall do it now: of all workers, one is told so every `every_s`."""
    of_name = duty.c.name == name
    # further ahead than anyone puts it: the clock was, and has been put back since
    is_due = (duty.c.due_at <= clock()) | (duty.c.due_at > clock(every_s + _SLACK_S))
    is_late = connection.execute(sa.select(is_due).where(of_name)).scalar()
    if is_late is None:
        return insert_once(connection, duty, {"name": name, "due_at": clock(every_s)})
    # asked again by the statement that changes it: others ask at the same time
    due = duty.update().where(of_name & is_due).values(due_at=clock(every_s))
    return bool(is_late) and connection.execute(due).rowcount == 1


def drop_old(connection: sa.Connection) -> int:
    """Those of workers that are gone for a day."""
    return connection.execute(beat.delete().where(beat.c.beaten_at < clock(-_DAY_S))).rowcount


def _ids(connection: sa.Connection, wanted: sa.ColumnElement[bool]) -> set[str]:
    return {row.worker_id for row in connection.execute(sa.select(beat.c.worker_id).where(wanted))}


_NEVER: Final = sa.literal(0, sa.BigInteger)
