"""What the page asks for beyond the APIs: signing in, sharing, faces and voices to choose from, places in the queue.

`Hosted.page` gives it. Everything is synchronous and safe to call from many threads.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from lipwright import sandbox
from lipwright.blobs import Blobs
from lipwright.config import ServiceSettings
from lipwright.core.errors import (
    InvalidKey,
    InvalidOption,
    JobNotFound,
    LimitReached,
    MediaNotKnown,
    UnreadableMedia,
    WorkerCrashed,
)
from lipwright.core.jobs import Account, Job, JobPage, JobState, LedgerRow, Media
from lipwright.core.options import VoiceOptions
from lipwright.core.time import Span
from lipwright.core.timeline import Timed
from lipwright.service.intake import Workshop, without_path
from lipwright.store import Database, accounts, jobs, ledger, media, passes

if TYPE_CHECKING:
    from lipwright.voices import Speaker, VoiceInfo

SESSION: Final = timedelta(days=14)
LINK: Final = timedelta(hours=12)
MAX_SHARE: Final = timedelta(days=30)
_MIB: Final = 1 << 20
_PACE: Final = 4.0
"""Seconds of work for each second of speech, where nothing was measured here yet: two old cores, 480 lines."""
_PACE_JOBS: Final = 20
_MAX_SPOKEN_CHARS: Final = 1000
_UNDERSTOOD_BY_ALL: Final = {"cmn": "zh"}
"""eSpeak NG's word for a language -> that of every provider, eSpeak NG too."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What a share link shows."""

    job: Job
    source: Media | None
    """The footage, if it is kept still."""
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Faces:
    """Who was found in some footage."""

    at_s: float
    """When the frame is shown on which they were found."""
    width_px: int
    height_px: int
    n_looked: int
    """Frames that were searched."""
    boxes_px: tuple[tuple[float, float, float, float], ...]
    """Left, top, right, bottom of each, in upright source pixels, the largest first."""
    poster: bytes
    """That frame, a JPEG."""


class PageService:
    """One for each `Hosted`."""

    def __init__(
        self,
        settings: ServiceSettings,
        database: Database,
        blobs: Blobs,
        workshop: Workshop,
        voices: VoiceOptions | None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._blobs = blobs
        self._workshop = workshop
        self._voices = voices

    # --- who is there -------------------------------------------------------------------------------------

    def open_session(self, account: Account) -> tuple[str, datetime]:
        """A secret for a cookie, and when it ends."""
        with self._database.writing() as connection:
            passes.drop_old(connection)
            return passes.add(connection, "session", account.id, SESSION)

    def visitor(self, secret: str) -> Account:
        """Whose session it is. Raises InvalidKey."""
        with self._database.reading() as connection:
            found = passes.find(connection, "session", secret)
        if found is None:
            raise InvalidKey
        return found.account

    def close_session(self, secret: str) -> None:
        """Sign out."""
        with self._database.writing() as connection:
            passes.take(connection, "session", secret)

    def make_link(self) -> str | None:
        """A secret that signs the oldest operator in, once, within 12 h; None where no key of an operator is open."""
        with self._database.writing() as connection:
            admins = [
                one for one, _, revoked_at in accounts.everyone(connection) if one.is_admin and revoked_at is None
            ]
            return passes.add(connection, "link", admins[0].id, LINK)[0] if admins else None

    def use_link(self, secret: str) -> Account:
        """Whom it signs in; it opens nothing any more. Raises InvalidKey."""
        with self._database.writing() as connection:
            found = passes.take(connection, "link", secret)
        if found is None:
            raise InvalidKey
        return found.account

    # --- sharing ------------------------------------------------------------------------------------------

    def share(self, account: Account, job: Job, lasts: timedelta) -> tuple[str, datetime]:
        """A secret that shows this job to whoever has it, until it ends."""
        with self._database.writing() as connection:
            return passes.add(connection, "share", account.id, min(lasts, MAX_SHARE), job.id)

    def unshare(self, job: Job) -> int:
        """Let no link to this job open it any more; how many there were."""
        with self._database.writing() as connection:
            return passes.drop_shares(connection, job.id)

    def shared(self, secret: str) -> Shared:
        """What it shows. Raises JobNotFound where it is unknown or over, or the job was deleted."""
        with self._database.reading() as connection:
            found = passes.find(connection, "share", secret)
            kept = None if found is None or found.job_id is None else jobs.find(connection, found.job_id)
            if found is None or kept is None or kept.is_deleted:
                raise JobNotFound("shared")
            sources = media.these(connection, list(kept.inputs.values()))
        return Shared(kept.job, sources.get(kept.inputs.get("video", "")), found.expires_at)

    # --- jobs ---------------------------------------------------------------------------------------------

    def inputs(self, job: Job) -> dict[str, Media]:
        """What the job was made of, by role ("video", "audio"), as far as it is kept still. Raises JobNotFound."""
        with self._database.reading() as connection:
            found = jobs.find(connection, job.id)
            if found is None:
                raise JobNotFound(job.id)
            kept = media.these(connection, list(found.inputs.values()))
        # the plan of a job in parts is nobody's to see
        return {role: kept[one] for role, one in found.inputs.items() if one in kept and kept[one].kind != "data"}

    def search(self, account: Account, words: str, *, page: int = 1, page_size: int = 20) -> JobPage:
        """Jobs of its own whose request, state, id or files' names hold these words, newest first."""
        which = jobs.Filter(account_id=account.id, words=words.strip() or None)
        with self._database.reading() as connection:
            found, n_total = jobs.page(connection, which, offset=(max(page, 1) - 1) * page_size, limit=page_size)
        return JobPage(tuple(found), n_total)

    def n_before(self, job: Job | None) -> int:
        """How many jobs wait before this one; before one that would come now."""
        with self._database.reading() as connection:
            return jobs.n_queued(connection, None if job is None else job.created_at)

    def pace(self) -> float:
        """Seconds of work for each second of result: the median of the latest jobs here."""
        with self._database.reading() as connection:
            which = jobs.Filter(states=(JobState.SUCCEEDED,))
            latest, _ = jobs.page(connection, which, offset=0, limit=_PACE_JOBS)
        found = [
            (job.finished_at - job.started_at).total_seconds() / job.report["duration_s"]
            for job in latest
            if job.finished_at and job.started_at and job.report.get("duration_s")
        ]
        return statistics.median(found) if found else _PACE

    def subtitles(self, job: Job, kind: Literal["srt", "vtt"]) -> str:
        """Captions of a job that spoke a text. Raises JobNotFound for one that did not, or is not done."""
        from lipwright.voices.subtitles import srt_of, webvtt_of

        said: list[Mapping[str, Any]] = job.report.get("sentences") or []
        if not said:
            raise JobNotFound(job.id)
        spans = [Span(Fraction(str(one["start_s"])), Fraction(str(one["stop_s"]))) for one in said]
        sentences = [Timed(span, str(one["text"])) for span, one in zip(spans, said, strict=True)]
        return srt_of(sentences) if kind == "srt" else webvtt_of(sentences)

    def report_page(self, job: Job) -> str:
        """The report of a job as a page that loads nothing. Raises JobNotFound where there is none."""
        from lipwright.service import reports

        if "report" not in job.report:
            raise JobNotFound(job.id)
        try:
            sheet = self.mouths(job)
        except (MediaNotKnown, UnreadableMedia, InvalidOption, WorkerCrashed):
            sheet = None  # the footage is gone, or cannot be read: the report is whole without it
        return reports.page_of(job.report, sheet=sheet)

    def mouths(self, job: Job) -> bytes:
        """Mouths before and after, a JPEG; some seconds in a child.

        Raises JobNotFound where there is no result, MediaNotKnown where it or its footage is not kept any more,
        UnreadableMedia, InvalidOption where the report is not whole.
        """
        if not job.outputs or "report" not in job.report:
            raise JobNotFound(job.id)
        footage = self.inputs(job).get("video")
        if footage is None:
            raise MediaNotKnown(job.id, role="footage for job")
        result = job.outputs[0]
        try:
            with (
                self._workshop.room() as room,
                self._blobs.as_file(footage.id) as video,
                self._blobs.as_file(result.id) as output,
            ):
                sheet = room / "mouths.jpg"
                asked = {"report": dict(job.report), "video": str(video), "output": str(output), "sheet": str(sheet)}
                try:
                    told = self._call("mouths", asked, cpu_s=120)
                except UnreadableMedia as exc:
                    raise without_path(exc, video, footage.filename) from exc
                except LimitReached as exc:
                    raise UnreadableMedia(Path(footage.filename), "looking for mouths took too long") from exc
                if not told["is_drawn"]:
                    raise MediaNotKnown(footage.id, role="footage")
                return sheet.read_bytes()
        except FileNotFoundError as exc:
            raise MediaNotKnown(footage.id, role="footage") from exc

    def ledger(self, limit: int) -> list[LedgerRow]:
        """The latest rows of all accounts, newest first."""
        with self._database.reading() as connection:
            return ledger.latest(connection, None, limit)

    # --- to choose from -----------------------------------------------------------------------------------

    def faces(self, one: Media) -> Faces:
        """Who is in it, on a few frames; some seconds in a child. Raises UnreadableMedia, MediaNotKnown, NoVideo."""
        try:
            with self._workshop.room() as room, self._blobs.as_file(one.id) as path:
                poster = room / "poster.jpg"
                try:
                    told = self._call("faces", {"path": str(path), "poster": str(poster)}, cpu_s=120)
                except UnreadableMedia as exc:
                    raise without_path(exc, path, one.filename) from exc
                except LimitReached as exc:
                    raise UnreadableMedia(Path(one.filename), "looking for faces took too long") from exc
                boxes = tuple((box[0], box[1], box[2], box[3]) for box in (face["box_px"] for face in told["faces"]))
                return Faces(
                    told["at_s"], told["width_px"], told["height_px"], told["n_looked"], boxes, poster.read_bytes()
                )
        except FileNotFoundError as exc:
            raise MediaNotKnown(one.id, role="video") from exc

    def speakers(self) -> tuple[list[Speaker], dict[str, str]]:
        """Who can be asked to speak, and in which languages: code -> title."""
        from lipwright.service import speech

        every = speech.list_voices(voice_options=self._voices)
        return speech.list_speakers(voice_options=self._voices), languages_of([one for one in every if one.is_here])

    def say(self, text: str, voice: str, language: str | None, footage: Media | None = None) -> bytes:
        """A WAV file in which a voice says a text, or a sentence of its own where that is empty.

        At most the first 1000 characters. The voice `auto` goes by the sound of the footage, as in a job. Raises what
        `voices.speak` raises, and MediaNotKnown.
        """
        voices = None if self._voices is None else asdict(self._voices)
        arguments: dict[str, Any] = {
            "text": text[:_MAX_SPOKEN_CHARS],
            "voice": voice,
            "language": language,
            "speaking": {},
            "video": None,
            "voice_options": voices
            and {name: str(value) if isinstance(value, Path) else value for name, value in voices.items()},
        }
        with ExitStack() as stack:
            room = stack.enter_context(self._workshop.room())
            if footage is not None and footage.kind == "video":
                try:
                    arguments["video"] = str(stack.enter_context(self._blobs.as_file(footage.id)))
                except FileNotFoundError as exc:
                    raise MediaNotKnown(footage.id, role="video") from exc
            self._call("say", arguments | {"output": str(room / "said.wav")}, cpu_s=60)
            return (room / "said.wav").read_bytes()

    def _call(self, name: str, arguments: dict[str, Any], *, cpu_s: float) -> dict[str, Any]:
        limits = sandbox.Limits(
            cpu_s=cpu_s,
            wall_s=cpu_s,
            memory_bytes=self._settings.render_memory_mb * _MIB,
            file_bytes=256 * _MIB,
            # somebody waits for it: it does not step back as renders do
            niceness=0,
        )
        return sandbox.call(f"lipwright.service.page_children:{name}", arguments, limits=limits)


def languages_of(voices: Sequence[VoiceInfo]) -> dict[str, str]:
    """What these voices speak, each language once: code -> title. Titles are eSpeak NG's; others name their voices."""
    from lipwright.voices.espeak import espeak_language

    titles = {one.language: one.title for one in voices if one.name.startswith("espeak:")}
    for code in {one.language for one in voices} - titles.keys():
        # without eSpeak NG nothing is asked of it
        if not titles or espeak_language(code) not in titles:
            titles[code] = code
    return {_UNDERSTOOD_BY_ALL.get(code, code): title for code, title in titles.items()}
