"""Speech made from text: the sound, and what is known of it because it was made."""

from __future__ import annotations

from dataclasses import dataclass

from lipwright.core.media import AudioClip
from lipwright.core.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Phone:
    """One sound of speech, as its voice names it and as it looks on the lips."""

    name: str
    """Mostly IPA; empty for silence."""
    looks: tuple[str, ...]
    """One or two classes of `articulation.phones.PHONES`, in turn; `("sil",)` for silence."""

    @property
    def is_silence(self) -> bool:
        return self.looks == ("sil",)


SILENCE = Phone("", ("sil",))


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """A text, spoken."""

    clip: AudioClip
    phones: Timeline[Phone] | None
    """Tiling the clip from its first sample to its last; None where the voice does not tell."""
    sentences: Timeline[str]
    """What is said when, as it was written; for subtitles."""
    voice: str
    """The voice that spoke, in full, such as "espeak:en-us+f3"."""
    language: str
    """The language that it spoke, such as "en"."""
    notes: tuple[str, ...] = ()
    """What was done differently from what was asked, worded for the person who listens."""
