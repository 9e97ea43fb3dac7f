"""Takes payment events out of a topic: none is passed over before it was settled or is a dead letter."""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from inventory_stream.errors import RetryableError
from inventory_stream.flows.payments.settle import LinesUnknownError, SettlePayment
from inventory_stream.ports.dead_letters import DeadLetter, DeadLetters
from inventory_stream.ports.payments import PaymentRecord
from models.payments import PaymentEvent, SettledAs, decode_payment

log = structlog.get_logger(__name__)

PAUSES_SECONDS: Final = (0.5, 1.0, 2.0)
"""Between the tries of one event while the ledger is silent: an owner that was killed is replaced within
seconds. Then the batch is given up, uncommitted, and read again by whoever has the partition then."""

SETTLED_AT_ONCE_MAX: Final = 32
"""Events of different orders under way at once: each has up to 200 questions for the ledger."""

BATCH_SECONDS_MAX: Final = 120.0
"""Longest time for one batch: below the 300 s after which Kafka takes a silent consumer's partitions."""


class ConsumePayments:
    """Settles records by the batch."""

    def __init__(
        self,
        settling: SettlePayment,
        dead_letters: DeadLetters,
        answer_seconds: float,
        pauses_seconds: Sequence[float] = PAUSES_SECONDS,
    ) -> None:
        self._settling = settling
        self._dead_letters = dead_letters
        self._answer_seconds = answer_seconds
        self._pauses_seconds = pauses_seconds

    async def take(self, records: Sequence[PaymentRecord]) -> None:
        """Settle records: those of one key one after the other, others at once. Then they may be committed.

        What was settled before a failure is settled again, which its command ids make harmless (R27).

        Raises:
            RetryableError: the ledger, the notes or the topic of outcomes stayed silent.
            LedgerLogError: a dead letter could not be kept.
            TimeoutError: it took longer than BATCH_SECONDS_MAX.
        """
        by_key: dict[bytes | None, list[PaymentRecord]] = {}
        for record in records:
            by_key.setdefault(record.key, []).append(record)
        at_once = asyncio.Semaphore(SETTLED_AT_ONCE_MAX)

        async def in_order(same: Sequence[PaymentRecord]) -> None:
            async with at_once:
                for record in same:
                    await self._take_one(record)

        async with asyncio.timeout(BATCH_SECONDS_MAX):
            ended = await asyncio.gather(*map(in_order, by_key.values()), return_exceptions=True)
        for end in ended:
            if isinstance(end, BaseException):
                raise end

    async def _take_one(self, record: PaymentRecord) -> None:
        try:
            event = decode_payment(record.value)
            status = await self._settle(event)
        except (ValueError, LinesUnknownError) as error:
            await self._bury(record, str(error))
            return
        if status is SettledAs.UNKNOWN_ORDER:
            await self._bury(
                record, f"order {event.order_id} is not noted here (any more): name its reservations"
            )

    async def _settle(self, event: PaymentEvent) -> SettledAs:
        for pause_seconds in self._pauses_seconds:
            try:
                return (await self._settling.settle(event, self._answer_seconds)).status
            except RetryableError as error:
                log.warning("payment_not_settled_yet", event_id=event.id, reason=str(error))
            await asyncio.sleep(pause_seconds)
        return (await self._settling.settle(event, self._answer_seconds)).status

    async def _bury(self, record: PaymentRecord, reason: str) -> None:
        letter = DeadLetter(
            record.topic,
            record.partition,
            record.offset,
            None,
            reason,
            record.key,
            record.value,
            record.timestamp_ms,
        )
        await self._dead_letters.write([letter])
        log.error("payment_event_refused", topic=record.topic, offset=record.offset, reason=reason)
