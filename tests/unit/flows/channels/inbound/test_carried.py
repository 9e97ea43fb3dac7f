"""A line that carries a reservation id, which came through a shopper's browser: never sold twice."""

import pytest

from models.channels import ChangedLine, LinesCancelled, LinesReturned, OrderTaken, SoldLine
from models.commands import Command, RecordOrder, Release, Reserve
from tests.unit.flows.channels.inbound.inbound_world import PLACED_MS, World


def held(units: int = 2, reservation_id: str = "ours", **stock: int) -> World:
    """Give a world with a reservation of SKU A."""
    world = World()
    world.stock(**(stock or {"A": 5}))
    hold = Reserve(
        id="h", reservation_id=reservation_id, sku="A", units=units, ttl_seconds=60, location="DC1"
    )
    world.desk.decide(hold)
    assert world.units("A")[1] == units
    return world


def order(order_id: str, *lines: SoldLine, is_paid: bool = True) -> OrderTaken:
    """Give an order of some lines."""
    return OrderTaken(order_id, PLACED_MS, lines, is_paid)


def line(units: int = 2, word: str = "ours", line_id: str = "1", sku: str = "A") -> SoldLine:
    """Give a line that carries a word."""
    return SoldLine(line_id, units, sku=sku, reservation_id=word)


@pytest.mark.parametrize("is_paid", [False, True])
async def test_what_was_held_for_an_order_is_sold_once(*, is_paid: bool) -> None:
    """The reservation lets go and the order takes, one right after the other; told again nothing moves."""
    world = held(A=2)
    for paid in (is_paid, True):
        await world.take(order("O", line(), is_paid=paid))
        assert world.units("A") == (2, 0, 2, 0)
    assert [type(command) for command in world.sink.sent[:2]] == [Release, RecordOrder]
    assert world.desk.state.skus["A"]["DC1"].uncommitted == 0


async def test_a_paid_order_whose_reservation_expired_is_not_lost() -> None:
    """The channel has the money: the order is recorded although the hold is over (R17, R20)."""
    world = held(A=2)
    world.desk.now_ms += 120_000
    await world.take(order("O", line()))
    assert world.units("A") == (2, 0, 2, 0)


async def test_an_order_that_comes_before_its_reservation_is_sold_once() -> None:
    """The two come by different ways: what is reserved after all holds nothing (R21)."""
    world = World()
    world.stock(A=5)
    await world.take(order("O", line()))
    late = Reserve(id="h", reservation_id="ours", sku="A", units=2, ttl_seconds=60, location="DC1")
    world.desk.decide(late)
    assert world.units("A") == (5, 0, 2, 0)


async def test_a_second_order_with_the_same_word_takes_units_of_its_own() -> None:
    """Also of another SKU; the cancel of one leaves what the others have."""
    world = held(A=9, B=9)
    await world.take(order("1", line()))
    await world.take(order("2", line()))
    await world.take(order("3", line(sku="B")))
    assert (world.units("A"), world.units("B")) == ((9, 0, 4, 0), (9, 0, 2, 0))
    await world.take(LinesCancelled("2", "c", PLACED_MS, (ChangedLine("1", sku="A", reservation_id="ours"),)))
    assert (world.units("A"), world.units("B")) == ((9, 0, 2, 0), (9, 0, 2, 0))


async def test_two_lines_of_one_order_may_share_a_reservation() -> None:
    """Each takes its own units; nothing stays held."""
    world = held(A=5)
    await world.take(order("O", line(1), line(1, line_id="2")))
    assert world.units("A") == (5, 0, 2, 0)


async def test_who_reserves_between_the_two_commands_does_not_make_the_order_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The reservation that took the unit is the youngest: it is revoked, the unit is sold once (R11)."""
    world = held(1, A=1)
    other = Reserve(id="o", reservation_id="other", sku="A", units=1, ttl_seconds=60, location="DC1")
    send = world.sink.send

    async def interleaved(command: Command, partition_key: str | None) -> None:
        await send(command, partition_key)
        if isinstance(command, Release):
            world.desk.decide(other)

    monkeypatch.setattr(world.sink, "send", interleaved)
    await world.take(order("O", line(1)))
    assert world.units("A") == (1, 0, 1, 0)
    assert world.desk.state.reservations["other"].lines[0].revoked == 1


async def test_an_invented_word_is_no_reason_to_take_fewer_units() -> None:
    """Whether the order is paid or not; what was not told is not lost either when it is called off."""
    world = World()
    world.stock(A=5)
    await world.take(order("1", line(word="zzz"), is_paid=False), order("2", line(word="zzz")))
    assert world.units("A") == (5, 0, 4, 0)


@pytest.mark.parametrize("word", ["shop:nl%3A1:1001:1", "other:a:1:1", "sha256-" + "0" * 64])
async def test_a_word_that_may_be_the_line_of_an_order_is_ignored(word: str) -> None:
    """Whether that line was told already, or is yet to be told: nobody frees or forestalls it."""
    world = World()
    world.stock(A=5)
    await world.take(order("1002", line(word=word)))
    await world.take(order("1001", SoldLine("1", 2, sku="A")))
    assert world.units("A") == (5, 0, 4, 0)
    off = ChangedLine("1", sku="A", reservation_id=word)
    await world.take(LinesCancelled("1002", "c", PLACED_MS + 1, (off,)))
    assert world.units("A") == (5, 0, 2, 0)
    assert not any(isinstance(command, Release) for command in world.sink.sent)


async def test_what_is_sold_under_a_reservation_is_not_freed_by_whoever_names_it() -> None:
    """Only what is still held goes: a confirmed reservation is somebody's order."""
    world = held(A=5)
    world.desk.decide(RecordOrder(id="paid", reservation_id="ours", sku="A", units=2))
    await world.take(order("O", line()))
    off = ChangedLine("1", sku="A", reservation_id="ours")
    await world.take(LinesCancelled("O", "c", PLACED_MS + 1, (off,)))
    assert world.units("A") == (5, 0, 2, 0)


async def test_a_whole_cancel_frees_what_is_held_and_a_part_of_it_waits_for_its_order() -> None:
    """Whichever comes first, order or cancel, nothing stays held, and no unit is taken that is not wanted."""
    world = held(A=5)
    off = ChangedLine("1", sku="A", reservation_id="ours")
    await world.take(LinesCancelled("O", "c", PLACED_MS, (off,)), order("O", line()))
    assert world.units("A") == (5, 0, 0, 0)
    world = held(A=5)
    part = ChangedLine("1", 1, sku="A", reservation_id="ours")
    await world.take(LinesCancelled("O", "c", PLACED_MS, (part,)))
    assert world.units("A") == (5, 2, 0, 0)
    await world.take(order("O", line()))
    assert world.units("A") == (5, 0, 1, 0)


async def test_what_comes_back_is_of_the_line_whether_it_carries_the_word_or_not() -> None:
    """A refund does not repeat what the order carried."""
    world = held(A=5)
    await world.take(order("O", line()))
    await world.take(LinesCancelled("O", "c", PLACED_MS, (ChangedLine("1", 1, sku="A"),)))
    assert world.units("A") == (5, 0, 1, 0)
    back = ChangedLine("1", 1, sku="A", reservation_id="ours")
    await world.take(LinesReturned("O", "r", PLACED_MS, (back,)))
    assert world.units("A") == (6, 0, 1, 0)
