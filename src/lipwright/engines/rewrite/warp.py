"""Thin-plate-spline displacement fields on a coarse grid, and the remaps that they drive.

Fields map output pixels to input pixels (inverse warps) as displacements in luma pixels. TPS after
Bookstein (1989), U(r) = r^2 log r^2, smoothing as in Wahba (1990); measured against moving least squares
and piecewise affine warps: the same quality at a fifth of the cost (docs/decisions/0009).
"""

from __future__ import annotations

from collections.abc import Sequence
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
    """Even, so that cells hold whole chroma samples."""
    across: Float32
    """(columns,) luma x of the nodes."""
    down: Float32
    """(rows,) luma y of the nodes."""

    @classmethod
    def over(cls, region: Region, spacing_px: float) -> Grid:
        spacing = max(2, 2 * round(spacing_px / 2))
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


def _bend(squared: Float32) -> Float32:
    """r^2 log r^2 of squared distances."""
    bent = np.asarray(cv2.log(squared + np.float32(1e-6)), np.float32)
    bent *= squared
    return bent


def tps_fields(
    controls: Floats,
    displacements: Floats,
    grid: Grid,
    *,
    unit_px: float,
    smoothing: float,
    subsets: Sequence[NDArray[np.intp]],
) -> list[Float32]:
    """One field for each subset of the controls; all of them come from one system of equations.

    `controls` (n, 2) are output positions in pixels, `displacements` (n, 2) lead from there to the input;
    `smoothing` is the ridge on the kernel with lengths in `unit_px`. Returns arrays (rows, columns, 2).
    """
    n = len(controls)
    centre = controls.mean(0)
    at = (controls - centre) / unit_px
    squared_between = (at[:, None, 0] - at[None, :, 0]) ** 2 + (at[:, None, 1] - at[None, :, 1]) ** 2
    system = np.zeros((n + 3, n + 3))
    system[:n, :n] = _bend(squared_between.astype(np.float32))
    system.flat[: n * (n + 3) : n + 4] += smoothing
    system[:n, n] = system[n, :n] = 1
    system[:n, n + 1 :] = at
    system[n + 1 :, :n] = at.T
    left_out = [np.setdiff1d(np.arange(n), subset) for subset in subsets]
    absent = np.unique(np.concatenate(left_out))
    right = np.zeros((n + 3, 2 + len(absent)))
    right[:n, :2] = displacements
    right[absent, np.arange(2, 2 + len(absent))] = 1
    solved = np.linalg.solve(system, right)
    usual, unit = solved[:, :2], solved[:, 2:]
    flat = np.empty((n + 3, 2 * len(subsets)), np.float32)
    for number, missing in enumerate(left_out):
        if len(missing):
            # whatever is asked of the missing points, so that they get no weight: they might as well not be there
            columns = unit[:, np.searchsorted(absent, missing)]
            flat[:, 2 * number : 2 * number + 2] = usual - columns @ np.linalg.solve(columns[missing], usual[missing])
        else:
            flat[:, 2 * number : 2 * number + 2] = usual
    # squared distances to the nodes of a grid fall apart into columns and rows
    x = ((grid.across - centre[0]) / unit_px).astype(np.float32)
    y = ((grid.down - centre[1]) / unit_px).astype(np.float32)
    at32 = at.astype(np.float32)
    squared = ((y[:, None] - at32[:, 1]) ** 2)[:, None] + ((x[:, None] - at32[:, 0]) ** 2)[None]
    fields = (_bend(squared.reshape(-1, n)) @ flat[:n]).reshape(*grid.shape, -1)
    fields += flat[n] + x[None, :, None] * flat[n + 1] + y[:, None, None] * flat[n + 2]
    # contiguous copies: OpenCV warps them
    return [np.ascontiguousarray(fields[..., 2 * k : 2 * k + 2]) for k in range(len(subsets))]


def warp(source: Picture, field: Float32, grid: Grid, *, rows: tuple[int, int] | None = None) -> Picture:
    """Read `source` through the field: a picture of the grid's region (or of its luma `rows`, half-open).

    Cubic (chroma: linear); beyond the source's edge its border is repeated. `rows` must fall on chroma samples.
    """
    region = grid.region
    top, bottom = rows if rows is not None else (0, region.height)
    where = Region(region.left, region.top + top, region.right, region.top + bottom)
    # the eye reads sharpness in the luma: chroma is read bilinearly, in a third of the time
    parts = [
        _remap(part, _sources(source, field, grid, step, (top, bottom)), kind)
        for part, step, kind in zip(source.parts, source.steps, (cv2.INTER_CUBIC, cv2.INTER_LINEAR), strict=False)
    ]
    return Picture(parts, where, source.step, source.bits)


def _remap(image: Plane, sources: Float32, kind: int) -> Plane:
    return cast("Plane", cv2.remap(image, sources, cast("Any", None), kind, borderMode=cv2.BORDER_REPLICATE))


def _sources(source: Picture, field: Float32, grid: Grid, step: tuple[int, int], rows: tuple[int, int]) -> Float32:
    """Where each sample of a plane of the grid's region is read from the source's plane: (height, width, 2)."""
    sx, sy = step
    region, spacing = grid.region, grid.spacing_px
    first, last = rows[0] // spacing, -(-rows[1] // spacing) + 2
    coarse = field[first:last].copy()
    coarse[..., 0] += grid.across - source.region.left
    coarse[..., 1] += (grid.down[first:last] - source.region.top)[:, None]
    if step != (1, 1):
        # a chroma sample sits in the middle of the luma samples that it stands for
        coarse -= ((sx - 1) / 2, (sy - 1) / 2)
        coarse /= (sx, sy)
    cell = (spacing // sx, spacing // sy)
    dense = cv2.resize(coarse, (coarse.shape[1] * cell[0], coarse.shape[0] * cell[1]), interpolation=cv2.INTER_LINEAR)
    top = rows[0] // sy - (first - 1) * cell[1]
    height = -(-rows[1] // sy) - rows[0] // sy
    return np.asarray(dense[top : top + height, cell[0] : cell[0] + -(-region.width // sx)], np.float32)
