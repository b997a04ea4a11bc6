"""Who is in the footage: one line for each face, before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from lipwright.core.face import Box, TrackedFace, opening_range_io, talks
from lipwright.core.media import Footage, VideoFrame
from lipwright.vision.colour import Rgb, roi_rgb
from lipwright.vision.shape import opening, pose_shapes

THUMBNAIL_PX: Final = 160
_MAX_KEPT: Final = 1200
"""Landmarks kept of one face; with more frames every other one is dropped, again and again."""


class FaceTracker(Protocol):
    def track(self, frames: Iterable[VideoFrame]) -> Iterator[tuple[VideoFrame, list[TrackedFace]]]: ...


@dataclass(frozen=True, slots=True, eq=False)
class FaceSummary:
    """One person of the footage."""

    face_id: int
    first_s: Fraction
    last_s: Fraction
    """When they are seen for the first and the last time."""
    n_frames: int
    """Frames that show them."""
    box: Box
    """Median place of the face, source pixels."""
    io_px: float
    """Median inter-ocular distance: outer eye corner to outer eye corner."""
    talk: float
    """How far the lips open and close: p97 - p3 of the opening, IO."""
    is_talking: bool
    """Whether they do so as in talk, rather than rest, smile or tremble."""
    thumbnail: Rgb
    """(160, 160, 3): the face where it was largest."""
    thumbnail_at: tuple[int, int, float]
    """Middle of the face there, source pixels, and when that is, in seconds."""

    @property
    def pointer(self) -> str:
        """A choice of this face by where it is, and when: what `--face` takes."""
        x_px, y_px, at_s = self.thumbnail_at
        return f"{x_px},{y_px}@{round(at_s, 3):g}"

    def as_dict(self) -> dict[str, object]:
        """What can be written as JSON: all but the picture."""
        return {
            "face_id": self.face_id,
            "first_s": round(float(self.first_s), 3),
            "last_s": round(float(self.last_s), 3),
            "n_frames": self.n_frames,
            "box_px": [round(v, 1) for v in (self.box.left_px, self.box.top_px, self.box.right_px, self.box.bottom_px)],
            "pointer": self.pointer,
            "io_px": round(self.io_px, 1),
            "talk_io": round(self.talk, 3),
            "is_talking": self.is_talking,
        }


def survey(
    footage: Footage, tracker: FaceTracker, progress: Callable[[int, int], None] | None = None
) -> list[FaceSummary]:
    """Everyone in the footage, in order of appearance; empty where there is nobody. Raises UnreadableMedia."""
    video = footage.info.video
    total = video.n_frames if video is not None else 0
    people: dict[int, _Person] = {}
    for done, (frame, faces) in enumerate(tracker.track(footage.frames()), start=1):
        for face in faces:
            if face.face_id not in people:
                people[face.face_id] = _Person(frame)
            people[face.face_id].observe(frame, face)
        if progress is not None:
            progress(done, max(total, done))
    return [people[face_id].summary(face_id) for face_id in sorted(people)]


class _Person:
    def __init__(self, frame: VideoFrame) -> None:
        self._first_s = self._last_s = frame.time_s
        self._n_frames = 0
        self._every = 1
        self._kept: list[NDArray[np.float32]] = []
        self._best_px = 0.0
        self._thumbnail_at = (0, 0, 0.0)
        self._thumbnail: Rgb = np.zeros((THUMBNAIL_PX, THUMBNAIL_PX, 3), np.uint8)

    def observe(self, frame: VideoFrame, face: TrackedFace) -> None:
        self._last_s = frame.time_s
        if self._n_frames % self._every == 0:
            self._kept.append(face.landmarks)
            if len(self._kept) > _MAX_KEPT:
                self._kept = self._kept[::2]
                self._every *= 2
        self._n_frames += 1
        size_px = face.box.height_px * face.score
        if size_px > 1.05 * self._best_px:  # only clearly larger ones: pictures cost more than comparisons
            self._best_px = size_px
            box = face.box
            room = 0.25 * box.height_px
            around = Box(box.left_px - room, box.top_px - room, box.right_px + room, box.bottom_px + room)
            self._thumbnail = roi_rgb(frame, around, THUMBNAIL_PX)
            x_px, y_px = box.centre_px
            self._thumbnail_at = (round(x_px), round(y_px), float(frame.time_s))

    def summary(self, face_id: int) -> FaceSummary:
        landmarks = np.array(self._kept, np.float64)
        low, high = landmarks[:, :468, :2].min(1), landmarks[:, :468, :2].max(1)
        left, top = np.median(low, axis=0)
        right, bottom = np.median(high, axis=0)
        posed = pose_shapes(landmarks)
        gap = opening(posed.shapes)
        return FaceSummary(
            face_id=face_id,
            first_s=self._first_s,
            last_s=self._last_s,
            n_frames=self._n_frames,
            box=Box(float(left), float(top), float(right), float(bottom)),
            io_px=float(np.median(posed.scale_px)),
            talk=opening_range_io(gap),
            is_talking=talks(gap),
            thumbnail=self._thumbnail,
            thumbnail_at=self._thumbnail_at,
        )
