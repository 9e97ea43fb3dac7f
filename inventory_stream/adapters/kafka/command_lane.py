"""One lane per topic and partition: commands wait here, and go out one batch at a time.

A batch is sent as soon as the lane is idle; what arrives meanwhile makes the next batch. So a
trickle leaves at once, and a flood makes large batches, without a linger time to choose.
"""

import asyncio
from typing import Any, Final

from aiokafka import AIOKafkaProducer

from inventory_stream.adapters.kafka.access import advice
from inventory_stream.errors import UnreachableError

LANE_BATCH_BYTES_MAX: Final = 256 * 1024
"""Size at which a batch is closed. One batch fills while one is under way, so a lane holds at most
twice this: 4 MiB for both topics of 4 partitions, 1 GiB for 1,000. Larger batches gained nothing:
the broker takes 1,000 commands in about 2 ms."""

PACK_COMMANDS_MAX: Final = 1_000
"""Most commands of one packed record (docs/contracts.md)."""
PACK_BYTES_MAX: Final = 1024 * 1024 - 1024
"""Largest packed record: 1 MiB with its envelope, which is also a broker's default limit."""

# How long one batch may stay unacknowledged. aiokafka retries an idempotent batch for ever, so this
# is the only bound; it spans a broker's restart (4 s here) and a leader election many times over.
ACK_SECONDS_MAX: Final = 120.0


class CommandLane:
    """The way of the commands into one partition of one topic."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        topic: str,
        partition: int,
        pack_commands: int | None,
        ack_seconds_max: float = ACK_SECONDS_MAX,
        linger_seconds: float = 0.0,
    ) -> None:
        """Open nothing yet. `pack_commands` None: one record per command."""
        self._ack_seconds_max = ack_seconds_max
        self._linger_seconds = linger_seconds
        self._next_at = 0.0
        self._producer = producer
        self._topic = topic
        self._partition = partition
        self._pack_commands = pack_commands
        self._pack: list[bytes] = []
        self._pack_bytes = 0
        self._filling = producer.create_batch()
        self._sending: asyncio.Task[None] | None = None
        self._space = asyncio.Event()
        self._failure: UnreachableError | None = None

    async def put(self, key: bytes | None, value: bytes) -> None:
        """Take one encoded command; waits while a full batch waits behind the one under way.

        Raises:
            UnreachableError: this lane has failed; it stays failed.
        """
        while not self.offer(key, value):
            self._space.clear()
            await self._space.wait()

    def offer(self, key: bytes | None, value: bytes) -> bool:
        """Take one encoded command if there is room; raises as `put`."""
        if self._failure is not None:
            raise self._failure
        is_taken = self._take(key, value)
        self._start_sending()
        return is_taken

    async def drained(self) -> None:
        """Return when all commands taken so far are acknowledged.

        Raises:
            UnreachableError: they are not, and will not be.
        """
        while self._sending is not None:
            await asyncio.wait({self._sending})
        if self._failure is not None:
            raise self._failure

    def abandon(self) -> None:
        """Stop sending. What was not acknowledged may or may not be in the topic."""
        if self._sending is not None:
            self._sending.cancel()

    def _take(self, key: bytes | None, value: bytes) -> bool:
        if self._pack_commands is None:
            return self._filling.append(timestamp=None, key=key, value=value) is not None
        full = len(self._pack) >= self._pack_commands or self._pack_bytes + len(value) + 2 > PACK_BYTES_MAX
        if full and not self._close_pack():
            return False
        self._pack.append(value)
        self._pack_bytes += len(value) + 1
        return True

    def _close_pack(self) -> bool:
        """Move the open pack into the batch; False if the batch has no room for it."""
        if self._pack:
            record = b"[" + b",".join(self._pack) + b"]"
            if self._filling.append(timestamp=None, key=None, value=record) is None:
                return False
            self._pack.clear()
            self._pack_bytes = 0
        return True

    def _start_sending(self) -> None:
        if self._sending is None:
            self._sending = asyncio.get_running_loop().create_task(self._send_until_empty())

    async def _send_until_empty(self) -> None:
        try:
            while self._failure is None and (self._pack or self._filling.record_count()):
                await self._linger()
                self._close_pack()
                batch = self._filling
                self._filling = self._producer.create_batch()
                self._space.set()
                await self._send(batch)
        finally:
            self._sending = None
            self._space.set()

    async def _linger(self) -> None:
        """Leave so much time between two batches; one that follows a pause leaves at once."""
        if self._linger_seconds:
            loop = asyncio.get_running_loop()
            pause = self._next_at - loop.time()
            if pause > 0:
                await asyncio.sleep(pause)
            self._next_at = loop.time() + self._linger_seconds

    async def _send(self, batch: Any) -> None:  # noqa: ANN401  # aiokafka's BatchBuilder has no types
        # One batch under way per partition: with several at once aiokafka 0.14 dropped batches of a
        # slow broker and appended later ones (P6), which would lose commands and their order.
        try:
            async with asyncio.timeout(self._ack_seconds_max):
                await (await self._producer.send_batch(batch, self._topic, partition=self._partition))
        except TimeoutError:
            self._failure = UnreachableError(
                f"Kafka did not acknowledge a batch for {self._topic}[{self._partition}] "
                f"within {self._ack_seconds_max:.0f} s"
            )
        except asyncio.CancelledError:
            self._failure = UnreachableError(f"sending to {self._topic}[{self._partition}] was given up")
            raise
        except Exception as error:  # noqa: BLE001  # whatever it was, the batch may be lost: never go on
            self._failure = UnreachableError(
                f"Kafka refused a batch for {self._topic}[{self._partition}]: {error!r}{advice(error)}"
            )
