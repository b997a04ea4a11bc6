"""Study footage, or remember what an earlier study of the same bytes found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from lipwright.cache import Cache, key_of, made_with
from lipwright.core.face import SeenFace
from lipwright.core.media import Footage
from lipwright.engines.base import Engine, Memorable, Memory, Progress, RecallingEngine, Studied, Tracker
from lipwright.engines.people import Witness, memory_of, people_from

_NOT_OF_STUDY: Final = ("seed", "threads")
_MADE_OF: Final = ("lipwright.core", "lipwright.articulation", "lipwright.media", "lipwright.vision")
_LIBRARIES: Final = ("lipwright", "mediapipe", "numpy", "opencv-contrib-python-headless", "scipy")


@dataclass(frozen=True, slots=True)
class Study:
    """Footage that was looked at: who is in it, and what the engine made of them."""

    studied: Studied
    people: list[SeenFace]
    n_frames: int
    is_recalled: bool
    """Nothing was tracked: all of this was kept from an earlier run."""
    cuts: NDArray[np.intp]
    """Numbers of the frames with which a shot begins."""
    notes: list[str] = field(default_factory=list[str])
    is_kept: bool = False
    """The next study of the same bytes will be recalled."""


def study(
    engine: Engine,
    tracker: Tracker,
    source: Footage,
    options: Mapping[str, str],
    *,
    cache: Cache | None = None,
    progress: Progress | None = None,
) -> Study:
    """Everyone in the footage, tracked and studied once, or recalled. Raises UnreadableMedia.

    `options["seed"]` is for speaking, and `options["threads"]` changes nothing: a study is kept for all of them.
    """
    key: str | None = None
    if cache is not None and isinstance(engine, RecallingEngine):
        chosen = [f"{name}={value}" for name, value in sorted(options.items()) if name not in _NOT_OF_STUDY]
        key = key_of(source.info.path, *_makers(type(engine), type(tracker)), *chosen)
        recalled = _recall(engine, source, options, cache, key)
        if recalled is not None:
            if progress is not None:
                progress(recalled.n_frames, recalled.n_frames)
            return recalled
    promised = source.info.video
    witness = Witness(tracker)
    studied = engine.study(source, tracker=witness, options=options, progress=progress)
    cuts = np.array(witness.cuts, np.intp)
    done = Study(studied, witness.people, witness.n_frames, is_recalled=False, cuts=cuts)
    # footage that decodes to other frames than its packets promise is told of by its decoder each time
    if cache is not None and key is not None and source.info.video == promised:
        is_kept = cache.write(key, _memory(cast("Memorable", studied), done))
        done = replace(done, is_kept=is_kept)
    if cache is not None:
        done.notes.extend(cache.take_notes())
    return done


def _memory(studied: Memorable, done: Study) -> Memory:
    yield "n_frames", np.array(done.n_frames)
    yield "cuts", done.cuts
    yield from memory_of(done.people)
    yield from studied.memory()


def _recall(
    engine: RecallingEngine, source: Footage, options: Mapping[str, str], cache: Cache, key: str
) -> Study | None:
    memory = cache.read(key)
    if memory is None:
        return None
    try:
        n_frames = int(memory.pop("n_frames"))
        cuts = memory.pop("cuts")
        people = people_from(memory)
        return Study(
            engine.recall(source, memory, options), people, n_frames, is_recalled=True, cuts=cuts, is_kept=True
        )
    except (KeyError, ValueError):
        cache.drop(key, "does not fit together")
        return None


def _makers(*types: type[Any]) -> list[str]:
    """What a study depends on beside the footage: engine and tracker, what they are made of, and their libraries."""
    packages = [*(made.__module__.rpartition(".")[0] for made in types), *_MADE_OF]
    return [*(f"{made.__module__}.{made.__qualname__}" for made in types), *made_with(packages, _LIBRARIES)]
