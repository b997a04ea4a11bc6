"""What `make mutants` breaks is still there to be broken."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def mutants() -> Any:
    """Those of the script, which is no package."""
    spec = importlib.util.spec_from_file_location("mutants", ROOT / "scripts" / "mutants.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    sys.modules["mutants"] = script  # where its dataclass looks itself up
    spec.loader.exec_module(script)
    return script.MUTANTS


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.name)
def test_each_guard_stands_where_it_is_broken_and_its_tests_are_there(mutant: Any) -> None:
    text = (ROOT / "src" / "lipwright" / mutant.path).read_text(encoding="utf-8")

    assert text.count(mutant.old) == 1
    assert all((ROOT / test).is_file() for test in mutant.tests)
