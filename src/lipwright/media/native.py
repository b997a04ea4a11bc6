"""Threads and memory of native libraries.

One thread each while we work, since our stages are threads themselves, and none before others.

The matrices here are small. A second thread of OpenBLAS or OpenCV waits for work by spinning, which takes up to a
quarter of all CPU time and speeds nothing up. The command line says so by the environment, before they load; a program
that calls us from Python has loaded them, and gets its own numbers back.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import Lock


class _OpenCv:
    """Its number of threads belongs to the process: who comes first lowers it, who leaves last puts it back."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._n_inside = 0
        self._n_before = 1

    @contextmanager
    def one_thread(self) -> Generator[None]:
        import cv2

        with self._lock:
            if self._n_inside == 0:
                self._n_before = cv2.getNumThreads()
                cv2.setNumThreads(1)
            self._n_inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._n_inside -= 1
                if self._n_inside == 0:
                    cv2.setNumThreads(self._n_before)


@cache
def _opencv() -> _OpenCv:
    return _OpenCv()


@contextmanager
def one_thread_each() -> Generator[None]:
    """OpenCV and every BLAS that is loaded work with one thread within the block; costs some milliseconds.

    OpenBLAS obeys the first of several threads of Python that ask at the same time (threadpoolctl sees to that).
    """
    from threadpoolctl import threadpool_limits

    with _opencv().one_thread(), threadpool_limits(limits=1, user_api="blas"):
        yield


@contextmanager
def as_urgent_as_before() -> Generator[None]:
    """No thread is of more consequence to the system after the block than before it, whatever was opened in it.

    SVT-AV1 makes itself, and the thread that opens it, as urgent as Linux knows (SCHED_FIFO, 99), where it may: as
    root. All that this process started from then on was so too, and on a busy machine nothing else ran any more.
    """
    before = _urgent()
    try:
        yield
    finally:
        for thread in _urgent() - before:
            with suppress(OSError):  # it has ended
                os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))


def _urgent() -> set[int]:
    """The threads of this process that run before all ordinary ones; none where there is no telling."""
    found: set[int] = set()
    if hasattr(os, "sched_getscheduler"):
        with suppress(OSError):  # no /proc
            for task in Path("/proc/self/task").iterdir():
                with suppress(OSError):  # it has ended
                    if os.sched_getscheduler(int(task.name)) in (os.SCHED_FIFO, os.SCHED_RR):
                        found.add(int(task.name))
    return found


def give_back_memory() -> None:
    """Memory that is free within this process goes back to the system, where its C library can do that (glibc).

    glibc keeps what lies below anything still in use: once footage was studied 100 MB of crops, tracks and mel
    pictures, among which no frame finds room. Costs some 10 ms.
    """
    with suppress(OSError, TypeError):  # no such handle (Windows)
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def n_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
