"""What happened to one SKU, as requests ask for it and answers tell it."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from inventory_stream.gateway.words.availability import Limit
from inventory_stream.gateway.words.stock import Moved


class EventsQuery(Struct, forbid_unknown_fields=True):
    """From which offset of the SKU's partition on; without, the newest stretch."""

    since: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None
    limit: Limit = 100


class Event(Struct, omit_defaults=True):
    """One row of the ledger that tells something of the SKU.

    `kind` is the type of the command that it answers, with its `outcome`; `expired_or_revoked` where the
    ledger took reserved units back by itself; or what the row holds (`position`, `pool`, `fence`, ...),
    with its fields as `numbers`. Of a reservation `numbers` are its units by what became of them.
    """

    offset: int
    at_ms: int
    kind: str
    command_id: str | None = None
    reservation_id: str | None = None
    outcome: str | None = None
    units: int = 0
    is_repeat: bool = False
    movements: tuple[Moved, ...] = ()
    numbers: dict[str, Any] | None = None


class Events(Struct):
    """Events in their order. `next` is the `since` of the next page; at `end` there is nothing more yet.

    Before `complete_since_ms` the ledger may have kept only the newest row of each position, reservation and
    command: what happened in between is told by no row any more.
    """

    sku: str
    partition: int
    events: list[Event]
    next: int
    end: int
    complete_since_ms: int
