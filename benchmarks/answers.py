"""Reads back what every command of a mixed load was answered, and compares it with a reference model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from benchmarks.ledger_check import LedgerReading, note_outcome, note_row, rows_of
from benchmarks.watch import LedgerWatch
from models.outcomes import Outcome
from models.rows import (
    FIRST_ANSWER,
    REPEATED_ANSWER,
    PositionRow,
    ReceiptRow,
    ReservationRow,
    decode_row,
)

Place = tuple[str, str]
"""SKU and location."""
Source = tuple[tuple[str, int], ...]
"""Where units of a reservation come from, and how many of each."""


@dataclass(frozen=True)
class Expected:
    """What must come of a load: the whole model's answer.

    `outcomes` and `repeats` by the number of an order command (`cmd-000000000`): how it ends, and how often
    it comes again. `facts` stock commands (`fact-000000000`) are applied. `units` has on_hand, reserved and
    allocated of each position. `sources` by the number of a reservation, where they matter.
    """

    outcomes: Sequence[Outcome]
    repeats: Sequence[int]
    facts: int
    units: Mapping[Place, tuple[int, int, int]]
    sources: Mapping[int, Source] | None = None


@dataclass
class Answers:
    """What a ledger answered. `timing` has what throughput figures need."""

    commands: int
    facts: int
    timing: LedgerReading = field(default_factory=lambda: LedgerReading(bytearray(), bytearray()))
    positions: dict[Place, PositionRow] = field(default_factory=dict)
    sources: dict[int, Source] = field(default_factory=dict)
    strangers: int = 0
    changed: int = 0

    def __post_init__(self) -> None:
        self.outcomes = bytearray(self.commands)
        self.firsts = bytearray(self.commands)
        self.repeats = bytearray(self.commands)
        self.fact_outcomes = bytearray(self.facts)

    @property
    def decisions_sha256(self) -> str:
        """Hash of every outcome: equal in every run of one load."""
        return sha256(self.outcomes).hexdigest()

    @property
    def oversold_units(self) -> int:
        """Count units promised beyond what there is, by the positions at the end (I2)."""
        return sum(max(0, -row.uncommitted) for row in self.positions.values())

    def note(self, key: bytes, value: bytes) -> None:
        """Note one row."""
        row = decode_row(key, value)
        if isinstance(row, PositionRow):
            self.positions[row.sku, row.location] = row
        elif isinstance(row, ReceiptRow):
            self._note_answer(row.command_id, row.outcome, row.repeat)
        elif isinstance(row, ReservationRow):
            if row.answered < 0:
                self.strangers += 1  # nothing expires here, and nothing is revoked
                return
            given = row.answers[row.answered]
            self._note_answer(given.command_id, given.outcome, row.repeat)
            if given.kind == "reserve" and row.repeat == FIRST_ANSWER:
                granted = tuple((line.location, line.granted) for line in row.lines)
                self.sources[int(row.reservation_id[-9:])] = granted

    def _note_answer(self, command_id: str, outcome: int, repeat: int) -> None:
        kind, _, digits = command_id.partition("-")
        number = int(digits)
        if kind == "fact" and number < self.facts and not self.fact_outcomes[number]:
            self.fact_outcomes[number] = outcome
        elif kind != "cmd" or number >= self.commands or repeat not in {FIRST_ANSWER, REPEATED_ANSWER}:
            self.strangers += kind != "count"  # those of the opening stock
        elif repeat == FIRST_ANSWER:
            self.firsts[number] = min(255, self.firsts[number] + 1)
            self.outcomes[number] = outcome
        else:
            self.repeats[number] = min(255, self.repeats[number] + 1)
            self.changed += outcome != self.outcomes[number]


async def read_answers(watch: LedgerWatch, expected: Expected) -> Answers:
    """Read a ledger from its beginning to its present end.

    Raises:
        TimeoutError: it cannot be read to its end in time.
    """
    answers = Answers(len(expected.outcomes), expected.facts)
    async for records in rows_of(watch):
        for record in records:
            kind = record.key[:2]
            if kind == b"r/" or record.key.startswith(b"c/fact-"):
                note_outcome(answers.timing, record)
            else:
                note_row(answers.timing, record)
            if kind in {b"r/", b"c/", b"p/"}:
                answers.note(record.key, record.value)
    return answers


def answer_faults(answers: Answers, expected: Expected) -> list[str]:
    """Say what is wrong; empty: every command ended once, as the model says, and the positions agree."""
    wanted = bytes(expected.outcomes)
    counts = {
        "commands have not exactly one outcome": sum(times != 1 for times in answers.firsts),
        "commands have another outcome than the model gives": _different(answers.outcomes, wanted),
        "commands were not answered again as often as they came": _different(
            answers.repeats, bytes(expected.repeats)
        ),
        "repeats were answered otherwise than at first": answers.changed,
        "answers to commands that were not sent": answers.strangers,
        "stock commands were not applied": sum(one != Outcome.APPLIED for one in answers.fact_outcomes),
        "positions differ from the model": sum(
            _units(answers.positions.get(place)) != units for place, units in expected.units.items()
        ),
    }
    if expected.sources is not None:
        counts["reservations come from other places than the model gives"] = sum(
            answers.sources.get(number) != source for number, source in expected.sources.items()
        )
    return [f"{count} {what}" for what, count in counts.items() if count]


def _different(got: bytes | bytearray, wanted: bytes) -> int:
    return sum(one != other for one, other in zip(got, wanted, strict=True))


def _units(row: PositionRow | None) -> tuple[int, int, int] | None:
    return None if row is None else (row.on_hand, row.reserved, row.allocated)
