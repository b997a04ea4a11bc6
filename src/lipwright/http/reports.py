"""The report of a result over HTTP, as JSON and as a page: at an address as unguessable as the result's own."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, JSONResponse, Response

from lipwright.core.errors import InvalidOption, MediaNotKnown
from lipwright.core.jobs import Job
from lipwright.http.crossing import call
from lipwright.service.hosted import Hosted

_HEADERS: Final = {
    "Cache-Control": "private, max-age=3600",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}


def report_url(job: Job, base_url: str) -> str | None:
    """Where whoever has this link may read the report as JSON, and with `.html` as a page; None where there is none."""
    is_told = bool(job.outputs) and job.report.get("report") is not None
    return f"{base_url}/reports/{job.outputs[0].id}.json" if is_told else None


def router(hosted: Hosted) -> APIRouter:
    """`GET` and `HEAD /reports/ID.json` and `/reports/ID.html`."""
    routes = APIRouter(tags=["reports"])

    @routes.head("/reports/{name}", include_in_schema=False)
    @routes.get(
        "/reports/{name}",
        operation_id="read_report",
        response_class=Response,
        responses={
            200: {"description": "The report.", "content": {"application/json": {}, "text/html": {}}},
            404: {"description": "There is no such report."},
        },
    )
    async def read(name: str) -> Response:  # pyright: ignore[reportUnusedFunction]
        """What was done to a result and how good it is: `ID.json`, or `ID.html` as a page that loads nothing."""
        media_id, _, kind = name.partition(".")
        if kind not in {"json", "html"}:
            raise MediaNotKnown(name)
        report = await call(hosted.report, media_id)
        if kind == "json":
            return JSONResponse(dict(report), headers=_HEADERS)
        from lipwright.report.page import policy
        from lipwright.service.reports import page_of

        try:
            page = await call(page_of, report)
        except InvalidOption as exc:  # told by an older program
            raise MediaNotKnown(name) from exc
        return HTMLResponse(page, headers={**_HEADERS, "Content-Security-Policy": policy()})

    return routes
