"""Text to speech: eSpeak NG at once, Piper and Kokoro where their files were fetched; with the times of every sound.

utterance = speak("Guten Tag!", voice="Harper")          # a clip, its phones, its sentences
speakers()                                               # the fifteen that PixVerse's API lists
voices("de")                                             # every voice that speaks German
"""

from __future__ import annotations

from lipwright.core.options import VoiceOptions
from lipwright.core.speech import Utterance
from lipwright.voices.base import VoiceInfo
from lipwright.voices.speak import check, speak, voices
from lipwright.voices.speakers import Speaker, read_speakers

__all__ = ["Speaker", "Utterance", "VoiceInfo", "VoiceOptions", "check", "speak", "speakers", "voices"]


def speakers(*, options: VoiceOptions | None = None) -> list[Speaker]:
    """The speakers that can be asked for by id or name, in the order of their table; Auto is the last.

    Raises InvalidOption where the operator's own table is wrong.
    """
    return list(read_speakers(None if options is None else options.speakers).speakers)
