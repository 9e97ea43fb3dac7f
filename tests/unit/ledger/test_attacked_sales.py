"""What an attack on sales, limits, fences and backorders found: each case was red before it was mended."""

import msgspec
import pytest

from inventory_stream.adapters.compiled import is_ledger_compiled
from inventory_stream.ledger.batch import Batch, ImpossibleCommandError
from inventory_stream.ledger.decide import DecodedRecord
from inventory_stream.ledger.pools import open_pool
from models.codec import ORDER_DECODER, encode_pack
from models.commands import (
    Adjust,
    Command,
    Confirm,
    Inspect,
    OpenPool,
    RecordOrder,
    Release,
    Reserve,
    SetBackorder,
    SetChannelFence,
    SetLocationGroup,
    SetPurchaseLimit,
    SetSafetyStock,
    SetUnits,
    Sync,
)
from models.ids import ID_CHARACTERS_MAX
from models.outcomes import Outcome
from tests.unit.ledger.scripts import Call, fresh_state
from tests.unit.ledger.table import NOON, SKU, Ledger, recover
from tests.unit.ledger.test_properties import assert_recovers, flat, run, sealed_at


def calls_of(*steps: tuple[str, int, tuple[Command, ...]]) -> list[Call]:
    """Give a call with one record for each ("stock" or "orders", ms after NOON, commands)."""
    offsets = {"stock": 0, "orders": 0}
    calls = []
    for topic, after_ms, commands in steps:
        record = [DecodedRecord(offsets[topic], NOON + after_ms, list(commands))]
        offsets[topic] += 1
        calls.append(
            Call(record if topic == "stock" else [], record if topic == "orders" else [], NOON + after_ms)
        )
    return calls


def test_units_of_a_sale_that_ended_go_to_all_who_wait_before_the_next_reserve() -> None:
    """R24: a sale's end frees units for 1,800 who wait; the reserve behind the sweep must get none."""
    ledger = Ledger()
    waiting = 1_800
    stock = [
        Adjust("a", SKU, "L1", waiting - 1, NOON),
        OpenPool("p", "SALE", SKU, "L1", waiting - 1, NOON, NOON + 1_000),
        SetBackorder("limit", SKU, "L1", waiting),
    ]

    def large(number: int) -> Reserve:
        name = f"{number:04}".ljust(128, "x")
        asked = Reserve(name, name, SKU, 1, 600, "L1", allow_backorder=True)
        return msgspec.structs.replace(asked, order_id=name, channel=name, customer=name)

    ledger.decide(stock=[stock], orders=[[large(number) for number in range(waiting)]])
    claims = ledger.state.skus[SKU]["L1"].claims_made()
    assert claims.backorder is not None
    assert claims.backorder.used == waiting
    ledger.now_ms += 1_001
    late = Reserve("new", "NEW", SKU, 500, 60, location="L1")
    ledger.decide(orders=[[late]])
    assert ledger.heard(late) is Outcome.ALL_RESERVED


def test_a_sweep_that_fills_its_batch_gives_to_those_who_wait_first() -> None:
    """R24: 18 units are free for 30 who wait, in batches of few rows; the next reserve gets none."""
    with sealed_at(3_000):
        ledger = Ledger().run(
            """
            given on_hand=20
            open_pool SALE units=20 end=+60s -> APPLIED
            backorder 30 -> APPLIED
            """
        )
        for number in range(30):
            ledger.run(f"reserve W{number:02} units=1 ttl=600s wait=yes -> BACKORDERED")
        ledger.run("tick 61s\nreserve NEW units=1 -> ALL_RESERVED")


TABLES = {
    "R24: nobody is promised units of an incoming that was called off": """
        expect PO1 units=10 exp=+24h -> APPLIED
        backorder 10 tied=PO1 -> APPLIED
        reserve R1 units=10 ttl=300s wait=yes -> BACKORDERED
        cancel_incoming PO1 -> PROMISE_SHORT backorder.free=0
        release R1 -> RELEASED backorder.free=0
        reserve R2 units=10 wait=yes -> SOLD_OUT
    """,
    "R24: the named youngest is cancelled after a final short receipt, and not sold again": """
        expect PO1 units=10 exp=+24h -> APPLIED
        backorder 10 tied=PO1 -> APPLIED
        reserve R1 units=4 order=O1 wait=yes ttl=300s -> BACKORDERED
        tick 1ms, reserve R2 units=6 order=O2 wait=yes ttl=300s -> BACKORDERED
        confirm R1 -> CONFIRMED
        confirm R2 -> CONFIRMED
        receive PO1 units=4 final=yes -> PROMISE_SHORT move.short_orders=O2
        cancel R2 -> CANCELLED
        reserve R3 units=6 wait=yes -> SOLD_OUT
    """,
    "R24: and not of one that goes elsewhere": """
        expect PO1 units=6 exp=+24h -> APPLIED
        backorder 6 tied=PO1 -> APPLIED
        reserve R1 units=3 order=O1 wait=yes ttl=10m -> BACKORDERED
        expect PO1 units=6 exp=+24h at=L2 -> PROMISE_SHORT move.short_orders=O1
        release R1 -> RELEASED backorder.free=0
    """,
    "R9: an order confirmed before orders_through that was filled since is among what the feed took off": """
        given on_hand=0
        backorder 9 -> APPLIED
        reserve R1 units=5 wait=yes -> BACKORDERED
        confirm R1 -> CONFIRMED R1.backorders_confirmed=5
        tick 60m, adjust +8 -> R1.allocated=5 atp=3
        reserve R2 units=3 ttl=10m -> GRANTED
        tick 1m, sync 3 nets=yes -> APPLIED on_hand=8 R2.reserved=3
    """,
    "R3: a sale that is sold out does not sell common units as backorders": """
        given on_hand=10
        open_pool SALE units=2 -> APPLIED
        backorder 5 -> APPLIED
        reserve R1 units=4 path=sale:SALE wait=yes -> SOLD_OUT atp=8
    """,
    "R3: nor does a fence without spill-over": """
        given on_hand=10
        channel_fence web units=2 spill=no -> APPLIED
        backorder 5 -> APPLIED
        reserve R1 units=4 path=channel:web wait=yes -> SOLD_OUT atp=8
    """,
    "R17: nor a late confirm that the sale forbids": """
        given on_hand=10
        open_pool SALE units=3 end=+60s late=no -> APPLIED
        backorder 5 -> APPLIED
        reserve R1 units=3 path=sale:SALE ttl=30s wait=yes -> GRANTED
        tick 61s, confirm R1 -> RESERVATION_EXPIRED atp=10
    """,
    "R15: nor does a location whose pool is closed sell for the sale, by its backorders": """
        given on_hand=1
        given on_hand=0 at=L2
        group G locations=L1+L2
        open_pool SALE units=1 -> APPLIED
        open_pool SALE units=1 at=L2 -> POOL_SHORT
        close_pool SALE at=L2 -> APPLIED
        backorder 3 at=L2 -> APPLIED
        reserve R0 units=1 at=L2 path=sale:SALE wait=yes -> SALE_CLOSED
        reserve R1 units=2 group=G strategy=split path=sale:SALE wait=yes -> SOLD_OUT
    """,
    "R20, R22: what a paid order drew from web's fence never goes to amazon's": """
        given on_hand=20
        channel_fence web units=3 -> APPLIED
        channel_fence amazon units=3 -> APPLIED
        record R1 units=3 channel=web -> RECORDED web.units=0
        record R1 units=4 channel=amazon -> RECORDED
        cancel R1 -> CANCELLED web.units=3 amazon.units=3
    """,
    "R15: a fence made anew counts what a reservation holds once": """
        given on_hand=10
        given on_hand=10 at=L2
        reserve R1 units=3 path=channel:web -> GRANTED
        reroute R1 from=L1 to=L2 -> REROUTED
        reroute R1 from=L2 to=L1 -> REROUTED
        channel_fence web units=5 -> APPLIED
        set_units R1 units=5 -> UNITS_SET R1.from_path=2
        channel_fence web units=0 -> APPLIED
        channel_fence web units=2 spill=no -> APPLIED
        reserve R2 units=6 path=channel:web -> SOLD_OUT
    """,
    "R15: set_units hopes for one line, as it grants at one": """
        given on_hand=3
        given on_hand=3 at=L2
        group G locations=L1+L2
        reserve R1 units=4 group=G strategy=split -> GRANTED
        reserve R2 units=2 at=L2 -> GRANTED
        adjust +1
        set_units R1 units=7 -> SOLD_OUT
    """,
    "R15: a line where too much is promised takes no hope from another": """
        given on_hand=4
        given on_hand=1 at=L2
        group G locations=L1+L2
        reserve R1 units=5 group=G strategy=split -> GRANTED
        set_units R1 units=1 at=L1 -> UNITS_SET
        reserve R2 units=2 -> GRANTED
        safety_stock 5 at=L2
        set_units R1 units=4 at=L1 -> ALL_RESERVED
        set_units R1 units=5 -> ALL_RESERVED
    """,
    "R19, R23: more units of a cart from before the limit are new units": """
        given on_hand=50
        reserve R1 units=1 by=ann -> GRANTED
        tick 1s, purchase_limit L units=2 -> APPLIED
        set_units R1 units=40 -> LIMIT_REACHED
    """,
    "R17, R23: a late confirm is decided again, by the limit of now": """
        given on_hand=50
        reserve R1 units=10 by=ann ttl=10s -> GRANTED
        tick 11s, purchase_limit L units=2 -> APPLIED
        confirm R1 -> RESERVATION_EXPIRED
    """,
    "R22: a pool that was opened after the reservation is another one, and gives it no more units": """
        given on_hand=5
        given on_hand=5 at=L2
        open_pool SALE units=3 -> APPLIED
        reserve R1 units=1 path=sale:SALE -> GRANTED
        tick 1s, open_pool SALE units=3 at=L2 -> APPLIED
        reroute R1 from=L1 to=L2 -> REROUTED
        set_units R1 units=3 -> UNKNOWN_SALE at=L2 fenced=3 atp=1
        release R1 -> RELEASED at=L2 fenced=3 atp=2
    """,
    "R22: nor does a paid order draw from it": """
        given on_hand=5
        given on_hand=5 at=L2
        open_pool SALE units=3 -> APPLIED
        reserve R1 units=1 path=sale:SALE ttl=10m -> GRANTED
        tick 1s, open_pool SALE units=3 at=L2 -> APPLIED
        record R1 units=3 at=L2 -> RECORDED at=L2 fenced=3 atp=0
        cancel R1 at=L2 -> CANCELLED at=L2 fenced=3 atp=2
    """,
    "R15: a reroute may hope for common units although its own line there holds a fence's": """
        given on_hand=3
        given on_hand=5 at=L2
        group G locations=L1+L2
        channel_fence web units=3 at=L2 -> APPLIED
        reserve R1 units=6 group=G strategy=split path=channel:web -> GRANTED
        reserve R2 units=2 at=L2 -> GRANTED at=L2 atp=0
        reroute R1 from=L1 to=L2 units=2 -> ALL_RESERVED
    """,
    "R17, R19: a pool unit that was rerouted is common, and confirmed late from common": """
        given on_hand=5
        given on_hand=5 at=L2
        open_pool SALE units=3 end=+10m -> APPLIED
        reserve R1 units=2 path=sale:SALE ttl=30s -> GRANTED
        reroute R1 from=L1 to=L2 -> REROUTED
        tick 31s, confirm R1 -> CONFIRMED_LATE at=L2 atp=3
    """,
    "R10: what is shipped where units wait are those, not others' that wait elsewhere": """
        given on_hand=0
        given on_hand=0 at=L2
        group G locations=L1+L2
        backorder 2 -> APPLIED
        backorder 2 at=L2 -> APPLIED
        reserve R1 units=4 group=G strategy=split wait=yes ttl=10m -> BACKORDERED
        confirm R1 -> CONFIRMED R1.backorders_confirmed=4
        fulfil R1 units=2 at=L2 -> FULFILLED at=L2 on_hand=-2
        adjust +2 -> on_hand=2 allocated=2 atp=0
    """,
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
def test_rule_of_a_sale(table: str) -> None:
    """Each table holds to the rule that it is named for."""
    Ledger().run(table)


@pytest.mark.skipif(is_ledger_compiled(), reason="compiled code has the size that closes a batch in it")
def test_use_of_a_limit_that_is_folded_while_carts_are_revoked_stays_forgotten() -> None:
    """I8: also where revocations that go on in the batch of the fold change it before."""
    with sealed_at(2_000):
        calls = calls_of(
            (
                "stock",
                0,
                (Adjust("a", SKU, "L1", 20, NOON - 9), SetPurchaseLimit("l", "L", SKU, 20, NOON + 60_000)),
            ),
            (
                "orders",
                0,
                tuple(Reserve(f"r{n}", f"R{n:02}", SKU, 1, 600, "L1", customer="ann") for n in range(20)),
            ),
            ("orders", 61_000, (RecordOrder("o", "X", SKU, 18, location="L1"),)),
        )
        state = fresh_state()
        rows = flat(run(state, calls))
        assert state.limit_uses == {}
        assert recover(rows).limit_uses == {}


def test_limit_that_ends_later_and_then_sooner_folds_as_after_a_recovery() -> None:
    """I8: its uses, too, which were kept for the later end for a while."""

    def limit(name: str, after_ms: int) -> SetPurchaseLimit:
        return SetPurchaseLimit(name, "L", SKU, 5, NOON + after_ms)

    def reserve(number: int, customer: str) -> Reserve:
        return Reserve(f"r{number}", f"R{number}", SKU, 1, 600, "L1", customer=customer)

    calls = calls_of(
        ("stock", 0, (Adjust("a", SKU, "L1", 20, NOON - 9), limit("l1", 60_000))),
        ("orders", 0, (reserve(1, "ann"),)),
        ("stock", 1, (limit("l2", 300_000),)),
        ("orders", 61_000, (reserve(2, "bob"),)),
        ("stock", 61_001, (limit("l3", 120_000),)),
        ("orders", 121_000, (Inspect("i1", "R1", SKU),)),
        ("orders", 122_000, (Inspect("i2", "R1", SKU),)),
    )
    assert_recovers(calls, 10**6, compacted=False)


def test_refusal_of_more_units_is_the_same_after_a_recovery() -> None:
    """I8: a location where a fence was once is hoped for like any other."""
    calls = calls_of(
        (
            "stock",
            0,
            (
                Adjust("a1", SKU, "L1", 4, NOON - 9),
                Adjust("a2", SKU, "L2", 1, NOON - 9),
                SetLocationGroup("g", "G", ("L1", "L2")),
                SetChannelFence("f", "web", SKU, "L2", 0),
            ),
        ),
        (
            "orders",
            0,
            (
                Reserve("r1", "R1", SKU, 5, 60, group="G", strategy="split"),
                SetUnits("u1", "R1", SKU, 1, "L1"),
                Reserve("r2", "R2", SKU, 2, 60, "L1"),
            ),
        ),
        ("stock", 0, (SetSafetyStock("s", SKU, "L2", 5, NOON),)),
        ("orders", 0, (SetUnits("u2", "R1", SKU, 5),)),
    )
    assert_recovers(calls, 10**6, compacted=False)


def test_shortfall_names_orders_behind_a_thousand_carts_that_ended() -> None:
    """R11, I8: the owner names as many orders as one that recovers, which never knew those carts."""
    pay = [
        step
        for n in range(1_990)
        for step in (Reserve(f"r{n}", f"A{n:04}", SKU, 1, 600, "L1"), Confirm(f"k{n}", f"A{n:04}", SKU))
    ]
    leave = [
        step
        for n in range(1_100)
        for step in (Reserve(f"y{n}", f"Y{n:04}", SKU, 1, 600, "L1"), Release(f"z{n}", f"Y{n:04}", SKU))
    ]
    *calls, last = calls_of(
        ("stock", 0, (Adjust("a", SKU, "L1", 5_000, NOON - 9),)),
        ("orders", 0, tuple(pay)),
        ("orders", 1, tuple(leave)),
        ("stock", 2, (Sync("count", SKU, "L1", 500, NOON + 2),)),
    )
    state = fresh_state()
    rows = flat(run(state, calls))
    recovered = recover(rows)
    run(state, [last])
    run(recovered, [last])
    ours, theirs = state.receipts.find(b"c/count"), recovered.receipts.find(b"c/count")
    assert ours is not None
    assert theirs is not None
    assert ours.movements[0].shortfall_units
    assert ours.movements[0].short_orders
    assert ours.movements == theirs.movements


def test_use_that_is_counted_again_ends_the_same_after_a_recovery() -> None:
    """I8: by the limit that is over last, whichever of its id the log tells first."""

    def limit(name: str, sku: str, after_ms: int) -> SetPurchaseLimit:
        return SetPurchaseLimit(name, "L", sku, 5, NOON + after_ms)

    calls = calls_of(
        (
            "stock",
            0,
            (Adjust("a", SKU, "L1", 20, NOON - 9), limit("l1", SKU, 60_000), limit("l2", "SKU2", 300_000)),
        ),
        ("orders", 0, (Reserve("r1", "R1", SKU, 2, 10, "L1", customer="ann"),)),
        ("stock", 1, (limit("l3", SKU, 90_000),)),
        ("orders", 11_000, (Confirm("k1", "R1", SKU),)),
    )
    assert_recovers(calls, 10**6, compacted=True)


def test_every_sale_that_can_be_opened_can_be_asked_for() -> None:
    """R3, R15: a pool whose name no path can hold is refused for its form; one character less sells."""
    ledger = Ledger().run("given on_hand=5")
    longest = "S" * (ID_CHARACTERS_MAX - len("sale:"))
    too_long = OpenPool("o1", longest + "S", SKU, "L1", 3, NOON, NOON + 60_000)
    with pytest.raises(ImpossibleCommandError):
        open_pool(ledger.state, too_long, NOON, Batch(0, NOON))
    assert ledger.send(OpenPool("o2", longest, SKU, "L1", 3, NOON, NOON + 60_000)) is Outcome.APPLIED
    commands, poison = ORDER_DECODER.decode(
        encode_pack([Reserve("r", "R1", SKU, 1, 60, "L1", path="sale:" + longest)])
    )
    assert not poison
    (reserve,) = commands
    assert isinstance(reserve, Reserve)
    assert ledger.send(reserve) is Outcome.GRANTED


def test_times_of_a_pool_that_is_stated_again_and_again_do_not_pile_up() -> None:
    """R29: what a statement made stale is dropped now and then, long before the sale's end."""
    ledger = Ledger().run("given on_hand=5")
    again = [OpenPool(f"o{n}", "SALE", SKU, "L1", 3, NOON, NOON + 10**9) for n in range(5_000)]
    ledger.decide(stock=[again])
    assert len(ledger.state.timed) < 1_100
