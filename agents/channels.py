"""The Faust app `channels`: one agent over channel-inbound, one owner per account."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from inventory_stream.adapters.kafka.batch_transport import ConsumerOptions
from inventory_stream.adapters.kafka.faust_host import AgentFunction, FaustHost
from inventory_stream.ports.hosted import HostedPartitions

TABLE: Final = "channels"


def make_channels(host: FaustHost) -> AgentFunction:
    """Bind the agent to its host."""

    async def channels(stream: Any) -> None:  # noqa: ANN401  # Faust's stream, untyped
        """Hand each fetched batch of deliveries and acts to the owner, who acknowledges it."""
        batches = stream.noack()
        async for event in batches.events():
            await host.deliver(event.value, partial(batches.ack, event))

    return channels


def new_channels_host(
    owner: HostedPartitions[Any],
    topic: str,
    options: ConsumerOptions,
    fail: Callable[[BaseException], None],
    *,
    suspend: Callable[[], Awaitable[None]],
    heard_group: Callable[[float], None],
    first_untaken: Callable[[int], int | None],
) -> FaustHost:
    """Build the app; nothing is connected before it starts.

    Args:
        owner: What takes partitions up.
        topic: Full name of `channel-inbound`.
        options: How it is fetched.
        fail: Ends the process.
        suspend: Has the owner send nothing more before a rebalance goes on.
        heard_group: Told when the group answered that this worker is a member.
        first_untaken: Gives the oldest delivery of a partition that was not taken yet.
    """
    host = FaustHost(
        owner,
        (topic,),
        options,
        fail,
        suspend=suspend,
        heard_group=heard_group,
        first_untaken=first_untaken,
    )
    host.table(TABLE)
    host.agent("channels", topic, make_channels(host))
    return host
