"""What the engine reads, the service takes in: files as programs and cameras write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipwright import media
from lipwright.fetch import sniff
from lipwright.fetch.sniff import HEAD_BYTES

from ..conftest import MakeSound, MakeVideo  # noqa: TID252  pytest gives tests no absolute name

PAL = (720, 576)


def is_taken_as(path: Path, kind: str) -> bool:
    found = sniff(path.read_bytes()[:HEAD_BYTES])
    return found is not None and kind in found.kinds


@pytest.mark.parametrize(
    ("name", "codec", "size"),
    [("a.ts", "mpeg2video", (192, 108)), ("a.m2ts", "mpeg2video", (192, 108)), ("a.ivf", "libvpx", (192, 108)),
     ("a.nut", "mpeg4", (192, 108)), ("a.gxf", "mpeg2video", PAL), ("a.dv", "dvvideo", PAL),
     ("a.y4m", "rawvideo", (192, 108)), ("a.h264", "libx264", (192, 108)), ("a.m2v", "mpeg2video", (192, 108))],
)  # fmt: skip
def test_footage_is_known_by_its_first_bytes(
    make_video: MakeVideo, name: str, codec: str, size: tuple[int, int]
) -> None:
    sound: dict[str, Any] = {}
    if name == "a.dv":
        sound = {"sound": np.zeros((2, 48_000), np.float32), "sound_codec": "pcm_s16le"}
    path = make_video(name, codec=codec, size=size, n=10, **sound)

    assert media.probe(path).video is not None
    assert is_taken_as(path, "video")


@pytest.mark.parametrize("n_lost", [1, 100, 187])
def test_a_transport_stream_may_begin_within_a_packet(make_video: MakeVideo, n_lost: int) -> None:
    path = make_video("whole.ts", codec="mpeg2video", n=10)
    path.write_bytes(path.read_bytes()[n_lost:])

    assert media.probe(path).video is not None
    assert is_taken_as(path, "video")


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.w64", "pcm_s16le"), ("a.ac3", "ac3"), ("a.eac3", "eac3"), ("a.wv", "wavpack"), ("a.tta", "tta"),
     ("a.voc", "pcm_s16le"), ("a.mp2", "mp2")],
)  # fmt: skip
def test_sound_is_known_by_its_first_bytes(make_sound: MakeSound, name: str, codec: str) -> None:
    path = make_sound(name, np.zeros(24_000, np.float32), rate_hz=48_000, codec=codec)

    assert media.probe(path).audio
    assert is_taken_as(path, "audio")


def test_a_text_with_the_sign_of_a_packet_here_and_there_is_no_transport_stream() -> None:
    assert sniff((b"x" * 30 + b"G" + b"x" * 157) * 4 + b"and on " * 500) is None
