"""Scenes with known people in known places, made in memory from the heads of real clips."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.core.media import Colour, VideoFrame
from lipwright.media import open_footage
from lipwright.vision.track import MeshTracker

BT709 = Colour(is_full_range=False, primaries=1, transfer=1, matrix=1)


@dataclass(frozen=True)
class Head:
    """One person, seen over some frames, cut out as (n, side, side, 3) Y'CbCr at full chroma size."""

    looks: NDArray[np.uint8]

    def look(self, k: int, side_px: int) -> NDArray[np.uint8]:
        n = len(self.looks)
        k = k % (2 * n - 2)
        there_and_back = k if k < n else 2 * n - 2 - k
        return cv2.resize(self.looks[there_and_back], (side_px, side_px), interpolation=cv2.INTER_AREA)


Place = tuple[Head, float, float, int]
"""Who, centre x and y, and side of the cut-out in pixels; later ones are in front."""


def blank(width_px: int = 640, height_px: int = 360, index: int = 0, level: int = 90) -> VideoFrame:
    """A room without anybody: smooth light and a little texture."""
    y, x = np.mgrid[:height_px, :width_px]
    luma = (level + 30 * np.sin(x / 97.0) + 12 * np.cos(y / 41.0 + x / 23.0)).astype(np.uint8)
    chroma = np.full((height_px // 2, width_px // 2), 126, np.uint8)
    return VideoFrame((luma, chroma, chroma.copy()), index, Fraction(index, 25), 8, BT709)


def paint(frame: VideoFrame, places: list[Place]) -> VideoFrame:
    """Put heads, cut out as ovals, into the frame."""
    for head, x, y, side in places:
        look = head.look(frame.index, side)
        v, u = np.mgrid[:side, :side]
        radius = np.hypot((u - side / 2) / (0.40 * side), (v - side / 2) / (0.49 * side))
        alpha = np.clip((1.0 - radius) * 8, 0, 1)
        left, top = 2 * round((x - side / 2) / 2), 2 * round((y - side / 2) / 2)
        for k, step in ((0, 1), (1, 2), (2, 2)):
            plane = frame.planes[k]
            part, mask = look[::step, ::step, k], alpha[::step, ::step]
            t, q = top // step, left // step
            y0, y1 = max(0, t), min(plane.shape[0], t + part.shape[0])
            x0, x1 = max(0, q), min(plane.shape[1], q + part.shape[1])
            if y0 >= y1 or x0 >= x1:
                continue
            a = mask[y0 - t : y1 - t, x0 - q : x1 - q]
            plane[y0:y1, x0:x1] = a * part[y0 - t : y1 - t, x0 - q : x1 - q] + (1 - a) * plane[y0:y1, x0:x1]
    return frame


def play(n: int, places: Callable[[int], list[Place]], width_px: int = 640, height_px: int = 360) -> Iterator[Any]:
    for index in range(n):
        yield paint(blank(width_px, height_px, index), places(index))


@pytest.fixture(scope="session")
def tracker() -> MeshTracker:
    return MeshTracker()


@pytest.fixture(scope="session")
def heads(clips: Path, tracker: MeshTracker) -> dict[str, Head]:
    """Five people over a second and a half each."""

    def head(name: str) -> Head:
        looks = []
        frames = islice(open_footage(clips / "video" / f"{name}.mp4").frames(), 36)
        box = None
        for frame, faces in tracker.track(frames):
            if box is None:
                box = faces[0].box
            x, y = box.centre_px
            half = 0.85 * box.height_px
            x0, y0 = round(x - half), round(y - half - 0.05 * box.height_px)
            side = round(2 * half)
            chroma = [cv2.resize(p, (frame.width_px, frame.height_px)) for p in frame.planes[1:3]]
            whole = np.dstack([np.asarray(frame.planes[0]), *chroma])
            padded = cv2.copyMakeBorder(whole, side, side, side, side, cv2.BORDER_REPLICATE)
            looks.append(padded[y0 + side : y0 + 2 * side, x0 + side : x0 + 2 * side].copy())
        return Head(np.array(looks))

    return {name: head(name) for name in ("vr_4", "it_ref", "reporter_71s", "vr_2", "ls_demo2")}
