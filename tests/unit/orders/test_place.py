"""Orders of many lines over a ledger that really decides."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from inventory_stream.flows.orders.place import (
    ASSEMBLE_SECONDS,
    TRIES_MAX,
    AskedOrder,
    KeyReusedError,
    Mode,
    PlacedOrder,
    PlaceOrder,
)
from inventory_stream.ports.desk import Decision, Desk, NotAnsweredError
from models.commands import Command, Extend, Reserve
from models.outcomes import Outcome
from tests.fakes.desk import FakeDesk
from tests.unit.orders.shop import (
    ANSWER_SECONDS,
    TTL_SECONDS,
    AsksOneByOne,
    KeyNames,
    order,
    pass_time,
    stock,
    units,
)


@dataclass
class DyingDesk(AsksOneByOne):
    """A desk whose gateway dies after so many questions: they are decided no more, and nobody hears."""

    desk: FakeDesk
    questions: int

    async def ask(self, command: Command, within_seconds: float) -> Decision:
        """Decide a command, unless the gateway is dead."""
        self.questions -= 1
        if self.questions < 0:
            raise NotAnsweredError("the gateway was killed")
        return await self.desk.ask(command, within_seconds)


async def place(desk: Desk, asked: AskedOrder, key: str = "key-1") -> PlacedOrder:
    """Place an order under a key."""
    return await PlaceOrder(desk).place(asked, KeyNames(key), ANSWER_SECONDS)


def held(placed: PlacedOrder) -> Sequence[str]:
    """Give the reservations of an order."""
    return [line.held.reservation_id for line in placed.lines if line.held is not None]


async def test_all_lines_are_held_for_the_orders_own_time() -> None:
    """An order that can be had whole is, each line until the order's time from its decision."""
    desk = FakeDesk()
    stock(desk, A=5, B=5)
    placed = await place(desk, order(("A", 2), ("B", 3)))
    assert placed.is_placed
    assert [line.units for line in placed.lines] == [2, 3]
    assert {line.deadline_ms for line in placed.lines} == {desk.now_ms + TTL_SECONDS * 1_000}
    assert (units(desk, "A"), units(desk, "B")) == ((5, 2, 0), (5, 3, 0))


async def test_one_refused_line_refuses_the_order_and_frees_the_rest() -> None:
    """Of an order that wants all or nothing nothing stays held, and the refused line says why."""
    desk = FakeDesk()
    stock(desk, A=5, B=1)
    placed = await place(desk, order(("A", 2), ("B", 3)))
    assert not placed.is_placed
    refused = placed.lines[1]
    assert (refused.outcome, refused.is_granted) == (Outcome.SOLD_OUT, False)
    assert refused.breakdown is not None
    assert refused.breakdown.available_to_promise == 1
    assert units(desk, "A") == (5, 0, 0)


async def test_partial_order_keeps_what_it_could_have() -> None:
    """In mode partial a refused line leaves the others standing; all refused is no order."""
    desk = FakeDesk()
    stock(desk, A=5, B=1)
    placed = await place(desk, order(("A", 2), ("B", 3), mode=Mode.PARTIAL))
    assert placed.is_placed
    assert [line.is_granted for line in placed.lines] == [True, False]
    assert units(desk, "A") == (5, 2, 0)
    nothing = await place(desk, order(("B", 3), mode=Mode.PARTIAL), "key-2")
    assert not nothing.is_placed


@pytest.mark.parametrize("on_hand", [5, 2])
@pytest.mark.parametrize("mode", list(Mode))
async def test_a_repeat_gets_the_same_answer_whatever_happened_since(mode: Mode, on_hand: int) -> None:
    """The same key hears the first answer again, also after stock came, went, or all of it expired."""
    desk = FakeDesk()
    stock(desk, A=5, B=on_hand)
    asked = order(("A", 2), ("B", 3), mode=mode)
    first = await place(desk, asked)
    stock(desk, A=5, B=5)
    pass_time(desk, TTL_SECONDS + 1)
    before = units(desk, "A"), units(desk, "B")
    again = await place(desk, asked)
    assert again.is_repeat
    assert not first.is_repeat
    assert (again.is_placed, held(again)) == (first.is_placed, held(first))
    assert [line.outcome for line in again.lines] == [line.outcome for line in first.lines]
    after = units(desk, "A"), units(desk, "B")
    assert [on_hand - reserved for on_hand, reserved, _ in after] >= [
        on_hand - reserved for on_hand, reserved, _ in before
    ]
    assert after[0][1] == after[1][1] == 0, "a repeat held units anew"


async def test_leftovers_of_a_dead_gateway_expire() -> None:
    """Wherever a gateway dies, what it held is free again after the time of assembling."""
    for questions in range(2):
        desk = FakeDesk()
        stock(desk, A=5, B=5)
        with pytest.raises(NotAnsweredError):
            await place(DyingDesk(desk, questions), order(("A", 2), ("B", 3)))
        pass_time(desk, ASSEMBLE_SECONDS + 1)
        later = await place(desk, order(("A", 5), ("B", 5), order_id="O2"), "key-2")
        assert later.is_placed, f"dead after {questions} questions"


@pytest.mark.parametrize("pause_seconds", [1, ASSEMBLE_SECONDS + 1, TTL_SECONDS + 1])
@pytest.mark.parametrize("questions", range(5))
async def test_a_retry_completes_what_a_dead_gateway_began(questions: int, pause_seconds: int) -> None:
    """A retry of the key, at once or late, ends with every line held once, and says the same ever after."""
    desk = FakeDesk()
    stock(desk, A=2, B=3)
    asked = order(("A", 2), ("B", 3))
    try:
        await place(DyingDesk(desk, questions), asked)
    except NotAnsweredError:
        assert questions < 4
    pass_time(desk, pause_seconds)
    placed = await place(desk, asked)
    if questions < 4:
        assert (units(desk, "A"), units(desk, "B")) == ((2, 2, 0), (3, 3, 0))
    assert placed.is_placed
    assert [line.asked.line_id for line in placed.lines] == ["0", "1"]
    again = await place(desk, asked)
    assert (held(again), again.is_repeat) == (held(placed), True)


async def test_two_gateways_with_one_key_hold_every_line_once() -> None:
    """The same request at two gateways at once is one order."""
    desk = FakeDesk()
    stock(desk, A=2, B=3)
    asked = order(("A", 2), ("B", 3))
    one, other = await asyncio.gather(place(desk, asked), place(desk, asked))
    assert one.is_placed
    assert held(one) == held(other)
    assert (units(desk, "A"), units(desk, "B")) == ((2, 2, 0), (3, 3, 0))


async def test_another_order_under_the_same_key_is_refused_by_the_ledger() -> None:
    """Without any note a key that asked for other units of a line is found out where the line is decided."""
    desk = FakeDesk()
    stock(desk, A=9)
    await place(desk, order(("A", 2)))
    with pytest.raises(KeyReusedError):
        await place(desk, order(("A", 3)))
    with pytest.raises(KeyReusedError):
        await place(desk, order(("A", 2), ttl_seconds=30))


async def test_a_silent_ledger_is_no_answer_and_the_retry_gets_one() -> None:
    """An order of which a line was not decided in time has no answer, and the same key gets it later."""
    desk = FakeDesk()
    stock(desk, A=2)
    desk.silent = True
    with pytest.raises(NotAnsweredError):
        await place(desk, order(("A", 2)))
    desk.silent = False
    assert (await place(desk, order(("A", 2)))).is_placed
    assert units(desk, "A") == (2, 2, 0)


async def test_commands_of_one_reservation_stay_within_what_its_row_keeps() -> None:
    """However often lines lapse, no reservation gets more commands than its row tells apart by answers."""

    @dataclass
    class SlowDesk(AsksOneByOne):
        """A day passes between a reservation and its extension."""

        desk: FakeDesk

        async def ask(self, command: Command, within_seconds: float) -> Decision:
            if isinstance(command, Extend):
                pass_time(self.desk, ASSEMBLE_SECONDS + 1)
            return await self.desk.ask(command, within_seconds)

    desk = FakeDesk()
    stock(desk, A=2, B=3)
    with pytest.raises(NotAnsweredError):
        await place(SlowDesk(desk), order(("A", 2), ("B", 3)))
    reserves = [command for command in desk.asked if isinstance(command, Reserve)]
    assert len(reserves) <= 2 * TRIES_MAX
    assert max(row.commands for row in desk.state.reservations.values()) <= 16
