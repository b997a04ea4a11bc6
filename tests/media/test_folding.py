"""Sound of many channels: as loud as it was, whatever of it the container holds."""

from __future__ import annotations

import struct
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.media import AudioPlan, Written, open_footage, write_video
from lipwright.media.audio import Sound
from lipwright.media.folding import folding, within_full_scale
from lipwright.media.opening import opened

RATE_HZ = 16_000
QUAD, SURROUND, SURROUND_7, SIDES = 0x33, 0x3F, 0x70F, 0x600
UNKNOWN = 0


def wav(path: Path, planes: NDArray[np.float32], mask: int) -> Path:
    """WAVE_FORMAT_EXTENSIBLE: `mask` says which loudspeaker each channel is for."""
    n_channels = len(planes)
    body = (planes.T * 32767).astype("<i2").tobytes()
    kind = bytes.fromhex("0100000000001000800000aa00389b71")
    per_frame = 2 * n_channels
    head = struct.pack(
        "<HHIIHHHHI16s", 0xFFFE, n_channels, RATE_HZ, RATE_HZ * per_frame, per_frame, 16, 22, 16, mask, kind
    )
    chunks = b"".join(name + struct.pack("<I", len(data)) + data for name, data in ((b"fmt ", head), (b"data", body)))
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)
    return path


def tone(level: float) -> NDArray[np.float32]:
    return (level * np.sin(2 * np.pi * 220 * np.arange(2 * RATE_HZ) / RATE_HZ)).astype(np.float32)


def written(make_video: Any, out: Path, speech: Path) -> tuple[Written, NDArray[np.float32]]:
    """What was written, and the channels that are heard in it, away from its ends."""
    footage = open_footage(make_video(n=50, size=(64, 48)))
    done = write_video(
        out, footage.frames(), footage.info, duration_s=Fraction(2), audio=AudioPlan(speech), preset="ultrafast"
    )
    with opened(out) as container:
        planes = np.concatenate(list(Sound(container, out).chunks()), axis=1)
    return done, planes[:, planes.shape[1] // 4 : -planes.shape[1] // 4]


@pytest.mark.parametrize(("n_channels", "ending"), [(9, "mp4"), (10, "mp4"), (32, "webm")])
def test_many_channels_become_two_as_loud_as_each_was_and_it_is_told(
    make_video: Any, tmp_path: Path, n_channels: int, ending: str
):
    speech = wav(tmp_path / "speech.wav", np.tile(tone(0.7), (n_channels, 1)), UNKNOWN)

    done, heard = written(make_video, tmp_path / f"out.{ending}", speech)

    assert len(heard) == 2
    assert heard.std() == pytest.approx(0.7 / np.sqrt(2), rel=0.05)
    assert np.abs(heard).max() < 0.8
    assert done.notes == (f"Sound of {n_channels} channels was brought together in 2 (stereo).",)


@pytest.mark.parametrize(
    ("n_channels", "mask", "ending"), [(6, SURROUND, "webm"), (4, QUAD, "webm"), (7, SURROUND_7, "mp4")]
)
def test_the_same_in_all_loudspeakers_stays_within_full_scale_in_two(
    make_video: Any, tmp_path: Path, n_channels: int, mask: int, ending: str
):
    speech = wav(tmp_path / "speech.wav", np.tile(tone(0.7), (n_channels, 1)), mask)

    done, heard = written(make_video, tmp_path / f"out.{ending}", speech)

    assert len(heard) == 2
    assert np.abs(heard).max() < 1.08  # a codec's ripple on what is flat; 1.7 where nothing is done
    assert done.notes == (f"Sound of {n_channels} channels was brought together in 2 (stereo).",)


def test_a_voice_in_the_middle_is_as_loud_in_two_as_it_was(make_video: Any, tmp_path: Path):
    planes = np.zeros((6, 2 * RATE_HZ), np.float32)
    planes[2] = tone(0.7)  # half of its power on each side
    speech = wav(tmp_path / "speech.wav", planes, SURROUND)

    _, heard = written(make_video, tmp_path / "out.webm", speech)

    assert heard.std(axis=1) == pytest.approx([0.35, 0.35], rel=0.05)


def test_what_is_loud_is_bent_and_what_is_not_is_left_alone():
    samples = np.linspace(-3, 3, 601, dtype=np.float32)

    limited = within_full_scale(samples)

    assert np.abs(limited).max() <= 1
    assert (np.diff(limited) >= 0).all()
    np.testing.assert_array_equal(limited[np.abs(samples) <= 0.8], samples[np.abs(samples) <= 0.8])


def test_two_channels_for_loudspeakers_at_the_sides_are_stereo(make_video: Any, tmp_path: Path):
    speech = wav(tmp_path / "speech.wav", np.stack([tone(0.7), tone(0.1)]), SIDES)

    done, heard = written(make_video, tmp_path / "out.mp4", speech)

    assert heard.std(axis=1) == pytest.approx([0.7 / np.sqrt(2), 0.1 / np.sqrt(2)], rel=0.1)
    assert done.notes == ()


@pytest.mark.parametrize("n_channels", [6, 8])
def test_channels_that_are_not_said_what_they_are_for_stay_in_their_order(
    make_video: Any, tmp_path: Path, n_channels: int
):
    levels = np.linspace(0.1, 0.95, n_channels)
    speech = wav(tmp_path / "speech.wav", np.stack([tone(level) for level in levels]), UNKNOWN)

    done, heard = written(make_video, tmp_path / "out.mp4", speech)

    is_voice = np.arange(n_channels) != 3  # the encoder leaves the low-frequency channel no 220 Hz
    assert heard.std(axis=1)[is_voice] == pytest.approx(levels[is_voice] / np.sqrt(2), rel=0.1)
    assert done.notes == ()


LAYOUTS = ["quad", "4.0", "5.0", "5.1", "5.1(side)", "6.1", "7.1", "7.1(wide)", "hexadecagonal", "22.2", "12 channels"]


@pytest.mark.parametrize(("layout", "into"), list(product(LAYOUTS, ["stereo", "4.0", "5.1", "7.1"])))
def test_no_voice_is_lost(layout: str, into: str):
    matrix = folding(layout, into)

    names = [channel.name for channel in av.AudioLayout(layout).channels]
    is_silent = matrix.sum(axis=0) == 0
    assert [name for name, silent in zip(names, is_silent, strict=True) if silent and not name.startswith("LFE")] == []


def test_left_stays_left_and_the_middle_is_heard_on_both_sides():
    matrix = folding("5.1", "stereo")  # FL FR FC LFE BL BR

    half = np.sqrt(0.5)
    assert matrix == pytest.approx(np.array([[1, 0, half, 0, half, 0], [0, 1, half, 0, 0, half]]))
