"""Which part of a picture is a person? MediaPipe's selfie segmentation, whose network is in the wheel."""

from __future__ import annotations

from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.vision.colour import Rgb
from lipwright.vision.graphs import Graph, quiet_stderr

MASK_PX: Final = 256
"""Side of what the network sees, and of its answer; it does not mind that the picture is squeezed."""

_GRAPH: Final = """
executor { name: "" type: "ApplicationThreadExecutor" }
input_stream: "image"
output_stream: "mask"
node {
  calculator: "SelfieSegmentationCpu"
  input_stream: "IMAGE:image"
  output_stream: "SEGMENTATION_MASK:mask"
}
"""


class PersonFinder:
    """The network, ready to run. Not for use from two threads at once."""

    def __init__(self) -> None:
        self._graph = Graph(_GRAPH, ("mask",), ())
        with quiet_stderr():  # the first look speaks of delegates
            self._graph.run(np.zeros((MASK_PX, MASK_PX, 3), np.uint8))

    def mask(self, picture: Rgb) -> NDArray[np.float32]:
        """(MASK_PX, MASK_PX) 0..1, spread over the whole of `picture`: how surely each part shows a person."""
        small = cv2.resize(picture, (MASK_PX, MASK_PX), interpolation=cv2.INTER_AREA)
        packets = self._graph.run(cast("Rgb", np.ascontiguousarray(small)))
        return np.asarray(self._graph.picture(packets["mask"]), np.float32).reshape(MASK_PX, MASK_PX)
