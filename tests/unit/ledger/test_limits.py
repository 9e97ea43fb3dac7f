"""Purchase limits per customer (R23)."""

import pytest

from inventory_stream.ledger.rules import Rules
from models import commands as c
from models.outcomes import Outcome
from models.rows import LimitUseRow, decode_row, limit_use_key, purchase_limit_key
from tests.unit.ledger.table import NOON, SKU, Ledger

TABLES = {
    "units count from the reserve on, in all carts together": """
        given on_hand=20
        purchase_limit L units=3 -> APPLIED
        reserve R1 units=2 by=ann -> GRANTED
        reserve R2 units=2 by=ann -> LIMIT_REACHED breakdown.available_to_promise=18 atp=18
        reserve R3 units=1 by=ann -> GRANTED
        reserve R4 units=3 by=bob -> GRANTED
        reserve R5 units=1 -> CUSTOMER_REQUIRED
    """,
    "expire, release, revoke and cancel give back": """
        given on_hand=10
        purchase_limit L units=2 -> APPLIED
        reserve R1 units=2 by=ann ttl=10s -> GRANTED
        tick 11s, reserve R2 units=2 by=ann -> GRANTED
        release R2 units=1 -> RELEASED
        reserve R3 units=1 by=ann -> GRANTED
        confirm R2 -> CONFIRMED
        cancel R2 -> CANCELLED
        reserve R4 units=1 by=ann -> GRANTED
        adjust -10 -> R3.revoked=1 R4.revoked=1
        adjust +10 -> APPLIED
        reserve R5 units=2 by=ann -> GRANTED
    """,
    "a return does not": """
        given on_hand=10
        purchase_limit L units=2 -> APPLIED
        reserve R1 units=2 by=ann -> GRANTED
        fulfil R1 -> FULFILLED
        return R1 units=2 -> RETURNED
        reserve R2 units=1 by=ann -> LIMIT_REACHED
    """,
    "partial grants go up to the limit": """
        given on_hand=10
        purchase_limit L units=3 -> APPLIED
        reserve R1 units=5 by=ann partial=yes -> PARTIALLY_GRANTED said.units=3
        reserve R2 units=5 by=ann partial=yes -> LIMIT_REACHED
        reserve R3 units=3 by=bob partial=yes -> GRANTED
    """,
    "the tightest of several limits holds, each counts": """
        given on_hand=10
        purchase_limit DAY units=4 -> APPLIED
        purchase_limit SALE1 units=2 sale=SALE -> APPLIED
        open_pool SALE units=5 -> APPLIED
        reserve R1 units=3 by=ann path=sale:SALE -> LIMIT_REACHED breakdown.path_units=5
        reserve R2 units=2 by=ann path=sale:SALE -> GRANTED
        reserve R3 units=3 by=ann -> LIMIT_REACHED
        reserve R4 units=2 by=ann -> GRANTED
    """,
    "a sale's limit leaves other paths alone": """
        given on_hand=10
        purchase_limit L units=1 sale=SALE -> APPLIED
        open_pool SALE units=5 -> APPLIED
        reserve R1 units=4 -> GRANTED
        reserve R2 units=1 by=ann path=channel:SALE -> GRANTED
    """,
    "it holds to its last ms, by the arrival of the reserve": """
        given on_hand=10
        purchase_limit L units=1 end=+60s -> APPLIED
        reserve R1 units=1 by=ann ttl=10m -> GRANTED
        tick 60s, reserve R2 units=1 by=ann -> LIMIT_REACHED
        tick 1ms, reserve R3 units=1 by=ann -> GRANTED
        reserve R4 units=3 -> GRANTED
    """,
    "a limit stated anew goes on counting; one used again after its end begins anew": """
        given on_hand=20
        purchase_limit L units=1 end=+60s -> APPLIED
        tick 1s, reserve R1 units=1 by=ann ttl=10m -> GRANTED
        purchase_limit L units=3 end=+120s -> APPLIED
        reserve R2 units=3 by=ann ttl=10m -> LIMIT_REACHED
        tick 90s, reserve R3 units=2 by=ann ttl=10m -> GRANTED
        reserve R4 units=1 by=ann -> LIMIT_REACHED
        tick 60s, reserve R5 units=9 by=ann ttl=10m -> GRANTED
        tick 1s, purchase_limit L units=2 -> APPLIED
        reserve R6 units=1 by=ann -> GRANTED
        release R1 -> RELEASED
        reserve R7 units=2 by=ann -> LIMIT_REACHED
        reserve R8 units=1 by=ann -> GRANTED
    """,
    "what was reserved before the limit does not count": """
        given on_hand=10
        reserve R1 units=5 by=ann -> GRANTED
        tick 1s, purchase_limit L units=2 -> APPLIED
        reserve R2 units=2 by=ann -> GRANTED
        release R1 -> RELEASED
        reserve R3 units=1 by=ann -> LIMIT_REACHED
    """,
    "R17: a late confirm is decided by the limit again": """
        given on_hand=10
        purchase_limit L units=2 -> APPLIED
        reserve R1 units=2 by=ann ttl=10s -> GRANTED
        tick 11s, reserve R2 units=1 by=ann ttl=10m -> GRANTED
        confirm R1 -> RESERVATION_EXPIRED breakdown.available_to_promise=9
        release R2 -> RELEASED
        confirm R1 -> CONFIRMED_LATE
        reserve R3 units=1 by=ann -> LIMIT_REACHED
    """,
    "R17: but not once it is over": """
        given on_hand=10
        purchase_limit L units=2 end=+20s -> APPLIED
        reserve R1 units=2 by=ann ttl=10s -> GRANTED
        tick 11s, reserve R2 units=1 by=ann ttl=10m -> GRANTED
        tick 10s, confirm R1 -> CONFIRMED_LATE
    """,
    "R19: more units count": """
        given on_hand=10
        purchase_limit L units=3 -> APPLIED
        reserve R1 units=2 by=ann -> GRANTED
        set_units R1 units=4 -> LIMIT_REACHED R1.reserved=2
        set_units R1 units=3 -> UNITS_SET
        set_units R1 units=1 -> UNITS_SET
        reserve R2 units=2 by=ann -> GRANTED
    """,
    "R20: a paid order is never refused for it, and counts": """
        given on_hand=10
        purchase_limit L units=2 -> APPLIED
        reserve R1 units=2 by=ann ttl=10s -> GRANTED
        tick 11s, reserve R2 units=2 by=ann ttl=10m -> GRANTED
        record R1 units=3 -> RECORDED
        release R2 -> RELEASED
        reserve R3 units=1 by=ann -> LIMIT_REACHED
    """,
    "R21: what was shipped before its reserve counts": """
        given on_hand=10
        purchase_limit L units=3 -> APPLIED
        fulfil R1 units=2 at=L1 -> REMEMBERED
        reserve R1 units=4 by=ann -> LIMIT_REACHED
        reserve R2 units=4 by=ann -> LIMIT_REACHED
        reserve R3 units=3 by=ann -> GRANTED
    """,
    "R21: and an order that is gone altogether is granted": """
        given on_hand=10
        purchase_limit L units=3 -> APPLIED
        fulfil R1 units=2 at=L1 -> REMEMBERED
        reserve R1 units=2 by=ann -> GRANTED
        reserve R2 units=2 by=ann -> LIMIT_REACHED
    """,
    "a limit decides before the stock does": """
        given on_hand=1
        purchase_limit L units=2 -> APPLIED
        reserve R1 units=3 by=ann -> LIMIT_REACHED
        reserve R2 units=2 by=ann -> SOLD_OUT
    """,
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
def test_limit(table: str) -> None:
    """R23, and what other rules say of limits, row by row."""
    Ledger().run(table)


def test_limit_is_shared_by_the_skus_that_name_it() -> None:
    """R23: sizes of one product count together."""
    ledger = Ledger()
    for sku in ("S", "M"):
        ledger.send(c.Adjust(f"a{sku}", sku, "L1", 5, NOON - 9))
        ledger.send(c.SetPurchaseLimit(f"l{sku}", "L", sku, 2, NOON + 60_000))
    assert ledger.send(c.Reserve("r1", "R1", "S", 2, 60, "L1", customer="ann")) is Outcome.GRANTED
    assert ledger.send(c.Reserve("r2", "R2", "M", 1, 60, "L1", customer="ann")) is Outcome.LIMIT_REACHED


def test_limit_and_uses_are_tombstones_once_no_order_of_its_time_can_come() -> None:
    """R23, R29: after the end, by the arrival of orders, a limit and what it counted are gone for good."""
    ledger = Ledger()
    ledger.run(
        """
        given on_hand=9
        purchase_limit L units=2 end=+60s
        reserve R1 units=2 by=ann ttl=10m
        reserve R2 units=1 by=bob ttl=10m
        tick 61s, adjust +1
        """
    )
    # The owner's clock has passed the end; no order has, so one of its time may still come.
    assert len(ledger.state.limit_uses) == 2
    ledger.run("tick 1s, reserve R3 units=1")
    ledger.run("tick 1s, reserve R4 units=1")
    assert ledger.state.limit_uses == {}
    assert ledger.state.purchase_limits == ledger.state.limited == {}
    newest = dict(ledger.log)
    for key in (limit_use_key("L", "ann"), limit_use_key("L", "bob"), purchase_limit_key("L", SKU)):
        assert newest[key] is None
    assert ledger.recovered(compacted=True).limit_uses == {}


def test_use_of_a_limit_is_a_tombstone_when_all_of_it_was_given_back() -> None:
    """R23: what a customer has of a limit is one row, written once a batch, and none when it is nothing."""
    ledger = Ledger(Rules()).run("given on_hand=9")
    ledger.run("purchase_limit L units=5")
    key = limit_use_key("L", "ann")
    reserves = [c.Reserve(f"r{at}", f"R{at}", SKU, 1, 60, "L1", customer="ann") for at in range(3)]
    (sealed,) = ledger.decide(orders=[reserves])
    ((_, value),) = [row for row in sealed.rows if row[0] == key]
    assert value is not None
    row = decode_row(key, value)
    assert isinstance(row, LimitUseRow)
    assert row.units == 3
    ledger.run("release R0\nrelease R1\nrelease R2")
    assert dict(ledger.log)[key] is None
