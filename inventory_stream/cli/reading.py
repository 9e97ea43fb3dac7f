"""What the commands that read the ledger and the dead letters share."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.dead_letter_box import KafkaDeadLetterBox
from inventory_stream.adapters.kafka.ledger_reader import KafkaLedgerReader
from inventory_stream.adapters.kafka.topic_rules import DEAD_LETTERS, LEDGER
from inventory_stream.settings import Settings

PartitionOption = Annotated[int | None, typer.Option(min=0, help="Only this partition.", show_default=False)]


def ledger_reader(settings: Settings) -> KafkaLedgerReader:
    """Build a reader of the ledger; nothing is connected yet."""
    return KafkaLedgerReader(
        connection=KafkaConnection.of(settings.kafka),
        topic=settings.topic(LEDGER),
        request_timeout_seconds=settings.kafka.request_timeout_seconds,
    )


def dead_letter_box(settings: Settings) -> KafkaDeadLetterBox:
    """Build what reads and replays the dead letters; nothing is connected yet."""
    return KafkaDeadLetterBox(
        KafkaConnection.of(settings.kafka),
        settings.topic(DEAD_LETTERS),
        settings.kafka.request_timeout_seconds,
    )


def asked_partitions(settings: Settings, only: int | None) -> Sequence[int]:
    """Give the partitions to read: all, or the one that was asked for.

    Raises:
        typer.BadParameter: there is no such partition.
    """
    if only is not None and only >= settings.kafka.partitions:
        hint = f"the ledger has partitions 0 to {settings.kafka.partitions - 1} (kafka.partitions)"
        raise typer.BadParameter(hint, param_hint="--partition")
    return range(settings.kafka.partitions) if only is None else [only]


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show how far something is, on a terminal only; `total` None: nobody knows."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task("", total=total)
        yield lambda done: shown.advance(task, done)


def say(console: Console, text: str, style: str | None = None) -> None:
    """Print a line as it is: an id may hold what rich takes for markup."""
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
