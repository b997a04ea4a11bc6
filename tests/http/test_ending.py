"""A server that is told to end: its worker and its requests have the same time for it."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

from lipwright.demo import speech_path

SERVE = """
from lipwright.service.hosted import Hosted
stop_worker = Hosted.stop_worker

def told(self, grace_s=0.0):
    print("the worker was told", grace_s, flush=True)
    stop_worker(self, grace_s)

Hosted.stop_worker = told
from lipwright.cli.main import main
main()
"""


def test_the_worker_takes_no_more_while_the_last_requests_are_still_answered(tmp_path: Path) -> None:
    environment = os.environ | {"LIPWRIGHT_DATA": str(tmp_path / "data"), "LIPWRIGHT_DRAIN_S": "25"}
    log_path = tmp_path / "log"
    with log_path.open("wb") as log:
        command = [sys.executable, "-c", SERVE, "serve", "--port", "0"]
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)

    def said(pattern: str) -> str:
        until_s = monotonic() + 60
        while (found := re.search(pattern, log_path.read_text())) is None:
            assert server.poll() is None, log_path.read_text()
            assert monotonic() < until_s, log_path.read_text()
            sleep(0.1)
        return found[1]

    try:
        key, address = said(r"API key .*: (\S+)"), said(r"Listening at http://(\S+)")
        data = speech_path().read_bytes()
        upload = http.client.HTTPConnection(address, timeout=60)
        head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.flac"\r\n\r\n'
        body = head + data + b"\r\n--x--\r\n"
        upload.putrequest("POST", "/api/v3/media/upload/binary")
        for name, value in (
            ("Authorization", f"Bearer {key}"),
            ("Content-Type", "multipart/form-data; boundary=x"),
            ("Content-Length", str(len(body))),
        ):
            upload.putheader(name, value)
        upload.endheaders(body[:1000])
        sleep(0.5)
        server.terminate()

        assert said(r"the worker was told (\S+)") == "25.0"
        upload.send(body[1000:])
        assert upload.getresponse().status == 200
        assert server.wait(60) == 0, log_path.read_text()
    finally:
        server.kill()
        server.wait()
