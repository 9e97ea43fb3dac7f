"""Writes docs/metrics.md from the catalogue: `python -m inventory_stream.adapters.monitoring.page`."""

import sys
from pathlib import Path
from typing import Final

from inventory_stream.metric_names import FOREIGN, METRICS, Kind, Metric, Role

PAGE: Final = Path("docs/metrics.md")

_HEAD: Final = """\
# Metrics

Generated from `inventory_stream/metric_names.py` by `python -m inventory_stream.adapters.monitoring.page`;
change it there. Each process serves them on `GET /metrics` of `monitoring.host`:`monitoring.port`
([operations](operations.md)). Those with something to worry about have a rule in `ops/alerts.yml`.
"""

_TITLES: Final = {
    Role.EVERY: "Every process",
    Role.LEDGER: "worker ledger",
    Role.PROJECTION: "worker projection",
    Role.GATEWAY: "gateway",
    Role.CHANNELS: "worker channels",
}


def page() -> str:
    """Give the whole page."""
    parts = [_HEAD]
    for role, title in _TITLES.items():
        mine = [metric for metric in METRICS if metric.role is role]
        parts.append(f"\n## {title}\n")
        parts.append("| metric | kind, unit | labels | tells | worry |")
        parts.append("| --- | --- | --- | --- | --- |")
        parts += map(_row, mine)
    parts.append("\n## Buckets\n")
    parts.append("| metric | upper bounds | why these |")
    parts.append("| --- | --- | --- |")
    parts += [_buckets(metric) for metric in METRICS if metric.kind is Kind.HISTOGRAM]
    parts.append("\n## Not ours\n")
    parts.append("| metric | tells |")
    parts.append("| --- | --- |")
    parts += [f"| `{name}` | {tells} |" for name, tells in FOREIGN.items()]
    return "\n".join(parts) + "\n"


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    worry = metric.worry
    if metric.runbook:
        worry += f" [{metric.runbook}](runbooks/{metric.runbook}.md)"
    return f"| `{metric.name}` | {metric.kind.value}, {metric.unit} | {labels} | {metric.tells} | {worry} |"


def _buckets(metric: Metric) -> str:
    assert metric.buckets is not None  # noqa: S101  # a test holds it for every histogram
    bounds = ", ".join(f"{bound:g}" for bound in metric.buckets.bounds)
    return f"| `{metric.name}` | {bounds} | {metric.buckets.reason} |"


def main(target: Path = PAGE) -> None:
    """Write the page, seen from the repository's root."""
    target.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{target} written\n")


if __name__ == "__main__":
    main()
