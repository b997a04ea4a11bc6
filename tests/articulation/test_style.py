from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.articulation import population_style, speaking_style
from lipwright.articulation.network import population
from lipwright.core.timeline import N_SHAPE

from .conftest import TrackedClip  # noqa: TID252  pytest gives tests no absolute name


def footage(seconds: float, *, talks: bool, fps: float = 25.0, scale: float = 1.0) -> tuple[NDArray[np.float64], ...]:
    """Coefficients, opening and times of a made-up person; `scale` is how lively they are."""
    times_s = np.arange(int(seconds * fps)) / fps
    swing = np.sin(2 * np.pi * 3.1 * times_s) * np.sin(2 * np.pi * 0.7 * times_s)
    people = population()
    move = scale * swing[:, None] / swing.std() * people.spread
    coefficients = people.mean + move if talks else np.full((len(times_s), N_SHAPE), 0.02)
    return coefficients, np.maximum(0, 0.08 + 0.06 * swing) if talks else np.full(len(times_s), 0.01), times_s


def test_who_moves_their_mouth_is_talking():
    style = speaking_style(*footage(10, talks=True))

    assert style.is_talking
    assert style.talking_s == pytest.approx(10, abs=1)


def test_who_talks_with_small_openings_is_talking():
    coefficients, opening, times_s = footage(10, talks=True)
    small = 0.02 + (opening - opening.mean()) * 0.05 / np.ptp(np.percentile(opening, [3, 97]))

    assert speaking_style(coefficients, small, times_s).is_talking


@pytest.mark.parametrize("grain", [0.003, 0.009, 0.016])
def test_a_silent_mouth_that_the_trackers_noise_opens_is_not(grain: float):
    coefficients, opening, times_s = footage(10, talks=False)
    trembling = opening + np.random.default_rng(0).normal(0, grain, len(opening))

    assert not speaking_style(coefficients, trembling, times_s).is_talking


def test_wide_talk_is_talk_even_where_few_frames_of_it_are_seen():
    coefficients, opening, times_s = footage(60, talks=True)

    assert speaking_style(coefficients[::8], opening[::8], times_s[::8]).is_talking


def test_who_does_not_speaks_as_people_do_and_rests_in_their_own_pose():
    style = speaking_style(*footage(10, talks=False))

    assert not style.is_talking
    assert style.talking_s == 0
    np.testing.assert_array_equal(style.spread, population().spread)
    np.testing.assert_allclose(style.rest, 0.02)


def test_much_talk_is_believed_and_little_leans_to_the_population():
    spreads = [speaking_style(*footage(s, talks=True, scale=2.0)).spread / population().spread for s in (3, 15, 120)]

    assert (np.diff(spreads, axis=0) > 0).all()
    assert spreads[0].max() < 1.6
    assert spreads[2].min() > 1.7


def test_slow_drift_is_not_taken_for_movement():
    coefficients, opening, times_s = footage(60, talks=True)
    smiling = coefficients + 0.1 * np.sin(2 * np.pi * times_s / 30)[:, None]

    usual, drifting = speaking_style(coefficients, opening, times_s), speaking_style(smiling, opening, times_s)

    np.testing.assert_allclose(drifting.spread, usual.spread, rtol=0.15)


def test_seconds_of_stillness_do_not_make_a_person_less_lively():
    coefficients, opening, times_s = footage(20, talks=True)
    still = times_s > 10
    coefficients[still], opening[still] = coefficients[opening.argmin()], opening.min()

    style = speaking_style(coefficients, opening, times_s)

    assert style.talking_s == pytest.approx(10.5, abs=1)
    np.testing.assert_allclose(style.spread, population().spread, rtol=0.25)


def test_a_talker_rests_where_the_mouth_is_least_open(pausing_talker: TrackedClip):
    style = speaking_style(pausing_talker.coefficients, pausing_talker.opening, pausing_talker.times_s)
    closed = pausing_talker.opening < 0.01

    assert style.is_talking
    assert np.abs(style.rest - pausing_talker.coefficients[closed].mean(0)).max() < 0.1


def test_footage_of_any_frame_times_is_measured_alike():
    slow = speaking_style(*footage(30, talks=True, fps=24))
    fast = speaking_style(*footage(30, talks=True, fps=60))

    np.testing.assert_allclose(slow.spread, fast.spread, rtol=0.1)


def test_a_single_frame_is_an_avatar_that_does_not_talk():
    style = speaking_style(np.full((1, N_SHAPE), 0.1), np.array([0.02]), np.array([0.0]))

    assert not style.is_talking
    np.testing.assert_allclose(style.rest, 0.1, rtol=1e-6)


def test_arrays_that_do_not_fit_together_are_refused():
    with pytest.raises(ValueError, match="expected"):
        speaking_style(np.zeros((5, N_SHAPE)), np.zeros(4), np.zeros(5))
    with pytest.raises(ValueError, match="n > 0"):
        speaking_style(np.zeros((0, N_SHAPE)), np.zeros(0), np.zeros(0))


def test_the_populations_style_keeps_the_rest_that_it_is_given():
    style = population_style(np.arange(N_SHAPE) / 10)

    np.testing.assert_allclose(style.rest, np.arange(N_SHAPE) / 10)
    assert not style.is_talking
