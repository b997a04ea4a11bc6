"""Values of the hosted service: who asks, what is asked, and what became of it.

Money is whole micro-dollars; nothing here knows a vendor's wire form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal

FaceName = Literal["wavespeed", "pixverse", "native"]
"""The API that a job came in by."""
MAX_NUMBER: Final = 2**63 - 1
"""Of a job or media. Ours are below 2**53; a vendor's, which clients may still have, are not, and not known here."""
MediaKind = Literal["video", "audio", "image", "data"]
"""data: what workers tell each other, and nobody else."""


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}


@dataclass(frozen=True, slots=True)
class Account:
    """Who is behind an API key."""

    id: str
    name: str
    level: str
    is_admin: bool = False
    has_credit_limit: bool = True
    """False: jobs are counted in the ledger and never refused for lack of credit."""
    max_running: int = 2
    """Jobs at a time."""
    max_requests_per_min: int = 600
    priority: int = 100
    """Among the jobs that may run, those of the lowest number begin first; 1 to 1000."""


@dataclass(frozen=True, slots=True)
class Media:
    """Bytes that the service keeps: an upload, or a result."""

    id: str
    """Unguessable: whoever knows it may read it."""
    number: int
    """The same as a whole number, 1 to 2**53 - 1, for interfaces whose ids are numbers."""
    account_id: str
    kind: MediaKind
    filename: str
    content_type: str
    n_bytes: int
    sha256: str
    created_at: datetime
    duration_s: float | None = None
    width_px: int | None = None
    height_px: int | None = None
    has_sound: bool | None = None
    """None where nobody looked: results, parts, and what was taken in by older releases."""


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What is asked for. A source is a media id (`media:ID`), an http(s) URL, or a data URI already stored."""

    face: FaceName
    model: str
    """As the client wrote it, such as "pixverse/lipsync"."""
    video: str
    audio: str | None = None
    text: str | None = None
    voice: str | None = None
    language: str | None = None
    """Of the text, such as "de"; None: found out."""
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Fields of core.options.SyncOptions."""
    webhook_url: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The client's own request, to be shown back in its history; long data URIs shortened."""
    batch_id: str | None = None
    """What it was asked for with: an address that several of them name is fetched once."""


@dataclass(frozen=True, slots=True)
class Job:
    """A request, and what became of it."""

    id: str
    number: int
    """1 to 2**53 - 1."""
    account_id: str
    request: JobRequest
    state: JobState
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    phase: str = "queued"
    """"queued", "fetch", "speak", "study", "listen", "render", "store", then as the state."""
    progress: float = 0.0
    """0 to 1, of the whole."""
    outputs: tuple[Media, ...] = ()
    error_code: str | None = None
    """A code of core.errors."""
    error_message: str | None = None
    has_nsfw: tuple[bool, ...] = ()
    """One for each output, where a moderator looked; empty where none did."""
    price_microusd: int = 0
    """Charged, once final; held, before."""
    report: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class UploadTicket:
    """The right to upload one file: whoever knows the id may use it, once, until it expires."""

    id: str
    account_id: str
    media_id: str
    """What the media will be called once it is whole; until then nothing is found under it."""
    media_number: int
    filename: str
    content_type: str
    n_bytes: int | None
    expires_at: datetime


LedgerKind = Literal["grant", "hold", "hold_rest", "release", "charge"]
"""grant: credit from the operator (below zero: taken back) · hold: set aside when a job comes · hold_rest: what more it
costs, once that is known · release: all that was held, when it ends · charge: its price, when it succeeded."""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A change of a balance; rows are added and never changed, and the balance is their sum."""

    id: int
    account_id: str
    job_id: str | None
    kind: LedgerKind
    amount_microusd: int
    """Below zero: taken from the balance."""
    created_at: datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """What was charged for one model."""

    model: str
    n_jobs: int
    cost_microusd: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What was charged within a span of time."""

    since: datetime
    until: datetime
    n_jobs: int
    cost_microusd: int
    by_model: tuple[ModelUsage, ...] = ()


DeliveryState = Literal["waiting", "delivered", "given_up"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook that is to be sent, or was."""

    id: str
    """The same at every attempt: receivers tell repetitions by it. 25 characters, the beginning of the job's id."""
    job_id: str
    account_id: str
    face: FaceName
    url: str
    state: DeliveryState
    n_attempts: int
    created_at: datetime
    next_at: datetime
    delivered_at: datetime | None = None
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class JobPage:
    """Some jobs of a longer list, newest first."""

    jobs: tuple[Job, ...]
    n_total: int
