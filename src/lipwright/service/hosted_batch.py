"""Many jobs that were asked for together: each an ordinary job, and all of them looked at as one.

A batch is begun under a key, and each of its items under a key of its own: whoever sends the same batch again, after a
crash in the middle too, gets the same jobs, and those that were missing. What nobody takes in any more is closed: its
other items are as they will be.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from lipwright.core.errors import (
    Cancelled,
    DatabaseAway,
    IdempotencyMismatch,
    InputError,
    InternalError,
    InvalidOption,
    JobNotFound,
    LipwrightError,
)
from lipwright.core.jobs import Account, Job, JobRequest
from lipwright.store import Database, batches, jobs
from lipwright.store.database import now

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from lipwright.service.hosted import Hosted

MAX_ITEMS: Final = 500
_NOT_TAKEN_IN: Final = {Cancelled.code: "The batch was cancelled before this was taken in."}
_TAKING_IN: Final = timedelta(hours=1)
"""After the last job that was made: longer than one item takes, with its files. Then whoever took them in is gone."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One item: what the client calls it, and how it becomes a request (uploading what comes inline, say)."""

    reference: str | None
    request: Callable[[], JobRequest]
    """May raise InputError: then this item is refused, and the others are not."""


@dataclass(frozen=True, slots=True)
class BatchItem:
    """What became of an item."""

    position: int
    reference: str | None
    job: Job | None
    """None: it was refused, or its job was deleted."""
    error_code: str | None = None
    error_message: str | None = None

    @property
    def state(self) -> str:
        """A JobState, "refused", or "deleted"."""
        if self.job is not None:
            return str(self.job.state)
        if self.error_code == Cancelled.code:
            return Cancelled.code  # with the batch, before it was a job
        return "refused" if self.error_code is not None else "deleted"


@dataclass(frozen=True, slots=True)
class Batch:
    """Items in the client's order; fewer than `n_items` as long as they are being taken in."""

    id: str
    created_at: datetime
    n_items: int
    items: tuple[BatchItem, ...]

    @property
    def counts(self) -> Mapping[str, int]:
        """Items by their state; "pending": not taken in yet."""
        counts = Counter(item.state for item in self.items)
        counts["pending"] = self.n_items - len(self.items)
        return counts

    @property
    def is_final(self) -> bool:
        """All items are as they will be."""
        return len(self.items) == self.n_items and all(
            item.job is None or item.job.state.is_final for item in self.items
        )


class BrokenOff(Exception):
    """A batch that was begun could not be taken in to its end, by no fault of an item. What is taken in runs."""

    def __init__(self, batch_id: str) -> None:
        super().__init__(f"batch {batch_id} broke off")
        self.batch_id = batch_id


class HostedBatches:
    """`Hosted.batches` gives it."""

    def __init__(self, hosted: Hosted, database: Database) -> None:
        self._hosted = hosted
        self._database = database

    def submit(self, account: Account, wanted: Sequence[Wanted], fingerprint: str, key: str | None = None) -> Batch:
        """Take in every item; one that cannot be is refused with its error, and the others go on.

        `fingerprint` is any text that is the same when the batch is. Under a `key` that began a batch within a day:
        that batch, with what it still lacks. Raises InvalidOption (no items, or too many), IdempotencyMismatch; and
        BrokenOff from whatever else goes wrong once it is begun (the database away, a full disk).
        """
        if not 1 <= len(wanted) <= MAX_ITEMS:
            raise InvalidOption("items", len(wanted), f"give 1 to {MAX_ITEMS}")
        digest = hashlib.sha256(fingerprint.encode()).hexdigest()
        with self._database.writing() as connection:
            begun = batches.begin(connection, account.id, key, digest, len(wanted))
        if begun.fingerprint != digest:
            raise IdempotencyMismatch(key or "")
        try:
            known = self._positions(begun.id)
            for position, one in enumerate(wanted):
                if position not in known and not self._take_in(account, begun.id, position, one):
                    known = self._positions(begun.id)  # somebody else is at it too, or has cancelled it
            return self.find(account, begun.id)
        except Exception as exc:
            if key is None:  # nobody can send it again
                with suppress(DatabaseAway):
                    self._close(begun, exc if isinstance(exc, LipwrightError) else InternalError(), wanted)
            raise BrokenOff(begun.id) from exc

    def find(self, account: Account, batch_id: str) -> Batch:
        """Raises JobNotFound: also for a batch of another account."""
        with self._database.reading() as connection:
            found = self._find(connection, account, batch_id)
            batch = self._as_it_stands(connection, found)
        resumable = jobs.KEEP_KEYS if found.has_key else _TAKING_IN
        last_at = max([found.created_at, *(item.job.created_at for item in batch.items if item.job is not None)])
        is_taken_in = last_at > now() - _TAKING_IN or found.created_at > now() - resumable
        if len(batch.items) == found.n_items or is_taken_in:
            return batch
        self._close(found, InternalError())
        with self._database.reading() as connection:
            return self._as_it_stands(connection, found)

    def cancel(self, account: Account, batch_id: str) -> Batch:
        """End all that is not final, and what was not taken in. Raises JobNotFound."""
        with self._database.reading() as connection:
            found = self._find(connection, account, batch_id)
        self._close(found, Cancelled())
        for item in self.find(account, batch_id).items:
            if item.job is not None and not item.job.state.is_final:
                self._hosted.cancel(account, item.job.id)
        return self.find(account, batch_id)

    @staticmethod
    def _find(connection: Connection, account: Account, batch_id: str) -> batches.Row:
        found = batches.find(connection, batch_id)
        if found is None or not (account.is_admin or found.account_id == account.id):
            raise JobNotFound(batch_id)
        return found

    @staticmethod
    def _as_it_stands(connection: Connection, found: batches.Row) -> Batch:
        rows = batches.items(connection, found.id)
        made = jobs.these(connection, {row.job_id for row in rows if row.job_id is not None})
        items = tuple(
            BatchItem(row.position, row.reference, made.get(row.job_id or ""), row.error_code, row.error_message)
            for row in rows
        )
        return Batch(found.id, found.created_at, found.n_items, items)

    def _positions(self, batch_id: str) -> set[int]:
        with self._database.reading() as connection:
            return {row.position for row in batches.items(connection, batch_id)}

    def _close(self, begun: batches.Row, why: LipwrightError, wanted: Sequence[Wanted] = ()) -> None:
        """Nothing more is taken in: what is missing has no job, but for one that could not be written down."""
        with self._database.writing() as connection:
            known = {row.position for row in batches.items(connection, begun.id)}
            missing = sorted(set(range(begun.n_items)) - known)
            made = {one: jobs.made_under(connection, begun.account_id, _key(begun.id, one)) for one in missing}
            if missing and not any(made.values()):
                # keys are forgotten after a day; whoever died had made the job of the first that is missing, or none
                made[missing[0]] = batches.unlisted(connection, begun)
            for position in missing:
                reference = wanted[position].reference if wanted else None
                item = batches.ItemRow(position, reference, made[position])
                if item.job_id is None:
                    item = replace(item, error_code=why.code, error_message=_NOT_TAKEN_IN.get(why.code, str(why)))
                batches.add_item(connection, begun.id, item)

    def _take_in(self, account: Account, batch_id: str, position: int, one: Wanted) -> bool:
        """False where somebody else has written down what became of it."""
        item = self._item(account, batch_id, position, one)
        with self._database.writing() as connection:
            is_first = batches.add_item(connection, batch_id, item)
            its = {row.position: row.job_id for row in batches.items(connection, batch_id)} if not is_first else {}
        if not is_first and item.job_id is not None and its[position] != item.job_id:
            self._hosted.cancel(account, item.job_id)  # closed in the meantime: nobody would know of it
        return is_first

    def _item(self, account: Account, batch_id: str, position: int, one: Wanted) -> batches.ItemRow:
        try:
            request = replace(one.request(), batch_id=batch_id)
            key = _key(batch_id, position)
            job = self._hosted.submit(account, request, idempotency_key=key, fingerprint=key)
        except InputError as exc:
            return batches.ItemRow(position, one.reference, None, exc.code, str(exc))
        return batches.ItemRow(position, one.reference, job.id)


def _key(batch_id: str, position: int) -> str:
    return f"batch:{batch_id}:{position}"
