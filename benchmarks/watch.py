"""Looks at a ledger partition from outside while it grows, at almost no cost to who is measured."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Self

from aiokafka import AIOKafkaConsumer, TopicPartition

from models.rows import PROGRESS_KEY, ProgressRow, decode_row

LOOK_SECONDS: Final = 0.005
"""Between two questions for the end offset: the error of wall times, 0.3 % of a run of 1.5 s. Each
question takes about 0.2 ms of the two cores."""

QUIET_SECONDS: Final = 0.1
"""The log has not grown for so long: time to read whether all is decided."""

LAST_ROWS: Final = 4
"""@progress is among the last rows: only an @alive row may follow it in its batch, or control rows
of a claim."""


class Sight(NamedTuple):
    """The log was seen to end here, at this wall time, the process having used this much CPU."""

    seconds: float
    end: int
    cpu_seconds: float


class LedgerWatch:
    """An aiokafka consumer without a group on one partition of a ledger topic.

    Aiokafka's own, not the product's reader: a benchmark should not trust what it measures. With the
    isolation level "read_committed" the end is that of what is committed.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        topic: str,
        partition: int = 0,
        *,
        isolation_level: str = "read_uncommitted",
    ) -> None:
        self.place: Final = TopicPartition(topic, partition)
        self.consumer: Final = AIOKafkaConsumer(
            bootstrap_servers=bootstrap_servers,
            auto_offset_reset="earliest",  # "latest" races with seek
            enable_auto_commit=False,
            max_partition_fetch_bytes=8 << 20,
            fetch_max_wait_ms=100,
            check_crcs=False,  # CPU that the measured need
            isolation_level=isolation_level,
        )

    async def __aenter__(self) -> Self:
        await self.consumer.start()
        self.consumer.assign([self.place])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.consumer.stop()

    async def end(self) -> int:
        """Ask for the offset after the newest row."""
        return int((await self.consumer.end_offsets([self.place]))[self.place])

    async def wait_decided(
        self,
        stock_next: int,
        orders_next: int,
        seconds_max: float,
        alive: Callable[[], float],
    ) -> list[Sight]:
        """Wait until @progress says that both inputs are decided this far; give all that was seen.

        Args:
            stock_next: Records of stock-events there are.
            orders_next: Records of order-events there are.
            seconds_max: Longest wait.
            alive: CPU seconds of the measured process; raises when it has ended.

        Raises:
            TimeoutError: not in time.
        """
        seen: list[Sight] = []
        looked_at = -1
        async with asyncio.timeout(seconds_max):
            while True:
                end = await self.end()
                now = time.perf_counter()
                if not seen or end != seen[-1].end:
                    seen.append(Sight(now, end, alive()))
                elif now - seen[-1].seconds >= QUIET_SECONDS:
                    alive()
                    if end != looked_at and end > 0:
                        looked_at = end
                        progress = await self._last_progress(end)
                        if (
                            progress is not None
                            and progress.stock_next >= stock_next
                            and progress.orders_next >= orders_next
                        ):
                            return seen
                await asyncio.sleep(LOOK_SECONDS)

    async def _last_progress(self, end: int) -> ProgressRow | None:
        self.consumer.seek(self.place, max(0, end - LAST_ROWS))
        found = None
        offset = -1
        while offset < end - 1:
            record: Any = await self.consumer.getone()
            offset = record.offset
            if record.key == PROGRESS_KEY:
                row = decode_row(record.key, record.value)
                found = row if isinstance(row, ProgressRow) else None
        return found
