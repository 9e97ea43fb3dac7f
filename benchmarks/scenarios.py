"""What is measured, and the target of each figure."""

from dataclasses import dataclass, fields, replace
from typing import Any, Final

from benchmarks.load import Form, Workload
from benchmarks.memory_load import Kind

COMMANDS: Final = 600_000
"""Of a throughput run: 1.2 s at the fastest target, so that the 5 ms of the watcher are 0.4 %. More would
take the whole beyond the quarter of an hour that somebody waits for it."""
RATE_PER_S: Final = 20_000
VIEW_RATE_PER_S: Final = 5_000
WARM_UP_SECONDS: Final = 5
MEASURED_SECONDS: Final = 20
"""Of a latency run: 400,000 latencies, so that p99.9 is a matter of 400 of them."""
WIDE_SKUS: Final = 5_000

WORKER: Final = "worker"
BARE_LOOP: Final = "bare loop"
VIEW: Final = "worker and projection"
TAKEN_OVER: Final = "second worker takes over"
RESTARTED: Final = "started again by its supervisor"


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure of a subject (or the ratio worker / bare loop) must reach; one bound is set."""

    figure: str
    at_least: float | None = None
    at_most: float | None = None
    is_ratio: bool = False
    subject: str = WORKER

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


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One table of the report.

    `runs_max` bounds the runs where another would give the same figures.
    """

    name: str
    title: str
    targets: tuple[Target, ...] = ()
    runs_max: int | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """What was done, for the report."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        for general in fields(Scenario):
            del own[general.name]
        return own


@dataclass(frozen=True, kw_only=True)
class _LoadScenario(Scenario):
    workload: Workload

    @property
    def parameters(self) -> dict[str, Any]:
        """The workload's own parameters beside the scenario's."""
        own = super().parameters
        del own["workload"]
        return {field.name: getattr(self.workload, field.name) for field in fields(Workload)} | own


@dataclass(frozen=True, kw_only=True)
class ClosedLoop(_LoadScenario):
    """Decisions per second: all commands lie in the log before the worker starts."""


@dataclass(frozen=True, kw_only=True)
class OpenLoop(_LoadScenario):
    """Latency to the ledger's row: commands are due at a rate; the first `warm_up_commands` do not count."""

    rate_per_s: int
    warm_up_commands: int


@dataclass(frozen=True, kw_only=True)
class ViewLoop(OpenLoop):
    """Latency to Redis: as an open loop, until the view has told the effect of the command."""


@dataclass(frozen=True, kw_only=True)
class Recovery(Scenario):
    """The owner of a full partition is killed: how fast is it read, and when is the next decision?

    The partition is filled with one count for each of `skus`, `till_sales`, and `reservations`, of which
    `confirmed` are confirmed and `released` released; the others live on.
    """

    skus: int
    till_sales: int
    reservations: int
    confirmed: int
    released: int


@dataclass(frozen=True, kw_only=True)
class Memory(Scenario):
    """Bytes of resident memory for each of `items` of every kind."""

    items: int
    skus: int


_LATENCY_SECONDS: Final = WARM_UP_SECONDS + MEASURED_SECONDS

SCENARIOS: Final[tuple[Scenario, ...]] = (
    ClosedLoop(
        name="hot-positional",
        title="one hot SKU, positional packs of 100",
        workload=Workload(COMMANDS, 1, Form.POSITIONAL),
        targets=(Target("commands_per_s", at_least=500_000),),
    ),
    ClosedLoop(
        name="hot-packed",
        title="one hot SKU, packs of 100 JSON objects",
        workload=Workload(COMMANDS, 1, Form.PACK),
    ),
    ClosedLoop(
        name="hot-single",
        title="one hot SKU, one JSON command per record",
        workload=Workload(COMMANDS, 1, Form.SINGLE),
        targets=(Target("commands_per_s", at_least=180_000),),
    ),
    ClosedLoop(
        name="wide-positional",
        title="5,000 SKUs uniform, positional packs of 100",
        workload=Workload(COMMANDS, WIDE_SKUS, Form.POSITIONAL),
        targets=(Target("commands_per_s", at_least=300_000),),
    ),
    ClosedLoop(
        name="wide-single",
        title="5,000 SKUs uniform, one JSON command per record",
        workload=Workload(COMMANDS, WIDE_SKUS, Form.SINGLE),
        targets=(Target("commands_per_s", at_least=150_000),),
    ),
    OpenLoop(
        name="latency",
        title="command due -> row read back, 20k/s open loop, 5,000 SKUs, one JSON command per record",
        workload=Workload(RATE_PER_S * _LATENCY_SECONDS, WIDE_SKUS, Form.SINGLE),
        targets=(
            Target("p50_ms", at_most=4.0),
            Target("p99_ms", at_most=15.0),
            Target("p50_ms", at_most=1.5, is_ratio=True),
        ),
        rate_per_s=RATE_PER_S,
        warm_up_commands=RATE_PER_S * WARM_UP_SECONDS,
    ),
    ViewLoop(
        name="view",
        title="command due -> Redis told its effect, 5k/s open loop, 5,000 SKUs, one JSON command per record",
        workload=Workload(VIEW_RATE_PER_S * _LATENCY_SECONDS, WIDE_SKUS, Form.SINGLE),
        targets=(Target("p99_ms", at_most=40.0, subject=VIEW),),
        rate_per_s=VIEW_RATE_PER_S,
        warm_up_commands=VIEW_RATE_PER_S * WARM_UP_SECONDS,
    ),
    Recovery(
        name="recovery",
        title="kill -9 of the owner of a full partition -> first decision of the next",
        targets=tuple(
            target
            for subject in (TAKEN_OVER, RESTARTED)
            for target in (
                Target("rows_per_s", at_least=300_000, subject=subject),
                Target("share_of_allowed", at_most=1.0, subject=subject),
            )
        ),
        skus=20_000,
        # A million rows in all: nearly every command moves another position, which is a row, too.
        till_sales=140_000,
        reservations=280_000,
        confirmed=60_000,
        released=40_000,
    ),
    Memory(
        name="memory",
        title="resident memory for each row that is kept",
        targets=tuple(
            target
            for kind, bytes_each in ((Kind.RESERVATION, 600), (Kind.POSITION, 600), (Kind.RECEIPT, 160))
            for target in (
                Target("bytes_each_decided", at_most=bytes_each, subject=kind.value),
                Target("bytes_each_recovered", at_most=bytes_each, subject=kind.value),
                Target("base_mb", at_most=120, subject=kind.value),
            )
        ),
        runs_max=1,  # the same rows take the same bytes: two runs differ by 0.1 %
        items=300_000,
        skus=WIDE_SKUS,
    ),
)

SMALL_COMMANDS: Final = 20_000
"""Four appends of 1 MiB, so that a rate can be told."""
SMALL_SKUS: Final = 50
SMALL_RATE_PER_S: Final = 1_000
SMALL_SECONDS: Final = 2
SMALL_ITEMS: Final = 2_000


def small(scenario: Scenario) -> Scenario:
    """Shrink a scenario to what CI can run in seconds: no figure of it means anything."""
    shrunk = replace(scenario, title=f"{scenario.title}: SMALL, a trial of the benchmark", targets=())
    match shrunk:
        case OpenLoop():
            workload = replace(shrunk.workload, commands=SMALL_RATE_PER_S * SMALL_SECONDS, skus=SMALL_SKUS)
            warm_up = SMALL_RATE_PER_S // 2
            return replace(shrunk, workload=workload, rate_per_s=SMALL_RATE_PER_S, warm_up_commands=warm_up)
        case ClosedLoop():
            skus = min(SMALL_SKUS, shrunk.workload.skus)
            return replace(shrunk, workload=replace(shrunk.workload, commands=SMALL_COMMANDS, skus=skus))
        case Recovery():
            return replace(
                shrunk,
                skus=SMALL_SKUS,
                till_sales=SMALL_ITEMS,
                reservations=2 * SMALL_ITEMS,
                confirmed=SMALL_ITEMS // 2,
                released=SMALL_ITEMS // 4,
            )
        case Memory():
            return replace(shrunk, items=SMALL_ITEMS, skus=SMALL_SKUS)
        case _:
            raise AssertionError(f"{scenario.name}: a kind of scenario without a small form")
