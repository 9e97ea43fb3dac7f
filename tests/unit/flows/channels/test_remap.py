"""A changed mapping is followed in portions, while everything else goes on."""

from inventory_stream.flows.channels.board import Board
from inventory_stream.flows.channels.changes import MOVED_AT_ONCE, Changes
from inventory_stream.ports.integrations import MappedListing
from inventory_stream.ports.projection import Version
from tests.fakes.channel import CAPS
from tests.fakes.ledger_mirror import FakeMapping, FakeMirror

NOW_MS = 1_000_000
LISTINGS = 3 * MOVED_AT_ONCE + 1


class Portions(FakeMapping):
    """A mapping of many listings, one for each SKU."""

    def __init__(self, name: str) -> None:
        super().__init__([])
        self.show(name)

    def show(self, name: str) -> None:
        """Have listings of this name show the SKUs."""
        rows = [MappedListing(f"{name}{number}", f"S{number}", (), 1) for number in range(LISTINGS)]
        self._by_listing = {row.listing: row for row in rows}
        self._by_sku = {row.sku: [row] for row in rows}
        self.put(rows)

    def of_listing(self, channel: str, account: str, listing: str) -> MappedListing | None:
        """See the port."""
        del channel, account
        return self._by_listing.get(listing)

    def of_sku(self, channel: str, account: str, sku: str) -> list[MappedListing]:
        """See the port."""
        del channel, account
        return self._by_sku.get(sku, [])


def world() -> tuple[Board, Changes, Portions, FakeMirror]:
    """Give an account of many listings that all wait to be told 10."""
    mapping, mirror = Portions("a"), FakeMirror()
    for number in range(LISTINGS):
        mirror.set(f"S{number}", 10)
    board = Board(CAPS, account="shop/one", raise_hold_ms=0, mass_change_share=0.5)
    changes = Changes(mapping, "shop", "one", mirror, CAPS.units_max)
    board.set_listings({mapped.listing: mapped.sku for mapped in changes.listings}, NOW_MS)
    changes.scan()
    while changes.has_more:
        changes.drain(board, NOW_MS)
    return board, changes, mapping, mirror


def test_a_new_mapping_is_followed_in_portions_and_then_looked_at() -> None:
    """What went goes first, a portion a turn, then what came; in the end all show the ledger's units."""
    board, changes, mapping, _ = world()
    mapping.show("b")
    changes.remap(list)
    assert changes.is_scan_due
    changes.scan()
    turns = 0
    while changes.has_more and not all(name.startswith("b") for name in board.listings):
        before = set(board.listings)
        changes.drain(board, NOW_MS)
        assert len(before.symmetric_difference(board.listings)) <= MOVED_AT_ONCE
        turns += 1
    assert turns >= LISTINGS // MOVED_AT_ONCE
    while changes.has_more:
        changes.drain(board, NOW_MS)
    assert set(board.listings) == {f"b{number}" for number in range(LISTINGS)}
    assert board.sides("b7", NOW_MS).published == 10


def test_zeros_do_not_wait_for_a_mapping_that_is_being_followed() -> None:
    """A SKU that sells out meanwhile is the next request, where its listing did not change."""
    board, changes, mapping, mirror = world()
    mapping.show("a")
    changes.remap(list)
    changes.drain(board, NOW_MS)
    mirror.set("S7", 0)
    changes.note(["S7"], NOW_MS)
    changes.drain(board, NOW_MS)
    assert changes.has_more
    batch = board.take(NOW_MS, zeros_only=True)
    assert batch is not None
    assert [push.listing for push in batch.pushes] == ["a7"]


def test_units_of_a_listings_new_sku_wait_until_it_shows_that_sku() -> None:
    """Versions of two SKUs are never compared: the change comes with the look at all listings."""
    board, changes, mapping, mirror = world()
    mapping._by_listing["a0"] = moved = MappedListing("a0", "S9", (), 1)
    mapping._by_sku["S9"] = [moved]
    mapping.put([moved])
    mirror.set("S9", 3)
    changes.remap(list)
    changes.note(["S9"], NOW_MS)
    changes.drain(board, NOW_MS)
    assert board.sides("a0", NOW_MS).published == 10
    changes.scan()
    while changes.has_more:
        changes.drain(board, NOW_MS)
    assert board.sides("a0", NOW_MS).published == 3


def test_a_mapping_that_changes_again_is_followed_from_its_begin() -> None:
    """Of the one between nothing is left."""
    board, changes, mapping, _ = world()
    mapping.show("b")
    changes.remap(list)
    for _ in range(6):
        changes.drain(board, NOW_MS)
    mapping.show("c")
    changes.remap(lambda: ["c1"])
    while changes.has_more:
        changes.drain(board, NOW_MS)
    assert {name[0] for name in board.listings} == {"c"}
    board.want("c1", Version(1, 1), 5, NOW_MS, NOW_MS)
    board.want("c2", Version(1, 1), 5, NOW_MS, NOW_MS)
    batch = board.take(NOW_MS)
    assert batch is not None
    assert [push.listing for push in batch.pushes] == ["c2"]
