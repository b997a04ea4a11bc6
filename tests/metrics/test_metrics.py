"""Each metric: a perfect input scores best, and damage lowers it step by step."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.core.face import Box
from lipwright.core.media import AudioClip, Colour, VideoFrame
from lipwright.metrics.closures import closure_events, closures
from lipwright.metrics.jitter import jitter, jitter_ratio
from lipwright.metrics.lip_error import lip_error
from lipwright.metrics.measure import Measure
from lipwright.metrics.motion import motion
from lipwright.metrics.mouth_picture import MouthPictures, flicker_ratio, seam_ratio, sharpness_ratio
from lipwright.metrics.outside import outside_change
from lipwright.metrics.stillness import stillness
from lipwright.metrics.sync_offset import sync_offset
from lipwright.testing.metric_contract import MetricContract
from lipwright.vision import mesh
from lipwright.vision.shape import opening, width

N = 120
TIMES_S = np.arange(N) / 25


def speech_like(n: int = N) -> NDArray[np.float64]:
    """Openings from closed to wide, with closures, IO."""
    t = np.arange(n) / 25
    return np.clip(0.09 * (np.sin(2 * np.pi * 2.1 * t) + 0.4 * np.sin(2 * np.pi * 3.7 * t + 1)) + 0.05, 0, None)


def shapes_with(gap: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 478, 3) faces whose lower lip hangs by `gap`."""
    rng = np.random.default_rng(3)
    face = np.zeros((478, 3))
    face[:, :2] = rng.uniform(-0.5, 0.5, (478, 2))
    out = np.repeat(face[None], len(gap), axis=0)
    for k, index in enumerate(mesh.INNER_UPPER):
        out[:, index] = [0.05 * (k - 5), 0.9, 0]
    for k, index in enumerate(mesh.INNER_LOWER[1:-1], start=1):
        out[:, index, 0], out[:, index, 1] = 0.05 * (k - 5), 0.9 + gap
    return out


class TestLipError(MetricContract):
    def measure(self, damage: float) -> Measure:
        truth = shapes_with(speech_like())
        noise = np.random.default_rng(1).normal(0, 0.01, truth.shape)
        return lip_error(truth + damage * noise, truth)


class TestMotion(MetricContract):
    def measure(self, damage: float) -> Measure:
        truth = speech_like()
        noise = np.random.default_rng(1).normal(0, truth.std(), N)
        return motion("opening", truth + damage * noise, truth, TIMES_S).r


class TestGain(MetricContract):
    def measure(self, damage: float) -> Measure:
        return motion("opening", speech_like() * (1 - 0.4 * damage), speech_like(), TIMES_S).gain


class TestLag(MetricContract):
    tolerance: ClassVar[float] = 2.6

    def measure(self, damage: float) -> Measure:
        late = np.interp(TIMES_S - 0.08 * damage, TIMES_S, speech_like())
        return motion("opening", late, speech_like(), TIMES_S).lag


class TestClosures(MetricContract):
    amounts: ClassVar[tuple[float, ...]] = (0.0, 1.0, 2.0, 3.0)

    def measure(self, damage: float) -> Measure:
        truth = speech_like()
        ramp = np.linspace(0, 1, N)
        return closures(truth + 0.03 * damage * ramp, truth < 0.015)


class TestClosureEvents(MetricContract):
    amounts: ClassVar[tuple[float, ...]] = (0.0, 1.5, 3.0)

    def measure(self, damage: float) -> Measure:
        truth = speech_like()
        return closure_events(truth + 0.03 * damage * np.linspace(0, 1, N), truth)


class TestJitter(MetricContract):
    def measure(self, damage: float) -> Measure:
        still = shapes_with(np.full(N, 0.05))
        return jitter(still + damage * np.random.default_rng(2).normal(0, 0.005, still.shape))


class TestJitterRatio(MetricContract):
    def measure(self, damage: float) -> Measure:
        truth = shapes_with(speech_like())
        return jitter_ratio(truth + damage * np.random.default_rng(2).normal(0, 0.01, truth.shape), truth)


class TestStillness(MetricContract):
    def measure(self, damage: float) -> Measure:
        is_pause = np.zeros(N, np.bool_)
        is_pause[30:60] = is_pause[80:110] = True
        gap = np.where(is_pause, 0.02, speech_like())
        gap[80:110] += 0.03  # another pose in another pause is no chatter
        return stillness(gap + damage * 0.01 * np.random.default_rng(5).normal(size=N), is_pause)


class TestSyncOffset(MetricContract):
    tolerance: ClassVar[float] = 20.0
    amounts: ClassVar[tuple[float, ...]] = (0.0, 1.0, 2.0)

    def measure(self, damage: float) -> Measure:
        rng = np.random.default_rng(8)
        beat = np.repeat(rng.uniform(0, 1, 40), 3)[:N]
        beat = np.convolve(np.pad(beat, 2, mode="edge"), np.ones(5) / 5, "valid")
        time = np.arange(16_000 * N // 25) / 16_000
        loud = np.interp(time + 0.06 * damage, TIMES_S, beat)
        clip = AudioClip((loud * rng.normal(0, 0.1, len(time))).astype(np.float32), 16_000)
        return sync_offset(beat, TIMES_S, clip).offset


def mouth_frame(index: int, paint: NDArray[np.float32] | float = 0.0) -> VideoFrame:
    y, x = np.mgrid[:240, :240]
    luma = 120 + 40 * np.sin(x / 5.0) * np.cos(y / 6.0) + 3 * np.sin(index * 1.3 + x / 11.0) + paint
    chroma = np.full((120, 120), 128, np.uint8)
    return VideoFrame((np.clip(luma, 0, 255).astype(np.uint8), chroma, chroma), index, Fraction(index, 25), 8, Colour())


def still_landmarks() -> NDArray[np.float32]:
    out = np.zeros((478, 3), np.float32)
    out[:, :2] = 120
    out[33, :2], out[263, :2] = (60, 70), (180, 70)
    out[2, :2] = (120, 120)
    angle = np.linspace(0, 2 * np.pi, len(mesh.LIPS), endpoint=False)
    out[list(mesh.LIPS), 0] = 120 + 34 * np.cos(angle)
    out[list(mesh.LIPS), 1] = 150 + 14 * np.sin(angle)
    return out


def observed(damage: Any) -> MouthPictures:
    pictures = MouthPictures()
    for k in range(12):
        pictures.observe(damage(k), still_landmarks())
    return pictures


class TestFlicker(MetricContract):
    def measure(self, damage: float) -> Measure:
        def boil(k: int) -> VideoFrame:
            return mouth_frame(k, np.float32(damage * 12 * (k % 2)) * np.ones((240, 240), np.float32))

        return flicker_ratio(observed(boil), observed(mouth_frame))


class TestSharpness(MetricContract):
    def measure(self, damage: float) -> Measure:
        def soft(k: int) -> VideoFrame:
            frame = mouth_frame(k)
            if damage:
                frame.planes[0][:] = cv2.GaussianBlur(frame.planes[0], (0, 0), 1.2 * damage)
            return frame

        return sharpness_ratio(observed(soft), observed(mouth_frame))


class TestSeam(MetricContract):
    def measure(self, damage: float) -> Measure:
        y, x = np.mgrid[:240, :240]
        patch = np.hypot((x - 120) / 50.0, (y - 150) / 30.0) < 1

        def seamed(k: int) -> VideoFrame:
            return mouth_frame(k, (40 * damage * patch).astype(np.float32))

        return seam_ratio(observed(seamed), observed(mouth_frame))


class TestOutside(MetricContract):
    def measure(self, damage: float) -> Measure:
        source = mouth_frame(0)
        changed = mouth_frame(0)
        changed.planes[0][100:140, 100:140] = 9  # inside: allowed
        changed.planes[1][5, 5] += round(4 * damage)
        return outside_change(changed, source, Box(90, 90, 150, 150))


def test_one_changed_sample_outside_is_seen_in_every_plane():
    for plane in range(3):
        changed = mouth_frame(0)
        changed.planes[plane][0, 0] ^= 1
        assert outside_change(changed, mouth_frame(0), Box(90, 90, 150, 150)).value == 1


def test_a_lag_has_a_sign_and_a_size():
    truth = speech_like()
    late = np.interp(TIMES_S - 0.04, TIMES_S, truth)

    assert motion("x", late, truth, TIMES_S).lag.value == pytest.approx(40, abs=5)
    assert motion("x", truth, late, TIMES_S).lag.value == pytest.approx(-40, abs=5)


def test_a_picture_that_comes_late_has_a_positive_sync_offset():
    rng = np.random.default_rng(8)
    beat = np.repeat(rng.uniform(0, 1, 40), 3)[:N]
    time = np.arange(16_000 * N // 25) / 16_000
    voice = np.interp(time + 0.12, TIMES_S, beat) * rng.normal(0, 0.1, len(time))

    found = sync_offset(beat, TIMES_S, AudioClip(voice.astype(np.float32), 16_000))

    assert found.offset.value == pytest.approx(120, abs=40)
    assert found.r > found.r_zero


def test_nothing_to_measure_is_said_and_not_scored():
    empty = np.zeros(N)

    for measure in (
        motion("x", empty, empty, TIMES_S).r,
        closures(empty + 1, np.zeros(N, np.bool_)),
        stillness(empty, np.zeros(N, np.bool_)),
        jitter(shapes_with(empty[:2])),
        flicker_ratio(MouthPictures(), MouthPictures()),
    ):
        assert measure.n == 0
        assert np.isnan(measure.value)


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match="frames"):
        lip_error(shapes_with(np.zeros(3)), shapes_with(np.zeros(4)))


def test_the_faces_made_here_open_as_they_say():
    gap = speech_like()

    assert np.allclose(opening(shapes_with(gap)), gap)
    assert width(shapes_with(gap)).shape == (N,)


def test_a_silent_recording_goes_with_no_lips_at_any_time() -> None:
    n = 200
    silent = AudioClip(np.zeros(16_000 * n // 25, np.float32), 16_000)

    found = sync_offset(speech_like(n), np.arange(n) / 25, silent)

    assert found.offset.n == 0
    assert np.isnan(found.offset.value)


def test_pictures_of_some_frames_are_those_frames_and_the_changes_at_their_edges() -> None:
    pictures = MouthPictures()
    for k in range(6):
        if k == 3:
            pictures.pause()
        pictures.observe(mouth_frame(k), still_landmarks())

    some = pictures.only(np.array([True, False, False, False, True, False]))

    assert some.sharpness == [pictures.sharpness[0], pictures.sharpness[4]]
    assert some.seams == [pictures.seams[0], pictures.seams[4]]
    # changes lead to frames 1, 2, 4 and 5
    assert some.flickers == [pictures.flickers[0], pictures.flickers[2], pictures.flickers[3]]
