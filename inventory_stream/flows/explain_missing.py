"""Nothing was found: why that may be, and the way out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from inventory_stream.errors import InventoryStreamError
from inventory_stream.flows.dead_letters_mend import as_object
from inventory_stream.flows.dead_letters_words import how_to_mend
from inventory_stream.flows.explain_walk import Reach
from inventory_stream.flows.explain_words import span, utc
from inventory_stream.ports.dead_letters import DeadLetterBox, StoredLetter
from inventory_stream.ports.inputs import Input, InputOffsets

LETTERS_MAX: Final = 20
"""Letters shown that name what was looked for, the first ones; `dead-letters list` shows all."""

_IDS: Final = ("id", "reservation_id", "sku", "order_id", "incoming_id", "transfer_id")


@dataclass(frozen=True, slots=True)
class Windows:
    """How long answers are kept (R29), ms."""

    receipt_ms: int
    return_ms: int


@dataclass(slots=True)
class Missing:
    """Why something is not in the ledger: each reason with its way out, and the letters that name it."""

    reasons: list[str] = field(default_factory=list)
    letters: list[StoredLetter] = field(default_factory=list)


async def why_missing(
    name: str,
    reaches: Sequence[Reach],
    partitions: int,
    offsets: InputOffsets,
    topics: Mapping[Input, str],
    box: DeadLetterBox,
    windows: Windows | None,
) -> Missing:
    """Look for the cause: dead letters that name it, input not decided yet, windows, partitions not read.

    `windows` are those of answers; None for what no window takes, a position. A place that this user may
    not look at is told as such: reading the ledger takes fewer rights.
    """
    missing = Missing()
    try:
        missing.letters = await letters_naming(box, name)
    except InventoryStreamError as error:
        missing.reasons.append(f"the dead letters could not be read, and may hold it: {error}")
    for stored in missing.letters:
        missing.reasons.append(
            f"dead letter {stored.key}: {stored.letter.reason}. Way out: {how_to_mend(stored.letter.reason)} "
            f"(inventory-stream dead-letters show {stored.key})"
        )
    try:
        for reach in reaches:
            missing.reasons += await _undecided(reach, offsets, topics)
    except InventoryStreamError as error:
        missing.reasons.append(f"whether input waits to be decided could not be seen: {error}")
    if len(reaches) < partitions:
        names = ", ".join(str(reach.partition) for reach in reaches)
        missing.reasons.append(
            f"only partition {names} was read: leave --partition out to read all {partitions}"
        )
    if windows is not None:
        missing.reasons.append(
            f"its window may have passed (R29): answers to stock commands and refusals are kept "
            f"{span(windows.receipt_ms)}, ended reservations {span(windows.return_ms)}; what they moved is "
            "then part of the position's base"
        )
    missing.reasons.append(
        "or it was never sent here: compare the id letter by letter, the topic prefix, and the producer's log"
    )
    return missing


async def letters_naming(box: DeadLetterBox, name: str) -> list[StoredLetter]:
    """Give the first letters whose original has the name as an id, or holds it where it is no JSON."""
    found: list[StoredLetter] = []
    wanted = name.encode()
    async for stored in box.letters():
        value = stored.letter.value
        # Written with escapes, an id need not stand in the bytes as it is: those are decoded as well.
        if value is None or (wanted not in value and b"\\" not in value):
            continue
        command = as_object(value)
        if command is not None and not any(command.get(field) == name for field in _IDS):
            continue
        if command is None and wanted not in value:
            continue
        found.append(stored)
        if len(found) >= LETTERS_MAX:
            break
    return found


async def _undecided(reach: Reach, offsets: InputOffsets, topics: Mapping[Input, str]) -> list[str]:
    reasons = []
    for source in Input:
        held = await offsets.range_of(source, reach.partition)
        progress = reach.progress
        if progress is None:
            decided = held.beginning
        else:
            decided = progress.stock_next if source is Input.STOCK else progress.orders_next
        if held.end > decided:
            when = f", the newest decision is of {utc(progress.now_ms)}" if progress is not None else ""
            reasons.append(
                f"{held.end - decided} records of {topics[source]}[{reach.partition}] are not decided "
                f"yet{when}: wait a moment, or see with `inventory-stream doctor` whether a worker has it"
            )
    return reasons
