"""What a gateway tells, kept as Prometheus metrics."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from inventory_stream import metric_names as names
from inventory_stream.adapters.monitoring.instruments import Instruments

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram


class PrometheusGateway:
    """An `AccessMonitor`."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        # Looking a label up costs 2 us, more than counting; there are as many as endpoints and statuses.
        self._counters: dict[tuple[str, int], Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        self._waiting: Callable[[], int] = int
        self._fresh: Callable[[], int] = int

    def watch(self, waiting: Callable[[], int], fresh: Callable[[], int]) -> None:
        """Ask these on each scrape: requests that wait, partitions that are fresh."""
        self._waiting = waiting
        self._fresh = fresh

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

    def refresh(self) -> None:
        """Look at what is only looked at for a scrape."""
        self._instruments.gauge(names.GATEWAY_WAITING).set(self._waiting())
        self._instruments.gauge(names.GATEWAY_FRESH).set(self._fresh())
