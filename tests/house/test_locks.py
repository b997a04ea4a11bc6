"""What is installed is what was decided (docs/decisions/0001-dependency-set.md)."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("bootstrap", "run", "dev")
LEFT_OUT = ("jax", "jaxlib", "sentencepiece", "sounddevice", "opencv-contrib-python", "opencv-python-headless")


def test_the_locks_belong_to_what_pyproject_asks_for() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts" / "locks.py", "check"], capture_output=True, check=False)

    assert done.returncode == 0, done.stderr


def test_an_edited_dependency_is_noticed(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "requirements", "scripts"):
        source = ROOT / name
        files = [source] if source.is_file() else [path for path in source.iterdir() if path.is_file()]
        for path in files:
            copy = tmp_path / path.relative_to(ROOT)
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(path.read_bytes())
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace('"scipy>=1.14"', '"scipy>=1.15"'))

    done = subprocess.run(
        [sys.executable, tmp_path / "scripts" / "locks.py", "check"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "run.lock, dev.lock" in done.stderr


@pytest.mark.parametrize("name", LOCKS)
def test_locks_pin_every_package_by_hash_and_name_no_address(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.lock").read_text()
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]

    assert entries
    assert all("==" in entry and "--hash=sha256:" in entry for entry in entries)
    assert "://" not in text
    assert "index" not in text


@pytest.mark.parametrize("name", LOCKS)
def test_locks_leave_out_what_is_never_imported(name: str) -> None:
    locked = re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements" / f"{name}.lock").read_text(), re.MULTILINE)

    assert not set(locked) & {*LEFT_OUT, "torch"}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_is_left_out_is_not_installed(name: str) -> None:
    with pytest.raises(metadata.PackageNotFoundError):
        metadata.distribution(name)


def test_what_is_installed_is_what_is_locked() -> None:
    for name, version in re.findall(
        r"^([a-z0-9._-]+)==([^\s;]+) \\$", (ROOT / "requirements" / "run.lock").read_text(), re.MULTILINE
    ):
        assert metadata.version(name) == version, name


def test_a_runtime_dependency_is_asked_for_by_the_package() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        asked = tomllib.load(file)["project"]["dependencies"]

    lines = [line for line in metadata.requires("lipwright") or [] if "extra ==" not in line]
    installed = {str(Requirement(line)) for line in lines}
    assert installed == {str(Requirement(line)) for line in asked}
