"""One fold: train on four fifths of the speakers, predict the rest, in quiet and in noise.

python -m training.folds --data ../shared/data/av --work build/train --fold 0 --steps 1000
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from lipwright.articulation import features
from lipwright.vision.shape import ShapeBasis
from training import train
from training.augment import Noises
from training.conditions import conditions
from training.noises import make_babble, make_noises
from training.recordings import Recording, read_recordings, split_speakers, without_drift
from training.shape_basis import make_basis
from training.synthesis import load_corpus


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


def run_fold(data: Path, work: Path, fold: int, n_steps: int, *, tag: str = "fold", **options: float) -> None:
    """Write `work/{tag}_{fold}.npz` (predictions) and `.pt` (weights)."""
    recordings = read_recordings(data)
    held_out = split_speakers(recordings)[fold]
    inside = [r for r in recordings if r.speaker not in held_out]
    outside = [r for r in recordings if r.speaker in held_out]
    basis, _ = make_basis(inside)
    lessons = [train.lesson_of(r, basis) for r in inside]
    noises = Noises(make_noises(), make_babble([np.exp(lesson.log_power) for lesson in lessons]))
    corpus = load_corpus(work / "tts.npz")
    start = torch.load(work / "phones.pt", weights_only=True)
    net = train.fit(start, lessons, corpus, noises, n_steps=n_steps, seed=fold, log=f"{tag} {fold}", **options)  # type: ignore[arg-type]
    torch.save(net.state_dict(), work / f"{tag}_{fold}.pt")
    mean, spread = speaking_constants(inside, basis)
    table: dict[str, np.ndarray] = {"mean": mean, "spread": spread}
    babblers = [r.speech.samples for r in inside if not r.is_acting][:5]
    for recording in outside:
        for name, change in conditions(babblers).items():
            power = features.mel_power(change(recording.speech.samples))
            shapes, gates, phones = train.predict(net, power)
            n = recording.n_ticks
            table[f"{recording.name}/{name}/shape"] = shapes[:n].astype(np.float16)
            table[f"{recording.name}/{name}/gates"] = gates[:n].astype(np.float16)
            if name == "clean":
                table[f"{recording.name}/phones"] = phones[:n].astype(np.float16)
    np.savez(work / f"{tag}_{fold}.npz", **table)


if __name__ == "__main__":
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description="Train and judge one fold.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--fold", type=int, required=True)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--tag", default="fold")
    parser.add_argument("--rate", type=float, default=1.2e-3)
    arguments = parser.parse_args()
    run_fold(
        arguments.data, arguments.work, arguments.fold, arguments.steps, tag=arguments.tag, peak_rate=arguments.rate
    )
