"""An adapter against its running fake: real HTTP on loopback, a pace that never waits."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from inventory_stream.adapters.channels.exchange import Exchanges
from inventory_stream.adapters.channels.registry import ADAPTERS
from inventory_stream.adapters.channels.secrets import Secrets
from inventory_stream.adapters.channels.spec import Needs
from inventory_stream.ports.channel import Channel, Push
from inventory_stream.ports.projection import Version
from inventory_stream.sandbox.config import FAKES, integration_of
from inventory_stream.sandbox.fake import Fake
from inventory_stream.sandbox.server import running
from inventory_stream.sandbox.specs import DEFAULT_FOLDER, Specs


class FreePace:
    """Gives every token at once, and remembers what it heard."""

    def __init__(self) -> None:
        self.throttles: list[int | None] = []

    async def take(self, limit: str, cost: float = 1.0) -> None:
        """Do not wait."""

    def note(
        self,
        limit: str,
        *,
        per_second: float | None = None,
        burst: float | None = None,
        left: float | None = None,
    ) -> None:
        """Take no notice."""

    def throttled(self, limit: str, retry_at_ms: int | None) -> None:
        """Remember when."""
        del limit
        self.throttles.append(retry_at_ms)


class Misfits:
    """Remembers what did not fit."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def misfit(self, channel: str, field: str, kind: str) -> None:
        """Remember a field."""
        del channel
        self.heard.append((field, kind))


@asynccontextmanager
async def connected(
    name: str,
    listings: Mapping[str, int],
    folder: Path,
    drift: Misfits | None = None,
    secrets: Mapping[str, str] | None = None,
    **changes: object,
) -> AsyncIterator[tuple[Channel, Fake]]:
    """Run a fake, and give its adapter.

    `secrets` are references instead of the fake's own; `changes` are options.
    """
    fake = FAKES[name](listings, Specs(DEFAULT_FOLDER))
    exchanges = Exchanges(fake.account.now_ms, allow_loopback=True)
    async with running([fake]) as sandbox:
        integration = integration_of(fake, sandbox.url_of(name), folder)
        options = {**(integration.options or {}), **changes}
        references = secrets or integration.secrets or {}
        needs = Needs(
            replace(integration, options=options, secrets=references),
            Secrets(references),
            exchanges,
            FreePace(),
            drift or Misfits(),
            fake.account.now_ms,
        )
        channel = ADAPTERS[name].new_channel(needs)
        try:
            yield channel, fake
        finally:
            await exchanges.close()


def push(listing: str, units: int, *, offset: int = 1, at_ms: int) -> Push:
    """Make a push of the first generation."""
    return Push(listing, Version(1_700_000_000_000, offset), units, at_ms)
