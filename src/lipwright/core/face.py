"""A face in a frame: where it is, how it is turned, and its landmarks.

Convention: source pixels of the upright luma plane, x to the right, y down, z away from the camera;
the centre of the top-left pixel is (0, 0).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from lipwright.core.errors import FaceNotFound, NoFaceFound

_INNER_LIPS: Final = np.array(((82, 87), (13, 14), (312, 317)))
"""Mesh points over and under the gap between the lips, along its middle third."""

N_LANDMARKS = 478
"""MediaPipe face mesh with refined irises."""

NEAR_S: Final = 0.5
"""Who is pointed at on a frame may have been lost on it by the tracker: so long before or after they were seen."""

TALKING_RANGE_IO: Final = 0.047
"""Lips whose opening goes over more than this (percentiles 3 to 97) talk, where the tracker does not tremble.

Between the 0.042 that small, hard compressed pictures of silent mouths reach in 4 s, and 0.050: who talks with small
openings, on a stretched picture.
"""
WIDE_RANGE_IO: Final = 0.07
"""Over more than this lips talk however the tracker trembles, and open far enough to lend to most speech."""
_SAME_S: Final = 0.0005
"""Moments of the footage that are told with different rounding are no farther apart."""
_RANGE_OF_TREMBLE: Final = 8.0
"""Lips that only tremble, on grainy or tiny pictures, go over up to 7 times as much; talk mostly over 10 times."""
_BEND_OF_NOISE: Final = 0.6745 * 6**0.5
"""Median size of the second difference of noise with a standard deviation of 1."""


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle in source pixels; right and bottom are exclusive."""

    left_px: float
    top_px: float
    right_px: float
    bottom_px: float

    @property
    def width_px(self) -> float:
        return self.right_px - self.left_px

    @property
    def height_px(self) -> float:
        return self.bottom_px - self.top_px

    @property
    def centre_px(self) -> tuple[float, float]:
        return (self.left_px + self.right_px) / 2, (self.top_px + self.bottom_px) / 2

    @property
    def area_px2(self) -> float:
        return max(0.0, self.width_px) * max(0.0, self.height_px)

    def contains(self, x_px: float, y_px: float) -> bool:
        return self.left_px <= x_px < self.right_px and self.top_px <= y_px < self.bottom_px

    def overlap(self, other: Box) -> float:
        """Intersection over union, 0..1."""
        width = min(self.right_px, other.right_px) - max(self.left_px, other.left_px)
        height = min(self.bottom_px, other.bottom_px) - max(self.top_px, other.top_px)
        if width <= 0 or height <= 0:
            return 0.0
        shared = width * height
        return shared / (self.area_px2 + other.area_px2 - shared)


@dataclass(frozen=True, slots=True, eq=False)
class TrackedFace:
    """One face on one frame. "No face here" is the absence of a TrackedFace, never a zero box."""

    face_id: int
    """Stable through the video, from 1 in order of first appearance."""
    landmarks: NDArray[np.float32]
    """(478, 3) source pixels; z in pixels too, as MediaPipe scales it (by the image's width)."""
    score: float
    """How sure the tracker is that this is a face, 0..1."""

    def __post_init__(self) -> None:
        if self.landmarks.shape != (N_LANDMARKS, 3):
            raise ValueError(f"landmarks must be ({N_LANDMARKS}, 3), got {self.landmarks.shape}")

    @property
    def box(self) -> Box:
        low, high = self.landmarks[:468, :2].min(0), self.landmarks[:468, :2].max(0)
        return Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]))

    @property
    def lip_gap(self) -> float:
        """How far the inner lips are apart over their middle third, in inter-ocular distances; never below 0."""
        points = self.landmarks
        gaps = np.linalg.norm(points[_INNER_LIPS[:, 0]] - points[_INNER_LIPS[:, 1]], axis=1)
        return float(gaps.mean() / max(float(np.linalg.norm(points[33] - points[263])), 1e-6))


def opening_range_io(opening: NDArray[np.float32] | NDArray[np.float64]) -> float:
    """How far lips of this opening (n,) IO, n > 0, open and close: percentiles 3 to 97."""
    return float(np.ptp(np.percentile(opening, [3, 97])))


def talks(opening: NDArray[np.float32] | NDArray[np.float64]) -> bool:
    """Whether lips of this opening (n,) IO, n > 0, one for each frame in order of time, open and close as in talk.

    Where the opening trembles from frame to frame more is asked for: a tracker's noise opens a silent mouth too.
    """
    tremble_io = 0.0
    if len(opening) > 2:
        bends = np.abs(np.diff(np.asarray(opening, np.float64), 2))
        tremble_io = float(np.median(bends)) / _BEND_OF_NOISE
    least_io = min(max(TALKING_RANGE_IO, _RANGE_OF_TREMBLE * tremble_io), WIDE_RANGE_IO)
    return opening_range_io(opening) > least_io


@dataclass(frozen=True, slots=True, eq=False)
class SeenFace:
    """One person through the footage, as far as choosing among people needs it: a row for each frame with them."""

    face_id: int
    time_s: NDArray[np.float64]
    """(n,) when each frame is shown, n > 0."""
    box_px: NDArray[np.float32]
    """(n, 4) left, top, right, bottom."""
    lip_gap: NDArray[np.float32]
    """(n,) as `TrackedFace.lip_gap`."""

    @property
    def area_px2(self) -> float:
        """Summed over frames: how present the face is."""
        sizes = self.box_px[:, 2:].astype(np.float64) - self.box_px[:, :2]
        return float(sizes.clip(0).prod(1).sum())

    def until(self, end_s: float) -> SeenFace | None:
        """The same person before a moment of the footage; None where they were not seen by then."""
        is_before = self.time_s < end_s
        if not is_before.any():
            return None
        return SeenFace(self.face_id, self.time_s[is_before], self.box_px[is_before], self.lip_gap[is_before])

    def rows_at(self, times_s: NDArray[np.float64]) -> NDArray[np.intp]:
        """The row of the frame shown at each of these moments of the footage (k,); -1 where the face is not on it."""
        after = np.searchsorted(self.time_s, times_s - _SAME_S).clip(0, len(self.time_s) - 1)
        return np.where(np.abs(self.time_s[after] - times_s) <= _SAME_S, after, -1)

    def n_frames_at(self, x_px: float, y_px: float) -> int:
        """Frames on which this point lies on the face."""
        return int(self._is_at(x_px, y_px).sum())

    def away_s_at(self, x_px: float, y_px: float, at_s: float) -> float:
        """How far from `at_s` the nearest frame with this face is; infinite where it is not near, or elsewhere."""
        away_s = np.abs(self.time_s - at_s)
        least_s = float(away_s.min())
        is_there = least_s <= NEAR_S and bool((self._is_at(x_px, y_px) & (away_s == least_s)).any())
        return least_s if is_there else inf

    def off_centre_at(self, x_px: float, y_px: float, at_s: float | None = None) -> float:
        """How far from the middle of the face this point is, in shares of the face's size.

        The median of the frames on which it lies on the face, or of those nearest to `at_s`; infinite without any.
        """
        is_meant = self._is_at(x_px, y_px)
        if at_s is not None:
            away_s = np.abs(self.time_s - at_s)
            is_meant = is_meant & (away_s == away_s.min())
        if not is_meant.any():
            return inf
        left, top, right, bottom = self.box_px[is_meant].T.astype(np.float64)
        across, down = (x_px - (left + right) / 2) / (right - left), (y_px - (top + bottom) / 2) / (bottom - top)
        off: NDArray[np.float64] = np.hypot(across, down)
        return float(np.median(off))

    def _is_at(self, x_px: float, y_px: float) -> NDArray[np.bool_]:
        left, top, right, bottom = self.box_px.T
        return (left <= x_px) & (x_px < right) & (top <= y_px) & (y_px < bottom)


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """A similarity: `pixels = scale * rotation @ canonical + translation`."""

    scale: float
    """Pixels for one inter-ocular distance (outer eye corner to outer eye corner)."""
    rotation: NDArray[np.float64]
    """(3, 3)."""
    translation: NDArray[np.float64]
    """(3,) pixels."""


@dataclass(frozen=True, slots=True)
class FaceChoice:
    """Which face of the footage shall speak; the largest, where nothing is said."""

    face_id: int | None = None
    point_px: tuple[float, float] | None = None
    """A point on the face, in upright source pixels."""
    at_s: float | None = None
    """When the point lies on it, in the time of the footage; None: on more frames than on anybody else's."""
    by_voice: bool = False
    """The face that moves its lips with the footage's own sound; the largest, where none does."""

    @classmethod
    def parse(cls, text: str) -> FaceChoice:
        """Read `auto`, `largest`, an id such as `2`, a point such as `640,360`, or `640,360@2.5`. Raises ValueError."""
        text = text.strip().lower()
        if text in ("auto", "largest"):
            return cls(by_voice=text == "auto")
        try:
            if "," in text:
                point, has_time, time = text.partition("@")
                x, y = (_finite(part) for part in point.split(","))
                return cls(point_px=(x, y), at_s=_finite(time) if has_time else None)
            return cls(face_id=int(text))
        except ValueError as exc:
            raise ValueError(
                f"a face is `auto`, `largest`, an id such as `2`, or a point `x,y` or `x,y@seconds`; got {text!r}"
            ) from exc

    def __str__(self) -> str:
        if self.face_id is not None:
            return str(self.face_id)
        if self.point_px is not None:
            when = "" if self.at_s is None else f"@{self.at_s:.10g}"
            return f"{self.point_px[0]:g},{self.point_px[1]:g}{when}"
        return "auto" if self.by_voice else "largest"


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError(text)
    return value


Why = Literal[
    "asked for", "the only one", "the only one left", "moves its lips with the footage's sound", "the largest"
]  # fmt: skip


_FIT_OF_PRESENCE = 0.2
"""Who is there all the time is chosen before who is hardly there and fits the sound better by up to so much. Less than
lies between who speaks and who listens (`pipeline.APART_FIT`): however long a listener is shown, the speaker wins."""


@dataclass(frozen=True, slots=True)
class ChosenFace:
    """The answer to a FaceChoice."""

    face_id: int
    why: Why


def choose_face(
    people: Sequence[SeenFace],
    choice: FaceChoice,
    *,
    n_frames: int,
    speaks: Mapping[int, float] | None = None,
    shown_s: float = inf,
) -> ChosenFace:
    """Who of `people`, found on `n_frames` frames, is meant.

    `speaks` tells, by id, how well the lips of those who speak go with the footage's own sound; of several who go
    with it about as well, who is there for most of the first `shown_s` of the footage is meant. Who is not asked for
    is one of those who are seen in it, if there are any.
    Raises NoFaceFound where `people` is empty, and FaceNotFound.
    """
    if not people:
        raise NoFaceFound(frames_searched=n_frames)
    ids = tuple(sorted(person.face_id for person in people))
    if choice.face_id is not None:
        if choice.face_id not in ids:
            raise FaceNotFound(choice=str(choice), face_ids=ids)
        return ChosenFace(choice.face_id, "asked for")
    if choice.point_px is not None:
        there = _pointed_at(people, *choice.point_px, choice.at_s)
        if there is None:
            raise FaceNotFound(choice=str(choice), face_ids=ids)
        return ChosenFace(there.face_id, "asked for")
    if len(people) == 1:
        return ChosenFace(ids[0], "the only one")
    shown = [part for person in people if (part := person.until(shown_s)) is not None] or people
    heard = [person for person in shown if person.face_id in (speaks or {})]
    if choice.by_voice and speaks and heard:
        n_shown = {person.face_id: len(person.time_s) for person in heard}
        most = max(n_shown.values())
        worth = {face_id: speaks[face_id] + _FIT_OF_PRESENCE * n / most for face_id, n in n_shown.items()}
        return ChosenFace(max(worth, key=lambda face_id: worth[face_id]), "moves its lips with the footage's sound")
    return ChosenFace(max(shown, key=lambda person: person.area_px2).face_id, "the largest")


def _pointed_at(people: Sequence[SeenFace], x_px: float, y_px: float, at_s: float | None) -> SeenFace | None:
    """Who is at a point on most frames, or on the frame nearest to `at_s`: before a cut there is somebody else.

    Of two faces that it lies on alike, the one in whose middle it lies more is meant.
    """
    off = {person.face_id: person.off_centre_at(x_px, y_px, at_s) for person in people}
    if at_s is None:
        most = min(people, key=lambda person: (-person.n_frames_at(x_px, y_px), off[person.face_id]))
        return most if most.n_frames_at(x_px, y_px) else None
    nearest = min(people, key=lambda person: (person.away_s_at(x_px, y_px, at_s), off[person.face_id]))
    return nearest if nearest.away_s_at(x_px, y_px, at_s) < inf else None
