"""How footage is made as long as the speech: which source frame is shown when.

footage   0 1 2 3          4 frames, speech of 10
cut       0 1 2 3                     end with the footage
loop      0 1 2 3 0 1 2 3 0 1         start again
bounce    0 1 2 3 2 1 0 1 2 3         turn round at either end
freeze    0 1 2 3 3 3 3 3 3 3         hold the last frame
remap     0 0 1 1 1 2 2 2 3 3         slow down evenly to fit

Lips move only where there is a frame to move them in: a picture of varying rate that stands for long is shown again
and again, as often as the footage's frames usually come.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from statistics import median_high
from typing import Final

from lipwright.core.media import Footage, VideoFrame, VideoInfo
from lipwright.core.options import WhenLong, WhenShort
from lipwright.core.time import frame_count
from lipwright.core.timeline import FramePlan

_LONG: Final = Fraction(7, 4)
"""Usual frames: what lasts longer stands. Film on a screen's clock (2:3) has frames of one and a half."""
_SHORTEST_S: Final = Fraction(1, 60)
"""Of what is shown again: clocks that jitter have frames of a millisecond."""
_HELD_S: Final = Fraction(1, 2)
"""A last frame that stands in for what is missing does so for no longer."""


def plan_frames(
    video: VideoInfo,
    speech_duration_s: Fraction,
    *,
    when_short: WhenShort = "bounce",
    when_long: WhenLong = "cut",
) -> FramePlan:
    """Choose the source frames that are shown during `speech_duration_s` of speech.

    Constant-rate footage stays on its exact grid `k / fps`. Footage of varying rate keeps each frame's own
    time and duration, also when it is looped or played backwards; slowed down, they stretch evenly. A frame that
    lasts much longer than they usually do is several entries, one after the other.
    Frame 0 of the plan is shown at time 0; a first frame that starts late is shown from the start, held once.
    Footage and speech that differ by less than one frame are the same length.
    Seamless footage, a portrait that lives, starts again whatever `when_short` says.
    """
    if speech_duration_s <= 0:
        raise ValueError(f"speech must last longer than 0 s, got {speech_duration_s}")
    if video.n_frames <= 0:
        raise ValueError("the footage has no frames")
    if video.is_seamless:
        when_short = "loop"
    if video.times_s:
        return _without_stills(_plan_vfr(video, speech_duration_s, when_short, when_long), _usual_s(video))
    return _plan_cfr(video, speech_duration_s, when_short, when_long)


def follow(plan: FramePlan, footage: Footage) -> Iterator[VideoFrame]:
    """The frames of `plan`, each with the time at which the plan shows it. Raises UnreadableMedia."""
    for frame, time_s in zip(footage.play(plan.order), plan.times_s, strict=True):
        frame.time_s = time_s
        yield frame


def is_in_own_time(plan: FramePlan, video: VideoInfo) -> bool:
    """Whether all that is shown is footage that runs as it was taken, in step with its own sound.

    Where footage was too short it turns round, starts again, stands or is slow, and its own sound is over or elsewhere.
    """
    return plan.duration_s < video.start_s + video.duration_s + 1 / video.fps


def cut(k: int, n: int, total: int) -> int | None:
    """Frame `k` of `total` wanted from `n` given: none beyond the end. cut(4, 4, 10) is None."""
    return k if k < n else None


def loop(k: int, n: int, total: int) -> int:
    """From the start again: loop(5, 4, 10) == 1."""
    return k % n


def bounce(k: int, n: int, total: int) -> int:
    """Backwards and forwards, the ends shown once: bounce(4, 4, 10) == 2, bounce(6, 4, 10) == 0."""
    if n == 1:
        return 0
    k %= 2 * n - 2
    return k if k < n else 2 * n - 2 - k


def freeze(k: int, n: int, total: int) -> int:
    """Hold the last frame: freeze(7, 4, 10) == 3."""
    return min(k, n - 1)


def remap(k: int, n: int, total: int) -> int:
    """Slow down evenly, from the first frame to the last: remap(9, 4, 10) == 3, remap(5, 4, 10) == 2."""
    return k * n // total if total > n else min(k, n - 1)


FILL: dict[WhenShort, Callable[[int, int, int], int | None]] = {
    "cut": cut,
    "loop": loop,
    "bounce": bounce,
    "freeze": freeze,
    "remap": remap,
}


def _plan_cfr(video: VideoInfo, speech_s: Fraction, when_short: WhenShort, when_long: WhenLong) -> FramePlan:
    fps = video.fps
    lead = round(video.start_s * fps)
    """Frames for which the first one is held, where the picture starts after the sound."""
    n = video.n_frames + lead
    wanted = frame_count(speech_s, fps)
    if (n > wanted and when_long == "keep") or wanted == n + 1 > speech_s * fps:
        wanted = n
    if when_short == "remap":
        picks = [max(0, remap(k, n, wanted) - lead) for k in range(wanted)]
    else:
        # held once, and never again: what is played again is the footage
        picks = [0 if k < lead else FILL[when_short](k - lead, video.n_frames, wanted) for k in range(wanted)]
    order = tuple(pick for pick in picks if pick is not None)
    return FramePlan(order, tuple(k / fps for k in range(len(order))), len(order) / fps)


def _plan_vfr(video: VideoInfo, speech_s: Fraction, when_short: WhenShort, when_long: WhenLong) -> FramePlan:
    starts = [Fraction(0), *video.times_s[1:]]
    end = max(video.start_s + video.duration_s, starts[-1] + Fraction(1, 1000))
    lasts = [b - a for a, b in zip(starts, [*starts[1:], end], strict=True)]
    n = len(starts)
    # less than one frame short counts as long enough: the last frame is held for the rest, unless that is long
    if end >= speech_s - min(lasts[-1], max(_usual_s(video), _HELD_S)):
        if end > speech_s and when_long == "cut":
            n = bisect_right(starts, speech_s)
            n -= 1 if n > 1 and starts[n - 1] == speech_s else 0
            return FramePlan(tuple(range(n)), tuple(starts[:n]), speech_s)
        return FramePlan(tuple(range(n)), tuple(starts), max(end, speech_s) if when_short != "cut" else end)
    if when_short == "cut":
        return FramePlan(tuple(range(n)), tuple(starts), end)
    if when_short == "freeze":
        return FramePlan(tuple(range(n)), tuple(starts), speech_s)
    if when_short == "remap":
        slower = speech_s / end
        return FramePlan(tuple(range(n)), tuple(start * slower for start in starts), speech_s)
    order: list[int] = []
    times: list[Fraction] = []
    now = Fraction(0)
    k = 0
    while now < speech_s:
        index = FILL[when_short](k, n, n)
        assert index is not None
        order.append(index)
        times.append(now)
        now += lasts[index]
        if k == 0:  # a late start is held once: played again, the first frame lasts its own time
            lasts[0] = max(lasts[0] - video.times_s[0], Fraction(1, 1000))
        k += 1
    return FramePlan(tuple(order), tuple(times), speech_s)


def _usual_s(video: VideoInfo) -> Fraction:
    """How long most frames of varying rate last. The average would be that of their holds too."""
    lasts = [b - a for a, b in pairwise(video.times_s)]
    return max(median_high(lasts or [video.duration_s]), _SHORTEST_S)


def _without_stills(plan: FramePlan, usual_s: Fraction) -> FramePlan:
    """The same pictures at the same times; one that stands for long is an entry every `usual_s`."""
    order: list[int] = []
    times: list[Fraction] = []
    for index, start, end in zip(plan.order, plan.times_s, [*plan.times_s[1:], plan.duration_s], strict=True):
        n = round((end - start) / usual_s) if end - start > _LONG * usual_s else 1
        order += [index] * n
        times += [start + k * usual_s for k in range(n)]
    return FramePlan(tuple(order), tuple(times), plan.duration_s)
