"""Two stages: phones of synthetic speech, then lips of video with the phones kept."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from lipwright.articulation import features
from lipwright.articulation.curves import runs
from lipwright.articulation.features import N_BANDS, Hearing, Mel
from lipwright.articulation.phones import PHONES
from lipwright.core.timeline import N_SHAPE
from lipwright.vision.shape import ShapeBasis
from training import augment
from training.augment import Noises
from training.network import Articulator
from training.phones import OPEN_VOWELS, PBM, SIL
from training.recordings import CHANNELS, Recording, advanced, without_drift
from training.synthesis import Corpus

CROP = 128
"""Ticks of one training crop: 2.56 s."""
CLOSED_IO = 0.03
"""A mouth whose widest inner gap is under this is closed."""
WEIGHTS = (1.2, 1.0, 0.8, 0.7, 0.5, 0.4, 0.3, 0.3, 1.5, 1.2, 1.0, 0.7, 0.8, 0.7)
"""Of the CHANNELS in the loss."""
IGNORE = -100

assert len(WEIGHTS) == len(CHANNELS) == N_SHAPE + 6


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """One recording, ready to be learned from."""

    speaker: str
    log_power: Mel
    """(2 n, 64)."""
    targets: NDArray[np.float32]
    """(n, 16): z-scores of CHANNELS; how surely the lips are closed, 0..1; rest 0 or 1, NaN where unsure."""


def rest_labels(power: Mel) -> NDArray[np.float32]:
    """(n,) 1 where a clean recording is quiet for 200 ms and more, 0 where it is loud, NaN between."""
    level_db = 10 * np.log10(power.reshape(-1, 2, N_BANDS).mean((1, 2)) + 1e-12)
    level_db = np.convolve(np.pad(level_db, 1, mode="edge"), np.ones(3) / 3, "valid")
    speech_db = 10 * math.log10(augment.loudness(power))
    rest = np.where(level_db > speech_db - 16, 0.0, np.nan)
    quiet = level_db < speech_db - 24
    for start, stop in runs(quiet):
        if stop - start >= 10:
            rest[start:stop] = 1.0
    return rest.astype(np.float32)


def targets_of(recording: Recording, basis: ShapeBasis) -> NDArray[np.float64]:
    """(n, 15) in step with the sound: CHANNELS without slow drift, at unit spread; how surely the lips are closed."""
    moved = without_drift(np.concatenate([recording.coefficients(basis), recording.measures()], axis=1))
    z = (moved - moved.mean(0)) / (moved.std(0) + 1e-4)
    closed = 1 / (1 + np.exp((recording.largest_gap() - CLOSED_IO) / 0.006))
    return advanced(np.concatenate([z, closed[:, None]], axis=1), recording.lag_frames)


def lesson_of(recording: Recording, basis: ShapeBasis) -> Lesson:
    """A recording as it is heard, its targets and where it rests."""
    power = features.mel_power(recording.speech.samples)[: 2 * recording.n_ticks]
    targets = np.concatenate([targets_of(recording, basis), rest_labels(power)[:, None]], axis=1)
    return Lesson(recording.speaker, np.log(power + 1e-12), targets.astype(np.float32))


def video_crop(lesson: Lesson, noises: Noises, rng: np.random.Generator) -> tuple[Mel, NDArray[np.float32]]:
    """(2 CROP, 64) heard and (CROP, 16) wanted; NaN past the end of short recordings."""
    n = min(len(lesson.targets), 220)
    start = int(rng.integers(0, len(lesson.targets) - n + 1))
    log_power, wanted = lesson.log_power[2 * start : 2 * (start + n)], lesson.targets[start : start + n]
    if rng.random() < 0.75:
        if rng.random() < 0.7:
            speed = math.exp(rng.uniform(-0.15, 0.15))
            log_power = augment.stretch(log_power, speed)
            wanted = augment.stretch_ticks(wanted, speed, len(log_power) // 2)
        log_power = augment.warp_bands(log_power, math.exp(rng.uniform(-0.14, 0.14)), rng.uniform(-1.5, 1.5))
        heard = augment.as_heard(augment.disturb(np.exp(log_power), noises, rng), rng, mask=True)
    else:
        heard = augment.as_heard(np.exp(log_power), rng, mask=False)
    n = len(wanted)
    if n < CROP:
        heard = np.concatenate([heard, np.zeros((2 * (CROP - n), N_BANDS), np.float32)])
        wanted = np.concatenate([wanted, np.full((CROP - n, wanted.shape[1]), np.nan, np.float32)])
    start = int(rng.integers(0, len(wanted) - CROP + 1))
    return heard[2 * start : 2 * (start + CROP)], wanted[start : start + CROP]


def speech_crop(corpus: Corpus, noises: Noises, rng: np.random.Generator) -> tuple[Mel, NDArray[np.int64]]:
    """(2 CROP, 64) heard and (CROP,) phone classes, of synthetic speech with gaps, or of no speech at all."""
    if rng.random() < 0.12:
        power = augment.excerpt(noises.other[rng.integers(len(noises.other))], 2 * CROP, rng)
        if rng.random() < 0.3:
            power = power + augment.excerpt(noises.other[rng.integers(len(noises.other))], 2 * CROP, rng)
        return augment.as_heard(augment.disturb(power, noises_only(noises), rng), rng, mask=True), np.full(CROP, SIL)
    n_train = int(corpus.starts[np.flatnonzero(corpus.is_test)[0]])
    speed = math.exp(rng.uniform(-0.15, 0.15))
    n = int((CROP + 90) * speed) + 2
    start = int(rng.integers(0, n_train - n))
    log_power = corpus.log_mel[2 * start : 2 * (start + n)].astype(np.float32)
    ticks = corpus.ticks[start : start + n].astype(np.int64)
    if rng.random() < 0.35:
        gap = int(rng.integers(15, 110))
        at = int(rng.integers(0, n - gap))
        log_power[2 * at : 2 * (at + gap)] = -27.0
        ticks[at : at + gap] = SIL
    log_power = augment.stretch(log_power, speed)
    log_power = augment.warp_bands(log_power, math.exp(rng.uniform(-0.14, 0.14)), rng.uniform(-1.5, 1.5))
    ticks = ticks[np.minimum((np.arange(len(log_power) // 2) * speed + 0.5).astype(int), n - 1)]
    heard = augment.as_heard(augment.disturb(np.exp(log_power), noises, rng), rng, mask=True)
    start = int(rng.integers(0, len(ticks) - CROP + 1))
    return heard[2 * start : 2 * (start + CROP)], ticks[start : start + CROP]


def noises_only(noises: Noises) -> Noises:
    """Without babble: for crops in which nobody speaks."""
    return Noises(noises.other, noises.other)


def gates_of_phones(ticks: NDArray[np.int64]) -> NDArray[np.float32]:
    """(b, t) phone classes -> (b, t, 2) closure and rest, NaN where the phones do not tell."""
    gates = np.full((*ticks.shape, 2), np.nan, np.float32)
    gates[np.isin(ticks, OPEN_VOWELS), 0] = 0.0
    gates[..., 1] = 0.0
    for row, phones in zip(gates, ticks, strict=True):
        for start, stop in runs(phones == SIL):
            row[start:stop, 1] = 1.0 if stop - start >= 6 else np.nan
        for start, stop in runs(phones == PBM):
            middle = (start + stop) // 2
            row[max(start, middle - 1) : middle + 1, 0] = 1.0
    return gates


def shape_loss(said: Tensor, wanted: Tensor) -> Tensor:
    """Smooth L1, the speed's squared error, and one minus Pearson's r over each crop; (b, t, 14) each."""
    weights = torch.tensor(WEIGHTS)
    known = ~torch.isnan(wanted[..., :1])
    wanted = torch.nan_to_num(wanted)
    mask = known.float()
    n = mask.sum(1) + 1e-6
    place = ((F.smooth_l1_loss(said, wanted, reduction="none") * mask).sum(1) / n * weights).mean()
    both = mask[:, 1:] * mask[:, :-1]
    speed_error = (said.diff(dim=1) - wanted.diff(dim=1)) ** 2
    speed = ((speed_error * both).sum(1) / (both.sum(1) + 1e-6) * weights).mean()
    a = (said - ((said * mask).sum(1) / n)[:, None]) * mask
    b = (wanted - ((wanted * mask).sum(1) / n)[:, None]) * mask
    r = (a * b).sum(1) / torch.sqrt((a * a).sum(1) * (b * b).sum(1) + 1e-3)
    return place + 2.0 * speed + 0.5 * ((1 - r) * weights).mean()


def gate_loss(logits: Tensor, wanted: Tensor) -> Tensor:
    """Cross-entropy where `wanted` is known."""
    known = ~torch.isnan(wanted)
    return F.binary_cross_entropy_with_logits(logits[known], wanted[known])


def phone_loss(logits: Tensor, ticks: Tensor) -> Tensor:
    return F.cross_entropy(logits.reshape(-1, len(PHONES)), ticks.reshape(-1), label_smoothing=0.05)


class Averager:
    """An exponential mean of the weights over the last part of a run."""

    def __init__(self, net: nn.Module, decay: float = 0.99) -> None:
        self._decay = decay
        self._mean = {name: value.clone() for name, value in net.state_dict().items()}
        self._started = False

    def add(self, net: nn.Module) -> None:
        for name, value in net.state_dict().items():
            if self._started and value.dtype.is_floating_point:
                self._mean[name].lerp_(value, 1 - self._decay)
            else:
                self._mean[name] = value.clone()
        self._started = True

    def install(self, net: nn.Module) -> None:
        net.load_state_dict(self._mean)


def run(net: nn.Module, n_steps: int, peak_rate: float, loss_of: object, log: str) -> None:
    """AdamW, one cycle of the learning rate, clipped gradients; ends with the mean of the last half's weights."""
    assert callable(loss_of)
    optimiser = torch.optim.AdamW(net.parameters(), lr=peak_rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, peak_rate, total_steps=n_steps, pct_start=0.15)
    averager = Averager(net)
    started = time.monotonic()
    net.train()
    for step in range(n_steps):
        loss = loss_of(net)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step >= n_steps // 2:
            averager.add(net)
        if step % 100 == 99:
            print(f"{log} {step + 1}/{n_steps} loss {loss.item():.3f} {time.monotonic() - started:.0f} s", flush=True)
    averager.install(net)
    net.eval()


def pretrain(corpus: Corpus, noises: Noises, *, n_steps: int, seed: int = 0) -> Articulator:
    """Stage 1: phones, closures and rests of synthetic speech."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    net = Articulator()

    def loss_of(net: Articulator) -> Tensor:
        crops = [speech_crop(corpus, noises, rng) for _ in range(24)]
        ticks = np.stack([ticks for _, ticks in crops])
        _, gates, phones = net(torch.from_numpy(np.stack([heard for heard, _ in crops])))
        wanted = torch.from_numpy(gates_of_phones(ticks))
        return phone_loss(phones, torch.from_numpy(ticks)) + 0.3 * gate_loss(gates, wanted)

    run(net, n_steps, 2e-3, loss_of, "phones")
    return net


def fit(
    start: dict[str, Tensor], lessons: Sequence[Lesson], corpus: Corpus, noises: Noises, *, n_steps: int,
    seed: int = 0, draw: int | None = None, log: str = "lips", peak_rate: float = 1.2e-3, n_video: int = 24,
    n_speech: int = 8, has_lips: bool = False,
) -> Articulator:  # fmt: skip
    """Stage 2: all heads, from the weights of stage 1; or a further cycle, from those of stage 2 (`has_lips`).

    `seed` decides where new weights start, `draw` (the same unless given) which crops are seen.
    """
    rng = np.random.default_rng(seed if draw is None else draw)
    torch.manual_seed(seed)
    net = Articulator()
    kept = {name: value for name, value in start.items() if has_lips or not name.startswith("shape_head")}
    net.load_state_dict(kept, strict=has_lips)
    seconds = np.array([len(lesson.targets) / 50 for lesson in lessons])
    odds = np.minimum(seconds, 25) ** 0.7
    odds /= odds.sum()

    def loss_of(net: Articulator) -> Tensor:
        seen = [video_crop(lessons[rng.choice(len(lessons), p=odds)], noises, rng) for _ in range(n_video)]
        read = [speech_crop(corpus, noises, rng) for _ in range(n_speech)]
        ticks = np.stack([ticks for _, ticks in read])
        shapes, gates, phones = net(torch.from_numpy(np.stack([heard for heard, _ in seen + read])))
        wanted = torch.from_numpy(np.stack([wanted for _, wanted in seen]))
        read_gates = torch.from_numpy(gates_of_phones(ticks))
        return (
            shape_loss(shapes[:n_video], wanted[..., : len(CHANNELS)])
            + 0.5 * phone_loss(phones[n_video:], torch.from_numpy(ticks))
            + 0.5 * gate_loss(gates[:n_video, :, 0], wanted[..., -2])
            + 0.3 * gate_loss(gates[:n_video, :, 1], wanted[..., -1])
            + 0.3 * gate_loss(gates[n_video:], read_gates)
        )

    run(net, n_steps, peak_rate, loss_of, log)
    return net


def average(nets: Sequence[Articulator]) -> Articulator:
    """One network with the mean weights of several that lie close to each other."""
    states = [net.state_dict() for net in nets]
    mean = {
        name: torch.stack([state[name] for state in states]).mean(0) if value.dtype.is_floating_point else value
        for name, value in states[0].items()
    }
    net = Articulator()
    net.load_state_dict(mean)
    net.eval()
    return net


def second_cycle(n_steps: int) -> int:
    """Steps of the second cycle of the learning rate, after a first of `n_steps`."""
    return 2 * n_steps // 3


def fit_averaged(
    start: dict[str, Tensor], lessons: Sequence[Lesson], corpus: Corpus, noises: Noises, *, n_steps: int, seed: int,
    log: str,
) -> Articulator:  # fmt: skip
    """The mean of networks that started alike (Izmailov et al. 2018; Wortsman et al. 2022).

    Two cycles of stage 2, the second two thirds as long, whose ends are averaged; and a third run from the same
    start that sees other crops, averaged with these.
    """
    first = fit(start, lessons, corpus, noises, n_steps=n_steps, seed=seed, log=f"{log}, first")
    second = fit(
        first.state_dict(), lessons, corpus, noises, n_steps=second_cycle(n_steps), seed=seed + 100, peak_rate=1e-3,
        has_lips=True, log=f"{log}, second",
    )  # fmt: skip
    other = fit(start, lessons, corpus, noises, n_steps=n_steps, seed=seed, draw=seed + 1000, log=f"{log}, other crops")
    return average([average([first, second]), other])


@torch.no_grad()
def predict(net: Articulator, power: Mel) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Mel power (2 n, 64) -> shape z-scores (n, 14), closure and rest probabilities (n, 2), phones (n, 20)."""
    shapes, gates, phones = net(torch.from_numpy(Hearing.of(power).normalise(power))[None])
    return shapes[0].numpy(), torch.sigmoid(gates[0]).numpy(), torch.softmax(phones[0], -1).numpy()


def phone_accuracy(net: Articulator, corpus: Corpus) -> dict[str, float]:
    """Share of ticks classed right, for each voice held out."""
    found: dict[str, list[tuple[int, int]]] = {}
    for index in np.flatnonzero(corpus.is_test):
        start, stop = int(corpus.starts[index]), int(corpus.starts[index + 1])
        _, _, phones = predict(net, corpus.power_of(int(index)))
        right = int((phones.argmax(1) == corpus.ticks[start:stop]).sum())
        found.setdefault(str(corpus.voices[index]), []).append((right, stop - start))
    return {voice: sum(r for r, _ in pairs) / sum(n for _, n in pairs) for voice, pairs in found.items()}
