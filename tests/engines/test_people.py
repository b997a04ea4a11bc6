"""Who speaks: asked for, heard, or largest."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipwright import media
from lipwright.articulation import SURE, Heard, listen
from lipwright.core.errors import FaceNotFound, InvalidOption, NoFaceFound
from lipwright.core.face import FaceChoice, SeenFace
from lipwright.core.media import Colour, VideoInfo
from lipwright.core.plan import plan_frames
from lipwright.engines.people import give_roles, memory_of, people_from, unheeded_s


@pytest.fixture(scope="module")
def heard() -> Heard:
    from lipwright.demo import speech_path

    return listen(media.read_speech(speech_path()))


@pytest.fixture
def people(heard: Heard) -> list[SeenFace]:
    """A large face that listens, on the left; and a small one, on the right, that says what is heard."""
    n = 150
    times_s = np.arange(n) / 25
    rng = np.random.default_rng(1)
    says = np.interp(times_s, np.arange(len(heard)) / 50, heard.opening)
    large, small = (np.tile(np.array(box, np.float32), (n, 1)) for box in ((0, 0, 300, 300), (400, 0, 500, 100)))
    return [
        SeenFace(1, times_s, large, (0.05 + rng.normal(0, 0.02, n)).astype(np.float32)),
        SeenFace(2, times_s, small, (0.1 + 0.03 * says).astype(np.float32)),
    ]


def ids(choices: list[str], people: list[SeenFace], heard: Heard | None) -> list[int]:
    roles = give_roles([FaceChoice.parse(text) for text in choices], people, heard, n_frames=150)
    return [role.face.face_id for role in roles]


def test_the_face_that_moves_its_lips_with_the_sound_is_chosen_else_the_largest(
    people: list[SeenFace], heard: Heard
) -> None:
    by_voice, without = (give_roles([FaceChoice.parse("auto")], people, own, n_frames=150)[0] for own in (heard, None))

    assert (by_voice.face.face_id, by_voice.face.why) == (2, "moves its lips with the footage's sound")
    assert by_voice.own_sync is not None
    assert abs(by_voice.own_sync.offset_s) < 0.02
    assert (without.face.face_id, without.face.why, without.own_sync) == (1, "the largest", None)
    assert ids(["largest"], people, heard) == [1]


def part_of(person: SeenFace, start: int, stop: int, **changed: Any) -> SeenFace:
    """Seen on these frames only."""
    some = slice(start, stop)
    rows = {name: getattr(person, name)[some] for name in ("time_s", "box_px", "lip_gap")}
    return SeenFace(changed.pop("face_id", person.face_id), **(rows | changed))


def test_of_two_who_speak_the_one_is_chosen_who_is_there_for_longer(people: list[SeenFace], heard: Heard) -> None:
    """An interview cut A B A: both talk in shots of their own, and the short shot fits a little better."""
    says = people[1]
    noise = np.random.default_rng(3).normal(0, 0.012, 150).astype(np.float32)
    often = np.r_[0:50, 100:150]
    a = SeenFace(1, says.time_s[often], says.box_px[often], (says.lip_gap + noise)[often])
    b = part_of(says, 50, 100)

    role = give_roles([FaceChoice.parse("auto")], [a, b], heard, n_frames=150)[0]
    other = give_roles([FaceChoice.parse("2")], [a, b], heard, n_frames=150)[0]
    shown = give_roles([FaceChoice.parse("auto")], [part_of(a, 50, 100), b], heard, n_frames=150, shown_s=4.0)[0]

    assert role.own_sync is not None
    assert other.own_sync is not None
    assert role.own_sync.fit < other.own_sync.fit < role.own_sync.fit + 0.1
    assert (role.face.face_id, role.face.why) == (1, "moves its lips with the footage's sound")
    assert shown.face.face_id == 2  # who speaks after the new speech has ended is not shown with it


def test_nobody_is_chosen_by_themselves_who_is_not_seen_in_what_is_shown(people: list[SeenFace], heard: Heard) -> None:
    """A speech of two seconds on an interview in which who is large, or speaks, comes into the picture later."""
    large, says = people
    later = part_of(large, 75, 150)
    alone = part_of(large, 0, 75)

    def chosen(text: str, some: list[SeenFace], shown_s: float) -> tuple[int, str]:
        face = give_roles([FaceChoice.parse(text)], some, heard, n_frames=150, shown_s=shown_s)[0].face
        return face.face_id, face.why

    assert chosen("largest", [later, says], 2.0) == (2, "the largest")
    assert chosen("largest", [later, says], 6.0) == (1, "the largest")
    assert chosen("auto", [alone, part_of(says, 50, 150)], 2.0)[0] == 1
    assert chosen("auto", [alone, part_of(says, 50, 150)], 4.0)[0] == 2
    assert chosen("2", [alone, part_of(says, 75, 150)], 2.0) == (2, "asked for")
    assert chosen("largest", [later, part_of(says, 75, 150)], 2.0) == (1, "the largest")


def test_who_listens_is_not_chosen_however_long_they_are_shown(people: list[SeenFace], heard: Heard) -> None:
    listens, says = people
    own = np.interp(listens.time_s - 0.3, np.arange(len(heard)) / 50, heard.opening)
    own = own + np.random.default_rng(2).normal(0, 0.8, 150)  # lips that fit somewhere too
    listens = replace(listens, lip_gap=(0.1 + 0.03 * own).astype(np.float32))

    role = give_roles([FaceChoice.parse("auto")], [listens, part_of(says, 0, 50)], heard, n_frames=150)[0]
    of_listener = give_roles([FaceChoice.parse("1")], [listens], heard, n_frames=150)[0].own_sync

    assert of_listener is not None
    assert of_listener.speaks
    assert role.face.face_id == 2


def test_who_talks_where_nobody_chosen_is_in_the_picture_is_known(people: list[SeenFace], heard: Heard) -> None:
    listens, says = people
    video = VideoInfo(100, 100, Fraction(25), False, 150, Fraction(6), 0, "yuv420p", 8, Colour(), "h264")
    a, b = part_of(says, 0, 75, face_id=1), part_of(says, 50, 150)
    rests = part_of(listens, 75, 150, face_id=3, lip_gap=np.full(75, 0.05, np.float32))
    seen = {person.face_id: person for person in (a, b, rests)}
    roles = give_roles([FaceChoice.parse("1")], list(seen.values()), heard, n_frames=150)

    alone = unheeded_s(roles, seen, plan_frames(video, Fraction(7)), video, Fraction(7))
    short = unheeded_s(roles, seen, plan_frames(video, Fraction(3), when_long="keep"), video, Fraction(3))

    assert alone == {2: pytest.approx(4.0, abs=0.05)}  # 3 to 6 s, and a second of them backwards
    assert short == {}


def test_who_is_lost_for_a_moment_has_not_left_the_others_alone(people: list[SeenFace], heard: Heard) -> None:
    _, says = people
    video = VideoInfo(100, 100, Fraction(25), False, 150, Fraction(6), 0, "yuv420p", 8, Colour(), "h264")
    now_and_then = np.flatnonzero(np.arange(150) % 4 != 3)
    a = replace(
        says, face_id=1, time_s=says.time_s[now_and_then], box_px=says.box_px[now_and_then],
        lip_gap=says.lip_gap[now_and_then],
    )  # fmt: skip
    b = replace(says, face_id=2)
    roles = give_roles([FaceChoice.parse("1")], [a, b], heard, n_frames=150)

    assert unheeded_s(roles, {1: a, 2: b}, plan_frames(video, Fraction(6)), video, Fraction(6)) == {}


def test_the_offset_of_who_only_listens_is_not_believed_beside_that_of_who_speaks(
    people: list[SeenFace], heard: Heard
) -> None:
    listens, says = people
    says_s = np.arange(len(heard)) / 50
    # lips that fit the sound too, less well and elsewhere
    other = np.interp(listens.time_s - 0.3, says_s, heard.opening) + np.random.default_rng(2).normal(0, 0.8, 150)
    listens = replace(listens, lip_gap=(0.1 + 0.03 * other).astype(np.float32))
    choices = [FaceChoice(face_id=1), FaceChoice(face_id=2)]

    alone, beside = (give_roles(choices[:1], seen, heard, n_frames=150)[0] for seen in ([listens], [listens, says]))
    speaker = give_roles(choices, [listens, says], heard, n_frames=150)[1]

    assert alone.own_sync is not None
    assert beside.own_sync is not None
    assert speaker.own_sync is not None
    assert alone.own_sync.confidence >= SURE  # as it looks, with nobody beside
    assert beside.own_sync.confidence == 0
    assert speaker.own_sync.confidence >= SURE


def test_faces_that_are_late_by_the_same_are_both_believed(people: list[SeenFace], heard: Heard) -> None:
    says = people[1]
    late = [replace(says, face_id=k, time_s=says.time_s + 0.12) for k in (1, 2)]

    roles = give_roles([FaceChoice(face_id=1), FaceChoice(face_id=2)], late, heard, n_frames=150)

    for role in roles:
        assert role.own_sync is not None
        assert role.own_sync.confidence >= SURE
        assert abs(role.own_sync.offset_s - 0.12) < 0.02


def test_a_point_with_its_time_is_who_is_there_then(people: list[SeenFace]) -> None:
    moved = people[0].box_px.copy()
    moved[50:] += np.array((350, 0, 350, 0), np.float32)  # where the other one was at first
    times_s, few = people[1].time_s[:40], people[1].box_px[:40]
    crossed = [
        SeenFace(1, people[0].time_s, moved, people[0].lip_gap),
        SeenFace(2, times_s, few, people[1].lip_gap[:40]),
    ]

    assert ids(["450,50"], crossed, None) == [1]  # on most frames
    assert ids(["450,50@1"], crossed, None) == [2]
    assert ids(["450,50@1.9"], crossed, None) == [2]  # lost a moment before
    assert ids(["450,50@3"], crossed, None) == [1]
    assert str(FaceChoice.parse(" 450,50@1.25 ")) == "450,50@1.25"
    for nobody in ("450,50@60", "350,50@1"):
        with pytest.raises(FaceNotFound, match="1, 2"):
            ids([nobody], crossed, None)
    for wrong in ("450,50@", "nan,50", "450,50@inf", "450@2"):
        with pytest.raises(ValueError, match="x,y@seconds"):
            FaceChoice.parse(wrong)


def test_a_point_right_after_a_cut_is_who_is_there_now(people: list[SeenFace]) -> None:
    one, other = people
    box = np.tile(np.array((0, 0, 300, 300), np.float32), (75, 1))
    shots = [SeenFace(1, one.time_s[:75], box, one.lip_gap[:75]), SeenFace(2, one.time_s[75:], box, other.lip_gap[75:])]

    assert [ids([f"150,150@{at_s}"], shots, None) for at_s in (2.5, 2.96, 3.0, 3.04, 3.4)] == [[1], [1], [2], [2], [2]]


def test_a_point_on_two_faces_means_the_one_in_whose_middle_it_is(people: list[SeenFace]) -> None:
    left, right = (np.tile(np.array(box, np.float32), (150, 1)) for box in ((100, 100, 300, 340), (230, 120, 420, 350)))
    right[:40] += 2000  # elsewhere at first
    one, other = people
    cheek_to_cheek = [
        SeenFace(1, one.time_s[40:], left[40:], one.lip_gap[40:]),
        SeenFace(2, other.time_s, right, other.lip_gap),
    ]

    assert ids(["295,235"], cheek_to_cheek, None) == [2]
    assert ids(["235,235"], cheek_to_cheek, None) == [1]
    assert ids(["295,235@4"], cheek_to_cheek, None) == [2]
    assert ids(["235,235@4"], cheek_to_cheek, None) == [1]


def test_who_is_left_when_another_was_asked_for_is_not_told_as_the_only_one(people: list[SeenFace]) -> None:
    choices = [FaceChoice.parse(text) for text in ("auto", "2")]

    whys = [role.face.why for role in give_roles(choices, people, None, n_frames=150)]
    alone = give_roles(choices[:1], people[:1], None, n_frames=150)

    assert whys == ["the only one left", "asked for"]
    assert alone[0].face.why == "the only one"


def test_faces_are_chosen_by_id_and_by_point(people: list[SeenFace]) -> None:
    assert ids(["2"], people, None) == [2]
    assert ids(["450,50"], people, None) == [2]
    for nobody in ("3", "350,50"):
        with pytest.raises(FaceNotFound, match="1, 2"):
            ids([nobody], people, None)
    with pytest.raises(NoFaceFound):
        ids(["auto"], [], None)


def test_nobody_gets_two_speeches(people: list[SeenFace], heard: Heard) -> None:
    assert ids(["auto", "2"], people, heard) == [1, 2]  # the speaker is asked for: the other one is left
    assert ids(["auto", "largest"], people, heard) == [2, 1]
    with pytest.raises(InvalidOption, match="two speeches"):
        ids(["2", "450,50"], people, heard)
    with pytest.raises(InvalidOption, match="more speeches than faces"):
        ids(["1", "2", "auto"], people, heard)


def test_people_are_remembered(people: list[SeenFace]) -> None:
    again = people_from(dict(memory_of(people)))

    assert [person.face_id for person in again] == [1, 2]
    assert again[0].area_px2 == people[0].area_px2 == 150 * 300 * 300
    assert np.array_equal(again[1].lip_gap, people[1].lip_gap)


def test_a_clip_is_spoken_for_by_the_one_whose_voice_it_has(clips: Path) -> None:
    from lipwright.engines.people import Witness
    from lipwright.vision.track import MeshTracker

    def seen(name: str, face_id: int) -> SeenFace:
        witness = Witness(MeshTracker())
        for _ in witness.track(media.open_footage(clips / "video" / name).frames(writable=False)):
            pass
        (person,) = witness.people
        return SeenFace(face_id, person.time_s, person.box_px, person.lip_gap)

    both = [seen("vr_2.mp4", 1), seen("vr_4.mp4", 2)]

    for name, face_id in (("vr_2.mp4", 1), ("vr_4.mp4", 2)):
        assert ids(["auto"], both, listen(media.read_speech(clips / "video" / name))) == [face_id]
