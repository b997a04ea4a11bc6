"""Twenty classes of sounds that look different on the lips, and how phone names map to them."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lipwright.articulation.phones import PHONES

RATE_HZ = 50
CLASS = {name: index for index, name in enumerate(PHONES)}
SIL = CLASS["sil"]
PBM = CLASS["PBM"]
OPEN_VOWELS = tuple(CLASS[name] for name in ("A", "E", "O"))

Segment = tuple[float, float, tuple[str, ...]]
"""Start and stop in seconds, and the classes that share the time between them."""

ARPABET: dict[str, tuple[str, ...]] = {
    "pau": ("sil",), "sil": ("sil",), "h#": ("sil",), "brth": ("sil",), "ssil": ("sil",),
    "aa": ("A",), "ae": ("A",), "ah": ("A",), "ao": ("O",), "aw": ("A", "U"), "ax": ("schwa",), "axr": ("ER",),
    "ay": ("A", "I"), "b": ("PBM",), "ch": ("SH",), "d": ("TDN",), "dh": ("TH",), "dx": ("TDN",), "eh": ("E",),
    "el": ("L",), "em": ("PBM",), "en": ("TDN",), "er": ("ER",), "ey": ("E", "I"), "f": ("FV",), "g": ("KG",),
    "hh": ("H",), "hv": ("H",), "ih": ("I",), "iy": ("I",), "jh": ("SH",), "k": ("KG",), "l": ("L",), "m": ("PBM",),
    "n": ("TDN",), "nx": ("TDN",), "ng": ("KG",), "ow": ("O", "U"), "oy": ("O", "I"), "p": ("PBM",), "r": ("R",),
    "s": ("SZ",), "sh": ("SH",), "t": ("TDN",), "th": ("TH",), "uh": ("U",), "uw": ("U",), "v": ("FV",), "w": ("W",),
    "y": ("J",), "z": ("SZ",), "zh": ("SH",),
}  # fmt: skip

_LETTERS = {
    "PBM": "pbmɓ", "FV": "fvʋɱɸβ", "TH": "θð", "TDN": "tdnʈɖɳɗ", "L": "lɫɭɬɮ", "KG": "kɡgŋxɣqɢχʁɴɠ", "SZ": "sz",
    "SH": "ʃʒɕʑʂʐ", "R": "rɹɾɻɽʀ", "W": "wʍ", "J": "jʝçɲɟcʎɥ", "H": "hɦħʕʔɧ", "A": "aɑæʌɐɶ", "E": "eɛ",
    "I": "iɪɨɯ", "O": "oɔɒøœ", "U": "uʊʉyʏ", "schwa": "əɘɵɤ", "ER": "ɜɝɚɞ",
}  # fmt: skip
_IPA = {letter: name for name, letters in _LETTERS.items() for letter in letters}
_AFFRICATES = {"tʃ": "SH", "dʒ": "SH", "tɕ": "SH", "dʑ": "SH", "tʂ": "SH", "dʐ": "SH", "ts": "SZ", "dz": "SZ"}


def classes_of_ipa(name: str) -> tuple[str, ...]:
    """At most two classes of one phone as espeak-ng writes it; none for marks that make no sound."""
    bare = "".join(c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c))
    for affricate, found in _AFFRICATES.items():
        if bare.startswith(affricate):
            return (found,)
    found = [_IPA[c] for c in bare if c in _IPA]
    return tuple(dict.fromkeys(found))[:2]


def labels(segments: Sequence[Segment], n_ticks: int) -> NDArray[np.int64]:
    """(n_ticks,) class at each 50th of a second; silence where nothing is said."""
    ticks = np.full(n_ticks, SIL, np.int64)
    for start_s, stop_s, names in segments:
        edges = np.linspace(start_s, stop_s, len(names) + 1)
        for name, low, high in zip(names, edges[:-1], edges[1:], strict=True):
            ticks[int(np.ceil(low * RATE_HZ)) : int(np.ceil(high * RATE_HZ))] = CLASS[name]
    return ticks
