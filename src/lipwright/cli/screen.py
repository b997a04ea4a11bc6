"""What a person sees while a command works, and when it fails."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from time import monotonic
from typing import Any, Final, ParamSpec, Protocol, TypeVar

import typer

from lipwright.core.errors import InputError, LipwrightError, UnsupportedOutput

P = ParamSpec("P")
R = TypeVar("R")

EXIT_ERROR: Final = 1
EXIT_INPUT: Final = 2
EXIT_STOPPED: Final = 130
_PLAIN_EVERY_S = 5.0

PHASES: Final = {
    "study": "looking at the footage",
    "listen": "listening to the speech",
    "render": "making the video",
    "measure": "looking at the result",
}


def speaks_errors(command: Callable[P, R]) -> Callable[P, R]:
    """One line on stderr, `error [code]: message`, and an exit status, for everything raised on purpose.

    2: the caller can mend it; 1: something else; 130: stopped with Ctrl-C.
    """

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except LipwrightError as exc:
            typer.echo(error_line(exc), err=True)
            raise typer.Exit(exit_status(exc)) from exc
        except KeyboardInterrupt as exc:
            written = ", ".join(getattr(exc, "__notes__", []))
            typer.echo(f"stopped; already written: {written}" if written else "stopped; nothing was written", err=True)
            raise typer.Exit(EXIT_STOPPED) from exc

    return run


def error_line(exc: LipwrightError) -> str:
    """`error [code]: message`, with what was noted on the way."""
    return " ".join([f"error [{exc.code}]: {exc}", *getattr(exc, "__notes__", [])])


def exit_status(exc: LipwrightError) -> int:
    """2 where the caller can mend it, else 1."""
    return EXIT_INPUT if isinstance(exc, InputError) else EXIT_ERROR


@contextmanager
def already_written(paths: Sequence[Path]) -> Generator[None]:
    """Who stops what is done in here with Ctrl-C is told of these files: they are whole, and stay."""
    try:
        yield
    except KeyboardInterrupt as exc:
        for path in paths:
            exc.add_note(str(path))
        raise


class Report(Protocol):
    """Takes progress: `report(phase, done, total)`."""

    def __call__(self, phase: str, done: int, total: int, /) -> None: ...


@contextmanager
def progress_report(*, is_quiet: bool = False) -> Generator[Report]:
    """A bar with phase, frames/s and time left on a terminal; plain lines elsewhere. Both go to stderr."""
    if is_quiet:
        yield lambda phase, done, total: None
    elif sys.stderr.isatty():
        with _bar() as report:
            yield report
    else:
        yield PlainReport(lambda line: typer.echo(line, err=True))


class PlainReport:
    """A line when a phase ends, and every few seconds until then."""

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = monotonic) -> None:
        self._write = write
        self._clock = clock
        self._phase = ""
        self._start_s = self._next_s = 0.0
        self._is_done = False

    def __call__(self, phase: str, done: int, total: int, /) -> None:
        now_s = self._clock()
        if phase != self._phase:
            self._phase, self._is_done = phase, False
            self._start_s, self._next_s = now_s, now_s + _PLAIN_EVERY_S
        if self._is_done or (done < total and now_s < self._next_s):
            return
        self._is_done = done >= total
        self._next_s = now_s + _PLAIN_EVERY_S
        self._write(self._line(done, total, now_s - self._start_s))

    def _line(self, done: int, total: int, took_s: float) -> str:
        what = PHASES.get(self._phase, self._phase)
        if self._phase == "listen":
            return what
        rate = f", {done / took_s:.1f} frames/s" if took_s > 0 and done else ""
        left = f", {took_s / done * (total - done):.0f} s left" if 0 < done < total else ""
        return f"{what}: {done} of {total} frames{rate}{left}"


@contextmanager
def _bar() -> Generator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        """Frames a second of this phase."""

        def render(self, task: Task) -> Text:
            is_counted = task.total is not None and task.total > 1 and task.speed
            return Text(f"{task.speed:6.1f} frames/s" if is_counted else "", style="progress.data.speed")

    columns = (
        TextColumn("{task.description:<24}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        Rate(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        tasks: dict[str, Any] = {}

        def report(phase: str, done: int, total: int, /) -> None:
            if phase not in tasks:
                tasks[phase] = progress.add_task(PHASES.get(phase, phase), total=total)
            progress.update(tasks[phase], completed=done, total=max(total, 1))

        yield report


def as_json(value: Any) -> str:
    """Plain JSON of values that this project carries: exact rates as "30000/1001", paths as text."""
    return encodable(json.dumps(value, indent=2, default=_plain, ensure_ascii=False))


def encodable(text: str) -> str:
    r"""The text with `\udce9` for a byte of a file's name that is no UTF-8, as JSON has it: the file is found again."""
    return text.encode("utf-8", "backslashreplace").decode()


def _plain(value: Any) -> Any:
    if isinstance(value, Fraction | Path):
        return str(value)
    if hasattr(value, "tolist"):  # numpy's scalars and arrays
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no plain form")


def check_places(*outputs: Path | None, inputs: Sequence[Path | None] = (), may_replace: bool = True) -> None:
    """Find out before minutes of work that a file cannot be written, or would replace what this command reads or made.

    Raises UnsupportedOutput, OutputExists, OutputNotWritable.
    """
    from lipwright.media.encoders import ALSO_OUTPUT
    from lipwright.pipeline import check_place

    read = [path for path in inputs if path is not None]
    places: set[str] = set()
    for path in outputs:
        if path is None:
            continue
        check_place(path, read, may_replace=may_replace)
        place = os.path.realpath(path)  # unlike `Path.resolve` it takes links that go in a circle
        if place in places:
            raise UnsupportedOutput(path, ALSO_OUTPUT)
        places.add(place)


def write_file(path: Path, data: bytes) -> None:
    """Raises OutputNotWritable, DiskFull; then what was there before is there still."""
    from lipwright.media.write import whole_or_not

    with whole_or_not(path) as part:
        part.write_bytes(data)


def columns(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in plain text: columns as wide as what is in them, nothing at the end of a line."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = [[word.ljust(width) for word, width in zip(row, widths, strict=True)] for row in [heads, *rows]]
    return "\n".join("  ".join(line).rstrip() for line in lines)


def span_text(seconds: float) -> str:
    """A length of time at a glance: 0.4 s, 42 s, 3 min, 2 h 5 min, 4 d."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d"


def clock_time(seconds: float) -> str:
    """Minutes and seconds, such as 1:02.5."""
    minutes, tenths = divmod(round(10 * seconds), 600)
    return f"{minutes}:{tenths / 10:04.1f}"


def rate_text(fps: Fraction) -> str:
    """A frame rate as people write it: 25, 29.97."""
    return f"{float(fps):.3f}".rstrip("0").rstrip(".")
