"""The kinds of scenario: what is done, what is measured, what a figure must reach. catalogue.py has all."""

from dataclasses import dataclass, fields, replace
from typing import Any, Final, NamedTuple, Self

from benchmarks.load import Form, Workload

WORKER: Final = "worker"
BARE_LOOP: Final = "bare loop"
COMPILED: Final = "compiled worker"
VIEW: Final = "worker and projection"
TAKEN_OVER: Final = "second worker takes over"
RESTARTED: Final = "started again by its supervisor"
FULL_MEMORY: Final = "worker with a full memory"
STORM: Final = "while reservations expire"
CALM: Final = "before they expire"
GATEWAY: Final = "gateway"
KAFKA_STREAMS: Final = "Kafka Streams"
KAFKA_STREAMS_SOON: Final = "Kafka Streams, commit 10 ms"
"""The peers that targets name; the others have their names in benchmarks/peers."""


class IfSlow(NamedTuple):
    """Where the other side's figure is not above `other_at_most`, the ratio must be `at_least`."""

    other_at_most: float
    at_least: float


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure of a subject must reach; one bound is set.

    `is_ratio`: not the figure itself, but how it compares with that of `against` in the same run. `if_slow`
    is a higher bound of a ratio, for where the other side makes little.
    """

    figure: str
    at_least: float | None = None
    at_most: float | None = None
    is_ratio: bool = False
    subject: str = WORKER
    against: str = BARE_LOOP
    if_slow: IfSlow | None = None

    def beside(self, other: float | None) -> Self:
        """Give the target that holds where the other side's figure is this; None: it was not measured."""
        if self.if_slow is None or other is None or other > self.if_slow.other_at_most:
            return self
        return replace(self, at_least=self.if_slow.at_least)

    def is_met(self, value: float) -> bool:
        """Say whether the value is good enough."""
        return (self.at_least is None or value >= self.at_least) and (
            self.at_most is None or value <= self.at_most
        )

    @property
    def text(self) -> str:
        """The bound in words."""
        bound = f">= {self.at_least:,g}" if self.at_least is not None else f"<= {self.at_most:g}"
        if not self.is_ratio:
            return bound
        text = f"{bound}x {_named(self.against)}"
        if self.if_slow is None:
            return text
        side = "at most" if self.at_least == self.if_slow.at_least else "more than"
        return f"{text} where it makes {side} {self.if_slow.other_at_most:,.0f}"


def _named(subject: str) -> str:
    return f"the {subject}" if subject == BARE_LOOP else subject


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One table of the report.

    `about_seconds` is what a run of it takes on a 2-core machine, for who waits. `headline_runs` are its runs
    in `make bench`; 0: only `--full` measures it. `runs_max` bounds the runs where another would give the
    same figures.
    """

    name: str
    title: str
    about_seconds: int
    targets: tuple[Target, ...] = ()
    headline_runs: int = 0
    runs_max: int | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """What was done, for the report."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        for general in fields(Scenario):
            del own[general.name]
        return own


@dataclass(frozen=True, kw_only=True)
class LoadScenario(Scenario):
    """A scenario of reservations that one model decides."""

    workload: Workload

    @property
    def parameters(self) -> dict[str, Any]:
        """The workload's own parameters beside the scenario's."""
        own = super().parameters
        del own["workload"]
        return {field.name: getattr(self.workload, field.name) for field in fields(Workload)} | own


@dataclass(frozen=True, kw_only=True)
class ClosedLoop(LoadScenario):
    """Decisions per second: all commands lie in the log before the subjects start, one after the other."""

    subjects: tuple[str, ...] = (WORKER, BARE_LOOP)


@dataclass(frozen=True, kw_only=True)
class OpenLoop(LoadScenario):
    """Latency to the ledger's row: commands are due at a rate; the first `warm_up_commands` do not count."""

    rate_per_s: int
    warm_up_commands: int
    subjects: tuple[str, ...] = (WORKER, BARE_LOOP)


@dataclass(frozen=True, kw_only=True)
class ViewLoop(OpenLoop):
    """Latency to Redis: as an open loop, until the view has told the effect of the command."""

    subjects: tuple[str, ...] = (VIEW,)


@dataclass(frozen=True, kw_only=True)
class Sweep(LoadScenario):
    """Latency over the rate: each rate for `seconds_each`, in rising order, until p99 passes a bound twice.

    The workload has commands for two tries of each. Each rate is a subject of its own (`rate_subject`); the
    worker has the highest rate within.
    """

    rates_per_s: tuple[int, ...]
    seconds_each: int
    p99_ms_max: float = 25.0


def rate_subject(rate_per_s: int) -> str:
    """Name one rate of a sweep."""
    return f"{rate_per_s:,}/s due"


@dataclass(frozen=True, kw_only=True)
class Mixed(Scenario):
    """Reserve, confirm, release, adjust and repeats in the shares of a shop, closed loop."""

    commands: int
    skus: int
    pack: int = 100
    seed: int = 1


@dataclass(frozen=True, kw_only=True)
class Groups(Scenario):
    """Reservations over a group of `locations`: of half the SKUs split, of half from the first that fits."""

    commands: int
    skus: int
    locations: int
    pack: int = 100
    seed: int = 1


@dataclass(frozen=True, kw_only=True)
class FullMemory(LoadScenario):
    """The workload's first `live` reservations live in memory before the next are measured.

    Then `closed` as fast as the worker can, and the rest at `rate_per_s`.
    """

    live: int
    closed: int
    rate_per_s: int
    warm_up_commands: int


@dataclass(frozen=True, kw_only=True)
class ExpiryStorm(LoadScenario):
    """`due` reservations of one SKU expire at once while the workload's commands are due at a rate."""

    due: int
    ttl_seconds: int
    rate_per_s: int


@dataclass(frozen=True, kw_only=True)
class Scaling(Scenario):
    """One hot SKU on each partition, decided by so many workers: each (workers, partitions) in turn."""

    setups: tuple[tuple[int, int], ...]
    commands_each: int
    form: Form
    pack: int = 100


def scaling_subject(workers: int, partitions: int) -> str:
    """Name one setup of a scaling scenario."""
    return f"{workers} worker{'s' * (workers > 1)}, {partitions} hot SKU{'s' * (partitions > 1)}"


@dataclass(frozen=True, kw_only=True)
class Faults(LoadScenario):
    """The hot SKU at a fixed rate while its owner is killed (SIGKILL) again and again.

    `kill_seconds` lie between a first decision after a kill and the next kill. `is_static`: the worker
    keeps its place in the consumer group over restarts (`KAFKA__INSTANCE_ID`).
    """

    rate_per_s: int
    kills: int
    kill_seconds: int
    is_static: bool


@dataclass(frozen=True, kw_only=True)
class GatewayLoad(Scenario):
    """A scenario of benchmarks/gateway, `load`, at a length of its own."""

    load: str
    seconds: float
    warm_up_seconds: float


@dataclass(frozen=True, kw_only=True)
class PeersClosed(LoadScenario):
    """As a closed loop, by every peer that is there, the worker and the bare loop in turns."""


@dataclass(frozen=True, kw_only=True)
class PeersOpen(LoadScenario):
    """As an open loop, by every peer that is there, the worker and the bare loop in turns."""

    rate_per_s: int
    warm_up_commands: int


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
