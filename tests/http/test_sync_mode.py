"""A submit that waits for its result keeps the job's id, whatever comes between: without it clients submit again."""

from __future__ import annotations

import time
from typing import Any

import pytest

from lipwright.core.errors import DatabaseAway
from lipwright.core.jobs import Job, JobState

LIPSYNC = "/api/v3/pixverse/lipsync"
WAITING = {"video": "https://a.example/v.mp4", "audio": "https://a.example/a.wav", "enable_sync_mode": True}


def test_a_server_that_ends_answers_with_the_job_as_it_stands(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    not_yet = iter([False, False])
    monkeypatch.setattr(here.app.state, "is_ending", lambda: next(not_yet, True), raising=False)
    began_s = time.monotonic()

    answer = here.send("POST", LIPSYNC, json=WAITING)

    assert time.monotonic() - began_s < 60  # and not the 300 s that it waits otherwise
    assert answer.status_code == 200, answer.text
    shown = answer.json()["data"]
    assert here.hosted.cancel(here.alice, shown["id"]).state is JobState.CANCELLED  # it went on until now
    assert (shown["status"], shown["code"]) == ("processing", 5004)
    assert shown["error"].startswith("Sync mode timed out after ")
    assert shown["urls"]["get"].endswith(f"/predictions/{shown['id']}/result")
    assert shown["error"].endswith(shown["urls"]["get"])


def test_a_database_that_is_away_for_a_moment_does_not_end_the_wait(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    find, n_asked = here.hosted.job, 0

    def away_and_back(*asked: Any) -> Job:
        nonlocal n_asked
        n_asked += 1
        if n_asked <= 2:
            raise DatabaseAway("it restarts")
        here.hosted.cancel(*asked)
        return find(*asked)

    monkeypatch.setattr(here.hosted, "job", away_and_back)

    answer = here.send("POST", LIPSYNC, json=WAITING)

    assert n_asked == 3
    assert (answer.status_code, answer.json()["data"]["status"]) == (200, "failed")
    assert answer.json()["data"]["code"] == 1405  # cancelled
