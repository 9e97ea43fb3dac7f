"""Every scenario at a size that CI can run in seconds, so that nothing rots."""

from dataclasses import replace
from functools import singledispatch
from typing import Any, Final, TypeVar

from benchmarks.scenarios import (
    ClosedLoop,
    ExpiryStorm,
    Faults,
    FullMemory,
    GatewayLoad,
    Groups,
    LoadScenario,
    Memory,
    Mixed,
    OpenLoop,
    PeersClosed,
    PeersOpen,
    Recovery,
    Scaling,
    Scenario,
    Sweep,
)

COMMANDS: Final = 20_000
"""Four appends of 1 MiB, so that a rate can be told."""
SKUS: Final = 50
RATE_PER_S: Final = 1_000
RATE_COMMANDS: Final = 2 * RATE_PER_S
"""Of an open loop: two seconds."""
WARM_UP_COMMANDS: Final = RATE_PER_S // 2
ITEMS: Final = 2_000
PEER_COMMANDS: Final = 1_000
"""Of a dozen peers one after the other, of which the slowest decides 1,000 a second."""

Kind = TypeVar("Kind", bound=Scenario)


def small(scenario: Kind) -> Kind:
    """Shrink a scenario: no figure of it means anything."""
    title = f"{scenario.title}: SMALL, a trial of the benchmark"
    return replace(scenario, title=title, about_seconds=10, targets=(), **_smaller(scenario))


@singledispatch
def _smaller(scenario: Scenario) -> dict[str, Any]:
    raise AssertionError(f"{scenario.name}: a kind of scenario without a small form")


def _of_load(scenario: LoadScenario, commands: int, **more: Any) -> dict[str, Any]:  # noqa: ANN401  # any field
    skus = min(SKUS, scenario.workload.skus)
    return {"workload": replace(scenario.workload, commands=commands, skus=skus), **more}


@_smaller.register
def _(scenario: ClosedLoop) -> dict[str, Any]:
    return _of_load(scenario, COMMANDS)


@_smaller.register
def _(scenario: PeersClosed) -> dict[str, Any]:
    return _of_load(scenario, PEER_COMMANDS)


@_smaller.register
def _(scenario: OpenLoop) -> dict[str, Any]:
    return _of_load(scenario, RATE_COMMANDS, rate_per_s=RATE_PER_S, warm_up_commands=WARM_UP_COMMANDS)


@_smaller.register
def _(scenario: PeersOpen) -> dict[str, Any]:
    return _of_load(scenario, PEER_COMMANDS, rate_per_s=RATE_PER_S, warm_up_commands=WARM_UP_COMMANDS)


@_smaller.register
def _(scenario: Sweep) -> dict[str, Any]:
    rates = (RATE_PER_S, 2 * RATE_PER_S)
    return _of_load(scenario, 2 * sum(rates), rates_per_s=rates, seconds_each=1)


@_smaller.register(Mixed)
@_smaller.register(Groups)
def _(_scenario: Mixed | Groups) -> dict[str, Any]:
    return {"commands": COMMANDS // 2, "skus": SKUS}


@_smaller.register
def _(scenario: FullMemory) -> dict[str, Any]:
    live = COMMANDS // 2
    closed = COMMANDS - live - RATE_COMMANDS
    rate = {"rate_per_s": RATE_PER_S, "warm_up_commands": WARM_UP_COMMANDS}
    return _of_load(scenario, COMMANDS, live=live, closed=closed, **rate)


@_smaller.register
def _(scenario: ExpiryStorm) -> dict[str, Any]:
    return _of_load(scenario, 4 * RATE_PER_S, due=ITEMS, ttl_seconds=2, rate_per_s=RATE_PER_S)


@_smaller.register
def _(_scenario: Scaling) -> dict[str, Any]:
    return {"commands_each": COMMANDS, "setups": ((2, 2),)}


@_smaller.register
def _(scenario: Faults) -> dict[str, Any]:
    smaller = _of_load(scenario, 20 * RATE_PER_S, rate_per_s=RATE_PER_S, kills=1, kill_seconds=2)
    # Of what falls due in 0.2 s: gone when the owner is killed.
    return smaller | {"workload": replace(smaller["workload"], stock_percent=1)}


@_smaller.register
def _(_scenario: GatewayLoad) -> dict[str, Any]:
    return {"seconds": 1.0, "warm_up_seconds": 1.0}


@_smaller.register
def _(_scenario: Recovery) -> dict[str, Any]:
    return {
        "skus": SKUS,
        "till_sales": ITEMS,
        "reservations": 2 * ITEMS,
        "confirmed": ITEMS // 2,
        "released": ITEMS // 4,
    }


@_smaller.register
def _(_scenario: Memory) -> dict[str, Any]:
    return {"items": ITEMS, "skus": SKUS}
