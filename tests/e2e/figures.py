"""What processes say on /metrics, as an operator's Prometheus would read it."""

import asyncio
import urllib.request
from collections.abc import Mapping
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from inventory_stream.devservers.ports import LOOPBACK
from inventory_stream.metric_names import Metric

SCRAPE_SECONDS_MAX = 10.0
"""A scrape takes a few ms; the rest is a busy machine."""


class Figures(NamedTuple):
    """One scrape of one process."""

    values: Mapping[str, list[tuple[Mapping[str, str], float]]]

    def sum(self, metric: Metric, **labels: str) -> float:
        """Add up the samples of a metric with these labels; 0 where there are none."""
        return sum(
            value
            for found, value in self.values.get(metric.name, [])
            if all(found.get(name) == wanted for name, wanted in labels.items())
        )

    def furthest(self, metric: Metric) -> float:
        """Give the sample of a gauge that is furthest from 0; 0 where there is none."""
        return max((value for _, value in self.values.get(metric.name, [])), key=abs, default=0.0)


async def scrape(port: int) -> Figures | None:
    """Ask a process on this machine; None while it does not answer."""
    try:
        text = await asyncio.to_thread(_get, port)
    except OSError:
        return None
    values: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            values.setdefault(sample.name, []).append((sample.labels, sample.value))
    return Figures(values)


def _get(port: int) -> str:
    address = f"http://{LOOPBACK}:{port}/metrics"
    with urllib.request.urlopen(address, timeout=SCRAPE_SECONDS_MAX) as answer:
        content: bytes = answer.read()
    return content.decode()
