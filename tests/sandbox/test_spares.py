"""Children that wait: they know what they were made ready with, serve one request, and outlive nobody."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lipwright.core.errors import Cancelled, LimitReached, WorkerCrashed
from lipwright.sandbox import Limits, Spares, call

HERE = Path(__file__).parent
ROOMY = Limits(cpu_s=20, wall_s=30, memory_bytes=2 << 30, file_bytes=10 << 20, niceness=2)

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")


@pytest.fixture(autouse=True)
def targets_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(HERE), prepend=os.pathsep)


@pytest.fixture
def spares() -> Iterator[Spares]:
    made = Spares(1, "targets:get_ready", ROOMY)
    yield made
    made.close()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(is_so: Callable[[], Any], within_s: float = 10) -> bool:
    until_s = time.monotonic() + within_s
    while not is_so() and time.monotonic() < until_s:
        time.sleep(0.02)
    return bool(is_so())


def waiting(spares: Spares) -> int:
    """The one that waits."""
    assert until(lambda: spares.pids)
    return spares.pids[0]


def test_a_request_finds_what_was_made_ready_and_the_next_one_finds_another_child(spares: Spares) -> None:
    first = waiting(spares)

    seen = [call("targets:who", {}, limits=ROOMY, spares=spares)]
    second = waiting(spares)
    seen.append(call("targets:who", {}, limits=ROOMY, spares=spares))

    assert seen == [{"pid": first, "is_ready": True}, {"pid": second, "is_ready": True}]
    assert first != second
    assert not is_alive(first)


def test_what_one_request_leaves_behind_no_other_meets(spares: Spares) -> None:
    waiting(spares)
    call("targets:taint", {}, limits=ROOMY, spares=spares)
    waiting(spares)

    assert call("targets:who", {}, limits=ROOMY, spares=spares)["is_ready"] is True


def test_the_limits_are_those_that_were_asked_for_and_else_another_child_is_started(spares: Spares) -> None:
    spare = waiting(spares)
    smaller = replace(ROOMY, n_files=77)

    assert call("targets:limits", {}, limits=smaller, spares=spares)["RLIMIT_NOFILE"] == 77
    assert spares.pids == [spare]
    # what the parent keeps may differ
    seen = call("targets:limits", {}, limits=replace(ROOMY, wall_s=20, silent_s=10), spares=spares)
    assert seen["RLIMIT_NOFILE"] == ROOMY.n_files
    assert seen["nice"] == os.nice(0) + 2
    assert spares.pids != [spare]


@pytest.mark.parametrize("how", ["segfault", "SIGKILL"])
def test_a_crash_costs_one_request_and_not_the_next(spares: Spares, how: str) -> None:
    waiting(spares)
    with pytest.raises(WorkerCrashed):
        call("targets:crash", {"how": how}, limits=ROOMY, spares=spares)
    waiting(spares)

    assert call("targets:double", {"number": 4}, limits=ROOMY, spares=spares) == {"doubled": 8}


def test_one_that_died_while_it_waited_is_passed_over(spares: Spares) -> None:
    spare = waiting(spares)
    os.kill(spare, signal.SIGKILL)
    assert until(lambda: not is_alive(spare))

    assert call("targets:double", {"number": 4}, limits=ROOMY, spares=spares) == {"doubled": 8}
    assert waiting(spares) != spare


def test_time_counts_from_the_request_on_and_a_deaf_child_is_gone_within_two_seconds() -> None:
    spares = Spares(1, "targets:get_ready", ROOMY)
    spare = waiting(spares)
    time.sleep(1.0)
    told: list[dict[str, Any]] = []
    with pytest.raises(LimitReached, match="time"):
        call(
            "targets:sleep_with_children",
            {},
            limits=replace(ROOMY, wall_s=0.8),
            on_message=told.append,
            spares=spares,
        )
    assert told[0]["pids"][0] == spare
    waiting(spares)
    asked_s = time.monotonic()
    with pytest.raises(Cancelled):
        call("targets:sleep_with_children", {}, limits=ROOMY, should_stop=lambda: True, spares=spares)

    assert time.monotonic() - asked_s < 2
    assert until(lambda: not any(is_alive(pid) for pid in told[0]["pids"]), 2)
    spares.close()


def test_one_that_cannot_be_made_ready_serves_all_the_same() -> None:
    spares = Spares(1, "no_such_module:x", ROOMY)
    spare = waiting(spares)

    assert call("targets:who", {}, limits=ROOMY, spares=spares) == {"pid": spare, "is_ready": False}
    spares.close()


def test_none_is_left_when_they_are_closed() -> None:
    spares = Spares(3, "targets:get_ready", ROOMY)
    assert until(lambda: len(spares.pids) == 3)
    pids = spares.pids

    spares.close()

    assert not any(is_alive(pid) for pid in pids)
    assert spares.take(ROOMY) is None


def test_none_is_left_when_the_parent_is_killed() -> None:
    code = (
        "import time\nfrom lipwright.sandbox import Limits, Spares\n"
        "spares = Spares(2, 'targets:get_ready',"
        " Limits(cpu_s=30, wall_s=60, memory_bytes=2 << 30, file_bytes=0))\n"
        "while len(spares.pids) < 2: time.sleep(0.02)\n"
        "print(*spares.pids, flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert all(is_alive(pid) for pid in pids)
        parent.kill()

    are_gone = until(lambda: not any(is_alive(pid) for pid in pids), 2)
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert are_gone


def test_hundreds_of_requests_leave_no_file_open() -> None:
    spares = Spares(1, "", ROOMY)
    call("targets:double", {"number": 1}, limits=ROOMY, spares=spares)
    waiting(spares)
    gc.collect()  # or files of other tests that are closed meanwhile hide one that is not
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(int(os.environ.get("LIPWRIGHT_TEST_SPARES", "5"))):
        call("targets:double", {"number": 1}, limits=ROOMY, spares=spares)
    waiting(spares)

    assert until(lambda: len(list(Path("/proc/self/fd").iterdir())) == before)
    spares.close()
