"""What every engine promises, as tests that a plugin's author inherits (pytest finds them by the class's name)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from lipwright import media
from lipwright.core.errors import Cancelled
from lipwright.core.face import Box
from lipwright.core.media import Footage, Plane, VideoFrame
from lipwright.core.timeline import FramePlan
from lipwright.demo import video_path
from lipwright.engines.base import (
    EDITED,
    Avatar,
    Engine,
    PartingEngine,
    RecallingEngine,
    RenderReport,
    Studied,
    Tracker,
    joined,
)
from lipwright.engines.people import Witness
from lipwright.testing.stand_ins import Excerpt, HiddenFaces, RecordedFaces, babble
from lipwright.vision.track import MeshTracker

REACH = 0.6
"""How far beyond the box of the face, in shares of its size, an engine may change pixels."""


class EngineContract:
    """Inherit from it, and set `engine`; each test runs it on the bundled portrait or on `footage()` of yours."""

    engine: ClassVar[type[Engine]]
    """Made as `plugins` makes it: called without arguments."""
    n_frames: ClassVar[int] = 40
    """Length of the plan that most tests render."""
    _recorded: ClassVar[Tracker | None] = None

    def footage(self) -> Footage:
        """Footage of one face that is seen on every frame; opened anew by each test."""
        return Excerpt(media.open_footage(video_path(), threads=1), 45)

    def tracker(self) -> Tracker:
        """Finds the faces of `footage()`; they are looked for once for each class."""
        cls = type(self)
        if "_recorded" not in cls.__dict__ or cls._recorded is None:
            cls._recorded = RecordedFaces(MeshTracker(), self.footage())
        return cls._recorded

    def test_it_yields_exactly_the_frames_of_the_plan_in_order_at_its_times(self) -> None:
        source = self.footage()
        plan = bouncing(source, self.n_frames)

        spoken = [(frame.index, frame.time_s) for frame in self._speak(self._prepare(source), plan)]

        assert spoken == list(zip(plan.order, plan.times_s, strict=True))

    def test_pixels_away_from_the_face_stay_as_they_were(self) -> None:
        source = self.footage()
        plan = bouncing(source, self.n_frames)
        boxes = {frame.index: faces[0].box for frame, faces in self.tracker().track(source.frames()) if faces}
        originals = self.footage().play(plan.order)
        n_compared = 0

        for frame, original in zip(self._speak(self._prepare(source), plan), originals, strict=True):
            assert len(frame.planes) == len(original.planes)
            for mine, its in zip(frame.planes, original.planes, strict=True):
                outside = _outside(boxes[frame.index], mine, frame)
                n_compared += int(outside.sum())
                assert np.array_equal(mine[outside], its[outside]), f"{frame!r} was changed far from its face"

        assert n_compared > 0

    def test_the_same_input_gives_the_same_frames(self) -> None:
        def render() -> list[bytes]:
            source = self.footage()
            plan = bouncing(source, 12)
            return [
                b"".join(np.ascontiguousarray(plane).tobytes() for plane in frame.planes)
                for frame in self._speak(self._prepare(source), plan)
            ]

        assert render() == render()

    def test_speaking_twice_with_one_avatar_gives_the_same_frames(self) -> None:
        source = self.footage()
        plan = bouncing(source, 12)
        avatar = self._prepare(source)

        first, second = ([_digest(frame) for frame in self._speak(avatar, plan)] for _ in range(2))

        assert first == second

    def test_frames_without_a_face_pass_through_untouched_and_are_counted(self) -> None:
        source = self.footage()
        hidden = range(15, 30)
        plan = bouncing(source, self.n_frames)
        avatar = self._prepare(source, HiddenFaces(self.tracker(), hidden.__contains__))
        # the edge of a gap may be faded in and out; its middle is out of anybody's reach
        middle = range(20, 26)

        n_seen = 0
        for frame, original in zip(self._speak(avatar, plan), self.footage().play(plan.order), strict=True):
            if frame.index in middle:
                n_seen += 1
                assert _digest(frame) == _digest(original)

        assert n_seen > 0
        assert sum(avatar.report.untouched.values()) >= n_seen

    def test_the_report_counts_every_frame_once(self) -> None:
        source = self.footage()
        plan = bouncing(source, self.n_frames)
        avatar = self._prepare(source)

        n_yielded = sum(1 for _ in self._speak(avatar, plan))

        report = avatar.report
        assert report.engine == type(self).engine().name
        assert report.n_frames == n_yielded == len(plan)
        assert report.n_edited + sum(report.untouched.values()) == report.n_frames
        if report.strip:  # telling where is a choice
            told: dict[str, int] = {}
            for what, n in report.strip:
                told[what] = told.get(what, 0) + n
            assert told.pop(EDITED, 0) == report.n_edited
            assert told == report.untouched

    def test_progress_counts_up_to_the_end_of_both_passes(self) -> None:
        source = self.footage()
        plan = bouncing(source, 12)
        study: list[tuple[int, int]] = []
        render: list[tuple[int, int]] = []

        studied = self._make().study(
            source, tracker=self.tracker(), progress=lambda done, total: study.append((done, total))
        )
        avatar = studied.avatar(self._face_id())
        mouth = babble(plan.duration_s, avatar.style)
        for _ in avatar.speak(mouth, plan, lambda done, total: render.append((done, total))):
            pass

        for told in (study, render):
            assert [done for done, _ in told] == sorted(done for done, _ in told)
            assert told[-1][0] == told[-1][1]
        assert render[-1][1] == len(plan)

    def test_progress_stops_the_work_by_raising(self) -> None:
        source = self.footage()

        def stop(done: int, total: int) -> None:
            if done >= 3:
                raise Cancelled

        assert _raises(Cancelled, lambda: self._make().study(source, tracker=self.tracker(), progress=stop))

    def test_footage_without_a_face_can_be_studied(self) -> None:
        nobody = Witness(HiddenFaces(self.tracker(), lambda index: True))

        studied = self._make().study(self.footage(), tracker=nobody)

        assert nobody.n_frames > 0, "`study` has to look at the footage through the tracker that it is given"
        assert not nobody.people
        assert _raises(KeyError, lambda: studied.avatar(1))

    def test_an_avatar_speaks_onto_the_frames_that_another_one_left(self) -> None:
        source = self.footage()
        plan = bouncing(source, 12)
        boxes = {frame.index: faces[0].box for frame, faces in self.tracker().track(source.frames()) if faces}

        def painted() -> Iterator[VideoFrame]:
            for frame in self.footage().play(plan.order):
                frame.planes[0][_outside(boxes[frame.index], frame.planes[0], frame)] = 40
                yield frame

        avatar = self._prepare(source)
        n_frames = 0
        for frame in avatar.speak(babble(plan.duration_s, avatar.style), plan, onto=painted()):
            n_frames += 1
            assert (frame.planes[0][_outside(boxes[frame.index], frame.planes[0], frame)] == 40).all()

        assert n_frames == len(plan)

    def test_an_engine_that_keeps_its_study_speaks_from_it_as_from_a_fresh_one(self) -> None:
        engine = self._make()
        if not isinstance(engine, RecallingEngine):
            return  # keeping it is a choice
        source = self.footage()
        plan = bouncing(source, 12)
        fresh: Any = engine.study(source, tracker=self.tracker())
        memory = list(fresh.memory())
        assert len(dict(memory)) == len(memory), "two of its arrays have one name"
        assert not any(values.dtype.hasobject for _, values in memory), "arrays of objects cannot be kept"

        recalled = engine.recall(source, dict(memory), {})  # its own arrays, and nobody else's

        first, second = (
            [_digest(frame) for frame in self._speak(studied.avatar(self._face_id()), plan)]
            for studied in (fresh, recalled)
        )
        assert first == second

    def test_an_engine_that_speaks_in_parts_has_the_frames_of_the_whole_in_each(self) -> None:
        engine = self._make()
        if not isinstance(engine, PartingEngine):
            return  # parting is a choice
        source = self.footage()
        plan = bouncing(source, self.n_frames)
        avatar: Any = self._prepare(source)
        mouth = babble(plan.duration_s, avatar.style)
        whole = [(_digest(frame), frame.time_s) for frame in avatar.speak(mouth, plan)]
        told = avatar.report
        shared = dict(avatar.share(mouth, plan))
        spans = [range(13), range(13, 14), range(14, self.n_frames)]

        parts: list[Any] = []
        reports: list[RenderReport] = []
        for span in spans:
            counted: list[tuple[int, int]] = []
            part = engine.part(self.footage(), shared, {})
            spoken = part.speak_part(plan, span, lambda done, total, counted=counted: counted.append((done, total)))
            parts += [(_digest(frame), frame.time_s) for frame in spoken]
            reports.append(part.report)
            assert counted == [(n, len(span)) for n in range(1, len(span) + 1)]

        assert parts == whole
        assert joined(reports) == told

    def _make(self) -> Engine:
        return type(self).engine()

    def _prepare(self, source: Footage, tracker: Tracker | None = None) -> Avatar:
        studied: Studied = self._make().study(source, tracker=tracker or self.tracker())
        return studied.avatar(self._face_id())

    def _face_id(self) -> int:
        return next(faces[0].face_id for _, faces in self.tracker().track(self.footage().frames()) if faces)

    def _speak(self, avatar: Avatar, plan: FramePlan) -> Iterator[VideoFrame]:
        return avatar.speak(babble(plan.duration_s, avatar.style), plan)


def bouncing(source: Footage, n_frames: int) -> FramePlan:
    """The first two thirds of `n_frames` forwards and the rest backwards, at the footage's rate."""
    video = source.info.video
    assert video is not None
    turn = min(video.n_frames, 2 * n_frames // 3 + 1)
    order = [k if k < turn else 2 * turn - 2 - k for k in range(n_frames)]
    assert min(order) >= 0, "the footage is too short for this plan"
    return FramePlan(
        tuple(order), tuple(Fraction(k) / video.fps for k in range(n_frames)), Fraction(n_frames) / video.fps
    )


def _outside(box: Box, plane: Plane, frame: VideoFrame) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """(h, w) of the plane: True beyond the reach of an engine."""
    sx, sy = frame.width_px / plane.shape[1], frame.height_px / plane.shape[0]
    dx, dy = REACH * box.width_px, REACH * box.height_px
    far = np.ones(plane.shape, bool)
    rows = slice(max(0, int((box.top_px - dy) / sy)), max(0, int((box.bottom_px + dy) / sy) + 1))
    columns = slice(max(0, int((box.left_px - dx) / sx)), max(0, int((box.right_px + dx) / sx) + 1))
    far[rows, columns] = False
    return far


def _digest(frame: VideoFrame) -> list[int]:
    return [hash(np.ascontiguousarray(plane).tobytes()) for plane in frame.planes]


def _raises(error: type[Exception], call: Callable[[], object]) -> bool:
    try:
        call()
    except error:
        return True
    return False
