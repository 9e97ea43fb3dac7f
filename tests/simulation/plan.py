"""What a seed draws: the rules, the weather, who is killed, paused, replaced, and when clocks jump."""

from dataclasses import dataclass, field
from random import Random
from typing import Final

from inventory_stream.ledger.rules import Rules
from tests.simulation.network import Weather

CLOCK_SKEW_MS: Final = 2_000
"""Beyond this an owner's clock is not believed (R18)."""

TIGHT: Final = Rules(
    movement_window_ms=80_000,
    movements_max=4,
    reservation_ms_max=100_000,
    receipt_window_ms=60_000,
    return_window_ms=90_000,
    receipts_max=25,
    ended_reservations_max=5,
    ended_documents_max=2,
    early_window_ms=50_000,
    early_max=3,
)
"""Windows so short, by time and count, that folding happens within a run (R29)."""
SHORT: Final = Rules(
    reservation_ms_max=100_000, receipt_window_ms=45_000, return_window_ms=60_000, early_window_ms=40_000
)
"""Windows that only time closes."""

CALM: Final = Weather()
SLOW: Final = Weather(latencies=(0.0005, 0.01, 0.2))
STORM: Final = Weather(latencies=(0.0005, 0.005, 0.05, 0.4), lost_request_share=0.06, lost_answer_share=0.06)

FAULTS: Final = (
    "crash",
    "pause",
    "wake unknown",
    "hand over",
    "overlap",
    "race",
    "probe",
    "clock",
    "forget",
    "outage",
    "broker clock",
)
"""What may befall the owner of the partition."""


@dataclass(frozen=True)
class Plan:
    """Everything that is drawn before a run; the rest is drawn on the way, by the same seed."""

    records: int = 30
    span_seconds: float = 60.0
    skus: int = 2
    reservations: int = 5
    rules: Rules = field(default_factory=Rules)
    batch_bytes: int | None = None
    weather: Weather = CALM
    faults: tuple[str, ...] = ()
    fault_count: int = 0
    twin_share: float = 0.0
    rotate_share: float = 0.0
    owner_skew_ms: int = 0
    """Largest difference between an owner's machine and the truth, in normal times."""
    leader_skew_ms: int = 0
    """The same between the leaders of the ledger and of order-events."""
    reclaim_seconds: float = 86_400.0
    alive_seconds: float = 10.0
    lease_seconds: float = 30.0
    expiry_seconds: float = 60.0
    marker_share: float = 0.0
    quiet_seconds: float = 130.0
    """After all input is decided: longer than any reservation lives and any tight window is open."""


def plan_of(random: Random) -> Plan:
    """Draw a plan."""
    weather = random.choice((CALM, CALM, SLOW, STORM))
    kinds = random.sample(FAULTS, random.randint(0, 4))
    return Plan(
        records=random.choice((10, 30, 30, 60)),
        span_seconds=random.choice((5.0, 60.0, 60.0, 180.0)),
        skus=random.choice((1, 2, 3)),
        reservations=random.choice((2, 5, 12)),
        rules=random.choice((Rules(), TIGHT, TIGHT, SHORT, Rules(revoke_on_shortfall=False))),
        batch_bytes=random.choice((None, 1, 700, 2_500)),
        weather=weather,
        faults=tuple(kinds),
        fault_count=random.randint(1, 6) if kinds else 0,
        twin_share=random.choice((0.0, 0.5)),
        rotate_share=random.choice((0.0, 0.0, 0.5)),
        owner_skew_ms=random.choice((0, 300, 1_500)),
        leader_skew_ms=random.choice((0, 200)),
        reclaim_seconds=random.choice((86_400.0, 7.0)),
        marker_share=random.choice((0.0, 0.05)),
    )
