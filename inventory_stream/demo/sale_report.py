"""What the sale over HTTP adds to the demo's table, and what of it must hold. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from inventory_stream.demo.heard import Comparison
from inventory_stream.demo.latency import p50_p99
from inventory_stream.demo.life_report import Row

DIFFERENCES_NAMED: Final = 10
"""Of answers that the ledger does not have so; the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleResult:
    """What customers heard over HTTP. Seconds of answers: outside the outage, from when each was due."""

    requests: int
    seconds: float
    per_second_peak: int
    decided_seconds: Sequence[float]
    """Of answers that came from the ledger."""

    early_seconds: Sequence[float]
    """Of those that a gateway gave by itself: sold out."""

    not_answered: int
    """Answers 503, each asked again."""

    outage_seconds: float
    """From the first kill until all was back and everybody who waited had an answer."""

    killed_gateway: str
    killed_under_way: int
    gateway_back_seconds: float | None
    unanswered: int
    customer_units_max: int
    customer_units_allowed: int
    compared: Comparison


def sale_faults(sale: SaleResult) -> Iterator[str]:
    """Name everything of it that must hold and does not."""
    differences = sale.compared.differences
    yield from (f"over HTTP: {text}" for text in differences[:DIFFERENCES_NAMED])
    if len(differences) > DIFFERENCES_NAMED:
        yield f"over HTTP: {len(differences) - DIFFERENCES_NAMED:,} differences more"
    if sale.unanswered:
        yield f"over HTTP: {sale.unanswered:,} requests were never answered"
    if sale.gateway_back_seconds is None:
        yield f"over HTTP: {sale.killed_gateway} did not come back after it was killed"
    if sale.customer_units_max > sale.customer_units_allowed:
        yield (
            f"over HTTP: a customer had {sale.customer_units_max:,} units where "
            f"{sale.customer_units_allowed:,} are allowed (R23)"
        )


def sale_rows(sale: SaleResult) -> list[Row]:
    """Give its rows of the table."""
    compared = sale.compared
    rate = sale.requests / sale.seconds if sale.seconds else 0.0
    back = "never" if sale.gateway_back_seconds is None else f"{sale.gateway_back_seconds:.1f} s"
    return [
        (
            "requests over HTTP",
            f"{sale.requests:,}",
            f"{rate:,.0f}/s as customers came, {sale.per_second_peak:,} in the best second; to two gateways",
        ),
        (
            "decided by the ledger, p50 / p99",
            p50_p99(sale.decided_seconds),
            f"{len(sale.decided_seconds):,} answers outside the outage, from when each was due",
        ),
        (
            "sold out, said by a gateway, p50 / p99",
            p50_p99(sale.early_seconds),
            f"{len(sale.early_seconds):,} answers outside the outage",
        ),
        (
            "answers 503",
            f"{sale.not_answered:,}",
            "nobody owned the partition, or a gateway had just started; each asked again with its key",
        ),
        (
            f"kill -9 of {sale.killed_gateway}: requests cut off",
            f"{compared.cut:,}",
            f"{sale.killed_under_way:,} were under way there; it was ready again after {back}",
        ),
        (
            "until everybody had an answer",
            f"{sale.outage_seconds:.1f} s",
            "from the first kill until nobody waited who came before both were back",
        ),
        (
            "asked again, heard the same",
            f"{compared.asked_again_same:,} of {compared.asked_again:,}",
            "requests sent more than once under one key: every decision heard is the ledger's one",
        ),
        (
            "answers 201 that are in the ledger",
            f"{compared.grants_in_ledger:,} of {compared.grants:,}",
            "reservations, by the demo's own reader of the ledger topic",
        ),
        (
            "most units of one customer",
            f"{sale.customer_units_max:,}",
            f"of {sale.customer_units_allowed:,} allowed",
        ),
    ]
