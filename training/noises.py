"""What is heard beside speech, as mel power: coloured noise, rooms that hum, babble and music."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from lipwright.articulation import features
from lipwright.articulation.features import Mel

RATE_HZ = features.RATE_HZ
SECONDS = 20
_N = SECONDS * RATE_HZ
Samples = NDArray[np.float64]


def coloured_noise(rng: np.random.Generator, slope: float) -> Samples:
    """Noise whose power falls with frequency to the power `slope`: 0 white, 1 pink, 2 brown; it may swell."""
    spectrum = np.fft.rfft(rng.standard_normal(_N))
    frequency = np.maximum(np.fft.rfftfreq(_N, 1 / RATE_HZ), 40.0)
    noise = np.fft.irfft(spectrum * frequency ** (-slope / 2), _N)
    knots = np.exp(rng.normal(0, rng.uniform(0, 0.8), 2 * SECONDS))
    return noise * np.interp(np.arange(_N), np.linspace(0, _N, len(knots)), knots)


def band_noise(rng: np.random.Generator) -> Samples:
    """Wind, water, a fan: noise in one band, with a hum under it."""
    low = float(rng.uniform(60, 2000))
    high = float(min(7500.0, low * rng.uniform(1.5, 6)))
    sections = butter(2, [low, high], "bandpass", fs=RATE_HZ, output="sos")
    noise = np.asarray(sosfilt(sections, rng.standard_normal(_N)))
    hum_hz = float(rng.uniform(50, 240))
    t = np.arange(_N) / RATE_HZ
    hum = sum(np.sin(2 * np.pi * hum_hz * k * t + rng.uniform(0, 6)) / k for k in range(1, 6))
    return noise / (noise.std() + 1e-9) + rng.uniform(0, 1.5) * np.asarray(hum)


def knocks(rng: np.random.Generator) -> Samples:
    """Clicks, claps, keys, steps: short bursts over faint noise."""
    sound = 0.01 * rng.standard_normal(_N)
    for _ in range(int(rng.integers(10, 120))):
        n = int(rng.uniform(0.005, 0.15) * RATE_HZ)
        at = int(rng.integers(0, _N - n))
        burst = rng.standard_normal(n) * np.exp(-np.arange(n) / (n * rng.uniform(0.1, 0.4)))
        sound[at : at + n] += burst * np.exp(rng.normal(0, 0.7))
    return sound


def tones(rng: np.random.Generator) -> Samples:
    """Beeps, sirens, test tones, a held organ chord: sines that stand, slide or come and go, over nearly nothing."""
    t = np.arange(_N) / RATE_HZ
    sound = np.zeros(_N)
    for _ in range(int(rng.integers(1, 5))):
        pitch_hz = float(np.exp(rng.uniform(np.log(80), np.log(3000))))
        slide = np.interp(t, np.linspace(0, SECONDS, 12), rng.normal(0, rng.choice([0.0, 0.0, 0.1, 0.6]), 12))
        phase = 2 * np.pi * np.cumsum(pitch_hz * np.exp(slide)) / RATE_HZ
        wave = np.sin(phase) if rng.random() < 0.7 else np.sign(np.sin(phase))
        if rng.random() < 0.4:
            period_s = rng.uniform(0.2, 2.0)
            wave = wave * (t % period_s < period_s * rng.uniform(0.2, 0.8))
        sound += wave * rng.uniform(0.2, 1)
    return sound / (sound.std() + 1e-9) + 10 ** rng.uniform(-5, -2) * rng.standard_normal(_N)


def music(rng: np.random.Generator) -> Samples:
    """Chords, a bass, a tune and drums, in one key and tempo; instruments differ by their overtones."""
    sound = np.zeros(_N)
    beat_s = float(rng.uniform(0.25, 0.8))
    root_hz = float(rng.uniform(65, 130))
    scale = np.array([0, 2, 4, 5, 7, 9, 11]) if rng.random() < 0.5 else np.array([0, 2, 3, 5, 7, 8, 10])

    def note(pitch_hz: float, start_s: float, length_s: float, loudness: float, n_overtones: int, decay: float) -> None:
        n = min(int(length_s * RATE_HZ), _N - int(start_s * RATE_HZ))
        if n <= 10:
            return
        t = np.arange(n) / RATE_HZ
        attack = np.minimum(1.0, t / rng.uniform(0.003, 0.08))
        envelope = attack * np.exp(-t / decay) * np.minimum(1.0, (n - np.arange(n)) / 200)
        bend = 1 + rng.uniform(0, 0.006) * np.sin(2 * np.pi * rng.uniform(4, 7) * t)
        phase = 2 * np.pi * pitch_hz * np.cumsum(bend) / RATE_HZ
        tilt = rng.uniform(0.6, 2.0)
        tone = sum(
            rng.uniform(0.3, 1) * np.sin(k * phase) / k**tilt for k in range(1, n_overtones + 1) if k * pitch_hz < 7500
        )
        at = int(start_s * RATE_HZ)
        sound[at : at + n] += loudness * envelope * np.asarray(tone)

    n_overtones, decay = int(rng.integers(1, 16)), float(rng.uniform(0.15, 2.5))
    parts = rng.random(4) < (0.85, 0.6, 0.7, 0.5)
    if not parts.any():
        parts[0] = True
    start_s = 0.0
    step = 0
    degree = 0
    while start_s < SECONDS - 0.3:
        if step % 4 == 0:
            degree = int(rng.integers(0, 7))
            for third in (0, 2, 4) if parts[0] else ():
                tone = scale[(degree + third) % 7] + 12 * ((degree + third) // 7)
                note(2 * root_hz * 2 ** (tone / 12), start_s, 4 * beat_s, 0.5, n_overtones, decay)
        if parts[1]:
            note(root_hz * 2 ** (scale[degree % 7] / 12), start_s, beat_s, 0.8, 4, 0.4)
        for half in (0, 0.5) if parts[2] else ():
            if rng.random() < 0.6:
                tone = int(rng.choice(scale)) + 12 * int(rng.integers(2, 4))
                note(
                    root_hz * 2 ** (tone / 12),
                    start_s + half * beat_s,
                    beat_s * rng.uniform(0.3, 1.5),
                    0.6,
                    n_overtones,
                    decay,
                )
        if parts[3]:
            n = int(rng.uniform(0.03, 0.15) * RATE_HZ)
            at = int(start_s * RATE_HZ)
            sound[at : at + n] += (
                rng.uniform(0.5, 2) * rng.standard_normal(n)[: _N - at] * np.exp(-np.arange(n) / (n / 4))
            )
        start_s += beat_s
        step += 1
    return sound / (sound.std() + 1e-9) + 1e-3 * rng.standard_normal(_N)


def mel_of(sound: Samples) -> Mel:
    """Mel power at unit level."""
    power = features.mel_power((sound / (sound.std() + 1e-9)).astype(np.float32))
    return power / power.mean()


def make_noises(seed: int = 3, *, n_music: int = 60, n_noise: int = 72) -> list[Mel]:
    """Non-speech, (2000, N_BANDS) each, mean power one."""
    rng = np.random.default_rng(seed)
    noises = [mel_of(music(rng)) for _ in range(n_music)]
    for index in range(n_noise):
        if index % 4 == 0:
            noises.append(mel_of(coloured_noise(rng, float(rng.uniform(0, 2.2)))))
        elif index % 4 == 1:
            noises.append(mel_of(band_noise(rng)))
        elif index % 4 == 2:
            noises.append(mel_of(tones(rng)))
        else:
            noises.append(mel_of(knocks(rng)))
    return noises


def make_babble(speech: Sequence[Mel], seed: int = 4, *, n: int = 12, n_speakers: int = 5) -> list[Mel]:
    """Several people at once, (2000, N_BANDS) each, mean power one."""
    rng = np.random.default_rng(seed)
    babble: list[Mel] = []
    for _ in range(n):
        total = np.zeros((100 * SECONDS, features.N_BANDS), np.float32)
        for index in rng.choice(len(speech), n_speakers):
            power = speech[index]
            rolled = np.roll(power, int(rng.integers(len(power))), axis=0)
            total += np.resize(rolled, total.shape) / rolled.mean()
        babble.append(total / total.mean())
    return babble
