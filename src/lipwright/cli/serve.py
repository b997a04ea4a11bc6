"""`lipwright serve`: the service, in one process: the web server, and the worker that renders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lipwright.cli.screen import speaks_errors

if TYPE_CHECKING:
    import socket


@speaks_errors
def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen at.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="The port; 0: any that is free.", show_default="8000")] = None,
    data: Annotated[
        str | None,
        typer.Option(help="The folder of the database, uploads and results.", show_default="~/.local/share/lipwright"),
    ] = None,
    public_url: Annotated[
        str | None, typer.Option(help="Where clients reach the service.", show_default="as they say")
    ] = None,
    concurrency: Annotated[int | None, typer.Option(help="Renders at a time.", show_default="1")] = None,
    worker: Annotated[bool, typer.Option(help="Render in this process; without it, answer requests only.")] = True,
) -> None:
    """Serve the WaveSpeed and PixVerse APIs, and a page. The first start prints an API key."""
    from lipwright.config import read_http_settings, read_service_settings, read_voice_settings

    settings = read_service_settings(data=data, public_url=public_url, concurrency=concurrency)
    http = read_http_settings(host=host, port=port)

    import asyncio
    import contextlib
    import gc
    import sys
    import threading

    import structlog
    import uvicorn

    from lipwright.http.app import create_app
    from lipwright.http.logs import set_up_logs
    from lipwright.http.protocol import BoundedHttp
    from lipwright.http.webhooks import SignedWebhooks
    from lipwright.service.hosted import Hosted

    set_up_logs()
    log = structlog.get_logger("lipwright.serve")
    hosted = Hosted.open(settings, read_voice_settings().options)
    try:
        hosted.check_store()
        secret = hosted.ensure_first_key()
        if secret is not None:
            typer.echo(f"API key (shown once, without credit limit): {secret}")
        if not settings.moderator:
            log.warning("moderation is off", how="name a moderator in LIPWRIGHT_MODERATOR")
        hosted.warm_up()
        app = create_app(hosted, settings, http)
        config = uvicorn.Config(
            app,
            host=http.host,
            port=http.port,
            http=BoundedHttp,
            log_config=None,
            access_log=False,
            server_header=False,
            # longer than clients wait between two polls
            timeout_keep_alive=75,
            timeout_graceful_shutdown=max(1, round(http.drain_s)),
        )
        # the worker takes no more from the moment at which the server is told to end: both have the same time for it
        draining = threading.Thread(target=hosted.stop_worker, args=(http.drain_s,), name="drain")

        class Server(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                # said by who answers, and ends as it should: a process manager may ask for either at once
                typer.echo(f"Listening at {address} (its documentation: {address}/docs)")
                if link is not None:
                    typer.echo(
                        f"Open the page, signed in (works once, on this machine): {address}/playground/enter/{link}"
                    )

            async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
                log.info("ending", drain_s=http.drain_s)
                if worker:
                    draining.start()
                await super().shutdown(sockets)

        listening = _listen(http.host, http.port)
        address = _address(listening)
        # whoever starts a server that only this machine reaches is its operator
        link = hosted.page.make_link() if _is_loopback(listening) else None
        if worker:
            hosted.start_worker(
                SignedWebhooks(settings.public_url or address, credit_microusd=settings.credit_microusd)
            )
        else:
            hosted.start_tidying()
        server = Server(config)
        # pages that follow a job let go of their connection, and come back to the next server
        app.state.is_ending = lambda: server.should_exit
        # a thread at work, such as a submit's, gives way to one that answers a poll after a fifth of the usual time
        sys.setswitchinterval(0.001)
        # what is loaded by now stays: looking through it for garbage stopped everyone for a tenth of a second each time
        gc.collect()
        gc.freeze()
        # the server answers what it has begun, and then raises the signal that ended it once more
        ends = contextlib.suppress(KeyboardInterrupt, SystemExit)
        with ends, asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(server.serve(sockets=[listening]))
        if draining.ident is not None:
            draining.join()
    finally:
        hosted.close()


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens, so that the port is known before the server runs. Raises InvalidOption."""
    import socket

    from lipwright.core.errors import InvalidOption

    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # with its protocol: asyncio sends small answers at once only where it knows that this is TCP
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as exc:
        raise InvalidOption("host and port", f"{host}:{port}", (exc.strerror or str(exc)).lower()) from exc
    listening.listen(2048)
    return listening


def _is_loopback(listening: socket.socket) -> bool:
    from ipaddress import ip_address

    return ip_address(listening.getsockname()[0]).is_loopback


def _address(listening: socket.socket) -> str:
    """How this machine reaches it."""
    import socket

    host, port = listening.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if listening.family == socket.AF_INET6 and ":" in host else f"http://{host}:{port}"
