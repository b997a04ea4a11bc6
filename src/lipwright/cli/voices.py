"""`lipwright voices`: who can speak, how they sound, and how to fetch them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lipwright.cli.say import choose_voices
from lipwright.cli.screen import as_json, clock_time, speaks_errors

if TYPE_CHECKING:
    from lipwright.voices import VoiceInfo

voices = typer.Typer(help="List voices, try them, fetch them.", no_args_is_help=True, rich_markup_mode=None)


@voices.command("list")
@speaks_errors
def list_voices(
    language: Annotated[
        str | None, typer.Option(help="Only those that speak it, such as de.", show_default="every language")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the speakers, and every voice in full."""
    from dataclasses import asdict

    from lipwright.service import speech

    options = choose_voices()
    notes: list[str] = []
    found = speech.list_voices(language, voice_options=options, notes=notes)
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    speakers = speech.list_speakers(voice_options=options)
    if json:
        typer.echo(as_json({"speakers": [asdict(one) for one in speakers], "voices": [asdict(one) for one in found]}))
        return
    typer.echo("Speakers, in any language (--voice takes the id or the name):")
    for one in speakers:
        typer.echo(f"  {one.id:<5} {one.name:<9} {one.gender if one.voice else 'chosen by the footage'}")
    _echo_voices("Ready to speak:", [voice for voice in found if voice.is_here])
    _echo_voices(
        "More natural, and to be fetched first (lipwright voices pull NAME):",
        [voice for voice in found if not voice.is_here],
    )
    typer.echo("\nBehind any espeak voice +VARIANT changes its timbre, such as espeak:de+f3 or espeak:+m7.")
    typer.echo("Hear one: lipwright voices sample NAME -o sample.wav")


def _echo_voices(title: str, found: Sequence[VoiceInfo]) -> None:
    if not found:
        return
    typer.echo(f"\n{title}")
    width = max(len(voice.name) for voice in found)
    for voice in found:
        about = [voice.title, *([] if voice.gender == "unknown" else [voice.gender])]
        licence = "" if voice.is_here or not voice.licence else f"  [{voice.licence}]"
        typer.echo(f"  {voice.name:<{width}}  {', '.join(about)}{licence}")


@voices.command()
@speaks_errors
def sample(
    voice: Annotated[str, typer.Argument(help="A speaker, or a name of `lipwright voices list`.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="A .wav file.", show_default=False)],
    language: Annotated[
        str | None, typer.Option(help="The language to say it in.", show_default="the voice's own")
    ] = None,
) -> None:
    """Let VOICE say a sentence, into a WAV file."""
    from lipwright.service import speech

    said = speech.sample(voice, output, language, voice_options=choose_voices())
    typer.echo(f"{output}: {said.voice}, {said.language}, {clock_time(float(said.clip.duration_s))}")


@voices.command()
@speaks_errors
def pull(
    name: Annotated[str, typer.Argument(help="A voice that is not here yet.", show_default=False)],
    sha256: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE=HASH", help="What a file must be whose hash is not recorded; repeatable.", show_default=False
        ),
    ] = None,
) -> None:
    """Fetch the files of a voice. They are taken only if they are what they should be."""
    from lipwright.cli.sync import parse_pairs
    from lipwright.service import speech

    given = parse_pairs(sha256 or [], "sha256", "FILE=HASH")
    for path in speech.pull(name, given, voice_options=choose_voices(), tell=lambda line: typer.echo(line, err=True)):
        typer.echo(f"{path}")
