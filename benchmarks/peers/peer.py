"""What every peer is: started by the harness, given the same commands, checked in the same way."""

from dataclasses import dataclass
from typing import Protocol

from benchmarks.bench import Bench
from benchmarks.load import Workload
from benchmarks.result import SubjectResult


@dataclass(frozen=True, slots=True)
class Terms:
    """What is not equal to the ledger; columns of the report, in a few words each."""

    durability: str
    replication: str
    client: str
    """Language of whoever decides, and how commands reach it."""

    misses: str
    """Which of the ledger's rules it does not keep."""


class ClosedPeer(Protocol):
    """One system beside the ledger that can be asked as fast as it answers."""

    @property
    def name(self) -> str:
        """Row of the report."""

    @property
    def terms(self) -> Terms:
        """What is not equal."""

    def why_absent(self) -> str | None:
        """Say in one line what is missing here and how to get it; None: it can run."""

    async def closed_loop(self, bench: Bench, workload: Workload, prefix: str) -> SubjectResult:
        """Decide all commands of a workload as fast as it can.

        Figures: `commands_per_s`, and `cpu_us_per_command` of all processes that decide or store. `faults`
        as of `ledger_check.faults`: one outcome per command, the model's, granted within stock.

        Raises:
            SubjectEndedError: its process ended.
            TimeoutError: it did not decide everything in time.
        """


class Peer(ClosedPeer, Protocol):
    """One that can be asked on a schedule, too."""

    async def open_loop(
        self, bench: Bench, workload: Workload, prefix: str, *, rate_per_s: int, warm_up_commands: int
    ) -> SubjectResult:
        """Decide commands that are due at a rate; `p50_ms`, `p99_ms`, `p999_ms`, `max_ms` from when due.

        The answer counts when it is as durable as the peer makes it, and seen by a reader or its client.
        """
