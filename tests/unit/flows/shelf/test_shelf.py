"""The shelf: what it keeps apart, who hears of changes, who waits, what it says while it does not know."""

import asyncio
from collections.abc import Collection

from inventory_stream.flows.shelf.names import SortedNames
from inventory_stream.flows.shelf.shelf import MemoryShelf
from inventory_stream.ports.ledger_log import LedgerRecord
from inventory_stream.ports.projection import Version
from models import commands as c
from models.rows import ChannelPolicyRow, channel_policy_key, encode_row, position_key
from tests.unit.flows.shelf.mirrored import GENERATION_MS, Mirrored
from tests.unit.ledger.table import NOON

Heard = list[Collection[str]]
BUSY = c.Adjust("a1", "SKU1", "L1", 5, NOON)


def test_ids_with_separators_are_what_they_were() -> None:
    """A SKU with slashes and percent signs is found under its own name and no other."""
    mirrored = Mirrored()
    mirrored.ask(c.Adjust("a1", "a/b%2F{c}", "L/1", 5, NOON))
    (view, other) = mirrored.shelf.availability(["a/b%2F{c}", "a%2Fb"])
    assert view is not None
    assert view.shown.locations == {"L/1": 5}
    assert other is None
    assert mirrored.shelf.skus("", 10) == ["a/b%2F{c}"]


def test_a_statement_alone_makes_no_sku() -> None:
    """A limit for a SKU without a position: the ledger has no such SKU to sell."""
    mirrored = Mirrored()
    mirrored.ask(c.SetPurchaseLimit("p1", "once", "SKU9", 1, NOON + 60_000))
    assert mirrored.shelf.availability(["SKU9"]) == [None]
    assert mirrored.shelf.skus("", 10) == []
    assert mirrored.shelf.could_cover("SKU9", 1, location="L1") is None


def test_only_the_ledger_can_tell_while_the_tail_is_behind() -> None:
    """An early "sold out" must never be older than a second; what is unknown is never refused."""
    mirrored = Mirrored()
    mirrored.ask(BUSY)
    assert mirrored.shelf.could_cover("SKU1", 6, location="L1") is False
    assert mirrored.shelf.could_cover("SKU1", 5, location="L1") is True
    assert mirrored.shelf.could_cover("SKU1", 6, group="nowhere") is None
    assert mirrored.shelf.could_cover("SKU1", 6, location="L1", path="sale:none") is None
    mirrored.is_fresh = False
    assert mirrored.shelf.could_cover("SKU1", 6, location="L1") is None
    assert not mirrored.shelf.is_sku_fresh("SKU1")
    assert not mirrored.shelf.is_all_fresh()


def test_a_backorder_keeps_the_door_open() -> None:
    """R24: units may be promised before they are there, so nobody who takes those is refused early."""
    mirrored = Mirrored()
    mirrored.ask(BUSY, c.SetBackorder("b1", "SKU1", "L1", 3))
    assert mirrored.shelf.could_cover("SKU1", 6, location="L1", allow_backorder=True) is True
    assert mirrored.shelf.could_cover("SKU1", 6, location="L1") is False


def test_a_pool_covers_its_own_path_alone() -> None:
    """R3: pool units are no common units, and common ones are none of the pool's."""
    mirrored = Mirrored()
    mirrored.ask(BUSY, c.OpenPool("o1", "summer", "SKU1", "L1", 4, NOON, NOON + 60_000))
    covers = mirrored.shelf.could_cover
    assert covers("SKU1", 2, location="L1") is False
    assert covers("SKU1", 1, location="L1") is True
    assert covers("SKU1", 4, location="L1", path="sale:summer") is True
    assert covers("SKU1", 5, location="L1", path="sale:summer") is False
    breakdown = mirrored.shelf.breakdown("SKU1", location="L1", group=None, path="sale:summer")
    assert breakdown is not None
    assert (breakdown.on_hand, breakdown.fenced, breakdown.available_to_promise) == (5, 4, 1)
    assert breakdown.path_units == 4
    assert mirrored.shelf.sales("", 10) == ["summer"]
    mirrored.ask(c.ClosePool("o2", "summer", "SKU1", "L1"))
    assert covers("SKU1", 5, location="L1") is True
    assert covers("SKU1", 5, location="L1", path="sale:summer") is None


def test_watchers_hear_of_their_skus_and_no_others() -> None:
    """A change is told once to each who follows the SKU, before it exists too, until they leave."""
    mirrored = Mirrored()
    heard: Heard = []
    watch = mirrored.shelf.subscribe(["SKU1", "SKU2"], heard.append)
    mirrored.ask(BUSY, c.Adjust("a2", "SKU3", "L1", 5, NOON))
    assert [list(skus) for skus in heard] == [["SKU1"]]
    watch.close()
    watch.close()
    mirrored.ask(c.Adjust("a3", "SKU1", "L1", 1, NOON))
    assert len(heard) == 1


def test_a_policy_for_any_sku_changes_all_that_are_watched() -> None:
    """R25: what every SKU of the partition shows is as new as the policy, and who watches hears it."""
    mirrored = Mirrored()
    mirrored.ask(BUSY)
    before = mirrored.shelf.version("SKU1")
    heard: Heard = []
    mirrored.shelf.subscribe(["SKU1", "SKU7"], heard.append)
    mirrored.ask(c.SetChannelPolicy("p1", "web", percent=50))
    (view,) = mirrored.shelf.availability(["SKU1"])
    assert view is not None
    assert view.shown.channels == {"web": 2}
    assert before is not None
    assert view.version > before
    assert [list(skus) for skus in heard] == [["SKU1"]]
    tombstone = LedgerRecord(900, NOON, channel_policy_key("web", None), None)
    mirrored.shelf.take(0, GENERATION_MS, [tombstone])
    (view,) = mirrored.shelf.availability(["SKU1"])
    assert view is not None
    assert view.shown.channels == {}


def test_who_follows_every_sku_hears_of_each_and_of_all_when_a_policy_for_any_changes() -> None:
    """No name has to be given; what a version reflects is dated by its newest row, a policy's too."""
    mirrored = Mirrored()
    mirrored.ask(BUSY, c.Adjust("a2", "SKU3", "L1", 5, NOON))
    heard: Heard = []
    mirrored.shelf.subscribe_all(heard.append)
    mirrored.ask(c.Adjust("a3", "SKU3", "L1", 1, NOON))
    assert [sorted(skus) for skus in heard] == [["SKU3"]]
    at_ms = mirrored.shelf.changed_ms("SKU1")
    mirrored.ask(c.SetChannelPolicy("p1", "web", percent=50))
    assert [sorted(skus) for skus in heard] == [["SKU3"], ["SKU1", "SKU3"]]
    assert mirrored.shelf.changed_ms("SKU1") > at_ms
    assert mirrored.shelf.changed_ms("SKU99") == 0


def test_a_partition_that_starts_over_is_empty() -> None:
    """Truncated or made anew: nothing of before is shown, no name of it stays."""
    mirrored = Mirrored()
    mirrored.ask(BUSY, c.OpenPool("o1", "summer", "SKU1", "L1", 4, NOON, NOON + 60_000))
    mirrored.ask(c.SetPurchaseLimit("p1", "once", "SKU9", 1, NOON + 60_000))
    shelf = mirrored.shelf
    shelf.start_over(0)
    assert shelf.availability(["SKU1"]) == [None]
    assert (shelf.skus("", 10), shelf.sales("", 10), shelf.sale("summer")) == ([], [], ())
    shelf.take(0, GENERATION_MS, mirrored.records)
    assert shelf.skus("", 10) == ["SKU1"]
    # A new generation says the same by itself.
    shelf.take(0, GENERATION_MS + 1, [row for row in mirrored.records if row.key.startswith(b"c/")])
    assert shelf.skus("", 10) == []


def test_a_position_that_goes_takes_its_sku_along() -> None:
    """A tombstone of the last position: no such SKU, and no page names it."""
    mirrored = Mirrored()
    mirrored.ask(BUSY)
    gone = LedgerRecord(900, NOON, position_key("SKU1", "L1"), None)
    mirrored.shelf.take(0, GENERATION_MS, [gone])
    assert mirrored.shelf.availability(["SKU1"]) == [None]
    assert mirrored.shelf.skus("", 10) == []


async def test_who_waits_for_a_version_is_woken_by_it() -> None:
    """Read your writes: any row at or past the offset will do, and what never comes is given up."""
    mirrored = Mirrored()
    mirrored.ask(BUSY)
    last = mirrored.records[-1].offset
    assert await mirrored.shelf.wait_for(Version(GENERATION_MS, last), "SKU1", 0.01)
    assert not await mirrored.shelf.wait_for(Version(GENERATION_MS, last + 1), "SKU1", 0.01)
    assert await mirrored.shelf.wait_for(Version(GENERATION_MS - 1, last + 9), "SKU1", 0.01)
    waits = [
        asyncio.create_task(mirrored.shelf.wait_for(Version(GENERATION_MS, last + ahead), "SKU1", 5.0))
        for ahead in (1, last + 1, 900)  # the next append writes as many rows as the first
    ]
    await asyncio.sleep(0)  # they wait now
    mirrored.ask(c.Adjust("a2", "SKU1", "L1", 1, NOON))
    assert mirrored.records[-1].offset == 2 * last + 1
    assert await asyncio.wait_for(waits[0], 5)
    assert await asyncio.wait_for(waits[1], 5)
    waits[2].cancel()
    await asyncio.gather(waits[2], return_exceptions=True)
    assert not any(mirrored.shelf._arrivals._waits.values())


def test_two_partitions_are_told_apart() -> None:
    """Freshness, policies and versions are those of the SKU's own partition."""
    shelf = MemoryShelf(2, lambda _: 1, lambda partition: partition == 0, lambda partition: partition == 0)
    one, two = Mirrored(), Mirrored()
    one.ask(BUSY)
    two.ask(c.Adjust("a1", "SKU2", "L1", 5, NOON))
    shelf.take(0, GENERATION_MS, one.records)
    shelf.take(1, GENERATION_MS, two.records)
    policy = ChannelPolicyRow(0, "web", None, 50, None, 0, 0, preorder=False, version=1)
    shelf.take(
        0, GENERATION_MS, [LedgerRecord(77, NOON, channel_policy_key("web", None), encode_row(policy))]
    )
    first, second = shelf.availability(["SKU1", "SKU2"])
    assert first is not None
    assert second is not None
    assert (first.shown.channels, second.shown.channels) == ({"web": 2}, {})
    assert (first.version.offset, second.version.offset < 77) == (77, True)
    assert (shelf.is_sku_fresh("SKU1"), shelf.is_sku_fresh("SKU2")) == (True, False)
    assert (shelf.is_sku_read("SKU1"), shelf.is_sku_read("unknown"), shelf.is_all_read()) == (
        True,
        False,
        False,
    )


def test_pages_of_names_miss_nobody() -> None:
    """Whoever is there from the first page to the last is named once, in order, whatever comes and goes."""
    names = SortedNames()
    for number in range(10):
        names.add(f"n{number}")
    assert names.after("", 4) == ["n0", "n1", "n2", "n3"]
    names.add("n35")
    names.remove("n1")
    names.add("n99")
    names.remove("n99")
    assert names.after("n3", 3) == ["n35", "n4", "n5"]
    assert names.after("n5", 10) == ["n6", "n7", "n8", "n9"]
