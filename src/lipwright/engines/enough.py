"""How far footage is looked at for a speech that shows only its beginning.

All of long footage would be looked at for minutes before a sentence of three seconds begins. What is shown has to be
known, and the person whose lips move: how they talk, and mouths to lend. That takes seconds of talk, not all of them.

    text of 3 s    |###=|                           # shown, = looked at too
    text of 9 s    |#########=|
    silent at first|###=----|                       until somebody has opened and closed their lips, or twice as far
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np

from lipwright.core.face import FaceChoice, SeenFace, talks

TEXT_S: Final = 4
"""The least that is looked at where a text is to be said: somebody may wait for its first frame."""
RECORDING_S: Final = 20
"""The same for a recording: from so much of somebody's talk on, more changes little (docs/measurements.md)."""
_STEPS: Final = (Fraction(1), Fraction(5, 4), Fraction(3, 2), Fraction(2))
"""How far is looked, from one doubling of the least to the next: at most a third farther than is shown."""
_FARTHEST: Final = 2
"""So many times as far is looked on for somebody who talks, where the footage has sound."""
_IN_SIGHT: Final = 0.6
"""Who speaks is in sight for this share of what has to be looked at."""
_TOGETHER_IO: Final = 0.01
_TOGETHER_S: Final = 0.15
"""So long lips are seen that are no farther apart than that: lent to a p, b or m, lips that were apart look parted."""


def far_enough_s(speech_s: Fraction, footage_s: Fraction, least_s: int) -> Fraction | None:
    """For how long footage is looked at where `speech_s` of it is shown, from `least_s` on; None: all of it.

    In steps: footage for which one speech after the other comes is looked at anew a few times at most.
    """
    far_s = Fraction(least_s)
    while 2 * far_s < speech_s:
        far_s *= 2
    far_s = next(step * far_s for step in _STEPS if step * far_s >= speech_s)
    return far_s if far_s < footage_s else None


@dataclass(frozen=True, slots=True)
class Enough:
    """When the footage was looked at for long enough."""

    speech_s: Future[Fraction]
    """How long the speech lasts, the longest of several: waited for once `least_s` are over."""
    footage_s: Fraction
    least_s: int
    """No less is looked at than this."""
    choices: Sequence[FaceChoice]
    """Of those who shall speak."""
    has_sound: bool
    """Whether the footage has any: who rests in footage without is not expected to talk later."""
    is_sound: Callable[[Fraction], bool]
    """Whether the frames up to a time are those that the file promised; else only its end tells what there is."""

    @property
    def is_known(self) -> bool:
        """Whether `far_s` can be told at once."""
        return self.speech_s.done()

    def far_s(self) -> Fraction | None:
        """As `far_enough_s`. Raises what making the speech raises."""
        return far_enough_s(self.speech_s.result(), self.footage_s, self.least_s)

    def is_reached(self, seen_s: Fraction, people: Sequence[SeenFace]) -> bool:
        """Whether `people`, who are all that was seen in the first `seen_s`, will do. Raises what `far_s` raises."""
        if seen_s < self.least_s or not people:
            return False
        far_s = self.far_s()
        if far_s is None or seen_s < far_s or not self.is_sound(seen_s):
            return False
        if len(people) < len(self.choices) or not all(_is_there(choice, people, seen_s) for choice in self.choices):
            return False
        talkers = [person for person in people if _talks(person, float(far_s))]
        if sum(map(_shuts, talkers)) >= len(self.choices):
            return True
        return seen_s >= far_s * (_FARTHEST if self.has_sound or talkers else 1)


def _is_there(choice: FaceChoice, people: Sequence[SeenFace], seen_s: Fraction) -> bool:
    if choice.face_id is not None:
        return any(person.face_id == choice.face_id for person in people)
    if choice.point_px is not None:
        if choice.at_s is not None:  # who was there a moment before may not be who is there then
            return choice.at_s <= seen_s
        return any(person.n_frames_at(*choice.point_px) for person in people)
    return True


def _talks(person: SeenFace, far_s: float) -> bool:
    """Whether enough of their talk was seen to speak as they do."""
    if _frame_s(person) * len(person.time_s) < _IN_SIGHT * far_s:
        return False
    return talks(person.lip_gap)


def _shuts(person: SeenFace) -> bool:
    """Whether lips were seen to lend where they have to meet."""
    return _frame_s(person) * np.count_nonzero(person.lip_gap < _TOGETHER_IO) >= _TOGETHER_S


def _frame_s(person: SeenFace) -> float:
    return float(np.median(np.diff(person.time_s))) if len(person.time_s) > 1 else 0.0
