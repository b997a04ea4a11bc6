"""What the harness counts: whose lips, on which frames, beside which sound, and nothing left out of a share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright import demo, media
from lipwright.articulation import Heard, listen, plan, population_style
from lipwright.bench import speed, spoken, text
from lipwright.bench.clip import Clip, file_name
from lipwright.bench.judge import Cell, Watched, sheets, watch
from lipwright.bench.page import Section
from lipwright.bench.text import _places, _who_speaks
from lipwright.core.face import SeenFace, TrackedFace
from lipwright.core.media import VideoFrame
from lipwright.engines.base import RenderReport
from lipwright.engines.rewrite.engine import RewriteAvatar
from lipwright.metrics.assess import planned_opening
from lipwright.metrics.closures import closure_events
from lipwright.vision.shape import N_SHAPE

N = 30
"""Frames of the sample that are looked at."""
SPEECH_S = 2.4
N_SAID = 60
"""Frames that it takes."""


@pytest.fixture(scope="module")
def sample() -> Clip:
    return Clip(demo.video_path(), N)


@pytest.fixture(scope="module")
def heard() -> Heard:
    return listen(media.read_speech(demo.speech_path()))


def somebody(face_id: int, left_px: float, size_px: float, gap: float = 0.0) -> TrackedFace:
    """A face in a square of this size, its lips so far apart, in distances of the eyes."""
    points = np.full((478, 3), (left_px + size_px / 2, size_px / 2, 0), np.float32)
    points[0, :2], points[1, :2] = (left_px, 0), (left_px + size_px, size_px)
    points[33, 0], points[263, 0] = left_px + 0.3 * size_px, left_px + 0.7 * size_px
    for under in (87, 14, 317):
        points[under, 1] += gap * 0.4 * size_px
    return TrackedFace(face_id, points, 1.0)


# --- who ------------------------------------------------------------------------------------------------------


def test_who_talks_is_judged_although_a_silent_face_is_larger(heard: Heard) -> None:
    clip = Clip(demo.video_path(), 100)
    times_s = np.arange(100) / float(clip.fps)
    gaps = planned_opening(plan(heard, population_style(np.zeros(N_SHAPE))), times_s)
    pairs = [[somebody(1, 0, 400), somebody(2, 500, 100, gap)] for gap in gaps.tolist()]

    talking, silent = (Clip(demo.video_path(), 100) for _ in range(2))
    for one, sound in ((talking, media.read_speech(demo.speech_path())), (silent, None)):
        one.__dict__.update(faces=dict(enumerate(pairs)), speech=sound)

    assert {face.face_id for face in talking.main.values()} == {2}
    assert {face.face_id for face in silent.main.values()} == {1}


def test_who_was_made_to_say_a_text_is_judged_and_nobody_where_they_are_not_seen() -> None:
    times_s = np.array([0.0, 0.04, 0.12])
    boxes = np.array([[500, 0, 600, 100]] * 3, np.float32)
    speaker = SeenFace(7, times_s, boxes, np.zeros(3, np.float32))
    both = [somebody(1, 0, 400), somebody(2, 510, 100)]

    places = _places(speaker, [0.0, 0.04, 0.08, 0.12, 0.04])
    found = _who_speaks(places, {**dict.fromkeys(range(4), both), 4: both[:1]})

    assert sorted(places) == [0, 1, 3, 4], "on the last of which the result lost them"
    assert {k: face.face_id for k, face in found.items()} == {0: 2, 1: 2, 3: 2}


# --- when -----------------------------------------------------------------------------------------------------


def test_sound_is_heard_from_the_first_picture_on(make_video: Any) -> None:
    """The picture starts 0.6 s after its sound, of which the first 0.6 s are loud."""
    sound = np.zeros(48_000 * 2, np.float32)
    sound[: round(0.55 * 48_000)] = 0.5
    sound[-24_000:] = 0.1
    late = make_video(n=35, ticks=[15 + k for k in range(35)], time_base=Fraction(1, 25), sound=sound)
    clip = Clip(late, 35)
    assert clip.info.video is not None
    assert float(clip.info.video.start_s) == pytest.approx(0.6, abs=0.03)

    assert clip.speech is not None
    assert float(clip.speech.duration_s) == pytest.approx(1.4, abs=0.08)
    assert np.abs(clip.speech.samples[: 16_000 // 2]).max() < 0.05
    assert clip.part().info.video.start_s == 0  # type: ignore[union-attr]


@pytest.mark.parametrize("slow", [range(10), range(20, 30)])
def test_halves_of_footage_of_varying_rate_share_no_moment(make_video: Any, slow: range) -> None:
    """Thirty frames, ten of which last three times as long as the others."""
    lasts = [3 if k in slow else 1 for k in range(30)]
    ticks = np.concatenate([[0], np.cumsum(lasts[:-1])]).tolist()
    n = 48_000 * sum(lasts) // 25
    clip = Clip(make_video(n=30, ticks=ticks, time_base=Fraction(1, 25), sound=np.full(n, 0.3, np.float32)), 30)
    first = clip.part(0, 15).info.video
    assert first is not None
    assert clip.speech is not None

    second = spoken._second_half(clip, clip.speech)

    assert clip.at_s(15) == pytest.approx(ticks[15] / 25)
    assert float(first.duration_s) == pytest.approx(clip.at_s(15))
    assert float(clip.speech.duration_s - second.duration_s) == pytest.approx(clip.at_s(15), abs=0.1)
    assert clip.at_s(30) == pytest.approx(sum(lasts) / 25, abs=0.09)


# --- lost frames ----------------------------------------------------------------------------------------------


def hidden(monkeypatch: pytest.MonkeyPatch, is_hidden: Callable[[int], bool]) -> None:
    """Results are grey on these frames."""
    speak = RewriteAvatar.speak

    def grey(self: RewriteAvatar, *given: Any, **named: Any) -> Iterator[VideoFrame]:
        for k, frame in enumerate(speak(self, *given, **named)):
            for plane in frame.planes if is_hidden(k) else ():
                plane[...] = 128
            yield frame

    monkeypatch.setattr(RewriteAvatar, "speak", grey)


def cross(clip: Clip, folder: Path) -> dict[str, Any]:
    section = spoken.cross_section()
    spoken.run_cross(clip, demo.speech_path(), SPEECH_S, section, folder)
    (row,) = section.rows
    return row


def test_a_result_without_a_face_is_a_row_in_which_no_lips_close(
    sample: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = cross(sample, tmp_path)
    hidden(monkeypatch, lambda k: True)

    lost = cross(sample, tmp_path)

    assert (whole["lost"], whole["outside"]) == (0, 0)
    assert "note" not in whole
    assert lost["lost"] == N_SAID
    assert lost["n closures"] == whole["n closures"] > 0
    assert lost["closures"] == 0
    assert np.isnan(lost["jitter % IO"])
    assert "lost" in lost["note"]


def test_of_a_result_that_loses_the_face_at_times_the_closures_that_are_lost_are_missed(
    sample: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = cross(sample, tmp_path)
    hidden(monkeypatch, lambda k: k >= N_SAID // 2)

    half = cross(sample, tmp_path)

    assert 0 < half["lost"] <= N_SAID // 2
    assert half["n closures"] == whole["n closures"]
    assert half["closures"] < whole["closures"]


def test_halves_write_a_row_too_where_all_is_lost(
    sample: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = Clip(sample.path, N)
    clip.__dict__.update(faces=sample.faces, speech=media.read_speech(demo.speech_path()))
    hidden(monkeypatch, lambda k: True)
    halves, control = spoken.half_section(), spoken.control_section()

    done = spoken.run_half(clip, halves, tmp_path)
    spoken.controls(clip, done, None, control)

    assert halves.rows[0]["lost"] == N // 2
    assert "lost" in halves.rows[0]["note"]
    assert len(control.rows) == 1


def test_a_closure_is_missed_where_the_lips_are_lost_and_none_where_its_ends_are_not_known() -> None:
    truth = np.array([0.1, 0.1, 0.0, 0.0, 0.1, 0.1, 0.1, 0.1, 0.0, 0.1, 0.1])
    met = np.where(truth < 0.05, 0.0, 0.1)
    lost, unknown = met.copy(), truth.copy()
    lost[6:] = np.inf
    unknown[9] = np.nan

    assert (closure_events(met, truth).value, closure_events(met, truth).n) == (1, 2)
    assert (closure_events(lost, truth).value, closure_events(lost, truth).n) == (0.5, 2)
    assert closure_events(met, unknown).n == 1
    assert closure_events(np.where(np.arange(11) < 6, np.nan, met), truth).n == 1


def test_what_was_filled_in_while_a_face_was_lost_does_not_count_as_still(sample: Clip) -> None:
    """A pause whose lips tremble on the frames on which they are found."""
    seen = np.full(N, np.nan)
    seen[:12] = 0.05 + 0.02 * (np.arange(12) % 2)
    mouth = plan(listen(media.read_speech(demo.speech_path())).followed_by_silence(Fraction(30)), population_style(
        np.zeros(N_SHAPE)
    ))  # fmt: skip
    times = tuple(Fraction(20) + Fraction(k, 25) for k in range(N))
    plan_ = spoken.FramePlan(tuple(range(N)), times, times[-1] + Fraction(1, 25))
    done = spoken.Spoken(Watched(), mouth, 0.0, plan_, RenderReport("", "", 1), 0.0, seen, seen)

    assert spoken.pauses(done).all()
    assert spoken._held(done) == pytest.approx(1.0, abs=0.1)


# --- pictures -------------------------------------------------------------------------------------------------


def test_every_frame_is_compared_away_from_the_face_and_frames_without_one_whole(sample: Clip) -> None:
    def seen_outside(faces: dict[int, TrackedFace], spoil: Callable[[int], bool], rows: slice) -> float:
        def frames() -> Iterator[VideoFrame]:
            for frame in sample.part(0, 14).frames():
                if spoil(frame.index):
                    frame.planes[0][rows, :20] += 9
                yield frame

        return watch(frames(), sample.part(0, 14).play(range(14)), faces, n_expected=14).outside

    left_out = {k: face for k, face in sample.main.items() if k not in range(2, 9)}
    bridged = {k: face for k, face in sample.main.items() if k not in range(2, 6)}
    middle = int(np.mean([face.box.centre_px[1] for face in sample.main.values()]))
    on_it = slice(middle, middle + 20)
    assert seen_outside(sample.main, lambda k: False, slice(20)) == 0
    assert seen_outside(sample.main, lambda k: k == 10, slice(20)) == 9
    assert seen_outside(left_out, lambda k: k == 5, slice(20)) == 9
    assert seen_outside(bridged, lambda k: k == 4, slice(20)) == 9

    def on_the_face(faces: dict[int, TrackedFace], k: int) -> float:
        x, y = (int(v) for v in sample.main[k].box.centre_px)

        def frames() -> Iterator[VideoFrame]:
            for frame in sample.part(0, 14).frames():
                if frame.index == k:
                    frame.planes[0][y : y + 4, x : x + 4] ^= 1
                yield frame

        return watch(frames(), sample.part(0, 14).play(range(14)), faces, n_expected=14).outside

    assert on_it.start > 0
    assert on_the_face(sample.main, 4) == 0
    assert on_the_face(bridged, 4) == 0, "the engine bridges a face that is lost for a few frames"
    assert on_the_face(left_out, 4) == 1, "and may change nothing where it is lost for longer"


def test_the_real_lips_of_a_sheet_are_those_of_its_columns(sample: Clip, tmp_path: Path) -> None:
    """The face is away on most frames that a sheet would show."""
    blank: list[NDArray[np.uint8]] = [np.zeros((168, 168, 3), np.uint8)] * 2
    large: list[NDArray[np.uint8]] = [np.zeros((256, 256, 3), np.uint8)] * 2
    seen = Watched(cells=[Cell(k, k / 25, blank, large) for k in (3, 17)])
    asked: list[int] = []

    def truth(k: int) -> int:
        asked.append(k)
        return k

    section = Section("", "", [])
    sheets(seen, sample, "halves", ("source", "result", "real lips"), tmp_path, section, truth)

    assert asked == [3, 17, 3, 17]
    assert len(section.sheets) == 2


def test_what_was_passed_through_is_no_new_mouth(sample: Clip) -> None:
    seen = watch(sample.part(0, 8).frames(), sample.part(0, 8).play(range(8)), sample.main, n_expected=8)
    report = RenderReport("", "", 1, strip=[("edited", 3), ("at_rest", 5)])

    assert [one.n for one in seen.pictures(report)] == [3, 3, 3]
    assert [one.n for one in seen.pictures(RenderReport("", "", 1, strip=[("at_rest", 8)]))] == [0, 0, 0]


# --- tables ---------------------------------------------------------------------------------------------------


def test_late_and_early_do_not_cancel_in_a_mean_and_counts_have_none() -> None:
    section = Section(
        "", "Lags.", ["lag ms", "n", "r"], counts=frozenset(("n",)), signed=frozenset(("lag ms",)),
        rows=[
            {"clip": "a", "lag ms": 40.0, "n": 3, "r": 0.5, "seconds": 1.0},
            {"clip": "b", "lag ms": -40.0, "n": 5, "r": 0.9, "seconds": 3.0},
            {"clip": "c", "untouched": "no_face", "note": "No face."},
        ],
    )  # fmt: skip

    assert section.mean() == {"clip": "mean", "|lag ms|": 40.0, "r": pytest.approx(0.8)}
    assert section.heads == ["clip", "lag ms", "n", "r", "note"]
    assert section.cells()[-1] == ["mean", "|40.0|", "–", "0.800", "–"]
    assert "|lag ms|" in section.caption


def test_rows_that_weigh_nothing_and_runs_of_different_kinds_have_no_mean() -> None:
    empty = Section("", "", ["r"], rows=[{"clip": "a", "r": 0.5, "seconds": 0.0}])
    fast = speed.section()
    fast.rows += [{"clip": "a", "CPU ratio": 1.8}, {"clip": "a", "CPU ratio": 1.0}]

    assert empty.mean() == {"clip": "mean"}
    assert fast.mean() == {"clip": "mean"}
    assert len(fast.cells()) == 2


def test_names_of_files_are_short_plain_and_different() -> None:
    names = [file_name(label) for label in ("clip", "a/clip.mp4", "b/clip.mp4", "很" * 80, "很" * 81, "a_clip.mp4")]

    assert names[0] == "clip"
    assert len(set(names)) == len(names)
    assert all("/" not in name and len(name.encode()) < 140 for name in names)


def test_a_run_that_fails_says_why_and_one_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError, match=r"ended with 1: error \[no_face\]: nobody"):
        speed._measure(["-c", "import sys; sys.exit('error [no_face]: nobody')"], {0})
    monkeypatch.setattr(speed, "LIMIT_S", 0.3)
    with pytest.raises(RuntimeError, match="took longer"):
        speed._measure(["-c", "import time; time.sleep(20)"], {0})


def test_a_text_that_is_said_without_a_face_closes_no_lips(
    portrait: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden(monkeypatch, lambda k: True)
    section = text.section()

    text.run(portrait, "portrait", section, tmp_path, n_sentences=1)

    (row,) = section.rows
    assert row["frames lost"] > 20
    assert row["n closures"] > 0
    assert row["closures"] == 0
