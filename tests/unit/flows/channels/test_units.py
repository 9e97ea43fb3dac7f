"""What a mapped listing shows: R5 and R25 over its own locations."""

import pytest

from inventory_stream.flows.channels.units import wanted
from inventory_stream.ports.integrations import MappedListing
from inventory_stream.ports.shelf import SkuStatements
from models.rows import BackorderRow, ChannelPolicyRow, FenceRow
from tests.fakes.ledger_mirror import FakeMirror

EVERYWHERE = MappedListing("L", "SKU", (), 1)
HERE = MappedListing("L", "SKU", ("DC1",), 1)


def policy(**changes: object) -> ChannelPolicyRow:
    """Give a policy of the channel for any SKU that changes nothing, but for `changes`."""
    fields: dict[str, object] = {
        "term": 0,
        "channel": "shop",
        "sku": None,
        "percent": 100,
        "cap": None,
        "buffer": 0,
        "floor": 0,
        "preorder": False,
        "version": 1,
    }
    return ChannelPolicyRow(**{**fields, **changes})  # type: ignore[arg-type]  # the fields above


def fence(location: str, units: int, *, spill_over: bool, channel: str = "shop") -> FenceRow:
    """Give a ring-fence of the SKU, nothing of it used."""
    return FenceRow(0, channel, "SKU", location, units, units, spill_over, 0)


@pytest.mark.parametrize(
    ("mapped", "stated", "units"),
    [
        (EVERYWHERE, SkuStatements(), 15),
        (HERE, SkuStatements(), 10),
        (MappedListing("L", "SKU", ("DC9",), 1), SkuStatements(), 0),
        (EVERYWHERE, SkuStatements(policies=(policy(percent=50),)), 7),
        (HERE, SkuStatements(policies=(policy(percent=50, buffer=1),)), 4),
        (HERE, SkuStatements(policies=(policy(sku="SKU", cap=3), policy(percent=10))), 3),
        (HERE, SkuStatements(policies=(policy(channel="other", percent=10),)), 10),
        (HERE, SkuStatements(fences=(fence("DC1", 2, spill_over=False),)), 2),
        (EVERYWHERE, SkuStatements(fences=(fence("DC1", 2, spill_over=False),)), 7),
        (HERE, SkuStatements(fences=(fence("DC2", 2, spill_over=True),)), 10),
        (
            HERE,
            SkuStatements(
                policies=(policy(preorder=True),),
                backorders=(
                    BackorderRow(0, "SKU", "DC1", 5, 1, None),
                    BackorderRow(0, "SKU", "DC2", 9, 0, None),
                ),
            ),
            14,
        ),
    ],
    ids=[
        "everywhere",
        "one-location",
        "no-such-location",
        "percent",
        "percent-and-buffer",
        "own-policy-first",
        "another-channels-policy",
        "closed-fence",
        "closed-fence-at-one-of-two",
        "fence-elsewhere",
        "preorder-here",
    ],
)
def test_a_listing_shows_what_its_channel_may_sell_at_its_locations(
    mapped: MappedListing, stated: SkuStatements, units: int
) -> None:
    """Fences, backorders and stock of other locations count nothing; the policy is applied to the sum."""
    mirror = FakeMirror()
    mirror.set("SKU", 10)
    mirror.set("SKU", 5, "DC2")
    mirror.state("SKU", stated)
    found = wanted(mirror, mapped, "shop", 1_000)
    assert found is not None
    assert found.units == units


def test_a_channel_is_told_no_more_than_it_can_show() -> None:
    """A quantity above the channel's bound is cut to it."""
    mirror = FakeMirror()
    mirror.set("SKU", 5_000)
    found = wanted(mirror, EVERYWHERE, "shop", 999)
    assert found is not None
    assert found.units == 999


def test_over_committed_stock_is_zero() -> None:
    """What is promised beyond what there is makes nothing negative."""
    mirror = FakeMirror()
    mirror.set("SKU", -4)
    found = wanted(mirror, EVERYWHERE, "shop", 999)
    assert found is not None
    assert found.units == 0


def test_nothing_is_said_of_what_is_not_known() -> None:
    """An unknown SKU, or a ledger that was not read to its end, gives no quantity."""
    mirror = FakeMirror()
    assert wanted(mirror, EVERYWHERE, "shop", 999) is None
    mirror.set("SKU", 1)
    mirror.is_read = False
    assert wanted(mirror, EVERYWHERE, "shop", 999) is None


def test_whose_version_it_is_is_said() -> None:
    """A SKU that changed its product is in another partition, and its versions are another count (R30)."""
    mirror = FakeMirror()
    mirror.set("SKU", 3)
    mirror.partitions["SKU"] = 5
    found = wanted(mirror, HERE, "shop", 100)
    assert found is not None
    assert (found.version, found.partition) == (mirror.version("SKU"), 5)
