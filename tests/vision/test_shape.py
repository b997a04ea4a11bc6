from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.core.timeline import N_SHAPE
from lipwright.vision import mesh, shape

Points = NDArray[np.float64]


@pytest.fixture(scope="module")
def closed() -> Points:
    """A made-up face (478, 3), lips together: enough of a face for every measure."""
    rng = np.random.default_rng(7)
    face = rng.uniform((-0.7, -0.6, -0.3), (0.7, 1.2, 0.3), (478, 3))
    face[33], face[263] = (-0.5, 0.0, 0.0), (0.5, 0.0, 0.0)
    face[133], face[362] = (-0.2, 0.0, 0.0), (0.2, 0.0, 0.0)
    face[234], face[454], face[127], face[356] = (-0.8, 0.2, 0.3), (0.8, 0.2, 0.3), (-0.8, 0, 0.3), (0.8, 0, 0.3)
    face[172], face[397], face[105], face[334] = (-0.6, 1.0, 0.2), (0.6, 1.0, 0.2), (-0.3, -0.3, 0), (0.3, -0.3, 0)
    face[9], face[mesh.NOSE_BASE] = (0.0, -0.2, 0.0), (0.0, 0.5, 0.0)
    x = np.linspace(-0.28, 0.28, 11)
    bow = 1 - (x / 0.28) ** 2
    for upper, lower, lift, half in (
        (mesh.OUTER_UPPER, mesh.OUTER_LOWER, 0.08, 1.0),
        (mesh.MIDDLE_UPPER, mesh.MIDDLE_LOWER, 0.05, 0.97),
        (mesh.INNER_MIDDLE_UPPER, mesh.INNER_MIDDLE_LOWER, 0.02, 0.93),
        (mesh.INNER_UPPER, mesh.INNER_LOWER, 0.0, 0.9),
    ):
        for ring, sign in ((upper, -1), (lower, 1)):
            face[list(ring), 0] = half * x
            face[list(ring), 1] = 0.75 + sign * lift * bow
            face[list(ring), 2] = 0.0
    return shape.canonical_axes(face)


def opened(closed: Points, amounts: NDArray[np.float64]) -> Points:
    """(n, 478, 3): the lower lip and chin lowered by each of `amounts`, IO."""
    shapes = np.tile(closed, (len(amounts), 1, 1))
    profile = 1 - np.linspace(-1, 1, 11) ** 2
    for ring in (mesh.OUTER_LOWER, mesh.MIDDLE_LOWER, mesh.INNER_MIDDLE_LOWER, mesh.INNER_LOWER):
        shapes[:, list(ring), 1] += amounts[:, None] * profile
    shapes[:, list(mesh.CHIN), 1] += 0.7 * amounts[:, None]
    return shapes


def posed(
    shapes: Points, seed: int = 0
) -> tuple[Points, NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The shapes in pixels, turned, moved and scaled; and by how much."""
    rng = np.random.default_rng(seed)
    scale = rng.uniform(80, 160, len(shapes))
    angle = rng.uniform(-0.3, 0.3, len(shapes))
    rotation = np.zeros((len(shapes), 3, 3))
    rotation[:, 0, 0], rotation[:, 0, 2] = np.cos(angle), np.sin(angle)
    rotation[:, 2, 0], rotation[:, 2, 2] = -np.sin(angle), np.cos(angle)
    rotation[:, 1, 1] = 1
    translation = rng.uniform(200, 400, (len(shapes), 3))
    turned = np.einsum("nij,nkj->nki", rotation, shapes)
    return scale[:, None, None] * turned + translation[:, None], scale, rotation, translation


def test_the_pose_that_made_the_landmarks_is_found_again(closed: Points):
    landmarks, scale, rotation, translation = posed(np.tile(closed, (20, 1, 1)))

    found_scale, found_rotation, found_translation = shape.fit_similarity(closed, landmarks)

    np.testing.assert_allclose(found_scale, scale, rtol=1e-9)
    np.testing.assert_allclose(found_rotation, rotation, atol=1e-9)
    np.testing.assert_allclose(found_translation, translation, atol=1e-6)


def test_shapes_do_not_depend_on_the_pose(closed: Points):
    shapes = opened(closed, np.linspace(0, 0.2, 30))

    one, other = (shape.pose_shapes(posed(shapes, seed)[0], template=closed).shapes for seed in (1, 2))

    np.testing.assert_allclose(one, other, atol=1e-9)


def test_a_moving_mouth_does_not_move_the_pose(closed: Points):
    still, talking = np.tile(closed, (30, 1, 1)), opened(closed, np.linspace(0, 0.2, 30))

    np.testing.assert_allclose(
        shape.fit_similarity(closed, posed(talking)[0])[0], shape.fit_similarity(closed, posed(still)[0])[0], rtol=1e-9
    )


def test_the_template_has_unit_distance_between_the_outer_eye_corners(closed: Points):
    found = shape.pose_shapes(posed(opened(closed, np.linspace(0, 0.1, 40)))[0])

    left, right = (found.template[k] for k in mesh.EYE_CORNERS)
    assert np.linalg.norm(left - right) == pytest.approx(1.0)
    np.testing.assert_allclose((left + right) / 2, 0, atol=1e-9)


def test_pose_and_shape_together_give_the_landmarks_back(closed: Points):
    landmarks = posed(opened(closed, np.linspace(0, 0.2, 25)))[0]
    found = shape.pose_shapes(landmarks)

    again = (
        found.scale_px[:, None, None] * np.einsum("nij,nkj->nki", found.rotation, found.shapes)
        + found.translation_px[:, None]
    )

    np.testing.assert_allclose(again, landmarks, atol=1e-6)


def test_landmarks_without_a_frame_are_refused():
    with pytest.raises(ValueError, match="n > 0"):
        shape.pose_shapes(np.zeros((0, 478, 3)))


def test_opening_and_gap_grow_by_as_much_as_the_lip_goes_down(closed: Points):
    shapes = opened(closed, np.array([0.0, 0.1]))

    assert np.ptp(shape.largest_gap(shapes)) == pytest.approx(0.1)
    assert np.ptp(shape.opening(shapes)) == pytest.approx(0.1, rel=0.1)
    assert np.ptp(shape.width(shapes)) < 1e-9


def test_the_neutral_of_a_talker_is_their_least_open_mouth(closed: Points):
    amounts = np.abs(np.sin(np.linspace(0, 20, 400))) * 0.2

    neutral = shape.neutral_shape(opened(closed, amounts))

    assert shape.opening(neutral) < 0.02


def test_the_neutral_of_a_still_face_is_its_usual_mouth(closed: Points):
    neutral = shape.neutral_shape(opened(closed, np.full(50, 0.05)))

    assert shape.opening(neutral) == pytest.approx(float(shape.opening(opened(closed, np.array([0.05])))[0]))


def test_the_closed_neutral_brings_the_lips_together_and_nothing_folds(closed: Points):
    parted = opened(closed, np.array([0.08]))[0]

    shut = shape.closed_neutral(parted)

    assert abs(shape.opening(shut)) < 1e-12
    assert abs(shape.largest_gap(shut)) < 1e-12
    rings = (mesh.INNER_LOWER, mesh.INNER_MIDDLE_LOWER, mesh.MIDDLE_LOWER, mesh.OUTER_LOWER)
    heights = np.array([shut[list(ring[4:7]), 1] for ring in rings])
    assert (np.diff(heights, axis=0) > 0).all()


def test_lips_that_never_meet_are_no_thicker_where_they_are_brought_together(closed: Points):
    """As those of people who close their mouths: the lower lip comes as a whole, and the chin with it."""

    def thickness(one: Points) -> NDArray[np.float64]:
        lips = ((mesh.OUTER_UPPER, mesh.INNER_UPPER), (mesh.INNER_LOWER, mesh.OUTER_LOWER))
        return np.array([(one[list(below), 1] - one[list(above), 1])[4:7].mean() for above, below in lips])

    for gap_io in (0.08, 0.12):
        parted = opened(closed, np.array([gap_io]))[0]
        shut = shape.closed_neutral(parted)
        upper, lower = thickness(shut) - thickness(parted)
        assert 0 <= upper < 0.10 * gap_io
        assert lower == pytest.approx(0, abs=1e-9)
        assert parted[152, 1] - shut[152, 1] == pytest.approx(0.3 * gap_io, rel=0.15)
        assert abs(shape.largest_gap(shut)) < 1e-12


def test_a_mouth_that_is_closed_already_stays(closed: Points):
    np.testing.assert_allclose(shape.closed_neutral(closed), closed, atol=1e-12)


def test_the_basis_is_orthonormal_and_strongest_first():
    basis = shape.shape_basis()

    np.testing.assert_allclose(basis.components @ basis.components.T, np.eye(len(basis.components)), atol=1e-5)
    assert len(basis.components) >= N_SHAPE
    assert (np.diff(basis.spread[:5]) < 0).all()


def test_the_basis_moves_the_lower_face_alone():
    points = set(shape.shape_basis().points.tolist())

    assert set(mesh.LIPS) <= points
    assert 152 in points
    assert points.isdisjoint({33, 263, 133, 362, 10, 168, 6})
    assert max(points) < 468


def test_coefficients_survive_decoding_and_encoding(closed: Points):
    basis = shape.shape_basis()
    wanted = np.random.default_rng(3).normal(0, 1, (20, N_SHAPE)) * basis.spread[:N_SHAPE]

    again = basis.encode(closed + basis.decode(wanted, closed), closed)

    np.testing.assert_allclose(again, wanted, atol=1e-5)


def test_zero_coefficients_are_the_closed_mouth(closed: Points):
    basis = shape.shape_basis()

    assert not basis.decode(np.zeros((1, N_SHAPE)), closed).any()
    np.testing.assert_allclose(basis.encode(closed[None], closed), 0, atol=1e-12)


def test_a_larger_mouth_moves_more_for_the_same_coefficients(closed: Points):
    basis, coefficients = shape.shape_basis(), np.full((1, N_SHAPE), 0.1)
    wide = closed.copy()
    wide[:, 0] *= 1.15

    ratio = np.abs(basis.decode(coefficients, wide)).max() / np.abs(basis.decode(coefficients, closed)).max()

    assert ratio == pytest.approx(shape.mouth_scale(wide) / shape.mouth_scale(closed))


def test_the_first_coefficient_opens_the_mouth(closed: Points):
    moved = closed + shape.shape_basis().decode(np.array([[0.3] + [0.0] * (N_SHAPE - 1)]), closed)

    assert shape.opening(moved)[0] > 0.05


def test_projection_keeps_what_the_basis_can_say_and_drops_the_rest(closed: Points):
    basis = shape.shape_basis()
    sayable = basis.decode(np.full((1, N_SHAPE), 0.1), closed)
    noise = 0.02 * np.random.default_rng(0).standard_normal(sayable.shape)

    np.testing.assert_allclose(basis.project(sayable), sayable, atol=1e-6)
    kept = basis.project(noise)
    moved = basis.points
    assert (kept[:, moved] ** 2).sum() < 0.1 * (noise[:, moved] ** 2).sum()


def test_eight_coefficients_draw_real_mouths_to_one_percent_of_the_eye_distance():
    folder = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "av"
    if not (folder / "manifest.json").is_file():
        pytest.skip(f"no recorded faces: {folder} is not there")
    names = [row["name"] for row in json.loads((folder / "manifest.json").read_text())]
    assert "vr_4" in names
    with np.load(folder / "vr_4.npz") as table:
        low, high = table["low_px"], table["high_px"]
        landmarks = low + table["landmarks_q"][::3].astype(np.float64) / 65534 * (high - low)
    shapes = shape.pose_shapes(landmarks).shapes
    closed = shape.closed_neutral(shape.neutral_shape(shapes))
    basis = shape.shape_basis()

    drawn = closed + basis.decode(basis.encode(shapes, closed), closed)

    apart = np.linalg.norm((drawn - shapes)[:, list(mesh.LIPS), :2], axis=-1)
    assert np.sqrt((apart**2).mean()) < 0.01


def test_importing_shapes_loads_no_picture_library():
    heavy = {"cv2", "mediapipe", "av", "onnxruntime"}
    code = f"import sys, lipwright.vision.shape; sys.exit(bool({heavy} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
