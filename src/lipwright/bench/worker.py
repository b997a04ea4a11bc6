"""One run in a process of its own; prints one line of JSON."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from lipwright.core.errors import LipwrightError

CRF, PRESET = "18", "veryfast"


def sync(video: str, audio: str, output: str) -> dict[str, Any]:
    from lipwright import service

    return service.sync(video, audio, output, crf=float(CRF), preset=PRESET).as_dict()


def plain(video: str, output: str, n_frames: str) -> dict[str, Any]:
    """Decode, encode, nothing between; as many threads as cores."""
    from lipwright.media.recode import recode

    threads = len(os.sched_getaffinity(0))
    done = recode(Path(video), Path(output), n_frames=int(n_frames), crf=CRF, preset=PRESET, threads=threads)
    return {"n_frames": done, "output": Path(output).name}


if __name__ == "__main__":
    try:
        print(json.dumps({"sync": sync, "plain": plain}[sys.argv[1]](*sys.argv[2:])))
    except LipwrightError as error:
        sys.exit(f"error [{error.code}]: {error}")
