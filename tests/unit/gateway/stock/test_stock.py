"""Statements about stock over HTTP: decided by the ledger, once for each key."""

import pytest

from models.commands import Adjust, ReceiveTransfer
from tests.fakes.desk import START_MS
from tests.unit.gateway.stock.shop import Shop

NOW = {"effective_at": START_MS}
PLACE = {"sku": "A", "location": "L1"}


async def test_an_adjustment_moves_on_hand_and_tells_how(shop: Shop) -> None:
    """The outcome, the movement and the version that a read may wait for."""
    heard = await shop.ask("POST", "/v1/stock/adjustments", {**PLACE, "delta": 7, **NOW})
    assert heard.status == 200
    assert heard.body["outcome"] == "APPLIED"
    assert [(one["location"], one["delta"], one["on_hand"]) for one in heard.body["movements"]] == [
        ("L1", 7, 7)
    ]
    assert heard.headers["Inventory-Version"] == heard.body["version"]


async def test_a_statement_waits_as_long_as_its_caller_prefers(shop: Shop) -> None:
    """`Prefer: wait` is not only for shoppers: a feed may rather wait than send again."""
    body = {**PLACE, "delta": 7, **NOW}
    heard = await shop.ask("POST", "/v1/stock/adjustments", body, Prefer="wait=9")
    assert (shop.desk.waited[-1], heard.headers["Preference-Applied"]) == (9.0, "wait=9")
    heard = await shop.ask("POST", "/v1/stock/adjustments:batch", {"lines": [body]})
    assert shop.desk.waited[-1] == 1.0
    assert "Preference-Applied" not in heard.headers


async def test_the_same_key_hears_the_same_answer_once(shop: Shop) -> None:
    """R27: repeated, nothing moves; with another body the key stands for something else."""
    body = {**PLACE, "delta": 7, **NOW}
    first = await shop.ask("POST", "/v1/stock/adjustments", body, key="once")
    again = await shop.ask("POST", "/v1/stock/adjustments", body, key="once")
    assert (again.body["is_repeat"], again.body["movements"]) == (True, first.body["movements"])
    assert shop.shelf.stock("A")[0].on_hand == 7
    other = await shop.ask("POST", "/v1/stock/adjustments", {**body, "delta": 8}, key="once")
    assert (other.status, other.body["type"]) == (422, "/problems/key-reused")


@pytest.mark.parametrize(
    ("name", "fields", "quantities"),
    [
        ("syncs", {"on_hand": 9}, (9, 0, 0)),
        ("till-sales", {"units": 2}, (3, 0, 0)),
        ("unavailable", {"unavailable": 2}, (5, 2, 0)),
        ("safety-stock", {"safety_stock": 3}, (5, 0, 3)),
    ],
)
async def test_each_statement_does_its_own(
    shop: Shop, name: str, fields: dict[str, int], quantities: tuple[int, int, int]
) -> None:
    """A count, a sale at a till, what is held back and what is never promised land where they belong."""
    await shop.stock("A", "L1", 5)
    assert (await shop.ask("POST", f"/v1/stock/{name}", {**PLACE, **fields, **NOW})).status == 200
    (stock,) = shop.shelf.stock("A")
    assert (stock.on_hand, stock.unavailable, stock.safety_stock) == quantities


async def test_lines_of_a_batch_are_decided_one_by_one(shop: Shop) -> None:
    """A line that does not apply says so; the others do their work, and a repeat hears all of it again."""
    await shop.stock("A", "L1", 5)
    counts = [
        {**PLACE, "on_hand": 8, "effective_at": START_MS},
        {**PLACE, "on_hand": 1, "effective_at": START_MS - 1_000},
    ]
    for is_repeat in (False, True):
        heard = await shop.ask("POST", "/v1/stock/syncs:batch", {"lines": counts}, key="b")
        assert heard.status == 200
        assert [line["outcome"] for line in heard.body["lines"]] == ["APPLIED", "STALE_SYNC"]
        assert [line.get("is_repeat", False) for line in heard.body["lines"]] == [is_repeat] * 2
    later = {"effective_at": START_MS + 1}  # than the count
    moves = [{**PLACE, "delta": 1, **later}, {**PLACE, "delta": 2, **later}]
    await shop.ask("POST", "/v1/stock/adjustments:batch", {"lines": moves})
    assert shop.shelf.stock("A")[0].on_hand == 11
    asked = [command.id for command in shop.desk.asked if isinstance(command, Adjust)]
    assert len(set(asked)) == len(asked) == 3


async def test_an_answer_that_is_late_is_503_and_the_key_stays_good(shop: Shop) -> None:
    """The same request again hears what was decided meanwhile, one by one and in a batch."""
    body = {**PLACE, "delta": 7, **NOW}
    for address, sent in (("adjustments", body), ("adjustments:batch", {"lines": [body, body]})):
        shop.desk.silent = True
        late = await shop.ask("POST", f"/v1/stock/{address}", sent, key=address)
        assert (late.status, late.body["type"]) == (503, "/problems/not-answered")
        shop.desk.silent = False
        assert (await shop.ask("POST", f"/v1/stock/{address}", sent, key=address)).status == 200
    assert shop.shelf.stock("A")[0].on_hand == 21


async def test_a_transfer_goes_its_way(shop: Shop) -> None:
    """R12: planned, shipped, received short, and what no plan or stock covers is told as what it is."""
    await shop.stock("A", "L1", 5)
    plan = {"transfer_id": "T1", "sku": "A", "from_location": "L1", "to_location": "L2", "units": 4}
    planned = await shop.ask("POST", "/v1/transfers", plan)
    assert (planned.status, planned.body["outcome"]) == (201, "TRANSFER_PLANNED")
    assert (await shop.ask("POST", "/v1/transfers", plan)).body["outcome"] == "ALREADY_PLANNED"
    more = await shop.ask("POST", "/v1/transfers", {**plan, "transfer_id": "T2"})
    assert (more.status, more.body["breakdown"]["available_to_promise"]) == (409, 1)
    other = await shop.ask("POST", "/v1/transfers", {**plan, "units": 1})
    assert (other.status, other.body["type"]) == (422, "/problems/id-reused")
    shipped = await shop.ask("POST", "/v1/transfers/T1/ship", {"sku": "A", "units": 4, **NOW})
    assert shipped.body["outcome"] == "APPLIED"
    arrived = {"sku": "A", "units": 3, "final": True, **NOW}
    assert (await shop.ask("POST", "/v1/transfers/T1/receive", arrived)).body["outcome"] == "RECEIVED_SHORT"
    assert {stock.location: stock.on_hand for stock in shop.shelf.stock("A")} == {"L1": 1, "L2": 3}
    gone = await shop.ask("POST", "/v1/transfers/T1/cancel", {"sku": "A"})
    assert (gone.status, gone.body["outcome"]) == (404, "UNKNOWN_TRANSFER")


async def test_goods_come_in(shop: Shop) -> None:
    """R13: announced, received in part, the rest called off; what nobody announced is not found."""
    expect = {"incoming_id": "I1", "sku": "A", "location": "L1", "units": 10, "expected_at": START_MS}
    assert (await shop.ask("POST", "/v1/incoming", expect)).status == 200
    await shop.ask("POST", "/v1/incoming/I1/receive", {"sku": "A", "units": 4, **NOW})
    assert (await shop.ask("POST", "/v1/incoming/I1/cancel", {"sku": "A"})).status == 200
    assert shop.shelf.stock("A")[0].on_hand == 4
    assert (await shop.ask("POST", "/v1/incoming/I9/cancel", {"sku": "A"})).status == 404


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("stock/adjustments", {**PLACE, "delta": 0, **NOW}),
        ("stock/adjustments:batch", {"lines": [{**PLACE, "delta": 0, **NOW}]}),
        ("stock/syncs", {**PLACE, "on_hand": 1, "orders_through": START_MS, **NOW}),
        ("stock/syncs:batch", {"lines": [{**PLACE, "on_hand": 1, "orders_through": START_MS, **NOW}]}),
        (
            "transfers",
            {"transfer_id": "T", "sku": "A", "from_location": "L1", "to_location": "L1", "units": 1},
        ),
        (
            "transfers/T/ship",
            {"sku": "A", "units": 1, "from_location": "L1", "to_location": "L1", **NOW},
        ),
        ("transfers/T/receive", {"sku": "A", "units": 0, **NOW}),
        ("incoming/I/receive", {"sku": "A", "units": 0, **NOW}),
    ],
)
async def test_what_nobody_would_answer_is_refused_at_once(
    shop: Shop, address: str, body: dict[str, object]
) -> None:
    """A command that can mean nothing would be a dead letter, and its caller would wait in vain."""
    heard = await shop.ask("POST", f"/v1/{address}", body)
    assert (heard.status, heard.body["type"]) == (422, "/problems/invalid")
    assert shop.desk.asked == []


async def test_the_id_in_the_address_is_the_transfers(shop: Shop) -> None:
    """An id with a slash comes percent-encoded and arrives as it was."""
    await shop.ask("POST", "/v1/transfers/a%2Fb/receive", {"sku": "A", "units": 1, "location": "L1", **NOW})
    (asked,) = shop.desk.asked
    assert isinstance(asked, ReceiveTransfer)
    assert asked.transfer_id == "a/b"
