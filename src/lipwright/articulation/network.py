"""Listening: speech in, what the mouth does out, by small networks on one thread of the CPU.

sound ---> mel picture ------+---> articulator ---> rest, phones
      |                      |
      +--> encoder (frozen) -+---> lips ----------> shape, closure
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cache
from importlib import resources
from math import ceil
from pathlib import Path
from typing import IO, Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from lipwright.articulation import encoder, features, quiet
from lipwright.articulation.phones import PHONES
from lipwright.core.media import AudioClip
from lipwright.core.timeline import N_SHAPE
from lipwright.networks import open_network

TICK_RATE_HZ: Final = 50
"""A tick is one row of what the network says: a 50th of a second."""
SMOOTHING_S: Final = 0.03
"""Gaussian over the coefficients; jitter goes down by a tenth, correlation stays."""
_BLOCK = 1000
"""Ticks given out by one run of the network: 20 s, whose numbers stay in the processor's cache."""
_MARGIN = 100
"""Ticks heard on either side of a block, so that its edges are like the middle (to 3e-7; 50 ticks to 1e-4)."""
_HELD_BYTES = 2 << 20
"""More than this of the mel picture (80 s), of the encoder's rows and of the samples goes to a file without a name."""
_ROWS_ARE: Final = np.dtype(np.float16)
"""The encoder's rows while they wait, and as they were learned from: 100 MB an hour."""
_SAMPLES_ARE: Final = np.dtype(np.float16)
"""Samples while they wait: as fine for what is quiet as 16 bits are, ..."""
_LARGEST: Final = 60_000.0
"""... and up to this one."""
_TICK: Final = features.RATE_HZ // TICK_RATE_HZ
"""Samples of a tick."""
_SILENCE_DB = -100.0
N_HIDDEN: Final = 32
"""Numbers that stand for the networks' last hidden layers."""

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
    hidden: NDArray[np.float16]
    """(n, N_HIDDEN) what shape is read off: principal components of the last hidden layers, unit variance in the mean.

    It says more of a sound than what it does in anybody's mouth; `adapt` reads off what it does in somebody's."""

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

        def longer(name: str) -> NDArray[Any]:
            heard: NDArray[Any] = getattr(self, name)
            more = still.get(name, np.zeros((n_more, *heard.shape[1:])))
            return np.concatenate([heard, more.astype(heard.dtype)])

        return Heard(**{field.name: longer(field.name) for field in fields(self)})


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """What the network's numbers mean, measured on the people it was trained with."""

    version: str
    model_sha256: str
    lips_sha256: str
    encoder_sha256: str
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
    return Population(
        table["version"], table["model_sha256"], table["lips_sha256"], table["encoder_sha256"], mean, spread, shrinkage,
        table["opening_shrinkage"],
    )  # fmt: skip


def load() -> None:
    """Read the networks now: the first speech finds them ready."""
    assert population()
    assert _session("articulator.onnx")
    assert _session("lips.onnx")
    encoder.load()


@cache
def _session(model: str | Path) -> Any:
    """By name: one that ships."""
    shipped = resources.files("lipwright.articulation")
    return open_network(model.read_bytes() if isinstance(model, Path) else shipped.joinpath(model).read_bytes())


def _sounds(mel: Floats) -> tuple[Floats, Floats]:
    """Rest (t,) and phones (t, 20) of a picture (2 t, 64)."""
    gates, phones = cast(list[Floats], _session("articulator.onnx").run(["gates", "phones"], {"mel": mel[None]}))
    return gates[0, :, 1], phones[0]


def _lips(heard: Floats, mel: Floats, model: Path | None) -> tuple[Floats, Floats, NDArray[np.float16]]:
    """Shape z-scores (t, N_SHAPE + 3), closure (t,) and hidden (t, N_HIDDEN).

    Of the encoder's rows (t, 288) and a picture (2 t, 64).
    """
    given = {"features": heard[None], "mel": mel[None]}
    said = _session(model or "lips.onnx").run(["shape", "closure", "hidden"], given)
    shape, closure, hidden = cast(list[Floats], said)
    return shape[0], closure[0, :, 0], hidden[0].astype(np.float16)


def listen(
    speech: AudioClip, *, block_ticks: int = _BLOCK, model: Path | None = None, raises_quiet: bool = True
) -> Heard:
    """Hear a recording at 16 kHz, of any length: ceil(duration * 50) ticks, at least one.

    What is quiet beside the rest is heard too if `raises_quiet`: not where others have microphones of their own, whose
    voices this one has caught. `model` says the lips in place of the shipped network, such as that of a fold
    (training/README.md), to judge the product on people it has not met. Raises ValueError where the recording is not at
    16 kHz.
    """
    if speech.rate_hz != features.RATE_HZ:
        raise ValueError(
            f"speech must be at {features.RATE_HZ} Hz to be listened to, got {speech.rate_hz}; resample it"
        )
    heard, _ = listen_to([speech.samples], block_ticks=block_ticks, model=model, raises_quiet=raises_quiet)
    return heard


def listen_to(
    pieces: Iterable[Floats], *, block_ticks: int = _BLOCK, model: Path | None = None, raises_quiet: bool = True
) -> tuple[Heard, Fraction]:
    """`listen` to a recording that comes in pieces (n,) at 16 kHz, and its duration in seconds.

    Needs no more memory for hours than for minutes, beside the result: the mel picture and the encoder's rows are made
    once, and lie on disk where they are long; the networks go through them in blocks of `block_ticks` with margins.
    So do the samples: what is quiet beside the rest is heard again, raised (`quiet`), if `raises_quiet`.
    """
    n_samples = 0

    def encoded(rows: IO[bytes], sound: IO[bytes]) -> Iterator[Floats]:
        nonlocal n_samples
        encoding = encoder.Encoding()
        for piece in pieces:
            n_samples += len(piece)
            for some in encoding.add(piece):
                rows.write(some.astype(_ROWS_ARE).tobytes())
            if raises_quiet:
                sound.write(np.clip(piece, -_LARGEST, _LARGEST).astype(_SAMPLES_ARE).tobytes())
            yield piece
        rows.write(encoding.end().astype(_ROWS_ARE).tobytes())

    measuring = features.Measuring()
    with (
        tempfile.SpooledTemporaryFile(max_size=_HELD_BYTES) as picture,
        tempfile.SpooledTemporaryFile(max_size=_HELD_BYTES) as encoder_rows,
        tempfile.SpooledTemporaryFile(max_size=_HELD_BYTES) as sound,
    ):
        for power in features.mel_blocks(encoded(encoder_rows, sound)):
            measuring.look(power)
            picture.write(power.tobytes())
        hearing = measuring.result()
        n_ticks = features.n_columns(n_samples) // 2
        rows: list[tuple[NDArray[Any], ...]] = []
        for start in range(0, n_ticks, block_ticks):
            stop = min(n_ticks, start + block_ticks)
            first, last = max(0, start - _MARGIN), min(n_ticks, stop + _MARGIN)
            power = _read(picture, 2 * first, 2 * last, features.N_BANDS, np.dtype(np.float32))
            coded = _read(encoder_rows, first, last, encoder.N_FEATURES, _ROWS_ARE).astype(np.float32)
            energy = power.mean(1).reshape(-1, 2).mean(1)
            mel = hearing.normalise(power)
            said = (*_lips(coded, mel, model), *_sounds(mel), energy)
            rows.append(tuple(column[start - first : stop - first] for column in said))
        *said, energy = (np.concatenate(column) for column in zip(*rows, strict=True))
        share = np.maximum(energy / max(hearing.loudness, 1e-30), 10 ** (_SILENCE_DB / 10))
        energy_db = (10 * np.log10(share)).astype(np.float32)
        if raises_quiet and not hearing.is_silent:
            _hear_quiet(said, energy_db, sound, hearing, model)
    shapes, closure, hidden, rest, phones = said
    if hearing.is_silent:
        rest = np.ones_like(rest)
        phones = np.zeros_like(phones)
        phones[:, PHONES.index("sil")] = 1.0
    heard = Heard(
        shape=shapes[:, :N_SHAPE], opening=shapes[:, N_SHAPE], width=shapes[:, N_SHAPE + 1],
        jaw=shapes[:, N_SHAPE + 2], closure=closure, rest=rest, phones=phones,
        energy_db=energy_db, hidden=hidden,
    )  # fmt: skip
    return heard, Fraction(n_samples, features.RATE_HZ)


def _hear_quiet(
    said: list[NDArray[Any]], level_db: Floats, sound: IO[bytes], hearing: features.Hearing, model: Path | None
) -> None:
    """Hear what is quiet beside the rest of a recording again, raised; where it is speech, put it into `said`.

    Those are shapes, closure, hidden, rest and phones of the recording.
    """
    n_ticks = len(level_db)
    stretches = quiet.quiet_stretches(level_db, said[3])
    gain_db = quiet.gain_db(stretches, n_ticks)
    for stretch in stretches:
        start, stop = quiet.around(stretch, n_ticks)
        first, last = max(0, start - _MARGIN), min(n_ticks, stop + _MARGIN)
        samples = _read(sound, first * _TICK, last * _TICK, 1, _SAMPLES_ARE).astype(np.float32)[:, 0]
        samples *= np.repeat(np.float32(10) ** (gain_db[first:last] / 20), _TICK)[: len(samples)]
        power = features.mel_power(samples)
        mel = hearing.normalise(power)
        rest, phones = _sounds(mel)  # a tenth of the work: most that is quiet is no speech
        inside = slice(stretch.start - first, stretch.stop - first)
        part = quiet.likely_speech(rest[inside], phones[inside])
        if part is None:
            continue
        by_itself = power[2 * (inside.start + part[0]) : 2 * (inside.start + part[1])]
        if not quiet.is_clearly_speech(_sounds(features.Hearing.of(by_itself).normalise(by_itself))[1]):
            continue
        again = (*_lips(encoder.encoded(samples), mel, model), rest, phones)
        weight = quiet.weight(stretch, start, stop).astype(np.float32)
        for usual, louder in zip(said, again, strict=True):
            share = weight.reshape(-1, *[1] * (usual.ndim - 1))
            some = usual[start:stop]
            some += (share * (louder[start - first : stop - first] - some)).astype(usual.dtype)


def _read(file: IO[bytes], start: int, stop: int, width: int, kind: np.dtype[Any]) -> NDArray[Any]:
    """These rows (stop - start, width) of a table that was written to a file."""
    n_bytes = width * kind.itemsize
    file.seek(start * n_bytes)
    return np.frombuffer(file.read((stop - start) * n_bytes), kind).reshape(-1, width)
