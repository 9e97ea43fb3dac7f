"""The use case "what happened to this reservation": each command, its outcome, and why."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from inventory_stream.flows.explain_revoked import RevokedBy
from inventory_stream.flows.explain_steps import Step, step_of_answer, step_of_receipt
from inventory_stream.flows.explain_walk import LedgerWalk, Period, Reach
from inventory_stream.flows.explain_words import units, utc
from inventory_stream.flows.ledger_rows import decoded
from inventory_stream.ledger.claims import waiting_of
from inventory_stream.ports.ledger_log import LedgerRecord
from models.ids import encode_id
from models.outcomes import Outcome
from models.rows import FIRST_ANSWER, ReceiptRow, ReservationRow, reservation_key

STEPS_MAX: Final = 2_000
"""Steps kept of one reservation, the newest: twice the commands that it may have (R27), as repeats
come on top. About 1 kB each."""


_REMEMBERED: Final = Outcome.REMEMBERED.name
_REUSED: Final = Outcome.COMMAND_ID_REUSED.name


@dataclass(slots=True)
class ReservationStory:
    """Everything that the log still says of a reservation. `row` is its newest, None: deleted or unknown."""

    reservation_id: str
    reaches: list[Reach] = field(default_factory=list)
    partition: int | None = None
    row: ReservationRow | None = None
    steps: deque[Step] = field(default_factory=lambda: deque(maxlen=STEPS_MAX))
    steps_left_out: int = 0

    @property
    def is_found(self) -> bool:
        """Whether any row names it."""
        return self.partition is not None

    @property
    def waiting(self) -> int:
        """How many commands told here came before their order and wait for it (R21)."""
        newest = {step.command_id: step.outcome for step in self.steps if step.outcome != _REUSED}
        return sum(outcome == _REMEMBERED for outcome in newest.values())


async def explain_reservation(
    walk: LedgerWalk, partitions: Sequence[int], reservation_id: str, period: Period | None = None
) -> ReservationStory:
    """Read partitions in the order given until one knows the reservation; tell its steps within `period`.

    Memory: the steps (`STEPS_MAX`); nothing of other reservations.

    Raises:
        CorruptLedgerError: a row that cannot be decoded.
        UnreachableError: Kafka does not answer.
    """
    story = ReservationStory(reservation_id)
    for partition in partitions:
        reach = Reach(partition)
        story.reaches.append(reach)
        teller = _Teller(story, reach, period or Period())
        async for record in walk.rows(reach):
            teller.take(record)
        teller.finish()
        if story.is_found:
            break
    return story


class _Teller:
    """Turns the rows of one partition into steps."""

    def __init__(self, story: ReservationStory, reach: Reach, period: Period) -> None:
        self._story = story
        self._reach = reach
        self._period = period
        self._key = reservation_key(story.reservation_id)
        self._receipts = f"c/{encode_id(story.reservation_id)}/".encode()
        self._told: set[str] = set()
        self._revoked_by = RevokedBy()

    def take(self, record: LedgerRecord) -> None:
        """Take the next row of the partition, whatever it is about."""
        if record.key == self._key:
            row = decoded(record)
            self._take_row(record, row if isinstance(row, ReservationRow) else None)
        elif record.key.startswith(self._receipts):
            receipt = decoded(record)
            if isinstance(receipt, ReceiptRow):
                self._story.partition = self._reach.partition
                self._add(step_of_receipt(self._reach.partition, record, receipt))
        else:
            self._revoked_by.take(record)

    def finish(self) -> None:
        """Say of each revocation which fact it followed, now that the whole batch was read."""
        steps = self._story.steps
        for at, step in enumerate(steps):
            if step.partition == self._reach.partition and step.offset is not None:
                cause = self._revoked_by.cause_at(step.offset)
                if cause is not None:
                    steps[at] = _with_cause(step, cause)

    def _take_row(self, record: LedgerRecord, row: ReservationRow | None) -> None:
        story, partition = self._story, self._reach.partition
        before, story.row = story.row, row
        story.partition = partition
        if row is None:
            self._told.clear()
            text = "its row was deleted: nothing was left to happen and its window has passed (R29)"
            self._add(_own_step(partition, record, "deleted", story.reservation_id, 0, text))
            return
        self._revoked_by.watch(row)
        answered = row.answers[row.answered] if 0 <= row.answered < len(row.answers) else None
        for answer in row.answers:
            if answer is answered:
                self._add(step_of_answer(partition, record, row, answer, row.repeat))
            elif answer.command_id not in self._told:
                self._add(step_of_answer(partition, None, row, answer, FIRST_ANSWER))
            self._told.add(answer.command_id)
        if answered is None:
            self._take_own_act(record, before, row)

    def _take_own_act(self, record: LedgerRecord, before: ReservationRow | None, row: ReservationRow) -> None:
        """The owner acted by itself: a deadline passed, a fact left too little, goods came (R11, R18)."""
        known = {line.location: line for line in before.lines} if before is not None else {}
        for line in row.lines:
            old = known.get(line.location)
            expired = line.expired - (old.expired if old else 0)
            revoked = line.revoked - (old.revoked if old else 0)
            for what, moved, why in (
                ("expired", expired, f"the deadline {utc(row.deadline_ms)} passed without a confirm"),
                ("revoked", revoked, "a fact left less there than was promised, and the youngest give way"),
            ):
                if moved <= 0:
                    continue
                text = f"{units(moved)} at {line.location} are no longer held: {why}"
                self._add(_own_step(self._reach.partition, record, what, row.reservation_id, moved, text))
                if what == "revoked":
                    self._revoked_by.ask(record.offset, row.sku, line.location, line.version)
            filled = waiting_of(old) - waiting_of(line) - max(0, expired) if old is not None else 0
            if filled > 0:
                text = (
                    f"{units(filled)} at {line.location} wait no more: goods came, and nobody waited longer"
                )
                self._add(
                    _own_step(self._reach.partition, record, "filled", row.reservation_id, filled, text)
                )

    def _add(self, step: Step) -> None:
        if step.at_ms is not None and not self._period.holds(step.at_ms):
            return
        if step.at_ms is None and not self._period.holds(step.decided_ms):
            return
        steps = self._story.steps
        self._story.steps_left_out += len(steps) == STEPS_MAX
        steps.append(step)


def _own_step(
    partition: int, record: LedgerRecord, what: str, reservation_id: str, moved: int, text: str
) -> Step:
    """Tell what the owner did by itself; such a row has no decision time but its own."""
    return Step(
        partition=partition,
        offset=record.offset,
        at_ms=record.timestamp_ms,
        what=what,
        command_id=None,
        reservation_id=reservation_id,
        outcome=None,
        is_repeat=False,
        decided_ms=record.timestamp_ms,
        units=moved,
        text=text,
    )


def _with_cause(step: Step, cause: str) -> Step:
    return replace(step, text=f"{step.text}. {cause}")
