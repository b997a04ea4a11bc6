"""Watches a result frame by frame: tracks it afresh, and looks at the pictures beside the untouched source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from time import perf_counter, process_time

import numpy as np
from numpy.typing import NDArray

from lipwright.core.face import Box, TrackedFace
from lipwright.core.media import VideoFrame
from lipwright.metrics.measure import Measure
from lipwright.metrics.mouth_picture import MouthPictures, flicker_ratio, seam_ratio, sharpness_ratio
from lipwright.metrics.outside import may_change, outside_change
from lipwright.metrics.watch import nearest
from lipwright.vision import mesh
from lipwright.vision.colour import Rgb, roi_rgb
from lipwright.vision.shape import PosedShapes, pose_shapes
from lipwright.vision.track import MeshTracker

CELL_PX = 168
ZOOM_PX = 256
OUTSIDE_EVERY = 7


@dataclass
class Watched:
    """What was seen of one result."""

    index: list[int] = field(default_factory=list[int])
    """Place in the result of each frame whose face was found again."""
    landmarks: list[NDArray[np.float32]] = field(default_factory=list[NDArray[np.float32]])
    n_frames: int = 0
    n_lost: int = 0
    """Frames on which the source shows the face and the result does not."""
    outside: float = 0.0
    """Largest change outside the face, levels."""
    result: MouthPictures = field(default_factory=MouthPictures)
    source: MouthPictures = field(default_factory=MouthPictures)
    cells: list[tuple[float, list[Rgb], list[Rgb]]] = field(default_factory=list[tuple[float, list[Rgb], list[Rgb]]])
    """(seconds, [source, result], the same zoomed)."""
    took_s: float = 0.0
    """Wall clock that making the frames took."""
    cpu_s: float = 0.0

    def posed(self, template: NDArray[np.float64]) -> PosedShapes:
        """Shapes in the axes of the truth."""
        return pose_shapes(np.array(self.landmarks, np.float64), template=template)

    def pictures(self) -> list[Measure]:
        return [
            flicker_ratio(self.result, self.source),
            sharpness_ratio(self.result, self.source),
            seam_ratio(self.result, self.source),
        ]


def watch(
    frames: Iterator[VideoFrame],
    originals: Iterator[VideoFrame],
    faces: dict[int, TrackedFace],
    *,
    n_cells: int = 24,
    n_expected: int,
) -> Watched:
    """Look at all `frames`; `originals` are the untouched ones behind them, `faces` their main face by source index."""
    seen = Watched()
    picks = {round(k) for k in np.linspace(0, max(0, n_expected - 1), n_cells)}
    pairs: list[tuple[VideoFrame, VideoFrame]] = []

    def both() -> Iterator[VideoFrame]:
        while True:
            start_s, start_cpu_s = perf_counter(), process_time()
            frame = next(frames, None)
            seen.took_s += perf_counter() - start_s
            seen.cpu_s += process_time() - start_cpu_s
            original = next(originals, None)
            if frame is None or original is None:
                return
            pairs.append((frame, original))
            yield frame

    before = -1
    for k, (frame, found) in enumerate(MeshTracker().track(both())):
        frame, original = pairs.pop()
        seen.n_frames += 1
        face = faces.get(original.index)
        if face is None:
            seen.result.pause()
            seen.source.pause()
            continue
        again = nearest(found, face)
        if again is None:
            seen.n_lost += 1
        else:
            seen.index.append(k)
            seen.landmarks.append(again.landmarks)
        if abs(original.index - before) != 1:
            seen.result.pause()
            seen.source.pause()
        before = original.index
        seen.result.observe(frame, face.landmarks)
        seen.source.observe(original, face.landmarks)
        if k % OUTSIDE_EVERY == 0:
            seen.outside = max(seen.outside, outside_change(frame, original, may_change(face.box)).value)
        if k in picks:
            wide, close = mouth_box(face, 1.5), mouth_box(face, 0.85)
            seen.cells.append(
                (
                    float(frame.time_s),
                    [roi_rgb(original, wide, CELL_PX), roi_rgb(frame, wide, CELL_PX)],
                    [roi_rgb(original, close, ZOOM_PX), roi_rgb(frame, close, ZOOM_PX)],
                )
            )
    return seen


def mouth_box(face: TrackedFace, side_io: float) -> Box:
    lips = face.landmarks[list(mesh.LIPS), :2]
    x, y = (float(v) for v in (lips.min(0) + lips.max(0)) / 2)
    half = side_io * float(np.linalg.norm(face.landmarks[33] - face.landmarks[263])) / 2
    return Box(x - half, y - half, x + half, y + half)


def truth_cells(frames: Iterable[VideoFrame], faces: dict[int, TrackedFace], side_io: float, px: int) -> list[Rgb]:
    """The true mouths at the moments of a sheet."""
    blank = np.full((px, px, 3), 40, np.uint8)
    return [
        roi_rgb(frame, mouth_box(faces[frame.index], side_io), px) if frame.index in faces else blank
        for frame in frames
    ]
