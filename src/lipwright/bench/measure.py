"""Measure everything over a folder of clips: `lipwright bench FOLDER -o out/bench`."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, get_args

from lipwright.core.errors import InvalidOption, LipwrightError, MediaNotFound, NoVideo

if TYPE_CHECKING:
    from lipwright.bench import page, spoken
    from lipwright.bench.clip import Clip

VIDEO = frozenset((".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".gif"))
SOUND = frozenset((".wav", ".flac", ".mp3", ".m4a", ".ogg", ".opus", ".aac"))
PICTURE = frozenset((".png", ".jpg", ".jpeg", ".webp"))
Kind = Literal["oracle", "halves", "cross", "text", "speed"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Choice:
    """What is measured, and on what."""

    clips: Path
    """Folder with footage, and recordings of speech."""
    out: Path
    """Folder for bench.html and bench.json."""
    kinds: tuple[Kind, ...] = KINDS
    only: tuple[str, ...] = ()
    """Clips by name, without ending; all of them if empty."""
    seconds: float = 20.0
    """At most so much of each clip."""
    speech_seconds: float = 8.0
    """Of another person's speech."""
    network: Path | None = None
    """Halves: another articulation network than the shipped one."""
    sentences: int | None = None
    """Text: so many of the fifty."""


def measure(args: Choice) -> Path:
    """All kinds over all videos; what is done so far is on the page at any time. Returns the page.

    Text is said by still pictures too.
    Raises MediaNotFound where the folder does not exist, InvalidOption where it holds no clip of a name that is asked
    for, NoVideo where it holds no video (of these names).
    """
    if not args.clips.is_dir():
        raise MediaNotFound(args.clips)
    found = [find(args.clips, endings) for endings in (VIDEO, PICTURE)]
    names = {path.stem for paths in found for path in paths}
    for name in args.only:
        if name not in names:
            raise InvalidOption("only", name, f"{args.clips} holds no clip of this name")
    videos, stills = ([path for path in paths if not args.only or path.stem in args.only] for paths in found)
    if not videos and not (stills and args.kinds == ("text",)):
        raise NoVideo(args.clips)
    # mistakes on the command line are told before seconds go into loading the networks
    import cv2
    from rich.console import Console

    from lipwright.bench import oracle, page, speed, spoken, text

    kinds = args.kinds
    cv2.setNumThreads(1)
    console = Console(width=int(os.environ.get("COLUMNS", "200")))
    speeches = find(args.clips, SOUND)
    started_s = perf_counter()
    clips = [_clip(path, args.seconds) for path in videos]
    sections: list[page.Section] = []

    def one(section: page.Section, name: str, run: Callable[[], None], fit: Callable[[], bool] = lambda: True) -> None:
        began_s = perf_counter()
        try:
            if not fit():
                console.print(f"[dim]{section.title}: {name} does not qualify[/dim]")
                return
            run()
        except LipwrightError as error:
            section.rows.append({"clip": name, "untouched": error.code})
        console.print(f"{section.title}: {name} in {perf_counter() - began_s:.1f} s")
        page.write(sections, _facts(args), args.out)

    def each(section: page.Section, run: Callable[[Clip], None], fit: Callable[[Clip], bool]) -> None:
        sections.append(section)
        for clip in clips:
            one(section, clip.name, partial(run, clip), partial(fit, clip))
        page.show(section, console)

    if "oracle" in kinds:
        section = oracle.section()
        each(section, lambda clip: oracle.run(clip, section, args.out / "sheets"), oracle.is_fit)
    if "halves" in kinds:
        halves, control = spoken.half_section(), spoken.control_section()
        done: dict[str, spoken.Spoken] = {}

        def half(clip: Clip) -> None:
            result = spoken.run_half(clip, halves, args.out / "sheets", args.network)
            if result is not None:
                done[clip.name] = result

        each(halves, half, lambda clip: clip.speech is not None and oracle.is_fit(clip))
        names = list(done)
        for k, name in enumerate(names):
            other = done[names[k - 1]] if len(names) > 1 else None
            spoken.controls(next(c for c in clips if c.name == name), done[name], other, control)
        sections.append(control)
        page.show(control, console)
    if "cross" in kinds:
        cross = spoken.cross_section()
        numbered = {clip.name: k for k, clip in enumerate(clips)}

        def somebody_else(clip: Clip) -> None:
            others = [path for path in speeches if not _same_person(path, clip)]
            speech = others[(5 * numbered[clip.name]) % len(others)]
            spoken.run_cross(clip, speech, args.speech_seconds, cross, args.out / "sheets")

        each(cross, somebody_else, lambda clip: bool(speeches))
    if "text" in kinds:
        told = text.section()
        sections.append(told)
        for path in (*videos, *stills):
            one(told, path.stem, partial(text.run, path, told, args.out / "sheets", n_sentences=args.sentences))
        page.show(told, console)
    if "speed" in kinds:
        fast = speed.section()
        talking = [clip for clip in clips if clip.speech is not None]
        chosen = max(talking, key=_n_pixels, default=None)
        sections.append(fast)
        if chosen is not None and chosen.speech is not None:
            speed.run(chosen, chosen.speech, fast)
            page.show(fast, console)
    where = page.write(sections, _facts(args), args.out)
    console.print(f"{perf_counter() - started_s:.0f} s; {where}")
    return where


def find(folder: Path, endings: frozenset[str]) -> list[Path]:
    """Media files of a folder and the folders in it, by name."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in endings)


def _clip(path: Path, seconds: float) -> Clip:
    from lipwright.bench.clip import Clip

    probe = Clip(path, 1)
    return Clip(path, max(2, int(seconds * probe.fps)))


def _same_person(speech: Path, clip: Clip) -> bool:
    return speech.stem.lower() == clip.name.lower()


def _n_pixels(clip: Clip) -> int:
    assert clip.info.video is not None
    return clip.info.video.width_px * clip.info.video.height_px


def _facts(args: Choice) -> dict[str, Any]:
    return {
        "clips": args.clips.name,
        "seconds": args.seconds,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
    }
