"""The patch that carries the mouth: where it covers, and that its edge cannot be seen."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.core.face import TrackedFace
from lipwright.core.media import Plane
from lipwright.engines.rewrite.patch import blend, mouth_region, patch_alpha
from lipwright.engines.rewrite.picture import Picture, Region
from lipwright.vision import mesh

FRAME_PX = (512, 512)


@pytest.fixture
def points(tracked: dict[int, list[TrackedFace]]) -> NDArray[Any]:
    return tracked[0][0].landmarks[:, :2].astype(np.float64)


def eyes_px(points: NDArray[Any]) -> float:
    return float(np.linalg.norm(points[33] - points[263]))


def cover_at(points: NDArray[Any], which: list[int]) -> NDArray[Any]:
    region = mouth_region(points, eyes_px(points), 0.8, frame_size=FRAME_PX, step=(1, 1))
    alpha = patch_alpha(region, points, eyes_px(points))
    at = np.rint(points[which]).astype(int) - (region.left, region.top)
    return alpha[at[:, 1], at[:, 0]]


def test_the_patch_covers_the_lips_wholly(points: NDArray[Any]) -> None:
    assert cover_at(points, list(mesh.LIPS)).min() > 0.99


def test_the_patch_leaves_nose_cheeks_and_the_edge_of_the_jaw_alone(points: NDArray[Any]) -> None:
    cheeks_nose_jaw = [5, 50, 280, 205, 425, 172, 397, 152]

    assert cover_at(points, cheeks_nose_jaw).max() == 0


def flat(region: Region, luma: NDArray[Any], chroma: int) -> Picture:
    half = np.full((region.height // 2, region.width // 2, 2), chroma, np.uint8)
    parts: list[Plane] = [luma.astype(np.uint8), half]
    return Picture(parts, region, (2, 2), 8)


def laid(points: NDArray[Any], *, light: float, chroma: int, match: bool) -> tuple[NDArray[Any], NDArray[Any]]:
    """Luma of a shaded skin after a mouth in other light was laid on it, and before."""
    region = mouth_region(points, eyes_px(points), 0.25, frame_size=FRAME_PX, step=(2, 2))
    shade = 100 + 30 * np.linspace(0, 1, region.width)[None] * np.ones((region.height, 1))
    face = flat(region, shade, 120)
    blend(
        face,
        flat(region, shade + light, chroma),
        patch_alpha(region, points, eyes_px(points)),
        eyes_px(points),
        match=match,
    )
    return face.parts[0].astype(float), shade


def test_a_mouth_from_a_frame_in_other_light_leaves_no_edge(points: NDArray[Any]) -> None:
    result, skin = laid(points, light=35, chroma=135, match=True)

    assert np.abs(result - skin).max() <= 3


def test_without_matching_the_other_light_would_show(points: NDArray[Any]) -> None:
    result, skin = laid(points, light=35, chroma=135, match=False)

    assert np.abs(result - skin).max() > 30


@pytest.mark.parametrize(("skin_px", "mouth_px"), [(0.8, 1.1), (1.1, 0.8)])
def test_a_mouth_becomes_as_sharp_or_as_soft_as_the_skin_around_it(
    points: NDArray[Any], skin_px: float, mouth_px: float
) -> None:
    region = mouth_region(points, eyes_px(points), 0.25, frame_size=FRAME_PX, step=(2, 2))
    grain = np.random.default_rng(0).normal(0, 40, (region.height, region.width))
    skin, mouth = (128 + cv2.GaussianBlur(grain, (0, 0), sigma) for sigma in (skin_px, mouth_px))
    face, alpha = flat(region, skin, 128), patch_alpha(region, points, eyes_px(points))

    blend(face, flat(region, mouth, 128), alpha, eyes_px(points), match=True)

    def detail(luma: NDArray[Any]) -> float:
        return float(np.diff(luma.astype(float), axis=1)[alpha[:, 1:] > 0.99].std())

    before, after = (abs(np.log(detail(luma) / detail(skin))) for luma in (mouth, face.parts[0]))
    assert after < 0.7 * before
