"""`lipwright serve` on a disk of a few megabytes that runs full: it says so, and goes on when there is room."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

DISK_MB, WORK_MB = 12, 4
OWN_DISKS = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
STILL = "/api/v3/lipwright/still"


class Small:
    """A server whose data folder lies on a small disk, and its work on a smaller one; only it sees them."""

    def __init__(self, folder: Path, still_package: Path) -> None:
        disk, self.log_path = folder / "disk", folder / "log"
        disk.mkdir()
        command = [sys.executable, "-c", "from lipwright.cli.main import main; main()", "serve", "--port", "0"]
        mount = (
            f'mount -t tmpfs -o size={DISK_MB}m tmpfs "$0" && mkdir -p "$0/data/work" && '
            f'mount -t tmpfs -o size={WORK_MB}m tmpfs "$0/data/work" && exec "$@"'
        )
        environment = {
            **os.environ,
            "LIPWRIGHT_DATA": str(disk / "data"),
            "LIPWRIGHT_DRAIN_S": "1",
            "PYTHONPATH": f"{still_package}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
            "PYTHONUNBUFFERED": "1",
        }
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [*OWN_DISKS, "sh", "-c", mount, str(disk), *command],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
            )
        said = self._said(r"shown once, without credit limit\): (\S+)[\s\S]*Listening at (\S+)")
        # what a process sees of the disks, seen from outside
        self.disk = Path(f"/proc/{self.process.pid}/root{disk}")
        self.api = httpx.Client(base_url=said[2], headers={"Authorization": f"Bearer {said[1]}"}, timeout=120)

    def _said(self, pattern: str) -> re.Match[str]:
        for _ in range(1200):
            if (found := re.search(pattern, self.log_path.read_text())) is not None:
                return found
            assert self.process.poll() is None, self.log_path.read_text()[-3000:]
            time.sleep(0.1)
        raise AssertionError(self.log_path.read_text()[-3000:])

    def fill(self, folder: str, n_left: int) -> Path:
        """Take all room of the disk of that folder, but so many bytes."""
        filler = self.disk / folder / "filler"
        with filler.open("wb") as file:
            while True:
                room = os.statvfs(filler.parent)
                try:
                    os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - n_left)
                except OSError as exc:
                    if exc.errno != errno.ENOSPC:  # the server wrote something in between
                        raise
                else:
                    return filler

    def upload(self, data: bytes) -> httpx.Response:
        return self.api.post("/api/v3/media/upload/binary", files={"file": ("media", data)})

    def submit(self, inputs: dict[str, str]) -> httpx.Response:
        return self.api.post(STILL, json=inputs)

    def finished(self, prediction_id: str) -> dict[str, Any]:
        for _ in range(1200):
            data = self.api.get(f"/api/v3/predictions/{prediction_id}/result").json()["data"]
            if data["status"] in {"completed", "failed"}:
                return data
            time.sleep(0.1)
        raise AssertionError(self.log_path.read_text()[-3000:])


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, still_package: Path) -> Iterator[Small]:
    folder = tmp_path_factory.mktemp("small")
    own = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    try:
        subprocess.run(
            [*own, "mount", "-t", "tmpfs", "tmpfs", str(folder)], check=True, capture_output=True, timeout=20
        )
    except (FileNotFoundError, subprocess.CalledProcessError) as exc:
        pytest.skip(f"no disk of one's own can be made here: {exc}")
    made = Small(folder, still_package)
    yield made
    made.process.terminate()
    assert made.process.wait(timeout=60) == 0
    made.api.close()


@pytest.fixture(scope="module")
def inputs(small: Small, portrait: Path, short_speech: Path) -> dict[str, str]:
    return {
        name: small.upload(path.read_bytes()).json()["data"]["download_url"]
        for name, path in (("video", portrait), ("audio", short_speech))
    }


def files_of(small: Small) -> set[Path]:
    return {path for part in ("blobs", "work") for path in (small.disk / "data" / part).rglob("*") if path.is_file()}


def test_an_upload_that_finds_no_room_is_told_so_and_leaves_nothing_behind(
    small: Small, inputs: dict[str, str], portrait: Path
) -> None:
    before = files_of(small)

    refused = small.upload(portrait.read_bytes() + bytes(WORK_MB << 20))

    assert refused.status_code == 507, refused.text
    assert refused.json()["error_code"] == "disk_full"
    assert str(small.disk) not in refused.text
    assert files_of(small) == before
    assert small.upload(portrait.read_bytes()).status_code == 200
    assert small.api.get("/readyz").status_code == 200


def test_a_render_that_finds_no_room_fails_with_its_reason_and_the_next_one_is_done(
    small: Small, inputs: dict[str, str]
) -> None:
    filler = small.fill("data/work", 20_000)
    submitted = small.submit(inputs)
    assert submitted.status_code == 200, submitted.text

    failed = small.finished(submitted.json()["data"]["id"])

    assert failed["status"] == "failed"
    assert "disk is full" in failed["error"]
    assert str(small.disk) not in failed["error"]
    filler.unlink()
    assert small.finished(small.submit(inputs).json()["data"]["id"])["status"] == "completed"


def test_without_any_room_nothing_is_taken_in_and_what_runs_ends_when_there_is_room_again(
    small: Small, inputs: dict[str, str]
) -> None:
    running = small.submit(inputs).json()["data"]["id"]
    filler = small.fill("", 0)
    # SQLite may have some room in its own files still
    answers = [small.submit(inputs)]
    while answers[-1].status_code == 200 and len(answers) < 20:
        answers.append(small.submit(inputs))

    last = answers[-1]
    assert last.status_code == 507, last.text
    assert last.json()["error_code"] == "database_full"
    assert small.api.get("/healthz").status_code == 200
    assert small.api.get(f"/api/v3/predictions/{running}/result").status_code == 200
    filler.unlink()
    assert small.finished(running)["status"] in {"completed", "failed"}
    taken = [one.json()["data"]["id"] for one in answers if one.status_code == 200]
    assert {small.finished(one)["status"] for one in taken} <= {"completed", "failed"}
    assert small.finished(small.submit(inputs).json()["data"]["id"])["status"] == "completed"
