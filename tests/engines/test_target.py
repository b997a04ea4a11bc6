"""What a plan makes of one person's face stays a face."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.engines.rewrite.target import Destination, Limits, target_shapes
from lipwright.vision import mesh
from lipwright.vision.shape import (
    Points,
    PosedShapes,
    closed_neutral,
    largest_gap,
    neutral_shape,
    opening,
    shape_basis,
    width,
)


@pytest.fixture
def closed(posed: PosedShapes) -> Points:
    return closed_neutral(neutral_shape(posed.shapes))


def many(seed: int = 0, size: float = 0.5, n: int = 200) -> NDArray[Any]:
    return np.random.default_rng(seed).normal(0, size, (n, 8)) * shape_basis().spread[:8] / shape_basis().spread[0]


def test_no_plan_is_the_person_with_closed_lips(closed: Points) -> None:
    shapes = target_shapes(np.zeros((1, 8)), np.zeros(1), closed, shape_basis(), Limits())

    assert largest_gap(shapes)[0] < 1e-6
    np.testing.assert_allclose(shapes[0], closed, atol=5e-3)


def test_lips_meet_wherever_closure_asks_for_it(closed: Points) -> None:
    shapes = target_shapes(many(), np.ones(200), closed, shape_basis(), Limits())

    assert largest_gap(shapes).max() < 1e-9


def test_lips_never_cross(closed: Points) -> None:
    shapes = target_shapes(many(size=1.0), np.zeros(200), closed, shape_basis(), Limits())
    gaps = shapes[:, mesh.INNER_LOWER[1:-1], 1] - shapes[:, mesh.INNER_UPPER[1:-1], 1]

    assert gaps.min() > -1e-9


def test_no_mouth_opens_or_stretches_beyond_its_limits(closed: Points) -> None:
    limits = Limits(knee=0.10, widest=0.18, stretch=1.2)
    shapes = target_shapes(many(size=2.0), np.zeros(200), closed, shape_basis(), limits)

    assert opening(shapes).max() <= limits.widest + 0.02  # closing and folding guards move points a little
    assert (width(shapes) / width(closed)).max() <= 1.25


def test_small_openings_are_kept_as_planned(closed: Points) -> None:
    basis = shape_basis()
    coefficients = np.zeros((1, 8))
    coefficients[0, 0] = 0.25
    planned = opening(closed + basis.decode(coefficients, closed))[0]

    shapes = target_shapes(coefficients, np.zeros(1), closed, basis, Limits())

    assert 0.05 < planned < Limits().knee
    assert opening(shapes)[0] == pytest.approx(planned, rel=0.02)


def test_the_skin_under_the_lip_is_never_folded(closed: Points) -> None:
    shapes = target_shapes(many(size=1.5), np.zeros(200), closed, shape_basis(), Limits())
    neutral = closed[18, 1] - closed[17, 1]

    # the closure guarantee acts after the fold guard and may take back a little
    assert ((shapes[:, 18, 1] - shapes[:, 17, 1]) / neutral).min() > 0.5


def test_eyes_and_forehead_stay_on_their_pixels(closed: Points, posed: PosedShapes) -> None:
    where = Destination.for_template(posed.template, shape_basis())
    target = target_shapes(many(n=1), np.zeros(1), closed, shape_basis(), Limits())[0]
    landmarks = posed.scale_px[0] * posed.shapes[0] @ posed.rotation[0].T + posed.translation_px[0]

    to = where.pixels(target, posed.shapes[0], posed.scale_px[0], posed.rotation[0], landmarks)

    upper = posed.template[:, 1] < posed.template[mesh.NOSE_BASE, 1] - 0.05
    np.testing.assert_array_equal(to[upper], landmarks[upper, :2])
    assert np.abs(to[[61, 291, 17]] - landmarks[[61, 291, 17], :2]).max() > 0.5
