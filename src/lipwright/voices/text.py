"""Text as it is read aloud: cleaned, and cut at its sentences."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lipwright.core.errors import EmptyText, NothingToSay, TextTooLong

LONGEST_SENTENCE: Final = 320
"""Characters; longer ones are cut at a comma, a space, or where they are."""
SENTENCE_PAUSE_S: Final = 0.45
PARAGRAPH_PAUSE_S: Final = 0.8
CLAUSE_PAUSE_S: Final = 0.2
"""Where a sentence was too long."""

_URL = re.compile(r"\b(?:(?:https?|ftp)://(?:www\.)?|www\.)([^\s/?#<>\"')\]]+)[^\s<>\"')\]]*", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,200}>")
_SPACE = re.compile(r"[^\S\n]+")
_LEFT_OUT = "\0"
_BEFORE_A_STOP = re.compile(rf"[^\S\n]*{_LEFT_OUT}[{_LEFT_OUT} ]*(?=[.,!?;:…])")
_LINES = re.compile(r"\s*\n\s*")
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
_REPEATED = re.compile(r"(\S)\1{9,}")
_CLOSING = "\"'”’»)]}」』）】"
_END = re.compile(rf"(?:[.!?…؟۔।॥։።]+[{re.escape(_CLOSING)}]*(?=\s|$))|(?:[。！？｡]+[{re.escape(_CLOSING)}]*)|\n")
_ABBREVIATIONS: Final = frozenset(
    """
    mr mrs ms dr prof st jr sr vs etc no vol fig inc ltd co gen col sgt capt rev hon e.g i.e a.m p.m u.s u.k
    z.b d.h u.a bzw ca evtl usw nr str hr fr bspw ggf s.o prof.dr bv bijv dhr mevr
    sig sra srta dra ud uds ej pág p.ej m mme mlle mm cf p.ex av bd dott
    г гг ул им т.д т.п т.е др стр рис np itd itp tzn ul
    """.split()  # noqa: SIM905  one word beside the other is easier to read
)
_CLAUSE = re.compile(r"[,;:،؛、，；：–—]\s*")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A stretch of text that is said in one go."""

    text: str
    """As it is read."""
    pause_s: float
    """Silence after it, unless it is the last."""


def check_length(text: str, limit: int) -> None:
    """Raises EmptyText, TextTooLong. Costs nothing for a text that is far too long."""
    if len(text) > limit:
        raise TextTooLong(n_chars=len(text), limit=limit)
    if not text.strip():
        raise EmptyText


def readable(text: str) -> str:
    """The text without what cannot be said: emoji, control signs, tags; addresses become their host's name."""
    text = unicodedata.normalize("NFC", text.encode("utf-8", "ignore").decode())
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n\n")
    text = _URL.sub(lambda found: found[1].rstrip(".,;:!?"), text)
    text = _TAG.sub(" ", text)
    text = "".join(c if _is_said(c) else _LEFT_OUT for c in text)
    text = _BEFORE_A_STOP.sub("", text).replace(_LEFT_OUT, " ")
    text = _REPEATED.sub(r"\1\1\1", text)
    return _SPACE.sub(" ", text).strip()


def _is_said(char: str) -> bool:
    if char == "\n" or char in "\u200c\u200d":  # joiners shape words of some scripts
        return True
    kind = unicodedata.category(char)
    # symbols of money and sums are words; other symbols are pictures
    return kind[0] in "LMNPZ" or kind == "Sc" or char in "+<>=|~^%°×÷±√∞"


def has_words(text: str) -> bool:
    """Whether there is a letter or a digit."""
    return any(c.isalnum() for c in text)


def sentences(text: str) -> list[Sentence]:
    """The sentences of a text, in order. Raises NothingToSay where it has not one word."""
    said = [sentence for paragraph in _PARAGRAPH.split(readable(text)) for sentence in _of_paragraph(paragraph)]
    if not said:
        raise NothingToSay
    return said


def _of_paragraph(paragraph: str) -> Iterator[Sentence]:
    whole = [part for part in _cut(paragraph) if has_words(part)]
    for number, part in enumerate(whole, start=1):
        *first, last = _short_enough(part)
        yield from (Sentence(piece, CLAUSE_PAUSE_S) for piece in first)
        yield Sentence(last, SENTENCE_PAUSE_S if number < len(whole) else PARAGRAPH_PAUSE_S)


def _cut(paragraph: str) -> Iterator[str]:
    start = 0
    for found in _END.finditer(paragraph):
        before = paragraph[start : found.start()]
        word = before.rpartition(" ")[2].lower().lstrip(_CLOSING + "([{«“‘")
        # "Dr.", an initial, "5." of "5. Mai": to cut there is worse than to leave two sentences in one piece
        is_short = (len(word) == 1 and word.isalpha()) or (len(word) <= 2 and word.isdigit())
        is_inside = found[0] == "." and (word in _ABBREVIATIONS or is_short)
        is_going_on = paragraph[found.end() :].lstrip()[:1].islower() and found[0] not in ("!", "?")
        if is_inside or is_going_on:
            continue
        yield _LINES.sub(" ", paragraph[start : found.end()]).strip()
        start = found.end()
    yield _LINES.sub(" ", paragraph[start:]).strip()


def _short_enough(sentence: str) -> Iterator[str]:
    while len(sentence) > LONGEST_SENTENCE:
        head = sentence[:LONGEST_SENTENCE]
        commas = [found.end() for found in _CLAUSE.finditer(head) if found.end() > LONGEST_SENTENCE // 4]
        cut = commas[-1] if commas else head.rfind(" ") + 1 or LONGEST_SENTENCE
        piece, sentence = sentence[:cut].strip(), sentence[cut:].strip()
        if has_words(piece):
            yield piece
    yield sentence
