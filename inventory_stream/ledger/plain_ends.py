"""How nearly every plain reservation goes on: confirmed whole, released whole, or expired (R16 to R18).

What this module decides, `confirm`, `release` and `expire` would decide the same. It makes the row that they
would leave at once, from the short one: half of the time of opening it and changing it field by field
(`benchmarks.core_loop confirm release expire`).
"""

from heapq import heappush
from typing import Final

from inventory_stream.ledger.batch import Batch
from inventory_stream.ledger.identity import content_hash
from inventory_stream.ledger.position import Position
from inventory_stream.ledger.reservations import Held
from inventory_stream.ledger.state import PartitionState
from models.commands import Confirm, Release
from models.outcomes import Outcome
from models.paths import COMMON
from models.rows import (
    FIRST_ANSWER,
    Answer,
    Fresh,
    FreshRow,
    Line,
    ReservationRow,
    decode_fresh,
    receipt_key,
)

_GRANTED: Final = int(Outcome.GRANTED)
_CONFIRMED: Final = int(Outcome.CONFIRMED)
_RELEASED: Final = int(Outcome.RELEASED)


def confirm_plain(state: PartitionState, batch: Batch, command: Confirm, arrival_ms: int) -> int | None:
    """Confirm all of a plain reservation in time; None where more must be looked at."""
    held = state.reservations.held(command.reservation_id)
    fresh = _asked(state, command, held, arrival_ms)
    position = None if fresh is None else _plain_position(state, fresh)
    if held is None or fresh is None or position is None:
        return None
    units = fresh.units
    _take_back(batch, position, units, held.deadline_ms, allocated=units)
    line = Line(
        *(position.location, units, 0, units, 0, 0, 0, 0, 0, 0, 0, position.on_hand, position.version),
        ((arrival_ms, units),),
    )
    said = Answer(command.id, "confirm", content_hash(command), _CONFIRMED, units, batch.now_ms)
    row = _row(state, held, fresh, position, line, said, 0)
    row.paid_order_id = command.order_id
    batch.write_reservation(row, 1)
    return _CONFIRMED


def release_plain(state: PartitionState, batch: Batch, command: Release, arrival_ms: int) -> int | None:
    """Release all of a plain reservation; None where more must be looked at."""
    held = state.reservations.held(command.reservation_id)
    fresh = _asked(state, command, held, arrival_ms)
    position = None if fresh is None else _plain_position(state, fresh)
    if held is None or fresh is None or position is None:
        return None
    units = fresh.units
    _take_back(batch, position, units, held.deadline_ms)
    line = Line(
        *(position.location, units, 0, 0, 0, units, 0, 0, 0, 0, 0, position.on_hand, position.version)
    )
    said = Answer(command.id, "release", content_hash(command), _RELEASED, units, batch.now_ms)
    row = _row(state, held, fresh, position, line, said, batch.now_ms)
    batch.write_reservation(row, 1)
    return _RELEASED


def expire_plain(state: PartitionState, batch: Batch, held: Fresh) -> bool:
    """Expire a reservation that is kept short; False where more must be looked at."""
    fresh = decode_fresh(held.value)
    position = _plain_position(state, fresh)
    if position is None:
        return False
    units = fresh.units
    _take_back(batch, position, units, held.deadline_ms)
    batch.expired_units += units
    line = Line(
        *(position.location, units, 0, 0, 0, 0, units, 0, 0, 0, 0, position.on_hand, position.version)
    )
    row = _row(state, held, fresh, position, line, None, batch.now_ms)
    batch.write_reservation(row, -1)
    return True


def _asked(
    state: PartitionState, command: Confirm | Release, held: Held | None, arrival_ms: int
) -> FreshRow | None:
    """Give the grant that a command asks all of, if that is plain, live and in time, and the id is new."""
    if (
        type(held) is not Fresh
        or held.row is not None
        or not held.deadline_ms  # it was refused
        or arrival_ms > held.deadline_ms
        or command.units is not None
        or command.location is not None
    ):
        return None
    if state.receipts.of_orders and receipt_key(command.id, command.reservation_id) in state.receipts:
        return None
    fresh = decode_fresh(held.value)
    return None if command.sku != fresh.sku or command.id == fresh.command_id else fresh


def _plain_position(state: PartitionState, fresh: FreshRow) -> Position | None:
    """Give the position of a grant, if nothing but the grant depends on what becomes of it there."""
    position = state.skus[fresh.sku][fresh.location]
    # A count that nets orders looks at when units were allocated (R9), claims at what is free (R4, R24).
    if position.is_claimed or position.orders_through_ms or position.short:
        return None
    return position


def _take_back(batch: Batch, position: Position, units: int, deadline_ms: int, allocated: int = 0) -> None:
    position.reserved -= units
    position.allocated += allocated
    position.unhold(deadline_ms)
    batch.touch(position)


def _row(
    state: PartitionState,
    held: Held,
    fresh: FreshRow,
    position: Position,
    line: Line,
    said: Answer | None,
    ended_ms: int,
) -> ReservationRow:
    """Make the row that stands for a short one from now on; where it ended, its windows begin (R29)."""
    assert isinstance(held, Fresh)
    reservation_id = held.reservation_id
    first = Answer(fresh.command_id, "reserve", b"", _GRANTED, fresh.units, fresh.created_ms)
    row = ReservationRow(
        fresh.term,
        0,
        FIRST_ANSWER,
        reservation_id,
        # The position's own words and the times of the batch: a million rows share them.
        position.sku,
        fresh.units,
        fresh.ttl_seconds,
        position.location,
        None,
        "first_fit",
        fresh.channel,
        fresh.order_id,
        False,  # noqa: FBT003  # allow_partial, by its place as all of them
        COMMON,
        fresh.customer,
        held.created_ms,
        held.deadline_ms,
        ended_ms,
        1 if said is None else 2,
        (line,),
        (first,) if said is None else (first, said),
    )
    held.row = row
    held.value = b""
    state.reservations.hold(row)
    if ended_ms:
        state.ended_kept += 1
        heappush(state.ended, (ended_ms, reservation_id))
        heappush(state.to_slim, (ended_ms, reservation_id))
    return row
