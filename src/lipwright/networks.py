"""What runs our small networks: onnxruntime, told to tell nobody.

Its official wheels of 2026 send events about their use to Microsoft, and keep a device's number in the user's home
("Privacy.md" in the wheel), unless the environment says no before it is loaded.
"""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from typing import Any, Final

SILENCE: Final = {"ORT_DISABLE_TELEMETRY": "1"}
"""Environment under which onnxruntime sends nothing and writes nothing: of this process, and of its children."""


@cache
def onnxruntime() -> Any:
    """The module, which has no type stubs; loaded when something is first listened to or said, for it takes a while."""
    for name, value in SILENCE.items():
        os.environ.setdefault(name, value)
    return import_module("onnxruntime")


def open_network(content: bytes, n_threads: int = 1) -> Any:
    """A network (an ONNX or ORT file's bytes) on so many threads of the CPU: an onnxruntime.InferenceSession.

    One is the calling thread alone: small networks wait for a second one longer than it works. Raises what
    onnxruntime raises for a file that is none.
    """
    runtime = onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = n_threads
    options.inter_op_num_threads = 1
    return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
