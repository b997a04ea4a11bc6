"""MediaPipe's face mesh on a window that we choose: landmarks, and how sure the network is.

The stock solution finds its own window, hides the presence score and needs one instance per face. Here the
network of the wheel runs in a graph of its own, which holds nothing from frame to frame: no smoothing, and the
same picture always gives the same landmarks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lipwright.core.face import N_LANDMARKS
from lipwright.core.media import VideoFrame
from lipwright.vision.colour import Rgb, warp_rgb
from lipwright.vision.graphs import Graph, quiet_stderr

WINDOW_PX: Final = 192
"""Side of the picture that the network sees."""

_GRAPH: Final = """
executor { name: "" type: "ApplicationThreadExecutor" }
input_stream: "image"
output_stream: "landmarks"
output_stream: "score"
node {
  calculator: "ConstantSidePacketCalculator"
  output_side_packet: "PACKET:with_attention"
  options { [mediapipe.ConstantSidePacketCalculatorOptions.ext] { packet { bool_value: true } } }
}
node {
  calculator: "FaceLandmarksModelLoader"
  input_side_packet: "WITH_ATTENTION:with_attention"
  output_side_packet: "MODEL:model"
}
node { calculator: "TfLiteCustomOpResolverCalculator" output_side_packet: "OP_RESOLVER:op_resolver" }
node {
  calculator: "TensorConverterCalculator"
  input_stream: "IMAGE:image"
  output_stream: "TENSORS:input_tensors"
  options { [mediapipe.TensorConverterCalculatorOptions.ext] { zero_center: false } }
}
node {
  calculator: "InferenceCalculator"
  input_stream: "TENSORS:input_tensors"
  output_stream: "TENSORS:output_tensors"
  input_side_packet: "MODEL:model"
  input_side_packet: "OP_RESOLVER:op_resolver"
  options { [mediapipe.InferenceCalculatorOptions.ext] { delegate { xnnpack { num_threads: 1 } } } }
}
node {
  calculator: "SplitTensorVectorCalculator"
  input_stream: "output_tensors"
  output_stream: "landmark_tensors"
  output_stream: "presence_tensor"
  options {
    [mediapipe.SplitVectorCalculatorOptions.ext] { ranges { begin: 0 end: 6 } ranges { begin: 6 end: 7 } }
  }
}
node {
  calculator: "TensorsToFloatsCalculator"
  input_stream: "TENSORS:presence_tensor"
  output_stream: "FLOAT:score"
  options { [mediapipe.TensorsToFloatsCalculatorOptions.ext] { activation: SIGMOID } }
}
node {
  calculator: "TensorsToFaceLandmarksWithAttention"
  input_stream: "TENSORS:landmark_tensors"
  output_stream: "LANDMARKS:landmarks"
}
"""


_OPTIONS: Final = (
    "calculators.core.constant_side_packet_calculator",
    "calculators.core.split_vector_calculator",
    "calculators.tensor.inference_calculator",
    "calculators.tensor.tensor_converter_calculator",
    "calculators.tensor.tensors_to_floats_calculator",
)

_MARGIN: Final = 1.5
"""Side of the window over the longer side of the landmarks' box, as MediaPipe takes it."""


@dataclass(frozen=True, slots=True)
class Window:
    """A square of the source, turned with the head, in which a face is looked at."""

    x_px: float
    y_px: float
    """Its centre."""
    side_px: float
    roll_rad: float

    @classmethod
    def around(cls, landmarks: NDArray[np.floating[Any]]) -> Window:
        """The window that MediaPipe takes around landmarks (478, 3)."""
        across = np.ascontiguousarray(landmarks[:, :2].T)  # least and largest of rows are found ten times as fast
        low, high = across.min(1), across.max(1)
        left, right = landmarks[33], landmarks[263]
        roll = np.arctan2(right[1] - left[1], right[0] - left[0])
        centre = (low + high) / 2
        return cls(float(centre[0]), float(centre[1]), _MARGIN * float((high - low).max()), float(roll))

    @property
    def to_source(self) -> NDArray[np.float64]:
        """(2, 3) from pixels of the network's picture to source pixels."""
        step = self.side_px / WINDOW_PX
        cos, sin = step * np.cos(self.roll_rad), step * np.sin(self.roll_rad)
        half = WINDOW_PX / 2
        return np.array(
            [
                [cos, -sin, self.x_px - half * (cos - sin)],
                [sin, cos, self.y_px - half * (sin + cos)],
            ]
        )

    def is_far_from(self, other: Window) -> bool:
        """Whether a face seen in one of them deserves a second look in the other."""
        moved = np.hypot(self.x_px - other.x_px, self.y_px - other.y_px)
        return bool(
            moved > 0.06 * other.side_px
            or abs(np.log(self.side_px / other.side_px)) > 0.12
            or abs(np.sin(self.roll_rad - other.roll_rad)) > 0.2
        )


class FaceMesh:
    """The network, ready to run. Not for use from two threads at once."""

    def __init__(self) -> None:
        self._graph = Graph(_GRAPH, ("landmarks", "score"), _OPTIONS, survives_fork=True)
        with quiet_stderr():  # the first look speaks of delegates
            self.look(np.zeros((WINDOW_PX, WINDOW_PX, 3), np.uint8))

    def find(self, frame: VideoFrame, window: Window) -> tuple[NDArray[np.float64], float, Rgb]:
        """Landmarks (478, 3) in source pixels, the presence score, and the (192, 192, 3) picture looked at."""
        to_source = window.to_source
        picture = warp_rgb(frame, to_source, WINDOW_PX)
        points, score = self.look(picture)
        landmarks = np.empty_like(points)
        landmarks[:, :2] = points[:, :2] @ to_source[:, :2].T + to_source[:, 2]
        landmarks[:, 2] = points[:, 2] * (window.side_px / WINDOW_PX)
        return landmarks, score, picture

    def look(self, window: Rgb) -> tuple[NDArray[np.float64], float]:
        """Landmarks (478, 3) in window pixels (z too), and the presence score 0..1, of a (192, 192, 3) picture."""
        packets = self._graph.run(window)
        points = _read_landmarks(self._graph.wire(packets["landmarks"]))
        return points * WINDOW_PX, self._graph.number(packets["score"])


_WIRE_BYTES: Final = 17
"""One landmark of a serialised NormalizedLandmarkList is two bytes of head, and x, y, z, each a tag and a float:
reading 478 of them as messages costs more than a warp."""
_TAGS_AT: Final = np.array((0, 1, 2, 7, 12))
_TAGS: Final = np.array((0x0A, 15, 0x0D, 0x15, 0x1D), np.uint8)
_FLOATS_AT: Final = np.array([at + k for at in (3, 8, 13) for k in range(4)])


def _read_landmarks(wire: bytes) -> NDArray[np.float64]:
    assert len(wire) == N_LANDMARKS * _WIRE_BYTES, f"the mesh has {len(wire) / _WIRE_BYTES} points"
    table = np.frombuffer(wire, np.uint8).reshape(N_LANDMARKS, _WIRE_BYTES)
    assert (table[:, _TAGS_AT] == _TAGS).all(), "mediapipe writes landmarks in another way than it did"
    return np.ascontiguousarray(table[:, _FLOATS_AT]).view("<f4").astype(np.float64)
