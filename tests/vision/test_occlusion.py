"""Something before the mouth is seen; talking, turning light and moving are not taken for it."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.core.face import TrackedFace
from lipwright.core.media import Colour, VideoFrame
from lipwright.media import open_footage
from lipwright.vision.occlusion import Occlusion, OcclusionMeter
from lipwright.vision.track import MeshTracker

N = 60
Cover = Callable[[VideoFrame, NDArray[np.float32], int], None]


@pytest.fixture(scope="module")
def talker(clips: Path, tracker: MeshTracker) -> list[tuple[VideoFrame, TrackedFace]]:
    """Sixty frames of lively talk with the head in motion."""
    frames = islice(open_footage(clips / "video" / "vr_4.mp4").frames(), N)
    return [(frame, faces[0]) for frame, faces in tracker.track(frames)]


def observe(talker: list[tuple[VideoFrame, TrackedFace]], cover: Cover | None, hidden: range = range(0)) -> Occlusion:
    meter = OcclusionMeter()
    for k, (frame, face) in enumerate(talker):
        if cover is not None and k in hidden:
            frame = VideoFrame(tuple(p.copy() for p in frame.planes), k, frame.time_s, frame.bits, frame.colour)
            cover(frame, face.landmarks, k)
        meter.observe(frame, face)
    return meter.finish()


def blob(frame: VideoFrame, points: NDArray[np.float32], code: tuple[float, float, float], texture: float) -> None:
    x0, y0 = (points[13, :2] + points[14, :2]) / 2
    io_px = float(np.linalg.norm(points[33] - points[263]))
    y, x = np.mgrid[: frame.height_px, : frame.width_px]
    inside = np.hypot((x - x0) / (0.5 * io_px), (y - y0) / (0.3 * io_px)) < 1
    frame.planes[0][inside] = np.clip(code[0] + texture * np.sin(x[inside] / (0.055 * io_px)), 0, 255)
    for plane, value in zip(frame.planes[1:], code[1:], strict=True):
        plane[inside[::2, ::2]] = round(value)


def wide(code: tuple[int, int, int]) -> Cover:
    """Over the face below the eyes: nose, cheeks, mouth and chin."""

    def cover(frame: VideoFrame, points: NDArray[np.float32], _: int) -> None:
        x0 = float(points[5, 0])
        io_px = float(np.linalg.norm(points[33] - points[263]))
        top, bottom = float(points[[117, 346, 197], 1].min()), float(points[152, 1]) + 0.1 * io_px
        for plane, value, step in zip(frame.planes, code, (1, 2, 2), strict=True):
            lines = slice(round(top / step), round(bottom / step))
            plane[lines, round((x0 - io_px) / step) : round((x0 + io_px) / step)] = value

    return cover


def microphone(frame: VideoFrame, points: NDArray[np.float32], _: int) -> None:
    blob(frame, points, (40, 128, 128), 0)


def hand(frame: VideoFrame, points: NDArray[np.float32], _: int) -> None:
    """Of the person's own skin colour, with fingers."""
    x, y = (round(float(v)) for v in points[205, :2])
    y_code = float(frame.planes[0][y - 4 : y + 5, x - 4 : x + 5].mean())
    cb, cr = (float(p[y // 2 - 2 : y // 2 + 3, x // 2 - 2 : x // 2 + 3].mean()) for p in frame.planes[1:3])
    blob(frame, points, (y_code, cb, cr), 8)


def test_plain_talk_hides_nothing(talker: list[tuple[VideoFrame, TrackedFace]]):
    found = observe(talker, None)

    assert not found.is_hidden.any()


@pytest.mark.parametrize("cover", [microphone, hand])
def test_what_covers_the_mouth_is_seen_and_nothing_else(talker: list[tuple[VideoFrame, TrackedFace]], cover: Cover):
    hidden = range(25, 40)

    found = observe(talker, cover, hidden)

    assert np.flatnonzero(found.is_hidden).tolist() == list(hidden)


def test_a_microphone_at_a_corner_of_the_lips_for_half_of_the_clip_is_seen(
    talker: list[tuple[VideoFrame, TrackedFace]],
):
    def at_the_corner(frame: VideoFrame, points: NDArray[np.float32], _: int) -> None:
        io_px = float(np.linalg.norm(points[33] - points[263]))
        x, y = (round(float(v)) & ~1 for v in points[291, :2])
        half = round(0.2 * io_px) & ~1
        for plane, code, step in zip(frame.planes, (30, 128, 128), (1, 2, 2), strict=True):
            plane[(y - half) // step : (y + half) // step, (x - half) // step : (x + half) // step] = code

    found = observe(talker, at_the_corner, range(20, 50))

    assert np.flatnonzero(found.is_hidden).tolist() == list(range(20, 50))


def test_a_hand_that_is_there_on_one_frame_is_seen_at_any_rate(talker: list[tuple[VideoFrame, TrackedFace]]):
    slow = talker[::5]  # 6 frames/s

    assert observe(slow, hand, range(7, 8)).is_hidden.nonzero()[0].tolist() == [7]
    assert not observe(slow, None).is_hidden.any()
    assert observe(talker, hand, range(25, 26)).is_hidden.nonzero()[0].tolist() == [25]


def test_a_flash_hides_no_mouth_and_leaves_none_to_lend(talker: list[tuple[VideoFrame, TrackedFace]]):
    def flash(frame: VideoFrame, _points: NDArray[np.float32], _k: int) -> None:
        for plane, white in zip(frame.planes, (255, 128, 128), strict=True):
            plane[:] = plane + 0.8 * (white - plane.astype(np.float64))

    found = observe(talker, flash, range(25, 26))

    assert found.score[25] > found.threshold
    assert not found.is_hidden.any()
    assert found.is_doubted.nonzero()[0].tolist() == [25]


def thin(shares: dict[int, float]) -> Cover:
    """A hand of which so much is there on each of these frames."""

    def cover(frame: VideoFrame, points: NDArray[np.float32], k: int) -> None:
        bare = [plane.copy() for plane in frame.planes]
        hand(frame, points, k)
        for plane, before in zip(frame.planes, bare, strict=True):
            plane[:] = np.rint(shares[k] * plane + (1 - shares[k]) * before)

    return cover


def test_a_score_that_rises_and_falls_over_several_frames_is_believed_from_two_frames_on(
    talker: list[tuple[VideoFrame, TrackedFace]],
):
    """So does that of lips that open wide."""
    found = observe(talker, thin({23: 0.42, 24: 0.6, 25: 0.7, 26: 0.6, 27: 0.42}), range(23, 28))

    assert found.is_doubted.nonzero()[0].tolist() == [25]
    assert not found.is_hidden.any()


def test_a_thing_that_is_told_now_and_then_while_the_lips_look_unlike_themselves_is_there_all_along(
    talker: list[tuple[VideoFrame, TrackedFace]],
):
    told = (17, 22, 27, 32)
    held = thin({k: 1.0 if k in told else 0.6 for k in range(15, 36)})
    seldom = thin({k: 1.0 if k in told[1:3] else 0.6 for k in range(15, 36)})

    assert observe(talker, held, range(15, 36)).is_hidden.nonzero()[0].tolist() == list(range(17, 33))
    assert not observe(talker, seldom, range(15, 36)).is_hidden.any()


@pytest.mark.parametrize(("every", "n_gap"), [(1, 4), (2, 2)])
def test_a_hand_is_not_gone_for_a_tenth_of_a_second_whatever_the_rate(
    talker: list[tuple[VideoFrame, TrackedFace]], every: int, n_gap: int
):
    slow = talker[::every]  # 30 and 15 frames/s

    def shown_between(n: int) -> list[int]:
        covered = [8, 9, *range(10 + n, 12 + n)]
        found = observe(slow, lambda frame, points, k: hand(frame, points, k) if k in covered else None, range(60))
        return np.flatnonzero(~found.is_hidden[8 : 12 + n]).tolist()

    assert shown_between(n_gap) == []
    assert shown_between(n_gap + 1) == [*range(2, 3 + n_gap)]


def test_a_mask_worn_for_most_of_the_clip_does_not_hide_the_mouth_once_it_is_off(
    talker: list[tuple[VideoFrame, TrackedFace]],
):
    """Up to the eyes: it covers most of the cheeks too, and most frames have its look."""
    mask = wide((210, 127, 126))

    found = observe(talker, mask, range(36))

    assert np.flatnonzero(found.is_hidden).tolist() == list(range(36))


@pytest.mark.parametrize("code", [(210, 127, 126), (60, 130, 124), (76, 120, 168)])
def test_a_mask_or_a_scarf_is_seen_though_it_is_worn_for_the_whole_clip_or_nearly(
    talker: list[tuple[VideoFrame, TrackedFace]], code: tuple[int, int, int]
):
    cover = wide(code)

    assert observe(talker, cover, range(N)).is_hidden.all()
    assert observe(talker, cover, range(N - 4)).is_hidden[: N - 4].all()
    assert np.flatnonzero(observe(talker, cover, range(48)).is_hidden).tolist() == list(range(48))


@pytest.mark.parametrize("code", [(150, 124, 135), (40, 128, 128), (70, 118, 144)])
def test_a_beard_of_any_colour_is_no_mask(talker: list[tuple[VideoFrame, TrackedFace]], code: tuple[int, int, int]):
    """Over chin and jaw and under the nose, around the lips and not on them."""
    ring = [0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146, 61, 185, 40, 39, 37]

    def beard(frame: VideoFrame, points: NDArray[np.float32], _: int) -> None:
        y, x = np.mgrid[: frame.height_px, : frame.width_px]
        io_px = float(np.linalg.norm(points[33] - points[263]))
        x0, nose_y, chin_y = points[2, 0], points[2, 1], points[152, 1]
        hair = (np.abs(x - x0) < 0.6 * io_px) & (y > nose_y) & (y < chin_y)
        lips = np.zeros(hair.shape, np.uint8)
        cv2.fillPoly(lips, [np.round(points[ring, :2]).astype(np.int32)], (1,))
        hair &= lips == 0
        frame.planes[0][hair] = code[0]
        for plane, value in zip(frame.planes[1:], code[1:], strict=True):
            plane[hair[::2, ::2]] = value

    assert not observe(talker, beard, range(N)).is_hidden.any()


def test_pictures_without_colour_or_of_one_colour_show_no_mask(talker: list[tuple[VideoFrame, TrackedFace]]):
    def grey(frame: VideoFrame, _points: NDArray[np.float32], _k: int) -> None:
        for plane in frame.planes[1:]:
            plane[:] = 128

    def red(frame: VideoFrame, _points: NDArray[np.float32], _k: int) -> None:
        for plane, levels in zip(frame.planes[1:], (100, 190), strict=True):
            plane[:] = levels

    def drained(frame: VideoFrame, _points: NDArray[np.float32], _k: int) -> None:
        for plane in frame.planes[1:]:
            plane[:] = 128 + ((plane.astype(np.int16) - 128) // 8)

    for change in (grey, red, drained):
        assert not observe(talker, change, range(N)).is_hidden.any()


def test_a_fringe_over_pale_lips_is_no_mask(talker: list[tuple[VideoFrame, TrackedFace]]):
    """The skin that could be compared is under hair, down to the eyes; lips have the tint of the skin."""

    def fringe(frame: VideoFrame, points: NDArray[np.float32], _: int) -> None:
        cheek_x, cheek_y = points[205, :2]
        brow_y = float(points[[107, 336], 1].max())
        for plane, hair in zip(frame.planes[1:], (126, 130), strict=True):
            plane[:] = plane[round(cheek_y / 2), round(cheek_x / 2)]
            plane[: round(brow_y / 2)] = hair

    assert not observe(talker, fringe, range(N)).is_hidden.any()


def test_a_finger_laid_on_the_lips_is_seen(talker: list[tuple[VideoFrame, TrackedFace]]):
    """Upright, of the person's own skin, and so narrow that the corners of the mouth are bare."""

    def finger(frame: VideoFrame, points: NDArray[np.float32], _: int) -> None:
        io_px = float(np.linalg.norm(points[33] - points[263]))
        x, y = (points[13, :2] + points[14, :2]) / 2
        cheek_x, cheek_y = points[205, :2]
        for plane, step in zip(frame.planes, (1, 2, 2), strict=True):
            skin = plane[round(cheek_y / step), round(cheek_x / step)]
            left, right = round((x - 0.09 * io_px) / step), round((x + 0.09 * io_px) / step)
            plane[round((y - 0.15 * io_px) / step) : round((y + 0.8 * io_px) / step), left:right] = skin

    found = observe(talker, finger, range(25, 40))

    assert np.flatnonzero(found.is_hidden).tolist() == list(range(25, 40))


def test_a_tongue_that_hangs_out_is_seen(talker: list[tuple[VideoFrame, TrackedFace]]):
    """Both lips are bare beside it, and it is as red as they are, or redder."""

    def tongue(frame: VideoFrame, points: NDArray[np.float32], _: int) -> None:
        y, x = np.mgrid[: frame.height_px, : frame.width_px]
        io_px = float(np.linalg.norm(points[33] - points[263]))
        x0, y0 = (points[13, :2] + points[14, :2]) / 2
        inside = (np.hypot((x - x0) / (0.19 * io_px), (y - y0) / (0.5 * io_px)) < 1) & (y > y0)
        frame.planes[0][inside] = 115
        for plane, value in zip(frame.planes[1:], (122, 174), strict=True):
            plane[inside[::2, ::2]] = value

    found = observe(talker, tongue, range(25, 40))

    assert np.flatnonzero(found.is_hidden).tolist() == list(range(25, 40))


def test_light_that_changes_is_no_occlusion(talker: list[tuple[VideoFrame, TrackedFace]]):
    def dim(frame: VideoFrame, _points: NDArray[np.float32], _k: int) -> None:
        frame.planes[0][:] = 16 + (frame.planes[0].astype(np.float64) - 16) * 0.75

    assert not observe(talker, dim, range(25, 60)).is_hidden.any()


def test_light_that_changes_its_colour_for_a_while_is_no_occlusion(talker: list[tuple[VideoFrame, TrackedFace]]):
    def tint(frame: VideoFrame, _points: NDArray[np.float32], _k: int) -> None:
        for plane, levels in zip(frame.planes[1:], (-16.0, 22.0), strict=True):
            plane[:] = np.clip(plane + levels, 0, 255)

    def tint_and_cover(frame: VideoFrame, points: NDArray[np.float32], k: int) -> None:
        tint(frame, points, k)
        hand(frame, points, k)

    assert not observe(talker, tint, range(25, 40)).is_hidden.any()
    assert observe(talker, tint_and_cover, range(25, 40)).is_hidden[25:40].all()


def test_grey_footage_and_a_handful_of_frames_are_judged_without_fuss():
    face = np.zeros((478, 3), np.float32)
    face[:, :2] = np.random.default_rng(1).uniform(40, 200, (478, 2))
    frame = VideoFrame((np.full((240, 240), 90, np.uint8),), 0, Fraction(0), 8, Colour())
    meter = OcclusionMeter()

    for n in (0, 3, 20):
        for _ in range(n):
            meter.observe(frame, TrackedFace(1, face, 1.0))
        assert not meter.finish().is_hidden.any()
