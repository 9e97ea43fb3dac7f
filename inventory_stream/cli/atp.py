"""`atp get` and `atp watch`: what storefronts see, read as they would read it."""

import asyncio
import signal
import sys
import time
from collections.abc import Collection, Coroutine, Sequence
from contextlib import suppress
from typing import Annotated, Any, Final

import orjson
import stamina
import typer
import uvloop
from rich.console import Console
from rich.table import Table

from inventory_stream.adapters.redis.preflight import check_redis
from inventory_stream.adapters.redis.view import RedisAvailabilityView
from inventory_stream.cli.outlook import outlook
from inventory_stream.errors import UnreachableError
from inventory_stream.ports.projection import AvailabilityView, SkuAvailability, Version
from inventory_stream.settings import load_settings

EXIT_NOT_FOUND: Final = 1

# Between two looks at the heartbeats while watching: half of their expiry (2 s), so that a dead
# projection is told within 3 s.
FRESHNESS_INTERVAL_SECONDS: Final = 1.0

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Show available-to-promise.")
app.command()(outlook)

Skus = Annotated[list[str], typer.Argument(metavar="SKU...", help="One or more SKUs.", show_default=False)]


@app.command()
def get(
    skus: Skus,
    *,
    is_json: Annotated[bool, typer.Option("--json", help="One JSON object per SKU and line.")] = False,
) -> None:
    """Show what can be sold of each SKU, where; exit 1 when one is not there.

    Example: inventory-stream atp get 85123A 22423
    """
    settings = load_settings()
    partitions = range(settings.kafka.partitions)

    async def run() -> tuple[Sequence[SkuAvailability | None], Collection[int]]:
        await check_redis(settings.redis)
        view = RedisAvailabilityView.connect(settings.redis)
        try:
            return await view.read(skus), await view.fresh(partitions)
        finally:
            await view.close()

    found, fresh = uvloop.run(run())
    stale = set(partitions) - set(fresh)
    if is_json:
        for sku, one in zip(skus, found, strict=True):
            sys.stdout.buffer.write(orjson.dumps(as_json(sku, one, stale)) + b"\n")
    else:
        _print_table(skus, found, stale)
    if stale:
        typer.echo(staleness(stale), err=True)
    if None in found:
        raise typer.Exit(EXIT_NOT_FOUND)


@app.command()
def watch(skus: Skus) -> None:
    """Print each change of the SKUs as it is published, until Ctrl-C.

    Example: inventory-stream atp watch 85123A
    """
    settings = load_settings()

    async def run() -> None:
        await check_redis(settings.redis)
        view = RedisAvailabilityView.connect(settings.redis)
        watcher = Watcher(view, skus, range(settings.kafka.partitions))
        task = asyncio.create_task(watcher.run())
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        try:
            with suppress(asyncio.CancelledError):  # asked to end: the normal way out
                await task
        finally:
            await view.close()

    uvloop.run(run())


class Watcher:
    """Prints a line for each SKU at first, and then one for each change."""

    def __init__(self, view: AvailabilityView, skus: Sequence[str], partitions: Collection[int]) -> None:
        self._view = view
        self._skus = list(dict.fromkeys(skus))
        self._partitions = partitions
        self._shown: dict[str, tuple[Version, int]] = {}
        self._stale: set[int] = set()

    async def run(self) -> None:
        """Watch for ever; a server that goes away is told once and waited for.

        Raises:
            UnreachableError: it was not there in the first place.
        """
        await self._view.fresh([0])

        def is_told(error: Exception) -> bool:
            if isinstance(error, UnreachableError):
                typer.echo(f"{error}; trying again", err=True)
            return isinstance(error, UnreachableError)

        async for attempt in stamina.retry_context(on=is_told, attempts=None, timeout=None, wait_max=2.0):
            with attempt:
                await _until_one_fails(self._follow(), self._watch_freshness())

    async def _follow(self) -> None:
        async with self._view.listening() as messages:
            # After the subscription: what changes from here on is either read or heard, or both.
            for sku, one in zip(self._skus, await self._view.read(self._skus), strict=True):
                if one is None:
                    typer.echo(f"{_clock_time()}  {sku}: not there (yet)")
                else:
                    self._show(sku, one.total, one.version, one.at_ms)
            async for message in messages:
                if message.sku in self._skus:
                    self._show(message.sku, message.total, message.version, message.at_ms)

    async def _watch_freshness(self) -> None:
        while True:
            stale = set(self._partitions) - set(await self._view.fresh(self._partitions))
            if stale != self._stale:
                typer.echo(staleness(stale) if stale else "fresh again", err=True)
                self._stale = stale
            await asyncio.sleep(FRESHNESS_INTERVAL_SECONDS)

    def _show(self, sku: str, total: int, version: Version, at_ms: int) -> None:
        known = self._shown.get(sku)
        if known is not None and version <= known[0]:
            return  # a repeat, or a message overtaken by the hash that we read
        change = "" if known is None else f"  ({total - known[1]:+d})"
        self._shown[sku] = version, total
        typer.echo(f"{_clock_time(at_ms)}  {sku}: {total}{change}  v={version}")


def as_json(sku: str, one: SkuAvailability | None, stale: Collection[int]) -> dict[str, Any]:
    """Give a SKU as a JSON object; `fresh` false: do not answer "sold out" or "unknown" from it."""
    if one is None:
        return {"sku": sku, "found": False, "fresh": not stale}
    return {
        "sku": sku,
        "found": True,
        "fresh": one.partition not in stale,
        "total": one.total,
        "short": one.short,
        "locations": dict(one.locations),
        "channels": dict(one.channels),
        "sales": dict(one.sales),
        "backorder": one.backorder,
        "v": str(one.version),
        "at": one.at_ms,
    }


def staleness(stale: Collection[int]) -> str:
    """Say which partitions nobody vouches for."""
    names = ", ".join(str(partition) for partition in sorted(stale))
    return f"not fresh: no heartbeat for partition {names}; is `worker projection` running?"


def _print_table(
    skus: Sequence[str], found: Sequence[SkuAvailability | None], stale: Collection[int]
) -> None:
    columns = ("SKU", "can be sold", "where", "short", "as of", "fresh")
    # Shops without sales and channels are spared an empty column.
    has_paths = any(one is not None and beside(one) for one in found)
    table = Table(*columns, *(("beside common",) if has_paths else ()))
    for sku, one in zip(skus, found, strict=True):
        if one is None:
            certain = "unknown to the ledger" if not stale else "not there, perhaps not yet"
            table.add_row(sku, "-", certain, "-", "-", "no" if stale else "yes")
            continue
        where = ", ".join(f"{location} {units}" for location, units in sorted(one.locations.items()))
        is_fresh = one.partition not in stale
        row = (
            sku,
            str(one.total),
            where,
            str(one.short),
            _clock_time(one.at_ms),
            "yes" if is_fresh else "no",
        )
        table.add_row(*row, *((beside(one),) if has_paths else ()))
    Console(markup=False).print(table)


def beside(one: SkuAvailability) -> str:
    """Say what a SKU shows beside its locations: sales, channels, units that are not there yet."""
    parts = [f"sale {sale} {units}" for sale, units in sorted(one.sales.items())]
    parts += [f"channel {channel} {units}" for channel, units in sorted(one.channels.items())]
    if one.backorder:
        parts.append(f"backorder {one.backorder}")
    return ", ".join(parts)


def _clock_time(at_ms: int | None = None) -> str:
    seconds, ms = divmod(time.time_ns() // 1_000_000 if at_ms is None else at_ms, 1_000)
    then, today = time.localtime(seconds), time.localtime()
    date = "" if then[:3] == today[:3] else time.strftime("%Y-%m-%d ", then)
    return f"{date}{time.strftime('%H:%M:%S', then)}.{ms:03d}"


async def _until_one_fails(*endless: Coroutine[Any, Any, None]) -> None:
    """Run work that never ends; raise what the first to fail raises (a TaskGroup would wrap it)."""
    tasks = [asyncio.create_task(work) for work in endless]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
