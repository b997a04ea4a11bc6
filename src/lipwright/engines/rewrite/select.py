"""Which frame of the same footage lends its mouth to which output frame.

Unit selection by dynamic programming over (donor, age): a donor is chosen for what its lips look like
(shape, pose, sharpness, how far they are open), plays on with the footage, or is held, and may be left
only after `MIN_SEGMENT_S`. Leaving it is cheap where the lips are closed and dear where teeth show:
an interior that changes from frame to frame ("boiling teeth") is the fault that people see first. At a change
both donors are seen for two frames, but for one that cannot be brought to what these show: there it is a cut.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipwright.vision import mesh
from lipwright.vision.shape import Floats, Points, opening, width

Float32 = NDArray[np.float32]

MIN_SEGMENT_S = 0.20
"""A donor segment lasts at least so long: what is seen of changes is how many there are in a second."""

_POSE_WEIGHT = np.array([0.25, 0.32, 0.08])
"""Cost of a pitch, yaw and roll difference, per radian."""
_MOVES = ((1, 0.0), (0, 0.0015), (-1, 0.0050), (2, 0.004))
"""Steps through the footage inside a segment, and what they cost: to and fro is dearer than to stay."""
_LEAST_TO_TELL = 40
"""Mouths from which it can be told how sharp each shape of lips usually is."""
_SEEN_BLUR = 0.35
"""Smaller differences of sharpness are not seen, or matched when the mouth is laid in."""
_DIFFERENT_IO = 0.01
"""Of their features: talking mouths differ by as much from frame to frame at 25 frames/s, the same mouth never."""
_DETAIL_SMALL, _DETAIL_LARGE = 4.0, 2.0
"""For each e-fold of its size below and above 100 px, so much more detail a face shows."""
_WIDTH_WEIGHT = 1.4
_SHUT_IO, _NEARLY_SHUT_IO = 0.010, 0.012
"""A mouth that is wanted less open than this is one that is shut; a donor less open than that serves as one."""
_STRETCHED = 1.5
"""So many times as far as it was a mouth is opened before it is seen to be; then each e-fold costs ..."""
_STRETCH_PRICE, _NO_INSIDE_PRICE = 0.3, 1.0
"""... so much, and more where the donor's lips were shut: there is nothing between them that could be shown."""
_APART_IO, _WIDE_APART_IO = 0.035, 0.07
"""A mouth that is wanted farther open than this shows its inside; twice as far, all of it."""
_NO_INSIDE_IO, _INSIDE_IO = 0.015, 0.03
_ALIKE = 1.3
"""Mouths are brought by so much to other openings, and nothing is seen of it."""
_ILL_BESIDE = 0.35
"""At a dissolve a donor that fits by so many e-folds worse than the other one is not seen."""
_CALM_IO = 0.004
"""Change of the wanted mouth from frame to frame from which it is free to change its texture too."""
_MOST_CHANGES = 0.10
"""Of the frames, as many at most may have a new donor ..."""
_DEARER = (0.03, 0.06, 0.10, 0.16)
"""... so leaving one becomes dearer by so much until that is so: who speaks fast gets mouths that fit less well."""
_N_SOURCES = 32
"""Jumps start from this many of the best states."""
_NOWHERE = 1e6
"""The cost of a state that cannot be reached."""
_BLOCK = 750
_LOOK_AHEAD = 100


@dataclass(frozen=True, slots=True, eq=False)
class MouthViews:
    """What selection knows of some mouths, one row each."""

    features: Float32
    """(n, d) shape features, IO."""
    gap: Float32
    """(n,) opening, IO."""
    turn: Float32
    """(n, 3) rotation vector, rad."""
    sharpness: Float32
    """(n,) log variance of the Laplacian around the mouth; of a donor, also that of its lips, if they are blurrier."""

    def __len__(self) -> int:
        return len(self.features)

    @property
    def width(self) -> Float32:
        """(n,) mouth width, IO."""
        return self.features[:, -1] / np.float32(_WIDTH_WEIGHT)

    def rows(self, which: NDArray[np.intp] | slice) -> MouthViews:
        return MouthViews(self.features[which], self.gap[which], self.turn[which], self.sharpness[which])


def shape_features(shapes: Points) -> Float32:
    """Lip outline, depth, gaps and width of canonical shapes: (n, 478, 3) -> (n, 248)."""
    lips = shapes[:, np.array(mesh.LIPS)]
    n = len(mesh.LIPS)
    upper = np.array((80, 81, 82, 13, 312, 311, 310))
    lower = np.array((88, 178, 87, 14, 317, 402, 318))
    return np.hstack(
        [
            lips[..., :2].reshape(len(shapes), -1) / np.sqrt(n),
            0.3 * lips[..., 2] / np.sqrt(n),
            (shapes[:, lower, 1] - shapes[:, upper, 1]) / np.sqrt(7),
            _WIDTH_WEIGHT * width(shapes)[:, None],
        ]
    ).astype(np.float32)


def mouth_views(shapes: Points, turn: Floats, sharpness: Floats, *, look: Points | None = None) -> MouthViews:
    """Views of frames: `look` gives the mouth (the target's), the rest is the frame's own."""
    mouth = shapes if look is None else look
    return MouthViews(
        shape_features(mouth),
        np.maximum(opening(mouth), 0).astype(np.float32),
        turn.astype(np.float32),
        sharpness.astype(np.float32),
    )


def count_different(features: Float32, most: int) -> int:
    """How many mouths of these features (n, d) differ from each other; counted up to `most`.

    Frames are no measure: many a second, a held mouth and a loop in the footage show the same again and again.
    """
    different = features[:0]
    for mouth in features:
        if len(different) >= most:
            break
        if (np.linalg.norm(different - mouth, axis=1) > _DIFFERENT_IO).all():
            different = np.concatenate([different, mouth[None]])
    return len(different)


def lending_cost(wanted: MouthViews, donors: MouthViews) -> Float32:
    """(n_wanted, n_donors): how ill each donor fits."""
    cost = _distances(wanted.features, donors.features)
    cost += _distances(wanted.turn * _POSE_WEIGHT.astype(np.float32), donors.turn * _POSE_WEIGHT.astype(np.float32))
    # what is blurred cannot be sharpened, and is seen at once in a sharp face; what is sharp can be softened
    blurrier = wanted.sharpness[:, None] - donors.sharpness[None]
    cost += np.clip(blurrier - _SEEN_BLUR, 0, 3) * 0.22 + np.clip(-blurrier - _SEEN_BLUR, 0, 3) * 0.02
    stretched = np.log(stretch(wanted.gap[:, None], donors.gap[None]))
    cost += 0.05 * np.abs(stretched)
    # lips that shall be shut and are not, in the donor, show a dark slit when they are brought together
    shut = np.clip(1 - wanted.gap / _SHUT_IO, 0, 1)
    cost += 2.0 * shut[:, None] * np.maximum(donors.gap[None] - _NEARLY_SHUT_IO, 0)
    # teeth may be uncovered by stretching only so far: beyond 1.4 times the donor's opening it smears
    cost += 0.25 * np.maximum((wanted.gap[:, None] - 1.4 * donors.gap[None] - 0.02), 0)
    shows = np.clip((wanted.gap - _APART_IO) / (_WIDE_APART_IO - _APART_IO), 0, 1)
    cost += _STRETCH_PRICE * shows[:, None] * np.maximum(stretched - np.float32(log(_STRETCHED)), 0)
    parts = np.clip((wanted.gap - _APART_IO) / 0.015, 0, 1)
    empty = np.clip((_INSIDE_IO - donors.gap) / (_INSIDE_IO - _NO_INSIDE_IO), 0, 1)
    cost += _NO_INSIDE_PRICE * parts[:, None] * empty[None]
    cost += 0.5 * np.maximum(np.abs(wanted.turn[:, None, 1] - donors.turn[None, :, 1]) - 0.22, 0)
    return cost


def stretch(wanted_io: Any, lent_io: Any) -> Any:
    """How many times as far mouths are opened as they were; the thinnest slits are not told apart."""
    return (wanted_io + 0.012) / (lent_io + 0.012)


def _distances(a: Float32, b: Float32) -> Float32:
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * (a @ b.T)
    return np.sqrt(np.maximum(squared, 0, out=squared))


def sharpness_to_lend(head: Floats, lips: Floats, gap: Floats, wide: Floats) -> Floats:
    """The sharpness (n,) with which mouths are lent: the head's, or less where the lips moved by themselves.

    `head`, `lips` (n,) are log variances of edges. Lips are held against what is usual for their opening `gap` and
    width `wide` (n,), IO: lips that are pressed together have other edges than rounded ones.
    """
    shape = np.stack([np.ones(len(gap)), gap, gap**2, wide, wide**2, gap * wide], axis=1)
    if len(gap) < _LEAST_TO_TELL:
        shape = shape[:, :2]
    usual = shape @ np.linalg.lstsq(shape, lips, rcond=None)[0]
    blur = lips - usual - np.percentile(lips - usual, 60)
    return np.minimum(head, np.percentile(head, 60) + blur)


def detail_of(io_px: Floats) -> Floats:
    """What faces (n,) so large show more than one of 100 px from eye to eye, as log variance of edges.

    Sharpness is measured where faces are seen small, alike for all: a mouth from a wide shot, as sharp as a small
    picture can be, is soft on a close-up.
    """
    size: Floats = np.log(np.maximum(io_px, 1.0) / 100)
    return _DETAIL_SMALL * np.minimum(size, 0) + _DETAIL_LARGE * np.maximum(size, 0)


def shortest_segment(frames_per_s: float) -> int:
    """The frames that a donor is kept for at least."""
    return max(2, round(MIN_SEGMENT_S * frames_per_s))


@dataclass(frozen=True, slots=True, eq=False)
class Donors:
    """Frames that may lend their mouth."""

    views: MouthViews
    neighbours: NDArray[np.intp]
    """(n,) running number in the footage: donors k and k+1 are consecutive frames where these differ by one."""
    looks: Float32
    """(n, d) small pictures of the mouth, code values 0..1."""

    def jump_cost(self, base: float) -> Float32:
        """(n, n): how visible it is to go on with donor k where donor j would have come next."""
        return (
            base
            + 0.3 * _distances(self.views.features, self.views.features)
            + 0.7 * (_distances(self.looks, self.looks) / np.float32(np.sqrt(self.looks.shape[1])))
        )


def choose_donors(
    wanted: MouthViews,
    donors: Donors,
    *,
    frames_per_s: float = 25,
    jump_base: float = 0.09,
    forbidden: Callable[[int], NDArray[np.bool_]] | None = None,
) -> NDArray[np.intp]:
    """The donor (row of `donors`) of each wanted mouth, (n_wanted,), in footage of so many `frames_per_s`.

    `forbidden(t)` masks donors (n_donors,) that frame t may not use. Works in blocks: memory does not grow
    with the length of the video.
    """
    n, n_ages = len(donors.views), shortest_segment(frames_per_s)
    jumps = donors.jump_cost(jump_base)
    chosen = np.empty(len(wanted), np.intp)
    steps = _step_sources(donors)
    state: Float32 | None = None
    start = 0
    while start < len(wanted):
        stop = min(len(wanted), start + _BLOCK)
        end = min(len(wanted), stop + _LOOK_AHEAD)
        some = wanted.rows(slice(start, end))
        cost = lending_cost(some, donors.views)
        if forbidden is not None:
            for t in range(start, end):
                cost[t - start, forbidden(t)] = 1e3
        # where teeth show a change is dear
        seen = np.clip((some.gap - 0.012) / 0.05, 0, 1)
        path_from = partial(
            _best_path, cost, visibility=0.15 + 0.85 * seen, steps=steps, calm=_calm(some.features), state=state,
            n_ages=n_ages,
        )  # fmt: skip
        path, ages = path_from(jumps)
        for dearer in _DEARER:
            if count_changes(path[: stop - start], donors.neighbours) <= max(1, _MOST_CHANGES * (stop - start)):
                break
            path, ages = path_from(jumps + np.float32(dearer))
        chosen[start:stop] = path[: stop - start]
        state = np.full((n_ages, n), _NOWHERE, np.float32)
        state[ages[stop - start - 1], path[stop - start - 1]] = 0
        start = stop
    return chosen


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """One way on through the footage."""

    source: NDArray[np.intp]
    """(n,) from which donor one arrives at each donor; -1: from none."""
    price: float
    unlike: Float32
    """(n,) how much the mouth changes by it."""


def _step_sources(donors: Donors) -> list[_Step]:
    place = {int(number): row for row, number in enumerate(donors.neighbours)}
    steps: list[_Step] = []
    for move, price in _MOVES:
        source = np.array([place.get(int(number) - move, -1) for number in donors.neighbours], np.intp)
        features, looks = (
            np.linalg.norm(values - values[np.maximum(source, 0)], axis=1)
            for values in (donors.views.features, donors.looks)
        )
        unlike = 0.3 * features + 0.7 * looks / np.sqrt(donors.looks.shape[1])
        steps.append(_Step(source, price, unlike.astype(np.float32)))
    return steps


def _calm(features: Float32) -> Float32:
    """(n,) 1 where the wanted mouth stands still, towards 0 where it moves: what stands still keeps its texture."""
    speed = np.linalg.norm(np.diff(features, axis=0, prepend=features[:1]), axis=1)
    return np.exp(-((speed / _CALM_IO) ** 2)).astype(np.float32)


def _best_path(
    cost: Float32,
    jumps: Float32,
    visibility: Float32,
    steps: list[_Step],
    calm: Float32,
    state: Float32 | None,
    n_ages: int,
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Viterbi over (age, donor). `state` (n_ages, n) is the cost before the first frame, if any.

    Returns donors and ages, (n_frames,) each.
    """
    n_frames, n = cost.shape
    oldest, n_sources = n_ages - 1, min(_N_SOURCES, n)
    move_from = np.zeros((n_frames, n_ages, n), np.int8)  # which move led here
    grew = np.zeros((n_frames, n), bool)  # whether the oldest age was reached just now
    jumps_from = np.zeros((n_frames, n_sources), np.intp)  # where a jump may begin, and what it has cost until there
    before_jump = np.zeros((n_frames, n_sources), np.float32)
    # the last column is where donors come from that have none before them
    here = np.full((n_ages, n + 1), _NOWHERE, np.float32)
    if state is None:
        here[0, :n] = cost[0]
    else:
        here[:, :n] = state
    arrivals = [np.where(step.source >= 0, step.source, n) for step in steps]
    # made once: the loop is as slow as what it allocates
    reached, best, jumped = (np.empty(shape, np.float32) for shape in ((n_ages, n), (n_ages, n), (n_sources, n)))
    better = np.empty((n_ages, n), bool)
    price = np.empty(n, np.float32)
    for t in range(1 if state is None else 0, n_frames):
        best.fill(2 * _NOWHERE)
        for number, step in enumerate(steps):
            np.multiply(calm[t], step.unlike, out=price)
            np.add(np.float32(step.price), price, out=price)
            here.take(arrivals[number], axis=1, out=reached, mode="clip")
            np.add(reached, price, out=reached)
            np.less(reached, best, out=better)
            np.copyto(move_from[t], number, where=better)
            np.minimum(reached, best, out=best)
        sources = np.argpartition(here[oldest, :n], min(_N_SOURCES, n - 1))[:n_sources]
        jumps_from[t], before_jump[t] = sources, here[oldest, sources]
        jumps.take(sources, axis=0, out=jumped, mode="clip")
        np.multiply(jumped, visibility[t], out=jumped)
        np.add(before_jump[t, :, None], jumped, out=jumped)
        jumped.min(0, out=here[0, :n])
        np.less(best[oldest - 1], best[oldest], out=grew[t])
        here[1:oldest, :n] = best[: oldest - 1]
        np.minimum(best[oldest - 1], best[oldest], out=here[oldest, :n])
        new = here[:, :n]
        new += cost[t]
        new -= new.min()
    here = here[:, :n]
    path = np.empty(n_frames, np.intp)
    ages = np.empty(n_frames, np.intp)
    age, donor = np.unravel_index(int(here.argmin()), here.shape)
    age, donor = int(age), int(donor)
    for t in range(n_frames - 1, -1, -1):
        path[t], ages[t] = donor, age
        if t == 0:
            break
        if age == 0:
            arrived = before_jump[t] + jumps[jumps_from[t], donor] * visibility[t]
            donor, age = int(jumps_from[t, arrived.argmin()]), oldest
            continue
        before = oldest if age == oldest and not grew[t, donor] else age - 1
        donor, age = int(steps[int(move_from[t, before, donor])].source[donor]), before
    return path, ages


def count_changes(chosen: NDArray[np.intp], neighbours: NDArray[np.intp]) -> int:
    """Times that a donor is left for one that is not beside it in the footage."""
    return int(_is_change(neighbours[chosen]).sum())


def _is_change(numbers: NDArray[np.intp]) -> NDArray[np.bool_]:
    step = np.diff(numbers)
    return (step < -1) | (step > 2)


Shares = tuple[tuple[int, float], ...]
"""Donors (rows) that are seen in one frame, and how much of each."""


def dissolved(rows: NDArray[np.intp], numbers: NDArray[np.intp], frames: NDArray[np.intp]) -> list[Shares]:
    """What each frame shows of the donors chosen for it (n,): where they change, two frames show both.

    `numbers` (n,) are the donors' places in the footage, `frames` (n,) those of the result. Both mouths are brought to
    the same lips, so that only what lies between and around them dissolves; without it teeth and tongue pop.
    """
    out: list[Shares] = [((int(row), 1.0),) for row in rows]
    for n in np.flatnonzero(_is_change(numbers) & (np.diff(frames) == 1)).tolist():
        before, after = int(rows[n]), int(rows[n + 1])
        out[n] = ((before, 2 / 3), (after, 1 / 3))
        out[n + 1] = ((after, 2 / 3), (before, 1 / 3))
    return out


def fitting(shares: Shares, wanted_io: float, lent_io: Floats) -> Shares:
    """What is shown of `shares` in a frame whose mouth shall be `wanted_io` open, where row k was `lent_io[k]` open.

    A shut mouth that is opened has lip where the other one has teeth, and one that is wide open has teeth where lips
    shall touch: mixed, either shines through the other as a ghost. Such a one is left out: the cut falls where
    the lips part or meet, and their movement hides it.
    """
    if len(shares) == 1:
        return shares
    far = [abs(log(stretch(max(0.0, wanted_io), max(0.0, float(lent_io[row]))))) for row, _ in shares]
    ill = [max(0.0, one - log(_ALIKE)) for one in far]
    kept = [share * max(0.0, 1 - (one - min(ill)) / _ILL_BESIDE) for one, (_, share) in zip(ill, shares, strict=True)]
    return tuple((row, one / sum(kept)) for one, (row, _) in zip(kept, shares, strict=True) if one > 0)
