"""What everybody outside is shown of one SKU (R5, R25), for the Redis view and the gateway alike."""

from collections.abc import Collection, Iterable
from typing import NamedTuple, Protocol

from inventory_stream.ledger.channel_policy import policy_units, raw_units
from models.rows import BackorderRow, ChannelPolicyRow, FenceRow, PoolRow


class PositionQuantities(Protocol):
    """What counts of a position; a `PositionRow` is one."""

    @property
    def location(self) -> str:
        """Where it is."""

    @property
    def available_to_promise(self) -> int:
        """Units that the common path may still promise; negative when over-committed (R2)."""

    @property
    def shortfall(self) -> int:
        """Units promised beyond what there is (R2)."""


class Shown(NamedTuple):
    """One SKU as readers get it.

    `total` is the sum of `locations`, max(0, ATP) each (R5). `channels` has every channel with a policy
    or a ring-fence (R25), `sales` the unsold units of every pool that is not closed. `backorder` are
    the units that may be promised before they are there: available_to_order = total + backorder (R24).
    `fences` are the unused units of all ring-fences. `short` is the total shortfall.
    """

    total: int
    locations: dict[str, int]
    channels: dict[str, int]
    sales: dict[str, int]
    short: int
    backorder: int
    fences: int

    @property
    def beside_common(self) -> int:
        """Units that only a path other than common can sell."""
        return sum(self.sales.values()) + self.fences + self.backorder

    @property
    def is_sold_out(self) -> bool:
        """Say whether no path has a unit: neither common nor a pool, a ring-fence or a backorder."""
        return not self.total and not self.beside_common


def shown(
    positions: Iterable[PositionQuantities],
    pools: Iterable[PoolRow] = (),
    fences: Collection[FenceRow] = (),
    backorders: Iterable[BackorderRow] = (),
    policies: Iterable[ChannelPolicyRow] = (),
) -> Shown:
    """Work out what is shown of one SKU.

    Args:
        positions: Of the SKU, one for each location.
        pools: Of the SKU, of any sale; closed ones count nothing.
        fences: Of the SKU, one for each channel and location.
        backorders: Of the SKU, one for each location.
        policies: Of channels, for the SKU or for any; none for other SKUs.
    """
    short = 0
    locations = {}
    for position in positions:
        locations[position.location] = max(0, position.available_to_promise)
        short += position.shortfall
    sales: dict[str, int] = {}
    for pool in pools:
        if not pool.closed_ms:
            sales[pool.sale_id] = sales.get(pool.sale_id, 0) + pool.unsold
    return Shown(
        total=sum(locations.values()),
        locations=locations,
        channels=channel_units(locations, fences, backorder := sum(row.free for row in backorders), policies),
        sales=sales,
        short=short,
        backorder=backorder,
        fences=sum(fence.units for fence in fences),
    )


def channel_units(
    common: dict[str, int],
    fences: Iterable[FenceRow],
    backorder: int,
    policies: Iterable[ChannelPolicyRow],
) -> dict[str, int]:
    """Give what each channel with a policy or a ring-fence is shown of one SKU (R25).

    Args:
        common: max(0, ATP) by location. A channel may take it where it has no fence of its own, or
            one that spills over (R3).
        fences: Of the SKU.
        backorder: Units that may be promised before they are there.
        policies: Of the SKU or of any; its own stands before the one for any.
    """
    by_channel: dict[str, ChannelPolicyRow | None] = {}
    for policy in policies:
        known = by_channel.get(policy.channel)
        if known is None or policy.sku is not None:
            by_channel[policy.channel] = policy
    total = sum(common.values())
    own: dict[str, int] = {}
    closed: dict[str, int] = {}
    for fence in fences:
        if not fence.asked and fence.spill_over:
            continue  # it states that there is no fence
        channel = fence.channel
        by_channel.setdefault(channel, None)
        own[channel] = own.get(channel, 0) + fence.units
        if not fence.spill_over:
            closed[channel] = closed.get(channel, 0) + common.get(fence.location, 0)
    return {
        channel: policy_units(
            raw_units(own.get(channel, 0), total - closed.get(channel, 0), backorder, policy), policy
        )
        for channel, policy in by_channel.items()
    }
