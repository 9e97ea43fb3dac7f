"""Replays the changes of one position between two of its rows (I2, I4, I5)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import NamedTuple

from inventory_stream.flows.verify_report import Finding, Findings
from models.rows import PositionRow


class Change(NamedTuple):
    """One step of a position's version, as a reservation or receipt row tells it.

    `on_hand` is the position's after the step as the row says, None where it does not say.
    `unavailable` and `safety_stock` are absolute, None where the step does not set them.
    `granted_units` are those that I2 speaks of; `is_hard`: they may take safety stock (R19), or come from
    a pool or fence, of which the step does not say what it had (R3).
    """

    version: int
    key: bytes
    offset: int
    on_hand_delta: int = 0
    on_hand: int | None = None
    reserved_delta: int = 0
    allocated_delta: int = 0
    unavailable: int | None = None
    safety_stock: int | None = None
    granted_units: int = 0
    is_hard: bool = False


@dataclass(slots=True)
class PositionAudit:
    """One position: its newest row, sums over what refers to it, and the changes since that row."""

    key: bytes
    row: PositionRow | None = None
    offset: int = -1
    timestamp_ms: int = 0
    reserved: int = 0
    """Sum over reservation lines (I1)."""
    allocated: int = 0
    """Sum over reservation lines and planned transfers (I1)."""
    in_transit: int = 0
    """Sum over transfers to it (R12)."""
    fenced: int = 0
    """Sum over its pools and fences (I1)."""
    waiting: int = 0
    """Sum over reservation lines of units that wait for goods (R24)."""
    backordered: int = 0
    """Units that its limit of backorders says wait (R24)."""
    is_claimed: bool = False
    """Whether a pool, fence or backorder changed since its last row: no row names that version."""
    moved: int = 0
    """Sum over receipts and reservation lines (I4)."""
    stretch: int = -1
    """The unbroken stretch of offsets that `pending` belongs to."""
    is_known: bool = False
    """Whether `row` is the position's state at the start of `pending`."""
    pending: list[Change] = field(default_factory=list)


class Replayed(NamedTuple):
    """What a replay counted."""

    granted_units: int
    oversold_units: int


def replay(
    partition: int, audit: PositionAudit, new: PositionRow, offset: int, findings: Findings
) -> Replayed:
    """Walk from the position's last row to its new one, change by change, in order of version.

    Rows of one batch may lie in another order than their changes were made (a revocation's row
    lies before that of the fact that caused it); versions tell the order.

    A return of unsellable units raises `unavailable` without its row saying so: between that
    return and the next position row a grant is judged by the lower number, in the grant's favour.
    Where a pool, fence or backorder changed as well, no row names that change's version, nor when
    `fenced` changed: grants are then held against what there is physically alone.
    """
    old = audit.row
    key = audit.key.decode()
    before = old.version if old is not None else 0
    on_hand = old.on_hand if old is not None else 0
    reserved = old.reserved if old is not None else 0
    allocated = old.allocated if old is not None else 0
    unavailable = old.unavailable if old is not None else 0
    safety_stock = old.safety_stock if old is not None else 0
    fenced = old.fenced if old is not None else 0

    changes = sorted(audit.pending, key=attrgetter("version"))
    _check_versions(partition, audit, offset, before, new.version, changes, findings)
    granted = oversold = 0
    for change in changes:
        on_hand += change.on_hand_delta
        reserved += change.reserved_delta
        allocated += change.allocated_delta
        if change.unavailable is not None:
            unavailable = change.unavailable
        if change.safety_stock is not None:
            safety_stock = change.safety_stock
        if change.on_hand is not None and change.on_hand != on_hand:
            where = f"{change.key.decode()} on {key} version {change.version}"
            findings.add(
                Finding("I4", partition, where, change.offset, f"on_hand {on_hand}", f"{change.on_hand}")
            )
            on_hand = change.on_hand
        if change.granted_units:
            granted += change.granted_units
            uncommitted = on_hand - unavailable - reserved - allocated
            offered = uncommitted
            if not (change.is_hard or audit.is_claimed):
                offered = min(uncommitted, uncommitted - safety_stock - fenced)
            if offered < 0:
                oversold += min(change.granted_units, -offered)
                findings.add(
                    Finding(
                        "I2",
                        partition,
                        f"{change.key.decode()} on {key} version {change.version}",
                        change.offset,
                        f"a grant of {change.granted_units} leaves at least 0",
                        f"it leaves {offered}",
                    )
                )
    for check, name, expected, found in (
        ("I4", "on_hand", on_hand, new.on_hand),
        ("I1", "reserved", reserved, new.reserved),
        ("I1", "allocated", allocated, new.allocated),
    ):
        if expected != found:
            findings.add(
                Finding(check, partition, key, offset, f"{name} {expected} by the rows before", str(found))
            )
    return Replayed(granted, oversold)


def _check_versions(
    partition: int,
    audit: PositionAudit,
    offset: int,
    before: int,
    after: int,
    changes: Sequence[Change],
    findings: Findings,
) -> None:
    """I5: the rows name each version after the last row's, up to the new row's, exactly once."""
    if audit.is_claimed:
        return
    key = audit.key.decode()
    expected = before + 1
    for change in changes:
        if change.version == expected:
            expected += 1
            continue
        where = f"{change.key.decode()} on {key}"
        findings.add(
            Finding("I5", partition, where, change.offset, f"version {expected}", str(change.version))
        )
        expected = max(expected, change.version + 1)
    if expected != after + 1:
        findings.add(
            Finding("I5", partition, key, offset, f"version {expected - 1} by the rows before", str(after))
        )
