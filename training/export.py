"""The trained network as ONNX, and the constants that run time needs beside it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lipwright.articulation.features import N_BANDS
from lipwright.core.timeline import N_SHAPE
from lipwright.vision.shape import ShapeBasis
from training.network import Articulator


class _ForRunTime(nn.Module):
    """The heads that are used, with probabilities instead of logits; learned-only measures left out."""

    def __init__(self, net: Articulator, turn: NDArray[np.floating] | None) -> None:
        super().__init__()
        self.net = net
        whole = np.eye(N_SHAPE + 3, dtype=np.float32)
        if turn is not None:
            whole[:N_SHAPE, :N_SHAPE] = turn
        self.register_buffer("turn", torch.from_numpy(whole) if turn is not None else None)

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        shapes, gates, phones = self.net(mel)
        shapes = shapes[..., : N_SHAPE + 3]
        if self.turn is not None:
            shapes = shapes @ self.turn
        return shapes, torch.sigmoid(gates), torch.softmax(phones, dim=-1)


def turn_between(
    old: ShapeBasis, old_spread: NDArray[np.floating], new: ShapeBasis, new_spread: NDArray[np.floating]
) -> NDArray[np.floating]:
    """(N_SHAPE, N_SHAPE): `z_old @ turn` are z-scores in another basis, for a person of the population's spread.

    So that a fold's network, which knows its own basis alone, can be tried where the shipped one is expected.
    """
    old_at = {int(point): index for index, point in enumerate(old.points)}
    shared = [(old_at[int(p)], index) for index, p in enumerate(new.points) if int(p) in old_at]
    old_rows, new_rows = (list(rows) for rows in zip(*shared, strict=True))
    moved = old.components[:N_SHAPE].reshape(N_SHAPE, -1, 3)[:, old_rows] / old.weights[old_rows]
    seen = (new.components[:N_SHAPE].reshape(N_SHAPE, -1, 3) * new.weights)[:, new_rows]
    between = moved.reshape(N_SHAPE, -1) @ seen.reshape(N_SHAPE, -1).T
    return old_spread[:, None] * between / new_spread


@dataclass(frozen=True, slots=True)
class Constants:
    """What the network's numbers mean, measured on the training people."""

    version: str
    model_sha256: str
    mean: list[float]
    """(N_SHAPE,) average shape while speaking."""
    spread: list[float]
    """(N_SHAPE,) standard deviation around the slow drift."""
    shrinkage: list[float]
    """(N_SHAPE,) standard deviation of the network's z-scores on people that it has not seen."""
    opening_shrinkage: float
    """The same of the opening that they draw."""


def export_onnx(net: Articulator, path: Path, turn: NDArray[np.floating] | None = None) -> str:
    """Write the network, its coefficients turned into another basis or not; returns the file's sha256.

    Batch 1, time free.
    """
    net.eval()
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        _ForRunTime(net, turn).eval(), (torch.zeros(1, 200, N_BANDS),), str(path), dynamo=False, opset_version=17,
        input_names=["mel"], output_names=["shape", "gates", "phones"],
        dynamic_axes={"mel": {1: "columns"}, **{name: {1: "ticks"} for name in ("shape", "gates", "phones")}},
    )  # fmt: skip
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_constants(constants: Constants, path: Path) -> None:
    path.write_text(json.dumps(asdict(constants), indent=1) + "\n")


def rounded(values: NDArray[np.floating]) -> list[float]:
    return [round(float(v), 5) for v in values]
