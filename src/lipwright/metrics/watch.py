"""Looks at a finished video again, beside the footage that it was made of: tracks both afresh, frame by frame.

result   frames of the windows ──> tracker ──> lips as a stranger sees them ─┐
footage  the frame behind each ──> tracker ──> where the face is ────────────┴──> one Seen for each face
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lipwright.core.face import SeenFace, TrackedFace
from lipwright.core.media import Footage, VideoFrame
from lipwright.metrics.measure import Floats
from lipwright.metrics.mouth_picture import MouthPictures
from lipwright.vision.survey import FaceTracker

_SAME_PLACE: Final = 0.3
"""Overlap of boxes from which two of them are of one face."""
_HALF_A_FRAME_S: Final = 0.02
"""Of a picture that is shown alone."""
_MOST_FACES: Final = 3
"""Pictures are kept of so many faces, the largest ones, where nobody says who is meant."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a video was made of."""

    footage: Footage
    tracker: FaceTracker
    order: Sequence[int]
    """Index of the footage's frame behind each frame of the video; it may be shorter than the video."""


@dataclass(slots=True, eq=False)
class Lips:
    """One face through the frames on which it was found."""

    index: list[int] = field(default_factory=list[int])
    """Place of the frame in the video, counted over all of its frames."""
    times_s: list[float] = field(default_factory=list[float])
    landmarks: list[NDArray[np.float32]] = field(default_factory=list[NDArray[np.float32]])
    gaps: list[float] = field(default_factory=list[float])
    """`TrackedFace.lip_gap`."""

    def add(self, index: int, time_s: float, face: TrackedFace) -> None:
        self.index.append(index)
        self.times_s.append(time_s)
        self.landmarks.append(face.landmarks)
        self.gaps.append(face.lip_gap)

    def __len__(self) -> int:
        return len(self.index)

    @property
    def follows(self) -> NDArray[np.bool_]:
        """(n,) whether each frame comes right after the one before it in the list."""
        return np.diff(np.array(self.index, np.intp), prepend=-9) == 1

    def openings(self) -> tuple[Floats, Floats]:
        """Lip gap (n,) IO, and when (n,) s."""
        return np.array(self.gaps, np.float64), np.array(self.times_s, np.float64)


@dataclass(slots=True, eq=False)
class Seen:
    """One face in a video and in the footage behind it."""

    face_id: int
    """As the tracker of this run calls it."""
    result: Lips = field(default_factory=Lips)
    source: Lips = field(default_factory=Lips)
    lost: list[int] = field(default_factory=list[int])
    """Frames on which the footage shows this face and the video does not."""
    pictures: MouthPictures = field(default_factory=MouthPictures)
    source_pictures: MouthPictures = field(default_factory=MouthPictures)
    picture_index: list[int] = field(default_factory=list[int])
    """The frame of each entry of `pictures.sharpness`."""
    times_s: list[float] = field(default_factory=list[float])
    box_px: list[tuple[float, float, float, float]] = field(default_factory=list[tuple[float, float, float, float]])
    gaps: list[float] = field(default_factory=list[float])
    last: TrackedFace | None = None
    """Where it was seen last."""

    def place(self, time_s: float, face: TrackedFace) -> None:
        """Where the face is, in the footage if there is one."""
        box = face.box
        self.times_s.append(time_s)
        self.box_px.append((box.left_px, box.top_px, box.right_px, box.bottom_px))
        self.gaps.append(face.lip_gap)
        self.last = face

    @property
    def person(self) -> SeenFace:
        """For choosing among faces."""
        return SeenFace(
            self.face_id,
            np.array(self.times_s, np.float64),
            np.array(self.box_px, np.float32).reshape(-1, 4),
            np.array(self.gaps, np.float32),
        )


@dataclass(slots=True, eq=False)
class Watched:
    """Everyone who was seen, and on which frames was looked."""

    faces: dict[int, Seen]
    index: list[int]
    times_s: list[float]
    is_whole: bool
    """Every frame of the windows was looked at; False where the time was up."""


def watch(
    video: Footage,
    tracker: FaceTracker,
    spans: Sequence[range],
    origin: Origin | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
    is_time_up: Callable[[], bool] = lambda: False,
) -> Watched:
    """Look at the frames `spans` of `video`. Raises UnreadableMedia, and what `progress` raises."""
    picks = [k for span in spans for k in span]
    seen = Watched({}, [], [], is_whole=True)
    behind = _behind(origin, picks)
    for n, (frame, faces) in enumerate(tracker.track(video.play(picks))):
        if is_time_up():
            seen.is_whole = False
            break
        k, time_s = picks[n], float(frame.time_s)
        is_next = n > 0 and picks[n - 1] == k - 1
        its = next(behind, None)
        if its is not None:
            _compare(seen, k, time_s, (frame, faces), its, is_next=is_next)
        elif origin is not None:
            _follow(seen, k, time_s, faces)
        else:
            _note(seen, k, time_s, faces)
        seen.index.append(k)
        seen.times_s.append(time_s)
        if progress is not None:
            progress(n + 1, len(picks))
    return seen


def _behind(origin: Origin | None, picks: list[int]) -> Iterator[tuple[VideoFrame, list[TrackedFace]]]:
    """The footage's frames behind the picks, with their faces, as far as there are any."""
    if origin is None:
        return
    there = [origin.order[k] for k in picks if k < len(origin.order)]
    yield from origin.tracker.track(origin.footage.play(there))


def _note(seen: Watched, k: int, time_s: float, faces: list[TrackedFace]) -> None:
    """A frame of a video whose footage nobody knows."""
    for face in faces:
        one = seen.faces.setdefault(face.face_id, Seen(face.face_id))
        one.place(time_s, face)
        one.result.add(k, time_s, face)


def _follow(seen: Watched, k: int, time_s: float, faces: list[TrackedFace]) -> None:
    """A frame beyond the end of its footage: who is known is looked for where they were."""
    for one in seen.faces.values():
        again = None if one.last is None else nearest(faces, one.last)
        if again is not None:
            one.last = again
            one.result.add(k, time_s, again)


def _compare(
    seen: Watched,
    k: int,
    time_s: float,
    mine: tuple[VideoFrame, list[TrackedFace]],
    its: tuple[VideoFrame, list[TrackedFace]],
    *,
    is_next: bool,
) -> None:
    frame, faces = mine
    original, places = its
    shown = sorted(places, key=lambda face: -face.box.area_px2)[:_MOST_FACES]
    for place in places:
        one = seen.faces.setdefault(place.face_id, Seen(place.face_id))
        one.place(time_s, place)
        one.source.add(k, time_s, place)
        again = nearest(faces, place)
        if again is None:
            one.lost.append(k)
        else:
            one.result.add(k, time_s, again)
        if place in shown and original.planes[0].shape == frame.planes[0].shape:
            if not (is_next and one.picture_index and one.picture_index[-1] == k - 1):
                one.pictures.pause()
                one.source_pictures.pause()
            one.pictures.observe(frame, place.landmarks)
            one.source_pictures.observe(original, place.landmarks)
            one.picture_index.append(k)


def nearest(faces: Sequence[TrackedFace], to: TrackedFace) -> TrackedFace | None:
    """Of the faces found on a result, the one at the place of the source's."""

    def away(face: TrackedFace) -> float:
        return float(np.hypot(*np.subtract(face.box.centre_px, to.box.centre_px)))

    close = min(faces, key=away, default=None)
    return close if close is not None and away(close) < 0.5 * to.box.height_px else None


def who_is_at(seen: Watched, where: SeenFace, source_times_s: Sequence[float]) -> Seen | None:
    """Whom of those seen an earlier look at the footage called `where`.

    `source_times_s` is when the footage shows the frame behind each frame of the video. None where nobody fits.
    """
    votes: dict[int, int] = {}
    steps_s = np.diff(np.unique(source_times_s))
    half_s = float(np.median(steps_s)) / 2 if len(steps_s) else _HALF_A_FRAME_S
    for face_id, one in seen.faces.items():
        times_s = np.array([source_times_s[k] for k in one.source.index])
        rows = np.searchsorted(where.time_s, times_s - half_s).clip(0, len(where.time_s) - 1)
        # where they were not seen, whoever stands at their place is somebody else
        is_seen = np.abs(where.time_s[rows] - times_s) <= half_s
        for row, at_once, landmarks in zip(rows.tolist(), is_seen, one.source.landmarks, strict=True):
            low, high = landmarks[:468, :2].min(0), landmarks[:468, :2].max(0)
            if at_once and _overlap(where.box_px[row], np.concatenate([low, high])) >= _SAME_PLACE:
                votes[face_id] = votes.get(face_id, 0) + 1
    best = max(votes, key=lambda face_id: votes[face_id], default=None)
    return None if best is None else seen.faces[best]


def _overlap(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    shared = float(np.prod(np.clip(high - low, 0, None)))
    sizes = [float(np.prod(box[2:] - box[:2])) for box in (one, other)]
    return shared / max(sum(sizes) - shared, 1e-9)
