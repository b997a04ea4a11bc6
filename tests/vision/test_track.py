"""The tracker's promises, on scenes made in memory from the heads of real clips: who is where is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.core.face import Box, TrackedFace
from lipwright.core.media import Colour, Plane, VideoFrame
from lipwright.demo import video_path
from lipwright.media import open_footage
from lipwright.vision.detect import Detection, FaceDetector
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


def relit(frame: VideoFrame, light: float) -> VideoFrame:
    """The same in so many times the light, in code values."""
    luma, *chroma = (plane.astype(np.float64) for plane in frame.planes)
    planes = (16 + light * (luma - 16), *(128 + light * (part - 128) for part in chroma))
    codes = tuple(plane.clip(0, 255).astype(np.uint8) for plane in planes)
    return VideoFrame(codes, frame.index, frame.time_s, frame.bits, frame.colour)


def upside_down(frame: VideoFrame) -> VideoFrame:
    """The camera was held the wrong way up."""
    planes = tuple(plane[::-1, ::-1].astype(np.uint8) for plane in frame.planes)
    return VideoFrame(planes, frame.index, frame.time_s, frame.bits, frame.colour)


def squares(clips: Path, name: str, n: int) -> Iterator[VideoFrame]:
    """The middle of the first n frames of a clip, 400x400, at 25 frames/s."""
    for k, frame in enumerate(islice(open_footage(clips / "video" / f"{name}.mp4").frames(), n)):
        side = min(frame.width_px, frame.height_px) // 2 * 2
        left = (frame.width_px - side) // 4 * 2
        planes = [
            cv2.resize(plane[: side // step, left // step : (left + side) // step], (400 // step, 400 // step))
            for plane, step in zip(frame.planes, (1, 2, 2), strict=True)
        ]
        yield VideoFrame(cast("tuple[Plane, ...]", tuple(planes)), k, Fraction(k, 25), 8, BT709)


Heads = dict[str, Head]


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


def nearest(faces: list[TrackedFace], x: float, y: float, within_px: float) -> TrackedFace | None:
    close = [f for f in faces if np.hypot(f.box.centre_px[0] - x, f.box.centre_px[1] - y) < within_px]
    return min(close, key=lambda f: np.hypot(f.box.centre_px[0] - x, f.box.centre_px[1] - y), default=None)


def test_a_frame_without_a_face_is_an_empty_list(tracker: MeshTracker):
    frames = [blank(index=k) for k in range(12)]

    seen = [(frame, faces) for frame, faces in tracker.track(frames)]

    assert [frame.index for frame, _ in seen] == list(range(12))
    assert all(faces == [] for _, faces in seen)


def test_the_same_frames_give_the_same_landmarks(tracker: MeshTracker, heads: Heads):
    def run() -> list[NDArray[np.float32]]:
        frames = play(8, lambda k: [(heads["vr_4"], 200 + 4 * k, 180, 220)])
        return [face.landmarks for _, faces in tracker.track(frames) for face in faces]

    first, second = run(), run()

    assert len(first) == 8
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_two_people_keep_their_ids_while_one_passes_in_front_of_the_other(tracker: MeshTracker, heads: Heads):
    n = 60

    def where(k: int) -> tuple[float, float]:
        return 120 + 400 * k / (n - 1), 520 - 400 * k / (n - 1)

    frames = play(n, lambda k: [(heads["it_ref"], where(k)[0], 180, 210), (heads["vr_4"], where(k)[1], 180, 210)])
    ids: dict[str, Counter[int]] = {"behind": Counter(), "front": Counter()}
    for k, (_, faces) in enumerate(tracker.track(frames)):
        assert len({face.face_id for face in faces}) == len(faces)
        if abs(where(k)[0] - where(k)[1]) > 140:
            for who, x in zip(ids, where(k), strict=True):
                face = nearest(faces, x, 180, 60)
                if face:
                    ids[who][face.face_id] += 1

    assert len(ids["behind"]) == len(ids["front"]) == 1, ids
    assert set(ids["behind"]).isdisjoint(ids["front"])
    assert min(ids["behind"].total(), ids["front"].total()) > 25


def test_four_faces_of_different_sizes_are_all_found(tracker: MeshTracker, heads: Heads):
    crowd: list[Place] = [
        (heads["vr_4"], 120.0, 120.0, 220),
        (heads["it_ref"], 360.0, 150.0, 150),
        (heads["reporter_71s"], 520.0, 260.0, 120),
        (heads["vr_2"], 270.0, 280.0, 100),
    ]

    counts = [len(faces) for _, faces in tracker.track(play(16, lambda _: crowd))]

    assert counts[0] >= 3
    assert counts[-1] == 4


def test_ids_survive_a_scene_cut_away_and_back(tracker: MeshTracker, heads: Heads):
    def scene(k: int) -> list[tuple[Head, float, float, int]]:
        if 20 <= k < 40:
            return [(heads["reporter_71s"], 400, 190, 300)]
        return [(heads["vr_4"], 150, 180, 220), (heads["it_ref"], 450, 180, 200)]

    def shots():
        for k in range(60):
            yield paint(blank(index=k, level=150 if 20 <= k < 40 else 70), scene(k))

    seen = [faces for _, faces in tracker.track(shots())]

    first = {face.face_id for face in seen[19]}
    between = {face.face_id for face in seen[39]}
    assert len(first) == 2
    assert len(between) == 1
    assert first.isdisjoint(between)
    assert {face.face_id for face in seen[45]} == first
    left_before = nearest(seen[19], 150, 180, 60)
    left_after = nearest(seen[45], 150, 180, 60)
    assert left_before is not None
    assert left_after is not None
    assert left_before.face_id == left_after.face_id


@pytest.mark.parametrize("light", [0.65, 1.3])
def test_who_is_lit_otherwise_after_a_cut_is_the_same_person(tracker: MeshTracker, heads: Heads, light: float):
    """Another exposure, or a lamp that went out: nobody else has come."""

    def shots(head: Head) -> Iterator[VideoFrame]:
        for k in range(12):
            frame = paint(blank(index=k, level=90 if k < 6 else 50), [(head, 250 if k < 6 else 380, 180, 300)])
            yield frame if k < 6 else relit(frame, light)

    for name, head in heads.items():
        ids = [[face.face_id for face in faces] for _, faces in tracker.track(shots(head))]
        assert ids[5] == ids[-1] == [1], name


@pytest.mark.parametrize("to", [16, 235])
def test_who_comes_out_of_a_fade_is_one_person_all_the_way(tracker: MeshTracker, heads: Heads, to: int):
    def shots(head: Head) -> Iterator[VideoFrame]:
        for k in range(30):
            frame = paint(blank(index=k), [(head, 320, 180, 300)])
            share = min((k + 1) / 20, 1.0)
            for plane, level in zip(frame.planes, (to, 128, 128), strict=True):
                plane[...] = share * plane + (1 - share) * level
            yield frame

    for name, head in heads.items():
        ids = [[face.face_id for face in faces] for _, faces in tracker.track(shots(head))]
        assert all(seen in ([], [1]) for seen in ids), name
        assert all(seen == [1] for seen in ids[10:]), name


def test_who_is_seen_without_colours_after_a_cut_is_the_same_person(tracker: MeshTracker, heads: Heads):
    def shots(head: Head) -> Iterator[VideoFrame]:
        for k in range(12):
            frame = paint(blank(index=k, level=90 if k < 6 else 50), [(head, 250 if k < 6 else 380, 180, 300)])
            for plane in frame.planes[1:] if k >= 6 else ():
                plane[...] = 128
            yield frame

    for name, head in heads.items():
        ids = [[face.face_id for face in faces] for _, faces in tracker.track(shots(head))]
        assert ids[5] == ids[-1] == [1], name


def test_somebody_else_is_not_taken_for_the_first_person_in_another_light(tracker: MeshTracker, heads: Heads):
    def shots(one: Head, other: Head) -> Iterator[VideoFrame]:
        for k in range(8):
            frame = paint(blank(index=k, level=90 if k < 5 else 50), [(one if k < 5 else other, 320, 180, 300)])
            yield frame if k < 5 else relit(frame, 0.65)

    mistaken = []
    for name, head in heads.items():
        for other_name in heads.keys() - {name}:
            ids = [[face.face_id for face in faces] for _, faces in tracker.track(shots(head, heads[other_name]))]
            assert ids[4] == [1]
            if ids[-1] != [2]:
                mistaken.append((name, other_name))

    # in that light these two have vr_2's colours; so they had when light was not allowed for
    assert set(mistaken) <= {("vr_2", "it_ref"), ("vr_2", "ls_demo2")}


def exposed(frame: VideoFrame, stops: float) -> VideoFrame:
    """The same with so much more light let in; what is whiter than white is cut off, colour by colour."""
    height, width = frame.planes[0].shape
    packed = np.concatenate([np.asarray(plane).ravel() for plane in frame.planes[:3]]).reshape(-1, width)
    colours = cv2.cvtColor(packed, cv2.COLOR_YUV2BGR_I420).astype(np.float64) / 255
    brighter = np.minimum((colours**2.2 * 2**stops) ** (1 / 2.2), 1)
    codes = cv2.cvtColor(np.rint(255 * brighter).astype(np.uint8), cv2.COLOR_BGR2YUV_I420).ravel()
    luma, *chroma = np.split(np.asarray(codes, np.uint8), [height * width, height * width * 5 // 4])
    planes = (luma.reshape(height, width), *(part.reshape(height // 2, width // 2) for part in chroma))
    return VideoFrame(planes, frame.index, frame.time_s, frame.bits, frame.colour)


def test_a_camera_that_lets_in_more_light_at_once_changes_nobody(tracker: MeshTracker, clips: Path):
    """All of the picture is lighter, and skin is cut off at white: it looks like somebody else's."""
    for stops in (1.3, 1.7):
        frames = islice(open_footage(clips / "video" / "vr_4.mp4").frames(), 15, 58)
        shots = (exposed(frame, stops) if 39 <= frame.index < 51 else frame for frame in frames)

        ids = [[face.face_id for face in faces] for _, faces in tracker.track(shots)]

        assert ids == [[1]] * 43


@pytest.mark.parametrize("light", [0.6, 1.4, 1.8])
def test_somebody_else_in_the_same_place_and_room_and_in_another_light_is_not_the_first(
    tracker: MeshTracker, heads: Heads, light: float
):
    def shots(one: Head, other: Head) -> Iterator[VideoFrame]:
        for k in range(8):
            frame = paint(blank(index=k), [(one if k < 5 else other, 320, 180, 200)])
            yield frame if k < 5 else relit(frame, light)

    names = ["vr_4", "it_ref", "reporter_71s", "ls_demo2"]
    for name, other_name in zip(names, [*names[1:], names[0]], strict=True):
        ids = [[face.face_id for face in faces] for _, faces in tracker.track(shots(heads[name], heads[other_name]))]
        assert (ids[4], ids[-1]) == ([1], [2]), (name, other_name)


def test_a_cross_fade_to_somebody_else_ends_the_first_person(tracker: MeshTracker, heads: Heads):
    def faded():
        for k in range(60):
            one, other = (paint(blank(index=k), [(heads[name], 320, 180, 300)]) for name in ("it_ref", "reporter_71s"))
            share = min(max((k - 15) / 15, 0.0), 1.0)
            for mine, theirs in zip(one.planes, other.planes, strict=True):
                mine[...] = (1 - share) * mine + share * theirs
            yield one

    seen = [[face.face_id for face in faces] for _, faces in tracker.track(faded())]

    assert {tuple(ids) for ids in seen[:16]} == {(1,)}
    assert {tuple(ids) for ids in seen[45:]} == {(2,)}


@pytest.mark.parametrize(("names", "n"), [(("vr_4", "vr_2"), 30), (("vr_2", "it_ref"), 20), (("it_ref", "vr_4"), 45)])
def test_who_is_faded_in_slowly_is_somebody_else_from_the_fade_on(
    tracker: MeshTracker, clips: Path, names: tuple[str, str], n: int
):
    def faded() -> Iterator[VideoFrame]:
        for k, (one, other) in enumerate(zip(*(squares(clips, name, 100) for name in names), strict=True)):
            share = min(max((k - 50) / n + 0.5, 0.0), 1.0)
            planes = [(1 - share) * a + share * b for a, b in zip(one.planes, other.planes, strict=True)]
            yield VideoFrame(tuple(plane.astype(np.uint8) for plane in planes), k, Fraction(k, 25), 8, BT709)

    seen = [[face.face_id for face in faces] for _, faces in tracker.track(faded())]

    assert {tuple(ids) for ids in seen[: 50 - n // 2]} == {(1,)}
    assert {tuple(ids) for ids in seen[50 - n // 2 :]} == {(1,), (2,)}
    assert {tuple(ids) for ids in seen[50 + n // 2 + 11 :]} == {(2,)}


def test_two_men_who_look_much_alike_are_two_in_every_shot(tracker: MeshTracker, clips: Path):
    def shots() -> Iterator[VideoFrame]:
        for k, pair in enumerate(zip(squares(clips, "vr_2", 96), squares(clips, "it_ref", 96), strict=True)):
            yield pair[k // 12 % 2]

    seen = [[face.face_id for face in faces] for _, faces in tracker.track(shots())]

    assert [seen[k] for k in range(11, 96, 12)] == [[1], [2]] * 4
    assert sum(ids == [1] for ids in seen[12:24]) <= 5  # by then it is sure that this is not the first one
    assert sum(ids == [1] for ids in seen) <= 53


def test_no_landmark_is_carried_across_a_cut(tracker: MeshTracker, heads: Heads):
    def shots():
        for k in range(24):
            frame = blank(index=k, level=70 if k < 12 else 160)
            yield paint(frame, [(heads["vr_4"], 180, 180, 240)]) if k < 12 else frame

    counts = [len(faces) for _, faces in tracker.track(shots())]

    assert counts == [1] * 12 + [0] * 12


def test_who_leaves_and_comes_back_elsewhere_is_the_same_person(tracker: MeshTracker, heads: Heads):
    def places(k: int) -> list[tuple[Head, float, float, int]]:
        stays = (heads["it_ref"], 480.0, 180.0, 200)
        if k < 15:
            return [(heads["vr_4"], 160, 180, 220), stays]
        if k < 40:
            return [stays]
        return [(heads["vr_4"], 240, 200, 190), stays]

    seen = [faces for _, faces in tracker.track(play(75, places))]

    assert {len(faces) for faces in seen[20:40]} == {1}
    assert {face.face_id for face in seen[-1]} == {face.face_id for face in seen[0]}
    before, after = nearest(seen[0], 160, 180, 60), nearest(seen[-1], 240, 200, 60)
    assert before is not None
    assert after is not None
    assert before.face_id == after.face_id


@pytest.mark.parametrize("eyes_px", [20, 60, 300])
def test_small_and_large_faces_are_followed(tracker: MeshTracker, heads: Heads, eyes_px: int):
    probe = paint(blank(640, 640), [(heads["vr_4"], 320, 320, 400)])
    ((_, (found,)),) = tracker.track([probe])
    side = round(400 * eyes_px / np.linalg.norm(found.landmarks[33] - found.landmarks[263]))
    width = 1280 if eyes_px > 100 else 640

    seen = list(tracker.track(play(5, lambda _: [(heads["vr_4"], width / 2, 320, side)], width, 640)))

    assert [len(faces) for _, faces in seen] == [1] * 5
    eyes = np.linalg.norm(seen[-1][1][0].landmarks[33] - seen[-1][1][0].landmarks[263])
    assert eyes == pytest.approx(eyes_px, rel=0.12)


def test_a_face_cut_by_the_edge_is_followed(tracker: MeshTracker, heads: Heads):
    # by and by a third of the face leaves the picture
    seen = [faces for _, faces in tracker.track(play(30, lambda k: [(heads["vr_4"], 110 - 3 * k, 180, 260)]))]

    assert all(len(faces) == 1 for faces in seen)
    assert seen[-1][0].box.left_px < -10


def test_landmarks_do_not_depend_on_bits_matrix_or_strides(tracker: MeshTracker, heads: Heads):
    plain = paint(blank(), [(heads["vr_4"], 300, 180, 240)])
    planes: list[Any] = list(plain.planes)
    ten_bit = VideoFrame(tuple(plane.astype(np.uint16) << 2 for plane in planes), 0, Fraction(0), 10, plain.colour)
    turned = VideoFrame(
        tuple(np.ascontiguousarray(plane[::-1, ::-1])[::-1, ::-1] for plane in planes),
        0,
        Fraction(0),
        8,
        plain.colour,
    )
    columns = VideoFrame(tuple(np.asfortranarray(plane) for plane in planes), 0, Fraction(0), 8, plain.colour)
    grey = VideoFrame((plain.planes[0],), 0, Fraction(0), 8, Colour())

    def landmarks(frame: VideoFrame) -> NDArray[np.float32]:
        ((_, (face,)),) = tracker.track([frame])
        return face.landmarks

    truth = landmarks(plain)
    assert np.array_equal(landmarks(turned), truth)
    assert np.array_equal(landmarks(columns), truth)
    assert np.abs(landmarks(ten_bit) - truth).max() < 0.6
    assert np.abs(landmarks(grey) - truth)[:, :2].mean() < 2.0


def test_landmarks_of_a_moving_head_do_not_lag(tracker: MeshTracker, heads: Heads):
    still = Head(heads["vr_4"].looks[:1].repeat(2, axis=0))
    ((_, (start,)),) = tracker.track([paint(blank(), [(still, 140, 180, 220)])])

    steps = []
    for k, (_, faces) in enumerate(tracker.track(play(20, lambda k: [(still, 140 + 12 * k, 180, 220)]))):
        steps.append((faces[0].landmarks - start.landmarks)[:, 0].mean() - 12 * k)

    assert np.abs(steps).max() < 1.2  # one frame of lag would be 12 px


@pytest.mark.parametrize("side_px", [260, 70], ids=["large", "small"])
@pytest.mark.parametrize("who", ["vr_4", "it_ref", "reporter_71s", "vr_2", "ls_demo2"])
def test_a_head_on_its_crown_has_its_mouth_where_it_is(tracker: MeshTracker, heads: Heads, who: str, side_px: int):
    """The networks see a face that stands in it too, with its mouth on the forehead."""
    upright = list(play(4, lambda k: [(heads[who], 200, 170, side_px)]))
    standing = [faces[0].landmarks for _, faces in tracker.track(upright)]

    for turned, expected in zip(tracker.track(map(upside_down, upright)), standing, strict=True):
        (face,) = turned[1]
        apart = np.linalg.norm((639, 359) - face.landmarks[:, :2] - expected[:, :2], axis=1).mean()
        assert apart < 0.12 * np.linalg.norm(expected[33] - expected[263])


def test_of_two_people_one_may_stand_on_the_crown(tracker: MeshTracker, heads: Heads):
    def scene(k: int) -> VideoFrame:
        frame = upside_down(paint(blank(index=k), [(heads["vr_2"], 480, 180, 180)]))
        return paint(frame, [(heads["it_ref"], 480, 180, 180)])

    seen = [faces for _, faces in tracker.track(scene(k) for k in range(8))]

    assert [len(faces) for faces in seen] == [2] * 8
    for faces in seen:
        standing, turned = nearest(faces, 480, 180, 60), nearest(faces, 160, 180, 60)
        assert standing is not None
        assert turned is not None
        assert standing.landmarks[152, 1] > standing.landmarks[10, 1]  # the chin is under the forehead
        assert turned.landmarks[152, 1] < turned.landmarks[10, 1]


def test_a_head_that_rolls_over_is_one_person_and_never_turned_back(tracker: MeshTracker, heads: Heads):
    def rolling(k: int) -> VideoFrame:
        frame = paint(blank(360, 360, k), [(heads["vr_4"], 180, 180, 220)])
        tilt = cv2.getRotationMatrix2D((180, 180), -6.0 * k, 1.0)
        half = cv2.getRotationMatrix2D((90, 90), -6.0 * k, 1.0)
        planes = tuple(
            cv2.warpAffine(plane, m, plane.shape, borderMode=cv2.BORDER_REPLICATE).astype(np.uint8)
            for plane, m in zip(frame.planes, (tilt, half, half), strict=True)
        )
        return VideoFrame(planes, k, frame.time_s, 8, BT709)

    first_deg = None
    for frame, faces in tracker.track(rolling(k) for k in range(36)):
        (face,) = faces
        across = face.landmarks[263] - face.landmarks[33]
        roll_deg = float(np.degrees(np.arctan2(across[1], across[0])))
        first_deg = roll_deg if first_deg is None else first_deg
        assert face.face_id == 1
        assert abs((roll_deg - first_deg - 6.0 * frame.index + 180) % 360 - 180) < 25


def test_the_one_face_of_every_clip_is_there_in_every_frame(tracker: MeshTracker, clips: Path):
    for name in ("mt_yongen", "anime_green", "dh_01"):
        footage = open_footage(clips / "video" / f"{name}.mp4")
        frames = (frame for frame in footage.frames() if frame.index % 8 == 0)
        assert {tuple(f.face_id for f in faces) for _, faces in tracker.track(frames)} == {(1,)}, name


def test_a_tracker_takes_over_the_networks_of_the_last_one_once_it_is_no_more():
    def networks(tracker: MeshTracker) -> Any:
        return tracker._networks()  # pyright: ignore[reportPrivateUsage]

    one, other = MeshTracker(), MeshTracker()
    of_one = networks(one)
    assert networks(other) is not of_one, "two that work side by side share nothing"

    tracked = one.track(blank(index=k) for k in range(2))
    next(tracked)
    del one
    assert networks(MeshTracker()) is not of_one, "its work goes on"
    del tracked
    assert networks(MeshTracker()) is of_one


def test_asking_for_no_faces_at_all_is_refused():
    with pytest.raises(ValueError, match="max_faces"):
        MeshTracker(max_faces=0)


@pytest.mark.parametrize(
    ("width_px", "height_px", "sides_px"),
    [(480, 480, {480}), (640, 360, {640, 360}), (720, 720, {720, 360}), (1280, 720, {1280, 720, 360})],
)
def test_parts_are_searched_only_where_they_show_faces_that_can_be_read(
    width_px: int, height_px: int, sides_px: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: set[int] = set()
    search = FaceDetector.search

    def watched(self: FaceDetector, frame: VideoFrame, area: Box, *, also_near: bool = False) -> list[Detection]:
        searched.add(round(max(area.width_px, area.height_px)))
        return search(self, frame, area, also_near=also_near)

    monkeypatch.setattr(FaceDetector, "search", watched)
    list(MeshTracker().track([blank(width_px, height_px)]))

    assert searched == sides_px


def crowd(n: int) -> VideoFrame:
    """The person of the sample, so many times."""
    (picture,) = islice(open_footage(video_path()).frames(), 1)
    chroma = [cv2.resize(np.asarray(plane), (picture.width_px, picture.height_px)) for plane in picture.planes[1:3]]
    ((_, (face,)),) = MeshTracker().track([picture])
    x, y, half = *map(round, face.box.centre_px), round(0.85 * face.box.height_px)
    look = np.dstack([np.asarray(picture.planes[0]), *chroma])[y - half : y + half, x - half : x + half]
    head = Head(np.stack([look, look]).astype(np.uint8))
    places: list[Place] = [(head, 100.0 + 200 * (k % 6), 100.0 + 200 * (k // 6), 150) for k in range(n)]
    return paint(blank(1200, 600), places)


def test_sixteen_faces_are_followed_and_more_are_told_of():
    tracker, asked_for_fewer = MeshTracker(), MeshTracker(max_faces=8)

    ((_, of_all),) = tracker.track([crowd(16)])
    told_of_all = tracker.notes
    ((_, of_more),) = tracker.track([crowd(17)])
    ((_, of_some),) = asked_for_fewer.track([crowd(9)])

    assert len(of_all) == len(of_more) == 16
    assert len(of_some) == 8
    assert told_of_all == []
    assert tracker.notes == ["More than 16 faces are in the picture at once: the others were not looked at."]
    assert asked_for_fewer.notes == [tracker.notes[0].replace("16", "8")]
    list(tracker.track([blank()]))
    assert tracker.notes == []
