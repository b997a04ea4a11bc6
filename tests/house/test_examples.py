"""The examples run."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_is_run_here() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {"sync", "progress_and_stop", "who_is_in_it", "mouth_cues"}


def test_sync(tmp_path: Path) -> None:
    example("sync").main(str(tmp_path / "out.mp4"))

    assert (tmp_path / "out.mp4").stat().st_size > 10_000


def test_progress_and_stop(portrait: Path, short_speech: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"

    assert not example("progress_and_stop").main(str(portrait), str(short_speech), str(output), 0.0)
    assert not output.exists()


def test_who_is_in_it(portrait: Path) -> None:
    assert example("who_is_in_it").main(str(portrait)) == [1]


def test_mouth_cues() -> None:
    assert example("mouth_cues").main("Mum bought a map.").count("A") == 4
