"""The demo's connections to the stage: ways in, the ledger's topic, the Redis view. Opened once."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from inventory_stream.adapters.kafka.command_sink import open_command_sink
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.input_offsets import KafkaInputOffsets
from inventory_stream.adapters.kafka.ledger_reader import KafkaLedgerReader
from inventory_stream.adapters.kafka.topic_rules import DEAD_LETTERS, LEDGER
from inventory_stream.adapters.redis.view import RedisAvailabilityView
from inventory_stream.bootstrap import input_topics
from inventory_stream.demo.entries import CountingSink
from inventory_stream.ports.events import EventTopic
from inventory_stream.settings import Settings

PACK_COMMANDS: Final = 200
"""Most commands of one packed record: what a gateway or a till server packs at one moment."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Everything that the script talks through."""

    single: CountingSink
    """One Kafka record per command, as outside producers send."""

    packed: CountingSink
    """Many commands per record, in positional form: the fastest way in."""

    ledger: KafkaLedgerReader
    dead_letters: KafkaLedgerReader
    exceptions: KafkaLedgerReader
    offsets: KafkaInputOffsets
    view: RedisAvailabilityView

    @property
    def sent(self) -> int:
        """Commands sent so far, repeats included."""
        return self.single.sent + self.packed.sent

    async def dead_letter_count(self) -> int:
        """Count the dead letters ever written.

        Raises:
            UnreachableError: Kafka does not answer.
        """
        return await self.dead_letters.end_offset(0)


@asynccontextmanager
async def open_lines(settings: Settings) -> AsyncIterator[Lines]:
    """Connect, and let go at the end.

    Raises:
        UnreachableError: Kafka does not answer.
        TopicsError: the topics are not there.
    """
    kafka = settings.kafka
    connection = KafkaConnection.of(kafka)
    async with AsyncExitStack() as stack:
        single = await stack.enter_async_context(open_command_sink(settings))
        packed = await stack.enter_async_context(open_command_sink(settings, pack_commands=PACK_COMMANDS))
        ledger, dead_letters, exceptions = (
            KafkaLedgerReader(connection=connection, topic=settings.topic(topic))
            for topic in (LEDGER, DEAD_LETTERS, EventTopic.EXCEPTIONS.value)
        )
        offsets = KafkaInputOffsets(connection=connection, topics=input_topics(settings))
        view = RedisAvailabilityView.connect(settings.redis)
        for line in (ledger, dead_letters, exceptions, offsets, view):
            stack.push_async_callback(line.close)
        yield Lines(
            CountingSink(single, kafka.partitions),
            CountingSink(packed, kafka.partitions, is_positional=True),
            ledger,
            dead_letters,
            exceptions,
            offsets,
            view,
        )
