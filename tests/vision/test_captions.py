"""Words that are put on the picture one after the other are told from the face, whether it moves or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
WORDS = ("AND", "we", "SAW", "that", "YOU", "really", "CAN", "make", "THIS", "work", "FOR", "all")
LONG = 8
"""Frames that each word is shown: a third of a second."""

Seen = tuple[VideoFrame, TrackedFace]


@pytest.fixture(scope="module")
def talker(clips: Path, tracker: MeshTracker) -> list[Seen]:
    """Ninety-nine frames of lively talk with the head in motion."""
    tracked = tracker.track(open_footage(clips / "video" / "vr_4.mp4").frames())
    return [(frame, faces[0]) for frame, faces in (next(tracked) for _ in range(N))]


@pytest.fixture(scope="module")
def rest(talker: list[Seen]) -> list[Seen]:
    """One picture that hangs, in the grain of a camera."""
    first, face = talker[0]
    rng = np.random.default_rng(0)
    out: list[Seen] = []
    for frame, _ in talker:
        luma = np.clip(first.planes[0] + rng.normal(0, 1.5, first.planes[0].shape), 0, 255).astype(np.uint8)
        planes = (cast("Plane", luma), *first.planes[1:])
        out.append((replace(first, index=frame.index, time_s=frame.time_s, planes=planes, raw=None), face))
    return out


def white_in_black(frame: VideoFrame, text: str, at: tuple[int, int]) -> tuple[VideoFrame, NDArray[np.bool_]]:
    luma = np.array(frame.planes[0])
    for code, thickness in ((16, 8), (235, 3)):
        cv2.putText(luma, text, at, cv2.FONT_HERSHEY_SIMPLEX, 1.0, (code,), thickness, cv2.LINE_AA)
    return replace(frame, planes=(cast("Plane", luma), *frame.planes[1:]), raw=None), luma != frame.planes[0]


def plain_blue(frame: VideoFrame, text: str, at: tuple[int, int]) -> tuple[VideoFrame, NDArray[np.bool_]]:
    """Letters as light as the skin."""
    shape = np.zeros(frame.planes[0].shape, np.uint8)
    cv2.putText(shape, text, at, cv2.FONT_HERSHEY_SIMPLEX, 1.0, (255,), 7, cv2.LINE_AA)
    luma, blue, red = (np.array(plane) for plane in frame.planes[:3])
    luma[shape > 127] = 150
    small = cv2.resize(shape, blue.shape[::-1], interpolation=cv2.INTER_AREA) > 127
    blue[small], red[small] = 190, 90
    planes = (cast("Plane", luma), cast("Plane", blue), cast("Plane", red))
    return replace(frame, planes=planes, raw=None), shape > 127


Writer = Callable[[VideoFrame, str, tuple[int, int]], tuple[VideoFrame, NDArray[np.bool_]]]


def shown(
    seen: list[Seen], write: Writer = white_in_black, below_io: float = 0.0
) -> Iterator[tuple[VideoFrame, NDArray[np.bool_], TrackedFace]]:
    """The frames with a word after the other over the chin, or so far below it."""
    points = np.median([face.landmarks for _, face in seen], axis=0)
    down_px = below_io * float(np.linalg.norm(points[33] - points[263]))
    for number, (frame, face) in enumerate(seen):
        word = WORDS[number // LONG % len(WORDS)]
        (width, height), _ = cv2.getTextSize(word, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 3)
        at = round(float(points[200, 0])) - width // 2, round(float(points[200, 1] + down_px)) + height // 2
        yield *write(frame, word, at), face


def look(seen: list[Seen]) -> list[Overlay]:
    meter = OverlayMeter()
    for frame, face in seen:
        meter.observe(frame, face.landmarks)
    return meter.finish()


def shares_covered(seen: list[Seen], write: Writer = white_in_black, below_io: float = 0.0) -> NDArray[np.float64]:
    """(n,) the share of each frame's letters that is known to lie before the face."""
    pictures = list(shown(seen, write, below_io))
    overlays = look([(frame, face) for frame, _, face in pictures])
    out: list[float] = []
    for frame, where, _ in pictures:
        cover = covered(overlays, frame.planes[0], 0, 0, bits=8, index=frame.index, turns=0)
        out.append(float((cover[where] > 0).mean()) if cover is not None and where.any() else 0.0)
    return np.array(out)


def test_words_before_a_head_that_moves_are_found_from_the_first_frame_to_the_last(talker: list[Seen]):
    assert np.mean(shares_covered(talker) > 0.95) > 0.9


def test_words_before_a_head_that_rests_are_found_too(rest: list[Seen]):
    assert np.mean(shares_covered(rest) > 0.95) > 0.9


def test_letters_as_light_as_skin_are_told_by_their_colour(talker: list[Seen]):
    assert np.mean(shares_covered(talker, plain_blue) > 0.9) > 0.8


def test_nothing_is_said_of_letters_that_are_not_before_the_face(talker: list[Seen]):
    assert shares_covered(talker, below_io=0.9).max() == 0


def test_a_lamp_that_goes_on_and_off_is_no_word(talker: list[Seen]):
    flickering: list[Seen] = []
    for number, (frame, face) in enumerate(talker):
        luma = frame.planes[0]
        if number // LONG % 2:
            luma = cast("Plane", np.clip(luma.astype(int) + 60, 0, 255).astype(np.uint8))
        flickering.append((replace(frame, planes=(luma, *frame.planes[1:]), raw=None), face))

    assert look(flickering) == []


def test_light_of_a_screen_that_changes_under_the_face_is_no_word(talker: list[Seen]):
    lit: list[Seen] = []
    for number, (frame, face) in enumerate(talker):
        rows, columns = np.indices(frame.planes[0].shape, np.float32)
        x, y = face.landmarks[152, :2]
        glow = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 60.0**2)) * (80 if number // LONG % 2 else 0)
        luma = cast("Plane", np.clip(frame.planes[0] + glow, 0, 255).astype(np.uint8))
        lit.append((replace(frame, planes=(luma, *frame.planes[1:]), raw=None), face))

    assert look(lit) == []


def test_words_before_and_after_a_flash_are_found(talker: list[Seen]):
    def flashed(frame: VideoFrame, text: str, at: tuple[int, int]) -> tuple[VideoFrame, NDArray[np.bool_]]:
        written, where = white_in_black(frame, text, at)
        if frame.index % 22 > 1:
            return written, where
        bright = cast("Plane", np.clip(written.planes[0].astype(int) + 90, 0, 255).astype(np.uint8))
        return replace(written, planes=(bright, *written.planes[1:])), np.zeros_like(where)

    covered_of = shares_covered(talker, flashed)
    is_flash = np.arange(N) % 22 <= 1
    assert np.mean(covered_of[~is_flash] > 0.9) > 0.75
