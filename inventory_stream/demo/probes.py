"""How old is what a storefront sees: from a command's intended moment until Redis shows its effect.

Open loop: probes leave at a steady rate whatever becomes of the earlier ones, and the clock starts
when a probe should have left, so that a stall counts against every probe that it delays.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from typing import Final, NamedTuple

from inventory_stream.demo.errors import DemoError
from inventory_stream.ports.commands import CommandSink
from inventory_stream.ports.projection import AvailabilityView
from models.commands import Adjust
from models.ids import partition_of

PROBE_LOCATION: Final = "probe-shelf"

LAST_SECONDS_MAX: Final = 60.0
"""Longest wait for the last probes: a killed owner's partition is decided again long before."""
LOOK_SECONDS: Final = 0.02


class Sample(NamedTuple):
    """One probe: when it should have left (monotonic seconds), and how long until it was seen."""

    intended_seconds: float
    took_seconds: float

    @property
    def seen_seconds(self) -> float:
        """When it was seen."""
        return self.intended_seconds + self.took_seconds


@dataclass(frozen=True, slots=True)
class _Waiting:
    intended_seconds: float
    total: int


class Probes:
    """Adds one unit at a time to SKUs of its own; the n-th is seen when the total is n or more."""

    def __init__(self, sink: CommandSink, view: AvailabilityView, run: str, partitions: int) -> None:
        """`run` makes ids and SKUs unique. One SKU for each partition."""
        self._sink = sink
        self._view = view
        self._run = run
        self._skus = [_sku_in(run, partition, partitions) for partition in range(partitions)]
        self._sent_units = dict.fromkeys(self._skus, 0)
        self._waiting: dict[str, deque[_Waiting]] = {sku: deque() for sku in self._skus}
        self._subscribed = asyncio.Event()
        self.sent = 0
        self.samples: list[Sample] = []

    @property
    def unseen(self) -> int:
        """Probes that Redis has not shown yet."""
        return sum(map(len, self._waiting.values()))

    async def warm_up(self) -> None:
        """Send one probe to every partition and see it; `listen` must be running.

        Raises:
            DemoError: Redis does not announce them within LAST_SECONDS_MAX.
        """
        await self._subscribed.wait()
        for sku in self._skus:
            await self._send(sku, time.monotonic())
        await self.drain()
        if self.unseen:
            raise DemoError(
                f"Redis announced nothing of {self.unseen} partitions within {LAST_SECONDS_MAX:.0f} s: "
                "see the projection's log"
            )
        self.samples.clear()

    async def send_at(self, per_second: float, stop: asyncio.Event) -> None:
        """Send probes, in turn to every partition, until `stop` is set."""
        began = time.monotonic()
        number = 0
        while not stop.is_set():
            intended = began + number / per_second
            if (early := intended - time.monotonic()) > 0:
                await asyncio.sleep(early)
            await self._send(self._skus[number % len(self._skus)], intended)
            number += 1

    async def listen(self) -> None:
        """Note when messages show probes; runs until cancelled."""
        async with self._view.listening() as messages:
            self._subscribed.set()
            async for message in messages:
                self._see(message.sku, message.total, time.monotonic())

    async def drain(self) -> None:
        """Wait until all probes are seen, for LAST_SECONDS_MAX at most: `unseen` tells."""
        await self._sink.flush()
        deadline = time.monotonic() + LAST_SECONDS_MAX
        while self.unseen and time.monotonic() < deadline:  # noqa: ASYNC110  # bounded, and rare
            await asyncio.sleep(LOOK_SECONDS)

    def _see(self, sku: str, total: int, now: float) -> None:
        waiting = self._waiting.get(sku)
        while waiting and waiting[0].total <= total:
            intended = waiting.popleft().intended_seconds
            self.samples.append(Sample(intended, now - intended))

    async def _send(self, sku: str, intended: float) -> None:
        self._sent_units[sku] += 1
        self.sent += 1
        self._waiting[sku].append(_Waiting(intended, self._sent_units[sku]))
        await self._sink.send(
            Adjust(f"{self._run}-probe-{self.sent}", sku, PROBE_LOCATION, 1, time.time_ns() // 1_000_000), sku
        )


def _sku_in(run: str, partition: int, partitions: int) -> str:
    """Find a probe SKU of a partition: as keys hash evenly, about `partitions` tries."""
    number = 0
    while partition_of(sku := f"{run}-probe-{number}", partitions) != partition:
        number += 1
    return sku
