"""Write the locked requirements, or check that they still belong to what pyproject.toml asks for.

    python scripts/locks.py write      resolves anew with uv (needs the package index)
    python scripts/locks.py check      compares digests; needs nothing but the files

Each lock carries the digest of its inputs in its second line. `check` therefore works offline, and
notices an edited dependency or override that was not locked.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OVERRIDES = ROOT / "requirements" / "overrides.txt"
DIGEST_MARK = "# inputs sha256:"


@dataclass(frozen=True, slots=True)
class Lock:
    """One locked file: `groups` of pyproject.toml, with or without the project's own dependencies."""

    name: str
    groups: tuple[str, ...]
    has_project: bool

    @property
    def path(self) -> Path:
        return ROOT / "requirements" / f"{self.name}.lock"

    def digest(self) -> str:
        """What the lock was resolved from, as one sha256."""
        with (ROOT / "pyproject.toml").open("rb") as file:
            pyproject = tomllib.load(file)
        inputs = {
            "python": pyproject["project"]["requires-python"],
            "project": sorted(pyproject["project"]["dependencies"]) if self.has_project else [],
            "groups": {group: sorted(pyproject["dependency-groups"][group]) for group in self.groups},
            "overrides": [line for line in OVERRIDES.read_text().splitlines() if line and not line.startswith("#")],
        }
        return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()

    def written_digest(self) -> str | None:
        for line in self.path.read_text().splitlines()[:4] if self.path.exists() else []:
            if line.startswith(DIGEST_MARK):
                return line.removeprefix(DIGEST_MARK).strip()
        return None

    def write(self, *, upgrade: bool) -> None:
        """Resolve for every supported Python and platform. Raises CalledProcessError."""
        command = [
            sys.executable, "-m", "uv", "pip", "compile", "--universal", "--python-version", "3.11", "--quiet",
            "--generate-hashes", "--no-emit-index-url", "--no-annotate", "--no-header",
            "--override", str(OVERRIDES), "--output-file", str(self.path),
        ]  # fmt: skip
        command += ["--upgrade"] if upgrade else []
        command += [str(ROOT / "pyproject.toml")] if self.has_project else []
        for group in self.groups:
            command += ["--group", f"{ROOT / 'pyproject.toml'}:{group}"]
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        body = "".join(wanted(self.path.read_text()))
        self.path.write_text(f"# Written by `make lock` from pyproject.toml.\n{DIGEST_MARK} {self.digest()}\n{body}")


def wanted(resolved: str) -> Iterator[str]:
    """The lines of a resolved file without comments and without what the overrides leave out."""
    is_kept = True
    for line in resolved.splitlines(keepends=True):
        if line.startswith("#"):
            continue
        if not line[0].isspace():
            # what is left out drags in others, which something else may need as well: kept for that
            ways = line.partition(" ; ")[2].split(" or ")
            is_kept = any("sys_platform == 'never'" not in way for way in ways)
        if is_kept:
            yield line


LOCKS = (
    Lock("bootstrap", groups=("bootstrap",), has_project=False),
    Lock("run", groups=(), has_project=True),
    Lock("dev", groups=("dev",), has_project=True),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=("write", "check"))
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that fit")
    arguments = parser.parse_args()
    if arguments.verb == "write":
        for lock in LOCKS:
            lock.write(upgrade=arguments.upgrade)
            print(f"wrote {lock.path.relative_to(ROOT)}")
        return 0
    stale = [lock.path.name for lock in LOCKS if lock.written_digest() != lock.digest()]
    if stale:
        print(f"out of date: {', '.join(stale)}. Run `make lock`.", file=sys.stderr)
        return 1
    print("locks: up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
