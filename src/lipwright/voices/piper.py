"""Piper: natural voices of the kind VITS, one small network each. Their sounds come from eSpeak NG, out of process.

How long each sound is, is known inside the network; it is asked for (`session.with_durations`).
"""

from __future__ import annotations

import json
import threading
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from lipwright import weights
from lipwright.core.errors import BrokenVoice, UnknownLanguage, UnknownVoice
from lipwright.core.media import AudioClip
from lipwright.core.options import VoiceOptions
from lipwright.core.speech import Utterance
from lipwright.core.time import Span
from lipwright.core.timeline import Timed, Timeline
from lipwright.voices.base import Manner, VoiceInfo
from lipwright.voices.espeak import Espeak
from lipwright.voices.files import PIPER, PiperVoice, folder_of, require
from lipwright.voices.ipa import timed_phones, without_marks
from lipwright.voices.session import Session, as_samples, open_session, read_model, with_durations
from lipwright.voices.ssml import spoken_text
from lipwright.voices.text import last_sign

_PAD, _START, _END = "_", "^", "$"
_HOP: Final = 256
_SPACE, _STRESS = " ", "ˈˌ"
_PAUSES: Final = frozenset("_^$.,;:!?-()'\"")


@dataclass(frozen=True, slots=True, eq=False)
class _Loaded:
    session: Session
    rate_hz: int
    hop: int
    language: str
    """eSpeak NG's, in which the text is written out."""
    ids: dict[str, list[int]]
    noise: float
    length: float
    noise_width: float
    n_speakers: int
    has_durations: bool


class Piper:
    """Voices `piper:NAME`: those of `files.PIPER`, and any other whose two files lie in the folder of voices."""

    name = "piper"

    def __init__(self, folder: Path | None = None, espeak: Espeak | None = None) -> None:
        self._folder = folder_of(VoiceOptions()) if folder is None else folder
        self._espeak = Espeak() if espeak is None else espeak
        self._loaded: dict[str, _Loaded] = {}
        self._lock = threading.Lock()

    @classmethod
    def with_options(cls, options: VoiceOptions) -> Piper:
        return cls(folder_of(options))

    def voices(self) -> Sequence[VoiceInfo]:
        """Those that are known, and an operator's own."""
        known = [
            VoiceInfo(
                f"piper:{one.name}", one.language, one.title, one.gender, one.licence,
                all(weights.is_here(file, self._folder) for file in one.files),
            )
            for one in PIPER.values()
        ]  # fmt: skip
        own = sorted(path.name.removesuffix(".onnx") for path in self._folder.glob("*-*-*.onnx"))
        return [
            *known,
            *(
                VoiceInfo(f"piper:{name}", name.split("-")[0].replace("_", "-").lower(), name)
                for name in own
                if name not in PIPER and (self._folder / f"{name}.onnx.json").is_file()
            ),
        ]

    def _find(self, voice: str) -> VoiceInfo:
        found = next((one for one in self.voices() if one.name == f"piper:{voice}"), None)
        if found is None:
            raise UnknownVoice(f"piper:{voice}")
        return found

    def language_of(self, voice: str, language: str | None) -> str | None:
        own = self._find(voice).language
        if language is not None and language.lower().replace("_", "-").split("-")[0] != own.split("-")[0]:
            raise UnknownLanguage(language, voice=f"piper:{voice}")
        return own

    def is_here(self, voice: str) -> bool:
        return self._find(voice).is_here

    def speak(self, text: str, voice: str, language: str, manner: Manner) -> Utterance:
        loaded = self._load(voice)
        said = spoken_text(text) if manner.is_ssml else text
        clauses = self._espeak.transcribe(said, loaded.language, limit_s=manner.limit_s)
        # accents are sounds of their own in these tables
        sign = last_sign(said)
        sign = sign if sign in loaded.ids else "."
        written = unicodedata.normalize("NFD", ", ".join(without_marks(clause) for clause in clauses) + sign)
        letters = [_START, *(c for c in written if c in loaded.ids), _END]
        if not clauses or len(letters) < 4:
            return Utterance(AudioClip(np.zeros(0, np.float32), loaded.rate_hz), None, Timeline(()), voice, language)
        ids: list[int] = []
        last: list[int] = []  # where in `ids` each letter ends
        for letter in letters:
            ids += loaded.ids[letter]
            last.append(len(ids) - 1)
            ids += loaded.ids[_PAD] if letter != _END else []
        inputs = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array([loaded.noise, loaded.length / manner.speed, loaded.noise_width], np.float32),
        }
        if loaded.n_speakers > 1:
            inputs["sid"] = np.array([0], np.int64)
        answers = loaded.session.run(None, inputs)
        clip = AudioClip(as_samples(answers[0]), loaded.rate_hz)
        phones = None
        if loaded.has_durations and answers[1].size == len(ids):
            ends = np.cumsum(answers[1].reshape(-1) * loaded.hop)[last].astype(int).tolist()
            phones = timed_phones(_sounds(letters, ends), clip)
        whole = Timed(Span(clip.duration_s * 0, clip.duration_s), said)
        return Utterance(clip, phones, Timeline((whole,)), f"piper:{voice}", language)

    def _load(self, voice: str) -> _Loaded:
        self._find(voice)
        with self._lock:
            if voice not in self._loaded:
                self._loaded[voice] = self._open(voice)
            return self._loaded[voice]

    def _open(self, voice: str) -> _Loaded:
        known: PiperVoice | None = PIPER.get(voice)
        if known is not None:
            model_path, table_path = require(known.files, self._folder, f"piper:{voice}")
        else:
            model_path, table_path = self._folder / f"{voice}.onnx", self._folder / f"{voice}.onnx.json"
        try:
            table = cast(dict[str, Any], json.loads(table_path.read_text(encoding="utf-8")))
            if table.get("phoneme_type", "espeak") != "espeak":
                raise BrokenVoice(f"piper:{voice}", f"it reads {table['phoneme_type']}, and only IPA is written for it")
            inference = cast(dict[str, float], table.get("inference", {}))
            session = open_session(with_durations(read_model(model_path, voice)), f"piper:{voice}")
            return _Loaded(
                session, int(table["audio"]["sample_rate"]), int(table.get("hop_length", _HOP)),
                str(table["espeak"]["voice"]), cast(dict[str, list[int]], table["phoneme_id_map"]),
                float(inference.get("noise_scale", 0.667)), float(inference.get("length_scale", 1.0)),
                float(inference.get("noise_w", 0.8)), int(table.get("num_speakers", 1)),
                len(session.get_outputs()) > 1,
            )  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise BrokenVoice(f"piper:{voice}", f"its table {table_path.name} cannot be read ({exc})") from exc


def _sounds(letters: Sequence[str], ends: Sequence[int]) -> list[tuple[int, str]]:
    """Where each sound begins, from where each letter ends, samples; an empty name is a pause.

    What stands between two sounds (pads, marks of stress, the space between words) belongs to the second: so what a
    recogniser hears agrees best with it (53 % of the time; 31 % where it belongs to the first, and is 40 ms late).
    """
    out: list[tuple[int, str]] = []
    at = 0
    for letter, end in zip(letters, ends, strict=True):
        if letter in _STRESS or (letter == _SPACE and out and out[-1][1]):
            continue
        if letter != _SPACE:
            out.append((at, "" if letter in _PAUSES else letter))
        at = end
    return out
