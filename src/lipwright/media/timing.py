"""Presentation times: from a container's ticks to exact seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

USUAL_RATES = tuple(
    Fraction(*rate)
    for rate in (
        (25, 1), (30, 1), (24, 1), (30000, 1001), (24000, 1001), (50, 1), (60, 1), (60000, 1001),
        (12, 1), (15, 1), (10, 1), (48, 1), (48000, 1001), (90, 1), (100, 1), (120, 1), (120000, 1001), (240, 1),
        (12000, 1001), (15000, 1001), (25, 2), (5, 1), (8, 1), (20, 1),
    )
)  # fmt: skip
"""Frame rates that cameras, editors and the web really use, the usual ones first."""

MOST = 1_000_000
"""Of a measured rate's numerator and denominator: FFmpeg's fractions hold 31 bits, and players count in them."""

LONG_LAST = 10
"""Usual frames: a last one that is said to last longer is not believed by its own word."""

FEWEST_FPS, MOST_FPS = 20, 60
"""What is believed of one frame's rate: an AVIF declares 1, a GIF its clock, 100, or how long the picture is shown."""


@dataclass(frozen=True, slots=True)
class Timing:
    """When the frames of a video are shown."""

    fps: Fraction
    """The exact rate where it is constant, else the average."""
    is_vfr: bool
    times_s: tuple[Fraction, ...]
    """From the first frame, for a varying rate; empty for a constant one."""
    duration_s: Fraction
    """From the start of the first frame to the end of the last."""


def constant_rate(
    ticks: NDArray[np.int64], time_base: Fraction, declared: Sequence[Fraction | None]
) -> Fraction | None:
    """The rate of which `ticks` (sorted, in units of `time_base`) are the rounded times, or None.

    A rate fits if each frame lies within one tick of its place on the grid. Rates that the container
    declares are tried first, but a usual rate within 1e-4 of them wins (a millisecond clock makes
    19001/317 of 60000/1001).
    """
    n = len(ticks)
    if n == 1:
        known = [rate for rate in declared if rate is not None and FEWEST_FPS <= rate <= MOST_FPS]
        return _usual_near(known[0]) if known else Fraction(25)
    span = Fraction(int(ticks[-1] - ticks[0])) * time_base
    if span <= 0:
        return None
    measured = Fraction(n - 1) / span
    slack = 2 * time_base / span  # both ends may be off by a tick
    candidates = [_usual_near(rate) for rate in declared if rate is not None and rate > 0]
    candidates += [rate for rate in declared if rate is not None and rate > 0]
    candidates += list(USUAL_RATES)
    candidates.append(measured.limit_denominator(1001))
    candidates.append(bounded(measured))
    for rate in candidates:
        if abs(rate / measured - 1) <= slack + Fraction(1, 1_000_000) and fits(ticks, time_base, rate):
            return rate
    return None


def bounded(rate: Fraction) -> Fraction:
    """The nearest rate that is a fraction of numbers up to MOST."""
    near = rate.limit_denominator(max(1, int(MOST / max(1, rate))))
    return min(max(near, Fraction(1, MOST)), Fraction(MOST))


def fits(ticks: NDArray[np.int64], time_base: Fraction, rate: Fraction) -> bool:
    """Whether frame k lies at `k / rate` after the first, to one tick of the clock."""
    step = 1 / (rate * time_base)  # ticks for each frame
    k = np.arange(len(ticks), dtype=np.float64)
    off = (ticks - ticks[0]) - k * float(step)
    # the first frame may itself be rounded: only the spread of the differences counts
    return float(off.max() - off.min()) <= 1.01


def timing(
    ticks: NDArray[np.int64],
    time_base: Fraction,
    declared: Sequence[Fraction | None],
    last_ticks: int | None,
    end_tick: int | None = None,
) -> Timing:
    """Timing of frames at `ticks`, sorted and strictly increasing; `last_ticks` is how long the last one is shown.

    One that stands for long is believed as far as the file ends at `end_tick`, where it tells that.
    """
    rate = constant_rate(ticks, time_base, declared)
    if rate is not None:
        return Timing(rate, False, (), len(ticks) / rate)
    first = int(ticks[0])
    times = tuple((int(tick) - first) * time_base for tick in ticks)
    usual = int(np.median(np.diff(ticks)))
    last = usual if last_ticks is None or last_ticks <= 0 else last_ticks
    if last > LONG_LAST * usual:
        last = max(usual, min(last, usual if end_tick is None else end_tick - int(ticks[-1])))
    duration = times[-1] + last * time_base
    return Timing(len(ticks) / duration, True, times, duration)


def n_missing(ticks: NDArray[np.int64]) -> int:
    """How many frames seem to be lost: gaps in a video that is otherwise of constant rate, 0 if it is not."""
    if len(ticks) < 8:
        return 0
    steps = np.diff(ticks)
    usual = float(np.median(steps))
    near = np.abs(steps - usual) <= 1
    if usual <= 0 or near.all() or near.mean() < 0.9:
        return 0
    gaps = steps[~near] / usual
    is_whole = np.abs(gaps - np.round(gaps)) * usual <= 2
    # a frame that comes right after another is one too many, and makes up for none
    return int(np.maximum(np.round(gaps) - 1, 0).sum()) if is_whole.all() else 0


def strictly_increasing(ticks: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Sorted ticks with repeated ones moved up by the least that keeps the order, and how many were moved."""
    out = np.sort(ticks)
    moved = 0
    if len(out) > 1 and int(np.diff(out).min()) <= 0:
        for i in range(1, len(out)):
            if out[i] <= out[i - 1]:
                out[i] = out[i - 1] + 1
                moved += 1
    return out, moved


def _usual_near(rate: Fraction) -> Fraction:
    for usual in USUAL_RATES:
        if abs(rate / usual - 1) < Fraction(1, 10_000):
            return usual
    return rate
