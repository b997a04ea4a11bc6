"""eSpeak NG at arm's length: a small program that speaks sentences, one message at a time, over its pipes.

    python espeak_child.py LIBRARY DATA

eSpeak NG is one machine for the whole process, not safe for threads, and under the GPL: it runs here, alone, with
nothing but the standard library beside it. A crash or a hang costs the sentence that it was at.

    in   length (4 bytes, little-endian)  JSON request
    out  length (4 bytes)  JSON answer  length (4 bytes)  16-bit mono samples
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import struct
import sys
from typing import Any, BinaryIO, Final

_SYNCHRONOUS: Final = 2
_PHONEME_EVENTS_IN_IPA: Final = 3
_DONT_EXIT: Final = 0x8000
_UTF8, _SSML = 0x01, 0x10
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_END, _PHONEME = 0, 7
_IPA_TEXT: Final = 0x02
_STOP, _GO_ON = 1, 0
_MEMORY_BYTES: Final = 1 << 30


class _Name(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint), ("text_position", ctypes.c_int),
        ("length", ctypes.c_int), ("audio_position_ms", ctypes.c_int), ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p), ("id", _Name),
    )  # fmt: skip


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p), ("languages", ctypes.c_void_p), ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte), ("age", ctypes.c_ubyte), ("variant", ctypes.c_ubyte), ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int), ("spare", ctypes.c_void_p),
    )  # fmt: skip


_Receive = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class Espeak:
    """The library, opened."""

    def __init__(self, library: str, data: str) -> None:
        self._library: Any = ctypes.CDLL(library)
        mode = _PHONEME_EVENTS_IN_IPA | _DONT_EXIT
        self.rate_hz: int = self._library.espeak_Initialize(_SYNCHRONOUS, 0, os.fsencode(data), mode)
        if self.rate_hz <= 0:
            raise SystemExit(f"eSpeak NG did not start with the data in {data}")
        self._sound = bytearray()
        self._events: list[tuple[int, str]] = []
        self._most_bytes = 0
        self._is_too_long = False
        self._callback = _Receive(self._receive)  # kept: the library only borrows it
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))

    def _receive(self, wave: Any, n_samples: int, events: Any) -> int:
        if wave and n_samples > 0:
            self._sound += ctypes.string_at(wave, 2 * n_samples)
        index = 0
        while events[index].type != _END:
            event = events[index]
            if event.type == _PHONEME:
                # a name that fills all eight bytes may be cut in the middle of a letter
                self._events.append((event.sample, event.id.string.decode("utf-8", "ignore")))
            index += 1
        self._is_too_long = self._is_too_long or len(self._sound) > self._most_bytes
        return _STOP if self._is_too_long else _GO_ON

    def set_voice(self, voice: str) -> bool:
        return self._library.espeak_SetVoiceByName(voice.encode()) == 0

    def speak(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        self._sound.clear()
        self._events.clear()
        self._is_too_long = False
        self._most_bytes = 2 * self.rate_hz * int(request["longest_s"])
        if not self.set_voice(request["voice"]):
            return {"error": "no such voice"}, b""
        values = (request["words_per_min"], 100, request["pitch"], request["range"])
        for parameter, value in zip((_RATE, _VOLUME, _PITCH, _RANGE), values, strict=True):
            self._library.espeak_SetParameter(parameter, int(value), 0)
        # the breath of some voices is noise: seeded by the clock, the same words would never sound the same
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(1))
        raw = request["text"].encode() + b"\0"
        flags = _UTF8 | (_SSML if request["is_ssml"] else 0)
        failed = self._library.espeak_Synth(raw, len(raw), 0, 1, 0, flags, None, None)
        self._library.espeak_Synchronize()
        if failed:
            return {"error": f"it answered {failed}"}, b""
        if self._is_too_long:
            return {"error": "too long"}, b""
        return {"rate_hz": self.rate_hz, "phones": self._events}, bytes(self._sound)

    def transcribe(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """The text in IPA, for voices that read IPA: a list of clauses."""
        if not self.set_voice(request["voice"]):
            return {"error": "no such voice"}, b""
        clauses: list[str] = []
        text = ctypes.create_string_buffer(request["text"].encode())
        here = ctypes.c_void_p(ctypes.addressof(text))
        while here.value:
            found = self._library.espeak_TextToPhonemes(ctypes.byref(here), _UTF8, _IPA_TEXT)
            clauses.append((found or b"").decode("utf-8", "ignore"))
        return {"clauses": clauses}, b""

    def list_voices(self) -> tuple[dict[str, Any], bytes]:
        found: list[dict[str, Any]] = []
        listed = self._library.espeak_ListVoices(None)
        index = 0
        while listed[index]:
            voice = listed[index].contents
            # languages: a priority byte and a name that ends with 0, repeated; the first one is the main one
            language = ctypes.string_at(voice.languages + 1).decode() if voice.languages else ""
            found.append({"name": voice.name.decode(), "language": language, "identifier": voice.identifier.decode()})
            index += 1
        return {"voices": found}, b""

    def answer(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        match request["do"]:
            case "speak":
                return self.speak(request)
            case "transcribe":
                return self.transcribe(request)
            case "list":
                return self.list_voices()
            case other:
                return {"error": f"nothing is known of {other!r}"}, b""


def _read(stream: BinaryIO) -> bytes | None:
    head = stream.read(4)
    if len(head) < 4:
        return None
    (length,) = struct.unpack("<I", head)
    body = stream.read(length)
    return body if len(body) == length else None


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    # what the library prints must not get between the messages
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    espeak = Espeak(sys.argv[1], sys.argv[2])
    while (message := _read(sys.stdin.buffer)) is not None:
        # The library remembers its last sentence (echo, noise, phase). Each one is said by a copy of the process as it
        # was at the start, so that the same text sounds the same, sample by sample.
        copy = os.fork()
        if copy == 0:
            told, sound = espeak.answer(json.loads(message))
            head = json.dumps(told).encode()
            out.write(struct.pack("<I", len(head)) + head + struct.pack("<I", len(sound)) + sound)
            out.flush()
            os._exit(0)
        if os.waitpid(copy, 0)[1] != 0:
            raise SystemExit("the copy that spoke came to a bad end")


if __name__ == "__main__":
    main()
