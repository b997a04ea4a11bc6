"""The sound of footage is heard once for all that is said with it."""

from __future__ import annotations

from dataclasses import fields
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lipwright import demo
from lipwright.articulation import Heard, heard_once, listen
from lipwright.cache import Cache
from lipwright.media import read_speech


@pytest.fixture
def hear() -> Listener:
    return Listener()


class Listener:
    """Hears the bundled sentence, and knows how often."""

    def __init__(self) -> None:
        self.n_times = 0

    def __call__(self) -> Heard:
        self.n_times += 1
        return listen(read_speech(demo.speech_path()))


def same(one: Heard, other: Heard) -> bool:
    return all(np.array_equal(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))


def test_what_was_heard_is_remembered_to_the_bit(hear: Listener, tmp_path: Path) -> None:
    first = heard_once(demo.speech_path(), hear, Cache(tmp_path))
    second = heard_once(demo.speech_path(), hear, Cache(tmp_path))

    assert hear.n_times == 1
    assert same(first, second)
    assert len(second) > 100


def test_another_recording_is_another_sound(hear: Listener, tmp_path: Path) -> None:
    heard_once(demo.speech_path(), hear, Cache(tmp_path))
    heard_once(demo.video_path(), hear, Cache(tmp_path))  # other bytes

    assert hear.n_times == 2


def test_without_a_cache_it_is_heard_each_time(hear: Listener) -> None:
    heard_once(demo.speech_path(), hear, None)
    heard_once(demo.speech_path(), hear, None)

    assert hear.n_times == 2


@pytest.mark.parametrize("fault", ["lacks something", "is too short"])
def test_an_entry_that_does_not_fit_together_is_heard_anew(hear: Listener, tmp_path: Path, fault: str) -> None:
    first = heard_once(demo.speech_path(), hear, Cache(tmp_path))
    (path,) = tmp_path.iterdir()
    with np.load(path) as kept:
        arrays = {name: kept[name] for name in kept.files}
    rest = arrays.pop("rest")
    np.savez(path, **arrays, **({"rest": rest[:-1]} if fault == "is too short" else {}))
    cache = Cache(tmp_path)

    again = heard_once(demo.speech_path(), hear, cache)

    assert hear.n_times == 2
    assert same(first, again)
    assert "does not fit together" in cache.notes[0]


def test_footage_without_sound_stays_without(tmp_path: Path) -> None:
    def nothing() -> Heard:
        raise RuntimeError("no sound")

    with pytest.raises(RuntimeError, match="no sound"):
        heard_once(demo.video_path(), nothing, Cache(tmp_path))
    assert not list(tmp_path.iterdir())


def test_the_beginning_is_remembered_for_itself_and_the_whole_for_both(hear: Listener, tmp_path: Path) -> None:
    def listen_for(first_s: Fraction | None) -> int:
        heard_once(demo.speech_path(), hear, Cache(tmp_path), first_s=first_s)
        return hear.n_times

    assert [listen_for(Fraction(2)), listen_for(Fraction(2)), listen_for(Fraction(3))] == [1, 1, 2]
    assert [listen_for(None), listen_for(None), listen_for(Fraction(1))] == [3, 3, 3]
