"""Payment events in every order, repeated and late, over a ledger that really decides.

The judge here knows nothing of commands: it walks the same events over the two words "held" and "bought".
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from random import Random
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory_stream.flows.orders.notes import OrderNotes
from inventory_stream.flows.payments.settle import SettlePayment
from inventory_stream.flows.payments.table import ConfirmOn
from inventory_stream.ports.desk import Decision
from models.commands import Command
from models.payments import PaymentKind, PaymentOutcome, Settled, SettledAs
from models.reservation_ids import sku_of
from tests.fakes.desk import FakeDesk
from tests.unit.orders.shop import AsksOneByOne, pass_time
from tests.unit.payments.paying import ON_HAND, TTL_SECONDS, UNITS, Paying

K = PaymentKind
WANTED = list(UNITS.values())
NOTHING = [0] * len(UNITS)
CONFIRM_ON: tuple[ConfirmOn, ...] = get_args(ConfirmOn)
LAPSE = "lapse"
"""Time passes, past the deadline of what is still only held."""

ALL_ORDERS = [order for count in range(1, 6) for order in permutations(K, count)]


def judged(order: Sequence[str], confirm_on: ConfirmOn) -> str:
    """Say how an order of events must end: held, lapsed, freed or bought. Nobody else wants the units."""
    confirms = {K.CAPTURED} | ({K.AUTHORISED} if confirm_on == "authorised" else set())
    state, is_void = "held", False
    for word in order:
        if word == K.VOIDED:
            is_void = True
            state = "lapsed" if state == "lapsed" else "freed"
        elif word == K.FAILED and state == "held":
            state = "freed"
        elif word in confirms and state in {"held", "lapsed"} and not is_void:
            state = "bought"
        elif word in confirms and state == "lapsed":
            state = "freed"  # confirmed late, and taken back in the same call
        elif word == LAPSE and state == "held":
            state = "lapsed"
    return state


async def walk(paying: Paying, order: Sequence[str]) -> list[PaymentOutcome]:
    """Bring events in an order; the same word twice is the same event twice."""
    outcomes = []
    for word in order:
        if word == LAPSE:
            pass_time(paying.desk, TTL_SECONDS * 2)
        else:
            outcomes.append(await paying.hears(PaymentKind(word)))
    return outcomes


def check(paying: Paying, order: Sequence[str], outcomes: Sequence[PaymentOutcome]) -> None:
    """Compare units and money with the judge."""
    end = judged(order, paying.confirm_on)
    assert paying.on_hand == [ON_HAND] * len(UNITS), "a payment event moved goods"
    assert paying.allocated == (WANTED if end == "bought" else NOTHING), end
    if end in {"freed", "bought"}:
        assert paying.reserved == NOTHING, end
    if end == "held":
        assert paying.reserved == WANTED
    is_told_to_refund = any(one.status is SettledAs.REFUND_REQUIRED for one in outcomes)
    if K.CAPTURED in order and end != "bought":
        assert is_told_to_refund, "money was taken, nothing is held, and nobody heard of it"
    if end == "bought":
        assert any(one.status is SettledAs.CONFIRMED for one in outcomes)
        assert not is_told_to_refund
    for one in outcomes:
        for line in one.lines:
            assert line.refund_units in {0, UNITS[line.sku]}


@pytest.mark.parametrize("confirm_on", CONFIRM_ON)
async def test_every_order_of_the_events_ends_as_the_rules_say(confirm_on: ConfirmOn) -> None:
    """All 325 orders of up to five different events: units, and who hears that money must go back."""
    for order in ALL_ORDERS:
        paying = Paying(confirm_on)
        check(paying, order, await walk(paying, order))


@settings(max_examples=150, deadline=None)
@given(
    order=st.lists(st.sampled_from([*K, LAPSE]), min_size=1, max_size=12),
    confirm_on=st.sampled_from(CONFIRM_ON),
)
async def test_repeated_and_late_events_change_nothing_more(
    order: Sequence[str], confirm_on: ConfirmOn
) -> None:
    """Any events, any number of times, with the deadline passing anywhere, end as the rules say."""
    paying = Paying(confirm_on)
    check(paying, order, await walk(paying, order))
    before = paying.reserved, paying.allocated
    outcomes = await walk(paying, [word for word in order if word != LAPSE])
    if judged(order, confirm_on) not in {"held", "lapsed"}:
        assert (paying.reserved, paying.allocated) == before, "a repeat moved units"
    check(paying, [*order, *[word for word in order if word != LAPSE]], outcomes)


@pytest.mark.parametrize("confirm_on", CONFIRM_ON)
@pytest.mark.parametrize("late", [K.AUTHORISED, K.CAPTURED])
async def test_void_is_final_for_its_payment_even_when_the_deadline_passed(
    confirm_on: ConfirmOn, late: PaymentKind
) -> None:
    """Void, lapse, confirm: what the ledger would give once more (R17) is not kept for a void payment."""
    for order in permutations([K.VOIDED, LAPSE, late]):
        paying = Paying(confirm_on)
        await walk(paying, order)
        assert paying.allocated == NOTHING, order


@dataclass
class BusyDesk(AsksOneByOne):
    """Commands of several callers are decided in any order that the questions allow."""

    desk: FakeDesk
    random: Random

    async def ask(self, command: Command, within_seconds: float) -> Decision:
        """Decide a command some turns of the loop later."""
        for _ in range(self.random.randrange(4)):
            await asyncio.sleep(0)
        return await self.desk.ask(command, within_seconds)


@pytest.mark.parametrize("is_lapsed", [False, True])
async def test_events_at_two_gateways_at_once_end_as_one_after_the_other(*, is_lapsed: bool) -> None:
    """However the commands of a void and a capture mix, the units are free and the refund is heard of."""
    for seed in range(100):
        paying = Paying()
        if is_lapsed:
            pass_time(paying.desk, TTL_SECONDS * 2)
        busy = BusyDesk(paying.desk, Random(seed))
        paying.settling = SettlePayment(busy, OrderNotes(paying.notes), paying.told, "authorised", sku_of)
        outcomes = await asyncio.gather(
            *(paying.hears(kind) for kind in (K.VOIDED, K.CAPTURED, K.AUTHORISED))
        )
        assert (paying.allocated, paying.reserved) == (NOTHING, NOTHING), seed
        to_refund = {
            line.sku for one in outcomes for line in one.lines if line.result is Settled.REFUND_REQUIRED
        }
        assert to_refund == set(UNITS), seed


async def test_another_payment_of_the_same_order_is_not_bound_by_the_void() -> None:
    """A shopper who pays anew after a void, in time, or late while there are units, gets them."""
    paying = Paying()
    pass_time(paying.desk, TTL_SECONDS * 2)
    await paying.hears(K.VOIDED)
    outcome = await paying.hears(K.CAPTURED, payment_id="P2")
    assert outcome.status is SettledAs.CONFIRMED
    assert paying.allocated == WANTED


async def test_late_payment_of_units_that_are_gone_is_to_be_refunded() -> None:
    """After expiry the ledger decides (R17): for a line that is somebody else's by then money goes back."""
    paying = Paying()
    pass_time(paying.desk, TTL_SECONDS * 2)
    paying.hold("rival", "B", ON_HAND)
    outcome = await paying.hears(K.CAPTURED)
    assert outcome.status is SettledAs.PARTIAL
    assert [(line.sku, line.units, line.refund_units) for line in outcome.lines] == [("A", 2, 0), ("B", 0, 3)]
    assert paying.allocated == [2, 0]
    assert (await paying.hears(K.CAPTURED)).lines == outcome.lines
