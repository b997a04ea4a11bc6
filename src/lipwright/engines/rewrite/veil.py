"""A bar or a box of one colour through which the face is seen: taken off while the face is changed, and laid on again.

Names and captions stand on such bars. What is seen there is `gain` times what is behind, and an `offset`: both are told
from the lines beside the bar's upper edge, on which the same skin is seen with it and without.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.core.media import Plane, VideoFrame
from lipwright.engines.rewrite.picture import Float32, Picture, Region, to_codes, window
from lipwright.vision.overlay import EDGE, Overlay
from lipwright.vision.shape import Floats

_MOST_LOOKS: Final = 120
_FEWEST_LOOKS: Final = 6
_NEAR_IO: Final = 1 / 60
"""How far from the edge lines are compared: what is behind differs little over it."""
_LEAST_SLOPE: Final = 4.0
"""Levels of 8 bits a line, in the middle of all columns and frames."""
_LEAST_STEP: Final = 10.0
"""Levels of 8 bits, from one side of an edge to the other."""
_LEAST_GAIN, _MOST_GAIN, _MOST_GAIN_OF_NARROW = 0.12, 0.93, 0.7
_LEAST_R, _LEAST_R_ALONE = 0.35, 0.6
"""Where the veil has no colour of its own, by which its gain is told too, and where it has."""
_MOST_OFF: Final = 6.0
"""Levels of 8 bits: what lies before the edge tells what is beyond it, to so much in the median."""
_GREY: Final = 2.5
"""Levels of chroma: a veil that adds no more has no colour of its own."""
_TRUST_IN_TINT: Final = 3.0
"""As much as in luma of which three quarters are explained."""
_SAME_GAIN: Final = 0.15
"""What differs by less, on the same lines, is one veil."""
_PEAK, _BEYOND = 255, 8
"""Levels of 8 bits; what is so far beyond the lightest, or the darkest, was never behind a veil: it is ink on it."""
_HALF, _WHOLLY = 0.5, 0.9
"""Share of a line that is the bar's: where it begins, and where all of it is."""
_SEEN_SHARE: Final = 0.7
"""Of the columns: where so many have an edge as it should be, it is one."""
_FEWEST_COLUMNS, _NARROWEST, _MOSTLY, _AGAINST = 12, 0.12, 0.6, 4
"""How many columns say that a box is there, of how many; and how many beside them that it is not."""
_MIDDLE_SHARES: Final = (1.0, 0.5, 0.25)
"""Of the mouths' pictures: a short word has a narrow box."""
_CORNER: Final = 4
"""A round corner is at most so many `near_px` wide and high."""
_SIDED_SHARE: Final = 0.5
"""Of the pictures on which a narrow veil is seen, those that show a side of it."""
_CLOSE: Final = 0.35
"""As it should be: to such a share of the step."""


@dataclass(frozen=True, slots=True, eq=False)
class Veil:
    """A level bar or box before the face: always on the same lines of the picture, as wide as each frame shows it."""

    gain: float
    """What is left of what is behind it."""
    offset: Floats
    """(3,) code values of 8 bits that it adds to luma, Cb and Cr."""
    top_px: int
    """The line of the upright picture on which `lines` begins, in luma pixels."""
    edge_px: int
    """The first line of the bar, or the one before."""
    near_px: int
    """Lines so far above that, and below it, are surely without the bar, and in it."""
    lines: Float32
    """(n,) 0..1: how much of each line it takes; none of those before, of those after as much as of the last one."""

    def is_on(self, picture: Picture) -> bool:
        """Whether the bar's upper edge is seen where it should be."""
        return self.columns(picture) is not None

    def columns(self, picture: Picture) -> tuple[int, int] | None:
        """From which to which of a picture's columns its upper edge is seen; None: on hardly any."""
        found = self._edge_on(picture)
        if found is None:
            return None
        first, after = found
        before, beyond = self._sides_on(picture, first, after)
        return first if before is None else before, after if beyond is None else beyond

    def _edge_on(self, picture: Picture) -> tuple[int, int] | None:
        """As `columns`, but for its sides: where its corners are round, its edge is shorter than it is wide."""
        if not self._is_edge_in(picture):
            return None
        scale = 1 << (picture.bits - 8)
        lines = picture.parts[0][[line - picture.region.top for line in self._beside]]
        outside, inside = lines.astype(np.float32) / scale
        expected = self.gain * outside + np.float32(self.offset[0])
        # rather the bar than no bar: a lip or a shadow may end between these lines
        says = np.where(np.abs(inside - expected) < np.abs(inside - outside), 1, -1)
        says[np.abs(outside - expected) <= _LEAST_STEP] = 0  # a white shirt is seen through a white bar as it is
        first, after = _best_run(says)
        most = int(says[first:after].sum())
        if most < max(_FEWEST_COLUMNS, _NARROWEST * len(says)) or most < _MOSTLY * np.count_nonzero(says[first:after]):
            return None
        return len(says) - _onward(says[::-1], len(says) - first), _onward(says, after)

    @property
    def _beside(self) -> tuple[int, int]:
        """The lines that tell whether it is there: without it, and in it."""
        return self.edge_px - self.near_px - 1, self.edge_px + self.near_px

    def _is_edge_in(self, picture: Picture) -> bool:
        above, below = self._beside
        return picture.region.top <= above and below < picture.region.top + picture.parts[0].shape[0]

    def may_be_on(self, picture: Picture) -> bool:
        """Whether it may lie on a picture that does not reach to its upper edge, or hardly."""
        has_ended = self.lines[-1] <= 0 and picture.region.top >= self.edges[-1]
        return not self._is_edge_in(picture) and picture.region.bottom > self.edge_px and not has_ended

    def is_box_on(self, picture: Picture) -> bool:
        """Whether a side of it is seen too."""
        columns = self._edge_on(picture)
        return columns is not None and any(side is not None for side in self._sides_on(picture, *columns))

    def _sides_on(self, picture: Picture, first: int, after: int) -> tuple[int | None, int | None]:
        """The first and past the last column of a box whose upper edge is seen from `first` to `after`."""
        lines = self.weights(picture.region, 1)[:, 0] > _WHOLLY
        inner = picture.parts[0][lines].astype(np.float32) / (1 << (picture.bits - 8))
        width = inner.shape[1]
        before = self._side(inner[:, ::-1], width - first)
        return None if before is None else width - before, self._side(inner, after)

    def _side(self, inner: Float32, after: int) -> int | None:
        """The first column beyond a box whose upper edge ends by `after`: corners may be round. None: no side."""
        best, steepest = None, 0.0
        if not len(inner):
            return None
        near = self.near_px
        for column in range(max(near + 1, after - near), min(inner.shape[1] - near, after + 2 * _CORNER * near)):
            outside, inside = inner[:, column + near], inner[:, column - near - 1]
            slope = abs(float(np.mean(inner[:, column] - inner[:, column - 1])))
            if slope > steepest and _is_step(outside, inside, self.gain * outside + np.float32(self.offset[0])):
                best, steepest = column, slope
        return best

    @property
    def edges(self) -> list[int]:
        """The lines of its edges, as far as they are known."""
        inside = self.top_px + np.flatnonzero(self.lines >= _HALF)
        return [int(inside[0])] if self.lines[-1] >= _HALF else [int(inside[0]), int(inside[-1]) + 1]

    def holds(self, overlay: Overlay) -> bool:
        """Whether that stands on it: letters."""
        first, last = overlay.top * overlay.shrink, (overlay.top + overlay.mask.shape[0]) * overlay.shrink
        return first >= self.edge_px - self.near_px and (self.lines[-1] > 0 or last <= self.edges[-1] + self.near_px)

    def weights(self, region: Region, step_px: int) -> Float32:
        """(h, 1) how much of each line of a part of a picture it takes; `step_px` luma lines are one of it."""
        at = np.arange(region.top, region.bottom) - self.top_px
        seen = np.where(at < 0, 0, self.lines[np.clip(at, 0, len(self.lines) - 1)])
        return _shared_out(seen, step_px)[:, None]


@dataclass(frozen=True, slots=True, eq=False)
class Unveiled:
    """A picture's parts before a veil was taken off, after it, and what the veil leaves of each line."""

    before: list[Plane]
    after: list[Plane]
    left: list[Float32]
    ink: NDArray[np.bool_]
    """(h, w) by letters on it: no face seen through it can be so light or so dark."""

    def with_ink(self, cover: NDArray[np.uint8] | None) -> NDArray[np.uint8] | None:
        """What lies on the picture, as `Overlay.cover` tells it, and the letters on the veil too."""
        if not self.ink.any():
            return cover
        ink = self.ink.astype(np.uint8) * np.uint8(EDGE)
        return ink if cover is None else np.maximum(cover, ink)

    def lay_on(self, picture: Picture) -> None:
        """Change what was seen through the veil as what is behind it was changed, in place."""
        for number, part in enumerate(picture.parts):
            change = part.astype(np.float32) - self.after[number]
            change *= self.left[number]
            picture.parts[number] = to_codes(change + self.before[number], part, picture.peak)


def unveil(picture: Picture, veils: Iterable[Veil], frame: VideoFrame | None = None) -> Unveiled | None:
    """Take the first of these that is on the picture off it, in place; None: none is.

    Where `frame`, whose part the picture is, is at hand, an upper edge above or below the picture is seen too.
    """
    veil, columns = next(
        ((one, seen) for one in veils if (seen := one.columns(_as_far_as(one, picture, frame))) is not None),
        (None, (0, 0)),
    )
    if veil is None:
        return None
    before, left = picture.parts, list[Float32]()
    scale = 1 << (picture.bits - 8)
    ink = np.zeros(before[0].shape, np.bool_)
    steps, picture.parts = picture.steps, []
    for part, (across, step), offset in zip(before, steps, (veil.offset[:1], veil.offset[1:]), strict=False):
        weights = veil.weights(picture.region, step) * _between(columns, before[0].shape[1], across)
        gain = 1 - weights * np.float32(1 - veil.gain)
        added = weights * np.float32(scale)
        if part.ndim > 2:
            gain, added = gain[..., None], added[..., None]
        behind = (part.astype(np.float32) - added * np.asarray(offset, np.float32)) / gain
        if part.ndim == 2:
            is_ink = (behind > (_PEAK + _BEYOND) * scale) | (behind < -_BEYOND * scale)
            around = np.ones((2 * veil.near_px + 1, 2 * veil.near_px + 1), np.uint8)
            ink = cv2.dilate((is_ink & (weights > _WHOLLY)).astype(np.uint8), around)
            ink = _with_sides(ink > 0, weights, columns, veil.near_px)
        picture.parts.append(to_codes(np.asarray(behind, np.float32), part, picture.peak))
        left.append(np.asarray(gain, np.float32))
    return Unveiled(before, [part.copy() for part in picture.parts], left, ink)  # they are changed in place


def _as_far_as(veil: Veil, picture: Picture, frame: VideoFrame | None) -> Picture:
    """The picture, or more of its frame: up, and down, to the bar's upper edge."""
    if frame is None or not veil.may_be_on(picture):
        return picture
    region, step = picture.region, picture.step[1]
    top = max(0, min(region.top, (veil.edge_px - veil.near_px - 1) // step * step))
    bottom = min(frame.planes[0].shape[0], max(region.bottom, -(-(veil.edge_px + veil.near_px + 1) // step) * step))
    return Picture.cut(frame, replace(region, top=top, bottom=bottom))


def _between(columns: tuple[int, int], width: int, step_px: int) -> Float32:
    """(1, w) 1 on these columns of luma, 0 beside them; `step_px` of them are one."""
    at = np.zeros(width, np.float32)
    at[columns[0] : columns[1]] = 1
    return _shared_out(at, step_px)[None]


def _shared_out(weights: NDArray[Any], step_px: int) -> Float32:
    """Means (n,) of each `step_px` of these weights (m,), as samples of chroma have them; the last may be of fewer."""
    n = -(-len(weights) // step_px)
    return np.pad(weights, (0, n * step_px - len(weights)), "edge").reshape(n, step_px).mean(1, dtype=np.float32)


def _with_sides(ink: NDArray[np.bool_], weights: Float32, columns: tuple[int, int], near_px: int) -> NDArray[np.bool_]:
    """Letters, and where a box ends within the picture: its sides are soft, and its corners round."""
    lines = np.flatnonzero(weights.max(1) > 0)
    for column, is_end in zip(columns, (columns[0] > 0, columns[1] < ink.shape[1]), strict=True):
        if not is_end or not len(lines):
            continue
        first, last, corner = int(lines[0]), int(lines[-1]) + 1, _CORNER * near_px
        ink[first:last, max(0, column - near_px) : column + near_px] = True
        for line in (first, max(first, last - corner)):
            ink[line : line + corner, max(0, column - corner) : column + corner] = True
    return ink


def _best_run(says: NDArray[np.int_]) -> tuple[int, int]:
    """Where the sum of a run is largest (Kadane)."""
    sums = np.concatenate([[0], np.cumsum(says)])
    lows = np.minimum.accumulate(sums)
    after = int(np.argmax(sums - lows))
    return int(np.argmin(sums[: after + 1])), after


def _onward(says: NDArray[np.int_], after: int) -> int:
    """How far the bar goes on from there: to where so many columns say that it does not."""
    against = np.flatnonzero(says[after:] < 0)
    return len(says) if len(against) < _AGAINST else after + int(against[0])


def veils_of(overlays: Sequence[Overlay], mouths: Sequence[tuple[int, Picture]], io_px: float) -> tuple[Veil, ...]:
    """The veils among `overlays`, by `mouths`, pictures of one size and turn, with the numbers of their frames."""
    near_px = max(2, round(_NEAR_IO * io_px))
    spans = dict.fromkeys((overlay.first, overlay.last) for overlay in overlays)
    by_frames: dict[tuple[int, ...], list[Picture]] = {}
    for first, last in spans:
        looks = [(index, mouth) for index, mouth in mouths if first <= index <= last and len(mouth.parts) > 1]
        looks = looks[:: max(1, -(-len(looks) // _MOST_LOOKS))]
        by_frames[tuple(index for index, _ in looks)] = [mouth for _, mouth in looks]
    seen = list(by_frames.values())
    found: list[Veil] = []
    for share in _MIDDLE_SHARES:
        for looks in seen:
            parts = _middle(looks, share)
            veil = _veil(overlays, parts, near_px, is_wide=share == 1) if len(parts) >= _FEWEST_LOOKS else None
            if veil is not None and share < 1 and not _has_sides(veil, looks):
                continue
            if veil is not None and not any(_is_same(veil, other) for other in found):
                found.append(veil)
        if found:
            break
    return tuple(found)


def _has_sides(veil: Veil, looks: Sequence[Picture]) -> bool:
    """Whether it is a box, where it is narrow: letters have a dark outline too, but no sides as high as they are."""
    seen = [one for one in looks if veil.is_on(one)]
    return sum(veil.is_box_on(one) for one in seen) > _SIDED_SHARE * max(len(seen), _FEWEST_LOOKS)


def _middle(looks: Sequence[Picture], share: float) -> list[Picture]:
    """That share of the columns around where most mouths are."""
    if share == 1 or not looks:
        return list(looks)
    middle = float(np.median([(one.region.left + one.region.right) / 2 for one in looks]))
    half = share * float(np.median([one.region.width for one in looks])) / 2
    parts: list[Picture] = []
    for one in looks:
        across, region = one.step[0], one.region
        left = max(region.left, round(middle - half) // across * across)
        right = min(region.right, round(middle + half) // across * across)
        if right - left < half:
            continue
        inner = replace(region, left=left, right=right)
        kept = [window(part, region, inner, step) for part, step in zip(one.parts, one.steps, strict=True)]
        parts.append(replace(one, parts=kept, region=inner))
    return parts


def _is_same(veil: Veil, other: Veil) -> bool:
    return abs(veil.edge_px - other.edge_px) <= veil.near_px and abs(veil.gain - other.gain) < _SAME_GAIN


def _veil(overlays: Sequence[Overlay], looks: Sequence[Picture], near_px: int, *, is_wide: bool) -> Veil | None:
    """What is narrow must show both its edges, and take much: a chin before a collar, and lips, have edges too."""
    top, slopes = _slopes(looks)
    for line in np.argsort(slopes)[::-1].tolist():
        if slopes[line] < _LEAST_SLOPE:
            return None
        # the steepest line is the last one outside, or the first one inside, or half of each
        edge = top + line
        if slopes[max(0, line - near_px) : line + near_px + 1].max() > slopes[line]:
            continue
        pairs = _pairs(looks, edge, near_px)
        gain = _gain_of(pairs) if pairs is not None else None
        if pairs is None or gain is None:
            continue
        offsets = np.array([float(np.median(inside - gain * outside)) for outside, inside in pairs])
        of_luma = gain, float(offsets[0])
        lines = upper = _profile(looks, edge, near_px, *of_luma)
        if upper[-1] < _HALF:
            continue
        lower = _lower_edge(looks, top, slopes, edge, near_px, *of_luma)
        is_near = lower is not None
        if lower is None:
            lower = next(filter(None, (_lower_edge_of(one, edge, near_px, *of_luma) for one in overlays)), None)
        if not is_wide and (lower is None or gain > _MOST_GAIN_OF_NARROW):
            continue
        if lower is not None:
            last = _profile(looks, lower, near_px, *of_luma, is_upper=False) if is_near else upper[::-1]
            lines = np.concatenate([upper, np.ones(max(0, lower - edge - 2 * near_px), np.float32), last, [0]])
        return Veil(gain, offsets, edge - near_px, edge, near_px, lines.astype(np.float32))
    return None


def _slopes(looks: Sequence[Picture]) -> tuple[int, Floats]:
    """The first line of them all, and how steep each line is that most of them have: a face goes, a bar stays."""
    top, bottom = min(one.region.top for one in looks), max(one.region.bottom for one in looks)
    steep: list[list[Floats]] = [[] for _ in range(bottom - top)]
    for one in looks:
        luma = cv2.Sobel(one.parts[0], cv2.CV_32F, 0, 1, ksize=1) / (2 << (one.bits - 8))
        for number, line in enumerate(luma[1:-1, ::2], one.region.top + 1 - top):
            steep[number].append(line)
    found = [abs(float(np.median(np.concatenate(some)))) if len(some) >= _FEWEST_LOOKS else 0.0 for some in steep]
    return top, np.array(found)


def _pairs(looks: Sequence[Picture], edge: int, near_px: int, n_planes: int = 3) -> list[tuple[Floats, Floats]] | None:
    """What is seen above an edge and below it, at the same columns, 8-bit scale: luma, Cb, Cr."""
    found: list[list[tuple[Floats, Floats]]] = [[] for _ in range(n_planes)]
    for one in looks:
        scale = 1 << (one.bits - 8)
        for part, values in enumerate((one.parts[0], one.parts[1][..., 0], one.parts[1][..., 1])[:n_planes]):
            step = one.step[1] if part else 1
            # a line of chroma further off: that by the edge is mixed
            above = (edge - near_px - 1 - one.region.top) // step - (step > 1)
            below = -(-(edge + near_px - one.region.top) // step) + (step > 1)
            if above < 0 or below >= values.shape[0]:
                break
            found[part].append((values[above] / scale, values[below] / scale))
    if len(found[-1]) < _FEWEST_LOOKS:
        return None
    return [(np.concatenate([a for a, _ in some]), np.concatenate([b for _, b in some])) for some in found]


def _gain_of(pairs: Sequence[tuple[Floats, Floats]]) -> float | None:
    """What is left of what is behind, by both sides of an edge; None where it is no veil's.

    By how much the luma of either side varies (the reduced major axis), since neither is what is behind the other; and
    by how far both are from grey, where one gain explains that: most veils are black or white.
    """
    outside, inside = pairs[0]
    # what lies beside a box, and a letter that reaches to its edge, is left out
    steps: Floats = np.asarray(np.abs(outside - inside - float(np.median(outside - inside))), np.float64)
    kept = np.asarray(steps < 4 * float(np.median(steps)) + 1, np.bool_)
    gain, off = 0.0, 0.0
    for _ in range(4):
        gain = float(inside[kept].std() / max(float(outside[kept].std()), 1e-3))
        added = float(inside[kept].mean()) - gain * float(outside[kept].mean())
        away: Floats = np.asarray(np.abs(inside - gain * outside - added), np.float64)
        off = float(np.median(away))
        kept = np.asarray(away < 4 * float(np.median(away[kept])) + 1, np.bool_)
    a, b = outside[kept], inside[kept]
    r = float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else 0.0
    is_step = abs(float(a.mean() - b.mean())) > _LEAST_STEP and off < _MOST_OFF
    if not is_step or r < _LEAST_R or not _LEAST_GAIN < gain < _MOST_GAIN:
        return None
    tints = np.array([[float(np.median(side)) - 128 for side in pair] for pair in pairs[1:]])
    of_tint = float((tints[:, 0] * tints[:, 1]).sum() / max(float((tints[:, 0] ** 2).sum()), 1e-3))
    if np.abs(tints[:, 1] - of_tint * tints[:, 0]).max() < _GREY and np.abs(tints[:, 0]).max() > 2 * _GREY:
        trust = r * r / max(1 - r * r, 1e-6)  # of flat colours all is explained
        gain = (trust * gain + _TRUST_IN_TINT * of_tint) / (trust + _TRUST_IN_TINT)
    elif r < _LEAST_R_ALONE:
        return None
    return gain if _LEAST_GAIN < gain < _MOST_GAIN else None


def _profile(
    looks: Sequence[Picture], edge: int, near_px: int, gain: float, offset: float, *, is_upper: bool = True
) -> Float32:
    """(2 near_px,) how much of the lines around an edge is the bar's: codecs and scalers soften it."""
    n = 2 * near_px
    over, under = np.zeros(n), np.full(n, 1e-6)
    for one in looks:
        first = edge - near_px - one.region.top
        if first < 1 or first + n >= one.parts[0].shape[0]:
            continue
        seen = one.parts[0][first - 1 : first + n + 1].astype(np.float64) / (1 << (one.bits - 8))
        seen = seen if is_upper else seen[::-1]
        outside, behind = seen[0], (seen[-1] - offset) / gain
        share = (np.arange(1, n + 1) / (n + 1))[:, None]
        behind = outside + (behind - outside) * share
        step = (gain - 1) * behind + offset
        over += ((seen[1:-1] - behind) * step).sum(1)
        under += (step * step).sum(1)
    profile = np.maximum.accumulate(np.clip(over / under, 0, 1))
    return np.asarray(profile if is_upper else profile[::-1], np.float32)


def _lower_edge(
    looks: Sequence[Picture], top: int, slopes: Floats, edge: int, near_px: int, gain: float, offset: float
) -> int | None:
    """The line of the bar's lower edge, by the mouths' pictures; None: it is not on enough of them."""
    for line in range(edge + 4 * near_px - top, len(slopes) - near_px):
        if slopes[line] < max(_LEAST_SLOPE, slopes[line - near_px : line + near_px + 1].max()):
            continue
        pairs = _pairs(looks, top + line, near_px, n_planes=1)
        if pairs is not None and _is_step(pairs[0][1], pairs[0][0], gain * pairs[0][1] + offset):
            return top + line
    return None


def _lower_edge_of(overlay: Overlay, edge: int, near_px: int, gain: float, offset: float) -> int | None:
    """As `_lower_edge`, by what was seen when the overlay was found, to a fraction of its coarser pixels."""
    k = overlay.shrink
    look = overlay.look.astype(np.float32)
    for line in range(max(1, -(-(edge + near_px) // k) - overlay.top + 1), len(look) - 2):
        known = (look[line - 1 : line + 3] > 0).all(0)
        inside, outside = look[line - 1, known], look[line + 2, known]
        if not known.any() or not _is_step(outside, inside, gain * outside + offset):
            continue
        # the two lines between are the bar's, without it, or partly
        full = np.maximum(np.abs(outside - inside), 1.0)
        covered = [np.clip(np.abs(look[at, known] - outside) / full, 0, 1).mean() for at in (line, line + 1)]
        return round((overlay.top + line + float(sum(covered))) * k)
    return None


def _is_step(outside: NDArray[Any], inside: NDArray[Any], expected: NDArray[Any]) -> bool:
    """Whether most columns go from the one value to the other as an edge of the bar would."""
    step = np.abs(outside - expected)
    tells = step > _LEAST_STEP
    if not len(step) or np.count_nonzero(tells) < len(step) / 2:
        return False
    return bool((np.abs(inside - expected)[tells] < _CLOSE * step[tells]).mean() > _SEEN_SHARE)
