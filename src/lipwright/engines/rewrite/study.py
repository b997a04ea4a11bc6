"""Pass one: what is remembered of every face while the footage goes by once."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.core.errors import FaceNotFound, NoFaceFound
from lipwright.core.face import FaceChoice, TrackedFace
from lipwright.core.media import VideoFrame
from lipwright.engines.rewrite.patch import mouth_region
from lipwright.engines.rewrite.picture import Float32, Picture
from lipwright.vision import mesh
from lipwright.vision.occlusion import OcclusionMeter

LIBRARY_BYTES = 192 << 20
"""Memory for pictures of mouths, all faces together."""
_RUN = 50
"""Consecutive frames that a thinned library keeps or drops together: donors play on as footage does."""
_MARGIN_IO = 0.30
_COLOUR_EVERY = 10
_SKIN = (205, 425, 207, 427, 50, 280, 199)
_LIP = (16, 15, 85, 315, 0, 11, 72, 302)


@dataclass(slots=True, eq=False)
class FaceStudy:
    """One face through the footage: a row for each frame that shows it."""

    face_id: int
    frame_index: list[int] = field(default_factory=list[int])
    time_s: list[Fraction] = field(default_factory=list[Fraction])
    landmarks: list[NDArray[np.float32]] = field(default_factory=list[NDArray[np.float32]])
    """(478, 3) px each."""
    sharpness: list[float] = field(default_factory=list[float])
    mouths: dict[int, Picture] = field(default_factory=dict[int, Picture])
    """By row: the mouth with its surroundings, as far as the library's memory goes."""
    skin: list[NDArray[np.float64]] = field(default_factory=list[NDArray[np.float64]])
    """(3,) code values each, 8-bit scale."""
    lip: list[NDArray[np.float64]] = field(default_factory=list[NDArray[np.float64]])
    meter: OcclusionMeter = field(default_factory=OcclusionMeter)
    """Sees the same rows."""
    area_px2: float = 0.0
    """Summed over frames: how present the face is."""
    n_bytes: int = 0
    _stride: int = 1

    def observe(self, frame: VideoFrame, face: TrackedFace) -> None:
        row = len(self.frame_index)
        points = face.landmarks
        io_px = max(8.0, float(np.linalg.norm(points[33] - points[263])))
        self.frame_index.append(frame.index)
        self.time_s.append(frame.time_s)
        self.landmarks.append(points)
        self.sharpness.append(_sharpness(frame, points, io_px))
        self.area_px2 += face.box.area_px2
        self.meter.observe(frame, face)
        if row % _COLOUR_EVERY == 0:
            self.skin.append(_mean_colour(frame, points, _SKIN))
            self.lip.append(_mean_colour(frame, points, _LIP))
        if (row // _RUN) % self._stride == 0:
            region = mouth_region(
                points, io_px, _MARGIN_IO, frame_size=(frame.width_px, frame.height_px), step=frame.chroma_step
            )
            if not region.is_empty:
                picture = Picture.cut(frame, region)
                self.mouths[row] = picture
                self.n_bytes += picture.n_bytes

    @property
    def frames_per_s(self) -> float:
        """The usual rate of the frames that show this face; 25 where one frame is all there is."""
        steps = np.diff([float(t) for t in self.time_s]) / np.maximum(np.diff(self.frame_index), 1)
        return float(1 / np.median(steps)) if len(steps) and np.median(steps) > 0 else 25.0

    def thin(self) -> None:
        """Halve the library: keep every other run of frames."""
        self._stride *= 2
        self.mouths = {row: mouth for row, mouth in self.mouths.items() if (row // _RUN) % self._stride == 0}
        self.n_bytes = sum(mouth.n_bytes for mouth in self.mouths.values())


@dataclass(slots=True, eq=False)
class Study:
    """All faces of one piece of footage."""

    faces: dict[int, FaceStudy] = field(default_factory=dict[int, FaceStudy])
    n_frames: int = 0
    points_seen: dict[int, int] = field(default_factory=dict[int, int])

    def observe(self, frame: VideoFrame, faces: list[TrackedFace], choice: FaceChoice) -> None:
        self.n_frames += 1
        for face in faces:
            study = self.faces.setdefault(face.face_id, FaceStudy(face.face_id))
            study.observe(frame, face)
            if choice.point_px is not None and face.box.contains(*choice.point_px):
                self.points_seen[face.face_id] = self.points_seen.get(face.face_id, 0) + 1
        while sum(study.n_bytes for study in self.faces.values()) > LIBRARY_BYTES:
            max(self.faces.values(), key=lambda study: study.n_bytes).thin()

    def choose(self, choice: FaceChoice) -> FaceStudy:
        """The face that was asked for. Raises NoFaceFound, FaceNotFound."""
        if not self.faces:
            raise NoFaceFound(frames_searched=self.n_frames)
        if choice.face_id is not None:
            if choice.face_id not in self.faces:
                raise FaceNotFound(choice=str(choice), face_ids=tuple(sorted(self.faces)))
            return self.faces[choice.face_id]
        if choice.point_px is not None:
            if not self.points_seen:
                raise FaceNotFound(choice=str(choice), face_ids=tuple(sorted(self.faces)))
            return self.faces[max(self.points_seen, key=lambda face_id: self.points_seen[face_id])]
        return max(self.faces.values(), key=lambda study: study.area_px2)


def _sharpness(frame: VideoFrame, points: NDArray[np.float32], io_px: float) -> float:
    """Log variance of the Laplacian over nose and upper lip, 8-bit scale: motion blur lowers it."""
    nose_x, nose_y = points[mesh.NOSE_BASE, :2]
    height, width = frame.planes[0].shape
    left, right = (int(np.clip(nose_x + d * io_px, 0, width)) for d in (-0.35, 0.35))
    top, bottom = (int(np.clip(nose_y + d * io_px, 0, height)) for d in (-0.25, 0.45))
    part = np.ascontiguousarray(frame.planes[0][top:bottom, left:right])
    if min(part.shape, default=0) < 3:
        return 0.0
    edges = cv2.Laplacian(part, cv2.CV_16S if frame.bits == 8 else cv2.CV_32F)
    _, deviation = cv2.meanStdDev(edges)
    return float(np.log((float(deviation[0, 0]) / (1 << (frame.bits - 8))) ** 2 + 1e-3))


def _mean_colour(frame: VideoFrame, points: NDArray[np.float32], which: tuple[int, ...]) -> NDArray[np.float64]:
    """(3,) mean code values, 8-bit scale, of 5 x 5 luma patches on mesh points; grey has neutral chroma."""
    out = np.full(3, 128.0)
    steps = [(1, 1), frame.chroma_step, frame.chroma_step]
    for number, (plane, (sx, sy)) in enumerate(zip(frame.planes[:3], steps, strict=False)):
        values: list[float] = []
        for x, y in points[list(which), :2]:
            column, line = int(x / sx), int(y / sy)
            part = plane[max(0, line - 2 // sy) : line + 2 // sy + 1, max(0, column - 2 // sx) : column + 2 // sx + 1]
            if part.size:
                values.append(float(part.mean()))
        if values:
            out[number] = float(np.median(values)) / (1 << (frame.bits - 8))
    return out


def mouth_look(picture: Picture, points: NDArray[np.float32], io_px: float) -> Float32:
    """A small upright picture of the lips and what is between them: (28 * 20 + 2 * 14 * 10,) code values 0..1."""
    left, right = points[78, :2].astype(np.float64), points[308, :2].astype(np.float64)
    along = right - left
    length = max(float(np.linalg.norm(along)), 1.0)
    x_axis = along / length
    y_axis = np.array((-x_axis[1], x_axis[0]))
    centre = (left + right) / 2
    top = float(((points[list(mesh.INNER_UPPER), :2] - centre) @ y_axis).min()) - 0.03 * io_px
    bottom = float(((points[list(mesh.INNER_LOWER), :2] - centre) @ y_axis).max()) + 0.03 * io_px
    tall = max(bottom - top, 0.05 * io_px)
    out: list[Float32] = []
    for number, (part, (sx, sy)) in enumerate(zip(picture.parts, picture.steps, strict=True)):
        width, height = (28, 20) if number == 0 else (14, 10)
        # from the small picture to the plane
        to_x, to_y = x_axis * 1.05 * length / width, y_axis * tall / height
        origin = centre + x_axis * (-1.05 * length / 2) + y_axis * top
        turn = np.array(
            [
                [to_x[0] / sx, to_y[0] / sx, (origin[0] - picture.region.left) / sx],
                [to_x[1] / sy, to_y[1] / sy, (origin[1] - picture.region.top) / sy],
            ]
        )
        small = cv2.warpAffine(
            part, turn, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
        )
        soft = cv2.GaussianBlur(small.astype(np.float32), (3, 3), 0)
        out.append(np.asarray(soft, np.float32).ravel() / picture.peak)
    return np.concatenate(out)
