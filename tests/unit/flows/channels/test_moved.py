"""Which SKU a listing showed until when."""

import asyncio

import pytest

from inventory_stream.flows.channels.moved import FORMER_MAX, FORMER_MS, Moved
from inventory_stream.ports.integrations import MappedListing
from models.channels import MOVED, FormerSku, ListingRow, MovedRow
from tests.fakes.channel import FakeChannel
from tests.unit.flows.channels.world import AccountWorld, account_world

NOW_MS = 1_700_000_000_000


class World:
    """The notes of one account, at a time that a test sets."""

    def __init__(self, **followed: str) -> None:
        self.followed = followed
        self.now_ms = NOW_MS
        self.rows: dict[str, MovedRow | None] = {}
        self.moved = self.anew()

    def anew(self) -> Moved:
        """Give the notes of the next owner."""
        moved = Moved(self.followed.get, self.rows.__setitem__, lambda: self.now_ms)
        for listing, row in self.rows.items():
            moved.known(listing, row)
        return moved


def test_a_listing_that_never_moved_has_no_note() -> None:
    """Reading lines of it keeps nothing and waits for nothing."""
    world = World(L="A")
    assert world.moved.sku_then("L", "A", 0) == "A"
    assert world.moved.skus_until("L", "A", NOW_MS) == ("A",)
    assert world.moved.sku_then("new", "B", 0) == "B"
    assert (world.rows, world.moved.take_asked()) == ({}, {})


def test_the_first_line_that_is_read_by_a_new_mapping_makes_the_note() -> None:
    """No line is read as the new SKU while one of the same time may still be read as the former."""
    world = World(L="A")
    assert world.moved.sku_then("L", "B", NOW_MS - 1) == "A"
    assert world.moved.sku_then("L", "B", NOW_MS) == "B"
    world.now_ms += 10_000
    world.moved.note("L", "B")
    assert world.moved.sku_then("L", "B", NOW_MS) == "B"
    assert world.moved.take_asked() == {"L": MovedRow("B", (FormerSku("A", NOW_MS),))}


def test_an_order_of_a_clock_that_runs_ahead_stays_with_the_sku_that_it_was_read_as() -> None:
    """Told again after the listing moved it is read alike; a clock that is hours ahead is not followed."""
    world = World(L="A")
    for ahead_ms in (10_000, 3_600_000):
        world.moved.sku_then("L", "A", NOW_MS + ahead_ms)
    assert world.moved.sku_then("L", "B", NOW_MS + 10_000) == "A"
    assert world.moved.sku_then("L", "B", NOW_MS + 3_600_000) == "B"


def test_former_skus_are_few_and_end() -> None:
    """The newest three of 100 days are known; after that nothing is kept of the listing."""
    world = World(L="S0")
    for number in range(1, FORMER_MAX + 3):
        world.now_ms += 1_000
        world.moved.note("L", f"S{number}")
        world.followed["L"] = f"S{number}"
    row = world.rows["L"]
    assert row is not None
    assert [former.sku for former in row.former] == ["S2", "S3", "S4"]
    assert world.moved.skus_until("L", "S5", NOW_MS + 4_500) == ("S4", "S3", "S2")
    world.now_ms += FORMER_MS + 1
    world.anew().begin()
    assert world.rows == {"L": None}


@pytest.mark.parametrize("told", ["A", ""])
def test_what_changed_while_nobody_owned_the_account_is_noted_by_the_next_owner(told: str) -> None:
    """The SKU of what was told last is compared with the mapping; a row without a SKU says nothing."""
    world = World(L="B")
    world.moved.told("L", told)
    world.moved.begin()
    assert world.moved.sku_then("L", "B", NOW_MS - 1) == (told or "B")


def test_a_listing_that_went_and_came_back_as_another_sku_keeps_its_past() -> None:
    """The board follows it no more in between; the note does."""
    world = World(L="A")
    world.moved.note("L", "")
    del world.followed["L"]
    world.now_ms += 1_000
    assert world.moved.has_shown("A")
    world.moved.note("L", "B")
    assert world.rows["L"] == MovedRow("B", (FormerSku("A", NOW_MS),))
    assert world.anew().sku_then("L", "B", NOW_MS - 1) == "A"


def remapped(world: AccountWorld) -> None:
    """Give L0 the SKU S9."""
    world.mapping.put([MappedListing("L0", "S9", (), 1)])


async def test_a_note_is_kept_before_a_line_is_sent_and_known_to_the_next_owner() -> None:
    """Lines that were read by a new note wait until it is durable; the next owner reads them alike."""
    async with account_world(FakeChannel(), listings=1) as world:
        remapped(world)
        now_ms = world.account.parts.now_ms()
        assert world.account.moved.sku_then("L0", "S9", now_ms - 1_000) == "S0"
        await asyncio.wait_for(world.account.notes_kept(), 5)
        row = world.row(f"{MOVED}L0")
        assert isinstance(row, MovedRow)
        assert row.former[0].sku == "S0"
        anew = world.new_account()
        anew.known(f"{MOVED}L0", row)
        anew.known("L0", ListingRow(0, 0, 0, 0, sku="S9"))
        anew.moved.begin()
        assert anew.moved.sku_then("L0", "S9", now_ms - 1_000) == "S0"
        assert anew.moved.sku_then("L0", "S9", row.former[0].until_ms) == "S9"


async def test_a_changed_mapping_is_noted_though_no_order_comes() -> None:
    """A cancel may come weeks after the listing moved."""
    async with account_world(FakeChannel(), listings=1) as world:
        remapped(world)
        world.account.remap()
        await world.until(lambda: world.row(f"{MOVED}L0"))
        row = world.row(f"{MOVED}L0")
        assert isinstance(row, MovedRow)
        assert (row.sku, row.former[0].sku) == ("S9", "S0")
