"""Every input command is answered in the append that passes it, once for all, or is a dead letter (I3)."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from inventory_stream.ports.inputs import Input
from models.commands import Command, Inspect, RecordOrder, Reserve, type_name
from models.outcomes import Outcome
from models.rows import (
    FIRST_ANSWER,
    ID_REUSED_ANSWER,
    NO_ANSWER,
    REPEATED_ANSWER,
    ProgressRow,
    ReceiptRow,
    ReservationRow,
    receipt_key,
    reservation_key,
)
from tests.simulation.audit_batches import KeyedRow, LiveBatch, Sifted, progress_steps
from tests.simulation.evidence import Evidence, Violation
from tests.simulation.workload import content

ORDERS: Final = (Reserve, RecordOrder)
"""What commands that came too early wait for (R21)."""

Place = tuple[Input, int, int | None]
"""Source, offset, place in the pack; None: the record as a whole."""
Name = tuple[str | None, str]
"""What names a command: its reservation, if it has one, and its id (R27)."""


class Said(NamedTuple):
    """One answer in the log."""

    name: Name
    repeat: int
    outcome: Outcome
    units: int
    at_ms: int
    kind: str
    is_receipt: bool
    has_moved: bool = False
    """Whether it is a receipt that moved units by itself."""

    @property
    def answer(self) -> tuple[Outcome, int, int]:
        """The answer itself: two with the same are the same."""
        return self.outcome, self.units, self.at_ms


class Asked(NamedTuple):
    """One command of the input, None for poison, and where it lies."""

    place: Place
    command: Command | None
    arrival_ms: int


@dataclass
class Decided:
    """A command, its answer and the append that holds it; for the other judges."""

    asked: Asked | None
    """None for an early command's final answer, which no input stands beside."""
    command: Command
    said: Said
    batch: LiveBatch
    row_index: int


class AnswerAudit:
    """Goes through the appends in order; `decided` holds what it matched."""

    def __init__(self, evidence: Evidence, sifted: Sifted) -> None:
        self.violations: list[Violation] = []
        self.decided: list[Decided] = []
        self._evidence = evidence
        self._sifted = sifted
        self._letters: dict[tuple[str, Place], list[tuple[str, int]]] = defaultdict(list)
        for letter in evidence.buried:
            place = letter.source, letter.offset, letter.pack_index
            self._letters[letter.by, place].append((letter.reason, letter.log_end))
        self._bound: dict[Name, tuple[object, tuple[Outcome, int, int]]] = {}
        self._by_receipt: dict[Name, bool] = {}
        self._ever_bound: set[Name] = set()
        self._waiting: dict[Name, tuple[Command, bool]] = {}

    def run(self) -> None:
        """Judge all of it."""
        last = ProgressRow(0, 0, 0, 0, 0, 0, 0, 0)
        for before, batch, progress in progress_steps(self._sifted.live):
            self._check_progress(before, progress, batch)
            self._match(list(self._covered(before, progress)), batch)
            last = progress
        self._check_end(last)
        self._check_acknowledged()

    def _find(self, rule: str, where: object, detail: str) -> None:
        self.violations.append(Violation(rule, str(where), detail))

    # --- progress --------------------------------------------------------------------------------

    def _check_progress(self, before: ProgressRow, after: ProgressRow, batch: LiveBatch) -> None:
        where = f"offset {batch.base}"
        for name in ("stock", "orders"):
            was = getattr(before, f"{name}_next"), getattr(before, f"{name}_done")
            now = getattr(after, f"{name}_next"), getattr(after, f"{name}_done")
            if now < was:
                self._find("I8", where, f"progress of {name} goes back from {was} to {now}")
        if after.now_ms < before.now_ms:
            self._find("R26", where, f"the decisions' time goes back from {before.now_ms} to {after.now_ms}")

    def _covered(self, before: ProgressRow, after: ProgressRow) -> Iterator[Asked]:
        """Give the commands that lie between two progresses, stock-events first (I8)."""
        for source, name in ((Input.STOCK, "stock"), (Input.ORDERS, "orders")):
            first, skip = getattr(before, f"{name}_next"), getattr(before, f"{name}_done")
            last, done = getattr(after, f"{name}_next"), getattr(after, f"{name}_done")
            sent = self._evidence.sent[source]
            if last > len(sent):
                self._find("I8", name, f"progress {last} is beyond the input's end {len(sent)}")
            for record in sent[first : last + 1]:
                until = len(record.commands) if record.offset < last else done
                since = skip if record.offset == first else 0
                if record.offset < last and not record.commands and not record.is_marker:
                    yield Asked((source, record.offset, None), None, record.arrival_ms)
                is_pack = not (record.value or b"").startswith(b"{")
                for index in range(since, until):
                    place = source, record.offset, index if is_pack else None
                    yield Asked(place, record.commands[index], record.arrival_ms)

    def _check_end(self, last: ProgressRow) -> None:
        for source, reached in ((Input.STOCK, last.stock_next), (Input.ORDERS, last.orders_next)):
            wanted = [record for record in self._evidence.sent[source] if not record.is_marker]
            if wanted and wanted[-1].offset >= reached:
                self._find("I3", source.value, f"decided up to {reached}, sent up to {wanted[-1].offset}")

    def _check_acknowledged(self) -> None:
        """Input is let go only below the progress that was durable then."""
        steps = [(batch.base, progress) for _, batch, progress in progress_steps(self._sifted.live)]
        at, reached = 0, {Input.STOCK: 0, Input.ORDERS: 0}
        for done in self._evidence.acknowledged:
            while at < len(steps) and steps[at][0] < done.log_end:
                reached = {Input.STOCK: steps[at][1].stock_next, Input.ORDERS: steps[at][1].orders_next}
                at += 1
            if done.offset > self._unmarked(done.source, reached[done.source]):
                self._find(
                    "step 6",
                    f"{done.by} {done.source.value}",
                    f"acknowledged up to {done.offset}, durable is {reached[done.source]}",
                )

    def _unmarked(self, source: Input, reached: int) -> int:
        """Where progress stands if control records, which no owner sees, are passed."""
        sent = self._evidence.sent[source]
        while reached < len(sent) and sent[reached].is_marker:
            reached += 1
        return reached

    # --- answers ---------------------------------------------------------------------------------

    def _match(self, asked: list[Asked], batch: LiveBatch) -> None:
        said = list(_answers_in(batch.rows))
        at = 0
        # What was given up waiting for is told before the first command (R21).
        while at < len(said) and self._is_given_up(said[at][1]):
            self._take_early(said[at], batch)
            at += 1
        folded = 0
        shown = Counter(
            row.reservation_id
            for _, row in batch.rows
            if isinstance(row, ReservationRow) and row.repeat == NO_ANSWER
        )
        for one in asked:
            if one.command is None:
                self._check_letter(one, batch, "undecidable")
                continue
            if at < len(said) and self._is_answer(said[at][1], one, batch):
                index, answer = said[at]
                at += 1
                folded = self._forget(batch.rows, folded, index)
                self._take(one, answer, batch)
                self.decided.append(Decided(one, one.command, answer, batch, index))
                # An order that binds nothing leaves the others waiting.
                if isinstance(one.command, ORDERS) and answer.outcome.is_final:
                    while at < len(said) and self._waits_for(said[at][1], one.command):
                        folded = self._forget(batch.rows, folded, said[at][0])
                        self._take_early(said[at], batch)
                        at += 1
            elif isinstance(one.command, Inspect) and shown[one.command.reservation_id]:
                shown[one.command.reservation_id] -= 1
            else:
                self._check_letter(one, batch, "without an answer")
        self._forget(batch.rows, folded, len(batch.rows))
        for reservation_id in +shown:
            self._find("I3", f"offset {batch.base}", f"{reservation_id} was shown to nobody who asked")
        for _, answer in said[at:]:
            self._find("I3", f"offset {batch.base}", f"an answer to nobody who asks there: {answer}")

    def _is_answer(self, said: Said, asked: Asked, batch: LiveBatch) -> bool:
        """Whether an answer is this command's, and not one of a later command with the same id.

        What the append's own owner buried it did not answer. Letters of others tell nothing: a former
        owner may have buried, with an older state, what its successor answers.
        """
        command = asked.command
        assert command is not None
        if said.name != _name_of(command):
            return False
        if said.repeat != ID_REUSED_ANSWER and said.kind != type_name(type(command)):
            return False
        reasons = {reason for reason, _ in self._letters[batch.by, asked.place]}
        return reasons <= {Outcome.COMMAND_ID_REUSED.name}

    def _is_given_up(self, said: Said) -> bool:
        """Whether a command that waited is told that its order will not come any more (R21)."""
        if said.name not in self._waiting or said.repeat != FIRST_ANSWER:
            return False
        _, has_moved = self._waiting[said.name]
        unmatched = said.outcome in {Outcome.FULFIL_UNMATCHED, Outcome.RETURN_UNMATCHED}
        return said.is_receipt and (unmatched if has_moved else said.outcome is Outcome.MEMORY_DROPPED)

    def _waits_for(self, said: Said, order: Reserve | RecordOrder) -> bool:
        is_first = said.repeat == FIRST_ANSWER
        return is_first and said.name in self._waiting and said.name[0] == order.reservation_id

    def _take_early(self, found: tuple[int, Said], batch: LiveBatch) -> None:
        """A command that waited has its last word now."""
        index, said = found
        command, _ = self._waiting.pop(said.name)
        if said.outcome.is_final:
            self._bind(said, content(command))
        self.decided.append(Decided(None, command, said, batch, index))

    def _take(self, asked: Asked, said: Said, batch: LiveBatch) -> None:
        command = asked.command
        assert command is not None
        where = f"offset {batch.base}, {said.name}"
        progress = batch.progress
        if said.repeat == ID_REUSED_ANSWER:
            self._check_letter(asked, batch, "COMMAND_ID_REUSED")
            self._take_reuse(where, said, content(command))
        elif said.repeat == REPEATED_ANSWER:
            self._take_repeat(where, said, content(command))
        else:
            if progress is not None and said.at_ms != progress.now_ms:
                self._find("R26", where, f"answered at {said.at_ms} in a batch of {progress.now_ms}")
            self._take_first(where, said, command)

    def _take_reuse(self, where: str, said: Said, wanted: object) -> None:
        bound = self._bound.get(said.name)
        if bound is not None and bound[0] == wanted:
            self._find("I3", where, "a repeat was called another use of its id")
        elif bound is None and said.name not in self._waiting:
            self._find("I3", where, "called another use of an id that nothing binds")

    def _take_repeat(self, where: str, said: Said, wanted: object) -> None:
        if said.name in self._waiting and said.outcome is Outcome.REMEMBERED:
            return
        bound = self._bound.get(said.name)
        if bound is None or bound[0] != wanted:
            self._find("I3", where, f"a repeated answer to what was not asked before: {said}")
        elif bound[1] != said.answer:
            self._find("I3", where, f"first heard {bound[1]}, now {said.answer}")

    def _take_first(self, where: str, said: Said, command: Command) -> None:
        bound = self._bound.get(said.name)
        if said.outcome is Outcome.ALREADY_APPLIED:
            if said.name not in self._ever_bound:
                self._find("I3", where, "said to be applied already, and never was")
        elif said.outcome.is_final:
            if bound is not None:
                self._find("I3", where, f"answered {bound[1]} before, and now anew: {said.answer}")
            self._waiting.pop(said.name, None)
            self._bind(said, content(command))
        elif said.outcome is Outcome.REMEMBERED:
            self._waiting[said.name] = command, said.has_moved
        elif said.is_receipt:
            # Its receipt took the place of the one that waited, which waits no more.
            self._waiting.pop(said.name, None)

    def _bind(self, said: Said, wanted: object) -> None:
        self._bound[said.name] = wanted, said.answer
        self._by_receipt[said.name] = said.is_receipt
        self._ever_bound.add(said.name)

    def _check_letter(self, asked: Asked, batch: LiveBatch, why: str) -> None:
        """A dead letter must be durable before the append that passes it, by whoever passes it."""
        letters = self._letters[batch.by, asked.place]
        if any(log_end <= batch.base for _, log_end in letters):
            if why == "COMMAND_ID_REUSED" and all(reason != why for reason, _ in letters):
                self._find("R27", asked.place, f"buried for {letters}, not for {why}")
            return
        rule = "step 3" if letters else "I3"
        self._find(
            rule, asked.place, f"passed at offset {batch.base}, {why}; letters {letters}: {asked.command}"
        )

    def _forget(self, rows: list[KeyedRow], since: int, until: int) -> int:
        """Past its window an id may be used anew: its row is a tombstone (R29)."""
        for key, row in rows[since:until]:
            if row is not None:
                continue
            for name in list(self._bound):
                if key == (
                    receipt_key(name[1], name[0])
                    if self._by_receipt[name]
                    else reservation_key(name[0] or "")
                ):
                    del self._bound[name]
        return until


def _name_of(command: Command) -> Name:
    return getattr(command, "reservation_id", None), command.id


def _answers_in(rows: list[KeyedRow]) -> Iterator[tuple[int, Said]]:
    """Give the answers in an append, with the index of their row."""
    for index, (_, row) in enumerate(rows):
        if isinstance(row, ReservationRow) and row.answered >= 0:
            answer = row.answers[row.answered]
            name = row.reservation_id, answer.command_id
            outcome = Outcome(answer.outcome)
            yield (
                index,
                Said(name, row.repeat, outcome, answer.units, answer.at_ms, answer.kind, is_receipt=False),
            )
        elif isinstance(row, ReceiptRow):
            name_of_receipt = row.reservation_id, row.command_id
            outcome = Outcome(row.outcome)
            yield (
                index,
                Said(
                    name_of_receipt,
                    row.repeat,
                    outcome,
                    row.units,
                    row.at_ms,
                    row.kind,
                    is_receipt=True,
                    has_moved=bool(row.movements),
                ),
            )
