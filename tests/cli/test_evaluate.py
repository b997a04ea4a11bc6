"""What `lipwright evaluate` shows on the screen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lipwright.cli.evaluate import evaluate, told
from lipwright.cli.report import read_report
from lipwright.core.errors import InvalidOption, MediaNotFound

SAMPLE = Path(__file__).parents[1] / "report" / "sample.json"


@pytest.fixture
def report() -> dict[str, Any]:
    return read_report(SAMPLE)


def row(name: str, offset_ms: float | None) -> dict[str, Any]:
    return {
        "name": name, "says": "", "offset_ms": offset_ms, "confidence": 0.5, "fit": 0.6, "follows": None,
        "closures": 0.5,
    }  # fmt: skip


def test_the_verdict_comes_first_and_every_figure_has_its_word(report: dict[str, Any]) -> None:
    lines = told(report).splitlines()

    assert lines[0] == f"out.mp4: fair. {report['verdict']['says']}"
    figures = [*report["speakers"][0]["figures"], *report["figures"]]
    for figure, line in zip(figures, lines[1:], strict=False):
        assert line.split()[0] == figure["verdict"]
        assert line.endswith(figure["says"])
    assert sum(line.startswith("  look ") for line in lines) == 2


def test_controls_stand_in_columns_with_a_dash_for_what_cannot_be_told(report: dict[str, Any]) -> None:
    report["controls"] = [row("this video", -4.2), row("other speech", None)]

    head, mine, other = told(report).splitlines()[-3:]

    assert len(head) == len(mine) == len(other)
    assert "-4 ms" in mine
    assert "50%" in mine
    assert other.split()[2] == "-"


def test_what_was_looked_at_in_part_is_said(report: dict[str, Any]) -> None:
    report["measurement"].update(state="partial", says="20 of 60 s were looked at.")

    assert "20 of 60 s were looked at." in told(report)


def test_a_file_that_is_no_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaNotFound):
        read_report(tmp_path / "gone.json")
    for content in (b"{", b"[1]", b"{}", b"\xff\xfe\x00"):
        (tmp_path / "torn.json").write_bytes(content)
        with pytest.raises(InvalidOption):
            read_report(tmp_path / "torn.json")


def test_json_that_is_no_report_is_told_to_be_none(lipwright: Any, tmp_path: Path) -> None:
    cues = tmp_path / "cues.json"
    cues.write_text('{"metadata": {}, "mouthCues": []}')

    done = lipwright("report", cues)

    assert done.returncode == 2
    assert done.stderr.startswith(f"error [invalid_option]: report cannot be '{cues}': it is no report; ")
    assert not cues.with_suffix(".html").exists()


@pytest.mark.parametrize("damaged", ["output", "video"])
def test_where_media_cannot_be_read_the_page_has_no_pictures_and_says_why(
    damaged: str, report: dict[str, Any], lipwright: Any, portrait: Path, tmp_path: Path
) -> None:
    torn, told, page = tmp_path / "torn.mp4", tmp_path / "report.json", tmp_path / "page.html"
    torn.write_text("Dear reader, this is not a film.")
    report["output"] = str(torn if damaged == "output" else portrait)
    report["inputs"]["video"] = str(torn if damaged == "video" else portrait)
    told.write_text(json.dumps(report))

    done = lipwright("report", told, "-o", page)

    assert done.returncode == 0, done.stderr
    assert f"without pictures of mouths: {torn} cannot be read as media: " in done.stdout
    assert page.read_text("utf-8").startswith("<!doctype html>")


def test_what_was_measured_is_drawn_also_where_its_pictures_cannot_be_read(
    report: dict[str, Any],
    portrait: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    torn, page = tmp_path / "torn.mp4", tmp_path / "page.html"
    torn.write_text("It was a film while it was measured.")
    report["output"], report["inputs"]["video"] = str(torn), str(portrait)
    monkeypatch.setattr("lipwright.service.evaluate.evaluate", lambda *_, **__: report)

    evaluate(portrait, html=page)

    assert f"{page}, without pictures of mouths: {torn} cannot be read as media: " in capsys.readouterr().out
    assert page.read_text("utf-8").startswith("<!doctype html>")


def test_where_media_cannot_even_be_looked_for_the_page_is_drawn(
    report: dict[str, Any], lipwright: Any, tmp_path: Path
) -> None:
    told = tmp_path / "report.json"
    report["output"] = "long" * 100 + ".mp4"
    told.write_text(json.dumps(report))

    done = lipwright("report", told)

    assert done.returncode == 0, done.stderr
    assert "without pictures of mouths: " in done.stdout


def test_the_sample_is_what_the_shape_says(report: dict[str, Any]) -> None:
    assert json.loads(json.dumps(report)) == report
    assert report["report"] == 1
