"""Hear the sound of footage, or remember what was heard of the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lipwright.articulation.network import Heard
from lipwright.cache import Cache, keys_of, made_with

_MADE_OF: Final = ("lipwright.articulation", "lipwright.media")
_LIBRARIES: Final = ("lipwright", "av", "numpy", "onnxruntime")


def heard_once(path: Path, hear: Callable[[], Heard], cache: Cache | None, *, first_s: Fraction | None = None) -> Heard:
    """What `hear` makes of the sound of this file; with a `cache`, what it made of it before. Raises what it raises.

    `first_s`: of no more than its beginning; where all of it is known, that will do too.
    """
    if cache is None:
        return hear()
    made = ["heard", *made_with(_MADE_OF, _LIBRARIES)]
    keys = keys_of(path, made, *([] if first_s is None else [[*made, f"first {first_s} s"]]))
    for key in keys:
        if (kept := _kept(cache, key)) is not None:
            return kept
    heard = hear()
    cache.write(keys[-1], ((field.name, getattr(heard, field.name)) for field in fields(heard)))
    return heard


def _kept(cache: Cache, key: str) -> Heard | None:
    kept = cache.read(key)
    if kept is None:
        return None
    try:
        return _checked(Heard(**{field.name: kept[field.name] for field in fields(Heard)}))
    except (KeyError, ValueError):
        cache.drop(key, "does not fit together")
        return None


def _checked(heard: Heard) -> Heard:
    """Raises ValueError where it is of different lengths."""
    arrays: list[NDArray[np.float32]] = [getattr(heard, field.name) for field in fields(heard)]
    if len({values.shape[:1] for values in arrays}) != 1 or not len(heard):
        raise ValueError("what was heard has rows of different lengths")
    return heard
