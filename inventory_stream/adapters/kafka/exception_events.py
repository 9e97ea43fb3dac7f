"""Exceptions of channels' accounts into the topic `exceptions`: at least once, behind everything else."""

import asyncio
from collections import deque
from typing import Final

import structlog
from aiokafka.errors import KafkaError

from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.lazy_producer import LazyProducer
from models.events import (
    CONTENT_TYPE_HEADER,
    ChannelExceptionKind,
    ExceptionDetail,
    ExceptionRaised,
    channel_exception,
    encode_event,
)
from models.ids import partition_of

WAITING_MAX: Final = 1_000
"""Exceptions that wait for the broker: 300 bytes each, and rare. Beyond it the oldest goes, and is logged."""
SEND_SECONDS_MAX: Final = 5.0
"""Longest wait for one: 5 ms here."""
PAUSE_SECONDS: Final = 5.0
"""Before the next try after a fault; somebody reads these in minutes."""

log = structlog.get_logger(__name__)


class KafkaChannelExceptions:
    """Implements `ports.channel_exceptions.ChannelExceptions`; `run` sends what `tell` was given."""

    def __init__(
        self, connection: KafkaConnection, topic: str, partitions: int, pause_seconds: float = PAUSE_SECONDS
    ) -> None:
        self._producer = LazyProducer(connection, SEND_SECONDS_MAX)
        self._topic = topic
        self._partitions = partitions
        self._pause_seconds = pause_seconds
        self._waiting: deque[ExceptionRaised] = deque()
        self._is_there = asyncio.Event()

    def tell(
        self,
        kind: ChannelExceptionKind,
        channel: str,
        account: str,
        *,
        at_ms: int,
        reason: str,
        listings: int = 0,
    ) -> None:
        """Queue one; see the port."""
        detail = ExceptionDetail(
            kind=kind, at_ms=at_ms, units=listings, channel=channel, account=account, reason=reason
        )
        if len(self._waiting) >= WAITING_MAX:
            lost = self._waiting.popleft()
            log.error("channel_exception_not_told", exception_id=lost.id, source=lost.source)
        self._waiting.append(channel_exception(channel, account, detail))
        self._is_there.set()
        log.warning("channel_exception", kind=kind, channel=channel, account=account, reason=reason)

    async def run(self) -> None:
        """Send what waits, until cancelled; in order, each until it is acknowledged."""
        while True:
            await self._is_there.wait()
            while self._waiting:
                event = self._waiting[0]
                if not await self._send(event):
                    await asyncio.sleep(self._pause_seconds)
                elif self._waiting and self._waiting[0] is event:
                    self._waiting.popleft()
            self._is_there.clear()

    async def _send(self, event: ExceptionRaised) -> bool:
        try:
            async with asyncio.timeout(SEND_SECONDS_MAX):
                producer = await self._producer.open()
                await producer.send_and_wait(
                    self._topic,
                    encode_event(event),
                    key=event.partitionkey.encode(),
                    partition=partition_of(event.partitionkey, self._partitions),
                    headers=[CONTENT_TYPE_HEADER],
                )
        except (KafkaError, TimeoutError, OSError) as error:
            await self._producer.close()  # a producer that gave up once may never come back
            log.warning("channel_exception_waits", exception_id=event.id, why=type(error).__name__)
            return False
        return True

    async def close(self) -> None:
        """Let go of the connection; bounded. What still waits is in the log only."""
        for event in self._waiting:
            log.error("channel_exception_not_told", exception_id=event.id, source=event.source)
        await self._producer.close()
