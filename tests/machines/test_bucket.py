"""Blobs in a bucket, over S3's protocol."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import boto3
import httpx
import pytest

from lipwright.blobs import Bucket, BucketBlobs
from lipwright.core.errors import InvalidOption, OutputNotWritable, StoreAway
from lipwright.store.database import now

KEY = "0123456789abcdef" * 2
OTHER = "fedcba9876543210" * 2


@contextmanager
def room() -> Generator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture
def blobs(s3: str, bucket: str) -> BucketBlobs:
    return BucketBlobs(Bucket(url=f"s3://{bucket}/some/where", endpoint=s3), room)


@pytest.fixture
def client(s3: str, bucket: str) -> Any:
    return boto3.client("s3", endpoint_url=s3, region_name="us-east-1")


def test_what_was_put_in_parts_is_read_back_whole_in_ranges_and_as_a_file(blobs: BucketBlobs, tmp_path: Path) -> None:
    source = tmp_path / "source"
    data = bytes(range(256)) * 80_000  # 20 MB: three parts
    source.write_bytes(data)

    blobs.put(KEY, source)

    assert blobs.n_bytes(KEY) == len(data)
    assert b"".join(blobs.read(KEY, 1_048_570, 2_100_000)) == data[1_048_570:2_100_000]
    with blobs.as_file(KEY) as path:
        assert path.read_bytes() == data
    assert not path.exists()
    assert [blob.key for page in blobs.pages() for blob in page] == [KEY]
    blobs.delete([KEY, OTHER])
    assert blobs.n_bytes(KEY) is None
    with pytest.raises(FileNotFoundError), blobs.as_file(KEY):
        pass


def test_a_signed_link_gives_the_bytes_and_their_name_for_an_hour(blobs: BucketBlobs, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"0123456789")
    blobs.put(KEY, tmp_path / "source", content_type="video/mp4", filename="Mein Film ä.mp4")

    link = blobs.link(KEY)

    assert link is not None
    assert "X-Amz-Expires=3600" in link
    answer = httpx.get(link, headers={"Range": "bytes=2-5"})
    assert (answer.status_code, answer.content) == (206, b"2345")
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-disposition"] == "inline; filename*=UTF-8''Mein%20Film%20%C3%A4.mp4"


def test_what_is_put_to_an_upload_link_waits_beside_the_blobs_until_it_is_taken_or_forgotten(
    blobs: BucketBlobs, tmp_path: Path
) -> None:
    link = blobs.upload_link(KEY)
    assert link is not None

    assert blobs.n_bytes_came(KEY) is None
    assert httpx.put(link, content=b"0123456789").status_code == 200

    assert blobs.n_bytes_came(KEY) == 10
    assert b"".join(blobs.read_what_came(KEY)) == b"0123456789"
    assert blobs.n_bytes(KEY) is None
    assert [blob for page in blobs.pages() for blob in page] == []
    assert blobs.drop_halves(now() - timedelta(hours=1)) == 0
    assert blobs.drop_halves(now() + timedelta(seconds=2)) == 1
    assert blobs.n_bytes_came(KEY) is None


def test_a_bucket_keeps_the_mark_of_its_database_which_is_no_blob(blobs: BucketBlobs) -> None:
    assert blobs.mark() is None

    for mark in ("a" * 32, "b" * 32):
        blobs.set_mark(mark)

    assert blobs.mark() == "b" * 32
    assert [blob for page in blobs.pages() for blob in page] == []


def test_clients_get_links_to_the_address_that_they_know(s3: str, bucket: str) -> None:
    public = BucketBlobs(Bucket(url=f"s3://{bucket}", endpoint=s3, public_endpoint="https://cdn.example"), room)
    closed = BucketBlobs(Bucket(url=f"s3://{bucket}", endpoint=s3, has_links=False), room)

    assert urlsplit(public.link(KEY) or "").netloc == "cdn.example"
    assert (closed.link(KEY), closed.upload_link(KEY), closed.n_bytes_came(KEY)) == (None, None, None)


@pytest.mark.parametrize(
    ("encryption", "kms_key", "kept"),
    [("AES256", "", ("AES256", None)), ("aws:kms", "alias/lips", ("aws:kms", "alias/lips"))],
)
def test_the_store_is_told_to_encrypt(
    s3: str, bucket: str, client: Any, tmp_path: Path, encryption: str, kms_key: str, kept: tuple[str, str | None]
) -> None:
    blobs = BucketBlobs(Bucket(url=f"s3://{bucket}", endpoint=s3, encryption=encryption, kms_key=kms_key), room)
    (tmp_path / "source").write_bytes(bytes(9 << 20))

    blobs.put(KEY, tmp_path / "source")

    head = client.head_object(Bucket=bucket, Key=f"{KEY[:2]}/{KEY}")
    assert (head["ServerSideEncryption"], head.get("SSEKMSKeyId")) == kept


def test_a_bucket_that_is_not_there_is_told_without_the_words_of_the_store(
    s3: str, bucket: str, tmp_path: Path
) -> None:
    (tmp_path / "source").write_bytes(b"x")
    blobs = BucketBlobs(Bucket(url="s3://nobody", endpoint=s3), room)

    with pytest.raises(OutputNotWritable) as told:
        blobs.put(KEY, tmp_path / "source")

    assert "127.0.0.1" not in str(told.value)
    for url in ("s3://", "https://bucket", "s3://bucket?x=1"):
        with pytest.raises(InvalidOption):
            BucketBlobs(Bucket(url=url), room)


class _Answers(BaseHTTPRequestHandler):
    """A store that answers everything with one status."""

    status = 503

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_DELETE = do_PUT

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.mark.parametrize("status", [None, 500, 503, 429])
def test_a_store_that_does_not_answer_is_told_from_one_that_refuses(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int | None
) -> None:
    monkeypatch.setattr("lipwright.blobs.bucket._RETRIES", {"max_retries": 0})
    (tmp_path / "source").write_bytes(b"x")

    def of(port: int) -> BucketBlobs:
        return BucketBlobs(Bucket(url=f"s3://{bucket}", endpoint=f"http://127.0.0.1:{port}"), room)

    def asked(blobs: BucketBlobs) -> list[Callable[[], Any]]:
        return [
            lambda: blobs.put(KEY, tmp_path / "source"),
            lambda: blobs.n_bytes(KEY),
            lambda: next(blobs.read(KEY, 0, 1)),
            lambda: blobs.as_file(KEY).__enter__(),
            lambda: blobs.delete([KEY]),
            lambda: next(blobs.pages()),
            lambda: next(blobs.read_what_came(KEY)),
        ]

    with HTTPServer(("127.0.0.1", 0), type("Answers", (_Answers,), {"status": status})) as server:
        if status is None:
            server.server_close()  # nobody listens there now
        else:
            threading.Thread(target=server.serve_forever, daemon=True).start()
        for ask in asked(of(server.server_port)):
            with pytest.raises(StoreAway) as told:
                ask()
            assert "127.0.0.1" not in str(told.value)
        if status is not None:
            server.shutdown()


def test_a_store_that_refuses_is_not_waited_for(bucket: str, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"x")
    with HTTPServer(("127.0.0.1", 0), type("Answers", (_Answers,), {"status": 403})) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        blobs = BucketBlobs(Bucket(url=f"s3://{bucket}", endpoint=f"http://127.0.0.1:{server.server_port}"), room)

        with pytest.raises(OutputNotWritable):
            blobs.put(KEY, tmp_path / "source")

        server.shutdown()
