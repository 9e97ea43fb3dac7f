"""What is measured, and the target of each figure."""

from dataclasses import dataclass, replace
from typing import Final

from benchmarks.load import Form, Workload

COMMANDS: Final = 1_000_000
"""Of a throughput run: 2 s at the fastest target, so that the 5 ms of the watcher are 0.3 %."""
RATE_PER_S: Final = 20_000
WARM_UP_SECONDS: Final = 5
MEASURED_SECONDS: Final = 20
"""Of a latency run: 400,000 latencies, so that p99.9 is a matter of 400 of them."""
WIDE_SKUS: Final = 5_000


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure of the worker (or the ratio worker / bare loop) must reach; one bound is set."""

    figure: str
    at_least: float | None = None
    at_most: float | None = None
    is_ratio: bool = False

    def is_met(self, value: float) -> bool:
        """Say whether the value is good enough."""
        return (self.at_least is None or value >= self.at_least) and (
            self.at_most is None or value <= self.at_most
        )

    @property
    def text(self) -> str:
        """The bound in words."""
        bound = f">= {self.at_least:,g}" if self.at_least is not None else f"<= {self.at_most:g}"
        return f"{bound}x the bare loop" if self.is_ratio else bound


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of the report.

    `rate_per_s` None: closed loop, all commands lie in the log before the worker starts. Otherwise
    open loop: commands are due at that rate, and the first `warm_up_commands` are not counted.
    """

    name: str
    title: str
    workload: Workload
    targets: tuple[Target, ...] = ()
    reference: str = ""
    rate_per_s: int | None = None
    warm_up_commands: int = 0


_LATENCY_COMMANDS: Final = RATE_PER_S * (WARM_UP_SECONDS + MEASURED_SECONDS)

SCENARIOS: Final[tuple[Scenario, ...]] = (
    Scenario(
        "hot-positional",
        "one hot SKU, positional packs of 100",
        Workload(COMMANDS, 1, Form.POSITIONAL),
        (Target("commands_per_s", at_least=500_000),),
    ),
    Scenario(
        "hot-packed",
        "one hot SKU, packs of 100 JSON objects",
        Workload(COMMANDS, 1, Form.PACK),
        reference="prototype 298-439k/s",
    ),
    Scenario(
        "hot-single",
        "one hot SKU, one JSON command per record",
        Workload(COMMANDS, 1, Form.SINGLE),
        (Target("commands_per_s", at_least=180_000),),
        "prototype 156-178k/s",
    ),
    Scenario(
        "wide-positional",
        "5,000 SKUs uniform, positional packs of 100",
        Workload(COMMANDS, WIDE_SKUS, Form.POSITIONAL),
        (Target("commands_per_s", at_least=300_000),),
    ),
    Scenario(
        "wide-single",
        "5,000 SKUs uniform, one JSON command per record",
        Workload(COMMANDS, WIDE_SKUS, Form.SINGLE),
        (Target("commands_per_s", at_least=150_000),),
        "prototype 117-146k/s",
    ),
    Scenario(
        "latency",
        "command due -> row read back, 20k/s open loop, 5,000 SKUs, one JSON command per record",
        Workload(_LATENCY_COMMANDS, WIDE_SKUS, Form.SINGLE),
        (
            Target("p50_ms", at_most=4.0),
            Target("p99_ms", at_most=15.0),
            Target("p50_ms", at_most=1.5, is_ratio=True),
        ),
        "prototype p50 2.9, p99 16.7 ms",
        rate_per_s=RATE_PER_S,
        warm_up_commands=RATE_PER_S * WARM_UP_SECONDS,
    ),
)

SMALL_COMMANDS: Final = 20_000
"""Four appends of 1 MiB, so that a rate can be told."""
SMALL_SKUS: Final = 50
SMALL_RATE_PER_S: Final = 1_000
SMALL_SECONDS: Final = 2


def small(scenario: Scenario) -> Scenario:
    """Shrink a scenario to what CI can run in seconds: no figure of it means anything."""
    skus = min(SMALL_SKUS, scenario.workload.skus)
    shrunk = replace(scenario, title=f"{scenario.title}: SMALL, a trial of the benchmark", targets=())
    if scenario.rate_per_s is None:
        return replace(shrunk, workload=replace(scenario.workload, commands=SMALL_COMMANDS, skus=skus))
    return replace(
        shrunk,
        workload=replace(scenario.workload, commands=SMALL_RATE_PER_S * SMALL_SECONDS, skus=skus),
        rate_per_s=SMALL_RATE_PER_S,
        warm_up_commands=SMALL_RATE_PER_S // 2,
    )
