"""The talking faces of ../shared/data/av as numbers: sound, and the shape of the mouth 50 times a second."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from lipwright.articulation import features
from lipwright.core.media import AudioClip
from lipwright.core.timeline import N_SHAPE
from lipwright.vision import shape

Floats: TypeAlias = NDArray[np.float64]

RATE_HZ = 50
MEASURES = ("opening", "width", "jaw", "outer", "lower", "upper")
"""What is learned beside the coefficients: the first three are also given out at run time."""
CHANNELS = (*(f"K{k + 1}" for k in range(N_SHAPE)), *MEASURES)
OPENING, WIDTH, JAW = N_SHAPE, N_SHAPE + 1, N_SHAPE + 2
DRIFT_S = 2.0
"""Slower changes than this are expression and pose, which sound does not tell."""


@dataclass(slots=True, eq=False)
class Recording:
    """One clip: who speaks, what is heard, and the face without its pose."""

    name: str
    speaker: str
    lag_frames: int
    """Lips relative to the sound, in 50ths of a second; negative: the lips lead."""
    speech: AudioClip
    posed: shape.PosedShapes
    closed: Floats
    """(478, 3) the person's closed neutral."""
    time_s: Floats
    """(n_video_frames,) when each shape was seen."""

    @property
    def is_acting(self) -> bool:
        """Exaggerated, sung or spoken by a child: trained on, reported apart."""
        return self.name.startswith("lp_")

    @property
    def n_ticks(self) -> int:
        """50ths of a second that have both sound and picture."""
        last_s = float(self.time_s[-1] + np.median(np.diff(self.time_s)))
        return min(int(last_s * RATE_HZ), features.n_columns(len(self.speech.samples)) // 2)

    @property
    def seconds(self) -> float:
        return self.n_ticks / RATE_HZ

    def resampled(self, values: Floats) -> Floats:
        """Per-frame values (n_video_frames, k) at 50 Hz: (n_ticks, k), by linear interpolation in time."""
        grid = np.arange(self.n_ticks) / RATE_HZ
        return np.stack([np.interp(grid, self.time_s, column) for column in values.T], axis=1)

    def measures(self) -> Floats:
        """(n_ticks, 6) of MEASURES, IO, and nothing moved in time."""
        shapes = self.posed.shapes
        outer = shapes[:, 17, 1] - shapes[:, 0, 1]
        lower = shapes[:, [17, 84, 314], 1].mean(1)
        upper = shapes[:, [0, 37, 267], 1].mean(1)
        columns = (shape.opening(shapes), shape.width(shapes), shape.jaw_drop(shapes), outer, lower, upper)
        return self.resampled(np.stack(columns, axis=1))

    def largest_gap(self) -> Floats:
        """(n_ticks,) IO."""
        return self.resampled(shape.largest_gap(self.posed.shapes)[:, None])[:, 0]

    def coefficients(self, basis: shape.ShapeBasis) -> Floats:
        """(n_ticks, N_SHAPE)."""
        return self.resampled(basis.encode(self.posed.shapes, self.closed))


def read_landmarks(path: Path) -> tuple[Floats, Floats]:
    """Landmarks (n, 478, 3) in pixels and their times (n,); frames without a face are left out."""
    with np.load(path) as table:
        quantised, low, high = table["landmarks_q"], table["low_px"], table["high_px"]
        seen = ~(quantised == 65535).all((1, 2))
        landmarks = low + quantised[seen].astype(np.float64) / 65534 * (high - low)
        return landmarks, table["time_s"][seen].astype(np.float64)


def read_recordings(folder: Path) -> list[Recording]:
    """Every clip of the manifest, in its order."""
    recordings: list[Recording] = []
    for row in json.loads((folder / "manifest.json").read_text()):
        landmarks, time_s = read_landmarks(folder / f"{row['name']}.npz")
        samples, rate_hz = soundfile.read(folder / f"{row['name']}.flac", dtype="float32")
        posed = shape.pose_shapes(landmarks)
        closed = shape.closed_neutral(shape.neutral_shape(posed.shapes))
        lag_frames = round(row["lag_ms"] * RATE_HZ / 1000)
        clip = AudioClip(samples, rate_hz)
        recordings.append(Recording(row["name"], row["speaker"], lag_frames, clip, posed, closed, time_s))
    return recordings


def without_drift(values: Floats) -> Floats:
    """(n, k) minus its own slow course (Gaussian, two seconds)."""
    return values - gaussian_filter1d(values, DRIFT_S * RATE_HZ, axis=0, mode="reflect")


def advanced(values: Floats, lag_frames: int) -> Floats:
    """Values (n, ...) as they would be if the lips were in step with the sound: row t is row t + lag."""
    rows = np.clip(np.arange(len(values)) + lag_frames, 0, len(values) - 1)
    return values[rows]


def split_speakers(recordings: list[Recording], n_folds: int = 5) -> list[list[str]]:
    """Speakers dealt into folds of about equal seconds, longest first."""
    seconds: dict[str, float] = {}
    for recording in recordings:
        seconds[recording.speaker] = seconds.get(recording.speaker, 0.0) + recording.seconds
    folds: list[list[str]] = [[] for _ in range(n_folds)]
    filled = [0.0] * n_folds
    for speaker in sorted(seconds, key=lambda s: (-seconds[s], s)):
        emptiest = filled.index(min(filled))
        folds[emptiest].append(speaker)
        filled[emptiest] += seconds[speaker]
    return folds
