"""Frames out of files: the right ones, at their exact times, in any order, safe to edit."""

from __future__ import annotations

import errno
import random
import subprocess
import sys
import textwrap
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from av.stream import Disposition

from lipwright.core.errors import MediaNotFound, NoVideo, UnreadableMedia
from lipwright.core.media import VideoFrame
from lipwright.core.plan import plan_frames
from lipwright.media import footage as footage_module
from lipwright.media import open_footage, probe, read_speech
from lipwright.media.timing import constant_rate, n_missing, timing


@pytest.fixture
def number_of(request: pytest.FixtureRequest) -> Callable[[VideoFrame], int]:
    read: Callable[[Any, int], int] = request.getfixturevalue("read_number")
    return lambda frame: read(frame.planes[0], frame.bits)


RATES = [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(60), Fraction(12)]


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov"])
@pytest.mark.parametrize("fps", RATES)
def test_a_constant_rate_is_found_exactly_whatever_the_containers_clock(
    make_video: Any, number_of: Any, fps: Fraction, ending: str
):
    path = make_video(f"a.{ending}", n=40, fps=fps)
    footage = open_footage(path)
    video = footage.info.video
    assert video is not None

    frames = [(number_of(frame), frame.index, frame.time_s) for frame in footage.frames()]

    assert (video.fps, video.is_vfr, video.n_frames, video.duration_s) == (fps, False, 40, 40 / fps)
    assert frames == [(k, k, k / fps) for k in range(40)]


def test_an_even_rate_that_nobody_uses_is_a_fraction_that_fits_into_files():
    clock = Fraction(1, 1_000_000)
    ticks = np.array([round(k * Fraction(75_794_137, 2199)) for k in range(2200)])

    rate = constant_rate(ticks, clock, [])

    assert rate is not None
    assert max(rate.numerator, rate.denominator) < 2**31  # one over it is the clock of what is written
    assert all(abs(k / rate - int(tick) * clock) <= clock for k, tick in enumerate(ticks))


def test_a_varying_rate_keeps_the_containers_times(make_video: Any, number_of: Any):
    ticks = [0, 3, 4, 10, 11, 12, 30, 31, 45, 46]
    footage = open_footage(make_video(n=10, ticks=ticks, time_base=Fraction(1, 90)))
    video = footage.info.video
    assert video is not None

    times = [frame.time_s for frame in footage.frames()]

    assert video.is_vfr
    assert times == [Fraction(tick, 90) for tick in ticks]
    assert video.times_s == tuple(times)


@pytest.mark.parametrize(("jitter", "is_vfr"), [(7, True), (0, False)])
def test_a_last_picture_that_stands_for_long_does_so_or_that_is_told(tmp_path: Path, jitter: int, is_vfr: bool):
    import av

    path = tmp_path / "screen.mkv"
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("ffv1", rate=10, width=64, height=48, pix_fmt="yuv420p")
        for k in range(20):
            picture = av.VideoFrame(64, 48, "yuv420p")
            picture.pts = k
            for packet in stream.encode(picture):
                packet.time_base = Fraction(1, 1000)
                packet.pts = packet.dts = 100 * k + jitter * (k % 3)
                packet.duration = 100 if k < 19 else 8000
                out.mux(packet)

    info = probe(path)

    assert info.video is not None
    assert info.video.is_vfr == is_vfr
    assert float(info.video.duration_s) == pytest.approx(9.907 if is_vfr else 2, abs=0.002)
    assert any("should stand for 8.0 s" in note for note in info.notes) != is_vfr


def test_the_length_of_the_last_frame_is_believed_as_far_as_the_file_lasts():
    ticks = np.array([0, 100, 207, 300, 407, 500])

    def lasts(last: int, end: int | None) -> int:
        return round(timing(ticks, Fraction(1, 1000), (), last, end).duration_s * 1000) - 500

    assert [lasts(130, None), lasts(8000, 8500), lasts(8000, 2000)] == [130, 8000, 1500]
    assert lasts(8000, None) == lasts(8000, 400) == lasts(0, 8500) == 100


def test_a_dropped_frame_does_not_shift_the_ones_after_it(make_video: Any):
    ticks = [*range(20), *range(23, 40)]
    footage = open_footage(make_video(n=37, ticks=ticks, fps=25))

    assert [frame.time_s for frame in footage.frames()] == [Fraction(tick, 25) for tick in ticks]


def test_frames_that_are_lost_are_counted_and_those_too_many_are_not():
    steady = np.arange(60) * 33

    assert n_missing(steady) == 0
    assert n_missing(np.delete(steady, [20, 21, 40])) == 3
    assert n_missing(np.insert(steady, 21, 20 * 33 + 1)) == 0
    assert n_missing(np.insert(np.delete(steady, 40), 21, 20 * 33 + 1)) == 1


def test_of_several_pictures_the_default_one_is_taken_and_the_others_are_told(tmp_path: Path):
    import av

    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as out:
        streams: list[Any] = [
            out.add_stream("ffv1", rate=25, width=64, height=48 + 16 * k, pix_fmt="yuv420p") for k in range(2)
        ]
        streams[0].disposition, streams[1].disposition = Disposition(0), Disposition.default
        for k, stream in enumerate(streams):
            picture = av.VideoFrame(64, 48 + 16 * k, "yuv420p")
            picture.pts = 0
            out.mux([*stream.encode(picture), *stream.encode(None)])

    info = probe(path)

    assert info.video is not None
    assert info.video.height_px == 64
    assert [note for note in info.notes if "has 2 pictures" in note]


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts", "avi"])
def test_b_frames_come_in_order_of_presentation(make_video: Any, number_of: Any, ending: str):
    options = {"preset": "veryfast", "bf": "3", "b-pyramid": "normal", "g": "12"}
    footage = open_footage(make_video(f"b.{ending}", n=40, options=options))

    frames = list(footage.frames())
    video = footage.info.video
    assert video is not None

    assert [number_of(frame) for frame in frames] == list(range(40))
    assert [frame.time_s - video.start_s for frame in frames] == [Fraction(k, 25) for k in range(40)]
    assert (video.fps, video.is_vfr, footage.notes) == (25, False, [])


@pytest.mark.parametrize(
    ("codec", "ending", "pixel_format"),
    [
        ("libx264", "mp4", "yuv420p"),
        ("libx264", "mkv", "yuv422p10le"),
        ("libx265", "mp4", "yuv420p10le"),
        ("libvpx-vp9", "webm", "yuv420p"),
        ("libvpx", "webm", "yuv420p"),
        ("libsvtav1", "mp4", "yuv420p"),
        ("mpeg4", "avi", "yuv420p"),
        ("libx264", "ts", "yuv420p"),
        ("libx264", "avi", "yuv420p"),
        ("prores_ks", "mov", "yuv422p10le"),
        ("mjpeg", "mkv", "yuvj420p"),
    ],
)
def test_any_order_gives_the_same_pictures_as_streaming(
    make_video: Any, number_of: Any, codec: str, ending: str, pixel_format: str
):
    n = 45
    options = {"g": "10", "bf": "2", "preset": "veryfast"} if codec == "libx264" else {"g": "10"}
    if codec == "libx265":
        options = {"preset": "ultrafast", "x265-params": "keyint=10:log-level=none"}
    if codec == "libsvtav1":
        options = {"preset": "10", "g": "40"}  # long enough for its pyramid of pictures that others lean on
    footage = open_footage(make_video(f"any.{ending}", n=n, codec=codec, pixel_format=pixel_format, options=options))
    straight = [frame.planes[0].copy() for frame in footage.frames()]
    numbers = [number_of(frame) for frame in footage.frames()]
    assert numbers == list(range(n))

    bounce = [*range(n), *range(n - 2, -1, -1), *range(1, n)]
    loop = [*range(n), *range(n)]
    freeze = [*range(n), *[n - 1] * 20]
    remap = [k * n // 100 for k in range(100)]
    anyhow = random.Random(7).choices(range(n), k=60)
    for order in (bounce, loop, freeze, remap, anyhow, [n - 1], [0]):
        k = 0
        for k, frame in enumerate(footage.play(order), start=1):
            wanted = order[k - 1]
            assert frame.index == wanted
            assert np.array_equal(frame.planes[0], straight[wanted])
            frame.planes[0][:] = 7  # what one does to a frame must not be seen when it comes again
        assert k == len(order)


@pytest.mark.parametrize(("codec", "ending"), [("libx264", "mkv"), ("libx265", "mkv"), ("libx264", "avi")])
def test_open_groups_of_pictures_are_entered_rightly(make_video: Any, codec: str, ending: str):
    """Pictures shown before a key frame but decoded after it lean on the group before."""
    params = "open-gop=1:keyint=10:min-keyint=10:bframes=4:scenecut=0" + (
        ":log-level=none" if codec == "libx265" else ""
    )
    options = {"preset": "veryfast", f"{codec[3:]}-params": params}
    footage = open_footage(make_video(f"open.{ending}", n=45, codec=codec, options=options))
    straight = [frame.planes[0].copy() for frame in footage.frames()]

    for index in (18, 19, 20, 9, 10, 31, 29, 44, 0):
        [frame] = footage.play([index])
        assert np.array_equal(frame.planes[0], straight[index])


def test_editing_every_frame_heavily_harms_no_later_one(make_video: Any):
    options = {"g": "250", "bf": "3", "refs": "4", "preset": "veryfast", "b-pyramid": "normal"}
    footage = open_footage(make_video(n=50, options=options))
    untouched = [[plane.copy() for plane in frame.planes] for frame in footage.frames(writable=False)]

    for frame, planes in zip(footage.frames(), untouched, strict=True):
        for plane, wanted in zip(frame.planes, planes, strict=True):
            assert np.array_equal(plane, wanted)
            plane[:] = 0


def test_frames_that_are_kept_are_not_overwritten_by_later_ones(make_video: Any, number_of: Any):
    kept = list(open_footage(make_video(n=30)).frames())

    assert [number_of(frame) for frame in kept] == list(range(30))


def test_a_plane_keeps_its_picture_alive_without_its_frame(make_video: Any, read_number: Any):
    kept = [frame.planes[0][:, 4:][:, ::1] for frame in open_footage(make_video(n=20)).frames()]

    first = [int(plane[40, 40]) for plane in kept]
    again = [int(frame.planes[0][40, 44]) for frame in open_footage(make_video(n=20)).frames(writable=False)]
    assert first == again


def test_a_look_without_writing_gives_planes_that_cannot_be_written(make_video: Any):
    for frame in open_footage(make_video(n=3)).frames(writable=False):
        with pytest.raises(ValueError, match="read-only"):
            frame.planes[0][0, 0] = 1


def test_memory_is_used_again_instead_of_allocated_anew(make_video: Any):
    addresses = {frame.planes[0].__array_interface__["data"][0] for frame in open_footage(make_video(n=40)).frames()}

    assert len(addresses) <= 3


def test_backward_play_holds_no_more_than_a_window(make_video: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(footage_module, "WINDOW_BYTES", 1)
    monkeypatch.setattr(footage_module, "MIN_WINDOW", 8)
    asked: list[tuple[int, int]] = []
    read = footage_module._Cursor.read

    def noted(self: Any, low: int, high: int) -> Any:
        asked.append((low, high))
        return read(self, low, high)

    monkeypatch.setattr(footage_module._Cursor, "read", noted)
    footage = open_footage(make_video(n=40, options={"g": "250"}))

    order = range(39, -1, -1)
    assert [frame.index for frame in footage.play(order)] == list(order)
    assert max(high - low + 1 for low, high in asked) == 8
    assert len(asked) == 5


@pytest.mark.parametrize(("ccw", "clockwise"), [(0, 0), (90, 270), (180, 180), (-90, 90)])
@pytest.mark.parametrize("mirrored", [False, True])
def test_rotated_footage_comes_upright(make_video: Any, ccw: int, clockwise: int, mirrored: bool):
    plain = next(open_footage(make_video("plain.mp4", n=1)).frames())
    footage = open_footage(make_video("turned.mp4", n=1, rotation_ccw_deg=ccw, mirrored=mirrored))
    turned = next(footage.frames())
    video = footage.info.video
    assert video is not None

    wanted = [np.rot90(plane, -clockwise // 90) for plane in plain.planes]
    if mirrored:
        wanted = [plane[:, ::-1] for plane in wanted]
    assert (video.rotation_deg, video.is_mirrored) == (clockwise, mirrored)
    assert (video.width_px, video.height_px) == (turned.width_px, turned.height_px) == wanted[0].shape[::-1]
    for plane, want in zip(turned.planes, wanted, strict=True):
        assert np.array_equal(plane, want)


@pytest.mark.parametrize(
    ("pixel_format", "bits", "step"),
    [
        ("yuv420p", 8, (2, 2)),
        ("yuv422p", 8, (2, 1)),
        ("yuv444p", 8, (1, 1)),
        ("yuvj420p", 8, (2, 2)),
        ("yuv420p10le", 10, (2, 2)),
        ("yuv422p10le", 10, (2, 1)),
        ("yuv444p10le", 10, (1, 1)),
    ],
)
def test_pixel_formats_keep_their_depth_and_chroma(
    make_video: Any, number_of: Any, pixel_format: str, bits: int, step: tuple[int, int]
):
    footage = open_footage(make_video(n=5, pixel_format=pixel_format))
    video = footage.info.video
    assert video is not None

    assert (video.pixel_format, video.bits) == (pixel_format, bits)
    for k, frame in enumerate(footage.frames()):
        assert (frame.bits, frame.chroma_step, number_of(frame)) == (bits, step, k)
        assert frame.planes[0].dtype == (np.uint8 if bits == 8 else np.uint16)
        assert int(frame.planes[0].max()) < 1 << bits


@pytest.mark.parametrize(
    ("codec", "ending", "pixel_format", "n_planes", "bits"),
    [
        ("qtrle", "mov", "argb", 4, 8),
        ("png", "mov", "rgb24", 3, 8),
        ("ffv1", "mkv", "gray", 1, 8),
        ("ffv1", "mkv", "gray10le", 1, 10),
        ("ffv1", "mkv", "yuva420p", 4, 8),
        ("ffv1", "mkv", "yuv420p12le", 3, 12),
        ("ffv1", "mkv", "gbrp10le", 3, 10),
        ("rawvideo", "nut", "nv12", 3, 8),
        ("rawvideo", "avi", "yuyv422", 3, 8),
        ("prores_ks", "mov", "yuva444p10le", 4, 12),
    ],
)
def test_other_formats_become_planar(
    make_video: Any, number_of: Any, codec: str, ending: str, pixel_format: str, n_planes: int, bits: int
):
    footage = open_footage(make_video(f"x.{ending}", n=4, codec=codec, pixel_format=pixel_format))

    for k, frame in enumerate(footage.frames()):
        assert (len(frame.planes), frame.bits) == (n_planes, bits)
        assert number_of(frame) == k


def test_rgb_becomes_bt709_limited_range(tmp_path: Path):
    import av

    red, green, blue = 200, 30, 60
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:] = (red, green, blue)
    av.VideoFrame.from_ndarray(picture, "rgb24").save(str(tmp_path / "red.png"))
    frame = next(open_footage(tmp_path / "red.png").frames())

    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    wanted = (
        16 + luma * 219 / 255,
        128 + (blue - luma) / 1.8556 * 224 / 255,
        128 + (red - luma) / 1.5748 * 224 / 255,
    )
    assert [float(plane.mean()) for plane in frame.planes] == pytest.approx(wanted, abs=1.0)
    assert (frame.colour.is_full_range, frame.colour.matrix) == (False, 1)


def test_colour_and_shape_of_pixels_are_told(make_video: Any):
    video = probe(make_video(colour=(2, 9, 16, 9), aspect=Fraction(4, 3))).video
    assert video is not None

    colour = video.colour
    assert (colour.is_full_range, colour.primaries, colour.transfer, colour.matrix) == (True, 9, 16, 9)
    assert video.sample_aspect == Fraction(4, 3)


def test_interlaced_video_is_told(make_video: Any, number_of: Any):
    footage = open_footage(make_video(interlaced=True, options={"x264-params": "interlaced=1"}))
    video = footage.info.video
    assert video is not None

    assert video.is_interlaced
    assert [number_of(frame) for frame in footage.play([2, 2, 1, 0])] == [2, 2, 1, 0]


def test_interlaced_pictures_that_come_later_are_told(make_video: Any, tmp_path: Path):
    options = {"x264-params": "interlaced=1"}
    whole = tmp_path / "whole.ts"
    whole.write_bytes(
        make_video("a.ts", n=6).read_bytes() + make_video("b.ts", n=6, interlaced=True, options=options).read_bytes()
    )
    footage = open_footage(whole, threads=1)

    frames = list(footage.frames(writable=False))

    assert [frame.raw.frame.interlaced_frame for frame in frames[::11]] == [False, True]
    assert any("has interlaced ones later" in note for note in footage.notes)


def test_captions_in_pictures_are_told(make_video: Any, tmp_path: Path):
    import av

    plain, path = make_video("plain.ts", n=4), tmp_path / "captioned.ts"
    words = b"\xb5\x00\x31GA94\x03\xc1\xff\xfc\x94\x2c\xff"
    message = b"\x00\x00\x01\x06\x04" + bytes([len(words)]) + words + b"\x80"
    with av.open(str(plain)) as source, av.open(str(path), "w") as out:
        made = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            content = bytes(packet)
            at = max(content.find(b"\x00\x00\x01\x65"), content.find(b"\x00\x00\x01\x41"))
            if at < 0:
                continue
            captioned = av.Packet(content[:at] + message + content[at:])
            captioned.pts, captioned.dts, captioned.time_base = packet.pts, packet.dts, packet.time_base
            captioned.is_keyframe, captioned.stream = packet.is_keyframe, made
            out.mux(captioned)

    told, untold = ([note for note in probe(one).notes if "captions" in note] for one in (path, plain))

    assert len(told) == 1
    assert untold == []


FIELDS = """
    import sys
    from pathlib import Path
    import numpy as np
    from lipwright.media import open_footage

    def look(frame):
        return [np.array(plane) for plane in frame.planes]

    for path in map(Path, sys.argv[1:]):
        footage = open_footage(path, threads=1)
        seen = [look(frame) for frame in footage.frames(writable=False)]
        n = len(seen)
        order = [*range(n), *range(n - 1, -1, -1), 0, 0]
        for play in (footage.frames, lambda: footage.play(order), lambda: open_footage(path, threads=2).frames()):
            kept = []
            for frame in play():
                assert frame.raw.frame.interlaced_frame
                for mine, there in zip(frame.planes, seen[frame.index], strict=True):
                    assert np.array_equal(mine, there), (path, frame.index)
                    mine[:] = 7  # what is done to one is seen in no other
                kept.append(frame)
            assert len(kept) in (n, len(order))
"""


def test_interlaced_pictures_of_television_come_whole_and_nothing_beside_them_is_written(make_video: Any):
    """In a process of its own, which a write past the end of a picture ends."""
    sizes = {"yuv420p": (720, 576), "yuv422p": (720, 480), "yuv420p10le": (704, 576)}
    paths = [
        make_video(f"{name}.mkv", n=12, size=size, pixel_format=name, interlaced=True) for name, size in sizes.items()
    ]

    child = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FIELDS), *map(str, paths)], capture_output=True, text=True, check=False
    )

    assert (child.returncode, child.stderr) == (0, "")


def test_an_edit_list_hides_what_it_cuts_off(make_video: Any, number_of: Any, tmp_path: Path):
    """A stream copy from frame 13 on: the file starts at key frame 10 and its edit list skips to 13."""
    import av

    whole = make_video("whole.mp4", n=40, options={"g": "10", "bf": "2", "preset": "veryfast"})
    part = tmp_path / "part.mp4"
    with av.open(str(whole)) as source, av.open(str(part), "w") as out:
        stream = source.streams.video[0]
        copy = out.add_stream_from_template(stream)
        assert stream.time_base is not None
        first = round(Fraction(13, 25) / stream.time_base)
        source.seek(first, stream=stream)
        for packet in source.demux(stream):
            if packet.dts is None or packet.pts is None:
                continue
            packet.pts, packet.dts = packet.pts - first, packet.dts - first
            packet.stream = copy
            out.mux(packet)
    footage = open_footage(part)
    video = footage.info.video
    assert video is not None

    frames = [(number_of(frame), frame.index, frame.time_s) for frame in footage.frames()]

    assert frames == [(13 + k, k, Fraction(k, 25)) for k in range(27)]
    assert (video.n_frames, video.fps, video.start_s) == (27, 25, 0)
    assert [number_of(frame) for frame in footage.play([5, 4, 0])] == [18, 17, 13]


def test_sound_that_starts_before_the_picture_moves_the_picture_back(make_video: Any):
    """In transport streams time zero is wherever the first of both begins."""
    sound = np.zeros(48_000, np.float32)
    video = probe(make_video("late.mkv", n=20, ticks=range(10, 30), sound=sound, sound_codec="pcm_s16le")).video
    assert video is not None

    assert video.start_s == Fraction(2, 5)


@pytest.mark.parametrize("rate_hz", [44_100, 48_000])
@pytest.mark.parametrize("name", ["a.ts", "a.flv", "a.mkv", "a.mp4"])
def test_what_an_encoder_puts_before_the_sound_moves_no_picture(make_video: Any, name: str, rate_hz: int):
    """MP4 hides it; elsewhere AAC begins 21 to 48 ms before the picture."""
    clap = np.zeros(rate_hz, np.float32)
    clap[rate_hz // 2 :][:1000] = 0.5 * np.sin(np.arange(1000))
    path = make_video(name, n=25, sound=clap, sound_rate_hz=rate_hz)
    video = probe(path).video
    assert video is not None

    heard = read_speech(path)

    assert video.start_s == 0
    assert plan_frames(video, Fraction(1)).order == tuple(range(25))
    first = int(np.argmax(np.abs(heard.samples) > 0.1))
    assert first / heard.rate_hz == pytest.approx(0.5, abs=0.005)


def test_equal_times_are_moved_apart_and_told(make_video: Any, tmp_path: Path):
    """Two frames of one time, as broken recorders write them."""
    import av

    path = tmp_path / "twice.mkv"
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for k, tick in enumerate([0, 40, 40, 120, 160]):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64), 20 * k, np.uint8), "gray").reformat(format="yuvj420p")
            frame.pts = k
            for packet in stream.encode(frame):
                packet.pts = packet.dts = tick
                packet.time_base = Fraction(1, 1000)
                out.mux(packet)
    footage = open_footage(path)

    frames = list(footage.frames())

    assert len(frames) == 5
    assert all(a.time_s < b.time_s for a, b in pairwise(frames))
    assert any("time of another" in note for note in footage.notes)
    assert [frame.index for frame in footage.play([4, 2, 1])] == [4, 2, 1]


@pytest.mark.parametrize("ending", ["mkv", "ts"])
def test_few_frames_a_second_in_another_order_are_one_recording(make_video: Any, number_of: Any, ending: str):
    """Their packets go back by seconds, and Matroska does not tell when the first ones are decoded."""
    params = "bframes=6:b-pyramid=normal:b-adapt=0:scenecut=0"
    options = {"preset": "veryfast", "x264-params": params}
    footage = open_footage(make_video(f"slow.{ending}", n=20, fps=1, options=options))
    video = footage.info.video
    assert video is not None

    assert (video.fps, video.duration_s, footage.notes) == (1, 20, [])
    assert [number_of(frame) for frame in footage.frames()] == list(range(20))


@pytest.mark.parametrize("n", [40, 50, 62])
def test_recordings_put_together_are_shown_one_after_the_other_beside_their_sound(
    make_video: Any, number_of: Any, clicks: Any, tmp_path: Path, n: int
):
    """Their pictures are shorter, as long and longer than their sound of 2 s."""
    options = {"preset": "ultrafast", "bf": "2", "g": "25"}
    sound = clicks(2.0, 48_000)
    part = make_video("part.ts", n=n, options=options, sound=sound)
    alone = probe(part).video
    assert alone is not None
    first_click_s = float(np.argmax(np.abs(read_speech(part).samples) > 0.4)) / 16_000 - float(alone.start_s)
    whole = tmp_path / "whole.ts"
    whole.write_bytes(part.read_bytes() * 3)
    footage = open_footage(whole)
    promised = footage.info

    shown = [(number_of(frame), frame.time_s) for frame in footage.frames(writable=False)]
    order = [2 * n + 3, 5, n, n - 1, 3 * n - 1, 0]
    played = [number_of(frame) for frame in footage.play(order)]
    loud = np.flatnonzero(np.abs(read_speech(whole).samples) > 0.4) / 16_000

    assert [number for number, _ in shown] == [*range(n)] * 3
    assert played == [index % n for index in order]
    assert all(0.03 < float(b - a) < 1.2 for (_, a), (_, b) in pairwise(shown))
    assert any("shown after the one before" in note for note in footage.notes)
    assert footage.info == promised
    for begins in (0, n, 2 * n):
        expected_s = float(shown[begins][1]) + first_click_s
        assert np.abs(loud - expected_s).min() < 0.03


def damage(path: Path, start: float, stop: float) -> None:
    content = bytearray(path.read_bytes())
    at, end = int(len(content) * start), int(len(content) * stop)
    content[at:end] = random.Random(3).randbytes(end - at)
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
def test_damage_in_mid_file_is_passed_over_and_told(make_video: Any, number_of: Any, ending: str):
    path = make_video(f"hurt.{ending}", n=60, options={"g": "10"})
    damage(path, 0.4, 0.45)
    footage = open_footage(path)

    frames = list(footage.frames())
    video = footage.info.video
    assert video is not None

    assert 40 <= len(frames) <= 60
    assert number_of(frames[0]) == 0
    assert number_of(frames[-1]) == 59
    assert frames[-1].time_s == Fraction(59, 25)
    assert footage.notes
    assert video.n_frames == len(frames)
    assert [frame.index for frame in footage.play([3, 1, len(frames) - 1])] == [3, 1, len(frames) - 1]


@pytest.mark.parametrize("is_hole", [False, True])
def test_who_opens_footage_anew_counts_its_frames_as_who_read_it_all(make_video: Any, number_of: Any, is_hole: bool):
    path = make_video("hurt.mp4", n=60, options={"g": "20"})
    if is_hole:
        damage(path, 0.4, 0.45)
    else:
        path = without_first_packets(path, 5)
    read = open_footage(path, threads=1)
    numbers = [number_of(frame) for frame in read.frames(writable=False)]
    anew = open_footage(path, threads=1)

    anew.settle(len(numbers))

    assert len(numbers) < 60
    assert anew.info.video == read.info.video
    assert not anew.can_jump
    assert [number_of(frame) for frame in anew.play([30, 3])] == [numbers[30], numbers[3]]
    if not is_hole:  # that is seen by its beginning
        assert [number_of(frame) for frame in open_footage(path, threads=1).play([30, 3])] == [numbers[30], numbers[3]]


def without_first_packets(path: Path, n: int) -> Path:
    """As a recording that begins in mid-GOP."""
    import av

    cut = path.with_stem("cut")
    with av.open(str(path)) as source, av.open(str(cut), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in list(source.demux(source.streams.video[0]))[n:]:
            packet.stream = stream
            if packet.size:
                out.mux(packet)
    return cut


@pytest.mark.parametrize(("ending", "is_trusted"), [("mp4", True), ("ts", False)])
def test_frames_are_as_promised_until_damage_comes(make_video: Any, ending: str, is_trusted: bool):
    path = make_video(f"hurt.{ending}", n=60, options={"g": "10"})
    healthy = open_footage(path)
    assert healthy.is_as_promised(Fraction(3)) == is_trusted
    assert len(list(healthy.frames())) == 60
    assert healthy.is_as_promised(Fraction(3)) == is_trusted

    damage(path, 0.4, 0.45)
    for threads in (1, 2):  # with two, frames are decoded before they are asked for
        footage = open_footage(path, threads=threads)
        frames = footage.frames(writable=False)
        assert [next(frames).index for _ in range(10)] == list(range(10))
        assert footage.is_as_promised(Fraction(9, 25)) == is_trusted
        n_left = len(list(frames))

        assert n_left < 50
        assert footage.is_as_promised(Fraction(9, 25)) == is_trusted
        assert not footage.is_as_promised(Fraction(3))


def test_a_file_cut_off_after_its_index_gives_what_is_there(make_video: Any, number_of: Any):
    path = make_video("cut.mp4", n=60, container_options={"movflags": "+faststart"}, options={"g": "10"})
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    footage = open_footage(path)

    numbers = [number_of(frame) for frame in footage.frames()]

    assert 20 <= len(numbers) < 60
    assert numbers[:20] == list(range(20))
    assert footage.notes


def test_a_picture_that_changes_size_is_brought_to_the_first(make_video: Any, number_of: Any, tmp_path: Path):
    one = make_video("one.ts", n=10, options={"g": "10"})
    two = make_video("two.ts", n=10, size=(384, 216), options={"g": "10"})
    both = tmp_path / "both.ts"
    both.write_bytes(one.read_bytes() + two.read_bytes())
    footage = open_footage(both)

    frames = list(footage.frames())

    assert {frame.planes[0].shape for frame in frames} == {(108, 192)}
    assert [number_of(frame) for frame in frames] == [*range(10), *range(10)]
    assert any("changes size" in note for note in footage.notes)


def test_stills_are_video_of_one_frame(tmp_path: Path, make_video: Any, number_of: Any):
    import av

    png = tmp_path / "still.png"
    frame = next(open_footage(make_video(n=6)).play([5]))
    av.VideoFrame.from_ndarray(np.ascontiguousarray(frame.planes[0], np.uint8), "gray").save(str(png))
    footage = open_footage(png)
    video = footage.info.video
    assert video is not None

    assert video.n_frames == 1
    assert [number_of(frame) for frame in footage.frames()] == [5]


def test_a_moving_gif_is_video(make_video: Any, number_of: Any):
    footage = open_footage(make_video("moving.gif", n=8, fps=10, codec="gif", pixel_format="rgb8"))

    assert [number_of(frame) for frame in footage.frames()] == list(range(8))


def test_what_is_not_footage_is_refused_with_a_reason(tmp_path: Path, make_sound: Any, make_video: Any):
    with pytest.raises(MediaNotFound):
        probe(tmp_path / "nowhere.mp4")
    empty = tmp_path / "empty.mp4"
    empty.touch()
    with pytest.raises(UnreadableMedia, match="empty"):
        probe(empty)
    with pytest.raises(UnreadableMedia, match="not a file"):
        probe(tmp_path)
    text = tmp_path / "notes.mp4"
    text.write_text("hello\n" * 500)
    with pytest.raises(UnreadableMedia):
        probe(text)
    plain = tmp_path / "notes.txt"
    plain.write_text("hello\n" * 500)
    with pytest.raises(UnreadableMedia):
        probe(plain)
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(random.Random(1).randbytes(20_000))
    with pytest.raises(UnreadableMedia):
        probe(noise)
    whole = make_video("whole.mp4")
    truncated = tmp_path / "truncated.mp4"
    truncated.write_bytes(whole.read_bytes()[:-2000])  # its index comes last
    with pytest.raises(UnreadableMedia):
        probe(truncated)
    with pytest.raises(NoVideo):
        open_footage(make_sound("sound.wav", np.zeros(1000, np.float32)))


def test_a_file_that_may_not_be_read_is_refused_with_the_reason(
    make_video: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = make_video()

    def locked(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with pytest.raises(UnreadableMedia, match="file name too long"):
        probe(tmp_path / ("a" * 300))
    monkeypatch.setattr(Path, "open", locked)  # root may read everything
    with pytest.raises(UnreadableMedia, match=r"footage\.mp4 cannot be read as media: permission denied"):
        probe(path)


def test_a_playlist_cannot_name_other_files(tmp_path: Path, make_video: Any):
    secret = make_video("secret.ts")
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{secret.name}\n#EXT-X-ENDLIST\n")
    with pytest.raises(UnreadableMedia):
        probe(playlist)
    concat = tmp_path / "list.ffconcat"
    concat.write_text(f"ffconcat version 1.0\nfile {secret.name}\n")
    with pytest.raises(UnreadableMedia):
        probe(concat)


def test_an_index_outside_the_footage_is_refused(make_video: Any):
    footage = open_footage(make_video(n=5))

    with pytest.raises(IndexError):
        list(footage.play([0, 5]))
    with pytest.raises(IndexError):
        list(footage.play([-1]))
    assert list(footage.play([])) == []


def test_memory_does_not_grow_with_the_length_of_the_footage(make_video: Any):
    """Peak memory of a child that plays 40 and then 160 frames of 320x180, there and back."""
    path = make_video("long.mp4", n=160, size=(320, 180), options={"g": "40"})
    code = textwrap.dedent(
        f"""
        import resource
        from pathlib import Path
        from lipwright.media import footage, open_footage
        footage.WINDOW_BYTES = 1 << 20
        film = open_footage(Path({str(path)!r}), threads=1)
        peaks = []
        for n in (40, 160):
            for _ in film.play([*range(n), *range(n - 1, -1, -1)]): pass
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        print(*peaks)
        """
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120)
    short, long = (int(word) for word in done.stdout.split())
    assert long - short < 5_000  # KiB; 120 more frames are 10 MB


@pytest.mark.clips
def test_real_footage_plays_backwards_as_it_played_forwards(clips: Path):
    footage = open_footage(clips / "video" / "vr_4.mp4")
    video = footage.info.video
    assert video is not None
    sums = [int(frame.planes[0][::7, ::7].sum()) for frame in footage.frames(writable=False)]

    back = [int(frame.planes[0][::7, ::7].sum()) for frame in footage.play(range(len(sums) - 1, -1, -1))]

    assert len(sums) == video.n_frames
    assert back == sums[::-1]
