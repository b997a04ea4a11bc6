"""Subtitles of what was made from text: SubRip and WebVTT."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from fractions import Fraction
from html import escape
from typing import Final

from lipwright.core.speech import Utterance
from lipwright.core.time import Span
from lipwright.core.timeline import Timed
from lipwright.voices.text import is_torn

LINE_LENGTH: Final = 42
N_LINES: Final = 2
_WIDE_FROM: Final = "\u1100"
"""Letters from here on are mostly as wide as two."""


def srt(utterance: Utterance) -> str:
    """Numbered captions; the sentences' own times."""
    return srt_of(utterance.sentences)


def srt_of(sentences: Iterable[Timed[str]]) -> str:
    """The same of sentences with their times."""
    blocks = [
        f"{number}\n{_clock(caption.span.start_s, ',')} --> {_clock(caption.span.stop_s, ',')}\n{caption.value}\n"
        for number, caption in enumerate(captions(sentences), start=1)
    ]
    return "\n".join(blocks)


def webvtt(utterance: Utterance) -> str:
    """The same for browsers."""
    return webvtt_of(utterance.sentences)


def webvtt_of(sentences: Iterable[Timed[str]]) -> str:
    """The same of sentences with their times."""
    blocks = [
        f"{_clock(one.span.start_s, '.')} --> {_clock(one.span.stop_s, '.')}\n{escape(one.value, quote=False)}\n"
        for one in captions(sentences)
    ]
    return "\n".join(["WEBVTT\n", *blocks])


def captions(sentences: Iterable[Timed[str]]) -> Iterator[Timed[str]]:
    """Each sentence on at most two lines; a longer one is shown in parts, for as long as their share of its letters."""
    for sentence in sentences:
        lines = _lines(sentence.value)
        parts = ["\n".join(lines[k : k + N_LINES]) for k in range(0, len(lines), N_LINES)]
        n_letters = sum(len(part) for part in parts)
        start_s, so_far = sentence.span.start_s, 0
        for part in parts:
            so_far += len(part)
            stop_s = sentence.span.start_s + sentence.span.duration_s * Fraction(so_far, n_letters)
            yield Timed(Span(start_s, stop_s), part)
            start_s = stop_s


def _lines(text: str) -> list[str]:
    is_wide = sum(c >= _WIDE_FROM for c in text) * 2 > len(text)
    words = " ".join(text.split())
    lines = textwrap.wrap(words, LINE_LENGTH // 2 if is_wide else LINE_LENGTH)
    at = 0
    for number in range(len(lines) - 1):
        at += len(lines[number])
        if words[at] == " ":
            at += 1
            continue
        # within a word, of a script without spaces maybe: what belongs together goes on together
        while len(lines[number]) > 1 and is_torn(lines[number][-1], lines[number + 1][0]):
            lines[number + 1] = lines[number][-1] + lines[number + 1]
            lines[number] = lines[number][:-1]
            at -= 1
    return lines or [text]


def _clock(time_s: Fraction, point: str) -> str:
    milliseconds = round(time_s * 1000)
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{point}{milliseconds:03d}"
