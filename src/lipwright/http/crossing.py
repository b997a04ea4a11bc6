"""Where the asynchronous room meets the synchronous house: calls and bodies in threads, and how its server ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

import anyio.from_thread
import anyio.to_thread
from anyio import CapacityLimiter
from starlette.requests import ClientDisconnect, Request

from lipwright.http.errors import Refusal

if TYPE_CHECKING:
    from lipwright.core.jobs import Account, Job, JobRequest
    from lipwright.service.hosted import Hosted

_PAUSES_S: Final = (0.001, 0.002, 0.004, 0.008)
"""Others write for 1 to 5 ms; to wait in a thread costs more than to look again."""

_GONE: Final = 499
"""What web servers write down for a client that closed the connection."""

P = ParamSpec("P")
R = TypeVar("R")


async def call(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """`function(...)` in a thread."""
    return await anyio.to_thread.run_sync(lambda: function(*args, **kwargs))


async def look_up(hosted: Hosted, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """`function(...)`, which reads a row or two: in a thread, but at once where the database is a local file.

    Such a read takes half a millisecond and waits for nobody; changing to a thread and back takes longer, and on a busy
    machine twice the turn of a processor. Nothing that writes, and nothing that reads much.
    """
    return function(*args, **kwargs) if hosted.reads_at_once else await call(function, *args, **kwargs)


async def taking_in(hosted: Hosted, function: Callable[[], R], lane: SlowLane, *sources: str | None) -> R:
    """`function()` in a thread: of `lane`, where bytes of `sources` come by a signed link and are taken in first."""
    owner = await call(hosted.who_brings, *sources) if hosted.has_upload_links else None
    return await (call(function) if owner is None else lane.call(function, owner))


async def submit(
    hosted: Hosted, account: Account, request: JobRequest, key: str | None, fingerprint: str, lane: SlowLane
) -> Job:
    """`Hosted.submit`: at once as soon as nobody else writes, if that is soon; else in a thread, as `taking_in`."""
    if hosted.submits_at_once(account, request):
        for pause_s in _PAUSES_S:
            job = hosted.submit_at_once(account, request, idempotency_key=key, fingerprint=fingerprint)
            if job is not None:
                return job
            await asyncio.sleep(pause_s)

    def in_a_thread() -> Job:
        return hosted.submit(account, request, idempotency_key=key, fingerprint=fingerprint)

    return await taking_in(hosted, in_a_thread, lane, request.video, request.audio)


def is_ending(request: Request) -> bool:
    """Whether the server was asked to end: who waits for something answers with what there is by now."""
    asked: Callable[[], bool] = getattr(request.app.state, "is_ending", lambda: False)
    return asked()


class SlowLane:
    """Threads for what takes long: it keeps no short call waiting, and no owner has them all.

    An app has one for uploads, whose pace clients set, and one for files that came whole, within a request.
    """

    def __init__(self, n_threads: int = 64, n_each: int = 16) -> None:
        self._n_threads = n_threads
        self._n_each = n_each
        self._limiter: CapacityLimiter | None = None
        self._owners: dict[str, CapacityLimiter] = {}

    async def call(self, function: Callable[[], R], owner: str) -> R:
        """`function()` in one of these threads; waits while all are busy, or all that one owner may have."""
        if self._limiter is None:  # made within the event loop that it belongs to
            self._limiter = CapacityLimiter(self._n_threads)
        own = self._owners.setdefault(owner, CapacityLimiter(self._n_each))
        try:
            async with own:
                return await anyio.to_thread.run_sync(function, limiter=self._limiter)
        finally:
            if own.borrowed_tokens == 0 and own.statistics().tasks_waiting == 0:
                self._owners.pop(owner, None)


def pulled(stream: AsyncIterator[bytes]) -> Iterator[bytes]:
    """The chunks of an asynchronous stream, for a function that runs in a thread of `call`; one chunk in memory."""

    async def next_chunk() -> bytes | None:
        try:
            return await anext(stream)
        except StopAsyncIteration:
            return None
        except ClientDisconnect as exc:  # nobody reads the answer; the figures do
            raise Refusal(_GONE, "The upload broke off.", 500033, _GONE, "upload_broken_off") from exc

    while (chunk := anyio.from_thread.run(next_chunk)) is not None:
        if chunk:
            yield chunk
