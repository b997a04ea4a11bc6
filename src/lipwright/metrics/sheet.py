"""Contact sheets: the mouths of a result below those of its source, at moments spread over the video."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from lipwright.core.face import Box, TrackedFace
from lipwright.core.media import Footage, VideoFrame
from lipwright.vision import mesh
from lipwright.vision.colour import Rgb, roi_rgb
from lipwright.vision.survey import FaceTracker

MOUTH_SIDE_IO = 1.5
"""Side of a cell, in inter-ocular distances."""
_GAP_PX = 4
_LABEL_PX = 18
_PAPER = 24
_CLEARLY, _NOISE = 2.0, 2.0
"""Another face is shown where it was changed so many times more, and so many levels of 255 beside."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The same moment in both videos, cut to the mouth."""

    time_s: float
    source: Rgb
    output: Rgb


def contact_sheet(
    source: Footage,
    output: Footage,
    order: Sequence[int],
    tracker: FaceTracker,
    *,
    n_moments: int = 24,
    n_columns: int = 12,
    cell_px: int = 160,
) -> Rgb:
    """A picture (h, w, 3) with bands of two rows: the source's mouths, and under them the output's.

    `order` is the frame plan of the output: the source frame behind each output frame. Both cells of a column
    show the same place, found on the source's face; where several are seen, on the one that was changed most, and on
    the same from moment to moment unless another was changed clearly more. Without a face the whole picture is shown.
    """
    n_output = len(order)
    picks = sorted({round(k * (n_output - 1) / max(1, n_moments - 1)) for k in range(min(n_moments, n_output))})
    originals = tracker.track(source.play([order[pick] for pick in picks]))
    looks = [
        _looks(before, faces, after, cell_px)
        for (before, faces), after in zip(originals, output.play(picks), strict=True)
    ]
    moments = of_one_face(looks)
    bands = [moments[k : k + n_columns] for k in range(0, len(moments), n_columns)]
    return np.concatenate([_band(band, min(n_columns, len(moments)), cell_px) for band in bands])


@dataclass(frozen=True, slots=True)
class Look:
    """One face at one moment."""

    moment: Moment
    box: Box
    change: float
    """Mean difference between both cells, of 255."""


def _looks(before: VideoFrame, faces: Iterable[TrackedFace], after: VideoFrame, cell_px: int) -> list[Look]:
    boxes = [mouth_box(face) for face in faces] or [Box(0, 0, before.width_px, before.height_px)]
    pairs = [(roi_rgb(before, box, cell_px), roi_rgb(after, box, cell_px)) for box in boxes]
    return [
        Look(Moment(float(after.time_s), one, other), box, float(np.abs(one.astype(np.int16) - other).mean()))
        for box, (one, other) in zip(boxes, pairs, strict=True)
    ]


def of_one_face(looks: Sequence[Sequence[Look]]) -> list[Moment]:
    """One of each moment's faces: a mouth that rests for a moment gives no way to the noise of somebody else's."""
    if not looks:
        return []
    place = max((one for some in looks for one in some), key=lambda one: one.change).box.centre_px
    chosen: list[Look] = []
    for some in looks:
        x, y = place
        near = min(some, key=lambda one: (one.box.centre_px[0] - x) ** 2 + (one.box.centre_px[1] - y) ** 2)
        most = max(some, key=lambda one: one.change)
        is_clear = most.change > _CLEARLY * near.change + _NOISE
        chosen.append(most if is_clear else near)
        place = chosen[-1].box.centre_px
    return [one.moment for one in chosen]


def mouth_box(face: TrackedFace) -> Box:
    """A square around the lips."""
    lips = face.landmarks[list(mesh.LIPS), :2]
    x, y = (lips.min(0) + lips.max(0)) / 2
    left, right = mesh.EYE_CORNERS
    half = MOUTH_SIDE_IO * float(np.linalg.norm(face.landmarks[left] - face.landmarks[right])) / 2
    return Box(float(x) - half, float(y) - half, float(x) + half, float(y) + half)


def _band(moments: Sequence[Moment], n_columns: int, cell_px: int) -> Rgb:
    width = n_columns * (cell_px + _GAP_PX) + _GAP_PX
    band = np.full((_LABEL_PX + 2 * (cell_px + _GAP_PX), width, 3), _PAPER, np.uint8)
    for column, moment in enumerate(moments):
        left = _GAP_PX + column * (cell_px + _GAP_PX)
        for row, cell in enumerate((moment.source, moment.output)):
            top = _LABEL_PX + row * (cell_px + _GAP_PX)
            band[top : top + cell_px, left : left + cell_px] = cell
        cv2.putText(
            band, f"{moment.time_s:.2f} s", (left, _LABEL_PX - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (220, 220, 220), 1
        )  # fmt: skip
    return band


def png(picture: Rgb) -> bytes:
    """The picture as a PNG file."""
    is_done, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    assert is_done
    return data.tobytes()


def jpeg(picture: Rgb, quality: int = 85) -> bytes:
    """The picture as a JPEG file."""
    is_done, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert is_done
    return data.tobytes()
