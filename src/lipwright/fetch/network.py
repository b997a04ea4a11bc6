"""The way onto the network: names are resolved once, checked, and the checked number is what is connected to."""

from __future__ import annotations

import queue
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from time import monotonic
from typing import Any

import httpcore

from lipwright.core.errors import Cancelled, FetchFailed
from lipwright.fetch.guard import Target, check_address, shown

Stop = Callable[[], bool]

N_ADDRESSES = 4
"""Of one host that are tried."""
LOOK_EVERY_S = 0.5
"""How often `should_stop` is asked while nothing comes."""


class Network:
    """What is outside: names, machines, certificates. Tests put another one in its place."""

    def resolve(self, host: str, port: int) -> list[str]:
        """The addresses of `host`, best first. Raises OSError."""
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    def connect(self, address: str, port: int, timeout_s: float) -> httpcore.NetworkStream:
        """A connection to this number. Raises httpcore.ConnectError, httpcore.ConnectTimeout."""
        return httpcore.SyncBackend().connect_tcp(address, port, timeout_s)

    def tls(self) -> ssl.SSLContext:
        """Whose certificates are believed: the authorities in certifi, and no variable of the environment."""
        import certifi

        return ssl.create_default_context(cafile=certifi.where())


class Pinned(httpcore.NetworkBackend):
    """Connects to one checked target, whatever name it is asked for; nothing takes longer than the deadline.

    Host header, SNI and certificate are the name's, because only the connecting below them is replaced.
    """

    def __init__(
        self, network: Network, target: Target, *, connect_s: float, deadline_s: float, should_stop: Stop | None
    ) -> None:
        self._network, self._target = network, target
        self._connect_s, self._deadline_s, self._should_stop = connect_s, deadline_s, should_stop

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the target. Raises UrlRefused, FetchFailed, httpcore's errors of connecting."""
        target, url = self._target, str(self._target.url)
        assert (host, port) == (target.host, target.port), "a pool asks for its own origin"
        until_s = min(monotonic() + self._connect_s, self._deadline_s)
        addresses = self._resolve(until_s)
        for address in addresses:
            check_address(url, ip_address(address), is_allowed=target.is_allowed)
        failure: Exception = httpcore.ConnectTimeout()
        for n_left, address in zip(range(min(len(addresses), N_ADDRESSES), 0, -1), addresses, strict=False):
            try:
                # one that keeps silent (IPv6 without a way out) leaves the others their share of the time
                stream = self._network.connect(address, port, max(0.01, (until_s - monotonic()) / n_left))
                return Timed(stream, deadline_s=self._deadline_s, should_stop=self._should_stop)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failure = exc
        raise failure

    def _resolve(self, until_s: float) -> list[str]:
        # the system's resolver knows no time limit; a thread that waits for it is left behind
        answers: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()
        target = self._target

        def ask() -> None:
            try:
                answers.put(self._network.resolve(target.host, target.port))
            except OSError as exc:
                answers.put(exc)
            except UnicodeError as exc:
                answers.put(OSError(str(exc)))

        threading.Thread(target=ask, daemon=True).start()
        try:
            answer = answers.get(timeout=max(0.01, until_s - monotonic()))
        except queue.Empty:
            answer = OSError("no answer in time")
        if isinstance(answer, OSError):
            raise FetchFailed(shown(str(target.url)), "its host is not known") from answer
        if not answer:
            raise FetchFailed(shown(str(target.url)), "its host is not known")
        return answer


class Timed(httpcore.NetworkStream):
    """A connection whose every read and write ends before one common deadline, however slowly bytes drip."""

    def __init__(self, stream: httpcore.NetworkStream, *, deadline_s: float, should_stop: Stop | None) -> None:
        self._stream, self._deadline_s, self._should_stop = stream, deadline_s, should_stop

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Raises httpcore.ReadTimeout at the deadline, Cancelled as soon as `should_stop` says so."""
        while True:
            left_s = self._left(timeout, httpcore.ReadTimeout)
            if self._should_stop is not None and self._should_stop():
                raise Cancelled
            try:
                return self._stream.read(max_bytes, min(left_s, LOOK_EVERY_S))
            except httpcore.ReadTimeout:
                continue

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._left(timeout, httpcore.ConnectTimeout))
        return Timed(stream, deadline_s=self._deadline_s, should_stop=self._should_stop)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def _left(self, timeout: float | None, late: type[Exception]) -> float:
        left_s = self._deadline_s - monotonic()
        if left_s <= 0:
            raise late
        return left_s if timeout is None else min(left_s, timeout)
