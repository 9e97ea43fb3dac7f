"""`channels check` and `channels unmapped`: whether the two files say what is meant."""

import sys
from collections.abc import AsyncIterator
from typing import Annotated, Final

import orjson
import typer
import uvloop
from rich.console import Console

from inventory_stream.adapters.channels.addresses import why_refused
from inventory_stream.adapters.channels.registry import ADAPTERS
from inventory_stream.adapters.channels.secrets import Secrets
from inventory_stream.adapters.redis.preflight import check_redis
from inventory_stream.adapters.redis.view import RedisAvailabilityView
from inventory_stream.cli.channels_letters import unmapped_listings
from inventory_stream.cli.channels_reach import JsonOption, NameArgument, chosen, integrations, mapping
from inventory_stream.cli.reading import progress, say
from inventory_stream.ports.integrations import CatalogMapping, Integration
from inventory_stream.settings import Settings, load_settings

EXIT_MISSING: Final = 1
LISTED_MAX: Final = 1_000
"""SKUs listed by default."""


def check() -> None:
    """Check the registry and the mapping file, and whether each secret can be read here.

    Everything that is wrong is told at once, with the entry or the line number. Nothing is sent to anybody.
    Exit 2 when a file is wrong, 1 when a secret is missing or an address is not one that may be asked. Names
    are not resolved here: where one points to is looked at for every connection.

    Example: inventory-stream channels check
    """
    settings = load_settings()
    entries = integrations(settings)
    mapped = mapping(settings, entries)
    console = Console()
    is_complete = True
    for entry in entries:
        spec = ADAPTERS[entry.adapter]
        count = len(mapped.listings(entry.channel, entry.account))
        form = "" if spec.is_verified else "; unverified: no vendor specification was at hand"
        say(console, f"{entry.name}: {entry.adapter}, {count:,} listings, mode {entry.mode}{form}", "green")
        allow_loopback = settings.channels.allow_loopback
        if entry.url is not None and (why := why_refused(entry.url, allow_loopback=allow_loopback)):
            is_complete = False
            say(
                console, f"{entry.name}: nothing will be sent: its url {why} (channels.allow_loopback)", "red"
            )
        references = dict(entry.secrets or {})
        secrets = Secrets(references)
        for name, reference in references.items():
            if not secrets.has(name):
                is_complete = False
                say(console, f"{entry.name}: secret {name} cannot be read here from {reference}", "red")
    say(console, f"{len(entries):,} integrations, {mapped.count():,} listings", "dim")
    if not is_complete:
        raise typer.Exit(EXIT_MISSING)


def unmapped(
    name: NameArgument,
    *,
    limit: Annotated[int, typer.Option(min=0, max=10_000_000, help="SKUs listed.")] = LISTED_MAX,
    is_json: JsonOption = False,
) -> None:
    """List SKUs that storefronts see and an account's mapping does not name, and deliveries that wait.

    The first are not sold there, which may be meant. The second are orders of unknown listings, and orders
    that the channel did not tell: dead letters, by their reason. Mend the mapping or the access, then
    `channels replay NAME`. Exit 1 when some wait.

    Example: inventory-stream channels unmapped shop-nl
    """
    settings = load_settings()
    entries = integrations(settings)
    (entry,) = chosen(entries, [name])
    mapped = mapping(settings, entries)
    skus: list[str] = []
    count = 0

    async def run() -> None:
        nonlocal count
        with progress("reading the SKUs", None) as advance:
            async for sku in _unmapped(settings, mapped, entry):
                advance(1)
                count += 1
                if len(skus) < limit:
                    skus.append(sku)

    uvloop.run(run())
    waiting = unmapped_listings(settings, entry)
    if is_json:
        answer = {"name": entry.name, "skus": count, "listed": sorted(skus), "orders": dict(waiting)}
        sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
    else:
        console = Console()
        for sku in sorted(skus):
            say(console, sku)
        say(console, f"{count:,} SKUs are not mapped for {entry.name}", "dim")
        for reason, times in waiting.most_common():
            say(console, f"{times:,} deliveries wait: {reason}", "red")
    if waiting:
        raise typer.Exit(EXIT_MISSING)


async def _unmapped(settings: Settings, mapped: CatalogMapping, entry: Integration) -> AsyncIterator[str]:
    await check_redis(settings.redis)
    view = RedisAvailabilityView.connect(settings.redis)
    seen: set[str] = set()
    try:
        async for skus in view.all_skus():
            for sku in skus:
                if sku not in seen and not mapped.of_sku(entry.channel, entry.account, sku):
                    seen.add(sku)
                    yield sku
    finally:
        await view.close()
