"""`lipwright demo`: see it work, on the bundled sample and, where there is some, on real footage."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from lipwright.cli.screen import already_written, progress_report, speaks_errors, write_file
from lipwright.cli.sync import summary
from lipwright.core.errors import OutputNotWritable
from lipwright.core.options import SyncOptions

_REAL = ("vr_2", "video/vr_2.mp4", "speech/ls_demo1.flac")
"""Name, footage and another person's speech, within the folder of clips."""


@speaks_errors
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder for the results; made if missing.")] = Path(
        "out/demo"
    ),
    clips: Annotated[
        Path | None, typer.Option(help="A folder of real footage, as the developers have it; left out if missing.")
    ] = None,
) -> None:
    """Make a sample video and a still portrait speak. Sheets of the mouths: source above, result below."""
    start_s = perf_counter()
    from lipwright import service
    from lipwright.demo import picture_path, speech_path, video_path

    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise OutputNotWritable(output, (exc.strerror or "it cannot be made").lower()) from exc
    jobs = [("portrait", video_path(), speech_path()), ("still-portrait", picture_path(), speech_path())]
    name, footage, speech = _REAL
    if clips is not None and (clips / footage).is_file() and (clips / speech).is_file():
        jobs.append((name, clips / footage, clips / speech))
    written: list[Path] = []
    with already_written(written):
        for name, video, audio in jobs:
            with progress_report() as watch:
                result = service.sync_with(SyncOptions(), video, audio, output / f"{name}.mp4", watch=watch)
            written.append(result.output)
            sheet = output / f"{name}-mouths.png"
            write_file(sheet, service.mouths_sheet(result, video))
            written.append(sheet)
            typer.echo(summary(result))
            typer.echo(f"  sheet    {sheet}")
    typer.echo(f"\nDone in {perf_counter() - start_s:.1f} s. Look at the results in {output.resolve()}. Then try:")
    typer.echo("  lipwright sync YOUR_VIDEO.mp4 YOUR_SPEECH.wav -o out.mp4")
    typer.echo("  lipwright sync YOUR_PICTURE.jpg YOUR_SPEECH.wav -o out.mp4")
    typer.echo("  lipwright faces YOUR_VIDEO.mp4 --contact-sheet faces.png")
