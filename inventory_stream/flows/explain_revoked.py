"""Which fact made the owner take reserved units back (R11)?

A revocation's row does not name its cause. The cause is the movement of the same position with the
greatest version below the revocation's: a fact takes its own version first and revokes right after.
Its row may lie behind the revocation's, as the rows of a batch are in the order of their writing.
"""

from dataclasses import dataclass

from inventory_stream.flows.explain_words import utc
from inventory_stream.flows.ledger_rows import decoded
from inventory_stream.ports.ledger_log import LedgerRecord
from models.rows import Movement, ReceiptRow, ReservationRow


@dataclass(slots=True)
class _Question:
    """One revocation, and the best answer so far; `version` is the revocation's."""

    offset: int
    sku: str
    location: str
    version: int
    cause_version: int = -1
    cause: str | None = None


class RevokedBy:
    """Feed it the rows of a partition; it remembers the newest movement of each watched position.

    Memory: the positions of one reservation and its revocations, a few hundred at most.
    """

    def __init__(self) -> None:
        self._sku: str | None = None
        self._sku_bytes = b""
        self._newest: dict[str, tuple[int, str]] = {}
        self._questions: list[_Question] = []

    def watch(self, row: ReservationRow) -> None:
        """From here on, remember what moves the positions of this reservation."""
        self._sku, self._sku_bytes = row.sku, row.sku.encode()
        for line in row.lines:
            self._newest.setdefault(line.location, (-1, ""))

    def ask(self, offset: int, sku: str, location: str, version: int) -> None:
        """Ask for the cause of a revocation, told by its row's offset."""
        question = _Question(offset, sku, location, version)
        known_version, known = self._newest.get(location, (-1, ""))
        if 0 <= known_version < version:
            question.cause_version, question.cause = known_version, known
        self._questions.append(question)

    def take(self, record: LedgerRecord) -> None:
        """Take any row of the partition."""
        if self._sku is None or record.value is None or self._sku_bytes not in record.value:
            return
        if not record.key.startswith((b"c/", b"r/")):
            return
        row = decoded(record)
        if isinstance(row, ReceiptRow) and row.sku == self._sku:
            for movement in row.movements:
                self._note(movement, f"{row.kind} {row.command_id}")
        elif isinstance(row, ReservationRow) and row.sku == self._sku and row.answered >= 0:
            answer = row.answers[row.answered]
            order = row.paid_order_id or row.order_id
            name = f"{answer.kind} {answer.command_id} of {row.reservation_id}"
            for movement in answer.movements:
                self._note(movement, f"{name} (order {order})" if order else name)

    def cause_at(self, offset: int) -> str | None:
        """Say what a revocation followed; None where the offset is none, or nothing is left that tells."""
        causes = [one.cause for one in self._questions if one.offset == offset and one.cause]
        return f"It followed {', and '.join(causes)}" if causes else None

    def _note(self, movement: Movement, name: str) -> None:
        if movement.location not in self._newest:
            return
        said = (
            f"{name}: on_hand {movement.delta:+d} to {movement.on_hand}, "
            f"in effect since {utc(movement.effective_at_ms)}"
        )
        if movement.version > self._newest[movement.location][0]:
            self._newest[movement.location] = movement.version, said
        for question in self._questions:
            if (
                question.location == movement.location
                and question.cause_version < movement.version < question.version
            ):
                question.cause_version, question.cause = movement.version, said
