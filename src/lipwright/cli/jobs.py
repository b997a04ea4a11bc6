"""`lipwright jobs`: what a service was asked for, by everyone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lipwright.cli.keys import Data, Json, opened
from lipwright.cli.screen import as_json, columns, span_text, speaks_errors

if TYPE_CHECKING:
    from lipwright.core.jobs import Job

jobs = typer.Typer(
    help="See the jobs of all accounts, cancel them, try them again.", no_args_is_help=True, rich_markup_mode=None
)

State = Literal["queued", "running", "succeeded", "failed", "cancelled", "open"]
Which = Annotated[
    list[str],
    typer.Argument(metavar="JOB...", help="Its id, the beginning of its id, or its number.", show_default=False),
]


@jobs.command("list")
@speaks_errors
def list_(
    state: Annotated[
        State | None, typer.Option(help="Only those; `open`: what is not ended.", show_default="all")
    ] = None,
    account: Annotated[
        str | None, typer.Option(help="Only of this account, by name or id.", show_default="all")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 50,
    json: Json = False,
    data: Data = None,
) -> None:
    """Show the latest jobs."""
    from lipwright.core.jobs import JobState

    states = None
    if state is not None:
        states = (JobState.QUEUED, JobState.RUNNING) if state == "open" else (JobState(state),)
    with opened(data) as service:
        account_id = None if account is None else service.account(account).id
        page = service.desk.jobs(states=states, account_id=account_id, limit=limit)
        names = service.desk.account_names()
    if json:
        typer.echo(as_json([plain(job, names) for job in page.jobs]))
        return
    at = datetime.now(UTC)
    heads = ("JOB", "STATE", "PHASE", "DONE", "AGE", "TOOK", "ACCOUNT", "MODEL", "ERROR")
    rows = [
        (
            job.id,
            str(job.state),
            "" if job.state.is_final else job.phase,
            "" if job.state.is_final else f"{100 * job.progress:.0f} %",
            span_text((at - job.created_at).total_seconds()),
            _took(job, at),
            names.get(job.account_id, job.account_id),
            job.request.model,
            job.error_code or "",
        )
        for job in page.jobs
    ]
    typer.echo(columns(heads, rows))
    if len(rows) < page.n_total:
        typer.echo(f"{len(rows)} of {page.n_total}; see --limit.", err=True)


@jobs.command()
@speaks_errors
def show(job: Which, json: Json = False, data: Data = None) -> None:
    """Show all that is known of a job."""
    with opened(data) as service:
        found = [service.desk.job(one) for one in job]
        names = service.desk.account_names()
    if json:
        shown = [plain(one, names) for one in found]
        typer.echo(as_json(shown[0] if len(shown) == 1 else shown))
        return
    typer.echo("\n\n".join(_in_full(one, names) for one in found))


@jobs.command()
@speaks_errors
def cancel(job: Which, data: Data = None) -> None:
    """End jobs at once; nothing is charged. What has ended stays as it is."""
    with opened(data) as service:
        for one in [service.desk.job(one) for one in job]:
            was_final = one.state.is_final
            ended = service.desk.cancel(one.id)
            typer.echo(f"{ended.id}  {'is' if was_final else 'now'} {ended.state}")


@jobs.command()
@speaks_errors
def retry(job: Which, data: Data = None) -> None:
    """Ask for a failed or cancelled job once more. It is a new job of the same account, at its price."""
    with opened(data) as service:
        for one in job:
            made = service.desk.retry(one)
            typer.echo(f"{made.id}  {made.state}, in place of {service.desk.job(one).id}")


def plain(job: Job, names: dict[str, str]) -> dict[str, Any]:
    """For JSON: times as ISO 8601, money in micro-dollars."""
    return {
        "id": job.id,
        "number": job.number,
        "account_id": job.account_id,
        "account": names.get(job.account_id),
        "state": str(job.state),
        "phase": job.phase,
        "progress": job.progress,
        "face": job.request.face,
        "model": job.request.model,
        "video": job.request.video,
        "audio": job.request.audio,
        "text": job.request.text,
        "voice": job.request.voice,
        "language": job.request.language,
        "options": dict(job.request.options),
        "webhook_url": job.request.webhook_url,
        "created_at": job.created_at.isoformat(),
        "started_at": job.started_at and job.started_at.isoformat(),
        "finished_at": job.finished_at and job.finished_at.isoformat(),
        "error_code": job.error_code,
        "error_message": job.error_message,
        "price_microusd": job.price_microusd,
        "outputs": [{"media_id": one.id, "n_bytes": one.n_bytes, "duration_s": one.duration_s} for one in job.outputs],
        "report": dict(job.report),
    }


def _in_full(job: Job, names: dict[str, str]) -> str:
    request = job.request
    done = "" if job.state.is_final else f", {job.phase} {100 * job.progress:.0f} %"
    asked = (request.text or "")[:200] if request.audio is None else request.audio
    rows = [
        ("job", f"{job.id} (number {job.number})"),
        ("state", f"{job.state}{done}"),
        ("account", f"{names.get(job.account_id, '?')} ({job.account_id})"),
        ("model", f"{request.model}, by {request.face}"),
        ("video", request.video),
        ("text" if request.audio is None else "audio", asked),
        ("options", ", ".join(f"{name}={value}" for name, value in request.options.items())),
        ("created", f"{job.created_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("waited", "" if job.started_at is None else span_text((job.started_at - job.created_at).total_seconds())),
        ("took", _took(job, datetime.now(UTC))),
        ("price", f"{job.price_microusd / 1e6:.2f} USD{'' if job.state.is_final else ', held'}"),
        ("error", "" if job.error_code is None else f"[{job.error_code}] {job.error_message}"),
        ("webhook", request.webhook_url or ""),
        ("stages", ", ".join(f"{name} {seconds:.1f} s" for name, seconds in job.report.get("stages_s", {}).items())),
        *(("output", f"{one.id}, {one.n_bytes / 1e6:.1f} MB, {one.duration_s or 0:.1f} s") for one in job.outputs),
    ]
    return "\n".join(f"{name:<8} {value}" for name, value in rows if value)


def _took(job: Job, at: datetime) -> str:
    if job.started_at is None:
        return ""
    return span_text(((job.finished_at or at) - job.started_at).total_seconds())
