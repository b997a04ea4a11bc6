"""One person to work on: the bundled portrait, tracked once for all tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import cast

import numpy as np
import pytest

from lipwright.core.face import FaceChoice, TrackedFace
from lipwright.core.media import Colour, Plane, VideoFrame
from lipwright.demo import video_path
from lipwright.engines.rewrite import RewriteEngine
from lipwright.engines.rewrite.engine import RewriteAvatar
from lipwright.media import MediaFootage, open_footage
from lipwright.vision.shape import PosedShapes, pose_shapes
from lipwright.vision.track import MeshTracker


class KnownTracker:
    """Gives the faces that were found before: by frame index."""

    def __init__(self, faces: dict[int, list[TrackedFace]]) -> None:
        self.faces = faces

    def track(self, frames: Iterable[VideoFrame]) -> Iterator[tuple[VideoFrame, list[TrackedFace]]]:
        for frame in frames:
            yield frame, self.faces.get(frame.index, [])


@pytest.fixture(scope="session")
def portrait() -> MediaFootage:
    return open_footage(video_path())


@pytest.fixture(scope="session")
def tracked(portrait: MediaFootage) -> dict[int, list[TrackedFace]]:
    return {frame.index: faces for frame, faces in MeshTracker().track(portrait.frames())}


@pytest.fixture
def known_tracker(tracked: dict[int, list[TrackedFace]]) -> KnownTracker:
    return KnownTracker(dict(tracked))


@pytest.fixture(scope="session")
def avatar(portrait: MediaFootage, tracked: dict[int, list[TrackedFace]]) -> RewriteAvatar:
    return RewriteEngine().prepare(portrait, tracker=KnownTracker(tracked), face=FaceChoice())


@pytest.fixture(scope="session")
def posed(tracked: dict[int, list[TrackedFace]]) -> PosedShapes:
    return pose_shapes(np.stack([faces[0].landmarks for faces in tracked.values()]).astype(np.float64))


@pytest.fixture
def noise_frame() -> Callable[..., VideoFrame]:
    """A frame of noise in any planar format."""

    def make(
        size: tuple[int, int] = (160, 120), *, step: tuple[int, int] = (2, 2), bits: int = 8, seed: int = 0
    ) -> VideoFrame:
        rng = np.random.default_rng(seed)
        width, height = size
        kind = np.uint8 if bits == 8 else np.uint16
        chroma = (-(-height // step[1]), -(-width // step[0]))
        planes = tuple(
            cast("Plane", rng.integers(16 << (bits - 8), 235 << (bits - 8), shape).astype(kind))
            for shape in ((height, width), chroma, chroma)
        )
        return VideoFrame(planes, 0, Fraction(0), bits, Colour())

    return make
