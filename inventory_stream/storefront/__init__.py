"""The storefront SDK: live stock and reservations in ten lines of an async shop.

    async with Storefront("https://stock.example", key="isk_...") as shop:
        stock = await shop.availability(["TEE-M"])
        held = await shop.reserve("TEE-M", 1, location="DC1")
        await shop.confirm(held.reservation_id)

Stock comes from Redis where the shop can reach it, from the gateway else. Writes go to the gateway and keep
their Idempotency-Key through every retry. The browser's side is `javascript/inventory-stream.mjs`.
"""

from inventory_stream.storefront.answers import (
    LiveStock,
    Refused,
    Reservation,
    Source,
    Stock,
    Unreachable,
)
from inventory_stream.storefront.client import Storefront

__all__ = ["LiveStock", "Refused", "Reservation", "Source", "Stock", "Storefront", "Unreachable"]
