"""What is so of the whole database."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from lipwright.store.database import insert_once
from lipwright.store.tables import meta

_STORE_ID: Final = "store_id"
_VALUE: Final = sa.select(meta.c.value).where(meta.c.name == sa.bindparam("wanted"))


def store_id(connection: sa.Connection) -> str | None:
    """The mark of the store that holds its media; None where nobody has said yet."""
    return connection.execute(_VALUE, {"wanted": _STORE_ID}).scalar_one_or_none()


def keep_store_id(connection: sa.Connection, wanted: str) -> str:
    """Say it, once and for all: of several who do, all get what the first one said."""
    insert_once(connection, meta, {"name": _STORE_ID, "value": wanted})
    return str(connection.execute(_VALUE, {"wanted": _STORE_ID}).scalar_one())
