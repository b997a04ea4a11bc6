from __future__ import annotations

import hashlib
import json
import re
import tracemalloc
from collections.abc import Callable
from dataclasses import fields
from fractions import Fraction
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.articulation import encoder, listen, listen_to, says_nothing
from lipwright.articulation.network import population
from lipwright.articulation.phones import PHONES
from lipwright.core.media import AudioClip
from lipwright.core.timeline import N_SHAPE
from lipwright.demo import speech_path
from lipwright.media import read_speech

from .conftest import RATE_HZ, TrackedClip, buzz, clip  # noqa: TID252  pytest gives tests no absolute name

ROOM = resources.files("lipwright.articulation")


def test_what_is_heard_comes_fifty_times_a_second_and_covers_the_speech():
    heard = listen(clip(buzz()[: RATE_HZ + 1]))

    assert len(heard) == 51
    assert heard.shape.shape == (51, N_SHAPE)
    assert heard.phones.shape == (51, len(PHONES))
    np.testing.assert_allclose(heard.phones.sum(1), 1, atol=1e-3)
    for probability in (heard.closure, heard.rest):
        assert probability.shape == (51,)
        assert ((probability >= 0) & (probability <= 1)).all()


def test_the_same_speech_is_heard_the_same_twice():
    first, second = listen(clip(buzz())), listen(clip(buzz()))

    np.testing.assert_array_equal(first.shape, second.shape)
    np.testing.assert_array_equal(first.closure, second.closure)


def test_quieter_speech_is_heard_the_same():
    usual, quiet = listen(clip(buzz())), listen(clip(buzz() * np.float32(0.03)))

    assert np.abs(usual.shape - quiet.shape).max() < 0.1
    assert np.abs(usual.rest - quiet.rest).max() < 0.1


def test_blocks_with_margins_hear_what_the_whole_hears(pausing_talker: TrackedClip):
    samples = np.tile(pausing_talker.speech.samples, 2)
    whole = listen(clip(samples))

    blocks = listen(clip(samples), block_ticks=500)

    assert len(blocks) == len(whole)
    for name in ("shape", "opening", "closure", "rest", "phones"):
        assert np.abs(getattr(blocks, name) - getattr(whole, name)).max() < 1e-4


def test_sound_that_comes_in_pieces_is_heard_as_the_whole_is(pausing_talker: TrackedClip):
    samples = pausing_talker.speech.samples
    whole = listen(clip(samples))

    heard, duration_s = listen_to(samples[k : k + 5001] for k in range(0, len(samples), 5001))

    assert duration_s == Fraction(len(samples), RATE_HZ)
    for name in ("shape", "opening", "closure", "rest", "phones", "energy_db"):
        assert np.abs(getattr(heard, name) - getattr(whole, name)).max() < 1e-4


def test_a_minute_more_of_sound_takes_no_more_memory_to_listen_to():
    peaks: list[int] = []
    noise = np.random.default_rng(0).standard_normal(RATE_HZ).astype(np.float32)
    listen_to([noise])  # what is loaded once is no part of it
    for seconds in (60, 200):
        tracemalloc.start()
        heard, _ = listen_to(noise.copy() for _ in range(seconds))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        kept = sum(getattr(heard, field.name).nbytes for field in fields(heard))
        peaks.append(peak - 2 * kept)  # once in parts, once joined

    assert peaks[1] < peaks[0] + (4 << 20)


def test_speech_that_starts_later_is_heard_later_and_otherwise_the_same(talker: TrackedClip):
    ticks = 25
    later = np.concatenate([np.zeros(ticks * RATE_HZ // 50, np.float32), talker.speech.samples])

    usual, delayed = listen(talker.speech), listen(clip(later))

    inside = slice(50, len(usual) - 50)
    moved = delayed.shape[ticks:][inside]
    assert np.corrcoef(moved[:, 0], usual.shape[inside, 0])[0, 1] > 0.98
    for slip in (-1, 1):
        slipped = delayed.shape[ticks + slip :][inside]
        assert np.abs(slipped - usual.shape[inside]).mean() > 2 * np.abs(moved - usual.shape[inside]).mean()


@pytest.mark.parametrize("n_samples", [0, 1, 160, 319, 321])
def test_the_shortest_clips_are_heard(n_samples: int):
    heard = listen(clip(buzz()[8000 : 8000 + n_samples]))

    assert len(heard) == max(1, -(-n_samples // 320))
    assert np.isfinite(heard.shape).all()


def test_silence_is_rest():
    heard = listen(clip(np.zeros(2 * RATE_HZ)))

    assert (heard.rest == 1).all()
    assert (heard.phones[:, PHONES.index("sil")] == 1).all()


def test_speech_is_not_rest(talker: TrackedClip):
    assert np.median(listen(talker.speech).rest) < 0.1


def test_speech_at_another_rate_is_refused():
    with pytest.raises(ValueError, match="16000 Hz"):
        listen(AudioClip(buzz(), 44_100))


def test_the_opening_that_is_heard_follows_the_real_lips(talker: TrackedClip):
    heard = listen(talker.speech)
    at_s = np.arange(len(heard)) / 50 + talker.lag_s

    real = np.interp(at_s, talker.times_s, talker.opening)

    assert np.corrcoef(heard.opening, real)[0, 1] > 0.6


def test_the_models_are_those_that_their_constants_and_their_card_speak_of():
    files = ("articulator.onnx", "lips.onnx", encoder.FILE)
    hashes = [hashlib.sha256(ROOM.joinpath(name).read_bytes()).hexdigest() for name in files]

    people = population()
    assert [people.model_sha256, people.lips_sha256, people.encoder_sha256] == hashes
    card = Path(__file__).resolve().parents[2] / "docs" / "models" / "articulation.md"
    stated = re.findall(r"\b[0-9a-f]{64}\b", card.read_text())
    assert set(hashes) <= set(stated)
    assert people.version in card.read_text()


def test_the_models_are_small_enough_to_travel_with_the_package():
    files = ("articulator.onnx", "lips.onnx", encoder.FILE)
    assert sum(len(ROOM.joinpath(name).read_bytes()) for name in files) <= 25_000_000


def test_what_others_made_comes_with_its_licence():
    assert "Copyright (c) 2025 Moonshine AI" in ROOM.joinpath("moonshine_tiny_encoder.LICENSE").read_text()


def test_the_constants_are_those_of_people():
    people = population()

    assert (people.spread > 0).all()
    assert ((people.shrinkage > 0) & (people.shrinkage < 1)).all()
    assert set(json.loads(ROOM.joinpath("articulator.json").read_text())) == {
        "version", "model_sha256", "lips_sha256", "encoder_sha256", "mean", "spread", "shrinkage", "opening_shrinkage",
    }  # fmt: skip


@pytest.mark.parametrize("share", [0.4, 0.5, 0.75, 0.95])
def test_speech_is_heard_alike_however_much_silence_is_around_it(share: float):
    """One speaker's part of a dialogue, a stem of a mix, the track of a gate; the room is heard with the speech."""
    said = read_speech(speech_path()).samples
    said = said + np.random.default_rng(0).normal(0, 0.01, len(said)).astype(np.float32)
    n_before = round(len(said) * share / (1 - share)) // 640 * 640

    alone = listen(AudioClip(said, 16_000))
    among = listen(AudioClip(np.concatenate([np.zeros(n_before, np.float32), said]), 16_000))

    first = n_before // 320
    n = min(len(alone), len(among) - first)
    assert not says_nothing(among)
    assert np.corrcoef(alone.opening[:n], among.opening[first : first + n])[0, 1] > 0.95
    is_said = alone.rest[:n] < 0.5
    assert (among.rest[first : first + n][is_said] < 0.5).mean() > 0.9
    assert (among.rest[: first - 25] > 0.5).all()


def test_a_door_that_slams_does_not_silence_who_speaks():
    said = read_speech(speech_path()).samples
    slam = np.random.default_rng(0).normal(0, 10 * float(said.std()), 16_000 // 3).astype(np.float32)

    alone = listen(AudioClip(said, 16_000))
    among = listen(AudioClip(np.concatenate([said, slam]), 16_000))

    n = len(alone) - 10
    assert np.corrcoef(alone.opening[:n], among.opening[:n])[0, 1] > 0.9


def spoken_at(*levels_db: float) -> NDArray[np.float32]:
    """The same two and a half seconds of speech at each of these levels, one after the other."""
    said = read_speech(speech_path()).samples[:40_000]
    return np.concatenate([said * np.float32(10 ** (level_db / 20)) for level_db in levels_db])


@pytest.mark.parametrize("level_db", [-24, -30])
def test_quiet_speech_beside_loud_speech_is_heard_as_it_is_alone(level_db: float):
    """An aside, a guest far from the microphone."""
    alone, among = listen(clip(spoken_at(0))), listen(clip(spoken_at(level_db, 0, 0)))

    inside = slice(10, 115)
    is_said = alone.rest[inside] < 0.5
    assert (among.rest[inside][is_said] < 0.5).mean() > 0.95
    assert np.corrcoef(alone.opening[inside], among.opening[inside])[0, 1] > 0.9
    assert np.corrcoef(alone.closure[inside], among.closure[inside])[0, 1] > 0.85


def test_what_a_microphone_catches_of_others_who_have_their_own_is_not_spoken():
    speech = clip(spoken_at(-30, 0, 0))
    theirs, own = listen(speech, raises_quiet=False).rest[10:115], listen(speech).rest[10:115]

    assert (theirs > 0.5).mean() > (own > 0.5).mean() + 0.5


def test_quiet_speech_is_heard_the_same_in_blocks_and_in_pieces():
    samples = spoken_at(0, -24, 0, 0)
    whole = listen(clip(samples))

    heard, _ = listen_to((samples[k : k + 5001] for k in range(0, len(samples), 5001)), block_ticks=230)

    for name in ("shape", "opening", "closure", "rest", "phones", "energy_db"):
        assert np.abs(getattr(heard, name) - getattr(whole, name)).max() < 1e-3


def _breath(rng: np.random.Generator) -> NDArray[np.float64]:
    return np.convolve(rng.normal(size=8000), [1, 0.7, 0.3, -0.3], "same") * np.hanning(8000)


def _applause(rng: np.random.Generator) -> NDArray[np.float64]:
    clapped = np.zeros(24_000)
    for start in rng.integers(0, 23_600, 90):
        clapped[start : start + 400] += np.diff(rng.normal(size=401)) * np.exp(-np.arange(400) / 60)
    return clapped


def _plucked(_rng: np.random.Generator) -> NDArray[np.float64]:
    t = np.arange(24_000) / RATE_HZ
    tones = [np.sin(2 * np.pi * tone * k * t) / k for tone in (220, 277, 330) for k in range(1, 6)]
    return np.sum(tones, axis=0) * np.exp(-4 * (3 * t % 1))


def _room(rng: np.random.Generator) -> NDArray[np.float64]:
    """What a room of 1.2 s leaves of the last word."""
    said = read_speech(speech_path()).samples[40_000 - 8000 : 40_000]
    return np.convolve(said, rng.normal(size=19_200) * np.exp(-np.arange(19_200) / 2780))[8000:]


@pytest.mark.parametrize("level_db", [-25, -32])
@pytest.mark.parametrize("noise", [_breath, _applause, _plucked, _room])
def test_other_quiet_sounds_between_sentences_remain_a_pause(
    noise: Callable[[np.random.Generator], NDArray[np.float64]], level_db: float
):
    said, rng = spoken_at(0), np.random.default_rng(3)
    other = noise(rng)
    other *= float(said.std()) / other.std() * 10 ** (level_db / 20)
    silence = np.zeros(RATE_HZ // 4)
    sound = np.concatenate([said, silence, other, silence, said])

    heard = listen(clip(sound + rng.normal(0, 1e-3 * said.std(), len(sound))))

    start = (len(said) + len(silence)) // 320
    assert np.median(heard.rest[start : start + len(other) // 320]) > 0.5
