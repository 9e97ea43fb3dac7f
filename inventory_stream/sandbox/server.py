"""One server for all fakes: each under `/<channel>/...`, what steers them under `/_sandbox/...`."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp
from aiohttp import web

from inventory_stream.sandbox.control import Shop, control_routes
from inventory_stream.sandbox.fake import Fake

HOST: Final = "127.0.0.1"
"""Loopback only: fakes check little about who calls, and give faults to whoever asks."""

REQUEST_BYTES_MAX: Final = 8 * 1024 * 1024
"""The largest request: a feed of 25,000 items has about 5 MB."""

END_SECONDS_MAX: Final = 2.0
"""How long requests under way may last once the end begins."""

WEBHOOK_SECONDS_MAX: Final = 5.0
"""How long a gateway may take for a delivery: what Shopify grants."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The running fakes. `url_of` gives what an integration's `url` is."""

    fakes: Mapping[str, Fake]
    port: int

    def url_of(self, name: str) -> str:
        """Give the address of a channel."""
        return f"http://{HOST}:{self.port}/{name}"

    @property
    def control_url(self) -> str:
        """Give the address of what steers the fakes."""
        return f"http://{HOST}:{self.port}/_sandbox"


def new_app(fakes: Sequence[Fake], shop: Shop) -> web.Application:
    """Build the server of some fakes."""
    app = web.Application(client_max_size=REQUEST_BYTES_MAX)
    for fake in fakes:
        app.add_routes(fake.routes(f"/{fake.name}"))
    app.add_routes(control_routes(shop))
    return app


@asynccontextmanager
async def running(
    fakes: Sequence[Fake], *, gateway_url: str | None = None, port: int = 0
) -> AsyncIterator[Sandbox]:
    """Serve fakes on loopback until the block ends.

    Args:
        fakes: Each name once.
        gateway_url: Where deliveries go: `<gateway_url>/v1/webhooks/<integration>`; None: nowhere.
        port: 0: any free one.

    Raises:
        OSError: the port is taken.
    """
    by_name = {fake.name: fake for fake in fakes}
    timeout = aiohttp.ClientTimeout(total=WEBHOOK_SECONDS_MAX)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        runner = web.AppRunner(
            new_app(fakes, Shop(by_name, gateway_url, session)),
            access_log=None,
            shutdown_timeout=END_SECONDS_MAX,
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, HOST, port)
            await site.start()
            bound = runner.addresses[0][1]
            sandbox = Sandbox(by_name, bound)
            for fake in fakes:
                fake.url = sandbox.url_of(fake.name)
            yield sandbox
        finally:
            for fake in fakes:
                fake.close()
            # A handler that dripped or hung sees the end within its next wait.
            await asyncio.sleep(0)
            await runner.cleanup()
