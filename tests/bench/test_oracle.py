"""What drives the oracle: the truth, without the tracker's noise and with all that lips do."""

from __future__ import annotations

import numpy as np
import pytest

from lipwright.bench.oracle import without_noise
from lipwright.metrics.jitter import jitter
from lipwright.vision.shape import Points, opening


@pytest.fixture(scope="module")
def still() -> Points:
    return np.repeat(np.random.default_rng(0).normal(0, 0.3, (1, 478, 3)), 100, axis=0)


def test_small_fast_changes_go(still: Points) -> None:
    noisy = still + np.random.default_rng(1).normal(0, 0.003, still.shape)

    assert jitter(without_noise(noisy)).value < 0.75 * jitter(noisy).value


def test_lips_that_shut_for_a_frame_or_two_still_shut(still: Points) -> None:
    noisy = still + np.random.default_rng(1).normal(0, 0.001, still.shape)
    below = np.array((87, 14, 317))
    noisy[:, below, 1] += 0.08
    noisy[50:52, below, 1] -= 0.08

    before, after = opening(noisy), opening(without_noise(noisy))

    assert abs(after[50:52] - before[50:52]).max() < 0.1 * 0.08
