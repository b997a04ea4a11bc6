"""What every provider of voices promises, as tests that a plugin's author inherits (pytest finds them by its name)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import ClassVar

import numpy as np

from lipwright.core.errors import UnknownVoice
from lipwright.core.media import AudioClip
from lipwright.core.options import VoiceOptions
from lipwright.core.speech import Phone, Utterance
from lipwright.core.timeline import Timeline
from lipwright.voices.base import Manner, VoiceInfo, VoiceProvider
from lipwright.voices.ipa import LOOKS
from lipwright.voices.samples import sample_text

NOBODY = "nobody-has-this-name"
COUNT = "One, two, three, four, five, six, seven, eight, nine, ten."


class VoiceContract:
    """Inherit from it, and set `provider`; each test asks it for what it lists, of which one voice must be here."""

    provider: ClassVar[type[VoiceProvider]]
    """Made as `lipwright.voices` makes it: by `with_options(options)`, or called without arguments."""
    options: ClassVar[VoiceOptions] = VoiceOptions()
    """Such as the folder in which the files of voices are."""

    def make(self) -> VoiceProvider:
        """A provider; made anew by each test."""
        kind = type(self).provider
        given: Callable[[VoiceOptions], VoiceProvider] | None = getattr(kind, "with_options", None)
        return kind() if given is None else given(self.options)

    def sentence(self, language: str) -> str:
        """What is said in a language that it lists."""
        return sample_text("", language, self.options)

    def test_it_is_a_provider_of_voices_with_a_name(self) -> None:
        made = self.make()

        assert isinstance(made, VoiceProvider), "it lacks what lipwright.voices.base.VoiceProvider has"
        assert made.name
        assert ":" not in made.name, "the name of a provider is what stands before the colon"

    def test_it_lists_each_voice_once_by_its_full_name_and_in_a_fixed_order(self) -> None:
        made = self.make()
        listed = list(made.voices())
        names = [one.name for one in listed]

        assert listed, "it lists no voice"
        assert all(isinstance(one, VoiceInfo) for one in listed)
        assert all(name.startswith(f"{made.name}:") for name in names), f"each begins with {made.name}:"
        assert len(set(names)) == len(names), "one name is listed twice"
        assert all(one.language and one.title for one in listed)
        assert list(made.voices()) == listed

    def test_what_it_lists_of_a_voice_is_so(self) -> None:
        made = self.make()

        for one in made.voices():
            own = _own(one)
            assert made.is_here(own) == one.is_here, one.name
            assert made.language_of(own, one.language), f"{one.name} does not speak the language that it is listed with"
            assert made.language_of(own, None) is None or isinstance(made.language_of(own, None), str)

    def test_it_speaks_a_sentence_in_each_language_that_it_lists(self) -> None:
        made = self.make()

        for one, text, said in self._samples(made):
            _check_sound(said.clip, one.name)
            assert said.voice.startswith(f"{made.name}:"), f"{said.voice!r} begins with {made.name}:"
            assert isinstance(said.language, str)
            assert said.language
            captions = list(said.sentences)
            assert "".join(item.value for item in captions) == text, "captions tell the sentence as it was given"
            assert captions[0].span.start_s >= 0
            assert captions[-1].span.stop_s <= said.clip.duration_s

    def test_phones_tile_the_sound_in_order_and_look_like_what_lips_can(self) -> None:
        for one, _, said in self._samples(self.make()):
            if said.phones is None:
                continue  # telling them is a choice
            assert isinstance(said.phones, Timeline)
            items = said.phones.items
            assert items, f"{one.name}: it tells no phones of a sentence; None says that they are not known"
            assert items[0].span.start_s == 0, "they begin with the sound: silence is a phone too"
            assert items[-1].span.stop_s == said.clip.duration_s, "they end with the sound"
            assert all(before.span.stop_s == after.span.start_s for before, after in pairwise(items)), one.name
            assert all(isinstance(item.value, Phone) and item.value.looks for item in items)
            assert {look for item in items for look in item.value.looks} <= set(LOOKS)
            assert not all(item.value.is_silence for item in items), f"{one.name} is silent"

    def test_a_voice_has_one_rate_and_speaks_again_when_it_is_asked_again(self) -> None:
        made = self.make()
        voice, language = self._one(made)

        first, again, other = (
            made.speak(text, voice, language, Manner()).clip for text in (COUNT, COUNT, self.sentence(language))
        )

        for clip in (first, again, other):
            _check_sound(clip, voice)
        assert first.rate_hz == again.rate_hz == other.rate_hz

    def test_who_speaks_faster_is_done_sooner(self) -> None:
        made = self.make()
        voice, language = self._one(made)

        slow, fast = (made.speak(COUNT, voice, language, Manner(speed=speed)).clip.duration_s for speed in (0.6, 1.8))

        assert fast < slow

    def test_where_there_is_nothing_to_say_it_says_nothing_and_does_not_fail(self) -> None:
        made = self.make()
        voice, language = self._one(made)

        for text in ("", " ", "…"):
            assert isinstance(made.speak(text, voice, language, Manner()), Utterance), repr(text)

    def test_it_speaks_in_several_threads_at_once(self) -> None:
        made = self.make()
        voice, language = self._one(made)

        with ThreadPoolExecutor(4) as pool:
            said = [pool.submit(made.speak, COUNT, voice, language, Manner()) for _ in range(4)]

        for one in said:
            _check_sound(one.result().clip, voice)

    def test_a_voice_that_it_does_not_have_is_told_as_unknown(self) -> None:
        made = self.make()
        _, language = self._one(made)

        assert _raises_unknown(lambda: made.is_here(NOBODY)), "is_here"
        assert _raises_unknown(lambda: made.language_of(NOBODY, language)), "language_of"
        assert _raises_unknown(lambda: made.speak("One.", NOBODY, language, Manner())), "speak"

    def _samples(self, made: VoiceProvider) -> Iterator[tuple[VoiceInfo, str, Utterance]]:
        """A sentence of each language, said by the first voice that is listed with it and is here."""
        languages: set[str] = set()
        for one in made.voices():
            if one.is_here and one.language not in languages:
                languages.add(one.language)
                text = self.sentence(one.language)
                spoken = made.language_of(_own(one), one.language) or one.language
                said: object = made.speak(text, _own(one), spoken, Manner())
                assert isinstance(said, Utterance), f"{one.name} gave {type(said).__name__} where an Utterance belongs"
                yield one, text, said
        assert languages, "no voice is here: tests need the files of one (`options`)"

    def _one(self, made: VoiceProvider) -> tuple[str, str]:
        """Its own name of a voice that is here, and what it speaks: English, if there is one."""
        here = sorted((one for one in made.voices() if one.is_here), key=lambda one: one.language[:2] != "en")
        assert here, "no voice is here: tests need the files of one (`options`)"
        return _own(here[0]), made.language_of(_own(here[0]), None) or here[0].language


def _own(one: VoiceInfo) -> str:
    """The provider's own name of it."""
    return one.name.partition(":")[2]


def _check_sound(clip: AudioClip, voice: str) -> None:
    assert isinstance(clip, AudioClip)
    assert clip.samples.dtype == np.float32, f"{voice}: its samples are {clip.samples.dtype}"
    assert clip.samples.ndim == 1
    assert clip.rate_hz > 0
    assert len(clip.samples), f"{voice} said nothing"
    assert np.isfinite(clip.samples).all()
    assert np.abs(clip.samples).max() <= 1, f"{voice} is louder than full scale"
    assert clip.samples.any(), f"{voice} is silent"


def _raises_unknown(call: Callable[[], object]) -> bool:
    try:
        call()
    except UnknownVoice:
        return True
    return False
