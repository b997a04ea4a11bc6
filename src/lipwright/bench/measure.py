"""Measure everything over a folder of clips: `lipwright bench FOLDER -o out/bench`."""

from __future__ import annotations

import logging
import os
import platform
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, get_args

from lipwright.core.errors import InternalError, InvalidOption, LipwrightError, MediaNotFound, NoVideo

if TYPE_CHECKING:
    from rich.console import Console

    from lipwright.bench import page, spoken
    from lipwright.bench.clip import Clip

VIDEO = frozenset(
    (
        ".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv",
        ".mxf", ".3gp", ".ogv", ".gif", ".apng",
    )
)  # fmt: skip
SOUND = frozenset(
    (".wav", ".flac", ".mp3", ".m4a", ".ogg", ".oga", ".opus", ".aac", ".aif", ".aiff", ".wma", ".mka", ".caf")
)
PICTURE = frozenset((".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"))
"""Some of them move, and are footage then."""
_KNOWN_BY_CONTENT = PICTURE | {".apng", ".gif"}
Kind = Literal["oracle", "halves", "cross", "text", "speed"]
KINDS: tuple[Kind, ...] = get_args(Kind)

log = logging.getLogger(__name__)


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

    Text is said by still pictures too. What goes wrong with one clip is told on the page, and the others go on.
    Raises MediaNotFound where the folder does not exist, InvalidOption where it holds no clip of a name that is asked
    for, NoVideo where it holds no video (of these names), OutputNotWritable, DiskFull; and at the end InternalError
    where something broke.
    """
    if not args.clips.is_dir():
        raise MediaNotFound(args.clips)
    videos, stills, sounds = _found(args)
    names = {path.stem for path in (*videos, *stills)}
    for name in args.only:
        if name not in names:
            raise InvalidOption("only", name, f"{args.clips} holds no clip of this name")
    videos, stills = ([path for path in paths if not args.only or path.stem in args.only] for paths in (videos, stills))
    if not videos and not (stills and args.kinds == ("text",)):
        raise NoVideo(args.clips)
    # mistakes on the command line are told before seconds go into loading the networks
    import cv2
    from rich.console import Console

    from lipwright.bench import oracle, page, speed, spoken, text

    cv2.setNumThreads(1)
    started_s = perf_counter()
    # names of files are no markup
    bench = _Bench(args, Console(width=int(os.environ.get("COLUMNS", "200")), markup=False), _left_out())
    bench.write()
    labels = _labels(args.clips, [*videos, *stills])
    clips, speeches = bench.opened(videos, sounds, labels)
    sheets = args.out / "sheets"

    def each(section: page.Section, run: Callable[[Clip], object], why_not: Callable[[Clip], str]) -> None:
        bench.sections.append(section)
        for clip in clips:
            bench.one(section, clip.name, partial(run, clip), partial(why_not, clip))
        page.show(section, bench.console)

    if "oracle" in args.kinds:
        section = oracle.section()
        each(section, lambda clip: oracle.run(clip, section, sheets), oracle.why_not)
    if "halves" in args.kinds:
        halves, control = spoken.half_section(), spoken.control_section()
        done: list[tuple[Clip, spoken.Spoken]] = []
        each(
            halves,
            lambda clip: done.append((clip, spoken.run_half(clip, halves, sheets, args.network))),
            spoken.why_no_halves,
        )
        bench.sections.append(control)
        for k, (clip, result) in enumerate(done):
            other = done[k - 1][1] if len(done) > 1 else None
            bench.one(control, clip.name, partial(spoken.controls, clip, result, other, control))
        page.show(control, bench.console)
    if "cross" in args.kinds:
        cross = spoken.cross_section()
        numbered = {path: k for k, path in enumerate(videos)}

        def others(clip: Clip) -> list[Path]:
            return [path for path in speeches if path.stem.lower() != clip.path.stem.lower()]

        def somebody_else(clip: Clip) -> None:
            theirs = others(clip)
            speech = theirs[(5 * numbered[clip.path]) % len(theirs)]
            spoken.run_cross(clip, speech, args.speech_seconds, cross, sheets)

        each(cross, somebody_else, lambda clip: "" if others(clip) else "there is no recording of somebody else")
    if "text" in args.kinds:
        told = text.section()
        bench.sections.append(told)
        for path in (*(clip.path for clip in clips), *stills):
            name = labels[path]
            bench.one(told, name, partial(text.run, path, name, told, sheets, n_sentences=args.sentences))
        page.show(told, bench.console)
    if "speed" in args.kinds:
        fast = speed.section()
        bench.sections.append(fast)
        for clip in sorted(clips, key=_n_pixels, reverse=True):
            if bench.one(fast, clip.name, partial(speed.run, clip, fast), partial(speed.why_not, clip)):
                break
        page.show(fast, bench.console)
    if bench.left_out.rows:
        page.show(bench.left_out, bench.console)
    where = bench.write()
    bench.console.print(f"{perf_counter() - started_s:.0f} s; {where}")
    if bench.n_broken:
        error = InternalError()
        error.add_note(f"{where} says what broke ({bench.n_broken}).")
        raise error
    return where


@dataclass
class _Bench:
    """What was measured so far."""

    args: Choice
    console: Console
    left_out: page.Section
    sections: list[page.Section] = field(default_factory=list["page.Section"])
    n_broken: int = 0

    def opened(
        self, videos: Sequence[Path], sounds: Sequence[Path], labels: dict[Path, str]
    ) -> tuple[list[Clip], list[Path]]:
        """The videos that can be read, and all that can be said: videos without a picture too."""
        clips: list[Clip] = []
        speeches = list(sounds)

        def look(path: Path) -> None:
            clip = _clip(path, labels[path], self.args.seconds)
            if clip.info.video is not None:
                clips.append(clip)
            else:
                speeches.append(path)
                self.leave_out(clip.name, "all", "it has sound only, and is taken for a recording")

        for path in videos:
            self.one(self.left_out, labels[path], partial(look, path))
        return clips, sorted(speeches)

    def one(
        self, section: page.Section, name: str, run: Callable[[], object], why_not: Callable[[], str] = lambda: ""
    ) -> bool:
        """Run one measurement of one clip; whether it was begun. What it raises is a row. Raises as `write`."""
        began_s = perf_counter()
        is_begun = False
        try:
            why = why_not()
            if why:
                self.leave_out(name, section.title, why)
            else:
                is_begun = True
                run()
        except LipwrightError as error:
            self._fail(section, name, str(error), error.code)
        except Exception as error:  # whatever it is, hours of other clips shall not be lost by it
            log.exception("%s: %s broke", section.title, name)
            self.n_broken += 1
            self._fail(section, name, f"{type(error).__name__}: {error}", InternalError.code)
        if is_begun and section is not self.left_out:
            self.console.print(f"{section.title}: {name} in {perf_counter() - began_s:.1f} s")
        self.write()
        return is_begun

    def leave_out(self, name: str, kind: str, why: str) -> None:
        self.left_out.rows.append({"clip": name, "kind": kind, "why": why})
        self.console.print(f"{kind}: {name} is left out: {why}", style="dim")

    def write(self) -> Path:
        """All of it on the page. Raises OutputNotWritable, DiskFull."""
        from lipwright.bench import page
        from lipwright.media.write import explained

        try:
            sections = [*self.sections, *([self.left_out] if self.left_out.rows else [])]
            return page.write(sections, _facts(self.args), self.args.out)
        except OSError as exc:
            raise explained(self.args.out, exc) from exc

    def _fail(self, section: page.Section, name: str, note: str, code: str) -> None:
        if section is self.left_out:
            self.leave_out(name, "all", note)
        else:
            section.rows.append({"clip": name, "untouched": code, "note": note})
            self.console.print(f"{section.title}: {name}: {note}")


def _left_out() -> page.Section:
    from lipwright.bench import page

    return page.Section(
        "Left out", "Clips of which some kinds, or all, have nothing to measure.", ["kind", "why"], has_mean=False
    )


def _found(args: Choice) -> tuple[list[Path], list[Path], list[Path]]:
    """Footage, still pictures and recordings of the folder, without the sheets of an earlier run in it."""
    from lipwright.portrait.picture import is_picture

    sheets = (args.out / "sheets").resolve()
    there = [
        [path for path in find(args.clips, endings) if sheets not in path.resolve().parents]
        for endings in (VIDEO | PICTURE, SOUND)
    ]
    stills = [path for path in there[0] if path.suffix.lower() in _KNOWN_BY_CONTENT and is_picture(path)]
    videos = [path for path in there[0] if path not in set(stills)]
    return videos, stills, there[1]


def find(folder: Path, endings: frozenset[str]) -> list[Path]:
    """Media files of a folder and the folders in it, by name; hidden ones are nobody's footage."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in endings
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _labels(folder: Path, paths: Iterable[Path]) -> dict[Path, str]:
    """What each is called: by its name, or by its place in the folder where others have the same name."""
    from lipwright.bench.clip import shown_name

    paths = list(paths)
    n = Counter(shown_name(path.stem).casefold() for path in paths)
    labels: dict[Path, str] = {}
    for path in paths:
        label = shown_name(path.stem)
        if n[label.casefold()] > 1:
            label = shown_name(str(path.relative_to(folder)))
        while label in labels.values():  # bytes that are no text look alike
            label += "'"
        labels[path] = label
    return labels


def _clip(path: Path, label: str, seconds: float) -> Clip:
    from lipwright.bench.clip import Clip

    whole = Clip(path, 1, label)
    video = whole.info.video
    if video is None:
        return whole
    n = int(seconds * video.fps)
    if video.times_s:
        n = sum(whole.at_s(k + 1) <= seconds for k in range(video.n_frames))
    return Clip(path, max(2, n), label)


def _n_pixels(clip: Clip) -> int:
    assert clip.info.video is not None
    return clip.info.video.width_px * clip.info.video.height_px


def _facts(args: Choice) -> dict[str, Any]:
    from lipwright.bench.clip import shown_name

    return {
        "clips": shown_name(args.clips.name),
        "seconds": args.seconds,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
    }
