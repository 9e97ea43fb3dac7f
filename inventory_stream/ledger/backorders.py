"""Backorder and preorder: units promised before they are there, and filled by what comes (R24).

They wait in a line: as `backordered` until the deadline, as `backorders_confirmed` once paid for. Whatever
leaves units free at their location is theirs before anybody new hears of it, the oldest reservation first.
"""

from typing import Final

from inventory_stream.ledger.batch import Batch
from inventory_stream.ledger.claims import held_of, waiting_of
from inventory_stream.ledger.identity import keep_receipt
from inventory_stream.ledger.lines import allocate_units
from inventory_stream.ledger.movements import stamp
from inventory_stream.ledger.paths import note_held
from inventory_stream.ledger.position import Position
from inventory_stream.ledger.rules import SHORT_ORDERS_NAMED
from inventory_stream.ledger.state import PartitionState
from inventory_stream.ledger.stock import answered_before
from inventory_stream.ledger.waiting import let_go, oldest, youngest_first
from models.commands import SetBackorder
from models.outcomes import Outcome
from models.rows import BackorderRow, IncomingRow, ReservationRow, backorder_key

_PAYS: Final = frozenset({"confirm", "record_order"})


def set_backorder(state: PartitionState, command: SetBackorder, arrival_ms: int, batch: Batch) -> int:  # noqa: ARG001  # one shape
    """State how many units may wait at a location; the newest statement stands.

    What waits already keeps its promise, also where it is more than that.

    Returns the outcome; the first match wins:
        UNKNOWN_INCOMING   tied to goods that are not on the way to there
        APPLIED            as many as asked, but never more than the incoming still brings
    """
    known = answered_before(state, batch, command, command.sku)
    if known is not None:
        return known
    units = command.units
    if command.incoming_id is not None:
        incoming = state.incoming.get(command.incoming_id)
        units = min(units, _awaited(incoming, command.sku, command.location))
        if incoming is None or (command.units and not units):
            return keep_receipt(state, batch, command, Outcome.UNKNOWN_INCOMING, sku=command.sku)
    position = state.position(command.sku, command.location)
    claims = position.claims_made()
    row = claims.backorder
    if row is None:
        row = claims.backorder = BackorderRow(state.term, position.sku, position.location, 0, 0, None)
    row.units, row.incoming_id = units, command.incoming_id
    batch.claim(position, backorder_key(row.sku, row.location), row)
    return keep_receipt(state, batch, command, Outcome.APPLIED, sku=command.sku, units=units)


def fill(state: PartitionState, batch: Batch, position: Position) -> None:
    """Give what is free at a position to what waits there, the oldest first.

    Soft units become reserved, paid ones allocated. At most a batch full; the rest follows at the beginning
    of the next, before anything else is decided (`state.to_fill`).
    """
    state.to_fill.pop(position, None)
    while position.available_to_promise > 0 and (found := oldest(state, position)) is not None:
        if batch.is_full:
            state.to_fill[position] = None
            return
        reservation, line = found
        free = position.available_to_promise
        paid = min(free, line.backorders_confirmed)
        soft = min(free - paid, line.backordered)
        if soft:
            if not line.reserved:
                position.hold(reservation.deadline_ms)
            was_held = held_of(line)
            line.reserved += soft
            position.reserved += soft
            note_held(position, reservation, line, was_held)
        if paid:
            # The next netting count has taken them off since they were paid for. What the last one had
            # taken off it was never given back: it was not allocated then (R9).
            since_ms = max(_paid_ms(reservation, batch.now_ms), position.orders_through_ms + 1)
            allocate_units(position, line, paid, since_ms)
        assert position.uncommitted >= 0, "I2: filled without physical cover"
        let_go(batch, position, line, soft=soft, confirmed=paid)
        batch.touch(position)
        stamp(line, position)
        batch.write_reservation(reservation, -1)


def adjust_promises(batch: Batch, position: Position, incoming: IncomingRow) -> tuple[int, int]:
    """Bring a limit that is tied to an incoming in line with what it still brings there.

    Call it after a receipt was put on hand, before it is given to what waits.

    Returns:
        How many units wait for it beyond what is free, and for how many of these nothing is awaited now.
    """
    row = position.claims.backorder if position.claims is not None else None
    if row is None or row.incoming_id != incoming.incoming_id:
        return 0, 0
    waiting = max(0, row.used - max(0, position.available_to_promise))
    awaited = _awaited(incoming, position.sku, position.location)
    row.units = min(row.units, awaited)
    batch.claim(position, backorder_key(row.sku, row.location), row)
    return waiting, max(0, waiting - awaited)


def youngest(state: PartitionState, position: Position, units: int) -> tuple[str, ...]:
    """Name the youngest orders that together wait for so many units at a position, the youngest first."""
    names: dict[str, None] = {}
    for reservation, line in youngest_first(state, position):
        if units <= 0 or len(names) == SHORT_ORDERS_NAMED:
            break
        units -= waiting_of(line)
        names[reservation.paid_order_id or reservation.order_id or reservation.reservation_id] = None
    return tuple(names)


def _awaited(incoming: IncomingRow | None, sku: str, location: str) -> int:
    """Units that an incoming still brings of a SKU to a location."""
    is_its = incoming is not None and (incoming.sku, incoming.location) == (sku, location)
    return incoming.open_units if incoming is not None and is_its else 0


def _paid_ms(reservation: ReservationRow, now_ms: int) -> int:
    """Say since when all of an order's paid units were: its last confirm that the row still tells (R27).

    Without one: now, so that a netting count adds too few units rather than too many.
    """
    confirms = (given.at_ms for given in reservation.answers if given.kind in _PAYS)
    return max(confirms, default=now_ms)
