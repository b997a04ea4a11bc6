"""Who is looked at again is who was seen before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lipwright.core.face import SeenFace, TrackedFace
from lipwright.metrics.watch import Seen, Watched, who_is_at

FPS = 25
TIMES_S = np.arange(6 * FPS) / FPS
FACE = np.random.default_rng(0).uniform(100, 300, (478, 3)).astype(np.float32)


def someone(face_id: int, shown: NDArray[np.bool_]) -> Seen:
    seen = Seen(face_id)
    for k in np.flatnonzero(shown).tolist():
        face = TrackedFace(face_id, FACE, 1.0)
        seen.place(float(TIMES_S[k]), face)
        seen.source.add(k, float(TIMES_S[k]), face)
    return seen


def test_who_stands_at_their_place_in_another_shot_is_not_taken_for_them() -> None:
    is_first_shot = (TIMES_S < 2) | (TIMES_S >= 5.5)
    them, other = someone(1, is_first_shot), someone(2, ~is_first_shot)
    seen = Watched({1: them, 2: other}, list(range(len(TIMES_S))), TIMES_S.tolist(), is_whole=True)

    assert who_is_at(seen, them.person, TIMES_S.tolist()) is them
    assert who_is_at(seen, other.person, TIMES_S.tolist()) is other


def test_who_is_not_seen_again_is_nobody() -> None:
    then, now = TIMES_S < 2, TIMES_S >= 2
    seen = Watched({1: someone(1, now)}, list(range(len(TIMES_S))), TIMES_S.tolist(), is_whole=True)
    earlier: SeenFace = someone(2, then).person

    assert who_is_at(seen, earlier, TIMES_S.tolist()) is None


def test_times_that_a_container_rounded_are_the_same_times() -> None:
    them = someone(1, TIMES_S < 2)
    seen = Watched({1: them}, list(range(len(TIMES_S))), TIMES_S.tolist(), is_whole=True)

    assert who_is_at(seen, them.person, (TIMES_S + 0.0009).tolist()) is them
