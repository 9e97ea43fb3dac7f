"""What the life of orders adds to the demo's table, and what of it must hold. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from rich.text import Text

from models.outcomes import Outcome

DIFFERENCES_NAMED: Final = 10
"""Of what differs from the demo's own count; the rest is counted."""

Row = tuple[str | Text, str | Text, str]
Outcomes = Mapping[tuple[str, Outcome], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeResult:
    """What the act found. `outcomes`: commands by type and final outcome."""

    orders: int
    skus: int
    stores: int
    commands: int
    positions: int
    outcomes: Outcomes
    early_settled: int
    recounts: int
    late_movements: int
    """Movements that were told after a count that had seen them."""

    short_units: int
    exceptions: Mapping[str, int]
    """What the topic `exceptions` told, by kind."""

    exceptions_expected: Mapping[str, int]
    decisions: int
    """Since the workers started, by the ledger topic."""

    decisions_by_metrics: int | None
    """The same by their /metrics; None: one of them was started again, and with it its counters."""

    differences: tuple[str, ...]
    """From the demo's own count: answers, positions, Redis."""

    hints: tuple[str, ...]
    """Commands that show something of it, for who looks around afterwards."""


def life_faults(life: LifeResult) -> Iterator[str]:
    """Name everything of the act that must hold and does not."""
    yield from (f"life of orders: {text}" for text in life.differences[:DIFFERENCES_NAMED])
    if len(life.differences) > DIFFERENCES_NAMED:
        yield f"life of orders: {len(life.differences) - DIFFERENCES_NAMED:,} differences more"
    if life.exceptions != life.exceptions_expected:
        yield (
            f"life of orders: exceptions expected {_kinds(life.exceptions_expected)}, told "
            f"{_kinds(life.exceptions)}"
        )
    if life.decisions_by_metrics not in (None, life.decisions):
        yield f"{life.decisions_by_metrics:,} decisions by /metrics, {life.decisions:,} in the ledger topic"


def life_rows(life: LifeResult) -> list[Row]:
    """Give the rows of the table."""

    def count(*outcomes: Outcome, of: str | None = None) -> int:
        return sum(
            number
            for (kind, outcome), number in life.outcomes.items()
            if outcome in outcomes and of in (None, kind)
        )

    late, refused = count(Outcome.CONFIRMED_LATE), count(Outcome.RESERVATION_EXPIRED)
    recorded, short = count(Outcome.RECORDED), count(Outcome.RECORDED_SHORT)
    stale = count(Outcome.STALE_SYNC)
    confirmed, shipped = count(Outcome.CONFIRMED), count(Outcome.FULFILLED)
    back, twice = count(Outcome.RETURNED), count(Outcome.RETURN_UNMATCHED)
    return [
        (
            "life of orders (generated)",
            f"{life.orders:,}",
            f"on {life.skus:,} SKUs of {life.stores:,} stores of the till data; {life.commands:,} commands",
        ),
        ("confirmed / shipped", f"{confirmed:,} / {shipped:,}", "paid in time; left the building"),
        (
            "cancelled / released",
            f"{count(Outcome.CANCELLED):,} / {count(Outcome.RELEASED):,}",
            "before it was shipped; before it was paid",
        ),
        (
            "returned",
            f"{back:,}",
            f"to any store, some damaged; {twice:,} booked twice, and told",
        ),
        (
            "late confirms: had / refused",
            f"{late:,} / {refused:,}",
            "after the deadline: still free, or sold on and to be refunded (R17)",
        ),
        (
            "came before their order",
            f"{life.early_settled:,}",
            "payments, shipments, cancels: remembered, then settled with it (R21)",
        ),
        (
            "moved / edited",
            f"{count(Outcome.REROUTED):,} / {count(Outcome.UNITS_SET):,}",
            "to another store; to other units (R19)",
        ),
        (
            "marketplace orders",
            f"{recorded + short:,}",
            f"never refused; {short:,} left a shortfall of {life.short_units:,} units, reported apart (R20)",
        ),
        (
            "recounts",
            f"{life.recounts:,}",
            f"{life.late_movements:,} sales told late, {stale:,} counts too old, 1 net of orders (R8, R9)",
        ),
        (
            "transfer and deliveries",
            f"{count(Outcome.TRANSFER_PLANNED):,} + 2",
            f"{count(Outcome.RECEIVED_SHORT):,} received short, and told (R12, R13)",
        ),
        ("exceptions told", f"{sum(life.exceptions.values()):,}", _kinds(life.exceptions)),
        (
            Text("differences from the demo's own count", "bold"),
            Text(f"{len(life.differences):,}", "bold red" if life.differences else "bold green"),
            f"must be 0: every answer, {life.positions:,} positions, and Redis",
        ),
        (
            "decisions by /metrics",
            "-" if life.decisions_by_metrics is None else f"{life.decisions_by_metrics:,}",
            "a worker was started again, its counters too"
            if life.decisions_by_metrics is None
            else f"until here; the ledger topic has {life.decisions:,}",
        ),
    ]


def _kinds(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {kind}" for kind, number in sorted(Counter(kinds).items())) or "none"
