"""Is it alive, is it ready, and how much does it do."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from lipwright.core.errors import InvalidOption
from lipwright.http.crossing import call
from lipwright.http.door import Figures
from lipwright.service.hosted import Hosted


def router(hosted: Hosted, figures: Figures) -> APIRouter:
    """`/healthz`, `/readyz`, `/metrics`: without a key, and without anything about anyone."""
    routes = APIRouter(tags=["health"])

    @routes.get("/healthz", operation_id="is_alive")
    async def is_alive() -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """The process answers."""
        return JSONResponse({"status": "ok"})

    @routes.get("/readyz", operation_id="is_ready", responses={503: {"description": "Not now."}})
    async def is_ready() -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """The database answers, and the worker of this process lives."""
        ready = await call(lambda: hosted.is_ready)
        return JSONResponse({"status": "ready" if ready else "not ready"}, 200 if ready else 503)

    @routes.get("/metrics", operation_id="metrics", response_class=Response)
    async def metrics() -> Response:  # pyright: ignore[reportUnusedFunction]
        """Figures for Prometheus."""
        text = await call(lambda: generate_latest(figures.registry) + generate_latest(hosted.telemetry.registry))
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return routes


@contextmanager
def health_port(hosted: Hosted, host: str, port: int) -> Generator[None]:
    """The same three addresses for a process that serves nothing else, a worker, until this ends; port 0: nowhere.

    Raises InvalidOption if the port cannot be had.
    """
    if port == 0:
        yield
        return
    try:
        server = ThreadingHTTPServer((host, port), _handler(hosted))
    except OSError as exc:
        raise InvalidOption("metrics port", f"{host}:{port}", (exc.strerror or str(exc)).lower()) from exc
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(hosted: Hosted) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """One request of a scraper or a probe."""

        # whoever opens a connection and says nothing is hung up on
        timeout = 10

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                self._answer(200, generate_latest(hosted.telemetry.registry), CONTENT_TYPE_LATEST)
            elif path == "/healthz":
                self._answer(200, b'{"status": "ok"}')
            elif path == "/readyz":
                self._answer(*((200, b'{"status": "ready"}') if hosted.is_ready else (503, b'{"status": "not ready"}')))
            else:
                self._answer(404, b'{"status": "not found"}')

        def _answer(self, status: int, body: bytes, kind: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Probes are many, and say nothing."""

    return Handler
