"""A day in the life of a service, told to an older release of ours: `make_older.py` runs it with that release's code.

Uses nothing that the first release did not have. At the end the process is gone in the middle of a render, as if it had
been killed, with jobs in every state.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from lipwright import sandbox
from lipwright.config import ServiceSettings
from lipwright.core.jobs import Job, JobRequest
from lipwright.service.hosted import Hosted

HOOK = "http://127.0.0.1:9/hook"
"""Nobody listens there: what is sent waits. Who takes the story up puts an address of his own in its place."""


class PlainWebhooks:
    def compose(self, job: Job, *, secret: str, delivery_id: str, sent_at: datetime) -> tuple[bytes, Mapping[str, str]]:
        return json.dumps({"id": job.id, "state": job.state}).encode(), {"webhook-id": delivery_id}

    def is_accepted(self, job: Job, *, status: int, body: bytes) -> bool:
        return 200 <= status < 300


def use_stand_ins() -> None:
    real: Callable[..., dict[str, Any]] = sandbox.call

    def call(target: str, *given: Any, **others: Any) -> dict[str, Any]:
        is_look = target.endswith(":look")
        return real(target if is_look else target.replace("lipwright.service.children:", "stand_in:"), *given, **others)

    sandbox.call = call  # type: ignore[assignment]


def until(is_so: Callable[[], Any]) -> None:
    until_s = time.monotonic() + 60
    while not is_so():
        if time.monotonic() > until_s:
            raise SystemExit("the story does not go on")
        time.sleep(0.05)


def main(folder: Path, inputs: Path, database_url: str) -> None:
    use_stand_ins()
    for_ever: dict[str, Any] = {"keep_uploads_h": 1e6, "keep_results_h": 1e6}
    settings = ServiceSettings(
        data=str(folder),
        database_url=database_url,
        concurrency=1,
        render_niceness=0,
        allow_hosts="127.0.0.1:9",
        **for_ever,
    )
    service = Hosted.open(settings)
    alice, secret = service.create_key("alice", max_running=3)
    service.grant(alice, 10_000_000)
    video = service.upload_file(alice, inputs / "footage.mp4", "footage.mp4")
    audio = service.upload_file(alice, inputs / "speech.flac", "speech.flac")
    asked = JobRequest("wavespeed", "pixverse/lipsync", f"media:{video.id}", f"media:{audio.id}", webhook_url=HOOK)
    service.start_worker(PlainWebhooks())

    os.environ["LANG"] = "rest0.2"  # how long a stand-in renders
    ended = service.submit(alice, asked, idempotency_key="once")
    until(lambda: service.job(alice, ended.id).state == "succeeded")
    os.environ["LANG"] = "rest600"
    rendering = service.submit(alice, asked)
    until(lambda: service.job(alice, rendering.id).phase == "render")
    waits = [service.submit(alice, asked) for _ in range(2)]
    until(lambda: all(service.job(alice, job.id).state == "running" for job in waits))
    time.sleep(1)  # their renders are in the queue
    queued = [service.submit(alice, asked) for _ in range(2)]
    cancelled = service.submit(alice, asked)
    service.cancel(alice, cancelled.id)
    time.sleep(1)
    told = {
        "secret": secret,
        "balance_microusd": service.balance_microusd(alice),
        "output": service.job(alice, ended.id).outputs[0].id,
        "ended": ended.id,
        "cancelled": cancelled.id,
        "rendering": rendering.id,
        "waiting": [job.id for job in waits],
        "queued": [job.id for job in queued],
    }
    (folder / "told.json").write_text(json.dumps(told, indent=1))
    os._exit(9)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
