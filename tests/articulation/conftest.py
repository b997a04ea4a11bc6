"""Sounds made on the spot, and the recorded faces, where they are at hand."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.core.media import AudioClip
from lipwright.vision import shape

RATE_HZ = 16_000


def clip(samples: NDArray[Any]) -> AudioClip:
    return AudioClip(np.asarray(samples, np.float32), RATE_HZ)


def read_sound(path: Path) -> NDArray[np.float32]:
    """A 16 kHz mono recording."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("flt", "mono", RATE_HZ)
        parts = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
        return np.concatenate([part.to_ndarray()[0] for part in [*parts, *resampler.resample(None)]])


def buzz(syllables: int = 6, seed: int = 0) -> NDArray[np.float32]:
    """Something like speech that needs no file: a voice with formants, opening and closing four times a second."""
    rng = np.random.default_rng(seed)
    length = int(0.25 * RATE_HZ)
    t = np.arange(length) / RATE_HZ
    spoken = [np.zeros(RATE_HZ // 2)]
    for _ in range(syllables):
        pulse = np.sign(np.sin(2 * np.pi * (110 + 20 * rng.random()) * t)) + 0.05 * rng.standard_normal(length)
        first, second = 500 + 400 * rng.random(), 1100 + 900 * rng.random()
        vowel = np.zeros(length)
        for formant, width in ((first, 90.0), (second, 120.0), (2700.0, 200.0)):
            ring = np.exp(-np.pi * width * t[:800]) * np.sin(2 * np.pi * formant * t[:800])
            vowel += np.convolve(pulse, ring)[:length]
        spoken.append(vowel * np.sin(np.pi * np.arange(length) / length) ** 2)
    spoken.append(np.zeros(RATE_HZ // 2))
    sound = np.concatenate(spoken)
    return (0.3 * sound / np.abs(sound).max()).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class TrackedClip:
    """A recording and the mouth that made it."""

    speech: AudioClip
    coefficients: NDArray[np.float64]
    opening: NDArray[np.float64]
    width: NDArray[np.float64]
    closed: NDArray[np.float64]
    times_s: NDArray[np.float64]
    lag_s: float


@pytest.fixture(scope="session")
def faces() -> Path:
    """The folder of recorded faces; tests that need it are skipped without it."""
    folder = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "av"
    if not (folder / "manifest.json").is_file():
        pytest.skip(f"no recorded faces: {folder} is not there")
    return folder


def read_tracked(folder: Path, name: str) -> TrackedClip:
    row = next(row for row in json.loads((folder / "manifest.json").read_text()) if row["name"] == name)
    with np.load(folder / f"{name}.npz") as table:
        low, high = table["low_px"], table["high_px"]
        landmarks = low + table["landmarks_q"].astype(np.float64) / 65534 * (high - low)
        times_s = table["time_s"].astype(np.float64)
    posed = shape.pose_shapes(landmarks)
    closed = shape.closed_neutral(shape.neutral_shape(posed.shapes))
    return TrackedClip(
        clip(read_sound(folder / f"{name}.flac")),
        shape.shape_basis().encode(posed.shapes, closed),
        shape.opening(posed.shapes),
        shape.width(posed.shapes),
        closed,
        times_s,
        row["lag_ms"] / 1000,
    )


@pytest.fixture(scope="session")
def talker(faces: Path) -> TrackedClip:
    return read_tracked(faces, "vr_4")


@pytest.fixture(scope="session")
def pausing_talker(faces: Path) -> TrackedClip:
    return read_tracked(faces, "ls_demo2")
