"""`ledger verify` on a partition with pools, fences, limits and backorders."""

from collections.abc import Callable
from random import Random

import pytest
from msgspec.structs import replace

from inventory_stream.adapters.kafka.live_rows import LiveRows
from inventory_stream.flows.project import ProjectionFlow
from inventory_stream.flows.verify import verify_ledger
from inventory_stream.flows.verify_claims import CLAIM_PREFIXES
from inventory_stream.flows.verify_report import VerifyReport
from inventory_stream.ledger.decide import decide_batch
from inventory_stream.ledger.state import PartitionState
from inventory_stream.settings import ProjectionSettings
from models.rows import BackorderRow, FenceRow, ReservationRow, Row
from tests.fakes.ledger_reader import FakeLedger
from tests.fakes.projection import FakeAvailabilityView, FakeProjection, FakeServer
from tests.unit.flows.decided_ledger import planted
from tests.unit.ledger.scripts import script

SEEDS = range(25)


def sale_ledger(seed: int, calls: int = 30) -> FakeLedger:
    """Decide a random script with sales and backorders."""
    ledger = FakeLedger()
    state = PartitionState()
    state.term = ledger.claim(0)
    for call in script(Random(seed), calls, has_backorders=True):
        for sealed in decide_batch(state, call.stock, call.orders, call.now_ms, call.sweep_before_ms):
            for key, value in sealed.rows:
                headers = [("term", str(state.term).encode())] if value is None else []
                ledger.append(0, key, value, headers)
    return ledger


async def verify(ledger: FakeLedger) -> VerifyReport:
    """Project the ledger, then verify both."""
    server = FakeServer()
    flow = ProjectionFlow(
        FakeProjection(server), ledger, LiveRows, ProjectionSettings(), lambda: ledger.start_ms
    )
    await flow.start(0)
    return await verify_ledger(ledger, LiveRows, [0], FakeAvailabilityView(server), arrival_seconds_max=0.0)


@pytest.mark.parametrize("seed", SEEDS)
async def test_what_the_ledger_decides_is_sound(seed: int) -> None:
    """I1-I5, R4, R16, R24 and I6: no finding in any script, whole or compacted."""
    ledger = sale_ledger(seed)
    report = await verify(ledger)
    assert report.is_sound, report.findings.first
    ledger.compact(0)
    report = await verify(ledger)
    assert report.is_sound, report.findings.first


def more_waiting(row: Row) -> Row | None:
    """Let one unit more wait in a line, as if it had been granted."""
    if not isinstance(row, ReservationRow) or not row.lines:
        return None
    first, *others = row.lines
    more = replace(first, granted=first.granted + 1, backordered=first.backordered + 1)
    return replace(row, lines=(more, *others))


@pytest.mark.parametrize(
    ("defect", "expected"),
    [
        (lambda row: replace(row, units=row.units + 1) if isinstance(row, FenceRow) else None, "R4"),
        (lambda row: replace(row, used=row.used + 1) if isinstance(row, BackorderRow) else None, "R24"),
        (more_waiting, "R24"),
    ],
    ids=["a fence with a unit too many", "a limit that counts one too many", "a line with one too many"],
)
async def test_wrong_claims_are_found(defect: Callable[[Row], Row | None], expected: str) -> None:
    """R4, R24: what rows of claims say must agree with positions and lines."""
    ledger = sale_ledger(_with_claims())
    planted(ledger, defect, b"r/" if defect is more_waiting else b"s/")
    report = await verify(ledger)
    assert expected in {finding.check for finding in report.findings.first}


def _with_claims() -> int:
    """Give a seed whose script has all kinds of claims."""
    for seed in SEEDS:
        keys = [record.key or b"" for record in sale_ledger(seed).partitions[0]]
        if all(any(key.startswith(prefix) for key in keys) for prefix in CLAIM_PREFIXES):
            return seed
    raise AssertionError("no script has all kinds of claims")
