"""Where we go and where we do not: the form of an address, and the numbers behind its name.

Only what is public is left over: everything is refused that IANA's registries of special-purpose addresses
do not call globally reachable, and what carries such an address inside itself (mapped, translated, tunnelled).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpx

from lipwright.core.errors import UrlRefused

PORTS = (80, 443)
MAX_URL = 4096
MAX_SHOWN = 120

_NOT_PUBLIC_4 = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # a public number, behind which Azure keeps its metadata
    )
)  # fmt: skip
_PUBLIC_6 = IPv6Network("2000::/3")
"""Global unicast. Outside it: ::1, mapped and compatible IPv4, NAT64 (64:ff9b::/96, 64:ff9b:1::/48), fc00::/7, ..."""
_NOT_PUBLIC_6 = tuple(
    IPv6Network(block)
    for block in (
        "2001::/23",  # Teredo, benchmarking, ORCHID and other protocols
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)
_NEVER = tuple(
    ip_network(block)
    for block in (
        "0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "::/128", "fe80::/10", "ff00::/8",
        "168.63.129.16/32",  # metadata of Azure, Alibaba, Oracle, Amazon, Google
        "100.100.100.200/32", "192.0.0.192/32", "fd00:ec2::/32", "fd20:ce::254/128",
    )
)  # fmt: skip
"""Not even behind a name that the operator allows: metadata services, and what is no single machine."""
_CARRIES_LAST = tuple(
    IPv6Network(block)
    for block in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")
)  # fmt: skip
"""Whose last 32 bits are an IPv4 address: compatible, mapped, translated (SIIT, NAT64)."""
_LOOPBACK_6 = IPv6Address("::1")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Target:
    """A checked address, taken apart once: what is connected to is what was looked at."""

    url: httpx.URL
    host: str
    """In ASCII and lower case, without brackets and trailing dot."""
    port: int
    is_allowed: bool
    """Named by the operator: it may lead into the private network."""


def check_url(url: str, *, allow: Iterable[str] = (), ports: Iterable[int] = PORTS) -> Target:
    """The address taken apart; nothing is resolved. Raises UrlRefused.

    `allow` names hosts of the operator's own network: "minio.local:9000" with one port, "10.0.0.5" with `ports`.
    """
    if len(url) > MAX_URL:
        raise UrlRefused(shown(url), f"it is longer than {MAX_URL} characters")
    if re.search(r"[\x00-\x20\x7f\\]", url) or not url.isprintable():
        raise UrlRefused(shown(url), "it contains a space, a backslash or a control character")
    try:
        parsed = httpx.URL(url)
        port = {"http": 80, "https": 443}.get(parsed.scheme) if parsed.port is None else parsed.port
        host = parsed.raw_host.decode("ascii").lower()
    except (httpx.InvalidURL, ValueError) as exc:
        raise UrlRefused(shown(url), "it is no valid address") from exc
    if port is None or parsed.scheme not in ("http", "https"):
        raise UrlRefused(shown(url), "only http and https are fetched")
    if parsed.userinfo or "@" in parsed.netloc.decode("ascii", "replace"):
        raise UrlRefused(shown(url), "it contains a user name or password")
    if not host:
        raise UrlRefused(shown(url), "it names no host")
    literal = _literal(host)
    if literal is None and not _HOST.fullmatch(host):
        raise UrlRefused(shown(url), "its host is no valid name")
    # 127.1, 0x7f000001, 017700000001 and 2130706433 are all 127.0.0.1 to a resolver
    if literal is None and _NUMBER.fullmatch(host.rpartition(".")[2]):
        raise UrlRefused(shown(url), "its host is a number in an unusual spelling")
    is_allowed = _is_allowed(host, port, allow, ports)
    if not is_allowed:
        if port not in ports:
            raise UrlRefused(shown(url), f"port {port} is not open to downloads")
        if host == "localhost" or host.endswith((".localhost", ".local", ".internal", ".home.arpa")):
            raise UrlRefused(shown(url), "its host is in a private network")
        if literal is not None:
            check_address(url, literal, is_allowed=False)
    return Target(parsed, host, port, is_allowed)


def check_address(url: str, address: IPv4Address | IPv6Address, *, is_allowed: bool) -> None:
    """Raises UrlRefused where `address` is not public (or, behind an allowed name, none that can be meant)."""
    if is_allowed:
        if any(one in block for one in (address, *_carried(address)) for block in _NEVER):
            raise UrlRefused(shown(url), "its host leads to an address that belongs to no single machine")
    elif not is_public(address):
        raise UrlRefused(shown(url), "its host is in a private network")


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether this number is a machine of the open internet."""
    if isinstance(address, IPv4Address):
        return not any(address in block for block in _NOT_PUBLIC_4)
    return (
        address in _PUBLIC_6
        and address.scope_id is None
        and not _is_isatap(address)
        and not any(address in block for block in _NOT_PUBLIC_6)
    )


def _carried(address: IPv4Address | IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses inside an IPv6 one, to which a gateway on the way would lead."""
    if isinstance(address, IPv4Address) or address == _LOOPBACK_6:
        return []
    carried = [*([] if address.sixtofour is None else [address.sixtofour]), *(address.teredo or ())]
    if _is_isatap(address) or any(address in block for block in _CARRIES_LAST):
        carried.append(IPv4Address(address.packed[12:]))
    return carried


def _is_isatap(address: IPv6Address) -> bool:
    return address.packed[8:12] in (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe")


def shown(url: str) -> str:
    """An address as it may appear in messages and logs: what follows "?" is often a secret, and so is what is before
    "@"."""
    text = re.sub(r"//[^/?#]*@", "//...@", re.split(r"[?#]", url, maxsplit=1)[0])
    text = "".join(sign if sign.isprintable() else "?" for sign in text)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "..."


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)  # refuses leading zeros
    except ValueError:
        return None


def _is_allowed(host: str, port: int, allow: Iterable[str], ports: Iterable[int]) -> bool:
    bracketed = f"[{host}]" if ":" in host else host
    wanted = {entry.strip().lower() for entry in allow}
    return f"{bracketed}:{port}" in wanted or (port in ports and bool({host, bracketed} & wanted))
