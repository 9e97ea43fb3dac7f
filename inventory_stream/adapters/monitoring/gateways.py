"""What a gateway tells, kept as Prometheus metrics."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from inventory_stream import metric_names as names
from inventory_stream.adapters.monitoring.instruments import Instruments
from models.payments import SettledAs

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram


class PrometheusGateway:
    """An `AccessMonitor`, a `SaleMonitor` and a `WebhookMonitor`."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        # Looking a label up costs 2 us, more than counting; there are as many as endpoints and statuses.
        self._counters: dict[tuple[str, int], Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        self._waiting: Callable[[], int] = int
        self._fresh: Callable[[], int] = int
        self._streams: Mapping[str, Callable[[], int]] = {}
        for status in SettledAs:
            instruments.counter(names.GATEWAY_PAYMENTS, status.value)

    def watch(
        self, waiting: Callable[[], int], fresh: Callable[[], int], streams: Mapping[str, Callable[[], int]]
    ) -> None:
        """Ask these on each scrape: requests that wait, partitions that are fresh, streams by kind."""
        self._waiting = waiting
        self._fresh = fresh
        self._streams = streams

    def answered(self, endpoint: str, status: int, seconds: float) -> None:
        """See the port."""
        counter = self._counters.get((endpoint, status))
        if counter is None:
            counter = self._instruments.counter(names.GATEWAY_REQUESTS, endpoint, str(status))
            self._counters[endpoint, status] = counter
        counter.inc()
        histogram = self._histograms.get(endpoint)
        if histogram is None:
            histogram = self._histograms[endpoint] = self._instruments.histogram(
                names.GATEWAY_SECONDS, endpoint
            )
        histogram.observe(seconds)

    def dropped(self, partition: int, rows: int) -> None:
        """Count rows of a fenced owner that were left out (P4); 0 at the start, so that it is shown."""
        self._instruments.counter(names.FENCED_ROWS, str(partition)).inc(rows)

    def refused_early(self) -> None:
        """See the port."""
        self._instruments.counter(names.GATEWAY_EARLY).inc()

    def settled(self, status: str) -> None:
        """See the port."""
        self._instruments.counter(names.GATEWAY_PAYMENTS, status).inc()

    def not_recorded(self) -> None:
        """See the port."""
        self._instruments.counter(names.GATEWAY_NOT_RECORDED).inc()

    def admitted(self, people: int) -> None:
        """See the port."""
        self._instruments.counter(names.GATEWAY_ROOM_ADMITTED).inc(people)

    def rooms(self, waiting: int, in_flight: int) -> None:
        """See the port."""
        self._instruments.gauge(names.GATEWAY_ROOM_WAITING).set(waiting)
        self._instruments.gauge(names.GATEWAY_ROOM_IN_FLIGHT).set(in_flight)

    def room_restored(self) -> None:
        """See the port."""
        self._instruments.counter(names.GATEWAY_ROOM_RESTORED).inc()

    def delivered(self, integration: str, result: str) -> None:
        """See `ports.webhooks.WebhookMonitor`."""
        self._instruments.counter(names.GATEWAY_WEBHOOKS, integration, result).inc()

    def misfit(self, integration: str, field: str) -> None:
        """See `ports.webhooks.WebhookMonitor`."""
        self._instruments.counter(names.GATEWAY_WEBHOOK_MISFITS, integration, field).inc()

    def unknown_kind(self, integration: str, kind: str) -> None:
        """See `ports.webhooks.WebhookMonitor`."""
        self._instruments.counter(names.GATEWAY_WEBHOOK_KINDS, integration, kind).inc()

    def refresh(self) -> None:
        """Look at what is only looked at for a scrape."""
        self._instruments.gauge(names.GATEWAY_WAITING).set(self._waiting())
        self._instruments.gauge(names.GATEWAY_FRESH).set(self._fresh())
        for kind, count in self._streams.items():
            self._instruments.gauge(names.GATEWAY_STREAMS, kind).set(count())
