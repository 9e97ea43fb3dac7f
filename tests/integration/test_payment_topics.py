"""Payment events through the real broker, over a ledger that really decides."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.dead_letters import KafkaDeadLetters, decode_letter
from inventory_stream.adapters.kafka.payment_topics import KafkaPaymentOutcomes, PaymentConsumer
from inventory_stream.adapters.kafka.topic_rules import DEAD_LETTERS
from inventory_stream.adapters.kafka.topics import create_topics
from inventory_stream.devservers import KafkaServer
from inventory_stream.flows.orders.notes import OrderNotes
from inventory_stream.flows.payments.consume import ConsumePayments
from inventory_stream.flows.payments.settle import SettlePayment
from inventory_stream.ports.payments import PAYMENT_EVENTS, PAYMENT_OUTCOMES, PAYMENTS_GROUP
from inventory_stream.settings import KafkaSettings, Settings
from models.payments import PaidLine, PaymentEvent, PaymentKind, encode_payment
from models.reservation_ids import sku_of
from tests.integration.event_topics import events_in
from tests.unit.orders.shop import ANSWER_SECONDS
from tests.unit.payments.paying import UNITS, Paying

WAIT_SECONDS_MAX = 60.0
LOOK_AGAIN_SECONDS = 0.1


@dataclass
class Topics:
    """The topics of one environment on the real broker."""

    settings: Settings

    @property
    def servers(self) -> str:
        """Where the broker is."""
        return self.settings.kafka.bootstrap_servers

    async def send(self, *values: bytes) -> None:
        """Put values of one order into payment-events."""
        producer = AIOKafkaProducer(bootstrap_servers=self.servers)
        await producer.start()
        try:
            for value in values:
                await producer.send_and_wait(self.settings.topic(PAYMENT_EVENTS), value, key=b"O1")
        finally:
            await producer.stop()

    async def outcomes(self) -> list[Any]:
        """Give what was told so far."""
        records = await events_in(self.servers, self.settings.topic(PAYMENT_OUTCOMES))
        return [msgspec.json.decode(record.value) for record in records]

    async def told(self, count: int) -> list[Any]:
        """Wait until so many outcomes were told."""
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while len(told := await self.outcomes()) < count:  # noqa: ASYNC110  # a topic can only be asked
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
        return told

    async def letters(self) -> list[Any]:
        """Give the dead letters so far."""
        records = await events_in(self.servers, self.settings.topic(DEAD_LETTERS))
        return [decode_letter(record.value) for record in records]

    @asynccontextmanager
    async def gateway(self, paying: Paying) -> AsyncIterator[None]:
        """Run what a gateway runs for payments; at the end it is cut off, as by a kill."""
        connection = KafkaConnection(self.servers)
        outcomes = KafkaPaymentOutcomes(connection, self.settings.topic(PAYMENT_OUTCOMES))
        letters = KafkaDeadLetters(connection=connection, topic=self.settings.topic(DEAD_LETTERS))
        settling = SettlePayment(paying.desk, OrderNotes(paying.notes), outcomes, "authorised", sku_of)
        flow = ConsumePayments(settling, letters, ANSWER_SECONDS, pauses_seconds=(0.05,))
        topic, group = self.settings.topic(PAYMENT_EVENTS), self.settings.topic(PAYMENTS_GROUP)
        task = asyncio.create_task(PaymentConsumer(connection, topic, group, flow.take).run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await asyncio.gather(outcomes.close(), letters.close())


@pytest.fixture
async def topics(kafka_server: KafkaServer, topic_prefix: str) -> Topics:
    """Create the topics of an environment."""
    kafka = KafkaSettings(
        bootstrap_servers=kafka_server.bootstrap_servers, topic_prefix=topic_prefix, partitions=1
    )
    settings = Settings(kafka=kafka)
    await create_topics(settings)
    return Topics(settings)


async def until(condition: Callable[[], Any]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not condition():  # noqa: ASYNC110  # a fake counts, it does not call
            await asyncio.sleep(LOOK_AGAIN_SECONDS)


def event(kind: PaymentKind) -> bytes:
    """Encode an event of a payment of order O1."""
    lines = tuple(PaidLine(f"r-{sku}", sku) for sku in UNITS)
    return encode_payment(PaymentEvent("stripe", f"evt-{kind}", "P1", kind, "O1", lines))


async def test_events_are_settled_told_and_poison_is_a_dead_letter(topics: Topics) -> None:
    """Events of the topic move units, their outcomes are told, and what cannot be read is kept aside."""
    paying = Paying()
    await topics.send(b"{", event(PaymentKind.AUTHORISED), event(PaymentKind.CAPTURED))
    async with topics.gateway(paying):
        told = await topics.told(2)
    assert [(one["event_id"], one["status"]) for one in told] == [
        ("evt-authorised", "confirmed"),
        ("evt-captured", "confirmed"),
    ]
    assert paying.allocated == list(UNITS.values())
    (letter,) = await topics.letters()
    assert (letter.topic, letter.offset, letter.value) == (topics.settings.topic(PAYMENT_EVENTS), 0, b"{")


async def test_event_of_a_gateway_that_died_is_settled_once_by_the_next(topics: Topics) -> None:
    """Killed while the ledger was silent, or after it decided and before the commit: the next one has it."""
    paying = Paying()
    await topics.send(event(PaymentKind.CAPTURED))
    for state in ("lost", "silent"):
        setattr(paying.desk, state, True)
        asked = len(paying.desk.asked)
        async with topics.gateway(paying):
            await until(lambda: len(paying.desk.asked) > asked + len(UNITS))  # noqa: B023  # awaited here
        setattr(paying.desk, state, False)
    assert await topics.outcomes() == []
    async with topics.gateway(paying):
        told = await topics.told(1)
    assert [one["status"] for one in told] == ["confirmed"]
    assert paying.allocated == list(UNITS.values())
    # Committed now: one more gateway finds nothing to do.
    asked = len(paying.desk.asked)
    await topics.send(event(PaymentKind.REFUNDED))
    async with topics.gateway(paying):
        told = await topics.told(2)
    assert (told[-1]["kind"], told[-1]["status"]) == ("refunded", "nothing")
    assert len(paying.desk.asked) == asked
