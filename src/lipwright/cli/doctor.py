"""`lipwright doctor`: is everything there that it needs."""

from __future__ import annotations

from typing import Annotated

import typer

from lipwright.cli.screen import EXIT_ERROR, as_json, speaks_errors


@speaks_errors
def doctor(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show what is installed, and what is missing. Exit status 1 if something is.

    Versions, encoders, engines, model files, moderation, and whether a service could work here.
    """
    from dataclasses import asdict

    from lipwright import service
    from lipwright.config import read_service_settings

    checks = service.doctor(read_service_settings())
    if json:
        typer.echo(as_json([asdict(check) for check in checks]))
    else:
        group = ""
        for check in checks:
            if check.group != group:
                group = check.group
                typer.echo(group)
            typer.echo(f"  {'ok ' if check.is_well else 'BAD'} {check.name}: {check.value}")
    if not all(check.is_well for check in checks):
        raise typer.Exit(EXIT_ERROR)
