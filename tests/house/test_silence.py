"""Nobody is told what is done here, and nothing is left in anybody's home that was not asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

WORDS = "We meet again on Monday."


@pytest.mark.parametrize(
    "code",
    [
        f"import lipwright; lipwright.visemes({WORDS!r}, 'rhubarb-tsv')",
        f"from lipwright.cli.main import app; app(['visemes', {WORDS!r}], standalone_mode=False)",
    ],
)
def test_listening_sends_nothing_to_the_makers_of_its_libraries(code: str, tmp_path: Path) -> None:
    """onnxruntime's wheels of 2026 keep a device's number and events to send, unless they are told not to."""
    tell = f"import sys\n{code}\nprint('LOADED', 'onnxruntime' in sys.modules)"
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": ""}

    done = subprocess.run(
        [sys.executable, "-c", tell], capture_output=True, text=True, timeout=60, check=True, env=environment
    )

    assert done.stdout.splitlines()[-1] == "LOADED True"
    ours = tmp_path / ".cache" / "lipwright"
    assert [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_relative_to(ours)] == []
