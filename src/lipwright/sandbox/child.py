"""The child's side, run as `python -m lipwright.sandbox.child`: set the limits, then import and run the target."""

from __future__ import annotations

import ctypes
import errno
import importlib
import json
import os
import resource
import signal
import sys
import threading
import traceback
from types import FrameType
from typing import Any, BinaryIO, NoReturn

from lipwright.core.errors import LipwrightError
from lipwright.sandbox import wire

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
CPU_GRACE_S = 5
"""After the soft limit, whose signal kills, comes a hard one for those who catch it."""


def main(about: dict[str, Any]) -> int:
    """Make ready, wait for a request and run it; the exit status. The outcome goes over the pipe."""
    die_with_parent(int(about["parent"]))
    confine(about["limits"])
    signal.signal(signal.SIGTERM, leave)
    if about["ready"]:
        make_ready(about["ready"])
    request = sys.stdin.buffer.readline()
    if not request:
        return 1
    threading.Thread(target=end_when_parent_ends, args=(sys.stdin.buffer,), daemon=True).start()
    with os.fdopen(int(about["tell"]), "wb") as pipe:
        lock = threading.Lock()

        def say(message: dict[str, Any]) -> None:
            line = wire.encode(message)
            with lock:
                pipe.write(line)
                pipe.flush()

        asked = json.loads(request)
        say(outcome(asked["target"], asked["arguments"], say))
    return 0


def make_ready(target: str) -> None:
    """Load what a request is going to need. What goes wrong now does so again then, and is told by whoever asked."""
    try:
        found(target)()
    except Exception:  # noqa: BLE001 - the edge of a process: it goes on as if it had loaded nothing
        traceback.print_exc()


def found(target: str) -> Any:
    """The function that "package.module:function" names."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def outcome(target: str, arguments: dict[str, Any], say: Any) -> dict[str, Any]:
    """What the target came to, as the last message."""

    def tell(message: dict[str, Any]) -> None:
        say({"told": message})

    try:
        result = found(target)(arguments, tell)
        wire.encode({"result": result})
    except LipwrightError as exc:
        return {"limit": limit} if (limit := limit_behind(exc)) else {"error": wire.describe(exc)}
    except Exception as exc:  # noqa: BLE001 - the edge of a process: whatever it is, it is told
        traceback.print_exc()
        return {"limit": limit} if (limit := limit_behind(exc)) else {"crash": type(exc).__name__}
    return {"result": result}


def limit_behind(exc: BaseException | None) -> str | None:
    """ "memory" or "disk" where a limit is the cause of an error, or the cause of its cause."""
    while exc is not None:
        number = getattr(exc, "errno", None)
        if isinstance(exc, MemoryError) or number == errno.ENOMEM:
            return "memory"
        if number == errno.EFBIG:
            return "disk"
        exc = exc.__cause__
    return None


def confine(limits: dict[str, Any]) -> None:
    """Set the limits that the kernel keeps; they hold for every process started from here."""
    cpu_s = max(1, round(limits["cpu_s"]))
    bounds = {
        resource.RLIMIT_CPU: (cpu_s, cpu_s + CPU_GRACE_S),
        resource.RLIMIT_AS: (limits["memory_bytes"],) * 2,
        resource.RLIMIT_FSIZE: (limits["file_bytes"],) * 2,
        resource.RLIMIT_NOFILE: (limits["n_files"],) * 2,
        resource.RLIMIT_CORE: (0, 0),
    }
    for kind, (soft, hard) in bounds.items():
        allowed = resource.getrlimit(kind)[1]
        if allowed != resource.RLIM_INFINITY:
            soft, hard = min(soft, allowed), min(hard, allowed)
        resource.setrlimit(kind, (soft, hard))
    if limits["niceness"]:
        os.nice(limits["niceness"])


def die_with_parent(parent: int) -> None:
    """Linux ends this process when the thread that started it is gone, and gives it no rights beyond ours."""
    if not sys.platform.startswith("linux"):
        return
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked to be told
        os._exit(1)


def end_when_parent_ends(stdin: BinaryIO) -> None:
    """The parent keeps our stdin open for as long as it lives; then the whole group ends."""
    while stdin.read(1):
        pass
    os.killpg(0, signal.SIGKILL)


def leave(_signum: int, _frame: FrameType | None) -> NoReturn:
    """The polite signal: half-written files are removed on the way out."""
    raise SystemExit(1)


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
