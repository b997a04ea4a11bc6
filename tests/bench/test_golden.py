"""The bundled portrait says the bundled sentence, and is measured: quality may not fall unnoticed.

Thresholds lie a little below what was reached when they were set (in brackets); the portrait is a broad grin, the
hardest mouth there is to close.
"""

from __future__ import annotations

from typing import Any

import pytest

from lipwright import demo
from lipwright.bench import spoken
from lipwright.bench.clip import Clip


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    section = spoken.cross_section()
    folder = tmp_path_factory.mktemp("sheets")
    spoken.run_cross(Clip(demo.video_path(), 60), demo.speech_path(), 4.8, section, folder)
    return section.rows[0]


def test_every_frame_is_driven_and_nothing_outside_the_lower_face_changes(measured: dict[str, Any]) -> None:
    assert measured["edited"] == 1
    assert measured["outside"] == 0


def test_lips_meet_where_the_plan_says_so(measured: dict[str, Any]) -> None:
    assert measured["n closures"] >= 8  # [14]
    assert measured["closures"] >= 0.85  # [1.00]


def test_the_mouth_is_as_sharp_as_the_footage_and_its_edge_does_not_show(measured: dict[str, Any]) -> None:
    assert 0.85 <= measured["sharpness ratio"] <= 1.30  # [1.09]
    assert measured["seam ratio"] <= 1.10  # [1.02]


def test_lips_do_not_shake(measured: dict[str, Any]) -> None:
    assert measured["jitter % IO"] <= 1.8  # [1.48]
