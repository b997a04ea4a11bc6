"""The service for others: accounts, jobs that outlive their process, media, money and webhooks.

Everything here is synchronous and safe to call from many threads. Ids are unguessable; what belongs to another account
is not found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from lipwright.config import ServiceSettings
from lipwright.core.jobs import (
    Account,
    Delivery,
    DeliveryState,
    FaceName,
    Job,
    JobPage,
    JobRequest,
    JobState,
    LedgerRow,
    Media,
    UploadTicket,
    Usage,
)


class Webhooks(Protocol):
    """How each face words and signs its webhooks: given by `http/`, for the wire form is its business."""

    def compose(self, job: Job, *, secret: str, delivery_id: str, sent_at: datetime) -> tuple[bytes, Mapping[str, str]]:
        """The body and the headers of one attempt, signed."""
        ...

    def is_accepted(self, job: Job, *, status: int, body: bytes) -> bool:
        """Whether the receiver's answer ends the delivery."""
        ...


@dataclass(frozen=True, slots=True)
class OpenMedia:
    """Bytes to be sent."""

    media: Media
    etag: str
    """With its quotation marks, as HTTP writes it."""
    start: int
    stop: int
    """The half-open range of bytes within `media.n_bytes` that `chunks` yields."""
    chunks: Iterator[bytes]


class Hosted:
    """One service: `Hosted.open(settings)`, then `start_worker()` in the process that shall render."""

    @classmethod
    def open(cls, settings: ServiceSettings) -> Hosted:
        """Make or upgrade the tables and open them. Raises StoreMismatch, OutputNotWritable."""
        raise NotImplementedError

    def close(self) -> None:
        """Stop the worker, if there is one, at once, and close the database."""
        raise NotImplementedError

    def start_worker(self, webhooks: Webhooks | None = None) -> None:
        """Take jobs, send webhooks, sweep: in threads of this process, until `stop_worker`. Renders are children.

        Without `webhooks` none is sent; they wait. Raises RuntimeError if this process has a worker.
        """
        raise NotImplementedError

    def stop_worker(self, grace_s: float = 10.0) -> None:
        """Take no more jobs; let those that run end within `grace_s`, and hand back the others for the next worker."""
        raise NotImplementedError

    @property
    def is_ready(self) -> bool:
        """The database answers, and the worker (if this process has one) is alive."""
        raise NotImplementedError

    def figures(self) -> Mapping[str, float]:
        """Gauges for metrics: "jobs_queued", "jobs_running", "webhooks_waiting", "oldest_queued_s"."""
        raise NotImplementedError

    # --- accounts -----------------------------------------------------------------------------------------

    def authenticate(self, secret: str) -> Account:
        """Whose key it is. Raises InvalidKey, KeyRevoked."""
        raise NotImplementedError

    def ensure_first_key(self) -> str | None:
        """If there is no key at all: make one without credit limit, and return its secret, to be shown once."""
        raise NotImplementedError

    def create_key(
        self,
        name: str,
        *,
        level: str = "bronze",
        is_admin: bool = False,
        has_credit_limit: bool = True,
        max_running: int | None = None,
        max_requests_per_min: int | None = None,
        priority: int = 100,
    ) -> tuple[Account, str]:
        """A new account and the secret of its key; only a hash is kept. Raises InvalidOption."""
        raise NotImplementedError

    def accounts(self) -> list[tuple[Account, datetime, datetime | None]]:
        """Every account with when it was made and when it was revoked, oldest first."""
        raise NotImplementedError

    def account(self, name_or_id: str) -> Account:
        """By id or by name. Raises InvalidOption."""
        raise NotImplementedError

    def revoke_key(self, account_id: str) -> None:
        """Its key opens nothing any more; what it submitted runs on. Raises InvalidOption."""
        raise NotImplementedError

    def limit_key(
        self,
        account_id: str,
        *,
        max_running: int | None = None,
        max_requests_per_min: int | None = None,
        priority: int | None = None,
        has_credit_limit: bool | None = None,
        level: str | None = None,
    ) -> Account:
        """Change what is given. Raises InvalidOption."""
        raise NotImplementedError

    # --- money --------------------------------------------------------------------------------------------

    def balance_microusd(self, account: Account) -> int:
        """The sum of its ledger: holds of jobs that are not done are taken off."""
        raise NotImplementedError

    def grant(self, account: Account, amount_microusd: int, note: str = "") -> int:
        """Add credit, or take it back below zero; the new balance."""
        raise NotImplementedError

    def ledger(self, account: Account, *, limit: int = 100) -> list[LedgerRow]:
        """Its latest rows, newest first."""
        raise NotImplementedError

    def usage(self, account: Account, since: datetime, until: datetime, *, model: str | None = None) -> Usage:
        """What was charged within [since, until), by the jobs' ends."""
        raise NotImplementedError

    def price_of(self, face: FaceName, *, speech_s: float | None = None, text: str | None = None) -> int:
        """Micro-dollars for so much speech, or for this text, by the price list of that face ("native": WaveSpeed's).

        With neither: the least that a job costs.
        """
        raise NotImplementedError

    # --- jobs ---------------------------------------------------------------------------------------------

    def claim(self, account: Account, key: str, fingerprint: str) -> Job | None:
        """Begin a submit under an idempotency key (kept for 24 h): the job that it made before, or None: make it now.

        For doors that must do something before `submit`, such as storing data URIs. After None call `submit` with the
        same key and fingerprint, or `unclaim`. Raises IdempotencyMismatch (other fingerprint), SubmitInFlight.
        """
        raise NotImplementedError

    def unclaim(self, account: Account, key: str) -> None:
        """Give an idempotency key back after a submit that failed; a key that has its job keeps it."""
        raise NotImplementedError

    def submit(
        self,
        account: Account,
        request: JobRequest,
        *,
        idempotency_key: str | None = None,
        fingerprint: str | None = None,
    ) -> Job:
        """A job, its hold on the credit and its place in the queue, in one transaction.

        With an idempotency key that made a job before: that job. `fingerprint` is any text that is the same when the
        request is the same, such as a hash of its body; without it the request itself is.
        Sources are media ids (`media:ID`) of anyone, whose kind and limits are checked now, or http(s) URLs, which
        are fetched and checked when the job begins; a video may be the result of another job.
        Raises InvalidOption, UnknownEngine, UrlRefused, MediaNotKnown, WrongMediaKind, MediaTooLarge,
        InsufficientCredits, IdempotencyMismatch, SubmitInFlight.
        """
        raise NotImplementedError

    def job(self, account: Account, job_id: str | int) -> Job:
        """By id or number. Raises JobNotFound: also for a job of another account (unless `is_admin`), or deleted."""
        raise NotImplementedError

    def jobs(
        self,
        account: Account,
        *,
        states: Iterable[JobState] | None = None,
        model: str | None = None,
        face: FaceName | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        page: int = 1,
        page_size: int = 20,
    ) -> JobPage:
        """Its jobs, newest first; pages count from 1."""
        raise NotImplementedError

    def wait(self, account: Account, job_id: str, timeout_s: float) -> Job:
        """The job as soon as it is final, or as it stands after `timeout_s`. Raises JobNotFound."""
        raise NotImplementedError

    def cancel(self, account: Account, job_id: str | int) -> Job:
        """End it: final at once, its credit released, its render gone within 2 s. A final job stays as it is."""
        raise NotImplementedError

    def delete(self, account: Account, job_id: str | int) -> None:
        """Cancel it if it is not final, and forget it with its results. Raises JobNotFound."""
        raise NotImplementedError

    # --- media --------------------------------------------------------------------------------------------

    def begin_upload(
        self, account: Account, filename: str, content_type: str = "", n_bytes: int | None = None
    ) -> UploadTicket:
        """The right to upload one file. Raises MediaTooLarge if more is announced than is taken."""
        raise NotImplementedError

    def ticket(self, ticket_id: str) -> UploadTicket:
        """Raises TicketExpired."""
        raise NotImplementedError

    def write_upload(self, ticket_id: str, chunks: Iterable[bytes] | Path) -> Media:
        """Take the bytes, look at them in a sandbox, and keep them: all of that, or nothing.

        Raises TicketExpired, UploadIncomplete, MediaTooLarge, UnreadableMedia, WrongContent, DiskFull.
        """
        raise NotImplementedError

    def upload_file(self, account: Account, chunks: Iterable[bytes] | Path, filename: str) -> Media:
        """`begin_upload` and `write_upload` in one; a file at a path is copied."""
        raise NotImplementedError

    def upload_url(self, account: Account, url: str) -> Media:
        """Fetch it under guard and keep it. Raises UrlRefused, FetchFailed, and what `write_upload` raises."""
        raise NotImplementedError

    def media(self, media_id: str) -> Media:
        """By its unguessable id; no account is asked for. Raises MediaNotKnown."""
        raise NotImplementedError

    def media_by_number(self, account: Account, number: int) -> Media:
        """By its number, and only the account's own. Raises MediaNotKnown."""
        raise NotImplementedError

    def open_media(self, media_id: str, start: int | None = None, stop: int | None = None) -> OpenMedia:
        """Its bytes [start, stop), streamed; None: from the beginning, to the end. Raises MediaNotKnown.

        A start below zero counts from the end, as HTTP's suffix ranges do; a stop beyond the end is the end.
        Raises InvalidOption if no byte is in the range.
        """
        raise NotImplementedError

    # --- webhooks -----------------------------------------------------------------------------------------

    def webhook_secret(self, account: Account) -> str:
        """Made when the account was: `whsec_` and base64."""
        raise NotImplementedError

    def deliveries(self, *, state: DeliveryState | None = None, limit: int = 100) -> list[Delivery]:
        """The latest webhooks, newest first."""
        raise NotImplementedError

    def replay_delivery(self, delivery_id: str) -> Delivery:
        """Send it again, now, under the same id. Raises JobNotFound."""
        raise NotImplementedError

    # --- care ---------------------------------------------------------------------------------------------

    def sweep(self) -> Mapping[str, int]:
        """Delete what has expired and what nothing refers to; how many of each. The worker does it by itself."""
        raise NotImplementedError
