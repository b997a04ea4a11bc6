"""Sound out of files: mono, on the presentation's clock, whatever the codec."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import textwrap
import wave
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from lipwright.core.errors import MediaNotFound, NoAudio, UnreadableMedia
from lipwright.media import AudioPlan, open_footage, probe, read_speech, speech_duration, speech_pieces, write_video
from lipwright.media import audio as audio_module
from lipwright.media import survey as survey_module


def click_times(samples: Any, rate_hz: int) -> list[float]:
    """When the bursts of `clicks` peak, in seconds."""
    loud = np.abs(samples)
    out: list[float] = []
    at = 0
    while at < len(loud):
        block = loud[at : at + rate_hz // 4]
        if len(block) and block.max() > 0.35:
            peak = at + int(block.argmax())
            window = slice(max(0, peak - rate_hz // 50), peak + rate_hz // 50)
            energy = samples[window] ** 2
            out.append(float((np.arange(window.start, window.start + len(energy)) * energy).sum() / energy.sum()))
            at = peak + rate_hz // 4
        else:
            at += rate_hz // 4
    return [peak / rate_hz for peak in out]


@pytest.mark.parametrize(
    ("name", "rate_hz"),
    [
        ("a.wav", 8_000),
        ("a.wav", 16_000),
        ("a.wav", 192_000),
        ("a.flac", 44_100),
        ("a.mp3", 44_100),
        ("a.mp3", 16_000),
        ("a.m4a", 48_000),
        ("a.opus", 48_000),
        ("a.ogg", 48_000),
        ("a.mka", 48_000),
    ],
)
def test_a_click_is_heard_at_its_time(make_sound: Any, clicks: Any, name: str, rate_hz: int):
    path = make_sound(name, clicks(2.0, rate_hz), rate_hz=rate_hz)

    clip = read_speech(path)

    assert clip.rate_hz == 16_000
    assert clip.samples.dtype == np.float32
    assert click_times(clip.samples, 16_000) == pytest.approx([0.25, 0.75, 1.25, 1.75], abs=1e-3)
    assert abs(clip.duration_s - 2) < Fraction(1, 20)


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
@pytest.mark.parametrize("rate_hz", [11_025, 16_000, 44_100, 96_000])
def test_the_duration_is_exact(make_sound: Any, clicks: Any, name: str, rate_hz: int):
    samples = clicks(1.0, rate_hz)[: rate_hz - 37]
    path = make_sound(name, samples, rate_hz=rate_hz)

    assert speech_duration(path) == Fraction(len(samples), rate_hz)
    assert len(read_speech(path).samples) == round(Fraction(len(samples) * 16_000, rate_hz))


def test_what_has_the_right_rate_comes_through_untouched(make_sound: Any, clicks: Any):
    samples = clicks(0.5, 16_000)
    path = make_sound("a.wav", samples, codec="pcm_f32le")

    assert np.array_equal(read_speech(path).samples, samples)


@pytest.mark.parametrize("name", ["a.wav", "a.mp3"])
def test_the_first_seconds_are_those_of_the_whole_and_hardly_more_is_decoded(
    make_sound: Any, clicks: Any, name: str, monkeypatch: pytest.MonkeyPatch
):
    path = make_sound(name, clicks(30.0, 44_100), rate_hz=44_100)
    whole = read_speech(path)
    decoded: list[int] = []

    def counted(chunk: Any) -> Any:
        decoded.append(chunk.shape[1])
        return chunk[0]

    monkeypatch.setattr("lipwright.media.audio._Mono", lambda: counted)
    first = read_speech(path, first_s=2.5)

    assert len(first.samples) == 40_000
    assert np.array_equal(first.samples, whole.samples[:40_000])
    assert sum(decoded) < 4.5 * 44_100
    assert np.array_equal(read_speech(path, first_s=100.0).samples, whole.samples)


@pytest.mark.parametrize("channels", [1, 2, 6, 8])
def test_channels_are_averaged(make_sound: Any, channels: int):
    time = np.arange(16_000) / 16_000
    planes = np.stack([0.1 * (k + 1) * np.sin(2 * np.pi * 300 * time) for k in range(channels)]).astype(np.float32)
    path = make_sound("a.wav", planes, codec="pcm_f32le")

    mono = read_speech(path).samples

    assert np.allclose(mono, planes.mean(axis=0), atol=1e-6)


def test_of_many_channels_one_that_is_loud_does_not_hide_another(tmp_path: Path):
    """Twelve microphones: one speaker on the first, and later another on the second."""
    loud = 0.4 * np.sin(np.arange(16_000) * 0.2)
    both = np.zeros((32_000, 12))
    both[:16_000, 0], both[16_000:, 1] = loud, 0.5 * loud
    path = tmp_path / "twelve.wav"
    path.write_bytes(wav((both * 32767).astype("<i2").tobytes(), n_channels=12))

    heard = read_speech(path).samples

    assert np.abs(heard[16_000:]).max() == pytest.approx(0.2 / 12, rel=0.1)


def test_channels_that_cancel_each_other_are_heard_by_the_loudest(tmp_path: Path):
    """A microphone whose wires are swapped on one side: whoever listens hears it well, and the average is silence."""
    said = (0.4 * np.sin(np.arange(32_000) * 0.2) * np.hanning(32_000)).astype(np.float32)
    path = tmp_path / "swapped.wav"
    both = np.stack([0.7 * said, -0.7 * said + np.float32(1e-4)], axis=1)
    path.write_bytes(wav((both * 32767).astype("<i2").tobytes(), n_channels=2))

    np.testing.assert_allclose(np.abs(read_speech(path).samples), np.abs(0.7 * said), atol=1e-3)


@pytest.mark.parametrize(
    "codec", ["pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le", "pcm_alaw"]
)
def test_integers_and_floats_have_the_same_full_scale(make_sound: Any, clicks: Any, codec: str):
    samples = clicks(0.5, 16_000)

    heard = read_speech(make_sound("a.wav", samples, codec=codec)).samples

    assert np.abs(heard - samples).max() < 0.03


def test_resampling_keeps_level_and_time(make_sound: Any):
    time = np.arange(88_200) / 44_100
    tone = 0.5 * np.sin(2 * np.pi * 440 * time)
    heard = read_speech(make_sound("a.wav", tone.astype(np.float32), rate_hz=44_100, codec="pcm_f32le")).samples

    wanted = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(heard)) / 16_000)
    assert np.abs(heard - wanted)[200:-200].max() < 2e-3


def test_samples_that_are_not_numbers_become_silence(tmp_path: Path):
    samples = np.full(4000, 0.5, "<f4")
    samples[100], samples[200], samples[300] = np.nan, np.inf, -np.inf
    path = tmp_path / "nan.wav"
    path.write_bytes(wav(samples.tobytes(), bits=32, tag=3))

    heard = read_speech(path).samples

    assert np.isfinite(heard).all()
    assert heard[[100, 200, 300]].tolist() == [0, 0, 0]
    assert heard[150] == 0.5


def wav(
    data: bytes, *, bits: int = 16, tag: int = 1, before: bytes = b"", size: int | None = None, n_channels: int = 1
) -> bytes:
    """A RIFF file at 16 kHz, with chunks `before` its format and data."""
    width = n_channels * bits // 8
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, tag, n_channels, 16_000, 16_000 * width, width, bits)
    body = b"WAVE" + before + fmt + struct.pack("<4sI", b"data", len(data) if size is None else size) + data
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def test_wav_with_odd_chunks_and_a_wrong_size_is_read(tmp_path: Path):
    samples = (np.arange(3200) % 100 * 100).astype("<i2")
    odd = struct.pack("<4sI", b"LIST", 5) + b"INFOx\0" + struct.pack("<4sI", b"junk", 2) + b"ab"
    wanted = samples / np.float32(32768)
    for content, least in (
        (wav(samples.tobytes(), before=odd), 3200),
        (wav(samples.tobytes(), size=0xFFFFFFFF), 3200),  # written to a pipe
        (wav(samples.tobytes())[:-1], 3000),  # its last sample is cut in half; its last packet is lost
    ):
        path = tmp_path / "odd.wav"
        path.write_bytes(content)
        heard = read_speech(path).samples
        assert least <= len(heard) <= 3200
        assert np.array_equal(heard, wanted[: len(heard)])


def test_sound_that_starts_after_the_picture_is_led_by_silence(make_video: Any, clicks: Any):
    for ending, codec in (("mp4", "aac"), ("mkv", "pcm_s16le"), ("ts", "aac")):
        path = make_video(
            f"late.{ending}", n=60, sound=clicks(1.0, 48_000), sound_codec=codec, sound_start_s=Fraction(3, 10)
        )

        clip = read_speech(path)

        assert click_times(clip.samples, 16_000) == pytest.approx([0.55, 1.05], abs=2e-3), ending
        assert speech_duration(path) == pytest.approx(1.3, abs=0.03)


def test_speech_and_picture_of_one_file_have_one_clock(make_video: Any, clicks: Any):
    """The picture starts 0.4 s after the sound: time zero is the sound's start, for both."""
    path = make_video("late.mkv", n=20, ticks=range(10, 30), sound=clicks(1.0, 48_000), sound_codec="pcm_s16le")
    video = probe(path).video
    assert video is not None

    assert video.start_s == Fraction(2, 5)
    assert click_times(read_speech(path).samples, 16_000) == pytest.approx([0.25, 0.75], abs=1e-3)


@pytest.mark.parametrize(("name", "codec"), [("a.ts", "aac"), ("a.ogg", "libopus"), ("a.ogg", "flac")])
def test_recordings_put_together_whose_times_begin_again_are_heard_to_the_end(
    make_sound: Any, make_video: Any, clicks: Any, tmp_path: Path, name: str, codec: str
):
    part = make_sound(name, clicks(3.0, 48_000), rate_hz=48_000, codec=codec).read_bytes()
    whole = tmp_path / f"whole{Path(name).suffix}"
    whole.write_bytes(part + part)
    footage = open_footage(make_video(n=150, size=(64, 48)))

    heard = click_times(read_speech(whole).samples, 16_000)

    assert len(heard) == 12
    first, second = np.array(heard[:6]), np.array(heard[6:])
    assert second - first == pytest.approx(np.full(6, 3.0), abs=0.1)
    assert any(note.startswith("goes back in time") for note in oddities(whole))
    for ending in ("mp4", "mkv", "webm"):
        out = tmp_path / f"out.{ending}"
        plan = AudioPlan(whole)
        write_video(out, footage.frames(), footage.info, duration_s=Fraction(6), audio=plan, preset="ultrafast")
        assert click_times(read_speech(out).samples, 16_000) == pytest.approx(heard, abs=0.01), ending


def test_one_stray_time_stamp_moves_nothing():
    line = audio_module._Line()  # pyright: ignore[reportPrivateUsage]
    stamps = [0, 100, 200, 300, 20, 500, 600]

    places = [line.place(stamp * 160, 160 * 100 * k, 16_000) for k, stamp in enumerate(stamps)]

    assert places == [160 * 100 * k for k in range(7)]
    assert line.n_begun == 0


def test_a_gap_in_the_sound_is_silence(tmp_path: Path, clicks: Any):
    import av

    path = tmp_path / "gap.mkv"
    samples = (clicks(1.0, 16_000) * 32767).astype(np.int16)
    with av.open(str(path), "w") as opened:
        out: Any = opened
        stream = out.add_stream("pcm_s16le", rate=16_000)
        stream.codec_context.layout = "mono"
        for start in (0, 24_000):  # the second half second comes a second late
            part = samples[:8000] if start == 0 else samples[8000:]
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part[None, :]), "s16", "mono")
            frame.sample_rate, frame.time_base, frame.pts = 16_000, Fraction(1, 16_000), start
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))

    clip = read_speech(path)

    assert clip.duration_s == 2
    assert click_times(clip.samples, 16_000) == pytest.approx([0.25, 1.75], abs=2e-3)
    assert np.abs(clip.samples[8100:23900]).max() == 0


def test_damage_in_mid_file_keeps_the_clock(make_sound: Any, clicks: Any):
    path = make_sound("hurt.m4a", clicks(4.0, 16_000))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 600] = bytes(600)
    path.write_bytes(bytes(content))

    heard = click_times(read_speech(path).samples, 16_000)

    assert heard[:3] == pytest.approx([0.25, 0.75, 1.25], abs=2e-3)
    assert heard[-1] == pytest.approx(3.75, abs=2e-3)


def oddities(path: Path) -> list[str]:
    """What is told of a recording once it was heard."""
    notes: list[str] = []
    assert sum(len(piece) for piece in speech_pieces(path, notes=notes)) > 0
    return notes


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.wav", {}),
        ("a.flac", {}),
        ("a.mp3", {}),
        ("a.m4a", {"movflags": "faststart"}),
        ("a.mka", {}),
    ],
)
def test_speech_that_is_cut_off_is_told_of_where_its_header_knows(
    make_sound: Any, clicks: Any, tmp_path: Path, name: str, options: dict[str, str]
):
    whole = make_sound(name, clicks(6.0, 48_000), rate_hz=48_000, options=options)
    content = whole.read_bytes()
    cut = tmp_path / f"cut.{name}"
    cut.write_bytes(content[: len(content) // 2])

    heard_s = float(speech_duration(cut))

    assert oddities(whole) == []
    assert heard_s < 4
    told = oddities(cut)
    assert len(told) == 1
    assert told[0].startswith("is not whole: its header tells of 6.")
    assert f"{heard_s:.2f} s of it are there" in told[0]


def test_garbage_in_the_middle_of_speech_is_told_of(make_sound: Any, clicks: Any):
    path = make_sound("a.mp3", clicks(8.0, 44_100), rate_hz=44_100)
    content = bytearray(path.read_bytes())
    third = len(content) // 3
    content[third : third + 20_000] = np.random.default_rng(1).bytes(20_000)
    path.write_bytes(content)

    assert any(note.startswith("is damaged") for note in oddities(path))
    assert any(note.startswith("is not whole") for note in oddities(path))


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3", "a.m4a", "a.aac", "a.ogg", "a.mka", "a.ac3"])
def test_nothing_is_told_of_whole_speech(make_sound: Any, clicks: Any, name: str):
    assert oddities(make_sound(name, clicks(2.3, 48_000), rate_hz=48_000)) == []


def test_nothing_is_told_of_speech_whose_header_could_not_know_its_length(tmp_path: Path, make_sound: Any, clicks: Any):
    """FLAC out of a pipe, WAV of a recorder that was switched off, and MP3 of a varying bitrate without a count."""
    samples = np.concatenate([clicks(2.0, 44_100), np.zeros(8 * 44_100, np.float32)])
    flac = make_sound("a.flac", samples, rate_hz=44_100)
    content = bytearray(flac.read_bytes())
    content[21] &= 0xF0  # 36 bits for the number of samples
    content[22:26] = bytes(4)
    flac.write_bytes(content)
    mp3 = make_sound("a.mp3", samples, rate_hz=44_100, options={"write_xing": "0", "abr": "1"})
    live = make_sound("a.wav", samples, rate_hz=44_100)
    content = bytearray(live.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = b"\xff\xff\xff\xff"
    live.write_bytes(content)

    assert [oddities(path) for path in (flac, mp3, live)] == [[], [], []]


@pytest.mark.clips
def test_nothing_is_told_of_real_recordings(clips: Path):
    for path in sorted((clips / "speech").iterdir()):
        assert oddities(path) == [], path.name


def test_a_song_with_a_cover_picture_has_no_video(make_sound: Any, tmp_path: Path, clicks: Any):
    import av
    from av.stream import Disposition

    song = make_sound("song.m4a", clicks(0.5, 16_000))
    path = tmp_path / "cover.m4a"
    with av.open(str(song)) as source, av.open(str(path), "w", format="mp4") as opened:
        out: Any = opened
        sound = out.add_stream_from_template(source.streams.audio[0])
        cover = out.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt, cover.time_base = 32, 32, "yuvj420p", Fraction(1, 1000)
        cover.disposition = Disposition.attached_pic
        out.mux(cover.encode(av.VideoFrame(32, 32, "yuvj420p")))
        out.mux(cover.encode(None))
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = sound
                out.mux(packet)
        assert len(out.streams.video) == 1
    info = probe(path)

    assert len(info.audio) == 1
    assert info.video is None
    assert 8000 <= len(read_speech(path).samples) < 9100


def test_what_has_no_sound_says_so(make_video: Any, tmp_path: Path):
    with pytest.raises(NoAudio):
        read_speech(make_video())
    with pytest.raises(NoAudio):
        speech_duration(make_video())
    silent = tmp_path / "none.wav"
    silent.write_bytes(wav(b""))
    with pytest.raises(NoAudio):
        read_speech(silent)
    with pytest.raises(NoAudio):
        speech_duration(silent)
    with pytest.raises(MediaNotFound):
        read_speech(tmp_path / "nowhere.wav")
    text = tmp_path / "text.wav"
    text.write_text("not a wave")
    with pytest.raises(UnreadableMedia):
        read_speech(text)


def test_ten_milliseconds_are_enough(make_sound: Any):
    path = make_sound("short.wav", np.full(160, 0.1, np.float32))

    assert speech_duration(path) == Fraction(1, 100)
    assert len(read_speech(path).samples) == 160


@pytest.mark.clips
def test_real_speech_lasts_as_long_as_its_container_says(clips: Path):
    for path in sorted((clips / "speech").iterdir())[:6]:
        promised = probe(path).audio[0].duration_s

        assert abs(read_speech(path).duration_s - promised) <= Fraction(1, 16_000), path.name


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.m4a"])
@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 6, 8])
def test_rates_and_channels_of_every_kind_keep_time_and_level(
    make_sound: Any, clicks: Any, name: str, rate_hz: int, channels: int
):
    path = make_sound(name, np.tile(clicks(1.0, rate_hz), (channels, 1)), rate_hz=rate_hz)

    clip = read_speech(path)

    assert click_times(clip.samples, 16_000) == pytest.approx([0.25, 0.75], abs=1.5e-3)
    # an encoder leaves out a low-frequency channel above 120 Hz: the average of six is a sixth lower then
    assert np.abs(clip.samples).max() == pytest.approx(0.8, rel=0.25)


@pytest.mark.parametrize("rates_hz", [(44_100, 22_050), (22_050, 44_100), (48_000, 16_000)])
def test_recordings_put_together_at_different_rates_are_heard_to_the_end(
    make_sound: Any, tmp_path: Path, rates_hz: tuple[int, int]
):
    parts = [
        make_sound(
            f"{rate_hz}.mp3", (0.5 * np.sin(2 * np.pi * 220 * np.arange(2 * rate_hz) / rate_hz)), rate_hz=rate_hz
        )
        for rate_hz in rates_hz
    ]
    whole = tmp_path / "whole.mp3"
    whole.write_bytes(b"".join(part.read_bytes() for part in parts))

    samples = read_speech(whole).samples

    second = samples[int(2.3 * 16_000) : int(3.9 * 16_000)]
    loud = np.abs(second[: len(second) // 160 * 160].reshape(-1, 160)).max(axis=1)  # a period takes half of 160
    assert len(samples) == pytest.approx(4 * 16_000, abs=0.15 * 16_000)
    assert loud.min() > 0.4


def test_clipped_sound_and_sound_beyond_full_scale_are_finite_speech(make_sound: Any, make_video: Any, tmp_path: Path):
    time = np.arange(16_000) / 16_000
    loud = (3 * np.sin(2 * np.pi * 200 * time)).astype(np.float32)

    clipped = read_speech(make_sound("clipped.wav", np.clip(loud, -1, 1)))
    beyond = read_speech(make_sound("beyond.wav", loud, codec="pcm_f32le"))

    assert np.abs(clipped.samples).max() <= 1
    assert np.isfinite(beyond.samples).all()
    assert np.abs(beyond.samples).max() == pytest.approx(3, rel=1e-3)
    footage = open_footage(make_video(n=25, size=(96, 64)))
    out = tmp_path / "out.webm"
    plan = AudioPlan(tmp_path / "beyond.wav")
    write_video(out, footage.frames(), footage.info, duration_s=Fraction(1), audio=plan, preset="ultrafast")
    heard = read_speech(out).samples
    assert np.isfinite(heard).all()
    assert 0.9 < np.abs(heard[2000:-2000]).max() < 4


def test_silence_is_speech_of_its_length_that_says_nothing(make_sound: Any):
    for name in ("a.wav", "a.m4a", "a.opus"):
        clip = read_speech(make_sound(name, np.zeros(48_000, np.float32), rate_hz=48_000))
        assert abs(clip.duration_s - 1) < Fraction(1, 20)
        assert np.abs(clip.samples).max() < 1e-4


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.m4a", "a.opus"])
def test_ten_milliseconds_become_the_sound_of_a_video(make_sound: Any, make_video: Any, tmp_path: Path, name: str):
    path = make_sound(name, 0.1 * np.ones(480, np.float32), rate_hz=48_000)
    footage = open_footage(make_video(n=2, size=(96, 64)))
    for ending in ("mp4", "webm", "mkv"):
        out = tmp_path / f"out.{ending}"
        write_video(out, footage.frames(), footage.info, duration_s=Fraction(2, 25), audio=AudioPlan(path))
        assert probe(out).audio


TWO_HOURS = """
    import resource
    import sys
    from pathlib import Path

    from lipwright.media import read_speech, speech_duration

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10

    path = Path(sys.argv[1])
    speech_duration(Path(sys.argv[2]))  # what is loaded once
    before = peak()
    lasts_s = speech_duration(path)
    streamed = peak() - before
    clip = read_speech(path, 8_000)
    print(lasts_s, len(clip.samples), streamed, peak() - before - clip.samples.nbytes)
"""


def test_two_hours_need_memory_for_the_samples_and_nothing_else(make_sound: Any, tmp_path: Path):
    """Measured: 220 MB of samples at 8 kHz (440 MB at 16), and 4 MB beside them."""
    import av

    rate_hz, n_s = 8_000, 7_200
    path = tmp_path / "long.flac"
    with av.open(str(path), "w", options={}) as opened:
        out: Any = opened
        stream = out.add_stream("flac", rate=rate_hz, options={"compression_level": "0", "frame_size": "32768"})
        stream.codec_context.layout = "mono"
        block = av.AudioFrame.from_ndarray(np.zeros((1, 30 * rate_hz), np.int16), "s16", "mono")
        block.sample_rate, block.time_base = rate_hz, Fraction(1, rate_hz)
        for start in range(0, n_s * rate_hz, block.samples):
            block.pts = start
            out.mux(stream.encode(block))
        out.mux(stream.encode(None))
    short = make_sound("short.flac", np.zeros(rate_hz, np.float32), rate_hz=rate_hz)

    told = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(TWO_HOURS), str(path), str(short)],
        check=True, capture_output=True, text=True, timeout=120,
    ).stdout.split()  # fmt: skip

    lasts_s, n_samples, streamed, beside = map(int, told)
    assert (lasts_s, n_samples) == (n_s, n_s * rate_hz)
    assert streamed < 20 << 20
    assert beside < 40 << 20


def test_a_header_that_promises_a_day_of_sound_costs_no_memory(make_sound: Any):
    path = make_sound("day.mka", np.zeros(48_000, np.float32), rate_hz=48_000)
    content = bytearray(path.read_bytes())
    struct.pack_into(">d", content, content.index(b"\x44\x89\x88") + 3, 86_400_000.0)
    path.write_bytes(content)
    code = """
        import resource, sys
        from pathlib import Path
        from lipwright.media import read_speech
        import numpy
        limit = 3 << 30
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        print(len(read_speech(Path(sys.argv[1])).samples))
    """

    told = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(path)],
        check=False, capture_output=True, text=True, timeout=60, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip

    assert abs(int(told.stdout or 0) - 16_000) < 2000, told.stderr


def test_the_first_frames_of_a_file_are_decoded_once_however_often_it_is_read(
    make_video: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    first_frames = survey_module._first_frames  # pyright: ignore[reportPrivateUsage]

    def noted(container: Any, *others: Any) -> Any:
        looks.append(container.name)
        return first_frames(container, *others)

    monkeypatch.setattr(survey_module, "_first_frames", noted)
    sound = np.sin(np.arange(48_000) / 30, dtype=np.float32)
    path = make_video(n=25, sound=sound, sound_start_s=Fraction(1, 5))

    with ThreadPoolExecutor(2) as threads:  # side by side too
        read = threads.submit(read_speech, path)
        assert open_footage(path).info.audio[0].start_s > Fraction(1, 10)
    once = read.result().samples
    assert len(looks) == 1
    assert np.array_equal(read_speech(path).samples, once)
    assert len(looks) == 1

    make_video(n=25, sound=sound)  # another file of that name
    assert open_footage(path).info.audio[0].start_s < Fraction(1, 20)
    assert len(looks) == 2


def test_when_a_file_begins_is_told_without_opening_it_again(
    make_video: Any, make_sound: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_opened: Counter[Path] = Counter()
    opened = survey_module.opened

    def counted(path: Path) -> Any:
        n_opened[path] += 1
        return opened(path)

    monkeypatch.setattr(survey_module, "opened", counted)
    video, sound = make_video(n=25), make_sound("a.wav", np.zeros(4800, np.float32), rate_hz=48_000)

    for _ in range(3):
        assert survey_module.presentation_start(video) == 0
        assert survey_module.presentation_start(sound) is None, "sound alone begins with its first sample"
    assert n_opened == {video: 1, sound: 1}
    with pytest.raises(MediaNotFound):
        survey_module.presentation_start(tmp_path / "none.wav")


@pytest.mark.parametrize(("codec", "frame_bytes"), [("ac3", 256), ("ac3", 2560), ("dts", 1024), ("dts", 4096)])
def test_sound_in_disguise_is_told_from_samples_by_its_first_packets(tmp_path: Path, codec: str, frame_bytes: int):
    """AC-3 and DTS are handed round as WAV files that claim to be the sound of a CD; played as that, it is noise."""
    path = tmp_path / "disguised.wav"
    with wave.open(str(path), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(48_000)
        out.writeframes(ac3(frame_bytes) if codec == "ac3" else dts(frame_bytes))

    assert probe(path).audio[0].codec == codec


def ac3(frame_bytes: int) -> bytes:
    """Three seconds of a tone; a frame is heard for 32 ms at 48 kHz."""
    raw = io.BytesIO()
    with av.open(raw, "w", format="ac3") as out:
        stream = out.add_stream("ac3", rate=48_000)
        assert isinstance(stream, av.AudioStream)
        stream.layout = "stereo"
        stream.bit_rate = frame_bytes * 8 * 1000 // 32
        tone = np.tile(np.sin(np.arange(3 * 48_000) / 17, dtype=np.float32) / 3, (2, 1))
        frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="stereo")
        frame.sample_rate = 48_000
        for piece in (frame, None):
            out.mux(stream.encode(piece))
    return raw.getvalue()


def dts(frame_bytes: int) -> bytes:
    """Frames with the header that ETSI TS 102 114 asks for (512 samples, stereo, 44.1 kHz) and noise in them."""
    fields = [(0x7FFE8001, 32), (1, 1), (31, 5), (0, 1), (15, 7), (frame_bytes - 1, 14), (2, 6), (8, 4), (15, 5)]
    fields += [(0, 29)]
    bits = "".join(f"{value:0{width}b}" for value, width in fields)
    header = int(bits, 2).to_bytes(len(bits) // 8, "big")
    noise = np.random.default_rng(0)
    frames = b"".join(header + noise.bytes(frame_bytes - len(header)) for _ in range(100))
    return np.frombuffer(frames, ">u2").astype("<u2").tobytes()
