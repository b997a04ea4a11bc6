"""Media and upload tickets: what is known of bytes that lie in `blobs/` under the media's id."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import sqlalchemy as sa

from lipwright.core.jobs import Media, UploadTicket
from lipwright.store.database import now
from lipwright.store.tables import job, media, ticket

Purpose = Literal["upload", "fetched", "spoken", "part", "result"]
"""Given by the client · fetched for a job · spoken for a job · part of a job's work, on its way · made by a job."""


_TAKEN: Final = "~"
"""How the id of a ticket begins while bytes are being kept under it: no client was told it."""
_TAKEN_FOR: Final = timedelta(hours=1)
"""So long it is remembered that somebody keeps them, who may have died meanwhile."""

_IS_ONE: Final = media.c.id.in_(sa.bindparam("ids", expanding=True))
_THESE: Final = media.select().where(_IS_ONE & (media.c.expires_at > sa.bindparam("now")))
_UNTIL: Final = sa.bindparam("until", type_=media.c.expires_at.type)
_LATER: Final = sa.case((media.c.expires_at < _UNTIL, _UNTIL), else_=media.c.expires_at)
_KEEP: Final = (
    media.update()
    .where(_IS_ONE & (media.c.expires_at > sa.bindparam("now")))
    .values(expires_at=_LATER)
    .returning(*media.c)
)


def add(
    connection: sa.Connection, made: Media, purpose: Purpose, expires_at: datetime, job_id: str | None = None
) -> None:
    """From now on it is found."""
    names = ("id", "number", "account_id", "kind", "filename", "content_type", "n_bytes", "sha256", "created_at",
             "duration_s", "width_px", "height_px", "has_sound")  # fmt: skip
    values = {name: getattr(made, name) for name in names}
    connection.execute(media.insert().values(**values, purpose=purpose, expires_at=expires_at, job_id=job_id))


def find(connection: sa.Connection, *, media_id: str | None = None, number: int | None = None) -> Media | None:
    """One that has not expired; by id or by number."""
    wanted = media.c.id == media_id if media_id is not None else media.c.number == number
    row = connection.execute(media.select().where(wanted & (media.c.expires_at > now()))).one_or_none()
    return None if row is None else as_media(row)


def these(connection: sa.Connection, ids: Collection[str]) -> dict[str, Media]:
    """By id; those that are gone are left out."""
    if not ids:
        return {}
    rows = connection.execute(_THESE, {"ids": list(ids), "now": now()})
    return {row.id: as_media(row) for row in rows}


def of_open_job(connection: sa.Connection, ids: Collection[str]) -> dict[str, Media]:
    """By id, expired or not: what a job was taken in with stays until its end (`take_expired`)."""
    if not ids:
        return {}
    rows = connection.execute(media.select().where(media.c.id.in_(ids)))
    return {row.id: as_media(row) for row in rows}


def keep(connection: sa.Connection, ids: Collection[str], until: datetime) -> dict[str, Media]:
    """By id, and none of them expires before that; those that are gone are left out."""
    if not ids:
        return {}
    rows = connection.execute(_KEEP, {"ids": list(ids), "now": now(), "until": until})
    return {row.id: as_media(row) for row in rows}


def expire_of_job(connection: sa.Connection, job_id: str, purposes: Collection[Purpose]) -> None:
    """What was brought together for a job is not needed any more."""
    wanted = (media.c.job_id == job_id) & media.c.purpose.in_(purposes)
    connection.execute(media.update().where(wanted).values(expires_at=now()))


def take_expired(connection: sa.Connection, limit: int) -> list[str]:
    """Remove the rows of what has expired and is in no job that runs; their ids. Some `limit`; none: there are none."""
    open_jobs = connection.execute(sa.select(job.c.inputs).where(job.c.state.in_(("queued", "running"))))
    needed = {used for (inputs,) in open_jobs for used in inputs.values()}
    expired = sa.select(media.c.id, media.c.expires_at).where(media.c.expires_at <= now())
    expired = expired.order_by(media.c.expires_at, media.c.id).limit(limit)
    ids: list[str] = []
    # page by page, for those that are needed may fill many
    page = connection.execute(expired).all()
    while page and len(ids) < limit:
        ids += [row.id for row in page if row.id not in needed]
        last_id, last_at = page[-1]
        is_later = (media.c.expires_at > last_at) | ((media.c.expires_at == last_at) & (media.c.id > last_id))
        page = connection.execute(expired.where(is_later)).all()
    if ids:
        # asked again: another process may have taken one, or kept it longer
        gone = media.delete().where(media.c.id.in_(ids) & (media.c.expires_at <= now())).returning(media.c.id)
        ids = [row.id for row in connection.execute(gone)]
    return ids


def known(connection: sa.Connection, ids: Collection[str]) -> set[str]:
    """Which of these ids have a row, expired or not, or belong to an upload that is still open."""
    rows = connection.execute(sa.select(media.c.id).where(media.c.id.in_(ids)))
    open_ = connection.execute(sa.select(ticket.c.media_id).where(ticket.c.media_id.in_(ids)))
    return {row[0] for row in rows} | {row[0] for row in open_}


def add_ticket(connection: sa.Connection, made: UploadTicket) -> None:
    """From now on the upload is open."""
    names = ("id", "account_id", "media_id", "media_number", "filename", "content_type", "n_bytes", "expires_at")
    connection.execute(ticket.insert().values(**{name: getattr(made, name) for name in names}))


def find_ticket(connection: sa.Connection, ticket_id: str) -> UploadTicket | None:
    """One that is open."""
    wanted = (ticket.c.id == ticket_id) & (ticket.c.expires_at > now())
    row = connection.execute(ticket.select().where(wanted)).one_or_none()
    return None if row is None else _as_ticket(row)


def ticket_of(connection: sa.Connection, media_id: str) -> tuple[UploadTicket | None, bool]:
    """The open one under which these media come; and whether it is taken: somebody is keeping their bytes just now."""
    wanted = (ticket.c.media_id == media_id) & (ticket.c.expires_at > now())
    row = connection.execute(ticket.select().where(wanted)).one_or_none()
    if row is None:
        return None, False
    return (None, True) if row.id.startswith(_TAKEN) else (_as_ticket(row), False)


def taken_ticket_id() -> str:
    """What `take_ticket` shall call one."""
    return _TAKEN + new_ticket_id()[1:]


def take_ticket(connection: sa.Connection, ticket_id: str, taken_id: str) -> bool:
    """Of all who bring bytes under a ticket, let one keep theirs; its id is another one then. False: not this one."""
    changes = {"id": taken_id, "expires_at": now() + _TAKEN_FOR}
    return connection.execute(ticket.update().where(ticket.c.id == ticket_id).values(**changes)).rowcount == 1


def give_back_ticket(connection: sa.Connection, taken_id: str, taken: UploadTicket) -> None:
    """Open it again, as it was; unless it was used after all."""
    changes = {"id": taken.id, "expires_at": taken.expires_at}
    connection.execute(ticket.update().where(ticket.c.id == taken_id).values(**changes))


def use_ticket(connection: sa.Connection, ticket_id: str) -> bool:
    """Close it; False if someone else did."""
    return connection.execute(ticket.delete().where(ticket.c.id == ticket_id)).rowcount == 1


def drop_tickets(connection: sa.Connection) -> int:
    """Remove those that have expired."""
    return connection.execute(ticket.delete().where(ticket.c.expires_at <= now())).rowcount


def new_ticket_id() -> str:
    """43 characters that cannot be guessed."""
    return secrets.token_urlsafe(32)


def _as_ticket(row: Any) -> UploadTicket:
    return UploadTicket(
        id=row.id,
        account_id=row.account_id,
        media_id=row.media_id,
        media_number=row.media_number,
        filename=row.filename,
        content_type=row.content_type,
        n_bytes=row.n_bytes,
        expires_at=row.expires_at,
    )


def as_media(row: Any) -> Media:
    """The value of a row."""
    return Media(
        id=row.id,
        number=row.number,
        account_id=row.account_id,
        kind=row.kind,
        filename=row.filename,
        content_type=row.content_type,
        n_bytes=row.n_bytes,
        sha256=row.sha256,
        created_at=row.created_at,
        duration_s=row.duration_s,
        width_px=row.width_px,
        height_px=row.height_px,
        has_sound=row.has_sound,
    )
