"""`inventory-stream replay FILE --mapping MAP`: history or backfill, from a file into the ledger."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
import uvloop
from rich.console import Console

from inventory_stream.adapters.kafka.command_lane import PACK_COMMANDS_MAX
from inventory_stream.adapters.kafka.command_sink import open_command_sink
from inventory_stream.adapters.kafka.preflight import check_before_start
from inventory_stream.errors import InventoryStreamError, SettingsError
from inventory_stream.ports.commands import CommandSink
from inventory_stream.replay.compile import CompiledMapping, compile_mapping
from inventory_stream.replay.dry_run import DiscardingSink
from inventory_stream.replay.errors import MappingError, SourceError
from inventory_stream.replay.mapping_file import load_mapping
from inventory_stream.replay.progress import shown
from inventory_stream.replay.refusals import EXPLANATIONS, Reason
from inventory_stream.replay.report import ReportFile, Totals
from inventory_stream.replay.rows import RowSource
from inventory_stream.replay.run import Replay, ReplayJob
from inventory_stream.replay.sources import FILE_ID_CHARACTERS, Format, file_hash, open_source
from inventory_stream.replay.state import ReplayState, StateStore
from inventory_stream.settings import Settings, load_settings

EXIT_FAILED: Final = 1
"""Kafka is unreachable, or rows were refused under --strict."""
EXIT_WRONG: Final = 2
"""The mapping, the file or a setting is wrong: trying again without a change is useless."""
EXIT_INTERRUPTED: Final = 130
"""Stopped by a signal, with everything saved."""

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True)
class Options:
    """The command line."""

    file: Path
    mapping: Path
    file_format: Format | None
    state_dir: Path | None
    report: Path | None
    rows_max: int | None
    speed: float | None
    pack: int | None
    dry_run: bool
    restart: bool
    strict: bool


@dataclass(frozen=True, slots=True)
class Prepared:
    """A mapping and a file that fit each other."""

    source: RowSource
    compiled: CompiledMapping
    file_id: str
    """What `{file}` stands for."""


@app.command()
def replay(  # noqa: PLR0913  # one parameter per option: typer's way
    file: Annotated[Path, typer.Argument(help="Parquet, CSV or JSON lines", show_default=False)],
    mapping: Annotated[
        Path,
        typer.Option(help="TOML file that turns rows into commands (docs/replay.md)", show_default=False),
    ],
    *,
    file_format: Annotated[
        Format | None, typer.Option("--format", help="of FILE; default: by its ending")
    ] = None,
    state_dir: Annotated[
        Path | None, typer.Option(help="where it keeps how far it came; default: replay in worker.data_dir")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="rows that became no command; default: in the state folder")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="only the first LIMIT rows of FILE")] = None,
    speed: Annotated[
        float | None,
        typer.Option(min=0.001, help="history at SPEED times real time; default: as fast as possible"),
    ] = None,
    pack: Annotated[
        int | None,
        typer.Option(
            min=1, max=PACK_COMMANDS_MAX, help="commands per Kafka record; default: one, with its SKU as key"
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="map and report only; no broker needed")] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="from row 1, whatever an earlier replay has done")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="exit 1 if any row was refused")] = False,
) -> None:
    """Turn the rows of FILE into commands and send them to the ledger. Resumes where it stopped.

    Rows that are refused are reported and leave exit 0, unless --strict is given.

    Example: inventory-stream replay sales.parquet --mapping sales.toml
    """
    options = Options(
        file=file,
        mapping=mapping,
        file_format=file_format,
        state_dir=state_dir,
        report=report,
        rows_max=limit,
        speed=speed,
        pack=pack,
        dry_run=dry_run,
        restart=restart,
        strict=strict,
    )
    # The client's own words about an unreachable broker would bury our one line.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    errors = Console(stderr=True)
    try:
        code = uvloop.run(_run(options, Console()))
    except InventoryStreamError as error:
        errors.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        wrong = isinstance(error, MappingError | SourceError | SettingsError)
        code = EXIT_WRONG if wrong else EXIT_FAILED
    raise typer.Exit(code)


async def _run(options: Options, console: Console) -> int:
    settings = load_settings()
    mapping = load_mapping(options.mapping)
    source = open_source(options.file, mapping.mapping.csv, options.file_format)
    digest = file_hash(options.file)
    compiled = compile_mapping(mapping, source, digest[:FILE_ID_CHARACTERS])
    prepared = Prepared(source, compiled, digest[:FILE_ID_CHARACTERS])
    async with _sink(options, settings) as (sink, destination):
        fresh = ReplayState(
            file=options.file.name,
            file_hash=digest,
            mapping_hash=mapping.content_hash,
            destination=destination,
        )
        store = StateStore(options.state_dir or settings.worker.data_dir / "replay", fresh)
        with store.locked():
            return await _replay(options, prepared, sink, store, console)


@asynccontextmanager
async def _sink(options: Options, settings: Settings) -> AsyncIterator[tuple[CommandSink, str]]:
    """Give the sink and the name of where it leads to."""
    if options.dry_run:
        yield DiscardingSink(), "dry-run"
        return
    # Commands sent to a number of partitions that no worker accepts would wait for ever (P10).
    await check_before_start(settings)
    async with open_command_sink(settings, pack_commands=options.pack) as sink:
        # The cluster's own id, not its address: a new, empty broker at an old address must get all rows.
        yield sink, f"{sink.cluster_id}/{settings.kafka.topic_prefix}"


async def _replay(
    options: Options, prepared: Prepared, sink: CommandSink, store: StateStore, console: Console
) -> int:
    if options.restart or options.dry_run:
        store.forget()
    state = store.load()
    if state.finished:
        _say(console, f"all rows were sent before (state: {store.path}); --restart sends them again")
    elif state.through_row:
        _say(console, f"resuming after row {state.through_row:,} (state: {store.path})")
    job = ReplayJob(
        prepared.source, prepared.compiled, prepared.file_id, rows_max=options.rows_max, speed=options.speed
    )
    report_path = options.report or store.report_path
    stop = asyncio.Event()
    with (
        ReportFile(report_path, state.report_bytes) as report,
        _signals_set(stop),
        shown(console) as progress,
    ):
        run = Replay(job, sink, state, None if options.dry_run else store, report, progress, stop)
        try:
            finished = await run.run()
        except InventoryStreamError as error:
            raise type(error)(
                f"{error}; rows to {state.through_row:,} are safe: run the same command to go on"
            ) from error
    _print_totals(console, run.totals, report_path, dry_run=options.dry_run)
    if not finished:
        _say(console, f"stopped after row {state.through_row:,}; run the same command to go on")
        return EXIT_INTERRUPTED
    return EXIT_FAILED if options.strict and run.totals.refused else 0


@contextmanager
def _signals_set(stop: asyncio.Event) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the replay at a checkpoint."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _print_totals(console: Console, totals: Totals, report: Path, *, dry_run: bool) -> None:
    sent = "would be sent" if dry_run else "sent"
    if totals.opening:
        _say(console, f"opening stock: {totals.opening:,} positions {sent}")
    _say(console, f"rows read: {totals.rows:,}")
    for name, rows in sorted(totals.accepted.items()):
        _say(console, f"  {sent} as {name}: {rows:,}")
    for reason, rows in sorted(totals.skipped.items()):
        _say(console, f"  skipped, {reason}: {rows:,}")
    for code, rows in sorted(totals.refused.items()):
        _say(console, f"  refused, {code} ({EXPLANATIONS[Reason(code)]}): {rows:,}", style="yellow")
    if totals.refused:
        _say(
            console,
            f"REFUSED {totals.refused.total():,} of {totals.rows:,} rows; each is in {report}",
            style="bold red",
        )
    elif totals.skipped:
        _say(console, f"no row was refused; skipped rows are in {report}")


def _say(console: Console, text: str, style: str | None = None) -> None:
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
