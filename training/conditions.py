"""The same speech heard in worse circumstances, made in the domain of samples: what robustness is judged on."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, resample_poly, sosfiltfilt

from training.noises import coloured_noise, music

Samples = NDArray[np.float32]
RATE_HZ = 16_000


def at_snr(speech: Samples, noise: NDArray[np.float64], snr_db: float) -> Samples:
    noise = np.resize(noise, len(speech))
    gain = np.sqrt((speech**2).mean() / (noise**2).mean() * 10 ** (-snr_db / 10))
    return (speech + gain * noise).astype(np.float32)


def babble(speech: Samples, others: list[Samples]) -> NDArray[np.float64]:
    return np.sum([np.resize(other / (other.std() + 1e-9), len(speech)) for other in others], axis=0)


def shifted(speech: Samples, factor: Fraction) -> Samples:
    """Pitch and formants so many times as high, in the same time: 50 ms windows, each read faster or slower."""
    window, hop = 800, 400
    length = int(window * factor)
    out = np.zeros(len(speech) + 2 * window)
    taper = np.hanning(window + 1)[:-1]
    for start in range(0, len(speech), hop):
        piece = speech[start : start + length]
        piece = np.pad(piece, (0, length - len(piece)))
        out[start : start + window] += resample_poly(piece, factor.denominator, factor.numerator)[:window] * taper
    return out[: len(speech)].astype(np.float32)


def conditions(others: list[Samples], seed: int = 11) -> dict[str, Callable[[Samples], Samples]]:
    """Name -> what it does to a recording; `others` are five speakers for the babble. Seeded, never trained on."""

    def rng() -> np.random.Generator:
        return np.random.default_rng(seed)

    def reverb(speech: Samples) -> Samples:
        t = np.arange(RATE_HZ // 2) / RATE_HZ
        tail = rng().standard_normal(len(t)) * 10 ** (-3 * t / 0.5)
        room = np.concatenate([[1.0], tail[80:] / np.sqrt((tail[80:] ** 2).sum())])  # as much echo as direct sound
        return fftconvolve(speech, room)[: len(speech)].astype(np.float32)

    def telephone(speech: Samples) -> Samples:
        sections = butter(6, [300, 3400], "bandpass", fs=RATE_HZ, output="sos")
        return sosfiltfilt(sections, speech).astype(np.float32)

    return {
        "clean": lambda s: s,
        "white 10 dB": lambda s: at_snr(s, coloured_noise(rng(), 0.0), 10),
        "pink 10 dB": lambda s: at_snr(s, coloured_noise(rng(), 1.0), 10),
        "pink 5 dB": lambda s: at_snr(s, coloured_noise(rng(), 1.0), 5),
        "babble 10 dB": lambda s: at_snr(s, babble(s, others), 10),
        "music 10 dB": lambda s: at_snr(s, music(rng()), 10),
        "music 5 dB": lambda s: at_snr(s, music(rng()), 5),
        "reverb 0.5 s": reverb,
        "300-3400 Hz": telephone,
        "-30 dB gain": lambda s: s * np.float32(10**-1.5),
        "pitch and formants +20 %": lambda s: shifted(s, Fraction(6, 5)),
    }
