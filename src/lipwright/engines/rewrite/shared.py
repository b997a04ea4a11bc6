"""What is kept of a person for another speech, and what those are told who render a part of one.

The person as prepared (`Sitter`), and what was chosen for the whole speech (`Choice`). All of it is arrays, exactly as
they were: what is rendered later, or elsewhere, has the same pixels.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lipwright.core.timeline import MouthTrack
from lipwright.engines.base import Memory, RenderReport
from lipwright.engines.rewrite.face import Face, Posed, prepare_face
from lipwright.engines.rewrite.patch import DILATION_IO
from lipwright.engines.rewrite.picture import Float32, Picture
from lipwright.engines.rewrite.rows import LandmarkRows
from lipwright.engines.rewrite.study import FaceStudy, lip_sharpness, mouth_look, packed_mouths, unpacked_mouths
from lipwright.vision import mesh
from lipwright.vision.shape import Floats

_OF_FACE: Final = (
    "frame_index", "opening", "turn", "sharpness", "strength", "closed", "coefficients", "slow", "time_s",
)  # fmt: skip
_OF_POSED: Final = ("template", "scale_px", "rotation", "translation_px")
_OF_LENDERS: Final = ("rows", "sharpness", "looks")
_CLEAR: Final = 0.99
"""Strength above which a frame shows the mouth clearly enough to lend it."""
_FEWEST_WHOLE: Final = 40
"""With fewer mouths that lie wholly in the picture, those that its edge cuts are lent too."""
_LIPS: Final = np.array(mesh.LIPS)


@dataclass(frozen=True, slots=True, eq=False)
class Lenders:
    """The mouths that may lend their pixels, and what is asked of each."""

    rows: NDArray[np.intp]
    """(k,) of the face, in order."""
    sharpness: Floats
    """(k,) as `lip_sharpness`."""
    looks: Float32
    """(k, 840) as `mouth_look`."""

    @classmethod
    def among(cls, mouths: Mapping[int, Picture], face: Face) -> Lenders:
        """Those of `mouths` that nothing covers, on frames that may be changed."""
        clear = sorted(row for row in mouths if face.strength[row] > _CLEAR)
        whole = [row for row in clear if _is_whole(mouths[row], face.landmarks.row(row), face.posed.of(row).scale)]
        rows = np.array(whole if len(whole) >= _FEWEST_WHOLE else clear, np.intp)
        views = [
            (mouths[row], face.landmarks.row(row).astype(np.float32), face.posed.of(row).scale) for row in rows.tolist()
        ]
        looks = [mouth_look(*view) for view in views]
        return cls(rows, np.array([lip_sharpness(*view) for view in views]), np.array(looks, np.float32))


def _is_whole(mouth: Picture, points: NDArray[Any], io_px: float) -> bool:
    """Whether no part of the lips and the skin around them lies beyond the picture: it would be streaks."""
    region, lips, margin_px = mouth.region, points[_LIPS, :2], DILATION_IO * io_px
    (left, top), (right, bottom) = lips.min(0) - margin_px, lips.max(0) + margin_px
    return bool(left >= region.left and top >= region.top and right <= region.right and bottom <= region.bottom)


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


def sitter_of(study: FaceStudy) -> Sitter:
    """A face that was studied, steadied and posed."""
    face = prepare_face(study)
    mouths = {face.row_of[study.frame_index[row]]: mouth for row, mouth in study.mouths.items()}
    skin, lip = (np.median(samples, axis=0) for samples in (study.skin, study.lip))
    lenders = Lenders.among(mouths, face) if face.is_talking else None
    return Sitter(study.face_id, face, mouths, skin, lip, lenders)


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
    for name in _OF_FACE:
        yield f"face/{name}", getattr(face, name)
    yield "face/quarter_turns", np.array(face.quarter_turns)
    yield "face/reason", _text(face.reason)
    for name in _OF_POSED:
        yield f"posed/{name}", getattr(posed, name)
    for number, block in enumerate(face.landmarks.packed()):
        yield f"landmarks/{number}", block
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
        quarter_turns=int(memory.get("face/quarter_turns", 0)),
    )
    mouths = unpacked_mouths("mouths", memory)
    has_lenders = f"lenders/{_OF_LENDERS[0]}" in memory
    lenders = Lenders(**{name: memory[f"lenders/{name}"] for name in _OF_LENDERS}) if has_lenders else None
    n = len(face.frame_index)
    if not n or {n} != {len(landmarks), len(face.strength), len(face.time_s), len(face.coefficients)}:
        raise ValueError(f"face {memory['face_id']} has rows of different lengths")
    return Sitter(int(memory["face_id"]), face, mouths, memory["skin"], memory["lip"], lenders)


def _choice(memory: Mapping[str, NDArray[Any]]) -> Choice:
    over, under = memory["mouth/rate_hz"].tolist()
    mouth = MouthTrack(
        memory["mouth/coefficients"], memory["mouth/closure"], memory["mouth/rest"], Fraction(over, under)
    )
    return Choice(mouth, memory.get("donor_rows"), RenderReport(**_untext(memory["report"])))


def _text(value: Any) -> NDArray[np.uint8]:
    return np.frombuffer(json.dumps(value).encode(), np.uint8)


def _untext(array: NDArray[Any]) -> Any:
    return json.loads(array.tobytes())
