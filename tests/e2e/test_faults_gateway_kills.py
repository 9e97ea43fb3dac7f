"""Gateways and a ledger worker killed while shoppers ask: nobody is granted twice, nobody for nothing."""

from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from models.outcomes import Outcome
from tests.e2e.cluster import PARTITIONS, Cluster
from tests.e2e.gateway import Gateway, new_key
from tests.e2e.journal import Journal, judge, shopping

pytestmark = [pytest.mark.broker, pytest.mark.redis, pytest.mark.slow]

UNITS: Final = 400
SHOPPERS: Final = 40
AMID: Final = SHOPPERS // 4
"""Requests under way at a gateway when it is killed; half of all shoppers ask it."""
ANSWERED_MIN: Final = 300
"""Answers before a kill: it must hit a sale that runs."""
SKUS: Final = tuple(f"SKU-{number}" for number in range(8))
"""Enough that both workers own some."""
PLENTY: Final = 100_000
ANSWER_SECONDS: Final = 2.0
ROUND_SECONDS_MAX: Final = 8.0
"""What a busy machine may add to the time within which a request is answered."""


async def test_gateways_killed_with_requests_in_flight_cost_no_answer(
    cluster: Cluster, tmp_path: Path
) -> None:
    """One gateway, then the other: every key hears one answer, all units are sold, none twice."""
    key = new_key(tmp_path)
    journal = Journal()
    gateways = [Gateway(cluster, tmp_path, key, name) for name in ("first", "second")]
    first, second = gateways
    async with first, second:
        await first.stock("A", UNITS)
        async with shopping(journal, gateways, ["A"], SHOPPERS, patient=True):
            for victim, answered in ((first, ANSWERED_MIN), (second, 3 * ANSWERED_MIN)):
                await victim.until_ready()

                async def is_amid(victim: Gateway = victim, answered: int = answered) -> bool:
                    return journal.under_way[victim.name] >= AMID and len(journal.heard) >= answered

                await cluster.until(is_amid, f"{AMID} requests under way at {victim.name}")
                victim.kill()
                await victim.until_ready()
        assert journal.lost >= AMID, "the kills hit nobody"
        found = await judge(cluster, journal, {"A": UNITS})
        assert found.granted_units["A"] == UNITS
        granted = [one for one, heard in journal.heard.items() if heard[-1].status == 201]
        assert len(granted) == UNITS
        # Long after, at either gateway, and also who was answered before the kill.
        for number, one in enumerate(granted[::10]):
            again = await journal.ask(gateways[number % 2], one, "A")
            assert again is not None
            assert again.answer.headers["Idempotent-Replay"] == "true"
        await judge(cluster, journal, {"A": UNITS})


async def test_killed_ledger_worker_holds_nothing_for_who_was_told_503(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Requests wait to their deadline, then hear 503 with Retry-After; what comes up later is too late."""
    journal = Journal()
    key = new_key(tmp_path)
    async with Gateway(cluster, tmp_path, key, ANSWER_SECONDS=str(ANSWER_SECONDS)) as gateway:
        for sku in SKUS:
            await gateway.stock(sku, PLENTY)
        pid = cluster.supervisor.pid(gateway.name)

        async def is_running() -> bool:
            return len(journal.heard) >= ANSWERED_MIN

        async with shopping(journal, [gateway], SKUS, SHOPPERS, patient=False):
            await cluster.until(is_running, "a sale that runs")
            cluster.supervisor.kill("ledger-1")
            await cluster.until_shared_by(2, claims_min=PARTITIONS + 1)
        assert cluster.supervisor.pid(gateway.name) == pid
        refusals = journal.refusals()
        kinds = Counter(one.answer.body["type"] for one in refusals)
        assert kinds.keys() == {"/problems/not-answered"}
        assert all(ANSWER_SECONDS <= one.seconds <= ANSWER_SECONDS + ROUND_SECONDS_MAX for one in refusals)
        found = await judge(cluster, journal, dict.fromkeys(SKUS, PLENTY))
        assert found.outcomes()[Outcome.TOO_LATE] >= 1
