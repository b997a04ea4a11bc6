"""Every provider that ships keeps the contract that we ask of others, and so does the smallest one that can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from lipwright.core.errors import UnknownVoice
from lipwright.core.media import AudioClip
from lipwright.core.speech import Phone, Utterance
from lipwright.core.time import Span
from lipwright.core.timeline import Timed, Timeline
from lipwright.testing import VoiceContract
from lipwright.voices.base import Manner, VoiceInfo
from lipwright.voices.espeak import Espeak

RATE_HZ = 8000


class Hum:
    """One voice, that hums a tenth of a second for each letter."""

    name = "hum"

    def voices(self) -> Sequence[VoiceInfo]:
        return [VoiceInfo("hum:mm", "en", "Hum")]

    def is_here(self, voice: str) -> bool:
        if voice != "mm":
            raise UnknownVoice(f"hum:{voice}")
        return True

    def language_of(self, voice: str, language: str | None) -> str | None:
        self.is_here(voice)
        return "en"

    def speak(self, text: str, voice: str, language: str, manner: Manner) -> Utterance:
        self.is_here(voice)
        n_letters = sum(letter.isalpha() for letter in text)
        n = round(n_letters * RATE_HZ / 10 / manner.speed)
        clip = AudioClip(0.1 * np.sin(np.arange(n, dtype=np.float32)), RATE_HZ)
        whole = Span(Fraction(0), clip.duration_s)
        phones = Timeline((Timed(whole, Phone("m", ("PBM",))),)) if n else None
        return Utterance(clip, phones, Timeline((Timed(whole, text),) if n else ()), "hum:mm", "en")


class TestEspeak(VoiceContract):
    provider = Espeak


class TestHum(VoiceContract):
    provider = Hum


def _with(**changes: Any) -> Any:
    return lambda said: replace(said, **changes)


def _sound(change: Any) -> Any:
    return lambda said: replace(said, clip=AudioClip(change(said.clip.samples), RATE_HZ))


def _half(said: Utterance) -> Utterance:
    assert said.phones is not None
    (one,) = said.phones.items
    late = Span(one.span.stop_s / 2, one.span.stop_s)
    return replace(said, phones=Timeline((Timed(late, one.value),)))


@pytest.mark.parametrize(
    "broken",
    [
        lambda said: None,
        _sound(lambda samples: samples.astype(np.float64)),
        _sound(lambda samples: samples * np.float32(np.nan)),
        _sound(lambda samples: samples * np.float32(20)),
        _sound(lambda samples: samples * np.float32(0)),
        _sound(lambda samples: samples[:0]),
        _with(voice="mm"),
        _with(sentences=Timeline(())),
    ],
)
def test_a_voice_that_breaks_its_promise_fails_the_sentence_of_the_contract(broken: Any) -> None:
    with pytest.raises((AssertionError, AttributeError, IndexError)):
        _contract(broken).test_it_speaks_a_sentence_in_each_language_that_it_lists()


@pytest.mark.parametrize("broken", [_half, _with(phones=Timeline(()))])
def test_phones_that_leave_a_gap_fail_the_contract(broken: Any) -> None:
    with pytest.raises(AssertionError):
        _contract(broken).test_phones_tile_the_sound_in_order_and_look_like_what_lips_can()


def _contract(broken: Any) -> VoiceContract:
    """Of a voice of which `broken` changes what it says."""

    class Broken(Hum):
        def speak(self, text: str, voice: str, language: str, manner: Manner) -> Utterance:
            return broken(super().speak(text, voice, language, manner))

    class Kept(VoiceContract):
        provider = Broken

    return Kept()
