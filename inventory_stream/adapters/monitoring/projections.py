"""What a projection worker tells, kept as Prometheus metrics."""

from inventory_stream import metric_names as names
from inventory_stream.adapters.monitoring.instruments import Instruments
from models.events import SHORTFALL


class PrometheusProjection:
    """A `ProjectionMonitor`; also knows which of its partitions are fresh."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._fresh: dict[int, bool] = {}
        self._redis_up = instruments.gauge(names.REDIS_UP)
        self._redis_failures = instruments.counter(names.REDIS_FAILURES)
        self._redis_reconnects = instruments.counter(names.REDIS_RECONNECTS)
        self._is_answering: bool | None = None

    def taken_up(self, partition: int) -> None:
        """See the port."""
        self._fresh[partition] = False
        name = str(partition)
        self._instruments.gauge(names.PROJECTION_FRESH, name).set(0)
        self._instruments.gauge(names.PROJECTION_REBUILDING, name).set(0)
        self._instruments.counter(names.PROJECTION_REBUILDS, name)
        self._instruments.counter(names.FENCED_ROWS, name)
        self._instruments.counter(names.EVENT_FAILURES, name)
        self._instruments.counter(names.EXCEPTION_EVENTS, name, SHORTFALL)

    def given_up(self, partition: int) -> None:
        """See the port."""
        del self._fresh[partition]
        self._instruments.forget(str(partition))

    def applied(self, partition: int, rows: int, skus: int, delay_seconds: float) -> None:
        """See the port."""
        name = str(partition)
        self._instruments.histogram(names.PROJECTION_DELAY, name).observe(delay_seconds)
        self._instruments.counter(names.PROJECTION_ROWS, name).inc(rows)
        self._instruments.counter(names.PROJECTION_SKUS, name).inc(skus)

    def looked(self, partition: int, lag_records: int | None, *, is_fresh: bool) -> None:
        """See the port."""
        self._fresh[partition] = is_fresh
        name = str(partition)
        self._instruments.gauge(names.PROJECTION_FRESH, name).set(is_fresh)
        if lag_records is not None:
            self._instruments.gauge(names.PROJECTION_LAG, name).set(lag_records)

    def rebuilding(self, partition: int) -> None:
        """See the port."""
        self._fresh[partition] = False
        name = str(partition)
        self._instruments.gauge(names.PROJECTION_FRESH, name).set(0)
        self._instruments.gauge(names.PROJECTION_REBUILDING, name).set(1)
        self._instruments.counter(names.PROJECTION_REBUILDS, name).inc()

    def rebuilt(self, partition: int) -> None:
        """See the port."""
        self._instruments.gauge(names.PROJECTION_REBUILDING, str(partition)).set(0)

    def dropped(self, partition: int, rows: int) -> None:
        """See the port."""
        self._instruments.counter(names.FENCED_ROWS, str(partition)).inc(rows)

    def published(self, partition: int, topic: str, events: int) -> None:
        """See the port."""
        self._instruments.counter(names.EVENTS_PUBLISHED, str(partition), topic).inc(events)

    def raised(self, partition: int, kind: str) -> None:
        """See the port."""
        self._instruments.counter(names.EXCEPTION_EVENTS, str(partition), kind).inc()

    def not_published(self, partition: int) -> None:
        """See the port."""
        self._instruments.counter(names.EVENT_FAILURES, str(partition)).inc()

    def view_answered(self) -> None:
        """See the port."""
        if self._is_answering is False:
            self._redis_reconnects.inc()
        if not self._is_answering:
            self._is_answering = True
            self._redis_up.set(1)

    def view_failed(self) -> None:
        """See the port."""
        self._is_answering = False
        self._redis_failures.inc()
        self._redis_up.set(0)

    def why_not_ready(self) -> list[str]:
        """Name what readers of the view would miss."""
        behind = sorted(partition for partition, is_fresh in self._fresh.items() if not is_fresh)
        reasons = [] if self._is_answering is not False else ["redis does not answer"]
        if behind:
            reasons.append(f"partitions {behind} are not caught up")
        return reasons
