"""A listing is mapped to another SKU while orders of it are under way."""

import pytest

from inventory_stream.ports.integrations import MappedListing
from models.channels import (
    ChangedLine,
    LinesCancelled,
    LinesReturned,
    LinesShipped,
    OrderTaken,
    SoldLine,
    TillSold,
)
from tests.fakes.desk import START_MS
from tests.unit.flows.channels.inbound.inbound_world import PLACED_MS, World

MOVED_MS = START_MS
LATER_MS = START_MS + 60_000


def moved_world(*, is_moved: bool = True) -> World:
    """Give 10 units of A and of B; listing 10/1 showed A and is mapped to B since."""
    world = World()
    world.stock(A=10, B=10)
    world.account.shown["10/1"] = "A"
    if is_moved:
        move(world)
    return world


def move(world: World) -> None:
    """Map listing 10/1 to B from now on."""
    world.mapping.rows[0] = MappedListing("10/1", "B", ("DC1",), 2)
    world.mapping.version += 1


def order(order_id: str, at_ms: int = PLACED_MS) -> OrderTaken:
    """Give an order of two units."""
    return OrderTaken(order_id, at_ms, (SoldLine("1", 2, "10/1"),))


def skus_of(world: World) -> list[str]:
    """Give the SKUs, which decide the partitions, of all commands that were sent."""
    return [getattr(command, "sku", "") for command in world.sink.sent]


async def test_a_repeat_of_an_order_after_its_listing_moved_takes_nothing_a_second_time() -> None:
    """What was taken of the former SKU is not taken of the new one, too; a new order is the new one's."""
    world = moved_world(is_moved=False)
    await world.take(order("1"))
    assert world.units("A") == (10, 0, 2, 0)
    move(world)
    await world.take(order("1"))
    assert (world.units("A"), world.units("B")) == ((10, 0, 2, 0), (10, 0, 0, 0))
    await world.take(order("2", LATER_MS))
    assert (world.units("A"), world.units("B")) == ((10, 0, 2, 0), (10, 0, 2, 0))
    # Two SKUs are of one partition here, where a repeat is known anyway; elsewhere they are of two.
    assert skus_of(world) == ["A", "A", "B"]


async def test_a_till_sale_that_is_told_again_is_the_former_skus() -> None:
    """What was carried out before the listing moved leaves the stock of the former SKU, once."""
    world = moved_world(is_moved=False)
    sale = TillSold("s1", PLACED_MS, (SoldLine("1", 1, "10/1", location="p1"),))
    await world.take(sale)
    move(world)
    await world.take(sale)
    assert (world.units("A")[0], world.units("B")[0]) == (9, 10)
    assert skus_of(world) == ["A", "A"]


@pytest.mark.parametrize("told", [{}, {"sku": "A"}, {"ordered_ms": PLACED_MS}])
async def test_a_cancel_after_the_move_frees_the_units_of_the_former_sku(told: dict[str, object]) -> None:
    """It finds its order, whether the channel says which SKU or time it was of or not."""
    world = moved_world(is_moved=False)
    await world.take(order("1"))
    move(world)
    world.account.moved.note("10/1", "B")
    line = ChangedLine("1", None, "10/1", str(told["sku"]) if "sku" in told else None)
    ordered_ms = PLACED_MS if "ordered_ms" in told else 0
    await world.take(LinesCancelled("1", "c", LATER_MS, (line,), ordered_ms=ordered_ms))
    assert (world.units("A"), world.units("B")) == ((10, 0, 0, 0), (10, 0, 0, 0))
    await world.take(order("2", LATER_MS), LinesCancelled("2", "c", LATER_MS, (line,)))
    assert (world.units("A"), world.units("B")) == ((10, 0, 0, 0), (10, 0, 0, 0))


async def test_goods_that_left_or_came_back_move_the_stock_of_one_sku_only() -> None:
    """Facts move units at once: of the order's SKU where it is known, else they wait for somebody (R21)."""
    world = moved_world(is_moved=False)
    await world.take(order("1"))
    move(world)
    line = ChangedLine("1", 2, "10/1")
    await world.take(LinesShipped("1", "s", LATER_MS, (line,), ordered_ms=PLACED_MS))
    assert (world.units("A"), world.units("B")) == ((8, 0, 0, 0), (10, 0, 0, 0))
    await world.take(LinesReturned("1", "r", LATER_MS, (line,)))
    assert (world.units("A"), world.units("B")) == ((8, 0, 0, 0), (10, 0, 0, 0))
    (letter,) = world.letters.kept.values()
    assert "has shown the SKUs B, A" in letter.reason
    named = ChangedLine("1", 2, "10/1", "A")
    await world.take(LinesReturned("1", "r", LATER_MS, (named,)))
    assert (world.units("A"), world.units("B")) == ((10, 0, 0, 0), (10, 0, 0, 0))


async def test_a_change_before_the_move_is_the_former_skus_without_a_word() -> None:
    """A return of before the move cannot be of an order that was placed after it."""
    world = moved_world(is_moved=False)
    await world.take(order("1"))
    move(world)
    line = ChangedLine("1", 2, "10/1")
    await world.take(LinesShipped("1", "s", MOVED_MS - 1, (line,)))
    assert (world.units("A"), world.units("B")) == ((8, 0, 0, 0), (10, 0, 0, 0))


async def test_a_sku_that_is_listed_no_more_is_known_to_what_follows_an_order() -> None:
    """A channel that names our SKU alone cancels an order of a SKU whose listing shows another one now."""
    world = moved_world(is_moved=False)
    await world.take(OrderTaken("1", PLACED_MS, (SoldLine("1", 2, None, "A"),)))
    move(world)
    world.account.moved.note("10/1", "B")
    await world.take(LinesCancelled("1", "c", LATER_MS, (ChangedLine("1", None, None, "A"),)))
    assert world.units("A") == (10, 0, 0, 0)
    assert not world.letters.kept
