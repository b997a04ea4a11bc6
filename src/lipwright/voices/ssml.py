"""SSML: text with marks of how it shall be said. What is not well-formed is refused before a voice sees it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element, ParseError, XMLParser

from lipwright.core.errors import BrokenSsml

_DEEPEST: Final = 50
_ELEMENTS: Final = frozenset(
    {"speak", "voice", "prosody", "say-as", "mark", "s", "p", "phoneme", "sub", "tts", "emphasis", "break", "metadata"}
    | {"lang", "w", "token", "desc"}
)
"""Those of SSML 1.1 that do not fetch or play other files."""
_UNSAID: Final = frozenset({"metadata", "desc"})
_WITHIN_WORDS: Final = frozenset({"emphasis", "mark", "phoneme", "say-as", "sub", "tts"})
"""Elements that may stand inside a word, or around a sign of a script without spaces; others part words."""
_APART: Final = "\0"
"""No XML holds it."""
_BEFORE_A_STOP: Final = re.compile(rf"(?<!{_APART}){_APART}++(?=[.,!?;:…)])")


def spoken_text(ssml: str) -> str:
    """The words of an SSML document, without its marks and what is told about it. Raises BrokenSsml."""
    text = _BEFORE_A_STOP.sub("", "".join(_pieces(_document(ssml))))
    return " ".join(text.replace(_APART, " ").split())


def _pieces(element: Element) -> Iterator[str]:
    name = _name(element)
    apart = "" if name in _WITHIN_WORDS else _APART
    yield apart
    if name not in _UNSAID:
        yield element.text or ""
        for child in element:
            yield from _pieces(child)
            yield child.tail or ""
    yield apart


def language_of(ssml: str) -> str | None:
    """The language that an SSML document says it is in (`xml:lang`). Raises BrokenSsml."""
    return _document(ssml).get("{http://www.w3.org/XML/1998/namespace}lang")


def _document(ssml: str) -> Element:
    root = _parse(ssml)
    if _name(root) != "speak":
        raise BrokenSsml(f"its root is <{_name(root)}>, not <speak>")
    _check(root, 1)
    return root


def _parse(ssml: str) -> Element:
    if "<!DOCTYPE" in ssml.upper() or "<!ENTITY" in ssml.upper():
        raise BrokenSsml("it declares a document type, which is not taken")
    parser = XMLParser()
    try:
        parser.feed(ssml)
        return parser.close()
    except ParseError as exc:
        raise BrokenSsml(str(exc)) from exc
    except ValueError as exc:  # letters that no encoding has
        raise BrokenSsml("it has characters that XML does not take") from exc


def _check(element: Element, depth: int) -> None:
    if depth > _DEEPEST:
        raise BrokenSsml(f"its elements are nested more than {_DEEPEST} deep")
    if _name(element) not in _ELEMENTS:
        raise BrokenSsml(f"<{_name(element)}> is not taken; known are {', '.join(sorted(_ELEMENTS))}")
    for child in element:
        _check(child, depth + 1)


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2]
