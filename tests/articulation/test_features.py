from __future__ import annotations

import numpy as np
import pytest

from lipwright.articulation import features

from .conftest import RATE_HZ, buzz  # noqa: TID252  pytest gives tests no absolute name


def test_a_tone_lights_the_band_of_its_pitch():
    t = np.arange(RATE_HZ) / RATE_HZ
    edges_mel = np.linspace(2595 * np.log10(1 + 60 / 700), 2595 * np.log10(1 + 7600 / 700), 66)
    for pitch_hz in (300.0, 1000.0, 4000.0):
        power = features.mel_power(np.sin(2 * np.pi * pitch_hz * t).astype(np.float32))

        nearest = np.abs(edges_mel[1:-1] - 2595 * np.log10(1 + pitch_hz / 700)).argmin()
        assert abs(int(power[50].argmax()) - int(nearest)) <= 1


def test_a_click_is_seen_in_the_columns_around_its_own_time():
    sound = np.zeros(RATE_HZ, np.float32)
    sound[8000] = 1.0

    level = features.mel_power(sound).sum(1)

    middle = (level * np.arange(len(level))).sum() / level.sum()
    assert middle / features.COLUMN_RATE_HZ == pytest.approx(0.5, abs=0.001)


def test_every_band_hears_something():
    noise = np.random.default_rng(0).standard_normal(RATE_HZ).astype(np.float32)

    assert (features.mel_power(noise).mean(0) > 0).all()


def test_columns_cover_the_recording_and_are_even_in_number():
    for n_samples in (0, 1, 159, 160, 320, 321, 16_000, 16_001):
        n = features.n_columns(n_samples)

        assert n % 2 == 0
        assert n * features.HOP >= max(1, n_samples) > (n - 2) * features.HOP - 1


def test_any_block_of_columns_is_the_same_as_in_the_whole():
    sound = buzz()
    whole = features.mel_power(sound)

    for start, stop in ((0, 10), (1, 200), (77, len(whole)), (len(whole) - 2, len(whole))):
        np.testing.assert_allclose(features.mel_power(sound, start, stop), whole[start:stop], rtol=1e-4, atol=1e-9)


def test_the_picture_does_not_depend_on_gain():
    sound = buzz()
    power = features.mel_power(sound)
    quiet = features.mel_power(sound * np.float32(0.03))

    usual = features.Hearing.of(power).normalise(power)
    np.testing.assert_allclose(features.Hearing.of(quiet).normalise(quiet), usual, atol=0.01)


def test_a_microphones_offset_is_not_heard():
    sound = buzz() + 0.001 * np.random.default_rng(0).standard_normal(len(buzz())).astype(np.float32)

    usual, lifted = features.mel_power(sound), features.mel_power(sound + np.float32(0.1))

    np.testing.assert_allclose(lifted[2:-2], usual[2:-2], rtol=0.02, atol=1e-6)


def test_the_picture_does_not_depend_on_the_microphones_colour():
    power = features.mel_power(buzz())
    colour = np.exp(np.random.default_rng(1).normal(0, 0.8, features.N_BANDS)).astype(np.float32)

    usual = features.Hearing.of(power).normalise(power)
    coloured = features.Hearing.of(power * colour).normalise(power * colour)
    loud = features.Hearing.of(power).normalise(power).mean(1) > -0.5
    assert np.corrcoef(usual[loud].ravel(), coloured[loud].ravel())[0, 1] > 0.98


def test_silence_is_a_blank_picture_of_finite_numbers():
    power = features.mel_power(np.zeros(RATE_HZ, np.float32))
    hearing = features.Hearing.of(power)

    assert hearing.is_silent
    assert not hearing.normalise(power).any()


@pytest.mark.parametrize("n_samples", [0, 1, 199, 801, 16_000, 960_799, 960_801, 2_080_007])
@pytest.mark.parametrize("n_piece", [700, 16_001, 10**9])
def test_sound_that_comes_in_pieces_gives_the_columns_of_the_whole(n_samples: int, n_piece: int):
    sound = np.random.default_rng(n_samples).standard_normal(n_samples).astype(np.float32)
    pieces = [sound[k : k + n_piece] for k in range(0, n_samples, n_piece)]

    columns = np.concatenate(list(features.mel_blocks(pieces)))

    np.testing.assert_allclose(columns, features.mel_power(sound), rtol=1e-4, atol=1e-9)


def test_a_long_recording_is_measured_on_columns_evenly_spread_whatever_its_blocks():
    power = np.random.default_rng(0).random((70_001, features.N_BANDS)).astype(np.float32)
    blocks, whole = features.Measuring(), features.Measuring()

    whole.look(power)
    for start in range(0, len(power), 777):
        blocks.look(power[start : start + 777])

    expected = features.Hearing.of(power[::8])
    for found in (blocks.result(), whole.result()):
        assert found.loudness == pytest.approx(expected.loudness)
        np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-5)
