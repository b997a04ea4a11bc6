"""The page at `/`: its files, who is signed in, and what it asks for beyond the APIs."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import cache
from importlib import metadata, resources
from ipaddress import ip_address
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from pydantic import BaseModel, Field
from starlette.datastructures import Headers

from lipwright import demo
from lipwright.config import ServiceSettings
from lipwright.core.errors import InvalidKey, LipwrightError
from lipwright.core.jobs import Account, Job, JobPage, JobState, Media
from lipwright.http.assets import PAGE_HEADERS, Asset, sent
from lipwright.http.bodies import TextRoute
from lipwright.http.crossing import SlowLane, call, is_ending, taking_in
from lipwright.http.errors import Refusal
from lipwright.http.files import media_url, send_media
from lipwright.service.hosted import Hosted

API: Final = "/playground/api/"
"""Behind the door: with a session, or with a key as everywhere."""
COOKIE: Final = "lipwright_session"
_FOR_PROGRAMS: Final = ("/api/", "/openapi/", "/video/")
"""Some name HTML among all that they take (Java does)."""
_TRIES_PER_MIN: Final = 10
_POLL_S: Final = 0.4
_SIGN_OF_LIFE_S: Final = 15.0
_MAX_ACCOUNTS: Final = 200
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@cache
def assets() -> Mapping[str, Asset]:
    """Every file of `lipwright/playground`, by its name."""
    files = resources.files("lipwright").joinpath("playground").iterdir()
    return {file.name: Asset.of(file) for file in files if file.is_file()}


def nothing_here(request: Request) -> Response | None:
    """The page that says so, for a person whose browser asks for an address that there is not; None for programs."""
    if request.url.path.startswith(_FOR_PROGRAMS):
        return None
    if request.method not in {"GET", "HEAD"} or "text/html" not in request.headers.get("accept", ""):
        return None
    asset = assets()["index.html"]
    return Response(asset.content, 404, headers=PAGE_HEADERS, media_type=asset.content_type)


def session_of(headers: Headers) -> str | None:
    """The secret of the cookie."""
    # by hand: the standard library's parser takes seconds for some cookies of a few thousand characters
    for part in headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE and value:
            return value
    return None


def check_origin(method: str, headers: Headers, public_url: str) -> None:
    """Raises Refusal where a cookie would let another site's page act: what changes something must come from ours."""
    if method in _SAFE:
        return
    came_from = _host_in(headers.get("origin", ""))
    own = {headers.get("host", ""), urlsplit(public_url).netloc}
    if not came_from or came_from not in own:
        raise Refusal(403, "This came from another site's page.", 400013, 403, "wrong_origin")


def _host_in(address: str) -> str:
    """With its port; empty where there is none."""
    try:
        return urlsplit(address).netloc
    except ValueError:
        return ""


class SignIn(BaseModel):
    key: str = Field(min_length=1, max_length=500)


class Say(BaseModel):
    text: str = Field(default="", max_length=5000)
    voice: str = Field(default="auto", max_length=200)
    language: str | None = Field(default=None, max_length=20)
    media: str | None = Field(default=None, max_length=64, description="The footage, whose voice `auto` goes by.")


class Look(BaseModel):
    media: str = Field(max_length=64)


class Quote(BaseModel):
    speech_s: float | None = Field(default=None, ge=0, le=1e6)
    text: str | None = None
    kept_s: float | None = Field(default=None, ge=0, le=1e6)
    """The length of footage that is shown to its end."""


class Share(BaseModel):
    hours: float = Field(default=72, gt=0, le=24 * 30)


def router(hosted: Hosted, settings: ServiceSettings, slow: SlowLane) -> APIRouter:
    """The page and everything under `/playground/`."""
    routes = APIRouter(include_in_schema=False, route_class=TextRoute)
    files = assets()
    tries, limiter = RateLimitItemPerMinute(_TRIES_PER_MIN), FixedWindowRateLimiter(MemoryStorage())
    page = hosted.page
    # each is a process of some seconds
    children = SlowLane(n_threads=4, n_each=2)

    async def media_of(media_id: str) -> Media:
        return await taking_in(hosted, lambda: hosted.media(media_id), slow, media_id)

    # --- files --------------------------------------------------------------------------------------------

    async def index(request: Request) -> Response:
        """One page; what it shows is read from its own address."""
        return sent(files["index.html"], request)

    for path in ("/", "/jobs/{job_id}", "/history", "/operator", "/shared/{secret}"):
        routes.add_api_route(path, index, methods=["GET", "HEAD"])

    @routes.get("/playground/{name}")
    async def asset(name: str, request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        return sent(files.get(name), request)

    # --- who is there -------------------------------------------------------------------------------------

    def with_session(response: Response, request: Request, secret: str, until: datetime) -> Response:
        is_secure = (settings.public_url or str(request.base_url)).startswith("https:")
        response.set_cookie(COOKIE, secret, expires=until, path="/", secure=is_secure, httponly=True, samesite="strict")
        response.headers["Cache-Control"] = "no-store"
        return response

    async def told(account: Account) -> dict[str, Any]:
        balance = None if not account.has_credit_limit else await call(hosted.balance_microusd, account)
        return {
            "signed_in": True,
            "name": account.name,
            "is_admin": account.is_admin,
            "balance_usd": None if balance is None else balance / 1e6,
            "limits": {
                "max_upload_bytes": settings.max_upload_bytes,
                "max_video_s": settings.max_video_s,
                "max_audio_s": settings.max_audio_s,
                "max_text_chars": settings.max_text_chars,
            },
            "version": metadata.version("lipwright"),
        }

    @routes.get("/playground/session/current")
    async def who(request: Request) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        secret = session_of(request.headers)
        headers = {"Cache-Control": "no-store"}
        try:
            account = None if secret is None else await call(page.visitor, secret)
        except InvalidKey:
            account = None
        return JSONResponse({"signed_in": False} if account is None else await told(account), headers=headers)

    @routes.post("/playground/session")
    async def sign_in(asked: SignIn, request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        """A key for a session."""
        check_origin("POST", request.headers, settings.public_url)
        host = request.client.host if request.client else ""
        if not limiter.test(tries, host):
            raise Refusal(429, "Too many tries; wait a minute.", 500069, 429, "rate_limited", {"Retry-After": "60"})
        try:
            account = await call(hosted.authenticate, asked.key.strip())
        except InvalidKey:
            # a proxy may be one host for many people: those who know their key are not counted
            limiter.hit(tries, host)
            raise
        secret, until = await call(page.open_session, account)
        return with_session(JSONResponse(await told(account)), request, secret, until)

    @routes.delete("/playground/session")
    async def sign_out(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        check_origin("DELETE", request.headers, settings.public_url)
        secret = session_of(request.headers)
        if secret is not None:
            await call(page.close_session, secret)
        response = JSONResponse({"signed_in": False})
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return response

    @routes.get("/playground/enter/{secret}")
    async def enter(secret: str, request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        """The link that `lipwright serve` prints: works once, and from the same machine only."""
        if not _is_at_home(request):
            raise Refusal(403, "This link works on the machine that serves only.", 400013, 403, "not_here")
        try:
            account = await call(page.use_link, secret)
        except InvalidKey:
            return RedirectResponse("/?link=used", 303, headers=PAGE_HEADERS)
        session, until = await call(page.open_session, account)
        return with_session(RedirectResponse("/", 303, headers=PAGE_HEADERS), request, session, until)

    @routes.get("/playground/sample/{name}")
    async def sample(name: str) -> Response:  # pyright: ignore[reportUnusedFunction]
        """The bundled sample, to begin with."""
        path = {"portrait.mp4": demo.video_path(), "speech.flac": demo.speech_path()}.get(name)
        if path is None:
            raise Refusal(404, "There is nothing at this address.", code="not_found")
        return FileResponse(path, headers={"Cache-Control": "private, max-age=3600"})

    @routes.head("/playground/media/{name}")
    @routes.get("/playground/media/{name}")
    async def media_file(name: str, request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        """As `/files/`, never from a bucket's own address: the page's policy lets it show what comes from here only."""
        found = await media_of(name.partition(".")[0])
        return await send_media(hosted, found, request, may_redirect=False)

    # --- what to choose from ------------------------------------------------------------------------------

    @routes.get(API + "media/{media_id}")
    async def media(media_id: str) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """What the server found an upload to be."""
        return JSONResponse(_media_view(await media_of(media_id)))

    @routes.post(API + "faces")
    async def faces(asked: Look, request: Request) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """Who is in the footage, and the frame that shows them."""
        footage = await media_of(asked.media)
        found = await children.call(lambda: page.faces(footage), request.state.account.id)
        shown = {
            "at_s": found.at_s,
            "width_px": found.width_px,
            "height_px": found.height_px,
            "n_looked": found.n_looked,
            "boxes_px": found.boxes_px,
        }
        return JSONResponse({**shown, "poster": base64.b64encode(found.poster).decode()})

    @routes.get(API + "voices")
    async def voices() -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        speakers, languages = await call(page.speakers)
        return JSONResponse(
            {
                "speakers": [{"id": one.id, "name": one.name, "gender": one.gender} for one in speakers],
                "languages": sorted(languages.items(), key=lambda row: row[1]),
            },
            headers={"Cache-Control": "private, max-age=600"},
        )

    @routes.post(API + "speech")
    async def speech(asked: Say, request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        """A text, or a sample, said by a voice: a WAV file."""
        footage = None if asked.media is None else await media_of(asked.media)
        account: Account = request.state.account
        sound = await children.call(
            lambda: page.say(asked.text, asked.voice, asked.language or None, footage), account.id
        )
        return Response(sound, media_type="audio/wav", headers={"Cache-Control": "no-store"})

    @routes.post(API + "quote")
    async def quote(asked: Quote, request: Request) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """What it will cost, and how long it will take; of a text, how long it is expected to be."""
        account: Account = request.state.account

        def measure() -> dict[str, Any]:
            speech_s = asked.speech_s
            if speech_s is None:
                speech_s = hosted.expected_s(asked.text or "")
            price = hosted.price_of("native", speech_s=speech_s, kept_s=asked.kept_s)
            balance = hosted.balance_microusd(account) if account.has_credit_limit else None
            pace, n_before = page.pace(), page.n_before(None)
            return {
                "speech_s": speech_s,
                "price_usd": price / 1e6,
                "balance_usd": None if balance is None else balance / 1e6,
                "is_affordable": balance is None or balance >= price,
                "n_before": n_before,
                "work_s": pace * max(speech_s, asked.kept_s or 0.0),
            }

        return JSONResponse(await call(measure))

    # --- jobs ---------------------------------------------------------------------------------------------

    def view(account: Account, job_id: str) -> dict[str, Any]:
        job = hosted.job(account, job_id)
        return job_view(job, page.inputs(job), page.n_before(job) if job.state is JobState.QUEUED else None)

    @routes.get(API + "jobs")
    async def history(  # pyright: ignore[reportUnusedFunction]
        request: Request,
        words: str = "",
        page_number: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
        page_size: int = 20,
    ) -> JSONResponse:
        """One's own jobs, newest first."""
        account: Account = request.state.account

        def find() -> dict[str, Any]:
            size = min(max(page_size, 1), 100)
            found = page.search(account, words[:200], page=page_number, page_size=size)
            items = [job_view(job, page.inputs(job), None, with_report=False) for job in found.jobs]
            return {"items": items, "total": found.n_total, "page": page_number, "page_size": size}

        return JSONResponse(await call(find))

    @routes.get(API + "jobs/{job_id}")
    async def job(job_id: str, request: Request) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        return JSONResponse(await call(view, request.state.account, job_id))

    @routes.post(API + "jobs/{job_id}/cancel")
    async def cancel(job_id: str, request: Request) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        account: Account = request.state.account
        await call(hosted.cancel, account, job_id)
        return JSONResponse(await call(view, account, job_id))

    @routes.delete(API + "jobs/{job_id}")
    async def delete(job_id: str, request: Request) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        await call(hosted.delete, request.state.account, job_id)
        return JSONResponse({"id": job_id, "state": "deleted"})

    @routes.get(API + "jobs/{job_id}/events")
    async def events(job_id: str, request: Request) -> StreamingResponse:  # pyright: ignore[reportUnusedFunction]
        """How a job stands, each time that it changes, until it is final: server-sent events."""
        account: Account = request.state.account
        first = await call(view, account, job_id)
        return StreamingResponse(
            _told(lambda: call(view, account, job_id), first, lambda: is_ending(request)),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    @routes.get(API + "jobs/{job_id}/subtitles.{kind}")
    async def subtitles(  # pyright: ignore[reportUnusedFunction]
        job_id: str, kind: Literal["srt", "vtt"], request: Request
    ) -> Response:
        found = await call(hosted.job, request.state.account, job_id)
        text = await call(page.subtitles, found, kind)
        kinds = {"srt": "application/x-subrip", "vtt": "text/vtt"}
        return _attached(text, f"{job_id}.{kind}", kinds[kind])

    @routes.get(API + "jobs/{job_id}/report.json")
    async def report(job_id: str, request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        found = await call(hosted.job, request.state.account, job_id)
        return _attached(json.dumps(dict(found.report), indent=1), f"{job_id}.json", "application/json")

    @routes.get(API + "jobs/{job_id}/report.html")
    async def report_page(job_id: str, request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        account: Account = request.state.account
        found = await call(hosted.job, account, job_id)
        text = await children.call(lambda: page.report_page(found), account.id)
        return _attached(text, f"{job_id}.html", "text/html")

    @routes.get(API + "jobs/{job_id}/mouths.jpg")
    async def mouths(job_id: str, request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        """Mouths before and after."""
        account: Account = request.state.account
        found = await call(hosted.job, account, job_id)
        sheet = await children.call(lambda: page.mouths(found), account.id)
        return Response(sheet, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})

    # --- sharing ------------------------------------------------------------------------------------------

    @routes.post(API + "jobs/{job_id}/share")
    async def share(asked: Share, job_id: str, request: Request) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        account: Account = request.state.account
        found = await call(hosted.job, account, job_id)
        secret, until = await call(page.share, account, found, timedelta(hours=asked.hours))
        return JSONResponse({"path": f"/shared/{secret}", "expires_at": until.isoformat()})

    @routes.delete(API + "jobs/{job_id}/share")
    async def unshare(job_id: str, request: Request) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        found = await call(hosted.job, request.state.account, job_id)
        return JSONResponse({"n_closed": await call(page.unshare, found)})

    @routes.get("/playground/shared/{secret}")
    async def shared(secret: str) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """What a share link shows, without a session: the result, its footage, its report."""
        found = await call(page.shared, secret)
        inputs = {} if found.source is None else {"video": found.source}
        shown = job_view(found.job, inputs, None)
        where = f"/playground/shared/{secret}"
        for which, name in ((shown["outputs"], "result"), ([shown["inputs"]["video"]], "source")):
            for one in which:
                if one is not None:
                    one |= {"id": "", "url": f"{where}/{name}"}
        shown["request"] |= {"video": "", "audio": None}
        del shown["price_usd"]
        shown["expires_at"] = found.expires_at.isoformat()
        return JSONResponse(shown, headers={"Cache-Control": "no-store"})

    @routes.get("/playground/shared/{secret}/{which}")
    async def shared_media(  # pyright: ignore[reportUnusedFunction]
        secret: str, which: Literal["result", "source"], request: Request
    ) -> Response:
        found = await call(page.shared, secret)
        kept = found.source if which == "source" else next(iter(found.job.outputs), None)
        if kept is None:
            raise Refusal(404, "It is not kept any more.", code="not_found")
        return await send_media(hosted, kept, request, may_redirect=False)

    # --- the operator's -----------------------------------------------------------------------------------

    @routes.get(API + "operator")
    async def operator(request: Request) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """Queue, workers, failures, money: of everyone, for the keys of operators."""
        account: Account = request.state.account
        if not account.is_admin:
            raise Refusal(403, "This is for the keys of operators (`lipwright keys create --admin`).", code="forbidden")
        return JSONResponse(await call(_overview, hosted))

    return routes


def job_view(job: Job, inputs: dict[str, Media], n_before: int | None, *, with_report: bool = True) -> dict[str, Any]:
    """A job as the page reads it; times in seconds, money in dollars."""
    request = job.request
    now_s = time.time()
    end_s = job.finished_at.timestamp() if job.finished_at is not None else now_s
    worked_s = None if job.started_at is None else max(0.0, end_s - job.started_at.timestamp())
    left_s = None
    if job.state is JobState.RUNNING and worked_s is not None and job.progress >= 0.1:
        left_s = round(worked_s * (1 - job.progress) / job.progress, 1)
    error = None
    if job.error_code is not None or job.state in {JobState.FAILED, JobState.CANCELLED}:
        error = {"code": job.error_code, "message": job.error_message}
    return {
        "id": job.id,
        "number": job.number,
        "state": job.state.value,
        "phase": job.phase,
        "progress": round(job.progress, 4),
        "n_before": n_before,
        "worked_s": None if worked_s is None or not job.state.is_final else round(worked_s, 1),
        "left_s": left_s,
        "created_at": job.created_at.isoformat(),
        "finished_at": None if job.finished_at is None else job.finished_at.isoformat(),
        "price_usd": job.price_microusd / 1e6,
        "request": {
            "face": request.face,
            "model": request.model,
            "video": request.video,
            "audio": request.audio,
            "text": request.text,
            "voice": request.voice,
            "language": request.language,
            "options": dict(request.options),
        },
        "inputs": {role: _media_view(inputs.get(role)) for role in ("video", "audio")},
        "outputs": [_media_view(one) for one in job.outputs],
        "error": error,
        "report": dict(job.report) if with_report and job.report else None,
    }


def _media_view(one: Media | None) -> dict[str, Any] | None:
    if one is None:
        return None
    names = ("id", "kind", "filename", "content_type", "n_bytes", "duration_s", "width_px", "height_px", "has_sound",
             "number")  # fmt: skip
    return {
        **{name: getattr(one, name) for name in names},
        "url": media_url(one, "").replace("/files/", "/playground/media/"),
    }


async def _told(ask: Callable[[], Any], first: dict[str, Any], is_over: Callable[[], bool]) -> AsyncIterator[str]:
    """Each state that differs from the last."""
    yield "retry: 1000\n\n"
    now, last, last_s = first, None, time.monotonic()
    while not is_over():
        if now != last:
            yield f"data: {json.dumps(now, separators=(',', ':'))}\n\n"
            last, last_s = now, time.monotonic()
        elif time.monotonic() - last_s > _SIGN_OF_LIFE_S:
            yield ": still here\n\n"
            last_s = time.monotonic()
        if now["state"] in {"succeeded", "failed", "cancelled"}:
            return
        await asyncio.sleep(_POLL_S)
        try:
            now = await ask()
        except LipwrightError:
            return  # deleted while it was watched: whoever asks anew is told


def _overview(hosted: Hosted) -> dict[str, Any]:
    desk = hosted.desk
    names = desk.account_names()

    def rows(found: JobPage) -> list[dict[str, Any]]:
        return [
            {
                **job_view(job, {}, None, with_report=False),
                "account": names.get(job.account_id, job.account_id),
            }
            for job in found.jobs
        ]

    running, queued = (desk.jobs(states=(state,), limit=30) for state in (JobState.RUNNING, JobState.QUEUED))
    failed = desk.jobs(states=(JobState.FAILED,), limit=20)
    return {
        "figures": dict(hosted.figures()),
        "workers": [asdict(worker) for worker in desk.workers()],
        "open": rows(running) + rows(queued),
        "failed": rows(failed),
        "n_failed": failed.n_total,
        "accounts": [
            {
                "name": account.name,
                "balance_usd": hosted.balance_microusd(account) / 1e6,
                "has_credit_limit": account.has_credit_limit,
                "is_admin": account.is_admin,
                "is_revoked": revoked_at is not None,
            }
            for account, _, revoked_at in hosted.accounts()[:_MAX_ACCOUNTS]
        ],
        "ledger": [
            {
                "account": names.get(row.account_id, row.account_id),
                "kind": row.kind,
                "amount_usd": row.amount_microusd / 1e6,
                "job_id": row.job_id,
                "created_at": row.created_at.isoformat(),
                "note": row.note,
            }
            for row in hosted.page.ledger(40)
        ],
    }


def _attached(text: str, filename: str, kind: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{filename}"', "Cache-Control": "no-store"}
    return Response(text, media_type=kind, headers=headers)


def _is_at_home(request: Request) -> bool:
    """Whether a browser of this very machine asks, by a name of this machine, and no proxy in between."""
    if any(name in request.headers for name in ("forwarded", "x-forwarded-for", "x-real-ip")):
        return False
    try:
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
        from_here = request.client is not None and ip_address(request.client.host).is_loopback
        return from_here and (host == "localhost" or ip_address(host).is_loopback)
    except ValueError:
        return False
