"""GET into a file, and POST: the two things that are done with addresses of strangers."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from time import monotonic
from typing import Any

import httpcore
import httpx

from lipwright.core.errors import DiskFull, FetchFailed, MediaTooLarge, OutputNotWritable, UrlRefused, WrongContent
from lipwright.fetch.guard import PORTS, Target, check_url, shown
from lipwright.fetch.network import Network, Pinned
from lipwright.fetch.sniff import HEAD_BYTES, Sniffed, sniff

REDIRECTS = {301, 302, 303, 307, 308}
AGENT = b"lipwright"
COMPRESSED = {"gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress"}
"""Other codings leave the bytes as they are: some stores say `aws-chunked` of what was put to them so."""


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """How much a stranger's address may take."""

    max_bytes: int
    connect_s: float = 10.0
    """For finding and reaching the host."""
    total_s: float = 300.0
    """For everything, redirects included."""
    max_redirects: int = 5
    ports: tuple[int, ...] = PORTS


@dataclass(frozen=True, slots=True)
class Downloaded:
    path: Path
    n_bytes: int
    content_type: str
    """By the file's own first bytes."""
    sha256: str
    """In hexadecimal."""
    final_url: str
    """After redirects."""


@dataclass(frozen=True, slots=True)
class Posted:
    status: int
    body: bytes
    """Of the answer, up to `FetchLimits.max_bytes`; the rest is not read."""
    took_s: float


def download(
    url: str,
    to: Path,
    *,
    limits: FetchLimits,
    allow: Iterable[str] = (),
    expect: Iterable[str] = ("video", "audio", "image"),
    should_stop: Callable[[], bool] | None = None,
    network: Network | None = None,
) -> Downloaded:
    """Fetch `url` into the new file `to`, which appears when it is whole.

    Every hop is checked by `fetch.guard`; proxies of the environment are not used. `allow` names hosts of the
    operator's own network, as in `check_url`. What the file is, is judged by its bytes against `expect`. `should_stop`
    is asked every half second; once it is true, Cancelled is raised.

    Raises UrlRefused; FetchFailed (no such host, no answer, a status other than 200, too slow, cut short);
    MediaTooLarge; WrongContent; DiskFull and OutputNotWritable for `to`. Nothing is left behind then.
    """
    expected, allowed = tuple(expect), tuple(allow)
    deadline_s = monotonic() + limits.total_s
    network = network or Network()
    for _ in range(limits.max_redirects + 1):
        target = check_url(url, allow=allowed, ports=limits.ports)
        with _answer("GET", target, network, limits, deadline_s, should_stop=should_stop) as answer:
            if answer.status not in REDIRECTS:
                return _store(answer, to, target, limits, expected)
            url = _next_url(target, answer)
    raise FetchFailed(shown(url), f"it leads on more than {limits.max_redirects} times")


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    limits: FetchLimits,
    allow: Iterable[str] = (),
    network: Network | None = None,
) -> Posted:
    """Send `body`; the answer, whatever its status. Redirects are not followed: a 3xx is an answer like another.

    Once its status is there, it is an answer, with as much of a body as came in time. Raises UrlRefused, FetchFailed.
    """
    started_s = monotonic()
    target = check_url(url, allow=tuple(allow), ports=limits.ports)
    deadline_s = started_s + limits.total_s
    with _answer("POST", target, network or Network(), limits, deadline_s, body, headers) as answer:
        said = bytearray()
        with suppress(FetchFailed):  # a body without an end, or one that breaks off
            for block in _blocks(answer, target):
                said += block
                if len(said) >= limits.max_bytes:
                    break
        return Posted(answer.status, bytes(said[: limits.max_bytes]), monotonic() - started_s)


@contextmanager
def _answer(
    method: str,
    target: Target,
    network: Network,
    limits: FetchLimits,
    deadline_s: float,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Generator[httpcore.Response]:
    """One request over a connection of its own; its body is not read yet."""
    own: dict[bytes, bytes] = {b"User-Agent": AGENT, b"Accept": b"*/*", b"Accept-Encoding": b"identity"}
    own |= {name.encode("ascii"): value.encode("latin-1") for name, value in (headers or {}).items()}
    wait_s = {"connect": limits.connect_s, "read": limits.total_s, "write": limits.total_s, "pool": limits.connect_s}
    url = target.url
    origin = httpcore.URL(scheme=url.raw_scheme, host=target.host.encode(), port=target.port, target=url.raw_path)
    with httpcore.ConnectionPool(
        ssl_context=network.tls() if url.scheme == "https" else None,
        max_connections=1,
        network_backend=Pinned(
            network, target, connect_s=limits.connect_s, deadline_s=deadline_s, should_stop=should_stop
        ),
    ) as pool:
        with _named(target):
            # the Host header is the one of the address, not of httpcore, which would add a default port
            asked: Any = [(b"Host", url.netloc), *own.items()]
            response = pool.handle_request(
                httpcore.Request(
                    method,
                    origin,
                    headers=asked + ([(b"Content-Length", str(len(body)).encode())] if body is not None else []),
                    content=body,
                    extensions={"timeout": wait_s},
                )
            )
        try:
            yield response
        finally:
            response.close()


@contextmanager
def _named(target: Target) -> Generator[None]:
    """Errors of the network as ours."""
    where = shown(str(target.url))
    try:
        yield
    except httpcore.TimeoutException as exc:
        raise FetchFailed(where, "it takes too long") from exc
    except httpcore.ConnectError as exc:
        reason = "its certificate cannot be trusted" if "CERTIFICATE_VERIFY" in str(exc) else "it cannot be reached"
        raise FetchFailed(where, reason) from exc
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as exc:
        raise FetchFailed(where, "the connection broke") from exc


def _blocks(answer: httpcore.Response, target: Target) -> Iterator[bytes]:
    with _named(target):
        yield from answer.iter_stream()


def _header(answer: httpcore.Response, name: bytes) -> str | None:
    value = next((value for key, value in answer.headers if key.lower() == name), None)
    if value is None:
        return None
    try:
        # as servers that do not escape an address write it, and as other clients read it
        return value.decode().strip()
    except UnicodeDecodeError:
        return value.decode("latin-1").strip()


def _next_url(target: Target, answer: httpcore.Response) -> str:
    where = _header(answer, b"location")
    if not where:
        raise FetchFailed(shown(str(target.url)), f"it answers {answer.status} without an address")
    try:
        return str(target.url.join(where))
    except (httpx.InvalidURL, ValueError) as exc:  # what looks like a host of version 6 and is none
        raise UrlRefused(shown(where), "it is no valid address") from exc


def _store(
    answer: httpcore.Response, to: Path, target: Target, limits: FetchLimits, expected: tuple[str, ...]
) -> Downloaded:
    where = shown(str(target.url))
    if answer.status != 200:
        raise FetchFailed(where, f"it answers with status {answer.status}")
    if COMPRESSED & {one.strip() for one in (_header(answer, b"content-encoding") or "").lower().split(",")}:
        advice = "Have it sent as it is, or upload the file."
        raise FetchFailed(where, "it sends compressed data though none was asked for", advice=advice)
    announced = _header(answer, b"content-length") or ""
    if announced.isdecimal() and int(announced) > limits.max_bytes:
        raise MediaTooLarge(where, what="bytes", found=int(announced), limit=limits.max_bytes)
    digest, n_bytes, head, kind = hashlib.sha256(), 0, b"", None
    try:
        with NamedTemporaryFile(dir=to.parent, prefix=".fetch-", delete=False) as file:
            part = Path(file.name)
            try:
                for block in _blocks(answer, target):
                    n_bytes += len(block)
                    if n_bytes > limits.max_bytes:
                        raise MediaTooLarge(where, what="bytes", found=n_bytes, limit=limits.max_bytes)
                    if kind is None:
                        head += block[: HEAD_BYTES - len(head)]
                        if len(head) == HEAD_BYTES:
                            kind = _kind(head, where, expected)
                    digest.update(block)
                    file.write(block)
                kind = kind or _kind(head, where, expected)
                file.close()
                part.rename(to)
            finally:
                part.unlink(missing_ok=True)
    except OSError as exc:
        if exc.errno == errno.ENOSPC:
            raise DiskFull(to) from exc
        raise OutputNotWritable(to, str(exc.strerror).lower()) from exc
    return Downloaded(to, n_bytes, kind.content_type, digest.hexdigest(), str(target.url))


def _kind(head: bytes, where: str, expected: tuple[str, ...]) -> Sniffed:
    found = sniff(head)
    if found is None:
        what = "empty" if not head else "a web page" if b"<html" in head[:512].lower() else "no media file"
        raise WrongContent(where, found=what, expected=expected)
    if not set(found.kinds) & set(expected):
        raise WrongContent(where, found=f"of type {found.content_type}", expected=expected)
    return found
