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
from lipwright.voices.ipa import timed_phones
from lipwright.voices.session import Session, as_samples, open_session, read_model, with_durations
from lipwright.voices.ssml import spoken_text

_PAD, _START, _END = "_", "^", "$"
_HOP: Final = 256
_PAUSES: Final = frozenset(" _^$.,;:!?-()'\"")


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
        # names in brackets are changes of language; accents are sounds of their own in these tables
        written = unicodedata.normalize("NFD", ", ".join(_without_brackets(clause) for clause in clauses) + ".")
        letters = [_START, *(c for c in written if c in loaded.ids), _END]
        if not clauses or len(letters) < 4:
            return Utterance(AudioClip(np.zeros(0, np.float32), loaded.rate_hz), None, Timeline(()), voice, language)
        ids: list[int] = []
        names: list[str] = []
        for letter in letters:
            padded = [*loaded.ids[letter], *(loaded.ids[_PAD] if letter != _END else [])]
            ids += padded
            names += [letter, *([""] * (len(padded) - 1))]
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
            ends = np.cumsum(answers[1].reshape(-1) * loaded.hop).astype(int)
            starts = [0, *(int(end) for end in ends[:-1])]
            sounds = [(start, _sound(name)) for start, name in zip(starts, names, strict=True) if name]
            phones = timed_phones(_merged(sounds), clip)
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


def _without_brackets(text: str) -> str:
    out, depth = "", 0
    for letter in text:
        depth += letter == "("
        if depth == 0:
            out += letter
        depth -= letter == ")" and depth > 0
    return out


def _sound(letter: str) -> str:
    return "" if letter in _PAUSES else letter


def _merged(sounds: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Sounds as they are heard: marks of length and stress go with their letter; a space between words is no pause."""
    out: list[tuple[int, str]] = []
    for place, (start, name) in enumerate(sounds):
        is_last = place >= len(sounds) - 2
        if not name and out and not is_last and out[-1][1]:
            continue  # the sound before lasts until the next word begins
        out.append((start, name))
    return out
