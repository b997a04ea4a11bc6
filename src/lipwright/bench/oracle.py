"""Oracle self-reenactment: the footage says what it says half its length later, and that is known exactly.

Base frame i gets the true shape of frame (i + T/2) mod T, without the tracker's noise; mouths of frames within 12 of
that moment may not be lent. The result is tracked afresh and compared with the truth as it was tracked. What is
measured is the renderer, its tracker included; no audio takes part.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipwright.articulation.curves import smooth
from lipwright.bench.clip import Clip, Recorded
from lipwright.bench.judge import sheets, watch
from lipwright.bench.page import Section
from lipwright.core.face import FaceChoice
from lipwright.core.timeline import FramePlan
from lipwright.engines.rewrite.engine import RewriteEngine
from lipwright.metrics.closures import CLOSED_IO, closures
from lipwright.metrics.jitter import jitter_ratio
from lipwright.metrics.lip_error import lip_error
from lipwright.metrics.motion import motion
from lipwright.vision import mesh
from lipwright.vision.shape import Floats, Points, opening, width

KEEP_AWAY = 12
LEAST_RANGE_IO = 0.05
_FEWEST_FRAMES = 2 * KEEP_AWAY + 20
COLUMNS = [
    "seconds", "lip error % IO", "(base)", "r opening", "(base) r", "r width", "closures", "n closures", "jitter ratio",
    "flicker ratio", "sharpness ratio", "seam ratio", "donor changes", "outside", "lost", "mode", "ms/frame",
]  # fmt: skip


def section() -> Section:
    return Section(
        "Oracle self-reenactment",
        "Lips driven with their own true shapes of another moment; (base) is the footage untouched. "
        "Ratios are over the untouched footage or the truth.",
        COLUMNS,
        counts=frozenset(("seconds", "n closures", "lost")),
    )


def why_not(clip: Clip) -> str:
    """Why a clip is left out: only who talks can tell anything."""
    if not len(clip.index):
        return "no face is found"
    if len(clip.index) < _FEWEST_FRAMES:
        return f"the face is seen on {len(clip.index)} frames, and {_FEWEST_FRAMES} are needed"
    gap = opening(clip.posed.shapes)
    talks = np.percentile(gap, 97) - np.percentile(gap, 3) > LEAST_RANGE_IO
    return "" if talks else "the mouth does not talk"


def run(clip: Clip, out: Section, folder: Path) -> None:
    index, truth_all = clip.index, clip.posed
    n = len(index)
    there = (np.arange(n) + n // 2) % n
    part = clip.part()
    avatar = RewriteEngine().prepare(part, tracker=Recorded(clip.faces), face=FaceChoice(face_id=_main_id(clip)))
    assert part.info.video is not None
    n_source = part.info.video.n_frames
    plan = FramePlan(
        tuple(int(k) for k in index),
        tuple(Fraction(k) / clip.fps for k in range(n)),
        Fraction(n) / clip.fps,
    )
    edited = [k for k in range(n) if avatar.face.strength[avatar.face.row_of[int(index[k])]] > 0.01]

    def forbidden(k: int) -> NDArray[np.bool_]:
        return np.abs(np.arange(n_source) - index[there[edited[k]]]) <= KEEP_AWAY

    # the shapes are asked for in the axes of the engine's own template
    own = avatar.face.posed.shapes(np.array([avatar.face.row_of[int(k)] for k in index]))
    target = without_noise(own)[there]
    frames = avatar.render(target, plan, forbidden=forbidden)
    seen = watch(frames, clip.part().play(plan.order), clip.main, n_expected=n)
    mine = seen.shapes(truth_all.template)
    rows = np.array(seen.index, np.intp)
    # where the target starts again from the first frame is no motion
    follows = (np.diff(rows, prepend=-1) == 1) & (np.diff(there[rows], prepend=-1) == 1)
    truth, base = truth_all.shapes[there[rows]], truth_all.shapes[rows]
    times_s = clip.times_s[rows]
    gap, true_gap = opening(mine), opening(truth)
    # a face that is lost does not close its lips
    everywhere = np.full(n, np.inf)
    everywhere[rows] = gap
    hit = closures(everywhere, opening(truth_all.shapes[there]) < CLOSED_IO)
    report = avatar.report
    flicker, sharp, seam = seen.pictures(report)
    out.rows.append(
        {
            "clip": clip.name,
            "seconds": float(n / clip.fps),
            "lip error % IO": lip_error(mine, truth).value,
            "(base)": lip_error(base, truth).value,
            "r opening": motion("opening", gap, true_gap, times_s).r.value,
            "(base) r": motion("opening", opening(base), true_gap, times_s).r.value,
            "r width": motion("width", width(mine), width(truth), times_s).r.value,
            "closures": hit.value,
            "n closures": hit.n,
            "jitter ratio": jitter_ratio(mine, truth_all.shapes, follows, np.diff(index, prepend=-1) == 1).value,
            "flicker ratio": flicker.value,
            "sharpness ratio": sharp.value,
            "seam ratio": seam.value,
            "donor changes": report.n_donor_changes / max(1, report.n_edited),
            "outside": seen.outside,
            "lost": len(seen.lost),
            "mode": report.mode,
            "ms/frame": 1000 * seen.cpu_s / max(1, seen.n_frames),
            **({"note": seen.note} if seen.note else {}),
        }
    )
    sheets(seen, clip, "oracle", ("base", "result", "truth"), folder, out, lambda k: int(index[there[k]]))


def without_noise(shapes: Points) -> Points:
    """Canonical shapes (n, 478, 3) with small, fast changes taken out; large ones stay: lips that shut.

    Half of the acceleration of tracked lips lies above 9 Hz and is noise. Drawn into the picture and tracked again it
    would be counted twice, and nothing that drives the engine has it.
    """
    calm = smooth(shapes, 1.0)
    fast = shapes - calm
    size: Floats = np.sqrt((fast[:, np.array(mesh.LIPS), :2] ** 2).sum(-1).mean(-1))
    kept = 1 - np.exp(-((size / (1.4 * max(float(np.median(size)), 1e-9))) ** 2))
    return calm + kept[:, None, None] * fast


def _main_id(clip: Clip) -> int:
    return clip.main[int(clip.index[0])].face_id
