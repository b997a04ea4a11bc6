"""Stages that work at the same time: the same items in the same order, bounded, and gone when they are not wanted."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import pytest

from lipwright.core.errors import Cancelled, DiskFull
from lipwright.core.media import VideoFrame
from lipwright.media import AudioPlan, open_footage, write_video
from lipwright.media.overlap import ahead, batch_of, behind, in_batches, kept_open

N = 200


@pytest.fixture(autouse=True)
def no_thread_is_left_behind() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


class Made:
    """A generator that counts what it made, and knows whether it was closed."""

    def __init__(self, n: int = N, fails_at: int | None = None) -> None:
        self.n_made = 0
        self.is_closed = False
        self.threads: set[str] = set()
        self._n = n
        self._fails_at = fails_at

    def __call__(self) -> Generator[int]:
        try:
            for k in range(self._n):
                self.threads.add(threading.current_thread().name)
                if k == self._fails_at:
                    raise ValueError(f"item {k}")
                self.n_made += 1
                yield k
        finally:
            self.is_closed = True


def test_items_come_in_their_order_from_another_thread() -> None:
    made = Made()

    assert list(ahead(made(), name="decode")) == list(range(N))
    assert made.threads == {"decode_0"}
    assert made.is_closed


def test_no_more_than_n_are_made_before_they_are_wanted() -> None:
    made = Made()
    items = ahead(made(), name="decode", n=3)

    next(items)
    time.sleep(0.05)

    assert made.n_made == 4
    items.close()


def test_they_are_made_while_others_are_worked_on() -> None:
    made, seen = Made(), threading.Event()

    def slow() -> Generator[int]:
        for k in made():
            if k == 1:
                seen.set()
            yield k

    with kept_open(ahead(slow(), name="decode")) as items:
        assert next(items) == 0
        assert seen.wait(5)  # nobody has asked for it yet


def test_the_first_are_made_before_anybody_asks() -> None:
    made = threading.Event()

    def slow() -> Generator[int]:
        made.set()
        yield 1

    items = ahead(slow(), name="decode")

    assert made.wait(5)
    items.close()
    assert list(items) == []


def test_who_forgets_them_leaves_no_thread() -> None:
    made = Made()
    items = ahead(made(), name="decode")

    del items  # and the fixture above looks for the thread

    assert made.is_closed


def test_what_making_raises_is_raised_in_its_place() -> None:
    items = ahead(Made(fails_at=7)(), name="decode")

    assert list(islice(items, 7)) == list(range(7))
    with pytest.raises(ValueError, match="item 7"):
        next(items)


def test_whoever_stops_early_ends_the_thread_and_closes_the_source() -> None:
    made = Made()

    def stop_early() -> None:
        with kept_open(ahead(made(), name="decode")) as items:
            for k in items:
                if k == 5:
                    raise RuntimeError

    with pytest.raises(RuntimeError) as held:
        stop_early()

    assert held.tb is not None  # though the error is still in somebody's hands
    assert made.is_closed
    assert made.n_made < 10


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C interrupts, also where whoever started the tests had it ignored, as shells do for what runs behind."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Impatient:
    """Somebody at the keyboard, who presses Ctrl-C three times while the thread is at work, and cannot wait."""

    def __init__(self) -> None:
        self.are_away = threading.Event()
        self.is_done = False

    def press(self) -> None:
        assert self.are_away.wait(5)
        main = threading.main_thread().ident
        assert main is not None
        for _ in range(3):
            time.sleep(0.05)
            signal.pthread_kill(main, signal.SIGINT)
        time.sleep(0.05)
        self.is_done = True


@pytest.mark.usefixtures("interruptible")
def test_who_interrupts_again_and_again_still_waits_for_the_thread_that_makes() -> None:
    user, made = Impatient(), Made()

    def slow() -> Generator[int]:
        with kept_open(made()) as items:
            for k in items:
                if k == 1:
                    user.press()
                yield k

    def wait_for_ever() -> None:
        with kept_open(ahead(slow(), name="decode")) as items:
            next(items)
            user.are_away.set()
            next(items)

    with pytest.raises(KeyboardInterrupt):
        wait_for_ever()

    assert user.is_done
    assert made.is_closed


@pytest.mark.usefixtures("interruptible")
def test_who_interrupts_again_and_again_still_waits_for_the_thread_that_works_behind() -> None:
    user = Impatient()

    def wait_for_ever() -> None:
        with behind(lambda _: user.press(), name="encode") as hand_over:
            hand_over(1)
            user.are_away.set()
            time.sleep(5)

    with pytest.raises(KeyboardInterrupt):
        wait_for_ever()

    assert user.is_done


def hand_all(work: Callable[[int], None], n: int) -> None:
    with behind(work, name="encode") as hand_over:
        for k in range(n):
            hand_over(k)


def test_work_behind_is_done_in_order_and_all_of_it_when_the_block_ends() -> None:
    done: list[int] = []

    def work(k: int) -> None:
        time.sleep(0.0002)
        done.append(k)

    hand_all(work, N)

    assert done == list(range(N))


def test_no_more_than_n_wait_behind() -> None:
    gate, done = threading.Event(), [0]

    def work(_: int) -> None:
        gate.wait(5)
        done[0] += 1

    def open_later() -> None:
        time.sleep(0.1)
        gate.set()

    opener = threading.Thread(target=open_later)
    opener.start()
    with behind(work, name="encode", n=2) as hand_over:
        for k in range(5):
            hand_over(k)
            assert k - done[0] <= 2
    opener.join()


def test_what_work_raises_comes_to_who_hands_over_and_nothing_is_worked_on_after_it() -> None:
    done: list[int] = []

    def work(k: int) -> None:
        if k == 3:
            raise DiskFull(Path("x"))
        done.append(k)

    with pytest.raises(DiskFull):
        hand_all(work, N)

    assert done == [0, 1, 2]


def test_an_error_on_the_last_item_is_not_lost() -> None:
    def work(k: int) -> None:
        if k == 9:
            raise ValueError(k)

    with pytest.raises(ValueError, match="9"):
        hand_all(work, 10)


def test_who_leaves_by_an_error_does_not_wait_for_what_still_waits() -> None:
    done: list[int] = []

    def work(k: int) -> None:
        time.sleep(0.05)
        done.append(k)

    def leave() -> None:
        with behind(work, name="encode", n=3) as hand_over:
            for k in range(4):
                hand_over(k)
            raise Cancelled

    with pytest.raises(Cancelled):
        leave()

    assert len(done) < 3


@pytest.mark.parametrize("n", [1, 3, 4])
@pytest.mark.parametrize("n_items", [0, 3, 4, 9])
def test_a_batch_is_made_in_a_row_and_nothing_is_left_out(n: int, n_items: int) -> None:
    made = Made(n_items)
    made_by_then: list[int] = []

    for _ in (items := in_batches(made(), n)):
        made_by_then.append(made.n_made)

    assert made_by_then == [min(n_items, k // n * n + n) for k in range(n_items)]
    assert made.is_closed
    assert next(items, None) is None


def test_what_fails_within_a_batch_is_raised_after_what_was_made_before() -> None:
    made = Made(fails_at=6)
    items = in_batches(made(), 4)

    assert list(islice(items, 6)) == list(range(6))
    with pytest.raises(ValueError, match="item 6"):
        next(items)


def test_whoever_stops_within_a_batch_closes_the_source() -> None:
    made = Made()
    with kept_open(in_batches(made(), 4)) as items:
        assert next(items) == 0

    assert made.is_closed
    assert made.n_made == 4


def test_batches_of_large_pictures_are_small(make_video: Callable[..., Path]) -> None:
    video = open_footage(make_video(n=2)).info.video
    assert video is not None

    def batch(width_px: int, height_px: int, bits: int) -> int:
        return batch_of(replace(video, width_px=width_px, height_px=height_px, bits=bits))

    assert [batch(640, 480, 8), batch(1080, 1920, 8), batch(1080, 1920, 10), batch(3840, 2160, 10)] == [4, 4, 3, 1]


def test_with_one_thread_nothing_overlaps(make_video: Callable[..., Path], tmp_path: Path) -> None:
    footage = open_footage(make_video(n=12), threads=1)
    before = set(threading.enumerate())
    more: set[threading.Thread] = set()

    def frames() -> Iterator[VideoFrame]:
        for frame in footage.play(range(12)):
            more.update(set(threading.enumerate()) - before)
            yield frame

    write_video(
        tmp_path / "out.mp4",
        frames(),
        footage.info,
        duration_s=Fraction(12, 25),
        audio=AudioPlan(speech=None),
        threads=1,
    )

    assert not more
