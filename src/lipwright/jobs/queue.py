"""The submitting side."""

from __future__ import annotations

import threading
from collections.abc import Collection
from datetime import datetime
from time import time
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    import sqlalchemy as sa

APPLICATION: Final = "lipwright"
VERSION: Final = "1"
"""Of the workflows. It stays the same from release to release: DBOS does not go on with jobs of another version."""
POLL_S: Final = 0.2

Fate = Literal["open", "ended", "unknown"]


class Queue:
    """Where jobs wait. DBOS is imported and its tables are made when the first Queue is."""

    def __init__(self, database: sa.Engine, poll_s: float = POLL_S) -> None:
        """DBOS uses the connections of this engine; on PostgreSQL it opens one more in a process with a worker.

        On SQLite the engine must leave beginning to Python's module, with `isolation_level` "IMMEDIATE".
        `poll_s` is how often each worker looks for jobs; it is kept in the database, and the last one who says it wins.
        """
        from dbos import DBOS, DBOSClient

        self.url: Final = database.url.render_as_string(hide_password=False)
        self.engine: Final = database
        DBOS.migrate(self.url)
        # its operations raise while the database is away: whoever asks decides whether to wait
        self._client = DBOSClient(
            system_database_url=self.url,
            system_database_engine=self.engine,
            application_name=APPLICATION,
            retry_connection_errors=False,
        )
        self.poll_s: Final = poll_s
        self._lock = threading.Lock()
        self._known: set[int] = set()

    def put(self, connection: sa.Connection, job_id: str, *, account_id: str, max_running: int, priority: int) -> None:
        """Enqueue within this transaction: if it is rolled back, the job was never there.

        Call `prepare` for `max_running` before the transaction.
        """
        self._client.enqueue_in_transaction(
            connection,
            {
                "workflow_name": "job",
                "queue_name": admit_queue(max_running),
                "workflow_id": job_id,
                "app_version": VERSION,
                "queue_partition_key": account_id,
                "priority": priority,
            },
            job_id,
            priority,
        )

    def drop(self, job_id: str) -> None:
        """Take it out of its queue, if it still waits there: it keeps no other job of its account waiting.

        Only for a job that is final: what is begun in the moment in between finds nothing to do.
        """
        # what was begun ends by itself; DBOS would log a traceback of it
        if self._client.list_workflows(workflow_ids=[job_id], status="ENQUEUED", load_input=False, load_output=False):
            self._client.cancel_workflow(job_id)

    def is_prepared(self, max_running: int) -> bool:
        """Whether `prepare` has nothing to do."""
        return max_running in self._known

    def prepare(self, max_running: int) -> None:
        """Make the queue of accounts that may run so many jobs at a time."""
        with self._lock:
            if max_running not in self._known:
                self._client.register_queue(
                    admit_queue(max_running), partition_concurrency=max_running, polling_interval_sec=self.poll_s
                )
                self._known.add(max_running)

    def fates(self, job_ids: Collection[str]) -> dict[str, Fate]:
        """Whether each job is still to be run; "unknown" if it was never put here."""
        found = self._client.list_workflows(workflow_ids=list(job_ids), load_input=False, load_output=False)
        fates: dict[str, Fate] = dict.fromkeys(job_ids, "unknown")
        for one in found:
            fates[one.workflow_id] = "open" if one.status in {"ENQUEUED", "PENDING", "DELAYED"} else "ended"
        return fates

    def busy_workers(self) -> set[str]:
        """The ids of workers that have begun something that has not ended."""
        found = self._client.list_workflows(status="PENDING", load_input=False, load_output=False)
        return {one.executor_id for one in found if one.executor_id}

    def held(self) -> dict[str, list[str]]:
        """The jobs that each worker has in hand, by the worker's id."""
        held: dict[str, list[str]] = {}
        for one in self._client.list_workflows(status="PENDING", load_input=False, load_output=False):
            # a render is named after its job
            job_id = one.workflow_id.partition("-")[0]
            jobs = held.setdefault(one.executor_id or "", [])
            if job_id not in jobs:
                jobs.append(job_id)
        return held

    def waiting(self, queues: list[str], limit: int = 500) -> dict[str, tuple[int, float]]:
        """How many wait in each of these queues (so many are looked at), and how long the oldest has, in seconds."""
        waiting: dict[str, tuple[int, float]] = {}
        # each by itself: one listing of all would end before it comes to the queue whose jobs are the youngest
        for queue in queues:
            found = self._client.list_workflows(
                status="ENQUEUED", queue_name=queue, limit=limit, load_input=False, load_output=False
            )
            if found:
                oldest_ms = min(one.created_at or 0 for one in found)
                waiting[queue] = (len(found), max(0.0, time() - oldest_ms / 1000))
        return waiting

    def forget(self, ended_before: datetime, limit: int = 1000) -> int:
        """Drop the history of some that ended before that, of jobs and their parts; how many. 0: there are none."""
        found = self._client.list_workflows(
            status=["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"],
            completed_before=ended_before.isoformat(),
            limit=limit,
            load_input=False,
            load_output=False,
        )
        ids = [one.workflow_id for one in found]
        if ids:
            self._client.delete_workflows(ids)
        return len(ids)

    def close(self) -> None:
        self._client.destroy()


def admit_queue(max_running: int) -> str:
    """The queue of accounts that may run so many jobs at a time: the limit belongs to the queue, not to its part."""
    return f"admit-{max_running}"
