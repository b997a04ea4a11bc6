"""What a client gives as `video` or `audio`: a link, a link of ours, a data URI, or naked base64."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from lipwright.core.errors import InvalidOption
from lipwright.core.jobs import Account
from lipwright.fetch.guard import MAX_URL
from lipwright.http.files import known_media_id, may_be_ours
from lipwright.service.hosted import Hosted

# a browser's recording is of a type such as video/webm;codecs=vp8,opus, sometimes with quotation marks
_DATA = re.compile(r"data:[\w.+/;=,\" -]{0,200};base64,", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_IS_ADDRESS = re.compile(r"\s*(?:media:|(?i:https?://))")
_NAKED = re.compile(r"[A-Za-z0-9+/=_\-\s]{64,}")
_SHOWN_CHARS: Final = 300
_PIECE_CHARS: Final = 1 << 18


class Sources:
    """Turns them into what `JobRequest` takes; bytes that come within the request are kept as media first.

    The same bytes, in several items of a batch, are kept once.
    """

    def __init__(self, hosted: Hosted, account: Account, base_urls: set[str]) -> None:
        self._hosted = hosted
        self._account = account
        self._base_urls = base_urls
        self._kept: dict[bytes, str] = {}

    def settle(self, name: str, given: str) -> str:
        """`media:ID` or an http(s) address. Raises InvalidOption, and what `Hosted.upload_file` raises."""
        given = given.strip()
        if _ADDRESS.match(given):
            media_id = known_media_id(self._hosted, given, self._base_urls)
            return given if media_id is None else f"media:{media_id}"
        if given.startswith("media:"):
            return given
        start = _DATA.match(given)
        if start is None and _NAKED.fullmatch(given) is None:
            raise InvalidOption(name, given[:60], "give an http or https address, or the file as a data URI or base64")
        digest = hashlib.sha256(given.encode()).digest()
        if digest not in self._kept:
            encoded = given[start.end() :] if start is not None else given
            try:
                self._kept[digest] = self._hosted.upload_file(self._account, decoded(encoded), name).id
            except binascii.Error as exc:
                raise InvalidOption(name, given[:60], "this is not base64") from exc
        return f"media:{self._kept[digest]}"


def webhook_of(*given: str | None) -> str | None:
    """The first that is one, without white space around it."""
    return next((one.strip() for one in given if one and one.strip()), None)


def is_address(given: str) -> bool:
    """Whether it begins as an http(s) address does."""
    return _ADDRESS.match(given) is not None


def are_addresses(base_urls: set[str], *given: str | None) -> bool:
    """Whether none of these is a file within the request, or has to be looked up: to `settle` them takes no time."""
    return all(
        one is None or (_IS_ADDRESS.match(one) is not None and not may_be_ours(one.strip(), base_urls)) for one in given
    )


def decoded(text: str) -> Iterator[bytes]:
    """The bytes of base64 in either alphabet, in pieces. Raises binascii.Error."""
    kept = ""
    for start in range(0, len(text), _PIECE_CHARS):
        piece = kept + re.sub(r"\s", "", text[start : start + _PIECE_CHARS]).replace("-", "+").replace("_", "/")
        whole = len(piece) // 4 * 4
        is_last = start + _PIECE_CHARS >= len(text)
        now, kept = (piece, "") if is_last else (piece[:whole], piece[whole:])
        if is_last:
            now += "=" * (-len(now) % 4)
        yield base64.b64decode(now, validate=True)


def shortened(given: Mapping[str, Any], spoken: str | None) -> dict[str, Any]:
    """A request as its history shows it, the text that is `spoken` whole.

    Files within it are cut to their beginning, and so is all that is kept for nobody: who sends a text beside a
    recording may send 64 MB of it, which would be read again with each look at the job.
    """

    def is_whole(value: Any) -> bool:
        if not isinstance(value, str) or len(value) <= _SHOWN_CHARS:
            return True
        return value == spoken or (value.startswith("http") and len(value) <= MAX_URL)

    return {
        name: value if is_whole(value) else f"{value[:60]}… ({len(value)} characters)" for name, value in given.items()
    }
