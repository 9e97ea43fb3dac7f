"""A channel with many listings, each of a SKU of its own at one location."""

from pathlib import Path
from typing import Final

from inventory_stream.adapters.channels.registry import ADAPTERS
from inventory_stream.flows.shelf.shelf import MemoryShelf
from inventory_stream.ports.channel import Caps, Limit
from inventory_stream.ports.integrations import Integration
from inventory_stream.ports.ledger_log import LedgerRecord
from models.rows import PositionRow, encode_row, position_key

PARTITIONS: Final = 12
GENERATION_MS: Final = 1_700_000_000_000
PORTION: Final = 10_000
"""Rows that the tail hands over at once."""

CAPS: Final = Caps(batch_max=100, in_flight_max=4, limits=(Limit("push", 1_000.0, 1_000.0),))
SPECS: Final = ADAPTERS
INTEGRATION: Final = Integration(
    name="shop",
    adapter="webhook",
    channel="shop",
    account="1",
    owner="benchmarks",
    escalation="nobody",
    freshness_seconds=60.0,
    error_budget=0.01,
    mode="on",
)


def sku_of(number: int) -> str:
    """Name the SKU of a listing, as long as usual ones."""
    return f"SKU-{number:08d}"


def listing_of(number: int) -> str:
    """Name a listing as Shopify does, whose names are among the longest."""
    return f"{40_000_000_000_000 + number}/655441491"


def fed_shelf(skus: int) -> MemoryShelf:
    """Give a shelf that has read a position of each SKU."""
    shelf = MemoryShelf(PARTITIONS, lambda sku: hash(sku) % PARTITIONS, lambda _: True, lambda _: True)
    for partition in range(PARTITIONS):
        for start in range(partition, skus, PARTITIONS * PORTION):
            numbers = range(start, min(skus, start + PARTITIONS * PORTION), PARTITIONS)
            shelf.take(partition, GENERATION_MS, [_record(number) for number in numbers])
    return shelf


def write_mapping(path: Path, listings: int) -> None:
    """Write the mapping file."""
    with path.open("w") as file:
        file.write("integration,listing,sku,locations\n")
        for number in range(listings):
            file.write(f"{INTEGRATION.name},{listing_of(number)},{sku_of(number)},\n")


def _record(number: int) -> LedgerRecord:
    sku = sku_of(number)
    row = PositionRow(7, sku, "amsterdam", 40 + number % 500, 0, 2, 3, 1, 0, 0, 9, 0, 0, 0, 0, 0)
    key = position_key(sku, "amsterdam")
    return LedgerRecord(number // PARTITIONS, GENERATION_MS + number, key, encode_row(row))
