"""The patch that carries the mouth: where it covers, and that its edge cannot be seen."""

from __future__ import annotations

from typing import Any, cast

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.core.face import TrackedFace
from lipwright.core.media import Colour, Plane
from lipwright.engines.rewrite.patch import (
    DILATION_IO,
    _stay_inside,
    blend,
    lay_mouth,
    left_together,
    mouth_region,
    patch_alpha,
)
from lipwright.engines.rewrite.picture import Picture, Region
from lipwright.engines.rewrite.select import _SEEN_BLUR
from lipwright.engines.rewrite.shared import Lenders, crowded_mouths
from lipwright.engines.rewrite.study import Edges, lip_edges, uncombed
from lipwright.engines.rewrite.warp import Grid
from lipwright.media import MediaFootage
from lipwright.portrait.footage import BT709
from lipwright.vision import mesh
from lipwright.vision.colour import from_rgb_matrix

FRAME = Region(0, 0, 512, 512)


@pytest.fixture
def points(tracked: dict[int, list[TrackedFace]]) -> NDArray[Any]:
    return tracked[0][0].landmarks[:, :2].astype(np.float64)


def eyes_px(points: NDArray[Any]) -> float:
    return float(np.linalg.norm(points[33] - points[263]))


def cover_at(points: NDArray[Any], which: list[int]) -> NDArray[Any]:
    region = mouth_region(points, eyes_px(points), 0.8, bounds=FRAME, step=(1, 1))
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
    region = mouth_region(points, eyes_px(points), 0.25, bounds=FRAME, step=(2, 2))
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
    region = mouth_region(points, eyes_px(points), 0.25, bounds=FRAME, step=(2, 2))
    grain = np.random.default_rng(0).normal(0, 40, (region.height, region.width))
    skin, mouth = (128 + cv2.GaussianBlur(grain, (0, 0), sigma) for sigma in (skin_px, mouth_px))
    face, alpha = flat(region, skin, 128), patch_alpha(region, points, eyes_px(points))

    blend(face, flat(region, mouth, 128), alpha, eyes_px(points), match=True)

    def detail(luma: NDArray[Any]) -> float:
        return float(np.diff(luma.astype(float), axis=1)[alpha[:, 1:] > 0.99].std())

    before, after = (abs(np.log(detail(luma) / detail(skin))) for luma in (mouth, face.parts[0]))
    assert after < 0.7 * before


def lips_over(shade: NDArray[Any], points: NDArray[Any], region: Region, share: float) -> NDArray[Any]:
    """Skin with lips so much darker than it."""
    lips = np.zeros(shade.shape, np.uint8)
    hull = cv2.convexHull((points[list(mesh.LIPS)] - (region.left, region.top)).astype(np.float32))
    cv2.fillConvexPoly(lips, np.rint(hull).astype(np.int32), (255.0,))
    return np.where(lips > 0, 16 + share * (shade - 16), shade)


@pytest.mark.parametrize("light", [0.5, 0.8, 1.6])
def test_lips_from_a_brighter_or_darker_moment_have_the_contrast_of_this_one(
    points: NDArray[Any], light: float
) -> None:
    region = mouth_region(points, eyes_px(points), 0.25, bounds=FRAME, step=(2, 2))
    skin = np.full((region.height, region.width), 116.0)
    now = lips_over(skin, points, region, 0.6)
    face, donor = flat(region, skin, 128), flat(region, 16 + light * (now - 16), 128)
    alpha = patch_alpha(region, points, eyes_px(points))

    blend(face, donor, alpha, eyes_px(points), match=True)

    assert np.abs(face.parts[0][alpha > 0.999].astype(float) - now[alpha > 0.999]).mean() < 2


@pytest.mark.parametrize("veil", [0.3, 0.6])
def test_lips_under_a_fade_to_white_have_the_contrast_that_is_left(points: NDArray[Any], veil: float) -> None:
    region = mouth_region(points, eyes_px(points), 0.25, bounds=FRAME, step=(2, 2))
    clear = lips_over(np.full((region.height, region.width), 116.0), points, region, 0.6)
    now = clear + veil * (235 - clear)
    face, donor = flat(region, now, 0), flat(region, clear, 0)
    donor.parts[1][...] = (108, 152)
    face.parts[1][...] = np.rint(128 + (1 - veil) * np.array((-20, 24)))
    alpha = patch_alpha(region, points, eyes_px(points))

    blend(face, donor, alpha, eyes_px(points), match=True)

    inside = alpha > 0.999
    contrast = np.ptp(face.parts[0][inside].astype(float)) / np.ptp(now[inside])
    assert 0.95 < contrast < 1.25


SKIN, LIPS = np.array((190.0, 140, 115)), np.array((122.0, 68, 64))
BLUE, AMBER, GREEN = np.array((0.75, 0.95, 1.2)), np.array((1.2, 0.95, 0.6)), np.array((0.7, 1.1, 0.7))


def lamp_lit(
    points: NDArray[Any],
    region: Region,
    lamp: NDArray[Any],
    *,
    colour: Colour = BT709,
    step: tuple[int, int] = (2, 2),
    bits: int = 8,
) -> Picture:
    """Skin and lips in the light of a lamp, (3,) of R'G'B'."""
    is_lip = lips_over(np.full((region.height, region.width), 116.0), points, region, 0.5)[..., None] < 116
    matrix = from_rgb_matrix(colour, 1080)
    values = np.rint((np.where(is_lip, LIPS, SKIN) * lamp @ matrix[:, :3].T + matrix[:, 3]) * (1 << (bits - 8)))
    codes: Plane = values.astype(np.uint8) if bits == 8 else values.astype(np.uint16)
    parts: list[Plane] = [codes[..., 0].copy(), codes[:: step[1], :: step[0], 1:].copy()]
    return Picture(parts, region, step, bits)


def far_off(shown: Picture, wanted: Picture, alpha: NDArray[Any]) -> float:
    """Of the inner mouth's light and colours, code values on the 8-bit scale."""
    (sx, sy), levels = shown.step, 1 << (shown.bits - 8)
    return max(
        float(np.abs(a.astype(float) - b)[alpha[::y, ::x] > 0.999].mean()) / levels
        for a, b, (x, y) in zip(shown.parts, wanted.parts, [(1, 1), (sx, sy)], strict=True)
    )


@pytest.mark.parametrize(("was", "now"), [(BLUE, AMBER), (AMBER, BLUE), (np.ones(3), GREEN)])
@pytest.mark.parametrize(
    ("matrix", "is_full_range", "step", "bits"),
    [(1, False, (2, 2), 8), (6, True, (2, 1), 8), (9, False, (1, 1), 10), (1, True, (2, 2), 12)],
)
def test_lips_from_light_of_another_colour_take_that_of_this_one(
    points: NDArray[Any],
    was: NDArray[Any],
    now: NDArray[Any],
    matrix: int,
    is_full_range: bool,
    step: tuple[int, int],
    bits: int,
) -> None:
    region = mouth_region(points, eyes_px(points), 0.25, bounds=FRAME, step=(2, 2))
    alpha = patch_alpha(region, points, eyes_px(points))
    colour = Colour(matrix=matrix, is_full_range=is_full_range)
    face, donor = (lamp_lit(points, region, lamp, colour=colour, step=step, bits=bits) for lamp in (now, was))

    blend(face, donor, alpha, eyes_px(points), match=True, black=0 if is_full_range else 16)

    wanted = lamp_lit(points, region, now, colour=colour, step=step, bits=bits)
    assert far_off(face, wanted, alpha) < 3


def test_as_the_colour_of_the_light_changes_lips_change_with_it_little_by_little(points: NDArray[Any]) -> None:
    region = mouth_region(points, eyes_px(points), 0.25, bounds=FRAME, step=(2, 2))
    alpha = patch_alpha(region, points, eyes_px(points))
    off: list[float] = []
    for share in np.linspace(0, 1, 25):
        face, donor = (lamp_lit(points, region, lamp, bits=10) for lamp in (1 + share * (BLUE - 1), np.ones(3)))
        wanted = lamp_lit(points, region, 1 + share * (BLUE - 1), bits=10)
        blend(face, donor, alpha, eyes_px(points), match=True)
        off.append(far_off(face, wanted, alpha))

    assert max(off) < 3.5
    assert np.abs(np.diff(off)).max() < 1


@pytest.mark.parametrize(
    ("was", "now", "far"),
    [((0, 0, 1.4), (1.3, 0, 0), 30), ((0.1, 0.1, 0.1), (0.1, 0, 0), 2), ((0, 0, 0), (1.3, 0.2, 0), 16)],
)
def test_what_skin_hardly_shows_of_red_green_or_blue_is_not_made_much_of(
    points: NDArray[Any], was: tuple[float, ...], now: tuple[float, ...], far: float
) -> None:
    region = mouth_region(points, eyes_px(points), 0.25, bounds=FRAME, step=(2, 2))
    alpha = patch_alpha(region, points, eyes_px(points))
    face, donor = (lamp_lit(points, region, np.array(lamp)) for lamp in (now, was))

    blend(face, donor, alpha, eyes_px(points), match=True)

    assert far_off(face, lamp_lit(points, region, np.array(now)), alpha) < far


def test_what_lies_before_the_skin_beside_the_mouth_stays_and_stains_nothing(points: NDArray[Any]) -> None:
    io_px = eyes_px(points)
    region = mouth_region(points, io_px, 0.25, bounds=FRAME, step=(2, 2))
    alpha = patch_alpha(region, points, io_px)
    skin = np.full((region.height, region.width), 116.0)
    rows, columns = np.nonzero((alpha > 0.3) & (alpha < 0.7))
    below = rows > np.percentile(rows, 90)
    y, x = int(rows[below].mean()), int(columns[below].mean())
    caption = skin.copy()
    caption[y - 3 : y + 4, x - 12 : x + 12] = 235
    face = flat(region, caption, 128)

    blend(face, flat(region, skin, 128), alpha, io_px, match=True)

    shown = face.parts[0].astype(float)
    assert shown[y - 1 : y + 2, x - 8 : x + 8].min() > 225
    assert np.abs(shown[alpha > 0.999] - 116).max() <= 1


def test_what_lies_before_the_skin_just_below_the_lips_stays_where_it_is_looked_for(points: NDArray[Any]) -> None:
    io_px = eyes_px(points)
    region = mouth_region(points, io_px, 0.25, bounds=FRAME, step=(2, 2))
    alpha = patch_alpha(region, points, io_px)
    skin = np.full((region.height, region.width), 146.0)
    x, y = (int(v) for v in points[17] - (region.left, region.top))
    rows = slice(y + round(0.05 * io_px), y + round(0.20 * io_px))
    columns = slice(x - round(0.1 * io_px), x + round(0.1 * io_px))
    microphone = skin.copy()
    microphone[rows, columns] = 30
    shown: list[NDArray[Any]] = []
    for to in (None, points):
        face = flat(region, microphone, 128)
        blend(face, flat(region, skin, 128), alpha, io_px, match=True, to=to)
        shown.append(face.parts[0][rows, columns][1:4].astype(float))

    assert np.median(shown[0]) > 100
    assert np.median(shown[1]) < 50


@pytest.mark.parametrize("of_hand", [(1.0, 1.0), (0.6, 1.0)])
def test_a_hand_as_light_as_the_skin_stays_beside_the_lips_where_it_is_looked_for(
    points: NDArray[Any], of_hand: tuple[float, float]
) -> None:
    io_px = eyes_px(points)
    region = mouth_region(points, io_px, 0.25, bounds=FRAME, step=(2, 2))
    alpha = patch_alpha(region, points, io_px)
    skin = np.full((region.height, region.width), 146.0)
    tint = np.full((region.height // 2, region.width // 2, 2), (118.0, 146.0))
    # two fingers, of which one may be nearer to the tint of the skin
    corner = round((points[61, 0] - region.left - 0.06 * io_px) / 2)
    fingers = slice(0, corner // 2), slice(corner // 2, corner)
    hand = tint.copy()
    for finger, share in zip(fingers, of_hand, strict=True):
        hand[:, finger, 0] -= share * 16
    middle = slice(tint.shape[0] // 2 - 4, tint.shape[0] // 2 + 4)
    off_hand: list[float] = []
    off_lips: list[float] = []
    for to in (None, points):
        face, mouth = flat(region, skin, 128), flat(region, skin, 128)
        face.parts[1][...], mouth.parts[1][...] = hand, tint
        blend(face, mouth, alpha, io_px, match=True, to=to)
        shown = face.parts[1][middle].astype(float)
        off_hand.append(float(np.abs(shown - hand[middle])[:, : corner - 2].max()))
        off_lips.append(float(np.abs(shown - tint[middle])[:, corner : 2 * corner].mean()))

    assert off_lips[0] > 1
    assert off_lips[1] < 0.1
    assert off_hand[1] < min(1.0, off_hand[0])


def test_a_jaw_that_moves_reads_nothing_from_beyond_what_may_change() -> None:
    region = Region(40, 60, 144, 164)
    grid = Grid.over(region, 8)
    field = np.random.default_rng(5).normal(0, 60, (*grid.shape, 2)).astype(np.float32)
    calm = np.full_like(field, 0.4)

    _stay_inside(field, grid)
    x, y = grid.across[None] + field[..., 0], grid.down[:, None] + field[..., 1]
    within = (slice(1, -1), slice(1, -1))  # nodes around the region stay where they are
    kept = calm.copy()
    _stay_inside(kept, grid)

    assert region.left <= x[within].min()
    assert x[within].max() <= region.right - 1
    assert region.top <= y[within].min()
    assert y[within].max() <= region.bottom - 1
    np.testing.assert_array_equal(kept[2:-2, 2:-2], calm[2:-2, 2:-2])


def test_mouths_that_the_edge_of_the_picture_cuts_are_not_lent_where_there_are_others(
    points: NDArray[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from lipwright.engines.rewrite import shared

    monkeypatch.setattr(shared, "mouth_look", lambda *_: np.zeros(4, np.float32))
    monkeypatch.setattr(shared, "lip_edges", lambda *_: Edges())
    io_px = eyes_px(points)
    landmarks = np.hstack([points, np.zeros((478, 1))]).astype(np.float32)
    region = mouth_region(points, io_px, 0.30, bounds=FRAME, step=(2, 2))
    low = int(points[list(mesh.LIPS), 1].max() + 0.5 * DILATION_IO * io_px) // 2 * 2
    cut = Region(region.left, region.top, region.right, low)

    def picture(where: Region) -> Picture:
        return flat(where, np.zeros((where.height, where.width)), 128)

    for n_whole, lent in ((60, 60), (10, 100)):
        mouths = {row: picture(region if row < n_whole else cut) for row in range(100)}
        assert len(Lenders.among(mouths, still_face(landmarks, io_px)).rows) == lent


def test_mouths_that_are_combed_are_lent_as_blurred_ones_and_others_as_sharp_as_they_are(
    portrait: MediaFootage, tracked: dict[int, list[TrackedFace]]
) -> None:
    """Fields of two moments that were woven into one frame have an edge on every line."""
    frame, landmarks = next(iter(portrait.frames())), tracked[0][0].landmarks
    io_px = eyes_px(landmarks[:, :2])
    region = mouth_region(landmarks[:, :2], io_px, 0.30, bounds=FRAME, step=frame.chroma_step)
    plain, combed, blurred = (Picture.cut(frame, region) for _ in range(3))
    combed.parts[0][1::2] = np.roll(plain.parts[0], 4, axis=0)[1::2]
    blurred.parts[0] = cast("Plane", cv2.blur(plain.parts[0], (1, 5)))
    assert lip_edges(combed, landmarks, io_px).strength > lip_edges(plain, landmarks, io_px).strength + 1

    mouths = {row: (plain, plain, combed, combed, blurred)[row % 5] for row in range(100)}
    sharpness = Lenders.among(mouths, still_face(landmarks, io_px)).sharpness.reshape(-1, 5)

    assert (sharpness[:, :2] == lip_edges(plain, landmarks, io_px).strength).all()
    assert (sharpness[:, 4] == lip_edges(blurred, landmarks, io_px).strength).all()
    assert (sharpness[:, 2:4] < sharpness[:, :2] - _SEEN_BLUR).all()


def test_shut_lips_that_are_smeared_into_each_other_lend_less_sharpness_whatever_edges_are_around_them(
    portrait: MediaFootage, tracked: dict[int, list[TrackedFace]]
) -> None:
    frame, landmarks = next(iter(portrait.frames())), tracked[0][0].landmarks
    io_px = eyes_px(landmarks[:, :2])
    region = mouth_region(landmarks[:, :2], io_px, 0.30, bounds=FRAME, step=frame.chroma_step)
    plain, smeared, noisy = (Picture.cut(frame, region) for _ in range(3))
    inner = landmarks[[*mesh.INNER_UPPER, *mesh.INNER_LOWER], :2] - (region.left, region.top)
    (left, top), (right, bottom) = np.rint(inner.min(0)).astype(int), np.rint(inner.max(0)).astype(int)
    top, bottom = top - int(0.06 * io_px), bottom + int(0.06 * io_px)
    blank = np.linspace(plain.parts[0][top, left:right], plain.parts[0][bottom, left:right], bottom - top)
    smeared.parts[0][top:bottom, left:right] = blank.astype(np.uint8)
    noisy.parts[0] += np.random.default_rng(0).integers(0, 3, noisy.parts[0].shape).astype(np.uint8)

    def less_sharp(n: int, opening_io: float) -> tuple[NDArray[Any], NDArray[Any]]:
        mouths = {row: (plain, noisy, plain, noisy, smeared)[row % 5] for row in range(n)}
        sharpness = Lenders.among(mouths, still_face(landmarks, io_px, opening_io)).sharpness
        less = [lip_edges(mouths[row], landmarks, io_px).strength for row in range(n)] - sharpness
        is_smeared = np.arange(n) % 5 == 4
        return less[~is_smeared], less[is_smeared]

    of_sharp, of_smeared = less_sharp(100, 0.0)
    assert (of_sharp == 0).all()
    assert (of_smeared > 1).all()
    # lips that are apart have no such line, and a few do not tell what is usual
    for n, opening_io in ((100, 0.07), (5, 0.0)):
        assert not np.concatenate(less_sharp(n, opening_io)).any()


def test_a_head_that_is_combed_wants_no_sharper_mouth_than_others() -> None:
    usual, strength = np.linspace(0.5, 1.1, 90), np.linspace(3, 5, 100)
    combing = np.r_[usual, np.full(10, 2.5)]

    wanted = uncombed(strength, combing)

    assert (wanted[:90] == strength[:90]).all()
    assert wanted[90:] == pytest.approx(strength[90:] - 1.8, abs=0.15)


def still_face(landmarks: NDArray[Any], io_px: float, opening_io: float = 0.1) -> Any:
    """A hundred frames of one face."""
    from types import SimpleNamespace

    from lipwright.core.face import Pose
    from lipwright.engines.rewrite.rows import LandmarkRows

    rows = LandmarkRows()
    rows.extend(np.repeat(landmarks[None], 100, axis=0))
    return SimpleNamespace(
        strength=np.ones(100),
        opening=np.full(100, opening_io),
        landmarks=rows,
        posed=SimpleNamespace(of=lambda _: Pose(io_px, np.eye(3), np.zeros(3))),
    )


def test_mouths_with_something_beside_them_are_known_however_many_they_are(points: NDArray[Any]) -> None:
    region = mouth_region(points, eyes_px(points), 0.30, bounds=FRAME, step=(2, 2))
    landmarks = np.hstack([points, np.zeros((478, 1))]).astype(np.float32)
    x, y = (points[18] - (region.left, region.top)).astype(int) // 2

    def mouth(row: int, n_covered: int) -> Picture:
        picture = flat(region, np.full((region.height, region.width), 120.0), 128)
        picture.parts[1][...] = (108, 152) if row % 3 else (112, 160)  # light changes its colour
        if row < n_covered:
            picture.parts[1][y:, x - 8 : x + 8] = 128
        return picture

    for n_covered in (0, 60):
        mouths = {row: mouth(row, n_covered) for row in range(100)}
        assert sorted(crowded_mouths(mouths, still_face(landmarks, eyes_px(points)))) == list(range(n_covered))


def test_what_is_before_one_side_of_the_mouth_on_all_frames_is_known_and_a_face_half_in_shade_is_not(
    points: NDArray[Any],
) -> None:
    io_px = eyes_px(points)
    region = mouth_region(points, io_px, 0.30, bounds=FRAME, step=(2, 2))
    landmarks = np.hstack([points, np.zeros((478, 1))]).astype(np.float32)
    down, across = np.mgrid[region.top : region.bottom, region.left : region.right]
    skin = np.full(down.shape, 120.0)
    middle, corner = points[[0, 17], 0].mean(), points[57]

    by_the_corner = np.hypot(across - corner[0], down - corner[1]) < 0.08 * io_px
    strand = np.abs(across - points[406, 0]) < 0.03 * io_px
    shade = 1 / (1 + np.exp((across - middle) / (0.02 * io_px)))  # soft, and dark as night
    beard = np.hypot(across - middle, down - points[200, 1]) < 0.2 * io_px

    def told(luma: NDArray[Any], *, colours: bool = True) -> int:
        picture = flat(region, luma, 128)
        picture.parts[1][...] = (108, 152)
        if not colours:
            picture.parts.pop()
        return len(crowded_mouths(dict.fromkeys(range(100), picture), still_face(landmarks, io_px)))

    for thing in (by_the_corner, strand):
        assert told(np.where(thing, 25.0, skin)) == told(np.where(thing, 25.0, skin), colours=False) == 100
    for alike in (skin, skin - 95 * shade, np.where(beard, 25.0, skin)):
        assert told(alike) == told(alike, colours=False) == 0


def test_what_is_as_light_as_skin_before_one_side_of_the_mouth_is_known_by_its_colour(points: NDArray[Any]) -> None:
    """The stick of a lollipop, a straw; no shadow, and no light of another colour."""
    io_px = eyes_px(points)
    region = mouth_region(points, io_px, 0.30, bounds=FRAME, step=(2, 2))
    landmarks = np.hstack([points, np.zeros((478, 1))]).astype(np.float32)
    down, across = np.mgrid[region.top : region.bottom, region.left : region.right].astype(float)
    skin, of_skin = np.full(down.shape, 120.0), np.array((-10.0, 18.0))
    middle, (corner_x, corner_y) = points[[0, 17], 0].mean(), points[291]
    stick = (np.abs(down - corner_y - 0.5 * (across - corner_x)) < 0.05 * io_px) & (across > corner_x)
    side = 1 / (1 + np.exp((across - middle) / (0.02 * io_px)))

    def told(luma: NDArray[Any], tints: NDArray[Any]) -> int:
        picture = flat(region, luma, 128)
        picture.parts[1][...] = np.round(128 + tints[::2, ::2])
        return len(crowded_mouths(dict.fromkeys(range(100), picture), still_face(landmarks, io_px)))

    plain = np.broadcast_to(of_skin, (*skin.shape, 2))
    assert told(np.where(stick, 190.0, skin), np.where(stick[..., None], 0, plain)) == 100
    assert told(skin, np.where(stick[..., None], (-10, 45), plain)) == 100
    shade = 1 - 0.8 * side
    spot = 1 - 0.7 * np.exp(-np.hypot(across - corner_x, down - corner_y) / (0.08 * io_px))
    for luma, tints in (
        (skin, plain),
        (16 + 104 * shade, plain * shade[..., None]),
        (16 + 104 * spot, plain * spot[..., None]),
        (skin, plain + side[..., None] * (30, -20)),
    ):
        assert told(luma, tints) == 0


def test_lips_that_were_shut_when_they_were_lent_show_no_hole_in_a_slit(points: NDArray[Any]) -> None:
    """They are dark where they meet: pulled apart by a little, that line became a dark patch for one frame."""
    io_px = eyes_px(points)
    shut, slit = points[:, :2].astype(np.float64), points[:, :2].astype(np.float64)
    upper, lower = list(mesh.INNER_UPPER), list(mesh.INNER_LOWER)
    shut[upper] = shut[lower] = (points[upper, :2] + points[lower, :2]) / 2
    slit[upper], slit[lower] = shut[upper] - (0, 0.013 * io_px), shut[lower] + (0, 0.013 * io_px)
    region = mouth_region(shut, io_px, 0.2, bounds=Region(0, 0, 10_000, 10_000), step=(2, 2))
    luma = np.full((region.height, region.width), 150, np.uint8)
    line = np.round(shut[[61, *upper, 291]] - (region.left, region.top)).astype(np.int32)
    cv2.polylines(luma, [line], False, (40.0,), max(1, round(0.012 * io_px)))

    def dark_px(to: NDArray[Any], gap_io: float) -> int:
        mouth = lay_mouth(
            flat(region, luma, 128), shut, to, region, io_px, inset_io=0.007, smoothing=3e-4, with_interior=True,
            together=left_together(gap_io, 0.0),
        )  # fmt: skip
        return int((mouth.parts[0] < 100).sum())

    assert dark_px(slit, 0.026) < 1.2 * dark_px(shut, 0.0)
    assert dark_px(slit, 0.05) > 1.5 * dark_px(shut, 0.0)  # so it would be, were they pulled apart
    assert left_together(0.026, 0.02) == 0


def test_lips_that_hover_about_a_slit_do_not_snap() -> None:
    wanted, lent = np.linspace(0, 0.06, 601), np.linspace(0, 0.02, 201)

    shown = [gap * (1 - left_together(float(gap), 0.004)) for gap in wanted]
    by_donor = [0.02 * (1 - left_together(0.02, float(gap))) for gap in lent]

    assert np.abs(np.diff(shown)).max() < 0.0006  # of 0.0001 that is wanted
    assert np.abs(np.diff(by_donor)).max() < 0.0006
