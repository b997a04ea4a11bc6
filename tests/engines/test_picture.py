"""Where a frame shows something: bars of one colour that are part of its picture are no place to work in."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.core.media import Colour, Plane, VideoFrame
from lipwright.engines.rewrite.picture import Region, shown_area

HEIGHT, WIDTH = 180, 320


def scene(seed: int = 0) -> NDArray[Any]:
    """(h, w) luma of something that is lit."""
    return np.random.default_rng(seed).integers(60, 200, (HEIGHT, WIDTH))


def frame(luma: NDArray[Any], bits: int = 8) -> VideoFrame:
    chroma = np.full(((luma.shape[0] + 1) // 2, (luma.shape[1] + 1) // 2), 128)
    parts = [part << (bits - 8) for part in (luma, chroma, chroma)]
    planes: list[Plane] = [part.astype(np.uint8) if bits == 8 else part.astype(np.uint16) for part in parts]
    return VideoFrame(tuple(planes), 0, Fraction(0), bits, Colour())


def smeared(luma: NDArray[Any]) -> NDArray[Any]:
    """With what a codec leaves of a flat colour."""
    return luma + np.random.default_rng(1).integers(-3, 4, luma.shape)


@pytest.mark.parametrize("level", [16, 128, 235])
@pytest.mark.parametrize("bits", [8, 10])
def test_bars_of_any_colour_are_not_shown_area(level: int, bits: int) -> None:
    luma = scene()
    luma[:22] = luma[-31:] = level
    luma = np.clip(np.where(luma == level, smeared(np.full_like(luma, level)), luma), 1, 254)

    # edges fall on chroma samples, inside
    assert shown_area(frame(luma, bits)) == Region(0, 22, WIDTH, HEIGHT - 32)


def test_bars_at_the_sides_too() -> None:
    luma = scene()
    luma[:, :41] = luma[:, -40:] = 16

    assert shown_area(frame(luma)) == Region(42, 0, WIDTH - 40, HEIGHT)


def test_what_is_no_bar_is_shown() -> None:
    whole = Region(0, 0, WIDTH, HEIGHT)
    black = np.full((HEIGHT, WIDTH), 16)
    head_on_black = black.copy()
    across, down = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    head_on_black[(across - 160) ** 2 + (down - 90) ** 2 < 70**2] = 150
    falling_dark = scene() * 0 + np.linspace(16, 200, HEIGHT).astype(int)[:, None]

    for luma in (scene(), black, head_on_black, falling_dark):
        assert shown_area(frame(luma)) == whole


def test_pictures_of_a_few_pixels_have_no_bars() -> None:
    for size in ((1, 1), (2, 2), (3, 8), (8, 3)):
        assert shown_area(frame(np.full(size, 16))) == Region(0, 0, size[1], size[0])
