"""A folder of arrays that cost time to make: named by what they were made from, bounded, and never trusted blindly.

entry      <key>.npz, whole or not there: written beside its place and renamed
used       its modification time is when it was last read; the longest unused are given up first
damaged    a check sum that does not fit: the entry is removed, and the work done again
shared     whoever may enter the folder may read what is in it; what may not be read is left to its owner
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from importlib import metadata, resources
from io import BytesIO
from itertools import accumulate
from pathlib import Path
from time import time
from typing import IO, Any, Final, cast

import numpy as np
from numpy.typing import NDArray

DEFAULT_BYTES: Final = 2 << 30
_READ_BYTES: Final = 4 << 20
"""Files of a plug-in that are larger (weights) are known by their size and time: reading them takes too long."""
_LEFT_OVER_S: Final = 24 * 3600.0
"""Half-written files older than this belong to a process that is gone."""

DAMAGE: Final = (
    OSError, ValueError, EOFError, KeyError, AttributeError, RuntimeError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What reading an entry raises where a bit of it has changed: even that it is encrypted, or of an unknown kind."""

format_ = cast("Any", np.lib.format)  # untyped

Arrays = Iterable[tuple[str, NDArray[Any]]]


class Cache:
    """Any number of processes may use one folder at a time. What goes wrong is told in `notes`, and never raised."""

    def __init__(self, folder: Path, *, max_bytes: int = DEFAULT_BYTES) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self.notes: list[str] = []
        """What went wrong, worded for the person who looks at the result."""

    def read(self, key: str) -> dict[str, NDArray[Any]] | None:
        """All arrays of an entry; None where there is none, it is damaged, or may not be read."""
        path = self._path(key)
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return None
        except OSError as exc:  # somebody else's, or the folder is none: nothing is wrong with the entry
            self.notes.append(f"What was kept in {self.folder} could not be read: {_reason(exc)}.")
            return None
        try:
            with file:
                arrays = read_arrays(file)
        except DAMAGE:
            self.drop(key, "is damaged")
            return None
        with suppress(OSError):  # a folder that may only be read still serves
            os.utime(path)
        return arrays

    def write(self, key: str, arrays: Arrays) -> bool:
        """Keep arrays, none of them of objects, taken one after the other; the oldest entries make room.

        False where they could not be kept: `notes` tell why.
        """
        part, is_kept = self.folder / f".{key[:16]}.{secrets.token_hex(8)}.part", False
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = part.open("xb")
        except OSError as exc:
            self._cannot_keep(_reason(exc))
            return False
        try:
            with file:
                write_arrays(file, arrays)
            if part.stat().st_size <= self.max_bytes:
                part.replace(self._path(key))
                is_kept = True
            else:
                self._cannot_keep(f"it takes more than the {self.max_bytes} bytes that may be kept")
        except OSError as exc:
            self._cannot_keep(_reason(exc))
        finally:
            part.unlink(missing_ok=True)
        self._make_room()
        return is_kept

    def take_notes(self) -> list[str]:
        """What went wrong since they were last taken: a note is told once, with the work that it came of."""
        taken, self.notes = self.notes, []
        return taken

    def drop(self, key: str, why: str) -> None:
        """Remove an entry that `why`, such as "is damaged", cannot be used."""
        self.notes.append(f"What was kept of this footage {why}; it was looked at again.")
        with suppress(OSError):
            self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.npz"

    def _cannot_keep(self, reason: str) -> None:
        self.notes.append(f"What was found out about this footage could not be kept in {self.folder}: {reason}.")

    def _make_room(self) -> None:
        entries: list[tuple[float, int, Path]] = []
        with suppress(OSError):
            for path in self.folder.iterdir():
                with suppress(FileNotFoundError):  # another process was faster
                    state = path.stat()
                    if path.suffix == ".npz":
                        entries.append((state.st_mtime, state.st_size, path))
                    elif path.suffix == ".part" and time() - state.st_mtime > _LEFT_OVER_S:
                        path.unlink()
        n_bytes = sum(size for _, size, _ in entries)
        for _, size, path in sorted(entries):
            if n_bytes <= self.max_bytes:
                return
            with suppress(OSError):
                path.unlink(missing_ok=True)
            n_bytes -= size


def _reason(exc: OSError) -> str:
    told = exc.strerror or str(exc)
    return f"{told[:1].lower()}{told[1:]}"


def write_arrays(file: IO[bytes], arrays: Arrays) -> None:
    """As `numpy.savez` does, with one array at a time in memory. Raises OSError."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        n_members = 0
        for name, values in arrays:
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                format_.write_array(member, np.asanyarray(values), allow_pickle=False)
            n_members += 1
        archive.comment = b"%d" % n_members


def read_arrays(file: IO[bytes], is_wanted: Callable[[str], bool] = lambda name: True) -> dict[str, NDArray[Any]]:
    """Those of what `write_arrays` wrote whose names are wanted, each as it was written.

    Raises OSError, and one of `DAMAGE` where a bit has changed: a zip's own check sums are compared at a member's end
    only, long after numpy has believed what its head says, and tell nothing of members that its directory has lost.
    """
    arrays: dict[str, NDArray[Any]] = {}
    with zipfile.ZipFile(file) as archive:
        if archive.comment not in (b"%d" % len(archive.infolist()), b""):  # none: written before 2026-11-23
            raise ValueError("members are missing")
        for about in archive.infolist():
            name = about.filename.removesuffix(".npy")
            if is_wanted(name):
                arrays[name] = format_.read_array(BytesIO(archive.read(about)), allow_pickle=False)
    return arrays


def keys_of(path: Path, *abouts: Iterable[str]) -> list[str]:
    """The names of what is made from a file, told apart by its content and by each of `abouts`.

    The file is read once. Raises OSError.
    """
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").digest()
    return [hashlib.sha256("\0".join(about).encode() + content).hexdigest() for about in abouts]


def made_with(packages: Iterable[str], libraries: Iterable[str], *, plugins: Iterable[str] = ()) -> list[str]:
    """What is made depends on this beside the file: the code of these packages, and the versions of these libraries.

    Of `plugins`, modules that are loaded, it depends on all files of the package that each belongs to.
    """
    return [
        *(f"{package} {_code(package)}" for package in dict.fromkeys(packages)),
        *(f"{name} {_version(name)}" for name in libraries),
        *(f"{module} {_code_of_all(module)}" for module in dict.fromkeys(plugins)),
    ]


@cache
def _code(package: str) -> str:
    """A check sum over the files of a package: whoever changes one cannot forget to say so."""
    digest = hashlib.sha256()
    files = [entry for entry in resources.files(package).iterdir() if entry.is_file()]
    for entry in sorted(files, key=lambda entry: entry.name):
        digest.update(f"{entry.name}\0".encode() + hashlib.sha256(entry.read_bytes()).digest())
    return digest.hexdigest()


@cache
def _code_of_all(module: str) -> str:
    """A check sum over all that `files_behind` a module are."""
    digest = hashlib.sha256()
    for name, path in files_behind(module).items():
        try:
            state = path.stat()
            is_read = state.st_size <= _READ_BYTES
            content = path.read_bytes() if is_read else f"{state.st_size} {state.st_mtime_ns}".encode()
        except OSError:  # it went away just now, or is not ours to read
            continue
        digest.update(f"{name}\0".encode(errors="surrogateescape") + hashlib.sha256(content).digest())
    return digest.hexdigest()


def files_behind(module: str) -> dict[str, Path]:
    """Everything in the outermost package that a loaded module belongs to, or its one file, by name, in order.

    Empty for what was typed in, or lies in an archive. Folders that several packages share (namespaces) are none of
    these packages.
    """
    for name in accumulate(module.split("."), "{}.{}".format):
        loaded = sys.modules.get(name)
        origin = None if loaded is None else getattr(loaded, "__file__", None)
        if origin is None:
            continue
        first = Path(origin)
        if not hasattr(loaded, "__path__"):
            return {first.name: first} if first.is_file() else {}
        found: dict[str, Path] = {}
        for folder, inner, files in os.walk(first.parent):
            inner[:] = [name for name in inner if name != "__pycache__" and not name.startswith(".")]
            paths = [Path(folder, file) for file in files]
            found |= {path.relative_to(first.parent).as_posix(): path for path in paths if path.is_file()}
        return dict(sorted(found.items()))
    return {}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "none"
