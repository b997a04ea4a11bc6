"""Video files as written: everything of the source that should stay stays, the speech starts at zero."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.error import FFmpegError

from lipwright.core.errors import Cancelled, DiskFull, OutputNotWritable, UnsupportedOutput
from lipwright.core.media import SourceInfo, VideoFrame
from lipwright.core.plan import follow, plan_frames
from lipwright.media import (
    AudioPlan,
    MediaFootage,
    Written,
    open_footage,
    probe,
    read_speech,
    speech_duration,
    write_video,
)
from lipwright.media.write import in_place_of, open_output
from lipwright.pipeline import check_place

SILENT = AudioPlan(speech=None)
RATES = [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(60)]


def rewrite(footage: MediaFootage, path: Path, speech: Path | None = None, **how: Any) -> Written:
    """Write footage as it is, or as long as a speech."""
    video = footage.info.video
    assert video is not None
    duration_s = video.duration_s if speech is None else speech_duration(speech)
    plan = plan_frames(
        video, duration_s, when_short=how.pop("when_short", "bounce"), when_long=how.pop("when_long", "cut")
    )
    return write_video(
        path,
        follow(plan, footage),
        footage.info,
        duration_s=plan.duration_s,
        audio=AudioPlan(speech, how.pop("keep_original_db", None)),
        preset=how.pop("preset", "ultrafast"),
        **how,
    )


def numbers(path: Path, read_number: Any) -> list[int]:
    return [read_number(frame.planes[0], frame.bits) for frame in open_footage(path).frames(writable=False)]


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov"])
@pytest.mark.parametrize("fps", RATES)
def test_rate_and_lengths_stay_exact(
    make_video: Any, make_sound: Any, clicks: Any, read_number: Any, tmp_path: Path, fps: Fraction, ending: str
):
    footage = open_footage(make_video(n=50, fps=fps))
    speech = make_sound("speech.wav", clicks(1.37, 16_000))
    out = tmp_path / f"out.{ending}"

    written = rewrite(footage, out, speech)
    info = probe(out)
    assert info.video is not None

    assert (info.video.fps, info.video.is_vfr) == (fps, False)
    assert written.n_frames == info.video.n_frames
    assert abs(info.video.duration_s - speech_duration(out)) < 1 / fps
    assert abs(info.video.duration_s - speech_duration(speech)) < 1 / fps
    assert (info.video.start_s, info.audio[0].start_s) == (0, 0)
    assert [frame.time_s for frame in open_footage(out).frames()] == [k / fps for k in range(written.n_frames)]
    plan = plan_frames(footage.info.video, speech_duration(speech)) if footage.info.video else None
    assert plan is not None
    assert numbers(out, read_number) == list(plan.order)


def test_varying_times_are_kept(make_video: Any, make_sound: Any, clicks: Any, read_number: Any, tmp_path: Path):
    ticks = [0, 3, 4, 10, 11, 12, 30, 31, 45, 46]
    footage = open_footage(make_video(n=10, ticks=ticks, time_base=Fraction(1, 90)))
    speech = make_sound("speech.wav", clicks(1.2, 16_000))
    video = footage.info.video
    assert video is not None
    plan = plan_frames(video, Fraction(6, 5), when_short="loop")

    for ending in ("mp4", "mkv"):
        out = tmp_path / f"out.{ending}"
        rewrite(footage, out, speech, when_short="loop")
        info = probe(out)
        assert info.video is not None
        assert info.video.is_vfr
        assert numbers(out, read_number) == list(plan.order)
        clock = Fraction(1, 90_000 if ending == "mp4" else 1000)
        for time, wanted in zip(info.video.times_s, plan.times_s, strict=True):
            assert abs(time - wanted) <= clock
        assert abs(info.video.duration_s - Fraction(6, 5)) <= Fraction(1, 30)


def test_an_average_rate_that_is_no_small_fraction_is_written_at_its_own_times(make_video: Any, tmp_path: Path):
    steps = np.random.default_rng(5).integers(28_000, 39_000, 2160)
    steps[0] += 1 - steps.sum() % 30  # nothing cancels against the number of frames
    ticks = [0, *(int(tick) for tick in np.cumsum(steps))]
    fine = {"video_track_timescale": "1000000"}
    footage = open_footage(
        make_video(n=2161, size=(32, 32), ticks=ticks, time_base=Fraction(1, 1_000_000), container_options=fine)
    )
    video = footage.info.video
    assert video is not None
    assert video.fps.numerator > 2**31 - 1  # as a quarter of an hour on the clock of a phone has it
    out = tmp_path / "out.mp4"

    write_video(out, islice(footage.frames(), 20), footage.info, duration_s=video.times_s[20], audio=None)

    written = probe(out).video
    assert written is not None
    assert written.times_s == tuple(Fraction(round(90_000 * time_s), 90_000) for time_s in video.times_s[:20])


@pytest.mark.parametrize(
    ("name", "rate_hz", "ending", "how"),
    [
        ("a.m4a", 44_100, "mp4", "copied"),
        ("a.m4a", 16_000, "mov", "copied"),
        ("a.mp3", 44_100, "mp4", "copied"),
        ("a.mp3", 16_000, "mp4", "copied"),
        ("a.mp3", 8_000, "mov", "copied"),
        ("a.mp3", 8_000, "mp4", "encoded"),
        ("a.mp3", 11_025, "mp4", "encoded"),
        ("a.mp3", 12_000, "m4v", "encoded"),
        ("a.flac", 44_100, "mp4", "copied"),
        ("a.flac", 16_000, "mkv", "copied"),
        ("a.opus", 48_000, "mp4", "copied"),
        ("a.opus", 48_000, "mkv", "copied"),
        ("a.opus", 48_000, "webm", "copied"),
        ("a.ac3", 48_000, "mp4", "copied"),
        ("a.wav", 44_100, "mov", "copied"),
        ("a.wav", 44_100, "mkv", "copied"),
        ("a.wav", 16_000, "mp4", "encoded"),
        ("a.wav", 44_100, "mp4", "encoded"),
        ("a.wav", 96_000, "mp4", "encoded"),
        ("a.mp3", 44_100, "mkv", "encoded"),
        ("a.m4a", 44_100, "mkv", "encoded"),
        ("a.mka", 48_000, "mp4", "encoded"),
        ("a.wav", 44_100, "webm", "encoded"),
    ],
)
def test_the_speech_starts_at_zero_to_the_sample(
    make_video: Any, make_sound: Any, clicks: Any, tmp_path: Path, name: str, rate_hz: int, ending: str, how: str
):
    footage = open_footage(make_video(n=50, size=(64, 48)))
    speech = make_sound(name, clicks(1.5, rate_hz), rate_hz=rate_hz)
    out = tmp_path / f"out.{ending}"

    written = rewrite(footage, out, speech, codec="vp9" if ending == "webm" else "auto")
    at = rate_hz if ending != "webm" else 48_000
    heard, wanted = read_speech(out, at).samples, read_speech(speech, at).samples

    assert written.audio == how
    n = min(len(heard), len(wanted))
    assert abs(len(heard) - len(wanted)) < rate_hz / 25
    if how == "copied":
        assert b"".join(packets(out)) == b"".join(packets(speech))
        assert np.array_equal(heard[:n], wanted[:n])
    middle = wanted[2000 : n - 2000]
    likeness = np.correlate(heard[1500 : n - 1500], middle, "valid")
    assert int(likeness.argmax()) == 500
    info = probe(out)
    assert info.video is not None
    assert abs(info.video.duration_s - speech_duration(out)) < 1 / info.video.fps
    if how == "encoded" and ending != "webm":
        assert (info.audio[0].codec, info.audio[0].rate_hz) == ("aac", rate_hz)


def test_stereo_speech_stays_stereo_and_high_rates_come_down(
    make_video: Any, make_sound: Any, clicks: Any, tmp_path: Path
):
    footage = open_footage(make_video(n=15, size=(64, 48)))
    for channels, rate_hz, wanted in ((2, 44_100, (2, 44_100)), (6, 48_000, (6, 48_000)), (8, 192_000, (8, 48_000))):
        planes = np.stack([clicks(0.6, rate_hz) * (1 + k) / 8 for k in range(channels)])
        out = tmp_path / "out.mp4"

        rewrite(footage, out, make_sound("speech.wav", planes, rate_hz=rate_hz))

        audio = probe(out).audio[0]
        assert (audio.channels, audio.rate_hz) == wanted


@pytest.mark.parametrize("name", ["speech.flac", "speech.m4a", "speech.wav"])
def test_speech_longer_than_the_footage_is_cut_with_it(
    make_video: Any, make_sound: Any, clicks: Any, tmp_path: Path, name: str
):
    footage = open_footage(make_video(n=20, size=(64, 48)))
    speech = make_sound(name, clicks(3.0, 16_000))
    out = tmp_path / "out.mp4"

    written = rewrite(footage, out, speech, when_short="cut")

    assert written.n_frames == 20
    assert abs(speech_duration(out) - Fraction(4, 5)) < Fraction(1, 25)


def test_footage_that_is_kept_to_its_end_is_silent_after_the_speech(
    make_video: Any, make_sound: Any, clicks: Any, tmp_path: Path
):
    footage = open_footage(make_video(n=50, size=(64, 48)))
    speech = make_sound("speech.flac", clicks(0.5, 16_000))
    out = tmp_path / "out.mp4"

    written = rewrite(footage, out, speech, when_long="keep")

    assert (written.n_frames, written.audio) == (50, "encoded")
    heard = read_speech(out).samples
    assert abs(len(heard) - 32_000) < 640
    assert np.abs(heard[9500:]).max() < 1e-3


def test_the_sources_own_sound_can_be_kept_under_the_speech(make_video: Any, make_sound: Any, tmp_path: Path):
    time = np.arange(48_000) / 48_000
    hum = (0.5 * np.sin(2 * np.pi * 200 * time)).astype(np.float32)
    footage = open_footage(make_video(n=50, size=(64, 48), sound=hum))
    whistle = (0.25 * np.sin(2 * np.pi * 1000 * np.arange(24_000) / 16_000)).astype(np.float32)
    speech = make_sound("speech.wav", whistle)
    out = tmp_path / "out.mp4"

    written = rewrite(footage, out, speech, keep_original_db=-12.0)
    heard = read_speech(out, 16_000).samples

    def level(part: Any, hz: float) -> float:
        wave = np.exp(2j * np.pi * hz * np.arange(len(part)) / 16_000)
        return float(2 * abs(np.vdot(wave, part)) / len(part))

    assert written.audio == "encoded"
    assert level(heard[2000:14_000], 200) == pytest.approx(0.5 * 10 ** (-12 / 20), rel=0.05)
    assert level(heard[2000:14_000], 1000) == pytest.approx(0.25, rel=0.05)
    assert level(heard[18_000:23_000], 200) < 0.01  # it ends with its source


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
def test_rotated_footage_looks_the_same_when_written(
    make_video: Any, tmp_path: Path, rotation: int, mirrored: bool, ending: str
):
    footage = open_footage(make_video(n=2, rotation_ccw_deg=rotation, mirrored=mirrored))
    out = tmp_path / f"out.{ending}"

    rewrite(footage, out, crf=4)

    for before, after in zip(footage.frames(), open_footage(out).frames(), strict=True):
        for plane, wanted in zip(after.planes, before.planes, strict=True):
            assert plane.shape == wanted.shape
            assert np.abs(plane.astype(int) - wanted).mean() < 2


@pytest.mark.parametrize(
    ("pixel_format", "size"),
    [
        ("yuv420p", (192, 108)),
        ("yuv422p", (192, 108)),
        ("yuv444p", (192, 108)),
        ("yuvj420p", (192, 108)),
        ("yuv420p10le", (192, 108)),
        ("yuv422p10le", (192, 108)),
        ("yuv444p10le", (192, 108)),
        ("yuv444p", (193, 109)),
    ],
)
def test_size_and_pixel_format_stay(make_video: Any, read_number: Any, tmp_path: Path, pixel_format: str, size: Any):
    footage = open_footage(make_video(n=6, pixel_format=pixel_format, size=size))
    out = tmp_path / "out.mp4"

    written = rewrite(footage, out)
    video = probe(out).video
    assert video is not None

    assert (video.pixel_format, video.width_px, video.height_px) == (pixel_format, *size)
    assert written.notes == ()
    assert numbers(out, read_number) == list(range(6))


def test_odd_sizes_stay_by_way_of_full_chroma(make_video: Any, read_number: Any, tmp_path: Path):
    footage = open_footage(make_video("odd.mkv", n=4, size=(193, 109), codec="ffv1", pixel_format="yuv420p"))
    out = tmp_path / "out.mp4"

    written = rewrite(footage, out)
    video = probe(out).video
    assert video is not None

    assert (video.width_px, video.height_px, video.pixel_format) == (193, 109, "yuv444p")
    assert "odd" in written.notes[0]
    assert numbers(out, read_number) == list(range(4))


@pytest.mark.parametrize("pixel_format", ["gray", "yuv420p12le", "yuva420p", "bgr0", "yuv440p"])
def test_what_the_encoder_does_not_take_is_brought_to_the_nearest_and_told(
    make_video: Any, read_number: Any, tmp_path: Path, pixel_format: str
):
    footage = open_footage(make_video("x.mkv", n=4, codec="ffv1", pixel_format=pixel_format))
    out = tmp_path / "out.mp4"

    written = rewrite(footage, out)

    assert numbers(out, read_number) == list(range(4))
    wanted = {
        "gray": "gray",
        "yuv420p12le": "yuv420p12le",
        "yuva420p": "yuv420p",
        "bgr0": "yuv420p",  # RGB may lose what players do not show
        "yuv440p": "yuv444p",
    }[pixel_format]
    assert written.pixel_format == wanted
    assert bool(written.notes) == (pixel_format in ("yuva420p", "yuv440p", "bgr0"))


def test_colour_aspect_and_interlacing_stay(make_video: Any, tmp_path: Path):
    for ending in ("mp4", "mkv", "mov"):
        footage = open_footage(
            make_video(n=3, colour=(2, 9, 16, 9), aspect=Fraction(4, 3), interlaced=True, pixel_format="yuv420p10le")
        )
        out = tmp_path / f"out.{ending}"
        rewrite(footage, out)
        before, after = footage.info.video, probe(out).video
        assert before is not None
        assert after is not None

        assert after.colour == before.colour
        assert after.sample_aspect == before.sample_aspect == Fraction(4, 3)
        assert after.is_interlaced == before.is_interlaced is True


@pytest.mark.parametrize(("codec", "ending"), [("h264", "mkv"), ("vp9", "mkv"), ("av1", "webm"), ("vp9", "mp4")])
def test_the_shape_of_pixels_stays_or_its_loss_is_told(make_video: Any, tmp_path: Path, codec: Any, ending: str):
    footage = open_footage(make_video(n=2, aspect=Fraction(4, 3)))
    out = tmp_path / f"out.{ending}"

    written = rewrite(footage, out, codec=codec)
    video = probe(out).video
    assert video is not None

    assert (video.sample_aspect == Fraction(4, 3)) != any("pixels are 4:3" in note for note in written.notes)


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="only Linux tells how urgent a thread is")
def test_av1_is_no_more_urgent_than_all_else_on_the_machine(make_video: Any, tmp_path: Path):
    footage = open_footage(make_video(n=24))
    video, seen = footage.info.video, set[int]()
    assert video is not None

    def watched() -> Iterator[VideoFrame]:
        for frame in footage.play(range(24)):
            yield frame
            # before that the encoder may be opening still, in another thread, and is as urgent as it makes itself
            for task in Path("/proc/self/task").iterdir() if frame.index >= 12 else ():
                with contextlib.suppress(ProcessLookupError):  # it has ended
                    seen.add(os.sched_getscheduler(int(task.name)))

    write_video(
        tmp_path / "out.mp4", watched(), footage.info, duration_s=video.duration_s, audio=AudioPlan(None), codec="av1"
    )

    assert seen == {os.SCHED_OTHER}


@pytest.mark.parametrize(
    ("codec", "ending", "pixel_format", "wanted"),
    [
        ("h264", "mp4", "yuv420p", "yuv420p"),
        ("h265", "mp4", "yuv420p10le", "yuv420p10le"),
        ("h265", "mkv", "yuv422p", "yuv422p"),
        ("av1", "mp4", "yuv420p", "yuv420p"),
        ("av1", "webm", "yuv420p10le", "yuv420p10le"),
        ("vp9", "webm", "yuv420p", "yuv420p"),
        ("prores", "mov", "yuv422p10le", "yuv422p10le"),
        ("prores", "mov", "yuv444p10le", "yuv444p12le"),
        ("auto", "webm", "yuv420p", "yuv420p"),
    ],
)
def test_codecs_by_choice(
    make_video: Any, make_sound: Any, clicks: Any, read_number: Any, tmp_path: Path,
    codec: Any, ending: str, pixel_format: str, wanted: str,
):  # fmt: skip
    footage = open_footage(make_video("x.mkv", n=12, codec="ffv1", pixel_format=pixel_format))
    out = tmp_path / f"out.{ending}"

    rewrite(footage, out, make_sound("s.wav", clicks(0.48, 48_000), rate_hz=48_000), codec=codec)
    info = probe(out)
    assert info.video is not None

    assert info.video.codec == {"h265": "hevc", "auto": "vp9"}.get(codec, codec)
    assert (info.video.pixel_format, info.video.n_frames, info.video.fps) == (wanted, 12, 25)
    assert numbers(out, read_number) == list(range(12))
    assert len(info.audio) == 1


@pytest.mark.parametrize(
    ("pixel_format", "is_full", "codec", "ending", "luma"),
    [
        ("yuv422p10le", True, "prores", "mov", 16 + 219 * 40 / 255),  # ProRes has no word for the full range
        ("yuv422p10le", False, "prores", "mov", 40),
        ("gray", True, "prores", "mov", 16 + 219 * 40 / 255),
        ("gray", False, "prores", "mov", 40),
        ("gray10le", False, "prores", "mov", 40),
        ("gray10le", False, "vp9", "mkv", 40),
        ("gray10le", True, "vp9", "mkv", 40),
    ],
)
def test_a_written_value_means_what_it_meant_in_the_footage(
    make_video: Any, tmp_path: Path, pixel_format: str, is_full: bool, codec: Any, ending: str, luma: float
):
    colour = (2 if is_full else 1, 1, 1, 1)
    footage = open_footage(make_video("x.mkv", n=2, codec="ffv1", pixel_format=pixel_format, colour=colour))
    out = tmp_path / f"out.{ending}"

    def made() -> Iterator[VideoFrame]:
        for frame in footage.frames():
            for plane, value in zip(frame.planes, (40, 128, 128), strict=False):
                plane[:] = value << (frame.bits - 8)
            yield frame

    write_video(out, made(), footage.info, duration_s=Fraction(2, 25), audio=SILENT, codec=codec, crf=4)
    frame = next(open_footage(out).frames())

    assert float(frame.planes[0].mean()) / (1 << (frame.bits - 8)) == pytest.approx(luma, abs=0.6)
    assert (frame.colour.is_full_range, frame.colour.primaries) == (is_full and codec != "prores", 1)


def test_alpha_stays_where_the_codec_has_it(make_video: Any, tmp_path: Path):
    footage = open_footage(make_video("x.mov", n=2, codec="prores_ks", pixel_format="yuva444p10le"))
    out = tmp_path / "out.mov"

    rewrite(footage, out, codec="prores")

    assert len(next(open_footage(out).frames()).planes) == 4


def test_an_edit_in_place_is_what_gets_encoded(make_video: Any, tmp_path: Path):
    for rotation in (0, 90):
        footage = open_footage(make_video(n=8, rotation_ccw_deg=rotation))

        def edited(film: MediaFootage = footage) -> Iterator[VideoFrame]:
            for frame in film.frames():
                frame.planes[0][50:60, 20:40] = 200
                frame.planes[1][25:30, 10:20] = 90
                yield frame

        out = tmp_path / "out.mp4"
        write_video(out, edited(), footage.info, duration_s=Fraction(8, 25), audio=SILENT, crf=4)

        for frame, before in zip(open_footage(out).frames(), footage.frames(), strict=True):
            assert abs(float(frame.planes[0][52:58, 24:36].mean()) - 200) < 3
            assert abs(float(frame.planes[1][26:29, 12:18].mean()) - 90) < 3
            assert np.abs(frame.planes[0][70:90].astype(int) - before.planes[0][70:90]).mean() < 2


def test_frames_of_ones_own_making_are_encoded_too(make_video: Any, tmp_path: Path):
    """An engine may replace the planes, or make a frame from nothing."""
    for rotation in (0, 90):
        footage = open_footage(make_video(n=4, rotation_ccw_deg=rotation))
        video = footage.info.video
        assert video is not None

        def made(film: MediaFootage = footage, bits: int = video.bits) -> Iterator[VideoFrame]:
            for frame in film.frames(writable=False):
                planes = tuple(np.full_like(plane, 100 + 20 * k) for k, plane in enumerate(frame.planes))
                if frame.index % 2:
                    frame.planes = planes
                    yield frame
                else:
                    yield VideoFrame(planes, frame.index, frame.time_s, bits, frame.colour)

        out = tmp_path / "out.mp4"
        write_video(out, made(), footage.info, duration_s=Fraction(4, 25), audio=SILENT)

        for frame in open_footage(out).frames():
            assert frame.planes[0].shape == (video.height_px, video.width_px)
            assert [round(float(plane.mean())) for plane in frame.planes] == pytest.approx([100, 120, 140], abs=1)


@pytest.mark.parametrize("codec", ["h264", "h265", "vp9", "prores"])
def test_encoders_that_look_ahead_never_see_memory_used_again(
    make_video: Any, read_number: Any, tmp_path: Path, codec: Any
):
    """One buffer serves all frames; an encoder with a queue must have its own copy or hold on to it."""
    footage = open_footage(make_video("x.mkv", n=70, size=(96, 64), codec="ffv1"))
    out = tmp_path / ("out.mov" if codec == "prores" else "out.mkv")

    def frames() -> Iterator[VideoFrame]:
        for frame in footage.frames():
            yield frame
            frame.planes[0][:] = 0  # as a pool that is too eager would do

    # with more threads a frame may wait for the encoder, and is its until then
    write_video(
        out, frames(), footage.info, duration_s=Fraction(70, 25), audio=SILENT, codec=codec, preset="medium", threads=1
    )

    assert numbers(out, read_number) == list(range(70))


def test_the_sources_kind_of_frames_is_not_forced_on_the_encoder(make_video: Any, tmp_path: Path):
    """Each frame of this source is a key frame; as many in the output would waste ten times the space."""
    footage = open_footage(make_video("x.mkv", n=40, codec="ffv1"))
    out = tmp_path / "out.mp4"
    write_video(
        out, footage.frames(writable=False), footage.info, duration_s=Fraction(8, 5), audio=SILENT, preset="veryfast"
    )

    with av.open(str(out)) as container:
        assert sum(packet.is_keyframe for packet in container.demux(video=0) if packet.size) == 1


def test_a_finished_file_can_be_played_while_it_loads(make_video: Any, tmp_path: Path):
    out = tmp_path / "out.mp4"
    rewrite(open_footage(make_video(n=5)), out)

    content = out.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    assert out.stat().st_mode & 0o777 == 0o666 & ~current_umask()


def current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_the_mask_of_new_files_is_kept_to_and_never_touched(
    film: MediaFootage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It belongs to the whole process: what other threads create meanwhile would be open to everybody."""
    before = os.umask(0o027)
    try:
        with monkeypatch.context() as patched:
            patched.delattr(os, "umask")
            rewrite(film, tmp_path / "out.mp4")
    finally:
        os.umask(before)

    assert (tmp_path / "out.mp4").stat().st_mode & 0o777 == 0o640


def left_in(folder: Path, *but: str) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name not in but)


@pytest.fixture
def film(make_video: Any) -> MediaFootage:
    return open_footage(make_video(n=10))


def test_a_cancel_leaves_nothing_and_keeps_the_old_file(film: MediaFootage, tmp_path: Path):
    out = tmp_path / "out.mp4"
    out.write_bytes(b"what was there before")

    def frames() -> Iterator[VideoFrame]:
        for frame in film.frames():
            if frame.index == 7:
                raise Cancelled
            yield frame

    with pytest.raises(Cancelled):
        write_video(out, frames(), film.info, duration_s=Fraction(2, 5), audio=SILENT)

    assert out.read_bytes() == b"what was there before"
    assert left_in(tmp_path) == ["footage.mp4", "out.mp4"]


@pytest.mark.parametrize("letter", ["話", "𝄞", "a"])
def test_a_name_as_long_as_the_file_system_takes_is_written(film: MediaFootage, tmp_path: Path, letter: str):
    out = tmp_path / (letter * (250 // len(letter.encode())) + ".mp4")

    write_video(out, film.frames(), film.info, duration_s=Fraction(2, 5), audio=SILENT)

    assert left_in(tmp_path, "footage.mp4") == [out.name]


def test_what_cannot_be_written_is_refused_with_nothing_left(film: MediaFootage, tmp_path: Path, make_sound: Any):
    def write(path: Path, **how: Any) -> None:
        write_video(path, film.frames(), film.info, duration_s=Fraction(2, 5), audio=SILENT, **how)

    with pytest.raises(UnsupportedOutput, match=r"\.xyz"):
        write(tmp_path / "out.xyz")
    with pytest.raises(UnsupportedOutput):
        write(tmp_path / "out")
    with pytest.raises(UnsupportedOutput, match="webm"):
        write(tmp_path / "out.webm", codec="h264")
    with pytest.raises(UnsupportedOutput, match="encoder refuses"):
        write(tmp_path / "out.mp4", preset="no-such-preset")
    with pytest.raises(OutputNotWritable):
        write(tmp_path / "nowhere" / "out.mp4")
    with pytest.raises(OutputNotWritable):
        write(film.info.path / "out.mp4")  # its folder is a file
    with pytest.raises(OutputNotWritable):
        write(Path("/proc/out.mp4"))
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(OutputNotWritable, match="folder"):
        write(tmp_path / "folder.mp4")
    with pytest.raises(ValueError, match="not one frame"):
        write_video(tmp_path / "out.mp4", [], film.info, duration_s=Fraction(1), audio=SILENT)

    assert left_in(tmp_path) == ["folder.mp4", "footage.mp4"]


@pytest.mark.parametrize("is_there", [True, False])
def test_a_link_stays_and_what_it_leads_to_is_written(is_there: bool, tmp_path: Path):
    (tmp_path / "other").mkdir()
    target, link = tmp_path / "other" / "kept.mp4", tmp_path / "link.mp4"
    link.symlink_to(target)
    if is_there:
        target.write_bytes(b"old")

    check_place(link)
    with in_place_of(link) as part:
        part.write_bytes(b"new")

    assert link.readlink() == target
    assert target.read_bytes() == b"new"
    assert left_in(tmp_path / "other") == ["kept.mp4"]


def test_a_link_into_a_folder_that_is_not_there_is_told_beforehand(tmp_path: Path):
    (tmp_path / "link.mp4").symlink_to(tmp_path / "nowhere" / "out.mp4")

    with pytest.raises(OutputNotWritable):
        check_place(tmp_path / "link.mp4")


def n_files_open() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


def test_a_header_that_is_refused_leaves_no_file_open(make_sound: Any, clicks: Any, tmp_path: Path):
    speech = make_sound("phone.mp3", clicks(0.5, 8_000), rate_hz=8_000)

    def refused() -> None:
        with in_place_of(tmp_path / "out.mp4") as part, ExitStack() as stack:
            out = open_output(part, "mp4", stack)
            out.add_stream_from_template(stack.enter_context(av.open(str(speech))).streams.audio[0])
            out.start_encoding()

    n_open = n_files_open()
    for _ in range(3):
        with pytest.raises(FFmpegError):
            refused()

    assert n_files_open() == n_open
    assert left_in(tmp_path) == ["phone.mp3"]


def test_frames_that_do_not_advance_are_a_bug_that_is_seen(film: MediaFootage, tmp_path: Path):
    with pytest.raises(ValueError, match="must increase"):
        write_video(tmp_path / "out.mp4", film.play([3, 2]), film.info, duration_s=Fraction(2, 25), audio=SILENT)


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_a_full_disk_is_told_and_the_partial_file_removed(make_video: Any, tmp_path: Path, ending: str):
    """For real: a child may write no file larger than 20 kB; the kernel refuses the rest."""
    source = make_video("noise.mkv", n=40, size=(320, 240), codec="ffv1")
    folder = tmp_path / "small"
    folder.mkdir()
    code = textwrap.dedent(
        f"""
        import resource, signal, sys
        from fractions import Fraction
        from pathlib import Path
        from lipwright.core.errors import DiskFull
        from lipwright.media import AudioPlan, open_footage, write_video
        film = open_footage(Path({str(source)!r}))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        out = Path({str(folder)!r}) / "out.{ending}"
        try:
            write_video(out, film.frames(), film.info, duration_s=Fraction(8, 5), audio=AudioPlan(None), crf=5)
        except DiskFull as exc:
            print(exc.code)
        """
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120)

    assert done.stdout.strip() == "disk_full"
    assert left_in(folder) == []


def test_a_disk_that_fills_up_at_the_very_end_is_noticed(
    film: MediaFootage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(self: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(DiskFull):
        write_video(tmp_path / "out.mp4", film.frames(), film.info, duration_s=Fraction(2, 5), audio=SILENT)

    assert left_in(tmp_path) == ["footage.mp4"]


def test_written_times_of_a_long_ntsc_video_do_not_drift(tmp_path: Path, make_video: Any):
    """2,000 frames at 30000/1001: a rate rounded to 29.97 or 30 would be off by frames."""
    fps = Fraction(30000, 1001)
    footage = open_footage(make_video(n=2, fps=fps, size=(64, 48)))

    def frames() -> Iterator[VideoFrame]:
        for k, frame in enumerate(footage.play([k % 2 for k in range(2000)])):
            frame.time_s = k / fps
            yield frame

    out = tmp_path / "out.mp4"
    write_video(out, frames(), footage.info, duration_s=2000 / fps, audio=SILENT, preset="ultrafast")
    video = probe(out).video
    assert video is not None

    assert (video.fps, video.n_frames, video.duration_s) == (fps, 2000, 2000 / fps)


@pytest.mark.clips
def test_real_footage_and_speech(clips: Path, tmp_path: Path):
    footage = open_footage(clips / "video" / "vr_4.mp4")
    for name, how in (("ls_demo1.mp3", "copied"), ("ls_demo1.flac", "copied")):
        speech = clips / "speech" / name
        out = tmp_path / "out.mp4"

        written = rewrite(footage, out, speech)
        info = probe(out)
        assert info.video is not None

        assert written.audio == how
        assert info.video.fps == 30
        assert abs(info.video.duration_s - speech_duration(out)) < Fraction(1, 30)
        heard, wanted = read_speech(out).samples, read_speech(speech).samples
        n = min(len(heard), len(wanted))
        assert np.array_equal(heard[:n], wanted[:n])


def test_times_of_packets_always_increase(make_video: Any, make_sound: Any, clicks: Any, tmp_path: Path):
    out = tmp_path / "out.mp4"
    rewrite(
        open_footage(make_video(n=30)), out, make_sound("s.m4a", clicks(1.0, 44_100), rate_hz=44_100), preset="medium"
    )

    with av.open(str(out)) as container:
        for stream in container.streams:
            dts = [packet.dts for packet in container.demux(stream) if packet.dts is not None]
            assert all(a < b for a, b in pairwise(dts))
            container.seek(0)


def info_without_path(info: SourceInfo) -> tuple[Any, ...]:
    return info.container, info.video, info.audio


def test_the_same_frames_give_the_same_file(make_video: Any, make_sound: Any, clicks: Any, tmp_path: Path):
    footage = open_footage(make_video(n=20))
    speech = make_sound("s.wav", clicks(0.8, 16_000))
    one, two = tmp_path / "one.mp4", tmp_path / "two.mp4"

    rewrite(footage, one, speech, threads=1)
    rewrite(footage, two, speech, threads=1)

    assert one.read_bytes() == two.read_bytes()
    assert info_without_path(probe(one)) == info_without_path(probe(two))


def dressed(
    plain: Path,
    path: Path,
    *,
    chapters_ms: dict[str, tuple[int, int]],
    lines_ms: dict[str, tuple[int, int]],
    is_forced: bool = False,
) -> Path:
    """The picture of `plain`, with titles, chapters and subtitles at these times, as Matroska."""
    from av.stream import Disposition

    ms = Fraction(1, 1000)
    with av.open(str(plain)) as source, av.open(str(path), "w") as opened:
        into: Any = opened
        into.metadata.update({"title": "Two chairs", "artist": "Somebody"})
        into.set_chapters(
            [
                {"id": k, "start": start, "end": stop, "time_base": ms, "metadata": {"title": title}}
                for k, (title, (start, stop)) in enumerate(chapters_ms.items(), start=1)
            ]
        )
        picture = into.add_stream_from_template(source.streams.video[0])
        text = into.add_mux_stream("subrip")
        text.time_base = ms
        if is_forced:
            text.disposition = Disposition.default | Disposition.forced
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = picture
                into.mux(packet)
        for line, (start, stop) in lines_ms.items():
            packet = av.Packet(line.encode())
            packet.pts = packet.dts = start
            packet.duration, packet.time_base, packet.stream = stop - start, ms, text
            into.mux(packet)
    return path


def lines_of(path: Path) -> dict[str, tuple[float, float]]:
    """The written lines, and from when to when each is shown, s; empty ones (the pauses of MP4) are not among them."""
    import av

    spans: dict[str, tuple[float, float]] = {}
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.size and packet.pts is not None and packet.stream.type == "subtitle":
                # MP4 tells the length of a text before it, in two bytes
                text = bytes(packet)[2:] if path.suffix in (".mp4", ".mov") else bytes(packet)
                start_s = float(packet.pts * packet.time_base)
                stop_s = start_s + float((packet.duration or 0) * packet.time_base)
                spans[text.decode().strip()] = (round(start_s, 3), round(stop_s, 3))
    return {line: span for line, span in spans.items() if line}


def chapters_of(path: Path) -> dict[str, tuple[float, float]]:
    """From when to when each chapter is, s."""
    import av

    with av.open(str(path)) as opened:
        container: Any = opened
        return {
            chapter["metadata"]["title"]: (
                float(chapter["start"] * chapter["time_base"]),
                float(chapter["end"] * chapter["time_base"]),
            )
            for chapter in container.chapters()
        }


@pytest.mark.parametrize("ending", ["mkv", "mp4", "mov", "webm"])
def test_tags_chapters_and_subtitles_are_taken_over(make_video: Any, tmp_path: Path, ending: str):
    import av

    out, half = tmp_path / f"out.{ending}", Fraction(1, 2)
    rich = dressed(
        make_video("plain.mkv", n=50),
        tmp_path / "rich.mkv",
        chapters_ms={"One": (0, 1000), "Two": (1000, 1900)},
        lines_ms={"good day": (250, 750), "good night": (1250, 1750)},
    )

    footage = open_footage(rich)
    written = write_video(out, footage.play(range(40)), footage.info, duration_s=Fraction(8, 5), audio=SILENT)

    with av.open(str(out)) as container:
        tags = {key.lower(): text for key, text in container.metadata.items()}
        assert (tags["title"], tags["artist"]) == ("Two chairs", "Somebody")
        chapters = [
            (c["start"] * c["time_base"], c["end"] * c["time_base"]) for c in container.chapters() if c["time_base"]
        ]
        lines = [
            (bytes(p), (p.pts or 0) * p.time_base) for p in container.demux() if p.size and p.stream.type == "subtitle"
        ]
    assert chapters == [(0, 1), (1, Fraction(8, 5))]
    if ending == "mkv":
        assert lines == [(b"good day", half / 2), (b"good night", half / 2 + 1)]
        assert written.notes == ()
    else:
        # of another kind, at the same times; MP4 fills the pauses with empty lines
        said = [(line, at) for line, at in lines if b"good" in line]
        assert [at for _, at in said] == [half / 2, half / 2 + 1]
        assert b"good day" in said[0][0]
        assert "subrip" in written.notes[0]
        # and back again, as players of Matroska know them
        again = tmp_path / "again.mkv"
        write_video(again, open_footage(out).frames(), probe(out), duration_s=Fraction(8, 5), audio=SILENT)
        with av.open(str(again)) as container:
            texts = [(bytes(p), p.pts, p.duration) for p in container.demux() if p.stream.type == "subtitle" and p.size]
        assert [(text.strip(), at, lasts) for text, at, lasts in texts] == [
            (b"good day", 250, 500),
            (b"good night", 1250, 350),  # to the end of the picture, not past it
        ]


@pytest.mark.parametrize("ending", ["mkv", "mp4", "mov", "webm"])
def test_a_line_that_reaches_past_the_end_does_not_lengthen_the_file(make_video: Any, tmp_path: Path, ending: str):
    import av

    out = tmp_path / f"out.{ending}"
    rich = dressed(
        make_video("plain.mkv", n=50),
        tmp_path / "rich.mkv",
        chapters_ms={"One": (0, 9000)},
        lines_ms={"good day": (250, 750), "good night": (1250, 9000)},
    )

    footage = open_footage(rich)
    write_video(out, footage.play(range(40)), footage.info, duration_s=Fraction(8, 5), audio=SILENT)

    assert lines_of(out) == {"good day": (0.25, 0.75), "good night": (1.25, 1.6)}
    with av.open(str(out)) as container:
        # FFmpeg counts pictures and sound where they tell their length, as MP4's do; players count every track
        ends = [
            stream.duration * stream.time_base for stream in container.streams if stream.duration and stream.time_base
        ]
        assert max([Fraction(container.duration or 0, av.time_base), *ends]) == Fraction(8, 5)


@pytest.mark.parametrize("ending", ["mkv", "mp4", "mov", "webm"])
def test_what_began_before_the_first_picture_is_there_from_the_start(make_video: Any, tmp_path: Path, ending: str):
    out = tmp_path / f"out.{ending}"
    rich = dressed(
        make_video("plain.mkv", n=50, ticks=range(2, 52)),  # from 80 ms on, as many recorders write
        tmp_path / "rich.mkv",
        chapters_ms={"Before": (0, 60), "One": (60, 1080), "Two": (1080, 2080)},
        lines_ms={"hush": (0, 80), "good day": (0, 580), "good night": (1080, 1580)},
    )

    rewrite(open_footage(rich), out)

    assert lines_of(out) == {"good day": (0, 0.5), "good night": (1, 1.5)}
    assert chapters_of(out) == {"One": (0, 1), "Two": (1, 2)}


@pytest.mark.parametrize(("ending", "unnamed"), [("mkv", {}), ("mp4", {"": (0, 0.5)}), ("mov", {"": (0, 0.5)})])
def test_a_first_chapter_that_begins_later_keeps_its_time(
    make_video: Any, tmp_path: Path, ending: str, unnamed: dict[str, tuple[float, float]]
):
    out = tmp_path / f"out.{ending}"
    rich = dressed(
        make_video("plain.mkv", n=50),
        tmp_path / "rich.mkv",
        chapters_ms={"One": (500, 1000), "Two": (1000, 2000)},
        lines_ms={},
    )

    rewrite(open_footage(rich), out)

    assert chapters_of(out) == {"One": (0.5, 1), "Two": (1, 2), **unnamed}


@pytest.mark.parametrize("ending", ["mkv", "mp4", "mov", "webm"])
def test_subtitles_that_are_shown_unasked_still_are(make_video: Any, tmp_path: Path, ending: str):
    import av
    from av.stream import Disposition

    out = tmp_path / f"out.{ending}"
    rich = dressed(
        make_video("plain.mkv", n=25), tmp_path / "rich.mkv", chapters_ms={}, lines_ms={"hm": (0, 500)}, is_forced=True
    )

    rewrite(open_footage(rich), out)

    with av.open(str(out)) as container:
        shown = container.streams.subtitles[0].disposition
    assert Disposition.default in shown
    assert (Disposition.forced in shown) == (ending != "mov")  # which has no word for it
