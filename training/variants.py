"""The same speech heard in other circumstances, for learning: its mel picture, and what the frozen encoder makes of it.

The encoder wants samples, so that nothing can be changed in its features afterwards, as `augment` does with mel
pictures: each recording is changed a dozen times, and listened to, before anything is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, resample_poly, sosfiltfilt

from lipwright.articulation import encoder, features
from training.conditions import RATE_HZ, Samples, at_snr, babble, shifted
from training.noises import coloured_noise, music
from training.recordings import Recording

SPEEDS = (Fraction(22, 25), Fraction(47, 50), Fraction(107, 100), Fraction(57, 50))
"""Played so many times as fast, pitch and lips with it."""
PITCHES = (Fraction(10, 9), Fraction(9, 10), Fraction(20, 17), Fraction(17, 20))
"""Pitch and formants so many times as high, in the same time."""
N_OTHERS = 3
"""Variants whose time and pitch stay."""


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """One way in which a recording is heard."""

    speed: float
    """Of the recording: its lips move so many times as fast here."""
    features: NDArray[np.float16]
    """(n, N_FEATURES)."""
    mel: NDArray[np.float16]
    """(2 n, N_BANDS) as the network gets it."""


def heard(samples: Samples, speed: float = 1.0) -> Variant:
    """As run time hears it."""
    power = features.mel_power(samples)
    mel = features.Hearing.of(power).normalise(power)
    return Variant(speed, encoder.encoded(samples).astype(np.float16), mel.astype(np.float16))


def disturbed(speech: Samples, others: Sequence[Samples], rng: np.random.Generator) -> Samples:
    """In noise, music, a crowd or a room, by another microphone, or as it was; louder or less loud."""
    match int(rng.integers(6)):
        case 0:
            speech = at_snr(speech, coloured_noise(rng, rng.uniform(0.0, 1.5)), rng.uniform(5, 25))
        case 1:
            speech = at_snr(speech, music(rng), rng.uniform(3, 20))
        case 2:
            crowd = [others[int(k)] for k in rng.choice(len(others), 5, replace=False)]
            speech = at_snr(speech, babble(speech, crowd), rng.uniform(5, 20))
        case 3:
            t = np.arange(RATE_HZ // 2) / RATE_HZ
            tail = rng.standard_normal(len(t)) * 10 ** (-3 * t / rng.uniform(0.2, 0.6))
            tail[:80] = 0.0
            room = np.concatenate([[1.0], rng.uniform(0.3, 1.0) * tail / np.sqrt((tail**2).sum())])
            speech = fftconvolve(speech, room)[: len(speech)].astype(np.float32)
        case 4:
            band = [rng.uniform(80, 400), rng.uniform(2800, 6500)]
            speech = sosfiltfilt(butter(4, band, "bandpass", fs=RATE_HZ, output="sos"), speech).astype(np.float32)
        case _:
            pass
    return speech * np.float32(10 ** rng.uniform(-1.0, 0.3))


def variants_of(recording: Recording, others: Sequence[Samples], rng: np.random.Generator) -> list[Variant]:
    """As it is, first, and a dozen others; `others` are who may be in a crowd."""
    speech = recording.speech.samples
    made = [heard(speech)]
    for speed in SPEEDS:
        faster = resample_poly(speech, speed.denominator, speed.numerator).astype(np.float32)
        made.append(heard(disturbed(faster, others, rng) if rng.random() < 0.6 else faster, float(speed)))
    made += [heard(disturbed(shifted(speech, pitch), others, rng)) for pitch in PITCHES]
    made += [heard(disturbed(speech, others, rng)) for _ in range(N_OTHERS)]
    return made


def save_variants(recordings: Sequence[Recording], path: Path) -> None:
    """All variants of all recordings, seeded. Anybody may be in a crowd: what is heard of them tells no lips."""
    rng = np.random.default_rng(5)
    everybody = [recording.speech.samples for recording in recordings]
    table: dict[str, NDArray[np.floating]] = {}
    for recording in recordings:
        for number, variant in enumerate(variants_of(recording, everybody, rng)):
            name = f"{recording.name}/{number:02}"
            table[f"{name}/speed"] = np.array(variant.speed)
            table[f"{name}/features"], table[f"{name}/mel"] = variant.features, variant.mel
        print(f"{recording.name}: {number + 1} variants", flush=True)
    np.savez(path, **table)


def load_variants(path: Path) -> dict[str, list[Variant]]:
    """By recording."""
    found: dict[str, list[Variant]] = {}
    with np.load(path) as table:
        for name in sorted({key.rpartition("/")[0] for key in table.files}):
            variant = Variant(float(table[f"{name}/speed"]), table[f"{name}/features"], table[f"{name}/mel"])
            found.setdefault(name.split("/")[0], []).append(variant)
    return found
