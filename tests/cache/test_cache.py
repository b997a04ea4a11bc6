"""The folder that keeps what cost time: whole entries or none, within its size."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.cache import Cache, keys_of


def some(seed: int = 0, n: int = 1000) -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(seed)
    return {
        "face/1/points": rng.integers(-100, 100, (n, 3)).astype(np.int16),
        "face/1/mouths/0/codes": rng.integers(0, 255, n).astype(np.uint8),
        "n_frames": np.array(n),
    }


def same(one: dict[str, NDArray[Any]] | None, other: dict[str, NDArray[Any]]) -> bool:
    return one is not None and one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in other)


def test_what_was_kept_comes_back_as_it_was(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "new" / "folder")

    cache.write("a", some().items())

    back = Cache(tmp_path / "new" / "folder").read("a")
    assert same(back, some())
    assert back is not None
    assert back["face/1/points"].dtype == np.int16
    assert cache.read("b") is None
    assert not cache.notes


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "other"])
def test_a_damaged_entry_is_dropped_and_told(tmp_path: Path, damage: str) -> None:
    cache = Cache(tmp_path)
    cache.write("a", some().items())
    path = tmp_path / "a.npz"
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 0xFF
    path.write_bytes({"cut": content[:-300], "emptied": b"", "other": b"PK" + bytes(900)}.get(damage, bytes(content)))

    assert cache.read("a") is None

    assert not path.exists()
    assert len(cache.notes) == 1
    assert "damaged" in cache.notes[0]


def test_whichever_bit_of_an_entry_is_wrong_nothing_is_raised_and_nothing_wrong_is_read(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    written = {"x": np.arange(6, dtype=np.int16).reshape(1, 2, 3), "y": np.array(5)}
    cache.write("a", written.items())
    path = tmp_path / "a.npz"
    content = path.read_bytes()
    n_dropped = 0
    for place in range(len(content)):
        for bit in (0, 3):  # of a zip's flags, 0 says "encrypted"; of its methods, 3 turns "stored" into "deflated"
            damaged = bytearray(content)
            damaged[place] ^= 1 << bit
            path.write_bytes(damaged)

            read = cache.read("a")

            is_read = read is not None
            assert is_read == path.exists()
            assert not is_read or same(read, written), (place, bit)
            n_dropped += not is_read

    assert n_dropped > len(content)
    assert len(cache.notes) == n_dropped


def test_an_array_that_claims_to_be_shorter_than_it_is_is_not_believed(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.write("a", [("x", np.zeros(5000))])  # longer than what a zip reads ahead
    path = tmp_path / "a.npz"
    path.write_bytes(path.read_bytes().replace(b"(5000,)", b"(4000,)"))

    assert cache.read("a") is None


def test_the_longest_unused_entries_make_room(tmp_path: Path) -> None:
    size = 0
    for number, key in enumerate("abcd"):
        Cache(tmp_path).write(key, some(number).items())
        os.utime(tmp_path / f"{key}.npz", (number, number))
        size = (tmp_path / f"{key}.npz").stat().st_size
    assert same(Cache(tmp_path).read("a"), some(0))  # now the one used last

    Cache(tmp_path, max_bytes=3 * size + 10).write("e", some(4).items())

    assert sorted(path.stem for path in tmp_path.iterdir()) == ["a", "d", "e"]


def test_an_entry_larger_than_the_bound_is_not_kept(tmp_path: Path) -> None:
    Cache(tmp_path).write("small", some(n=10).items())

    cache = Cache(tmp_path, max_bytes=5000)

    is_kept = cache.write("large", some(n=10_000).items())

    assert not is_kept
    assert "it takes more than" in cache.notes[0]
    assert [path.name for path in tmp_path.iterdir()] == ["small.npz"]


def test_writers_and_readers_at_once_see_whole_entries(tmp_path: Path) -> None:
    def work(number: int) -> bool:
        cache = Cache(tmp_path)
        if number % 2:
            cache.write("a", some(7).items())
        read = cache.read("a")
        return (read is None or same(read, some(7))) and not cache.notes

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(64)))

    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_where_nothing_can_be_kept_the_work_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = Cache(tmp_path / "file")

    cache.write("a", some().items())

    assert cache.read("a") is None
    assert any("could not be kept" in note for note in cache.notes)
    assert not any("damaged" in note for note in cache.notes)


def test_who_may_enter_the_folder_may_read_what_another_kept(tmp_path: Path) -> None:
    Cache(tmp_path).write("a", some().items())
    (tmp_path / "file").write_text("")

    assert (tmp_path / "a.npz").stat().st_mode == (tmp_path / "file").stat().st_mode


def test_what_cannot_be_opened_is_told_and_left_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Cache(tmp_path).write("a", some().items())

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    cache = Cache(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)  # root may read everything
        assert cache.read("a") is None

    assert cache.notes == [f"What was kept in {tmp_path} could not be read: permission denied."]
    assert same(Cache(tmp_path).read("a"), some())


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    def breaks() -> Any:
        yield "one", np.zeros(3)
        raise MemoryError

    with pytest.raises(MemoryError):
        Cache(tmp_path).write("a", breaks())

    assert not list(tmp_path.iterdir())


def test_names_follow_from_content_and_makers_not_from_paths(tmp_path: Path) -> None:
    one, twin, other = tmp_path / "one", tmp_path / "twin", tmp_path / "other"
    for path, content in ((one, b"same"), (twin, b"same"), (other, b"else")):
        path.write_bytes(content)

    makers = ["engine 1"], ["engine 2"]
    assert keys_of(one, *makers) == keys_of(twin, *makers)
    assert len({*keys_of(one, *makers), *keys_of(other, *makers)}) == 4


def test_a_note_is_told_once_with_the_work_that_it_came_of(tmp_path: Path) -> None:
    cache = Cache(tmp_path, max_bytes=100)
    cache.write("large", some(n=1000).items())

    first, second = cache.take_notes(), cache.take_notes()

    assert "it takes more than" in first[0]
    assert second == []
