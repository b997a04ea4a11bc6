"""The two warps of a frame: the lower face follows the jaw, and the mouth is laid in from a donor.

The mouth is warped as two sheets, one for each lip, which meet at the lip line: so a closed mouth can open
and an open one close without smearing. What lies between the inner lips is a third sheet.
"""

from __future__ import annotations

from functools import lru_cache
from math import hypot
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.core.media import Plane
from lipwright.engines.rewrite.picture import (
    Float32,
    Picture,
    Region,
    lay_over,
    region_around,
    smoothstep,
    weights_for,
    window,
)
from lipwright.engines.rewrite.warp import Grid, tps_fields, warp
from lipwright.vision import mesh
from lipwright.vision.shape import Floats

# Skin around the mouth, nose and cheeks, image-left and -right in pairs.
_RIM = (
    205, 425, 207, 427, 216, 436, 212, 432, 214, 434, 192, 416, 206, 426, 203, 423, 165, 391, 92, 322, 186, 410,
    57, 287, 43, 273, 106, 335, 182, 406, 83, 313, 18, 200, 199, 201, 421, 194, 418, 204, 424, 202, 422, 210, 430,
    211, 431, 208, 428, 32, 262, 175, 171, 396, 140, 369, 164, 167, 393, 2, 97, 326, 98, 327,
)  # fmt: skip
_ANCHORS = (
    1, 4, 5, 195, 197, 49, 279, 64, 294, 48, 278, 100, 329, 50, 280, 101, 330, 118, 347, 123, 352, 137, 366, 116,
    345, 147, 376, 36, 266, 129, 358, 102, 331,
)  # fmt: skip
_FACE_CONTROLS = np.array(
    sorted(
        {
            *mesh.OUTER_UPPER[::2], *mesh.OUTER_LOWER[::2], 13, 14, 78, 308,
            *_RIM[::2], *mesh.JAW, *_ANCHORS[::2], 199, 200, 18, 164, 2, 175,
        }
    )
)  # fmt: skip
# the ring beside the inner one adds nothing but time
_SHEET_LIPS = set(mesh.LIPS) - (set(mesh.INNER_MIDDLE_UPPER) | set(mesh.INNER_MIDDLE_LOWER))
_ONLY_UPPER, _ONLY_LOWER = (_SHEET_LIPS & set(lip) - set(mesh.CORNERS) for lip in (mesh.UPPER_LIP, mesh.LOWER_LIP))
_N_ONLY = len(_ONLY_UPPER)
_MOUTH_SKIN = {
    2, 97, 326, 98, 327, 164, 167, 393, 165, 391, 92, 322, 206, 426, 216, 436, 212, 432, 202, 422,
    204, 424, 194, 418, 201, 421, 200, 199, 18, 83, 313, 106, 335, 182, 406, 43, 273, 57, 287, 186, 410, 208,
    428, 211, 431, 203, 423, 207, 427,
}  # fmt: skip
# those of both sheets, and then those that only one of them has, as many each
_MOUTH_CONTROLS = np.array(
    [
        *sorted((_SHEET_LIPS | _MOUTH_SKIN) - _ONLY_UPPER - _ONLY_LOWER),
        *sorted(_ONLY_UPPER),
        *sorted(_ONLY_LOWER),
    ]
)
assert len(_ONLY_LOWER) == _N_ONLY

_JAW = np.array(mesh.JAW)
_LIPS = np.array(mesh.LIPS)
_INNER_UPPER = np.array(mesh.INNER_UPPER)
_INNER_LOWER = np.array(mesh.INNER_LOWER)
# wider under the chin than at the ears
_RING_IO = (0.24 - 0.17 * np.abs(np.linspace(-1, 1, len(_JAW))))[::2]
_MOVING = np.array([*mesh.JAW, *mesh.LIPS, *_RIM])
_WHITE = (255.0,)
_UNSEEN_PX = 0.02
_RING_FROM, _RING_TO = 0.02, 0.98
"""Where the patch is seen through, so that it can be compared with what is under it."""
_GAINS = (0.1, 2.5)
_TINTED = 0.06
"""Of grey: what has less colour does not tell how much of it is left."""
_AS_COLOURFUL = 0.85
"""One skin in one light is as colourful at any moment, nearly: so much of its colours is all of its contrast."""
_DARK = 0.03
"""Of grey: skin that is darker tells no ratio."""
_CAST_FROM, _CAST_WHOLE = 0.04, 0.08
"""Of grey: colours of the same skin are so far apart in light of another colour; in one light they hardly reach it."""
_CAST_GAINS = (0.4, 2.5)
_KR, _KB = 0.26, 0.09
_RGB = np.array(
    (
        (1.0, 0.0, 2 * (1 - _KR)),
        (1.0, -2 * _KB * (1 - _KB) / (1 - _KR - _KB), -2 * _KR * (1 - _KR) / (1 - _KR - _KB)),
        (1.0, 2 * (1 - _KB), 0.0),
    )
)
"""R', G', B' of light and colours, each from its zero.

Amid BT.601, BT.709 and BT.2020: lips come out within 3 of 255 of what the frame's own matrix would do.
"""
_FROM_RGB = np.linalg.inv(_RGB)
_FOREIGN_LIGHT, _FOREIGN_TINT = 45, 28
"""Two moments of one skin, lit alike, differ by less: 8-bit code values."""
_OTHER_SKIN_TINTS = (7, 14)
"""Where something comes before the mouth at times, other skin is known by less: a tint so far off, 8-bit code values,
as all of a thing is of which a part is by the second one. One skin is by 12 at most; where compression nearly spoils
the picture, by 14; a hand by 16.
"""
_FOREIGN_RIM_IO = 0.03
_LIP_RIM_IO = 0.03
"""So near to the lips skin takes their colour; nothing is looked for there."""
_MEMBRANE_CELLS = (2, 5, 12)
"""Widths of its blurs."""
_SHIFT = 4  # fractional bits of cv2 polygons

_LENT_SHUT_IO, _LENT_APART_IO = 0.006, 0.012
_SLIT_IO, _OPEN_IO = 0.025, 0.040
"""Lips that were so close when they were lent stay shut where no more than a slit is wanted; both by degrees, so that
lips which hover there do not snap."""
DILATION_IO = 0.13
"""How far the patch reaches beyond the lips."""
FEATHER_IO = 0.05
"""Half the width of its soft edge."""
_FINE_DETAIL = 150
"""So many lengths of fine detail (one standard deviation of a Gaussian) from eye to eye; not less than a pixel."""
_SHARPEN, _SOFTEN = 0.6, 0.5
"""How much stronger or weaker fine detail of a mouth is made at most."""


def face_region(points: Floats, io_px: float, *, bounds: Region, step: tuple[int, int]) -> Region:
    """The part of the frame that may change, for mesh points (478, 2) in pixels."""
    margins = (0.12 * io_px, 0.05 * io_px, 0.12 * io_px, 0.34 * io_px)
    return region_around(points[_MOVING], margins, bounds=bounds, step=step)


def mouth_region(
    points: NDArray[Any], io_px: float, margin_io: float, *, bounds: Region, step: tuple[int, int]
) -> Region:
    """The lips of mesh points (478, 2) with a margin all around."""
    margin = margin_io * io_px
    return region_around(points[_LIPS, :2], (margin, margin, margin, margin), bounds=bounds, step=step)


def follow_jaw(face: Picture, points: NDArray[Any], to: Floats, io_px: float, *, smoothing: float) -> None:
    """Warp the lower face of `face`, in place, so that its mesh `points` (478, 2) come to lie on `to`.

    The field is zero at the region's border and beyond the jaw: collars, necks and hair stay.
    """
    region = face.region
    jaw = points[_JAW[::2]]
    outward = jaw - (points[1] + points[152]) / 2
    # a still ring outside the jaw
    ring = jaw + outward * (_RING_IO * io_px / np.sqrt((outward * outward).sum(1)))[:, None]
    controls = np.concatenate([to[_FACE_CONTROLS], ring])
    displacements = np.zeros_like(controls)
    displacements[: len(_FACE_CONTROLS)] = points[_FACE_CONTROLS] - to[_FACE_CONTROLS]
    grid = Grid.over(region, io_px / 13, face.step)
    (field,) = tps_fields(controls, displacements, grid, unit_px=io_px, smoothing=smoothing)
    field *= _stillness(grid, points, to, io_px)[..., None]
    _stay_inside(field, grid)
    moving = grid.where(np.abs(field).max(axis=-1) > _UNSEEN_PX)
    if moving is None:
        return
    part_grid, rows, columns = moving
    bent = warp(face, field[rows, columns], part_grid)
    for part, new, step in zip(face.parts, bent.parts, face.steps, strict=True):
        window(part, region, part_grid.region, step)[...] = new


def _stay_inside(field: Float32, grid: Grid) -> None:
    """Let nothing be read from beyond the region, in place: what is at its border is no face, or there is nothing."""
    region = grid.region
    for axis, at, first, last in (
        (0, grid.across[None], region.left, region.right - 1),
        (1, grid.down[:, None], region.top, region.bottom - 1),
    ):
        part = field[..., axis]
        np.clip(part, np.minimum(0, first - at) / 2, np.maximum(0, last - at) / 2, out=part)


def _stillness(grid: Grid, points: NDArray[Any], to: Floats, io_px: float) -> Float32:
    """1 on the face, 0 at the region's border and off the jaw: (rows, columns)."""
    region = grid.region
    rows, columns = grid.shape
    x, y = grid.across, grid.down
    sides = np.minimum(x - region.left, region.right - 1 - x) / (0.12 * io_px)
    top = (y - region.top) / (0.05 * io_px + 1)
    bottom = (region.bottom - 1 - y) / (0.15 * io_px)
    inside = smoothstep(np.minimum(sides[None], np.minimum(top, bottom)[:, None]))
    outline = np.vstack([to[_JAW], points[_JAW], points[[1]]]).astype(np.float32)
    hull = cv2.convexHull(outline)[:, 0]
    face = np.zeros((rows, columns), np.uint8)
    cv2.fillPoly(face, [_fixed((hull - (x[0], y[0])) / grid.spacing_px)], _WHITE, cv2.LINE_8, _SHIFT)
    away = cv2.distanceTransform(255 - face, cv2.DIST_L2, 5) * (grid.spacing_px / io_px)
    return (inside * smoothstep(1 - (away - 0.04) / 0.22)).astype(np.float32)


def _fixed(points: NDArray[Any]) -> NDArray[np.int32]:
    return np.round(points * (1 << _SHIFT)).astype(np.int32)


def polygon_mask(region: Region, points: NDArray[Any]) -> NDArray[np.uint8]:
    """Anti-aliased cover (h, w), 0..255, of a polygon (n, 2) in frame pixels."""
    mask = np.zeros((region.height, region.width), np.uint8)
    cv2.fillPoly(mask, [_fixed(points - (region.left, region.top))], _WHITE, cv2.LINE_AA, _SHIFT)
    return mask


def left_together(wanted_io: float, lent_io: float) -> float:
    """0..1 how far lips are left shut that were lent so: pulled apart by little they show a hole of lip."""
    opens = smoothstep(np.array((wanted_io - _SLIT_IO) / (_OPEN_IO - _SLIT_IO)))
    was_apart = smoothstep(np.array((lent_io - _LENT_SHUT_IO) / (_LENT_APART_IO - _LENT_SHUT_IO)))
    return float((1 - opens) * (1 - was_apart))


def lay_mouth(
    donor: Picture,
    donor_points: NDArray[Any],
    to: Floats,
    region: Region,
    io_px: float,
    *,
    inset_io: float,
    smoothing: float,
    with_interior: bool,
    together: float = 0.0,
) -> Picture:
    """The donor's mouth, its mesh points (478, 2) brought to `to`: a picture of `region`.

    `inset_io` pulls the donor's inner contour into the lips' red, so that no tooth is taken for lip. `together`
    brings the lips by that share of the way to where they meet, however far `to` has them apart: shut ones have
    nothing to show between them.
    """
    if together:
        to = to.copy()
        upper, lower = to[_INNER_UPPER], to[_INNER_LOWER]
        half = together * (lower - upper) / 2
        to[_INNER_UPPER], to[_INNER_LOWER] = upper + half, lower - half
    points = np.array(donor_points[:, :2], np.float64)
    gap = np.maximum(points[_INNER_LOWER, 1] - points[_INNER_UPPER, 1], 0) / io_px
    inset = inset_io * io_px * np.clip((gap - 0.008) / 0.03, 0, 1)
    lips = points.copy()
    lips[_INNER_UPPER, 1] -= inset
    lips[_INNER_LOWER, 1] += inset
    controls = to[_MOUTH_CONTROLS]
    grid = Grid.over(region, io_px / 26, donor.step)
    opening_io = float((to[_INNER_LOWER, 1] - to[_INNER_UPPER, 1]).max()) / io_px
    fields = tps_fields(
        controls, lips[_MOUTH_CONTROLS] - controls, grid, unit_px=io_px, smoothing=smoothing,
        n_side=_N_ONLY, with_whole=with_interior and opening_io > 0.004,
    )  # fmt: skip
    middle = (to[_INNER_UPPER] + to[_INNER_LOWER]) / 2
    seam = _band(middle[:, 1], region, donor.step[1])
    upper = warp(donor, fields[0], grid, area=Region(region.left, region.top, region.right, seam.bottom))
    lower = warp(donor, fields[1], grid, area=Region(region.left, seam.top, region.right, region.bottom))
    left, right, bottom = region.left - 5.0, region.right + 5.0, region.bottom + 5.0
    below = np.concatenate(
        [
            [[left, middle[0, 1]]], to[[61]], middle, to[[291]],
            [[right, middle[-1, 1]], [right, bottom], [left, bottom]],
        ]
    )  # fmt: skip
    out = _stacked(upper, lower, region)
    _mix(out, lower, seam, polygon_mask(seam, below))
    if len(fields) == 3:
        inner = np.concatenate([to[_INNER_UPPER], to[_INNER_LOWER[::-1]]])
        margins = (3.0, 3.0, 3.0, 3.0)
        inside = region_around(inner, margins, bounds=region, step=donor.step)
        if not inside.is_empty:
            _mix(out, warp(donor, fields[2], grid, area=inside), inside, polygon_mask(inside, inner))
    return out


def _band(y_px: NDArray[Any], region: Region, step: int) -> Region:
    """The rows of the region around these heights, on chroma samples."""
    first = max(0, (int(y_px.min()) - region.top - 3)) // step * step
    last = min(region.height, -(-(int(y_px.max()) - region.top + 4) // step) * step)
    first = min(first, max(0, (region.height - 1) // step * step))
    last = max(last, min(region.height, first + step))
    return Region(region.left, region.top + first, region.right, region.top + last)


def _stacked(upper: Picture, lower: Picture, region: Region) -> Picture:
    """Two sheets that overlap as one picture; the upper one where both are."""
    parts: list[Plane] = []
    for above, under, (_, sy) in zip(upper.parts, lower.parts, upper.steps, strict=True):
        missing = -(-region.height // sy) - len(above)
        parts.append(cast("Plane", np.concatenate([above, under[len(under) - missing :]])))
    return Picture(parts, region, upper.step, upper.bits)


def _mix(onto: Picture, laid: Picture, where: Region, cover: NDArray[np.uint8]) -> None:
    """Blend `laid` onto a part of a picture, in place, by that part's cover (h, w), 0..255."""
    alpha = cover.astype(np.float32)
    alpha *= 1 / 255
    for part, other, step in zip(onto.parts, laid.parts, onto.steps, strict=True):
        view = window(part, onto.region, where, step)
        lay_over(view, view.astype(np.float32), window(other, laid.region, where, step), alpha, onto.peak)


def patch_alpha(region: Region, to: Floats, io_px: float) -> Float32:
    """The patch's soft mask (h, w): the lips' hull, widened, with a smooth edge."""
    hull = cv2.convexHull(to[_LIPS].astype(np.float32))[:, 0]
    # distances on a small picture: the edge is soft anyway
    shrink = max(1, min(4, int(io_px / 24)))
    size = (max(8, region.width // shrink), max(8, region.height // shrink))
    small = np.zeros((size[1], size[0]), np.uint8)
    scale = np.array([size[0] / region.width, size[1] / region.height])
    cv2.fillPoly(small, [_fixed((hull - (region.left, region.top)) * scale)], _WHITE, cv2.LINE_8, _SHIFT)
    away = cv2.distanceTransform(255 - small, cv2.DIST_L2, 3) / float(scale.mean())
    reach = (DILATION_IO + FEATHER_IO) * io_px
    alpha = smoothstep((reach - away) / (2 * FEATHER_IO * io_px)).astype(np.float32)
    return np.asarray(cv2.resize(alpha, (region.width, region.height), interpolation=cv2.INTER_LINEAR), np.float32)


def blend(
    face: Picture,
    mouth: Picture,
    alpha: Float32,
    io_px: float,
    *,
    match: bool,
    cover: float = 1.0,
    black: int = 16,
    to: Floats | None = None,
) -> None:
    """Lay `mouth` onto `face`, in place, so far as `cover` (0..1) says; `black` is black's luma, 8-bit scale.

    With `match`, the mouth is first lit as the skin around it is, in light of the same colour, sharpened to its
    sharpness, and shifted in colour by a membrane: the difference on the patch's edge, spread inwards (after Farbman
    et al. 2009, by three normalised Gaussians in place of mean-value coordinates). What lies before the skin there
    (captions, a logo) takes no part, and stays; with mesh points `to` (478, 2) also what lies farther in (a
    microphone), up to the lips.
    """
    views = [window(part, face.region, mouth.region, step) for part, step in zip(face.parts, face.steps, strict=True)]
    unders = [view.astype(np.float32) for view in views]
    overs = [part.astype(np.float32) for part in mouth.parts]
    if match:
        levels = (black << (face.bits - 8), 128 << (face.bits - 8), (235 if black else 255) << (face.bits - 8))
        ring = ((alpha > _RING_FROM) & (alpha < _RING_TO)).astype(np.uint8)
        if ring.any():
            _light(overs, unders, ring, *levels)
            within = ring if to is None else _skin_of(mouth.region, alpha, to, io_px)
            seen = _around_foreign(overs, unders, ring, within, alpha, io_px, 1 << (face.bits - 8))
            if seen is not alpha:
                alpha = seen
                _light(overs, unders, ring, *levels)
        overs[0] = _match_sharpness(overs[0], unders[0], ring, io_px)  # sharpness is in the luma
        _add_membrane(overs, unders, ring, cell_px=max(1, int(io_px / 24)))
    alpha = alpha * np.float32(cover)
    for view, under, over in zip(views, unders, overs, strict=True):
        lay_over(view, under, over, alpha, face.peak)


def _light(
    overs: list[Float32], unders: list[Float32], ring: NDArray[np.uint8], black: int, grey: int, white: int
) -> None:
    """Light and colours of `overs` as strong as those of `unders` are on the ring (0 or 1), in place.

    What is only added to keeps its contrast: lips from twice as bright a moment were twice as red and dark. But a fade
    to white, a flash or a haze adds light and takes contrast away: then no more of it is left than of the colours.
    Where the light has another colour, it is the red, green and blue of all there is that are stronger or weaker.
    """
    is_light, was_light = (max(cv2.mean(part, ring)[0] - black, _DARK * grey) for part in (unders[0], overs[0]))
    gain = is_light / was_light
    is_colour = was_colour = (0.0, 0.0)
    sampled = np.asarray(cv2.resize(ring, overs[-1].shape[1::-1], interpolation=cv2.INTER_NEAREST), np.uint8)
    if len(overs) > 1 and sampled.any():
        is_colour, was_colour = (_colour(part, sampled, grey) for part in (unders[1], overs[1]))
        is_tint, was_tint = hypot(*is_colour), hypot(*was_colour)
        if gain > 1 and was_tint > _TINTED * grey:
            # a lamp of another colour takes colours too, but adds no light
            left = (white - black - is_light) / max(white - black - was_light, 1.0)
            gain = min(gain, max(left, is_tint / was_tint / _AS_COLOURFUL))
    gain = min(max(gain, _GAINS[0]), _GAINS[1])
    for part, zero in zip(overs, (black, grey), strict=False):
        part *= np.float32(gain)
        part += np.float32(zero * (1 - gain))
    away = max(abs(now - gain * was) for now, was in zip(is_colour, was_colour, strict=True)) / grey
    if away > _CAST_FROM:
        cast = _cast((is_light, *is_colour), (gain * was_light, *(gain * was for was in was_colour)), _DARK * grey)
        share = smoothstep(np.array((away - _CAST_FROM) / (_CAST_WHOLE - _CAST_FROM)))
        _cast_on(overs, np.eye(3) + share * (cast - np.eye(3)), black, grey)


def _colour(colours: Float32, ring: NDArray[np.uint8], grey: int) -> tuple[float, float]:
    """The mean of the colours (h, w, 2) on the ring (0 or 1), from grey."""
    blue, red, *_ = cv2.mean(colours, ring)
    return blue - grey, red - grey


def _cast(now: tuple[float, ...], was: tuple[float, ...], least: float) -> Floats:
    """What light of another colour does to (Y', Cb, Cr), each from its zero, as a matrix (3, 3) to multiply them with.

    It brings skin from `was` to the colour that it has `now`; how bright it is stays. Less than `least` of red, green
    or blue tells no ratio.
    """
    has, had = (np.maximum(_RGB @ colour, least) for colour in (now, was))
    gains = np.clip(has / had * (_FROM_RGB[0] @ had) / (_FROM_RGB[0] @ has), *_CAST_GAINS)
    gains *= (_FROM_RGB[0] @ had) / (_FROM_RGB[0] @ (gains * had))
    return np.asarray((_FROM_RGB * gains) @ _RGB)


def _cast_on(overs: list[Float32], cast: Floats, black: int, grey: int) -> None:
    """Multiply light (h, w) and colours (h/sy, w/sx, 2) by the matrix (3, 3), in place."""
    by = cast.astype(np.float32)
    light, colours = overs
    light -= black
    colours -= grey
    height, width = colours.shape[:2]
    sampled = np.asarray(cv2.resize(light, (width, height), interpolation=cv2.INTER_AREA))
    tint = np.asarray(cv2.resize(colours @ by[0, 1:], light.shape[::-1], interpolation=cv2.INTER_LINEAR))
    light *= by[0, 0]
    light += tint + black
    colours[...] = colours @ by[1:, 1:].T + sampled[..., None] * by[1:, 0] + grey


def _skin_of(region: Region, alpha: Float32, to: Floats, io_px: float) -> NDArray[np.uint8]:
    """1 where a patch covers skin, 0 on the lips of mesh points `to` and beyond it: (h, w)."""
    skin = np.asarray(alpha > _RING_FROM, np.uint8)
    hull = _fixed(cv2.convexHull(to[_LIPS].astype(np.float32))[:, 0] - (region.left, region.top))
    cv2.fillPoly(skin, [hull], (0.0,), cv2.LINE_8, _SHIFT)
    cv2.polylines(skin, [hull], True, (0.0,), max(1, round(2 * _LIP_RIM_IO * io_px)), cv2.LINE_8, _SHIFT)
    return skin


def _around_foreign(
    overs: list[Float32],
    unders: list[Float32],
    ring: NDArray[np.uint8],
    within: NDArray[np.uint8],
    alpha: Float32,
    io_px: float,
    level: int,
) -> Float32:
    """The mask without what `within` (0 or 1) is not this skin as on the ring; the ring (0 or 1) loses it, in place.

    `level` is a code value on the 8-bit scale. It is looked for at half the size.
    """
    near = np.ascontiguousarray(ring[::2, ::2])
    tall, wide = near.shape
    away = [unders[0][::2, ::2] - overs[0][::2, ::2]]
    if len(overs) > 1:
        tint = cv2.resize(unders[1] - overs[1], (wide, tall), interpolation=cv2.INTER_NEAREST)
        away += [np.asarray(part, np.float32) for part in cv2.split(tint)]
    limits = (_FOREIGN_LIGHT * level, _FOREIGN_TINT * level, _FOREIGN_TINT * level)
    foreign = np.zeros_like(near)
    for part, limit in zip(away, limits, strict=False):
        foreign |= np.abs(part - np.float32(cv2.mean(part, near)[0])) > limit
    inside = np.ascontiguousarray(within[::2, ::2])
    foreign &= inside
    if foreign.any():
        # noise has no size
        foreign = np.asarray(cv2.morphologyEx(foreign, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)), np.uint8)
    if within is not ring and len(away) > 1 and near.any():
        foreign |= _other_skin(away[1], away[2], near, inside, level)
    if not foreign.any():
        return alpha
    rim_px = _FOREIGN_RIM_IO * io_px / 2
    reach = 2 * max(1, round(rim_px)) + 1
    around = np.asarray(cv2.dilate(foreign, np.ones((reach, reach), np.uint8)), np.float32)
    hidden = around * (inside if within is not ring else (alpha[::2, ::2] < _RING_TO))
    height, width = ring.shape
    whole = np.asarray(cv2.resize(around, (width, height), interpolation=cv2.INTER_NEAREST))
    ring[whole > 0] = 0
    soft = cv2.GaussianBlur(np.asarray(cv2.resize(hidden, (width, height))), (0, 0), max(1.0, 0.8 * rim_px))
    return alpha * (1 - np.asarray(soft, np.float32))


def _other_skin(
    blue: Float32, red: Float32, ring: NDArray[np.uint8], inside: NDArray[np.uint8], level: int
) -> NDArray[np.uint8]:
    """1 where differences of blue and red (h, w) inside (0 or 1) are those of another's skin, or of a hand.

    A hand is as light as the skin behind it, and a part of it is nearly of its tint. Much of the ring may be hand.
    """
    by_blue, by_red = (part - np.float32(np.median(part[ring > 0])) for part in (blue, red))
    away2 = by_blue * by_blue + by_red * by_red
    mask, surely = ((away2 > (tint * level) ** 2).astype(np.uint8) & inside for tint in _OTHER_SKIN_TINTS)
    square = np.ones((2, 2), np.uint8)
    mask, surely = (np.asarray(cv2.morphologyEx(part, cv2.MORPH_OPEN, square), np.uint8) for part in (mask, surely))
    if not surely.any():
        return surely
    _, things = cv2.connectedComponents(mask)
    return (np.isin(things, np.unique(things[surely > 0])) & (mask > 0)).astype(np.uint8)


def _match_sharpness(over: Float32, under: Float32, ring: NDArray[np.uint8], io_px: float) -> Float32:
    """Sharper or softer, until the patch's fine detail is as strong on the ring (0 or 1) as that of the skin there."""
    if not ring.any():
        return over
    sigma = max(1.0, io_px / _FINE_DETAIL)
    n_taps = 2 * int(np.ceil(3 * sigma)) + 1
    soft = cv2.GaussianBlur(over, (n_taps, n_taps), sigma)
    # what is finer than that on a large face is noise
    seen = (under, over) if sigma < 1.2 else (cv2.GaussianBlur(part, (0, 0), 0.7 * sigma) for part in (under, over))
    (_, skin), (_, patch) = (cv2.meanStdDev(cv2.Laplacian(part, cv2.CV_32F), mask=ring) for part in seen)
    gain = float(np.clip(skin[0, 0] / max(float(patch[0, 0]), 1e-3) - 1, -_SOFTEN, _SHARPEN))
    if abs(gain) <= 0.03:
        return over
    return np.asarray(cv2.addWeighted(over, 1 + gain, soft, -gain, 0), np.float32)


def _add_membrane(overs: list[Float32], unders: list[Float32], ring: NDArray[np.uint8], *, cell_px: int) -> None:
    """Add to `overs` their difference to `unders` on the ring (0 or 1), spread over the whole patch."""
    height, width = ring.shape
    n_down, n_across = max(4, height // cell_px), max(4, width // cell_px)
    weights = ring.astype(np.float32)
    coarse = np.empty((n_down, 4 if len(overs) > 1 else 2, n_across), np.float32)
    """Rows, what (the weight, and differences of light and colours times it), columns."""
    coarse[:, 0] = _averages(height, n_down) @ weights @ _averages(width, n_across).T
    for under, over, first in zip(unders, overs, (1, 2), strict=False):
        difference = under - over
        difference *= weights_for(weights, over)
        tall, wide, *_ = difference.shape
        rows = _averages(tall, n_down) @ difference.reshape(tall, -1)
        small = _averages(wide, n_across) @ rows.reshape(n_down, wide, -1)
        coarse[:, first : first + small.shape[2]] = small.transpose(0, 2, 1)
    spread = _spread(coarse)
    spread = np.ascontiguousarray((spread[:, 1:] / (spread[:, :1] + 1e-6)).transpose(0, 2, 1))
    for over, values in zip(overs, (spread[..., :1], spread[..., 1:]), strict=False):
        fine = cv2.resize(values, over.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        over += np.asarray(fine, np.float32).reshape(over.shape)


def _spread(coarse: Float32) -> Float32:
    """The sum of three blurs of (rows, n, columns); beyond the edges there is nothing."""
    rows, n, columns = coarse.shape
    down, across = _blurs(rows), _blurs(columns)
    shares = np.array((1.0, 0.08, 0.004), np.float32)[:, None, None]
    tall = (down * shares).reshape(-1, rows) @ coarse.reshape(rows, -1)
    return (tall.reshape(3, -1, columns) @ across).sum(0).reshape(rows, n, columns)


@lru_cache(maxsize=256)
def _averages(n: int, n_cells: int) -> Float32:
    """(n_cells, n) means of equal cells of n values, as a matrix to multiply them with."""
    edges = np.arange(n_cells + 1) * (n / n_cells)
    at = np.arange(n)
    shares = np.minimum(edges[1:, None], at + 1) - np.maximum(edges[:-1, None], at)
    return (np.maximum(shares, 0) * (n_cells / n)).astype(np.float32)


@lru_cache(maxsize=64)
def _blurs(n: int) -> Float32:
    """(3, n, n) Gaussians of three widths, as matrices to multiply n values with."""
    away = np.arange(n)[:, None] - np.arange(n)
    sigma = np.array(_MEMBRANE_CELLS)[:, None, None]
    return (np.exp(-0.5 * (away / sigma) ** 2) / (np.sqrt(2 * np.pi) * sigma)).astype(np.float32)
