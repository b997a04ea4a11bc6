"""What the folds say about the network: every figure of docs/models/articulation.md.

python -m training.evaluate --data ../shared/data/av --work build/train
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipwright.articulation.curves import highest, runs, smooth
from lipwright.articulation.network import N_HIDDEN, SMOOTHING_S, Heard, Population
from lipwright.articulation.opening import opening_direction
from lipwright.articulation.plan import at_full_amplitude, plan
from lipwright.articulation.style import population_style, speaking_style
from lipwright.core.timeline import N_SHAPE, MouthTrack, SpeakingStyle
from lipwright.vision.shape import ShapeBasis, mouth_scale, opening, width
from training.recordings import CHANNELS, OPENING, RATE_HZ, WIDTH, Recording, advanced, read_recordings, without_drift
from training.shape_basis import make_basis
from training.train import CLOSED_IO

Floats = NDArray[np.float64]
Shrinkage = tuple[Floats, float]
"""Of each coefficient, and of the opening that they draw."""
Bilabials = dict[str, list[tuple[float, float]]]
"""Clip -> start and stop of each p, b and m, in seconds."""


@dataclass(slots=True, eq=False)
class Judged:
    """One recording, and what a network that never met its speaker made of it."""

    recording: Recording
    basis: ShapeBasis
    people: Population
    heard: dict[str, Heard]
    """By condition."""
    extra: dict[str, Floats]
    """(n, 14) z-scores of all CHANNELS, by condition."""
    truth: Floats
    """(n, 14) of CHANNELS, in step with the sound by the manifest's lag."""
    gap: Floats
    """(n,) IO, the widest inner gap, in step too."""

    @property
    def seconds(self) -> float:
        return self.recording.seconds


def correlation(a: Floats, b: Floats) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum() + 1e-12))


def load_fold(path: Path, recordings: Sequence[Recording]) -> list[Judged]:
    with np.load(path) as table:
        mean, spread = table["mean"].astype(np.float32), table["spread"].astype(np.float32)
        people = Population(path.stem, "", "", "", mean, spread, np.ones(N_SHAPE, np.float32), 1.0)
        names = {key.split("/")[0] for key in table.files if "/" in key}
        speakers = {r.speaker for r in recordings if r.name in names}
        basis, _ = make_basis([r for r in recordings if r.speaker not in speakers])
        judged: list[Judged] = []
        for recording in (r for r in recordings if r.name in names):
            heard: dict[str, Heard] = {}
            extra: dict[str, Floats] = {}
            phones = table[f"{recording.name}/phones"].astype(np.float32)
            for key in (k for k in table.files if k.startswith(f"{recording.name}/") and k.endswith("/shape")):
                condition = key.split("/")[1]
                shapes = table[key].astype(np.float32)
                gates = table[f"{recording.name}/{condition}/gates"].astype(np.float32)
                extra[condition] = shapes.astype(np.float64)
                heard[condition] = Heard(
                    shapes[:, :N_SHAPE], shapes[:, N_SHAPE], shapes[:, N_SHAPE + 1], shapes[:, N_SHAPE + 2],
                    gates[:, 0], gates[:, 1], phones, np.zeros(len(shapes), np.float32),
                    np.zeros((len(shapes), N_HIDDEN), np.float16),
                )  # fmt: skip
            truth = np.concatenate([recording.coefficients(basis), recording.measures()], axis=1)
            gap = recording.largest_gap()[:, None]
            lag = recording.lag_frames
            judged.append(
                Judged(recording, basis, people, heard, extra, advanced(truth, lag), advanced(gap, lag)[:, 0])
            )
        return judged


def weighted(judged: Sequence[Judged], value: Callable[[Judged], float]) -> float:
    """Mean over clips, weighed by their seconds."""
    return float(np.average([value(j) for j in judged], weights=[j.seconds for j in judged]))


def by_speaker(judged: Sequence[Judged], value: Callable[[Judged], float]) -> float:
    """Mean over speakers of the seconds-weighted means of their clips."""
    speakers = sorted({j.recording.speaker for j in judged})
    return float(np.mean([weighted([j for j in judged if j.recording.speaker == s], value) for s in speakers]))


def best_lag(judged: Judged, reach: int = 8) -> tuple[int, Floats]:
    """The lag, in ticks, at which opening and both lips fit best (positive: the lips come later); all r there."""
    said, truth = judged.extra["clean"], judged.truth
    found: dict[int, Floats] = {}
    for lag in range(-reach, reach + 1):
        a = said[max(0, -lag) : len(said) - max(0, lag)]
        b = truth[max(0, lag) : len(truth) - max(0, -lag)]
        found[lag] = np.array([correlation(x, y) for x, y in zip(a.T, b.T, strict=True)])
    score = [CHANNELS.index(name) for name in ("opening", "outer", "lower")]
    lag = max(found, key=lambda k: found[k][score].mean())
    return lag, found[lag]


def style_of(judged: Judged, *, own: bool) -> SpeakingStyle:
    """The speaker's own from the whole of the clip, or the population's with their own rest."""
    coefficients, gap = judged.truth[:, :N_SHAPE], judged.truth[:, OPENING]
    times_s = np.arange(len(gap)) / RATE_HZ
    style = speaking_style(coefficients, gap, times_s, people=judged.people)
    return style if own else population_style(style.rest, people=judged.people)


def plan_of(judged: Judged, shrinkage: Shrinkage, *, own: bool) -> MouthTrack:
    """The final plan of a clip, made with constants that do not know its speaker."""
    people = replace(judged.people, shrinkage=shrinkage[0].astype(np.float32), opening_shrinkage=shrinkage[1])
    style = style_of(judged, own=own)
    return plan(judged.heard["clean"], style, people=people, direction=opening_direction(judged.basis))


def drawn_measures(judged: Judged, shrinkage: Shrinkage) -> Floats:
    """(n, 2) opening and width of the shapes that the coefficients draw, before pauses and closures are put in."""
    people = replace(judged.people, shrinkage=shrinkage[0].astype(np.float32), opening_shrinkage=shrinkage[1])
    style = style_of(judged, own=True)
    moved = at_full_amplitude(judged.heard["clean"], style.spread, people, opening_direction(judged.basis))
    coefficients = smooth(moved, SMOOTHING_S * RATE_HZ) + style.mean
    shapes = judged.recording.closed + judged.basis.decode(coefficients, judged.recording.closed)
    return np.stack([opening(shapes), width(shapes)], axis=1)


def planned_measures(judged: Judged, shrinkage: Shrinkage, *, own: bool) -> Floats:
    """(n, 3) opening and width of the shapes that the final plan draws, IO, and its closure."""
    track = plan_of(judged, shrinkage, own=own)
    shapes = judged.recording.closed + judged.basis.decode(
        track.coefficients.astype(np.float64), judged.recording.closed
    )
    return np.stack([opening(shapes), width(shapes), track.closure.astype(np.float64)], axis=1)


def bilabial_recall(
    judged: Sequence[Judged], bilabials: Bilabials, said: Callable[[Judged], Floats],
    percentile: float = 12, around: int = 1,
) -> tuple[float, float, int]:  # fmt: skip
    """(recall, false, n): of bilabials at which the real lips close, how many the prediction closes too.

    As in the study: a segment widened by `around` ticks; closed is at or under one's own `percentile` of
    opening; false is the share of frames with real opening over its median at which the prediction is closed.
    """
    hits = total = false = wide = 0
    for j in judged:
        real, ours = j.truth[:, OPENING], said(j)
        real_closed, ours_closed = real <= np.percentile(real, percentile), ours <= np.percentile(ours, percentile)
        is_wide = real > np.median(real)
        false += int((ours_closed & is_wide).sum())
        wide += int(is_wide.sum())
        for start_s, stop_s in bilabials.get(j.recording.name, []):
            span = slice(max(0, round(start_s * RATE_HZ) - around), round(stop_s * RATE_HZ) + around + 1)
            if real_closed[span].any():
                total += 1
                hits += bool(ours_closed[span].any())
    return hits / max(1, total), false / max(1, wide), total


def absolute_recall(
    judged: Sequence[Judged], bilabials: Bilabials, said: Callable[[Judged], NDArray[np.bool_]],
    around: int = 1,
) -> tuple[float, float, int]:  # fmt: skip
    """(recall, false, n) with closed meaning a widest real gap under 3 % IO; `said` tells where we close.

    False is the share of frames with a real gap over 6 % at which we close.
    """
    hits = total = false = wide = 0
    for j in judged:
        ours = said(j)
        is_wide = j.gap > 2 * CLOSED_IO
        false += int((ours & is_wide).sum())
        wide += int(is_wide.sum())
        for start_s, stop_s in bilabials.get(j.recording.name, []):
            span = slice(max(0, round(start_s * RATE_HZ) - around), round(stop_s * RATE_HZ) + around + 1)
            if (j.gap[span] < CLOSED_IO).any():
                total += 1
                hits += bool(ours[span].any())
    return hits / max(1, total), false / max(1, wide), total


def shrinkage_of(judged: Sequence[Judged]) -> Shrinkage:
    """Standard deviations on people not seen, after the plan's smoothing: of the z-scores, and of the opening drawn."""

    def smoothed(j: Judged) -> Floats:
        return smooth(j.extra["clean"][:, :N_SHAPE], SMOOTHING_S * RATE_HZ)

    def opening_ratio(j: Judged) -> float:
        drawn = smoothed(j) * style_of(j, own=True).spread @ opening_direction(j.basis)
        real = without_drift(j.truth)[:, OPENING]
        return float(drawn.std() * mouth_scale(j.recording.closed) / real.std())

    variance = [weighted(judged, lambda j, k=k: float(smoothed(j)[:, k].var())) for k in range(N_SHAPE)]
    return np.sqrt(variance), weighted(judged, opening_ratio)


def rmse_rows(judged: Sequence[Judged]) -> dict[str, float]:
    """Root mean squared error of opening, % IO: at population, own and shrunken amplitude; and the sd."""
    population_sd = np.mean([without_drift(j.truth)[:, OPENING].std() for j in judged])
    errors: dict[str, list[float]] = {"population": [], "own": [], "mmse": [], "sd": []}
    for j in judged:
        real = j.truth[:, OPENING] - j.truth[:, OPENING].mean()
        z = j.extra["clean"][:, OPENING] - j.extra["clean"][:, OPENING].mean()
        own_sd = without_drift(j.truth)[:, OPENING].std()
        for name, ours in (
            ("population", z / z.std() * population_sd),
            ("own", z / z.std() * own_sd),
            ("mmse", z * own_sd),
            ("sd", 0 * z),
        ):
            errors[name].append(float(((ours - real) ** 2).mean()))
    seconds = [j.seconds for j in judged]
    return {name: 100 * float(np.sqrt(np.average(values, weights=seconds))) for name, values in errors.items()}


def closure_head_rows(judged: Sequence[Judged]) -> list[tuple[float, float, float, float, float]]:
    """(threshold, precision, recall, share said, share real) of the closure head, by frame, one tick's grace."""

    def near(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return highest(flags, 3) > 0

    rows: list[tuple[float, float, float, float, float]] = []
    for threshold in (0.3, 0.4, 0.5, 0.6, 0.7):
        pairs = [(j.heard["clean"].closure > threshold, j.gap < CLOSED_IO) for j in judged]
        right = sum(int((said & near(real)).sum()) for said, real in pairs)
        found = sum(int((real & near(said)).sum()) for said, real in pairs)
        n_said, n_real = (sum(int(pair[k].sum()) for pair in pairs) for k in (0, 1))
        n = sum(len(said) for said, _ in pairs)
        rows.append((threshold, right / max(1, n_said), found / max(1, n_real), n_said / n, n_real / n))
    return rows


def held_pause_sd(judged: Sequence[Judged], shrinkage: Shrinkage) -> float:
    """Largest standard deviation of the planned opening inside held stretches (weight over 0.99), % IO."""
    worst = 0.0
    for j in judged:
        direction = opening_direction(j.basis)
        track = plan_of(j, shrinkage, own=True)
        gap = track.coefficients @ direction * mouth_scale(j.recording.closed)
        for start, stop in runs(track.rest > 0.99):
            if stop - start >= 5:
                worst = max(worst, 100 * float(gap[start:stop].std()))
    return worst


@dataclass(frozen=True, slots=True)
class Figures:
    """What the bars are held against: people never heard or seen, the manifest's lags, weighed by seconds."""

    opening: float
    width: float
    """r of the network's own opening and width."""
    drawn_opening: float
    drawn_width: float
    """r of the shapes that the coefficients draw, before pauses and closures."""
    planned_opening: float
    planned_width: float
    """r of the shapes of the final plan."""
    recall: float
    planned_recall: float
    planned_false: float
    """Shares of bilabials closed, by the network's opening and by the plan; of wide frames that the plan closes."""
    lag_ms: float
    lag_90_ms: float
    """Of the lags left over the manifest's, by clip: median, and what nine in ten stay within."""
    held_sd: float
    """Largest standard deviation of the planned opening in held pauses, % IO."""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return [*("| " + " | ".join(line) + " |" for line in lines), ""]


class Report:
    """All figures of one set of folds."""

    def __init__(self, judged: Sequence[Judged], bilabials: Bilabials) -> None:
        self.judged = judged
        self.speech = [j for j in judged if not j.recording.is_acting]
        self.acting = [j for j in judged if j.recording.is_acting]
        self.bilabials = bilabials
        self.shrinkage = shrinkage_of(self.speech)
        self._planned = {
            (j.recording.name, own): planned_measures(j, self.shrinkage, own=own)
            for j in judged
            for own in (True, False)
        }

    @staticmethod
    def r_of(channel: int, condition: str = "clean") -> Callable[[Judged], float]:
        """Correlation of a channel with the real one at the manifest's lag."""
        return lambda j: correlation(j.extra[condition][:, channel], j.truth[:, channel])

    def planned(self, j: Judged, *, own: bool = True) -> Floats:
        return self._planned[j.recording.name, own]

    def r_of_plan(self, column: int, *, own: bool) -> Callable[[Judged], float]:
        """The same of what the plan draws: 0 opening, 1 width."""
        channel = (OPENING, WIDTH)[column]
        return lambda j: correlation(self.planned(j, own=own)[:, column], j.truth[:, channel])

    def correlations(self) -> list[str]:
        shown = [CHANNELS.index(n) for n in ("opening", "outer", "width", "jaw", "lower", "upper")] + list(
            range(N_SHAPE)
        )
        ways: list[tuple[str, Callable[[int], float]]] = [
            ("speech, manifest's lags, by seconds", lambda k: weighted(self.speech, self.r_of(k))),
            ("speech, manifest's lags, by speaker", lambda k: by_speaker(self.speech, self.r_of(k))),
            ("speech, best lag of each clip", lambda k: weighted(self.speech, lambda j: float(best_lag(j)[1][k]))),
            ("face acting, manifest's lags", lambda k: weighted(self.acting, self.r_of(k))),
            ("all, manifest's lags", lambda k: weighted(self.judged, self.r_of(k))),
        ]
        rows = [[label, *(f"{value(k):.3f}" for k in shown)] for label, value in ways]
        return table(["r", *(CHANNELS[k] for k in shown)], rows)

    def plans(self) -> list[str]:
        ways = (
            ("speech, own style", self.speech, True),
            ("speech, population's style", self.speech, False),
            ("face acting, own style", self.acting, True),
        )
        rows = [
            [label, *(f"{weighted(some, self.r_of_plan(column, own=own)):.3f}" for column in (0, 1))]
            for label, some, own in ways
        ]
        bare = self.r_drawn()
        rows.insert(0, ["speech, own style, before pauses and closures", *(f"{r:.3f}" for r in bare)])
        return table(["r of the shapes that are drawn", "opening", "width"], rows)

    def r_drawn(self) -> tuple[float, float]:
        """r of opening and width of the shapes that the coefficients draw, before pauses and closures."""
        drawn = {j.recording.name: drawn_measures(j, self.shrinkage) for j in self.speech}

        def r(column: int, channel: int) -> float:
            return weighted(self.speech, lambda j: correlation(drawn[j.recording.name][:, column], j.truth[:, channel]))

        return r(0, OPENING), r(1, WIDTH)

    def lags_ms(self) -> Floats:
        """Of each clip of speech, what is left over the manifest's lag."""
        return np.array([best_lag(j)[0] * 1000 / RATE_HZ for j in self.speech])

    def lag(self) -> str:
        lags_ms = self.lags_ms()
        return (
            f"Lag left over the manifest's, by clip: median {np.median(lags_ms):+.0f} ms, "
            f"mean {lags_ms.mean():+.0f} ms, 90 % within {np.percentile(np.abs(lags_ms), 90):.0f} ms."
        )

    @staticmethod
    def opening_head(j: Judged) -> Floats:
        """The network's own opening."""
        return j.extra["clean"][:, OPENING]

    def planned_opening(self, j: Judged) -> Floats:
        return self.planned(j)[:, 0]

    def figures(self) -> Figures:
        """What the bars are held against."""
        lags_ms = self.lags_ms()
        some = (self.speech, self.bilabials)
        recall, _, _ = bilabial_recall(*some, self.opening_head)
        planned_recall, planned_false, _ = bilabial_recall(*some, self.planned_opening)
        return Figures(
            weighted(self.speech, self.r_of(OPENING)),
            weighted(self.speech, self.r_of(WIDTH)),
            *self.r_drawn(),
            weighted(self.speech, self.r_of_plan(0, own=True)),
            weighted(self.speech, self.r_of_plan(1, own=True)),
            recall,
            planned_recall,
            planned_false,
            float(np.median(lags_ms)),
            float(np.percentile(np.abs(lags_ms), 90)),
            held_pause_sd(self.judged, self.shrinkage),
        )

    def closures(self) -> list[str]:
        some = (self.speech, self.bilabials)
        rows = [
            ("opening head, own 12th percentile", bilabial_recall(*some, self.opening_head)),
            ("plan, own 12th percentile", bilabial_recall(*some, self.planned_opening)),
            ("plan, own 30th percentile, 40 ms around", bilabial_recall(*some, self.planned_opening, 30, 2)),
            ("closure head > 0.5", absolute_recall(*some, lambda j: j.heard["clean"].closure > 0.5)),
            ("closure strength of the plan > 0.5", absolute_recall(*some, lambda j: self.planned(j)[:, 2] > 0.5)),
            ("plan's opening < 3 % IO", absolute_recall(*some, lambda j: self.planned_opening(j) < CLOSED_IO)),
        ]
        shown = [[label, f"{100 * recall:.0f} %", f"{100 * false:.1f} %", str(n)] for label, (recall, false, n) in rows]
        return table(["closures at bilabials", "recall", "false", "n"], shown)

    def closure_head(self) -> list[str]:
        rows = [[f"> {row[0]}", *(f"{value:.2f}" for value in row[1:])] for row in closure_head_rows(self.speech)]
        return table(["closure head, by frame", "precision", "recall", "share said", "share real"], rows)

    def robustness(self) -> list[str]:
        channels = (OPENING, WIDTH, 0, 1)
        rows = [
            [condition, *(f"{weighted(self.judged, self.r_of(k, condition)):.3f}" for k in channels)]
            for condition in self.judged[0].extra
        ]
        return table(["heard in (all clips)", "opening", "width", "K1", "K2"], rows)

    def clips(self) -> list[str]:
        header = ["clip", "speaker", "s", "opening", "width", "plan opening", "plan width", "lag left, ms"]
        rows = [
            [
                j.recording.name, j.recording.speaker, f"{j.seconds:.0f}",
                f"{self.r_of(OPENING)(j):.2f}", f"{self.r_of(WIDTH)(j):.2f}",
                f"{self.r_of_plan(0, own=True)(j):.2f}", f"{self.r_of_plan(1, own=True)(j):.2f}",
                f"{best_lag(j)[0] * 20:+d}",
            ]
            for j in sorted(self.judged, key=lambda j: -j.seconds)
        ]  # fmt: skip
        return table(header, rows)

    def __str__(self) -> str:
        seconds, acted = (sum(j.seconds for j in some) for some in (self.speech, self.acting))
        speakers = len({j.recording.speaker for j in self.speech})
        rmse = ", ".join(f"{name} {value:.1f}" for name, value in rmse_rows(self.speech).items())
        summary = (
            f"{len(self.speech)} speech clips, {seconds:.0f} s, {speakers} speakers; {len(self.acting)} of acting, "
            f"{acted:.0f} s. Speaker-disjoint, the basis of shapes too."
        )
        lines = [
            summary,
            "",
            *self.correlations(),
            *self.plans(),
            self.lag(),
            "",
            f"RMSE of opening, % IO: {rmse}.",
            "",
            "Shrinkage, K1 to K8: "
            + " ".join(f"{v:.2f}" for v in self.shrinkage[0])
            + f"; opening {self.shrinkage[1]:.2f}.",
            "",
            f"Largest sd of opening inside held pauses: {held_pause_sd(self.judged, self.shrinkage):.3f} % IO.",
            "",
            *self.closures(),
            *self.closure_head(),
            *self.robustness(),
            *self.clips(),
        ]
        return "\n".join(lines)


def load_folds(data: Path, work: Path, tag: str = "fold") -> list[Judged]:
    """Every clip as seen by the fold that never met its speaker."""
    recordings = read_recordings(data)
    return [judged for path in sorted(work.glob(f"{tag}_[0-9].npz")) for judged in load_fold(path, recordings)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Judge the folds.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--tag", default="fold")
    arguments = parser.parse_args()
    times: Bilabials = json.loads((arguments.work / "bilabials.json").read_text())
    text = str(Report(load_folds(arguments.data, arguments.work, arguments.tag), times))
    (arguments.work / f"report_{arguments.tag}.md").write_text(text + "\n")
    print(text)
