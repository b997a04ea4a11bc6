"""Blobs in a folder of this machine, or in one that several machines share."""

from __future__ import annotations

import errno
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore

from lipwright.blobs.store import Blobs, place
from lipwright.core.errors import DiskFull, OutputNotWritable

_FULL: Final = tuple(f"(os error {number})" for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))

_FOLDERS: Final = "[0-9a-f][0-9a-f]"
"""What `place` calls the folders of blobs."""


class FolderBlobs(Blobs):
    """obstore writes to a name of its own and renames: a reader never sees half a blob."""

    def __init__(self, folder: Path) -> None:
        """Raises OutputNotWritable."""
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            store = LocalStore(prefix=str(folder))
        except (OSError, BaseError) as exc:
            raise OutputNotWritable(folder, "it cannot be made") from exc
        super().__init__(store, str(folder))

    def put(self, key: str, source: Path, *, content_type: str = "", filename: str = "") -> None:
        try:
            obstore.put(self._store, place(key), source)
        except (BaseError, OSError) as exc:
            if any(sign in str(exc) for sign in _FULL):
                raise DiskFull(self._folder / place(key)) from exc
            raise self._refused(exc) from exc

    @contextmanager
    def as_file(self, key: str) -> Generator[Path]:
        path = self._folder / place(key)
        if not path.is_file():
            raise FileNotFoundError(path)
        yield path

    def drop_halves(self, before: datetime) -> int:
        n = 0
        for path in self._folder.glob(f"{_FOLDERS}/*#*"):
            try:
                if datetime.fromtimestamp(path.stat().st_mtime, UTC) < before:
                    path.unlink()
                    n += 1
            except FileNotFoundError:
                continue  # its writer has just come to an end
        return n

    def _all(self, n: int) -> Iterator[list[dict[str, Any]]]:
        # only where blobs can be: the root of a disk has folders that nobody may look into (`lost+found`)
        for folder in sorted(self._folder.glob(_FOLDERS)):
            yield from self._listed(folder.name, n)
