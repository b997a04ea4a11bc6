"""How one person's mouth says what the network hears: learned from their own speech, where the footage has it.

heard     what the sound calls for in anybody's mouth      .:"":. .:":.
seen      what this mouth did with that sound              ..--.. .:"::
          a linear map from the one to the other, which stays near to changing nothing

The network knows people in general. Somebody who hardly moves the upper lip, or rounds little, does so in every
sentence, and half a minute of their own speech tells. Ridge regression (Hoerl and Kennard 1970) of what the network
left unexplained, on its own shapes, on the sounds around, and on its last hidden layers, off which shapes are read: the
less speech there is, the less is changed. Training the network itself any further takes more speech than footage has
(docs/decisions/0018, 0023).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from lipwright.articulation.agreement import SURE, Agreement, near_speech, seen_at
from lipwright.articulation.curves import Array, Floats, smooth
from lipwright.articulation.network import N_HIDDEN, SMOOTHING_S, TICK_RATE_HZ, Heard, Population, population
from lipwright.articulation.opening import own_direction
from lipwright.articulation.style import DRIFT_S, moves
from lipwright.core.timeline import N_SHAPE, SeenMouth, SpeakingStyle

LEAST_S: Final = 4.0
"""From less speech than this nothing is learned: on people held out it helped no more often than it harmed."""
MOST_S: Final = 300.0
"""More speech than this is not looked at: what there is to learn is learned."""
SPAN_S: Final = 1200.0
"""Nor what comes later than this after its beginning, so that hours need no more memory."""
_TAPS: Final = (-6, -3, 0, 3, 6)
"""Ticks at which the sounds around are looked at: 120 ms to either side."""
_SHAPES_PENALTY, _SOUNDS_PENALTY, _HIDDEN_PENALTY = 600.0, 10_000.0, 1000.0
"""In ticks of unit spread: 12 s of speech weigh as much as knowing nothing; many inputs weigh less each."""
_LEAST_SHAPE, _LEAST_SOUND = 0.5, 0.05
"""Inputs that vary by less, of the population's shrinkage and as a probability, are not made more of."""
_OTHERS_SHRINKAGE: Final = 0.45
"""Spread of the network's own width and jaw on people it has not met."""
_N_SHAPES: Final = N_SHAPE + 3
"""Inputs that are shapes: coefficients, opening, width, jaw; then come sounds, and then N_HIDDEN of hidden layers."""
_PIECE_TICKS: Final = 60 * TICK_RATE_HZ
"""A speech is adapted so much at a time: all inputs of an hour would be 170 MB."""
_REACH_S: Final = 0.5
"""What lies so close to speech belongs to it."""


@dataclass(frozen=True, slots=True, eq=False)
class Adaptation:
    """From what the network says to what this person's mouth does."""

    weights: Floats
    """(n_inputs, N_SHAPE)."""
    bias: Floats
    """(N_SHAPE,)."""
    shrinkage: Floats
    """(N_SHAPE,) spread of the adapted shapes, of that of the person's own: `Population.shrinkage` for them alone."""
    opening_shrinkage: float
    learned_s: float
    """Seconds of own speech behind it."""

    def applied(self, heard: Heard, people: Population) -> tuple[Heard, Population]:
        """What was heard in anybody's voice, in this person's shapes, and what its numbers mean then."""
        said = _said(heard, slice(None))
        pieces = np.array_split(np.arange(len(heard)), 1 + len(heard) // _PIECE_TICKS)
        shape = np.concatenate([_inputs(said, at) @ self.weights + self.bias for at in pieces])
        own = replace(people, shrinkage=self.shrinkage.astype(np.float32), opening_shrinkage=self.opening_shrinkage)
        return replace(heard, shape=shape.astype(np.float32)), own


def adapt(
    own_sound: Heard,
    style: SpeakingStyle,
    sync: Agreement | None,
    *,
    people: Population | None = None,
    direction: Array | None = None,
) -> Adaptation | None:
    """Learn from `own_sound` of the footage how the person of `style` says what is heard, or None: too little is known.

    `sync` is how their lips go with that sound; they are compared at its offset. `people` and `direction` (N_SHAPE,)
    are those of the shipped network and basis unless another network is being judged.
    """
    if sync is None or style.seen is None or not sync.speaks or sync.confidence < SURE or sync.talk_s < LEAST_S:
        return None
    people = population() if people is None else people
    direction = own_direction() if direction is None else direction
    at_s = np.arange(len(own_sound)) / TICK_RATE_HZ + sync.offset_s  # in the time of the picture
    is_own = moves(np.interp(at_s, style.seen.times_s, style.seen.coefficients @ direction))  # not another's speech
    ticks = np.flatnonzero(seen_at(at_s, style.seen.times_s) & near_speech(own_sound, _REACH_S) & is_own)
    ticks = ticks[ticks - ticks[:1] < SPAN_S * TICK_RATE_HZ][: int(MOST_S * TICK_RATE_HZ)]
    if len(ticks) < LEAST_S * TICK_RATE_HZ:
        return None

    first, stop = max(0, int(ticks[0]) + _TAPS[0]), int(ticks[-1]) + 1 + _TAPS[-1]
    moved = _without_drift(style.seen, at_s[first:stop])[ticks - first]
    moved -= moved.mean(0)
    said = _said(own_sound, slice(first, stop))
    inputs = _inputs([smooth(one, SMOOTHING_S * TICK_RATE_HZ) for one in said], ticks - first)
    mean = inputs.mean(0)
    inputs -= mean

    spread = style.spread.astype(np.float64)
    weights = _unexplained(inputs, moved / spread - inputs[:, :N_SHAPE], people)
    weights[:N_SHAPE] += np.eye(N_SHAPE)
    drawn: Floats = inputs @ weights
    opened, drawn_opened = np.std(moved @ direction), np.std((drawn * spread) @ direction)
    return Adaptation(
        weights,
        -mean @ weights,
        # what sound hardly tells is not made more of than in people in general
        np.maximum(people.shrinkage, np.std(drawn, axis=0) / np.maximum(np.std(moved / spread, axis=0), 1e-6)),
        max(0.5 * people.opening_shrinkage, float(drawn_opened / max(opened, 1e-6))),
        len(ticks) / TICK_RATE_HZ,
    )


def _without_drift(seen: SeenMouth, at_s: Floats) -> Floats:
    """(n, N_SHAPE) what a mouth did at these times (n,), but for slow changes of mood."""
    moved: Floats = np.empty((len(at_s), N_SHAPE))
    for number in range(N_SHAPE):
        moved[:, number] = np.interp(at_s, seen.times_s, seen.coefficients[:, number])
    return moved - smooth(moved, DRIFT_S * TICK_RATE_HZ, mirror=True)


def _unexplained(inputs: Floats, left: Floats, people: Population) -> Floats:
    """(n_inputs, N_SHAPE) ridge weights on inputs (n, n_inputs) of what they explain of `left` (n, N_SHAPE)."""
    n_sounds = inputs.shape[1] - _N_SHAPES - N_HIDDEN
    penalty = np.repeat([_SHAPES_PENALTY, _SOUNDS_PENALTY, _HIDDEN_PENALTY], [_N_SHAPES, n_sounds, N_HIDDEN])
    usual = np.array([*people.shrinkage, people.opening_shrinkage, _OTHERS_SHRINKAGE, _OTHERS_SHRINKAGE])
    least = np.full(len(penalty), _LEAST_SOUND)
    least[:_N_SHAPES] = _LEAST_SHAPE * usual
    scale = np.maximum(np.std(inputs, axis=0), least)
    scale[-N_HIDDEN:] = 1.0  # principal components as they come: what hardly varies says little
    even: Floats = inputs / scale
    return cast(Floats, np.linalg.solve(even.T @ even + np.diag(penalty), even.T @ left)) / scale[:, None]


def _said(heard: Heard, part: slice) -> list[NDArray[Any]]:
    """Shapes (n, _N_SHAPES), sounds (n, 22) and hidden layers (n, N_HIDDEN) of a part of what was heard."""
    shapes = (heard.shape, heard.opening[:, None], heard.width[:, None], heard.jaw[:, None])
    sounds = (heard.phones, heard.closure[:, None], heard.rest[:, None])
    both = [np.concatenate([one[part] for one in some], axis=1) for some in (shapes, sounds)]
    return [*both, heard.hidden[part]]


def _inputs(said: Sequence[NDArray[Any]], ticks: Array) -> Floats:
    """(k, n_inputs) what the map looks at for these ticks (k,): shapes, the sounds around, hidden layers."""
    shapes, sounds, hidden = said
    around = (sounds[np.clip(ticks + tap, 0, len(sounds) - 1)] for tap in _TAPS)
    return np.concatenate([shapes[ticks], *around, hidden[ticks]], axis=1)
