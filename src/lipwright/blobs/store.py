"""Blobs through obstore: what a folder and a bucket have in common."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import obstore
from obstore.exceptions import BaseError

from lipwright.core.errors import OutputNotWritable

READ_BYTES: Final = 1 << 20
KEY: Final = re.compile(r"[0-9a-f]{32}")
_MARK: Final = f"database/{0:032}"
"""Where no blob lies. Its last part looks like a key, for releases that know no marks stumble over any other name."""


@dataclass(frozen=True, slots=True)
class Blob:
    """What is stored under a key."""

    key: str
    n_bytes: int
    modified_at: datetime


class Blobs(ABC):
    """All blobs of a service; a key is 32 hexadecimal digits.

    Whatever is asked raises StoreAway while a store on other machines does not answer.
    """

    def __init__(self, store: Any, name: str) -> None:
        self._store: Final = store
        self.name: Final = name
        """For people: a folder, or a bucket."""

    @abstractmethod
    def put(self, key: str, source: Path, *, content_type: str = "", filename: str = "") -> None:
        """Keep a copy of a file. Raises DiskFull, OutputNotWritable; then nothing is kept."""

    @abstractmethod
    def as_file(self, key: str) -> AbstractContextManager[Path]:
        """A file with these bytes, to be read only. Raises FileNotFoundError, DiskFull."""

    @abstractmethod
    def drop_halves(self, before: datetime) -> int:
        """Remove what writers that died left unfinished and nobody touched since; how many."""

    def n_bytes(self, key: str) -> int | None:
        """Its size, or None if there is nothing under this key."""
        return self._size(place(key))

    def read(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        """Bytes [start, stop), a block at a time. Raises FileNotFoundError."""
        for at in range(start, stop, READ_BYTES):
            with self._asked():
                block = obstore.get_range(self._store, place(key), start=at, end=min(at + READ_BYTES, stop))
            yield bytes(block)

    def delete(self, keys: Collection[str]) -> None:
        """Those that are there."""
        for key in keys:
            self._remove(place(key))

    def pages(self, n: int = 1000) -> Iterator[list[Blob]]:
        """All blobs, some at a time."""
        for page in self._all(n):
            # a folder holds halves too, and a bucket what is coming
            found = [one for one in page if KEY.fullmatch(key_of(one)) and one["path"] == place(key_of(one))]
            yield [Blob(key_of(one), int(one["size"]), one["last_modified"]) for one in found]

    # --- whose they are -------------------------------------------------------------------------------------

    def mark(self) -> str | None:
        """What `set_mark` said last; None: nothing yet, or nothing that is one (a power cut leaves empty files)."""
        try:
            with self._asked():
                said = bytes(obstore.get(self._store, _MARK).bytes()).decode(errors="replace").strip()
        except FileNotFoundError:
            return None
        return said if KEY.fullmatch(said) else None

    def set_mark(self, mark: str) -> None:
        """Say which database knows these blobs: 32 hexadecimal digits. Raises OutputNotWritable."""
        try:
            with self._asked():
                obstore.put(self._store, _MARK, f"{mark}\n".encode())
        except (BaseError, OSError) as exc:
            raise self._refused(exc) from exc

    # --- links: a bucket has them ---------------------------------------------------------------------------

    def link(self, key: str) -> str | None:
        """Where anyone may read it for a while without asking us; None where there is no such way."""
        return None

    def upload_link(self, key: str) -> str | None:
        """Where anyone may put bytes for a while, which wait beside the blobs until they are taken."""
        return None

    def n_bytes_came(self, key: str) -> int | None:
        """How many came there; None: nothing yet."""
        return None

    def read_what_came(self, key: str) -> Generator[bytes]:
        """Raises FileNotFoundError."""
        raise FileNotFoundError(key)

    def drop_what_came(self, key: str) -> bool:
        """Nobody needs it any more. Whether there can have been something."""
        return False

    # --- inside ---------------------------------------------------------------------------------------------

    def _size(self, path: str) -> int | None:
        try:
            with self._asked():
                return int(obstore.head(self._store, path)["size"])
        except FileNotFoundError:
            return None

    def _remove(self, path: str) -> None:
        try:
            with self._asked():
                obstore.delete(self._store, path)
        except FileNotFoundError:
            return

    def _all(self, n: int) -> Iterator[list[dict[str, Any]]]:
        return self._listed("", n)

    def _listed(self, prefix: str, n: int) -> Iterator[list[dict[str, Any]]]:
        pages: Any = obstore.list(self._store, prefix or None, chunk_size=n)  # pyright: ignore[reportUnknownMemberType]
        while True:
            with self._asked():
                page = next(pages, None)
            if page is None:
                return
            yield page

    @contextmanager
    def _asked(self) -> Generator[None]:
        """Around each question: a store that can be away tells it from what it refuses."""
        yield

    def _refused(self, exc: BaseError | OSError) -> OutputNotWritable:
        return OutputNotWritable(Path(self.name), str(exc).splitlines()[0])


def place(key: str) -> str:
    """Where a blob lies: in folders of a thousandth of the whole, so that no folder becomes slow."""
    if not KEY.fullmatch(key):
        raise ValueError(f"not a key: {key!r}")
    return f"{key[:2]}/{key}"


def key_of(listed: dict[str, Any]) -> str:
    """The last part of a path."""
    return str(listed["path"]).rpartition("/")[2]
