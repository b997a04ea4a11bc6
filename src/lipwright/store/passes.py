"""What opens the page for a while: sessions, links that sign in once, links that share one job; kept as hashes."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from lipwright.core.jobs import Account
from lipwright.store import accounts
from lipwright.store.database import now
from lipwright.store.tables import account, pass_

PassKind = Literal["session", "link", "share"]


@dataclass(frozen=True, slots=True)
class Pass:
    """What a secret opens."""

    account: Account
    job_id: str | None
    """Of a share."""
    expires_at: datetime


def add(
    connection: sa.Connection, kind: PassKind, account_id: str, lasts: timedelta, job_id: str | None = None
) -> tuple[str, datetime]:
    """A new secret, told here and never again, and when it ends."""
    secret = secrets.token_urlsafe(32)
    expires_at = now() + lasts
    connection.execute(
        pass_.insert().values(
            sha256=_hash(secret),
            kind=kind,
            account_id=account_id,
            job_id=job_id,
            created_at=now(),
            expires_at=expires_at,
        )
    )
    return secret, expires_at


def find(connection: sa.Connection, kind: PassKind, secret: str) -> Pass | None:
    """What it opens; None where it is unknown or over, or the account's key was revoked."""
    # the hash of a random secret is looked up: how long that takes says nothing about the secret
    row = connection.execute(sa.select(pass_).where(_open(kind, secret))).one_or_none()
    return None if row is None else _pass(connection, row)


def take(connection: sa.Connection, kind: PassKind, secret: str) -> Pass | None:
    """The same, and it opens nothing any more: of two who try at once, one gets it."""
    row = connection.execute(pass_.delete().where(_open(kind, secret)).returning(pass_)).one_or_none()
    return None if row is None else _pass(connection, row)


def drop_shares(connection: sa.Connection, job_id: str) -> int:
    """Links to this job open nothing any more; how many there were."""
    return connection.execute(pass_.delete().where((pass_.c.kind == "share") & (pass_.c.job_id == job_id))).rowcount


def drop_sessions(connection: sa.Connection, account_id: str) -> int:
    """Whoever is signed in with this account is not any more, nor can be by a link; how many there were."""
    wanted = (pass_.c.account_id == account_id) & pass_.c.kind.in_(("session", "link"))
    return connection.execute(pass_.delete().where(wanted)).rowcount


def drop_old(connection: sa.Connection) -> int:
    """Those that are over."""
    return connection.execute(pass_.delete().where(pass_.c.expires_at < now())).rowcount


def _open(kind: PassKind, secret: str) -> sa.ColumnElement[bool]:
    return (pass_.c.sha256 == _hash(secret)) & (pass_.c.kind == kind) & (pass_.c.expires_at > now())


def _pass(connection: sa.Connection, row: Any) -> Pass | None:
    is_revoked = connection.execute(sa.select(account.c.revoked_at).where(account.c.id == row.account_id)).scalar_one()
    owner = accounts.find(connection, row.account_id)
    if owner is None or is_revoked is not None:
        return None
    return Pass(owner, row.job_id, row.expires_at)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
