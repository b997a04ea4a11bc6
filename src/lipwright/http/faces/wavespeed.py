"""WaveSpeedAI's API: models that are submitted to by name, and predictions that are asked for until they are done."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qs

from fastapi import APIRouter, Body, Request, Security
from fastapi.responses import JSONResponse, Response, StreamingResponse
from fastapi.security import HTTPBearer
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from lipwright.config import HttpSettings, ServiceSettings
from lipwright.core.errors import DatabaseAway, InvalidOption, JobNotFound
from lipwright.core.jobs import Account, Job, JobRequest, JobState, Media
from lipwright.http import crossing
from lipwright.http.bodies import JsonRoute
from lipwright.http.crossing import SlowLane, call, is_ending, look_up, pulled, taking_in
from lipwright.http.errors import Refusal, task_code
from lipwright.http.faces import models
from lipwright.http.faces.sources import Sources, are_addresses, shortened, webhook_of
from lipwright.http.files import base_url_of, kind_of, known_media_id, media_url, no_file, ticket_url
from lipwright.http.multipart import MultipartStream
from lipwright.http.reports import report_url
from lipwright.service.hosted import Hosted, OpenMedia
from lipwright.service.prices import speech_s_of

STATUS: Final = {
    JobState.QUEUED: "created",
    JobState.RUNNING: "processing",
    JobState.SUCCEEDED: "completed",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "failed",  # older clients know four words, and would ask for ever
}
_STATES: Final = {
    "created": (JobState.QUEUED,),
    "pending": (JobState.QUEUED,),
    "processing": (JobState.QUEUED, JobState.RUNNING),
    "completed": (JobState.SUCCEEDED,),
    "failed": (JobState.FAILED, JobState.CANCELLED),
    "cancelled": (JobState.CANCELLED,),
}
"""The words of the filter: those of the answers, and what some clients say."""
UNLIMITED_USD: Final = 10_000.0
"""Shown as the balance of a key without credit limit: clients look whether there is enough."""
_HISTORY: Final = timedelta(days=7)
_EARLIEST, _LATEST = datetime(1970, 2, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
KEY_SCHEME = HTTPBearer(auto_error=False, scheme_name="WaveSpeed key", description="Your API key.")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_ENCODED: Final = re.compile("%(?:3D|26|2B|25)", re.IGNORECASE)
"""`=`, `&`, `+` and `%` within the value of a query: an address that is written out has them as they are."""
_BASE64_AND_WEBHOOK: Final = (
    "webhook callback does not support base64 output, please use the normal API to use base64 output"
)


def _aware(at: datetime) -> datetime:
    """In UTC, where no zone is said; and within years that can be reckoned with."""
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return min(max(at, _EARLIEST), _LATEST)


def _none_for_nothing(given: Any) -> Any:
    return None if isinstance(given, str) and not given.strip() else given


def _end_of_day(given: Any) -> Any:
    """A day without a time, as the end of a period: the day belongs to it."""
    if isinstance(given, str) and _DAY.fullmatch(given.strip()):
        with contextlib.suppress(ValueError, OverflowError):  # no such day: told as any other value that is none
            return datetime.fromisoformat(given.strip()) + timedelta(days=1)
    return given


Moment = Annotated[datetime, AfterValidator(_aware)]
Since = Annotated[Moment | None, BeforeValidator(_none_for_nothing)]
Until = Annotated[Moment | None, BeforeValidator(_end_of_day), BeforeValidator(_none_for_nothing)]


class Urls(BaseModel):
    get: str
    report: str | None = None
    """Only of what is done."""


class Timings(BaseModel):
    inference: int


class Prediction(BaseModel):
    """A job as this API shows it."""

    id: str
    model: str
    outputs: list[str]
    urls: Urls
    has_nsfw_contents: list[bool]
    status: Literal["created", "processing", "completed", "failed"]
    created_at: str
    error: str
    executionTime: int
    timings: Timings
    code: int | None = None
    """Only of what failed."""


class Answer(BaseModel):
    code: Literal[200]
    message: Literal["success"]
    data: dict[str, Any]


class PredictionAnswer(BaseModel):
    code: Literal[200]
    message: Literal["success"]
    data: Prediction


class ErrorAnswer(BaseModel):
    code: int
    message: str
    error: str
    error_code: str


class Ticket(models.Lenient):
    filename: str = Field(min_length=1, max_length=500, examples=["line1.wav"])
    size: int | None = Field(default=None, ge=0, le=2**53 - 1, examples=[64044])
    content_type: str | None = Field(default=None, max_length=200, examples=["audio/wav"])


class History(models.Lenient):
    page: int = Field(default=1, ge=1, le=1_000_000)
    page_size: int = Field(default=20, ge=1, le=100)
    model: str | None = None
    status: str | None = None
    created_after: Moment | None = None
    created_before: Moment | None = None
    include_inputs: bool = False


class Ids(BaseModel):
    ids: list[str] = Field(max_length=1000)


class Priced(models.Lenient):
    model_id: str
    inputs: dict[str, Any] = Field(default_factory=dict[str, Any])


ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": ErrorAnswer, "description": text}
    for status, text in {
        400: "A field is missing or cannot be used, or there are not enough credits.",
        401: "The key is missing or unknown.",
        403: "The key was revoked.",
        404: "No such model or prediction.",
        409: "A request with this idempotency key is being taken in.",
        413: "Larger than is taken.",
        422: "The idempotency key was used for another request.",
        429: "Too many requests; see Retry-After.",
    }.items()
}


def success(data: Any) -> dict[str, Any]:
    """The envelope; `data` is never null, and there is no `error` beside it."""
    return {"code": 200, "message": "success", "data": data}


def stamp(at: datetime) -> str:
    """UTC with milliseconds and Z."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def prediction(job: Job, base_url: str, *, with_input: bool = False) -> dict[str, Any]:
    """A job in this API's form, in the order of its samples."""
    took_ms = inference_ms = 0
    if job.state.is_final and job.finished_at is not None:
        took_ms = _ms(job.finished_at - job.created_at)
        inference_ms = 0 if job.started_at is None else _ms(job.finished_at - job.started_at)
    error = ""
    if job.state in {JobState.FAILED, JobState.CANCELLED}:
        error = job.error_message or ("Cancelled." if job.state is JobState.CANCELLED else "The task failed.")
    out: dict[str, Any] = {"id": job.id, "model": job.request.model}
    if with_input:
        out["input"] = dict(job.request.raw)
    out |= {
        "outputs": [media_url(output, base_url) for output in job.outputs],
        "urls": {"get": f"{base_url}/api/v3/predictions/{job.id}/result"},
        "has_nsfw_contents": list(job.has_nsfw),
        "status": STATUS[job.state],
        "created_at": stamp(job.created_at),
        "error": error,
        "executionTime": took_ms,
        "timings": {"inference": inference_ms},
    }
    report = report_url(job, base_url)
    if report is not None:
        out["urls"]["report"] = report
    if error:
        out["code"] = task_code(job.error_code)
    return out


def _ms(span: timedelta) -> int:
    return max(0, round(span.total_seconds() * 1000))


def webhook_in(query: bytes) -> str | None:
    """The `webhook` of a query string, percent-encoded or not: un-escaped and first, it is all the rest.

    Some clients (aiohttp) encode only what would end the value, and leave `://` and `?` as they are.
    """
    text = query.decode("latin-1")
    plain = re.match(r"webhook=(https?://([^&]*).*)", text, re.IGNORECASE | re.DOTALL)
    if plain is None or ("=" not in plain[2] and _ENCODED.search(plain[2])):
        return next(iter(parse_qs(text).get("webhook", [])), None)
    return plain[1]


def account_of(request: Request) -> Account:
    """Whom the door let in."""
    return request.state.account


def router(
    hosted: Hosted,
    settings: ServiceSettings,
    http: HttpSettings,
    slow: SlowLane,
    whole: SlowLane,
    *,
    prefix: str,
    include_in_schema: bool = True,
) -> APIRouter:
    """Every operation, under the prefix of a version. Uploads go by `slow`, files within a submit by `whole`."""
    routes = APIRouter(
        prefix=prefix,
        tags=["WaveSpeed"],
        dependencies=[Security(KEY_SCHEME)],
        responses=ERRORS,
        include_in_schema=include_in_schema,
        strict_content_type=False,  # a body is JSON, also where a client does not say so
        route_class=JsonRoute,
    )
    catalogue = models.catalogue()

    def base_urls(request: Request) -> set[str]:
        return {base_url_of(request, settings.public_url), str(request.base_url).rstrip("/")}

    def wanted(account: Account, model: models.Model, given: models.Inputs, call_: _Call) -> JobRequest:
        sources = Sources(hosted, account, call_.base_urls)
        wish = given.wish()
        if wish.audio is None and wish.text is None:
            raise Refusal(400, "audio: field required", code="missing_parameter")
        is_spoken = wish.audio is None
        return JobRequest(
            face="native" if model.id.startswith(models.OWN) else "wavespeed",
            model=model.id,
            video=sources.settle("video", wish.video),
            audio=None if wish.audio is None else sources.settle("audio", wish.audio),
            text=wish.text if is_spoken else None,
            voice=wish.voice if is_spoken else None,
            language=wish.language if is_spoken else None,
            options={**model.options, **wish.options},
            webhook_url=call_.webhook,
            raw=shortened(given.model_dump(mode="json", exclude_unset=True), wish.text if is_spoken else None),
        )

    def submitted_with_files(account: Account, model: models.Model, given: models.Inputs, call_: _Call) -> Job:
        """The key is claimed first: the same request may come again while its files are looked at."""
        claimed = None
        if call_.key is not None:
            claimed = hosted.claim(account, call_.key, call_.fingerprint(model, given))
            if isinstance(claimed, Job):
                return claimed
        try:
            return hosted.submit(account, wanted(account, model, given, call_), claimed=claimed)
        except BaseException:
            if claimed is not None:
                hosted.unclaim(account, claimed)
            raise

    async def submitted(account: Account, model: models.Model, given: models.Inputs, call_: _Call) -> Job:
        wish = given.wish()
        if not are_addresses(call_.base_urls, wish.video, wish.audio):
            return await whole.call(lambda: submitted_with_files(account, model, given, call_), account.id)
        request = wanted(account, model, given, call_)
        return await crossing.submit(hosted, account, request, call_.key, call_.fingerprint(model, given), slow)

    async def answer(request: Request, job: Job) -> Response:
        shown = prediction(job, base_url_of(request, settings.public_url))
        if job.outputs and job.request.raw.get("enable_base64_output"):
            shown["outputs"] = []
            # before the first byte of an answer that would have to break off
            opened = [await call(hosted.open_media, output.id) for output in job.outputs]
            return StreamingResponse(_with_base64(shown, opened), media_type="application/json")
        return JSONResponse(success(shown))

    async def ended(request: Request, account: Account, job: Job) -> Job:
        """The job as soon as it is final; as it stands when it was waited for long enough, or nobody can wait on."""
        until_s = time.monotonic() + http.sync_wait_s
        pause_s = 0.1
        while not (job.state.is_final or is_ending(request) or await request.is_disconnected()):
            if time.monotonic() >= until_s:
                break
            await asyncio.sleep(pause_s)
            pause_s = min(1.0, pause_s * 1.5)
            # the job was taken in: who is told of an error instead of its id submits again, and pays twice
            with contextlib.suppress(DatabaseAway):
                job = await look_up(hosted, hosted.job, account, job.id)
        return job

    async def submit(request: Request, model: models.Model, given: models.Inputs) -> Response:
        webhook = webhook_of(webhook_in(request.scope["query_string"]), given.webhook_url)
        if webhook and given.enable_base64_output:
            raise Refusal(400, _BASE64_AND_WEBHOOK, code="invalid_parameter")
        account = account_of(request)
        call_ = _Call(request.headers.get("idempotency-key"), webhook, base_urls(request))
        job = await submitted(account, model, given, call_)
        if not given.enable_sync_mode:
            return await answer(request, job)
        began_s = time.monotonic()
        job = await ended(request, account, job)
        if job.state.is_final:
            _check_kept(job)
            return await answer(request, job)
        shown = prediction(job, base_url_of(request, settings.public_url))
        result = shown["urls"]["get"]
        waited_s, why = http.sync_wait_s, ""
        if is_ending(request):
            waited_s, why = round(time.monotonic() - began_s), ", as this server is ending; the job goes on"
        shown |= {
            "status": "processing",
            "code": 5004,
            "error": f"Sync mode timed out after {waited_s:g} seconds{why}. Query the result at: {result}",
        }
        return JSONResponse(success(shown))

    for model in catalogue.values():
        routes.add_api_route(
            f"/{model.id}",
            _submit_route(model, submit),
            methods=["POST"],
            name=model.name,
            description=model.description,
            operation_id="submit_" + re.sub(r"\W+", "_", model.id),
            responses={200: {"model": PredictionAnswer}},
            openapi_extra={
                "parameters": [
                    {
                        "name": "webhook",
                        "in": "query",
                        "description": "Where the prediction is posted once it is final.",
                        "schema": {"type": "string"},
                    },
                    {
                        "name": "Idempotency-Key",
                        "in": "header",
                        "description": "The same key within 24 h is the same submit.",
                        "schema": {"type": "string", "maxLength": 200},
                    },
                ]
            },
        )

    async def read(prediction_id: str, request: Request) -> Response:
        """How a prediction stands."""
        return await answer(request, await look_up(hosted, hosted.job, account_of(request), prediction_id))

    async def result(prediction_id: str, request: Request) -> Response:
        """The same; 404 once its outputs are not kept any more."""
        job = await look_up(hosted, hosted.job, account_of(request), prediction_id)
        _check_kept(job)
        return await answer(request, job)

    for spelling, name, told in (("/result", "result", result), ("", "prediction", read)):
        routes.add_api_route(
            "/predictions/{prediction_id}" + spelling,
            told,
            methods=["GET"],
            operation_id=f"read_{name}",
            responses={200: {"model": PredictionAnswer}},
        )

    @routes.post("/predictions", operation_id="history", responses={200: {"model": Answer}})
    async def history(  # pyright: ignore[reportUnusedFunction]
        request: Request, asked: Annotated[History, Body(default_factory=History)]
    ) -> JSONResponse:
        """Your predictions of the last seven days, newest first."""
        oldest = datetime.now(UTC) - _HISTORY
        since = oldest if asked.created_after is None else max(oldest, asked.created_after)
        page = await call(
            hosted.jobs,
            account_of(request),
            states=None if not asked.status else _STATES.get(asked.status, ()),
            model=asked.model or None,
            since=since,
            until=asked.created_before,
            page=asked.page,
            page_size=asked.page_size,
        )
        base_url = base_url_of(request, settings.public_url)
        items = [prediction(job, base_url, with_input=asked.include_inputs) for job in page.jobs]
        return JSONResponse(success({"page": asked.page, "total": page.n_total, "items": items}))

    @routes.post("/predictions/delete", operation_id="delete_many", responses={200: {"model": Answer}})
    async def delete_many(asked: Ids, request: Request) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """Forget predictions and their results; ids that are not known are passed over."""
        account = account_of(request)

        def delete() -> int:
            n_deleted = 0
            for job_id in dict.fromkeys(asked.ids):
                try:
                    hosted.delete(account, job_id)
                except JobNotFound:
                    continue
                n_deleted += 1
            return n_deleted

        return JSONResponse(success({"deleted_count": await call(delete)}))

    @routes.delete("/predictions/{prediction_id}", operation_id="delete_one", responses={200: {"model": Answer}})
    async def delete_one(prediction_id: str, request: Request) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """Forget a prediction; one that is not done is cancelled."""
        await call(hosted.delete, account_of(request), prediction_id)
        return JSONResponse(success({"id": prediction_id, "status": "deleted"}))

    def uploaded(media: Media, base_url: str) -> JSONResponse:
        url = media_url(media, base_url)
        return JSONResponse(
            success(
                {
                    "type": media.kind,
                    "download_url": url,
                    "url": url,
                    "filename": media.filename,
                    "size": media.n_bytes,
                }
            )
        )

    async def upload(request: Request) -> JSONResponse:
        """A file in a form, in its part `file`."""
        account, kind = account_of(request), request.headers.get("content-type", "")
        stream = request.stream()

        def take() -> Media:
            form = MultipartStream(kind, pulled(stream))
            if not form.find_file({"file"}):
                raise no_file()
            return hosted.upload_file(account, form.file_chunks(), form.filename)

        return uploaded(await slow.call(take, account.id), base_url_of(request, settings.public_url))

    for path, name in (("/media/upload/binary", "upload_binary"), ("/upload", "upload")):
        routes.add_api_route(
            path,
            upload,
            methods=["POST"],
            operation_id=name,
            responses={200: {"model": Answer}},
            openapi_extra=models.FORM,
        )

    @routes.post("/media/uploads", operation_id="begin_upload", responses={200: {"model": Answer}})
    async def begin_upload(asked: Ticket, request: Request) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """An address for one file: PUT its bytes there with these headers, and use `download_url` as an input."""
        kind = asked.content_type or ""
        ticket = await call(hosted.begin_upload, account_of(request), asked.filename, kind, asked.size)
        base_url = base_url_of(request, settings.public_url)
        link = await call(hosted.upload_link, ticket)
        return JSONResponse(
            success(
                {
                    "type": kind_of(kind, asked.filename),
                    "filename": asked.filename,
                    "size": asked.size,
                    "download_url": ticket_url(ticket, base_url),
                    "upload": {
                        "method": "PUT",
                        "url": link or f"{base_url}/put/{ticket.id}",
                        "headers": {"Content-Type": kind or "application/octet-stream", "If-None-Match": "*"},
                        "expires_at": stamp(ticket.expires_at),
                    },
                }
            )
        )

    @routes.get("/models", operation_id="list_models")
    async def list_models() -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """What can be submitted to."""
        base_price = settings.wavespeed_microusd_per_5s / 1e6
        return JSONResponse(success([models.entry(model, base_price) for model in catalogue.values()]))

    async def balance_usd(account: Account) -> float:
        if not account.has_credit_limit:
            return UNLIMITED_USD
        return await call(hosted.balance_microusd, account) / 1e6

    @routes.get("/balance", operation_id="balance", responses={200: {"model": Answer}})
    async def balance(request: Request) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """Your credit in US dollars."""
        return JSONResponse(success({"balance": await balance_usd(account_of(request))}))

    @routes.get("/account/balance", operation_id="account_balance", responses={200: {"model": Answer}})
    async def account_balance(request: Request) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """The same, with its currency."""
        return JSONResponse(success({"balance": await balance_usd(account_of(request)), "currency": "USD"}))

    @routes.get("/account/usage", operation_id="account_usage", responses={200: {"model": Answer}})
    async def usage(  # pyright: ignore[reportUnusedFunction]
        request: Request,
        start_date: Since = None,
        end_date: Until = None,
        model: str | None = None,
    ) -> JSONResponse:
        """What was charged, by default in the last 30 days. A day without a time counts whole."""
        until = end_date or datetime.now(UTC)
        since = start_date or until - timedelta(days=30)
        found = await call(hosted.usage, account_of(request), since, until, model=model or None)
        rows = [{"model": row.model, "requests": row.n_jobs, "cost": row.cost_microusd / 1e6} for row in found.by_model]
        period = {"start": stamp(since), "end": stamp(until)}
        cost = found.cost_microusd / 1e6
        return JSONResponse(
            success({"period": period, "total_requests": found.n_jobs, "total_cost": cost, "by_model": rows})
        )

    def known(model_id: str) -> models.Model:
        if model_id not in catalogue:
            raise Refusal(404, f"There is no model {model_id[:100]!r}.", code="unknown_model")
        return catalogue[model_id]

    @routes.post("/model/pricing", operation_id="unit_price", responses={200: {"model": Answer}})
    async def unit_price(asked: Priced) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """The price of the shortest job."""
        price = await call(hosted.price_of, "wavespeed") / 1e6
        return JSONResponse(success({"model_id": known(asked.model_id).id, "unit_price": price, "currency": "USD"}))

    @routes.post("/model/price", operation_id="price", responses={200: {"model": Answer}})
    async def price(asked: Priced, request: Request) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """The price of these inputs, where they tell their length: audio that was uploaded here, or a text.

        Of a text it is an estimate: what is charged goes by the length of its speech, which the voice decides. Where
        footage longer than the speech is shown to its end, its length counts, and it has to be uploaded here for that.
        """
        model, given = known(asked.model_id), asked.inputs

        async def uploaded_as(name: str) -> Media | None:
            link = given.get(name)
            if not isinstance(link, str):
                return None
            media_id = await call(known_media_id, hosted, link, base_urls(request))
            return None if media_id is None else await taking_in(hosted, lambda: hosted.media(media_id), slow, media_id)

        speech_s = speech_s_of(await uploaded_as("audio"))
        kept = await uploaded_as("video") if model.inputs.keeps(given) else None
        kept_s = None if kept is None else kept.duration_s
        text = given.get("text")
        if given.get("audio") or not isinstance(text, str):
            text = None
        microusd = await call(hosted.price_of, "wavespeed", speech_s=speech_s, text=text, kept_s=kept_s)
        usd = microusd / 1e6
        shown = {"price": usd, "discounted_price": usd, "discount_rate": 0, "currency": "USD"}
        return JSONResponse(success({"model_id": model.id, **shown}))

    @routes.get("/webhook/secret", operation_id="webhook_secret", responses={200: {"model": Answer}})
    async def webhook_secret(request: Request) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """What your webhooks are signed with."""
        return JSONResponse(success({"secret": await call(hosted.webhook_secret, account_of(request))}))

    return routes


def _check_kept(job: Job) -> None:
    """Raises Refusal where it is done and its outputs are gone: clients take the first of them without a look."""
    if job.state is JobState.SUCCEEDED and not job.outputs:
        again = "Submit it again, under another Idempotency-Key if it had one."
        raise Refusal(404, f"The outputs of this prediction have expired. {again}", code="media_not_known")


class _Call:
    """What a submit is asked with, beside its body."""

    def __init__(self, key: str | None, webhook: str | None, base_urls: set[str]) -> None:
        if key is not None and not 1 <= len(key) <= 200:
            raise InvalidOption("Idempotency-Key", key[:60], "give 1 to 200 characters")
        self.key = key
        self.webhook = webhook
        self.base_urls = base_urls

    def fingerprint(self, model: models.Model, given: models.Inputs) -> str:
        """The same for the same request; empty without a key."""
        if self.key is None:
            return ""
        told = [model.id, given.model_dump(mode="json"), self.webhook]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _submit_route(model: models.Model, submit: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose body is of the model's own type, which FastAPI reads from its annotations."""

    async def submit_to_model(request: Request, given: Any) -> Response:
        return await submit(request, model, given)

    submit_to_model.__annotations__ = {
        "request": Request,
        "given": Annotated[model.inputs, Body(openapi_examples=model.examples())],  # pyright: ignore[reportInvalidTypeArguments]
        "return": Response,
    }
    return submit_to_model


async def _with_base64(shown: dict[str, Any], outputs: list[OpenMedia]) -> AsyncIterator[bytes]:
    """The envelope with each output as naked base64, a piece at a time."""
    before, after = json.dumps(success(shown), separators=(",", ":")).split('"outputs":[]', 1)
    yield f'{before}"outputs":['.encode()
    for index, output in enumerate(outputs):
        yield b'"' if index == 0 else b',"'
        kept = b""
        while (chunk := await call(next, output.chunks, None)) is not None:
            kept += chunk
            whole = len(kept) // 3 * 3
            yield base64.b64encode(kept[:whole])
            kept = kept[whole:]
        yield base64.b64encode(kept) + b'"'
    yield f"]{after}".encode()
