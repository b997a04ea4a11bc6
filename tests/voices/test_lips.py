"""The result, looked at again: lips that meet where they must."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest

from lipwright import media
from lipwright.core.options import SyncOptions
from lipwright.demo import picture_path
from lipwright.service.speech import say
from lipwright.vision import shape
from lipwright.vision.colour import to_rgb
from lipwright.vision.track import MeshTracker

N_SENTENCES = int(os.environ.get("LIPWRIGHT_TEST_SENTENCES", "0"))


def gaps_where_the_lips_must_meet(footage: Path, output: Path, text: str) -> tuple[list[float], float]:
    """The least gap, IO, around each p, b and m of what `footage` says, tracked again; and the widest of all."""
    said = say(footage, text, output, voice="James", language="en", options=SyncOptions(preset="ultrafast"))
    landmarks, times_s = [], []
    for frame, faces in MeshTracker().track(media.open_footage(output).frames(writable=False)):
        landmarks.append(faces[0].landmarks)
        times_s.append(float(frame.time_s))
    gap = shape.largest_gap(shape.pose_shapes(np.array(landmarks, np.float64)).shapes)
    at_s = np.array(times_s)
    assert said.utterance.phones is not None
    spans = [item.span for item in said.utterance.phones if item.value.looks[0] == "PBM"]
    near = [(at_s >= float(span.start_s) - 0.04) & (at_s <= float(span.stop_s) + 0.02) for span in spans]
    return [float(gap[frames].min()) for frames in near], float(gap.max())


@pytest.mark.clips
def test_p_b_and_m_are_shut_in_the_video_and_the_mouth_opens_between_them(clips: Path, tmp_path: Path) -> None:
    gaps, widest = gaps_where_the_lips_must_meet(
        clips / "video" / "vr_2.mp4", tmp_path / "out.mp4", "Bob and my mum paid."
    )

    assert len(gaps) == 6
    assert max(gaps) < 0.01
    assert widest > 0.04


def test_a_picture_that_shows_its_teeth_shuts_its_lips_too(tmp_path: Path) -> None:
    gaps, widest = gaps_where_the_lips_must_meet(picture_path(), tmp_path / "out.mp4", "Bob and my mum paid.")

    assert len(gaps) == 6
    assert max(gaps) < 0.01
    assert widest > 0.04


@pytest.mark.clips
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not N_SENTENCES, reason="minutes of work: set LIPWRIGHT_TEST_SENTENCES=50 to do it")
@pytest.mark.parametrize(
    ("name", "is_picture"),
    [("", True), ("ls_demo1", True), ("vr_4", True), ("vr_2", False), ("reporter_71s", False)],
)
def test_p_b_and_m_are_shut_over_many_sentences(name: str, is_picture: bool, clips: Path, tmp_path: Path) -> None:
    """Of pictures cut from the first frames of clips (the bundled one without a name), and of clips."""
    footage = clips / "video" / f"{name}.mp4" if name else picture_path()
    if name and is_picture:
        footage = first_frame(footage, tmp_path / f"{name}.png")
    sentences = Path(__file__).with_name("sentences.txt").read_text(encoding="utf-8").splitlines()[:N_SENTENCES]

    gaps, _ = gaps_where_the_lips_must_meet(footage, tmp_path / "out.mp4", " ".join(sentences))

    shut = np.array(gaps) < 0.01
    print(f"{name or 'bundled portrait'}: {shut.sum()} of {len(shut)} shut, the widest {max(gaps):.3f}")
    assert shut.mean() >= 0.97


def first_frame(video: Path, output: Path) -> Path:
    """A PNG of the first frame."""
    frame = next(iter(media.open_footage(video).frames(writable=False)))
    height, width = frame.planes[0].shape
    planes: list[Any] = [cv2.resize(cast("Any", plane), (width, height)) for plane in frame.planes[:3]]
    rgb = to_rgb(planes, frame)
    assert cv2.imwrite(str(output), np.ascontiguousarray(rgb[..., ::-1]))
    return output
