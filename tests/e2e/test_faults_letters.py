"""Dead letters in masses: 100,000 in CI, a million with `DEAD_LETTERS=1000000`; all else goes on."""

import os
import time

import pytest

from inventory_stream import metric_names
from inventory_stream.adapters.kafka.topic_rules import DEAD_LETTERS
from inventory_stream.ports.commands import ORDER_EVENTS
from inventory_stream.ports.inputs import Input
from models.ids import partition_of
from tests.e2e.cluster import LEDGER_WORKERS, PARTITIONS, Cluster
from tests.e2e.load import HOT_SKUS, Producer, Rush
from tests.e2e.memory import MemoryWatch

pytestmark = [pytest.mark.broker, pytest.mark.redis, pytest.mark.slow]

LETTERS = int(os.environ.get("DEAD_LETTERS", "100000"))
LETTERS_PER_RECORD = 1_000
"""The most commands of a pack: one record, a thousand letters."""
PARTITION = partition_of(HOT_SKUS[0], PARTITIONS)
GOOD_PER_SECOND = 500
"""Beside them, all over the partitions: a fifth of what the other fault tests send."""
LETTERS_PER_SECOND_MIN = 1_000
"""For the deadline alone; here it is ten times as many."""
PEAK_MIB_MAX = 120.0
"""Above the worker's memory at rest, however many letters: a batch is closed at 1 MB of input, here 37,000
poisoned commands, and has all its letters at hand until they are durable. 26 MiB here."""
GROWTH_MIB_MAX = 48.0
"""Of the second half over the first: the state of the good commands, and what the allocator keeps."""


@pytest.mark.timeout(420 + LETTERS / LETTERS_PER_SECOND_MIN)
async def test_masses_of_poison_cost_neither_memory_nor_good_commands(cluster: Cluster) -> None:
    """Packs of nothing but poison: each command gets its letter, and good ones between them are decided."""
    poison = b"[" + b",".join([b'{"type":"preorder","id":"x"}'] * LETTERS_PER_RECORD) + b"]"
    topic = cluster.settings.topic(ORDER_EVENTS)
    records = LETTERS // LETTERS_PER_RECORD
    async with Producer(cluster) as producer:
        await producer.stock_up()
        began = time.monotonic()
        async with (
            MemoryWatch(cluster, LEDGER_WORKERS, interval_seconds=0.1) as memory,
            Rush(producer, 10, GOOD_PER_SECOND, GOOD_PER_SECOND),
        ):
            for _ in range(records):
                await producer.put(topic, poison, partition=PARTITION)
            await producer.flush()
            end = (await cluster.input_range(Input.ORDERS, PARTITION)).end

            async def are_passed() -> bool:
                await cluster.follow()
                return cluster.audit.progress[PARTITION].orders_next >= end

            await cluster.until(are_passed, f"{LETTERS} letters", LETTERS / LETTERS_PER_SECOND_MIN)
            seconds = time.monotonic() - began
        await cluster.until_decided()
        cluster.audit.assert_sound(producer.sent)
        await cluster.verify()
    # By key: a worker that loses its session amid a batch leaves letters that its successor writes again.
    assert len(await cluster.keys_in(DEAD_LETTERS)) == records * LETTERS_PER_RECORD
    assert await cluster.sum_of(metric_names.DEAD_LETTERS) >= records * LETTERS_PER_RECORD
    print(f"\n{LETTERS} dead letters in {seconds:.1f} s, {LETTERS / seconds:,.0f}/s")  # noqa: T201
    for worker, samples in memory.samples_mib.items():
        half = len(samples) // 2
        print(f"{worker}: {samples[0]:.0f} MiB, then at most {max(samples):.0f}")  # noqa: T201
        assert max(samples) < samples[0] + PEAK_MIB_MAX, f"{worker}: {samples}"
        assert max(samples[half:]) < max(samples[:half]) + GROWTH_MIB_MAX, f"{worker}: {samples}"
    await cluster.end_in_order({})
