"""Who waits until a partition was read as far as an offset."""

import asyncio
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Final

from inventory_stream.ports.projection import Version


class Arrivals:
    """Waits by offset, for one partition after the other. One heap entry a wait, gone when it ends."""

    def __init__(self) -> None:
        self._waits: Final[dict[int, list[tuple[Version, int, asyncio.Future[None]]]]] = {}
        self._number: Final = count()

    async def wait(self, partition: int, version: Version, within_seconds: float) -> bool:
        """Wait for `reached` with this version or a later one; False: not in time."""
        arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        wait = (version, next(self._number), arrived)
        waits = self._waits.setdefault(partition, [])
        heappush(waits, wait)
        try:
            async with asyncio.timeout(within_seconds):
                await arrived
        except TimeoutError:
            return False
        finally:
            if wait in waits:  # given up: a version that never comes must not stay
                waits.remove(wait)
                heapify(waits)
        return True

    def reached(self, partition: int, version: Version) -> None:
        """Say that a partition was read this far."""
        waits = self._waits.get(partition)
        while waits and waits[0][0] <= version:
            _, _, arrived = heappop(waits)
            if not arrived.done():
                arrived.set_result(None)
