"""A synthesiser that crashes or hangs costs one sentence."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import pytest

from lipwright.core.errors import BrokenVoice
from lipwright.voices import espeak as module
from lipwright.voices.base import Manner, VoiceProvider
from lipwright.voices.espeak import Espeak, EspeakPool
from lipwright.voices.speak import provider, speak

SLEEPER = "import sys, time\nsys.stdin.buffer.read(4)\ntime.sleep(60)\n"
CRASHER = "import os, sys\nsys.stdin.buffer.read(4)\nos.abort()\n"
LIAR = (
    "import sys\nsys.stdin.buffer.read(4)\nsys.stdout.buffer.write(b'\\x04\\x00\\x00\\x00nope')\nsys.stdout.flush()\n"
)


def children_of(pool: EspeakPool) -> list[Any]:
    return list(pool._idle.queue)


def test_espeak_is_a_provider_of_voices() -> None:
    assert isinstance(Espeak(), VoiceProvider)


def test_the_child_loads_nothing_of_ours_and_starts_at_once() -> None:
    program = Path(module.__file__).with_name("espeak_child.py")
    library, data = module._files()
    tell = (
        f"import runpy, sys, io\nsys.argv = ['child', {str(library)!r}, {str(data)!r}]\n"
        "sys.stdin = io.TextIOWrapper(io.BytesIO(b''))\n"
        f"runpy.run_path({str(program)!r}, run_name='__main__')\n"
        "found = {'numpy', 'lipwright', 'cv2', 'av', 'onnxruntime'} & set(sys.modules)\n"
        "print('LOADED', *sorted(found), file=sys.stderr)"
    )

    done = subprocess.run([sys.executable, "-I", "-c", tell], capture_output=True, text=True, timeout=60, check=True)

    assert done.stderr.splitlines()[-1] == "LOADED"


def test_the_same_words_sound_the_same_whoever_says_them_first() -> None:
    """Some voices breathe, which is noise."""
    tell = (
        "import hashlib\nfrom lipwright.voices import speak\n"
        "said = speak('We meet again.', 'espeak:en-us+f3', 'en')\n"
        "print(hashlib.sha256(said.clip.samples.tobytes()).hexdigest())"
    )
    said = [subprocess.check_output([sys.executable, "-c", tell], text=True, timeout=60) for _ in range(2)]
    pool = [speak("We meet again.", "espeak:en-us+f3", "en").clip.samples.tobytes() for _ in range(2)]

    assert said[0] == said[1] == f"{hashlib.sha256(pool[0]).hexdigest()}\n"
    assert pool[0] == pool[1]


@pytest.mark.parametrize(("program", "reason"), [(SLEEPER, "too long"), (CRASHER, "crashed"), (LIAR, "Expecting")])
def test_a_child_that_fails_is_told_of_in_time_and_replaced(
    program: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "espeak_child.py"
    broken.write_text(program)
    pool = EspeakPool(1)
    with monkeypatch.context() as patched:
        patched.setattr(module, "__file__", str(tmp_path / "espeak.py"))
        start_s = perf_counter()
        with pytest.raises(BrokenVoice, match=reason):
            pool.ask({"do": "list"}, limit_s=0.5)
        assert perf_counter() - start_s < 5

    told, _ = pool.ask({"do": "list"})
    pool.close()

    assert len(told["voices"]) > 100


def test_a_child_killed_between_sentences_costs_one_sentence_at_most() -> None:
    pool = EspeakPool(1)
    voice = Espeak(pool)
    voice.speak("One.", "", "en", Manner())
    (child,) = children_of(pool)
    os.kill(child._process.pid, signal.SIGKILL)
    sleep(0.1)

    with pytest.raises(BrokenVoice, match="crashed"):
        voice.speak("Two.", "", "en", Manner())
    said = voice.speak("Three.", "", "en", Manner())
    pool.close()

    assert len(said.clip.samples) > 5000


def test_the_other_sentences_are_said_and_the_lost_one_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = Espeak.speak

    def speak_or_break(self: Espeak, text: str, voice: str, language: str, manner: Manner) -> Any:
        if "break" in text:
            raise BrokenVoice("espeak", "it crashed")
        return usual(self, text, voice, language, manner)

    monkeypatch.setattr(Espeak, "speak", speak_or_break)

    said = speak("One is said. Two will break. Three is said.", "espeak:", "en")

    assert [one.value for one in said.sentences] == ["One is said.", "Three is said."]
    assert "1 of 3 sentences" in said.notes[0]
    with pytest.raises(BrokenVoice):
        speak("All break. Both break.", "espeak:", "en")


def test_sound_without_end_is_cut_off_not_collected() -> None:
    pool = EspeakPool(1)
    request = {"do": "speak", "text": "a b c d e " * 200, "voice": "gmw/en-US", "is_ssml": False, "words_per_min": 80}

    told, sound = pool.ask({**request, "pitch": 50, "range": 50, "longest_s": 2})
    pool.close()

    assert told == {"error": "too long"}
    assert sound == b""


def test_no_child_is_left_behind_when_the_caller_ends() -> None:
    tell = (
        "from lipwright.voices import speak\nfrom lipwright.voices.espeak import shared_pool\n"
        "speak('Hello.', 'espeak:', 'en')\nprint(shared_pool()._idle.queue[0]._process.pid)"
    )

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", tell], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stderr == ""
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)


def test_what_no_package_brings_is_no_provider() -> None:
    from lipwright.core.errors import UnknownVoice
    from lipwright.core.options import VoiceOptions

    with pytest.raises(UnknownVoice):
        provider("magic", VoiceOptions())
