"""Whatever is given: one line that says what to do, a stable code, an exit status, and no file left behind."""

from __future__ import annotations

import json
import os
import resource
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipwright.cli.screen import write_file
from lipwright.core.errors import DiskFull
from lipwright.core.media import AudioClip
from lipwright.service.speech import write_wav

MEND_IT_YOURSELF = 2
SOMETHING_ELSE = 1
SAMPLE_REPORT = Path(__file__).parents[1] / "report" / "sample.json"


@dataclass(frozen=True)
class Case:
    code: str
    status: int
    video: Callable[[Any], Path] | None = None
    audio: Callable[[Any], Path] | None = None
    output: str = "out.mp4"
    options: tuple[str, ...] = ()


@pytest.fixture
def make(tmp_path: Path, portrait: Path, speech: Path, make_video: Any) -> Any:
    """Bad files by name."""

    class Make:
        def missing(self) -> Path:
            return tmp_path / "nothing here.mp4"

        def a_folder(self) -> Path:
            return tmp_path

        def text(self) -> Path:
            path = tmp_path / "letter.mp4"
            path.write_text("Dear reader, this is not a film.\n" * 50)
            return path

        def empty(self) -> Path:
            path = tmp_path / "empty.mp4"
            path.touch()
            return path

        def truncated(self) -> Path:
            """A recording that was broken off before its index was written: the index comes last in this one."""
            whole = make_video("whole.mp4").read_bytes()
            path = tmp_path / "truncated.mp4"
            path.write_bytes(whole[: len(whole) * 2 // 3])
            return path

        def faceless(self) -> Path:
            return make_video("stripes.mp4", n=6)

        def picture_without_sound(self) -> Path:
            return portrait

        def sound_without_picture(self) -> Path:
            return speech

        def sound_without_samples(self) -> Path:
            path = tmp_path / "silent.wav"
            with wave.open(str(path), "wb") as out:
                out.setnchannels(1)
                out.setsampwidth(2)
                out.setframerate(16_000)
            return path

    return Make()


CASES = {
    "missing video": Case("media_not_found", 2, video=lambda make: make.missing()),
    "missing audio": Case("media_not_found", 2, audio=lambda make: make.missing()),
    "a folder as video": Case("media_not_found", 2, video=lambda make: make.a_folder()),
    "video is text": Case("unreadable_media", 2, video=lambda make: make.text()),
    "audio is text": Case("unreadable_media", 2, audio=lambda make: make.text()),
    "video of zero bytes": Case("unreadable_media", 2, video=lambda make: make.empty()),
    "audio of zero bytes": Case("unreadable_media", 2, audio=lambda make: make.empty()),
    "truncated video": Case("unreadable_media", 2, video=lambda make: make.truncated()),
    "video without a picture": Case("no_video", 2, video=lambda make: make.sound_without_picture()),
    "video without a face": Case("no_face", 2, video=lambda make: make.faceless()),
    "audio without a sample": Case("no_audio", 2, audio=lambda make: make.sound_without_samples()),
    "audio without sound": Case("no_audio", 2, audio=lambda make: make.picture_without_sound()),
    "face that is not there": Case("face_not_found", 2, options=("--face", "7")),
    "face in no known form": Case("invalid_option", 2, options=("--face", "left")),
    "crf out of range": Case("invalid_option", 2, options=("--crf", "99")),
    "engine option without a value": Case("invalid_option", 2, options=("--engine-option", "seed")),
    "unknown engine": Case("unknown_engine", 2, options=("--engine", "magic")),
    "engine whose package is broken": Case("broken_engine", 1, options=("--engine", "broken")),
    "output of unknown kind": Case("unsupported_output", 2, output="out.docx"),
    "output folder missing": Case("output_not_writable", 1, output="no/such/folder/out.mp4"),
    "output is a folder": Case("output_not_writable", 1, output="folder.mp4"),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_ends_with_one_clear_line_and_leaves_nothing(
    name: str, make: Any, lipwright: Any, portrait: Path, short_speech: Path, tmp_path: Path
) -> None:
    case = CASES[name]
    video = case.video(make) if case.video else portrait
    audio = case.audio(make) if case.audio else short_speech
    folder = tmp_path / "results"
    (folder / "folder.mp4").mkdir(parents=True)

    done = lipwright("sync", video, audio, "-o", folder / case.output, *case.options)

    said = [line for line in done.stderr.splitlines() if not line.startswith(("looking", "listening", "making"))]
    assert len(said) == 1, done.stderr
    assert said[0].startswith(f"error [{case.code}]: "), said[0]
    assert done.returncode == case.status
    assert done.stdout == ""
    assert [path.name for path in folder.iterdir()] == ["folder.mp4"]
    assert not list((folder / "folder.mp4").iterdir())


@pytest.mark.parametrize("name", ["missing video", "video without a face", "unknown engine"])
def test_the_installed_program_says_the_same_and_nothing_of_the_libraries_does(
    name: str, make: Any, program: Any, portrait: Path, short_speech: Path, tmp_path: Path
) -> None:
    case = CASES[name]
    folder = tmp_path / "results"
    folder.mkdir()

    done = program(
        "sync", case.video(make) if case.video else portrait, short_speech, "-o", folder / "out.mp4", *case.options
    )

    said = [line for line in done.stderr.splitlines() if not line.startswith("looking")]
    assert len(said) == 1, done.stderr
    assert said[0].startswith(f"error [{case.code}]: ")
    assert done.returncode == case.status
    assert not list(folder.iterdir())


def test_a_full_disk_is_told_and_leaves_nothing(
    program: Any, portrait: Path, short_speech: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "results"
    folder.mkdir()

    done = program("sync", portrait, short_speech, "-o", folder / "out.mp4", limit_file_bytes=20_000)

    assert done.stderr.splitlines()[-1].startswith("error [disk_full]: ")
    assert done.returncode == SOMETHING_ELSE
    assert not list(folder.iterdir())


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc/self").is_dir(), reason="root may write everywhere here")
def test_a_folder_that_is_closed_to_us_is_told(
    lipwright: Any, portrait: Path, short_speech: Path, tmp_path: Path
) -> None:
    if os.geteuid() == 0:
        folder = Path("/proc/self")  # closed to root too
    else:
        folder = tmp_path / "closed"
        folder.mkdir(mode=0o500)

    done = lipwright("sync", portrait, short_speech, "-o", folder / "out.mp4")

    assert done.stderr.startswith("error [output_not_writable]: ")
    assert done.returncode == SOMETHING_ELSE


def test_a_report_that_cannot_be_written_is_told_before_anything_is_made(
    lipwright: Any, portrait: Path, short_speech: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.mp4"

    done = lipwright("sync", portrait, short_speech, "-o", output, "--report", tmp_path / "no" / "report.json")

    assert done.stderr.startswith("error [output_not_writable]: ")
    assert done.returncode == SOMETHING_ELSE
    assert not output.exists()


@pytest.mark.parametrize("is_picture", [True, False], ids=["speech and picture", "speech and footage"])
def test_footage_and_speech_the_wrong_way_round_are_told_so(
    lipwright: Any, portrait: Path, short_speech: Path, tmp_path: Path, make_video: Any, is_picture: bool
) -> None:
    seen = portrait if is_picture else make_video("footage.mp4", n=6)

    done = lipwright("sync", short_speech, seen, "-o", tmp_path / "out.mp4")

    assert done.returncode == MEND_IT_YOURSELF
    assert done.stderr.rstrip().endswith("Is it the other way round? The footage comes first, then the speech.")


def test_an_address_is_told_to_be_downloaded_first(lipwright: Any, short_speech: Path, tmp_path: Path) -> None:
    done = lipwright("sync", "https://example.com/a.mp4", short_speech, "-o", tmp_path / "out.mp4")

    assert done.stderr.startswith("error [media_not_found]: https://example.com/a.mp4 is an address")


def test_what_is_missing_is_said_to_be_missing(lipwright: Any, portrait: Path, tmp_path: Path) -> None:
    assert "audio is missing" in lipwright("sync", portrait, "-o", tmp_path / "out.mp4").stderr
    assert "text is missing" in lipwright("say", portrait, "-o", tmp_path / "out.mp4").stderr


def test_the_footage_is_never_replaced_by_the_result(lipwright: Any, short_speech: Path, portrait: Path) -> None:
    before = portrait.read_bytes()

    done = lipwright("sync", portrait, short_speech, "-o", portrait)

    assert done.stderr.startswith("error [unsupported_output]: ")
    assert done.returncode == MEND_IT_YOURSELF
    assert portrait.read_bytes() == before


REPLACES_AN_INPUT = {
    "the report, the footage": ["sync", "footage.mp4", "speech.wav", "-o", "o.mp4", "--report", "footage.mp4"],
    "the report, the speech": ["sync", "footage.mp4", "speech.wav", "-o", "o.mp4", "--report", "speech.wav"],
    "the report, the speech of one face": [
        "sync", "footage.mp4", "--assign", "1=speech.wav", "-o", "o.mp4", "--report", "speech.wav",
    ],
    "the report, by a link": ["sync", "footage.mp4", "speech.wav", "-o", "o.mp4", "--report", "link.mp4"],
    "the report, footage that talks": ["say", "footage.mp4", "Hello.", "-o", "o.mp4", "--report", "footage.mp4"],
    "captions, the script": ["say", "footage.mp4", "--text-file", "s.srt", "--subtitles", "-o", "s.mp4"],
    "the contact sheet, the footage": ["faces", "footage.mp4", "--contact-sheet", "footage.mp4"],
    "the page, the video": ["evaluate", "footage.mp4", "--html", "footage.mp4"],
    "the report, the reference": ["evaluate", "o.mp4", "--reference", "footage.mp4", "--report", "footage.mp4"],
    "cues, the recording": ["visemes", "speech.wav", "-o", "speech.wav"],
    "the sound, the text": ["visemes", "words.txt", "--speech", "words.txt"],
    "the page, its report": ["report", "r.json", "-o", "r.json"],
    "the page, the footage of its report": ["report", "r.json", "-o", "footage.mp4"],
}  # fmt: skip


@pytest.fixture
def here(portrait: Path, short_speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with footage, speech, texts and a report."""
    (tmp_path / "footage.mp4").write_bytes(portrait.read_bytes())
    (tmp_path / "link.mp4").symlink_to("footage.mp4")
    (tmp_path / "speech.wav").write_bytes(short_speech.read_bytes())
    for name in ("s.srt", "words.txt"):
        (tmp_path / name).write_text("Hello.")
    report = json.loads(SAMPLE_REPORT.read_text())
    report["inputs"]["video"] = "footage.mp4"
    (tmp_path / "r.json").write_text(json.dumps(report))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("what", REPLACES_AN_INPUT)
def test_no_file_that_is_written_beside_the_result_replaces_an_input(what: str, lipwright: Any, here: Path) -> None:
    before = {path.name: path.read_bytes() for path in here.iterdir()}

    done = lipwright(*REPLACES_AN_INPUT[what])

    assert done.stderr.startswith("error [unsupported_output]: "), done.stderr
    assert "cannot be written: it is also an input" in done.stderr
    assert done.returncode == MEND_IT_YOURSELF
    assert {path.name: path.read_bytes() for path in here.iterdir()} == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["sync", "footage.mp4", "speech.wav", "-o", "o.mp4", "--report", "./o.mp4"],
        ["say", "footage.mp4", "Hello.", "-o", "o.mp4", "--subtitles", "--report", "o.srt"],
        ["evaluate", "footage.mp4", "--report", "o.html", "--html", "o.html"],
        ["visemes", "Hello.", "-o", "o.wav", "--speech", "o.wav"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_two_files_that_are_written_have_two_names(arguments: list[str], lipwright: Any, here: Path) -> None:
    before = sorted(here.iterdir())

    done = lipwright(*arguments)

    assert done.stderr.startswith("error [unsupported_output]: "), done.stderr
    assert "give each its own" in done.stderr
    assert done.returncode == MEND_IT_YOURSELF
    assert sorted(here.iterdir()) == before


def test_a_link_that_leads_to_itself_is_told_to_be_none_to_write_to(lipwright: Any, here: Path) -> None:
    (here / "circle.json").symlink_to("circle.json")

    done = lipwright("visemes", "Hello.", "-o", "circle.json")

    assert done.stderr.startswith("error [output_not_writable]: circle.json cannot be written: ")
    assert done.returncode == SOMETHING_ELSE


@pytest.mark.parametrize("option", ["-o", "--report"])
def test_a_name_that_is_too_long_is_told_before_anything_is_made(option: str, lipwright: Any, here: Path) -> None:
    names = {"-o": "o.mp4", "--report": "o.json", option: "long" * 100 + ".mp4"}

    done = lipwright("sync", "footage.mp4", "speech.wav", *(word for pair in names.items() for word in pair))

    assert done.stderr.startswith("error [output_not_writable]: long")
    assert "file name too long. Choose a shorter one." in done.stderr
    assert done.returncode == SOMETHING_ELSE
    assert not (here / "o.mp4").exists()


@pytest.mark.parametrize("command", [["sync", "footage.mp4", "speech.wav"], ["say", "footage.mp4", "Hello."]])
def test_a_report_that_exists_is_kept_where_the_caller_wants_so(command: list[str], lipwright: Any, here: Path) -> None:
    before = (here / "r.json").read_bytes()

    done = lipwright(*command, "-o", "o.mp4", "--report", "r.json", "--no-overwrite")

    assert done.stderr.startswith("error [output_exists]: ")
    assert (here / "r.json").read_bytes() == before
    assert not (here / "o.mp4").exists()


@pytest.mark.parametrize("name", ["report.json", "speech.wav"])
def test_an_older_file_of_any_kind_survives_a_disk_that_runs_full(name: str, tmp_path: Path) -> None:
    older, link = tmp_path / name, tmp_path / f"link-{name}"
    older.write_bytes(b"older")
    link.symlink_to(older)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    for path in (older, link, tmp_path / f"new-{name}"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
        try:
            with pytest.raises(DiskFull):
                write(path, 30_000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (older.read_bytes(), sorted(tmp_path.iterdir())) == (b"older", [link, older])

    write(link, 10_000)
    assert link.is_symlink()
    assert older.stat().st_size >= 10_000


def test_what_is_written_into_a_pipe_comes_out_of_it(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    write_file(pipe, b"cues")

    assert os.read(reader, 100) == b"cues"
    os.close(reader)
    assert pipe.is_fifo()


def write(path: Path, n_bytes: int) -> None:
    if path.suffix == ".wav":
        write_wav(path, AudioClip(np.zeros(n_bytes // 2, np.float32), 16_000))
    else:
        write_file(path, bytes(n_bytes))


def test_an_older_result_survives_a_run_that_fails(
    lipwright: Any, make: Any, short_speech: Path, tmp_path: Path
) -> None:
    output = tmp_path / "results" / "out.mp4"
    output.parent.mkdir()
    output.write_bytes(b"older")

    done = lipwright("sync", make.faceless(), short_speech, "-o", output)

    assert done.returncode == MEND_IT_YOURSELF
    assert [path.name for path in output.parent.iterdir()] == ["out.mp4"]
    assert output.read_bytes() == b"older"


def test_an_output_that_exists_is_kept_where_the_caller_wants_so(
    lipwright: Any, portrait: Path, short_speech: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.mp4"
    output.write_bytes(b"older")

    done = lipwright("sync", portrait, short_speech, "-o", output, "--no-overwrite")

    assert done.stderr.startswith("error [output_exists]: ")
    assert done.returncode == MEND_IT_YOURSELF
    assert output.read_bytes() == b"older"


@pytest.mark.parametrize("ending", [".srt", ".vtt"])
def test_subtitles_that_exist_are_kept_where_the_caller_wants_so(
    ending: str, lipwright: Any, portrait: Path, tmp_path: Path
) -> None:
    output, older = tmp_path / "out.mp4", tmp_path / f"out{ending}"
    older.write_text("older")

    done = lipwright("say", portrait, "Hello.", "-o", output, "--subtitles", "--no-overwrite")

    assert done.stderr.startswith("error [output_exists]: ")
    assert done.returncode == MEND_IT_YOURSELF
    assert [path.name for path in tmp_path.iterdir() if path.suffix in (".mp4", ".srt", ".vtt")] == [older.name]
    assert older.read_text() == "older"


def test_subtitles_that_cannot_be_written_are_told_before_anything_is_made(
    lipwright: Any, portrait: Path, tmp_path: Path
) -> None:
    (tmp_path / "out.vtt").mkdir()

    done = lipwright("say", portrait, "Hello.", "-o", tmp_path / "out.mp4", "--subtitles", "--no-overwrite")

    assert done.stderr.startswith("error [output_not_writable]: ")
    assert done.returncode == SOMETHING_ELSE
    assert not (tmp_path / "out.mp4").exists()


def test_a_setting_that_cannot_be_meant_is_named(lipwright: Any, portrait: Path, short_speech: Path) -> None:
    done = lipwright("sync", portrait, short_speech, "-o", "out.mp4", LIPWRIGHT_CRF="ninety")

    assert done.stderr.startswith("error [invalid_option]: LIPWRIGHT_CRF cannot be 'ninety'")
    assert done.returncode == MEND_IT_YOURSELF


@pytest.mark.parametrize("command", ["probe", "faces"])
@pytest.mark.parametrize("kind", ["missing", "text", "empty", "truncated"])
def test_the_other_commands_fail_in_the_same_way(command: str, kind: str, lipwright: Any, make: Any) -> None:
    done = lipwright(command, getattr(make, kind)())

    assert done.stderr.startswith(f"error [{'media_not_found' if kind == 'missing' else 'unreadable_media'}]: ")
    assert len(done.stderr.splitlines()) == 1
    assert done.returncode == MEND_IT_YOURSELF


def test_a_word_that_is_no_option_is_explained_by_its_usage(lipwright: Any) -> None:
    done = lipwright("sync", "a.mp4", "b.wav", "-o", "c.mp4", "--wen-short", "loop")

    assert done.returncode == MEND_IT_YOURSELF
    assert "--wen-short" in done.stderr
    assert "Traceback" not in done.stderr
