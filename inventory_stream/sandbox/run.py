"""Runs the fakes until somebody ends them, and says how to reach them."""

import asyncio
import csv
import shlex
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from inventory_stream.errors import SettingsError
from inventory_stream.sandbox.config import FAKES, PLACE, Line, lines_at, write_config
from inventory_stream.sandbox.fake import Fake
from inventory_stream.sandbox.server import HOST, Sandbox, running
from inventory_stream.sandbox.specs import Specs

LISTINGS_MAX: Final = 1_000_000
"""Listings of a sandbox: what one worker is built for; each costs some 300 bytes here."""

WORK_SECONDS: Final = 0.002
"""How long a write takes at a fake: a vendor takes ten times as long, but loads measure the worker, not this.
Without any, two requests for one listing at once could not be seen."""

_COLUMNS: Final = ["integration", "listing", "sku", "locations"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a sandbox is started with. `listings`: a mapping file; None: `skus` of `location` everywhere."""

    channels: tuple[str, ...]
    port: int
    folder: Path
    specs: Path
    gateway_url: str | None
    skus: tuple[str, ...]
    location: str
    listings: Path | None


def lines_of(path: Path, channels: Sequence[str]) -> list[Line]:
    """Read which listing of which fake shows which SKU.

    Raises:
        SettingsError: the file cannot be read, or a line of it has another form.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return _lines_in(path, csv.reader(file), channels)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"{path}: {error}") from error


def _lines_in(path: Path, rows: Iterator[list[str]], channels: Sequence[str]) -> list[Line]:
    if next(rows, None) != _COLUMNS:
        raise SettingsError(f"{path}: line 1 must be {','.join(_COLUMNS)}")
    lines = []
    for number, row in enumerate(rows, 2):
        if len(row) != len(_COLUMNS):
            raise SettingsError(f"{path}: line {number} has {len(row)} columns, not {len(_COLUMNS)}")
        name, listing, sku, locations = row
        if name in channels:
            lines.append(Line(name, listing, sku, tuple(filter(None, locations.split("|")))))
        if len(lines) > LISTINGS_MAX:
            raise SettingsError(f"{path}: has more than {LISTINGS_MAX:,} listings, the most of a sandbox")
    return lines


def new_fakes(asked: Asked) -> tuple[list[Fake], list[Line]]:
    """Build the fakes, and say what each lists; all show 0 until they are told.

    Raises:
        SettingsError: the file of listings cannot be used.
    """
    specs = Specs(asked.specs)
    if asked.listings is None:
        bare = [FAKES[name]({}, specs) for name in asked.channels]
        lines = [line for fake in bare for line in lines_at(fake, asked.skus, asked.location)]
    else:
        lines = lines_of(asked.listings, asked.channels)
    listed = [line for line in lines if not line.listing.startswith(PLACE)]
    fakes = [
        FAKES[name]({line.listing: 0 for line in listed if line.fake == name}, specs)
        for name in asked.channels
    ]
    for fake in fakes:
        fake.account.work_seconds = WORK_SECONDS
    return fakes, lines


async def run_sandbox(asked: Asked, say: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        SettingsError: the port is taken, or the folder cannot be written.
    """
    fakes, lines = new_fakes(asked)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, ended.set)
    try:
        async with running(fakes, gateway_url=asked.gateway_url, port=asked.port) as sandbox:
            registry, mapping = write_config(asked.folder, fakes, sandbox.url_of, lines)
            for text in told(sandbox, registry, mapping, asked.gateway_url):
                say(text)
            await ended.wait()
    except OSError as error:
        raise SettingsError(
            f"the sandbox cannot start on {HOST}:{asked.port} with files in {asked.folder}: "
            f"{error.strerror or error}; name another by --port (0: any free one) or --write-config"
        ) from error


def told(sandbox: Sandbox, registry: Path, mapping: Path, gateway_url: str | None) -> list[str]:
    """Say where the fakes are, how they check requests, and what a worker must know."""
    wide = max(map(len, sandbox.fakes))
    said = ["channels, each with the specification that its requests are held against:"]
    said += [
        f"  {name:<{wide}}  {sandbox.url_of(name)}  {_verified(fake)}" for name, fake in sandbox.fakes.items()
    ]
    # Square and Shopee sign the address that they call, which behind https is another than this.
    webhooks = [] if gateway_url is None else [f"  INVENTORY_STREAM_CHANNELS__WEBHOOKS_URL={gateway_url}"]
    return [
        *said,
        "a worker and a gateway follow them with these variables:",
        f"  INVENTORY_STREAM_CHANNELS__REGISTRY_FILE={shlex.quote(str(registry.resolve()))}",
        f"  INVENTORY_STREAM_CHANNELS__MAPPING_FILE={shlex.quote(str(mapping.resolve()))}",
        "  INVENTORY_STREAM_CHANNELS__ALLOW_LOOPBACK=true",
        *webhooks,
        f"what they show: curl {sandbox.control_url}",
        "ready; Ctrl-C ends it",
    ]


def _verified(fake: Fake) -> str:
    return fake.verified_by or "unverified: checked by hand-written rules only"
