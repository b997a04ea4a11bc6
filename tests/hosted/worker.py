"""A worker process: `python worker.py DATA_FOLDER`, with settings in the environment. Killed from outside.

STAND_IN=1 renders with stand_in.py instead of the real children.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from datetime import datetime

from lipwright import sandbox
from lipwright.config import read_service_settings
from lipwright.core.jobs import Job
from lipwright.service import work
from lipwright.service.hosted import Hosted


class PlainWebhooks:
    """Unsigned: signing is the business of the faces."""

    def compose(self, job: Job, *, secret: str, delivery_id: str, sent_at: datetime) -> tuple[bytes, Mapping[str, str]]:
        body = json.dumps({"id": job.id, "state": job.state, "outputs": [one.id for one in job.outputs]}).encode()
        return body, {"webhook-id": delivery_id, "Content-Type": "application/json"}

    def is_accepted(self, job: Job, *, status: int, body: bytes) -> bool:
        return 200 <= status < 300


def use_stand_ins() -> None:
    """Children of stand_in.py; everything else as it is."""
    real = sandbox.call

    def call(target: str, *args: object, **kwargs: object) -> dict[str, object]:
        return real(target.replace("lipwright.service.children:", "stand_in:"), *args, **kwargs)  # type: ignore[arg-type]

    work.sandbox.call = call  # type: ignore[assignment]


def main() -> None:
    if os.environ.get("STAND_IN"):
        use_stand_ins()
    done = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: done.set())
    service = Hosted.open(read_service_settings(data=sys.argv[1]))
    service.start_worker(PlainWebhooks())
    print("ready", flush=True)
    done.wait()
    service.stop_worker(float(os.environ.get("GRACE_S", "0.2")))
    service.close()
    print("stopped", flush=True)


if __name__ == "__main__":
    main()
