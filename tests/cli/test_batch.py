"""`lipwright batch`: a line is rendered once, whatever happens to the others or to the program."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lipwright import sandbox
from lipwright.cli.batch import summary
from lipwright.core.errors import (
    InputError,
    InvalidOption,
    NoFaceFound,
    OutputNotWritable,
    UnsupportedOutput,
    WorkerCrashed,
)
from lipwright.service import children
from lipwright.service.batch import STATE, SUMMARY, BatchResult, read_items, run_batch

WITH_STAND_INS = """
from lipwright import sandbox
from lipwright.cli.main import main
real = sandbox.call
sandbox.call = lambda target, *args, **kwargs: real("stand_in:render", *args, **kwargs)
main()
"""


class StandIn:
    """Takes the place of the children: writes what it was asked for, and notes the order."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.fails: dict[str, Exception] = {}
        """By the name of the speech."""
        self.before: Callable[[dict[str, Any]], None] = lambda arguments: None

    def __call__(self, target: str, arguments: dict[str, Any], **others: Any) -> dict[str, Any]:
        assert target == "lipwright.service.children:render"
        self.asked.append(arguments)
        self.before(arguments)
        if (error := self.fails.get(Path(arguments["audio"] or "text").name)) is not None:
            raise error
        others["on_message"]({"phase": "render", "done": 1, "total": 2})
        Path(arguments["output"]).write_text(json.dumps([arguments["audio"], arguments["text"], arguments["options"]]))
        report = {"speakers": [], "verdict": {"word": "unknown"}}
        return {"duration_s": 1.0, "took_s": 0.5, "is_recalled": len(self.asked) > 1, "plan": "not told", **report}

    @property
    def order(self) -> list[str]:
        return [f"{Path(one['video']).stem}{Path(one['audio'] or 'text').stem}" for one in self.asked]


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    made = StandIn()
    monkeypatch.setattr(sandbox, "call", made)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Footage a and b, speeches 1 to 3; their contents are their names."""
    for name in ("a.mp4", "b.mp4", "1.wav", "2.wav", "3.wav"):
        (tmp_path / name).write_text(name)
    return tmp_path


def jobs_file(folder: Path, *lines: dict[str, Any] | str) -> Path:
    path = folder / "jobs.jsonl"
    path.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in lines))
    return path


def line(video: str, audio: str, **others: Any) -> dict[str, Any]:
    return {"video": f"{video}.mp4", "audio": f"{audio}.wav", "output": f"{video}{audio}.mp4", **others}


@dataclass(frozen=True)
class Rendered:
    """Two lines on the same footage, rendered for real in this process; and once more."""

    folder: Path
    first: BatchResult
    again: BatchResult


@pytest.fixture(scope="module")
def rendered(portrait: Path, short_speech: Path, tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    folder = tmp_path_factory.mktemp("batch")
    shutil.copyfile(portrait, folder / "same bytes under another name.mp4")
    lines = [
        {"video": str(portrait), "audio": str(short_speech), "output": "in/one.mp4"},
        {"video": "same bytes under another name.mp4", "audio": str(short_speech), "options": {"intensity": 1.2}},
    ]
    items = read_items(jobs_file(folder, *lines), {"preset": "ultrafast"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            sandbox, "call", lambda target, arguments, on_message, **_: children.render(arguments, on_message)
        )
        first, again = (run_batch(items, folder / "out", reports_s=20) for _ in range(2))
    return Rendered(folder / "out", first, again)


def test_the_same_footage_is_studied_once_for_all_its_speeches(rendered: Rendered) -> None:
    result = rendered.first

    assert [one.report["is_recalled"] for one in result.outcomes] == [False, True]
    assert (result.n_footage, result.n_studied) == (1, 1)
    second = "002-same bytes under another name-short.mp4"
    assert sorted(str(path.relative_to(rendered.folder)) for path in rendered.folder.rglob("*.*")) == [
        second, f"{second}.report.json", "in/one.mp4", "in/one.mp4.report.json", STATE, SUMMARY,
    ]  # fmt: skip


def test_each_result_has_a_report_that_is_measured_as_that_of_sync(
    rendered: Rendered, portrait: Path, short_speech: Path
) -> None:
    output = rendered.folder / "in" / "one.mp4"
    report = json.loads(output.with_name("one.mp4.report.json").read_text())
    first, again = rendered.first.outcomes[0], rendered.again.outcomes[0]

    assert (first.status, again.status) == ("done", "skipped")
    assert report["measurement"]["state"] == "done"
    assert first.report["verdict"] == again.report["verdict"] == report["verdict"]["word"] != "unknown"
    assert (report["inputs"]["video"], report["output"]) == (str(portrait), str(output))
    assert report["inputs"]["audio"] == report["speakers"][0]["audio"] == str(short_speech)
    assert report["verdict"]["word"] in summary(rendered.first)


def test_footage_that_several_speak_on_is_looked_at_whole(folder: Path, stand_in: StandIn) -> None:
    items = read_items(jobs_file(folder, line("a", "1"), line("b", "2"), line("a", "3")), {})

    run_batch(items, folder / "out")

    assert {Path(one["audio"]).stem: one["options"]["look"] for one in stand_in.asked} == {
        "1": "all", "2": "enough", "3": "all",
    }  # fmt: skip


def test_a_video_outlives_a_measurement_that_breaks(
    folder: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = {
        "report": 1, "measurement": {"state": "skipped"}, "verdict": {"word": "unknown"}, "figures": [], "speakers": [],
        "length": None, "words": {}, "duration_s": 1.0,
    }  # fmt: skip

    def breaks(target: str, arguments: dict[str, Any], **others: Any) -> dict[str, Any]:
        Path(arguments["output"]).write_text("whole")
        others["on_message"]({"report": draft})
        raise WorkerCrashed("SIGSEGV")

    monkeypatch.setattr(sandbox, "call", breaks)

    items, report = read_items(jobs_file(folder, line("a", "1")), {}), folder / "out" / "a1.mp4.report.json"
    statuses: list[str] = []
    for is_kept in (True, True, False):
        if not is_kept:
            report.unlink()  # without it, it is not finished
        statuses.append(run_batch(items, folder / "out", reports_s=5).outcomes[0].status)
        assert "SIGSEGV" in report.read_text()

    assert statuses == ["done", "skipped", "done"]
    assert (folder / "out" / "a1.mp4").read_text() == "whole"


def test_items_on_the_same_footage_follow_one_another(folder: Path, stand_in: StandIn) -> None:
    jobs = jobs_file(folder, line("a", "1"), line("b", "1"), "", line("a", "2"), line("b", "2"), line("a", "3"))

    result = run_batch(read_items(jobs, {}), folder / "out")

    assert stand_in.order == ["a1", "a2", "a3", "b1", "b2"]
    assert [one.item.line for one in result.outcomes] == [1, 2, 4, 5, 6]
    assert len({one["cache"] for one in stand_in.asked}) == 1


def test_two_workers_do_not_study_the_same_footage_at_the_same_time(folder: Path, stand_in: StandIn) -> None:
    at_work: list[str] = []
    seen: list[tuple[str, ...]] = []
    lock = threading.Lock()

    def before(arguments: dict[str, Any]) -> None:
        name = Path(arguments["video"]).stem
        with lock:
            at_work.append(name)
            seen.append(tuple(at_work))
        time.sleep(0.25)
        with lock:
            at_work.remove(name)

    stand_in.before = before
    jobs = jobs_file(folder, line("a", "1"), line("a", "2"), line("a", "3"), line("b", "1"))

    run_batch(read_items(jobs, {}), folder / "out", n_workers=2)

    assert set(seen[1]) == {"a", "b"}
    assert ("a", "a") in seen[2:]
    assert all(one["options"]["threads"] >= 1 for one in stand_in.asked)


def test_one_that_fails_does_not_keep_the_others(folder: Path, stand_in: StandIn, lipwright: Any) -> None:
    crash = WorkerCrashed("SIGSEGV")
    crash.add_note("its last words")
    stand_in.fails = {"1.wav": NoFaceFound(frames_searched=7), "2.wav": crash}
    jobs = jobs_file(folder, line("a", "1"), line("a", "2"), line("a", "3"), line("b", "4"))

    done = lipwright("batch", jobs, "-o", folder / "out")

    assert done.returncode == 1
    told = json.loads((folder / "out" / SUMMARY).read_text())
    assert told["counts"] == {"done": 1, "skipped": 0, "failed": 3, "stopped": 0}
    assert [one["error_code"] for one in told["items"]] == ["no_face", "worker_crashed", None, "media_not_found"]
    assert told["items"][1]["detail"] == "its last words"
    assert "a3.mp4  done" in done.stdout
    assert "[no_face]" in done.stdout
    assert "1 done, 3 failed" in done.stdout
    assert "failed [worker_crashed]" in done.stderr
    assert not list((folder / "out").glob("a1*"))


def test_what_is_finished_is_skipped_and_what_failed_is_tried_again(
    folder: Path, stand_in: StandIn, lipwright: Any
) -> None:
    stand_in.fails = {"2.wav": NoFaceFound(frames_searched=7)}
    jobs = jobs_file(folder, line("a", "1"), line("a", "2"))
    assert lipwright("batch", jobs, "-o", folder / "out").returncode == 1
    stand_in.fails, stand_in.asked = {}, []

    second = lipwright("batch", jobs, "-o", folder / "out", "--json")
    third = lipwright("batch", jobs, "-o", folder / "out", "--json")
    all_again = lipwright("batch", jobs, "-o", folder / "out", "--redo", "--json")

    assert second.returncode == third.returncode == 0
    assert [one["status"] for one in json.loads(second.stdout)["items"]] == ["skipped", "done"]
    assert json.loads(second.stdout)["items"][0]["duration_s"] == 1.0
    assert json.loads(third.stdout)["counts"]["skipped"] == 2
    assert json.loads(all_again.stdout)["counts"]["done"] == 2
    assert stand_in.order == ["a2", "a1", "a2"]


@pytest.mark.parametrize("change", ["speech", "footage", "option", "output gone", "output damaged", "setting"])
def test_an_item_is_done_again_when_what_it_is_made_of_changed(folder: Path, stand_in: StandIn, change: str) -> None:
    def run(**defaults: Any) -> list[str]:
        stand_in.asked = []
        run_batch(read_items(folder / "jobs.jsonl", defaults), folder / "out")
        return stand_in.order

    jobs_file(folder, line("a", "1"), line("b", "2"))
    assert run() == ["a1", "b2"]
    match change:
        case "speech":
            (folder / "1.wav").write_text("another")
        case "footage":
            (folder / "a.mp4").write_text("another")
        case "option":
            jobs_file(folder, line("a", "1", options={"crf": 30}), line("b", "2"))
        case "output gone":
            (folder / "out" / "a1.mp4").unlink()
        case "output damaged":
            (folder / "out" / "a1.mp4").write_text("?" * (folder / "out" / "a1.mp4").stat().st_size)
        case _:
            assert run(crf=40) == ["a1", "b2"]
            return

    assert run() == ["a1"]
    assert run(threads=2) == []  # the same, made with more of the machine


@pytest.mark.skipif(sys.platform == "darwin", reason="files there have names in UTF-8 only")
def test_a_name_that_is_not_in_utf_8_is_a_name_like_others(folder: Path, stand_in: StandIn) -> None:
    video = os.fsdecode(b"caf\xe9.mp4")
    (folder / "a.mp4").rename(folder / video)
    items = read_items(jobs_file(folder, {"video": video, "audio": "1.wav"}), {})
    out = folder / os.fsdecode(b"out\xe9")

    statuses = [run_batch(items, out, reports_s=0).outcomes[0].status for _ in range(2)]

    assert statuses == ["done", "skipped"]
    output = f"001-{Path(video).stem}-1.mp4"
    assert json.loads((out / SUMMARY).read_text())["items"][0]["output"] == output
    assert json.loads((out / f"{output}.report.json").read_text())["inputs"]["video"] == str(folder / video)


def test_half_a_line_of_state_costs_one_render_and_no_more(folder: Path, stand_in: StandIn) -> None:
    items = read_items(jobs_file(folder, line("a", "1"), line("a", "2")), {})
    run_batch(items, folder / "out")
    state = folder / "out" / STATE
    state.write_bytes(state.read_bytes()[:-60])
    stand_in.asked = []

    run_batch(items, folder / "out")
    run_batch(items, folder / "out")

    assert stand_in.order == ["a2"]


def test_footage_and_speech_are_never_replaced_by_a_result(folder: Path, stand_in: StandIn, lipwright: Any) -> None:
    (folder / "link.mp4").symlink_to("b.mp4")
    (folder / "speech.mov").hardlink_to(folder / "2.wav")
    (folder / "c.mp4.report.json").symlink_to("3.wav")
    own, others, linked, spoken = (line("a", "1", output=name) for name in ("a.mp4", "b.mp4", "link.mp4", "speech.mov"))
    jobs = jobs_file(folder, own, others, linked, spoken, line("b", "2"))
    before = {path: path.read_bytes() for path in folder.iterdir() if path != jobs}

    done = lipwright("batch", jobs, "-o", folder, "--json")
    reported = run_batch(read_items(jobs_file(folder, line("a", "3", output="c.mp4")), {}), folder, reports_s=0)

    items = json.loads(done.stdout)["items"]
    assert done.returncode == 1
    assert [one["status"] for one in items] == [*["failed"] * 4, "done"]
    assert {one["error_code"] for one in items[:4]} == {"unsupported_output"}
    assert all("it is also an input" in one["error_message"] for one in items[:4])
    assert "c.mp4.report.json cannot be written: it is also an input" in str(reported.outcomes[0].error)
    assert stand_in.order == ["b2"]
    assert {path: path.read_bytes() for path in before} == before


def test_a_batch_removes_nothing_that_it_did_not_make(folder: Path, stand_in: StandIn) -> None:
    (folder / ".work").mkdir()
    footage = (folder / "a.mp4").rename(folder / ".work" / "a.mp4")
    items = read_items(jobs_file(folder, {"video": ".work/a.mp4", "audio": "1.wav", "output": "x.mp4"}), {})
    workshop = folder / ".lipwright-work"
    workshop.mkdir()
    (workshop / "mine.txt").write_text("not of a batch")

    with pytest.raises(OutputNotWritable, match="no batch has made"):
        run_batch(items, folder)
    (workshop / "mine.txt").rename(folder / "mine.txt")

    assert run_batch(items, folder).counts["done"] == 1
    assert footage.read_text() == "a.mp4"
    assert not workshop.exists()


@pytest.mark.parametrize("name", [STATE, SUMMARY])
def test_footage_is_not_replaced_by_what_the_batch_writes_down(folder: Path, name: str) -> None:
    (folder / name).symlink_to("a.mp4")

    with pytest.raises(UnsupportedOutput, match="it is also an input"):
        run_batch(read_items(jobs_file(folder, line("a", "1")), {}), folder)

    assert (folder / "a.mp4").read_text() == "a.mp4"


@pytest.mark.parametrize("name", ["state.jsonl", "summary.json"])
def test_the_list_of_jobs_is_not_replaced_by_what_the_batch_writes_down(
    folder: Path, lipwright: Any, name: str
) -> None:
    jobs = jobs_file(folder, line("a", "1")).rename(folder / name)
    before = jobs.read_bytes()

    done = lipwright("batch", jobs, "-o", folder)

    assert done.returncode == 2
    assert f"{name} cannot be written: it is also an input" in done.stderr
    assert jobs.read_bytes() == before


def test_what_cannot_be_written_is_found_out_before_it_is_rendered(folder: Path, stand_in: StandIn) -> None:
    out = folder / "out"
    (out / "folder.mp4").mkdir(parents=True)
    (out / "told.mp4.report.json").mkdir()
    (out / "file").touch()
    names = ["folder.mp4", "told.mp4", "file/a.mp4", f"{'x' * 252}.mp4", f"{'y' * 245}.mp4", "in/well.mp4"]
    items = read_items(jobs_file(folder, *(line("a", "1", output=name) for name in names)), {})

    result = run_batch(items, out, reports_s=0)

    assert [one.status for one in result.outcomes] == [*["failed"] * 5, "done"]
    assert {one.error.code for one in result.outcomes if one.error is not None} == {"output_not_writable"}
    assert stand_in.order == ["a1"]


def test_a_name_that_a_batch_chooses_can_be_written(folder: Path, stand_in: StandIn) -> None:
    video = (folder / "a.mp4").rename(folder / f"{'嘴' * 80}.mp4")
    audio = (folder / "1.wav").rename(folder / f"{'說' * 40}.wav")
    items = read_items(jobs_file(folder, {"video": video.name, "audio": audio.name}), {})

    assert items[0].output == f"001-{'嘴' * 33}-{'說' * 33}.mp4"
    assert run_batch(items, folder / "out", reports_s=0).counts["done"] == 1


def test_two_batches_do_not_work_in_one_folder(folder: Path, stand_in: StandIn) -> None:
    items = read_items(jobs_file(folder, line("a", "1")), {})
    refused: list[InvalidOption] = []

    def before(arguments: dict[str, Any]) -> None:
        with pytest.raises(InvalidOption, match="another batch") as caught:
            run_batch(items, folder / "out")
        refused.append(caught.value)

    stand_in.before = before

    assert run_batch(items, folder / "out").counts["done"] == 1
    assert len(refused) == 1


def test_a_batch_that_is_told_to_stop_says_what_it_did_not_come_to(folder: Path, stand_in: StandIn) -> None:
    items = read_items(jobs_file(folder, line("a", "1"), line("a", "2"), line("a", "3")), {})

    result = run_batch(items, folder / "out", should_stop=lambda: len(stand_in.asked) >= 2)

    assert [one.status for one in result.outcomes] == ["done", "done", "stopped"]
    assert json.loads((folder / "out" / SUMMARY).read_text())["counts"]["stopped"] == 1


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("{", "line 2 .*not JSON"),
        ("[]", "line 2 .*no JSON object"),
        ({"audio": "1.wav"}, "line 2 .*'video'"),
        ({"video": "a.mp4"}, "line 2 .*recording or a text"),
        ({"video": "a.mp4", "audio": "1.wav", "text": "Both."}, "line 2 .*not both"),
        ({"video": "a.mp4", "audio": "1.wav", "colour": "red"}, "line 2 .*colour"),
        ({"video": "a.mp4", "audio": 7}, "line 2 .*give a text"),
        ({"video": "a.mp4", "audio": "1.wav", "voice": "Harper"}, "line 2 .*belong to a text"),
        ({"video": "a.mp4", "text": "Hm.", "options": {"speed": 9}}, "line 2 .*speed"),
        ({"video": "a.mp4", "audio": "1.wav", "options": {"crf": 99}}, "line 2 .*crf"),
        ({"video": "a.mp4", "audio": "1.wav", "options": {"crf": "low"}}, "line 2 cannot be 'low': crf: give a number"),
        ({"video": "a.mp4", "audio": "1.wav", "options": []}, "line 2 .*object"),
        ({"video": "a.mp4", "audio": "1.wav", "output": "../a.mp4"}, "line 2 .*under the folder"),
        ({"video": "a.mp4", "audio": "1.wav", "output": "/tmp/a.mp4"}, "line 2 .*under the folder"),
        ({"video": "a.mp4", "audio": "1.wav", "output": "a.txt"}, "line 2"),
        ({"video": "a.mp4", "audio": "1.wav", "output": "."}, "line 2"),
        ({"video": "a.mp4", "audio": "1.wav", "output": "a1.mp4/b.mp4"}, "line 2 .*a1.mp4 is the output of line 1"),
        ({"video": "a.mp4", "audio": "1.wav", "output": "summary.json/b.mp4"}, "line 2 .*under the folder"),
        ({"video": "a\0.mp4", "audio": "1.wav"}, "line 2 .*NUL"),
        ({"video": "a.mp4", "audio": "1.wav", "output": "a\0.mp4"}, "line 2 .*NUL"),
        ({"video": "a.mp4", "audio": "1.wav", "output": "x/../a1.mp4"}, "line 1 has the same output"),
    ],
)
def test_a_line_that_cannot_be_meant_is_named_before_anything_is_rendered(
    folder: Path, wrong: dict[str, Any] | str, told: str
) -> None:
    with pytest.raises(InputError, match=told):
        read_items(jobs_file(folder, line("a", "1"), wrong), {})


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_text_may_hold_every_sign_that_json_holds(folder: Path, newline: str) -> None:
    texts = [f"One.{sign}Two." for sign in "\u2028\u2029\x85\x7f"]
    lines = [json.dumps({"video": "a.mp4", "text": text}, ensure_ascii=False) for text in texts]
    path = folder / "jobs.jsonl"
    path.write_bytes(("\ufeff" + newline.join([lines[0], "", *lines[1:]]) + newline).encode())

    items = read_items(path, {})

    assert [one.text for one in items] == texts
    assert [one.line for one in items] == [1, 3, 4, 5]


def test_at_most_500_lines_are_taken(folder: Path) -> None:
    lines = [line("a", "1", output=f"{n}.mp4") for n in range(501)]

    assert len(read_items(jobs_file(folder, *lines[:500]), {})) == 500
    with pytest.raises(InvalidOption, match="501"):
        read_items(jobs_file(folder, *lines), {})
    with pytest.raises(InvalidOption, match="there are 0"):
        read_items(jobs_file(folder, "", "  "), {})


def test_a_batch_that_is_killed_goes_on_where_it_was(folder: Path, environment: dict[str, str]) -> None:
    jobs = jobs_file(folder, line("a", "1"), line("a", "2"), line("b", "1"))
    out = folder / "out"
    # real children, which copy the footage in place of rendering it
    path = os.pathsep.join([str(Path(__file__).parents[1] / "hosted"), environment["PYTHONPATH"]])
    given = {**environment, "PYTHONPATH": path, "LANG": "rest0.4"}
    command = [sys.executable, "-c", WITH_STAND_INS, "batch", str(jobs), "-o", str(out), "--json"]
    with subprocess.Popen(command, env=given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        while not (out / STATE).exists() or not (out / STATE).read_bytes().endswith(b"}\n"):
            assert first.poll() is None
            time.sleep(0.02)
        while not list(out.glob(".lipwright-work/[0-9]*")):  # the next one is being made
            assert first.poll() is None
            time.sleep(0.01)
        first.kill()
    kept = (out / "a1.mp4").stat()
    assert not (out / "b1.mp4").exists()

    second = subprocess.run(command, env=given, capture_output=True, text=True, timeout=60, check=True)

    told = json.loads(second.stdout)
    assert told["items"][0]["status"] == "skipped"
    assert told["counts"]["done"] + told["counts"]["skipped"] == 3
    assert (out / "a1.mp4").stat() == kept
    assert sorted(path.name for path in out.iterdir()) == ["a1.mp4", "a2.mp4", "b1.mp4", STATE, SUMMARY]
