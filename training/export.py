"""The trained network as ONNX, and the constants that run time needs beside it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from lipwright.articulation.encoder import N_FEATURES
from lipwright.articulation.features import N_BANDS
from lipwright.core.timeline import N_SHAPE
from lipwright.vision.shape import ShapeBasis
from training.lips import Components, Several
from training.network import Articulator


class _Sounds(nn.Module):
    """The articulator's heads, with probabilities instead of logits; learned-only measures left out."""

    def __init__(self, net: Articulator) -> None:
        super().__init__()
        self.net = net

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        shapes, gates, phones = self.net(mel)
        return shapes[..., : N_SHAPE + 3], torch.sigmoid(gates), torch.softmax(phones, dim=-1)


class _Lips(nn.Module):
    """Shapes, in another basis or not, closure as a probability, hidden layers; learned-only measures left out."""

    def __init__(self, net: Several, hidden: Components, turn: NDArray[np.floating] | None) -> None:
        super().__init__()
        self.net = net
        whole = np.eye(N_SHAPE + 3, dtype=np.float32)
        if turn is not None:
            whole[:N_SHAPE, :N_SHAPE] = turn
        self.register_buffer("turn", torch.from_numpy(whole) if turn is not None else None)
        self.register_buffer("middle", torch.from_numpy(hidden.mean))
        self.register_buffer("axes", torch.from_numpy(hidden.weights))

    def forward(self, features: Tensor, mel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        shapes, gates, hidden = self.net(features, mel)
        shapes = shapes[..., : N_SHAPE + 3]
        if self.turn is not None:
            shapes = shapes @ self.turn
        return shapes, torch.sigmoid(gates), (hidden - self.middle) @ self.axes


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


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same with its larger weights in 16 bits: widened when it is loaded, and counted with in 32 as before."""
    graph = model.graph
    large = [one for one in graph.initializer if one.data_type == TensorProto.FLOAT and np.prod(one.dims) > 4096]
    for weights in large:
        narrow = numpy_helper.from_array(numpy_helper.to_array(weights).astype(np.float16), f"{weights.name}.narrow")
        graph.initializer.remove(weights)
        graph.initializer.append(narrow)
        to_32 = helper.make_node("Cast", [narrow.name], [weights.name], f"{weights.name}.widen", to=TensorProto.FLOAT)
        graph.node.insert(0, to_32)
    return model


@dataclass(frozen=True, slots=True)
class Constants:
    """What the network's numbers mean, measured on the training people."""

    version: str
    model_sha256: str
    lips_sha256: str
    encoder_sha256: str
    mean: list[float]
    """(N_SHAPE,) average shape while speaking."""
    spread: list[float]
    """(N_SHAPE,) standard deviation around the slow drift."""
    shrinkage: list[float]
    """(N_SHAPE,) standard deviation of the network's z-scores on people that it has not seen."""
    opening_shrinkage: float
    """The same of the opening that they draw."""


def export_onnx(net: Articulator, path: Path) -> str:
    """Write what hears rest and phones; returns the file's sha256. Batch 1, time free."""
    outputs = ("shape", "gates", "phones")
    return _export(_Sounds(net), (torch.zeros(1, 200, N_BANDS),), path, {"mel": "columns"}, outputs)


def export_lips(net: Several, hidden: Components, path: Path, turn: NDArray[np.floating] | None = None) -> str:
    """Write what says the lips, its coefficients turned into another basis or not; returns the file's sha256."""
    given = torch.zeros(1, 100, N_FEATURES), torch.zeros(1, 200, N_BANDS)
    inputs = {"features": "ticks", "mel": "columns"}
    _export(_Lips(net, hidden, turn), given, path, inputs, ("shape", "closure", "hidden"))
    path.write_bytes(halved(onnx.load(path)).SerializeToString())
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _export(
    net: nn.Module, given: tuple[Tensor, ...], path: Path, inputs: dict[str, str], outputs: tuple[str, ...]
) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        net.eval(), given, str(path), dynamo=False, opset_version=17,
        input_names=list(inputs), output_names=list(outputs),
        dynamic_axes={name: {1: axis} for name, axis in inputs.items()} | {name: {1: "ticks"} for name in outputs},
    )  # fmt: skip
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_constants(constants: Constants, path: Path) -> None:
    path.write_text(json.dumps(asdict(constants), indent=1) + "\n")


def rounded(values: NDArray[np.floating]) -> list[float]:
    return [round(float(v), 5) for v in values]
