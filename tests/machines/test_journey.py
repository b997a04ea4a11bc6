"""`lipwright serve --no-worker` and `lipwright worker` as on two machines: they share PostgreSQL and a bucket only."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import httpx
import pytest

JOB_S = 240
"""The longest that a render of a second is waited for, on a busy machine."""
PROGRAM = [sys.executable, "-c", "from lipwright.cli.main import main; main()"]


@dataclass(frozen=True)
class TwoMachines:
    url: str
    key: str
    folder: Path


@pytest.fixture
def machines(postgres: Any, s3: str, bucket: str, still_package: Path, tmp_path: Path) -> Iterator[TwoMachines]:
    shared = {
        **os.environ,
        "LIPWRIGHT_DATABASE_URL": postgres.url(postgres.new_database()),
        "LIPWRIGHT_DATABASE_CONNECTIONS": "5",
        "LIPWRIGHT_STORE_URL": f"s3://{bucket}/lips",
        "LIPWRIGHT_STORE_ENDPOINT": s3,
        "LIPWRIGHT_STORE_ENCRYPTION": "AES256",
        "PYTHONPATH": f"{still_package}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
        "PYTHONUNBUFFERED": "1",
    }
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str, *arguments: str) -> Path:
        log_path = tmp_path / f"{name}.log"
        environment = {**shared, "LIPWRIGHT_DATA": str(tmp_path / name)}
        with log_path.open("wb") as log:
            command = [*PROGRAM, *arguments]
            started.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment))
        return log_path

    def told(log_path: Path, pattern: str) -> str:
        until_s = time.monotonic() + 90
        while (found := re.search(pattern, log_path.read_text())) is None:
            assert time.monotonic() < until_s, log_path.read_text()
            assert all(process.poll() is None for process in started), log_path.read_text()
            time.sleep(0.1)
        return found[1]

    try:
        log_path = start("api", "serve", "--no-worker", "--port", "0")
        url = told(log_path, r"Listening at (\S+)")
        key = told(log_path, r"API key.*: (\S+)")
        start("worker", "worker", "--public-url", url)
        yield TwoMachines(url, key, tmp_path)
        for process in started:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(60) for process in started] == [0, 0], told(log_path, "()$")
    finally:
        for process in started:
            process.kill()
            process.wait()


@pytest.mark.timeout(JOB_S + 150)
def test_footage_goes_up_by_a_signed_ticket_and_the_result_comes_down_by_a_signed_link(
    machines: TwoMachines, s3: str, bucket: str, portrait: Path, short_speech: Path
) -> None:
    client = httpx.Client(base_url=machines.url, headers={"Authorization": f"Bearer {machines.key}"}, timeout=60)
    links: dict[str, str] = {}
    for role, data in (("video", portrait.read_bytes()), ("audio", short_speech.read_bytes()), ("bad", b"no media")):
        asked = {"filename": f"{role}.bin", "size": len(data)}
        ticket = client.post("/api/v3/media/uploads", json=asked).json()["data"]
        upload = ticket["upload"]
        assert upload["url"].startswith(s3)
        assert httpx.put(upload["url"], content=data, headers=upload["headers"]).status_code == 200
        links[role] = ticket["download_url"]

    refused = client.post("/api/v3/lipwright/still", json={"video": links["bad"], "audio": links["audio"]})
    made = client.post("/api/v3/lipwright/still", json={"video": links["video"], "audio": links["audio"]}).json()[
        "data"
    ]
    until_s = time.monotonic() + 120
    while (done := client.get(made["urls"]["get"]).json()["data"])["status"] not in {"completed", "failed"}:
        assert time.monotonic() < until_s, (machines.folder / "worker.log").read_text()
        time.sleep(0.3)

    assert refused.status_code == 400
    assert done["status"] == "completed", done
    answer = client.get(done["outputs"][0])
    assert answer.status_code == 307
    assert urlsplit(answer.headers["location"]).netloc == urlsplit(s3).netloc
    result = httpx.get(done["outputs"][0], follow_redirects=True)
    assert result.content[4:8] == b"ftyp"
    assert result.headers["content-type"] == "video/mp4"
    assert int(client.head(done["outputs"][0]).headers["content-length"]) == len(result.content)
    part = httpx.get(done["outputs"][0], follow_redirects=True, headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")

    # two uploads and a result, beside the mark of the store; what was refused is gone, and nothing waits beside them
    store = boto3.client("s3", endpoint_url=s3, region_name="us-east-1")
    kept = [one["Key"] for one in store.list_objects_v2(Bucket=bucket)["Contents"] if "/database/" not in one["Key"]]
    assert len(kept) == 3
    assert all(re.fullmatch(r"lips/[0-9a-f]{2}/[0-9a-f]{32}", one) for one in kept)
    assert {store.head_object(Bucket=bucket, Key=one)["ServerSideEncryption"] for one in kept} == {"AES256"}
    assert [path for name in ("api", "worker") for path in (machines.folder / name / "work").iterdir()] == []
    client.close()
