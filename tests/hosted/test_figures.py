"""What a service tells Prometheus and OpenTelemetry of itself."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy.exc import OperationalError

from lipwright.core.errors import DatabaseAway, InvalidOption, NoFaceFound
from lipwright.core.jobs import Account, Job, JobRequest, JobState
from lipwright.http.health import health_port
from lipwright.service.hosted import Hosted
from lipwright.service.telemetry import Telemetry
from lipwright.service.traces import NoTraces, OpenTelemetry, open_traces, root_span_id
from lipwright.store import jobs, tables
from lipwright.store.database import now

JOB = "0af7651916cd43dd8448eb211c80319c"


def value(registry: CollectorRegistry, name: str, **labels: str) -> float:
    """Of one sample; 0 where there is none."""
    return registry.get_sample_value(name, labels) or 0.0


def job_of(state: JobState, **changes: Any) -> Job:
    made = datetime(2026, 1, 1, tzinfo=UTC)
    fields: dict[str, Any] = {
        "id": JOB,
        "number": 7,
        "account_id": "alice",
        "request": JobRequest(face="wavespeed", model="pixverse/lipsync", video="media:v"),
        "state": state,
        "created_at": made,
        "started_at": made + timedelta(seconds=4),
        "finished_at": made + timedelta(seconds=10),
    }
    return Job(**{**fields, **changes})


def test_what_was_done_with_a_job_is_counted_in_the_process_that_did_it(
    service: Hosted,
    account: Account,
    request_of: Callable[..., JobRequest],
    work_here: Callable[..., None],
    receiver: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workers: list[Telemetry] = []
    real = Telemetry.__init__
    monkeypatch.setattr(Telemetry, "__init__", lambda self, *args: (real(self, *args), workers.append(self))[0])
    waiting = service.submit(account, request_of())
    before = service.telemetry.registry

    assert value(before, "lipwright_jobs_taken_in_total", face="wavespeed") == 1
    assert value(before, "lipwright_jobs_queued") == 1
    assert value(before, "lipwright_oldest_queued_seconds") > 0
    assert value(before, "lipwright_workers", state="alive") == 0
    assert before.get_sample_value("lipwright_worker_up") is None

    work_here()
    job = service.submit(account, request_of(webhook_url=f"http://{receiver.host}/hook"))
    assert service.wait(account, waiting.id, 30).state is JobState.SUCCEEDED
    assert service.wait(account, job.id, 30).state is JobState.SUCCEEDED
    (worker,) = (one.registry for one in workers)
    while value(worker, "lipwright_webhook_attempts_total", outcome="delivered") == 0:
        time.sleep(0.05)

    assert value(worker, "lipwright_jobs_ended_total", state="succeeded", code="") == 2
    for phase in ("wait", "prepare", "work"):
        assert value(worker, "lipwright_job_phase_seconds_count", phase=phase) == 2
    assert value(worker, "lipwright_video_seconds_total") == 2.0
    assert value(worker, "lipwright_webhook_lag_seconds_count") == 1
    assert value(worker, "lipwright_worker_up") == 1
    for registry in (before, worker):
        assert value(registry, "lipwright_database_up") == 1
        assert value(registry, "lipwright_jobs_queued") == value(registry, "lipwright_jobs_running") == 0
        assert value(registry, "lipwright_webhooks_waiting") == 0
        assert value(registry, "lipwright_workers", state="alive") == 1
        assert value(registry, "lipwright_queue_workers", queue="cpu") == 1


def test_a_job_grows_old_only_while_it_could_be_begun(
    service: Hosted, account: Account, request_of: Callable[..., JobRequest]
) -> None:
    """Of an account with two places."""
    service.limit_key(account.id, max_running=2)

    def age_min(*told: tuple[JobState, float, float | None]) -> int:
        """With jobs that came, and ended, so many minutes ago."""
        with service._database.writing() as connection:
            connection.execute(tables.job.delete())
            for number, (state, came_min, ended_min) in enumerate(told):
                made = job_of(state, id=f"{number:032}", number=number, account_id=account.id)
                jobs.add(connection, replace(made, created_at=now() - timedelta(minutes=came_min)), {})
                ended = {} if ended_min is None else {"finished_at": now() - timedelta(minutes=ended_min)}
                began = {} if state is JobState.QUEUED else {"started_at": now() - timedelta(minutes=came_min)}
                changed = tables.job.update().where(tables.job.c.number == number)
                if ended | began:
                    connection.execute(changed.values(**ended, **began))
        return round(value(service.telemetry.registry, "lipwright_oldest_queued_seconds") / 60)

    queued, running, done = JobState.QUEUED, JobState.RUNNING, JobState.SUCCEEDED
    backlog = [(queued, 60, None), (queued, 50, None)]
    assert age_min(*backlog) == 60
    assert age_min(*backlog, (running, 90, None)) == 60
    assert age_min(*backlog, (running, 90, None), (running, 80, None)) == 0
    assert age_min(*backlog, (running, 90, None), (done, 90, 3)) == 3
    assert age_min(*backlog, (done, 90, 3), (done, 90, 7), (done, 90, 9)) == 7
    assert age_min(*backlog, (running, 90, None), (done, 90, 70)) == 60
    assert age_min() == 0


def test_jobs_that_are_cancelled_or_fail_are_counted_by_their_code(
    service: Hosted, account: Account, request_of: Callable[..., JobRequest]
) -> None:
    job = service.submit(account, request_of())
    service.cancel(account, job.id)
    service.cancel(account, job.id)
    telemetry = service.telemetry
    telemetry.finished(job_of(JobState.FAILED, error_code="no_face"))

    assert value(telemetry.registry, "lipwright_jobs_ended_total", state="cancelled", code="cancelled") == 1
    assert value(telemetry.registry, "lipwright_jobs_ended_total", state="failed", code="no_face") == 1


def test_the_first_fault_of_a_process_is_a_step_from_nought() -> None:
    """Prometheus sees no rise in what it never saw before."""
    registry = Telemetry().registry

    for code in ("gave_up", "internal_error", "stalled", "worker_crashed", "disk_full"):
        assert registry.get_sample_value("lipwright_jobs_ended_total", {"state": "failed", "code": code}) == 0
    assert registry.get_sample_value("lipwright_jobs_ended_total", {"state": "failed", "code": "no_face"}) is None


def test_the_parts_of_a_render_are_timed_too(service: Hosted) -> None:
    telemetry = service.telemetry
    report = {"duration_s": 6.0, "realtime_factor": 1.2, "is_recalled": True}

    with telemetry.stage(job_of(JobState.RUNNING), "work", 1) as stage:
        stage.stages_s = {"study": 2.0, "render": 4.0}
    telemetry.finished(job_of(JobState.SUCCEEDED, report=report))

    assert value(telemetry.registry, "lipwright_job_phase_seconds_sum", phase="study") == 2.0
    assert value(telemetry.registry, "lipwright_job_phase_seconds_sum", phase="wait") == 4.0
    assert value(telemetry.registry, "lipwright_job_realtime_factor_sum") == 1.2
    assert value(telemetry.registry, "lipwright_studies_total", kind="recalled") == 1


@pytest.mark.parametrize("gone", [OperationalError("", None, Exception("gone")), DatabaseAway("gone")], ids=repr)
def test_a_scrape_while_the_database_is_away_tells_that_and_the_rest(
    service: Hosted, monkeypatch: pytest.MonkeyPatch, gone: Exception
) -> None:
    def away(*_: Any) -> None:
        raise gone

    monkeypatch.setattr("lipwright.service.hosted.jobs.figures", away)

    text = generate_latest(service.telemetry.registry).decode()

    assert "lipwright_database_up 0.0" in text
    assert "process_resident_memory_bytes" in text
    assert "lipwright_jobs_queued " not in text


def test_a_worker_answers_probes_and_scrapes_at_a_port_of_its_own(
    service: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"

    with health_port(service, "127.0.0.1", port):
        metrics = httpx.get(f"{address}/metrics")
        assert "lipwright_jobs_queued 0.0" in metrics.text
        assert metrics.headers["content-type"].startswith("text/plain")
        assert httpx.get(f"{address}/healthz").json() == {"status": "ok"}
        assert httpx.get(f"{address}/readyz").status_code == 200
        monkeypatch.setattr(Hosted, "is_ready", False)
        assert httpx.get(f"{address}/readyz").status_code == 503
        assert httpx.get(f"{address}/etc/passwd").status_code == 404
        with pytest.raises(InvalidOption, match="metrics port"), health_port(service, "127.0.0.1", port):
            pass
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/healthz")
    with health_port(service, "127.0.0.1", 0):
        pass


# --- traces -----------------------------------------------------------------------------------------------


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


def by_name(spans: tuple[ReadableSpan, ...]) -> dict[str, Any]:
    return {span.name: span for span in spans}


def test_nothing_is_traced_unless_it_is_asked_for(service: Hosted) -> None:
    assert isinstance(service.telemetry.traces, NoTraces)
    assert isinstance(open_traces(False), NoTraces)


def test_a_job_is_one_trace_across_processes(
    service: Hosted,
    account: Account,
    request_of: Callable[..., JobRequest],
    work_here: Callable[..., None],
    receiver: Any,
    monkeypatch: pytest.MonkeyPatch,
    exporter: InMemorySpanExporter,
) -> None:
    in_api = InMemorySpanExporter()
    monkeypatch.setattr(service.telemetry, "traces", OpenTelemetry(in_api))
    # the worker's side has providers and exporters of its own, as in another process
    monkeypatch.setattr("lipwright.service.hosted.open_traces", lambda is_wanted: OpenTelemetry(exporter))
    work_here()
    job = service.submit(account, request_of(webhook_url=f"http://{receiver.host}/hook"))
    service.wait(account, job.id, 30)
    until_s = time.monotonic() + 20
    while "webhook" not in by_name(exporter.get_finished_spans()) and time.monotonic() < until_s:
        time.sleep(0.05)

    submit, spans = by_name(in_api.get_finished_spans())["submit"], by_name(exporter.get_finished_spans())

    assert set(spans) == {"prepare", "work", "job", "webhook"}
    for span in (submit, *spans.values()):
        assert span.context.trace_id == int(job.id, 16)
    root = spans["job"]
    assert root.parent is None
    assert root.context.span_id == root_span_id(job.id)
    assert root.attributes["lipwright.job.state"] == "succeeded"
    for span in (submit, spans["prepare"], spans["work"], spans["webhook"]):
        assert span.parent.span_id == root.context.span_id
    assert root.start_time <= spans["prepare"].start_time <= spans["prepare"].end_time <= spans["work"].start_time
    assert spans["work"].end_time <= root.end_time + 1e9


def test_a_stage_that_fails_says_why_and_parts_lie_within_it(exporter: InMemorySpanExporter) -> None:
    telemetry = Telemetry(OpenTelemetry(exporter))

    def failing() -> None:
        with telemetry.stage(job_of(JobState.RUNNING), "work", 2) as stage:
            stage.stages_s = {"study": 0.5, "listen": 0.25}
            raise NoFaceFound(frames_searched=3)

    with pytest.raises(NoFaceFound):
        failing()
    telemetry.finished(job_of(JobState.FAILED, error_code="no_face"))

    spans = by_name(exporter.get_finished_spans())
    work = spans["work"]
    assert work.status.description == "no_face"
    assert work.attributes == {"attempt": 2, "error.type": "no_face"}
    assert spans["study"].parent.span_id == spans["listen"].parent.span_id == work.context.span_id
    assert spans["study"].start_time == work.start_time
    assert spans["listen"].start_time == spans["study"].end_time
    assert spans["job"].end_time - spans["job"].start_time == 10 * 10**9
    assert len({span.context.span_id for span in spans.values()}) == len(spans)


class _Collector(BaseHTTPRequestHandler):
    came: list[tuple[str, dict[str, Any]]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.came.append((self.path, json.loads(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    """A receiver of OTLP: its address, and what came."""
    _Collector.came = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Collector)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", _Collector.came
    server.shutdown()
    thread.join()
    server.server_close()


def test_spans_reach_a_collector_as_otlp(
    collector: tuple[str, list[tuple[str, dict[str, Any]]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, came = collector
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
    traces = open_traces(True)

    traces.span(JOB, "submit", 1.0, 2.0)
    traces.job(job_of(JobState.SUCCEEDED))
    traces.close()

    assert [path for path, _ in came] == ["/v1/traces"]
    (resource,) = came[0][1]["resourceSpans"]
    told = {one["key"]: one["value"] for one in resource["resource"]["attributes"]}
    spans = {span["name"]: span for scope in resource["scopeSpans"] for span in scope["spans"]}
    assert told["service.name"] == {"stringValue": "lipwright"}
    assert spans["submit"]["traceId"] == spans["job"]["traceId"] == JOB
    assert spans["submit"]["parentSpanId"] == spans["job"]["spanId"] == f"{root_span_id(JOB):016x}"


def test_without_the_packages_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)

    with pytest.raises(InvalidOption, match=r"pip install 'lipwright\[otel\]'"):
        open_traces(True)
