"""Looks at how much memory processes have, once in a while."""

import asyncio
from collections import defaultdict
from types import TracebackType
from typing import Final, Self

import psutil

from tests.e2e.cluster import Cluster

MIB: Final = 1024 * 1024


class MemoryWatch:
    """Samples the resident memory of a cluster's processes while inside `async with`."""

    def __init__(self, cluster: Cluster, names: tuple[str, ...], interval_seconds: float) -> None:
        self._supervisor = cluster.supervisor
        self._names = names
        self._interval_seconds = interval_seconds
        self._running: asyncio.Task[None] | None = None
        self.samples_mib: defaultdict[str, list[float]] = defaultdict(list)
        """By process, oldest first; none while it was between two lives."""

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._running is not None
        self._running.cancel()
        await asyncio.wait([self._running])

    async def _watch(self) -> None:
        while True:
            for name in self._names:
                pid = self._supervisor.pid(name)
                if pid is not None:
                    self.samples_mib[name].append(psutil.Process(pid).memory_info().rss / MIB)
            await asyncio.sleep(self._interval_seconds)  # the rate of a measurement
