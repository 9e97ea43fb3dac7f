"""The sale's driver and the demo's tally over the real, pure ledger, without a broker."""

from collections.abc import Iterable

import pytest

from inventory_stream.demo import sale as sale_module
from inventory_stream.demo.customers import Customer, Intent
from inventory_stream.demo.errors import DemoError
from inventory_stream.demo.sale import Sale, SaleItem
from inventory_stream.demo.sale_tally import SaleTally
from inventory_stream.demo.tally import Tally
from models.commands import Command, Confirm, Release, Reserve, Sync
from models.outcomes import Outcome
from tests.fakes.demo_ledger import LedgerEntry

ITEM = SaleItem("sku-1", "shop", "t")


def customer(name: str, intent: Intent = Intent.PAY, *, units: int = 1, **details: object) -> Customer:
    """Make one who comes at once and does not think."""
    plain: dict[str, object] = {
        "sends_again_after_seconds": None,
        "presses_again_after_seconds": None,
        "pays_twice": False,
    }
    return Customer(
        name=name,
        at_seconds=0.0,
        units=units,
        intent=intent,
        think_seconds=0.0,
        **{**plain, **details},  # type: ignore[arg-type]  # the fields of Customer
    )


async def sell(stock: int, customers: Iterable[Customer]) -> tuple[LedgerEntry, Sale]:
    """Play a sale to its end."""
    entry = LedgerEntry(Tally(SaleTally(ITEM.sku, stock)))
    entry.decide(Sync("stock", ITEM.sku, ITEM.location, stock, 1))
    entry.sale = Sale(ITEM, entry)
    await entry.sale.open_to(customers)
    return entry, entry.sale


def kinds(entry: LedgerEntry, kind: type[Command]) -> list[str]:
    """Give the ids of the commands of one kind that were sent."""
    return [command.id for command in entry.sent if isinstance(command, kind)]


async def test_no_unit_is_promised_twice_when_twenty_times_too_many_want_one() -> None:
    """The stock is sold out to the last unit, never beyond it, and every command is answered."""
    entry, sale = await sell(10, [customer(f"c{number}") for number in range(200)])
    tally = entry.tally.sale
    assert (tally.held.sold, tally.promised_peak_units, tally.oversold_units) == (10, 10, 0)
    assert (sale.sent, sale.unanswered, tally.unexplained_units) == (210, 0, 0)
    assert tally.outcomes[Outcome.GRANTED] == 10
    assert entry.tally.sale_available_units == 0


async def test_repeats_get_their_first_answer_and_move_nothing() -> None:
    """The same command again and a second press of the button leave one reservation and one payment."""
    entry, _ = await sell(
        5,
        [customer("c", sends_again_after_seconds=0.0, presses_again_after_seconds=0.0, pays_twice=True)],
    )
    tally = entry.tally.sale
    assert (tally.repeats_same, tally.repeats_different, tally.answered_twice) == (2, 0, 0)
    assert tally.outcomes[Outcome.ALREADY_GRANTED] == 1
    assert tally.held.sold == 1
    assert kinds(entry, Reserve) == ["t-c-1", "t-c-1", "t-c-2"]
    assert kinds(entry, Confirm) == ["t-c-paid", "t-c-paid"]


async def test_each_intent_is_followed_once() -> None:
    """A customer pays, puts back or walks away, and only for units that were granted."""
    entry, _ = await sell(
        4,
        [
            customer("pays", units=2),
            customer("puts-back", Intent.PUT_BACK),
            customer("walks", Intent.WALK_AWAY),
        ],
    )
    held = entry.tally.sale.held
    assert (held.sold, held.reserved, held.given_back) == (2, 1, 1)
    assert kinds(entry, Confirm) == ["t-pays-paid"]
    assert kinds(entry, Release) == ["t-puts-back-back"]


async def test_a_silent_ledger_is_one_clear_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """When no answer comes the sale ends within its bound and says how many are missing."""
    monkeypatch.setattr(sale_module, "ANSWER_SECONDS_MAX", 0.05)
    entry = LedgerEntry(Tally(SaleTally(ITEM.sku, 1)))  # its answers go nowhere
    sale = Sale(ITEM, entry)
    with pytest.raises(DemoError, match="2 commands"):
        await sale.open_to([customer("a"), customer("b")])
