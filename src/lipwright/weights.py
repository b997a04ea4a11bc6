"""Model files that are not in the package: where each comes from, what it must be, and whether it is here.

A file is known by its SHA-256. One without a recorded hash is refused unless the operator says what it must be: what
is executed by a network's runtime is never taken on trust.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lipwright.core.errors import WeightsRefused

_CHUNK_BYTES: Final = 1 << 20
_LIMIT_S: Final = 60.0
"""Without a single byte."""


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file."""

    name: str
    """As it is kept."""
    url: str
    n_bytes: int
    sha256: str | None
    """Lower case; None where nobody recorded it."""
    licence: str


def is_here(file: WeightFile, folder: Path) -> bool:
    """Whether the file was fetched, judged by its name and size: the hash was checked when it came."""
    path = folder / file.name
    return path.is_file() and (file.sha256 is None or path.stat().st_size == file.n_bytes)


def fetch(
    file: WeightFile,
    folder: Path,
    *,
    hashes: Mapping[str, str] | None = None,
    tell: Callable[[str], None] | None = None,
) -> Path:
    """Bring a file into `folder`, unless it is there already; it appears under its name when it is whole and right.

    `hashes` are the operator's own, {name: sha256}, for files without a recorded one. Raises WeightsRefused: no
    hash is known, it is another, or the file does not come.
    """
    path = folder / file.name
    wanted = file.sha256 or (hashes or {}).get(file.name, "").lower() or None
    if wanted is None:
        raise WeightsRefused(
            file.name, f"its SHA-256 is not recorded; look it up and give it as --sha256 {file.name}=HASH"
        )
    if path.is_file() and digest(path) == wanted:
        return path
    if tell is not None:
        tell(f"{file.url} ({file.n_bytes / 1e6:.1f} MB, {file.licence})")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as waiting:
            part = Path(waiting) / file.name
            with part.open("wb") as out:
                found = _download(file, out.write)
            if found != wanted:
                raise WeightsRefused(file.name, f"its SHA-256 is {found} and should be {wanted}")
            part.replace(path)
    except OSError as exc:
        raise WeightsRefused(file.name, exc.strerror or str(exc)) from exc
    return path


def digest(path: Path) -> str:
    """SHA-256 of a file, in lower case."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(file: WeightFile, write: Callable[[bytes], object]) -> str:
    """The hash of what came. Raises OSError."""
    import httpx

    found = hashlib.sha256()
    n_bytes = 0
    try:
        with httpx.stream("GET", file.url, follow_redirects=True, timeout=_LIMIT_S) as answer:
            answer.raise_for_status()
            for chunk in answer.iter_bytes(_CHUNK_BYTES):
                n_bytes += len(chunk)
                if n_bytes > file.n_bytes:
                    raise OSError(f"it is larger than the {file.n_bytes} bytes that are known")
                found.update(chunk)
                write(chunk)
    except httpx.HTTPError as exc:
        raise OSError(f"it does not come: {exc}") from exc
    return found.hexdigest()
