"""Who was seen while an engine studied the footage, and who of them shall say what."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipwright.articulation import SURE, Agreement, Heard, agreement
from lipwright.articulation.curves import runs
from lipwright.core.errors import InvalidOption
from lipwright.core.face import ChosenFace, FaceChoice, SeenFace, TrackedFace, choose_face, talks
from lipwright.core.media import VideoFrame, VideoInfo
from lipwright.core.timeline import FramePlan
from lipwright.engines.base import Memory, Tracker
from lipwright.vision.cuts import CutDetector

ONE_OFFSET_S = 0.15
"""Offsets of two faces from one sound, as measured, are no farther apart."""
_A_MOMENT_S = 0.5
"""For so long a face may be lost that is in the picture all along."""


class Witness:
    """Passes on what a tracker finds, and keeps of each face what choosing among people needs."""

    def __init__(self, tracker: Tracker, *, is_enough: Callable[[VideoFrame, Witness], bool] | None = None) -> None:
        """`is_enough` is asked after each frame, and ends the footage early."""
        self._tracker = tracker
        self._is_enough = is_enough
        self._faces: dict[int, _Rows] = {}
        self.n_frames = 0
        """Frames that went by."""
        self.seen_s = Fraction(0)
        """When the last of them is shown."""
        self.cuts: list[int] = []
        """Those with which a shot began."""
        self._cut = CutDetector()

    def track(self, frames: Iterable[VideoFrame]) -> Iterator[tuple[VideoFrame, list[TrackedFace]]]:
        """Each frame with its faces, as the tracker gives them."""
        for frame, faces in self._tracker.track(frames):
            if self._cut.is_cut(frame):
                self.cuts.append(self.n_frames)
            self.n_frames += 1
            self.seen_s = frame.time_s
            for face in faces:
                self._faces.setdefault(face.face_id, _Rows()).add(float(frame.time_s), face)
            is_last = self._is_enough is not None and self._is_enough(frame, self)
            yield frame, faces
            if is_last:
                return

    @property
    def notes(self) -> list[str]:
        """What the tracker tells of the frames that went by, where it tells anything."""
        return list(getattr(self._tracker, "notes", ()))

    @property
    def people(self) -> list[SeenFace]:
        """Everyone, in order of id."""
        return [rows.seen(face_id) for face_id, rows in sorted(self._faces.items())]


@dataclass(slots=True)
class _Rows:
    """Thirty bytes for each frame."""

    time_s: array[float] = field(default_factory=lambda: array("d"))
    box_px: array[float] = field(default_factory=lambda: array("f"))
    lip_gap: array[float] = field(default_factory=lambda: array("f"))

    def add(self, time_s: float, face: TrackedFace) -> None:
        box = face.box
        self.time_s.append(time_s)
        self.box_px.extend((box.left_px, box.top_px, box.right_px, box.bottom_px))
        self.lip_gap.append(face.lip_gap)

    def seen(self, face_id: int) -> SeenFace:
        boxes = np.array(self.box_px, np.float32).reshape(-1, 4)
        return SeenFace(face_id, np.array(self.time_s), boxes, np.array(self.lip_gap, np.float32))


def people_seen(tracked: Iterable[tuple[float, Iterable[TrackedFace]]]) -> list[SeenFace]:
    """Everyone in frames that were tracked, in order of id: when each is shown, s, and the faces on it."""
    rows: dict[int, _Rows] = {}
    for time_s, faces in tracked:
        for face in faces:
            rows.setdefault(face.face_id, _Rows()).add(time_s, face)
    return [own.seen(face_id) for face_id, own in sorted(rows.items())]


def memory_of(people: Iterable[SeenFace]) -> Memory:
    """What `people_from` needs to tell of them again."""
    for person in people:
        yield f"person/{person.face_id}/time_s", person.time_s
        yield f"person/{person.face_id}/box_px", person.box_px
        yield f"person/{person.face_id}/lip_gap", person.lip_gap


def people_from(memory: Mapping[str, NDArray[Any]]) -> list[SeenFace]:
    """Everyone whom `memory_of` kept. Raises KeyError, ValueError where something is missing."""
    ids = sorted({int(name.split("/")[1]) for name in memory if name.startswith("person/")})
    return [
        SeenFace(k, memory[f"person/{k}/time_s"], memory[f"person/{k}/box_px"], memory[f"person/{k}/lip_gap"])
        for k in ids
    ]


@dataclass(frozen=True, slots=True)
class Role:
    """Who shall say something."""

    face: ChosenFace
    own_sync: Agreement | None
    """How their lips go with the footage's own sound, where it has any."""


def give_roles(
    choices: Sequence[FaceChoice],
    people: Sequence[SeenFace],
    own_sound: Heard | None,
    *,
    n_frames: int,
    shown_s: float = inf,
) -> list[Role]:
    """Whom each choice means, nobody twice: those asked for by id or place first, the others among who is left.

    `own_sound` is the footage's, of which the first `shown_s` are shown with the speech.
    Raises NoFaceFound, FaceNotFound, InvalidOption.
    """
    fits: dict[int, Agreement] = {}
    if own_sound is not None:
        fits = _believed({one.face_id: agreement(own_sound, one.lip_gap, one.time_s) for one in people})
    speaks = {face_id: fit.fit for face_id, fit in fits.items() if fit.speaks}
    chosen: dict[int, ChosenFace] = {}
    taken: set[int] = set()
    asked_first = sorted(range(len(choices)), key=lambda k: choices[k].face_id is None and choices[k].point_px is None)
    for k in asked_first:
        is_asked = choices[k].face_id is not None or choices[k].point_px is not None
        left = [person for person in people if is_asked or person.face_id not in taken]
        if people and not left:
            raise InvalidOption("assign", str(choices[k]), "there are more speeches than faces")
        chosen[k] = choose_face(left, choices[k], n_frames=n_frames, speaks=speaks, shown_s=shown_s)
        if chosen[k].why == "the only one" and len(people) > 1:
            chosen[k] = replace(chosen[k], why="the only one left")
        if chosen[k].face_id in taken:
            raise InvalidOption("assign", str(choices[k]), f"face {chosen[k].face_id} is given two speeches")
        taken.add(chosen[k].face_id)
    return [Role(chosen[k], fits.get(chosen[k].face_id)) for k in range(len(choices))]


def unheeded_s(
    roles: Iterable[Role], people: Mapping[int, SeenFace], plan: FramePlan, video: VideoInfo, until_s: Fraction
) -> dict[int, float]:
    """Who of the others talks where nobody with a role is in the picture, by id, and for how long before `until_s`.

    Of shots, that is: who has a role may be lost for a moment beside them.
    """
    source_s = [video.times_s[k] if video.times_s else video.start_s + k / video.fps for k in plan.order]
    shown_s = np.array([float(time_s) for time_s in source_s])
    times_s = np.array([float(time_s) for time_s in (*plan.times_s, plan.duration_s)])
    lasts_s = np.diff(times_s.clip(None, float(until_s)))
    rows = {face_id: person.rows_at(shown_s) for face_id, person in people.items()}
    chosen = {role.face.face_id for role in roles}
    is_without = np.all([rows[face_id] < 0 for face_id in chosen], axis=0) & (lasts_s > 0)
    found: dict[int, float] = {}
    for face_id, own in rows.items():
        is_alone = is_without & (own >= 0)
        for first, after in runs(is_alone):
            is_alone[first:after] = lasts_s[first:after].sum() > _A_MOMENT_S
        # each frame of the footage once: slowed down, trembling would look like talk
        seen = np.unique(own[is_alone])
        if face_id not in chosen and len(seen) and talks(people[face_id].lip_gap[seen]):
            found[face_id] = float(lasts_s[is_alone].sum())
    return found


def _believed(fits: Mapping[int, Agreement]) -> dict[int, Agreement]:
    """Agreements of all faces with one sound; of two that are sure of another offset, the better fit is believed.

    A sound has one offset. In a few seconds lips that only listen fit it somewhere too, and look sure of it.
    """
    sure = sorted((fit for fit in fits.values() if fit.confidence >= SURE), key=lambda fit: -fit.fit)
    if not sure:
        return dict(fits)
    best = sure[0].offset_s
    return {
        face_id: replace(fit, confidence=0.0) if abs(fit.offset_s - best) > ONE_OFFSET_S else fit
        for face_id, fit in fits.items()
    }
