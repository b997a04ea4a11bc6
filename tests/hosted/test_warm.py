"""Renders find a process that is ready for them, and are as easily ended as any other."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import monotonic, sleep
from typing import Any

import pytest

from lipwright import sandbox
from lipwright.config import ServiceSettings
from lipwright.core.errors import Cancelled
from lipwright.core.jobs import Account, JobRequest, JobState
from lipwright.demo import speech_path, video_path
from lipwright.service.hosted import Hosted
from lipwright.service.work import render_limits

N_TIMES = int(os.environ.get("LIPWRIGHT_TEST_WARM", "1"))


def spares_of(service: Hosted) -> list[int]:
    return [] if service._spares is None else service._spares.pids


def test_a_render_takes_the_process_that_is_ready_and_is_gone_within_two_seconds_when_cancelled(
    service: Hosted,
    account: Account,
    request_of: Callable[..., JobRequest],
    work_here: Callable[..., Hosted],
    until: Callable[..., float],
) -> None:
    worker = work_here(60, warm_renders=True, concurrency=1)
    until(lambda: spares_of(worker))
    (spare,) = spares_of(worker)
    job = service.submit(account, request_of())
    until(lambda: service.job(account, job.id).phase == "render")
    assert spares_of(worker) != [spare]

    assert service.cancel(account, job.id).state is JobState.CANCELLED
    gone_s = until(lambda: not Path(f"/proc/{spare}").exists())
    until(lambda: spares_of(worker))
    (last,) = spares_of(worker)
    worker.stop_worker(0)

    assert gone_s < 2
    assert not Path(f"/proc/{last}").exists()


def test_who_renders_nothing_keeps_nothing_ready(service: Hosted, work_here: Callable[..., Hosted]) -> None:
    assert not spares_of(work_here(0.2, ("prepare",), warm_renders=True))


def test_a_render_that_was_kept_ready_begins_sooner(tmp_path: Path) -> None:
    """Real ones, up to the first frame that was looked at."""
    limits = render_limits(ServiceSettings(data=str(tmp_path)))
    arguments = {
        "video": str(video_path()),
        "audio": str(speech_path()),
        "text": None,
        "output": str(tmp_path / "out.mp4"),
        "cache": None,
        "options": {},
    }

    def first_s(spares: sandbox.Spares | None) -> float:
        start_s = monotonic()
        begun: list[float] = []

        def listen(message: dict[str, Any]) -> None:
            begun.append(monotonic() - start_s)
            raise Cancelled

        with pytest.raises(Cancelled):
            sandbox.call(
                "lipwright.service.children:render", arguments, limits=limits, on_message=listen, spares=spares
            )
        return begun[0]

    spares = sandbox.Spares(1, "lipwright.service.children:get_ready", limits)
    memory: dict[str, str] = {}
    cold_s: list[float] = []
    warm_s: list[float] = []
    for _ in range(N_TIMES):
        cold_s.append(first_s(None))
        while not spares.pids:
            sleep(0.05)
        await_rest(spares.pids[0])
        memory = {line.split(":")[0]: line.split()[1] for line in smaps(spares.pids[0])}
        warm_s.append(first_s(spares))
    spares.close()
    print(f"first progress after {median(cold_s):.2f} s, kept ready {median(warm_s):.2f} s ({N_TIMES} times each)")
    print({name: f"{int(memory[name]) / 1024:.0f} MB" for name in ("Rss", "Pss", "Private_Dirty")})

    assert median(warm_s) < 0.7 * median(cold_s)


def smaps(pid: int) -> list[str]:
    return [line for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines() if line.endswith("kB")]


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def await_rest(pid: int) -> None:
    """Until it has loaded what it loads, and waits for its request."""
    used_s = -1.0
    while not 0.3 < cpu_s(pid) == used_s:
        used_s = cpu_s(pid)
        sleep(0.7)
