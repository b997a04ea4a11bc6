"""Pixels that need not move do not change; those that move land where they should."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lipwright.core.media import VideoFrame
from lipwright.engines.rewrite.picture import Float32, Picture, Region, window
from lipwright.engines.rewrite.warp import Grid, tps_fields, warp

FORMATS = [((2, 2), 8), ((2, 1), 8), ((1, 1), 8), ((2, 2), 10), ((1, 1), 12), ((4, 1), 8), ((4, 4), 8)]
REGION = Region(20, 16, 121, 93)


@pytest.mark.parametrize(("step", "bits"), FORMATS)
def test_a_field_of_zero_gives_back_the_very_same_pixels(
    noise_frame: Callable[..., VideoFrame], step: tuple[int, int], bits: int
) -> None:
    source = Picture.cut(noise_frame(step=step, bits=bits), REGION)
    grid = Grid.over(REGION, 6.0, step)

    same = warp(source, np.zeros((*grid.shape, 2), np.float32), grid)

    for before, after in zip(source.parts, same.parts, strict=True):
        assert after.dtype == before.dtype
        np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize(("step", "bits"), FORMATS)
def test_a_constant_field_moves_every_plane_by_the_same_distance(
    noise_frame: Callable[..., VideoFrame], step: tuple[int, int], bits: int
) -> None:
    source = Picture.cut(noise_frame(step=step, bits=bits), REGION)
    grid = Grid.over(REGION, 6.0, step)
    field = np.zeros((*grid.shape, 2), np.float32)
    down = max(2, step[1])
    field[..., 0], field[..., 1] = 4, down

    moved = warp(source, field, grid)

    for plane, (before, after) in enumerate(zip(source.parts, moved.parts, strict=True)):
        sx, sy = (1, 1) if plane == 0 else step
        inner = after[4 : -4 - down // sy, 4 : -4 - 4 // sx]
        np.testing.assert_array_equal(inner, before[4 + down // sy : -4, 4 + 4 // sx : -4])


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_edges_of_clipped_highlights_stay_within_the_codes_of_the_picture(
    noise_frame: Callable[..., VideoFrame], bits: int
) -> None:
    frame = noise_frame(bits=bits)
    peak = (1 << bits) - 1
    frame.planes[0][...] = np.where(frame.planes[0] > peak // 2, peak, peak // 3)
    source = Picture.cut(frame, REGION)
    grid = Grid.over(REGION, 6.0)

    luma = warp(source, np.full((*grid.shape, 2), 0.5, np.float32), grid).parts[0]

    assert luma.max() == peak


@pytest.mark.parametrize("area", [Region(20, 40, 121, 58), Region(38, 18, 90, 93), Region(56, 66, 62, 68)])
def test_an_area_of_a_warp_is_what_the_whole_warp_has_there(
    noise_frame: Callable[..., VideoFrame], area: Region
) -> None:
    source = Picture.cut(noise_frame(), REGION)
    grid = Grid.over(REGION, 6.0)
    field = np.random.default_rng(1).normal(0, 3, (*grid.shape, 2)).astype(np.float32)

    whole, part = warp(source, field, grid), warp(source, field, grid, area=area)

    for got, all_of_it, step in zip(part.parts, whole.parts, source.steps, strict=True):
        np.testing.assert_array_equal(got, window(all_of_it, REGION, area, step))


def test_the_spline_passes_through_its_controls() -> None:
    rng = np.random.default_rng(2)
    region = Region(0, 0, 200, 160)
    grid = Grid.over(region, 2)
    nodes = np.stack(np.meshgrid(grid.across, grid.down), axis=-1)
    places = [(20, 30), (50, 70), (30, 90), (70, 20), (60, 60), (10, 80)]
    controls = np.array([nodes[row, column] for row, column in places], np.float64)
    wanted = rng.normal(0, 5, controls.shape)

    (field,) = tps_fields(controls, wanted, grid, unit_px=100, smoothing=1e-9)

    got = np.array([field[row, column] for row, column in places])
    np.testing.assert_allclose(got, wanted, atol=0.02)


def test_fields_of_two_sides_are_those_that_each_side_has_without_the_other() -> None:
    rng = np.random.default_rng(4)
    grid = Grid.over(Region(0, 0, 200, 160), 8)
    controls = rng.uniform(10, 150, (30, 2))
    moves = rng.normal(0, 5, controls.shape)

    def alone(which: list[int]) -> Float32:
        return tps_fields(controls[which], moves[which], grid, unit_px=100, smoothing=3e-4)[0]

    one, other, whole = tps_fields(controls, moves, grid, unit_px=100, smoothing=3e-4, n_side=7)

    np.testing.assert_allclose(one, alone([*range(23)]), atol=0.01)
    np.testing.assert_allclose(other, alone([*range(16), *range(23, 30)]), atol=0.01)
    np.testing.assert_allclose(whole, alone([*range(30)]), atol=0.01)


def test_a_cut_that_is_pasted_back_changes_nothing(noise_frame: Callable[..., VideoFrame]) -> None:
    frame = noise_frame()
    before = [plane.copy() for plane in frame.planes]

    Picture.cut(frame, Region(20, 18, 120, 92)).paste(frame)

    for plane, old in zip(frame.planes, before, strict=True):
        np.testing.assert_array_equal(plane, old)


@pytest.mark.parametrize(
    "marked", [(slice(4, 6), slice(5, 9)), (slice(0, 2), slice(0, 3)), (slice(-2, None), slice(-1, None))]
)
def test_a_part_of_a_grid_warps_as_the_whole(
    noise_frame: Callable[..., VideoFrame], marked: tuple[slice, slice]
) -> None:
    source = Picture.cut(noise_frame(), REGION)
    grid = Grid.over(REGION, 6.0)
    field = np.zeros((*grid.shape, 2), np.float32)
    field[marked] = 2.3

    whole = warp(source, field, grid)
    found = grid.where(field.any(axis=-1))

    assert found is not None
    part_grid, rows, columns = found
    part = warp(source, np.ascontiguousarray(field[rows, columns]), part_grid)
    for got, all_of_it, unmoved, step in zip(part.parts, whole.parts, source.parts, source.steps, strict=True):
        here = window(all_of_it, REGION, part_grid.region, step)
        np.testing.assert_array_equal(got, here)
        here[...] = window(unmoved, REGION, part_grid.region, step)
        np.testing.assert_array_equal(all_of_it, unmoved)  # nothing moved outside the part
