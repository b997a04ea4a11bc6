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
_MOST_LIGHT: Final = 1.5
"""Cube root of how many times as much light may fall on the same face, or be let in: 1.75 stops."""
_LIGHT_COST: Final = 0.8
"""Of light that is e^3 times as much: light may well have changed, but somebody else's skin is lighter too."""
_FADED_COST, _PATTERN_COST = 0.3, 3.0
"""Of a picture that faded, lost its colours, or was graded; and of each 1 by which r of the lightness falls short."""
_COLOURLESS: Final = 1.0
"""Mean size of a* and b*, up to which a picture has no colours: of faces it is 6 and more."""
_BONE_UNIT: Final = 0.125
_TO_XYZ: Final = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
) / np.array([[0.950456], [1.0], [1.088754]])
"""sRGB primaries, each row over the D65 white."""
_UPPER: Final = np.array((33, 133, 362, 263, 168, 6, 5, 2, 0, 127, 356, 234, 454, 10, 152, 172, 397, 105, 334))


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """What a face looks like, apart from where it is."""

    DIFFERENT: ClassVar[float] = 1.0
    """From this distance on it is somebody else."""
    SURE: ClassVar[float] = 0.92
    """Below this distance it is the same person, be the light another; above it, in colours, it seldom is."""

    tones: NDArray[np.float32]
    """(12, 12, 3) CIE L*a*b* of the window, coarse."""
    bones: NDArray[np.float64]
    """(n, 3) canonical points that speech hardly moves, IO."""

    @classmethod
    def of(cls, picture: Rgb, landmarks: NDArray[np.float64]) -> Likeness:
        """From the (192, 192, 3) picture on which the landmarks (478, 3) were found."""
        inner = picture[WINDOW_PX // 8 : -WINDOW_PX // 8, WINDOW_PX // 8 : -WINDOW_PX // 8]
        small = cv2.resize(inner, (_GRID, _GRID), interpolation=cv2.INTER_AREA)
        return cls(_lab(small.astype(np.float32) / 255), canonical_axes(landmarks)[_UPPER])

    @property
    def has_colours(self) -> bool:
        """Whether the picture has any; without them one person is as far from themselves as another may be."""
        return float(np.abs(self.tones[..., 1:]).mean()) > _COLOURLESS

    def distance(self, other: Likeness) -> float:
        """0 for the same view; below `DIFFERENT` it may well be the same person.

        Over 11 clips: views of one person against their average stay below 0.75, and 97 of 100 below 0.8 at 0.7 times
        the light and below 0.91 at 0.6 or 1.4 times; two people lie above 0.93, 99 of 100 of them above 0.97. Half way
        and three quarters of the way into a fade to black or white, and without colours, 98 of 100 views of one person
        stay below 1, which between two people no more do than otherwise.
        """
        bone = float(np.linalg.norm(self.bones - other.bones, axis=1).mean()) / _BONE_UNIT
        as_lit = float(np.abs(self.tones - other.tones).mean()) / _TONE_UNIT
        light = _light(self.tones, other.tones)
        relit = float(np.abs(self.tones - _lit(other.tones, light)).mean()) / _TONE_UNIT
        as_lit_otherwise = relit + _LIGHT_COST * abs(float(np.log(light)))
        # a fade takes contrast, a picture without colours those: where a face is light and where dark is left
        faded = _FADED_COST + _PATTERN_COST * (1 - _alike(self.tones[..., 0], other.tones[..., 0]))
        return bone + min(as_lit, as_lit_otherwise, faded)

    def blend(self, other: Likeness, share: float = _LEARNING) -> Likeness:
        """This likeness, having learnt a little from a newer view."""
        return Likeness(
            self.tones + np.float32(share) * (other.tones - self.tones),
            self.bones + share * (other.bones - self.bones),
        )


def _light(tones: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """By what `others` have to be lit to be as light as `tones`, within what is likely.

    CIE L*a*b* are made of cube roots of light: times as much of it, L* + 16, a* and b* all grow by its cube root.
    """
    times = np.median((tones[..., 0] + 16) / (others[..., 0] + 16))
    return float(np.clip(times, 1 / _MOST_LIGHT, _MOST_LIGHT))


def _alike(lightness: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Pearson's r of two lightnesses; 0 where one of them shows nothing."""
    one, two = lightness - lightness.mean(), other - other.mean()
    size = float(np.linalg.norm(one) * np.linalg.norm(two))
    return float((one * two).sum()) / size if size > 1e-6 else 0.0


def _lit(tones: NDArray[np.float32], light: float) -> NDArray[np.float32]:
    black = np.array((-16, 0, 0), np.float32)
    return black + np.float32(light) * (tones - black)


def _lab(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """CIE L*a*b* (D65) of sRGB 0..1, (..., 3). OpenCV's takes a third of a second to make its tables first."""
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    xyz = linear @ _TO_XYZ.T
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)
