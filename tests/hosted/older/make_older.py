"""Make what an older release leaves behind, database and blobs: `python tests/hosted/older/make_older.py COMMIT`.

The code of that commit is checked out into a temporary folder and run (story.py), on SQLite, or with --postgresql on a
server of its own; what it leaves is written beside this file as VERSION-COMMIT-KIND.sql, and its blobs and what it told
as .json. Run it for every release, on its tag, and commit what it makes: test_upgrade.py takes up whatever lies here.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PROJECT = HERE.parents[2]
PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parts[-2]), default=HERE)


@contextmanager
def code_of(commit: str, folder: Path) -> Generator[Path]:
    """Its working tree."""
    tree = folder / "tree"
    subprocess.run(["git", "-C", PROJECT, "worktree", "add", "--quiet", "--detach", tree, commit], check=True)
    try:
        yield tree
    finally:
        subprocess.run(["git", "-C", PROJECT, "worktree", "remove", "--force", tree], check=True)


def make_inputs(folder: Path) -> None:
    """Footage and speech of a few kilobytes."""
    import av
    import numpy as np

    with av.open(folder / "footage.mp4", "w") as file:
        stream: Any = file.add_stream("h264", rate=10)
        stream.width = stream.height = 32
        for level in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((48, 32), 90 + level, np.uint8), format="yuv420p")
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    with av.open(folder / "speech.flac", "w") as file:
        stream = file.add_stream("flac", rate=8000)
        stream.layout = "mono"
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        for part in (sound, None):
            file.mux(stream.encode(part))


def tell(tree: Path, folder: Path, database_url: str, libraries: str) -> None:
    data, inputs = folder / "data", folder / "inputs"
    for made in (data, inputs):
        made.mkdir()
    make_inputs(inputs)
    # its own code before the one that is installed here, and the stand-ins of today
    path = os.pathsep.join([*filter(None, [libraries]), str(tree / "src"), str(HERE.parent)])
    command = [sys.executable, str(HERE / "story.py"), str(data), str(inputs), database_url]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, check=False, timeout=180)
    if done.returncode != 9:
        raise SystemExit("the story did not come to its end")


def dump(folder: Path, postgres: Any, name: str) -> str:
    if postgres is None:
        with sqlite3.connect(folder / "data" / "lipwright.db") as connection:
            text = "\n".join(connection.iterdump()) + "\n"
        connection.close()
    else:
        command = [PROGRAMS / "pg_dump", "--inserts", "--no-owner", "--dbname", postgres.url(name)]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        # what only newer or older servers know
        text = "".join(
            line for line in text.splitlines(keepends=True) if not line.startswith((r"\restrict", r"\unrestrict"))
        )
    # where it was made is nobody's business
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    text = text.replace(socket.gethostname(), "old-host").replace(boot, "old-boot")
    assert str(folder) not in text, "a path of this machine is in it"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit")
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--libraries", default="", help="a folder of older libraries, found before those installed")
    parser.add_argument("--name", default="", help="added to the name of what is made")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        with code_of(chosen.commit, folder) as tree:
            version = tomllib.loads((tree / "pyproject.toml").read_text())["project"]["version"]
            commit = subprocess.run(
                ["git", "-C", tree, "rev-parse", "--short=7", "HEAD"], check=True, capture_output=True, text=True
            ).stdout.strip()
            postgres, server, name, url = None, "", "", ""
            if chosen.postgresql:
                sys.path.insert(0, str(PROJECT / "tests"))
                from conftest import Postgres

                server = tempfile.mkdtemp(prefix="older")
                Path(server).chmod(0o755)
                postgres = Postgres(PROGRAMS, Path(server))
                name = postgres.new_database()
                url = postgres.url(name)
            try:
                tell(tree, folder, url, chosen.libraries)
                text = dump(folder, postgres, name)
            finally:
                if postgres is not None:
                    postgres.stop()
                    shutil.rmtree(server)
        kind = "postgresql" if chosen.postgresql else "sqlite"
        stem = "-".join(filter(None, [version, commit, chosen.name, kind]))
        blobs = folder / "data" / "blobs"
        told = json.loads((folder / "data" / "told.json").read_text())
        told["blobs"] = {
            str(path.relative_to(blobs)): base64.b64encode(path.read_bytes()).decode()
            for path in sorted(blobs.rglob("*"))
            if path.is_file()
        }
        told["alembic"] = re.search(r"alembic_version.*VALUES\s*\('(\d+)'\)", text)[1]  # type: ignore[index]
        (HERE / f"{stem}.sql").write_text(text)
        (HERE / f"{stem}.json").write_text(json.dumps(told, indent=1) + "\n")
        print(f"{stem}: {len(text) >> 10} kB of SQL, tables {told['alembic']}")


if __name__ == "__main__":
    main()
