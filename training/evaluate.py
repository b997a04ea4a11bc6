"""What the folds say about the network: every figure of docs/models/articulation.md.

python -m training.evaluate --data ../shared/data/av --work build/train
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipwright.articulation.curves import runs
from lipwright.articulation.network import Heard, Population
from lipwright.articulation.plan import closure_strength, opening_direction, plan
from lipwright.articulation.style import population_style, speaking_style
from lipwright.core.timeline import N_SHAPE, SpeakingStyle
from lipwright.vision.shape import ShapeBasis, mouth_scale, opening, shape_basis, width
from training.recordings import CHANNELS, OPENING, RATE_HZ, WIDTH, Recording, advanced, read_recordings, without_drift
from training.train import CLOSED_IO

Floats = NDArray[np.float64]


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
        shipped = shape_basis()
        basis = ShapeBasis(table["components"], shipped.points, shipped.weights, shipped.spread)
        people = Population(
            path.stem,
            "",
            table["mean"].astype(np.float32),
            table["spread"].astype(np.float32),
            np.ones(N_SHAPE, np.float32),
        )
        names = {key.split("/")[0] for key in table.files if "/" in key}
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
    """Ticks (positive: the lips come later than predicted) at which opening, outer and lower lip fit best; all r there."""
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


def planned_measures(judged: Judged, shrinkage: Floats, *, own: bool, condition: str = "clean") -> Floats:
    """(n, 3) opening and width of the shapes that the final plan draws, IO, and its closure."""
    direction = opening_direction(judged.basis)
    track = plan(judged.heard[condition], style_of(judged, own=own), shrinkage=shrinkage, direction=direction)
    shapes = judged.recording.closed + judged.basis.decode(
        track.coefficients.astype(np.float64), judged.recording.closed
    )
    return np.stack([opening(shapes), width(shapes), track.closure.astype(np.float64)], axis=1)


def bilabial_recall(
    judged: Sequence[Judged], bilabials: dict[str, list[tuple[float, float]]], said: Callable[[Judged], Floats],
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
    judged: Sequence[Judged], bilabials: dict[str, list[tuple[float, float]]], said: Callable[[Judged], NDArray[np.bool_]],
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


def shrinkage_of(judged: Sequence[Judged]) -> Floats:
    """(N_SHAPE,) standard deviation of the z-scores on people not seen, over the speech clips."""
    variance = [weighted(judged, lambda j, k=k: float(j.extra["clean"][:, k].var())) for k in range(N_SHAPE)]
    return np.sqrt(variance)


def rmse_rows(judged: Sequence[Judged]) -> dict[str, float]:
    """Root mean squared error of opening, % IO: population amplitude, own, the network's own shrunken one; and the sd."""
    population_sd = np.mean([without_drift(j.truth)[:, OPENING].std() for j in judged])
    errors: dict[str, list[float]] = {"population": [], "own": [], "mmse": [], "sd": []}
    for j in judged:
        real = j.truth[:, OPENING] - j.truth[:, OPENING].mean()
        z = j.extra["clean"][:, OPENING] - j.extra["clean"][:, OPENING].mean()
        own_sd = without_drift(j.truth)[:, OPENING].std()
        for name, ours in (
            ("population", z / z.std() * population_sd), ("own", z / z.std() * own_sd), ("mmse", z * own_sd), ("sd", 0 * z),
        ):  # fmt: skip
            errors[name].append(float(((ours - real) ** 2).mean()))
    seconds = [j.seconds for j in judged]
    return {name: 100 * float(np.sqrt(np.average(values, weights=seconds))) for name, values in errors.items()}


def closure_head_rows(judged: Sequence[Judged]) -> list[tuple[float, float, float, float, float]]:
    """(threshold, precision, recall, share said, share real) of the closure head, frame by frame, one tick's grace."""
    rows: list[tuple[float, float, float, float, float]] = []
    for threshold in (0.3, 0.4, 0.5, 0.6, 0.7):
        near = lambda flags: np.convolve(flags, np.ones(3), "same") > 0  # noqa: E731
        said = [j.heard["clean"].closure > threshold for j in judged]
        real = [j.gap < CLOSED_IO for j in judged]
        precise = sum(int((s & near(r)).sum()) for s, r in zip(said, real, strict=True)) / max(
            1, sum(int(s.sum()) for s in said)
        )
        found = sum(int((r & near(s)).sum()) for s, r in zip(said, real, strict=True)) / max(
            1, sum(int(r.sum()) for r in real)
        )
        n = sum(len(s) for s in said)
        rows.append(
            (threshold, precise, found, sum(int(s.sum()) for s in said) / n, sum(int(r.sum()) for r in real) / n)
        )
    return rows


def held_pause_sd(judged: Sequence[Judged], shrinkage: Floats) -> float:
    """Largest standard deviation of the planned opening inside held stretches (weight over 0.99), % IO."""
    worst = 0.0
    for j in judged:
        direction = opening_direction(j.basis)
        track = plan(j.heard["clean"], style_of(j, own=True), shrinkage=shrinkage, direction=direction)
        gap = track.coefficients @ direction * mouth_scale(j.recording.closed)
        for start, stop in runs(track.rest > 0.99):
            if stop - start >= 5:
                worst = max(worst, 100 * float(gap[start:stop].std()))
    return worst


def report(judged: Sequence[Judged], bilabials: dict[str, list[tuple[float, float]]]) -> str:
    speech = [j for j in judged if not j.recording.is_acting]
    acting = [j for j in judged if j.recording.is_acting]
    shrinkage = shrinkage_of(speech)
    lines: list[str] = []

    def at_manifest(channel: int, condition: str = "clean") -> Callable[[Judged], float]:
        return lambda j: correlation(j.extra[condition][:, channel], j.truth[:, channel])

    planned = {
        (j.recording.name, own): planned_measures(j, shrinkage, own=own) for j in judged for own in (True, False)
    }

    def by_plan(column: int, own: bool) -> Callable[[Judged], float]:
        truth = (OPENING, WIDTH)[column]
        return lambda j: correlation(planned[j.recording.name, own][:, column], j.truth[:, truth])

    shown = (
        OPENING,
        CHANNELS.index("outer"),
        WIDTH,
        CHANNELS.index("jaw"),
        CHANNELS.index("lower"),
        CHANNELS.index("upper"),
        *range(N_SHAPE),
    )
    lines += [
        f"{len(speech)} speech clips, {sum(j.seconds for j in speech):.0f} s, {len({j.recording.speaker for j in speech})} speakers;"
        f" {len(acting)} face-acting clips, {sum(j.seconds for j in acting):.0f} s. All speaker-disjoint.",
        "",
        "| r | " + " | ".join(CHANNELS[k] for k in shown) + " |",
        "|---" * (len(shown) + 1) + "|",
        *(
            f"| {label} | " + " | ".join(f"{value(k):.3f}" for k in shown) + " |"
            for label, value in (
                ("speech, at the manifest's lags, by seconds", lambda k: weighted(speech, at_manifest(k))),
                ("speech, at the manifest's lags, by speaker", lambda k: by_speaker(speech, at_manifest(k))),
                ("speech, at the best lag of each clip, by seconds", lambda k: weighted(speech, lambda j: float(best_lag(j)[1][k]))),
                ("face acting, at the manifest's lags, by seconds", lambda k: weighted(acting, at_manifest(k))),
                ("all, at the manifest's lags, by seconds", lambda k: weighted(judged, at_manifest(k))),
            )
        ),
        "",
        "| r of the shapes that the final plan draws | opening | width |",
        "|---|---|---|",
        *(
            f"| {label} | {weighted(some, by_plan(0, own)):.3f} | {weighted(some, by_plan(1, own)):.3f} |"
            for label, some, own in (
                ("speech, own style", speech, True), ("speech, population's style", speech, False), ("face acting, own style", acting, True),
            )
        ),
        "",
    ]  # fmt: skip
    lags = np.array([best_lag(j)[0] * 1000 / RATE_HZ for j in speech])
    lines.append(
        f"Lag that is left over the manifest's, by clip: median {np.median(lags):+.0f} ms, "
        f"mean {lags.mean():+.0f} ms, 90 % within {np.percentile(np.abs(lags), 90):.0f} ms."
    )
    rmse = rmse_rows(speech)
    lines += [
        "",
        "RMSE of opening, % IO: " + ", ".join(f"{name} {value:.1f}" for name, value in rmse.items()) + ".",
        "",
        "Shrinkage (sd of the z-scores), K1..K8: " + " ".join(f"{v:.2f}" for v in shrinkage),
        "",
        f"Largest opening sd inside held pauses: {held_pause_sd(judged, shrinkage):.3f} % IO.",
        "",
        "| closures at bilabials | recall | false | n |",
        "|---|---|---|---|",
    ]
    rows: list[tuple[str, tuple[float, float, int]]] = [
        ("opening head, own 12th percentile", bilabial_recall(speech, bilabials, lambda j: j.extra["clean"][:, OPENING])),
        ("plan, own 12th percentile", bilabial_recall(speech, bilabials, lambda j: planned[j.recording.name, True][:, 0])),
        ("plan, own 30th percentile, ±40 ms", bilabial_recall(speech, bilabials, lambda j: planned[j.recording.name, True][:, 0], 30, 2)),
        ("closure head > 0.5 (gap < 3 % IO)", absolute_recall(speech, bilabials, lambda j: j.heard["clean"].closure > 0.5)),
        ("closure strength > 0.5 (gap < 3 % IO)", absolute_recall(speech, bilabials, lambda j: closure_strength(j.heard["clean"]) > 0.5)),
        ("plan's opening < 3 % IO (gap < 3 % IO)", absolute_recall(speech, bilabials, lambda j: planned[j.recording.name, True][:, 0] < CLOSED_IO)),
    ]  # fmt: skip
    lines += [f"| {label} | {100 * recall:.0f} % | {100 * false:.1f} % | {n} |" for label, (recall, false, n) in rows]
    lines += ["", "| closure head, by frame | precision | recall | share said | share real |", "|---|---|---|---|---|"]
    lines += [f"| > {t} | {p:.2f} | {r:.2f} | {s:.2f} | {real:.2f} |" for t, p, r, s, real in closure_head_rows(speech)]
    lines += ["", "| heard in (all clips) | opening | width | K1 | K2 |", "|---|---|---|---|---|"]
    for condition in judged[0].extra:
        values = [weighted(judged, at_manifest(k, condition)) for k in (OPENING, WIDTH, 0, 1)]
        lines.append(f"| {condition} | " + " | ".join(f"{v:.3f}" for v in values) + " |")
    lines += [
        "",
        "| clip | speaker | s | opening | width | plan opening | plan width | lag left, ms |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for j in sorted(judged, key=lambda j: -j.seconds):
        lines.append(
            f"| {j.recording.name} | {j.recording.speaker} | {j.seconds:.0f} | {at_manifest(OPENING)(j):.2f} | {at_manifest(WIDTH)(j):.2f} "
            f"| {by_plan(0, True)(j):.2f} | {by_plan(1, True)(j):.2f} | {best_lag(j)[0] * 20:+d} |"
        )
    return "\n".join(lines)


def load_folds(data: Path, work: Path, tag: str = "fold") -> list[Judged]:
    recordings = read_recordings(data)
    return [judged for path in sorted(work.glob(f"{tag}_[0-9].npz")) for judged in load_fold(path, recordings)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Judge the folds.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--tag", default="fold")
    arguments = parser.parse_args()
    times = json.loads((arguments.work / "bilabials.json").read_text())
    text = report(load_folds(arguments.data, arguments.work, arguments.tag), times)
    (arguments.work / "report.md").write_text(text + "\n")
    print(text)
