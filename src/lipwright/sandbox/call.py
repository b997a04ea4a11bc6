"""The parent's side: start the child, listen, and never wait longer than was agreed."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from time import monotonic, sleep
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast

from lipwright import networks
from lipwright.core.errors import Cancelled, LimitReached, WorkerCrashed
from lipwright.sandbox import wire

if TYPE_CHECKING:
    from lipwright.sandbox.spares import Spares

E = TypeVar("E", bound=Exception)

LOOK_EVERY_S = 0.1
"""How often `should_stop` is asked."""
GRACE_S = 0.5
"""Between the polite signal, on which a child removes its half-written files, and the one that cannot be ignored."""
LAST_WORDS_BYTES = 8000
"""Of what a child writes to its stderr, kept for the log."""

# A child gets what an interpreter and native libraries need to run, by name; everything else of the environment
# (keys, addresses of databases, proxies, our own settings) stays here.
PASSED_ON = (
    "PATH", "PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "LANG", "LC_ALL",
    "LC_CTYPE", "TZ", "TMPDIR",
    # which of several GPUs are this worker's
    "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "NVIDIA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
)  # fmt: skip
# Who has set these others knows why. A second thread of BLAS or OpenCV waits by spinning (media/native.py).
UNLESS_SET = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
}
SET = {
    # each arena of glibc reserves 64 MB of addresses, which would count against `memory_bytes`
    "MALLOC_ARENA_MAX": "2",
    "GLOG_minloglevel": "2",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "PYTHONUNBUFFERED": "1",
    **networks.SILENCE,
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may use. A limit that is passed ends it with LimitReached."""

    cpu_s: float
    """Processor time of all its threads together."""
    wall_s: float
    """Time on the clock, starting the interpreter (about 0.1 s) included."""
    memory_bytes: int
    """Address space, which is larger than what is resident: see docs/how-to/operate-safely.md for measured values."""
    file_bytes: int
    """Of any one file that it writes."""
    n_files: int = 256
    """Open at a time."""
    silent_s: float | None = None
    """The longest between two messages, and before the first; None: as long as it likes."""
    niceness: int = 0
    """0 to 19: how far it steps back behind other processes, so that a render does not slow the API down."""


def call(
    target: str,
    arguments: Mapping[str, Any],
    *,
    limits: Limits,
    on_message: Callable[[dict[str, Any]], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    spares: Spares | None = None,
) -> dict[str, Any]:
    """Run `target` ("package.module:function") in a fresh interpreter; what it returns, a dict of JSON values.

    The target is `function(arguments, tell)`: `arguments` is the dict given here, `tell(dict)` sends a message,
    which is handed to `on_message` in this thread, in order. `should_stop` is asked every 0.1 s; once it is true the
    child and every process that it started is gone within a second, and Cancelled is raised. An exception of
    `on_message` or `should_stop` (Cancelled, say) ends the child in the same way and is raised on. The child is one of
    `spares` where one of these limits waits there.

    Raises what the target raised, if it is of our tree, with the same class, code and attributes (paths as strings);
    LimitReached where a limit of `limits` was passed; WorkerCrashed for anything else that ends a child: its `how`
    is the name of the signal ("SIGSEGV") or of the exception, and its `__notes__` hold the last lines of its stderr.
    The child dies with this process, however that ends.
    """
    deadline_s = monotonic() + limits.wall_s
    child = (None if spares is None else spares.take(limits)) or start(limits)
    said = _Said()
    try:
        with _ended(child):
            request = wire.encode({"target": target, "arguments": dict(arguments)})
            for message in _messages(child, request, said, deadline_s, limits, should_stop):
                if spares is not None:
                    spares.refill()  # not sooner: it would be in this one's way while that begins
                if "told" in message:
                    if on_message is not None and isinstance(message["told"], dict):
                        on_message(cast("dict[str, Any]", message["told"]))
                else:
                    said.end = message
                    break
    finally:
        if spares is not None:
            spares.refill()
    return _outcome(said, child.process.returncode if said.end is None else None, limits)


def last_words(error: BaseException) -> str:
    """What a child wrote before it broke, or what else was noted for the log and not for users; empty: nothing."""
    notes = getattr(error, "__notes__", None)
    if not isinstance(notes, list):  # a child may have made it up
        return ""
    return "\n".join(map(str, cast("list[object]", notes)))[-LAST_WORDS_BYTES:]


def with_last_words(error: E, cause: BaseException) -> E:
    """An error that is raised in place of `cause`, with its last words."""
    told = last_words(cause)
    if told:
        error.add_note(told)
    return error


@dataclass(frozen=True, slots=True)
class Child:
    """A process that waits for its request, or works on it."""

    process: subprocess.Popen[bytes]
    told: IO[bytes]
    """What it says."""


class _Said:
    """What came from the child so far."""

    def __init__(self) -> None:
        self.end: dict[str, Any] | None = None
        self.last_words = b""


def start(limits: Limits, ready: str = "") -> Child:
    """A child with these limits, that waits for its request; meanwhile it runs `ready`, a target without arguments."""
    passed_on = {name: os.environ[name] for name in (*PASSED_ON, *UNLESS_SET) if name in os.environ}
    environment = UNLESS_SET | passed_on | SET
    told_pipe, tell_pipe = os.pipe()
    about = json.dumps({"ready": ready, "parent": os.getpid(), "tell": tell_pipe, "limits": asdict(limits)})
    try:
        process = subprocess.Popen(
            # -P: the folder that we happen to be in is no place to import from; -s: nor is the user's own
            [sys.executable, "-P", "-s", "-m", "lipwright.sandbox.child", about],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=(tell_pipe,),
            env=environment,
            start_new_session=True,
        )
    except BaseException:
        os.close(told_pipe)
        raise
    finally:
        os.close(tell_pipe)
    return Child(process, os.fdopen(told_pipe, "rb", buffering=0))


def end(child: Child) -> None:
    """No process of its group is left, and none of its pipes."""
    _signal_group(child.process, signal.SIGKILL)
    child.process.wait()
    for pipe in (child.process.stdin, child.process.stderr, child.told):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


@contextmanager
def _ended(child: Child) -> Generator[None]:
    """On the way out no process of the child's group is left."""
    try:
        yield
    except BaseException:
        _signal_group(child.process, signal.SIGTERM)
        _linger(child.process)
        raise
    finally:
        end(child)


def _linger(child: subprocess.Popen[bytes]) -> None:
    """Give it a moment to leave, and its number to nobody else yet: it is looked at without being collected."""
    until_s = monotonic() + GRACE_S
    while monotonic() < until_s:
        if os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return
        sleep(0.02)


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # its group bears its number, which is not given to others while the child is not collected
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def _messages(
    child: Child,
    request: bytes,
    said: _Said,
    deadline_s: float,
    limits: Limits,
    should_stop: Callable[[], bool] | None,
) -> Generator[dict[str, Any]]:
    """Ask, and messages as they come, until the child closes its pipe."""
    waiting = bytearray()
    heard_s = monotonic()
    told = child.told.fileno()
    unsaid = memoryview(request)
    with selectors.DefaultSelector() as pipes:
        assert child.process.stdin is not None
        assert child.process.stderr is not None
        asked = child.process.stdin.fileno()
        # a pipe holds less than a long request: what the child is slow to read is not waited for without end
        os.set_blocking(asked, False)
        pipes.register(asked, selectors.EVENT_WRITE)
        pipes.register(told, selectors.EVENT_READ)
        pipes.register(child.process.stderr, selectors.EVENT_READ)
        while pipes.get_map():
            left_s = deadline_s - monotonic()
            if left_s <= 0:
                raise LimitReached("time", f"{limits.wall_s:g} s")
            if limits.silent_s is not None and monotonic() - heard_s > limits.silent_s:
                raise LimitReached("silence", f"{limits.silent_s:g} s")
            if should_stop is not None and should_stop():
                raise Cancelled
            for key, _ in pipes.select(min(LOOK_EVERY_S, left_s)):
                if key.fd == asked:
                    unsaid = _write_some(asked, unsaid)
                    if not unsaid:
                        # stays open: its end tells the child that this process is gone
                        pipes.unregister(asked)
                    continue
                block = os.read(key.fd, 1 << 16)
                if not block:
                    pipes.unregister(key.fileobj)
                    if key.fd == told:
                        return
                elif key.fd == told:
                    *lines, rest = block.split(b"\n")
                    for line in lines:
                        yield _parsed(bytes(waiting + line))
                        waiting.clear()
                        # only now: whoever took it may have taken his time
                        heard_s = monotonic()
                    waiting += rest
                    if len(waiting) > wire.MAX_LINE_BYTES:
                        raise LimitReached("messages", f"{wire.MAX_LINE_BYTES >> 20} MiB at a time")
                else:
                    said.last_words = (said.last_words + block)[-LAST_WORDS_BYTES:]


def _write_some(pipe: int, unsaid: memoryview) -> memoryview:
    """What is left then; nothing is left to say to one that has ended, and told why elsewhere."""
    try:
        return unsaid[os.write(pipe, unsaid) :]
    except BlockingIOError:
        return unsaid
    except BrokenPipeError:
        return unsaid[:0]


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise WorkerCrashed("it spoke nonsense") from exc
    if not isinstance(message, dict):
        raise WorkerCrashed("it spoke nonsense")
    return cast("dict[str, Any]", message)


def _outcome(said: _Said, returncode: int | None, limits: Limits) -> dict[str, Any]:
    end = said.end
    if end is not None and isinstance(end.get("result"), dict):
        return end["result"]
    if end is not None and isinstance(end.get("error"), dict):
        error = wire.rebuild(end["error"])
        if error is not None:
            raise error
    if end is not None and "limit" in end:
        what = str(end["limit"])
        limit = {"memory": f"{limits.memory_bytes >> 20} MiB", "disk": f"{limits.file_bytes >> 20} MiB for a file"}
        if what in limit:
            raise LimitReached(what, limit[what])
    if returncode == -signal.SIGXCPU:
        raise LimitReached("processor time", f"{limits.cpu_s:g} s")
    crash = WorkerCrashed(_how(end, returncode))
    crash.add_note(said.last_words.decode(errors="replace"))
    raise crash


def _how(end: dict[str, Any] | None, returncode: int | None) -> str:
    if end is not None:
        return str(end.get("crash", "it spoke nonsense"))[:200]
    if returncode is not None and returncode < 0:
        try:
            return signal.Signals(-returncode).name
        except ValueError:
            return f"signal {-returncode}"  # of those that have numbers only
    return f"exit status {returncode}"
