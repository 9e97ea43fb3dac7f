"""Who does not keep up with the rate due: its latencies are those of a queue that grows till the run ends."""

from typing import Final

from benchmarks.document import Document

KEPT_UP_SHARE: Final = 0.95
"""Of the rate due. Whoever answers in time reaches 0.98 of it in five seconds, the rest is the last answer's
latency."""


def overloaded_rate(scenario: Document, subject: str) -> float | None:
    """Give the commands per second that a subject reached of a higher rate due; None: it kept up.

    It did not when its last answer came too late for the rate, and so did the one of 99 of 100 commands: a
    straggler at the end alone makes the first, a stall in between the second.
    """
    figures, asked = scenario["medians"].get(subject, {}), scenario["parameters"]
    if not {"achieved_per_s", "p99_ms"} <= figures.keys() or not asked.get("rate_per_s"):
        return None
    due_per_s = asked["rate_per_s"]
    measured = asked["commands"] - asked.get("warm_up_commands", 0)
    by_p99 = measured / (measured / due_per_s + figures["p99_ms"] / 1_000)
    reached: float = figures["achieved_per_s"]
    return reached if max(reached, by_p99) < KEPT_UP_SHARE * due_per_s else None


def overloaded_line(rate_per_s: float) -> str:
    """Say it where a latency would stand."""
    return f"does not keep up: {rate_per_s:,.0f}/s"
