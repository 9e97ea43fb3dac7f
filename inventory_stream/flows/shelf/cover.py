"""Whether a reserve could be granted by what is known of its SKU, and the numbers if not (R3): pure.

On the safe side of the ledger: what it cannot tell, it leaves to the ledger.
"""

from collections.abc import Sequence
from typing import NamedTuple

from inventory_stream.ports.shelf import SkuStatements, Stock
from models.paths import CHANNEL, COMMON, SALE
from models.rows import Breakdown


class Asked(NamedTuple):
    """Where units are asked for, and from which path."""

    locations: Sequence[str]
    path: str
    is_split: bool = False
    allow_partial: bool = False


def offers(stock: Sequence[Stock], stated: SkuStatements, asked: Asked) -> Sequence[int] | None:
    """Give what each asked location could grant; None: only the ledger can tell (a sale not open, say).

    `stock` are the positions at the asked locations.
    """
    on_path = path_units(stock, stated, asked)
    if on_path is None:
        return None
    return [max(0, min(units, one.uncommitted)) for units, one in zip(on_path, stock, strict=True)]


def path_units(stock: Sequence[Stock], stated: SkuStatements, asked: Asked) -> Sequence[int] | None:
    """Give what the path offers at each asked location, before physical cover."""
    if asked.path == COMMON:
        return [one.available_to_promise for one in stock]
    if asked.path.startswith(SALE):
        sale_id = asked.path.removeprefix(SALE)
        pools = {
            pool.location: pool
            for pool in stated.pools
            if pool.sale_id == sale_id and pool.location in asked.locations
        }
        # Whether a sale has begun or is over is told by the ledger's clock, not by this one.
        if not pools or not all(pool.is_fenced and not pool.closed_ms for pool in pools.values()):
            return None
        return [pools[one.location].unsold if one.location in pools else 0 for one in stock]
    if asked.path.startswith(CHANNEL):
        channel = asked.path.removeprefix(CHANNEL)
        fences = {fence.location: fence for fence in stated.fences if fence.channel == channel}
        units = []
        for one in stock:
            fence = fences.get(one.location)
            own = 0 if fence is None else fence.units
            spills = fence is None or fence.spill_over
            units.append(own + (max(0, one.available_to_promise) if spills else 0))
        return units
    return None


def covers(offered: Sequence[int], units: int, asked: Asked) -> bool:
    """Say whether the offers are enough."""
    if asked.allow_partial:
        return any(offered)
    if asked.is_split:
        return sum(offered) >= units
    return any(one >= units for one in offered)


def breakdown_of(stock: Sequence[Stock], on_path: Sequence[int] | None, path: str) -> Breakdown:
    """Sum R2 over positions, as a decision does."""
    units = None if path == COMMON or on_path is None else sum(on_path)
    if len(stock) == 1:  # nearly every refusal of a sale, at a third of the cost
        (one,) = stock
        return Breakdown(
            one.on_hand,
            one.unavailable,
            one.reserved,
            one.allocated,
            one.safety_stock,
            one.fenced,
            one.available_to_promise,
            0,
            units,
        )
    return Breakdown(
        sum(one.on_hand for one in stock),
        sum(one.unavailable for one in stock),
        sum(one.reserved for one in stock),
        sum(one.allocated for one in stock),
        sum(one.safety_stock for one in stock),
        sum(one.fenced for one in stock),
        sum(one.available_to_promise for one in stock),
        0,
        units,
    )
