"""Turns rows of reservations and receipts into the changes of one SKU's positions."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Final, NamedTuple

from inventory_stream.flows.explain_words import outcome_name
from inventory_stream.flows.ledger_rows import decoded
from inventory_stream.ports.ledger_log import LedgerRecord
from models.commands import CancelTransfer, PlanTransfer, ReceiveTransfer, ShipTransfer, type_name
from models.rows import (
    FIRST_ANSWER,
    TRANSFER_PREFIX,
    Line,
    PositionRow,
    ReceiptRow,
    ReservationRow,
    TransferRow,
)

REMEMBERED_MAX: Final = 500_000
"""Reservations of the SKU whose last row is remembered, about 150 MB at most; past that, the next
change of the one longest untouched is told without its deltas."""

_PLANNING: Final = frozenset(type_name(kind) for kind in (PlanTransfer, ShipTransfer, CancelTransfer))
"""Commands that change how many units a transfer has set aside."""
_CARRYING: Final = frozenset(type_name(kind) for kind in (ShipTransfer, ReceiveTransfer))
"""Commands that change how many units of a transfer are in transit."""

UNKNOWN: Final = "unknown"
"""`what` of a change whose own row is not left."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a position, as the row says that made it; None: that row does not say.

    `what` is the command's type on the wire, or what the owner did by itself (expired, revoked, filled), or
    `UNKNOWN`. Deltas are of the quantities of R2. `on_hand` and
    `version` are those after the change. `now_to_promise` is ATP after the batch that the change
    was in, told with the last change of the batch.
    """

    partition: int
    offset: int
    at_ms: int
    location: str
    version: int
    what: str
    command_id: str | None = None
    reservation_id: str | None = None
    order_id: str | None = None
    outcome: str | None = None
    decided_ms: int | None = None
    effective_at_ms: int | None = None
    on_hand_delta: int | None = None
    reserved_delta: int | None = None
    allocated_delta: int | None = None
    on_hand: int | None = None
    now_to_promise: int | None = None
    is_clock_ahead: bool = False
    in_transit_delta: int | None = 0


class _Held(NamedTuple):
    """A line as a reservation's last row had it."""

    reserved: int
    allocated: int
    moved: int
    expired: int
    revoked: int
    version: int


_NOTHING: Final = _Held(0, 0, 0, 0, 0, 0)


class ChangesOf:
    """Feed it the rows of a partition in order; a position row closes a batch and gives its changes.

    Memory: one small tuple for each reservation of the SKU (`REMEMBERED_MAX`), and the changes of
    one batch.
    """

    def __init__(self, partition: int, sku: str, location: str | None) -> None:
        self._partition = partition
        self._sku = sku
        self._sku_bytes = sku.encode()
        self._location = location
        self._pending: dict[str, list[Change]] = {}
        self._versions: dict[str, int] = {}
        self._held: dict[int, dict[str, _Held]] = {}
        self._transfers: dict[int, tuple[int, int]] = {}
        # By location: what a transfer's row, which lies right before its receipt, changed of allocated.
        self._planned_by: dict[str, int | None] = {}
        # The same for the target and what is in transit to it.
        self._carried_by: dict[str, int | None] = {}

    def take(self, record: LedgerRecord, *, is_from_first: bool) -> None:
        """Take any row that is no position row of the SKU.

        Args:
            record: The row.
            is_from_first: Whether no row was missing so far, from offset 0 on.
        """
        key, value = record.key, record.value
        if value is None:
            if key.startswith(b"r/"):
                self._held.pop(hash(key), None)
            elif key.startswith(TRANSFER_PREFIX):
                self._transfers.pop(hash(key), None)
            return
        if self._sku_bytes not in value or not key.startswith((b"r/", b"c/", TRANSFER_PREFIX)):
            return
        row = decoded(record)
        if isinstance(row, TransferRow) and row.sku == self._sku:
            self._take_transfer(hash(key), row, is_from_first=is_from_first)
        if isinstance(row, ReservationRow) and row.sku == self._sku:
            self._take_reservation(record, row, is_from_first=is_from_first)
        elif isinstance(row, ReceiptRow) and row.sku == self._sku and row.repeat == FIRST_ANSWER:
            self._take_receipt(record, row)

    def at_position_row(self, record: LedgerRecord, row: PositionRow) -> Iterator[Change]:
        """Give the changes since the position's last row, in order of version; the last one with ATP."""
        pending = sorted(self._pending.pop(row.location, []), key=attrgetter("version"))
        known = self._versions.get(row.location)
        newest = pending[-1].version if pending else known
        self._versions[row.location] = row.version
        if newest is None or newest < row.version:
            # The first row that compaction left, or a change of which no other row is left.
            pending.append(self._of_position(record, row))
        elif not pending:
            return  # told anew: its base or horizon moved, no quantity did
        yield from pending[:-1]
        yield replace(pending[-1], now_to_promise=row.available_to_promise)

    def rest(self) -> Iterator[Change]:
        """Give changes behind which no position row came: none in a sound ledger."""
        for pending in self._pending.values():
            yield from sorted(pending, key=attrgetter("version"))
        self._pending.clear()

    def _of_position(self, record: LedgerRecord, row: PositionRow) -> Change:
        return Change(
            partition=self._partition,
            offset=record.offset,
            at_ms=record.timestamp_ms,
            location=row.location,
            version=row.version,
            what=UNKNOWN,
            on_hand=row.on_hand,
        )

    def _take_transfer(self, identity: int, row: TransferRow, *, is_from_first: bool) -> None:
        """Note what a transfer sets aside at its source, part of its allocated, and what it carries (R12)."""
        known = self._transfers.pop(identity, None)
        planned = carried = None
        if known is not None:
            planned, carried = row.planned - known[0], row.in_transit - known[1]
        elif is_from_first:
            planned, carried = row.planned, row.in_transit
        self._planned_by[row.from_location] = planned
        self._carried_by[row.to_location] = carried
        self._transfers[identity] = (row.planned, row.in_transit)
        if len(self._transfers) > REMEMBERED_MAX:
            del self._transfers[next(iter(self._transfers))]

    def _take_receipt(self, record: LedgerRecord, row: ReceiptRow) -> None:
        is_transfer = row.kind in _PLANNING
        is_carrying = row.kind in _CARRYING
        for movement in row.movements:
            self._add(
                Change(
                    partition=self._partition,
                    offset=record.offset,
                    at_ms=record.timestamp_ms,
                    location=movement.location,
                    version=movement.version,
                    what=row.kind,
                    command_id=row.command_id,
                    reservation_id=row.reservation_id,
                    outcome=outcome_name(row.outcome),
                    decided_ms=row.at_ms,
                    effective_at_ms=movement.effective_at_ms,
                    on_hand_delta=movement.delta,
                    reserved_delta=0,
                    allocated_delta=self._planned_by.pop(movement.location, 0) if is_transfer else 0,
                    on_hand=movement.on_hand,
                    is_clock_ahead=movement.clock_ahead,
                    in_transit_delta=self._carried_by.pop(movement.location, 0) if is_carrying else 0,
                )
            )
        if is_transfer or is_carrying:
            self._carried_by.clear()

    def _take_reservation(self, record: LedgerRecord, row: ReservationRow, *, is_from_first: bool) -> None:
        identity = hash(record.key)
        before = self._held.pop(identity, None)
        is_first = row.commands == 1 and row.answered == 0 and row.repeat == FIRST_ANSWER
        if before is None and (is_first or is_from_first):
            before = {}
        after: dict[str, _Held] = {}
        for line in row.lines:
            after[line.location] = _Held(
                line.reserved, line.allocated, line.moved, line.expired, line.revoked, line.version
            )
            old = before.get(line.location, _NOTHING) if before is not None else None
            if old is None or line.version != old.version:
                self._take_line(record, row, line, old)
        self._held[identity] = after
        if len(self._held) > REMEMBERED_MAX:
            del self._held[next(iter(self._held))]

    def _take_line(self, record: LedgerRecord, row: ReservationRow, line: Line, old: _Held | None) -> None:
        if row.repeat != FIRST_ANSWER:
            return
        answer = row.answers[row.answered] if 0 <= row.answered < len(row.answers) else None
        what = answer.kind if answer is not None else _own_act(line, old)
        change = Change(
            partition=self._partition,
            offset=record.offset,
            at_ms=record.timestamp_ms,
            location=line.location,
            version=line.version,
            what=what,
            command_id=answer.command_id if answer is not None else None,
            reservation_id=row.reservation_id,
            order_id=row.paid_order_id or row.order_id,
            outcome=outcome_name(answer.outcome) if answer is not None else None,
            decided_ms=answer.at_ms if answer is not None else None,
            on_hand_delta=line.moved - old.moved if old is not None else None,
            reserved_delta=line.reserved - old.reserved if old is not None else None,
            allocated_delta=line.allocated - old.allocated if old is not None else None,
            on_hand=line.on_hand,
        )
        here = (
            [one for one in answer.movements if one.location == line.location] if answer is not None else []
        )
        movements = [one for one in here if self._is_new(one.location, one.version)]
        # The line's own version has what it did to reserved and allocated; where a fact moved nothing
        # but on_hand since, its movement does.
        if self._is_new(line.location, line.version) and all(one.version != line.version for one in here):
            told = sum(one.delta for one in here)
            moved = change.on_hand_delta
            self._add(replace(change, on_hand_delta=moved - told if moved is not None else None))
            change = replace(change, reserved_delta=0, allocated_delta=0)
        for movement in movements:
            self._add(
                replace(
                    change,
                    version=movement.version,
                    effective_at_ms=movement.effective_at_ms,
                    on_hand_delta=movement.delta,
                    on_hand=movement.on_hand,
                    is_clock_ahead=movement.clock_ahead,
                )
            )
            change = replace(change, reserved_delta=0, allocated_delta=0)

    def _is_new(self, location: str, version: int) -> bool:
        """Say whether no row told this version yet.

        A fact that came before its order is told twice: when it moved on_hand, and when it had its
        final outcome (R21).
        """
        return version > self._versions.get(location, 0) and all(
            change.version != version for change in self._pending.get(location, ())
        )

    def _add(self, change: Change) -> None:
        is_asked = self._location is None or change.location == self._location
        if is_asked and self._is_new(change.location, change.version):
            self._pending.setdefault(change.location, []).append(change)


def _own_act(line: Line, old: _Held | None) -> str:
    """Name what the owner did to a line by itself."""
    if old is None:
        return "expired, revoked or filled"
    if line.revoked > old.revoked:
        return "revoked"
    return "expired" if line.expired > old.expired else "filled"
