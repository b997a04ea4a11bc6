"""What is put on the picture is told from the face behind it; a face alone, however it moves, is not taken for that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.core.face import TrackedFace
from lipwright.core.media import Plane, VideoFrame
from lipwright.media import open_footage
from lipwright.vision.overlay import Overlay, OverlayMeter, covered
from lipwright.vision.track import MeshTracker

N = 99


@pytest.fixture(scope="module")
def talker(clips: Path, tracker: MeshTracker) -> list[tuple[VideoFrame, TrackedFace]]:
    """Ninety-nine frames of lively talk with the head in motion."""
    tracked = tracker.track(open_footage(clips / "video" / "vr_4.mp4").frames())
    return [(frame, faces[0]) for frame, faces in (next(tracked) for _ in range(N))]


def chin_of(talker: list[tuple[VideoFrame, TrackedFace]]) -> tuple[int, int]:
    x, y = np.median([face.landmarks[200, :2] for _, face in talker], axis=0)
    return round(float(x)), round(float(y))


def written_on(frame: VideoFrame, text: str, at: tuple[int, int]) -> tuple[VideoFrame, NDArray[np.bool_]]:
    """The frame with white letters in a black outline, and where they are."""
    luma = np.array(frame.planes[0])
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 3)
    for code, thickness in ((16, 8), (235, 3)):
        place = (at[0] - width // 2, at[1] + height // 2)
        cv2.putText(luma, text, place, cv2.FONT_HERSHEY_SIMPLEX, 1.0, (code,), thickness, cv2.LINE_AA)
    return replace(frame, planes=(cast("Plane", luma), *frame.planes[1:]), raw=None), luma != frame.planes[0]


def shown(
    talker: list[tuple[VideoFrame, TrackedFace]], texts: list[str]
) -> Iterator[tuple[VideoFrame, NDArray[np.bool_], TrackedFace]]:
    """The frames with each of the texts over the chin for as long as the others; "": none."""
    for number, (frame, face) in enumerate(talker):
        text = texts[number * len(texts) // len(talker)]
        written, where = (
            written_on(frame, text, chin_of(talker)) if text else (frame, np.zeros_like(frame.planes[0], bool))
        )
        yield written, where, face


def look(talker: list[tuple[VideoFrame, TrackedFace]], texts: list[str]) -> list[Overlay]:
    meter = OverlayMeter()
    for frame, _, face in shown(talker, texts):
        meter.observe(frame, face.landmarks)
    return meter.finish()


def cover_of(overlays: list[Overlay], frame: VideoFrame, index: int) -> NDArray[np.uint8] | None:
    return covered(overlays, frame.planes[0], 0, 0, bits=8, index=index, turns=0)


def test_a_face_alone_has_nothing_before_it(talker: list[tuple[VideoFrame, TrackedFace]]):
    assert look(talker, [""]) == []


def test_letters_over_the_chin_are_found_where_they_are(talker: list[tuple[VideoFrame, TrackedFace]]):
    overlays = look(talker, ["see it"])

    for index, (frame, where, _) in enumerate(shown(talker, ["see it"])):
        cover = cover_of(overlays, frame, index)
        assert cover is not None
        on_chin = where & (np.abs(np.arange(where.shape[1]) - chin_of(talker)[0]) < 40)
        assert cover[on_chin].mean() > 0.95
        assert cover.mean() < 4 * where.mean()


def test_each_caption_is_found_while_it_is_shown(talker: list[tuple[VideoFrame, TrackedFace]]):
    texts = ["see it", "", "a man"]
    overlays = look(talker, texts)

    is_covered = [
        cover_of(overlays, frame, index) is not None for index, (frame, _, _) in enumerate(shown(talker, texts))
    ]

    assert is_covered == [True] * 33 + [False] * 33 + [True] * 33


def test_a_caption_that_follows_another_at_once_is_another(talker: list[tuple[VideoFrame, TrackedFace]]):
    texts = ["see it", "a man"]
    overlays = look(talker, texts)

    assert len(overlays) >= 2
    for index, (frame, where, _) in enumerate(shown(talker, texts)):
        cover = cover_of(overlays, frame, index)
        assert cover is not None
        on_chin = where & (np.abs(np.arange(where.shape[1]) - chin_of(talker)[0]) < 30)
        assert cover[on_chin].mean() > 0.9


def test_what_goes_along_with_the_face_is_its_own(talker: list[tuple[VideoFrame, TrackedFace]]):
    meter = OverlayMeter()
    for frame, face in talker:
        x, y = face.landmarks[200, :2]
        tattooed, _ = written_on(frame, "see it", (round(float(x)), round(float(y))))
        meter.observe(tattooed, face.landmarks)

    assert meter.finish() == []


def test_of_a_picture_that_rests_nothing_is_said(talker: list[tuple[VideoFrame, TrackedFace]]):
    meter = OverlayMeter()
    frame, face = talker[0]
    written, _ = written_on(frame, "see it", chin_of(talker))
    for other, _ in talker:
        meter.observe(replace(written, index=other.index, time_s=other.time_s), face.landmarks)

    assert meter.finish() == []


def test_two_things_far_apart_on_the_picture_are_two(talker: list[tuple[VideoFrame, TrackedFace]]):
    x, y = chin_of(talker)
    meter = OverlayMeter()
    for number, (frame, face) in enumerate(talker):
        luma = np.array(frame.planes[0])
        if number > 40:  # one of them comes later, and both stay
            luma[y - 110 : y - 80, x + 50 : x + 75] = np.kron(np.eye(5, dtype=np.uint8) * 219 + 16, np.ones((6, 5)))
        luma[y : y + 30, x - 60 : x - 30] = np.kron(np.eye(5, dtype=np.uint8) * 219 + 16, np.ones((6, 6)))
        meter.observe(replace(frame, planes=(cast("Plane", luma), *frame.planes[1:]), raw=None), face.landmarks)

    assert meter.finish()


def test_a_box_is_seen_by_its_own_side_of_its_line():
    rng = np.random.default_rng(0)
    mask = np.zeros((40, 80), np.uint8)
    mask[10:] = 1
    mask[10] = 2
    look = np.full((40, 80), 40, np.uint8)
    look[10] = 90  # half of it, half of the face behind
    box = Overlay(0, 10, 0, 1, 0, 0, mask, look)
    moved = np.array(look)
    moved[:10] = rng.integers(100, 200, (10, 80))
    moved[10] = rng.integers(40, 160, 80)

    assert box.is_seen(cast("Plane", moved), 0, 0, bits=8, index=5, turns=0)
    moved[10:] = rng.integers(100, 200, (30, 80))
    assert not box.is_seen(cast("Plane", moved), 0, 0, bits=8, index=5, turns=0)
