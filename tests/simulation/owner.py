"""One simulated worker process: the product's owner of a partition, fed as its host would."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Final

from inventory_stream.adapters.kafka.held_clock import HeldClock
from inventory_stream.errors import UnreachableError
from inventory_stream.flows.own_partition import OwnPartition
from inventory_stream.ports.inputs import Input
from tests.simulation.broker import START_MS, TOPICS, Broker
from tests.simulation.network import Process
from tests.simulation.plan import CLOCK_SKEW_MS, Plan
from tests.simulation.stand_ins import Edge, SimulatedDeadLetters, SimulatedOffsets, log_of
from tests.simulation.workload import PARTITIONS

INBOX_BATCHES_MAX: Final = 3
"""Small, so that back-pressure happens."""
FETCH_RECORDS_MAX: Final = 8
"""Records of one fetch; how many is drawn each time."""
REDELIVERED_MAX: Final = 4
"""Records below @progress that are handed over again: Faust delivers from the group's offset (P9)."""
APPEND_SECONDS_MAX: Final = 12.0
"""Deadline of an append (P7), a tenth of the real one."""


class Owner:
    """A life of a worker process.

    Args:
        process: Where it runs.
        broker: Whom it talks to.
        plan: Rules and intervals.
        random: Draws how input is cut into fetches.
        is_member: Whether the consumer group counts it in.
    """

    def __init__(
        self,
        process: Process,
        broker: Broker,
        plan: Plan,
        random: Random,
        *,
        is_member: Callable[["Owner"], bool],
    ) -> None:
        self.process = process
        self.is_open = False
        self._broker = broker
        self._random = random
        self._is_member = is_member
        edge = Edge(process, broker)
        clock = HeldClock(CLOCK_SKEW_MS, lambda: process.machine_ms(START_MS), process.steady_seconds)
        self.flow = OwnPartition(
            0,
            PARTITIONS,
            plan.rules,
            log=log_of(
                edge,
                lease_seconds=plan.lease_seconds,
                alive_interval_seconds=plan.alive_seconds,
                append_seconds_max=APPEND_SECONDS_MAX,
                on_stamp=clock.note,
                end_process=lambda _, reason: process.end(reason),
            ),
            dead_letters=SimulatedDeadLetters(edge),
            offsets=SimulatedOffsets(edge),
            wall_clock_ms=clock.now_ms,
            fail=process.fail,
            topics=TOPICS,
            inbox_batches_max=INBOX_BATCHES_MAX,
            clock_skew_ms=CLOCK_SKEW_MS,
            alive_interval_seconds=plan.alive_seconds,
            reclaim_interval_seconds=plan.reclaim_seconds,
        )

    def start(self) -> None:
        """Begin to work."""
        self.process.start(self._work())

    async def _work(self) -> None:
        try:
            offsets = await self.flow.open()
        except Exception as error:  # noqa: BLE001  # as the process would: whatever it is ends it
            self.process.fail(error)
            return
        await self.process.reach("opened")
        self.is_open = True
        await asyncio.gather(
            self._feed(Input.STOCK, self._from(Input.STOCK, offsets.stock)),
            self._feed(Input.ORDERS, self._from(Input.ORDERS, offsets.orders)),
        )

    def _from(self, source: Input, offset: int) -> int:
        """Where reading begins: at @progress, or a little below, never above (P9)."""
        group = min(offset, self._broker.committed[source])
        return max(0, offset - REDELIVERED_MAX, group)

    async def _feed(self, source: Input, position: int) -> None:
        while True:
            await self._broker.more_than(source, position)
            most = self._random.randint(1, FETCH_RECORDS_MAX)
            first = position
            try:
                records = await self.process.ask(
                    f"fetch {source.value}",
                    lambda: self._broker.fetch(source, first, most),  # noqa: B023  # awaited before they change
                )
            except UnreachableError:
                continue  # a consumer fetches for ever
            position = min(first + most, len(self._broker.evidence.sent[source]))
            if records:
                position = max(records[-1].offset + 1, first)
                await self.flow.put(source, records, self._done(source, position))

    def _done(self, source: Input, offset: int) -> Callable[[], Awaitable[None]]:
        async def acknowledge() -> None:
            self._broker.acknowledge(source, offset, self.process.name, is_member=self._is_member(self))
            await self.process.reach(f"{source.value} acknowledged")

        return acknowledge
