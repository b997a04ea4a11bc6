"""Spots that are worth a look: where something is wrong, how wrong, and what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lipwright.metrics.closures import HIT_IO, Meeting
from lipwright.metrics.measure import Floats

MOST: Final = 30
"""So many are told, the worst ones."""
_SMOOTH_S = 0.4
_SHORTEST_S = 0.2
_MISMATCH_IO = 0.07
_WORST_MISMATCH_IO = 0.16
_SOFT = 0.5
_MOVING_IO = 0.05
_EDGE_FRAMES = 2
_SHORTEST_PASS_S = 0.3


@dataclass(frozen=True, slots=True)
class Flag:
    """One spot."""

    start_s: float
    stop_s: float
    kind: str
    """Such as "weak_closure"."""
    severity: float
    """0..1."""
    says: str

    def as_dict(self) -> dict[str, Any]:
        return {
            "start_s": round(self.start_s, 3),
            "stop_s": round(self.stop_s, 3),
            "kind": self.kind,
            "severity": round(self.severity, 2),
            "says": self.says,
        }


def worst(flags: Iterable[Flag]) -> list[Flag]:
    """The `MOST` gravest of them, in order of time."""
    gravest = sorted(flags, key=lambda flag: -flag.severity)[:MOST]
    return sorted(gravest, key=lambda flag: flag.start_s)


def weak_closures(found: Sequence[Meeting]) -> list[Flag]:
    """Moments at which the lips must touch and do not."""
    return [
        Flag(
            one.start_s,
            one.stop_s,
            "weak_closure",
            min(1.0, 0.3 + (one.gap - HIT_IO) / 0.1),
            f"The lips should meet here, and stay {100 * one.gap:.1f} % of the eyes' distance apart.",
        )
        for one in found
        if not one.is_met
    ]


def mismatches(seen: Floats, planned: Floats, times_s: Floats) -> list[Flag]:
    """Stretches in which the opening (n,) IO is, on average over 0.4 s, far from the planned one."""
    away = _averaged(np.abs(seen - planned), times_s)
    return [
        Flag(
            start_s, stop_s, "mismatch", min(1.0, peak / _WORST_MISMATCH_IO),
            f"The mouth is up to {100 * peak:.0f} % of the eyes' distance off its plan.",
        )
        for start_s, stop_s, peak in _stretches(away > _MISMATCH_IO, away, times_s)
    ]  # fmt: skip


def soft_spots(mine: Floats, its: Floats, times_s: Floats) -> list[Flag]:
    """Stretches in which the mouth has less than half the sharpness (n,) of the footage's."""
    ratio = _averaged(mine, times_s) / np.maximum(_averaged(its, times_s), 1e-9)
    return [
        Flag(start_s, stop_s, "soft", min(1.0, 1.2 * peak), f"The mouth has {1 - peak:.0%} of the footage's sharpness.")
        for start_s, stop_s, peak in _stretches(ratio < _SOFT, 1 - ratio, times_s)
    ]


def moving_pauses(opening: Floats, is_pause: NDArray[np.bool_], times_s: Floats) -> list[Flag]:
    """Pauses in which the opening (n,) IO goes to and fro."""
    flags: list[Flag] = []
    for first, end in runs(is_pause, times_s):
        start, stop = first + _EDGE_FRAMES, end - _EDGE_FRAMES
        if stop - start < 2:
            continue
        reach = float(np.ptp(opening[start:stop]))
        if times_s[stop - 1] - times_s[start] >= _SHORTEST_S and reach > _MOVING_IO:
            flags.append(
                Flag(
                    float(times_s[start]), float(times_s[stop - 1]), "moving_pause", min(1.0, reach / 0.12),
                    f"Nothing is said, and the mouth opens and closes by {100 * reach:.0f} % of the eyes' distance.",
                )
            )  # fmt: skip
    return flags


def lost_spots(is_lost: NDArray[np.bool_], times_s: Floats) -> list[Flag]:
    """Stretches in which the footage shows the face and the result does not."""
    return [
        Flag(start_s, stop_s, "lost", min(1.0, 0.4 + (stop_s - start_s)), "The face is not found in the result.")
        for start_s, stop_s, _ in _stretches(is_lost, is_lost.astype(np.float64), times_s)
    ]


def passed_while_speaking(
    strip: Sequence[tuple[float, float, str]], is_said: NDArray[np.bool_], rate_hz: float, words: dict[str, str]
) -> list[Flag]:
    """Spans (start_s, stop_s, what) that were not rewritten although something is said, tick by tick (n,)."""
    flags: list[Flag] = []
    for start_s, stop_s, what in strip:
        low, high = round(start_s * rate_hz), round(stop_s * rate_hz)
        said_s = float(is_said[low:high].sum()) / rate_hz
        if what != "edited" and said_s >= _SHORTEST_PASS_S:
            flags.append(
                Flag(
                    start_s, stop_s, "not_edited", min(1.0, 0.3 + said_s / 3),
                    f"{said_s:.1f} s of speech without new lips: {words.get(what, what)}.",
                )
            )  # fmt: skip
    return flags


def runs(mask: NDArray[np.bool_], times_s: Floats) -> list[tuple[int, int]]:
    """Half-open runs of a mask (n,) over frames; a gap in time ends a run."""
    if not len(mask):
        return []
    gap_s = 2.5 * float(np.median(np.diff(times_s))) if len(times_s) > 1 else 1.0
    found: list[tuple[int, int]] = []
    start: int | None = None
    for k, is_in in enumerate(mask.tolist()):
        is_apart = k > 0 and times_s[k] - times_s[k - 1] > gap_s
        if start is not None and (not is_in or is_apart):
            found.append((start, k))
            start = None
        if is_in and start is None:
            start = k
    return [*found, (start, len(mask))] if start is not None else found


def _stretches(mask: NDArray[np.bool_], badness: Floats, times_s: Floats) -> list[tuple[float, float, float]]:
    """(start_s, stop_s, largest badness) of the runs that last long enough."""
    found = [(float(times_s[a]), float(times_s[b - 1]), float(badness[a:b].max())) for a, b in runs(mask, times_s)]
    return [one for one in found if one[1] - one[0] >= _SHORTEST_S]


def _averaged(values: Floats, times_s: Floats) -> Floats:
    """(n,) means over `_SMOOTH_S`, each within its own stretch of time."""
    out = np.empty(len(values))
    for start, stop in runs(np.ones(len(values), np.bool_), times_s):
        part, at_s = values[start:stop], times_s[start:stop]
        total = np.concatenate([[0.0], np.cumsum(part)])
        low = np.searchsorted(at_s, at_s - _SMOOTH_S / 2)
        high = np.searchsorted(at_s, at_s + _SMOOTH_S / 2, side="right")
        out[start:stop] = (total[high] - total[low]) / (high - low)
    return out
