"""Confirming, releasing and calling off all lines of an order, over a ledger that really decides."""

import asyncio
from dataclasses import dataclass
from random import Random

from inventory_stream.flows.orders.settle import CommandIds, HeldLine, SettleOrder
from inventory_stream.ports.desk import Decision
from models.commands import Command, Confirm
from models.payments import Settled, SettledAs, settled_as
from tests.fakes.desk import FakeDesk
from tests.unit.orders.shop import ANSWER_SECONDS, AsksOneByOne, pass_time
from tests.unit.payments.paying import ON_HAND, TTL_SECONDS, UNITS, Paying
from tests.unit.payments.test_any_order import BusyDesk

LINES = [HeldLine(sku, f"r-{sku}", sku) for sku in UNITS]
WANTED = list(UNITS.values())


def ids(key: str) -> CommandIds:
    """Name the commands of one request."""
    return lambda line, step: f"{key}-{step}-{line.reservation_id}"


async def test_lines_about_to_end_are_extended_before_the_first_is_confirmed() -> None:
    """A line whose deadline passes while the others are confirmed is confirmed on time."""

    @dataclass
    class SlowDesk(AsksOneByOne):
        """Each confirm takes two seconds."""

        desk: FakeDesk

        async def ask(self, command: Command, within_seconds: float) -> Decision:
            decision = await self.desk.ask(command, within_seconds)
            if isinstance(command, Confirm):
                pass_time(self.desk, 2)
            return decision

    paying = Paying()
    pass_time(paying.desk, TTL_SECONDS - 1)
    done = await SettleOrder(SlowDesk(paying.desk)).confirm(LINES, "O1", ids("k"), ANSWER_SECONDS)
    assert [one.line.outcome for one in done] == ["confirmed", "confirmed"]


async def test_confirm_of_an_order_that_lost_a_line_is_partial_and_names_the_refund() -> None:
    """What somebody else has by now is to be refunded, the rest is the buyer's; a repeat says so too."""
    paying = Paying()
    pass_time(paying.desk, TTL_SECONDS + 1)
    paying.hold("rival", "B", ON_HAND)
    for _ in range(2):
        done = await SettleOrder(paying.desk).confirm(LINES, "O1", ids("k"), ANSWER_SECONDS)
        lines = tuple(one.line for one in done)
        assert settled_as(lines) is SettledAs.PARTIAL
        assert [(line.result, line.refund_units) for line in lines] == [
            (Settled.CONFIRMED, 0),
            (Settled.REFUND_REQUIRED, UNITS["B"]),
        ]
    assert paying.allocated == [UNITS["A"], 0]


async def test_release_frees_what_is_held_and_leaves_what_is_paid() -> None:
    """A release after a confirm moves nothing; before it, everything."""
    paid, held = Paying(), Paying()
    await SettleOrder(paid.desk).confirm(LINES, "O1", ids("k"), ANSWER_SECONDS)
    done = await SettleOrder(paid.desk).release(LINES, ids("k2"), ANSWER_SECONDS)
    assert {one.line.result for one in done} == {Settled.NOTHING}
    assert paid.allocated == WANTED
    done = await SettleOrder(held.desk).release(LINES, ids("k"), ANSWER_SECONDS)
    assert {one.line.result for one in done} == {Settled.RELEASED}
    assert held.reserved == [0, 0]


async def test_cancel_and_confirm_at_once_leave_nothing_held() -> None:
    """However the commands of a cancel and a confirm mix, the cancelled order keeps no unit."""
    for seed in range(100):
        paying = Paying()
        busy = BusyDesk(paying.desk, Random(seed))
        orders = SettleOrder(busy)
        await asyncio.gather(
            orders.confirm(LINES, "O1", ids("k"), ANSWER_SECONDS),
            orders.call_off(LINES, ids("k2"), ANSWER_SECONDS),
        )
        assert (paying.reserved, paying.allocated) == ([0, 0], [0, 0]), seed


async def test_lines_that_were_never_reserved_wait() -> None:
    """Confirming what the ledger has not heard of yet is remembered, and says so (R21)."""
    unknown = [HeldLine("0", "r-unknown", "A")]
    done = await SettleOrder(Paying().desk).confirm(unknown, "O1", ids("k"), ANSWER_SECONDS)
    assert settled_as(tuple(one.line for one in done)) is SettledAs.WAITING
