"""The ledger: rows are added, never changed; a balance is their sum.

grant +   from the operator                     │ a job that succeeds:  hold -p · release +p · charge -p
hold -    set aside when a job is taken in      │ one that does not:    hold -p · release +p
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from lipwright.core.jobs import LedgerKind, LedgerRow, ModelUsage, Usage
from lipwright.store.database import insert_once, now
from lipwright.store.tables import job, ledger

_TOTAL: Final = sa.func.coalesce(sa.func.sum(ledger.c.amount_microusd), 0)
_BALANCE: Final = sa.select(_TOTAL).where(ledger.c.account_id == sa.bindparam("owner"))
_HELD: Final = sa.select(_TOTAL).where(
    (ledger.c.job_id == sa.bindparam("wanted")) & ledger.c.kind.in_(("hold", "hold_rest", "release"))
)


def add(
    connection: sa.Connection,
    account_id: str,
    kind: LedgerKind,
    amount_microusd: int,
    *,
    job_id: str | None = None,
    note: str = "",
) -> bool:
    """One row; False, and no row, if the job has one of this kind already."""
    values = {
        "account_id": account_id,
        "job_id": job_id,
        "kind": kind,
        "amount_microusd": amount_microusd,
        "note": note,
        "created_at": now(),
    }
    return insert_once(connection, ledger, values)


def balance_microusd(connection: sa.Connection, account_id: str) -> int:
    """The sum of its rows."""
    return int(connection.execute(_BALANCE, {"owner": account_id}).scalar_one())


def held_microusd(connection: sa.Connection, job_id: str) -> int:
    """What is set aside for a job, holds and releases together."""
    return -int(connection.execute(_HELD, {"wanted": job_id}).scalar_one())


def settle(connection: sa.Connection, account_id: str, job_id: str, price_microusd: int | None) -> None:
    """Release what a job holds and, if it succeeded, charge its price. A second time changes nothing."""
    held = held_microusd(connection, job_id)
    if held:
        add(connection, account_id, "release", held, job_id=job_id)
    if price_microusd is not None:
        add(connection, account_id, "charge", -price_microusd, job_id=job_id)


def latest(connection: sa.Connection, account_id: str | None, limit: int) -> list[LedgerRow]:
    """Of one account, or of all; newest first."""
    found = ledger.select().order_by(ledger.c.id.desc()).limit(limit)
    if account_id is not None:
        found = found.where(ledger.c.account_id == account_id)
    return [_row(row) for row in connection.execute(found)]


def usage(connection: sa.Connection, account_id: str, since: datetime, until: datetime, model: str | None) -> Usage:
    """What was charged within [since, until)."""
    wanted = (
        (ledger.c.account_id == account_id)
        & (ledger.c.kind == "charge")
        & (ledger.c.created_at >= since)
        & (ledger.c.created_at < until)
    )
    if model is not None:
        wanted &= job.c.model == model
    columns = (job.c.model, sa.func.count(), sa.func.sum(ledger.c.amount_microusd))
    rows = connection.execute(
        sa.select(*columns)
        .join_from(ledger, job, ledger.c.job_id == job.c.id)
        .where(wanted)
        .group_by(job.c.model)
        .order_by(job.c.model)
    )
    by_model = tuple(ModelUsage(name, int(n_jobs), -int(total)) for name, n_jobs, total in rows)
    return Usage(
        since, until, sum(one.n_jobs for one in by_model), sum(one.cost_microusd for one in by_model), by_model
    )


def _row(row: Any) -> LedgerRow:
    return LedgerRow(row.id, row.account_id, row.job_id, row.kind, row.amount_microusd, row.created_at, row.note)
