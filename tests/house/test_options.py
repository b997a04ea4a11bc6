"""Choices that cannot be meant are refused where they are made."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lipwright
from lipwright.core.errors import InvalidOption, MediaNotFound, OutputNotWritable
from lipwright.core.options import SyncOptions
from lipwright.pipeline import check_place
from lipwright.voices import speak


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
        {"engine_options": {"seed": "3"}},
    ],
)
def test_an_option_out_of_its_range_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption, match=next(iter(wrong))):
        SyncOptions(**wrong)


def test_the_id_of_a_face_may_be_a_number() -> None:
    assert SyncOptions(face=2) == SyncOptions(face="2")  # pyright: ignore[reportArgumentType]


def test_numpys_numbers_are_numbers() -> None:
    wanted: dict[str, Any] = {"crf": np.float32(20), "seed": np.int64(3), "face": np.int64(2), "threads": np.int32(1)}

    options = SyncOptions(**wanted)

    assert options == SyncOptions(crf=20.0, seed=3, face="2", threads=1)
    assert json.dumps(asdict(options))


WRONG: dict[str, tuple[str, Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = {
    "cues of no format": ("file_format", lipwright.visemes, ("Hello", "rhubarb"), {}),
    "no frames a second": ("fps", lipwright.visemes, ("Hello", "arkit-csv"), {"fps": 0}),
    "a rate that is not whole": ("fps", lipwright.visemes, ("Hello", "oculus15-json"), {"fps": 29.97}),
    "cues of a number": ("audio_or_text", lipwright.visemes, (7, "srt"), {}),
    "a text that is none": ("text", speak, (None,), {}),
    "a speed in words": ("speed", speak, ("Hello",), {"speed": "1"}),
    "choices that are none": ("options", lipwright.say, ("v.mp4", "Hello", "o.mp4"), {"options": {"crf": 20}}),
    "speeches of nobody": ("assign", lipwright.sync, ("v.mp4", "a.wav", "o.mp4"), {"assign": [1]}),
    "seconds that are no number": ("budget_s", lipwright.evaluate, ("v.mp4",), {"budget_s": float("nan")}),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_be_meant_is_named_by_every_function(wrong: str) -> None:
    name, function, arguments, options = WRONG[wrong]

    with pytest.raises(InvalidOption, match=f"^{name} "):
        function(*arguments, **options)


def test_ids_may_be_numbers_and_files_paths_or_names(tmp_path: Path) -> None:
    script = tmp_path / "words.txt"
    script.write_text("Hello Bob", encoding="utf-8")
    loosely: Any = lipwright.visemes

    assert loosely(script, "srt", voice=7, language="en", speech=str(tmp_path / "said.wav"))
    assert (tmp_path / "said.wav").exists()
    with pytest.raises(MediaNotFound):
        loosely(tmp_path / "Hello", "srt")


def test_a_name_that_no_file_can_have_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputNotWritable, match="no file can have this name"):
        check_place(tmp_path / "a\0.mp4")


def test_the_limits_themselves_are_allowed() -> None:
    SyncOptions(crf=0, intensity=0.5, keep_original_db=-96)
    SyncOptions(crf=51, intensity=1.5, keep_original_db=24)
