"""Half an hour of a service's life: `make soak`. An API, two workers, real renders of short clips, and what goes wrong.

For LIPWRIGHT_SOAK_MIN minutes (30) a few jobs are always open: recordings and texts, uploads and addresses, some
cancelled at any moment, some with input that cannot be used, webhooks that are refused at first. Every 5 s the memory
and the open files of every process are read. Afterwards nothing may be open. `--database URL` is a PostgreSQL that it
may fill; else SQLite.

Exit status 1 where the median memory of a process in the last third of the time is more than 5 % above that in the
second, where its open files grew by more than two, where the largest children did, where a job is stuck, or ended as it
should not, or was paid for twice or for nothing.
"""

# PyAV leaves the arguments of its streams untyped.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import wave
from collections import Counter, defaultdict
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any, Final

import av
import httpx
import numpy as np

import lipwright
from lipwright.config import ServiceSettings
from lipwright.core.jobs import Account, JobState
from lipwright.demo import speech_path, video_path
from lipwright.media import read_speech
from lipwright.service.hosted import Hosted

LOOK_EVERY_S: Final = 5.0
N_OPEN: Final = 5
"""Jobs that are open at any moment: more than are rendered, so that some wait."""
END_WITHIN_S: Final = 240
SPEECH_S: Final = 1.5
MODEL: Final = "/api/v3/pixverse/lipsync"
SENTENCES: Final = ("Good morning.", "Papa bought a map.", "We leave at five.", "Nobody saw my brother.")
# what is submitted, how often, and the codes of errors that it may end with (none: it succeeds)
KINDS: Final[dict[str, tuple[float, frozenset[str]]]] = {
    "recording": (40, frozenset()),
    "text": (12, frozenset()),
    "address": (12, frozenset()),
    "cancelled": (18, frozenset()),
    "no such address": (5, frozenset({"fetch_failed"})),
    "not a video": (5, frozenset({"wrong_content"})),
    "cut off": (4, frozenset({"unreadable_media"})),
    "no face": (4, frozenset({"no_face"})),
}


@dataclass
class Seen:
    """Of one process, look by look: when, resident memory, open files, threads."""

    looks: list[tuple[float, float, int, int]] = field(default_factory=list[tuple[float, float, int, int]])

    def third(self, number: int, start_s: float, length_s: float, column: int) -> list[float]:
        """What one column held in the first, second or last third (0, 1, 2)."""
        low, high = start_s + length_s * number / 3, start_s + length_s * (number + 1) / 3
        return [float(look[column]) for look in self.looks if low <= look[0] < high]


class Receiver(ThreadingHTTPServer):
    """Gives the inputs away, and takes webhooks, of which it refuses one in eight."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: Final = files
        self.came: Counter[str] = Counter()
        self.n_asked = 0
        self.lock: Final = threading.Lock()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        data = self.server.files.get(self.path.strip("/"))
        self.send_response(404 if data is None else 200)
        self.send_header("Content-Length", str(len(data or b"")))
        self.end_headers()
        self.wfile.write(data or b"")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.n_asked += 1
            is_refused = self.server.n_asked % 8 == 0
            if not is_refused:
                self.server.came[str(body["id"])] += 1
        self.send_response(503 if is_refused else 204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


def make_inputs(folder: Path) -> dict[str, bytes]:
    """Short real footage and speech, and what cannot be used."""
    speech = read_speech(speech_path())
    samples = speech.samples[: round(SPEECH_S * speech.rate_hz)]
    with wave.open(str(folder / "speech.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(speech.rate_hz)
        file.writeframes((samples * 32_000).astype(np.int16).tobytes())
    lipwright.sync(video_path(), folder / "speech.wav", folder / "footage.mp4")
    footage = (folder / "footage.mp4").read_bytes()
    return {
        "footage.mp4": footage,
        "speech.wav": (folder / "speech.wav").read_bytes(),
        "nonsense.mp4": random.Random(1).randbytes(30_000),
        "cut.mp4": footage[: len(footage) // 3],
        "nobody.mp4": grey_mp4(folder / "nobody.mp4"),
    }


def grey_mp4(path: Path) -> bytes:
    """A second of footage in which nobody is."""
    with av.open(path, "w") as file:
        stream: Any = file.add_stream("h264", rate=25)
        stream.width = stream.height = 96
        stream.pix_fmt = "yuv420p"
        for level in range(25):
            frame = av.VideoFrame.from_ndarray(np.full((144, 96), 90 + level, np.uint8), format="yuv420p")
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path.read_bytes()


@contextmanager
def started(
    name: str, arguments: list[str], environment: dict[str, str], log: Path
) -> Generator[subprocess.Popen[bytes]]:
    """One process of `lipwright`, until it has said that it is ready."""
    command = [sys.executable, "-c", "from lipwright.cli.main import main; main()", *arguments]
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=os.environ | environment)
    try:
        until_s = time.monotonic() + 60
        while not re.search(r"Listening at \S+|Working\.", log.read_text()):
            if process.poll() is not None or time.monotonic() > until_s:
                raise SystemExit(f"{name} did not start:\n{log.read_text()[-3000:]}")
            time.sleep(0.1)
        yield process
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    finally:
        process.kill()
        process.wait()


def look_at(pid: int) -> tuple[float, float, int, int] | None:
    """Resident memory in MB, open files and threads; None where it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        n_files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    resident, threads = re.search(r"VmRSS:\s+(\d+)", status), re.search(r"Threads:\s+(\d+)", status)
    if resident is None or threads is None:  # it has ended, and is not collected
        return None
    return time.monotonic(), int(resident[1]) / 1024, n_files, int(threads[1])


def children_of(pids: set[int]) -> dict[int, str]:
    """Who was started by these, and its state as the kernel writes it."""
    found: dict[int, str] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[1]) in pids:
                found[int(folder.name)] = fields[0]
    return found


class Watch:
    """Looks at every process, in a thread of its own."""

    def __init__(self, names: dict[int, str]) -> None:
        self.names: Final = names
        self.seen: Final[dict[str, Seen]] = defaultdict(Seen)
        self.n_children = 0
        self._known: Final[set[int]] = set()
        self._stopping: Final = threading.Event()
        self._thread: Final = threading.Thread(target=self._look_on, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _look_on(self) -> None:
        while not self._stopping.wait(LOOK_EVERY_S):
            for pid, name in self.names.items():
                if (look := look_at(pid)) is not None:
                    self.seen[name].looks.append(look)
            children = children_of(set(self.names))
            self._known.update(children)
            self.n_children = len(self._known)
            looks = [look for pid in children if (look := look_at(pid)) is not None]
            if looks:
                # of all that live now, the largest
                largest = max(looks, key=lambda look: look[1])
                self.seen["children"].looks.append((largest[0], largest[1], max(one[2] for one in looks), len(looks)))


@dataclass
class Asked:
    """A job that was submitted."""

    id: str
    kind: str
    cancel_at_s: float | None


class Crowd:
    """Submits, cancels, and sees what becomes of it."""

    def __init__(self, url: str, key: str, hosted: Hosted, account: Account, receiver: Receiver) -> None:
        self._client: Final = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60)
        self._hosted, self._account, self._receiver = hosted, account, receiver
        self._dice: Final = random.Random(11)
        self.open: Final[dict[str, Asked]] = {}
        self.ended: Final[list[tuple[Asked, JobState, str]]] = []
        self.n_refused: Final[Counter[str]] = Counter()
        self.n_again = 0
        files = receiver.files
        self._media: Final = {name: self._upload(name, files[name]) for name in ("footage.mp4", "speech.wav")}

    def _upload(self, name: str, data: bytes) -> str:
        said = self._client.post("/api/v3/media/upload/binary", files={"file": (name, data)})
        return str(said.json()["data"]["download_url"])

    def submit(self) -> None:
        """One more, of any kind."""
        dice = self._dice
        kind = dice.choices(list(KINDS), [weight for weight, _ in KINDS.values()])[0]
        base = f"http://{self._receiver.host}"
        body: dict[str, Any] = {"video": self._media["footage.mp4"], "audio": self._media["speech.wav"]}
        if kind == "text":
            body = {"video": body["video"], "text": dice.choice(SENTENCES)}
        elif kind == "address":
            body = {"video": f"{base}/footage.mp4", "audio": f"{base}/speech.wav"}
        elif kind not in {"recording", "cancelled"}:
            names = {"not a video": "nonsense.mp4", "cut off": "cut.mp4", "no face": "nobody.mp4"}
            body["video"] = f"{base}/{names.get(kind, 'nowhere.mp4')}"
        if kind == "recording" and dice.random() < 0.15:
            # new footage now and then: studied, and not remembered
            body["video"] = self._upload("footage.mp4", self._receiver.files["footage.mp4"])
        headers = {"Idempotency-Key": f"{dice.random()}"}
        body["webhook_url"] = f"{base}/hook"
        said = self._client.post(MODEL, json=body, headers=headers)
        if said.status_code != 200:
            self.n_refused[f"{kind}: {said.status_code} {said.text[:80]}"] += 1
            return
        asked = str(said.json()["data"]["id"])
        if dice.random() < 0.1:
            # the same again, as a client does whose connection broke
            again = self._client.post(MODEL, json=body, headers=headers)
            self.n_again += again.json()["data"]["id"] == asked
        cancel_at_s = time.monotonic() + dice.uniform(0, 12) if kind == "cancelled" else None
        self.open[asked] = Asked(asked, kind, cancel_at_s)

    def look(self) -> None:
        """Cancel what is due, and take note of what has ended."""
        for one in list(self.open.values()):
            if one.cancel_at_s is not None and time.monotonic() > one.cancel_at_s:
                self._hosted.cancel(self._account, one.id)
                one.cancel_at_s = None
            status = self._client.get(f"/api/v3/predictions/{one.id}/result").json()["data"]["status"]
            if status in {"completed", "failed"}:
                job = self._hosted.job(self._account, one.id)
                if job.outputs and self._dice.random() < 0.3:
                    self._client.get(f"/files/{job.outputs[0].id}").read()
                self.ended.append((one, job.state, job.error_code or ""))
                del self.open[one.id]

    def close(self) -> None:
        self._client.close()

    def wrong(self) -> list[str]:
        """What ended as it should not."""
        found: list[str] = []
        for one, state, code in self.ended:
            may_fail_with = KINDS[one.kind][1]
            is_right = code in may_fail_with if may_fail_with else state is JobState.SUCCEEDED
            if one.kind == "cancelled":
                is_right = state in {JobState.CANCELLED, JobState.SUCCEEDED}
            if not is_right:
                found.append(f"{one.kind}: {state} {code} ({one.id})")
        return found


def judge(watch: Watch, start_s: float, length_s: float) -> tuple[dict[str, Any], list[str]]:
    """Figures of each process, by thirds of the time; and what grew, or went away before the end."""
    figures: dict[str, Any] = {}
    last_s = max((seen.looks[-1][0] for seen in watch.seen.values()), default=start_s)
    # who is gone has no memory that could have grown
    grew = [
        f"{name}: it was gone before the end"
        for name in watch.names.values()
        if name not in watch.seen or watch.seen[name].looks[-1][0] < last_s - 2 * LOOK_EVERY_S
    ]
    for name, seen in watch.seen.items():
        thirds = [
            [median(found) if (found := seen.third(number, start_s, length_s, column)) else 0.0 for number in range(3)]
            for column in (1, 2, 3)
        ]
        memory_mb, n_files, n_threads = thirds
        figures[name] = {
            "rss_mb": [round(one, 1) for one in memory_mb],
            "files": n_files,
            "looks": len(seen.looks),
            "most_mb": round(max(look[1] for look in seen.looks), 1),
            "most_files": max(look[2] for look in seen.looks),
        }
        if name != "children":
            figures[name]["threads"] = n_threads
        if memory_mb[2] > 1.05 * memory_mb[1]:
            grew.append(f"{name}: {memory_mb[1]:.1f} MB, then {memory_mb[2]:.1f} MB")
        if n_files[2] > n_files[1] + 2:
            grew.append(f"{name}: {n_files[1]:g} open files, then {n_files[2]:g}")
    return figures, grew


def unpaid(hosted: Hosted, account: Account, ended: list[tuple[Asked, JobState, str]]) -> list[str]:
    """Jobs that were charged other than once where they succeeded, and never where not."""
    # the ledger is read in pages, from the newest on; one query serves here
    with hosted._database.reading() as connection:  # pyright: ignore[reportPrivateUsage]
        from lipwright.store.tables import ledger

        rows = connection.execute(ledger.select().where(ledger.c.account_id == account.id)).mappings().all()
    charges = Counter(row["job_id"] for row in rows if row["kind"] == "charge")
    return [
        f"{one.id} ({one.kind}, {state}) was charged {charges[one.id]} times"
        for one, state, _ in ended
        if charges[one.id] != (state is JobState.SUCCEEDED)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=float(os.environ.get("LIPWRIGHT_SOAK_MIN", "30")))
    parser.add_argument("--database", default="", help="the address of a PostgreSQL database (SQLite)")
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        receiver = Receiver(make_inputs(folder))
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        settings: dict[str, Any] = {"data": str(folder / "data"), "allow_hosts": receiver.host}
        settings["database_url"] = chosen.database
        hosted = Hosted.open(ServiceSettings(**settings))
        stack.callback(hosted.close)
        account, key = hosted.create_key("soak", max_requests_per_min=10**9, max_running=N_OPEN)
        hosted.grant(account, 10**12)
        environment = {
            "LIPWRIGHT_DATA": settings["data"],
            "LIPWRIGHT_DATABASE_URL": chosen.database,
            "LIPWRIGHT_ALLOW_HOSTS": receiver.host,
            "LIPWRIGHT_PUBLIC_URL": "http://127.0.0.1",
            "LIPWRIGHT_MEASURE_S": "1",
            "PYTHONUNBUFFERED": "1",
        }
        log = folder / "api.log"
        api = stack.enter_context(started("the API", ["serve", "--port", "0", "--no-worker"], environment, log))
        listening = re.search(r"Listening at (\S+)", log.read_text())
        assert listening is not None
        names = {api.pid: "API"}
        for number in range(chosen.workers):
            process = stack.enter_context(started("a worker", ["worker"], environment, folder / f"worker{number}.log"))
            names[process.pid] = f"worker {number + 1}"
        crowd = Crowd(listening[1], key, hosted, account, receiver)
        stack.callback(crowd.close)
        watch = Watch(names)
        watch.start()
        start_s = last_s = time.monotonic()
        while (now_s := time.monotonic()) < start_s + 60 * chosen.minutes:
            while len(crowd.open) < N_OPEN:
                crowd.submit()
            crowd.look()
            if now_s - last_s > 60:
                last_s = now_s
                print(f"{(now_s - start_s) / 60:.0f} min: {len(crowd.ended)} ended", file=sys.stderr, flush=True)
            time.sleep(0.5)
        length_s = time.monotonic() - start_s
        while crowd.open and time.monotonic() < start_s + length_s + END_WITHIN_S:
            crowd.look()
            time.sleep(0.5)
        told = {one.id for one, _, _ in crowd.ended}
        while told - receiver.came.keys() and time.monotonic() < start_s + length_s + END_WITHIN_S:
            time.sleep(0.5)
        watch.stop()
        figures, grew = judge(watch, start_s, length_s)
        wrong = [
            *grew,
            *crowd.wrong(),
            *unpaid(hosted, account, crowd.ended),
            *(f"{one.id} ({one.kind}) is stuck" for one in crowd.open.values()),
            *(f"no webhook of {one}" for one in told - receiver.came.keys()),
            *(f"refused: {what}, {n} times" for what, n in crowd.n_refused.items()),
            *(
                f"a child is left to be collected: {pid}"
                for pid, state in children_of(set(names)).items()
                if state in "ZX"
            ),
        ]
        work = folder / "data" / "work"
        wrong += [f"left in work: {one.name}" for one in work.iterdir()]
        print(
            json.dumps(
                {
                    "minutes": round(length_s / 60, 1),
                    "ended": {
                        f"{kind}, {state}{', ' * bool(code)}{code}": n
                        for (kind, state, code), n in sorted(
                            Counter((one.kind, str(state), code) for one, state, code in crowd.ended).items()
                        )
                    },
                    "submitted_twice_made_once": crowd.n_again,
                    "webhooks": receiver.came.total(),
                    "children": watch.n_children,
                    "processes": figures,
                    "load_average": [round(one, 2) for one in os.getloadavg()],
                    "wrong": wrong,
                },
                indent=1,
            ),
            flush=True,
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
