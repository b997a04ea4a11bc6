"""Text as it is read aloud: cleaned, and cut at its sentences."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from lipwright.core.errors import EmptyText, NothingToSay, TextTooLong

LONGEST_SENTENCE: Final = 320
"""Characters; longer ones are cut at a comma, a space, or where they are."""
SENTENCE_PAUSE_S: Final = 0.45
PARAGRAPH_PAUSE_S: Final = 0.8
CLAUSE_PAUSE_S: Final = 0.2
"""Where a sentence was too long."""

_SPACED: Final = "\u00c0-\u0588\u058a-\u05ff\u0620-\u0669\u066e-\u06d3\u06d5-\u0963\u0966-\u0df3\u1e00-\u1fff"
"""Letters of scripts that part words by spaces, and their marks: those that touch an address belong to it."""
_UNSPACED: Final = (
    "\u0e01-\u0f00\u0f18-\u1049\u1050-\u11ff\u1780-\u17d3\u3005-\u3007\u3041-\u318f\u31a0-\u31bf\u3400-\u9fff"
    "\uac00-\ud7af\U00020000-\U0003ffff"
)
"""Letters that may be the next word of the sentence; in a name of a host they stand between dots."""
_LABEL = rf"[A-Za-z0-9{_SPACED}][A-Za-z0-9{_SPACED}_-]*+"
_WIDE_LABEL = rf"[{_UNSPACED}][A-Za-z0-9{_UNSPACED}-]*+"
_HOST = rf"(?:(?:{_LABEL}|{_WIDE_LABEL})\.)*(?:{_LABEL}|[{_UNSPACED}]{{2,5}}(?=[/:?#\s]|$))(?::\d{{1,5}})?"
_IN_PATH = rf"[A-Za-z0-9/?#._~:@!$&*+,;=%|^{{}}\\\[{_SPACED}-]"
_URL = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:https?|ftp)://(?:[A-Za-z0-9._~%!$&*+,;=:-]++@)?(?:www\.)?|www\.)"
    rf"({_HOST})?((?:[/?#](?:{_IN_PATH}++|\({_IN_PATH}*+\))*+)?)",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"(?<![A-Za-z0-9.+_-])[A-Za-z0-9.+_-]++@[A-Za-z0-9-]++(?:\.[A-Za-z0-9-]++)+")
_BARE_HOST = re.compile(
    r"(?<![A-Za-z0-9.-])(?:[A-Za-z0-9-]++\.)+(?:com|net|org|edu|gov|info|biz|app|dev)(?![A-Za-z0-9-])", re.IGNORECASE
)
_TAG = re.compile(
    r"</?[A-Za-z][A-Za-z0-9:.-]*+(?:\s+[A-Za-z][\w:.-]*+\s*=[^<>]{0,200})?\s*/?>"
    rf"|(?<![^\s>(\"“])</?[A-Za-z][^<>{_UNSPACED}]{{0,200}}>(?!\d)"
)
"""Right after a word only what is plainly one: a<b and b>c is a sum."""
_GAPS: Final = "\u00a0\u2009\u202f"
"""Spaces at which no line is broken, such as those between thousands."""
_SPACE = re.compile(rf"(?!(?<=\d)[{_GAPS}]\d)[^\S\n]+")
_BEGINNING: Final = 300
_LEFT_OUT = "\0"
_GAP_BEFORE_A_STOP = re.compile(rf"(?<![^\S\n])(?<!{_LEFT_OUT})(?:[^\S\n]|{_LEFT_OUT})++(?=[.,!?;:…])")
"""Tried once from the beginning of a gap: what is tried from each of its characters takes the square of its length."""
_LINES = re.compile(r"\s*\n\s*")
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
_REPEATED = re.compile(r"([^\s\d])\1{9,}")
"""Not digits: ten billion is not a thousand."""
_CLOSING = "\"'”’»)]}」』）】"
_STOPS = ".!?…؟۔।॥։።။"
_END = re.compile(
    rf"(?:(?<![{_STOPS}])[{_STOPS}]++[{re.escape(_CLOSING)}]*+(?=\s|$))|(?:[。！？｡]++[{re.escape(_CLOSING)}]*+)|\n"
)
_FOLLOWING = re.compile(r"\s*+(\S)")
_UNSEEN: Final = dict.fromkeys(
    map(ord, "\u00ad\u2060\ufeff\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
)
"""Where a word may be parted, where it must not be, which way it is written: nothing that parts it when it is said."""
_DRESSED: Final = ("<wide>", "<narrow>", "<font>", "<circle>")
"""Letters and digits that are others in another shape, as Unicode tells."""
_FOLDED: Final = ("<square>", "<compat>")
"""Of units, such as ℃ and ㎏, that are written as one sign."""
_WIDE_SIGNS: Final = "％＄￥￡￠￦＋＝＆＠＃"
_SAID_SIGNS: Final = "+<>=|~^%°×÷±√∞−≤≥≠≈№"
_LAST_SIGNS: Final = {"?": "?", "？": "?", "؟": "?", "!": "!", "！": "!", "…": "…"}
_BEFORE_ITS_CONSONANT: Final = frozenset(map(chr, (*range(0x0E40, 0x0E45), *range(0x0EC0, 0x0EC5))))
"""Vowels of Thai and Lao that are written first."""
_NEVER_FIRST: Final = frozenset("。、，．！？：；」』）】》〉”’")
_ABBREVIATIONS: Final = frozenset(
    """
    mr mrs ms dr prof st jr sr vs etc no vol fig inc ltd co gen col sgt capt rev hon e.g i.e a.m p.m u.s u.k
    z.b d.h u.a bzw ca evtl usw nr str hr fr bspw ggf s.o prof.dr bv bijv dhr mevr
    sig sra srta dra ud uds ej pág p.ej m mme mlle mm cf p.ex av bd dott
    г гг ул им т.д т.п т.е др стр рис np itd itp tzn ul
    """.split()  # noqa: SIM905  one word beside the other is easier to read
)
_CLAUSE = re.compile(r"[,;:،؛、，；：–—]\s*")
"""Where a sentence that is too long is cut."""
_NUMBER = re.compile(rf"\d++(?:[.,:٫٬ {_GAPS}–-]\d++)*+")
_LONGEST_NUMBER: Final = 40
"""Characters of it that are looked for beyond the longest sentence."""
_TYPED_APOSTROPHE = re.compile(r"(?<=[^\W\d_])[´`](?=[^\W\d_])")
_APOSTROPHE = re.compile(r"(?<=[^\W\d_])[ʼ＇](?=[^\W\d_])")
_READS_ITS_APOSTROPHE: Final = frozenset({"uk"})
"""Languages in which eSpeak NG reads ʼ, and better than the plain one."""
_THOUSANDS_BY_SPACES: Final = frozenset({"be", "bg", "cs", "ru", "sk", "uk"})
"""Languages that part them so, and in which eSpeak NG reads them digit by digit."""
_IN_THEIR_PLACE: Final = ("<initial>", "<medial>", "<final>", "<isolated>")
"""Arabic letters in the shape that they have at one place in a word."""
_WITHOUT_LATIN: Final = frozenset({"cmn", "ja", "ko", "yue", "zh"})
"""Languages in which VIII would be spelled."""
_ROMAN = re.compile("(?<![\u2160-\u217f])[\u2160-\u217f](?![\u2160-\u217f])")


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
    """The text without what cannot be said: emoji, control signs, tags; addresses become their host's name.

    Letters and digits in another shape (full-width, mathematical, in circles) are what they stand for.
    """
    text = text.encode("utf-8", "ignore").decode().translate(_UNSEEN)
    text = _TYPED_APOSTROPHE.sub("'", text.replace("\u2044", "/"))  # of 1⁄2
    text = unicodedata.normalize("NFC", text if text.isascii() else "".join(map(_plain, text)))
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n\n")
    text = _URL.sub(_host, text)
    text = _TAG.sub(" ", text)
    text = "".join(c if _is_said(c) else _LEFT_OUT for c in text)
    text = _GAP_BEFORE_A_STOP.sub(_without_left_out, text).replace(_LEFT_OUT, " ")
    text = _REPEATED.sub(r"\1\1\1", text)
    return _SPACE.sub(" ", text).strip()


def aloud(text: str, language: str) -> str:
    """What a voice is given of a readable text, which itself is shown as it was typed.

    Ligatures, letters in the shape of their place and Roman numerals in one sign are spelled out; apostrophes are the
    plain one; the spaces between thousands are gone.
    """
    spoken = language.lower().partition("-")[0]
    if not text.isascii():
        if spoken in _WITHOUT_LATIN:
            text = _ROMAN.sub(lambda found: f"{unicodedata.numeric(found[0]):.0f}", text)
        text = "".join(map(_spelled_out, text))
        text = text if spoken in _READS_ITS_APOSTROPHE else _APOSTROPHE.sub("'", text)
    text = _thousands(_GAPS).sub(_joined, text).translate(dict.fromkeys(map(ord, _GAPS), " "))
    return _thousands(" ").sub(_joined, text) if spoken in _THOUSANDS_BY_SPACES else text


def _spelled_out(char: str) -> str:
    shape = unicodedata.decomposition(char).partition(" ")[0]
    is_spelled_out = shape in _IN_THEIR_PLACE or (shape == "<compat>" and _is_of_several(char))
    return unicodedata.normalize("NFKC", char).strip() if is_spelled_out else char


def _is_of_several(char: str) -> bool:
    """A Roman numeral or a ligature. Others that Unicode takes apart are letters of Thai, Korean or Armenian."""
    is_latin = unicodedata.name(char, "").startswith("LATIN ")
    return is_latin or unicodedata.category(char) == "Nl" or "\ufb00" <= char <= "\ufb4f"


@cache
def _thousands(spaces: str) -> re.Pattern[str]:
    """Numbers in groups of three. Not +420 777 123 456, and with plain spaces no three of three: these are dialled."""
    own = r"(?!\d{3} \d{3} \d{3}(?![ \d]))" if spaces == " " else ""
    return re.compile(rf"(?<![\d+])(?<!\d[.,{spaces}])(?!0){own}\d{{1,3}}(?:[{spaces}]\d{{3}})++(?![{spaces}]?\d)")


def _joined(number: re.Match[str]) -> str:
    return "".join(number[0].split())


def without_addresses(text: str) -> str:
    """The text without the addresses of pages and of mail: their words are of no language."""
    for kind in (_URL, _EMAIL, _BARE_HOST):
        text = kind.sub(" ", text)
    return text


def _plain(char: str) -> str:
    """A letter or digit in another shape as itself: ５ and 𝟓 are 5, ⑤ is one that stands apart."""
    shape = unicodedata.decomposition(char).partition(" ")[0]
    if shape in _FOLDED and unicodedata.category(char) == "So" and char not in _SAID_SIGNS:
        return unicodedata.normalize("NFKC", char)
    if shape not in _DRESSED:
        return char
    plain = unicodedata.normalize("NFKC", char)
    if shape == "<circle>":  # ㊗ and the like are pictures
        return f" {plain} " if plain.isdigit() else plain if plain.isascii() else char
    return plain if char.isalnum() or char in _WIDE_SIGNS else char  # ！ and ， end sentences and clauses as they are


def _host(address: re.Match[str]) -> str:
    """The name of an address's host, apart from the letters around it, and the sign with which the sentence goes on."""
    path, around = address[2], address.string
    signs = path[len(path.rstrip(".,;:!?")) :]
    before = " " if _is_of_word(around[max(0, address.start() - 1) : address.start()]) else ""
    after = " " if not signs and _is_of_word(around[address.end() : address.end() + 1]) else ""
    return f"{before}{address[1] or ''}{signs}{after}"


def _is_of_word(char: str) -> bool:
    return char != "" and unicodedata.category(char)[0] in "LMN"


def _without_left_out(gap: re.Match[str]) -> str:
    """A gap before a full stop or comma, without its end from what was left out on, and the white space before that."""
    before = gap[0].rstrip(f"{_LEFT_OUT} ")
    n_spaces = gap[0][len(before) :].find(_LEFT_OUT)
    return gap[0] if n_spaces < 0 else gap[0][: len(before) + n_spaces].rstrip()


def _is_said(char: str) -> bool:
    if char == "\n" or char in "\u200c\u200d":  # joiners shape words of some scripts
        return True
    kind = unicodedata.category(char)
    # symbols of money and sums are words; other symbols are pictures
    return kind[0] in "LMNPZ" or kind == "Sc" or char in _SAID_SIGNS


def last_sign(sentence: str) -> str:
    """How it ends: "?", "!", "…", or else "."."""
    return _LAST_SIGNS.get(sentence.rstrip(f"{_CLOSING} \n")[-1:], ".")


def is_torn(before: str, after: str) -> bool:
    """Whether these two letters of a run without spaces must not be parted: a mark from its letter, for one."""
    is_mark = unicodedata.category(after)[0] == "M"
    return is_mark or before in _BEFORE_ITS_CONSONANT or after in _NEVER_FIRST


def has_words(text: str) -> bool:
    """Whether there is a letter or a digit."""
    return any(c.isalnum() for c in text)


def can_be_said(text: str) -> bool:
    """As `has_words(readable(text))`, without reading the whole of a long text, which takes half a second for 64 kB.

    True also for a few that have none: whose first tag or address is cut off here.
    """
    if not any(has_words(readable(char)) for char in set(text)):  # no word is made of signs that are none
        return False
    return has_words(readable(text[:_BEGINNING])) or has_words(readable(text))


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
        is_inside = found[0] == "." and _is_abbreviated(paragraph, start, found.start())
        following = _FOLLOWING.match(paragraph, found.end())
        is_going_on = following is not None and following[1].islower() and found[0] not in ("!", "?")
        if is_inside or is_going_on:
            continue
        yield _LINES.sub(" ", paragraph[start : found.end()]).strip()
        start = found.end()
    yield _LINES.sub(" ", paragraph[start:]).strip()


def _is_abbreviated(paragraph: str, start: int, stop: int) -> bool:
    """Whether the word before a full stop is "Dr", an initial, or the "5" of "5. Mai".

    To cut there is worse than to leave two sentences in one piece.
    """
    word_start = max(start, paragraph.rfind(" ", start, stop) + 1)
    word = paragraph[word_start:stop].lower().lstrip(_CLOSING + "([{«“‘")
    is_short = (len(word) == 1 and word.isalpha()) or (len(word) <= 2 and word.isdigit())
    return word in _ABBREVIATIONS or is_short


def _short_enough(sentence: str) -> Iterator[str]:
    while len(sentence) > LONGEST_SENTENCE:
        numbers = _NUMBER.finditer(sentence, 0, LONGEST_SENTENCE + _LONGEST_NUMBER)
        whole = {at for found in numbers for at in range(found.start() + 1, found.end())}
        cut = _cut_before(sentence, whole) or _cut_before(sentence, set()) or LONGEST_SENTENCE
        piece, sentence = sentence[:cut].strip(), sentence[cut:].strip()
        if has_words(piece):
            yield piece
    yield sentence


def _cut_before(sentence: str, whole: set[int]) -> int:
    """Where to cut what is too long: after a comma, at a space, between two letters; never at `whole`. 0 if nowhere."""
    head = sentence[:LONGEST_SENTENCE]
    commas = [found.end() for found in _CLAUSE.finditer(head) if found.end() > LONGEST_SENTENCE // 4]
    spaces = [at for at, char in enumerate(head, start=1) if char == " "]
    letters = range(LONGEST_SENTENCE, LONGEST_SENTENCE // 2, -1)
    untorn = (at for at in letters if not is_torn(sentence[at - 1], sentence[at]))
    return next((at for at in (*reversed(commas), *reversed(spaces), *untorn) if at not in whole), 0)
