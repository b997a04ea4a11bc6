"""Files to frames and samples, and back. The only room that imports PyAV.

probe(path) -> SourceInfo                 what the file holds
open_footage(path) -> MediaFootage        frames with exact times, in any order, in bounded memory
read_speech(path) -> AudioClip            mono samples, from time zero of the presentation
write_video(path, frames, source, ...)    H.264 and others, speech muxed from time zero
join(path, parts, source, ...)            pictures that were written in parts, as one, not encoded again
"""

from lipwright.core.options import Codec, EncoderChoice
from lipwright.media.audio import read_speech, speech_duration, speech_pieces
from lipwright.media.encoders import check_encoding
from lipwright.media.footage import MediaFootage, open_footage
from lipwright.media.join import fit_together, join, played
from lipwright.media.overlap import kept_open
from lipwright.media.survey import probe
from lipwright.media.write import AudioPlan, Written, write_video

__all__ = [
    "AudioPlan",
    "Codec",
    "EncoderChoice",
    "MediaFootage",
    "Written",
    "check_encoding",
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
