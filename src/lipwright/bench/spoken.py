"""Footage driven by speech: unseen halves judged by the true lips, and everybody with somebody else's speech."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from lipwright import articulation, media
from lipwright.bench.clip import Clip, Recorded, between
from lipwright.bench.judge import CELL_PX, ZOOM_PX, Watched, truth_cells, watch
from lipwright.bench.page import Section, sheet
from lipwright.core.face import FaceChoice
from lipwright.core.media import AudioClip, VideoFrame
from lipwright.core.plan import plan_frames
from lipwright.core.timeline import FramePlan, MouthTrack
from lipwright.engines.base import RenderReport
from lipwright.engines.rewrite.engine import RewriteAvatar, RewriteEngine
from lipwright.metrics.closures import closure_events, closures
from lipwright.metrics.jitter import jitter, jitter_ratio
from lipwright.metrics.measure import Floats
from lipwright.metrics.motion import motion
from lipwright.metrics.stillness import stillness
from lipwright.metrics.sync_offset import sync_offset
from lipwright.vision.shape import opening, width

HALF_COLUMNS = [
    "seconds", "r opening", "r width", "lag ms", "r at lag", "gain", "closure events", "n events", "jitter ratio",
    "sharpness ratio", "flicker ratio", "seam ratio", "still % IO", "donor changes", "learned s", "untouched", "mode",
]  # fmt: skip
CONTROL_COLUMNS = ["seconds", "source as is", "audio +200 ms", "audio -200 ms", "other audio"]
CROSS_COLUMNS = [
    "speech", "seconds", "closures", "n closures", "sync ms", "r sync", "jitter % IO", "(source)", "sharpness ratio",
    "flicker ratio", "seam ratio", "still % IO", "donor changes", "edited", "untouched", "outside", "mode", "study s",
    "render ms/frame",
]  # fmt: skip
LONG_PAUSE_S = 0.35


def half_section() -> Section:
    return Section(
        "End to end on unseen halves",
        "The first half of a clip driven by the sound of the second; the real lips of the second half judge. "
        "r without any shift; lag > 0: the picture comes late. Ratios are over the untouched footage.",
        HALF_COLUMNS,
    )


def control_section() -> Section:
    return Section(
        "Controls",
        "r of the opening with the same judge: the footage untouched, the result 200 ms early and late, and the "
        "result for another clip's speech. All of them must be far below the result.",
        CONTROL_COLUMNS,
    )


def cross_section() -> Section:
    return Section(
        "Somebody else's speech",
        "Every clip driven by a recording of another person. closures: frames planned closed that are closed.",
        CROSS_COLUMNS,
    )


@dataclass
class Spoken:
    """One result."""

    seen: Watched
    mouth: MouthTrack
    learned_s: float
    """Seconds of own speech behind it."""
    plan: FramePlan
    report: RenderReport
    study_s: float
    opening: Floats
    """(n_plan,) IO, of the re-tracked result; NaN where it was lost."""
    width: Floats
    shapes_index: list[int]


def speak(clip: Clip, start: int, stop: int, speech: AudioClip, *, network: Path | None = None) -> Spoken | None:
    """Drive frames `start` to `stop` with a recording, as `pipeline.sync` does, and watch the result.

    `network` hears in place of the shipped one: to judge people whom the shipped one was trained on.
    """
    part = clip.part(start, stop)
    assert part.info.video is not None
    main = {k - start: face for k, face in clip.main.items() if start <= k < stop}
    if not main:
        return None
    began_s = perf_counter()
    face_id = next(iter(main.values())).face_id
    avatar = RewriteEngine().prepare(part, tracker=Recorded(clip.faces, start), face=FaceChoice(face_id=face_id))
    study_s = perf_counter() - began_s
    learned = _learned(clip, start, stop, avatar, network)
    mouth = articulation.plan(articulation.listen(speech, model=network), avatar.style, adaptation=learned)
    plan = plan_frames(part.info.video, speech.duration_s, when_short="bounce")
    frames = avatar.speak(mouth, plan)
    seen = watch(frames, _shown(clip, start, stop, plan), main, n_expected=len(plan))
    if not seen.landmarks:
        return None
    shapes = seen.posed(clip.posed.template).shapes
    gap, wide = np.full(len(plan), np.nan), np.full(len(plan), np.nan)
    gap[seen.index], wide[seen.index] = opening(shapes), width(shapes)
    return Spoken(
        seen, mouth, 0.0 if learned is None else learned.learned_s, plan, avatar.report, study_s, gap, wide, seen.index
    )


def _learned(
    clip: Clip, start: int, stop: int, avatar: RewriteAvatar, network: Path | None
) -> articulation.Adaptation | None:
    """What these frames of the clip, with their own sound, tell of the person."""
    if clip.speech is None:
        return None
    first_s = start / float(clip.fps)
    own_sound = articulation.listen(between(clip.speech, first_s, stop / float(clip.fps)), model=network)
    sync = articulation.agreement(own_sound, avatar.face.opening, avatar.face.time_s)
    return articulation.adapt(own_sound, avatar.style, sync)


def _shown(clip: Clip, start: int, stop: int, plan: FramePlan) -> Iterator[VideoFrame]:
    return clip.part(start, stop).play(plan.order)


def run_half(clip: Clip, out: Section, folder: Path, network: Path | None = None) -> Spoken | None:
    """First half driven by the second half's sound."""
    assert clip.speech is not None
    half = clip.n_frames // 2
    start_s, stop_s = half / float(clip.fps), clip.n_frames / float(clip.fps)
    speech = between(clip.speech, start_s, stop_s)
    done = speak(clip, 0, half, speech, network=network)
    if done is None:
        return None
    times_s = np.array([float(t) for t in done.plan.times_s])
    truth_gap, truth_wide = truth_of(clip, start_s, times_s)
    ok = np.isfinite(done.opening) & np.isfinite(truth_gap)
    gap, wide, real, real_wide, at = (a[ok] for a in (done.opening, done.width, truth_gap, truth_wide, times_s))
    move, spread = motion("opening", gap, real, at), motion("width", wide, real_wide, at)
    events = closure_events(gap, real)
    flicker, sharp, seam = done.seen.pictures()
    shapes = done.seen.posed(clip.posed.template).shapes
    out.rows.append(
        {
            "clip": clip.name,
            "seconds": float(ok.sum() / clip.fps),
            "r opening": move.r.value,
            "r width": spread.r.value,
            "lag ms": move.lag.value,
            "r at lag": move.r_best,
            "gain": move.gain.value,
            "closure events": events.value,
            "n events": events.n,
            "jitter ratio": jitter_ratio(shapes, clip.posed.shapes).value,
            "sharpness ratio": sharp.value,
            "flicker ratio": flicker.value,
            "seam ratio": seam.value,
            "still % IO": stillness(_filled(done.opening), pauses(done)).value,
            "donor changes": done.report.n_donor_changes / max(1, done.report.n_edited),
            "learned s": done.learned_s,
            "untouched": _reasons(done.report),
            "mode": done.report.mode,
        }
    )
    picks = [round(k) for k in np.linspace(0, len(done.plan) - 1, 24)]
    moments = [min(clip.n_frames - 1, half + k) for k in picks]
    _sheets(done, "halves", clip, folder, out, moments)
    return done


def controls(clip: Clip, done: Spoken, other: Spoken | None, out: Section) -> None:
    """What r would be without having listened."""
    half = clip.n_frames // 2
    start_s = half / float(clip.fps)
    times_s = np.array([float(t) for t in done.plan.times_s])
    truth, _ = truth_of(clip, start_s, times_s)
    source, _ = truth_of(clip, 0.0, times_s)

    def r(curve: Floats, to: Floats) -> float:
        n = min(len(curve), len(to))
        ok = np.isfinite(curve[:n]) & np.isfinite(to[:n])
        return motion("opening", curve[:n][ok], to[:n][ok], times_s[:n][ok]).r.value

    late, _ = truth_of(clip, start_s + 0.2, times_s)
    early, _ = truth_of(clip, start_s - 0.2, times_s)
    out.rows.append(
        {
            "clip": clip.name,
            "seconds": float(len(times_s) / clip.fps),
            "source as is": r(source, truth),
            "audio +200 ms": r(done.opening, late),
            "audio -200 ms": r(done.opening, early),
            "other audio": r(other.opening, truth) if other is not None else float("nan"),
        }
    )


def run_cross(clip: Clip, speech_path: Path, seconds: float, out: Section, folder: Path) -> None:
    """The whole clip with the beginning of another person's recording."""
    speech = media.read_speech(speech_path)
    speech = between(speech, 0.0, min(seconds, float(speech.duration_s)))
    done = speak(clip, 0, clip.n_frames, speech)
    if done is None:
        out.rows.append({"clip": clip.name, "speech": speech_path.stem, "untouched": "no face"})
        return
    wanted = done.mouth.at(done.plan.times_s)
    ok = np.isfinite(done.opening)
    hit = closures(_filled(done.opening)[ok], (wanted.closure > 0.7)[ok])
    times_s = np.array([float(t) for t in done.plan.times_s])
    sync = sync_offset(_filled(done.opening), times_s, speech)
    flicker, sharp, seam = done.seen.pictures()
    shapes = done.seen.posed(clip.posed.template).shapes
    report = done.report
    out.rows.append(
        {
            "clip": clip.name,
            "speech": speech_path.stem,
            "seconds": float(len(done.plan) / clip.fps),
            "closures": hit.value,
            "n closures": hit.n,
            "sync ms": sync.offset.value,
            "r sync": sync.r,
            "jitter % IO": jitter(shapes).value,
            "(source)": jitter(clip.posed.shapes).value,
            "sharpness ratio": sharp.value,
            "flicker ratio": flicker.value,
            "seam ratio": seam.value,
            "still % IO": stillness(_filled(done.opening), pauses(done)).value,
            "donor changes": report.n_donor_changes / max(1, report.n_edited),
            "edited": report.n_edited / max(1, report.n_frames),
            "untouched": _reasons(report),
            "outside": done.seen.outside,
            "mode": report.mode,
            "study s": done.study_s,
            "render ms/frame": 1000 * done.seen.cpu_s / max(1, done.seen.n_frames),
        }
    )
    _sheets(done, "cross", clip, folder, out, None)


def truth_of(clip: Clip, start_s: float, times_s: Floats) -> tuple[Floats, Floats]:
    """Opening and width of the real lips, read `start_s` into the clip; NaN where the face is not seen."""
    gap, wide = opening(clip.posed.shapes), width(clip.posed.shapes)
    at = start_s + times_s
    # frames that do not show the face must not be bridged
    nearest = np.abs(at[:, None] - clip.times_s[None]).min(1)
    known = (nearest < 1.01 / float(clip.fps)) & (at <= clip.times_s[-1] + 0.5 / float(clip.fps))
    return (
        np.where(known, np.interp(at, clip.times_s, gap), np.nan),
        np.where(known, np.interp(at, clip.times_s, wide), np.nan),
    )


def pauses(done: Spoken) -> NDArray[np.bool_]:
    """Where the plan is at rest for longer than 350 ms."""
    rest = done.mouth.at(done.plan.times_s).rest > 0.9
    edges = np.flatnonzero(np.diff(np.concatenate([[False], rest, [False]]).astype(np.int8))).reshape(-1, 2)
    times_s = [float(t) for t in done.plan.times_s]
    step_s = times_s[1] - times_s[0] if len(times_s) > 1 else 0.04
    for a, b in edges:
        if (b - a) * step_s < LONG_PAUSE_S:
            rest[a:b] = False
    return rest


def _filled(curve: Floats) -> Floats:
    ok = np.isfinite(curve)
    return np.interp(np.arange(len(curve)), np.flatnonzero(ok), curve[ok])


def _reasons(report: RenderReport) -> str:
    return " ".join(f"{why}:{n}" for why, n in sorted(report.untouched.items()))


def _sheets(done: Spoken, kind: str, clip: Clip, folder: Path, out: Section, truth: list[int] | None) -> None:
    for label, px, side, which in (("mouths", CELL_PX, 1.5, 1), ("zoom", ZOOM_PX, 0.85, 2)):
        rows = [cell[1] if which == 1 else cell[2] for cell in done.seen.cells]
        labels = ["source", "result"]
        if truth is not None:
            real = truth_cells(clip.part().play(truth), clip.main, side, px)
            rows = [[*cells, r] for cells, r in zip(rows, real, strict=False)]
            labels.append("real lips")
        columns = [(f"{cell[0]:.2f} s", cells) for cell, cells in zip(done.seen.cells, rows, strict=False)]
        path = folder / f"{kind}_{clip.name}_{label}.png"
        sheet(columns, labels, path, per_band=12 if which == 1 else 8)
        out.sheets.append((f"{kind}, {clip.name} ({label}): {', '.join(labels)}", path))
