"""What a job costs, by the price list of the face that it came by."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from lipwright.config import ServiceSettings
from lipwright.core.jobs import FaceName

_STEP_S: Final = 5
_STEP_BYTES: Final = 15
_HAIR_S: Final = 1e-6
"""A length that is a whole number but for rounding begins no further step."""


@dataclass(frozen=True, slots=True)
class Prices:
    settings: ServiceSettings

    def of(self, face: FaceName, *, speech_s: float | None = None, text: str | None = None) -> int:
        """Micro-dollars; with neither a length nor a text, the least that a job costs."""
        chosen = self.settings
        if face != "pixverse":
            return chosen.wavespeed_microusd_per_5s * _steps(speech_s or 0.0, _STEP_S)
        if text is not None:
            n = max(1, math.ceil(len(text.encode()) / _STEP_BYTES))
            return chosen.pixverse_credits_per_15_bytes * n * chosen.credit_microusd
        return chosen.pixverse_credits_per_s * _steps(speech_s or 0.0, 1) * chosen.credit_microusd

    def quoted(self, face: FaceName, *, speech_s: float | None = None, text: str | None = None) -> int:
        """As `of`, for who asks before: a text whose price goes by its speech is taken for as long as it will be about.

        A submit holds no such guess: who can pay for the speech as it comes out is not refused.
        """
        if text is not None and speech_s is None and not self.is_by_text(face):
            speech_s = self.expected_s(text)
        return self.of(face, speech_s=speech_s, text=text)

    def expected_s(self, text: str) -> float:
        """About how long it is when it is spoken; 0 where nothing is to be said."""
        from lipwright.voices.pace import expected_s

        return expected_s(text[: self.settings.max_text_chars])  # of a longer one no job is made

    def is_by_text(self, face: FaceName) -> bool:
        """Whether a text's price is known before it is spoken."""
        return face == "pixverse"


def _steps(length_s: float, step_s: float) -> int:
    return max(1, math.ceil((length_s - _HAIR_S) / step_s))
