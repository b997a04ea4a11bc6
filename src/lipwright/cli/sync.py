"""`lipwright sync`: make the footage say the recording."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from lipwright.cli.screen import (
    Report,
    already_written,
    as_json,
    check_places,
    clock_time,
    progress_report,
    rate_text,
    speaks_errors,
    write_file,
)
from lipwright.core.errors import InputError, InvalidOption, NoAudio, NoVideo
from lipwright.core.options import Codec, EncoderChoice, Look, Preset, SyncOptions, WhenLong, WhenShort
from lipwright.report.words import STATES

if TYPE_CHECKING:
    from lipwright.cache import Cache
    from lipwright.pipeline import SyncResult
    from lipwright.service.reports import Measuring

_DEFAULT = SyncOptions()
_MOUTHS: Final = {
    "retrieved": "mouths from other moments of the footage",
    "own-lips": "its own lips, moved, and the inside drawn",
    "untouched": "nothing changed",
}


@speaks_errors
def sync(
    video: Annotated[Path, typer.Argument(help="Footage, or a portrait, of a face.", show_default=False)],
    audio: Annotated[
        Path | None,
        typer.Argument(
            help="What it shall say: any file with sound. May be left out with --assign.", show_default=False
        ),
    ] = None,
    *,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Where the result goes: .mp4, .mov, .mkv or .webm.", show_default=False),
    ],
    face: Annotated[
        str,
        typer.Option(
            help="Who speaks: auto (who moves the lips with the footage's own sound, else the largest), largest, an id "
            "from `lipwright faces`, or a point x,y or x,y@seconds."
        ),
    ] = _DEFAULT.face,
    assign: Annotated[
        list[str] | None,
        typer.Option(metavar="FACE=AUDIO", help="Give another face a speech of its own; repeatable."),
    ] = None,
    intensity: Annotated[
        float | None,
        typer.Option(
            help="How far the mouth moves, 0.5 to 1.5.",
            show_default=f"{_DEFAULT.intensity:g}",
        ),
    ] = None,
    engine: Annotated[str | None, typer.Option(help="The way of moving lips.", show_default=_DEFAULT.engine)] = None,
    engine_option: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="For the engine; repeatable."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="For engines that draw at random.", show_default=f"{_DEFAULT.seed}"),
    ] = None,
    still: Annotated[
        bool, typer.Option("--still", help="A still picture moves only its mouth: no blinks, no breath.")
    ] = False,
    when_short: Annotated[
        WhenShort | None,
        typer.Option(
            help="Footage shorter than the speech: end with it, start again, turn round, hold the last frame, or "
            "slow down.",
            show_default=_DEFAULT.when_short,
        ),
    ] = None,
    when_long: Annotated[
        WhenLong | None,
        typer.Option(
            help="Footage longer than the speech: end with the speech, or keep the rest, in which the mouth rests "
            "(with the footage's own sound: goes on as it was).",
            show_default=_DEFAULT.when_long,
        ),
    ] = None,
    look: Annotated[
        Look | None,
        typer.Option(
            help="Footage longer than the speech: look at what is shown and at least 20 s, or at all of it, which "
            "takes longer and gives more mouths to choose from.",
            show_default=_DEFAULT.look,
        ),
    ] = None,
    keep_original_audio: Annotated[
        float | None,
        typer.Option(
            metavar="DB",
            help="Mix in the footage's own sound at this gain, such as -12.",
            show_default="left out",
        ),
    ] = None,
    crf: Annotated[
        float | None,
        typer.Option(
            help="Picture quality, 0 to 51: smaller is better, and larger on disk.",
            show_default=f"{_DEFAULT.crf:g}",
        ),
    ] = None,
    preset: Annotated[
        Preset | None,
        typer.Option(help="Effort of the encoder.", metavar="NAME", show_default=_DEFAULT.preset),
    ] = None,
    codec: Annotated[
        Codec | None,
        typer.Option(
            help="Of the picture; auto is what most players of the output's kind show, with nothing of it lost.",
            show_default=_DEFAULT.codec,
        ),
    ] = None,
    encoder: Annotated[
        EncoderChoice | None,
        typer.Option(
            help="A program, the machine's hardware, or hardware where it works and loses nothing (auto).",
            show_default=_DEFAULT.encoder,
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(help="For decoding and encoding.", show_default="every core"),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(help="Replace an output that exists; it stays until the new one is whole."),
    ] = True,
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
    """Make the face in VIDEO say AUDIO. With --assign, several faces say a speech each."""
    given = {
        "face": face, "intensity": intensity, "engine": engine, "seed": seed, "still": still, "when_short": when_short,
        "when_long": when_long, "look": look, "keep_original_db": keep_original_audio, "crf": crf, "preset": preset,
        "codec": codec, "encoder": encoder, "threads": threads,
        "engine_options": parse_pairs(engine_option or [], "engine-option", "NAME=VALUE"),
    }  # fmt: skip
    options = choose(given)
    speeches = {face: Path(path) for face, path in parse_pairs(assign or [], "assign", "FACE=AUDIO").items()}
    kept = None if no_cache else choose_cache(cache, is_quiet=quiet)
    from lipwright import service

    told: dict[str, Any] | None = None
    with progress_report(is_quiet=quiet) as watch, hint_at_swapped(video, audio):
        check_places(output, report, inputs=[video, audio, *speeches.values()], may_replace=overwrite)
        result = service.sync_with(
            options, video, audio, output, assign=speeches, cache=kept, watch=watch, may_replace=overwrite
        )
        if report is not None:
            from lipwright.service import reports

            with already_written([output]):
                told = reports.report_of(result, measuring=measuring(watch) if measure else None)
                write_file(report, (as_json(told) + "\n").encode())
    if not quiet:
        typer.echo(summary(result))
        if report is not None and told is not None:
            typer.echo(report_line(report, told))


@contextmanager
def hint_at_swapped(video: Path, audio: Path | None) -> Generator[None]:
    """Footage given as speech, and speech as footage: the error says how it is meant."""
    try:
        yield
    except (NoVideo, NoAudio) as exc:
        if audio is not None and not _has_pictures(video) and _has_pictures(audio):
            exc.add_note("Is it the other way round? The footage comes first, then the speech.")
        raise


def _has_pictures(path: Path) -> bool:
    from lipwright import service

    try:
        return service.probe(path).video is not None
    except InputError:
        return False


def measuring(watch: Report) -> Measuring:
    """A result is looked at again, and the progress of it is shown."""
    from lipwright.service.reports import Measuring

    return Measuring(progress=lambda done, total: watch("measure", done, total))


def choose(given: dict[str, Any]) -> SyncOptions:
    """What was given on the command line, else the environment's settings. Raises InvalidOption."""
    from lipwright.config import read_settings

    settings = read_settings().model_dump()
    return SyncOptions(**{**settings, **{name: value for name, value in given.items() if value is not None}})


def choose_cache(folder: Path | None, *, is_quiet: bool = False) -> Cache | None:
    """The folder that was given, else the environment's; None where nothing is kept. Raises InvalidOption.

    Who has no home, and asked for no other folder, keeps nothing, and is told.
    """
    from lipwright.cache import Cache
    from lipwright.config import read_cache_settings

    settings = read_cache_settings(cache=None if folder is None else str(folder))
    try:
        place = settings.folder
    except InvalidOption as exc:
        if "cache" in settings.model_fields_set:
            raise
        if not is_quiet:
            typer.echo(f"note: nothing is kept for the next speech. {exc}", err=True)
        return None
    return None if place is None else Cache(place, max_bytes=settings.cache_bytes)


def parse_pairs(texts: list[str], option: str, form: str) -> dict[str, str]:
    """{name: value} of texts such as "NAME=VALUE". Raises InvalidOption."""
    pairs: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name or not value:
            raise InvalidOption(option, text, f"write it as {form}")
        if name in pairs:
            raise InvalidOption(option, text, f"{name} is given twice")
        pairs[name] = value
    return pairs


def report_line(path: Path, report: Mapping[str, Any]) -> str:
    """Where the report went, how good the result is, and what can be done with it."""
    verdict = "" if report["measurement"]["state"] == "skipped" else f"{report['verdict']['says']} "
    return f"  report   {path}: {verdict}As a page: lipwright report {path}"


def summary(result: SyncResult) -> str:
    """What was made, in a few lines."""
    stages = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in result.stages_s.items() if seconds >= 0.05)
    varies = len({after - before for before, after in pairwise(result.plan.times_s)}) > 1
    rate = f"{rate_text(result.n_frames / result.duration_s)} frames/s on average (varies)" if varies else ""
    size = f"{result.width_px}x{result.height_px}, {rate or f'{rate_text(result.fps)} frames/s'}"
    lines = [f"{result.output}: {size}, {clock_time(float(result.duration_s))} ({result.n_frames} frames)"]
    for speaker in result.speakers:
        render = speaker.render
        n_through = sum(render.untouched.values())
        left = f", {n_through} left as they were" if n_through else ""
        mouths = _MOUTHS.get(render.mode, render.mode)
        says = f" says {speaker.audio.name}" if len(result.speakers) > 1 else ""
        lines += [
            f"  mouth    face {render.face_id} ({speaker.why}){says}: {mouths}, engine {render.engine}",
            f"  frames   {render.n_edited} with new lips{left}",
            *(
                f"           {n}: {STATES.get(reason, reason)}"
                for reason, n in sorted(render.untouched.items(), key=lambda item: -item[1])
            ),
        ]
    lines += [
        f"  picture  {result.codec}, by {result.encoder}",
        f"  sound    {result.audio}",
        *_footage(result),
        f"  time     {result.took_s:.1f} s, {result.realtime_factor:.1f} s for each second of video ({stages})",
        *(f"  note     {note}" for note in result.notes),
    ]
    return "\n".join(lines)


def _footage(result: SyncResult) -> list[str]:
    """How much of it was looked at, where that was not all of it now."""
    if result.is_recalled:
        return ["  footage  known from an earlier run: it was not looked at again"]
    if result.looked_s < result.source_s:
        looked = f"{float(result.looked_s):.1f} of {float(result.source_s):.1f} s"
        return [f"  footage  {looked} were looked at, enough for this speech (--look all: all of it)"]
    return []
