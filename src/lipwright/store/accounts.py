"""Accounts and their keys: one key each, of which only a hash is kept."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from lipwright.core.errors import InvalidKey, InvalidOption, KeyRevoked
from lipwright.core.jobs import Account
from lipwright.store.database import insert_once, now
from lipwright.store.tables import account

_PREFIX: Final = "lw_"


def new_id() -> str:
    """32 hexadecimal digits that cannot be guessed."""
    return secrets.token_hex(16)


def new_number() -> int:
    """At random from 10**9 to 2**53 - 1: JavaScript reads it exactly, and it does not tell how many there are."""
    return 10**9 + secrets.randbelow(2**53 - 10**9)


def number_of(digest: bytes) -> int:
    """One like these, always the same for the same digest."""
    return 10**9 + int.from_bytes(digest) % (2**53 - 10**9)


def add(connection: sa.Connection, limits: Mapping[str, Any]) -> tuple[Account, str]:
    """A new account; `limits` are the fields of core.jobs.Account but its id. Its key is told here and never again.

    Raises InvalidOption for a name that is taken.
    """
    made = Account(id=new_id(), **limits)
    secret = _PREFIX + secrets.token_urlsafe(32)
    values = {
        **_limits_of(made),
        "id": made.id,
        "name": made.name,
        "is_admin": made.is_admin,
        "key_sha256": _hash(secret),
        "webhook_secret": _new_webhook_secret(),
        "created_at": now(),
    }
    if not insert_once(connection, account, values):
        raise InvalidOption("name", made.name, "an account has it already")
    return made, secret


def change(connection: sa.Connection, made: Account) -> None:
    """Keep the limits of this value."""
    connection.execute(account.update().where(account.c.id == made.id).values(**_limits_of(made)))


def revoke(connection: sa.Connection, account_id: str) -> bool:
    """Whether it was open until now."""
    is_open = (account.c.id == account_id) & account.c.revoked_at.is_(None)
    return connection.execute(account.update().where(is_open).values(revoked_at=now())).rowcount == 1


def rotate(connection: sa.Connection, account_id: str) -> str | None:
    """A new secret in place of the old one, which opens nothing any more; None if there is no open key."""
    secret = _PREFIX + secrets.token_urlsafe(32)
    is_open = (account.c.id == account_id) & account.c.revoked_at.is_(None)
    done = connection.execute(account.update().where(is_open).values(key_sha256=_hash(secret)))
    return secret if done.rowcount == 1 else None


def rotate_webhook_secret(connection: sa.Connection, account_id: str) -> str:
    """A new one; what is sent from now on is signed with it."""
    secret = _new_webhook_secret()
    connection.execute(account.update().where(account.c.id == account_id).values(webhook_secret=secret))
    return secret


def by_secret(connection: sa.Connection, secret: str) -> Account:
    """Raises InvalidKey, KeyRevoked."""
    # the hash of a random key needs no salt, and looking it up gives no time away
    row = connection.execute(account.select().where(account.c.key_sha256 == _hash(secret))).one_or_none()
    if row is None:
        raise InvalidKey
    if row.revoked_at is not None:
        raise KeyRevoked
    return _account(row)


def find(connection: sa.Connection, name_or_id: str) -> Account | None:
    """By id, or else by name."""
    wanted = (account.c.id == name_or_id) | (account.c.name == name_or_id)
    row = connection.execute(account.select().where(wanted)).first()
    return None if row is None else _account(row)


def hold(connection: sa.Connection, account_id: str) -> None:
    """Let nobody else spend from it until this transaction ends (on SQLite every writing transaction does that)."""
    if connection.dialect.name == "sqlite":
        return
    # not the strongest lock: rows that only refer to the account may come meanwhile
    wanted = sa.select(account.c.id).where(account.c.id == account_id)
    connection.execute(wanted.with_for_update(key_share=True))


def everyone(connection: sa.Connection) -> list[tuple[Account, datetime, datetime | None]]:
    """With when each was made and revoked, oldest first."""
    rows = connection.execute(account.select().order_by(account.c.created_at, account.c.id))
    return [(_account(row), row.created_at, row.revoked_at) for row in rows]


def is_empty(connection: sa.Connection) -> bool:
    """Whether there is no account at all."""
    return connection.execute(sa.select(account.c.id).limit(1)).first() is None


def webhook_secret(connection: sa.Connection, account_id: str) -> str:
    """`whsec_` and base64."""
    return str(connection.execute(sa.select(account.c.webhook_secret).where(account.c.id == account_id)).scalar_one())


def _new_webhook_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


def _limits_of(made: Account) -> dict[str, Any]:
    names = ("level", "has_credit_limit", "max_running", "max_requests_per_min", "priority")
    return {name: getattr(made, name) for name in names}


def _account(row: Any) -> Account:
    return Account(
        id=row.id,
        name=row.name,
        level=row.level,
        is_admin=row.is_admin,
        has_credit_limit=row.has_credit_limit,
        max_running=row.max_running,
        max_requests_per_min=row.max_requests_per_min,
        priority=row.priority,
    )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
