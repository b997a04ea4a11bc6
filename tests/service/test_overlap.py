"""A whole run whose stages overlap: the same file, and nothing left over when it is stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lipwright import service
from lipwright.core.errors import Cancelled, DiskFull, UnknownLanguage, UnreadableMedia
from lipwright.core.options import SyncOptions
from lipwright.demo import speech_path, video_path
from lipwright.media.write import _Writer as Writer  # pyright: ignore[reportPrivateUsage]
from lipwright.service.speech import say


@pytest.fixture(autouse=True)
def no_thread_is_left_behind() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    ours = ("decode", "encode", "track", "listen", "load")
    assert not {thread for thread in set(threading.enumerate()) - before if thread.name.startswith(ours)}


@contextmanager
def at_once(work: Callable[[Any], None], **_: object) -> Generator[Callable[[Any], None]]:
    yield work


def only_when_asked(items: Iterator[Any], **_: object) -> Iterator[Any]:
    return items


def test_a_result_is_the_same_bit_by_bit_whether_stages_overlap_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results: list[bytes] = []
    for name in ("overlapping", "serial"):
        if name == "serial":
            monkeypatch.setattr("lipwright.media.footage.ahead", only_when_asked)
            monkeypatch.setattr("lipwright.engines.rewrite.engine.ahead", only_when_asked)
            monkeypatch.setattr("lipwright.media.write.behind", at_once)
        out = tmp_path / f"{name}.mp4"
        service.sync(video_path(), speech_path(), out, threads=2, preset="ultrafast")
        results.append(out.read_bytes())

    assert results[0] == results[1]


@pytest.mark.parametrize("phase", ["study", "render"])
def test_a_cancelled_run_leaves_neither_thread_nor_file(tmp_path: Path, phase: str) -> None:
    def watch(now: str, done: int, total: int) -> None:
        if now == phase and done >= min(12, total):
            raise Cancelled

    with pytest.raises(Cancelled) as held:
        service.sync(video_path(), speech_path(), tmp_path / "out.mp4", threads=2, preset="ultrafast", progress=watch)

    assert held.tb is not None  # what the error holds on to keeps no thread alive
    assert not list(tmp_path.iterdir())


def test_a_speech_that_cannot_be_heard_ends_the_study_and_leaves_neither_thread_nor_file(tmp_path: Path) -> None:
    noise = tmp_path / "noise.wav"
    noise.write_bytes(b"RIFF of nothing at all")
    seen: list[int] = []

    with pytest.raises(UnreadableMedia):
        service.sync(
            video_path(),
            noise,
            tmp_path / "out.mp4",
            threads=2,
            progress=lambda _phase, done, _total: seen.append(done),
        )

    assert len(seen) < 100
    assert list(tmp_path.iterdir()) == [noise]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_text_that_cannot_be_said_ends_the_run_whatever_overlaps(tmp_path: Path, threads: int) -> None:
    with pytest.raises(UnknownLanguage):
        say(video_path(), "Hello", tmp_path / "out.mp4", language="tlh-xx", options=SyncOptions(threads=threads))

    assert not list(tmp_path.iterdir())


def test_an_encoder_that_fails_ends_the_run_and_leaves_neither_thread_nor_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Writer.write

    def fails(self: Writer, frame: Any) -> None:
        if self.n_frames == 10:
            raise OSError(28, "No space left on device")
        whole(self, frame)

    monkeypatch.setattr(Writer, "write", fails)
    with pytest.raises(DiskFull) as held:
        service.sync(video_path(), speech_path(), tmp_path / "out.mp4", threads=2, preset="ultrafast")

    assert held.tb is not None
    assert not list(tmp_path.iterdir())
