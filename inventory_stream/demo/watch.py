"""Reads the ledger topic as an outsider and keeps the tally."""

import asyncio
from typing import Final

from inventory_stream.adapters.kafka.live_rows import LiveRows
from inventory_stream.demo.lines import Lines
from inventory_stream.demo.stage import Stage
from inventory_stream.demo.tally import Tally
from inventory_stream.demo.waiting import ask_until
from inventory_stream.ports.inputs import Input, InputOffsets
from inventory_stream.ports.ledger_reader import LedgerReader

LOOK_SECONDS: Final = 0.03
"""Between two questions for new rows of a quiet partition: what the board lags behind. Shorter costs the
workers' cores: 33 questions a second and partition."""

DECIDED_SECONDS_MAX: Final = 120.0
"""Longest wait until what was sent is decided, or in Redis: 1 and 10 s here after the till history,
which is what piles up most."""


class LedgerWatch:
    """Follows every partition from its beginning. Runs until cancelled."""

    def __init__(self, reader: LedgerReader, partitions: int, tally: Tally) -> None:
        self._reader = reader
        self._tally = tally
        self._rows = [LiveRows() for _ in range(partitions)]

    @property
    def owned_partitions(self) -> int:
        """Partitions that somebody has claimed."""
        return sum(rows.term >= 0 for rows in self._rows)

    @property
    def alarms(self) -> int:
        """Rows that fenced owners wrote and every reader drops (P4)."""
        return sum(rows.alarms for rows in self._rows)

    def term(self, partition: int) -> int:
        """Give the offset of a partition's newest claim."""
        return self._rows[partition].term

    async def run(self) -> None:
        """Follow the ledger.

        Raises:
            UnreachableError: Kafka does not answer within the reader's bound.
            CorruptLedgerError: a row that no owner writes.
        """
        async with asyncio.TaskGroup() as following:
            for partition in range(len(self._rows)):
                following.create_task(self._follow(partition))

    async def _follow(self, partition: int) -> None:
        rows, position = self._rows[partition], 0
        while True:
            end = await self._reader.end_offset(partition)
            if end <= position:
                await asyncio.sleep(LOOK_SECONDS)
                continue
            async for records in self._reader.read(partition, position, end):
                self._tally.feed(partition, rows.feed(records))
            position = end


async def undecided_records(tally: Tally, offsets: InputOffsets, partitions: int) -> int:
    """Count the input records beyond `@progress`, by the broker's own end offsets (R18).

    Raises:
        UnreachableError: Kafka does not answer.
    """
    missing = 0
    for partition in range(partitions):
        progress = tally.progress.get(partition)
        decided = {
            Input.STOCK: progress.stock_next if progress is not None else 0,
            Input.ORDERS: progress.orders_next if progress is not None else 0,
        }
        for source, through in decided.items():
            missing += max(0, (await offsets.range_of(source, partition)).end - through)
    return missing


async def wait_until_decided(stage: Stage, lines: Lines, tally: Tally) -> None:
    """Wait until `@progress` has passed the end of both inputs, and the tally has heard of it.

    Raises:
        DemoError: not within DECIDED_SECONDS_MAX.
    """
    await asyncio.gather(lines.single.flush(), lines.packed.flush())

    async def is_decided() -> bool:
        return not await undecided_records(tally, lines.offsets, stage.settings.kafka.partitions)

    await ask_until(is_decided, DECIDED_SECONDS_MAX, "everything to be decided", stage.log_tails)


async def wait_until_fresh(stage: Stage, lines: Lines) -> None:
    """Wait until the projection vouches for every partition: it is less than a second behind.

    Raises:
        DemoError: not within DECIDED_SECONDS_MAX.
    """
    partitions = stage.settings.kafka.partitions

    async def is_fresh() -> bool:
        return len(await lines.view.fresh(range(partitions))) == partitions

    await ask_until(is_fresh, DECIDED_SECONDS_MAX, "Redis to catch up", stage.log_tails)
