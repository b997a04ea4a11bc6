"""The two warps of a frame: the lower face follows the jaw, and the mouth is laid in from a donor.

The mouth is warped as two sheets, one for each lip, which meet at the lip line: so a closed mouth can open
and an open one close without smearing. What lies between the inner lips is a third sheet.
"""

from __future__ import annotations

from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.core.media import Plane
from lipwright.engines.rewrite.picture import (
    Float32,
    Picture,
    Region,
    region_around,
    smoothstep,
    to_codes,
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
_MOUTH_CONTROLS = np.array(
    sorted(
        {
            *_SHEET_LIPS, 2, 97, 326, 98, 327, 164, 167, 393, 165, 391, 92, 322, 206, 426, 216, 436, 212, 432, 202, 422,
            204, 424, 194, 418, 201, 421, 200, 199, 18, 83, 313, 106, 335, 182, 406, 43, 273, 57, 287, 186, 410, 208,
            428, 211, 431, 203, 423, 207, 427,
        }
    )
)  # fmt: skip
_ONLY_UPPER = set(mesh.UPPER_LIP) - set(mesh.CORNERS)
_ONLY_LOWER = set(mesh.LOWER_LIP) - set(mesh.CORNERS)
_ALL_ROWS = np.arange(len(_MOUTH_CONTROLS))
_UPPER_SHEET = np.array([row for row, k in enumerate(_MOUTH_CONTROLS) if k not in _ONLY_LOWER])
_LOWER_SHEET = np.array([row for row, k in enumerate(_MOUTH_CONTROLS) if k not in _ONLY_UPPER])

_JAW = np.array(mesh.JAW)
_LIPS = np.array(mesh.LIPS)
_INNER_UPPER = np.array(mesh.INNER_UPPER)
_INNER_LOWER = np.array(mesh.INNER_LOWER)
_WHITE = (255.0,)
_UNSEEN_PX = 0.02
_SHIFT = 4  # fractional bits of cv2 polygons

DILATION_IO = 0.13
"""How far the patch reaches beyond the lips."""
FEATHER_IO = 0.05
"""Half the width of its soft edge."""


def face_region(points: Floats, io_px: float, *, frame_size: tuple[int, int], step: tuple[int, int]) -> Region:
    """The part of the frame that may change, for mesh points (478, 2) in pixels."""
    margins = (0.12 * io_px, 0.05 * io_px, 0.12 * io_px, 0.34 * io_px)
    moving = points[np.array([*mesh.JAW, *mesh.LIPS, *_RIM])]
    return region_around(moving, margins, frame_size=frame_size, step=step)


def mouth_region(
    points: NDArray[Any], io_px: float, margin_io: float, *, frame_size: tuple[int, int], step: tuple[int, int]
) -> Region:
    """The lips of mesh points (478, 2) with a margin all around."""
    margin = margin_io * io_px
    return region_around(points[_LIPS, :2], (margin, margin, margin, margin), frame_size=frame_size, step=step)


def follow_jaw(face: Picture, points: NDArray[Any], to: Floats, io_px: float, *, smoothing: float) -> Picture:
    """Warp the lower face of `face` so that its mesh `points` (478, 2) come to lie on `to`.

    The field is zero at the region's border and beyond the jaw: collars, necks and hair stay.
    """
    region = face.region
    jaw = points[_JAW]
    centre = (points[1] + points[152]) / 2
    outward = jaw - centre
    # a still ring outside the jaw, wider under the chin than at the ears
    ear = np.abs(np.linspace(-1, 1, len(_JAW)))[:, None]
    ring = (jaw + outward / np.linalg.norm(outward, axis=1, keepdims=True) * io_px * (0.24 * (1 - ear) + 0.07 * ear))[
        ::2
    ]
    controls = np.vstack([to[_FACE_CONTROLS], ring])
    displacements = np.vstack([points[_FACE_CONTROLS] - to[_FACE_CONTROLS], np.zeros_like(ring)])
    grid = Grid.over(region, io_px / 13)
    (field,) = tps_fields(
        controls, displacements, grid, unit_px=io_px, smoothing=smoothing, subsets=[np.arange(len(controls))]
    )
    field *= _stillness(grid, points, to, io_px)[..., None]
    out = Picture([part.copy() for part in face.parts], region, face.step, face.bits)
    moving = grid.where(np.abs(field).max(axis=-1) > _UNSEEN_PX)
    if moving is not None:
        part_grid, rows, columns = moving
        bent = warp(face, np.ascontiguousarray(field[rows, columns]), part_grid)
        for part, new, step in zip(out.parts, bent.parts, face.steps, strict=True):
            window(part, region, part_grid.region, step)[...] = new
    return out


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
) -> Picture:
    """The donor's mouth, its mesh points (478, 2) brought to `to`: a picture of `region`.

    `inset_io` pulls the donor's inner contour into the lips' red, so that no tooth is taken for lip.
    """
    points = np.array(donor_points[:, :2], np.float64)
    gap = np.maximum(points[_INNER_LOWER, 1] - points[_INNER_UPPER, 1], 0) / io_px
    inset = inset_io * io_px * np.clip((gap - 0.008) / 0.03, 0, 1)
    lips = points.copy()
    lips[_INNER_UPPER, 1] -= inset
    lips[_INNER_LOWER, 1] += inset
    controls = to[_MOUTH_CONTROLS]
    grid = Grid.over(region, io_px / 26)
    opening_io = float((to[_INNER_LOWER, 1] - to[_INNER_UPPER, 1]).max()) / io_px
    subsets = [_UPPER_SHEET, _LOWER_SHEET]
    if with_interior and opening_io > 0.004:
        subsets.append(_ALL_ROWS)
    fields = tps_fields(
        controls, lips[_MOUTH_CONTROLS] - controls, grid, unit_px=io_px, smoothing=smoothing, subsets=subsets
    )
    middle = (to[_INNER_UPPER] + to[_INNER_LOWER]) / 2
    first, last = _rows(middle[:, 1], region, donor.step[1])
    upper = warp(donor, fields[0], grid, rows=(0, last))
    lower = warp(donor, fields[1], grid, rows=(first, region.height))
    below = polygon_mask(
        region,
        np.vstack(
            [
                [[region.left - 5.0, middle[0, 1]]], to[[61]], middle, to[[291]],
                [[region.right + 5.0, middle[-1, 1]], [region.right + 5.0, region.bottom + 5.0]],
                [[region.left - 5.0, region.bottom + 5.0]],
            ]
        ),
    )  # fmt: skip
    out = _join(upper, lower, below, region, first)
    if len(fields) == 3:
        first, last = _rows(to[np.concatenate([_INNER_UPPER, _INNER_LOWER]), 1], region, donor.step[1])
        if last > first:
            between = polygon_mask(region, np.vstack([to[_INNER_UPPER], to[_INNER_LOWER[::-1]]]))
            _mix_rows(out, warp(donor, fields[2], grid, rows=(first, last)), between, first)
    return out


def _rows(y_px: NDArray[Any], region: Region, step: int) -> tuple[int, int]:
    """The luma rows of the region around these heights, on chroma samples."""
    first = max(0, (int(y_px.min()) - region.top - 3)) // step * step
    last = min(region.height, -(-(int(y_px.max()) - region.top + 4) // step) * step)
    first = min(first, max(0, (region.height - 1) // step * step))
    return first, max(last, min(region.height, first + step))


def _join(upper: Picture, lower: Picture, below: NDArray[np.uint8], region: Region, first: int) -> Picture:
    """Stack two sheets that overlap from row `first`: the lower one where `below` says so."""
    parts: list[Plane] = []
    for above, under, (_, sy) in zip(upper.parts, lower.parts, upper.steps, strict=True):
        height = -(-region.height // sy)
        parts.append(cast("Plane", np.concatenate([above, under[len(above) - first // sy :][: height - len(above)]])))
    out = Picture(parts, region, upper.step, upper.bits)
    _mix_rows(out, lower, below, first, last=upper.region.height)
    return out


def _mix_rows(onto: Picture, laid: Picture, cover: NDArray[np.uint8], first: int, *, last: int | None = None) -> None:
    """Blend `laid`, which starts at luma row `first` of `onto`, in place, up to luma row `last`, by cover 0..255."""
    alpha = cover.astype(np.float32) / 255
    for part, other, (_, sy) in zip(onto.parts, laid.parts, onto.steps, strict=True):
        start = first // sy
        stop = start + len(other) if last is None else min(start + len(other), -(-last // sy))
        under = part[start:stop].astype(np.float32)
        under += (other[: stop - start] - under) * weights_for(alpha, part)[start:stop]
        part[start:stop] = to_codes(under, part, onto.peak)


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


def blend(face: Picture, mouth: Picture, alpha: Float32, io_px: float, *, match: bool) -> None:
    """Lay `mouth` onto `face`, in place.

    With `match`, the mouth is first sharpened to the sharpness of the skin around it and shifted in colour by
    a membrane: the difference on the patch's edge, spread inwards (after Farbman et al. 2009, by three
    normalised Gaussians in place of mean-value coordinates).
    """
    ring = ((alpha > 0.02) & (alpha < 0.98)).astype(np.float32)
    for part, patch, step in zip(face.parts, mouth.parts, face.steps, strict=True):
        view = window(part, face.region, mouth.region, step)
        under = view.astype(np.float32)
        over = patch.astype(np.float32)
        if match:
            if over.ndim == 2:  # sharpness is in the luma
                over = _match_sharpness(over, under, ring > 0)
            over += _membrane(under - over, weights_for(ring, over), cell_px=max(1, int(io_px / 24 / step[0])))
        over -= under
        over *= weights_for(alpha, over)
        under += over
        view[...] = to_codes(under, part, face.peak)


def _match_sharpness(over: Float32, under: Float32, ring: NDArray[np.bool_]) -> Float32:
    if not ring.any():
        return over
    skin = cv2.Laplacian(under, cv2.CV_32F)[ring].std()
    patch = cv2.Laplacian(over, cv2.CV_32F)[ring].std()
    gain = float(np.clip(skin / max(float(patch), 1e-3) - 1, 0, 0.8))
    if gain <= 0.03:
        return over
    return np.asarray(cv2.addWeighted(over, 1 + gain, cv2.GaussianBlur(over, (0, 0), 1.0), -gain, 0), np.float32)


def _membrane(difference: Float32, ring: Float32, *, cell_px: int) -> Float32:
    """The difference on the ring, spread over the whole patch, of the shape of `difference`."""
    height, width = difference.shape[:2]
    size = (max(4, width // cell_px), max(4, height // cell_px))
    # value and weight in one array: every blur is done once
    stacked = np.dstack([difference * ring, ring.reshape(height, width)])
    small = cv2.resize(stacked, size, interpolation=cv2.INTER_AREA)
    spread = 1.0 * cv2.GaussianBlur(small, (0, 0), 2, borderType=cv2.BORDER_CONSTANT)
    for sigma, share in ((5, 0.08), (12, 0.004)):
        spread += share * cv2.GaussianBlur(small, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    value = spread[..., :-1] / (spread[..., -1:] + 1e-6)
    out = np.asarray(cv2.resize(value, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    return out.reshape(difference.shape)
