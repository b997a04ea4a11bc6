"""What the tests run in a child."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from lipwright.core.errors import FaceNotFound, LipwrightError, UnreadableMedia


def double(arguments: dict[str, Any], tell: Any) -> dict[str, Any]:
    for step in range(arguments.get("steps", 0)):
        tell({"step": step})
    return {"doubled": 2 * arguments["number"]}


def environment(_arguments: dict[str, Any], _tell: Any) -> dict[str, Any]:
    return {
        "names": sorted(os.environ),
        "path": sys.path,
        "fds": sorted(path.name for path in Path("/proc/self/fd").iterdir()),
    }


def native_threads(_arguments: dict[str, Any], _tell: Any) -> dict[str, int]:
    import cv2
    import numpy as np
    from threadpoolctl import threadpool_info

    assert np.ones((2, 2)).sum() == 4  # with numpy comes its BLAS
    return {
        "opencv": cv2.getNumThreads(),
        "blas": max(int(pool["num_threads"]) for pool in threadpool_info() if pool["user_api"] == "blas"),
    }


def limits(_arguments: dict[str, Any], _tell: Any) -> dict[str, Any]:
    names = ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_CORE")
    return {name: resource.getrlimit(getattr(resource, name))[0] for name in names} | {"nice": os.nice(0)}


def ours(arguments: dict[str, Any], _tell: Any) -> NoReturn:
    if arguments["which"] == "face":
        raise FaceNotFound(choice="9", face_ids=(1, 2))
    raise UnreadableMedia(Path("/data/in.mp4"), "it is damaged")


def foreign(_arguments: dict[str, Any], _tell: Any) -> NoReturn:
    raise ZeroDivisionError("secret detail")


def die_of(arguments: dict[str, Any], _tell: Any) -> dict[str, Any]:
    os.kill(os.getpid(), arguments["signal"])
    time.sleep(10)
    return {}


def crash(arguments: dict[str, Any], _tell: Any) -> dict[str, Any]:
    print("last words", file=sys.stderr, flush=True)
    if arguments["how"] == "segfault":
        ctypes.string_at(0)
    if arguments["how"] == "exit":
        os._exit(7)
    os.kill(os.getpid(), getattr(signal, arguments["how"]))
    return {}


def eat_memory(_arguments: dict[str, Any], _tell: Any) -> dict[str, Any]:
    return {"length": len(bytearray(8 << 30))}


def eat_disk(arguments: dict[str, Any], _tell: Any) -> dict[str, Any]:
    with Path(arguments["path"]).open("wb") as file:
        for _ in range(100):
            file.write(bytes(1 << 20))
    return {}


def spin(_arguments: dict[str, Any], tell: Any) -> NoReturn:
    tell({"pid": os.getpid()})
    while True:
        pass


def murmur(arguments: dict[str, Any], tell: Any) -> NoReturn:
    """Say something a few times, and then nothing any more."""
    for number in range(arguments["n"]):
        time.sleep(arguments["every_s"])
        tell({"number": number})
    while True:
        time.sleep(1)


def sleep_with_children(arguments: dict[str, Any], tell: Any) -> dict[str, Any]:
    """Deaf to the polite signal, like a native library; its own child sleeps too."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    grandchild = subprocess.Popen(["sleep", "60"])
    tell({"pids": [os.getpid(), grandchild.pid]})
    time.sleep(arguments.get("for_s", 60))
    return {}


def look_at_all(arguments: dict[str, Any], tell: Any) -> dict[str, Any]:
    """`service.children.look` at one file after the other; tells which is next, and what came of it."""
    from lipwright.service.children import look

    for name in arguments["names"]:
        tell({"next": name})
        started_s = time.process_time()
        is_image = name.endswith((".png", ".jpg", ".webp"))
        about = {"path": f"{arguments['folder']}/{name}", "is_image": is_image, "limits": arguments["limits"]}
        try:
            outcome = {"result": look(about, tell)}
        except LipwrightError as exc:
            outcome = {"code": exc.code, "text": str(exc), "fields": repr(vars(exc))}
        tell({"name": name, "cpu_s": time.process_time() - started_s, **outcome})
    return {"peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10}


def half_a_file(arguments: dict[str, Any], tell: Any) -> dict[str, Any]:
    path = Path(arguments["path"])
    try:
        path.write_text("half")
        tell({})
        time.sleep(60)
    finally:
        path.unlink()
    return {}


def nonsense(_arguments: dict[str, Any], _tell: Any) -> dict[str, Any]:
    for fd in range(3, 1024):
        try:
            os.write(fd, b"\x80nonsense\n")
        except OSError:
            continue
    time.sleep(5)
    return {}


def endless_line(_arguments: dict[str, Any], tell: Any) -> dict[str, Any]:
    tell({"text": "x" * (70 << 20)})
    return {}


READY: list[str] = []


def get_ready() -> None:
    READY.append("ready")


def who(_arguments: dict[str, Any], _tell: Any) -> dict[str, Any]:
    return {"pid": os.getpid(), "is_ready": READY == ["ready"]}


def taint(_arguments: dict[str, Any], _tell: Any) -> dict[str, Any]:
    READY.append("tainted")
    return {}
