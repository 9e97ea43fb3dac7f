"""Sales and policies over HTTP: limits before pools, every line its answer, listed as they are kept."""

import pytest

from inventory_stream.gateway.routes.sales import limit_id_of
from models import commands as c
from models.ids import ID_CHARACTERS_MAX
from tests.fakes.desk import START_MS
from tests.unit.gateway.stock.shop import Shop

HOUR_MS = 3_600_000
TIMES = {"starts_at": START_MS, "ends_at": START_MS + HOUR_MS}


def line(sku: str, units: int, location: str = "L1") -> dict[str, object]:
    """Describe a line."""
    return {"sku": sku, "location": location, "units": units}


async def test_a_sale_opens_line_by_line(shop: Shop) -> None:
    """R4: a line without enough units says what it got; one of an unknown SKU is refused by itself."""
    await shop.stock("A", "L1", 10)
    await shop.stock("B", "L1", 2)
    sale = {"sale_id": "summer", **TIMES, "lines": [line("A", 6), line("B", 5), line("X", 1)]}
    heard = await shop.ask("POST", "/v1/sales", sale)
    assert heard.status == 201
    assert [(one["sku"], one["outcome"], one["units"]) for one in heard.body["lines"]] == [
        ("A", "APPLIED", 6),
        ("B", "POOL_SHORT", 2),
        ("X", "UNKNOWN_SKU", 0),
    ]
    assert (await shop.ask("GET", "/v1/availability/A")).body["sales"] == {"summer": 6}


async def test_the_limit_stands_before_the_pools_open(shop: Shop) -> None:
    """R23: nobody can buy without the limit in between; when it cannot stand, the sale does not open."""
    await shop.stock("A", "L1", 10)
    sale = {
        "sale_id": "summer",
        **TIMES,
        "lines": [line("A", 6), line("A", 1, "L2")],
        "limit_per_customer": 2,
        "checkout_grace_seconds": 60,
    }
    await shop.ask("POST", "/v1/sales", sale)
    limit, *pools = shop.desk.asked[1:]
    assert isinstance(limit, c.SetPurchaseLimit)
    assert (limit.units, limit.sale_id, limit.ends_at) == (2, "summer", START_MS + HOUR_MS + 60_000)
    assert all(isinstance(pool, c.OpenPool) for pool in pools)
    shop.desk.lost = True
    lost = await shop.ask("POST", "/v1/sales", {**sale, "sale_id": "winter"})
    assert lost.status == 503
    shop.desk.lost = False
    shop.desk.state.moved_skus.add("A")  # a limit is refused as any command of this SKU is (R30)
    refused = await shop.ask("POST", "/v1/sales", {**sale, "sale_id": "winter"})
    assert refused.status == 503
    assert not any(isinstance(asked, c.OpenPool) for asked in shop.desk.asked[4:])


async def test_a_repeated_sale_is_marked_as_a_repeat(shop: Shop) -> None:
    """Opened or closed again under the same key: the same answer, with the header `Idempotent-Replay`."""
    await shop.stock("A", "L1", 10)
    sale = {"sale_id": "summer", **TIMES, "lines": [line("A", 6)]}
    for address, body in (("/v1/sales", sale), ("/v1/sales/summer/close", None)):
        heard = [await shop.ask("POST", address, body, key=address) for _ in range(2)]
        assert [one.headers.get("Idempotent-Replay") for one in heard] == [None, "true"]
        first, again = [[(one["outcome"], one["units"]) for one in each.body["lines"]] for each in heard]
        assert first == again


async def test_a_sale_of_which_nothing_opens_is_refused(shop: Shop) -> None:
    """All lines of SKUs that nobody knows: a problem, not a sale."""
    heard = await shop.ask("POST", "/v1/sales", {"sale_id": "s", **TIMES, "lines": [line("X", 1)]})
    assert (heard.status, heard.body["outcome"]) == (422, "UNKNOWN_SKU")


async def test_a_sale_is_listed_as_it_stands(shop: Shop) -> None:
    """Announced, set aside, open, closed: by what the ledger holds, and the start by the clock."""
    await shop.stock("A", "L1", 10)
    later = {"starts_at": START_MS + HOUR_MS, "ends_at": START_MS + 2 * HOUR_MS}
    await shop.ask("POST", "/v1/sales", {"sale_id": "now", **TIMES, "lines": [line("A", 2)]})
    await shop.ask("POST", "/v1/sales", {"sale_id": "soon", **later, "lines": [line("A", 3)]})
    announced = {**later, "fence_from": START_MS + HOUR_MS // 2}
    await shop.ask("POST", "/v1/sales", {"sale_id": "word", **announced, "lines": [line("A", 1)]})
    first = await shop.ask("GET", "/v1/sales?limit=2")
    assert [(sale["sale_id"], sale["status"], sale["unsold"]) for sale in first.body["sales"]] == [
        ("now", "open", 2),
        ("soon", "set_aside", 3),
    ]
    assert first.body["next"] == "soon"
    second = await shop.ask("GET", f"/v1/sales?limit=2&after={first.body['next']}")
    assert [(sale["sale_id"], sale["status"]) for sale in second.body["sales"]] == [("word", "announced")]
    assert second.body["next"] is None
    reserve = c.Reserve("r1", "R1", "A", 1, 60, location="L1", path="sale:now")
    await shop.desk.ask(reserve, 1)
    (pool,) = (await shop.ask("GET", "/v1/sales/now")).body["lines"]
    assert (pool["units"], pool["drawn"], pool["unsold"], pool["status"]) == (2, 1, 1, "open")
    assert (await shop.ask("GET", "/v1/sales/none")).status == 404


async def test_a_closed_sale_gives_back_and_says_so_again(shop: Shop) -> None:
    """R22: unsold units are common at once; the same key hears the same, another that it is over."""
    await shop.stock("A", "L1", 10)
    await shop.stock("A", "L2", 10)
    lines = [line("A", 4), line("A", 3, "L2")]
    await shop.ask("POST", "/v1/sales", {"sale_id": "s", **TIMES, "lines": lines})
    closed = await shop.ask("POST", "/v1/sales/s/close", key="once")
    assert (closed.status, [one["units"] for one in closed.body["lines"]]) == (200, [4, 3])
    again = await shop.ask("POST", "/v1/sales/s/close", key="once")
    assert [one["units"] for one in again.body["lines"]] == [4, 3]
    over = await shop.ask("POST", "/v1/sales/s/close")
    assert (over.status, over.body["type"]) == (409, "/problems/sale-closed")
    assert (await shop.ask("GET", "/v1/sales/s")).body["status"] == "closed"
    assert (await shop.ask("GET", "/v1/availability/A")).body["total"] == 20
    assert (await shop.ask("POST", "/v1/sales/none/close")).status == 404
    shop.is_fresh = False
    assert (await shop.ask("POST", "/v1/sales/s/close")).status == 503


@pytest.mark.parametrize(
    "wrong",
    [
        {"ends_at": START_MS},
        {"fence_from": START_MS + 1},
        {"lines": [line("A", 1), line("A", 2)]},
        {"lines": []},
        {"starts_at": "2023-11-14T22:13:20"},
        {"checkout_grace_seconds": 86_401},
        {"sale_id": "s" * 124},  # no path could name it
    ],
)
async def test_a_sale_that_cannot_be_is_refused_at_once(shop: Shop, wrong: dict[str, object]) -> None:
    """It ends before it starts, sets aside too late, or is no sale: a 4xx, and nothing is asked."""
    sale = {"sale_id": "s", **TIMES, "lines": [line("A", 1)], **wrong}
    assert (await shop.ask("POST", "/v1/sales", sale)).status in {400, 422}
    assert shop.desk.asked == []


def test_a_long_limit_id_is_cut_to_what_an_id_may_have() -> None:
    """Two SKUs of one sale never share a limit by accident, however long their names."""
    long = "s" * ID_CHARACTERS_MAX
    ids = {limit_id_of(long, "A"), limit_id_of(long, "B"), limit_id_of("x", "A")}
    assert len(ids) == 3
    assert all(len(limit_id) <= ID_CHARACTERS_MAX for limit_id in ids)


@pytest.mark.parametrize(
    ("address", "body", "asked"),
    [
        ("channels/web/policy", {"percent": 50, "cap": 3}, c.SetChannelPolicy("", "web", percent=50, cap=3)),
        ("channels/web/policy", {"sku": "A"}, c.SetChannelPolicy("", "web", sku="A")),
        (
            "channels/web/fences",
            {"sku": "A", "location": "L1", "units": 2, "spill_over": False},
            c.SetChannelFence("", "web", "A", "L1", 2, spill_over=False),
        ),
        (
            "limits/once",
            {"sku": "A", "units": 1, "ends_at": START_MS + 1},
            c.SetPurchaseLimit("", "once", "A", 1, START_MS + 1),
        ),
        ("backorders", {"sku": "A", "location": "L1", "units": 5}, c.SetBackorder("", "A", "L1", 5)),
        (
            "places/L1",
            {"latitude": 52.5, "longitude": 13, "name": "Mitte", "ships": False},
            c.SetPlace("", "L1", 52.5, 13.0, "Mitte", ships=False),
        ),
        ("places/L1/time-zone", {"time_zone": "Europe/Berlin"}, c.SetTimeZone("", "L1", "Europe/Berlin")),
        ("places/L1/count-authority", {"source": "wms"}, c.SetCountAuthority("", "L1", "wms")),
        ("location-groups/G", {"locations": ["L1", "L2"]}, c.SetLocationGroup("", "G", ("L1", "L2"))),
    ],
)
async def test_each_policy_asks_its_own_command(
    shop: Shop, address: str, body: dict[str, object], asked: c.Command
) -> None:
    """What the address and the body say arrives at the ledger as it was said."""
    await shop.stock("A", "L1", 5)
    heard = await shop.ask("PUT", f"/v1/{address}", body)
    assert (heard.status, heard.body["outcome"]) == (200, "APPLIED")
    command = shop.desk.asked[-1]
    assert type(command) is type(asked)
    fields = asked.__struct_fields__[1:]
    assert {name: getattr(command, name) for name in fields} == {
        name: getattr(asked, name) for name in fields
    }


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("places/L1/time-zone", {"time_zone": "Mars/Olympus"}),
        ("location-groups/G", {"locations": ["L1", "L1"]}),
        ("location-groups/G", {"locations": [f"{number:03}" + "ä" * 125 for number in range(256)]}),
        ("places/L1", {"latitude": 91, "longitude": 0}),
        ("channels/web/policy", {"percent": 101}),
    ],
)
async def test_a_policy_that_cannot_be_is_refused_at_once(
    shop: Shop, address: str, body: dict[str, object]
) -> None:
    """What the ledger would put into the dead letters is a 4xx here, and nothing is asked."""
    assert (await shop.ask("PUT", f"/v1/{address}", body)).status in {400, 422}
    assert shop.desk.asked == []
