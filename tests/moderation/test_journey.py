"""Where in a job's journey a moderator is asked, and what its answers do."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lipwright import sandbox
from lipwright.config import ServiceSettings
from lipwright.core.errors import InvalidOption, ModerationFailed
from lipwright.core.jobs import Account, Job, JobRequest, JobState
from lipwright.demo import speech_path, video_path
from lipwright.service.hosted import Hosted
from lipwright.service.work import JobWork

GRANTED = 10_000_000


class Journey:
    """One job of a service whose children are stood in for; the moderator's answers are given."""

    def __init__(self, folder: Path) -> None:
        self.settings = ServiceSettings(data=str(folder))
        self.service = Hosted.open(self.settings)
        self.account: Account = self.service.create_key("alice")[0]
        self.service.grant(self.account, GRANTED)
        self.seen: list[str] = []
        self.n_rendered = 0

    def run(self, answers: list[bool | None], *, blocks: bool = True) -> Job:
        service, files = self.service, (video_path(), speech_path())
        video, audio = (service.upload_file(self.account, path, path.name) for path in files)
        request = JobRequest(
            face="wavespeed", model="pixverse/lipsync", video=f"media:{video.id}", audio=f"media:{audio.id}"
        )
        job = service.submit(self.account, request)

        def moderate(path: Path, stop: Callable[[], bool]) -> bool | None:
            self.seen.append(path.name)
            answer = answers.pop(0)
            if answer is None:
                raise ModerationFailed("stand-in", "it is gone")
            return answer

        work = JobWork(
            self.settings.model_copy(update={"moderation_blocks": blocks}),
            service._database,
            service._blobs,
            service._intake,
            service._workshop,
            service._prices,
            moderate,
            lambda: False,
            service.telemetry,
        )
        if work.prepare(job.id):
            work.render(job.id)
        return service.job(self.account, job.id)


@pytest.fixture
def journey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journey]:
    made = Journey(tmp_path / "data")

    def call(target: str, arguments: dict[str, Any], **_: Any) -> dict[str, Any]:
        if target.endswith(":look"):
            is_sound = Path(arguments["path"]).read_bytes()[:4] == b"fLaC"
            kind = {"kind": "audio", "duration_s": 1.2} if is_sound else {"kind": "video", "duration_s": 6.0}
            return {**kind, "width_px": None, "height_px": None, "has_sound": True}
        made.n_rendered += 1
        shutil.copyfile(arguments["video"], arguments["output"])
        return {"duration_s": 1.2, "width_px": 480, "height_px": 480}

    monkeypatch.setattr(sandbox, "call", call)
    yield made
    made.service.close()


def test_footage_that_is_refused_is_not_rendered_and_costs_nothing(journey: Journey) -> None:
    job = journey.run([True])

    assert (job.state, job.error_code, journey.n_rendered) == (JobState.FAILED, "content_refused", 0)
    assert journey.service.balance_microusd(journey.account) == GRANTED


def test_a_result_that_is_refused_is_not_kept(journey: Journey) -> None:
    job = journey.run([False, True])

    assert (job.state, job.error_code, job.outputs) == (JobState.FAILED, "content_refused", ())
    assert journey.seen[1] == "result.mp4"
    assert journey.service.balance_microusd(journey.account) == GRANTED


def test_what_is_clean_says_so_for_each_output(journey: Journey) -> None:
    job = journey.run([False, False])

    assert (job.state, job.has_nsfw, len(job.outputs)) == (JobState.SUCCEEDED, (False,), 1)


def test_an_operator_may_be_told_instead_of_ending_the_job(journey: Journey) -> None:
    job = journey.run([True, True], blocks=False)

    assert (job.state, job.has_nsfw) == (JobState.SUCCEEDED, (True,))


@pytest.mark.parametrize("answers", [[None], [False, None]])
def test_a_moderator_that_is_gone_ends_the_job(answers: list[bool | None], journey: Journey) -> None:
    job = journey.run(answers)

    assert (job.state, job.error_code, job.outputs) == (JobState.FAILED, "moderation_failed", ())


def test_a_service_with_a_moderator_that_lacks_something_does_not_start_its_worker(tmp_path: Path) -> None:
    service = Hosted.open(ServiceSettings(data=str(tmp_path), moderator="http"))

    with pytest.raises(InvalidOption, match="moderation_url"):
        service._moderator()
    service.close()
