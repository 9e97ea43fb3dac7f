"""`gateway`: the HTTP side, a long-running process."""

from contextlib import ExitStack

import typer

from inventory_stream.adapters.http_host import HttpHost, listening_socket
from inventory_stream.adapters.kafka.preflight import check_before_start
from inventory_stream.adapters.kafka.process_end import end_process, end_process_in_json
from inventory_stream.adapters.logs import configure_logging, is_json
from inventory_stream.adapters.monitoring.build import gateway_monitoring
from inventory_stream.adapters.worker_process import Work, failing, run_worker
from inventory_stream.bootstrap.gateway import GatewayParts, gateway_parts
from inventory_stream.cli.worker import one_line
from inventory_stream.gateway.app import unreadable
from inventory_stream.settings import load_settings

app = typer.Typer(add_completion=False)


@app.command()
def gateway() -> None:
    """Answer over HTTP: reservations, orders, availability, sales; until SIGTERM or Ctrl-C.

    Run several behind one address: they share nothing but the ledger. One that was killed has lost no
    answer: a caller sends the same request with the same Idempotency-Key to any other.

    Example: inventory-stream gateway
    """
    settings = load_settings()
    configure_logging(settings.logs)
    fail = failing(end_process_in_json if is_json(settings.logs) else end_process)
    monitoring = gateway_monitoring(settings)
    built: list[GatewayParts] = []

    with one_line(settings), ExitStack() as closing:
        listener = closing.enter_context(listening_socket(settings.gateway.host, settings.gateway.port))

        async def check() -> None:
            # Before anything runs, so that a wrong setting is one line.
            built.append(gateway_parts(settings, None if monitoring is None else monitoring.monitor))
            await check_before_start(settings)

        def new_work() -> Work:
            (parts,) = built
            tls = settings.gateway.tls_context()
            host = HttpHost(parts.app, listener, tls, parts.why_not_ready, unreadable)
            return Work(host, parts.background, parts.close)

        run_worker(check, new_work, None if monitoring is None else monitoring.endpoint, fail)
