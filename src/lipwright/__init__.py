"""Lipwright: the same footage, its lips saying what you give it.

    import lipwright
    result = lipwright.sync("footage.mp4", "speech.wav", "out.mp4")
    print(result.render.n_edited, "frames changed")

Importing this package loads none of the libraries that it works with; the first call does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from lipwright.core.errors import Cancelled, InputError, LipwrightError, OutputError
    from lipwright.core.options import SyncOptions
    from lipwright.pipeline import SyncResult
    from lipwright.service import faces, probe, study, sync
    from lipwright.service.evaluate import evaluate, measure
    from lipwright.service.speech import Said, say, visemes

    __version__: str

_HOME: Final = {
    "Cancelled": "lipwright.core.errors",
    "InputError": "lipwright.core.errors",
    "LipwrightError": "lipwright.core.errors",
    "OutputError": "lipwright.core.errors",
    "Said": "lipwright.service.speech",
    "SyncOptions": "lipwright.core.options",
    "SyncResult": "lipwright.pipeline",
    "evaluate": "lipwright.service.evaluate",
    "faces": "lipwright.service",
    "measure": "lipwright.service.evaluate",
    "probe": "lipwright.service",
    "say": "lipwright.service.speech",
    "study": "lipwright.service",
    "sync": "lipwright.service",
    "visemes": "lipwright.service.speech",
}

__all__ = [
    "Cancelled",
    "InputError",
    "LipwrightError",
    "OutputError",
    "Said",
    "SyncOptions",
    "SyncResult",
    "__version__",
    "evaluate",
    "faces",
    "measure",
    "probe",
    "say",
    "study",
    "sync",
    "visemes",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("lipwright")
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
