"""Footage driven by speech: unseen halves judged by the true lips, and everybody with somebody else's speech."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipwright import articulation, media
from lipwright.bench import oracle
from lipwright.bench.clip import Clip, Recorded, between, shown_name
from lipwright.bench.judge import Watched, sheets, watch
from lipwright.bench.page import Section
from lipwright.core.errors import NoFaceFound
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
    "sharpness ratio", "flicker ratio", "seam ratio", "still % IO", "donor changes", "learned s", "lost", "untouched",
    "mode",
]  # fmt: skip
CONTROL_COLUMNS = ["seconds", "source as is", "audio +200 ms", "audio -200 ms", "other audio"]
CROSS_COLUMNS = [
    "speech", "seconds", "closures", "n closures", "sync ms", "r sync", "jitter % IO", "(source)", "sharpness ratio",
    "flicker ratio", "seam ratio", "still % IO", "donor changes", "edited", "lost", "untouched", "outside", "mode",
    "study s", "render ms/frame",
]  # fmt: skip
LONG_PAUSE_S = 0.35
_LEAST_SOUND_S = 0.1
_SAME_S = 1e-6


def half_section() -> Section:
    return Section(
        "End to end on unseen halves",
        "The first half of a clip driven by the sound of the second; the real lips of the second half judge. "
        "r without any shift; lag > 0: the picture comes late. Ratios are over the untouched footage.",
        HALF_COLUMNS,
        counts=frozenset(("seconds", "n events", "lost")),
        signed=frozenset(("lag ms",)),
    )


def control_section() -> Section:
    return Section(
        "Controls",
        "r of the opening with the same judge: the footage untouched, the result 200 ms early and late, and the "
        "result for another clip's speech. All of them must be far below the result.",
        CONTROL_COLUMNS,
        counts=frozenset(("seconds",)),
    )


def cross_section() -> Section:
    return Section(
        "Somebody else's speech",
        "Every clip driven by a recording of another person. closures: frames planned closed that are closed.",
        CROSS_COLUMNS,
        counts=frozenset(("seconds", "n closures", "lost")),
        signed=frozenset(("sync ms",)),
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
    """(n_plan,) IO, of the re-tracked result; NaN where it was lost, and where the footage does not show the face."""
    width: Floats

    @property
    def times_s(self) -> Floats:
        """(n_plan,) when its frames are shown."""
        return np.array([float(t) for t in self.plan.times_s])

    @property
    def unclosed(self) -> Floats:
        """(n_plan,) the opening; a face that is lost does not close its lips."""
        out = self.opening.copy()
        out[self.seen.lost] = np.inf
        return out

    @property
    def told(self) -> dict[str, Any]:
        """What every row says."""
        note = {"note": self.seen.note} if self.seen.note else {}
        return {"lost": len(self.seen.lost), "untouched": _reasons(self.report), "mode": self.report.mode, **note}


def speak(clip: Clip, start: int, stop: int, speech: AudioClip, *, network: Path | None = None) -> Spoken:
    """Drive frames `start` to `stop` with a recording, as `pipeline.sync` does, and watch the result.

    `network` hears in place of the shipped one: to judge people whom the shipped one was trained on. Raises NoFaceFound
    where these frames show none.
    """
    part = clip.part(start, stop)
    assert part.info.video is not None
    main = {k - start: face for k, face in clip.main.items() if start <= k < stop}
    if not main:
        raise NoFaceFound(frames_searched=stop - start)
    began_s = perf_counter()
    face_id = next(iter(main.values())).face_id
    avatar = RewriteEngine().prepare(part, tracker=Recorded(clip.faces, start), face=FaceChoice(face_id=face_id))
    study_s = perf_counter() - began_s
    learned = _learned(clip, start, stop, avatar, network)
    mouth = articulation.plan(articulation.listen(speech, model=network), avatar.style, adaptation=learned)
    plan = plan_frames(part.info.video, speech.duration_s, when_short="bounce")
    frames = avatar.speak(mouth, plan)
    seen = watch(frames, _shown(clip, start, stop, plan), main, n_expected=len(plan))
    shapes = seen.shapes(clip.posed.template)
    gap, wide = np.full(len(plan), np.nan), np.full(len(plan), np.nan)
    gap[seen.index], wide[seen.index] = opening(shapes), width(shapes)
    learned_s = 0.0 if learned is None else learned.learned_s
    return Spoken(seen, mouth, learned_s, plan, avatar.report, study_s, gap, wide)


def _learned(
    clip: Clip, start: int, stop: int, avatar: RewriteAvatar, network: Path | None
) -> articulation.Adaptation | None:
    """What these frames of the clip, with their own sound, tell of the person."""
    if clip.speech is None:
        return None
    own = between(clip.speech, clip.at_s(start), clip.at_s(stop))
    if own.duration_s < _LEAST_SOUND_S:
        return None
    own_sound = articulation.listen(own, model=network)
    sync = articulation.agreement(own_sound, avatar.face.opening, avatar.face.time_s)
    return articulation.adapt(own_sound, avatar.style, sync)


def _shown(clip: Clip, start: int, stop: int, plan: FramePlan) -> Iterator[VideoFrame]:
    return clip.part(start, stop).play(plan.order)


def why_no_halves(clip: Clip) -> str:
    """Why a clip is left out."""
    if clip.speech is None:
        return "it has no sound that can be heard"
    if _second_half(clip, clip.speech).duration_s < _LEAST_SOUND_S:
        return "its sound ends before its second half begins"
    return oracle.why_not(clip)


def _second_half(clip: Clip, speech: AudioClip) -> AudioClip:
    return between(speech, clip.at_s(clip.n_frames // 2), clip.at_s(clip.n_frames))


def run_half(clip: Clip, out: Section, folder: Path, network: Path | None = None) -> Spoken:
    """First half driven by the second half's sound. Raises NoFaceFound."""
    assert clip.speech is not None
    half = clip.n_frames // 2
    start_s = clip.at_s(half)
    done = speak(clip, 0, half, _second_half(clip, clip.speech), network=network)
    times_s = done.times_s
    truth_gap, truth_wide = truth_of(clip, start_s, times_s)
    ok = np.isfinite(done.opening) & np.isfinite(truth_gap)
    gap, wide, real, real_wide, at = (a[ok] for a in (done.opening, done.width, truth_gap, truth_wide, times_s))
    move, spread = motion("opening", gap, real, at), motion("width", wide, real_wide, at)
    events = closure_events(done.unclosed, truth_gap)
    flicker, sharp, seam = done.seen.pictures(done.report)
    shapes = done.seen.shapes(clip.posed.template)
    own_follows = np.diff(clip.index, prepend=-9) == 1
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
            "jitter ratio": jitter_ratio(shapes, clip.posed.shapes, done.seen.follows, own_follows).value,
            "sharpness ratio": sharp.value,
            "flicker ratio": flicker.value,
            "seam ratio": seam.value,
            "still % IO": _held(done),
            "donor changes": done.report.n_donor_changes / max(1, done.report.n_edited),
            "learned s": done.learned_s,
            **done.told,
            **({} if np.isfinite(truth_gap).any() else {"note": "The second half does not show the face."}),
        }
    )
    shown_s = np.array([clip.at_s(k) for k in range(clip.n_frames)])

    def truth(k: int) -> int:
        return int(np.abs(shown_s - start_s - times_s[k]).argmin())

    sheets(done.seen, clip, "halves", ("source", "result", "real lips"), folder, out, truth)
    return done


def controls(clip: Clip, done: Spoken, other: Spoken | None, out: Section) -> None:
    """What r would be without having listened."""
    start_s = clip.at_s(clip.n_frames // 2)
    times_s = done.times_s
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
    """The whole clip with the beginning of another person's recording. Raises NoFaceFound, UnreadableMedia, NoAudio."""
    speech = media.read_speech(speech_path)
    speech = between(speech, 0.0, min(seconds, float(speech.duration_s)))
    done = speak(clip, 0, clip.n_frames, speech)
    wanted = done.mouth.at(done.plan.times_s)
    ok, is_shown = np.isfinite(done.opening), ~np.isnan(done.unclosed)
    hit = closures(done.unclosed[is_shown], (wanted.closure > 0.7)[is_shown])
    sync = sync_offset(done.opening[ok], done.times_s[ok], speech)
    flicker, sharp, seam = done.seen.pictures(done.report)
    shapes = done.seen.shapes(clip.posed.template)
    own_follows = np.diff(clip.index, prepend=-9) == 1
    report = done.report
    out.rows.append(
        {
            "clip": clip.name,
            "speech": shown_name(speech_path.stem),
            "seconds": float(len(done.plan) / clip.fps),
            "closures": hit.value,
            "n closures": hit.n,
            "sync ms": sync.offset.value,
            "r sync": sync.r,
            "jitter % IO": jitter(shapes, done.seen.follows).value,
            "(source)": jitter(clip.posed.shapes, own_follows).value,
            "sharpness ratio": sharp.value,
            "flicker ratio": flicker.value,
            "seam ratio": seam.value,
            "still % IO": _held(done),
            "donor changes": report.n_donor_changes / max(1, report.n_edited),
            "edited": report.n_edited / max(1, report.n_frames),
            **done.told,
            "outside": done.seen.outside,
            "study s": done.study_s,
            "render ms/frame": 1000 * done.seen.cpu_s / max(1, done.seen.n_frames),
        }
    )
    sheets(done.seen, clip, "cross", ("source", "result"), folder, out)


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
    ends_s = [*(float(t) for t in done.plan.times_s), float(done.plan.duration_s)]
    for a, b in edges:
        if ends_s[b] - ends_s[a] < LONG_PAUSE_S - _SAME_S:
            rest[a:b] = False
    return rest


def _held(done: Spoken) -> float:
    """Stillness in the pauses, where the face was found: what is filled in between does not move."""
    is_found = np.isfinite(done.opening)
    return stillness(np.where(is_found, done.opening, 0.0), pauses(done) & is_found).value


def _reasons(report: RenderReport) -> str:
    return " ".join(f"{why}:{n}" for why, n in sorted(report.untouched.items()))
