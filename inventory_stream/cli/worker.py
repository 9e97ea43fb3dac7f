"""`worker ledger`, `worker projection` and `worker channels`: long-running processes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Annotated

import structlog
import typer

from agents.channels import new_channels_host
from agents.ledger import new_ledger_host
from agents.projection import new_projection_host
from inventory_stream.adapters.kafka.preflight import check_before_start
from inventory_stream.adapters.kafka.process_end import EndProcess, end_process, end_process_in_json
from inventory_stream.adapters.kafka.topic_rules import LEDGER
from inventory_stream.adapters.logs import configure_logging, is_json
from inventory_stream.adapters.monitoring.build import (
    ChannelMonitoring,
    LedgerMonitoring,
    ProjectionMonitoring,
    channel_monitoring,
    ledger_monitoring,
    projection_monitoring,
)
from inventory_stream.adapters.monitoring.endpoint import Endpoint
from inventory_stream.adapters.redis.preflight import check_redis
from inventory_stream.adapters.redis.projection import RedisProjection
from inventory_stream.adapters.worker_process import Work, failing, run_worker
from inventory_stream.bootstrap import (
    LEDGER_GROUP,
    PROJECTION_GROUP,
    PROJECTION_PACE_SECONDS,
    consumer_options,
    input_topics,
    ledger_parts,
    projection_parts,
    view_owner,
)
from inventory_stream.cli import EXIT_FAILED, EXIT_SETTINGS
from inventory_stream.cli.worker_processes import process_count, run_processes
from inventory_stream.errors import InventoryStreamError, SettingsError, UnreachableError
from inventory_stream.ports.monitor import SILENT_PROJECTION
from inventory_stream.ports.projection import ViewOwner
from inventory_stream.settings import Settings, load_settings
from models.channels import CHANNEL_INBOUND, CHANNELS_GROUP

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Run a worker until SIGTERM or Ctrl-C.")


@app.command()
def ledger(
    *,
    processes: Annotated[
        str,
        typer.Option(
            metavar="N|auto",
            help="How many workers this command keeps, each on a core of its own; auto: one for each core. "
            "They share the partitions, so more than there are of these do nothing.",
        ),
    ] = "1",
) -> None:
    """Decide: own partitions of the ledger, as many as the group gives this worker.

    Run several, and have each started again: one that may not write any more ends with status 70. With
    --processes this command does both on one machine. Worker n then has the monitoring port that follows
    the given one by n, and /ready on the given one says whether all are ready.

    Example: inventory-stream worker ledger --processes auto
    """
    count = process_count(processes)
    settings, end = _begin()
    if count > 1:
        with one_line(settings):
            raise typer.Exit(run_processes(settings, count))
    fail = failing(end)
    monitoring = ledger_monitoring(settings)

    def new_work() -> Work:
        monitor_of = None if monitoring is None else monitoring.owners.of
        parts = ledger_parts(settings, fail, end=end, monitor_of=monitor_of)
        options = consumer_options(settings, LEDGER_GROUP)
        host = new_ledger_host(parts.new_owner, input_topics(settings), options, fail)
        return Work(host, parts.background, parts.close)

    with one_line(settings):
        run_worker(lambda: check_before_start(settings), new_work, _shown_by(monitoring), fail)


@app.command()
def projection(
    *,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Write every SKU again from the ledger; readers notice nothing.")
    ] = False,
    is_take_over: Annotated[
        bool,
        typer.Option(
            "--take-over", help="With --rebuild: also where Redis holds the view of another environment."
        ),
    ] = False,
) -> None:
    """Keep the Redis view: bring every decision to where storefronts read.

    A database holds the view of one environment; where it is another's, nothing is written.

    Example: inventory-stream worker projection --rebuild
    """
    if is_take_over and not rebuild:
        raise typer.BadParameter("goes with --rebuild alone", param_hint="--take-over")
    settings, end = _begin()
    fail = failing(end)
    monitoring = projection_monitoring(settings)
    owner = ViewOwner("", settings.topic(LEDGER))

    async def check() -> None:
        nonlocal owner
        # Before the group is joined: a worker without Redis would take partitions from one that has it.
        await check_redis(settings.redis)
        await check_before_start(settings)
        owner = await view_owner(settings)
        view = RedisProjection.connect(settings.redis, owner)
        try:
            await (view.take_over() if is_take_over else view.ensure_marker())
        finally:
            await view.close()

    def new_work() -> Work:
        monitor = SILENT_PROJECTION if monitoring is None else monitoring.monitor
        parts = projection_parts(settings, owner, is_rebuild_asked=rebuild, monitor=monitor)
        options = consumer_options(
            settings, PROJECTION_GROUP, is_raw=True, pace_seconds=PROJECTION_PACE_SECONDS
        )
        host = new_projection_host(parts.flow, parts.publisher, settings.topic(LEDGER), options, fail)

        async def why_not_ready() -> Sequence[str]:
            # Asked of the server itself: without partitions nothing else would notice its absence.
            with suppress(UnreachableError):  # the monitor has heard of it
                await parts.view.marker()
            return () if monitoring is None else monitoring.monitor.why_not_ready()

        return Work(host, (parts.flow.run_heartbeats,), parts.close, why_not_ready)

    with one_line(settings):
        run_worker(check, new_work, _shown_by(monitoring), fail)


@app.command()
def channels() -> None:
    """Tell channels: bring every stock change to marketplaces, shops and tills, and take their orders in.

    Run several: each channel account belongs to one of them at a time. What was acknowledged is kept in
    Kafka, so another one goes on where one was killed. `inventory-stream channels status` tells the story.

    Example: inventory-stream worker channels
    """
    # Adapters, schemas and TLS of ten channels: 60 MB that other workers have no use for.
    from inventory_stream.bootstrap.channels import channel_files, channel_parts  # noqa: PLC0415

    settings, end = _begin()
    fail = failing(end)
    monitoring = channel_monitoring(settings)
    monitor = None if monitoring is None else monitoring.monitor

    def new_work() -> Work:
        parts = channel_parts(settings, files, fail, monitor)
        options = consumer_options(settings, CHANNELS_GROUP)
        host = new_channels_host(
            parts.owner,
            settings.topic(CHANNEL_INBOUND),
            options,
            fail,
            suspend=parts.owner.suspend,
            heard_group=parts.lease.renew,
            first_untaken=parts.owner.first_untaken,
        )

        async def why_not_ready() -> Sequence[str]:
            return parts.why_not_ready()

        return Work(host, parts.background, parts.close, why_not_ready)

    with one_line(settings):
        files = channel_files(settings)
        run_worker(lambda: check_before_start(settings), new_work, _shown_by(monitoring), fail)


def _shown_by(
    monitoring: LedgerMonitoring | ProjectionMonitoring | ChannelMonitoring | None,
) -> Endpoint | None:
    return None if monitoring is None else monitoring.endpoint


def _begin() -> tuple[Settings, EndProcess]:
    """Read the settings, set up the log, and choose the form of a last line."""
    settings = load_settings()
    configure_logging(settings.logs)
    return settings, end_process_in_json if is_json(settings.logs) else end_process


@contextmanager
def one_line(settings: Settings) -> Iterator[None]:
    """Say why nothing was started in the form of the other lines; the command line says it in plain text."""
    try:
        yield
    except InventoryStreamError as error:
        if not is_json(settings.logs):
            raise
        structlog.get_logger(__name__).critical("worker_not_started", reason=str(error))
        raise typer.Exit(EXIT_SETTINGS if isinstance(error, SettingsError) else EXIT_FAILED) from error
