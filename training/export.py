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
from training.network import Articulator


class _ForRunTime(nn.Module):
    """The heads that are used, with probabilities instead of logits; learned-only measures left out."""

    def __init__(self, net: Articulator) -> None:
        super().__init__()
        self.net = net

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        shapes, gates, phones = self.net(mel)
        return shapes[..., : N_SHAPE + 3], torch.sigmoid(gates), torch.softmax(phones, dim=-1)


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


def export_onnx(net: Articulator, path: Path) -> str:
    """Write the network; returns the sha256 of the file. Batch 1, time free."""
    net.eval()
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        _ForRunTime(net).eval(), (torch.zeros(1, 200, N_BANDS),), str(path), dynamo=False, opset_version=17,
        input_names=["mel"], output_names=["shape", "gates", "phones"],
        dynamic_axes={"mel": {1: "columns"}, **{name: {1: "ticks"} for name in ("shape", "gates", "phones")}},
    )  # fmt: skip
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_constants(constants: Constants, path: Path) -> None:
    path.write_text(json.dumps(asdict(constants), indent=1) + "\n")


def rounded(values: NDArray[np.floating]) -> list[float]:
    return [round(float(v), 5) for v in values]
