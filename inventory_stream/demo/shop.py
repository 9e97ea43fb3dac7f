"""The demo's shop: what it sells over HTTP, and the files that its gateways start with."""

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from inventory_stream.gateway.endpoint import Scope
from inventory_stream.gateway.routes.storefront import PAGE, Product
from inventory_stream.gateway.security.key_file import changing_keys
from inventory_stream.gateway.security.keys import create_key
from inventory_stream.settings import ENV_PREFIX

LOCATION: Final = "web-warehouse"
SALE_SKU: Final = "demo-flash-sale"
SALE_ID: Final = "demo-sale"
CUSTOMER_UNITS_MAX: Final = 2
"""What one customer may have in the sale (R23)."""

PAGE_SKU: Final = "demo-last-unit"
"""Sold at the page; there is one."""

SPARE_SKU: Final = "demo-tee"
"""For who tries the API by hand."""
SPARE_UNITS: Final = 40

CHANNEL_SKUS: Final = tuple(f"demo-mug-{number}" for number in range(1, 9))
"""What marketplaces, shops and tills list too."""

SHOP_SKUS: Final = frozenset({SALE_SKU, PAGE_SKU, SPARE_SKU, *CHANNEL_SKUS})
"""All that the demo tells the ledger through gateways alone."""

PAGE_TTL_SECONDS: Final = 120
"""How long the page holds the unit: time to look, and soon enough free again for the next try."""

_KEYS: Final = "keys.jsonl"
_PRODUCT: Final = "product.json"
_SECRETS: Final = "secrets"
_SECRET_BYTES: Final = 32


class Keys(NamedTuple):
    """API keys in clear: the crowd's, the shop owner's, and the page's, which anybody can read."""

    storefront: str
    owner: str
    page: str


class Shop:
    """Keys and secrets made at random, and the page's product, in a folder of the demo."""

    def __init__(self, folder: Path) -> None:
        """Write the files; keys are there only as hashes."""
        folder.mkdir(parents=True)
        self._folder = folder
        keys = self._keys()
        self.keys: Final = keys
        product = Product(
            PAGE_SKU,
            LOCATION,
            "The last one",
            "There is one of it. Open this page in two browsers and press in both: one gets it.",
            "€ 19",
            keys.page,
            PAGE_TTL_SECONDS,
        )
        (folder / _PRODUCT).write_bytes(msgspec.json.encode(product))
        self.secrets_dir: Final = folder / _SECRETS
        self.secrets_dir.mkdir(mode=0o700)
        for name in ("CUSTOMER_KEY", "TOKEN_KEY"):
            # A file, not a variable: every process of this machine may read the command of another.
            path = self.secrets_dir / f"{ENV_PREFIX}GATEWAY__{name}"
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(_SECRET_BYTES))

    def environment(self, port: int) -> dict[str, str]:
        """Give the variables of a gateway at a port, but for its servers."""
        own = {
            "PORT": str(port),
            "API_KEYS_FILE": str(self._folder / _KEYS),
            "STOREFRONT_FILE": str(self._folder / _PRODUCT),
        }
        return {
            f"{ENV_PREFIX}SECRETS_DIR": str(self.secrets_dir),
            **{f"{ENV_PREFIX}GATEWAY__{name}": value for name, value in own.items()},
        }

    def _keys(self) -> Keys:
        made = [
            create_key(scopes=scopes, created=datetime.now(UTC), is_public=is_public)
            for scopes, is_public in (
                ((Scope.STOREFRONT,), False),
                (tuple(Scope), False),
                ((Scope.STOREFRONT,), True),
            )
        ]
        with changing_keys(self._folder / _KEYS) as keys:
            keys.update({key.stored.id: key.stored for key in made})
        return Keys(*(key.text for key in made))


def page_of(gateway_url: str) -> str:
    """Give the address of the sample page at a gateway."""
    return gateway_url + PAGE
