"""What the demo's channels list, and the file that says so to the sandbox."""

import csv
from pathlib import Path
from typing import Final

from inventory_stream.demo.shop import CHANNEL_SKUS, LOCATION
from inventory_stream.sandbox.config import FAKES, MAPPING_FILE, PLACE, REGISTRY_FILE
from inventory_stream.sandbox.square import PLACE as SQUARE_PLACE

CHANNELS: Final = ("shopify", "square", "webhook")
"""A shop, a till and a partner: each another form of request, limit and signature."""

BROKEN: Final = "shopify"
SELLER: Final = "square"
"""Which one breaks, and which one sells by itself."""

LISTINGS: Final = {
    channel: {FAKES[channel].listing_of(number, sku, None): sku for number, sku in enumerate(CHANNEL_SKUS, 1)}
    for channel in CHANNELS
}
"""Listing -> SKU of each channel."""


class ChannelFiles:
    """Where the files of the channels lie; the sandbox writes all but `listings`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.listings = folder / "listings.csv"
        self.registry = folder / REGISTRY_FILE
        self.mapping = folder / MAPPING_FILE

    def write_listings(self) -> None:
        """Say which listing shows which SKU."""
        self.folder.mkdir(parents=True)
        with self.listings.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["integration", "listing", "sku", "locations"])
            for channel, listings in LISTINGS.items():
                rows.writerows([channel, listing, sku, LOCATION] for listing, sku in listings.items())
            rows.writerow([SELLER, f"{PLACE}{SQUARE_PLACE}", "", LOCATION])
