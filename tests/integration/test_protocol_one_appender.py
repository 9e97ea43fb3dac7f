"""P6: one append at a time, whole or not at all."""

from contextlib import suppress

import pytest

from inventory_stream.devservers import KafkaServer
from inventory_stream.errors import LedgerLogError
from tests.integration.ledger_topics import create_ledger, everything_in
from tests.integration.protocol import Endings, group_row, owner_of, take_over


async def test_second_append_is_refused_while_the_broker_has_not_answered(
    kafka_server: KafkaServer, topic_prefix: str
) -> None:
    """Handing over the next batch before the ack once lost three batches that @progress passed.

    What reached the log is a beginning of what was handed over, without a hole.
    """
    servers = kafka_server.bootstrap_servers
    topic = await create_ledger(servers, topic_prefix)
    endings = Endings()
    async with owner_of(servers, topic, end_process=endings) as owner:
        claim = await take_over(owner)
        kafka_server.pause()
        try:
            first = await owner.append([group_row(claim.term, "a", "FIRST")])
            with pytest.raises(LedgerLogError, match="P6"):
                await owner.append([group_row(claim.term, "a", "SECOND")])
        finally:
            kafka_server.resume()
        with suppress(LedgerLogError):
            await first
    assert [code for code, _ in endings.noted] == [70]
    written = b"".join(record.value or b"" for record in await everything_in(servers, topic))
    assert b"SECOND" not in written


async def test_batch_that_does_not_fit_leaves_nothing(kafka_server: KafkaServer, topic_prefix: str) -> None:
    """Rows beyond the batch's size end the owner; not even those that fitted are in the log."""
    servers = kafka_server.bootstrap_servers
    topic = await create_ledger(servers, topic_prefix)
    endings = Endings()
    async with owner_of(servers, topic, end_process=endings) as owner:
        claim = await take_over(owner)
        large = "x" * 900_000
        with pytest.raises(LedgerLogError, match="P6"):
            await owner.append([group_row(claim.term, f"g{at}", large) for at in range(5)])
    assert [code for code, _ in endings.noted] == [70]
    assert len(await everything_in(servers, topic)) == claim.read_through + 1


async def test_batch_just_below_the_bound_is_taken(kafka_server: KafkaServer, topic_prefix: str) -> None:
    """The topic takes what the producer lets through: `max.message.bytes` is above the batch's bound."""
    servers = kafka_server.bootstrap_servers
    topic = await create_ledger(servers, topic_prefix)
    async with owner_of(servers, topic) as owner:
        claim = await take_over(owner)
        large = "x" * 1_040_000
        await (await owner.append([group_row(claim.term, f"g{at}", large) for at in range(4)]))
