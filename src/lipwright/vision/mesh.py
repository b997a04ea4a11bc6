"""Names for the points of MediaPipe's face mesh (468 points, and 10 of the irises).

The six lip rings run from the image-left corner to the image-right corner, 11 points each, so that
point j of an upper ring faces point j of the lower one; both ends are the corners themselves.
"""

from __future__ import annotations

from typing import Final

import numpy as np

OUTER_UPPER: Final = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
OUTER_LOWER: Final = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
MIDDLE_UPPER: Final = (76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306)
MIDDLE_LOWER: Final = (76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306)
INNER_MIDDLE_UPPER: Final = (62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292)
INNER_MIDDLE_LOWER: Final = (62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292)
INNER_UPPER: Final = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
INNER_LOWER: Final = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)

UPPER_RINGS: Final = (OUTER_UPPER, MIDDLE_UPPER, INNER_MIDDLE_UPPER, INNER_UPPER)
LOWER_RINGS: Final = (OUTER_LOWER, MIDDLE_LOWER, INNER_MIDDLE_LOWER, INNER_LOWER)

CORNERS: Final = (61, 291, 78, 308, 76, 306, 62, 292)
UPPER_LIP: Final = tuple(sorted({*OUTER_UPPER, *MIDDLE_UPPER, *INNER_MIDDLE_UPPER, *INNER_UPPER}))
LOWER_LIP: Final = tuple(sorted({*OUTER_LOWER, *MIDDLE_LOWER, *INNER_MIDDLE_LOWER, *INNER_LOWER}))
LIPS: Final = tuple(sorted({*UPPER_LIP, *LOWER_LIP}))

JAW: Final = (361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58, 132)
"""The lower face oval, from under one ear over the chin to under the other."""

CHIN: Final = (152, 148, 377, 176, 400, 199, 200, 175, 171, 396, 18, 83, 313, 201, 421)
"""Points that go down with the lower lip when the jaw opens."""

STABLE: Final = (
    10, 151, 9, 8, 168, 6, 197, 195, 5, 33, 133, 362, 263, 130, 359, 127, 356, 162, 389, 21, 251, 54, 284,
    103, 332, 67, 297, 109, 338, 193, 417, 122, 351, 196, 419, 3, 248, 236, 456, 198, 420, 131, 360, 115,
    344, 46, 276, 143, 372, 111, 340, 117, 346,
)  # fmt: skip
"""Forehead, nose bridge, eye corners, temples and upper cheeks: what speech does not move."""

_FIRM = frozenset((33, 133, 362, 263, 168, 6, 197, 195, 5, 193, 417, 122, 351))
_SOFT = frozenset((10, 151, 54, 284, 103, 332, 67, 297, 109, 338, 21, 251))
STABLE_WEIGHTS: Final = np.array([3.0 if k in _FIRM else 0.5 if k in _SOFT else 1.0 for k in STABLE])
"""(53,): bone counts more, the hair line less."""

EYE_CORNERS: Final = (33, 263)
"""The outer ones; their distance is one inter-ocular distance (IO), the project's unit of length on a face."""

NOSE_BASE: Final = 2
BRIDGE: Final = 195
"""Of the nose, below the eyes."""
BROW: Final = 9
"""Between the brows."""
UPPER_LIP_TOP: Final = 0
