"""The working side: one worker in a process, on DBOS; and the watch that hands over what dead workers left.

DBOS begins a job again when a worker *of the same name* comes back. Here each start has a name of its own, gives a
sign of life every few seconds, and looks for jobs of names that give none any more. A worker that was only thought
dead does no harm: the store lets a job end once.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Final, Protocol

import structlog

from lipwright.jobs.life import is_surely_gone, new_worker_id
from lipwright.jobs.queue import APPLICATION, POLL_S, VERSION, Queue

log = structlog.get_logger(__name__)

RENDER_QUEUE: Final = "render"
BEAT_S: Final = 2.0
SILENT_S: Final = 30.0
"""A worker of another machine that gave no sign for so long is dead."""
_WAIT_POLL_S: Final = 0.5
_NEVER: Final = 1_000_000
"""DBOS counts also the restarts that a job only waited through; the store counts those that matter."""


class HandedBack(Exception):
    """The worker stops: this job shall be begun again by another one."""


class Work(Protocol):
    """What is done to a job. Each must be able to be begun again after any interruption."""

    def prepare(self, job_id: str) -> bool:
        """Bring together what it needs; False if there is nothing to render. May raise HandedBack."""
        ...

    def render(self, job_id: str) -> None:
        """Make and store the result. May raise HandedBack."""
        ...


class Signs(Protocol):
    """Signs of life, kept where all workers see them."""

    def tell(self, worker_id: str) -> None: ...

    def forget(self, worker_id: str) -> None: ...

    def heard_of(self, within_s: float) -> set[str]: ...


class Worker:
    """Runs jobs from `start` to `stop`. One at a time in a process, for DBOS is one."""

    _one = threading.Lock()

    def __init__(self, url: str, queue: Queue, work: Work, signs: Signs, *, concurrency: int) -> None:
        self._url = url
        self._queue = queue
        self._work = work
        self._signs = signs
        self._concurrency = concurrency
        self._stopping = threading.Event()
        self._watch: threading.Thread | None = None
        self._n_active = 0
        self._count = threading.Condition()
        self._grace_over = threading.Event()
        self.id = new_worker_id()

    def start(self) -> None:
        """Raises RuntimeError if this process has a worker already."""
        if not Worker._one.acquire(blocking=False):
            raise RuntimeError("this process has a worker already")
        try:
            self._signs.tell(self.id)
            # in a thread of its own, for DBOS would run jobs in the event loop of the thread that starts it
            self._in_thread(self._launch)
        except BaseException:
            Worker._one.release()
            raise
        self._watch = threading.Thread(target=self._keep_watch, name="jobs-watch", daemon=True)
        self._watch.start()

    def stop(self, grace_s: float) -> None:
        """Take no more; wait for running renders; what is left is handed back: `Work` is told by `is_stopping`."""
        from dbos import DBOS

        self._stopping.set()
        if self._watch is not None:
            self._watch.join(timeout=10)
        try:
            with self._count:
                self._count.wait_for(lambda: self._n_active == 0, timeout=max(0.0, grace_s))
            self._grace_over.set()
            with self._count:
                self._count.wait_for(lambda: self._n_active == 0, timeout=5)
            DBOS.destroy(destroy_registry=True)
            self._signs.forget(self.id)
        finally:
            Worker._one.release()

    @property
    def is_alive(self) -> bool:
        return self._watch is not None and self._watch.is_alive() and not self._stopping.is_set()

    @property
    def must_hand_back(self) -> bool:
        """The worker stops and its patience is over: `Work` raises HandedBack."""
        return self._grace_over.is_set()

    def _launch(self) -> None:
        from dbos import DBOS

        DBOS(
            config={
                "name": APPLICATION,
                "system_database_url": self._url,
                "application_version": VERSION,
                "executor_id": self.id,
                "log_level": "ERROR",
                "enable_otlp": False,
                "sys_db_pool_size": 10,
            }
        )
        self._define()
        DBOS.launch()
        DBOS.register_queue(RENDER_QUEUE, worker_concurrency=self._concurrency, polling_interval_sec=POLL_S)

    def _define(self) -> None:
        """The two workflows. Changing their steps needs a new VERSION and a way for jobs that are under way."""
        from dbos import DBOS, SetEnqueueOptions, SetWorkflowID

        @DBOS.step(name="prepare")
        async def prepare_step(job_id: str) -> bool:
            return bool(await self._run(self._work.prepare, job_id))

        @DBOS.step(name="render_step")
        async def render_step(job_id: str) -> bool:
            await self._run(self._work.render, job_id)
            return True

        @DBOS.workflow(name="render", max_recovery_attempts=_NEVER)
        async def render(job_id: str) -> bool:
            return await render_step(job_id)

        @DBOS.workflow(name="job", max_recovery_attempts=_NEVER)
        async def job(job_id: str, priority: int) -> bool:  # pyright: ignore[reportUnusedFunction]
            if not await prepare_step(job_id):
                return False
            with SetWorkflowID(f"{job_id}-render"), SetEnqueueOptions(priority=priority):
                rendering = await DBOS.enqueue_workflow_async(RENDER_QUEUE, render, job_id)
            return await rendering.get_result(polling_interval_sec=_WAIT_POLL_S)

    async def _run(self, act: Callable[[str], Any], job_id: str) -> Any:
        if self._stopping.is_set():
            await asyncio.Event().wait()
        with self._count:
            self._n_active += 1
        try:
            return await asyncio.to_thread(self._counted, act, job_id)
        except HandedBack:
            # an answer of any kind would end the job: say nothing until this process does, and it is begun again
            await asyncio.Event().wait()
            raise

    def _counted(self, act: Callable[[str], Any], job_id: str) -> Any:
        try:
            return act(job_id)
        finally:
            with self._count:
                self._n_active -= 1
                self._count.notify_all()

    def _keep_watch(self) -> None:
        from dbos import DBOS

        while not self._stopping.wait(BEAT_S):
            try:
                self._signs.tell(self.id)
                living = self._signs.heard_of(SILENT_S) | {self.id}
                dead = [one for one in self._queue.busy_workers() if one not in living or is_surely_gone(one)]
                if dead:
                    log.warning("taking over from dead workers", workers=dead)
                    DBOS._recover_pending_workflows(dead)  # pyright: ignore[reportPrivateUsage]
            except Exception:
                log.exception("the watch over workers failed once")

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
