"""Files to frames and samples, and back. The only room that imports PyAV.

probe(path) -> SourceInfo                 what the file holds
open_footage(path) -> MediaFootage        frames with exact times, in any order, in bounded memory
read_speech(path) -> AudioClip            mono samples, from time zero of the presentation
write_video(path, frames, source, ...)    H.264 and others, speech muxed from time zero
join(path, parts, source, ...)            pictures that were written in parts, as one, not encoded again

PyAV is loaded with the first of these names that is used: a server, which leaves files to its children, never loads it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from lipwright.core.options import Codec, EncoderChoice

if TYPE_CHECKING:
    from lipwright.media.audio import read_speech, speech_duration, speech_pieces
    from lipwright.media.encoders import check_encoding
    from lipwright.media.footage import MediaFootage, open_footage
    from lipwright.media.joining import fit_together, join, played
    from lipwright.media.overlap import kept_open
    from lipwright.media.soundtrack import distinct
    from lipwright.media.survey import probe
    from lipwright.media.write import AudioPlan, Written, check_is_no_pipe, write_video

# no name is that of a file here: importing the file would take its place
_HOME: Final = {
    "AudioPlan": "write",
    "MediaFootage": "footage",
    "Written": "write",
    "check_encoding": "encoders",
    "check_is_no_pipe": "write",
    "distinct": "soundtrack",
    "fit_together": "joining",
    "join": "joining",
    "kept_open": "overlap",
    "open_footage": "footage",
    "played": "joining",
    "probe": "survey",
    "read_speech": "audio",
    "speech_duration": "audio",
    "speech_pieces": "audio",
    "write_video": "write",
}

__all__ = [
    "AudioPlan",
    "Codec",
    "EncoderChoice",
    "MediaFootage",
    "Written",
    "check_encoding",
    "check_is_no_pipe",
    "distinct",
    "fit_together",
    "join",
    "kept_open",
    "open_footage",
    "played",
    "probe",
    "read_speech",
    "speech_duration",
    "speech_pieces",
    "write_video",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"lipwright.media.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
