"""Everyone in the footage on one picture, with the ids that `--face` takes."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from lipwright.vision.colour import Rgb
from lipwright.vision.survey import THUMBNAIL_PX, FaceSummary

_CAPTION_PX = 22
_GAP_PX = 6
_PAPER = 24
_MAX_COLUMNS = 6


def people_sheet(people: Sequence[FaceSummary]) -> Rgb:
    """A picture (h, w, 3): a numbered cell for each of them; one empty cell where there is nobody."""
    n_columns = max(1, min(_MAX_COLUMNS, len(people)))
    n_rows = max(1, -(-len(people) // n_columns))
    step_x, step_y = THUMBNAIL_PX + _GAP_PX, THUMBNAIL_PX + _CAPTION_PX + _GAP_PX
    sheet = np.full((n_rows * step_y + _GAP_PX, n_columns * step_x + _GAP_PX, 3), _PAPER, np.uint8)
    for k, person in enumerate(people):
        left = _GAP_PX + (k % n_columns) * step_x
        top = _GAP_PX + (k // n_columns) * step_y
        sheet[top + _CAPTION_PX : top + _CAPTION_PX + THUMBNAIL_PX, left : left + THUMBNAIL_PX] = person.thumbnail
        caption = f"{person.face_id}: {float(person.first_s):.1f}-{float(person.last_s):.1f} s"
        cv2.putText(sheet, caption, (left + 2, top + 16), cv2.FONT_HERSHEY_SIMPLEX, 0.48, (230, 230, 230), 1)
    return sheet
