"""Where in a picture are faces? MediaPipe's two detectors, on the whole frame and on tiles of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Final

import numpy as np

from lipwright.core.face import Box
from lipwright.core.media import VideoFrame
from lipwright.vision.colour import Rgb, roi_rgb, warp_rgb
from lipwright.vision.facemesh import WINDOW_PX, Window
from lipwright.vision.graphs import Graph, quiet_stderr

_LOOK_PX: Final = 192
"""Side of the picture that is searched: what the full-range network works on."""
SMALLEST_FOUND: Final = 1 / 20
"""Width of the smallest face that is found, as a share of the searched area's side."""
_WINDOW_MARGIN: Final = 1.5
_CLOSE_MARGIN: Final = 1.6
"""Side of the picture on which one face is looked at closely, over that of its window."""
_OFF_CENTRE: Final = 0.25
"""As far from the middle of that picture it may be, as a share of its side: farther off it is somebody else."""
_SAME_FACE_OVERLAP: Final = 0.3
_OPTIONS: Final = (
    "calculators.tensor.inference_calculator",
    "framework.formats.detection",
    "modules.face_detection.face_detection",
)
_GRAPH: Final = """
executor { name: "" type: "ApplicationThreadExecutor" }
input_stream: "image"
output_stream: "detections"
node {
  calculator: "FaceDetectionRANGE"
  input_stream: "IMAGE:image"
  output_stream: "DETECTIONS:detections"
  node_options: {
    [type.googleapis.com/mediapipe.FaceDetectionOptions] {
      min_score_thresh: 0.6 delegate { xnnpack { num_threads: 1 } }
    }
  }
}
"""


@dataclass(frozen=True, slots=True)
class Detection:
    """A face that was found, before its mesh is known."""

    box: Box
    roll_rad: float
    score: float

    @property
    def window(self) -> Window:
        """Where the mesh should look."""
        side_px = _WINDOW_MARGIN * max(self.box.width_px, self.box.height_px)
        return Window(*self.box.centre_px, side_px, self.roll_rad)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A face in a square picture, in shares of its side."""

    left: float
    top: float
    right: float
    bottom: float
    roll_rad: float
    score: float

    @property
    def centre(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    @property
    def turned_by_half(self) -> _Seen:
        """The same, where the picture is turned by half."""
        return _Seen(1 - self.right, 1 - self.bottom, 1 - self.left, 1 - self.top, self.roll_rad + np.pi, self.score)


class FaceDetector:
    """Finds faces from a twentieth of the searched area's side up to ones that fill it."""

    def __init__(self) -> None:
        self._near = Graph(_GRAPH.replace("RANGE", "ShortRange"), ("detections",), _OPTIONS)
        self._far = Graph(_GRAPH.replace("RANGE", "FullRange"), ("detections",), _OPTIONS)
        with quiet_stderr():  # the first look speaks of delegates
            blank = np.zeros((_LOOK_PX, _LOOK_PX, 3), np.uint8)
            for network in (self._near, self._far):
                network.run(blank)
        self._detection: Any = import_module("mediapipe.framework.formats.detection_pb2").Detection

    def search(self, frame: VideoFrame, area: Box, *, also_near: bool = False) -> list[Detection]:
        """Faces in the square around `area`, best first. `also_near` asks the network for large faces too."""
        return self._search(frame, area, also_near=also_near, is_turned=False)

    def search_turned(self, frame: VideoFrame, area: Box, *, also_near: bool = False) -> list[Detection]:
        """As `search`, with the picture turned by half: else every other head that stands on its crown is missed."""
        return self._search(frame, area, also_near=also_near, is_turned=True)

    def _search(self, frame: VideoFrame, area: Box, *, also_near: bool, is_turned: bool) -> list[Detection]:
        side_px = max(area.width_px, area.height_px)
        centre_x, centre_y = area.centre_px
        left, top = centre_x - side_px / 2, centre_y - side_px / 2
        picture = roi_rgb(frame, area, _LOOK_PX)
        if is_turned:
            picture = np.ascontiguousarray(picture[::-1, ::-1])
        found: list[Detection] = []
        for network in (self._far, self._near) if also_near else (self._far,):
            for relative in self._look(network, picture):
                seen = relative.turned_by_half if is_turned else relative
                box = Box(
                    left + side_px * seen.left,
                    top + side_px * seen.top,
                    left + side_px * seen.right,
                    top + side_px * seen.bottom,
                )
                found.append(Detection(box, seen.roll_rad, seen.score))
        return distinct(found)

    def look_closely(self, frame: VideoFrame, window: Window) -> Detection | None:
        """The face around which `window` was laid, looked at as that is turned; None where it does not look like one.

        Its score tells which way up it is: of heads on their crown it is below 0.8 and, turned by half, 0.8 to 0.98.
        """
        wide = replace(window, side_px=_CLOSE_MARGIN * window.side_px)
        to_source = wide.to_source
        seen = [
            face
            for face in self._look(self._near, warp_rgb(frame, to_source, WINDOW_PX))
            if np.abs(np.subtract(face.centre, 0.5)).max() < _OFF_CENTRE
        ]
        if not seen:
            return None
        best = max(seen, key=lambda face: face.score)
        x, y = (to_source @ (*np.multiply(WINDOW_PX, best.centre), 1.0)).tolist()
        half_px = wide.side_px * max(best.right - best.left, best.bottom - best.top) / 2
        box = Box(x - half_px, y - half_px, x + half_px, y + half_px)
        return Detection(box, window.roll_rad + best.roll_rad, best.score)

    def _look(self, network: Graph, picture: Rgb) -> Iterator[_Seen]:
        for wire in network.wires(network.run(picture)["detections"]):
            seen = self._detection.FromString(wire)
            box = seen.location_data.relative_bounding_box
            eyes = seen.location_data.relative_keypoints
            roll_rad = float(np.arctan2(eyes[1].y - eyes[0].y, eyes[1].x - eyes[0].x))
            right, bottom = box.xmin + box.width, box.ymin + box.height
            yield _Seen(box.xmin, box.ymin, right, bottom, roll_rad, float(seen.score[0]))


def distinct(found: list[Detection]) -> list[Detection]:
    """Each face once, best first."""
    kept: list[Detection] = []
    for detection in sorted(found, key=lambda d: -d.score):
        if all(detection.box.overlap(other.box) < _SAME_FACE_OVERLAP for other in kept):
            kept.append(detection)
    return kept


def whole(frame: VideoFrame) -> Box:
    return Box(0, 0, frame.width_px, frame.height_px)


def tiles(frame: VideoFrame, parts: int) -> list[Box]:
    """Squares whose side is 1/parts of the frame's shorter side, overlapping by a quarter, row by row."""
    side_px = min(frame.width_px, frame.height_px) / parts

    def starts(length_px: int) -> Iterator[float]:
        n = max(1, int(np.ceil((length_px - side_px) / (0.75 * side_px) + 1 - 1e-9)))
        yield from np.linspace(0, length_px - side_px, n)

    return [
        Box(left, top, left + side_px, top + side_px)
        for top in starts(frame.height_px)
        for left in starts(frame.width_px)
    ]
