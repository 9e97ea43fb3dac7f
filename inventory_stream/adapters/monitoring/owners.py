"""What a ledger worker's owners tell, kept as Prometheus metrics."""

from collections.abc import Callable
from typing import Final

from prometheus_client import Counter

from inventory_stream import metric_names as names
from inventory_stream.adapters.monitoring.instruments import Instruments
from inventory_stream.ledger.batch import OUTCOMES, Sealed
from inventory_stream.ports.inputs import Input
from inventory_stream.ports.monitor import Acked, OwnerMonitor, OwnerSnapshot
from models.outcomes import Outcome

_NAMES: Final = {int(outcome): outcome.name for outcome in Outcome}
_EXCEPTIONS: Final = tuple(outcome for outcome in Outcome if outcome.is_exception)


class PrometheusOwner:
    """An `OwnerMonitor` of one partition.

    What is hot is counted on instruments labelled once, some 20 us a batch; what is only looked at
    is asked for when somebody scrapes (`refresh`).
    """

    def __init__(self, partition: int, instruments: Instruments) -> None:
        self._partition = name = str(partition)
        self._instruments = instruments
        self._snapshot: Callable[[], OwnerSnapshot] | None = None
        self._lease_margin: Callable[[], float] | None = None
        self._skew_seconds: float | None = None
        counter, histogram = instruments.counter, instruments.histogram
        self._amounts = [
            counter(metric, name)
            for metric in (
                names.REPEATS,
                names.EXPIRED_UNITS,
                names.REVOKED_UNITS,
                names.CLOCK_AHEAD,
                names.MEMORIES_DROPPED,
                names.FOLDED_BY_COUNT,
            )
        ]
        self._dead = {source: counter(names.DEAD_LETTERS, name, source.value) for source in Input}
        # From 0 on, not from the first: `increase` does not see a series that begins at 1.
        self._exceptions = {
            int(outcome): counter(names.EXCEPTIONS, name, outcome.name) for outcome in _EXCEPTIONS
        }
        self._decisions: list[Counter | None] = [None] * OUTCOMES
        self._decide_seconds = histogram(names.DECIDE_SECONDS, name)
        self._append_seconds = histogram(names.APPEND_SECONDS, name)
        self._append_rows = histogram(names.APPEND_ROWS, name)
        self._append_bytes = histogram(names.APPEND_BYTES, name)
        self._claims = counter(names.CLAIMS, name)
        self._claim_tries = counter(names.CLAIM_TRIES, name)
        self._fenced_ids = counter(names.FENCED_IDS, name)
        self._fenced_rows = counter(names.FENCED_ROWS, name)

    @property
    def lease_margin_seconds(self) -> float | None:
        """Seconds left of the lease (P3); None before the first claim."""
        return None if self._lease_margin is None else self._lease_margin()

    def opening(self, snapshot: Callable[[], OwnerSnapshot]) -> None:
        """See the port."""
        self._snapshot = snapshot
        gauge = self._instruments.gauge
        gauge(names.OWNED, self._partition).set(0)
        gauge(names.RECOVERY_RUNNING, self._partition).set(1)

    def claimed(self, term: int, tries: int, fenced_ids: int, lease_margin: Callable[[], float]) -> None:
        """See the port."""
        self._lease_margin = lease_margin
        self._claims.inc()
        self._claim_tries.inc(tries)
        self._fenced_ids.inc(fenced_ids)
        self._instruments.gauge(names.TERM, self._partition).set(term)

    def recovered(self, rows: int, seconds: float, voided_keys: int) -> None:
        """See the port."""
        gauge = self._instruments.gauge
        gauge(names.RECOVERY_RUNNING, self._partition).set(0)
        gauge(names.RECOVERY_ROWS, self._partition).set(rows)
        gauge(names.RECOVERY_SECONDS, self._partition).set(seconds)
        gauge(names.OWNED, self._partition).set(1)
        self._fenced_rows.inc(voided_keys)

    def decided(self, batch: Sealed, seconds: float) -> None:
        """See the port."""
        self._decide_seconds.observe(seconds)
        for number, count in enumerate(batch.outcomes):
            if count:
                decisions = self._decisions[number]
                if decisions is None:
                    decisions = self._new_decisions(number)
                decisions.inc(count)
                if number in self._exceptions:
                    self._exceptions[number].inc(count)
        amounts = (
            batch.repeats,
            batch.expired_units,
            batch.revoked_units,
            batch.clock_ahead,
            batch.dropped_memories,
            batch.folded_by_count,
        )
        for counter, amount in zip(self._amounts, amounts, strict=True):
            if amount:
                counter.inc(amount)

    def _new_decisions(self, number: int) -> Counter:
        name = _NAMES.get(number, str(number))
        decisions = self._decisions[number] = self._instruments.counter(
            names.DECISIONS, self._partition, name
        )
        return decisions

    def acked(self, acked: Acked) -> None:
        """See the port."""
        self._append_seconds.observe(acked.seconds)
        self._append_rows.observe(acked.rows)
        self._append_bytes.observe(acked.size_bytes)
        self._skew_seconds = acked.skew_seconds

    def buried(self, source: Input, letters: int) -> None:
        """See the port."""
        self._dead[source].inc(letters)

    def lag(self, source: Input, records: int, seconds: float) -> None:
        """See the port."""
        gauge = self._instruments.gauge
        gauge(names.INPUT_LAG_RECORDS, self._partition, source.value).set(records)
        gauge(names.INPUT_LAG_SECONDS, self._partition, source.value).set(seconds)

    def positions(self, count: int) -> None:
        """See the port."""
        self._instruments.gauge(names.KEPT, self._partition, "positions").set(count)

    def closed(self) -> None:
        """See the port."""
        self._snapshot = self._lease_margin = self._skew_seconds = None
        self._instruments.forget(self._partition)

    def refresh(self) -> None:
        """Ask for what is only looked at; called before a scrape is answered."""
        if self._snapshot is None:
            return
        gauge, name = self._instruments.gauge, self._partition
        seen = self._snapshot()
        gauge(names.RECOVERY_ROWS, name).set(seen.recovered_rows)
        for source, batches in seen.inbox_batches.items():
            gauge(names.INBOX_BATCHES, name, source.value).set(batches)
        for kind, entries in seen.kept.items():
            gauge(names.KEPT, name, kind).set(entries)
        for kind, window in seen.windows.items():
            gauge(names.WINDOW, name, kind).set(window.seconds)
            gauge(names.WINDOW_COUNT_DECIDES, name, kind).set(window.is_by_count)
        if self._skew_seconds is not None:
            gauge(names.CLOCK_SKEW, name).set(self._skew_seconds)
        margin = self.lease_margin_seconds
        if margin is not None:
            gauge(names.LEASE_MARGIN, name).set(margin)


class PrometheusOwners:
    """The monitors of all partitions that this process has owned."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._owners: dict[int, PrometheusOwner] = {}

    def of(self, partition: int) -> OwnerMonitor:
        """Give a partition's monitor: the same one each time it comes back, so that counts go on."""
        if partition not in self._owners:
            self._owners[partition] = PrometheusOwner(partition, self._instruments)
        return self._owners[partition]

    def refresh(self) -> None:
        """Ask every owner that is here."""
        for owner in self._owners.values():
            owner.refresh()

    def why_not_alive(self) -> list[str]:
        """Name partitions whose lease has run out: their owner should have ended (P3)."""
        return [
            f"partition {partition}: the lease ran out {-margin:.0f} s ago"
            for partition, owner in self._owners.items()
            if (margin := owner.lease_margin_seconds) is not None and margin < 0
        ]
