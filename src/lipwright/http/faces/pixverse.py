"""The PixVerse Platform's API: everything has a number, and every answer an ErrCode."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Final, cast
from urllib.parse import parse_qs

from fastapi import APIRouter, Body, Path, Query, Request, Security
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyHeader
from pydantic import BaseModel, ConfigDict, Field, field_validator

from lipwright.config import ServiceSettings
from lipwright.core.errors import (
    InvalidOption,
    JobNotFound,
    MediaNotKnown,
    MediaTooLarge,
    PictureTooLarge,
    TextTooLong,
    UnknownVoice,
    UnreadableMedia,
    WrongContent,
)
from lipwright.core.jobs import MAX_NUMBER, Account, Job, JobRequest, JobState, Media
from lipwright.http.bodies import CommentedRoute
from lipwright.http.crossing import SlowLane, call, look_up, pulled, submit
from lipwright.http.errors import Refusal
from lipwright.http.faces.sources import is_address, shortened, webhook_of
from lipwright.http.files import base_url_of, known_media_id, media_url, no_file
from lipwright.http.multipart import MultipartStream
from lipwright.http.reports import report_url
from lipwright.service.hosted import Hosted

DONE: Final = 1
GENERATING: Final = 5
DELETED: Final = 6
REFUSED: Final = 7
FAILED: Final = 8
MODEL: Final = "pixverse/lip_sync"
MAX_KEY: Final = 200
"""Characters of an idempotency key."""
UNLIMITED_CREDITS: Final = 1_000_000
"""Shown as the balance of a key without credit limit: clients look whether there is enough."""
KEY_SCHEME = APIKeyHeader(name="API-KEY", auto_error=False, scheme_name="PixVerse key", description="Your API key.")
_MAX_FORM_CHARS: Final = 8192

Number = Annotated[int, Path(ge=1, le=MAX_NUMBER)]


class Generate(BaseModel):
    """Zero, an empty text and null all mean: not given."""

    model_config = ConfigDict(extra="ignore")

    video_media_id: int | None = Field(default=None, ge=0, le=MAX_NUMBER, description="A video that was uploaded.")
    source_video_id: int | None = Field(default=None, ge=0, le=MAX_NUMBER, description="A video that was made here.")
    audio_media_id: int | None = Field(default=None, ge=0, le=MAX_NUMBER, description="A sound that was uploaded.")
    lip_sync_tts_speaker_id: str | None = Field(default=None, description="From the list, or `auto`.")
    lip_sync_tts_content: str | None = Field(default=None, description="What shall be said.")
    webhook_id: str | None = Field(default=None, description="The address of a webhook (an extension).")
    webhook_url: str | None = Field(default=None, description="The same.")

    @field_validator("video_media_id", "source_video_id", "audio_media_id", mode="before")
    @classmethod
    def _none_for_nothing(cls, value: Any) -> Any:
        return None if not isinstance(value, bool) and value in (0, "", "0") else value

    @field_validator("webhook_id", "webhook_url", mode="before")
    @classmethod
    def _no_webhook(cls, value: Any) -> Any:
        return None if not isinstance(value, bool) and value in (0, "", "0") else value

    @field_validator("lip_sync_tts_speaker_id", "webhook_id", mode="before")
    @classmethod
    def _text_of_number(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class MediaResp(BaseModel):
    media_id: int
    media_type: str
    url: str


class ImageResp(BaseModel):
    img_id: int
    img_url: str


class VideoResp(BaseModel):
    video_id: int
    credits: int


class Speaker(BaseModel):
    speaker_id: str
    name: str


class SpeakersResp(BaseModel):
    total: int
    data: list[Speaker]


class BalanceResp(BaseModel):
    account_id: int
    credit_monthly: int
    credit_package: int


class ResultResp(BaseModel):
    create_time: str
    id: int
    modify_time: str
    negative_prompt: str
    outputHeight: int
    outputWidth: int
    prompt: str
    resolution_ratio: int
    seed: int
    size: int
    status: int = Field(description="1 done, 5 generating, 6 deleted, 7 refused by moderation, 8 failed.")
    style: str
    url: str
    has_audio: bool
    credits: int
    report_url: str = Field(description="What was done and how good it is; empty until it is done. Not the vendor's.")


class Answer(BaseModel):
    """Business errors come with HTTP 200 too; then `ErrCode` is not 0 and `Resp` is null."""

    ErrCode: int
    ErrMsg: str
    Resp: dict[str, Any] | None


class MediaAnswer(Answer):
    Resp: MediaResp | None  # pyright: ignore[reportIncompatibleVariableOverride]


class ImageAnswer(Answer):
    Resp: ImageResp | None  # pyright: ignore[reportIncompatibleVariableOverride]


class VideoAnswer(Answer):
    Resp: VideoResp | None  # pyright: ignore[reportIncompatibleVariableOverride]


class SpeakersAnswer(Answer):
    Resp: SpeakersResp | None  # pyright: ignore[reportIncompatibleVariableOverride]


class BalanceAnswer(Answer):
    Resp: BalanceResp | None  # pyright: ignore[reportIncompatibleVariableOverride]


class ResultAnswer(Answer):
    Resp: ResultResp | None  # pyright: ignore[reportIncompatibleVariableOverride]


ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": Answer, "description": text}
    for status, text in {
        401: "The key is missing or unknown.",
        403: "The key was revoked.",
        404: "There is nothing at this address.",
        409: "A request with this trace id is being taken in.",
        429: "Too many requests; see Retry-After.",
    }.items()
}


def success(resp: dict[str, Any]) -> JSONResponse:
    """ErrCode 0; `Resp` is never null then."""
    return JSONResponse({"ErrCode": 0, "ErrMsg": "Success", "Resp": resp})


def status_of(job: Job) -> int:
    """1, 5, 6, 7 or 8: every client knows these. What was made and is not kept any more is deleted.

    So is what was cancelled: nothing failed, and the vendor's own client calls 6 cancelled.
    """
    if job.state is JobState.SUCCEEDED:
        return DONE if job.outputs else DELETED
    if job.state is JobState.CANCELLED:
        return DELETED
    if not job.state.is_final:
        return GENERATING
    return REFUSED if job.error_code == "content_refused" else FAILED


def credits_of(price_microusd: int, credit_microusd: int) -> int:
    """Rounded up."""
    return -(-price_microusd // credit_microusd)


def deleted(job: Job) -> dict[str, Any]:
    """A job that its owner had forgotten: what is left is that there was one."""
    nothing = replace(job, outputs=(), price_microusd=0, report={}, request=replace(job.request, text=None, options={}))
    return {**result_of(nothing, "", 1), "status": DELETED}


def result_of(job: Job, base_url: str, credit_microusd: int) -> dict[str, Any]:
    """A job as this API shows it. `url` is empty until it is done: some clients trust it more than the status."""
    output = job.outputs[0] if job.outputs and job.state is JobState.SUCCEEDED else None
    return {
        "create_time": _stamp(job.created_at),
        "id": job.number,
        "modify_time": _stamp(job.finished_at or job.started_at or job.created_at),
        "negative_prompt": "",
        "outputHeight": 0 if output is None else output.height_px or 0,
        "outputWidth": 0 if output is None else output.width_px or 0,
        "prompt": job.request.text or "",
        "resolution_ratio": 0,
        "seed": int(job.request.options.get("seed", 0)),
        "size": 0 if output is None else output.n_bytes,
        "status": status_of(job),
        "style": "",
        "url": "" if output is None else media_url(output, base_url),
        "has_audio": output is not None,
        "credits": credits_of(job.price_microusd, credit_microusd),
        "report_url": (report_url(job, base_url) if output is not None else None) or "",
    }


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def refused(message: str, code: str = "invalid_parameter") -> Refusal:
    """400017, with the vendor's words."""
    return Refusal(400, message, 400017, code=code)


def router(hosted: Hosted, settings: ServiceSettings, slow: SlowLane) -> APIRouter:
    """Every operation; what else the vendor generates is refused with 500020."""
    routes = APIRouter(
        tags=["PixVerse"],
        dependencies=[Security(KEY_SCHEME)],
        responses=ERRORS,
        strict_content_type=False,  # a body is JSON, also where a client does not say so
        route_class=CommentedRoute,
    )
    base = "/openapi/v2"

    def base_url(request: Request) -> str:
        return base_url_of(request, settings.public_url)

    async def taken(request: Request, *, file_names: set[str], url_name: str) -> Media:
        """The media of a form: its file, or what is at its address."""
        account: Account = request.state.account
        ours = {base_url(request), str(request.base_url)}
        kind = request.headers.get("content-type", "")

        def take_from(url: str) -> Media:
            # not fetched: this server may not be reached by the address that clients know, or as a guarded one
            media_id = known_media_id(hosted, url, ours)
            return hosted.upload_url(account, url) if media_id is None else hosted.upload_copy(account, media_id)

        if not kind.lower().startswith("multipart/"):
            url = _field(kind, await _short_body(request, url_name), url_name).strip()
            if not url:
                raise no_file()
            return await slow.call(lambda: take_from(url), account.id)
        stream = request.stream()

        def take() -> Media:
            form = MultipartStream(kind, pulled(stream))
            if form.find_file(file_names):
                return hosted.upload_file(account, form.file_chunks(), form.filename)
            if url := form.fields.get(url_name, "").strip():
                return take_from(url)
            raise no_file()

        return await slow.call(take, account.id)

    @routes.post(
        f"{base}/media/upload",
        operation_id="pixverse_upload",
        responses={200: {"model": MediaAnswer}},
        openapi_extra=_form("file", "file_url"),
    )
    async def upload(request: Request) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """A video or a sound: a file, or the address of one."""
        media = await taken(request, file_names={"file"}, url_name="file_url")
        if media.kind == "image":
            raise refused("Invalid media_type: this is a picture; give a video or an audio resource.")
        url = media_url(media, base_url(request))
        return success({"media_id": media.number, "media_type": media.kind, "url": url})

    @routes.post(
        f"{base}/image/upload",
        operation_id="pixverse_upload_image",
        responses={200: {"model": ImageAnswer}},
        openapi_extra=_form("image", "image_url"),
    )
    async def upload_image(request: Request) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """A picture: a file, or the address of one."""
        try:
            media = await taken(request, file_names={"image", "file"}, url_name="image_url")
        except (MediaTooLarge, PictureTooLarge) as exc:
            raise Refusal(413, str(exc), 500030, code=exc.code) from exc
        except UnreadableMedia as exc:
            raise Refusal(400, str(exc), 500031, code=exc.code) from exc
        except WrongContent as exc:
            raise Refusal(400, f"Invalid image format. {exc}", 500032, code=exc.code) from exc
        if media.kind != "image":
            raise Refusal(400, "Invalid image format.", 500032, code="wrong_media_kind")
        return success({"img_id": media.number, "img_url": media_url(media, base_url(request))})

    def is_speaker(name: str) -> bool:
        return any(name.strip().lower() in {one.id.lower(), one.name.lower()} for one in hosted.speakers())

    def medium(account: Account, number: int, role: str, kind: str) -> str:
        try:
            media = hosted.media_by_number(account, number)
        except MediaNotKnown as exc:
            raise refused(f"No matching {role}; upload it again.", "media_not_known") from exc
        if media.kind != kind:
            resource = "a video" if kind == "video" else "an audio"
            raise refused(f"Invalid media_type: {role} is not {resource} resource.", "wrong_media_kind")
        return f"media:{media.id}"

    def made_before(account: Account, number: int) -> str:
        try:
            job = hosted.job(account, number)
        except JobNotFound as exc:
            raise refused("No matching source_video_id.", "job_not_found") from exc
        if job.state is JobState.SUCCEEDED and not job.outputs:
            raise refused("The video of source_video_id has expired; upload it again.", "media_not_known")
        if job.state is not JobState.SUCCEEDED:
            raise refused("The source_video_id is not done, or it failed.", "media_not_known")
        return f"media:{job.outputs[0].id}"

    def wanted(account: Account, given: Generate) -> JobRequest:
        text, speaker = given.lip_sync_tts_content or None, given.lip_sync_tts_speaker_id or None
        if not given.video_media_id and not given.source_video_id:
            raise refused("Either source_video_id or video_media_id must be provided.", "missing_parameter")
        if given.video_media_id and given.source_video_id:
            raise refused("Only one of source_video_id and video_media_id may be provided.")
        if given.audio_media_id and text:
            raise refused("Only one of audio_media_id and the TTS pair may be provided.")
        if given.audio_media_id:
            speaker = None  # some clients always name one
        if not given.audio_media_id and not (text and speaker):
            raise refused(
                "Either audio_media_id or lip_sync_tts_speaker_id and lip_sync_tts_content must be provided.",
                "missing_parameter",
            )
        if text and len(text) > settings.max_text_chars:
            raise refused(f"TTS text must be within {settings.max_text_chars} characters.", "text_too_long")
        if speaker and not is_speaker(speaker):
            raise refused("The speaker ID is invalid or not supported.", UnknownVoice.code)
        webhook = webhook_of(given.webhook_url, given.webhook_id)
        if webhook and not is_address(webhook):
            raise refused("webhook_id (or webhook_url) is the address of your webhook here: http://... or https://...")
        if given.video_media_id:
            video = medium(account, given.video_media_id, "video_media_id", "video")
        else:
            assert given.source_video_id is not None
            video = made_before(account, given.source_video_id)
        audio = None
        if given.audio_media_id:
            audio = medium(account, given.audio_media_id, "audio_media_id", "audio")
        return JobRequest(
            face="pixverse",
            model=MODEL,
            video=video,
            audio=audio,
            text=text,
            voice=speaker,
            webhook_url=webhook,
            raw=shortened(given.model_dump(exclude_unset=True), text),
        )

    async def submitted(account: Account, given: Generate, key: str | None, fingerprint: str) -> Job:
        # who asks for a voice may wait until the list of them is read
        if given.lip_sync_tts_content:
            wish = await call(wanted, account, given)
        else:
            wish = await look_up(hosted, wanted, account, given)
        try:
            return await submit(hosted, account, wish, key, fingerprint, slow)
        except TextTooLong as exc:
            raise refused(f"TTS text must be within {exc.limit} characters.", exc.code) from exc

    @routes.post(
        f"{base}/video/lip_sync/generate",
        operation_id="pixverse_lip_sync",
        responses={200: {"model": VideoAnswer}},
        openapi_extra={"parameters": [_TRACE]},
    )
    async def generate(  # pyright: ignore[reportUnusedFunction]
        request: Request, given: Annotated[Generate, Body(openapi_examples=_EXAMPLES)]
    ) -> JSONResponse:
        """A video whose lips say a sound or a text. A repeated trace id is the same submit."""
        key = request.headers.get("idempotency-key")
        trace = request.headers.get("ai-trace-id")
        fingerprint = hashlib.sha256(given.model_dump_json().encode()).hexdigest()
        if key is not None and not 1 <= len(key) <= MAX_KEY:
            raise InvalidOption("Idempotency-Key", key[:60], f"give 1 to {MAX_KEY} characters")
        if key is None and trace and "{{" not in trace:  # the vendor's example, pasted as it is, names a variable there
            # any text is taken for one, whatever the body says, as the vendor has it
            short = trace if len(trace) <= 64 else hashlib.sha256(trace.encode()).hexdigest()
            key, fingerprint = f"trace:{short}", "trace"
        job = await submitted(request.state.account, given, key, fingerprint)
        credits = credits_of(job.price_microusd, settings.credit_microusd)
        return success({"video_id": job.number, "credits": credits})

    @routes.get(
        f"{base}/video/result/{{video_id}}",
        operation_id="pixverse_result",
        responses={200: {"model": ResultAnswer}},
    )
    async def result(video_id: Number, request: Request) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """How a video stands."""
        account: Account = request.state.account
        try:
            job = await look_up(hosted, hosted.job, account, video_id)
        except JobNotFound:
            return success(deleted(await look_up(hosted, hosted.deleted_job, account, video_id)))
        return success(result_of(job, base_url(request), settings.credit_microusd))

    @routes.get(
        f"{base}/video/lip_sync/tts_list",
        operation_id="pixverse_speakers",
        responses={200: {"model": SpeakersAnswer}},
    )
    async def speakers(  # pyright: ignore[reportUnusedFunction]
        request: Request,
        page_num: Annotated[str | None, Query(examples=["1"])] = None,
        page_size: Annotated[str | None, Query(examples=["20"])] = None,
    ) -> JSONResponse:
        """Who can speak a text."""
        found = await call(hosted.speakers)
        body = {} if page_num and page_size else _said(await request.body())
        page = _whole(page_num or str(body.get("page_num")), 1) or 1
        size = min(100, _whole(page_size or str(body.get("page_size")), 20) or 20)
        shown = found[(page - 1) * size : page * size]
        return success({"total": len(found), "data": [{"speaker_id": one.id, "name": one.name} for one in shown]})

    @routes.get(f"{base}/account/balance", operation_id="pixverse_balance", responses={200: {"model": BalanceAnswer}})
    async def balance(request: Request) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """Your credits."""
        account: Account = request.state.account
        credits = UNLIMITED_CREDITS
        if account.has_credit_limit:
            credits = max(0, await call(hosted.balance_microusd, account) // settings.credit_microusd)
        number = int.from_bytes(hashlib.sha256(account.id.encode()).digest()[:6])
        return success({"account_id": number, "credit_monthly": 0, "credit_package": credits})

    @routes.get("/video/credits/{video_id}", operation_id="pixverse_credits", responses={200: {"model": VideoAnswer}})
    async def credits_used(video_id: Number, request: Request) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """What a video cost."""
        job = await call(hosted.job, request.state.account, video_id)
        credits = credits_of(job.price_microusd, settings.credit_microusd)
        return success({"video_id": job.number, "credit": credits, "credits": credits})  # clients spell it both ways

    async def refuse(rest: str) -> JSONResponse:
        raise Refusal(403, "No permission for this operation: this server makes lip sync only.", 500020, code="refused")

    for kind in ("video", "image", "effects", "account"):
        routes.add_api_route(
            f"{base}/{kind}/{{rest:path}}", refuse, methods=["GET", "POST", "DELETE"], include_in_schema=False
        )

    return routes


async def _short_body(request: Request, name: str) -> bytes:
    """The body, which is an address in a form. Raises Refusal before more than that is in memory."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_FORM_CHARS:
            raise refused(f"{name} is too long.")
    return bytes(body)


def _field(content_type: str, body: bytes, name: str) -> str:
    """A field of a form that is not multipart, or of JSON; empty where it is not there."""
    if "json" in content_type.lower():
        try:
            said: Any = json.loads(body)
        except (ValueError, RecursionError) as exc:
            raise Refusal(400, "The body is not JSON.") from exc
        value: Any = cast("dict[str, Any]", said).get(name) if isinstance(said, dict) else None
        return value if isinstance(value, str) else ""
    return next(iter(parse_qs(body.decode("utf-8", "replace")).get(name, [])), "")


def _said(body: bytes) -> dict[str, Any]:
    """A body of JSON, as the vendor's how-to sends it with this GET; whatever else came with it means nothing."""
    try:
        said: Any = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", said) if isinstance(said, dict) else {}


def _whole(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else otherwise


def _form(file: str, url: str) -> dict[str, Any]:
    properties = {file: {"type": "string", "format": "binary"}, url: {"type": "string"}}
    by_url = {"type": "object", "properties": {url: {"type": "string"}}, "required": [url]}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": {"type": "object", "properties": properties}},
                "application/x-www-form-urlencoded": {"schema": by_url},
            },
        }
    }


_TRACE: Final = {
    "name": "Ai-Trace-Id",
    "in": "header",
    "description": "A UUID, new for every request.",
    "schema": {"type": "string"},
}
_EXAMPLES: Final[Any] = {
    "audio": {"value": {"video_media_id": 34325217, "audio_media_id": 34325218}},
    "text": {
        "value": {
            "video_media_id": 34325217,
            "lip_sync_tts_speaker_id": "7",
            "lip_sync_tts_content": "Good morning from the harbour.",
        }
    },
}
