"""R24: units promised before they are there, and filled by what comes."""

from operator import attrgetter

import msgspec
import pytest

from models import commands as c
from models.outcomes import Outcome
from models.rows import BackorderRow, backorder_key, decode_row
from tests.unit.ledger.table import NOON, SKU, Ledger

TABLES = {
    "R24: what there is is reserved, the rest waits up to the limit; only who asked for it waits": """
        given on_hand=2
        backorder 5 -> APPLIED backorder.units=5 backorder.free=5
        reserve R1 units=4 -> SOLD_OUT
        reserve R2 units=4 wait=yes -> BACKORDERED atp=0 R2.reserved=2 R2.backordered=2 said.units=4
        reserve R3 units=4 wait=yes -> SOLD_OUT breakdown.available_to_promise=0
        reserve R3 units=3 wait=yes -> BACKORDERED R3.reserved=0 R3.backordered=3 backorder.free=0
        reserve R4 units=1 wait=yes -> ALL_RESERVED
    """,
    "R24: partly only where that is allowed": """
        given on_hand=1
        backorder 2 -> APPLIED
        reserve R1 units=4 wait=yes -> SOLD_OUT backorder.used=0
        reserve R2 units=4 wait=yes partial=yes -> BACKORDERED R2.reserved=1 R2.backordered=2 said.units=3
        reserve R3 units=1 wait=yes partial=yes -> ALL_RESERVED
    """,
    "what is there is granted as ever, also to who would wait": """
        given on_hand=3
        backorder 2 -> APPLIED
        reserve R1 units=3 wait=yes -> GRANTED R1.backordered=0 backorder.used=0
    """,
    "R24: filled oldest first; soft ones become reserved, paid ones allocated, only the rest is ATP": """
        given on_hand=0
        backorder 9 -> APPLIED
        reserve R1 units=2 wait=yes -> BACKORDERED
        tick 1ms, reserve R2 units=3 wait=yes -> BACKORDERED
        tick 1ms, reserve R3 units=1 wait=yes -> BACKORDERED backorder.used=6
        confirm R2 -> CONFIRMED said.units=3 R2.backordered=0 R2.backorders_confirmed=3 backorder.used=6
        adjust +4 -> atp=0 R1.reserved=2 R2.allocated=2 R2.backorders_confirmed=1 R3.backordered=1
        adjust +5 -> atp=3 R2.allocated=3 R3.reserved=1 backorder.used=0 backorder.free=9
    """,
    "R24: whatever frees units fills: a cancel, an expiry, less safety stock, a closed pool": """
        given on_hand=6 safety_stock=1
        open_pool SALE units=1 -> APPLIED
        reserve R0 units=1 -> GRANTED
        reserve RX units=3 ttl=10s -> GRANTED atp=0
        confirm R0 -> CONFIRMED
        backorder 9 -> APPLIED
        reserve R1 units=8 ttl=300s wait=yes -> BACKORDERED R1.backordered=8
        cancel R0 -> CANCELLED R1.reserved=1 atp=0
        tick 11s, sweep -> R1.reserved=4 atp=0
        safety_stock 0 -> R1.reserved=5 atp=0
        close_pool SALE -> APPLIED R1.reserved=6 atp=0
        till_sale 1 -> R1.revoked=6 R1.reserved=2 atp=3
    """,
    "R24: fences keep what they have; what waits gets only what is common": """
        given on_hand=4
        channel_fence web units=3 -> APPLIED atp=1
        backorder 5 -> APPLIED
        reserve R1 units=3 wait=yes -> BACKORDERED R1.reserved=1 R1.backordered=2
        adjust +1 -> fenced=3 atp=0 R1.reserved=2
        reserve R2 units=5 path=channel:web wait=yes -> BACKORDERED R2.reserved=3 R2.backordered=2
        show -> R2.from_path=3 fenced=0
    """,
    "R24: expired, released and cancelled ones give the limit back": """
        given on_hand=0
        backorder 6 -> APPLIED
        reserve R1 units=3 wait=yes -> BACKORDERED
        reserve R2 units=3 ttl=200s wait=yes -> BACKORDERED backorder.free=0
        release R2 units=1 -> RELEASED R2.backordered=2 R2.released=1 backorder.free=1
        tick 61s, sweep -> R1.expired=3 R1.backordered=0 backorder.free=4
        confirm R2 -> CONFIRMED backorder.free=4
        cancel R2 units=1 -> CANCELLED R2.backorders_confirmed=1 R2.cancelled=1 backorder.free=5
        cancel R2 -> CANCELLED backorder.used=0
        cancel R2 -> NOT_LIVE
    """,
    "R16: of a line those that wait are freed first, by release, by cancel and by fewer units": """
        given on_hand=2
        backorder 6 -> APPLIED
        reserve R1 units=6 ttl=300s wait=yes -> BACKORDERED R1.reserved=2
        release R1 units=1 -> RELEASED R1.reserved=2 R1.backordered=3
        set_units R1 units=4 -> UNITS_SET R1.reserved=2 R1.backordered=2
        confirm R1 units=3 -> CONFIRMED R1.allocated=2 R1.backorders_confirmed=1 R1.backordered=1
        release R1 -> RELEASED R1.backordered=0 backorder.used=1
        set_units R1 units=2 -> UNITS_SET R1.allocated=2 backorder.used=0
    """,
    "R19: extended with what is held, even where all of it waits": """
        given on_hand=0
        backorder 6 -> APPLIED
        reserve R1 units=2 wait=yes -> BACKORDERED
        tick 50s, extend R1 ttl=60s -> EXTENDED
        tick 50s, sweep -> R1.backordered=2
        tick 11s, sweep -> R1.expired=2
    """,
    "R17: a late confirm is decided as a whole again, with units that may wait": """
        given on_hand=1
        backorder 6 -> APPLIED
        reserve R1 units=3 wait=yes -> BACKORDERED
        reserve R2 units=2 ttl=300s wait=yes -> BACKORDERED
        tick 61s, sweep -> R1.expired=3 R2.reserved=1 R2.backordered=1 backorder.used=1
        confirm R1 -> CONFIRMED_LATE R1.backorders_confirmed=3 R1.allocated=0 backorder.used=4
        adjust +1 -> R1.allocated=1 R2.backordered=1
        reserve R3 units=1 -> ALL_RESERVED
    """,
    "R17: a late confirm that may not wait, or for which the limit has no room, is refused": """
        given on_hand=2
        backorder 2 -> APPLIED
        reserve R1 units=2 -> GRANTED
        reserve R2 units=2 wait=yes -> BACKORDERED
        tick 61s, sweep -> R1.expired=2 R2.expired=2 atp=2
        reserve R3 units=3 wait=yes -> BACKORDERED
        confirm R1 -> RESERVATION_EXPIRED
        confirm R2 -> RESERVATION_EXPIRED
    """,
    "R10: units shipped before the ledger knew that they came are a fact": """
        given on_hand=0
        backorder 6 -> APPLIED
        reserve R1 units=3 wait=yes -> BACKORDERED
        confirm R1 -> CONFIRMED
        fulfil R1 -> FULFILLED said.units=3 on_hand=-3 R1.fulfilled=3 backorder.used=0 short=3
        receive PO1 units=5 at=L1 -> RECEIVE_UNMATCHED on_hand=2 atp=2
    """,
    "R10: shipped from elsewhere, more than was allocated, and more than was ordered": """
        given on_hand=1
        given on_hand=5 at=L2
        backorder 6 -> APPLIED
        reserve R1 units=4 wait=yes -> BACKORDERED R1.reserved=1
        confirm R1 -> CONFIRMED R1.allocated=1
        fulfil R1 units=3 at=L2 -> FULFILLED at=L2 on_hand=2 R1.fulfilled=3
        show -> on_hand=1 R1.allocated=1 backorder.used=0
        fulfil R1 units=2 at=L1 -> FULFIL_UNMATCHED R1.fulfilled=4 on_hand=-1
    """,
    "R15: a group takes the first location with enough of both; split takes what there is first": """
        given on_hand=1
        given on_hand=2 at=L2
        group G locations=L1+L2 -> APPLIED
        backorder 1 -> APPLIED
        backorder 3 at=L2 -> APPLIED
        reserve R1 units=5 group=G wait=yes -> BACKORDERED at=L2 reserved=2 R1.backordered=3
        reserve R2 units=2 group=G wait=yes -> BACKORDERED at=L1 reserved=1 R2.backordered=1
        release R1, release R2 -> RELEASED
        reserve R3 units=6 group=G strategy=split wait=yes -> BACKORDERED R3.reserved=3 R3.backordered=3
        reserve R4 units=2 group=G strategy=split wait=yes -> ALL_RESERVED
    """,
    "R23: units that wait count for a purchase limit until they are given up": """
        given on_hand=1
        backorder 9 -> APPLIED
        purchase_limit LIM units=4 -> APPLIED
        reserve R1 units=3 by=ann wait=yes -> BACKORDERED
        reserve R2 units=2 by=ann wait=yes -> LIMIT_REACHED
        release R1 units=1 -> RELEASED
        reserve R3 units=2 by=ann wait=yes -> BACKORDERED
        tick 61s, sweep -> R1.expired=2
        reserve R4 units=4 by=ann wait=yes -> BACKORDERED
    """,
    "R20: an order from outside that carries the reservation's id takes what waits for it": """
        given on_hand=1
        backorder 9 -> APPLIED
        reserve R1 units=3 wait=yes -> BACKORDERED
        record R1 units=3 order=O1 -> CONFIRMED R1.allocated=1 R1.backorders_confirmed=2
        record R1 units=3 order=O1 -> ALREADY_CONFIRMED
    """,
    "R28: the same reserve again holds already; another content does not": """
        given on_hand=0
        backorder 9 -> APPLIED
        reserve R1 units=3 wait=yes -> BACKORDERED
        reserve R1 units=3 wait=yes -> ALREADY_GRANTED
        reserve R1 units=3 -> RESERVATION_ID_REUSED
        again c4 -> ALREADY_GRANTED
    """,
    "R19: rerouted units leave, those that wait stay where the goods will come": """
        given on_hand=1
        given on_hand=5 at=L2
        backorder 9 -> APPLIED
        reserve R1 units=3 wait=yes -> BACKORDERED
        reroute R1 from=L1 to=L2 -> REROUTED said.units=1 reserved=1 R1.backordered=1
        adjust +1 -> reserved=2 R1.backordered=0
        show -> at=L2 reserved=1
    """,
    "a limit stated anew is the newest; what waits already keeps its promise": """
        given on_hand=0
        backorder 4 -> APPLIED
        reserve R1 units=3 wait=yes -> BACKORDERED
        backorder 1 -> APPLIED backorder.used=3 backorder.free=0
        reserve R2 units=1 wait=yes -> SOLD_OUT
        backorder 0 -> APPLIED
        adjust +3 -> R1.reserved=3 atp=0
    """,
}

TIED = {
    "R24: tied to goods on the way, never to more than they still bring": """
        backorder 5 tied=PO1 -> UNKNOWN_INCOMING
        expect PO1 units=4 exp=+24h -> APPLIED
        backorder 9 tied=PO1 at=L2 -> UNKNOWN_INCOMING
        backorder 9 tied=PO1 -> APPLIED said.units=4 backorder.units=4
        reserve R1 units=3 wait=yes -> BACKORDERED
        receive PO1 units=2 -> APPLIED R1.reserved=2 atp=0 backorder.used=1 backorder.units=2
        reserve R2 units=2 wait=yes -> ALL_RESERVED
        reserve R2 units=1 wait=yes -> BACKORDERED backorder.free=0
        receive PO1 units=2 final=yes -> APPLIED R1.reserved=3 R2.reserved=1 atp=0 backorder.free=0
    """,
    "R24: what comes beyond what waits is for everybody, and no promise is made on it twice": """
        expect PO1 units=10 exp=+24h -> APPLIED
        backorder 10 tied=PO1 -> APPLIED
        reserve R1 units=2 wait=yes -> BACKORDERED
        receive PO1 units=6 -> APPLIED R1.reserved=2 atp=4 backorder.free=4
        receive PO1 units=4 -> APPLIED atp=8 backorder.free=0
    """,
    "R24: final and short: the youngest orders that no longer fit are named, nothing is cancelled": """
        expect PO1 units=6 exp=+24h -> APPLIED
        backorder 6 tied=PO1 -> APPLIED
        reserve R1 units=3 ttl=300s order=O1 wait=yes -> BACKORDERED
        tick 1ms, reserve R2 units=2 ttl=300s order=O2 wait=yes -> BACKORDERED
        tick 1ms, reserve R3 units=1 ttl=300s order=O3 wait=yes -> BACKORDERED
        receive PO1 units=4 final=yes -> PROMISE_SHORT on_hand=4 move.short_orders=O3+O2
        show -> R1.reserved=3 R2.reserved=1 R2.backordered=1 R3.backordered=1 backorder.free=0
        adjust +2 -> R2.reserved=2 R3.reserved=1 atp=0
    """,
    "R24: called off": """
        expect PO1 units=6 exp=+24h -> APPLIED
        backorder 6 tied=PO1 -> APPLIED
        reserve R1 units=3 order=O1 wait=yes -> BACKORDERED
        cancel_incoming PO1 -> PROMISE_SHORT said.units=6 move.short_orders=O1 backorder.free=0
        reserve R2 units=1 wait=yes -> SOLD_OUT
        expect PO1 units=6 exp=+24h -> APPLIED backorder.free=0
        backorder 6 tied=PO1 -> APPLIED backorder.free=3
    """,
    "R24: fewer than promised, or to another location": """
        expect PO1 units=6 exp=+24h -> APPLIED
        backorder 6 tied=PO1 -> APPLIED
        reserve R1 units=3 wait=yes -> BACKORDERED
        expect PO1 units=3 exp=+24h -> APPLIED backorder.units=3
        expect PO1 units=2 exp=+24h -> PROMISE_SHORT move.short_orders=R1
        expect PO1 units=9 exp=+24h at=L2 -> PROMISE_SHORT
    """,
    "R24: later than said, where somebody waits; earlier, or for nobody, is no exception": """
        expect PO1 units=6 exp=+24h -> APPLIED
        backorder 6 tied=PO1 -> APPLIED
        expect PO1 units=6 exp=+48h -> APPLIED
        reserve R1 units=3 order=O1 wait=yes -> BACKORDERED
        expect PO1 units=6 exp=+24h -> APPLIED
        expect PO1 units=6 exp=+25h -> PROMISE_LATE move.short_orders=O1 R1.backordered=3
        receive PO1 units=0 final=yes -> PROMISE_SHORT move.delta=0
    """,
    "goods that nobody waits for break no promise": """
        expect PO1 units=6 exp=+24h -> APPLIED
        backorder 6 tied=PO1 -> APPLIED
        receive PO1 units=4 final=yes -> RECEIVED_SHORT backorder.free=0
        expect PO2 units=6 exp=+24h -> APPLIED
        cancel_incoming PO2 -> APPLIED
    """,
}


@pytest.mark.parametrize("rows", [*TABLES.values(), *TIED.values()], ids=[*TABLES, *TIED])
def test_backorders(rows: str) -> None:
    """R24, as the table's name says; all invariants hold after every step, by the rows alone too."""
    Ledger().run(rows)


def test_fill_that_is_larger_than_an_append_goes_on_before_anything_else_is_decided() -> None:
    """P6, R24: many are filled append by append, and nobody new gets a unit in between."""
    ledger = Ledger()
    waiting = 1_800
    limit: list[c.Command | None] = [c.SetBackorder("limit", SKU, "L1", waiting)]
    ledger.decide(stock=[limit], orders=[[_large_reserve(number) for number in range(waiting)]])
    before = len(ledger.sealed)
    late = c.Reserve("new", "NEW", SKU, 1, 60, location="L1")
    ledger.decide(stock=[[c.Adjust("more", SKU, "L1", waiting - 1, NOON)]], orders=[[late]])
    assert ledger.heard(late) is Outcome.ALL_RESERVED
    first_of_them, *others = ledger.sealed[before:]
    filled = sum(key.startswith(b"r/") for key, _ in first_of_them.rows)
    assert others
    assert filled < waiting - 1
    rows = sorted(ledger.state.reservations.values(), key=attrgetter("reservation_id"))
    lines = [row.lines[0] for row in rows if row.lines]
    assert [line.reserved for line in lines] == [1] * (waiting - 1) + [0]
    assert lines[-1].backordered == 1


def _large_reserve(number: int) -> c.Reserve:
    """Ask for one unit with the longest words there may be."""
    name = f"{number:04}".ljust(128, "x")
    asked = c.Reserve(name, name, SKU, 1, 60, "L1", allow_backorder=True)
    return msgspec.structs.replace(asked, order_id=name, channel=name, customer=name)


def test_rows_tell_what_waits() -> None:
    """The limit's row and the reservation's line say the same, in one append with the position's."""
    ledger = Ledger().run(
        """
        given on_hand=1
        backorder 4 -> APPLIED
        reserve R1 units=3 wait=yes -> BACKORDERED
        """
    )
    rows = dict(ledger.sealed[-1].rows)
    limit = decode_row(backorder_key(SKU, "L1"), rows[backorder_key(SKU, "L1")] or b"")
    assert isinstance(limit, BackorderRow)
    assert (limit.units, limit.used, limit.free) == (4, 2, 2)
    assert b"p/SKU1/L1" in rows
