"""Frames that must not be driven are left alone, and nothing pops beside them."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.core.media import Plane
from lipwright.engines.rewrite.face import prepare_face
from lipwright.engines.rewrite.guards import ramp_frames, strengths
from lipwright.engines.rewrite.shared import clear_rows
from lipwright.engines.rewrite.steady import fill_gaps, runs, steady
from lipwright.engines.rewrite.study import FaceStudy
from lipwright.engines.rewrite.upright import quarter_turns
from lipwright.media import open_footage
from lipwright.vision.shape import PosedShapes
from lipwright.vision.track import MeshTracker

RAMP_FRAMES = 4
"""At 25 frames/s."""


def some(n: int, yaw_deg: NDArray[Any] | None = None) -> NDArray[Any]:
    """Rotations (n, 3, 3) of `n` frames, turned to the side by `yaw_deg` (n,)."""
    yaw = np.radians(np.zeros(n) if yaw_deg is None else yaw_deg)
    turn = np.zeros((n, 3, 3))
    turn[:, 0, 0] = turn[:, 2, 2] = np.cos(yaw)
    turn[:, 0, 2], turn[:, 2, 0] = np.sin(yaw), -np.sin(yaw)
    turn[:, 1, 1] = 1
    return turn


def test_faces_turned_towards_the_camera_are_driven_fully() -> None:
    strength, reason = strengths(range(20), some(20, np.full(20, 30.0)), np.zeros(20, bool))

    assert strength.min() == 1
    assert set(reason) == {""}


def test_profiles_are_left_alone_and_the_way_there_is_smooth() -> None:
    yaw = np.concatenate([np.linspace(0, 70, 60), np.linspace(70, 0, 60)])

    strength, reason = strengths(range(120), some(120, yaw), np.zeros(120, bool))

    assert strength[np.abs(yaw) >= 50].max() == 0
    assert {why for s, why in zip(strength, reason, strict=True) if s == 0} <= {"profile", "lost_track"}
    assert np.abs(np.diff(strength)).max() < 0.35


def test_the_drive_ramps_beside_frames_without_a_face() -> None:
    index = [*range(20), *range(40, 60)]

    strength, _ = strengths(index, some(40), np.zeros(40, bool))

    assert strength[0] == strength[-1] == 1  # the footage's own ends need no ramp
    assert 0 < strength[19] < 0.2
    assert (np.diff(strength[19 - RAMP_FRAMES : 20]) < 0).all()
    assert strength[19 - RAMP_FRAMES - 1] == 1


@pytest.mark.parametrize(("fps", "n_frames"), [(1.0, 1), (12.5, 2), (24.0, 4), (25.0, 4), (30.0, 5), (60.0, 10)])
def test_the_drive_ramps_for_the_same_time_at_any_rate_before_and_behind_a_hand(fps: float, n_frames: int) -> None:
    is_hidden = np.zeros(60, bool)
    is_hidden[25:35] = True

    strength, _ = strengths(range(60), some(60), is_hidden, frames_per_s=fps)

    assert ramp_frames(fps) == n_frames
    assert (strength[25:35] == 0).all()
    assert np.flatnonzero((strength > 0) & (strength < 1)).tolist() == [
        *range(25 - n_frames, 25), *range(35, 35 + n_frames)
    ]  # fmt: skip
    assert (np.diff(strength[24 - n_frames : 26]) < 0).all()
    assert strength[24 - n_frames] == strength[35 + n_frames] == 1


@pytest.mark.parametrize("n_hidden", [1, 2])
def test_a_hand_waved_before_the_mouth_costs_no_more_of_the_drive_on_either_side_than_it_lasts(n_hidden: int) -> None:
    is_hidden = np.zeros(40, bool)
    is_hidden[20 : 20 + n_hidden] = is_hidden[5:12] = True

    strength, _ = strengths(range(40), some(40), is_hidden)

    assert np.flatnonzero((strength > 0) & (strength < 1)).tolist() == [
        *range(5 - RAMP_FRAMES, 5), *range(12, 12 + RAMP_FRAMES),
        *range(20 - n_hidden, 20), *range(20 + n_hidden, 20 + 2 * n_hidden),
    ]  # fmt: skip


def test_the_drive_does_not_ramp_beside_another_shot() -> None:
    index = [*range(20), *range(40, 60)]

    apart, _ = strengths(index, some(40), np.zeros(40, bool), cuts=[20, 40])
    lost_after_the_cut, _ = strengths(index, some(40), np.zeros(40, bool), cuts=[20])

    assert apart.min() == 1
    assert lost_after_the_cut[:20].min() == 1
    assert 0 < lost_after_the_cut[20] < 0.2


def test_the_drive_ramps_where_somebody_comes_into_view_and_leaves() -> None:
    index = range(10, 50)

    strength, _ = strengths(index, some(40), np.zeros(40, bool), last_frame=60)
    in_shots_of_their_own, _ = strengths(index, some(40), np.zeros(40, bool), last_frame=60, cuts=[10, 50])
    to_the_end, _ = strengths(index, some(40), np.zeros(40, bool), last_frame=49, cuts=[10])

    assert 0 < strength[0] < 0.2
    assert 0 < strength[-1] < 0.2
    assert strength[RAMP_FRAMES:-RAMP_FRAMES].min() == 1
    assert in_shots_of_their_own.min() == to_the_end.min() == 1


def test_hidden_mouths_are_left_alone() -> None:
    hidden = np.zeros(40, bool)
    hidden[15:20] = True

    strength, reason = strengths(range(40), some(40), hidden)

    assert strength[15:20].max() == 0
    assert reason[17] == "occluded"
    assert strength[5] == 1


def test_a_frame_on_which_something_may_be_before_the_mouth_is_driven_and_does_not_lend(
    clips: Path,
) -> None:
    """A flash of light: the lips are unlike themselves for one frame, and so is all of the face."""
    study = FaceStudy(1)
    for frame, faces in islice(MeshTracker().track(open_footage(clips / "video" / "vr_4.mp4").frames()), 40):
        if frame.index == 25:
            white = (235 + 0.2 * (plane.astype(np.float64) - 235) for plane in frame.planes[:1])
            grey = (128 + 0.2 * (plane.astype(np.float64) - 128) for plane in frame.planes[1:])
            planes = tuple(cast("Plane", plane.astype(np.uint8)) for plane in (*white, *grey))
            frame = replace(frame, planes=planes, raw=None)
        study.observe(frame, faces[0])

    face = prepare_face(study)

    assert set(study.mouths) - set(clear_rows(study.mouths, face)) == {25}
    assert face.strength[25] > 0.95


@pytest.mark.parametrize("lies", [0, 1, 2, 3])
def test_a_head_in_profile_is_not_taken_for_a_lying_one(posed: PosedShapes, lies: int) -> None:
    """Seen from above or below, with a tilted head: the line between the eyes is short, and points anywhere."""
    for pitch_deg, roll_deg in ((0, 0), (20, 0), (25, 0), (-25, 0), (20, 20), (20, 30), (-20, -20)):
        tilted = turned(posed.template, pitch_deg, 0.0, roll_deg - 90.0 * lies)
        before = quarter_turns(tilted)
        for yaw_deg in range(0, 85, 5):
            points = turned(posed.template, pitch_deg, yaw_deg, roll_deg - 90.0 * lies)
            before = quarter_turns(points, before)
            assert (before + lies) % 4 == 0, (pitch_deg, roll_deg, yaw_deg)


def turned(shape: NDArray[np.float64], pitch_deg: float, yaw_deg: float, roll_deg: float) -> NDArray[np.float64]:
    """(478, 3) px, of a head that nods by so much, then looks aside, then is tilted."""
    pitch, yaw, roll = np.radians((pitch_deg, yaw_deg, roll_deg))
    nod = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    aside = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    tilt = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return 150 * shape @ (tilt @ nod @ aside).T


def test_short_gaps_of_a_resting_face_are_bridged_and_long_ones_are_not(posed: PosedShapes) -> None:
    face = posed.scale_px[0] * posed.shapes[0] + posed.translation_px[0]
    index = [0, 1, 5, 20]

    filled, landmarks, seen = fill_gaps(index, np.stack([face, face, face + 2.0, face]))

    assert filled == [0, 1, 2, 3, 4, 5, 20]
    assert seen.tolist() == [True, True, False, False, False, True, True]
    np.testing.assert_allclose(landmarks[3], face + 1.0)


def test_what_lies_between_two_shots_is_not_bridged(posed: PosedShapes) -> None:
    face = posed.scale_px[0] * posed.shapes[0] + posed.translation_px[0]
    rows = np.stack([face, face, face, face])

    assert fill_gaps([0, 1, 5, 6], rows, cuts=[2, 5])[0] == [0, 1, 5, 6]
    assert fill_gaps([0, 1, 5, 6], rows, cuts=[5])[0] == [0, 1, 5, 6]
    assert fill_gaps([0, 1, 5, 6], rows, cuts=[6])[0] == [0, 1, 2, 3, 4, 5, 6]


def test_noise_on_a_still_face_is_taken_out(posed: PosedShapes) -> None:
    rng = np.random.default_rng(0)
    face = 100 * posed.shapes[0] + 200
    noisy = face + rng.normal(0, 0.2, (60, 478, 3))

    calm = steady(range(60), noisy)

    def jitter(points: NDArray[Any]) -> float:
        return float(np.abs(np.diff(points, 2, axis=0)).mean())

    assert jitter(calm) < 0.25 * jitter(noisy)
    assert np.abs(calm.mean(0) - face).max() < 0.2


def test_a_moving_head_stays_raw(posed: PosedShapes) -> None:
    face = 100 * posed.shapes[0] + 200
    moving = face + np.linspace(0, 120, 60)[:, None, None] * np.array((1.0, 0.3, 0.0))
    moving += np.random.default_rng(0).normal(0, 0.2, moving.shape)

    np.testing.assert_allclose(steady(range(60), moving), moving, atol=0.05)


def test_a_cut_ends_a_run(posed: PosedShapes) -> None:
    face = 100 * posed.shapes[0] + 200
    shots = np.concatenate([np.repeat(face[None], 10, 0), np.repeat(face[None] + 150.0, 10, 0)])

    assert runs(range(20), shots) == [slice(0, 10), slice(10, 20)]
    assert runs(range(20), shots, turned=[4]) == [slice(0, 4), slice(4, 10), slice(10, 20)]
