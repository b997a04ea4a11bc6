"""Speech made from text: the sound, and what is known of it because it was made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lipwright.core.media import AudioClip
from lipwright.core.timeline import Timed, Timeline


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


def timed_looks(said: Timed[Phone]) -> Iterator[tuple[str, float, float]]:
    """Each look of a phone with its start and stop in s: they share the phone's time evenly."""
    looks, start_s = said.value.looks, float(said.span.start_s)
    each_s = (float(said.span.stop_s) - start_s) / len(looks)
    for k, look in enumerate(looks):
        yield look, start_s + k * each_s, start_s + (k + 1) * each_s if k + 1 < len(looks) else float(said.span.stop_s)


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
