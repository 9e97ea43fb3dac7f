"""Charts of lines: latency by percentile, latency over the rate, decisions over time."""

from collections.abc import Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, NullLocator

from benchmarks.batches import APPENDS_OVER_COMMANDS
from benchmarks.chart_bars import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION, colour, title
from benchmarks.document import Document
from benchmarks.overload import overloaded_rate
from benchmarks.result import DECIDED_OVER_TIME, KILLS_OVER_TIME
from benchmarks.scenarios import WORKER
from benchmarks.statistics import latency_curve

_SIZE_INCHES: Final = (8.6, 4.4)
_MARKERS: Final = "os^Dv<>P*X"
_DASHES: Final = ("-", "--", "-.", ":")
_MANY: Final = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, BLACK)


def draw_latency(scenario: Document) -> Figure:
    """One curve for each subject; the axis of percentiles stretches the tail, where the trouble is.

    Who does not keep up with the rate has no curve, but is named: its queue would stretch the axis for all.
    """
    figure, axes = _figure()
    reached = {subject: overloaded_rate(scenario, subject) for subject in scenario["medians"]}
    left_out = [f"{subject} ({rate:,.0f}/s)" for subject, rate in reached.items() if rate is not None]
    curves = {
        subject: latency_curve(figures)
        for subject, figures in scenario["medians"].items()
        if reached[subject] is None
    }
    for number, (subject, curve) in enumerate(curves.items()):
        if curve:
            axes.plot(
                [100 / (100 - at) for at, _ in curve],
                [ms for _, ms in curve],
                label=subject,
                color=colour(subject, number),
                marker=_MARKERS[number % len(_MARKERS)],
                markersize=4,
                linewidth=2.5 if subject == WORKER else 1.2,
                linestyle=_DASHES[number % len(_DASHES)],
            )
    axes.set_xscale("log")
    axes.set_xticks([2, 10, 100, 1_000, 10_000], ["50", "90", "99", "99.9", "99.99"])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("percentile of all commands, %")
    _latency_axis(axes)
    title(axes, scenario, f"; does not keep up: {', '.join(left_out)}" if left_out else "")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def draw_sweep(scenario: Document) -> Figure:
    """p50 and p99 at each rate that was due, with the bound at which the sweep ends."""
    figure, axes = _figure()
    points = sorted(
        (float(subject.removesuffix("/s due").replace(",", "")), figures)
        for subject, figures in scenario["medians"].items()
        if subject.endswith("/s due") and "p99_ms" in figures
    )
    rates = [rate for rate, _ in points]
    for name, label, shade, marker in (("p50_ms", "p50", BLUE, "o"), ("p99_ms", "p99", ORANGE, "s")):
        axes.plot(rates, [figures[name] for _, figures in points], label=label, color=shade, marker=marker)
    bound = scenario["parameters"]["p99_ms_max"]
    axes.axhline(bound, color=VERMILION, linestyle="--", linewidth=1, label=f"p99 of {bound:g} ms: the end")
    axes.set_xscale("log")
    axes.set_xticks(rates, [f"{rate / 1_000:g}k" for rate in rates])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("commands due per second")
    _latency_axis(axes)
    title(axes, scenario)
    axes.legend()
    return figure


def draw_timeline(scenario: Document) -> Figure:
    """Decisions by the second in the first run, each kill a line."""
    figure, axes = _figure()
    for number, (subject, result) in enumerate(scenario["runs"][0].items()):
        series = result["series"] or {}
        decided = series.get(DECIDED_OVER_TIME, [])
        axes.step(*_columns(decided), where="post", label=subject, color=colour(subject, number))
        for kill, (second, _) in enumerate(series.get(KILLS_OVER_TIME, [])):
            axes.axvline(
                second, color=VERMILION, linestyle="--", linewidth=1, label=None if kill else "SIGKILL"
            )
    axes.set_xlabel("seconds after the first command was due")
    axes.set_ylabel("decisions per second")
    axes.yaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_ylim(0)
    axes.grid(axis="y")
    title(axes, scenario)
    axes.legend()
    return figure


def draw_batches(scenarios: Sequence[Document]) -> Figure:
    """How many commands the worker's appends hold: the share of appends up to each size, by scenario."""
    figure, axes = _figure()
    for number, scenario in enumerate(scenarios):
        sizes, appends = _columns(batch_sizes(scenario))
        shares = [sum(appends[: at + 1]) / sum(appends) * 100 for at in range(len(appends))]
        axes.plot(
            sizes,
            shares,
            label=scenario["name"],
            color=_MANY[number % len(_MANY)],
            marker=_MARKERS[number % len(_MARKERS)],
            markersize=4,
            linestyle=_DASHES[number % len(_DASHES)],
        )
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("commands per append, at most")
    axes.set_ylabel("share of appends, %")
    axes.set_ylim(0, 104)
    axes.grid()
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def batch_sizes(scenario: Document) -> list[Any]:
    """Give the worker's batches by size in the first run; empty where none were looked at."""
    series = scenario["runs"][0].get(WORKER, {}).get("series") or {}
    return list(series.get(APPENDS_OVER_COMMANDS, []))


# --- parts -----------------------------------------------------------------------------------------


def _figure() -> tuple[Figure, Axes]:
    figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
    return figure, figure.subplots()


def _columns(points: list[Any]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _latency_axis(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda ms, _: f"{ms:,g}"))
    axes.set_ylabel("latency from when due, ms")
    axes.grid(axis="y")
