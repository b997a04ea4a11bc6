"""Parts of a job whose video is long: begun, followed and done, each by whichever worker takes it.

The job's row is always changed first: whoever ends the job waits for it, and nobody for anybody the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from lipwright.core.jobs import JobState
from lipwright.store.database import clock
from lipwright.store.jobs import open_job
from lipwright.store.tables import part


@dataclass(frozen=True, slots=True)
class Part:
    """As it stands."""

    number: int
    """From 0."""
    n_frames: int
    n_done: int
    n_attempts: int
    media_id: str | None
    """Its picture, once that is made."""
    told: Mapping[str, Any]
    """What its render told."""


def cut(
    connection: sa.Connection, job_id: str, inputs: Mapping[str, str], n_frames: Sequence[int], left_s: float
) -> int | None:
    """A job goes on in parts of so many frames, to be done in so many seconds, all of it; attempts count anew.

    How many parts it has; None if it is final. A job is cut once: what another worker did before stays as it is.
    """
    values = {"inputs": dict(inputs), "due_at": clock(left_s)}
    if connection.execute(open_job(job_id).values(n_attempts=0)).rowcount != 1:
        return None
    before = of_job(connection, job_id)
    if before:
        return len(before)
    connection.execute(open_job(job_id).values(**values))
    rows: list[dict[str, Any]] = [
        {"job_id": job_id, "number": number, "n_frames": n, "n_done": 0, "n_attempts": 0, "told": {}}
        for number, n in enumerate(n_frames)
    ]
    connection.execute(part.insert(), rows)
    return len(rows)


def of_job(connection: sa.Connection, job_id: str) -> list[Part]:
    """In their order; none once the job is final."""
    rows = connection.execute(part.select().where(part.c.job_id == job_id).order_by(part.c.number))
    return [Part(row.number, row.n_frames, row.n_done, row.n_attempts, row.media_id, row.told) for row in rows]


def begin(connection: sa.Connection, job_id: str, number: int) -> int | None:
    """Count one more attempt at a part; how many it makes, or None if it is done, or the job final."""
    values = {"state": JobState.RUNNING, "phase": "render"}
    if connection.execute(open_job(job_id).values(**values)).rowcount != 1:
        return None
    wanted = _one(job_id, number).where(part.c.media_id.is_(None))
    changed = wanted.values(n_attempts=part.c.n_attempts + 1, n_done=0).returning(part.c.n_attempts)
    return connection.execute(changed).scalar_one_or_none()


def unbegin(connection: sa.Connection, job_id: str, number: int) -> None:
    """An attempt that was handed back does not count."""
    connection.execute(_one(job_id, number).values(n_attempts=part.c.n_attempts - 1))


def advance(connection: sa.Connection, job_id: str, number: int, n_done: int) -> float | None:
    """Tell how many of its frames are made; what share of all parts' frames are. None if the job is final."""
    if connection.execute(open_job(job_id).values(phase="render")).rowcount != 1:
        return None
    connection.execute(_one(job_id, number).where(part.c.media_id.is_(None)).values(n_done=n_done))
    counted = sa.select(sa.func.sum(part.c.n_done), sa.func.sum(part.c.n_frames)).where(part.c.job_id == job_id)
    done, total = connection.execute(counted).one()
    return float(done or 0) / max(1.0, float(total or 0))


def done(connection: sa.Connection, job_id: str, number: int, media_id: str, told: Mapping[str, Any]) -> bool:
    """It is made; False if the job is final, or another worker made it."""
    if connection.execute(open_job(job_id).values(phase="render")).rowcount != 1:
        return False
    wanted = _one(job_id, number).where(part.c.media_id.is_(None))
    values = {"media_id": media_id, "told": dict(told), "n_done": part.c.n_frames}
    return connection.execute(wanted.values(**values)).rowcount == 1


def is_made_of(connection: sa.Connection, job_id: str, number: int, media_id: str) -> bool:
    """Whether this is what was kept of it."""
    wanted = (part.c.job_id == job_id) & (part.c.number == number) & (part.c.media_id == media_id)
    return connection.execute(sa.select(part.c.number).where(wanted)).one_or_none() is not None


def _one(job_id: str, number: int) -> sa.Update:
    return part.update().where((part.c.job_id == job_id) & (part.c.number == number))
