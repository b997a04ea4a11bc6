from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.articulation import Heard, listen, plan, population_style, speaking_style
from lipwright.articulation.network import N_HIDDEN, population
from lipwright.articulation.opening import opening_direction
from lipwright.articulation.phones import PHONES
from lipwright.articulation.plan import closure_strength, find_pauses, says_nothing
from lipwright.core.timeline import N_SHAPE, MouthTrack, SpeakingStyle
from lipwright.vision import shape

from .conftest import (  # noqa: TID252  pytest gives tests no absolute name
    RATE_HZ,
    TrackedClip,
    buzz,
    clip,
    read_tracked,
)

OPENING = opening_direction(shape.shape_basis())


def opening_of(track: MouthTrack) -> NDArray[np.float64]:
    """% IO at reference mouth width."""
    return 100 * (track.coefficients @ OPENING)


def talking_style(rest: float = 0.0) -> SpeakingStyle:
    people = population()
    pose = np.full(N_SHAPE, rest, np.float32)
    return SpeakingStyle(people.mean, people.spread, pose, is_talking=True, talking_s=20.0)


def said(rest: NDArray[np.float64], *, closure: NDArray[np.float64] | None = None, seed: int = 0) -> Heard:
    """A made-up hearing: moving where `rest` is 0, with vowels there and silence where it is 1."""
    n = len(rest)
    rng = np.random.default_rng(seed)
    moves = np.stack([np.convolve(rng.standard_normal(n + 8), np.ones(9) / 3, "valid") for _ in range(N_SHAPE)], axis=1)
    phones = np.zeros((n, len(PHONES)), np.float32)
    phones[:, PHONES.index("sil")] = rest
    phones[:, PHONES.index("A")] = 1 - rest
    z = (moves * population().shrinkage).astype(np.float32)
    zeros = np.zeros(n, np.float32)
    shut = zeros if closure is None else closure.astype(np.float32)
    hidden = np.zeros((n, N_HIDDEN), np.float16)
    return Heard(z, z[:, 0], z[:, 1], z[:, 2], shut, rest.astype(np.float32), phones, zeros, hidden)


def ticks(*stretches: tuple[float, float]) -> NDArray[np.float64]:
    """Values held for seconds, at 50 Hz."""
    return np.concatenate([np.full(round(50 * seconds), value) for value, seconds in stretches])


def test_the_plan_of_the_same_speech_is_the_same():
    heard = listen(clip(buzz()))

    first, second = plan(heard, talking_style()), plan(heard, talking_style())

    np.testing.assert_array_equal(first.coefficients, second.coefficients)


def test_the_plan_covers_what_was_heard_at_fifty_hertz():
    heard = listen(clip(buzz()))
    track = plan(heard, talking_style())

    assert len(track.coefficients) == len(heard)
    assert track.rate_hz == Fraction(50)
    assert np.isfinite(track.coefficients).all()


def test_every_coefficient_moves_at_the_persons_own_amplitude():
    track = plan(said(np.zeros(2000)), talking_style())

    np.testing.assert_allclose(track.coefficients.std(0)[1:], population().spread[1:], rtol=0.5)


def test_intensity_scales_the_movement_and_zero_stops_it():
    heard = said(np.zeros(500))

    full, half = plan(heard, talking_style()), plan(heard, talking_style(), intensity=0.5)
    none = plan(heard, talking_style(), intensity=0)

    assert half.coefficients[:, 1].std() == pytest.approx(full.coefficients[:, 1].std() / 2, rel=0.15)
    assert none.coefficients.std(0).max() < 1e-5
    with pytest.raises(ValueError, match="negative"):
        plan(heard, talking_style(), intensity=-1)


@pytest.mark.parametrize("intensity", [0.5, 1.5])
def test_intensity_scales_how_far_the_lips_are_apart_and_shut_lips_stay_shut(intensity: float):
    """A calm talker's mouth hung open between, at the mean of their talk."""
    shut = np.zeros(1000)
    shut[500:510] = 0.95
    heard = said(ticks((0, 8.0), (1, 0.8), (0, 11.2)), closure=shut)

    usual = opening_of(plan(heard, talking_style()))
    track = plan(heard, talking_style(), intensity=intensity)

    np.testing.assert_allclose(opening_of(track), intensity * usual, atol=0.3)
    assert opening_of(track)[502:508].max() < 0.5
    assert opening_of(track)[usual < 0.01].max() < 0.2
    assert (usual < 0.01).sum() > 20


@pytest.mark.parametrize(
    "sound",
    [
        pytest.param(np.zeros(6 * RATE_HZ), id="silence"),
        pytest.param(0.1 * np.random.default_rng(1).standard_normal(6 * RATE_HZ), id="white noise"),
        pytest.param(np.cumsum(np.random.default_rng(2).standard_normal(6 * RATE_HZ)) * 1e-3, id="rumble"),
        pytest.param(
            sum(
                np.sin(2 * np.pi * pitch * k * np.arange(6 * RATE_HZ) / RATE_HZ) / k
                for pitch in (220, 277.2, 329.6)
                for k in range(1, 8)
            )
            * 0.1
            * np.exp(-4 * (np.arange(6 * RATE_HZ) / RATE_HZ % 0.5)),
            id="chords",
        ),
        pytest.param(0.3 * np.sin(2 * np.pi * 440 * np.arange(6 * RATE_HZ) / RATE_HZ), id="a tone"),
    ],
)
def test_what_is_not_speech_leaves_the_mouth_at_its_own_rest(sound: NDArray[np.float64]):
    pose = np.linspace(0.1, 0.05, N_SHAPE).astype(np.float32)

    heard = listen(clip(sound))
    track = plan(heard, population_style(pose))

    assert says_nothing(heard)
    np.testing.assert_allclose(track.coefficients, np.tile(pose, (len(track.coefficients), 1)), atol=1e-6)
    assert (track.rest == 1).all()
    assert not track.closure.any()


def test_a_talker_stands_still_in_short_pauses_as_parted_as_the_sound_leaves_them_and_rests_before_and_after():
    heard = said(ticks((1, 1.0), (0, 2.0), (1, 0.8), (0, 2.0), (1, 0.8), (0, 2.0), (1, 1.0)))
    heard.shape[150:190] += (0.05 * OPENING / (OPENING @ OPENING) / population().spread).astype(np.float32)
    style = talking_style(rest=-0.01)

    track = plan(heard, style)

    first, second = track.coefficients[165:180], track.coefficients[305:320]
    for held in (first, second):
        assert 100 * np.ptp(held @ OPENING) < 0.2
        assert (held @ OPENING).min() >= 0
    assert (first @ OPENING).mean() > (second @ OPENING).mean() + 0.02
    np.testing.assert_allclose(track.coefficients[:30], np.tile(style.rest, (30, 1)), atol=1e-6)
    np.testing.assert_allclose(track.coefficients[-30:], np.tile(style.rest, (30, 1)), atol=1e-6)


def test_a_long_pause_brings_also_a_talker_to_rest():
    style = talking_style(rest=-0.01)

    track = plan(said(ticks((0, 2.0), (1, 2.5), (0, 2.0))), style)

    np.testing.assert_allclose(track.coefficients[120:205], np.tile(style.rest, (85, 1)), atol=1e-6)


def test_an_avatar_that_does_not_talk_rests_in_its_own_pose_in_every_pause():
    pose = np.full(N_SHAPE, 0.03, np.float32)

    track = plan(said(ticks((0, 2.0), (1, 0.8), (0, 2.0))), population_style(pose))

    np.testing.assert_allclose(track.coefficients[116:128], np.tile(pose, (12, 1)), atol=1e-6)


def test_who_smiles_with_parted_lips_goes_back_to_that_smile_only_in_long_pauses():
    pose = (0.12 * OPENING / (OPENING @ OPENING)).astype(np.float32)

    track = plan(said(ticks((0, 2.0), (1, 0.8), (0, 2.0), (1, 2.5), (0, 2.0))), population_style(pose))

    short, long = slice(115, 127), slice(270, 340)
    assert opening_of(track)[short].max() < 8  # not the 12 of the smile
    assert np.ptp(opening_of(track)[short]) < 0.5
    assert track.rest[short].max() == 0  # their own pixels would show the smile
    np.testing.assert_allclose(track.coefficients[long], np.tile(pose, (70, 1)), atol=1e-6)
    assert track.rest[long].min() > 0.999


def test_a_gap_too_short_to_be_a_pause_is_left_to_speech():
    assert find_pauses(said(ticks((0, 1.0), (1, 0.14), (0, 1.0))), is_talker=True) == []


def test_a_click_in_silence_is_not_speech():
    assert not says_nothing(said(ticks((1, 5.0), (0, 0.4), (1, 5.0))))
    pauses = find_pauses(said(ticks((1, 1.0), (0, 0.06), (1, 1.0))), is_talker=True)

    assert [(p.start, p.stop, p.kind) for p in pauses] == [(0, 103, "rest")]


def test_the_way_into_and_out_of_a_pause_is_eased():
    track = plan(said(ticks((0, 2.0), (1, 1.0), (0, 2.0))), talking_style())

    assert np.abs(np.diff(track.rest)).max() < 0.2
    assert track.rest[100] < 0.05
    assert track.rest[120] == 1.0


def test_the_lips_leave_a_pause_ahead_of_the_sound():
    heard = said(ticks((1, 2.0), (0, 2.0)))

    track = plan(heard, talking_style())

    assert track.rest[100] < 0.05
    assert 0.2 < track.rest[95] < 0.8
    assert track.rest[86] > 0.95


def test_closures_survive_smoothing():
    shut = np.zeros(300)
    shut[100:104] = shut[200:203] = 0.95

    track = plan(said(np.zeros(300), closure=shut), talking_style())

    assert track.closure[101] > 0.9
    assert track.closure[201] > 0.9
    assert opening_of(track)[[101, 102, 201]].max() < 1.0
    assert track.closure[150] == 0


def _hummed(level_db: float) -> MouthTrack:
    """Speech, 0.8 s of something that is no phone and that sounds like shut lips, speech."""
    rest = ticks((0, 1.0), (1, 0.8), (0, 1.0))
    heard = said(rest, closure=0.4 * rest)
    return plan(replace(heard, energy_db=np.where(rest > 0, level_db, 0.0).astype(np.float32)), talking_style())


def test_a_hum_in_mid_speech_is_held_with_shut_lips():
    track = _hummed(-5.0)

    assert opening_of(track)[66:78].max() < 0.5
    assert track.closure[66:78].min() > 0.9
    assert np.ptp(opening_of(track)[66:78]) < 0.5
    assert track.closure[[10, 40, 100, 130]].max() == 0


def test_a_short_pause_in_which_a_closure_is_imagined_keeps_the_lips_parted():
    track = _hummed(-20.0)

    assert opening_of(track)[66:78].min() > 1.0
    assert track.closure[66:78].max() == 0


def test_lips_touch_at_the_peak_of_a_likely_closure_and_not_all_along_it():
    likely = 0.85 * np.exp(-0.5 * ((np.arange(100) - 50) / 6.0) ** 2)

    firm = closure_strength(said(np.zeros(100), closure=likely))

    assert firm[50] > 0.95
    assert 3 <= (firm > 0.5).sum() <= 7, "of 17 ticks in which they are likelier shut than not"


def test_doubtful_closures_are_left_alone():
    assert closure_strength(said(np.zeros(50), closure=np.full(50, 0.2))).max() == 0


def test_lips_never_pass_through_each_other():
    track = plan(said(np.zeros(2000)), talking_style(), intensity=2.0)

    assert opening_of(track).min() > -0.01


@pytest.mark.parametrize(
    ("delay_ms", "most_io"),
    [
        pytest.param(480, 0.15, id="by a whole number of the encoder's rows"),
        pytest.param(500, 0.5, id="between them, where every sound falls otherwise into its rows of 24 ms"),
    ],
)
def test_a_plan_of_delayed_speech_is_the_delayed_plan(talker: TrackedClip, delay_ms: int, most_io: float):
    style = speaking_style(talker.coefficients, talker.opening, talker.times_s)
    later = np.concatenate([np.zeros(RATE_HZ * delay_ms // 1000, np.float32), talker.speech.samples])

    usual = opening_of(plan(listen(talker.speech), style))
    delayed = opening_of(plan(listen(clip(later)), style))

    inside, ticks = slice(50, len(usual) - 50), delay_ms // 20
    errors = [np.abs(delayed[ticks + slip :][inside] - usual[inside]).mean() for slip in (-1, 0, 1)]
    assert int(np.argmin(errors)) == 1
    assert errors[1] < most_io


def test_nothing_in_the_plan_shifts_time():
    heard = said(np.zeros(401))
    shape_alone = np.zeros_like(heard.shape)
    shape_alone[200, 0] = 1.0
    impulse = replace(heard, shape=shape_alone)

    moved = plan(impulse, talking_style()).coefficients[:, 0] - talking_style().mean[0]

    np.testing.assert_allclose(moved[150:251], moved[150:251][::-1], atol=1e-6)
    assert int(np.argmax(moved)) == 200


def test_ten_milliseconds_can_be_planned():
    track = plan(listen(clip(buzz()[8000:8160])), talking_style())

    assert len(track.coefficients) == 1


def test_a_real_clips_plan_follows_its_own_lips(talker: TrackedClip):
    style = speaking_style(talker.coefficients, talker.opening, talker.times_s)
    track = plan(listen(talker.speech), style)
    at_s = np.arange(len(track.coefficients)) / 50 + talker.lag_s

    shapes = talker.closed + shape.shape_basis().decode(track.coefficients.astype(np.float64), talker.closed)

    real_opening, real_width = (np.interp(at_s, talker.times_s, real) for real in (talker.opening, talker.width))
    assert np.corrcoef(shape.opening(shapes), real_opening)[0, 1] > 0.6
    assert np.corrcoef(shape.width(shapes), real_width)[0, 1] > 0.4
    assert shape.opening(shapes).mean() == pytest.approx(real_opening.mean(), abs=0.03)


def test_pauses_of_a_real_talker_stand_still(pausing_talker: TrackedClip):
    style = speaking_style(pausing_talker.coefficients, pausing_talker.opening, pausing_talker.times_s)
    track = plan(listen(pausing_talker.speech), style)

    held = track.rest > 0.99
    assert held.sum() > 50
    edges = np.flatnonzero(np.diff(held.astype(int))) + 1
    for part in np.split(np.arange(len(held)), edges):
        if held[part[0]]:
            assert opening_of(track)[part].std() < 0.5


@pytest.mark.parametrize("name", ["vr_4", "it_ref", "ls_demo1", "sty_andrew_clip_1"])
def test_in_speech_lips_are_shut_for_no_longer_than_their_owners(faces: Path, name: str):
    person = read_tracked(faces, name)
    track = plan(listen(person.speech), speaking_style(person.coefficients, person.opening, person.times_s))
    real = np.interp(np.arange(len(track.closure)) / 50 + person.lag_s, person.times_s, person.opening)

    speaks = track.rest < 0.5
    assert (track.closure > 0.5)[speaks].mean() < (real < 0.015)[speaks].mean() + 0.05
