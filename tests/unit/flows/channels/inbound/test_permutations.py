"""Whatever order and repeats deliveries of an order come in, the ledger ends the same (R21, R27)."""

import asyncio
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from inventory_stream.adapters.channels.inbound.reading import called_off
from models.channels import (
    ChangedLine,
    ChannelEvent,
    LinesCancelled,
    LinesReturned,
    LinesShipped,
    OrderTaken,
    SoldLine,
)
from models.commands import Reserve
from tests.fakes.desk import START_MS
from tests.unit.flows.channels.inbound.inbound_world import PLACED_MS, World

HELD = "C." + "o" * 26
LINE_A = SoldLine("1", 2, sku="A")
LINE_C = SoldLine("3", 2, sku="C", reservation_id=HELD)
LINES = (LINE_A, SoldLine("2", 1, listing="11/1"))

CREATED = (OrderTaken("O", PLACED_MS, (*LINES, LINE_C), is_paid=False, as_of_ms=PLACED_MS),)
PAID = (OrderTaken("O", PLACED_MS, (*LINES, LINE_C), is_paid=True, as_of_ms=PLACED_MS),)
RAISED = (OrderTaken("O", PLACED_MS, (replace(LINE_A, units=5),), as_of_ms=PLACED_MS + 12),)
LOWERED = (OrderTaken("O", PLACED_MS, (replace(LINE_A, units=4),), as_of_ms=PLACED_MS + 14),)
NOT_SHIPPED = (LinesCancelled("O", "refund-3", PLACED_MS + 16, (ChangedLine("1", 2, sku="A"),)),)
EDITED = (
    LinesCancelled("O", "edit-1", PLACED_MS + 10, (ChangedLine("1", 1, sku="A"),)),
    OrderTaken("O", PLACED_MS + 10, (SoldLine("1+edit-1", 3, sku="B"),)),
)
REFUNDED = (LinesReturned("O", "refund-1", PLACED_MS + 20, (ChangedLine("1", 1, sku="A", location="p1"),)),)
BROKEN = (LinesReturned("O", "refund-2", PLACED_MS + 20, (ChangedLine("2", 1, sku="B"),), sellable=False),)
SHIPPED = (LinesShipped("O", "parcel-1", PLACED_MS + 15, (ChangedLine("2", 1, sku="B", location="p1"),)),)
CANCELLED = called_off("O", "cancelled", PLACED_MS + 30, PLACED_MS, (*LINES, LINE_C), as_of_ms=PLACED_MS + 30)
FAILED = called_off("O", "off-1", PLACED_MS + 5, PLACED_MS, LINES, as_of_ms=PLACED_MS + 5, may_return=True)
PAID_AT_LAST = (OrderTaken("O", PLACED_MS, LINES, as_of_ms=PLACED_MS + 8),)
HISTORIES: dict[str, tuple[tuple[ChannelEvent, ...], ...]] = {
    "kept": (CREATED, PAID, EDITED, SHIPPED, REFUNDED),
    "called off": (CREATED, PAID, EDITED, CANCELLED, REFUNDED),
    "shipped, then off": (PAID, SHIPPED, CANCELLED, BROKEN),
    "raised and lowered": (PAID, RAISED, LOWERED, NOT_SHIPPED, REFUNDED),
    "failed, then paid": (FAILED, PAID_AT_LAST, RAISED, REFUNDED),
    "raised, then off": (CREATED, RAISED, CANCELLED, REFUNDED),
}


async def ended(deliveries: Sequence[tuple[ChannelEvent, ...]]) -> object:
    """Take deliveries in; gives all positions at the end."""
    world = World()
    world.stock(A=10, B=10, C=10)
    hold = Reserve(
        id="hold",
        reservation_id=HELD,
        sku="C",
        units=2,
        ttl_seconds=600,
        location="DC1",
        channel="shop",
    )
    world.desk.decide(hold)
    for events in deliveries:
        world.desk.now_ms = min(world.desk.now_ms + 1_000, START_MS + 30_000)
        await world.take(*events)
    assert world.letters.kept == {}
    return world.all_units()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_order_with_repeats_of_an_orders_deliveries_ends_alike(data: st.DataObject) -> None:
    """Created, paid, edited, shipped, cancelled, refunded: in any order, each any number of times."""
    name = data.draw(st.sampled_from(sorted(HISTORIES)))
    history = HISTORIES[name]
    repeats = data.draw(st.lists(st.sampled_from(history), max_size=4))
    shuffled = data.draw(st.permutations([*history, *repeats]))
    assert asyncio.run(ended(shuffled)) == asyncio.run(ended(history))


async def test_the_histories_end_as_they_should() -> None:
    """The ends that the permutations are compared with are the right ones."""
    kept = await ended(HISTORIES["kept"])
    # A: 2 sold, 1 edited away, 1 came back. B: 1 sold and shipped, 3 added. C: our 2 are sold.
    assert kept == {("A", "DC1"): (11, 0, 1, 0), ("B", "DC1"): (9, 0, 3, 0), ("C", "DC1"): (10, 0, 2, 0)}
    called_off_ = await ended(HISTORIES["called off"])
    # The line that the edit added is a line of its own, and was not called off by name.
    assert called_off_ == {
        ("A", "DC1"): (11, 0, 0, 0),
        ("B", "DC1"): (10, 0, 3, 0),
        ("C", "DC1"): (10, 0, 0, 0),
    }
    changed = await ended(HISTORIES["raised and lowered"])
    # A: 2 sold, 3 added, 1 taken away again, 2 not shipped, 1 came back.
    assert changed == {("A", "DC1"): (11, 0, 2, 0), ("B", "DC1"): (10, 0, 1, 0), ("C", "DC1"): (10, 0, 2, 0)}
    paid = await ended(HISTORIES["failed, then paid"])
    # A: none at first, then 2 and 3 more, 1 came back. B: 1.
    assert paid == {("A", "DC1"): (11, 0, 5, 0), ("B", "DC1"): (10, 0, 1, 0), ("C", "DC1"): (10, 2, 0, 0)}
    off = await ended(HISTORIES["raised, then off"])
    assert off == {("A", "DC1"): (11, 0, 0, 0), ("B", "DC1"): (10, 0, 0, 0), ("C", "DC1"): (10, 0, 0, 0)}
