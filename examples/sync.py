"""Make the bundled portrait say the bundled sentence.

python examples/sync.py out.mp4
"""

import sys

import lipwright
from lipwright.demo import speech_path, video_path


def main(output: str) -> None:
    result = lipwright.sync(video_path(), speech_path(), output, when_short="bounce")
    print(f"{result.output}: {result.n_frames} frames, {result.render.n_edited} edited, {result.took_s:.1f} s")
    for note in result.notes:
        print("note:", note)


if __name__ == "__main__":
    main(sys.argv[1])
