"""The Redis view in memory: a server, its writer's side and its reader's side."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from inventory_stream.errors import ForeignViewError, UnreachableError
from inventory_stream.ports.projection import (
    NO_PATHS,
    Announcement,
    AvailabilityMessage,
    Checkpoint,
    Extent,
    LocationUnits,
    Move,
    Paths,
    Refusal,
    SkuAvailability,
    SkuChange,
    Version,
    ViewOwner,
    Written,
)


@dataclass
class FakeHash:
    """One SKU as the server holds it."""

    version: Version
    at_ms: int
    partition: int
    locations: dict[str, LocationUnits]
    paths: Paths = NO_PATHS

    @property
    def total(self) -> int:
        """Sum over locations."""
        return sum(units.available for units in self.locations.values())


@dataclass
class FakeServer:
    """What outlives the connections. `clock_ms` moves only by hand; `is_down` refuses everything."""

    clock_ms: int = 0
    is_down: bool = False
    hashes: dict[str, FakeHash] = field(default_factory=dict)
    sold_out: set[str] = field(default_factory=set)
    marker: str | None = None
    owner: ViewOwner | None = None
    checkpoints: dict[int, Checkpoint] = field(default_factory=dict)
    brought: dict[int, set[str]] = field(default_factory=dict)
    heartbeats: dict[int, int] = field(default_factory=dict)
    listeners: list[asyncio.Queue[AvailabilityMessage]] = field(default_factory=list)

    def flush(self) -> None:
        """FLUSHALL."""
        self.marker = self.owner = None
        for part in (self.hashes, self.sold_out, self.checkpoints, self.brought, self.heartbeats):
            part.clear()

    async def answer(self) -> None:
        """One round trip: others get a turn; raises when down."""
        await asyncio.sleep(0)
        if self.is_down:
            raise UnreachableError("the fake server is down")


OURS = ViewOwner("cluster", "ledger")
"""Whose view tests write that have one environment."""
THEIRS = ViewOwner("cluster", "staging-ledger")
"""Another environment on the same cluster."""


class FakeProjection:
    """See `inventory_stream.ports.projection.Projection`."""

    def __init__(self, server: FakeServer, owner: ViewOwner = OURS) -> None:
        self.server = server
        self.owner = owner

    async def ensure_marker(self) -> str:
        """See the port."""
        await self.server.answer()
        if self.server.marker is None or self.server.owner is None:
            self.server.marker, self.server.owner = secrets.token_hex(8), self.owner
        if not self.server.owner.is_same(self.owner):
            raise ForeignViewError(f"the view of {self.server.owner}")
        return self.server.marker

    async def take_over(self) -> None:
        """See the port."""
        await self.server.answer()
        if self.server.owner is not None and not self.server.owner.is_same(self.owner):
            self.server.marker = self.server.owner = None
        await self.ensure_marker()

    async def marker(self) -> str | None:
        """See the port."""
        await self.server.answer()
        return self.server.marker

    async def checkpoint(self, partition: int) -> Checkpoint | None:
        """See the port."""
        await self.server.answer()
        return self.server.checkpoints.get(partition)

    async def take(self, partition: int, checkpoint: Checkpoint) -> None:
        """See the port."""
        await self.server.answer()
        self.server.checkpoints[partition] = checkpoint

    async def swap(self, partition: int, expected: Checkpoint, new: Checkpoint) -> bool:
        """See the port."""
        await self.server.answer()
        if self.server.checkpoints.get(partition) not in (expected, new):
            return False
        self.server.checkpoints[partition] = new
        return True

    async def write(self, partition: int, changes: Sequence[SkuChange]) -> Written:
        """See the port; others get a turn between two SKUs."""
        results: list[int | Refusal] = []
        for change in changes:
            await self.server.answer()
            results.append(self._write_one(partition, change))
        await self.server.answer()
        return Written(results, self.server.marker, self.server.checkpoints.get(partition))

    def _write_one(self, partition: int, change: SkuChange) -> int | Refusal:
        there = self.server.hashes.get(change.sku)
        if there is None and change.extent is Extent.CHANGE:
            return Refusal.ABSENT
        if (
            there is not None
            and change.extent is not Extent.RESET
            and (there.version, there.paths.offset) > (change.version, change.paths.offset)
        ):
            return Refusal.OLDER
        locations = dict(there.locations) if there is not None and change.extent is Extent.CHANGE else {}
        for location, units in change.locations.items():
            if units is None:
                locations.pop(location, None)
            else:
                locations[location] = units
        if change.extent is not Extent.CHANGE:
            self.server.brought.setdefault(partition, set()).add(change.sku)
        written = FakeHash(change.version, change.at_ms, partition, locations, change.paths)
        self.server.hashes[change.sku] = written
        return written.total

    async def announce(self, announcements: Sequence[Announcement], move: Move | None = None) -> bool:
        """See the port."""
        await self.server.answer()
        for one in announcements:
            change, total = one
            (self.server.sold_out.add if one.is_sold_out else self.server.sold_out.discard)(change.sku)
            for listener in self.server.listeners:
                listener.put_nowait(AvailabilityMessage(change.sku, total, change.version, change.at_ms))
        return move is None or await self.swap(*move)

    async def settle_sold_out(self, skus: Collection[str]) -> None:
        """See the port."""
        await self.server.answer()
        for sku in skus:
            there = self.server.hashes.get(sku)
            is_out = there is not None and there.total == 0 and not there.paths.beside
            (self.server.sold_out.add if is_out else self.server.sold_out.discard)(sku)

    async def skus(self, partition: int) -> Collection[str]:
        """See the port."""
        await self.server.answer()
        return set(self.server.brought.get(partition, ()))

    async def remove(self, partition: int, skus: Collection[str]) -> None:
        """See the port."""
        await self.server.answer()
        for sku in skus:
            self.server.hashes.pop(sku, None)
            self.server.sold_out.discard(sku)
            self.server.brought.get(partition, set()).discard(sku)

    async def beat(self, partition: int, place: Checkpoint, expiry_ms: int) -> bool:
        """See the port."""
        await self.server.answer()
        if self.server.marker != place.marker or self.server.checkpoints.get(partition) != place:
            return False
        self.server.heartbeats[partition] = self.server.clock_ms + expiry_ms
        return True

    async def stop_beating(self, partition: int) -> None:
        """See the port."""
        await self.server.answer()
        self.server.heartbeats.pop(partition, None)

    async def close(self) -> None:
        """See the port."""


class FakeAvailabilityView:
    """See `inventory_stream.ports.projection.AvailabilityView`."""

    def __init__(self, server: FakeServer) -> None:
        self.server = server

    async def read(self, skus: Sequence[str]) -> Sequence[SkuAvailability | None]:
        """See the port."""
        await self.server.answer()
        return [self._one(sku) for sku in skus]

    def _one(self, sku: str) -> SkuAvailability | None:
        there = self.server.hashes.get(sku)
        if there is None:
            return None
        return SkuAvailability(
            sku,
            there.total,
            sum(units.shortfall for units in there.locations.values()),
            {location: units.available for location, units in there.locations.items()},
            there.version,
            there.at_ms,
            there.partition,
            there.paths.channels,
            there.paths.sales,
            there.paths.backorder,
            there.paths.beside,
            there.paths.offset,
        )

    async def sold_out(self) -> Collection[str]:
        """See the port."""
        await self.server.answer()
        return set(self.server.sold_out)

    async def all_skus(self) -> AsyncIterator[Sequence[str]]:
        """See the port; one at a time."""
        for sku in list(self.server.hashes):
            await self.server.answer()
            yield [sku]

    async def fresh(self, partitions: Collection[int]) -> Collection[int]:
        """See the port."""
        await self.server.answer()
        return {p for p in partitions if self.server.heartbeats.get(p, 0) > self.server.clock_ms}

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[AsyncIterator[AvailabilityMessage]]:
        """See the port."""
        await self.server.answer()
        queue: asyncio.Queue[AvailabilityMessage] = asyncio.Queue()
        self.server.listeners.append(queue)
        try:
            yield self._messages(queue)
        finally:
            self.server.listeners.remove(queue)

    async def _messages(
        self, queue: asyncio.Queue[AvailabilityMessage]
    ) -> AsyncIterator[AvailabilityMessage]:
        while True:
            yield await queue.get()

    async def close(self) -> None:
        """See the port."""
