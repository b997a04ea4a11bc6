"""One run in a process of its own; prints one line of JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

CRF, PRESET = "18", "veryfast"


def sync(video: str, audio: str, output: str) -> dict[str, Any]:
    from lipwright import service

    return service.sync(video, audio, output, crf=float(CRF), preset=PRESET).as_dict()


def plain(video: str, output: str, n_frames: str) -> dict[str, Any]:
    """Decode, encode, nothing between; as many threads as cores."""
    import os

    import av

    n, done = int(n_frames), 0
    n_cores = len(os.sched_getaffinity(0))
    with av.open(video) as source, av.open(output, "w") as target:
        shown = source.streams.video[0]
        shown.codec_context.thread_count = n_cores
        shown.thread_type = "AUTO"
        coded = target.add_stream("libx264", rate=shown.average_rate, options={"crf": CRF, "preset": PRESET})
        context = coded.codec_context
        context.width, context.height, context.pix_fmt = shown.width, shown.height, shown.format.name
        context.thread_count = n_cores
        for frame in source.decode(shown):
            if done >= n:
                break
            frame.pict_type = av.video.frame.PictureType.NONE
            frame.pts, frame.time_base = done, 1 / shown.average_rate
            target.mux(coded.encode(frame))
            done += 1
        target.mux(coded.encode(None))
    return {"n_frames": done, "output": Path(output).name}


if __name__ == "__main__":
    print(json.dumps({"sync": sync, "plain": plain}[sys.argv[1]](*sys.argv[2:])))
