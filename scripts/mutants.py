"""Break each guard on purpose, and see that a test fails for it.

    python scripts/mutants.py            all of them; exit 1 if one lives
    python scripts/mutants.py closure    those whose name holds a word

Each mutant is one replaced piece of text in a copy of the package; the tests named beside it run against the copy.
A mutant whose text is not found any more is an error: it guards nothing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENGINE = "engines/rewrite"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A guard, and how it is broken."""

    name: str
    path: str
    """Below src/lipwright."""
    old: str
    new: str
    tests: tuple[str, ...]


MUTANTS = (
    Mutant(
        "closure off: lips that must touch stay apart",
        f"{ENGINE}/target.py",
        "shut = np.maximum(smoothstep((_APART_IO - gaps.max(1)) / (_APART_IO - _MEET_IO)), closure)",
        "shut = np.zeros_like(closure)",
        ("tests/engines/test_target.py",),
    ),
    Mutant(
        "closure off in the plan",
        "articulation/plan.py",
        "closure = closure_strength(heard) if facts is None else facts.closure",
        "closure = np.zeros(n)",
        ("tests/articulation/test_plan.py",),
    ),
    Mutant(
        "lips may cross",
        f"{ENGINE}/target.py",
        "_change_gaps(shapes, np.maximum(gaps, 0) * (1 - shut[:, None]) - pressed - gaps)",
        "_change_gaps(shapes, gaps * (1 - shut[:, None]) - pressed - gaps)",
        ("tests/engines/test_target.py",),
    ),
    Mutant(
        "lips that must touch only just meet",
        f"{ENGINE}/target.py",
        "- pressed - gaps)",
        "- gaps)",
        ("tests/engines/test_target.py",),
    ),
    Mutant(
        "the footage's own sound is heard again each time",
        "articulation/recall.py",
        "if (kept := _kept(cache, key)) is not None:",
        "if (kept := _kept(cache, key)) is not None and not keys:",
        ("tests/articulation/test_heard_once.py",),
    ),
    Mutant(
        "footage whose frames are not those that were promised is not looked at whole",
        "engines/enough.py",
        "or not self.is_sound(seen_s)",
        "or (not self.is_sound(seen_s) and not people)",
        ("tests/engines/test_enough.py",),
    ),
    Mutant(
        "the beginning of footage is taken for enough of it",
        "engines/recall.py",
        "enough.is_reached(recalled.seen_s, recalled.people)",
        "bool(recalled.people)",
        ("tests/engines/test_enough.py",),
    ),
    Mutant(
        "lead off: mouths are read smaller than asked",
        f"{ENGINE}/target.py",
        "out[..., :2] += gaussian_over_frames(ahead, _LEAD_FRAMES)",
        "out[..., :2] += 0 * ahead",
        ("tests/engines/test_target.py",),
    ),
    Mutant(
        "lead opens lips that must touch",
        f"{ENGINE}/target.py",
        "_change_gaps(out, gaps * (1 + share[:, None]) - led)",
        "pass",
        ("tests/engines/test_target.py",),
    ),
    Mutant(
        "gaps are read smaller than asked",
        f"{ENGINE}/target.py",
        "_LEAD_GAP = 0.13",
        "_LEAD_GAP = 0.0",
        ("tests/engines/test_target.py",),
    ),
    Mutant(
        "nobody's way of speaking is learned",
        "articulation/adaptation.py",
        "    weights = _unexplained(inputs, moved / spread - inputs[:, :N_SHAPE], people)\n",
        "    weights = np.zeros((inputs.shape[1], N_SHAPE))\n",
        ("tests/articulation/test_adaptation.py",),
    ),
    Mutant(
        "it is learned from lips that do not belong to the sound",
        "articulation/adaptation.py",
        "not sync.speaks or sync.confidence < SURE or ",
        "",
        ("tests/articulation/test_adaptation.py",),
    ),
    Mutant(
        "sound and lips are learned from out of step",
        "articulation/adaptation.py",
        "/ TICK_RATE_HZ + sync.offset_s",
        "/ TICK_RATE_HZ",
        ("tests/articulation/test_adaptation.py",),
    ),
    Mutant(
        "teeth end where a lip lay on them",
        f"{ENGINE}/interior.py",
        "    grown = np.maximum(grown, cv2.dilate(firm, rising))\n",
        "",
        ("tests/engines/test_interior.py",),
    ),
    Mutant(
        "mask shrunk: the old lips show beside the new ones",
        f"{ENGINE}/patch.py",
        "DILATION_IO = 0.13",
        "DILATION_IO = -0.02",
        ("tests/engines/test_patch.py",),
    ),
    Mutant(
        "mask grown over the cheeks",
        f"{ENGINE}/patch.py",
        "DILATION_IO = 0.13",
        "DILATION_IO = 0.40",
        ("tests/engines/test_patch.py",),
    ),
    Mutant(
        "membrane off: a donor in other light shows its edge",
        f"{ENGINE}/patch.py",
        "_add_membrane(overs, unders, ring, cell_px=max(1, int(io_px / 24)))",
        "pass",
        ("tests/engines/test_patch.py",),
    ),
    Mutant(
        "lips from light of another colour keep its shade",
        f"{ENGINE}/patch.py",
        "    if away > _CAST_FROM:\n",
        "    if away > 9:\n",
        ("tests/engines/test_patch.py",),
    ),
    Mutant(
        "teeth stay beige in blue light",
        f"{ENGINE}/interior.py",
        "light = np.maximum(skin / usual, _LEAST_LIGHT) ** _WITHIN",
        "light = np.ones(3)",
        ("tests/engines/test_interior.py",),
    ),
    Mutant(
        "a profile is driven like a face",
        f"{ENGINE}/guards.py",
        "blocked = (strength <= 0) | occluded",
        "strength, blocked = np.ones(n), occluded",
        ("tests/engines/test_guards.py",),
    ),
    Mutant(
        "a hand before the mouth is painted over",
        f"{ENGINE}/guards.py",
        "blocked = (strength <= 0) | occluded",
        "blocked = strength <= 0",
        ("tests/engines/test_guards.py",),
    ),
    Mutant(
        "faceless frames dropped",
        f"{ENGINE}/engine.py",
        "                frame.time_s = plan.times_s[k]\n                yield frame\n",
        "                frame.time_s = plan.times_s[k]\n                if n is None and rows[k] < 0:\n"
        "                    continue\n                yield frame\n",
        ("tests/engines/test_rewrite.py",),
    ),
    Mutant(
        "frame rate rounded to a whole number",
        "media/write.py",
        "return VFR_CLOCK if video.is_vfr else 1 / video.fps",
        "return VFR_CLOCK if video.is_vfr else Fraction(1, round(video.fps))",
        ("tests/media/test_write.py",),
    ),
    Mutant(
        "frames planned at a whole rate",
        "core/plan.py",
        "    fps = video.fps\n",
        "    fps = Fraction(round(video.fps))\n",
        ("tests/media/test_plan.py",),
    ),
    Mutant(
        "chatter in pauses: the mouth does not come to rest",
        "articulation/plan.py",
        "quiet = smooth(heard.rest, 1.5)",
        "quiet = np.zeros(n)",
        ("tests/articulation/test_plan.py",),
    ),
    Mutant(
        "donors change at every frame",
        f"{ENGINE}/select.py",
        "MIN_SEGMENT_S = 0.20",
        "MIN_SEGMENT_S = 0.04",
        ("tests/engines/test_select.py",),
    ),
)


def break_it(mutant: Mutant, copy: Path) -> None:
    """Raises LookupError where the mutant's text is not there exactly once."""
    path = copy / "src" / "lipwright" / mutant.path
    text = path.read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        raise LookupError(f"{mutant.name}: its text stands {text.count(mutant.old)} times in {mutant.path}")
    path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")


def passes(tests: Iterable[str], mutant: Mutant | None) -> bool:
    """Whether these tests pass on a copy of the project, broken by the mutant or whole."""
    with tempfile.TemporaryDirectory(prefix="lipwright-mutant-") as folder:
        copy = Path(folder) / "project"
        for part in ("src", "tests"):
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        if mutant is not None:
            break_it(mutant, copy)
        command = [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider", *tests]
        environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
        ended = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode not in (0, 1):
        raise RuntimeError(f"the tests did not run\n{ended.stdout[-2000:]}{ended.stderr[-2000:]}")
    if ended.returncode and mutant is None:
        print(ended.stdout[-2000:])
    return ended.returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Break each guard on purpose, and see that a test fails for it.")
    parser.add_argument("words", nargs="*", help="only mutants whose name holds one of these")
    words: list[str] = parser.parse_args().words
    chosen = [m for m in MUTANTS if not words or any(word in m.name for word in words)]
    if not passes(sorted({test for mutant in chosen for test in mutant.tests}), None):
        print("The tests fail without any mutant: mend that first.")
        return 1
    alive = 0
    for mutant in chosen:
        killed = not passes(mutant.tests, mutant)
        alive += not killed
        print(f"{'killed' if killed else 'ALIVE '}  {mutant.name}", flush=True)
    print(f"{len(chosen) - alive} of {len(chosen)} killed")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
