"""Sale pools (R3, R4, R15, R17, R18, R19, R22)."""

import pytest

from inventory_stream.ledger.batch import Batch, ImpossibleCommandError
from inventory_stream.ledger.decide import DECISIONS
from inventory_stream.ledger.rules import Rules
from models import commands as c
from tests.unit.ledger.table import NOON, SKU, Ledger

TABLES = {
    "R3: a pool's units are the sale's alone, and the sale has no others": """
        given on_hand=10
        open_pool SALE units=4 -> APPLIED fenced=4 atp=6 SALE.units=4 SALE.drawn=0
        reserve R1 units=7 -> SOLD_OUT breakdown.fenced=4 breakdown.available_to_promise=6
        reserve R2 units=6 -> GRANTED atp=0
        reserve R3 units=4 path=sale:SALE -> GRANTED atp=0 fenced=0 SALE.drawn=4 R3.from_path=4
        reserve R4 units=1 path=sale:SALE -> ALL_RESERVED breakdown.path_units=0
    """,
    "R4: a pool gets what is promised to nobody, never safety stock": """
        given on_hand=10 safety_stock=3
        reserve R1 units=2 -> GRANTED atp=5
        open_pool SALE units=8 -> POOL_SHORT said.units=5 fenced=5 atp=0 breakdown.available_to_promise=0
        adjust +4 -> atp=4 fenced=5
        open_pool SALE units=8 -> APPLIED said.units=8 fenced=8 atp=1
    """,
    "an open pool stated anew has that total, and never less than it has sold": """
        given on_hand=10
        open_pool SALE units=6 -> APPLIED
        reserve R1 units=3 path=sale:SALE -> GRANTED
        open_pool SALE units=4 -> APPLIED SALE.units=4 fenced=1 atp=6
        open_pool SALE units=1 -> APPLIED said.units=3 SALE.units=3 fenced=0 atp=7
        open_pool SALE units=20 -> POOL_SHORT said.units=10 fenced=7 atp=0
        reserve R2 units=7 path=sale:SALE -> GRANTED
    """,
    "R15: a sale is open by the arrival of the reserve, from its first ms to its last": """
        given on_hand=10
        open_pool SALE units=5 start=+60s end=+120s -> APPLIED fenced=5
        reserve R1 units=1 path=sale:SALE arrival=+59999ms -> SALE_NOT_OPEN breakdown.path_units=0
        tick 60s, reserve R2 units=1 path=sale:SALE -> GRANTED
        tick 60s, reserve R3 units=1 path=sale:SALE -> GRANTED
        tick 1ms, reserve R4 units=1 path=sale:SALE -> SALE_CLOSED breakdown.available_to_promise=9
        reserve R5 units=1 path=sale:OTHER -> UNKNOWN_SALE
    """,
    "R15: a pool that another command closed sells no more, even to what arrived in its time": """
        given on_hand=10
        open_pool SALE units=5 -> APPLIED
        close_pool SALE -> APPLIED said.units=5 fenced=0 atp=10
        reserve R1 units=1 path=sale:SALE -> SALE_CLOSED
        close_pool SALE -> SALE_CLOSED
        open_pool SALE units=5 -> SALE_CLOSED fenced=0
        close_pool OTHER -> UNKNOWN_SALE
    """,
    "R4, R18: units are set aside from fence_from on, before the sale opens": """
        given on_hand=10
        open_pool SALE units=6 fence=+30s start=+60s end=+120s -> APPLIED fenced=0 SALE.units=0 said.units=0
        reserve R1 units=2 -> GRANTED atp=8
        tick 29s, reserve R2 units=1 -> GRANTED fenced=0
        tick 1s, reserve R3 units=4 -> ALL_RESERVED fenced=6 atp=1
    """,
    "R4: what is set aside late gets what is left": """
        given on_hand=10
        open_pool SALE units=6 fence=+30s start=+60s end=+120s -> APPLIED
        reserve R1 units=7 -> GRANTED
        tick 30s, reserve R2 units=1 -> ALL_RESERVED fenced=3 atp=0 SALE.units=3
    """,
    "R18: an idle partition sets units aside and closes by time that the broker confirms": """
        given on_hand=10
        open_pool SALE units=6 fence=+30s start=+60s end=+120s -> APPLIED fenced=0
        tick 30s, sweep -> fenced=6
        tick 90s, sweep -> fenced=6
        tick 1ms, sweep -> fenced=0 atp=10
    """,
    "R18: times of pools and deadlines happen in one order": """
        given on_hand=4
        open_pool SALE units=4 end=+60s -> APPLIED
        open_pool NEXT units=4 fence=+61s start=+62s end=+90s -> APPLIED
        reserve R1 units=3 path=sale:SALE ttl=60s -> GRANTED
        reserve R2 units=1 path=sale:SALE ttl=62s -> GRANTED
        tick 70s, sweep -> NEXT.units=3 fenced=3 atp=1
    """,
    "R18: a pool stated anew forgets its old times": """
        given on_hand=10
        open_pool SALE units=4 end=+60s -> APPLIED
        open_pool SALE units=4 end=+120s -> APPLIED
        tick 61s, reserve R1 units=1 path=sale:SALE -> GRANTED
        open_pool SALE units=4 end=+10s -> APPLIED
        tick 11s, reserve R2 units=1 path=sale:SALE -> SALE_CLOSED
    """,
    "R22: what expires or is released goes to the pool while it is open": """
        given on_hand=10
        open_pool SALE units=5 -> APPLIED
        reserve R1 units=3 path=sale:SALE ttl=60s -> GRANTED
        reserve R2 units=2 path=sale:SALE ttl=90s -> GRANTED fenced=0
        release R2 units=1 -> RELEASED fenced=1 atp=5
        tick 61s, sweep -> fenced=4 atp=5 SALE.drawn=1
    """,
    "R22: after its end what is freed is common": """
        given on_hand=10
        open_pool SALE units=5 end=+30s -> APPLIED
        reserve R1 units=3 path=sale:SALE ttl=60s -> GRANTED fenced=2 atp=5
        tick 31s, sweep -> fenced=0 atp=7
        tick 30s, sweep -> fenced=0 atp=10 SALE.drawn=3
    """,
    "R22: what is cancelled goes to the pool, what is returned never": """
        given on_hand=10
        open_pool SALE units=5 -> APPLIED
        reserve R1 units=4 path=sale:SALE -> GRANTED
        confirm R1 -> CONFIRMED R1.from_path=4
        cancel R1 units=1 -> CANCELLED fenced=2 SALE.drawn=3
        fulfil R1 -> FULFILLED R1.from_path=0 SALE.drawn=3
        return R1 units=3 -> RETURNED on_hand=10 fenced=2 atp=8
    """,
    "R11, R4: a fact takes unsold units, then revokes what the sale had reserved": """
        given on_hand=10
        open_pool SALE units=6 -> APPLIED
        reserve R1 units=4 path=sale:SALE -> GRANTED fenced=2 atp=4
        adjust -5 -> APPLIED fenced=1 SALE.units=5 atp=0
        adjust -4 -> APPLIED fenced=1 SALE.drawn=0 R1.revoked=4 atp=0
    """,
    "R17: a late confirm takes pool units again while the sale is open": """
        given on_hand=5
        open_pool SALE units=5 -> APPLIED
        reserve R1 units=5 path=sale:SALE ttl=30s -> GRANTED
        tick 31s, confirm R1 -> CONFIRMED_LATE R1.from_path=5 SALE.drawn=5 fenced=0
    """,
    "R17: a late confirm in a sale that is open and sold out does not take common units": """
        given on_hand=10
        open_pool SALE units=5 -> APPLIED
        reserve R1 units=3 path=sale:SALE ttl=30s -> GRANTED
        tick 31s, reserve R2 units=5 path=sale:SALE -> GRANTED atp=5
        confirm R1 -> RESERVATION_EXPIRED breakdown.path_units=0 breakdown.available_to_promise=5
    """,
    "R17: after its end a late confirm takes common units": """
        given on_hand=10
        open_pool SALE units=5 end=+60s -> APPLIED
        reserve R1 units=3 path=sale:SALE ttl=30s -> GRANTED
        tick 61s, confirm R1 -> CONFIRMED_LATE R1.from_path=0 atp=7 fenced=0
    """,
    "R17: unless the sale forbids": """
        given on_hand=10
        open_pool SALE units=5 end=+60s late=no -> APPLIED
        reserve R1 units=3 path=sale:SALE ttl=30s -> GRANTED
        tick 61s, confirm R1 -> RESERVATION_EXPIRED breakdown.available_to_promise=10
    """,
    "R17: a confirm in time is never asked for the sale": """
        given on_hand=10
        open_pool SALE units=5 end=+10s late=no -> APPLIED
        reserve R1 units=3 path=sale:SALE ttl=60s -> GRANTED
        tick 60s, confirm R1 -> CONFIRMED R1.from_path=3
    """,
    "R19: in a sale a deadline moves up to its end and the checkout grace": """
        given on_hand=5
        open_pool SALE units=5 end=+60s grace=30s -> APPLIED
        reserve R1 units=1 path=sale:SALE ttl=30s -> GRANTED
        extend R1 ttl=10m -> EXTENDED
        tick 90s, sweep -> R1.reserved=1
        extend R1 ttl=10m -> EXTEND_LIMIT
        tick 1ms, sweep -> R1.expired=1
    """,
    "R19: a sale that was closed early has its grace from then": """
        given on_hand=5
        open_pool SALE units=5 end=+60s grace=30s -> APPLIED
        reserve R1 units=1 path=sale:SALE ttl=10s -> GRANTED
        close_pool SALE -> APPLIED
        extend R1 ttl=10m -> EXTENDED
        tick 30001ms, sweep -> R1.expired=1 atp=5
    """,
    "R19: a rerouted pool unit is common where it comes, and stays sold where it left": """
        given on_hand=5
        given on_hand=5 at=L2
        open_pool SALE units=3 -> APPLIED
        reserve R1 units=2 path=sale:SALE -> GRANTED fenced=1 atp=2
        reroute R1 from=L1 to=L2 -> REROUTED SALE.drawn=2 fenced=1 atp=4 R1.from_path=0
        show -> at=L2 atp=3
        release R1 -> RELEASED
        show -> at=L2 atp=5
        show -> SALE.drawn=2 fenced=1 atp=4
    """,
    "R19: more units of a sale are a new grant of its pool": """
        given on_hand=10
        open_pool SALE units=4 end=+60s -> APPLIED
        reserve R1 units=2 path=sale:SALE ttl=10m -> GRANTED
        set_units R1 units=5 -> SOLD_OUT breakdown.path_units=2
        set_units R1 units=4 -> UNITS_SET R1.from_path=4 SALE.drawn=4 fenced=0
        set_units R1 units=1 -> UNITS_SET R1.from_path=1 SALE.drawn=1 fenced=3
        tick 61s, set_units R1 units=2 -> SALE_CLOSED
        set_units R1 units=1 -> UNITS_SET
    """,
    "R10: what is shipped elsewhere stays sold in the pool": """
        given on_hand=5
        given on_hand=5 at=L2
        open_pool SALE units=3 -> APPLIED
        reserve R1 units=3 path=sale:SALE -> GRANTED
        fulfil R1 units=2 at=L2 -> FULFILLED SALE.drawn=3 R1.from_path=1
        release R1 -> RELEASED SALE.drawn=2 fenced=1 atp=4
    """,
    "R20: a paid order of a lost reservation takes pool units first, then common, then what is not there": """
        given on_hand=5
        open_pool SALE units=3 -> APPLIED
        reserve R1 units=3 path=sale:SALE ttl=10s -> GRANTED
        tick 11s, reserve R2 units=2 path=sale:SALE -> GRANTED fenced=1 atp=2
        record R1 units=3 -> RECORDED R1.from_path=1 fenced=0 atp=0
        record R3 units=2 -> RECORDED R2.revoked=2 short=0
    """,
    "R21: a confirm that came before its reserve in a sale is decided with it": """
        given on_hand=5
        open_pool SALE units=3 -> APPLIED
        confirm R1 -> REMEMBERED
        reserve R1 units=2 path=sale:SALE -> GRANTED R1.allocated=2 R1.from_path=2 SALE.drawn=2 fenced=1
    """,
    "R21: what was shipped before its reserve needs no sale": """
        given on_hand=5
        fulfil R1 units=2 at=L1 -> REMEMBERED on_hand=3
        reserve R1 units=2 path=sale:GONE -> GRANTED R1.fulfilled=2
    """,
    "R15: partial grants of a pool": """
        given on_hand=9
        open_pool SALE units=3 -> APPLIED
        reserve R1 units=5 path=sale:SALE partial=yes -> PARTIALLY_GRANTED said.units=3 R1.from_path=3
        reserve R2 units=1 path=sale:SALE partial=yes -> ALL_RESERVED
    """,
    "R15: SOLD_OUT when no reservation of the sale could expire, whatever others have reserved": """
        given on_hand=9
        open_pool SALE units=3 -> APPLIED
        reserve R1 units=4 -> GRANTED
        reserve R2 units=3 path=sale:SALE -> GRANTED
        reserve R3 units=1 path=sale:SALE -> ALL_RESERVED
        confirm R2 units=1 -> CONFIRMED
        reserve R4 units=2 path=sale:SALE -> ALL_RESERVED
        reserve R5 units=3 path=sale:SALE -> SOLD_OUT
        confirm R2 -> CONFIRMED
        reserve R6 units=1 path=sale:SALE -> SOLD_OUT breakdown.reserved=4
        reserve R7 units=6 -> ALL_RESERVED
        reserve R8 units=7 -> SOLD_OUT
    """,
    "R15: a group sells from the pools of its locations": """
        given on_hand=5
        given on_hand=5 at=L2
        group G locations=L1+L2
        open_pool SALE units=2 -> APPLIED
        open_pool SALE units=3 at=L2 -> APPLIED
        reserve R1 group=G units=3 path=sale:SALE -> GRANTED
        reserve R2 group=G units=3 path=sale:SALE -> ALL_RESERVED
        reserve R3 group=G units=2 path=sale:SALE strategy=split -> GRANTED
        reserve R4 group=G units=1 path=sale:SALE -> ALL_RESERVED breakdown.path_units=0
    """,
    "R15: in a group only the pools sell that are open": """
        given on_hand=5
        given on_hand=5 at=L2
        group G locations=L1+L2
        open_pool SALE units=2 start=+60s end=+90s -> APPLIED
        reserve R1 group=G units=1 path=sale:SALE -> SALE_NOT_OPEN
        open_pool SALE units=3 at=L2 -> APPLIED
        reserve R2 group=G units=4 path=sale:SALE strategy=split -> SOLD_OUT breakdown.path_units=3
        reserve R3 group=G units=3 path=sale:SALE strategy=split -> GRANTED
        reserve R4 location=L3 units=1 path=sale:SALE -> UNKNOWN_SALE
    """,
    "R29: a pool that is closed is forgotten after the receipts' window, and its id may be used anew": """
        given on_hand=5
        open_pool SALE units=3 end=+10s -> APPLIED
        reserve R1 units=2 path=sale:SALE ttl=1m -> GRANTED
        confirm R1 -> CONFIRMED
        tick 11s, sweep -> fenced=0
        tick 49h, adjust +0s delta=1 -> APPLIED
        open_pool SALE units=1 -> APPLIED SALE.drawn=0 fenced=1
        cancel R1 -> CANCELLED SALE.drawn=0 fenced=1 atp=5
    """,
    "a pool of a SKU that is nowhere is refused": """
        given on_hand=5
        open_pool SALE units=3 at=L9 -> UNKNOWN_SKU
        open_pool SALE units=3 start=-20s end=-1s -> SALE_CLOSED fenced=0
    """,
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
def test_pool(table: str) -> None:
    """R3, R4, R15 to R22 of sale pools, row by row."""
    Ledger().run(table)


IMPOSSIBLE = {
    "ends before it starts": (NOON + 1, NOON, None),
    "ends when it starts": (NOON, NOON, None),
    "is set aside after its start": (NOON, NOON + 9, NOON + 1),
}
"""Start, end, set aside from."""


@pytest.mark.parametrize("times", IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_pool_is_a_dead_letter_when_its_times_say_nothing(times: tuple[int, int, int | None]) -> None:
    """R4: a pool that cannot be is refused for its form, and decides nothing."""
    ledger = Ledger().run("given on_hand=5")
    command = c.OpenPool("p1", "SALE", SKU, "L1", 3, *times)
    with pytest.raises(ImpossibleCommandError):
        DECISIONS[c.OpenPool](ledger.state, command, NOON, Batch(1, NOON))
    (sealed,) = ledger.decide(stock=[[command]])
    assert [refused.reason for refused in sealed.refused]
    assert ledger.state.skus[SKU]["L1"].fenced == 0


def test_reserve_on_an_unknown_kind_of_path_is_a_dead_letter() -> None:
    """R3: a path that names nothing can never grant."""
    ledger = Ledger().run("given on_hand=5")
    for path in ("sale:", "channel:", "flash", "SALE:X", ""):
        (sealed,) = ledger.decide(orders=[[c.Reserve(f"c{path}", "R1", SKU, 1, 60, "L1", path=path or " ")]])
        assert len(sealed.refused) == 1, path


def test_pool_follows_from_its_rows_in_every_step() -> None:
    """I8: an owner that recovers between any two commands has the same pools, fences and counts."""
    ledger = Ledger(Rules())
    ledger.run(
        """
        given on_hand=20
        open_pool SALE units=9 end=+60s
        channel_fence web units=4
        reserve R1 units=3 path=sale:SALE ttl=30s
        reserve R2 units=5 path=channel:web ttl=40s
        adjust -4
        tick 31s, sweep
        tick 30s, sweep
        """
    )
    recovered = ledger.recovered(compacted=True)
    ours, theirs = ledger.state.skus[SKU]["L1"], recovered.skus[SKU]["L1"]
    assert ours.to_row(1) == theirs.to_row(1)
    assert ours.claims == theirs.claims
    assert ledger.state.pools == recovered.pools
