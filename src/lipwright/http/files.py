"""Bytes over HTTP: results and uploads as plain links that cannot be guessed, and the address a ticket opens."""

from __future__ import annotations

import mimetypes
import re
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response, StreamingResponse

from lipwright.core.jobs import Media, UploadTicket
from lipwright.http.crossing import SlowLane, call, pulled, taking_in
from lipwright.http.errors import Refusal
from lipwright.service.hosted import Hosted

SUFFIXES: Final = {
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "video/webm": ".webm",
    "video/x-matroska": ".mkv",
    "audio/wav": ".wav",
    "audio/x-wav": ".wav",
    "audio/vnd.wave": ".wav",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "audio/x-m4a": ".m4a",
    "audio/aac": ".aac",
    "audio/flac": ".flac",
    "audio/ogg": ".ogg",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
}
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_LIKE_OURS: Final = re.compile(r"https?://[^?#]{1,2000}/files/([0-9a-f]{32})(?:[.][a-z0-9]{1,5})?", re.IGNORECASE)
_FILE = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


def media_url(media: Media, base_url: str) -> str:
    """Where anyone who has this link may read it. The suffix is for players; it decides nothing."""
    return f"{base_url}/files/{media.id}{SUFFIXES.get(media.content_type) or ''}"


def ticket_url(ticket: UploadTicket, base_url: str) -> str:
    """Where the file will be found once it is whole."""
    suffix = PurePosixPath(ticket.filename).suffix.lower()
    return f"{base_url}/files/{ticket.media_id}{suffix if re.fullmatch(r'[.][a-z0-9]{1,5}', suffix) else ''}"


def own_media_id(url: str, base_urls: set[str]) -> str | None:
    """The id in a link of ours; None for any other address."""
    try:
        parts = urlsplit(url)
    except ValueError:  # an address that is none
        return None
    address = f"{parts.scheme}://{parts.netloc}{parts.path}"
    for base_url in base_urls:  # which may have a path: a proxy's, below which we are
        folder = f"{base_url.rstrip('/')}/files/"
        if address.startswith(folder):
            return address.removeprefix(folder).partition(".")[0]
    return None


def known_media_id(hosted: Hosted, url: str, base_urls: set[str]) -> str | None:
    """As `own_media_id`, also where the link has another name of this server, or is of another that has its database.

    Whoever knows an id may read what it names, and the id cannot be guessed: if it is known here, it is that one.
    """
    media_id = own_media_id(url, base_urls)
    if media_id is None and (found := _LIKE_OURS.fullmatch(url)) is not None:
        return found[1] if hosted.knows(found[1]) else None  # somebody else's, after all
    return media_id


def may_be_ours(url: str, base_urls: set[str]) -> bool:
    """Whether `known_media_id` has to ask the database."""
    return own_media_id(url, base_urls) is None and _LIKE_OURS.fullmatch(url) is not None


def kind_of(content_type: str, filename: str) -> str:
    """ "video", "audio" or "image", as the client says it; the bytes decide later."""
    said = content_type or mimetypes.guess_type(filename)[0] or ""
    kind = said.partition("/")[0]
    return kind if kind in {"video", "audio", "image"} else "video"


def base_url_of(request: Request, public_url: str) -> str:
    """The scheme and host by which the client came, or what the operator set, which may have a path; no last slash."""
    return (public_url or str(request.base_url)).rstrip("/")


def byte_range(header: str | None) -> tuple[int | None, int | None] | None:
    """(start, stop) as `Hosted.open_media` takes them; None: the whole, also for forms that we need not serve."""
    found = _RANGE.fullmatch((header or "").strip().replace(" ", ""))
    if found is None or found[0] == "bytes=-" or any(len(part) > 18 for part in found.groups()):
        return None
    first, last = found.groups()
    if not first:
        return -int(last), None
    if last and int(last) < int(first):
        return None
    return int(first), int(last) + 1 if last else None


def router(hosted: Hosted, slow: SlowLane) -> APIRouter:
    """`GET` and `HEAD /files/...`, and `PUT /put/...`."""
    routes = APIRouter(tags=["files"])

    @routes.head("/files/{name}", include_in_schema=False)
    @routes.get(
        "/files/{name}",
        response_class=StreamingResponse,
        operation_id="read_file",
        responses={
            200: {"description": "The bytes.", "content": {"*/*": {}}},
            206: {"description": "The bytes asked for.", "content": {"*/*": {}}},
            307: {"description": "The bytes are in a bucket, at the signed link in `Location`."},
            304: {"description": "As the client has it."},
            404: {"description": "Nothing is kept under this name."},
            416: {"description": "No byte is in the range."},
        },
    )
    async def read(name: str, request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        """A result or an upload: Range, ETag and HEAD are understood."""
        media_id = name.partition(".")[0]
        media = await taking_in(hosted, lambda: hosted.media(media_id), slow, media_id)
        return await send_media(hosted, media, request)

    @routes.put(
        "/put/{ticket_id}",
        operation_id="put_file",
        openapi_extra={"requestBody": {"required": True, "content": _FILE}},
        responses={
            200: {"description": "Kept."},
            400: {"description": "Not whole, or not media."},
            403: {"description": "The address is unknown, used or expired."},
            413: {"description": "Larger than is taken."},
        },
    )
    async def put(ticket_id: str, request: Request) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """The bytes of an upload, at the address that its ticket gave; the address is the right."""
        stream = request.stream()
        owner = (await call(hosted.ticket, ticket_id)).account_id
        media = await slow.call(lambda: hosted.write_upload(ticket_id, pulled(stream)), owner)
        return JSONResponse({"code": 200, "message": "success", "data": {"size": media.n_bytes}})

    return routes


async def send_media(hosted: Hosted, media: Media, request: Request, *, may_redirect: bool = True) -> Response:
    """Its bytes, or those asked for: Range, ETag and HEAD are understood."""
    etag = f'"{media.sha256}"'
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=3600",
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": f"inline; filename*=UTF-8''{quote(media.filename or media.id, safe='')}",
    }
    if etag in (part.strip() for part in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=headers)
    wanted = byte_range(request.headers.get("range"))
    if request.headers.get("if-range") not in (None, etag):
        wanted = None
    start, stop, status = 0, media.n_bytes, 200
    if wanted is not None:
        first, last = wanted
        start = max(0, media.n_bytes + first) if first is not None and first < 0 else first or 0
        stop = media.n_bytes if last is None else min(last, media.n_bytes)
        if start >= stop:
            return Response(status_code=416, headers={"Content-Range": f"bytes */{media.n_bytes}"})
        status = 206
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{media.n_bytes}"
    headers["Content-Length"] = str(stop - start)
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=media.content_type)
    # a bucket sends its bytes itself, and understands Range; the link is for this client, and for a while
    link = await call(hosted.media_link, media) if may_redirect else None
    if link is not None:
        return RedirectResponse(link, 307, headers={"Cache-Control": "no-store"})
    opened = await call(hosted.open_media, media.id, start, stop)
    return StreamingResponse(opened.chunks, status_code=status, headers=headers, media_type=media.content_type)


def no_file() -> Refusal:
    """A form without the file that was expected."""
    return Refusal(400, "There is no file in the form.", 400011, code="upload_incomplete")


def error_schema(description: str, example: dict[str, Any]) -> dict[str, Any]:
    """A response of the OpenAPI document."""
    return {"description": description, "content": {"application/json": {"example": example}}}
