"""The charts of a result, as SVG beside its page: which there are, and how each is kept.

The same result gives the same files: names inside an SVG come from a fixed salt, and no date is in it. Each
has a ground of its own, so that it reads on light and on dark pages; the colours are those of Okabe and Ito,
which colour-blind eyes tell apart, and no chart tells its subjects by colour alone.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.chart_bars import draw_peers, draw_recovery, draw_scaling, draw_throughput
from benchmarks.chart_lines import batch_sizes, draw_batches, draw_latency, draw_sweep, draw_timeline
from benchmarks.document import Document
from benchmarks.result import DECIDED_OVER_TIME

_STYLE: Final[dict[Any, Any]] = {
    "svg.hashsalt": "inventory-stream",
    # Text stays text: it can be searched and read aloud, and a chart is 20 kB instead of 100.
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10.0,
    "text.color": "#1f2328",
    "axes.labelcolor": "#1f2328",
    "xtick.color": "#1f2328",
    "ytick.color": "#1f2328",
    "axes.edgecolor": "#8c959f",
    "axes.facecolor": "#fbfbf9",
    "figure.facecolor": "#fbfbf9",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#d8dbdf",
    "legend.frameon": False,
    "figure.constrained_layout.w_pad": 0.14,
    "figure.constrained_layout.h_pad": 0.1,
}

_METADATA: Final = {"Date": None, "Creator": None, "Format": None, "Type": None}
"""What matplotlib would write of itself and of the day."""


def save_charts(document: Document, folder: Path, name: str) -> dict[str, Path]:
    """Write `<name>-<chart>.svg` for each chart that this result has figures for; give title -> file."""
    written = {}
    with mpl.rc_context(_STYLE):
        for chart, title, figure in charts_of(document):
            path = folder / f"{name}-{chart}.svg"
            figure.savefig(path, format="svg", metadata={**_METADATA, "Title": title})
            written[title] = path
    return written


def charts_of(document: Document) -> Iterator[tuple[str, str, Figure]]:
    """Give name, title and drawing of each chart, in the order of the page."""
    scenarios = [scenario for scenario in document["scenarios"] if scenario["is_valid"]]
    rates = [
        one
        for one in scenarios
        if one["kind"] in ("ClosedLoop", "Mixed", "Groups") and _has(one, "commands_per_s")
    ]
    if rates:
        yield "throughput", "Decisions per second, by load", draw_throughput(rates)
    shared = [one for one in scenarios if one["kind"] == "PeersClosed" and _has(one, "commands_per_s")]
    if shared:
        yield "peers", "Decisions per second beside other systems, in one run", draw_peers(shared)
    for one in scenarios:
        name = one["name"]
        if one["kind"] in ("OpenLoop", "ViewLoop", "PeersOpen") and _has(one, "p50_ms"):
            yield name, f"Latency by percentile: {name}", draw_latency(one)
        elif one["kind"] == "Sweep" and _has(one, "p99_ms"):
            yield name, f"Latency over the rate: {name}", draw_sweep(one)
        elif one["kind"] == "Scaling" and _has(one, "commands_per_s"):
            yield name, "Decisions per second by workers and partitions", draw_scaling(one)
        elif one["kind"] == "Recovery" and _has(one, "first_decision_s"):
            yield name, "From kill -9 of the owner to the next decision", draw_recovery(one)
        elif one["kind"] == "Faults" and any(
            (result["series"] or {}).get(DECIDED_OVER_TIME) for run in one["runs"] for result in run.values()
        ):
            yield name, f"Decisions by the second while owners are killed: {name}", draw_timeline(one)

    if sized := [one for one in scenarios if batch_sizes(one)]:
        yield "batches", "Commands per append, by load", draw_batches(sized)


def _has(scenario: Document, figure: str) -> bool:
    return any(figures.get(figure) for figures in scenario["medians"].values())
