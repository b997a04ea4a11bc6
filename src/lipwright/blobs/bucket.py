"""Blobs in a bucket of S3, or of a store that speaks its protocol."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from lipwright.blobs.store import Blobs, place
from lipwright.core.errors import DiskFull, InvalidOption, OutputNotWritable, StoreAway

_PART_BYTES: Final = 8 << 20
_N_PARTS_AT_A_TIME: Final = 4
"""With parts of 8 MB: 32 MB of memory for each file on its way."""
_RETRIES: Final[dict[str, Any]] = {"max_retries": 5, "retry_timeout": timedelta(seconds=60)}
_COMING: Final = "incoming"
_AWAY: Final = re.compile(r"HTTP error: |non-2xx status code: (?:5\d\d|408|429)\b")
"""How the first line of obstore's errors tells that nobody answered, or that the answer may be another one later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Where it is, and how it is used. Who we are comes from where Amazon's own tools look: AWS_* variables, roles."""

    url: str
    """s3://bucket/prefix"""
    region: str = "us-east-1"
    endpoint: str = ""
    public_endpoint: str = ""
    """For signed links, where clients know the store by another address."""
    has_links: bool = True
    link_s: float = 3600
    encryption: str = ""
    kms_key: str = ""


class BucketBlobs(Blobs):
    """Put in parts and made whole by the store: a reader never sees half a blob."""

    def __init__(self, bucket: Bucket, room: Callable[[], AbstractContextManager[Path]]) -> None:
        """`room` gives a folder for a while: renders read files. Raises InvalidOption."""
        parts = urlsplit(bucket.url)
        if parts.scheme != "s3" or not parts.netloc or parts.query:
            raise InvalidOption("LIPWRIGHT_STORE_URL", bucket.url, "write s3://BUCKET or s3://BUCKET/PREFIX")
        self._bucket = bucket
        self._room = room
        prefix = parts.path.strip("/")
        super().__init__(_store(bucket, parts.netloc, prefix, bucket.endpoint), f"{parts.netloc}/{prefix}")
        public = bucket.public_endpoint or bucket.endpoint
        self._signer: Any = _store(bucket, parts.netloc, prefix, public) if bucket.has_links else None

    def put(self, key: str, source: Path, *, content_type: str = "", filename: str = "") -> None:
        # players and browsers that come by a signed link are told by the store itself
        attributes = {
            "Content-Type": content_type or "application/octet-stream",
            "Content-Disposition": f"inline; filename*=UTF-8''{quote(filename or key, safe='')}",
            "Cache-Control": "private, max-age=3600",
        }
        try:
            with self._asked():
                obstore.put(
                    self._store,
                    place(key),
                    source,
                    attributes=attributes,  # pyright: ignore[reportArgumentType]
                    chunk_size=_PART_BYTES,
                    max_concurrency=_N_PARTS_AT_A_TIME,
                )
        except (BaseError, OSError) as exc:
            raise self._refused(exc) from exc

    @contextmanager
    def as_file(self, key: str) -> Generator[Path]:
        with self._room() as room:
            path = room / "blob"
            try:
                with path.open("wb") as file:
                    for block in self._blocks(place(key)):
                        file.write(block)
            except OSError as exc:
                if exc.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
                    raise DiskFull(path) from exc
                raise
            yield path

    def drop_halves(self, before: datetime) -> int:
        """Uploads that nobody asked for. Parts of a blob that never became whole are the bucket's to remove."""
        old = [one for page in self._listed(_COMING, 1000) for one in page if one["last_modified"] < before]
        for one in old:
            self._remove(str(one["path"]))
        return len(old)

    def link(self, key: str) -> str | None:
        return self._sign("GET", place(key))

    def upload_link(self, key: str) -> str | None:
        return self._sign("PUT", _coming(key))

    def n_bytes_came(self, key: str) -> int | None:
        return None if self._signer is None else self._size(_coming(key))

    def read_what_came(self, key: str) -> Generator[bytes]:
        return self._blocks(_coming(key))

    def drop_what_came(self, key: str) -> bool:
        self._remove(_coming(key))
        return True

    def _blocks(self, path: str) -> Generator[bytes]:
        with self._asked():
            blocks = iter(obstore.get(self._store, path).stream())
        while True:
            with self._asked():
                block = next(blocks, None)
            if block is None:
                return
            yield bytes(block)

    def _sign(self, method: Any, path: str) -> str | None:
        if self._signer is None:
            return None
        return obstore.sign(self._signer, method, path, timedelta(seconds=self._bucket.link_s))

    @contextmanager
    def _asked(self) -> Generator[None]:
        try:
            yield
        except BaseError as exc:
            line = str(exc).partition("\n")[0]
            if _AWAY.search(line):
                raise StoreAway(line) from exc
            raise

    def _refused(self, exc: BaseError | OSError) -> OutputNotWritable:
        # its own words are pages of XML, and name hosts
        return OutputNotWritable(Path(self.name), f"the store does not take it ({type(exc).__name__})")


def _coming(key: str) -> str:
    return f"{_COMING}/{place(key).rpartition('/')[2]}"


def _store(bucket: Bucket, name: str, prefix: str, endpoint: str) -> S3Store:
    config: dict[str, Any] = {"region": bucket.region}
    if endpoint:
        config["endpoint"] = endpoint
    if bucket.encryption:
        config["server_side_encryption"] = bucket.encryption
    if bucket.kms_key:
        config["sse_kms_key_id"] = bucket.kms_key
    return S3Store(
        name,
        prefix=prefix or None,
        config=config,  # pyright: ignore[reportArgumentType]
        client_options={"allow_http": endpoint.startswith("http://"), "connect_timeout": timedelta(seconds=10)},
        retry_config=_RETRIES,  # pyright: ignore[reportArgumentType]
    )
