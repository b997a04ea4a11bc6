"""Synthetic speech whose phones are known to the millisecond: flite (English) and espeak-ng (many languages).

    python -m training.synthesis --out build/train/tts.npz --hours 6

Programs and texts come from the Debian packages that training/README.md names.
"""

from __future__ import annotations

import argparse
import ctypes
import gzip
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly

from lipwright.articulation import features
from lipwright.articulation.features import Mel
from training.phones import ARPABET, Segment, classes_of_ipa, labels

FLITE_VOICES = ("slt", "rms", "awb")
FLITE_TEST_VOICE = "kal16"
"""A diphone voice, never trained on."""
TEXT_PACKAGES = {
    "en": ("fortunes", "fortunes-min"), "de": ("fortunes-de",), "es": ("fortunes-es",), "it": ("fortunes-it",),
    "pl": ("fortunes-pl",), "pt": ("fortunes-br",), "cs": ("fortunes-cs",), "ru": ("fortunes-ru",),
    "bg": ("fortunes-bg",), "eo": ("fortunes-eo",), "ga": ("fortunes-ga",), "fr": ("manpages-fr",),
}  # fmt: skip
ESPEAK_VOICES = {
    "en-us": "en", "en-gb-scotland": "en", "en-gb-x-rp": "en", "de": "de", "es": "es", "es-419": "es", "it": "it",
    "pl": "pl", "pt-br": "pt", "pt": "pt", "cs": "cs", "ru": "ru", "bg": "bg", "eo": "eo", "ga": "ga", "fr": "fr",
    "uk": "ru", "nl": "de", "tr": "it", "fi": "it", "hu": "cs", "ro": "it", "vi": "es", "sw": "es", "hi": "en",
    "el": "en",
}  # fmt: skip
"""Voice -> language of the text. A voice that reads foreign text still says its own phones."""
ESPEAK_TEST_VOICES = {"sv": "de", "id": "es"}
"""Languages never trained on."""
VARIANTS = ("", "m1", "m3", "m4", "m7", "m8", "f1", "f2", "f3", "f4", "f5", "klatt2", "klatt4")

_SENTENCE = re.compile(r"(?<=[.!?;:])\s+")
_UNSPEAKABLE = re.compile(r"[^\w\s.,;:!?'’\"()-]|_|\d{3,}")


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """One synthetic sentence."""

    samples: NDArray[np.float32]
    """16 kHz."""
    segments: list[Segment]


def read_texts(packages: tuple[str, ...]) -> list[str]:
    """Sentences of 30 to 120 characters from installed Debian packages, without repeats, in a fixed order."""
    sentences: dict[str, None] = {}
    for package in packages:
        listed = subprocess.run(["dpkg", "-L", package], check=True, capture_output=True, text=True).stdout
        for name in sorted(listed.splitlines()):
            path = Path(name)
            is_cookie = path.parts[:5] == ("/", "usr", "share", "games", "fortunes") and path.suffix not in (
                ".dat",
                ".u8",
            )
            is_page = path.match("/usr/share/man/*/man*/*.gz")
            if not (is_cookie or is_page) or not path.is_file() or "off" in path.parts or path.is_symlink():
                continue
            raw = gzip.decompress(path.read_bytes()) if is_page else path.read_bytes()
            try:
                text = raw.decode("utf-8")
            except UnicodeDecodeError:
                text = raw.decode("latin-1")
            if is_page:
                text = "\n".join(line for line in text.splitlines() if line and line[0] not in ".'\\")
            for cookie in re.split(r"\n%\n|\n\n", text):
                for sentence in _SENTENCE.split(" ".join(cookie.split())):
                    if 30 <= len(sentence) <= 120 and not _UNSPEAKABLE.search(sentence):
                        sentences[sentence] = None
    return list(sentences)


def speak_with_flite(text: str, voice: str, *, stretch: float, pitch_hz: float) -> Utterance:
    """One sentence; `stretch` over 1 is slower."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        arguments = ["--setf", f"duration_stretch={stretch:.3f}", "--setf", f"int_f0_target_mean={pitch_hz:.1f}"]
        said = subprocess.run(
            ["flite", "-voice", voice, *arguments, "-psdur", "-t", text, "-o", str(path)],
            check=True, capture_output=True, text=True, timeout=60,
        ).stdout  # fmt: skip
        samples, rate_hz = soundfile.read(path, dtype="float32")
    assert rate_hz == features.RATE_HZ, f"flite {voice} speaks at {rate_hz} Hz"
    segments: list[Segment] = []
    start_s = 0.0
    for token in said.split():
        phone, stop = token.rsplit(":", 1)
        segments.append((start_s, float(stop), ARPABET[phone]))
        start_s = float(stop)
    return Utterance(samples, segments)


class _Name(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint), ("text_position", ctypes.c_int),
        ("length", ctypes.c_int), ("audio_position_ms", ctypes.c_int), ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p), ("id", _Name),
    ]  # fmt: skip


class Espeak:
    """espeak-ng in this process, with its phoneme events."""

    _SYNCHRONOUS = 2
    _PHONEME_EVENTS_IN_IPA = 3
    _PHONEME = 7
    _RATE, _PITCH, _RANGE = 1, 3, 4
    _UTF8 = 1

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libespeak-ng.so.1")
        self.rate_hz: int = self._library.espeak_Initialize(self._SYNCHRONOUS, 0, None, self._PHONEME_EVENTS_IN_IPA)
        self._sound: list[bytes] = []
        self._events: list[tuple[float, str]] = []
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
        self._callback = kind(self._receive)  # kept: the library only borrows it
        self._library.espeak_SetSynthCallback(self._callback)

    def _receive(self, wave: object, n_samples: int, events: object) -> int:
        if n_samples > 0:
            self._sound.append(ctypes.string_at(wave, 2 * n_samples))  # type: ignore[arg-type]
        index = 0
        while events[index].type != 0:  # type: ignore[index]
            event = events[index]  # type: ignore[index]
            if event.type == self._PHONEME:
                name = bytes(event.id.string).decode("utf-8", "ignore")
                self._events.append((event.sample / self.rate_hz, name))
            index += 1
        return 0

    def speak(self, text: str, voice: str, *, words_per_minute: int, pitch: int) -> Utterance:
        """One sentence. Raises ValueError for a voice that is not installed."""
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice!r}")
        self._sound.clear()
        self._events.clear()
        for parameter, value in ((self._RATE, words_per_minute), (self._PITCH, pitch), (self._RANGE, 60)):
            self._library.espeak_SetParameter(parameter, value, 0)
        raw = text.encode()
        self._library.espeak_Synth(raw, len(raw) + 1, 0, 1, 0, self._UTF8, None, None)
        self._library.espeak_Synchronize()
        samples = np.frombuffer(b"".join(self._sound), np.int16).astype(np.float32) / 32768
        duration_s = len(samples) / self.rate_hz
        segments: list[Segment] = []
        times = [start_s for start_s, _ in self._events] + [duration_s]
        for (start_s, name), stop_s in zip(self._events, times[1:], strict=True):
            classes = classes_of_ipa(name) if not name.startswith("(") else ()
            if classes:
                segments.append((start_s, stop_s, classes))
            elif segments and stop_s - start_s < 0.05:  # a stress or tone mark: the last phone goes on
                segments[-1] = (segments[-1][0], stop_s, segments[-1][2])
        common = np.gcd(features.RATE_HZ, self.rate_hz)
        resampled = resample_poly(samples, features.RATE_HZ // common, self.rate_hz // common)
        return Utterance(resampled.astype(np.float32), segments)


def speak_corpus(hours: float, seed: int) -> Iterator[tuple[str, str, Utterance]]:
    """(part, voice, utterance), part "train" or "test"; 45 % flite, 55 % espeak-ng, and a tenth hour of each test."""
    rng = np.random.default_rng(seed)
    texts = {language: read_texts(packages) for language, packages in TEXT_PACKAGES.items()}
    espeak = Espeak()

    def read_by_flite(voice: str, seconds: float, part: str) -> Iterator[tuple[str, str, Utterance]]:
        base_hz = {"slt": 180.0, "rms": 100.0, "awb": 130.0, "kal16": 105.0}[voice]
        while seconds > 0:
            text = texts["en"][rng.integers(len(texts["en"]))]
            stretch, pitch = float(rng.uniform(0.8, 1.25)), base_hz * float(np.exp(rng.uniform(-0.2, 0.2)))
            utterance = speak_with_flite(text, voice, stretch=stretch, pitch_hz=pitch)
            seconds -= len(utterance.samples) / features.RATE_HZ
            yield part, voice, utterance

    def read_by_espeak(voice: str, language: str, seconds: float, part: str) -> Iterator[tuple[str, str, Utterance]]:
        while seconds > 0:
            text = texts[language][rng.integers(len(texts[language]))]
            variant = VARIANTS[rng.integers(len(VARIANTS))]
            name = f"{voice}+{variant}" if variant else voice
            speed, pitch = int(rng.integers(130, 211)), int(rng.integers(20, 86))
            utterance = espeak.speak(text, name, words_per_minute=speed, pitch=pitch)
            if len(utterance.samples) < features.RATE_HZ or not utterance.segments:
                continue
            seconds -= len(utterance.samples) / features.RATE_HZ
            yield part, voice, utterance

    for voice in FLITE_VOICES:
        yield from read_by_flite(voice, hours * 3600 * 0.45 / len(FLITE_VOICES), "train")
    for voice, language in ESPEAK_VOICES.items():
        yield from read_by_espeak(voice, language, hours * 3600 * 0.55 / len(ESPEAK_VOICES), "train")
    yield from read_by_flite(FLITE_TEST_VOICE, 240, "test")
    for voice, language in ESPEAK_TEST_VOICES.items():
        yield from read_by_espeak(voice, language, 120, "test")


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """Many utterances end to end."""

    log_mel: NDArray[np.float16]
    """(n_columns, N_BANDS) log band power."""
    ticks: NDArray[np.int8]
    """(n_columns // 2,) phone class."""
    starts: NDArray[np.int64]
    """First tick of each utterance, and the number of ticks at the end."""
    voices: NDArray[np.str_]
    is_test: NDArray[np.bool_]

    @property
    def seconds(self) -> float:
        return len(self.ticks) / 50

    def power_of(self, index: int) -> Mel:
        """(2 n, N_BANDS) band power of one utterance."""
        start, stop = int(self.starts[index]), int(self.starts[index + 1])
        return np.exp(self.log_mel[2 * start : 2 * stop].astype(np.float32))


def make_corpus(hours: float, seed: int = 1) -> Corpus:
    """Synthesise about `hours` of speech. Deterministic for given versions of the synthesisers."""
    mels: list[NDArray[np.float16]] = []
    ticks: list[NDArray[np.int8]] = []
    voices: list[str] = []
    is_test: list[bool] = []
    for part, voice, utterance in speak_corpus(hours, seed):
        power = features.mel_power(utterance.samples)
        mels.append(np.log(power + 1e-12).astype(np.float16))
        ticks.append(labels(utterance.segments, len(power) // 2).astype(np.int8))
        voices.append(voice)
        is_test.append(part == "test")
    starts = np.cumsum([0, *(len(t) for t in ticks)])
    return Corpus(np.concatenate(mels), np.concatenate(ticks), starts, np.array(voices), np.array(is_test))


def load_corpus(path: Path) -> Corpus:
    with np.load(path) as table:
        return Corpus(table["log_mel"], table["ticks"], table["starts"], table["voices"], table["is_test"])


def save_corpus(corpus: Corpus, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path, log_mel=corpus.log_mel, ticks=corpus.ticks, starts=corpus.starts, voices=corpus.voices,
        is_test=corpus.is_test,
    )  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Synthesise speech with known phones.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--hours", type=float, default=6.0)
    arguments = parser.parse_args()
    made = make_corpus(arguments.hours)
    save_corpus(made, arguments.out)
    counts = {str(v): int((np.diff(made.starts)[made.voices == v]).sum() / 50) for v in np.unique(made.voices)}
    print(f"{made.seconds / 3600:.2f} h, {len(made.voices)} utterances; seconds by voice: {counts}")
