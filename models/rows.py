"""Rows: what the ledger topic holds, version 1.

A row value is a msgpack array that begins with the schema version and the owner's term, so that
any reader can judge a row without knowing its kind (P4). Row keys are text: `p/`, `r/`, `c/`,
`s/`, `@...`; see `row_kind`. A row without a value is a tombstone; it carries its term in the
record header `term`.
"""

from typing import Final

import msgspec
from msgspec import Struct

from models.ids import decode_id, encode_id
from models.outcomes import Outcome
from models.paths import COMMON

ROW_SCHEMA: Final = 1
"""First element of every row value. A reader that meets a higher one stops, loudly."""

TERM_HEADER: Final = "term"
"""Record header of a tombstone: the term, as decimal ASCII digits."""

CLAIM_PREFIX: Final = b"@claim/"
INCOMING_PREFIX: Final = b"s/incoming/"
TRANSFER_PREFIX: Final = b"s/transfer/"
POOL_PREFIX: Final = b"s/pool/"
FIRST_ANSWER: Final = 0
"""`repeat` of a row: the answer is given here for the first time."""
REPEATED_ANSWER: Final = 1
"""`repeat` of a row: the command came again and hears its first answer again (R27)."""
ID_REUSED_ANSWER: Final = 2
"""`repeat` of a row: the id came again with other content: COMMAND_ID_REUSED, whatever the row says (R27)."""
NO_ANSWER: Final = 3
"""`repeat` of a reservation row that only says how it stands, because somebody asked (`Inspect`)."""

ALIVE_KEY: Final = b"@alive"
PROGRESS_KEY: Final = b"@progress"


class ClaimRow(Struct, array_like=True, tag=ROW_SCHEMA, gc=False):
    """`@claim/<producer id>`: somebody took the partition, or fenced an id that a former owner used.

    `term` is 0 in the row itself: the term of a claim is the offset at which the row lies (P4).
    A row with `fenced` begins no term. `generation_ms` is the record time of the partition's
    first claim, carried on in each later one (0 in that first one).
    """

    term: int
    producer_id: int
    epoch: int
    nonce: str
    fenced: bool
    generation_ms: int


class AliveRow(Struct, array_like=True, tag=ROW_SCHEMA, gc=False):
    """`@alive`: written every minute, so that the broker keeps the producer's state (P2)."""

    term: int
    at_ms: int


class ProgressRow(Struct, array_like=True, tag=ROW_SCHEMA, gc=False):
    """`@progress`: how far both inputs are decided, and the decision clock.

    `*_next` is the offset of the next input record, `*_done` how many commands inside it are
    decided already. `orders_arrival_ms` is the newest arrival time decided on order-events,
    `swept_ms` the newest deadline that was swept without one (R18).
    """

    term: int
    now_ms: int
    stock_next: int
    stock_done: int
    orders_next: int
    orders_done: int
    orders_arrival_ms: int
    swept_ms: int


class PositionRow(Struct, array_like=True, tag=ROW_SCHEMA, gc=False):
    """`p/<sku>/<location>`: the quantities of one SKU at one location (R1, R2).

    `version` grows by one per change (I5). `base` is the part of on_hand whose commands are no
    longer kept (I4). `*_at_ms` are the effective times of the last absolute statements, 0 if
    none. A sync before `horizon_ms` cannot be computed any more (R8).
    """

    term: int
    sku: str
    location: str
    on_hand: int
    unavailable: int
    reserved: int
    allocated: int
    safety_stock: int
    fenced: int
    in_transit: int
    version: int
    base: int
    sync_at_ms: int
    unavailable_at_ms: int
    safety_stock_at_ms: int
    horizon_ms: int
    orders_through_ms: int = 0
    product: str | None = None

    @property
    def uncommitted(self) -> int:
        """Units that nobody was promised: on_hand - unavailable - reserved - allocated (R2)."""
        return self.on_hand - self.unavailable - self.reserved - self.allocated

    @property
    def available_to_promise(self) -> int:
        """Units that the common path may still promise; negative when over-committed (R2)."""
        return self.uncommitted - self.safety_stock - self.fenced

    @property
    def shortfall(self) -> int:
        """Units promised beyond what there is (R2)."""
        return max(0, -self.uncommitted)


class Breakdown(Struct, array_like=True, tag="breakdown", gc=False):
    """Why a grant was refused: the sums of R2 over the locations asked, at the decision.

    `earliest_deadline_ms` is when a live reservation there may next expire, 0 if none. `path_units` is
    what a path other than the common one offered (R3).
    """

    on_hand: int
    unavailable: int
    reserved: int
    allocated: int
    safety_stock: int
    fenced: int
    available_to_promise: int
    earliest_deadline_ms: int
    path_units: int | None = None


class Movement(Struct, array_like=True, tag="movement", gc=False):
    """What a fact did to a position: `delta` of on_hand there, and the state after it."""

    location: str
    delta: int
    effective_at_ms: int
    on_hand: int
    version: int
    shortfall_units: int = 0
    short_orders: tuple[str, ...] = ()
    clock_ahead: bool = False


class Answer(Struct, array_like=True, gc=False):
    """One command of a reservation and how it ended.

    `content` is the hash of what was asked without its id and answer_by; empty means: what the
    reservation row itself says was asked. `units` were moved. `at_ms` is the decision's `now`.
    A refusal has its `breakdown`, a fact one movement for each position that it touched.
    """

    command_id: str
    kind: str
    content: bytes
    outcome: int
    units: int
    at_ms: int
    breakdown: Breakdown | None = None
    movements: tuple[Movement, ...] = ()


class Line(Struct, array_like=True, gc=False):
    """Units of a reservation at one location (R16).

    granted = reserved + allocated + fulfilled + released + expired + cancelled + revoked + backordered +
    backorders_confirmed. `from_path` of the reserved and allocated ones were taken from the reservation's
    sale pool or channel fence, the others from common (R3, R22). `backordered` units are promised and not
    there yet, until the deadline; `backorders_confirmed` are those that were paid (R24).
    `moved` is what this line changed on_hand by so far; `on_hand` and `version` are the
    position's after the newest change through this line. `allocations` are (ms, units): when units
    became allocated (positive: confirmed, ordered) and ceased to be (negative: shipped, cancelled),
    for counts that net orders (R9).
    """

    location: str
    granted: int
    reserved: int
    allocated: int
    fulfilled: int
    released: int
    expired: int
    cancelled: int
    revoked: int
    returned: int
    moved: int
    on_hand: int
    version: int
    allocations: tuple[tuple[int, int], ...] = ()
    from_path: int = 0
    backordered: int = 0
    backorders_confirmed: int = 0


class ReservationRow(Struct, array_like=True, tag=ROW_SCHEMA, gc=False):
    """`r/<reservation id>`: what was asked, what became of it, and its last commands.

    `answered` is the index in `answers` of the command that this row answers, -1 where the owner
    acted by itself (expiry, revocation); `repeat` is one of the constants above.
    `older` holds 8 bytes for each command that left `answers` (R27). `commands` counts all.
    `ended_ms` is when nothing was left to happen but returns, 0 before that. `paid_order_id` is what
    its confirm named; `order_id` stays what the reserve asked, of which a repeat is known (R28).
    `released_early`: its release or cancel came first, so it never held anything (R21). `limits` are the
    purchase limits that its units count for (R23). `told_ms` and `told_units`: what the newest telling of an
    outside order stated (R20); 0: none said when it was so.
    """

    term: int
    answered: int
    repeat: int
    reservation_id: str
    sku: str
    units: int
    ttl_seconds: int
    location: str | None
    group: str | None
    strategy: str
    channel: str | None
    order_id: str | None
    allow_partial: bool
    path: str
    customer: str | None
    created_ms: int
    deadline_ms: int
    ended_ms: int
    commands: int
    lines: tuple[Line, ...]
    answers: tuple[Answer, ...]
    older: bytes = b""
    recorded: bool = False
    paid_order_id: str | None = None
    released_early: bool = False
    limits: tuple[str, ...] = ()
    allow_backorder: bool = False
    told_ms: int = 0
    told_units: int = 0


class FreshRow(Struct, array_like=True, tag=ROW_SCHEMA, gc=False):
    """`r/<reservation id>` in short: a new reservation by the answer to its first command, a plain reserve.

    Plain: one location, the common path, all or nothing, counted by no limit. Under 16 fields, so that
    its first byte tells it from a `ReservationRow`, which has more; a third of that row's bytes. Granted:
    `on_hand` and `version` are the position's after it. Refused: the figures of its `Breakdown`.
    """

    term: int
    command_id: str
    outcome: int
    sku: str
    location: str
    units: int
    ttl_seconds: int
    created_ms: int
    channel: str | None
    order_id: str | None
    customer: str | None
    on_hand: int
    version: int
    breakdown: tuple[int, int, int, int, int, int, int, int] | None = None

    @property
    def deadline_ms(self) -> int:
        """When it expires unless more happens; 0 if it was refused."""
        return self.created_ms + self.ttl_seconds * 1_000 if self.outcome == Outcome.GRANTED else 0


class Fresh(Struct, gc=False):
    """A new reservation as its owner holds it: by the `value` of its `FreshRow`, a third of the memory.

    `deadline_ms` is 0 if it was refused. `row` is what all but the plainest work is done on: made when
    somebody asks for it, and what stands from then on.
    """

    reservation_id: str
    value: bytes
    created_ms: int
    deadline_ms: int
    row: "ReservationRow | None" = None

    def opened(self) -> ReservationRow:
        """Give the row that it stands for, always the same object."""
        row = self.row
        if row is None:
            row = self.row = open_fresh(self.reservation_id, decode_fresh(self.value))
            self.value = b""
        return row


class ReceiptRow(Struct, array_like=True, tag=ROW_SCHEMA, gc=False):
    """`c/<command id>`, `c/<reservation id>/<command id>`: the answer to any command without an r/ row.

    Of an order command it is an answer that binds nothing (`Outcome.is_final` is false) or a fact
    about a reservation that nobody knows. One that is REMEMBERED holds the `command` itself, as JSON,
    and its arrival, to be decided when its order comes, by `early_index` within it (R21).
    """

    term: int
    repeat: int
    command_id: str
    reservation_id: str | None
    kind: str
    content: bytes
    outcome: int
    sku: str | None
    units: int
    at_ms: int
    breakdown: Breakdown | None = None
    movements: tuple[Movement, ...] = ()
    command: bytes = b""
    arrival_ms: int = 0
    early_index: int = 0


class LocationGroupRow(Struct, array_like=True, tag=ROW_SCHEMA, gc=False):
    """`s/group/<group>`: the locations of a group, in the order in which they are tried."""

    term: int
    group: str
    locations: tuple[str, ...]


class CountAuthorityRow(Struct, array_like=True, tag=ROW_SCHEMA, gc=False):
    """`s/authority/<location>`: the one source whose counts apply there; None: any (R14)."""

    term: int
    location: str
    source: str | None


class TimeZoneRow(Struct, array_like=True, tag=ROW_SCHEMA, gc=False):
    """`s/zone/<location>`: the IANA time zone in which its days end (R13)."""

    term: int
    location: str
    time_zone: str


class IncomingRow(Struct, array_like=True, tag=ROW_SCHEMA, gc=False):
    """`s/incoming/<id>`: goods on the way in (R13). `ended_ms`: final, cancelled or complete; 0 before."""

    term: int
    incoming_id: str
    sku: str
    location: str
    units: int
    received: int
    expected_at_ms: int
    ended_ms: int = 0

    @property
    def open_units(self) -> int:
        """Units that are still awaited."""
        return 0 if self.ended_ms else max(0, self.units - self.received)


class TransferRow(Struct, array_like=True, tag=ROW_SCHEMA, gc=False):
    """`s/transfer/<id>`: units from one location to another (R12).

    `planned` units are still set aside at the source, as part of its allocated; `in_transit` units are
    on the way and part of the target's. `shipped` counts all that left; what neither is in transit nor
    lost has arrived. `expected_at_ms` is 0 when nobody said. `asked` is what its plan asked for, of
    which a repeat is known; 0 when units left without a plan. `ended_ms`: nothing is planned or in
    transit since; 0 before.
    """

    term: int
    transfer_id: str
    sku: str
    from_location: str
    to_location: str
    planned: int
    shipped: int
    in_transit: int
    lost: int
    expected_at_ms: int
    ended_ms: int = 0
    asked: int = 0


class PlaceRow(Struct, array_like=True, tag=ROW_SCHEMA, gc=False):
    """`s/place/<location>`: where a location is, in WGS 84 degrees, and what shoppers may do there."""

    term: int
    location: str
    latitude: float
    longitude: float
    name: str | None
    pickup: bool
    ships: bool


class PoolRow(Struct, array_like=True, tag=ROW_SCHEMA, gc=False):
    """`s/pool/<sale id>/<sku>/<location>`: units set aside for a sale (R3, R4).

    `asked` is what the newest statement asked for, `units` what the pool has in all, `drawn` how many of
    them reservations hold or have bought. `is_fenced`: from `fence_from_ms` on, so that the unsold ones
    are part of the position's fenced. `closed_ms`: since the end, or a close; 0 before.
    """

    term: int
    sale_id: str
    sku: str
    location: str
    asked: int
    units: int
    drawn: int
    starts_ms: int
    ends_ms: int
    fence_from_ms: int
    checkout_grace_seconds: int
    late_from_common: bool
    opened_ms: int
    is_fenced: bool = False
    closed_ms: int = 0

    @property
    def unsold(self) -> int:
        """Units that the sale can still grant, as far as they are set aside."""
        return self.units - self.drawn if self.is_fenced and not self.closed_ms else 0


class FenceRow(Struct, array_like=True, tag=ROW_SCHEMA, gc=False):
    """`s/fence/<channel>/<sku>/<location>`: unused `units` that only one channel may take (R3).

    `asked` is what the newest statement asked for. With `spill_over` it may take common units as well.
    """

    term: int
    channel: str
    sku: str
    location: str
    asked: int
    units: int
    spill_over: bool
    opened_ms: int


class PurchaseLimitRow(Struct, array_like=True, tag=ROW_SCHEMA, gc=False):
    """`s/purchase-limit/<limit id>/<sku>`: what one customer may have until `ends_ms` (R23).

    `opened_ms` is when its id was first stated, or again after all limits of that id were over: what was
    counted before that counts no more.
    """

    term: int
    limit_id: str
    sku: str
    units: int
    ends_ms: int
    sale_id: str | None
    opened_ms: int = 0


class LimitUseRow(Struct, array_like=True, tag=ROW_SCHEMA, gc=False):
    """`s/limit/<limit id>/<customer>`: what one customer has of a purchase limit (R23).

    It counts for the limit of this id that was opened at `opened_ms`, for no later one.
    """

    term: int
    limit_id: str
    customer: str
    units: int
    ends_ms: int
    opened_ms: int = 0


class BackorderRow(Struct, array_like=True, tag=ROW_SCHEMA, gc=False):
    """`s/backorder/<sku>/<location>`: how many units may be promised before they are there (R24).

    `used` of the `units` are promised and not filled yet. `incoming_id` dates the promise; None: open.
    """

    term: int
    sku: str
    location: str
    units: int
    used: int
    incoming_id: str | None

    @property
    def free(self) -> int:
        """Units that may still be promised."""
        return max(0, self.units - self.used)


class ChannelPolicyRow(Struct, array_like=True, tag=ROW_SCHEMA, gc=False):
    """`s/policy/<channel>`, `s/policy/<channel>/<sku>`: what a channel is shown (R25).

    `version` grows by one with each change.
    """

    term: int
    channel: str
    sku: str | None
    percent: int
    cap: int | None
    buffer: int
    floor: int
    preorder: bool
    version: int


Row = (
    ClaimRow
    | AliveRow
    | ProgressRow
    | PositionRow
    | ReservationRow
    | ReceiptRow
    | LocationGroupRow
    | CountAuthorityRow
    | TimeZoneRow
    | IncomingRow
    | TransferRow
    | PlaceRow
    | PoolRow
    | FenceRow
    | PurchaseLimitRow
    | LimitUseRow
    | BackorderRow
    | ChannelPolicyRow
)

ROW_KINDS: Final[tuple[tuple[bytes, type[Row]], ...]] = (
    (b"r/", ReservationRow),
    (b"p/", PositionRow),
    (b"c/", ReceiptRow),
    (PROGRESS_KEY, ProgressRow),
    (CLAIM_PREFIX, ClaimRow),
    (ALIVE_KEY, AliveRow),
    (b"s/group/", LocationGroupRow),
    (b"s/authority/", CountAuthorityRow),
    (b"s/zone/", TimeZoneRow),
    (INCOMING_PREFIX, IncomingRow),
    (TRANSFER_PREFIX, TransferRow),
    (b"s/place/", PlaceRow),
    (POOL_PREFIX, PoolRow),
    (b"s/fence/", FenceRow),
    (b"s/purchase-limit/", PurchaseLimitRow),
    (b"s/limit/", LimitUseRow),
    (b"s/backorder/", BackorderRow),
    (b"s/policy/", ChannelPolicyRow),
)
"""How the key of each kind of row begins, the most frequent first."""
ROW_FORMS: Final[tuple[type[Struct], ...]] = (*(kind for _, kind in ROW_KINDS), FreshRow)
"""All that a value may be: one kind has two forms."""
_DECODERS: Final = {kind: msgspec.msgpack.Decoder(kind) for _, kind in ROW_KINDS}
_decode_long: Final = msgspec.msgpack.Decoder(ReservationRow).decode
# Recovery decodes millions of these: one look at two bytes instead of a walk over the kinds.
_DECODE_BY_START: Final = {prefix: _DECODERS[kind].decode for prefix, kind in ROW_KINDS if len(prefix) == 2}

encode_row: Final = msgspec.msgpack.Encoder().encode
"""Row -> value bytes."""
decode_fresh: Final = msgspec.msgpack.Decoder(FreshRow).decode
"""Value bytes -> the short form of a reservation."""


def open_fresh(reservation_id: str, fresh: FreshRow) -> ReservationRow:
    """Give the reservation's row that a short one stands for."""
    is_granted = fresh.outcome == Outcome.GRANTED
    units = fresh.units if is_granted else 0
    line = Line(fresh.location, units, units, 0, 0, 0, 0, 0, 0, 0, 0, fresh.on_hand, fresh.version)
    why_not = None if fresh.breakdown is None else Breakdown(*fresh.breakdown)
    first = Answer(fresh.command_id, "reserve", b"", fresh.outcome, units, fresh.created_ms, why_not)
    return ReservationRow(
        fresh.term,
        0,
        FIRST_ANSWER,
        reservation_id,
        fresh.sku,
        fresh.units,
        fresh.ttl_seconds,
        fresh.location,
        None,
        "first_fit",
        fresh.channel,
        fresh.order_id,
        False,  # noqa: FBT003  # allow_partial, by its place as all of them
        COMMON,
        fresh.customer,
        fresh.created_ms,
        fresh.deadline_ms,
        0 if is_granted else fresh.created_ms,
        1,
        (line,) if is_granted else (),
        (first,),
    )


def is_fresh(value: bytes) -> bool:
    """Say whether the value of a reservation's row is a short one, a `FreshRow`."""
    # An array of fewer than 16 fields begins with 0x90 to 0x9f; a ReservationRow has 20 and more.
    return b"\x90" <= value[:1] < b"\xa0"


def decode_reservation(key: bytes, value: bytes) -> ReservationRow:
    """Decode the row of a reservation; a short one as the row that it stands for.

    Raises:
        msgspec.ValidationError: the value does not fit, or is of another schema version.
    """
    if is_fresh(value):
        return open_fresh(decode_id(key[2:].decode()), decode_fresh(value))
    return _decode_long(value)


def row_kind(key: bytes) -> type[Row]:
    """Give the row class that a key belongs to.

    Raises:
        ValueError: no such kind in this version.
    """
    for prefix, kind in ROW_KINDS:
        if key.startswith(prefix):
            return kind
    raise ValueError(f"unknown kind of ledger row: {key[:64]!r}")


def decode_row(key: bytes, value: bytes) -> Row:
    """Decode a row that is not a tombstone; the short form of a reservation as the row that it stands for.

    Raises:
        ValueError: unknown kind of key.
        msgspec.ValidationError: the value does not fit, or is of another schema version.
    """
    if key[:2] == b"r/":
        return decode_reservation(key, value)
    decode = _DECODE_BY_START.get(key[:2]) or _DECODERS[row_kind(key)].decode
    return decode(value)


def decode_held(key: bytes, value: bytes) -> Row | Fresh:
    """Decode a row as its owner holds it: as `decode_row`, but the short form of a reservation stays short.

    Raises:
        ValueError: as `decode_row`.
    """
    if key[:2] != b"r/" or not is_fresh(value):
        return decode_row(key, value)
    fresh = decode_fresh(value)
    return Fresh(decode_id(key[2:].decode()), value, fresh.created_ms, fresh.deadline_ms)


def term_of(value: bytes) -> int:
    """Read the term of any row value without decoding the rest (P4).

    Raises:
        ValueError: not a row of this schema version.
    """
    # A msgpack array header is 1, 3 or 5 bytes (0x9X, 0xdc, 0xdd); the schema version is one
    # byte as long as it is below 128; then the term as an unsigned integer of 1 to 9 bytes.
    first = value[0]
    at = 1 if first & 0xF0 == 0x90 else 3 if first == 0xDC else 5
    if value[at] != ROW_SCHEMA:
        raise ValueError(f"row of schema version {value[at]}, this program knows {ROW_SCHEMA}")
    head = value[at + 1]
    if head < 0x80:
        return head
    size = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}[head]
    return int.from_bytes(value[at + 2 : at + 2 + size], "big")


def claim_key(producer_id: int) -> bytes:
    """Row key of a claim."""
    return CLAIM_PREFIX + str(producer_id).encode()


def position_key(sku: str, location: str) -> bytes:
    """Row key of a position."""
    return f"p/{encode_id(sku)}/{encode_id(location)}".encode()


def reservation_key(reservation_id: str) -> bytes:
    """Row key of a reservation."""
    return ("r/" + encode_id(reservation_id)).encode()


def receipt_key(command_id: str, reservation_id: str | None = None) -> bytes:
    """Row key of a receipt. An order command's id is unique only within its reservation (R27)."""
    if reservation_id is None:
        return b"c/" + encode_id(command_id).encode()
    return f"c/{encode_id(reservation_id)}/{encode_id(command_id)}".encode()


def location_group_key(group: str) -> bytes:
    """Row key of a location group."""
    return b"s/group/" + encode_id(group).encode()


def count_authority_key(location: str) -> bytes:
    """Row key of a location's count authority."""
    return b"s/authority/" + encode_id(location).encode()


def time_zone_key(location: str) -> bytes:
    """Row key of a location's time zone."""
    return b"s/zone/" + encode_id(location).encode()


def incoming_key(incoming_id: str) -> bytes:
    """Row key of goods on the way in."""
    return INCOMING_PREFIX + encode_id(incoming_id).encode()


def transfer_key(transfer_id: str) -> bytes:
    """Row key of a transfer."""
    return TRANSFER_PREFIX + encode_id(transfer_id).encode()


def place_key(location: str) -> bytes:
    """Row key of a location's place."""
    return b"s/place/" + encode_id(location).encode()


def pool_key(sale_id: str, sku: str, location: str) -> bytes:
    """Row key of a sale pool."""
    return f"s/pool/{encode_id(sale_id)}/{encode_id(sku)}/{encode_id(location)}".encode()


def fence_key(channel: str, sku: str, location: str) -> bytes:
    """Row key of a channel's ring-fence."""
    return f"s/fence/{encode_id(channel)}/{encode_id(sku)}/{encode_id(location)}".encode()


def purchase_limit_key(limit_id: str, sku: str) -> bytes:
    """Row key of a purchase limit."""
    return f"s/purchase-limit/{encode_id(limit_id)}/{encode_id(sku)}".encode()


def limit_use_key(limit_id: str, customer: str) -> bytes:
    """Row key of what a customer has of a purchase limit."""
    return f"s/limit/{encode_id(limit_id)}/{encode_id(customer)}".encode()


def backorder_key(sku: str, location: str) -> bytes:
    """Row key of what may be promised before it is there."""
    return f"s/backorder/{encode_id(sku)}/{encode_id(location)}".encode()


def channel_policy_key(channel: str, sku: str | None) -> bytes:
    """Row key of what a channel is shown, of one SKU or of any."""
    of_sku = "" if sku is None else f"/{encode_id(sku)}"
    return f"s/policy/{encode_id(channel)}{of_sku}".encode()
