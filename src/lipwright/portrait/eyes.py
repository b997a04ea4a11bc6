"""Eyelids that close over a still eye: the skin above is drawn down, the eyeball stays where it is.

    brow     A ─────────   nothing moves from here up
             │ skin        stretched
             │ edge        goes down in one piece, lashes and all
    upper    U ─ ─ ─ ─ ─
             │ eyeball     stays, and is covered
    lower    L ─ ─ ─ ─ ─   comes up a little

All of it in the eye's own axes: u from its image-left corner to its image-right one, v across, downwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.core.face import Box

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]

_UPPER: Final = ((33, 246, 161, 160, 159, 158, 157, 173, 133), (362, 398, 384, 385, 386, 387, 388, 466, 263))
_LOWER: Final = ((33, 7, 163, 144, 145, 153, 154, 155, 133), (362, 382, 381, 380, 374, 373, 390, 249, 263))
_UNDER_BROW: Final = ((46, 53, 52, 65, 55), (285, 295, 282, 283, 276))
IRISES: Final = tuple(range(468, 478))

_UPPER_SHARE: Final = 0.9
"""Of the way between the lids, what the upper one goes."""
_EDGE_IO: Final = 0.06
"""Height of the lid's edge above the eyeball that is not stretched: lashes, their line, what is painted there."""
_LOWER_REACH_IO: Final = 0.12
_LASHES_IO: Final = 0.016
_LEAST_OPEN_IO: Final = 0.025
"""Eyes that are less open than this are shut, or not to be seen: they do not blink."""


@dataclass(frozen=True, slots=True, eq=False)
class Lid:
    """The edge of a lid, v over u: cubic pieces that never overshoot (Fritsch & Carlson 1980)."""

    u: Floats
    """(n,) ascending."""
    v: Floats
    slope: Floats

    @classmethod
    def through(cls, points: Floats) -> Lid:
        """Through points (9, 2), corner to corner."""
        order = np.argsort(points[:, 0])
        u, v = points[order, 0], points[order, 1]
        keep = np.concatenate([[True], np.diff(u) > 1e-3])
        u, v = u[keep], v[keep]
        step = np.diff(u)
        rise = np.diff(v) / step
        before, after = 2 * step[1:] + step[:-1], step[1:] + 2 * step[:-1]
        is_monotone = rise[1:] * rise[:-1] > 0
        safe = np.where(is_monotone, rise[1:], 1.0), np.where(is_monotone, rise[:-1], 1.0)
        middle = np.where(is_monotone, (before + after) / (before / safe[1] + after / safe[0]), 0.0)
        return cls(u, v, np.concatenate([rise[:1], middle, rise[-1:]]))

    def at(self, u: Floats) -> Floats:
        """v at places `u` within the corners."""
        piece = np.clip(np.searchsorted(self.u, u, side="right") - 1, 0, len(self.u) - 2)
        step = self.u[piece + 1] - self.u[piece]
        t = (u - self.u[piece]) / step
        return (
            (1 + 2 * t) * (1 - t) ** 2 * self.v[piece]
            + t * (1 - t) ** 2 * step * self.slope[piece]
            + t * t * (3 - 2 * t) * self.v[piece + 1]
            + t * t * (t - 1) * step * self.slope[piece + 1]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Eye:
    """One eye of the picture, ready to be shut."""

    origin: Floats
    """(2,) px: the image-left corner."""
    axes: Floats
    """(2, 2) rows: along, across."""
    width_px: float
    upper: Lid
    lower: Lid
    brow_px: float
    """How far above the upper lid nothing moves any more."""
    edge_px: float
    lower_reach_px: float
    lashes_px: float
    soft_px: float
    box: Box
    """Everything that a blink changes."""

    @classmethod
    def of(cls, points: NDArray[np.float32], side: int) -> Eye | None:
        """The image-left (0) or image-right (1) eye of landmarks (478, 3); None where it cannot blink."""
        flat = points[:, :2].astype(np.float64)
        io_px = float(np.linalg.norm(points[33] - points[263]))
        upper, lower = flat[list(_UPPER[side])], flat[list(_LOWER[side])]
        origin, along = upper[0], upper[-1] - upper[0]
        width = float(np.linalg.norm(along))
        if width < 0.12 * io_px:
            return None
        axes = np.stack([along, (-along[1], along[0])]) / width
        up: Floats = (upper - origin) @ axes.T
        low: Floats = (lower - origin) @ axes.T
        if float((low - up)[2:-2, 1].mean()) < _LEAST_OPEN_IO * io_px:
            return None
        brow: Floats = (flat[list(_UNDER_BROW[side])] - origin) @ axes.T
        room = float(np.median(up[2:-2, 1]) - np.median(brow[:, 1]))
        brow_px = float(np.clip(0.9 * room, 0.10 * io_px, 0.30 * io_px))
        reach = _LOWER_REACH_IO * io_px
        top, bottom = up[:, 1].min() - brow_px, low[:, 1].max() + reach
        corners: Floats = np.array([(u, v) for u in (-2.0, width + 2) for v in (top - 2, bottom + 2)]) @ axes + origin
        low_corner, high_corner = np.asarray(corners.min(0), np.float64), np.asarray(corners.max(0), np.float64)
        return cls(
            origin,
            axes,
            width,
            Lid.through(up),
            Lid.through(low),
            brow_px,
            min(_EDGE_IO * io_px, 0.3 * brow_px),
            reach,
            max(1.0, _LASHES_IO * io_px),
            max(0.75, 0.006 * io_px),
            Box(*(float(v) for v in (*np.floor(low_corner), *np.ceil(high_corner)))),
        )

    def _lids(self, u: Floats) -> tuple[Floats, Floats]:
        inside = np.clip(u, 0, self.width_px)
        upper = self.upper.at(inside)
        return upper, np.maximum(upper, self.lower.at(inside))

    def shut(
        self, plane: Bytes, part: tuple[int, int, int, int], closure: float, step: float, offset: tuple[float, float]
    ) -> Bytes:
        """The part (left, top, right, bottom) of `plane`, in its own pixels, with the eye shut by `closure`.

        Pixel (x, y) of the plane lies at `step * (x, y) + offset` of the picture.
        """
        left, top, right, bottom = part
        y, x = np.mgrid[top:bottom, left:right].astype(np.float64)
        at = np.stack([x * step + offset[0], y * step + offset[1]], axis=-1) - self.origin
        u, v = at @ self.axes[0], at @ self.axes[1]
        upper, lower = self._lids(u)
        gap = lower - upper
        down = closure * _UPPER_SHARE * gap
        up = closure * (1 - _UPPER_SHARE) * gap
        lid, floor = upper + down, lower - up
        # backwards: what shows at v was at v - moved
        upper_moved, lower_moved = self._shifts(v, upper, lower, down, up)
        eyeball = plane[top:bottom, left:right].astype(np.float32)
        skin_above = self._moved(plane, x, y, upper_moved, step)
        skin_below = self._moved(plane, x, y, lower_moved, step)
        soft = self.soft_px * max(1.0, step / 1.5)
        # without movement the layers are one and the same, so their edges do not show at the corners
        below = _edge((v - floor) / soft)
        above = _edge((lid + np.minimum(self.lashes_px, down) - v) / soft)
        out = eyeball + below * (skin_below - eyeball)
        out = out + above * (skin_above - out)
        return np.clip(np.rint(out), 0, 255).astype(np.uint8)

    def _shifts(self, v: Floats, upper: Floats, lower: Floats, down: Floats, up: Floats) -> tuple[Floats, Floats]:
        """How far what shows at v has come along v: the skin above the eye, and the skin below it (negative: up)."""
        above = (v - (upper - self.brow_px)) / (self.brow_px + down - self.edge_px)
        below = 1 - (v - (lower - up)) / (self.lower_reach_px + up)
        return down * _ease(above), -up * _ease(below)

    def _moved(self, plane: Bytes, x: Floats, y: Floats, moved: Floats, step: float) -> NDArray[np.float32]:
        from_x = (x - moved * self.axes[1, 0] / step).astype(np.float32)
        from_y = (y - moved * self.axes[1, 1] / step).astype(np.float32)
        mapped = cv2.remap(plane, from_x, from_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        return mapped.astype(np.float32)

    def move(self, points: Floats, closure: float) -> None:
        """Landmarks (478, 2) of lids and the skin around them go where `shut` takes them; in place."""
        at = (points - self.origin) @ self.axes.T
        u, v = at[:, 0], at[:, 1]
        upper, lower = self._lids(u)
        gap = lower - upper
        down, up = closure * _UPPER_SHARE * gap, closure * (1 - _UPPER_SHARE) * gap
        is_above = v < (upper + lower) / 2
        goes = np.zeros(len(points))
        there = v.copy()
        for _ in range(8):
            goes = np.where(is_above, *self._shifts(there, upper, lower, down, up))
            there = v + goes
        goes[list(IRISES)] = 0
        points += goes[:, None] * self.axes[1]


def _ease(share: Floats) -> Floats:
    """0 up to 0, 1 from 1 on; between them half straight, half soft, so that skin is stretched evenly."""
    t = np.clip(share, 0, 1)
    return 0.5 * t + 0.5 * t * t * (3 - 2 * t)


def _edge(distance: Floats) -> NDArray[np.float32]:
    """0 at -1 and below, 1 at 1 and above."""
    t = np.clip((distance + 1) / 2, 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)
