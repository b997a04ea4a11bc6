"""Files to frames and samples, and back. The only room that imports PyAV.

probe(path) -> SourceInfo                 what the file holds
open_footage(path) -> MediaFootage        frames with exact times, in any order, in bounded memory
read_speech(path) -> AudioClip            mono samples, from time zero of the presentation
write_video(path, frames, source, ...)    H.264 and others, speech muxed from time zero
"""

from lipwright.media.audio import read_speech, speech_duration
from lipwright.media.footage import MediaFootage, open_footage
from lipwright.media.survey import probe
from lipwright.media.write import AudioPlan, Codec, Written, write_video

__all__ = [
    "AudioPlan",
    "Codec",
    "MediaFootage",
    "Written",
    "open_footage",
    "probe",
    "read_speech",
    "speech_duration",
    "write_video",
]
