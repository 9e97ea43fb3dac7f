"""The answers about the SKU on sale, counted from the ledger's topic alone. Pure."""

from collections import Counter
from typing import Final, NamedTuple

from models.outcomes import Outcome
from models.rows import FIRST_ANSWER, ID_REUSED_ANSWER, ReceiptRow, ReservationRow

_GRANTS: Final = frozenset({Outcome.GRANTED, Outcome.PARTIALLY_GRANTED, Outcome.CONFIRMED_LATE})


class _Answered(NamedTuple):
    """One answer about the SKU on sale."""

    reservation_id: str
    command_id: str
    kind: str
    outcome: Outcome
    units: int
    is_repeat: bool


class Held(NamedTuple):
    """Units of one reservation, or of all: on hold, sold (allocated or shipped), and given back."""

    reserved: int
    sold: int
    given_back: int

    @property
    def promised(self) -> int:
        """Units that nobody else may get."""
        return self.reserved + self.sold


NOTHING_HELD: Final = Held(0, 0, 0)


class SaleTally:
    """The answers about one SKU, and how many units were promised at once.

    Args:
        sku: The SKU on sale; nothing else is looked at.
        stock_units: What there is to sell.
    """

    def __init__(self, sku: str, stock_units: int) -> None:
        self.sku = sku
        self.stock_units = stock_units
        self.answers = 0
        self.outcomes: Counter[Outcome] = Counter()
        """First answers only."""
        self.repeats_same = 0
        self.repeats_different = 0
        self.answered_twice = 0
        """Commands with two first answers: decided twice. Must stay 0 (I3)."""
        self.held = NOTHING_HELD
        self.promised_peak_units = 0
        self.granted_units = 0
        """Of all grants, late confirms too: a unit that came back and was granted again counts twice."""
        self.decided: dict[tuple[str, str], tuple[Outcome, int]] = {}
        """By reservation and kind of command: the first answer that binds, and its units."""
        self.customer_units_max = 0
        """Most units that one customer ever had promised at once."""
        self._by_reservation: dict[str, Held] = {}
        self._by_customer: Counter[str] = Counter()
        self._first: dict[tuple[str, str], Outcome] = {}

    @property
    def unexplained_units(self) -> int:
        """Units granted that are neither held nor sold nor given back. Must be 0: none appears or is lost."""
        return self.granted_units - self.held.promised - self.held.given_back

    @property
    def oversold_units(self) -> int:
        """Units promised at some moment beyond the stock. Must stay 0 (I2)."""
        return max(0, self.promised_peak_units - self.stock_units)

    def feed_reservation(self, row: ReservationRow) -> None:
        """Count a row of the SKU's reservation, and the answer that it gives."""
        self._hold(row)
        if row.answered < 0:
            return
        answer = row.answers[row.answered]
        outcome = Outcome.COMMAND_ID_REUSED if row.repeat == ID_REUSED_ANSWER else Outcome(answer.outcome)
        is_repeat = row.repeat != FIRST_ANSWER
        self._count(
            _Answered(row.reservation_id, answer.command_id, answer.kind, outcome, answer.units, is_repeat)
        )

    def feed_receipt(self, row: ReceiptRow) -> None:
        """Count the receipt of a command about the SKU."""
        outcome = Outcome.COMMAND_ID_REUSED if row.repeat == ID_REUSED_ANSWER else Outcome(row.outcome)
        is_repeat = row.repeat != FIRST_ANSWER
        self._count(
            _Answered(row.reservation_id or "", row.command_id, row.kind, outcome, row.units, is_repeat)
        )

    def _count(self, answered: _Answered) -> None:
        self.answers += 1
        key = answered.reservation_id, answered.command_id
        first = self._first.get(key)
        if answered.is_repeat:
            if first is answered.outcome:
                self.repeats_same += 1
            else:
                self.repeats_different += 1
            return
        self.outcomes[answered.outcome] += 1
        if not answered.outcome.is_final:
            return  # it binds nothing: the same command may be decided later (TOO_LATE)
        if first is not None:
            self.answered_twice += 1
        self._first[key] = answered.outcome
        self.decided.setdefault((answered.reservation_id, answered.kind), (answered.outcome, answered.units))
        if answered.outcome in _GRANTS:
            self.granted_units += answered.units

    def _hold(self, row: ReservationRow) -> None:
        before = self._by_reservation.get(row.reservation_id, NOTHING_HELD)
        after = Held(
            sum(line.reserved for line in row.lines),
            sum(line.allocated + line.fulfilled for line in row.lines),
            sum(line.released + line.expired + line.cancelled + line.revoked for line in row.lines),
        )
        self._by_reservation[row.reservation_id] = after
        total = self.held
        self.held = Held(
            total.reserved + after.reserved - before.reserved,
            total.sold + after.sold - before.sold,
            total.given_back + max(0, after.given_back - before.given_back),
        )
        self.promised_peak_units = max(self.promised_peak_units, self.held.promised)
        if row.customer is not None:
            self._by_customer[row.customer] += after.promised - before.promised
            self.customer_units_max = max(self.customer_units_max, self._by_customer[row.customer])
