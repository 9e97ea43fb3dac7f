"""What a run leaves behind for its judges: the log, what was sent, what was buried and acknowledged."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from inventory_stream.ports.inputs import Input
from models.commands import Command


class StoredRow(NamedTuple):
    """A record of the ledger as it lies in the log; a `ports.ledger_reader.StoredRecord`."""

    offset: int
    timestamp: int
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True)
class LogBatch:
    """One append that the broker took: its rows lie at `base` and after. `at_ms` is their record time."""

    base: int
    rows: tuple[StoredRow, ...]
    producer_id: int
    epoch: int
    at_ms: int
    by: str


@dataclass(frozen=True)
class Sent:
    """An input record. `commands` has None in the place of each that is poison; empty: all of it is.

    `is_marker`: a control record, an offset without any command.
    """

    source: Input
    offset: int
    arrival_ms: int
    value: bytes | None
    commands: tuple[Command | None, ...]
    is_marker: bool = False


class Buried(NamedTuple):
    """A dead letter of the process `by`; `log_end` is where the ledger ended when it became durable."""

    source: Input
    offset: int
    pack_index: int | None
    reason: str
    log_end: int
    by: str


class Acknowledged(NamedTuple):
    """An owner let go of the input below `offset` when the ledger ended at `log_end`."""

    source: Input
    offset: int
    log_end: int
    by: str


class Crossed(NamedTuple):
    """The broker took an append of `by` for a repeat of the one at `base`, which somebody else wrote."""

    base: int
    by: str


@dataclass
class Evidence:
    """All of it. Times are ms since the Unix epoch, by the clock that each field names."""

    batches: list[LogBatch] = field(default_factory=list)
    sent: dict[Input, list[Sent]] = field(default_factory=lambda: {source: [] for source in Input})
    buried: list[Buried] = field(default_factory=list)
    acknowledged: list[Acknowledged] = field(default_factory=list)
    forgot_at: list[int] = field(default_factory=list)
    """Ends of the log at which the broker lost its producers' state."""
    crossed: list[Crossed] = field(default_factory=list)
    revokes: bool = True
    """Whether the rules revoke on a shortfall (R11)."""
    ended_ms: int = 0
    """The brokers' time when the run ended, after all input was decided and all clocks had moved on."""

    @property
    def rows(self) -> Sequence[StoredRow]:
        """All rows of the log, in order."""
        return [row for batch in self.batches for row in batch.rows]


class Violation(NamedTuple):
    """A broken promise: its number in semantics.md or protocol.md, where, and the figures."""

    rule: str
    where: str
    detail: str
