"""Every kind of channel, by name. The contract suite and the docs are made from this table."""

from collections.abc import Mapping
from typing import Final

from inventory_stream.adapters.channels import (
    adobe,
    amazon,
    google,
    shopee,
    shopify,
    square,
    template,
    webhook,
    woocommerce,
)
from inventory_stream.adapters.channels.spec import AdapterSpec

_ALL: Final[tuple[AdapterSpec, ...]] = (
    adobe.SPEC,
    amazon.SPEC,
    shopify.SPEC,
    shopee.SPEC,
    google.SPEC,
    square.SPEC,
    woocommerce.SPEC,
    webhook.SPEC,
    template.SPEC,
)

ADAPTERS: Final[Mapping[str, AdapterSpec]] = {spec.name: spec for spec in _ALL}
