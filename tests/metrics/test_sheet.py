"""Contact sheets show the person who speaks."""

from __future__ import annotations

import numpy as np

from lipwright.core.face import Box
from lipwright.metrics.sheet import Look, Moment, of_one_face


def look(who: str, time_s: float, change: float) -> Look:
    left = {"left": 0.0, "right": 500.0}[who] + time_s
    cell = np.full((4, 4, 3), {"left": 1, "right": 2}[who], np.uint8)
    return Look(Moment(time_s, cell, cell), Box(left, 100.0, left + 80, 180.0), change)


def shown(moments: list[list[Look]]) -> list[str]:
    return [{1: "left", 2: "right"}[int(moment.source[0, 0, 0])] for moment in of_one_face(moments)]


def test_a_mouth_that_rests_for_a_moment_gives_no_way_to_the_noise_of_another_face() -> None:
    changes = [(12.0, 0.4), (9.0, 0.3), (0.2, 1.1), (8.0, 0.2)]

    moments = [[look("right", k, b), look("left", k, a)] for k, (a, b) in enumerate(changes)]

    assert shown(moments) == ["left"] * 4


def test_where_two_people_speak_in_turn_each_is_shown_while_they_do() -> None:
    changes = [(12.0, 0.4), (0.3, 9.0), (0.2, 0.6), (8.0, 0.2)]

    moments = [[look("left", k, a), look("right", k, b)] for k, (a, b) in enumerate(changes)]

    assert shown(moments) == ["left", "right", "right", "left"]
