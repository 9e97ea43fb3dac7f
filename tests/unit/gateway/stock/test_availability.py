"""Reads of availability: right, small for caches, honest about what is not known yet."""

from tests.fakes.desk import START_MS
from tests.unit.gateway.stock.shop import Shop

DAY_MS = 86_400_000


async def test_many_skus_are_answered_in_the_order_asked(shop: Shop) -> None:
    """Each SKU with its locations; those that the ledger has never heard of are named apart."""
    await shop.stock("A", "L1", 5)
    await shop.stock("A", "L2", 2)
    await shop.stock("B", "L1", 1)
    heard = await shop.ask("GET", "/v1/availability?skus=B,X,A")
    assert heard.status == 200
    assert [(one["sku"], one["total"]) for one in heard.body["skus"]] == [("B", 1), ("A", 7)]
    assert heard.body["skus"][1]["locations"] == {"L1": 5, "L2": 2}
    assert heard.body["unknown"] == ["X"]
    assert heard.headers["Cache-Control"] == "public, max-age=1, stale-while-revalidate=5"


async def test_available_counts_what_was_asked_for(shop: Shop) -> None:
    """R25, R3: a location, a channel and a sale each have their own number; two at once are refused."""
    await shop.stock("A", "L1", 10)
    await shop.stock("A", "L2", 4)
    await shop.ask("PUT", "/v1/channels/web/policy", {"percent": 50})
    pool = {"sku": "A", "location": "L1", "units": 3}
    times = {"starts_at": START_MS, "ends_at": START_MS + DAY_MS}
    await shop.ask("POST", "/v1/sales", {"sale_id": "summer", **times, "lines": [pool]})
    expected = {"": 11, "&location=L2": 4, "&channel=web": 5, "&channel=other": 11, "&sale=summer": 3}
    for asked, units in expected.items():
        heard = await shop.ask("GET", f"/v1/availability?skus=A{asked}")
        assert heard.body["skus"][0]["available"] == units, asked
    assert (await shop.ask("GET", "/v1/availability?skus=A&location=L2&sale=summer")).status == 422


async def test_a_tag_stands_until_something_changes(shop: Shop) -> None:
    """304 for the same, 200 once one of the SKUs or a policy for all of them is another."""
    await shop.stock("A", "L1", 5)
    for address in ("/v1/availability?skus=A,X", "/v1/availability/A"):
        tag = (await shop.ask("GET", address)).headers["ETag"]
        assert tag.startswith('W/"')
        again = await shop.ask("GET", address, If_None_Match=f'"other", {tag}')
        assert (again.status, again.body, again.headers["ETag"]) == (304, None, tag)
        await shop.stock("A", "L1", 1)
        changed = await shop.ask("GET", address, If_None_Match=tag)
        assert (changed.status, changed.headers["ETag"] != tag) == (200, True)
        await shop.ask("PUT", "/v1/channels/web/policy", {"percent": 50, "buffer": len(tag + address)})
        assert (await shop.ask("GET", address, If_None_Match=changed.headers["ETag"])).status == 200


async def test_what_may_be_old_says_so_and_has_a_tag_of_its_own(shop: Shop) -> None:
    """A gateway that no longer hears the ledger answers on, without passing for fresh, also in a cache."""
    await shop.stock("A", "L1", 5)
    at = "&at=2023-11-15"
    for address in ("/v1/availability?skus=A", "/v1/availability/A", f"/v1/availability?skus=A{at}"):
        shop.is_fresh = True
        fresh = await shop.ask("GET", address)
        shop.is_fresh = False
        old = await shop.ask("GET", address, If_None_Match=fresh.headers.get("ETag", "none"))
        told = [one.body["skus"][0] if "?" in address else one.body for one in (fresh, old)]
        assert [one["is_fresh"] for one in told] == [True, False], address
        assert {one["available"] for one in told} == {5}
        shop.is_fresh = True
        assert (await shop.ask("GET", address)).body == fresh.body


async def test_what_was_written_before_is_not_told_after_a_change(shop: Shop) -> None:
    """The JSON that is kept of a SKU goes with the first change of it."""
    await shop.stock("A", "L1", 5)
    assert (await shop.ask("GET", "/v1/availability?skus=A")).body["skus"][0]["total"] == 5
    await shop.stock("A", "L1", -4)
    assert (await shop.ask("GET", "/v1/availability?skus=A")).body["skus"][0]["total"] == 1


async def test_a_reader_finds_its_own_write_or_hears_that_it_cannot(shop: Shop) -> None:
    """The version of a write, in the query or the header: shown by then, or 503 with a time to come back."""
    body = {"sku": "A", "location": "L1", "delta": 5, "effective_at": START_MS}
    version = (await shop.ask("POST", "/v1/stock/adjustments", body)).headers["Inventory-Version"]
    read = await shop.ask("GET", f"/v1/availability/A?min_version={version}")
    assert (read.status, read.body["total"], read.headers["Cache-Control"]) == (200, 5, "no-store")
    assert (await shop.ask("GET", "/v1/availability/A", Inventory_Version=version)).status == 200
    late = await shop.ask("GET", f"/v1/availability/A?min_version={START_MS}:999999")
    assert (late.status, late.headers["Retry-After"]) == (503, "1")
    assert (await shop.ask("GET", "/v1/availability/A", Inventory_Version="soon")).status == 400
    assert (await shop.ask("GET", "/v1/availability/A?min_version=1")).status == 400
    assert (await shop.ask("GET", "/v1/availability?skus=A", Inventory_Version=version)).status == 422


async def test_nothing_is_told_before_the_ledger_was_read(shop: Shop) -> None:
    """A gateway that is starting knows units of long ago: 503, never those."""
    await shop.stock("A", "L1", 5)
    shop.is_caught_up = False
    addresses = ("availability?skus=A", "availability/A", "skus", "sales", "sales/x")
    for address in (*addresses, "stores/nearest?lat=0&lon=0&sku=A"):
        heard = await shop.ask("GET", f"/v1/{address}")
        assert (heard.status, heard.body["type"]) == (503, "/problems/not-ready"), address


async def test_a_day_ahead_counts_what_is_on_the_way(shop: Shop) -> None:
    """R13: units expected tomorrow may be promised for the day after; the past and the far are refused."""
    await shop.stock("A", "L1", 2)
    expect = {"sku": "A", "location": "L1", "units": 10, "expected_at": START_MS + DAY_MS}
    assert (await shop.ask("POST", "/v1/incoming", {"incoming_id": "I1", **expect})).status == 200
    expect["sku"] = "B"
    await shop.ask("POST", "/v1/incoming", {"incoming_id": "I2", **expect})
    # 2023-11-14T22:13:20Z
    for day, units in (("2023-11-14", 2), ("2023-11-15", 12), ("2023-11-30", 12)):
        heard = await shop.ask("GET", f"/v1/availability?skus=A&at={day}")
        assert heard.body["skus"][0]["available"] == units, day
        assert heard.headers["Cache-Control"] == "no-store"
    new = await shop.ask("GET", "/v1/availability/B?at=2023-11-16&location=L1")
    assert (new.status, new.body["available"], new.body["is_sold_out"]) == (200, 10, False)
    for day in ("2023-11-01", "2033-11-01"):
        assert (await shop.ask("GET", f"/v1/availability/A?at={day}")).status == 422
    assert (await shop.ask("GET", "/v1/availability/A?at=2023-11-16&channel=web")).status == 422
    assert (await shop.ask("GET", "/v1/availability/X?at=2023-11-16")).status == 404


async def test_what_cannot_be_asked_is_refused(shop: Shop) -> None:
    """More SKUs than allowed, empty and overlong names, unknown fields and SKUs: each its documented 4xx."""
    many = ",".join(f"s{number}" for number in range(201))
    assert (await shop.ask("GET", f"/v1/availability?skus={many}")).status == 422
    assert (await shop.ask("GET", "/v1/availability?skus=a,,b")).status == 422
    assert (await shop.ask("GET", f"/v1/availability?skus={'x' * 129}")).status == 422
    assert (await shop.ask("GET", "/v1/availability")).status == 400
    assert (await shop.ask("GET", "/v1/availability?skus=a&colour=red")).status == 400
    assert (await shop.ask("GET", "/v1/availability/X")).status == 404


async def test_names_come_page_by_page(shop: Shop) -> None:
    """Every SKU once, in the order of names, until there is no next page."""
    for sku in ("c", "a", "b,1"):
        await shop.stock(sku, "L1", 1)
    first = await shop.ask("GET", "/v1/skus?limit=2")
    assert first.body == {"skus": ["a", "b,1"], "next": "b,1"}
    second = await shop.ask("GET", "/v1/skus?limit=2&after=b,1")
    assert second.body == {"skus": ["c"], "next": None}
    assert (await shop.ask("GET", "/v1/availability/b,1")).body["total"] == 1
