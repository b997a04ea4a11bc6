"""What is fetched is what it should be, or it does not come."""

from __future__ import annotations

import hashlib
import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lipwright.core.errors import UnknownVoice, WeightsRefused
from lipwright.voices.files import KOKORO_MODEL, KOKORO_STYLES, PIPER, files_of
from lipwright.weights import WeightFile, digest, fetch, is_here

CONTENT = b"a network" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server that gives `CONTENT` under any name but /missing."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404 if self.path == "/missing" else 200)
            self.end_headers()
            self.wfile.write(CONTENT)

        def log_message(self, format: str, *args: Any) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def a_file(address: str, *, sha256: str | None = SHA256, n_bytes: int = len(CONTENT), path: str = "/x") -> WeightFile:
    return WeightFile("x.onnx", address + path, n_bytes, sha256, "CC0-1.0")


def test_a_file_comes_whole_and_is_not_fetched_twice(address: str, tmp_path: Path) -> None:
    told: list[str] = []
    folder = tmp_path / "deep" / "folder"

    path = fetch(a_file(address), folder, tell=told.append)
    again = fetch(a_file(address), folder, tell=told.append)

    assert path == again
    assert path.read_bytes() == CONTENT
    assert digest(path) == SHA256
    assert is_here(a_file(address), folder)
    assert len(told) == 1
    assert "CC0-1.0" in told[0]
    assert [one.name for one in folder.iterdir()] == ["x.onnx"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"sha256": "0" * 64}, "should be 0000"), ({"n_bytes": 100}, "larger"), ({"path": "/missing"}, "does not come"),
     ({"sha256": None}, "--sha256 x.onnx=HASH")],
)  # fmt: skip
def test_what_is_not_right_does_not_come(change: dict[str, Any], reason: str, address: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsRefused, match=re.escape(reason)) as caught:
        fetch(a_file(address, **change), tmp_path)

    assert caught.value.code == "weights_refused"
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_a_recorded_hash_comes_with_the_operators(address: str, tmp_path: Path) -> None:
    file = a_file(address, sha256=None)

    assert fetch(file, tmp_path, hashes={"x.onnx": SHA256.upper()}).is_file()
    with pytest.raises(WeightsRefused):
        fetch(file, tmp_path / "other", hashes={"x.onnx": "1" * 64})


def test_a_server_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(WeightsRefused, match="does not come"):
        fetch(a_file("http://127.0.0.1:1"), tmp_path)


def test_every_row_is_complete() -> None:
    rows = [KOKORO_MODEL, KOKORO_STYLES, *(file for voice in PIPER.values() for file in voice.files)]

    assert len({row.sha256 for row in rows}) == len(rows) == 14
    for row in rows:
        assert row.sha256 is not None
        assert re.fullmatch("[0-9a-f]{64}", row.sha256)
        assert row.url.startswith("https://")
        assert row.n_bytes > 1000
        assert row.licence
    assert files_of("kokoro:af_heart") == (KOKORO_MODEL, KOKORO_STYLES)
    with pytest.raises(UnknownVoice):
        files_of("piper:nobody")
