"""The contract of every metric on the bundled sample: undamaged it scores best, and damage never scores better.

The footage is its own perfect result where pictures are compared; where lips are held against speech, the perfect
result is what our own engine makes of the sample.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import lipwright.metrics
from lipwright import media
from lipwright.articulation import Heard, listen, plan
from lipwright.core.face import Box
from lipwright.core.media import AudioClip, VideoFrame
from lipwright.core.plan import plan_frames
from lipwright.demo import speech_path, video_path
from lipwright.engines.rewrite import RewriteEngine
from lipwright.metrics.assess import Track, curves
from lipwright.metrics.closures import closure_events, closure_recall, closures
from lipwright.metrics.jitter import jitter, jitter_ratio
from lipwright.metrics.lip_error import lip_error
from lipwright.metrics.lip_sync import lip_sync
from lipwright.metrics.measure import Measure
from lipwright.metrics.motion import motion
from lipwright.metrics.mouth_picture import MouthPictures, flicker_ratio, seam_ratio, sharpness_ratio
from lipwright.metrics.outside import may_change, outside_change
from lipwright.metrics.stillness import stillness
from lipwright.vision.shape import closed_neutral, mouth_scale, neutral_shape, opening, pose_shapes
from lipwright.vision.track import MeshTracker

N_PICTURES = 10
BLOCK_S = 0.4
QUIET_S = Fraction(1)
"""Nothing is said after the speech."""


@dataclass(frozen=True)
class Sample:
    """The sample, and what our engine makes of it, looked at with a fresh tracker."""

    frames: list[VideoFrame]
    """The first of the footage."""
    landmarks: list[NDArray[np.float32]]
    """Of those."""
    box: Box
    track: Track
    shapes: NDArray[np.float64]
    """(n, 478, 3) of the result."""
    speech: AudioClip
    other: tuple[Heard, AudioClip]
    """The same voice, blocks of it in the reverse order."""


@pytest.fixture(scope="module")
def sample() -> Sample:
    footage, tracker = media.open_footage(video_path(), threads=1), MeshTracker()
    speech = media.read_speech(speech_path())
    lasts_s = speech.duration_s + QUIET_S
    heard = listen(speech).followed_by_silence(lasts_s)
    studied = RewriteEngine().study(footage, tracker=tracker)
    avatar = studied.avatar(1)
    assert footage.info.video is not None
    frames = plan_frames(footage.info.video, lasts_s)
    mouth = plan(heard, avatar.style)
    seen = [(float(frame.time_s), faces[0]) for frame, faces in tracker.track(avatar.speak(mouth, frames)) if faces]
    posed = pose_shapes(np.array([face.landmarks for _, face in seen], np.float64))
    scale = mouth_scale(closed_neutral(neutral_shape(posed.shapes)))
    times_s, gaps = np.array([time_s for time_s, _ in seen]), np.array([face.lip_gap for _, face in seen])
    track = Track(times_s, gaps, opening(posed.shapes), heard, mouth, scale)
    first = [(frame, faces[0]) for frame, faces in tracker.track(footage.play(range(N_PICTURES)))]
    n = round(BLOCK_S * speech.rate_hz)
    blocks = [speech.samples[k : k + n] for k in range(0, len(speech.samples), n)]
    other = AudioClip(np.concatenate(blocks[::-1]), speech.rate_hz)
    return Sample(
        [frame for frame, _ in first], [face.landmarks for _, face in first], first[0][1].box, track, posed.shapes,
        speech, (listen(other), other),
    )  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A metric, a kind of damage, and how much of it."""

    metric: str
    damage: str
    measure: Callable[[Sample, float], Measure]
    amounts: tuple[float, ...]
    tolerance: float = 1e-6
    """How far from its best the undamaged sample may score."""

    def __str__(self) -> str:
        return f"{self.metric}: {self.damage}"


# --- damage ---------------------------------------------------------------------------------------------------


def swapped(track: Track, sample: Sample, share: float) -> Track:
    """Beside the other speech, from none to all."""
    return track if not share else track.hearing(sample.other[0], track.mouth)


def trembling(sample: Sample, amount: float) -> NDArray[np.float64]:
    """Lips that tremble by `amount` IO."""
    return sample.shapes + amount * np.random.default_rng(4).normal(size=sample.shapes.shape)


def copies(sample: Sample, change: Callable[[NDArray[np.uint8], int, NDArray[np.float32]], None]) -> MouthPictures:
    """The footage, its luma changed, as if it were a result."""
    seen = MouthPictures()
    for k, (frame, landmarks) in enumerate(zip(sample.frames, sample.landmarks, strict=True)):
        planes = tuple(plane.copy() for plane in frame.planes)
        change(planes[0], k, landmarks)  # type: ignore[arg-type]
        seen.observe(replace(frame, planes=planes), landmarks)
    return seen


def around_mouth(landmarks: NDArray[np.float32], side_io: float) -> tuple[slice, slice]:
    centre = landmarks[[13, 14], :2].mean(0)
    half = side_io / 2 * float(np.linalg.norm(landmarks[33] - landmarks[263]))
    low, high = (centre - half).astype(int), (centre + half).astype(int)
    return slice(low[1], high[1]), slice(low[0], high[0])


def blurred(sample: Sample, sigma_px: float) -> MouthPictures:
    def change(luma: NDArray[np.uint8], k: int, landmarks: NDArray[np.float32]) -> None:
        if sigma_px:
            part = around_mouth(landmarks, 1.0)
            luma[part] = cv2.GaussianBlur(luma[part], (0, 0), sigma_px)

    return copies(sample, change)


def boxed(sample: Sample, levels: float) -> MouthPictures:
    """A rectangle of another brightness, as where a patch was pasted; its rim is where a seam is looked for."""

    def change(luma: NDArray[np.uint8], k: int, landmarks: NDArray[np.float32]) -> None:
        part = around_mouth(landmarks, 0.75)
        luma[part] = np.clip(luma[part].astype(np.int16) + round(levels), 0, 255).astype(np.uint8)

    return copies(sample, change)


def boiling(sample: Sample, levels: float) -> MouthPictures:
    def change(luma: NDArray[np.uint8], k: int, landmarks: NDArray[np.float32]) -> None:
        part = around_mouth(landmarks, 0.6)
        luma[part] = np.clip(luma[part].astype(np.int16) + round(levels) * (k % 2), 0, 255).astype(np.uint8)

    return copies(sample, change)


def untouched(sample: Sample) -> MouthPictures:
    return copies(sample, lambda luma, k, landmarks: None)


def changed_outside(sample: Sample, levels: float) -> Measure:
    frame = sample.frames[0]
    planes = tuple(plane.copy() for plane in frame.planes)
    planes[0][:8, :8] += np.uint8(levels)
    return outside_change(replace(frame, planes=planes), frame, may_change(sample.box))


# --- metrics --------------------------------------------------------------------------------------------------


def fit_of(track: Track) -> Measure:
    found = lip_sync(track.heard, track.gaps, track.times_s)
    return Measure("fit", found.fit, "r", 1, max(1, found.offset.n))


def confidence_of(track: Track) -> Measure:
    return Measure("confidence", track.sync.confidence, "share", 1, 1)


def follows(track: Track) -> Measure:
    return motion("opening", track.opening, track.planned, track.times_s).r


def must_close(track: Track) -> NDArray[np.bool_]:
    return track.mouth.at(track.times_s).closure > 0.9


def wider(track: Track, by_io: float) -> Track:
    """Lips that never come closer than this to where they should be."""
    return replace(track, opening=track.opening + by_io)


LATE = (0.0, 0.08, 0.16, 0.24)
SWAP = (0.0, 1.0)
TREMBLES = (0.0, 0.01, 0.03)
UNITS = {"% IO", "r", "share", "ratio", "ms", "levels"}
CASES = [
    Case("lip_sync", "late", lambda s, d: s.track.shifted(d).sync.offset, LATE, tolerance=40),
    Case("lip_sync", "swapped, fit", lambda s, d: fit_of(swapped(s.track, s, d)), SWAP, tolerance=0.4),
    Case("lip_sync", "swapped, confidence", lambda s, d: confidence_of(swapped(s.track, s, d)), SWAP, tolerance=0.7),
    Case("motion", "late", lambda s, d: follows(s.track.shifted(d)), LATE[:3], tolerance=0.25),
    Case("closures", "late", lambda s, d: closure_recall(s.track.shifted(d).meetings), (0.0, 0.12), tolerance=0.2),
    Case("closures", "open", lambda s, d: closure_recall(wider(s.track, d).meetings), (0.0, 0.05), tolerance=0.2),
    Case("closures", "open frames", lambda s, d: closures(wider(s.track, d).opening, must_close(s.track)), (0.0, 0.05),
         tolerance=0.2),
    Case("closures", "open runs", lambda s, d: closure_events(wider(s.track, d).opening, s.track.opening), (0.0, 0.05)),
    Case("stillness", "trembling", lambda s, d: stillness(opening(trembling(s, d)), s.track.is_pause), TREMBLES,
         tolerance=1.0),
    Case("jitter", "trembling", lambda s, d: jitter(trembling(s, d)), TREMBLES, tolerance=2.0),
    Case("jitter", "trembling beside the truth", lambda s, d: jitter_ratio(trembling(s, d), s.shapes), TREMBLES),
    Case("lip_error", "trembling", lambda s, d: lip_error(trembling(s, d), s.shapes), TREMBLES),
    Case("lip_error", "late", lambda s, d: lip_error(np.roll(s.shapes, round(d), axis=0), s.shapes), (0.0, 2.0, 4.0)),
    Case("mouth_picture", "blurred", lambda s, d: sharpness_ratio(blurred(s, d), untouched(s)), (0.0, 0.8, 1.6, 3.2)),
    Case("mouth_picture", "pasted box", lambda s, d: seam_ratio(boxed(s, d), untouched(s)), (0.0, 8.0, 16.0, 32.0)),
    Case("mouth_picture", "boiling", lambda s, d: flicker_ratio(boiling(s, d), untouched(s)), (0.0, 4.0, 8.0, 16.0)),
    Case("outside", "pasted box", changed_outside, (0.0, 1.0, 4.0)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_undamaged_it_scores_best_and_damage_never_scores_better(case: Case, sample: Sample) -> None:
    scores = [case.measure(sample, amount) for amount in case.amounts]

    assert all(score.n > 0 and np.isfinite(score.best) and score.unit in UNITS for score in scores)
    assert scores[0].badness <= case.tolerance, scores
    assert all(more.badness > less.badness for less, more in pairwise(scores)), scores


MEASURES = re.compile(r'(Measure|nothing)\(\s*f?"')
ELSEWHERE = {"measure", "assess", "sync_offset"}
"""What a measure is, what puts them together, and the coarse witness, which needs clearer speech (test_metrics.py)."""


def test_no_metric_is_forgotten() -> None:
    folder = Path(lipwright.metrics.__file__).parent
    files = {path.stem for path in folder.glob("*.py") if MEASURES.search(path.read_text("utf-8"))}

    assert files - ELSEWHERE <= {case.metric for case in CASES}


def test_another_speech_is_not_believed(sample: Sample) -> None:
    silent = listen(AudioClip(np.zeros_like(sample.speech.samples), sample.speech.rate_hz))

    for heard in (sample.other[0], silent):
        found = lip_sync(heard, sample.track.gaps, sample.track.times_s)
        assert found.word == "unsure"


def test_lips_that_were_seen_too_shortly_are_not_blamed(sample: Sample) -> None:
    is_early = sample.track.times_s < 1.5
    short = lip_sync(sample.track.heard, sample.track.gaps[is_early], sample.track.times_s[is_early])
    foreign = lip_sync(sample.other[0], sample.track.gaps, sample.track.times_s)

    assert short.word == "unsure"
    assert short.says.startswith("Too short to judge: ")
    assert "may not go with" in foreign.says


@pytest.mark.parametrize("late_s", [-0.2, 0.2])
def test_a_shift_is_found_within_a_frame(sample: Sample, late_s: float) -> None:
    as_it_is, shifted = sample.track.sync, sample.track.shifted(late_s).sync

    assert as_it_is.word != "unsure"
    assert shifted.word != "unsure"
    assert shifted.offset.value - as_it_is.offset.value == pytest.approx(1000 * late_s, abs=float(Fraction(1000, 25)))


@pytest.mark.parametrize(("lasts_s", "step_s"), [(5.0, 0.04), (600.0, 0.04), (7200.0, 0.48)])
def test_curves_of_ten_minutes_are_as_fine_as_the_mouth_and_longer_ones_do_not_grow(
    sample: Sample, lasts_s: float, step_s: float
) -> None:
    drawn = curves(lasts_s, sample.track.mouth, None)
    assert drawn["step_s"] == pytest.approx(step_s)
    assert len(drawn["planned"]) == pytest.approx(lasts_s / step_s, abs=1)
