"""`dead-letters list`, `show` and `replay`: what could not be decided, and the way back."""

import sys
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer
import uvloop
from rich.console import Console
from rich.table import Table
from rich.text import Text

from inventory_stream.adapters.catalog import load_catalog
from inventory_stream.adapters.kafka.dead_letter_box import KafkaDeadLetterBox
from inventory_stream.adapters.kafka.preflight import check_topic_shape, quiet_client
from inventory_stream.adapters.kafka.topic_rules import DEAD_LETTERS
from inventory_stream.cli.dead_letters_text import as_json, letter_lines, nothing_line, report_lines
from inventory_stream.cli.reading import dead_letter_box, progress, say
from inventory_stream.cli.times import WHEN_HELP, moment_ms
from inventory_stream.errors import InventoryStreamError
from inventory_stream.flows.dead_letters import LetterCounts, LetterFilter, count_letters, waiting_letters
from inventory_stream.flows.dead_letters_mend import Inputs, Mending
from inventory_stream.flows.dead_letters_replay import ReplayReport, replay_letters
from inventory_stream.flows.explain_words import utc
from inventory_stream.ports.commands import ORDER_EVENTS, STOCK_EVENTS
from inventory_stream.ports.dead_letters import StoredLetter
from inventory_stream.ports.payments import PAYMENT_EVENTS
from inventory_stream.settings import Settings, load_settings
from models.channels import CHANNEL_INBOUND
from models.codec import RECORD_BYTES_MAX

EXIT_LEFT: Final = 1
"""Nothing was found, or letters that were meant are still waiting."""

LISTED_MAX: Final = 20
"""Letters listed by default, the newest: a screen full."""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help=(
        "Show what could not be decided, and send it again.\n\n"
        "A letter's key is the place of its record, topic/partition/offset, with /index for one command of "
        "a pack, as the input topic was when the letter was written. Where that topic was created anew "
        "since, another record may lie there now, and a new letter of that place replaces the old one; "
        "the letter itself holds its original, so showing and replaying it stays right."
    ),
)

_TOPICS: Final = (STOCK_EVENTS, ORDER_EVENTS, PAYMENT_EVENTS, CHANNEL_INBOUND)
"""Whose records can become letters."""

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
TopicOption = Annotated[
    str | None,
    typer.Option(help=f"Only of this input: {', '.join(_TOPICS)}.", show_default=False),
]
PartitionOption = Annotated[
    int | None, typer.Option(min=0, help="Only of this partition of the input.", show_default=False)
]
ReasonOption = Annotated[
    str | None, typer.Option(help="Only letters whose reason has this text in it.", show_default=False)
]
SinceOption = Annotated[
    str | None, typer.Option(help=f"Only written from then on: {WHEN_HELP}.", show_default=False)
]


@app.command("list")
def list_letters(
    *,
    topic: TopicOption = None,
    partition: PartitionOption = None,
    reason: ReasonOption = None,
    since: SinceOption = None,
    limit: Annotated[int, typer.Option(min=0, max=100_000, help="Letters listed, the newest.")] = LISTED_MAX,
    is_json: JsonOption = False,
) -> None:
    """Count the letters that wait, by reason, and list the newest.

    With --json: one line per letter, all of them, oldest first.

    Example: inventory-stream dead-letters list --topic order-events --since 6h
    """
    settings = load_settings()
    wanted = _filter(settings, (), topic, partition, reason, since)

    async def run(box: KafkaDeadLetterBox) -> None:
        newest: deque[StoredLetter] = deque(maxlen=limit)

        def take(stored: StoredLetter) -> None:
            if is_json:
                _print_json(as_json(stored))
            else:
                newest.append(stored)

        with progress("reading the dead letters", None) as advance:
            counts = await count_letters(box, wanted, advance, take)
        if not is_json:
            print_counts(counts)
            _print_newest(newest)

    run_at_box(settings, run)


@app.command()
def show(
    key: Annotated[str, typer.Argument(help="As `dead-letters list` gives it.", show_default=False)],
    *,
    is_json: JsonOption = False,
) -> None:
    """Show one letter: why it was refused, the original as far as it can be read, and how to mend it.

    Exit 1 when no such letter waits.

    Example: inventory-stream dead-letters show order-events/3/1742/7
    """
    settings = load_settings()

    async def run(box: KafkaDeadLetterBox) -> None:
        async for stored in waiting_letters(box, LetterFilter(keys={key})):
            if is_json:
                _print_json(as_json(stored))
            else:
                console = Console()
                for line in letter_lines(stored):
                    say(console, line)
            return
        raise InventoryStreamError(
            f"no dead letter {key} waits: it was replayed, or never written; `dead-letters list` shows those "
            "that do"
        )

    run_at_box(settings, run)


@app.command()
def replay(  # noqa: PLR0913  # one for each option
    keys: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY]...", help="Letters to replay.", show_default=False)
    ] = None,
    *,
    is_all: Annotated[
        bool, typer.Option("--all", help="All letters, or all that the filters leave.")
    ] = False,
    topic: TopicOption = None,
    partition: PartitionOption = None,
    reason: ReasonOption = None,
    since: SinceOption = None,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="Mend a field of each command first; the value is JSON, or else text. May be repeated.",
            show_default=False,
        ),
    ] = None,
    edit: Annotated[
        Path | None,
        typer.Option(help="Send the content of this file instead; for one KEY.", show_default=False),
    ] = None,
    is_dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    is_sure: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")] = False,
    is_json: JsonOption = False,
) -> None:
    """Send originals again, each to the input and partition that it came from, and take out what was sent.

    Of a pack only the refused command is sent. Its id stays, so that what was decided already is not
    applied twice (R27); a letter is taken out only after the broker has acknowledged its record.
    Stopped in between, run it again: it goes on with what still waits. What would be refused again
    is left where it is, with exit 1. An order command arrives when it is sent again: a confirm
    may find its deadline passed.

    Example: inventory-stream dead-letters replay order-events/3/1742/7 --set units=2

    Example: inventory-stream dead-letters replay --reason "unknown field" --dry-run
    """
    settings = load_settings()
    if not keys and not is_all and reason is None:
        hint = "name letters by their keys, or choose by --reason, or --all"
        raise typer.BadParameter(hint, param_hint="KEY")
    mending = _mending(len(keys or ()), sets or [], edit)
    wanted = _filter(settings, tuple(keys or ()), topic, partition, reason, since)

    async def run(box: KafkaDeadLetterBox) -> None:
        for name in _TOPICS:
            await check_topic_shape(settings, name)
        with progress("reading the dead letters", None) as advance:
            counts = await count_letters(box, wanted, advance)
        unknown = sorted(set(wanted.keys) - counts.keys_found)
        if unknown:
            raise InventoryStreamError(
                f"no dead letter {', '.join(unknown[:LISTED_MAX])} waits: replayed already, or never "
                "written; nothing was sent"
            )
        if not is_json:
            print_counts(counts)
        is_asked = counts.letters and not is_sure and not is_dry_run
        if is_asked and not typer.confirm(f"Send {counts.letters:,} again and take them out?", err=True):
            raise InventoryStreamError("nothing was sent")
        with progress("replaying", counts.letters) as advance:
            report = await replay_letters(
                box, box, wanted, mending, replay_inputs(settings), is_dry_run=is_dry_run, on_letter=advance
            )
        print_report(report, is_json=is_json, is_dry_run=is_dry_run)
        if report.skipped or report.places_taken:
            raise typer.Exit(EXIT_LEFT)

    run_at_box(settings, run)


def run_at_box(settings: Settings, run: Callable[[KafkaDeadLetterBox], Awaitable[None]]) -> None:
    """Connect to the dead letters, do something, let go."""

    async def connected() -> None:
        await check_topic_shape(settings, DEAD_LETTERS)
        async with _box(settings) as box:
            await run(box)

    with quiet_client():
        uvloop.run(connected())


@asynccontextmanager
async def _box(settings: Settings) -> AsyncIterator[KafkaDeadLetterBox]:
    box = dead_letter_box(settings)
    try:
        yield box
    finally:
        await box.close()


def _filter(
    settings: Settings,
    keys: tuple[str, ...],
    topic: str | None,
    partition: int | None,
    reason: str | None,
    since: str | None,
) -> LetterFilter:
    full = None
    if topic is not None:
        full = topic if topic in map(settings.topic, _TOPICS) else None
        if topic in _TOPICS:
            full = settings.topic(topic)
        if full is None:
            raise typer.BadParameter(f"{topic!r} is no input: {', '.join(_TOPICS)}", param_hint="--topic")
    return LetterFilter(frozenset(keys), full, partition, reason, moment_ms(since, "--since"))


def replay_inputs(settings: Settings) -> Inputs:
    """Give the topics that letters are sent back to."""
    return Inputs(
        settings.topic(STOCK_EVENTS),
        settings.topic(ORDER_EVENTS),
        settings.kafka.partitions,
        load_catalog(settings.catalog.file),
        settings.topic(PAYMENT_EVENTS),
        settings.topic(CHANNEL_INBOUND),
    )


def _mending(keys: int, sets: list[str], edit: Path | None) -> Mending:
    if edit is not None and keys != 1:
        raise typer.BadParameter("one file is for one KEY", param_hint="--edit")
    if edit is not None and sets:
        raise typer.BadParameter("give the whole with --edit, or fields with --set", param_hint="--edit")
    mending = Mending(_fields(sets), _content(edit))
    if "id" in mending.fields and keys != 1:
        # Two commands with one id: the first would be decided, and the others be its repeats (R27).
        raise typer.BadParameter("one id is for one KEY", param_hint="--set")
    return mending


def _fields(sets: list[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for one in sets:
        name, equals, text = one.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{one!r}: write field=value", param_hint="--set")
        try:
            fields[name] = orjson.loads(text)
        except orjson.JSONDecodeError:
            fields[name] = text
    return fields


def _content(edit: Path | None) -> bytes | None:
    if edit is None:
        return None
    try:
        content = edit.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{edit}: {error.strerror}", param_hint="--edit") from None
    if len(content) > RECORD_BYTES_MAX:
        raise typer.BadParameter(
            f"{edit} has {len(content):,} bytes, a record at most {RECORD_BYTES_MAX:,}", param_hint="--edit"
        )
    return content


def print_counts(counts: LetterCounts) -> None:
    """Show how many letters wait, by reason."""
    console = Console()
    if not counts.letters:
        say(console, nothing_line(counts), "yellow" if counts.looked_at else "green")
        return
    table = Table("letters", "topic", "reason")
    for (topic, kind), letters in counts.by_kind.most_common():
        table.add_row(f"{letters:,}", Text(topic), Text(kind))
    console.print(table)
    if counts.oldest_ms is not None and counts.newest_ms is not None:
        say(console, f"{counts.letters:,} written from {utc(counts.oldest_ms)} to {utc(counts.newest_ms)}")


def _print_newest(newest: deque[StoredLetter]) -> None:
    if not newest:
        return
    console = Console()
    for stored in newest:
        say(console, f"{utc(stored.written_ms)}  {stored.key}  {stored.letter.reason}")
    say(console, "dead-letters show KEY shows one, dead-letters replay KEY sends it again", "dim")


def print_report(report: ReplayReport, *, is_json: bool, is_dry_run: bool) -> None:
    """Show what a replay did."""
    if is_json:
        _print_json(
            {
                "dry_run": is_dry_run,
                "sent": report.sent,
                "taken_out": report.taken_out,
                "skipped": dict(report.skipped),
                "examples": [{"key": key, "reason": reason} for key, reason in report.examples],
                "places_taken": report.places_taken,
            }
        )
        return
    console = Console()
    for line in report_lines(report, is_dry_run=is_dry_run):
        say(console, line)


def _print_json(value: Any) -> None:  # noqa: ANN401  # any JSON value
    sys.stdout.buffer.write(orjson.dumps(value) + b"\n")
