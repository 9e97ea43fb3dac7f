"""`channels diff`, `reconcile` and `smoke`: what the ledger publishes beside what a channel shows."""

import sys
from typing import Annotated, Final

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from inventory_stream.cli.channels_reach import (
    ByOption,
    JsonOption,
    ListingOption,
    NameArgument,
    ReasonOption,
    Stories,
    asking,
    chosen,
    integrations,
    partition_of_account,
    run_at_desk,
    who,
)
from inventory_stream.cli.reading import progress, say
from inventory_stream.errors import InventoryStreamError
from inventory_stream.flows.channels.asking import Wish
from inventory_stream.flows.channels.status import whole
from inventory_stream.flows.explain_words import utc
from inventory_stream.ports.channel_desk import ChannelDesk
from inventory_stream.ports.integrations import Integration
from inventory_stream.settings import Settings, load_settings
from models.channels import ListingRow, ReportRow, account_key
from models.ids import decode_id

EXIT_DIFFERS: Final = 1
SHOWN_MAX: Final = 50
"""Listings shown as a table; --json has all that a report keeps."""
WAIT_SECONDS: Final = 600.0
"""Default wait for a report: 100,000 listings at 2 requests/s of 100 take eight minutes."""

WaitOption = Annotated[
    float, typer.Option("--wait", min=1.0, max=7_200.0, help="Longest wait for the report, in seconds.")
]


def diff(
    name: NameArgument,
    *,
    listings: ListingOption = None,
    is_last: Annotated[
        bool, typer.Option("--last", help="Show the newest report instead of asking the channel now.")
    ] = False,
    is_dead: Annotated[
        bool, typer.Option("--dead", help="Show the pushes that were given up instead.")
    ] = False,
    wait_seconds: WaitOption = WAIT_SECONDS,
    by: ByOption = None,
    is_json: JsonOption = False,
) -> None:
    """Compare published, acknowledged and observed units of each listing, and change nothing.

    published: what the ledger says now. acknowledged: what the channel took last. observed: what it shows.
    Only listings with nothing under way are compared. Exit 1 when some differ.

    Example: inventory-stream channels diff shop-nl
    """
    settings = load_settings()
    (entry,) = chosen(integrations(settings), [name])
    if is_dead:
        _print_dead(settings, entry, is_json=is_json)
        return
    if is_last:
        report = _last(settings, entry)
    else:
        wish = Wish("reconcile", who(by), listings=tuple(listings or ()), repairs=False)
        report = _report(settings, entry, wish, wait_seconds)
    _print(entry, report, is_json=is_json)


def reconcile(
    name: NameArgument,
    *,
    listings: ListingOption = None,
    wait_seconds: WaitOption = WAIT_SECONDS,
    reason: ReasonOption = "",
    by: ByOption = None,
    is_json: JsonOption = False,
) -> None:
    """Compare as `diff` does, and send today's quantity of what differs, by the normal lanes.

    Where more differ than the integration's mass_change_share nothing is sent: the account is parked, until
    `approve`. Every account is compared by itself, too, every reconcile_seconds. Exit 1 when some differed.

    Example: inventory-stream channels reconcile shop-nl
    """
    settings = load_settings()
    (entry,) = chosen(integrations(settings), [name])
    wish = Wish("reconcile", who(by), reason, tuple(listings or ()))
    _print(entry, _report(settings, entry, wish, wait_seconds), is_json=is_json)


def smoke(
    name: NameArgument,
    *,
    listings: ListingOption = None,
    is_then_on: Annotated[
        bool, typer.Option("--then-on", help="When all went well, have the account send from now on.")
    ] = False,
    wait_seconds: WaitOption = 120.0,
    by: ByOption = None,
    is_json: JsonOption = False,
) -> None:
    """Check an account with one listing before its flag goes on: read it, tell it the truth, read it again.

    On failure an account that was on is set to off. With --then-on it is switched on when all went well,
    and left as it was when not. Exit 1 when the check failed.

    Example: inventory-stream channels smoke shop-nl --listing 808950810/655441491 --then-on
    """
    if listings and len(listings) > 1:
        raise typer.BadParameter("one listing is checked", param_hint="--listing")
    settings = load_settings()
    (entry,) = chosen(integrations(settings), [name])
    user = who(by)
    report = _report(settings, entry, Wish("smoke", user, listings=tuple(listings or ())), wait_seconds)
    if is_json:
        sys.stdout.buffer.write(orjson.dumps(whole(report)) + b"\n")
    elif not report.error:
        say(Console(), f"{entry.name}: smoke check passed", "green")
    if report.error:
        raise InventoryStreamError(f"{entry.name}: smoke check failed: {report.error}")
    if is_then_on:

        async def switch_on(desk: ChannelDesk) -> None:
            await asking(settings, desk).done(entry, Wish("resume", user, "smoke check passed"))

        run_at_desk(settings, switch_on)
        say(Console(stderr=True), f"{entry.name}: sending", "green")


def _report(settings: Settings, entry: Integration, wish: Wish, wait_seconds: float) -> ReportRow:
    found: list[ReportRow] = []

    async def run(desk: ChannelDesk) -> None:
        with progress(f"{wish.kind} {entry.name}", None):
            found.append(await asking(settings, desk).reported(entry, wish, wait_seconds))

    run_at_desk(settings, run)
    return found[0]


def _last(settings: Settings, entry: Integration) -> ReportRow:
    found: list[ReportRow | None] = []

    async def run(desk: ChannelDesk) -> None:
        found.extend(story.report for story in await Stories(settings, desk, [entry]).look())

    run_at_desk(settings, run)
    if found[0] is None:
        raise InventoryStreamError(
            f"{entry.name} was never compared; `inventory-stream channels diff {entry.name}` does it"
        )
    return found[0]


def _print(entry: Integration, report: ReportRow, *, is_json: bool) -> None:
    if is_json:
        sys.stdout.buffer.write(orjson.dumps(whole(report)) + b"\n")
    else:
        _print_report(entry, report)
    if report.error or report.differing_count:
        raise typer.Exit(EXIT_DIFFERS)


def _print_report(entry: Integration, report: ReportRow) -> None:
    console = Console()
    say(
        console,
        f"{entry.name}: {report.compared:,} listings compared by {utc(report.ended_ms)}: {report.agreed:,} "
        f"agree, {report.differing_count:,} differ; {report.repaired:,} sent again, {report.unreadable:,} "
        f"not told, {report.under_way:,} with something under way left out",
    )
    if report.differing:
        table = Table("listing", "sku", "published", "acknowledged", "observed")
        for row in report.differing[:SHOWN_MAX]:
            units = [
                "?" if one is None else f"{one:,}" for one in (row.published, row.acknowledged, row.observed)
            ]
            table.add_row(Text(row.listing), Text(row.sku), *units)
        console.print(table)
        if (more := report.differing_count - min(SHOWN_MAX, len(report.differing))) > 0:
            say(console, f"and {more:,} more: --json has up to 1,000", "dim")
    if report.is_mass_drift:
        say(console, f"way out: if the ledger is right `channels approve {entry.name}`", "red")
    if report.error:
        say(console, report.error, "red")


def _print_dead(settings: Settings, entry: Integration, *, is_json: bool) -> None:
    prefix = account_key(entry.channel, entry.account) + "/"
    dead: dict[str, ListingRow] = {}

    async def run(desk: ChannelDesk) -> None:
        rows = await desk.rows(
            partition_of_account(settings, entry),
            lambda key: key.startswith(prefix) and not key.startswith(f"{prefix}@"),
        )
        for key, row in rows.items():
            if isinstance(row, ListingRow) and row.dead is not None:
                dead[decode_id(key.removeprefix(prefix))] = row

    with progress("reading what was acknowledged", None):
        run_at_desk(settings, run)
    console = Console()
    for number, (listing, row) in enumerate(sorted(dead.items())):
        if is_json:
            line = {"listing": listing, **(whole(row) or {})}
            sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
        elif number < SHOWN_MAX and row.dead is not None:
            say(
                console,
                f"{listing}  {row.dead.code}  {row.dead.units:,} units at {row.dead.generation_ms}:"
                f"{row.dead.offset}, given up {utc(row.dead.at_ms)} after {row.dead.attempts} tries, "
                f"request {row.dead.request_hash}",
            )
    if not is_json:
        say(console, f"{len(dead):,} dead; `channels replay {entry.name}` sends today's units of them", "dim")
