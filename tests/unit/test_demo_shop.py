"""The files of the demo's gateways: nothing in them that others may not see, and all that a gateway needs."""

import stat
from pathlib import Path

import msgspec

from inventory_stream.demo.shop import SHOP_SKUS, Shop
from inventory_stream.gateway.endpoint import Scope
from inventory_stream.gateway.routes.storefront import Product, StorefrontRoutes
from inventory_stream.gateway.security.key_file import read_keys
from inventory_stream.gateway.security.keys import parse_key
from tests.fakes.desk import FakeDesk


def test_keys_are_stored_hashed_and_only_the_pages_own_is_public(tmp_path: Path) -> None:
    """Three keys with the scopes they need; none of their texts is in the key file."""
    shop = Shop(tmp_path / "shop")
    file = Path(shop.environment(8_080)["INVENTORY_STREAM_GATEWAY__API_KEYS_FILE"])
    stored = read_keys(file)
    scopes = {}
    for name, text in shop.keys._asdict().items():
        presented = parse_key(text)
        assert presented is not None
        assert presented.secret not in file.read_text()
        scopes[name] = (stored[presented.id].scopes, stored[presented.id].is_public)
    assert scopes == {
        "storefront": ((Scope.STOREFRONT,), False),
        "owner": (tuple(Scope), False),
        "page": ((Scope.STOREFRONT,), True),
    }


def test_the_page_sells_one_of_the_shops_products_with_its_own_key(tmp_path: Path) -> None:
    """The product file is one that a gateway takes, and names no other key than the public one."""
    shop = Shop(tmp_path / "shop")
    file = Path(shop.environment(8_080)["INVENTORY_STREAM_GATEWAY__STOREFRONT_FILE"])
    product = msgspec.json.decode(file.read_bytes(), type=Product)
    assert product.sku in SHOP_SKUS
    assert product.key == shop.keys.page
    assert StorefrontRoutes(file, FakeDesk(), 1.0).routes()


def test_secrets_are_files_for_us_alone_and_new_each_time(tmp_path: Path) -> None:
    """No secret stands in a command or variable; two demos share none."""
    shops = [Shop(tmp_path / name) for name in ("one", "two")]
    found = [{file.name: file.read_text() for file in sorted(shop.secrets_dir.iterdir())} for shop in shops]
    assert list(found[0]) == [
        "INVENTORY_STREAM_GATEWAY__CUSTOMER_KEY",
        "INVENTORY_STREAM_GATEWAY__TOKEN_KEY",
    ]
    assert not set(found[0].values()) & set(found[1].values())
    assert len(set(found[0].values())) == len(found[0])
    for file in shops[0].secrets_dir.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.read_text() not in shops[0].environment(8_080).values()
