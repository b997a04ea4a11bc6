"""Who is in the footage."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import pytest

from lipwright.core.media import Footage
from lipwright.media import open_footage
from lipwright.metrics.people import people_sheet
from lipwright.vision.survey import survey
from lipwright.vision.track import MeshTracker


class Some:
    """Every eighth frame of a clip."""

    def __init__(self, path: Path) -> None:
        self._footage = open_footage(path)
        self.info = self._footage.info

    def frames(self) -> Any:
        return (frame for frame in self._footage.frames() if frame.index % 8 == 0)


def test_a_talker_and_a_closed_mouth_are_told_apart(tracker: MeshTracker, clips: Path):
    (talker,) = survey(cast("Footage", Some(clips / "video/vr_4.mp4")), tracker)
    (silent,) = survey(cast("Footage", Some(clips / "video/dh_02.mp4")), tracker)

    assert talker.is_talking
    assert not silent.is_talking


def test_a_summary_says_when_and_where(tracker: MeshTracker, clips: Path):
    calls: list[tuple[int, int]] = []
    (person,) = survey(
        cast("Footage", Some(clips / "video/vr_4.mp4")), tracker, lambda done, total: calls.append((done, total))
    )

    assert person.face_id == 1
    assert person.first_s == 0
    assert person.last_s == Fraction(192, 30)
    assert person.n_frames == 25 == len(calls)
    assert calls[-1][0] <= calls[-1][1]
    assert person.box.contains(350, 300)
    assert 100 < person.io_px < 160
    assert person.thumbnail.std() > 20
    assert person.as_dict()["is_talking"] is True
    assert people_sheet([person]).shape[2] == 3


def test_nobody_is_an_empty_list(tracker: MeshTracker, make_video: Any):
    assert survey(open_footage(make_video(n=5)), tracker) == []
    with_nobody = people_sheet([])
    assert with_nobody.size > 0


@pytest.mark.parametrize("n", [1, 7])
def test_a_sheet_has_a_cell_for_everyone(tracker: MeshTracker, clips: Path, n: int):
    (person,) = survey(cast("Footage", Some(clips / "video/dh_02.mp4")), tracker)

    assert people_sheet([person] * n).shape[0] > people_sheet([person]).shape[0] * ((n - 1) // 6)
