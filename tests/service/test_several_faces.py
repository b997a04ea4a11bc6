"""Several faces in one picture: each says its own, and nobody else changes."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import lipwright
from lipwright import articulation, media
from lipwright.core.errors import FaceNotFound, InvalidOption, MediaNotFound

LEFT, RIGHT = slice(0, 300), slice(300, 600)


@pytest.fixture(autouse=True)
def engines(still_package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(still_package))


@pytest.fixture(scope="session")
def couple(portrait: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people side by side, 600 x 300: the portrait, and the portrait an eighth of a second later. Half a second."""
    import av
    import cv2

    path = tmp_path_factory.mktemp("couple") / "couple.mp4"
    frames = [frame.planes[0].copy() for frame in media.open_footage(portrait).frames(writable=False)]
    with av.open(str(path), "w") as opened:
        out: Any = opened
        stream = out.add_stream("libx264", rate=25, options={"preset": "ultrafast", "crf": "8"})
        stream.width, stream.height, stream.pix_fmt = 600, 300, "gray"
        for k in range(12):
            halves = [cv2.resize(frames[k + shift], (300, 300), interpolation=cv2.INTER_AREA) for shift in (0, 3)]
            frame = av.VideoFrame.from_ndarray(np.hstack(halves).astype(np.uint8), "gray")
            frame.pts, frame.time_base = k, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.fixture
def two_speeches(make_sound: Any, short_speech: Path) -> tuple[Path, Path]:
    """0.6 s and 1 s."""
    samples = media.read_speech(short_speech).samples
    return make_sound("one.wav", samples[:9_600]), make_sound("other.wav", samples[2_000:18_000])


def luma(path: Path) -> NDArray[Any]:
    """(n, 300, 600)."""
    return np.stack([frame.planes[0].astype(int) for frame in media.open_footage(path).frames(writable=False)])


def test_each_face_says_its_own_and_the_footage_is_studied_once(
    couple: Path, two_speeches: tuple[Path, Path], tmp_path: Path
) -> None:
    told: list[tuple[str, int, int]] = []

    result = lipwright.sync(
        couple, None, tmp_path / "out.mp4", assign={1: two_speeches[0], 2: two_speeches[1]}, crf=6,
        progress=lambda *event: told.append(event),
    )  # fmt: skip
    lipwright.sync(couple, two_speeches[1], tmp_path / "still.mp4", engine="still", crf=6)

    changed = abs(luma(result.output) - luma(tmp_path / "still.mp4"))
    assert changed[:, :, LEFT].max() > 25
    assert changed[:, :, RIGHT].max() > 25
    assert [speaker.face_id for speaker in result.speakers] == [1, 2]
    assert all(speaker.render.n_edited > 8 for speaker in result.speakers)
    assert [done for phase, done, _ in told if phase == "study"] == list(range(1, 13))
    assert [done for phase, done, _ in told if phase == "render"] == list(range(1, 26))
    assert json.dumps(result.as_dict()["speakers"])


def test_who_is_not_asked_is_not_touched(couple: Path, two_speeches: tuple[Path, Path], tmp_path: Path) -> None:
    found = {face.face_id: face for face in lipwright.faces(couple)}
    speaker = next(face_id for face_id, face in found.items() if face.box.centre_px[0] < 300)

    lipwright.sync(couple, two_speeches[0], tmp_path / "out.mp4", face=str(speaker), crf=4)
    lipwright.sync(couple, two_speeches[0], tmp_path / "still.mp4", engine="still", crf=4)

    changed = abs(luma(tmp_path / "out.mp4") - luma(tmp_path / "still.mp4"))
    assert changed[:, :, LEFT].max() > 25
    assert changed[:, :, RIGHT].mean() < 0.5  # the encoder's
    assert changed[:, :, RIGHT].max() < 12


def test_the_output_lasts_as_long_as_the_longest_speech_and_holds_all_of_them(
    couple: Path, make_sound: Any, tmp_path: Path
) -> None:
    def burst(at_s: float, duration_s: float) -> NDArray[np.float32]:
        time_s = np.arange(round(duration_s * 16_000)) / 16_000
        return (0.5 * np.sin(2 * np.pi * 440 * time_s) * (abs(time_s - at_s) < 0.05)).astype(np.float32)

    one, other = make_sound("a.wav", burst(0.2, 0.5)), make_sound("b.wav", burst(0.8, 1.2))

    result = lipwright.sync(couple, one, tmp_path / "out.mp4", face="1", assign={"2": other}, engine="still")

    heard = media.read_speech(result.output).samples
    assert result.duration_s == result.speech_s == Fraction(6, 5)
    assert result.audio == "encoded"
    assert [speaker.speech_s for speaker in result.speakers] == [Fraction(1, 2), Fraction(6, 5)]
    for at_s in (0.2, 0.8):
        assert abs(heard[round((at_s - 0.04) * 16_000) : round((at_s + 0.04) * 16_000)]).max() > 0.3
    assert abs(heard[round(0.4 * 16_000) : round(0.6 * 16_000)]).max() < 0.05


def test_a_recording_that_several_faces_say_is_heard_once(
    couple: Path, two_speeches: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = two_speeches
    copy = tmp_path / "under another name.wav"
    copy.write_bytes(one.read_bytes())
    has_raised: list[bool] = []
    real = articulation.listen_to

    def listen_to(*given: Any, raises_quiet: bool) -> Any:
        has_raised.append(raises_quiet)
        return real(*given, raises_quiet=raises_quiet)

    monkeypatch.setattr(articulation, "listen_to", listen_to)
    alone = lipwright.sync(couple, one, tmp_path / "alone.mp4", face="1", engine="still")
    both = lipwright.sync(couple, one, tmp_path / "both.mp4", face="1", assign={2: copy}, engine="still")

    heard, twice = (media.read_speech(result.output).samples for result in (alone, both))
    assert len(both.speakers) == 2
    assert np.array_equal(heard, twice)
    assert all(has_raised)  # what is quiet in it is nobody else's
    lipwright.sync(couple, one, tmp_path / "two.mp4", face="1", assign={2: other}, engine="still")
    assert not all(has_raised)


def test_who_talks_on_without_those_who_were_chosen_is_told_of(clips: Path, tmp_path: Path, make_sound: Any) -> None:
    """An interview, cut A B: two seconds of each."""
    import av

    cut = tmp_path / "cut.mp4"
    with av.open(str(cut), "w") as opened:
        out: Any = opened
        stream = out.add_stream("libx264", rate=25, options={"preset": "ultrafast", "crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 458, 458, "yuv420p"
        for k, name in enumerate(("it_ref.mp4", "reporter_71s.mp4")):
            with av.open(str(clips / "video" / name)) as source:
                for j, frame in enumerate(islice(source.decode(video=0), 50)):
                    picture = frame.reformat(458, 458, "yuv420p")
                    picture.pts, picture.time_base = 50 * k + j, Fraction(1, 25)
                    out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    speech = make_sound("says.wav", np.zeros(64_000, np.float32))

    ours, theirs = (
        lipwright.sync(cut, speech, tmp_path / f"{face}.mp4", face=face, engine="still") for face in ("auto", "1")
    )
    notes = [note for note in ours.notes if "choose face" in note]

    assert len(notes) == 1
    chosen = ours.speakers[0].face_id
    assert f"Face {3 - chosen} talks on 2.0 s of this video without face {chosen} beside it" in notes[0]
    assert not [note for note in theirs.notes if "choose face" in note]  # who asked for a face knows


def test_assignments_that_cannot_be_are_refused(couple: Path, two_speeches: tuple[Path, Path], tmp_path: Path) -> None:
    one, other = two_speeches
    out = tmp_path / "out.mp4"

    with pytest.raises(InvalidOption, match="two speeches"):
        lipwright.sync(couple, one, out, face="1", assign={1: other}, engine="still")
    with pytest.raises(InvalidOption, match="more speeches than faces"):
        lipwright.sync(couple, one, out, assign={1: other, 2: one}, engine="still")
    with pytest.raises(FaceNotFound):
        lipwright.sync(couple, None, out, assign={7: one}, engine="still")
    with pytest.raises(MediaNotFound):
        lipwright.sync(couple, one, out, assign={1: tmp_path / "missing.wav"}, engine="still")
    with pytest.raises(InvalidOption, match="give a recording"):
        lipwright.sync(couple, None, out, engine="still")
    assert not out.exists()


def test_the_second_run_says_that_it_remembered(portrait: Path, short_speech: Path, tmp_path: Path) -> None:
    first, second = (
        lipwright.sync(portrait, short_speech, tmp_path / f"{k}.mp4", cache=tmp_path / "kept") for k in range(2)
    )

    assert (first.is_recalled, second.is_recalled) == (False, True)
    assert second.as_dict()["is_recalled"] is True
    assert (tmp_path / "0.mp4").read_bytes() == (tmp_path / "1.mp4").read_bytes()


def test_who_speaks_in_the_footage_is_learned_from_and_the_result_tells(
    clips: Path, portrait: Path, tmp_path: Path, short_speech: Path
) -> None:
    talker = lipwright.sync(clips / "video" / "vr_4.mp4", short_speech, tmp_path / "talker.mp4")
    silent = lipwright.sync(portrait, short_speech, tmp_path / "silent.mp4")

    assert 4 < talker.speakers[0].as_dict()["learned_s"] < float(talker.source_s)
    assert silent.speakers[0].as_dict()["learned_s"] == 0


def test_footage_out_of_step_is_told_and_the_result_is_not(clips: Path, tmp_path: Path, make_sound: Any) -> None:
    """it_ref shows lips some 70 ms behind its own sound."""
    speech = make_sound("short.wav", media.read_speech(clips / "speech" / "jfk.flac").samples[:16_000])

    result = lipwright.sync(clips / "video" / "it_ref.mp4", speech, tmp_path / "out.mp4", engine="still")

    (speaker,) = result.speakers
    assert speaker.av_offset_s == pytest.approx(0.07, abs=0.03)
    assert any("behind its sound" in note for note in result.notes)


def test_lips_beside_the_speech_of_another_are_not_told_to_be_out_of_step(
    clips: Path, tmp_path: Path, make_sound: Any
) -> None:
    """Footage that was dubbed: in four seconds its lips seem to be some 160 ms ahead of a sound that is not theirs."""
    import av

    german = make_sound("german.flac", media.read_speech(clips / "speech" / "deyu.flac").samples[:64_000])
    speech = make_sound("short.wav", media.read_speech(clips / "speech" / "jfk.flac").samples[:16_000])
    dubbed = tmp_path / "dubbed.mkv"
    with (
        av.open(str(clips / "video" / "vr_4.mp4")) as video,
        av.open(str(german)) as sound,
        av.open(str(dubbed), "w") as opened,
    ):
        out: Any = opened
        given = [video.streams.video[0], sound.streams.audio[0]]
        made = [out.add_stream_from_template(stream) for stream in given]
        for opened_source, source, stream in zip((video, sound), given, made, strict=True):
            for packet in opened_source.demux(source):
                if packet.dts is not None:
                    packet.stream = stream
                    out.mux(packet)

    result = lipwright.sync(dubbed, speech, tmp_path / "out.mp4", engine="still")

    assert not [note for note in result.notes if "its sound" in note]
