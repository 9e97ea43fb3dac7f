"""`channels status`: how accounts stand, and the way out of what does not."""

import asyncio
import math
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Annotated, Final

import orjson
import typer
from rich.console import Console

from inventory_stream.cli.channels_letters import count_waiting
from inventory_stream.cli.channels_reach import (
    ChannelOption,
    JsonOption,
    NamesArgument,
    Stories,
    chosen,
    integrations,
    run_at_desk,
)
from inventory_stream.cli.reading import say
from inventory_stream.flows.channels.status import Story, as_json, lines
from inventory_stream.ports.channel_desk import ChannelDesk
from inventory_stream.settings import load_settings

EXIT_TROUBLE: Final = 1
WATCH_SECONDS: Final = 2.0
"""Between two looks: workers tell as often."""
LETTERS_SECONDS: Final = 30.0
"""Between two counts of the deliveries that wait: each reads all dead letters, some seconds for a million."""


def status(
    names: NamesArgument = None,
    *,
    channel: ChannelOption = None,
    is_watched: Annotated[
        bool, typer.Option("--watch", help="Show it again every 2 s, until Ctrl-C.")
    ] = False,
    is_json: JsonOption = False,
) -> None:
    """Show how accounts stand, all or some: promise, backlog, exposure, trouble and the way out.

    waiting: what is not sent yet, zeros first. held: raises that wait for the channel's orders. exposure:
    units that buyers are still shown there beyond what the ledger has. Exit 1 when somebody has to do
    something. With --json one line for each account.

    Example: inventory-stream channels status shop-nl --watch
    """
    settings = load_settings()
    entries = integrations(settings)
    meant = chosen(entries, names or [], channel, is_all=not names and channel is None)
    is_well = True

    async def run(desk: ChannelDesk) -> None:
        nonlocal is_well
        console = Console()
        stories = Stories(settings, desk, meant)
        letters: Counter[str] = Counter()
        counted_at = -math.inf
        while True:
            if time.monotonic() - counted_at >= LETTERS_SECONDS:
                letters, counted_at = await count_waiting(settings), time.monotonic()
            found = await stories.look(letters)
            is_well = all(story.is_well for story in found)
            if is_watched and not is_json:
                console.clear()
            _print(console, found, is_json=is_json)
            if not is_watched:
                return
            await asyncio.sleep(WATCH_SECONDS)

    try:
        run_at_desk(settings, run)
    except KeyboardInterrupt:
        if not is_watched:
            raise
    if not is_well:
        raise typer.Exit(EXIT_TROUBLE)


def _print(console: Console, found: list[Story], *, is_json: bool) -> None:
    if is_json:
        for story in found:
            sys.stdout.buffer.write(orjson.dumps(as_json(story)) + b"\n")
        sys.stdout.buffer.flush()
        return
    today = datetime.now(UTC).date()
    for story in found:
        style = "green" if story.is_well else "red"
        for number, line in enumerate(lines(story, today)):
            say(console, line, style if number == 0 else None)
    troubled = sum(not story.is_well for story in found)
    say(console, f"{len(found):,} integrations, {troubled:,} need somebody", "dim")
