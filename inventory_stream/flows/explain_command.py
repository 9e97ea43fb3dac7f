"""The use case "what was this command answered": every row that names it."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from inventory_stream.flows.explain_steps import Step, step_of_answer, step_of_receipt
from inventory_stream.flows.explain_walk import LedgerWalk, Period, Reach
from inventory_stream.flows.ledger_rows import decoded
from inventory_stream.ledger.identity import id_hash
from inventory_stream.ports.ledger_log import LedgerRecord
from models.ids import encode_id
from models.rows import FIRST_ANSWER, ReceiptRow, ReservationRow

STEPS_MAX: Final = 2_000
"""Steps kept, the newest. A command is decided once; each repeat is one more. About 1 kB each."""

NAMED_BY_HASH_MAX: Final = 20
"""Reservations kept whose row has only a hash of the id: enough to look at, and two are a rarity."""

TOLD_MAX: Final = 100_000
"""Reservations remembered as told, about 10 MB. Ids such as "try-1" may be in each reservation; past
this many, an answer may be told once more from a later row."""


@dataclass(slots=True)
class CommandStory:
    """Everything that the log still says of a command id.

    It may be several commands: an order command's id is unique within its reservation, any other's
    within its partition (R27). `only_hashed` names reservations that had the command so long ago
    that only a hash of its id is left: its outcome is forgotten.
    """

    command_id: str
    reaches: list[Reach] = field(default_factory=list)
    steps: deque[Step] = field(default_factory=lambda: deque(maxlen=STEPS_MAX))
    steps_left_out: int = 0
    only_hashed: dict[str, int] = field(default_factory=dict)
    """Reservation id -> its partition."""

    @property
    def is_found(self) -> bool:
        """Whether any row names it."""
        return bool(self.steps or self.only_hashed)


async def explain_command(
    walk: LedgerWalk, partitions: Sequence[int], command_id: str, period: Period | None = None
) -> CommandStory:
    """Read all the partitions; tell each row that answers the command within `period`.

    Raises:
        CorruptLedgerError: a row that cannot be decoded.
        UnreachableError: Kafka does not answer.
    """
    story = CommandStory(command_id)
    for partition in partitions:
        reach = Reach(partition)
        story.reaches.append(reach)
        teller = _Teller(story, reach, period or Period())
        async for record in walk.rows(reach):
            teller.take(record)
    return story


class _Teller:
    def __init__(self, story: CommandStory, reach: Reach, period: Period) -> None:
        self._story = story
        self._partition = reach.partition
        self._period = period
        self._id = story.command_id
        self._id_bytes = story.command_id.encode()
        self._id_hash = id_hash(story.command_id)
        self._receipt_end = b"/" + encode_id(story.command_id).encode()
        # Of each reservation that was told: its id, so that a later row of it tells no step again.
        self._told: set[str] = set()

    def take(self, record: LedgerRecord) -> None:
        """Take the next row of the partition, whatever it is about."""
        value = record.value
        if value is None:
            return
        if record.key.startswith(b"c/"):
            if record.key.endswith(self._receipt_end):
                receipt = decoded(record)
                if isinstance(receipt, ReceiptRow) and receipt.command_id == self._id:
                    self._add(step_of_receipt(self._partition, record, receipt))
        elif record.key.startswith(b"r/") and (self._id_bytes in value or self._id_hash in value):
            row = decoded(record)
            if isinstance(row, ReservationRow):
                self._take_reservation(record, row)

    def _take_reservation(self, record: LedgerRecord, row: ReservationRow) -> None:
        for index, answer in enumerate(row.answers):
            if answer.command_id != self._id:
                continue
            if index == row.answered:
                self._add(step_of_answer(self._partition, record, row, answer, row.repeat))
            elif row.reservation_id not in self._told:
                self._add(step_of_answer(self._partition, None, row, answer, FIRST_ANSWER))
            if len(self._told) >= TOLD_MAX:
                self._told.clear()
            self._told.add(row.reservation_id)
            return
        hashes = (row.older[at : at + 8] for at in range(0, len(row.older), 8))
        is_new = row.reservation_id not in self._told and len(self._story.only_hashed) < NAMED_BY_HASH_MAX
        if is_new and self._id_hash in hashes:
            self._story.only_hashed[row.reservation_id] = self._partition

    def _add(self, step: Step) -> None:
        if not self._period.holds(step.at_ms if step.at_ms is not None else step.decided_ms):
            return
        self._story.steps_left_out += len(self._story.steps) == STEPS_MAX
        self._story.steps.append(step)
