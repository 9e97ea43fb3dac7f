"""The use case "what happened to one SKU": its partition from an offset on, a bounded stretch at a time."""

from collections.abc import Sequence
from contextlib import aclosing
from typing import Any, Final, NamedTuple, cast

from inventory_stream.flows.shelf.sku_event import SkuEvent, event_of
from inventory_stream.ports.ledger_reader import LedgerReader, RowFilterFactory

ROWS_MAX: Final = 20_000
"""Rows that one question reads, besides the rest of the portion in which they end: 0.1 s of work and 3 MB,
of which a SKU's own may be none. Whoever wants more goes on at `next_offset`."""


class SkuEvents(NamedTuple):
    """Events in the order of their offsets. The next question begins at `next_offset`."""

    events: Sequence[SkuEvent]
    next_offset: int
    end_offset: int


async def events_of(
    reader: LedgerReader,
    row_filter: RowFilterFactory,
    partition: int,
    sku: str,
    since_offset: int | None,
    events_max: int,
) -> SkuEvents:
    """Read what happened to a SKU.

    Of what is old enough to be compacted only the newest row of each key is left: its position as it is
    now, each reservation with its last answer.

    Args:
        reader: The ledger topic.
        row_filter: Makes a partition's term filter (P4).
        partition: The SKU's.
        sku: The SKU.
        since_offset: Where to begin; None: the last `ROWS_MAX` offsets.
        events_max: Most events to give.

    Raises:
        CorruptLedgerError: a row that cannot be decoded.
        UnreachableError: Kafka does not answer.
    """
    end = await reader.end_offset(partition)
    start = max(0, end - ROWS_MAX) if since_offset is None else since_offset
    if start >= end:
        return SkuEvents((), start, end)
    events: list[SkuEvent] = []
    rows = row_filter()
    read = 0
    async with aclosing(cast("Any", reader.read(partition, start, end))) as portions:
        async for records in portions:
            for record in rows.feed(records):
                event = event_of(record, sku)
                if event is not None:
                    events.append(event)
                    if len(events) >= events_max:
                        return SkuEvents(events, record.offset + 1, end)
            read += len(records)
            if read >= ROWS_MAX:
                return SkuEvents(events, records[-1].offset + 1, end)
    return SkuEvents(events, end, end)
