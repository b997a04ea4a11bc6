"""The page of a report: whole, safe with any words, and nothing from elsewhere."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from lipwright.core.errors import InvalidOption
from lipwright.report import plots
from lipwright.report.page import page, policy, style
from lipwright.report.words import WORDS
from lipwright.service.reports import page_of

SAMPLE = Path(__file__).parent / "sample.json"
_VOID = {"meta", "img", "br", "path", "rect", "line", "circle"}


@pytest.fixture
def report() -> dict[str, Any]:
    return json.loads(SAMPLE.read_text("utf-8"))


class Balanced(HTMLParser):
    """Notes elements that are not closed, and words outside the markup."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parsed(html: str) -> Balanced:
    found = Balanced()
    found.feed(html)
    found.close()
    assert found.open == []
    return found


def test_the_page_tells_the_verdict_every_figure_and_every_spot(report: dict[str, Any]) -> None:
    text = " ".join(" ".join(parsed(page(report)).text).split())

    assert report["verdict"]["says"] in text
    for speaker in report["speakers"]:
        for figure in [*speaker["figures"], *report["figures"]]:
            assert figure["name"] in text
            assert figure["says"] in text
            assert figure["good"] in text
        for flag in speaker["flags"]:
            assert flag["says"] in text
    assert "138 of 150 frames" in text


def test_nothing_is_loaded_or_run(report: dict[str, Any]) -> None:
    found = parsed(page(report, sheet=b"\xff\xd8"))

    assert not {"script", "link", "iframe", "object"} & set(found.tags)
    for name, value in found.attributes:
        assert not name.startswith("on")
        assert name != "style"
        if name in {"src", "href"}:
            assert value is not None
            assert value.startswith("data:image/jpeg;base64,")


def test_its_policy_allows_its_own_style_and_no_other() -> None:
    digest = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()

    assert f"style-src 'sha256-{digest}'" in policy()
    assert "default-src 'none'" in policy()
    assert "unsafe" not in policy()
    assert "url(" not in style()


def test_words_of_strangers_stay_words(report: dict[str, Any]) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    report["output"] = evil
    report["notes"] = [evil]
    report["codec"] = report["made_by"] = report["fps"] = report["kind"] = evil
    report["fps"] = "25"
    report["options"] = {evil: evil}
    report["words"] = {"edited": evil}
    told = report["speakers"][0]
    told["strip"][1]["what"] = evil
    told["mode"]["says"] = told["sync"]["says"] = told["flags"][0]["says"] = told["flags"][0]["kind"] = evil
    told["figures"][0].update(name=evil, says=evil, good=evil, verdict=evil, unit=evil)
    report["verdict"] = {"word": evil, "says": evil}
    report["controls"] = [
        {"name": evil, "says": evil, "offset_ms": 1.0, "confidence": 0.5, "fit": 0.5, "follows": None, "closures": None}
    ]
    report["stages_s"] = {evil: 1.0}

    found = parsed(page(report))

    assert not {"script", "img"} & set(found.tags)
    assert not [name for name, _ in found.attributes if name.startswith("on")]


@pytest.mark.parametrize("missing", ["output", "verdict", "speakers", "measurement", "fps", "notes", "length"])
def test_a_report_that_is_not_whole_is_refused_with_a_reason(report: dict[str, Any], missing: str) -> None:
    del report[missing]

    with pytest.raises(InvalidOption, match="not a whole report"):
        page_of(report)


@pytest.mark.parametrize("version", [None, 0, 2, "1"])
def test_a_report_of_another_version_is_refused(report: dict[str, Any], version: Any) -> None:
    report["report"] = version

    with pytest.raises(InvalidOption, match="version 1"):
        page_of(report)


def test_what_was_not_measured_is_left_out_and_said(report: dict[str, Any]) -> None:
    told = report["speakers"][0]
    told.update(sync=None, figures=[], flags=[], strip=[])
    told["curves"].update(seen=[None] * 150, source=[None] * 150)
    report["measurement"].update(state="failed", says="It broke.", spans=[], took_s=0.0)
    report["verdict"] = {"word": "unknown", "says": "Nothing was measured."}

    text = " ".join(parsed(page(report)).text)

    assert "Not measured" in text
    assert "It broke." in text
    assert "How good it is" not in text
    assert "does not tell which frames" in text
    assert "planned" in text


def test_several_speakers_are_told_apart(report: dict[str, Any]) -> None:
    second = copy.deepcopy(report["speakers"][0])
    second["face_id"] = 2
    report["speakers"].append(second)

    text = " ".join(parsed(page(report)).text)

    assert "Face 1: How good it is" in text
    assert "Face 2: How good it is" in text


def test_a_strip_tiles_its_width(report: dict[str, Any]) -> None:
    told = report["speakers"][0]
    drawn = plots.strip(told["strip"], told["flags"], report["duration_s"], WORDS)

    spans = [(float(x), float(w)) for x, w in re.findall(r'x="([\d.]+)%" y="16" width="([\d.]+)%"', drawn)]
    assert spans[0][0] == 0
    assert all(abs(a[0] + a[1] - b[0]) < 0.01 for a, b in pairwise(spans))
    assert spans[-1][0] + spans[-1][1] == pytest.approx(100, abs=0.01)


def test_a_curve_breaks_where_nothing_was_seen() -> None:
    told = {"start_s": 0.0, "step_s": 0.1, "planned": [1.0] * 21, "seen": [2.0] * 8 + [None] * 4 + [2.0] * 9}

    drawn = plots.curves({**told, "source": [None] * 21}, [], 0.0, 2.0, 12.0)

    assert drawn.count("c-source") == 0
    planned, seen = (re.search(rf'class="c-{name}" d="([^"]+)"', drawn) for name in ("planned", "seen"))
    assert planned is not None
    assert seen is not None
    assert planned[1].count("M") == 1
    assert seen[1].count("M") == 2


def test_long_videos_are_drawn_in_rows(report: dict[str, Any]) -> None:
    report["duration_s"] = 60.0
    report["measurement"]["spans"] = [[0.0, 60.0]]

    assert page(report).count('<svg class="curves"') == 4


def test_curves_that_are_too_many_to_draw_are_said_to_go_on(report: dict[str, Any]) -> None:
    report["duration_s"] = 600.0
    report["measurement"]["spans"] = [[0.0, 600.0]]

    assert "Drawn up to 6:00; the report has the rest" in page(report)

    report["measurement"]["spans"] = [[0.0, 60.0]]
    assert "Drawn up to" not in page(report)


def test_a_number_from_which_nothing_is_to_be_concluded_is_not_shown(report: dict[str, Any]) -> None:
    trembling = next(one for one in report["speakers"][0]["figures"] if one["id"] == "jitter_ratio")
    trembling |= {"value": 23069.37, "verdict": "unknown"}

    assert "23069" not in page(report)
