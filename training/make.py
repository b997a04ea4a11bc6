"""The whole of `make train`: data in, committed files out.

    python -m training.make --data ../shared/data/av --work build/train

Every step that finds its result in the work folder leaves it alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lipwright.articulation import encoder
from training import card, lips, shape_basis, synthesis, train
from training.augment import Noises
from training.evaluate import Report, load_folds
from training.export import Constants, export_lips, export_onnx, rounded, turn_between, write_constants
from training.folds import speaking_constants, split
from training.noises import make_babble, make_noises
from training.recordings import read_recordings
from training.variants import load_variants, save_variants

VERSION = "4"
N_FOLDS = 5
PACKAGE = Path("src/lipwright")
ROOM = PACKAGE / "articulation"
CARDS = Path("docs/models")


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long everything takes."""

    hours: float = 6.0
    phone_steps: int = 1000
    articulator_steps: int = 450
    lips_steps: int = lips.N_STEPS


FULL = Schedule()
QUICK = Schedule(hours=1.0, phone_steps=200, articulator_steps=100, lips_steps=40)


def make_phones(work: Path, schedule: Schedule) -> None:
    """Stage 1, on synthetic speech alone."""
    corpus = synthesis.load_corpus(work / "tts.npz")
    rng = np.random.default_rng(0)
    utterances = np.flatnonzero(~corpus.is_test)
    crowd = [np.concatenate([corpus.power_of(int(index)) for index in rng.choice(utterances, 12)]) for _ in range(12)]
    net = train.pretrain(corpus, Noises(make_noises(), make_babble(crowd)), n_steps=schedule.phone_steps)
    torch.save(net.state_dict(), work / "phones.pt")
    accuracy = train.phone_accuracy(net, corpus)
    (work / "phones.json").write_text(json.dumps(accuracy, indent=1))


def run_module(name: str, *arguments: str) -> None:
    """Run one of our modules in a process of its own, on one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-m", name, *arguments], check=True, env=environment)


def make_folds(data: Path, work: Path, schedule: Schedule, n_jobs: int) -> None:
    """Stage 3 on four fifths of the speakers, and the rest predicted, five times."""

    def fold(index: int) -> None:
        if not (work / f"fold_{index}.npz").exists():
            where = ("--data", str(data), "--work", str(work))
            run_module("training.lips", *where, "--fold", str(index), "--steps", str(schedule.lips_steps))

    with ThreadPoolExecutor(n_jobs) as pool:
        list(pool.map(fold, range(N_FOLDS)))


def export_folds(data: Path, work: Path) -> None:
    """Each fold's network as `work/fold_K.onnx`, in the shipped basis: to try the whole product on people not met."""
    recordings = read_recordings(data)
    everybody, _ = shape_basis.make_basis(recordings)
    _, spread = speaking_constants(recordings, everybody)
    heard = load_variants(work / "variants.npz")
    for fold in range(N_FOLDS):
        inside, outside = split(recordings, fold)
        basis, _ = shape_basis.make_basis(inside)
        turn = turn_between(basis, speaking_constants(inside, basis)[1], everybody, spread)
        net = lips.load_several(work / f"fold_{fold}.pt")
        hidden = lips.components(net, [heard[recording.name][0] for recording in inside])
        export_lips(net, hidden, work / f"fold_{fold}.onnx", turn)
        print(f"fold_{fold}.onnx has not met", *sorted(r.name for r in outside))


def longer(n_steps: int) -> int:
    """Steps for everybody, where the folds with a quarter fewer people take `n_steps`."""
    return n_steps * 5 // 4


def make_articulator(data: Path, work: Path, schedule: Schedule) -> None:
    """Stage 2 on everybody."""
    recordings = read_recordings(data)
    basis, _ = shape_basis.make_basis(recordings)
    lessons = [train.lesson_of(recording, basis) for recording in recordings]
    noises = Noises(make_noises(), make_babble([np.exp(lesson.log_power) for lesson in lessons]))
    corpus = synthesis.load_corpus(work / "tts.npz")
    start = torch.load(work / "phones.pt", weights_only=True)
    n_steps = longer(schedule.articulator_steps)
    net = train.fit_averaged(start, lessons, corpus, noises, n_steps=n_steps, seed=99, log="everybody")
    torch.save(net.state_dict(), work / "articulator.pt")
    export_onnx(net, ROOM / "articulator.onnx")


def make_lips(data: Path, work: Path, schedule: Schedule) -> None:
    """Stage 3 on everybody, a quarter longer for a quarter more people."""
    recordings = read_recordings(data)
    basis, _ = shape_basis.make_basis(recordings)
    heard = load_variants(work / "variants.npz")
    net = lips.fit_several(recordings, heard, basis, n_steps=longer(schedule.lips_steps), seed=N_FOLDS)
    torch.save(net.state_dict(), work / "lips.pt")


def export(data: Path, work: Path, report: Report) -> card.Shipped:
    """What says the lips, and the constants of all, into the package."""
    net = lips.load_several(work / "lips.pt")
    recordings = read_recordings(data)
    heard = load_variants(work / "variants.npz")
    hidden = lips.components(net, [heard[recording.name][0] for recording in recordings])
    lips_sha256 = export_lips(net, hidden, ROOM / "lips.onnx")
    articulator_sha256, encoder_sha256 = (
        hashlib.sha256((ROOM / name).read_bytes()).hexdigest() for name in ("articulator.onnx", encoder.FILE)
    )
    mean, spread = speaking_constants(recordings, shape_basis.make_basis(recordings)[0])
    shrinkage, opening_shrinkage = report.shrinkage
    constants = Constants(
        VERSION, articulator_sha256, lips_sha256, encoder_sha256, rounded(mean), rounded(spread), rounded(shrinkage),
        round(opening_shrinkage, 4),
    )  # fmt: skip
    write_constants(constants, ROOM / "articulator.json")
    n_parameters = sum(weights.numel() for weights in net.parameters())
    n_bytes = (ROOM / "lips.onnx").stat().st_size
    return card.Shipped(VERSION, lips_sha256, n_bytes, n_parameters, articulator_sha256, encoder_sha256)


def write_cards(work: Path, schedule: Schedule, shipped: card.Shipped, report: Report) -> None:
    """What was measured, into the model cards; the schedule of stages 1 and 2 stays where they did not run here."""
    of_articulator = None
    if (work / "phones.json").exists():
        steps = longer(schedule.articulator_steps)
        accuracy: dict[str, float] = json.loads((work / "phones.json").read_text())
        hours = synthesis.load_corpus(work / "tts.npz").seconds / 3600
        trained = card.Steps(hours, schedule.phone_steps, (steps, train.second_cycle(steps)))
        of_articulator = card.schedule(trained, accuracy)
    parts = {
        "identity": card.identity(shipped),
        "schedule": of_articulator,
        "lips-schedule": card.lips_schedule(schedule.lips_steps, longer(schedule.lips_steps), lips.N_NETS),
        "bars": card.bars(report),
        "figures": str(report),
    }
    card.fill(CARDS / "articulation.md", parts)
    basis = hashlib.sha256((PACKAGE / "vision/shape_basis.npz").read_bytes()).hexdigest()
    of_basis = {"identity": card.of_basis(basis), "figures": (work / "shape_basis.md").read_text()}
    card.fill(CARDS / "shape-basis.md", of_basis)


def main() -> None:
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description="Make the shape basis and the networks of articulation.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=2, help="folds at a time")
    parser.add_argument("--quick", action="store_true", help="a short schedule, to see that everything runs")
    parser.add_argument("--lips", action="store_true", help="stage 3 alone, beside the articulator that ships")
    arguments = parser.parse_args()
    data, work = arguments.data, arguments.work
    schedule = QUICK if arguments.quick else FULL
    work.mkdir(parents=True, exist_ok=True)

    people = read_recordings(data)
    shape_basis.save_basis(shape_basis.make_basis(people)[0], PACKAGE / "vision/shape_basis.npz")
    (work / "shape_basis.md").write_text(shape_basis.report(people) + "\n")
    if not (work / "bilabials.json").exists():
        run_module("training.bilabials", "--data", str(data), "--out", str(work / "bilabials.json"))
    if not arguments.lips:
        if not (work / "tts.npz").exists():
            synthesis.save_corpus(synthesis.make_corpus(schedule.hours), work / "tts.npz")
        if not (work / "phones.pt").exists():
            make_phones(work, schedule)
        if not (work / "articulator.pt").exists():
            make_articulator(data, work, schedule)
    if not (work / "variants.npz").exists():
        save_variants(people, work / "variants.npz")
    make_folds(data, work, schedule, arguments.jobs)
    export_folds(data, work)
    if not (work / "lips.pt").exists():
        make_lips(data, work, schedule)
    report = Report(load_folds(data, work), json.loads((work / "bilabials.json").read_text()))
    (work / "report.md").write_text(f"{report}\n")
    shipped = export(data, work, report)
    write_cards(work, schedule, shipped, report)
    print(report)


if __name__ == "__main__":
    main()
