"""Stage 3, lips: what the frozen encoder and the mel picture say about a mouth; folds, and everybody.

python -m training.lips --data ../shared/data/av --work build/train --fold 0
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from lipwright.articulation import network
from lipwright.articulation.encoder import N_FEATURES
from lipwright.articulation.features import N_BANDS
from lipwright.core.media import AudioClip
from lipwright.vision.shape import ShapeBasis
from training import train
from training.conditions import conditions
from training.folds import speaking_constants, split
from training.network import Residual
from training.recordings import CHANNELS, Recording, read_recordings
from training.shape_basis import make_basis
from training.variants import Variant, heard, load_variants

N_STEPS = 80
N_NETS = 4
"""Networks whose answers are averaged: each started and was taught by itself."""
_BATCH = 24
_AS_IT_IS = 0.3
"""Share of the crops that are of the recording itself."""
_PEAK_RATE = 2e-3


class Lips(nn.Module):
    """Features of the encoder at 50 Hz and the mel picture at 100 Hz -> mouth at 50 Hz."""

    def __init__(self, channels: int = 96, of_mel: int = 32, recurrent: int = 64) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.5)
        self.enter = nn.Conv1d(N_FEATURES, channels, 3, padding=1)
        self.enter_mel = nn.Conv1d(2 * N_BANDS, of_mel, 5, padding=2)
        width = channels + of_mel
        self.norm = nn.BatchNorm1d(width)
        self.blocks = nn.ModuleList([Residual(width, dilation) for dilation in (1, 2, 4)])
        self.around = nn.LSTM(width, recurrent, batch_first=True, bidirectional=True)
        known = width + 2 * recurrent
        self.dropout = nn.Dropout(0.3)
        self.shape_head = nn.Sequential(nn.Linear(known, 96), nn.GELU(), nn.Linear(96, len(CHANNELS)))
        self.closure_head = nn.Linear(known, 1)

    def forward(self, features: Tensor, mel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(b, t, 288) and (b, 2 t, 64) -> shape z-scores (b, t, 14), logits of closure (b, t, 1), hidden (b, t, 96)."""
        pairs = mel.reshape(mel.shape[0], -1, 2 * N_BANDS)
        x = torch.cat([self.enter(self.drop(features).transpose(1, 2)), self.enter_mel(pairs.transpose(1, 2))], dim=1)
        x = F.gelu(self.norm(x))
        for block in self.blocks:
            x = block(x)
        x = x.transpose(1, 2)
        around, _ = self.around(x)
        known = self.dropout(torch.cat([x, around], dim=-1))
        hidden = self.shape_head[:2](known)
        return self.shape_head[2](hidden), self.closure_head(known), hidden


class Several(nn.Module):
    """The mean of what several say; their hidden layers side by side."""

    def __init__(self, nets: Sequence[Lips]) -> None:
        super().__init__()
        self.nets = nn.ModuleList(nets)

    def forward(self, features: Tensor, mel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As `Lips`."""
        shapes, gates, hidden = zip(*[net(features, mel) for net in self.nets], strict=True)
        return torch.stack(shapes).mean(0), torch.stack(gates).mean(0), torch.cat(hidden, dim=-1)


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """One variant of a recording, ready to be learned from."""

    features: NDArray[np.float32]
    mel: NDArray[np.float32]
    targets: NDArray[np.float32]
    """(n, 15): z-scores of CHANNELS; how surely the lips are closed, 0..1."""


def lesson_of(recording: Recording, variants: Sequence[Variant], basis: ShapeBasis) -> list[Lesson]:
    """`train.targets_of` for every variant, at its own speed."""
    usual = train.targets_of(recording, basis)
    made: list[Lesson] = []
    for variant in variants:
        n = min(len(variant.features), round(len(usual) / variant.speed))
        at = np.arange(n) * variant.speed
        targets = np.stack([np.interp(at, np.arange(len(usual)), column) for column in usual.T], axis=1)
        features, mel = variant.features[:n].astype(np.float32), variant.mel[: 2 * n].astype(np.float32)
        made.append(Lesson(features, mel, targets.astype(np.float32)))
    return made


def crop(variants: Sequence[Lesson], rng: np.random.Generator) -> tuple[NDArray[np.float32], ...]:
    """(CROP, 288), (2 CROP, 64) and (CROP, 15), NaN past the end of short recordings."""
    one = variants[0 if rng.random() < _AS_IT_IS else int(rng.integers(1, len(variants)))]
    n = len(one.targets)
    missing = max(0, train.CROP - n)
    start = int(rng.integers(0, n - train.CROP + 1)) if not missing else 0
    part, columns = slice(start, start + train.CROP), slice(2 * start, 2 * (start + train.CROP))
    return (
        np.pad(one.features[part], ((0, missing), (0, 0))),
        np.pad(one.mel[columns], ((0, 2 * missing), (0, 0))),
        np.pad(one.targets[part], ((0, missing), (0, 0)), constant_values=np.nan),
    )


def fit(recordings: Sequence[Recording], lessons: Sequence[Sequence[Lesson]], *, n_steps: int, seed: int) -> Lips:
    """One network."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    net = Lips()
    odds = np.minimum([recording.seconds for recording in recordings], 25) ** 0.7
    odds /= odds.sum()

    def loss_of(net: Lips) -> Tensor:
        crops = [crop(lessons[rng.choice(len(lessons), p=odds)], rng) for _ in range(_BATCH)]
        features, mel, wanted = (torch.from_numpy(np.stack(parts)) for parts in zip(*crops, strict=True))
        shapes, gates, _ = net(features, mel)
        n = len(CHANNELS)
        return train.shape_loss(shapes, wanted[..., :n]) + 0.5 * train.gate_loss(gates[..., 0], wanted[..., n])

    train.run(net, n_steps, _PEAK_RATE, loss_of, f"lips, seed {seed}")
    return net


def fit_several(
    recordings: Sequence[Recording], variants: Mapping[str, Sequence[Variant]], basis: ShapeBasis, *, n_steps: int,
    seed: int,
) -> Several:  # fmt: skip
    """Networks that were each taught by themselves on all of these recordings."""
    lessons = [lesson_of(recording, variants[recording.name], basis) for recording in recordings]
    nets = [fit(recordings, lessons, n_steps=n_steps, seed=100 * seed + number) for number in range(N_NETS)]
    return Several(nets).eval()


def load_several(path: Path) -> Several:
    """What was saved."""
    net = Several([Lips() for _ in range(N_NETS)])
    net.load_state_dict(torch.load(path, weights_only=True))
    return net.eval()


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """Principal components of what the hidden layers say of speech."""

    mean: NDArray[np.float32]
    """(n_hidden,)."""
    weights: NDArray[np.float32]
    """(n_hidden, N_HIDDEN): each component by the fourth root of its variance, unit variance in the mean."""


@torch.no_grad()
def components(net: Several, variants: Sequence[Variant]) -> Components:
    """Of these recordings, heard as they are.

    By the fourth root, as much lies in between as they are, where the first eight have nine tenths of all variance, and
    all alike, where the last are noise: for learning from little speech that was best (docs/decisions/0023).
    """
    said = np.concatenate([net(*_given(variant))[2][0].numpy() for variant in variants]).astype(np.float64)
    mean = said.mean(0)
    variance, axes = np.linalg.eigh(np.cov((said - mean).T))
    variance, axes = variance[::-1][: network.N_HIDDEN], axes[:, ::-1][:, : network.N_HIDDEN]
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), np.arange(network.N_HIDDEN)])
    weights = axes * variance**-0.25 / np.sqrt(np.sqrt(variance).mean())
    return Components(mean.astype(np.float32), weights.astype(np.float32))


def _given(variant: Variant) -> tuple[Tensor, Tensor]:
    features, mel = (torch.from_numpy(part.astype(np.float32))[None] for part in (variant.features, variant.mel))
    return features, mel


@torch.no_grad()
def predict(net: Several, variant: Variant) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Shape z-scores (n, 14), closure probabilities (n,)."""
    shapes, gates, _ = net(*_given(variant))
    return shapes[0].numpy(), torch.sigmoid(gates[0, :, 0]).numpy()


def run_fold(data: Path, work: Path, fold: int, n_steps: int) -> None:
    """Write `work/fold_{fold}.pt`, and `.npz`: what it makes of the people held out, in quiet and in noise.

    Rest and phones are those of the shipped articulator, which was taught them by synthetic speech.
    """
    inside, outside = split(read_recordings(data), fold)
    basis, _ = make_basis(inside)
    saved = work / f"fold_{fold}.pt"
    if not saved.exists():
        net = fit_several(inside, load_variants(work / "variants.npz"), basis, n_steps=n_steps, seed=fold)
        torch.save(net.state_dict(), saved)
    net = load_several(saved)
    mean, spread = speaking_constants(inside, basis)
    table: dict[str, np.ndarray] = {"mean": mean, "spread": spread}
    babblers = [r.speech.samples for r in inside if not r.is_acting][:5]
    for recording in outside:
        n = recording.n_ticks
        for name, change in conditions(babblers).items():
            samples = change(recording.speech.samples)
            shapes, closure = predict(net, heard(samples))
            others = network.listen(AudioClip(samples, recording.speech.rate_hz))
            table[f"{recording.name}/{name}/shape"] = shapes[:n].astype(np.float16)
            gates = np.stack([closure[:n], others.rest[:n]], axis=1)
            table[f"{recording.name}/{name}/gates"] = gates.astype(np.float16)
            if name == "clean":
                table[f"{recording.name}/phones"] = others.phones[:n].astype(np.float16)
    np.savez(work / f"fold_{fold}.npz", **table)


if __name__ == "__main__":
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description="Train and judge one fold.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--fold", type=int, required=True)
    parser.add_argument("--steps", type=int, default=N_STEPS)
    arguments = parser.parse_args()
    run_fold(arguments.data, arguments.work, arguments.fold, arguments.steps)
