"""What `ledger verify` found: counts, and the first findings with their place."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, NamedTuple

FINDINGS_SHOWN_MAX: Final = 20
"""Findings kept with their place: enough to see a pattern, short enough to read. All are counted."""


class Finding(NamedTuple):
    """One broken invariant: which, where, what it should be, and what the ledger or Redis says."""

    check: str
    partition: int
    key: str
    offset: int
    expected: str
    found: str


@dataclass
class Findings:
    """Findings, all counted by invariant, the first of them kept."""

    counts: Counter[str] = field(default_factory=Counter)
    first: list[Finding] = field(default_factory=list)

    def add(self, finding: Finding) -> None:
        """Take one more."""
        self.counts[finding.check] += 1
        if len(self.first) < FINDINGS_SHOWN_MAX:
            self.first.append(finding)

    def merge(self, other: "Findings") -> None:
        """Take all of another partition's."""
        self.counts.update(other.counts)
        self.first = (self.first + other.first)[:FINDINGS_SHOWN_MAX]

    def clear(self) -> None:
        """Forget all."""
        self.counts.clear()
        self.first.clear()


@dataclass
class PartitionReport:
    """One partition. What is marked (*) covers the uncompacted part only, from `whole_from_offset` on.

    `oversold_units` are those granted against I2; `shortfall_units` are promised beyond what there
    is at the end, which facts (till sales, recounts, recorded orders) can cause and grants cannot.
    """

    partition: int
    end_offset: int
    rows: int = 0
    positions: int = 0
    reservations: int = 0
    receipts: int = 0
    whole_from_offset: int = 0
    whole_from_ms: int | None = None
    commands: int = 0
    """Commands with a final outcome (*)."""
    repeats: int = 0
    """Answers given again (*)."""
    granted_units: int = 0
    """Units of reservations granted, first time or again after a late confirm (*)."""
    oversold_units: int = 0
    """(*)"""
    shortfall_units: int = 0
    refusals: int = 0
    """Refusals that are left with the sums behind them: each was held against I7."""
    fenced_rows: int = 0
    """Rows that a fenced owner wrote; readers drop them (P4)."""


@dataclass
class VerifyReport:
    """All partitions, in order."""

    partitions: list[PartitionReport] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)
    skus_compared: int | None = None
    """SKUs whose Redis hash was compared (I6); None when not asked."""
    skus_moved_on: int = 0
    """SKUs that changed after the ledger was read: not compared."""

    @property
    def is_sound(self) -> bool:
        """Whether no invariant is broken."""
        return not self.findings.counts
