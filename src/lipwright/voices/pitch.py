"""How high a voice is: enough to give a low voice to a man's face and a high one to a woman's."""

from __future__ import annotations

from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from lipwright.core.media import AudioClip

LOW_BELOW_HZ: Final = 167.0
"""Between most men (85 to 155 Hz) and most women (165 to 255 Hz) when they speak."""
_LOWEST_HZ, _HIGHEST_HZ = 65.0, 400.0
_FRAME_S, _HOP_S = 0.04, 0.02
_VOICED: Final = 0.55
"""Share of a frame's energy that must come back after one period."""
_LOUD_SHARE: Final = 0.8
"""Of the frames; the loudest alone are stressed, and higher than the voice."""
_LEAST_VOICED_S: Final = 0.4
LOOKED_AT_S: Final = (8, 60)
"""Of a longer recording the beginning tells: the first of these where it leaves no doubt, else the second."""
_ENOUGH_VOICED_S: Final = 3.0
_CLEARLY: Final = 1.2
"""So many times above or below the border; within minutes a voice rises and falls by less."""


def median_pitch_hz(clip: AudioClip) -> float | None:
    """The median pitch of the voiced frames of a recording, or None where hardly anything is voiced."""
    pitches_hz = _pitches_hz(clip)
    return float(np.median(pitches_hz)) if len(pitches_hz) * _HOP_S >= _LEAST_VOICED_S else None


def is_clear(clip: AudioClip) -> bool:
    """Whether more of the same recording would not change whether the voice is a low or a high one."""
    pitches_hz = _pitches_hz(clip)
    if len(pitches_hz) * _HOP_S < _ENOUGH_VOICED_S:
        return False
    return abs(float(np.log(np.median(pitches_hz) / LOW_BELOW_HZ))) > float(np.log(_CLEARLY))


def _pitches_hz(clip: AudioClip) -> NDArray[np.float64]:
    """(n,): of each frame that is voiced, one every 20 ms.

    Method: the normalised autocorrelation of each frame over its window's own (Boersma 1993), at the shortest
    period that comes within 3 % of the best, which avoids octaves below.
    """
    step = max(1, clip.rate_hz // 8000)
    rate_hz = clip.rate_hz / step
    some = clip.samples[: LOOKED_AT_S[-1] * clip.rate_hz]
    # the mean over a few samples is low-pass enough under 400 Hz
    blocks = some[: len(some) // step * step].reshape(-1, step)
    thin = cast(NDArray[np.float64], np.mean(blocks, axis=1, dtype=np.float64))
    size, hop = round(_FRAME_S * rate_hz), round(_HOP_S * rate_hz)
    if len(thin) < size:
        return np.empty(0)
    cut = np.lib.stride_tricks.sliding_window_view(thin, size)[::hop]
    frames: NDArray[np.float64] = cut - cut.mean(axis=1, keepdims=True)
    energy = cast(NDArray[np.float64], np.mean(frames**2, axis=1))
    loud = frames[energy >= max(1e-8, float(np.quantile(energy, 1 - _LOUD_SHARE)))]
    if len(loud) == 0:
        return np.empty(0)
    shortest, longest = int(rate_hz / _HIGHEST_HZ), int(rate_hz / _LOWEST_HZ)
    window = np.hanning(size)
    own, echo = _autocorrelation(window[None], longest)[0], _autocorrelation(loud * window, longest)
    likeness = echo / np.maximum(own, 1e-9)
    likeness = likeness / likeness[:, :1]
    inside = likeness[:, shortest : longest + 1]
    is_peak = np.zeros(inside.shape, np.bool_)
    is_peak[:, 1:-1] = (inside[:, 1:-1] >= inside[:, :-2]) & (inside[:, 1:-1] > inside[:, 2:])
    best = cast(NDArray[np.float64], np.where(is_peak, inside, -np.inf).max(axis=1))
    voiced = best >= _VOICED
    # the first peak, that is the shortest period, that comes near the best
    first: NDArray[np.intp] = np.argmax(is_peak[voiced] & (inside[voiced] >= 0.97 * best[voiced, None]), axis=1)
    return cast(NDArray[np.float64], rate_hz / (shortest + first))


def _autocorrelation(frames: NDArray[np.float64], longest: int) -> NDArray[np.float64]:
    """(n, size) -> (n, longest + 1)."""
    spectrum = np.fft.rfft(frames, 2 * frames.shape[1], axis=1)
    return np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, : longest + 1]
