"""Pictures that are decoded once and kept on disk: the same pictures, and never in the way."""

from __future__ import annotations

import contextlib
import gc
import shutil
from collections.abc import Iterator
from concurrent.futures import Future
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.filter import Graph
from numpy.typing import NDArray

from lipwright.media import MediaFootage, open_footage
from lipwright.media import shelf as shelf_module
from lipwright.media.footage import _Cursor, _Decoder  # pyright: ignore[reportPrivateUsage]
from lipwright.media.pixels import FramePool, frame_with_lines, lines_of, planes_of
from lipwright.media.shelf import Shelf

N = 24
BOUNCE = [*range(N), *range(N - 2, -1, -1), *range(1, N)]


@pytest.fixture(autouse=True)
def _any_disk_is_fast_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf_module, "SLOWEST_BYTES_PER_S", 0.0)


@pytest.fixture
def never_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once asked for, nothing is decoded any more."""

    def refuse(*_: Any) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(_Cursor, "read", refuse)


def pictures(footage: MediaFootage, order: list[int]) -> list[list[NDArray[Any]]]:
    """Copies of the planes; the frames are spoilt, as by somebody who edits them."""
    out: list[list[NDArray[Any]]] = []
    for frame in footage.play(order):
        out.append([plane.copy() for plane in frame.planes])
        for plane in frame.planes:
            plane[:] = 3
    return out


def open_files(folder: Path) -> list[str]:
    """Those of this process that lie in a folder, whether they have a name there or not."""
    files: list[str] = []
    for number in list(Path("/proc/self/fd").iterdir()):
        with contextlib.suppress(OSError):  # closed by another thread meanwhile
            files.append(str(number.readlink()))
    return [file for file in files if file.startswith(str(folder))]


def same(some: list[list[NDArray[Any]]], others: list[list[NDArray[Any]]]) -> bool:
    return len(some) == len(others) and all(
        np.array_equal(a, b) for one, two in zip(some, others, strict=True) for a, b in zip(one, two, strict=True)
    )


@pytest.mark.parametrize(
    ("codec", "ending", "pixel_format", "size", "ccw"),
    [
        ("libx264", "mp4", "yuv420p", (192, 108), 0),
        ("libx264", "mp4", "yuv420p", (182, 106), 90),
        ("libx264", "mp4", "yuv420p10le", (192, 108), 0),
        ("libx264", "mp4", "yuv444p", (192, 108), 180),
        ("ffv1", "mkv", "gray", (190, 108), 0),
        ("ffv1", "mkv", "yuva420p", (192, 108), 0),
        ("rawvideo", "nut", "nv12", (192, 108), 0),
        ("qtrle", "mov", "argb", (192, 108), 0),
    ],
)
def test_what_was_kept_is_what_was_decoded(
    make_video: Any, tmp_path: Path, codec: str, ending: str, pixel_format: str, size: tuple[int, int], ccw: int,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    path = make_video(
        f"kept.{ending}", n=N, codec=codec, pixel_format=pixel_format, size=size, rotation_ccw_deg=ccw,
        **({"options": {"g": "10", "bf": "2"}} if codec == "libx264" else {}),
    )  # fmt: skip
    wanted = pictures(open_footage(path, threads=1), BOUNCE)
    times = [frame.time_s for frame in open_footage(path, threads=1).play(BOUNCE)]

    footage = open_footage(path, threads=1, scratch=tmp_path)
    for _ in footage.frames(writable=False):
        pass
    request.getfixturevalue("never_again")

    assert same(pictures(footage, BOUNCE), wanted)
    assert [frame.time_s for frame in footage.play(BOUNCE)] == times


def test_a_picture_is_whole_where_an_encoder_holds_the_memory_of_the_one_before(tmp_path: Path) -> None:
    size = (720, 64)
    shelf, pool = Shelf(tmp_path, n_frames=2, frame_bytes=720 * 96), FramePool(keep=1)
    rng = np.random.default_rng(0)
    wanted: list[list[NDArray[Any]]] = []
    for index in range(2):
        frame = av.VideoFrame(*size, "yuv420p")
        for plane in planes_of(frame):
            plane[...] = rng.integers(0, 255, plane.shape)
        shelf.put(index, frame)
        wanted.append([plane.copy() for plane in planes_of(frame)])
    held = Graph()
    held.link_nodes(
        held.add_buffer(width=size[0], height=size[1], format=av.VideoFormat("yuv420p"), time_base=Fraction(1, 25)),
        held.add("buffersink"),
    ).configure()

    for index in range(2):
        frame = shelf.take(index, pool, (*size, "yuv420p"))
        assert frame is not None
        assert same([list(planes_of(frame))], [wanted[index]])
        frame.pts = index
        held.vpush(frame)  # what lies in the graph is counted in C
        del frame


@pytest.mark.parametrize(
    ("pixel_format", "size", "lines"),
    [
        ("yuv420p", (182, 106), (256, 128, 128)),
        ("yuv420p", (181, 105), (192, 96, 96)),
        ("yuv420p10le", (182, 106), (512, 256, 256)),
        ("yuv444p", (100, 60), (128, 128, 128)),
        ("gray", (100, 60), (192,)),
    ],
)
def test_a_picture_comes_back_laid_out_as_the_decoder_had_it(
    tmp_path: Path, pixel_format: str, size: tuple[int, int], lines: tuple[int, ...]
) -> None:
    """It is written and read in one piece for each plane, and never copied between."""
    shelf, pool = Shelf(tmp_path, n_frames=3, frame_bytes=4 * size[0] * size[1]), FramePool(keep=2)
    rng = np.random.default_rng(0)
    frame = frame_with_lines(*size, pixel_format, lines)
    assert frame is not None
    for plane in planes_of(frame):
        plane[...] = rng.integers(0, 255, plane.shape)
    shelf.put(0, frame)

    for _ in range(2):
        back = shelf.take(0, pool, (*size, pixel_format))
        assert back is not None
        assert (back.width, back.height, back.format.name, lines_of(back)) == (*size, pixel_format, lines)
        assert same([list(planes_of(back))], [list(planes_of(frame))])
        del back


@pytest.mark.parametrize(("share", "lines"), [(1.5, (384, 192, 192)), (1.1, (272, 144, 144))])
def test_what_lies_between_lines_takes_no_room_that_pictures_may_not_have(
    tmp_path: Path, share: float, lines: tuple[int, ...]
) -> None:
    """A decoder's lines of narrow pictures are up to half as long again."""
    like, n_bytes = (270, 480, "yuv420p"), 270 * 480 * 3 // 2
    shelf = Shelf(tmp_path, n_frames=3, frame_bytes=n_bytes, most_bytes=int(3 * n_bytes * share))
    frame = frame_with_lines(*like, (384, 192, 192))
    assert frame is not None
    for value, plane in enumerate(planes_of(frame), start=50):
        plane[...] = value
    for index in range(3):
        shelf.put(index, frame)

    back = shelf.take(2, FramePool(), like)

    assert back is not None
    assert lines_of(back) == lines
    assert sum(line * plane.height for line, plane in zip(lines, back.planes, strict=True)) <= share * n_bytes
    assert same([list(planes_of(back))], [list(planes_of(frame))])


def test_lines_that_no_frame_can_have_are_not_made() -> None:
    assert frame_with_lines(182, 106, "yuv420p", (176, 88, 88)) is None  # shorter than the picture is wide
    assert frame_with_lines(182, 106, "yuv420p", (256, 192, 192)) is None  # chroma has its own way
    assert frame_with_lines(182, 106, "yuv420p", (-256, -128, -128)) is None  # upside down
    assert frame_with_lines(182, 106, "rgb24", (600,)) is None


def test_colour_is_kept_with_the_picture(make_video: Any, tmp_path: Path) -> None:
    path = make_video(n=4, colour=(2, 9, 16, 9), pixel_format="yuv420p10le")
    footage = open_footage(path, threads=1, scratch=tmp_path)
    decoded = [frame.raw.frame for frame in footage.frames()]

    for before, frame in zip(decoded, footage.play(range(4)), strict=True):
        now = frame.raw.frame
        assert now is not before
        for name in ("color_range", "colorspace", "color_primaries", "color_trc"):
            assert getattr(now, name) == getattr(before, name)


def test_footage_that_is_known_is_decoded_once_for_a_bounce(
    make_video: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_video(n=N, options={"g": "250"})
    decoded: list[int] = []
    run = _Decoder.run

    def counted(self: _Decoder, *given: Any) -> Iterator[Any]:
        for item in run(self, *given):
            decoded.append(item[1])
            yield item

    monkeypatch.setattr(_Decoder, "run", counted)

    pictures(open_footage(path, threads=1, scratch=tmp_path), BOUNCE)

    assert len(decoded) == N


def test_nothing_lies_in_the_folder_while_it_is_used_or_after(make_video: Any, tmp_path: Path) -> None:
    path = make_video(n=N)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    footage = open_footage(path, threads=1, scratch=scratch)

    pictures(footage, BOUNCE)

    assert list(scratch.iterdir()) == []
    assert len(open_files(scratch)) == 1
    del footage
    gc.collect()
    assert open_files(scratch) == []


@pytest.mark.parametrize("threads", [1, 2])
def test_what_is_not_shown_is_not_put_down(make_video: Any, tmp_path: Path, threads: int) -> None:
    path = make_video(n=N)
    footage = open_footage(path, threads=threads, scratch=tmp_path)
    until: Future[Fraction] = Future()
    until.set_result(Fraction(10, 25))
    footage.shelve_until(until)

    list(footage.frames(writable=False))

    shelf = footage._shelf  # pyright: ignore[reportPrivateUsage]
    assert shelf is not None
    assert [index for index in range(N) if index in shelf] == list(range(11))  # and one, where times are rounded
    assert same(pictures(footage, BOUNCE), pictures(open_footage(path, threads=1), BOUNCE))


@pytest.mark.parametrize("what", ["too large", "disk nearly full", "no such folder", "slow"])
def test_where_pictures_cannot_be_kept_they_are_decoded_again(
    make_video: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    path, scratch = make_video(n=N), tmp_path
    wanted = pictures(open_footage(path, threads=1), BOUNCE)
    if what == "too large":
        monkeypatch.setattr(shelf_module, "MOST_BYTES", N * 192 * 108)
    elif what == "disk nearly full":
        usage = shutil.disk_usage(tmp_path)
        monkeypatch.setattr(shelf_module.shutil, "disk_usage", lambda _: usage._replace(free=N * 192 * 108 * 3))
    elif what == "slow":
        monkeypatch.setattr(shelf_module, "SLOWEST_BYTES_PER_S", 1e15)
    else:
        scratch = tmp_path / "none"

    footage = open_footage(path, threads=1, scratch=scratch)

    assert same(pictures(footage, BOUNCE), wanted)
    assert footage._shelf is not None  # pyright: ignore[reportPrivateUsage]
    assert len(footage._shelf) == 0  # pyright: ignore[reportPrivateUsage]


def test_pictures_that_waited_for_a_busy_core_do_not_make_a_disk_slow(
    make_video: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_video(n=N)
    monkeypatch.setattr(shelf_module, "SLOWEST_BYTES_PER_S", 192 * 108 * 1.5 / 0.1)  # a tenth of a second for each
    clock_s, n_looks = 0.0, 0

    def clock() -> float:
        """A picture takes 50 ms, and one in four waits for 150 ms more."""
        nonlocal clock_s, n_looks
        n_looks += 1
        if n_looks % 2 == 0:
            clock_s += 0.2 if n_looks % 8 == 0 else 0.05
        return clock_s

    monkeypatch.setattr(shelf_module, "perf_counter", clock)
    footage = open_footage(path, threads=1, scratch=tmp_path)

    list(footage.frames(writable=False))

    assert footage._shelf is not None  # pyright: ignore[reportPrivateUsage]
    assert len(footage._shelf) == N  # pyright: ignore[reportPrivateUsage]


def test_a_disk_that_becomes_slow_takes_no_more_and_what_it_has_is_used(
    make_video: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_video(n=N, options={"g": "6"})
    wanted = pictures(open_footage(path, threads=1), BOUNCE)
    monkeypatch.setattr(shelf_module, "SLOWEST_BYTES_PER_S", 192 * 108 * 1.5 / 0.1)  # a tenth of a second for each
    monkeypatch.setattr(shelf_module, "_N_TO_JUDGE", 4)
    clock_s, n_looks, is_studied = 0.0, 0, False

    def clock() -> float:
        """The disk's cache is full after ten pictures; to read it is quick."""
        nonlocal clock_s, n_looks
        n_looks += 1
        clock_s += 0.5 if n_looks > 20 and n_looks % 2 == 0 and not is_studied else 0.01
        return clock_s

    monkeypatch.setattr(shelf_module, "perf_counter", clock)
    footage = open_footage(path, threads=1, scratch=tmp_path)
    for _ in footage.frames(writable=False):
        pass
    is_studied = True

    shelf = footage._shelf  # pyright: ignore[reportPrivateUsage]
    assert shelf is not None
    assert 10 <= len(shelf) < 16
    n_kept = len(shelf)
    assert same(pictures(footage, BOUNCE), wanted)
    assert len(shelf) == n_kept


@pytest.mark.parametrize("fails_at", [0, 7])
def test_a_disk_that_is_full_in_the_middle_costs_only_time(
    make_video: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    path = make_video(n=N)
    wanted = pictures(open_footage(path, threads=1), BOUNCE)
    n_written = 0
    write = shelf_module._write  # pyright: ignore[reportPrivateUsage]

    def filling(*given: Any) -> None:
        nonlocal n_written
        if n_written >= 3 * fails_at:
            raise OSError(28, "No space left on device")
        n_written += 1
        write(*given)

    monkeypatch.setattr(shelf_module, "_write", filling)

    assert same(pictures(open_footage(path, threads=1, scratch=tmp_path), BOUNCE), wanted)


def test_a_damaged_file_is_kept_as_it_was_decoded(make_video: Any, tmp_path: Path) -> None:
    path = make_video("damaged.mkv", n=N, options={"g": "6"})
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 400] = bytes(400)
    path.write_bytes(data)
    plain, kept = open_footage(path, threads=1), open_footage(path, threads=1, scratch=tmp_path)
    n = sum(1 for _ in plain.frames(writable=False))
    assert sum(1 for _ in kept.frames(writable=False)) == n

    order = [*range(n), *range(n - 1, -1, -1)]
    assert same(pictures(kept, order), pictures(plain, order))
