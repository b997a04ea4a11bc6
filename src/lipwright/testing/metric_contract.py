"""What every metric promises, as tests that its own test inherits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import pairwise
from typing import ClassVar

import numpy as np

from lipwright.metrics.measure import Measure


class MetricContract(ABC):
    """Inherit from it and say how to make a perfect input and one with so much damage."""

    amounts: ClassVar[tuple[float, ...]] = (0.0, 0.5, 1.0, 2.0)
    """Damage from none to heavy."""
    tolerance: ClassVar[float] = 1e-6
    """How far from its best a perfect input may score."""

    @abstractmethod
    def measure(self, damage: float) -> Measure:
        """The metric on an input with this much damage; 0 is a perfect one."""

    def test_a_perfect_input_scores_best(self) -> None:
        perfect = self.measure(0.0)

        assert perfect.n > 0
        assert perfect.badness <= self.tolerance

    def test_more_damage_never_scores_better(self) -> None:
        scores = [self.measure(amount).badness for amount in self.amounts]

        assert all(np.isfinite(scores))
        assert all(more > less for less, more in pairwise(scores)), scores

    def test_the_same_input_gives_the_same_number(self) -> None:
        assert self.measure(0.7).value == self.measure(0.7).value
