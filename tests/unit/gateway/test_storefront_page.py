"""The sample page and the browser module, as a gateway serves them."""

import json
import re
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from inventory_stream.errors import SettingsError
from inventory_stream.gateway.app import new_app
from inventory_stream.gateway.idempotency import reservation_id_of
from inventory_stream.gateway.routes.storefront import CHECKOUT, MODULE, PAGE, StorefrontRoutes
from models.commands import Adjust, Release, Reserve
from tests.fakes.desk import FakeDesk

_PRODUCT = {"sku": "TEE", "location": "DC", "name": "Tee", "about": "Cotton", "price": "1", "key": "isk_x"}


@pytest.fixture
def product_file(tmp_path: Path) -> Path:
    """A product in a file."""
    path = tmp_path / "product.json"
    path.write_text(json.dumps(_PRODUCT))
    return path


def page_of(product_file: Path | None, desk: FakeDesk | None = None) -> web.Application:
    """Serve the page alone."""
    return new_app((), StorefrontRoutes(product_file, desk or FakeDesk(), 1.0).routes())


async def test_the_page_and_all_that_it_names_are_served_and_nothing_comes_from_elsewhere(
    product_file: Path,
) -> None:
    """Every file that the page or its script names is at this gateway, and the policy allows no other."""
    async with TestClient(TestServer(page_of(product_file))) as client:
        answer = await client.get(PAGE)
        page = await answer.text()
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert not re.search(r"(src|href)=\"(https?:)?//", page)
        script = await (await client.get(PAGE + "storefront.mjs")).text()
        named = re.findall(r'(?:src|href)="([\w.-]+\.\w+)"', page)
        named += ["../" + name for name in re.findall(r'from "\.\./([^"]+)"', script)]
        assert len(named) == 3
        for name in named:
            assert (await client.get(PAGE + name)).status == 200, name
        assert (await (await client.get(PAGE + "config.json")).json())["sku"] == "TEE"


async def test_what_a_browser_has_already_is_not_sent_again(product_file: Path) -> None:
    """A file whose tag the browser names is answered by 304 without a body."""
    async with TestClient(TestServer(page_of(product_file))) as client:
        etag = (await client.get(MODULE)).headers["ETag"]
        again = await client.get(MODULE, headers={"If-None-Match": etag})
        assert (again.status, await again.read()) == (304, b"")


async def test_without_a_product_there_is_the_module_and_no_page() -> None:
    """A gateway that sells no sample product serves the browser module alone."""
    async with TestClient(TestServer(page_of(None))) as client:
        assert (await client.get(MODULE)).status == 200
        assert (await client.get(PAGE)).status == 404
        assert (await client.post(CHECKOUT)).status == 404


@pytest.mark.parametrize("text", ["", "{}", '{"sku": 1}', json.dumps({**_PRODUCT, "colour": "red"})])
def test_a_product_that_cannot_be_read_is_told_with_its_file(tmp_path: Path, text: str) -> None:
    """A wrong product file ends the start, naming the file and the page that explains it."""
    path = tmp_path / "product.json"
    path.write_text(text)
    with pytest.raises(SettingsError, match=r"product\.json.*storefront\.md"):
        StorefrontRoutes(path, FakeDesk(), 1.0)


def _holding(desk: FakeDesk, sku: str = "TEE", key: str = "first") -> str:
    """Have one unit held; gives the reservation's id, as a gateway makes them."""
    reservation_id = reservation_id_of("page", key, sku)
    desk.decide(Adjust(f"stock-{sku}-{key}", sku, "DC", 1, desk.now_ms))
    desk.decide(
        Reserve(
            f"reserve-{sku}-{key}",
            reservation_id=reservation_id,
            sku=sku,
            units=1,
            location="DC",
            ttl_seconds=60,
        )
    )
    return reservation_id


async def test_a_checkout_of_the_page_confirms_and_a_repeat_hears_the_same(product_file: Path) -> None:
    """Paying twice is one confirm, whoever lost the first answer; what is over is refused with its kind."""
    desk = FakeDesk()
    held = _holding(desk)
    app = page_of(product_file, desk)
    async with TestClient(TestServer(app), headers={"Sec-Fetch-Site": "same-origin"}) as client:
        desk.silent = True
        lost = await client.post(CHECKOUT, json={"reservation_id": held})
        assert (lost.status, (await lost.json())["type"]) == (503, "/problems/not-answered")
        desk.silent = False
        answers = [await client.post(CHECKOUT, json={"reservation_id": held}) for _ in range(2)]
        assert [(one.status, await one.json()) for one in answers] == [(200, {"state": "confirmed"})] * 2
        assert len({one.id for one in desk.asked}) == 1
        over = _holding(desk, key="over")
        desk.decide(Release("release", reservation_id=over, sku="TEE"))
        gone = await client.post(CHECKOUT, json={"reservation_id": over})
        assert (gone.status, (await gone.json())["type"]) == (409, "/problems/not-live")


async def test_a_checkout_is_for_the_own_page_and_its_product_alone(product_file: Path) -> None:
    """Another site, a program, another product and a large body are refused before the ledger is asked."""
    desk = FakeDesk()
    held, other = _holding(desk), _holding(desk, "HAT")
    app = page_of(product_file, desk)
    own = {"Sec-Fetch-Site": "same-origin"}
    async with TestClient(TestServer(app)) as client:
        body = {"reservation_id": held}
        refusals = [
            await client.post(CHECKOUT, json=body, headers={"Sec-Fetch-Site": "cross-site"}),
            await client.post(CHECKOUT, json=body, headers={"Origin": "https://evil.example"}),
            await client.post(CHECKOUT, json=body),
            await client.post(CHECKOUT, data=json.dumps(body), headers={**own, "Content-Type": "text/plain"}),
            await client.post(CHECKOUT, json={"reservation_id": other}, headers=own),
            await client.post(CHECKOUT, json={"reservation_id": "x" * 2_000}, headers=own),
            await client.post(CHECKOUT, json={}, headers=own),
        ]
        assert [one.status for one in refusals] == [403, 403, 403, 415, 404, 413, 400]
        assert not desk.asked
        origin = str(client.make_url("")).rstrip("/")
        assert (await client.post(CHECKOUT, json=body, headers={"Origin": origin})).status == 200
