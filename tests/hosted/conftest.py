"""A service in a folder of its own, and worker processes that can be killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from lipwright import sandbox
from lipwright.config import ServiceSettings
from lipwright.core.jobs import Account, Job, JobRequest, Media
from lipwright.demo import speech_path, video_path
from lipwright.service.hosted import Hosted

HERE = Path(__file__).parent


def look(arguments: dict[str, Any], tell: Any) -> dict[str, Any]:
    """As the bundled sample is."""
    path = Path(arguments["path"])
    if (data := path.read_bytes())[:4] == b"fLaC":
        # one byte more was sent by the receiver
        length_s = 12.0 if len(data) > speech_path().stat().st_size else 1.2
        return {"kind": "audio", "duration_s": length_s, "width_px": None, "height_px": None, "has_sound": True}
    return {"kind": "video", "duration_s": 6.0, "width_px": 480, "height_px": 480, "has_sound": True}


class Receiver(ThreadingHTTPServer):
    """Serves the bundled sample, and takes webhooks."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.came: list[tuple[str, dict[str, Any]]] = []
        """The id and the body of each webhook."""
        self.on_webhook: Callable[[dict[str, Any]], None] = lambda body: None
        self.fetched: list[str] = []
        """The path of each GET."""
        self.n_refusals = 0
        """So many of the next webhooks are answered with 503."""

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        self.server.fetched.append(self.path)
        if "gone" in self.path:
            self.send_error(410)
            return
        data = speech_path().read_bytes() + b"\0" if "speech" in self.path else video_path().read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.on_webhook(body)
        self.server.came.append((self.headers["webhook-id"], body))
        self.server.n_refusals -= 1
        self.send_response(503 if self.server.n_refusals >= 0 else 204)
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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A module names the databases on which it keeps its promises in `DATABASES`."""
    if "database_kind" in metafunc.fixturenames:
        metafunc.parametrize("database_kind", getattr(metafunc.module, "DATABASES", ["sqlite"]))


@pytest.fixture
def new_settings(
    request: pytest.FixtureRequest, tmp_path: Path, receiver: Receiver, database_kind: str
) -> Callable[[], ServiceSettings]:
    """Makes a service of its own each time: its database has all tables and no rows."""
    names = iter(("data", "data2", "data3"))

    def make() -> ServiceSettings:
        folder = tmp_path / next(names)
        folder.mkdir()
        chosen: dict[str, Any] = {"data": str(folder), "allow_hosts": receiver.host}
        if database_kind == "sqlite":
            shutil.copyfile(request.getfixturevalue("new_database"), folder / "lipwright.db")
        else:
            postgres = request.getfixturevalue("postgres")
            like = request.getfixturevalue("new_postgresql_database")
            chosen["database_url"] = postgres.url(postgres.new_database(like))
        return ServiceSettings(render_niceness=0, concurrency=2, warm_renders=False, **chosen)

    return make


@pytest.fixture
def settings(new_settings: Callable[[], ServiceSettings]) -> ServiceSettings:
    return new_settings()


@pytest.fixture(scope="session")
def new_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with all tables and no rows: making them takes a second."""
    folder = tmp_path_factory.mktemp("new")
    make_tables(ServiceSettings(data=str(folder)))
    return folder / "lipwright.db"


@pytest.fixture(scope="session")
def new_postgresql_database(postgres: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same on PostgreSQL: its name, to be copied."""
    name = postgres.new_database()
    make_tables(ServiceSettings(data=str(tmp_path_factory.mktemp("new")), database_url=postgres.url(name)))
    return name


def make_tables(settings: ServiceSettings) -> None:
    hosted = Hosted.open(settings)
    hosted._open_queue()
    hosted.close()


@pytest.fixture
def service(settings: ServiceSettings) -> Iterator[Hosted]:
    hosted = Hosted.open(settings)
    yield hosted
    hosted.close()


@pytest.fixture
def account(service: Hosted) -> Account:
    """With ten dollars."""
    made, _ = service.create_key("alice")
    service.grant(made, 10_000_000)
    return made


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children of stand_in.py in this process, uploads included."""
    monkeypatch.setenv("PYTHONPATH", f"{HERE}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    real = sandbox.call

    def call(target: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        if target.endswith(":look"):
            return look(args[0], None)  # no need of a process, half a second each
        return real(target.replace("lipwright.service.children:", "stand_in:"), *args, **kwargs)

    monkeypatch.setattr(sandbox, "call", call)


@pytest.fixture
def footage(service: Hosted, account: Account, stand_ins: None) -> Media:
    return service.upload_file(account, video_path(), "portrait.mp4")


@pytest.fixture
def speech_media(service: Hosted, account: Account, stand_ins: None) -> Media:
    """1.2 s, as the stand-in says."""
    return service.upload_file(account, speech_path(), "line.flac")


@pytest.fixture
def request_of(footage: Media, speech_media: Media) -> Callable[..., JobRequest]:
    def make(**changes: Any) -> JobRequest:
        fields: dict[str, Any] = {
            "face": "wavespeed",
            "model": "pixverse/lipsync",
            "video": f"media:{footage.id}",
            "audio": f"media:{speech_media.id}",
        }
        return JobRequest(**{**fields, **changes})

    return make


@pytest.fixture
def until() -> Callable[..., float]:
    """Waits for something to come true; how long that took."""

    def wait(is_so: Callable[[], Any], timeout_s: float = 60) -> float:
        start_s = monotonic()
        while not is_so():
            if monotonic() - start_s > timeout_s:
                raise AssertionError("it did not come to that in time")
            sleep(0.05)
        return monotonic() - start_s

    return wait


StartWorker = Callable[..., "subprocess.Popen[bytes]"]


def environment_of(settings: ServiceSettings) -> dict[str, str]:
    """What worker processes are told."""
    return {
        "LIPWRIGHT_CONCURRENCY": "2",
        "LIPWRIGHT_RENDER_NICENESS": "0",
        "LIPWRIGHT_WARM_RENDERS": "false",
        "LIPWRIGHT_ALLOW_HOSTS": settings.allow_hosts,
        "LIPWRIGHT_DATABASE_URL": settings.database_url,
        "STAND_IN": os.environ.get("LIPWRIGHT_TEST_STAND_IN", "1"),
        "PYTHONPATH": f"{HERE}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
    }


class Forked:
    """A worker that was forked: what tests ask of subprocess.Popen."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait(self, timeout_s: float = 30) -> None:
        until_s = monotonic() + timeout_s
        while self.is_alive:
            assert monotonic() < until_s, "it does not end"
            sleep(0.01)

    def kill(self) -> None:
        """And wait for its end."""
        if self.is_alive:
            self.send_signal(signal.SIGKILL)
            self.wait()

    @property
    def is_alive(self) -> bool:
        return Path(f"/proc/{self.pid}").exists()


@pytest.fixture
def fork_worker(settings: ServiceSettings, tmp_path: Path) -> Iterator[Callable[..., Forked]]:
    """Starts a worker in a tenth of a second, which has loaded everything already (nursery.py)."""
    started: list[Forked] = []
    command = [sys.executable, str(HERE / "nursery.py")]
    told = os.environ | environment_of(settings)
    with subprocess.Popen(command, env=told, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as nursery:

        def fork(**environment: str) -> Forked:
            assert nursery.stdin is not None
            assert nursery.stdout is not None
            log = str(tmp_path / f"forked{len(started)}.log")
            asked = {"arguments": [settings.data], "environment": environment, "log": log}
            nursery.stdin.write(json.dumps(asked) + "\n")
            nursery.stdin.flush()
            started.append(Forked(int(nursery.stdout.readline())))
            return started[-1]

        yield fork
        for worker in started:
            worker.kill()
        nursery.kill()


@pytest.fixture
def start_worker(settings: ServiceSettings, tmp_path: Path) -> Iterator[StartWorker]:
    """Starts a worker process on the service's folder, and waits until it is ready if it shall."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*, is_awaited: bool = True, **environment: str) -> subprocess.Popen[bytes]:
        given = environment_of(settings) | environment
        log_path = tmp_path / f"worker{len(started)}.log"
        with log_path.open("wb") as log:
            command = [sys.executable, str(HERE / "worker.py"), settings.data]
            worker = subprocess.Popen(command, env=os.environ | given, stdout=log, stderr=subprocess.STDOUT)
        started.append(worker)
        while is_awaited and "ready" not in log_path.read_text():
            assert worker.poll() is None, log_path.read_text()
            sleep(0.02)
        return worker

    yield start
    for worker in started:
        if worker.poll() is None:
            worker.send_signal(signal.SIGKILL)
        worker.wait()


class PlainWebhooks:
    """Unsigned: signing is the business of the faces."""

    def compose(self, job: Job, *, secret: str, delivery_id: str, sent_at: datetime) -> tuple[bytes, Mapping[str, str]]:
        body = {"id": job.id, "state": job.state, "outputs": [one.id for one in job.outputs]}
        return json.dumps(body).encode(), {"webhook-id": delivery_id, "Content-Type": "application/json"}

    def is_accepted(self, job: Job, *, status: int, body: bytes) -> bool:
        return 200 <= status < 300


@pytest.fixture
def work_here(
    settings: ServiceSettings, stand_ins: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Hosted]]:
    """Starts a worker in this process, with other settings if they are given: quicker than one that can be killed."""
    opened: list[Hosted] = []

    def start(rest_s: float = 0.3, queues: tuple[str, ...] = (), **changes: Any) -> Hosted:
        monkeypatch.setenv("LANG", f"rest{rest_s}")
        opened.append(Hosted.open(settings.model_copy(update=changes)))
        opened[-1].start_worker(PlainWebhooks(), queues)
        return opened[-1]

    yield start
    for hosted in opened:
        hosted.close()
