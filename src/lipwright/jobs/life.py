"""Who a worker is, and whether it is gone for sure."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path


def new_worker_id() -> str:
    """Host, boot, process number and start of the process, and a word that no other worker has."""
    pid = os.getpid()
    return "/".join((*_here(), str(pid), _started(pid) or "?", secrets.token_hex(4)))


def machine_of(worker_id: str) -> str:
    """Host and boot."""
    return "/".join(worker_id.split("/")[:2])


def is_surely_gone(worker_id: str) -> bool:
    """Whether it was a process of this machine that has ended; False where that cannot be told."""
    parts = worker_id.split("/")
    if len(parts) != 5 or tuple(parts[:2]) != _here() or parts[3] == "?":
        return False
    return _started(int(parts[2])) != parts[3]


def _here() -> tuple[str, str]:
    boot = Path("/proc/sys/kernel/random/boot_id")
    return socket.gethostname(), boot.read_text().strip() if boot.exists() else "?"


def _started(pid: int) -> str | None:
    """When the process began, in ticks since the start of the machine; None if there is none, or none that runs."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in {"Z", "X"} else fields[19]
