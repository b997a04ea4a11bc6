"""A portrait lives where it should, stays where it should, and everybody knows where its face is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.articulation.opening import own_direction
from lipwright.core.errors import NoFaceFound
from lipwright.core.face import TrackedFace
from lipwright.core.media import VideoFrame
from lipwright.core.plan import plan_frames
from lipwright.core.timeline import MouthTrack
from lipwright.demo import picture_path
from lipwright.portrait import open_source
from lipwright.portrait.footage import Portrait, PortraitTracker, find_faces
from lipwright.portrait.life import N_LOOP, Life
from lipwright.portrait.picture import BT709, Still, read_still
from lipwright.vision import mesh
from lipwright.vision.track import MeshTracker

EYES = ((159, 145), (386, 374))
"""The middles of upper and lower lid."""
SOME = range(0, N_LOOP, 37)


def kept(frames: Iterable[VideoFrame]) -> list[list[NDArray[np.uint8]]]:
    return [[np.array(plane, np.uint8) for plane in frame.planes] for frame in frames]


def openings(portrait: Portrait, index: int) -> list[float]:
    points = portrait.faces_at(index)[0].landmarks
    return [float(points[low, 1] - points[up, 1]) for up, low in EYES]


def test_pixels_outside_of_the_motion_mask_never_change(living: Portrait) -> None:
    still = read_still(picture_path())
    rests = ~living.motion_mask()

    assert 0.2 < rests.mean() < 0.9
    for luma, *_ in kept(living.play(SOME)):
        assert (luma[rests] == still.luma[rests]).all()


def test_the_border_of_the_picture_never_moves(living: Portrait) -> None:
    still = read_still(picture_path())

    for planes in kept(living.play(SOME)):
        for plane, before in zip(planes, still.planes, strict=True):
            for side in (np.s_[:1], np.s_[-1:], np.s_[:, :1], np.s_[:, -1:]):
                assert (plane[side] == before[side]).all()


def test_the_face_moves_but_only_a_little(living: Portrait) -> None:
    nose = np.stack([living.faces_at(k)[0].landmarks[1, :2] for k in range(0, N_LOOP, 5)])
    points = living.faces_at(0)[0].landmarks
    io_px = float(np.linalg.norm(points[33] - points[263]))

    travel = np.ptp(nose, axis=0) / io_px

    assert (travel > 0.015).all()
    assert (travel < 0.08).all()


def test_the_loop_has_no_seam_and_no_jump(living: Portrait) -> None:
    landmarks = [living.faces_at(k)[0].landmarks for k in [*range(N_LOOP - 3, N_LOOP), *range(3)]]

    steps = [float(np.abs(b - a).max()) for a, b in pairwise(landmarks)]

    assert steps[2] < 1.3 * max(steps[1], steps[3]) + 0.005
    assert max(steps) < 0.15  # px


@pytest.mark.parametrize("index", [40, 210, 430])
def test_landmarks_go_exactly_where_their_pixels_go(living: Portrait, index: int) -> None:
    before = read_still(picture_path()).luma
    still = open_source(picture_path(), MeshTracker(), is_still=True)[0]
    assert isinstance(still, Portrait)
    points = still.faces_at(0)[0].landmarks[:468, :2]
    # skin with texture, away from the lids, which may be shut
    lids = still.faces_at(0)[0].landmarks[[159, 145, 386, 374], :2]
    away = np.linalg.norm(points[:, None] - lids[None], axis=2).min(1) > 25
    after = kept(living.play([index]))[0][0]

    given = np.ascontiguousarray(points).reshape(-1, 1, 2)
    found, is_sure, _ = cv2.calcOpticalFlowPyrLK(before, after, given, given.copy(), winSize=(17, 17), maxLevel=2)

    told = living.faces_at(index)[0].landmarks[:468, :2]
    error = np.linalg.norm(found[:, 0] - told, axis=1)[away & (is_sure[:, 0] == 1)]
    moved = np.linalg.norm(told - points, axis=1)[away]
    assert np.median(moved) > 0.1
    assert np.median(error) < 0.06
    assert np.percentile(error, 95) < 0.25


def test_blinks_shut_both_eyes_for_a_moment_every_few_seconds(living: Portrait) -> None:
    both = np.array([openings(living, k) for k in range(N_LOOP)])
    wide = np.percentile(both, 90, axis=0)

    shut = (both < 0.35 * wide).all(1)

    starts = np.flatnonzero(np.diff(shut.astype(int)) == 1)
    assert 2 <= len(starts) <= 12
    assert all(25 < b - a < 400 for a, b in pairwise(starts))
    assert shut.mean() < 0.06
    assert (both > 0.9 * wide).all(1).mean() > 0.85


def test_a_shut_eye_shows_skin_where_the_iris_was(living: Portrait) -> None:
    both = [min(openings(living, k)) for k in range(N_LOOP)]
    shut = int(np.argmin(both))
    wide = shut - 12
    lumas = [planes[0] for planes in kept(living.play([shut, wide]))]
    iris = living.faces_at(wide)[0].landmarks[[468, 473], :2]

    darkest = [[int(luma[int(y) - 2 : int(y) + 1, int(x) - 2 : int(x) + 3].mean()) for x, y in iris] for luma in lumas]

    assert all(lid > eye + 25 for lid, eye in zip(*darkest, strict=True))


def test_a_frame_is_the_same_whenever_it_is_asked_for(living: Portrait, tracker: MeshTracker) -> None:
    again = open_source(picture_path(), tracker)[0]
    other = open_source(picture_path(), tracker, seed=5)[0]
    order = [300, 38, 2, 38]  # 38: in a blink

    first, second, third, fourth = kept(living.play(order))

    assert all((a == b).all() for a, b in zip(second, fourth, strict=True))
    assert all((a == b).all() for a, b in zip(kept(again.play([300]))[0], first, strict=True))
    assert (kept(other.play([2]))[0][0] != third[0]).any()


def test_life_takes_up_again_after_the_loop() -> None:
    life = Life(3)

    assert life.at(N_LOOP + 17) == life.at(17)
    assert Life(4).at(17) != life.at(17)


def test_still_shows_the_picture_and_nothing_else(tracker: MeshTracker) -> None:
    footage, faces = open_source(picture_path(), tracker, is_still=True, duration_s=Fraction(7))

    frames = kept(footage.frames())

    assert len(frames) == 1
    assert all((a == b).all() for a, b in zip(frames[0], read_still(picture_path()).planes, strict=True))
    assert [len(found) for _, found in faces.track(footage.play([0, 0, 0]))] == [1, 1, 1]


def test_a_portrait_lasts_as_long_as_any_speech(living: Portrait, tracker: MeshTracker) -> None:
    short = open_source(picture_path(), tracker, duration_s=Fraction(2))[0].info.video
    whole = living.info.video
    assert short is not None
    assert whole is not None

    long = plan_frames(whole, Fraction(60), when_short="freeze")

    assert plan_frames(short, Fraction(2)).order == tuple(range(50))
    assert long.order == tuple(k % N_LOOP for k in range(1500))


def test_what_is_a_face_from_one_window_only_does_not_blink(tracker: MeshTracker) -> None:
    class SeesGhosts:
        """Also finds the face on the empty wall."""

        def track(self, frames: Iterable[VideoFrame]) -> Iterator[tuple[VideoFrame, list[TrackedFace]]]:
            for frame, faces in tracker.track(frames):
                ghost = faces[0].landmarks - np.array((150, 0, 0), np.float32)
                yield frame, [*faces, TrackedFace(2, ghost, 0.9)]

    faces = find_faces(read_still(picture_path()), SeesGhosts())

    assert [face.face_id for face in faces] == [1]


def test_a_group_of_more_people_than_are_followed_is_told_of(tmp_path: Path) -> None:
    one = cv2.imread(str(picture_path()))[:, 60:452]
    cv2.imwrite(str(tmp_path / "group.png"), np.concatenate([one, np.full_like(one, 120), one], axis=1))

    group, _ = open_source(tmp_path / "group.png", MeshTracker(max_faces=1), is_still=True)
    alone, _ = open_source(picture_path(), MeshTracker(max_faces=1), is_still=True)

    assert group.notes == ["More than 1 face is in the picture at once: the others were not looked at."]
    assert alone.notes == []


def test_a_picture_without_a_face_is_told_of(tmp_path: Path, tracker: MeshTracker, short_speech: Path) -> None:
    from lipwright import service

    path = tmp_path / "wall.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(90, 160, (200, 240, 3), np.uint8))

    with pytest.raises(NoFaceFound):
        service.sync(path, short_speech, tmp_path / "out.mp4")


def test_a_face_of_a_portrait_is_where_it_is_at_any_moment(tmp_path: Path, short_speech: Path) -> None:
    from lipwright import service

    result = service.sync(picture_path(), short_speech, tmp_path / "out.mp4", face="225,123@20", still=True)

    assert result.speakers[0].why == "asked for"


def rested(still: Still, faces: Sequence[TrackedFace]) -> tuple[list[list[NDArray[np.uint8]]], MouthTrack]:
    """A second in which the still picture has nothing to say: its frames, and what its mouth was planned to do."""
    from lipwright import articulation
    from lipwright.core.media import AudioClip
    from lipwright.engines.rewrite import RewriteEngine

    footage = Portrait(still, faces, seed=0, n_frames=1)
    assert footage.info.video is not None
    avatar = RewriteEngine().study(footage, tracker=PortraitTracker(footage)).avatar(1)
    mouth = articulation.plan(articulation.listen(AudioClip(np.zeros(16_000, np.float32), 16_000)), avatar.style)
    return kept(avatar.speak(mouth, plan_frames(footage.info.video, Fraction(1)))), mouth


def test_who_was_taken_in_mid_word_begins_as_given_and_shuts_the_lips_while_nothing_is_said(
    tracker: MeshTracker,
) -> None:
    still = read_still(picture_path())
    (smiling,) = find_faces(still, tracker)
    low = smiling.landmarks.copy()
    low[[61, 291], 1] += 0.08 * np.linalg.norm(low[33] - low[263])  # corners as low as they are in talk

    talks, mouth = rested(still, [replace(smiling, landmarks=low)])
    smiles, _ = rested(still, [smiling])

    assert np.abs(mouth.coefficients @ own_direction()).max() < 1e-3
    assert (talks[0][0] == still.luma).all()
    changes = [np.abs(luma.astype(int) - still.luma).sum() for luma, *_ in talks]
    assert 0 < changes[2] < changes[5] < changes[-1]
    assert all((luma == still.luma).all() for luma, *_ in smiles)


@pytest.mark.parametrize("index", [pytest.param(45, id="wide"), pytest.param(69, id="half")])
def test_a_photo_of_somebody_in_mid_word_is_shut_in_every_pause(clips: Path, tmp_path: Path, index: int) -> None:
    from lipwright.vision.shape import opening, pose_shapes

    path = tmp_path / "photo.png"
    with av.open(str(clips / "video" / "it_ref.mp4")) as container:
        cv2.imwrite(str(path), next(islice(container.decode(video=0), index, None)).to_ndarray(format="bgr24"))

    still = read_still(path)

    frames, _ = rested(still, find_faces(still, MeshTracker()))

    seen = [VideoFrame(tuple(frames[k]), 0, Fraction(0), 8, BT709) for k in (0, -1)]
    found = [next(MeshTracker().track([one]))[1][0].landmarks for one in seen]
    given, last = opening(pose_shapes(np.stack(found).astype(np.float64)).shapes)
    assert given > 0.05
    assert last < 0.02


def test_a_video_of_a_photo_in_mid_word_is_shut_in_every_pause_like_the_photo(clips: Path, tmp_path: Path) -> None:
    """Zoomed slowly, with grain: what people make of a photo for services that take videos alone."""
    from lipwright import articulation
    from lipwright.core.media import AudioClip
    from lipwright.engines.rewrite import RewriteEngine
    from lipwright.media import open_footage
    from lipwright.vision.shape import opening, pose_shapes

    with av.open(str(clips / "video" / "it_ref.mp4")) as container:
        photo = next(islice(container.decode(video=0), 45, None)).to_ndarray(format="bgr24")
    height, width = photo.shape[:2]
    random = np.random.default_rng(0)
    with av.open(str(tmp_path / "photo.mp4"), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": "20", "preset": "ultrafast"})
        stream.width, stream.height = width, height
        for k in range(25):
            nearer = cv2.getRotationMatrix2D((width / 2, height / 2), 0.0, 1 + 0.001 * k)
            shown = cv2.warpAffine(photo, nearer, (width, height), flags=cv2.INTER_CUBIC)
            grainy = np.clip(shown + random.normal(0, 3, shown.shape), 0, 255).astype(np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(grainy, "bgr24")))
        out.mux(stream.encode(None))
    footage = open_footage(tmp_path / "photo.mp4")
    assert footage.info.video is not None

    avatar = RewriteEngine().study(footage, tracker=MeshTracker()).avatar(1)
    mouth = articulation.plan(articulation.listen(AudioClip(np.zeros(16_000, np.float32), 16_000)), avatar.style)
    frames = list(avatar.speak(mouth, plan_frames(footage.info.video, Fraction(1))))

    found = next(MeshTracker().track([frames[-1]]))[1][0].landmarks
    assert float(np.median(avatar.face.opening)) > 0.05
    assert opening(pose_shapes(found[None].astype(np.float64)).shapes)[0] < 0.02


def test_still_and_spoken_changes_only_the_surroundings_of_the_mouth(tracker: MeshTracker, short_speech: Path) -> None:
    from lipwright import articulation, media
    from lipwright.engines.rewrite import RewriteEngine

    speech = media.read_speech(short_speech)
    footage, faces = open_source(picture_path(), tracker, is_still=True, duration_s=speech.duration_s)
    assert isinstance(faces, PortraitTracker)
    assert footage.info.video is not None
    studied = RewriteEngine().study(footage, tracker=faces)
    points = footage.faces_at(0)[0].landmarks if isinstance(footage, Portrait) else np.empty((478, 3))
    avatar = studied.avatar(1)
    mouth = articulation.plan(articulation.listen(speech), avatar.style)
    plan = plan_frames(footage.info.video, speech.duration_s)

    spoken = kept(avatar.speak(mouth, plan))

    still = read_still(picture_path()).luma
    changed = np.any([luma != still for luma, *_ in spoken], axis=0)
    io_px = float(np.linalg.norm(points[33] - points[263]))
    y, x = np.mgrid[: still.shape[0], : still.shape[1]]
    middle = points[[61, 291], :2].mean(0)
    far = np.hypot(x - middle[0], y - middle[1]) > 1.3 * io_px
    above = y < points[list(mesh.STABLE), 1].min()
    assert len(spoken) == 30
    assert changed.any()
    assert not changed[far | above].any()
    assert not changed[int(points[159, 1]) - 20 : int(points[145, 1]), :].any()  # eyes and brows
