"""The inside of mouths that footage does not show."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.core.timeline import FramePlan, MouthTrack
from lipwright.engines.rewrite import RewriteEngine
from lipwright.engines.rewrite.engine import RewriteAvatar
from lipwright.engines.rewrite.interior import Palette, Teeth, _upper_teeth, harvest_teeth
from lipwright.engines.rewrite.picture import Picture, Region
from lipwright.engines.rewrite.study import edge_blur_px
from lipwright.media import MediaFootage
from lipwright.portrait.footage import BT709
from lipwright.vision import mesh
from lipwright.vision.colour import to_rgb_matrix

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


def test_a_few_teeth_out_of_the_light_are_no_row_of_teeth(avatar: RewriteAvatar, teeth: Teeth) -> None:
    """One half of the mouth lies in shadow: a lonely block of teeth beside nothing is worse than a drawn row."""
    face, to_rgb = avatar.face, to_rgb_matrix(BT709, 480)
    views: list[tuple[Picture, NDArray[Any], Any]] = []
    for row in avatar._open_rows():
        points, whole = face.landmarks.row(row), avatar._mouths[row]
        shaded = replace(whole, parts=[part.copy() for part in whole.parts])
        shaded.parts[0][:, round(points[13, 0]) - whole.region.left :] = 40
        views.append((shaded, points, face.posed.of(row)))

    assert harvest_teeth(views, face.closed, teeth.colour, to_rgb) is None


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


def mouth(avatar: RewriteAvatar) -> Picture:
    return avatar._mouths[min(avatar._mouths)]


@pytest.mark.parametrize("blur_px", [1.5, 2.5, 4.0])
@pytest.mark.parametrize("bits", [8, 10])
def test_how_soft_footage_is_can_be_told_from_its_edges(avatar: RewriteAvatar, blur_px: float, bits: int) -> None:
    sharp = mouth(avatar)
    io_px = avatar.face.posed.of(min(avatar._mouths)).scale
    luma = cv2.GaussianBlur(sharp.parts[0].astype(np.float32), (0, 0), blur_px) * 2 ** (bits - 8)
    soft = Picture([luma.astype(np.uint8 if bits == 8 else np.uint16), sharp.parts[1]], sharp.region, sharp.step, bits)

    own_px = edge_blur_px(sharp, io_px)

    assert own_px < 1.1
    assert 0.65 < edge_blur_px(soft, io_px) / np.hypot(own_px, blur_px) < 1.1


def test_a_picture_without_edges_is_not_called_soft() -> None:
    sides = Region(0, 0, 60, 60)
    flat = Picture([np.full((60, 60), 120, np.uint8), np.full((30, 30, 2), 128, np.uint8)], sides, (2, 2), 8)

    assert edge_blur_px(flat, 80.0) == 0.0


def drawn_with(avatar: RewriteAvatar, blur_px: float, *, gap_io: float = 0.15) -> NDArray[np.float64]:
    """Luma of a mouth that is drawn open into a face of one grey."""
    face = avatar.face
    points = np.array(face.landmarks.row(0)[:, :2], np.float64)
    points[:, 1] += np.where(np.isin(np.arange(478), mesh.INNER_LOWER), gap_io * face.posed.of(0).scale, 0)
    luma = np.full((512, 512), 140, np.uint8)
    picture = Picture([luma, np.full((256, 256, 2), 128, np.uint8)], Region(0, 0, 512, 512), (2, 2), 8)
    drawn = replace(avatar._interior(), blur_px=blur_px, teeth=None)
    drawn.paint(picture, points, face.closed, face.posed.of(0), was_open_io=0.0, index=0)
    return luma.astype(np.float64)


def test_a_drawn_mouth_is_no_black_hole_but_shows_a_tongue(avatar: RewriteAvatar) -> None:
    """People who talk have 0.34 to 0.66 of the light of skin in the dark below their teeth, and more by the lip."""
    io_px, x_px, lip_px = avatar.face.posed.of(0).scale, *avatar.face.landmarks.row(0)[14, :2].tolist()
    beside = slice(int(x_px - 0.03 * io_px), int(x_px + 0.03 * io_px))
    column = (drawn_with(avatar, 0.0, gap_io=0.2)[:, beside].mean(1) - 16) / (140 - 16)
    bottom_px = lip_px + 0.2 * io_px
    by_the_lip = column[int(bottom_px - 0.06 * io_px) : int(bottom_px - 0.03 * io_px)]
    inside = column[int(lip_px) : int(bottom_px)]

    assert 0.7 < by_the_lip.mean() < 1
    assert 0.33 < inside.min() < 0.5


def test_teeth_are_drawn_no_sharper_than_the_footage_is(avatar: RewriteAvatar) -> None:
    slopes: list[float] = []
    for blur_px in (0.0, 1.0, 2.0, 4.0):
        down, across = np.gradient(drawn_with(avatar, blur_px))
        slopes.append(float(np.sort(np.hypot(down, across), axis=None)[-50:].mean()))

    assert slopes[1] == slopes[0]  # sharp footage
    assert slopes[2] < 0.8 * slopes[0]
    assert slopes[3] < 0.75 * slopes[2]


def test_a_part_draws_what_the_whole_draws_though_no_frame_shows_an_open_mouth(
    avatar: RewriteAvatar, portrait: MediaFootage
) -> None:
    sitter = avatar._sitter
    shut = replace(sitter.face, opening=np.zeros_like(sitter.face.opening))
    lifted = {
        row: Picture(
            [np.maximum(cv2.GaussianBlur(one.parts[0], (0, 0), 3), 70).astype(np.uint8), one.parts[1]],
            one.region, one.step, one.bits,
        )
        for row, one in sitter.mouths.items()
    }  # fmt: skip
    whole = RewriteAvatar(portrait, replace(sitter, face=shut, mouths=lifted), {})
    plan = FramePlan(tuple(range(8)), tuple(Fraction(k, 25) for k in range(8)), Fraction(8, 25))
    wave = np.zeros((8, 8), np.float32)
    wave[:, 0] = 0.25
    says = MouthTrack(wave, np.zeros(8, np.float32), np.zeros(8, np.float32), Fraction(25))

    shared = dict(whole.share(says, plan))
    part = RewriteEngine().part(portrait, shared, {})

    assert not [name for name in shared if name.startswith("mouths/")]
    drawn = whole._interior()
    assert drawn.darkest > 50
    assert drawn.blur_px > 2
    expected = [frame.planes[0].tobytes() for frame in whole.speak(says, plan)]
    assert [frame.planes[0].tobytes() for frame in part.speak_part(plan, range(8))] == expected


BLUE_LIT, AMBER_LIT, GREEN_LIT = ((66.0, 93, 168), (200.0, 100, 30), (60.0, 140, 60))


@pytest.mark.parametrize(("skin", "strong", "weak"), [(BLUE_LIT, 2, 0), (AMBER_LIT, 0, 2), (GREEN_LIT, 1, 0)])
def test_teeth_are_drawn_in_the_colour_of_the_light(skin: tuple[float, ...], strong: int, weak: int) -> None:
    face = np.array(skin)

    tooth = Palette.from_face(face, 0.7 * face, "photo").tooth
    drawn = Palette.from_face(face, 0.7 * face, "cartoon").tooth

    assert tooth[strong] / tooth[weak] > 1.9
    assert pytest.approx(0.98 * (LUMA @ tooth), abs=2) == LUMA @ drawn  # as bright as ever
    assert tooth.max() <= 248
    assert drawn[strong] / drawn[weak] < 1.9  # somebody drawn may be blue by himself


@pytest.mark.parametrize("skin", [(205, 170, 148), (103, 67, 59), (90, 55, 35), (210, 190, 185), (139, 142, 138)])
def test_skin_in_ordinary_light_and_grey_pictures_do_not_tint_teeth(skin: tuple[int, ...]) -> None:
    face = np.array(skin, float)

    photo, drawn = (Palette.from_face(face, 0.7 * face, drawing).tooth for drawing in ("photo", "cartoon"))

    np.testing.assert_array_equal(np.clip(0.98 * photo, 0, 240), drawn)


@pytest.mark.parametrize("skin", [(0, 0, 0), (0, 0, 255), (255, 0, 0), (1, 0, 2)])
def test_any_colour_of_skin_gives_a_colour_of_teeth(skin: tuple[int, ...]) -> None:
    tooth = Palette.from_face(np.array(skin, float), np.zeros(3), "photo").tooth

    assert np.isfinite(tooth).all()
    assert (tooth >= 0).all()
    assert (tooth <= 248).all()
