"""Which language a text is in: its letters say much, and py3langid's model (in its wheel) the rest."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any, Final, cast

from lipwright.voices.text import readable

DEFAULT: Final = "en"
_SURE: Final = 0.55
"""Probability under which a text in Latin letters counts as the default: a name, "OK", two words."""
_FEW_LETTERS: Final = 4
_LOOKED_AT: Final = 4000

_LATIN: Final = (
    "en", "es", "fr", "de", "it", "pt", "nl", "pl", "tr", "vi", "id", "cs", "sv", "da", "nb", "fi", "hu", "ro", "sk",
    "sl", "hr", "lt", "lv", "et", "ca", "sw", "eo", "is", "sq", "cy", "ga", "af",
)  # fmt: skip
_CYRILLIC: Final = ("ru", "uk", "bg", "sr", "mk", "be", "kk")
_ARABIC: Final = ("ar", "fa", "ur")
_DEVANAGARI: Final = ("hi", "mr", "ne")
_MODEL_NAMES: Final = {"nb": "no"}
"""Ours -> py3langid's."""

_SCRIPTS: Final[tuple[tuple[int, int, str], ...]] = (
    (0x0041, 0x024F, "latin"), (0x0370, 0x03FF, "el"), (0x0400, 0x052F, "cyrillic"), (0x0530, 0x058F, "hy"),
    (0x0590, 0x05FF, "he"), (0x0600, 0x06FF, "arabic"), (0x0750, 0x077F, "arabic"), (0x0900, 0x097F, "devanagari"),
    (0x0980, 0x09FF, "bn"), (0x0A00, 0x0A7F, "pa"), (0x0A80, 0x0AFF, "gu"), (0x0B80, 0x0BFF, "ta"),
    (0x0C00, 0x0C7F, "te"), (0x0C80, 0x0CFF, "kn"), (0x0D00, 0x0D7F, "ml"), (0x0D80, 0x0DFF, "si"),
    (0x0E00, 0x0E7F, "th"), (0x1000, 0x109F, "my"), (0x10A0, 0x10FF, "ka"), (0x1200, 0x139F, "am"),
    (0x1100, 0x11FF, "ko"), (0x1E00, 0x1EFF, "latin"), (0x1F00, 0x1FFF, "el"), (0x3040, 0x30FF, "ja"),
    (0x3400, 0x4DBF, "han"), (0x4E00, 0x9FFF, "han"), (0xAC00, 0xD7AF, "ko"), (0xFB50, 0xFDFF, "arabic"),
    (0xFE70, 0xFEFF, "arabic"), (0x20000, 0x2FA1F, "han"),
)  # fmt: skip


def detect_language(text: str) -> str:
    """The likeliest language of a text, as a code of ISO 639-1. Short texts that tell nothing are English."""
    letters = [c for c in readable(text[:_LOOKED_AT]) if c.isalpha()]
    scripts = Counter(_script(letter) for letter in letters)
    scripts.pop("", None)
    if not scripts:
        return DEFAULT
    if scripts["ja"] and scripts["ja"] * 8 >= scripts["han"]:
        scripts["ja"] += scripts.pop("han", 0)
    # one word in Latin letters does not make a Chinese or Russian sentence English
    weight = {script: n * (4 if script == "han" else 2 if script != "latin" else 1) for script, n in scripts.items()}
    script = max(weight, key=lambda name: weight[name])
    lowered = {c.lower() for c in letters}
    match script:
        case "han":
            return "zh"
        case "cyrillic":
            if lowered & set("їєґ"):
                return "uk"
            return _likeliest(text, _CYRILLIC, least=0.0, otherwise="ru", n_letters=len(letters))
        case "arabic":
            if lowered & set("ٹڈڑںے"):
                return "ur"
            if lowered & set("پچژگ"):
                return "fa"
            return "ar"
        case "devanagari":
            return _likeliest(text, _DEVANAGARI, least=_SURE, otherwise="hi", n_letters=len(letters))
        case "latin":
            return _likeliest(text, _LATIN, least=_SURE, otherwise=DEFAULT, n_letters=len(letters))
        case other:
            return other


def _script(letter: str) -> str:
    code = ord(letter)
    return next((name for first, last, name in _SCRIPTS if first <= code <= last), "")


def _likeliest(text: str, languages: tuple[str, ...], *, least: float, otherwise: str, n_letters: int) -> str:
    if n_letters < _FEW_LETTERS:
        return otherwise
    code, probability = _model(languages).classify(readable(text[:_LOOKED_AT]).lower())
    if probability < least:
        return otherwise
    return next((ours for ours, theirs in _MODEL_NAMES.items() if theirs == code), str(code))


@cache
def _model(languages: tuple[str, ...]) -> Any:
    """py3langid's model, which is not typed, for these languages alone."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    made = cast(Any, LanguageIdentifier).from_pickled_model(MODEL_FILE, norm_probs=True)
    made.set_languages([_MODEL_NAMES.get(language, language) for language in languages])
    return made
