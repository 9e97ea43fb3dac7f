"""A line that carries a reservation id, which came through a browser: sold once, of its own pool."""

import itertools
import random

import pytest

from inventory_stream.errors import UnreachableError
from inventory_stream.ledger.invariants import assert_sound
from models.channels import (
    ChangedLine,
    ChannelEvent,
    LinesCancelled,
    LinesReturned,
    LinesShipped,
    OrderTaken,
    SoldLine,
)
from models.commands import Confirm, OpenPool, RecordOrder, Release, Reserve, SetPurchaseLimit, Sync
from models.outcomes import Outcome
from tests.fakes.desk import START_MS
from tests.unit.flows.channels.inbound.inbound_world import PLACED_MS, World

OURS = "A." + "a" * 26
OTHER = "A." + "b" * 26
OF_B = "B." + "c" * 26
SALE = "sale:S"


def held(units: int = 2, word: str = OURS, **stock: int) -> World:
    """Give a world with a reservation of SKU A."""
    world = World()
    world.stock(**(stock or {"A": 5}))
    reserve(world, word, units)
    assert world.units("A")[1] == units
    return world


def reserve(world: World, word: str, units: int, path: str = "common", customer: str | None = None) -> None:
    """Reserve units of SKU A."""
    world.desk.decide(
        Reserve(
            id=f"reserve-{word}",
            reservation_id=word,
            sku="A",
            units=units,
            ttl_seconds=60,
            location="DC1",
            path=path,
            customer=customer,
        )
    )


def order(order_id: str, *lines: SoldLine, is_paid: bool = True, as_of_ms: int = 0) -> OrderTaken:
    """Give an order of some lines."""
    return OrderTaken(order_id, PLACED_MS, lines, is_paid, as_of_ms)


def line(units: int = 2, word: str | None = OURS, line_id: str = "1", sku: str = "A") -> SoldLine:
    """Give a line that carries a word."""
    return SoldLine(line_id, units, sku=sku, reservation_id=word)


def off(
    order_id: str = "O", units: int | None = None, word: str | None = None, line_id: str = "1"
) -> LinesCancelled:
    """Give a cancel of a line."""
    changed = ChangedLine(line_id, units, sku="A", reservation_id=word)
    return LinesCancelled(order_id, f"cancel-{units}", PLACED_MS + 10, (changed,))


def outcomes(world: World) -> list[Outcome]:
    """Give what the ledger answered to each reservation's commands, by what its rows keep."""
    return [
        Outcome(answer.outcome) for row in world.desk.state.reservations.values() for answer in row.answers
    ]


async def test_the_checkout_of_a_sale_may_be_the_channels() -> None:
    """The unit of the pool is confirmed where common is empty: nothing is short, the limit counts it."""
    world = World()
    world.stock(A=3)
    decide = world.desk.decide
    decide(
        OpenPool(
            id="p",
            sale_id="S",
            sku="A",
            location="DC1",
            units=3,
            starts_at=PLACED_MS,
            ends_at=START_MS + 3_600_000,
        )
    )
    decide(
        SetPurchaseLimit(id="l", limit_id="L", sku="A", units=1, ends_at=START_MS + 3_600_000, sale_id="S")
    )
    reserve(world, OURS, 1, SALE, "ann")
    await world.take(order("O", line(1)))
    assert world.units("A") == (3, 0, 1, 0)
    assert world.desk.state.reservations[OURS].paid_order_id == "O"
    reserve(world, OTHER, 1, SALE, "ann")
    assert Outcome.LIMIT_REACHED in outcomes(world)
    for number, who in enumerate(["bob", "eve"]):
        word = f"A.{'bc'[number] * 26}"
        reserve(world, word, 1, SALE, who)
        await world.take(order(f"O{number}", line(1, word)))
    assert world.units("A") == (3, 0, 3, 0)
    assert Outcome.RECORDED_SHORT not in outcomes(world)


@pytest.mark.parametrize("is_paid", [False, True])
async def test_an_order_that_carries_a_reservation_is_its_confirm(*, is_paid: bool) -> None:
    """R20: one command, and told again nothing moves."""
    world = held(A=2)
    for paid in (is_paid, True):
        await world.take(order("O", line(), is_paid=paid))
        assert world.units("A") == (2, 0, 2, 0)
    assert {type(command) for command in world.sink.sent} == {RecordOrder}
    assert {getattr(command, "reservation_id", None) for command in world.sink.sent} == {OURS}


async def test_a_paid_order_whose_reservation_expired_is_not_lost() -> None:
    """The channel has the money: the order is recorded although the hold is over (R17, R20)."""
    world = held(A=2)
    world.desk.now_ms += 120_000
    await world.take(order("O", line()))
    assert world.units("A") == (2, 0, 2, 0)


async def test_an_order_that_comes_before_its_reservation_is_sold_once() -> None:
    """The two come by different ways: what is reserved after all holds nothing more."""
    world = World()
    world.stock(A=5)
    await world.take(order("O", line()))
    reserve(world, OURS, 2)
    assert world.units("A") == (5, 0, 2, 0)


async def test_a_second_order_with_the_same_word_takes_units_of_its_own() -> None:
    """Its cancel leaves what the first one has, and the first one's cancel what it has."""
    world = held(A=9)
    await world.take(order("1", line()))
    await world.take(order("2", line()))
    assert world.units("A") == (9, 0, 4, 0)
    await world.take(off("2", word=OURS))
    assert world.units("A") == (9, 0, 2, 0)
    assert sum(row.allocated for row in world.desk.state.reservations[OURS].lines) == 2
    await world.take(off("1"))
    assert world.units("A") == (9, 0, 0, 0)


async def test_two_lines_of_one_order_do_not_share_a_reservation() -> None:
    """The first is it; the other takes units of its own, none is counted twice."""
    world = held(1, A=5)
    await world.take(order("O", line(1), line(1, line_id="2")))
    assert world.units("A") == (5, 0, 2, 0)
    await world.take(off(line_id="2", word=OURS))
    assert world.units("A") == (5, 0, 1, 0)
    assert world.desk.state.reservations[OURS].lines[0].allocated == 1


async def test_a_line_has_one_reservation_whatever_it_carries_later() -> None:
    """Another word in a later telling does not take its units a second time."""
    world = held(A=9)
    reserve(world, OTHER, 2)
    await world.take(order("O", line(), as_of_ms=PLACED_MS + 1))
    await world.take(order("O", line(3, OTHER), as_of_ms=PLACED_MS + 2))
    assert world.units("A") == (9, 2, 3, 0)


@pytest.mark.parametrize(
    "word", [OF_B, "zzz", "shop:nl%3A1:1001:1", "sha256-" + "0" * 64, "A." + "a" * 25, "A." + "A" * 26]
)
async def test_a_word_that_is_no_reservation_of_the_lines_sku_is_ignored(word: str) -> None:
    """A stranger's of another SKU, an invented one, the id of an order's line: nobody's units are touched."""
    world = World()
    world.stock(A=5, B=5)
    hold = Reserve(id="h", reservation_id=OF_B, sku="B", units=2, ttl_seconds=60, location="DC1")
    world.desk.decide(hold)
    await world.take(order("1002", line(word=word)))
    await world.take(order("1001", SoldLine("1", 2, sku="A")))
    assert (world.units("A"), world.units("B")) == ((5, 0, 4, 0), (5, 2, 0, 0))
    await world.take(off("1002", word=word))
    assert (world.units("A"), world.units("B")) == ((5, 0, 2, 0), (5, 2, 0, 0))
    assert not world.account.notes


async def test_a_release_of_a_made_up_id_does_not_call_an_order_off() -> None:
    """Anybody may release over HTTP; the order that carries the id then is sold all the same."""
    world = World()
    world.stock(A=5)
    world.desk.decide(Release(id="r", reservation_id=OURS, sku="A"))
    await world.take(order("O", line()))
    assert world.units("A") == (5, 0, 2, 0)


async def test_what_is_paid_over_http_is_not_sold_to_the_channels_order_nor_freed_by_it() -> None:
    """The exception names the second sale; its cancel moves nothing (R20)."""
    world = held(A=5)
    world.desk.decide(Confirm(id="paid", reservation_id=OURS, sku="A", order_id="H"))
    await world.take(order("O", line()))
    assert outcomes(world)[-1] is Outcome.ANOTHER_ORDER
    await world.take(off(word=OURS))
    assert world.units("A") == (5, 0, 2, 0)


HISTORY: tuple[ChannelEvent, ...] = (
    order("O", line(3), is_paid=False, as_of_ms=PLACED_MS),
    order("O", line(4, None), as_of_ms=PLACED_MS + 5),
    off(units=1, word=OURS),
)
CALLED_OFF = LinesCancelled("O", "off", PLACED_MS + 20, off(word=OURS).lines, as_of_ms=PLACED_MS + 20)


@pytest.mark.parametrize("is_off", [False, True])
@pytest.mark.parametrize("is_reserved", [False, True])
async def test_any_order_of_what_is_told_ends_alike(*, is_reserved: bool, is_off: bool) -> None:
    """R21, R27: cancels before their order, repeats, before and after the reservation, all of one line."""
    events = (*HISTORY[:1], *HISTORY[2:], CALLED_OFF) if is_off else HISTORY
    for told in itertools.permutations(events):
        if told[0] is HISTORY[1]:
            continue  # what carries nothing and comes first is of a line of its own
        world = held(3, A=9) if is_reserved else World()
        world.stock(A=9)
        for event in (*told, *told):
            await world.take(event)
        sold = sum(row.allocated for row in world.desk.state.reservations[OURS].lines)
        assert (sold, world.units("A")[2]) == ((0, 0) if is_off else (3, 3)), told
        assert set(world.desk.state.reservations) == {OURS}


async def test_a_change_of_the_same_telling_is_of_the_reservation_though_it_comes_first() -> None:
    """A channel that is asked tells cancel and order together; only the order carries the word."""
    world = held(2, A=5)
    await world.take(off(units=1), order("O", line(), as_of_ms=PLACED_MS))
    assert world.desk.state.reservations[OURS].lines[0].allocated == 1
    assert {getattr(command, "reservation_id", None) for command in world.sink.sent} == {OURS}


async def test_a_cancel_finds_the_reservation_where_it_was_made() -> None:
    """The place that a channel names for its line need not be that of our reservation."""
    world = World()
    world.desk.decide(Sync("count", "A", "DC2", on_hand=5, effective_at=PLACED_MS))
    world.desk.decide(Reserve("h", OURS, "A", 2, 60, location="DC2"))
    await world.take(order("O", line()))
    assert world.units("A", "DC2") == (5, 0, 2, 0)
    changed = ChangedLine("1", 1, sku="A", location="p1")
    await world.take(LinesCancelled("O", "c", PLACED_MS + 10, (changed,)))
    assert world.all_units() == {("A", "DC2"): (5, 0, 1, 0)}


async def test_what_was_shipped_and_comes_back_is_the_reservations() -> None:
    """Whether it repeats the word or not."""
    world = held(A=5)
    await world.take(order("O", line()))
    shipped = ChangedLine("1", 2, sku="A")
    await world.take(LinesShipped("O", "s", PLACED_MS + 1, (shipped,)))
    assert world.units("A") == (3, 0, 0, 0)
    back = ChangedLine("1", 1, sku="A", reservation_id=OURS)
    await world.take(LinesReturned("O", "r", PLACED_MS + 2, (back,)))
    assert world.units("A") == (4, 0, 0, 0)
    assert Outcome.RETURNED in outcomes(world)


async def test_nothing_is_sent_before_it_is_durable_whose_the_reservation_is() -> None:
    """The next owner, who knows only what was kept, decides as the former one."""
    world = held(A=9)
    world.account.is_away = True
    with pytest.raises(UnreachableError):
        await world.take(order("1", line()))
    assert world.sink.sent == []
    world.account.is_away = False
    world.account.take_up()
    await world.take(order("2", line()))
    await world.take(order("1", line()))
    assert world.desk.state.reservations[OURS].paid_order_id == "1"
    assert world.units("A") == (9, 0, 4, 0)


async def test_many_orders_that_share_few_words_have_what_they_ordered() -> None:
    """Reserves, orders, cancels and next owners in any order, with repeats: no unit twice, none lost."""
    for seed in range(100):
        chance = random.Random(seed)  # a test's
        world = World()
        world.stock(A=20)
        ends_ms = START_MS + 3_600_000
        world.desk.decide(OpenPool("p", "S", "A", "DC1", 10, starts_at=PLACED_MS, ends_at=ends_ms))
        words = [f"A.{letter * 26}" for letter in "abcd"]
        steps: list[tuple[str, int] | ChannelEvent] = [(word, chance.randint(1, 2)) for word in words]
        wanted = 0
        for name in "OPQRST":
            units, word, less = (
                chance.randint(1, 2),
                chance.choice([*words, None]),
                chance.choice([None, 0, 1]),
            )
            steps.append(order(name, line(units, word), as_of_ms=PLACED_MS + 1))
            if less is not None:
                changed = ChangedLine("1", less or None, sku="A", reservation_id=word)
                as_of_ms = 0 if less else PLACED_MS + 9
                steps.append(LinesCancelled(name, "c", PLACED_MS + 9, (changed,), as_of_ms=as_of_ms))
            wanted += units if less is None else (units - 1) * less
        chance.shuffle(steps)
        for step in (*steps, *chance.sample(steps, 5)):
            if isinstance(step, tuple):
                reserve(world, *step, SALE, step[0])
            else:
                await world.take(step)
            if chance.random() < 0.2:
                world.account.take_up()
        assert_sound(world.desk.state)
        assert world.units("A")[2] == wanted, seed
