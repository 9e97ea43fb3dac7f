"""Units that wait: promised before they are there, in a line, a limit and a queue of their position (R24).

They wait as `backordered` until the deadline, as `backorders_confirmed` once paid for.
"""

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from typing import Final

from inventory_stream.ledger.batch import Batch
from inventory_stream.ledger.claims import waiting_of
from inventory_stream.ledger.limits import give_back
from inventory_stream.ledger.position import Position
from inventory_stream.ledger.state import PartitionState, line_at
from models.rows import BackorderRow, Line, ReservationRow, backorder_key

# Entries that the queue of a position may hold beyond as many as wait, before a walk drops the stale ones.
_STALE_MIN: Final = 64


def free_units(position: Position) -> int:
    """Units that may still be promised at a position before they are there."""
    claims = position.claims
    return claims.backorder.free if claims is not None and claims.backorder is not None else 0


def promise(
    state: PartitionState,
    batch: Batch,
    position: Position,
    reservation: ReservationRow,
    line: Line,
    units: int,
    *,
    is_confirmed: bool = False,
) -> None:
    """Let units of a line wait, which its `granted` counts already.

    The caller lists the reservation at the position and touches it.
    """
    row = _row_of(position)
    assert 0 < units <= row.free, "I2: a backorder beyond its limit"
    row.used += units
    if is_confirmed:
        line.backorders_confirmed += units
    else:
        line.backordered += units
    waiting = _waiting(position)
    if len(waiting) > 2 * row.used + _STALE_MIN:
        waiting[:] = {entry for entry in waiting if _waits(state, position, entry) is not None}
        heapify(waiting)
    heappush(waiting, (reservation.created_ms, reservation.reservation_id))
    batch.put(backorder_key(row.sku, row.location), row)


def let_go(batch: Batch, position: Position, line: Line, *, soft: int = 0, confirmed: int = 0) -> None:
    """Take waiting units out of a line; the limit has them back.

    The caller touches the position, and says where they went.
    """
    line.backordered -= soft
    line.backorders_confirmed -= confirmed
    row = _row_of(position)
    row.used -= soft + confirmed
    batch.put(backorder_key(row.sku, row.location), row)


def give_up(
    state: PartitionState,
    batch: Batch,
    position: Position,
    reservation: ReservationRow,
    line: Line,
    *,
    soft: int = 0,
    confirmed: int = 0,
) -> None:
    """Take waiting units out of a line that nobody wants any more: the customer has them no longer (R23)."""
    let_go(batch, position, line, soft=soft, confirmed=confirmed)
    if reservation.limits:
        give_back(state, batch, reservation, soft + confirmed)


def confirm_waiting(line: Line, units: int) -> None:
    """Turn waiting units of a line into paid ones: they have no deadline any more."""
    line.backordered -= units
    line.backorders_confirmed += units


def _row_of(position: Position) -> BackorderRow:
    claims = position.claims
    assert claims is not None, "units wait where no limit was ever stated"
    assert claims.backorder is not None, "units wait where no limit was ever stated"
    return claims.backorder


def _waiting(position: Position) -> list[tuple[int, str]]:
    return position.claims_made().waiting


def _waits(
    state: PartitionState, position: Position, entry: tuple[int, str]
) -> tuple[ReservationRow, Line] | None:
    """Give the reservation and line of an entry of the queue; None where nothing of it waits any more."""
    reservation = state.reservations.get(entry[1])
    line = None if reservation is None else line_at(reservation, position.location)
    if reservation is None or line is None or reservation.created_ms != entry[0]:
        return None
    return (reservation, line) if waiting_of(line) else None


def oldest(state: PartitionState, position: Position) -> tuple[ReservationRow, Line] | None:
    """Give who waits longest, of one ms by id, which a recovery restores (I8)."""
    waiting = _waiting(position)
    while waiting:
        found = _waits(state, position, waiting[0])
        if found is not None:
            return found
        heappop(waiting)
    return None


def youngest_first(state: PartitionState, position: Position) -> Iterator[tuple[ReservationRow, Line]]:
    """Give all who wait, each once, the youngest first."""
    for entry in sorted(set(_waiting(position)), reverse=True):
        found = _waits(state, position, entry)
        if found is not None:
            yield found
