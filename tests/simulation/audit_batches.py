"""Which appends count: those of the owner whose claim is the newest before them (P1, P4, P6)."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from models.rows import (
    ALIVE_KEY,
    CLAIM_PREFIX,
    PROGRESS_KEY,
    TERM_HEADER,
    ClaimRow,
    ProgressRow,
    Row,
    decode_row,
)
from tests.simulation.evidence import Evidence, LogBatch, StoredRow, Violation

KeyedRow = tuple[bytes, Row | None]
"""Key and row; None is a tombstone."""


@dataclass
class LiveBatch:
    """An append that counts, taken apart."""

    base: int
    at_ms: int
    term: int
    by: str
    progress: ProgressRow | None
    """None for an append of @alive alone."""
    rows: list[KeyedRow] = field(default_factory=list)
    """Decisions: what lies between repairs and progress."""
    stored: list[tuple[bytes, bytes | None]] = field(default_factory=list)
    """Those rows as they lie there, with @progress as the last."""


@dataclass
class Sifted:
    """The log of one run, sifted."""

    live: list[LiveBatch] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    void_rows: int = 0


def sift(evidence: Evidence) -> Sifted:
    """Tell what counts from what does not, and judge who wrote it."""
    return _Sifter(evidence).sift()


class _Sifter:
    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._found = Sifted()
        self._term = -1
        self._newest: dict[bytes, bytes | None] = {}
        self._voided: set[bytes] = set()
        self._is_first = False
        self._claimer = ""
        self._due: frozenset[bytes] = frozenset()
        self._last: list[tuple[bytes, bytes | None]] = []

    def sift(self) -> Sifted:
        for batch in self._evidence.batches:
            if batch.rows[0].key.startswith(CLAIM_PREFIX):
                self._take_claim(batch)
            else:
                self._take(batch)
        self._check_compacted()
        return self._found

    def _find(self, rule: str, where: object, detail: str) -> None:
        self._found.violations.append(Violation(rule, f"offset {where}", detail))

    def _take_claim(self, batch: LogBatch) -> None:
        (record,) = batch.rows
        row = decode_row(record.key, record.value or b"")
        assert isinstance(row, ClaimRow)
        if not row.fenced:
            self._term = record.offset
            self._is_first = True
            self._claimer = batch.by
        if batch.by == self._claimer:
            # What comes after its last control row it does not read; who claims next will (P1, P4).
            self._due = frozenset(self._voided)

    def _take(self, batch: LogBatch) -> None:
        terms = {_term_of(record) for record in batch.rows}
        if len(terms) != 1:
            self._find("P4", batch.base, f"one append names the terms {sorted(terms)}")
            return
        (term,) = terms
        if term > self._term:
            self._find("P4", batch.base, f"names term {term}, but the newest claim lies at {self._term}")
            return
        if term < self._term:
            self._take_void(batch, term)
            return
        if self._is_doubled(batch):
            return
        live = LiveBatch(batch.base, batch.at_ms, term, batch.by, None)
        self._found.live.append(live)
        records = [record for record in batch.rows if record.key != ALIVE_KEY]
        if not records:
            return
        records = self._without_repairs(records) if self._is_first else records
        self._is_first = False
        if not records or records[-1].key != PROGRESS_KEY:
            self._find("P6", batch.base, "an append of decisions does not end with @progress")
        for record in records:
            self._newest[record.key] = record.value
            self._voided.discard(record.key)
            row = None if record.value is None else decode_row(record.key, record.value)
            live.stored.append((record.key, record.value))
            if isinstance(row, ProgressRow):
                if live.progress is not None:
                    self._find("P6", record.offset, "an append holds two @progress")
                live.progress = row
            else:
                live.rows.append((record.key, row))

    def _is_doubled(self, batch: LogBatch) -> bool:
        """Whether it is the append before it once more: the answer was lost, and so was the broker's memory.

        Nothing changes by it, the same rows count as before; whoever wrote it ends by P5. What a fenced
        owner wrote of these keys in between is rewritten by it, as far as compaction goes (P4).
        """
        content = [(record.key, record.value) for record in batch.rows]
        before, self._last = self._last, content
        forgot = any(end <= batch.base for end in self._evidence.forgot_at)
        is_doubled = forgot and content == before
        if is_doubled:
            self._voided -= {record.key for record in batch.rows}
        return is_doubled

    def _take_void(self, batch: LogBatch, term: int) -> None:
        """A fenced owner wrote: only before its successor read the log, or where the broker forgot it."""
        self._found.void_rows += len(batch.rows)
        self._voided |= {record.key for record in batch.rows if record.key != ALIVE_KEY}
        forgot = any(end <= batch.base for end in self._evidence.forgot_at)
        if not self._is_first and not forgot:
            self._find("P1", batch.base, f"{batch.by} wrote under term {term} after {self._term} had begun")

    def _without_repairs(self, records: list[StoredRow]) -> list[StoredRow]:
        """Take away what a new owner rewrites first: all keys that a fenced one wrote last (P4)."""
        due = sorted(key for key in self._due if key != PROGRESS_KEY)
        for key, record in zip(due, records, strict=False):
            if record.key != key:
                self._find("P4", record.offset, f"{key!r} was written by a fenced owner and not rewritten")
                return records
            known = self._newest.get(key)
            if _without_term(key, known) != _without_term(key, record.value):
                self._find("P4", record.offset, f"{key!r} was rewritten with another content")
            self._newest[key] = record.value
            self._voided.discard(key)
        if len(records) < len(due):
            self._find("P4", records[0].offset, f"{due} were to be rewritten")
        return records[len(due) :]

    def _check_compacted(self) -> None:
        """After the last take-over, the newest row of each key is one that counts (P4)."""
        kept = {record.key: record.value for record in self._evidence.rows}
        for key, value in kept.items():
            if key.startswith(b"@"):
                continue
            if self._newest.get(key) != value:
                self._find("P4", "end", f"compaction would keep a fenced owner's {key!r}")


def _term_of(record: StoredRow) -> int:
    if record.value is None:
        return int(dict(record.headers)[TERM_HEADER])
    return decode_row(record.key, record.value).term


def _without_term(key: bytes, value: bytes | None) -> object:
    if value is None:
        return None
    row = decode_row(key, value)
    row.term = 0
    return row


def progress_steps(live: list[LiveBatch]) -> Iterator[tuple[ProgressRow, LiveBatch, ProgressRow]]:
    """Give each append of decisions with the progress before it and its own."""
    before = ProgressRow(0, 0, 0, 0, 0, 0, 0, 0)
    for batch in live:
        if batch.progress is not None:
            yield before, batch, batch.progress
            before = batch.progress
