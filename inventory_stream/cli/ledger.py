"""`ledger dump`, `verify` and `explain`: read the one truth, prove that it is right, and say why."""

import sys
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import orjson
import typer
import uvloop
from rich.console import Console
from rich.table import Table
from rich.text import Text

from inventory_stream.adapters.kafka.live_rows import LiveRows
from inventory_stream.adapters.kafka.preflight import check_ledger_shape, quiet_client
from inventory_stream.adapters.redis.preflight import check_redis
from inventory_stream.adapters.redis.view import RedisAvailabilityView
from inventory_stream.cli import explain
from inventory_stream.cli.reading import PartitionOption, asked_partitions, ledger_reader, progress, say
from inventory_stream.flows.dump_ledger import RowKind, dump_ledger
from inventory_stream.flows.verify import verify_ledger
from inventory_stream.flows.verify_report import PartitionReport, VerifyReport
from inventory_stream.settings import load_settings

EXIT_BROKEN: Final = 1

KINDS: Final = {kind.name.lower(): kind for kind in RowKind}

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Show the ledger, prove it right, or say why it says so."
)
app.add_typer(explain.app, name="explain")


@app.command()
def dump(
    *,
    sku: Annotated[str | None, typer.Option(help="Only rows of this SKU.", show_default=False)] = None,
    kind: Annotated[
        str | None, typer.Option(help=f"Only rows of this kind: {', '.join(KINDS)}.", show_default=False)
    ] = None,
    partition: PartitionOption = None,
    is_latest_only: Annotated[
        bool,
        typer.Option(
            "--latest", help="Only the newest row of each key; keeps those of a partition in memory."
        ),
    ] = False,
) -> None:
    """Print the live rows as JSON lines, oldest first, up to where the ledger ends now.

    Without --latest: every version of each row that compaction has left, tombstones too.

    Example: inventory-stream ledger dump --kind position --sku 85123A
    """
    if kind is not None and kind not in KINDS:
        raise typer.BadParameter(f"{kind!r} is none of {', '.join(KINDS)}", param_hint="--kind")
    settings = load_settings()

    partitions = asked_partitions(settings, partition)

    async def run() -> None:
        await check_ledger_shape(settings)
        reader = ledger_reader(settings)
        try:
            wanted = KINDS[kind] if kind else None
            async for row in dump_ledger(
                reader, LiveRows, partitions, wanted, sku, is_latest_only=is_latest_only
            ):
                sys.stdout.buffer.write(orjson.dumps(row) + b"\n")
        finally:
            await reader.close()

    with quiet_client():
        uvloop.run(run())


@app.command()
def verify(
    *,
    partition: PartitionOption = None,
    is_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    is_redis_compared: Annotated[
        bool, typer.Option("--redis/--no-redis", help="Compare Redis with the ledger (I6).")
    ] = True,
) -> None:
    """Recompute the invariants I1-I7, R12 and R16 from the rows; exit 1 when one is broken.

    I1, I4 and R16 are checked at the end of the ledger; I2, I3 and I5 over the part that compaction
    has not touched, whose beginning is told; I6 compares Redis, and finds hashes that no position
    stands behind; I7 is judged by the sums that each refusal carries. A SKU with positions in two
    partitions is found too (R30). I8 (the same input gives the same rows) cannot be told from rows
    alone: tests hold it. The ledger may be in use meanwhile.

    Example: inventory-stream ledger verify
    """
    settings = load_settings()
    partitions = asked_partitions(settings, partition)

    async def run() -> VerifyReport:
        # To learn after minutes of reading that Redis is not there would be a pity.
        if is_redis_compared:
            await check_redis(settings.redis)
        await check_ledger_shape(settings)
        reader = ledger_reader(settings)
        view = RedisAvailabilityView.connect(settings.redis) if is_redis_compared else None
        try:
            rows = sum([await reader.end_offset(one) for one in partitions])
            with progress("reading the ledger", rows) as advance:
                return await verify_ledger(reader, LiveRows, partitions, view, advance)
        finally:
            await reader.close()
            if view is not None:
                await view.close()

    with quiet_client():
        report = uvloop.run(run())
    if is_json:
        sys.stdout.buffer.write(orjson.dumps(as_json(report), option=orjson.OPT_INDENT_2) + b"\n")
    else:
        print_report(report)
    if not report.is_sound:
        raise typer.Exit(EXIT_BROKEN)


def as_json(report: VerifyReport) -> dict[str, Any]:
    """Give a report as JSON values."""
    return {
        "sound": report.is_sound,
        "broken": dict(report.findings.counts),
        "findings": [finding._asdict() for finding in report.findings.first],
        "partitions": [vars(partition) for partition in report.partitions],
        "granted_units": sum(one.granted_units for one in report.partitions),
        "oversold_units": sum(one.oversold_units for one in report.partitions),
        "shortfall_units": sum(one.shortfall_units for one in report.partitions),
        "skus_compared": report.skus_compared,
        "skus_moved_on": report.skus_moved_on,
    }


def print_report(report: VerifyReport, console: Console | None = None) -> None:
    """Print a report for people."""
    console = console or Console()
    # Six columns fit a terminal of 80; the rest is in --json.
    table = Table("partition", "rows", "whole from", "commands", "granted", "oversold")
    for one in report.partitions:
        figures = (one.commands, one.granted_units, one.oversold_units)
        table.add_row(str(one.partition), f"{one.rows:,}", _reach(one), *(f"{n:,}" for n in figures))
    console.print(table)
    oversold = sum(one.oversold_units for one in report.partitions)
    shortfall = sum(one.shortfall_units for one in report.partitions)
    positions = sum(one.positions for one in report.partitions)
    reservations = sum(one.reservations for one in report.partitions)
    repeats = sum(one.repeats for one in report.partitions)
    say(console, f"{positions:,} positions, {reservations:,} reservations, {repeats:,} answers given again")
    say(console, f"oversold units (granted against I2): {oversold:,}", "red" if oversold else "green")
    say(console, f"shortfall that facts caused (till sales, recounts, recorded orders): {shortfall:,}")
    fenced = sum(one.fenced_rows for one in report.partitions)
    if fenced:
        say(console, f"rows that fenced owners wrote, dropped by every reader (P4): {fenced:,}", "yellow")
    if report.skus_compared is None:
        say(console, "Redis: not compared")
    else:
        moved_on = f"; {report.skus_moved_on:,} changed meanwhile" if report.skus_moved_on else ""
        say(console, f"Redis: {report.skus_compared:,} SKUs compared{moved_on}")
    if report.is_sound:
        held = (
            "I1-I5, I7, R12 and R16 hold; I6 was not compared"
            if report.skus_compared is None
            else "I1-I7, R12 and R16 hold"
        )
        say(console, held, "green")
        return
    for check, times in sorted(report.findings.counts.items()):
        say(console, f"{check} BROKEN: {times:,} times", "bold red")
    findings = Table("invariant", "partition", "offset", "key", "expected", "found")
    for finding in report.findings.first:
        # Text, not str: a key may hold what rich takes for markup.
        place = (finding.check, finding.partition, finding.offset, finding.key)
        findings.add_row(*(Text(str(part)) for part in (*place, finding.expected, finding.found)))
    console.print(findings)


def _reach(one: PartitionReport) -> str:
    if one.whole_from_ms is None:
        return "empty"
    if one.whole_from_offset == 0:
        return "the beginning"
    return datetime.fromtimestamp(one.whole_from_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
