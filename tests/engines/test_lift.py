"""Letters over the chin stay as they are while the chin behind them goes down, in another speech too."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright import media
from lipwright.core.face import FaceChoice
from lipwright.core.media import Plane, VideoFrame
from lipwright.core.timeline import FramePlan, MouthTrack
from lipwright.engines.rewrite import RewriteEngine
from lipwright.engines.rewrite.engine import RewriteAvatar
from lipwright.engines.rewrite.lift import lay_back, lift
from lipwright.engines.rewrite.picture import Picture, Region
from lipwright.engines.rewrite.shared import packed_sitter, sitter_of, unpacked_sitter
from lipwright.engines.rewrite.study import FaceStudy
from lipwright.vision.overlay import EDGE
from lipwright.vision.track import MeshTracker

N = 75
PLAN = FramePlan(tuple(range(30, 50)), tuple(Fraction(k, 25) for k in range(20)), Fraction(20, 25))


@pytest.fixture(scope="module")
def captioned(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[media.MediaFootage, NDArray[np.bool_]]:
    """Three seconds of talk with letters burnt in over the chin, and the pixels of those that lie on it."""
    source = media.open_footage(clips / "video" / "vr_4.mp4")
    tracked = [(frame, faces[0].landmarks) for frame, faces in islice(MeshTracker().track(source.frames()), N)]
    x, y = (round(float(v)) for v in np.median([points[200, :2] for _, points in tracked], axis=0))
    blank = np.zeros(tracked[0][0].planes[0].shape, np.uint8)
    shapes: list[NDArray[Any]] = []
    for thickness in (8, 3):
        drawn = cv2.putText(blank.copy(), "see it", (x - 46, y + 12), 0, 1.0, (1,), thickness, cv2.LINE_8)
        shapes.append(np.asarray(drawn) > 0)

    def written(frame: VideoFrame) -> VideoFrame:
        luma = np.array(frame.planes[0])
        luma[shapes[0]], luma[shapes[1]] = 16, 235
        return replace(frame, planes=(cast("Plane", luma), *frame.planes[1:]), raw=None)

    path = tmp_path_factory.mktemp("captioned") / "captioned.mp4"
    media.write_video(
        path, (written(frame) for frame, _ in tracked), source.info,
        duration_s=Fraction(N, 25), audio=media.AudioPlan(None), crf=12,
    )  # fmt: skip
    return media.open_footage(path), shapes[1] & (np.abs(np.arange(blank.shape[1]) - x) < 40)


@pytest.fixture(scope="module")
def avatar(captioned: tuple[media.MediaFootage, NDArray[np.bool_]]) -> RewriteAvatar:
    return RewriteEngine().prepare(captioned[0], tracker=MeshTracker(), face=FaceChoice())


def wide_open() -> MouthTrack:
    coefficients = np.zeros((20, 8), np.float32)
    coefficients[:, 0] = 0.6
    return MouthTrack(coefficients, np.zeros(20, np.float32), np.zeros(20, np.float32), Fraction(25))


def test_letters_stay_where_they_are_while_the_chin_goes_down(
    captioned: tuple[media.MediaFootage, NDArray[np.bool_]], avatar: RewriteAvatar
):
    footage, letters = captioned

    for before, after in zip(footage.play(PLAN.order), avatar.speak(wide_open(), PLAN), strict=True):
        away = np.abs(before.planes[0].astype(int) - after.planes[0])
        assert away[letters].max() <= 4
        assert away.max() > 60  # the mouth above them is another one

    assert any("before the face" in note for note in avatar.report.notes)


def test_no_mouth_lends_the_letters_before_it(
    captioned: tuple[media.MediaFootage, NDArray[np.bool_]], avatar: RewriteAvatar
):
    sitter = avatar._sitter
    _, letters = captioned
    brightest = [
        int(mouth.parts[0][shown].max())
        for mouth in sitter.mouths.values()
        if (shown := letters[mouth.region.top : mouth.region.bottom, mouth.region.left : mouth.region.right]).any()
    ]

    assert len(brightest) > 20
    assert max(brightest) < 225


def test_lips_that_letters_lie_on_are_not_lent(clips: Path, tmp_path: Path):
    source = media.open_footage(clips / "video" / "vr_4.mp4")
    tracked = [(frame, faces[0].landmarks) for frame, faces in islice(MeshTracker().track(source.frames()), N)]
    x, y = (round(float(v)) for v in np.median([points[17, :2] for _, points in tracked], axis=0))

    def written(frame: VideoFrame) -> VideoFrame:
        luma = np.array(frame.planes[0])
        for code, thickness in ((16, 9), (235, 3)):
            cv2.putText(luma, "SEE IT", (x - 60, y + 12), 0, 1.1, (code,), thickness, cv2.LINE_AA)
        return replace(frame, planes=(cast("Plane", luma), *frame.planes[1:]), raw=None)

    path = tmp_path / "over_lips.mp4"
    media.write_video(
        path, (written(frame) for frame, _ in tracked), source.info,
        duration_s=Fraction(N, 25), audio=media.AudioPlan(None), crf=12,
    )  # fmt: skip
    tracker = MeshTracker()
    sitter = RewriteEngine().prepare(media.open_footage(path), tracker=tracker, face=FaceChoice())._sitter

    lenders = set() if sitter.lenders is None else set(sitter.lenders.rows.tolist())
    over_lips = {
        row for row in range(len(sitter.face.landmarks)) if abs(float(sitter.face.landmarks.row(row)[17, 1]) - y) < 8
    }
    assert len(over_lips) > 10
    assert not over_lips & lenders


def test_lips_near_letters_are_not_laid_back_with_them(
    captioned: tuple[media.MediaFootage, NDArray[np.bool_]], avatar: RewriteAvatar
):
    footage, _ = captioned
    sitter = avatar._sitter
    n_covered = 0
    for index, frame in enumerate(footage.frames()):
        row = sitter.face.row_of[index]
        lips = sitter.face.landmarks.row(row)[[13, 14, 0, 17], :2]
        region = Region(*(2 * round(float(v) / 2) for v in (*(lips.min(0) - 60), *(lips.max(0) + 60))))
        cover = sitter.cover_of(Picture.cut(frame, region), row)
        if cover is not None:
            n_covered += 1
            at = np.round(lips - (region.left, region.top)).astype(int)
            assert 1 not in cover[at[:, 1], at[:, 0]]

    assert n_covered > 20


def test_who_is_kept_for_another_speech_is_kept_with_what_lies_before_them(avatar: RewriteAvatar):
    sitter = avatar._sitter
    again = unpacked_sitter(dict(packed_sitter(sitter)))

    assert len(again.overlays) == len(sitter.overlays) > 0
    for one, other in zip(again.overlays, sitter.overlays, strict=True):
        assert (one.first, one.last, one.left, one.top) == (other.first, other.last, other.left, other.top)
        assert np.array_equal(one.mask, other.mask)
        assert np.array_equal(one.look, other.look)


def test_of_a_face_behind_a_box_of_text_nothing_in_the_box_is_touched(clips: Path, tmp_path: Path):
    source = media.open_footage(clips / "video" / "vr_4.mp4")
    tracked = [(frame, faces[0].landmarks) for frame, faces in islice(MeshTracker().track(source.frames()), N)]
    top = round(float(np.median([points[199, 1] for _, points in tracked])))
    box = slice(top, top + 60)

    def boxed(frame: VideoFrame) -> VideoFrame:
        planes = [np.array(plane) for plane in frame.planes]
        planes[0][box] = 40
        cv2.putText(planes[0], "WE SHALL SEE IT AGAIN", (120, top + 45), 0, 1.2, (235,), 4, cv2.LINE_AA)
        for plane in planes[1:]:
            plane[box.start // 2 : box.stop // 2] = 128
        return replace(frame, planes=tuple(cast("Plane", plane) for plane in planes), raw=None)

    path = tmp_path / "boxed.mp4"
    media.write_video(
        path, (boxed(frame) for frame, _ in tracked), source.info,
        duration_s=Fraction(N, 25), audio=media.AudioPlan(None), crf=12,
    )  # fmt: skip
    footage = media.open_footage(path)
    avatar = RewriteEngine().prepare(footage, tracker=MeshTracker(), face=FaceChoice())

    inside = slice(top + 2, top + 60)
    for before, after in zip(footage.play(PLAN.order), avatar.speak(wide_open(), PLAN), strict=True):
        away = np.abs(before.planes[0].astype(int) - after.planes[0])
        assert away[inside].max() == 0
        assert away.max() > 60


@pytest.mark.parametrize(("share", "is_kept"), [(0.3, False), (1.0, True)])
def test_letters_that_the_face_shines_through_are_not_laid_back(clips: Path, share: float, is_kept: bool):
    source = media.open_footage(clips / "video" / "vr_4.mp4")
    study = FaceStudy(1)
    shape = None
    for frame, faces in islice(MeshTracker().track(source.frames()), N):
        if shape is None:
            x, y = faces[0].landmarks[13, :2].astype(int).tolist()
            blank = np.zeros(frame.planes[0].shape, np.uint8)
            drawn = cv2.putText(blank, "PREVIEW", (x - 130, y + 40), 0, 2.0, (255,), 14, cv2.LINE_AA)
            shape = np.asarray(drawn, np.float32) / 255 * share
        planes: list[Plane] = []
        for plane, ink in zip(frame.planes, (235, 128, 128), strict=True):
            on = cv2.resize(shape, plane.shape[::-1], interpolation=cv2.INTER_AREA)
            planes.append(cast("Plane", np.round(plane * (1 - on) + ink * on).astype(np.uint8)))
        study.observe(replace(frame, planes=tuple(planes), raw=None), faces[0])

    assert study.overlays
    assert bool(sitter_of(study).overlays) == is_kept


@pytest.mark.parametrize("size", [(64, 128), (128, 192), (31, 57)])
def test_half_a_picture_that_is_covered_is_filled_with_the_other_half(size: tuple[int, int]):
    luma = np.full(size, 150, np.uint8)
    luma[size[0] // 2 :] = 40
    picture = Picture([cast("Plane", luma)], Region(0, 0, size[1], size[0]), (2, 2), 8)
    cover = np.zeros(size, np.uint8)
    cover[size[0] // 2 :] = 1
    cover[size[0] // 2] = EDGE

    lift(picture, cover)

    assert picture.parts[0].min() >= 148


def test_a_jaw_beside_letters_is_not_lifted_off_with_them():
    luma = np.full((60, 80), 150, np.uint8)
    luma[45:50] = 90  # the shade under a jaw
    luma[20:30, 30:50] = 235
    picture = Picture([cast("Plane", luma.copy())], Region(0, 0, 80, 60), (2, 2), 8)
    cover = np.zeros((60, 80), np.uint8)
    cover[14:56, 24:56] = 1
    cover[19:31, 29:51] = EDGE

    lift(picture, cover)

    assert picture.parts[0][20:30, 30:50].max() < 160
    assert np.array_equal(picture.parts[0][40:], luma[40:])


@pytest.mark.parametrize("bits", [8, 10])
def test_what_is_lifted_off_and_laid_back_changes_nothing_else(bits: int):
    rng = np.random.default_rng(0)
    dtype = np.uint8 if bits == 8 else np.uint16
    base = np.add.outer(np.arange(40), np.arange(60)) + 60 << (bits - 8)
    luma, chroma = base.astype(dtype), np.full((20, 30, 2), 130 << (bits - 8), dtype)
    luma[15:20, 20:40] = rng.integers(180 << (bits - 8), 230 << (bits - 8), (5, 20))
    picture = Picture([cast("Plane", luma.copy()), cast("Plane", chroma)], Region(0, 0, 60, 40), (2, 2), bits)
    cover = np.zeros((40, 60), np.uint8)
    cover[13:22, 18:42] = 1
    cover[15, 20:40] = EDGE

    taken = lift(picture, cover)
    without = picture.parts[0].copy()
    lay_back(picture, taken)

    assert np.abs(without.astype(int) - base).max() <= 4 << (bits - 8)
    assert np.array_equal(picture.parts[0][15:20, 20:40], luma[15:20, 20:40])
    assert np.array_equal(without[cover == 0], luma[cover == 0])
