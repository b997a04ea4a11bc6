"""HTTP as uvicorn speaks it, for those who begin a request and do not come to its end."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lipwright.http.door import SLOWEST_BYTES_PER_S

HEAD_BYTES: Final = 131_072
"""uvicorn keeps an address and headers of any length, and those that follow a chunked body; what is shorter than this,
`door` looks at."""
HEAD_S: Final = 30.0
"""From the first byte of a request, or from the connection, to the end of its headers."""


class BoundedHttp(HttpToolsProtocol):
    """Hangs up on heads without end, and on bytes that ask for nothing."""

    _n_bytes = 0
    """Of what is just being read."""
    _n_head_bytes = 0
    _is_in_head = True
    _may_be_trailer = False
    """No body has followed the head of a chunk yet: what follows the last one are headers."""
    _late: asyncio.TimerHandle | None = None
    _n_rest_bytes = 0
    """Since `_rest` was set."""
    _rest: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._stop_waiting_for_rest()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._n_bytes = len(data)
        super().data_received(data)
        cycle: Any = self.cycle  # none, before the first request
        if self._is_in_head or self._may_be_trailer:
            self._n_head_bytes += len(data)
            if self._n_head_bytes > HEAD_BYTES:
                self._stop_waiting()
                self.transport.close()  # also where an answer is due: what comes meanwhile would be kept
        if not self._is_in_head and cycle is not None and cycle.response_complete:
            self._wait_for_rest(len(data))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._stop_waiting_for_rest()
        # the body of another request may have come with it
        self._n_head_bytes, self._is_in_head, self._may_be_trailer = -self._n_bytes, True, False
        if self._late is None:
            self._wait_for_head()

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._stop_waiting()
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        """Called by the parser, as it comes to a chunk's own bytes."""
        self._n_head_bytes, self._may_be_trailer = -self._n_bytes, True

    def on_body(self, body: bytes) -> None:
        self._may_be_trailer = False
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._may_be_trailer = False
        super().on_message_complete()

    def _wait_for_head(self) -> None:
        self._late = self.loop.call_later(HEAD_S, self._hang_up)

    def _wait_for_rest(self, n_bytes: int) -> None:
        """For what comes of a body that was answered early, or an empty line: uvicorn's own timer ends with it."""
        self._n_rest_bytes += n_bytes
        if self._rest is None:
            self._rest = self.loop.call_later(self.timeout_keep_alive, self._look_at_rest)

    def _look_at_rest(self) -> None:
        came, self._n_rest_bytes, self._rest = self._n_rest_bytes, 0, None
        if came < self.timeout_keep_alive * SLOWEST_BYTES_PER_S:
            self._hang_up()
        else:  # an upload whose client reads the refusal once all is sent
            self._wait_for_rest(0)

    def _stop_waiting_for_rest(self) -> None:
        self._n_rest_bytes = 0
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _hang_up(self) -> None:
        self._stop_waiting()
        cycle: Any = self.cycle  # none, before the first request
        if cycle is not None and not cycle.response_complete:
            self._wait_for_head()  # what was asked before this is answered first
        elif not self.transport.is_closing():
            self.transport.close()
