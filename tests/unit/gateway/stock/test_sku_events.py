"""What happened to a SKU, from an offset on."""

import pytest

from inventory_stream.flows.shelf import sku_events
from models import commands as c
from tests.fakes.desk import START_MS
from tests.unit.gateway.stock.shop import Shop


@pytest.fixture
async def told(shop: Shop) -> Shop:
    """Give a shop in whose ledger something happened to A, and other things to others."""
    await shop.stock("A", "L1", 5)
    await shop.stock("AB", "L1", 5)
    await shop.desk.ask(c.Reserve("r1", "R1", "A", 2, 60, location="L1", customer="k1:me"), 1)
    await shop.desk.ask(c.Reserve("r2", "A", "AB", 2, 60, location="L1"), 1)
    await shop.desk.ask(c.Release("r3", "R1", "A"), 1)
    shop.history.claim(0)
    for record in shop.desk.rows:
        if not record.key.startswith(b"@"):
            shop.history.append(0, record.key, record.value)
    return shop


async def test_events_are_those_of_the_sku_in_their_order(told: Shop) -> None:
    """Commands with their outcomes and what they moved, positions as they were; nothing of who bought."""
    heard = await told.ask("GET", "/v1/skus/A/events?since=0")
    assert heard.status == 200
    kinds = [(event["kind"], event.get("outcome")) for event in heard.body["events"]]
    assert [one for one in kinds if one[1]] == [
        ("adjust", "APPLIED"),
        ("reserve", "GRANTED"),
        ("release", "RELEASED"),
    ]
    positions = [
        event["numbers"]["reserved"] for event in heard.body["events"] if event["kind"] == "position"
    ]
    assert positions == [0, 2, 0]
    assert "k1:me" not in str(heard.body)
    assert heard.body["next"] == heard.body["end"]
    assert heard.body["complete_since_ms"] == START_MS - 21_600_000


async def test_pages_meet_without_gap_or_overlap(told: Shop) -> None:
    """Page by page the same events as at once, whether the page or the stretch that is read ends it."""
    whole = (await told.ask("GET", "/v1/skus/A/events?since=0")).body["events"]
    pages, since = [], 0
    while True:
        page = (await told.ask("GET", f"/v1/skus/A/events?since={since}&limit=1")).body
        pages += page["events"]
        since = page["next"]
        if since >= page["end"]:
            break
    assert pages == whole
    assert (await told.ask("GET", "/v1/skus/A/events?since=99999")).body["events"] == []


async def test_a_stretch_is_bounded(told: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """However rare the SKU, one request reads so many rows and says where to go on."""
    monkeypatch.setattr(sku_events, "ROWS_MAX", 3)
    page = (await told.ask("GET", "/v1/skus/NONE/events?since=0")).body
    assert page["events"] == []
    assert page["next"] == 3 < page["end"]  # the fake ledger gives portions of three rows
    newest = (await told.ask("GET", "/v1/skus/A/events")).body
    assert all(event["offset"] >= newest["end"] - 3 for event in newest["events"])
    assert newest["events"]
