"""The result, looked at again: lips that meet where they must."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lipwright import media
from lipwright.core.options import SyncOptions
from lipwright.demo import picture_path
from lipwright.service.speech import say
from lipwright.vision import shape
from lipwright.vision.track import MeshTracker


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
