"""The chosen face, ready to be driven: what of it is needed of every frame, in little memory.

Landmarks are kept in fixed point (`rows.py`); shapes are made of them when they are wanted, a block at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.core.face import Pose, talks
from lipwright.engines.rewrite.guards import MOST_OF_DOUBTED, strengths
from lipwright.engines.rewrite.rows import LandmarkRows
from lipwright.engines.rewrite.steady import fill_gaps, gaussian_over_frames, steady
from lipwright.engines.rewrite.study import FaceStudy, uncombed, usual_rate
from lipwright.vision.shape import (
    Floats,
    Points,
    closed_neutral,
    fit_similarity,
    neutral_shape,
    opening,
    pose_shapes,
    shape_basis,
    unpose,
)

BLOCK = 256
"""Frames whose shapes are held at a time, in a few copies of 3 MB each."""
_MARGIN = 32
"""Rows on either side of a block that its steadying looks at; it reaches 21 frames far."""
_MAX_FIT = 600
_MAX_NEUTRAL = 600
_MOOD_S = 2.0
"""What changes slower than this is mood, not speech."""
_FROZEN_TURN_RAD, _FROZEN_SD_IO = 0.02, 0.003
"""Less than this a head turns and its lips part and meet while one picture is shown, zoomed and with grain: there they
measured 0.014 and 0.0021 at most; of people who hold still the least were 0.030 with 0.0046, 0.052 with 0.0037."""


@dataclass(frozen=True, slots=True, eq=False)
class Posed:
    """Pose of every row: `landmarks = scale * shape @ rotation.T + translation`; shapes are made on demand."""

    template: Points
    """(478, 3) the person's median shape."""
    landmarks: LandmarkRows
    scale_px: Floats
    """(n,) pixels for one IO."""
    rotation: Floats
    """(n, 3, 3)."""
    translation_px: Floats
    """(n, 3)."""

    def __len__(self) -> int:
        return len(self.landmarks)

    def shapes(self, rows: NDArray[np.intp] | range) -> Points:
        """(k, 478, 3) canonical, IO."""
        at = np.asarray(rows, np.intp)
        return unpose(self.landmarks.rows(at), self.scale_px[at], self.rotation[at], self.translation_px[at])

    def shape(self, row: int, points: Points) -> Points:
        """(478, 3) canonical, IO, of this row's landmarks `points` (478, 3): where they were read already."""
        at = slice(row, row + 1)
        return unpose(points[None], self.scale_px[at], self.rotation[at], self.translation_px[at])[0]

    def of(self, row: int) -> Pose:
        return Pose(float(self.scale_px[row]), self.rotation[row], self.translation_px[row])


@dataclass(slots=True, eq=False)
class Face:
    """One row for each frame that shows it, or that lies in a short gap between such frames."""

    frame_index: NDArray[np.intp]
    """(n,) which source frame each row is."""
    row_of: dict[int, int]
    """Source frame index -> row."""
    landmarks: LandmarkRows
    """(n, 478, 3) px, steadied where the face rests."""
    posed: Posed
    opening: Floats
    """(n,) IO."""
    turn: Floats
    """(n, 3) rotation vectors, rad."""
    sharpness: Floats
    strength: Floats
    """(n,) 0 leaves the frame as it is, 1 drives it fully."""
    reason: list[str]
    """(n,) why the strength is 0, else ""."""
    closed: Points
    coefficients: Floats
    """(n, N_SHAPE) the footage's own mouth."""
    slow: Floats
    """(n, N_SHAPE) its slow part: mood and pose, not speech."""
    time_s: Floats
    """(n,); filled rows lie between their neighbours."""
    quarter_turns: NDArray[np.int8]
    """(n,) as `upright.quarter_turns`: what a row tells is of its frame as it is after so many."""

    @property
    def frames_per_s(self) -> float:
        """The usual rate of the footage; 25 where one frame is all there is."""
        return usual_rate(self.time_s, self.frame_index)

    @property
    def is_talking(self) -> bool:
        """Whether the footage shows how this mouth talks."""
        return talks(self.opening)

    @property
    def is_frozen(self) -> bool:
        """Whether the footage is one picture that is shown for a while: who lives does not hold so still."""
        if not len(self.opening) or float(np.std(self.opening)) >= _FROZEN_SD_IO:
            return False
        from_first = self.posed.rotation @ self.posed.rotation[0].T
        cosine = (np.trace(from_first, axis1=1, axis2=2) - 1) / 2
        return bool(np.arccos(np.clip(cosine, -1, 1)).max() < _FROZEN_TURN_RAD)


def prepare_face(study: FaceStudy) -> Face:
    """Steady and pose a face that was studied."""
    landmarks = LandmarkRows()
    index: list[int] = []
    is_seen: list[bool] = []
    for numbers, points, seen in _steadied(study):
        index += numbers
        is_seen += seen.tolist()
        landmarks.extend(points)
    seen = np.array(is_seen)
    posed = _pose(landmarks)
    gap = posed_over(posed, lambda shapes: opening(shapes))
    hidden, doubted = (np.isin(index, frames) for frames in study.hidden_and_doubted())
    # what was not seen is hidden too where it is so before or after
    is_hidden, last_seen = hidden[seen], np.cumsum(seen) - 1
    hidden |= is_hidden[last_seen] | is_hidden[last_seen + ~seen]
    strength, reason = strengths(
        index,
        posed.rotation,
        hidden,
        cuts=study.cuts,
        last_frame=study.last_frame,
        frames_per_s=study.frames_per_s,
    )
    strength[doubted] = np.minimum(strength[doubted], MOST_OF_DOUBTED)
    usable = seen & (strength > 0)
    shown = np.flatnonzero(usable if usable.any() else seen)
    closed = closed_neutral(neutral_shape(posed.shapes(evenly(shown, _MAX_NEUTRAL))))
    basis = shape_basis()
    coefficients = posed_over(posed, lambda shapes: basis.encode(shapes, closed))
    return Face(
        frame_index=np.array(index, np.intp),
        row_of={number: row for row, number in enumerate(index)},
        landmarks=landmarks,
        posed=posed,
        opening=gap,
        turn=np.array([np.asarray(cv2.Rodrigues(turned)[0], np.float64)[:, 0] for turned in posed.rotation]),
        sharpness=np.interp(index, study.frame_index, uncombed(np.array(study.sharpness), np.array(study.combing))),
        strength=strength,
        reason=reason,
        closed=closed,
        coefficients=coefficients,
        slow=gaussian_over_frames(coefficients, _MOOD_S * study.frames_per_s),
        time_s=np.interp(index, study.frame_index, study.time_s),
        quarter_turns=np.array(study.turns, np.int8)[last_seen],
    )


def posed_over(posed: Posed, measure: Callable[[Points], Floats]) -> Floats:
    """What `measure` says of the shapes (k, 478, 3), for all rows, block by block."""
    return np.concatenate([measure(posed.shapes(block)) for block in blocks(len(posed))])


def blocks(n: int) -> Iterator[range]:
    """0..n-1 in ranges of at most BLOCK."""
    for start in range(0, n, BLOCK):
        yield range(start, min(n, start + BLOCK))


def evenly(rows: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """At most `most` of these, evenly spread."""
    return rows[:: -(-len(rows) // most)]


def _steadied(study: FaceStudy) -> Iterator[tuple[list[int], Points, NDArray[np.bool_]]]:
    """Frame numbers, landmarks (k, 478, 3) and which were seen: gaps filled, and steadied, block by block."""
    n, turned = len(study.frame_index), study.turned
    breaks = sorted({*study.cuts, *turned})
    for block in blocks(n):
        around = range(max(0, block.start - _MARGIN), min(n, block.stop + _MARGIN))
        index = [study.frame_index[row] for row in around]
        numbers, filled, seen = fill_gaps(index, study.landmarks.rows(around), cuts=breaks)
        first = study.frame_index[block.start]
        after = study.frame_index[block.stop] if block.stop < n else numbers[-1] + 1
        kept = np.array([first <= number < after for number in numbers])
        points = steady(numbers, filled, turned=turned)[kept]
        yield [number for number in numbers if first <= number < after], points, seen[kept]


def _pose(landmarks: LandmarkRows) -> Posed:
    n = len(landmarks)
    template = pose_shapes(landmarks.rows(evenly(np.arange(n), _MAX_FIT))).template
    parts = [fit_similarity(template, landmarks.rows(block)) for block in blocks(n)]
    scale, rotation, translation = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Posed(template, landmarks, scale, rotation, translation)
