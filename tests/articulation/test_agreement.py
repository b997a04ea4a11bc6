"""Lips against sound: how late, how sure, and whose."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lipwright import media
from lipwright.articulation import Heard, agreement, listen
from lipwright.articulation.agreement import LEAST_TALK_S
from lipwright.articulation.curves import Floats, smooth
from lipwright.core.media import AudioClip
from lipwright.engines.people import Witness
from lipwright.vision.track import MeshTracker


@pytest.fixture(scope="module")
def heard() -> Heard:
    from lipwright.demo import speech_path

    return listen(media.read_speech(speech_path()))


def lips(heard: Heard, late_s: float, *, fps: float = 25, noise_io: float = 0.01) -> tuple[Floats, Floats]:
    """Opening and times of lips that do what was heard, so much later, as a camera sees them."""
    times_s = np.arange(int(len(heard) / 50 * fps)) / fps
    opening = 0.1 + 0.03 * np.interp(times_s - late_s, np.arange(len(heard)) / 50, smooth(heard.opening, 1))
    return opening + np.random.default_rng(3).normal(0, noise_io, len(opening)), times_s


@pytest.mark.parametrize("late_s", [-0.2, -0.1, -0.033, 0.0, 0.06, 0.1, 0.2])
def test_lips_that_come_late_or_early_are_told_to_a_fiftieth_of_a_second(heard: Heard, late_s: float) -> None:
    found = agreement(heard, *lips(heard, late_s))

    assert found.offset_s == pytest.approx(late_s, abs=0.02)
    assert found.confidence > 0.5
    assert found.speaks


@pytest.mark.parametrize("fps", [8, 9, 10, 12])
def test_few_frames_in_a_second_are_enough(heard: Heard, fps: float) -> None:
    found = agreement(heard, *lips(heard, 0, fps=fps))

    assert found.talk_s > 0.9 * agreement(heard, *lips(heard, 0)).talk_s
    assert found.offset_s == pytest.approx(0, abs=0.03)
    assert found.speaks


def test_lips_that_follow_another_rhythm_do_not_speak(heard: Heard) -> None:
    opening, times_s = lips(heard, 0)

    for seed in range(5):
        random = smooth(np.random.default_rng(seed).normal(0, 1, len(times_s)), 2)
        other = agreement(heard, 0.1 + 0.05 * random, times_s)
        assert other.fit < agreement(heard, opening, times_s).fit
        assert other.confidence < 0.5


def test_of_resting_lips_and_of_little_speech_nothing_is_told(heard: Heard) -> None:
    opening, times_s = lips(heard, 0)
    still = agreement(heard, np.full(len(times_s), 0.02), times_s)
    short = times_s < 0.6 * LEAST_TALK_S

    assert not still.speaks
    assert still.confidence == 0
    assert agreement(heard, opening[short], times_s[short]).confidence == 0


def test_gaps_in_the_track_do_not_mislead(heard: Heard) -> None:
    opening, times_s = lips(heard, 0.1)
    there = (times_s % 2) < 1.5

    assert agreement(heard, opening[there], times_s[there]).offset_s == pytest.approx(0.1, abs=0.02)


def test_silence_that_follows_speech_is_heard_as_rest(heard: Heard) -> None:
    longer = heard.followed_by_silence(Fraction(10))

    assert len(longer) == 500
    assert np.array_equal(longer.opening[: len(heard)], heard.opening)
    assert longer.rest[len(heard) :].min() == 1
    assert longer.closure[len(heard) :].max() == 0
    assert heard.followed_by_silence(Fraction(1)) is heard


def test_a_real_clip_tells_by_how_much_its_sound_was_moved(clips: Path) -> None:
    path = clips / "video" / "vr_4.mp4"
    witness = Witness(MeshTracker())
    for _ in witness.track(media.open_footage(path).frames(writable=False)):
        pass
    (person,) = witness.people
    sound = media.read_speech(path).samples

    def offset_s(moved_s: float) -> float:
        n = round(abs(moved_s) * 16_000)
        moved = np.concatenate([np.zeros(n, np.float32), sound]) if moved_s > 0 else sound[n:]
        found = agreement(listen(AudioClip(moved, 16_000)), person.lip_gap, person.time_s)
        assert found.confidence > 0.5
        return found.offset_s

    as_it_is = offset_s(0)
    for moved_s in (-0.2, -0.1, 0.1, 0.2):  # a sound that is moved later leaves the picture ahead
        assert offset_s(moved_s) == pytest.approx(as_it_is - moved_s, abs=0.02)
