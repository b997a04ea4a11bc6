"""The operator's own endpoint is asked.

POST {"pictures": ["<base64 JPEG>", ...]}     with "Authorization: Bearer <token>" where one is set
200  {"refused": [false, true, ...]}          one for each picture
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any, ClassVar, cast

from lipwright.core.errors import FetchFailed, InvalidOption, ModerationFailed, UrlRefused
from lipwright.fetch import FetchLimits, post
from lipwright.fetch.guard import check_url
from lipwright.moderation.base import ModeratorOptions


class HttpModerator:
    """Asks `ModeratorOptions.url`, which may be in the private network: the operator wrote it down."""

    licence: ClassVar[str] = "the operator's endpoint"

    def __init__(self, options: ModeratorOptions) -> None:
        self._options = options
        if not options.url:
            raise InvalidOption("moderation_url", "", "the moderator `http` needs the address of its endpoint")
        try:
            self._port = check_url(options.url, ports=range(1, 65536), allow=(_host(options.url),)).port
        except UrlRefused as exc:
            raise InvalidOption("moderation_url", options.url, exc.reason) from exc

    def look(self, pictures: Sequence[bytes]) -> list[bool]:
        """See Moderator. Raises ModerationFailed."""
        if not pictures:
            return []
        options = self._options
        body = json.dumps({"pictures": [base64.b64encode(picture).decode() for picture in pictures]}).encode()
        headers = {"Content-Type": "application/json"}
        if options.token:
            headers["Authorization"] = f"Bearer {options.token}"
        limits = FetchLimits(max_bytes=1 << 20, total_s=options.timeout_s, ports=(self._port,))
        try:
            answer = post(options.url, body, headers, limits=limits, allow=(_host(options.url),))
        except (FetchFailed, UrlRefused) as exc:
            raise ModerationFailed("http", exc.reason) from exc
        if answer.status != 200:
            raise ModerationFailed("http", f"its endpoint answers with status {answer.status}")
        return _refused(answer.body, len(pictures))

    @staticmethod
    def missing() -> str | None:
        return None


def _refused(body: bytes, n: int) -> list[bool]:
    try:
        said: Any = json.loads(body)
        refused: Any = said["refused"]
    except (ValueError, KeyError, TypeError) as exc:
        raise ModerationFailed("http", 'its endpoint does not answer {"refused": [...]}') from exc
    if not isinstance(refused, list) or len(cast("list[Any]", refused)) != n:
        raise ModerationFailed("http", f"its endpoint gives no list of {n} answers")
    answers = cast("list[Any]", refused)
    if not all(isinstance(one, bool) for one in answers):
        raise ModerationFailed("http", "its endpoint answers with something else than true and false")
    return answers


def _host(url: str) -> str:
    from urllib.parse import urlsplit

    return (urlsplit(url).hostname or "").lower()
