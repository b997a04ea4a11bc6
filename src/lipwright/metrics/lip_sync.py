"""How late are these lips, and how sure is that? The network's hearing held against lips that were tracked.

The finer witness beside `sync_offset`: it finds a shift within a frame, and knows when it found nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, sqrt
from typing import Any, Final, Literal

from lipwright.articulation import LEAST_TALK_S, Heard, agreement
from lipwright.metrics.measure import Floats, Measure, nothing

Sureness = Literal["sure", "likely", "unsure"]

SURE: Final = 0.5
LIKELY: Final = 0.2
"""Confidence from which an offset counts as sure, and as likely."""
_CHANCE_FIT, _CLEAR_FIT = 0.3, 0.5
"""Lips beside another's speech reach a correlation of 0.33 at some offset; their own, 0.8 (docs/measurements.md)."""
_MOVES_PER_S: Final = 6.0
"""Independent values in a second of speech, whose curves hold little above 3 Hz."""
_CHANCE_SIGMAS, _CLEAR_SIGMAS = 2.0, 4.0
"""The best of many offsets is two standard errors above zero by chance."""


@dataclass(frozen=True, slots=True)
class LipSync:
    """When lips and sound go together best."""

    offset: Measure
    """Positive: the picture comes later than the sound. NaN where nothing fits."""
    confidence: float
    """0..1: how much better that offset fits than others, and than chance."""
    fit: float
    """Correlation there, -1..1."""
    talk_s: float
    """Seconds of speech that it rests on."""

    @property
    def word(self) -> Sureness:
        return "sure" if self.confidence >= SURE else "likely" if self.confidence >= LIKELY else "unsure"

    @property
    def says(self) -> str:
        if self.word == "unsure":
            return self._why_unsure()
        if round(self.offset.value) == 0:
            return f"Lips and sound go together exactly ({self.word})."
        which = "late" if self.offset.value > 0 else "early"
        return f"The lips are {abs(self.offset.value):.0f} ms {which} ({self.word})."

    def _why_unsure(self) -> str:
        """Lips that do not go with their sound are one reason among others; they are not blamed for a short video."""
        if self.talk_s <= 0:
            return "Nothing is said, or the mouth hardly moves: whether lips and sound go together cannot be told."
        if self.talk_s < LEAST_TALK_S:
            talk_s = floor(10 * self.talk_s) / 10  # rounded up it may look like enough
            return f"Too short to judge: {talk_s:.1f} s of speech, and {LEAST_TALK_S:.0f} s are needed."
        if self.fit < _CLEAR_FIT:
            return "No offset fits clearly better than others: these lips may not go with this sound."
        if _sigmas(self.fit, self.talk_s) < _CLEAR_SIGMAS:
            return f"Lips and sound agree, but {self.talk_s:.1f} s of speech are too short to be sure of it."
        return "Lips and sound agree, but at several offsets alike: how far apart they are cannot be told."

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "offset_ms": round(self.offset.value, 1) if self.offset.n else None,
            "confidence": round(self.confidence, 3),
            "fit": round(self.fit, 3),
            "talk_s": round(self.talk_s, 2),
            "word": self.word,
            "says": self.says,
        }


def lip_sync(heard: Heard, lip_gap: Floats, times_s: Floats) -> LipSync:
    """Hold the lip gap (n,) IO, seen at increasing `times_s` (n,), against what was heard from time zero."""
    found = agreement(heard, lip_gap, times_s)
    if found.confidence <= 0:
        return LipSync(nothing("lip sync", "ms", 0), 0.0, found.fit, found.talk_s)
    sigmas = _sigmas(found.fit, found.talk_s)
    beyond_chance = min(
        (found.fit - _CHANCE_FIT) / (_CLEAR_FIT - _CHANCE_FIT),
        (sigmas - _CHANCE_SIGMAS) / (_CLEAR_SIGMAS - _CHANCE_SIGMAS),
    )
    confidence = found.confidence * min(1.0, max(0.0, beyond_chance))
    offset = Measure("lip sync", 1000 * found.offset_s, "ms", 0, round(found.talk_s))
    return LipSync(offset if confidence > 0 else nothing("lip sync", "ms", 0), confidence, found.fit, found.talk_s)


def _sigmas(fit: float, talk_s: float) -> float:
    """How many standard errors of chance a correlation over so much speech is above zero."""
    return fit * sqrt(_MOVES_PER_S * talk_s)
