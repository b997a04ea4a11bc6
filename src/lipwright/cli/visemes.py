"""`lipwright visemes`: mouth cues for game engines and rigs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from lipwright.cli.say import choose_voices
from lipwright.cli.screen import check_places, encodable, speaks_errors, write_file


@speaks_errors
def visemes(
    audio_or_text: Annotated[
        str, typer.Argument(help="A file with sound, a .txt file, or the words themselves.", show_default=False)
    ],
    file_format: Annotated[
        Literal["rhubarb-json", "rhubarb-tsv", "arkit-csv", "oculus15-json", "srt"],
        typer.Option("--format", help="What to write."),
    ] = "rhubarb-json",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", show_default="standard output")
    ] = None,
    voice: Annotated[str, typer.Option(help="Who says a text.")] = "auto",
    language: Annotated[str | None, typer.Option(help="The language of a text.", show_default="found out")] = None,
    fps: Annotated[int, typer.Option(min=1, max=240, help="Frames a second of arkit-csv and oculus15-json.")] = 60,
    speech: Annotated[
        Path | None, typer.Option(metavar="FILE.wav", help="Where the sound of a spoken text goes.")
    ] = None,
) -> None:
    """Write the mouth cues of a recording or a text. No video is needed."""
    from lipwright.service import speech as speaking

    check_places(output, speech, inputs=[speaking.path_of(audio_or_text)])
    content = speaking.visemes(
        audio_or_text,
        file_format,
        voice=voice,
        language=language,
        fps=fps,
        speech=speech,
        voice_options=choose_voices(),
    )
    if output is None:
        typer.echo(content, nl=False)
    else:
        write_file(output, encodable(content).encode())
        typer.echo(f"{output}: {file_format}")
