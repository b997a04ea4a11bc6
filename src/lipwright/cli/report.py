"""`lipwright report`: the report of a result as a page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from lipwright.cli.screen import check_places, encodable, speaks_errors, write_file
from lipwright.core.errors import InputError, InvalidOption, MediaNotFound


@speaks_errors
def report(
    told: Annotated[
        Path, typer.Argument(metavar="REPORT.json", help="As `--report` wrote it, or a service.", show_default=False)
    ],
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE.html", show_default="REPORT.html")
    ] = None,
    pictures: Annotated[
        bool, typer.Option(help="Show mouths before and after, where the videos are still where the report says.")
    ] = True,
) -> None:
    """Draw REPORT.json as one HTML file. It loads nothing from elsewhere."""
    from lipwright.service import reports

    found = read_report(told)
    where = told.with_suffix(".html") if output is None else output
    check_places(where, inputs=[told, *reports.files_of(found)])
    sheet, why = sheet_or_why(found) if pictures else (None, "")
    page = encodable(reports.page_of(found, sheet=sheet))
    write_file(where, page.encode())
    without = "" if sheet is not None else f", without pictures of mouths{why}"
    typer.echo(f"{where}: {len(page) / 1000:.0f} kB{without}")


def sheet_or_why(found: dict[str, Any]) -> tuple[bytes | None, str]:
    """Mouths before and after; or nothing, and why. Raises InvalidOption where the report is not whole."""
    from lipwright.service import reports

    try:
        return reports.sheet_of(found), ""
    except InvalidOption:
        raise
    except (InputError, OSError) as exc:
        # the media were replaced, damaged or closed to us since: the report is whole without them
        return None, f": {exc}"


def read_report(path: Path) -> dict[str, Any]:
    """Raises MediaNotFound, and InvalidOption where the file holds no report."""
    if not path.is_file():
        raise MediaNotFound(path)
    try:
        found = json.loads(path.read_bytes())
    except ValueError as exc:  # also what is no text
        raise InvalidOption("report", str(path), "it is no JSON") from exc
    if not isinstance(found, dict) or "report" not in found:
        raise InvalidOption("report", str(path), "it is no report; give a file that `--report` wrote")
    return {str(name): value for name, value in found.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
