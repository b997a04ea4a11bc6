"""What goes in, what comes out, what is kept: containers, codecs, encoders, HDR, alpha, odd and broken files."""

from __future__ import annotations

import random
import struct
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipwright.core.errors import EncoderUnavailable, LipwrightError, NoAudio, UnreadableMedia, UnsupportedOutput
from lipwright.core.media import ContentLight, MasteringDisplay, VideoFrame
from lipwright.media import (
    AudioPlan,
    MediaFootage,
    Written,
    check_encoding,
    encoders,
    fit_together,
    open_footage,
    probe,
    read_speech,
    write_video,
)
from lipwright.media.encoders import Encoder

SMALL = (96, 64)
PQ = (1, 9, 16, 9)
HLG = (1, 9, 18, 9)
MASTERED = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
SCREEN = MasteringDisplay(
    red=(Fraction(17, 25), Fraction(8, 25)),
    green=(Fraction(53, 200), Fraction(69, 100)),
    blue=(Fraction(3, 20), Fraction(3, 50)),
    white=(Fraction(3127, 10_000), Fraction(329, 1000)),
    min_cd_m2=Fraction(1, 200),
    max_cd_m2=Fraction(1000),
)


def rewrite(footage: MediaFootage, path: Path, **how: Any) -> Written:
    """Write footage as it is, silently."""
    video = footage.info.video
    assert video is not None
    frames = footage.play(range(video.n_frames))
    start_s = video.start_s

    def from_zero() -> Any:
        for frame in frames:
            frame.time_s -= start_s
            yield frame

    preset = how.pop("preset", "ultrafast")
    return write_video(
        path, from_zero(), footage.info, duration_s=video.duration_s, audio=AudioPlan(None), preset=preset, **how
    )


def first(path: Path) -> VideoFrame:
    return next(open_footage(path).frames())


def mean(plane: Any) -> float:
    return float(np.asarray(plane, np.float64).mean())


@pytest.mark.parametrize(
    ("codec", "pixel_format", "ending", "wanted"),
    [
        ("ffv1", "yuv420p", "mp4", ("h264", "yuv420p")),
        ("ffv1", "yuv420p10le", "mp4", ("hevc", "yuv420p10le")),
        ("ffv1", "yuv420p", "webm", ("vp9", "yuv420p")),
        ("ffv1", "yuv420p10le", "webm", ("av1", "yuv420p10le")),
        ("ffv1", "yuva420p", "webm", ("vp9", "yuva420p")),
        ("ffv1", "yuva420p", "mkv", ("vp9", "yuva420p")),
        ("ffv1", "yuv422p10le", "mov", ("hevc", "yuv422p10le")),
        ("prores_ks", "yuv422p10le", "mov", ("prores", "yuv422p10le")),
        ("ffv1", "yuva444p10le", "mov", ("prores", "yuva444p12le")),
    ],
)
def test_left_to_itself_the_codec_loses_nothing_and_suits_the_container(
    make_video: Any, read_number: Any, tmp_path: Path, codec: str, pixel_format: str, ending: str, wanted: Any
):
    source = "in.mov" if codec == "prores_ks" else "in.mkv"
    footage = open_footage(make_video(source, n=3, size=SMALL, codec=codec, pixel_format=pixel_format))
    out = tmp_path / f"out.{ending}"

    written = rewrite(footage, out)

    video = probe(out).video
    assert video is not None
    assert (video.codec, video.pixel_format) == wanted
    assert written.notes == ()
    assert [read_number(frame.planes[0], frame.bits) for frame in open_footage(out).frames()] == [0, 1, 2]


def test_alpha_comes_through_or_its_loss_is_told(make_video: Any, tmp_path: Path):
    path = make_video("in.mkv", n=4, size=SMALL, codec="ffv1", pixel_format="yuva420p")
    footage = open_footage(path)
    seen = tmp_path / "seen.webm"

    def half_clear() -> Any:
        for frame in footage.frames():
            frame.planes[3][:, : SMALL[0] // 2] = 40
            frame.planes[3][:, SMALL[0] // 2 :] = 250
            yield frame

    write_video(seen, half_clear(), footage.info, duration_s=Fraction(4, 25), audio=AudioPlan(None), crf=4)
    kept = first(seen).planes[3]
    assert (mean(kept[:, :32]), mean(kept[:, 64:])) == pytest.approx((40, 250), abs=6)

    # what was read back with its alpha is written with it again
    again = tmp_path / "again.mov"
    rewrite(open_footage(seen), again)
    assert mean(first(again).planes[3][:, :32]) == pytest.approx(40 * 16, abs=110)

    assert any("alpha" in note for note in rewrite(open_footage(seen), tmp_path / "a.mp4").notes)
    assert any("alpha" in note for note in rewrite(open_footage(seen), tmp_path / "b.mp4", codec="vp9").notes)


def fading(path: Path, codec: str, pixel_format: str, *, steps: int = 4, first: int = 0) -> Path:
    """Red that is opaque at first, and clearer by a quarter with each frame after `first`."""
    import av

    with av.open(str(path), "w") as opened:
        out: Any = opened
        stream = out.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = *SMALL, pixel_format
        for k in range(steps):
            red = np.zeros((SMALL[1], SMALL[0], 4), np.uint8)
            red[..., 0], red[..., 3] = 200, 255 - 60 * max(0, k - first)
            frame = av.VideoFrame.from_ndarray(red, "rgba").reformat(format=pixel_format)
            frame.pts, frame.time_base = k, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("codec", "pixel_format", "source"),
    [("png", "rgba", "in.mov"), ("qtrle", "argb", "in.mov"), ("apng", "rgba", "in.apng")],
)
def test_alpha_that_comes_after_an_opaque_start_is_kept_or_told(
    tmp_path: Path, codec: str, pixel_format: str, source: str
):
    footage = open_footage(fading(tmp_path / source, codec, pixel_format))

    for ending in ("mov", "webm", "mkv"):
        out = tmp_path / f"out.{ending}"
        written = rewrite(footage, out)
        seen = [frame.planes[3] / ((1 << frame.bits) - 1) for frame in open_footage(out).frames()]
        assert [mean(alpha) for alpha in seen] == pytest.approx([1, 195 / 255, 135 / 255, 75 / 255], abs=0.03)
        assert [note for note in written.notes if "alpha" in note] == []
    for asked in ("auto", "vp9", "h265"):
        written = rewrite(footage, tmp_path / "out.mp4", codec=asked)
        assert [note for note in written.notes if "alpha" in note] == [
            f"The picture has alpha, which {written.codec} here does not keep; it was left out."
        ]


def test_alpha_that_is_never_used_is_not_spoken_of(tmp_path: Path):
    footage = open_footage(fading(tmp_path / "in.mov", "png", "rgba", steps=3, first=3))

    for ending in ("mp4", "mov", "webm"):
        written = rewrite(footage, tmp_path / f"out.{ending}")
        assert [note for note in written.notes if "alpha" in note] == []


def test_parts_of_footage_that_fades_fit_together(tmp_path: Path):
    footage = open_footage(fading(tmp_path / "in.mov", "png", "rgba"))
    parts = [tmp_path / "0.mov", tmp_path / "1.mov"]

    for k, part in enumerate(parts):
        frames = list(footage.play(range(2 * k, 2 * k + 2)))
        for frame in frames:
            frame.time_s -= Fraction(2 * k, 25)
        write_video(part, frames, footage.info, duration_s=Fraction(2, 25), audio=None)

    assert fit_together(parts)


@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("pixel_format", ["gray16le", "gray", "yuv411p", "yuv410p", "yuv422p", "yuv420p"])
def test_odd_sides_are_kept_whatever_the_colours(make_video: Any, tmp_path: Path, pixel_format: str, codec: str):
    footage = open_footage(make_video("odd.mkv", n=2, size=(65, 47), codec="ffv1", pixel_format=pixel_format))

    written = rewrite(footage, tmp_path / "out.mp4", codec=codec)

    shown = first(tmp_path / "out.mp4")
    assert (shown.width_px, shown.height_px) == (65, 47)
    assert any("odd" in note for note in written.notes) == (pixel_format in ("yuv422p", "yuv420p"))


def test_even_sides_are_not_told_as_odd(make_video: Any, tmp_path: Path):
    footage = open_footage(make_video("even.mkv", n=2, size=(66, 48), codec="ffv1", pixel_format="yuv411p"))

    written = rewrite(footage, tmp_path / "out.mp4")

    assert written.notes == ("h264 does not take yuv411p; written as yuv422p.",)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "webm", "mov"])
def test_twelve_bits_with_alpha_are_written(make_video: Any, tmp_path: Path, ending: str):
    footage = open_footage(make_video("clear.mkv", n=2, size=SMALL, codec="ffv1", pixel_format="gbrap12le"))

    rewrite(footage, tmp_path / f"out.{ending}")

    assert (first(tmp_path / f"out.{ending}").width_px, first(tmp_path / f"out.{ending}").height_px) == SMALL


@pytest.mark.parametrize(("codec", "ending"), [("av1", "mp4"), ("av1", "mkv"), ("h264", "mp4"), ("vp9", "mkv")])
def test_where_rates_vary_the_last_frame_is_shown_no_longer_than_it_was(
    make_video: Any, tmp_path: Path, codec: str, ending: str
):
    ticks = (0, 40, 80, 120, 1500, 1540, 1580, 3200, 3240)
    path = make_video("call.mkv", n=9, ticks=ticks, time_base=Fraction(1, 1000), size=SMALL)
    footage = open_footage(path)
    assert footage.info.video is not None
    assert footage.info.video.is_vfr

    rewrite(footage, tmp_path / f"out.{ending}", codec=codec)

    again = probe(tmp_path / f"out.{ending}").video
    assert again is not None
    assert float(again.duration_s) == pytest.approx(float(footage.info.video.duration_s), abs=0.01)


@pytest.mark.parametrize("pixel_format", ["yuv422p10le", "yuv420p", "gray", "yuv444p"])
@pytest.mark.parametrize(("size", "wanted"), [((65, 48), "444"), ((65, 49), "444"), ((64, 49), "422")])
def test_prores_of_odd_sides_has_the_colours_of_the_picture_to_its_rims(
    make_video: Any, tmp_path: Path, pixel_format: str, size: tuple[int, int], wanted: str
):
    footage = open_footage(make_video("odd.mkv", n=2, size=size, codec="ffv1", pixel_format=pixel_format))
    out = tmp_path / "out.mov"

    def grey() -> Any:
        for frame in footage.frames():
            for plane in frame.planes:
                plane[:] = 1 << (frame.bits - 1)
            yield frame

    written = write_video(out, grey(), footage.info, duration_s=Fraction(2, 25), audio=AudioPlan(None), codec="prores")

    shown = first(out)
    assert written.pixel_format == f"yuv{'444' if pixel_format == 'yuv444p' else wanted}p10le"
    assert (shown.width_px, shown.height_px) == size
    assert all(np.abs(plane / (1 << shown.bits) - 0.5).max() < 0.02 for plane in shown.planes)
    assert any("odd" in note for note in written.notes) == (wanted == "444" and pixel_format != "yuv444p")


@pytest.mark.parametrize(
    ("pixel_format", "codec", "ending"),
    [("yuvj420p", "vp9", "webm"), ("gray", "vp9", "webm"), ("gray", "av1", "webm"), ("yuvj420p", "h265", "mp4")],
)
def test_light_and_dark_stay_where_the_encoder_has_another_name_for_the_format(
    make_video: Any, tmp_path: Path, pixel_format: str, codec: Any, ending: str
):
    source = make_video("in.mkv", n=2, size=SMALL, codec="mjpeg" if "j" in pixel_format else "ffv1",
                        pixel_format=pixel_format, colour=(2 if "j" in pixel_format else 1, 1, 1, 1))  # fmt: skip
    out = tmp_path / f"out.{ending}"

    rewrite(open_footage(source), out, codec=codec, crf=5)
    before, after = first(source), first(out)

    assert after.colour.is_full_range == before.colour.is_full_range
    assert mean(after.planes[0]) == pytest.approx(mean(before.planes[0]), abs=1.5)
    assert np.abs(after.planes[0].astype(int) - before.planes[0].astype(int)).mean() < 4
    if pixel_format == "gray" and len(after.planes) > 1:
        assert mean(after.planes[1]) == pytest.approx(128, abs=1)


def test_prores_which_knows_no_full_range_gets_the_limited_one(make_video: Any, tmp_path: Path):
    source = make_video("in.mkv", n=1, size=SMALL, codec="mjpeg", pixel_format="yuvj420p", colour=(2, 1, 1, 1))
    out = tmp_path / "out.mov"

    rewrite(open_footage(source), out, codec="prores")

    assert not first(out).colour.is_full_range
    assert mean(first(out).planes[0]) == pytest.approx(64 + mean(first(source).planes[0]) * 876 / 255, abs=6)


# --- encoders ---


def test_a_hardware_encoder_that_is_not_here_is_a_clear_error(
    make_video: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def works(name: str) -> bool:
        return name.startswith("lib")

    monkeypatch.setattr(encoders, "works", works)
    footage = open_footage(make_video(n=2, size=SMALL))
    out = tmp_path / "out.mp4"

    for kind in ("nvenc", "videotoolbox"):
        with pytest.raises(EncoderUnavailable, match="cannot be opened on this machine") as caught:
            check_encoding(out, "h264", kind)
        assert caught.value.code == "encoder_unavailable"
        with pytest.raises(EncoderUnavailable):
            rewrite(footage, out, encoder=kind)
    with pytest.raises(EncoderUnavailable, match="nvenc makes h264"):
        check_encoding(tmp_path / "out.mkv", "prores", "nvenc")
    assert not out.exists()

    written = rewrite(footage, out, encoder="auto")
    assert written.encoder == "libx264"
    assert written.notes == ("No hardware encoder for h264 works here; the picture was encoded by libx264.",)


def test_hardware_is_taken_where_it_works_and_loses_nothing(
    make_video: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    everywhere = frozenset({"mp4", "mov", "matroska"})
    stand_in: Mapping[str, Mapping[str, Encoder]] = {
        "nvenc": {"h264": Encoder("libx264", "h264", everywhere, ("yuv420p",))}
    }
    monkeypatch.setattr(encoders, "HARDWARE", stand_in)
    plain = open_footage(make_video("a.mkv", n=2, size=SMALL, codec="ffv1"))
    fine = open_footage(make_video("b.mkv", n=2, size=SMALL, codec="ffv1", pixel_format="yuv422p"))

    assert "hardware, by libx264" in rewrite(plain, tmp_path / "a.mp4", encoder="auto").notes[0]
    assert "would lose colour" in rewrite(fine, tmp_path / "b.mp4", encoder="auto").notes[0]
    assert rewrite(plain, tmp_path / "c.mp4", encoder="nvenc").encoder == "libx264"


def test_every_encoder_is_asked_whether_it_works_without_an_error_of_its_own():
    from lipwright.media import abilities

    assert all(abilities.encoders().values())
    assert set(abilities.hardware_encoders().values()) <= {True, False}


def test_every_preset_has_its_word_for_each_encoder(make_video: Any):
    from typing import get_args

    from lipwright.core.options import Codec, Preset

    video = open_footage(make_video(n=2, size=SMALL)).info.video
    assert video is not None
    for kind in (encoders.SOFTWARE, *encoders.HARDWARE.values()):
        for codec, encoder in kind.items():
            assert codec in get_args(Codec)
            for preset in get_args(Preset):
                options = encoders.options_of(
                    encoder, crf=18.5, preset=preset, format_name="yuv420p", video=video, n_frames=9
                )
                assert all(isinstance(value, str) for value in options.values())


def test_a_codec_that_the_container_does_not_hold_is_refused_before_any_work(tmp_path: Path):
    for name, codec in (("a.webm", "h264"), ("a.mp4", "prores"), ("a.mov", "vp9"), ("a.avi", "auto")):
        with pytest.raises(UnsupportedOutput):
            check_encoding(tmp_path / name, codec)  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize(("codec", "ending"), [("h265", "mp4"), ("h264", "mp4"), ("vp9", "webm"), ("av1", "mkv")])
def test_a_video_of_a_frame_or_two_is_a_video(make_video: Any, tmp_path: Path, codec: Any, ending: str, n: int):
    out = tmp_path / f"out.{ending}"

    rewrite(open_footage(make_video(n=n, size=SMALL)), out, codec=codec, preset="veryfast")

    assert [frame.time_s for frame in open_footage(out).frames()] == [Fraction(k, 25) for k in range(n)]


# --- HDR ---


def hdr(make_video: Any, colour: Any, *, light: bool = True) -> MediaFootage:
    params = f"log-level=none:master-display={MASTERED}:max-cll=1000,400" if light else "log-level=none"
    return open_footage(
        make_video("hdr.mp4", n=3, size=SMALL, codec="libx265", pixel_format="yuv420p10le", colour=colour,
                   options={"preset": "ultrafast", "x265-params": params})
    )  # fmt: skip


@pytest.mark.parametrize(
    ("codec", "ending"), [("auto", "mp4"), ("auto", "mkv"), ("h264", "mov"), ("av1", "mp4"), ("auto", "webm")]
)
def test_hdr_stays_hdr_and_tells_its_light(make_video: Any, tmp_path: Path, codec: Any, ending: str):
    footage = hdr(make_video, PQ)
    out = tmp_path / f"out.{ending}"

    written = rewrite(footage, out, codec=codec, crf=8)
    before, after = footage.info.video, probe(out).video
    assert before is not None
    assert after is not None

    assert (before.mastering, before.content_light) == (SCREEN, ContentLight(1000, 400))
    assert after.bits == 10
    assert after.colour == before.colour
    assert after.content_light == before.content_light
    assert after.mastering is not None
    told = [after.mastering.red, after.mastering.white, (after.mastering.min_cd_m2, after.mastering.max_cd_m2)]
    wanted = [SCREEN.red, SCREEN.white, (SCREEN.min_cd_m2, SCREEN.max_cd_m2)]
    assert [tuple(map(float, pair)) for pair in told] == [
        pytest.approx(tuple(map(float, pair)), abs=1e-3) for pair in wanted
    ]
    assert written.notes == ()
    # the code values are those of the source: nothing was mapped to SDR
    assert mean(first(out).planes[0]) == pytest.approx(mean(next(footage.frames()).planes[0]), abs=4)


def test_hlg_keeps_its_curve_and_prores_tells_what_it_drops(make_video: Any, tmp_path: Path):
    rewrite(hdr(make_video, HLG, light=False), tmp_path / "hlg.mp4")
    after = probe(tmp_path / "hlg.mp4").video
    assert after is not None
    assert (after.colour.transfer, after.mastering, after.content_light) == (18, None, None)

    written = rewrite(hdr(make_video, PQ), tmp_path / "pq.mov", codec="prores")
    after = probe(tmp_path / "pq.mov").video
    assert after is not None
    assert (after.colour.primaries, after.colour.transfer, after.colour.matrix) == (9, 16, 9)
    assert any("mastering display" in note for note in written.notes)


# --- fields, times, tracks ---


@pytest.mark.parametrize(("codec", "kept"), [("h264", True), ("prores", True), ("h265", False)])
def test_interlaced_footage_keeps_its_fields_or_says_that_it_could_not(
    make_video: Any, tmp_path: Path, codec: Any, kept: bool
):
    footage = open_footage(make_video(n=3, size=(96, 64), interlaced=True))
    out = tmp_path / "out.mov"

    written = rewrite(footage, out, codec=codec)
    video = probe(out).video
    assert video is not None

    assert video.is_interlaced == kept
    assert any(("fields were kept" if kept else "both fields are shown at once") in note for note in written.notes)


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv", "webm"])
@pytest.mark.parametrize("fps", [Fraction(12), Fraction(24000, 1001), Fraction(60), Fraction(120)])
def test_every_rate_is_exact_in_every_container(
    make_video: Any, read_number: Any, tmp_path: Path, fps: Fraction, ending: str
):
    footage = open_footage(make_video(n=25, fps=fps, size=SMALL))
    out = tmp_path / f"out.{ending}"

    rewrite(footage, out, preset="superfast")
    again = open_footage(out)
    video = again.info.video
    assert video is not None

    assert (video.fps, video.is_vfr, video.duration_s) == (fps, False, 25 / fps)
    assert [(read_number(frame.planes[0]), frame.time_s) for frame in again.frames()] == [
        (k, k / fps) for k in range(25)
    ]


def test_several_tracks_of_sound_are_told(make_video: Any, make_sound: Any, clicks: Any, tmp_path: Path):
    import av

    film = make_video(n=10, size=SMALL)
    sound = make_sound("a.m4a", clicks(0.4, 48_000), rate_hz=48_000)
    both = tmp_path / "both.mkv"
    with av.open(str(film)) as pictures, av.open(str(sound)) as voice, av.open(str(both), "w") as out:
        given: list[Any] = [pictures.streams.video[0], voice.streams.audio[0], voice.streams.audio[0]]
        made = [out.add_stream_from_template(stream) for stream in given]
        for packet in pictures.demux(given[0]):
            if packet.size:
                packet.stream = made[0]
                out.mux(packet)
        for stream in made[1:]:
            voice.seek(0)
            for packet in voice.demux(given[1]):
                if packet.size:
                    packet.stream = stream
                    out.mux(packet)
    footage = open_footage(both)
    assert len(footage.info.audio) == 2

    written = rewrite(footage, tmp_path / "out.mp4")

    assert any("2 tracks of sound" in note for note in written.notes)


# --- files as they come ---


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("a.mov", "prores_ks", "yuv422p10le"),
        ("a.mov", "qtrle", "rgb24"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
        ("a.mkv", "libsvtav1", "yuv420p"),
        ("a.avi", "mpeg4", "yuv420p"),
        ("a.avi", "mjpeg", "yuvj422p"),
        ("a.mpg", "mpeg2video", "yuv420p"),
        ("a.wmv", "wmv2", "yuv420p"),
        ("a.flv", "flv1", "yuv420p"),
        ("a.gif", "gif", "pal8"),
        ("a.nut", "rawvideo", "uyvy422"),
        ("a.ts", "libx264", "yuv420p"),
    ],
)
def test_every_usual_container_is_read_frame_by_frame(
    make_video: Any, read_number: Any, tmp_path: Path, name: str, codec: str, pixel_format: str
):
    if codec == "gif":
        pixel_format = "gray"
    options = {"preset": "10"} if codec == "libsvtav1" else {}
    path = make_video(name, n=9, size=(192, 108), codec=codec, pixel_format=pixel_format, options=options)
    footage = open_footage(path)
    out = tmp_path / "out.mp4"

    rewrite(footage, out)

    video = probe(out).video
    assert video is not None
    assert video.duration_s == Fraction(9, 25)
    assert [read_number(frame.planes[0], frame.bits) for frame in open_footage(out).frames()] == list(range(9))


def test_a_gif_becomes_what_every_player_shows(make_video: Any, tmp_path: Path):
    footage = open_footage(make_video("a.gif", n=3, size=SMALL, codec="gif", pixel_format="gray"))

    for ending in ("mp4", "mov", "webm"):
        written = rewrite(footage, tmp_path / f"out.{ending}")
        assert written.codec == ("vp9" if ending == "webm" else "h264")
        assert written.pixel_format == "yuv420p"
        assert [note for note in written.notes if "alpha" in note] == []
        assert any("4:2:0" in note for note in written.notes)
    kept = rewrite(footage, tmp_path / "kept.mp4", codec="h264")
    assert kept.pixel_format == "yuv444p"


def test_full_chroma_is_promised_only_of_encoders_that_have_it(make_video: Any, tmp_path: Path):
    deep = open_footage(make_video("deep.mkv", n=2, codec="ffv1", pixel_format="rgb48le"))
    plain = open_footage(make_video("plain.mkv", n=2, codec="ffv1", pixel_format="bgr0"))

    of_av1 = rewrite(deep, tmp_path / "deep.webm")
    of_vp9 = rewrite(plain, tmp_path / "plain.webm")

    assert (of_av1.codec, of_av1.pixel_format) == ("av1", "yuv420p10le")
    assert not any("keeps 4:4:4" in note for note in of_av1.notes)
    assert any("which loses" in note for note in of_av1.notes)
    assert any("--codec vp9 keeps 4:4:4" in note for note in of_vp9.notes)


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def still_webp(colour: tuple[int, int, int], width_px: int, height_px: int) -> bytes:
    """The chunks of a lossless WebP of one colour."""
    import av

    frame = av.VideoFrame.from_ndarray(np.full((height_px, width_px, 3), colour, np.uint8), "rgb24")
    context: Any = av.CodecContext.create("libwebp", "w")
    context.width, context.height, context.pix_fmt = width_px, height_px, "bgra"
    context.time_base = Fraction(1, 25)
    context.options = {"lossless": "1"}
    return b"".join(bytes(packet) for packet in context.encode(frame.reformat(format="bgra")))[12:]


def moving_webp(parts: list[tuple[int, int, int, int, int, int, bytes]]) -> bytes:
    """`parts` are x, y, width, height, ms, flags and the chunks of a picture; the canvas is 64x32."""

    def u24(value: int) -> bytes:
        return value.to_bytes(3, "little")

    body = chunk(b"VP8X", bytes([0x02, 0, 0, 0]) + u24(63) + u24(31)) + chunk(b"ANIM", bytes(6))
    for x, y, w, h, ms, flags, picture in parts:
        place = u24(x // 2) + u24(y // 2) + u24(w - 1) + u24(h - 1) + u24(ms) + bytes([flags])
        body += chunk(b"ANMF", place + picture)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def test_a_moving_webp_is_put_together_as_browsers_do(tmp_path: Path):
    red, blue = still_webp((255, 0, 0), 64, 32), still_webp((0, 0, 255), 16, 8)
    data = moving_webp([
        (0, 0, 64, 32, 40, 0, red),
        (20, 10, 16, 8, 200, 1, blue),  # and is then taken away, to nothing
        (0, 0, 16, 8, 0, 0, blue),  # no time of its own: browsers show it for 100 ms
    ])  # fmt: skip
    path = tmp_path / "a.webp"
    path.write_bytes(data)
    footage = open_footage(path)
    video = footage.info.video
    assert video is not None

    frames = list(footage.frames())

    assert (footage.info.container, video.n_frames, video.is_vfr) == ("webp", 3, True)
    assert [frame.time_s for frame in frames] == [0, Fraction(40, 1000), Fraction(240, 1000)]
    assert video.duration_s == Fraction(340, 1000)
    red_y, blue_y, black_y = 63, 32, 16  # BT.709, limited
    assert [int(frame.planes[0][13, 27]) for frame in frames] == pytest.approx([red_y, blue_y, black_y], abs=2)
    assert [int(frame.planes[0][3, 3]) for frame in frames] == pytest.approx([red_y, red_y, blue_y], abs=2)
    rewrite(footage, tmp_path / "out.mp4")

    # cut off in its last picture, the ones before it are there; in its first, nothing is
    path.write_bytes(data[: len(data) - 20])
    assert len(list(open_footage(path).frames())) == 2
    path.write_bytes(data[:60])
    with pytest.raises(LipwrightError, match="picture"):
        open_footage(path)


def test_a_moving_webp_that_wants_our_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from lipwright.media import webp

    path = tmp_path / "a.webp"
    data = moving_webp([(0, 0, 64, 32, 40, 0, still_webp((k, 9, 9), 64, 32)) for k in range(4)])
    path.write_bytes(data[:24] + b"\xff\xff\x00\xff\xff\x00" + data[30:])
    with pytest.raises(LipwrightError, match="65536x65536"):
        open_footage(path)
    path.write_bytes(data)
    monkeypatch.setattr(webp, "MAX_BYTES", 100)
    with pytest.raises(LipwrightError, match="too many"):
        open_footage(path)


def box(name: bytes, *body: bytes) -> bytes:
    whole = b"".join(body)
    return struct.pack(">I4s", 8 + len(whole), name) + whole


def inside(data: bytes, *names: bytes) -> bytes:
    """The body of a box, found by its names from the outside in."""
    for name in names:
        at = data.index(name) - 4
        data = data[at + 8 : at + int.from_bytes(data[at : at + 4], "big")]
    return data


def tiled_avif(picture: bytes, *, has_preview: bool) -> bytes:
    """A picture of 2x2 tiles, each of them like `picture`, an AVIF of 64x64 pixels; perhaps a small one beside it."""
    tile, how = inside(picture, b"mdat"), box(b"av1C", inside(picture, b"av1C"))
    grid = struct.pack(">BBBBHH", 0, 0, 1, 1, 128, 128)
    numbers = range(1, 7 if has_preview else 6)  # 1 is the grid, 2 to 5 its tiles, 6 the preview
    sizes = [box(b"ispe", struct.pack(">III", 0, side, side)) for side in (64, 128)]
    uses = b"".join(struct.pack(">HBBB", i, 2, *((1, 3) if i == 1 else (0x81, 2))) for i in numbers)
    kinds = [box(b"infe", struct.pack(">IHH4sB", 2 << 24, i, 0, b"grid" if i == 1 else b"av01", 0)) for i in numbers]
    refers = [box(b"dimg", struct.pack(">HH4H", 1, 4, 2, 3, 4, 5))]
    refers += [box(b"thmb", struct.pack(">HHH", 6, 1, 1))] if has_preview else []
    first = box(b"ftyp", b"avif", bytes(4), b"avifmif1miaf")

    def described(start: int) -> bytes:
        places = b"".join(
            struct.pack(">HHHII", i, 0, 1, start + (0 if i == 1 else len(grid)), len(grid if i == 1 else tile))
            for i in numbers
        )
        return box(
            b"meta",
            bytes(4),
            box(b"hdlr", bytes(8), b"pict", bytes(13)),
            box(b"pitm", struct.pack(">IH", 0, 1)),
            box(b"iloc", struct.pack(">IHH", 0, 0x4400, len(numbers)), places),
            box(b"iinf", struct.pack(">IH", 0, len(numbers)), *kinds),
            box(b"iref", bytes(4), *refers),
            box(b"iprp", box(b"ipco", how, *sizes), box(b"ipma", struct.pack(">II", 0, len(numbers)), uses)),
        )

    return first + described(len(first) + len(described(0)) + 8) + box(b"mdat", grid, tile)


@pytest.mark.parametrize(("height_px", "is_told"), [(48, True), (64, False)])
def test_a_picture_of_which_less_is_to_be_shown_is_told(make_video: Any, tmp_path: Path, height_px: int, is_told: bool):
    content = make_video("whole.mov", n=2, size=(96, 64)).read_bytes()
    aperture = box(b"clap", struct.pack(">8I", 96, 1, height_px, 1, 0, 1, 0, 1))
    names = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1")
    places = [content.index(name, content.index(b"moov")) - 4 for name in names]
    end = places[-1] + int.from_bytes(content[places[-1] : places[-1] + 4], "big")
    grown = bytearray(content[:end] + aperture + content[end:])
    for at in places:
        grown[at : at + 4] = struct.pack(">I", int.from_bytes(grown[at : at + 4], "big") + len(aperture))
    path = tmp_path / "cropped.mov"
    path.write_bytes(grown)

    footage = open_footage(path)

    assert any("wants 96x48 shown" in note for note in footage.notes) == is_told
    assert len(list(footage.frames())) == 2


@pytest.mark.parametrize("ending", ["mkv", "webm"])
def test_a_crop_in_matroska_is_told(make_video: Any, ending: str):
    codec = "ffv1" if ending == "mkv" else "libvpx-vp9"
    path = make_video(f"whole.{ending}", n=2, size=(96, 64), codec=codec)
    assert not any("shown" in note for note in probe(path).notes)
    content = path.read_bytes()
    colours = content.index(b"\x55\xb0")  # an element that nothing here needs makes room
    n = content[colours + 2] & 0x7F
    crop = b"\x54\xbb\x81\x0a" + b"\x54\xaa\x81\x06"
    filler = b"\xec" + bytes([0x80 | (n + 3 - len(crop) - 2)])
    path.write_bytes(content[:colours] + (crop + filler).ljust(n + 3, b"\0") + content[colours + 3 + n :])

    footage = open_footage(path)

    assert any("wants 96x48 shown" in note for note in footage.notes)
    assert len(list(footage.frames())) == 2


def test_a_picture_file_of_one_frame_has_the_rate_of_a_portrait(make_video: Any):
    gif = make_video("still.gif", n=1, fps=10, size=(64, 64), codec="gif", pixel_format="rgb8")
    avif = make_video("still.avif", n=1, fps=1, size=(64, 64), codec="libsvtav1")
    mp4 = make_video("still.mp4", n=1, fps=30)

    found = [probe(path).video for path in (gif, avif, mp4)]

    assert [(video.n_frames, video.fps) for video in found if video is not None] == [(1, 25), (1, 25), (1, 30)]


@pytest.mark.parametrize("has_preview", [False, True])
def test_a_picture_in_tiles_is_refused_and_not_taken_for_its_corner(make_video: Any, tmp_path: Path, has_preview: bool):
    whole = make_video("whole.avif", n=1, size=(64, 64), codec="libsvtav1")
    path = tmp_path / "tiled.avif"
    path.write_bytes(tiled_avif(whole.read_bytes(), has_preview=has_preview))

    with pytest.raises(UnreadableMedia, match=r"tiles.* JPEG or PNG"):
        probe(path)


def test_a_cut_off_file_gives_the_frames_up_to_there_and_says_so(make_video: Any, read_number: Any, tmp_path: Path):
    path = make_video(
        n=60, options={"g": "10", "bf": "0"}, container_options={"movflags": "+faststart"}, size=(192, 108)
    )
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    footage = open_footage(path)
    seen = [read_number(frame.planes[0]) for frame in footage.frames()]
    out = tmp_path / "out.mp4"

    rewrite(footage, out)

    assert 25 < len(seen) < 60
    assert seen == list(range(len(seen)))
    assert footage.info.video is not None
    assert footage.info.video.n_frames == len(seen)
    assert footage.notes
    assert [read_number(frame.planes[0]) for frame in open_footage(out).frames()][:20] == list(range(20))


def test_sound_of_an_unknown_kind_does_not_stop_the_picture(make_video: Any, clicks: Any, tmp_path: Path):
    path = make_video(n=8, size=SMALL, sound=clicks(0.3, 48_000))
    content = path.read_bytes()
    assert content.count(b"mp4a") == 1
    path.write_bytes(content.replace(b"mp4a", b"wxyz").replace(b"esds", b"free"))

    footage = open_footage(path)

    assert len(list(footage.frames())) == 8
    assert [sound.codec for sound in footage.info.audio] == ["unknown"]
    with pytest.raises(NoAudio):
        read_speech(path)


def test_sound_of_a_broadcast_that_is_hurt_is_still_sound(make_video: Any, clicks: Any, tmp_path: Path):
    path = make_video("a.ts", n=8, size=SMALL, sound=clicks(0.32, 48_000))
    whole = path.read_bytes()
    footage = open_footage(make_video("b.mp4", n=8, size=SMALL))
    hows: set[str] = set()
    for at in range(188 * 8, len(whole) - 400, 188 * 3):
        content = bytearray(whole)
        content[at + 60 : at + 360] = bytes(300)
        path.write_bytes(bytes(content))
        out, plan = tmp_path / "out.mp4", AudioPlan(path)

        written = write_video(out, footage.frames(), footage.info, duration_s=Fraction(8, 25), audio=plan)

        hows.add(written.audio)
        assert len(read_speech(out).samples) > 3000
    assert "encoded" in hows


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.mpg", "a.gif", "a.webp", "a.mov"])
def test_no_damage_brings_up_an_error_that_is_not_ours(
    make_video: Any, make_sound: Any, clicks: Any, tmp_path: Path, name: str
):
    if name == "a.webp":
        path = tmp_path / name
        path.write_bytes(moving_webp([(0, 0, 64, 32, 40, k % 2, still_webp((k * 30, 9, 9), 64, 32)) for k in range(4)]))
    else:
        codec = {"avi": "mpeg4", "mpg": "mpeg2video", "gif": "gif"}.get(name[2:], "libx264")
        pixel_format = "gray" if codec == "gif" else "yuv420p"
        path = make_video(name, n=12, size=SMALL, codec=codec, pixel_format=pixel_format)
    whole = path.read_bytes()
    rng = random.Random(name)
    n_read = 0
    for trial in range(14):
        content = bytearray(whole)
        if trial % 2:
            del content[rng.randrange(20, len(content)) :]
        else:
            for _ in range(6):
                content[rng.randrange(len(content))] = rng.randrange(256)
        path.write_bytes(bytes(content))
        try:
            footage = open_footage(path, threads=1)
            video = footage.info.video
            assert video is not None
            frames = list(footage.frames())
            n_frames = footage.info.video.n_frames if footage.info.video else 0
            assert len(list(footage.play(range(n_frames - 1, -1, -1)))) == n_frames
            assert all(frame.width_px > 0 for frame in frames)
            n_read += bool(frames)
        except LipwrightError:
            continue
    assert n_read or name == "a.webp"
