"""The web application: both faces, files, health and the page around one `Hosted`."""

from __future__ import annotations

from importlib import metadata
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from lipwright.config import HttpSettings, ServiceSettings
from lipwright.core.errors import InternalError, LipwrightError
from lipwright.http import batch, files, health, playground, reports, viewer
from lipwright.http.crossing import SlowLane
from lipwright.http.door import Door, Figures, error_response
from lipwright.http.errors import Refusal, face_of
from lipwright.http.faces import pixverse, wavespeed
from lipwright.service.hosted import Hosted

_ABOUT = """Lip sync behind two vendors' wire forms.

* **WaveSpeed**: `/api/v3` (and the same under `/api/v2`), `Authorization: Bearer KEY`.
* **PixVerse**: `/openapi/v2`, `API-KEY: KEY`, `Ai-Trace-Id: UUID`.
* **Batches**, our own: `/api/lipwright/batches`, with either key.
"""


_OF_FASTAPI: Final = ("HTTPValidationError", "ValidationError")


class App(FastAPI):
    """As FastAPI's, but its document tells only of answers that are given."""

    def openapi(self) -> dict[str, Any]:
        """Without the 422 that FastAPI adds to what has a parameter: `_on_invalid` answers in the face's own form."""
        if self.openapi_schema is None:
            document = super().openapi()
            for operations in document["paths"].values():
                for operation in operations.values():
                    said = operation["responses"].get("422", {}).get("content", {}).get("application/json", {})
                    if said.get("schema") == {"$ref": "#/components/schemas/HTTPValidationError"}:
                        del operation["responses"]["422"]
            for name in _OF_FASTAPI:
                document["components"]["schemas"].pop(name, None)
        return super().openapi()


def create_app(hosted: Hosted, settings: ServiceSettings, http: HttpSettings) -> FastAPI:
    """An app that serves `hosted`; who starts and stops its worker is whoever made it (`cli/serve.py`)."""
    app = App(
        title="Lipwright",
        version=metadata.version("lipwright"),
        description=_ABOUT,
        docs_url=None,  # `viewer.py`, which loads nothing from elsewhere
        redoc_url=None,
        # never a redirect that drops a body: clients differ in how they spell the last slash
        redirect_slashes=False,
    )
    figures, slow, whole = Figures(), SlowLane(), SlowLane()
    app.add_middleware(
        Door,
        hosted=hosted,
        figures=figures,
        max_json_bytes=http.max_json_bytes,
        max_upload_bytes=settings.max_upload_bytes,
        public_url=settings.public_url,
    )
    for router in (
        wavespeed.router(hosted, settings, http, slow, whole, prefix="/api/v3"),
        wavespeed.router(hosted, settings, http, slow, whole, prefix="/api/v2", include_in_schema=False),
        pixverse.router(hosted, settings, slow),
        batch.router(hosted, settings, whole),
        files.router(hosted, slow),
        reports.router(hosted),
        health.router(hosted, figures),
        playground.router(hosted, settings, slow),
        viewer.router(),
    ):
        # not as routers within the app: each level would look for the route twice, at every request
        app.router.routes.extend(router.routes)

    app.add_exception_handler(LipwrightError, _on_error)
    app.add_exception_handler(Refusal, _on_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_bug)
    return app


async def _on_error(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, LipwrightError | Refusal)
    return error_response(face_of(request.url.path), exc)


async def _on_invalid(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, RequestValidationError)
    first: dict[str, Any] = exc.errors()[0]
    if first["type"] == "json_invalid":
        told = f"The body is not JSON: {first['ctx']['error']}, at its character {first['loc'][-1]}."
        return error_response(face_of(request.url.path), Refusal(400, told, 400013, code="invalid_parameter"))
    is_missing = first["type"] == "missing"
    where = ".".join(str(part) for part in first["loc"] if part not in {"body", "query", "path"})
    message = f"{where or 'The body'}: {str(first['msg'])[:1].lower()}{str(first['msg'])[1:]}"
    code = "missing_parameter" if is_missing else "invalid_parameter"
    refusal = Refusal(400, message, 400011 if is_missing else 400013, code=code)
    return error_response(face_of(request.url.path), refusal)


async def _on_http(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    status = exc.status_code
    shown = playground.nothing_here(request) if status == 404 else None
    if shown is not None:
        return shown
    err_code = {404: 500008, 413: 400017}.get(status, 400013)
    err_status = status if status in {404, 405} else None
    message = {404: "There is nothing at this address."}.get(status) or str(exc.detail)
    code = {404: "not_found", 405: "method_not_allowed", 408: "too_slow", 413: "media_too_large"}.get(
        status, "bad_request"
    )
    refusal = Refusal(status, message, err_code, err_status, code, exc.headers or {})
    return error_response(face_of(request.url.path), refusal)


async def _on_bug(request: Request, exc: Exception) -> Response:
    # the traceback is logged by the server; the client learns that it is not its fault
    return error_response(face_of(request.url.path), InternalError())
