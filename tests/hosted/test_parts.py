"""Long videos in parts: any worker takes one, whoever dies loses one at most, and a job still ends once."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import numpy as np
import pytest

from lipwright import media
from lipwright.blobs import FolderBlobs
from lipwright.config import ServiceSettings
from lipwright.core.errors import StoreAway
from lipwright.core.jobs import Account, Job, JobRequest, JobState
from lipwright.demo import speech_path, video_path
from lipwright.service.hosted import Hosted
from lipwright.store import Database, parts

DATABASES = ["sqlite", "postgresql"]
CUT: dict[str, Any] = {"parts_over_s": 2, "part_s": 1.5}
CUT_HERE = {"LIPWRIGHT_PARTS_OVER_S": "2", "LIPWRIGHT_PART_S": "1.5", "LIPWRIGHT_WORKER_SILENT_S": "3"}
PRICE = 150_000
RequestOf = Callable[..., JobRequest]
Until = Callable[..., float]
WorkHere = Callable[..., Hosted]


def parts_of(service: Hosted, job: Job) -> list[parts.Part]:
    with service._database.reading() as connection:
        return parts.of_job(connection, job.id)


def blobs_left(service: Hosted, settings: ServiceSettings, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    from lipwright.service import hosted

    monkeypatch.setattr(hosted, "_YOUNG", timedelta(0))
    service.sweep()
    return {
        path.name
        for path in (settings.folder / "blobs").rglob("*")
        if path.is_file() and path.parent.name != "database"
    }


def given(job: Job) -> set[str]:
    return {source.removeprefix("media:") for source in (job.request.video, job.request.audio or "")}


def test_one_worker_that_does_one_thing_at_a_time_makes_all_parts_and_the_whole(
    service: Hosted,
    account: Account,
    request_of: RequestOf,
    work_here: WorkHere,
    settings: ServiceSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account = service.limit_key(account.id, max_running=1)
    work_here(0.2, **CUT, concurrency=1)
    job = service.submit(account, request_of())
    seen = [0.0]
    while not (now := service.job(account, job.id)).state.is_final:
        seen.append(now.progress)
        sleep(0.05)

    assert now.state is JobState.SUCCEEDED
    assert seen == sorted(seen)
    assert [part["number"] for part in now.report["parts"]] == [0, 1, 2]
    opened = service.open_media(now.outputs[0].id)
    assert b"".join(opened.chunks) == b"plan0plan1plan2"
    rows = service.ledger(account)
    assert Counter(row.kind for row in rows if row.job_id == job.id)["charge"] == 1
    assert parts_of(service, job) == []
    assert blobs_left(service, settings, monkeypatch) == given(now) | {now.outputs[0].id}


def test_who_is_killed_loses_the_part_in_hand_and_no_other(
    service: Hosted,
    account: Account,
    request_of: RequestOf,
    start_worker: Callable[..., subprocess.Popen[bytes]],
    until: Until,
    receiver: Any,
) -> None:
    worker = start_worker(**CUT_HERE, LANG="rest1", LIPWRIGHT_CONCURRENCY="1")
    job = service.submit(account, request_of(webhook_url=f"http://{receiver.host}/hook"))
    until(lambda: sum(part.media_id is not None for part in parts_of(service, job)) == 1)
    until(lambda: sum(part.n_attempts for part in parts_of(service, job)) == 2)
    before = {part.number: part.media_id for part in parts_of(service, job) if part.media_id}
    worker.kill()
    worker.wait()
    start_worker(is_awaited=False, **CUT_HERE, LANG="rest1", LIPWRIGHT_CONCURRENCY="1")
    attempts: dict[int, int] = {}

    def is_over() -> bool:
        for part in parts_of(service, job):
            attempts[part.number] = part.n_attempts
            assert part.number not in before or before[part.number] == part.media_id
        return service.job(account, job.id).state.is_final

    until(is_over)

    assert service.job(account, job.id).state is JobState.SUCCEEDED
    assert sorted(attempts.values()) == [1, 1, 2]
    until(lambda: receiver.came)
    assert len(receiver.came) == 1
    assert service.balance_microusd(account) == 10_000_000 - PRICE


def test_a_store_that_goes_away_at_every_step_costs_no_job(
    service: Hosted,
    account: Account,
    request_of: RequestOf,
    work_here: WorkHere,
    receiver: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    n_asked: Counter[str] = Counter()

    def away_every_other_time(name: str) -> None:
        act = getattr(FolderBlobs, name)

        def flaky(*args: Any, **kwargs: Any) -> Any:
            n_asked[name] += 1
            if n_asked[name] % 2:
                raise StoreAway("it restarts")
            return act(*args, **kwargs)

        monkeypatch.setattr(FolderBlobs, name, flaky)

    monkeypatch.setattr("lipwright.service.work._STORE_AGAIN_S", 0.0)
    job = service.submit(account, request_of(audio=f"http://{receiver.host}/speech.flac"))
    for name in ("put", "as_file", "delete"):
        away_every_other_time(name)
    work_here(0.2, **CUT, concurrency=1, max_attempts=1)

    assert service.wait(account, job.id, 60).state is JobState.SUCCEEDED
    assert service.balance_microusd(account) == 10_000_000 - 3 * PRICE  # 12 s
    assert n_asked["put"] == 2 * (1 + 1 + 3 + 1)  # speech, plan, parts, result


def test_what_was_written_although_the_answer_was_lost_is_written_once(
    service: Hosted,
    account: Account,
    request_of: RequestOf,
    work_here: WorkHere,
    receiver: Any,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever a worker writes is committed, and then begun again."""
    if not service._database.is_sqlite:
        pytest.skip("it is the same code, and takes seconds")
    insist = Database.insist

    def insist_twice(self: Database, act: Callable[[Any], Any], **how: Any) -> Any:
        insist(self, act, **how)
        return insist(self, act, **how)

    hook = f"http://{receiver.host}/hook"
    job = service.submit(account, request_of(audio=f"http://{receiver.host}/speech.flac", webhook_url=hook))
    monkeypatch.setattr(Database, "insist", insist_twice)
    work_here(0.2, **CUT, concurrency=1)

    done = service.wait(account, job.id, 60)
    until(lambda: receiver.came)

    assert done.state is JobState.SUCCEEDED
    (output,) = done.outputs
    assert service._blobs.n_bytes(output.id)
    assert [row.amount_microusd for row in service.ledger(account) if row.kind == "charge"] == [-3 * PRICE]  # 12 s
    assert service.balance_microusd(account) == 10_000_000 - 3 * PRICE
    assert len(receiver.came) == 1


def test_a_job_whose_store_stays_away_until_its_deadline_tells_so(
    service: Hosted, account: Account, request_of: RequestOf, work_here: WorkHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put(*_: Any, **__: Any) -> None:
        raise StoreAway("http://10.0.0.7:9000 is refused")

    job = service.submit(account, request_of())
    monkeypatch.setattr(FolderBlobs, "put", put)
    work_here(0.1, deadline_s=3)

    done = service.wait(account, job.id, 60)

    assert (done.state, done.error_code) == (JobState.FAILED, "store_away")
    assert "10.0.0.7" not in (done.error_message or "")
    assert service.balance_microusd(account) == 10_000_000


def test_a_cancel_ends_all_parts_and_leaves_nothing(
    service: Hosted,
    account: Account,
    request_of: RequestOf,
    work_here: WorkHere,
    until: Until,
    settings: ServiceSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worker = work_here(60, **CUT, concurrency=2)
    job = service.submit(account, request_of())
    until(lambda: sum(part.n_done > 0 for part in parts_of(service, job)) == 2)

    service.cancel(account, job.id)
    took_s = until(lambda: worker._worker is not None and worker._worker.n_active == 0)

    print(f"cancelled, all gone after {took_s:.2f} s")
    assert took_s < 2 or os.getloadavg()[0] > 4
    assert service.balance_microusd(account) == 10_000_000
    until(lambda: service._open_queue().fates([job.id]) == {job.id: "ended"})
    assert blobs_left(service, settings, monkeypatch) == given(job)


def test_a_deadline_is_for_all_parts_together(
    service: Hosted, account: Account, request_of: RequestOf, work_here: WorkHere, until: Until
) -> None:
    worker = work_here(3, **CUT, concurrency=1, deadline_s=6)
    job = service.submit(account, request_of())
    until(lambda: parts_of(service, job))
    start_s = monotonic()

    done = service.wait(account, job.id, 60)

    assert (done.state, done.error_code) == (JobState.FAILED, "deadline_exceeded")
    assert monotonic() - start_s < 6 + 2 or os.getloadavg()[0] > 4
    until(lambda: worker._worker is not None and worker._worker.n_active == 0)
    assert service.balance_microusd(account) == 10_000_000


def test_a_part_that_kills_its_child_fails_the_job_and_one_that_kills_workers_is_given_up(
    service: Hosted,
    account: Account,
    request_of: RequestOf,
    work_here: WorkHere,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worker = work_here("0.2 poison", **CUT, concurrency=1)
    first = service.wait(account, service.submit(account, request_of()).id, 60)
    assert (first.state, first.error_code) == (JobState.FAILED, "worker_crashed")
    worker.stop_worker(0)

    # as if workers had died of it three times
    real = parts.begin
    monkeypatch.setattr(parts, "begin", lambda c, job_id, n: (real(c, job_id, n) or 0) + (3 if n == 1 else 0) or None)
    monkeypatch.setenv("LANG", "rest0.2")
    worker.start_worker(None)
    second = service.wait(account, service.submit(account, request_of()).id, 60)
    assert (second.state, second.error_code) == (JobState.FAILED, "gave_up")
    until(lambda: worker._worker is not None and worker._worker.n_active == 0)
    assert service.balance_microusd(account) == 10_000_000


def test_a_job_is_cut_once_whatever_a_worker_that_was_thought_dead_does_later(
    service: Hosted, account: Account, request_of: RequestOf
) -> None:
    job = service.submit(account, request_of())
    inputs = {"video": "v", "audio": "a"}
    with service._database.writing() as connection:
        assert parts.cut(connection, job.id, {**inputs, "plan": "first"}, [10, 20], 60) == 2
        assert parts.begin(connection, job.id, 1) == 1
        assert parts.advance(connection, job.id, 1, 15) == 0.5
        assert parts.done(connection, job.id, 1, "m", {"n": 1})
        # the zombie
        assert parts.cut(connection, job.id, {**inputs, "plan": "second"}, [5, 5, 5], 60) == 2
        assert not parts.done(connection, job.id, 1, "other", {})
        assert parts.begin(connection, job.id, 1) is None
        assert parts.is_made_of(connection, job.id, 1, "m")
    assert [(part.media_id, part.n_done, part.n_frames) for part in parts_of(service, job)] == [
        (None, 0, 10),
        ("m", 20, 20),
    ]

    service.cancel(account, job.id)
    with service._database.writing() as connection:
        assert parts.begin(connection, job.id, 0) is None
        assert parts.advance(connection, job.id, 0, 1) is None
        assert parts.cut(connection, job.id, {**inputs, "plan": "third"}, [5], 60) is None


def test_a_worker_that_stops_hands_its_part_back_and_it_counts_no_attempt(
    service: Hosted, account: Account, request_of: RequestOf, work_here: WorkHere, until: Until
) -> None:
    first = work_here(2, **CUT, concurrency=1)
    job = service.submit(account, request_of())
    until(lambda: sum(part.n_done > 0 for part in parts_of(service, job)) == 1)
    first.stop_worker(0)
    assert [part.n_attempts for part in parts_of(service, job)] == [0, 0, 0]

    work_here(0.2, **CUT, concurrency=1)

    assert service.wait(account, job.id, 60).state is JobState.SUCCEEDED


def test_a_worker_that_is_older_than_a_plan_leaves_its_parts_to_newer_ones(
    service: Hosted, account: Account, request_of: RequestOf, work_here: WorkHere, until: Until
) -> None:
    older = work_here("0.1 older", **CUT, concurrency=1, max_attempts=1)
    job = service.submit(account, request_of())
    until(lambda: [part.n_attempts for part in parts_of(service, job)] == [1, 0, 0])
    sleep(1)
    assert service.job(account, job.id).state is JobState.RUNNING
    older.stop_worker(0)
    assert [part.n_attempts for part in parts_of(service, job)] == [0, 0, 0]

    work_here(0.1, **CUT, concurrency=1, max_attempts=1)

    assert service.wait(account, job.id, 60).state is JobState.SUCCEEDED


def test_the_real_thing_gives_the_frames_of_a_render_at_once(
    tmp_path: Path,
) -> None:
    from lipwright import service as here

    hosted = Hosted.open(ServiceSettings(data=str(tmp_path), render_niceness=0, measure_s=2, **CUT))
    try:
        account, _ = hosted.create_key("alice", has_credit_limit=False)
        video = hosted.upload_file(account, video_path(), "portrait.mp4")
        audio = hosted.upload_file(account, speech_path(), "line.flac")
        options = {"crf": 0, "preset": "ultrafast", "threads": 1}
        hosted.start_worker(None)
        request = JobRequest("wavespeed", "pixverse/lipsync", f"media:{video.id}", f"media:{audio.id}", options=options)
        done = hosted.wait(account, hosted.submit(account, request).id, 500)
        assert done.state is JobState.SUCCEEDED, done.error_message
        assert len(done.report["parts"]) == 4
        assert done.report["measurement"]["state"] == "partial"
        path = tmp_path / "whole.mp4"
        path.write_bytes(b"".join(hosted.open_media(done.outputs[0].id).chunks))
    finally:
        hosted.close()

    here.sync(video_path(), speech_path(), tmp_path / "at_once.mp4", crf=0, preset="ultrafast", threads=1)

    frames = zip(media.open_footage(path).frames(), media.open_footage(tmp_path / "at_once.mp4").frames(), strict=True)
    for mine, its in frames:
        assert all(np.array_equal(a, b) for a, b in zip(mine.planes, its.planes, strict=True)), f"{mine!r} differs"
