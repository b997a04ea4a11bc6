"""What every request passes: its ids, its key, its limits, its line in the log and its place in the figures."""

from __future__ import annotations

import asyncio
import hashlib
import math
import re
import time
import uuid
from collections.abc import MutableMapping
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lipwright import sandbox
from lipwright.core.errors import InvalidKey, LipwrightError
from lipwright.core.jobs import Account
from lipwright.http import batch, playground
from lipwright.http.crossing import call, look_up
from lipwright.http.errors import Refusal, WireFace, body_of, face_of, refusal_of
from lipwright.http.rate import Rates
from lipwright.service.hosted import Hosted

KEYED: Final = ("/api/v2/", "/api/v3/", "/openapi/v2/", "/video/", batch.API, playground.API)
"""Everything else is open: links that cannot be guessed, health, the OpenAPI document, the page and signing in."""
FORM_BYTES: Final = 1_000_000
"""What a form may hold around its file."""
HEAD_BYTES: Final = 65_536
"""The longest address and headers together."""
OPEN_BODY_BYTES: Final = 16_384
"""The longest body from whoever has shown no key: signing in."""
PATIENCE_S: Final = 60.0
SLOWEST_BYTES_PER_S: Final = 1000
"""A body that does not come on for so long, or comes more slowly after that, is not waited for."""
KNOWN_FOR_S: Final = 2.0
"""How long a key that was revoked, or whose limits were changed, may still be taken for what it was."""
_MOST_LET_IN: Final = 10_000
_POLLS: Final = re.compile(r"/api/v[23]/predictions/[^/]+(?:/result)?|/openapi/v2/video/result/[^/]+")
"""Where clients ask again and again how a job stands, each second for each of theirs."""
_N_POLLS: Final = 10
"""So many of these for each other request that a key may send: they cost little, and who is refused here gives up a job
that runs, and is paid for."""
_PUT: Final = "/put/"
_UPLOADS: Final = ("/upload", "/upload/binary")

log = structlog.get_logger("lipwright.http")


class Figures:
    """Counters for Prometheus, of one app."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "lipwright_requests", "Requests answered.", ("route", "method", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "lipwright_request_seconds",
            "Time to the last byte of the answer.",
            ("route",),
            registry=self.registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
        )


class Door:
    """ASGI middleware around the whole app. The account is left in `request.state.account`."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosted: Hosted,
        figures: Figures,
        max_json_bytes: int,
        max_upload_bytes: int,
        public_url: str,
    ) -> None:
        self._app = app
        self._hosted = hosted
        self._figures = figures
        self._max_json_bytes = max_json_bytes
        self._max_upload_bytes = max_upload_bytes
        self._public_url = public_url
        self._rates = Rates()
        self._polls = Rates()
        self._let_in: dict[bytes, tuple[float, Account]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s = time.perf_counter()
        headers = Headers(scope=scope)
        path: str = scope["path"]
        face = face_of(path)
        request_id = uuid.uuid4().hex
        state: MutableMapping[str, Any] = scope.setdefault("state", {})
        status = 500
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id, trace_id=_printable(headers.get("ai-trace-id")))

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", []).append((b"x-request-id", request_id.encode()))
            await send(message)

        try:
            _check_head(scope)
            limit = self._limit_of(path)
            _check_length(headers, limit)
            if path.startswith(KEYED):
                state["account"] = await self._enter(headers, path, scope["method"])
            await self._app(scope, _limited(receive, limit), send_noted)
        except (LipwrightError, Refusal) as exc:
            answer = error_response(face, exc)
            await answer(scope, receive, send_noted)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            took_s = time.perf_counter() - began_s
            self._figures.requests.labels(route, scope["method"], str(status)).inc()
            self._figures.seconds.labels(route).observe(took_s)
            account: Account | None = state.get("account")
            log.info(
                "request",
                method=scope["method"],
                route=route,
                status=status,
                ms=round(took_s * 1000, 1),
                account=None if account is None else account.id,
                client=_printable(headers.get("x-client-name")),
            )
            structlog.contextvars.clear_contextvars()

    async def _enter(self, headers: Headers, path: str, method: str) -> Account:
        """Whose key it is. Raises InvalidKey, KeyRevoked, and Refusal when it asks too often."""
        secret = _secret_of(headers, path)
        account = await (self._known(secret) if secret else self._visitor(headers, method))
        rates, limit, such = self._rates, account.max_requests_per_min, ""
        if method == "GET" and _POLLS.fullmatch(path) is not None:
            rates, limit, such = self._polls, limit * _N_POLLS, " such"
        wait_s = rates.ask(account.id, limit)
        if wait_s is not None:
            raise Refusal(
                429,
                f"Too many requests: this key may send {limit}{such} a minute.",
                500069,
                429,
                "rate_limited",
                {"Retry-After": str(max(1, math.ceil(wait_s)))},
            )
        return account

    async def _known(self, secret: str) -> Account:
        """As `authenticate`; who was let in a moment ago is not looked up again."""
        # not the key itself: it shall not lie about in memory
        digest, now_s = hashlib.sha256(secret.encode()).digest(), time.monotonic()
        until_s, account = self._let_in.get(digest, (0.0, None))
        if account is None or now_s >= until_s:
            account = await look_up(self._hosted, self._hosted.authenticate, secret)
            if len(self._let_in) >= _MOST_LET_IN:
                self._let_in.clear()
            self._let_in[digest] = now_s + KNOWN_FOR_S, account
        return account

    async def _visitor(self, headers: Headers, method: str) -> Account:
        """Whoever is signed in on the page. Raises InvalidKey, and Refusal for another site's page."""
        session = playground.session_of(headers)
        if session is None:
            raise InvalidKey
        playground.check_origin(method, headers, self._public_url)
        return await call(self._hosted.page.visitor, session)

    def _limit_of(self, path: str) -> int:
        if path.startswith(_PUT) or (path.startswith(KEYED) and path.endswith(_UPLOADS)):
            return self._max_upload_bytes + FORM_BYTES
        return self._max_json_bytes if path.startswith(KEYED) else OPEN_BODY_BYTES


def error_response(face: WireFace, error: LipwrightError | Refusal) -> JSONResponse:
    """The answer that tells it in the face's form; what is not for clients is told in the log."""
    last_words = sandbox.last_words(error)
    if last_words:
        log.info("request failed", code=error.code, reason=str(error), last_words=last_words)
    refusal = error if isinstance(error, Refusal) else refusal_of(error)
    status, body = body_of(face, refusal)
    return JSONResponse(body, status, headers=dict(refusal.headers))


def _secret_of(headers: Headers, path: str) -> str:
    """The key, as clients of the path's face send it; to our own endpoint, as clients of either do. Empty: none."""
    api_key = headers.get("api-key", "")
    kind, _, token = headers.get("authorization", "").partition(" ")
    bearer = token.strip() if kind.lower() == "bearer" else ""
    if face_of(path) == "pixverse":
        return api_key or bearer
    return bearer or (api_key if path.startswith(batch.API) else "")


def _check_head(scope: Scope) -> None:
    n_bytes = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    n_bytes += sum(len(name) + len(value) for name, value in scope["headers"])
    if n_bytes > HEAD_BYTES:
        raise Refusal(431, f"The address and the headers are longer than {HEAD_BYTES} bytes.", 400013, 431)
    # no database takes it in a text
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        raise Refusal(400, "The address holds the character number 0.", 400013)


def _check_length(headers: Headers, limit: int) -> None:
    said = headers.get("content-length", "")
    if said.isdigit() and (len(said) > 18 or int(said) > limit):
        raise _too_large(limit)


def _too_large(limit: int) -> Refusal:
    return Refusal(413, f"The body is larger than {limit} bytes.", 400017, code="media_too_large")


def _limited(receive: Receive, limit: int, patience_s: float = PATIENCE_S) -> Receive:
    """Counts what comes, so that a body without a length is cut off too, and one that does not come on.

    Only the time in which it is asked for counts: a client whose upload waits here for its turn can send nothing.
    """
    n_came = 0
    is_whole = False
    waited_s = 0.0

    async def counted() -> Message:
        nonlocal n_came, is_whole, waited_s
        if is_whole:
            return await receive()  # whether the client is still there, which may be asked for as long as it is
        slow_s = patience_s + n_came / SLOWEST_BYTES_PER_S - waited_s
        asked_s = time.monotonic()
        try:
            async with asyncio.timeout(min(patience_s, slow_s)):
                message = await receive()
        except TimeoutError as exc:
            raise HTTPException(408, "The body came too slowly.") from exc
        waited_s += time.monotonic() - asked_s
        n_came += len(message.get("body", b""))
        is_whole = not message.get("more_body", False)
        if n_came > limit:
            # the framework lets its own exceptions through where it reads bodies; ours would become "400"
            raise HTTPException(413, str(_too_large(limit).message))
        return message

    return counted


def _printable(text: str | None) -> str | None:
    return None if text is None else "".join(char for char in text[:128] if char.isprintable())
