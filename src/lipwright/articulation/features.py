"""What the network hears: a log-mel picture of speech, the same whatever the microphone and its gain.

    samples  |----------------------------------------------|   16 kHz, mono
    windows  [  400  ]                                          25 ms Hann, centred on k * 10 ms,
               [  400  ]                                        so that window k is heard at time k / 100
    columns  64 mel bands of power, logarithm; minus each band's mean, over the spread of the loud ones

Method: Davis and Mermelstein 1980 (mel bands), HTK's mel scale; the normalisation is cepstral mean
subtraction restricted to the loudest 60 % of the columns, so that pauses do not weigh. Where most of a recording
is silent, as one speaker's part of a dialogue is, it is the loudest three quarters of what is heard in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from math import log10
from typing import Final, TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Mel: TypeAlias = NDArray[np.float32]
"""(n_columns, N_BANDS)."""

RATE_HZ: Final = 16_000
"""The only rate of speech that is listened to; `media` reads sound at any rate asked for."""
HOP: Final = 160
"""Samples from one column to the next: 10 ms."""
COLUMN_RATE_HZ: Final = RATE_HZ // HOP
WINDOW: Final = 400
N_FFT: Final = 512
N_BANDS: Final = 64
LOW_HZ: Final = 60.0
HIGH_HZ: Final = 7600.0

LOUD_SHARE, LOUD_OF_HEARD = 0.6, 0.75
"""Share of the columns, from the loudest down, that the normalisation is measured on: of all, of those with sound."""
_HEARD_DB = 43.0
"""Columns quieter than the loudest by more than this hold no sound of the speech: gates and editors leave such."""
_LOUDEST_COLUMNS = 50
"""So many of the loudest may be louder than the loudest is taken for: half a second of clicks and slams."""
FLOOR_SHARE: Final = 1e-7
"""The floor under each band's power, relative to the mean band power of loud speech (-70 dB)."""
_QUIETEST = 1e-14
"""Band power below which a recording is digital silence."""
_LEAST_SPREAD = 0.7
"""Steady sounds (white noise has this much, speech three times as much) are not blown up beyond it."""
_LOUDEST = 8.0
"""Spreads from the mean beyond which a click is as loud as any other."""
_BLOCK = 6000
"""Columns worked on at a time: memory stays the same however long the recording."""
_BENCH = 256
"""Columns transformed at a time: what fits into the processor's nearest memory."""
_MAX_MEASURED = 16_384
"""Columns that the normalisation looks at, evenly spread: all of two and a half minutes, or every other one, ..."""
_CONTEXT = 6
"""Columns before a block whose samples it may look at, where its first window is mirrored."""


def n_columns(n_samples: int) -> int:
    """Columns that cover `n_samples`: an even number, at least two, the last one on or past the end."""
    return max(2, 2 * -(-n_samples // (2 * HOP)))


@cache
def mel_bands() -> NDArray[np.float32]:
    """(N_FFT // 2 + 1, N_BANDS): triangles evenly spaced in HTK mels, each of unit area."""

    lowest, highest = (2595.0 * log10(1.0 + hz / 700.0) for hz in (LOW_HZ, HIGH_HZ))
    edges = 700.0 * (10 ** (np.linspace(lowest, highest, N_BANDS + 2) / 2595.0) - 1.0)
    bins = np.arange(N_FFT // 2 + 1) * RATE_HZ / N_FFT
    rise = (bins[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(0.0, np.minimum(rise, fall))
    # The lowest triangles are narrower than one bin of the transform: give each the bin it lies in.
    for band in np.flatnonzero(triangles.sum(0) == 0):
        triangles[np.abs(bins - edges[band + 1]).argmin(), band] = 1.0
    return (triangles / triangles.sum(0)).astype(np.float32)


@cache
def _hann() -> NDArray[np.float32]:
    return np.hanning(WINDOW + 1)[:-1].astype(np.float32)


def mel_power(samples: NDArray[np.float32], start: int = 0, stop: int | None = None) -> Mel:
    """Band powers of columns `start` up to `stop` (default: all) of a recording at 16 kHz.

    (n_samples,) -> (stop - start, N_BANDS). Past its ends the recording is mirrored, because silence there
    would make a click of any sound that is cut off. Any block of columns is the same as those rows of the whole.
    """
    stop = n_columns(len(samples)) if stop is None else stop
    first = start * HOP - WINDOW // 2
    last = (stop - 1) * HOP + WINDOW // 2
    low, high = max(0, min(first, len(samples) - 2 * WINDOW)), min(len(samples), max(last, 2 * WINDOW))
    around = max(0, -first), max(0, last - len(samples))
    inside = samples[low:high] if len(samples) else np.zeros(1, np.float32)
    padded = np.pad(inside, around, "reflect")[first - low + around[0] :][: last - first]
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]  # (n, 400)
    power = np.empty((stop - start, N_BANDS), np.float32)
    bench = np.zeros((_BENCH, N_FFT), np.float32)
    for low in range(0, len(windows), _BENCH):
        some = windows[low : low + _BENCH]
        mean = some.mean(1, keepdims=True)
        np.subtract(some, mean, out=bench[: len(some), :WINDOW])
        bench[: len(some), :WINDOW] *= _hann()
        # twice as fast as pocketfft; a row is re 0, re 1, im 1, re 2, im 2, ..., re 256
        squared = cv2.dft(bench[: len(some)], flags=cv2.DFT_ROWS) ** 2
        spectrum = np.empty((len(some), N_FFT // 2 + 1), np.float32)
        spectrum[:, 0], spectrum[:, -1] = squared[:, 0], squared[:, -1]
        np.add(squared[:, 1:-1:2], squared[:, 2:-1:2], out=spectrum[:, 1:-1])
        power[low : low + _BENCH] = spectrum @ mel_bands()
    return power


def mel_blocks(pieces: Iterable[NDArray[np.float32]]) -> Iterator[Mel]:
    """Blocks of the columns that `mel_power` gives for all pieces (n,) of a recording at 16 kHz together, in order.

    Holds a minute of sound at most, beside the piece at hand.
    """
    held, first, done = np.empty(0, np.float32), 0, 0  # samples from column `first` on; columns given out
    for piece in pieces:
        held = np.concatenate([held, piece]) if len(held) else piece
        # the last columns wait: they may be the ones at which the recording is mirrored
        while first + (len(held) - 2 * WINDOW) // HOP >= done + _BLOCK:
            yield mel_power(held, done - first, done - first + _BLOCK)
            done += _BLOCK
            given_up = max(0, done - _CONTEXT - first)
            held, first = held[given_up * HOP :], first + given_up
        held = held.copy() if held.base is not None else held
    total = first + n_columns(len(held))
    yield mel_power(held, done - first, total - first)


@dataclass(frozen=True, slots=True, eq=False)
class Hearing:
    """How loud and of what colour a recording's speech is: what normalising it takes."""

    loudness: float
    """Mean band power of the loud columns."""
    floor: float
    """Power added to every band."""
    mean: Mel
    """(1, N_BANDS) mean log power of each band, where it is loud."""
    spread: float
    """Standard deviation around it."""
    is_silent: bool
    """There is nothing but digital silence."""

    @classmethod
    def of(cls, power: Mel) -> Hearing:
        """Measure band powers (n, N_BANDS)."""
        level = cast(NDArray[np.float32], power.mean(1))
        place = len(level) - 1 - min(_LOUDEST_COLUMNS, len(level) // 2)
        loudest = float(np.partition(level, place)[place])
        is_heard = level >= loudest * 10 ** (-_HEARD_DB / 10)
        share = min(LOUD_SHARE, LOUD_OF_HEARD * float(is_heard.mean())) if loudest > 0 else LOUD_SHARE
        loud: NDArray[np.bool_] = level >= float(np.quantile(level, 1.0 - share))
        loudness = float(level[loud].mean())
        floor = FLOOR_SHARE * loudness + 1e-30
        log = np.log(power[loud] + floor)
        mean = log.mean(0, keepdims=True)
        spread = max(_LEAST_SPREAD, float((log - mean).std()))
        return cls(loudness, floor, mean.astype(np.float32), spread, loudness < _QUIETEST)

    def normalise(self, power: Mel) -> Mel:
        """Band powers (n, N_BANDS) as the network wants them; all zero for digital silence."""
        if self.is_silent:
            return np.zeros_like(power)
        heard = (np.log(power + np.float32(self.floor)) - self.mean) / np.float32(self.spread)
        return np.clip(heard, -_LOUDEST, _LOUDEST)


class Measuring:
    """Measures a recording as its blocks go by."""

    def __init__(self) -> None:
        self._kept: list[Mel] = []
        self._n_kept = 0
        self._every = 1
        self._n_seen = 0

    def look(self, power: Mel) -> None:
        """The next columns (n, N_BANDS)."""
        some = power[-self._n_seen % self._every :: self._every]
        self._n_seen += len(power)
        self._kept.append(some.copy())
        self._n_kept += len(some)
        while self._n_kept > _MAX_MEASURED:
            self._kept = [np.concatenate(self._kept)[::2]]
            self._n_kept = len(self._kept[0])
            self._every *= 2

    def result(self) -> Hearing:
        """What was seen so far."""
        return Hearing.of(np.concatenate(self._kept))
