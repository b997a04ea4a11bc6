"""What a recogniser of speech makes of a sound: the first half of the frozen encoder of Moonshine Tiny, in windows.

    samples   |---------------------------------------------------|   16 kHz, mono
    windows   [ 1 s |        10 s        | 1 s ]                       each by itself, at one loudness,
                                   [ 1 s |        10 s        | 1 s ]  of which the middle is kept
    features  288 numbers every 24 ms, read between at every 50th of a second

It has heard far more people, rooms and microphones than there is footage of lips to learn from: what it makes of a
sound is nearly the same whoever says it. It says nothing about lips; `network` does, on top of it.

Jeffries et al. 2024, "Moonshine: Speech Recognition for Live Transcription and Voice Commands"; `training/ears.py` cuts
it out of the file of the package moonshine-voice 0.0.49 (MIT; docs/models/articulation.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any, Final, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from lipwright.networks import open_network

Features: TypeAlias = NDArray[np.float32]
"""(n_ticks, N_FEATURES)."""
Samples: TypeAlias = NDArray[np.float32]
"""(n_samples,) at 16 kHz."""

FILE: Final = "moonshine_tiny_encoder.onnx"
RATE_HZ: Final = 16_000
N_FEATURES: Final = 288
_TICK: Final = 320
"""Samples from one row that is given out to the next: a 50th of a second."""
_HOP: Final = 384
"""Samples from one row of the encoder to the next, ..."""
_FIRST: Final = 447
"""... and of the middle of what its first row hears: convolutions over 127, 7 and 3, with strides of 64, 3 and 2."""
_MIDDLE: Final = 160
"""Samples from the start of a tick to the middle of what is heard in it."""
_KEPT: Final = 10 * RATE_HZ
"""Samples of a window whose rows are kept: a whole number of ticks."""
_MARGIN: Final = RATE_HZ
"""Samples heard on either side of them."""
_TAIL: Final = RATE_HZ // 2
"""Silence after the end, so that there are rows for the last ticks, and for the shortest sound."""
_LOUDNESS: Final = 0.05
"""Root mean square that every window is brought to: about that of speech that nobody turned down."""
_QUIETEST: Final = 1e-5


def load() -> None:
    """Read the encoder now: the first speech finds it ready."""
    assert _session()


@cache
def _session() -> Any:
    return open_network(resources.files("lipwright.articulation").joinpath(FILE).read_bytes())


def _encode(window: Samples) -> Features:
    """What is heard in a window (n_samples,): (n, N_FEATURES), a row every 24 ms."""
    even = window * np.float32(_LOUDNESS / max(float(np.sqrt(np.mean(window * window))), _QUIETEST))
    heard = {"input_values": even[None], "attention_mask": np.ones((1, len(even)), np.int64)}
    return cast(Features, _session().run(None, heard)[0][0])


class Encoding:
    """What is heard in a recording at 16 kHz that comes in pieces, 50 times a second.

    Row k is heard at time k / 50, as `network.Heard`; there is one for each begun 50th of a second, and one at least.
    Holds twelve seconds of sound, beside the piece at hand. However the recording is cut, the rows are the same.
    """

    def __init__(self) -> None:
        self._held: Samples = np.empty(0, np.float32)
        self._first = 0  # the sample at which `_held` begins
        self._n_done = 0  # ticks given out

    def add(self, piece: Samples) -> Iterator[Features]:
        """The rows (n, N_FEATURES) that are sure with this piece (n,), if any."""
        self._held = np.concatenate([self._held, piece.astype(np.float32, copy=False)])
        while self._first + len(self._held) > self._n_done * _TICK + _KEPT + _MARGIN:
            stop = self._n_done + _KEPT // _TICK
            yield self._rows(self._held[: stop * _TICK + _MARGIN - self._first], stop)
            given_up = max(0, stop * _TICK - _MARGIN - self._first)
            self._held, self._first = self._held[given_up:].copy(), self._first + given_up

    def end(self) -> Features:
        """The other rows (n, N_FEATURES)."""
        stop = max(1, -(-(self._first + len(self._held)) // _TICK))
        return self._rows(np.concatenate([self._held, np.zeros(_TAIL, np.float32)]), stop)

    def _rows(self, window: Samples, stop: int) -> Features:
        """The ticks up to `stop`, read between the encoder's rows of a window that begins at the first sample held."""
        rows = _encode(window)
        at = (np.arange(self._n_done, stop) * _TICK + _MIDDLE - self._first - _FIRST) / _HOP
        self._n_done = stop
        before = np.clip(np.floor(at).astype(np.intp), 0, len(rows) - 2)
        share = np.clip(at - before, 0.0, 1.0).astype(np.float32)[:, None]
        return cast(Features, rows[before] * (1 - share) + rows[before + 1] * share)


def encoded(samples: Samples) -> Features:
    """All rows (n, N_FEATURES) of a recording (n,)."""
    encoding = Encoding()
    return np.concatenate([*encoding.add(samples), encoding.end()])
