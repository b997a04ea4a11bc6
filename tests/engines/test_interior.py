"""The inside of mouths that footage does not show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.engines.rewrite.engine import RewriteAvatar
from lipwright.engines.rewrite.interior import Teeth, _upper_teeth
from lipwright.engines.rewrite.picture import Picture, Region
from lipwright.vision import mesh

LUMA = np.array((0.299, 0.587, 0.114))


@pytest.fixture(scope="module")
def teeth(avatar: RewriteAvatar) -> Teeth:
    """Of the bundled portrait, who smiles."""
    harvested = avatar._interior().teeth
    assert harvested is not None
    return harvested


def at(teeth: Teeth, v: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Brightness and cover along a line down the face."""
    rgb, cover = teeth.at(np.zeros_like(v)[None], v[None])
    return rgb[0] @ LUMA, cover[0]


def test_teeth_go_on_under_the_upper_lip_that_lay_on_them(teeth: Teeth) -> None:
    """A lip that rises shows more of them, not a dark hole above them."""
    light, cover = at(teeth, np.linspace(teeth.edge_io - 0.12, teeth.edge_io - 0.01, 60, dtype=np.float32))

    assert cover.min() > 0.95
    assert light.min() > 0.7 * (LUMA @ teeth.colour)


def test_they_end_where_they_were_seen_to_end(teeth: Teeth) -> None:
    _, below = at(teeth, np.linspace(teeth.edge_io + 0.045, teeth.edge_io + 0.1, 30, dtype=np.float32))

    assert below.max() < 0.05


def test_a_tongue_and_lower_teeth_are_no_upper_teeth() -> None:
    resolution = 200.0
    rgb = np.full((80, 120, 3), 40.0)
    inside = np.zeros((80, 120), bool)
    inside[10:70, 10:110] = True
    rgb[12:28, 20:100] = (215, 210, 200)  # upper teeth, of which the lower end is deep
    rgb[28:50, 30:90] = (225, 165, 170)  # a tongue right below them
    rgb[56:66, 30:90] = (210, 205, 195)  # lower teeth
    rgb[30:33, 104:107] = (250, 250, 250)  # a glint
    light = np.asarray(rgb @ LUMA, np.float64)
    seen = inside & (light > 100)

    upper = _upper_teeth(seen, inside, rgb, light, resolution)

    assert upper[12:28, 20:100].all()
    assert not upper[28:].any()


@pytest.mark.parametrize("light", [0.4, 1.0])
def test_what_is_drawn_is_as_dark_as_the_skin_around_it(avatar: RewriteAvatar, light: float) -> None:
    face = avatar.face
    points = face.landmarks.row(0)[:, :2].astype(np.float64)
    region = Region(0, 0, 480, 480)
    skin = avatar._sitter.skin[0]
    luma = np.full((480, 480), 16 + light * (skin - 16)).astype(np.uint8)
    picture = Picture([luma, np.full((240, 240, 2), 128, np.uint8)], region, (2, 2), 8)

    assert avatar._interior()._light(picture, points) == pytest.approx(light, abs=0.03)


def test_nothing_is_drawn_darker_than_the_blacks_of_the_footage(avatar: RewriteAvatar) -> None:
    face, inside = avatar.face, avatar._interior()
    points = np.array(face.landmarks.row(0)[:, :2], np.float64)
    points[:, 1] += np.where(np.isin(np.arange(478), mesh.INNER_LOWER), 0.15 * face.posed.of(0).scale, 0)
    shown: list[float] = []
    for darkest in (0.0, 60.0):
        luma = np.full((512, 512), 140, np.uint8)
        picture = Picture([luma, np.full((256, 256, 2), 128, np.uint8)], Region(0, 0, 512, 512), (2, 2), 8)
        drawn = replace(inside, darkest=darkest)
        drawn.paint(picture, points, face.closed, face.posed.of(0), was_open_io=0.0, index=0)
        shown.append(float(luma.min()))

    assert shown[0] < 50
    assert shown[1] >= 60
