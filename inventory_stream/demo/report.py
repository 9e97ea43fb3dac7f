"""What the demo found: the table at its end, and what of it must hold. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.table import Table
from rich.text import Text

from inventory_stream.demo.channels_report import ChannelsResult, channels_faults, channels_rows
from inventory_stream.demo.latency import p50_p99
from inventory_stream.demo.life_report import LifeResult, Row, life_faults, life_rows
from inventory_stream.demo.sale_report import SaleResult, sale_faults, sale_rows
from inventory_stream.flows.verify_report import VerifyReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Everything measured. Times in seconds."""

    sent: int
    """Commands that the demo itself sent."""

    decided: int
    """Answers in the ledger topic, those to gateways' commands included."""

    decided_for_gateways: int
    repeats: int
    dead_letters: int
    decided_in_history: int
    history_seconds: float
    history_redis_seconds: float
    """From the last decision of the history until Redis was fresh."""

    history_real: int
    history_generated: int
    history_positions_wrong: int
    """Positions whose on_hand differs from what the history itself adds up to."""

    life: LifeResult
    """What the life of orders found."""

    sale: SaleResult
    """What the sale's customers heard."""

    channels: ChannelsResult
    """What the channels showed."""

    decided_in_sale: int
    sale_seconds: float
    decided_per_second_peak: int
    sale_stock_units: int
    sale_wanted_units: int
    sale_sold_units: int
    sale_granted_units: int
    sale_returned_units: int
    sale_promised_peak_units: int
    sale_oversold_units: int
    sale_unexplained_units: int
    repeats_same: int
    repeats_different: int
    answered_twice: int
    latency_seconds: Sequence[float]
    """Of probes that no worker was away for."""

    latency_outage_seconds: Sequence[float]
    """Of probes under way between the kill and the first decision after it."""

    probes_unseen: int
    killed_worker: str
    recovery_seconds: float | None
    """From the kill to the first decision of the next owner; None: there was none."""

    shortfall_units: int
    shortfall_skus: int
    stale_rows: int
    workers_down: Sequence[str]
    workers_ended: Sequence[str]
    """Ends of workers that nobody asked for, in words."""

    verified: VerifyReport
    """What `ledger verify` found, Redis comparison included."""

    @property
    def oversold_units(self) -> int:
        """Units oversold on any SKU, by whichever of the two audits finds more."""
        by_verify = sum(partition.oversold_units for partition in self.verified.partitions)
        return max(self.sale_oversold_units, by_verify)


def broken(result: Result) -> list[str]:
    """Name everything that must hold and does not."""
    by_kafka = result.decided - result.decided_for_gateways
    checks = (
        (result.oversold_units, f"{result.oversold_units:,} units oversold (I2)"),
        (
            result.sent - result.dead_letters - by_kafka,
            f"{result.sent:,} commands, {by_kafka:,} answers, {result.dead_letters:,} dead letters",
        ),
        (
            result.sale_unexplained_units,
            f"{result.sale_unexplained_units:,} units of the sale are neither held, sold nor given back",
        ),
        (result.answered_twice, f"{result.answered_twice:,} commands were decided twice (I3)"),
        (result.repeats_different, f"{result.repeats_different:,} repeats got another answer (I3)"),
        (result.dead_letters, f"{result.dead_letters:,} dead letters from well-formed commands"),
        (
            result.history_positions_wrong,
            f"{result.history_positions_wrong:,} positions hold other units than the till history adds up to",
        ),
        (result.probes_unseen, f"{result.probes_unseen:,} probes never showed in Redis"),
        (result.recovery_seconds is None, f"nobody decided for {result.killed_worker} after it was killed"),
        (result.workers_down, f"workers that need a hand: {', '.join(result.workers_down)}"),
    )
    found = [
        f"ledger verify, {finding.check}: {finding.key} at offset {finding.offset} of partition "
        f"{finding.partition}: expected {finding.expected}, found {finding.found}"
        for finding in result.verified.findings.first
    ]
    return [text for is_broken, text in checks if is_broken] + [
        *life_faults(result.life),
        *sale_faults(result.sale),
        *channels_faults(result.channels),
        *found,
    ]


def table(result: Result) -> Table:
    """Give the final table."""
    sheet = Table(box=box.SIMPLE_HEAD, title="What happened", title_justify="left", show_header=False)
    sheet.add_column()
    sheet.add_column(justify="right")
    sheet.add_column(style="dim")
    for row in _rows(result):
        sheet.add_row(*row)
    return sheet


def _rows(result: Result) -> list[Row]:
    oversold = result.oversold_units
    verified = result.verified
    redis = f"{result.history_redis_seconds:.1f} s later"
    rows = sum(partition.rows for partition in verified.partitions)
    return [
        (
            "till history",
            f"{result.history_real + result.history_generated:,}",
            f"{result.history_real:,} real till sales; {result.history_generated:,} generated commands",
        ),
        ("commands sent by Kafka", f"{result.sent:,}", "by the demo itself, repeats included"),
        (
            "decisions",
            f"{result.decided:,}",
            f"by the ledger topic: one for each, {result.decided_for_gateways:,} for gateways and channels",
        ),
        (
            "decisions/s, till history",
            f"{_rate(result.decided_in_history, result.history_seconds):,.0f}",
            f"in the best second {result.decided_per_second_peak:,}; Redis fresh {redis}",
        ),
        (
            "decisions/s, flash sale",
            f"{_rate(result.decided_in_sale, result.sale_seconds):,.0f}",
            "as fast as its customers came, not as the ledger could",
        ),
        (
            "command to Redis, p50 / p99",
            p50_p99(result.latency_seconds),
            f"{len(result.latency_seconds):,} probes during the sale, from their intended start",
        ),
        (
            "the same while the worker was down",
            p50_p99(result.latency_outage_seconds),
            f"{len(result.latency_outage_seconds):,} probes, half of them on its partitions",
        ),
        (
            f"recovery after kill -9 of {result.killed_worker}",
            "never" if result.recovery_seconds is None else f"{result.recovery_seconds:.1f} s",
            "from the kill to the next owner's first decision on the sale's partition",
        ),
        ("", "", ""),
        *life_rows(result.life),
        ("", "", ""),
        *sale_rows(result.sale),
        ("sale: units wanted", f"{result.sale_wanted_units:,}", f"of a stock of {result.sale_stock_units:,}"),
        (
            "sale: units granted",
            f"{result.sale_granted_units:,}",
            f"{result.sale_returned_units:,} of them came back: not paid for, or put back",
        ),
        ("sale: units sold", f"{result.sale_sold_units:,}", f"of {result.sale_stock_units:,}"),
        (
            "sale: most units promised at once",
            f"{result.sale_promised_peak_units:,}",
            f"of {result.sale_stock_units:,}",
        ),
        (
            Text("units oversold", "bold"),
            Text(f"{oversold:,}", "bold green" if not oversold else "bold red"),
            "must be 0: counted by the demo in the sale, by ledger verify on every SKU",
        ),
        (
            "repeats that reached the ledger",
            f"{result.repeats_same:,} of {result.repeats_same + result.repeats_different:,}",
            "the same command again got its first answer again (in the sale)",
        ),
        ("", "", ""),
        *channels_rows(result.channels),
        ("", "", ""),
        ("dead letters", f"{result.dead_letters:,}", "commands that no ledger could decide"),
        ("", "", ""),
        (
            "shortfall from till sales",
            f"{result.shortfall_units:,} units",
            f"on {result.shortfall_skus:,} SKUs: shops sold more than the generated stock; facts",
        ),
        (
            "ledger verify",
            "sound" if verified.is_sound else f"{verified.findings.counts.total():,} findings",
            f"{rows:,} rows read, {verified.skus_compared or 0:,} SKUs compared with Redis",
        ),
        ("rows of fenced workers", f"{result.stale_rows:,}", "dropped by every reader"),
        (
            "workers that ended unasked",
            f"{len(result.workers_ended)}",
            ", ".join(sorted(set(result.workers_ended))) or "besides those that were killed",
        ),
    ]


def _rate(count: int, seconds: float) -> float:
    return count / seconds if seconds > 0 else 0.0
