"""The sample page in a real browser: the last unit, the waiting room, a reload, and who cannot see well."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser

from inventory_stream.gateway.endpoint import Scope
from tests.browser.shoppers import Shopper
from tests.e2e.cluster import Cluster
from tests.e2e.gateway import Gateway, new_key, now

pytestmark = pytest.mark.slow

SKU = "LAST-TEE"
HOLD_SECONDS = 6
"""How long a unit is held: long enough to look at the page, short enough to wait for."""


@asynccontextmanager
async def shop(cluster: Cluster, folder: Path, **product: object) -> AsyncIterator[Gateway]:
    """Run a gateway that sells one product at its page."""
    key = new_key(folder, Scope.STOREFRONT, is_public=True)
    file = folder / "product.json"
    words = {"name": "The last T-shirt", "about": "Organic cotton, one size.", "price": "€ 19"}
    file.write_text(json.dumps({"sku": SKU, "location": "DC", "key": key, **words, **product}))
    async with Gateway(cluster, folder, new_key(folder), STOREFRONT_FILE=str(file)) as gateway:
        yield gateway


async def test_of_three_shoppers_one_gets_the_unit_two_learn_it_and_an_expiry_gives_it_to_the_next(
    cluster: Cluster, browser: Browser, tmp_path: Path, screenshots: Path | None
) -> None:
    """One unit, three who press at once: one holds it, the others are told, and what expires can be had."""
    async with shop(cluster, tmp_path, ttl_seconds=HOLD_SECONDS) as gateway:
        await gateway.stock(SKU, 1)
        people = [await Shopper.come(browser, gateway.url, is_on_phone=index == 2) for index in range(3)]
        await people[0].sees_stock("Only 1 left")
        await people[0].is_accessible()
        await people[0].picture(screenshots, "product")
        await asyncio.gather(*(person.press("Hold one for me") for person in people))
        views = await asyncio.gather(*(person.until_view("held", "sold-out") for person in people))
        assert sorted(views) == ["held", "sold-out", "sold-out"]
        (first,) = (one for one, view in zip(people, views, strict=True) if view == "held")
        second, third = (one for one in people if one is not first)
        await first.is_accessible()
        await first.picture(screenshots, "held")
        await asyncio.gather(*(one.sees("All are held") for one in (second, third)))
        await asyncio.gather(*(one.sees_stock("Sold out") for one in (second, third)))
        await second.is_accessible()
        await second.picture(screenshots, "all-held")

        await first.sees("Your time is over")
        await second.sees("One came back")
        await second.press("Try again")
        await second.press("Hold one for me")
        assert await second.until_view("held", "sold-out") == "held"
        await second.page.get_by_label("Where shall we send the receipt?").fill("shopper@mail.example")
        await second.press("Pay")
        await second.sees("It is yours")
        await second.is_accessible()
        await second.picture(screenshots, "bought")
        await third.press("Try again")
        await third.press("Hold one for me")
        await third.sees("Somebody was faster")
        await third.picture(screenshots, "sold-out-on-a-phone")
        for person in people:
            await person.leave()
    await cluster.until_decided()
    report = await cluster.verify()
    assert report["oversold_units"] == 0


async def test_who_reloads_keeps_the_place_and_the_unit(
    cluster: Cluster, browser: Browser, tmp_path: Path, screenshots: Path | None
) -> None:
    """Through the waiting room: a reload while waiting and one while holding lose nothing."""
    async with shop(cluster, tmp_path, ttl_seconds=120, sale_id="friday", has_waiting_room=True) as gateway:
        await gateway.stock(SKU, 1)
        sale = {
            "sale_id": "friday",
            "starts_at": now(seconds=15),
            "ends_at": now(seconds=3_600),
            "lines": [{"sku": SKU, "location": "DC", "units": 1}],
            "limit_per_customer": 1,
        }
        opened = await gateway.post("/v1/sales", sale)
        assert opened.status == 201, opened
        room = await gateway.post("/v1/waiting-rooms", {"sale_id": "friday"})
        assert room.status == 201, room
        people = [await Shopper.come(browser, gateway.url) for _ in range(2)]
        for person in people:
            await person.press("Hold one for me")
            await person.sees("You are in the waiting room")
        await people[0].is_accessible()
        await people[0].picture(screenshots, "waiting-room")
        await people[0].reload()
        await people[0].sees("You are in the waiting room")
        await people[0].sees("The draw is still to come")

        waiting = [asyncio.create_task(person.until_view("held")) for person in people]
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        (lucky,) = (one for one, task in zip(people, waiting, strict=True) if task in done)
        (other,) = (one for one in people if one is not lucky)
        assert await other.until_view("waiting", "sold-out")
        await lucky.reload()
        assert await lucky.until_view("held", "shop", "sold-out") == "held"
        await lucky.press("Put it back")
        await other.sees("It is held for you")
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for person in people:
            await person.leave()
