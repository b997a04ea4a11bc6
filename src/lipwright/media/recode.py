"""A plain decode and encode with nothing between: what a whole run is measured beside."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
from av.video.frame import PictureType


def recode(video: Path, output: Path, *, n_frames: int, crf: str, preset: str, threads: int) -> int:
    """Bring at most `n_frames` of a video to H.264 in `output`; returns how many there were."""
    done = 0
    with av.open(str(video)) as source, av.open(str(output), "w") as target:
        shown = source.streams.video[0]
        shown.codec_context.thread_count = threads
        shown.thread_type = "AUTO"
        rate = cast(Fraction, shown.average_rate)
        # the stubs know neither the packets' types nor every option
        out: Any = target
        coded: Any = out.add_stream("libx264", rate=rate, options={"crf": crf, "preset": preset})
        context = coded.codec_context
        context.width, context.height, context.pix_fmt = shown.width, shown.height, shown.format.name
        context.thread_count = threads
        for frame in source.decode(shown):
            if done >= n_frames:
                break
            frame.pict_type = PictureType.NONE
            frame.pts, frame.time_base = done, 1 / rate
            out.mux(coded.encode(frame))
            done += 1
        out.mux(coded.encode(None))
    return done
