"""Is it alive, is it ready, and how much does it do."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

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
