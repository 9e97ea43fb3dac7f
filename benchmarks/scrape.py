"""What a worker says about itself on /metrics."""

import asyncio
import urllib.request
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from inventory_stream.devservers.ports import LOOPBACK
from inventory_stream.metric_names import Metric

SCRAPE_SECONDS_MAX: Final = 10.0
"""A scrape takes a few ms; a worker that reads a partition answers between two slices of 30 ms."""

PARTITION: Final = {"partition": "0"}
"""Labels of the one partition that there is."""


async def scrape(port: int, metric: Metric, **labels: str) -> float | None:
    """Give the value of a metric with exactly these labels; None when it, or the process, is not there."""
    try:
        text = await asyncio.to_thread(_get, port)
    except OSError:
        return None
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == metric.name and sample.labels == labels:
                return float(sample.value)
    return None


def _get(port: int) -> str:
    with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/metrics", timeout=SCRAPE_SECONDS_MAX) as answer:
        content: bytes = answer.read()
    return content.decode()
