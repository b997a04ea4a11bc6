"""Studied once: the second speech on the same footage does not look at it again."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipwright import cache as cache_room
from lipwright.cache import Cache
from lipwright.core.face import TrackedFace
from lipwright.core.media import VideoFrame
from lipwright.core.timeline import FramePlan, MouthTrack
from lipwright.engines.recall import study
from lipwright.engines.rewrite import RewriteEngine
from lipwright.engines.rewrite import study as studying
from lipwright.engines.rewrite.face import prepare_face
from lipwright.engines.rewrite.rows import LandmarkRows
from lipwright.engines.rewrite.steady import fill_gaps, steady
from lipwright.media import MediaFootage, open_footage
from lipwright.testing import StillEngine
from lipwright.testing.still import StillStudied
from lipwright.vision.track import MeshTracker


class Counting:
    """A tracker that knows how often it was asked."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.n_frames = 0

    def track(self, frames: Iterable[VideoFrame]) -> Iterator[tuple[VideoFrame, list[TrackedFace]]]:
        for pair in self.inner.track(frames):
            self.n_frames += 1
            yield pair


def spoken(studied: Any) -> list[bytes]:
    plan = FramePlan(tuple(range(8)), tuple(Fraction(k, 25) for k in range(8)), Fraction(8, 25))
    wave = np.zeros((8, 8), np.float32)
    wave[:, 0] = 0.25
    mouth = MouthTrack(wave, np.zeros(8, np.float32), np.zeros(8, np.float32), Fraction(25))
    return [b"".join(plane.tobytes() for plane in frame.planes) for frame in studied.avatar(1).speak(mouth, plan)]


def test_the_second_run_tracks_nothing_and_gives_the_same_frames(
    portrait: MediaFootage, known_tracker: Any, tmp_path: Path
) -> None:
    tracker = Counting(known_tracker)
    told: list[tuple[int, int]] = []

    first = study(RewriteEngine(), tracker, portrait, {"seed": "1"}, cache=Cache(tmp_path))
    n_asked = tracker.n_frames
    second = study(
        RewriteEngine(), tracker, portrait, {"seed": "1"}, cache=Cache(tmp_path), progress=lambda *now: told.append(now)
    )
    another_seed = study(RewriteEngine(), tracker, portrait, {"seed": "2"}, cache=Cache(tmp_path))

    assert (first.is_recalled, second.is_recalled, another_seed.is_recalled) == (False, True, True)
    assert n_asked == tracker.n_frames == first.n_frames == second.n_frames == 150
    assert told == [(150, 150)]
    assert spoken(first.studied) == spoken(second.studied)
    assert np.array_equal(first.people[0].lip_gap, second.people[0].lip_gap)


def test_footage_of_which_only_its_end_tells_what_there_is_is_not_decoded_again_before_the_first_frame(
    make_video: Any, known_tracker: Any, tmp_path: Path
) -> None:
    path = make_video("reel.ts", n=60, options={"g": "10"})
    for is_recalled in (False, True):
        footage = open_footage(path, threads=1)
        assert not footage.can_jump

        seen = study(RewriteEngine(), known_tracker, footage, {}, cache=Cache(tmp_path))

        assert seen.is_recalled == is_recalled
        assert footage.can_jump
        assert [frame.index for frame in footage.play([58, 3, 4])] == [58, 3, 4]


def test_what_the_tracker_tells_is_told_again_by_who_remembers(
    portrait: MediaFootage, known_tracker: Any, tmp_path: Path
) -> None:
    known_tracker.notes = ["More than 16 faces are in the picture at once: the others were not looked at."]
    first = study(RewriteEngine(), known_tracker, portrait, {}, cache=Cache(tmp_path))
    known_tracker.notes = []

    second = study(RewriteEngine(), known_tracker, portrait, {}, cache=Cache(tmp_path))

    assert second.is_recalled
    assert len(first.notes) == 1
    assert second.notes == first.notes


class Namesake(StillEngine):
    """A plug-in whose arrays have the names of ours, and which takes no others."""

    def study(self, source: Any, **others: Any) -> Any:
        return _Namesakes(source, super().study(source, **others)._face_ids)

    def recall(self, source: Any, memory: Any, options: Any) -> Any:
        if set(memory) != {"ids", "cuts", "n_frames", "person/1", "notes"}:
            raise ValueError(sorted(memory))
        return _Namesakes(source, frozenset(memory["ids"].tolist()))


class _Namesakes(StillStudied):
    def memory(self) -> Any:
        yield "ids", np.array(sorted(self._face_ids))
        for name in ("cuts", "n_frames", "person/1", "notes"):
            yield name, np.array([0.5])


def test_an_engine_calls_its_arrays_what_it_likes_and_is_given_no_others(
    portrait: MediaFootage, known_tracker: Any, tmp_path: Path
) -> None:
    first, second = (study(Namesake(), known_tracker, portrait, {}, cache=Cache(tmp_path)) for _ in range(2))

    assert (first.is_recalled, second.is_recalled) == (False, True)
    assert second.notes == []
    assert (first.n_frames, first.cuts.tolist()) == (second.n_frames, second.cuts.tolist())
    assert [person.face_id for person in second.people] == [1]


ENGINE = """
from lipwright.testing import StillEngine
from lipwright.testing.still import StillStudied


class Kept(StillStudied):
    def memory(self):
        return []


class Mine(StillEngine):
    def study(self, source, **others):
        return Kept(source, super().study(source, **others)._face_ids)

    def recall(self, source, memory, options):
        return Kept(source, frozenset([1]))
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], Any]]:
    """Writes a module, and gives its engine as a new process would have it."""
    monkeypatch.syspath_prepend(tmp_path / "site")

    def import_again(module: str, file: str) -> Any:
        path = tmp_path / "site" / file
        if not path.exists():
            path.parent.mkdir(parents=True)
            path.write_text(ENGINE)
        forget()
        return importlib.import_module(module).Mine()

    def forget() -> None:
        cache_room._code_of_all.cache_clear()
        importlib.invalidate_caches()
        for name in [name for name in sys.modules if name.partition(".")[0] in ("my_engine", "my_firm")]:
            del sys.modules[name]

    yield import_again
    forget()


@pytest.mark.parametrize(
    ("module", "file", "changed"),
    [
        ("my_engine", "my_engine.py", "my_engine.py"),
        ("my_engine", "my_engine/__init__.py", "my_engine/__init__.py"),
        ("my_engine.lips", "my_engine/lips/__init__.py", "my_engine/nets/lips.bin"),
        ("my_firm.engine", "my_firm/engine/__init__.py", "my_firm/engine/nets/deep/net.py"),
    ],
)
def test_the_study_of_a_plug_in_is_kept_until_any_file_of_its_package_changes(
    module: str,
    file: str,
    changed: str,
    installed: Callable[[str, str], Any],
    portrait: MediaFootage,
    known_tracker: Any,
    tmp_path: Path,
) -> None:
    def is_recalled() -> bool:
        return study(installed(module, file), known_tracker, portrait, {}, cache=Cache(tmp_path / "kept")).is_recalled

    if module == "my_engine.lips":
        (tmp_path / "site" / "my_engine").mkdir(parents=True)
        (tmp_path / "site" / "my_engine" / "__init__.py").touch()

    assert [is_recalled(), is_recalled()] == [False, True]
    (tmp_path / "site" / changed).parent.mkdir(parents=True, exist_ok=True)
    with (tmp_path / "site" / changed).open("a") as code:
        code.write("\n# changed\n")
    assert [is_recalled(), is_recalled()] == [False, True]
    for beside in ("my_firm/other/__init__.py", "my_firm/engine/__pycache__/x.pyc"):
        (tmp_path / "site" / beside).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "site" / beside).touch()
    assert is_recalled()


def test_the_study_of_an_engine_that_was_typed_in_is_not_kept_and_that_is_told(
    portrait: MediaFootage, known_tracker: Any, tmp_path: Path
) -> None:
    typed: dict[str, Any] = {"__name__": "typed_in"}
    exec(ENGINE, typed)

    first, second = (study(typed["Mine"](), known_tracker, portrait, {}, cache=Cache(tmp_path)) for _ in range(2))

    assert not first.is_kept
    assert not second.is_recalled
    assert "in no file" in second.notes[0]


class Choosy(RewriteEngine):
    """An engine that has an option."""

    def study(self, source: Any, *, options: Any = None, **others: Any) -> Any:
        assert "mode" in options
        return super().study(source, options={}, **others)


def test_other_options_are_another_study_and_no_cache_keeps_nothing(
    portrait: MediaFootage, known_tracker: Any, tmp_path: Path
) -> None:
    study(Choosy(), known_tracker, portrait, {"mode": "x"}, cache=Cache(tmp_path))

    assert not study(Choosy(), known_tracker, portrait, {"mode": "y"}, cache=Cache(tmp_path)).is_recalled
    assert not study(Choosy(), known_tracker, portrait, {"mode": "x"}).is_recalled
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("missing", ["engine/face/1/skin.npy", "person/1/lip_gap.npy", "n_frames.npy"])
def test_an_entry_that_lacks_something_is_made_anew(
    portrait: MediaFootage, known_tracker: Any, tmp_path: Path, missing: str
) -> None:
    study(RewriteEngine(), known_tracker, portrait, {}, cache=Cache(tmp_path))
    (path,) = tmp_path.iterdir()
    with np.load(path) as kept:
        rest = {name: kept[name] for name in kept.files if f"{name}.npy" != missing}
    np.savez(path, **rest)

    again = study(RewriteEngine(), known_tracker, portrait, {}, cache=Cache(tmp_path))

    assert not again.is_recalled
    assert "looked at again" in again.notes[0]
    assert study(RewriteEngine(), known_tracker, portrait, {}, cache=Cache(tmp_path)).is_recalled


def test_a_person_who_talks_is_kept_ready_with_all_that_is_asked_of_their_mouths(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    footage = open_footage(clips / "video" / "vr_2.mp4")
    first = study(RewriteEngine(), MeshTracker(), footage, {}, cache=Cache(tmp_path))
    wanted = spoken(first.studied)

    def nobody_prepares(*_: Any) -> None:
        pytest.fail("a person who is known was prepared again")

    for name in ("prepare_face", "lip_edges", "mouth_look"):
        monkeypatch.setattr(f"lipwright.engines.rewrite.shared.{name}", nobody_prepares)
    second = study(RewriteEngine(), MeshTracker(), footage, {}, cache=Cache(tmp_path))

    assert second.is_recalled
    assert spoken(second.studied) == wanted
    assert second.studied.avatar(1).style.is_talking


def test_who_is_seen_for_one_frame_only_does_not_spoil_what_is_kept_of_others(
    portrait: MediaFootage, known_tracker: Any, tmp_path: Path
) -> None:
    (face,) = known_tracker.faces[20]
    known_tracker.faces[20] = [face, TrackedFace(2, face.landmarks + np.float32(30), face.score)]

    first = study(RewriteEngine(), known_tracker, portrait, {}, cache=Cache(tmp_path))
    second = study(RewriteEngine(), known_tracker, portrait, {}, cache=Cache(tmp_path))

    assert second.is_recalled
    assert [person.face_id for person in second.people] == [1, 2]
    assert spoken(first.studied) == spoken(second.studied)
    assert second.studied.avatar(2).report.face_id == 2


def test_landmarks_lose_less_than_a_fiftieth_of_a_pixel(known_tracker: Any) -> None:
    landmarks = np.stack([faces[0].landmarks for faces in known_tracker.faces.values()] * 3).astype(np.float64)
    rows = LandmarkRows()
    rows.extend(landmarks)

    again = LandmarkRows()
    for block in rows.packed():
        again.unpack(block)

    assert len(rows) == len(landmarks) == 450
    assert np.abs(rows.rows(range(450)) - landmarks).max() < 0.02
    assert np.array_equal(again.rows(range(450)), rows.rows(range(450)))
    for some in ((449, 0, 7), range(3, 440, 2), range(0, 450, 100)):  # far from each other, and close
        asked = np.array(some)
        assert np.array_equal(rows.rows(asked), rows.rows(range(450))[asked])
        assert np.array_equal([*rows.each(some)], rows.rows(range(450))[asked])
    with pytest.raises(IndexError):
        rows.row(450)
    with pytest.raises(ValueError, match="no rows"):
        again.unpack(np.zeros(7, np.uint8))


def test_long_footage_keeps_its_landmarks_on_disk(known_tracker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    landmarks = np.stack([faces[0].landmarks for faces in known_tracker.faces.values()]).astype(np.float64)
    held = LandmarkRows()
    monkeypatch.setattr("lipwright.engines.rewrite.rows._HELD_BYTES", 1)
    spilled = LandmarkRows()

    for rows in (held, spilled):
        rows.extend(landmarks)

    assert np.array_equal(held.rows(range(150)), spilled.rows(range(150)))


def test_steadying_in_blocks_is_steadying_the_whole(
    portrait: MediaFootage, known_tracker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gathered = studying.Study()
    for frame, faces in known_tracker.track(portrait.frames()):
        gathered.observe(frame, faces if not 70 <= frame.index < 73 else [])
    face = gathered.faces[1]
    index, filled, _ = fill_gaps(face.frame_index, face.landmarks.rows(range(len(face.landmarks))))

    monkeypatch.setattr("lipwright.engines.rewrite.face.BLOCK", 40)
    prepared = prepare_face(face)

    assert prepared.frame_index.tolist() == index
    whole = steady(index, filled)
    assert np.abs(prepared.landmarks.rows(range(len(index))) - whole).max() < 0.05


def test_a_full_library_gives_up_what_it_has_most_of(
    portrait: MediaFootage, known_tracker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studying, "MAX_MOUTHS", 75)
    rare = range(25, 50)
    gathered = studying.Study()
    for frame, faces in known_tracker.track(portrait.frames()):
        (face,) = faces
        if frame.index in rare:
            points = face.landmarks.copy()
            points[[87, 14, 317], 1] += 30  # the only frames with a mouth wide open
            face = TrackedFace(1, points, 1.0)
        else:
            face = TrackedFace(1, known_tracker.faces[0][0].landmarks, 1.0)
        gathered.observe(frame, [face])

    kept = gathered.faces[1].mouths
    assert len(kept) <= 75
    assert set(rare) <= set(kept)
    assert gathered.faces[1].n_bytes == sum(mouth.n_bytes for mouth in kept.values())


def test_where_few_mouths_fit_they_are_of_many_moments(
    portrait: MediaFootage, known_tracker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A close-up in 4K with more than 8 bits: what is rare is not given up for what came last."""
    (first,) = known_tracker.faces[0]
    wide = first.landmarks.copy()
    wide[[87, 14, 317], 1] += 30
    gathered = studying.Study()
    for frame in portrait.frames():
        face = TrackedFace(1, wide if 60 <= frame.index < 64 else first.landmarks, 1.0)
        gathered.observe(frame, [face])
        if frame.index == 0:
            monkeypatch.setattr(studying, "LIBRARY_BYTES", 40 * gathered.faces[1].n_bytes)

    kept = sorted(gathered.faces[1].mouths)
    assert {60, 61, 62, 63} <= set(kept)
    assert 30 <= len(kept) <= 40
