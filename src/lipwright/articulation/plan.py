"""From what was heard to what this mouth shall do.

    heard     z-scores, too small            ..--..-.--.......-..--..-
    adapted   as this mouth says it          ..--..-.-........-..--..-     where its own speech was heard and seen
    spoken    own mean and spread            .:"":.":":.......".:"":."
    held      pauses stand still             .:"":.":":=======":":"":.     a talker keeps the lips parted in
                                             ____:":"":_______":":____     short pauses, and is at rest before
                                                                           and after speech and in long ones
    closed    bilabials touch                the opening is taken out where the lips must meet

Nothing here shifts time: every filter is symmetric.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from lipwright.articulation.adaptation import Adaptation
from lipwright.articulation.curves import Array, Floats, highest, runs, smooth, smoothstep
from lipwright.articulation.known_phones import LIP_TO_TEETH_IO, corrected, known
from lipwright.articulation.network import SMOOTHING_S, TICK_RATE_HZ, Heard, Population, population
from lipwright.articulation.opening import own_direction, with_opening
from lipwright.articulation.phones import PHONES
from lipwright.core.speech import Phone
from lipwright.core.timeline import MouthTrack, SpeakingStyle, Timeline

SHORTEST_PAUSE_S: Final = 0.24
"""Shorter gaps belong to speech: stops and breaths between words."""
LONGEST_HOLD_S: Final = 1.5
"""In longer pauses also a talker goes to rest."""
PARTED_IO: Final = 0.04
"""Opening from which a resting mouth is an open one."""
EASE_IN_S: Final = 0.30
"""Time to come to a pause."""
EASE_OUT_S: Final = 0.25
"""Time to leave it; the lips open ahead of the sound."""
_SHORTEST_SPEECH_S = 0.08
"""Shorter stretches are clicks."""
_LIKELY_SPEECH, _CLEAR_SPEECH = 0.4, 0.75
_KNOWN_EASE: Final = 0.25
"""Share of a pause that the way in takes, and the way out, where its edges are known: half of it stands still."""
_CLOSURE_FROM, _CLOSURE_RANGE = 0.3, 0.25
_PEAK_TICKS: Final = 9
_PEAK_FROM, _PEAK_RANGE = 0.7, 0.3
"""The lips touch at the peak of the probability: it is high for half as long again as they stay shut (140 ms in the
median for 90, of 19 people not met)."""
_CLOSURE_SMOOTHING_TICKS = 0.8
_HUM_CLOSURE_FROM, _HUM_CLOSURE_RANGE = 0.1, 0.15
_HUM_FROM_DB, _HUM_RANGE_DB = -14.0, 5.0
"""A hum is as loud as speech (median over -7 dB); of 74 short pauses of real speech none is (under -15)."""
_SIL = PHONES.index("sil")

Kind = Literal["hold", "rest"]


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch of ticks in which nothing is said, half-open."""

    start: int
    stop: int
    kind: Kind


def find_pauses(heard: Heard, *, is_talker: bool) -> list[Pause]:
    """Where nothing is said, and what the mouth does there.

    A recording without speech (silence, music, noise) is one pause.
    """
    n = len(heard)
    quiet = smooth(heard.rest, 1.5)
    is_speech = quiet < 0.5
    # Over half a second of speech some sound is likely one of the phones; somewhere in a recording it is clearly
    # so (over 0.79 in 200 pieces of 0.3 to 1 s): plucked strings and bells never come near it (under 0.70 in 25).
    is_phone = 1.0 - heard.phones[:, _SIL]
    is_speech &= (smooth(is_phone, 12.0) > _LIKELY_SPEECH) & (smooth(is_phone, 2.0).max() > _CLEAR_SPEECH)
    shortest_speech = _SHORTEST_SPEECH_S * TICK_RATE_HZ
    for start, stop in runs(is_speech):
        if stop - start < shortest_speech:
            is_speech[start:stop] = False
    pauses: list[Pause] = []
    for start, stop in runs(~is_speech):
        length_s = (stop - start) / TICK_RATE_HZ
        is_inside = start > 0 and stop < n
        if length_s < SHORTEST_PAUSE_S and (start > 0 or stop < n):
            continue
        holds = is_talker and is_inside and length_s <= LONGEST_HOLD_S
        pauses.append(Pause(start, stop, "hold" if holds else "rest"))
    return pauses


def says_nothing(heard: Heard) -> bool:
    """Whether nobody speaks in a recording: it is one pause."""
    return find_pauses(heard, is_talker=False) == [Pause(0, len(heard), "rest")]


def _ease(n: int, start: int, stop: int, share: float = 0.5) -> Floats:
    """(n,) weight of a pause: rises from its start, stands at one, and is back at zero when speech begins.

    A recording's first and last tick need no way in or out. Either way takes at most `share` of the pause.
    """
    length = stop - start
    into = min(EASE_IN_S * TICK_RATE_HZ, share * length)
    out = min(EASE_OUT_S * TICK_RATE_HZ, share * length)
    tick = np.arange(n, dtype=np.float64)
    rise = np.ones(n) if start == 0 else (tick - start) / into
    fall = np.ones(n) if stop == n else (stop - tick) / out
    return smoothstep(np.minimum(rise, fall))


def closure_strength(heard: Heard) -> Floats:
    """(n,) 0..1 how firmly the lips must touch: where the probability that they do is high, and near its peak."""
    likely = heard.closure.astype(np.float64)
    of_peak = likely / np.maximum(highest(likely, _PEAK_TICKS), 1e-6)
    sure = smoothstep((likely - _CLOSURE_FROM) / _CLOSURE_RANGE) * smoothstep((of_peak - _PEAK_FROM) / _PEAK_RANGE)
    return np.clip(smooth(sure, _CLOSURE_SMOOTHING_TICKS), 0.0, 1.0)


def _hum(heard: Heard, pause: Pause) -> float:
    """0..1 how surely a pause is one with a voice behind shut lips: "mm-hm"."""
    inside = slice(pause.start, pause.stop)
    is_shut = (float(heard.closure[inside].mean()) - _HUM_CLOSURE_FROM) / _HUM_CLOSURE_RANGE
    is_loud = (float(np.median(heard.energy_db[inside])) - _HUM_FROM_DB) / _HUM_RANGE_DB
    return float(smoothstep(np.array([is_shut, is_loud])).prod())


def at_full_amplitude(heard: Heard, spread: Array, people: Population, direction: Array) -> Floats:
    """(n, N_SHAPE) movement around the mean, as large as this person's (spread (N_SHAPE,)) in every coefficient.

    The opening is that of the network's own, cautious amplitudes, enlarged as one: coefficients that
    sound hardly tells would bring noise into it when each is enlarged by itself (0.03 of r).
    """
    cautious = heard.shape * spread
    opening = cautious @ direction / people.opening_shrinkage
    return with_opening(cautious / people.shrinkage, opening, spread, direction)


def plan(
    heard: Heard,
    style: SpeakingStyle,
    *,
    intensity: float = 1.0,
    phones: Timeline[Phone] | None = None,
    adaptation: Adaptation | None = None,
    people: Population | None = None,
    direction: Array | None = None,
) -> MouthTrack:
    """What the mouth of this person does to say what was heard, at 50 Hz from time zero.

    `intensity` scales the opening of speech, and the movement of all else around its mean: 1 is the person's own, 0 a
    still, shut mouth; how they rest stays as it is. Full amplitude on every coefficient; the lips touch where
    `closure` says so; pauses stand still.
    `phones` are those of speech made from text: they are exact, and correct what was heard (`known_phones`).
    `adaptation` is what was learned of this person from their own speech (`adapt`).
    `people` and `direction` (N_SHAPE,) are those of the shipped network and basis unless another network
    is being judged. Raises ValueError for a negative intensity.
    """
    if intensity < 0:
        raise ValueError(f"intensity cannot be negative, got {intensity}")
    n = len(heard)
    people = population() if people is None else people
    direction = own_direction() if direction is None else direction
    spread = style.spread.astype(np.float64)
    facts = None if phones is None else known(phones, n)
    if facts is not None:
        heard = corrected(heard, facts)
    if adaptation is not None:
        heard, people = adaptation.applied(heard, people)
    movement = at_full_amplitude(heard, spread, people, direction)
    own, spoken = (smooth(amount * movement + style.mean, SMOOTHING_S * TICK_RATE_HZ) for amount in (1.0, intensity))

    # who smiles with parted lips keeps them as they are in short pauses too, not at once in that smile again
    is_parted = float(style.rest @ direction) > PARTED_IO
    pauses = find_pauses(heard, is_talker=style.is_talking or is_parted)

    closure = closure_strength(heard) if facts is None else facts.closure
    opening = intensity * np.maximum(0.0, own @ direction)  # lips never pass through each other
    if facts is not None:
        opening += facts.to_teeth * (np.minimum(opening, LIP_TO_TEETH_IO) - opening)
    spoken = with_opening(spoken, (1 - closure) * opening, spread, direction)

    # as parted as the sound leaves them there: nearer to real lips than one pose for all short pauses (0.006 of r)
    poses = [spoken[one.start : one.stop].mean(0) if one.kind == "hold" else style.rest for one in pauses]
    still, rest, hums = np.zeros(n), np.zeros(n), np.zeros(n)
    for pause, pose in zip(pauses, poses, strict=True):
        hum = _hum(heard, pause) if facts is None and pause.kind == "hold" else 0.0
        if hum:
            (pose,) = with_opening(pose[None], (1 - hum) * np.maximum(0.0, pose[None] @ direction), spread, direction)
        weight = _ease(n, pause.start, pause.stop) if facts is None else _ease(n, pause.start, pause.stop, _KNOWN_EASE)
        spoken += weight[:, None] * (pose - spoken)
        still, hums = np.maximum(still, weight), np.maximum(hums, hum * weight)
        if style.is_talking or pause.kind == "rest":
            rest = np.maximum(rest, weight)  # who does not talk is shown untouched where this is one
    if facts is None:
        closure = np.maximum(closure * (1 - still), hums)
    else:  # a sound beside a pause is shut all the same
        spoken = with_opening(spoken, (1 - closure) * np.maximum(0.0, spoken @ direction), spread, direction)
        rest = rest * (1 - closure)
    return MouthTrack(spoken.astype(np.float32), closure.astype(np.float32), rest.astype(np.float32), heard.rate_hz)
