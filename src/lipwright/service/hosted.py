"""The service for others: accounts, jobs that outlive their process, media, money and webhooks.

Everything here is synchronous and safe to call from many threads. Ids are unguessable; what belongs to another account
is not found.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import SQLAlchemyError

from lipwright import plugins, sandbox
from lipwright.blobs import Blobs, Bucket, BucketBlobs, FolderBlobs
from lipwright.config import ServiceSettings
from lipwright.core.errors import (
    DatabaseAway,
    GaveUp,
    IdempotencyMismatch,
    InputError,
    InsufficientCredits,
    InvalidOption,
    JobNotFound,
    MediaNotKnown,
    MediaTooLarge,
    OutputNotWritable,
    StoreAway,
    StoreMismatch,
    SubmitInFlight,
    TicketExpired,
    UnknownEngine,
    UrlRefused,
)
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
from lipwright.core.options import SyncOptions, VoiceOptions
from lipwright.jobs import PREPARE, Queue, Worker
from lipwright.jobs.worker import render_queue
from lipwright.service import orphans
from lipwright.service.children import split_options
from lipwright.service.deliveries import Deliveries, Webhooks
from lipwright.service.desk import Desk
from lipwright.service.hosted_batch import HostedBatches
from lipwright.service.intake import Intake, Workshop, shown_name
from lipwright.service.page import PageService
from lipwright.service.prices import Prices
from lipwright.service.telemetry import Gauges, ServiceCollector, Telemetry
from lipwright.service.traces import open_traces
from lipwright.service.work import JobWork, LookForNudity, check_kind, engine_queue, render_limits, render_queues
from lipwright.store import Database, accounts, batches, beats, jobs, ledger, media, open_database, outbox, passes
from lipwright.store.database import now, sqlite_url
from lipwright.store.line import WouldWait

if TYPE_CHECKING:
    from lipwright.voices import Speaker

__all__ = ["Hosted", "OpenMedia", "Webhooks"]

log = structlog.get_logger(__name__)

_MEDIA: Final = "media:"
_ID: Final = re.compile(r"[0-9a-f]{32}")
_SPEAKING: Final = frozenset({"speed", "pitch", "is_ssml"})
_CARE_EVERY_S: Final = 30.0
_SWEEP_EVERY_S: Final = 600.0
_YOUNG: Final = timedelta(minutes=10)
"""Blobs and halves of blobs younger than this may still be on their way."""
_KEEP_HISTORY: Final = timedelta(days=7)
_WAIT_POLL_S: Final = 0.25
_CHECK_WITHIN_S: Final = 10.0
"""So long a start waits for the store to tell whose it is."""
_KEPT_WITHIN_S: Final = 30.0
"""So long a process waits for another one that puts the bytes of an upload into the store."""


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


@dataclass(frozen=True, slots=True)
class Claimed:
    """An idempotency key that was taken for a submit to come."""

    key: str
    fingerprint: str
    at: datetime


class Hosted:
    """One service: `Hosted.open(settings)`, then `start_worker()` in the process that shall render."""

    def __init__(self, settings: ServiceSettings, database: Database, voices: VoiceOptions | None = None) -> None:
        """Use `open`."""
        self.settings: Final = settings
        self._voices: Final = voices
        self._database: Final = database
        self._workshop: Final = Workshop(settings.folder / "work")
        self._blobs: Final = _open_blobs(settings, self._workshop)
        self._intake: Final = Intake(settings, self._blobs, self._workshop)
        self._prices: Final = Prices(settings)
        self.page: Final = PageService(settings, database, self._blobs, self._workshop, voices)
        """What only the page asks for."""
        self.telemetry: Final = Telemetry(open_traces(settings.tracing))
        self.telemetry.registry.register(ServiceCollector(self.gauges, self._worker_state))
        self.has_upload_links: Final = self._blobs.upload_link("0" * 32) is not None
        """Whether clients bring bytes to the store themselves, by signed links."""
        self._arriving: Final = tuple(threading.Lock() for _ in range(16))
        self._uploading_lock: Final = threading.Lock()
        self._uploading: set[str] = set()
        self._queue_lock: Final = threading.Lock()
        self._queue: Queue | None = None
        self._worker: Worker | None = None
        self._spares: sandbox.Spares | None = None
        self._deliveries: Deliveries | None = None
        self._care: threading.Thread | None = None
        self._stopping: Final = threading.Event()

    @classmethod
    def open(cls, settings: ServiceSettings, voices: VoiceOptions | None = None) -> Hosted:
        """Make or upgrade the tables and open them. Raises StoreMismatch, OutputNotWritable.

        `voices` is what the operator decided about voices, for jobs that bring a text.
        """
        folder = settings.folder
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as exc:
            raise OutputNotWritable(folder, (exc.strerror or "it cannot be made").lower()) from exc
        url = settings.database_url
        database = open_database(url, settings.database_connections) if url else open_database(sqlite_url(folder))
        try:
            return cls(settings, database, voices)
        except BaseException:
            database.close()
            raise

    def close(self) -> None:
        """Stop the worker, or the tidying, if there is one, at once, and close the database."""
        self.stop_worker(0.0)
        with self._queue_lock:
            if self._queue is not None:
                self._queue.close()
                self._queue = None
        self._database.close()
        self.telemetry.close()

    def check_store(self) -> None:
        """Raises StoreMismatch where the store is another database's; one that cannot be asked now stops no start."""
        found: list[StoreMismatch] = []

        def ask() -> None:
            try:
                orphans.check(self._database, self._blobs, is_shared=bool(self.settings.store_url))
            except StoreMismatch as exc:
                found.append(exc)
            except (DatabaseAway, StoreAway) as exc:
                log.warning("whose the store is was not found out", store=self._blobs.name, why=exc.reason)
            except Exception:
                log.exception("whose the store is was not found out", store=self._blobs.name)

        # beside: a bucket that is away is asked for a minute
        asking = threading.Thread(target=ask, name="whose store", daemon=True)
        asking.start()
        asking.join(_CHECK_WITHIN_S)
        if found:
            raise found[0]

    def warm_up(self) -> None:
        """Do what the first submit would wait for: load the job engine, and open its queue.

        Raises InvalidOption where a setting cannot work: before anyone is let in, and not when the first job begins.
        And DatabaseAway.
        """
        self._moderator()
        with self._database.lent():
            self._open_queue().prepare(self.settings.max_running)
        assert self._engines
        self.speakers()

    def start_worker(self, webhooks: Webhooks | None = None, queues: Collection[str] = ()) -> None:
        """Take jobs, send webhooks, sweep: in threads of this process, until `stop_worker`. Renders are children.

        `queues` are those to take from: "prepare", "cpu", and the others that `engine_queues` names; none: all.
        Without `webhooks` none is sent; they wait. Raises RuntimeError if this process has a worker, InvalidOption
        for a queue that there is not, DatabaseAway.
        """
        known = (PREPARE, *render_queues(self.settings))
        for name in queues:
            if name not in known:
                raise InvalidOption(
                    "queue", name, f"there are: {', '.join(known)} (LIPWRIGHT_ENGINE_QUEUES names more)"
                )
        queue = self._open_queue()
        self._stopping.clear()
        worker_of: list[Worker] = []
        work = JobWork(
            self.settings,
            self._database,
            self._blobs,
            self._intake,
            self._workshop,
            self._prices,
            self._moderator(),
            lambda: worker_of[0].must_hand_back,
            self.telemetry,
            self._voices,
            self._open_spares(queues or known),
        )
        worker = Worker(
            queue,
            work,
            _Signs(self._database),
            concurrency=self.settings.concurrency,
            queues=queues or known,
            silent_s=self.settings.worker_silent_s,
        )
        worker_of.append(worker)
        with self._database.lent():
            worker_of[0].start()
        self._worker = worker_of[0]
        if webhooks is not None:
            self._deliveries = Deliveries(self.settings, self._database, webhooks, self.telemetry)
            self._deliveries.start()
        self._care = threading.Thread(target=self._take_care, name="care", daemon=True)
        self._care.start()

    def start_tidying(self) -> None:
        """For a process without a worker: clear away what processes of this machine left that died, until `close`."""
        self._care = threading.Thread(target=self._tidy, name="care", daemon=True)
        self._care.start()

    def stop_worker(self, grace_s: float = 10.0) -> None:
        """Take no more jobs; let those that run end within `grace_s`, and hand back the others for the next worker."""
        self._stopping.set()
        # first, so that it takes nothing more: the others may be in the midst of something
        if self._worker is not None:
            self._worker.stop(grace_s)
            self._worker = None
        if self._deliveries is not None:
            self._deliveries.stop()
            self._deliveries = None
        if self._care is not None:
            self._care.join(timeout=10)
            self._care = None
        if self._spares is not None:
            self._spares.close()
            self._spares = None

    @property
    def reads_at_once(self) -> bool:
        """Whether looking up a row waits for nobody: SQLite's readers never do, and the file is on this machine."""
        return self._database.is_sqlite

    def submits_at_once(self, account: Account, request: JobRequest) -> bool:
        """Whether to submit this waits for nothing but others who write."""
        is_known = self._queue is not None and self._queue.is_prepared(account.max_running)
        # a text asks for voices, whose files may have to be read; a signed link, for what came by it
        return self.reads_at_once and is_known and request.text is None and not self.has_upload_links

    def submit_at_once(
        self,
        account: Account,
        request: JobRequest,
        *,
        idempotency_key: str | None = None,
        fingerprint: str | None = None,
    ) -> Job | None:
        """As `submit`, of what `submits_at_once`; None, and nothing has begun, while others write.

        It takes some 3 ms of one thread, less than changing to another thread and back does on a busy machine.
        """
        try:
            with self._database.at_once():
                return self.submit(account, request, idempotency_key=idempotency_key, fingerprint=fingerprint)
        except WouldWait:
            return None

    @property
    def is_ready(self) -> bool:
        """The database answers, and the worker (if this process has one) is alive."""
        try:
            with self._database.reading() as connection:
                accounts.is_empty(connection)
        except (SQLAlchemyError, DatabaseAway):
            return False
        worker = self._worker
        return worker is None or worker.is_alive

    def figures(self) -> Mapping[str, float]:
        """Gauges for metrics: "jobs_queued", "jobs_running", "webhooks_waiting", "oldest_queued_s"."""
        with self._database.reading() as connection:
            return {**jobs.figures(connection), "webhooks_waiting": outbox.n_waiting(connection)}

    def gauges(self) -> Gauges:
        """The same for Prometheus, and what waits for whom. Raises SQLAlchemy's errors while the database is away."""
        queues = render_queues(self.settings)
        waiting = self._open_queue().waiting([render_queue(name) for name in queues])
        with self._database.reading() as connection:
            found = jobs.figures(connection)
            silences_s, takes = beats.silences_s(connection), beats.queues(connection)
            n_webhooks, late_s = outbox.n_waiting(connection), outbox.late_s(connection)
        alive = [one for one, silent_s in silences_s.items() if silent_s <= self.settings.worker_silent_s]
        return Gauges(
            jobs_queued=int(found["jobs_queued"]),
            jobs_running=int(found["jobs_running"]),
            oldest_queued_s=found["oldest_queued_s"],
            webhooks_waiting=n_webhooks,
            oldest_webhook_due_s=late_s,
            renders_waiting={name: waiting.get(render_queue(name), (0, 0.0)) for name in queues},
            workers={name: sum(name in takes.get(one, "").split(",") for one in alive) for name in (PREPARE, *queues)},
            workers_alive=len(alive),
            workers_silent=len(silences_s) - len(alive),
        )

    def _worker_state(self) -> tuple[bool, int] | None:
        """Whether the worker of this process lives, and what it has under way; None: there is none."""
        worker = self._worker
        return None if worker is None else (worker.is_alive, worker.n_active)

    @property
    def desk(self) -> Desk:
        """What an operator sees and does."""
        return Desk(self, self._database)

    @property
    def batches(self) -> HostedBatches:
        """Many jobs that are asked for together."""
        return HostedBatches(self, self._database)

    def held_jobs(self) -> dict[str, list[str]]:
        """Ids of the jobs that each worker has in hand, by the worker's id."""
        return self._open_queue().held()

    # --- accounts -----------------------------------------------------------------------------------------

    def authenticate(self, secret: str) -> Account:
        """Whose key it is. Raises InvalidKey, KeyRevoked."""
        with self._database.reading() as connection:
            return accounts.by_secret(connection, secret)

    def ensure_first_key(self) -> str | None:
        """If there is no key at all: make one without credit limit, and return its secret, to be shown once."""
        with self._database.writing() as connection:
            if not accounts.is_empty(connection):
                return None
            try:
                _, secret = accounts.add(connection, self._limits("first", has_credit_limit=False, is_admin=True))
            except InvalidOption:
                return None  # another process started at the same moment, and shows it
            return secret

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
        limits = self._limits(
            name,
            level=level,
            is_admin=is_admin,
            has_credit_limit=has_credit_limit,
            max_running=max_running,
            max_requests_per_min=max_requests_per_min,
            priority=priority,
        )
        _check_limits(Account(id="", **limits))
        with self._database.writing() as connection:
            return accounts.add(connection, limits)

    def accounts(self) -> list[tuple[Account, datetime, datetime | None]]:
        """Every account with when it was made and when it was revoked, oldest first."""
        with self._database.reading() as connection:
            return accounts.everyone(connection)

    def account(self, name_or_id: str) -> Account:
        """By id or by name. Raises InvalidOption."""
        with self._database.reading() as connection:
            found = accounts.find(connection, name_or_id)
        if found is None:
            raise InvalidOption("account", name_or_id, "there is none of this name or id; see `lipwright keys list`")
        return found

    def revoke_key(self, account_id: str) -> None:
        """Its key opens nothing any more; what it submitted runs on. Raises InvalidOption."""
        with self._database.writing() as connection:
            if not accounts.revoke(connection, account_id):
                raise InvalidOption("account", account_id, "there is no open key of this account")

    def rotate_key(self, account_id: str) -> str:
        """A new secret for the same account; the old one opens nothing any more. Raises InvalidOption.

        Nor does what was opened with it: whoever is signed in on the page signs in again.
        """
        with self._database.writing() as connection:
            secret = accounts.rotate(connection, account_id)
            passes.drop_sessions(connection, account_id)
        if secret is None:
            raise InvalidOption("account", account_id, "there is no open key of this account")
        return secret

    def rotate_webhook_secret(self, account: Account) -> str:
        """A new one; webhooks from now on are signed with it, those that are sent again too."""
        with self._database.writing() as connection:
            return accounts.rotate_webhook_secret(connection, account.id)

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
        given = {
            "max_running": max_running,
            "max_requests_per_min": max_requests_per_min,
            "priority": priority,
            "has_credit_limit": has_credit_limit,
            "level": level,
        }
        changed = replace(self.account(account_id), **{name: one for name, one in given.items() if one is not None})
        _check_limits(changed)
        with self._database.writing() as connection:
            accounts.change(connection, changed)
        return changed

    # --- money --------------------------------------------------------------------------------------------

    def balance_microusd(self, account: Account) -> int:
        """The sum of its ledger: holds of jobs that are not done are taken off."""
        with self._database.reading() as connection:
            return ledger.balance_microusd(connection, account.id)

    def grant(self, account: Account, amount_microusd: int, note: str = "") -> int:
        """Add credit, or take it back below zero; the new balance."""
        with self._database.writing() as connection:
            ledger.add(connection, account.id, "grant", amount_microusd, note=note)
            return ledger.balance_microusd(connection, account.id)

    def ledger(self, account: Account, *, limit: int = 100) -> list[LedgerRow]:
        """Its latest rows, newest first."""
        with self._database.reading() as connection:
            return ledger.latest(connection, account.id, limit)

    def usage(self, account: Account, since: datetime, until: datetime, *, model: str | None = None) -> Usage:
        """What was charged within [since, until), by the jobs' ends."""
        with self._database.reading() as connection:
            return ledger.usage(connection, account.id, since, until, model)

    def price_of(
        self, face: FaceName, *, speech_s: float | None = None, text: str | None = None, kept_s: float | None = None
    ) -> int:
        """Micro-dollars for so much speech, or for this text, by the price list of that face ("native": WaveSpeed's).

        `kept_s` is the length of footage that is shown to its end (`when_long` "keep"): where it is longer than the
        speech, it is what is paid for. Where the list goes by the length of speech, a text's price is an estimate. With
        nothing: the least that a job costs.
        """
        return self._prices.quoted(face, speech_s=speech_s, text=text, kept_s=kept_s)

    def expected_s(self, text: str) -> float:
        """About how many seconds it takes to say this text; 0 where nothing is to be said."""
        return self._prices.expected_s(text)

    # --- voices -------------------------------------------------------------------------------------------

    def speakers(self) -> list[Speaker]:
        """Who can speak a text by id or name: the operator's own table, if there is one. Raises InvalidOption."""
        from lipwright.service import speech

        return speech.list_speakers(voice_options=self._voices)

    # --- jobs ---------------------------------------------------------------------------------------------

    def claim(self, account: Account, key: str, fingerprint: str) -> Job | Claimed:
        """Begin a submit under an idempotency key (kept for 24 h): the job that it made before, or what to submit with.

        For doors that must do something before `submit`, such as storing data URIs. Hand what you get to `submit`, or
        to `unclaim`. Raises IdempotencyMismatch (other fingerprint), SubmitInFlight.
        """
        with self._database.writing() as connection:
            return self._claim(connection, account, key, fingerprint)

    def unclaim(self, account: Account, claimed: Claimed) -> None:
        """Give an idempotency key back after a submit that failed; a key that has its job keeps it."""
        with self._database.writing() as connection:
            jobs.drop_claim(connection, account.id, claimed.key, claimed.at)

    def submit(
        self,
        account: Account,
        request: JobRequest,
        *,
        idempotency_key: str | None = None,
        fingerprint: str | None = None,
        claimed: Claimed | None = None,
    ) -> Job:
        """A job, its hold on the credit and its place in the queue, in one transaction.

        With an idempotency key that made a job before, which was not deleted: that job. `fingerprint` is any text that
        is the same when the request is the same, such as a hash of its body; without it the request itself is.
        `claimed` is what `claim` gave for a key, in place of both: where somebody else has taken the key since, it is
        theirs.
        Sources are media ids (`media:ID`) of anyone, whose kind and limits are checked now, or http(s) URLs, which
        are fetched and checked when the job begins; a video may be the result of another job.
        Raises InvalidOption, UnknownEngine, UnknownVoice, UnknownLanguage, UrlRefused, MediaNotKnown, WrongMediaKind,
        MediaTooLarge, InsufficientCredits, IdempotencyMismatch, SubmitInFlight.
        """
        options = self._check(request)
        for source in (request.video, request.audio):
            self._take_what_came((source or "").removeprefix(_MEDIA))
        if claimed is not None:
            idempotency_key, fingerprint = claimed.key, claimed.fingerprint
        queue = self._open_queue()
        queue.prepare(account.max_running)
        with self._database.writing() as connection:
            is_ours = claimed is not None and jobs.is_claimed(connection, account.id, claimed.key, claimed.at)
            if idempotency_key is not None and not is_ours:
                told = fingerprint if fingerprint is not None else _fingerprint(request)
                made = self._claim(connection, account, idempotency_key, told)
                if isinstance(made, Job):
                    return made
            here = self._inputs(connection, request)
            price = self._prices.of_job(request, here)
            self._afford(connection, account, price)
            job = Job(
                id=accounts.new_id(),
                number=accounts.new_number(),
                account_id=account.id,
                request=replace(request, options=options),
                state=JobState.QUEUED,
                created_at=now(),
                price_microusd=price,
            )
            jobs.add(connection, job, {role: one.id for role, one in here.items()})
            ledger.add(connection, account.id, "hold", -price, job_id=job.id)
            queue.put(
                connection,
                job.id,
                account_id=account.id,
                max_running=account.max_running,
                priority=account.priority,
            )
            if idempotency_key is not None:
                jobs.fill_claim(connection, account.id, idempotency_key, job.id)
        log.info("job taken in", job=job.id, account=account.id, face=request.face, model=request.model)
        self.telemetry.took_in(job)
        return job

    def job(self, account: Account, job_id: str | int) -> Job:
        """By id or number. Raises JobNotFound: also for a job of another account (unless `is_admin`), or deleted."""
        with self._database.reading() as connection:
            return self._find(connection, account, job_id)

    def deleted_job(self, account: Account, job_id: str | int) -> Job:
        """One of its own that it had forgotten. Raises JobNotFound for any other."""
        with self._database.reading() as connection:
            found = jobs.find(connection, job_id)
        if found is None or found.job.account_id != account.id or not found.is_deleted:
            raise JobNotFound(job_id)
        return found.job

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
        which = jobs.Filter(
            account_id=account.id,
            states=None if states is None else tuple(states),
            model=model,
            face=face,
            since=since,
            until=until,
        )
        with self._database.reading() as connection:
            found, n_total = jobs.page(connection, which, offset=(max(page, 1) - 1) * page_size, limit=page_size)
        return JobPage(tuple(found), n_total)

    def wait(self, account: Account, job_id: str, timeout_s: float) -> Job:
        """The job as soon as it is final, or as it stands after `timeout_s`. Raises JobNotFound."""
        until_s = monotonic() + timeout_s
        while True:
            job = self.job(account, job_id)
            left_s = until_s - monotonic()
            if job.state.is_final or left_s <= 0:
                return job
            sleep(min(_WAIT_POLL_S, left_s))

    def cancel(self, account: Account, job_id: str | int) -> Job:
        """End it: final at once, its credit released, its render gone within 2 s. A final job stays as it is."""
        from lipwright.core.errors import Cancelled

        with self._database.writing() as connection:
            job = self._find(connection, account, job_id)
            is_waiting = job.state is JobState.QUEUED
            is_ended_here = jobs.finish(connection, job.id, jobs.Ending(state=JobState.CANCELLED, error=Cancelled()))
            job = self._find(connection, account, job_id)
        if is_ended_here:
            self.telemetry.finished(job)
            if is_waiting:
                # what stays in the queue, while the database is away, is begun, found final, and over
                with suppress(SQLAlchemyError, DatabaseAway):
                    self._open_queue().drop(job.id)
        return job

    def delete(self, account: Account, job_id: str | int) -> None:
        """Cancel it if it is not final, and forget it with its results. Raises JobNotFound."""
        job = self.cancel(account, job_id)
        with self._database.writing() as connection:
            jobs.delete(connection, job.id)

    # --- media --------------------------------------------------------------------------------------------

    def begin_upload(
        self, account: Account, filename: str, content_type: str = "", n_bytes: int | None = None
    ) -> UploadTicket:
        """The right to upload one file. Raises MediaTooLarge if more is announced than is taken."""
        name = shown_name(filename)
        limit = self.settings.max_upload_bytes
        if n_bytes is not None and n_bytes > limit:
            raise MediaTooLarge(name, what="bytes", found=n_bytes, limit=limit)
        made = UploadTicket(
            id=media.new_ticket_id(),
            account_id=account.id,
            media_id=accounts.new_id(),
            media_number=accounts.new_number(),
            filename=name,
            content_type=content_type[:100],
            n_bytes=n_bytes,
            expires_at=now() + timedelta(seconds=self.settings.upload_ticket_s),
        )
        with self._database.writing() as connection:
            media.add_ticket(connection, made)
        return made

    def upload_link(self, ticket: UploadTicket) -> str | None:
        """A signed link to PUT the ticket's bytes to; None: `write_upload` is the way.

        What came there is taken in, or refused, when it is asked for first.
        """
        return self._blobs.upload_link(ticket.media_id)

    def ticket(self, ticket_id: str) -> UploadTicket:
        """Raises TicketExpired."""
        with self._database.reading() as connection:
            found = media.find_ticket(connection, ticket_id)
        if found is None:
            raise TicketExpired
        return found

    def write_upload(self, ticket_id: str, chunks: Iterable[bytes] | Path) -> Media:
        """Take the bytes, look at them in a sandbox, and keep them: all of that, or nothing.

        Raises TicketExpired, UploadIncomplete, MediaTooLarge, UnreadableMedia, WrongContent, DiskFull.
        """
        with self._uploading_lock:
            if ticket_id in self._uploading:
                raise TicketExpired
            self._uploading.add(ticket_id)
        try:
            return self._write_upload(self.ticket(ticket_id), chunks)
        finally:
            self._uploading.discard(ticket_id)

    def upload_file(self, account: Account, chunks: Iterable[bytes] | Path, filename: str) -> Media:
        """`begin_upload` and `write_upload` in one; a file at a path is copied."""
        return self._uploaded(self._intake.keep(account.id, chunks, filename))

    def upload_url(self, account: Account, url: str) -> Media:
        """Fetch it under guard and keep it. Raises UrlRefused, FetchFailed, and what `write_upload` raises."""
        return self._uploaded(self._intake.keep_url(account.id, url))

    def upload_copy(self, account: Account, media_id: str) -> Media:
        """What is here already, as if its link were fetched. Raises MediaNotKnown, and what `write_upload` raises."""
        opened = self.open_media(media_id)
        return self.upload_file(account, opened.chunks, opened.media.filename)

    def media(self, media_id: str) -> Media:
        """By its unguessable id; no account is asked for. Raises MediaNotKnown.

        Raises what `write_upload` raises for bytes that came by a signed link, and are looked at now.
        """
        self._take_what_came(media_id)
        with self._database.reading() as connection:
            found = media.find(connection, media_id=media_id)
        if found is None:
            raise MediaNotKnown(media_id)
        return found

    def media_link(self, found: Media) -> str | None:
        """A signed link to its bytes, good for a while; None: `open_media` is the way."""
        return self._blobs.link(found.id)

    def media_by_number(self, account: Account, number: int) -> Media:
        """By its number, and only the account's own. Raises MediaNotKnown."""
        with self._database.reading() as connection:
            found = media.find(connection, number=number)
        if found is None or found.account_id != account.id:
            raise MediaNotKnown(number)
        return found

    def open_media(self, media_id: str, start: int | None = None, stop: int | None = None) -> OpenMedia:
        """Its bytes [start, stop), streamed; None: from the beginning, to the end. Raises MediaNotKnown.

        A start below zero counts from the end, as HTTP's suffix ranges do; a stop beyond the end is the end.
        Raises InvalidOption if no byte is in the range.
        """
        found = self.media(media_id)
        n = found.n_bytes
        first = 0 if start is None else max(n + start, 0) if start < 0 else start
        end = n if stop is None else min(stop, n)
        if first >= end and n > 0:
            raise InvalidOption("range", f"{start}-{stop}", f"there are {n} bytes")
        if self._blobs.n_bytes(found.id) != n:
            raise MediaNotKnown(media_id)
        return OpenMedia(found, f'"{found.sha256}"', first, end, self._blobs.read(found.id, first, end))

    def report(self, media_id: str) -> Mapping[str, Any]:
        """The report of a result, by the unguessable id of the result. Raises MediaNotKnown where there is none."""
        with self._database.reading() as connection:
            found = jobs.report_of(connection, media_id)
        if not found:
            raise MediaNotKnown(media_id)
        return found

    # --- webhooks -----------------------------------------------------------------------------------------

    def webhook_secret(self, account: Account) -> str:
        """Made when the account was: `whsec_` and base64."""
        with self._database.reading() as connection:
            return accounts.webhook_secret(connection, account.id)

    def deliveries(self, *, state: DeliveryState | None = None, limit: int = 100) -> list[Delivery]:
        """The latest webhooks, newest first."""
        with self._database.reading() as connection:
            return outbox.latest(connection, state, limit)

    def replay_delivery(self, delivery_id: str) -> Delivery:
        """Send it again, now, under the same id. Raises JobNotFound."""
        with self._database.writing() as connection:
            found = outbox.replay(connection, delivery_id)
        if found is None:
            raise JobNotFound(delivery_id)
        return found

    # --- care ---------------------------------------------------------------------------------------------

    def sweep(self) -> Mapping[str, int]:
        """Delete what has expired and what nothing refers to; how many of each. Workers do it by themselves."""
        return self._sweep(is_for_all=True)

    def _sweep(self, *, is_for_all: bool) -> Mapping[str, int]:
        """Of this machine, and of the database and the blobs too, which one worker does for all."""
        n_rooms = self._workshop.sweep()
        if not is_for_all:
            return {"rooms": n_rooms}
        with self._database.writing() as connection:
            n_claims = jobs.drop_old_claims(connection)
            n_tickets = media.drop_tickets(connection)
            n_deliveries = outbox.drop_old(connection, now() - _KEEP_HISTORY)
            batches.expire_fetched(connection)
            beats.drop_old(connection)
        n_history = 0
        # some at a time, until there are none: each job leaves two, and many may have ended since the last sweep
        while self._queue is not None and (n := self._queue.forget(now() - _KEEP_HISTORY)):
            n_history += n
            if self._stopping.is_set():
                break
        # last, for it asks the store: what goes wrong there keeps nothing else from being cleared away
        is_ours = orphans.is_ours(self._database, self._blobs)
        n_expired = self._remove_expired()
        n_orphans = n_halves = 0
        if is_ours:
            n_orphans = orphans.remove(self._database, self._blobs, _YOUNG)
            n_halves = self._blobs.drop_halves(now() - timedelta(seconds=self.settings.upload_ticket_s))
        return {
            "claims": n_claims,
            "tickets": n_tickets,
            "deliveries": n_deliveries,
            "expired_media": n_expired,
            "orphans": n_orphans,
            "halves": n_halves,
            "rooms": n_rooms,
            "history": n_history,
        }

    # --- inside -------------------------------------------------------------------------------------------

    def _remove_expired(self) -> int:
        n = 0
        while True:
            with self._database.writing() as connection:
                expired = media.take_expired(connection, 200)
            if not expired:
                return n
            self._blobs.delete(expired)
            n += len(expired)

    @cached_property
    def _engines(self) -> tuple[str, ...]:
        # asking what is installed reads the files of every package: 7 ms, and none comes while this process lives
        return plugins.engine_names()

    def _open_queue(self) -> Queue:
        with self._queue_lock:
            if self._queue is None:
                with self._database.lent():
                    self._queue = Queue(self._database.jobs_engine, self.settings.queue_poll_s)
            return self._queue

    def _open_spares(self, queues: Collection[str]) -> sandbox.Spares | None:
        """Children that wait for renders, where this process renders with the engine that they have loaded."""
        if not self.settings.warm_renders or engine_queue(self.settings, SyncOptions().engine) not in queues:
            return None
        self._spares = sandbox.Spares(
            self.settings.concurrency, "lipwright.service.children:get_ready", render_limits(self.settings)
        )
        return self._spares

    def _moderator(self) -> LookForNudity:
        from lipwright.service.moderate import Moderation, load_moderator, moderator_options

        name = self.settings.moderator
        if not name:
            return lambda path, stop: None
        return Moderation(name, load_moderator(name, moderator_options(self.settings)), self.settings.deadline_s)

    def _limits(self, name: str, **given: Any) -> dict[str, Any]:
        chosen = self.settings
        defaults: dict[str, Any] = {
            "level": "bronze",
            "max_running": chosen.max_running,
            "max_requests_per_min": chosen.max_requests_per_min,
        }
        return {"name": name, **defaults, **{key: one for key, one in given.items() if one is not None}}

    def _check(self, request: JobRequest) -> dict[str, Any]:
        """The request's options, whole. Raises what `submit` raises of one that does not look at media or money."""
        if (request.audio is None) == (request.text is None):
            raise InvalidOption("audio", request.audio, "give a recording or a text, and not both")
        if request.text is not None:
            limit = self.settings.max_text_chars
            if len(request.text) > limit:
                raise MediaTooLarge("The text", what="characters", found=len(request.text), limit=limit)
            if not request.text.strip():
                raise InvalidOption("text", request.text, "it is empty")
            self._check_speaking(request)
        given, rest = split_options(dict(request.options))
        for name in rest.keys() - _SPEAKING:
            raise InvalidOption(name, rest[name], "there is no such option")
        try:
            chosen = SyncOptions(**given)
        except TypeError as exc:
            raise InvalidOption("options", given, "a value is of the wrong type") from exc
        if chosen.engine not in self._engines:
            raise UnknownEngine(chosen.engine, known=self._engines)
        for source in (request.video, request.audio):
            if source is not None and not source.startswith(_MEDIA):
                self._intake.check_url(source)
        if request.webhook_url is not None:
            try:
                self._intake.check_url(request.webhook_url)
            except UrlRefused as exc:
                advice = "A webhook is a public http or https address."
                raise UrlRefused(exc.url, exc.reason, advice=advice) from exc
        return {**given, **rest}

    def _check_speaking(self, request: JobRequest) -> None:
        from lipwright import voices

        is_ssml = bool(request.options.get("is_ssml"))
        voices.check(request.voice or "auto", request.language, request.text, is_ssml=is_ssml, options=self._voices)

    def _inputs(self, connection: sa.Connection, request: JobRequest) -> dict[str, Media]:
        """What is here already, by role, and stays here."""
        sources = {"video": request.video, "audio": request.audio}
        inputs = {role: one.removeprefix(_MEDIA) for role, one in sources.items() if one and one.startswith(_MEDIA)}
        found = media.keep(connection, set(inputs.values()), self._upload_ends())
        for role, one in inputs.items():
            if one not in found:
                raise MediaNotKnown(one, role=role)
            check_kind(role, found[one])
        return {role: found[one] for role, one in inputs.items()}

    def _afford(self, connection: sa.Connection, account: Account, price_microusd: int) -> None:
        if not account.has_credit_limit:
            return
        accounts.hold(connection, account.id)
        balance = ledger.balance_microusd(connection, account.id)
        if balance < price_microusd:
            raise InsufficientCredits(needed_microusd=price_microusd, balance_microusd=balance)

    def _claim(self, connection: sa.Connection, account: Account, key: str, fingerprint: str) -> Job | Claimed:
        digest = hashlib.sha256(fingerprint.encode()).hexdigest()
        found = jobs.claim(connection, account.id, key, digest)
        if found.is_mine:
            return Claimed(key, fingerprint, found.claimed_at)
        if found.fingerprint != digest:
            raise IdempotencyMismatch(key)
        made = None if found.job_id is None else jobs.find(connection, found.job_id)
        if made is None:
            raise SubmitInFlight(key)
        return made.job

    def _find(self, connection: sa.Connection, account: Account, job_id: str | int) -> Job:
        found = jobs.find(connection, job_id)
        is_theirs = found is not None and (account.is_admin or found.job.account_id == account.id)
        if found is None or not is_theirs or found.is_deleted:
            raise JobNotFound(job_id)
        return found.job

    def _upload_ends(self) -> datetime:
        return now() + timedelta(hours=self.settings.keep_uploads_h)

    def _write_upload(self, ticket: UploadTicket, chunks: Iterable[bytes] | Path) -> Media:
        taken_id = media.taken_ticket_id()
        is_taken = False

        def take() -> None:
            # before the bytes are put where the medium's are read from: other processes may hold others of this ticket
            nonlocal is_taken
            is_taken = True
            with self._database.writing() as connection:
                if not media.take_ticket(connection, ticket.id, taken_id):
                    raise TicketExpired

        try:
            made = self._intake.keep(
                ticket.account_id,
                chunks,
                ticket.filename,
                media_id=ticket.media_id,
                number=ticket.media_number,
                n_bytes=ticket.n_bytes,
                before_put=take,
            )
            with self._database.writing() as connection:
                if not media.use_ticket(connection, taken_id):
                    raise TicketExpired
                media.add(connection, made, "upload", self._upload_ends())
        except BaseException:
            if is_taken:
                # while the database is away it stays taken, until it lapses
                with suppress(SQLAlchemyError, DatabaseAway), self._database.writing() as connection:
                    media.give_back_ticket(connection, taken_id, ticket)
            raise
        return made

    def _open_ticket_of(self, media_id: str) -> UploadTicket | None:
        """The ticket under which they come; None: they came, or there is none. Who keeps them just now is waited for.

        Raises MediaNotKnown where that takes long.
        """
        until_s = monotonic() + _KEPT_WITHIN_S
        while True:
            with self._database.reading() as connection:
                ticket, is_taken = media.ticket_of(connection, media_id)
            if not is_taken:
                return ticket
            if monotonic() >= until_s:
                raise MediaNotKnown(media_id)
            sleep(_WAIT_POLL_S)

    def who_brings(self, *sources: str | None) -> str | None:
        """Whose bytes came, or still may, by a signed link to one of these (`media:ID` or an id); None: nobody's.

        To ask for such media takes long: they are taken in then. Who asks keeps no short call waiting meanwhile.
        """
        if not self.has_upload_links:
            return None
        ids = [source.removeprefix(_MEDIA) for source in sources if source is not None]
        with self._database.reading() as connection:
            for media_id in filter(_ID.fullmatch, ids):
                ticket, is_taken = media.ticket_of(connection, media_id)
                if ticket is not None or is_taken:
                    return media_id if ticket is None else ticket.account_id
        return None

    def knows(self, media_id: str) -> bool:
        """Whether there are media of this id, or bytes of it may have come by a signed link."""
        with self._database.reading() as connection:
            is_here = media.find(connection, media_id=media_id) is not None
        return is_here or self.who_brings(media_id) is not None

    def _take_what_came(self, media_id: str) -> None:
        """Take in what a client put to the signed link of a ticket: look at it, as at any upload."""
        if not (self.has_upload_links and _ID.fullmatch(media_id)):
            return
        ticket = self._open_ticket_of(media_id)
        if ticket is None:
            return
        with self._arriving[int(media_id[:2], 16) % len(self._arriving)]:
            n_came = self._blobs.n_bytes_came(media_id)
            if n_came is None:
                return
            try:
                if n_came > self.settings.max_upload_bytes:
                    limit = self.settings.max_upload_bytes
                    raise MediaTooLarge(ticket.filename, what="bytes", found=n_came, limit=limit)
                self.write_upload(ticket.id, self._blobs.read_what_came(media_id))
            except FileNotFoundError:
                return  # another process was faster
            except TicketExpired:
                # as above; but it may have had to give it back
                if self._open_ticket_of(media_id) is None:
                    self._blobs.drop_what_came(media_id)
            except InputError:
                self._blobs.drop_what_came(media_id)
                raise
            # whatever else is raised passes (the database away, a full disk): what came stays for the next look
            else:
                self._blobs.drop_what_came(media_id)

    def _uploaded(self, made: Media) -> Media:
        with self._database.writing() as connection:
            media.add(connection, made, "upload", self._upload_ends())
        return made

    def _take_care(self) -> None:
        """Until the worker stops: end jobs that nobody will, and sweep."""
        next_sweep_s = monotonic()
        signs = _Signs(self._database)
        while True:
            try:
                with self._database.lent():
                    if signs.take_duty("end the stranded", _CARE_EVERY_S * 0.9):
                        self._end_stranded()
                    if monotonic() >= next_sweep_s:
                        next_sweep_s = monotonic() + _SWEEP_EVERY_S
                        self._sweep_and_tell(is_for_all=signs.take_duty("sweep", _SWEEP_EVERY_S * 0.9))
            except DatabaseAway as exc:
                log.warning("the database is away", what="care", why=exc.reason)
            except StoreAway as exc:
                log.warning("the store is away", what="care", why=exc.reason)
            except Exception:
                log.exception("care failed once")
            if self._stopping.wait(_CARE_EVERY_S):
                return

    def _tidy(self) -> None:
        """Of this machine alone: workers do it for the database and the blobs."""
        while True:
            try:
                self._sweep_and_tell(is_for_all=False)
            except Exception:
                log.exception("tidying failed once")
            if self._stopping.wait(_SWEEP_EVERY_S):
                return

    def _sweep_and_tell(self, *, is_for_all: bool) -> None:
        done = self._sweep(is_for_all=is_for_all)
        if any(done.values()):
            log.info("swept", **done)

    def _end_stranded(self) -> None:
        """Jobs whose run came to an end without ending them: a bug, or tables that were meddled with."""
        with self._database.reading() as connection:
            ids = jobs.open_ids(connection, now() - timedelta(seconds=_CARE_EVERY_S))
        for at in range(0, len(ids), 500):
            for job_id, fate in self._open_queue().fates(ids[at : at + 500]).items():
                if fate != "open":
                    log.error("a job was left behind", job=job_id, fate=fate)
                    with self._database.writing() as connection:
                        error = GaveUp(attempts=self.settings.max_attempts)
                        is_ended_here = jobs.finish(connection, job_id, jobs.Ending(state=JobState.FAILED, error=error))
                        found = jobs.find(connection, job_id)
                    if is_ended_here and found is not None:
                        self.telemetry.finished(found.job)


class _Signs:
    """Signs of life in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tell(self, worker_id: str, machine: str, queues: str) -> None:
        with self._database.writing() as connection:
            beats.tell(connection, worker_id, machine, queues)

    def end(self, worker_id: str) -> None:
        with self._database.writing() as connection:
            beats.end(connection, worker_id)

    def forget(self, worker_ids: Collection[str]) -> None:
        with self._database.writing() as connection:
            beats.forget(connection, worker_ids)

    def heard_of(self, within_s: float) -> set[str]:
        with self._database.reading() as connection:
            return beats.heard_of(connection, within_s)

    def silent(self, for_s: float) -> set[str]:
        with self._database.reading() as connection:
            return beats.silent(connection, for_s)

    def ended(self) -> set[str]:
        with self._database.reading() as connection:
            return beats.ended(connection)

    def on_machine(self, machine: str) -> set[str]:
        with self._database.reading() as connection:
            return beats.on_machine(connection, machine)

    def take_duty(self, name: str, every_s: float) -> bool:
        with self._database.writing() as connection:
            return beats.take_duty(connection, name, every_s)


def _open_blobs(settings: ServiceSettings, workshop: Workshop) -> Blobs:
    """Raises InvalidOption, OutputNotWritable."""
    url = settings.store_url
    if not url:
        return FolderBlobs(settings.folder / "blobs")
    if url.startswith("file:///"):
        return FolderBlobs(Path(url.removeprefix("file://")))
    bucket = Bucket(
        url=url,
        region=settings.store_region,
        endpoint=settings.store_endpoint,
        public_endpoint=settings.store_public_endpoint,
        has_links=settings.store_signed_links,
        link_s=settings.store_link_s,
        encryption=settings.store_encryption,
        kms_key=settings.store_kms_key,
    )
    return BucketBlobs(bucket, workshop.room)


def _fingerprint(request: JobRequest) -> str:
    return json.dumps(asdict(request), sort_keys=True, default=str)


def _check_limits(account: Account) -> None:
    for name, low, high in (("max_running", 1, 10_000), ("max_requests_per_min", 1, 10**9), ("priority", 1, 1000)):
        value = getattr(account, name)
        if not low <= value <= high:
            raise InvalidOption(name, value, f"give a number from {low} to {high}")
    if not account.name.strip() or len(account.name) > 200:
        raise InvalidOption("name", account.name, "give a name of up to 200 characters")
