"""A bar through which the chin is seen stays where it is, letters and all, while the chin behind it moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright import media
from lipwright.core.face import FaceChoice
from lipwright.core.media import Colour, Plane, VideoFrame
from lipwright.core.timeline import FramePlan, MouthTrack
from lipwright.engines.rewrite import RewriteEngine
from lipwright.engines.rewrite.engine import RewriteAvatar
from lipwright.engines.rewrite.picture import Picture, Region
from lipwright.engines.rewrite.shared import packed_sitter, unpacked_sitter
from lipwright.engines.rewrite.veil import Veil, unveil, veils_of
from lipwright.vision.overlay import EDGE, Overlay
from lipwright.vision.track import MeshTracker

TOP, BOTTOM, WIDTH, HEIGHT = 61, 90, 160, 120
REGION = Region(0, 0, WIDTH, HEIGHT)
WHITE, BLACK, BLUE = (235, 128, 128), (16, 128, 128), (60, 180, 110)

Bar = Callable[[tuple[int, int, int], float], list[Picture]]


def skin(number: int) -> list[NDArray[np.float64]]:
    """Something like skin, light from one side and a mouth's shade in it, that goes up and down."""
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT) + 12 * np.sin(number / 2))
    luma = 140 + 35 * np.cos((x - 60) / 50) + 14 * np.sin((x + 2 * y) / 25) - 40 * np.exp(-(((y - 40) / 8) ** 2))
    luma = np.asarray(luma, np.float64)
    half = luma[::2, ::2]
    return [luma, np.stack([112 + 0.03 * (half - 140), 148 + 0.08 * (half - 140)], axis=-1)]


@pytest.fixture(params=[8, 10])
def barred(request: pytest.FixtureRequest) -> Bar:
    """Pictures of it behind a bar of a colour, which leaves a share of it."""
    bits: int = request.param

    def make(colour: tuple[int, int, int], gain: float) -> list[Picture]:
        pictures: list[Picture] = []
        for number in range(24):
            luma, chroma = skin(number)
            luma[TOP:BOTTOM] = gain * luma[TOP:BOTTOM] + (1 - gain) * colour[0]
            share = np.clip(np.minimum(np.arange(60) - TOP / 2 + 1, BOTTOM / 2 - np.arange(60)), 0, 1)[:, None, None]
            chroma += share * (1 - gain) * (np.array(colour[1:]) - chroma)
            scale = 1 << (bits - 8)
            parts = [np.rint(part * scale).astype(np.uint8 if bits == 8 else np.uint16) for part in (luma, chroma)]
            pictures.append(Picture(cast("list[Plane]", parts), REGION, (2, 2), bits))
        return pictures

    return make


def seen_to_stay() -> Overlay:
    """The bar as pass one puts it down, at half the size."""
    mask = np.zeros((20, WIDTH // 2), np.uint8)
    mask[2:18] = 1
    for line in (TOP // 2 - 28, BOTTOM // 2 - 28):
        mask[line - 1 : line + 1] = EDGE
    return Overlay(0, 99, 0, 2, 0, 28, mask, np.zeros(mask.shape, np.uint8))


def veil_on(pictures: list[Picture]) -> Veil | None:
    found = veils_of([seen_to_stay()], list(enumerate(pictures)), 120.0)
    return found[0] if found else None


@pytest.mark.parametrize(("colour", "gain"), [(BLACK, 0.45), (WHITE, 0.5), (BLUE, 0.4)])
def test_what_a_bar_leaves_of_the_skin_behind_it_is_told(barred: Bar, colour: tuple[int, int, int], gain: float):
    pictures = barred(colour, gain)

    veil = veil_on(pictures)

    assert veil is not None
    assert veil.gain == pytest.approx(gain, abs=0.06)
    assert veil.edges == [TOP, BOTTOM]
    for number, picture in enumerate(pictures):
        assert unveil(picture, [veil]) is not None
        away = picture.parts[0] / (1 << (picture.bits - 8)) - skin(number)[0]
        assert np.abs(away).mean() < 4


def test_a_bar_is_taken_off_wherever_the_picture_is_cut(barred: Bar):
    pictures = barred(BLACK, 0.4)
    veil = veil_on(pictures)
    assert veil is not None
    picture = pictures[5]
    luma, chroma = picture.parts
    planes = (luma, *(np.ascontiguousarray(chroma[..., k]) for k in (0, 1)))
    frame = VideoFrame(cast("tuple[Plane, ...]", planes), 5, Fraction(0), picture.bits, Colour())
    whole = Picture.cut(frame, REGION)
    assert unveil(whole, [veil]) is not None

    for top, bottom in ((64, 120), (70, 110), (40, 62), (0, 60), (92, 120)):
        part = Picture.cut(frame, Region(0, top, WIDTH, bottom))
        assert unveil(Picture.cut(frame, part.region), [veil]) is None
        assert veil.may_be_on(part) is (top < BOTTOM and bottom > TOP)
        unveil(part, [veil], frame)
        assert np.array_equal(part.parts[0], whole.parts[0][top:bottom])


def test_flat_colours_behind_a_bar_are_told_too():
    tones = np.array([[200.0, 184.0, 160.0][k % 3] for k in range(WIDTH)])
    luma = np.tile(tones, (HEIGHT, 1))
    luma[TOP:BOTTOM] = 0.5 * luma[TOP:BOTTOM] + 8
    chroma = np.tile([110.0, 150.0], (HEIGHT // 2, WIDTH // 2, 1))
    chroma[TOP // 2 + 1 : BOTTOM // 2] = 64 + 0.5 * chroma[TOP // 2 + 1 : BOTTOM // 2]
    parts = [np.rint(part).astype(np.uint8) for part in (luma, chroma)]
    pictures = [Picture(cast("list[Plane]", [part.copy() for part in parts]), REGION, (2, 2), 8) for _ in range(24)]

    veil = veil_on(pictures)

    assert veil is not None
    assert veil.gain == pytest.approx(0.5, abs=0.03)


def test_nothing_is_changed_where_nothing_behind_it_was(barred: Bar):
    pictures = barred(BLACK, 0.4)
    veil = veil_on(pictures)
    assert veil is not None
    before = [part.copy() for part in pictures[3].parts]

    unveiled = unveil(pictures[3], [veil])
    assert unveiled is not None
    pictures[3].parts[0][70, 80] += 50
    unveiled.lay_on(pictures[3])

    change = pictures[3].parts[0].astype(int) - before[0]
    assert change[70, 80] == pytest.approx(50 * veil.gain, abs=1)
    change[70, 80] = 0
    assert not change.any()
    assert np.array_equal(pictures[3].parts[1], before[1])


def test_letters_on_a_bar_are_told_by_what_no_skin_is(barred: Bar):
    pictures = barred(BLACK, 0.4)
    veil = veil_on(pictures)
    assert veil is not None
    picture = pictures[0]
    picture.parts[0][70:80, 40:44] = 235 << (picture.bits - 8)

    unveiled = unveil(picture, [veil])

    assert unveiled is not None
    assert unveiled.ink[70:80, 40:44].all()
    assert not unveiled.ink[:, 60:].any()
    cover = unveiled.with_ink(None)
    assert cover is not None
    assert set(np.unique(cover).tolist()) == {0, EDGE}


def test_beside_a_box_narrower_than_the_mouth_nothing_is_taken_off(barred: Bar):
    whole, pictures = barred(BLACK, 0.4), barred(BLACK, 0.4)
    left, right = 64, 112
    for number, picture in enumerate(pictures):
        for part, of_skin, (step, _) in zip(picture.parts, skin(number), picture.steps, strict=True):
            seen = np.rint(of_skin * (1 << (picture.bits - 8))).astype(part.dtype)
            part[:, : left // step], part[:, right // step :] = seen[:, : left // step], seen[:, right // step :]

    veil = veil_on(pictures)
    assert veil is not None
    assert veil.gain == pytest.approx(0.4, abs=0.06)
    assert veil.columns(whole[0]) == (0, WIDTH)
    for number, picture in enumerate(pictures):
        first, after = veil.columns(picture) or (0, 0)
        assert (first, after) == (pytest.approx(left, abs=1), pytest.approx(right, abs=1))
        assert unveil(picture, [veil]) is not None
        away = np.abs(picture.parts[0] / (1 << (picture.bits - 8)) - skin(number)[0])
        assert away[:, : left - 2].max() <= 0.5
        assert away[:, right + 2 :].max() <= 0.5
        assert away[:, left + 2 : right - 2].mean() < 4


@pytest.mark.parametrize("colour", [BLACK, BLUE])
def test_a_box_that_shows_nothing_is_none(barred: Bar, colour: tuple[int, int, int]):
    assert veil_on(barred(colour, 0.0)) is None


def test_where_no_bar_is_there_is_none(barred: Bar):
    pictures = barred(BLACK, 1.0)

    assert veil_on(pictures) is None
    veil = veil_on(barred(BLACK, 0.4))
    assert veil is not None
    assert unveil(pictures[0], [veil]) is None


def test_of_somebody_behind_a_bar_the_lips_move_and_the_bar_does_not(clips: Path, tmp_path: Path):
    source = media.open_footage(clips / "video" / "vr_4.mp4")
    tracked = [(frame, faces[0].landmarks) for frame, faces in islice(MeshTracker().track(source.frames()), 75)]
    top = 2 * round(float(np.median([points[17, 1] for _, points in tracked])) / 2)
    bar, gain = slice(top, top + 44), 0.45

    def behind(frame: VideoFrame) -> VideoFrame:
        planes = [np.array(plane) for plane in frame.planes]
        for plane, of_black, step in zip(planes, (16, 128, 128), (1, 2, 2), strict=True):
            seen = plane[bar.start // step : bar.stop // step]
            seen[...] = np.rint(of_black + gain * (seen.astype(np.float64) - of_black))
        return replace(frame, planes=tuple(cast("Plane", plane) for plane in planes), raw=None)

    path = tmp_path / "barred.mp4"
    media.write_video(
        path, (behind(frame) for frame, _ in tracked), source.info,
        duration_s=Fraction(3), audio=media.AudioPlan(None), crf=12,
    )  # fmt: skip
    footage = media.open_footage(path)
    avatar: RewriteAvatar = RewriteEngine().prepare(footage, tracker=MeshTracker(), face=FaceChoice())
    veils = avatar._sitter.veils
    assert len(veils) == 1
    assert veils[0].gain == pytest.approx(gain, abs=0.08)
    assert veils[0].edges[0] == pytest.approx(bar.start, abs=1)

    plan = FramePlan(tuple(range(30, 50)), tuple(Fraction(k, 25) for k in range(20)), Fraction(20, 25))
    coefficients = np.zeros((20, 8), np.float32)
    coefficients[:, 0] = 0.6
    still = np.zeros(20, np.float32)
    changed_in_bar: list[float] = []
    for before, after in zip(
        footage.play(plan.order), avatar.speak(MouthTrack(coefficients, still, still, Fraction(25)), plan), strict=True
    ):
        points = tracked[before.index][1]
        region = Region(*(2 * round(float(v) / 2) for v in (*(points[152, :2] - 110), *(points[152, :2] + 20))))
        assert veils[0].is_on(Picture.cut(after, region))
        away = np.abs(before.planes[0].astype(int) - after.planes[0])
        assert away.max() > 60
        changed_in_bar.append(float((away[bar] > 8).mean()))

    assert max(changed_in_bar) > 0.01  # chin and lip behind it are others
    again = unpacked_sitter(dict(packed_sitter(avatar._sitter))).veils
    assert [(one.gain, one.top_px, one.edge_px, one.near_px) for one in again] == [
        (one.gain, one.top_px, one.edge_px, one.near_px) for one in veils
    ]
    assert np.array_equal(again[0].lines, veils[0].lines)
    assert np.array_equal(again[0].offset, veils[0].offset)
