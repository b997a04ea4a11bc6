"""`lipwright evaluate`: how good is this video, whoever made it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from lipwright.cli.report import sheet_or_why
from lipwright.cli.screen import as_json, check_places, encodable, progress_report, speaks_errors, write_file


@speaks_errors
def evaluate(
    video: Annotated[Path, typer.Argument(help="A video in which somebody speaks.", show_default=False)],
    *,
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="VIDEO", help="The footage that it was made of, on the same time line.", show_default="none"
        ),
    ] = None,
    speech: Annotated[
        Path | None,
        typer.Option(metavar="AUDIO", help="What it shall say.", show_default="its own sound"),
    ] = None,
    face: Annotated[
        str,
        typer.Option(help="Whose lips: auto (who moves them with the sound), largest, an id, x,y or x,y@seconds."),
    ] = "auto",
    seconds: Annotated[
        float, typer.Option(min=0, help="Look at so much of a longer video, in stretches spread over it; 0: all of it.")
    ] = 120,
    report: Annotated[Path | None, typer.Option(metavar="FILE.json", help="Also write the report.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Also draw it as a page.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing unless it fails.")] = False,
) -> None:
    """Score a finished VIDEO, whoever made it. Beside it stand controls that must score worse."""
    from lipwright.service import reports
    from lipwright.service.evaluate import evaluate as evaluated

    check_places(report, html, inputs=[video, reference, speech])
    with progress_report(is_quiet=quiet) as watch:
        found = evaluated(
            video,
            reference=reference,
            speech=speech,
            face=face,
            budget_s=seconds,
            progress=lambda done, total: watch("measure", done, total),
        )
    if report is not None:
        write_file(report, (as_json(found) + "\n").encode())
    without = ""
    if html is not None:
        sheet, why = sheet_or_why(found)
        write_file(html, encodable(reports.page_of(found, sheet=sheet)).encode())
        without = f", without pictures of mouths{why}" if why else ""
    if not quiet:
        typer.echo(told(found))
        for what, where, but in (("report", report, ""), ("page", html, without)):
            if where is not None:
                typer.echo(f"  {what:<8} {where}{but}")


def told(report: Mapping[str, Any]) -> str:
    """A report in a few lines: the verdict, the figures, the controls, the spots."""
    looked = report["measurement"]
    lines = [f"{report['output']}: {report['verdict']['word']}. {report['verdict']['says']}"]
    if looked["state"] != "done":
        lines.append(f"  note     {looked['says']}")
    for speaker in report["speakers"]:
        if len(report["speakers"]) > 1:
            lines.append(f"  face     {speaker['face_id']}")
        figures: list[Mapping[str, Any]] = [*speaker["figures"], *report["figures"]]
        width = max((len(str(figure["name"])) for figure in figures), default=0)
        lines += [f"  {figure['verdict']:<8} {figure['name']:<{width}}  {figure['says']}" for figure in figures]
        lines += [f"  look     {flag['start_s']:.1f} s: {flag['says']}" for flag in speaker["flags"]]
    if report["controls"]:
        lines.append(_controls(report["controls"]))
    return "\n".join(lines)


def _controls(rows: Sequence[Mapping[str, Any]]) -> str:
    head = f"  {'':<16}{'offset':>10}{'confidence':>12}{'fit':>7}{'goes with speech':>18}{'closures':>10}"
    lines = [head]
    for row in rows:
        cells = (
            _cell(None if row["offset_ms"] is None else round(row["offset_ms"]), "{:+d} ms", 10),
            _cell(row["confidence"], "{:.2f}", 12),
            _cell(row["fit"], "{:.2f}", 7),
            _cell(row["follows"], "{:.2f}", 18),
            _cell(row["closures"], "{:.0%}", 10),
        )
        lines.append(f"  {row['name']:<16}{''.join(cells)}")
    return "\n".join(lines)


def _cell(value: float | None, text: str, width: int) -> str:
    return f"{'-' if value is None else text.format(value):>{width}}"
