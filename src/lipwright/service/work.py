"""What a worker does with a job: bring its inputs together, render in a child, keep the result, end the job.

prepare   fetch what is at addresses, look at it, hear how long the speech is, hold its price      at most max_attempts
render    a child renders; its progress goes to the job's row; blob, then ONE transaction:           times each, if
          job final + money settled + result's row + webhook in the outbox                           workers die

of a long video, instead
render    a child studies, listens and plans: the plan is kept as a blob, and the job has parts
part      a child renders one of them from plan and footage; a blob beside the plan                   each of them
join      a child puts them together; then as above
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Final, TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from lipwright import sandbox
from lipwright.blobs import Blobs
from lipwright.config import ServiceSettings
from lipwright.core.errors import (
    Cancelled,
    ContentRefused,
    DatabaseAway,
    DeadlineExceeded,
    GaveUp,
    InputError,
    InsufficientCredits,
    InternalError,
    InvalidOption,
    LimitReached,
    LipwrightError,
    MediaNotKnown,
    MediaTooLarge,
    Stalled,
    StoreAway,
    WrongMediaKind,
)
from lipwright.core.jobs import Job, JobRequest, JobState, Media, MediaKind
from lipwright.core.options import SyncOptions, VoiceOptions
from lipwright.jobs import CPU, PREPARE, HandedBack
from lipwright.service import reports
from lipwright.service.children import split_options
from lipwright.service.fetches import Turns, shared_number
from lipwright.service.intake import Intake, Workshop, sha256_of, without_path
from lipwright.service.prices import Prices, speech_s_of
from lipwright.service.telemetry import Stage, Telemetry
from lipwright.store import Database, accounts, batches, jobs, ledger, media, parts
from lipwright.store.database import now

if TYPE_CHECKING:
    from sqlalchemy import Connection

log = structlog.get_logger(__name__)

T = TypeVar("T")

_ASK_EVERY_S: Final = 0.4
"""How often a running job's row is asked whether it shall go on: with the second that ending a child may take, a
cancelled render is gone within two."""
_TELL_EVERY_S: Final = 1.0
_STORE_AGAIN_S: Final = 1.0
_MIB: Final = 1 << 20
# how far each phase brings a job: a part of the whole
_SPANS: Final = {
    "fetch": (0.0, 0.05),
    "study": (0.05, 0.45),
    "listen": (0.45, 0.5),
    "render": (0.5, 0.87),
    "measure": (0.87, 0.97),
    "store": (0.97, 1.0),
}

LookForNudity = Callable[[Path, Callable[[], bool]], bool | None]
"""Whether a moderator refuses what a file shows; None: nobody looked. It asks the second whether to stop."""


class JobWork:
    """Given to jobs.Worker."""

    def __init__(
        self,
        settings: ServiceSettings,
        database: Database,
        blobs: Blobs,
        intake: Intake,
        workshop: Workshop,
        prices: Prices,
        moderate: LookForNudity,
        must_hand_back: Callable[[], bool],
        telemetry: Telemetry,
        voices: VoiceOptions | None = None,
        spares: sandbox.Spares | None = None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._blobs = blobs
        self._intake = intake
        self._workshop = workshop
        self._prices = prices
        self._moderate = moderate
        self._must_hand_back = must_hand_back
        self._telemetry = telemetry
        self._voices = voices
        self._spares = spares
        self._turns = Turns()

    def prepare(self, job_id: str) -> str | None:
        """The queue of its render; None: the job is final, and there is nothing to render."""
        with self._attempt(job_id, "fetch") as found:
            if found is not None:
                with self._telemetry.stage(found.job, "prepare", found.n_attempts):
                    # from its beginning: what it fetched before goes with a sweep
                    self._outlast(self._stop(job_id), lambda: self._prepare(found))
                engine = found.job.request.options.get("engine", SyncOptions().engine)
                return engine_queue(self._settings, str(engine))
        return None

    def render(self, job_id: str) -> int:
        """How many parts the job has from now on; 0: it is final."""
        with self._attempt(job_id, "study") as found:
            if found is not None:
                with self._telemetry.stage(found.job, "work", found.n_attempts) as stage:
                    return self._render(found, stage)
        return 0

    def part(self, job_id: str, number: int) -> None:
        """Make one of them, from 0."""
        with self._attempt(job_id, "render", number) as found:
            if found is not None:
                with self._telemetry.stage(found.job, "part", found.n_attempts) as stage:
                    self._part(found, number, stage)

    def join(self, job_id: str) -> None:
        """All of them are made."""
        with self._attempt(job_id, "render") as found:
            if found is not None:
                with self._telemetry.stage(found.job, "join", found.n_attempts) as stage:
                    self._join(found, stage)

    def is_over(self, job_id: str) -> bool:
        """Whether it is final, whoever ended it."""
        with self._database.reading() as connection:
            return not jobs.is_open(connection, job_id)

    @contextmanager
    def _attempt(self, job_id: str, phase: str, number: int | None = None) -> Generator[jobs.Found | None]:
        """Count an attempt, at the job or at part `number`, and end the job with whatever goes wrong within."""

        def begin(connection: Connection) -> int | None:
            if number is None:
                return jobs.begin(connection, job_id, phase)
            return parts.begin(connection, job_id, number)

        def unbegin(connection: Connection) -> None:
            if number is None:
                jobs.unbegin(connection, job_id)
            else:
                parts.unbegin(connection, job_id, number)

        try:
            n_attempts, found = self._insist(lambda c: (begin(c), jobs.find(c, job_id)))
        except DatabaseAway:
            raise HandedBack from None
        if n_attempts is None or found is None:
            yield None
            return
        words = log.bind(job=job_id, account=found.job.account_id, face=found.job.request.face, phase=phase)
        if number is not None:
            words, found = words.bind(part=number), replace(found, n_attempts=n_attempts)
        try:
            if n_attempts > self._settings.max_attempts:
                raise GaveUp(attempts=n_attempts - 1)
            yield found
        except Cancelled:
            if self._must_hand_back():
                with suppress(DatabaseAway):
                    self._insist(unbegin)
                words.info("handed back")
                raise HandedBack from None
            words.info("stopped")
        except DatabaseAway:
            # only when the worker stops: until then it waits
            words.info("handed back", why="the database is away")
            raise HandedBack from None
        except LipwrightError as exc:
            self._fail(job_id, exc)
            # told nowhere else
            last_words = sandbox.last_words(exc)
            told = {"last_words": last_words} if last_words else {}
            words.info("job failed", code=exc.code, reason=str(exc), **told)
        except Exception:  # noqa: BLE001 - logged, with its traceback
            # the edge of the worker: the job ends, the worker lives, the log says why
            self._fail(job_id, InternalError())
            words.exception("job broke")

    def _fail(self, job_id: str, error: LipwrightError) -> None:
        ending = jobs.Ending(state=JobState.FAILED, error=error)
        try:
            is_ended_here = self._insist(lambda c: jobs.finish(c, job_id, ending))
        except DatabaseAway:
            raise HandedBack from None
        if is_ended_here:
            self._finished(job_id)

    def _finished(self, job_id: str) -> None:
        """Tell the figures; they may lack one job while the database is away."""
        with suppress(SQLAlchemyError, DatabaseAway):
            with self._database.reading() as connection:
                found = jobs.find(connection, job_id)
            if found is not None:
                self._telemetry.finished(found.job)

    def _insist(self, act: Callable[[Connection], T], *, is_writing: bool = True) -> T:
        """A restart of the database is waited for: the work that was done is not thrown away."""
        return self._database.insist(act, until=self._must_hand_back, is_writing=is_writing)

    def _outlast(self, stop: Callable[[], bool], act: Callable[[], T]) -> T:
        """The same for the store of files, which may be away for good. Raises Cancelled, and in the end StoreAway."""
        until_s = None
        while True:
            try:
                return act()
            except StoreAway as exc:
                if until_s is None:
                    until_s = monotonic() + self._settings.deadline_s
                    log.warning("the store is away", reason=exc.reason)
                try:
                    is_over = stop()
                except DeadlineExceeded:
                    raise exc from None
                if is_over:
                    raise Cancelled from exc
                if monotonic() >= until_s:
                    raise
            sleep(_STORE_AGAIN_S)

    def _drop(self, media_ids: list[str]) -> None:
        """Blobs that nobody needs; while the store is away, they are left to the sweep."""
        with suppress(StoreAway):
            self._blobs.delete(media_ids)

    # --- prepare ------------------------------------------------------------------------------------------

    def _prepare(self, found: jobs.Found) -> None:
        stop = self._stop(found.job.id)
        request = found.job.request
        inputs = dict(found.inputs)
        sources = {"video": request.video} | ({"audio": request.audio} if request.audio else {})
        for role, source in sources.items():
            if role in inputs:
                continue
            if stop():
                raise Cancelled
            if request.batch_id is not None:
                inputs[role] = self._shared(found.job, request.batch_id, source, stop)
                continue
            inputs[role] = self._brought(found.job, source, stop)
        if stop():
            raise Cancelled
        kept = self._media(inputs)
        for role, one in kept.items():
            check_kind(role, one)
        price = self._price(found, kept, stop)
        self._ready(found.job, inputs, price)

    def _brought(self, job: Job, url: str, stop: Callable[[], bool]) -> str:
        """The media id of what is at an address, written down at once: the sweep takes what nobody knows of."""
        got = self._intake.keep_url(job.account_id, url, should_stop=stop)
        until = now() + timedelta(hours=self._settings.keep_uploads_h)

        def write(connection: Connection) -> bool:
            if not jobs.is_open(connection, job.id):
                return False
            # a second time, where only the answer was lost
            if not media.known(connection, [got.id]):
                media.add(connection, got, "fetched", until, job.id)
            return True

        if not self._insist(write):
            self._drop([got.id])
            raise Cancelled
        return got.id

    def _shared(self, job: Job, batch_id: str, url: str, stop: Callable[[], bool]) -> str:
        """The media id of what is at an address, fetched for all of a batch by the first that comes to it."""
        number = shared_number(batch_id, url)
        until = now() + timedelta(hours=self._settings.keep_uploads_h)
        with self._turns.turn(f"{batch_id} {number}", stop):
            known = self._insist(lambda c: batches.fetched(c, batch_id, number, until))
            if known is not None:
                return known
            got = self._intake.keep_url(job.account_id, url, number=number, should_stop=stop)
            # a worker in another process may have been faster, and jobs be priced by what it got
            kept = self._insist(lambda c: batches.keep_fetched(c, got, until, batch_id))
            if kept != got.id:
                self._drop([got.id])
        return kept

    def _media(self, inputs: dict[str, str]) -> dict[str, Media]:
        known = self._insist(lambda c: media.of_open_job(c, list(inputs.values())), is_writing=False)
        for role, one in inputs.items():
            if one not in known:
                raise MediaNotKnown(one, role=role)
        return {role: known[one] for role, one in inputs.items()}

    def _price(self, found: jobs.Found, kept: dict[str, Media], stop: Callable[[], bool]) -> int:
        job, request = found.job, found.job.request
        if request.text is not None and self._prices.is_by_text(request.face):
            return self._prices.of_job(request, kept)
        if speech_s_of(kept.get("audio")) is None:
            heard_s = self._heard_s(job, kept, stop)
            limit_s = self._settings.max_audio_s
            if "audio" in kept and heard_s > limit_s:  # a video: until now the length of its picture was known
                raise MediaTooLarge(kept["audio"].filename, what="seconds", found=round(heard_s, 3), limit=limit_s)
            return self._prices.of_job(request, kept, heard_s=heard_s)
        if kept.keys() == found.inputs.keys():
            # all of it was known when the job was taken in, maybe by an older release: what was told then is the price
            return job.price_microusd
        return self._prices.of_job(request, kept)

    def _heard_s(self, job: Job, kept: dict[str, Media], stop: Callable[[], bool]) -> float:
        request = job.request
        with self._files(kept, stop) as paths:
            arguments = {
                "video": str(paths["video"]),
                "audio": str(paths["audio"]) if "audio" in paths else None,
                "cache": self._cache,
                **self._spoken(request),
            }
            told = self._call("heard_s", arguments, kept, paths, stop)
        return float(told["duration_s"])

    def _ready(self, job: Job, inputs: dict[str, str], price: int) -> None:
        """All inputs are here: hold the rest of the price."""

        def write(connection: Connection) -> None:
            if not jobs.stage_done(connection, job.id, inputs, price):
                raise Cancelled
            rest = price - ledger.held_microusd(connection, job.id)
            if rest > 0:
                owner = accounts.find(connection, job.account_id)
                accounts.hold(connection, job.account_id)
                balance = ledger.balance_microusd(connection, job.account_id)
                if owner is not None and owner.has_credit_limit and balance < rest:
                    raise InsufficientCredits(needed_microusd=price, balance_microusd=balance + price - rest)
                ledger.add(connection, job.account_id, "hold_rest", -rest, job_id=job.id)

        self._insist(write)

    # --- render -------------------------------------------------------------------------------------------

    def _render(self, found: jobs.Found, stage: Stage) -> int:
        began_s = monotonic()
        job, request = found.job, found.job.request
        stop = self._stop(job.id)
        if begun := self._insist(lambda c: parts.of_job(c, job.id), is_writing=False):
            return len(begun)  # by a worker that died before it could tell
        kept = self._media(dict(found.inputs))
        with self._workshop.room() as room, self._files(kept, stop) as paths:
            self._refuse(paths["video"], "input", stop)
            output, plan = room / "result.mp4", room / "plan.npz"
            options, _ = split_options(dict(request.options))
            arguments = {
                "video": str(paths["video"]),
                "audio": str(paths["audio"]) if "audio" in paths else None,
                "output": str(output),
                "cache": self._cache,
                "options": options,
                "measure_s": self._settings.measure_s,
                "parts": self._sizes(plan),
                **self._spoken(request),
            }
            report = self._made("render", arguments, job, kept, paths, stop, stage)
            if "parts" in report and not output.exists():
                return self._cut(found, plan, report["parts"], self._settings.deadline_s - (monotonic() - began_s))
            self._end(job, output, report, stop)
        return 0

    def _sizes(self, plan: Path) -> dict[str, Any] | None:
        """When and how a child shall cut its work into parts; None: never."""
        over_s = self._settings.parts_over_s
        return {"over_s": over_s, "part_s": self._settings.part_s, "plan": str(plan)} if over_s > 0 else None

    def _made(
        self,
        name: str,
        arguments: dict[str, Any],
        job: Job,
        kept: dict[str, Media],
        paths: dict[str, Path],
        stop: Callable[[], bool],
        stage: Stage,
    ) -> dict[str, Any]:
        """The report of a child that makes a result; one that fails while it measures has made it all the same."""
        progress = Progress(self._database, job.id)
        try:
            report = self._call(name, arguments, kept, paths, stop, progress)
        except Cancelled:
            raise
        except LipwrightError as exc:
            if progress.report is None:
                raise
            log.warning("result not measured", job=job.id, code=exc.code, reason=str(exc))
            report = reports.failed(progress.report, str(exc))
        stage.stages_s = report.get("stages_s", {})
        return report

    def _end(self, job: Job, output: Path, report: dict[str, Any], stop: Callable[[], bool]) -> None:
        self._advance(job.id, "store", 0.0)
        flags = self._refuse(output, "output", stop)
        self._keep(job, output, report, () if flags is None else (flags,))

    # --- parts --------------------------------------------------------------------------------------------

    def _cut(self, found: jobs.Found, plan: Path, n_frames: list[int], left_s: float) -> int:
        """Keep the plan: from now on the job has parts. How many."""
        made = self._part_media(found.job, plan, "data", "application/octet-stream", "plan.npz")
        inputs = {**found.inputs, "plan": made.id}

        def write(connection: Connection) -> tuple[int | None, bool]:
            n_parts = parts.cut(connection, found.job.id, inputs, n_frames, left_s)
            is_mine = n_parts is not None and jobs.has_plan(connection, found.job.id, made.id)
            # a second time, where only the answer was lost
            if is_mine and not media.known(connection, [made.id]):
                media.add(connection, made, "part", self._parts_expire(), found.job.id)
            return n_parts, is_mine

        n_parts, is_mine = self._insist(write)
        if not is_mine:
            self._drop([made.id])
        if n_parts is None:
            raise Cancelled
        return n_parts

    def _part(self, found: jobs.Found, number: int, stage: Stage) -> None:
        job = found.job
        stop = self._stop(job.id)
        kept = self._media({role: found.inputs[role] for role in ("video", "plan")})
        with self._workshop.room() as room, self._files(kept, stop) as paths:
            output = room / "part.mp4"
            arguments = {
                "video": str(paths["video"]),
                "plan": str(paths["plan"]),
                "number": number,
                "output": str(output),
            }
            told = self._call("part", arguments, kept, paths, stop, PartProgress(self._database, job.id, number))
            self._leave_to_newer(told, stop)
            stage.stages_s = told["stages_s"]
            made = self._part_media(job, output, "video", "video/mp4", f"part{number + 1}.mp4")

        def write(connection: Connection) -> bool:
            if parts.done(connection, job.id, number, made.id, told):
                media.add(connection, made, "part", self._parts_expire(), job.id)
                return True
            # the same may have been written already, and only the answer was lost
            return parts.is_made_of(connection, job.id, number, made.id)

        if not self._insist(write):
            self._drop([made.id])

    def _join(self, found: jobs.Found, stage: Stage) -> None:
        job, request = found.job, found.job.request
        stop = self._stop(job.id)
        made = self._insist(lambda c: parts.of_job(c, job.id), is_writing=False)
        inputs = dict(found.inputs) | {f"part {one.number + 1}": one.media_id or "" for one in made}
        kept = self._media(inputs)
        with self._workshop.room() as room, self._files(kept, stop) as paths:
            output = room / "result.mp4"
            arguments = {
                "video": str(paths["video"]),
                "audio": None if request.text is not None else str(paths["audio"]),
                "plan": str(paths["plan"]),
                "parts": [str(paths[f"part {one.number + 1}"]) for one in made],
                "told": [dict(one.told) for one in made],
                "output": str(output),
                "measure_s": self._settings.measure_s,
            }
            report = self._made("join", arguments, job, kept, paths, stop, stage)
            self._leave_to_newer(report, stop)
            self._end(job, output, report, stop)
        # their rows go with the next sweep
        self._drop([one.id for role, one in kept.items() if role.startswith(("part ", "plan"))])

    def _leave_to_newer(self, told: dict[str, Any], stop: Callable[[], bool]) -> None:
        """Hold what a newer program planned until this worker ends, which in an upgrade is soon, and hand it back.

        Given back at once, it would come back at once. Raises Cancelled, and at the job's deadline DeadlineExceeded.
        """
        if "newer_plan" not in told:
            return
        log.warning("left to a newer worker: it is held here until this one ends", plan_version=told["newer_plan"])
        while not stop():
            sleep(_ASK_EVERY_S)
        raise Cancelled

    def _part_media(self, job: Job, path: Path, kind: MediaKind, content_type: str, name: str) -> Media:
        """Bytes that workers hand to each other; kept from here on, in nobody's list."""
        made = Media(
            id=accounts.new_id(),
            number=accounts.new_number(),
            account_id=job.account_id,
            kind=kind,
            filename=f"{job.id}-{name}",
            content_type=content_type,
            n_bytes=path.stat().st_size,
            sha256=sha256_of(path),
            created_at=now(),
        )
        self._outlast(
            self._stop(job.id),
            lambda: self._blobs.put(made.id, path, content_type=content_type, filename=made.filename),
        )
        return made

    def _parts_expire(self) -> datetime:
        """Long after the job must have ended, which ends them too."""
        return now() + timedelta(hours=24, seconds=2 * self._settings.deadline_s)

    def _refuse(self, path: Path, what: str, stop: Callable[[], bool]) -> bool | None:
        """Whether a moderator minds; raises ContentRefused if that ends jobs here."""
        minds = self._moderate(path, stop)
        if minds and self._settings.moderation_blocks:
            raise ContentRefused(what)
        return minds

    def _keep(self, job: Job, output: Path, report: dict[str, Any], flags: tuple[bool, ...]) -> None:
        made = Media(
            id=accounts.new_id(),
            number=accounts.new_number(),
            account_id=job.account_id,
            kind="video",
            filename=f"{job.id}.mp4",
            content_type="video/mp4",
            n_bytes=output.stat().st_size,
            sha256=sha256_of(output),
            created_at=now(),
            duration_s=report.get("duration_s"),
            width_px=report.get("width_px"),
            height_px=report.get("height_px"),
        )
        self._outlast(
            self._stop(job.id),
            lambda: self._blobs.put(made.id, output, content_type=made.content_type, filename=made.filename),
        )
        ending = jobs.Ending(state=JobState.SUCCEEDED, outputs=(made.id,), has_nsfw=flags, report=report)

        def end(connection: Connection) -> bool:
            if jobs.finish(connection, job.id, ending):
                until = now() + timedelta(hours=self._settings.keep_results_h)
                media.add(connection, made, "result", until, job.id)
                return True
            # the same may have been written already, and only the answer was lost
            return bool(media.known(connection, [made.id]))

        if self._insist(end):
            self._finished(job.id)
        else:
            self._drop([made.id])

    @property
    def _cache(self) -> str:
        """Where children keep what was found out about footage, and what was spoken."""
        return str(self._settings.folder / "analysis")

    def _spoken(self, request: JobRequest) -> dict[str, Any]:
        """What a child must know to speak a text."""
        _, speaking = split_options(dict(request.options))
        voices = None if self._voices is None else asdict(self._voices)
        if voices is not None:
            voices = {name: str(value) if isinstance(value, Path) else value for name, value in voices.items()}
        return {
            "text": request.text,
            "voice": request.voice,
            "language": request.language,
            "speaking": speaking,
            "voice_options": voices,
        }

    def _call(
        self,
        name: str,
        arguments: dict[str, Any],
        kept: dict[str, Media],
        paths: dict[str, Path],
        stop: Callable[[], bool],
        progress: Callable[[dict[str, Any]], None] | None = None,
    ) -> dict[str, Any]:
        limit_s = self._settings.deadline_s
        # what tells no progress cannot be told from what makes none
        silent_s = None if progress is None else self._settings.stall_s
        try:
            return sandbox.call(
                f"lipwright.service.children:{name}",
                arguments,
                limits=replace(render_limits(self._settings), silent_s=silent_s),
                on_message=progress,
                should_stop=stop,
                # loaded for renders: what else is done needs less, and would take it away from one
                spares=self._spares if name in ("render", "part") else None,
            )
        except LimitReached as exc:
            if exc.what == "time":
                raise DeadlineExceeded(limit_s=limit_s) from exc
            if exc.what == "silence":
                raise Stalled(silent_s=self._settings.stall_s) from exc
            raise
        except InputError as exc:
            for role, path in paths.items():
                without_path(exc, path, f"The {role} ({kept[role].filename})")
            raise

    @contextmanager
    def _files(self, kept: dict[str, Media], stop: Callable[[], bool]) -> Generator[dict[str, Path]]:
        with ExitStack() as stack:
            paths: dict[str, Path] = {}
            for role, one in kept.items():
                try:
                    file = self._outlast(stop, lambda key=one.id: stack.enter_context(self._blobs.as_file(key)))
                    paths[role] = file
                except FileNotFoundError as exc:
                    raise MediaNotKnown(one.id, role=role) from exc
            yield paths

    def _advance(self, job_id: str, phase: str, part: float) -> None:
        if not self._insist(lambda c: jobs.advance(c, job_id, phase, _whole(phase, part))):
            raise Cancelled

    def _stop(self, job_id: str) -> Callable[[], bool]:
        """Whether the work on a job shall stop now: it is final, or the worker hands it back."""
        next_s = 0.0
        is_over = False

        def stop() -> bool:
            nonlocal next_s, is_over
            if not is_over and monotonic() >= next_s:
                next_s = monotonic() + _ASK_EVERY_S
                # while the database is away, the work goes on
                is_late = False
                with suppress(DatabaseAway), self._database.reading() as connection:
                    is_open, is_late = jobs.standing(connection, job_id)
                    is_over = not is_open
                if is_late and not is_over:
                    raise DeadlineExceeded(limit_s=self._settings.deadline_s)
            return is_over or self._must_hand_back()

        return stop


def render_limits(settings: ServiceSettings) -> sandbox.Limits:
    """What a child that works on a job may use."""
    return sandbox.Limits(
        cpu_s=settings.deadline_s * 64,
        wall_s=settings.deadline_s,
        memory_bytes=settings.render_memory_mb * _MIB,
        file_bytes=4 * settings.max_upload_bytes,
        niceness=settings.render_niceness,
    )


class Progress:
    """Messages of a child to the job's row, once a second and at each change of phase."""

    report: dict[str, Any] | None = None
    """What was told of a file that is whole, before it is measured."""

    def __init__(self, database: Database, job_id: str) -> None:
        self._database = database
        self._job_id = job_id
        self._phase = ""
        self._next_s = 0.0

    def __call__(self, message: dict[str, Any]) -> None:
        if "report" in message:
            self.report = message["report"]
            return
        phase, done, total = str(message.get("phase")), message.get("done"), message.get("total")
        if phase not in _SPANS or not isinstance(done, int) or not isinstance(total, int):
            return
        if phase == self._phase and monotonic() < self._next_s:
            return
        self._phase, self._next_s = phase, monotonic() + _TELL_EVERY_S
        with suppress(DatabaseAway), self._database.writing() as connection:
            if not jobs.advance(connection, self._job_id, phase, _whole(phase, done / max(total, 1))):
                raise Cancelled


class PartProgress:
    """The same of a child that makes a part: the job is as far as all its parts are together."""

    def __init__(self, database: Database, job_id: str, number: int) -> None:
        self._database = database
        self._job_id = job_id
        self._number = number
        self._next_s = 0.0

    def __call__(self, message: dict[str, Any]) -> None:
        phase, done = message.get("phase"), message.get("done")
        if phase != "render" or not isinstance(done, int) or monotonic() < self._next_s:
            return
        self._next_s = monotonic() + _TELL_EVERY_S
        with suppress(DatabaseAway), self._database.writing() as connection:
            share = parts.advance(connection, self._job_id, self._number, done)
            if share is None or not jobs.advance(connection, self._job_id, "render", _whole("render", share)):
                raise Cancelled


def render_queues(settings: ServiceSettings) -> tuple[str, ...]:
    """Every queue in which renders wait. Raises InvalidOption."""
    return tuple(dict.fromkeys((CPU, *_engine_queues(settings).values())))


def engine_queue(settings: ServiceSettings, engine: str) -> str:
    """Where renders with this engine wait. Raises InvalidOption."""
    return _engine_queues(settings).get(engine, CPU)


def _engine_queues(settings: ServiceSettings) -> dict[str, str]:
    """The queue of each engine that has one of its own. Raises InvalidOption."""
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in settings.engine_queues.split(","))):
        engine, _, queue = (one.strip() for one in part.partition("="))
        if not engine or not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,29}", queue) or queue == PREPARE:
            raise InvalidOption("LIPWRIGHT_ENGINE_QUEUES", part, "write ENGINE=QUEUE, the queue in small letters")
        found[engine] = queue
    return found


def check_kind(role: str, one: Media) -> None:
    """Raises WrongMediaKind where this cannot be footage, or cannot be speech."""
    fits = {"video": ("video", "image"), "audio": ("audio", "video")}[role]
    if one.kind not in fits:
        raise WrongMediaKind(one.id, found=one.kind, expected=role)


def _whole(phase: str, part: float) -> float:
    start, stop = _SPANS[phase]
    return round(start + (stop - start) * min(max(part, 0.0), 1.0), 4)
