"""`lipwright credits`: what accounts hold."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated, Final

import typer

from lipwright.cli.keys import Data, Json, Name, opened
from lipwright.cli.screen import as_json, speaks_errors
from lipwright.core.errors import InvalidOption

credits_ = typer.Typer(help="Grant credit, and show where it went.", no_args_is_help=True, rich_markup_mode=None)

_MICRO: Final = 1_000_000
_MOST_USD: Final = 1_000_000_000


@credits_.command(context_settings={"ignore_unknown_options": True})
@speaks_errors
def grant(
    name: Name,
    usd: Annotated[str, typer.Argument(help="US dollars, such as 12.50; below zero: take back.", show_default=False)],
    note: Annotated[str, typer.Option(help="Why; it is kept with the row.")] = "",
    data: Data = None,
) -> None:
    """Add credit to an account."""
    amount = _microusd(usd)
    with opened(data) as service:
        account = service.account(name)
        balance = service.grant(account, amount, note)
    typer.echo(f"{account.name}: {balance / _MICRO:.2f} USD")


@credits_.command()
@speaks_errors
def show(
    name: Name,
    rows: Annotated[int, typer.Option(help="The latest rows of the ledger.")] = 20,
    json: Json = False,
    data: Data = None,
) -> None:
    """Show an account's balance and the latest rows of its ledger."""
    from dataclasses import asdict

    with opened(data) as service:
        account = service.account(name)
        balance, latest = service.balance_microusd(account), service.ledger(account, limit=rows)
    if json:
        shown = [{**asdict(row), "created_at": row.created_at.isoformat()} for row in latest]
        typer.echo(as_json({"account": account.id, "balance_microusd": balance, "rows": shown}))
        return
    typer.echo(f"{account.name}: {balance / _MICRO:.2f} USD")
    for row in latest:
        what = row.note or (f"job {row.job_id}" if row.job_id else "")
        typer.echo(f"  {row.created_at:%Y-%m-%d %H:%M:%S}  {row.kind:9}  {row.amount_microusd / _MICRO:+12.6f}  {what}")


def _microusd(usd: str) -> int:
    try:
        amount = Decimal(usd) * _MICRO
    except InvalidOperation as exc:
        raise InvalidOption("USD", usd, "give an amount such as 12.50") from exc
    if not amount.is_finite() or amount != int(amount) or not 0 < abs(amount) <= _MOST_USD * _MICRO:
        raise InvalidOption("USD", usd, "give an amount of at least a millionth of a dollar")
    return int(amount)
