"""The agent `stock`: facts and counts of stock-events."""

from functools import partial
from typing import Any

from inventory_stream.adapters.kafka.faust_host import AgentFunction, FaustHost


def make_stock(host: FaustHost) -> AgentFunction:
    """Bind the agent to its host."""

    async def stock(stream: Any) -> None:  # noqa: ANN401  # Faust's stream, untyped
        """Hand each fetched batch to the owner of its partition, who acknowledges it."""
        batches = stream.noack()
        async for event in batches.events():
            await host.deliver(event.value, partial(batches.ack, event))

    return stock
