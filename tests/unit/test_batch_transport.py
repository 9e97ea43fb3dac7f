"""What the group commits of what was handed over, and when a rebalance lets the fetch go on."""

import asyncio
from types import SimpleNamespace

import pytest
from faust.types import TP

from inventory_stream.adapters.kafka.batch_transport import BatchConsumer


def test_the_group_passes_over_nothing_that_its_owner_still_needs() -> None:
    """What is done is committed, but for what the owner has not taken: a next owner begins with it."""
    consumer = BatchConsumer.__new__(BatchConsumer)  # without a Kafka to connect to
    consumer._done = {TP("inbound", 0): 50, TP("inbound", 1): 60, TP("inbound", 2): 70}
    consumer._first_untaken = {0: 7, 1: None, 2: 90}.__getitem__
    assert consumer.committable() == {TP("inbound", 0): 7, TP("inbound", 1): 60, TP("inbound", 2): 70}


@pytest.mark.parametrize(
    ("assigned", "resumed", "is_active"),
    [
        ({TP("inbound", 0)}, 2, True),
        ({TP("inbound", 0)}, 1, False),
        ({TP("inbound", 0)}, None, False),
        (set(), 1, True),
    ],
    ids=["its own", "overtaken while it sought", "overtaken before it sought", "nothing to fetch"],
)
def test_a_rebalance_resumes_the_fetch_only_when_no_other_has_overtaken_it(
    *, assigned: set[TP], resumed: int | None, is_active: bool
) -> None:
    """Faust resumes after the seek whatever came meanwhile: the fetch then had no position, or an old one."""
    consumer = in_rebalance(assigned, resumed)
    consumer.resume_flow()
    assert consumer.flow_active is is_active


def test_a_rebalance_under_way_resumes_nothing_once_the_worker_closes() -> None:
    """Its partitions are closed, so it seeks nothing: the fetch had no position, and a stop ended with 70."""
    consumer = in_rebalance({TP("inbound", 0)}, 2)
    consumer.end_flow()
    consumer.resume_flow()
    assert not consumer.flow_active


def in_rebalance(assigned: set[TP], resumed: int | None) -> BatchConsumer:
    """Make a consumer in the middle of the second rebalance, without a Kafka."""
    consumer = BatchConsumer.__new__(BatchConsumer)
    consumer.app = SimpleNamespace(rebalancing_count=2)
    consumer.assignment = lambda: assigned
    consumer._rebalance_resumed, consumer._is_ended = resumed, False
    consumer.can_resume_flow, consumer.suspend_flow = asyncio.Event(), asyncio.Event()
    consumer.flow_active = False
    return consumer
