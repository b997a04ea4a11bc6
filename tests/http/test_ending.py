"""A server that is told to end: its worker and its requests have the same time for it."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import pytest

from lipwright.demo import speech_path

SERVE = """
import os
from lipwright.service.hosted import Hosted
stop_worker = Hosted.stop_worker

def told(self, grace_s=0.0):
    # in one piece: the server's own log goes to the same file, from another thread
    os.write(1, f"the worker was told {grace_s}\\n".encode())
    stop_worker(self, grace_s)

Hosted.stop_worker = told
from lipwright.cli.main import main
main()
"""


@dataclass
class Started:
    """A server in its own process, whose last requests have 25 s."""

    process: subprocess.Popen[bytes]
    log_path: Path

    def said(self, pattern: str) -> str:
        until_s = monotonic() + 60
        while (found := re.search(pattern, self.log_path.read_text())) is None:
            assert self.process.poll() is None, self.log_path.read_text()
            assert monotonic() < until_s, self.log_path.read_text()
            sleep(0.01)
        return found[1]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Started]:
    environment = os.environ | {"LIPWRIGHT_DATA": str(tmp_path / "data"), "LIPWRIGHT_DRAIN_S": "25"}
    log_path = tmp_path / "log"
    with log_path.open("wb") as log:
        command = [sys.executable, "-c", SERVE, "serve", "--port", "0"]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield Started(process, log_path)
    finally:
        process.kill()
        process.wait()


def test_the_worker_takes_no_more_while_the_last_requests_are_still_answered(server: Started) -> None:
    key, address = server.said(r"API key .*: (\S+)"), server.said(r"Listening at http://(\S+)")
    data = speech_path().read_bytes()
    upload = http.client.HTTPConnection(address, timeout=60)
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.flac"\r\n\r\n'
    body = head + data + b"\r\n--x--\r\n"
    upload.putrequest("POST", "/api/v3/media/upload/binary")
    for name, value in (
        ("Authorization", f"Bearer {key}"),
        ("Content-Type", "multipart/form-data; boundary=x"),
        ("Content-Length", str(len(body))),
        ("Expect", "100-continue"),
    ):
        upload.putheader(name, value)
    upload.endheaders()
    # the server reads it: from here on it has begun
    assert upload.sock.recv(1000).startswith(b"HTTP/1.1 100 ")
    server.process.terminate()

    assert server.said(r"the worker was told (\S+)") == "25.0", server.log_path.read_text()
    upload.send(body)
    assert upload.getresponse().status == 200
    assert server.process.wait(60) == 0, server.log_path.read_text()


def test_a_server_that_says_it_listens_can_be_told_to_end_the_same_moment(server: Started) -> None:
    server.said(r"Listening at http://(\S+)")
    server.process.terminate()

    assert server.process.wait(60) == 0, server.log_path.read_text()
    told = re.search(r"the worker was told (\S+)", server.log_path.read_text())
    assert told is not None, server.log_path.read_text()
    assert told[1] == "25.0", server.log_path.read_text()
