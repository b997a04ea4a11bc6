"""Who a worker is, and whether it is gone for sure."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path
from uuid import UUID, uuid5


def new_worker_id() -> str:
    """Host, processes' home, process number and start of the process, and a word that no other worker has."""
    pid = os.getpid()
    return "/".join((*_here(), str(pid), _started(pid) or "?", secrets.token_hex(4)))


def machine_of(worker_id: str) -> str:
    """Host, and home of its processes."""
    return "/".join(worker_id.split("/")[:2])


def is_surely_gone(worker_id: str) -> bool:
    """Whether it was a process of this machine that has ended; False where that cannot be told."""
    parts = worker_id.split("/")
    if len(parts) != 5 or tuple(parts[:2]) != _here() or parts[3] == "?":
        return False
    pid = int(parts[2])
    started = _started(pid)
    return started != parts[3] if started is not None else _is_nobody(pid)


def boot_id() -> str | None:
    """Of the kernel that runs here, the same in all its containers; None where it does not tell."""
    told = Path("/proc/sys/kernel/random/boot_id")
    return told.read_text().strip() if told.exists() else None


def _here() -> tuple[str, str]:
    """The host's name, and where process numbers mean what they mean here: a boot of a machine, and in it a namespace.

    Containers may share a host's name and its boot, and have processes of their own under the same numbers. Workers
    of releases that told the boot alone count as elsewhere: of them, silence decides.
    """
    boot = boot_id()
    if boot is None:
        return socket.gethostname(), "?"
    try:
        namespace = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        namespace = 0
    # as long as the boot alone: with a host's name it just fits into its column
    return socket.gethostname(), str(uuid5(UUID(boot), str(namespace)))


def _started(pid: int) -> str | None:
    """When the process began, in ticks since the start of the machine; empty if it has ended.

    None where that is not told: there is no such process, or /proc shows only one's own (`hidepid`).
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    return "" if fields[0] in {"Z", "X"} else fields[19]


def _is_nobody(pid: int) -> bool:
    """Whether the kernel knows no process of this number, of whatever user."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # there is one, of another user
    return False
