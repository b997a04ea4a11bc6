"""Blobs in a folder, through obstore."""

from __future__ import annotations

import errno
import re
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore

from lipwright.core.errors import DiskFull, OutputNotWritable

_READ_BYTES: Final = 1 << 20
_KEY: Final = re.compile(r"[0-9a-f]{32}")
_FULL: Final = tuple(f"(os error {number})" for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


@dataclass(frozen=True, slots=True)
class Blob:
    """What is stored under a key."""

    key: str
    n_bytes: int
    modified_at: datetime


class Blobs:
    """All blobs of a service; a key is 32 hexadecimal digits."""

    def __init__(self, folder: Path) -> None:
        """Raises OutputNotWritable."""
        self.folder: Final = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._store: Any = LocalStore(prefix=str(folder))
        except (OSError, BaseError) as exc:
            raise OutputNotWritable(folder, "it cannot be made") from exc

    def put(self, key: str, source: Path) -> None:
        """Keep a copy of a file. Raises DiskFull, OutputNotWritable; then nothing is kept."""
        try:
            obstore.put(self._store, _place(key), source)
        except (BaseError, OSError) as exc:
            said = str(exc)
            if any(sign in said for sign in _FULL):
                raise DiskFull(self.folder / _place(key)) from exc
            raise OutputNotWritable(self.folder, said.splitlines()[0]) from exc

    def n_bytes(self, key: str) -> int | None:
        """Its size, or None if there is nothing under this key."""
        try:
            return int(obstore.head(self._store, _place(key))["size"])
        except FileNotFoundError:
            return None

    def read(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        """Bytes [start, stop), a block at a time. Raises FileNotFoundError."""
        for at in range(start, stop, _READ_BYTES):
            yield bytes(obstore.get_range(self._store, _place(key), start=at, end=min(at + _READ_BYTES, stop)))

    @contextmanager
    def as_file(self, key: str) -> Generator[Path]:
        """A file with these bytes, to be read only. Raises FileNotFoundError."""
        path = self.folder / _place(key)
        if not path.is_file():
            raise FileNotFoundError(path)
        yield path

    def delete(self, keys: Collection[str]) -> None:
        """Those that are there."""
        for key in keys:
            try:
                obstore.delete(self._store, _place(key))
            except FileNotFoundError:
                continue

    def pages(self, n: int = 1000) -> Iterator[list[Blob]]:
        """All blobs, some at a time."""
        pages: Any = obstore.list(self._store, chunk_size=n)  # pyright: ignore[reportUnknownMemberType]
        for page in pages:
            found = [(str(one["path"]).rpartition("/")[2], one) for one in page]
            yield [Blob(key, int(one["size"]), one["last_modified"]) for key, one in found if _KEY.fullmatch(key)]

    def drop_halves(self, before: datetime) -> int:
        """Remove what writers that died left unfinished and nobody touched since; how many."""
        n = 0
        for path in self.folder.glob("*/*#*"):
            try:
                if datetime.fromtimestamp(path.stat().st_mtime, UTC) < before:
                    path.unlink()
                    n += 1
            except FileNotFoundError:
                continue  # its writer has just come to an end
        return n


def _place(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise ValueError(f"not a key: {key!r}")
    # folders of a thousandth of the whole: no folder becomes slow
    return f"{key[:2]}/{key}"
