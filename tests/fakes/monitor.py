"""Monitors that write down what they hear."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from inventory_stream.ledger.batch import Sealed
from inventory_stream.ports.inputs import Input
from inventory_stream.ports.monitor import Acked, OwnerSnapshot


@dataclass
class FakeOwnerMonitor:
    """An `OwnerMonitor`: how often each method was called, and the newest of what it was told."""

    calls: Counter[str] = field(default_factory=Counter)
    snapshot: Callable[[], OwnerSnapshot] | None = None
    outcomes: Counter[int] = field(default_factory=Counter)
    letters: Counter[Input] = field(default_factory=Counter)
    lags: dict[Input, tuple[int, float]] = field(default_factory=dict)
    positions_told: int | None = None

    def opening(self, snapshot: Callable[[], OwnerSnapshot]) -> None:
        """See the port."""
        self.calls["opening"] += 1
        self.snapshot = snapshot

    def claimed(self, term: int, tries: int, fenced_ids: int, lease_margin: Callable[[], float]) -> None:
        """See the port."""
        del term, tries, fenced_ids, lease_margin
        self.calls["claimed"] += 1

    def recovered(self, rows: int, seconds: float, voided_keys: int) -> None:
        """See the port."""
        del rows, seconds, voided_keys
        self.calls["recovered"] += 1

    def decided(self, batch: Sealed, seconds: float) -> None:
        """See the port."""
        assert seconds >= 0
        self.calls["decided"] += 1
        self.outcomes.update({number: count for number, count in enumerate(batch.outcomes) if count})

    def acked(self, acked: Acked) -> None:
        """See the port."""
        del acked
        self.calls["acked"] += 1

    def buried(self, source: Input, letters: int) -> None:
        """See the port."""
        self.calls["buried"] += 1
        self.letters[source] += letters

    def lag(self, source: Input, records: int, seconds: float) -> None:
        """See the port."""
        self.calls["lag"] += 1
        self.lags[source] = (records, seconds)

    def positions(self, count: int) -> None:
        """See the port."""
        self.calls["positions"] += 1
        self.positions_told = count

    def closed(self) -> None:
        """See the port."""
        self.calls["closed"] += 1
