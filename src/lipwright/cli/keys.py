"""`lipwright keys`: who may use the service."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from lipwright.cli.screen import as_json, speaks_errors

if TYPE_CHECKING:
    from lipwright.service.hosted import Hosted

keys = typer.Typer(help="Make, list, limit and revoke API keys.", no_args_is_help=True, rich_markup_mode=None)

Data = Annotated[
    str | None, typer.Option("--data", metavar="FOLDER", help="Of the service.", show_default="LIPWRIGHT_DATA")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="The account's name or id.", show_default=False)]
MaxRunning = Annotated[int | None, typer.Option(help="Jobs at a time.", show_default="LIPWRIGHT_MAX_RUNNING")]
MaxRequests = Annotated[
    int | None,
    typer.Option(
        help="Requests a minute; ten times as many that ask how a job stands.",
        show_default="LIPWRIGHT_MAX_REQUESTS_PER_MIN",
    ),
]


@contextmanager
def opened(data: str | None) -> Generator[Hosted]:
    """The service's tables; a running service sees what is changed here at once."""
    from lipwright.config import read_service_settings
    from lipwright.service.hosted import Hosted

    settings = read_service_settings(data=data)
    with _only_warnings():
        service = Hosted.open(settings)
        try:
            yield service
        finally:
            service.close()


@contextmanager
def _only_warnings() -> Generator[None]:
    """What a server logs is no part of a command's output; warnings go to stderr."""
    import logging
    import sys

    import structlog

    before = structlog.get_config()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)


@keys.command()
@speaks_errors
def create(
    name: Annotated[str, typer.Argument(help="Whose it is; every account has a name of its own.", show_default=False)],
    level: Annotated[str, typer.Option(help="Shown to clients: bronze, silver, gold, ultra.")] = "bronze",
    unlimited: Annotated[bool, typer.Option("--unlimited", help="Never refuse a job for lack of credit.")] = False,
    admin: Annotated[bool, typer.Option("--admin", help="May see the jobs of all.")] = False,
    max_running: MaxRunning = None,
    max_requests_per_min: MaxRequests = None,
    priority: Annotated[int, typer.Option(help="1 to 1000; the lowest number renders first.")] = 100,
    data: Data = None,
) -> None:
    """Make an account and its key. The key is shown this once: only a hash of it is kept."""
    with opened(data) as service:
        account, secret = service.create_key(
            name,
            level=level,
            is_admin=admin,
            has_credit_limit=not unlimited,
            max_running=max_running,
            max_requests_per_min=max_requests_per_min,
            priority=priority,
        )
    typer.echo(secret)
    typer.echo(f"The key of {account.name!r} (account {account.id}); it is not shown again.", err=True)


@keys.command("list")
@speaks_errors
def list_(json: Json = False, data: Data = None) -> None:
    """Show all accounts; keys themselves are not kept."""
    from dataclasses import asdict

    with opened(data) as service:
        found = [(*one, service.balance_microusd(one[0])) for one in service.accounts()]
    if json:
        rows = [
            {**asdict(account), "created_at": made.isoformat(), "revoked_at": gone and gone.isoformat(),
             "balance_microusd": balance}
            for account, made, gone, balance in found
        ]  # fmt: skip
        typer.echo(as_json(rows))
        return
    for account, made, gone, balance in found:
        credit = f"{balance / 1e6:.2f} USD" if account.has_credit_limit else f"{balance / 1e6:.2f} USD, no limit"
        state = f"revoked {gone:%Y-%m-%d}" if gone else f"since {made:%Y-%m-%d}"
        typer.echo(
            f"{account.id}  {account.name}  {account.level}  {credit}  {account.max_running} at a time  "
            f"{account.max_requests_per_min}/min  priority {account.priority}  {state}"
        )


@keys.command()
@speaks_errors
def revoke(name: Name, data: Data = None) -> None:
    """Let a key open nothing any more. Jobs that it submitted run on."""
    with opened(data) as service:
        account = service.account(name)
        service.revoke_key(account.id)
    typer.echo(f"The key of {account.name!r} is revoked.")


@keys.command()
@speaks_errors
def rotate(
    name: Name,
    webhooks: Annotated[
        bool, typer.Option("--webhooks", help="What its webhooks are signed with, in place of the key.")
    ] = False,
    data: Data = None,
) -> None:
    """Make a new secret for an account, shown this once. The old one ends within seconds. Its jobs and credit stay."""
    with opened(data) as service:
        account = service.account(name)
        secret = service.rotate_webhook_secret(account) if webhooks else service.rotate_key(account.id)
    typer.echo(secret)
    typer.echo(f"The {'webhook secret' if webhooks else 'key'} of {account.name!r}; the old one is void.", err=True)


@keys.command()
@speaks_errors
def limit(
    name: Name,
    max_running: Annotated[int | None, typer.Option(help="Jobs at a time.", show_default="as it is")] = None,
    max_requests_per_min: Annotated[
        int | None,
        typer.Option(help="Requests a minute; ten times as many that ask how a job stands.", show_default="as it is"),
    ] = None,
    priority: Annotated[
        int | None, typer.Option(help="1 to 1000; the lowest number renders first.", show_default="as it is")
    ] = None,
    level: Annotated[str | None, typer.Option(help="Shown to clients.", show_default="as it is")] = None,
    credit_limit: Annotated[
        bool | None, typer.Option(help="Refuse jobs for lack of credit.", show_default="as it is")
    ] = None,
    data: Data = None,
) -> None:
    """Change what an account may do. Jobs that wait already keep their place, and the limit they came in under.

    Until those are done, as many may run at a time as both limits allow together.
    """
    with opened(data) as service:
        account = service.limit_key(
            service.account(name).id,
            max_running=max_running,
            max_requests_per_min=max_requests_per_min,
            priority=priority,
            has_credit_limit=credit_limit,
            level=level,
        )
    typer.echo(
        f"{account.name}: {account.max_running} at a time, {account.max_requests_per_min} requests a minute, "
        f"priority {account.priority}, {account.level}, {'credit limit' if account.has_credit_limit else 'no limit'}"
    )
