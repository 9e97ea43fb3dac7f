"""A `ChannelDesk` in memory: rows as they were written, and acts as they were asked."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

from models.channels import Act, Inbound, OutcomeRow


class FakeChannelDesk:
    """Partitions are lists of rows; `on_ask` plays the owner of the account."""

    def __init__(self, on_ask: Callable[[Inbound, int], None] | None = None) -> None:
        self.written: dict[int, list[tuple[str, OutcomeRow]]] = {}
        self.asked: list[tuple[Inbound, int]] = []
        self.on_ask = on_ask

    def write(self, partition: int, key: str, row: OutcomeRow) -> None:
        """Write a row, as an owner does."""
        self.written.setdefault(partition, []).append((key, row))

    @property
    def acts(self) -> list[Act]:
        """What was asked."""
        return [event for inbound, _ in self.asked for event in inbound.events if isinstance(event, Act)]

    async def rows(self, partition: int, wanted: Callable[[str], bool]) -> Mapping[str, OutcomeRow]:
        """See the port."""
        rows, _ = await self.news(partition, 0, wanted)
        return rows

    async def news(
        self, partition: int, offset: int, wanted: Callable[[str], bool]
    ) -> tuple[Mapping[str, OutcomeRow], int]:
        """See the port."""
        written = self.written.get(partition, [])
        return {key: row for key, row in written[offset:] if wanted(key)}, len(written)

    async def end(self, partition: int) -> int:
        """See the port."""
        return len(self.written.get(partition, []))

    async def since(
        self, partition: int, offset: int, wanted: Callable[[str], bool]
    ) -> AsyncIterator[tuple[str, OutcomeRow]]:
        """See the port."""
        while True:
            for key, row in self.written.get(partition, [])[offset:]:
                offset += 1
                if wanted(key):
                    yield key, row
            await asyncio.sleep(0.001)

    async def ask(self, inbound: Inbound, partition: int) -> None:
        """See the port."""
        self.asked.append((inbound, partition))
        if self.on_ask is not None:
            self.on_ask(inbound, partition)

    async def close(self) -> None:
        """See the port."""
