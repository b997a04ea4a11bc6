"""`lipwright webhooks`: what was sent to clients, and what was not."""

from __future__ import annotations

from typing import Annotated

import typer

from lipwright.cli.keys import Data, Json, opened
from lipwright.cli.screen import as_json, speaks_errors
from lipwright.core.jobs import DeliveryState

webhooks = typer.Typer(help="See webhooks, and send them again.", no_args_is_help=True, rich_markup_mode=None)


@webhooks.command("list")
@speaks_errors
def list_(
    state: Annotated[DeliveryState | None, typer.Option(help="Only those.", show_default="all")] = None,
    limit: Annotated[int, typer.Option(help="How many, newest first.")] = 50,
    json: Json = False,
    data: Data = None,
) -> None:
    """Show the latest webhooks."""
    from dataclasses import asdict

    with opened(data) as service:
        found = service.deliveries(state=state, limit=limit)
    if json:
        rows = [
            {**asdict(one), "created_at": one.created_at.isoformat(), "next_at": one.next_at.isoformat(),
             "delivered_at": one.delivered_at and one.delivered_at.isoformat()}
            for one in found
        ]  # fmt: skip
        typer.echo(as_json(rows))
        return
    for one in found:
        when = f"next {one.next_at:%H:%M:%S}" if one.state == "waiting" else ""
        typer.echo(f"{one.id}  {one.state}  {one.n_attempts} attempts  {one.url}  {when}  {one.last_error}".rstrip())


@webhooks.command()
@speaks_errors
def replay(
    delivery: Annotated[str, typer.Argument(help="Its id, as `list` shows it.", show_default=False)],
    data: Data = None,
) -> None:
    """Send a webhook again, under the same id. The running service does it within a second."""
    with opened(data) as service:
        one = service.replay_delivery(delivery)
    typer.echo(f"{one.id}  {one.state}  {one.url}")
