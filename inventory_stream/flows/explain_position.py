"""The use case "what moved this position": each change in order, who made it, and what it is now."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from inventory_stream.flows.explain_changes import Change, ChangesOf
from inventory_stream.flows.explain_walk import LedgerWalk, Period, Reach
from inventory_stream.flows.ledger_rows import decoded
from models.rows import PositionRow, position_key


@dataclass(slots=True)
class PositionStory:
    """What was found: the newest row of each location, and how far back the log is complete."""

    sku: str
    location: str | None
    reaches: list[Reach] = field(default_factory=list)
    partition: int | None = None
    rows: dict[str, PositionRow] = field(default_factory=dict)
    """By location: the position now."""

    @property
    def is_found(self) -> bool:
        """Whether any row names the position."""
        return self.partition is not None


async def explain_position(
    walk: LedgerWalk, partitions: Sequence[int], story: PositionStory, period: Period | None = None
) -> AsyncIterator[Change]:
    """Yield each change of the story's SKU within `period`, in the order in which they were made.

    Partitions are read in the order given, until one has the SKU. Where a change is told by a row
    that compaction left alone, what it changed may not be known: its deltas are then None. After the
    last one, `story` says what the position is now and from where on nothing is missing.

    Memory: see `ChangesOf`.

    Raises:
        CorruptLedgerError: a row that cannot be decoded.
        UnreachableError: Kafka does not answer.
    """
    wanted = period or Period()
    for partition in partitions:
        async for change in _in_partition(walk, partition, story):
            if wanted.holds(change.at_ms):
                yield change
        if story.is_found:
            break


async def _in_partition(walk: LedgerWalk, partition: int, story: PositionStory) -> AsyncIterator[Change]:
    # The slash ends the SKU, as its own is encoded: no other SKU's key begins like this.
    prefix = position_key(story.sku, "")
    key = position_key(story.sku, story.location) if story.location is not None else None
    reach = Reach(partition)
    story.reaches.append(reach)
    changes = ChangesOf(partition, story.sku, story.location)
    async for record in walk.rows(reach):
        if not record.key.startswith(prefix):
            changes.take(record, is_from_first=reach.whole_from_offset == 0)
        elif key is None or record.key == key:
            row = decoded(record)
            if isinstance(row, PositionRow):
                story.partition = partition
                story.rows[row.location] = row
                for change in changes.at_position_row(record, row):
                    yield change
    for change in changes.rest():
        yield change
