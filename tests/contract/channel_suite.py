"""What every channel adapter must do, each against its fake over real HTTP: channels.md, sections 3 and 4."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from inventory_stream.adapters.channels.exchange import Exchange, Exchanges
from inventory_stream.adapters.channels.registry import ADAPTERS
from inventory_stream.adapters.channels.secrets import Secrets
from inventory_stream.adapters.channels.spec import AdapterSpec, Needs
from inventory_stream.ports.channel import Channel, Ended, Pace, Push, Result
from inventory_stream.ports.integrations import Integration
from inventory_stream.ports.projection import Version
from inventory_stream.sandbox.account import Seen
from inventory_stream.sandbox.config import FAKES, integration_of
from inventory_stream.sandbox.fake import Entry, Fake
from inventory_stream.sandbox.faults import Fault
from inventory_stream.sandbox.server import running
from inventory_stream.sandbox.specs import DEFAULT_FOLDER, Specs

REQUEST_SECONDS_MAX = 10.0
"""Of a request that is answered: a busy machine is no fault."""
HANG_SECONDS = 0.4
"""Of a request that nobody answers."""
HANGS = {Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_AFTER, Fault.SLOW}
LISTINGS = 12
KNOWN_UNITS = 5


class RecordingPace:
    """A pace that never waits and remembers."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, float]] = []
        self.told: list[tuple[str, int | None]] = []
        self.noted: list[tuple[str, dict[str, float | None]]] = []

    async def take(self, limit: str, cost: float = 1.0) -> None:
        """See the port."""
        self.taken.append((limit, cost))

    def note(
        self,
        limit: str,
        *,
        per_second: float | None = None,
        burst: float | None = None,
        left: float | None = None,
    ) -> None:
        """See the port."""
        self.noted.append((limit, {"per_second": per_second, "burst": burst, "left": left}))

    def throttled(self, limit: str, retry_at_ms: int | None) -> None:
        """See the port."""
        self.told.append((limit, retry_at_ms))


class RecordingDrift:
    """A drift monitor that remembers."""

    def __init__(self) -> None:
        self.misfits: list[tuple[str, str, str]] = []

    def misfit(self, channel: str, field: str, kind: str) -> None:  # noqa: D102  # see the port
        self.misfits.append((channel, field, kind))


class BoundedExchanges(Exchanges):
    """Exchanges whose requests can be made to wait for less."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        super().__init__(now_ms, allow_loopback=True)
        self._made: list[tuple[Exchange, float]] = []

    def of(self, base_url: str, *, pace: Pace, request_seconds: float) -> Exchange:
        """See the base class."""
        exchange = super().of(base_url, pace=pace, request_seconds=request_seconds)
        self._made.append((exchange, request_seconds))
        return exchange

    def bound(self, seconds_max: float) -> None:
        """Let every request end after so long."""
        for exchange, request_seconds in self._made:
            exchange._request_seconds = min(request_seconds, seconds_max)


@dataclass
class Bench:
    """One adapter at its fake."""

    spec: AdapterSpec
    fake: Fake
    entry: Entry
    integration: Integration
    secrets: Secrets
    exchanges: BoundedExchanges
    channel: Channel
    listings: tuple[str, ...]
    """Of one group, as many as a push may have, at most 4."""
    known: tuple[str, ...]
    """All that the fake knows."""
    stranger: str
    """One that the fake does not know, of the same group unless each listing is its own."""
    pace: Pace
    drift: RecordingDrift = field(default_factory=RecordingDrift)

    def batch(self, units: int, *, offset: int = 1, expected: int | None = KNOWN_UNITS) -> list[Push]:
        """Say that every listing shall show so many."""
        return [self.push(listing, units, offset=offset, expected=expected) for listing in self.listings]

    def push(self, listing: str, units: int, *, offset: int = 1, expected: int | None = KNOWN_UNITS) -> Push:
        """Say that one shall."""
        is_compared = self.channel.caps.has_cas
        at_ms = self.fake.account.now_ms() // 1_000 * 1_000
        return Push(
            listing, Version(1_700_000_000_000, offset), units, at_ms, expected if is_compared else None
        )

    def shown(self) -> dict[str, int | None]:
        """Say what the fake shows of them."""
        return {listing: self.fake.account.shown.get(listing) for listing in self.listings}

    def requests(self) -> list[Seen]:
        """Give what came, without the making of tokens."""
        return [seen for seen in self.fake.account.requests if not is_token(seen)]

    def token_requests(self) -> int:
        """Count the making of tokens."""
        return sum(is_token(seen) for seen in self.fake.account.requests)


def is_token(seen: Seen) -> bool:
    """Say whether a request asked for a token."""
    return "token" in seen.path or "oauth" in seen.path


def key_of(number: int) -> str:
    """Give a key of the form that pushes have."""
    return f"00000000-0000-5000-8000-{number:012d}"


def results(ends: Sequence[Ended]) -> set[Result]:
    """Give the kinds of ends."""
    return {end.result for end in ends}


def by_listing(batch: Sequence[Push], ends: Sequence[Ended]) -> Mapping[str, Ended]:
    """Give the end of each item, having seen that there is exactly one."""
    assert sorted(end.listing for end in ends) == sorted(push.listing for push in batch)
    return {end.listing: end for end in ends}


def see_truth(
    bench: Bench, batch: Sequence[Push], ends: Sequence[Ended], before: Mapping[str, int | None]
) -> None:
    """See that no end says what is not so: APPLIED is shown; what is said not to be applied is as before."""
    named = by_listing(batch, ends)
    for push in batch:
        shown = bench.fake.account.shown.get(push.listing)
        end = named[push.listing]
        if end.result is Result.APPLIED:
            assert shown == push.units, end
        elif end.result is not Result.AMBIGUOUS:
            assert shown == before.get(push.listing), end


@cache
def invented(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Invent listings of a channel: those that its fake knows, and others."""
    fake = FAKES[name]({}, Specs(None))
    place = next(iter(fake.entry().places), None)
    listings = tuple(fake.listing_of(number, f"SKU-{number}", place) for number in range(LISTINGS * 2))
    return listings[:LISTINGS], listings[LISTINGS:]


@asynccontextmanager
async def bench_of(
    name: str,
    folder: Path,
    *,
    pace_of: Callable[[Channel], Pace] | None = None,
    listings_max: int = 4,
) -> AsyncIterator[Bench]:
    """Run a fake and an adapter that is pointed at it."""
    spec, (known, others) = ADAPTERS[name], invented(name)
    fake = FAKES[name](dict.fromkeys(known, KNOWN_UNITS), Specs(DEFAULT_FOLDER))
    async with running([fake]) as sandbox:
        integration = integration_of(fake, sandbox.url_of(name), folder)
        secrets = Secrets(integration.secrets or {})
        exchanges = BoundedExchanges(fake.account.now_ms)
        pace = _LatePace()
        drift = RecordingDrift()
        needs = Needs(integration, secrets, exchanges, pace, drift, fake.account.now_ms)
        channel = spec.new_channel(needs)
        pace.behind = RecordingPace() if pace_of is None else pace_of(channel)
        group = channel.group_of(known[0])
        together = [listing for listing in known if channel.group_of(listing) == group]
        bench = Bench(
            spec,
            fake,
            fake.entry(),
            integration,
            secrets,
            exchanges,
            channel,
            tuple(together[: min(listings_max, channel.caps.batch_max)]),
            known,
            next((listing for listing in others if channel.group_of(listing) == group), others[0]),
            pace.behind,
            drift,
        )
        try:
            yield bench
        finally:
            async with asyncio.timeout(5):
                await exchanges.close()


class _LatePace:
    """A pace that is only known once the adapter has said its limits."""

    behind: Pace

    async def take(self, limit: str, cost: float = 1.0) -> None:
        await self.behind.take(limit, cost)

    def note(
        self,
        limit: str,
        *,
        per_second: float | None = None,
        burst: float | None = None,
        left: float | None = None,
    ) -> None:
        self.behind.note(limit, per_second=per_second, burst=burst, left=left)

    def throttled(self, limit: str, retry_at_ms: int | None) -> None:
        self.behind.throttled(limit, retry_at_ms)


@contextmanager
def hanging(bench: Bench, fault: Fault) -> Iterator[None]:
    """Wait less while a fault is on that leaves requests without an answer."""
    if fault in HANGS:
        bench.exchanges.bound(HANG_SECONDS)
    try:
        yield
    finally:
        bench.exchanges.bound(REQUEST_SECONDS_MAX)


async def until(is_so: Callable[[], bool], seconds_max: float = 5.0) -> None:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + seconds_max
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to be in time"
        await asyncio.sleep(0.01)
