"""What an endurance run calls well was there until its end."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def soak() -> Any:
    """The script, which is no package."""
    spec = importlib.util.spec_from_file_location("scripts_soak", ROOT / "scripts" / "soak.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    sys.modules["scripts_soak"] = script  # where its dataclasses look themselves up
    spec.loader.exec_module(script)
    return script


def test_a_worker_that_died_is_told_and_one_that_stays_is_not(soak: Any) -> None:
    watch = soak.Watch({1: "API", 2: "worker 1", 3: "worker 2"})
    for at_s in range(0, 300, 5):
        watch.seen["API"].looks.append((float(at_s), 100.0, 10, 5))
        if at_s < 120:
            watch.seen["worker 1"].looks.append((float(at_s), 400.0, 10, 5))

    _, wrong = soak.judge(watch, 0.0, 300.0)

    assert wrong == ["worker 1: it was gone before the end", "worker 2: it was gone before the end"]
