"""The Faust app `ledger`: two agents, one table, one owner per partition."""

from collections.abc import Callable
from typing import Final

from agents.orders import make_orders
from agents.stock import make_stock
from inventory_stream.adapters.kafka.batch_transport import ConsumerOptions
from inventory_stream.adapters.kafka.faust_host import FaustHost
from inventory_stream.flows.owned_partitions import OwnedPartitions
from inventory_stream.ports.inputs import Input
from inventory_stream.ports.partition_owner import PartitionOwner

TABLE: Final = "ledger"


def new_ledger_host(
    new_owner: Callable[[int], PartitionOwner],
    topics: dict[Input, str],
    options: ConsumerOptions,
    fail: Callable[[BaseException], None],
) -> FaustHost:
    """Build the app; nothing is connected before it starts.

    Args:
        new_owner: Makes the owner of a partition.
        topics: Full names of the two inputs.
        options: How they are fetched.
        fail: Ends the process.
    """
    hosted = OwnedPartitions(new_owner, {topic: source for source, topic in topics.items()})
    host = FaustHost(hosted, tuple(topics.values()), options, fail)
    host.table(TABLE)
    host.agent("stock", topics[Input.STOCK], make_stock(host))
    host.agent("orders", topics[Input.ORDERS], make_orders(host))
    return host
