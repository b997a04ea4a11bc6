"""`lipwright voices`: who can speak, how they sound, and how to fetch them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lipwright.cli.say import choose_voices
from lipwright.cli.screen import as_json, clock_time, speaks_errors

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
    found = speech.list_voices(language, voice_options=options)
    speakers = speech.list_speakers(voice_options=options)
    if json:
        typer.echo(as_json({"speakers": [asdict(one) for one in speakers], "voices": [asdict(one) for one in found]}))
        return
    typer.echo("Speakers (--voice takes the id or the name; any language):")
    for one in speakers:
        typer.echo(f"  {one.id:<5} {one.name:<9} {one.gender if one.voice else 'chosen by the footage'}")
    typer.echo("Voices:")
    for voice in found:
        there = "" if voice.is_here else f"  (fetch it: lipwright voices pull {voice.name})"
        gender = "" if voice.gender == "unknown" else f", {voice.gender}"
        typer.echo(f"  {voice.name:<36} {voice.title}{gender}{there}")
    typer.echo("Behind any espeak voice +VARIANT changes its timbre, such as espeak:de+f3 or espeak:+m7.")


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
    """Fetch the files of a voice, and check that they are what they should be."""
    from lipwright.cli.sync import parse_pairs
    from lipwright.service import speech

    given = parse_pairs(sha256 or [], "sha256", "FILE=HASH")
    for path in speech.pull(name, given, voice_options=choose_voices(), tell=lambda line: typer.echo(line, err=True)):
        typer.echo(f"{path}")
