"""The sale's driver, what its customers heard and the demo's tally, over the real, pure ledger in memory."""

from collections.abc import Iterable

from inventory_stream.demo.customers import Customer, Intent
from inventory_stream.demo.sale import Sale, SaleItem
from inventory_stream.demo.sale_tally import SaleTally
from inventory_stream.demo.tally import Tally
from models.commands import OpenPool, SetPurchaseLimit, Sync
from models.outcomes import Outcome
from tests.fakes.demo_ledger import LedgerEntry
from tests.fakes.desk import START_MS

ITEM = SaleItem("sku-1", "shop", "sale-1", "t")


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


def opened(stock: int) -> LedgerEntry:
    """Open a sale of a stock, two units for each customer."""
    entry = LedgerEntry(Tally(SaleTally(ITEM.sku, stock), {ITEM.sku}))
    entry.decide(Sync("stock", ITEM.sku, ITEM.location, stock, 1))
    starts, ends = START_MS - 1_000, START_MS + 3_600_000
    entry.decide(SetPurchaseLimit("limit", "limit-1", ITEM.sku, 2, ends, ITEM.sale_id))
    entry.decide(OpenPool("open", ITEM.sale_id, ITEM.sku, ITEM.location, stock, starts, ends))
    return entry


async def sell(stock: int, customers: Iterable[Customer]) -> tuple[LedgerEntry, Sale]:
    """Play a sale to its end."""
    entry = opened(stock)
    sale = Sale(ITEM, entry)
    await sale.open_to(customers)
    return entry, sale


async def test_no_unit_is_promised_twice_when_twenty_times_too_many_want_one() -> None:
    """The stock is sold out to the last unit, never beyond it, and every answer is the ledger's."""
    entry, sale = await sell(10, [customer(f"c{number}") for number in range(200)])
    tally = entry.tally.sale
    assert (tally.held.sold, tally.promised_peak_units, tally.oversold_units) == (10, 10, 0)
    assert (sale.sent, len(sale.hearings.heard), tally.unexplained_units) == (210, 210, 0)
    assert tally.outcomes[Outcome.GRANTED] == 10
    assert entry.tally.sale_available_units == 0
    assert entry.tally.shop_answers == entry.tally.answers == 213
    compared = sale.hearings.compare(tally)
    assert (compared.grants, compared.grants_in_ledger, compared.differences) == (10, 10, ())


async def test_repeats_hear_their_first_answer_and_a_new_wish_meets_the_limit() -> None:
    """The same request again binds nothing anew; a second press of the button is a wish beyond the limit."""
    entry, sale = await sell(
        5,
        [
            customer(
                "c", units=2, sends_again_after_seconds=0.0, presses_again_after_seconds=0.0, pays_twice=True
            )
        ],
    )
    tally = entry.tally.sale
    assert (tally.repeats_same, tally.repeats_different, tally.answered_twice) == (2, 0, 0)
    assert tally.outcomes[Outcome.LIMIT_REACHED] == 1
    assert (tally.held.sold, tally.customer_units_max) == (2, 2)
    assert sorted(entry.keys("reserve")) == ["t-c-1", "t-c-1", "t-c-2"]
    assert entry.keys("confirm") == ["t-c-1-confirm", "t-c-1-confirm"]
    compared = sale.hearings.compare(tally)
    assert (compared.asked_again, compared.asked_again_same) == (2, 2)


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
    assert entry.keys("confirm") == ["t-pays-1-confirm"]
    assert entry.keys("release") == ["t-puts-back-1-release"]


async def test_whoever_is_never_answered_is_named() -> None:
    """A request that no gateway answers is kept, so that the demo can fail because of it."""
    entry = opened(1)
    entry.silent = True
    sale = Sale(ITEM, entry)
    await sale.open_to([customer("a"), customer("b")])
    assert [request.key for request in sale.hearings.unanswered] == ["t-a-1", "t-b-1"]
    assert (sale.sent, sale.hearings.heard) == (2, [])
