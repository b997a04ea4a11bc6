"""The report of a job: kept with it, and never worth more than its video."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from lipwright.core.errors import MediaNotKnown
from lipwright.core.jobs import Account, JobRequest, JobState
from lipwright.service.hosted import Hosted
from lipwright.store import database

RequestOf = Callable[..., JobRequest]
WorkHere = Callable[..., None]
JOB_S = 60


def test_a_child_that_dies_while_it_measures_has_made_its_video(
    service: Hosted, account: Account, request_of: RequestOf, work_here: WorkHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    work_here()
    monkeypatch.setenv("LANG", "dies measuring")
    job = service.submit(account, request_of())

    done = service.wait(account, job.id, JOB_S)

    assert done.state is JobState.SUCCEEDED
    assert done.report["measurement"]["state"] == "failed"
    assert "the video itself is not affected" in done.report["measurement"]["says"]
    assert service.report(done.outputs[0].id)["measurement"]["state"] == "failed"


def test_the_report_is_kept_as_long_as_its_result(
    service: Hosted, account: Account, request_of: RequestOf, work_here: WorkHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    work_here()
    job = service.submit(account, request_of())
    done = service.wait(account, job.id, JOB_S)
    assert service.report(done.outputs[0].id)["engine"] == "stand-in"

    later = database.now() + timedelta(hours=service.settings.keep_results_h + 1)
    monkeypatch.setattr("lipwright.store.jobs.now", lambda: later)

    with pytest.raises(MediaNotKnown):
        service.report(done.outputs[0].id)
