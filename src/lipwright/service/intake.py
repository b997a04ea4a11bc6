"""Bytes coming in: kept whole and looked at, or not at all."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import re
import shutil
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import timedelta
from io import FileIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TextIO
from urllib.parse import unquote, urlsplit

from lipwright import sandbox
from lipwright.blobs import Blobs
from lipwright.config import ServiceSettings
from lipwright.core.errors import (
    DiskFull,
    InputError,
    LimitReached,
    MediaTooLarge,
    OutputNotWritable,
    UnreadableMedia,
    WorkerCrashed,
    WrongContent,
)
from lipwright.core.jobs import Media, MediaKind
from lipwright.core.media import MediaLimits
from lipwright.fetch import FetchLimits, check_url, download, sniff
from lipwright.jobs.life import boot_id, is_surely_gone, new_worker_id
from lipwright.store import accounts
from lipwright.store.database import now

Stop = Callable[[], bool]

N_LOOKS: Final = 8
"""Files that are looked at at a time, each in a process of its own; the next ones wait."""
_HEAD_BYTES: Final = 4096
_OWNER: Final = "owner"
_MIB: Final = 1 << 20
_STALE: Final = timedelta(hours=12)


class Workshop:
    """Folders for work in progress, beside the blobs; those of processes that died are swept."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._me = new_worker_id()

    @contextmanager
    def room(self) -> Generator[Path]:
        """A folder that is gone afterwards. Raises DiskFull."""
        with ExitStack() as held:
            try:
                made = TemporaryDirectory(dir=self._folder)
                # locked before it tells whose it is, until the room is gone: of the containers of one machine none
                # sees the others' processes, but each sees their locks
                owner = held.enter_context((Path(made.name) / _OWNER).open("w"))
                boot = boot_id() if _is_locked_by_us(owner) else None
                owner.write(f"{self._me}\n{boot or ''}")
                owner.flush()
            except OSError as exc:
                raise _disk_error(self._folder, exc) from exc
            with made as name:
                yield Path(name)

    def sweep(self) -> int:
        """Remove what dead processes left; how many folders."""
        n = 0
        for room in self._folder.iterdir():
            try:
                owner = (room / _OWNER).read_text()
                is_stale = now().timestamp() - room.stat().st_mtime > _STALE.total_seconds()
            except OSError:
                owner, is_stale = "", now().timestamp() - _mtime_s(room) > 60
            is_left = is_stale and not _is_held(room / _OWNER)
            if is_left or is_surely_gone(owner) or _is_let_go(room / _OWNER, owner):
                shutil.rmtree(room, ignore_errors=True)
                n += 1
        return n


def _is_let_go(path: Path, owner: str) -> bool:
    """Whether the lock that the owner of a room held on this machine is held no more; False where that is not known."""
    boot = owner.partition("\n")[2]
    if not boot or boot != boot_id():
        return False  # of another machine, or of a release that locked nothing
    try:
        with path.open() as file:
            return _is_locked_by_us(file)
    except OSError:
        return False


def _is_held(path: Path) -> bool:
    """Whether its owner holds the lock of a room, however long ago he began: a machine may sleep for a night."""
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _is_locked_by_us(file: TextIO) -> bool:
    """Lock it, until it is closed; False where another process holds it, or the file system has no locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


class Intake:
    """Takes files from bytes, paths and addresses."""

    def __init__(self, settings: ServiceSettings, blobs: Blobs, workshop: Workshop) -> None:
        self._settings = settings
        self._blobs = blobs
        self._workshop = workshop
        self._hosts = hosts(settings)
        self._looking = threading.BoundedSemaphore(N_LOOKS)

    def check_url(self, url: str) -> None:
        """Raises UrlRefused where it can be told without asking the network."""
        check_url(url, allow=self._hosts)

    def keep(
        self,
        account_id: str,
        source: Iterable[bytes] | Path,
        filename: str,
        *,
        media_id: str | None = None,
        number: int | None = None,
        n_bytes: int | None = None,
        should_stop: Stop | None = None,
        before_put: Callable[[], None] | None = None,
    ) -> Media:
        """Look at the bytes and put them into `blobs`; the caller writes the row. Checks `n_bytes` if it is given.

        What `before_put` raises, of bytes that are good, keeps them from being put.

        Raises MediaTooLarge, UnreadableMedia, WrongContent, DiskFull, UploadIncomplete.
        """
        from lipwright.core.errors import UploadIncomplete

        with self._workshop.room() as room:
            path = room / "media"
            digest, n_came = self._write(path, source, filename)
            if n_bytes is not None and n_came != n_bytes:
                raise UploadIncomplete(n_expected=n_bytes, n_came=n_came)
            return self._keep(account_id, path, filename, digest, n_came, media_id, number, should_stop, before_put)

    def keep_url(
        self, account_id: str, url: str, *, number: int | None = None, should_stop: Stop | None = None
    ) -> Media:
        """The same with what an address gives. Raises UrlRefused and FetchFailed too."""
        limits = FetchLimits(max_bytes=self._settings.max_upload_bytes)
        with self._workshop.room() as room:
            got = download(url, room / "media", limits=limits, allow=self._hosts, should_stop=should_stop)
            filename = unquote(urlsplit(got.final_url).path.rpartition("/")[2]) or "file"
            return self._keep(account_id, got.path, filename, got.sha256, got.n_bytes, None, number, should_stop)

    def _write(self, path: Path, source: Iterable[bytes] | Path, filename: str) -> tuple[str, int]:
        limit = self._settings.max_upload_bytes
        digest, n = hashlib.sha256(), 0
        # unbuffered: what a full disk says is said by `write`, and not mixed up with what the sender's end raises
        with path.open("wb", buffering=0) as file:
            for chunk in _blocks(source) if isinstance(source, Path) else source:
                n += len(chunk)
                if n > limit:
                    raise MediaTooLarge(shown_name(filename), what="bytes", found=n, limit=limit)
                digest.update(chunk)
                _write_whole(file, chunk, path)
        return digest.hexdigest(), n

    def _keep(
        self,
        account_id: str,
        path: Path,
        filename: str,
        digest: str,
        n_bytes: int,
        media_id: str | None,
        number: int | None,
        should_stop: Stop | None,
        before_put: Callable[[], None] | None = None,
    ) -> Media:
        name = shown_name(filename)
        seen, content_type = self._look(path, name, should_stop)
        made = Media(
            id=media_id or accounts.new_id(),
            number=number or accounts.new_number(),
            account_id=account_id,
            kind=seen["kind"],
            filename=name,
            content_type=content_type,
            n_bytes=n_bytes,
            sha256=digest,
            created_at=now(),
            duration_s=seen["duration_s"],
            width_px=seen["width_px"],
            height_px=seen["height_px"],
            has_sound=seen["has_sound"],
        )
        if before_put is not None:
            before_put()
        self._blobs.put(made.id, path, content_type=content_type, filename=name)
        return made

    def _look(self, path: Path, name: str, should_stop: Stop | None) -> tuple[dict[str, Any], str]:
        with path.open("rb") as file:
            found = sniff(file.read(_HEAD_BYTES))
        if found is None:
            raise WrongContent(name, found="no media file", expected=("video", "audio", "image"))
        is_image = found.kinds[0] == "image"
        try:
            with self._looking:
                seen = sandbox.call(
                    "lipwright.service.children:look",
                    {"path": str(path), "is_image": is_image, "limits": self._media_limits()},
                    limits=sandbox.Limits(cpu_s=30, wall_s=60, memory_bytes=4096 * _MIB, file_bytes=_MIB),
                    should_stop=should_stop,
                )
        except (LimitReached, WorkerCrashed) as exc:
            broken = UnreadableMedia(Path(name), "looking at it took too much, or broke the decoder")
            raise sandbox.with_last_words(broken, exc) from exc
        except InputError as exc:
            raise without_path(exc, path, name) from exc
        self._check_limits(name, seen)
        return seen, _type_of(found.content_type, seen["kind"])

    def _media_limits(self) -> dict[str, Any]:
        # what the child refuses by the headers alone; which limit is whose is told apart below
        chosen = self._settings
        limits = MediaLimits(
            max_side_px=chosen.max_side_px,
            max_pixels=chosen.max_side_px**2,
            max_s=max(chosen.max_audio_s, chosen.max_video_s),
        )
        return asdict(limits)

    def _check_limits(self, name: str, seen: dict[str, Any]) -> None:
        chosen = self._settings
        limit_s = chosen.max_audio_s if seen["kind"] == "audio" else chosen.max_video_s
        if seen["duration_s"] is not None and seen["duration_s"] > limit_s:
            raise MediaTooLarge(name, what="seconds", found=round(seen["duration_s"], 3), limit=limit_s)
        side_px = max(seen["width_px"] or 0, seen["height_px"] or 0)
        if side_px > chosen.max_side_px:
            raise MediaTooLarge(name, what="side_px", found=side_px, limit=chosen.max_side_px)


def hosts(settings: ServiceSettings) -> tuple[str, ...]:
    """The private hosts that the operator allows."""
    return tuple(host.strip() for host in settings.allow_hosts.split(",") if host.strip())


def shown_name(filename: str) -> str:
    """The last part of a name, without what could mislead in a header or a log."""
    last = re.split(r"[/\\]", filename)[-1]
    return "".join(sign for sign in last if sign.isprintable() and sign not in '"<>|;')[-200:].strip(". ") or "file"


def without_path(error: InputError, path: Path, name: str) -> InputError:
    """The same error, in whose words and attributes our path is the client's name."""
    error.args = tuple(part.replace(str(path), name) if isinstance(part, str) else part for part in error.args)
    for key, value in vars(error).items():
        if isinstance(value, str | Path) and str(path) in str(value):
            setattr(error, key, str(value).replace(str(path), name))
    return error


def sha256_of(path: Path) -> str:
    """In hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_whole(file: FileIO, chunk: bytes, path: Path) -> None:
    left = memoryview(chunk)
    try:
        while left:
            left = left[file.write(left) :]
    except OSError as exc:
        raise _disk_error(path, exc) from exc


def _blocks(path: Path) -> Generator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_MIB):
            yield block


def _type_of(sniffed: str, kind: MediaKind) -> str:
    """A container that can hold both is named for what it holds."""
    if kind == "audio" and sniffed.startswith("video/"):
        return "audio/" + {"video/quicktime": "mp4"}.get(sniffed, sniffed.removeprefix("video/"))
    if kind == "video" and sniffed.startswith("audio/"):
        return "video/" + sniffed.removeprefix("audio/")
    return sniffed


def _disk_error(path: Path, exc: OSError) -> DiskFull | OutputNotWritable:
    if exc.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return DiskFull(path)
    return OutputNotWritable(path, (exc.strerror or "it cannot be written").lower())


def _mtime_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return now().timestamp()
