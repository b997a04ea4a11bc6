"""Colours come out as a player shows them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from lipwright.core.face import Box
from lipwright.core.media import Colour, VideoFrame
from lipwright.vision.colour import from_rgb_matrix, roi_rgb, to_rgb_matrix, warp_rgb


def flat(y: int, cb: int, cr: int, colour: Colour, bits: int = 8, size: tuple[int, int] = (96, 64)) -> VideoFrame:
    width, height = size
    kind: Any = np.uint8 if bits == 8 else np.uint16
    shift = bits - 8
    luma = np.full((height, width), y << shift, kind)
    return VideoFrame(
        (
            luma,
            np.full((height // 2, width // 2), cb << shift, kind),
            np.full((height // 2, width // 2), cr << shift, kind),
        ),
        0,
        Fraction(0),
        bits,
        colour,
    )


@pytest.mark.parametrize(
    ("code", "colour", "rgb"),
    [
        ((16, 128, 128), Colour(matrix=1), (0, 0, 0)),
        ((235, 128, 128), Colour(matrix=1), (255, 255, 255)),
        ((63, 102, 240), Colour(matrix=1), (255, 0, 0)),  # BT.709 red
        ((81, 90, 240), Colour(matrix=6), (255, 0, 0)),  # BT.601 red
        ((255, 128, 128), Colour(is_full_range=True, matrix=1), (255, 255, 255)),
    ],
)
@pytest.mark.parametrize("bits", [8, 10])
def test_known_colours_are_read(code: tuple[int, int, int], colour: Colour, rgb: tuple[int, int, int], bits: int):
    picture = roi_rgb(flat(*code, colour, bits), Box(10, 10, 50, 50), 16)

    assert picture.shape == (16, 16, 3)
    assert np.abs(picture.astype(int) - rgb).max() <= 2


@pytest.mark.parametrize("matrix", [1, 2, 5, 6, 7, 9])
@pytest.mark.parametrize("is_full_range", [False, True])
def test_there_and_back_is_the_same_colour(matrix: int, is_full_range: bool):
    colour = Colour(is_full_range=is_full_range, matrix=matrix)
    there, back = to_rgb_matrix(colour, 1080), from_rgb_matrix(colour, 1080)
    code = np.array([120.0, 99, 160])

    again = back @ [*(there @ [*code, 1]), 1]

    assert np.allclose(again, code)


def test_an_unspecified_matrix_is_read_by_the_height_as_players_do():
    assert np.allclose(to_rgb_matrix(Colour(), 1080), to_rgb_matrix(Colour(matrix=1), 1080))
    assert np.allclose(to_rgb_matrix(Colour(), 480), to_rgb_matrix(Colour(matrix=6), 480))


@pytest.mark.parametrize("zoom", [0.5, 1.0, 2.0, 5.3])
def test_a_window_lands_where_it_points(zoom: float):
    frame = flat(0, 128, 128, Colour(is_full_range=True, matrix=1), size=(640, 480))
    y, x = np.mgrid[:480, :640]
    frame.planes[0][:] = np.clip(255 * np.exp(-((x - 300.25) ** 2 + (y - 200.5) ** 2) / (2 * (4 * zoom) ** 2)), 0, 255)
    to_source = np.array([[zoom, 0, 300.25 - 16 * zoom], [0, zoom, 200.5 - 12 * zoom]])

    blob = warp_rgb(frame, to_source, 32)[..., 1].astype(float)

    v, u = np.mgrid[:32, :32]
    assert (u * blob).sum() / blob.sum() == pytest.approx(16, abs=0.06)
    assert (v * blob).sum() / blob.sum() == pytest.approx(12, abs=0.06)


def test_beyond_the_edge_the_edge_repeats():
    frame = flat(90, 128, 128, Colour(matrix=1))

    picture = roi_rgb(frame, Box(-40, -40, 20, 20), 24)

    assert picture.std() == 0
