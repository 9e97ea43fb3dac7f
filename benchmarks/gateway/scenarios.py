"""What is measured at the gateway, and the target of each figure."""

from dataclasses import dataclass
from typing import Final

from benchmarks.gateway.words import Kind
from benchmarks.scenarios import Target

WARM_UP_SECONDS: Final = 3.0
FIRST_WARM_UP_SECONDS: Final = 45.0
"""Of what is measured first: a broker that has just started compiles its code, which takes most of a core
at 1,000 requests a second; after half a minute it takes a quarter."""
MEASURED_SECONDS: Final = 12.0
"""Of a load: at 1,000/s the 99th percentile is a matter of 120 answers, and all of it fits 6 minutes."""
LIVE_SECONDS: Final = 12
LIVE_READERS: Final = 5_000


@dataclass(frozen=True, kw_only=True)
class Load:
    """One load on one service; `rate_per_s` of requests, None: closed loop.

    `of_fastapi`: the peer is asked, not the gateway. `few_units_every`: each so-many-th SKU has `FEW_UNITS`,
    so that it sells out while it is measured and overselling could show; 0: none. `warm_up_seconds` are asked
    before anything counts, less in a shortened run.
    """

    name: str
    title: str
    kind: Kind
    rate_per_s: float | None
    connections: int
    skus: int
    lines: int = 1
    units: int = 1_000_000
    few_units_every: int = 0
    changes_per_s: int = 0
    of_fastapi: bool = False
    warm_up_seconds: float = WARM_UP_SECONDS
    targets: tuple[Target, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Live:
    """Many readers of one SKU."""

    name: str
    title: str
    readers: int
    targets: tuple[Target, ...] = ()


Scenario = Load | Live

FEW_UNITS: Final = 5
SKUS: Final = 1_000
LINES: Final = 200
READ_SKUS: Final = 5_000
READ_LOCATIONS: Final = tuple(f"store-{number}" for number in range(5))
CHANGES_PER_S: Final = 500
"""Till sales while availability is read, each of another SKU: what is asked must be put into words anew."""

SCENARIOS: Final[tuple[Scenario, ...]] = (
    Load(
        name="reserve",
        title="POST reservation, 1,000/s due",
        kind="reserve",
        rate_per_s=1_000,
        connections=64,
        skus=SKUS,
        few_units_every=100,
        warm_up_seconds=FIRST_WARM_UP_SECONDS,
        targets=(Target("p50_ms", at_most=8.0), Target("p99_ms", at_most=40.0)),
    ),
    Load(
        name="sustained",
        title="POST reservation, 4,100/s due",
        kind="reserve",
        rate_per_s=4_100,
        connections=256,
        skus=SKUS,
        few_units_every=100,
        targets=(Target("answered_per_s", at_least=4_000),),
    ),
    Load(
        name="capacity",
        title="POST reservation, 256 connections that ask again at once (closed loop)",
        kind="reserve",
        rate_per_s=None,
        connections=256,
        skus=SKUS,
        few_units_every=100,
    ),
    Load(
        name="batch",
        title=f"POST reservations:batch of {LINES}, {103 * LINES:,} reservations/s due",
        kind="batch",
        rate_per_s=103,
        connections=32,
        skus=SKUS,
        lines=LINES,
        few_units_every=100,
        targets=(Target("answered_per_s", at_least=20_000),),
    ),
    Load(
        name="sold-out",
        title="POST reservation of what is sold out, 6,150/s due",
        kind="sold-out",
        rate_per_s=6_150,
        connections=64,
        skus=10,
        units=0,
        targets=(Target("answered_per_s", at_least=6_000),),
    ),
    Load(
        name="reads",
        title=f"GET availability of 20 of {READ_SKUS:,} SKUs at 5 locations, 2,560/s due, "
        f"with {CHANGES_PER_S} changes/s",
        kind="reads",
        rate_per_s=2_560,
        connections=64,
        skus=READ_SKUS,
        changes_per_s=CHANGES_PER_S,
        targets=(Target("answered_per_s", at_least=2_500),),
    ),
    Live(
        name="live",
        title=f"{LIVE_READERS:,} SSE readers of one SKU that is counted anew once a second",
        readers=LIVE_READERS,
        targets=(Target("p99_ms", at_most=500.0),),
    ),
    Load(
        name="fastapi-reserve",
        title="FastAPI and Redis Lua: POST reservation, 1,000/s due",
        kind="reserve",
        rate_per_s=1_000,
        connections=64,
        skus=SKUS,
        few_units_every=100,
        of_fastapi=True,
    ),
    Load(
        name="fastapi-capacity",
        title="FastAPI and Redis Lua: POST reservation, 256 connections that ask again at once (closed loop)",
        kind="reserve",
        rate_per_s=None,
        connections=256,
        skus=SKUS,
        few_units_every=100,
        of_fastapi=True,
    ),
)
"""In this order: what is compared runs last, when the gateway, the worker and the broker are gone."""
