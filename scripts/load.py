"""Load a whole `lipwright serve` with submits and polls, and say how long they took: `make load`.

    python scripts/load.py                      # idle, then while it renders: 200 requests/s for 20 s each
    python scripts/load.py --n 10000 --only idle

Loopback only, and bounded: so many requests at a steady rate, whether answers come or not; a time counts from the
moment at which its request was due, so that a server that stalls cannot hide it. The load, the server and the render
share the machine. Exit status 1: a request failed, or the 99th percentile of submits or of polls is over the limit,
whichever of the two runs it was. `ratio` compares the runs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from lipwright.config import ServiceSettings
from lipwright.demo import speech_path, video_path
from lipwright.service.hosted import Hosted

_START_S: Final = 60
_ANSWER_S: Final = 30
_MOST_CONNECTIONS: Final = 100
_MODEL: Final = "/api/v3/pixverse/lipsync"


@dataclass
class Seen:
    """What came back."""

    submit_s: list[float] = field(default_factory=list[float])
    poll_s: list[float] = field(default_factory=list[float])
    statuses: Counter[int] = field(default_factory=Counter[int])
    ids: list[str] = field(default_factory=list[str])


class Wire:
    """Connections that stay open, as clients keep them; one request at a time on each."""

    def __init__(self, host: str, port: int, key: str) -> None:
        self._address = host, port
        self._head = f"Host: {host}:{port}\r\nAuthorization: Bearer {key}\r\n"
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._may_ask = asyncio.Semaphore(_MOST_CONNECTIONS)

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """The status and the body of the answer. Waits while all connections are in use."""
        async with self._may_ask:
            return await self._ask(method, path, body)

    async def _ask(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        while self._free and self._free[-1][0].at_eof():
            self._free.pop()[1].close()
        reader, writer = self._free.pop() if self._free else await asyncio.open_connection(*self._address)
        about = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        writer.write(f"{method} {path} HTTP/1.1\r\n{self._head}{about}\r\n".encode() + body)
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        said = await reader.readexactly(int(length[1])) if length else b""
        self._free.append((reader, writer))
        return int(head.split(b" ", 2)[1]), said

    def close(self) -> None:
        for _, writer in self._free:
            writer.close()


async def load(url: str, key: str, body: bytes, ids: list[str], chosen: argparse.Namespace) -> Seen:
    """Send `chosen.n` requests at `chosen.rate` per second."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    wire, seen, dice = Wire(parts.hostname, parts.port, key), Seen(ids=list(ids)), random.Random(7)

    async def one(due_s: float, is_submit: bool) -> None:
        if is_submit:
            status, said = await asyncio.wait_for(wire.ask("POST", _MODEL, body), _ANSWER_S)
        else:
            # clients poll what they submitted lately
            path = f"/api/v3/predictions/{dice.choice(seen.ids[-100:])}/result"
            status, said = await asyncio.wait_for(wire.ask("GET", path), _ANSWER_S)
        (seen.submit_s if is_submit else seen.poll_s).append(loop.time() - due_s)
        seen.statuses[status] += 1
        if status == 200:
            data: dict[str, Any] = json.loads(said)["data"]
            if is_submit:
                seen.ids.append(data["id"])

    loop = asyncio.get_running_loop()
    start_s = loop.time() + 0.2
    asked: list[asyncio.Task[None]] = []
    for number in range(chosen.n):
        due_s = start_s + number / chosen.rate
        if (wait_s := due_s - loop.time()) > 0:
            await asyncio.sleep(wait_s)
        asked.append(asyncio.create_task(one(due_s, dice.random() < chosen.submits)))
    for done in await asyncio.gather(*asked, return_exceptions=True):
        if isinstance(done, BaseException):
            seen.statuses[0] += 1
    wire.close()
    return seen


@contextmanager
def served(folder: Path, *, renders: bool) -> Generator[tuple[str, subprocess.Popen[bytes]]]:
    """`lipwright serve` on that folder: its address and its process."""
    command = [sys.executable, "-c", "from lipwright.cli.main import main; main()", "serve", "--port", "0"]
    command += ["--data", str(folder)] + ([] if renders else ["--no-worker"])
    log_path = folder.with_suffix(".log")
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )
    try:
        until_s = time.monotonic() + _START_S
        while (found := re.search(r"Listening at (\S+)", log_path.read_text())) is None:
            if process.poll() is not None or time.monotonic() > until_s:
                raise SystemExit(f"the server did not start:\n{log_path.read_text()[-2000:]}")
            time.sleep(0.1)
        yield found[1], process
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
    finally:
        process.kill()
        process.wait()


def measure(folder: Path, chosen: argparse.Namespace, *, renders: bool) -> dict[str, Any]:
    """The figures of one run."""
    hosted = Hosted.open(ServiceSettings(data=str(folder)))
    account, key = hosted.create_key("load", max_requests_per_min=10**9, max_running=4)
    hosted.grant(account, 10**12)
    hosted.close()
    bearer = {"Authorization": f"Bearer {key}"}
    with served(folder, renders=renders) as (url, process):
        inputs: dict[str, str] = {}
        for role, path in (("video", video_path()), ("audio", speech_path())):
            with path.open("rb") as file:
                said = httpx.post(f"{url}/api/v3/media/upload/binary", headers=bearer, files={"file": file}, timeout=60)
            inputs[role] = said.json()["data"]["download_url"]
        body = json.dumps(inputs).encode()
        first = httpx.post(f"{url}{_MODEL}", headers=bearer, content=body, timeout=60).json()["data"]
        while renders and first["status"] == "created":
            time.sleep(0.2)
            first = httpx.get(first["urls"]["get"], headers=bearer, timeout=60).json()["data"]
        time.sleep(2)  # the render is at work now
        before_s, before_kb = cpu_s(process.pid), rss_kb(process.pid)
        start_s = time.monotonic()
        seen = asyncio.run(load(url, key, body, [first["id"]], chosen))
        took_s = time.monotonic() - start_s
        used_s, after_kb = cpu_s(process.pid) - before_s, rss_kb(process.pid)
    every_s = sorted(seen.submit_s + seen.poll_s)
    return {
        "renders": renders,
        "requests": chosen.n,
        "per_s": round(chosen.n / took_s, 1),
        "statuses": dict(seen.statuses),
        "all": quantiles(every_s),
        "submit": quantiles(sorted(seen.submit_s)),
        "poll": quantiles(sorted(seen.poll_s)),
        "api_cpu_ms_per_request": round(1000 * used_s / chosen.n, 2),
        "api_rss_mb": [round(before_kb / 1024, 1), round(after_kb / 1024, 1)],
        "load_average": round(os.getloadavg()[0], 2),
    }


def table(runs: list[dict[str, Any]], limit_ms: float) -> tuple[list[str], bool]:
    """Of the 99th percentiles: lines for people, and whether all of them, and all answers, are as they should be."""
    names = ["renders" if run["renders"] else "idle" for run in runs]
    lines = ["p99, ms   " + "".join(f"{name:>10}" for name in names) + ("     ratio" if len(runs) == 2 else "")]
    is_well = True
    for kind in ("submit", "poll", "all"):
        p99_ms = [run[kind]["p99_ms"] for run in runs]
        is_good = max(p99_ms) <= limit_ms
        is_well &= is_good
        ratio = f"{p99_ms[1] / p99_ms[0]:10.2f}" if len(runs) == 2 else ""
        told = "pass" if is_good else f"FAIL: over {limit_ms:g} ms"
        lines.append(f"{kind:10}" + "".join(f"{one:10.1f}" for one in p99_ms) + f"{ratio}   {told}")
    failed = sum(n for run in runs for status, n in run["statuses"].items() if status != 200)
    asked = sum(run["requests"] for run in runs)
    lines.append(f"answers   {failed} of {asked} failed   {'FAIL' if failed else 'pass'}")
    return lines, is_well and failed == 0


def quantiles(sorted_s: list[float]) -> dict[str, float]:
    """Milliseconds."""
    at = {"p50_ms": 0.5, "p90_ms": 0.9, "p99_ms": 0.99, "most_ms": 1.0}
    n = len(sorted_s)
    return {name: round(1000 * sorted_s[min(n - 1, int(part * n))], 1) for name, part in at.items()} if n else {}


def cpu_s(pid: int) -> float:
    """Of the server's own process: renders are children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_kb(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=4000, help="requests of each run (4000)")
    parser.add_argument("--rate", type=float, default=200, help="requests per second (200)")
    parser.add_argument("--submits", type=float, default=0.1, help="the part that submits (0.1); the rest polls")
    parser.add_argument("--only", choices=("idle", "renders"), help="one of the two runs")
    parser.add_argument("--limit-ms", type=float, default=50, help="of the 99th percentile (50)")
    chosen = parser.parse_args()
    runs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for renders in (False, True):
            if chosen.only in (None, "renders" if renders else "idle"):
                runs.append(measure(Path(folder) / f"data-{renders}", chosen, renders=renders))
                print(json.dumps(runs[-1], indent=1), flush=True)
    lines, is_well = table(runs, chosen.limit_ms)
    print("\n".join(lines))
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
