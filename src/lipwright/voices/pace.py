"""About how long a text takes to say, told before it is spoken."""

from __future__ import annotations

from typing import Final

from lipwright.core.errors import NothingToSay
from lipwright.voices.text import sentences

_LETTER_S: Final = 0.058
_DIGIT_S: Final = 0.35
"""Of a number that is read as one: "1998" has as many words as digits."""
_OTHER_LETTERS_S: Final = (
    ("\u0590", "\u08ff", 0.092),  # Hebrew and Arabic leave most vowels out
    ("\u0e00", "\u0e7f", 0.10),
    ("\u3040", "\u30ff", 0.115),
    ("\u3400", "\u9fff", 0.214),
    ("\uac00", "\ud7a3", 0.147),
)
"""First and last letter of a script, and how long one takes. Measured as the other lengths: without pauses between
sentences, in the languages of `samples.py`, with eSpeak NG, which speaks where nothing was fetched."""


def expected_s(text: str) -> float:
    """Seconds that the usual voices take for it, pauses and all, mostly within a fifth; 0 where nothing is to be said.

    In proportion to the text's length: half a second for 64 kB.
    """
    try:
        said = sentences(text)
    except NothingToSay:
        return 0.0
    pauses_s = sum(one.pause_s for one in said[:-1])
    return pauses_s + sum(_expected_s(char) for one in said for char in one.text)


def _expected_s(char: str) -> float:
    if char.isdigit():
        return _DIGIT_S
    return next((each_s for first, last, each_s in _OTHER_LETTERS_S if first <= char <= last), _LETTER_S)
