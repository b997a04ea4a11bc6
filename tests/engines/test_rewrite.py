"""The default engine on a real face: what it changes, and what it must not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.core.errors import FaceNotFound, InvalidOption, NoFaceFound
from lipwright.core.face import FaceChoice, TrackedFace
from lipwright.core.media import VideoFrame
from lipwright.core.timeline import FramePlan, MouthTrack
from lipwright.engines.base import RenderReport
from lipwright.engines.rewrite import RewriteEngine, study
from lipwright.engines.rewrite.engine import RewriteAvatar
from lipwright.engines.rewrite.interior import Palette, looks_drawn
from lipwright.engines.rewrite.patch import face_region
from lipwright.engines.rewrite.picture import Region
from lipwright.engines.rewrite.shared import Lenders
from lipwright.engines.rewrite.target import Limits, target_shapes
from lipwright.media import MediaFootage, open_footage
from lipwright.vision import mesh
from lipwright.vision.shape import PosedShapes, opening, pose_shapes, shape_basis
from lipwright.vision.track import MeshTracker

N = 40


class KnownTracker(Protocol):
    """The fixture of this name."""

    faces: dict[int, list[TrackedFace]]

    def track(self, frames: Iterable[VideoFrame]) -> Iterator[tuple[VideoFrame, list[TrackedFace]]]: ...


def plan(n: int = N) -> FramePlan:
    return FramePlan(tuple(range(n)), tuple(Fraction(k, 25) for k in range(n)), Fraction(n, 25))


def saying(coefficients: NDArray[Any], *, closure: float = 0.0, rest: float = 0.0) -> MouthTrack:
    n = len(coefficients)
    return MouthTrack(
        coefficients.astype(np.float32),
        np.full(n, closure, np.float32),
        np.full(n, rest, np.float32),
        Fraction(25),
    )


def opening_and_closing(n: int = N) -> NDArray[Any]:
    coefficients = np.zeros((n, 8))
    coefficients[:, 0] = 0.25 * (1 - np.cos(2 * np.pi * np.arange(n) / 12))
    return coefficients


def pixels(frames: list[VideoFrame]) -> list[NDArray[Any]]:
    return [np.concatenate([plane.ravel() for plane in frame.planes]) for frame in frames]


def source_frames(portrait: MediaFootage, n: int = N) -> list[VideoFrame]:
    return list(portrait.play(range(n)))


def seen_again(frames: list[VideoFrame]) -> PosedShapes:
    return pose_shapes(np.stack([faces[0].landmarks for _, faces in MeshTracker().track(frames)]).astype(np.float64))


def test_an_option_that_it_does_not_know_is_told_before_it_looks_at_anything() -> None:
    nothing: Any = None

    with pytest.raises(InvalidOption, match="`rewrite` has no such option"):
        RewriteEngine().study(nothing, tracker=nothing, options={"seed": "1", "threads": "1", "quality": "3"})


def test_every_frame_of_the_plan_comes_once_in_order_and_on_time(avatar: RewriteAvatar) -> None:
    backwards = FramePlan((5, 4, 3, 3), tuple(Fraction(k, 30) for k in range(4)), Fraction(4, 30))

    frames = list(avatar.speak(saying(opening_and_closing(4)), backwards))

    assert [frame.index for frame in frames] == [5, 4, 3, 3]
    assert [frame.time_s for frame in frames] == list(backwards.times_s)


def test_nothing_outside_the_lower_face_changes(avatar: RewriteAvatar, portrait: MediaFootage) -> None:
    frames = list(avatar.speak(saying(opening_and_closing()), plan()))

    for frame, source in zip(frames, source_frames(portrait), strict=True):
        row = avatar.face.row_of[frame.index]
        # the region in which the engine may work, for the frame's own shape and a mouth far open
        points = avatar.face.landmarks.row(row)[:, :2]
        region = face_region(points, avatar.face.posed.scale_px[row], bounds=Region(0, 0, 480, 480), step=(2, 2))
        luma, before = frame.planes[0].copy(), source.planes[0]
        reach = int(0.2 * avatar.face.posed.scale_px[row])  # an opening jaw takes the region down with it
        luma[region.top : region.bottom + reach, region.left - 8 : region.right + 8] = before[
            region.top : region.bottom + reach, region.left - 8 : region.right + 8
        ]
        np.testing.assert_array_equal(luma, before)


def test_a_bar_that_cuts_the_chin_keeps_its_straight_edge(avatar: RewriteAvatar, portrait: MediaFootage) -> None:
    frames = source_frames(portrait, 8)
    chin_y = int(min(avatar.face.landmarks.row(row)[152, 1] for row in range(len(frames))))
    top = chin_y - int(0.1 * avatar.face.posed.scale_px[0])
    for frame in frames:
        frame.planes[0][top:] = 16
    whole = FramePlan(tuple(range(8)), tuple(frame.time_s for frame in frames), Fraction(8, 25))

    seen = list(avatar.speak(saying(opening_and_closing(8)), whole, onto=iter(frames)))

    assert avatar.report.n_edited == 8
    assert all((frame.planes[0][top:] == 16).all() for frame in seen)


def test_the_mouth_opens_and_closes_as_planned(avatar: RewriteAvatar) -> None:
    planned = opening_and_closing()

    shown = opening(seen_again(list(avatar.speak(saying(planned), plan()))).shapes)

    assert np.corrcoef(shown, planned[:, 0])[0, 1] > 0.95
    assert shown.max() - shown.min() > 0.08


def test_even_a_fixed_grin_closes_its_lips(avatar: RewriteAvatar) -> None:
    frames = list(avatar.speak(saying(0.3 * opening_and_closing(), closure=1.0), plan()))

    assert opening(seen_again(frames).shapes).max() < 0.03


def test_who_says_nothing_is_left_as_they_are(avatar: RewriteAvatar, portrait: MediaFootage) -> None:
    frames = list(avatar.speak(saying(np.zeros((N, 8)), rest=1.0), plan()))

    for mine, source in zip(pixels(frames), pixels(source_frames(portrait)), strict=True):
        np.testing.assert_array_equal(mine, source)
    assert avatar.report.untouched == {"at_rest": N}
    assert avatar.report.mode == "untouched"


@pytest.mark.parametrize(("turned_deg", "opened_io", "is_frozen"), [(0, 0, True), (3, 0, False), (0, 0.03, False)])
def test_a_head_that_turns_a_little_or_lips_that_part_tell_footage_of_somebody_from_a_picture(
    portrait: MediaFootage, known_tracker: KnownTracker, turned_deg: float, opened_io: float, is_frozen: bool
) -> None:
    one = known_tracker.faces[0][0].landmarks
    io_px = float(np.linalg.norm(one[33] - one[263]))

    def moved(share: float) -> TrackedFace:
        turn = np.deg2rad(turned_deg * share)
        to = one @ np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
        to[[14, 87, 317, 178, 402, 88, 318], 1] += opened_io * io_px * share
        return replace(known_tracker.faces[0][0], landmarks=to.astype(one.dtype))

    n = len(known_tracker.faces)
    known_tracker.faces.update({k: [moved(k / n)] for k in known_tracker.faces})

    shown = RewriteEngine().prepare(portrait, tracker=known_tracker, face=FaceChoice())

    assert shown.face.is_frozen is is_frozen


def test_a_mouth_below_the_picture_is_not_called_changed(portrait: MediaFootage, known_tracker: KnownTracker) -> None:
    for index, (face,) in known_tracker.faces.items():
        lips_px = face.landmarks[list(mesh.LIPS), 1]
        below = face.landmarks + np.array((0, 480 + 60 - lips_px.min(), 0), np.float32)
        known_tracker.faces[index] = [TrackedFace(face.face_id, below, face.score)]
    avatar = RewriteEngine().prepare(portrait, tracker=known_tracker, face=FaceChoice())

    frames = list(avatar.speak(saying(opening_and_closing()), plan()))

    for mine, source in zip(pixels(frames), pixels(source_frames(portrait)), strict=True):
        np.testing.assert_array_equal(mine, source)
    assert avatar.report.n_edited == 0
    assert avatar.report.untouched == {"out_of_picture": N}


def test_a_face_turned_so_far_that_nothing_would_be_seen_is_told_as_turned(
    avatar: RewriteAvatar, portrait: MediaFootage
) -> None:
    face = avatar.face
    turned = replace(face, strength=np.full(len(face.strength), 0.005))
    aside = RewriteAvatar(portrait, replace(avatar._sitter, face=turned), {})

    list(aside.speak(saying(opening_and_closing(4)), plan(4)))

    assert aside.report.untouched == {"profile": 4}


@pytest.mark.parametrize("edge", ["left", "top"])
def test_skin_beyond_the_edge_of_the_picture_tells_no_colour(noise_frame: Callable[..., VideoFrame], edge: str) -> None:
    frame = noise_frame((160, 120))
    points = np.full((4, 2), (80, 60), np.float32)
    luma = frame.planes[0]
    luma[:] = 20
    luma[54:67, 74:87] = 180
    points[1:] = (-20, 60) if edge == "left" else (80, -20)

    assert study._mean_colour(frame, points, (0, 1, 2, 3))[0] == 180


def test_the_same_request_gives_the_same_pixels(avatar: RewriteAvatar) -> None:
    once = pixels(list(avatar.speak(saying(opening_and_closing(8)), plan(8))))
    again = pixels(list(avatar.speak(saying(opening_and_closing(8)), plan(8))))

    for a, b in zip(once, again, strict=True):
        np.testing.assert_array_equal(a, b)


def test_frames_without_a_face_pass_through_and_are_reported(
    portrait: MediaFootage, known_tracker: KnownTracker
) -> None:
    for index in range(10, 25):
        known_tracker.faces[index] = []
    avatar = RewriteEngine().prepare(portrait, tracker=known_tracker, face=FaceChoice())

    frames = list(avatar.speak(saying(opening_and_closing()), plan()))

    for mine, source in zip(pixels(frames[10:25]), pixels(source_frames(portrait)[10:25]), strict=True):
        np.testing.assert_array_equal(mine, source)
    report = avatar.report
    assert report.untouched["no_face"] == 15
    assert report.n_frames == N == report.n_edited + sum(report.untouched.values())


class Altered:
    """The portrait, some of whose frames are painted over."""

    def __init__(self, portrait: MediaFootage, paint: Callable[[VideoFrame], None]) -> None:
        self.info = portrait.info
        self._portrait = portrait
        self._paint = paint

    def frames(self, *, writable: bool = True) -> Iterator[VideoFrame]:
        assert not writable  # the study only looks
        return self.play(range(150))

    def play(self, order: Sequence[int]) -> Iterator[VideoFrame]:
        for frame in self._portrait.play(order):
            self._paint(frame)
            yield frame


def test_a_hidden_mouth_is_left_alone_and_reported(portrait: MediaFootage, known_tracker: KnownTracker) -> None:
    def cover(frame: VideoFrame) -> None:
        if 60 <= frame.index < 80:
            x, y = known_tracker.faces[frame.index][0].landmarks[13, :2].astype(int)
            frame.planes[0][y - 30 : y + 50, x - 25 : x + 120] = 30

    covered = Altered(portrait, cover)
    avatar = RewriteEngine().prepare(covered, tracker=known_tracker, face=FaceChoice())
    whole = FramePlan(tuple(range(150)), tuple(Fraction(k, 25) for k in range(150)), Fraction(6))

    frames = list(avatar.speak(saying(opening_and_closing(150)), whole))

    for mine, source in zip(pixels(frames)[60:80], pixels(list(covered.play(range(60, 80)))), strict=True):
        np.testing.assert_array_equal(mine, source)
    assert avatar.report.untouched["occluded"] >= 20
    assert avatar.report.n_edited > 100


def test_a_microphone_by_the_corner_of_the_mouth_is_not_lent_and_the_report_says_why(
    portrait: MediaFootage, known_tracker: KnownTracker
) -> None:
    for index, (face,) in known_tracker.faces.items():  # they talk
        landmarks = face.landmarks.copy()
        landmarks[list(mesh.INNER_LOWER), 1] += 6.0 * (1 + np.sin(index))
        known_tracker.faces[index] = [TrackedFace(face.face_id, landmarks, face.score)]

    def wear(frame: VideoFrame) -> None:
        x, y = known_tracker.faces[frame.index][0].landmarks[57, :2].astype(int)
        frame.planes[0][y - 5 : y + 6, x - 10 : x + 5] = 25

    told = []
    for footage in (portrait, Altered(portrait, wear)):
        avatar = RewriteEngine().prepare(footage, tracker=known_tracker, face=FaceChoice())
        list(avatar.speak(saying(opening_and_closing()), plan()))
        told.append(any("before the mouth or beside it" in note for note in avatar.report.notes))
        assert avatar.report.n_edited > 0

    assert told == [False, True]
    assert avatar.report.mode == "own-lips"


class Talker:
    """The portrait, whose lower lip goes up and down so far, and whose mouth is now wide and now narrow."""

    def __init__(self, portrait: MediaFootage, tracker: KnownTracker, far_io: float) -> None:
        for index, (face,) in tracker.faces.items():
            landmarks = face.landmarks.copy()
            io_px = float(np.linalg.norm(landmarks[33] - landmarks[263]))
            landmarks[list(mesh.INNER_LOWER)[1:-1], 1] += far_io / 2 * io_px * (1 - np.cos(0.2 * index))
            lips = landmarks[list(mesh.LIPS), 0]
            landmarks[list(mesh.LIPS), 0] += 0.15 * (lips - lips.mean()) * np.sin(0.33 * index)
            tracker.faces[index] = [TrackedFace(face.face_id, landmarks, face.score)]
        self._portrait = portrait
        self._avatar = RewriteEngine().prepare(portrait, tracker=tracker, face=FaceChoice())

    def lending_only(self, frames: Sequence[int]) -> RewriteAvatar:
        sitter = self._avatar._sitter
        assert sitter.lenders is not None
        rows = np.array(frames, np.intp)
        assert np.isin(rows, sitter.lenders.rows).all()
        lenders = Lenders(rows, np.zeros(len(rows)), np.zeros((len(rows), 840), np.float32))
        return RewriteAvatar(self._portrait, replace(sitter, lenders=lenders), {})

    def asked(self, avatar: RewriteAvatar, n_wide: int, by_io: float) -> RenderReport:
        """What 100 frames of their own mouths are told as, of which so many are to open farther."""
        shapes = avatar.face.posed.shapes(range(100))
        shapes[:n_wide, list(mesh.INNER_LOWER)[1:-1], 1] += by_io
        avatar._donors_for(avatar._script(lambda entries: shapes[entries], None, plan(100)), None)
        return avatar.report


def test_few_mouths_are_lent_to_a_speech_that_opens_no_farther_than_they_do(
    portrait: MediaFootage, known_tracker: KnownTracker
) -> None:
    talker = Talker(portrait, known_tracker, 0.12)
    one_moment = list(range(1, 16))
    opening_io = talker.lending_only(one_moment).face.opening
    little = [row for row in range(100) if opening_io[row] < 0.05 + opening_io[:100].min()]

    lent, too_wide, enough, alike = (
        talker.asked(talker.lending_only(rows), n_wide, 0.06)
        for rows, n_wide in ((one_moment, 0), (little[:16], 12), (list(range(100)), 12), (little[:1] * 30, 0))
    )

    assert (lent.mode, enough.mode) == ("retrieved", "retrieved")
    assert (too_wide.mode, alike.mode) == ("own-lips", "own-lips")
    assert "open less far" in too_wide.notes[0]
    assert "too much alike" in alike.notes[0]


def test_lips_that_were_open_where_they_are_lent_meet_in_a_dark_line(avatar: RewriteAvatar) -> None:
    """They have no line of their own: what is light there is a rim of teeth."""
    (frame,) = avatar._source.play([0])
    rows, target = np.array([0]), target_of(avatar, closure=1.0)
    (to,) = avatar._places(rows, target)
    assert avatar.face.opening[0] > 0.06

    assert avatar._edit(frame, 0, target[0], to, 1.0, ((0, 1.0),), None)

    upper, lower = to[list(mesh.INNER_UPPER)[3:-3]], to[list(mesh.INNER_LOWER)[3:-3]]
    away_px = np.array((0, 0.035 * avatar.face.posed.of(0).scale))

    def luma(points: NDArray[Any]) -> float:
        x, y = np.rint(points).astype(int).T
        return float(np.median(frame.planes[0][y, x]))

    seam = (upper + lower) / 2
    lips = min(luma(seam - away_px), luma(seam + away_px))
    assert luma(seam) < 0.85 * lips


def target_of(avatar: RewriteAvatar, *, closure: float) -> NDArray[np.float64]:
    """Their neutral mouth, (1, 478, 3)."""
    return target_shapes(np.zeros((1, 8)), np.array([closure]), avatar.face.closed, shape_basis(), Limits())


def test_who_opens_little_lends_only_where_nearly_all_frames_have_a_fitting_mouth(
    portrait: MediaFootage, known_tracker: KnownTracker
) -> None:
    """Stretched far, small mouths smear: of their frames 15 % may lack a fitting one, of others 25 %."""
    faces = dict(known_tracker.faces)
    told: list[tuple[str, float]] = []
    for far_io, n_wide in ((0.062, 8), (0.062, 20), (0.1, 20), (0.1, 33)):
        known_tracker.faces = dict(faces)
        talker = Talker(portrait, known_tracker, far_io)
        report = talker.asked(talker.lending_only(range(100)), n_wide, 0.25)
        told.append((report.mode, report.figures["uncovered_share"]))
    opening_io = talker.lending_only(range(100)).face.opening
    little = [row for row in range(150) if opening_io[row] < 0.065 + opening_io.min()]
    report = talker.asked(talker.lending_only(little), 20, 0.25)
    told.append((report.mode, report.figures["uncovered_share"]))

    modes, shares = zip(*told, strict=True)
    assert modes == ("retrieved", "own-lips", "retrieved", "own-lips", "own-lips")
    assert shares == pytest.approx((0.08, 0.2, 0.2, 0.33, 0.2), abs=0.04)


@pytest.mark.parametrize(
    "kind", ["another shot", "a black picture", "something before the face", "something that is gone again", "nothing"]
)
def test_on_frames_between_that_do_not_show_the_face_no_mouth_is_painted(
    portrait: MediaFootage, known_tracker: KnownTracker, kind: str
) -> None:
    lost = range(61, 64)
    places = {index: faces[0].landmarks[13, :2].astype(int) for index, faces in known_tracker.faces.items()}

    def paint(frame: VideoFrame) -> None:
        luma, *chroma = frame.planes
        covered = {"something before the face": range(58, 67), "something that is gone again": lost}
        if frame.index in covered.get(kind, ()):
            x, y = places[frame.index]
            luma[y - 30 : y + 50, x - 120 : x + 120] = 30
        elif kind == "another shot" and frame.index in lost:
            luma[...] = np.linspace(200, 20, luma.size).reshape(luma.shape)
        elif kind == "a black picture" and frame.index in lost:
            luma[...] = 16
            for plane in chroma:
                plane[...] = 128

    footage = Altered(portrait, paint)
    for index in lost:
        known_tracker.faces[index] = []
    avatar = RewriteEngine().prepare(footage, tracker=known_tracker, face=FaceChoice())
    order = range(50, 76)
    near = FramePlan(tuple(order), tuple(Fraction(k, 25) for k in range(len(order))), Fraction(len(order), 25))

    made = pixels(list(avatar.speak(saying(np.full((len(order), 8), 0.1)), near)))
    source = pixels(list(footage.play(order)))

    is_changed = [not np.array_equal(one, other) for one, other in zip(made, source, strict=True)]
    assert [is_changed[index - 50] for index in lost] == [kind == "nothing"] * len(lost)
    assert is_changed[0]
    assert is_changed[-1]


class OnItsSide:
    """The portrait, turned with the clock: nothing in the file says so."""

    def __init__(self, portrait: MediaFootage, turns: int, *, upright_from: int = 150) -> None:
        self.info = portrait.info
        self._portrait = portrait
        self._turns = turns
        self._upright_from = upright_from

    def frames(self, *, writable: bool = True) -> Iterator[VideoFrame]:
        return self.play(range(150))

    def play(self, order: Sequence[int]) -> Iterator[VideoFrame]:
        for frame in self._portrait.play(order):
            turns = self.turns_at(frame.index)
            planes = tuple(np.ascontiguousarray(np.rot90(plane, -turns)) for plane in frame.planes)
            yield replace(frame, planes=planes, raw=None)

    def turns_at(self, index: int) -> int:
        return self._turns if index < self._upright_from else 0

    def face(self, face: TrackedFace, index: int = 0) -> TrackedFace:
        points = face.landmarks.astype(np.float64)
        for _ in range(self.turns_at(index)):
            points[:, :2] = np.column_stack([479 - points[:, 1], points[:, 0]])
        return replace(face, landmarks=points.astype(np.float32))


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_face_on_its_side_speaks_as_it_does_upright(
    avatar: RewriteAvatar, portrait: MediaFootage, known_tracker: KnownTracker, turns: int
) -> None:
    lying = OnItsSide(portrait, turns)
    known_tracker.faces = {index: [lying.face(face) for face in faces] for index, faces in known_tracker.faces.items()}
    turned = RewriteEngine().prepare(lying, tracker=known_tracker, face=FaceChoice())
    mouth, frames = saying(opening_and_closing(12)), plan(12)

    for mine, upright in zip(turned.speak(mouth, frames), avatar.speak(mouth, frames), strict=True):
        for plane, expected in zip(mine.planes, upright.planes, strict=True):
            back = np.rot90(plane, turns).astype(int)
            # a landmark is a rounding error away, and so is a sample now and then
            assert np.abs(back - expected).max() <= 2
    assert turned.report == avatar.report


def test_a_face_that_lies_at_first_and_is_upright_then_speaks_as_it_does_upright(
    avatar: RewriteAvatar, portrait: MediaFootage, known_tracker: KnownTracker
) -> None:
    """Somebody sits up, or whoever films turns the telephone."""
    changing = OnItsSide(portrait, 1, upright_from=40)
    known_tracker.faces = {
        index: [changing.face(face, index) for face in faces] for index, faces in known_tracker.faces.items()
    }
    studied = RewriteEngine().study(changing, tracker=known_tracker)
    memory = {name: np.asarray(values) for name, values in studied.memory()}
    mouth, frames = saying(opening_and_closing(60)), plan(60)
    upright = list(avatar.speak(mouth, frames))

    for changed in (studied, RewriteEngine().recall(changing, memory, {})):
        for k, (mine, expected) in enumerate(zip(changed.avatar(1).speak(mouth, frames), upright, strict=True)):
            luma = np.rot90(mine.planes[0], changing.turns_at(k)).astype(int)
            # it is steadied a little less where the track is broken
            assert np.abs(luma - expected.planes[0]).mean() < 0.03, k


def test_footage_without_a_face_is_refused(portrait: MediaFootage, known_tracker: KnownTracker) -> None:
    known_tracker.faces.clear()
    with pytest.raises(NoFaceFound, match="150 frames"):
        RewriteEngine().prepare(portrait, tracker=known_tracker, face=FaceChoice())


def test_a_face_is_chosen_by_id_or_by_point(portrait: MediaFootage, known_tracker: KnownTracker) -> None:
    x, y = known_tracker.faces[0][0].box.centre_px
    engine = RewriteEngine()

    assert engine.prepare(portrait, tracker=known_tracker, face=FaceChoice(point_px=(x, y))).report.face_id == 1
    with pytest.raises(FaceNotFound):
        engine.prepare(portrait, tracker=known_tracker, face=FaceChoice(face_id=7))
    with pytest.raises(FaceNotFound):
        engine.prepare(portrait, tracker=known_tracker, face=FaceChoice(point_px=(1.0, 1.0)))


def test_the_library_of_mouths_stays_within_its_memory(
    portrait: MediaFootage, known_tracker: KnownTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "LIBRARY_BYTES", 1 << 20)
    gathered = study.Study()
    for frame, faces in known_tracker.track(portrait.frames()):
        gathered.observe(frame, faces)

    kept = gathered.faces[1].mouths
    assert 0 < sum(mouth.n_bytes for mouth in kept.values()) <= 1 << 20
    assert len(kept) < len(gathered.faces[1].frame_index)


def test_drawn_faces_are_told_from_people(posed: PosedShapes) -> None:
    drawn = posed.template.copy()
    drawn[[152, 148, 377], 1] = drawn[13, 1] + 0.36
    for left, right, width in ((61, 291, 0.41), (48, 278, 0.35), (469, 471, 0.165), (474, 476, 0.165)):
        middle, across = (drawn[left] + drawn[right]) / 2, drawn[right] - drawn[left]
        drawn[left] = middle - across * width / (2 * np.linalg.norm(across))
        drawn[right] = middle + across * width / (2 * np.linalg.norm(across))

    assert not looks_drawn(posed.template)
    assert looks_drawn(drawn)


def test_skin_below_a_lip_that_lends_is_as_far_from_it_as_skin_can_be(
    avatar: RewriteAvatar, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wide open, the mesh has it too close, or beyond: a sliver would be stretched to a box."""
    points = avatar.face.landmarks.row(0).astype(np.float64)
    own = avatar.face.posed.shapes(range(1))[0]
    folded = own.copy()
    folded[18, 1] = folded[17, 1] - 0.014
    target = target_shapes(np.zeros((1, 8)), np.zeros(1), avatar.face.closed, shape_basis(), Limits())[0]
    monkeypatch.setattr(type(avatar.face.posed), "shape", lambda *_: folded.copy())
    moved = avatar._unfolded(0, points, target) - points
    as_folded = avatar._unfolded(0, points, folded) - points

    assert moved[18, 1] > 0.03 * avatar.face.posed.scale_px[0]
    assert np.abs(moved[list(mesh.LIPS)]).max() < 1e-6
    assert np.abs(as_folded).max() < 1e-6  # what shall look so is left so


def test_the_lip_of_a_mouth_that_was_wide_open_does_not_come_to_lie_on_the_chin(
    avatar: RewriteAvatar, portrait: MediaFootage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mesh follows it down, and leaves the skin below it behind."""
    points, io_px = avatar.face.landmarks.row(0).astype(np.float64), avatar.face.posed.scale_px[0]
    target = target_shapes(np.zeros((1, 8)), np.zeros(1), avatar.face.closed, shape_basis(), Limits())
    (to,) = avatar._places(np.arange(1), target)
    for below_io in (0.25, 0.35):
        yawning = points.copy()
        yawning[[point for ring in mesh.LOWER_RINGS for point in ring[1:-1]], 1] += below_io * io_px
        (frame,) = source_frames(portrait, 1)
        red = frame.planes[2]
        left, right = (yawning[[84, 314], 0] / 2).astype(int)
        top, bottom = (yawning[[14, 17], 1] / 2).astype(int)
        red[top:bottom, left:right] = 220
        monkeypatch.setattr(type(avatar.face.landmarks), "row", lambda *_, seen=yawning: seen.copy())

        assert avatar._edit(frame, 0, target[0], to, 1.0, None, None)

        chin = slice(int(to[200, 1]) // 2 - 2, int(to[152, 1]) // 2)
        assert red[chin, left:right].max() < 160


def test_a_talking_person_speaks_with_their_own_mouth(clips: Path) -> None:
    """Self-reenactment: the footage is driven by its own lips, half a clip later."""
    footage = open_footage(clips / "video" / "vr_2.mp4")
    avatar = RewriteEngine().prepare(footage, tracker=MeshTracker(), face=FaceChoice())
    n = len(avatar.face.frame_index)
    source = (np.arange(n) + n // 2) % n
    wanted = avatar.face.posed.shapes(source)
    whole = FramePlan(tuple(range(n)), tuple(Fraction(k, 25) for k in range(n)), Fraction(n, 25))

    def near(k: int) -> NDArray[Any]:
        return np.abs(np.arange(n) - source[k]) <= 12

    shown = seen_again(list(avatar.render(wanted, whole, forbidden=near))).shapes

    assert avatar.report.mode == "retrieved"
    assert avatar.report.n_donor_changes <= 0.10 * n
    assert np.corrcoef(opening(shown), opening(wanted))[0, 1] > 0.95
    lips = list(mesh.LIPS)
    assert np.linalg.norm((shown - wanted)[:, lips, :2], axis=-1).mean() < 0.02


def test_into_a_picture_without_colours_none_are_drawn() -> None:
    assert Palette.from_face(np.array((151.0, 150.0, 150.0)), np.array((110.0, 110.0, 110.0)), "photo").saturation == 0
    assert Palette.from_face(np.array((190.0, 150.0, 130.0)), np.array((160.0, 90.0, 90.0)), "photo").saturation == 1
