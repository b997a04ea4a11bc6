"""What this build of FFmpeg can do, for `lipwright doctor`."""

from __future__ import annotations

import av
from av.codec import Codec

from lipwright.media.encoders import HARDWARE, SOFTWARE, works


def versions() -> dict[str, str]:
    """PyAV and the FFmpeg libraries in its wheel."""
    libraries = {name: ".".join(map(str, number)) for name, number in av.library_versions.items()}
    return {"PyAV": av.__version__, **libraries}


def encoders() -> dict[str, bool]:
    """Codec and encoder, such as "h264 (libx264)", and whether it is there."""
    return {f"{codec} ({encoder.name})": _is_there(encoder.name) for codec, encoder in SOFTWARE.items()}


def hardware_encoders() -> dict[str, bool]:
    """The same for the encoders of `--encoder nvenc` and `videotoolbox`: whether they can be opened here."""
    return {
        f"{codec} ({encoder.name})": works(encoder.name)
        for encoders in HARDWARE.values()
        for codec, encoder in encoders.items()
    }


def _is_there(encoder: str) -> bool:
    try:
        Codec(encoder, "w")
    except ValueError:  # PyAV's UnknownCodecError is one
        return False
    return True
