"""The Faust app `projection`: one agent over the ledger topic, which keeps the Redis view.

Which partitions are this worker's also decides whose events it publishes.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from inventory_stream.adapters.kafka.batch_transport import ConsumerOptions
from inventory_stream.adapters.kafka.faust_host import AgentFunction, FaustHost
from inventory_stream.flows.projected_partitions import ProjectedPartitions, Projecting, Publishing

TABLE: Final = "projection"


def make_projection(host: FaustHost) -> AgentFunction:
    """Bind the agent to its host."""

    async def projection(stream: Any) -> None:  # noqa: ANN401  # Faust's stream, untyped
        """Hand each fetched batch of ledger rows to the flow, which acknowledges it."""
        batches = stream.noack()
        async for event in batches.events():
            await host.deliver(event.value, partial(batches.ack, event))

    return projection


def new_projection_host(
    flow: Projecting,
    publisher: Publishing,
    topic: str,
    options: ConsumerOptions,
    fail: Callable[[BaseException], None],
) -> FaustHost:
    """Build the app; nothing is connected before it starts.

    Args:
        flow: What brings rows into the view.
        publisher: What tells outside consumers.
        topic: Full name of the ledger topic.
        options: How it is fetched; its records must be raw, tombstones have their term in a header.
        fail: Ends the process.
    """
    host = FaustHost(ProjectedPartitions(flow, publisher, fail), (topic,), options, fail)
    host.table(TABLE)
    host.agent("projection", topic, make_projection(host))
    return host
