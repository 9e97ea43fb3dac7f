"""R5, R25: what everybody outside is shown of one SKU."""

import pytest

from inventory_stream.ledger.shown import Shown, shown
from models.rows import BackorderRow, ChannelPolicyRow, FenceRow, PoolRow, PositionRow


def position(location: str, on_hand: int, *, fenced: int = 0, safety_stock: int = 0) -> PositionRow:
    """Give a position of S with nothing reserved."""
    quantities = (on_hand, 0, 0, 0, safety_stock, fenced, 0)
    return PositionRow(0, "S", location, *quantities, 1, on_hand, 0, 0, 0, 0)


def pool(sale_id: str, location: str, units: int, drawn: int = 0, *, closed_ms: int = 0) -> PoolRow:
    """Give a pool of S that is set aside."""
    return PoolRow(
        0,
        sale_id,
        "S",
        location,
        asked=units,
        units=units,
        drawn=drawn,
        starts_ms=1,
        ends_ms=9,
        fence_from_ms=0,
        checkout_grace_seconds=0,
        late_from_common=True,
        opened_ms=1,
        is_fenced=True,
        closed_ms=closed_ms,
    )


def fence(channel: str, location: str, units: int, *, spill_over: bool = True, asked: int = 9) -> FenceRow:
    """Give a ring-fence of S."""
    return FenceRow(0, channel, "S", location, asked, units, spill_over, 1)


def policy(
    channel: str, sku: str | None = None, *, percent: int = 100, preorder: bool = False
) -> ChannelPolicyRow:
    """Give a channel's policy, for any SKU or for S."""
    return ChannelPolicyRow(0, channel, sku, percent, None, 0, 0, preorder, 1)


def test_the_total_is_the_sum_of_what_each_location_can_promise() -> None:
    """R5: a location that is over-committed takes nothing from another; its shortfall is told apart."""
    seen = shown([position("L1", 5), position("L2", -3), position("L3", 4, safety_stock=6)])
    assert seen == Shown(5, {"L1": 5, "L2": 0, "L3": 0}, {}, {}, 3, 0, 0)


def test_a_sale_shows_what_is_unsold_at_all_its_locations() -> None:
    """A pool that is not set aside yet shows 0, a closed one is gone, and so is its sale with the last."""
    later = pool("spring", "L1", 7)
    later.is_fenced = False
    pools = [pool("drop", "L1", 5, 2), pool("drop", "L2", 4), pool("old", "L1", 8, closed_ms=5), later]
    assert shown([position("L1", 3, fenced=3)], pools).sales == {"drop": 7, "spring": 0}


@pytest.mark.parametrize(
    ("fences", "expected"),
    [
        ([], {}),
        ([fence("web", "L1", 2)], {"web": 12}),
        ([fence("web", "L1", 2, spill_over=False)], {"web": 8}),
        ([fence("web", "L1", 0, spill_over=False), fence("web", "L2", 1, spill_over=False)], {"web": 1}),
        ([fence("web", "L1", 2), fence("shop", "L1", 3)], {"web": 12, "shop": 13}),
        ([fence("web", "L1", 0, asked=0)], {}),
        ([fence("web", "L1", 0, asked=0, spill_over=False)], {"web": 6}),
    ],
    ids=["none", "spills", "closed at L1", "closed at both", "two", "dropped", "sells nothing from L1"],
)
def test_a_channel_has_its_fence_and_common_where_it_may(
    fences: list[FenceRow], expected: dict[str, int]
) -> None:
    """R3, R25: common of 4 at L1 and 6 at L2; no fence at a location means that common is open there."""
    assert shown([position("L1", 4), position("L2", 6)], fences=fences).channels == expected


def test_the_policy_of_the_sku_stands_before_that_of_the_channel() -> None:
    """R25: in whatever order the rows come; a channel without either is not shown."""
    rows = [policy("web", percent=50), policy("web", "S", percent=20), policy("shop", percent=90)]
    for policies in (rows, rows[::-1]):
        assert shown([position("L1", 10)], policies=policies).channels == {"web": 2, "shop": 9}


def test_preorder_units_are_shown_to_those_who_may_sell_them() -> None:
    """R24, R25: free backorder units count for a preorder channel only; what is used counts for nobody."""
    backorders = [BackorderRow(0, "S", "L1", 9, 4, None), BackorderRow(0, "S", "L2", 2, 5, None)]
    seen = shown([position("L1", 3)], (), (), backorders, [policy("web", preorder=True), policy("shop")])
    assert seen.backorder == 5
    assert seen.channels == {"web": 8, "shop": 3}


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (shown([position("L1", 0)]), True),
        (shown([position("L1", 1)]), False),
        (shown([position("L1", 1, fenced=1)], [pool("drop", "L1", 1)]), False),
        (shown([position("L1", 1, fenced=1)], [pool("drop", "L1", 1, 1)]), True),
        (shown([position("L1", 1, fenced=1)], fences=[fence("web", "L1", 1)]), False),
        (shown([position("L1", 0)], backorders=[BackorderRow(0, "S", "L1", 1, 0, None)]), False),
        (shown([position("L1", 0)], backorders=[BackorderRow(0, "S", "L1", 1, 1, None)]), True),
    ],
    ids=["nothing", "common", "pool", "pool sold", "fence", "backorder", "backorder used"],
)
def test_sold_out_means_that_no_path_has_a_unit(seen: Shown, *, expected: bool) -> None:
    """Design 7: common, pool, ring-fence and backorder; one unit on any of them is for sale."""
    assert seen.is_sold_out is expected
