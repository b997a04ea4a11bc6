"""The commands on good input."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import wave
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np
import pytest

from lipwright import media
from lipwright.cli import main
from lipwright.cli.screen import PlainReport
from lipwright.cli.sync import choose

PROGRAM = Path(sys.executable).with_name("lipwright")
CHATTER = ("W0000", "I0000", "WARNING", "INFO:", "Traceback", "XNNPACK", "absl", "Warning")


def test_sync_makes_a_video_that_lasts_as_long_as_the_speech(
    lipwright: Any, portrait: Path, short_speech: Path, tmp_path: Path
) -> None:
    output, report = tmp_path / "out.mp4", tmp_path / "report.json"

    done = lipwright("sync", portrait, short_speech, "-o", output, "--report", report)

    assert done.returncode == 0, done.stderr
    video = media.probe(output).video
    assert video is not None
    assert (video.width_px, video.height_px, video.fps, video.n_frames) == (480, 480, 25, 30)
    assert abs(media.speech_duration(output) - video.duration_s) < 1 / video.fps
    told = json.loads(report.read_text())
    assert told["n_frames"] == told["render"]["n_edited"] + sum(told["render"]["untouched"].values()) == 30
    assert set(told["stages_s"]) == {"open", "study", "listen", "render", "encode"}
    assert str(output) in done.stdout
    assert "for each second of video" in done.stdout
    assert f"lipwright report {report}" in done.stdout


def test_nothing_of_the_libraries_reaches_the_screen(
    program: Any, portrait: Path, short_speech: Path, tmp_path: Path
) -> None:
    done = program("sync", portrait, short_speech, "-o", tmp_path / "out.mp4")

    assert done.returncode == 0
    assert not [line for line in done.stderr.splitlines() if any(word in line for word in CHATTER)]
    assert all(line.startswith(("looking at", "listening to", "making the")) for line in done.stderr.splitlines())


def test_quiet_says_nothing(program: Any, portrait: Path, short_speech: Path, tmp_path: Path) -> None:
    done = program("sync", portrait, short_speech, "-o", tmp_path / "out.mp4", "-q", "--engine", "still")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_installed_engine_is_found_by_its_name_and_the_environment_can_choose_it(
    lipwright: Any, portrait: Path, short_speech: Path, tmp_path: Path
) -> None:
    done = lipwright("sync", portrait, short_speech, "-o", tmp_path / "out.mp4", LIPWRIGHT_ENGINE="still")

    assert done.returncode == 0, done.stderr
    assert "engine still" in done.stdout
    assert "30 left as they were" in done.stdout


@pytest.mark.parametrize(
    ("options", "n_frames"),
    [
        (("--when-short", "cut"), 25),
        (("--when-short", "loop"), 30),
        (("--when-short", "bounce"), 30),
        (("--when-short", "freeze"), 30),
        (("--when-short", "remap"), 30),
    ],
)
def test_footage_that_is_too_short_is_filled_as_asked(
    options: tuple[str, ...], n_frames: int, lipwright: Any, portrait: Path, short_speech: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.mp4"

    lipwright("sync", portrait, short_speech, "-o", output, "--engine", "still", *options)

    video = media.probe(output).video
    assert video is not None
    assert video.n_frames == n_frames


@pytest.mark.parametrize(("when_long", "duration_s"), [("cut", Fraction(6, 5)), ("keep", Fraction(6))])
def test_footage_that_is_too_long_is_cut_or_kept(
    when_long: str, duration_s: Fraction, lipwright: Any, short_speech: Path, tmp_path: Path
) -> None:
    from lipwright.demo import video_path

    output = tmp_path / "out.mp4"

    lipwright("sync", video_path(), short_speech, "-o", output, "--engine", "still", "--when-long", when_long)

    video = media.probe(output).video
    assert video is not None
    assert video.duration_s == duration_s


@pytest.mark.parametrize(("ask", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_run_that_is_stopped_leaves_nothing(
    ask: signal.Signals, status: int, environment: dict[str, str], portrait: Path, speech: Path, tmp_path: Path
) -> None:
    if signal.getsignal(ask) == signal.SIG_IGN:
        pytest.skip(f"{ask.name} is ignored here, and so by what is started")
    folder = tmp_path / "results"
    folder.mkdir()
    command = [str(PROGRAM), "sync", str(portrait), str(speech), "-o", str(folder / "out.mp4")]
    run = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        deadline_s = time.monotonic() + 60
        while not list(folder.iterdir()):  # the file that is being written
            assert run.poll() is None, run.communicate()
            assert time.monotonic() < deadline_s
            time.sleep(0.02)
        run.send_signal(ask)
        _, said = run.communicate(timeout=30)
    finally:
        run.kill()
        run.communicate()

    assert run.returncode == status
    assert "Traceback" not in said
    assert not list(folder.iterdir())


def test_nohup_outlives_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.SIG_IGN)
    monkeypatch.setattr(signal, "signal", lambda number, _: asked.append(number))

    main.listen_for_the_end()

    assert asked == [signal.SIGTERM]


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_what_is_said_to_a_stream_that_was_closed_goes_nowhere(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, name, None)

    main.open_closed_streams()

    with getattr(sys, name) as stream:
        assert not stream.isatty()
        assert os.get_inheritable(stream.fileno())
        print(os.fsdecode(b"caf\xe9.mp4"), file=stream)


@pytest.mark.parametrize("command", ["sync", "say"])
def test_who_stops_the_measurement_is_told_that_the_video_is_there(
    command: str, lipwright: Any, portrait: Path, short_speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, report = tmp_path / "out.mp4", tmp_path / "report.json"
    monkeypatch.setattr("lipwright.service.reports.report_of", stop)
    more = [short_speech] if command == "sync" else ["Hello.", "--subtitles"]

    done = lipwright(command, portrait, *more, "-o", output, "--report", report, "--engine", "still")

    told = [output] if command == "sync" else [output, tmp_path / "out.srt", tmp_path / "out.vtt"]
    assert done.returncode == 130
    assert done.stderr.splitlines()[-1] == f"stopped; already written: {', '.join(map(str, told))}"
    assert all(path.stat().st_size for path in told)
    assert not report.exists()


def test_who_stops_before_the_video_is_there_is_told_that_nothing_is(
    lipwright: Any, portrait: Path, short_speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lipwright.service.sync_with", stop)

    done = lipwright("sync", portrait, short_speech, "-o", tmp_path / "out.mp4")

    assert done.returncode == 130
    assert done.stderr == "stopped; nothing was written\n"


def test_who_stops_the_demo_is_told_what_it_made_so_far(
    lipwright: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(_options: Any, _video: Path, _audio: Path, output: Path, **_: Any) -> Any:
        return SimpleNamespace(output=output) if output.stem == "portrait" else stop()

    monkeypatch.setattr("lipwright.service.sync_with", make)
    monkeypatch.setattr("lipwright.service.mouths_sheet", lambda *_: b"sheet")
    monkeypatch.setattr("lipwright.cli.demo.summary", lambda _: "")

    done = lipwright("demo", "-o", tmp_path)

    assert done.returncode == 130
    assert done.stderr == f"stopped; already written: {tmp_path / 'portrait.mp4'}, {tmp_path / 'portrait-mouths.png'}\n"


def stop(*_: Any, **__: Any) -> Any:
    raise KeyboardInterrupt


def test_a_name_that_is_no_utf_8_is_written_so_that_the_file_is_found_again(
    program: Any, lipwright: Any, portrait: Path, short_speech: Path, tmp_path: Path
) -> None:
    output, report, page = tmp_path / os.fsdecode(b"caf\xe9.mp4"), tmp_path / "report.json", tmp_path / "page.html"
    if not is_a_name(output):
        pytest.skip("files here have names in UTF-8 only")

    made = program(
        "sync", portrait, short_speech, "-o", output, "--engine", "still", "--report", report, "--no-measure"
    )
    drawn = lipwright("report", report, "-o", page)
    score, drawing = tmp_path / "score.json", tmp_path / "score.html"
    scored = lipwright("evaluate", output, "--report", score, "--html", drawing, "--seconds", "1", "--quiet")

    for done in (made, drawn, scored):
        assert done.returncode == 0, done.stderr
    assert r"caf\udce9.mp4" in made.stdout
    assert Path(json.loads(report.read_text(encoding="utf-8"))["output"]).is_file()
    assert Path(json.loads(score.read_text(encoding="utf-8"))["output"]).is_file()
    assert r"caf\udce9.mp4" in page.read_text(encoding="utf-8")


def is_a_name(path: Path) -> bool:
    try:
        path.touch()
    except OSError:
        return False
    path.unlink()
    return True


def test_faces_lists_ids_and_draws_a_sheet(lipwright: Any, portrait: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "faces.png"

    done = lipwright("faces", portrait, "--contact-sheet", sheet)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("face 1: ")
    assert sheet.read_bytes().startswith(b"\x89PNG")


def test_faces_as_json_is_nothing_but_json(lipwright: Any, portrait: Path) -> None:
    done = lipwright("faces", portrait, "--json")

    (face,) = json.loads(done.stdout)
    assert face["face_id"] == 1
    assert face["n_frames"] == 25
    left, top, right, bottom = face["box_px"]
    assert re.fullmatch(r"\d+,\d+@[\d.]+", face["pointer"])
    x, y, _ = (float(part) for part in re.split("[,@]", face["pointer"]))
    assert left < x < right
    assert top < y < bottom
    assert done.stderr == ""


def test_faces_of_a_picture_are_where_they_are_when_it_speaks(lipwright: Any, portrait: Path, tmp_path: Path) -> None:
    """A phone's picture is turned upright, and a very large one made smaller."""
    with av.open(str(portrait)) as container:
        upright = next(container.decode(video=0)).to_ndarray(format="bgr24")
    lying = cv2.resize(np.ascontiguousarray(np.rot90(upright)), None, fx=5, fy=5)
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    coded = cv2.imencode(".jpg", lying)[1].tobytes()
    picture = tmp_path / "phone.jpg"
    picture.write_bytes(coded[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + coded[2:])

    done = lipwright("faces", picture, "--json")
    (face,) = json.loads(done.stdout)
    made = lipwright("say", picture, "Hello.", "-o", tmp_path / "out.mp4", "--face", face["pointer"], "--no-cache")

    assert face["n_frames"] == 1
    assert made.returncode == 0, made.stderr
    assert "face 1 (asked for)" in made.stdout + made.stderr


def test_footage_without_a_face_is_an_empty_list_and_no_error(lipwright: Any, make_video: Any) -> None:
    done = lipwright("faces", make_video(n=4))

    assert (done.returncode, done.stdout) == (0, "No face was found.\n")


def test_probe_tells_the_exact_rate(lipwright: Any, make_video: Any) -> None:
    path = make_video(fps=Fraction(30_000, 1001), n=10)

    done = lipwright("probe", path, "--json")

    assert json.loads(done.stdout)["video"]["fps"] == "30000/1001"
    assert "29.97 frames/s" in lipwright("probe", path).stdout


def test_doctor_finds_everything_in_place(lipwright: Any) -> None:
    done = lipwright("doctor", "--json")

    checks = json.loads(done.stdout)
    assert {"engines", "models", "encoders", "packages"} <= {check["group"] for check in checks}
    # the package of these tests brings an engine that cannot be loaded, and doctor is there to say so
    assert [check["name"] for check in checks if not check["is_well"]] == ["broken"]
    assert done.returncode == 1


@pytest.mark.parametrize("group", ["", "keys", "credits", "webhooks", "voices", "jobs"])
def test_no_line_of_the_help_breaks_off(lipwright: Any, group: str) -> None:
    done = lipwright(*([group] if group else []), "--help")

    assert done.returncode == 0
    assert "Commands:" in done.stdout
    assert not [line for line in done.stdout.splitlines() if line.endswith("...") and "Usage" not in line]


def test_a_pipe_is_not_replaced_by_a_video(lipwright: Any, portrait: Path, short_speech: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "out.mp4")

    done = lipwright("sync", portrait, short_speech, "-o", tmp_path / "out.mp4")

    assert done.returncode != 0
    assert "it is a pipe or a device" in done.stderr
    assert "looking at" not in done.stderr
    assert (tmp_path / "out.mp4").is_fifo()


def test_what_comes_from_a_pipe_is_not_called_missing(lipwright: Any, portrait: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "speech")

    done = lipwright("sync", portrait, tmp_path / "speech", "-o", tmp_path / "out.mp4")

    assert done.returncode != 0
    assert "is a pipe or a device" in done.stderr


def test_a_recording_in_which_nobody_speaks_is_told_of(lipwright: Any, portrait: Path, tmp_path: Path) -> None:
    silence = tmp_path / "silence.wav"
    with wave.open(str(silence), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        out.writeframes(bytes(2 * 16_000))

    done = lipwright("sync", portrait, silence, "-o", tmp_path / "out.mp4")

    assert done.returncode == 0, done.stderr
    assert "No speech is heard in the recording" in done.stdout


def test_a_recording_that_is_cut_off_is_told_of(lipwright: Any, portrait: Path, speech: Path, tmp_path: Path) -> None:
    content = speech.read_bytes()
    cut = tmp_path / speech.name
    cut.write_bytes(content[: len(content) // 4])

    done = lipwright("sync", portrait, cut, "-o", tmp_path / "out.mp4")

    assert done.returncode == 0, done.stderr
    assert " ".join(done.stdout.split()).count("The speech is not whole: its header tells of") == 1


def test_probe_tells_a_picture_from_footage(lipwright: Any, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    cv2.imwrite(str(picture), np.zeros((48, 64, 3), np.uint8))

    assert "png, 64x48, one picture" in lipwright("probe", picture).stdout


def test_version_is_that_of_the_package(lipwright: Any) -> None:
    from importlib.metadata import version

    assert lipwright("--version").stdout == f"lipwright {version('lipwright')}\n"


def test_demo_writes_a_video_and_a_sheet_and_says_what_to_try(lipwright: Any, tmp_path: Path) -> None:
    done = lipwright("demo", "-o", tmp_path / "demo", "--clips", tmp_path / "none")

    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "demo").iterdir()} == {
        "portrait.mp4",
        "portrait-mouths.png",
        "still-portrait.mp4",
        "still-portrait-mouths.png",
    }
    assert "lipwright sync" in done.stdout


def test_an_option_wins_over_the_environment_and_that_over_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIPWRIGHT_CRF", "23")
    monkeypatch.setenv("LIPWRIGHT_PRESET", "slow")

    options = choose({"crf": 12.0, "preset": None, "face": "2"})

    assert (options.crf, options.preset, options.face, options.seed) == (12, "slow", "2", 0)


def test_plain_progress_is_a_line_now_and_then_and_one_at_the_end_of_each_phase() -> None:
    lines: list[str] = []
    now_s = 0.0
    report = PlainReport(lines.append, clock=lambda: now_s)

    for phase in ("study", "render"):
        for done in range(1, 101):
            now_s += 0.125
            report(phase, done, 100)

    assert [line.split(" frames,")[0] for line in lines] == [
        "looking at the footage: 41 of 100",
        "looking at the footage: 81 of 100",
        "looking at the footage: 100 of 100",
        "making the video: 41 of 100",
        "making the video: 81 of 100",
        "making the video: 100 of 100",
    ]
    assert lines[0].endswith("8.2 frames/s, 7 s left")
