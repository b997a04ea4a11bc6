"""What the frozen encoder hears: fifty rows a second, the same however a recording comes."""

from __future__ import annotations

import numpy as np
import pytest

from lipwright.articulation import listen
from lipwright.articulation.encoder import N_FEATURES, Encoding, encoded

from .conftest import RATE_HZ, TrackedClip, buzz, clip  # noqa: TID252  pytest gives tests no absolute name


@pytest.mark.parametrize("n_samples", [0, 1, 319, 320, 321, 8000, RATE_HZ * 11, RATE_HZ * 11 + 1, RATE_HZ * 23])
def test_there_is_a_row_for_each_begun_fiftieth_of_a_second(n_samples: int):
    rows = encoded(np.resize(buzz(), n_samples))

    assert rows.shape == (max(1, -(-n_samples // 320)), N_FEATURES)
    assert np.isfinite(rows).all()


@pytest.mark.parametrize("size", [777, RATE_HZ, 17 * RATE_HZ])
def test_pieces_are_heard_as_the_whole_is(size: int):
    samples = np.resize(buzz(), 25 * RATE_HZ)
    encoding = Encoding()

    parts = [rows for k in range(0, len(samples), size) for rows in encoding.add(samples[k : k + size])]

    np.testing.assert_array_equal(np.concatenate([*parts, encoding.end()]), encoded(samples))


def test_where_a_window_ends_is_hardly_heard_in_the_lips(pausing_talker: TrackedClip):
    samples = pausing_talker.speech.samples
    cut_s = 4  # windows end at 10 s here, and at 14 s of the same sound there

    whole, rest = listen(clip(samples)), listen(clip(samples[cut_s * RATE_HZ :]))

    around = slice(8 * 50, 16 * 50)
    here, there = whole.opening[around], rest.opening[around.start - cut_s * 50 : around.stop - cut_s * 50]
    assert np.corrcoef(here, there)[0, 1] > 0.95


def test_silence_and_whispers_are_numbers_too():
    assert np.isfinite(encoded(np.zeros(RATE_HZ, np.float32))).all()
    loud, quiet = encoded(buzz()), encoded(buzz() * np.float32(0.01))

    assert np.corrcoef(loud.ravel(), quiet.ravel())[0, 1] > 0.99
