"""Figures as the program shows them."""

from __future__ import annotations

import pytest

from lipwright.cli.screen import clock_time


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00.0"), (9.94, "0:09.9"), (59.94, "0:59.9"), (59.97, "1:00.0"), (62.5, "1:02.5"), (3599.99, "60:00.0")],
)
def test_lengths_are_shown_in_minutes_and_tenths_of_seconds(seconds: float, shown: str) -> None:
    assert clock_time(seconds) == shown
