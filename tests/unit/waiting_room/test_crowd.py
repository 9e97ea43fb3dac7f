"""Those who are connected hear the newest, at once where it matters, and never a heap of old news."""

from collections.abc import Callable
from contextlib import ExitStack

from inventory_stream.flows.waiting_room.crowd import TICKET_WATCHES_MAX, Watch
from inventory_stream.flows.waiting_room.draw import ticket_id
from inventory_stream.flows.waiting_room.sale_stock import SaleStock
from inventory_stream.flows.waiting_room.told import State, Told
from tests.unit.waiting_room.house import House


def heard(house: House, watch: Watch) -> Told | None:
    """Give what a stream would write now; None where it has nothing to write."""
    return watch.take(house.server.now_ms) if watch.changed.is_set() else None


async def opened(units: int = 10) -> House:
    """Give a room that has just opened, with nobody in it."""
    house = await House(units=units).open()
    house.to_opening()
    await house.one.directory.refresh()
    return house


async def test_position_is_told_at_most_once_a_second_and_then_the_newest() -> None:
    """Many changes within a second make one event, with the last of them."""
    house = await opened()
    people = [await house.join(f"c{number}") for number in range(5)]
    with house.one.crowd.watching(house.room, people[4]) as watch:
        await house.one.crowd.look()
        first = heard(house, watch)
        assert first is not None
        assert (first.position, first.of) == (5, 5)
        for place in people[:3]:
            house.pass_ms(200)
            await house.one.lobby.leave(house.room, place)
            await house.one.crowd.look()
            assert heard(house, watch) is None
        house.pass_ms(500)
        await house.one.crowd.look()
        last = heard(house, watch)
        assert last is not None
        assert (last.position, last.of) == (2, 2)
        house.pass_ms(5_000)
        await house.one.crowd.look()
        assert heard(house, watch) is None  # nothing new: no event


async def test_admission_is_told_at_the_next_look_without_waiting_for_a_second() -> None:
    """The clock of an admission runs, so that its holder hears of it at once."""
    house = await opened(units=1)
    place = await house.join("c")
    with house.one.crowd.watching(house.room, place) as watch:
        await house.one.crowd.look()
        assert heard(house, watch) is not None
        assert await house.two.admitter.step() == 1
        await house.one.crowd.look()
        told = heard(house, watch)
        assert told is not None
        assert (told.state, told.until_ms) == (State.ADMITTED, house.server.now_ms + 60_000)


async def test_everybody_hears_sold_out_at_once_and_that_units_came_back() -> None:
    """Sold out is told from the gateway's own memory, without asking anybody, also to who is in."""
    house = await opened(units=1)
    people = [await house.join(f"c{number}") for number in range(40)]
    await house.one.admitter.step()
    with ExitStack() as stack:
        watches = [stack.enter_context(house.one.crowd.watching(house.room, place)) for place in people]
        await house.one.crowd.look()
        house.one.crowd.look_at_stock()
        assert [told.state for told in map(watch_take(house), watches)] == [
            State.ADMITTED,
            *[State.WAITING] * 39,
        ]
        house.server.is_gone = True
        house.stocks.now = SaleStock(0, is_all_held=True)
        house.one.crowd.look_at_stock()
        assert all(told.is_all_held for told in map(watch_take(house), watches))
        house.stocks.now = SaleStock(0, is_sold_out=True)
        house.one.crowd.look_at_stock()
        assert {told.state for told in map(watch_take(house), watches)} == {State.SOLD_OUT}
        house.server.is_gone = False
        house.stocks.now = SaleStock(1)
        house.one.crowd.look_at_stock()
        assert [told.position for told in map(watch_take(house), watches)] == [None, *range(1, 40)]


def watch_take(house: House) -> Callable[[Watch], Told]:
    """Give what hears from a watch, or fails."""

    def take(watch: Watch) -> Told:
        told = heard(house, watch)
        assert told is not None
        return told

    return take


async def test_flush_puts_connected_people_back_in_their_order_by_itself() -> None:
    """Nobody has to reload after Redis lost everything: the gateways bring their tickets back."""
    house = await opened(units=0)
    people = [await house.join(f"c{number}") for number in range(6)]
    with ExitStack() as stack:
        for at in (4, 1, 3):
            stack.enter_context((house.one, house.two)[at % 2].crowd.watching(house.room, people[at]))
        house.pass_ms(50)
        house.server.flush()
        newcomer = None
        for gateway in (house.one, house.two):
            await gateway.crowd.look()
            newcomer = newcomer or await house.join("newcomer")
        house.stocks.now = SaleStock(10)
        assert await house.one.admitter.step() == 0
        house.pass_ms(10_001)
        admitted = await house.one.rooms.admit(house.room, "g1", 10)
        assert admitted == [ticket_id("drop", name) for name in ("c1", "c3", "c4", "newcomer")]


async def test_flush_gives_nobody_a_second_admission_who_is_in() -> None:
    """Who was in before the flush goes on with the signed admission and takes no new place."""
    house = await opened(units=1)
    place = await house.join("c")
    await house.one.admitter.step()
    with house.one.crowd.watching(house.room, place) as watch:
        await house.one.crowd.look()
        until_ms = watch_take(house)(watch).until_ms
        house.server.flush()
        await house.one.crowd.look()
        house.pass_ms(20_000)
        await house.one.crowd.look()
        assert await house.one.admitter.step() == 0
        assert heard(house, watch) is None
        house.pass_ms(40_000)
        await house.one.crowd.look()
        assert watch_take(house)(watch).state is not State.ADMITTED
        assert until_ms == house.server.now_ms


async def test_server_that_is_gone_is_told_and_so_is_its_return() -> None:
    """Positions that may be old are marked so, once; the place itself is not lost."""
    house = await opened()
    place = await house.join("c")
    with house.one.crowd.watching(house.room, place) as watch:
        await house.one.crowd.look()
        assert watch_take(house)(watch).is_current
        house.server.is_gone = True
        await house.one.crowd.look()
        told = watch_take(house)(watch)
        assert (told.is_current, told.position) == (False, 1)
        await house.one.crowd.look()
        assert heard(house, watch) is None
        house.server.is_gone = False
        await house.one.crowd.look()
        assert watch_take(house)(watch).is_current


async def test_ticket_may_have_few_streams_and_a_reload_is_never_refused() -> None:
    """One more stream of a ticket ends the oldest, and nothing is left of any once they are closed."""
    house = await opened()
    place = await house.join("c")
    with ExitStack() as stack:
        watches = [
            stack.enter_context(house.one.crowd.watching(house.room, place))
            for _ in range(TICKET_WATCHES_MAX + 1)
        ]
        assert [watch.is_ended for watch in watches] == [True, *[False] * TICKET_WATCHES_MAX]
        assert house.one.crowd.streams == TICKET_WATCHES_MAX + 1
    assert house.one.crowd.streams == 0
    assert not house.one.crowd._groups


async def test_connected_people_stay_there_and_others_are_passed_over() -> None:
    """A stream is presence enough; who closed the page an hour ago costs those who wait nothing."""
    house = await opened(units=0)
    gone, here = await house.join("gone"), await house.join("here")
    with house.one.crowd.watching(house.room, here):
        for _ in range(8):
            house.pass_ms(10_000)
            await house.one.crowd.look()
        house.stocks.now = SaleStock(1)
        assert await house.one.rooms.admit(house.room, "g1", 1) == [here.ticket_id]
    view = (await house.one.lobby.stand(house.room, [gone]))[0]
    assert view.standing.position == 1


async def test_over_admission_lets_more_in_than_there_are_units_and_no_more() -> None:
    """The factor of the room counts people per 100 units; those in flight count against it."""
    house = House(units=10)
    house.room = type(house.room)("drop", house.room.opens_ms, house.room.closes_ms, 60, 150, "1")
    await house.open()
    house.to_opening()
    for number in range(40):
        await house.join(f"c{number}")
    assert await house.one.admitter.step() == 15
    assert await house.one.admitter.step() == 0
    assert await house.two.admitter.step() == 0


async def test_gateway_that_does_not_know_the_stock_lets_nobody_in() -> None:
    """An old shelf must not admit people for units that are gone; another gateway takes the door."""
    house = await opened()
    await house.join("c")
    house.stocks.now = None
    assert await house.one.admitter.step() == 0
    house.stocks.now = SaleStock(1)
    assert await house.two.admitter.step() == 1


async def test_estimate_follows_the_pace_of_the_last_minute() -> None:
    """At one person every two seconds, the tenth in the row is told twenty seconds."""
    house = await opened(units=0)
    people = [await house.join(f"c{number}") for number in range(60)]
    for number in range(30):
        house.stocks.now = SaleStock(number + 1)
        await house.one.lobby.stand(house.room, people)
        assert await house.one.admitter.step() == 1
        house.pass_ms(2_000)
    (view,) = await house.one.lobby.stand(house.room, [people[39]])
    assert view.standing.position == 10
    assert view.estimate_seconds in range(19, 22)
