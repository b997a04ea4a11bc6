"""Choices that cannot be meant are refused where they are made."""

from __future__ import annotations

from typing import Any

import pytest

from lipwright.core.errors import InvalidOption
from lipwright.core.options import SyncOptions


@pytest.mark.parametrize(
    "wrong",
    [
        {"when_short": "stretch"},
        {"when_long": "loop"},
        {"preset": "quick"},
        {"crf": -1},
        {"crf": float("nan")},
        {"intensity": 0.4},
        {"intensity": 1.6},
        {"threads": -2},
        {"seed": -1},
        {"keep_original_db": float("inf")},
        {"face": 1.5},
        {"face": True},
        {"seed": 1.5},
        {"threads": None},
        {"crf": "20"},
        {"crf": 10**400},
        {"still": "no"},
        {"engine_options": []},
        {"engine_options": {"quality": 3}},
    ],
)
def test_an_option_out_of_its_range_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption, match=next(iter(wrong))):
        SyncOptions(**wrong)


def test_the_id_of_a_face_may_be_a_number() -> None:
    assert SyncOptions(face=2) == SyncOptions(face="2")  # pyright: ignore[reportArgumentType]


def test_the_limits_themselves_are_allowed() -> None:
    SyncOptions(crf=0, intensity=0.5, keep_original_db=-96)
    SyncOptions(crf=51, intensity=1.5, keep_original_db=24)
