"""Runs the networks in MediaPipe's wheel, in graphs of our own, without importing the rest of it."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from threading import Lock
from typing import Any, Final

from lipwright.core.errors import InvalidOption
from lipwright.vision.colour import Rgb


class Graph:
    """One graph of MediaPipe: a picture in, packets out. Not for use from two threads at once."""

    def __init__(
        self, text: str, outputs: Sequence[str], messages: Sequence[str], *, survives_fork: bool = False
    ) -> None:
        """`text` is the graph in protobuf's text form; `messages` are the modules of the options it names.

        Nothing but the picture goes in as stream "image", so a graph knows nothing of the pictures before.
        Two graphs of which each was made in another process of one family of forks break the heap of the later one,
        unless one of them `survives_fork`: raises InvalidOption there.
        """
        if not survives_fork and _home() != os.getpid():
            raise InvalidOption("start_method", "fork", _FORKED)
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
        packet = self._create_image(image_format=self._srgb, data=picture).at(self._n_runs)
        self._n_runs += 1  # before it is taken in: whoever interrupts here leaves a graph that goes on counting
        self._graph.add_packet_to_input_stream("image", packet)
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


@cache
def _home() -> int:
    """The process that made the first graph; a fork of it inherits the answer."""
    return os.getpid()


_FORKED: Final = (
    "the process that was forked had looked at faces before, and their networks cannot be loaded again in its copy; "
    'start processes by `spawn`, with multiprocessing.get_context("spawn")'
)
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


_NATIVE: Final = re.compile(
    rb"[IWEF]\d{4} \d\d:\d\d:\d+\.\d+ +\d+ [\w.-]+:\d+\] "  # of glog and absl
    rb"|WARNING: All log messages before absl"
    rb"|(INFO|WARNING|ERROR): .*(delegate|TensorFlow|TfLite)"
    rb"|libpng (warning|error): |Corrupt JPEG data: |Premature end of JPEG file|Warning: unknown JFIF revision"
    rb"|Invalid SOS parameters for sequential JPEG|Inconsistent progression sequence|Unknown Adobe color transform"
    rb"|\[ *(WARN|ERROR|INFO):\d+@[\d.]+\] global "  # of OpenCV
)
"""How the lines begin that MediaPipe, OpenCV and what is in them write: all else was written by somebody else."""


class _Stderr:
    """Belongs to the process: the first block that holds it back turns it aside, the last one puts it back.

    Nothing is turned aside where there is no stderr: descriptor 2 may be any file then.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._n_blocks = 0
        self._has_failed = False
        self._said: int | None = None
        """The file that holds what is said; None: it is shown at once."""
        self._kept = -1

    def turn_aside(self) -> None:
        with self._lock:
            if self._n_blocks == 0 and sys.__stderr__ is not None:  # Python has looked at its start
                with suppress(AttributeError, OSError, ValueError):  # it may be closed by now, or something else
                    sys.stderr.flush()
                with suppress(OSError):
                    self._divert()
            self._n_blocks += 1

    def _divert(self) -> None:
        """Raises OSError, and has done nothing then."""
        with ExitStack() as undo:
            self._kept = os.dup(2)
            undo.callback(os.close, self._kept)
            said = _nameless_file()
            undo.callback(os.close, said)
            os.dup2(said, 2)
            self._said = said
            undo.pop_all()

    def put_back(self, *, is_well: bool) -> None:
        with self._lock:
            self._n_blocks -= 1
            self._has_failed |= not is_well
            if self._n_blocks:
                return
            if self._said is not None:
                os.dup2(self._kept, 2)
                os.close(self._kept)
                held = os.pread(self._said, os.fstat(self._said).st_size, 0)
                os.close(self._said)
                self._said = None
                shown = held if self._has_failed else b"".join(_of_others(held))
                with suppress(OSError):  # nobody listens any more
                    while shown:
                        shown = shown[os.write(2, shown) :]
            self._has_failed = False


def _nameless_file() -> int:
    """A new file that nobody else has, in memory where the system knows such. Raises OSError."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("stderr")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _of_others(held: bytes) -> list[bytes]:
    """The lines that other threads have written meanwhile."""
    kept: list[bytes] = []
    is_native = False
    for line in held.splitlines(keepends=True):
        # OpenCV ends some of its own with an empty one
        is_native = _NATIVE.match(line) is not None or (is_native and not line.strip())
        if not is_native:
            kept.append(line)
    return kept


@cache
def _stderr() -> _Stderr:
    return _Stderr()


@contextmanager
def quiet_stderr() -> Generator[None]:
    """Hold back what native code writes to stderr; it is shown after all if the block fails.

    Threads may share it. What others write to stderr meanwhile comes at the end.
    """
    stderr, is_well = _stderr(), False
    stderr.turn_aside()
    try:
        yield
        is_well = True
    finally:
        stderr.put_back(is_well=is_well)
