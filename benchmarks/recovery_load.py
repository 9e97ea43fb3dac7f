"""A partition as a busy day leaves it: positions, receipts, reservations that live, are paid, or are over."""

import time
from collections.abc import Iterator
from itertools import islice
from typing import Final

from benchmarks.load import LOCATION, TTL_SECONDS, reservation_id, sku_name
from benchmarks.scenarios import Recovery
from models.codec import PACK_COMMANDS_MAX, encode_pack, to_positional
from models.commands import Command, Confirm, Release, Reserve, Sync, TillSale

STOCK_EACH: Final = 100_000
"""Of each SKU: nothing is refused, so that every command leaves what its kind leaves."""


def stock_values(scenario: Recovery) -> Iterator[bytes]:
    """Give the records of stock-events: a count for each SKU, then the sales of tills."""
    now_ms = time.time_ns() // 1_000_000
    yield from _packs(
        Sync(f"count-{number:09d}", sku_name(number), LOCATION, STOCK_EACH, now_ms)
        for number in range(scenario.skus)
    )
    yield from _packs(
        # After the count, and each at its own time within a second, as tills have.
        TillSale(f"till-{number:09d}", _sku(scenario, number), LOCATION, 1, now_ms + 1 + number % 1_000)
        for number in range(scenario.till_sales)
    )


def order_values(scenario: Recovery) -> Iterator[bytes]:
    """Give the records of order-events: all reservations, then what became of the first of them."""
    yield from _packs(reserve(scenario, number) for number in range(scenario.reservations))
    yield from _packs(
        Confirm(f"pay-{number:09d}", reservation_id(number), _sku(scenario, number))
        for number in range(scenario.confirmed)
    )
    first = scenario.confirmed
    yield from _packs(
        Release(f"leave-{number:09d}", reservation_id(number), _sku(scenario, number))
        for number in range(first, first + scenario.released)
    )


def reserve(scenario: Recovery, number: int) -> Reserve:
    """Give the reserve of a number; those from `scenario.reservations` on are the probes."""
    return Reserve(
        f"cmd-{number:09d}",
        reservation_id(number),
        _sku(scenario, number),
        1,
        TTL_SECONDS,
        LOCATION,
        channel="web",
    )


def kept_after(scenario: Recovery, probes: int) -> dict[str, int]:
    """Give what an owner must hold after everything and so many probes, by the metric's kinds."""
    return {
        "live_reservations": scenario.reservations - scenario.released + probes,
        "ended_reservations": scenario.released,
        "refused_reservations": 0,
        "receipts": scenario.skus + scenario.till_sales,
        "skus": scenario.skus,
    }


def _sku(scenario: Recovery, number: int) -> str:
    return sku_name(number % scenario.skus)


def _packs(commands: Iterator[Command]) -> Iterator[bytes]:
    while some := list(islice(commands, PACK_COMMANDS_MAX)):
        yield encode_pack([to_positional(command) for command in some])
