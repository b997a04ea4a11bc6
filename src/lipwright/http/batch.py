"""Our own endpoint for many jobs at once: no vendor has one like it."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Final, Literal

import structlog
from fastapi import APIRouter, Body, Header, Request, Security
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from lipwright.config import ServiceSettings
from lipwright.core.errors import InternalError, LipwrightError
from lipwright.core.jobs import Account, JobRequest
from lipwright.core.options import DEFAULT_ENGINE
from lipwright.http.bodies import JsonRoute
from lipwright.http.crossing import SlowLane, call
from lipwright.http.errors import Refusal, refusal_of
from lipwright.http.faces import pixverse
from lipwright.http.faces.models import OWN, OwnInputs, Wish
from lipwright.http.faces.sources import Sources, shortened, webhook_of
from lipwright.http.faces.wavespeed import ERRORS, KEY_SCHEME, account_of, stamp, success
from lipwright.http.files import base_url_of, media_url
from lipwright.service.hosted import Hosted
from lipwright.service.hosted_batch import MAX_ITEMS, Batch, BatchItem, BrokenOff, Wanted

log = structlog.get_logger(__name__)

API: Final = "/api/lipwright/"
_EXAMPLE: Final = {
    "one clip, two languages": {
        "value": {
            "items": [
                {"reference": "en", "video": "https://media.example/clip.mp4", "audio": "https://media.example/en.wav"},
                {
                    "reference": "de",
                    "video": "https://media.example/clip.mp4",
                    "text": "Guten Morgen.",
                    "voice": "Emma",
                },
            ]
        }
    },
    "every option": {
        "value": {
            "items": [
                {
                    "video": "https://media.example/clip.mp4",
                    "audio": "https://media.example/speech.wav",
                    "face": "largest",
                    "when_short": "loop",
                    "crf": 20,
                    "intensity": 1.1,
                    "webhook_url": "https://app.example/done",
                }
            ]
        }
    },
}


class ItemIn(OwnInputs):
    """One job: as `lipwright/rewrite` takes it."""

    reference: str | None = Field(default=None, max_length=200, description="Your own name for it, told back.")
    engine: str = Field(default=DEFAULT_ENGINE, max_length=60, description="The way of moving lips.")
    enable_sync_mode: Literal[False] = Field(default=False, description="Not for batches.")  # pyright: ignore[reportIncompatibleVariableOverride]
    enable_base64_output: Literal[False] = Field(default=False, description="Not for batches.")  # pyright: ignore[reportIncompatibleVariableOverride]

    def wish(self) -> Wish:
        wish = super().wish()
        options = {name: value for name, value in wish.options.items() if name != "reference"}
        return Wish(wish.video, wish.audio, wish.text, wish.voice, wish.language, {**options, "engine": self.engine})


class BatchIn(BaseModel):
    """Up to 500 jobs."""

    items: list[ItemIn] = Field(min_length=1, max_length=MAX_ITEMS)


class Counts(BaseModel):
    pending: int = Field(description="Not taken in yet.")
    queued: int
    running: int
    succeeded: int
    failed: int
    cancelled: int
    refused: int = Field(description="No job was made of it; its error says why.")
    deleted: int


class ItemOut(BaseModel):
    index: int
    reference: str | None
    id: str | None = Field(description="Of its job, which `/api/v3/predictions/ID/result` shows too.")
    status: Literal["queued", "running", "succeeded", "failed", "cancelled", "refused", "deleted"]
    progress: float = Field(description="0 to 1.")
    outputs: list[str]
    error: str
    error_code: str | None


class BatchOut(BaseModel):
    id: str
    created_at: str
    status: Literal["processing", "completed"]
    total: int
    counts: Counts
    items: list[ItemOut]


class BatchAnswer(BaseModel):
    code: Literal[200]
    message: Literal["success"]
    data: BatchOut


def router(hosted: Hosted, settings: ServiceSettings, whole: SlowLane) -> APIRouter:
    """`/api/lipwright/batches`."""
    routes = APIRouter(
        prefix=API.rstrip("/"),
        tags=["Batches"],
        dependencies=[Security(KEY_SCHEME), Security(pixverse.KEY_SCHEME)],  # either
        responses=ERRORS,
        strict_content_type=False,  # a body is JSON, also where a client does not say so
        route_class=JsonRoute,
    )

    def answer(request: Request, batch: Batch) -> JSONResponse:
        return JSONResponse(success(_shown(batch, base_url_of(request, settings.public_url))))

    @routes.post(
        "/batches",
        operation_id="submit_batch",
        responses={200: {"model": BatchAnswer}},
    )
    async def submit(  # pyright: ignore[reportUnusedFunction]
        request: Request,
        given: Annotated[BatchIn, Body(openapi_examples=_EXAMPLE)],  # pyright: ignore[reportArgumentType]
        idempotency_key: Annotated[
            str | None, Header(min_length=1, max_length=200, description="The same key within 24 h is the same batch.")
        ] = None,
    ) -> JSONResponse:
        """Up to 500 jobs at once. An item that cannot be taken in is `refused` with its error; the others go on."""
        account = account_of(request)
        base_urls = {base_url_of(request, settings.public_url), str(request.base_url).rstrip("/")}
        sources = Sources(hosted, account, base_urls)
        n_speeches = Counter(item.video for item in given.items)
        wanted = [
            Wanted(item.reference, partial(_request, sources, item, is_shared=n_speeches[item.video] > 1))
            for item in given.items
        ]
        fingerprint = hashlib.sha256(given.model_dump_json(exclude_unset=True).encode()).hexdigest()
        try:
            batch = await whole.call(
                lambda: hosted.batches.submit(account, wanted, fingerprint, idempotency_key), account.id
            )
        except BrokenOff as exc:
            raise _broken_off(exc, has_key=idempotency_key is not None) from exc
        return answer(request, batch)

    @routes.get("/batches/{batch_id}", operation_id="read_batch", responses={200: {"model": BatchAnswer}})
    async def read(batch_id: str, request: Request) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """How many items are where, and each of them."""
        return answer(request, await call(hosted.batches.find, account_of(request), batch_id))

    @routes.post("/batches/{batch_id}/cancel", operation_id="cancel_batch", responses={200: {"model": BatchAnswer}})
    async def cancel(batch_id: str, request: Request) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """End all that has not ended; what succeeded stays."""
        account: Account = account_of(request)
        return answer(request, await whole.call(lambda: hosted.batches.cancel(account, batch_id), account.id))

    return routes


def _request(sources: Sources, item: ItemIn, *, is_shared: bool) -> JobRequest:
    """`is_shared`: others speak on the same footage, which is looked at whole, and once."""
    wish = item.wish()
    return JobRequest(
        face="native",
        model=f"{OWN}{item.engine}",
        video=sources.settle("video", wish.video),
        audio=None if wish.audio is None else sources.settle("audio", wish.audio),
        text=wish.text,
        voice=wish.voice,
        language=wish.language,
        options={"look": "all", **wish.options} if is_shared else wish.options,
        webhook_url=webhook_of(item.webhook_url),
        raw=shortened(item.model_dump(mode="json", exclude_unset=True), wish.text),
    )


def _broken_off(broken: BrokenOff, *, has_key: bool) -> Refusal:
    """Why, and under which id what was taken in is found: it runs, and is paid for."""
    why = broken.__cause__
    if not isinstance(why, LipwrightError):
        log.error("a batch broke", batch=broken.batch_id, exc_info=why)
        why = InternalError()
    refusal = refusal_of(why)
    again = "send it again under the same Idempotency-Key for the rest" if has_key else "send the rest in another one"
    told = f"Batch {broken.batch_id} was begun, and the jobs that it has run: {again}, read it or cancel it."
    return replace(refusal, message=f"{refusal.message} {told}", about={"batch_id": broken.batch_id})


def _shown(batch: Batch, base_url: str) -> dict[str, Any]:
    return {
        "id": batch.id,
        "created_at": stamp(batch.created_at),
        "status": "completed" if batch.is_final else "processing",
        "total": batch.n_items,
        "counts": {name: batch.counts.get(name, 0) for name in Counts.model_fields},
        "items": [_item(item, base_url) for item in batch.items],
    }


def _item(item: BatchItem, base_url: str) -> dict[str, Any]:
    job = item.job
    code, message = (item.error_code, item.error_message) if job is None else (job.error_code, job.error_message)
    return {
        "index": item.position,
        "reference": item.reference,
        "id": None if job is None else job.id,
        "status": item.state,
        "progress": 0.0 if job is None else job.progress,
        "outputs": [] if job is None else [media_url(output, base_url) for output in job.outputs],
        "error": message or "",
        "error_code": code,
    }
