"""How sounds written in the International Phonetic Alphabet look on the lips."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lipwright.core.media import AudioClip
from lipwright.core.speech import SILENCE, Phone
from lipwright.core.time import Span
from lipwright.core.timeline import Timed, Timeline

_LETTERS = {
    "PBM": "pbmɓ", "FV": "fvʋɱɸβ", "TH": "θð", "TDN": "tdnʈɖɳɗ", "L": "lɫɭɬɮ", "KG": "kɡgŋxɣqɢχʁɴɠ", "SZ": "sz",
    "SH": "ʃʒɕʑʂʐ", "R": "rɹɾɻɽʀ", "W": "wʍ", "J": "jʝçɲɟcʎɥ", "H": "hɦħʕʔɧ", "A": "aɑæʌɐɶ", "E": "eɛ",
    "I": "iɪɨɯᵻ", "O": "oɔɒøœ", "U": "uʊʉyʏ", "schwa": "əɘɵɤ", "ER": "ɜɝɚɞ",
}  # fmt: skip
LOOKS: Final = ("sil", *_LETTERS)
"""`articulation.phones.PHONES`, without loading what listens."""
_LOOK_OF: Final = {letter: look for look, letters in _LETTERS.items() for letter in letters}
_AFFRICATES: Final = {
    "tʃ": "SH", "dʒ": "SH", "tɕ": "SH", "dʑ": "SH", "tʂ": "SH", "dʐ": "SH", "ts": "SZ", "dz": "SZ",
}  # fmt: skip
_STOPS: Final = frozenset({"PBM", "TDN", "KG"})

_SHORTEST_LEAD_IN_S: Final = 0.06
"""Less silence than this before the first sound belongs to it."""
_SHORTEST_OCCLUSION_S, _LONGEST_OCCLUSION_S = 0.03, 0.08
_OCCLUSION_IN_A_PAUSE_S: Final = 0.05
_QUIET: Final = 0.1
"""Amplitude, of the loudest in the sound before, under which a stop holds the air back; echo may go on."""
_VOICELESS: Final = tuple("ptkcqʈ")


def looks_of(name: str) -> tuple[str, ...]:
    """At most two classes of `articulation.phones.PHONES` for a sound in IPA; none for marks that make no sound."""
    bare = "".join(c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c))
    bare = bare.lstrip("ˈˌ")
    for affricate, look in _AFFRICATES.items():
        if bare.startswith(affricate):
            return (look,)
    return tuple(dict.fromkeys(_LOOK_OF[c] for c in bare if c in _LOOK_OF))[:2]


def timed_phones(starts: Sequence[tuple[int, str]], clip: AudioClip) -> Timeline[Phone]:
    """Phones that tile `clip` from sounds in IPA and the samples at which they begin; an empty name is a pause.

    Marks without a sound of their own (stress, tone) lengthen the sound before them, and names in brackets (a
    change of language) the one after. A synthesiser announces p, t and k when they burst: what is silent before
    that belongs to them, because the lips or the tongue close there.
    """
    n_samples = len(clip.samples)
    rows: list[tuple[int, Phone]] = []
    for start, name in starts:
        looks = looks_of(name)
        if name.startswith("(") or not 0 <= start < n_samples or (name and not looks):
            continue
        phone = Phone(name.strip("ˈˌ"), looks) if looks else SILENCE
        if rows and rows[-1][0] >= start:
            rows.pop()
        if not (rows and phone.is_silence and rows[-1][1].is_silence):
            rows.append((start, phone))
    if not rows:
        rows = [(0, SILENCE)]
    elif rows[0][0] > _SHORTEST_LEAD_IN_S * clip.rate_hz and not rows[0][1].is_silence:
        rows.insert(0, (0, SILENCE))
    rows[0] = (0, rows[0][1])
    edges = [0, *(_closed_from(rows, k, clip) for k in range(1, len(rows))), n_samples]
    items = [
        Timed(Span(Fraction(low, clip.rate_hz), Fraction(high, clip.rate_hz)), phone)
        for (_, phone), low, high in zip(rows, edges[:-1], edges[1:], strict=True)
        if high > low
    ]
    return Timeline(tuple(items))


def _closed_from(rows: list[tuple[int, Phone]], index: int, clip: AudioClip) -> int:
    """The sample from which on a sound is articulated."""
    start, phone = rows[index]
    before_start, before = rows[index - 1]
    if phone.looks[0] not in _STOPS or not (before.is_silence or phone.name.startswith(_VOICELESS)):
        return start
    if before.is_silence:
        return max(before_start + 1, start - round(_OCCLUSION_IN_A_PAUSE_S * clip.rate_hz))
    half = before_start + (start - before_start) // 2
    latest = max(half, start - round(_SHORTEST_OCCLUSION_S * clip.rate_hz))
    earliest = max(half, start - round(_LONGEST_OCCLUSION_S * clip.rate_hz))
    loudness: NDArray[np.float32] = np.abs(clip.samples[before_start:start])
    loud = np.flatnonzero(loudness > _QUIET * loudness.max(initial=0.0))
    quiet_from = before_start + (int(loud[-1]) + 1 if len(loud) else 0)
    return min(max(quiet_from, earliest), latest)


def without_marks(written: str) -> str:
    """What eSpeak NG wrote, without the names in brackets by which it tells of a change of language."""
    out, depth = "", 0
    for letter in written:
        depth += letter == "("
        if depth == 0:
            out += letter
        depth -= letter == ")" and depth > 0
    return out
