"""The partitions that one ledger worker owns: opened together, probed when kept, closed when lost."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from inventory_stream.ports.inputs import Input, InputRecord
from inventory_stream.ports.partition_owner import PartitionOwner


class OwnedPartitions:
    """A `HostedPartitions` of ledger partitions, one owner each.

    Args:
        new_owner: Makes the owner of a partition; opens nothing yet.
        sources: Which input each full topic name is.
    """

    def __init__(self, new_owner: Callable[[int], PartitionOwner], sources: dict[str, Input]) -> None:
        self._new_owner = new_owner
        self._sources = dict(sources)
        self._owners: dict[int, PartitionOwner] = {}

    async def assigned(self, added: frozenset[int], retained: frozenset[int]) -> None:
        """Open what is new and probe what stayed (P11), all at once: each is mostly waiting."""
        opening = {partition: self._new_owner(partition) for partition in sorted(added)}
        await asyncio.gather(
            *(owner.open() for owner in opening.values()),
            *(self._owners[partition].probe() for partition in sorted(retained)),
        )
        self._owners.update(opening)

    async def revoked(self, partitions: frozenset[int]) -> None:
        """Close owners; each bounds its own end."""
        await asyncio.gather(*(self._owners.pop(partition).close() for partition in sorted(partitions)))

    def next_offset(self, topic: str, partition: int) -> int:
        """Say what the partition's @progress says of this input (P9)."""
        offsets = self._owners[partition].next_offsets
        return offsets.stock if self._sources[topic] is Input.STOCK else offsets.orders

    async def put(
        self,
        topic: str,
        partition: int,
        records: Sequence[InputRecord],
        done: Callable[[], Awaitable[None]],
    ) -> None:
        """Queue records with their owner; waits while its inbox is full."""
        await self._owners[partition].put(self._sources[topic], records, done)
