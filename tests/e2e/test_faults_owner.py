"""Owners that die, sleep, come and go under load: nothing lost, nothing twice, nobody needs a hand."""

import pytest

from inventory_stream.adapters.kafka.process_end import EXIT_CODE
from tests.e2e.cluster import LEDGER_WORKERS, Cluster
from tests.e2e.load import Producer, Rush, sleep_until_refused
from tests.e2e.verdict import judge

pytestmark = [pytest.mark.broker, pytest.mark.redis, pytest.mark.slow]

PER_SECOND = 2_500
MOVED = 2
"""Partitions of a worker: so many claims follow its end, at least."""
COMMANDS_MIN = 12_500
"""Five seconds: the shelves are empty after two."""


async def test_killed_owner_is_replaced_under_load(cluster: Cluster) -> None:
    """Kill -9 of either owner: the waiting worker and the restarted one decide everything once."""
    async with Producer(cluster) as producer:
        await producer.stock_up()
        async with Rush(producer, 1, PER_SECOND, COMMANDS_MIN) as rush:
            for owner in LEDGER_WORKERS:
                await rush.until_sent(PER_SECOND)
                claims = await cluster.claims()
                cluster.supervisor.kill(owner)
                await cluster.until_shared_by(2, claims_min=claims + MOVED)
            await rush.until_sent(PER_SECOND)
        await judge(cluster, producer)
    await cluster.end_in_order({owner: [-9] for owner in LEDGER_WORKERS})


async def test_owner_that_slept_past_its_session_is_refused_under_load(cluster: Cluster) -> None:
    """SIGSTOP until another owns everything, then SIGCONT: the sleeper ends, and is started again."""
    async with Producer(cluster) as producer:
        await producer.stock_up()
        async with Rush(producer, 2, PER_SECOND, COMMANDS_MIN) as rush:
            await rush.until_sent(PER_SECOND)
            await sleep_until_refused(cluster, rush, "ledger-1", PER_SECOND)
            await rush.until_sent(PER_SECOND)
        await judge(cluster, producer)
    await cluster.end_in_order({"ledger-1": [EXIT_CODE]})


async def test_worker_joins_and_leaves_under_load(cluster: Cluster) -> None:
    """A third worker gets its share, gives it back on SIGTERM; no other process ends for it."""
    async with Producer(cluster) as producer:
        await producer.stock_up()
        async with Rush(producer, 3, PER_SECOND, COMMANDS_MIN) as rush:
            await rush.until_sent(PER_SECOND)
            cluster.start_ledger("ledger-3")
            await cluster.until_shared_by(3)
            await rush.until_sent(PER_SECOND)
            assert await cluster.stop("ledger-3") == 0
            await cluster.until_shared_by(2)
            await rush.until_sent(PER_SECOND)
        await judge(cluster, producer)
    await cluster.end_in_order({"ledger-3": [0]})
