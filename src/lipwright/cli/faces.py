"""`lipwright faces`: who is in the footage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lipwright.cli.screen import as_json, check_places, clock_time, progress_report, speaks_errors, write_file


@speaks_errors
def faces(
    video: Annotated[Path, typer.Argument(help="Footage, or a picture.", show_default=False)],
    contact_sheet: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Also write a picture of everyone, numbered.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the faces in VIDEO, with the ids that --face takes.

    It takes the place and time of each too, X,Y@SECONDS.
    """
    from lipwright import service

    check_places(contact_sheet, inputs=[video])
    with progress_report(is_quiet=json) as report:
        found = service.faces(video, progress=lambda done, total: report("study", done, total))
    if contact_sheet is not None:
        write_file(contact_sheet, service.faces_sheet(found))
    if json:
        typer.echo(as_json([face.as_dict() for face in found]))
        return
    if not found:
        typer.echo("No face was found.")
    for face in found:
        typer.echo(
            f"face {face.face_id}: {clock_time(float(face.first_s))} to {clock_time(float(face.last_s))}, "
            f"{face.n_frames} frames, at {face.pointer}, eyes {face.io_px:.0f} px apart, "
            f"{'talks' if face.is_talking else 'hardly talks'} ({face.talk:.2f})"
        )
    if contact_sheet is not None:
        typer.echo(f"contact sheet: {contact_sheet}")
