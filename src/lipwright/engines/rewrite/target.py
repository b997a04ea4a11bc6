"""From planned coefficients to the shape that one person's face takes, and where its points go in a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lipwright.core.face import N_LANDMARKS
from lipwright.engines.rewrite.picture import smoothstep
from lipwright.engines.rewrite.steady import gaussian_over_frames
from lipwright.vision import mesh
from lipwright.vision.shape import Floats, Points, ShapeBasis, corner_lift, opening, width

_UPPER = np.array(mesh.INNER_UPPER[1:-1])
_LOWER = np.array(mesh.INNER_LOWER[1:-1])
_UPPER_RINGS = (
    (mesh.INNER_UPPER, 1.0),
    (mesh.INNER_MIDDLE_UPPER, 0.9),
    (mesh.MIDDLE_UPPER, 0.7),
    (mesh.OUTER_UPPER, 0.45),
)
_LOWER_RINGS = (
    (mesh.INNER_LOWER, 1.0),
    (mesh.INNER_MIDDLE_LOWER, 0.9),
    (mesh.MIDDLE_LOWER, 0.7),
    (mesh.OUTER_LOWER, 0.45),
)

# Skin between these points, from the lip outwards, must keep a share of its height or it folds into notches.
_BELOW = (
    (17, 18, 200, 199), (84, 83, 201), (314, 313, 421), (181, 182, 194), (405, 406, 418),
    (91, 106, 204), (321, 335, 424), (146, 43), (375, 273),
)  # fmt: skip
_BELOW_PAIRS = [
    np.array([chain[step : step + 2] for chain in _BELOW if len(chain) > step + 1]).T
    for step in range(max(map(len, _BELOW)) - 1)
]
"""Of each step outwards the near points and the far ones, (2, n): one after another they took twice as long."""
_ABOVE = np.array(((0, 164), (37, 167), (267, 393), (39, 165), (269, 391))).T
_KEEP_BELOW = 0.75
_KEEP_ABOVE = 0.6

_PRESS_IO = 0.017
"""By so much, 1.5 mm, lips that must touch are pressed together, as they are at p, b and m: the lower lip aims for
where the upper one is, and both give way (Löfqvist and Gracco 1997). Lips that only just meet are now and then read as
apart."""


_MEET_IO, _APART_IO = 0.010, 0.020
"""Lips with less than the first between them touch, with more than the second they stay as far apart: who hardly opens
the mouth has half of the vowels at 3 %."""
_OPEN_IO: Final = 0.04
"""Lips that are farther apart are not at rest, unless they smile."""
_SMILE_IO: Final = -0.005
"""Corners at this height above the upper lip, or higher, belong to a smile, which may be posed: of pictures of smiles
with teeth they were at 0.001 to 0.05, in the talk of 27 people at -0.03 in the median of those open so far."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a person's mouth may be driven, IO."""

    knee: float = 0.16
    """Opening from which it is compressed."""
    widest: float = 0.27
    """Opening that is never passed."""
    stretch: float = 1.22
    """Mouth width beside the neutral's that is never passed."""


def target_shapes(coefficients: Floats, closure: Floats, closed: Points, basis: ShapeBasis, limits: Limits) -> Points:
    """Canonical shapes (n, 478, 3) for coefficients (n, k) and closure (n,) of a person with this closed neutral.

    In order: soft limit of the opening, limit of the width, no folding skin, and the closure guarantee:
    where the lips nearly meet, or must, they meet.
    """
    moved = basis.decode(coefficients, closed)
    shapes = closed + moved
    gap = opening(shapes)
    room = limits.widest - limits.knee
    compressed = limits.knee + room * np.tanh((gap - limits.knee) / room)
    moved *= np.where(gap > limits.knee, compressed / np.maximum(gap, limits.knee), 1.0)[:, None, None]
    shapes = closed + moved
    _limit_width(shapes, closed, limits.stretch)
    keep_from_folding(shapes, closed)
    close_lips(shapes, closure)
    keep_from_folding(shapes, closed)  # a lip that was brought up or down takes its skin along
    return shapes


def is_in_mid_word(shape: Points) -> bool:
    """Whether a mouth (478, 3) that was seen once is open as in talk: no lips at rest, and no smile with teeth."""
    return bool(opening(shape) > _OPEN_IO and corner_lift(shape) < _SMILE_IO)


def _limit_width(shapes: Points, closed: Points, stretch: float) -> None:
    excess = np.minimum(1, stretch * width(closed) / np.maximum(width(shapes), 1e-6))
    lips = np.array(mesh.LIPS)
    centre = shapes[:, [61, 291], 0].mean(1)[:, None]
    shapes[:, lips, 0] = centre + (shapes[:, lips, 0] - centre) * excess[:, None]


def keep_from_folding(shapes: Points, closed: Points) -> None:
    """Push chin and philtrum points outwards, in place, where the skin to the lip would be squeezed."""
    y, y_closed = shapes[..., 1], closed[:, 1]
    for near, far in _BELOW_PAIRS:
        least = _KEEP_BELOW * (y_closed[far] - y_closed[near])
        y[:, far] += np.maximum(0, least - (y[:, far] - y[:, near]))
    near, far = _ABOVE
    least = _KEEP_ABOVE * (y_closed[near] - y_closed[far])
    y[:, far] -= np.maximum(0, least - (y[:, near] - y[:, far]))


def close_lips(shapes: Points, closure: Floats) -> None:
    """Bring the inner lips together, in place, where their largest gap is under 2 % IO or `closure` asks for it.

    Inner lips cross only where `closure` presses them together. 40 % of the way is the upper lip's.
    """
    gaps = shapes[:, _LOWER, 1] - shapes[:, _UPPER, 1]
    shut = np.maximum(smoothstep((_APART_IO - gaps.max(1)) / (_APART_IO - _MEET_IO)), closure)
    pressed = _PRESS_IO * closure[:, None] ** 2
    _change_gaps(shapes, np.maximum(gaps, 0) * (1 - shut[:, None]) - pressed - gaps)
    # what touches touches in depth too: else lips are apart in the picture of a head that is seen from below
    depth = shut[:, None] * (shapes[:, _LOWER, 2] - shapes[:, _UPPER, 2])
    shapes[:, _UPPER, 2] += 0.4 * depth
    shapes[:, _LOWER, 2] -= 0.6 * depth


def _change_gaps(shapes: Points, change: Floats) -> None:
    """Widen the inner gaps by (n, 9), in place; the outer rings follow with decaying shares."""
    for ring, share in _UPPER_RINGS:
        shapes[:, np.array(ring[1:-1]), 1] -= 0.4 * share * change
    for ring, share in _LOWER_RINGS:
        shapes[:, np.array(ring[1:-1]), 1] += 0.6 * share * change


def _lead_shares() -> Floats:
    """(478, 2) by how much further than asked each lip point is driven, x and y."""
    out = np.zeros((N_LANDMARKS, 2))
    aside = (np.abs(np.arange(11) - 5) / 5.0) ** 2  # 0 in the middle of a ring, 1 at the corners
    corner, middle_x, upper_y, lower_y = (0.20, 0.25), 0.10, 0.20, 0.12
    for rings, middle_y in ((mesh.UPPER_RINGS, upper_y), (mesh.LOWER_RINGS, lower_y)):
        for ring in rings:
            out[list(ring), 0] = middle_x + (corner[0] - middle_x) * aside
            out[list(ring), 1] = middle_y + (corner[1] - middle_y) * aside
    return out


_LEAD_SHARES = _lead_shares()
_LEAD_FRAMES = 1.5
LEAD_MARGIN_FRAMES = 8
"""So many frames before and after a block take part in the smoothing of its lead."""
_LEAD_GAP = 0.13
"""Gaps are read too small by this share, whatever the frame's own mouth does; slits are not widened."""
_WIDE_IO, _WIDEST_IO = 0.16, 0.28
"""Gaps from which the lead fades, and at which there is none: wide mouths get no wider."""


def with_lead(targets: Points, own: Points, strength: Floats) -> Points:
    """Shapes (n, 478, 3) driven so far that they are *read* as `targets` on frames whose own shapes are `own`.

    `strength` (n,) 0..1 is how much of a frame is changed at all.

    A mouth is read together with the face around it, and that stays the base frame's: of a move of the corners or the
    upper lip that is asked for, a tracker sees 0.6 to 0.8 again, and for the rest the old mouth (measured on three
    people; docs/measurements.md). So lips are driven further, away from the frame's own shape, but for what changes
    from frame to frame, or the tracker's noise would be amplified. Gaps between the lips are read 0.87 times as
    wide as asked, hardly depending on the old ones: these are driven by that share further whatever the frame shows, so
    that a pause stands still while the footage's mouth goes on. Where lips are to touch they still touch, and the
    widest mouths get no wider.
    """
    gaps = np.maximum(targets[:, _LOWER, 1] - targets[:, _UPPER, 1], -_PRESS_IO)
    share = 1 - smoothstep((gaps.max(1) - _WIDE_IO) / (_WIDEST_IO - _WIDE_IO))
    ahead = (targets - own)[..., :2] * _LEAD_SHARES * share[:, None, None]
    out = targets.copy()
    out[..., :2] += gaussian_over_frames(ahead, _LEAD_FRAMES)
    led = out[:, _LOWER, 1] - out[:, _UPPER, 1]
    share = _LEAD_GAP * strength * share * smoothstep((gaps.max(1) - 0.02) / 0.03)
    _change_gaps(out, gaps * (1 + share[:, None]) - led)
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Destination:
    """Where each mesh point goes, for one person: the lips exactly, the jaw as the basis says."""

    basis: ShapeBasis
    sideways: Floats
    """(478,) 1 from the mouth's axis to the cheeks, 0 beyond: cheeks go along, ears and hair do not."""
    downwards: Floats
    """(478,) 0 above the nose base, 1 from the upper lip down."""

    @classmethod
    def for_template(cls, template: Points, basis: ShapeBasis) -> Destination:
        aside = np.abs(template[:, 0] - template[[61, 291], 0].mean())
        sideways = 1 - smoothstep((aside - 0.40) / 0.30)
        top = template[mesh.NOSE_BASE, 1] - 0.05
        bottom = template[mesh.UPPER_LIP_TOP, 1] - 0.03
        downwards = smoothstep((template[:, 1] - top) / (bottom - top))
        return cls(basis, np.asarray(sideways, np.float64), np.asarray(downwards, np.float64))

    def displacement(self, target: Points, shape: Points) -> Points:
        """Canonical displacements (..., 478, 3) from the frames' own shapes to the targets."""
        wanted = target - shape
        moved = self.basis.project(wanted) * self.sideways[:, None]
        lips = np.array(mesh.LIPS)
        moved[..., lips, :] = wanted[..., lips, :]
        return moved

    def pixels(
        self, target: Points, shape: Points, scale_px: Floats, rotation: Floats, landmarks_px: NDArray[Any]
    ) -> Floats:
        """(n, 478, 2) source pixels: the frames' own landmarks (n, 478, 2+), moved; what rests stays on its pixels."""
        moved = self.displacement(target, shape) @ rotation.transpose(0, 2, 1)
        return landmarks_px[..., :2] + moved[..., :2] * (scale_px[:, None] * self.downwards)[..., None]
