"""A machine that only takes requests in clears away what its dead processes left."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import httpx

from lipwright.jobs.life import new_worker_id

DEAD = "from lipwright.jobs.life import new_worker_id; print(new_worker_id())"
SERVE = "from lipwright.cli.main import main; main()"


def is_up(log_path: Path) -> bool:
    """Whether the server answers; before that, a signal ends it as it ends any program."""
    found = re.search(r"Listening at (\S+)", log_path.read_text())
    return found is not None and httpx.get(f"{found[1]}/healthz", timeout=30).is_success


def test_a_server_without_worker_clears_the_rooms_of_dead_processes_and_no_others(tmp_path: Path) -> None:
    dead = subprocess.run([sys.executable, "-c", DEAD], capture_output=True, text=True, timeout=60, check=True)
    rooms = {name: tmp_path / "data" / "work" / name for name in ("of the dead", "of the living")}
    for room, owner in zip(rooms.values(), (dead.stdout.strip(), new_worker_id()), strict=True):
        room.mkdir(parents=True)
        (room / "owner").write_text(owner)
        (room / "media").write_bytes(bytes(1000))
    environment = os.environ | {"LIPWRIGHT_DATA": str(tmp_path / "data")}
    log_path = tmp_path / "log"
    with log_path.open("wb") as log:
        command = [sys.executable, "-c", SERVE, "serve", "--no-worker", "--port", "0"]
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        until_s = monotonic() + 60
        while rooms["of the dead"].exists() or not is_up(log_path):
            assert server.poll() is None, log_path.read_text()
            assert monotonic() < until_s, log_path.read_text()
            sleep(0.1)
        assert rooms["of the living"].exists()
        server.terminate()
        assert server.wait(20) == 0, log_path.read_text()
    finally:
        server.kill()
        server.wait()
