"""Explanations as lines of text."""

from collections.abc import Iterator

from inventory_stream.flows.explain_changes import UNKNOWN, Change
from inventory_stream.flows.explain_command import CommandStory
from inventory_stream.flows.explain_missing import Missing
from inventory_stream.flows.explain_position import PositionStory
from inventory_stream.flows.explain_reservation import ReservationStory
from inventory_stream.flows.explain_steps import Step
from inventory_stream.flows.explain_walk import Reach
from inventory_stream.flows.explain_words import formula_words, span, units, utc
from models.rows import Line, ReservationRow

_COUNTERS = (
    *("reserved", "allocated", "backordered", "backorders_confirmed", "fulfilled"),
    *("released", "expired", "cancelled", "revoked", "returned"),
)


def reservation_lines(story: ReservationStory) -> Iterator[str]:
    """Say what was asked and what it is now."""
    if not story.is_found:
        yield f"reservation {story.reservation_id}: not in the ledger"
        return
    row = story.row
    where = f"partition {story.partition}"
    if row is None and story.waiting:
        waits = "1 command waits" if story.waiting == 1 else f"{story.waiting} commands wait"
        yield f"reservation {story.reservation_id} ({where}): its order has not come; {waits} for it"
        return
    if row is None:
        yield f"reservation {story.reservation_id} ({where}): its row was deleted, or it has none"
        return
    yield f"reservation {story.reservation_id} ({where}): {_asked(row)}"
    if not row.lines:
        yield "it holds nothing"
    for line in row.lines:
        yield f"at {line.location}: {_line(line)}"
    if row.ended_ms:
        yield f"over since {utc(row.ended_ms)}"
    elif any(line.reserved for line in row.lines):
        yield f"reserved until {utc(row.deadline_ms)}"


def _asked(row: ReservationRow) -> str:
    source = f"at {row.location}" if row.location is not None else f"from group {row.group} ({row.strategy})"
    asked = f"{units(row.units)} of {row.sku} {source}"
    if row.allow_partial:
        asked += ", or fewer"
    names = (("channel", row.channel), ("order", row.paid_order_id or row.order_id))
    return asked + "".join(f", {name} {value}" for name, value in names if value is not None)


def _line(line: Line) -> str:
    counted = ((name, getattr(line, name)) for name in _COUNTERS)
    parts = ", ".join(f"{number} {name}" for name, number in counted if number)
    return f"{line.granted} granted = {parts or 'nothing'}"


def command_lines(story: CommandStory) -> Iterator[str]:
    """Say each answer that the command had, or that it had none."""
    if not story.is_found:
        yield f"command {story.command_id}: not in the ledger"
    for step in story.steps:
        yield from step_lines(step)
    for name, where in story.only_hashed.items():
        yield (
            f"reservation {name} (partition {where}) had it, and so many commands since that only a hash of "
            "the id is kept (R27): a repeat is answered ALREADY_APPLIED"
        )


def step_lines(step: Step) -> Iterator[str]:
    """Say one step in two lines: when and what, and why."""
    when = utc(step.at_ms if step.at_ms is not None else step.decided_ms)
    place = f"{step.partition}@{step.offset}" if step.offset is not None else f"{step.partition}@?"
    who = f" {step.command_id}" if step.command_id is not None else ""
    of = f" of {step.reservation_id}" if step.reservation_id is not None else ""
    outcome = f" -> {step.outcome}" if step.outcome is not None else ""
    again = " (again)" if step.is_repeat else ""
    yield f"{when}  [{place}]  {step.what}{who}{of}{outcome}{again}"
    yield f"    {step.text}"


def change_line(change: Change) -> str:
    """Say one change of a position in one line."""
    parts = [
        f"{name} {delta:+d}"
        for name, delta in (
            ("on_hand", change.on_hand_delta),
            ("reserved", change.reserved_delta),
            ("allocated", change.allocated_delta),
            ("in transit", change.in_transit_delta),
        )
        if delta
    ]
    if not parts:
        parts = ["by how much is not known any more" if change.on_hand_delta is None else "no quantity of R2"]
    after = f"on_hand {change.on_hand}, version {change.version}"
    who = "" if change.command_id is None else f" {change.command_id}"
    if change.reservation_id is not None:
        who += f" of {change.reservation_id}"
    if change.order_id is not None:
        who += f" (order {change.order_id})"
    what = "changed by a row that is not left" if change.what == UNKNOWN else f"{change.what}{who}"
    if change.outcome is not None:
        what += f" -> {change.outcome}"
    said = f"{utc(change.at_ms)}  {change.location}: {', '.join(parts)} -> {after}  {what}{_lateness(change)}"
    if change.now_to_promise is not None:
        said += f"  [{change.now_to_promise} to promise]"
    return said


def _lateness(change: Change) -> str:
    if change.effective_at_ms is None or change.decided_ms is None:
        return ""
    if change.is_clock_ahead:
        return "  (its source's clock is ahead: counted from its arrival)"
    late_ms = change.decided_ms - change.effective_at_ms
    return f"  (in effect since {utc(change.effective_at_ms)}, {span(late_ms)} before)" if late_ms > 0 else ""


def position_lines(story: PositionStory) -> Iterator[str]:
    """Say what the position is now."""
    where = f" at {story.location}" if story.location is not None else ""
    if not story.is_found:
        yield f"{story.sku}{where}: no position in the ledger"
    for location, row in sorted(story.rows.items()):
        yield f"now {story.sku} at {location} (version {row.version}): {formula_words(row)}"


def reach_line(reach: Reach) -> str:
    """Say how far back what was read is complete."""
    name = f"partition {reach.partition}: {reach.rows:,} rows read"
    if reach.whole_from_ms is None:
        return f"{name}; it is empty"
    if reach.whole_from_offset == 0:
        return f"{name}; complete from the beginning, {utc(reach.whole_from_ms)}"
    return (
        f"{name}; complete from {utc(reach.whole_from_ms)} on (offset {reach.whole_from_offset}): of what is "
        "older, compaction kept the newest row of each key"
    )


def missing_lines(missing: Missing) -> Iterator[str]:
    """Say why nothing was found."""
    yield "why it may not be there, and the way out:"
    for reason in missing.reasons:
        yield f"- {reason}"
