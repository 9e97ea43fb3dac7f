"""`atp outlook`: what may be promised for later days, read from the ledger itself."""

import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import orjson
import typer
import uvloop
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from inventory_stream.adapters.catalog import load_catalog
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.ledger_reader import KafkaLedgerReader
from inventory_stream.adapters.kafka.live_rows import LiveRows
from inventory_stream.adapters.kafka.preflight import check_ledger_shape, quiet_client
from inventory_stream.adapters.kafka.topic_rules import LEDGER
from inventory_stream.adapters.system_clock import now_ms
from inventory_stream.flows.outlook import Awaited, LocationOutlook, SkuOutlook, outlook_of
from inventory_stream.settings import load_settings
from models.ids import partition_of

EXIT_NOT_FOUND: Final = 1
# A year and a day: further dates are no promise, and each is a row of the table.
DAYS_MAX: Final = 366


def outlook(
    sku: Annotated[str, typer.Argument(help="The SKU.", show_default=False)],
    *,
    location: Annotated[str | None, typer.Option(help="Only this location.", show_default=False)] = None,
    days: Annotated[int, typer.Option(min=0, max=DAYS_MAX, help="How many days after today.")] = 14,
    is_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what may be promised today for each coming day, with what is on the way; exit 1 when unknown.

    Reads the SKU's partition of the ledger. Days are those of each location's time zone (UTC where none
    is set). What is overdue or has no date counts nothing.

    Example: inventory-stream atp outlook 85123A --days 7
    """
    settings = load_settings()
    likely = partition_of(load_catalog(settings.catalog.file).get(sku, sku), settings.kafka.partitions)
    # Where a catalog makes sizes of one product share a partition, the SKU lies elsewhere (R30).
    others = [partition for partition in range(settings.kafka.partitions) if partition != likely]

    async def run() -> SkuOutlook | None:
        await check_ledger_shape(settings)
        reader = KafkaLedgerReader(
            connection=KafkaConnection.of(settings.kafka),
            topic=settings.topic(LEDGER),
            request_timeout_seconds=settings.kafka.request_timeout_seconds,
        )
        try:
            return await outlook_of(reader, LiveRows, [likely, *others], sku, now_ms(), days, location)
        finally:
            await reader.close()

    with quiet_client():
        found = uvloop.run(run())
    if is_json:
        shown = as_json(found) if found is not None else {"sku": sku, "found": False}
        sys.stdout.buffer.write(orjson.dumps(shown) + b"\n")
    elif found is not None:
        print_outlook(found)
    else:
        where = "" if location is None else f" at {location}"
        typer.echo(f"{sku}{where}: unknown to the ledger", err=True)
    if found is None:
        raise typer.Exit(EXIT_NOT_FOUND)


def as_json(found: SkuOutlook) -> dict[str, Any]:
    """Give an outlook as JSON values; times in ms since the Unix epoch."""
    return {
        "sku": found.sku,
        "found": True,
        "at": found.now_ms,
        "total": list(found.total),
        "locations": [
            {
                "location": one.location,
                "time_zone": one.time_zone,
                "days": [{"date": _date(one, day), "units": units} for day, units in enumerate(one.units)],
                "awaited": [
                    {
                        "kind": awaited.kind,
                        "id": awaited.name,
                        "units": awaited.units,
                        "expected_at": awaited.expected_at_ms,
                        "counted": awaited.is_counted,
                    }
                    for awaited in one.awaited
                ],
            }
            for one in found.locations
        ],
    }


def print_outlook(found: SkuOutlook, console: Console | None = None) -> None:
    """Print an outlook for people: a row per day on which something changes."""
    console = console or Console(markup=False)
    # Text, not str: a location may hold what rich takes for markup.
    # Text, not str: a location may hold what rich takes for markup or an emoji.
    table = Table("day", *(Column(header=Text(_heading(one))) for one in found.locations), "total")
    before: tuple[int, ...] | None = None
    for day, total in enumerate(found.total):
        units = tuple(one.units[day] for one in found.locations)
        if units != before:
            table.add_row(_day(found, day), *(str(one) for one in units), str(total))
        before = units
    console.print(table)
    awaited = [(one, each) for one in found.locations for each in one.awaited]
    if awaited:
        ways = Table("on the way", "units", "to", "expected", "counts")
        for one, each in awaited:
            name = Text(f"{each.kind} {each.name}")
            ways.add_row(name, str(each.units), Text(one.location), _expected(each), _counts(each))
        console.print(ways)


def _heading(one: LocationOutlook) -> str:
    return f"{one.location} ({one.time_zone})"


def _day(found: SkuOutlook, day: int) -> str:
    """Name a day by its date, or by its distance where the locations' dates differ."""
    dates = {_date(one, day) for one in found.locations}
    return dates.pop() if len(dates) == 1 else f"today +{day}"


def _date(one: LocationOutlook, day: int) -> str:
    return (one.today + timedelta(days=day)).isoformat()


def _expected(awaited: Awaited) -> str:
    if awaited.expected_at_ms is None:
        return "nobody said"
    return datetime.fromtimestamp(awaited.expected_at_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%MZ")


def _counts(awaited: Awaited) -> str:
    if awaited.is_counted:
        return "yes"
    return "no: overdue" if awaited.day is not None else "no: no date"
