"""Which language a text is in: its letters say much, and py3langid's model (in its wheel) the rest."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cache
from typing import Any, Final, cast

from lipwright.core.errors import UnknownLanguage
from lipwright.voices.text import aloud, readable, without_addresses

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

_SHORT: Final = 80
"""Letters up to which common words are asked first: the model goes by pieces of words, and a few say little."""
_CLEAR_VOTE, _CLEAR_LEAD = 0.5, 1.5
_COMMON: Final = {
    "en": "the a an is are was my your you i i'm we he she it to of in on at and or not this that with for from have "
    "has will can do be me all new see our let's hello hi hey thanks thank please good morning night evening "
    "bye welcome yes no what how where who friend now one ten best come ready",
    "es": "el la los las un una es son mi tu yo y o no de en que con por para hola gracias buenos buenas días tardes "
    "noches adiós hasta luego amigo amigos señor cómo estás bienvenido bienvenidos me llamo sí muy mañana",
    "fr": "le la les un une est sont mon ma ton et ou non de des du en que avec pour bonjour salut merci beaucoup "
    "bonne bonsoir nuit au revoir comment ça va je tu il nous vous oui très à demain bienvenue bon j'ai "
    "m'appelle c'est",
    "de": "der die das ein eine ist sind mein dein ich du er wir ihr und oder nicht nein ja zu mit für von hallo "
    "guten tag morgen abend nacht danke bitte wie geht es dir bis auf wiedersehen willkommen heiße sehr schön "
    "tschüss",
    "it": "il lo la gli un una è sono mio tuo io e o non di in che con per ciao buongiorno buonasera grazie mille "
    "come stai a domani arrivederci benvenuto benvenuti mi chiamo sì molto tutti notte buona",
    "pt": "o a os as um uma é são meu minha seu eu e ou não de em que com por para olá oi obrigado obrigada bom boa "
    "dia tarde noite tudo bem tchau até logo amanhã nome sim muito você",
    "nl": "de het een is zijn mijn jouw ik jij je wij en of niet van in op met voor hallo goedemorgen goedemiddag "
    "dank wel bedankt hoe gaat heet tot morgen welkom allemaal ja nee dag goed",
    "pl": "jest są mój moja ja ty on i lub nie tak z w na do się cześć dzień dobry dziękuję dobranoc proszę jak masz "
    "mam imię jutra witam witaj bardzo wieczór",
    "tr": "bir bu ve ben sen değil evet hayır merhaba günaydın teşekkür ederim teşekkürler nasılsın adım benim iyi "
    "geceler akşamlar günler hoş geldiniz selam çok için",
    "vi": "xin chào cảm ơn bạn tôi là tên không khỏe hẹn gặp lại chúc ngủ ngon và của một có các được",
    "id": "saya kamu anda dan atau tidak ya ini itu di ke dari yang untuk dengan selamat pagi siang malam terima "
    "kasih apa kabar nama sampai jumpa halo sore",
    "cs": "je jsou můj já ty a nebo ne ano v na do se ahoj dobrý den děkuji prosím jak máš jmenuji dobrou noc "
    "shledanou dobré ráno večer velmi",
}  # fmt: skip
"""Words by which short texts are known."""

_SCRIPTS: Final = {
    "LATIN": "latin", "CYRILLIC": "cyrillic", "ARABIC": "arabic", "DEVANAGARI": "devanagari", "CJK": "han",
    "BOPOMOFO": "han", "HIRAGANA": "ja", "KATAKANA": "ja", "HANGUL": "ko", "GREEK": "el", "ARMENIAN": "hy",
    "HEBREW": "he", "BENGALI": "bn", "GURMUKHI": "pa", "GUJARATI": "gu", "ORIYA": "or", "TAMIL": "ta",
    "TELUGU": "te", "KANNADA": "kn", "MALAYALAM": "ml", "SINHALA": "si", "THAI": "th", "MYANMAR": "my",
    "GEORGIAN": "ka", "ETHIOPIC": "am", "SHAVIAN": "en-shaw",
}  # fmt: skip
"""First word of a letter's name in Unicode -> its script, or the language that alone is written in it."""
_READ: Final = frozenset({"", *_SCRIPTS.values()})
_LAST_OF_LATIN: Final = "\u024f"
"""Up to here all letters are Latin, also those that are named after what they are for: ª, º and µ."""
_FIRST_WORD: Final = re.compile("[A-Z]+")


def detect_language(text: str) -> str:
    """The likeliest language of a text, as a code of ISO 639-1. Short texts that tell nothing are English.

    Raises UnknownLanguage where most letters are of a script that no voice is known to read.
    """
    said = _looked_at(text)
    letters = _letters(said)
    scripts = _scripts(letters)
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
            return _likeliest(said, _CYRILLIC, least=0.0, otherwise="ru", n_letters=len(letters))
        case "arabic":
            if lowered & set("ٹڈڑںے"):
                return "ur"
            if lowered & set("پچژگ"):
                return "fa"
            return "ar"
        case "devanagari":
            return _likeliest(said, _DEVANAGARI, least=_SURE, otherwise="hi", n_letters=len(letters))
        case "latin":
            return _likeliest(said, _LATIN, least=_SURE, otherwise=DEFAULT, n_letters=len(letters))
        case other:
            return other


def check_letters(text: str) -> None:
    """Raise UnknownLanguage where `detect_language` would; in milliseconds, as no model is asked."""
    if any(_script(c) not in _READ for c in set(text[:_LOOKED_AT]) if c.isalnum()):
        _scripts(_letters(_looked_at(text)))


def _looked_at(text: str) -> str:
    """The beginning of a text as it is read, without addresses unless they are all the words that it has."""
    beginning = text[:_LOOKED_AT]
    said = readable(without_addresses(beginning))
    return aloud(said if any(map(str.isalpha, said)) else readable(beginning), "")


def _letters(said: str) -> list[str]:
    """The letters of a text; of one without letters, its digits."""
    return [c for c in said if c.isalpha()] or [c for c in said if c.isdecimal()]


def _scripts(letters: Iterable[str]) -> Counter[str]:
    """How many letters are of which script that a voice reads. Raises UnknownLanguage where more are of others."""
    scripts = Counter(_script(letter) for letter in letters)
    unread = Counter({script: n for script, n in scripts.items() if script not in _READ})
    scripts.pop("", None)
    scripts -= unread
    if unread.total() > scripts.total():
        raise UnknownLanguage(unread.most_common(1)[0][0], is_script=True)
    return scripts


def _script(letter: str) -> str:
    """Of `_SCRIPTS`; the script's name in Unicode where no voice reads it; "" for what all scripts use."""
    if letter <= _LAST_OF_LATIN:
        return "latin" if letter.isalpha() else ""
    name = _FIRST_WORD.match(unicodedata.name(letter, ""))
    is_made_of_others = unicodedata.decomposition(letter) != ""
    if name is None or (name[0] == "LATIN" and not is_made_of_others):  # such as phonetic signs: the model knows none
        return ""
    if name[0] in _SCRIPTS:
        return _SCRIPTS[name[0]]
    return "" if is_made_of_others or unicodedata.category(letter) == "Lm" else name[0].title()


def _likeliest(said: str, languages: tuple[str, ...], *, least: float, otherwise: str, n_letters: int) -> str:
    voted = _by_common_words(said) if n_letters <= _SHORT else None
    if voted in languages:
        return voted
    if n_letters < _FEW_LETTERS:
        return otherwise
    code, probability = _model(languages).classify(said.lower())
    if probability < least:
        return otherwise
    return next((ours for ours, theirs in _MODEL_NAMES.items() if theirs == code), str(code))


def _by_common_words(said: str) -> str | None:
    """The language whose common words these are; None where there are none, or as many of another one's."""
    votes: defaultdict[str, float] = defaultdict(float)
    for word in re.findall(r"[\w']+", said.lower().replace("’", "'")):
        known = _common_words().get(word, ())
        for language in known:
            votes[language] += 1 / len(known)
    best, most = max(votes.items(), key=lambda vote: vote[1], default=("", 0.0))
    second = max((n for language, n in votes.items() if language != best), default=0.0)
    if votes.get(DEFAULT, 0.0) >= max(_CLEAR_VOTE, most):
        return DEFAULT
    return best if most >= max(_CLEAR_VOTE, _CLEAR_LEAD * second) else None


@cache
def _common_words() -> dict[str, tuple[str, ...]]:
    """Word -> the languages that have it."""
    out: dict[str, tuple[str, ...]] = {}
    for language, words in _COMMON.items():
        for word in words.split():
            out[word] = (*out.get(word, ()), language)
    return out


@cache
def _model(languages: tuple[str, ...]) -> Any:
    """py3langid's model, which is not typed, for these languages alone."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    made = cast(Any, LanguageIdentifier).from_pickled_model(MODEL_FILE, norm_probs=True)
    made.set_languages([_MODEL_NAMES.get(language, language) for language in languages])
    return made
