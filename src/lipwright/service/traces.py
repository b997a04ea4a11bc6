"""One trace for each job, across the processes that work on it: OpenTelemetry, off unless it is asked for.

Nothing is handed from process to process: the id of the trace is the id of the job, and the id of its root span follows
from it. So a worker that takes a job over after a crash goes on with the same trace.

    job ──┬─ submit      in the process that took it in
          ├─ prepare     in a worker; one for each attempt
          ├─ render ──── study, listen, render, encode, ... as the engine told
          └─ webhook     one for each attempt
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from lipwright.core.errors import InvalidOption
from lipwright.core.jobs import Job

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

Attributes = Mapping[str, str | int | float | bool]


class Traces(Protocol):
    """Where spans go."""

    def span(
        self,
        job_id: str,
        name: str,
        start_s: float,
        stop_s: float,
        attributes: Attributes | None = None,
        *,
        error: str | None = None,
        stages_s: Mapping[str, float] | None = None,
    ) -> None:
        """A part of a job, in seconds since 1970; `stages_s`, in their order, are its own parts, from its start on."""
        ...

    def job(self, job: Job) -> None:
        """The whole of a job that is final."""
        ...

    def close(self) -> None:
        """Send what waits, for five seconds at most."""
        ...


class NoTraces:
    """Nobody asked for traces."""

    def span(self, *_given: object, **_named: object) -> None:
        """Nothing."""

    def job(self, job: Job) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class OpenTelemetry:
    """Spans to an exporter: by default OTLP as JSON over HTTP, to where the variables `OTEL_EXPORTER_OTLP_*` say."""

    def __init__(self, exporter: SpanExporter | None = None) -> None:
        """Raises InvalidOption where the packages of the extra `otel` are missing."""
        try:
            from opentelemetry import trace
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

            if exporter is None:
                from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter

                processor: Any = BatchSpanProcessor(OTLPSpanExporter())
            else:
                processor = SimpleSpanProcessor(exporter)
        except ImportError as exc:
            raise InvalidOption(
                "LIPWRIGHT_TRACING", True, "its packages are missing: pip install 'lipwright[otel]'"
            ) from exc
        self._api: Final = trace
        self._ids: Final = _Ids()
        ids: Any = self._ids
        resource = Resource.create()
        # unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES name it
        if str(resource.attributes.get("service.name", "")).startswith("unknown_service"):
            resource = resource.merge(Resource({"service.name": "lipwright"}))
        self._provider: Final = TracerProvider(resource=resource, id_generator=ids, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer: Final = self._provider.get_tracer("lipwright")

    def span(
        self,
        job_id: str,
        name: str,
        start_s: float,
        stop_s: float,
        attributes: Attributes | None = None,
        *,
        error: str | None = None,
        stages_s: Mapping[str, float] | None = None,
    ) -> None:
        root = self._within(int(job_id, 16), root_span_id(job_id))
        span = self._span(root, name, start_s, stop_s, attributes, error)
        at_s = start_s
        for stage, took_s in (stages_s or {}).items():
            self._span(self._api.set_span_in_context(span), stage, at_s, at_s + took_s, None, None)
            at_s += took_s

    def job(self, job: Job) -> None:
        told: dict[str, str | int | float | bool] = {
            "lipwright.job.id": job.id,
            "lipwright.job.state": str(job.state),
            "lipwright.job.model": job.request.model,
            "lipwright.job.face": job.request.face,
            "lipwright.account.id": job.account_id,
        }
        if (length_s := job.report.get("duration_s")) is not None:
            told["lipwright.video.duration_s"] = float(length_s)
        self._ids.next = (int(job.id, 16), root_span_id(job.id))
        ended = job.finished_at or job.created_at
        self._span(None, "job", _seconds(job.created_at), _seconds(ended), told, job.error_code)

    def close(self) -> None:
        self._provider.force_flush(5000)
        self._provider.shutdown()

    def _within(self, trace_id: int, span_id: int) -> Any:
        api = self._api
        parent = api.SpanContext(trace_id, span_id, is_remote=True, trace_flags=api.TraceFlags(api.TraceFlags.SAMPLED))
        return api.set_span_in_context(api.NonRecordingSpan(parent))

    def _span(
        self,
        within: Any,
        name: str,
        start_s: float,
        stop_s: float,
        attributes: Attributes | None,
        error: str | None,
    ) -> Any:
        from opentelemetry.context import Context

        nowhere = Context()
        span = self._tracer.start_span(
            name, within if within is not None else nowhere, attributes=dict(attributes or {}), start_time=_ns(start_s)
        )
        if error is not None:
            span.set_attribute("error.type", error)
            span.set_status(self._api.StatusCode.ERROR, error)
        span.end(_ns(max(start_s, stop_s)))
        return span


class _Ids(threading.local):
    """Ids at random, but for a root span, whose ids follow from its job: the next one of the same thread."""

    def __init__(self) -> None:
        self.next: tuple[int, int] | None = None

    def generate_trace_id(self) -> int:
        """Asked before the id of the span; a trace begins with its root."""
        return secrets.randbits(128) if self.next is None else self.next[0]

    def generate_span_id(self) -> int:
        found, self.next = self.next, None
        return secrets.randbits(64) | 1 if found is None else found[1]

    def is_trace_id_random(self) -> bool:
        """Ids of jobs are."""
        return True


def open_traces(is_wanted: bool) -> Traces:
    """Raises InvalidOption where the packages of the extra `otel` are missing."""
    return OpenTelemetry() if is_wanted else NoTraces()


def root_span_id(job_id: str) -> int:
    """Of the span that is the whole job."""
    return int.from_bytes(hashlib.sha256(job_id.encode()).digest()[:8]) | 1


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)


def _seconds(at: datetime) -> float:
    return at.timestamp()
