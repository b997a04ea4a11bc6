"""Study footage, or remember what an earlier study of the same bytes found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from lipwright.cache import Cache, files_behind, keys_of, made_with
from lipwright.core.errors import BrokenEngine
from lipwright.core.face import SeenFace
from lipwright.core.media import Footage, VideoFrame, VideoInfo
from lipwright.engines.base import Engine, Memorable, Memory, Progress, RecallingEngine, Studied, Tracker
from lipwright.engines.enough import Enough
from lipwright.engines.people import Witness, memory_of, people_from
from lipwright.media import MediaFootage

_NOT_OF_STUDY: Final = ("seed", "threads")
_MADE_OF: Final = ("lipwright.core", "lipwright.articulation", "lipwright.media", "lipwright.vision")
_LIBRARIES: Final = ("lipwright", "mediapipe", "numpy", "opencv-contrib-python-headless", "scipy")
_ENGINES: Final = "engine/"
"""Before the names of the engine's own arrays: it may call them what it likes, and is given no others."""
_TYPED_IN: Final = (
    "What was found out about this footage is not kept: the code of the engine, or of its tracker, is in no file."
)


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
    seen_s: Fraction
    """When the last frame is shown that was looked at."""
    is_whole: bool = True
    """False: only its first `n_frames` were looked at, which was enough."""
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
    enough: Enough | None = None,
    progress: Progress | None = None,
) -> Study:
    """Everyone in the footage, tracked and studied once, or recalled. Raises UnreadableMedia, BrokenEngine.

    `enough` ends it early, where its first seconds will do; the whole is used where it is known.
    `options["seed"]` is for speaking, and `options["threads"]` changes nothing: a study is kept for all of them.
    """
    keys: list[str] = []
    """Of the whole, and of its beginning where that will do."""
    kinds = (type(engine), type(tracker))
    if cache is not None and isinstance(engine, RecallingEngine) and all(map(files_behind, _plugins(*kinds))):
        chosen = [f"{name}={value}" for name, value in sorted(options.items()) if name not in _NOT_OF_STUDY]
        makers = _makers(*kinds)
        keys = keys_of(source.info.path, [*makers, *chosen], [*makers, *chosen, "its beginning"])
        for key in keys if enough is not None else keys[:1]:
            recalled = _recall(engine, source, options, cache, key)
            if recalled is None:
                continue
            if not (recalled.is_whole or (enough is not None and enough.is_reached(recalled.seen_s, recalled.people))):
                continue
            if progress is not None:
                progress(recalled.n_frames, recalled.n_frames)
            return recalled
    promised = source.info.video
    ending = None if enough is None or promised is None else _Ending(enough, promised)
    if ending is not None and progress is not None:
        progress = ending.telling(progress)
    witness = Witness(tracker, is_enough=None if ending is None else ending.is_reached)
    studied = engine.study(source, tracker=witness, options=options, progress=progress)
    if not witness.n_frames:  # decoders say themselves that there is none
        raise BrokenEngine(engine.name, "its `study` did not look at the footage through the tracker that it was given")
    cuts = np.array(witness.cuts, np.intp)
    is_whole = ending is None or not ending.is_over
    done = Study(
        studied, witness.people, witness.n_frames, is_recalled=False, cuts=cuts, seen_s=witness.seen_s,
        is_whole=is_whole, notes=witness.notes,
    )  # fmt: skip
    # footage that decodes to other frames than its packets promise is told of by its decoder each time
    if cache is not None and keys and source.info.video == promised:
        is_kept = cache.write(keys[0 if is_whole else 1], _memory(cast("Memorable", studied), done, source))
        done = replace(done, is_kept=is_kept)
    if cache is not None:
        done.notes.extend(cache.take_notes())
        if isinstance(engine, RecallingEngine) and not keys:
            done.notes.append(_TYPED_IN)
    return done


class _Ending:
    """Ends a study when enough was seen: it is looked at once for each second of footage."""

    def __init__(self, enough: Enough, video: VideoInfo) -> None:
        self._enough = enough
        self._video = video
        self._next_s = enough.least_s
        self.is_over = False

    def is_reached(self, frame: VideoFrame, witness: Witness) -> bool:
        if frame.time_s < self._next_s:
            return False
        self._next_s = int(frame.time_s) + 1
        self.is_over = self._enough.is_reached(frame.time_s, witness.people)
        return self.is_over

    def telling(self, progress: Progress) -> Progress:
        """`progress` with the total that is expected, as soon as it is known what that is."""

        def tell(done: int, total: int) -> None:
            if self._enough.is_known and (far_s := self._enough.far_s()) is not None:
                expected = math.ceil(far_s * self._video.fps) + 1
                may_end = self._enough.is_sound(far_s)
                total = expected if may_end and done <= expected < total else total
            progress(done, total)

        return tell


def _memory(studied: Memorable, done: Study, source: Footage) -> Memory:
    yield "is_confirmed", np.array(isinstance(source, MediaFootage) and source.is_confirmed)
    yield "n_frames", np.array(done.n_frames)
    yield "is_whole", np.array(done.is_whole)
    yield "seen_s", np.array(done.seen_s.as_integer_ratio(), np.int64)
    yield "cuts", done.cuts
    yield "notes", np.array(done.notes, np.str_)
    yield from memory_of(done.people)
    for name, values in studied.memory():
        yield f"{_ENGINES}{name}", values


def _recall(
    engine: RecallingEngine, source: Footage, options: Mapping[str, str], cache: Cache, key: str
) -> Study | None:
    memory = cache.read(key)
    if memory is None:
        return None
    try:
        n_frames = int(memory.pop("n_frames"))
        cuts = memory.pop("cuts")
        is_whole = bool(memory.pop("is_whole"))
        seen_s = Fraction(*memory.pop("seen_s").tolist())
        people = people_from(memory)
        is_confirmed = bool(memory.pop("is_confirmed"))
        notes: list[str] = memory.pop("notes").tolist()
        own = {name.removeprefix(_ENGINES): memory[name] for name in memory if name.startswith(_ENGINES)}
        recalled = Study(
            engine.recall(source, own, options), people, n_frames, is_recalled=True, cuts=cuts, seen_s=seen_s,
            is_whole=is_whole, notes=notes, is_kept=True,
        )  # fmt: skip
    except (KeyError, ValueError):
        cache.drop(key, "does not fit together")
        return None
    if is_confirmed and isinstance(source, MediaFootage):
        source.confirm()
    return recalled


def _makers(*types: type[Any]) -> list[str]:
    """What a study depends on beside the footage: engine and tracker, what they are made of, and their libraries."""
    # a class of ours does not depend on all that is ours: of it, and of what it inherits, the folder counts
    ours = [kind.__module__ for made in types for kind in made.__mro__ if _is_ours(kind)]
    packages = [*(module.rpartition(".")[0] for module in ours), *_MADE_OF]
    made_by = made_with(packages, _LIBRARIES, plugins=_plugins(*types))
    return [*(f"{made.__module__}.{made.__qualname__}" for made in types), *made_by]


def _plugins(*types: type[Any]) -> list[str]:
    """The modules of those that others have made."""
    return [made.__module__ for made in types if not _is_ours(made)]


def _is_ours(kind: type[Any]) -> bool:
    return kind.__module__.startswith("lipwright.")
