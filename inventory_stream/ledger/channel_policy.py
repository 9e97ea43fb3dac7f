"""What a channel is shown of the units that it may sell (R25): pure, integers only."""

from models.rows import ChannelPolicyRow


def raw_units(
    fence_units: int, common_units: int, backorder_units: int, policy: ChannelPolicyRow | None
) -> int:
    """Give what a channel could sell, before its policy makes it less.

    Args:
        fence_units: Its own unused ring-fence.
        common_units: What it may take of common: none of it where its fence does not spill over.
        backorder_units: What may still be promised before it is there.
        policy: The one that counts for the SKU; None: the channel has none, so no preorder.
    """
    preorder = backorder_units if policy is not None and policy.preorder else 0
    return fence_units + common_units + preorder


def policy_units(raw: int, policy: ChannelPolicyRow | None) -> int:
    """Give what is shown of `raw` units: a percentage, less the buffer, at most the cap, over the floor.

    0 where that is not above the floor; never negative, never more than `raw`.
    """
    if policy is None:
        return max(0, raw)
    units = raw * policy.percent // 100 - policy.buffer if raw > 0 else 0
    if policy.cap is not None and units > policy.cap:
        units = policy.cap
    return units if units > max(0, policy.floor) else 0
