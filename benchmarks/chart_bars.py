"""Charts of bars: throughput, other systems, scaling, recovery."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from benchmarks.document import Document
from benchmarks.headline import EVERYBODY, counted_values
from benchmarks.scenarios import BARE_LOOP, COMPILED, WORKER

BLUE: Final = "#0072b2"
GREY: Final = "#8a8f98"
SKY: Final = "#56b4e9"
ORANGE: Final = "#e69f00"
GREEN: Final = "#009e73"
VERMILION: Final = "#d55e00"
PURPLE: Final = "#cc79a7"
BLACK: Final = "#1f2328"

_COLOURS: Final[Mapping[str, str]] = {WORKER: BLUE, BARE_LOOP: GREY, COMPILED: SKY}
_WIDTH_INCHES: Final = 8.6
_BAR_INCHES: Final = 0.27
_MARGIN_INCHES: Final = 0.95
_TITLE_CHARACTERS: Final = 80
_LABEL_ROOM: Final = 1.36
"""The axis ends so far beyond the longest bar, for what is written behind it."""


def colour(subject: str, number: int) -> str:
    """Give the colour of a subject, the others' by their number."""
    return _COLOURS.get(subject, (BLACK, PURPLE, ORANGE, GREEN, VERMILION, SKY)[number % 6])


def title(axes: Axes, scenario: Document, note: str = "") -> None:
    """Head a drawing with what the scenario is, in lines that fit."""
    text = scenario["title"].removesuffix(EVERYBODY) + note
    axes.set_title(textwrap.fill(text, _TITLE_CHARACTERS), loc="left", fontsize=10)


def draw_throughput(scenarios: Sequence[Document]) -> Figure:
    """One group of bars for each load: the worker, and what ran in turns with it."""
    bars = sum(len(scenario["medians"]) for scenario in scenarios)
    figure, (axes,) = _figure(bars + 0.8 * len(scenarios), 1)
    top, ticks, seen = 0.0, [], dict[str, Any]()
    for scenario in scenarios:
        ticks.append((top + (len(_with_rate(scenario)) - 1) / 2, scenario["name"]))
        for number, subject in enumerate(_with_rate(scenario)):
            ratio = scenario["ratios"].get(subject, {}).get("commands_per_s")
            note = "" if ratio is None else f" (worker {ratio:.2f}x)"
            drawn = _bar(axes, top, scenario, subject, note, colour(subject, number))
            seen.setdefault(subject, drawn)
            top += 1
        top += 0.8
    axes.set_yticks([at for at, _ in ticks], [name for _, name in ticks])
    figure.legend(list(seen.values()), list(seen), loc="outside upper right", ncols=len(seen))
    _finish_rates(axes)
    return figure


def draw_peers(scenarios: Sequence[Document]) -> Figure:
    """One panel for each load, a bar for each system; behind it how many times as fast we are."""
    figure, panels = _figure(sum(len(one["medians"]) + 2.2 for one in scenarios), len(scenarios), scenarios)
    for axes, scenario in zip(panels, scenarios, strict=True):
        subjects = _with_rate(scenario)
        for at, subject in enumerate(subjects):
            ratio = scenario["ratios"].get(subject, {}).get("commands_per_s")
            note = "" if ratio is None else f" (worker {ratio:.2f}x)"
            _bar(axes, at, scenario, subject, note, _COLOURS.get(subject, ORANGE))
        axes.set_yticks(range(len(subjects)), subjects)
        title(axes, scenario)
        _finish_rates(axes)
        axes.label_outer()
    panels[0].set_xlim(0, max(axes.dataLim.x1 for axes in panels) * _LABEL_ROOM)
    return figure


def draw_scaling(scenario: Document) -> Figure:
    """A bar for each setup; behind it how many times the first it makes."""
    figure, (axes,) = _figure(len(scenario["medians"]), 1)
    rates = {subject: scenario["medians"][subject]["commands_per_s"] for subject in _with_rate(scenario)}
    first = next(iter(rates.values()))
    for at, (subject, rate) in enumerate(rates.items()):
        _bar(axes, at, scenario, subject, f" ({rate / first:.2f}x the first)" if at else "", BLUE)
    axes.set_yticks(range(len(rates)), list(rates))
    _finish_rates(axes)
    return figure


def draw_recovery(scenario: Document) -> Figure:
    """What lies between the kill and the next decision, beside what is allowed."""
    medians = scenario["medians"]
    figure, (axes,) = _figure(2 * len(medians), 1)
    for at, figures in enumerate(medians.values()):
        reading, whole = figures["recovery_s"], figures["first_decision_s"]
        around = max(0.0, whole - reading)
        noticed = axes.barh(at, around, 0.5, color=ORANGE, hatch="//", edgecolor="#fbfbf9")
        read = axes.barh(at, reading, 0.5, left=around, color=BLUE)
        allowed = axes.plot([figures["allowed_s"]] * 2, [at - 0.4, at + 0.4], color=VERMILION, linewidth=2)
        rows = f"{figures['rows'] / 1e6:.2f} M rows, {figures['rows_per_s']:,.0f} rows/s"
        axes.annotate(f"{whole:.1f} s, {rows}", (0, at - 0.3), (2, 2), textcoords="offset points", fontsize=9)
    axes.set_yticks(range(len(medians)), list(medians))
    axes.invert_yaxis()
    axes.set_xlabel("seconds after the kill")
    axes.set_xlim(0)
    axes.grid(axis="x")
    figure.legend(
        [noticed.patches[0], read.patches[0], allowed[0]],
        ["until the group noticed, start, claim", "reading the partition", "allowed"],
        loc="outside upper right",
        ncols=3,
    )
    return figure


# --- parts -----------------------------------------------------------------------------------------


def _with_rate(scenario: Document) -> list[str]:
    """Leave out whose rate could not be told, or does not count."""
    return [subject for subject, figures in scenario["medians"].items() if "commands_per_s" in figures]


def _figure(bars: float, panels: int, scenarios: Sequence[Document] = ()) -> tuple[Figure, list[Axes]]:
    height = _MARGIN_INCHES + bars * _BAR_INCHES
    figure = Figure(figsize=(_WIDTH_INCHES, height), layout="constrained")
    ratios = [len(one["medians"]) + 1 for one in scenarios] or None
    return figure, list(figure.subplots(panels, 1, squeeze=False, sharex=True, height_ratios=ratios)[:, 0])


def _bar(axes: Axes, at: float, scenario: Document, subject: str, note: str, shade: str) -> Any:  # noqa: ANN401  # matplotlib's container
    rate = scenario["medians"][subject]["commands_per_s"]
    known = counted_values(scenario, subject, "commands_per_s")
    hatch = "//" if subject == BARE_LOOP else None
    drawn = axes.barh(at, rate, 0.8, color=shade, hatch=hatch, edgecolor="#fbfbf9", label=subject)
    if len(known) > 1:
        axes.plot([min(known), max(known)], [at, at], color="#1f2328", marker="|", linewidth=1)
    highest = max([rate, *known])
    axes.annotate(
        f"{rate:,.0f}{note}", (highest, at), (5, 0), textcoords="offset points", va="center", fontsize=9
    )
    return drawn


def _finish_rates(axes: Axes) -> None:
    axes.invert_yaxis()
    axes.set_xlim(0, axes.dataLim.x1 * _LABEL_ROOM)
    axes.set_xlabel("decisions per second: median of the runs, the line from the lowest to the highest")
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.grid(axis="x")
