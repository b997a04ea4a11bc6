"""Running the program as people do, in a process of its own; and, where only its words matter, inside this one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import pytest
from typer.testing import CliRunner

PROGRAM = Path(sys.executable).with_name("lipwright")


class Program(Protocol):
    def __call__(
        self, *arguments: str | Path, timeout_s: float = 120, limit_file_bytes: int | None = None, **env: str
    ) -> subprocess.CompletedProcess[str]: ...


class Lipwright(Protocol):
    def __call__(self, *arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def environment(still_package: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIPWRIGHT_")}
    path = f"{still_package}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    return {**kept, "PYTHONPATH": path, "COLUMNS": "120", "LIPWRIGHT_CACHE": ""}


@pytest.fixture
def lipwright(still_package: Path, monkeypatch: pytest.MonkeyPatch) -> Lipwright:
    """Run the program's commands in this process: a second less for each run, and the same words."""
    from lipwright.cli.main import app

    monkeypatch.syspath_prepend(str(still_package))
    for name in [name for name in os.environ if name.startswith("LIPWRIGHT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LIPWRIGHT_CACHE", "")  # nothing of the tests in anybody's home

    def run(*arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        done = CliRunner().invoke(app, [str(argument) for argument in arguments], env=env, prog_name="lipwright")
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)

    return run


@pytest.fixture
def program(environment: dict[str, str]) -> Program:
    """Run the installed program to its end in a process of its own; it never waits for a keyboard."""

    def run(
        *arguments: str | Path, timeout_s: float = 120, limit_file_bytes: int | None = None, **env: str
    ) -> subprocess.CompletedProcess[str]:
        command = [str(PROGRAM), *map(str, arguments)]
        if limit_file_bytes is not None:
            command = ["prlimit", f"--fsize={limit_file_bytes}", *command]
        return subprocess.run(
            command,
            env={**environment, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    return run
