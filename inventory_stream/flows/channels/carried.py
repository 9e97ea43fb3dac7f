"""Whose a reservation is that orders carry: of the first line of an order that came with its id.

The id comes through the shopper's browser. So nobody can say who carries it by right, but it can be said
that one line does and no other: that line is the reservation, in all that is told of it. What was decided
is kept in `channel-outcomes` by the account's owner before the ledger hears of it.
"""

from collections.abc import Callable, Collection
from typing import Final

import structlog

from models.channels import CarriedRow
from models.reservation_ids import sku_of

log = structlog.get_logger(__name__)

CARRIED_MAX: Final = 100_000
"""Notes of one account: the orders of a large sale, 40 MB. Of a line whose note went sooner the next telling
that carries the id binds it again; what repeats no id is then about a line of its own that nobody knows."""
CARRIED_MS: Final = 100 * 86_400_000
"""Notes end 100 days after their line was last heard of: the ledger knows what was shipped for as long."""
RENEWED_MS: Final = 86_400_000
"""A note is written again when its line is heard of a day later: a row a day, whatever a channel repeats."""

Keep = Callable[[str, CarriedRow | None], None]


class Carried:
    """The reservations that lines of one account's orders carry.

    Args:
        keep: Has the row of a reservation kept; None takes it out.
        now_ms: The time.
        most: Notes, of which the oldest go first.
    """

    def __init__(self, keep: Keep, now_ms: Callable[[], int], most: int = CARRIED_MAX) -> None:
        self._keep = keep
        self._now_ms = now_ms
        self._most = most
        self._rows: dict[str, CarriedRow] = {}
        """By reservation id; after `begin` the oldest first."""
        self._lines: dict[tuple[str, str], str] = {}
        """By order and line: the reservation id."""
        self._is_full_told = False
        self._was_asked = False

    # --- from the rows of a former owner ---------------------------------------------------------

    def known(self, reservation_id: str, row: CarriedRow | None) -> None:
        """Take a kept row; of one reservation the last one counts."""
        self._forget(reservation_id)
        if row is not None:
            self._note(reservation_id, row)

    def begin(self) -> None:
        """Put the notes in the order of their age, and let go of what is too old."""
        ordered = sorted(self._rows.items(), key=lambda item: item[1].at_ms)
        self._rows.clear()
        self._rows.update(ordered)
        self._let_go()

    def succeed(self, former: "Carried") -> None:
        """Go on with the notes of one that is taken up anew; a delivery that it has begun adds to them."""
        self._rows, self._lines = former._rows, former._lines  # noqa: SLF001  # of one class

    # --- while it runs ---------------------------------------------------------------------------

    def of_line(self, order_id: str, line_id: str, carried: str | None, skus: Collection[str]) -> str | None:
        """Give the reservation that a line is; None: one of its own.

        Args:
            order_id: The order.
            line_id: Its line.
            carried: What this telling of the line carries, if anything.
            skus: What the line may be of; what is carried counts only if its id tells one of these.
        """
        found = self._lines.get((order_id, line_id))
        if found is None:
            if carried is None or carried in self._rows or sku_of(carried) not in skus:
                return None
            found = carried
        self._was_asked = True
        now_ms = self._now_ms()
        row = self._rows.get(found)
        if row is None or now_ms - row.at_ms >= RENEWED_MS:
            self._forget(found)
            self._note(found, CarriedRow(order_id, line_id, now_ms))
            self._keep(found, self._rows[found])
            self._let_go()
        return found

    def take_asked(self) -> bool:
        """Say whether a line was found to be a reservation since the last call."""
        was_asked, self._was_asked = self._was_asked, False
        return was_asked

    def _note(self, reservation_id: str, row: CarriedRow) -> None:
        self._rows[reservation_id] = row
        self._lines[row.order_id, row.line_id] = reservation_id

    def _forget(self, reservation_id: str) -> None:
        row = self._rows.pop(reservation_id, None)
        if row is not None:
            self._lines.pop((row.order_id, row.line_id), None)

    def _let_go(self) -> None:
        too_old_ms = self._now_ms() - CARRIED_MS
        while self._rows:
            oldest = next(iter(self._rows))
            is_too_old = self._rows[oldest].at_ms < too_old_ms
            if not is_too_old and len(self._rows) <= self._most:
                return
            if not is_too_old and not self._is_full_told:
                self._is_full_told = True
                log.warning("channel_reservation_notes_full", most=self._most)
            self._forget(oldest)
            self._keep(oldest, None)
