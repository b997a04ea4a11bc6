"""What an operator sees and does: everyone's jobs, and the workers. `Hosted.desk` gives it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from lipwright.core.errors import InvalidOption, JobNotFound
from lipwright.core.jobs import MAX_NUMBER, Account, Job, JobPage, JobState
from lipwright.jobs.life import is_surely_gone
from lipwright.store import Database, accounts, beats, jobs

if TYPE_CHECKING:
    from lipwright.service.hosted import Hosted

_SHORTEST_PREFIX: Final = 4
_OPERATOR: Final = Account(id="", name="operator", level="", is_admin=True)


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """A worker that gave a sign of life within the last day, and did not say that it ends."""

    id: str
    """host/boot/process/start/word"""
    host: str
    pid: int
    is_alive: bool
    silent_s: float
    """Since its last sign."""
    queues: tuple[str, ...]
    """What it takes jobs from."""
    jobs: tuple[str, ...]
    """Ids of the jobs that it has in hand."""


class Desk:
    """Everything here may be called while the service runs, from another process too."""

    def __init__(self, hosted: Hosted, database: Database) -> None:
        self._hosted = hosted
        self._database = database

    def jobs(
        self,
        *,
        states: Iterable[JobState] | None = None,
        account_id: str | None = None,
        since: datetime | None = None,
        limit: int = 50,
    ) -> JobPage:
        """Of all accounts, or of one; newest first."""
        which = jobs.Filter(account_id=account_id, states=None if states is None else tuple(states), since=since)
        with self._database.reading() as connection:
            found, n_total = jobs.page(connection, which, offset=0, limit=limit)
        return JobPage(tuple(found), n_total)

    def job(self, id_or_number: str) -> Job:
        """By its id, the beginning of its id, or its number. Raises JobNotFound, InvalidOption (several begin so)."""
        with self._database.reading() as connection:
            ids = jobs.beginning_with(connection, id_or_number) if len(id_or_number) >= _SHORTEST_PREFIX else []
        if len(ids) > 1:
            raise InvalidOption("job", id_or_number, f"{len(ids)} ids begin so; give more of it")
        if not ids and not (id_or_number.isdecimal() and len(id_or_number) < 20 and int(id_or_number) <= MAX_NUMBER):
            raise JobNotFound(id_or_number)
        return self._hosted.job(_OPERATOR, ids[0] if ids else int(id_or_number))

    def cancel(self, id_or_number: str) -> Job:
        """As its owner would. Raises what `job` raises."""
        return self._hosted.cancel(_OPERATOR, self.job(id_or_number).id)

    def retry(self, id_or_number: str) -> Job:
        """A new job that asks for the same, for its owner, at its price; asked twice within a day, the same one.

        A job ends once: its row, its charge and its webhook stay as they are. Raises what `job` and `Hosted.submit`
        raise; InvalidOption for a job that is not final, or that succeeded.
        """
        ended = self.job(id_or_number)
        if ended.state not in {JobState.FAILED, JobState.CANCELLED}:
            raise InvalidOption(
                "job", ended.id, f"it is {ended.state}; what failed or was cancelled can be tried again"
            )
        owner = self._hosted.account(ended.account_id)
        # by itself, not of its batch: that shares what it fetched, and for a while what it could not fetch
        request = replace(ended.request, batch_id=None)
        return self._hosted.submit(owner, request, idempotency_key=f"retry:{ended.id}", fingerprint=ended.id)

    def account_names(self) -> dict[str, str]:
        """By id."""
        with self._database.reading() as connection:
            return {account.id: account.name for account, _, _ in accounts.everyone(connection)}

    def workers(self) -> list[WorkerSeen]:
        """The living first, by host."""
        held = self._hosted.held_jobs()
        with self._database.reading() as connection:
            told, takes = beats.silences_s(connection), beats.queues(connection)
        seen: list[WorkerSeen] = []
        for worker_id, silent_s in told.items():
            host, _, pid = worker_id.split("/")[:3] if worker_id.count("/") == 4 else (worker_id, "", "0")
            is_alive = silent_s <= self._hosted.settings.worker_silent_s and not is_surely_gone(worker_id)
            queues = tuple(filter(None, takes.get(worker_id, "").split(",")))
            in_hand = tuple(held.get(worker_id, ()))
            seen.append(WorkerSeen(worker_id, host, int(pid), is_alive, silent_s, queues, in_hand))
        return sorted(seen, key=lambda one: (not one.is_alive, one.host, one.pid))
