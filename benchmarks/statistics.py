"""Figures from what was seen: rates, percentiles, medians."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Final

from hdrh.histogram import HdrHistogram

from benchmarks.ledger_check import LedgerReading
from benchmarks.watch import Sight

LATENCY_US_MAX: Final = 60_000_000
"""Largest latency told apart: a minute; a run gives up earlier."""
SIGNIFICANT_DIGITS: Final = 3

PERCENTILES: Final = (50.0, 75.0, 90.0, 95.0, 97.5, 99.0, 99.5, 99.75, 99.9, 99.95, 99.99)
"""Points of a latency curve, evenly far apart where the axis is the share of the slower ones, logarithmic.
Of the 400,000 latencies of a run the last leaves 40 beyond it; a further one would be a matter of four."""

Figures = dict[str, float]
"""Name with unit -> value."""


def throughput_figures(reading: LedgerReading, seen: Sequence[Sight], launched_seconds: float) -> Figures:
    """Compute what one closed-loop run gave.

    Rates leave out the commands of the first append: the time before it is not known. The figure
    with the process start counts all commands and all time.

    Args:
        reading: The ledger as read back.
        seen: The ends of the log while it grew.
        launched_seconds: When the process was launched, by the clock of `seen`.

    Returns:
        commands_per_s by the broker's record times; ..._wall by the watcher's clock;
        ..._with_start from the launch of the process on; cpu_us_per_command of the process;
        appends, and commands_per_append p50, p99 and max. A rate that cannot be told, because all
        was over within one append or one look, is left out.
    """
    times = [time_ms for time_ms, _ in reading.appended]
    first_ms, last_ms = times[0], times[-1]
    later = len(times) - bisect_right(times, first_ms)
    ends = [end for _, end in reading.appended]
    # How many outcomes lay below each end that was seen.
    visible = [(sight, bisect_right(ends, sight.end)) for sight in seen]
    start, known = next((sight, count) for sight, count in visible if count)
    last, total = next((sight, count) for sight, count in visible if count == len(ends))
    after = total - known
    figures = {
        "commands_per_s_with_start": total / (last.seconds - launched_seconds),
        "appends": float(len(reading.batch_commands)),
        **batch_figures(reading.batch_commands),
    }
    if later and last_ms > first_ms:
        figures["commands_per_s"] = later / (last_ms - first_ms) * 1_000
    if after:
        figures["commands_per_s_wall"] = after / (last.seconds - start.seconds)
        figures["cpu_us_per_command"] = (last.cpu_seconds - start.cpu_seconds) / after * 1e6
    return figures


def batch_figures(batch_commands: Sequence[int]) -> Figures:
    """Describe the sizes of the batches seen."""
    ordered = sorted(batch_commands)
    return {
        "commands_per_append_p50": float(ordered[len(ordered) // 2]),
        "commands_per_append_p99": float(ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]),
        "commands_per_append_max": float(ordered[-1]),
    }


def latency_figures(latencies_seconds: Iterable[float]) -> Figures:
    """Describe latencies in ms: `PERCENTILES`, named p50_ms, p975_ms, p999_ms, and max_ms."""
    histogram = HdrHistogram(1, LATENCY_US_MAX, SIGNIFICANT_DIGITS)
    for seconds in latencies_seconds:
        histogram.record_value(min(LATENCY_US_MAX, max(1, round(seconds * 1e6))))
    return {
        **{percentile_name(at): histogram.get_value_at_percentile(at) / 1_000 for at in PERCENTILES},
        "max_ms": histogram.get_max_value() / 1_000,
    }


def percentile_name(percent: float) -> str:
    """Name the figure of a percentile: 99.9 is p999_ms."""
    return f"p{f'{percent:g}'.replace('.', '')}_ms"


def latency_curve(figures: Mapping[str, float]) -> list[tuple[float, float]]:
    """Give (percent, ms) for each percentile that there is."""
    named = [(at, figures.get(percentile_name(at))) for at in PERCENTILES]
    return [(at, ms) for at, ms in named if ms is not None]


def medians(runs: Sequence[Mapping[str, float]]) -> Figures:
    """Give the median of each figure that every run has."""
    if not runs:
        return {}
    return {name: median(run[name] for run in runs) for name in runs[0] if all(name in run for run in runs)}
