"""Which fakes there are, and the registry, mapping and secret files by which channel workers reach them."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from inventory_stream.ports.integrations import Integration
from inventory_stream.sandbox.adobe import AdobeFake
from inventory_stream.sandbox.amazon import AmazonFake
from inventory_stream.sandbox.fake import Fake
from inventory_stream.sandbox.google import GoogleFake
from inventory_stream.sandbox.shopee import ShopeeFake
from inventory_stream.sandbox.shopify import ShopifyFake
from inventory_stream.sandbox.specs import Specs
from inventory_stream.sandbox.square import SquareFake
from inventory_stream.sandbox.template import TemplateFake
from inventory_stream.sandbox.webhook import WebhookFake
from inventory_stream.sandbox.woocommerce import WooCommerceFake


class NewFake(Protocol):
    """A kind of fake: its class."""

    def __call__(self, listings: Mapping[str, int], specs: Specs) -> Fake:
        """Build one that shows these units; listing ids in the mapping's form."""

    def listing_of(self, number: int, sku: str, place: str | None) -> str:
        """Invent a listing id; see `Fake.listing_of`."""


FAKES: Final[Mapping[str, NewFake]] = {
    "amazon": AmazonFake,
    "adobe": AdobeFake,
    "shopee": ShopeeFake,
    "shopify": ShopifyFake,
    "google": GoogleFake,
    "square": SquareFake,
    "template": TemplateFake,
    "webhook": WebhookFake,
    "woocommerce": WooCommerceFake,
}
"""Every fake by the name of its adapter; the contract suite fails for an adapter that is not here."""

REGISTRY_FILE: Final = "registry.toml"
MAPPING_FILE: Final = "mapping.csv"
PLACE: Final = "@place/"
"""Begins the listing of a mapping's line that says which of our locations a channel's place is."""

_SECRET_MODE: Final = 0o600


class Line(NamedTuple):
    """One line of the mapping: a listing of a fake shows a SKU at some of our locations, or everywhere."""

    fake: str
    listing: str
    sku: str
    locations: tuple[str, ...] = ()


def lines_at(fake: Fake, skus: Sequence[str], location: str) -> list[Line]:
    """Say that a fake lists some SKUs, and that all its places are one location of ours."""
    lines = [
        Line(fake.name, fake.listing_of(number, sku, None), sku, (location,))
        for number, sku in enumerate(skus, 1)
    ]
    return lines + [Line(fake.name, f"{PLACE}{place}", "", (location,)) for place in fake.entry().places]


def integration_of(fake: Fake, url: str, folder: Path, **changes: object) -> Integration:
    """Say how to reach a running fake; its secrets are written as files into a folder.

    Args:
        fake: Of which channel.
        url: Its address (`Sandbox.url_of`).
        folder: Where `secrets/<fake>-<name>` go, mode 0600.
        changes: Fields of the integration that differ, such as `mode`.
    """
    entry = fake.entry()
    secrets = folder / "secrets"
    secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    references = {}
    for name, value in entry.secrets.items():
        file = secrets / f"{fake.name}-{name}"
        file.touch(_SECRET_MODE)
        file.write_text(value)
        references[name] = f"file:{file.resolve()}"
    fields: dict[str, object] = {
        "name": fake.name,
        "adapter": fake.name,
        "channel": fake.name,
        "account": entry.account,
        "owner": "you",
        "escalation": "nobody: this is a sandbox",
        "freshness_seconds": 10.0,
        "error_budget": 0.01,
        "mode": "on",
        "url": url,
        "secrets": references,
        "options": dict(entry.options),
    }
    return Integration(**{**fields, **changes})  # type: ignore[arg-type]  # the fields are named above


def write_config(
    folder: Path, fakes: Sequence[Fake], url_of: Callable[[str], str], lines: Sequence[Line]
) -> tuple[Path, Path]:
    """Write registry, mapping and secrets for channel workers and gateways, and tell the fakes their SKUs.

    Lines whose listing begins with `@place/` stand in the mapping only.

    Returns:
        The files for `channels.registry_file` and `channels.mapping_file`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    registry, mapping = folder / REGISTRY_FILE, folder / MAPPING_FILE
    entries = [integration_of(fake, url_of(fake.name), folder) for fake in fakes]
    registry.write_text("\n".join(_toml(entry) for entry in entries))
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["integration", "listing", "sku", "locations"])
    by_name = {fake.name: fake for fake in fakes}
    for line in lines:
        if line.fake in by_name and not line.listing.startswith(PLACE):
            by_name[line.fake].skus[line.listing] = line.sku
        rows.writerow([line.fake, line.listing, line.sku, "|".join(line.locations)])
    # Last and whole: who waits for it finds all files there.
    (written := mapping.with_suffix(".new")).write_text(text.getvalue())
    written.replace(mapping)
    return registry, mapping


def _toml(entry: Integration) -> str:
    plain = ("name", "adapter", "channel", "account", "owner", "escalation", "mode", "url")
    lines = ["[[integration]]"]
    lines += [f"{name} = {_value(getattr(entry, name))}" for name in plain]
    lines += [
        f"{name} = {_value(getattr(entry, name))}"
        for name in ("freshness_seconds", "error_budget", "mass_change_share", "raise_hold_ms")
    ]
    for table in ("secrets", "options"):
        values = getattr(entry, table)
        if values:
            lines.append(f"[integration.{table}]")
            lines += [f"{json.dumps(name)} = {_value(value)}" for name, value in values.items()]
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    """Write a string, number, truth value or list of them; JSON's form of these is TOML's."""
    return json.dumps(value, ensure_ascii=True)
