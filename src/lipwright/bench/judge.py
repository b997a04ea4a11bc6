"""Watches a result frame by frame: tracks it afresh, and looks at the pictures beside the untouched source."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from numpy.typing import NDArray

from lipwright.bench.clip import Clip
from lipwright.bench.page import Section, sheet
from lipwright.core.face import N_LANDMARKS, Box, TrackedFace
from lipwright.core.media import VideoFrame
from lipwright.engines.base import EDITED, RenderReport
from lipwright.engines.rewrite.steady import LONGEST_GAP
from lipwright.metrics.measure import Measure
from lipwright.metrics.mouth_picture import MouthPictures, flicker_ratio, seam_ratio, sharpness_ratio
from lipwright.metrics.outside import may_change, outside_change
from lipwright.metrics.watch import nearest
from lipwright.vision import mesh
from lipwright.vision.colour import Rgb, roi_rgb
from lipwright.vision.shape import Points, pose_shapes
from lipwright.vision.track import MeshTracker

CELL_PX = 168
ZOOM_PX = 256
_NOWHERE = Box(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Cell:
    """One moment for the sheets."""

    index: int
    """Place in the result."""
    time_s: float
    mouths: list[Rgb]
    """Source and result."""
    zoomed: list[Rgb]


@dataclass
class Watched:
    """What was seen of one result."""

    index: list[int] = field(default_factory=list[int])
    """Place in the result of each frame whose face was found again."""
    landmarks: list[NDArray[np.float32]] = field(default_factory=list[NDArray[np.float32]])
    n_frames: int = 0
    lost: list[int] = field(default_factory=list[int])
    """Place of each frame whose source shows the face and which does not."""
    outside: float = 0.0
    """Largest change outside the face, levels; where no face is, anywhere."""
    result: MouthPictures = field(default_factory=MouthPictures)
    source: MouthPictures = field(default_factory=MouthPictures)
    picture_index: list[int] = field(default_factory=list[int])
    """The frame of each entry of `result.sharpness`."""
    cells: list[Cell] = field(default_factory=list["Cell"])
    took_s: float = 0.0
    """Wall clock that making the frames took."""
    cpu_s: float = 0.0

    @property
    def follows(self) -> NDArray[np.bool_]:
        """Whether each frame whose face was found comes right after the one before it."""
        return np.diff(np.array(self.index, np.intp), prepend=-9) == 1

    @property
    def note(self) -> str:
        """For people, where there is nothing to judge."""
        return "" if self.landmarks else "The face is lost in all of the result."

    def shapes(self, template: NDArray[np.float64]) -> Points:
        """(len(index), 478, 3) in the axes of the truth."""
        if not self.landmarks:
            return np.empty((0, N_LANDMARKS, 3))
        return pose_shapes(np.array(self.landmarks, np.float64), template=template).shapes

    def pictures(self, report: RenderReport) -> list[Measure]:
        """Flicker, sharpness, seam of the frames with new lips: what was passed through is as good as the footage."""
        is_edited = np.zeros(self.n_frames, np.bool_)
        k = 0
        for what, n in report.strip:
            is_edited[k : k + n] = what == EDITED
            k += n
        of_new = is_edited[np.array(self.picture_index, np.intp)]
        result, source = self.result.only(of_new), self.source.only(of_new)
        return [flicker_ratio(result, source), sharpness_ratio(result, source), seam_ratio(result, source)]


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

    shown = sorted(faces)
    before = -1
    for k, (frame, found) in enumerate(MeshTracker().track(both())):
        frame, original = pairs.pop()
        seen.n_frames += 1
        face = faces.get(original.index)
        box = may_change(face.box) if face is not None else _bridged(faces, shown, original.index)
        seen.outside = max(seen.outside, outside_change(frame, original, box).value)
        if face is None:
            seen.result.pause()
            seen.source.pause()
            continue
        again = nearest(found, face)
        if again is None:
            seen.lost.append(k)
        else:
            seen.index.append(k)
            seen.landmarks.append(again.landmarks)
        if abs(original.index - before) != 1:
            seen.result.pause()
            seen.source.pause()
        before = original.index
        seen.result.observe(frame, face.landmarks)
        seen.source.observe(original, face.landmarks)
        seen.picture_index.append(k)
        if k in picks:
            wide, close = mouth_box(face, 1.5), mouth_box(face, 0.85)
            seen.cells.append(
                Cell(
                    k,
                    float(frame.time_s),
                    [roi_rgb(original, wide, CELL_PX), roi_rgb(frame, wide, CELL_PX)],
                    [roi_rgb(original, close, ZOOM_PX), roi_rgb(frame, close, ZOOM_PX)],
                )
            )
    return seen


def _bridged(faces: dict[int, TrackedFace], shown: list[int], index: int) -> Box:
    """Where a frame of the source without the face may be changed: where the engine bridges it, between its faces."""
    after = bisect_left(shown, index)
    if not 0 < after < len(shown) or shown[after] - shown[after - 1] - 1 > LONGEST_GAP:
        return _NOWHERE
    one, other = (may_change(faces[shown[k]].box) for k in (after - 1, after))
    return Box(
        min(one.left_px, other.left_px),
        min(one.top_px, other.top_px),
        max(one.right_px, other.right_px),
        max(one.bottom_px, other.bottom_px),
    )


def mouth_box(face: TrackedFace, side_io: float) -> Box:
    lips = face.landmarks[list(mesh.LIPS), :2]
    x, y = (float(v) for v in (lips.min(0) + lips.max(0)) / 2)
    half = side_io * float(np.linalg.norm(face.landmarks[33] - face.landmarks[263])) / 2
    return Box(x - half, y - half, x + half, y + half)


def sheets(
    seen: Watched,
    clip: Clip,
    kind: str,
    labels: Sequence[str],
    folder: Path,
    out: Section,
    truth: Callable[[int], int] | None = None,
) -> None:
    """Mouths, and the same zoomed. `truth` tells which frame of the clip shows the true mouth of a place of the result.

    `labels` are of source, result, and the truth.
    """
    for label, px, side, per_band in (("mouths", CELL_PX, 1.5, 12), ("zoom", ZOOM_PX, 0.85, 8)):
        columns = [(cell.time_s, cell.mouths if label == "mouths" else cell.zoomed) for cell in seen.cells]
        if truth is not None:
            real = truth_cells(clip.part().play([truth(cell.index) for cell in seen.cells]), clip.main, side, px)
            columns = [(time_s, [*cells, one]) for (time_s, cells), one in zip(columns, real, strict=True)]
        path = folder / f"{kind}_{clip.file_name}_{label}.png"
        if columns:
            sheet([(f"{time_s:.2f} s", cells) for time_s, cells in columns], labels, path, per_band=per_band)
            out.sheets.append((f"{kind}, {clip.name} ({label}): {', '.join(labels)}", path))


def truth_cells(frames: Iterable[VideoFrame], faces: dict[int, TrackedFace], side_io: float, px: int) -> list[Rgb]:
    """The true mouths at the moments of a sheet."""
    blank = np.full((px, px, 3), 40, np.uint8)
    return [
        roi_rgb(frame, mouth_box(faces[frame.index], side_io), px) if frame.index in faces else blank
        for frame in frames
    ]
