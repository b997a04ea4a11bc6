"""How long footage takes to its first frame of speech, imports included, process start not.

    python scripts/first_frame.py VIDEO ["a text"]

`wall` says it where nothing else runs. On a busy machine `chain` can be compared: the CPU seconds of the threads that
wait for each other, which are the caller's until the study begins, the tracker's, and the caller's after it.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import perf_counter, process_time, thread_time
from typing import TYPE_CHECKING

import lipwright

if TYPE_CHECKING:
    from lipwright.core.face import TrackedFace
    from lipwright.core.media import VideoFrame

TEXT = "Please bring me the big map of the old park."


def main(video: str, text: str = TEXT) -> None:
    start_s, start_cpu_s, start_own_s = perf_counter(), process_time(), thread_time()
    from lipwright.vision.track import MeshTracker  # not before the clock runs

    caller, tracker_s, own_s = threading.get_ident(), [0.0], dict[str, float]()
    track = MeshTracker.track

    def timed(self: MeshTracker, frames: Iterable[VideoFrame]) -> Iterator[tuple[VideoFrame, list[TrackedFace]]]:
        before_s = thread_time()
        for found in track(self, frames):
            if threading.get_ident() != caller:
                tracker_s[0] = thread_time() - before_s
            yield found

    def watch(phase: str, done: int, total: int) -> None:
        own_s.setdefault(f"{phase} begins", thread_time())
        if phase == "study":
            own_s["studied"] = thread_time()
        if phase == "render" and done:
            chain_s = thread_time() - start_own_s
            if tracker_s[0]:
                chain_s += tracker_s[0] - (own_s["studied"] - own_s["study begins"])
            print(
                f"{Path(video).name}: wall {perf_counter() - start_s:.2f} s, chain {chain_s:.2f} CPU s, "
                f"all threads {process_time() - start_cpu_s:.2f} CPU s"
            )
            raise lipwright.Cancelled

    MeshTracker.track = timed
    try:
        with tempfile.TemporaryDirectory() as folder:
            lipwright.say(video, text, Path(folder) / "out.mp4", progress=watch)
    except lipwright.Cancelled:
        return


if __name__ == "__main__":
    main(*sys.argv[1:])
