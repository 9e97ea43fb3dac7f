"""The sample page and the browser module, as a gateway serves them."""

import json
import re
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from inventory_stream.errors import SettingsError
from inventory_stream.gateway.app import new_app
from inventory_stream.gateway.routes.storefront import MODULE, PAGE, StorefrontRoutes

_PRODUCT = {"sku": "TEE", "location": "DC", "name": "Tee", "about": "Cotton", "price": "1", "key": "isk_x"}


@pytest.fixture
def product_file(tmp_path: Path) -> Path:
    """A product in a file."""
    path = tmp_path / "product.json"
    path.write_text(json.dumps(_PRODUCT))
    return path


async def test_the_page_and_all_that_it_names_are_served_and_nothing_comes_from_elsewhere(
    product_file: Path,
) -> None:
    """Every file that the page or its script names is at this gateway, and the policy allows no other."""
    async with TestClient(TestServer(new_app((), StorefrontRoutes(product_file).routes()))) as client:
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
    async with TestClient(TestServer(new_app((), StorefrontRoutes(product_file).routes()))) as client:
        etag = (await client.get(MODULE)).headers["ETag"]
        again = await client.get(MODULE, headers={"If-None-Match": etag})
        assert (again.status, await again.read()) == (304, b"")


async def test_without_a_product_there_is_the_module_and_no_page() -> None:
    """A gateway that sells no sample product serves the browser module alone."""
    async with TestClient(TestServer(new_app((), StorefrontRoutes(None).routes()))) as client:
        assert (await client.get(MODULE)).status == 200
        assert (await client.get(PAGE)).status == 404


@pytest.mark.parametrize("text", ["", "{}", '{"sku": 1}', json.dumps({**_PRODUCT, "colour": "red"})])
def test_a_product_that_cannot_be_read_is_told_with_its_file(tmp_path: Path, text: str) -> None:
    """A wrong product file ends the start, naming the file and the page that explains it."""
    path = tmp_path / "product.json"
    path.write_text(text)
    with pytest.raises(SettingsError, match=r"product\.json.*storefront\.md"):
        StorefrontRoutes(path)
