"""What is known of speech that was made from text: which sound is when, to the millisecond.

The mouth still follows the sound (one path for every voice, with its timing and energy). What is known corrects it:

    p, b, m      the lips are shut for their whole time, at least for two frames of video
    f, v         the lower lip is at the teeth: hardly open
    silence      the mouth rests, or holds, by the rule of pauses
    otherwise    where the network hears other sounds than were said in half of the time and more, the voice is too
                 strange for it, and the shapes come from the sounds by a map that was learned (phone_shapes.npz)

Method: research on text-driven lips found the network's route and the learned map closer to each other than either
to a table made by hand; the map is a ridge over the classes of the sounds around (docs/models/phone-shapes.md).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lipwright.articulation.curves import Floats, smooth, smoothstep
from lipwright.articulation.network import TICK_RATE_HZ, Heard
from lipwright.articulation.phones import PHONES
from lipwright.core.speech import Phone, timed_looks
from lipwright.core.timeline import N_SHAPE, Timeline

LEAST_AGREEMENT: Final = 0.5
"""Share of the spoken ticks in which the network must hear the sound that is said, to be followed."""
SHORTEST_CLOSURE_S: Final = 0.06
"""Two frames at 25 a second see a closure of this length fully shut, whatever their phase."""
_EASE_S: Final = 0.06
"""Time for the lips to come together, and to part."""
_RELEASE_S: Final = 0.015
"""Lips part with the burst, at the end of their sound."""
LIP_TO_TEETH_IO: Final = 0.015
"""Opening at f and v: the lower lip is at the upper teeth, whose edge shows."""
_TAPS: Final = 6
"""Ticks to either side that the map looks at, ..."""
_TAP_TICKS: Final = 2
"""... each so many ticks (40 ms) from the next."""
_SIL, _PBM, _FV = PHONES.index("sil"), PHONES.index("PBM"), PHONES.index("FV")


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """Timed phones as ticks of the network's own rate."""

    looks: NDArray[np.intp]
    """(n,) class of `PHONES` at each tick."""
    closure: Floats
    """(n,) 0..1 how firmly the lips must touch."""
    to_teeth: Floats
    """(n,) 0..1 how firmly the lower lip must be at the teeth."""

    def __len__(self) -> int:
        return len(self.looks)


def known(phones: Timeline[Phone], n_ticks: int) -> Known:
    """What timed phones say about the lips at each of `n_ticks` ticks; silence where they say nothing."""
    looks = np.full(n_ticks, _SIL, np.intp)
    at_s = np.arange(n_ticks) / TICK_RATE_HZ
    closure: Floats = np.zeros(n_ticks)
    to_teeth: Floats = np.zeros(n_ticks)
    for name, start_s, stop_s in chain.from_iterable(map(timed_looks, phones)):
        look = PHONES.index(name)
        looks[(at_s >= start_s) & (at_s < stop_s)] = look
        if look == _PBM:
            closure = np.maximum(closure, _contact(at_s, start_s, stop_s - _RELEASE_S))
        elif look == _FV:
            to_teeth = np.maximum(to_teeth, _contact(at_s, start_s, stop_s))
    return Known(looks, closure, np.minimum(to_teeth, 1.0 - closure))


def _contact(at_s: Floats, start_s: float, stop_s: float) -> Floats:
    """(n,) one from start to stop, widened to the shortest closure, and eased on either side."""
    middle_s, half_s = (start_s + stop_s) / 2, max(stop_s - start_s, SHORTEST_CLOSURE_S) / 2
    # a tick inside the stretch or next to it is shut: what is read between two ticks is then shut too
    away_s = np.maximum(0.0, np.abs(at_s - middle_s) - half_s - 0.5 / TICK_RATE_HZ)
    return smoothstep(1 - away_s / _EASE_S)


def heard_as_said(heard: Heard, phones: Known) -> float:
    """Share of the spoken ticks at which the network hears a sound of the class that is said; one without any."""
    is_said = phones.looks != _SIL
    if not is_said.any():
        return 1.0
    said = phones.looks[is_said]
    return float((np.argmax(heard.phones[is_said], axis=1) == said).mean())


def corrected(heard: Heard, phones: Known) -> Heard:
    """What was heard, with what is known put right: rest and phones; the shapes too where the voice is too strange."""
    n = len(heard)
    assert len(phones) == n, "known for another recording"
    is_silent = (phones.looks == _SIL).astype(np.float32)
    said = np.zeros((n, len(PHONES)), np.float32)
    said[np.arange(n), phones.looks] = 1.0
    better = replace(heard, rest=is_silent, phones=said, closure=phones.closure.astype(np.float32))
    if heard_as_said(heard, phones) >= LEAST_AGREEMENT:
        return better
    drawn = shapes_of(phones)
    return replace(
        better, shape=drawn[:, :N_SHAPE], opening=drawn[:, N_SHAPE], width=drawn[:, N_SHAPE + 1],
        jaw=drawn[:, N_SHAPE + 2],
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class PhoneShapes:
    """The learned map."""

    weights: NDArray[np.float32]
    """(2 * _TAPS + 1, 20, N_SHAPE + 3): of the class at each tap, on each z-score of `Heard`."""
    bias: NDArray[np.float32]
    """(N_SHAPE + 3,)."""


@cache
def phone_shapes() -> PhoneShapes:
    """The map that ships (made by `python -m training.phone_shapes`)."""
    with resources.files("lipwright.articulation").joinpath("phone_shapes.npz").open("rb") as file:
        table = np.load(file)
        return PhoneShapes(table["weights"].astype(np.float32), table["bias"].astype(np.float32))


def around(looks: NDArray[np.intp]) -> NDArray[np.intp]:
    """(n,) classes -> (n, 2 * _TAPS + 1) those from 240 ms before to 240 ms after each tick; silence past the ends."""
    reach = _TAPS * _TAP_TICKS
    padded = np.pad(looks, reach, constant_values=_SIL)
    return np.stack([padded[k * _TAP_TICKS : k * _TAP_TICKS + len(looks)] for k in range(2 * _TAPS + 1)], axis=1)


def shapes_of(phones: Known, table: PhoneShapes | None = None) -> NDArray[np.float32]:
    """(n, N_SHAPE + 3) z-scores of shape, opening, width and jaw, as the network would say them."""
    table = phone_shapes() if table is None else table
    near = around(phones.looks)
    drawn = table.bias + sum(table.weights[tap, near[:, tap]] for tap in range(near.shape[1]))
    return smooth(drawn, 1.0).astype(np.float32)
