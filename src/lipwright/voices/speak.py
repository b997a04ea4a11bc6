"""Text to speech with timed phones: choose who speaks, cut the text at its sentences, say them, join them.

text ──> language ──> speaker ──> voice
  └────> sentences ──> each said by itself, several at once ──> joined with pauses ──> Utterance
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from numbers import Integral, Rational
from pathlib import Path
from traceback import extract_tb
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lipwright import plugins
from lipwright.core.errors import (
    BrokenVoice,
    LipwrightError,
    NothingToSay,
    UnknownLanguage,
    UnknownVoice,
)
from lipwright.core.media import AudioClip
from lipwright.core.options import VoiceOptions, of_kind, text_or_id, within
from lipwright.core.speech import SILENCE, Phone, Utterance
from lipwright.core.time import Span
from lipwright.core.timeline import Timed, Timeline
from lipwright.voices.base import Gender, Manner, VoiceInfo, VoiceProvider
from lipwright.voices.ipa import LOOKS
from lipwright.voices.language import check_letters, detect_language
from lipwright.voices.pitch import LOW_BELOW_HZ, median_pitch_hz
from lipwright.voices.speakers import AUTO, Speaker, read_speakers
from lipwright.voices.ssml import language_of, spoken_text
from lipwright.voices.text import Sentence, aloud, can_be_said, check_length, has_words, readable, sentences

T = TypeVar("T")

_AT_ONCE = 4
_SLOWEST, _FASTEST, _MOST_SEMITONES = 0.5, 2.0, 12.0
_SSML_PATIENCE = 10
"""An SSML document is said in one go: it may take as long as so many sentences."""
_FOR_ITS_AUTHOR = "whoever wrote it can test it with lipwright.testing.VoiceContract"


@dataclass(frozen=True, slots=True)
class _Choice:
    """Who speaks, and how."""

    provider: VoiceProvider
    voice: str
    """The provider's own name."""
    language: str
    speed: float = 1.0
    pitch: float = 0.0

    @property
    def full_name(self) -> str:
        return f"{self.provider.name}:{self.voice}"


def speak(
    text: str,
    voice: str = "auto",
    language: str | None = None,
    *,
    speed: float = 1.0,
    pitch: float = 0.0,
    is_ssml: bool = False,
    like: AudioClip | None = None,
    options: VoiceOptions | None = None,
) -> Utterance:
    """Say a text.

    `voice` is a speaker's id or name ("7", "Harper"), a voice in full ("espeak:de+f2", as `voices` lists them), or
    `auto`: a speaker as high as the voice of `like` (the sound of the footage), else the table's own choice.
    `language` is a code such as "de" or "pt-BR"; None finds it out (SSML may tell it: `xml:lang`). `speed` is 0.5 to 2,
    `pitch` in semitones, -12 to 12.

    A sentence at which the voice breaks down is left out, and `notes` tells so. Raises EmptyText, NothingToSay,
    TextTooLong, UnknownVoice, UnknownLanguage, BrokenSsml, InvalidOption, WeightsMissing; BrokenVoice where nothing
    at all could be said.
    """
    options = VoiceOptions() if options is None else options
    voice = text_or_id("voice", voice)
    of_kind("text", text, str, "give text")
    if language is not None:
        of_kind("language", language, str, "give a code such as de or pt-BR")
    speed = within("speed", speed, _SLOWEST, _FASTEST)
    pitch = within("pitch", pitch, -_MOST_SEMITONES, _MOST_SEMITONES)
    check_length(text, options.max_chars)
    plain = spoken_text(text) if is_ssml else text
    if not has_words(readable(plain)):
        raise NothingToSay
    told = language_of(text) if is_ssml and language is None else language
    choice = _choose(voice, told, plain, like, options)
    limit_s = options.sentence_limit_s * (_SSML_PATIENCE if is_ssml else 1)
    manner = Manner(speed * choice.speed, pitch + choice.pitch, is_ssml, limit_s)
    said = [Sentence(text, 0.0)] if is_ssml else sentences(text)
    parts, broken = _say_all(said, choice, manner)
    if is_ssml:
        parts = [None if part is None else _titled(part, plain) for part in parts]
    return _joined(said, parts, choice, _notes(said, broken, choice))


def check(
    voice: str,
    language: str | None = None,
    text: str | None = None,
    *,
    is_ssml: bool = False,
    options: VoiceOptions | None = None,
) -> None:
    """Raise what `speak` would, as far as that can be told in milliseconds, and never where it would not.

    UnknownVoice, UnknownLanguage; and of a text that is given NothingToSay and BrokenSsml.
    """
    options = VoiceOptions() if options is None else options
    plain = ""
    if text is not None:
        plain = spoken_text(text) if is_ssml else text
        if not can_be_said(plain):
            raise NothingToSay
        language = language_of(text) if is_ssml and language is None else language
    wanted = None if language is None or language.strip().lower() in ("", "auto") else language.strip()
    table = read_speakers(options.speakers)
    speaker = table.find(voice)
    if speaker is None:
        named, own = _find(voice, options)
        wanted = _language_of(named, own, wanted)
    elif wanted is not None:
        _for_speaker(table.chosen("unknown") if speaker.name == AUTO else speaker, wanted, options)
    if wanted is None:  # it would be found out by the text
        check_letters(plain)


def _choose(voice: str, language: str | None, text: str, like: AudioClip | None, options: VoiceOptions) -> _Choice:
    if language is not None and language.strip().lower() in ("", "auto"):
        language = None
    table = read_speakers(options.speakers)
    speaker = table.find(voice)
    if speaker is not None:
        spoken = detect_language(text) if language is None else language.strip()
        if speaker.name == AUTO:
            speaker = table.chosen(_gender(like))
        return _for_speaker(speaker, spoken, options)
    named, own = _find(voice, options)
    wanted = _language_of(named, own, None if language is None else language.strip())
    return _Choice(named, own, detect_language(text) if wanted is None else wanted)


def _for_speaker(speaker: Speaker, language: str, options: VoiceOptions) -> _Choice:
    for name in speaker.better_for(language.lower().replace("_", "-").split("-")[0]):
        try:
            better, own = _find(name, options)
        except UnknownVoice:  # its provider is not installed
            continue
        with _blamed(name):
            is_here = better.is_here(own)
        if is_here:
            return _Choice(better, own, _language_of(better, own, language) or language)
    usual, own = _find(speaker.voice, options)
    try:
        spoken = _language_of(usual, own, language)
    except UnknownLanguage as exc:
        raise UnknownLanguage(language) from exc
    return _Choice(usual, own, spoken or language, speaker.speed, speaker.pitch)


def _gender(like: AudioClip | None) -> Gender:
    pitch_hz = None if like is None else median_pitch_hz(like)
    if pitch_hz is None:
        return "unknown"
    return "male" if pitch_hz < LOW_BELOW_HZ else "female"


def _find(name: str, options: VoiceOptions) -> tuple[VoiceProvider, str]:
    """Provider, and its own name of the voice. Raises UnknownVoice."""
    prefix, _, own = name.strip().partition(":")
    try:
        return provider(prefix, options), own
    except UnknownVoice as exc:
        raise UnknownVoice(name) from exc


@cache
def provider(name: str, options: VoiceOptions) -> VoiceProvider:
    """The provider of this name; one for all who ask. Raises UnknownVoice, BrokenVoice."""
    kind = plugins.load_voice_provider(name)
    given = getattr(kind, "with_options", None)
    try:
        made = kind() if given is None else given(options)
    except LipwrightError:
        raise
    except Exception as exc:
        raise BrokenVoice(name, plugins.why(exc)) from exc
    if not isinstance(made, VoiceProvider):
        raise BrokenVoice(name, f"{kind.__qualname__} is no provider of voices: see lipwright.voices.base")
    return made


def voices(
    language: str | None = None, *, options: VoiceOptions | None = None, notes: list[str] | None = None
) -> list[VoiceInfo]:
    """Every voice, or those that speak a language. Raises UnknownLanguage where no voice does.

    A provider that does not work is left out, and `notes` tell why.
    """
    options = VoiceOptions() if options is None else options
    found: list[VoiceInfo] = []
    for name in plugins.voice_provider_names():
        try:
            found += _listed(provider(name, options), name)
        except BrokenVoice as exc:
            if notes is not None:
                notes.append(str(exc))
    if language is None:
        return found
    wanted = language.lower().replace("_", "-")
    other = {"zh": "cmn"}.get(wanted, wanted)
    spoken = [one for one in found if _is_within(one.language.lower(), wanted) or _is_within(one.language, other)]
    if not spoken:
        raise UnknownLanguage(language)
    return spoken


def _listed(made: VoiceProvider, name: str) -> list[VoiceInfo]:
    """All of its voices. Raises BrokenVoice."""
    try:
        found = list(made.voices())
    except LipwrightError:
        raise
    except Exception as exc:
        raise BrokenVoice(name, plugins.why(exc)) from exc
    for one in found:
        _check_kind(name, "a voice that it lists", one, VoiceInfo)
    return found


def _language_of(made: VoiceProvider, own: str, language: str | None) -> str | None:
    """What `VoiceProvider.language_of` tells. Raises what it may, and BrokenVoice where the provider fails."""
    name = f"{made.name}:{own}"
    with _blamed(name):
        told = made.language_of(own, language)
    if told is not None:
        _check_kind(name, "language", told, str)
    return told


def _is_within(language: str, wanted: str) -> bool:
    return language == wanted or language.startswith(f"{wanted}-")


def _say_all(
    said: Sequence[Sentence], choice: _Choice, manner: Manner
) -> tuple[list[Utterance | None], list[LipwrightError]]:
    """Each sentence by itself: None where the voice broke down at it."""

    def say(sentence: Sentence) -> Utterance | BrokenVoice:
        text = sentence.text if manner.is_ssml else aloud(sentence.text, choice.language)
        try:
            part = _spoken(text, choice, manner)
            return part if text == sentence.text else _titled(part, sentence.text)
        except BrokenVoice as exc:
            return exc

    if len(said) == 1:
        answers = [say(said[0])]
    else:
        with ThreadPoolExecutor(min(_AT_ONCE, len(said)), "voice") as pool:
            answers = list(pool.map(say, said))
    broken: list[LipwrightError] = [answer for answer in answers if isinstance(answer, BrokenVoice)]
    if len(broken) == len(said):
        raise broken[0]
    return [None if isinstance(answer, BrokenVoice) else answer for answer in answers], broken


def _spoken(text: str, choice: _Choice, manner: Manner) -> Utterance:
    """One sentence. Raises what `VoiceProvider.speak` may, and BrokenVoice where the provider fails in another way."""
    with _blamed(choice.full_name):
        part = choice.provider.speak(text, choice.voice, choice.language, manner)
        _check(part, choice.full_name)
    return part


@contextmanager
def _blamed(name: str) -> Generator[None]:
    """Whatever the code of a voice raises, but for errors of ours, is BrokenVoice."""
    try:
        yield
    except (LipwrightError, MemoryError):
        raise
    except Exception as exc:
        broken = BrokenVoice(name, type(exc).__name__)
        # it may name an address with a key in it: for the log, and for who sits at the machine
        place = extract_tb(exc.__traceback__)[-1]
        broken.add_note(f"{plugins.why(exc)} ({Path(place.filename).name}, line {place.lineno})")
        raise broken from exc


def _broken(name: str, reason: str) -> BrokenVoice:
    """It gave what it may not give."""
    return BrokenVoice(name, f"{reason}; {_FOR_ITS_AUTHOR}")


def _check(part: object, name: str) -> None:
    """Raises BrokenVoice where it is not what `VoiceProvider.speak` promises: it would be noise, or fail far away."""
    if not isinstance(part, Utterance):
        raise _broken(name, f"it gave {type(part).__name__} where an Utterance belongs")
    # a plug-in is not held to the types that we declare
    _check_kind(name, "clip", part.clip, AudioClip)
    _check_kind(name, "samples", part.clip.samples, np.ndarray)
    _check_kind(name, "rate_hz", part.clip.rate_hz, Integral)
    _check_kind(name, "sentences", part.sentences, Timeline)
    _check_kind(name, "voice", part.voice, str)
    samples = part.clip.samples
    if samples.dtype.kind != "f":
        raise _broken(name, f"its samples are {samples.dtype}, not float32 within -1 and 1")
    if not np.isfinite(samples).all():
        raise _broken(name, "some of its samples are no finite numbers")
    if part.phones is not None:
        _check_kind(name, "phones", part.phones, Timeline)
    phones = () if part.phones is None else part.phones.items
    for item in phones:
        _check_kind(name, "phone", item.value, Phone)
    for item in part.sentences:
        _check_kind(name, "sentence", item.value, str)
    for span in (item.span for item in (*phones, *part.sentences)):
        _check_kind(name, "start_s", span.start_s, Rational)
        _check_kind(name, "stop_s", span.stop_s, Rational)
    if phones and phones[-1].span.stop_s > part.clip.duration_s:
        raise _broken(name, "its phones end after its sound")
    if not all(item.value.looks for item in phones):
        raise _broken(name, f"one of its phones has no looks; they may look like {', '.join(LOOKS)}")
    unknown = sorted({look for item in phones for look in item.value.looks} - set(LOOKS))
    if unknown:
        raise _broken(name, f"its phones look like {', '.join(unknown)}; they may look like {', '.join(LOOKS)}")


def _check_kind(name: str, what: str, found: object, kind: type) -> None:
    if not isinstance(found, kind):
        raise _broken(name, f"it gave {type(found).__name__} as {what} where {kind.__name__} belongs")


def _titled(part: Utterance, text: str) -> Utterance:
    """The same with this text as its caption."""
    if not part.sentences.items:
        return part
    first, last = part.sentences.items[0], part.sentences.items[-1]
    whole = Timed(Span(first.span.start_s, last.span.stop_s), text)
    return Utterance(part.clip, part.phones, Timeline((whole,)), part.voice, part.language)


def _joined(
    said: Sequence[Sentence], parts: Sequence[Utterance | None], choice: _Choice, notes: tuple[str, ...]
) -> Utterance:
    spoken = [(one, part) for one, part in zip(said, parts, strict=True) if part is not None and len(part.clip.samples)]
    if not spoken:
        raise NothingToSay
    if not any(_is_heard(part) for _, part in spoken):
        raise NothingToSay(unheard_in=choice.language)
    rate_hz = spoken[0][1].clip.rate_hz
    samples: list[NDArray[np.float32]] = []
    phones: list[Timed[Phone]] = []
    captions: list[Timed[str]] = []
    n_so_far = 0
    for number, (sentence, part) in enumerate(spoken, start=1):
        if part.clip.rate_hz != rate_hz:
            raise _broken(choice.full_name, f"it speaks at {rate_hz} and at {part.clip.rate_hz} samples/s")
        start_s = Fraction(n_so_far, rate_hz)
        samples.append(part.clip.samples)
        phones += _later(part.phones, start_s) if part.phones is not None else ()
        captions += _later(part.sentences, start_s)
        n_so_far += len(part.clip.samples)
        n_pause = round(sentence.pause_s * rate_hz) if number < len(spoken) else 0
        if n_pause:
            samples.append(np.zeros(n_pause, np.float32))
            pause = Span(Fraction(n_so_far, rate_hz), Fraction(n_so_far + n_pause, rate_hz))
            n_so_far += n_pause
            phones.append(Timed(pause, SILENCE))
    is_timed = all(part.phones is not None for _, part in spoken)
    first = spoken[0][1]
    return Utterance(
        AudioClip(np.concatenate(samples), rate_hz),
        Timeline(tuple(phones)) if is_timed else None,
        Timeline(tuple(captions)),
        first.voice,
        choice.language,
        notes,
    )


def _is_heard(part: Utterance) -> bool:
    """Whether there is a sound in it: of signs that it does not know a voice makes a moment of silence."""
    if part.phones is None:
        return bool(part.clip.samples.any())
    return not all(item.value.is_silence for item in part.phones)


def _later(timeline: Timeline[T], by_s: Fraction) -> Iterator[Timed[T]]:
    for item in timeline:
        yield Timed(Span(item.span.start_s + by_s, item.span.stop_s + by_s), item.value)


def _notes(said: Sequence[Sentence], broken: Sequence[LipwrightError], choice: _Choice) -> tuple[str, ...]:
    notes: list[str] = []
    if broken:
        notes.append(f"{len(broken)} of {len(said)} sentences could not be said and were left out: {broken[0]}")
    if choice.provider.name in ("espeak", "kokoro") and choice.language.split("-")[0] == "ja":
        n_kanji = sum("\u4e00" <= c <= "\u9fff" for one in said for c in one.text)
        if n_kanji:
            notes.append("eSpeak NG does not read kanji: write Japanese in kana, or choose another voice")
    return tuple(notes)
