"""Jobs: begun, followed, and ended exactly once.

queued ──> running ──> succeeded | failed | cancelled

`finish` is the only way into a final state. Its condition is checked by the database, so that of all who try at the
same time (a worker, a person who cancels, a worker that was thought dead) one ends the job, and its money and its
webhook go with that in one transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from lipwright.core.errors import LipwrightError
from lipwright.core.jobs import FaceName, Job, JobRequest, JobState
from lipwright.store import ledger, media, outbox
from lipwright.store.database import clock, insert_once, now
from lipwright.store.tables import account, idempotency, job, part
from lipwright.store.tables import media as media_table

OPEN = (JobState.QUEUED, JobState.RUNNING)
KEEP_KEYS = timedelta(hours=24)
CLAIM_HOLDS = timedelta(seconds=60)
"""A claim without a job for so long was left behind by a process that died."""

_SHOWN: Final = {
    JobState.QUEUED: "waiting",
    JobState.RUNNING: "working",
    JobState.SUCCEEDED: "done",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
}
"""What the page calls them (playground/job.js)."""

_N_WORDS: Final = 8
"""The most that are looked for at a time: each is asked of every job."""

# written once: writing a statement takes Python longer than running it takes the database
_ADD: Final = job.insert()
_BY_ID: Final = job.select().where(job.c.id == sa.bindparam("wanted"))
_BY_NUMBER: Final = job.select().where(job.c.number == sa.bindparam("wanted"))


def add(connection: sa.Connection, made: Job, inputs: Mapping[str, str]) -> None:
    """A queued job; `inputs` are the media that are here already, by role."""
    values: dict[str, Any] = {
        "id": made.id,
        "number": made.number,
        "account_id": made.account_id,
        "face": made.request.face,
        "model": made.request.model,
        "request": _as_json(made.request),
        "inputs": dict(inputs),
        "state": made.state,
        "phase": made.phase,
        "progress": made.progress,
        "n_attempts": 0,
        "created_at": made.created_at,
        "outputs": [],
        "has_nsfw": [],
        "price_microusd": made.price_microusd,
        "report": {},
    }
    connection.execute(_ADD, values)


@dataclass(frozen=True, slots=True)
class Found:
    """A job as it stands, and what only workers need of it."""

    job: Job
    inputs: Mapping[str, str]
    n_attempts: int
    is_deleted: bool


def find(connection: sa.Connection, job_id: str | int) -> Found | None:
    """By id or by number."""
    row = connection.execute(_BY_NUMBER if isinstance(job_id, int) else _BY_ID, {"wanted": job_id}).one_or_none()
    if row is None:
        return None
    (value,) = _jobs(connection, [row])
    return Found(value, row.inputs, row.n_attempts, row.deleted_at is not None)


def report_of(connection: sa.Connection, media_id: str) -> Mapping[str, Any] | None:
    """The report of the job whose result this is; None where it is none, or has expired."""
    is_here = (media_table.c.purpose == "result") & (media_table.c.expires_at > now())
    wanted = (media_table.c.id == media_id) & is_here & (job.c.id == media_table.c.job_id)
    return connection.execute(sa.select(job.c.report).where(wanted)).scalar_one_or_none()


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which jobs to list; None: any."""

    account_id: str | None = None
    states: Collection[JobState] | None = None
    model: str | None = None
    face: FaceName | None = None
    since: datetime | None = None
    until: datetime | None = None
    words: str | None = None
    """Each of the first eight is found in the text, its voice or language, the model, a name of what went in, or as the
    beginning of the id or the state, by its own name or the one that people read; without case."""


def page(connection: sa.Connection, which: Filter, *, offset: int, limit: int) -> tuple[list[Job], int]:
    """Some of those that are not deleted, newest first; and how many there are in all."""
    wanted: list[sa.ColumnElement[bool]] = [job.c.deleted_at.is_(None)]
    if which.account_id is not None:
        wanted.append(job.c.account_id == which.account_id)
    if which.states is not None:
        wanted.append(job.c.state.in_(list(which.states)))
    if which.model is not None:
        wanted.append(job.c.model == which.model)
    if which.face is not None:
        wanted.append(job.c.face == which.face)
    if which.since is not None:
        wanted.append(job.c.created_at >= which.since)
    if which.until is not None:
        wanted.append(job.c.created_at < which.until)
    if which.words is not None:
        wanted += [_holds(word) for word in list(dict.fromkeys(which.words.split()))[:_N_WORDS]]
    n_total = connection.execute(sa.select(sa.func.count()).select_from(job).where(*wanted)).scalar_one()
    order = (job.c.created_at.desc(), job.c.id)
    rows = connection.execute(job.select().where(*wanted).order_by(*order).offset(offset).limit(limit)).all()
    return _jobs(connection, rows), int(n_total)


def these(connection: sa.Connection, job_ids: Collection[str]) -> dict[str, Job]:
    """Jobs by their ids; what is not known, or was deleted, is left out."""
    ids, found = list(job_ids), dict[str, Job]()
    for at in range(0, len(ids), 500):
        wanted = job.c.id.in_(ids[at : at + 500]) & job.c.deleted_at.is_(None)
        rows = connection.execute(job.select().where(wanted)).all()
        found |= {one.id: one for one in _jobs(connection, rows)}
    return found


def beginning_with(connection: sa.Connection, text: str) -> list[str]:
    """Up to ten ids that begin so."""
    wanted = job.c.id.startswith(text, autoescape=True)
    return [row.id for row in connection.execute(sa.select(job.c.id).where(wanted).limit(10))]


def begin(connection: sa.Connection, job_id: str, phase: str) -> int | None:
    """Count one more attempt at the present stage; how many it makes, or None if the job is final."""
    changes: dict[str, Any] = {
        "state": JobState.RUNNING,
        "phase": phase,
        "n_attempts": job.c.n_attempts + 1,
        "started_at": sa.func.coalesce(job.c.started_at, sa.literal(now(), job.c.started_at.type)),
    }
    found = connection.execute(open_job(job_id).values(**changes).returning(job.c.n_attempts)).one_or_none()
    return None if found is None else int(found[0])


def unbegin(connection: sa.Connection, job_id: str) -> None:
    """An attempt that was handed back does not count."""
    connection.execute(open_job(job_id).values(n_attempts=job.c.n_attempts - 1))


def stage_done(connection: sa.Connection, job_id: str, inputs: Mapping[str, str], price_microusd: int) -> bool:
    """All inputs are here: attempts count anew. False if the job is final."""
    values = {"inputs": dict(inputs), "price_microusd": price_microusd, "n_attempts": 0}
    return connection.execute(open_job(job_id).values(**values)).rowcount == 1


def advance(connection: sa.Connection, job_id: str, phase: str, progress: float) -> bool:
    """Tell how far it is; False if the job is final, and the work shall stop."""
    return connection.execute(open_job(job_id).values(phase=phase, progress=progress)).rowcount == 1


def standing(connection: sa.Connection, job_id: str) -> tuple[bool, bool]:
    """Whether it is not final; and whether its time is over, where it has one for all of its parts."""
    is_late = sa.type_coerce(job.c.due_at, sa.BigInteger) <= clock()
    row = connection.execute(sa.select(job.c.state, is_late).where(job.c.id == job_id)).one_or_none()
    return (False, False) if row is None else (row[0] in OPEN, bool(row[1]))


def has_plan(connection: sa.Connection, job_id: str, media_id: str) -> bool:
    """Whether this is the plan of its parts."""
    inputs = connection.execute(sa.select(job.c.inputs).where(job.c.id == job_id)).scalar_one_or_none()
    return inputs is not None and inputs.get("plan") == media_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What became of a job."""

    state: JobState
    outputs: tuple[str, ...] = ()
    """Ids of media."""
    error: LipwrightError | None = None
    message: str = ""
    """For people; else the error's own words."""
    has_nsfw: tuple[bool, ...] = ()
    report: Mapping[str, Any] = field(default_factory=dict[str, Any])


def finish(connection: sa.Connection, job_id: str, ending: Ending) -> bool:
    """End a job, settle its money and put its webhook into the outbox; False, and nothing done, if it is final."""
    is_well = ending.state is JobState.SUCCEEDED
    values: dict[str, Any] = {
        "state": ending.state,
        "phase": ending.state,
        "finished_at": now(),
        "outputs": list(ending.outputs),
        "has_nsfw": list(ending.has_nsfw),
        "report": dict(ending.report),
        "error_code": None if ending.error is None else ending.error.code,
        "error_message": None if ending.error is None else ending.message or str(ending.error),
    }
    values |= {"progress": 1.0} if is_well else {"price_microusd": 0}
    told = (job.c.account_id, job.c.face, job.c.price_microusd, job.c.request)
    row = connection.execute(open_job(job_id).values(**values).returning(*told)).one_or_none()
    if row is None:
        return False
    ledger.settle(connection, row.account_id, job_id, row.price_microusd if is_well else None)
    media.expire_of_job(connection, job_id, ("fetched", "spoken", "part"))
    connection.execute(part.delete().where(part.c.job_id == job_id))
    url = row.request.get("webhook_url")
    if url:
        outbox.add(connection, job_id, row.account_id, row.face, url)
    return True


def delete(connection: sa.Connection, job_id: str) -> None:
    """Hide a final job from its owner, and let its results expire. The row stays, for the ledger."""
    connection.execute(job.update().where(job.c.id == job_id).values(deleted_at=now()))
    media.expire_of_job(connection, job_id, ("result",))


def is_open(connection: sa.Connection, job_id: str) -> bool:
    """Whether it is not final."""
    wanted = (job.c.id == job_id) & job.c.state.in_(OPEN)
    return connection.execute(sa.select(job.c.id).where(wanted)).scalar() is not None


def open_ids(connection: sa.Connection, created_before: datetime) -> list[str]:
    """Jobs that are not final and not brand-new."""
    wanted = job.c.state.in_(OPEN) & (job.c.created_at < created_before)
    return [row.id for row in connection.execute(sa.select(job.c.id).where(wanted))]


def figures(connection: sa.Connection) -> dict[str, float]:
    """How many jobs wait and run, and how long the oldest has waited that may run."""
    counted = sa.select(job.c.state, sa.func.count()).where(job.c.state.in_(OPEN)).group_by(job.c.state)
    n = {state: int(n) for state, n in connection.execute(counted)}
    return {
        "jobs_queued": n.get(JobState.QUEUED, 0),
        "jobs_running": n.get(JobState.RUNNING, 0),
        "oldest_queued_s": _oldest_queued_s(connection),
    }


def _oldest_queued_s(connection: sa.Connection) -> float:
    """For how long some job could have been begun, and was not: what waits for its own account's limit needs no worker.

    An account's next job has waited since its place became free. With n places free now, that is when the last but
    n - 1 of its jobs came to its end, if that was after the next one came:

        max_running = 2    running   ████████████████▌
                           running   ████▌ (a place is free from here on: the next one waits)
                           queued       ├───────────▶
    """
    states = {state: sa.case((job.c.state == state, 1), else_=0) for state in OPEN}
    came_at = sa.func.min(sa.case((job.c.state == JobState.QUEUED, job.c.created_at)))
    waiting = (
        sa.select(job.c.account_id, account.c.max_running - sa.func.sum(states[JobState.RUNNING]), came_at)
        .join(account, account.c.id == job.c.account_id)
        .where(job.c.state.in_(OPEN))
        .group_by(job.c.account_id, account.c.max_running)
        .having(sa.func.sum(states[JobState.QUEUED]) > 0)
        .order_by(came_at)
    )
    at, longest = now(), timedelta(0)
    for account_id, n_free, first_at in connection.execute(waiting).all():
        if at - first_at <= longest:
            break
        if n_free < 1:
            continue
        freed = (
            sa.select(job.c.finished_at)
            # by the index: what came a day before has ended by now
            .where((job.c.account_id == account_id) & (job.c.created_at > first_at - timedelta(days=1)))
            .where((job.c.finished_at > first_at) & job.c.started_at.is_not(None))
            .order_by(job.c.finished_at.desc())
            .offset(n_free - 1)
            .limit(1)
        )
        longest = max(longest, at - (connection.execute(freed).scalar() or first_at))
    return longest.total_seconds()


def n_queued(connection: sa.Connection, created_before: datetime | None = None) -> int:
    """How many wait; with a time, of those that came before it."""
    wanted = job.c.state == JobState.QUEUED
    if created_before is not None:
        wanted &= job.c.created_at < created_before
    return int(connection.execute(sa.select(sa.func.count()).select_from(job).where(wanted)).scalar_one())


# --- idempotency ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claim:
    """What is kept under an idempotency key."""

    fingerprint: str
    job_id: str | None
    claimed_at: datetime
    is_mine: bool
    """It was free, and is taken now."""


_OF_KEY = (idempotency.c.account_id == sa.bindparam("owner")) & (idempotency.c.key == sa.bindparam("wanted"))
_CLAIM: Final = idempotency.select().where(_OF_KEY)
_FILL_CLAIM: Final = idempotency.update().where(_OF_KEY).values(job_id=sa.bindparam("job_id"))
_IS_FORGOTTEN = sa.exists().where((job.c.id == idempotency.c.job_id) & job.c.deleted_at.is_not(None))
_DROP_STALE_CLAIM: Final = idempotency.delete().where(
    _OF_KEY
    & (
        (idempotency.c.claimed_at < sa.bindparam("old"))
        | (idempotency.c.job_id.is_(None) & (idempotency.c.claimed_at < sa.bindparam("left")))
        # there is nothing to answer with: neither the job nor its results are found any more
        | _IS_FORGOTTEN
    )
)


def claim(connection: sa.Connection, account_id: str, key: str, fingerprint: str) -> Claim:
    """Take a key that is free, or whose job was deleted, or tell what is kept under it."""
    at = now()
    of_key = {"owner": account_id, "wanted": key}
    connection.execute(_DROP_STALE_CLAIM, of_key | {"left": at - CLAIM_HOLDS, "old": at - KEEP_KEYS})
    values = {"account_id": account_id, "key": key, "fingerprint": fingerprint, "claimed_at": at}
    while not insert_once(connection, idempotency, values):
        row = connection.execute(_CLAIM, of_key).one_or_none()
        if row is not None:
            return Claim(row.fingerprint, row.job_id, row.claimed_at, False)
        # on PostgreSQL others go on between two statements: whoever had it has just given it back
    return Claim(fingerprint, None, at, True)


def is_claimed(connection: sa.Connection, account_id: str, key: str, claimed_at: datetime) -> bool:
    """Whether the claim that was made at that time still holds and has no job: others take what was left for long."""
    row = connection.execute(_CLAIM, {"owner": account_id, "wanted": key}).one_or_none()
    return row is not None and row.job_id is None and row.claimed_at == claimed_at


def fill_claim(connection: sa.Connection, account_id: str, key: str, job_id: str) -> None:
    """The job that was made under the key."""
    connection.execute(_FILL_CLAIM, {"owner": account_id, "wanted": key, "job_id": job_id})


def made_under(connection: sa.Connection, account_id: str, key: str) -> str | None:
    """The id of the job that was made under the key."""
    row = connection.execute(_CLAIM, {"owner": account_id, "wanted": key}).one_or_none()
    return None if row is None else row.job_id


def drop_claim(connection: sa.Connection, account_id: str, key: str, claimed_at: datetime) -> None:
    """Give a key back that made no job; who has claimed it since keeps it."""
    of_key = (idempotency.c.account_id == account_id) & (idempotency.c.key == key)
    is_this = idempotency.c.job_id.is_(None) & (idempotency.c.claimed_at == claimed_at)
    connection.execute(idempotency.delete().where(of_key & is_this))


def drop_old_claims(connection: sa.Connection) -> int:
    """Those of yesterday."""
    return connection.execute(idempotency.delete().where(idempotency.c.claimed_at < now() - KEEP_KEYS)).rowcount


def _holds(word: str) -> sa.ColumnElement[bool]:
    # SQLite's lower() knows ASCII only: other letters are looked for as they are, and as capitals and small ones
    spellings = {word.lower(), *(_small(one) for one in (word, word.upper(), word.capitalize()))}

    def is_in(column: sa.ColumnElement[Any]) -> list[sa.ColumnElement[bool]]:
        return [sa.func.lower(column).contains(one, autoescape=True) for one in sorted(spellings)]

    # by their keys: all media would be read for each job
    is_of_job = media_table.c.id.in_([job.c.inputs[role].as_string() for role in ("video", "audio")])
    named = sa.exists().where(is_of_job & sa.or_(*is_in(media_table.c.filename)))
    asked = [one for name in ("text", "voice", "language") for one in is_in(job.c.request[name].as_string())]
    begins = job.c.id.startswith(word.lower(), autoescape=True)
    states = [state for state in JobState if any(name.startswith(word.lower()) for name in (state, _SHOWN[state]))]
    return sa.or_(*asked, *is_in(job.c.model), begins, job.c.state.in_(states), named)


def _small(text: str) -> str:
    return "".join(sign.lower() if sign.isascii() else sign for sign in text)


# --- rows to values ---------------------------------------------------------------------------------------


def open_job(job_id: str) -> sa.Update:
    """A change of its row that is made only while it is not final."""
    return job.update().where((job.c.id == job_id) & job.c.state.in_(OPEN))


def _jobs(connection: sa.Connection, rows: Any) -> list[Job]:
    outputs = media.these(connection, {one for row in rows for one in row.outputs})
    return [
        Job(
            id=row.id,
            number=row.number,
            account_id=row.account_id,
            request=JobRequest(**row.request),
            state=JobState(row.state),
            created_at=row.created_at,
            started_at=row.started_at,
            finished_at=row.finished_at,
            phase=row.phase,
            progress=row.progress,
            outputs=tuple(outputs[one] for one in row.outputs if one in outputs),
            error_code=row.error_code,
            error_message=row.error_message,
            has_nsfw=tuple(row.has_nsfw),
            price_microusd=row.price_microusd,
            report=row.report,
        )
        for row in rows
    ]


def _as_json(request: JobRequest) -> dict[str, Any]:
    told = {**asdict(request), "options": dict(request.options), "raw": dict(request.raw)}
    if request.batch_id is None:
        del told["batch_id"]  # which workers of an older release do not know
    return told
