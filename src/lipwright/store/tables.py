"""The tables. A change here needs a migration beside it (`migrations/versions`); a test compares the two."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, String, Table, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """An aware UTC time, kept as whole microseconds since 1970: SQLite has no time zones, and this one sorts."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + int(value) * _MICROSECOND


# SQLite counts up by itself only for INTEGER
_COUNTER = BigInteger().with_variant(Integer(), "sqlite")
_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

metadata = sa.MetaData(naming_convention=_CONVENTION)

account = Table(
    "account",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("level", String(40), nullable=False),
    Column("is_admin", Boolean(create_constraint=False), nullable=False),
    Column("has_credit_limit", Boolean(create_constraint=False), nullable=False),
    Column("max_running", Integer, nullable=False),
    Column("max_requests_per_min", Integer, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("key_sha256", String(64), nullable=False, unique=True),
    Column("webhook_secret", String(100), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("revoked_at", Moment),
)

media = Table(
    "media",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("account_id", String(32), ForeignKey("account.id"), nullable=False, index=True),
    # "upload", "fetched", "spoken", "part" or "result"
    Column("purpose", String(10), nullable=False),
    Column("job_id", String(32), index=True),
    Column("kind", String(10), nullable=False),
    Column("filename", String(255), nullable=False),
    Column("content_type", String(100), nullable=False),
    Column("n_bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("duration_s", Float),
    Column("width_px", Integer),
    Column("height_px", Integer),
    Column("has_sound", sa.Boolean),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
)

ticket = Table(
    "ticket",
    metadata,
    Column("id", String(43), primary_key=True),
    Column("account_id", String(32), ForeignKey("account.id"), nullable=False),
    Column("media_id", String(32), nullable=False),
    Column("media_number", BigInteger, nullable=False),
    Column("filename", String(255), nullable=False),
    Column("content_type", String(100), nullable=False),
    Column("n_bytes", BigInteger),
    Column("expires_at", Moment, nullable=False, index=True),
)

job = Table(
    "job",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("account_id", String(32), ForeignKey("account.id"), nullable=False),
    Column("face", String(20), nullable=False),
    Column("model", String(200), nullable=False),
    Column("request", sa.JSON, nullable=False),
    # role -> media id, once it is here: "video", "audio", "plan"
    Column("inputs", sa.JSON, nullable=False),
    Column("state", String(10), nullable=False),
    Column("phase", String(10), nullable=False),
    Column("progress", Float, nullable=False),
    # how often the present stage was begun
    Column("n_attempts", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    Column("deleted_at", Moment),
    Column("outputs", sa.JSON, nullable=False),
    Column("error_code", String(40)),
    Column("error_message", Text),
    Column("has_nsfw", sa.JSON, nullable=False),
    Column("price_microusd", BigInteger, nullable=False),
    Column("report", sa.JSON, nullable=False),
    # when a job in parts must be done, by the database's clock
    Column("due_at", Moment),
    Index("ix_job_account_id_created_at", "account_id", "created_at"),
    Index("ix_job_state_created_at", "state", "created_at"),
)

part = Table(
    "part",
    metadata,
    Column("job_id", String(32), ForeignKey("job.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("n_frames", Integer, nullable=False),
    Column("n_done", Integer, nullable=False),
    Column("n_attempts", Integer, nullable=False),
    # its picture, once it is made
    Column("media_id", String(32)),
    Column("told", sa.JSON, nullable=False),
)

ledger = Table(
    "ledger",
    metadata,
    Column("id", _COUNTER, primary_key=True, autoincrement=True),
    Column("account_id", String(32), ForeignKey("account.id"), nullable=False),
    Column("job_id", String(32)),
    Column("kind", String(10), nullable=False),
    Column("amount_microusd", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    # nothing is paid twice, whoever tries (rows without a job are never equal)
    sa.UniqueConstraint("job_id", "kind"),
    Index("ix_ledger_account_id_amount_microusd", "account_id", "amount_microusd"),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("account_id", String(32), ForeignKey("account.id"), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    # none: the request is being taken in
    Column("job_id", String(32)),
    Column("claimed_at", Moment, nullable=False, index=True),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("job_id", String(32), ForeignKey("job.id"), nullable=False, unique=True),
    Column("account_id", String(32), ForeignKey("account.id"), nullable=False),
    Column("face", String(20), nullable=False),
    Column("url", Text, nullable=False),
    Column("state", String(10), nullable=False),
    Column("n_attempts", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("next_at", Moment, nullable=False),
    Column("delivered_at", Moment),
    Column("last_error", Text, nullable=False),
    Index("ix_outbox_state_next_at", "state", "next_at"),
)

batch = Table(
    "batch",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account_id", String(32), ForeignKey("account.id"), nullable=False),
    # the client's idempotency key, for a day
    Column("key", String(255)),
    Column("fingerprint", String(64), nullable=False),
    Column("n_items", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    sa.UniqueConstraint("account_id", "key"),
)

batch_item = Table(
    "batch_item",
    metadata,
    Column("batch_id", String(32), ForeignKey("batch.id"), primary_key=True),
    # from 0, as the client listed them
    Column("position", Integer, primary_key=True),
    # the client's own name for it
    Column("reference", String(200)),
    # none: it was refused, with this error
    Column("job_id", String(32)),
    Column("error_code", String(40)),
    Column("error_message", Text),
)

beat = Table(
    "beat",
    metadata,
    Column("worker_id", String(200), primary_key=True),
    # by the database's clock; 1970: it said that it ends. No index: an update that touches none is cheap
    Column("beaten_at", Moment, nullable=False),
    # host, and home of its processes
    Column("machine", String(100), nullable=False, server_default="", index=True),
    # what it takes, separated by commas
    Column("queues", Text, nullable=False, server_default=""),
)

duty = Table(
    "duty",
    metadata,
    # what one worker of all does now and then
    Column("name", String(40), primary_key=True),
    Column("due_at", Moment, nullable=False),
)

meta = Table(
    "meta",
    metadata,
    # what is so of the whole database: "store_id" is the mark of the store that holds its media
    Column("name", String(40), primary_key=True),
    Column("value", Text, nullable=False),
)

pass_ = Table(
    "pass",
    metadata,
    # of the secret, which is told once and not kept
    Column("sha256", String(64), primary_key=True),
    # "session", "link" (signs in once) or "share"
    Column("kind", String(10), nullable=False),
    Column("account_id", String(32), ForeignKey("account.id"), nullable=False),
    # of a share
    Column("job_id", String(32), index=True),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
)
