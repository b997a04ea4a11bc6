"""Bodies that are JSON: without text that no database can keep and, where clients of APIs send them, whatever their
header says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Coroutine
from typing import Any, Final, cast

from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.datastructures import Headers

# no string of JSON goes over the end of a line: what begins with // is a comment
_COMMENTS: Final = re.compile(r"^[ \t]*//.*$", re.MULTILINE)
# half a character, and the sign with the number zero, come into JSON in UTF-8 by these spellings only; bodies are long,
# and together they would be searched for more slowly
_ODD: Final = re.compile(rb"\\u(?:[dD][89a-fA-F]|0000)"), re.compile(rb"\xed[\xa0-\xbf]")


class TextRequest(Request):
    """A request in whose JSON every text is one."""

    async def json(self) -> Any:
        """Raises json.JSONDecodeError."""
        return checked(await self.body(), await super().json())


class JsonRequest(TextRequest):
    """The same, and its body is taken for JSON."""

    @property
    def headers(self) -> Headers:
        """As they came, but for the type of the body: `curl -d` calls everything a form."""
        if not hasattr(self, "_headers"):
            came = [pair for pair in self.scope["headers"] if pair[0] != b"content-type"]
            self._headers = Headers(raw=[*came, (b"content-type", b"application/json")])
        return self._headers


class CommentedRequest(JsonRequest):
    """A request whose JSON may have lines of comments, as a vendor's own example has."""

    async def json(self) -> Any:
        """Raises json.JSONDecodeError; the places that it names are those of the original."""
        body = await self.body()
        try:
            return await super().json()
        except json.JSONDecodeError:
            text = body.decode("utf-8", "replace")
            if _COMMENTS.search(text) is None:
                raise
            return checked(body, json.loads(_COMMENTS.sub(lambda line: " " * len(line[0]), text)))


def checked(body: bytes, said: Any) -> Any:
    """The same values. Raises json.JSONDecodeError for text that is none, which a database would choke on."""
    if b"\0" in body:  # it came in UTF-16 or UTF-32
        body = body.decode(json.detect_encoding(body), "surrogatepass").encode("utf-8", "surrogatepass")
    found = next((found for odd in _ODD if (found := odd.search(body)) is not None), None)
    if found is not None and not _is_text(said):
        raise json.JSONDecodeError("A text holds half a character, or the character number 0", "", found.start())
    return said


def _is_text(said: Any) -> bool:
    if isinstance(said, str):
        return "\0" not in said and re.search("[\ud800-\udfff]", said) is None
    if isinstance(said, dict):
        return all(_is_text(part) for pair in cast("dict[str, Any]", said).items() for part in pair)
    if isinstance(said, list):
        return all(_is_text(part) for part in cast("list[Any]", said))
    return True


class TextRoute(APIRoute):
    """Hands operations that take a body such a request; those that read bytes themselves get it as it is."""

    request_class: type[TextRequest] = TextRequest

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def handle_text(request: Request) -> Response:
            return await handle(self.request_class(request.scope, request.receive))

        return handle_text


class JsonRoute(TextRoute):
    """For APIs, whose clients do not always say what they send; pages do."""

    request_class = JsonRequest


class CommentedRoute(JsonRoute):
    """The same, with comments."""

    request_class = CommentedRequest
