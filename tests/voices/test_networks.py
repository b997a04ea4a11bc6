"""Piper and Kokoro: their real loading code, with networks made on the spot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.core.errors import BrokenVoice, UnknownVoice, WeightsMissing
from lipwright.core.options import VoiceOptions
from lipwright.voices import files, kokoro, piper, speak, voices
from lipwright.voices.base import Manner, VoiceProvider
from lipwright.voices.kokoro import Kokoro
from lipwright.voices.piper import Piper
from lipwright.voices.session import open_session, with_durations

FLOAT, INT64, TENSOR_INT64 = 1, 7, 7


# ONNX is Protocol Buffers: a message is fields, a field is its number, its kind and its content.
def field(number: int, content: bytes | str | int) -> bytes:
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    raw = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def node(kind: str, inputs: list[str], outputs: list[str], **attributes: int) -> bytes:
    made = b"".join(field(1, name) for name in inputs) + b"".join(field(2, name) for name in outputs) + field(4, kind)
    for name, value in attributes.items():
        made += field(5, field(1, name) + field(3, value) + field(20, 2))
    return field(1, made)


def value(name: str, kind: int, shape: list[int | str]) -> bytes:
    dims = b"".join(field(1, field(1, d) if isinstance(d, int) else field(2, d)) for d in shape)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, dims)))


def constant(name: str, numbers: list[float]) -> bytes:
    raw = np.array(numbers, np.float32).tobytes()
    return field(5, field(1, len(numbers)) + field(2, FLOAT) + field(8, name) + field(9, raw))


def model(graph: bytes) -> bytes:
    return field(1, 8) + field(7, field(2, "g") + graph) + field(8, field(1, "") + field(2, 17))


def piper_model() -> bytes:
    """Each sound lasts ceil(2.5) = 3 steps of 256 samples, whatever it is; the wave is made of the ids."""
    graph = (
        node("Cast", ["input"], ["ids"], to=FLOAT)
        + node("Mul", ["ids", "zero"], ["nothing"])
        + node("Add", ["nothing", "two_and_a_half"], ["width"])
        + node("Ceil", ["width"], ["w_ceil"])
        + node("Mul", ["w_ceil", "scale"], ["scaled"])
        + node("Add", ["scaled", "ids"], ["mixed"])
        + node("Transpose", ["mixed"], ["column"])
        + node("Mul", ["column", "wave"], ["output"])
        + constant("zero", [0.0])
        + constant("two_and_a_half", [2.5])
        + constant("scale", [0.001])
        + constant("wave", [float(0.002 * np.sin(k / 5)) for k in range(768)])
        + field(11, value("input", INT64, [1, "n"]))
        + field(11, value("input_lengths", INT64, [1]))
        + field(11, value("scales", FLOAT, [3]))
        + field(12, value("output", FLOAT, ["n", 768]))
    )
    return model(graph)


def kokoro_model() -> bytes:
    """600 samples for each letter, as loud as the style says."""
    graph = (
        node("Cast", ["tokens"], ["ids"], to=FLOAT)
        + node("Transpose", ["ids"], ["column"])
        + node("Mul", ["column", "wave"], ["plain"])
        + node("ReduceMean", ["style"], ["loud"], keepdims=0)
        + node("Mul", ["plain", "loud"], ["voiced"])
        + node("Mul", ["voiced", "speed"], ["audio"])
        + constant("wave", [float(0.002 * np.sin(k / 5)) for k in range(600)])
        + field(11, value("tokens", INT64, [1, "n"]))
        + field(11, value("style", FLOAT, [1, 256]))
        + field(11, value("speed", FLOAT, [1]))
        + field(12, value("audio", FLOAT, ["n", 600]))
    )
    return model(graph)


@pytest.fixture
def piper_folder(tmp_path: Path) -> Path:
    """A folder with an own voice of Piper."""
    letters = "_^$ ,.abcdefhijklmnopqrstuvwxyzæðŋɐɑɔəɚɛɜɡɪɹɾʃʊʌʒˈˌːθ"
    table = {
        "audio": {"sample_rate": 22_050},
        "espeak": {"voice": "en-us"},
        "inference": {"noise_scale": 0.5, "length_scale": 1.0, "noise_w": 0.8},
        "num_speakers": 1,
        "phoneme_id_map": {letter: [number] for number, letter in enumerate(letters)},
    }
    (tmp_path / "en_US-own-low.onnx").write_bytes(piper_model())
    (tmp_path / "en_US-own-low.onnx.json").write_text(json.dumps(table), encoding="utf-8")
    return tmp_path


@pytest.fixture
def kokoro_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with Kokoro's two files, as small ones."""
    model_bytes = kokoro_model()
    (tmp_path / files.KOKORO_MODEL.name).write_bytes(model_bytes)
    names = ("af_heart", "bm_george", "ff_siwis", "jf_alpha", "zf_xiaobei")
    styles = {name: np.full((510, 1, 256), 0.5, np.float32) for name in names}
    with (tmp_path / files.KOKORO_STYLES.name).open("wb") as out:
        np.savez(out, **styles)
    from lipwright import weights

    monkeypatch.setattr(weights, "is_here", lambda file, folder: (folder / file.name).is_file())
    return tmp_path


def run(content: bytes, inputs: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
    return open_session(content, "test").run(None, inputs)


def test_a_network_tells_its_durations_once_it_is_asked_to() -> None:
    inputs = {
        "input": np.arange(5)[None], "input_lengths": np.array([5]), "scales": np.ones(3, np.float32),
    }  # fmt: skip
    plain, asked = run(piper_model(), inputs), run(with_durations(piper_model()), inputs)

    assert len(plain) == 1
    np.testing.assert_array_equal(asked[0], plain[0])
    np.testing.assert_array_equal(asked[1].reshape(-1), np.full(5, 3.0))
    assert with_durations(with_durations(piper_model())) == with_durations(piper_model())
    assert with_durations(kokoro_model()) == kokoro_model()
    assert with_durations(b"no model") == b"no model"


def test_piper_speaks_with_the_times_that_its_network_gives(piper_folder: Path) -> None:
    options = VoiceOptions(folder=piper_folder)

    said = speak("Mama.", "piper:en_US-own-low", options=options)

    assert said.clip.rate_hz == 22_050
    assert said.phones is not None
    names = [item.value.name for item in said.phones if not item.value.is_silence]
    assert names[0] == "m"
    assert names.count("m") == 2
    assert said.phones.items[0].span.start_s == 0
    assert said.phones.items[-1].span.stop_s == said.clip.duration_s
    assert said.language == "en-us"


def test_what_piper_puts_between_two_sounds_belongs_to_the_second() -> None:
    letters = ["^", "b", "ˈ", "ɪ", "ː", " ", "m", ",", " ", "p", ".", "$"]
    ends = [1, 3, 8, 10, 12, 16, 20, 30, 33, 36, 44, 47]

    sounds = piper._sounds(letters, ends)

    assert sounds == [
        (0, ""), (1, "b"), (3, "ɪ"), (10, "ː"), (12, "m"), (20, ""), (33, "p"), (36, ""), (44, ""),
    ]  # fmt: skip


def test_kokoro_without_the_silence_around_what_it_says() -> None:
    said = np.concatenate([np.zeros(9000), np.full(4800, 0.2), np.full(12_000, 0.001)]).astype(np.float32)

    kept = kokoro._trimmed(said)

    assert len(kept) == pytest.approx(4800 + 2 * 1440, abs=2)
    assert kept[1441] == np.float32(0.2)
    assert len(kokoro._trimmed(np.zeros(500, np.float32))) == 0


def test_piper_lists_what_is_known_and_what_is_an_operators_own(piper_folder: Path) -> None:
    found = {one.name: one for one in voices("en", options=VoiceOptions(folder=piper_folder))}

    assert found["piper:en_US-own-low"].is_here
    assert not found["piper:en_GB-alba-medium"].is_here
    assert found["piper:en_GB-alba-medium"].licence.startswith("CC BY 4.0")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [("en_US-own-low.onnx", b"junk", "network"), ("en_US-own-low.onnx.json", b"{", "table"),
     ("en_US-own-low.onnx.json", b'{"audio": {}}', "table"),
     ("en_US-own-low.onnx.json", b'{"phoneme_type": "text"}', "IPA")],
)  # fmt: skip
def test_a_voice_of_piper_that_is_broken_says_why(name: str, content: bytes, reason: str, piper_folder: Path) -> None:
    (piper_folder / name).write_bytes(content)

    with pytest.raises(BrokenVoice, match=reason):
        speak("Mama.", "piper:en_US-own-low", options=VoiceOptions(folder=piper_folder))


def test_kokoro_speaks_what_espeak_writes_in_ipa(kokoro_folder: Path) -> None:
    options = VoiceOptions(folder=kokoro_folder)

    said = speak("Mama.", "kokoro:af_heart", options=options)

    assert said.clip.rate_hz == 24_000
    assert said.phones is None
    assert len(said.clip.samples) % 600 == 0
    n_letters = len(said.clip.samples) // 600 - 2
    assert 5 <= n_letters <= 10
    assert np.abs(said.clip.samples).max() > 0.001


def test_a_question_is_read_as_one(kokoro_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(kokoro, "_batches", lambda written: read.append(written) or iter([[kokoro.IDS["m"]]]))
    options = VoiceOptions(folder=kokoro_folder)

    for text in ("Are you coming?", "Stop!", "Mama"):
        speak(text, "kokoro:af_heart", options=options)

    assert [written[-1] for written in read] == ["?", "!", "."]


@pytest.mark.parametrize(
    ("text", "voice", "heard"),
    [("Un compte chez Google.", "ff_siwis", "ɡˈuːɡəl"), ("这是中国", "zf_xiaobei", "ʂ")],
)
def test_kokoro_says_no_marks_of_language_and_no_stops_within_a_word(
    text: str, voice: str, heard: str, kokoro_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    monkeypatch.setattr(kokoro, "_batches", lambda written: read.append(written) or iter([[kokoro.IDS["m"]]]))

    speak(text, f"kokoro:{voice}", options=VoiceOptions(folder=kokoro_folder))

    assert heard in read[0]
    assert "(" not in read[0]
    assert "." not in read[0][:-1]


def test_a_speaker_stays_with_the_voice_that_says_the_tones_of_mandarin(kokoro_folder: Path) -> None:
    assert speak("你好", "James", options=VoiceOptions(folder=kokoro_folder)).voice.startswith("espeak:cmn+")


def test_what_kokoro_cannot_read_is_told(kokoro_folder: Path) -> None:
    said = speak("私はここに行きます。", "kokoro:jf_alpha", options=VoiceOptions(folder=kokoro_folder))

    assert "kanji" in said.notes[0]


def test_a_speaker_takes_the_better_voice_where_its_files_are(kokoro_folder: Path, tmp_path: Path) -> None:
    here = speak("Hello there.", "James", "en", options=VoiceOptions(folder=kokoro_folder))
    away = speak("Hello there.", "James", "en", options=VoiceOptions(folder=tmp_path / "empty"))
    other = speak("Guten Tag.", "James", "de", options=VoiceOptions(folder=kokoro_folder))

    assert here.voice == "kokoro:bm_george"
    assert away.voice.startswith("espeak:en-us+")
    assert other.voice.startswith("espeak:de+")


def test_kokoro_reads_long_text_in_pieces() -> None:
    pieces = list(kokoro._batches("abc " * 400))

    assert all(0 < len(piece) <= 510 for piece in pieces)
    assert sum(len(piece) for piece in pieces) == 1600


def test_kokoro_without_a_voice_in_its_file_says_so(kokoro_folder: Path) -> None:
    with pytest.raises(BrokenVoice, match="am_adam"):
        speak("Hello.", "kokoro:am_adam", options=VoiceOptions(folder=kokoro_folder))


def test_both_keep_the_contract(tmp_path: Path) -> None:
    for voice in (Piper(tmp_path), Kokoro(tmp_path)):
        assert isinstance(voice, VoiceProvider)
        assert not voice.is_here(voice.voices()[0].name.partition(":")[2])
        with pytest.raises(UnknownVoice):
            voice.is_here("nobody")
        with pytest.raises((WeightsMissing, UnknownVoice)):
            voice.speak("Hello", voice.voices()[0].name.partition(":")[2], "en", Manner())
