"""Work in a child ends when it should, and tells why."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lipwright.core.errors import Cancelled, FaceNotFound, LimitReached, LipwrightError, UnreadableMedia, WorkerCrashed
from lipwright.sandbox import Limits, call, wire

HERE = Path(__file__).parent
GPUS = ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "NVIDIA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES",
        "HIP_VISIBLE_DEVICES")  # fmt: skip
ROOMY = Limits(cpu_s=20, wall_s=30, memory_bytes=2 << 30, file_bytes=10 << 20)

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")


@pytest.fixture(autouse=True)
def targets_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(HERE), prepend=os.pathsep)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(is_so: Callable[[], bool], within_s: float) -> bool:
    until_s = time.monotonic() + within_s
    while time.monotonic() < until_s:
        if is_so():
            return True
        time.sleep(0.02)
    return is_so()


def test_what_the_target_returns_comes_back_after_its_messages_in_order() -> None:
    told: list[dict[str, Any]] = []

    result = call("targets:double", {"number": 21, "steps": 500}, limits=ROOMY, on_message=told.append)

    assert result == {"doubled": 42}
    assert told == [{"step": step} for step in range(500)]


@pytest.mark.parametrize(
    ("which", "kind", "said"),
    [
        ("face", FaceNotFound, {"choice": "9", "face_ids": [1, 2]}),
        ("media", UnreadableMedia, {"path": "/data/in.mp4", "reason": "it is damaged"}),
    ],
)
def test_an_error_of_our_tree_comes_back_as_itself(
    which: str, kind: type[LipwrightError], said: dict[str, Any]
) -> None:
    with pytest.raises(LipwrightError) as caught:
        call("targets:ours", {"which": which}, limits=ROOMY)

    assert type(caught.value) is kind
    assert vars(caught.value) == said
    assert str(caught.value).startswith(("No face matches", "/data/in.mp4 cannot be read"))


def test_a_foreign_error_is_one_class_and_keeps_its_details_for_the_log() -> None:
    with pytest.raises(WorkerCrashed) as caught:
        call("targets:foreign", {}, limits=ROOMY)

    assert caught.value.how == "ZeroDivisionError"
    assert "secret detail" not in str(caught.value)


@pytest.mark.parametrize(
    ("how", "told"),
    [("segfault", "SIGSEGV"), ("SIGABRT", "SIGABRT"), ("SIGKILL", "SIGKILL"), ("exit", "exit status 7")],
)
def test_a_crash_names_its_signal_and_keeps_the_last_words(how: str, told: str) -> None:
    with pytest.raises(WorkerCrashed, match=told) as caught:
        call("targets:crash", {"how": how}, limits=ROOMY)

    assert "last words" in caught.value.__notes__[0]


@pytest.mark.parametrize("target", ["targets:missing", "no_such_module:x"])
def test_a_target_that_is_not_there_is_a_crash(target: str) -> None:
    with pytest.raises(WorkerCrashed, match="Error"):
        call(target, {}, limits=ROOMY)


def test_memory_is_limited() -> None:
    with pytest.raises(LimitReached, match="memory than 512 MiB"):
        call("targets:eat_memory", {}, limits=Limits(cpu_s=20, wall_s=30, memory_bytes=512 << 20, file_bytes=0))


def test_the_size_of_a_file_is_limited(tmp_path: Path) -> None:
    path = tmp_path / "big"

    with pytest.raises(LimitReached, match="disk"):
        call("targets:eat_disk", {"path": str(path)}, limits=ROOMY)

    assert path.stat().st_size <= ROOMY.file_bytes


def test_processor_time_is_limited() -> None:
    with pytest.raises(LimitReached, match="processor time than 1 s"):
        call("targets:spin", {}, limits=Limits(cpu_s=1, wall_s=30, memory_bytes=2 << 30, file_bytes=0))


def test_time_is_limited_and_nothing_is_left_of_the_group() -> None:
    told: list[dict[str, Any]] = []
    started_s = time.monotonic()

    with pytest.raises(LimitReached, match=r"time than 1\.5 s"):
        call(
            "targets:sleep_with_children",
            {},
            limits=Limits(cpu_s=20, wall_s=1.5, memory_bytes=2 << 30, file_bytes=0),
            on_message=told.append,
        )

    assert time.monotonic() - started_s < 4
    assert wait_until(lambda: not any(is_alive(pid) for pid in told[0]["pids"]), within_s=1)


def test_a_child_that_is_silent_for_too_long_is_ended_and_one_that_murmurs_is_not() -> None:
    heard: list[dict[str, Any]] = []
    limits = replace(ROOMY, silent_s=2.0)

    with pytest.raises(LimitReached) as reached:
        call("targets:murmur", {"n": 6, "every_s": 0.5}, limits=limits, on_message=heard.append)

    assert reached.value.what == "silence"
    assert len(heard) == 6


def test_on_request_the_work_is_gone_within_two_seconds_even_if_it_is_deaf() -> None:
    told: list[dict[str, Any]] = []
    asked_s: list[float] = []

    def should_stop() -> bool:
        if told and not asked_s:
            asked_s.append(time.monotonic())
        return bool(told)

    with pytest.raises(Cancelled):
        call("targets:sleep_with_children", {}, limits=ROOMY, on_message=told.append, should_stop=should_stop)

    left_s = asked_s[0] + 2 - time.monotonic()
    assert left_s > 0
    assert wait_until(lambda: not any(is_alive(pid) for pid in told[0]["pids"]), within_s=left_s)


def test_a_busy_child_is_stopped_by_an_error_in_the_listener() -> None:
    pids: list[int] = []

    def listen(message: dict[str, Any]) -> None:
        pids.append(message["pid"])
        raise Cancelled

    with pytest.raises(Cancelled):
        call("targets:spin", {}, limits=ROOMY, on_message=listen)

    assert not is_alive(pids[0])


def test_a_child_that_is_stopped_removes_its_half_written_file(tmp_path: Path) -> None:
    told: list[dict[str, Any]] = []
    path = tmp_path / "half"

    with pytest.raises(Cancelled):
        call(
            "targets:half_a_file",
            {"path": str(path)},
            limits=ROOMY,
            on_message=told.append,
            should_stop=lambda: bool(told),
        )

    assert told
    assert not path.exists()


def test_processes_that_outlive_the_result_are_ended_too() -> None:
    told: list[dict[str, Any]] = []

    call("targets:sleep_with_children", {"for_s": 0}, limits=ROOMY, on_message=told.append)

    assert wait_until(lambda: not any(is_alive(pid) for pid in told[0]["pids"]), within_s=2)


def test_the_child_dies_with_its_parent_however_that_ends() -> None:
    code = (
        "from lipwright.sandbox import Limits, call\n"
        "call('targets:spin', {}, on_message=lambda m: print(m['pid'], flush=True),"
        " limits=Limits(cpu_s=30, wall_s=60, memory_bytes=2 << 30, file_bytes=0))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.kill()

    gone = wait_until(lambda: not is_alive(pid), within_s=2)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    assert gone


@pytest.mark.parametrize(("wall_s", "should_stop"), [(0.5, None), (30.0, lambda: True)])
def test_a_long_request_to_a_child_that_does_not_read_keeps_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch, wall_s: float, should_stop: Callable[[], bool] | None
) -> None:
    module = sys.modules["lipwright.sandbox.call"]
    real = module.start

    def start_and_stop(*arguments: Any) -> Any:
        child = real(*arguments)
        os.kill(child.process.pid, signal.SIGSTOP)
        return child

    monkeypatch.setattr(module, "start", start_and_stop)
    began_s = time.monotonic()

    with pytest.raises(Cancelled if should_stop else LimitReached):
        call("targets:double", {"note": "x" * 1_000_000}, limits=replace(ROOMY, wall_s=wall_s), should_stop=should_stop)
    assert time.monotonic() - began_s < 3


def test_a_request_may_be_longer_than_a_pipe_holds() -> None:
    assert call("targets:double", {"number": 21, "note": "x" * 1_000_000}, limits=ROOMY) == {"doubled": 42}


def test_a_signal_that_has_no_name_is_told_by_its_number() -> None:
    with pytest.raises(WorkerCrashed) as raised:
        call("targets:die_of", {"signal": 40}, limits=ROOMY)

    assert raised.value.how == "signal 40"


def test_secrets_of_the_environment_stay_here(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LIPWRIGHT_DATABASE_URL", "AWS_SECRET_ACCESS_KEY", "HTTPS_PROXY", "HOME", "LD_PRELOAD_NOTE"):
        monkeypatch.setenv(name, "secret")
    for name in GPUS:
        monkeypatch.delenv(name, raising=False)

    seen = call("targets:environment", {}, limits=ROOMY)

    assert set(seen["names"]) <= {"PATH", "PYTHONPATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"} | {
        "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM", "MALLOC_ARENA_MAX",
        "GLOG_minloglevel", "TF_CPP_MIN_LOG_LEVEL", "PYTHONUNBUFFERED", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE",
        "LD_LIBRARY_PATH", "ORT_DISABLE_TELEMETRY",
    }  # fmt: skip


def test_a_render_uses_the_gpus_of_its_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in GPUS:
        monkeypatch.setenv(name, "1")

    assert set(call("targets:environment", {}, limits=ROOMY)["names"]) >= set(GPUS)


def test_native_libraries_keep_to_one_thread_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):
        monkeypatch.delenv(name, raising=False)
    assert call("targets:native_threads", {}, limits=ROOMY) == {"opencv": 1, "blas": 1}

    monkeypatch.setenv("OPENCV_FOR_THREADS_NUM", "2")
    assert call("targets:native_threads", {}, limits=ROOMY) == {"opencv": 2, "blas": 1}


def test_the_folder_that_we_are_in_and_our_open_files_do_not_travel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "secret").open("w") as secret:
        os.set_inheritable(secret.fileno(), True)
        seen = call("targets:environment", {}, limits=ROOMY)

    assert str(tmp_path) not in seen["path"]
    assert "" not in seen["path"]
    assert len(seen["fds"]) <= 5  # the three standard ones, the pipe, and the folder that is listed


def test_the_limits_are_those_of_the_kernel() -> None:
    wanted = Limits(cpu_s=11, wall_s=30, memory_bytes=1 << 30, file_bytes=12345, n_files=77, niceness=3)

    seen = call("targets:limits", {}, limits=wanted)

    assert seen == {
        "RLIMIT_AS": 1 << 30,
        "RLIMIT_CPU": 11,
        "RLIMIT_FSIZE": 12345,
        "RLIMIT_NOFILE": 77,
        "RLIMIT_CORE": 0,
        "nice": os.nice(0) + 3,
    }


def test_a_child_that_speaks_nonsense_is_ended() -> None:
    with pytest.raises(WorkerCrashed, match="nonsense"):
        call("targets:nonsense", {}, limits=ROOMY)


def test_a_child_that_never_ends_its_sentence_is_ended() -> None:
    with pytest.raises(LimitReached, match="messages"):
        call("targets:endless_line", {}, limits=ROOMY)


def test_an_unknown_code_is_no_error_of_ours() -> None:
    assert wire.rebuild({"code": "os.system", "text": "x"}) is None
