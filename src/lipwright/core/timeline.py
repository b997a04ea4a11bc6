"""Things that happen in time: phones as intervals, mouth shapes as samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from lipwright.core.time import Span

T = TypeVar("T")

N_SHAPE = 8
"""Coefficients of the shared mouth-shape basis that drive a face."""


@dataclass(frozen=True, slots=True)
class Timed(Generic[T]):
    """A value and when it holds."""

    span: Span
    value: T


@dataclass(frozen=True, slots=True)
class Timeline(Generic[T]):
    """Values in order of time that never overlap; gaps are allowed."""

    items: tuple[Timed[T], ...]

    def __post_init__(self) -> None:
        for before, after in zip(self.items, self.items[1:], strict=False):
            if after.span.start_s < before.span.stop_s:
                raise ValueError(f"timeline items overlap: {before.span} and {after.span}")

    def __iter__(self) -> Iterator[Timed[T]]:
        return iter(self.items)


@dataclass(frozen=True, slots=True, eq=False)
class MouthTrack:
    """Mouth shapes over time: what articulation plans and an engine renders.

    Sampled evenly from time zero of the speech. `coefficients` are in the shared shape basis
    (`vision.shape`): all zero is the person's own closed mouth.
    """

    coefficients: NDArray[np.float32]
    """(n, N_SHAPE)."""
    closure: NDArray[np.float32]
    """(n,) 0..1: how firmly the lips must touch (bilabials)."""
    rest: NDArray[np.float32]
    """(n,) 0..1: 1 where nothing is said and the mouth holds its pose."""
    rate_hz: Fraction

    def __post_init__(self) -> None:
        n = len(self.coefficients)
        if self.coefficients.shape != (n, N_SHAPE) or self.closure.shape != (n,) or self.rest.shape != (n,):
            raise ValueError(
                f"expected (n, {N_SHAPE}), (n,), (n,); got "
                f"{self.coefficients.shape}, {self.closure.shape}, {self.rest.shape}"
            )

    @property
    def duration_s(self) -> Fraction:
        return Fraction(len(self.coefficients)) / self.rate_hz

    def at(self, times_s: Sequence[Fraction] | NDArray[np.float64]) -> MouthTrack:
        """The track read at other times by linear interpolation, held at its ends.

        The result has one row for each of `times_s`; its `rate_hz` is kept and means nothing then.
        """
        want = np.asarray([float(t) for t in times_s])
        have = np.arange(len(self.coefficients)) / float(self.rate_hz)
        columns: NDArray[np.float32] = np.column_stack([self.coefficients, self.closure, self.rest])
        read = np.empty((len(want), N_SHAPE + 2), np.float32)
        for number in range(N_SHAPE + 2):
            read[:, number] = np.interp(want, have, columns[:, number])
        return MouthTrack(read[:, :N_SHAPE], read[:, N_SHAPE], read[:, N_SHAPE + 1], self.rate_hz)


@dataclass(frozen=True, slots=True, eq=False)
class SeenMouth:
    """What a mouth did in its own footage."""

    times_s: NDArray[np.float64]
    """(n,) increasing, in the footage's time."""
    coefficients: NDArray[np.float64]
    """(n, N_SHAPE) in the shared shape basis."""


@dataclass(frozen=True, slots=True, eq=False)
class SpeakingStyle:
    """How one person's mouth moves, in the shared shape basis, measured on their own footage."""

    mean: NDArray[np.float32]
    """(N_SHAPE,) the average shape while speaking."""
    spread: NDArray[np.float32]
    """(N_SHAPE,) standard deviation around it."""
    rest: NDArray[np.float32]
    """(N_SHAPE,) the person's own pose when nothing is said."""
    is_talking: bool
    """Whether the footage shows them speaking: else `mean` and `spread` are the population's."""
    talking_s: float
    """Seconds of talk that the measures rest on."""
    seen: SeenMouth | None = None
    """The mouth as it moved, for who hears the sound that belongs to it; None where it did not speak or is not told."""


@dataclass(frozen=True, slots=True)
class FramePlan:
    """Which source frame is shown when: how footage is made as long as the speech."""

    order: tuple[int, ...]
    """Index of the source frame for each output frame."""
    times_s: tuple[Fraction, ...]
    """When each output frame is shown, from zero."""
    duration_s: Fraction
    """When the last frame stops being shown."""
    own_from_s: Fraction | None = None
    """From when on the footage is heard as it was, and nothing new is said: lips are its own again. None: never.

    An avatar is told when its own speech is over, whoever else goes on speaking.
    """

    def __post_init__(self) -> None:
        if len(self.order) != len(self.times_s):
            raise ValueError(f"{len(self.order)} frames but {len(self.times_s)} times")

    def __len__(self) -> int:
        return len(self.order)

    def is_own(self, k: int) -> bool:
        """Whether lips are their own again on this entry."""
        return self.own_from_s is not None and self.times_s[k] >= self.own_from_s
