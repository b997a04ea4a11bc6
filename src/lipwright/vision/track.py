"""Follow every face of a video: the same person keeps the same id, and nobody else gets it.

    frame ──> cut? ──> follow each face in its own window ──> twins? ──> search ──> known or new? ──> faces
                │yes, and no other light                        │            ▲
                └──> forget all places, keep all likenesses     └─ one stays ┘ (now and then, at once after a loss)

Landmarks are raw: nothing is smoothed in time (research found that smoothing moves the mouth off a moving head).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from threading import Lock
from typing import Final
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from lipwright.core.face import Box, TrackedFace
from lipwright.core.media import VideoFrame
from lipwright.vision.cuts import CutDetector, alike
from lipwright.vision.detect import SMALLEST_FOUND, Detection, FaceDetector, tiles, whole
from lipwright.vision.facemesh import FaceMesh, Window
from lipwright.vision.likeness import Likeness

MAX_FACES: Final = 16
"""Followed at once: each face costs 3 to 4 ms of CPU time a frame."""
_MIN_SCORE: Final = 0.5
_MIN_NEW_SCORE: Final = 0.6
_SEARCH_EVERY: Final = 20
"""Frames between looks at the whole picture while every known face is in sight."""
_TILE_EVERY: Final = 20
"""Frames between looks at one tile, where small faces may appear."""
_LEARN_EVERY: Final = 5
_MISSED_FRAMES: Final = 75
"""For so many frames a lost face is looked for more often."""
_COASTING_FRAMES: Final = 25
"""So long a lost face is believed to move on as it did."""
_LEAST_READ_PX: Final = 24.0
"""Width of a face below which it is not looked for in ever smaller parts of the picture."""
_MIN_EYES_PX: Final = 9.0
"""Outer eye corner to outer eye corner; below this a mesh is a guess."""
_STEADY: Final = 0.12
"""A new face's mesh may move by this share of IO between two looks from different windows."""
_SURELY_UPRIGHT: Final = 0.85
"""Score of a face, looked at as its mesh lies, from which on nobody asks whether it is the other way up."""
_UNSEEN: Final = 0.6
"""What the score of a face is at most that is not found."""
_SURER: Final = 0.08
"""By so much more the score must be where the face is turned by half, for it to be the other way up."""
_HEAD_OVER_MESH: Final = 1.3
"""Width of a head with its hair over that of the mesh."""
_TWIN_DISTANCE: Final = 0.30
"""Centres nearer than this share of the smaller face's size: two tracks on one face."""
_AT_REST: Final = 0.08
"""IO by which a mesh moves on average, within one frame, at most, where its face is at rest."""
_RELIT: Final = 1.5
"""Distance of likenesses up to which such a face is the same under a light that changed at once."""
_LONGEST_FADE_S: Final = Fraction(5, 2)
"""A cross-fade that takes longer is not told from somebody who changes."""
_SAME_SHOT: Final = 0.7
"""Pearson's r of two views of the whole picture, below which another shot may have been faded in between them."""
_MIXED: Final = 0.35
"""A view halfway through a cross-fade differs from the two views mixed by this share of how these differ, at most."""
_LEAP: Final = 0.55
"""A face that leaps by more than this share of its size in one frame may be another one."""


@dataclass(frozen=True, slots=True, eq=False)
class _Before:
    """What a face that is followed was like a while ago."""

    time_s: Fraction
    likeness: Likeness
    view: NDArray[np.float32]
    """(36, 36) the whole picture then."""


@dataclass(slots=True, eq=False)
class _Face:
    """What is known of one person."""

    face_id: int
    landmarks: NDArray[np.float64]
    window: Window
    """Where it is looked for next: around its landmarks."""
    score: float
    likeness: Likeness
    velocity: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))
    last_index: int = 0
    is_in_sight: bool = True
    is_place_known: bool = True
    """False once a cut came between: where it was says nothing any more."""
    is_doubted: bool = False
    """True where it looked like somebody else when it was last looked at closely."""
    is_unsure: bool = False
    """True while it may be somebody else who was taken for it."""
    fades_in_until_s: Fraction = Fraction(0)
    """Until then it may still be fading in, and what it looks like is not known yet."""
    past: deque[_Before] = field(default_factory=lambda: deque[_Before]())
    """Since it was last found, the last `_LONGEST_FADE_S` of it, oldest first."""

    @property
    def size_px(self) -> float:
        return _size_px(self.landmarks)

    @property
    def centre(self) -> NDArray[np.float64]:
        return self.landmarks[:, :2].mean(0)


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A mesh on the frame at hand, of somebody."""

    landmarks: NDArray[np.float64]
    window: Window
    """Around the landmarks."""
    score: float
    likeness: Likeness | None
    """None on most frames of a face that is followed: looking closely costs more than a warp."""


class _Spare:
    """The networks of the last tracker that is no more, for the next one: loading them takes 0.1 s of CPU time.

    They hold nothing of what they looked at.
    """

    def __init__(self) -> None:
        self._networks: deque[tuple[FaceMesh, FaceDetector]] = deque(maxlen=1)

    def take(self) -> tuple[FaceMesh, FaceDetector]:
        try:
            return self._networks.pop()
        except IndexError:
            return FaceMesh(), FaceDetector()

    def give_back(self, networks: tuple[FaceMesh, FaceDetector]) -> None:
        self._networks.append(networks)


@cache
def _spare() -> _Spare:
    return _Spare()


class MeshTracker:
    """MediaPipe's face mesh on each face's own window, with a search for new and returning faces.

    Deterministic, and holds nothing between two calls of `track` but `notes`. Not for use from two threads at once.
    """

    def __init__(self, *, max_faces: int = MAX_FACES) -> None:
        """`max_faces` are followed at once; others are left out, and `notes` tell so."""
        if max_faces < 1:
            raise ValueError(f"max_faces must be at least 1, got {max_faces}")
        self.notes: list[str] = []
        """What the person who looks at the result should know of the frames that `track` was given last."""
        self._max_faces = max_faces
        self._loading = Lock()
        self._loaded: tuple[FaceMesh, FaceDetector] | None = None

    def load(self) -> None:
        """Load the networks now, in whichever thread; else the first frame does, and who remembers footage never."""
        self._networks()

    def _networks(self) -> tuple[FaceMesh, FaceDetector]:
        with self._loading:
            if self._loaded is None:
                self._loaded = _spare().take()
                finalize(self, _spare().give_back, self._loaded).atexit = False
            return self._loaded

    def track(self, frames: Iterable[VideoFrame]) -> Iterator[tuple[VideoFrame, list[TrackedFace]]]:
        """Each frame with its faces in order of id; "no face here" is an empty list on that frame."""
        scene = _Scene(*self._networks(), self._max_faces)
        self.notes = []
        for frame in frames:
            faces = scene.look(frame)
            if scene.has_left_out and not self.notes:
                n = self._max_faces
                faces_are = "face is" if n == 1 else "faces are"
                self.notes.append(f"More than {n} {faces_are} in the picture at once: the others were not looked at.")
            yield frame, faces


class _Scene:
    """The faces of one video, as far as it has been seen."""

    def __init__(self, mesh: FaceMesh, detector: FaceDetector, max_faces: int) -> None:
        self._mesh = mesh
        self._detector = detector
        self._max_faces = max_faces
        self._faces: list[_Face] = []
        self.has_left_out = False
        """Whether somebody was found who is not followed, for want of room."""
        self._cuts = CutDetector()
        self._fades_until_s = Fraction(0)
        self._n_looks = 0
        self._next_tile = 0

    def look(self, frame: VideoFrame) -> list[TrackedFace]:
        is_cut = self._cuts.is_cut(frame)
        is_relit = self._cuts.is_relit
        if is_cut and not is_relit:
            for face in self._faces:
                face.is_in_sight = False
                face.is_place_known = False
        was_in_sight = [face for face in self._faces if face.is_in_sight]
        for face in was_in_sight:
            self._follow(frame, face, is_relit=is_relit)
        self._part_twins(frame)
        has_lost = any(not face.is_in_sight for face in was_in_sight)
        self._search(frame, is_thorough=is_cut or self._n_looks == 0, is_urgent=has_lost)
        self._n_looks += 1
        return [
            TrackedFace(face.face_id, face.landmarks.astype(np.float32), face.score)
            for face in self._faces
            if face.is_in_sight
        ]

    def _follow(self, frame: VideoFrame, face: _Face, *, is_relit: bool) -> None:
        """Look where the face was; it stays in sight only if it is seen there and is still the same.

        `is_relit`: a lamp went on, or the camera lets in more light. It looks otherwise from now on.
        """
        window = face.window
        landmarks, score, picture = self._mesh.find(frame, window)
        around = Window.around(landmarks)
        for _ in range(2):  # it moved far: the network reads best when the face sits where it expects it
            if score < _MIN_SCORE or not around.is_far_from(window):
                break
            window = around
            landmarks, score, picture = self._mesh.find(frame, window)
            around = Window.around(landmarks)
        if score < _MIN_SCORE or not _is_face(frame, landmarks):
            face.is_in_sight = False
            return
        leaps = float(np.linalg.norm(landmarks[:, :2].mean(0) - face.centre)) > _LEAP * face.size_px
        likeness = None
        if is_relit:
            likeness = Likeness.of(picture, landmarks)
            moved = float(np.linalg.norm(landmarks[:, :2] - face.landmarks[:, :2], axis=1).mean())
            unlike = face.likeness.distance(likeness)
            if unlike > (_RELIT if moved < _AT_REST * _eyes_px(face.landmarks) else Likeness.DIFFERENT):
                face.is_in_sight = face.is_place_known = face.is_doubted = False
                return
            face.likeness = face.likeness.blend(likeness, 0.5)  # it is known in either light
            likeness = None
        elif leaps or face.is_unsure or self._n_looks % _LEARN_EVERY == 0:
            likeness = Likeness.of(picture, landmarks)
            if self._is_somebody_else(frame, face, likeness, leaps=leaps):
                face.is_in_sight = face.is_doubted = face.is_unsure = False
                return
            likeness = None if face.is_doubted else likeness  # never learn what may be somebody else
        self._place(frame, face, _Seen(landmarks, around, score, likeness))

    def _is_somebody_else(self, frame: VideoFrame, face: _Face, seen: Likeness, *, leaps: bool) -> bool:
        """Whether a face that is followed has become another one, by how it looks from close by.

        Twice in a row, unless it leapt there: what passes before a face is no other.
        """
        unlike, was = face.likeness.distance(seen), self._before_a_fade(frame, face, seen)
        is_other = was is not None or unlike > Likeness.DIFFERENT
        if frame.time_s < face.fades_in_until_s:
            others = [one.likeness.distance(seen) for one in self._faces if not one.is_in_sight]
            if min(others, default=np.inf) < min(unlike, Likeness.SURE):  # who was there before fades in again
                face.is_place_known = False
                return True
            if is_other:
                face.likeness, unlike, is_other = seen, 0.0, False
        if is_other and leaps:
            return True
        if is_other and face.is_doubted:
            if was is not None:
                face.likeness = was  # what was learned since is half of somebody else
            if was is not None or face.is_unsure:
                face.is_place_known = False  # where it was seen last, it was not
            if not face.is_unsure:
                self._fades_until_s = frame.time_s + _LONGEST_FADE_S
            return True
        face.is_doubted, face.is_unsure = is_other, face.is_unsure and unlike > Likeness.SURE
        face.past.append(_Before(frame.time_s, face.likeness, self._cuts.view))
        return False

    def _before_a_fade(self, frame: VideoFrame, face: _Face, seen: Likeness) -> Likeness | None:
        """What the face was like before another shot, in which it is somebody else, was slowly faded in, or None.

        At no step does it change by as much as two people differ: it is asked what it was when the fade began.
        """
        while face.past and frame.time_s - face.past[0].time_s > _LONGEST_FADE_S:
            face.past.popleft()
        now = self._cuts.view
        for k, was in enumerate(face.past):
            if alike(was.view, now) >= _SAME_SHOT:
                break
            if was.likeness.distance(seen) > Likeness.DIFFERENT:
                between = [one.view for one in list(face.past)[k + 1 :]]
                return was.likeness if all(_is_mixed(view, was.view, now) for view in between) else None
        return None

    def _place(self, frame: VideoFrame, face: _Face, seen: _Seen) -> None:
        was_here = face.is_in_sight and face.is_place_known
        if not was_here:
            face.past.clear()
        moved = seen.landmarks[:, :2].mean(0) - face.centre
        face.velocity = 0.5 * face.velocity + 0.5 * moved if was_here else np.zeros(2)
        face.landmarks = seen.landmarks
        face.window = seen.window
        face.score = seen.score
        face.last_index = frame.index
        face.is_in_sight = face.is_place_known = True
        if seen.likeness is None or face.is_unsure:
            return
        if not any(o is not face and o.is_in_sight and _are_close(o.landmarks, seen.landmarks) for o in self._faces):
            face.likeness = face.likeness.blend(seen.likeness)  # never learn while somebody else is in the way

    def _part_twins(self, frame: VideoFrame) -> None:
        """Where two tracks sit on one face, the one that it looks like keeps it."""
        in_sight = [face for face in self._faces if face.is_in_sight]
        if len(in_sight) < 2:
            return
        centres, sizes_px = np.array([face.centre for face in in_sight]), np.array([face.size_px for face in in_sight])
        apart_px = np.linalg.norm(centres[:, None] - centres, axis=-1)
        may_be = np.triu(apart_px < _TWIN_DISTANCE * np.minimum(sizes_px[:, None], sizes_px), 1)
        for pair in np.argwhere(may_be):
            one, other = (in_sight[int(number)] for number in pair)
            if not (one.is_in_sight and other.is_in_sight and _is_same_place(one.landmarks, other.landmarks)):
                continue
            window = Window.around((one.landmarks + other.landmarks) / 2)
            landmarks, _, picture = self._mesh.find(frame, window)
            here = Likeness.of(picture, landmarks)
            loser = other if one.likeness.distance(here) <= other.likeness.distance(here) else one
            loser.is_in_sight = False

    def _search(self, frame: VideoFrame, *, is_thorough: bool, is_urgent: bool) -> None:
        """Look for faces that are not followed yet. `is_thorough`: everywhere, now."""
        n_in_sight = sum(face.is_in_sight for face in self._faces)
        if n_in_sight >= self._max_faces and self.has_left_out:
            return  # before that is known, one more is looked for
        missed = [face for face in self._faces if not face.is_in_sight and face.is_place_known]
        missed = [face for face in missed if frame.index - face.last_index < _MISSED_FRAMES]
        every = _SEARCH_EVERY if not missed else _SEARCH_EVERY // 5
        is_due = self._n_looks % every == 0 or is_urgent or n_in_sight == 0
        if is_due or is_thorough:
            self._welcome(frame, self._detector.search(frame, whole(frame), also_near=is_thorough or n_in_sight == 0))
        is_anybody_there = any(face.is_in_sight for face in self._faces)
        every = 3 * _SEARCH_EVERY if is_anybody_there else _SEARCH_EVERY // 4
        if is_thorough or self._n_looks % every == every // 4:
            turned = self._detector.search_turned(frame, whole(frame), also_near=is_thorough or not is_anybody_there)
            self._welcome(frame, turned, is_upside_down=True)
        for face in missed if is_due else ():
            self._welcome(frame, self._detector.search(frame, _around(face)))
        if is_thorough:
            for area in _small_areas(frame):
                self._welcome(frame, self._detector.search(frame, area))
        elif n_in_sight == 0 or self._n_looks % _TILE_EVERY == _TILE_EVERY // 2:
            areas = _small_areas(frame)
            if areas:
                self._welcome(frame, self._detector.search(frame, areas[self._next_tile % len(areas)]))
                self._next_tile += 1

    def _welcome(self, frame: VideoFrame, detections: list[Detection], *, is_upside_down: bool = False) -> None:
        """Give each face that is not followed yet its old id, or a new one. `is_upside_down`: none that stands."""
        for detection in detections:
            if any(face.is_in_sight and _covers(face.landmarks, detection.box) for face in self._faces):
                continue
            seen = self._inspect(frame, detection)
            if seen is None or (is_upside_down and np.cos(seen.window.roll_rad) > 0):
                continue
            in_sight = [face for face in self._faces if face.is_in_sight]
            if any(
                _is_same_place(face.landmarks, seen.landmarks) or _is_within(seen.landmarks, face.landmarks)
                for face in in_sight
            ):
                continue
            if len(in_sight) >= self._max_faces:
                self.has_left_out = True
                return
            known = self._recognise(frame, seen)
            if known is None:
                assert seen.likeness is not None
                if self._is_half_hidden(seen) and any(not face.is_in_sight for face in self._faces):
                    continue  # perhaps somebody whom we know: wait until they stand clear
                known = _Face(len(self._faces) + 1, seen.landmarks, seen.window, seen.score, seen.likeness)
                known.fades_in_until_s = self._fades_until_s
                self._faces.append(known)
            elif not known.is_place_known and seen.likeness is not None:
                unlike = known.likeness.distance(seen.likeness)
                known.is_unsure = unlike > Likeness.SURE and seen.likeness.has_colours
            self._place(frame, known, seen)

    def _inspect(self, frame: VideoFrame, detection: Detection) -> _Seen | None:
        """The mesh of a detection, if it is really one, the right way up.

        Of a head on its crown the networks see a face that stands: with its mouth on the forehead.
        Better none than such.
        """
        seen = self._mesh_of(frame, detection)
        if seen is None:
            return None
        upright = self._detector.look_closely(frame, seen.window)
        score = _UNSEEN if upright is None else upright.score
        if score >= _SURELY_UPRIGHT:
            return seen
        other_way = replace(seen.window, roll_rad=seen.window.roll_rad + np.pi)
        turned = self._detector.look_closely(frame, other_way)
        if turned is None or turned.score < score + _SURER:
            return seen
        return self._mesh_of(frame, turned)

    def _mesh_of(self, frame: VideoFrame, detection: Detection) -> _Seen | None:
        """The mesh of a detection, where two windows show it at the same place."""
        landmarks, score, _ = self._mesh.find(frame, detection.window)
        for _ in range(3):
            if score < _MIN_SCORE:
                return None
            window = Window.around(landmarks)
            before = landmarks
            landmarks, score, picture = self._mesh.find(frame, window)
            eyes_px = _eyes_px(landmarks)
            moved = float(np.linalg.norm(landmarks[:, :2] - before[:, :2], axis=1).mean())
            if score >= _MIN_NEW_SCORE and moved < _STEADY * eyes_px and _is_face(frame, landmarks):
                return _Seen(landmarks, Window.around(landmarks), score, Likeness.of(picture, landmarks))
        return None

    def _is_half_hidden(self, seen: _Seen) -> bool:
        """Whether somebody else stands so near that the likeness shows both."""
        return any(face.is_in_sight and _are_close(face.landmarks, seen.landmarks) for face in self._faces)

    def _recognise(self, frame: VideoFrame, seen: _Seen) -> _Face | None:
        """Who of those out of sight is this? Nobody, if none is alike and none was just here."""
        best, best_cost = None, 1.0
        assert seen.likeness is not None
        for face in self._faces:
            if face.is_in_sight:
                continue
            unlike = face.likeness.distance(seen.likeness)
            cost = unlike / Likeness.DIFFERENT
            if face.is_place_known:
                # where it was last seen, and where it was going, speak for it, the less the longer ago
                gap = frame.index - face.last_index
                away = min(
                    float(np.linalg.norm(seen.landmarks[:, :2].mean(0) - place)) / face.size_px
                    for place in (face.centre, face.centre + min(gap, _COASTING_FRAMES) * face.velocity)
                )
                resized = abs(float(np.log(_size_px(seen.landmarks) / face.size_px)))
                if away < 0.5 and resized < 0.3:
                    cost -= 0.5 * float(np.exp(-gap / 100))
            if cost < best_cost:
                best, best_cost = face, cost
        return best


def _is_mixed(view: NDArray[np.float32], before: NDArray[np.float32], after: NDArray[np.float32]) -> bool:
    """Whether a view is one of two others shining through the other; of a camera that moves, none is."""
    change, so_far = after - before, view - before
    share = float(np.clip((so_far * change).sum() / max((change * change).sum(), 1e-9), 0, 1))
    return float(np.abs(so_far - share * change).mean()) < _MIXED * float(np.abs(change).mean())


def _around(face: _Face) -> Box:
    """Where a face may have got to since it was lost."""
    x, y = face.centre
    half = 1.5 * face.size_px
    return Box(x - half, y - half, x + half, y + half)


def _small_areas(frame: VideoFrame) -> list[Box]:
    """Parts of the picture in which a face is found that is too small for the whole, but not too small to be read."""
    areas: list[Box] = []
    searched_px = max(frame.width_px, frame.height_px)
    for parts in (1, 2):
        side_px = min(frame.width_px, frame.height_px) / parts
        if side_px < searched_px and SMALLEST_FOUND * searched_px > _LEAST_READ_PX:
            areas += tiles(frame, parts)
            searched_px = side_px
    return areas


def _eyes_px(landmarks: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(landmarks[33] - landmarks[263]))


def _size_px(landmarks: NDArray[np.float64]) -> float:
    return float(np.ptp(landmarks[:468, :2], axis=0).max())


def _box(landmarks: NDArray[np.float64]) -> Box:
    low, high = landmarks[:468, :2].min(0), landmarks[:468, :2].max(0)
    return Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]))


def _are_close(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Whether two heads, hair and all, may overlap."""
    a, b = _box(one), _box(other)
    reach_x = 0.5 * _HEAD_OVER_MESH * (a.width_px + b.width_px)
    reach_y = 0.5 * _HEAD_OVER_MESH * (a.height_px + b.height_px)
    apart = np.abs(np.subtract(a.centre_px, b.centre_px))
    return bool(apart[0] < reach_x and apart[1] < reach_y)


def _covers(landmarks: NDArray[np.float64], box: Box) -> bool:
    """Whether a face that is followed already explains a detection."""
    face = _box(landmarks)
    apart = np.hypot(*np.subtract(face.centre_px, box.centre_px))
    size = max(face.height_px, face.width_px)
    found = max(box.height_px, box.width_px)
    return bool(apart < 0.4 * max(size, found) and 0.4 < found / size < 2.5)


def _is_same_place(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    apart = np.linalg.norm(one[:, :2].mean(0) - other[:, :2].mean(0))
    sizes = sorted((_size_px(one), _size_px(other)))
    return bool(apart < _TWIN_DISTANCE * sizes[0] and sizes[1] < 1.8 * sizes[0])


def _is_within(small: NDArray[np.float64], large: NDArray[np.float64]) -> bool:
    """Whether one is a part of the other's face taken for a face: an eye, a nose."""
    return _box(large).contains(*_box(small).centre_px) and _size_px(small) < 0.6 * _size_px(large)


def _is_face(frame: VideoFrame, landmarks: NDArray[np.float64]) -> bool:
    """Large enough to be read, and its middle is in the picture."""
    x, y = landmarks[:, :2].mean(0)
    is_inside = -0.0 <= x < frame.width_px and 0.0 <= y < frame.height_px
    return is_inside and _eyes_px(landmarks) >= _MIN_EYES_PX
