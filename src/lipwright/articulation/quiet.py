"""Quiet speech beside loud speech: an aside, a guest far from the microphone, a line said under one's breath.

    level    ::::::::........._____.......:::::::   dB, of the loud speech
    heard    :".:":.                       :":."    one loudness for the whole recording: the quiet one is no speech
    again            :":.:".       :".:"            raised to the level of the loud speech; taken where it is speech

What lies near the recording's own noise is not raised, nor what is heard as speech already. What is raised has to be
clearly speech for some time: a breath, a tail of a room or applause stays the pause that it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lipwright.articulation.curves import Array, Floats, runs, smooth, smoothstep
from lipwright.articulation.phones import PHONES

_LOUDEST_DB, _QUIETEST_DB = -6.0, -50.0
"""Against the loud speech: what is louder is heard as it is, what is quieter is a gate's or an editor's silence."""
_LEAST_GAIN_DB: Final = 8.0
_OVER_NOISE_DB, _SOUND_OVER_NOISE_DB = 10.0, 5.0
"""Of a whole stretch, where it is loud; of each of its ticks."""
_NOISE_SHARE: Final = 0.02
"""Share of the ticks that are not loud whose level is the recording's own noise."""
_SHORTEST: Final = 20
"""Ticks of the shortest stretch: 0.4 s."""
_LONGEST: Final = 1000
"""Ticks of the longest: 20 s. What is quiet for longer is cut, and each part raised by itself."""
_LONGEST_GAP: Final = 15
"""Ticks of the longest gap in a stretch."""
_LOUD_SHARE: Final = 0.6
_BORDER: Final = 5
"""Ticks over which what is heard goes from the one hearing to the other, and sound from one level to the other."""
_LEAST_SPEECH: Final = 25
"""Ticks of speech for a stretch to be spoken: half a second; breaths and tails of a room are shorter."""
_SPEECH_SHARE, _PHONE, _CLEAR = 0.5, 0.8, 0.9
_LEAST_KINDS: Final = 4
"""Of phones that are clearly heard in speech by itself: an echo, a breath or a chair has three at most."""
_CHANGES_A_TICK: Final = 0.03
"""Changes from one clear phone to the next: 1.5 in a second; speech has some three."""
_SIL = PHONES.index("sil")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Ticks, half-open, whose sound is too quiet to be heard as speech, and by how much it is to be raised."""

    start: int
    stop: int
    gain_db: float


def quiet_stretches(level_db: Array, rest: Array) -> list[Stretch]:
    """Where a recording has sound that is too quiet to be heard as speech beside the rest of it, in order.

    Of its level (n,) relative to its loud speech and of how sure it is that nothing is said there (n,).
    """
    power = 10 ** (np.asarray(level_db, np.float64) / 10)
    level = 10 * np.log10(smooth(power, 2.0) + 1e-12)
    is_quiet = 10 * np.log10(smooth(power, 6.0) + 1e-12) < _LOUDEST_DB
    if not is_quiet.any():
        return []
    noise_db = max(_QUIETEST_DB, float(np.quantile(level[is_quiet], _NOISE_SHARE)))
    sounds = is_quiet & (level > noise_db + _SOUND_OVER_NOISE_DB)
    is_one = sounds.copy()
    for start, stop in runs(is_quiet & ~sounds):
        if stop - start <= _LONGEST_GAP and is_one[max(0, start - 1)] and is_one[min(stop, len(level) - 1)]:
            is_one[start:stop] = True
    found: list[Stretch] = []
    for start, stop in runs(is_one):
        heard = rest[start:stop][sounds[start:stop]]
        if stop - start < _SHORTEST or float(np.mean(heard >= 0.5)) < 0.5:
            continue
        n_parts = -(-(stop - start) // _LONGEST)
        for part in np.array_split(np.arange(start, stop), n_parts):
            loud = np.sort(power[part])[-round(_LOUD_SHARE * len(part)) :]
            loud_db = 10 * float(np.log10(loud.mean() + 1e-12))
            if noise_db + _OVER_NOISE_DB < loud_db < -_LEAST_GAIN_DB:
                found.append(Stretch(int(part[0]), int(part[-1]) + 1, -loud_db))
    return found


def likely_speech(rest: Array, phones: Array) -> tuple[int, int] | None:
    """From the first to past the last tick of a raised stretch that sounds like speech, if much of it does.

    By rest (n,) and phones (n, 20) that are heard in it among the rest of the recording.
    """
    is_speech = smooth(rest, 1.5) < 0.5
    if is_speech.sum() < max(_LEAST_SPEECH, _SPEECH_SHARE * len(rest)):
        return None
    is_phone = 1.0 - phones[:, _SIL]
    if float(is_phone[is_speech].mean()) < _PHONE or float(smooth(is_phone, 2.0).max()) < _CLEAR:
        return None
    said = np.flatnonzero(is_speech)
    return int(said[0]), int(said[-1]) + 1


def is_clearly_speech(phones: Array) -> bool:
    """Whether a part (n, 20) that is heard by itself goes through several kinds of phones.

    Among speech, much sounds like some more of it: breaths, music, chairs. Alone, no such sound changes so.
    """
    steady = smooth(phones, 1.0)
    kind = steady.argmax(1)
    said = kind[(steady.max(1) > 0.5) & (kind != _SIL)]
    n_changes = int(np.count_nonzero(np.diff(said)))
    return len(set(said.tolist())) >= _LEAST_KINDS and n_changes >= _CHANGES_A_TICK * len(phones)


def gain_db(stretches: Sequence[Stretch], n: int) -> NDArray[np.float32]:
    """(n,) by how much each tick of a recording is to be raised, without steps."""
    gain = np.zeros(n, np.float32)
    for one in stretches:
        first, last = around(one, n)
        some = gain[first:last]
        np.maximum(some, one.gain_db * weight(one, first, last), out=some)
    return gain


def around(stretch: Stretch, n: int) -> tuple[int, int]:
    """The ticks of a stretch and of its soft borders, half-open, in a recording of `n`."""
    return max(0, stretch.start - _BORDER), min(n, stretch.stop + _BORDER)


def weight(stretch: Stretch, first: int, last: int) -> Floats:
    """0..1 for ticks `first` up to `last`: one in the stretch, none from a border's width outside it on."""
    tick = np.arange(first, last)
    outside = np.maximum(np.maximum(stretch.start - tick, tick - stretch.stop + 1), 0)
    return smoothstep(1.0 - outside / _BORDER)
