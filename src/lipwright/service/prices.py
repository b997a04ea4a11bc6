"""What a job costs, by the price list of the face that it came by."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lipwright.config import ServiceSettings
from lipwright.core.jobs import FaceName, JobRequest, Media

_STEP_S: Final = 5
_STEP_BYTES: Final = 15
_HAIR_S: Final = 1e-6
"""A length that is a whole number but for rounding begins no further step."""


@dataclass(frozen=True, slots=True)
class Prices:
    settings: ServiceSettings

    def of(
        self, face: FaceName, *, speech_s: float | None = None, text: str | None = None, kept_s: float | None = None
    ) -> int:
        """Micro-dollars; with neither a length nor a text, the least that a job costs.

        What is paid for is the video that is made: as long as the speech, or `kept_s`, where footage that is longer is
        shown to its end.
        """
        chosen = self.settings
        made_s = max(speech_s or 0.0, kept_s or 0.0)
        if face != "pixverse":
            return chosen.wavespeed_microusd_per_5s * _steps(made_s, _STEP_S)
        if text is not None:
            n = max(1, math.ceil(len(text.encode()) / _STEP_BYTES))
            return chosen.pixverse_credits_per_15_bytes * n * chosen.credit_microusd
        return chosen.pixverse_credits_per_s * _steps(made_s, 1) * chosen.credit_microusd

    def of_job(self, request: JobRequest, inputs: Mapping[str, Media], *, heard_s: float | None = None) -> int:
        """By what is known of what goes in: `inputs` by their role, and how long the speech is, if it was heard."""
        kept_s = None
        if request.options.get("when_long") == "keep" and "video" in inputs:
            kept_s = inputs["video"].duration_s
        speech_s = heard_s if heard_s is not None else speech_s_of(inputs.get("audio"))
        return self.of(request.face, speech_s=speech_s, text=request.text, kept_s=kept_s)

    def quoted(
        self, face: FaceName, *, speech_s: float | None = None, text: str | None = None, kept_s: float | None = None
    ) -> int:
        """As `of`, for who asks before: a text whose price goes by its speech is taken for as long as it will be about.

        A submit holds no such guess: who can pay for the speech as it comes out is not refused.
        """
        if text is not None and speech_s is None and not self.is_by_text(face):
            speech_s = self.expected_s(text)
        return self.of(face, speech_s=speech_s, text=text, kept_s=kept_s)

    def expected_s(self, text: str) -> float:
        """About how long it is when it is spoken; 0 where nothing is to be said."""
        from lipwright.voices.pace import expected_s

        return expected_s(text[: self.settings.max_text_chars])  # of a longer one no job is made

    def is_by_text(self, face: FaceName) -> bool:
        """Whether a text's price is known before it is spoken."""
        return face == "pixverse"


def speech_s_of(speech: Media | None) -> float | None:
    """How long it is, where it need not be heard for that: what is known of a video is the length of its picture."""
    return speech.duration_s if speech is not None and speech.kind == "audio" else None


def _steps(length_s: float, step_s: float) -> int:
    return max(1, math.ceil((length_s - _HAIR_S) / step_s))
