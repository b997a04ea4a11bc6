"""Makes vision/shape_basis.npz: the directions in which mouths move, pooled over people.

    python -m training.shape_basis --data ../shared/data/av

Deterministic. The definitions of pose, unit and neutral are those of lipwright.vision.shape.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lipwright.vision import mesh, shape
from training.recordings import Recording, read_recordings

N_KEPT = 16
"""Components stored; engines and articulation use the first N_SHAPE."""
MAX_FRAMES = 700
"""A clip weighs by its frames up to this many, so that no speaker owns the basis."""
DEPTH_WEIGHT = 0.4
"""MediaPipe's z is poor."""
SKIN_WEIGHT = 0.45
"""Points off the lips count less."""
MIN_RANGE_IO = 0.03
"""A clip whose mouth hardly moves tells nothing."""


def make_basis(recordings: Sequence[Recording]) -> tuple[shape.ShapeBasis, np.ndarray]:
    """The basis of these clips, and the share of variance of every component (strongest first)."""
    moving = [r for r in recordings if np.ptp(np.percentile(shape.opening(r.posed.shapes), [3, 97])) >= MIN_RANGE_IO]
    typical = np.median([r.posed.template for r in moving], axis=0)
    points = np.flatnonzero(typical[:468, 1] > typical[mesh.NOSE_BASE, 1] - 0.02)
    weights = np.ones((len(points), 3))
    weights[:, 2] = DEPTH_WEIGHT
    weights[~np.isin(points, mesh.LIPS)] *= SKIN_WEIGHT
    second_moment = np.zeros((weights.size, weights.size))
    moved: list[np.ndarray] = []
    for recording in moving:
        scale = shape.mouth_scale(recording.closed)
        rows = ((recording.posed.shapes - recording.closed)[:, points] / scale * weights).reshape(-1, weights.size)
        second_moment += rows.T @ rows / len(rows) * min(len(rows), MAX_FRAMES)
        moved.append(rows)
    strength, directions = np.linalg.eigh(second_moment)
    components = directions.T[::-1][:N_KEPT]
    # The sign is free: let each component push the middle of the lower lip down.
    lower_lip = int(np.flatnonzero(points == 14)[0])
    components = components * np.sign(components.reshape(N_KEPT, -1, 3)[:, lower_lip, 1])[:, None]
    spread = np.sqrt(np.mean([(rows @ components.T).var(0) for rows in moved], axis=0))
    return shape.ShapeBasis(components, points, weights, spread), strength[::-1] / strength.sum()


def reconstruction_error(basis: shape.ShapeBasis, recording: Recording, n: int) -> float:
    """RMS distance (x, y; IO) of the lip points from what `n` coefficients can say."""
    wanted = recording.posed.shapes - recording.closed
    said = basis.decode(basis.encode(recording.posed.shapes, recording.closed, n), recording.closed)
    apart = (wanted - said)[:, list(mesh.LIPS), :2]
    return float(np.sqrt((apart**2).sum(-1).mean()))


def save_basis(basis: shape.ShapeBasis, path: Path) -> None:
    """Write the table that `lipwright.vision.shape.shape_basis` reads."""
    np.savez(
        path,
        components=basis.components.astype(np.float32),
        points=basis.points.astype(np.int16),
        weights=basis.weights.astype(np.float32),
        spread=basis.spread.astype(np.float32),
    )


def report(recordings: Sequence[Recording]) -> str:
    """The figures of docs/models/shape-basis.md: variance, and error on speakers left out, as markdown."""
    basis, share = make_basis(recordings)
    counts = (1, 2, 4, 6, 8, 12, 16)
    speakers = sorted({r.speaker for r in recordings})
    inside = {n: np.mean([reconstruction_error(basis, r, n) for r in recordings]) for n in counts}
    left_out: dict[int, list[float]] = {n: [] for n in counts}
    for speaker in speakers:
        others, _ = make_basis([r for r in recordings if r.speaker != speaker])
        for recording in (r for r in recordings if r.speaker == speaker):
            for n in counts:
                left_out[n].append(reconstruction_error(others, recording, n))
    moved = np.mean(
        [np.sqrt((((r.posed.shapes - r.closed)[:, list(mesh.LIPS), :2]) ** 2).sum(-1).mean()) for r in recordings]
    )
    lines = [
        f"{len(recordings)} clips, {len(speakers)} speakers; lip points move by {100 * moved:.2f} % IO (RMS, x and y).",
        "",
        "| component | share of variance, % | cumulated, % | spread of the coefficient |",
        "|---|---|---|---|",
        *(
            f"| K{k + 1} | {100 * share[k]:.2f} | {100 * share[: k + 1].sum():.2f} | {basis.spread[k]:.3f} |"
            for k in range(N_KEPT)
        ),
        "",
        "| coefficients | RMS error of lip points, % IO: speakers inside | left out | worst clip left out |",
        "|---|---|---|---|",
        *(
            f"| {n} | {100 * inside[n]:.2f} | {100 * np.mean(left_out[n]):.2f} | {100 * max(left_out[n]):.2f} |"
            for n in counts
        ),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the shared basis of mouth shapes.")
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.json")
    parser.add_argument("--out", type=Path, default=Path("src/lipwright/vision/shape_basis.npz"))
    arguments = parser.parse_args()
    people = read_recordings(arguments.data)
    save_basis(make_basis(people)[0], arguments.out)
    print(report(people))
