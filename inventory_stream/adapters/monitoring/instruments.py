"""Prometheus instruments made from the catalogue: no metric can be exported that it does not declare."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from inventory_stream.metric_names import METRICS, Kind, Metric, Role


class Instruments:
    """Every metric of one kind of process, registered and ready to be labelled.

    Args:
        role: Of the process; those of EVERY are always there.
        registry: Where they are registered.
    """

    def __init__(self, role: Role, registry: CollectorRegistry) -> None:
        self.registry = registry
        mine = [metric for metric in METRICS if metric.role in (role, Role.EVERY)]
        self._counters = {
            metric.name: Counter(metric.name, metric.tells, metric.labels, registry=registry)
            for metric in mine
            if metric.kind is Kind.COUNTER
        }
        self._gauges = {
            metric.name: Gauge(metric.name, metric.tells, metric.labels, registry=registry)
            for metric in mine
            if metric.kind is Kind.GAUGE
        }
        self._by_partition = [
            self._gauges[metric.name]
            for metric in mine
            if metric.kind is Kind.GAUGE and "partition" in metric.labels
        ]
        self._histograms = {
            metric.name: Histogram(
                metric.name, metric.tells, metric.labels, buckets=metric.buckets.bounds, registry=registry
            )
            for metric in mine
            if metric.kind is Kind.HISTOGRAM and metric.buckets is not None
        }

    def counter(self, metric: Metric, *labels: str) -> Counter:
        """Give a counter, labelled when the metric has labels; it stands at 0 from now on."""
        counter = self._counters[metric.name]
        return counter.labels(*labels) if labels else counter

    def gauge(self, metric: Metric, *labels: str) -> Gauge:
        """Give a gauge, labelled when the metric has labels."""
        gauge = self._gauges[metric.name]
        return gauge.labels(*labels) if labels else gauge

    def histogram(self, metric: Metric, *labels: str) -> Histogram:
        """Give a histogram, labelled when the metric has labels."""
        histogram = self._histograms[metric.name]
        return histogram.labels(*labels) if labels else histogram

    def forget(self, partition: str) -> None:
        """Let the gauges of a partition go that is no longer here; what was counted stays."""
        for gauge in self._by_partition:
            gauge.remove_by_labels({"partition": partition})


class OneFamily(Collector):
    """A single metric family as a registry, so that a page can be written in slices."""

    def __init__(self, family: Family) -> None:
        self._family = family

    def collect(self) -> Iterable[Family]:
        """Give the family."""
        return (self._family,)


def text_of(family: Family) -> bytes:
    """Give one family in Prometheus' text format."""
    return generate_latest(OneFamily(family))
