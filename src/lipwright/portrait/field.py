"""One smooth field of movement over the picture: heads that turn, nod and lean, and breath that lifts them.

    turn, nod   a dome over the head: the nose moves most, the outline of the head and all behind it not at all
    lean        around the root of the neck; fades out on the shoulders and, softly, in the background
    breath      the chest grows upwards and carries head and shoulders

Fields live on a coarse grid of nodes and are linear in between. They lead backwards (what shows here was there),
and are exactly zero at the border of the picture and away from people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.core.face import Box
from lipwright.portrait.life import Moment
from lipwright.vision.shape import canonical_axes

Floats = NDArray[np.float64]
Float32 = NDArray[np.float32]
Bytes = NDArray[np.uint8]

BREATH_IO: Final = 0.011
"""How far a breath lifts the head, in inter-ocular distances."""
_OVAL: Final = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150,
    136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
_STRIP_NODES: Final = 16
_LEAST_PX: Final = 1 / 128
"""Half of the finest step that a drawn plane can show: what moves less stays."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Nodes `step_px` apart: node (row, column) lies at ((column + 0.5) * step - 0.5, (row + 0.5) * step - 0.5)."""

    step_px: int
    columns: int
    rows: int

    @classmethod
    def over(cls, width_px: int, height_px: int, io_px: float) -> Grid:
        """Nodes over the whole picture, at least eight to an inter-ocular distance where it is large enough."""
        step = 1 << int(np.clip(np.floor(np.log2(max(io_px, 1) / 8)), 2, 5))
        return cls(step, -(-width_px // step), -(-height_px // step))

    def places(self) -> tuple[Floats, Floats]:
        """x and y of the nodes, each (rows, columns)."""
        x = (np.arange(self.columns) + 0.5) * self.step_px - 0.5
        y = (np.arange(self.rows) + 0.5) * self.step_px - 0.5
        return np.meshgrid(x, y)  # type: ignore[return-value]


@dataclass(frozen=True, slots=True, eq=False)
class PersonField:
    """How one person can move: a field (rows, columns, 2) in px for one radian, or for one whole breath."""

    yaw: Float32
    pitch: Float32
    roll: Float32
    breath: Float32

    def at(self, moment: Moment) -> Float32:
        return (
            moment.yaw_rad * self.yaw
            + moment.pitch_rad * self.pitch
            + moment.roll_rad * self.roll
            + moment.breath * self.breath
        ).astype(np.float32)


def person_fields(
    faces: Sequence[NDArray[np.float32]], person: Float32, grid: Grid, width_px: int, height_px: int
) -> list[PersonField]:
    """Fields of faces, landmarks (478, 3) px each; `person` (any size) 0..1 covers the picture.

    Where two people come near each other they share the movement, so that the field stays whole.
    """
    x, y = grid.places()
    # each person's own movements before they are shared out
    weights: list[Floats] = []
    parts: list[tuple[Floats, Floats, Floats, Floats, float]] = []
    for points in faces:
        head = _Head.of(points)
        matte = _matte(person, grid, head, x, y)
        border = _border(x, y, width_px, height_px, 0.6 * head.io_px)
        u, v = head.own_axes(x, y)
        lean = _fall((v - head.chin) / head.io_px, -0.1, 1.1) * _fall(np.abs(u) / head.half_width, 1.5, 2.6)
        lean *= matte * border
        lift = _lift(head, x, y, height_px) * matte * border
        dome = _dome(points, head, x, y) * border
        weights.append(np.maximum(lean, lift))
        parts.append((dome, lean, lift, u, head.io_px))
    total = np.maximum(1.0, np.sum(weights, axis=0)) if weights else np.ones_like(x)
    out: list[PersonField] = []
    for points, (dome, lean, lift, u, io_px) in zip(faces, parts, strict=True):
        head = _Head.of(points)
        _, v = head.own_axes(x, y)
        around_u, around_v = u, v - (head.chin + 0.9 * io_px)
        along, across = head.axes
        share = 1 / total
        out.append(
            PersonField(
                _vectors(-dome * share, along),
                _vectors(-dome * share, across),
                # crown to the right: what shows to the left of where it goes
                _vectors(around_v * lean * share, along) + _vectors(-around_u * lean * share, across),
                _vectors(lift * share * head.breath_px(height_px), np.array([0.0, 1.0])),
            )
        )
    return out


@dataclass(frozen=True, slots=True, eq=False)
class _Head:
    """Where a head is, hair and all: axes along the eyes and down the face, origin between the eyes."""

    io_px: float
    origin: Floats
    axes: Floats
    chin: float
    """v of the chin, px."""
    half_width: float
    crown: float
    """v of the crown, px, negative."""

    @classmethod
    def of(cls, points: NDArray[np.float32]) -> _Head:
        flat = points[:, :2].astype(np.float64)
        io_px = float(np.linalg.norm(points[33] - points[263]))
        along = flat[263] - flat[33]
        along /= np.linalg.norm(along)
        axes = np.stack([along, (-along[1], along[0])])
        origin = (flat[33] + flat[263]) / 2
        oval = (flat[list(_OVAL)] - origin) @ axes.T
        half_width = float(np.ptp(oval[:, 0])) / 2
        origin = origin + axes[0] * float(oval[:, 0].max() + oval[:, 0].min()) / 2
        top = float(oval[:, 1].min())
        return cls(io_px, origin, axes, float(oval[:, 1].max()), half_width, 1.75 * top)

    def own_axes(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        at_x, at_y = x - self.origin[0], y - self.origin[1]
        return at_x * self.axes[0, 0] + at_y * self.axes[0, 1], at_x * self.axes[1, 0] + at_y * self.axes[1, 1]

    def chin_px(self) -> float:
        """y of the chin in the picture."""
        return float(self.origin[1] + self.chin * self.axes[1, 1])

    def breath_px(self, height_px: int) -> float:
        """How far a breath lifts; less where the picture ends soon below the chin."""
        room = max(0.0, height_px - self.chin_px()) / self.io_px
        return BREATH_IO * self.io_px * min(1.0, room / 2.0)


def _matte(person: Float32, grid: Grid, head: _Head, x: Floats, y: Floats) -> Floats:
    """1 on the person and just beside, 0 from two thirds of an inter-ocular distance away on."""
    io_nodes = head.io_px / grid.step_px
    on = cv2.resize(person, (grid.columns, grid.rows), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    # the network may not take a painted head for a person; the mesh does
    u, v = head.own_axes(x, y)
    middle = (head.crown + head.chin) / 2
    radius = np.hypot(u / (1.1 * head.half_width), (v - middle) / ((head.chin - head.crown) / 2))
    on = np.maximum((on > 0.5).astype(np.float32), (radius < 1).astype(np.float32))
    grow = 2 * round(0.3 * io_nodes) + 1
    on = cv2.dilate(on, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (grow, grow)))
    blur = 2 * max(1, round(0.22 * io_nodes)) + 1
    for _ in range(3):  # three boxes are nearly a bell, and end
        on = cv2.blur(on, (blur, blur), borderType=cv2.BORDER_REPLICATE)
    return on.astype(np.float64)


def _border(x: Floats, y: Floats, width_px: int, height_px: int, margin_px: float) -> Floats:
    """0 at the border and one pixel inside, 1 from `margin_px` (or a quarter of the picture) on."""
    margin = min(margin_px, 0.25 * min(width_px, height_px))
    away = np.minimum(np.minimum(x, width_px - 1 - x), np.minimum(y, height_px - 1 - y))
    return 1 - _fall(away / margin, 0.05, 1.0)


def _lift(head: _Head, x: Floats, y: Floats, height_px: int) -> Floats:
    """1 at the shoulders and above, 0 at the waist or at the lower border."""
    shoulders = head.chin_px() + 0.7 * head.io_px
    waist = min(head.chin_px() + 3.2 * head.io_px, float(height_px - 2))
    if waist <= head.chin_px():
        return np.zeros_like(x)
    shoulders = min(shoulders, head.chin_px() + 0.4 * (waist - head.chin_px()))
    upwards = _fall((y - shoulders) / (waist - shoulders), 0.0, 1.0)
    return upwards * _fall(np.abs(x - head.origin[0]) / head.io_px, 1.9, 3.0)


def _dome(points: NDArray[np.float32], head: _Head, x: Floats, y: Floats) -> Floats:
    """How far in front of the head's outline each place is, px: the mesh's own depth, then down to 0 over the hair."""
    shape = canonical_axes(points.astype(np.float64))[:468]
    flat = points[:468, :2].astype(np.float64)
    rim = float(np.median(shape[[127, 356, 234, 454], 2]))
    height = np.maximum(0.0, rim - shape[:, 2]) * head.io_px
    middle = (head.crown + head.chin) / 2 + 0.1 * head.io_px
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    known, values = [flat], [height]
    for radius in (1.0, 1.15, 2.0):
        ring_u = radius * 1.18 * head.half_width * np.cos(angle)
        ring_v = middle + radius * ((head.chin - head.crown) / 2 + 0.15 * head.io_px) * np.sin(angle)
        known.append(head.origin + ring_u[:, None] * head.axes[0] + ring_v[:, None] * head.axes[1])
        values.append(np.zeros(len(angle)))
    nodes = _linear(np.concatenate(known), np.concatenate(values), x, y)
    blur = 2 * max(1, round(0.08 * head.io_px / max(1.0, float(x[0, 1] - x[0, 0])))) + 1
    for _ in range(3):
        nodes = np.asarray(cv2.blur(nodes, (blur, blur), borderType=cv2.BORDER_REPLICATE), np.float64)
    return nodes


def _linear(known: Floats, values: Floats, grid_x: Floats, grid_y: Floats) -> Floats:
    """Values (n,) at places (n, 2), linear between them over the nodes (rows, columns) of a grid; 0 beyond them.

    Over Delaunay's triangles, each drawn as a picture of its number: SciPy does the same, and takes 0.4 s to import.
    """
    fine = 8  # samples between two nodes: outlines are drawn a sample too wide
    step = float(grid_x[0, 1] - grid_x[0, 0])
    at = ((known - (grid_x[0, 0], grid_y[0, 0])) / step).astype(np.float32)
    (left, top), (right, bottom) = np.floor(at.min(0)).astype(int).tolist(), np.ceil(at.max(0)).astype(int).tolist()
    net = cv2.Subdiv2D((left - 1, top - 1, right - left + 3, bottom - top + 3))
    number = {(x, y): k for k, (x, y) in enumerate(at.tolist())}
    net.insert(list(number))
    corners = np.array(net.getTriangleList(), np.float32).reshape(-1, 3, 2).tolist()
    triangles = np.array([[number.get((x, y), -1) for x, y in three] for three in corners])
    triangles = triangles[(triangles >= 0).all(1)]  # others reach to the net's own corners, far away
    drawn = np.zeros((fine * grid_x.shape[0], fine * grid_x.shape[1]), np.int32)
    for k, outline in enumerate(np.round(16 * fine * at[triangles]).astype(np.int32), start=1):
        cv2.fillConvexPoly(drawn, outline, (float(k),), cv2.LINE_8, 4)
    label = drawn[::fine, ::fine]
    row, column = np.nonzero(label)
    three = triangles[label[row, column] - 1]
    a, b, c = (at[three[:, k]].astype(np.float64) for k in range(3))
    to_b, to_c, to_node = b - a, c - a, np.stack([column, row], axis=1) - a
    area = to_b[:, 0] * to_c[:, 1] - to_b[:, 1] * to_c[:, 0]
    area = np.where(np.abs(area) < 1e-9, 1e-9, area)
    of_b = (to_node[:, 0] * to_c[:, 1] - to_node[:, 1] * to_c[:, 0]) / area
    of_c = (to_b[:, 0] * to_node[:, 1] - to_b[:, 1] * to_node[:, 0]) / area
    shares = np.clip(np.stack([1 - of_b - of_c, of_b, of_c], axis=1), 0, 1)
    out = np.zeros(grid_x.shape)
    out[row, column] = (values[three] * shares).sum(1) / shares.sum(1)
    return out


def _fall(values: Floats, start: float, end: float) -> Floats:
    """1 up to `start`, 0 from `end` on, with no corner in between."""
    t = np.clip((end - values) / (end - start), 0, 1)
    return t * t * t * (t * (6 * t - 15) + 10)


def _vectors(length: Floats, direction: Floats) -> Float32:
    return (length[..., None] * direction).astype(np.float32)


def motion_mask(
    fields: Sequence[PersonField], always: NDArray[np.uint8], grid: Grid, width_px: int, height_px: int
) -> NDArray[np.bool_]:
    """(h, w) where a pixel may ever be drawn from elsewhere: the cells around nodes that move, or do in `always`."""
    moves = always.copy()
    for field in fields:
        for part in (field.yaw, field.pitch, field.roll, field.breath):
            moves |= (part != 0).any(axis=2)
    # between a node that moves and its neighbours the field comes down to zero
    near = cv2.dilate(moves, np.ones((3, 3), np.uint8)) > 0
    cell = np.ones((grid.step_px, grid.step_px), bool)
    return np.kron(near, cell)[:height_px, :width_px].astype(bool)


def doubled(plane: Bytes) -> Bytes:
    """(h, w) -> (2h, 2w): the same samples with new ones half-way between, by H.264's six taps.

    Bilinear samples of this are as sharp as bicubic ones of the plane, in a third of the time, and samples of places
    that do not move are the plane's own.
    """
    taps = np.array([1, -5, 20, 20, -5, 1], np.float32) / 32
    out = np.empty((2 * plane.shape[0], 2 * plane.shape[1]), np.uint8)
    right = cv2.filter2D(plane, -1, taps[None], anchor=(2, 0), borderType=cv2.BORDER_REPLICATE)
    out[::2, ::2], out[::2, 1::2] = plane, right
    out[1::2, ::2] = cv2.filter2D(plane, -1, taps[:, None], anchor=(0, 2), borderType=cv2.BORDER_REPLICATE)
    out[1::2, 1::2] = cv2.filter2D(right, -1, taps[:, None], anchor=(0, 2), borderType=cv2.BORDER_REPLICATE)
    return out


class Warp:
    """Draws planes through a field, strip by strip, so that maps of large pictures stay small and in the cache."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid

    def strips(
        self, field: Float32, always: NDArray[np.uint8], only: NDArray[np.uint8] | None = None
    ) -> list[tuple[int, int, int, int]]:
        """(first row, end row, first column, end column) of the nodes that move enough to be seen.

        Nodes that are 1 in `always` (rows, columns) count as well; those that are 0 in `only` do not.
        """
        far = np.maximum(np.abs(field[..., 0]), np.abs(field[..., 1])) > _LEAST_PX
        cells = cv2.dilate(far.astype(np.uint8) | always, np.ones((3, 3), np.uint8)) > 0
        if only is not None:
            cells &= only > 0
        out: list[tuple[int, int, int, int]] = []
        for first in range(0, self._grid.rows, _STRIP_NODES):
            end = min(first + _STRIP_NODES, self._grid.rows)
            columns = np.flatnonzero(cells[first:end].any(0))
            if len(columns):
                out.append((first, end, int(columns[0]), int(columns[-1]) + 1))
        return out

    def cells_of(self, boxes: Sequence[Box]) -> NDArray[np.uint8]:
        """(rows, columns) 1 where a box touches the cell of a node."""
        out = np.zeros((self._grid.rows, self._grid.columns), np.uint8)
        step = self._grid.step_px
        for box in boxes:
            left, top, right, bottom = (int(v) // step for v in (box.left_px, box.top_px, box.right_px, box.bottom_px))
            out[max(0, top) : max(0, bottom + 1), max(0, left) : max(0, right + 1)] = 1
        return out

    def draw(
        self,
        source: Bytes,
        outs: Sequence[Bytes],
        field: Float32,
        strips: list[tuple[int, int, int, int]],
        *,
        step: int,
        zoom: int,
    ) -> None:
        """Write into `outs` (h, w) what the layers of `source` show through `field` (rows, columns, 2), strip by strip.

        `step`: luma samples for each sample of `outs`, 1 or 2; `zoom`: samples of `source` for each one of `outs`.
        """
        cell = self._grid.step_px // step
        framed = np.pad(field, ((1, 1), (1, 1), (0, 0)))  # beyond the picture nothing moves
        half = np.float32(0.5)
        no_map = cast("Any", None)  # OpenCV's types forget that one map may hold both x and y
        for first, end, left_node, right_node in strips:
            top, bottom = first * cell, min(end * cell, outs[0].shape[0])
            left, right = left_node * cell, min(right_node * cell, outs[0].shape[1])
            if bottom <= top or right <= left:
                continue
            nodes = framed[first : end + 2, left_node : right_node + 2] * np.float32(zoom / step)
            columns = np.arange(left_node - 1, right_node + 1, dtype=np.float32)
            rows = np.arange(first - 1, end + 1, dtype=np.float32)
            nodes[..., 0] += zoom * ((columns + half) * cell - half)
            nodes[..., 1] += zoom * ((rows + half) * cell - half)[:, None]
            size = (nodes.shape[1] * cell, nodes.shape[0] * cell)
            maps = cv2.resize(nodes, size, interpolation=cv2.INTER_LINEAR)
            part = maps[cell : cell + bottom - top, cell : cell + right - left]
            # the same to the bit as with maps of floats, which are made fixed inside, only slower
            whole, rest = cv2.convertMaps(part, no_map, cv2.CV_16SC2)
            views = [out[top:bottom, left:right] for out in outs]
            if len(views) == 1:  # written where it belongs, without a copy
                cv2.remap(source, whole, rest, cv2.INTER_LINEAR, dst=views[0], borderMode=cv2.BORDER_REPLICATE)
                continue
            drawn = cv2.remap(source, whole, rest, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for number, view in enumerate(views):
                cv2.extractChannel(drawn, number, dst=view)

    def follow(self, points: Floats, field: Float32) -> Floats:
        """Where places (n, 2) of the picture show up in the drawn one, px."""
        framed = np.pad(field, ((1, 1), (1, 1), (0, 0))).astype(np.float64)
        there = points.copy()
        for _ in range(3):  # the field is flat enough for each round to leave a twentieth of the error
            there = points - _sample(framed, there, self._grid.step_px)
        return there


def _sample(framed: Floats, at: Floats, cell: int) -> Floats:
    """The field, with a frame of one node around it, at places (n, 2) px; linear between nodes."""
    place = (at + 0.5) / cell - 0.5 + 1
    column = np.clip(place[:, 0], 0, framed.shape[1] - 1.001)
    row = np.clip(place[:, 1], 0, framed.shape[0] - 1.001)
    c, r = column.astype(int), row.astype(int)
    fx, fy = (column - c)[:, None], (row - r)[:, None]
    upper = (1 - fx) * framed[r, c] + fx * framed[r, c + 1]
    lower = (1 - fx) * framed[r + 1, c] + fx * framed[r + 1, c + 1]
    return (1 - fy) * upper + fy * lower
