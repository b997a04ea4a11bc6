"""Is it the same person? Colours and light on the aligned face, and the proportions of its bones.

Good enough to tell the people of one video apart; it is no identification.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.vision.colour import Rgb
from lipwright.vision.facemesh import WINDOW_PX
from lipwright.vision.shape import canonical_axes

_GRID: Final = 12
_LEARNING: Final = 0.2
_TONE_UNIT: Final = 8.6
_BONE_UNIT: Final = 0.125
_UPPER: Final = np.array((33, 133, 362, 263, 168, 6, 5, 2, 0, 127, 356, 234, 454, 10, 152, 172, 397, 105, 334))


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """What a face looks like, apart from where it is."""

    DIFFERENT: ClassVar[float] = 1.0
    """From this distance on it is somebody else."""

    tones: NDArray[np.float32]
    """(12, 12, 3) CIE L*a*b* of the window, coarse."""
    bones: NDArray[np.float64]
    """(n, 3) canonical points that speech hardly moves, IO."""

    @classmethod
    def of(cls, picture: Rgb, landmarks: NDArray[np.float64]) -> Likeness:
        """From the (192, 192, 3) picture on which the landmarks (478, 3) were found."""
        inner = picture[WINDOW_PX // 8 : -WINDOW_PX // 8, WINDOW_PX // 8 : -WINDOW_PX // 8]
        small = cv2.resize(inner, (_GRID, _GRID), interpolation=cv2.INTER_AREA)
        lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        return cls(np.asarray(lab, np.float32), canonical_axes(landmarks)[_UPPER])

    def distance(self, other: Likeness) -> float:
        """0 for the same view; below `DIFFERENT` it may well be the same person.

        Over 11 clips: views of one person against their average stay below 0.9, two people lie above 0.95.
        """
        tone = float(np.abs(self.tones - other.tones).mean())
        bone = float(np.linalg.norm(self.bones - other.bones, axis=1).mean())
        return tone / _TONE_UNIT + bone / _BONE_UNIT

    def blend(self, other: Likeness) -> Likeness:
        """This likeness, having learnt a little from a newer view."""
        return Likeness(
            self.tones + np.float32(_LEARNING) * (other.tones - self.tones),
            self.bones + _LEARNING * (other.bones - self.bones),
        )
