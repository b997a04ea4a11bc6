"""Native libraries work with one thread while we do, and with the caller's number afterwards; they keep no memory."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread

import cv2
import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from lipwright.media.native import give_back_memory, one_thread_each


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    before = cv2.getNumThreads()
    assert (np.ones((2, 2)) @ np.ones((2, 2))).any()  # BLAS is loaded
    cv2.setNumThreads(3)
    with threadpool_limits(limits=3, user_api="blas"):
        yield
    cv2.setNumThreads(before)


def n_threads() -> set[int]:
    blas = {one["num_threads"] for one in threadpool_info() if one["internal_api"] == "openblas" and can_change(one)}
    return {*blas, cv2.getNumThreads()}


def can_change(library: dict[str, object]) -> bool:
    """OpenCV's wheel brings an OpenBLAS that was built without threads."""
    return library.get("threading_layer") != "disabled"


def test_there_is_one_thread_inside_and_the_callers_number_after() -> None:
    assert n_threads() == {3}
    with one_thread_each():
        assert n_threads() == {1}
    assert n_threads() == {3}


def test_what_fails_puts_the_numbers_back() -> None:
    with pytest.raises(ZeroDivisionError), one_thread_each():
        raise ZeroDivisionError

    assert n_threads() == {3}


def test_of_two_that_overlap_the_last_one_puts_opencv_back() -> None:
    both_in, one_out = Barrier(2), Barrier(2)
    seen: list[int] = []

    def first() -> None:
        with one_thread_each():
            both_in.wait(10)
        one_out.wait(10)

    def second() -> None:
        with one_thread_each():
            both_in.wait(10)
            one_out.wait(10)
            seen.append(cv2.getNumThreads())

    threads = [Thread(target=first), Thread(target=second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert seen == [1]
    assert n_threads() == {3}


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="this C library is not glibc")
def test_what_was_freed_below_something_still_in_use_goes_back_to_the_system() -> None:
    blocks = [np.ones(8 << 10, np.uint8) for _ in range(10_000)]
    kept = blocks[::500]
    del blocks
    before_kib = resident_kib()
    give_back_memory()
    assert before_kib - resident_kib() > 60 << 10
    assert all(block.all() for block in kept)


def resident_kib() -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])
