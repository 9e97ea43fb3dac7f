"""The waiting room of a sale, as requests make it and answers tell how one stands."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from models.commands import When
from models.ids import Id

Token = Annotated[str, Meta(min_length=1, max_length=128)]


class NewRoom(Struct, forbid_unknown_fields=True):
    """A room for a sale. Left out, `opens_at` and `closes_at` are the start and end of the sale's pools.

    `reopen` true: the sale has begun, and its room was lost with all data of Redis and of every gateway. With
    the terms that it had, tickets and the draw hold again; nobody goes in for 10 s.
    """

    sale_id: Id
    opens_at: When | None = None
    closes_at: When | None = None
    admission_seconds: Annotated[int, Meta(ge=10, le=3_600)] = 120
    over_admission_percent: Annotated[int, Meta(ge=1, le=1_000)] = 100
    reopen: bool = False


class RoomShown(Struct):
    """A room and the proof of its draw: `seed_sha256` beforehand, `seed` (hex) from the opening on.

    `restored_at_ms`: its data was lost then, and people came back with their tickets.
    """

    sale_id: str
    opens_at_ms: int
    closes_at_ms: int
    admission_seconds: int
    over_admission_percent: int
    seed_sha256: str
    seed: str | None = None
    waiting: int | None = None
    present: int | None = None
    in_flight: int | None = None
    admitted_total: int | None = None
    restored_at_ms: int | None = None


class Join(Struct, forbid_unknown_fields=True):
    """One who wants in. `ticket`: one that the customer has already, so that its place is surely kept.

    With a public key, which proves nobody, a customer who has a ticket must show it, else 409. `ticket_lost`
    true gives a new one at the end of the line, which is not drawn; the old place stays with the old ticket.
    With other keys the place is the customer's, and it changes nothing.
    """

    customer: Annotated[str, Meta(min_length=1, max_length=1_024)]
    ticket: Token | None = None
    ticket_lost: bool = False


class TicketShown(Struct):
    """How a ticket stands now.

    `position` counts from 1 and never grows; none before the draw at `opens_at_ms`. `estimate_seconds`:
    until one goes in, at the pace of the last minute. `admission` goes into the header
    `Waiting-Room-Admission` of a reservation, until `valid_until_ms`. `all_held`: every unit is held by
    somebody who is checking out. `is_current` false: the room cannot be asked now; the place is kept.
    """

    ticket: str
    sale_id: str
    state: Literal["waiting", "admitted", "sold_out", "used", "lapsed", "closed"]
    opens_at_ms: int
    position: int | None = None
    of: int | None = None
    estimate_seconds: int | None = None
    admission: str | None = None
    valid_until_ms: int | None = None
    all_held: bool = False
    is_current: bool = True
