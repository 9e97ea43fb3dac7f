"""`ledger explain`: why a reservation was refused, what moved a position, what a command was answered."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final, NamedTuple

import orjson
import typer
import uvloop
from rich.console import Console

from inventory_stream.adapters.catalog import load_catalog
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.input_offsets import KafkaInputOffsets
from inventory_stream.adapters.kafka.live_rows import LiveRows
from inventory_stream.adapters.kafka.preflight import check_ledger_shape, quiet_client
from inventory_stream.bootstrap import input_topics
from inventory_stream.cli.explain_text import (
    change_line,
    command_lines,
    missing_lines,
    position_lines,
    reach_line,
    reservation_lines,
    step_lines,
)
from inventory_stream.cli.reading import (
    PartitionOption,
    asked_partitions,
    dead_letter_box,
    ledger_reader,
    progress,
    say,
)
from inventory_stream.cli.times import WHEN_HELP, moment_ms
from inventory_stream.flows.dump_ledger import plain
from inventory_stream.flows.explain_command import explain_command
from inventory_stream.flows.explain_missing import Missing, Windows, why_missing
from inventory_stream.flows.explain_position import PositionStory, explain_position
from inventory_stream.flows.explain_reservation import explain_reservation
from inventory_stream.flows.explain_walk import LedgerWalk, Period, Reach
from inventory_stream.settings import Settings, load_settings
from models.ids import partition_of

EXIT_NOT_FOUND: Final = 1


def _named(name: str) -> str:
    if not name.strip():
        raise typer.BadParameter("an empty id names nothing")
    return name


app = typer.Typer(add_completion=False, no_args_is_help=True, help="Say why the ledger says what it says.")

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
SinceOption = Annotated[str | None, typer.Option(help=f"Only from then on: {WHEN_HELP}.", show_default=False)]
UntilOption = Annotated[str | None, typer.Option(help="Only before then.", show_default=False)]
SkuOption = Annotated[
    str | None, typer.Option(help="Its SKU, if known: its partition is read first.", show_default=False)
]


@app.command()
def reservation(
    reservation_id: Annotated[str, typer.Argument(show_default=False, callback=_named)],
    *,
    sku: SkuOption = None,
    partition: PartitionOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    is_json: JsonOption = False,
) -> None:
    """Say what happened to a reservation: each command, its outcome, and the sums behind a refusal.

    Without --sku or --partition all partitions are read until one has it. Exit 1 when none has,
    with what may be the cause: a dead letter, input not decided yet, a window that passed.

    Example: inventory-stream ledger explain reservation cart-9
    """
    settings, period = load_settings(), _period(since, until)
    partitions = _partitions(settings, partition, sku)

    async def run(at: _Place) -> int:
        story = await explain_reservation(at.walk, partitions, reservation_id, period)
        missing = None if story.is_found else await at.why_missing(reservation_id, story.reaches)
        if is_json:
            _print_json(
                {
                    "found": story.is_found,
                    "reservation_id": reservation_id,
                    "partition": story.partition,
                    "row": plain(story.row),
                    "steps": list(story.steps),
                    "steps_left_out": story.steps_left_out,
                    "read": _reaches(story.reaches),
                    "missing": _missing(missing),
                }
            )
        else:
            _print_lines(
                [*reservation_lines(story), *(line for step in story.steps for line in step_lines(step))],
                story.reaches,
                missing,
                story.steps_left_out,
            )
        return 0 if story.is_found else EXIT_NOT_FOUND

    _run(settings, run)


@app.command()
def command(
    command_id: Annotated[str, typer.Argument(show_default=False, callback=_named)],
    *,
    partition: PartitionOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    is_json: JsonOption = False,
) -> None:
    """Say what a command was answered, and each time it came again.

    All partitions are read, because an order command's id is unique in its reservation only: there
    may be several commands of this id. Exit 1 when there is none, with what may be the cause.

    Example: inventory-stream ledger explain command grn-7:1
    """
    settings, period = load_settings(), _period(since, until)
    partitions = asked_partitions(settings, partition)

    async def run(at: _Place) -> int:
        story = await explain_command(at.walk, partitions, command_id, period)
        missing = None if story.is_found else await at.why_missing(command_id, story.reaches)
        if is_json:
            _print_json(
                {
                    "found": story.is_found,
                    "command_id": command_id,
                    "steps": list(story.steps),
                    "steps_left_out": story.steps_left_out,
                    "only_hashed": story.only_hashed,
                    "read": _reaches(story.reaches),
                    "missing": _missing(missing),
                }
            )
        else:
            _print_lines(command_lines(story), story.reaches, missing, story.steps_left_out)
        return 0 if story.is_found else EXIT_NOT_FOUND

    _run(settings, run)


@app.command()
def position(
    sku: Annotated[str, typer.Argument(metavar="SKU", show_default=False, callback=_named)],
    *,
    location: Annotated[str | None, typer.Option(help="Only this location.", show_default=False)] = None,
    partition: PartitionOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    is_json: JsonOption = False,
) -> None:
    """Say what moved a SKU: each change in order, who made it, and what the position is now (R2).

    The partition of its key is read first, the others only when it is not there. With --json each
    change is a line of its own, the last line the sum. Exit 1 when nothing is found, with what may
    be the cause.

    Example: inventory-stream ledger explain position TEE-M --location DC1 --since 2h
    """
    settings, period = load_settings(), _period(since, until)
    partitions = _partitions(settings, partition, sku)

    async def run(at: _Place) -> int:
        story = PositionStory(sku, location)
        console = Console()
        async for change in explain_position(at.walk, partitions, story, period):
            if is_json:
                _print_json(change)
            else:
                say(console, change_line(change))
        missing = None if story.is_found else await at.why_no_position(sku, story.reaches)
        if is_json:
            _print_json(
                {
                    "found": story.is_found,
                    "sku": sku,
                    "partition": story.partition,
                    "now": [
                        {**plain(row), "available_to_promise": row.available_to_promise}
                        for _, row in sorted(story.rows.items())
                    ],
                    "read": _reaches(story.reaches),
                    "missing": _missing(missing),
                }
            )
        else:
            _print_lines(position_lines(story), story.reaches, missing, 0)
        return 0 if story.is_found else EXIT_NOT_FOUND

    _run(settings, run)


class _Place(NamedTuple):
    """The ledger of this environment, and the way to find out why something is not in it."""

    walk: LedgerWalk
    why_missing: Callable[[str, Sequence[Reach]], Awaitable[Missing]]
    why_no_position: Callable[[str, Sequence[Reach]], Awaitable[Missing]]


def _run(settings: Settings, run: Callable[[_Place], Awaitable[int]]) -> None:
    """Run with a connected reader; end with the status that `run` gives."""

    async def connected() -> int:
        await check_ledger_shape(settings)
        async with _place(settings) as at:
            return await run(at)

    with quiet_client():
        status = uvloop.run(connected())
    if status:
        raise typer.Exit(status)


@asynccontextmanager
async def _place(settings: Settings) -> AsyncIterator[_Place]:
    reader = ledger_reader(settings)
    box = dead_letter_box(settings)
    topics = input_topics(settings)
    offsets = KafkaInputOffsets(
        connection=KafkaConnection.of(settings.kafka),
        topics=topics,
        request_timeout_seconds=settings.kafka.request_timeout_seconds,
    )
    windows = Windows(
        settings.ledger.receipt_window_seconds * 1_000, settings.ledger.return_window_seconds * 1_000
    )

    def asking(windows: Windows | None) -> Callable[[str, Sequence[Reach]], Awaitable[Missing]]:
        def ask(name: str, reaches: Sequence[Reach]) -> Awaitable[Missing]:
            return why_missing(name, reaches, settings.kafka.partitions, offsets, topics, box, windows)

        return ask

    try:
        with progress("reading the ledger", None) as advance:
            yield _Place(LedgerWalk(reader, LiveRows, advance), asking(windows), asking(None))
    finally:
        await reader.close()
        await offsets.close()
        await box.close()


def _partitions(settings: Settings, only: int | None, sku: str | None) -> Sequence[int]:
    """Give the partitions to read, that of the SKU's key first (R30)."""
    asked = asked_partitions(settings, only)
    if only is not None or sku is None:
        return asked
    home = partition_of(load_catalog(settings.catalog.file).get(sku, sku), settings.kafka.partitions)
    return [home, *(one for one in asked if one != home)]


def _period(since: str | None, until: str | None) -> Period:
    return Period(moment_ms(since, "--since"), moment_ms(until, "--until"))


def _print_lines(
    lines: Iterable[str], reaches: Sequence[Reach], missing: Missing | None, left_out: int
) -> None:
    console = Console()
    for line in lines:
        say(console, line)
    if left_out:
        say(console, f"{left_out:,} older steps left out: --since and --until choose others", "yellow")
    for reach in reaches:
        say(console, reach_line(reach), "dim")
    if missing is not None:
        for line in missing_lines(missing):
            say(console, line, "yellow")


def _reaches(reaches: Sequence[Reach]) -> list[dict[str, Any]]:
    return [
        {
            "partition": reach.partition,
            "rows": reach.rows,
            "end_offset": reach.end_offset,
            "complete_from_offset": reach.whole_from_offset,
            "complete_from_ms": reach.whole_from_ms,
        }
        for reach in reaches
    ]


def _missing(missing: Missing | None) -> dict[str, Any] | None:
    if missing is None:
        return None
    return {"reasons": missing.reasons, "dead_letters": [stored.key for stored in missing.letters]}


def _print_json(value: Any) -> None:  # noqa: ANN401  # any JSON value
    sys.stdout.buffer.write(orjson.dumps(value) + b"\n")
