"""Workers whose clock jumps an hour: no deadline is burnt or put off, `now` never goes back (R18, R26)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from inventory_stream.adapters.kafka.ledger_reader import KafkaLedgerReader
from inventory_stream.adapters.kafka.topic_rules import LEDGER
from inventory_stream.devservers import KafkaServer
from inventory_stream.metric_names import CLOCK_SKEW
from models.commands import Confirm, Reserve
from models.ids import partition_of
from models.outcomes import Outcome
from models.rows import PROGRESS_KEY, ProgressRow, decode_row
from tests.e2e.audit import Asked
from tests.e2e.cluster import LEDGER_WORKERS, PARTITIONS, Cluster
from tests.e2e.load import HOT_SKUS, Producer, Rush
from tests.e2e.worker_with_clock import FILE_VARIABLE, move_clock

pytestmark = [pytest.mark.broker, pytest.mark.redis, pytest.mark.slow]

HOUR_SECONDS = 3_600
LONG_TTL_SECONDS = 600
SHORT_TTL_SECONDS = 2
JUMPS = (-HOUR_SECONDS, HOUR_SECONDS, 0)
"""How far the workers are ahead: at their start, then two jumps."""

PER_SECOND = 1_000

NOW_OFF_MS_MAX = 10_000
"""Furthest that a decision's `now` may lie from the broker's record time of its row: the skew that is
allowed (2 s), and how long a batch can wait on a busy machine."""


@pytest.fixture
def clock(tmp_path: Path) -> Path:
    """Give the file that the workers' clocks follow."""
    path = tmp_path / "clock"
    move_clock(path, JUMPS[0])
    return path


@pytest.fixture
async def jumping_cluster(
    kafka_server: KafkaServer, redis_url: str, topic_prefix: str, tmp_path: Path, clock: Path
) -> AsyncIterator[Cluster]:
    """Give a cluster whose ledger workers go by that clock."""
    async with Cluster(
        kafka_server.bootstrap_servers,
        redis_url,
        topic_prefix,
        tmp_path,
        worker_environment={FILE_VARIABLE: str(clock)},
        ledger_module="tests.e2e.worker_with_clock",
    ) as one:
        yield one


async def test_clock_that_jumps_an_hour_burns_no_deadline(jumping_cluster: Cluster, clock: Path) -> None:
    """An hour behind from the start, an hour ahead, and right again: a hold lasts as long as was asked."""
    cluster = jumping_cluster
    async with Producer(cluster) as producer:
        await producer.stock_up()
        await hold_and_pay(cluster, producer, "start")
        for jump in JUMPS[1:]:
            await reserve(producer, "before", jump, LONG_TTL_SECONDS)
            await cluster.until_decided()
            move_clock(clock, jump)
            await hold_and_pay(cluster, producer, f"jump-{jump}")
            await pay(cluster, producer, "before", jump)
        async with Rush(producer, 8, PER_SECOND, 3 * PER_SECOND) as rush:
            for jump in (HOUR_SECONDS, -HOUR_SECONDS):
                await rush.until_sent(PER_SECOND)
                move_clock(clock, jump)
            await rush.until_sent(PER_SECOND)
        await cluster.until_decided()
        cluster.audit.assert_sound(producer.sent)
        await cluster.verify()
    for worker in LEDGER_WORKERS:
        skew_seconds = (await cluster.figures(worker)).furthest(CLOCK_SKEW)
        assert abs(skew_seconds + HOUR_SECONDS) < NOW_OFF_MS_MAX / 1_000
        assert "owner_clock_skewed" in cluster.supervisor.log_path(worker).read_text()
    await assert_now_is_the_brokers(cluster)
    await cluster.end_in_order({})


async def hold_and_pay(cluster: Cluster, producer: Producer, name: str) -> None:
    """A short hold expires, and no sooner than due; a long one beside it is still there to be paid."""
    await reserve(producer, name, 0, LONG_TTL_SECONDS)
    await reserve(producer, name, 1, SHORT_TTL_SECONDS)
    await cluster.until_decided()
    short_id = f"{name}-cart-1"

    async def is_over() -> bool:
        await cluster.follow()
        lines = cluster.audit.judge(producer.sent.moves).reservations[short_id].lines
        return all(line.expired for line in lines)

    await cluster.until(is_over, f"{short_id} to expire")
    await pay(cluster, producer, name, 0)


async def reserve(producer: Producer, name: str, number: int, ttl_seconds: int) -> None:
    """Hold a unit of a hot SKU."""
    sku = HOT_SKUS[0]
    await producer.send(
        Reserve(f"{name}-ask-{number}", f"{name}-cart-{number}", sku, 1, ttl_seconds, location="mall")
    )
    await producer.flush()


async def pay(cluster: Cluster, producer: Producer, name: str, number: int) -> None:
    """Confirm a hold, which must be on time."""
    confirm = Confirm(f"{name}-pay-{number}", f"{name}-cart-{number}", HOT_SKUS[0])
    await producer.send(confirm)
    await producer.flush()
    await cluster.until_decided()
    found = cluster.audit.judge(producer.sent.moves)
    asked = Asked(partition_of(confirm.sku, PARTITIONS), confirm.reservation_id, confirm.id)
    assert found.outcome(asked) is Outcome.CONFIRMED, f"{name}: {found.outcome(asked).name}"


async def assert_now_is_the_brokers(cluster: Cluster) -> None:
    """Every `now` follows the one before it, and lies where the broker's record time says."""
    reader = KafkaLedgerReader(connection=cluster.connection, topic=cluster.settings.topic(LEDGER))
    try:
        for partition in range(PARTITIONS):
            before_ms = 0
            async for records in reader.read(partition, 0, await reader.end_offset(partition)):
                for record in records:
                    if record.key != PROGRESS_KEY or record.value is None:
                        continue
                    row = decode_row(record.key, record.value)
                    assert isinstance(row, ProgressRow)
                    assert row.now_ms >= before_ms
                    assert abs(row.now_ms - record.timestamp) < NOW_OFF_MS_MAX, record.offset
                    before_ms = row.now_ms
    finally:
        await reader.close()
