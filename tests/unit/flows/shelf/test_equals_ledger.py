"""The shelf against the ledger that it mirrors, after random scripts of all commands."""

from collections.abc import Iterable
from itertools import product
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from inventory_stream.flows.shelf.rows import BY_SKU
from inventory_stream.ledger.shown import shown
from inventory_stream.ledger.state import PartitionState, row_of
from inventory_stream.ports.shelf import Stock
from models import commands as c
from models.outcomes import Outcome
from models.rows import (
    BackorderRow,
    ChannelPolicyRow,
    FenceRow,
    IncomingRow,
    PoolRow,
    Row,
    TransferRow,
    decode_row,
    encode_row,
)
from tests.unit.flows.shelf.mirrored import Mirrored
from tests.unit.ledger.scripts import PLACES, Call, script

SKUS = ("SKU1", "SKU1", "SKU2")
NO_UNITS = {
    Outcome.SOLD_OUT,
    Outcome.ALL_RESERVED,
    Outcome.NO_SINGLE_LOCATION,
    Outcome.LIMIT_REACHED,
    Outcome.CUSTOMER_REQUIRED,
    Outcome.SALE_NOT_OPEN,
    Outcome.SALE_CLOSED,
    Outcome.UNKNOWN_SALE,
}


def stated_in(state: PartitionState, keys: set[bytes]) -> list[Row]:
    """Read what the ledger's state holds under the keys of what is stated for SKUs, or for any."""
    rows: list[Row] = []
    for key in sorted(keys):
        value = row_of(state, key) if key.startswith(BY_SKU) else None
        if value is not None:
            rows.append(decode_row(key, value))
    return rows


def is_open(row: Row) -> bool:
    """Whether it is something that may still come."""
    if isinstance(row, IncomingRow):
        return row.open_units > 0
    return not isinstance(row, TransferRow) or row.in_transit > 0 or row.planned > 0


def as_set(rows: Iterable[Row]) -> set[bytes]:
    """Make rows comparable, whatever their order."""
    return {encode_row(row) for row in rows}


def check(mirrored: Mirrored) -> None:
    """Compare all that the shelf says with the ledger's state."""
    state, shelf = mirrored.state, mirrored.shelf
    rows = stated_in(state, {record.key for record in mirrored.records})
    known = sorted(sku for sku, positions in state.skus.items() if written(mirrored, sku, positions))
    assert list(shelf.skus("", 1_000)) == known
    for sku in known:
        of_sku = [row for row in rows if getattr(row, "sku", None) in {sku, None}]
        pools = [row for row in of_sku if isinstance(row, PoolRow)]
        expected = shown(
            [state.skus[sku][name].to_row(0) for name in written(mirrored, sku, state.skus[sku])],
            pools,
            [row for row in of_sku if isinstance(row, FenceRow)],
            [row for row in of_sku if isinstance(row, BackorderRow)],
            [row for row in of_sku if isinstance(row, ChannelPolicyRow)],
        )
        (view,) = shelf.availability([sku])
        assert view is not None
        assert view.shown == expected
        assert view.version == shelf.version(sku)
        for stock in shelf.stock(sku):
            position = state.skus[sku][stock.location]
            assert stock == Stock(
                position.location,
                position.on_hand,
                position.unavailable,
                position.reserved,
                position.allocated,
                position.safety_stock,
                position.fenced,
            )
            assert stock.available_to_promise == position.available_to_promise
        found = [row for part in shelf.statements(sku) for row in part]
        assert as_set(found) == as_set([row for row in of_sku if is_open(row)])
        for pool in pools:
            assert encode_row(pool) in as_set(list(shelf.sale(pool.sale_id)))
    assert {name: tuple(shelf.group(name) or ()) for name in state.groups} == dict(state.groups)
    assert {name: shelf.time_zone(name) for name in state.time_zones} == dict(state.time_zones)
    assert {place.location for place in shelf.places()} == set(state.places)


def written(mirrored: Mirrored, sku: str, positions: Iterable[str]) -> list[str]:
    """Name the positions of a SKU that the ledger has written a row of."""
    keys = {record.key for record in mirrored.records}
    return [name for name in positions if f"p/{sku}/{name}".encode() in keys]


@given(st.integers(0, 2**32))
def test_the_shelf_shows_what_the_ledger_holds_after_any_script(seed: int) -> None:
    """R5, R25: after every batch all SKUs, statements, groups and places are those of the state."""
    mirrored = Mirrored()
    for call in script(Random(seed), skus=SKUS):
        mirrored.call(call)
        check(mirrored)


@given(st.integers(0, 2**32))
def test_no_is_only_said_where_the_ledger_refuses(seed: int) -> None:
    """I7: where the shelf says no, a reserve finds no units; where it says yes to common, it gets them."""
    mirrored = Mirrored()
    calls = script(Random(seed), skus=SKUS)
    for call in calls:
        mirrored.call(call)
    # What is due now happens with the next order at the latest, and this one must find it done (R18).
    now_ms = calls[-1].now_ms
    mirrored.call(Call([], [], now_ms, now_ms + 1))
    sales = ["sale:" + name for name in mirrored.shelf.sales("", 5)]
    paths = ["common", "channel:web", "channel:shop", *sales]
    asked = product(paths, (*PLACES, None), (1, 4), (False, True))
    for number, (path, place, units, is_split) in enumerate(asked):
        group = "G" if place is None else None
        can = mirrored.shelf.could_cover(
            "SKU1", units, location=place, group=group, path=path, is_split=is_split
        )
        reserve = c.Reserve(
            f"ask{number}",
            f"ASK{number}",
            "SKU1",
            units,
            60,
            location=place,
            group=group,
            strategy="split" if is_split else "first_fit",
            path=path,
            customer="k1:me",
        )
        (outcome,) = mirrored.ask(reserve, now_ms=now_ms)
        if can is False:
            assert outcome in NO_UNITS, reserve
        elif can and path == "common":
            assert outcome in {Outcome.GRANTED, Outcome.LIMIT_REACHED}, reserve
