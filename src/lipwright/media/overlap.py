"""Two ends of a journey worked on at the same time, in threads of their own and a few items of memory.

    study    decode ··ahead··> track
    write    decode ··ahead··> render ··behind··> encode

Where there is one core there are no threads, and each stage works on a few items in a row (`in_batches`).

PyAV, OpenCV and MediaPipe let go of Python's lock while they work. Each stage is one thread that takes its items in
order, so what comes out is, bit by bit, what would come out without threads. What fails on one side ends the other
at once, and no thread outlives the one who asked for it, also where somebody who stops it (Ctrl-C) will not wait: what
the thread works on, a decoder or an encoder, is closed right after.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from threading import Event, get_ident
from types import TracebackType
from typing import Any, Final, TypeVar

from lipwright.core.media import VideoInfo

T = TypeVar("T")

N_AHEAD: Final = 2
"""Items between two stages: enough that a slow one now and then does not hold up the other."""
MOST_TOGETHER: Final = 4
TOGETHER_BYTES: Final = 12 << 20
"""Luma of the pictures of a batch: four of 1080x1920, one of 4K."""
_END: Final = object()


def ahead(items: Iterator[T], *, name: str, n: int = N_AHEAD) -> Generator[T]:
    """The same items, made in a thread called `name` before they are wanted, at most `n` of them, from now on.

    Raises what `items` raises, where it would have raised it. Close this (`kept_open`) to end the thread early.
    """
    return _Ahead(items, name, n)


class _Ahead(Generator[T, None, None]):
    """As `ahead`: no generator function, whose first item would be made when it is asked for."""

    def __init__(self, items: Iterator[T], name: str, n: int) -> None:
        self._items = items
        self._makers: list[int] = []
        """The thread. It knows this list alone: whoever forgets `self` ends it."""
        self._maker = ThreadPoolExecutor(
            1, thread_name_prefix=name, initializer=lambda makers: makers.append(get_ident()), initargs=(self._makers,)
        )
        self._coming: deque[Future[T | object]] = deque(self._next() for _ in range(n))

    def _next(self) -> Future[T | object]:
        return self._maker.submit(next, self._items, _END)

    def send(self, value: None, /) -> T:
        if not self._coming:
            raise StopIteration
        try:
            item = self._coming[0].result()
            self._coming.popleft()
        except BaseException:
            self.close()
            raise
        if item is _END:
            self.close()
            raise StopIteration
        self._coming.append(self._next())
        return item  # type: ignore[return-value]

    def throw(self, typ: Any, val: Any = None, tb: TracebackType | None = None, /) -> T:
        self.close()
        raise typ if val is None else val

    def close(self) -> None:
        for later in self._coming:
            later.cancel()
        try:
            end(self._maker, self._coming)
        finally:
            self._coming.clear()
            _end(self._items)

    def __del__(self) -> None:
        if get_ident() not in self._makers:  # it cannot wait for itself, where it happens to be who clears away
            self.close()


@contextmanager
def behind(work: Callable[[T], None], *, name: str, n: int = N_AHEAD) -> Generator[Callable[[T], None]]:
    """What to call with each item so that `work` is done on it in a thread called `name`; `n` may wait for it.

    All is done when the block ends. What `work` raises is raised by the next call, or at the end of the block; no
    item after that one is worked on, and none that waits once the block is left by an error.
    """
    has_failed = Event()

    def do(item: T) -> None:
        if has_failed.is_set():
            return
        try:
            work(item)
        except BaseException:
            has_failed.set()
            raise

    worker = ThreadPoolExecutor(1, thread_name_prefix=name)
    waiting: deque[Future[None]] = deque()

    def take() -> None:
        wait([waiting[0]])  # who is interrupted here waits for it below
        waiting.popleft().result()

    def hand_over(item: T) -> None:
        while waiting and (len(waiting) > n or waiting[0].done()):
            take()
        waiting.append(worker.submit(do, item))

    try:
        yield hand_over
        while waiting:
            take()
    finally:
        for later in waiting:
            later.cancel()
        end(worker, waiting)


def end(worker: ThreadPoolExecutor, given: Collection[Future[Any]]) -> None:
    """Wait until a thread has done what it was given, and end it. Raises what interrupts that, afterwards.

    Python's own `join` that is interrupted takes the thread for ended from then on, and never waits for it again.
    """
    interrupted: BaseException | None = None
    is_done = False
    while not is_done:
        try:
            wait(given)
            is_done = True
        except (KeyboardInterrupt, SystemExit) as exc:
            interrupted = exc
    worker.shutdown()
    if interrupted is not None:
        raise interrupted


def in_batches(items: Iterator[T], n: int) -> Generator[T]:
    """The same items, made `n` in a row before the first of them is given on.

    For one thread that both makes and uses them: a core that does the same thing a few times still has what it needs
    for it close by. Raises what `items` raises, where it would have raised it.
    """
    with kept_open(items):
        is_over = False
        while not is_over:
            batch: deque[T] = deque()
            try:
                batch.extend(islice(items, n))
            except Exception:
                yield from batch  # what was made before
                raise
            is_over = len(batch) < n
            while batch:
                yield batch.popleft()  # nobody else holds on to what was given


def batch_of(video: VideoInfo) -> int:
    """How many pictures of this video a stage may have made before the next one takes the first of them."""
    n_bytes = video.width_px * video.height_px * (1 if video.bits <= 8 else 2)  # of luma
    return min(MOST_TOGETHER, max(1, TOGETHER_BYTES // n_bytes))


@contextmanager
def kept_open(items: Iterator[T]) -> Generator[Iterator[T]]:
    """Ends a generator with the block, whatever an error still holds on to; other iterators need no end."""
    try:
        yield items
    finally:
        _end(items)


def _end(items: Iterator[Any]) -> None:
    if isinstance(items, Generator):
        items.close()
