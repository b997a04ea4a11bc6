"""Where in a picture are faces? MediaPipe's two detectors, on the whole frame and on tiles of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import numpy as np

from lipwright.core.face import Box
from lipwright.core.media import VideoFrame
from lipwright.vision.colour import roi_rgb
from lipwright.vision.facemesh import Window
from lipwright.vision.graphs import Graph, quiet_stderr

_LOOK_PX: Final = 192
"""Side of the picture that is searched: what the full-range network works on."""
SMALLEST_FOUND: Final = 1 / 20
"""Width of the smallest face that is found, as a share of the searched area's side."""
_WINDOW_MARGIN: Final = 1.5
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
        side_px = max(area.width_px, area.height_px)
        centre_x, centre_y = area.centre_px
        left, top = centre_x - side_px / 2, centre_y - side_px / 2
        picture = roi_rgb(frame, area, _LOOK_PX)
        found: list[Detection] = []
        for network in (self._far, self._near) if also_near else (self._far,):
            for wire in network.wires(network.run(picture)["detections"]):
                seen = self._detection.FromString(wire)
                place = seen.location_data
                box = place.relative_bounding_box
                eyes = place.relative_keypoints
                found.append(
                    Detection(
                        Box(
                            left + side_px * box.xmin,
                            top + side_px * box.ymin,
                            left + side_px * (box.xmin + box.width),
                            top + side_px * (box.ymin + box.height),
                        ),
                        float(np.arctan2(eyes[1].y - eyes[0].y, eyes[1].x - eyes[0].x)),
                        float(seen.score[0]),
                    )
                )
        return distinct(found)


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
