"""Recomputes the invariants of one ledger partition from its rows; keeps sums, not rows.

I1, I4 and R16 hold at the end of any ledger, compacted or not: they are checked on what is left.
So is I7, whose evidence every refusal carries with it: the sums of R2 where it asked.
I2, I3 and I5 speak of every single row: they are checked on the last stretch of rows without a gap
in their offsets, from `report.whole_from_offset` on. At each gap what was found so far about them is
forgotten, because compaction may have taken the rows that explain it.
"""

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Final, NamedTuple

import msgspec

from inventory_stream.errors import CorruptLedgerError
from inventory_stream.flows.verify_claims import CLAIM_PREFIXES, ClaimAudit
from inventory_stream.flows.verify_positions import Change, PositionAudit, replay
from inventory_stream.flows.verify_refusals import refusal_fault
from inventory_stream.flows.verify_report import Finding, Findings, PartitionReport
from inventory_stream.flows.verify_transfers import KINDS, TransferAudit
from inventory_stream.ledger.claims import waiting_of
from inventory_stream.ports.ledger_log import LedgerRecord
from models.outcomes import NOT_FINAL, Outcome
from models.rows import (
    FIRST_ANSWER,
    ID_REUSED_ANSWER,
    TRANSFER_PREFIX,
    Answer,
    Line,
    Movement,
    PositionRow,
    ReceiptRow,
    ReservationRow,
    decode_reservation,
    position_key,
    receipt_key,
    reservation_key,
)

_GRANTS: Final = frozenset(
    {
        int(Outcome.GRANTED),
        int(Outcome.PARTIALLY_GRANTED),
        int(Outcome.BACKORDERED),
        int(Outcome.REROUTED),
        int(Outcome.UNITS_SET),
    }
)
_CONFIRMED_LATE: Final = int(Outcome.CONFIRMED_LATE)
_NOT_FINAL: Final = frozenset(int(outcome) for outcome in NOT_FINAL)

_decode_position: Final = msgspec.msgpack.Decoder(PositionRow).decode
_decode_receipt: Final = msgspec.msgpack.Decoder(ReceiptRow).decode


class _LineState(NamedTuple):
    """What is kept of a reservation's line between two of its rows."""

    position: PositionAudit
    granted: int
    reserved: int
    allocated: int
    lost: int
    """Units that expired or were revoked: a late confirm takes them back."""
    moved: int
    version: int
    waiting: int


_Lines = tuple[_LineState, ...]


class _ReceiptState(NamedTuple):
    """What is kept of a receipt: whether a row is the same again, and what it moved."""

    at_ms: int
    outcome: int
    moved: tuple[tuple[PositionAudit, int], ...]


class PartitionAudit:
    """Feed it the live rows of a partition in order, then `finish`. One pass, no I/O.

    Memory: about 300 bytes for each position and reservation, 200 for each receipt, 100 for each
    command of the uncompacted part. Keys and ids are kept as Python's 64-bit hashes: among 10
    million, the chance that two meet is 3e-6.
    """

    def __init__(self, partition: int, end_offset: int) -> None:
        self.report = PartitionReport(partition, end_offset)
        self.findings = Findings()
        """About the whole partition: I1, I4 at the end, R16, I7."""
        self.stretch_findings = Findings()
        """About the uncompacted part."""
        self.positions: dict[bytes, PositionAudit] = {}
        self._reservations: dict[int, _Lines] = {}
        self._receipts: dict[int, _ReceiptState] = {}
        self._transfers = TransferAudit(self._audit)
        self._claims = ClaimAudit(self._audit)
        self._outcomes: dict[int, int] = {}
        self._lives: dict[int, int] = {}
        self._stretch = 0
        self._next_offset = -1

    def feed(self, offsets: Sequence[tuple[int, int]], rows: Sequence[LedgerRecord]) -> None:
        """Take consecutive records.

        Args:
            offsets: (offset, record time) of every record read, live or not: where the gaps are.
            rows: Those that count.

        Raises:
            CorruptLedgerError: a row that cannot be decoded.
        """
        breaks = self._breaks(offsets)
        at_break = next(breaks, None)
        for row in rows:
            while at_break is not None and row.offset >= at_break[0]:
                self._begin_stretch(*at_break)
                at_break = next(breaks, None)
            try:
                self._take(row)
            except msgspec.DecodeError as error:
                raise CorruptLedgerError(f"row {row.key!r} at offset {row.offset}: {error}") from error
        while at_break is not None:
            self._begin_stretch(*at_break)
            at_break = next(breaks, None)
        self.report.rows += len(rows)

    def finish(self) -> None:
        """Check what can only be checked at the end: I1, I4, and changes without a position row (I5)."""
        report = self.report
        report.positions = len(self.positions)
        report.reservations = len(self._reservations)
        report.receipts = len(self._receipts)
        report.commands = len(self._outcomes)
        for audit in self.positions.values():
            row = audit.row
            if row is None:
                self._find("I1", audit.key, audit.offset, "a position row", "none; lines or receipts name it")
                continue
            report.shortfall_units += row.shortfall
            for check, name, expected, found in (
                ("I1", "reserved", audit.reserved, row.reserved),
                ("I1", "allocated", audit.allocated, row.allocated),
                ("R12", "in_transit", audit.in_transit, row.in_transit),
                ("R4", "fenced", audit.fenced, row.fenced),
                ("R24", "waiting", audit.waiting, audit.backordered),
                ("I4", "on_hand", row.base + audit.moved, row.on_hand),
            ):
                if expected != found:
                    said = {
                        "I1": "lines and transfers",
                        "R12": "the transfers",
                        "R4": "pools and fences",
                        "R24": "the lines",
                        "I4": "base and deltas",
                    }[check]
                    self._find(check, audit.key, audit.offset, f"{name} {expected} by {said}", str(found))
            if audit.pending and audit.stretch == self._stretch and audit.is_known:
                last = max(audit.pending, key=attrgetter("version"))
                self._find_in_stretch(
                    "I5",
                    last.key,
                    last.offset,
                    f"a row of {audit.key.decode()} with version {last.version}",
                    f"none after version {row.version}",
                )
        self.findings.merge(self.stretch_findings)

    def _breaks(self, offsets: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Yield (offset, time) of each record that does not follow the one before it."""
        expected = self._next_offset
        found = []
        for offset, timestamp_ms in offsets:
            if offset != expected:
                found.append((offset, timestamp_ms))
            expected = offset + 1
        self._next_offset = expected
        return iter(found)

    def _begin_stretch(self, offset: int, timestamp_ms: int) -> None:
        self._stretch += 1
        self._outcomes.clear()
        self._lives.clear()
        self.stretch_findings.clear()
        report = self.report
        report.whole_from_offset, report.whole_from_ms = offset, timestamp_ms
        report.repeats = report.granted_units = report.oversold_units = 0

    # --- rows ----------------------------------------------------------------------------------

    def _take(self, record: LedgerRecord) -> None:
        key, value = record.key, record.value
        if key.startswith(b"r/"):
            self._take_reservation(record, None if value is None else decode_reservation(key, value))
        elif key.startswith(b"c/"):
            self._take_receipt(record, None if value is None else _decode_receipt(value))
        elif key.startswith(b"p/"):
            if value is None:
                self.positions.pop(key, None)
            else:
                self._take_position(record, _decode_position(value))
        elif key.startswith(CLAIM_PREFIXES):
            self._claims.take(record)
        elif key.startswith(TRANSFER_PREFIX):
            parts = self._transfers.take(record, is_whole=self.report.whole_from_offset == 0)
            if parts is not None:
                self._find("R12", key, record.offset, "units of a transfer that are somewhere", parts)

    def _take_position(self, record: LedgerRecord, row: PositionRow) -> None:
        audit = self._audit(record.key)
        old = audit.row
        if audit.is_known:
            replayed = replay(self.report.partition, audit, row, record.offset, self.stretch_findings)
            self.report.granted_units += replayed.granted_units
            self.report.oversold_units += replayed.oversold_units
        elif old is not None and row.version < old.version:
            self._find_in_stretch(
                "I5", record.key, record.offset, f"a version from {old.version} on", str(row.version)
            )
        audit.pending.clear()
        audit.is_claimed = False
        audit.row, audit.offset, audit.timestamp_ms = row, record.offset, record.timestamp_ms
        audit.is_known = True

    def _take_reservation(self, record: LedgerRecord, row: ReservationRow | None) -> None:
        identity = hash(record.key)
        before = self._reservations.get(identity)
        for old in before or ():
            old.position.reserved -= old.reserved
            old.position.allocated -= old.allocated
            old.position.moved -= old.moved
            old.position.waiting -= old.waiting
        if row is None:
            self._reservations.pop(identity, None)
            self._lives[identity] = self._lives.get(identity, 0) + 1
            return
        after = tuple(self._line_state(row.sku, line) for line in row.lines)
        for new in after:
            new.position.reserved += new.reserved
            new.position.allocated += new.allocated
            new.position.moved += new.moved
            new.position.waiting += new.waiting
        self._reservations[identity] = after
        for line in row.lines:
            self._check_line(record, line)

        answer = row.answers[row.answered] if 0 <= row.answered < len(row.answers) else None
        if answer is not None:
            self._take_answer(record, row.reservation_id, answer.command_id, row.repeat, _meaning(answer))
            self._check_refusal(record, row, answer)
        is_first = row.commands == 1 and row.answered == 0 and row.repeat == FIRST_ANSWER
        if before is None and not is_first and self.report.whole_from_offset > 0:
            # Its earlier rows were compacted away: what changed here cannot be told.
            for new in after:
                new.position.is_known = False
            return
        known = {old.position.key: old for old in before or ()}
        for state, line in zip(after, row.lines, strict=True):
            self._compare_line(record, row, answer, known.get(state.position.key), state, line)

    def _line_state(self, sku: str, line: Line) -> _LineState:
        return _LineState(
            self._audit(position_key(sku, line.location)),
            line.granted,
            line.reserved,
            line.allocated,
            line.expired + line.revoked,
            line.moved,
            line.version,
            waiting_of(line),
        )

    def _check_line(self, record: LedgerRecord, line: Line) -> None:
        parts = (
            line.reserved,
            line.allocated,
            line.fulfilled,
            line.released,
            line.expired,
            line.cancelled,
            line.revoked,
            line.backordered,
            line.backorders_confirmed,
        )
        where = f"{record.key.decode()} at {line.location}"
        if line.granted != sum(parts) or min(parts) < 0:
            self._find(
                "R16", where, record.offset, f"granted {line.granted} is the sum of parts >= 0", f"{parts}"
            )
        if not 0 <= line.returned <= line.fulfilled:
            self._find("R16", where, record.offset, f"returned within {line.fulfilled}", f"{line.returned}")

    def _check_refusal(self, record: LedgerRecord, row: ReservationRow, answer: Answer) -> None:
        """I7: what a refusal says there was must not cover what it refused."""
        if row.repeat != FIRST_ANSWER or answer.breakdown is None:
            return
        self.report.refusals += 1
        fault = refusal_fault(row, answer, answer.breakdown)
        if fault is not None:
            where = f"{record.key.decode()} command {answer.command_id}"
            self._find(fault.check, where, record.offset, fault.expected, fault.found)

    def _compare_line(
        self,
        record: LedgerRecord,
        row: ReservationRow,
        answer: Answer | None,
        before: _LineState | None,
        after: _LineState,
        line: Line,
    ) -> None:
        """Turn the difference between two rows of a reservation into changes of one position."""
        reserved = after.reserved - (before.reserved if before else 0)
        allocated = after.allocated - (before.allocated if before else 0)
        granted = after.granted - (before.granted if before else 0)
        regained = max(0, (before.lost if before else 0) - after.lost)
        moved = after.moved - (before.moved if before else 0)
        version_before = before.version if before else 0
        audit = after.position
        if row.repeat != FIRST_ANSWER or (after.version == version_before):
            if reserved or allocated or moved:
                expected = "no change by a repeat" if row.repeat != FIRST_ANSWER else "a new version"
                found = f"reserved {reserved:+d}, allocated {allocated:+d}, on_hand {moved:+d}"
                where = f"{record.key.decode()} at {line.location}"
                self._find_in_stretch("I5", where, record.offset, expected, found)
            return
        kind = answer.kind if answer is not None else ""
        movements: tuple[Movement, ...] = ()
        if answer is not None and kind in ("fulfil", "return"):
            movements = tuple(one for one in answer.movements if one.location == line.location)
        granted_units = 0
        # What waits for goods needs none (R24).
        held = reserved + allocated
        if answer is not None and answer.outcome in _GRANTS and granted > 0:
            granted_units = min(granted, held)
        elif answer is not None and answer.outcome == _CONFIRMED_LATE and kind == "confirm":
            granted_units = min(regained, held)
        if not movements:
            # A confirm or recorded order may take three steps on one line, of which the row names
            # the last: what was held, what was lost, what is new.
            steps = 1
            if kind in ("confirm", "record_order"):
                # What was shipped before its order came may turn a netting count first (R9, R21).
                shipped_early = bool(moved and before is None and line.fulfilled and allocated)
                steps = max(1, (reserved < 0) + (regained > 0) + (granted > 0) + shipped_early)
            for earlier in range(1, steps):
                audit.pending.append(Change(line.version - earlier, record.key, record.offset))
            audit.pending.append(
                Change(
                    line.version,
                    record.key,
                    record.offset,
                    moved,
                    line.on_hand,
                    reserved,
                    allocated,
                    granted_units=granted_units,
                    is_hard=kind == "reroute" and allocated > 0,
                )
            )
            return
        for index, movement in enumerate(movements):
            audit.pending.append(
                Change(
                    movement.version,
                    record.key,
                    record.offset,
                    movement.delta,
                    movement.on_hand,
                    0 if index else reserved,
                    0 if index else allocated,
                )
            )

    def _take_receipt(self, record: LedgerRecord, row: ReceiptRow | None) -> None:
        identity = hash(record.key)
        before = self._receipts.get(identity)
        for position, delta in before.moved if before else ():
            position.moved -= delta
        if row is None:
            self._receipts.pop(identity, None)
            self._lives[identity] = self._lives.get(identity, 0) + 1
            return
        moved = tuple(
            (self._audit(position_key(row.sku or "", movement.location)), movement.delta)
            for movement in row.movements
        )
        for position, delta in moved:
            position.moved += delta
        self._receipts[identity] = _ReceiptState(row.at_ms, row.outcome, moved)
        meaning = hash((row.outcome, row.units, row.at_ms))
        if row.outcome not in _NOT_FINAL:
            self._take_answer(record, row.reservation_id, row.command_id, row.repeat, meaning)
        if row.repeat != FIRST_ANSWER:
            return
        if before is not None and (before.at_ms, before.outcome) == (row.at_ms, row.outcome):
            return  # the same row again: a new owner rewrites what a fenced one touched (P4)
        if before is not None and before.outcome == Outcome.REMEMBERED:
            return  # what it moved, it moved when it came; now it has its final outcome (R21)
        for (position, delta), movement in zip(moved, row.movements, strict=True):
            position.pending.append(
                Change(
                    movement.version,
                    record.key,
                    record.offset,
                    delta,
                    movement.on_hand,
                    allocated_delta=self._transfers.change_at(position.key) if row.kind in KINDS else 0,
                    unavailable=row.units if row.kind == "unavailable" else None,
                    safety_stock=row.units if row.kind == "safety_stock" else None,
                )
            )

    def _take_answer(
        self, record: LedgerRecord, reservation_id: str | None, command_id: str, repeat: int, meaning: int
    ) -> None:
        """I3: whatever row names a command, it names the same outcome, units and time."""
        if repeat == ID_REUSED_ANSWER:
            return  # another command, which heard no answer of this one
        if repeat != FIRST_ANSWER:
            self.report.repeats += 1
        life = self._life(reservation_id, command_id) if self._lives else 0
        known = self._outcomes.setdefault(hash((reservation_id, command_id, life)), meaning)
        if known != meaning:
            where = f"{record.key.decode()} command {command_id}"
            self._find_in_stretch("I3", where, record.offset, "its first answer again", "another answer")

    def _life(self, reservation_id: str | None, command_id: str) -> int:
        """Count the tombstones of what kept a command's answer: past its window it is decided anew (R29)."""
        lives = self._lives.get(hash(receipt_key(command_id, reservation_id)), 0)
        if reservation_id is not None:
            lives += self._lives.get(hash(reservation_key(reservation_id)), 0)
        return lives

    # --- parts ---------------------------------------------------------------------------------

    def _audit(self, key: bytes) -> PositionAudit:
        audit = self.positions.get(key)
        if audit is None:
            audit = self.positions[key] = PositionAudit(key)
            # In a ledger read from its first row, a position begins with nothing.
            audit.is_known = self.report.whole_from_offset == 0
            audit.stretch = self._stretch
        elif audit.stretch != self._stretch:
            audit.stretch = self._stretch
            audit.is_known = False
            audit.pending.clear()
        return audit

    def _find(self, check: str, key: bytes | str, offset: int, expected: str, found: str) -> None:
        self.findings.add(self._finding(check, key, offset, expected, found))

    def _find_in_stretch(self, check: str, key: bytes | str, offset: int, expected: str, found: str) -> None:
        self.stretch_findings.add(self._finding(check, key, offset, expected, found))

    def _finding(self, check: str, key: bytes | str, offset: int, expected: str, found: str) -> Finding:
        text = key if isinstance(key, str) else key.decode()
        return Finding(check, self.report.partition, text, offset, expected, found)


def _meaning(answer: Answer) -> int:
    return hash((answer.outcome, answer.units, answer.at_ms))
