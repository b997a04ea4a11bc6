"""eSpeak NG: about a hundred languages, robotic and clear, in any of many timbres; its phones are known exactly.

The library and its data come in the wheel of `espeakng-loader`. It runs in child processes (`espeak_child.py`), a few
of them, so that several sentences are spoken at once and none can take the caller down.
"""

from __future__ import annotations

import atexit
import json
import os
import queue
import select
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import Any, Final

import numpy as np

from lipwright.core.errors import BrokenVoice, UnknownLanguage, UnknownVoice
from lipwright.core.media import AudioClip
from lipwright.core.speech import Utterance
from lipwright.core.time import Span
from lipwright.core.timeline import Timed, Timeline
from lipwright.voices.base import Gender, Manner, VoiceInfo
from lipwright.voices.ipa import timed_phones

N_CHILDREN: Final = 4
"""At most so many sentences at once."""
_START_LIMIT_S: Final = 20.0
_LONGEST_SENTENCE_S: Final = 300
"""Of sound; an SSML document can ask for pauses without end."""
_WORDS_PER_MIN: Final = 165
_SLOWEST, _FASTEST = 80, 450
_PITCH, _PITCH_RANGE = 50, 55
_PITCH_PER_SEMITONE: Final = 5.2
"""Steps of eSpeak NG's pitch around its middle (measured: 50 -> 60 raises the voice by 1.9 semitones)."""

_OTHER_NAMES: Final = {
    "en": "en-us", "zh": "cmn", "zh-cn": "cmn", "zh-tw": "cmn", "zh-hans": "cmn", "zh-hant": "cmn", "zh-hk": "yue",
    "pt": "pt-br", "no": "nb", "nn": "nb", "iw": "he", "in": "id", "tl": "id", "fil": "id", "es-mx": "es-419",
    "es-us": "es-419", "es-ar": "es-419", "pt-pt": "pt", "en-uk": "en-gb", "en-au": "en-gb", "en-in": "en-gb",
    "en-ie": "en-gb", "fr": "fr-fr", "vi-vn": "vi",
}  # fmt: skip
"""Languages as people name them -> as eSpeak NG does, where one is not the beginning of the other."""

_MUTE: Final = frozenset({"fo", "kaa", "xex"})
"""Languages that it lists and cannot say: their dictionaries are not in the wheel."""


class _Died(Exception):
    """The child ended, hung, or said what cannot be understood."""


class _Child:
    """One process."""

    def __init__(self) -> None:
        library, data = _files()
        program = Path(__file__).with_name("espeak_child.py")
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(program), str(library), str(data)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C in the terminal is the caller's to handle
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)

    def ask(self, request: dict[str, Any], limit_s: float) -> tuple[dict[str, Any], bytes]:
        """Raises _Died."""
        until_s = monotonic() + limit_s
        body = json.dumps(request).encode()
        self._write(struct.pack("<I", len(body)) + body, until_s)
        head = json.loads(self._read(struct.unpack("<I", self._read(4, until_s))[0], until_s))
        return head, self._read(struct.unpack("<I", self._read(4, until_s))[0], until_s)

    def _write(self, data: bytes, until_s: float) -> None:
        left = memoryview(data)
        while left:
            self._wait(self._in, select.POLLOUT, until_s)
            try:
                left = left[os.write(self._in, left) :]
            except OSError as exc:
                raise _Died("it crashed") from exc

    def _read(self, n_bytes: int, until_s: float) -> bytes:
        read = bytearray()
        while len(read) < n_bytes:
            self._wait(self._out, select.POLLIN, until_s)
            part = os.read(self._out, n_bytes - len(read))
            if not part:
                raise _Died("it crashed")
            read += part
        return bytes(read)

    def _wait(self, descriptor: int, event: int, until_s: float) -> None:
        poll = select.poll()
        poll.register(descriptor, event)
        left_ms = max(0, int((until_s - monotonic()) * 1000))
        if not poll.poll(left_ms):
            raise _Died("it took too long")

    def close(self) -> None:
        # the whole group: a copy that hangs while it speaks too
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                # what could not be written any more is of no use to a process that has ended
                try:
                    stream.close()
                except BrokenPipeError:
                    continue


class EspeakPool:
    """A few children, started when they are needed, each used by one thread at a time."""

    def __init__(self, n_children: int = N_CHILDREN) -> None:
        self._idle: queue.LifoQueue[_Child] = queue.LifoQueue()
        self._places = threading.BoundedSemaphore(n_children)
        self._process_id = os.getpid()

    def ask(self, request: dict[str, Any], limit_s: float = _START_LIMIT_S) -> tuple[dict[str, Any], bytes]:
        """Raises BrokenVoice: the child that did not answer in time, or crashed, is gone, and the next is fresh."""
        with self._child() as child:
            try:
                told, sound = child.ask(request, limit_s)
            except (_Died, ValueError, struct.error) as exc:
                child.close()
                raise BrokenVoice("espeak", str(exc)) from exc
            except BaseException:
                child.close()
                raise
            self._idle.put(child)
            return told, sound

    @contextmanager
    def _child(self) -> Generator[_Child]:
        with self._places:
            try:
                child = self._idle.get_nowait()
            except queue.Empty:
                child = _Child()
            yield child

    def close(self) -> None:
        """End the children. The pool can be used again."""
        if os.getpid() != self._process_id:
            return  # a copy of the caller, made by fork, must not end the children of its parent
        while True:
            try:
                self._idle.get_nowait().close()
            except queue.Empty:
                return


def _files() -> tuple[Path, Path]:
    """Library and data. Raises BrokenVoice."""
    spec = find_spec("espeakng_loader")
    folder = Path(spec.origin).parent if spec is not None and spec.origin is not None else None
    if folder is None or not (folder / "espeak-ng-data").is_dir():
        raise BrokenVoice("espeak", "the package espeakng-loader is not installed")
    library = "libespeak-ng.dylib" if sys.platform == "darwin" else "libespeak-ng.so"
    return folder / library, folder / "espeak-ng-data"


@cache
def _pool(process_id: int) -> EspeakPool:
    made = EspeakPool()
    atexit.register(made.close)
    return made


def shared_pool() -> EspeakPool:
    """The pool of this process."""
    return _pool(os.getpid())


@cache
def _languages() -> dict[str, tuple[str, str]]:
    """Language as eSpeak NG writes it -> title and file, in alphabetical order."""
    told, _ = shared_pool().ask({"do": "list"})
    rows = ((row["language"], (row["name"].replace("_", " "), row["identifier"])) for row in told["voices"])
    return {language: about for language, about in sorted(rows) if language not in _MUTE}


@cache
def _as_it_writes() -> dict[str, str]:
    """Language in small letters -> as eSpeak NG writes it: Cherokee is chr-US-Qaaa-x-west."""
    return {language.lower(): language for language in _languages()}


@cache
def variants() -> dict[str, Gender]:
    """The timbres, as `+NAME` behind any language: name -> gender."""
    _, data = _files()
    found: dict[str, Gender] = {}
    for path in sorted((data / "voices" / "!v").iterdir()):
        words = path.read_text(encoding="utf-8", errors="replace").split()
        gender = words[words.index("gender") + 1] if "gender" in words else "unknown"
        found[path.name] = "female" if gender == "female" else "male" if gender == "male" else "unknown"
    return found


def espeak_language(language: str) -> str | None:
    """A language as people write it ("pt-BR", "zh_CN", "en") in eSpeak NG's words, or None where it has none."""
    wanted = language.strip().lower().replace("_", "-")
    known = _as_it_writes()
    while wanted:
        other = _OTHER_NAMES.get(wanted, wanted)
        if other in known:
            return known[other]
        wanted = wanted.rpartition("-")[0]
    return None


def _file(language: str, variant: str = "") -> str:
    """What eSpeak NG opens for a language of `_languages`: its own names do not take every variant."""
    _, file = _languages()[language]
    return f"{file}+{variant}" if variant else file


class Espeak:
    """Voices `espeak:LANGUAGE+VARIANT`; either may be left out."""

    name = "espeak"

    def __init__(self, pool: EspeakPool | None = None) -> None:
        self._own_pool = pool

    @property
    def pool(self) -> EspeakPool:
        return shared_pool() if self._own_pool is None else self._own_pool

    def voices(self) -> Sequence[VoiceInfo]:
        """One for each language; every one takes `+VARIANT` (`variants`)."""
        return [VoiceInfo(f"espeak:{code}", code, title) for code, (title, _) in _languages().items()]

    def language_of(self, voice: str, language: str | None) -> str | None:
        own, _ = self._parts(voice)
        if language is not None:
            found = espeak_language(language)
            if found is None:
                raise UnknownLanguage(language, voice=f"espeak:{voice}")
            if own is not None and found.split("-")[0] != own.split("-")[0]:
                raise UnknownLanguage(language, voice=f"espeak:{voice}")
        return own if own is not None else language

    def is_here(self, voice: str) -> bool:
        self._parts(voice)
        return True

    def _parts(self, voice: str) -> tuple[str | None, str]:
        """Language, or None, and variant, or "". Raises UnknownVoice."""
        wanted, _, variant = voice.partition("+")
        own = espeak_language(wanted) if wanted else None
        if (wanted and own is None) or (variant and variant not in variants()):
            raise UnknownVoice(f"espeak:{voice}")
        return own, variant

    def speak(self, text: str, voice: str, language: str, manner: Manner) -> Utterance:
        _, variant = self._parts(voice)
        spoken = espeak_language(language)
        if spoken is None:
            raise UnknownLanguage(language, voice=f"espeak:{voice}")
        full = f"{spoken}+{variant}" if variant else spoken
        request = {
            "do": "speak", "text": text.replace("\0", " "), "voice": _file(spoken, variant), "is_ssml": manner.is_ssml,
            "words_per_min": min(max(round(_WORDS_PER_MIN * manner.speed), _SLOWEST), _FASTEST),
            "pitch": min(max(round(_PITCH + _PITCH_PER_SEMITONE * manner.pitch), 0), 99),
            "range": _PITCH_RANGE, "longest_s": _LONGEST_SENTENCE_S,
        }  # fmt: skip
        told, sound = self.pool.ask(request, manner.limit_s)
        if "error" in told:
            raise BrokenVoice(f"espeak:{full}", str(told["error"]))
        clip = AudioClip(np.frombuffer(sound, "<i2").astype(np.float32) / 32768, told["rate_hz"])
        sentences = (Timed(Span(clip.duration_s * 0, clip.duration_s), text),) if len(clip.samples) else ()
        return Utterance(
            clip, timed_phones(told["phones"], clip), Timeline(sentences), f"espeak:{full}", spoken.split("-")[0]
        )

    def transcribe(self, text: str, language: str, *, limit_s: float = _START_LIMIT_S) -> list[str]:
        """The clauses of a text in IPA. Raises UnknownLanguage, BrokenVoice."""
        spoken = espeak_language(language)
        if spoken is None:
            raise UnknownLanguage(language)
        told, _ = self.pool.ask({"do": "transcribe", "text": text.replace("\0", " "), "voice": _file(spoken)}, limit_s)
        if "error" in told:
            raise BrokenVoice(f"espeak:{spoken}", str(told["error"]))
        return [clause for clause in told["clauses"] if clause]
