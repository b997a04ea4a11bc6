"""The contract of a moderator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol


@dataclass(frozen=True, slots=True)
class ModeratorOptions:
    """What the operator decides; each moderator takes of it what concerns it."""

    url: str = ""
    """Where to ask."""
    token: str = field(default="", repr=False)
    """Sent as a bearer token."""
    threshold: float = 0.5
    """How sure a detector must be, 0 to 1."""
    timeout_s: float = 60.0


class Moderator(Protocol):
    """A class that is made with one argument, its ModeratorOptions. Raises InvalidOption then."""

    licence: ClassVar[str]
    """Of the detector and its model, in a few words, for `lipwright doctor`."""

    def look(self, pictures: Sequence[bytes]) -> list[bool]:
        """True for each JPEG picture that shall not be shown, in their order. Raises ModerationFailed."""
        ...

    @staticmethod
    def missing() -> str | None:
        """What has to be installed first, in words for the operator; None: nothing."""
        ...
