"""Which sales have a room: never forgotten for a server that is gone or was flushed."""

import pytest

from inventory_stream.errors import UnreachableError
from inventory_stream.flows.waiting_room.directory import RoomsUnknownError
from tests.unit.waiting_room.house import HOUR_MS, House

DAY_MS = 86_400_000


async def test_room_of_one_gateway_is_known_to_the_other_after_a_reading() -> None:
    """A reservation at any gateway needs the admission, whichever gateway opened the room."""
    house = House()
    await house.one.directory.open_room(house.room)
    assert house.two.directory.find("drop") is None
    await house.refresh()
    assert house.two.directory.find("drop") == house.room
    assert house.two.directory.needs_admission("drop", None)
    assert not house.two.directory.needs_admission("other", None)


async def test_known_room_stays_known_while_the_server_is_gone() -> None:
    """A sale does not lose its room because Redis cannot be asked."""
    house = await House().open()
    house.server.is_gone = True
    with pytest.raises(UnreachableError):
        await house.one.directory.refresh()
    house.pass_ms(200_000)
    assert house.one.directory.needs_admission("drop", house.room.opens_ms)
    assert not house.one.directory.is_reachable


async def test_flushed_room_is_put_back_by_whoever_knows_it() -> None:
    """A flush is noticed at the next reading: the terms are the same, and nobody goes in for a while."""
    house = await House().open()
    house.to_opening()
    house.server.flush()
    await house.two.directory.refresh()
    assert house.server.terms == {"drop": house.room}
    await house.join("early")
    assert await house.one.admitter.step() == 0
    house.pass_ms(10_001)
    assert await house.one.admitter.step() == 1


async def test_sale_without_a_room_goes_on_while_the_server_is_gone() -> None:
    """A list that was read after the last moment for opening a room says that there is none, for good."""
    house = await House().open()
    starts_ms = house.server.now_ms + 4_000
    await house.refresh()
    house.server.is_gone = True
    house.pass_ms(DAY_MS)
    assert not house.one.directory.needs_admission("plain", starts_ms)


async def test_sale_that_started_unseen_is_not_taken_for_one_without_a_room() -> None:
    """A room may have been opened since the list was last read: nobody gets past it meanwhile."""
    house = await House().open()
    starts_ms = house.server.now_ms + 60_000
    house.server.is_gone = True
    assert not house.one.directory.needs_admission("plain", starts_ms)  # the ledger refuses it still
    house.pass_ms(60_000)
    with pytest.raises(RoomsUnknownError, match="plain"):
        house.one.directory.needs_admission("plain", starts_ms)
    house.server.is_gone = False
    await house.refresh()
    assert not house.one.directory.needs_admission("plain", starts_ms)


async def test_sale_that_the_shelf_does_not_know_needs_a_recent_list() -> None:
    """Without a start to go by, only a list that was read just now says that there is no room."""
    house = await House().open()
    assert not house.one.directory.needs_admission("plain", None)
    house.pass_ms(6_000)
    with pytest.raises(RoomsUnknownError):
        house.one.directory.needs_admission("plain", None)


async def test_gateway_that_was_never_able_to_read_lets_nobody_past() -> None:
    """A gateway that starts while Redis is gone knows nothing, and says so."""
    house = House()
    with pytest.raises(RoomsUnknownError):
        house.one.directory.needs_admission("drop", house.server.now_ms - 1)


async def test_signed_word_of_a_lost_room_closes_the_door() -> None:
    """After all memory was lost, the first ticket or admission tells that the sale has a room."""
    house = House()
    await house.refresh()
    starts_ms = house.server.now_ms
    assert not house.one.directory.needs_admission("drop", starts_ms)
    house.one.directory.hint("drop")
    assert house.one.directory.needs_admission("drop", starts_ms)


async def test_room_ends_with_its_time_and_is_dropped_a_day_later() -> None:
    """After its end a room asks for no admission; the list does not grow for ever."""
    house = await House().open()
    house.server.now_ms = house.room.closes_ms
    assert not house.one.directory.needs_admission("drop", house.room.opens_ms)
    assert not house.one.directory.rooms()
    await house.refresh()
    assert house.one.directory.find("drop") == house.room
    house.pass_ms(DAY_MS + HOUR_MS)
    await house.refresh()
    assert house.one.directory.find("drop") is None
    assert house.two.directory.find("drop") is None
    assert not house.server.terms


async def test_nothing_is_kept_of_rooms_that_are_over() -> None:
    """A gateway that runs for years does not remember each sale that it had."""
    house = await House().open()
    place = await house.join("a")
    await house.one.lobby.stand_one(house.room, place)
    house.one.lobby.tidy()
    assert house.one.lobby.rooms_kept == 1
    house.server.now_ms = house.room.closes_ms
    house.one.lobby.tidy()
    assert house.one.lobby.rooms_kept == 0
