"""`lipwright workers`: who renders, and whether it lives."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from lipwright.cli.keys import Data, Json, opened
from lipwright.cli.screen import EXIT_ERROR, as_json, columns, span_text, speaks_errors


@speaks_errors
def workers(
    json: Json = False,
    data: Data = None,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with status 1 unless a worker lives; for health checks.")
    ] = False,
) -> None:
    """Show the workers of a service, and what they do. Whichever machine they run on."""
    with opened(data) as service:
        found = service.desk.workers()
    if json:
        typer.echo(as_json([asdict(one) for one in found]))
    else:
        heads = ("HOST", "PROCESS", "STATE", "LAST SIGN", "QUEUES", "JOBS")
        rows = [
            (one.host, str(one.pid), "alive" if one.is_alive else "gone", f"{span_text(one.silent_s)} ago",
             ",".join(one.queues), " ".join(job[:8] for job in one.jobs))
            for one in found
        ]  # fmt: skip
        typer.echo(columns(heads, rows) if rows else "No worker has given a sign of life within the last day.")
    if check and not any(one.is_alive for one in found):
        raise typer.Exit(EXIT_ERROR)
