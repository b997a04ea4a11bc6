"""Networks of voices: opened once, told apart by what they are called for, and made to say how long each sound is.

An ONNX file is a Protocol Buffers message, and messages add up: what is appended to the file is merged into its graph.
So one more output can be asked of a network without any library for ONNX, and without touching the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lipwright.core.errors import BrokenVoice
from lipwright.networks import open_network

_MODEL_GRAPH, _GRAPH_NODE, _GRAPH_OUTPUT = 7, 1, 12
_NODE_OUTPUT, _NODE_KIND, _VALUE_NAME = 2, 4, 1
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Session(Protocol):
    """What is used of onnxruntime's."""

    def run(self, outputs: list[str] | None, inputs: Mapping[str, NDArray[Any]], /) -> list[NDArray[Any]]: ...
    def get_inputs(self) -> list[Any]: ...
    def get_outputs(self) -> list[Any]: ...


def open_session(content: bytes, name: str) -> Session:
    """A network on two threads of the CPU. Raises BrokenVoice where it cannot be read."""
    try:
        return open_network(content, n_threads=2)
    except Exception as exc:
        raise BrokenVoice(name, f"its network cannot be opened ({exc})") from exc


def read_model(path: Path, name: str) -> bytes:
    """Raises BrokenVoice."""
    try:
        return path.read_bytes()
    except OSError as exc:
        raise BrokenVoice(name, f"{path} cannot be read") from exc


def with_durations(model: bytes) -> bytes:
    """The model with one more output: that of its only `Ceil`, which is how many steps each sound takes in networks of
    the kind VITS. As it was where there is none, or more than one, or it is an output already.
    """
    ceilings: list[bytes] = []
    outputs: list[bytes] = []
    for graph in _values(model, _MODEL_GRAPH):
        outputs += [name for value in _values(graph, _GRAPH_OUTPUT) for name in _values(value, _VALUE_NAME)]
        for node in _values(graph, _GRAPH_NODE):
            if b"Ceil" in list(_values(node, _NODE_KIND)):
                ceilings += _values(node, _NODE_OUTPUT)
    if len(ceilings) != 1 or ceilings[0] in outputs:
        return model
    more = _field(_MODEL_GRAPH, _field(_GRAPH_OUTPUT, _field(_VALUE_NAME, ceilings[0])))
    return model + more


def _field(number: int, content: bytes) -> bytes:
    return _number(number << 3 | _BYTES) + _number(len(content)) + content


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _values(message: bytes, wanted: int) -> Iterator[bytes]:
    """The contents of one field of a message, wherever it occurs. Ends at what is no message."""
    at = 0
    view = memoryview(message)
    while at < len(view):
        key, at = _read_number(view, at)
        kind = key & 7
        if kind == _VARINT:
            _, at = _read_number(view, at)
        elif kind == _FIXED64:
            at += 8
        elif kind == _FIXED32:
            at += 4
        elif kind == _BYTES:
            length, at = _read_number(view, at)
            if key >> 3 == wanted:
                yield bytes(view[at : at + length])
            at += length
        else:
            return


def _read_number(view: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(view):
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
    return value, at


def as_samples(audio: NDArray[Any]) -> NDArray[np.float32]:
    """(n,) in full scale, whatever shape the network gives."""
    return np.clip(np.nan_to_num(np.asarray(audio, np.float32).reshape(-1)), -1.0, 1.0)
