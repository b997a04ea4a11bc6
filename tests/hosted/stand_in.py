"""Children that take the place of real ones: a render that takes a while and copies its footage."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from time import monotonic, sleep
from typing import Any

# one of the few variables that a child is given
_SAID = os.environ.get("LANG", "")
REST_S = float(_SAID[4:].partition(" ")[0]) if _SAID.startswith("rest") else 0.6
"""It sleeps: many machines on one."""
FALLS_SILENT = _SAID.endswith("silent")
"""After its first word."""


N_PARTS = 3
"""Of a render that is asked to be cut from a few seconds on."""


def rest(tell: Any) -> None:
    start_s = monotonic()
    while (done_s := monotonic() - start_s) < REST_S:
        sleep(0.02)
        tell({"phase": "render", "done": round(100 * done_s), "total": round(100 * REST_S)})
        if FALLS_SILENT:
            sleep(REST_S)


def part(arguments: dict[str, Any], tell: Any) -> dict[str, Any]:
    if arguments["number"] == 1 and _SAID.endswith("poison"):
        os._exit(9)
    if _SAID.endswith("older"):
        return {"newer_plan": 2}
    rest(tell)
    made = Path(arguments["plan"]).read_bytes() + f"{arguments['number']}".encode()
    Path(arguments["output"]).write_bytes(made)
    return {"stages_s": {"render": REST_S}, "number": arguments["number"]}


def join(arguments: dict[str, Any], tell: Any) -> dict[str, Any]:
    made = b"".join(Path(path).read_bytes() for path in arguments["parts"])
    Path(arguments["output"]).write_bytes(made)
    return {"duration_s": 1.0, "width_px": 480, "height_px": 480, "engine": "stand-in", "parts": arguments["told"]}


def render(arguments: dict[str, Any], tell: Any) -> dict[str, Any]:
    if _SAID.endswith("faulty"):
        raise IndexError("a mistake of an engine")
    wanted = arguments.get("parts")
    if wanted is not None and wanted["over_s"] < 10:
        Path(wanted["plan"]).write_bytes(b"plan")
        return {"parts": [100] * N_PARTS, "stages_s": {}}
    rest(tell)
    shutil.copyfile(arguments["video"], arguments["output"])
    report = {"duration_s": 1.0, "width_px": 480, "height_px": 480, "engine": "stand-in"}
    if _SAID == "dies measuring":
        tell({"report": {**report, "report": 1, "measurement": {"state": "skipped"}}})
        os._exit(9)
    return report


def heard_s(arguments: dict[str, Any], tell: Any) -> dict[str, Any]:
    return {"duration_s": 8.0 if arguments["text"] is None else 0.1 * len(arguments["text"])}


def look(arguments: dict[str, Any], tell: Any) -> dict[str, Any]:
    if arguments["path"].endswith("media") and Path(arguments["path"]).read_bytes()[:4] == b"fLaC":
        return {"kind": "audio", "duration_s": 12.0, "width_px": None, "height_px": None, "has_sound": True}
    return {"kind": "video", "duration_s": 6.0, "width_px": 480, "height_px": 480, "has_sound": True}
