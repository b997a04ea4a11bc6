"""A video in parts is the video that is rendered at once: frame by frame, its sound, and what is told of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipwright import media, pipeline, service
from lipwright.cache import Cache
from lipwright.core.errors import UnreadableMedia
from lipwright.core.media import AudioClip
from lipwright.core.options import SyncOptions
from lipwright.core.parts import cut_into_parts, ease_of
from lipwright.core.timeline import FramePlan
from lipwright.demo import speech_path, video_path
from lipwright.engines.rewrite.veil import Veil
from lipwright.pipeline import Line, Ready, SyncResult
from lipwright.service import children, reports
from lipwright.service import parts as video_parts
from lipwright.service.parts import Shared, Sizes
from lipwright.service.speech import write_wav
from lipwright.testing import StillEngine
from lipwright.vision.track import MeshTracker

QUICK = SyncOptions(preset="ultrafast", threads=1)


@pytest.fixture(scope="module", autouse=True)
def studied_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What was found out about the sample is kept from test to test."""
    CACHES.append(Cache(tmp_path_factory.mktemp("studies")))
    yield
    CACHES.clear()


CACHES: list[Cache] = []


def ready_for(
    options: SyncOptions,
    output: Path,
    *,
    video: Path | None = None,
    sounds: Sequence[Path] = (),
    faces: Sequence[str] = ("auto",),
    engine: Any = None,
) -> Ready:
    return pipeline.prepare(
        engine or service.load_engine(options.engine),
        MeshTracker(),
        video or video_path(),
        [Line(face, sound) for face, sound in zip(faces, sounds or [speech_path()], strict=True)],
        output,
        options,
        cache=CACHES[0],
    )


def in_parts(ready: Ready, sizes: Sizes, folder: Path, *, last_first: bool = True) -> tuple[SyncResult, list[Path]]:
    """As workers do it, each with nothing but the files: the last part first."""
    spans = video_parts.parts_of(ready, sizes)
    plan = folder / "plan.npz"
    video_parts.share(ready, spans, plan)
    made = [folder / f"part{number}{ready.output.suffix}" for number in range(len(spans))]
    numbers = reversed(range(len(spans))) if last_first else range(len(spans))
    # told across processes, as JSON
    told = {
        number: json.loads(json.dumps(video_parts.render_part(plan, number, ready.video, made[number])))
        for number in numbers
    }
    for one in told.values():
        one["renders"] = [{**render, "told_by_newer_workers": 1} for render in one["renders"]]
    sounds = [line.audio for line in ready.lines]
    result = video_parts.join(plan, ready.video, sounds, made, [told[n] for n in range(len(spans))], ready.output)
    return result, made


def two_talkers(folder: Path) -> Path:
    """The sample, and beside it the sample a second later, 600 x 300, 3 s, with sound."""
    import av
    import cv2

    grey, path = folder / "grey.mp4", folder / "two.mp4"
    frames = [cv2.resize(frame[0], (300, 300), interpolation=cv2.INTER_AREA) for frame in planes(video_path())[:100]]
    with av.open(str(grey), "w") as opened:
        out: Any = opened
        stream = out.add_stream("libx264", rate=25, options={"preset": "ultrafast", "crf": "8"})
        stream.width, stream.height, stream.pix_fmt = 600, 300, "gray"
        for k in range(75):
            frame = av.VideoFrame.from_ndarray(np.hstack([frames[k], frames[k + 25]]).astype(np.uint8), "gray")
            frame.pts, frame.time_base = k, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    footage = media.open_footage(grey)
    media.write_video(
        path, footage.frames(), footage.info, duration_s=Fraction(3), audio=media.AudioPlan(speech_path()),
        crf=8, preset="ultrafast",
    )  # fmt: skip
    return path


def rewrite(plan: Path, **changes: Any) -> None:
    """Change what a plan tells, as another program would have told it."""
    with np.load(plan) as loaded:
        arrays = dict(loaded)
    about = json.loads(arrays["about"].tobytes()) | changes
    np.savez(plan, **arrays | {"about": np.frombuffer(json.dumps(about).encode(), np.uint8)})


def planes(path: Path) -> list[list[Any]]:
    frames = media.open_footage(path, threads=1).frames(writable=False)
    return [[plane.copy() for plane in frame.planes] for frame in frames]


def sound_packets(path: Path) -> list[tuple[int, bytes]]:
    import av

    with av.open(str(path)) as container:
        return [(packet.pts or 0, bytes(packet)) for packet in container.demux(container.streams.audio[0])]


@pytest.mark.parametrize("when_short", ["bounce", "loop"])
def test_without_encoder_noise_every_frame_is_that_of_a_video_rendered_at_once(tmp_path: Path, when_short: Any) -> None:
    options = replace(QUICK, crf=0, when_short=when_short)
    at_once = pipeline.write(ready_for(options, tmp_path / "at_once.mp4"))
    ready = ready_for(options, tmp_path / "whole.mp4")

    result, made = in_parts(ready, Sizes(over_s=2, part_s=1.5), tmp_path)

    assert len(made) >= 3
    mine, its = planes(result.output), planes(at_once.output)
    assert len(mine) == len(its) == at_once.n_frames
    for number, (a, b) in enumerate(zip(mine, its, strict=True)):
        assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True)), f"frame {number} differs"
    assert sound_packets(result.output) == sound_packets(at_once.output)
    assert media.probe(result.output).audio == media.probe(at_once.output).audio


def test_where_the_footages_own_sound_goes_on_after_the_speech_its_own_lips_do_in_parts_too(tmp_path: Path) -> None:
    """Else one's own voice would be heard over lips at rest."""
    footage, video, speech = media.open_footage(video_path()), tmp_path / "heard.mp4", tmp_path / "short.wav"
    media.write_video(
        video, footage.frames(), footage.info, duration_s=Fraction(6), audio=media.AudioPlan(speech_path()),
        crf=10, preset="ultrafast",
    )  # fmt: skip
    write_wav(speech, AudioClip(media.read_speech(speech_path()).samples[:32_000], 16_000))
    kept = replace(QUICK, crf=0, when_long="keep", keep_original_db=0.0)

    others = replace(kept, keep_original_db=None), replace(kept, when_long="cut")
    at_once, ready, unheard, cut = (
        ready_for(options, tmp_path / f"{number}.mp4", video=video, sounds=[speech])
        for number, options in enumerate([kept, kept, *others])
    )
    done = pipeline.write(at_once)
    result, made = in_parts(ready, Sizes(over_s=2, part_s=1.5), tmp_path)

    mine, its, own = planes(result.output), planes(done.output), planes(video)
    fps, n = float(result.fps), len(own)
    end, back = round(2 * fps), round((2 + 0.2) * fps)  # it comes back over a moment: nothing pops
    assert len(made) >= 3
    assert len(mine) == len(its) == n
    assert all(np.array_equal(x, y) for a, b in zip(mine, its, strict=True) for x, y in zip(a, b, strict=True))
    for k in range(back, n):
        assert all(np.array_equal(x, y) for x, y in zip(its[k], own[k], strict=True)), f"frame {k} is not its own"
    assert np.mean([np.abs(its[k][0].astype(int) - own[k][0]).max() > 20 for k in range(end)]) > 0.5
    assert done.speakers[0].render.untouched["own_again"] >= n - back
    assert Shared(tmp_path / "plan.npz").about["version"] == 3  # programs of before would let the lips rest
    assert (unheard.plan.own_from_s, cut.plan.own_from_s) == (None, None)


def test_each_speaker_has_their_own_lips_back_when_their_own_speech_is_over(tmp_path: Path, make_sound: Any) -> None:
    """Else the own voice of the one who is done would be heard over lips at rest while another still speaks."""
    video, said = two_talkers(tmp_path), media.read_speech(speech_path()).samples
    sounds = [make_sound("short.wav", said[:16_000]), make_sound("long.wav", said[:32_000])]
    kept = replace(QUICK, crf=0, when_long="keep", keep_original_db=-6.0)

    def ready_with(options: SyncOptions, name: str) -> Ready:
        return ready_for(options, tmp_path / name, video=video, sounds=sounds, faces=["150,150", "450,150"])

    done = pipeline.write(ready_with(kept, "at_once.mp4"))
    result, made = in_parts(ready_with(kept, "whole.mp4"), Sizes(over_s=2, part_s=1), tmp_path)

    mine, its, own = (np.stack([frame[0] for frame in planes(path)]) for path in (result.output, done.output, video))
    changed = np.abs(its.astype(int) - own)
    left, right = changed[:, :, :300].max((1, 2)), changed[:, :, 300:].max((1, 2))
    assert len(made) == 3
    assert np.array_equal(mine, its)
    assert np.mean(left[:25] > 20) > 0.5 < np.mean(right[25:50] > 20)
    assert left[25:29].all()  # they come back softly, as ever
    assert not left[30:].any()  # 0.2 s after the first speech
    assert not right[55:].any()
    for told in (done, result):
        assert [speaker.own_from_s for speaker in told.speakers] == [1, 2]
        assert [speaker.as_dict()["own_from_s"] for speaker in told.speakers] == [1.0, 2.0]
        assert [speaker.render.strip[-1][0] for speaker in told.speakers] == ["own_again", "own_again"]
        assert told.plan.own_from_s == 2  # from when on all of them have

    about = Shared(tmp_path / "plan.npz").about
    assert about["version"] == 4  # programs of before would let the first one's lips rest until the second is done
    rewrite(tmp_path / "plan.npz", lines=[{**line} for line in about["lines"] if line.pop("own_from_s")])
    assert [plan.own_from_s for plan in Shared(tmp_path / "plan.npz").plans] == [2, 2]  # as those told it to all


def test_own_lips_come_back_only_where_their_own_voice_is_in_step_with_them(tmp_path: Path, make_sound: Any) -> None:
    video, said = two_talkers(tmp_path), media.read_speech(speech_path()).samples
    heard = replace(QUICK, keep_original_db=-6.0)

    def moments_s(options: SyncOptions, *lasts_s: float) -> list[Fraction | None]:
        sounds = [make_sound(f"{k}.wav", said[: round(16_000 * last_s)]) for k, last_s in enumerate(lasts_s)]
        ready = ready_for(options, tmp_path / "o.mp4", video=video, sounds=sounds, faces=["150,150", "450,150"])
        assert ready.plan.own_from_s is None
        return ready.own_from_s

    assert moments_s(heard, 1, 2) == [1, None]  # the result ends with the longer one
    assert moments_s(heard, 2, 2) == [None, None]
    assert moments_s(heard, 1, 4) == [None, None]  # the footage turns round under the longer one, and is silent there
    assert moments_s(QUICK, 1, 2) == [None, None]


def test_with_it_borders_are_as_near_to_the_original_as_all_other_frames(tmp_path: Path) -> None:
    lossless = planes(pipeline.write(ready_for(replace(QUICK, crf=0), tmp_path / "lossless.mp4")).output)
    options = replace(QUICK, preset="veryfast")
    at_once = planes(pipeline.write(ready_for(options, tmp_path / "at_once.mp4")).output)
    result, _ = in_parts(ready_for(options, tmp_path / "whole.mp4"), Sizes(2, 1.5), tmp_path)

    def noise(frames: list[list[Any]]) -> Any:
        return np.array([np.abs(a[0].astype(float) - b[0]).mean() for a, b in zip(frames, lossless, strict=True)])

    mine, its = noise(planes(result.output)), noise(at_once)
    fps = result.fps
    borders = [round(part.start_s * float(fps)) for part in result.parts[1:]]
    near = [number + d for number in borders for d in (-2, -1, 0, 1)]
    assert mine[near].max() < 1.25 * its.max()
    assert mine.mean() < 1.1 * its.mean()


def test_what_is_told_of_the_whole_is_what_is_told_of_a_video_rendered_at_once(tmp_path: Path) -> None:
    at_once = pipeline.write(ready_for(QUICK, tmp_path / "at_once.mp4"))
    result, _ = in_parts(ready_for(QUICK, tmp_path / "whole.mp4"), Sizes(2, 1.5), tmp_path)

    mine, its = reports.report_of(result), reports.report_of(at_once)
    parts = mine.pop("parts")
    for differs in ("output", "took_s", "cpu_s", "realtime_factor", "stages_s", "memory_mb", "is_recalled", "figures"):
        mine.pop(differs)
        its.pop(differs)
    assert mine == its
    assert [part["n_frames"] for part in parts] == [len(span) for span in Shared(tmp_path / "plan.npz").parts]
    assert parts[0]["start_s"] == 0
    assert all(a["stop_s"] == b["start_s"] for a, b in pairwise(parts))
    assert parts[-1]["stop_s"] == mine["duration_s"]
    # the mouths that were planned and where the person is, for the measurement
    assert np.array_equal(result.speakers[0].mouth.coefficients, at_once.speakers[0].mouth.coefficients)
    assert np.array_equal(result.speakers[0].seen.box_px, at_once.speakers[0].seen.box_px)


def test_somebody_who_talks_speaks_with_their_own_mouth_across_borders(clips: Path, tmp_path: Path) -> None:
    video, sound = clips / "video" / "vr_4.mp4", tmp_path / "speech.wav"
    said = media.read_speech(clips / "speech" / "dh_1.flac")
    write_wav(sound, AudioClip(said.samples[: 3 * said.rate_hz], said.rate_hz))
    options = replace(QUICK, crf=0)
    at_once = pipeline.write(ready_for(options, tmp_path / "at_once.mp4", video=video, sounds=[sound]))
    ready = ready_for(options, tmp_path / "whole.mp4", video=video, sounds=[sound])

    result, made = in_parts(ready, Sizes(2, 0.9), tmp_path)

    assert at_once.render.mode == "retrieved"
    assert result.render == at_once.render
    assert len(made) >= 3
    for number, (a, b) in enumerate(zip(planes(result.output), planes(at_once.output), strict=True)):
        assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True)), f"frame {number} differs"


def test_a_portrait_too_is_drawn_in_parts(tmp_path: Path) -> None:
    picture = tmp_path / "portrait.png"
    footage = media.open_footage(video_path())
    write_png(picture, next(footage.frames()))
    options = replace(QUICK, crf=0)
    at_once = pipeline.write(ready_for(options, tmp_path / "at_once.mp4", video=picture))

    result, made = in_parts(ready_for(options, tmp_path / "whole.mp4", video=picture), Sizes(2, 1.5), tmp_path)

    assert len(made) >= 3
    for a, b in zip(planes(result.output), planes(at_once.output), strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def write_png(path: Path, frame: Any) -> None:
    import cv2

    from lipwright.vision.colour import to_rgb

    height, width = frame.planes[0].shape
    large = [cv2.resize(plane, (width, height)) for plane in frame.planes]
    cv2.imwrite(str(path), to_rgb(large, frame)[..., ::-1])


def test_parts_of_encoders_that_differ_are_encoded_once_more_and_the_note_says_so(tmp_path: Path) -> None:
    ready = ready_for(QUICK, tmp_path / "whole.mp4")
    spans = video_parts.parts_of(ready, Sizes(2, 1.5))
    plan = tmp_path / "plan.npz"
    video_parts.share(ready, spans, plan)
    made = [tmp_path / f"part{number}.mp4" for number in range(len(spans))]
    told = [video_parts.render_part(plan, number, video_path(), path) for number, path in enumerate(made)]
    other = tmp_path / "other.mp4"
    footage = media.open_footage(made[1])
    video = footage.info.video
    assert video is not None
    media.write_video(other, footage.frames(), footage.info, duration_s=video.duration_s, audio=None, preset="slow")

    result = video_parts.join(
        plan, video_path(), [speech_path()], [made[0], other, *made[2:]], told, tmp_path / "whole.mp4"
    )

    assert any("encoded once more" in note for note in result.notes)
    assert result.n_frames == len(ready.plan)
    shown = media.probe(result.output).video
    assert shown is not None
    assert shown.n_frames == len(ready.plan)


def test_what_cannot_be_cut_is_one_part(tmp_path: Path) -> None:
    sizes = Sizes(2, 1.5)
    still = ready_for(replace(QUICK, engine="still"), tmp_path / "a.mp4", engine=StillEngine())
    assert video_parts.parts_of(still, sizes) == [range(len(still.plan))]

    ready = ready_for(QUICK, tmp_path / "b.mp4")
    assert len(video_parts.parts_of(ready, Sizes(over_s=600, part_s=1.5))) == 1
    ready.footage._is_sure = False  # pyright: ignore[reportAttributeAccessIssue]
    assert len(video_parts.parts_of(ready, sizes)) == 1


def test_a_damaged_plan_is_told(tmp_path: Path) -> None:
    plan = tmp_path / "plan.npz"
    plan.write_bytes(b"PK\3\4 and nothing else")

    with pytest.raises(UnreadableMedia):
        Shared(plan)


def test_a_plan_of_a_newer_program_is_followed_where_only_its_words_are_new_and_left_alone_where_its_version_is(
    tmp_path: Path,
) -> None:
    plan, arguments = (
        tmp_path / "plan.npz",
        dict[str, Any](video="v.mp4", number=0, output="o.mp4", audio=None, parts=[]),
    )
    ready = ready_for(QUICK, tmp_path / "a.mp4")
    video_parts.share(ready, [range(5)], plan)
    assert Shared(plan).about["version"] == 1
    ready.avatars[0].face.quarter_turns[3:] = 1  # type: ignore[attr-defined]  # a way up that older programs do not know
    video_parts.share(ready, [range(5)], turned := tmp_path / "turned.npz")
    assert Shared(turned).about["version"] == 2
    sitter = ready.avatars[0]._sitter  # type: ignore[attr-defined]
    bar = Veil(0.5, np.array([8.0, 64.0, 64.0]), 10, 12, 2, np.ones(4, np.float32))
    ready.avatars[0]._sitter = replace(sitter, veils=(bar,))  # type: ignore[attr-defined]
    video_parts.share(ready, [range(5)], veiled := tmp_path / "veiled.npz")
    assert Shared(veiled).about["version"] == 3

    options = Shared(plan).options
    rewrite(plan, options={**Shared(plan).about["options"], "invented_later": 1}, invented_later=2)
    assert Shared(plan).options == options

    rewrite(plan, version=5)
    for child in (children.part, children.join):
        assert child({**arguments, "plan": str(plan)}, lambda _: None) == {"newer_plan": 5}


def plan_of(order: Sequence[int], fps: Fraction = Fraction(25)) -> FramePlan:
    return FramePlan(tuple(order), tuple(k / fps for k in range(len(order))), len(order) / fps)


def test_parts_tile_the_plan_and_none_is_shorter_than_two_thirds() -> None:
    plan = plan_of(range(25 * 250), Fraction(30000, 1001))
    dice = np.random.default_rng(3)
    for part_s in (20, 30, 45, 60, 200):
        parts = cut_into_parts(plan, dice.random(len(plan)), part_s)

        assert [k for part in parts for k in part] == list(range(len(plan)))
        assert all(len(part) / (30000 / 1001) >= part_s * 2 / 3 for part in parts)
        assert len(parts) == max(1, int(plan.duration_s / part_s))


def test_borders_move_to_cuts_first_and_then_to_where_mouths_rest() -> None:
    plan = plan_of(range(25 * 180))
    rest = np.zeros(len(plan))
    rest[1400:1410] = 1

    one = cut_into_parts(plan, ease_of(plan, [], rest), 60)
    two = cut_into_parts(plan, ease_of(plan, [1600, 3100], rest), 60)
    three = cut_into_parts(plan, ease_of(plan, [], np.zeros(len(plan))), 60)

    assert [part.start for part in one] == [0, 1409, 3000]
    assert [part.start for part in two] == [0, 1600, 3100]
    assert [part.start for part in three] == [0, 1500, 3000]


def test_a_loop_that_starts_again_is_a_cut_and_a_bounce_is_none() -> None:
    rest = np.zeros(200)
    looped = ease_of(plan_of([*range(100), *range(100)]), [30], rest)
    bounced = ease_of(plan_of([*range(100), *range(100)[::-1]]), [30], rest)

    assert np.flatnonzero(looped).tolist() == [30, 100, 130]
    assert np.flatnonzero(bounced).tolist() == [30, 170]
