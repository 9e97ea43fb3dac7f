"""The door: a reservation of a sale with a room passes with its own admission, and only once."""

import asyncio
from collections.abc import Awaitable

import pytest

from inventory_stream.flows.waiting_room.directory import RoomsUnknownError
from inventory_stream.flows.waiting_room.draw import ticket_id
from inventory_stream.flows.waiting_room.sale_stock import SaleStock
from inventory_stream.gateway.admissions import Admissions, Held, Retry
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.tokens import Purpose, Signed, TokenSigner
from inventory_stream.ports.waiting_room import Kind
from tests.unit.waiting_room.house import KEY, Gateway, House

SIGNER = TokenSigner("1", {"1": KEY})


def door(gateway: Gateway, signer: TokenSigner | None = SIGNER) -> Admissions:
    """Give the door of a gateway."""
    return Admissions(gateway.rooms, gateway.directory, gateway.stocks, signer, gateway.now_ms)


async def admitted(house: House, customer: str = "k1:aa", purpose: Purpose = Purpose.ADMISSION) -> str:
    """Let a customer in; gives the admission."""
    place = await house.join(customer)
    house.stocks.now = SaleStock(1_000)
    assert place.ticket_id in (await house.one.rooms.admit(house.room, "g1", 1_000) or ())
    return SIGNER.sign(purpose, "drop", Signed(place.ticket_id, place.turn, house.server.now_ms + 60_000))


async def opened() -> House:
    """Give a room that has just opened."""
    house = await House().open()
    house.to_opening()
    await house.refresh()
    return house


async def test_admission_of_the_customer_opens_the_door_once() -> None:
    """The first granted reservation uses it up, at whatever gateway; its own retry still passes."""
    house = await opened()
    token = await admitted(house)
    held = await door(house.one).check("drop", "k1:aa", token, "R1")
    assert held is not None
    await door(house.one).settle(held, is_granted=True)
    assert await door(house.two).check("drop", "k1:aa", token, "R1") is not None
    with pytest.raises(Problem, match="another reservation") as refused:
        await door(house.two).check("drop", "k1:aa", token, "R2")
    assert refused.value.slug == "waiting-room"
    look = await house.one.rooms.look(house.room, [(ticket_id("drop", "k1:aa"), 0)], is_here=False)
    assert look.standings[0].kind is Kind.USED


async def test_refused_reservation_gives_the_admission_back() -> None:
    """Who asked for the wrong size may ask for another one."""
    house = await opened()
    token = await admitted(house)
    held = await door(house.one).check("drop", "k1:aa", token, "R1")
    assert held is not None
    with pytest.raises(Problem):
        await door(house.two).check("drop", "k1:aa", token, "R2")
    await door(house.one).settle(held, is_granted=False)
    assert await door(house.two).check("drop", "k1:aa", token, "R2") is not None


async def test_of_many_reservations_at_once_one_passes() -> None:
    """A bot with one admission and twenty carts gets one of them through."""
    house = await opened()
    token = await admitted(house)
    answers = await asyncio.gather(
        *(
            door((house.one, house.two)[number % 2]).check("drop", "k1:aa", token, f"R{number}")
            for number in range(20)
        ),
        return_exceptions=True,
    )
    assert sum(not isinstance(answer, BaseException) for answer in answers) == 1


async def test_what_does_not_open_the_door() -> None:
    """No admission, a ticket, another's, another sale's, a forged one, an old one: all are refused."""
    house = await opened()
    mine = await admitted(house)
    ticket = ticket_id("drop", "k1:aa")
    until_ms = house.server.now_ms + 60_000
    forger = TokenSigner("1", {"1": b"f" * 32})
    attempts = {
        "none": ("k1:aa", None),
        "no customer": (None, mine),
        "other customer": ("k1:bb", mine),
        "ticket": ("k1:aa", SIGNER.sign(Purpose.TICKET, "drop", Signed(ticket, 0, until_ms))),
        "other sale": ("k1:aa", SIGNER.sign(Purpose.ADMISSION, "drop-2", Signed(ticket, 0, until_ms))),
        "forged": ("k1:aa", forger.sign(Purpose.ADMISSION, "drop", Signed(ticket, 0, until_ms))),
        "invented": ("k1:aa", "let me in"),
        "longer": ("k1:aa", mine.replace(str(until_ms), str(until_ms + 1_000))),
    }
    for name, (customer, token) in attempts.items():
        with pytest.raises(Problem) as refused:
            await door(house.one).check("drop", customer, token, "R1")
        assert refused.value.slug == "waiting-room", name
    house.server.now_ms = until_ms + 5_001
    with pytest.raises(Problem, match="ran out"):
        await door(house.one).check("drop", "k1:aa", mine, "R1")


async def test_admission_goes_on_without_redis_and_after_a_flush() -> None:
    """A signature needs no server: who was let in reserves, and the ledger decides about units."""
    house = await opened()
    token = await admitted(house)
    for is_gone in (True, False):
        house.server.is_gone = is_gone
        if not is_gone:
            house.server.flush()
        held = await door(house.one).check("drop", "k1:aa", token, "R1")
        assert held is not None
        await door(house.one).settle(held, is_granted=True)
        with pytest.raises(Problem):
            await door(house.one).check("drop", "k1:bb", token, "R1")


async def test_sale_without_a_room_needs_nothing_and_an_unknown_one_is_refused() -> None:
    """A sale is never taken for one without a room because nobody could be asked."""
    house = await opened()
    assert await door(house.one).check("plain", None, None, "R1") is None
    house.server.is_gone = True
    house.pass_ms(60_000)
    house.stocks.first_ms = house.server.now_ms
    with pytest.raises(RoomsUnknownError):
        await door(house.one).check("plain", None, None, "R1")


async def test_gateway_without_a_key_lets_nobody_through() -> None:
    """A gateway that cannot check admissions must not be the way around the room."""
    house = await opened()
    token = await admitted(house)
    with pytest.raises(Problem, match="token_key") as refused:
        await door(house.one, None).check("drop", "k1:aa", token, "R1")
    assert refused.value.slug == "not-ready"


async def test_admission_tells_a_gateway_that_lost_everything_of_the_room() -> None:
    """Signed words bring the door back: after the first of them nobody passes without one."""
    house = await opened()
    token = await admitted(house)
    house.server.flush()
    alone = Gateway(house.server, house.stocks)
    await alone.directory.refresh()
    house.stocks.first_ms = house.room.opens_ms
    assert await door(alone).check("drop", "k1:aa", token, "R1") is None
    with pytest.raises(Problem):
        await door(alone).check("drop", "k1:bb", None, "R2")


async def test_shop_without_a_key_sells_without_redis() -> None:
    """Where no room can be opened, a Redis that is gone stops no sale."""
    house = House()
    house.stocks.first_ms = house.server.now_ms
    house.server.is_gone = True
    assert await door(house.one, None).check("plain", None, None, "R1") is None


async def test_retry_after_the_end_of_the_admission_passes() -> None:
    """Who holds a unit hears of it however late; nobody else gets through with an admission that is over."""
    house = await opened()
    token = await admitted(house)
    assert await door(house.one).check("drop", "k1:aa", token, "R1") is not None
    house.pass_ms(65_001)
    assert await door(house.two).check("drop", "k1:aa", token, "R1") is not None
    with pytest.raises(Problem, match="ran out"):
        await door(house.two).check("drop", "k1:aa", token, "R2")
    house.server.is_gone = True
    assert await door(house.two).check("drop", "k1:aa", token, "R1", Retry(is_known=True)) is not None


@pytest.mark.parametrize("is_nothing", [True, False])
async def test_admission_comes_back_from_a_reservation_that_nobody_heard_of(*, is_nothing: bool) -> None:
    """With another key the customer gets through once nothing can come of the first, and not if it holds."""
    house = await opened()
    token = await admitted(house)
    asked: list[str] = []

    async def came_to_nothing(reservation_id: str) -> bool:
        asked.append(reservation_id)
        return is_nothing

    def retry(reservation_id: str) -> Awaitable[Held | None]:
        known = Retry(undecided_ms=7_000, came_to_nothing=came_to_nothing)
        return door(house.two).check("drop", "k1:aa", token, reservation_id, known)

    assert await retry("R1") is not None
    with pytest.raises(Problem, match="another reservation"):
        await retry("R2")
    assert asked == []
    house.pass_ms(7_001)
    if is_nothing:
        assert await retry("R2") is not None
        with pytest.raises(Problem, match="another reservation"):
            await retry("R1")
    else:
        with pytest.raises(Problem, match="another reservation"):
            await retry("R2")
    assert asked == ["R1"]


async def test_request_that_was_not_sent_gives_the_admission_back() -> None:
    """But not what an earlier try of the same reservation may have got."""
    house = await opened()
    token = await admitted(house)
    for _ in range(2):
        held = await door(house.one).check("drop", "k1:aa", token, "R1")
        assert held is not None
        await door(house.one).withdraw(held)
    assert await door(house.one).check("drop", "k1:aa", token, "R2") is not None
    again = await door(house.one).check("drop", "k1:aa", token, "R2")
    assert again is not None
    await door(house.one).withdraw(again)
    with pytest.raises(Problem, match="another reservation"):
        await door(house.one).check("drop", "k1:aa", token, "R1")
