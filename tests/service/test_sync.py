"""The journey of one request, through the Python functions."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from copy import copy
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import lipwright
from lipwright import media
from lipwright.core.errors import (
    BrokenEngine,
    FaceNotFound,
    InvalidOption,
    MediaNotFound,
    NoAudio,
    NoFaceFound,
    UnreadableMedia,
)
from lipwright.core.media import VideoFrame
from lipwright.core.options import SyncOptions
from lipwright.testing.still import StillAvatar, StillEngine
from lipwright.vision.track import MeshTracker


@pytest.fixture(autouse=True)
def engines(still_package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(still_package))


def pictures(path: Path) -> list[str]:
    return [
        hashlib.sha256(b"".join(plane.tobytes() for plane in frame.planes)).hexdigest()
        for frame in media.open_footage(path).frames(writable=False)
    ]


def test_the_same_input_gives_the_same_frames(portrait: Path, short_speech: Path, tmp_path: Path) -> None:
    one, other = tmp_path / "one.mp4", tmp_path / "other.mp4"

    for output in (one, other):
        lipwright.sync(portrait, short_speech, output, seed=3, threads=2)

    assert pictures(one) == pictures(other)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="fills fresh memory through an option of glibc")
def test_what_lay_in_memory_before_leaves_no_trace(portrait: Path, short_speech: Path, tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("lipwright")
    outputs: list[bytes] = []

    for filling in ("1", "170"):
        output = tmp_path / f"{filling}.mp4"
        command = [program, "sync", portrait, short_speech, "-o", output, "-q", "--no-cache"]
        subprocess.run(command, env={**os.environ, "MALLOC_PERTURB_": filling}, timeout=150, check=True)
        outputs.append(output.read_bytes())

    assert outputs[0] == outputs[1]


def test_the_mouth_moves_and_the_rest_of_the_picture_stays(portrait: Path, short_speech: Path, tmp_path: Path) -> None:
    still, spoken = tmp_path / "still.mp4", tmp_path / "spoken.mp4"

    lipwright.sync(portrait, short_speech, still, engine="still", crf=6)
    result = lipwright.sync(portrait, short_speech, spoken, crf=6)

    # the sample's mouth lies around (244, 232), its forehead at the top
    mouth, forehead = (slice(200, 275), slice(190, 300)), (slice(0, 110), slice(0, 480))
    pairs = list(zip(media.open_footage(still).frames(), media.open_footage(spoken).frames(), strict=True))
    differences = [abs(a.planes[0].astype(int) - b.planes[0]) for a, b in pairs]
    assert result.render.n_edited > 20
    assert max(d[mouth].mean() for d in differences) > 4
    assert max(d[forehead].mean() for d in differences) < 0.6


@pytest.mark.parametrize(("n_made", "says"), [(15, "made 15 of the 30 frames"), (31, "more frames than the 30")])
def test_an_engine_that_makes_other_frames_than_were_planned_leaves_no_result(
    n_made: int, says: str, portrait: Path, short_speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speak = StillAvatar.speak

    def miscounts(*given: Any, **more: Any) -> Iterator[VideoFrame]:
        frames = list(speak(*given, **more))
        late = copy(frames[-1])
        late.time_s += Fraction(1, 25)
        yield from [*frames, late][:n_made]

    monkeypatch.setattr(StillAvatar, "speak", miscounts)

    with pytest.raises(BrokenEngine, match=says):
        lipwright.sync(portrait, short_speech, tmp_path / "out.mp4", engine="still")

    assert not list(tmp_path.iterdir())


def test_the_result_tells_what_was_done(portrait: Path, short_speech: Path, tmp_path: Path) -> None:
    result = lipwright.sync(portrait, short_speech, tmp_path / "out.mp4", engine="still")

    assert (result.n_frames, result.n_source_frames, result.fps) == (30, 25, 25)
    assert result.speech_s == result.duration_s == Fraction(6, 5)
    assert result.plan.order[:25] == tuple(range(25))
    assert result.plan.order[25:] == (23, 22, 21, 20, 19)  # bounce
    assert result.render.untouched == {"still": 30}
    assert 0 < sum(result.stages_s.values()) <= result.took_s


def test_of_footage_that_never_shows_the_mouth_the_picture_stays_and_the_reason_is_told(
    portrait: Path, short_speech: Path, tmp_path: Path
) -> None:
    """A mask over everything below the eyes, from the first frame to the last."""
    source, masked, output = media.open_footage(portrait), tmp_path / "masked.mp4", tmp_path / "out.mp4"

    def wearing_it() -> Iterator[VideoFrame]:
        for frame, faces in MeshTracker().track(source.frames()):
            points = faces[0].landmarks
            (left, right), top, bottom = points[[234, 454], 0], points[[117, 346, 197], 1].min(), points[152, 1]
            for plane, code, step in zip(frame.planes, (200, 127, 126), (1, 2, 2), strict=True):
                plane[int(top / step) : int(bottom / step), int(left / step) : int(right / step)] = code
            yield frame

    media.write_video(masked, wearing_it(), source.info, duration_s=Fraction(1), audio=None)

    result = lipwright.sync(masked, short_speech, output)

    assert result.render.mode == "untouched"
    assert result.render.n_edited == 0
    assert result.render.untouched == {"occluded": result.n_frames}
    assert any("Something hides the mouth of face 1" in note for note in result.notes)


def test_progress_goes_through_the_phases_in_order(portrait: Path, short_speech: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []

    lipwright.sync(
        portrait, short_speech, tmp_path / "out.mp4", engine="still", progress=lambda *event: told.append(event)
    )

    phases = [phase for phase, _, _ in told]
    assert list(dict.fromkeys(phases)) == ["study", "listen", "render"]
    assert phases == sorted(phases, key=["study", "listen", "render"].index)
    assert told[phases.index("listen") - 1][1:] == (25, 25)
    assert told[-1] == ("render", 30, 30)


@pytest.mark.parametrize("phase", ["study", "listen", "render"])
def test_a_caller_who_stops_finds_nothing_written(
    phase: str, portrait: Path, short_speech: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "results"
    folder.mkdir()

    def stop(now: str, done: int, total: int) -> None:
        if now == phase and done >= min(total, 7):
            raise lipwright.Cancelled

    with pytest.raises(lipwright.Cancelled):
        lipwright.sync(portrait, short_speech, folder / "out.mp4", engine="still", progress=stop)

    assert not list(folder.iterdir())


def test_a_face_is_chosen_by_id_and_by_a_point_on_it(portrait: Path, short_speech: Path, tmp_path: Path) -> None:
    for face in ("1", "244,196", "largest"):
        result = lipwright.sync(portrait, short_speech, tmp_path / "out.mp4", engine="still", face=face)
        assert result.render.face_id == 1
    with pytest.raises(FaceNotFound, match="the faces in this footage are: 1"):
        lipwright.sync(portrait, short_speech, tmp_path / "out.mp4", engine="still", face="2")


def test_the_footages_own_sound_can_be_kept_under_the_speech(
    make_video: Any, clicks: Any, short_speech: Path, portrait: Path, tmp_path: Path
) -> None:
    noisy = tmp_path / "noisy.mp4"
    source = media.open_footage(portrait)
    loud = make_video("sound.mp4", n=25, sound=clicks(1.0, 48_000))
    media.write_video(noisy, source.play(range(25)), source.info, duration_s=Fraction(1), audio=media.AudioPlan(loud))
    plain, mixed = tmp_path / "plain.mp4", tmp_path / "mixed.mp4"

    lipwright.sync(noisy, short_speech, plain, engine="still")
    lipwright.sync(noisy, short_speech, mixed, engine="still", keep_original_db=0)

    one, other = media.read_speech(plain).samples, media.read_speech(mixed).samples
    near_a_click = slice(round(0.245 * 16_000), round(0.255 * 16_000))
    assert abs(other[near_a_click]).max() > abs(one[near_a_click]).max() + 0.1


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"video": "missing.mp4"}, MediaNotFound),
        ({"audio": "missing.wav"}, MediaNotFound),
        ({"face": "left"}, InvalidOption),
        ({"when_short": "stretch"}, InvalidOption),
    ],
)
def test_python_callers_get_the_errors_of_the_tree(
    change: dict[str, Any], error: type[Exception], portrait: Path, short_speech: Path, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"video": portrait, "audio": short_speech, "output": tmp_path / "out.mp4", **change}

    with pytest.raises(error):
        lipwright.sync(**given)


def test_footage_and_speech_that_lack_what_is_needed_are_told_apart(
    make_video: Any, portrait: Path, short_speech: Path, tmp_path: Path
) -> None:
    with pytest.raises(NoFaceFound):
        lipwright.sync(make_video(n=5), short_speech, tmp_path / "out.mp4")
    with pytest.raises(NoAudio):
        lipwright.sync(portrait, portrait, tmp_path / "out.mp4")


@pytest.mark.parametrize("fps", [Fraction(24_000, 1001), Fraction(25), Fraction(30_000, 1001), Fraction(60)])
def test_picture_and_sound_end_within_a_frame_of_each_other(
    fps: Fraction, portrait: Path, short_speech: Path, tmp_path: Path
) -> None:
    source = media.open_footage(portrait)
    assert source.info.video is not None
    from dataclasses import replace

    footage = tmp_path / "footage.mp4"
    info = replace(source.info, video=replace(source.info.video, fps=fps))
    frames = list(source.play(range(12)))
    for k, frame in enumerate(frames):
        frame.time_s = k / fps
    media.write_video(footage, frames, info, duration_s=12 / fps, audio=media.AudioPlan(None))

    result = lipwright.sync(footage, short_speech, tmp_path / "out.mp4", engine="still")

    video = media.probe(result.output).video
    assert video is not None
    assert video.fps == fps
    assert abs(video.duration_s - media.speech_duration(short_speech)) < 1 / fps
    assert abs(video.duration_s - media.speech_duration(result.output)) < 1 / fps


def test_of_footage_longer_than_a_text_the_beginning_is_looked_at_or_all_of_it(clips: Path, tmp_path: Path) -> None:
    def run(look: Any) -> lipwright.SyncResult:
        options, output = SyncOptions(look=look), tmp_path / f"{look}.mp4"
        return lipwright.say(
            clips / "video" / "vr_4.mp4", "Good morning.", output, options=options, cache=tmp_path / look
        ).result

    enough, everything = run("enough"), run("all")

    assert (enough.looked_s, everything.looked_s) == (4, everything.source_s)
    assert enough.n_frames == everything.n_frames
    assert enough.render.n_edited == everything.render.n_edited > 0
    assert enough.speakers[0].learned_s == 0  # so little tells nothing of how they speak
    assert 6 < everything.speakers[0].learned_s < 6.7
    again = run("enough")
    assert again.is_recalled
    assert again.looked_s == 4
    assert pictures(again.output) == pictures(enough.output)


def test_for_a_recording_twenty_seconds_are_looked_at(clips: Path, short_speech: Path, tmp_path: Path) -> None:
    video = clips / "video" / "reporter_71s.mp4"

    result = lipwright.sync(video, short_speech, tmp_path / "out.mp4", engine="still")

    assert result.source_s > 60
    assert result.looked_s == 20


def test_speech_that_cannot_be_heard_is_told_however_little_is_looked_at(clips: Path, tmp_path: Path) -> None:
    (tmp_path / "speech.wav").write_bytes(b"RIFF, and no more")

    with pytest.raises(UnreadableMedia):
        lipwright.sync(clips / "video" / "vr_4.mp4", tmp_path / "speech.wav", tmp_path / "out.mp4", engine="still")
    assert not (tmp_path / "out.mp4").exists()


def test_an_engine_that_does_not_look_is_not_taken_for_footage_without_faces(
    portrait: Path, short_speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StillEngine, "study", lambda *given, **more: None)

    with pytest.raises(BrokenEngine, match="through the tracker"):
        lipwright.sync(portrait, short_speech, tmp_path / "out.mp4", engine="still")
