"""What the keepers of stock see of one SKU."""

from models import commands as c
from tests.fakes.desk import START_MS
from tests.unit.gateway.stock.shop import Shop

HOUR_MS = 3_600_000


async def test_every_quantity_and_statement_is_told(shop: Shop) -> None:
    """R1 to R4, R12, R13, R23 to R25: whoever asks why a unit is not for sale finds it here."""
    await shop.stock("A", "L1", 20)
    for command in (
        c.Reserve("r1", "R1", "A", 2, 60, location="L1"),
        c.SetSafetyStock("s1", "A", "L1", 1, START_MS),
        c.OpenPool("o1", "summer", "A", "L1", 5, START_MS, START_MS + HOUR_MS),
        c.SetChannelFence("f1", "web", "A", "L1", 3, spill_over=False),
        c.SetPurchaseLimit("p1", "once", "A", 1, START_MS + HOUR_MS, "summer"),
        c.SetBackorder("b1", "A", "L1", 7),
        c.SetChannelPolicy("y1", "web", percent=50),
        c.Expect("e1", "I1", "A", "L2", 9, START_MS + HOUR_MS),
        c.PlanTransfer("t1", "T1", "A", "L1", "L2", 4),
    ):
        await shop.desk.ask(command, 1)
    heard = await shop.ask("GET", "/v1/skus/A/stock")
    assert (heard.status, heard.headers["Cache-Control"]) == (200, "no-store")
    told = heard.body
    assert told["locations"] == [
        {
            "location": "L1",
            "on_hand": 20,
            "unavailable": 0,
            "reserved": 2,
            "allocated": 4,
            "safety_stock": 1,
            "fenced": 8,
            "available_to_promise": 5,
            "shortfall": 0,
        }
    ]
    assert [(pool["sale_id"], pool["units"], pool["unsold"]) for pool in told["pools"]] == [("summer", 5, 5)]
    assert [(fence["channel"], fence["units"], fence["spill_over"]) for fence in told["fences"]] == [
        ("web", 3, False)
    ]
    assert told["limits"] == [
        {"limit_id": "once", "units": 1, "ends_ms": START_MS + HOUR_MS, "sale_id": "summer"}
    ]
    assert told["backorders"] == [{"location": "L1", "units": 7, "used": 0, "incoming_id": None}]
    assert [(policy["channel"], policy["sku"], policy["percent"]) for policy in told["policies"]] == [
        ("web", None, 50)
    ]
    assert {
        (one["kind"], one["id"], one["location"], one["units"], one["planned"]) for one in told["awaited"]
    } == {
        ("incoming", "I1", "L2", 9, 0),
        ("transfer", "T1", "L2", 0, 4),
    }


async def test_a_sku_that_nobody_knows_is_not_found(shop: Shop) -> None:
    """404 once the ledger was read, 503 before."""
    assert (await shop.ask("GET", "/v1/skus/X/stock")).status == 404
    shop.is_caught_up = False
    assert (await shop.ask("GET", "/v1/skus/X/stock")).status == 503
