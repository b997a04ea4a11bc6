"""Children that take the place of real ones: a render that burns a core for a while and copies its footage."""

from __future__ import annotations

import os
import shutil
from time import monotonic
from typing import Any

BURN_S = float(os.environ.get("TZ", "").removeprefix("burn") or 0.6)  # one of the few variables that a child is given


def render(arguments: dict[str, Any], tell: Any) -> dict[str, Any]:
    start_s = monotonic()
    while (done_s := monotonic() - start_s) < BURN_S:
        sum(range(50_000))
        tell({"phase": "render", "done": round(100 * done_s), "total": round(100 * BURN_S)})
    shutil.copyfile(arguments["video"], arguments["output"])
    return {"duration_s": 1.0, "width_px": 480, "height_px": 480, "engine": "stand-in"}


def heard_s(arguments: dict[str, Any], tell: Any) -> dict[str, Any]:
    return {"duration_s": 0.1 * len(arguments["text"] or "")}
