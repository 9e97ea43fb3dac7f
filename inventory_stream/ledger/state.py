"""Everything one partition knows, held in memory by its one owner and changed in place."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import heapify, heappush
from operator import attrgetter
from typing import Any, Final

from inventory_stream.ledger.claims import Claims, held_of, times_of, waiting_of
from inventory_stream.ledger.position import Position
from inventory_stream.ledger.receipts import Receipts
from inventory_stream.ledger.reservations import Held, Listed, Reservations
from inventory_stream.ledger.rules import Rules
from models.ids import decode_id, partition_of
from models.outcomes import Outcome
from models.rows import (
    INCOMING_PREFIX,
    POOL_PREFIX,
    TRANSFER_PREFIX,
    BackorderRow,
    ChannelPolicyRow,
    CountAuthorityRow,
    FenceRow,
    Fresh,
    IncomingRow,
    LimitUseRow,
    Line,
    LocationGroupRow,
    Movement,
    PlaceRow,
    PoolRow,
    PositionRow,
    ProgressRow,
    PurchaseLimitRow,
    ReceiptRow,
    ReservationRow,
    Row,
    TimeZoneRow,
    TransferRow,
    decode_fresh,
    encode_row,
    incoming_key,
    limit_use_key,
    purchase_limit_key,
    receipt_key,
    transfer_key,
)

_EARLY_INDEX: Final = attrgetter("early_index")
# Rows indexed between two chances for other work: about 10 ms, far below any heartbeat.
_ROWS_PER_YIELD: Final = 4_096


class PartitionState:
    """Positions, reservations, receipts and progress of one partition.

    `due` holds the reservations by deadline and `deadlines` those deadlines as a heap; an entry
    may be stale (released, extended): the sweep looks at the reservation itself. `ended`
    (something was granted), `refused` (nothing was) and `ended_documents` (transfers, incoming, pools) are
    heaps of (ms, key) for the windows of R29: by key within a moment, as a recovery finds them (I8).
    Their entries may be stale too; `*_kept` count what they stand for, not entries.
    `early` holds the commands that wait for a reservation, in their order (R21), `early_order` is a heap
    of them, `to_slim` one of what ended and still keeps answers. `to_revoke` holds positions whose
    revocations did not fit one batch (R11), `to_fill` those with units left for what waits there (R24).
    `products` is the catalog, `moved_skus` are those with positions of another product (R30).

    `pools` holds the sale pools by row key (R3), `timed` what happens to them at times of the orders, as
    a heap of (ms, step, key). `purchase_limits` are by SKU and limit id, `limited` by limit id and SKU,
    `limit_uses` by limit id and customer (R23); `limits_over` is a heap of (ms, key) of both, by their ends.
    `places` are by location, `policies` by channel and SKU or None (R25).
    """

    __slots__ = (
        "authorities",
        "deadlines",
        "due",
        "due_entries",
        "early",
        "early_kept",
        "early_order",
        "ended",
        "ended_documents",
        "ended_documents_kept",
        "ended_kept",
        "groups",
        "incoming",
        "limit_uses",
        "limited",
        "limits_over",
        "moved_skus",
        "now_ms",
        "orders_arrival_ms",
        "orders_done",
        "orders_next",
        "partition",
        "partitions",
        "places",
        "policies",
        "pools",
        "products",
        "purchase_limits",
        "receipts",
        "refused",
        "refused_kept",
        "reservations",
        "rules",
        "skus",
        "stock_done",
        "stock_next",
        "swept_ms",
        "term",
        "time_zones",
        "timed",
        "to_fill",
        "to_revoke",
        "to_slim",
        "transfers",
    )

    def __init__(
        self,
        partition: int = 0,
        partitions: int = 1,
        rules: Rules | None = None,
        products: Mapping[str, str] | None = None,
    ) -> None:
        self.partition = partition
        self.partitions = partitions
        self.rules = rules or Rules()
        self.products = products or {}
        self.moved_skus: set[str] = set()
        self.term = 0
        self.now_ms = 0
        self.stock_next = 0
        self.stock_done = 0
        self.orders_next = 0
        self.orders_done = 0
        self.orders_arrival_ms = 0
        self.swept_ms = 0
        self.skus: dict[str, dict[str, Position]] = {}
        self.reservations = Reservations()
        self.receipts = Receipts()
        self.groups: dict[str, tuple[str, ...]] = {}
        self.authorities: dict[str, str | None] = {}
        self.time_zones: dict[str, str] = {}
        self.incoming: dict[str, IncomingRow] = {}
        self.transfers: dict[str, TransferRow] = {}
        self.places: dict[str, PlaceRow] = {}
        self.policies: dict[tuple[str, str | None], ChannelPolicyRow] = {}
        self.pools: dict[bytes, PoolRow] = {}
        self.timed: list[tuple[int, int, bytes]] = []
        self.purchase_limits: dict[str, dict[str, PurchaseLimitRow]] = {}
        self.limited: dict[str, dict[str, PurchaseLimitRow]] = {}
        self.limit_uses: dict[tuple[str, str], LimitUseRow] = {}
        self.limits_over: list[tuple[int, bytes]] = []
        self.ended_documents: list[tuple[int, bytes]] = []
        self.ended_documents_kept = 0
        self.due: dict[int, Listed] = {}
        self.due_entries = 0
        self.deadlines: list[int] = []
        self.ended: list[tuple[int, str]] = []
        self.ended_kept = 0
        self.refused: list[tuple[int, str]] = []
        self.refused_kept = 0
        self.early: dict[str, list[ReceiptRow]] = {}
        self.early_kept = 0
        self.early_order: list[tuple[int, bytes]] = []
        self.to_revoke: dict[Position, None] = {}
        self.to_fill: dict[Position, None] = {}
        self.to_slim: list[tuple[int, str]] = []

    def position(self, sku: str, location: str) -> Position:
        """Give a position, created empty when it is new."""
        by_location = self.skus.get(sku)
        position = None if by_location is None else by_location.get(location)
        if position is None:
            if by_location is None:
                by_location = self.skus[sku] = {}
                product = self.products.get(sku)
            else:
                sibling = next(iter(by_location.values()))
                # One word in memory for all of a SKU; its positions keep one product together (R30).
                sku, product = sibling.sku, sibling.product
            position = Position(sku, location)
            position.product = product
            by_location[position.location] = position
        return position

    def remember(self, receipt: ReceiptRow) -> None:
        """List a command that waits for its order, in its place among the others."""
        waiting = self.early.setdefault(receipt.reservation_id or "", [])
        waiting.append(receipt)
        waiting.sort(key=_EARLY_INDEX)
        self.early_kept += 1

    def forget_early(self, receipt: ReceiptRow) -> None:
        """Let a command wait no more, because its id asked for something else or its time is up.

        Nothing to do while its order is being decided: `decide_together` took it off the list.
        """
        reservation_id = receipt.reservation_id or ""
        waiting = self.early.get(reservation_id)
        if waiting is not None:
            waiting.remove(receipt)
            self.early_kept -= 1
            if not waiting:
                del self.early[reservation_id]

    def misplaced(self, sku: str) -> Outcome | None:
        """Say why commands for a SKU cannot be decided here, if so (R30).

        PRODUCT_CHANGED: its positions were made under another product than the catalog names now.
        WRONG_PARTITION: it has none here, and its key belongs to another partition.
        """
        if sku in self.moved_skus:
            return Outcome.PRODUCT_CHANGED
        if (
            sku not in self.skus
            and partition_of(self.products.get(sku, sku), self.partitions) != self.partition
        ):
            return Outcome.WRONG_PARTITION
        return None

    def positions(self) -> Iterable[Position]:
        """All positions, in order of creation per SKU."""
        for by_location in self.skus.values():
            yield from by_location.values()

    def schedule(self, reservation: Held) -> None:
        """Have the reservation looked at when its deadline passes."""
        self.due_entries += 1
        self.due_at(reservation.deadline_ms).append(reservation)

    def due_at(self, deadline_ms: int) -> Listed:
        """Give the list of what is looked at when a deadline passes; `due_entries` counts what it takes."""
        bucket = self.due.get(deadline_ms)
        if bucket is None:
            bucket = self.due[deadline_ms] = []
            heappush(self.deadlines, deadline_ms)
        return bucket

    def limit(self, row: PurchaseLimitRow) -> None:
        """Take what was stated of a purchase limit."""
        self.purchase_limits.setdefault(row.sku, {})[row.limit_id] = row
        self.limited.setdefault(row.limit_id, {})[row.sku] = row

    def limit_ends(self) -> list[tuple[int, bytes]]:
        """Give the end and key of every purchase limit and every use of one, in no order."""
        limits = (limit for of_sku in self.purchase_limits.values() for limit in of_sku.values())
        ends = [(limit.ends_ms, purchase_limit_key(limit.limit_id, limit.sku)) for limit in limits]
        uses = self.limit_uses.values()
        return ends + [(use.ends_ms, limit_use_key(use.limit_id, use.customer)) for use in uses]

    def pool_times(self) -> list[tuple[int, int, bytes]]:
        """Give time, step and key of what every sale pool still has to do, in no order."""
        return [(at_ms, step, key) for key, pool in self.pools.items() for at_ms, step in times_of(pool)]

    def documents(self) -> Iterator[tuple[bytes, int]]:
        """Give key and end of every transfer, incoming and sale pool; 0: it has not ended."""
        for incoming in self.incoming.values():
            yield incoming_key(incoming.incoming_id), incoming.ended_ms
        for transfer in self.transfers.values():
            yield transfer_key(transfer.transfer_id), transfer.ended_ms
        for key, pool in self.pools.items():
            yield key, pool.closed_ms

    def forget_document(self, key: bytes) -> None:
        """Drop the transfer, incoming or sale pool of a row key, if it is one and there."""
        if key.startswith(INCOMING_PREFIX):
            self.incoming.pop(decode_id(key.removeprefix(INCOMING_PREFIX).decode()), None)
        elif key.startswith(TRANSFER_PREFIX):
            self.transfers.pop(decode_id(key.removeprefix(TRANSFER_PREFIX).decode()), None)
        elif key in self.pools:
            pool = self.pools.pop(key)
            del self.position(pool.sku, pool.location).claims_made().pools[pool.sale_id]

    def progress_row(self) -> ProgressRow:
        """The progress as of now."""
        return ProgressRow(
            self.term,
            self.now_ms,
            self.stock_next,
            self.stock_done,
            self.orders_next,
            self.orders_done,
            self.orders_arrival_ms,
            self.swept_ms,
        )


class StateLoader:
    """Rebuild a state from the rows of the ledger: `load` each, newest last, then `finish`."""

    def __init__(self, state: PartitionState) -> None:
        self._state = state
        self._shared: dict[Any, Any] = {}

    def load(self, key: bytes, row: Row | Fresh | None, value: bytes | None = None) -> None:
        """Take one row; None is a tombstone. The last row of a key counts.

        `value` is what the row was decoded from, by who has it.
        """
        state = self._state
        if row is None:
            self._forget(key)
        elif isinstance(row, Fresh):
            share = self._shared.setdefault
            row.created_ms = share(row.created_ms, row.created_ms)
            row.deadline_ms = share(row.deadline_ms, row.deadline_ms)
            state.reservations.hold(row)
        elif isinstance(row, ReservationRow):
            self._share(row)
            state.reservations.hold(row)
        elif isinstance(row, PositionRow):
            state.position(row.sku, row.location).take(row)
        elif isinstance(row, ReceiptRow):
            state.receipts.keep(key, row, encode_row(row) if value is None else value)
        elif isinstance(row, ProgressRow):
            for field in row.__struct_fields__[1:]:
                setattr(state, field, getattr(row, field))
        elif isinstance(row, IncomingRow):
            state.incoming[row.incoming_id] = row
        elif isinstance(row, TransferRow):
            state.transfers[row.transfer_id] = row
        elif isinstance(row, LocationGroupRow):
            state.groups[row.group] = row.locations
        elif isinstance(row, CountAuthorityRow):
            state.authorities[row.location] = row.source
        elif isinstance(row, TimeZoneRow):
            state.time_zones[row.location] = row.time_zone
        else:
            self._load_claim(key, row)

    def _load_claim(self, key: bytes, row: Row) -> None:
        """Take a row of what a sale is made of; any other was for its readers alone."""
        state = self._state
        if isinstance(row, LimitUseRow):
            state.limit_uses[row.limit_id, row.customer] = row
        elif isinstance(row, PoolRow):
            state.pools[key] = row
            state.position(row.sku, row.location).claims_made().pools[row.sale_id] = row
        elif isinstance(row, FenceRow):
            state.position(row.sku, row.location).claims_made().fences[row.channel] = row
        elif isinstance(row, BackorderRow):
            state.position(row.sku, row.location).claims_made().backorder = row
        elif isinstance(row, PurchaseLimitRow):
            state.limit(row)
        elif isinstance(row, ChannelPolicyRow):
            state.policies[row.channel, row.sku] = row
        elif isinstance(row, PlaceRow):
            state.places[row.location] = row

    def finish(self, term: int) -> None:
        """Do all of `index` at once."""
        for _ in self.index(term):
            pass

    def index(self, term: int) -> Iterator[None]:
        """Set the term and build the indexes that rows do not hold.

        Yields now and then, so that an owner can keep its membership alive: a million rows take
        seconds.
        """
        state = self._state
        state.term = term
        by_age = sorted(state.reservations.all_held(), key=lambda held: held.created_ms)
        yield
        for number, held in enumerate(by_age):
            if isinstance(held, Fresh):
                self._index_fresh(held)
            else:
                self._index(held)
            if number % _ROWS_PER_YIELD == 0:
                yield
        heapify(state.ended)
        heapify(state.refused)
        heapify(state.to_slim)
        state.ended_kept, state.refused_kept = len(state.ended), len(state.refused)
        for key, ended_ms in state.documents():
            if ended_ms:
                state.ended_documents.append((ended_ms, key))
        heapify(state.ended_documents)
        state.timed = state.pool_times()
        heapify(state.timed)
        state.limits_over = state.limit_ends()
        heapify(state.limits_over)
        state.ended_documents_kept = len(state.ended_documents)
        yield
        for number, receipt in enumerate(state.receipts.rows()):
            if receipt.outcome == Outcome.REMEMBERED:
                state.remember(receipt)
                key = receipt_key(receipt.command_id, receipt.reservation_id)
                state.early_order.append((receipt.at_ms, key))
            for movement in receipt.movements:
                _remember(state.position(receipt.sku or "", movement.location), movement)
            if number % _ROWS_PER_YIELD == 0:
                yield
        heapify(state.early_order)
        for position in state.positions():
            if position.product != state.products.get(position.sku):
                state.moved_skus.add(position.sku)
        for position in state.positions():
            if position.claims is not None and position.claims.waiting and position.available_to_promise > 0:
                state.to_fill[position] = None
        if state.rules.revoke_on_shortfall:
            for position in state.positions():
                if position.reserved and position.uncommitted < 0:
                    state.to_revoke[position] = None

    def _share(self, row: ReservationRow) -> None:
        """Let equal words and times of many rows be one object: decoded apart they are 500 bytes a row.

        As each row comes, so that what it gives up is taken by the next: given up later, by all rows at
        once, it would leave holes that the process keeps.
        """
        share = self._shared.setdefault
        row.sku = share(row.sku, row.sku)
        row.strategy = share(row.strategy, row.strategy)
        row.path = share(row.path, row.path)
        row.created_ms = share(row.created_ms, row.created_ms)
        row.deadline_ms = share(row.deadline_ms, row.deadline_ms)
        if row.location is not None:
            row.location = share(row.location, row.location)
        if row.channel is not None:
            row.channel = share(row.channel, row.channel)
        for line in row.lines:
            line.location = share(line.location, line.location)
        for answer in row.answers:
            answer.kind = share(answer.kind, answer.kind)
            answer.at_ms = share(answer.at_ms, answer.at_ms)

    def _forget(self, key: bytes) -> None:
        state = self._state
        if key.startswith(b"c/"):
            state.receipts.discard(key)
        elif key.startswith(b"r/"):
            state.reservations.pop(decode_id(key[2:].decode()), None)
        elif key.startswith((INCOMING_PREFIX, TRANSFER_PREFIX, POOL_PREFIX)):
            state.forget_document(key)
        else:
            kind, _, rest = key.decode().partition("/")
            if kind == "s":
                forget_stated(state, rest)

    def _index_fresh(self, held: Fresh) -> None:
        """Do for a reservation that is kept short what `_index` does for any."""
        state = self._state
        if not held.deadline_ms:
            state.refused.append((held.created_ms, held.reservation_id))
            return
        row = decode_fresh(held.value)
        position = state.position(row.sku, row.location)
        position.hold(held.deadline_ms)
        position.attach(held)
        state.schedule(held)

    def _index(self, row: ReservationRow) -> None:
        state = self._state
        live = False
        for line in row.lines:
            position = state.position(row.sku, line.location)
            waiting = waiting_of(line)
            live = live or bool(line.backordered)
            if waiting:
                heappush(position.claims_made().waiting, (row.created_ms, row.reservation_id))
            if line.reserved:
                position.hold(row.deadline_ms)
                live = True
                if line.from_path and position.claims is not None:
                    position.claims.note_held(row, held_of(line))
            if line.reserved or line.allocated or waiting or (line.allocations and not row.ended_ms):
                position.attach(row)
            elif row.ended_ms:
                position.settle(row, state.now_ms)
        if live:
            state.schedule(row)
        if row.ended_ms:
            (state.ended if row.lines else state.refused).append((row.ended_ms, row.reservation_id))
            slim_ms = slim_from_ms(row)
            if slim_ms:
                state.to_slim.append((slim_ms, row.reservation_id))
        for answer in row.answers:
            for movement in answer.movements:
                _remember(state.position(row.sku, movement.location), movement)


def _remember(position: Position, movement: Movement) -> None:
    if movement.delta and movement.effective_at_ms > max(position.sync_at_ms, position.horizon_ms):
        position.keep_movement(movement.effective_at_ms, movement.delta)


def slim_from_ms(reservation: ReservationRow) -> int:
    """Since when a reservation could do without its answers: ended, and nothing asked; 0 if it cannot."""
    if not reservation.ended_ms or not reservation.lines or not reservation.answers:
        return 0
    return max(reservation.ended_ms, reservation.answers[-1].at_ms)


def line_at(reservation: ReservationRow, location: str) -> Line | None:
    """Give a reservation's line at a location."""
    for line in reservation.lines:
        if line.location == location:
            return line
    return None


def row_of(state: PartitionState, key: bytes) -> bytes | None:
    """Encode what the state holds under a row key; None when it holds nothing (a tombstone then)."""
    row: Row | None = None
    kind, _, rest = key.decode().partition("/")
    if kind == "r":
        row = state.reservations.get(decode_id(rest))
    elif kind == "c":
        row = state.receipts.find(key)
    elif kind == "p":
        sku, location = (decode_id(part) for part in rest.split("/"))
        position = state.skus.get(sku, {}).get(location)
        row = position.to_row(state.term) if position else None
    elif kind == "s":
        row = _stated_row(state, rest)
    if row is None:
        return None
    row.term = state.term
    return encode_row(row)


def _stated_row(state: PartitionState, place: str) -> Row | None:
    """Give the row of what was stated for the partition, by its key without `s/`."""
    kind, _, encoded = place.partition("/")
    if kind in _STATED:
        return _STATED[kind](state, *map(decode_id, encoded.split("/")))
    name = decode_id(encoded)
    if kind == "incoming":
        return state.incoming.get(name)
    if kind == "transfer":
        return state.transfers.get(name)
    if kind == "group":
        return LocationGroupRow(0, name, state.groups[name]) if name in state.groups else None
    if kind == "authority":
        return CountAuthorityRow(0, name, state.authorities[name]) if name in state.authorities else None
    assert kind == "zone", f"unknown kind of row: s/{kind}"
    return TimeZoneRow(0, name, state.time_zones[name]) if name in state.time_zones else None


def _claims_at(state: PartitionState, sku: str, location: str) -> Claims:
    position = state.skus.get(sku, {}).get(location)
    return Claims() if position is None or position.claims is None else position.claims


_STATED: Final[dict[str, Callable[..., Row | None]]] = {
    "place": lambda state, location: state.places.get(location),
    "policy": lambda state, channel, sku=None: state.policies.get((channel, sku)),
    "pool": lambda state, sale, sku, location: _claims_at(state, sku, location).pools.get(sale),
    "fence": lambda state, channel, sku, location: _claims_at(state, sku, location).fences.get(channel),
    "backorder": lambda state, sku, location: _claims_at(state, sku, location).backorder,
    "purchase-limit": lambda state, limit, sku: state.purchase_limits.get(sku, {}).get(limit),
    "limit": lambda state, limit, customer: state.limit_uses.get((limit, customer)),
}
"""What of a state is the row `s/<kind>/...`, by the parts of the rest of its key."""


def forget_stated(state: PartitionState, place: str) -> None:
    """Drop what a tombstone of `s/<place>` says is no more; only these kinds ever get one."""
    kind, _, encoded = place.partition("/")
    names = tuple(map(decode_id, encoded.split("/")))
    if kind == "limit":
        state.limit_uses.pop((names[0], names[1]), None)
    elif kind == "purchase-limit":
        for index, outer, inner in (
            (state.purchase_limits, names[1], names[0]),
            (state.limited, names[0], names[1]),
        ):
            limits = index.get(outer, {})
            limits.pop(inner, None)
            if not limits:
                index.pop(outer, None)
    elif kind == "fence":
        _claims_at(state, names[1], names[2]).fences.pop(names[0], None)
