"""`say`, `voices` and `visemes` as a person calls them."""

from __future__ import annotations

import json
import os
import sys
import wave
from pathlib import Path
from shlex import quote

import pytest
from typer.testing import CliRunner

from lipwright.cli.main import app
from lipwright.cli.say import words
from lipwright.cli.sync import choose_cache
from lipwright.config import ServiceSettings
from lipwright.core.errors import InvalidOption
from lipwright.core.options import VoiceOptions
from lipwright.service import hosted_checks


def run(*arguments: str | Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [str(one) for one in arguments])
    return done.exit_code, done.stdout, done.stderr


def test_say_makes_a_video_with_its_subtitles(portrait: Path, tmp_path: Path) -> None:
    output, report = tmp_path / "out.mp4", tmp_path / "report.json"

    status, told, _ = run(
        "say", portrait, "Hello. Bob is my baby.", "-o", output, "--voice", "Harper", "--subtitles",
        "--report", report, "--preset", "ultrafast", "--no-cache",
    )  # fmt: skip

    assert status == 0, told
    assert output.stat().st_size > 10_000
    assert (tmp_path / "out.srt").read_text().count("-->") == 2
    assert (tmp_path / "out.vtt").read_text().startswith("WEBVTT")
    table = json.loads(report.read_text())
    assert table["voice"] == "espeak:en-us+f2"
    assert [one["text"] for one in table["sentences"]] == ["Hello.", "Bob is my baby."]
    assert table["render"]["n_edited"] > 10
    assert [speaker["audio"] for speaker in table["speakers"]] == [None]  # no file that is gone
    assert table["measurement"]["state"] == "done"  # whatever rate the voice speaks at
    assert "voice" in told


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["", "--language", "en"], "empty_text"),
        (["😀🎉", "--language", "en"], "nothing_to_say"),
        (["Hello", "--voice", "Nobody"], "unknown_voice"),
        (["Hello", "--language", "xx"], "unknown_language"),
        (["<speak>Hello", "--ssml"], "broken_ssml"),
        (["Hello", "--speed", "9"], "invalid_option"),
        (["Hello", "--text-file", "words.txt"], "invalid_option"),
        ([], "invalid_option"),
        (["--text-file", "missing.txt"], "media_not_found"),
        (["Hello", "--voice", "kokoro:af_heart"], "weights_missing"),
    ],
)
def test_bad_input_is_refused_with_its_code_and_nothing_is_written(
    arguments: list[str], code: str, portrait: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIPWRIGHT_VOICES_FOLDER", str(tmp_path / "voices"))
    output = tmp_path / "out.mp4"

    status, _, error = run("say", portrait, *arguments, "-o", output)

    assert status == 2
    assert error.startswith(f"error [{code}]: ")
    assert not output.exists()


@pytest.mark.parametrize("name", ["script.txt", "alice.wav", "my script.txt"])
def test_the_name_of_a_file_is_not_said_but_told_how_to_be_given(
    name: str, portrait: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).write_text("Hello.")
    monkeypatch.chdir(tmp_path)

    status, _, error = run("say", portrait, name, "-o", "out.mp4")

    assert status == 2
    assert error.startswith(f"error [invalid_option]: text cannot be '{name}': it is the name of a file; ")
    assert f"`--text-file {quote(name)}`" in error
    assert "`lipwright sync`" in error
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("text", ["Hello", "script.txt", "Hello there", "x" * 300])
def test_words_that_are_no_file_are_said(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Hello there").touch()  # a sentence is meant, whatever lies about
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)

    assert words(text, None, VoiceOptions()) == text
    assert words("folder", None, VoiceOptions()) == "folder"


def test_ten_megabytes_of_text_are_refused_unread(portrait: Path, tmp_path: Path) -> None:
    script = tmp_path / "words.txt"
    script.write_text("word " * 2_000_000)

    status, _, error = run("say", portrait, "--text-file", script, "-o", tmp_path / "out.mp4")

    assert status == 2
    assert "text_too_long" in error


def test_the_longest_text_is_a_setting(portrait: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIPWRIGHT_VOICES_MAX_CHARS", "5")

    status, _, error = run("say", portrait, "Hello there", "-o", tmp_path / "out.mp4")

    assert status == 2
    assert "at most 5" in error


def test_voices_are_listed() -> None:
    status, told, _ = run("voices", "list", "--language", "de")

    assert status == 0
    assert "Harper" in told
    assert "espeak:de" in told
    assert "espeak:fr" not in told


def test_voices_are_listed_as_json() -> None:
    status, told, _ = run("voices", "list", "--json")

    table = json.loads(told)
    assert status == 0
    assert len(table["speakers"]) == 15
    assert {"name", "language", "title", "gender", "licence", "is_here"} == set(table["voices"][0])


@pytest.mark.parametrize(("voice", "language"), [("espeak:de+f2", "de"), ("James", "en"), ("espeak:+m3", "en")])
def test_a_voice_can_be_tried(voice: str, language: str, tmp_path: Path) -> None:
    path = tmp_path / "sample.wav"

    status, told, _ = run("voices", "sample", voice, "-o", path)

    assert status == 0
    assert f", {language}, " in told
    with wave.open(str(path)) as sound:
        assert (sound.getnchannels(), sound.getframerate()) == (1, 22_050)
        assert sound.getnframes() > 22_050


@pytest.mark.parametrize("arguments", [["voices", "sample", "nobody", "-o", "a.wav"], ["voices", "pull", "nobody"]])
def test_an_unknown_voice_is_told_of(arguments: list[str]) -> None:
    status, _, error = run(*arguments)

    assert status == 2
    assert "unknown_voice" in error


def test_a_sample_is_not_called_what_it_is_not(tmp_path: Path) -> None:
    status, _, error = run("voices", "sample", "James", "-o", tmp_path / "sample.mp3")

    assert status == 2
    assert error.startswith("error [unsupported_output]: ")
    assert not (tmp_path / "sample.mp3").exists()


@pytest.fixture
def nobodys_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose user has no entry, and without HOME."""

    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr("pwd.getpwuid", unknown)
    for name in ("HOME", "LIPWRIGHT_CACHE", "LIPWRIGHT_DATA", "LIPWRIGHT_VOICES_FOLDER"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("nobodys_home")
def test_who_has_no_home_hears_voices_and_keeps_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = run("visemes", "Hello Bob", "--format", "rhubarb-tsv", "--language", "en")
    listed = run("voices", "list", "--language", "de")
    pulled = run("voices", "pull", "piper:en_US-amy-medium")

    assert [one[0] for one in (said, listed, pulled)] == [0, 0, 2]
    assert said[1].startswith("0.00\t")
    assert "espeak:de" in listed[1]
    assert pulled[2].startswith("error [invalid_option]: LIPWRIGHT_VOICES_FOLDER is missing: ")
    assert choose_cache(None) is None
    assert "nothing is kept for the next speech" in capsys.readouterr().err
    monkeypatch.setenv("LIPWRIGHT_CACHE", "~/kept")
    with pytest.raises(InvalidOption, match="LIPWRIGHT_CACHE cannot be"):
        choose_cache(None)
    checks = hosted_checks._folder(ServiceSettings())  # pyright: ignore[reportPrivateUsage]
    assert not checks.is_well
    assert checks.value.startswith("LIPWRIGHT_DATA ")


def test_visemes_go_to_the_screen_or_into_a_file(tmp_path: Path) -> None:
    path = tmp_path / "cues.tsv"

    status, told, _ = run("visemes", "Hello Bob", "--format", "rhubarb-tsv", "--language", "en")
    run("visemes", "Hello Bob", "--format", "rhubarb-tsv", "--language", "en", "-o", path)

    assert status == 0
    assert told == path.read_text()
    assert told.startswith("0.00\t")


@pytest.mark.skipif(sys.platform == "darwin", reason="files there have names in UTF-8 only")
def test_mouth_cues_name_a_sound_whose_name_is_no_utf_8(tmp_path: Path) -> None:
    path, sound = tmp_path / "cues.json", tmp_path / os.fsdecode(b"s\xe9.wav")

    status, _, error = run("visemes", "Hello", "--language", "en", "--speech", sound, "-o", path)

    assert status == 0, error
    assert Path(json.loads(path.read_text())["metadata"]["soundFile"]) == sound


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_mouth_cues_are_not_guessed_from_a_text_that_cannot_be_read(encoding: str, tmp_path: Path) -> None:
    script = tmp_path / "words.txt"
    script.write_text("Schöne Grüße", encoding=encoding)

    status, told, error = run("visemes", script, "--language", "de")

    assert (status, told) == (2, "")
    assert error.startswith("error [invalid_option]: ")
    assert error.endswith("it is not text in UTF-8.\n")


def test_mouth_cues_of_a_text_are_the_same_with_a_byte_order_mark(tmp_path: Path) -> None:
    script = tmp_path / "words.txt"
    script.write_text("Hello Bob", encoding="utf-8-sig")

    ours, theirs = (
        run("visemes", text, "--format", "rhubarb-tsv", "--language", "en") for text in (script, "Hello Bob")
    )

    assert ours == theirs
