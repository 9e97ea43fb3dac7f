"""What of an owned partition takes asking or counting: how far it is behind its inputs, its positions.

Runs only where somebody watches: deciding does not need it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from inventory_stream.errors import UnreachableError
from inventory_stream.ports.inputs import Input, InputOffsets
from inventory_stream.ports.monitor import OwnerMonitor, OwnerSnapshot

# Between two looks. Prometheus asks every 15 s or more seldom; each look costs two small requests
# a partition, 5 a second for 16 partitions.
LOOK_INTERVAL_SECONDS: Final = 5.0

# Looks between two counts of positions: once a minute. A count takes 30 ms per million SKUs, in slices.
LOOKS_PER_COUNT: Final = 12

_log = structlog.get_logger(__name__)


class Watched(Protocol):
    """An owner as it is watched."""

    def snapshot(self) -> OwnerSnapshot:
        """Say what is held now."""

    async def count_positions(self) -> int:
        """Count positions, leaving others their turn."""


@dataclass(slots=True)
class _Followed:
    owner: Watched
    monitor: OwnerMonitor
    decided_ms: dict[Input, int] = field(default_factory=dict)
    """When each input was last seen decided to its end."""
    looks: int = 0
    spans: dict[Input, tuple[int, int]] = field(default_factory=dict)


class OwnerWatch:
    """Follows partitions from `follow` to `leave`.

    Args:
        offsets: Asks the broker.
        wall_clock_ms: ms since the Unix epoch.
    """

    def __init__(self, offsets: InputOffsets, wall_clock_ms: Callable[[], int]) -> None:
        self._offsets = offsets
        self._wall_clock_ms = wall_clock_ms
        self._followed: dict[int, _Followed] = {}

    def follow(self, partition: int, owner: Watched, monitor: OwnerMonitor) -> None:
        """Look after a partition that is open."""
        self._followed[partition] = _Followed(owner, monitor)

    def leave(self, partition: int) -> None:
        """Look no more."""
        self._followed.pop(partition, None)

    async def run(self) -> None:
        """Look again and again until cancelled; a broker that does not answer is asked again."""
        while True:
            try:
                await self.look()
            except UnreachableError as error:
                _log.warning("input_lag_unknown", why=str(error))
            await asyncio.sleep(LOOK_INTERVAL_SECONDS)

    async def look(self) -> None:
        """Look once at every input of every partition.

        Raises:
            UnreachableError: the broker does not answer within its bound.
        """
        for partition, followed in list(self._followed.items()):
            for source in Input:
                await self._look(partition, source, followed)
            if followed.looks % LOOKS_PER_COUNT == 0:
                followed.monitor.positions(await followed.owner.count_positions())
            followed.looks += 1

    async def _look(self, partition: int, source: Input, followed: _Followed) -> None:
        held = await self._offsets.range_of(source, partition)
        now_ms = self._wall_clock_ms()
        seen = followed.owner.snapshot()
        offsets = seen.next_offsets
        span = (offsets.stock if source is Input.STOCK else offsets.orders, held.end)
        # What lies there may be a transaction's marker, which nobody ever decides. Standing still over
        # two looks tells that from records under way, which cost no reading then.
        stands = span == followed.spans.get(source)
        followed.spans[source] = span
        if span[0] >= span[1] or (stands and not await self._offsets.has_records(source, partition, *span)):
            followed.decided_ms[source] = now_ms
            followed.monitor.lag(source, 0, 0.0)
            return
        # The oldest undecided record is younger than the newest decided one, and than the moment
        # when there was none. Without either, since we follow.
        since_ms = max(followed.decided_ms.setdefault(source, 0), seen.newest_ms[source])
        if since_ms == 0:
            since_ms = followed.decided_ms[source] = now_ms
        followed.monitor.lag(source, span[1] - span[0], max(0, now_ms - since_ms) / 1_000)
