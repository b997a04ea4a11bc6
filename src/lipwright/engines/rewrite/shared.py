"""What those who render a part of a speech are told: the person as prepared, and what was chosen for the whole.

All of it is arrays, exactly as they were: a part that is rendered elsewhere has the same pixels.
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
from lipwright.engines.rewrite.picture import Picture
from lipwright.engines.rewrite.rows import LandmarkRows
from lipwright.engines.rewrite.study import FaceStudy, packed_mouths, unpacked_mouths
from lipwright.vision.shape import Floats

_OF_FACE: Final = (
    "frame_index", "opening", "turn", "sharpness", "strength", "closed", "coefficients", "slow", "time_s",
)  # fmt: skip
_OF_POSED: Final = ("template", "scale_px", "rotation", "translation_px")


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


def sitter_of(study: FaceStudy) -> Sitter:
    """A face that was studied, steadied and posed."""
    face = prepare_face(study)
    mouths = {face.row_of[study.frame_index[row]]: mouth for row, mouth in study.mouths.items()}
    skin, lip = (np.median(samples, axis=0) for samples in (study.skin, study.lip))
    return Sitter(study.face_id, face, mouths, skin, lip)


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
    yield "face/reason", _text(face.reason)
    for name in _OF_POSED:
        yield f"posed/{name}", getattr(posed, name)
    for number, block in enumerate(face.landmarks.packed()):
        yield f"landmarks/{number}", block
    yield from packed_mouths("mouths", sitter.mouths)


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
        return _sitter(memory), _choice(memory)
    except KeyError as exc:
        raise ValueError(f"{exc.args[0]} is missing") from exc


def _sitter(memory: Mapping[str, NDArray[Any]]) -> Sitter:
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
    )
    mouths = unpacked_mouths("mouths", memory)
    return Sitter(int(memory["face_id"]), face, mouths, memory["skin"], memory["lip"])


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
