"""How far footage is looked at for a speech that shows only its beginning.

All of long footage would be looked at for minutes before a sentence of three seconds begins. What is shown has to be
known, and the person whose lips move: how they talk, and mouths to lend. That takes seconds of talk, not all of them.

    text of 3 s    |##===|                          # shown, = looked at too
    text of 8 s    |########==|
    silent at first|##===-----|                     until somebody has talked, or twice as far
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np

from lipwright.articulation.style import TALKING_RANGE_IO
from lipwright.core.face import FaceChoice, SeenFace

TEXT_S: Final = 5
"""The least that is looked at where a text is to be said: somebody may wait for its first frame."""
RECORDING_S: Final = 20
"""The same for a recording: from so much of somebody's talk on, more changes little (docs/benchmarks.md)."""
_FARTHEST: Final = 2
"""So many times as far is looked on for somebody who talks."""
_IN_SIGHT: Final = 0.6
"""Who speaks is in sight for this share of what has to be looked at."""


def far_enough_s(speech_s: Fraction, footage_s: Fraction, least_s: int) -> Fraction | None:
    """For how long footage is looked at where `speech_s` of it is shown, from `least_s` on; None: all of it.

    In steps that double: footage for which one speech after the other comes is looked at anew a few times at most.
    """
    far_s = Fraction(least_s)
    while far_s < speech_s:
        far_s *= 2
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
        if len(people) < len(self.choices) or not all(_is_there(choice, people) for choice in self.choices):
            return False
        n_talkers = sum(_talks(person, float(far_s)) for person in people)
        return n_talkers >= len(self.choices) or seen_s >= _FARTHEST * far_s


def _is_there(choice: FaceChoice, people: Sequence[SeenFace]) -> bool:
    if choice.face_id is not None:
        return any(person.face_id == choice.face_id for person in people)
    if choice.point_px is not None:
        x_px, y_px = choice.point_px
        return any(person.n_frames_at(x_px, y_px) for person in people)
    return True


def _talks(person: SeenFace, far_s: float) -> bool:
    """Whether enough of their talk was seen to speak as they do."""
    frame_s = float(np.median(np.diff(person.time_s))) if len(person.time_s) > 1 else 0.0
    if frame_s * len(person.time_s) < _IN_SIGHT * far_s:
        return False
    return float(np.ptp(np.percentile(person.lip_gap, [3, 97]))) > TALKING_RANGE_IO
