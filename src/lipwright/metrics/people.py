"""A picture of everyone in the footage, numbered as `--face` takes them."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import cv2
import numpy as np

from lipwright.vision.colour import Rgb
from lipwright.vision.survey import THUMBNAIL_PX, FaceSummary

_COLUMNS = 6
_GAP_PX = 6
_LABEL_PX = 36
_INK = (230, 230, 230)


def people_sheet(people: Sequence[FaceSummary]) -> Rgb:
    """(h, w, 3): each face with its id, when it is seen and how large it is. One line of text where there is nobody."""
    n_rows = max(1, ceil(len(people) / _COLUMNS))
    n_columns = max(2, min(len(people), _COLUMNS))
    cell_w, cell_h = THUMBNAIL_PX + _GAP_PX, THUMBNAIL_PX + _LABEL_PX + _GAP_PX
    sheet = np.full((n_rows * cell_h + _GAP_PX, n_columns * cell_w + _GAP_PX, 3), 24, np.uint8)
    if not people:
        _write(sheet, "No face was found.", _GAP_PX, 30, 0.5)
    for k, person in enumerate(people):
        left, top = _GAP_PX + (k % _COLUMNS) * cell_w, _GAP_PX + (k // _COLUMNS) * cell_h
        sheet[top : top + THUMBNAIL_PX, left : left + THUMBNAIL_PX] = person.thumbnail
        talks = "talks" if person.is_talking else "quiet"
        _write(sheet, f"face {person.face_id}  {talks}", left, top + THUMBNAIL_PX + 14, 0.45)
        seen = f"{float(person.first_s):.1f}-{float(person.last_s):.1f} s, eyes {person.io_px:.0f} px"
        _write(sheet, seen, left, top + THUMBNAIL_PX + 30, 0.36)
    return sheet


def _write(sheet: Rgb, text: str, left: int, baseline: int, scale: float) -> None:
    cv2.putText(sheet, text, (left, baseline), cv2.FONT_HERSHEY_SIMPLEX, scale, _INK, 1, cv2.LINE_AA)
