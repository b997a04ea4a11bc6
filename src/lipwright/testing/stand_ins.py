"""Small stand-ins for what surrounds an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import islice

import numpy as np

from lipwright.core.face import TrackedFace
from lipwright.core.media import Footage, SourceInfo, VideoFrame
from lipwright.core.timeline import N_SHAPE, MouthTrack, SpeakingStyle
from lipwright.engines.base import Tracker

TICK_RATE_HZ = Fraction(50)


class Excerpt:
    """The first `n_frames` of some footage."""

    def __init__(self, whole: Footage, n_frames: int) -> None:
        video = whole.info.video
        assert video is not None
        n_frames = min(n_frames, video.n_frames)
        times_s = video.times_s[:n_frames]
        short = replace(video, n_frames=n_frames, duration_s=n_frames / video.fps, times_s=times_s)
        self._whole = whole
        self._n_frames = n_frames
        self._info = replace(whole.info, video=short)

    @property
    def info(self) -> SourceInfo:
        return self._info

    def frames(self, *, writable: bool = True) -> Iterator[VideoFrame]:
        return islice(self._whole.frames(writable=writable), self._n_frames)

    def play(self, order: Sequence[int]) -> Iterator[VideoFrame]:
        return self._whole.play(order)


class RecordedFaces:
    """A tracker that remembers: what `inner` found in `footage`, told again as often as wanted, at no cost."""

    def __init__(self, inner: Tracker, footage: Footage) -> None:
        self._faces = {frame.index: faces for frame, faces in inner.track(footage.frames(writable=False))}

    def track(self, frames: Iterable[VideoFrame]) -> Iterator[tuple[VideoFrame, list[TrackedFace]]]:
        for frame in frames:
            yield frame, list(self._faces[frame.index])


class HiddenFaces:
    """A tracker that finds nobody on the frames for which `is_hidden(index)` holds, and asks `inner` on the others."""

    def __init__(self, inner: Tracker, is_hidden: Callable[[int], bool]) -> None:
        self._inner = inner
        self._is_hidden = is_hidden

    def track(self, frames: Iterable[VideoFrame]) -> Iterator[tuple[VideoFrame, list[TrackedFace]]]:
        for frame, faces in self._inner.track(frames):
            yield frame, [] if self._is_hidden(frame.index) else faces


def babble(duration_s: Fraction, style: SpeakingStyle, *, syllables_hz: float = 4.0) -> MouthTrack:
    """A mouth that opens and closes evenly within the person's own range, after a tenth of a second of rest."""
    n = max(1, round(duration_s * TICK_RATE_HZ))
    time_s = np.arange(n) / float(TICK_RATE_HZ)
    swing = np.sin(2 * np.pi * syllables_hz * time_s)
    coefficients = np.tile(style.mean.astype(np.float64), (n, 1))
    coefficients[:, 0] += swing * float(style.spread[0])
    coefficients[:, 1] += 0.5 * np.roll(swing, 3) * float(style.spread[1])
    is_rest = time_s < 0.1
    coefficients[is_rest] = style.rest
    closure = np.where((swing < -0.95) & ~is_rest, 1.0, 0.0)
    assert coefficients.shape == (n, N_SHAPE)
    return MouthTrack(
        coefficients.astype(np.float32), closure.astype(np.float32), is_rest.astype(np.float32), TICK_RATE_HZ
    )
