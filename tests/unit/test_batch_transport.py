"""What the group commits of what was handed over."""

from faust.types import TP

from inventory_stream.adapters.kafka.batch_transport import BatchConsumer


def test_the_group_passes_over_nothing_that_its_owner_still_needs() -> None:
    """What is done is committed, but for what the owner has not taken: a next owner begins with it."""
    consumer = BatchConsumer.__new__(BatchConsumer)  # without a Kafka to connect to
    consumer._done = {TP("inbound", 0): 50, TP("inbound", 1): 60, TP("inbound", 2): 70}
    consumer._first_untaken = {0: 7, 1: None, 2: 90}.__getitem__
    assert consumer.committable() == {TP("inbound", 0): 7, TP("inbound", 1): 60, TP("inbound", 2): 70}
