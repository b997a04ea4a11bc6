"""Thin-plate-spline displacement fields on a coarse grid, and the remaps that they drive.

Fields map output pixels to input pixels (inverse warps) as displacements in luma pixels. TPS after
Bookstein (1989), U(r) = r^2 log r^2, smoothing as in Wahba (1990); measured against moving least squares
and piecewise affine warps: the same quality at a fifth of the cost (docs/decisions/0009).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.core.media import Plane
from lipwright.engines.rewrite.picture import Float32, Picture, Region

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Nodes in the middle of square cells that tile a region, and one more cell all around.

    A picture with one pixel for each node, enlarged bilinearly by `spacing_px`, is the dense field.
    """

    region: Region
    spacing_px: int
    """A multiple of the chroma step, so that cells hold whole chroma samples."""
    across: Float32
    """(columns,) luma x of the nodes."""
    down: Float32
    """(rows,) luma y of the nodes."""

    @classmethod
    def over(cls, region: Region, spacing_px: float, step: tuple[int, int] = (2, 2)) -> Grid:
        """About so far apart, for pictures of this chroma step."""
        least = max(2, *step)
        spacing = max(least, least * round(spacing_px / least))
        columns, rows = -(-region.width // spacing) + 2, -(-region.height // spacing) + 2
        first = -(spacing + 1) / 2
        across = np.arange(columns, dtype=np.float32) * spacing + np.float32(region.left + first)
        down = np.arange(rows, dtype=np.float32) * spacing + np.float32(region.top + first)
        return cls(region, spacing, across, down)

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of nodes."""
        return len(self.down), len(self.across)

    def where(self, nodes: NDArray[np.bool_]) -> tuple[Grid, slice, slice] | None:
        """The smallest grid of whole cells around the marked nodes (rows, columns), and its slices of a field.

        None where no node is marked.
        """
        if not nodes.any():
            return None
        spacing, region = self.spacing_px, self.region
        (first_row, last_row), (first, last) = (
            (int(marked[0]), int(marked[-1])) for marked in (np.flatnonzero(nodes.any(axis=k)) for k in (1, 0))
        )
        # a marked node acts on its neighbours' cells; a grid has one cell more all around
        rows = slice(max(0, first_row - 2), min(len(self.down), last_row + 3))
        columns = slice(max(0, first - 2), min(len(self.across), last + 3))
        inner = Region(
            region.left + columns.start * spacing,
            region.top + rows.start * spacing,
            min(region.right, region.left + (columns.stop - 2) * spacing),
            min(region.bottom, region.top + (rows.stop - 2) * spacing),
        )
        return Grid(inner, spacing, self.across[columns], self.down[rows]), rows, columns


_KNOT_IO2 = 1e-5
"""Added to squared distances: a hundredth of a lip's thickness; keeps their logarithm finite."""


def _bends(points: Float32, centres: Float32, n_first: int) -> Float32:
    """(m, n + 3) r^2 log r^2 of `points` (m, 2) around `centres` (n, 2), with (1, x, y) after the `n_first` first."""
    columns = np.zeros((4, len(centres) + 3), np.float32)
    columns[1] = 1
    for part, put in ((centres[:n_first], slice(0, n_first)), (centres[n_first:], slice(n_first + 3, None))):
        columns[0, put] = (part * part).sum(1) + _KNOT_IO2
        columns[2:, put] = -2 * part.T
    rows = np.empty((len(points), 4), np.float32)
    rows[:, 0] = 1
    rows[:, 1] = (points * points).sum(1)
    rows[:, 2:] = points
    squared = rows @ columns  # distances as one product of matrices
    out = np.asarray(cv2.log(squared), np.float32)
    out *= squared
    out[:, n_first] = 1
    out[:, n_first + 1 : n_first + 3] = points
    return out


def tps_fields(
    controls: Floats,
    displacements: Floats,
    grid: Grid,
    *,
    unit_px: float,
    smoothing: float,
    n_side: int = 0,
    with_whole: bool = True,
) -> list[Float32]:
    """The field of all controls; or, of controls that end in two sides of `n_side` each, one field for each side.

    The first field is bent by all but the last side, the second by all but the side before it, and the third, unless
    it is not wanted `with_whole`, by all. All come from one system of equations. `controls` (n, 2) are output positions
    in pixels, `displacements` (n, 2) lead from there to the input; `smoothing` is the ridge on the kernel with lengths
    in `unit_px`. Returns arrays (rows, columns, 2).
    """
    n_first = len(controls) - 2 * n_side
    n_base = n_first + 3
    centre = controls.mean(0)
    at = ((controls - centre) / unit_px).astype(np.float32)
    nodes = np.empty((*grid.shape, 2), np.float32)
    nodes[..., 0] = (grid.across - centre[0]) / unit_px
    nodes[..., 1] = ((grid.down - centre[1]) / unit_px)[:, None]
    bends = _bends(np.concatenate([at, nodes.reshape(-1, 2)]), at, n_first)
    system = np.zeros((len(at) + 3, len(at) + 3))
    system[:n_first] = bends[:n_first]
    system[n_base:] = bends[n_first : len(at)]
    system[n_first:n_base] = system[:, n_first:n_base].T
    diagonal = system.ravel()[:: len(system) + 1]
    diagonal[:n_first] += smoothing
    diagonal[n_base:] += smoothing
    right = np.zeros((len(system), 2))
    right[:n_first] = displacements[:n_first]
    right[n_base:] = displacements[n_first:]
    if n_side:
        weights = _solve_sides(system, right, n_base, n_side, with_whole=with_whole)
    else:
        weights = np.linalg.solve(system, right)
    fields = bends[len(at) :] @ weights.astype(np.float32)
    fields = fields.reshape(*grid.shape, -1, 2)
    return [fields[:, :, k] for k in range(fields.shape[2])]


def _solve_sides(system: Floats, right: Floats, n_base: int, n_side: int, *, with_whole: bool) -> Floats:
    """(n, 4 or 6) weights for each field: the base is solved once, then what each side adds to it."""
    base, sides = slice(0, n_base), slice(n_base, None)
    to_right = np.concatenate([system[base, sides], right[base]], axis=1)
    solved = np.linalg.solve(system[base, base], to_right)
    by_sides, by_right = solved[:, : 2 * n_side], solved[:, 2 * n_side :]
    # what is left for the sides to explain
    left = system[sides, base] @ solved
    between = system[sides, sides] - left[:, : 2 * n_side]
    asked = right[sides] - left[:, 2 * n_side :]
    one, other = slice(0, n_side), slice(n_side, None)
    out = np.zeros((len(system), 6 if with_whole else 4))
    alone = np.linalg.solve(np.stack([between[one, one], between[other, other]]), asked.reshape(2, n_side, 2))
    out[n_base : n_base + n_side, 0:2] = alone[0]
    out[n_base + n_side :, 2:4] = alone[1]
    if with_whole:
        out[sides, 4:] = np.linalg.solve(between, asked)
    out[base] = np.tile(by_right, out.shape[1] // 2) - by_sides @ out[sides]
    return out


def warp(source: Picture, field: Float32, grid: Grid, *, area: Region | None = None) -> Picture:
    """Read `source` through the field: a picture of the grid's region (or of a part of it, `area`).

    Cubic (chroma: linear); beyond the source's edge its border is repeated. `area` must fall on chroma samples.
    """
    region, spacing = grid.region, grid.spacing_px
    area = region if area is None else area
    left, top = area.left - region.left, area.top - region.top
    # the cells of this area, and one node more on either side
    first_row, first_column = top // spacing, left // spacing
    rows = slice(first_row, -(-(top + area.height) // spacing) + 2)
    columns = slice(first_column, -(-(left + area.width) // spacing) + 2)
    sources = np.empty((rows.stop - rows.start, columns.stop - columns.start, 2), np.float32)
    np.add(field[rows, columns, 0], grid.across[columns] - source.region.left, out=sources[..., 0])
    np.add(field[rows, columns, 1], (grid.down[rows] - source.region.top)[:, None], out=sources[..., 1])
    corner = (left - (first_column - 1) * spacing, top - (first_row - 1) * spacing)
    parts: list[Plane] = []
    # the eye reads sharpness in the luma: chroma is read bilinearly, in a third of the time
    for part, step, kind in zip(source.parts, source.steps, (cv2.INTER_CUBIC, cv2.INTER_LINEAR), strict=False):
        parts.append(_remap(part, _dense(sources, spacing, step, corner, area), kind, source.peak))
    return Picture(parts, area, source.step, source.bits)


def _remap(image: Plane, sources: Float32, kind: int, peak: int) -> Plane:
    out = cast("Plane", cv2.remap(image, sources, cast("Any", None), kind, borderMode=cv2.BORDER_REPLICATE))
    if peak < np.iinfo(out.dtype).max:  # beside white, cubic overshoots into codes that an encoder shows as black
        np.minimum(out, peak, out=out)
    return out


def _dense(sources: Float32, spacing_px: int, step: tuple[int, int], corner: tuple[int, int], area: Region) -> Float32:
    """Where each sample of a plane is read, (height, width, 2), of nodes (rows, columns, 2) in luma pixels.

    `corner` is the area's place, luma pixels, in what the nodes span.
    """
    sx, sy = step
    if step != (1, 1):
        # a chroma sample sits in the middle of the luma samples that it stands for
        sources = (sources - np.array(((sx - 1) / 2, (sy - 1) / 2), np.float32)) / np.array((sx, sy), np.float32)
    size = (sources.shape[1] * spacing_px // sx, sources.shape[0] * spacing_px // sy)
    dense = np.asarray(cv2.resize(sources, size, interpolation=cv2.INTER_LINEAR), np.float32)
    left, top = corner[0] // sx, corner[1] // sy
    return dense[top : top - (-area.height // sy), left : left - (-area.width // sx)]
