"""Pass one: what is remembered of every face while the footage goes by once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from lipwright.core.face import N_LANDMARKS, TrackedFace
from lipwright.core.media import Plane, VideoFrame
from lipwright.engines.base import Memory
from lipwright.engines.rewrite.patch import mouth_region
from lipwright.engines.rewrite.picture import Float32, Picture, Region, region_around, shown_area
from lipwright.engines.rewrite.rows import LandmarkRows
from lipwright.engines.rewrite.steady import LONGEST_GAP
from lipwright.engines.rewrite.upright import quarter_turns, upright_face, upright_frame
from lipwright.vision import mesh
from lipwright.vision.occlusion import OcclusionMeter
from lipwright.vision.overlay import Overlay, OverlayMeter
from lipwright.vision.shape import Floats

LIBRARY_BYTES = 192 << 20
"""Memory for pictures of mouths, all faces together."""
MAX_MOUTHS = 1200
"""Pictures of one face's mouth: choosing among more takes longer and gains nothing."""
_RUN = 25
"""Consecutive frames that a thinned library keeps or drops together, at most: donors play on as footage does."""
_FEWEST_RUNS = 12
"""So many stretches of footage are kept: where mouths are so large that few fit, each of them is shorter."""
_MARGIN_IO = 0.30
_LOST_MARGIN_IO = 0.25
"""A face that moves farther while it is lost is not followed."""
_COLOUR_EVERY = 10
_SKIN = (205, 425, 207, 427, 50, 280, 199)
_LIP = (16, 15, 85, 315, 0, 11, 72, 302)
_BLUR_SEEN_AT_PX, _LIPS_SEEN_AT_PX = 100, 150
"""Eye to eye, at most, where sharpness is measured."""
_EDGES_FROM, _SHARPEST = 85, 20
"""Percentiles: of the slopes, from which they are edges; of the edges, which of them tells how soft a picture is."""
_LEAST_SLOPE, _FEWEST_EDGES = 2.0, 6
_USUAL_COMBING, _FEW_COMBED = 0.7, 10
"""What averaging lines takes from edges that are not combed, log variance, at least; and the percentile of a footage's
frames that tells how much it takes there: noise has more of it, and where nothing moves there are no combs.
"""
_COMBED_FROM = 0.6
"""Beyond the usual, so much and more is combs."""
_COMBS_COUNT = 0.8
"""Combs are seen as blur so strong is, at most."""
_LINE_TEXELS, _LINE_REACH_IO, _LINE_CORNER, _LINE_WIDE_IO = (32, 24), 0.06, 0.15, 0.02
"""How the line between shut lips is looked at: a strip of so many texels, so far above and below, without so much of
both ends; and how far from the darkest of it its lips are held against it.
"""
_WHITE = (255.0,)
_CELL_IO = np.array((0.02, 0.04, 0.12, 0.12))
"""Mouths whose opening and width, and whose nose's place between the eyes, lie within one cell show the same."""

Cell = tuple[int, ...]


@dataclass(slots=True, eq=False)
class FaceStudy:
    """One face through the footage: a row for each frame that shows it."""

    face_id: int
    cuts: Sequence[int] = ()
    """The frames with which a shot begins, when the footage has gone by."""
    frame_index: list[int] = field(default_factory=list[int])
    last_frame: int = 0
    """The last one that was looked at, whether it shows this face or not."""
    turns: list[int] = field(default_factory=list[int])
    """As `quarter_turns`: what a row tells is of its frame as it is after so many."""
    time_s: list[float] = field(default_factory=list[float])
    landmarks: LandmarkRows = field(default_factory=LandmarkRows)
    sharpness: list[float] = field(default_factory=list[float])
    """As `Edges.strength`."""
    combing: list[float] = field(default_factory=list[float])
    """As `Edges.combing`."""
    mouths: dict[int, Picture] = field(default_factory=dict[int, Picture])
    """By row: the mouth with its surroundings, as far as the library's memory goes."""
    skin: list[NDArray[np.float64]] = field(default_factory=list[NDArray[np.float64]])
    """(3,) code values each, 8-bit scale."""
    lip: list[NDArray[np.float64]] = field(default_factory=list[NDArray[np.float64]])
    n_bytes: int = 0
    _meter: OcclusionMeter = field(default_factory=OcclusionMeter)
    _overlays: OverlayMeter = field(default_factory=OverlayMeter)
    _metered: list[int] = field(default_factory=list[int])
    """The frames that it saw: those of the rows, and those between on which the face was lost for a moment."""
    _lost: list[tuple[Region, VideoFrame]] = field(default_factory=list[tuple[Region, VideoFrame]])
    """What is shown, since the face was lost, where it was seen last."""
    _last: NDArray[np.float32] = field(default_factory=lambda: np.zeros((N_LANDMARKS, 3), np.float32))
    """Where it was seen last."""
    _cells: dict[int, Cell] = field(default_factory=dict[int, Cell])
    """What each kept mouth shows, coarsely."""

    def observe(self, frame: VideoFrame, face: TrackedFace) -> None:
        turns = self._turns_of(face, frame)
        face, frame = upright_face(face, frame, turns), upright_frame(frame, turns)
        if self.turns and turns != self.turns[-1]:
            self._lost.clear()  # what lies between is of neither
        self._look_back(face, frame.index)
        self.turns.append(turns)
        self.last_frame = frame.index
        row = len(self.frame_index)
        points = face.landmarks
        io_px = max(8.0, float(np.linalg.norm(points[33] - points[263])))
        self.frame_index.append(frame.index)
        self.time_s.append(float(frame.time_s))
        self.landmarks.append(points)
        edges = _head_edges(frame, points, io_px)
        self.sharpness.append(edges.strength)
        self.combing.append(edges.combing)
        self._meter.observe(frame, face)
        self._metered.append(frame.index)
        self._overlays.observe(frame, points, turns)
        if row % _COLOUR_EVERY == 0:
            self.skin.append(_mean_colour(frame, points, _SKIN))
            self.lip.append(_mean_colour(frame, points, _LIP))
        region = mouth_region(points, io_px, _MARGIN_IO, bounds=shown_area(frame), step=frame.chroma_step)
        if region.is_empty:
            return
        picture = Picture.cut(frame, region)
        self.mouths[row] = picture
        self.n_bytes += picture.n_bytes
        self._cells[row] = _cell(face, io_px)
        while len(self.mouths) > MAX_MOUTHS:
            self.thin()

    def miss(self, frame: VideoFrame) -> None:
        """Remember, for a moment, a frame on which this face is not found."""
        self.last_frame = frame.index
        if frame.index - self.frame_index[-1] > LONGEST_GAP:
            self._lost.clear()
            return
        frame = upright_frame(frame, self.turns[-1])
        points = self._last
        margin_px = _LOST_MARGIN_IO * float(np.linalg.norm(points[33] - points[263]))
        margins = (margin_px, margin_px, margin_px, margin_px)
        region = region_around(points[:, :2], margins, bounds=shown_area(frame), step=frame.chroma_step)
        if not region.is_empty:
            self._lost.append((region, _part(frame, region)))

    def _turns_of(self, face: TrackedFace, frame: VideoFrame) -> int:
        if not self.turns:
            return quarter_turns(face.landmarks)
        step_x, step_y = frame.chroma_step
        # a mouth of other chroma could not be lent
        return quarter_turns(face.landmarks, self.turns[-1]) if step_x == step_y else self.turns[-1]

    @property
    def turned(self) -> list[int]:
        """The frames from which on the face is turned otherwise than before."""
        return [self.frame_index[row] for row in range(1, len(self.turns)) if self.turns[row] != self.turns[row - 1]]

    def _look_back(self, face: TrackedFace, index: int) -> None:
        """Found again on this frame: where the mouth was since it was lost is known now."""
        for region, part in self._lost:
            share = (part.index - self.frame_index[-1]) / (index - self.frame_index[-1])
            points = self._last + share * (face.landmarks - self._last) - (region.left, region.top, 0)
            self._meter.observe(part, TrackedFace(self.face_id, points.astype(np.float32), face.score))
            self._metered.append(part.index)
        self._lost.clear()
        self._last = face.landmarks

    def hidden_and_doubted(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The frames on which something covers the mouth, and those with the ones on which something may.

        Also of those on which the face was lost for a moment.
        """
        frames, found = np.array(self._metered, np.intp), self._meter.finish()
        return frames[found.is_hidden], frames[found.is_doubted]

    @property
    def overlays(self) -> list[Overlay]:
        """What lies on the picture before this face."""
        return self._overlays.finish()

    @property
    def frames_per_s(self) -> float:
        """As `usual_rate`."""
        return usual_rate(self.time_s, self.frame_index)

    def thin(self) -> None:
        """Give up one run of mouths: the one that shows most of what others show too."""
        length = min(_RUN, max(1, len(self.mouths) // _FEWEST_RUNS))
        common = Counter(self._cells.values())
        worth: dict[int, float] = {}
        blurred = float(np.median([self.sharpness[row] for row in self.mouths])) - 0.6
        for row, cell in self._cells.items():
            share = (0.5 if self.sharpness[row] < blurred else 1.0) / common[cell]
            worth[row // length] = worth.get(row // length, 0.0) + share
        latest = (len(self.frame_index) - 1) // length
        settled = [run for run in worth if run != latest] or list(worth)
        given_up = min(settled, key=lambda run: worth[run])
        for row in [row for row in self.mouths if row // length == given_up]:
            self.n_bytes -= self.mouths.pop(row).n_bytes
            del self._cells[row]


def usual_rate(time_s: ArrayLike, frame_index: ArrayLike) -> float:
    """Footage's frames in a second, told by those (n,) that show a face; 25 where one frame is all there is."""
    steps = np.diff(time_s) / np.maximum(np.diff(frame_index), 1)
    return float(1 / np.median(steps)) if len(steps) and np.median(steps) > 0 else 25.0


def packed_mouths(name: str, mouths: Mapping[int, Picture]) -> Memory:
    """Pictures by row, as arrays under `name`: for `unpacked_mouths`."""
    for run in sorted({row // _RUN for row in mouths}):
        rows = [row for row in sorted(mouths) if row // _RUN == run]
        pictures = [mouths[row] for row in rows]
        regions = [(p.region.left, p.region.top, p.region.right, p.region.bottom) for p in pictures]
        looks = [
            (row, *edges, *p.step, p.bits, len(p.parts)) for row, edges, p in zip(rows, regions, pictures, strict=True)
        ]
        yield f"{name}/{run}/looks", np.array(looks, np.int64)
        yield f"{name}/{run}/codes", np.concatenate([part.ravel() for p in pictures for part in p.parts])


def unpacked_mouths(name: str, memory: Mapping[str, NDArray[Any]]) -> dict[int, Picture]:
    """Raises KeyError, ValueError where the arrays do not fit together."""
    mouths: dict[int, Picture] = {}
    for key in [key for key in memory if key.startswith(f"{name}/") and key.endswith("/looks")]:
        codes = memory[key.removesuffix("looks") + "codes"]
        at = 0
        for row, left, top, right, bottom, step_x, step_y, bits, n_parts in memory[key].tolist():
            region = Region(left, top, right, bottom)
            chroma = (-(-bottom // step_y) - top // step_y, -(-right // step_x) - left // step_x, 2)
            parts: list[Plane] = []
            for shape in [(region.height, region.width), chroma][:n_parts]:
                n = int(np.prod(shape))
                parts.append(cast("Plane", codes[at : at + n].reshape(shape)))
                at += n
            mouths[row] = Picture(parts, region, (step_x, step_y), bits)
    return mouths


@dataclass(slots=True, eq=False)
class Study:
    """All faces of one piece of footage."""

    cuts: Sequence[int] = ()
    """As those of a face; it may still grow."""
    faces: dict[int, FaceStudy] = field(default_factory=dict[int, FaceStudy])

    def observe(self, frame: VideoFrame, faces: list[TrackedFace]) -> None:
        for face in faces:
            study = self.faces.setdefault(face.face_id, FaceStudy(face.face_id, self.cuts))
            study.observe(frame, face)
        for study in self.faces.values():
            if study.frame_index[-1] != frame.index:
                study.miss(frame)
        while sum(study.n_bytes for study in self.faces.values()) > LIBRARY_BYTES:
            max(self.faces.values(), key=lambda study: study.n_bytes).thin()


def _part(frame: VideoFrame, region: Region) -> VideoFrame:
    """A copy of what a frame shows there."""
    luma, *chroma = Picture.cut(frame, region).parts
    planes = (luma, *(part[..., k] for part in chroma for k in (0, 1)))
    return VideoFrame(planes, frame.index, frame.time_s, frame.bits, frame.colour)


def _cell(face: TrackedFace, io_px: float) -> Cell:
    """What a mouth shows, coarsely: how far it is open and how wide it is, on a head turned so."""
    points = face.landmarks
    across = float(np.linalg.norm(points[61] - points[291])) / io_px
    nose = (points[mesh.NOSE_BASE] - (points[33] + points[263]) / 2) / io_px
    return tuple(np.floor(np.array((face.lip_gap, across, nose[0], nose[1])) / _CELL_IO).astype(int).tolist())


@dataclass(frozen=True, slots=True)
class Edges:
    """How strong the edges of a part of a picture are."""

    strength: float = 0.0
    """Log variance of the Laplacian, 8-bit scale: motion blur lowers it."""
    combing: float = 0.0
    """By how much it is lower after neighbouring lines were averaged: fields of two moments, woven, raise it."""

    @classmethod
    def of(cls, luma: Plane, scale: float, bits: int, mask: NDArray[np.uint8] | None = None) -> Edges:
        """Of a part of a picture that is made smaller by `scale`, where the mask of that size is not 0."""
        height, width = (max(3, round(side * scale)) for side in luma.shape)
        whole = np.ascontiguousarray(luma)
        # nothing is left of what alternates from line to line
        averaged = cv2.GaussianBlur(whole, (1, 3), 0)  # a quarter, a half and a quarter

        def seen(part: NDArray[Any]) -> float:
            small = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
            return _log_edges(np.asarray(small, np.float32), bits, mask)

        strength = seen(whole)
        return cls(strength, strength - seen(averaged))


def uncombed(strength: Floats, combing: Floats, *, less: bool = False) -> Floats:
    """The strength (n,) of edges without that of combs; `less`: combs count as blur.

    Combs are told from a picture's own fine lines by what is usual: without them, all strengths stay exactly as they
    are.
    """
    if not len(combing):
        return strength
    beyond = combing - max(_USUAL_COMBING, float(np.percentile(combing, _FEW_COMBED)))
    is_combed = beyond > _COMBED_FROM
    blur = np.minimum(beyond - _COMBED_FROM, _COMBS_COUNT) if less else 0.0
    return np.asarray(np.where(is_combed, strength - beyond - blur, strength))


def _head_edges(frame: VideoFrame, points: NDArray[np.float32], io_px: float) -> Edges:
    """The edges from the nose to the upper lip.

    The mouth takes no part, whose teeth have edges that come and go; noise and grain little, since it is seen small.
    """
    nose_x, nose_y = points[mesh.NOSE_BASE, :2]
    height, width = frame.planes[0].shape
    left, right = (int(np.clip(nose_x + d * io_px, 0, width)) for d in (-0.35, 0.35))
    lip = max(float(points[mesh.UPPER_LIP_TOP, 1]), float(nose_y) + 0.05 * io_px)
    top, bottom = (int(np.clip(y, 0, height)) for y in (nose_y - 0.25 * io_px, lip))
    if bottom - top < 3 or right - left < 3:
        return Edges()
    return Edges.of(frame.planes[0][top:bottom, left:right], min(1.0, _BLUR_SEEN_AT_PX / io_px), frame.bits)


def _log_edges(part: Float32, bits: int, mask: NDArray[np.uint8] | None = None) -> float:
    _, deviation = cv2.meanStdDev(cv2.Laplacian(part, cv2.CV_32F), mask=mask)
    return float(np.log((float(deviation[0, 0]) / (1 << (bits - 8))) ** 2 + 1e-3))


def _mean_colour(frame: VideoFrame, points: NDArray[np.float32], which: tuple[int, ...]) -> NDArray[np.float64]:
    """(3,) mean code values, 8-bit scale, of 5 x 5 luma patches on mesh points; grey has neutral chroma."""
    out = np.full(3, 128.0)
    steps = [(1, 1), frame.chroma_step, frame.chroma_step]
    for number, (plane, (sx, sy)) in enumerate(zip(frame.planes[:3], steps, strict=False)):
        values: list[float] = []
        for x, y in points[list(which), :2]:
            column, line, down, right = int(x / sx), int(y / sy), 2 // sy, 2 // sx
            lines = slice(max(0, line - down), max(0, line + down + 1))  # none, beyond the picture
            part = plane[lines, max(0, column - right) : max(0, column + right + 1)]
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


def edge_blur_px(picture: Picture, io_px: float) -> float:
    """Standard deviation of the Gaussian that a mouth's sharpest edges are blurred by, 0 where there are no edges.

    By how much another, known blur flattens them (Zhuo and Sim 2011, "Defocus map estimation from a single image").
    """
    known_px = max(1.0, 0.012 * io_px)
    luma = _blurred(picture.parts[0].astype(np.float32) / (1 << (picture.bits - 8)), 0.5)
    slope, flatter = _slope(luma), _slope(_blurred(luma, known_px))
    is_edge = slope > max(float(np.percentile(slope, _EDGES_FROM)), _LEAST_SLOPE)
    is_edge &= slope == cv2.dilate(slope, np.ones((3, 3), np.uint8))
    is_edge[[0, -1]] = is_edge[:, [0, -1]] = False
    if np.count_nonzero(is_edge) < _FEWEST_EDGES:
        return 0.0
    ratio = np.maximum(slope[is_edge] / np.maximum(flatter[is_edge], 1e-3), 1.001)
    return float(np.percentile(known_px / np.sqrt(ratio * ratio - 1), _SHARPEST))


def _blurred(luma: Float32, sigma_px: float) -> Float32:
    return np.asarray(cv2.GaussianBlur(luma, (0, 0), sigma_px), np.float32)


def _slope(luma: Float32) -> Float32:
    across, down = cv2.Scharr(luma, cv2.CV_32F, 1, 0), cv2.Scharr(luma, cv2.CV_32F, 0, 1)
    return np.asarray(cv2.magnitude(across, down), np.float32) / 32


def lip_edges(picture: Picture, points: NDArray[np.float32], io_px: float) -> Edges:
    """The edges of the lips, without what is between them: they blur by themselves too.

    Seen small too: noise and grain are finer than the edge of a lip.
    """
    scale = min(1.0, _LIPS_SEEN_AT_PX / io_px)
    luma = picture.parts[0]
    at = (points[:, :2] - (picture.region.left, picture.region.top)) * scale
    lips = np.zeros([max(3, round(side * scale)) for side in luma.shape], np.uint8)
    cv2.fillConvexPoly(lips, np.round(cv2.convexHull(at[list(mesh.LIPS)].astype(np.float32))).astype(np.int32), _WHITE)
    reach = max(1, round(0.04 * io_px * scale))
    lips = np.asarray(cv2.dilate(lips, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)), np.uint8)
    inner = np.vstack([at[list(mesh.INNER_UPPER)], at[list(mesh.INNER_LOWER[::-1])]])
    if np.ptp(inner[:, 1]) > 0.03 * io_px * scale:
        cv2.fillPoly(lips, [np.round(inner).astype(np.int32)], (0.0,))
    return Edges.of(luma, scale, picture.bits, lips)


def lip_line(picture: Picture, points: NDArray[np.float32], io_px: float) -> float:
    """How deep the dark line is where lips meet, beside the light of these lips: natural logarithm.

    What is asked of shut lips: a blur that leaves the edges of a moustache and of red lips takes this line first.
    """
    at = (points[:, :2] - (picture.region.left, picture.region.top)).astype(np.float64)
    left, right = at[78], at[308]
    along = right - left
    x_axis = along / max(float(np.linalg.norm(along)), 1e-6)
    y_axis = np.array((-x_axis[1], x_axis[0]))
    middle = (at[list(mesh.INNER_UPPER)] + at[list(mesh.INNER_LOWER)]) / 2
    off = np.median(np.asarray((middle - left) @ y_axis, np.float64)).item()
    n_along, n_across = _LINE_TEXELS
    to_x, to_y = along * (1 - 2 * _LINE_CORNER) / n_along, y_axis * (2 * _LINE_REACH_IO * io_px / n_across)
    origin = left + _LINE_CORNER * along + y_axis * (off - _LINE_REACH_IO * io_px)
    turn = np.array([[to_x[0], to_y[0], origin[0]], [to_x[1], to_y[1], origin[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    strip = cv2.warpAffine(picture.parts[0], turn, (n_along, n_across), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    light = np.asarray(cv2.blur(strip.astype(np.float32), (3, 1)), np.float32)
    far = round(_LINE_WIDE_IO / (2 * _LINE_REACH_IO) * n_across)
    bend = (light[: -2 * far] + light[2 * far :]) / 2 - light[far:-far]
    depth = float(np.median(np.asarray(bend.max(0), np.float32)))
    depth /= max(float(np.median(light)), float(8 << (picture.bits - 8)))
    return float(np.log(max(depth, 1e-3)))
