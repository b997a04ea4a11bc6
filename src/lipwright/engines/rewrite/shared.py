"""What is kept of a person for another speech, and what those are told who render a part of one.

The person as prepared (`Sitter`), and what was chosen for the whole speech (`Choice`). All of it is arrays, exactly as
they were: what is rendered later, or elsewhere, has the same pixels.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.core.media import VideoFrame
from lipwright.core.timeline import MouthTrack
from lipwright.engines.base import Memory, RenderReport
from lipwright.engines.rewrite.face import Face, Posed, evenly, prepare_face
from lipwright.engines.rewrite.lift import lift
from lipwright.engines.rewrite.patch import DILATION_IO
from lipwright.engines.rewrite.picture import Float32, Picture, Region, smoothstep, weights_for
from lipwright.engines.rewrite.rows import LandmarkRows
from lipwright.engines.rewrite.study import (
    FaceStudy,
    edge_blur_px,
    lip_edges,
    lip_line,
    mouth_look,
    packed_mouths,
    uncombed,
    unpacked_mouths,
)
from lipwright.engines.rewrite.veil import Veil, unveil, veils_of
from lipwright.vision import mesh
from lipwright.vision.overlay import Overlay, clear_of, covered, without_level_edges
from lipwright.vision.shape import Floats

_OF_FACE: Final = (
    "frame_index", "opening", "turn", "sharpness", "strength", "closed", "coefficients", "slow", "time_s",
)  # fmt: skip
_OF_POSED: Final = ("template", "scale_px", "rotation", "translation_px")
_PLACE_OF_OVERLAY: Final = ("first", "last", "turns", "shrink", "left", "top")
_OF_LENDERS: Final = ("rows", "sharpness", "looks")
_CLEAR: Final = 0.99
"""Strength above which a frame shows the mouth clearly enough to lend it."""
_FEWEST_WHOLE: Final = 40
"""With fewer mouths that lie wholly in the picture, those that its edge cuts are lent too."""
_LIPS: Final = np.array(mesh.LIPS)
_BY_THE_LIPS: Final = np.array(
    (
        164, 167, 393, 165, 391, 18, 83, 313, 106, 335, 182, 406, 201, 421, 194, 418, 200,
        92, 322, 186, 410, 57, 287, 43, 273, 204, 424, 202, 422,
    )
)  # fmt: skip
_MIRRORED: Final = np.array(
    (
        (167, 393), (165, 391), (83, 313), (106, 335), (182, 406), (201, 421), (194, 418),
        (92, 322), (186, 410), (57, 287), (43, 273), (204, 424), (202, 422),
    )
)  # fmt: skip
"""(13, 2) the same places of skin on both sides of the lips."""
_MIRRORED_AMONG_THEM: Final = (_MIRRORED[..., None] == _BY_THE_LIPS).argmax(2)
"""(13, 2) where `_BY_THE_LIPS` has these."""
_BY_AND_ON_LIPS: Final = np.concatenate([_BY_THE_LIPS, _LIPS])
_LEAST_TINT: Final = 8.0
_TINT_SHARE: Final = 0.35
"""Farther from its own colour than either, levels of 8 bits and share of how colourful lips are, no skin by them is."""
_BLACK: Final = 16.0
_LEAST_LIGHT: Final = 4.0
"""Levels of 8 bits: darker than so much above black nothing is told from noise."""
_ONE_SIDED: Final = 0.9
"""Natural logarithm of a ratio of luma: a shadow in the sun, with the sky's light in it, has some 0.6."""
_LEAST_TINT_ONE_SIDED: Final = 12.0
_TINT_SHARE_ONE_SIDED: Final = 0.5
"""As `_LEAST_TINT`, of a place and its mirror place: a white stick is as far from skin as skin is from grey, some 20;
coarse blocks of a poor recording come to 10."""
_MOST_OF_A_THING: Final = 5
"""Pairs of `_MIRRORED` that one thing lies on; more of them are half a face in shade, or a hand."""
_TURNED: Final = 0.2
"""Natural logarithm of the ratio of the mouth's halves: of a head turned farther one cheek ends by the lips."""
_FIXED_SHARE: Final = 0.3
"""Of the frames that are asked, those on which a thing is seen that is fixed to the head: it slips between places."""
FEWEST_TO_LEND: Final = 10
"""Mouths that differ: of fewer none is lent."""
_FEWEST_FRONTAL: Final = 8
"""Frames: fewer do not tell what is usual."""
_LOOKS_AT_OVERLAY: Final = 6
_SURELY_ON: Final = 0.95
_SHOWN_THROUGH, _OF_SKIN_AT_MOST = 0.66, 1.2
"""Share of the chroma of skin that is seen on what lies before it: glass, gauze and hands between the two."""
_SHADED, _OF_SHADED_AT_MOST = 0.7, 1.6
"""Of the light, as much is left at most in a hard shadow; and of the chroma, for what light is left, at most."""
_LIKE_SKIN: Final = 15.0
"""Levels of chroma."""
_BLACK_INK, _WHITE_INK, _SHARE_OF_INK = 40, 215, 0.1
"""8-bit luma; what has more than such a share of it darker or lighter is opaque."""
_LIP_RIM_PX: Final = 2
_HIDDEN_SHARE: Final = 0.03
"""Of the lips: where letters lie on more of them, they are not lent."""
_OPEN_IO: Final = 0.045
_ASKED_FOR_BLUR: Final = 9
_SHUT_IO: Final = 0.04
_OPENS_IO: Final = 0.06
"""Openings of lips that meet in a line, and of lips that do not any more."""
_FEWEST_SHUT: Final = 8
"""Mouths: fewer do not tell how deep that line is on this person."""
_FAINTER: Final = 0.3
"""Natural logarithm of the line's depth beside the usual: by so much it differs among sharp mouths."""
_FAINT_PRICE: Final = 2.0
"""Sharpness (log variance) for each e-fold of depth beyond that: variance goes with its square."""
_CROWDED_SHARE: Final = 0.05
"""Of the mouths that something is beside: with fewer, chance may have put it there."""


@dataclass(frozen=True, slots=True, eq=False)
class Lenders:
    """The mouths that may lend their pixels, and what is asked of each."""

    rows: NDArray[np.intp]
    """(k,) of the face, in order."""
    sharpness: Floats
    """(k,) as `lip_edges`; less where they are combed, or shut and smeared."""
    looks: Float32
    """(k, 840) as `mouth_look`."""

    @classmethod
    def among(cls, mouths: Mapping[int, Picture], face: Face, crowded: Set[int] = frozenset()) -> Lenders:
        """Those of `mouths` that nothing covers, on frames that may be changed, but for those of `crowded` rows."""
        clear = [row for row in clear_rows(mouths, face) if row not in crowded]
        is_whole: list[bool] = []
        strengths: list[float] = []
        combings: list[float] = []
        lines: list[float] = []
        looks: list[Float32] = []
        for row, points in zip(clear, face.landmarks.each(clear), strict=True):
            mouth, io_px = mouths[row], face.posed.of(row).scale
            is_whole.append(_is_whole(mouth, points, io_px))
            points = points.astype(np.float32)
            edges = lip_edges(mouth, points, io_px)
            strengths.append(edges.strength)
            combings.append(edges.combing)
            lines.append(lip_line(mouth, points, io_px))
            looks.append(mouth_look(mouth, points, io_px))
        kept = np.array(is_whole, bool) | (sum(is_whole) < _FEWEST_WHOLE)
        strength, combing, line = (np.array(values)[kept] for values in (strengths, combings, lines))
        sharpness = uncombed(strength, combing, less=True) - smeared(line, face.opening[clear][kept])
        return cls(np.array(clear, np.intp)[kept], sharpness, np.array(looks, np.float32)[kept])


def smeared(line: Floats, opening_io: Floats) -> Floats:
    """How much less sharp shut lips are than their edges tell, (k,) log variance, by `lip_line` (k,) and opening (k,).

    The edges of a moustache and of red lips stay where lips that just met are smeared into each other: in a sharp face
    such a mouth is a blank for a frame.
    """
    shut = 1 - smoothstep((opening_io - _SHUT_IO) / (_OPENS_IO - _SHUT_IO))
    if np.count_nonzero(shut == 1) < _FEWEST_SHUT:
        return np.zeros(len(line))
    usual = float(np.median(line[shut == 1]))
    return np.asarray(shut * _FAINT_PRICE * np.maximum(usual - _FAINTER - line, 0))


def crowded_mouths(mouths: Mapping[int, Picture], face: Face) -> frozenset[int]:
    """The rows whose mouths have something beside them, over the skin around the lips: it would be lent with them.

    A microphone below the lips leaves them free, on every frame of some footage. What is fixed to the head, a headset's
    microphone or a strand of hair, is usual there: it is told by the mouth's other side, and then all rows have it.
    """
    rows = clear_rows(mouths, face)
    if not rows:
        return frozenset()
    has_colours = len(mouths[rows[0]].parts) > 1
    places: list[Floats] = []
    lights: list[Floats] = []
    tints: list[Floats] = []
    for row, points in zip(rows, face.landmarks.each(rows), strict=True):
        mirrored = points[_MIRRORED.ravel(), :2].astype(np.float64)
        places.append(mirrored.reshape(-1, 2, 2))
        lights.append(_near(mouths[row], 0, mirrored)[:, 0].reshape(-1, 2))
        if has_colours:
            tints.append(_near(mouths[row], 1, points[_BY_AND_ON_LIPS, :2]) - 128)
    if _is_one_sided(np.array(places), np.array(lights), np.array(tints) if has_colours else None):
        return frozenset(rows)
    if not has_colours:  # without them nothing tells skin from what is none
        return frozenset()
    off_rows = _off_skin(np.array(tints))
    return frozenset(row for row, is_off in zip(rows, off_rows.tolist(), strict=True) if is_off)


def clear_rows(mouths: Mapping[int, Picture], face: Face) -> list[int]:
    """The rows of `mouths` that nothing covers, on frames that may be changed, in order."""
    return sorted(row for row in mouths if face.strength[row] > _CLEAR)


def _off_skin(tints: Floats) -> NDArray[np.bool_]:
    """(n,) whether something of another colour is there than usual, by `tints` (n, `_BY_AND_ON_LIPS`, 2)."""
    skin, lips = tints[:, : len(_BY_THE_LIPS)], tints[:, len(_BY_THE_LIPS) :]
    # skin is redder than most of what comes before it
    off = skin - np.stack([np.percentile(skin[..., 0], 30, axis=0), np.percentile(skin[..., 1], 70, axis=0)], axis=-1)
    # light of another colour falls on all of it
    off -= np.median(off, axis=1, keepdims=True)
    limit = max(_LEAST_TINT, _TINT_SHARE * _colour_of(lips))
    return np.asarray(np.sqrt((off**2).mean(2)).max(1) > limit)


def _colour_of(tints: Floats) -> float:
    """How colourful lips are, by `tints` (n, k, 2)."""
    return float(np.linalg.norm(np.median(tints, axis=(0, 1))))


def _is_one_sided(places: Floats, lights: Floats, tints: Floats | None) -> bool:
    """Whether one side of the mouth has something before it that the other has not, on many frames.

    By where the places `_MIRRORED` are, (n, 13, 2, 2) pixels, their luma (n, 13, 2), 8-bit scale, and `tints`
    (n, `_BY_AND_ON_LIPS`, 2) of footage that has colours. Frames of turned heads are not asked.
    """
    across = places[:, :, 1].mean(1) - places[:, :, 0].mean(1)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
    middle = places[:, :3].mean((1, 2))  # the innermost of them: the ridge of the lips turns with the head
    reach = np.abs(((places - middle[:, None, None]) * across[:, None, None]).sum(3).mean(1))
    is_frontal = np.abs(np.log(np.maximum(reach, 1e-6)) @ (1, -1)) < _TURNED
    if is_frontal.sum() < _FEWEST_FRONTAL:
        return False
    light = np.maximum(lights[is_frontal] - _BLACK, _LEAST_LIGHT)
    if _is_a_thing(_alone(np.log(light)[..., None]) > _ONE_SIDED):
        return True
    if tints is None:
        return False
    colours = tints[is_frontal][:, _MIRRORED_AMONG_THEM]
    # a shadow takes as much of the colour as of the light; beside that, what is dark has hardly any
    of_light = colours * (np.median(light, axis=(1, 2), keepdims=True) / light)[..., None]
    limit = max(_LEAST_TINT_ONE_SIDED, _TINT_SHARE_ONE_SIDED * _colour_of(tints[:, len(_BY_THE_LIPS) :]))
    return _is_a_thing(np.minimum(_alone(colours), _alone(of_light)) > limit)


def _alone(values: Floats) -> Floats:
    """How much each pair of `_MIRRORED` differs, (n, 13), by `values` (n, 13, 2, depth) of its two places.

    A shadow falls on all of a side but the middle; only a thing is unlike both its mirror and its neighbours.
    """
    apart = values[:, :, 0] - values[:, :, 1]
    beyond = apart - np.median(apart, axis=1, keepdims=True)
    least = np.minimum(np.linalg.norm(apart, axis=2), np.linalg.norm(beyond, axis=2))
    return np.where((apart * beyond).sum(2) > 0, least, 0)


def _is_a_thing(is_unlike: NDArray[np.bool_]) -> bool:
    """Whether pairs (n, 13) are unlike as where one thing lies on one side of many frames."""
    n_unlike = is_unlike.sum(1)
    return bool(((n_unlike > 0) & (n_unlike <= _MOST_OF_A_THING)).mean() > _FIXED_SHARE)


def _near(mouth: Picture, part: int, points: NDArray[Any]) -> Floats:
    """(n, depth) means of that part of a picture around these points (n, 2), 8-bit scale."""
    step = np.array(mouth.step if part else (1, 1))
    at = np.rint((points - (mouth.region.left, mouth.region.top) + 0.5) / step - 0.5).astype(np.intp)
    values = mouth.parts[part].reshape(*mouth.parts[part].shape[:2], -1)
    x, y = (at[:, axis, None] + np.array((-1, 0, 1)) for axis in (0, 1))
    height, width = values.shape[:2]
    near = values[np.clip(y, 0, height - 1)[:, :, None], np.clip(x, 0, width - 1)[:, None, :]]
    return np.asarray(near.mean((1, 2)) / (1 << (mouth.bits - 8)), np.float64)


def _is_whole(mouth: Picture, points: NDArray[Any], io_px: float) -> bool:
    """Whether no part of the lips and the skin around them lies beyond the picture: it would be streaks."""
    region, lips, margin_px = mouth.region, points[_LIPS, :2], DILATION_IO * io_px
    (left, top), (right, bottom) = lips.min(0) - margin_px, lips.max(0) + margin_px
    return bool(left >= region.left and top >= region.top and right <= region.right and bottom <= region.bottom)


@dataclass(frozen=True, slots=True)
class Ground:
    """What a person's mouths tell of the footage, where the inside of a mouth is drawn into it."""

    darkest: float = 0.0
    """Code value of luma, 8-bit scale: the darkest that they show."""
    blur_px: float = 0.0
    """As `edge_blur_px`."""

    @classmethod
    def of(cls, mouths: Mapping[int, Picture], face: Face, most: int) -> Ground:
        """By `mouths`, by row of `face`, and of the widest open ones by no more than `most`: some 20 ms."""
        if not mouths:
            return cls()
        shown = [row for row in open_rows(face, most) if row in mouths] or sorted(mouths)[:most]
        darkest = min(float(np.percentile(mouths[row].parts[0], 0.2)) / (1 << (mouths[row].bits - 8)) for row in shown)
        asked = evenly(np.array(sorted(mouths), np.intp), _ASKED_FOR_BLUR).tolist()
        return cls(darkest, float(np.median([edge_blur_px(mouths[row], face.posed.of(row).scale) for row in asked])))


def open_rows(face: Face, most: int) -> list[int]:
    """Where the mouth is open widest, so many at most: teeth may be seen there."""
    return [row for row in np.argsort(-face.opening)[:most].tolist() if face.opening[row] > _OPEN_IO]


@dataclass(frozen=True, slots=True, eq=False)
class Sitter:
    """One person, prepared once for all that they say."""

    face_id: int
    face: Face
    mouths: Mapping[int, Picture]
    """By row of the face."""
    skin: Floats
    """(3,) code values, 8-bit scale."""
    lip: Floats
    lenders: Lenders | None
    """None where no mouth is ever lent: the footage does not show how this one talks."""
    is_crowded: bool = False
    """Something comes before the mouth, or close to it, on some of the frames."""
    ground: Ground | None = None
    """Where it was asked of more mouths than are here: in a part."""
    overlays: tuple[Overlay, ...] = ()
    """What lies on the picture before them. The mouths are without it."""
    veils: tuple[Veil, ...] = ()
    """Bars through which they are seen, on pictures that are turned as most are. The mouths are without them."""

    def cover_of(self, picture: Picture, row: int) -> NDArray[np.uint8] | None:
        """Where something lies on a picture, upright, of this row's frame: (h, w) as `Overlay.cover`; None: nowhere."""
        return _cover_of(self.overlays, self.face, picture, row)

    def clear_of(self, frame: VideoFrame, row: int, area: Region, mouth: Floats, io_px: float) -> Region:
        """What of `area` no box of text or split screen hides on this row's frame, upright; `mouth` (2,) pixels."""
        # the face is seen behind letters on a veil, though capitals look like a box
        boxes = [one for one in self.overlays if not any(veil.holds(one) for veil in self.veils)]
        if not boxes:
            return area
        sx, sy = frame.chroma_step
        index, turns = int(self.face.frame_index[row]), int(self.face.quarter_turns[row])
        left, top, right, bottom = clear_of(
            boxes, frame.planes[0], (area.left, area.top, area.right, area.bottom),
            (float(mouth[0]), float(mouth[1])), io_px, bits=frame.bits, index=index, turns=turns,
        )  # fmt: skip
        if right < area.right:
            right = right // sx * sx
        if bottom < area.bottom:
            bottom = bottom // sy * sy
        return Region(-(-left // sx) * sx, top, right, bottom)


def sitter_of(study: FaceStudy) -> Sitter:
    """A face that was studied, steadied and posed."""
    face = prepare_face(study)
    veils = _veils_of(study, face)
    edges = [edge for veil in veils for edge in veil.edges]
    found = [without_level_edges(one, edges) if edges else one for one in study.overlays]
    overlays = tuple(one for one in found if one is not None and not _shows_skin(one, study, face, veils))
    mouths: dict[int, Picture] = {}
    behind: set[int] = set()
    for seen_row, mouth in study.mouths.items():
        row = face.row_of[study.frame_index[seen_row]]
        cover = _cover_of(overlays, face, mouth, row)
        veiled = unveil(mouth, veils)
        if veiled is not None:
            cover = veiled.with_ink(cover)
        elif any(veil.may_be_on(mouth) for veil in veils):
            behind.add(row)
        if cover is not None:
            taken = lift(mouth, cover)
            if _hides_lips(taken.alpha, mouth.region, face.landmarks.row(row)):
                behind.add(row)
        mouths[row] = mouth
    skin, lip = (np.median(samples, axis=0) for samples in (study.skin, study.lip))
    crowded = crowded_mouths(mouths, face) | behind  # what is filled in is skin, and no lips
    is_crowded = len(crowded) > _CROWDED_SHARE * len(mouths) or "occluded" in face.reason
    lenders = Lenders.among(mouths, face, crowded) if face.is_talking else None
    return Sitter(study.face_id, face, mouths, skin, lip, lenders, is_crowded, overlays=overlays, veils=veils)


def _veils_of(study: FaceStudy, face: Face) -> tuple[Veil, ...]:
    if not study.overlays:
        return ()
    if np.any(face.quarter_turns):  # a level bar would be an upright one
        return ()
    mouths = [(study.frame_index[seen_row], mouth) for seen_row, mouth in study.mouths.items()]
    return veils_of(study.overlays, mouths, float(np.median(face.posed.scale_px)))


def _shows_skin(overlay: Overlay, study: FaceStudy, face: Face, veils: Sequence[Veil]) -> bool:
    """Whether skin shines through it, or it is a hand or a shadow: laid back, old lips would come with it.

    Of what stands on a veil that is asked without the veil.

    Nearly all of the chroma of skin is seen on it, as it is or, where it is darker, as much as of the light; and
    neither white nor black. Thin white letters, over which chroma is soft, keep up to 0.6 of it; what is a quarter of
    white, 0.7 to 0.9.
    """
    skin = np.median(study.skin, axis=0)[1:] - 128
    rows = [row for row in study.mouths if overlay.first <= study.frame_index[row] <= overlay.last]
    colours: list[Float32] = []
    levels: list[Float32] = []
    for seen_row in rows[:: max(1, -(-len(rows) // _LOOKS_AT_OVERLAY))]:
        mouth = study.mouths[seen_row]
        cover = _cover_of((overlay,), face, mouth, face.row_of[study.frame_index[seen_row]])
        if cover is None or len(mouth.parts) < 2:
            continue
        seen = replace(mouth, parts=list(mouth.parts))
        unveil(seen, veils)
        alone = replace(seen, parts=list(seen.parts))
        alpha = lift(alone, cover).alpha
        levels.append(seen.parts[0][alpha > _SURELY_ON].astype(np.float32) / (1 << (mouth.bits - 8)))
        before, behind = (_colours(one) for one in (seen, alone))
        on = weights_for(alpha, mouth.parts[1])[..., 0] > _SURELY_ON
        on &= (np.abs(behind[..., 1:] - skin) < _LIKE_SKIN).all(2)  # what a box's own colour filled tells nothing
        colours.append(np.stack([before[on], behind[on]]))
    all_seen = np.concatenate(colours, axis=1) if colours else np.zeros((2, 0, 3), np.float32)
    if not all_seen.size:
        return False
    ink = np.concatenate(levels)
    if np.mean((ink < _BLACK_INK) | (ink > _WHITE_INK)) >= _SHARE_OF_INK:
        return False
    (light, *before), (light_behind, *behind) = all_seen.transpose(0, 2, 1)
    left = np.maximum(light - _BLACK, _LEAST_LIGHT) / np.maximum(light_behind - _BLACK, _LEAST_LIGHT)
    if np.median(left) < _SHADED and _SHOWN_THROUGH < _share(np.array(before) / left, behind) < _OF_SHADED_AT_MOST:
        return True
    return _SHOWN_THROUGH < _share(np.array(before), behind) < _OF_SKIN_AT_MOST


def _colours(mouth: Picture) -> Float32:
    """(h/sy, w/sx, 3) luma, and Cb and Cr from grey, 8-bit scale."""
    light, chroma = (part.astype(np.float32) / (1 << (mouth.bits - 8)) for part in mouth.parts)
    light = np.asarray(cv2.resize(light, chroma.shape[1::-1], interpolation=cv2.INTER_AREA), np.float32)
    return np.concatenate([light[..., None], chroma - 128], axis=2)


def _share(some: Floats, of: Any) -> float:
    """How much of some values the others are, where both lie along one line."""
    return float((some * of).sum() / max(float((np.asarray(of) ** 2).sum()), 1e-6))


def _hides_lips(alpha: Float32, region: Region, points: NDArray[Any]) -> bool:
    """Whether what was lifted off a mouth's picture, (h, w) 0..1, lay on its lips, at mesh points (478, 3)."""
    lips = _lips_on(region, points, 0)
    return bool((alpha[lips > 0] > 0).mean() > _HIDDEN_SHARE) if lips.any() else True


def _lips_on(region: Region, points: NDArray[Any], rim_px: int) -> NDArray[np.uint8]:
    """(h, w) 1 where the lips and what is between them are on a picture of the region, and so far around."""
    lips = np.zeros((region.height, region.width), np.uint8)
    hull = cv2.convexHull((points[_LIPS, :2] - (region.left, region.top)).astype(np.float32))
    cv2.fillConvexPoly(lips, np.round(hull).astype(np.int32), (1.0,))
    return np.asarray(cv2.dilate(lips, np.ones((2 * rim_px + 1, 2 * rim_px + 1), np.uint8)), np.uint8)


def _cover_of(overlays: Sequence[Overlay], face: Face, picture: Picture, row: int) -> NDArray[np.uint8] | None:
    if not overlays:
        return None
    region, index, turns = picture.region, int(face.frame_index[row]), int(face.quarter_turns[row])
    cover = covered(overlays, picture.parts[0], region.left, region.top, bits=picture.bits, index=index, turns=turns)
    if cover is not None:
        # lips differ from skin as letters do: beside the edges of these they would be laid back over the new ones
        cover[(cover == 1) & (_lips_on(region, face.landmarks.row(row), _LIP_RIM_PX) > 0)] = 0
    return cover


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """What one speech has all over."""

    mouth: MouthTrack
    donor_rows: NDArray[np.intp] | None
    """(n,) of all entries that are edited; None: the inside of the mouth is drawn."""
    report: RenderReport
    """Without frames: how the texture was chosen."""

    def fresh_report(self) -> RenderReport:
        """One to count frames in."""
        told = self.report
        return RenderReport(
            told.engine,
            told.mode,
            told.face_id,
            n_donor_changes=told.n_donor_changes,
            notes=list(told.notes),
            figures=dict(told.figures),
        )


def packed_sitter(sitter: Sitter) -> Memory:
    face, posed = sitter.face, sitter.face.posed
    yield "face_id", np.array(sitter.face_id)
    yield "skin", sitter.skin
    yield "lip", sitter.lip
    yield "is_crowded", np.array(sitter.is_crowded)
    if sitter.ground is not None:
        yield "ground", np.array((sitter.ground.darkest, sitter.ground.blur_px))
    for name in _OF_FACE:
        yield f"face/{name}", getattr(face, name)
    yield "face/quarter_turns", _one_if_all_equal(face.quarter_turns)
    yield "face/reason", _text(face.reason)
    for name in _OF_POSED:
        yield f"posed/{name}", getattr(posed, name)
    for number, block in enumerate(face.landmarks.packed()):
        yield f"landmarks/{number}", block
    for number, overlay in enumerate(sitter.overlays):
        yield f"overlays/{number}/place", np.array([getattr(overlay, name) for name in _PLACE_OF_OVERLAY], np.int64)
        yield f"overlays/{number}/looks", np.stack([overlay.mask, overlay.look])
    for number, veil in enumerate(sitter.veils):
        yield f"veils/{number}/place", np.array((veil.top_px, veil.edge_px, veil.near_px), np.int64)
        yield f"veils/{number}/light", np.array((veil.gain, *veil.offset))
        yield f"veils/{number}/lines", veil.lines
    yield from packed_mouths("mouths", sitter.mouths)
    for name in _OF_LENDERS if sitter.lenders is not None else ():
        yield f"lenders/{name}", getattr(sitter.lenders, name)


def sitters_from(memory: Mapping[str, NDArray[Any]]) -> dict[int, Sitter]:
    """Everyone, from the arrays of `packed_sitter` under `face/<id>/`. Raises ValueError where they are none."""
    parts: dict[int, dict[str, NDArray[Any]]] = {}
    try:
        for name, values in memory.items():
            kind, _, rest = name.partition("/")
            face_id, _, what = rest.partition("/")
            if kind == "face":
                parts.setdefault(int(face_id), {})[what] = values
        return {face_id: unpacked_sitter(arrays) for face_id, arrays in parts.items()}
    except KeyError as exc:
        raise ValueError(f"{exc.args[0]} is missing") from exc


def packed_choice(choice: Choice) -> Memory:
    mouth = choice.mouth
    yield "mouth/coefficients", mouth.coefficients
    yield "mouth/closure", mouth.closure
    yield "mouth/rest", mouth.rest
    yield "mouth/rate_hz", np.array(mouth.rate_hz.as_integer_ratio(), np.int64)
    if choice.donor_rows is not None:
        yield "donor_rows", choice.donor_rows
    yield "report", _text(asdict(choice.report))


def unpacked(memory: Mapping[str, NDArray[Any]]) -> tuple[Sitter, Choice]:
    """Raises ValueError where the arrays are none of `packed_sitter` and `packed_choice`."""
    try:
        return unpacked_sitter(memory), _choice(memory)
    except KeyError as exc:
        raise ValueError(f"{exc.args[0]} is missing") from exc


def unpacked_sitter(memory: Mapping[str, NDArray[Any]]) -> Sitter:
    """Raises KeyError, ValueError where the arrays are none of `packed_sitter`."""
    landmarks = LandmarkRows()
    for number in range(sum(name.startswith("landmarks/") for name in memory)):
        landmarks.unpack(memory[f"landmarks/{number}"])
    posed: dict[str, Any] = {name: memory[f"posed/{name}"] for name in _OF_POSED}
    arrays: dict[str, Any] = {name: memory[f"face/{name}"] for name in _OF_FACE}
    face = Face(
        **arrays,
        row_of={int(number): row for row, number in enumerate(memory["face/frame_index"])},
        landmarks=landmarks,
        posed=Posed(landmarks=landmarks, **posed),
        reason=_untext(memory["face/reason"]),
        # what was kept before faces were turned was not
        quarter_turns=np.array(np.broadcast_to(memory.get("face/quarter_turns", 0), len(landmarks)), np.int8),
    )
    mouths = unpacked_mouths("mouths", memory)
    has_lenders = f"lenders/{_OF_LENDERS[0]}" in memory
    lenders = Lenders(**{name: memory[f"lenders/{name}"] for name in _OF_LENDERS}) if has_lenders else None
    n = len(face.frame_index)
    if not n or {n} != {len(landmarks), len(face.strength), len(face.time_s), len(face.coefficients)}:
        raise ValueError(f"face {memory['face_id']} has rows of different lengths")
    # what was kept before anything beside a mouth was looked for does not tell
    is_crowded = bool(memory.get("is_crowded", False))
    ground = Ground(*memory["ground"].tolist()) if "ground" in memory else None
    n_overlays = sum(name.startswith("overlays/") and name.endswith("/place") for name in memory)
    overlays = tuple(
        Overlay(*memory[f"overlays/{number}/place"].tolist(), *memory[f"overlays/{number}/looks"])
        for number in range(n_overlays)
    )
    veils: list[Veil] = []
    while f"veils/{len(veils)}/place" in memory:
        place, light, lines = (memory[f"veils/{len(veils)}/{what}"] for what in ("place", "light", "lines"))
        top_px, edge_px, near_px = place.tolist()
        veils.append(Veil(float(light[0]), light[1:], top_px, edge_px, near_px, lines))
    return Sitter(
        int(memory["face_id"]), face, mouths, memory["skin"], memory["lip"], lenders, is_crowded, ground, overlays,
        tuple(veils),
    )  # fmt: skip


def _choice(memory: Mapping[str, NDArray[Any]]) -> Choice:
    over, under = memory["mouth/rate_hz"].tolist()
    mouth = MouthTrack(
        memory["mouth/coefficients"], memory["mouth/closure"], memory["mouth/rest"], Fraction(over, under)
    )
    return Choice(mouth, memory.get("donor_rows"), RenderReport(**_untext(memory["report"])))


def _one_if_all_equal(values: NDArray[np.int8]) -> NDArray[np.int8]:
    """As programs read them that know one for all rows; they are right where there is one."""
    return np.asarray(values[0]) if (values == values[0]).all() else values


def _text(value: Any) -> NDArray[np.uint8]:
    return np.frombuffer(json.dumps(value).encode(), np.uint8)


def _untext(array: NDArray[Any]) -> Any:
    return json.loads(array.tobytes())
