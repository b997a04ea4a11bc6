"""A whole `lipwright serve` in a process of its own, with accounts that can and cannot pay."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from uvicorn import Config, Server

from lipwright.config import HttpSettings, ServiceSettings
from lipwright.core.jobs import Account
from lipwright.http import protocol
from lipwright.http.app import create_app
from lipwright.service.hosted import Hosted

JOB_S = 120
"""The longest that a test waits for a render of about a second, on a busy machine."""

MAX_JSON_BYTES = 4_000_000


@dataclass(frozen=True)
class Live:
    """A server that runs."""

    url: str
    key: str
    poor_key: str
    slow_key: str
    """May ask three times a minute."""
    log_path: Path
    job_s: float = JOB_S
    max_json_bytes: int = MAX_JSON_BYTES

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    @property
    def api_key(self) -> dict[str, str]:
        return {"API-KEY": self.key}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, still_package: Path) -> Iterator[Live]:
    """Started once. The engine `still` is installed in it, so that renders are quick."""
    folder = tmp_path_factory.mktemp("service")
    hosted = Hosted.open(ServiceSettings(data=str(folder / "data")))
    _, key = hosted.create_key("rich", has_credit_limit=False, max_requests_per_min=1_000_000, max_running=4)
    _, poor_key = hosted.create_key("poor", max_requests_per_min=1_000_000)
    _, slow_key = hosted.create_key("slow", max_requests_per_min=3)
    hosted.close()
    log_path = folder / "log"
    environment = {
        **os.environ,
        "LIPWRIGHT_DATA": str(folder / "data"),
        "LIPWRIGHT_SYNC_WAIT_S": str(JOB_S),
        "LIPWRIGHT_MAX_JSON_BYTES": str(MAX_JSON_BYTES),
        "PYTHONPATH": f"{still_package}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-c", "from lipwright.cli.main import main; main()", "serve", "--port", "0"]
    with log_path.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
    try:
        yield Live(_address(process, log_path), key, poor_key, slow_key, log_path)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0, log_path.read_text()[-4000:]
    finally:
        process.kill()
        process.wait()


def _address(process: subprocess.Popen[bytes], log_path: Path) -> str:
    for _ in range(600):
        text = log_path.read_text()
        if (found := re.search(r"Listening at (\S+)", text)) is not None:
            return found[1]
        assert process.poll() is None, text
        time.sleep(0.1)
    raise AssertionError(log_path.read_text())


@pytest.fixture
def api(server: Live) -> Iterator[httpx.Client]:
    """Sends the rich key in both ways."""
    with httpx.Client(base_url=server.url, headers={**server.bearer, **server.api_key}, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def uploaded(server: Live, portrait: Path, short_speech: Path) -> dict[str, Any]:
    """A second of footage and 1.2 s of speech: their links, and their numbers on the PixVerse face."""
    out: dict[str, Any] = {}
    for name, path in (("video", portrait), ("audio", short_speech)):
        with path.open("rb") as file:
            answer = httpx.post(
                f"{server.url}/openapi/v2/media/upload", headers=server.api_key, files={"file": file}, timeout=60
            ).json()
        assert answer["ErrCode"] == 0, answer
        out[name], out[f"{name}_id"] = answer["Resp"]["url"], answer["Resp"]["media_id"]
        assert answer["Resp"]["media_type"] == name
    return out


@pytest.fixture
def duration_of(tmp_path: Path) -> Callable[[bytes], float]:
    """Seconds of an mp4, read by our own probe."""

    def measure(data: bytes) -> float:
        import lipwright

        path = tmp_path / "downloaded.mp4"
        path.write_bytes(data)
        video = lipwright.probe(path).video
        assert video is not None
        return float(video.duration_s)

    return measure


@dataclass(frozen=True)
class Here:
    """A server in this process, without a worker."""

    app: Any
    client: httpx.Client
    hosted: Hosted
    alice: Account
    alice_key: str
    bob_key: str

    @property
    def own(self) -> dict[str, str]:
        """What a browser says that shows our page."""
        return {"Origin": str(self.client.base_url).rstrip("/")}

    def send(self, method: str, path: str, key: str = "", **kwargs: Any) -> Any:
        headers = {"Authorization": f"Bearer {key or self.alice_key}", **kwargs.pop("headers", {})}
        return self.client.request(method, path, headers=headers, **kwargs)


@pytest.fixture(scope="session")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    chosen = ServiceSettings(data=str(tmp_path_factory.mktemp("here")), max_upload_bytes=10_000_000)
    hosted = Hosted.open(chosen)
    alice, alice_key = hosted.create_key("alice", has_credit_limit=False, max_requests_per_min=10**9)
    _, bob_key = hosted.create_key("bob", has_credit_limit=False, max_requests_per_min=10**9)
    app = create_app(hosted, chosen, HttpSettings(max_json_bytes=1_000_000))
    server = Server(Config(app, port=0, http=protocol.BoundedHttp, log_config=None, access_log=False))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # who asks before the server is up waits for it
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with httpx.Client(base_url=url, timeout=60) as client:
            yield Here(app, client, hosted, alice, alice_key, bob_key)
        server.should_exit = True
        thread.join()
    hosted.close()
