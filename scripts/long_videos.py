"""What rendering a long video in parts costs: python scripts/long_videos.py FOOTAGE SPEECH [--seconds 180] [--part 60]

The same result three times, each step in a child process as the service runs it: at once; in parts by one worker; in
parts by two. The footage is studied before, so that only what differs is measured. CPU seconds are those of the
children, starting their interpreters included.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from lipwright import media, sandbox
from lipwright.core.media import AudioClip
from lipwright.service.speech import write_wav

LIMITS = sandbox.Limits(cpu_s=36_000, wall_s=36_000, memory_bytes=8 << 30, file_bytes=8 << 30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("footage", type=Path)
    parser.add_argument("speech", type=Path)
    parser.add_argument("--seconds", type=int, default=180)
    parser.add_argument("--part", type=float, default=60)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="long-videos-") as name:
        folder = Path(name)
        speech = folder / "speech.wav"
        said = media.read_speech(given.speech)
        n_samples = given.seconds * said.rate_hz
        write_wav(speech, AudioClip(np.resize(said.samples, n_samples), said.rate_hz))
        short = folder / "short.wav"
        write_wav(short, AudioClip(said.samples[: 2 * said.rate_hz], said.rate_hz))
        asked = _asked(folder, given.footage, speech)
        _, study_s, _ = _timed(lambda: _call("render", {**asked, "audio": str(short)}))
        print(f"study, and 2 s of video: {study_s:.1f} s of CPU time", flush=True)

        report, once_s, once_wall_s = _timed(lambda: _call("render", asked))
        most_mb = max(report["memory_mb"].values())
        print(f"at once: {once_s:.1f} s of CPU time, {once_wall_s:.1f} s, {most_mb} MiB", flush=True)
        for n_workers in dict.fromkeys((1, given.workers)):
            done, cpu_s, wall_s = _timed(lambda n=n_workers: in_parts(asked, folder, given.part, n))
            more = 100 * (cpu_s / once_s - 1)
            part_mb = max(part["memory_mb"] for part in done["parts"])
            print(
                f"in {len(done['parts'])} parts by {n_workers}: {cpu_s:.1f} s of CPU time ({more:+.1f} %), "
                f"{wall_s:.1f} s ({wall_s / once_wall_s:.2f} times), {part_mb} MiB a part; "
                f"plan {done['plan_bytes'] / 1e6:.1f} MB",
                flush=True,
            )


def _asked(folder: Path, footage: Path, speech: Path) -> dict[str, Any]:
    return {
        "video": str(footage),
        "audio": str(speech),
        "output": str(folder / "whole.mp4"),
        "cache": str(folder / "cache"),
        "options": {"threads": 1},
        "text": None,
        "parts": None,
    }


def in_parts(asked: dict[str, Any], folder: Path, part_s: float, n_workers: int) -> dict[str, Any]:
    """The same result, by so many processes at a time."""
    plan = folder / "plan.npz"
    cut = _call("render", {**asked, "parts": {"over_s": 1, "part_s": part_s, "plan": str(plan)}})
    made = [folder / f"part{number}.mp4" for number in range(len(cut["parts"]))]

    def render(number: int) -> dict[str, Any]:
        arguments = {"plan": str(plan), "video": asked["video"], "number": number, "output": str(made[number])}
        return _call("part", arguments)

    with ThreadPoolExecutor(n_workers) as workers:
        told = list(workers.map(render, range(len(made))))
    joined = _call("join", {**asked, "plan": str(plan), "parts": [str(path) for path in made], "told": told})
    return {**joined, "plan_bytes": plan.stat().st_size}


def _call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return sandbox.call(f"lipwright.service.children:{name}", arguments, limits=LIMITS)


def _timed(work: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any], float, float]:
    before, start_s = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    done = work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done, cpu_s, perf_counter() - start_s


if __name__ == "__main__":
    main()
