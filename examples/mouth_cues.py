"""Print when which mouth is shown, for a text or a recording: the letters of Rhubarb Lip Sync.

python examples/mouth_cues.py "Please bring me a big map."
"""

import json
import sys

import lipwright


def main(audio_or_text: str) -> str:
    """The mouths, one letter each, in order."""
    cues = json.loads(lipwright.visemes(audio_or_text, "rhubarb-json"))["mouthCues"]
    for cue in cues:
        print(f"{cue['start']:6.2f} {cue['value']}")
    return "".join(cue["value"] for cue in cues)


if __name__ == "__main__":
    main(sys.argv[1])
