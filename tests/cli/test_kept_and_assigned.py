"""`--assign`, `--cache` and what the summary says of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


def test_the_second_speech_says_that_the_footage_was_known(
    lipwright: Any, portrait: Path, short_speech: Path, tmp_path: Path
) -> None:
    kept, report = tmp_path / "kept", tmp_path / "report.json"
    command = ("sync", portrait, short_speech, "-o", tmp_path / "out.mp4", "--report", report)

    first = lipwright(*command, "--cache", kept)
    second = lipwright(*command, LIPWRIGHT_CACHE=str(kept))

    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert "known from an earlier run" not in first.stdout
    assert "known from an earlier run" in second.stdout
    assert json.loads(report.read_text())["is_recalled"] is True
    assert len(list(kept.iterdir())) == 1


def test_nothing_is_kept_where_that_is_not_wanted(
    lipwright: Any, portrait: Path, short_speech: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"

    done = lipwright(
        "sync", portrait, short_speech, "-o", tmp_path / "out.mp4", "--no-cache", LIPWRIGHT_CACHE=str(kept)
    )

    assert done.returncode == 0, done.stderr
    assert not kept.exists()


def test_the_summary_says_who_spoke_and_why(lipwright: Any, portrait: Path, short_speech: Path, tmp_path: Path) -> None:
    done = lipwright("sync", portrait, "-o", tmp_path / "out.mp4", "--assign", f"1={short_speech}", "--engine", "still")

    assert done.returncode == 0, done.stderr
    assert "face 1 (asked for)" in done.stdout


@pytest.mark.parametrize(
    "wrong",
    [["--assign", "1"], ["--assign", "1="], ["--assign", "left=a.wav"], ["--assign", "1=a", "--assign", "1=b"], []],
)
def test_assignments_that_make_no_sense_are_told(
    lipwright: Any, portrait: Path, tmp_path: Path, wrong: list[str]
) -> None:
    done = lipwright("sync", portrait, "-o", tmp_path / "out.mp4", *wrong, "--engine", "still")

    assert done.returncode == 2
    assert "error [invalid_option]" in done.stderr
