"""Webhooks from the outbox: composed and signed as their face wants it, sent under guard, tried again for hours."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from time import time
from typing import Final, Protocol

import structlog

from lipwright.config import ServiceSettings
from lipwright.core.errors import DatabaseAway, FetchFailed, UrlRefused
from lipwright.core.jobs import Delivery, Job
from lipwright.fetch import FetchLimits, post
from lipwright.service.intake import hosts
from lipwright.service.telemetry import Telemetry
from lipwright.store import Database, accounts, jobs, outbox
from lipwright.store.database import now

log = structlog.get_logger(__name__)

_N_AT_A_TIME: Final = 8
_N_EACH: Final = 3
"""Of one account: once so many are under way, no more are begun."""
_LIMITS: Final = FetchLimits(max_bytes=4096, connect_s=10, total_s=30)


class Webhooks(Protocol):
    """How each face words and signs its webhooks: given by `http/`, for the wire form is its business."""

    def compose(self, job: Job, *, secret: str, delivery_id: str, sent_at: datetime) -> tuple[bytes, Mapping[str, str]]:
        """The body and the headers of one attempt, signed."""
        ...

    def is_accepted(self, job: Job, *, status: int, body: bytes) -> bool:
        """Whether the receiver's answer ends the delivery."""
        ...


class Deliveries:
    """Sends what is due, in threads of its own."""

    def __init__(self, settings: ServiceSettings, database: Database, webhooks: Webhooks, telemetry: Telemetry) -> None:
        self._database = database
        self._webhooks = webhooks
        self._telemetry = telemetry
        self._hosts = hosts(settings)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """What is under way is sent to its end, or its lease ends and another worker sends it."""
        self._stopping.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        under_way: dict[Future[None], str] = {}
        is_away_told = False
        with ThreadPoolExecutor(_N_AT_A_TIME, "webhook") as pool:
            while not self._stopping.wait(0.5):
                try:
                    for ended in [one for one in under_way if one.done()]:
                        del under_way[ended]
                        ended.result()
                    for one in self._due(list(under_way.values())):
                        under_way[pool.submit(self._send, one)] = one.account_id
                    is_away_told = False
                except DatabaseAway as exc:
                    # once for each time that it is away: twice a second, with a traceback, filled disks
                    if not is_away_told:
                        log.warning("the database is away", what="webhooks", why=exc.reason)
                    is_away_told = True
                except Exception:
                    log.exception("sending webhooks failed once")

    def _due(self, under_way: list[str]) -> list[Delivery]:
        """What to send now, beside what is being sent for these accounts."""
        n_free = _N_AT_A_TIME - len(under_way)
        full = [account_id for account_id, n in Counter(under_way).items() if n >= _N_EACH]
        with self._database.reading() as connection:
            if n_free == 0 or not outbox.is_any_due(connection, full):
                return []
        with self._database.writing() as connection:
            return outbox.take_due(connection, n_free, _N_EACH, full)

    def _send(self, delivery: Delivery) -> None:
        """One attempt; what comes of it is written down."""
        began_s = time()
        try:
            error, is_hopeless = self._attempt(delivery)
        except Exception:
            # of one delivery: the others are sent
            log.exception("a webhook broke", delivery=delivery.id)
            error, is_hopeless = "internal error", False
        with self._database.writing() as connection:
            if error is None:
                outbox.delivered(connection, delivery.id)
            else:
                outbox.not_delivered(connection, delivery, error, is_hopeless=is_hopeless)
        self._telemetry.sent(delivery, began_s, error)
        log.info("webhook", delivery=delivery.id, job=delivery.job_id, attempt=delivery.n_attempts, error=error)

    def _attempt(self, delivery: Delivery) -> tuple[str | None, bool]:
        """What went wrong, if anything; and whether it always will."""
        with self._database.reading() as connection:
            found = jobs.find(connection, delivery.job_id)
            secret = accounts.webhook_secret(connection, delivery.account_id)
        if found is None or found.is_deleted or not found.job.state.is_final:
            return "the job was deleted", True
        body, headers = self._webhooks.compose(found.job, secret=secret, delivery_id=delivery.id, sent_at=now())
        try:
            answer = post(delivery.url, body, headers, limits=_LIMITS, allow=self._hosts)
        except UrlRefused as exc:
            return str(exc), True
        except FetchFailed as exc:
            return str(exc), False
        if self._webhooks.is_accepted(found.job, status=answer.status, body=answer.body):
            return None, False
        return f"the receiver answered {answer.status}", False
