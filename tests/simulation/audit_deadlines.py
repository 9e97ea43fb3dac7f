"""Nothing expires before its deadline by the stamps of records, nothing stays after it (R17, R18)."""

from collections.abc import Iterable
from typing import Final

from inventory_stream.ports.inputs import Input
from models.commands import Confirm
from models.outcomes import Outcome
from models.rows import FIRST_ANSWER, ProgressRow, ReservationRow
from tests.simulation.audit_answers import Decided
from tests.simulation.audit_batches import LiveBatch, Sifted, progress_steps
from tests.simulation.evidence import Evidence, Violation

LEADERS_APART_MS: Final = 500
"""How far the clocks of the ledger's and the orders' leaders may be apart in a plan, and a little."""
KEPT_AFTER_MS: Final = 20_000
"""How long after its deadline, in a quiet partition, units may still be held: skew, looks, appends."""

Key = tuple[int, int]


class DeadlineAudit:
    """Goes through the reservations' rows in order."""

    def __init__(self, evidence: Evidence, sifted: Sifted, decided: Iterable[Decided]) -> None:
        self.violations: list[Violation] = []
        self._evidence = evidence
        self._sifted = sifted
        self._decided: dict[Key, Decided] = {(one.batch.base, one.row_index): one for one in decided}
        self._rows: dict[bytes, ReservationRow] = {}
        arrivals = [
            record.arrival_ms if not record.is_marker else 0 for record in evidence.sent[Input.ORDERS]
        ]
        self._arrivals = arrivals
        # Earliest arrival from an offset on, latest before it: brokers' clocks may jump ahead.
        self._earliest_from = [2**60] * (len(arrivals) + 1)
        for offset in range(len(arrivals) - 1, -1, -1):
            own = arrivals[offset] or 2**60
            self._earliest_from[offset] = min(own, self._earliest_from[offset + 1])

    def run(self) -> None:
        """Judge all of it."""
        newest_ms = 0
        for before, batch, progress in progress_steps(self._sifted.live):
            seen = self._arrivals[before.orders_next : progress.orders_next]
            # One record more: a sweep that fills an append is told before the record that it went by.
            coming_ms = next((at for at in self._arrivals[progress.orders_next :] if at), 2**60)
            newest_ms = max([newest_ms, *seen, *[coming_ms] * (coming_ms <= progress.orders_arrival_ms)])
            self._check_progress(batch, progress)
            for index, (key, row) in enumerate(batch.rows):
                if isinstance(row, ReservationRow):
                    self._take(key, row, batch, progress, newest_ms, index)
                elif row is None:
                    self._rows.pop(key, None)
        for key, row in self._rows.items():
            held = sum(line.reserved for line in row.lines)
            if held and row.deadline_ms < self._evidence.ended_ms - KEPT_AFTER_MS:
                self._find("R18", key.decode(), f"{held} units are still held, due at {row.deadline_ms}")

    def _find(self, rule: str, where: object, detail: str) -> None:
        self.violations.append(Violation(rule, str(where), detail))

    def _check_progress(self, batch: LiveBatch, progress: ProgressRow) -> None:
        if progress.swept_ms > batch.at_ms + LEADERS_APART_MS:
            self._find("R18", f"offset {batch.base}", f"swept to {progress.swept_ms}, at {batch.at_ms}")

    def _take(
        self,
        key: bytes,
        row: ReservationRow,
        batch: LiveBatch,
        progress: ProgressRow,
        newest_ms: int,
        index: int,
    ) -> None:
        before = self._rows.get(key)
        self._rows[key] = row
        if before is None:
            return
        where = f"offset {batch.base}, {key.decode()}"
        if _expired(row) > _expired(before):
            due_ms = before.deadline_ms
            undecided_ms = self._earliest_from[min(progress.orders_next, len(self._arrivals))]
            if newest_ms <= due_ms and undecided_ms <= due_ms:
                self._find(
                    "R18", where, f"expired at {due_ms}, but a record of {undecided_ms} was yet to come"
                )
            if newest_ms <= due_ms and batch.at_ms + LEADERS_APART_MS <= due_ms:
                self._find("R18", where, f"expired at {batch.at_ms}, due at {due_ms}, newest {newest_ms}")
        one = self._decided.get((batch.base, index))
        if one is None or one.asked is None or row.answered < 0 or row.repeat != FIRST_ANSWER:
            return
        command, arrival_ms = one.asked.command, one.asked.arrival_ms
        if not isinstance(command, Confirm):
            return
        newest_before_ms = max((at for at in self._arrivals[: one.asked.place[1]]), default=0)
        if one.said.outcome in {Outcome.RESERVATION_EXPIRED, Outcome.CONFIRMED_LATE}:
            lines = [line for line in before.lines if command.location in {None, line.location}]
            was_revoked = any(line.revoked for line in lines)
            is_in_time = arrival_ms <= before.deadline_ms and newest_before_ms <= before.deadline_ms
            if is_in_time and not was_revoked:
                self._find("R17", where, f"{one.said.outcome.name}, came at {arrival_ms}: {before}")
        elif one.said.outcome is Outcome.CONFIRMED and arrival_ms > before.deadline_ms:
            self._find("R17", where, f"CONFIRMED at {arrival_ms}, due at {before.deadline_ms}")


def _expired(row: ReservationRow) -> int:
    return sum(line.expired for line in row.lines)
