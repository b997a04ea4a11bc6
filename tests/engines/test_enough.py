"""Of long footage, no more is looked at than the speech needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipwright.cache import Cache
from lipwright.core.face import FaceChoice, TrackedFace
from lipwright.core.media import VideoFrame
from lipwright.engines.enough import Enough, far_enough_s
from lipwright.engines.recall import Study, study
from lipwright.engines.rewrite import RewriteEngine
from lipwright.media import MediaFootage, open_footage
from lipwright.testing import StillEngine
from lipwright.vision.mesh import INNER_LOWER, INNER_UPPER

FPS = 10


class People:
    """Finds one person of a portrait in whatever it is shown; from `talks_from_s` on they open their lips, and from
    `shuts_from_s` on close them too."""

    def __init__(self, face: TrackedFace) -> None:
        self.face = face
        self.comes_s = 0.0
        self.talks_from_s = 0.0
        self.shuts_from_s = 0.0
        self.other_comes_s = 1e9
        self.n_frames = 0

    def track(self, frames: Iterable[VideoFrame]) -> Iterator[tuple[VideoFrame, list[TrackedFace]]]:
        for frame in frames:
            self.n_frames += 1
            found: list[TrackedFace] = []
            if frame.time_s >= self.comes_s:
                points = self.face.landmarks.copy()
                io_px = float(np.linalg.norm(points[33] - points[263]))
                if frame.time_s >= self.talks_from_s:
                    apart_io = 0.05 * (1 + np.sin(frame.index)) + (0 if frame.time_s >= self.shuts_from_s else 0.015)
                    down = np.array((0, apart_io * io_px, 0), np.float32)
                    points[list(INNER_LOWER)] = points[list(INNER_UPPER)] + down
                found.append(TrackedFace(1, points, 1.0))
            if frame.time_s >= self.other_comes_s:
                found.append(TrackedFace(2, self.face.landmarks + np.float32(400), 1.0))
            yield frame, found


@pytest.fixture
def people(tracked: dict[int, list[TrackedFace]]) -> People:
    return People(tracked[0][0])


@pytest.fixture(scope="module")
def long_video(make_video_once: Any) -> Path:
    """24 seconds."""
    return make_video_once(n=24 * FPS, fps=FPS)


@pytest.fixture
def footage(long_video: Path) -> MediaFootage:
    return open_footage(long_video)


Look = Callable[..., Study]


@pytest.fixture
def look(footage: MediaFootage, people: People) -> Look:
    """Study the footage for a speech of so many seconds."""

    def study_it(
        speech_s: float, *choices: str, engine: Any = None, has_sound: bool = True, is_sound: bool = True, **others: Any
    ) -> Study:
        lasts: Future[Fraction] = Future()
        lasts.set_result(Fraction(speech_s))
        asked = [FaceChoice.parse(choice) for choice in choices or ("auto",)]
        enough = Enough(
            lasts, Fraction(24), 5, asked, has_sound,
            is_sound=lambda seen_s: is_sound and footage.is_as_promised(seen_s),
        )  # fmt: skip
        return study(engine or StillEngine(), people, footage, {}, enough=enough, **others)

    return study_it


@pytest.mark.parametrize(
    ("speech_s", "footage_s", "least_s", "far_s"),
    [
        (3, 60, 4, 4),
        (4, 60, 4, 4),
        (4.1, 60, 4, 5),
        (5.5, 60, 4, 6),
        (7, 60, 4, 8),
        (8, 60, 4, 8),
        (8.1, 60, 4, 10),
        (11, 60, 4, 12),
        (31, 60, 4, 32),
        (33, 60, 4, 40),
        (49, 60, 4, None),
        (3, 4, 4, None),
        (3, 60, 20, 20),
        (21, 60, 20, 25),
        (70, 90, 20, 80),
    ],
)
def test_the_time_grows_in_steps_until_the_speech_fits_in(
    speech_s: float, footage_s: int, least_s: int, far_s: int | None
) -> None:
    assert far_enough_s(Fraction(speech_s), Fraction(footage_s), least_s) == far_s


@pytest.mark.parametrize(("speech_s", "seen_s"), [(3.2, 5), (5.0, 5), (7.4, 8), (10.04, 13), (16.0, 20), (20.5, None)])
def test_footage_is_looked_at_as_far_as_the_speech_goes_or_five_seconds(
    speech_s: float, seen_s: int | None, look: Look, people: People
) -> None:
    seen = look(speech_s)

    assert seen.is_whole == (seen_s is None)
    assert people.n_frames == seen.n_frames == (24 * FPS if seen_s is None else seen_s * FPS + 1)
    assert seen.seen_s == (Fraction(24) - Fraction(1, FPS) if seen_s is None else seen_s)


def test_progress_counts_to_what_is_looked_at(look: Look) -> None:
    told: list[tuple[int, int]] = []

    look(3, progress=lambda *now: told.append(now))

    assert told[0] == (1, 51)
    assert told[-1] == (51, 51)


def test_who_is_silent_at_first_is_waited_for_twice_as_far(look: Look, people: People) -> None:
    people.talks_from_s = 6.5
    until_they_talk = look(3)
    people.talks_from_s = 1e9
    until_patience_ends = look(3)

    assert 6.5 < until_they_talk.seen_s <= 8
    assert until_patience_ends.seen_s == 10


def test_lips_that_meet_are_waited_for_twice_as_far(look: Look, people: People) -> None:
    """Lips that were apart, lent to a p, look parted."""
    people.shuts_from_s = 6.2
    until_they_meet = look(3)
    people.shuts_from_s = 1e9
    until_patience_ends = look(3)

    assert 6.2 < until_they_meet.seen_s <= 8
    assert until_patience_ends.seen_s == look(3, has_sound=False).seen_s == 10


def test_who_is_silent_in_footage_without_sound_is_not_waited_for(look: Look, people: People) -> None:
    people.talks_from_s = 6.5

    assert look(3, has_sound=False).seen_s == 5
    assert look(7, has_sound=False).seen_s == 8


def test_where_nobody_is_seen_all_of_it_is_looked_at(look: Look, people: People) -> None:
    people.comes_s = 1e9

    assert look(3).is_whole


@pytest.mark.parametrize(("choices", "seen_s"), [(["2"], 12), (["640,640"], 12), (["1"], 5), (["1", "2"], 12)])
def test_who_is_asked_for_is_found_however_late_they_come(
    choices: list[str], seen_s: int, look: Look, people: People
) -> None:
    people.other_comes_s = 11.2

    assert look(3, *choices).seen_s == seen_s


def test_the_moment_that_is_pointed_at_is_looked_at_whoever_was_there_before(look: Look, people: People) -> None:
    x_px, y_px = people.face.landmarks[1, :2]
    at = f"{x_px:.0f},{y_px:.0f}"

    assert [look(3, f"{at}@{at_s}").seen_s for at_s in (2, 5, 5.3)] == [5, 5, 6]
    assert look(3, f"{at}@40").is_whole


def test_where_two_shall_speak_two_are_looked_for_however_late_the_other_comes(look: Look, people: People) -> None:
    people.other_comes_s = 11.2
    seen = look(3, "auto", "auto")
    people.other_comes_s = 1e9

    assert seen.seen_s == 12
    assert [person.face_id for person in seen.people] == [1, 2]
    assert look(3, "auto", "auto").is_whole


def test_frames_that_are_not_those_of_the_packets_are_all_looked_at_and_progress_counts_to_the_end(look: Look) -> None:
    told: list[tuple[int, int]] = []

    assert look(3, is_sound=False, progress=lambda *now: told.append(now)).is_whole
    assert {total for _, total in told} == {24 * FPS}


def test_the_beginning_is_remembered_for_short_speeches_and_the_whole_for_all(
    look: Look, people: People, tmp_path: Path
) -> None:
    def again(speech_s: float) -> tuple[bool, int]:
        people.n_frames = 0
        seen = look(speech_s, engine=RewriteEngine(), cache=Cache(tmp_path))
        assert seen.is_kept
        assert seen.n_frames == (people.n_frames or seen.n_frames)
        return seen.is_recalled, seen.n_frames

    assert [again(3), again(4), again(8), again(3)] == [(False, 51), (True, 51), (False, 101), (True, 101)]
    assert [again(23), again(23), again(3)] == [(False, 240), (True, 240), (True, 240)]


def test_whom_the_beginning_does_not_show_is_looked_for_anew(look: Look, people: People, tmp_path: Path) -> None:
    people.other_comes_s = 11.2
    look(3, engine=RewriteEngine(), cache=Cache(tmp_path))

    seen = look(3, "2", engine=RewriteEngine(), cache=Cache(tmp_path))

    assert not seen.is_recalled
    assert [person.face_id for person in seen.people] == [1, 2]
