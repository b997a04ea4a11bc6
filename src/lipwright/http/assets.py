"""Files that browsers load from here, under a policy that lets them load nothing from anywhere else."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

from fastapi import Request
from fastapi.responses import Response

from lipwright.http.errors import Refusal

PAGE_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=()",
    "Cache-Control": "no-cache",
    "Vary": "Accept-Encoding",
}


class _File(Protocol):
    @property
    def name(self) -> str: ...
    def read_bytes(self) -> bytes: ...


@dataclass(frozen=True, eq=False)
class Asset:
    """A file, ready to be sent."""

    content: bytes
    content_type: str

    @classmethod
    def of(cls, file: _File) -> Asset:
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        kind = {"application/javascript": "text/javascript"}.get(kind, kind)
        kind += "; charset=utf-8" if kind.startswith("text/") else ""
        return cls(file.read_bytes(), kind)

    @cached_property
    def zipped(self) -> bytes:
        return gzip.compress(self.content, mtime=0)

    @cached_property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.content).hexdigest()[:32]}"'


def sent(asset: Asset | None, request: Request) -> Response:
    """What a browser that asked for it gets. Raises Refusal where there is none."""
    if asset is None:
        raise Refusal(404, "There is nothing at this address.", code="not_found")
    headers = {**PAGE_HEADERS, "ETag": asset.etag}
    if asset.etag in (part.strip() for part in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(asset.zipped, headers=headers, media_type=asset.content_type)
    return Response(asset.content, headers=headers, media_type=asset.content_type)
