"""The contract of voices: one sentence in, sound out. Every provider enters through `plugins`, ours too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from lipwright.core.speech import Utterance

Gender = Literal["female", "male", "unknown"]


@dataclass(frozen=True, slots=True)
class VoiceInfo:
    """A voice that can be asked for by its name."""

    name: str
    """In full: the provider, a colon, and the provider's own name, such as "espeak:de"."""
    language: str
    """What it speaks, such as "de" or "en-us"."""
    title: str
    """For people."""
    gender: Gender = "unknown"
    licence: str = ""
    is_here: bool = True
    """False where its files must be fetched first."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How something is said."""

    speed: float = 1.0
    """1 is the voice's own; 2 is twice as fast."""
    pitch: float = 0.0
    """Semitones above the voice's own. Voices that cannot change their pitch leave it."""
    is_ssml: bool = False
    """The text is a whole SSML document, already checked."""
    limit_s: float = 20.0
    """Wall clock that one sentence may take."""


@runtime_checkable
class VoiceProvider(Protocol):
    """A way of speaking. Safe to call from several threads at once."""

    name: str

    def voices(self) -> Sequence[VoiceInfo]:
        """Every voice, whether its files are here or not, in a fixed order."""
        ...

    def language_of(self, voice: str, language: str | None) -> str | None:
        """The language in which `voice` (the provider's own name, without the prefix) would say a text in `language`.

        Where `language` is None: the voice's own, or None for a voice that speaks many. Raises UnknownVoice,
        UnknownLanguage; all else counts as BrokenVoice.
        """
        ...

    def is_here(self, voice: str) -> bool:
        """Whether it can speak now. Raises UnknownVoice; all else counts as BrokenVoice."""
        ...

    def speak(self, text: str, voice: str, language: str, manner: Manner) -> Utterance:
        """Say one sentence. Its clip may be empty where there is nothing to say; a voice has one rate for all of them.

        Raises UnknownVoice, UnknownLanguage, WeightsMissing, BrokenVoice; all else counts as BrokenVoice.
        """
        ...
