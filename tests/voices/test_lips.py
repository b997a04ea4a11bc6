"""The result, looked at again: lips that meet where they must."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lipwright import media
from lipwright.core.options import SyncOptions
from lipwright.service.speech import say
from lipwright.vision import shape
from lipwright.vision.track import MeshTracker


@pytest.mark.clips
def test_p_b_and_m_are_shut_in_the_video_and_the_mouth_opens_between_them(clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    said = say(
        clips / "video" / "vr_2.mp4", "Bob and my mum paid.", output, voice="James", language="en",
        options=SyncOptions(preset="ultrafast"),
    )  # fmt: skip

    landmarks, times_s = [], []
    for frame, faces in MeshTracker().track(media.open_footage(output).frames(writable=False)):
        landmarks.append(faces[0].landmarks)
        times_s.append(float(frame.time_s))
    gap = shape.largest_gap(shape.pose_shapes(np.array(landmarks, np.float64)).shapes)
    at_s = np.array(times_s)

    assert said.utterance.phones is not None
    spans = [item.span for item in said.utterance.phones if item.value.looks[0] == "PBM"]
    near = [(at_s >= float(span.start_s) - 0.04) & (at_s <= float(span.stop_s) + 0.02) for span in spans]
    assert len(spans) == 6
    assert all(gap[frames].min() < 0.01 for frames in near)
    assert gap.max() > 0.04
