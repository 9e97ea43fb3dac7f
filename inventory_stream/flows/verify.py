"""The use case "prove that the ledger is right": read it all, recompute, compare with Redis."""

from collections.abc import Callable, Sequence

from inventory_stream.flows.project_paths import Statements
from inventory_stream.flows.project_rows import STATED_PREFIXES
from inventory_stream.flows.verify_partition import PartitionAudit
from inventory_stream.flows.verify_report import Finding, VerifyReport
from inventory_stream.flows.verify_view import ARRIVAL_SECONDS_MAX, ExpectedSku, compare_view, expected_skus
from inventory_stream.ports.ledger_reader import LedgerReader, RowFilterFactory
from inventory_stream.ports.projection import AvailabilityView, Version


async def verify_ledger(
    reader: LedgerReader,
    row_filter: RowFilterFactory,
    partitions: Sequence[int],
    view: AvailabilityView | None = None,
    on_rows: Callable[[int], object] | None = None,
    arrival_seconds_max: float = ARRIVAL_SECONDS_MAX,
) -> VerifyReport:
    """Recompute the invariants of a ledger, up to the ends that it has now; it may be in use.

    One partition after the other, so that memory is that of the largest one.

    Args:
        reader: The ledger topic.
        row_filter: Makes a partition's term filter (P4).
        partitions: Those to read.
        view: Compared with the ledger (I6); None leaves it out.
        on_rows: Called with the number of rows just read.
        arrival_seconds_max: How long a SKU of the view may show less than the ledger.

    Raises:
        CorruptLedgerError: a row that cannot be decoded.
        UnreachableError: Kafka or Redis does not answer.
    """
    ends = {partition: await reader.end_offset(partition) for partition in partitions}
    report = VerifyReport()
    expected: dict[str, ExpectedSku] = {}
    read_to: dict[int, Version] = {}
    for partition, end_offset in ends.items():
        rows = row_filter()
        audit = PartitionAudit(partition, end_offset)
        statements = Statements()
        async for records in reader.read(partition, 0, end_offset):
            live = rows.feed(records)
            audit.feed([(record.offset, record.timestamp) for record in records], live)
            for row in live:
                if row.key.startswith(STATED_PREFIXES):
                    statements.take(row)
            if on_rows is not None:
                on_rows(len(records))
        audit.finish()
        audit.report.fenced_rows = rows.alarms
        report.partitions.append(audit.report)
        report.findings.merge(audit.findings)
        read_to[partition] = Version(rows.generation_ms, end_offset)
        said_of = expected_skus(partition, rows.generation_ms, audit.positions, statements)
        for sku, said in said_of.items():
            other = expected.setdefault(sku, said)
            if other is not said:
                report.findings.add(_in_two_partitions(sku, other, said))
    if view is not None:
        await compare_view(view, expected, read_to, report, arrival_seconds_max)
    return report


def _in_two_partitions(sku: str, one: ExpectedSku, other: ExpectedSku) -> Finding:
    """R30: two owners who both have a SKU would each grant the units that both believe in."""
    return Finding(
        "R30",
        other.partition,
        f"SKU {sku}",
        other.version.offset,
        f"positions in partition {one.partition} alone",
        f"positions in partition {other.partition} too: both could sell the same units",
    )
