"""What the channels' act adds to the demo's table, and what of it must hold. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from inventory_stream.demo.life_report import Row

DIFFERENCES_NAMED: Final = 10
"""Of listings that show something else; the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelsResult:
    """What the channels showed in the end, beside the ledger. Times in seconds."""

    listings: Mapping[str, int]
    """By channel."""

    differences: Sequence[str]
    """Listings that do not show what the ledger has, in words."""

    sold_out: int
    """Of the listings: those that show 0."""

    orders: int
    """Units that shoppers of the web bought meanwhile."""

    requests: Mapping[str, int]
    overlaps: int
    """Listings that two requests at once wanted to set."""

    order_channel: str
    order_units: int
    order_available: int
    """What the ledger has left of the SKU that a channel sold by itself."""

    order_expected: int
    order_answers: Sequence[int]
    """What the gateway answered to each delivery of that one order."""

    killed: str
    back_seconds: float
    """From the kill to the next request that a channel took."""

    broken: str
    broken_seconds: float
    behind_units: int
    """Units that the broken channel showed otherwise when it was mended."""

    caught_up_seconds: float
    """From then on until all channels showed what the ledger has."""


def channels_faults(channels: ChannelsResult) -> Iterator[str]:
    """Name everything of it that must hold and does not."""
    yield from channels.differences[:DIFFERENCES_NAMED]
    left_out = len(channels.differences) - DIFFERENCES_NAMED
    if left_out > 0:
        yield f"and {left_out:,} more listings that show something else"
    if channels.overlaps:
        yield f"{channels.overlaps:,} listings were told by two requests at once"
    if channels.order_available != channels.order_expected:
        yield (
            f"an order of {channels.order_units} units at {channels.order_channel}: the ledger has "
            f"{channels.order_available} left, not {channels.order_expected}"
        )
    if any(not 200 <= status < 300 for status in channels.order_answers):
        yield f"webhooks of {channels.order_channel} were answered {list(channels.order_answers)}"


def channels_rows(channels: ChannelsResult) -> list[Row]:
    """Give the rows of the table."""
    listed = sum(channels.listings.values())
    names = ", ".join(channels.listings)
    requests = ", ".join(f"{name} {count:,}" for name, count in channels.requests.items())
    return [
        (
            "channels: listings as the ledger has them",
            f"{listed - len(channels.differences):,} of {listed:,}",
            f"{names}; {channels.sold_out:,} of them sold out by {channels.orders:,} orders of the web",
        ),
        (
            f"channels: {channels.broken} broken for",
            f"{channels.broken_seconds:.1f} s",
            f"then {channels.behind_units:,} units behind; the same {channels.caught_up_seconds:.1f} s later",
        ),
        (
            f"channels: recovery after kill -9 of {channels.killed}",
            f"{channels.back_seconds:.1f} s",
            "from the kill to the next request that a channel took",
        ),
        (
            f"channels: sold at {channels.order_channel} itself",
            f"{channels.order_units} units",
            f"its webhook came {len(channels.order_answers)} times, the ledger took it once",
        ),
        (
            "channels: requests",
            f"{sum(channels.requests.values()):,}",
            f"{requests}; never two at once for a listing",
        ),
    ]
