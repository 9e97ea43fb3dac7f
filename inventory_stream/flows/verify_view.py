"""I6: at rest, Redis shows what the ledger says (R5, R25)."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from inventory_stream.flows.project_paths import Statements
from inventory_stream.flows.verify_positions import PositionAudit
from inventory_stream.flows.verify_report import Finding, VerifyReport
from inventory_stream.ledger.shown import shown as shown_of
from inventory_stream.ports.projection import AvailabilityView, SkuAvailability, Version

if TYPE_CHECKING:
    from models.rows import PositionRow

# How long a SKU that shows an older version may take to arrive: the projection writes within
# milliseconds, a rebuild of a million SKUs takes under a minute.
ARRIVAL_SECONDS_MAX: Final = 60.0
_ARRIVAL_POLL_SECONDS: Final = 0.2

# SKUs of one round trip: 1,000 hashes of a few hundred bytes.
_READ_SKUS_MAX: Final = 1_000


class ExpectedSku:
    """What the ledger says of one SKU."""

    __slots__ = ("at_ms", "partition", "paths_offset", "rows", "shown", "version")

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.rows: list[PositionRow] = []
        self.shown = shown_of(())
        self.version = Version(0, -1)
        self.paths_offset = -1
        self.at_ms = 0

    @property
    def place(self) -> tuple[Version, int]:
        """Which rows it reflects."""
        return self.version, self.paths_offset

    def facts(self) -> dict[str, object]:
        """Give what a hash must show."""
        return {
            "total": self.shown.total,
            "short": self.shown.short,
            "locations": dict(sorted(self.shown.locations.items())),
            "channels": dict(sorted(self.shown.channels.items())),
            "sales": dict(sorted(self.shown.sales.items())),
            "backorder": self.shown.backorder,
            "beside": self.shown.beside_common,
            "v": str(self.version),
            "at": self.at_ms,
            "partition": self.partition,
        }


def expected_skus(
    partition: int,
    generation_ms: int,
    positions: Mapping[bytes, PositionAudit],
    statements: Statements,
) -> dict[str, ExpectedSku]:
    """Gather a partition's positions by SKU as the projection must show them, with what is stated."""
    expected: dict[str, ExpectedSku] = {}
    for audit in positions.values():
        row = audit.row
        if row is None:
            continue
        sku = expected.setdefault(row.sku, ExpectedSku(partition))
        sku.rows.append(row)
        if audit.offset > sku.version.offset:
            sku.version, sku.at_ms = Version(generation_ms, audit.offset), audit.timestamp_ms
    for name, sku in expected.items():
        sku.shown, sku.paths_offset = statements.shown_with(name, sku.rows)
    return expected


async def compare_view(
    view: AvailabilityView,
    expected: Mapping[str, ExpectedSku],
    ends: Mapping[int, Version],
    report: VerifyReport,
    arrival_seconds_max: float = ARRIVAL_SECONDS_MAX,
    clock_seconds: Callable[[], float] = time.monotonic,
) -> None:
    """Compare every SKU; those that moved on since the ledger was read are only counted.

    Args:
        view: What storefronts see.
        expected: What the ledger says.
        ends: For each partition that was read, the version that its next position row would have.
        report: Takes the findings.
        arrival_seconds_max: How long a SKU of the view may show less than the ledger.
        clock_seconds: Monotonic.

    Raises:
        UnreachableError: Redis does not answer.
    """
    deadline_seconds = clock_seconds() + arrival_seconds_max
    compared: dict[str, bool] = {}
    waiting: Sequence[str] = list(expected)
    while waiting:
        late: list[str] = []
        is_last = clock_seconds() >= deadline_seconds
        for first in range(0, len(waiting), _READ_SKUS_MAX):
            skus = waiting[first : first + _READ_SKUS_MAX]
            for sku, shown in zip(skus, await view.read(skus), strict=True):
                wanted = expected[sku]
                place = None if shown is None else (shown.version, shown.paths_offset)
                if place is not None and place > wanted.place:
                    report.skus_moved_on += 1
                elif (place is None or place < wanted.place) and not is_last:
                    late.append(sku)
                else:
                    compared[sku] = shown is not None and shown.is_sold_out
                    _compare(sku, wanted, shown, report)
        waiting = late
        if waiting:
            await asyncio.sleep(_ARRIVAL_POLL_SECONDS)
    report.skus_compared = len(compared)
    await _compare_sold_out(view, expected, compared, report)
    await _find_strangers(view, expected, ends, report)


def _compare(sku: str, wanted: ExpectedSku, shown: SkuAvailability | None, report: VerifyReport) -> None:
    found: dict[str, object] = {}
    if shown is not None:
        found = {
            "total": shown.total,
            "short": shown.short,
            "locations": dict(sorted(shown.locations.items())),
            "channels": dict(sorted(shown.channels.items())),
            "sales": dict(sorted(shown.sales.items())),
            "backorder": shown.backorder,
            "beside": shown.beside,
            "v": str(shown.version),
            "at": shown.at_ms,
            "partition": shown.partition,
        }
    facts = wanted.facts()
    if found == facts:
        return
    differing = [name for name in facts if found.get(name) != facts[name]]
    report.findings.add(
        Finding(
            "I6",
            wanted.partition,
            f"atp:{sku}",
            wanted.version.offset,
            ", ".join(f"{name} {facts[name]}" for name in differing),
            ", ".join(f"{name} {found.get(name)}" for name in differing) if found else "not there",
        )
    )


async def _find_strangers(
    view: AvailabilityView,
    expected: Collection[str],
    ends: Mapping[int, Version],
    report: VerifyReport,
) -> None:
    """Find hashes of SKUs that the ledger does not have: a storefront would sell from them.

    A hash that names a partition which was not read is left alone; so is one that is newer than
    what was read, as its SKU may have come since.
    """
    told: set[str] = set()
    async for names in view.all_skus():
        unknown = [sku for sku in dict.fromkeys(names) if sku not in expected and sku not in told]
        for first in range(0, len(unknown), _READ_SKUS_MAX):
            skus = unknown[first : first + _READ_SKUS_MAX]
            for sku, shown in zip(skus, await view.read(skus), strict=True):
                end = ends.get(shown.partition) if shown is not None else None
                if shown is None or end is None or shown.version >= end:
                    continue
                told.add(sku)
                report.findings.add(
                    Finding(
                        "I6",
                        shown.partition,
                        f"atp:{sku}",
                        shown.version.offset,
                        "no hash: the ledger has no such SKU",
                        f"total {shown.total}",
                    )
                )


async def _compare_sold_out(
    view: AvailabilityView,
    expected: Mapping[str, ExpectedSku],
    compared: Mapping[str, bool],
    report: VerifyReport,
) -> None:
    members = set(await view.sold_out())
    wrong = [sku for sku, is_out in compared.items() if is_out != (sku in members)]
    # A unit sold or freed in between changes membership after the hash: look at those once more.
    wrong_now = await view.read(wrong)
    members = set(await view.sold_out())
    for sku, shown in zip(wrong, wrong_now, strict=True):
        is_member = sku in members
        if shown is not None and shown.is_sold_out != is_member:
            wanted = expected[sku]
            expectation = "a member" if shown.is_sold_out else "no member"
            finding = "no member" if shown.is_sold_out else "a member"
            report.findings.add(
                Finding("I6", wanted.partition, f"soldout {sku}", wanted.version.offset, expectation, finding)
            )
    for sku in sorted(members - expected.keys()):
        if (await view.read([sku]))[0] is None:
            report.findings.add(
                Finding("I6", -1, f"soldout {sku}", -1, "a SKU of the ledger", "an unknown one")
            )
