"""`lipwright study`: look at footage before anybody speaks."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lipwright.cli.screen import (
    EXIT_ERROR,
    as_json,
    error_line,
    exit_status,
    progress_report,
    span_text,
    speaks_errors,
)
from lipwright.core.errors import InvalidOption, LipwrightError

if TYPE_CHECKING:
    from lipwright.pipeline import Known


@speaks_errors
def study(
    videos: Annotated[list[Path], typer.Argument(metavar="VIDEO", help="Footage.", show_default=False)],
    cache: Annotated[
        Path | None,
        typer.Option("--cache", metavar="DIR", help="Keep it there.", show_default="~/.cache/lipwright/analysis"),
    ] = None,
    engine: Annotated[str | None, typer.Option(help="The way of moving lips.", show_default="rewrite")] = None,
    engine_option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="For the engine; repeatable.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="For decoding and tracking.", show_default="every core")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look at footage now: its next speech begins at once.

    What `say` and `sync` find out about footage (who is in it, their mouths, how they speak) they keep for the next
    speech; this finds it out for the first. Exit status 1 where it could not be kept. Footage that fails is told, and
    the others are looked at all the same.
    """
    from lipwright import service
    from lipwright.cli.sync import choose, choose_cache, parse_pairs
    from lipwright.pipeline import check_inputs

    pairs = parse_pairs(engine_option or [], "engine-option", "NAME=VALUE")
    options = choose({"engine": engine, "engine_options": pairs, "threads": threads})
    kept = choose_cache(cache)
    if kept is None:
        raise InvalidOption("cache", "", "name a folder by --cache DIR; the settings say that nothing is kept")
    found: list[Known] = []
    failed: dict[Path, LipwrightError] = {}

    @contextmanager
    def going_on(video: Path) -> Generator[None]:
        """What fails is told at once, and is not the end where there are others."""
        try:
            yield
        except LipwrightError as exc:
            if len(videos) == 1:
                raise
            failed[video] = exc
            typer.echo(f"{video}: {error_line(exc)}", err=True)

    for video in videos:  # a mistyped name is told now, not after minutes of the others
        with going_on(video):
            check_inputs(video)
    service.load_engine(options.engine)  # where there is none, that is told once
    for video in videos:
        if video in failed:
            continue
        with going_on(video):
            with progress_report(is_quiet=json) as report:
                known = service.study_with(options, video, kept, watch=report)
            found.append(known)
            if not json:
                typer.echo(told(video, known))
    if json:
        typer.echo(as_json([known.as_dict() for known in found]))
    if not all(known.is_kept for known in found):
        raise typer.Exit(EXIT_ERROR)
    if failed:
        raise typer.Exit(min(map(exit_status, failed.values())))


def told(video: Path, known: Known) -> str:
    """What was found out about footage, in a line and its notes."""
    faces = f"{known.n_faces} face{'' if known.n_faces == 1 else 's'}"
    sound = "its sound was heard" if known.has_sound else "it has no sound"
    done = "was known already" if known.is_recalled else f"looked at in {span_text(known.took_s)}"
    done += "" if known.is_kept else ", and not kept"
    lines = [f"{video}: {known.n_frames} frames, {faces}, {sound}; {done}"]
    return "\n".join([*lines, *(f"  note     {note}" for note in known.notes)])
