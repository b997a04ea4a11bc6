"""Runs the networks in MediaPipe's wheel, in graphs of our own, without importing the rest of it."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from threading import Lock
from typing import IO, Any

from lipwright.vision.colour import Rgb


class Graph:
    """One graph of MediaPipe: a picture in, packets out. Not for use from two threads at once."""

    def __init__(self, text: str, outputs: Sequence[str], messages: Sequence[str]) -> None:
        """`text` is the graph in protobuf's text form; `messages` are the modules of the options it names.

        Nothing but the picture goes in as stream "image", so a graph knows nothing of the pictures before.
        """
        folder = open_package()
        with quiet_stderr():
            text_format: Any = import_module("google.protobuf.text_format")
            config_type: Any = import_module("mediapipe.framework.calculator_pb2").CalculatorGraphConfig
            for name in messages:
                import_module(f"mediapipe.{name}_pb2")  # or the text is not understood
            native: Any = import_module("mediapipe.python._framework_bindings")
            self._create_image: Any = import_module("mediapipe.python.packet_creator").create_image_frame
            self._get: Any = native._packet_getter
            self._srgb: Any = native.image_frame.ImageFormat.SRGB
            native.resource_util.set_resource_dir(str(folder.parent))  # where the wheel keeps its models
            config: Any = text_format.Parse(text, config_type())
            self._graph: Any = native.calculator_graph.CalculatorGraph(graph_config=config)
            self._packets: dict[str, Any] = {}
            for name in outputs:
                self._graph.observe_output_stream(name, self._packets.__setitem__, True)
            self._graph.start_run()
            self._n_runs = 0

    def run(self, picture: Rgb) -> dict[str, Any]:
        """The packets that (h, w, 3) gives, by output."""
        self._packets.clear()
        packet = self._create_image(image_format=self._srgb, data=picture)
        self._graph.add_packet_to_input_stream("image", packet.at(self._n_runs))
        self._n_runs += 1
        self._graph.wait_until_idle()
        return self._packets

    def wire(self, packet: Any) -> bytes:
        """A message, serialised."""
        return self._get._get_serialized_proto(packet)

    def wires(self, packet: Any) -> list[bytes]:
        """A list of messages, serialised; empty where there are none."""
        return [] if packet.is_empty() else list(self._get._get_serialized_proto_list(packet))

    def number(self, packet: Any) -> float:
        return float(self._get.get_float(packet))

    def picture(self, packet: Any) -> Any:
        """A picture of the graph's own, such as a mask: a copy as an array (h, w, channels)."""
        return self._get.get_image_frame(packet).numpy_view().copy()


_LATER = {"solutions": "mediapipe.python.solutions", "tasks": "mediapipe.tasks.python"}


def open_package() -> Path:
    """Make parts of mediapipe importable without what its own `__init__` brings along; returns its folder.

    That imports every solution and with them matplotlib: 1.5 s of CPU time and 60 MB for drawing functions that
    nobody here calls. The package that stands in for it fetches them when somebody else asks for them.
    """
    known = sys.modules.get("mediapipe")
    if known is not None:
        return Path(str(known.__file__)).parent
    spec = find_spec("mediapipe")
    assert spec is not None
    assert spec.origin is not None
    package = module_from_spec(spec)
    package.__dict__["__getattr__"] = _later
    sys.modules["mediapipe"] = package
    return Path(spec.origin).parent


def _later(name: str) -> Any:
    """An attribute that mediapipe's own `__init__` would have set."""
    if name == "__version__":
        return version("mediapipe")
    if name in _LATER:
        return import_module(_LATER[name])
    return getattr(import_module("mediapipe.python"), name)


class _Stderr:
    """Belongs to the process: the first block that holds it back turns it aside, the last one puts it back."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._n_blocks = 0
        self._has_failed = False
        self._said: IO[bytes] | None = None
        self._kept = -1

    def turn_aside(self) -> None:
        with self._lock:
            if self._n_blocks == 0:
                sys.stderr.flush()
                self._said = tempfile.TemporaryFile()  # noqa: SIM115
                self._kept = os.dup(2)
                os.dup2(self._said.fileno(), 2)
            self._n_blocks += 1

    def put_back(self, *, is_well: bool) -> None:
        with self._lock:
            self._n_blocks -= 1
            self._has_failed |= not is_well
            if self._n_blocks:
                return
            assert self._said is not None
            os.dup2(self._kept, 2)
            os.close(self._kept)
            if self._has_failed:
                self._said.seek(0)
                os.write(2, self._said.read())
            self._said.close()
            self._has_failed = False


@cache
def _stderr() -> _Stderr:
    return _Stderr()


@contextmanager
def quiet_stderr() -> Generator[None]:
    """Hold back what native code writes to stderr; it is shown after all if the block fails. Threads may share it."""
    stderr, is_well = _stderr(), False
    stderr.turn_aside()
    try:
        yield
        is_well = True
    finally:
        stderr.put_back(is_well=is_well)
