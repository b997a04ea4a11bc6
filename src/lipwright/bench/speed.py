"""How long a whole run takes, beside a plain decode and encode with the same settings, each in its own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from time import perf_counter
from typing import Any

import numpy as np

from lipwright.bench.clip import Clip, between
from lipwright.bench.page import Section
from lipwright.core.media import AudioClip

COLUMNS = [
    "cores", "run", "frames", "wall s", "frames/s", "CPU s", "CPU ratio", "wall ratio", "peak MB", "study", "listen",
    "render", "encode",
]  # fmt: skip
LIMIT_S = 1800.0
"""No run takes longer."""
N_TURNS = 2


def section() -> Section:
    return Section(
        "Speed and memory",
        "Whole runs in a process of their own, held to so many cores; plain is a PyAV decode and encode of the same "
        "frames with the same settings. They run in turns, and the cheaper of two runs of each counts: shared machines "
        "are slow at times. Ratios are over plain on as many cores; stages in seconds of wall clock.",
        COLUMNS,
        has_mean=False,  # of runs with us and without
    )


@dataclass
class Cost:
    wall_s: float
    cpu_s: float
    peak_mb: float
    told: dict[str, Any]


def why_not(clip: Clip) -> str:
    """Why a clip is left out."""
    if clip.speech is None:
        return "it has no sound that can be heard"
    return "" if clip.main else "no face is found"


def run(clip: Clip, out: Section, *, cores: tuple[int, ...] = (1, 2)) -> None:
    """Measure one clip with its own speech, as much of it as is looked at.

    Raises RuntimeError where a run fails or takes too long.
    """
    speech = clip.speech
    assert clip.info.video is not None
    assert speech is not None
    if clip.n_frames < clip.info.video.n_frames:
        speech = between(speech, 0.0, clip.at_s(clip.n_frames))
    available = sorted(os.sched_getaffinity(0))
    for n_cores in cores:
        if n_cores > len(available):
            continue
        held = set(available[:n_cores])
        with tempfile.TemporaryDirectory() as folder:
            sound, result, plain = (Path(folder) / name for name in ("speech.wav", "result.mp4", "plain.mp4"))
            _write_wav(sound, speech)
            turns: list[tuple[Cost, Cost]] = []
            for _ in range(N_TURNS):
                synced = _measure(
                    ["-m", "lipwright.bench.worker", "sync", str(clip.path), str(sound), str(result)], held
                )
                length = str(synced.told["n_frames"])
                copied = _measure(["-m", "lipwright.bench.worker", "plain", str(clip.path), str(plain), length], held)
                turns.append((synced, copied))
            synced, copied = (min(runs, key=lambda cost: cost.cpu_s) for runs in zip(*turns, strict=True))
            n = int(synced.told["n_frames"])
        for name, cost in (("sync", synced), ("plain", copied)):
            row: dict[str, Any] = {
                "clip": clip.name,
                "cores": n_cores,
                "run": name,
                "frames": n,
                "wall s": cost.wall_s,
                "frames/s": n / cost.wall_s,
                "CPU s": cost.cpu_s,
                "CPU ratio": cost.cpu_s / copied.cpu_s,
                "wall ratio": cost.wall_s / copied.wall_s,
                "peak MB": cost.peak_mb,
            }
            row |= {stage: s for stage, s in cost.told.get("stages_s", {}).items() if stage in COLUMNS}
            out.rows.append(row)


def _measure(command: list[str], cores: set[int]) -> Cost:
    start_s = perf_counter()
    # as the command line has it
    env = dict(os.environ) | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program is not compiled anew for each run
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
        process = subprocess.Popen(
            [sys.executable, *command],
            stdout=said,
            stderr=complained,
            env=env,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )
        limit = Timer(LIMIT_S, process.kill)
        limit.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        finally:
            limit.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        wall_s = perf_counter() - start_s
        said.seek(0)
        text = said.read().decode()
        complained.seek(0)
        last = complained.read().decode(errors="replace").strip().rpartition("\n")[2]
    if process.returncode:
        why = f"took longer than {LIMIT_S:g} s" if wall_s >= LIMIT_S else f"ended with {process.returncode}: {last}"
        raise RuntimeError(f"{' '.join(command)} {why}")
    told: dict[str, Any] = json.loads(text.strip().splitlines()[-1])
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, told)


def _write_wav(path: Path, clip: AudioClip) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(clip.rate_hz)
        file.writeframes((np.clip(clip.samples, -1, 1) * 32767).astype("<i2").tobytes())
