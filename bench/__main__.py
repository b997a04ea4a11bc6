"""Measure everything over a folder of clips: `python -m bench --clips FOLDER --out out/bench`."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from lipwright.core.errors import LipwrightError

if TYPE_CHECKING:
    from bench import page, spoken
    from bench.clip import Clip

VIDEO = frozenset((".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".gif"))
SOUND = frozenset((".wav", ".flac", ".mp3", ".m4a", ".ogg", ".opus", ".aac"))
KINDS = ("oracle", "halves", "cross", "speed")


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}; all of them if none is named")
    parser.add_argument("--clips", type=Path, required=True, help="folder with footage, and recordings of speech")
    parser.add_argument("--out", type=Path, default=Path("out/bench"), help="folder for bench.html and bench.json")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="clips by name, without ending")
    parser.add_argument("--seconds", type=float, default=20.0, help="at most so much of each clip (default 20)")
    parser.add_argument("--speech-seconds", type=float, default=8.0, help="of another person's speech (default 8)")
    parser.add_argument(
        "--network", type=Path, help="halves: another articulation network, such as a fold's that never met the person"
    )
    args = parser.parse_args()
    kinds = args.kinds or list(KINDS)
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        parser.error(f"unknown kind {', '.join(unknown)}; known are {', '.join(KINDS)}")
    if not args.clips.is_dir():
        parser.error(f"{args.clips} is no folder")
    videos = [path for path in find(args.clips, VIDEO) if not args.only or path.stem in args.only]
    if not videos:
        parser.error(f"no video in {args.clips}")
    return measure(args, kinds, videos)


def measure(args: argparse.Namespace, kinds: list[str], videos: list[Path]) -> int:
    """All kinds over all videos; what is done so far is on the page at any time."""
    # mistakes on the command line are told before seconds go into loading the networks
    import cv2
    from rich.console import Console

    from bench import oracle, page, speed, spoken

    cv2.setNumThreads(1)
    console = Console(width=int(os.environ.get("COLUMNS", "200")))
    speeches = find(args.clips, SOUND)
    started_s = perf_counter()
    clips = [_clip(path, args.seconds) for path in videos]
    sections: list[page.Section] = []

    def each(section: page.Section, run: Callable[[Clip], None], fit: Callable[[Clip], bool]) -> None:
        sections.append(section)
        for clip in clips:
            began_s = perf_counter()
            try:
                if not fit(clip):
                    console.print(f"[dim]{section.title}: {clip.name} does not qualify[/dim]")
                    continue
                run(clip)
            except LipwrightError as error:
                section.rows.append({"clip": clip.name, "untouched": error.code})
            console.print(f"{section.title}: {clip.name} in {perf_counter() - began_s:.1f} s")
            page.write(sections, _facts(args), args.out)
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
    return 0


def find(folder: Path, endings: frozenset[str]) -> list[Path]:
    """Media files of a folder and the folders in it, by name."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in endings)


def _clip(path: Path, seconds: float) -> Clip:
    from bench.clip import Clip

    probe = Clip(path, 1)
    return Clip(path, max(2, int(seconds * probe.fps)))


def _same_person(speech: Path, clip: Clip) -> bool:
    return speech.stem.lower() == clip.name.lower()


def _n_pixels(clip: Clip) -> int:
    assert clip.info.video is not None
    return clip.info.video.width_px * clip.info.video.height_px


def _facts(args: Any) -> dict[str, Any]:
    return {
        "clips": Path(args.clips).name,
        "seconds": args.seconds,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
    }


if __name__ == "__main__":
    sys.exit(main())
