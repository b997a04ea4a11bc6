"""Kokoro: one network, 54 voices, nine languages; the most natural here, and the slowest. Phones are not known.

The network reads IPA, which eSpeak NG writes out of process.
"""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lipwright import weights
from lipwright.core.errors import BrokenVoice, UnknownLanguage, UnknownVoice
from lipwright.core.media import AudioClip
from lipwright.core.options import VoiceOptions
from lipwright.core.speech import Utterance
from lipwright.core.time import Span
from lipwright.core.timeline import Timed, Timeline
from lipwright.voices.base import Gender, Manner, VoiceInfo
from lipwright.voices.espeak import Espeak
from lipwright.voices.files import KOKORO_MODEL, KOKORO_STYLES, folder_of, require
from lipwright.voices.ipa import without_marks
from lipwright.voices.session import Session, as_samples, open_session, read_model
from lipwright.voices.ssml import spoken_text
from lipwright.voices.text import last_sign

RATE_HZ: Final = 24_000
_SILENT: Final = 0.003
_KEPT_SILENCE_S: Final = 0.06
LONGEST: Final = 510
"""Letters that the network reads at once."""

LANGUAGES: Final = {
    "a": "en-us", "b": "en-gb", "e": "es", "f": "fr", "h": "hi", "i": "it", "j": "ja", "p": "pt-br", "z": "zh",
}  # fmt: skip
"""First letter of a voice's name -> its language; the second letter is f or m."""
VOICES: Final = (
    "af_alloy", "af_aoede", "af_bella", "af_heart", "af_jessica", "af_kore", "af_nicole", "af_nova", "af_river",
    "af_sarah", "af_sky", "am_adam", "am_echo", "am_eric", "am_fenrir", "am_liam", "am_michael", "am_onyx", "am_puck",
    "am_santa", "bf_alice", "bf_emma", "bf_isabella", "bf_lily", "bm_daniel", "bm_fable", "bm_george", "bm_lewis",
    "ef_dora", "em_alex", "em_santa", "ff_siwis", "hf_alpha", "hf_beta", "hm_omega", "hm_psi", "if_sara", "im_nicola",
    "jf_alpha", "jf_gongitsune", "jf_nezumi", "jf_tebukuro", "jm_kumo", "pf_dora", "pm_alex", "pm_santa", "zf_xiaobei",
    "zf_xiaoni", "zf_xiaoxiao", "zf_xiaoyi", "zm_yunjian", "zm_yunxi", "zm_yunxia", "zm_yunyang",
)  # fmt: skip
_WEIGHTS_ARRAY: Final = (LONGEST, 1, 256)

IDS: Final[dict[str, int]] = {
    ";": 1, ":": 2, ",": 3, ".": 4, "!": 5, "?": 6, "—": 9, "…": 10, '"': 11, "(": 12, ")": 13, "“": 14, "”": 15,
    " ": 16, "\u0303": 17, "ʣ": 18, "ʥ": 19, "ʦ": 20, "ʨ": 21, "ᵝ": 22, "\uab67": 23, "A": 24, "I": 25, "O": 31,
    "Q": 33, "S": 35, "T": 36, "W": 39, "Y": 41, "ᵊ": 42, "a": 43, "b": 44, "c": 45, "d": 46, "e": 47, "f": 48,
    "h": 50, "i": 51, "j": 52, "k": 53, "l": 54, "m": 55, "n": 56, "o": 57, "p": 58, "q": 59, "r": 60, "s": 61,
    "t": 62, "u": 63, "v": 64, "w": 65, "x": 66, "y": 67, "z": 68, "ɑ": 69, "ɐ": 70, "ɒ": 71, "æ": 72, "β": 75,
    "ɔ": 76, "ɕ": 77, "ç": 78, "ɖ": 80, "ð": 81, "ʤ": 82, "ə": 83, "ɚ": 85, "ɛ": 86, "ɜ": 87, "ɟ": 90, "ɡ": 92,
    "ɥ": 99, "ɨ": 101, "ɪ": 102, "ʝ": 103, "ɯ": 110, "ɰ": 111, "ŋ": 112, "ɳ": 113, "ɲ": 114, "ɴ": 115, "ø": 116,
    "ɸ": 118, "θ": 119, "œ": 120, "ɹ": 123, "ɾ": 125, "ɻ": 126, "ʁ": 128, "ɽ": 129, "ʂ": 130, "ʃ": 131, "ʈ": 132,
    "ʧ": 133, "ʊ": 135, "ʋ": 136, "ʌ": 138, "ɣ": 139, "ɤ": 140, "χ": 142, "ʎ": 143, "ʒ": 147, "ʔ": 148, "ˈ": 156,
    "ˌ": 157, "ː": 158, "ʰ": 162, "ʲ": 164, "↓": 169, "→": 171, "↗": 172, "↘": 173, "ᵻ": 177,
}  # fmt: skip
"""The network's letters."""


class Kokoro:
    """Voices `kokoro:NAME`."""

    name = "kokoro"

    def __init__(
        self, folder: Path | None = None, espeak: Espeak | None = None, session: Session | None = None
    ) -> None:
        self._folder = folder_of(VoiceOptions()) if folder is None else folder
        self._espeak = Espeak() if espeak is None else espeak
        self._session = session
        self._styles: dict[str, NDArray[np.float32]] = {}
        self._lock = threading.Lock()

    @classmethod
    def with_options(cls, options: VoiceOptions) -> Kokoro:
        return cls(folder_of(options))

    def voices(self) -> Sequence[VoiceInfo]:
        is_here = all(weights.is_here(file, self._folder) for file in (KOKORO_MODEL, KOKORO_STYLES))
        return [
            VoiceInfo(
                f"kokoro:{name}",
                LANGUAGES[name[0]],
                name[3:].capitalize(),
                _gender(name),
                KOKORO_MODEL.licence,
                is_here,
            )
            for name in VOICES
        ]

    def language_of(self, voice: str, language: str | None) -> str | None:
        if voice not in VOICES:
            raise UnknownVoice(f"kokoro:{voice}")
        own = LANGUAGES[voice[0]]
        if language is not None and language.lower().replace("_", "-").split("-")[0] != own.split("-")[0]:
            raise UnknownLanguage(language, voice=f"kokoro:{voice}")
        return own

    def is_here(self, voice: str) -> bool:
        if voice not in VOICES:
            raise UnknownVoice(f"kokoro:{voice}")
        return all(weights.is_here(file, self._folder) for file in (KOKORO_MODEL, KOKORO_STYLES))

    def speak(self, text: str, voice: str, language: str, manner: Manner) -> Utterance:
        session, style = self._load(voice)
        said = spoken_text(text) if manner.is_ssml else text
        clauses = self._espeak.transcribe(said, LANGUAGES[voice[0]], limit_s=manner.limit_s)
        parts = [
            self._say(session, style, letters, manner.speed)
            for letters in _batches(", ".join(map(_in_its_letters, clauses)) + last_sign(said))
            if letters
        ]
        samples = np.concatenate(parts) if parts and clauses else np.zeros(0, np.float32)
        clip = AudioClip(samples, RATE_HZ)
        whole = (Timed(Span(clip.duration_s * 0, clip.duration_s), said),) if len(samples) else ()
        return Utterance(clip, None, Timeline(whole), f"kokoro:{voice}", language)

    def _say(
        self, session: Session, style: NDArray[np.float32], letters: list[int], speed: float
    ) -> NDArray[np.float32]:
        names = {one.name for one in session.get_inputs()}
        inputs: dict[str, NDArray[Any]] = {
            "input_ids" if "input_ids" in names else "tokens": np.array([[0, *letters, 0]], np.int64),
            "style": style[len(letters) - 1],
            # later exports take the speed as a whole number: those speak at their own
            "speed": np.array([1], np.int32) if "input_ids" in names else np.array([speed], np.float32),
        }
        return _trimmed(as_samples(session.run(None, inputs)[0]))

    def _load(self, voice: str) -> tuple[Session, NDArray[np.float32]]:
        if voice not in VOICES:
            raise UnknownVoice(f"kokoro:{voice}")
        with self._lock:
            model, styles = require((KOKORO_MODEL, KOKORO_STYLES), self._folder, f"kokoro:{voice}")
            if self._session is None:
                self._session = open_session(read_model(model, f"kokoro:{voice}"), f"kokoro:{voice}")
            if voice not in self._styles:
                self._styles[voice] = _style(styles, voice)
            return self._session, self._styles[voice]


def _style(path: Path, voice: str) -> NDArray[np.float32]:
    """(510, 1, 256): the voice at each length of text. Raises BrokenVoice."""
    try:
        with np.load(path, allow_pickle=False) as table:
            style = np.asarray(table[voice], np.float32)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as exc:
        raise BrokenVoice(f"kokoro:{voice}", f"{path.name} cannot be read ({exc})") from exc
    if style.shape != _WEIGHTS_ARRAY:
        raise BrokenVoice(f"kokoro:{voice}", f"{path.name} holds {style.shape} for it, not {_WEIGHTS_ARRAY}")
    return style


def _trimmed(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Without the silence around: the network adds up to 0.6 s of it, and pauses are made elsewhere."""
    loud = np.flatnonzero(np.abs(samples) > _SILENT)
    margin = int(_KEPT_SILENCE_S * RATE_HZ)
    return samples[max(0, loud[0] - margin) : loud[-1] + margin] if len(loud) else samples[:0]


def _in_its_letters(clause: str) -> str:
    """eSpeak NG's IPA in the network's: to it the stop in Mandarin's "s." and "i." is the end of a sentence."""
    return without_marks(clause).replace("ts.", "ʈʂ").replace("s.", "ʂ").replace("i.", "ɨ").replace(".", "")


def _batches(written: str) -> Iterator[list[int]]:
    """The network's letters of a text in IPA, in pieces that it can read, cut at spaces."""
    letters = [IDS[c] for c in written if c in IDS]
    while len(letters) > LONGEST:
        spaces = [k for k in range(LONGEST) if letters[k] == IDS[" "]]
        cut = spaces[-1] + 1 if spaces else LONGEST
        yield letters[:cut]
        letters = letters[cut:]
    yield letters


def _gender(name: str) -> Gender:
    return "female" if name[1] == "f" else "male"
