"""Where the outside asks the ledger something and hears what was decided."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from inventory_stream.errors import RetryableError
from inventory_stream.ports.projection import Version
from models.commands import Command
from models.outcomes import Outcome
from models.rows import Breakdown, ReceiptRow, ReservationRow


class NotAnsweredError(RetryableError):
    """No answer came in time. The command may yet be decided: sent again, it hears the one answer."""


class DeskClosedError(RetryableError):
    """Nothing was sent: the desk has not read the ledger to its end yet, or too many wait already."""


class Decision(NamedTuple):
    """What became of one command, as its ledger row tells it.

    `units` were moved, `at_ms` is the decision's `now` (R26). `row` is the reservation after the decision,
    or the receipt of a command that has no reservation. `version` is that of the SKU's newest position row
    that came with the answer, of a repeat the SKU's newest; None where nothing moved. `is_repeat`: it was
    decided before and is heard again (R27).
    """

    outcome: Outcome
    units: int
    at_ms: int
    breakdown: Breakdown | None
    row: ReservationRow | ReceiptRow
    version: Version | None
    is_repeat: bool


class Desk(Protocol):
    """Asks the ledger and waits for its answer."""

    async def ask(self, command: Command, within_seconds: float) -> Decision:
        """Send a command and give what was decided.

        A command without a SKU goes to every partition: the first refusal among the answers is given, else
        any of them. A Reserve without `answer_by` is given one shortly before the end of the wait, so that
        nothing is held for who was told that no answer came (R15). Of an Inspect the row is the answer,
        INSPECTED its outcome, or UNKNOWN_RESERVATION.

        Args:
            command: Its id tells repeats apart: the same id and content hears the same answer (R27). It must
                be one that the ledger can decide, as what cannot be is a dead letter and never answered.
            within_seconds: How long to wait.

        Raises:
            NotAnsweredError: no answer within the time.
            DeskClosedError: nothing was sent.
        """

    async def ask_all(self, commands: Sequence[Command], within_seconds: float) -> Sequence[Decision | None]:
        """Ask many at once; give each decision in the order asked, None where none came in time.

        Raises:
            DeskClosedError: nothing was sent.
        """
