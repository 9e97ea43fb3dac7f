"""Public keys: a page may hold a few units for a while and let them go; what is paid only the shop says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from inventory_stream.gateway.endpoint import Caller
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.security.public import customer_of
from tests.unit.gateway.core.shop import Shop, shopping, told

KEY = "a-word-drawn-at-random-"
PAGE = {"Authorization": "page"}


@asynccontextmanager
async def held(units: int = 1) -> AsyncIterator[tuple[Shop, str]]:
    """Open a shop of 20 units where a page holds some; gives it and the reservation's address."""
    async with shopping(20) as shop:
        answer = await reserve(shop, "1", units=units)
        assert answer[0] == 201, answer
        yield shop, f"/v1/reservations/{answer[1]['reservation_id']}"


async def reserve(shop: Shop, key: str, **fields: object) -> tuple[int, dict[str, object]]:
    """Ask as a page does; gives status and document."""
    body = {"sku": "A", "location": "L1", "units": 1, **fields}
    answer = await shop.post("/v1/reservations", body, KEY + key, **PAGE)
    return answer.status, await told(answer)


@pytest.mark.parametrize("act", ["confirm", "cancel"])
async def test_what_only_the_shop_knows_is_refused(act: str) -> None:
    """A public key says neither that something is paid nor that it is off; the shop's own key does."""
    async with held() as (shop, address):
        refused = await shop.post(f"{address}/{act}", {}, KEY + "2", **PAGE)
        assert refused.status == 403
        document = await told(refused)
        assert document["type"] == "/problems/not-allowed"
        assert "shop's own server" in document["detail"]
        assert (await told(await shop.client.get(address)))["state"] == "held"
        assert (await shop.post(f"{address}/confirm", {})).status == 200


async def test_a_page_extends_reads_and_releases_what_it_holds() -> None:
    """These a shopper does."""
    async with held() as (shop, address):
        for act, body in (("extend", {"ttl_seconds": 900}), ("release", {})):
            assert (await shop.post(f"{address}/{act}", body, KEY + act, **PAGE)).status == 200
        assert (await told(await shop.client.get(address, headers=PAGE)))["state"] == "over"


async def test_many_at_once_are_not_for_a_page() -> None:
    """A batch would hold a thousand times what one may."""
    async with shopping(20) as shop:
        line = {"sku": "A", "location": "L1", "units": 1}
        answer = await shop.post("/v1/reservations:batch", {"reservations": [line]}, KEY + "1", **PAGE)
        assert answer.status == 403
        assert not [one for one in shop.desk.asked if "Reserve" in type(one).__name__]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"units": 11}, "gateway.public_units_max"),
        ({"ttl_seconds": 901}, "gateway.public_ttl_seconds_max"),
        ({"path": "channel:b2b"}, "set aside"),
    ],
)
async def test_what_would_hoard_is_refused_with_the_way_out(fields: dict[str, object], words: str) -> None:
    """Beyond the bounds of a shopper nothing is asked; another key may."""
    async with shopping(20) as shop:
        status, document = await reserve(shop, "1", **fields)
        assert (status, document["type"]) == (403, "/problems/not-allowed")
        assert words in str(document["detail"])
        assert (await reserve(shop, "2", units=10, ttl_seconds=900))[0] == 201
        if "path" not in fields:
            body = {"sku": "A", "location": "L1", "units": 1, **fields}
            assert (await shop.post("/v1/reservations", body)).status in {201, 409}


async def test_an_extend_of_a_page_is_bounded_too() -> None:
    """Else the bound at the reserve would be none."""
    async with held() as (shop, address):
        answer = await shop.post(f"{address}/extend", {"ttl_seconds": 901}, KEY + "2", **PAGE)
        assert answer.status == 403


async def test_shoppers_with_the_same_word_are_two() -> None:
    """All have the page's key: with the same Idempotency-Key each still holds, and frees, their own."""
    async with shopping(20) as shop:
        ids = [
            str((await reserve(shop, "same", customer=name))[1]["reservation_id"]) for name in ("ann", "ben")
        ]
        assert len(set(ids)) == 2
        again = (await reserve(shop, "same", customer="ann"))[1]
        assert (again["reservation_id"], again["was_repeat"]) == (ids[0], True)
        for one in ids:
            freed = await shop.post(f"/v1/reservations/{one}/release", {}, KEY + "free", **PAGE)
            assert (freed.status, (await told(freed))["moved_units"]) == (200, 1)


async def test_a_used_key_tells_no_reservation() -> None:
    """Who meets the key of another hears that it is used, and not of the reservation that it made."""
    async with held() as (shop, address):
        status, document = await reserve(shop, "1", units=2)
        assert (status, document["type"]) == (422, "/problems/key-reused")
        assert address.rpartition("/")[2] not in str(document)


def test_a_shoppers_token_is_of_one_customer() -> None:
    """It acts for its subject, named or not, and for nobody else; other callers name whom they like."""
    shopper, shop = Caller("ann", frozenset(), customer="ann"), Caller("shop", frozenset())
    assert customer_of(shopper, None) == customer_of(shopper, "ann") == "ann"
    with pytest.raises(Problem, match="another customer"):
        customer_of(shopper, "ben")
    assert (customer_of(shop, "ben"), customer_of(shop, None)) == ("ben", None)
