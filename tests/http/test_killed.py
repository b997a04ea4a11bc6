"""`lipwright serve` itself, killed while one job is rendered and another waits; and at any moment, if asked.

LIPWRIGHT_TEST_CHAOS=KILLS,JOBS is how often: the first kill falls on a render, those after it wherever the dice say.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from lipwright.config import ServiceSettings
from lipwright.core.jobs import Account, JobState
from lipwright.http.webhooks import wavespeed_signature
from lipwright.service import hosted as hosted_module
from lipwright.service.hosted import Hosted

N_KILLS, N_JOBS = (int(n) for n in os.environ.get("LIPWRIGHT_TEST_CHAOS", "1,2").split(","))
PRICE, GRANTED = 150_000, 10_000_000
START_S, END_S = 120, 240 + 60 * N_JOBS


class Receiver(ThreadingHTTPServer):
    """Takes webhooks, and loses every fifth answer."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.came: list[tuple[dict[str, str], bytes]] = []
        self.accepted: list[str] = []
        """The id of each webhook that was answered well."""


class _Handler(BaseHTTPRequestHandler):
    server: Receiver  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.came.append(({name.lower(): value for name, value in self.headers.items()}, body))
        is_lost = len(self.server.came) % 5 == 1
        if not is_lost:
            self.server.accepted.append(self.headers["webhook-id"])
        self.send_response(503 if is_lost else 204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class Serve:
    """The command, started again and again on one folder."""

    def __init__(self, folder: Path, receiver: Receiver) -> None:
        self.log_path = folder / "log"
        self._log = self.log_path.open("ab")
        self._environment = {
            **os.environ,
            "LIPWRIGHT_DATA": str(folder / "data"),
            "LIPWRIGHT_ALLOW_HOSTS": f"127.0.0.1:{receiver.server_address[1]}",
            "LIPWRIGHT_MAX_ATTEMPTS": str(N_KILLS + 1),
            "LIPWRIGHT_DRAIN_S": "1",
            "PYTHONUNBUFFERED": "1",
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.orphans = set[int]()
        """What had been started by those that were killed."""

    def start(self) -> None:
        command = [sys.executable, "-c", "from lipwright.cli.main import main; main()", "serve", "--port", "0"]
        self._from = self.log_path.stat().st_size
        self.process = subprocess.Popen(
            command, stdout=self._log, stderr=subprocess.STDOUT, env=self._environment, start_new_session=True
        )

    def url(self, patience_s: float) -> str | None:
        """Where it listens; None if it does not yet."""
        until_s = time.monotonic() + patience_s
        while True:
            said = self.log_path.read_bytes()[self._from :].decode()
            if (found := re.search(r"Listening at (\S+)", said)) is not None:
                return found[1]
            assert self.process is None or self.process.poll() is None, said[-3000:]
            if time.monotonic() > until_s:
                return None
            time.sleep(0.05)

    def kill(self) -> None:
        """`kill -9` of this process alone: its renders must see by themselves that it is gone."""
        assert self.process is not None
        self.orphans |= children_of(self.process.pid)
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=60)
        self._log.close()


@pytest.fixture
def serve(tmp_path: Path, receiver: Receiver) -> Iterator[Serve]:
    made = Serve(tmp_path, receiver)
    yield made
    if made.process is not None:
        made.process.kill()
    made.end()


def children_of(pid: int) -> set[int]:
    """Renders and looks at media that are under way, by whoever is their parent."""
    return {int(path.parent.name) for path in Path("/proc").glob("[0-9]*/stat") if parent_of(path) == pid}


def parent_of(stat: Path) -> int | None:
    """None if it is gone, or only waits to be collected."""
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else int(fields[1])


def kept_and_wanted(service: Hosted, account: Account, folder: Path, uploads: set[str]) -> tuple[set[str], set[str]]:
    """The blobs that are there, and those that should be."""
    page = service.jobs(account, page_size=100)
    outputs = {output.id for job in page.jobs for output in job.outputs}
    kept = {path.name for path in (folder / "blobs").rglob("*") if path.is_file() and path.parent.name != "database"}
    return kept, outputs | uploads


@pytest.mark.timeout(START_S + END_S + 60 + 40 * N_KILLS)
def test_whenever_the_server_is_killed_every_job_ends_once_is_paid_once_and_told_under_one_id(
    tmp_path: Path,
    serve: Serve,
    receiver: Receiver,
    portrait: Path,
    short_speech: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = ServiceSettings(data=str(tmp_path / "data"))
    service = Hosted.open(settings)
    # so that some are rendered, and others wait
    account, key = service.create_key("alice", max_running=max(1, min(4, N_JOBS // 2)))
    service.grant(account, GRANTED)
    media = [service.upload_file(account, path, path.name) for path in (portrait, short_speech)]
    secret = service.webhook_secret(account)
    body = {"video": f"media:{media[0].id}", "audio": f"media:{media[1].id}"}
    hook = f"http://127.0.0.1:{receiver.server_address[1]}/hook"
    dice = random.Random(11)
    waiting = [f"job-{number}" for number in range(N_JOBS)]
    ids: dict[str, str] = {}
    n_kills = 0

    def submit(url: str, name: str) -> None:
        """As a careful client does: the same key until there is an answer."""
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": name}
        answer = httpx.post(
            f"{url}/api/v3/pixverse/lipsync", params={"webhook": hook}, headers=headers, json=body, timeout=30
        )
        if answer.status_code == 200:
            ids[name] = answer.json()["data"]["id"]
        else:  # the one before it was killed while it took it in
            assert answer.status_code == 409, answer.text

    def submit_some(url: str, until_s: float) -> None:
        for name in waiting[: 2 + len(waiting) * (n_kills + 1) // max(N_KILLS, 1)]:
            if name not in ids and time.monotonic() < until_s:
                try:
                    submit(url, name)
                except httpx.HTTPError:
                    return

    def states() -> set[JobState]:
        return {service.job(account, one).state for one in ids.values()}

    def shown(url: str, one: str) -> dict[str, Any]:
        """A job as its owner is told."""
        path = f"/api/v3/predictions/{one}/result"
        return httpx.get(url + path, headers={"Authorization": f"Bearer {key}"}, timeout=30).json()["data"]

    while n_kills < N_KILLS:
        serve.start()
        # one in four dies while it starts
        url = None if n_kills and dice.random() < 0.25 else serve.url(START_S)
        until_s = time.monotonic() + dice.uniform(0.1, 8.0)
        if n_kills == 0:
            assert url is not None
            submit_some(url, time.monotonic() + START_S)
            rendered_s = time.monotonic() + START_S
            while not (rendered := [one for one in ids.values() if service.job(account, one).phase == "render"]):
                assert time.monotonic() < rendered_s, "no render begins"
                time.sleep(0.02)
            told_by_api = shown(url, rendered[0])["status"]
            serve.kill()
            # or it fell on nobody's work
            assert told_by_api == "processing"
            assert states() >= {JobState.RUNNING, JobState.QUEUED}
            assert serve.orphans
            assert receiver.came == []
        elif url is not None:
            reaper = threading.Timer(until_s - time.monotonic(), serve.kill)
            reaper.start()
            submit_some(url, until_s)
            reaper.join()
        else:
            time.sleep(until_s - time.monotonic())
            serve.kill()
        n_kills += 1
        gone_s = time.monotonic() + 10
        while time.monotonic() < gone_s and any(parent_of(Path(f"/proc/{one}/stat")) for one in serve.orphans):
            time.sleep(0.05)
        assert not any(parent_of(Path(f"/proc/{one}/stat")) for one in serve.orphans)

    serve.start()
    url = serve.url(START_S)
    assert url is not None
    end_s = time.monotonic() + END_S + 60  # a claim without a job is free again after a minute
    while len(ids) < N_JOBS and time.monotonic() < end_s:
        submit_some(url, end_s)
        time.sleep(0.5)
    done = [service.wait(account, one, max(1.0, end_s - time.monotonic())) for one in ids.values()]
    while any(one.state == "waiting" for one in service.deliveries()) and time.monotonic() < end_s:
        time.sleep(0.2)
    results = [[sha256(httpx.get(link).content).hexdigest() for link in shown(url, job.id)["outputs"]] for job in done]
    serve.end()

    assert len(set(ids.values())) == N_JOBS
    assert service.jobs(account).n_total == N_JOBS
    assert [(job.state, job.error_message) for job in done] == [(JobState.SUCCEEDED, None)] * N_JOBS
    assert [len(job.outputs) for job in done] == [1] * N_JOBS
    assert results == [[output.sha256 for output in job.outputs] for job in done]
    rows = service.ledger(account, limit=1000)
    assert Counter(row.job_id for row in rows if row.kind == "charge") == dict.fromkeys(ids.values(), 1)
    assert service.balance_microusd(account) == GRANTED - N_JOBS * PRICE
    told: dict[str, set[str]] = {}
    for headers, said in receiver.came:
        payload = json.loads(said)
        told.setdefault(payload["id"], set()).add(headers["webhook-id"])
        assert payload["status"] == "completed"
        assert headers["webhook-signature"] == wavespeed_signature(
            secret, headers["webhook-id"], int(headers["webhook-timestamp"]), said
        )
    assert told == {one: {one[:25]} for one in ids.values()}
    assert {(one.job_id, one.state) for one in service.deliveries()} == {(one, "delivered") for one in ids.values()}
    # who is killed between an answer and writing it down sends once more: the first kill comes before any was sent
    if N_KILLS == 1:
        assert sorted(receiver.accepted) == sorted(one[:25] for one in ids.values())

    monkeypatch.setattr(hosted_module, "_YOUNG", timedelta(0))
    swept = service.sweep()
    kept, wanted = kept_and_wanted(service, account, settings.folder, {one.id for one in media})
    service.close()
    assert kept == wanted, swept
    assert list((settings.folder / "work").iterdir()) == []
    print(f"{N_KILLS} kills, {N_JOBS} jobs, {len(receiver.came)} webhooks; swept: {dict(swept)}")
