"""The floor: the least that a worker on aiokafka must do, without Faust, ownership or rules.

It consumes the same commands with the same decoder, keeps one number per SKU, and appends a small
row per command through an idempotent producer, one RecordBatch at a time while it decides the next.
No consumer group, no claim, no recovery, no repeats, no reservations: what the real worker takes
beyond this is the price of those.

    python -m benchmarks.bare_loop BOOTSTRAP_SERVERS INPUT_PREFIX LEDGER_TOPIC
"""

import asyncio
import gc
import sys
from typing import Any, Final

import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from inventory_stream.ports.commands import ORDER_EVENTS, STOCK_EVENTS
from models.codec import ORDER_DECODER, STOCK_DECODER
from models.commands import Reserve, Sync
from models.rows import PROGRESS_KEY, ProgressRow, encode_row

RECORDS_MAX: Final = 2_000
"""Of one fetch, as `worker.batch_records_max`."""
BATCH_BYTES: Final = 1 << 20
"""A batch closes here, as the worker's (P6)."""


class BareRow(msgspec.Struct, array_like=True, gc=False):
    """What became of a reservation: the units granted, 0 if none."""

    reservation_id: str
    sku: str
    units_granted: int


class BareLoop:
    """One partition of both inputs into one partition of a ledger topic."""

    def __init__(self, bootstrap_servers: str, prefix: str, ledger_topic: str) -> None:
        self._stock_from = TopicPartition(f"{prefix}{STOCK_EVENTS}", 0)
        self._orders_from = TopicPartition(f"{prefix}{ORDER_EVENTS}", 0)
        self._ledger_topic = ledger_topic
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap_servers,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            max_partition_fetch_bytes=4 << 20,
            fetch_max_wait_ms=100,
        )
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap_servers,
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            max_request_size=8 << 20,
        )
        self._free: dict[str, int] = {}
        self._next = {self._stock_from: 0, self._orders_from: 0}
        self._acked: asyncio.Future[Any] | None = None
        self._batch: Any = None

    async def run(self) -> None:
        """Decide until the process is ended."""
        await self._consumer.start()
        await self._producer.start()
        await self._producer.partitions_for(self._ledger_topic)
        self._batch = self._producer.create_batch()
        await self._open_stock()
        self._consumer.assign([self._orders_from])
        while True:
            # Without waiting while an append is under way: its ack must not wait for input.
            fetched = await self._consumer.getmany(
                timeout_ms=0 if self._acked else 1_000, max_records=RECORDS_MAX
            )
            for record in fetched.get(self._orders_from, ()):
                await self._decide(record.value)
                self._next[self._orders_from] = record.offset + 1
            if fetched:
                await self._seal()
            elif self._acked is not None:
                await self._acked
                self._acked = None

    async def _open_stock(self) -> None:
        """Take in the opening stock; what is there now is all there will be."""
        place = self._stock_from
        self._consumer.assign([place])
        end = (await self._consumer.end_offsets([place]))[place]
        while self._next[place] < end:
            record = await self._consumer.getone()
            for count in STOCK_DECODER.decode(record.value)[0]:
                assert isinstance(count, Sync)  # noqa: S101  # our own load
                self._free[count.sku] = count.on_hand
            self._next[place] = record.offset + 1
        await self._seal()

    async def _decide(self, value: bytes) -> None:
        free = self._free
        for command in ORDER_DECODER.decode(value)[0]:
            assert isinstance(command, Reserve)  # noqa: S101  # our own load
            granted = command.units if command.units <= free[command.sku] else 0
            free[command.sku] -= granted
            key = b"r/" + command.reservation_id.encode()
            row = encode_row(BareRow(command.reservation_id, command.sku, granted))
            while self._batch.append(key=key, value=row, timestamp=None) is None:
                await self._send()

    async def _seal(self) -> None:
        """Close the batch with how far the inputs are decided."""
        progress = ProgressRow(0, 0, self._next[self._stock_from], 0, self._next[self._orders_from], 0, 0, 0)
        row = encode_row(progress)
        while self._batch.append(key=PROGRESS_KEY, value=row, timestamp=None) is None:
            await self._send()
        await self._send()

    async def _send(self) -> None:
        if self._acked is not None:
            await self._acked
        self._acked = await self._producer.send_batch(self._batch, self._ledger_topic, partition=0)
        self._batch = self._producer.create_batch()
        await asyncio.sleep(0)  # lets the sender put it on the wire before the next decisions


async def main(bootstrap_servers: str, prefix: str, ledger_topic: str) -> None:
    """Run one bare loop: aiokafka's clients must be made on the running event loop."""
    gc.disable()  # nothing here makes cycles
    await BareLoop(bootstrap_servers, prefix, ledger_topic).run()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:4]))
