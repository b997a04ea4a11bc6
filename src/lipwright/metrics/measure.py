"""What a metric says: a number, its unit, and where it would be best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lipwright.vision import mesh

Floats: TypeAlias = NDArray[np.float64]
Unit = Literal["% IO", "r", "share", "ratio", "ms", "levels"]
"""% IO: per cent of the inter-ocular distance; levels: of 0..255."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure. `best` is what a perfect result would score; the farther from it, the worse."""

    name: str
    value: float
    unit: Unit
    best: float
    n: int
    """Frames, events or seconds that it rests on; 0 means that there was nothing to measure."""

    @property
    def badness(self) -> float:
        """Distance from the best; on a ratio twice as much and half as much are equally bad."""
        if self.unit == "ratio":
            return abs(float(np.log(max(self.value, 1e-6) / self.best)))
        return abs(self.value - self.best)

    def __str__(self) -> str:
        return f"{self.name} {self.value:.3f} {self.unit} (n={self.n})"


def nothing(name: str, unit: Unit, best: float) -> Measure:
    """There was nothing to measure: the value is NaN, and n is 0."""
    return Measure(name, float("nan"), unit, best, 0)


LIPS = np.array(mesh.LIPS)


def same_length(one: NDArray[Any], other: NDArray[Any]) -> None:
    """Raises ValueError where two series do not have an entry for each of the same frames."""
    if len(one) != len(other):
        raise ValueError(f"{len(one)} frames against {len(other)}")
