"""Landmarks that stay on their pixels: raw while the head moves, smoothed where it rests.

On moving heads smoothing takes the mouth off the face; on a nearly still picture the tracker's own noise
shows (three times the jitter of the footage, measured). So each run of frames is smoothed only where,
and as far as, it hardly moves.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipwright.articulation.curves import parabolas, smooth
from lipwright.engines.rewrite.picture import smoothstep
from lipwright.vision import mesh
from lipwright.vision.shape import Floats, Points

LONGEST_GAP = 5
"""So many frames on which a face was lost are bridged."""
_WINDOW = 15
_SLOW_IO = 0.0008
_FAST_IO = 0.0030
"""Speeds, IO a frame, below which points are fully smoothed and above which they stay raw."""


def runs(
    frame_index: Sequence[int], landmarks: Points, *, turned: Sequence[int] = (), max_jump_io: float = 0.35
) -> list[slice]:
    """Stretches of consecutive frames without a cut: rows (n,), landmarks (n, 478, 3).

    `turned` are frames from which on the picture is turned otherwise than before.
    """
    if not len(landmarks):
        return []
    io_px = eye_distance(landmarks)
    centre = landmarks[:, list(mesh.STABLE), :2].mean(1)
    jump = np.linalg.norm(np.diff(centre, axis=0), axis=1) / np.maximum(io_px[:-1], 1)
    way_up = np.searchsorted(turned, frame_index, side="right")
    breaks = np.flatnonzero((np.diff(frame_index) != 1) | (jump > max_jump_io) | (np.diff(way_up) != 0)) + 1
    edges = [0, *breaks.tolist(), len(landmarks)]
    return [slice(a, b) for a, b in itertools.pairwise(edges)]


def steady(frame_index: Sequence[int], landmarks: NDArray[Any], *, turned: Sequence[int] = ()) -> Points:
    """The landmarks (n, 478, 3) with tracker noise taken out where the face rests; `turned` as for `runs`."""
    out = np.array(landmarks, np.float64)
    lower = np.array(sorted({*mesh.LIPS, *mesh.JAW, *mesh.CHIN}))
    for run in runs(frame_index, out, turned=turned):
        length = run.stop - run.start
        if length < 7:
            continue
        window = min(_WINDOW, length - (1 - length % 2))
        part: Points = out[run]
        smoothed = parabolas(part, window)
        io_px = float(np.median(eye_distance(part)))
        head = _rest(smoothed[:, list(mesh.STABLE), :2], io_px)
        mouth = np.minimum(head, _rest(smoothed[:, list(mesh.LIPS), :2], io_px))
        share = np.repeat(head[:, None], part.shape[1], axis=1)
        share[:, lower] = mouth[:, None]
        out[run] = part + share[..., None] * (smoothed - part)
    return out


def eye_distance(landmarks: Points) -> Floats:
    """Outer eye corner to outer eye corner, in the landmarks' unit: (n, 478, 3) -> (n,)."""
    left, right = mesh.EYE_CORNERS
    return np.linalg.norm(landmarks[:, left] - landmarks[:, right], axis=1)


def gaussian_over_frames(values: Floats, sigma_frames: float) -> Floats:
    """Smooth along the first axis; the ends are repeated."""
    return smooth(values, sigma_frames)


def _rest(points: Floats, io_px: float) -> Floats:
    """(n,) 1 where the points (n, k, 2) rest, 0 where they move."""
    speed = np.linalg.norm(np.gradient(points, axis=0), axis=-1).mean(1) / max(io_px, 1.0)
    rest = 1 - smoothstep((speed - _SLOW_IO) / (_FAST_IO - _SLOW_IO))
    return gaussian_over_frames(np.asarray(rest, np.float64), 3)


def fill_gaps(
    frame_index: list[int], landmarks: Points, *, cuts: Sequence[int] = (), max_move_io: float = 0.2
) -> tuple[list[int], Points, NDArray[np.bool_]]:
    """Bridge gaps of at most LONGEST_GAP lost frames by linear interpolation, where the face hardly moved.

    `cuts` are the frames with which a shot begins: what lies between two shots is not bridged.
    Returns frame indices, landmarks and which rows were really seen.
    """
    shot = np.searchsorted(cuts, frame_index, side="right")
    index: list[int] = []
    rows: list[Points] = []
    seen: list[bool] = []
    for row, number in enumerate(frame_index):
        if row:
            missing = number - frame_index[row - 1] - 1
            before, after = landmarks[row - 1], landmarks[row]
            io_px = float(np.linalg.norm(before[33] - before[263]))
            moved = float(np.linalg.norm((after - before)[list(mesh.STABLE), :2].mean(0)))
            if 0 < missing <= LONGEST_GAP and shot[row] == shot[row - 1] and moved < max_move_io * io_px:
                for k in range(1, missing + 1):
                    share = k / (missing + 1)
                    index.append(frame_index[row - 1] + k)
                    rows.append(before + share * (after - before))
                    seen.append(False)
        index.append(number)
        rows.append(landmarks[row])
        seen.append(True)
    return index, np.stack(rows), np.array(seen)
