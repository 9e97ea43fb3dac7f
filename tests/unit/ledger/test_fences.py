"""Ring-fences of channels, and how claims shrink (R3, R4, R15, R17, R20, R22)."""

import pytest

from tests.unit.ledger.table import Ledger

TABLES = {
    "R3: a channel draws its own fence first, then common": """
        given on_hand=10
        channel_fence web units=3 -> APPLIED fenced=3 atp=7 web.units=3
        reserve R1 units=2 path=channel:web -> GRANTED web.units=1 fenced=1 atp=7 R1.from_path=2
        reserve R2 units=4 path=channel:web -> GRANTED web.units=0 fenced=0 atp=4 R2.from_path=1
        reserve R3 units=5 path=channel:web -> ALL_RESERVED breakdown.path_units=4
    """,
    "R3: without spill-over it has its own units and no others": """
        given on_hand=10
        channel_fence web units=3 spill=no -> APPLIED
        reserve R1 units=4 path=channel:web -> SOLD_OUT breakdown.path_units=3
        reserve R2 units=4 path=channel:web partial=yes -> PARTIALLY_GRANTED said.units=3
        reserve R3 units=1 path=channel:web -> ALL_RESERVED breakdown.path_units=0
        confirm R2 -> CONFIRMED
        reserve R4 units=1 path=channel:web -> SOLD_OUT breakdown.available_to_promise=7
    """,
    "R3: a channel without a fence sells what is common": """
        given on_hand=10 safety_stock=1
        channel_fence shop units=3 -> APPLIED
        reserve R1 units=7 path=channel:web -> SOLD_OUT breakdown.path_units=6
        reserve R2 units=6 path=channel:web -> GRANTED atp=0 fenced=3 R2.from_path=0
    """,
    "R3: no units and no spill-over: the channel sells nothing from there": """
        given on_hand=10
        channel_fence web units=0 spill=no -> APPLIED fenced=0
        reserve R1 units=1 path=channel:web -> SOLD_OUT breakdown.path_units=0
        reserve R2 units=1 -> GRANTED
    """,
    "R3: a fence of no units that spills over is none": """
        given on_hand=10
        channel_fence web units=4 -> APPLIED
        reserve R1 units=3 path=channel:web -> GRANTED fenced=1
        channel_fence web units=0 -> APPLIED fenced=0 atp=7
        release R1 units=1 -> RELEASED fenced=0 atp=8
        channel_fence web units=2 -> APPLIED fenced=2 atp=6
        release R1 -> RELEASED web.units=4 fenced=4 atp=6
    """,
    "R3: the newest statement sets the unused units": """
        given on_hand=10
        channel_fence web units=4 -> APPLIED
        reserve R1 units=3 path=channel:web -> GRANTED web.units=1
        channel_fence web units=5 -> APPLIED web.units=5 atp=2
        channel_fence web units=9 -> POOL_SHORT said.units=7 web.units=7 atp=0
        channel_fence web units=2 spill=no -> APPLIED web.units=2 atp=5 fenced=2
        channel_fence nowhere units=2 at=L9 -> UNKNOWN_SKU
    """,
    "R22: a fence gets its own back, and common what it lent": """
        given on_hand=10
        channel_fence web units=3 -> APPLIED
        reserve R1 units=5 path=channel:web -> GRANTED web.units=0 atp=5
        release R1 units=2 -> RELEASED web.units=2 atp=5
        release R1 units=2 -> RELEASED web.units=3 atp=6
        tick 61s, sweep -> web.units=3 atp=7
    """,
    "R4: the last opened gives up first, and gets nothing back by itself": """
        given on_hand=12
        channel_fence web units=3 -> APPLIED
        tick 1s, open_pool SALE units=4 -> APPLIED
        tick 1s, channel_fence shop units=5 -> APPLIED fenced=12 atp=0
        till_sale 4 -> APPLIED shop.units=1 SALE.units=4 web.units=3 fenced=8
        adjust -4 -> APPLIED shop.units=0 SALE.units=1 web.units=3 fenced=4
        adjust +10 -> APPLIED fenced=4 atp=10
    """,
    "R4: physical cover alone is asked, safety stock is not": """
        given on_hand=10
        open_pool SALE units=8 -> APPLIED atp=2
        safety_stock 6 -> APPLIED fenced=8 atp=-4
        reserve R1 units=8 path=sale:SALE -> GRANTED atp=-4 fenced=0
        reserve R2 units=1 path=channel:web -> SOLD_OUT
    """,
    "R4: damaged units shrink fences too": """
        given on_hand=10
        channel_fence web units=8 -> APPLIED
        unavailable 5 -> APPLIED fenced=5 web.units=5 atp=0
        reserve R1 units=5 path=channel:web -> GRANTED
        sync 3 -> APPLIED R1.revoked=5 web.units=0 fenced=0 short=2
    """,
    "R4: a count shrinks what a late expiry gives back": """
        given on_hand=4
        channel_fence web units=4 -> APPLIED
        reserve R1 units=4 path=channel:web ttl=10s -> GRANTED
        confirm R1 units=2 -> CONFIRMED
        sync 3 -> APPLIED R1.revoked=2 web.units=1 fenced=1 atp=0
        cancel R1 -> CANCELLED web.units=3 fenced=3 atp=0
    """,
    "R17: a late confirm takes the fence again, then common": """
        given on_hand=6
        channel_fence web units=3 -> APPLIED
        reserve R1 units=4 path=channel:web ttl=10s -> GRANTED R1.from_path=3
        tick 11s, confirm R1 -> CONFIRMED_LATE R1.from_path=3 fenced=0 atp=2
    """,
    "R17: and expires where it cannot spill over": """
        given on_hand=6
        channel_fence web units=3 spill=no -> APPLIED
        reserve R1 units=3 path=channel:web ttl=10s -> GRANTED
        tick 11s, sweep -> web.units=3
        channel_fence web units=2 spill=no -> APPLIED
        confirm R1 -> RESERVATION_EXPIRED breakdown.path_units=2
    """,
    "R20: an outside order draws its channel's fence, then common, then what is not there": """
        given on_hand=6
        channel_fence amazon units=3 -> APPLIED
        record R1 units=4 channel=amazon -> RECORDED R1.from_path=3 fenced=0 atp=2
        record R2 units=3 channel=amazon -> RECORDED_SHORT R2.from_path=0 atp=-1
        adjust +5 -> APPLIED
        cancel R1 -> CANCELLED amazon.units=3 fenced=3 atp=5
    """,
    "R20: it leaves the fence of another channel alone while there is cover": """
        given on_hand=6
        channel_fence web units=3 -> APPLIED
        record R1 units=2 channel=amazon -> RECORDED fenced=3 atp=1
        record R2 units=3 channel=amazon -> RECORDED fenced=1 web.units=1 atp=0
    """,
    "R20: an order of a group goes where its channel has the units": """
        given on_hand=2
        given on_hand=5 at=L2
        group G locations=L1+L2
        channel_fence web units=4 at=L2 -> APPLIED
        record R1 group=G units=4 channel=web -> RECORDED
        show -> at=L2 allocated=4 fenced=0 atp=1
    """,
    "R19: a fence's unit is common where it is rerouted to": """
        given on_hand=3
        given on_hand=3 at=L2
        channel_fence web units=2 -> APPLIED
        reserve R1 units=2 path=channel:web -> GRANTED fenced=0 atp=1
        reroute R1 from=L1 to=L2 -> REROUTED fenced=0 atp=3 R1.from_path=0
    """,
    "R19: more units of a channel's reservation": """
        given on_hand=6
        channel_fence web units=3 spill=no -> APPLIED
        reserve R1 units=1 path=channel:web -> GRANTED
        set_units R1 units=3 -> UNITS_SET R1.from_path=3 web.units=0
        reserve R2 units=2 -> GRANTED
        set_units R1 units=4 -> SOLD_OUT breakdown.path_units=0 breakdown.available_to_promise=1
    """,
    "R15: common cannot hope for what a path gets back": """
        given on_hand=5
        channel_fence web units=3 -> APPLIED
        reserve R1 units=3 path=channel:web -> GRANTED
        reserve R2 units=1 -> GRANTED atp=1
        reserve R3 units=3 -> SOLD_OUT breakdown.reserved=4
        reserve R4 units=2 -> ALL_RESERVED
        reroute R1 from=L1 to=L2 -> SOLD_OUT
        plan_transfer T1 from=L1 to=L2 units=3 -> SOLD_OUT
        plan_transfer T2 from=L1 to=L2 units=2 -> ALL_RESERVED
    """,
    "R15: a channel may hope for its own, and for common where it spills over": """
        given on_hand=5
        channel_fence web units=2 -> APPLIED
        reserve R1 units=3 path=channel:web -> GRANTED
        reserve R2 units=2 -> GRANTED atp=0
        reserve R3 units=5 path=channel:web -> ALL_RESERVED
        confirm R2 -> CONFIRMED
        reserve R4 units=5 path=channel:web -> SOLD_OUT
        reserve R5 units=3 path=channel:web -> ALL_RESERVED
    """,
    "R12: a transfer plan leaves fences alone": """
        given on_hand=5
        channel_fence web units=4 -> APPLIED
        plan_transfer T1 from=L1 to=L2 units=2 -> SOLD_OUT breakdown.fenced=4
        plan_transfer T2 from=L1 to=L2 units=1 -> TRANSFER_PLANNED fenced=4 atp=0
    """,
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
def test_fence(table: str) -> None:
    """R3, R4, R15, R17, R19, R20, R22 of ring-fences, row by row."""
    Ledger().run(table)
