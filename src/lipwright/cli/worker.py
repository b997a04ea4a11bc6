"""`lipwright worker`: a process that renders, on this machine or on one of many."""

from __future__ import annotations

from types import FrameType
from typing import Annotated

import typer

from lipwright.cli.screen import speaks_errors


@speaks_errors
def worker(
    queue: Annotated[
        list[str] | None,
        typer.Option(
            help="Take from this queue only (repeatable): prepare, cpu, or what LIPWRIGHT_ENGINE_QUEUES names.",
            show_default="every queue",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="The folder for work in progress.", show_default="~/.local/share/lipwright"),
    ] = None,
    public_url: Annotated[
        str | None, typer.Option(help="Where clients reach the service: webhooks carry links.", show_default="none")
    ] = None,
    concurrency: Annotated[int | None, typer.Option(help="Renders at a time.", show_default="1")] = None,
    metrics_host: Annotated[
        str | None, typer.Option(help="The address for --metrics-port.", show_default="127.0.0.1")
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(help="Serve /metrics, /healthz and /readyz at this port.", show_default="nowhere"),
    ] = None,
) -> None:
    """Render what a service took in. `lipwright serve --no-worker` on one machine, this on as many as there are."""
    from lipwright.config import read_http_settings, read_service_settings, read_voice_settings
    from lipwright.core.errors import InvalidOption

    settings = read_service_settings(data=data, public_url=public_url, concurrency=concurrency)
    http = read_http_settings(metrics_host=metrics_host, metrics_port=metrics_port)
    drain_s = http.drain_s
    if not settings.public_url:
        raise InvalidOption("LIPWRIGHT_PUBLIC_URL", "", "a worker sends webhooks, which carry links to the service")

    import signal
    import threading

    import structlog

    from lipwright.http.health import health_port
    from lipwright.http.logs import set_up_logs
    from lipwright.http.webhooks import SignedWebhooks
    from lipwright.service.hosted import Hosted

    set_up_logs()
    log = structlog.get_logger("lipwright.worker")
    asked_to_end = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        asked_to_end.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    hosted = Hosted.open(settings, read_voice_settings().options)
    try:
        hosted.check_store()
        hosted.start_worker(SignedWebhooks(settings.public_url, credit_microusd=settings.credit_microusd), queue or ())
        with health_port(hosted, http.metrics_host, http.metrics_port):
            typer.echo("Working.")
            asked_to_end.wait()
            log.info("ending", drain_s=drain_s)
            hosted.stop_worker(drain_s)
    finally:
        hosted.close()
