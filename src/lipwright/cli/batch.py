"""`lipwright batch`: many renders, one after the other or some at a time."""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from lipwright.cli.screen import EXIT_ERROR, EXIT_STOPPED, PHASES, as_json, columns, span_text, speaks_errors
from lipwright.core.errors import UnsupportedOutput

if TYPE_CHECKING:
    from lipwright.service.batch import BatchResult, BatchWatch, Item, Outcome

_PLAIN_EVERY_S: Final = 10.0


@speaks_errors
def batch(
    jobs: Annotated[
        Path,
        typer.Argument(
            metavar="JOBS.jsonl",
            help="A JSON object a line: video, audio or text (and voice, language), output, options; 500 at most.",
            show_default=False,
        ),
    ],
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the results go.", show_default=False)
    ],
    workers: Annotated[
        int, typer.Option("--workers", "-w", min=1, max=64, help="Renders at a time; each takes a few cores.")
    ] = 1,
    redo: Annotated[bool, typer.Option("--redo", help="Render also what is finished already.")] = False,
    reports: Annotated[
        bool, typer.Option("--reports", help="Write a report beside each result: OUTPUT.report.json.")
    ] = False,
    measure: Annotated[
        bool, typer.Option(help="Look at each result again for its report: up to 20 s of it, spread over it.")
    ] = True,
    cache: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keep there what is found out about the footage, for later.",
            show_default="~/.cache/lipwright/analysis",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but what fails.")] = False,
) -> None:
    """Render every line of JOBS.jsonl into FOLDER. Run it again to go on where it ended; what is finished is skipped.

    Exit status 1 if an item failed; the others are rendered all the same. FOLDER/summary.json tells of each.
    """
    from lipwright.cli.say import choose_voices
    from lipwright.cli.sync import choose_cache
    from lipwright.config import read_settings
    from lipwright.media.encoders import ALSO_INPUT
    from lipwright.service.batch import STATE, SUMMARY, read_items, run_batch
    from lipwright.service.reports import MEASURE_S

    items = read_items(jobs, read_settings().model_dump())
    for ours in (output / STATE, output / SUMMARY):
        if ours.exists() and ours.samefile(jobs):
            raise UnsupportedOutput(ours, ALSO_INPUT)
    kept = choose_cache(cache)
    with _watching(len(items), is_quiet=quiet) as watch:
        try:
            result = run_batch(
                items,
                output,
                cache=kept,
                voices=choose_voices(),
                n_workers=workers,
                redo=redo,
                reports_s=(MEASURE_S if measure else 0.0) if reports else None,
                watch=watch,
            )
        except KeyboardInterrupt as exc:
            typer.echo(f"stopped; run it again to go on. See {output / 'summary.json'}", err=True)
            raise typer.Exit(EXIT_STOPPED) from exc
    if json:
        typer.echo(as_json(result.as_dict()))
    elif not quiet:
        typer.echo(summary(result))
    if result.counts["failed"]:
        raise typer.Exit(EXIT_ERROR)


def summary(result: BatchResult) -> str:
    """A line for each item, and one for all."""
    heads = ("LINE", "OUTPUT", "STATUS", "VIDEO", "TOOK", "FOOTAGE", "RESULT", "ERROR")
    rows = [_row(one) for one in result.outcomes]
    if not any("verdict" in one.report for one in result.outcomes):
        heads, rows = _without_result(heads), [_without_result(row) for row in rows]
    counts = ", ".join(f"{n} {status}" for status, n in result.counts.items() if n)
    footage = f"{result.n_footage} piece{'s' if result.n_footage != 1 else ''} of footage"
    studied = f"looked at {result.n_studied} time{'s' if result.n_studied != 1 else ''}"
    return f"{columns(heads, rows)}\n\n{counts}; {footage}, {studied}; {span_text(result.took_s)}"


def _without_result(row: tuple[str, ...]) -> tuple[str, ...]:
    return (*row[:-2], row[-1])


def _row(outcome: Outcome) -> tuple[str, ...]:
    told = outcome.report
    footage = ""
    if outcome.status == "done":
        footage = "known" if told.get("is_recalled") else "studied"
    return (
        str(outcome.item.line),
        outcome.item.output,
        outcome.status,
        f"{told['duration_s']:.1f} s" if "duration_s" in told else "",
        span_text(told["took_s"]) if outcome.status == "done" else "",
        footage,
        str(told.get("verdict", "")),
        "" if outcome.error is None else f"[{outcome.error.code}] {outcome.error}",
    )


@contextmanager
def _watching(n_items: int, *, is_quiet: bool) -> Generator[BatchWatch]:
    """Bars on a terminal, lines elsewhere, both on stderr; what fails is always told."""
    if not is_quiet and sys.stderr.isatty():
        with _bars(n_items) as watch:
            yield watch
    else:
        yield PlainWatch(n_items, is_quiet=is_quiet)


class PlainWatch:
    """A line when an item begins, every few seconds, and when it ends."""

    def __init__(self, n_items: int, *, is_quiet: bool) -> None:
        self._n_items = n_items
        self._is_quiet = is_quiet
        self._n_ended = 0
        self._next_s = 0.0
        self._lock = threading.Lock()

    def begins(self, item: Item) -> None:
        self._say(f"{item.output}: begun")

    def advances(self, item: Item, phase: str, done: int, total: int) -> None:
        with self._lock:
            if monotonic() < self._next_s:
                return
            self._next_s = monotonic() + _PLAIN_EVERY_S
        counted = f", {done} of {total} frames" if total > 1 else ""
        self._say(f"{item.output}: {PHASES.get(phase, phase)}{counted}")

    def ended(self, outcome: Outcome) -> None:
        with self._lock:
            self._n_ended += 1
            n_ended = self._n_ended
        said = f"[{n_ended}/{self._n_items}] {told(outcome)}"
        if outcome.error is not None:
            typer.echo(said, err=True)
        else:
            self._say(said)

    def _say(self, line: str) -> None:
        if not self._is_quiet:
            typer.echo(line, err=True)


def told(outcome: Outcome) -> str:
    """How an item ended, in a line."""
    if outcome.error is not None:
        return f"{outcome.item.output}: failed [{outcome.error.code}]: {outcome.error}"
    took = f" in {span_text(outcome.report['took_s'])}" if outcome.status == "done" else ""
    words = {"skipped": "finished earlier, skipped"}.get(outcome.status, outcome.status)
    return f"{outcome.item.output}: {words}{took}"


@contextmanager
def _bars(n_items: int) -> Generator[BatchWatch]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns_ = (
        TextColumn("{task.description:<40.40}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns_, console=Console(stderr=True)) as progress:
        whole: Any = progress.add_task("all items", total=n_items)
        running: dict[int, Any] = {}

        class Bars:
            """One bar for all, and one for each item that is being rendered."""

            def begins(self, item: Item) -> None:
                running[item.line] = progress.add_task(item.output, total=None)

            def advances(self, item: Item, phase: str, done: int, total: int) -> None:
                words = f"{item.output}: {PHASES.get(phase, phase)}"
                progress.update(running[item.line], description=words, completed=done, total=max(total, 1))

            def ended(self, outcome: Outcome) -> None:
                if (task := running.pop(outcome.item.line, None)) is not None:
                    progress.remove_task(task)
                progress.advance(whole)
                if outcome.error is not None:
                    progress.console.print(told(outcome), markup=False, highlight=False)

        yield Bars()
