"""What a plan makes of one person's face stays a face."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.engines.rewrite.target import Destination, Limits, is_in_mid_word, target_shapes, with_lead
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
    np.testing.assert_allclose(shapes[0, :, :2], closed[:, :2], atol=5e-3)


def test_an_open_mouth_is_in_mid_word_unless_its_corners_are_up_in_a_smile(posed: PosedShapes, closed: Points) -> None:
    smile = np.median(posed.shapes, axis=0)
    says = smile.copy()
    says[[61, 291], 1] += 0.08

    assert not is_in_mid_word(smile)
    assert is_in_mid_word(says)
    assert not is_in_mid_word(closed + says - smile)


def test_lips_meet_wherever_closure_asks_for_it_and_are_pressed_together_a_little(closed: Points) -> None:
    shapes = target_shapes(many(), np.ones(200), closed, shape_basis(), Limits())

    upper, lower = (shapes[:, ring[1:-1], 1:] for ring in (mesh.INNER_UPPER, mesh.INNER_LOWER))
    gaps = lower[..., 0] - upper[..., 0]
    assert gaps.max() < -0.010, "lips that only just meet are seen as apart"
    assert gaps.min() > -0.018, "lips give way by a millimetre or two, and nobody bites them"
    # in depth they meet: a head that is seen from below or above shows them shut as well
    np.testing.assert_allclose(upper[..., 1], lower[..., 1], atol=1e-9)


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


@pytest.mark.parametrize(("gap_io", "share"), [(0.008, 0.0), (0.022, 1.0)])
def test_lips_that_nearly_touch_do_and_those_a_little_apart_stay_so(
    closed: Points, gap_io: float, share: float
) -> None:
    basis = shape_basis()
    coefficients = np.zeros((1, 8))
    coefficients[0, 0] = 1.0
    coefficients[0, 0] = gap_io / largest_gap(closed + basis.decode(coefficients, closed))[0]

    shapes = target_shapes(coefficients, np.zeros(1), closed, basis, Limits())

    assert largest_gap(shapes)[0] == pytest.approx(share * gap_io, abs=0.001)


def test_the_skin_under_the_lip_is_never_folded(closed: Points) -> None:
    shapes = target_shapes(many(size=1.5), np.zeros(200), closed, shape_basis(), Limits())
    neutral = closed[18, 1] - closed[17, 1]

    # the closure guarantee acts after the fold guard and may take back a little
    assert ((shapes[:, 18, 1] - shapes[:, 17, 1]) / neutral).min() > 0.5


def test_eyes_and_forehead_stay_on_their_pixels(closed: Points, posed: PosedShapes) -> None:
    where = Destination.for_template(posed.template, shape_basis())
    target = target_shapes(many(n=1), np.zeros(1), closed, shape_basis(), Limits())[0]
    landmarks = posed.scale_px[0] * posed.shapes[0] @ posed.rotation[0].T + posed.translation_px[0]

    to = where.pixels(target[None], posed.shapes[:1], posed.scale_px[:1], posed.rotation[:1], landmarks[None])[0]

    upper = posed.template[:, 1] < posed.template[mesh.NOSE_BASE, 1] - 0.05
    np.testing.assert_array_equal(to[upper], landmarks[upper, :2])
    assert np.abs(to[[61, 291, 17]] - landmarks[[61, 291, 17], :2]).max() > 0.5


def leading(closed: Points, asked: NDArray[Any], own: NDArray[Any]) -> tuple[Points, Points, Points]:
    """Targets (n, 478, 3) for coefficients, the frames' own shapes, and the targets with their lead."""
    basis, none = shape_basis(), np.zeros(len(asked))
    targets = target_shapes(asked, none, closed, basis, Limits())
    mine = target_shapes(own, none, closed, basis, Limits())
    return targets, mine, with_lead(targets, mine, np.ones(len(asked)))


def test_lips_are_driven_further_than_asked_and_away_from_the_frames_own(closed: Points) -> None:
    wide = np.repeat(many(seed=3, n=1, size=0.3) + np.eye(8)[0] * 0.1, 30, axis=0)
    targets, own, led = leading(closed, wide, np.zeros((30, 8)))

    asked, more = (s[15, mesh.CORNERS] - own[15, mesh.CORNERS] for s in (targets, led))

    np.testing.assert_allclose(more[:, :2], (1.20, 1.25) * asked[:, :2], atol=0.03 * np.abs(asked[:, :2]).max())
    assert opening(led)[15] > 1.03 * opening(targets)[15]


def test_lips_that_must_touch_touch_whatever_the_lead(closed: Points) -> None:
    wide_open = np.repeat(np.eye(8)[:1] * 0.5, 30, axis=0)
    _, own, led = leading(closed, np.zeros((30, 8)), wide_open)

    assert largest_gap(own).min() > 0.08
    assert np.abs(led[:, mesh.INNER_LOWER[1:-1], 1] - led[:, mesh.INNER_UPPER[1:-1], 1]).max() < 1e-9


def test_lips_that_are_pressed_together_stay_so_whatever_the_lead(closed: Points) -> None:
    own = target_shapes(np.repeat(np.eye(8)[:1] * 0.5, 30, axis=0), np.zeros(30), closed, shape_basis(), Limits())
    pressed = target_shapes(np.zeros((30, 8)), np.ones(30), closed, shape_basis(), Limits())

    led = with_lead(pressed, own, np.ones(30))

    asked, gaps = (s[:, mesh.INNER_LOWER[1:-1], 1] - s[:, mesh.INNER_UPPER[1:-1], 1] for s in (pressed, led))
    assert gaps.max() < -0.005
    np.testing.assert_allclose(gaps, asked, atol=1e-9)


def test_noise_of_the_tracker_gets_no_lead(closed: Points) -> None:
    still = np.zeros((60, 8))
    still[:, 0] = 0.2
    targets, own, _ = leading(closed, still, np.zeros((60, 8)))
    shaken = own + np.random.default_rng(5).normal(0, 0.01, own.shape)

    lead = (with_lead(targets, shaken, np.ones(60)) - with_lead(targets, own, np.ones(60)))[:, mesh.CORNERS, :2]

    assert np.diff(lead, axis=0).std() < 0.1 * np.diff(shaken[:, mesh.CORNERS, :2], axis=0).std()


def test_corners_that_are_as_asked_are_not_driven_and_lips_a_little_wider_than_they_will_be_read(
    closed: Points,
) -> None:
    for still in many(n=5):
        asked = np.repeat(still[None], 20, axis=0)
        targets, own, led = leading(closed, asked, asked)

        np.testing.assert_array_equal(targets, own)
        np.testing.assert_allclose(led[:, mesh.CORNERS], targets[:, mesh.CORNERS], atol=1e-12)
        assert (opening(led) >= opening(targets) - 1e-12).all()
        assert (opening(led) <= 1.131 * opening(targets) + 1e-12).all()


def test_frames_that_are_hardly_changed_hardly_get_a_lead(closed: Points) -> None:
    parted = np.repeat(np.eye(8)[:1] * 0.15, 30, axis=0)
    targets, own, led = leading(closed, parted, parted)
    fading = np.linspace(0, 1, 30)

    lead = (opening(with_lead(targets, own, fading)) - opening(targets)) / (opening(led) - opening(targets))

    np.testing.assert_allclose(lead, fading, atol=1e-9)


def test_a_pause_stands_still_while_the_footages_mouth_goes_on(closed: Points) -> None:
    asked = np.repeat(np.eye(8)[:1] * 0.15, 100, axis=0)
    chatting = np.zeros((100, 8))
    chatting[:, 0] = 0.2 + 0.2 * np.sin(2 * np.pi * 4 * np.arange(100) / 25)
    targets, own, led = leading(closed, asked, chatting)

    assert opening(own).std() > 0.02
    assert opening(led)[20:80].std() < 0.001
    assert opening(led).mean() == pytest.approx(opening(targets).mean(), rel=0.15)
