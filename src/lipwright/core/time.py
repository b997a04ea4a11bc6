"""Exact time: rates are `Fraction`, spans are half-open, and audio is indexed by time, never by frame count.

time   0/fps     1/fps     2/fps     3/fps
frame  [   0    )[   1    )[   2    )[ ...
sample [ 0 .. a )[ a .. b )[ b .. c )[ ...      a, b, c = round(k / fps * rate_hz)
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open stretch of time, `start_s <= t < stop_s`, in seconds."""

    start_s: Fraction
    stop_s: Fraction

    def __post_init__(self) -> None:
        if self.stop_s < self.start_s:
            raise ValueError(f"a span cannot end before it starts: {self.start_s} .. {self.stop_s}")

    @property
    def duration_s(self) -> Fraction:
        return self.stop_s - self.start_s


def sample_span(frame_index: int, fps: Fraction, rate_hz: int) -> range:
    """The audio samples heard while frame `frame_index` is shown.

    Consecutive spans tile the audio without gap or overlap, for any rational frame rate.
    """
    start = round(frame_index * rate_hz / fps)
    stop = round((frame_index + 1) * rate_hz / fps)
    return range(start, stop)


def frame_count(duration_s: Fraction, fps: Fraction) -> int:
    """Frames needed to cover `duration_s` at a constant rate: the last one may be shown in part."""
    return max(1, ceil(duration_s * fps))
