"""What lies on the picture and not in it: burnt-in letters, logos, a microphone on its stand before a face that moves.

Skin, beard and lips go along with the head. An edge over the lower face that keeps its place while the head has moved
is none of the face: it was put on the picture, or stands before it. Places are compared with what they were up to
two seconds ago, when the head was elsewhere; nothing is said of a head that does not move. What comes and goes word by
word is told otherwise (`captions`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.core.media import Plane, VideoFrame
from lipwright.vision.captions import CaptionMeter
from lipwright.vision.looks import LOOKED_AT_PX, Look, look_at, motion_between, shared_area, shrunk, square

_EVERY_S: Final = 0.115
"""Between two looks: every third frame of 25 in a second."""
_REMEMBERED, _LATEST = 14, 6
"""Looks that are compared with, and the latest of them: 1.7 s and 0.7 s."""
_LEAST_MOVE_PX, _FARTHEST_MOVE_IO = 2.0, 0.3
_ONWARD_PX: Final = 0.7
"""As far as a head goes at least between two looks that tell more than one; a tracker trembles by a third of it."""
_LEAST_SLOPE: Final = 10.0
"""Levels of 8 bits a pixel, along the way that the head went."""
_NO_EDGE: Final = 5.0
"""Levels a pixel, any way: where it is less there is no edge any more."""
_LEAST_WAY_PX, _COUNTED_WAY_PX, _MOST_CHANGE = 1.2, 3.0, 60.0
_STAYED_LEVELS, _STAYED, _MOVED = 5.0, 0.2, 0.4
"""Less of a change than either: an edge that stayed. More of it than the last: one that went along."""
_LEAST_DENSITY: Final = 0.15
_TOO_STILL, _FEWEST_EDGES = 0.3, 20
"""Where so large a share of the edges of eyes and brows stayed too, the head did not move as it was read."""
_CHANGED_LEVELS: Final = 15.0
_SEEN_TIMES: Final = 3
_FEWEST_SEEN: Final = 10
"""Places over the face at which an overlay must have been seen so often."""
_JOINED_IO, _REACH_IO = 0.06, 0.3
"""Strokes nearer to each other than the one are of one thing, which is kept as far from the face as the other."""
EDGE: Final = 2
_RIM: Final = 3
"""So far, in shrunk pixels, what was seen of it may be short of the whole: edges along the head's way tell nothing."""
_SAME_LEVELS, _SEEN_SHARE, _SAME_SHARE = 14, 0.6, 0.75
"""Where so much of its edges looks as it did it is there; where more does, it is the same, and no other caption."""
_FEWEST_ASKED: Final = 12
_LINE_IO, _BELOW_IO, _BESIDE_IO = 0.5, 0.1, 0.4
"""A straight edge of such a length bounds what is seen of a face, so far from the mouth or farther."""
_ASIDE_S: Final = 3.0
"""So long before and after it was seen to stay put an overlay may be there too: while the head rests."""


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """Something that keeps its place on the picture, and how it looks."""

    first: int
    last: int
    """The frames between which it may be there: some time before and after it was seen to stay put."""
    turns: int
    """Of the picture, in quarter turns, as it was looked at."""
    shrink: int
    """Luma pixels for one of `mask` and `look`, across and down."""
    left: int
    top: int
    """Of `mask` on the picture, in its own pixels."""
    mask: NDArray[np.uint8]
    """(h, w) 1 where it is, 2 on its edges that were seen to stay."""
    look: NDArray[np.uint8]
    """(h, w) luma, 8-bit scale; 0 where the mask is 0 and nothing was seen."""

    def cover(
        self, luma: Plane, left_px: int, top_px: int, *, bits: int, index: int, turns: int
    ) -> NDArray[np.uint8] | None:
        """Where it may lie on `luma`, a part of frame `index` that begins at these pixels: as large; 2 by its edges.

        1 elsewhere on it, 0 where it is not; None: nowhere, or it looks otherwise there.
        """
        if not self.is_seen(luma, left_px, top_px, bits=bits, index=index, turns=turns):
            return None
        k = self.shrink
        lines, columns, at = self._shared(luma, left_px, top_px)
        out, near = np.zeros(luma.shape, np.uint8), np.zeros(luma.shape, np.uint8)
        out[lines, columns] = np.repeat(np.repeat((self.mask[at] > 0).astype(np.uint8), k, 0), k, 1)
        near[lines, columns] = np.repeat(np.repeat((self.mask[at] == EDGE).astype(np.uint8), k, 0), k, 1)
        reach, stroke = 2 * _RIM * k + 1, 2 * k + 1
        out = cv2.dilate(out, np.ones((reach, reach), np.uint8))
        return np.asarray(out + cv2.dilate(near, np.ones((stroke, stroke), np.uint8)), np.uint8)

    def is_seen(self, luma: Plane, left_px: int, top_px: int, *, bits: int, index: int, turns: int) -> bool:
        """Whether enough of it lies on `luma`, as for `cover`, and looks there as it does."""
        if turns != self.turns or not self.first <= index <= self.last:
            return False
        lines, columns, at = self._shared(luma, left_px, top_px)
        if not self.mask[at].any():  # nothing of it is there to be shrunk
            return False
        return self.likeness(shrunk(luma[lines, columns], self.shrink, bits), at) >= _SEEN_SHARE

    def likeness(self, seen: NDArray[np.float32], at: tuple[slice, slice]) -> float:
        """Share 0..1 of its edges in these rows and columns of the mask that look as they did; 0 of too few of them.

        `seen` (h, w) is the shrunk luma there, 8-bit scale.
        """
        edges = self.mask[at] == EDGE
        if np.count_nonzero(edges) < _FEWEST_ASKED:
            return 0.0
        away = np.abs(seen - self.look[at])
        alike = float((away[edges] < _SAME_LEVELS).mean())
        if alike < _SEEN_SHARE and self.is_box:
            # the line of a box is half of what moves behind it: its own side tells
            away = np.asarray(cv2.erode(np.where(self.mask[at] > 0, away, 255).astype(np.float32), square(1)))
            alike = float(np.mean(away[edges] < _SAME_LEVELS))
        return alike

    def _shared(self, luma: Plane, left_px: int, top_px: int) -> tuple[slice, slice, tuple[slice, slice]]:
        """What `luma` has of it: rows and columns of that, and of the mask."""
        k = self.shrink
        height, width = self.mask.shape
        x0, y0 = max(self.left, -(-left_px // k)), max(self.top, -(-top_px // k))
        x1 = max(x0, min(self.left + width, (left_px + luma.shape[1]) // k))
        y1 = max(y0, min(self.top + height, (top_px + luma.shape[0]) // k))
        at = slice(y0 - self.top, y1 - self.top), slice(x0 - self.left, x1 - self.left)
        return slice(y0 * k - top_px, y1 * k - top_px), slice(x0 * k - left_px, x1 * k - left_px), at

    @property
    def is_box(self) -> bool:
        """Whether it has straight edges as long as those that bound what is seen of a face."""
        return any(self.lines(_LINE_IO * LOOKED_AT_PX * self.shrink))

    def lines(self, least_px: float) -> tuple[list[int], list[int]]:
        """Where straight edges of at least this length run, in pixels: level ones, and upright ones."""
        edges, k = self.mask == EDGE, self.shrink
        level, upright = (np.flatnonzero(_runs(some) * k >= least_px) for some in (edges, edges.T))
        return ((self.top + level) * k).tolist(), ((self.left + upright) * k).tolist()


def without_level_edges(overlay: Overlay, lines: Iterable[int]) -> Overlay | None:
    """What else there is of it than edges on these lines of luma pixels; None: hardly anything."""
    ink = overlay.mask == EDGE
    for line in lines:
        at = line // overlay.shrink - overlay.top
        ink[max(0, at - _RIM) : max(0, at + _RIM + 1)] = False
    if np.count_nonzero(ink) < _FEWEST_ASKED:
        return None
    mask = _outlined(_closed(ink.astype(np.uint8), _JOINED_IO * LOOKED_AT_PX))
    mask[ink] = EDGE
    x, y, width, height = cv2.boundingRect(mask)
    at = slice(y, y + height), slice(x, x + width)
    return replace(overlay, left=overlay.left + x, top=overlay.top + y, mask=mask[at], look=overlay.look[at])


class OverlayMeter:
    """Watches one face through pass one."""

    def __init__(self) -> None:
        self._next_s = -np.inf
        self._turns: int = 0
        self._shrink: int = 0
        self._looks: deque[Look] = deque(maxlen=_REMEMBERED)
        self._times = np.zeros((0, 0), np.uint8)
        """How often each place of the picture was seen to stay as it is."""
        self._on_face = np.zeros((0, 0), np.uint8)
        """1 where that was on the face, below the eyes."""
        self._counted = np.zeros((0, 2))
        """Where the head was when edges were counted last."""
        self._span = (0, 0.0), (0, 0.0)
        """Index and time of the first and the last look."""
        self._found: list[Overlay] = []
        self._captions = CaptionMeter()
        self._read: list[Overlay] = []
        """Captions of faces of another size or turn."""

    def observe(self, frame: VideoFrame, points: NDArray[Any], turns: int = 0) -> None:
        """A frame in order, `points` (478, 2 or 3) on it; it is turned by so many quarter turns."""
        if frame.time_s < self._next_s:
            return
        time_s = float(frame.time_s)
        self._span = (self._span[0] if np.isfinite(self._next_s) else (frame.index, time_s)), (frame.index, time_s)
        self._next_s = time_s + _EVERY_S
        look = self._look(frame, np.asarray(points[:, :2], np.float64), turns)
        if look is None:
            return
        before = self._looks[-1] if self._looks else None
        self._looks.append(look)
        self._captions.observe(look)
        if before is None:
            return
        self._forget_changed(look, before)
        apart = np.array([earlier.points for earlier in self._looks]) - look.points
        way_px = np.asarray(np.median(np.sqrt((apart * apart).sum(2)), axis=1))
        way_px[way_px > _FARTHEST_MOVE_IO * float(np.ptp(look.points[:, 0]))] = 0
        # what came a moment ago was not there yet when the head was farthest
        first_late = max(0, len(way_px) - _LATEST)
        late, farthest = first_late + int(way_px[first_late:].argmax()), int(way_px.argmax())
        if way_px[farthest] < _LEAST_MOVE_PX or not self._has_gone_on(look):
            return
        if way_px[late] >= _LEAST_MOVE_PX:
            self._compare(look, self._looks[late], is_late=True)
        if farthest != late:
            self._compare(look, self._looks[farthest], is_late=False)
        self._gather(look)

    def _has_gone_on(self, look: Look) -> bool:
        """Whether the head moved since edges were counted last: a picture that hangs says the same again and again."""
        if len(self._counted):
            apart = self._counted - look.points
            if np.median(np.sqrt((apart * apart).sum(1))) < _ONWARD_PX:
                return False
        self._counted = look.points
        return True

    def finish(self) -> list[Overlay]:
        """What was found, in order of appearance."""
        (first, first_s), (last, last_s) = self._span
        aside = round(_ASIDE_S * (last - first) / (last_s - first_s)) if last_s > first_s else 0
        stay = [replace(one, first=one.first - aside, last=one.last + aside) for one in self._found]
        return [*stay, *self._read, *self._overlays_of(self._captions)]

    def _overlays_of(self, captions: CaptionMeter) -> Iterator[Overlay]:
        for one in captions.finish():
            ink = np.pad(one.ink, 1).astype(np.uint8)  # and what is half ink beside it
            mask = _outlined(_closed(np.asarray(cv2.dilate(ink, square(1)), np.uint8), _JOINED_IO * LOOKED_AT_PX))
            mask[ink > 0] = EDGE
            place = one.first, one.last, self._turns, self._shrink, one.left - 1, one.top - 1
            yield Overlay(*place, mask, np.pad(one.luma, 1))

    def _look(self, frame: VideoFrame, points: NDArray[np.float64], turns: int) -> Look | None:
        luma = frame.planes[0]
        io_px = float(np.linalg.norm(points[33] - points[263]))
        size = luma.shape
        k = self._shrink
        fitting = max(1, int(io_px / LOOKED_AT_PX))
        is_sized = k / 2 <= fitting <= 2 * k and self._times.shape == (size[0] // k, size[1] // k) if k else False
        if turns != self._turns or not is_sized:
            self._read += self._overlays_of(self._captions)
            self._captions = CaptionMeter()
            self._shrink, self._turns = fitting, turns
            self._times = np.zeros((size[0] // self._shrink, size[1] // self._shrink), np.uint8)
            self._on_face = np.zeros_like(self._times)
            self._counted = np.zeros((0, 2))
            self._looks.clear()
        return look_at(frame, points, io_px, self._shrink)

    def _forget_changed(self, look: Look, before: Look) -> None:
        """What looks otherwise than a moment ago was not there, or is no longer."""
        area = shared_area(look, before)
        if area is not None:
            changed = np.abs(look.luma[look.part(*area)] - before.luma[before.part(*area)]) > _CHANGED_LEVELS
            times = _part(self._times, area)
            # an edge that has gone takes those beside it along, of which some look as before by chance
            gone = (changed & (times > 0)).astype(np.uint8)
            times[cv2.dilate(gone, np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8)) > 0] = 0
        across, down = look.slopes
        _part(self._times, look.area)[across * across + down * down < _NO_EDGE**2] = 0

    def _compare(self, look: Look, earlier: Look, *, is_late: bool) -> None:
        """Count the edges that stayed where they were, though the head went; where `is_late` forget those that went."""
        area = shared_area(look, earlier)
        if area is None:
            return
        now, then = look.luma[look.part(*area)], earlier.luma[earlier.part(*area)]
        on_face = look.face[look.part(*area)] & earlier.face[earlier.part(*area)]
        across, down = _way(look, earlier, area)
        way = np.sqrt(across * across + down * down)
        slope_x, slope_y = (some[look.part(*area)] for some in look.slopes)
        slope = np.abs(slope_x * across + slope_y * down) / np.maximum(way, 1e-3)
        expected = np.minimum(slope * np.minimum(way, _COUNTED_WAY_PX), _MOST_CHANGE)
        change = np.abs(now - then)
        strong = (slope > _LEAST_SLOPE) & (way > _LEAST_WAY_PX)
        stayed = strong & (change < np.maximum(_STAYED_LEVELS, _STAYED * expected))
        moved = strong & (change > _MOVED * expected)
        eyes, nose = (max(0, round(y) - area[1]) for y in (look.bridge_y, look.nose_y))
        if not any(_went(stayed[:end], moved[:end], on_face[:end]) for end in (eyes, nose)):
            return
        density, other = (cv2.boxFilter(some.astype(np.float32), -1, (5, 5)) for some in (stayed, moved))
        times, seen = _part(self._times, area), _part(self._on_face, area)
        if is_late:
            times[moved & (other > density)] = 0
        counted = stayed & (density > 3 * other) & (density > _LEAST_DENSITY)
        times[counted] = np.minimum(times[counted], 250) + 1
        below = np.zeros_like(on_face)
        below[eyes:] = on_face[eyes:]
        seen[counted] = below[counted]

    def _gather(self, look: Look) -> None:
        """Put down what has been seen often enough, and is seen."""
        area = look.area
        left, top, _, _ = area
        often = _part(self._times, area) >= _SEEN_TIMES
        seeds = often & (_part(self._on_face, area) > 0)
        if np.count_nonzero(seeds) < _FEWEST_SEEN:
            return
        io_px = float(np.ptp(look.points[:, 0]))
        _, labels = cv2.connectedComponents(_closed(often.astype(np.uint8), _JOINED_IO * io_px))
        n_seeds = np.bincount(labels[seeds])
        grown = np.isin(labels, [number for number in np.flatnonzero(n_seeds >= _FEWEST_SEEN) if number])
        if not grown.any():
            return
        # what lies farther off is not bent by a jaw
        reach = 2 * round(_REACH_IO * io_px) + 1
        grown &= np.asarray(cv2.dilate(seeds.astype(np.uint8), np.ones((reach, reach), np.uint8))) > 0
        mask = _outlined(grown.astype(np.uint8))
        mask[often & grown] = EDGE
        x, y, width, height = cv2.boundingRect(mask)
        at = slice(y, y + height), slice(x, x + width)
        seen = np.clip(look.luma[at], 0, 255).astype(np.uint8)
        place = look.index, look.index, self._turns, self._shrink, left + x, top + y
        found = Overlay(*place, mask[at].copy(), seen)
        if np.count_nonzero(found.mask == EDGE) < _FEWEST_ASKED:
            return
        if self._found and self._is_same(self._found[-1], found, look):
            known = self._found.pop()
            self._found.append(_joined(known, found))
        else:
            self._found.append(found)

    def _is_same(self, known: Overlay, found: Overlay, look: Look) -> bool:
        """Whether what was known is seen still: chance leaves some edges of one caption where the next has its own."""
        if (known.turns, known.shrink) != (found.turns, found.shrink):
            return False
        left, top, right, bottom = look.area
        height, width = known.mask.shape
        area = (
            max(left, known.left),
            max(top, known.top),
            min(right, known.left + width),
            min(bottom, known.top + height),
        )
        if area[2] <= area[0] or area[3] <= area[1]:
            return False
        at = slice(area[1] - known.top, area[3] - known.top), slice(area[0] - known.left, area[2] - known.left)
        return known.likeness(look.luma[look.part(*area)], at) >= _SAME_SHARE


def clear_of(
    overlays: Iterable[Overlay],
    luma: Plane,
    area: tuple[int, int, int, int],
    mouth: tuple[float, float],
    io_px: float,
    *,
    bits: int,
    index: int,
    turns: int,
) -> tuple[int, int, int, int]:
    """`area` (left, top, right, bottom) of the frame `luma` as far as a box of text or a split screen's line leaves it.

    The face goes on behind what such a straight edge, not near to the `mouth`, bounds: nothing of it is seen there.
    Capitals whose outlines meet, and underlined letters, have such edges too.
    """
    left, top, right, bottom = area
    for overlay in overlays:
        if not overlay.is_seen(luma, 0, 0, bits=bits, index=index, turns=turns):
            continue
        level, upright = overlay.lines(_LINE_IO * io_px)
        bottom = min([bottom, *(y for y in level if y > mouth[1] + _BELOW_IO * io_px)])
        left = max([left, *(x for x in upright if x < mouth[0] - _BESIDE_IO * io_px)])
        right = min([right, *(x for x in upright if x > mouth[0] + _BESIDE_IO * io_px)])
    return left, top, right, bottom


def covered(
    overlays: Iterable[Overlay], luma: Plane, left_px: int, top_px: int, *, bits: int, index: int, turns: int
) -> NDArray[np.uint8] | None:
    """As `Overlay.cover`, of all of them."""
    out: NDArray[np.uint8] | None = None
    for overlay in overlays:
        cover = overlay.cover(luma, left_px, top_px, bits=bits, index=index, turns=turns)
        if cover is not None:
            out = cover if out is None else np.maximum(out, cover)
    return out


def _runs(edges: NDArray[np.bool_]) -> NDArray[np.intp]:
    """(h,) the longest run of edges in each row of (h, w), or in the row below, but for single gaps."""
    wide = edges.copy()
    wide[:-1] |= edges[1:]
    wide[:, 1:-1] |= wide[:, :-2] & wide[:, 2:]
    ends = np.arange(1, wide.shape[1] + 1)
    begins = np.maximum.accumulate(np.where(wide, 0, ends), axis=1)
    return np.asarray((ends - begins).max(1), np.intp)


def _went(stayed: NDArray[np.bool_], moved: NDArray[np.bool_], on_face: NDArray[np.uint8]) -> bool:
    """Whether this part of the face moved as the head is said to have."""
    n_stayed, n_moved = (np.count_nonzero(some & (on_face > 0)) for some in (stayed, moved))
    return n_stayed + n_moved >= _FEWEST_EDGES and n_stayed <= _TOO_STILL * (n_stayed + n_moved)


def _part(whole: NDArray[np.uint8], area: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    left, top, right, bottom = area
    return whole[top:bottom, left:right]


def _outlined(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """With what is enclosed filled."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    out = np.zeros(mask.shape, np.uint8)
    cv2.drawContours(out, outlines, -1, (1.0,), cv2.FILLED)
    return out


def _closed(mask: NDArray[np.uint8], gap_px: float) -> NDArray[np.uint8]:
    """With gaps of so many pixels to either side filled."""
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, square(gap_px)), np.uint8)


def _way(look: Look, earlier: Look, area: tuple[int, int, int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How far what is seen at each place went since, across and down, if it went with the head: a similarity."""
    motion = motion_between(look, earlier)
    along, turn, middle, origin = motion.along, motion.turn, motion.middle, motion.origin
    left, top, right, bottom = area
    x = np.arange(left, right, dtype=np.float32)[None] - np.float32(middle[0])
    y = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(middle[1])
    across = x + np.float32(middle[0] - origin[0]) - (np.float32(along) * x - np.float32(turn) * y)
    down = y + np.float32(middle[1] - origin[1]) - (np.float32(turn) * x + np.float32(along) * y)
    return np.asarray(across, np.float32), np.asarray(down, np.float32)


def _overlap(one: Overlay, other: Overlay) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Rows and columns that both hold, in each of them."""
    out: list[tuple[slice, slice]] = []
    for axis, (start, begin) in enumerate(((one.top, other.top), (one.left, other.left))):
        first = max(start, begin)
        after = max(first, min(start + one.mask.shape[axis], begin + other.mask.shape[axis]))
        out.append((slice(first - start, after - start), slice(first - begin, after - begin)))
    return out[0], out[1]


def _joined(known: Overlay, found: Overlay) -> Overlay:
    """Both as one. What looks otherwise now was no edge of it: a collar that had come to rest, say."""
    rows, columns = _overlap(known, found)
    old, new = known.look[rows[0], columns[0]].astype(np.int16), found.look[rows[1], columns[1]].astype(np.int16)
    known = replace(known, mask=known.mask.copy())
    part = known.mask[rows[0], columns[0]]
    part[(part == EDGE) & (np.abs(old - new) >= _SAME_LEVELS)] = 1
    left, top = min(known.left, found.left), min(known.top, found.top)
    right = max(known.left + known.mask.shape[1], found.left + found.mask.shape[1])
    bottom = max(known.top + known.mask.shape[0], found.top + found.mask.shape[0])
    mask, look = (np.zeros((bottom - top, right - left), np.uint8) for _ in range(2))
    for some in (known, found):
        height, width = some.mask.shape
        at = slice(some.top - top, some.top - top + height), slice(some.left - left, some.left - left + width)
        look[at] = np.where(some.mask > 0, some.look, look[at])
        np.maximum(mask[at], some.mask, out=mask[at])
    return replace(known, last=found.last, left=left, top=top, mask=mask, look=look)
