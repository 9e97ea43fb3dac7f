"""`worker ledger` and `worker projection`: long-running processes."""

from typing import Annotated

import typer

from agents.ledger import new_ledger_host
from agents.projection import new_projection_host
from inventory_stream.adapters.kafka.preflight import check_before_start
from inventory_stream.adapters.kafka.topic_rules import LEDGER
from inventory_stream.adapters.logs import configure_logging
from inventory_stream.adapters.redis.preflight import check_redis
from inventory_stream.adapters.worker_process import Work, fail, run_worker
from inventory_stream.bootstrap import (
    LEDGER_GROUP,
    PROJECTION_GROUP,
    consumer_options,
    input_topics,
    ledger_parts,
    projection_parts,
)
from inventory_stream.settings import load_settings

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Run a worker until SIGTERM or Ctrl-C.")


@app.command()
def ledger() -> None:
    """Decide: own partitions of the ledger, as many as the group gives this worker.

    Run several, and have each started again: one that may not write any more ends with status 70.

    Example: inventory-stream worker ledger
    """
    configure_logging()
    settings = load_settings()

    def new_work() -> Work:
        parts = ledger_parts(settings, fail)
        options = consumer_options(settings, LEDGER_GROUP)
        host = new_ledger_host(parts.new_owner, input_topics(settings), options, fail)
        return Work(host, close=parts.close)

    run_worker(lambda: check_before_start(settings), new_work)


@app.command()
def projection(
    *,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Write every SKU again from the ledger; readers notice nothing.")
    ] = False,
) -> None:
    """Keep the Redis view: bring every decision to where storefronts read.

    Example: inventory-stream worker projection --rebuild
    """
    configure_logging()
    settings = load_settings()

    async def check() -> None:
        # Before the group is joined: a worker without Redis would take partitions from one that has it.
        await check_redis(settings.redis)
        await check_before_start(settings)

    def new_work() -> Work:
        parts = projection_parts(settings, is_rebuild_asked=rebuild)
        options = consumer_options(settings, PROJECTION_GROUP, is_raw=True)
        host = new_projection_host(parts.flow, settings.topic(LEDGER), options, fail)
        return Work(host, (parts.flow.run_heartbeats,), parts.close)

    run_worker(check, new_work)
