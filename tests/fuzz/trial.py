"""One partition under fire: every input gets a named outcome or a reason, and nothing else is hurt."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from inventory_stream.ledger.batch import Sealed
from inventory_stream.ledger.decide import DecodedRecord, decide_batch
from inventory_stream.ledger.invariants import assert_sound
from inventory_stream.ledger.rules import Rules
from inventory_stream.ledger.state import PartitionState, StateLoader, row_of
from models import commands as c
from models.codec import ORDER_DECODER, STOCK_DECODER
from models.ids import partition_of
from models.outcomes import Outcome
from models.rows import NO_ANSWER, PROGRESS_KEY, ReceiptRow, ReservationRow, Row, decode_row
from tests.fuzz.hostile import (
    GOOD_SKU,
    KINDS,
    PARTITION,
    PARTITIONS,
    RARE,
    RARE_EVERY,
    SKUS,
    Drawing,
    Kind,
)
from tests.fuzz.reasons import family_of
from tests.unit.ledger.scripts import PLACES, answers_in
from tests.unit.ledger.table import NOON, TERM

RULES: Final = Rules(
    receipts_max=400,
    ended_reservations_max=100,
    ended_documents_max=50,
    early_max=50,
    movements_max=200,
    receipt_window_ms=600_000,
    return_window_ms=600_000,
    early_window_ms=300_000,
)
"""Small windows, so that all of them are passed all the time and a trial stays small."""
RECORDS_PER_BATCH: Final = 40
INPUTS_PER_PARTITION: Final = 10_000
"""Then a new partition begins: hostile SKUs make positions, which nothing ever takes away."""

Told = Counter[tuple[str, str]]
"""How often each kind of input ended in each way: an outcome's name, or `letter: <reason>`."""


@dataclass
class Entry:
    """One record that was sent: its kind, and its commands as decoded."""

    kind: str
    record: DecodedRecord
    poison: list[str] = field(default_factory=list)


class Trial:
    """A partition, what was sent to it, and what must be true of it."""

    def __init__(self, seed: int) -> None:
        self.told: Told = Counter()
        self.inputs = 0
        self._random = Random(seed)
        self._state = PartitionState(PARTITION, PARTITIONS, RULES)
        StateLoader(self._state).finish(TERM)
        self._rows: dict[bytes, bytes | None] = {}
        self._now_ms = NOON
        self._offsets = {True: 0, False: 0}
        self._drawings = {is_stock: Drawing(self._random, is_stock, NOON) for is_stock in (True, False)}
        self._good = 0
        opening = [c.Adjust(f"open-{sku}-{at}", sku, at, 50, NOON) for sku in SKUS for at in PLACES]
        group = c.SetLocationGroup("open-G", "G", PLACES)
        first = self._placed(self._entry("opening", [*opening, group]), is_stock=True)
        self._decide([first], [])

    def run(self, inputs: int) -> None:
        """Send so many inputs; commands of a pack count each, a record that is no pack counts once."""
        goal = self.inputs + inputs
        while self.inputs < goal:
            self._batch()
        self._check_state()

    def _batch(self) -> None:
        self._now_ms += self._random.choice((0, 1, 500, 3_000))
        for drawing in self._drawings.values():
            drawing.now_ms = self._now_ms
        sides = {}
        for is_stock in (True, False):
            entries = [self._hostile(is_stock) for _ in range(RECORDS_PER_BATCH // 2)]
            entries.insert(self._random.randrange(len(entries)), self._good_one(is_stock))
            sides[is_stock] = [self._placed(entry, is_stock=is_stock) for entry in entries]
        self._decide(sides[True], sides[False])
        position = self._state.skus[GOOD_SKU]["L1"]
        assert (position.on_hand, position.reserved) == (self._good, 0), "a good command was lost or doubled"

    def _hostile(self, is_stock: bool) -> Entry:  # noqa: FBT001  # which topic
        kind = self._kind()
        value = kind(self._drawings[is_stock])
        commands, poison = (STOCK_DECODER if is_stock else ORDER_DECODER).decode(value)
        whole = [one for one in poison if one.pack_index is None]
        assert len(whole) <= 1
        assert not (whole and commands), "a record is refused as a whole, or command by command"
        refused = {one.pack_index for one in poison if one.pack_index is not None}
        assert len(refused) == len(poison) - len(whole), "one reason for each"
        assert refused == {at for at, command in enumerate(commands) if command is None}
        self.inputs += max(1, len(commands))
        return Entry(
            kind.__name__, DecodedRecord(0, self._arrival_ms(), commands), [one.reason for one in poison]
        )

    def _kind(self) -> Kind:
        if not self._random.randrange(RARE_EVERY):
            return self._random.choice(RARE)
        return self._random.choices(_KINDS, cum_weights=_WEIGHTS)[0]

    def _arrival_ms(self) -> int:
        return self._now_ms + self._random.choice((-20_000, -500, 0, 0, 0, 1_000))

    def _good_one(self, is_stock: bool) -> Entry:  # noqa: FBT001  # which topic
        """One unit comes in by stock-events, and is reserved and given back by order-events."""
        name = f"good-{self._offsets[is_stock]}"
        if is_stock:
            self._good += 1
            return self._entry("good", [c.Adjust(name, GOOD_SKU, "L1", 1, self._now_ms)])
        reserve = c.Reserve(name, name, GOOD_SKU, self._good, 60, location="L1")
        return self._entry("good", [reserve, c.Release(f"{name}-", name, GOOD_SKU)])

    def _entry(self, kind: str, commands: Sequence[c.Command]) -> Entry:
        self.inputs += len(commands)
        return Entry(kind, DecodedRecord(0, self._now_ms, commands))

    def _placed(self, entry: Entry, *, is_stock: bool) -> Entry:
        entry.record = entry.record._replace(offset=self._offsets[is_stock])
        self._offsets[is_stock] += 1
        return entry

    def _decide(self, stock: list[Entry], orders: list[Entry]) -> None:
        sealed = list(
            decide_batch(
                self._state,
                [entry.record for entry in stock],
                [entry.record for entry in orders],
                self._now_ms,
            )
        )
        for one in sealed:
            for key, value in one.rows:
                if value is not None:
                    decode_row(key, value)
                self._rows[key] = value
        self._tell(sealed, {"stock": stock, "orders": orders})

    def _tell(self, sealed: list[Sealed], entries: dict[str, list[Entry]]) -> None:
        """Give each input its end; each command must have exactly one."""
        heard = iter([said for one in sealed for row in one.rows for said in _said_in(row)])
        impossible = {
            (one.source, one.offset, one.pack_index): one.reason
            for batch in sealed
            for one in batch.refused
            if one.reason != Outcome.COMMAND_ID_REUSED.name
        }
        for source, sent in entries.items():
            for entry in sent:
                for reason in entry.poison:
                    self._end(entry.kind, f"letter: {family_of(reason)}")
                for at, command in enumerate(entry.record.commands):
                    if command is None:
                        continue
                    reason = impossible.pop((source, entry.record.offset, at), "")
                    if reason:
                        self._end(entry.kind, f"letter: {family_of(reason)}")
                        continue
                    self._end(entry.kind, _answer_to(command, heard).name)
        assert not impossible, "a letter about nothing"

    def _end(self, kind: str, how: str) -> None:
        if kind == "good":
            assert how in {"APPLIED", "GRANTED", "RELEASED"}, f"a good command ended in {how}"
        self.told[kind, how] += 1

    def _check_state(self) -> None:
        """I1 to I5 of the state, and of what a recovery finds in the rows (I8); no SKU but ours (R30)."""
        assert_sound(self._state)
        strangers = [sku for sku in self._state.skus if partition_of(sku, PARTITIONS) != PARTITION]
        assert not strangers, f"positions of another partition: {strangers}"
        recovered = PartitionState(PARTITION, PARTITIONS, RULES)
        loader = StateLoader(recovered)
        for key, value in self._rows.items():
            loader.load(key, None if value is None else decode_row(key, value))
        loader.finish(TERM)
        assert_sound(recovered)
        for key in self._rows:
            if key != PROGRESS_KEY:
                assert _kept(self._state, key) == _kept(recovered, key), key


def _kept(state: PartitionState, key: bytes) -> Row | None:
    """Give what a state keeps under a key. Which answer a row gives is of that row alone."""
    value = row_of(state, key)
    row = None if value is None else decode_row(key, value)
    if isinstance(row, ReceiptRow):
        row.repeat = 0
    return row


def _said_in(row: tuple[bytes, bytes | None]) -> list[tuple[str, Outcome]]:
    """Give what callers hear in a row; one that was only shown is heard under its reservation's id."""
    key, value = row
    if value is not None and key.startswith(b"r/"):
        shown = decode_row(key, value)
        if isinstance(shown, ReservationRow) and shown.repeat == NO_ANSWER:
            return [(shown.reservation_id, Outcome.INSPECTED)]
    return answers_in([row])


def _answer_to(command: c.Command, heard: Iterator[tuple[str, Outcome]]) -> Outcome:
    """Find a command's answer in what callers hear; what lies between had waited, or waited in vain (R21)."""
    for said, outcome in heard:
        is_shown = outcome is Outcome.INSPECTED
        if said == (getattr(command, "reservation_id", None) if is_shown else command.id):
            return outcome
    raise AssertionError(f"no answer to {command}")


_KINDS: Final = tuple(KINDS)
_WEIGHTS: Final = tuple(sum(list(KINDS.values())[: at + 1]) for at in range(len(KINDS)))


def fire(inputs: int, seed: int) -> Iterator[Trial]:
    """Run trials of one partition each, until so many inputs were sent."""
    sent = 0
    while sent < inputs:
        trial = Trial(seed)
        trial.run(min(INPUTS_PER_PARTITION, inputs - sent))
        sent += trial.inputs
        seed += 1
        yield trial
