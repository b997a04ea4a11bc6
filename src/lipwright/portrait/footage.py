"""A still picture as footage: frames of its life, drawn when they are wanted, and where the face is in each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from lipwright.core.face import Box, TrackedFace
from lipwright.core.media import SourceInfo, VideoFrame, VideoInfo
from lipwright.core.time import frame_count
from lipwright.media.pixels import FramePool, Orientation, Raw, planes_of
from lipwright.portrait.eyes import Eye
from lipwright.portrait.field import Float32, Grid, Warp, doubled, motion_mask, person_fields
from lipwright.portrait.life import FPS, N_LOOP, Life, Moment
from lipwright.portrait.picture import BT709, Bytes, Still
from lipwright.vision.colour import Rgb, to_rgb
from lipwright.vision.facemesh import FaceMesh, Window
from lipwright.vision.person import PersonFinder
from lipwright.vision.survey import FaceTracker

_SHADES: Final = 24
"""Lids are drawn in so many steps, and kept: a blink is the same each time."""
_LOOKS: Final = (
    (0.0, 0.0, 1.0), (-0.03, -0.03, 1.04), (-0.03, 0.03, 0.97), (0.03, -0.03, 0.97), (0.03, 0.03, 1.04),
    (-0.03, 0.0, 1.0), (0.03, 0.0, 1.0), (0.0, -0.03, 1.0), (0.0, 0.03, 1.0),
)  # fmt: skip
_LOOKED_AT_IO: Final = 0.35

_LEAST_SCORE: Final = 0.5
_STEADY_IO: Final = 0.012
"""Landmarks of a face differ by this from look to look at most: 0.004 to 0.006 on faces, 0.02 on what is none."""


class Portrait:
    """Footage of a still picture: 25 frames/s, a loop without a seam. Not for use by two threads at once.

    Frames are a function of their index: the same seed, picture and index give the same pixels.
    """

    def __init__(self, still: Still, faces: Sequence[TrackedFace], *, seed: int, n_frames: int) -> None:
        """`n_frames` is 1 for a picture that does not move at all."""
        self._still = still
        self._faces = faces
        self._is_alive = n_frames > 1
        height, width = still.luma.shape
        video = VideoInfo(
            width_px=width,
            height_px=height,
            fps=FPS,
            is_vfr=False,
            n_frames=n_frames,
            duration_s=n_frames / FPS,
            rotation_deg=0,
            pixel_format="yuv420p",
            bits=8,
            colour=BT709,
            codec=still.kind,
            is_seamless=True,
        )
        self._info = SourceInfo(still.path, f"{still.kind} picture", video, ())
        self._pool = FramePool(keep=6)
        moving: Sequence[TrackedFace] = faces if self._is_alive else ()
        self._lives = [Life(seed + 1000 * face.face_id) for face in moving]
        self._eyes = [
            [eye for eye in (Eye.of(face.landmarks, side) for side in (0, 1)) if eye is not None] for face in moving
        ]
        self._drawn: dict[tuple[int, int], list[tuple[slice, slice, Bytes, Bytes]]] = {}
        """By face and shade: what a blink changes."""
        self._lids = [0] * len(moving)
        largest = max((_eyes_px(face) for face in moving), default=64.0)
        self._grid = Grid.over(width, height, min([largest, *(_eyes_px(face) for face in moving)]))
        person = PersonFinder().mask(rgb_of(still)) if moving else np.zeros((1, 1), np.float32)
        self._fields = person_fields([face.landmarks for face in moving], person, self._grid, width, height)
        self._warp = Warp(self._grid)
        self._blinks = self._warp.cells_of([eye.box for eyes in self._eyes for eye in eyes])
        self._faces_only = self._warp.cells_of([_around(face) for face in moving])
        self._sharp = doubled(still.luma) if moving else still.luma
        """The picture's luma, with samples in between, its eyes as far shut as they were last."""
        self._colours = np.dstack(still.planes[1:])
        """The same of Cb and Cr, side by side."""

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def notes(self) -> list[str]:
        return list(self._still.notes)

    def frames(self, *, writable: bool = True) -> Iterator[VideoFrame]:
        """Every frame of the loop, in order, all fresh. Who only looks (`writable=False`) looks at faces: what moves
        away from them is as in the picture, which takes a third of the time.
        """
        video = self._info.video
        assert video is not None
        for index in range(video.n_frames):
            yield self._frame(index, None if writable else self._faces_only)

    def play(self, order: Sequence[int]) -> Iterator[VideoFrame]:
        """The frames with these indices, in this order. Raises IndexError for an index outside of the loop."""
        video = self._info.video
        assert video is not None
        if len(order) and (min(order) < 0 or max(order) >= video.n_frames):
            raise IndexError(f"frames 0..{video.n_frames - 1} exist, asked for {min(order)}..{max(order)}")
        for index in order:
            yield self._frame(index)

    def faces_at(self, index: int) -> list[TrackedFace]:
        """Where the faces are in frame `index`: not measured but moved with their pixels."""
        if not self._is_alive:
            return list(self._faces)
        moments = [life.at(index) for life in self._lives]
        field = self._field(moments)
        out: list[TrackedFace] = []
        for face, eyes, moment in zip(self._faces, self._eyes, moments, strict=True):
            points = face.landmarks.astype(np.float64)
            flat = points[:, :2].copy()
            closure = _shade(moment) / _SHADES
            for eye in eyes if closure else ():
                eye.move(flat, closure)
            points[:, :2] = self._warp.follow(flat, field)
            out.append(TrackedFace(face.face_id, points.astype(np.float32), face.score))
        return out

    def motion_mask(self) -> NDArray[np.bool_]:
        """(h, w) where pixels may differ from the picture in some frame."""
        height, width = self._still.luma.shape
        return motion_mask(self._fields, self._blinks, self._grid, width, height)

    def _field(self, moments: Sequence[Moment]) -> Float32:
        field = np.zeros((self._grid.rows, self._grid.columns, 2), np.float32)
        for person, moment in zip(self._fields, moments, strict=True):
            field += person.at(moment)
        return field

    def _frame(self, index: int, only: NDArray[np.uint8] | None = None) -> VideoFrame:
        """Drawn in the cells that are 1 in `only`, or everywhere."""
        height, width = self._still.luma.shape
        coded: Any = self._pool.take(width, height, "yuv420p")
        coded.color_range, coded.colorspace = 1, BT709.matrix
        coded.color_primaries, coded.color_trc = BT709.primaries, BT709.transfer
        planes = luma, cb, cr = cast("tuple[Bytes, ...]", planes_of(coded))  # 8 bits
        for plane, still in zip(planes, self._still.planes, strict=True):
            np.copyto(plane, still)
        if self._is_alive:
            moments = [life.at(index) for life in self._lives]
            for number, moment in enumerate(moments):
                self._set_lids(number, _shade(moment))
            field = self._field(moments)
            strips = self._warp.strips(field, self._blinks, only)
            self._warp.draw(self._sharp, [luma], field, strips, step=1, zoom=2)
            self._warp.draw(self._colours, [cb, cr], field, strips, step=2, zoom=1)
        return VideoFrame(planes, index, index / FPS, 8, BT709, Raw(coded, Orientation()))

    def _set_lids(self, number: int, shade: int) -> None:
        """Bring the eyes of one face to `shade` of _SHADES in the picture that is shown."""
        if shade == self._lids[number]:
            return
        self._lids[number] = shade
        if (number, shade) not in self._drawn:
            self._drawn[number, shade] = self._draw_lids(number, shade / _SHADES)
        for rows, columns, luma, colours in self._drawn[number, shade]:
            self._sharp[2 * rows.start : 2 * rows.stop, 2 * columns.start : 2 * columns.stop] = luma
            self._colours[_half(rows), _half(columns)] = colours

    def _draw_lids(self, number: int, closure: float) -> list[tuple[slice, slice, Bytes, Bytes]]:
        """For each eye: luma rows and columns, their luma doubled, their colours."""
        out: list[tuple[slice, slice, Bytes, Bytes]] = []
        height, width = self._still.luma.shape
        for eye in self._eyes[number]:
            # a few pixels more, for the taps that fill in between; even, for the colours
            left, right = (int(np.clip(v, 0, width)) // 2 * 2 for v in (eye.box.left_px - 4, eye.box.right_px + 6))
            top, bottom = (int(np.clip(v, 0, height)) // 2 * 2 for v in (eye.box.top_px - 4, eye.box.bottom_px + 6))
            if right <= left or bottom <= top:
                continue
            luma = eye.shut(self._still.luma, (left, top, right, bottom), closure, 1.0, (0.0, 0.0))
            half = (left // 2, top // 2, right // 2, bottom // 2)
            colours = [eye.shut(plane, half, closure, 2.0, (0.0, 0.5)) for plane in self._still.planes[1:]]
            sharp = self._doubled_with(luma, left, top)
            rows, columns = slice(top, bottom), slice(left, right)
            out.append((rows, columns, sharp, np.dstack(colours)))
        return out

    def _doubled_with(self, part: Bytes, left: int, top: int) -> Bytes:
        """`part` of the luma, changed, with samples in between that fit what is around it."""
        height, width = part.shape
        above, before = min(top, 4), min(left, 4)
        around = self._still.luma[top - above : top + height + 4, left - before : left + width + 4].copy()
        around[above : above + height, before : before + width] = part
        return doubled(around)[2 * above : 2 * (above + height), 2 * before : 2 * (before + width)]


class PortraitTracker:
    """Knows where the faces of a portrait are in each of its frames, and looks at none of them."""

    def __init__(self, portrait: Portrait) -> None:
        self._portrait = portrait

    def track(self, frames: Iterable[VideoFrame]) -> Iterator[tuple[VideoFrame, list[TrackedFace]]]:
        """Each frame of the portrait with its faces."""
        for frame in frames:
            yield frame, self._portrait.faces_at(frame.index)


def make_portrait(
    still: Still, tracker: FaceTracker, *, seed: int, is_still: bool, duration_s: Fraction | None
) -> Portrait:
    """The picture as footage that is as long as `duration_s` needs, or one whole loop, after which it begins again."""
    faces = find_faces(still, tracker)
    still = replace(still, notes=(*still.notes, *getattr(tracker, "notes", ())))
    n_frames = N_LOOP if duration_s is None else min(N_LOOP, max(2, frame_count(duration_s, FPS)))
    return Portrait(still, faces, seed=seed, n_frames=1 if is_still or not faces else n_frames)


def find_faces(still: Still, tracker: FaceTracker) -> list[TrackedFace]:
    """Everybody in the picture; each mesh is the middle of many looks, as one picture is all there is to look at.

    What looks like a face but is another one from each window is left out, unless there is nobody else.
    """
    frame = frame_of(still)
    _, faces = next(iter(tracker.track([frame])))
    mesh = FaceMesh() if faces else None
    found: list[tuple[TrackedFace, float]] = []
    for face in faces:
        assert mesh is not None
        window = Window.around(face.landmarks)
        side = window.side_px
        seen = [face.landmarks.astype(np.float64)]
        for dx, dy, size in _LOOKS:
            near = Window(window.x_px + dx * side, window.y_px + dy * side, size * side, window.roll_rad)
            points, score, _ = mesh.find(frame, near)
            if score > _LEAST_SCORE:
                seen.append(points)
        is_seen = len(seen) > len(_LOOKS) // 2
        spread_io = float(np.std(seen, axis=0)[:, :2].mean()) / _eyes_px(face) if is_seen else np.inf
        points = np.median(seen, axis=0).astype(np.float32)
        found.append((TrackedFace(face.face_id, points, face.score), spread_io))
    steady = [face for face, spread_io in found if spread_io < _STEADY_IO]
    return steady or [face for face, _ in found]


def frame_of(still: Still) -> VideoFrame:
    """The picture as one frame, to look at."""
    return VideoFrame(still.planes, 0, Fraction(0), 8, BT709)


def rgb_of(still: Still) -> Rgb:
    """The picture at half its size, (h/2, w/2, 3)."""
    luma = still.luma.reshape(still.cb.shape[0], 2, still.cb.shape[1], 2).mean(axis=(1, 3)).round().astype(np.uint8)
    return to_rgb([luma, still.cb, still.cr], frame_of(still))


def _around(face: TrackedFace) -> Box:
    """A face with all that is looked at around it."""
    margin = _LOOKED_AT_IO * _eyes_px(face)
    low, high = face.landmarks[:, :2].min(0) - margin, face.landmarks[:, :2].max(0) + margin
    return Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]))


def _half(span: slice) -> slice:
    return slice(span.start // 2, span.stop // 2)


def _shade(moment: Moment) -> int:
    return round(moment.closure * _SHADES)


def _eyes_px(face: TrackedFace) -> float:
    return float(np.linalg.norm(face.landmarks[33] - face.landmarks[263]))
