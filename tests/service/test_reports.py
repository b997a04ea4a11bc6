"""Reports: what was done is told, what came out is measured, and a measurement never costs a video."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import lipwright
from lipwright import media, service
from lipwright.core.errors import Cancelled, InvalidOption, NoAudio, NoFaceFound, UnreadableMedia
from lipwright.core.media import VideoFrame
from lipwright.core.plan import plan_frames
from lipwright.demo import picture_path
from lipwright.metrics import assess
from lipwright.metrics.measure import Measure
from lipwright.metrics.watch import Lips
from lipwright.metrics.windows import windows
from lipwright.pipeline import SyncResult
from lipwright.portrait import open_source
from lipwright.report.words import WORDS
from lipwright.service import reports
from lipwright.service.evaluate import evaluate
from lipwright.service.reports import Measuring, report_of
from lipwright.vision.track import MeshTracker

SAMPLE = Path(__file__).parents[1] / "report" / "sample.json"


@pytest.fixture(scope="module")
def result(portrait: Path, short_speech: Path, tmp_path_factory: pytest.TempPathFactory) -> SyncResult:
    """1.2 s said by a second of footage."""
    return lipwright.sync(portrait, short_speech, tmp_path_factory.mktemp("made") / "made.mp4", threads=1)


@pytest.fixture(scope="module")
def measured(result: SyncResult) -> dict[str, Any]:
    return report_of(result, measuring=Measuring())


def shape_of(value: Any, depth: int = 2) -> Any:
    """The keys of a report, and of what is in it."""
    if isinstance(value, dict) and depth:
        return {key: shape_of(inside, depth - 1) for key, inside in value.items()}
    return None


def test_a_report_has_every_key_of_the_sample_and_is_plain_json(measured: dict[str, Any]) -> None:
    sample = json.loads(SAMPLE.read_text("utf-8"))

    again = json.loads(json.dumps(measured, allow_nan=False))

    extra = {"voice", "language", "sentences", "subtitles"}  # of a spoken text
    assert set(sample) - extra <= set(again)
    for key in ("length", "measurement", "verdict", "inputs"):
        assert set(again[key]) == set(sample[key])
    mine, its = again["speakers"][0], sample["speakers"][0]
    assert set(its) <= set(mine)
    for key in ("figures", "strip"):
        assert set(mine[key][0]) == set(its[key][0])
    assert set(mine["curves"]) == set(its["curves"])
    assert set(mine["sync"]) == set(its["sync"])


def test_the_strip_tiles_the_result_and_every_code_has_words(measured: dict[str, Any], result: SyncResult) -> None:
    strip = measured["speakers"][0]["strip"]

    assert strip[0]["start_s"] == 0
    assert all(before["stop_s"] == after["start_s"] for before, after in pairwise(strip))
    assert strip[-1]["stop_s"] == pytest.approx(float(result.duration_s))
    assert sum(span["n_frames"] for span in strip) == result.n_frames
    assert {span["what"] for span in strip} <= set(measured["words"])
    assert set(measured["words"].values()) <= set(WORDS.values())


def test_a_result_is_measured_beside_its_footage(measured: dict[str, Any], result: SyncResult) -> None:
    told = measured["speakers"][0]
    figures = {figure["id"]: figure for figure in told["figures"]}

    assert measured["measurement"]["state"] == "done"
    assert measured["measurement"]["covered_s"] == pytest.approx(float(result.duration_s), abs=0.05)
    assert figures["sharpness_ratio"]["value"] == pytest.approx(1, abs=0.4)
    assert figures["seam_ratio"]["verdict"] == "good"
    assert figures["lost"]["value"] == 0
    assert measured["figures"][0]["id"] == "length_difference"
    assert any(value is not None for value in told["curves"]["seen"])
    assert len(told["curves"]["seen"]) == len(told["curves"]["planned"]) == len(told["curves"]["source"])


def test_where_the_speaker_is_and_an_even_rate_are_told_shortly(measured: dict[str, Any], result: SyncResult) -> None:
    left, top, right, bottom = measured["speakers"][0]["box_px"]

    assert 0 < left < right < result.width_px
    assert 0 < top < bottom < result.height_px
    assert result.speakers[0].seen.n_frames_at((left + right) / 2, (top + bottom) / 2) == len(
        result.speakers[0].seen.time_s
    )
    assert "frame_ms" not in measured


def test_too_little_speech_is_no_offset_and_said_so(measured: dict[str, Any]) -> None:
    sync = measured["speakers"][0]["sync"]

    assert sync["offset_ms"] is None
    assert sync["word"] == "unsure"
    assert measured["speakers"][0]["figures"][0]["verdict"] == "unknown"


def test_how_the_footage_was_made_longer_is_told(measured: dict[str, Any]) -> None:
    length = measured["length"]

    assert (length["policy"], length["did"]) == ("bounce", "bounced")
    assert length["says"] in reports.page_of(measured)
    assert measured["memory_mb"]["render"] >= measured["memory_mb"]["study"] > 10


def test_footage_whose_picture_starts_late_is_not_said_to_be_shown_backwards(
    portrait: Path, short_speech: Path, tmp_path: Path
) -> None:
    """A second of picture 0.4 s after its sound, and 1.2 s of speech: it ends before the footage does."""
    import av

    late = tmp_path / "late.mkv"
    with av.open(str(portrait)) as given, av.open(str(late), "w") as opened:
        out: Any = opened
        picture = out.add_stream_from_template(given.streams.video[0])
        voice = out.add_stream("pcm_s16le", rate=16_000)
        voice.codec_context.layout = "mono"
        quiet = av.AudioFrame.from_ndarray(np.zeros((1, 22_400), np.int16), "s16", "mono")
        quiet.sample_rate, quiet.pts = 16_000, 0
        out.mux([*voice.encode(quiet), *voice.encode(None)])
        for packet in given.demux(video=0):
            if packet.pts is not None and packet.dts is not None:
                ticks = round(Fraction(2, 5) / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts + ticks, packet.dts + ticks, picture
                out.mux(packet)

    result = lipwright.sync(late, short_speech, tmp_path / "out.mp4", threads=1)
    length = report_of(result)["length"]

    assert result.plan.order == (*[0] * 10, *range(20))
    assert (length["policy"], length["did"], length["source_s"]) == ("cut", "cut", 1.4)


@pytest.mark.parametrize(("speech_s", "did"), [("1.6", "frozen"), ("1.9", "bounced")])
def test_a_long_last_frame_that_bridges_the_rest_is_said_to_be_held(
    result: SyncResult, make_video: Any, tmp_path: Path, speech_s: str, did: str
) -> None:
    # 25 frames/s up to half a second, then two frames of 0.4 s
    ticks = [*range(0, 520, 40), 520, 920]
    given = media.open_footage(make_video("given.mkv", n=len(ticks), ticks=ticks, time_base=Fraction(1, 1000)))
    slow = tmp_path / "slow.mp4"
    media.write_video(slow, given.frames(), given.info, duration_s=Fraction(33, 25), audio=media.AudioPlan(None))
    footage = media.probe(slow)
    assert footage.video is not None
    plan = plan_frames(footage.video, Fraction(speech_s))

    report = report_of(
        replace(
            result,
            source_s=footage.video.duration_s,
            fps=footage.video.fps,
            plan=plan,
            speakers=tuple(
                replace(one, speech_s=Fraction(speech_s), render=replace(one.render, strip=[("driven", len(plan))]))
                for one in result.speakers
            ),
        )
    )

    assert report["length"]["did"] == did
    assert report["frame_ms"][:23] == [40] * 23  # a picture that stands is shown again, for lips to move
    assert sum(report["frame_ms"]) == round(1000 * plan.duration_s)


def test_without_measuring_only_what_is_known_is_told(result: SyncResult) -> None:
    report = report_of(result)

    assert report["measurement"]["state"] == "skipped"
    assert report["speakers"][0]["sync"] is None
    assert report["speakers"][0]["figures"] == []
    assert report["speakers"][0]["curves"]["planned"][0] is not None
    assert report["verdict"]["word"] == "unknown"


@pytest.mark.parametrize("wrong", [RuntimeError("a bug"), MemoryError(), UnreadableMedia(Path("x"), "it is torn")])
def test_a_measurement_that_breaks_is_noted_and_raises_nothing(
    result: SyncResult, wrong: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise wrong

    monkeypatch.setattr(assess, "assess", broken)

    report = report_of(result, measuring=Measuring())

    assert report["measurement"]["state"] == "failed"
    assert "the video itself is not affected" in report["measurement"]["says"]
    assert report["speakers"][0]["strip"]
    assert "not affected" in reports.page_of(report)


@pytest.mark.parametrize("wrong", [Cancelled(), KeyError("the caller's own"), UnreadableMedia(Path("x"), "theirs")])
def test_what_progress_raises_stops_a_measurement_like_everything_else(result: SyncResult, wrong: Exception) -> None:
    def stop(done: int, total: int) -> None:
        raise wrong

    with pytest.raises(type(wrong)) as raised:
        report_of(result, measuring=Measuring(progress=stop))
    assert raised.value is wrong


def test_a_result_that_is_gone_is_told_without_being_measured(result: SyncResult) -> None:
    report = report_of(replace(result, video=result.video.with_name("gone.mp4")), measuring=Measuring())

    assert report["measurement"]["state"] == "failed"


@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_result_that_was_moved_or_damaged_is_told_and_raises_nothing(
    is_damaged: bool, result: SyncResult, tmp_path: Path
) -> None:
    output = tmp_path / "made.mp4"
    if is_damaged:
        output.write_bytes(b"xx")

    report = report_of(replace(result, output=output), measuring=Measuring())

    assert report["measurement"]["state"] == "failed"
    assert str(output) in report["measurement"]["says"]
    assert [one["verdict"] for one in report["figures"]] == ["unknown"]
    assert reports.page_of(report)


def test_long_results_are_looked_at_in_stretches_within_their_budget() -> None:
    spans = windows(n_frames=90_000, duration_s=3600.0, budget_s=20.0)

    assert len(spans) == 4
    assert spans[0].start == 0
    assert spans[-1].stop == 90_000
    assert sum(len(span) for span in spans) == 500
    assert all(before.stop < after.start for before, after in pairwise(spans))
    assert windows(100, 4.0, 20.0) == [range(100)]
    assert windows(0, 0.0, 20.0) == []
    assert sum(len(span) for span in windows(10_000, 400.0, 1.0)) == 25


def test_a_long_result_tells_which_part_was_looked_at(result: SyncResult) -> None:
    report = report_of(result, measuring=Measuring(budget_s=0.8))

    measurement = report["measurement"]
    assert measurement["state"] == "partial"
    assert measurement["covered_s"] == pytest.approx(0.8, abs=0.05)
    assert measurement["says"] in reports.page_of(report)


def test_footage_that_does_not_hold_what_it_promises_is_looked_at_again_as_it_was_rendered(
    make_video: Any, result: SyncResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_video("hurt.mp4", n=60, options={"g": "20"})
    content = bytearray(path.read_bytes())
    middle = range(len(content) * 2 // 5, len(content) // 2)
    content[middle.start : middle.stop] = bytes(len(middle))
    path.write_bytes(content)
    footage = media.open_footage(path, threads=1)
    n = len(list(footage.frames(writable=False)))
    assert n < 60
    seen: list[int] = []

    class Seen(Exception):
        """That is enough."""

    def look(*sources: Any, origin: Any = None, **_: Any) -> None:
        source = sources[0] if origin is None else origin.footage
        seen.append(source.info.video.n_frames)
        raise Seen

    monkeypatch.setattr("lipwright.metrics.assess.assess", look)
    monkeypatch.setattr("lipwright.metrics.sheet.contact_sheet", look)
    made = replace(result, video=path, n_source_frames=n)

    report = report_of(made, measuring=Measuring())
    with pytest.raises(Seen):
        reports.sheet_of(report)
    with pytest.raises(Seen):
        service.mouths_sheet(made, path)

    assert seen == [n, n, n]


def test_others_than_the_owner_are_not_told_what_it_was_made_of(measured: dict[str, Any], result: SyncResult) -> None:
    told = json.dumps(reports.without_paths(measured))

    assert str(result.video) not in told
    assert str(result.output.parent) not in told
    assert measured["inputs"]["video"] == str(result.video)


def test_any_video_is_evaluated_beside_controls(result: SyncResult, portrait: Path, short_speech: Path) -> None:
    report = evaluate(result.output, reference=portrait, speech=short_speech)

    assert report["kind"] == "evaluate"
    assert [row["name"] for row in report["controls"]] == [
        "this video", "the footage", "200 ms late", "200 ms early", "other speech",
    ]  # fmt: skip
    assert any("compared with it up to" in note for note in report["notes"])
    assert report["speakers"][0]["strip"][0]["what"] in {"seen", "not_seen"}
    assert "Beside what must score worse" in reports.page_of(report)
    assert reports.sheet_of(report)[:2] == b"\xff\xd8"  # type: ignore[index]


def test_frames_that_are_held_for_long_are_seen_for_as_long(portrait: Path, short_speech: Path, tmp_path: Path) -> None:
    """A second at 25 frames/s, the fourth frame of it held for half a second and more."""
    held = tmp_path / "held.mp4"
    footage = media.open_footage(portrait)
    assert footage.info.video is not None

    def shown() -> Any:
        for k, frame in enumerate(footage.play(range(25))):
            frame.time_s = Fraction(k, 25) + (Fraction(3, 5) if k > 3 else 0)
            yield frame

    info = replace(footage.info, video=replace(footage.info.video, is_vfr=True))
    media.write_video(held, shown(), info, duration_s=Fraction(8, 5), audio=media.AudioPlan(short_speech))

    strip = evaluate(held)["speakers"][0]["strip"]

    assert [(span["start_s"], span["stop_s"], span["what"], span["n_frames"]) for span in strip] == [
        (0, 1.6, "seen", 25)
    ]


def test_what_cannot_be_evaluated_says_why(portrait: Path, short_speech: Path, make_video: Any) -> None:
    with pytest.raises(NoAudio):
        evaluate(portrait)
    with pytest.raises(NoFaceFound):
        evaluate(make_video(), speech=short_speech)
    with pytest.raises(InvalidOption):
        evaluate(portrait, speech=short_speech, face="nobody")


def test_a_face_on_too_few_frames_is_told_to_be_seen_for_longer(
    portrait: Path, short_speech: Path, tmp_path: Path
) -> None:
    short = tmp_path / "short.mp4"
    source = media.open_footage(portrait)
    media.write_video(
        short, source.play(range(3)), source.info, duration_s=Fraction(3, 25), audio=media.AudioPlan(None)
    )

    with pytest.raises(NoFaceFound, match=r"in 3 frames, and 12 are needed\. Use a longer video"):
        evaluate(short, speech=short_speech)
    with pytest.raises(NoFaceFound, match=r"in the one frame that there is, and 12 are needed\. Use a longer video"):
        evaluate(picture_path(), speech=short_speech)


def test_a_reference_of_another_size_is_not_compared(result: SyncResult, make_video: Any) -> None:
    report = evaluate(result.output, reference=make_video())

    assert any("are not compared" in note for note in report["notes"])
    assert report["speakers"][0]["figures"]


def test_the_command_draws_a_page_from_a_report(measured: dict[str, Any], tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    told.write_text(json.dumps(measured))
    program = Path(sys.executable).with_name("lipwright")

    done = subprocess.run([program, "report", told], capture_output=True, text=True, timeout=120, check=True)

    assert "told.html" in done.stdout
    page = told.with_suffix(".html").read_text("utf-8")
    assert "data:image/jpeg;base64," in page
    assert "What was done, and where" in page
    torn = tmp_path / "torn.json"
    torn.write_text("{")
    refused = subprocess.run([program, "report", torn], capture_output=True, text=True, timeout=120, check=False)
    assert refused.returncode == 2
    assert "error [invalid_option]" in refused.stderr


def painted(made: Path, to: Path, is_hidden: Callable[[int], bool]) -> Path:
    """The same video, with its sound, grey where it is hidden."""
    footage = media.open_footage(made)
    assert footage.info.video is not None

    def frames() -> Iterator[VideoFrame]:
        for k, frame in enumerate(footage.frames()):
            for plane in frame.planes if is_hidden(k) else ():
                plane[...] = 128
            yield frame

    media.write_video(to, frames(), footage.info, duration_s=footage.info.video.duration_s, audio=media.AudioPlan(made))
    return to


@pytest.mark.parametrize("n_left", [0, 8])
def test_a_result_that_lost_its_face_is_poor_and_says_which_face(
    result: SyncResult, portrait: Path, tmp_path: Path, n_left: int
) -> None:
    gone = painted(result.output, tmp_path / "gone.mp4", lambda k: k >= n_left)

    for report in (
        evaluate(gone, reference=portrait),
        report_of(replace(result, output=gone), measuring=Measuring()),
    ):
        told = report["speakers"][0]
        assert report["verdict"]["word"] == "poor"
        assert "lips of face 1" in report["verdict"]["says"]
        assert [(one["id"], one["verdict"]) for one in told["figures"]] == [("lost", "poor")]
        assert "lost" in {flag["kind"] for flag in told["flags"]}
        assert told["sync"] is None
        assert reports.page_of(report)


def test_with_a_face_of_which_nothing_is_known_nothing_is_good() -> None:
    good = {"name": "Sharpness", "verdict": "good"}

    assert assess.overall([good], [])["word"] == "good"
    assert assess.overall([good], [], missed=[2]) == {
        "word": "unknown", "says": "Of the lips of face 2 too little was seen for anything to be measured.",
    }  # fmt: skip


def test_what_was_passed_through_does_not_make_new_mouths_look_better(result: SyncResult, tmp_path: Path) -> None:
    """Two thirds were left as they were; the new mouths are a blur."""
    footage = media.open_footage(result.output)

    def frames() -> Iterator[VideoFrame]:
        for k, frame in enumerate(footage.frames()):
            if k < 10:
                frame.planes[0][...] = cv2.GaussianBlur(frame.planes[0], (0, 0), 4)
            yield frame

    spoiled = tmp_path / "spoiled.mp4"
    media.write_video(
        spoiled, frames(), footage.info, duration_s=result.duration_s, audio=media.AudioPlan(result.output)
    )
    render = replace(result.speakers[0].render, strip=[("edited", 10), ("at_rest", result.n_frames - 10)])
    speaker = replace(result.speakers[0], render=render)

    report = report_of(replace(result, output=spoiled, speakers=(speaker,)), measuring=Measuring())

    sharpness = next(one for one in report["speakers"][0]["figures"] if one["id"] == "sharpness_ratio")
    assert sharpness["n"] == 10
    assert sharpness["verdict"] == "poor"


def test_how_lips_are_accelerated_is_judged_only_at_rates_at_which_real_ones_are_known(
    result: SyncResult, short_speech: Path, tmp_path: Path
) -> None:
    footage = media.open_footage(result.output)
    assert footage.info.video is not None
    half = footage.info.video.fps / 2

    def frames() -> Iterator[VideoFrame]:
        for k, frame in enumerate(footage.play(range(0, result.n_frames, 2))):
            frame.time_s = k / half
            yield frame

    slow = tmp_path / "slow.mp4"
    info = replace(footage.info, video=replace(footage.info.video, fps=half))
    media.write_video(slow, frames(), info, duration_s=result.duration_s, audio=media.AudioPlan(short_speech))

    def acceleration(path: Path) -> dict[str, Any]:
        told = evaluate(path, speech=short_speech)["speakers"][0]["figures"]
        return next(one for one in told if one["id"] == "jitter")

    assert acceleration(result.output)["verdict"] != "unknown"
    assert acceleration(slow)["value"] is not None
    assert acceleration(slow)["verdict"] == "unknown"
    assert "at 12.5 others are natural" in acceleration(slow)["says"]


def test_beside_lips_that_talk_their_acceleration_is_the_measure() -> None:
    lips = Lips(index=list(range(20)), times_s=[k / 25 for k in range(20)])
    ratio = Measure("jitter ratio", 1.0, "ratio", 1, 18)

    assert "better measure" in assess._why_no_jitter(lips, ratio, "")
    assert assess._why_no_jitter(lips, ratio, "The mouth of the footage does not talk.") == ""


def test_a_picture_as_reference_stands_still_for_as_long_as_the_video(short_speech: Path, tmp_path: Path) -> None:
    """26 s at two frames a second: longer than a portrait lives until it starts again."""
    still, _ = open_source(picture_path(), MeshTracker(), is_still=True)
    n, fps = 52, Fraction(2)

    def frames() -> Iterator[VideoFrame]:
        for k, frame in enumerate(still.play([0] * n)):
            frame.time_s = k / fps
            yield frame

    assert still.info.video is not None
    made = tmp_path / "made.mp4"
    info = replace(still.info, video=replace(still.info.video, fps=fps))
    media.write_video(made, frames(), info, duration_s=n / fps, audio=media.AudioPlan(short_speech))

    report = evaluate(made, reference=picture_path())

    told = report["speakers"][0]
    lost = next(one for one in told["figures"] if one["id"] == "lost")
    assert not any("shorter" in note for note in report["notes"])
    assert (lost["value"], lost["n"]) == (0, n)
    assert len({value for value in told["curves"]["source"] if value is not None}) == 1, "its lips do not move"
    assert reports.sheet_of(report)[:2] == b"\xff\xd8"  # type: ignore[index]


def test_a_video_whose_picture_starts_after_its_sound_is_evaluated_to_its_end(
    result: SyncResult, short_speech: Path, tmp_path: Path
) -> None:
    import av

    late = tmp_path / "late.mp4"
    with av.open(str(result.output)) as source, av.open(str(late), "w") as out:
        video, audio = source.streams.video[0], source.streams.audio[0]
        streams = {stream.index: out.add_stream_from_template(stream) for stream in (video, audio)}
        for packet in source.demux(video, audio):
            if packet.dts is None or packet.pts is None:
                continue
            if packet.stream is video:
                packet.pts += round(Fraction(1, 2) / packet.time_base)
                packet.dts += round(Fraction(1, 2) / packet.time_base)
            packet.stream = streams[packet.stream.index]
            out.mux(packet)
    (shown,) = [info for info in [media.probe(late).video] if info is not None]
    assert shown.start_s == pytest.approx(0.5, abs=0.01)

    report = evaluate(late)

    ends_s = float(shown.start_s + shown.duration_s)
    assert report["duration_s"] == pytest.approx(ends_s)
    assert report["speakers"][0]["strip"][-1]["stop_s"] == pytest.approx(ends_s, abs=0.001)
    assert report["speakers"][0]["curves"]["seen"][-1] is not None
