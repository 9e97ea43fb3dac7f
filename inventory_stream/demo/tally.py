"""What the ledger answered, counted from its topic alone: the demo's own auditor.

Pure: rows in, numbers out. It trusts no worker's memory and shares no code with the decisions.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Final

from inventory_stream.demo.life_audit import LifeAudit
from inventory_stream.demo.sale_tally import SaleTally
from inventory_stream.ports.ledger_log import LedgerRecord
from models.outcomes import Outcome
from models.rows import (
    FIRST_ANSWER,
    REPEATED_ANSWER,
    PoolRow,
    PositionRow,
    ProgressRow,
    ReceiptRow,
    ReservationRow,
    decode_row,
)

_SECOND_MS: Final = 1_000


class Tally:
    """The answers of all partitions, fed in the order of each partition."""

    def __init__(self, sale: SaleTally, shop_skus: Collection[str] = ()) -> None:
        """Count nothing yet; of `shop_skus` only gateways tell the ledger."""
        self.sale = sale
        self.answers = 0
        """One for each command, repeats included."""
        self.shop_answers = 0
        """Those of them to what gateways told."""
        self._shop_skus = frozenset(shop_skus)
        self.settled = 0
        """Second answers of commands that came before their order, when it came (R21)."""
        self.repeats = 0
        self.outcomes: Counter[int] = Counter()
        self._life: LifeAudit | None = None
        self._remembered: set[tuple[str | None, str]] = set()
        self.answers_in_second: Counter[int] = Counter()
        """By record time, in whole seconds since the Unix epoch."""
        self.progress: dict[int, ProgressRow] = {}
        """The newest `@progress` of each partition."""
        self.first_answer_ms: dict[tuple[int, int], int] = {}
        """Record time of the first answer of each (partition, term): when an owner began to decide."""
        self.on_hand: dict[tuple[str, str], int] = {}
        """By SKU and location, as the newest position row says."""
        self.shortfall_units: dict[tuple[str, str], int] = {}
        """By SKU and location: promised or sold beyond what there is, by facts such as till sales."""
        self.sale_available_units: int | None = None
        """What the sale can still grant, None until it is open."""

    def listen_with(self, life: LifeAudit) -> None:
        """Let the audit of the life of orders hear all rows from now on."""
        self._life = life

    def shortfalls_but_of_life(self) -> dict[tuple[str, str], int]:
        """Give the shortfalls at all places where no whole life of orders was played."""
        played = self._life.book.shelves if self._life is not None else {}
        return {place: units for place, units in self.shortfall_units.items() if place not in played}

    def feed(self, partition: int, records: Iterable[LedgerRecord]) -> None:
        """Count rows of one partition."""
        for record in records:
            if record.value is None:
                continue
            row = decode_row(record.key, record.value)
            if self._life is not None:
                self._life.hear(row, record.timestamp_ms)
            if isinstance(row, ReceiptRow):
                self._receipt(partition, row, record.timestamp_ms)
            elif isinstance(row, PositionRow):
                self._position(row)
            elif isinstance(row, ReservationRow):
                self._reservation(partition, row, record.timestamp_ms)
            elif isinstance(row, ProgressRow):
                self.progress[partition] = row
            elif isinstance(row, PoolRow):
                self._pool(row)

    def _answer(
        self, partition: int, term: int, repeat: int, outcome: int, sku: str | None, timestamp_ms: int
    ) -> None:
        self.answers += 1
        self.shop_answers += sku in self._shop_skus
        self.answers_in_second[timestamp_ms // _SECOND_MS] += 1
        self.first_answer_ms.setdefault((partition, term), timestamp_ms)
        if repeat == FIRST_ANSWER:
            self.outcomes[outcome] += 1
        elif repeat == REPEATED_ANSWER:
            self.repeats += 1
        else:
            self.outcomes[Outcome.COMMAND_ID_REUSED] += 1

    def _receipt(self, partition: int, row: ReceiptRow, timestamp_ms: int) -> None:
        if not self._is_settled(row.reservation_id, row.command_id, row.repeat):
            self._answer(partition, row.term, row.repeat, row.outcome, row.sku, timestamp_ms)
        if row.outcome == Outcome.REMEMBERED:
            self._remembered.add((row.reservation_id, row.command_id))
        if row.sku == self.sale.sku and row.reservation_id is not None:
            self.sale.feed_receipt(row)

    def _reservation(self, partition: int, row: ReservationRow, timestamp_ms: int) -> None:
        if row.answered >= 0:
            answer = row.answers[row.answered]
            if not self._is_settled(row.reservation_id, answer.command_id, row.repeat):
                self._answer(partition, row.term, row.repeat, answer.outcome, row.sku, timestamp_ms)
        if row.sku == self.sale.sku:
            self.sale.feed_reservation(row)

    @property
    def decisions(self) -> int:
        """Answers of either kind: what workers count in their metrics."""
        return self.answers + self.settled

    def _is_settled(self, reservation_id: str | None, command_id: str, repeat: int) -> bool:
        """Tell, and count, the second answer of a command that waited for its order."""
        if repeat != FIRST_ANSWER or (reservation_id, command_id) not in self._remembered:
            return False
        self._remembered.remove((reservation_id, command_id))
        self.settled += 1
        return True

    def _position(self, row: PositionRow) -> None:
        place = row.sku, row.location
        self.on_hand[place] = row.on_hand
        if row.shortfall:
            self.shortfall_units[place] = row.shortfall
        else:
            self.shortfall_units.pop(place, None)

    def _pool(self, row: PoolRow) -> None:
        if row.sku == self.sale.sku:
            self.sale_available_units = row.unsold

    def answers_between(self, since_ms: int, until_ms: int) -> int:
        """Count the answers of the whole seconds from `since_ms` to `until_ms`, both included."""
        return sum(
            answers
            for second, answers in self.answers_in_second.items()
            if since_ms // _SECOND_MS <= second <= until_ms // _SECOND_MS
        )

    @property
    def answers_per_second_peak(self) -> int:
        """Answers of the busiest second."""
        return max(self.answers_in_second.values(), default=0)
