"""The verdict after a fault: one final outcome per command, nothing oversold, and `ledger verify` agrees."""

from models.outcomes import Outcome
from tests.e2e.audit import Judgement
from tests.e2e.cluster import Cluster
from tests.e2e.load import HOT_SKUS, LOCATIONS, STOCK_UNITS, Producer


async def judge(cluster: Cluster, producer: Producer) -> Judgement:
    """Hold the ledger against what was sent, by our own audit and by the product's."""
    await cluster.until_decided()
    found = cluster.audit.assert_sound(producer.sent)
    report = await cluster.verify()
    assert report["skus_compared"] >= len(HOT_SKUS)
    # The rush was one: everything was sold, and most were turned away.
    for sku in HOT_SKUS:
        assert found.granted_units[sku] >= STOCK_UNITS * len(LOCATIONS)
    outcomes = found.outcomes()
    assert outcomes[Outcome.SOLD_OUT] + outcomes[Outcome.ALL_RESERVED] > outcomes[Outcome.GRANTED]
    return found
