"""`/docs`: every operation of `/openapi.json`, drawn by Swagger UI, whose files came with the installation."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

from fastapi import APIRouter, Request
from fastapi.responses import Response

from lipwright.http.assets import Asset, sent
from lipwright.http.bodies import TextRoute

_OURS = ("docs.html", "docs.js")
_OF_SWAGGER = ("swagger-ui-bundle.js", "swagger-ui.css")


def router() -> APIRouter:
    routes = APIRouter(include_in_schema=False, route_class=TextRoute)

    async def page(request: Request) -> Response:
        return sent(_assets()["docs.html"], request)

    async def asset(name: str, request: Request) -> Response:
        return sent(_assets().get(name), request)

    routes.add_api_route("/docs", page, methods=["GET", "HEAD"])
    routes.add_api_route("/docs/{name}", asset, methods=["GET", "HEAD"])
    return routes


@cache
def _assets() -> Mapping[str, Asset]:
    """Read when somebody looks: they are large."""
    ours = resources.files("lipwright").joinpath("playground")
    of_swagger = resources.files("fastapi_offline").joinpath("static")
    return {
        **{name: Asset.of(ours.joinpath(name)) for name in _OURS},
        **{name: Asset.of(of_swagger.joinpath(name)) for name in _OF_SWAGGER},
    }
