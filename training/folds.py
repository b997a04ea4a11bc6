"""Who is taught with and who is held out, and what is usual among those who speak."""

from __future__ import annotations

import numpy as np

from lipwright.vision.shape import ShapeBasis
from training.recordings import Recording, split_speakers, without_drift


def speaking_constants(recordings: list[Recording], basis: ShapeBasis) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread (N_SHAPE,) of the coefficients of people who speak, each speaker counted once."""
    by_speaker: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for recording in recordings:
        if recording.is_acting:
            continue
        coefficients = recording.coefficients(basis)
        measured = coefficients.mean(0), without_drift(coefficients).std(0)
        by_speaker.setdefault(recording.speaker, []).append(measured)
    means = [np.mean([mean for mean, _ in rows], axis=0) for rows in by_speaker.values()]
    spreads = [np.mean([np.log(spread) for _, spread in rows], axis=0) for rows in by_speaker.values()]
    return np.mean(means, axis=0), np.exp(np.mean(spreads, axis=0))


def split(recordings: list[Recording], fold: int) -> tuple[list[Recording], list[Recording]]:
    """(inside, outside): trained on, and held out."""
    held_out = split_speakers(recordings)[fold]
    outside = [r for r in recordings if r.speaker in held_out]
    return [r for r in recordings if r.speaker not in held_out], outside
