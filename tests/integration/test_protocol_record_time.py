"""P2: record time is the broker's, and signs of life are written also while the state is read."""

import time

import pytest

from inventory_stream.devservers import KafkaServer
from models.rows import ALIVE_KEY, AliveRow, decode_row
from tests.integration.ledger_topics import create_ledger, everything_in, write_unfenced
from tests.integration.protocol import group_row, owner_of, take_over


@pytest.fixture
async def topic(kafka_server: KafkaServer, topic_prefix: str) -> str:
    """Return a fresh ledger topic of one partition."""
    return await create_ledger(kafka_server.bootstrap_servers, topic_prefix)


async def test_record_time_is_the_brokers_whatever_a_writer_says(
    kafka_server: KafkaServer, topic: str
) -> None:
    """Producer state and compaction lag run on record time: event time let a zombie in and lost rows."""
    servers = kafka_server.bootstrap_servers
    long_ago_ms = 1_000_000_000_000
    before_ms = time.time_ns() // 1_000_000
    await write_unfenced(servers, topic, [group_row(0, "a", "DC1")], timestamp_ms=long_ago_ms)
    async with owner_of(servers, topic) as owner:
        claim = await owner.claim()
        await (await owner.append([group_row(claim.term, "b", "DC1"), group_row(claim.term, "c", "DC1")]))
    records = await everything_in(servers, topic)
    assert len(records) == 4
    # One machine, so one clock; a second for its adjustments.
    assert all(before_ms - 1_000 <= record.timestamp <= before_ms + 60_000 for record in records)


async def test_alive_rows_are_written_while_the_state_is_read(kafka_server: KafkaServer, topic: str) -> None:
    """A recovery of many minutes keeps the broker's memory of us; its rows break no later append."""
    servers = kafka_server.bootstrap_servers
    async with owner_of(servers, topic) as former:
        old = await take_over(former)
        for batch in range(4):
            await (await former.append([group_row(old.term, f"g{batch}-{at}", "DC1") for at in range(6_000)]))
    async with owner_of(servers, topic, alive_interval_seconds=0.0) as owner:
        claim = await owner.claim()
        chunks = [len(records) async for records in owner.read(claim)]
        assert len(chunks) > 1
        assert sum(chunks) == 24_000
        await (await owner.append([group_row(claim.term, "a", "DC1")]))
    after = (await everything_in(servers, topic))[claim.read_through + 1 :]
    alive = [record for record in after if record.key == ALIVE_KEY]
    assert len(alive) >= len(chunks)
    for record in alive:
        assert record.value is not None
        row = decode_row(ALIVE_KEY, record.value)
        assert isinstance(row, AliveRow)
        assert row.term == claim.term
