"""Watch a run, and stop it when it has taken too long; nothing is left behind then.

python examples/progress_and_stop.py footage.mp4 speech.wav out.mp4 5
"""

import sys
from time import monotonic

import lipwright


def main(video: str, audio: str, output: str, limit_s: float) -> bool:
    """Whether the output was made."""
    start_s = monotonic()

    def progress(phase: str, done: int, total: int) -> None:
        if monotonic() - start_s > limit_s:
            raise lipwright.Cancelled
        if done == total:
            print(f"{phase}: {total} done after {monotonic() - start_s:.1f} s")

    try:
        lipwright.sync(video, audio, output, progress=progress)
    except lipwright.Cancelled:
        print("stopped; nothing was written")
        return False
    return True


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]))
