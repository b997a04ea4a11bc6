"""What parent and child say to each other: JSON, one object a line, and never a pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from lipwright.core import errors
from lipwright.core.errors import LipwrightError

MAX_LINE_BYTES = 64 << 20
"""Of one message; longer ones end the call."""
MAX_TEXT = 4000
"""Characters of an error's message that are believed."""


def encode(message: Mapping[str, Any]) -> bytes:
    """One line. Raises TypeError and ValueError for what JSON has no form for (NaN too)."""
    return json.dumps(message, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def describe(error: LipwrightError) -> dict[str, Any]:
    """An error of our tree as plain values."""
    return {"code": error.code, "text": str(error), "fields": {k: _plain(v) for k, v in vars(error).items()}}


def rebuild(said: Mapping[str, Any]) -> LipwrightError | None:
    """The error that `describe` described: same class, text and attributes. None where there is no such code.

    Paths come back as strings, tuples as lists.
    """
    kind = _by_code().get(str(said.get("code")))
    if kind is None:
        return None
    error = kind.__new__(kind)
    Exception.__init__(error, str(said.get("text"))[:MAX_TEXT])
    fields = said.get("fields")
    if isinstance(fields, Mapping):
        error.__dict__.update({str(name): value for name, value in fields.items()})  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return error


def _by_code() -> dict[str, type[LipwrightError]]:
    kinds = (kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, LipwrightError))
    return {kind.code: kind for kind in kinds}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, PurePath):
        return str(value)
    return repr(value)
