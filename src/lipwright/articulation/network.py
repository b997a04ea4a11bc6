"""Listening: speech in, what the mouth does out, by a small network on one thread of the CPU."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cache
from importlib import resources
from math import ceil
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from lipwright.articulation import features
from lipwright.articulation.phones import PHONES
from lipwright.core.media import AudioClip
from lipwright.core.timeline import N_SHAPE

TICK_RATE_HZ: Final = 50
"""A tick is one row of what the network says: a 50th of a second."""
_BLOCK = 3000
"""Ticks given out by one run of the network: a minute."""
_MARGIN = 200
"""Ticks heard on either side of a block, so that its edges are like the middle: four seconds."""
_SILENCE_DB = -100.0

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What the network made of a recording, 50 times a second; row k is heard at time k / 50."""

    shape: Floats
    """(n, N_SHAPE) coefficients of the shape basis as z-scores: zero is the speaker's mean while speaking.

    Each has less than unit spread: what sound does not tell is missing (`Population.shrinkage`)."""
    opening: Floats
    """(n,) z-score."""
    width: Floats
    """(n,) z-score."""
    jaw: Floats
    """(n,) z-score."""
    closure: Floats
    """(n,) probability that the lips touch along their whole length."""
    rest: Floats
    """(n,) probability that nothing is said."""
    phones: Floats
    """(n, 20) probabilities of `PHONES`."""
    energy_db: Floats
    """(n,) loudness relative to the loud part of the recording."""

    def __len__(self) -> int:
        return len(self.shape)

    @property
    def rate_hz(self) -> Fraction:
        return Fraction(TICK_RATE_HZ)

    def followed_by_silence(self, duration_s: Fraction) -> Heard:
        """The same, and then nothing until `duration_s`; itself where it lasts so long."""
        n_more = ceil(duration_s * TICK_RATE_HZ) - len(self)
        if n_more <= 0:
            return self
        still = {"rest": np.ones(n_more), "phones": np.tile(np.arange(len(PHONES)) == PHONES.index("sil"), (n_more, 1))}
        still["energy_db"] = np.full(n_more, _SILENCE_DB)

        def longer(name: str) -> Floats:
            heard: Floats = getattr(self, name)
            return np.concatenate([heard, still.get(name, np.zeros((n_more, *heard.shape[1:])))]).astype(np.float32)

        return Heard(**{field.name: longer(field.name) for field in fields(self)})


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """What the network's numbers mean, measured on the people it was trained with."""

    version: str
    model_sha256: str
    mean: Floats
    """(N_SHAPE,) average shape while speaking."""
    spread: Floats
    """(N_SHAPE,) standard deviation around the slow drift."""
    shrinkage: Floats
    """(N_SHAPE,) standard deviation of `Heard.shape` on people that the network has not seen, once smoothed."""
    opening_shrinkage: float
    """The same of the opening that those coefficients draw, relative to the real one's."""


@cache
def population() -> Population:
    """The constants that ship beside the network (made by `make train`)."""
    text = resources.files("lipwright.articulation").joinpath("articulator.json").read_text()
    table = json.loads(text)
    mean, spread, shrinkage = (np.array(table[name], np.float32) for name in ("mean", "spread", "shrinkage"))
    assert mean.shape == spread.shape == shrinkage.shape == (N_SHAPE,), "articulator.json belongs to another basis"
    return Population(table["version"], table["model_sha256"], mean, spread, shrinkage, table["opening_shrinkage"])


@cache
def _session(model: Path | None) -> Any:
    """onnxruntime has no type stubs. One thread: the network runs at thousands of times real time on it."""
    options = cast(Any, onnxruntime).SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    shipped = resources.files("lipwright.articulation").joinpath("articulator.onnx")
    content = shipped.read_bytes() if model is None else model.read_bytes()
    return cast(Any, onnxruntime).InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _say(mel: Floats, model: Path | None) -> list[Floats]:
    """Shape z-scores (1, t, N_SHAPE + 3), closure and rest (1, t, 2) and phones (1, t, 20) of a picture (2 t, 64)."""
    return cast(list[Floats], _session(model).run(None, {"mel": mel[None]}))


def _blocks(n_ticks: int, block: int) -> Iterator[tuple[int, int]]:
    for start in range(0, n_ticks, block):
        yield start, min(n_ticks, start + block)


def listen(speech: AudioClip, *, block_ticks: int = _BLOCK, model: Path | None = None) -> Heard:
    """Hear a recording at 16 kHz, of any length: ceil(duration * 50) ticks, at least one.

    Works through the recording in blocks of `block_ticks` with margins, so that hours take no more
    memory than minutes (beside the result). `model` is another network than the shipped one, such as that
    of a fold (training/README.md), to judge the product on people it has not met. Raises ValueError where
    the recording is not at 16 kHz.
    """
    hearings = features.measure(speech)
    usual = hearings[0]
    n_ticks = features.n_columns(len(speech.samples)) // 2
    rows: list[tuple[Floats, ...]] = []
    for start, stop in _blocks(n_ticks, block_ticks):
        first, last = max(0, start - _MARGIN), min(n_ticks, stop + _MARGIN)
        power = features.mel_power(speech.samples, 2 * first, 2 * last)
        voices = features.as_other_voices(power, usual.loudness)
        said = [_say(hearing.normalise(voice), model) for hearing, voice in zip(hearings, voices, strict=True)]
        kept = slice(start - first, stop - first)
        means = (np.mean(column, axis=0)[0, kept] for column in zip(*said, strict=True))
        energy = power.mean(1).reshape(-1, 2).mean(1)[kept]
        rows.append((*means, energy))
    shapes, gates, phones, energy = (np.concatenate(column) for column in zip(*rows, strict=True))
    rest = gates[:, 1]
    if usual.is_silent:
        rest = np.ones_like(rest)
        phones = np.zeros_like(phones)
        phones[:, PHONES.index("sil")] = 1.0
    energy_db = 10 * np.log10(np.maximum(energy / max(usual.loudness, 1e-30), 10 ** (_SILENCE_DB / 10)))
    return Heard(
        shape=shapes[:, :N_SHAPE], opening=shapes[:, N_SHAPE], width=shapes[:, N_SHAPE + 1],
        jaw=shapes[:, N_SHAPE + 2], closure=gates[:, 0], rest=rest, phones=phones,
        energy_db=energy_db.astype(np.float32),
    )  # fmt: skip
