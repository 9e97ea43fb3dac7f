"""Events for outside consumers: CloudEvents 1.0 in structured JSON mode, version 1.

Structured, because a value that holds all of an event survives whatever copies values and not
headers (sinks, warehouse loads, a terminal), and one JSON Schema describes it; the attributes cost
about 400 bytes. The record header `content-type` says so, as the Kafka binding asks. The Kafka key
is `partitionkey`, and the record lies in the partition of the ledger that its row lies in.

A type, a field or a `kind` that a consumer does not know must not stop it: they may be added within
version 1 (docs/compatibility.md).
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal

import msgspec
from msgspec import Struct

from models.channels import account_key

SPECIFICATION: Final = "1.0"
CONTENT_TYPE_HEADER: Final = ("content-type", b"application/cloudevents+json; charset=UTF-8")
"""Record header that tells structured mode from binary mode (CloudEvents Kafka binding, 3.3.1)."""

AVAILABILITY_TYPE: Final = "inventory_stream.availability_changed"
EXCEPTION_TYPE_PREFIX: Final = "inventory_stream.exception."
"""Begins the type of an exception; its `kind` follows."""

AVAILABILITY_SCHEMA: Final = "urn:inventory-stream:contracts:1:availability-changed"
EXCEPTION_SCHEMA: Final = "urn:inventory-stream:contracts:1:exceptions"

SHORTFALL: Final = "shortfall"
"""`kind` where a fact left more promised than there is, and more so than before it (R11); `orders` names
who may not get theirs."""
REVOKED: Final = "revoked"
"""`kind` where a reservation lost units to a shortfall (R11)."""
COUNT_DRIFT: Final = "count_drift"
"""`kind` where a count that does not apply differs from on_hand (R14); `units` is by how much."""

ChannelExceptionKind = Literal[
    "channel_sla_breached",
    "channel_mass_change",
    "channel_mass_drift",
    "channel_access_lost",
    "channel_unsubscribed",
]
"""`kind` where an account of a channel needs somebody: its updates are late or die beyond what its entry in
the registry allows; more listings than it allows would change at once, and wait for approval; as many show
what they were not told, and are not mended; the channel refuses us; it sends no webhooks any more."""


class LocationAvailability(Struct, gc=False, frozen=True):
    """What one location can sell: `available` = max(0, ATP) (R5); `short` is promised beyond stock (R2)."""

    available: int
    short: int


class Availability(Struct, gc=False, frozen=True):
    """What can be sold of one SKU, at every location that has it.

    `total` and `short` are sums over `locations`. `v` is `<generation>:<offset>` of the newest position
    row that this shows, as in Redis and in answers; generations and then offsets compare as numbers.
    """

    sku: str
    total: int
    short: int
    v: str
    locations: dict[str, LocationAvailability]


class ExceptionMovement(Struct, gc=False, frozen=True):
    """What the fact did at one location, and the position after it."""

    location: str
    delta: int
    effective_at_ms: int
    on_hand: int
    version: int


class ExceptionDetail(Struct, gc=False, frozen=True, omit_defaults=True):
    """What somebody has to look at. A field that says nothing here is left out.

    `kind` is `shortfall`, `revoked`, `count_drift`, or the name of an outcome in lower case; `outcome` is
    then its number. `command` is the type of the command `command_id` that raised it. `units` are those
    that it concerns: short, revoked, moved, or of `count_drift` counted beyond on_hand (negative: fewer).
    `orders` are the youngest confirmed orders at `location`, of `promise_short` and `promise_late` the
    youngest that wait there: order ids, and the reservation id of one that named no order.

    Those of channels name `channel`, `account` and in `reason` what is the matter; `units` are then listings.
    """

    kind: str
    at_ms: int
    sku: str | None = None
    outcome: int | None = None
    command: str | None = None
    command_id: str | None = None
    reservation_id: str | None = None
    order_id: str | None = None
    location: str | None = None
    units: int = 0
    orders: tuple[str, ...] = ()
    movements: tuple[ExceptionMovement, ...] = ()
    channel: str | None = None
    account: str | None = None
    reason: str = ""


class _CloudEvent(Struct, gc=False, frozen=True, kw_only=True):
    """The attributes. `source` and `id` together name an event: one seen before may be skipped.

    `source` is `/inventory-stream/<ledger topic>/<partition>`; within it `sequence` grows with the rows
    that events come from, and compares as text. `time` is the record time of that row. Of an exception of a
    channel's account: `/inventory-stream/channels/<channel>/<account>`, and when it began.
    """

    id: str
    source: str
    type: str
    subject: str
    time: str
    dataschema: str
    partitionkey: str
    sequence: str
    specversion: Literal["1.0"] = SPECIFICATION
    datacontenttype: Literal["application/json"] = "application/json"


class AvailabilityChanged(_CloudEvent, frozen=True, kw_only=True):
    """A SKU can be sold in other numbers than before. The newest replaces all older ones of its SKU.

    Changes that come faster than the projection publishes are told once, with the last numbers. A
    record without a value says that the SKU is gone. The id is `v`.
    """

    data: Availability


class ExceptionRaised(_CloudEvent, frozen=True, kw_only=True):
    """Somebody has to look at it. Raised for a command's first answer, never for a repeat (R27).

    The id stays the same when the event is published again.
    """

    data: ExceptionDetail


_encode: Final = msgspec.json.Encoder().encode


def source_of(ledger_topic: str, partition: int) -> str:
    """Name the source of a ledger partition's events."""
    return f"/inventory-stream/{ledger_topic}/{partition}"


def sequence_of(generation_ms: int, offset: int) -> str:
    """Give a version as text that sorts like it: 15 and 19 digits hold every ms and every offset."""
    return f"{generation_ms:015d}-{offset:019d}"


# Rows of one append have one record time, and formatting it is 4 us of the 7 that an event takes.
@lru_cache(maxsize=256)
def time_of(epoch_ms: int) -> str:
    """Give a record time as CloudEvents want it: RFC 3339, UTC, with ms."""
    return datetime.fromtimestamp(epoch_ms / 1_000, UTC).isoformat(timespec="milliseconds")


def availability_changed(
    source: str, availability: Availability, sequence: str, epoch_ms: int
) -> AvailabilityChanged:
    """Put a SKU's availability into its envelope; `epoch_ms` is the record time of the row that `v` names."""
    return AvailabilityChanged(
        id=availability.v,
        source=source,
        type=AVAILABILITY_TYPE,
        subject=availability.sku,
        time=time_of(epoch_ms),
        dataschema=AVAILABILITY_SCHEMA,
        partitionkey=availability.sku,
        sequence=sequence,
        data=availability,
    )


def exception_raised(
    source: str, event_id: str, detail: ExceptionDetail, sequence: str, epoch_ms: int
) -> ExceptionRaised:
    """Put an exception into its envelope; without a SKU its subject is the reservation or the command."""
    subject = detail.sku or detail.reservation_id or detail.command_id or detail.kind
    return ExceptionRaised(
        id=event_id,
        source=source,
        type=EXCEPTION_TYPE_PREFIX + detail.kind,
        subject=subject,
        time=time_of(epoch_ms),
        dataschema=EXCEPTION_SCHEMA,
        partitionkey=subject,
        sequence=sequence,
        data=detail,
    )


def channel_exception(channel: str, account: str, detail: ExceptionDetail) -> ExceptionRaised:
    """Put an exception of an account into its envelope; told again, it has the same id."""
    key = account_key(channel, account)
    return ExceptionRaised(
        id=f"{detail.kind}/{detail.at_ms}",
        source=f"/inventory-stream/channels/{key}",
        type=EXCEPTION_TYPE_PREFIX + detail.kind,
        subject=key,
        time=time_of(detail.at_ms),
        dataschema=EXCEPTION_SCHEMA,
        partitionkey=key,
        sequence=sequence_of(detail.at_ms, 0),
        data=detail,
    )


def encode_event(event: AvailabilityChanged | ExceptionRaised) -> bytes:
    """Event -> record value."""
    return _encode(event)
