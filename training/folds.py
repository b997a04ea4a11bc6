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


def split(recordings: list[Recording], fold: int) -> tuple[list[Recording], list[Recording]]:
    """(inside, outside): trained on, and held out."""
    held_out = split_speakers(recordings)[fold]
    outside = [r for r in recordings if r.speaker in held_out]
    return [r for r in recordings if r.speaker not in held_out], outside


def train_fold(data: Path, work: Path, fold: int, n_steps: int) -> None:
    """Write `work/fold_{fold}.pt`."""
    inside, _ = split(read_recordings(data), fold)
    basis, _ = make_basis(inside)
    lessons = [train.lesson_of(r, basis) for r in inside]
    noises = Noises(make_noises(), make_babble([np.exp(lesson.log_power) for lesson in lessons]))
    corpus = load_corpus(work / "tts.npz")
    start = torch.load(work / "phones.pt", weights_only=True)
    net = train.fit_averaged(start, lessons, corpus, noises, n_steps=n_steps, seed=fold, log=f"fold {fold}")
    torch.save(net.state_dict(), work / f"fold_{fold}.pt")


def predict_fold(data: Path, work: Path, fold: int) -> None:
    """Write `work/fold_{fold}.npz`: what its network makes of the people held out, in quiet and in noise."""
    inside, outside = split(read_recordings(data), fold)
    basis, _ = make_basis(inside)
    net = train.Articulator()
    net.load_state_dict(torch.load(work / f"fold_{fold}.pt", weights_only=True))
    net.eval()
    mean, spread = speaking_constants(inside, basis)
    table: dict[str, np.ndarray] = {"mean": mean, "spread": spread}
    babblers = [r.speech.samples for r in inside if not r.is_acting][:5]
    for recording in outside:
        n = recording.n_ticks
        for name, change in conditions(babblers).items():
            shapes, gates, phones = train.predict(net, features.mel_power(change(recording.speech.samples)))
            table[f"{recording.name}/{name}/shape"] = shapes[:n].astype(np.float16)
            table[f"{recording.name}/{name}/gates"] = gates[:n].astype(np.float16)
            if name == "clean":
                table[f"{recording.name}/phones"] = phones[:n].astype(np.float16)
    np.savez(work / f"fold_{fold}.npz", **table)


if __name__ == "__main__":
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description="Train and judge one fold.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--fold", type=int, required=True)
    parser.add_argument("--steps", type=int, default=450)
    arguments = parser.parse_args()
    if not (arguments.work / f"fold_{arguments.fold}.pt").exists():
        train_fold(arguments.data, arguments.work, arguments.fold, arguments.steps)
    predict_fold(arguments.data, arguments.work, arguments.fold)
