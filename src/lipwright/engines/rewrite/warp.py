"""Thin-plate-spline displacement fields on a coarse grid, and the remaps that they drive.

Fields map output pixels to input pixels (inverse warps) as displacements in luma pixels. TPS after
Bookstein (1989), U(r) = r^2 log r^2, smoothing as in Wahba (1990); measured against moving least squares
and piecewise affine warps: the same quality at a fifth of the cost (docs/decisions/0006).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.engines.rewrite.picture import Float32, Picture, Region, plane_steps

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Grid:
    """Evenly spaced points over a region, where a displacement field is known."""

    region: Region
    spacing_px: int

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns); the last ones may lie beyond the region's edge."""
        return -(-self.region.height // self.spacing_px) + 1, -(-self.region.width // self.spacing_px) + 1

    def points(self) -> Float32:
        """(rows * columns, 2) luma pixels."""
        rows, columns = self.shape
        x, y = np.meshgrid(
            self.region.left + np.arange(columns, dtype=np.float32) * self.spacing_px,
            self.region.top + np.arange(rows, dtype=np.float32) * self.spacing_px,
        )
        return np.stack([x, y], -1).reshape(-1, 2)


def _bend(squared: NDArray[np.floating]) -> NDArray[np.floating]:
    return squared * np.log(squared + 1e-6)


def tps_fields(
    controls: Floats,
    displacements: Floats,
    grid: Grid,
    *,
    unit_px: float,
    smoothing: float,
    subsets: Sequence[NDArray[np.intp]],
) -> list[Float32]:
    """One field for each subset of the controls, sharing the kernel matrices.

    `controls` (n, 2) are output positions in pixels, `displacements` (n, 2) lead from there to the input;
    `smoothing` is the ridge on the kernel with lengths in `unit_px`. Returns arrays (rows, columns, 2).
    """
    centre = controls.mean(0)
    at = (controls - centre) / unit_px
    to = ((grid.points() - centre) / unit_px).astype(np.float32)
    difference = at[:, None] - at[None]
    kernel = _bend(np.einsum("ijk,ijk->ij", difference, difference))
    at32 = at.astype(np.float32)
    squared = (to**2).sum(1)[:, None] + (at32**2).sum(1)[None] - 2 * to @ at32.T
    np.maximum(squared, 0, out=squared)
    reach = _bend(squared)
    fields: list[Float32] = []
    for subset in subsets:
        n = len(subset)
        system = np.zeros((n + 3, n + 3))
        system[:n, :n] = kernel[np.ix_(subset, subset)]
        system[np.arange(n), np.arange(n)] += smoothing
        system[:n, n] = 1
        system[:n, n + 1 :] = at[subset]
        system[n:, :n] = system[:n, n:].T
        right = np.zeros((n + 3, 2))
        right[:n] = displacements[subset]
        solved = np.linalg.solve(system, right).astype(np.float32)
        columns = reach if n == len(at) else reach[:, subset]
        field = columns @ solved[:n] + solved[n] + to @ solved[n + 1 :]
        fields.append(field.reshape(*grid.shape, 2))
    return fields


def _dense(field: Float32, grid: Grid, step: tuple[int, int], size: tuple[int, int]) -> Float32:
    """The field at every sample of a plane, in that plane's samples: (height, width, 2)."""
    sx, sy = step
    # a chroma sample sits at the middle of the luma samples that it stands for
    turn = np.array(
        [
            [sx / grid.spacing_px, 0, (sx - 1) / 2 / grid.spacing_px],
            [0, sy / grid.spacing_px, (sy - 1) / 2 / grid.spacing_px],
        ],
        np.float32,
    )
    dense = cv2.warpAffine(
        field, turn, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
    if sx != 1:
        dense[..., 0] *= 1 / sx
    if sy != 1:
        dense[..., 1] *= 1 / sy
    return np.asarray(dense, np.float32)


def warp(source: Picture, field: Float32, grid: Grid, *, rows: tuple[int, int] | None = None) -> Picture:
    """Read `source` through the field: a picture of the grid's region (or of its luma `rows`, half-open).

    Cubic; beyond the source's edge its border is repeated. `rows` must fall on chroma samples.
    """
    region = grid.region
    top, bottom = rows if rows is not None else (0, region.height)
    out = Picture([], Region(region.left, region.top + top, region.right, region.top + bottom), source.step, source.bits)
    for plane, (sx, sy) in zip(source.planes, plane_steps(source.step), strict=False):
        size = (-(-region.width // sx), -(-region.height // sy))
        dense = _dense(field, grid, (sx, sy), size)[top // sy : -(-bottom // sy)]
        first_row = top // sy
        dense[..., 0] += np.arange(size[0], dtype=np.float32) + (region.left - source.region.left) / sx
        dense[..., 1] += (np.arange(len(dense), dtype=np.float32) + first_row)[:, None] + (
            (region.top - source.region.top) / sy
        )
        out.planes.append(
            np.asarray(cv2.remap(plane, dense, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), plane.dtype)  # pyright: ignore[reportCallIssue, reportArgumentType]
        )
    return out
