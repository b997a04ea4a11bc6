"""What a process does, in numbers for Prometheus; and the same as traces, where they are wanted.

Two kinds. Of this process: what it took in, rendered, sent and how long that took; sum them over processes. Of the
whole service, read from the database when they are asked for: the same in every process; take the maximum.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from importlib import metadata
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, Info, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from lipwright.core.errors import Cancelled, DatabaseAway, InputError, LipwrightError
from lipwright.core.jobs import Delivery, Job, JobState
from lipwright.service.traces import NoTraces, Traces

log = structlog.get_logger(__name__)

_SECONDS: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
_FACTORS: Final = (0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 50)


@dataclass(frozen=True, slots=True)
class Gauges:
    """How the whole service stands."""

    jobs_queued: int
    jobs_running: int
    oldest_queued_s: float
    webhooks_waiting: int
    oldest_webhook_due_s: float
    """How late the latest one is; 0: none is late."""
    renders_waiting: Mapping[str, tuple[int, float]] = field(default_factory=dict[str, tuple[int, float]])
    """By queue: how many prepared jobs wait for a worker (500 at most are counted), and how long the oldest has."""
    workers: Mapping[str, int] = field(default_factory=dict[str, int])
    """Living workers by the queue that they take from."""
    workers_alive: int = 0
    workers_silent: int = 0


@dataclass(slots=True)
class Stage:
    """Work on a job that is under way."""

    stages_s: Mapping[str, float] = field(default_factory=dict[str, float])
    """Its parts, in their order, for whoever runs it to fill in."""
    attributes: dict[str, str | int | float | bool] = field(default_factory=dict[str, str | int | float | bool])


class Telemetry:
    """Of one process. What is told here never raises."""

    def __init__(self, traces: Traces | None = None) -> None:
        self.traces: Final[Traces] = NoTraces() if traces is None else traces
        self.registry: Final = CollectorRegistry()
        registry = self.registry
        ProcessCollector(registry=registry)
        Info("lipwright", "What runs here.", registry=registry).info({"version": metadata.version("lipwright")})
        self.taken_in = Counter("lipwright_jobs_taken_in", "Jobs submitted.", ("face",), registry=registry)
        self.ended = Counter("lipwright_jobs_ended", "Jobs that ended.", ("state", "code"), registry=registry)
        # told as 0 before they happen: Prometheus reckons no rate from a figure whose first value is a 1, and where
        # workers die again and again each fault is the first of its process
        for code in sorted(_our_faults()):
            self.ended.labels(str(JobState.FAILED), code)
        self.phases = Histogram(
            "lipwright_job_phase_seconds",
            "Time of jobs in each phase; wait: until a worker began.",
            ("phase",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.factors = Histogram(
            "lipwright_job_realtime_factor",
            "Seconds of work for each second of video; below 1 is faster than it plays.",
            buckets=_FACTORS,
            registry=registry,
        )
        self.video_seconds = Counter("lipwright_video_seconds", "Seconds of video made.", registry=registry)
        self.studies = Counter(
            "lipwright_studies", "Studies of footage, made or recalled.", ("kind",), registry=registry
        )
        self.webhook_attempts = Counter(
            "lipwright_webhook_attempts", "Attempts to send a webhook.", ("outcome",), registry=registry
        )
        self.webhook_lag = Histogram(
            "lipwright_webhook_lag_seconds",
            "From the end of a job until its webhook was delivered.",
            buckets=_SECONDS,
            registry=registry,
        )

    def close(self) -> None:
        """Send what waits to be sent."""
        self.traces.close()

    def took_in(self, job: Job) -> None:
        """A submit made it."""
        self.taken_in.labels(job.request.face).inc()
        self.traces.span(job.id, "submit", job.created_at.timestamp(), time.time(), {"face": job.request.face})

    @contextmanager
    def stage(self, job: Job, name: str, attempt: int) -> Generator[Stage]:
        """Time what is done to a job; what is raised within is told and raised on."""
        stage, began_s, error = Stage(), time.time(), None
        try:
            yield stage
        except BaseException as exc:
            error = getattr(exc, "code", type(exc).__name__)
            raise
        finally:
            self.phases.labels(name).observe(time.time() - began_s)
            for phase, took_s in stage.stages_s.items():
                self.phases.labels(phase).observe(took_s)
            attributes = {"attempt": attempt, **stage.attributes}
            self.traces.span(job.id, name, began_s, time.time(), attributes, error=error, stages_s=stage.stages_s)

    def finished(self, job: Job) -> None:
        """It ended here: once for each job, whichever process it was."""
        self.ended.labels(str(job.state), job.error_code or "").inc()
        if job.started_at is not None:
            self.phases.labels("wait").observe(max(0.0, _span_s(job.created_at, job.started_at)))
        if job.state is JobState.SUCCEEDED:
            self._made(job.report)
        self.traces.job(job)

    def _made(self, report: Mapping[str, Any]) -> None:
        if (length_s := report.get("duration_s")) is not None:
            self.video_seconds.inc(float(length_s))
        if (factor := report.get("realtime_factor")) is not None:
            self.factors.observe(float(factor))
        if (is_recalled := report.get("is_recalled")) is not None:
            self.studies.labels("recalled" if is_recalled else "made").inc()

    def sent(self, delivery: Delivery, began_s: float, error: str | None) -> None:
        """One attempt at a webhook."""
        self.webhook_attempts.labels("delivered" if error is None else "failed").inc()
        if error is None:
            self.webhook_lag.observe(max(0.0, time.time() - delivery.created_at.timestamp()))
        attributes = {"attempt": delivery.n_attempts}
        self.traces.span(delivery.job_id, "webhook", began_s, time.time(), attributes, error=error and error[:200])


def _our_faults(kind: type[LipwrightError] = LipwrightError) -> Generator[str]:
    """Codes of what ends a job, and neither who asked can mend nor anyone wanted."""
    yield kind.code
    for one in kind.__subclasses__():
        if not issubclass(one, InputError | Cancelled):
            yield from _our_faults(one)


class ServiceCollector(Collector):
    """Gauges of the whole service, read when Prometheus asks."""

    def __init__(self, read: Callable[[], Gauges], worker: Callable[[], tuple[bool, int] | None]) -> None:
        self._read = read
        self._worker = worker

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing is read when it is registered."""
        return []

    def collect(self) -> Generator[GaugeMetricFamily]:
        try:
            found = self._read()
        except (SQLAlchemyError, DatabaseAway) as exc:
            log.warning("the database did not answer the scrape", why=str(exc))
            found = None
        yield _gauge("lipwright_database_up", "Whether the database answers this process.", int(found is not None))
        if (worker := self._worker()) is not None:
            yield _gauge("lipwright_worker_up", "Whether the worker of this process is alive.", int(worker[0]))
            yield _gauge("lipwright_worker_active", "Stages of jobs under way in this process.", worker[1])
        if found is not None:
            yield from _families(found)


def _families(found: Gauges) -> Generator[GaugeMetricFamily]:
    yield _gauge("lipwright_jobs_queued", "Jobs that no worker has begun.", found.jobs_queued)
    yield _gauge("lipwright_jobs_running", "Jobs that a worker has begun.", found.jobs_running)
    age = "How long the oldest queued job waits that its account's limit lets run."
    yield _gauge("lipwright_oldest_queued_seconds", age, found.oldest_queued_s)
    waiting = GaugeMetricFamily(
        "lipwright_renders_waiting", "Prepared jobs that wait for a render; 500 at most are counted.", labels=["queue"]
    )
    oldest = GaugeMetricFamily(
        "lipwright_oldest_render_waiting_seconds", "How long the oldest of them waits.", labels=["queue"]
    )
    for queue, (n, age_s) in found.renders_waiting.items():
        waiting.add_metric([queue], n)
        oldest.add_metric([queue], age_s)
    yield waiting
    yield oldest
    yield _gauge("lipwright_webhooks_waiting", "Webhooks that are not delivered yet.", found.webhooks_waiting)
    yield _gauge("lipwright_oldest_webhook_due_seconds", "How late the latest webhook is.", found.oldest_webhook_due_s)
    seen = GaugeMetricFamily("lipwright_workers", "Workers by whether they give signs of life.", labels=["state"])
    seen.add_metric(["alive"], found.workers_alive)
    seen.add_metric(["silent"], found.workers_silent)
    yield seen
    takers = GaugeMetricFamily("lipwright_queue_workers", "Living workers of each queue.", labels=["queue"])
    for queue, n in found.workers.items():
        takers.add_metric([queue], n)
    yield takers


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _span_s(start: datetime, stop: datetime) -> float:
    return (stop - start).total_seconds()
