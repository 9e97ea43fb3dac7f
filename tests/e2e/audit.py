"""Judges a ledger from outside: by its rows and by what was sent, with no code of the decider."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from inventory_stream.adapters.kafka.live_rows import LiveRows, decode_claim
from inventory_stream.ports.ledger_reader import StoredRecord
from models.outcomes import Outcome
from models.rows import (
    CLAIM_PREFIX,
    FIRST_ANSWER,
    ID_REUSED_ANSWER,
    PROGRESS_KEY,
    REPEATED_ANSWER,
    PositionRow,
    ProgressRow,
    ReceiptRow,
    ReservationRow,
    decode_row,
)

if TYPE_CHECKING:
    from inventory_stream.ports.ledger_log import LedgerRecord


class Asked(NamedTuple):
    """What names a command: ids of order commands are unique within their reservation only (R27)."""

    partition: int
    reservation_id: str | None
    command_id: str


class Place(NamedTuple):
    """One position."""

    sku: str
    location: str


@dataclass
class Sent:
    """What was put into the input topics."""

    copies: Counter[Asked] = field(default_factory=Counter)
    """How often each command was sent, in whatever form."""
    reused: Counter[Asked] = field(default_factory=Counter)
    """How often its id was sent with other content."""
    may_bind_nothing: set[Asked] = field(default_factory=set)
    """Facts that may come before what they are about, and are decided anew when they come again (R27)."""
    moves: dict[str, tuple[Place, int]] = field(default_factory=dict)
    """What each stock command does to on_hand, once."""


class Heard(NamedTuple):
    """One answer in the ledger."""

    repeat: int
    outcome: int
    units: int
    at_ms: int

    @property
    def answer(self) -> tuple[Outcome, int, int]:
        """The answer itself: two with the same are the same."""
        return Outcome(self.outcome), self.units, self.at_ms


@dataclass
class Judgement:
    """What the rows say."""

    answers: dict[Asked, list[Heard]] = field(default_factory=lambda: defaultdict(list))
    supply: Counter[Place] = field(default_factory=Counter)
    """Units that stock commands brought, each counted once."""
    held: Counter[Place] = field(default_factory=Counter)
    """Units promised or shipped: reserved + allocated + fulfilled - returned."""
    held_peak: Counter[Place] = field(default_factory=Counter)
    oversold: list[str] = field(default_factory=list)
    """Each moment at which more was held than supplied."""
    granted_units: Counter[str] = field(default_factory=Counter)
    """By SKU; a unit that came back and was granted again counts twice."""
    positions: dict[Place, PositionRow] = field(default_factory=dict)
    reservations: dict[str, ReservationRow] = field(default_factory=dict)

    def outcome(self, asked: Asked) -> Outcome:
        """Give the outcome of a command: its one final answer, or the last that bound nothing."""
        return next(
            Outcome(one.outcome) for one in reversed(self.answers[asked]) if one.repeat == FIRST_ANSWER
        )

    def outcomes(self) -> Counter[Outcome]:
        """Count commands by outcome."""
        return Counter(self.outcome(asked) for asked in self.answers)


class LedgerAudit:
    """Reads the ledger of one cluster; all of it, for nothing is compacted within 6 h (P12)."""

    def __init__(self, partitions: int) -> None:
        self.position = [0] * partitions
        """The next offset to read of each partition."""
        self.claims = [0] * partitions
        """How often each partition was claimed."""
        self.producer_ids: list[set[int]] = [set() for _ in range(partitions)]
        """Under which ids each partition was claimed."""
        self.fenced_ids: list[set[int]] = [set() for _ in range(partitions)]
        """Which ids a later owner fenced (P1)."""
        self.progress: dict[int, ProgressRow] = {}
        self._live: list[list[LedgerRecord]] = [[] for _ in range(partitions)]
        self._rows = [LiveRows() for _ in range(partitions)]

    @property
    def alarms(self) -> int:
        """Rows that fenced owners wrote (P4): with a broker that refuses them there are none."""
        return sum(rows.alarms for rows in self._rows)

    def feed(self, partition: int, records: Sequence[StoredRecord]) -> None:
        """Take the next rows of a partition."""
        for record in records:
            key = record.key or b""
            if not key.startswith(CLAIM_PREFIX):
                continue
            claim = decode_claim(record.offset, record.value or b"")
            if claim.fenced:
                self.fenced_ids[partition].add(claim.producer_id)
            else:
                self.producer_ids[partition].add(claim.producer_id)
                self.claims[partition] += 1
        live = self._rows[partition].feed(records)
        self.take(partition, live)
        self.position[partition] = records[-1].offset + 1
        for row_record in reversed(live):
            if row_record.key == PROGRESS_KEY:
                row = decode_row(row_record.key, row_record.value or b"")
                assert isinstance(row, ProgressRow)
                self.progress[partition] = row
                break

    def take(self, partition: int, live: "Sequence[LedgerRecord]") -> None:
        """Take in what counts of them; keeps all of it, to be judged together."""
        self._live[partition] += live

    def judge(self, moves: Mapping[str, tuple[Place, int]]) -> Judgement:
        """Go through the rows in their order: who was answered what, and was it there."""
        found = Judgement()
        for partition, records in enumerate(self._live):
            for record in records:
                assert record.value is not None, f"a tombstone of {record.key!r} before its window (R29)"
                row = decode_row(record.key, record.value)
                if isinstance(row, ReservationRow):
                    _take_reservation(found, partition, row)
                elif isinstance(row, ReceiptRow):
                    _take_receipt(found, partition, row, moves)
                elif isinstance(row, PositionRow):
                    found.positions[Place(row.sku, row.location)] = row
        return found

    def assert_sound(self, sent: Sent) -> Judgement:
        """Hold the ledger against what was sent; every input record must have been decided."""
        found = self.judge(sent.moves)
        assert self.alarms == 0, f"{self.alarms} rows of owners that the broker should have refused (P4)"
        assert not found.oversold, f"{len(found.oversold)} times, first {found.oversold[:3]}"
        missing = sent.copies.keys() - found.answers.keys()
        assert not missing, f"{len(missing)} commands without an answer, such as {sorted(missing)[:3]}"
        foreign = found.answers.keys() - sent.copies.keys()
        assert not foreign, f"{len(foreign)} answers to nobody, such as {sorted(foreign, key=str)[:3]}"
        for asked, copies in sent.copies.items():
            heard = found.answers[asked]
            assert len(heard) == copies + sent.reused[asked], f"{asked}: sent {copies} times, heard {heard}"
            _assert_one_outcome(asked, heard, may_bind_nothing=asked in sent.may_bind_nothing)
        for place, position in found.positions.items():
            _assert_position(found, place, position)
        return found


def _assert_one_outcome(asked: Asked, heard: Sequence[Heard], *, may_bind_nothing: bool) -> None:
    """One first answer that is final, and the same again for every other copy (I3, R27)."""
    own = [one for one in heard if one.repeat != ID_REUSED_ANSWER]
    if may_bind_nothing:
        while own and not Outcome(own[0].outcome).is_final:
            assert own.pop(0).repeat == FIRST_ANSWER, f"{asked}: {heard}"
        if not own:
            return
    assert Outcome(own[0].outcome).is_final, f"{asked}: {heard}"
    assert own[0].repeat == FIRST_ANSWER, f"{asked}: {heard}"
    assert all(one.repeat == REPEATED_ANSWER for one in own[1:]), f"{asked}: {heard}"
    assert len({one.answer for one in own}) == 1, f"{asked}: different answers {heard}"


def _assert_position(found: Judgement, place: Place, position: PositionRow) -> None:
    """The position's own row agrees with the commands and with the reservations."""
    lines = [
        line for row in found.reservations.values() for line in row.lines if (row.sku, line.location) == place
    ]
    shipped = sum(line.fulfilled - line.returned for line in lines)
    assert position.on_hand == found.supply[place] - shipped, f"{place}: {position}"
    assert position.reserved == sum(line.reserved for line in lines), f"{place}: {position}"
    assert position.allocated == sum(line.allocated for line in lines), f"{place}: {position}"


def hold(found: Judgement, row: ReservationRow) -> None:
    """Count what a reservation holds now instead of before, and weigh it."""
    before = found.reservations.get(row.reservation_id)
    for line in before.lines if before else ():
        found.held[Place(row.sku, line.location)] -= _held(line)
    found.reservations[row.reservation_id] = row
    for line in row.lines:
        found.held[Place(row.sku, line.location)] += _held(line)
        _weigh(found, Place(row.sku, line.location), row.reservation_id)


def _take_reservation(found: Judgement, partition: int, row: ReservationRow) -> None:
    hold(found, row)
    if row.answered < 0:
        return
    answer = row.answers[row.answered]
    asked = Asked(partition, row.reservation_id, answer.command_id)
    found.answers[asked].append(Heard(row.repeat, answer.outcome, answer.units, answer.at_ms))
    is_grant = answer.outcome in {Outcome.GRANTED, Outcome.PARTIALLY_GRANTED}
    if row.repeat == FIRST_ANSWER and is_grant:
        found.granted_units[row.sku] += answer.units


def _take_receipt(
    found: Judgement, partition: int, row: ReceiptRow, moves: Mapping[str, tuple[Place, int]]
) -> None:
    asked = Asked(partition, row.reservation_id, row.command_id)
    found.answers[asked].append(Heard(row.repeat, row.outcome, row.units, row.at_ms))
    if row.repeat == FIRST_ANSWER and row.outcome == Outcome.APPLIED and row.command_id in moves:
        place, units = moves[row.command_id]
        found.supply[place] += units  # a fact: it may leave less than was promised, which oversells nothing


def _held(line: object) -> int:
    reserved, allocated, fulfilled, returned = (
        getattr(line, name) for name in ("reserved", "allocated", "fulfilled", "returned")
    )
    return int(reserved + allocated + fulfilled - returned)


def _weigh(found: Judgement, place: Place, by: str) -> None:
    held = found.held[place]
    found.held_peak[place] = max(found.held_peak[place], held)
    if held > found.supply[place]:
        found.oversold.append(f"{place}: {held} held of {found.supply[place]} after {by}")
