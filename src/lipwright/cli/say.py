"""`lipwright say`: make the footage say a text."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from lipwright.cli.screen import already_written, as_json, check_places, progress_report, speaks_errors, write_file
from lipwright.cli.sync import choose, choose_cache, measuring, report_line, summary
from lipwright.core.errors import InvalidOption, TextTooLong
from lipwright.core.options import Codec, EncoderChoice, Look, Preset, SyncOptions, VoiceOptions, WhenLong, WhenShort

_DEFAULT = SyncOptions()


@speaks_errors
def say(
    video: Annotated[Path, typer.Argument(help="Footage, or a portrait, of a face.", show_default=False)],
    text: Annotated[
        str | None, typer.Argument(help="What it shall say. May be left out with --text-file.", show_default=False)
    ] = None,
    *,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Where the result goes: .mp4, .mov, .mkv or .webm.", show_default=False),
    ],
    text_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Read the text from a file instead (UTF-8).")
    ] = None,
    voice: Annotated[
        str, typer.Option(help="Who speaks: auto, a speaker such as Harper or 7, or a name of `lipwright voices list`.")
    ] = "auto",
    language: Annotated[
        str | None, typer.Option(help="The text's language, such as en or pt-BR.", show_default="found out")
    ] = None,
    speed: Annotated[float, typer.Option(help="How fast, 0.5 to 2.")] = 1.0,
    pitch: Annotated[float, typer.Option(help="How much higher, in semitones, -12 to 12.")] = 0.0,
    ssml: Annotated[bool, typer.Option("--ssml", help="The text is SSML: a whole <speak> document.")] = False,
    subtitles: Annotated[
        bool, typer.Option("--subtitles", help="Also write OUTPUT.srt and OUTPUT.vtt with the sentences' times.")
    ] = False,
    face: Annotated[
        str,
        typer.Option(
            help="Who in the footage says it: auto, largest, an id from `lipwright faces`, or x,y or x,y@seconds."
        ),
    ] = _DEFAULT.face,
    intensity: Annotated[
        float | None, typer.Option(help="How far the mouth moves, 0.5 to 1.5.", show_default=f"{_DEFAULT.intensity:g}")
    ] = None,
    engine: Annotated[str | None, typer.Option(help="The way of moving lips.", show_default=_DEFAULT.engine)] = None,
    seed: Annotated[
        int | None, typer.Option(help="For engines that draw at random.", show_default=f"{_DEFAULT.seed}")
    ] = None,
    still: Annotated[
        bool, typer.Option("--still", help="A still picture moves only its mouth: no blinks, no breath.")
    ] = False,
    when_short: Annotated[
        WhenShort | None,
        typer.Option(help="Footage shorter than the speech: as in `sync`.", show_default=_DEFAULT.when_short),
    ] = None,
    when_long: Annotated[
        WhenLong | None,
        typer.Option(help="Footage longer than the speech: as in `sync`.", show_default=_DEFAULT.when_long),
    ] = None,
    look: Annotated[
        Look | None,
        typer.Option(
            help="Footage longer than the speech: as in `sync`, and at least 4 s.", show_default=_DEFAULT.look
        ),
    ] = None,
    keep_original_audio: Annotated[
        float | None,
        typer.Option(metavar="DB", help="Mix in the footage's own sound at this gain.", show_default="left out"),
    ] = None,
    crf: Annotated[
        float | None, typer.Option(help="Picture quality, 0 to 51.", show_default=f"{_DEFAULT.crf:g}")
    ] = None,
    preset: Annotated[
        Preset | None, typer.Option(help="Effort of the encoder.", metavar="NAME", show_default=_DEFAULT.preset)
    ] = None,
    codec: Annotated[
        Codec | None, typer.Option(help="Of the picture: as in `sync`.", show_default=_DEFAULT.codec)
    ] = None,
    encoder: Annotated[
        EncoderChoice | None,
        typer.Option(help="A program, or the machine's hardware: as in `sync`.", show_default=_DEFAULT.encoder),
    ] = None,
    threads: Annotated[int | None, typer.Option(help="For decoding and encoding.", show_default="every core")] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace an output that exists.")] = True,
    cache: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keep there what is found out about the footage, for its next speech.",
            show_default="~/.cache/lipwright/analysis",
        ),
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Keep nothing, and use nothing that was kept.")] = False,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="Also write what was done, and how good it is, as JSON."),
    ] = None,
    measure: Annotated[
        bool, typer.Option(help="Look at the result again for the report: up to 20 s of it, spread over it.")
    ] = True,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing unless it fails.")] = False,
) -> None:
    """Make the face in VIDEO say TEXT."""
    given = {
        "face": face, "intensity": intensity, "engine": engine, "seed": seed, "still": still,
        "when_short": when_short, "when_long": when_long, "look": look,
        "keep_original_db": keep_original_audio, "crf": crf, "preset": preset,
        "codec": codec, "encoder": encoder, "threads": threads,
    }  # fmt: skip
    options = choose(given)
    voice_options = choose_voices()
    said = words(text, text_file, voice_options)
    kept = None if no_cache else choose_cache(cache, is_quiet=quiet)
    from lipwright.service import speech

    told: dict[str, Any] | None = None
    with progress_report(is_quiet=quiet) as watch:
        captions = speech.captions_of(output) if subtitles else []
        check_places(output, *captions, report, inputs=[video, text_file], may_replace=overwrite)
        made = speech.say_with(
            options,
            video,
            said,
            output,
            voice=voice,
            language=language,
            speed=speed,
            pitch=pitch,
            is_ssml=ssml,
            subtitles=subtitles,
            voice_options=voice_options,
            cache=kept,
            watch=watch,
            may_replace=overwrite,
        )
        if report is not None:
            with already_written([output, *made.subtitles]):
                told = speech.report_of(made, measuring=measuring(watch) if measure else None)
                write_file(report, (as_json(told) + "\n").encode())
    if not quiet:
        typer.echo(summary(made.result))
        typer.echo(f"  voice    {made.utterance.voice}, language {made.utterance.language}")
        if report is not None and told is not None:
            typer.echo(report_line(report, told))
        for path in made.subtitles:
            typer.echo(f"  captions {path}")
        for note in made.utterance.notes:
            typer.echo(f"  note     {note}")


def choose_voices() -> VoiceOptions:
    """What the environment says about voices. Raises InvalidOption."""
    from lipwright.config import read_voice_settings

    return read_voice_settings().options


def words(text: str | None, text_file: Path | None, options: VoiceOptions) -> str:
    """The text that was given, or that of the file. Raises InvalidOption, MediaNotFound, TextTooLong,
    UnreadableMedia.
    """
    if (text is None) == (text_file is None):
        raise InvalidOption("text", text, "give either a text or --text-file")
    if text is not None:
        _check_is_text(text)
        return text
    assert text_file is not None
    from lipwright.pipeline import check_inputs

    check_inputs(text_file)
    n_bytes = text_file.stat().st_size
    if n_bytes > 4 * options.max_chars + 4:  # a letter takes four bytes at most: this file is not even read
        raise TextTooLong(n_chars=n_bytes // 4, limit=options.max_chars)
    from lipwright.service.speech import read_text

    return read_text(text_file, "text-file")


def _check_is_text(text: str) -> None:
    """A video that says the name of a file is what nobody means. Raises InvalidOption."""
    has_space = any(letter.isspace() for letter in text)
    if not text or (has_space and not Path(text).suffix):  # a sentence is meant, whatever lies about
        return
    try:
        is_file = Path(text).is_file()
    except (OSError, ValueError):  # no file can have this name: it is too long, or has a NUL
        return
    if is_file:
        reason = f"it is the name of a file; give `--text-file {quote(text)}` to have it read"
        raise InvalidOption("text", text, f"{reason}, or `lipwright sync` for a recording")
