"""The working side: one worker in a process, on DBOS; and the watch that hands over what dead workers left.

DBOS begins a job again when a worker *of the same name* comes back. Here each start has a name of its own, gives a
sign of life every few seconds, and the jobs of names that give none any more are handed over. A worker that was only
thought dead does no harm: the store lets a job end once.

A worker takes from queues: "prepare" for what must be done before a render, and one for each class of machines that
render, such as "cpu" and "gpu".
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from functools import partial
from time import monotonic, time
from typing import Any, Final, Protocol

import structlog

from lipwright.core.errors import DatabaseAway
from lipwright.jobs.life import is_surely_gone, machine_of, new_worker_id
from lipwright.jobs.queue import APPLICATION, VERSION, Queue, admit_queue

log = structlog.get_logger(__name__)

PREPARE: Final = "prepare"
CPU: Final = "cpu"
MAX_LIMIT: Final = 10_000
"""The most jobs at a time that an account may be allowed."""
BEAT_S: Final = 2.0
SILENT_S: Final = 30.0
"""A worker of another machine that gave no sign for so long is dead, if nobody says otherwise."""
_LOST_S: Final = 30.0
_TRUSTED_S: Final = 10.0
"""A worker takes others for dead only after so long with the database: after an outage, or by a clock that
was set, all have been silent."""
_WAIT_POLL_S: Final = 0.5
_OVER_POLL_S: Final = 3.0
_OVER: Final = object()
_NEVER: Final = 1_000_000
"""DBOS counts also the restarts that a job only waited through; the store counts those that matter."""


class HandedBack(Exception):
    """The worker stops: this job shall be begun again by another one."""


class Work(Protocol):
    """What is done to a job. Each must be able to be begun again after any interruption."""

    def prepare(self, job_id: str) -> str | None:
        """Bring together what it needs; the queue of its render, or None if there is none. May raise HandedBack."""
        ...

    def render(self, job_id: str) -> int:
        """Make and store the result; or cut a long one into parts, and tell how many. 0: there is no more to do.

        May raise HandedBack.
        """
        ...

    def part(self, job_id: str, number: int) -> None:
        """Make part `number`, from 0, beside the others. May raise HandedBack."""
        ...

    def join(self, job_id: str) -> None:
        """All parts are made: make and store the result. May raise HandedBack."""
        ...

    def is_over(self, job_id: str) -> bool:
        """Whether the job is final: nobody needs to wait for what is left of it."""
        ...


class Signs(Protocol):
    """Signs of life, kept where all workers see them, with times of one clock."""

    def tell(self, worker_id: str, machine: str, queues: str) -> None:
        """It lives."""
        ...

    def end(self, worker_id: str) -> None:
        """It says that it ends."""
        ...

    def forget(self, worker_ids: Collection[str]) -> None:
        """Their jobs are handed over."""
        ...

    def heard_of(self, within_s: float) -> set[str]: ...

    def silent(self, for_s: float) -> set[str]: ...

    def ended(self) -> set[str]: ...

    def on_machine(self, machine: str) -> set[str]: ...

    def take_duty(self, name: str, every_s: float) -> bool:
        """Whether the caller is the one who shall do it now, every so often."""
        ...


class Worker:
    """Runs jobs from `start` to `stop`. One at a time in a process, for DBOS is one."""

    _one = threading.Lock()

    def __init__(
        self,
        queue: Queue,
        work: Work,
        signs: Signs,
        *,
        concurrency: int,
        queues: Collection[str] = (PREPARE, CPU),
        silent_s: float = SILENT_S,
    ) -> None:
        """`concurrency` holds for every worker that takes from the same queues: the one that started last decides."""
        self._queue = queue
        self._work = work
        self._signs = signs
        self._concurrency = concurrency
        self._queues = tuple(queues)
        self._silent_s = silent_s
        self._beat_s = min(BEAT_S, silent_s / 5)
        self._stopping = threading.Event()
        self._watch: threading.Thread | None = None
        self._dbos: Any = None
        self._n_active = 0
        self._count = threading.Condition()
        self._grace_over = threading.Event()
        self.id = new_worker_id()

    def start(self) -> None:
        """Raises RuntimeError if this process has a worker already."""
        if not Worker._one.acquire(blocking=False):
            raise RuntimeError("this process has a worker already")
        try:
            self._tell()
            # in a thread of its own, for DBOS would run jobs in the event loop of the thread that starts it
            self._in_thread(self._launch)
        except BaseException:
            self._let_go()
            Worker._one.release()
            raise
        self._watch = threading.Thread(target=self._keep_watch, name="jobs-watch", daemon=True)
        self._watch.start()

    def stop(self, grace_s: float) -> None:
        """Take no more; wait for running renders; what is left is handed back: `Work` is told by `must_hand_back`."""
        from dbos import DBOS

        self._stopping.set()
        # nothing more is taken from the queues: who is left takes it
        for event in self._dbos.background_thread_stop_events:
            event.set()
        try:
            for thread in threading.enumerate():  # also tells of those that are about to begin: they see the event
                if thread.name.startswith("queue-worker") and thread.is_alive():
                    # what it is about to take is begun, and handed back like the rest
                    thread.join(timeout=5)
            until_s = monotonic() + max(0.0, grace_s)
            while monotonic() < until_s and not self._is_idle(min(self._beat_s, until_s - monotonic())):
                self._survive("a sign of life", self._tell)
            self._grace_over.set()
            self._is_idle(5)
            if self._watch is not None:
                self._watch.join(timeout=10)
            DBOS.destroy(destroy_registry=True)
            self._survive("the last sign of life", lambda: self._signs.end(self.id))
        finally:
            Worker._one.release()

    @property
    def is_alive(self) -> bool:
        return self._watch is not None and self._watch.is_alive() and not self._stopping.is_set()

    @property
    def n_active(self) -> int:
        """Stages of jobs under way."""
        with self._count:
            return self._n_active

    @property
    def must_hand_back(self) -> bool:
        """The worker stops and its patience is over: `Work` raises HandedBack."""
        return self._grace_over.is_set()

    def _launch(self) -> None:
        from dbos import DBOS

        self._dbos = DBOS(
            config={
                "name": APPLICATION,
                "system_database_url": self._queue.url,
                "system_database_engine": self._queue.engine,
                "application_version": VERSION,
                "executor_id": self.id,
                "log_level": "ERROR",
                "enable_otlp": False,
                "sys_db_pool_size": 10,
            }
        )
        self._define()
        renders = [render_queue(name) for name in self._queues if name != PREPARE]
        admits = [admit_queue(n) for n in range(1, MAX_LIMIT + 1)] if PREPARE in self._queues else []
        DBOS.listen_queues([*renders, *admits])
        with _told_elsewhere("DBOS failed to launch"):
            DBOS.launch()
        for name in renders:
            DBOS.register_queue(name, worker_concurrency=self._concurrency, polling_interval_sec=self._queue.poll_s)

    def _let_go(self) -> None:
        """What has begun of DBOS, of a start that failed."""
        from dbos import DBOS

        if self._dbos is not None:
            DBOS.destroy(destroy_registry=True)
            self._dbos = None

    def _define(self) -> None:
        """The workflows. Changing their steps needs a new VERSION and a way for jobs that are under way.

        A job waits in no queue of renders while it waits for its parts: they are begun by `job`, which an account's
        limit counts, and not by `render`, which the workers' does.
        """
        from dbos import DBOS, SetEnqueueOptions, SetWorkflowID

        @DBOS.step(name="prepare")
        async def prepare_step(job_id: str) -> str | bool | None:
            return await self._run(self._work.prepare, job_id)

        @DBOS.step(name="render_step")
        async def render_step(job_id: str) -> bool | int:
            # version 0.1 wrote True: there were no parts
            return await self._run(self._work.render, job_id) or True

        @DBOS.step(name="part_step")
        async def part_step(job_id: str, number: int) -> None:
            await self._run(self._work.part, job_id, number)

        @DBOS.step(name="join_step")
        async def join_step(job_id: str) -> None:
            await self._run(self._work.join, job_id)

        @DBOS.workflow(name="render", max_recovery_attempts=_NEVER)
        async def render(job_id: str) -> bool | int:
            return await render_step(job_id)

        @DBOS.workflow(name="part", max_recovery_attempts=_NEVER)
        async def part(job_id: str, number: int) -> None:
            await part_step(job_id, number)

        @DBOS.workflow(name="join", max_recovery_attempts=_NEVER)
        async def join(job_id: str) -> None:
            await join_step(job_id)

        @DBOS.workflow(name="job", max_recovery_attempts=_NEVER)
        async def job(job_id: str, priority: int) -> bool:  # pyright: ignore[reportUnusedFunction]
            name = await prepare_step(job_id)
            if not name:
                return False
            # version 0.1 wrote True: there was one queue
            name = render_queue(CPU if name is True else name)
            poll_s = max(_WAIT_POLL_S, self._queue.poll_s)
            with SetWorkflowID(f"{job_id}-render"), SetEnqueueOptions(priority=priority):
                rendering = await DBOS.enqueue_workflow_async(name, render, job_id)
            n_parts = await self._outcome(rendering, job_id, poll_s)
            if n_parts is True or n_parts is _OVER:
                return True
            made: list[Any] = []
            for number in range(n_parts):
                with SetWorkflowID(f"{job_id}-part-{number}"), SetEnqueueOptions(priority=priority):
                    made.append(await DBOS.enqueue_workflow_async(name, part, job_id, number))
            for one in made:
                if await self._outcome(one, job_id, poll_s) is _OVER:
                    return True
            with SetWorkflowID(f"{job_id}-join"), SetEnqueueOptions(priority=priority):
                joining = await DBOS.enqueue_workflow_async(name, join, job_id)
            await self._outcome(joining, job_id, poll_s)
            return True

    async def _outcome(self, waited_for: Any, job_id: str, poll_s: float) -> Any:
        """What a stage in another queue gave; _OVER where the job is final before.

        A job that is cancelled frees its account's place although its render waits for a worker that may never come;
        the render finds it final when it is begun.
        """
        waiting = asyncio.ensure_future(waited_for.get_result(polling_interval_sec=poll_s))
        try:
            while not (await asyncio.wait({waiting}, timeout=_OVER_POLL_S))[0]:
                if await asyncio.to_thread(self._is_over, job_id):
                    return _OVER
            return waiting.result()
        finally:
            waiting.cancel()

    def _is_over(self, job_id: str) -> bool:
        """False also where it cannot be told now."""
        told: list[bool] = []
        self._survive("whether a job is over", lambda: told.append(self._work.is_over(job_id)))
        return any(told)

    async def _run(self, act: Callable[..., Any], *about: Any) -> Any:
        if self._stopping.is_set():
            await asyncio.Event().wait()
        with self._count:
            self._n_active += 1
        try:
            return await asyncio.to_thread(self._counted, act, *about)
        except HandedBack:
            # an answer of any kind would end the job: say nothing until this process does, and it is begun again
            await asyncio.Event().wait()
            raise

    def _counted(self, act: Callable[..., Any], *about: Any) -> Any:
        try:
            return act(*about)
        finally:
            with self._count:
                self._n_active -= 1
                self._count.notify_all()

    def _keep_watch(self) -> None:
        patience_s = min(_TRUSTED_S, self._silent_s)
        last_s, ahead_s = monotonic(), time() - monotonic()
        doubt_from_s = last_s + patience_s
        while not self._stopping.wait(self._beat_s):
            was_ahead_s, ahead_s = ahead_s, time() - monotonic()
            # frozen, or the clock was set (a machine that slept): signs of the living look old
            if monotonic() - last_s > 2 * self._beat_s or abs(ahead_s - was_ahead_s) > self._beat_s:
                doubt_from_s = monotonic() + patience_s
            last_s = monotonic()
            # without the database: so were they, and need time to give a sign
            if not self._survive("the watch over workers", partial(self._look, last_s >= doubt_from_s)):
                doubt_from_s = monotonic() + patience_s

    def _look(self, may_doubt: bool) -> None:
        """Tell that this worker lives, and hand over what dead ones have begun."""
        from dbos import DBOS

        start_s = monotonic()
        self._tell()
        may_doubt = may_doubt and monotonic() - start_s < self._beat_s
        signs = self._signs
        dead = {one for one in signs.on_machine(machine_of(self.id)) if is_surely_gone(one)}
        if signs.take_duty("hand over", self._beat_s / 2):
            dead |= signs.ended()
            if may_doubt:
                dead |= signs.silent(self._silent_s)
        # whoever died before he gave a first sign, or was forgotten and came back to life for a moment
        if may_doubt and signs.take_duty("find the lost", _LOST_S):
            dead |= self._queue.busy_workers() - signs.heard_of(self._silent_s)
        dead -= {self.id}
        if dead:
            log.warning("taking over from dead workers", workers=sorted(dead))
            DBOS._recover_pending_workflows(sorted(dead))  # pyright: ignore[reportPrivateUsage]
            signs.forget(dead)

    def _tell(self) -> None:
        self._signs.tell(self.id, machine_of(self.id), ",".join(self._queues))

    def _is_idle(self, within_s: float) -> bool:
        """Whether nothing runs here, now or soon."""
        with self._count:
            return self._count.wait_for(lambda: self._n_active == 0, timeout=within_s)

    def _survive(self, what: str, act: Callable[[], None]) -> bool:
        """The edge of the watch: whatever goes wrong is tried again at the next beat. Whether it went well."""
        try:
            act()
        except DatabaseAway as exc:
            log.warning("the database is away", what=what, why=exc.reason)
            return False
        except Exception:
            log.exception("failed once", what=what)
            return False
        return True

    def _in_thread(self, act: Callable[[], None]) -> None:
        raised: list[BaseException] = []

        def run() -> None:
            try:
                act()
            except BaseException as exc:  # noqa: BLE001 - raised on below
                raised.append(exc)

        thread = threading.Thread(target=run, name="jobs-start")
        thread.start()
        thread.join()
        if raised:
            raise raised[0]


@contextmanager
def _told_elsewhere(beginning: str) -> Generator[None]:
    """DBOS also logs, with a traceback, an error that it raises: its log goes without the line that begins so."""

    def is_other(record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith(beginning)

    dbos_log = logging.getLogger("dbos")
    dbos_log.addFilter(is_other)
    try:
        yield
    finally:
        dbos_log.removeFilter(is_other)


def render_queue(name: str) -> str:
    """What DBOS calls the queue of a class of machines that render."""
    return "render" if name == CPU else f"render-{name}"
